"""Turns one Sentry event into evidence: spans in the `gen_ai` dialect, breadcrumbs, exceptions."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Place
from agentlens.loaders._claude_code_fields import dict_of, text_of
from agentlens.loaders._json_nested import DECODE_ERRORS, place_of, value_of
from agentlens.loaders._otlp_span import add_span
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import as_text, error_columns

Event = dict[str, Any]

OK = frozenset({"ok", "success"})
UNKNOWN = frozenset({"unknown", "unset", "", "unknown_error_status"})
SENDERS, RECIPIENTS = ("from", "sender", "agent", "agent_name"), ("to", "recipient", "target", "to_agent")


class EventReader:
    """Reads one event. A transaction is a span itself; an error stands in the span that its trace context names."""

    def __init__(self, into: Evidence, fields: Event, place: Place) -> None:
        self._into, self._fields, self._place = into, fields, place
        trace = dict_of(dict_of(fields.get("contexts")).get("trace"))
        self._trace = trace
        self._event_id = text_of(fields.get("event_id")) or f"event:{place.offset}"
        self._trace_id = text_of(trace.get("trace_id")) or self._event_id
        self._is_transaction = fields.get("type") == "transaction" or "start_timestamp" in fields
        own = text_of(trace.get("span_id")) if self._is_transaction else None
        self._span_id = own or f"event:{self._event_id}"
        self._service = text_of(dict_of(fields.get("tags")).get("service")) or text_of(fields.get("server_name"))
        self._crumbs: list[Event] = []
        self._start: int | None = None

    def read_span(self, part: Line, number: int) -> None:
        """Take one span of a transaction."""
        span = self._record(part)
        if span is None:
            return
        data = dict_of(span.get("data")) | {f"sentry.{key}": span[key] for key in ("tags", "origin") if span.get(key)}
        columns = {
            "trace_id": text_of(span.get("trace_id")) or self._trace_id,
            "span_id": text_of(span.get("span_id")) or f"{self._event_id}:{number}",
            "parent_span_id": text_of(span.get("parent_span_id")) or self._span_id,
            "name": text_of(span.get("description")) or text_of(span.get("op")),
            "start_time": parse_time(span.get("start_timestamp"), _unit(span.get("start_timestamp"))),
            "end_time": parse_time(span.get("timestamp"), _unit(span.get("timestamp"))),
            "service_name": self._service,
            **_operation(span.get("op"), data),
            **_status(span.get("status")),
        }
        add_span(self._into, place_of(part), columns, data, [], [])

    def _record(self, part: Line) -> Event | None:
        self._into.record()
        try:
            value = value_of(part)
        except (*DECODE_ERRORS, ValueError):
            value = None
        if isinstance(value, dict):
            self._into.accept()
            return value
        self._into.reject(place_of(part), "not an object", part.raw)
        return None

    def read_breadcrumb(self, part: Line, number: int) -> None:
        """Take one breadcrumb: an event of the span, and a message where it says who turned to whom."""
        crumb = self._record(part)
        if crumb is None:
            return
        time = parse_time(crumb.get("timestamp"), _unit(crumb.get("timestamp")))
        self._into.see_time(time)
        self._start = self._start or time
        data = dict_of(crumb.get("data"))
        name = text_of(crumb.get("category")) or text_of(crumb.get("type")) or "breadcrumb"
        self._into.add(
            "span_events", place_of(part), trace_id=self._trace_id, span_id=self._span_id, event_index=number,
            time=time, name=name,
            attributes={key: value for key, value in crumb.items() if key not in ("timestamp", "category")},
        )  # fmt: skip
        sender = next((found for key in SENDERS if (found := text_of(data.get(key)))), None)
        recipient = next((found for key in RECIPIENTS if (found := text_of(data.get(key)))), None)
        if sender or recipient:
            self._into.add(
                "agent_messages", place_of(part), trace_id=self._trace_id, span_id=self._span_id, sender=sender,
                recipient=recipient, time=time, kind="breadcrumb", payload=as_text(crumb.get("message") or data),
            )  # fmt: skip

    def finish(self) -> None:
        """Add the event itself."""
        fields, trace = self._fields, self._trace
        values = dict_of(fields.get("exception")).get("values", fields.get("exception"))
        exceptions = [dict_of(value) for value in values] if isinstance(values, list) else []
        end = parse_time(fields.get("timestamp"), _unit(fields.get("timestamp")))
        start = parse_time(fields.get("start_timestamp"), _unit(fields.get("start_timestamp")))
        data = dict_of(trace.get("data"))
        spent = ("exception", "contexts", "timestamp", "start_timestamp", "type")
        attributes = {**data, **{f"sentry.{key}": value for key, value in fields.items() if key not in spent}}
        columns: Event = {
            "trace_id": self._trace_id,
            "span_id": self._span_id,
            "parent_span_id": text_of(trace.get("parent_span_id" if self._is_transaction else "span_id")),
            "name": text_of(fields.get("transaction")) or _title(exceptions, fields),
            "start_time": start if self._is_transaction else end,
            "end_time": end if self._is_transaction else None,
            "service_name": self._service,
            **_operation(trace.get("op") if self._is_transaction else None, data),
            **(_status(trace.get("status")) if self._is_transaction else {}),
        }
        if exceptions or fields.get("level") in ("error", "fatal"):
            last = exceptions[-1] if exceptions else {}
            columns |= error_columns(last.get("value") or _message(fields))
            attributes["error.type"] = text_of(last.get("type")) or "error"
        if exceptions:
            attributes["sentry.exception"] = exceptions
        add_span(self._into, self._place, columns, attributes, [], [])


def _unit(time: Any) -> str:
    """Return the unit of a time: Sentry writes seconds, or ISO 8601."""
    return "iso" if isinstance(time, str) and not time.replace(".", "", 1).isdecimal() else "s"


def _operation(op: Any, data: Event) -> Event:
    """Return the operation of a `gen_ai.chat` span, unless its data names one."""
    if isinstance(op, str) and op.startswith("gen_ai.") and "gen_ai.operation.name" not in data:
        name = op.removeprefix("gen_ai.")
        return (
            {"operation_name": name}
            if name in ("chat", "invoke_agent", "execute_tool", "create_agent", "embeddings")
            else {}
        )
    return {}


def _status(status: Any) -> Event:
    if not isinstance(status, str) or status in UNKNOWN:
        return {}
    if status in OK:
        return {"status_code": "OK"}
    return {"status_code": "ERROR", "status_message": status, "is_control_flow": status == "cancelled"}


def _title(exceptions: list[Event], fields: Event) -> str:
    last = exceptions[-1] if exceptions else {}
    return text_of(last.get("type")) or (_message(fields) or "event")[:200]


def _message(fields: Event) -> str | None:
    entry = dict_of(fields.get("logentry"))
    return text_of(fields.get("message")) or text_of(entry.get("formatted")) or text_of(entry.get("message"))
