"""Spans as OpenTelemetry SDKs print them: plain values, ids as hexadecimal or integers, parents by id or context."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Place
from agentlens.loaders._json_places import decode_record
from agentlens.loaders._otlp_span import add_span, read_id, read_status
from agentlens.loaders._times import parse_time


def load_sdk_span(into: Evidence, raw: msgspec.Raw, place: Place) -> None:
    """Add one span, or reject it; it is a record."""
    into.record()
    if (logged := decode_record(raw, place, into, "span")) is not None:
        add_sdk_span(into, logged, raw, place)


def add_sdk_span(into: Evidence, logged: Row, raw: msgspec.Raw, place: Place) -> None:
    """Add one decoded span, or reject it when it has no ids."""
    context = as_dict(logged.get("context"))
    trace_id, span_id = sdk_id(context.get("trace_id"), 16), sdk_id(context.get("span_id"), 8)
    if not trace_id or not span_id:
        into.reject(place, "no span: no trace_id or span_id in its context", bytes(raw))
        return
    into.accept()
    status = as_dict(logged.get("status"))
    resource = as_dict(as_dict(logged.get("resource")).get("attributes"))
    parent = logged["parent"] if isinstance(logged.get("parent"), dict) else {"span_id": logged.get("parent_id")}
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": sdk_id(parent.get("span_id"), 8),
        "name": as_text(logged.get("name")),
        "start_time": parse_time(logged.get("start_time")),
        "end_time": parse_time(logged.get("end_time")),
        "status_code": read_status(status.get("status_code") or logged.get("status_code")),
        "status_message": as_text(status.get("description") or logged.get("status_message")),
        "service_name": as_text(resource.get("service.name")),
        "resource": resource or None,
    }
    add_span(
        into,
        place,
        span,
        as_dict(logged.get("attributes")),
        sdk_events(logged.get("events")),
        _links(logged.get("links")),
    )


def sdk_id(value: Any, length: int) -> str | None:
    """Return an id of `length` bytes as hex, from an integer, `0x…` or any text; None when absent or zero."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:0{2 * length}x}" if 0 < value < 1 << (8 * length) else None
    return read_id(value.removeprefix("0x") if isinstance(value, str) else None, length)


def sdk_events(events: Any) -> list[Row]:
    """Return logged events as `time, name, attributes`."""
    return [
        {
            "time": parse_time(event.get("timestamp")),
            "name": as_text(event.get("name")),
            "attributes": as_dict(event.get("attributes")),
        }
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict)
    ]


def _links(links: Any) -> list[Row]:
    found = []
    for link in links if isinstance(links, list) else []:
        context = as_dict(link.get("context")) if isinstance(link, dict) else {}
        if context:
            found.append({
                "linked_trace_id": sdk_id(context.get("trace_id"), 16),
                "linked_span_id": sdk_id(context.get("span_id"), 8),
                "attributes": as_dict(link.get("attributes")),
            })  # fmt: skip
    return found


def as_dict(value: Any) -> Row:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def as_text(value: Any) -> str | None:
    """Return a text that is not empty, or None."""
    return value if isinstance(value, str) and value else None
