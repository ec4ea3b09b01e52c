"""Reads the fields of Claude Code lines, whatever they hold: a wrong type is the same as nothing."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from agentlens._evidence import NS_RANGE
from agentlens._json_text import json_text
from agentlens.loaders._transcript import beginning

SYNTHETIC = "<synthetic>"
TEXT_CHARS = 500
USAGE_CHARS = 4000
INTERRUPTED = "[Request interrupted by user"
REJECTED = (
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    INTERRUPTED,
)
NO_TURN = (INTERRUPTED, "<local-command-", "<bash-stdout>", "<bash-stderr>", "Caveat: The messages below were")
RESULT_KEYS = ("toolUseResult", "tool_use_result")
SPENT = frozenset(("message", "type", "timestamp", "sessionId", "session_id", "version", "costUSD", *RESULT_KEYS))
ERROR_TYPES = (re.compile(r'"type"\s*:\s*"(\w+_error)"'), re.compile(r'(?:API Error:|"status"\s*:)\s*(\d{3})'))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Line = dict[str, Any]


class UnusableLine(ValueError):
    """A line that cannot become evidence; the text says why."""


def parse_line(raw: bytes) -> Any:
    """Return the JSON value of a line; raises ValueError or RecursionError when it is none.

    JavaScript writes lone surrogates where a text was cut, and they are no text elsewhere: each becomes U+FFFD.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _without_surrogates(json.loads(raw.decode("utf-8", "replace")))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def parse_time(value: Any) -> int | None:
    """Return an ISO 8601 time as nanoseconds since the epoch, None when it is none; without an offset it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time
        since = time - EPOCH
    except (ValueError, OverflowError):
        return None
    nanoseconds = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000
    return nanoseconds if nanoseconds in NS_RANGE else None


def text_of(value: Any) -> str | None:
    """Return a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def dict_of(value: Any) -> Line:
    """Return an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects_of(value: Any) -> list[Line]:
    """Return the objects in a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def count_of(value: Any) -> int | None:
    """Return a whole number from 0 that a BIGINT can hold, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value in range(2**63) else None


def message_of(line: Line) -> Line:
    """Return the message of a user or assistant line; raises UnusableLine when there is none with content."""
    message = line.get("message")
    if not isinstance(message, dict):
        raise UnusableLine("`message` is not an object")
    if not isinstance(message.get("content"), (str, list)):
        raise UnusableLine("`message.content` is neither text nor a list")
    return message


def blocks_of(message: Line) -> list[Line]:
    """Return the content blocks of a message; bare text is a text block."""
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    items = content if isinstance(content, list) else []
    texts = [{"type": "text", "text": item} if isinstance(item, str) else item for item in items]
    return [item if isinstance(item, dict) else {"type": "unknown", "content": item} for item in texts]


def plain_text(blocks: list[Line]) -> str:
    """Return the text blocks as one text."""
    return "\n".join(block["text"] for block in blocks if isinstance(block.get("text"), str))


def tool_use_of(line: Line, call_id: str) -> Line:
    """Return the block of an assistant line that makes a tool call, an empty one when it is not there."""
    for block in blocks_of(dict_of(line.get("message"))):
        if block.get("type") == "tool_use" and tool_call_id(block, "id") == call_id:
            return block
    return {}


def tool_call_id(block: Line, key: str) -> str:
    """Return the id of a tool call from its call or its result."""
    return text_of(block.get(key)) or f"tool:{json_text(block.get(key))[:TEXT_CHARS]}"


def result_text(content: Any) -> str | None:
    """Return what a tool answered as one text; anything but text stays JSON."""
    if content is None or isinstance(content, str):
        return content
    blocks = blocks_of({"content": content})
    if blocks and all(isinstance(block.get("text"), str) for block in blocks):
        return plain_text(blocks)
    return json_text(content)


def rest_of(line: Line) -> Line:
    """Return what no column holds."""
    return {key: value for key, value in line.items() if key not in SPENT}


def short_values(value: Any, depth: int = 2) -> Any:
    """Return the numbers and short texts of a tool's own record; its long texts are in the result."""
    if isinstance(value, dict) and depth:
        kept = {key: short_values(item, depth - 1) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None}
    is_short = isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= TEXT_CHARS)
    return value if is_short else None


def usage_of(message: Line) -> Line | None:
    """Return the usage of a message, None where it has none or was not written by a model."""
    usage = message.get("usage")
    if not isinstance(usage, dict) or message.get("model") == SYNTHETIC:
        return None
    if len(json_text(usage)) <= USAGE_CHARS:
        return usage
    return {key: value for key, value in usage.items() if count_of(value) is not None}


def usage_columns(usage: Line | None) -> Line:
    """Return the token columns: Anthropic's `input_tokens` leaves cached tokens out, the column does not."""
    usage = usage or {}
    plain, output = count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens"))
    written, read = count_of(usage.get("cache_creation_input_tokens")), count_of(usage.get("cache_read_input_tokens"))
    if plain is None and output is None and written is None and read is None:
        return {}
    return {
        "input_tokens": (plain or 0) + (written or 0) + (read or 0),
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_write_input_tokens": written,
    }


def error_of(line: Line, text: str) -> tuple[str, str | None]:
    """Return message and type of a failed model call."""
    named = line.get("error")
    kind = text_of(named) or text_of(dict_of(named).get("type"))
    for pattern in ERROR_TYPES:
        if found := pattern.search(text):
            return beginning(text), found.group(1)
    return beginning(text), kind
