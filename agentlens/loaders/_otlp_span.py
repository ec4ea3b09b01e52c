"""One span as OTLP, the console exporter and their siblings log it, turned into rows."""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from agentlens._evidence import NS_RANGE, Evidence, Row
from agentlens._source import Place
from agentlens.dialects import any_agent, claude_code_otel, gcp_adk, gen_ai, openinference, openllmetry, vercel_ai
from agentlens.dialects.messages import normalise_message
from agentlens.loaders._unseen import Unseen

STATUS = {0: "UNSET", 1: "OK", 2: "ERROR"}
UNREAD = {"input": "gen_ai.input.messages", "output": "gen_ai.output.messages", "system": "gen_ai.system_instructions"}
# Where several dialects fill one column, the first in this order wins: what one vendor means comes before what all agreed on.
DIALECTS = (any_agent, vercel_ai, claude_code_otel, gcp_adk, openllmetry, gen_ai, openinference)
CONTROL_FLOW = frozenset(
    {
        "ParentCommand",
        "GraphInterrupt",
        "GraphBubbleUp",
        "NodeInterrupt",
        "CallDeferred",
        "ApprovalRequired",
        "ModelRetry",
    }
)
INTEGERS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens", "reasoning_output_tokens",
)  # fmt: skip
TEXTS = (
    "operation_name", "agent_name", "agent_id", "agent_version", "conversation_id", "workflow_name", "provider_name",
    "request_model", "response_model", "tool_name", "tool_call_id", "prompt_version",
)  # fmt: skip
# What a column holds that dialects fill; None is always right.
TYPES: dict[str, type] = {**dict.fromkeys(INTEGERS, int), **dict.fromkeys(TEXTS, str)}
MESSAGES = {"messages.input": "input", "messages.output": "output", "messages.system": "system"}
# More tokens than this are no count; sums of such columns cannot overflow.
MOST_TOKENS = 10**15
# System instructions are the same at every call of an agent; longer ones are not held.
LONG_INSTRUCTIONS = 64 * 1024

_decode = msgspec.json.Decoder().decode


class AnyValue(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """OTLP's AnyValue; one of the fields is set."""

    stringValue: str | None = None
    intValue: int | str | None = None
    boolValue: bool | None = None
    doubleValue: Any = None
    arrayValue: Any = None
    kvlistValue: Any = None
    bytesValue: Any = None


class KeyValue(msgspec.Struct, gc=False):
    """OTLP's KeyValue."""

    key: str
    value: AnyValue | None = None


def any_value(value: Any) -> Any:
    """Return the Python value of an OTLP AnyValue; what is no AnyValue is returned as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return None if value == {} else value
    kind, content = next(iter(value.items()))
    if kind in ("stringValue", "boolValue", "bytesValue"):
        return content
    if kind == "intValue":
        return _integer(content)
    if kind == "doubleValue":
        return _double(content)
    if kind == "arrayValue":
        values = _values(content)
        return value if values is None else [any_value(item) for item in values]
    if kind == "kvlistValue":
        values = _values(content)
        return value if values is None else key_values(values)
    return value


def _values(content: Any) -> list[Any] | None:
    """Return the `values` of an array or map, [] when they are left out, None when they are no list."""
    values = content.get("values", []) if isinstance(content, dict) else content
    return values if isinstance(values, list) else [] if content in (None, {}) or values is None else None


def key_values(pairs: Any) -> Row:
    """Return an OTLP list of key-value pairs as a dict; a pair without a text key is passed over."""
    if not isinstance(pairs, list):
        return {}
    if pairs and type(pairs[0]) is KeyValue:
        return dict(zip([pair.key for pair in pairs], typed_values(pairs)))
    return {
        pair["key"]: any_value(pair.get("value"))
        for pair in pairs
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


def typed_values(pairs: list[KeyValue]) -> list[Any]:
    """Return the Python values of an OTLP list of key-value pairs of the right shape."""
    return [
        text if (value := pair.value) is not None and (text := value.stringValue) is not None else _typed_value(value)
        for pair in pairs
    ]


def _typed_value(value: AnyValue | None) -> Any:
    if value is None:
        return None
    if value.intValue is not None:
        return _integer(value.intValue)
    if value.boolValue is not None:
        return value.boolValue
    if value.doubleValue is not None:
        return _double(value.doubleValue)
    if value.arrayValue is not None:
        return any_value({"arrayValue": value.arrayValue})
    return any_value({"kvlistValue": value.kvlistValue}) if value.kvlistValue is not None else value.bytesValue


def _integer(content: Any) -> Any:
    try:
        return int(content)
    except (TypeError, ValueError, OverflowError):
        return content


def _double(content: Any) -> Any:
    if content == "":
        return None
    try:
        return float(content)
    except (TypeError, ValueError, OverflowError):
        return content


def read_id(value: Any, length: int) -> str | None:
    """Return an id of `length` bytes as lower-case hex, from hex or base64 text; None when absent or all zeros.

    Text that is neither is returned as it is: some tools use ids of their own.
    """
    if not isinstance(value, str) or not value:
        return None
    try:
        data = bytes.fromhex(value) if len(value) == 2 * length else base64.b64decode(value, validate=True)
    except ValueError:
        return value
    if len(data) != length:
        return value
    return data.hex() if any(data) else None


def read_time(value: Any) -> int | None:
    """Return nanoseconds since the epoch from a number or digits; None when absent, zero or out of range."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number and number in NS_RANGE else None


def read_status(code: Any) -> str:
    """Return UNSET, OK or ERROR from a number or a name in any of the spellings met."""
    if isinstance(code, str):
        if code.isdecimal() and len(code) < 3:
            return STATUS.get(int(code), "UNSET")
        name = code.upper().removeprefix("STATUS_CODE_")
        return name if name in ("OK", "ERROR") else "UNSET"
    return STATUS.get(code, "UNSET") if isinstance(code, int) else "UNSET"


def add_span(into: Evidence, place: Place, span: Row, attributes: Row, events: list[Row], links: Iterable[Row]) -> None:
    """Add a span with its events, links and messages.

    `span` holds the columns the container knows (ids, name, times, status, service_name, resource); `events` hold
    `time, name, attributes`, `links` hold `linked_trace_id, linked_span_id, attributes`, all with plain Python values.
    """
    dialects, messages = arrange(span, span.get("name") or "", attributes, events)
    into.account.dialects.update(dict.fromkeys(dialects))
    trace_id, span_id = span["trace_id"], span["span_id"]
    for direction, value in _event_messages(messages, events).items():
        if not add_messages(into, place, trace_id, span_id, direction, value):
            attributes[UNREAD.get(direction, direction)] = value
    for index, event in enumerate(events):
        into.add("span_events", place, trace_id=trace_id, span_id=span_id, event_index=index, **event)
    for index, link in enumerate(links):
        into.add("span_links", place, trace_id=trace_id, span_id=span_id, link_index=index, **link)
    if attributes:
        span["attributes"] = attributes
    into.add_span(place, **span)
    into.hold(place.length // 4)


def arrange(span: Row, name: Any, attributes: Row, events: list[Row]) -> tuple[list[str], Row]:
    """Fill the columns of a span from its attributes, which keeps those that fill none.

    Returns the names of the dialects that apply, and the messages as logged, by direction.
    """
    dialects = _dialects(attributes)
    for dialect in dialects:
        _fill(span, name, attributes, dialect, is_only=len(dialects) == 1)
    messages = {direction: span.pop(key) for key, direction in MESSAGES.items() if key in span}
    _read_errors(span, attributes, events)
    _fit_columns(span, attributes)
    return [dialect.NAME for dialect in dialects], messages


def _dialects(attributes: Row) -> Sequence[Any]:
    """Return the dialects that apply, which nearly always is a matter of the keys alone."""
    if not attributes:
        return ()
    if "span.type" in attributes or "event.name" in attributes:
        return [dialect for dialect in DIALECTS if dialect.applies(attributes)]
    return _dialects_of_keys(tuple(attributes))


@functools.lru_cache(maxsize=4096)
def _dialects_of_keys(keys: tuple[str, ...]) -> list[Any]:
    return [dialect for dialect in DIALECTS if dialect.applies(dict.fromkeys(keys, ""))]


def _fill(span: Row, name: Any, attributes: Row, dialect: Any, is_only: bool) -> None:
    """Fill columns that are empty so far; an attribute that says otherwise than its column stays an attribute."""
    before = {} if is_only else dict(attributes)
    for column, value in dialect.read_columns(attributes, name).items():
        held = span.get(column)
        if held is None:
            span[column] = value
        elif held != value and not column.startswith("messages."):
            attributes.update({key: old for key, old in before.items() if key not in attributes and old == value})


def _read_errors(span: Row, attributes: Row, events: list[Row]) -> None:
    if not events and "error.type" not in attributes:
        span["is_control_flow"] = False
        return
    types = [event["attributes"].get("exception.type") for event in events if event["name"] == "exception"]
    names = [kind.rpartition(".")[2] for kind in types if isinstance(kind, str)]
    error_type = attributes.pop("error.type", None)
    if isinstance(error_type, str):
        span["error_type"] = error_type
        names.append(error_type.rpartition(".")[2])
    elif names:
        span["error_type"] = types[-1]
    said = attributes.pop("agentlens.is_control_flow", False) is True
    span["is_control_flow"] = said or (bool(names) and all(name in CONTROL_FLOW for name in names))


def _fit_columns(span: Row, attributes: Row) -> None:
    """Bring columns to their types; a value that does not fit goes back to `attributes` under the column's name."""
    for column, value in span.items():
        kind = TYPES.get(column)
        if kind is None or value is None or _fits(value, kind):
            continue
        if kind is int and isinstance(value, str) and value.isdecimal() and len(value) < 15:
            span[column] = int(value)
        else:
            span[column], attributes[column] = None, value
    cost = span.get("reported_cost_usd")
    if cost is not None and (not isinstance(cost, (int, float)) or isinstance(cost, bool)):
        attributes["reported_cost_usd"] = span.pop("reported_cost_usd")
    reasons = span.get("response_finish_reasons")
    if isinstance(reasons, str):
        reasons = _json_list(reasons) or [reasons]
    if isinstance(reasons, list):
        span["response_finish_reasons"] = [reason for reason in reasons if isinstance(reason, str)]
    elif reasons is not None:
        attributes["response_finish_reasons"] = span.pop("response_finish_reasons")
    if span.get("input_tokens") is None and span.get("output_tokens") is None:
        span.pop("usage_scope", None)


def _fits(value: Any, kind: type) -> bool:
    is_right: bool = value.__class__ is kind
    return is_right and (kind is str or type(value) is Unseen or 0 <= value <= MOST_TOKENS)


def _json_list(text: str) -> list[Any] | None:
    if text.lstrip()[:1] != "[":
        return None
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        try:
            value = json.loads(text)  # which takes NaN and halves of characters
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list) else None


def _event_messages(messages: Row, events: list[Row]) -> Row:
    """Add the messages that other conventions log as events, unless the span itself carries them.

    An event that has them all goes before events of one message each.
    """
    if not events or "input" in messages or "output" in messages:
        return messages
    single: dict[str, list[Any]] = {}
    for event in events:
        if found := gen_ai.event_message(event["name"] or "", event["attributes"]):
            single.setdefault(found[0], []).append(found[1])
        for direction, value in gen_ai.event_content(event["name"] or "", event["attributes"]).items():
            messages.setdefault(direction, value)
    return {**single, **messages}


def add_messages(into: Evidence, place: Place, trace_id: str, span_id: str, direction: str, value: Any) -> bool:
    """Add the messages of one direction of a call, as logged; False when they cannot be read."""
    if direction == "system":
        return _add_system(into, place, trace_id, span_id, value)
    if isinstance(value, str) and value.lstrip()[:1] not in ("[", "{"):
        value = [{"role": "assistant" if direction == "output" else "user", "content": value}]
    if isinstance(value, str):
        return into.add_raw_messages(place, trace_id, span_id, direction, value, normalise_message)
    if not isinstance(value, list):
        return False
    into.add_logged_messages(place, trace_id, span_id, direction, value, normalise_message)
    return True


def _add_system(into: Evidence, place: Place, trace_id: str, span_id: str, value: Any) -> bool:
    """System instructions are a list of parts, or plain text: one message with role `system`."""
    if isinstance(value, str):
        messages = _known_instructions(value) if len(value) < LONG_INSTRUCTIONS else _instructions(value)
    elif isinstance(value, list) or value is None:
        messages = _system_messages([None] if value is None else value)
    else:
        return False
    into.add_logged_messages(place, trace_id, span_id, "system", messages, normalise_message)
    return True


def _instructions(text: str) -> list[Any]:
    parts = _json_list(text)
    return _system_messages([text] if parts is None else parts)


_known_instructions = functools.lru_cache(maxsize=256)(_instructions)


def _system_messages(parts: list[Any]) -> list[Any]:
    """Return messages as they are, parts as one message: a pair where it is text alone."""
    if all(isinstance(part, dict) and "role" in part for part in parts):
        return parts
    text = parts[0] if len(parts) == 1 else None
    if isinstance(text, dict) and text.keys() == {"type", "content"} and text["type"] == "text":
        text = text["content"]
    return [("system", text)] if isinstance(text, str) and text else [{"role": "system", "parts": parts}]
