"""Claude Code's OpenTelemetry events where no trace was exported: requests and tool results become spans of a session.

Source: https://code.claude.com/docs/en/monitoring-usage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentlens._evidence import Evidence, Row
from agentlens._source import Place
from agentlens.loaders._otlp_span import add_span
from agentlens.loaders._sdk_span import as_text
from agentlens.loaders._times import parse_duration

SPAN_EVENTS = frozenset({"api_request", "api_error", "tool_result"})
PREFIX = "claude_code."


@dataclass
class _Session:
    place: Place
    context: Row
    version: str | None
    start: int | None = None
    end: int | None = None
    events: int = 0


class Sessions:
    """The sessions of one file: a span each, with the spans and events of their records."""

    def __init__(self, into: Evidence) -> None:
        self._into = into
        self._sessions: dict[str, _Session] = {}

    def add(self, place: Place, record: Row, attributes: Row, context: Row) -> None:
        """Add a record: a span for a request or a tool result, else an event of the session."""
        session_id = str(attributes.get("session.id") or "unnamed")
        session = self._sessions.get(session_id)
        if session is None:
            version = as_text(attributes.get("app.version")) or as_text(context.get("service_version"))
            session = self._sessions[session_id] = _Session(place, context, version)
        name = (record["name"] or "log").removeprefix(PREFIX)
        start, end = _times(record["time"], attributes)
        session.start = min((t for t in (session.start, start) if t is not None), default=None)
        session.end = max((t for t in (session.end, end) if t is not None), default=None)
        if name in SPAN_EVENTS:
            self._add_span(place, session_id, name, start, end, attributes, context)
        else:
            self._into.add(
                "span_events", place, trace_id=session_id, span_id=_span_id(session_id), event_index=session.events,
                time=record["time"], name=PREFIX + name, attributes=attributes,
            )  # fmt: skip
            session.events += 1

    def finish(self) -> None:
        """Add the span of each session."""
        for session_id, session in self._sessions.items():
            self._into.add_span(
                session.place, trace_id=session_id, span_id=_span_id(session_id), name="session",
                operation_name="invoke_agent", agent_name="claude-code", agent_version=session.version,
                conversation_id=session_id, start_time=session.start, end_time=session.end, **session.context,
            )  # fmt: skip

    def _add_span(
        self,
        place: Place,
        session_id: str,
        name: str,
        start: int | None,
        end: int | None,
        attributes: Row,
        context: Row,
    ) -> None:
        failed = name == "api_error" or str(attributes.get("success", "true")).lower() == "false"
        if failed and as_text(str(attributes.get("status_code") or "")):
            attributes.setdefault("error.type", str(attributes["status_code"]))
        identity = attributes.get("event.sequence", place.offset)
        span: Row = {
            "trace_id": session_id,
            "span_id": str(attributes.get("request_id") or attributes.get("tool_use_id") or f"{name}:{identity}:{end}"),
            "parent_span_id": _span_id(session_id),
            "name": PREFIX + name,
            "start_time": start,
            "end_time": end,
            "status_code": "ERROR" if failed else "OK",
            "status_message": as_text(attributes.get("error")),
            **context,
        }
        attributes["event.name"] = name
        add_span(self._into, place, span, attributes, [], [])


def _span_id(session_id: str) -> str:
    return f"session:{session_id}"


def _times(time: int | None, attributes: Row) -> tuple[int | None, int | None]:
    """Return start and end: an event is sent when its step is over."""
    duration: Any = parse_duration(attributes.get("duration_ms"), "ms")
    return (time - duration if time is not None and duration is not None else time), time
