"""Reads the texts of a story, by message and by tool call, cut where they are long."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agentlens.explorers._conversation_story import Ask, Row
from agentlens.explorers._explorer import load_question

FIELDS = {"text": "content", "reasoning": "content", "tool_call": "arguments", "tool_call_response": "response"}
# Keys of tool calls among the keys of messages, which are 32 hex digits.
TOOL = "tool:"
AT_ONCE = 400


def read_texts(ask: Ask, keys: Iterable[str], limit: int | None) -> dict[str, list[Row]]:
    """Return the parts of messages (by hash) and of tool calls (`tool:<preorder>`); parts over `limit` characters are cut.

    A part has `type, text`, `name` and `id` where it carries them, and `size`, its length in characters, where it was cut.
    """
    wanted = list(dict.fromkeys(keys))
    hashes = [key for key in wanted if not key.startswith(TOOL)]
    preorders = [int(key.removeprefix(TOOL)) for key in wanted if key.startswith(TOOL)]
    texts: dict[str, list[Row]] = {}
    if hashes:
        for row in ask(load_question("conversation_texts"), {"hashes": hashes}):
            texts[row["message_hash"]] = describe_parts(row["parts"], limit)
    if preorders:
        for row in ask(load_question("conversation_tool_texts"), {"preorders": preorders}):
            texts[f"{TOOL}{row['preorder']}"] = _tool_parts(row, limit)
    return texts


def describe_parts(parts: str, limit: int | None) -> list[Row]:
    """Return the parts of a message as the page shows them."""
    found = json.loads(parts)
    return [_part(part, limit) for part in (found if isinstance(found, list) else [found])]


def _part(part: Any, limit: int | None) -> Row:
    if not isinstance(part, dict):
        return _cut({"type": "text", "text": _as_text(part)}, limit)
    kind = str(part.get("type", "part"))
    field = FIELDS.get(kind, "")
    block: Row = {"type": kind, "text": _as_text(part.get(field, part))}
    block |= {key: str(part[key]) for key in ("name", "id") if part.get(key) and field in part}
    return _cut(block, limit)


def _tool_parts(row: Mapping[str, Any], limit: int | None) -> list[Row]:
    parts: list[Row] = []
    for kind, column in (("tool_call", "tool_call_arguments"), ("tool_call_response", "tool_call_result")):
        if row[column] is not None:
            parts.append(_cut({"type": kind, "text": row[column], "name": row["tool_name"] or ""}, limit))
    return parts


def _cut(block: Row, limit: int | None) -> Row:
    text = block["text"]
    return block if limit is None or len(text) <= limit else block | {"text": text[:limit], "size": len(text)}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def size_of(parts: list[Row]) -> int:
    """Return about how many bytes parts take on the wire."""
    return sum(len(part["text"]) + 60 for part in parts)
