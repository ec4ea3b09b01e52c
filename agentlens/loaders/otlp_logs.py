"""OTLP logs in JSON: GenAI events, exceptions and whatever else is tied to a span, and Claude Code's events.

Source: opentelemetry-proto `logs/v1/logs.proto`; semantic-conventions-genai `docs/gen-ai/gen-ai-events.md`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Place, Source, json_values
from agentlens.dialects import claude_code_otel
from agentlens.loaders._claude_code_events import Sessions
from agentlens.loaders._json_places import DECODE_ERRORS, Cursor, documents, place_of
from agentlens.loaders._otlp_json import read_resource, scope_context
from agentlens.loaders._otlp_log_record import add_log_record
from agentlens.loaders._otlp_span import any_value, key_values, read_id, read_time

LOOKS_FOR = "a key `resourceLogs` in the first JSON value"
CANNOT_KNOW = "the spans its records belong to: names, durations and nesting stand in the traces of the same run"
VERSION = 1


class ScopeLogs(msgspec.Struct):
    """The records of one scope; they stay raw, so that each keeps its place in the file."""

    scope: Any = None
    logRecords: list[msgspec.Raw] | None = None


class ResourceLogs(msgspec.Struct):
    """The scopes of one resource."""

    resource: Any = None
    scopeLogs: list[ScopeLogs] | None = None


class Batch(msgspec.Struct):
    """One export request."""

    resourceLogs: list[ResourceLogs] | None = None


_decode = msgspec.json.Decoder(Batch | list[Batch]).decode
_decode_record = msgspec.json.Decoder(dict[str, Any]).decode


def sniff(head: bytes) -> bool:
    """Whether the first value is a batch of logs."""
    values = json_values(head)
    return bool(values) and ("resourceLogs" in values[0] or "item.resourceLogs" in values[0])


def load(source: Source, into: Evidence) -> None:
    """Add what each log record says of its span: an event, messages, or, from Claude Code, a span of its own."""
    sessions = Sessions(into)
    positions: dict[tuple[str, str, str], int] = {}
    for document in documents(source):
        try:
            batches = _decode(document.raw)
        except DECODE_ERRORS as error:
            into.record()
            into.reject(place_of(document), f"no batch of OTLP logs: {error}", document.raw)
            continue
        cursor = Cursor(document)
        for batch in batches if isinstance(batches, list) else [batches]:
            for resource_logs in batch.resourceLogs or []:
                resource = read_resource(resource_logs.resource)
                for scope_logs in resource_logs.scopeLogs or []:
                    context = scope_context(resource, scope_logs.scope)
                    for raw in scope_logs.logRecords or []:
                        text = bytes(raw)
                        _load_record(into, text, cursor.find(text), context, sessions, positions)
    sessions.finish()


def _load_record(
    into: Evidence,
    text: bytes,
    place: Place,
    context: Row,
    sessions: Sessions,
    positions: dict[tuple[str, str, str], int],
) -> None:
    into.record()
    try:
        logged = _decode_record(text)
    except DECODE_ERRORS as error:
        into.reject(place, f"no log record: {error}", text)
        return
    attributes, body = key_values(logged.get("attributes")), any_value(logged.get("body"))
    name = logged.get("eventName") or attributes.get("event.name") or (body if _is_claude_code(body) else None)
    record: Row = {
        "trace_id": read_id(logged.get("traceId"), 16),
        "span_id": read_id(logged.get("spanId"), 8),
        "time": read_time(logged.get("timeUnixNano")) or read_time(logged.get("observedTimeUnixNano")),
        "name": name if isinstance(name, str) and name else None,
        "body": body,
        "severity": logged.get("severityText") or logged.get("severityNumber"),
    }
    if record["trace_id"] and record["span_id"]:
        into.accept()
        add_log_record(into, place, record, attributes, positions)
    elif _is_of_session(record, attributes, context):
        into.accept()
        into.account.dialects.setdefault(claude_code_otel.NAME)
        sessions.add(place, record, attributes, context)
    else:
        into.see_time(record["time"])
        into.skip("a log record that belongs to no span")


def _is_of_session(record: Row, attributes: Row, context: Row) -> bool:
    """Whether a record is an event of a Claude Code session."""
    is_named = (
        _is_claude_code(record["name"])
        or _is_claude_code(record["body"])
        or context.get("service_name") == "claude-code"
    )
    return "session.id" in attributes and (
        is_named or claude_code_otel.applies({"event.name": record["name"], **attributes})
    )


def _is_claude_code(name: Any) -> bool:
    return isinstance(name, str) and name.startswith("claude_code.")
