"""OTLP logs in JSON: GenAI events, exceptions and whatever else is tied to a span, and Claude Code's events.

Source: opentelemetry-proto `logs/v1/logs.proto`; semantic-conventions-genai `docs/gen-ai/gen-ai-events.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Line, Place, Source, json_values
from agentlens.dialects import claude_code_otel
from agentlens.loaders._claude_code_events import Sessions
from agentlens.loaders._json_places import decode_piece, decode_record, documents, keys_of, pieces
from agentlens.loaders._otlp_json import read_resource, scope_context
from agentlens.loaders._otlp_log_record import Positions, add_log_record
from agentlens.loaders._otlp_span import any_value, key_values, read_id, read_time

LOOKS_FOR = "a key `resourceLogs` in the first JSON value"
CANNOT_KNOW = (
    "the spans its records belong to: names, durations and nesting stand in the traces of the same run; events of Claude Code sessions, "
    "which make spans of their own, leave out prompts and answers unless it was told to log them"
)
VERSION = 2  # batches of other signals


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


_decode = msgspec.json.Decoder(Batch).decode


def sniff(head: bytes) -> bool:
    """Whether the first value is a batch of logs, and none of the next is one of spans."""
    values = json_values(head)
    is_logs = bool(values) and ("resourceLogs" in values[0] or "item.resourceLogs" in values[0])
    return is_logs and not any("resourceSpans" in value for value in values)


def load(source: Source, into: Evidence) -> None:
    """Add what each log record says of its span: an event, messages, or, from Claude Code, a span of its own."""
    logs = Logs(into)
    for document in documents(source):
        logs.add(document)
    logs.finish()


class Logs:
    """The log records of one file, which may hold batches of other signals beside them, as a collector writes them."""

    def __init__(self, into: Evidence) -> None:
        self._into, self._sessions, self._positions = into, Sessions(into), Positions()
        self.are_there = False

    def add(self, document: Line) -> None:
        """Add the records of one batch, or account for a batch of another signal."""
        for raw, places in pieces(document, self._into, "batch of OTLP"):
            batch = decode_piece(_decode, raw, places, self._into, "batch of OTLP logs")
            if batch and batch.resourceLogs is None:
                self._add_other(raw, places.find(raw))
            for record, context in _records(batch):
                self.are_there = True
                _load_record(self._into, record, places.find(record), context, self._sessions, self._positions)

    def finish(self) -> None:
        """Add what only the whole file tells."""
        self._sessions.finish()

    def _add_other(self, raw: msgspec.Raw, place: Place) -> None:
        from agentlens.loaders import otlp  # which knows this module

        keys = keys_of(raw)
        if "resourceLogs" in keys:
            return
        if "resourceSpans" in keys:
            return otlp.load_batch(self._into, bytes(raw), place.line or 1, place.offset, self)
        self._into.record()
        if "resourceMetrics" in keys:
            self._into.skip("a batch of metrics, which hold no spans")
        elif not keys:
            self._into.skip("an empty batch")
        else:
            self._into.reject(place, "no batch of OTLP: neither resourceSpans nor resourceLogs", bytes(raw))


def _records(batch: Batch | None) -> Iterator[tuple[msgspec.Raw, Row]]:
    """Yield every record with the columns that its resource gives it."""
    for resource_logs in (batch.resourceLogs if batch else None) or []:
        resource = read_resource(resource_logs.resource)
        for scope_logs in resource_logs.scopeLogs or []:
            context = scope_context(resource, scope_logs.scope)
            for raw in scope_logs.logRecords or []:
                yield raw, context


def _load_record(
    into: Evidence, raw: msgspec.Raw, place: Place, context: Row, sessions: Sessions, positions: Positions
) -> None:
    into.record()
    logged = decode_record(raw, place, into, "log record")
    if logged is None:
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
