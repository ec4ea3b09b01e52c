"""One record of home-grown JSON lines as a span, or as a message between agents."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from agentlens._evidence import Evidence, Message, Row, json_text
from agentlens._source import Place
from agentlens.dialects.messages import normalise_message, text_part
from agentlens.loaders._mapping import TIMES, Field, Mapping, find, without
from agentlens.loaders._otlp_span import CONTROL_FLOW
from agentlens.loaders._times import is_zoned, parse_duration, parse_time

OPERATIONS = frozenset({
    "chat", "generate_content", "text_completion", "embeddings", "retrieval", "execute_tool", "invoke_agent",
    "create_agent", "invoke_workflow", "plan",
})  # fmt: skip
MODEL_WORDS = frozenset({
    "llm", "llm_call", "llm_request", "model_call", "completion", "generate", "inference", "chat_completion",
})  # fmt: skip
TOOL_WORDS = frozenset({"tool", "tool_call", "tool_use", "call_tool", "function_call", "mcp_call"})
AGENT_WORDS = frozenset({"agent_run", "run_agent", "agent_call", "delegate", "dispatch", "spawn", "spawn_agent"})
OK_WORDS = frozenset({
    "ok", "success", "succeeded", "successful", "completed", "complete", "done", "passed", "pass", "finished", "true",
})  # fmt: skip
ERROR_WORDS = frozenset({
    "error", "failed", "failure", "fail", "exception", "fatal", "critical", "timeout", "timed_out", "crashed",
    "aborted", "rejected", "false",
})  # fmt: skip
PLAIN_ERRORS = frozenset({"error", "failed", "failure", "fail"})
TIMEOUTS = frozenset({"timeout", "timed_out"})
TEXT_COLUMNS = (
    "parent_span_id", "name", "agent_name", "agent_id", "agent_version", "conversation_id", "workflow_name",
    "service_name", "error_type", "provider_name", "request_model", "response_model", "usage_key", "tool_name",
    "tool_call_id", "tool_call_arguments", "tool_call_result", "prompt_version", "trace_id",
    "span_id", "parent_trace_id",
)  # fmt: skip
COUNT_COLUMNS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens", "reasoning_output_tokens",
)  # fmt: skip
NO_COLUMNS = frozenset({"duration", "input", "output", "parent_trace_id"})
ESSENTIAL = frozenset(
    {"name", "operation_name", "agent_name", "start_time", "end_time", "tool_name", "request_model", "input", "output"}
)


_decode = msgspec.json.decode


def decode_line(raw: bytes) -> Any:
    """Return the JSON value of a line, NaN as null, undecodable text replaced; raises ValueError when it is none."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode(json_text(json.loads(raw.decode("utf-8", "replace"))))


class Reading(NamedTuple):
    """A record, what it says by column, the fields this was found in, and where the record stands."""

    record: dict[str, Any]
    said: dict[str, Any]
    used: dict[str, Field]
    place: Place


def add_record(
    record: dict[str, Any], place: Place, into: Evidence, mapping: Mapping, log_id: str, content_id: str
) -> str | None:
    """Add one record; return why it cannot be used, None when it could.

    `content_id` is its span id where it names none, `log_id` its trace where it names neither trace nor conversation.
    """
    said: dict[str, Any] = dict(mapping.constants)
    used: dict[str, Field] = {}
    for column, fields in mapping.plan(tuple(record)):
        for field in fields:
            if (value := find(record, field)) is not None:
                said[column], used[column] = value, field
                break
    reading = Reading(record, said, used, place)
    if "sender" in said and "recipient" in said and "agent_name" not in said:
        _add_message(reading, into)
        return None
    if not used.keys() & ESSENTIAL:
        return "no field that the mapping knows: no time, no agent, no action"
    _add_span(reading, into, log_id, content_id)
    return None


# --- messages between agents ------------------------------------------------------------------------------------------


def _add_message(reading: Reading, into: Evidence) -> None:
    said = reading.said
    time = _time(said, reading.used, "start_time", into)
    into.see_time(time)
    payload = said.get("payload")
    into.add(
        "agent_messages", reading.place, kind="message", message_id=_text(said.get("message_id")),
        trace_id=_text(said.get("trace_id") or said.get("parent_trace_id")), span_id=_text(said.get("span_id")),
        sender=_text(said["sender"]), recipient=_text(said["recipient"]), depth=_count(said.get("depth")), time=time,
        wave=_count(said.get("wave")), payload=_text(reading.record if payload is None else payload),
    )  # fmt: skip


# --- spans ------------------------------------------------------------------------------------------------------------


def _add_span(reading: Reading, into: Evidence, log_id: str, content_id: str) -> None:
    said, used = reading.said, reading.used
    row: Row = {}
    for column, value in said.items():
        if (read := READERS.get(column)) and (value := read(value)) is not None:
            row[column] = value
    if "trace_id" in row:
        row.pop("parent_trace_id", None)
    row["trace_id"] = row.get("trace_id") or row.get("parent_trace_id") or row.get("conversation_id") or log_id
    row["span_id"] = row.get("span_id") or content_id
    row["operation_name"], tool = _operation(said)
    row["tool_name"] = row.get("tool_name") or tool
    _set_times(row, said, used, into)
    _set_status(row, said)
    _set_content(row, said, reading.place, into)
    fields = [field for column, field in used.items() if row.get(column) is not None]
    row["attributes"] = _with_scalars(without(reading.record, fields), row, said, used) or None
    into.add_span(reading.place, **{c: v for c, v in row.items() if v is not None and c not in NO_COLUMNS})


def _operation(said: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the operation, and the tool where the action itself names it."""
    explicit, action = said.get("operation_name"), _text(said.get("name")) or ""
    if isinstance(explicit, str) and explicit in OPERATIONS:
        return explicit, action if explicit == "execute_tool" else None
    word = action.lower().replace("-", "_").replace(" ", "_").replace(".", ":", 1)
    kind, _, named = word.partition(":")
    if word in OPERATIONS or word in MODEL_WORDS:
        return (word if word in OPERATIONS else "chat"), None
    if "tool_name" in said or kind in TOOL_WORDS:
        return "execute_tool", action[len(kind) + 1 :].strip() if named else None
    if "request_model" in said:
        return "chat", None
    if word in AGENT_WORDS:
        return "invoke_agent", None
    if action and "input" in said and "output" in said:
        return "execute_tool", action
    return None, None


def _set_times(row: Row, said: dict[str, Any], used: dict[str, Field], into: Evidence) -> None:
    """Set start and end; a time that cannot be read stays in the attributes."""
    start, end = (_time(said, used, column, into) for column in TIMES)
    if "duration" in said and end is None:
        unit = used["duration"].unit if "duration" in used else "ms"
        duration = parse_duration(said["duration"], unit) if unit else None
        if unit is None:
            into.note_missing(
                f"`{used['duration'].path}` names no unit and was left alone; map it with a unit to get end times."
            )
        elif start is not None and duration is not None:
            row["duration"], end = duration, start + duration
    row["start_time"], row["end_time"] = start, end


def _time(said: dict[str, Any], used: dict[str, Field], column: str, into: Evidence) -> int | None:
    value = said.get(column)
    time = parse_time(value, (used[column].unit if column in used else None) or "auto")
    if time is not None and not is_zoned(value):
        into.note_missing("Some times name no zone; they are taken as UTC.")
    return time


def _set_status(row: Row, said: dict[str, Any]) -> None:
    """Set the status columns; a word that says neither success nor failure is UNSET and stays in the attributes."""
    word, message = said.get("status_code"), said.get("status_message")
    row["status_message"] = _text(message) if message else None
    if isinstance(word, (str, bool)):
        normal = str(word).strip().lower().replace(" ", "_").replace("-", "_")
        row["status_code"] = "OK" if normal in OK_WORDS else "ERROR" if normal in ERROR_WORDS else None
        if row["status_code"] == "ERROR" and normal in TIMEOUTS:
            row["error_type"] = row.get("error_type") or "timeout"
    elif isinstance(word, int) and 100 <= word < 600:
        row["status_code"] = "OK" if word < 400 else "ERROR"
    elif word is None and message:
        row["status_code"] = "ERROR"
    if row.get("status_code") == "ERROR" and str(row.get("error_type")).rpartition(".")[2] in CONTROL_FLOW:
        row["is_control_flow"] = True
    if row.get("status_code") == "ERROR" and not row["status_message"] and not isinstance(word, bool):
        row["status_message"] = None if word is None or str(word).lower() in PLAIN_ERRORS else str(word)


def _set_content(row: Row, said: dict[str, Any], place: Place, into: Evidence) -> None:
    """Make messages of a model call's input and output, arguments and result of a tool call's."""
    if row["operation_name"] == "execute_tool":
        for column, side in (("tool_call_arguments", "input"), ("tool_call_result", "output")):
            if row.get(column) is None:
                row[column] = row[side] = _text(said.get(side))
    elif row["operation_name"]:
        row["input"] = _add_messages(row, place, into, "input", "user", said.get("input"))
        row["output"] = _add_messages(row, place, into, "output", "assistant", said.get("output"))


def _add_messages(row: Row, place: Place, into: Evidence, direction: str, role: str, value: Any) -> bool | None:
    """Add what went in or came out of a call as messages; None when there was nothing."""
    messages = _messages(value, role)
    system = [message for message in messages if message[0] == "system"] if direction == "input" else []
    if system:
        into.add_messages(place, row["trace_id"], row["span_id"], "system", system)
        messages = [message for message in messages if message[0] != "system"]
    into.add_messages(place, row["trace_id"], row["span_id"], direction, messages)
    return True if messages or system else None


def _messages(value: Any, role: str) -> list[Message]:
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, dict) and isinstance(value.get("role"), str):
        return [normalise_message(value)]
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        return [normalise_message(item) for item in value]
    parts = _parts(value)
    return [(role, None, parts)] if parts else []


def _parts(value: Any) -> list[dict[str, Any]]:
    """Return texts as text parts, structures as one JSON part; numbers beside them are attributes, no message."""
    if isinstance(value, str):
        return [text_part(value)] if value else []
    if isinstance(value, dict):
        parts = [text_part(item) for item in value.values() if isinstance(item, str) and item]
        rest = {key: item for key, item in value.items() if isinstance(item, (dict, list)) and item}
        return parts + ([{"type": "json", "content": rest}] if rest else [])
    if isinstance(value, list):
        return [part for item in value for part in _parts(item)]
    return [text_part(json_text(value))] if value is not None else []


def _with_scalars(rest: dict[str, Any], row: Row, said: dict[str, Any], used: dict[str, Field]) -> dict[str, Any]:
    """Put back the numbers and flags that stood beside the texts of input and output, such as `output.confidence`."""
    for side in ("input", "output"):
        value = said.get(side)
        if side in used and row.get(side) is not None and isinstance(value, dict):
            scalars = {key: item for key, item in value.items() if isinstance(item, (bool, int, float))}
            if scalars:
                rest[used[side].path] = scalars
    return rest


# --- values -----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    """Return a value as text (JSON for what is no text), None for nothing."""
    if isinstance(value, str):
        return value or None
    return None if value is None else json_text(value)


def _count(value: Any) -> int | None:
    """Return a whole number from 0 to 2^63, None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 2**63 and value == int(value) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _list(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [_text(item) or "" for item in value] if isinstance(value, list) else [_text(value) or ""]


READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(TEXT_COLUMNS, _text),
    **dict.fromkeys(COUNT_COLUMNS, _count),
    "reported_cost_usd": _number,
    "response_finish_reasons": _list,
}
