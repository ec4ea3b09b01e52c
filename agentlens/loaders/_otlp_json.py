"""Spans in OTLP's JSON shape, from JSON or from protobuf, turned into rows."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_bytes
from agentlens._source import Place
from agentlens.loaders._otlp_plan import OWN, add_planned
from agentlens.loaders._otlp_span import add_span, key_values, read_id, read_status, read_time


def read_resource(resource: Any) -> Row:
    """Return the attributes of a resource."""
    try:
        return key_values(resource.get("attributes")) if isinstance(resource, dict) else {}
    except RecursionError:
        return {}


def scope_context(resource: Row, scope: Any) -> Row:
    """Return the columns that all spans of a scope share."""
    if isinstance(scope, dict):
        named = {"scope.name": scope.get("name"), "scope.version": scope.get("version")}
        resource = {**resource, **{key: value for key, value in named.items() if value}}
    service = resource.get("service.name")
    return {"service_name": service if isinstance(service, str) else None, "resource": json_bytes(resource)}


def add_otlp_span(into: Evidence, logged: Row, text: msgspec.Raw | bytes, place: Place, context: Row) -> None:
    """Add one decoded OTLP/JSON span, or reject it when it has no ids or is nested too deep."""
    own = own_values(logged)
    if not own[0] or not own[1]:
        into.reject(place, "a span without traceId or spanId", bytes(text))
        return
    try:
        if add_planned(into, logged, own, place, context):
            return
        attributes, events, links = key_values(logged.get("attributes")), _events(logged), _links(logged)
    except RecursionError:
        into.reject(place, "a span with values nested too deep", bytes(text))
        return
    into.accept()
    _note_drops(into, logged)
    add_span(into, place, {**dict(zip(OWN, own)), **context}, attributes, events, links)


def own_values(logged: Row) -> tuple[Any, ...]:
    """Return the columns `OWN`, which do not come from attributes."""
    status, name = logged.get("status"), logged.get("name")
    code, message = (status.get("code"), status.get("message")) if isinstance(status, dict) else (None, None)
    return (
        read_id(logged.get("traceId"), 16),
        read_id(logged.get("spanId"), 8),
        read_id(logged.get("parentSpanId"), 8),
        name if isinstance(name, str) else None,
        read_time(logged.get("startTimeUnixNano")),
        read_time(logged.get("endTimeUnixNano")),
        read_status(code),
        message if isinstance(message, str) and message else None,
    )


def _events(logged: Row) -> list[Row]:
    events = logged.get("events")
    return [
        {
            "time": read_time(event.get("timeUnixNano")),
            "name": event.get("name") if isinstance(event.get("name"), str) else None,
            "attributes": key_values(event.get("attributes")),
        }
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict)
    ]


def _links(logged: Row) -> list[Row]:
    links = logged.get("links")
    return [
        {
            "linked_trace_id": read_id(link.get("traceId"), 16),
            "linked_span_id": read_id(link.get("spanId"), 8),
            "attributes": key_values(link.get("attributes")),
        }
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict)
    ]


def _note_drops(into: Evidence, logged: Row) -> None:
    for key in ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"):
        if logged.get(key):
            into.note_missing(f"Some spans say that the exporter dropped part of them ({key}).")
