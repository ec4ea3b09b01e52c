"""Traces of the OpenAI Agents SDK as its own exporter sends them: `trace` and `trace.span` objects.

Source: https://github.com/openai/openai-agents-python, `src/agents/tracing/spans.py` and `span_data.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_text
from agentlens._source import Place, Source, json_values
from agentlens.dialects.payloads import message_of
from agentlens.loaders._json_places import DECODE_ERRORS, decode_piece, decode_record, documents, pieces
from agentlens.loaders._otlp_span import add_span
from agentlens.loaders._row_caps import note_cap
from agentlens.loaders._sdk_span import as_dict, as_text
from agentlens.loaders._times import parse_time
from agentlens.loaders._usage import read_usage

LOOKS_FOR = "`object` being `trace` or `trace.span`, beside `id`"
CANNOT_KNOW = "the tokens and messages of `response` spans, of which only an id is exported, and cost"
VERSION = 1
RECORDS_ARE_SPANS = True

OPERATIONS = {"agent": "invoke_agent", "generation": "chat", "response": "chat", "function": "execute_tool"}
SKIP_TRACE = "a trace object: its workflow, group and metadata stand on its spans"


class Batch(msgspec.Struct):
    """A request of the exporter, or an object by itself, which has no `data`."""

    data: list[msgspec.Raw] | None = None


class TraceObject(msgspec.Struct):
    """What a trace says of all its spans."""

    id: str | None = None
    workflow_name: str | None = None
    group_id: str | None = None
    metadata: Any = None
    data: list[TraceObject] | None = None


_decode_batch = msgspec.json.Decoder(Batch).decode
_decode_traces = msgspec.json.Decoder(TraceObject | list[TraceObject]).decode


def sniff(head: bytes) -> bool:
    """Whether one of the first values is a trace or span of the SDK."""
    return any(
        paths.get(f"{prefix}object") in ("trace", "trace.span") and f"{prefix}id" in paths
        for paths in json_values(head)[:3]
        for prefix in ("", "item.", "data.item.")
    )


def load(source: Source, into: Evidence) -> None:
    """Add every span; each object is a record. The file is gone through twice, as a trace is named after its spans."""
    into.account.input_tokens_meaning = "includes cache"
    traces = _read_traces(source)
    for document in documents(source):
        for raw, places in pieces(document, into, "trace or span"):
            batch = decode_piece(_decode_batch, raw, places, into, "trace or span")
            if batch is not None:
                for inner in [raw] if batch.data is None else batch.data:
                    _load_object(inner, places.find(inner), traces, into)
    note_cap(into)


def _read_traces(source: Source) -> dict[str, TraceObject]:
    """Return the trace objects of the file by id; what cannot be read is rejected when the spans are read."""
    traces: dict[str, TraceObject] = {}
    reported, source.on_bytes = source.on_bytes, lambda _: None
    for document in documents(source):
        if b'"workflow_name"' in document.raw:
            for found in _trace_objects(document.raw):
                if found.id and found.workflow_name:
                    traces[found.id] = found
    source.on_bytes = reported
    return traces


def _trace_objects(data: bytes) -> list[TraceObject]:
    try:
        found = _decode_traces(data)
    except DECODE_ERRORS:
        return []
    return [one for holder in (found if isinstance(found, list) else [found]) for one in (holder.data or [holder])]


def _load_object(raw: msgspec.Raw, place: Place, traces: dict[str, TraceObject], into: Evidence) -> None:
    into.record()
    logged = decode_record(raw, place, into, "trace or span")
    if logged is None:
        return
    if logged.get("object") == "trace":
        into.skip(SKIP_TRACE)
        return
    trace_id, span_id = as_text(logged.get("trace_id")), as_text(logged.get("id"))
    if not trace_id or not span_id:
        into.reject(place, "no span: it has no trace_id or id", bytes(raw))
        return
    into.accept()
    data = as_dict(logged.get("span_data"))
    trace = traces.get(trace_id, TraceObject())
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": as_text(logged.get("parent_id")),
        "start_time": parse_time(logged.get("started_at")),
        "end_time": parse_time(logged.get("ended_at")),
        "conversation_id": trace.group_id,
        "workflow_name": trace.workflow_name,
    }
    attributes: Row = {key: value for key, value in data.items() if value is not None}
    _read_data(span, attributes, into)
    _read_error(span, attributes, logged.get("error"))
    if span["parent_span_id"] is None and trace.metadata:
        attributes["trace.metadata"] = trace.metadata
    add_span(into, place, span, attributes, [], [])
    if data.get("type") == "handoff":
        _add_handoff(into, place, span, data)


def _read_data(span: Row, attributes: Row, into: Evidence) -> None:
    """Fill the columns from what the span is about, taking it out of `attributes`."""
    kind = attributes.get("type")
    span["operation_name"] = OPERATIONS.get(kind) if isinstance(kind, str) else None
    span["name"] = as_text(attributes.get("name")) or as_text(kind)
    if kind == "agent":
        span["agent_name"] = as_text(attributes.pop("name", None))
    elif kind == "function":
        span["tool_name"] = as_text(attributes.pop("name", None))
        span["tool_call_arguments"] = _as_logged(attributes.pop("input", None))
        span["tool_call_result"] = _as_logged(attributes.pop("output", None))
    elif kind == "generation":
        span["provider_name"], span["request_model"] = "openai", as_text(attributes.pop("model", None))
        for direction, role in (("input", "user"), ("output", "assistant")):
            if isinstance(messages := attributes.pop(direction, None), list):
                span[f"messages.{direction}"] = [message_of(message, role) for message in messages]
        span |= read_usage(attributes.pop("usage", None)) | {"usage_scope": "self"}
    elif kind == "response":
        span["provider_name"] = "openai"
        span |= read_usage(attributes.pop("usage", None)) | {"usage_scope": "self"}
        if "input_tokens" not in span:
            into.note_missing("Model calls of type `response` were exported as an id only: no messages, no tokens.")
    elif kind == "handoff":
        span["agent_name"], span["name"] = (
            as_text(attributes.get("from_agent")),
            f"handoff to {attributes.get('to_agent')}",
        )
    elif kind == "custom":
        data = as_dict(attributes.get("data"))
        span["agent_name"] = as_text(data.get("agent_name"))
        span |= read_usage(data.get("usage")) | {"usage_scope": "rollup"}


def _as_logged(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)


def _read_error(span: Row, attributes: Row, error: Any) -> None:
    """An error has a message, and data in which the type or the real message may stand."""
    if not isinstance(error, dict):
        return
    data = as_dict(error.get("data"))
    details = as_text(data.get("error")) or (json_text(data) if data else None)
    span["status_code"] = "ERROR"
    span["status_message"] = ": ".join(part for part in (as_text(error.get("message")), details) if part) or None
    if as_text(data.get("type")):
        attributes["error.type"] = data["type"]


def _add_handoff(into: Evidence, place: Place, span: Row, data: Row) -> None:
    into.add(
        "agent_messages", place, kind="handoff", trace_id=span["trace_id"], span_id=span["span_id"],
        time=span["start_time"],
        sender=as_text(data.get("from_agent")), recipient=as_text(data.get("to_agent")), payload=json_text(data),
    )  # fmt: skip
