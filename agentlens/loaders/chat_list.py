"""Plain lists of chat messages: OpenAI `messages`, AG2 `chat_history`, tau-bench results, Who&When failures.

There is no specification; understood is what the OpenAI API, AG2 0.9, tau-bench and the Who&When data set write.
"""

from __future__ import annotations

import hashlib
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Source, json_values
from agentlens.loaders._chat_conversation import Conversation
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._session_lines import take_record

LOOKS_FOR = (
    "a list, or lines, of objects with `role` and `content`; or such a list under `messages`, `history`, `chat_history` or "
    "`traj`"
)
CANNOT_KNOW = (
    "times and tokens, unless messages carry them; which model answered; where one run of a tool began and ended"
)
VERSION = 2

LISTS = ("messages", "history", "chat_history", "traj")
MESSAGE_KEYS = frozenset({
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "reasoning_content", "refusal",
    "timestamp", "id", "created_at", "audio", "annotations", "usage", "tool_name",
})  # fmt: skip
# Keys by which other formats are known.
FOREIGN = frozenset({
    "type", "action", "event", "agent_id", "response", "run_type", "trajectory", "trajectory_format", "latency_sec",
    "spans", "eval", "schema_version", "kind", "dotted_order", "sessionId", "session_id", "uuid", "traceId", "trace_id",
    "instance_id", "issue_type", "observations", "step_number", "values", "data",
})  # fmt: skip


def sniff(head: bytes) -> bool:
    """Whether the first value is a chat, a list of messages or a list of chats, or the lines are messages."""
    values = json_values(head)
    if not values:
        return False
    first = values[0]
    if head.lstrip()[:1] == b"[":
        return _is_message(first, "item.") or any(_is_chat(first, f"item.{key}.item.") for key in LISTS)
    keys = {path for path in first if path and "." not in path}
    if keys & FOREIGN or "history.item.agent" in first:
        return False
    return any(_is_chat(first, f"{key}.item.") for key in LISTS) or (
        keys >= {"role", "content"} and keys <= MESSAGE_KEYS
    )


def _is_chat(value: dict[str, Any], prefix: str) -> bool:
    return f"{prefix}content" in value and (f"{prefix}role" in value or f"{prefix}name" in value)


def _is_message(value: dict[str, Any], prefix: str) -> bool:
    keys = {path.removeprefix(prefix) for path in value if path.startswith(prefix) and "." not in path[len(prefix) :]}
    return keys >= {"role", "content"} and keys <= MESSAGE_KEYS


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each chat; each message is a record. Messages that stand alone, a line each, are one chat."""
    loose: Conversation | None = None
    for document in documents(source, into):
        try:
            if _load_document(document, into):
                continue
        except (*DECODE_ERRORS, ValueError) as error:
            into.record()
            into.reject(place_of(document), f"no chat: {error}", document.raw)
            continue
        if loose is None:
            loose = Conversation(into, f"chat:{_digest(source)}", {}, place_of(document))
        take_record(document, into, loose.read)
    if loose is not None:
        loose.finish()


def _digest(source: Source) -> str:
    """Return 16 hex digits that stand for all lines of the file: two chats may begin with the same message."""
    digest = hashlib.blake2b(digest_size=8)
    for line in Source(source.stored or source.path, source.source_id, source.compression).lines():
        digest.update(line.raw + b"\n")
    return digest.hexdigest()


def _load_document(document: Line, into: Evidence) -> bool:
    """Load a chat or a list of them; False for a single message, which is one line of a chat."""
    if document.raw[:1] == b"[":
        parts = items(document)
        if parts and any(members(part).keys() & set(LISTS) for part in parts[:1]):
            for part in parts:
                _load_document(part, into)
        else:
            _load_chat(parts, {}, document, into)
        return True
    parts_by_key = members(document)
    key = next((key for key in LISTS if key in parts_by_key), None)
    if key is None:
        value = value_of(document)
        if isinstance(value, dict) and "role" in value:
            return False
        raise ValueError("neither a message nor an object with a list of messages")
    fields = {name: value_of(part) for name, part in parts_by_key.items() if name != key}
    _load_chat(items(parts_by_key[key]), fields, document, into)
    return True


def _load_chat(messages: list[Line], fields: dict[str, Any], whole: Line, into: Evidence) -> None:
    label = next((str(fields[key]) for key in ("task_id", "question_ID", "id") if fields.get(key) is not None), "chat")
    conversation = Conversation(into, f"{label[:100]}:{short_hash(whole.raw)}", fields, place_of(whole))
    for message in messages:
        take_record(message, into, conversation.read)
    conversation.finish()
