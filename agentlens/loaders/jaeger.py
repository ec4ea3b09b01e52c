"""Traces as Jaeger's API and UI export them: `data` with `spans` and `processes`; also single spans, as in its indices.

Source: https://github.com/jaegertracing/jaeger, `internal/uimodel/model.go`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Place, Source, json_values
from agentlens.loaders._json_places import Places, decode_piece, decode_record, documents, pieces
from agentlens.loaders._other_kind import reject_other_kind
from agentlens.loaders._otlp_span import add_span, read_id, read_status
from agentlens.loaders._row_caps import note_cap
from agentlens.loaders._sdk_span import as_dict, as_text
from agentlens.loaders._times import parse_time

LOOKS_FOR = "`traceID` and `spanID` of `spans` in the first JSON value (`data` of Jaeger's API, or its single spans)"
CANNOT_KNOW = "times finer than a microsecond, unfinished spans, and lists other than as JSON text"
VERSION = 2
RECORDS_ARE_SPANS = True

SCOPE_TAGS = {
    "otel.scope.name": "scope.name", "otel.scope.version": "scope.version",
    "otel.library.name": "scope.name", "otel.library.version": "scope.version",
}  # fmt: skip
_HEX = re.compile(r"[0-9a-fA-F]+")


class Trace(msgspec.Struct):
    """One trace, an answer of the API with many, or a span by itself; what it holds stays raw, so that each keeps its place."""

    data: list[msgspec.Raw] | None = None
    spans: list[msgspec.Raw] | None = None
    processes: dict[str, Any] | None = None
    traceID: str | None = None
    spanID: str | None = None
    warnings: Any = None


_decode = msgspec.json.Decoder(Trace).decode
_KEYS = frozenset(Trace.__struct_fields__)


def sniff(head: bytes) -> bool:
    """Whether the first value holds Jaeger's spans."""
    values = json_values(head)
    if not values:
        return False
    holders = ("", "item.", "data.item.", "item.data.item.", "spans.item.", "item.spans.item.", "data.item.spans.item.")
    return any(
        f"{holder}traceID" in values[0] and bool({f"{holder}spans", f"{holder}spanID"} & values[0].keys())
        for holder in holders
    )


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    into.account.input_tokens_meaning = "includes cache"
    for document in documents(source):
        for raw, places in pieces(document, into, "Jaeger trace"):
            answer = decode_piece(_decode, raw, places, into, "Jaeger trace")
            if answer is not None and (answer.spans or not answer.data):
                _load_piece(answer, raw, places, into, _KEYS)
            for inner in (answer and answer.data) or []:
                if (trace := decode_piece(_decode, inner, places, into, "Jaeger trace")) is not None:
                    _load_piece(trace, inner, places, into, _KEYS - {"data"})
    note_cap(into)


def _load_piece(trace: Trace, raw: msgspec.Raw, places: Places, into: Evidence, known: frozenset[str]) -> None:
    """Add a span by itself, or the spans of a trace."""
    if trace.spanID:
        _load_span(into, raw, places.find(raw), {})
    elif trace.spans or not reject_other_kind(raw, places.find(raw), into, known, LOOKS_FOR):
        _load_trace(trace, places, into)


def _load_trace(trace: Trace, places: Places, into: Evidence) -> None:
    if not trace.spans:
        into.record()
        into.skip("a trace without spans")
    if trace.warnings:
        into.note_missing("Jaeger gives warnings about some traces; they may be incomplete.")
    for raw in trace.spans or []:
        _load_span(into, raw, places.find(raw), trace.processes or {})


def _load_span(into: Evidence, raw: msgspec.Raw, place: Place, processes: Row) -> None:
    into.record()
    logged = decode_record(raw, place, into, "span")
    if logged is None:
        return
    trace_id, span_id = _id(logged.get("traceID"), 16), _id(logged.get("spanID"), 8)
    if not trace_id or not span_id:
        into.reject(place, "a span without traceID or spanID", bytes(raw))
        return
    into.accept()
    tags = _tags(logged.get("tags"))
    process = as_dict(logged.get("process")) or as_dict(processes.get(str(logged.get("processID"))))
    resource = _resource(process, tags)
    start, duration = parse_time(logged.get("startTime"), "us"), parse_time(logged.get("duration"), "us")
    parent, links = _references(logged, trace_id)
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": parent,
        "name": as_text(logged.get("operationName")),
        "start_time": start,
        "end_time": start + duration if start is not None and duration is not None else None,
        "status_code": _status(tags),
        "status_message": as_text(tags.pop("otel.status_description", None)),
        "service_name": as_text(process.get("serviceName")),
        "resource": resource,
    }
    if logged.get("warnings"):
        tags["jaeger.warnings"] = logged["warnings"]
    add_span(into, place, span, tags, _events(logged.get("logs")), links)


def _id(value: Any, length: int) -> str | None:
    """Return an id as hex; the leading zeros that older versions drop are put back."""
    if isinstance(value, str) and 2 * length - 4 <= len(value) < 2 * length and _HEX.fullmatch(value):
        value = value.zfill(2 * length)
    return read_id(value, length)


def _tags(tags: Any) -> Row:
    """Return a list of tags, or an object of them, as attributes."""
    if isinstance(tags, dict):
        return dict(tags)
    return {
        tag["key"]: tag.get("value")
        for tag in (tags if isinstance(tags, list) else [])
        if isinstance(tag, dict) and isinstance(tag.get("key"), str)
    }


def _resource(process: Row, tags: Row) -> Row:
    named = {"service.name": process.get("serviceName"), **_tags(process.get("tags"))}
    for tag, key in SCOPE_TAGS.items():
        if tag in tags:
            named[key] = tags.pop(tag)
    return named


def _status(tags: Row) -> str:
    named = tags.pop("otel.status_code", None)
    failed = tags.pop("error", None) in (True, "true", "True")
    return "ERROR" if failed else read_status(named)


def _references(logged: Row, trace_id: str) -> tuple[str | None, list[Row]]:
    """Return the parent and the links: the parent is the first CHILD_OF of the trace, failing that FOLLOWS_FROM."""
    logged_references = logged.get("references")
    references = [r for r in (logged_references if isinstance(logged_references, list) else []) if isinstance(r, dict)]
    inner = [r for r in references if _id(r.get("traceID"), 16) in (trace_id, None) and _id(r.get("spanID"), 8)]
    parent = next((r for r in inner if r.get("refType") == "CHILD_OF"), inner[0] if inner else None)
    links: list[Row] = [
        {
            "linked_trace_id": _id(r.get("traceID"), 16),
            "linked_span_id": _id(r.get("spanID"), 8),
            "attributes": {"jaeger.reference": r.get("refType")},
        }
        for r in references
        if r is not parent
    ]
    named = parent["spanID"] if parent else logged.get("parentSpanID")
    return _id(named, 8), links


def _events(logs: Any) -> list[Row]:
    events = []
    for log in logs if isinstance(logs, list) else []:
        if isinstance(log, dict):
            fields = _tags(log.get("fields"))
            name = as_text(fields.pop("event", None)) or as_text(fields.get("message"))
            events.append({"time": parse_time(log.get("timestamp"), "us"), "name": name, "attributes": fields})
    return events
