"""OTLP's protobuf messages, parsed by the official `opentelemetry-proto` package, in the shape that its JSON has."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agentlens._evidence import Row
from agentlens.loaders._otlp_span import AnyValue, KeyValue, any_value


def read_span(data: bytes) -> Row:
    """Return a span; ValueError for what is none."""
    span = _parsed(Span, data)
    return {
        "traceId": _id(span.trace_id, 16),
        "spanId": _id(span.span_id, 8),
        "parentSpanId": _id(span.parent_span_id, 8),
        "name": span.name or None,
        "startTimeUnixNano": span.start_time_unix_nano,
        "endTimeUnixNano": span.end_time_unix_nano,
        "attributes": _pairs(span.attributes),
        "events": [_event(event) for event in span.events],
        "links": [_link(link) for link in span.links],
        "status": {"code": span.status.code, "message": span.status.message},
        "droppedAttributesCount": span.dropped_attributes_count,
        "droppedEventsCount": span.dropped_events_count,
        "droppedLinksCount": span.dropped_links_count,
    }


def resource(data: bytes) -> Row:
    """Return a resource; ValueError for what is none."""
    return _as_dict(_parsed(Resource, data))


def scope(data: bytes) -> Row:
    """Return an instrumentation scope; ValueError for what is none."""
    return _as_dict(_parsed(common_pb2.InstrumentationScope, data))


def _parsed(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _as_dict(message: Message) -> Row:
    return MessageToDict(message, use_integers_for_enums=True)


def _id(value: bytes, length: int) -> str:
    """Return an id as hex; one of another length as JSON would have it."""
    return value.hex() if len(value) == length else base64.b64encode(value).decode()


def _event(event: Any) -> Row:
    return {"timeUnixNano": event.time_unix_nano, "name": event.name or None, "attributes": _pairs(event.attributes)}


def _link(link: Any) -> Row:
    return {
        "traceId": _id(link.trace_id, 16),
        "spanId": _id(link.span_id, 8),
        "attributes": _pairs(link.attributes),
    }


def _pairs(pairs: Iterable[Any]) -> list[KeyValue]:
    """Return attributes; JSON leaves out a key without letters, and then there is none."""
    return [KeyValue(key, _value(pair.value)) for pair in pairs if (key := pair.key)]


def _value(value: Any) -> AnyValue | None:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return AnyValue(stringValue=value.string_value)
    if kind == "int_value":
        return AnyValue(intValue=value.int_value)
    if kind == "bool_value":
        return AnyValue(boolValue=value.bool_value)
    if kind == "double_value":
        return AnyValue(doubleValue=value.double_value)
    # Lists, objects and bytes: `bytesValue` is handed on as it is.
    return None if kind is None else AnyValue(bytesValue=any_value(_as_dict(value)))
