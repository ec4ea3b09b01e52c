"""One OTLP log record that belongs to a span: an event of that span, and messages where it carries some."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence, Row
from agentlens._source import Place
from agentlens.dialects import gen_ai
from agentlens.dialects.messages import normalise_message
from agentlens.dialects.payloads import parse_text
from agentlens.loaders._claude_code_memory import number_of

DIRECTIONS = {
    "gen_ai.input.messages": "input", "gen_ai.output.messages": "output", "gen_ai.system_instructions": "system",
}  # fmt: skip
# Counts of a span by what is counted, as digits of one number: there are millions of spans.
COUNTED = ("input", "output", "system", "events")
COUNT_BITS = 32


class Positions:
    """How many messages of each direction, and how many events, each span has had over all records of a file."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}

    def take(self, trace_id: str, span_id: str, counted: str, count: int = 1) -> int:
        """Count some more; returns how many there were before."""
        key, shift = number_of(trace_id, span_id), COUNT_BITS * COUNTED.index(counted)
        before = self._counts.get(key, 0)
        self._counts[key] = before + (count << shift)
        return before >> shift & (1 << COUNT_BITS) - 1


def add_log_record(into: Evidence, place: Place, record: Row, attributes: Row, positions: Positions) -> None:
    """Add one record; `positions` counts the messages and events of each span over all records of the file."""
    trace_id, span_id, name = record["trace_id"], record["span_id"], record["name"]
    into.see_time(record["time"])
    body = record["body"]
    taken = _take_messages(attributes) | _take_messages(body)
    if isinstance(body, dict) and name and (found := gen_ai.event_message(name, body)):
        taken.setdefault(found[0], []).append(found[1])
    for direction, messages in taken.items():
        normalised = [normalise_message(message) for message in messages]
        start = positions.take(trace_id, span_id, direction, len(normalised))
        into.add_messages(place, trace_id, span_id, direction, normalised, start)
    if taken:
        into.account.dialects.setdefault(gen_ai.NAME)
    left = dict(attributes)
    if body not in (None, "", {}) and not (taken and isinstance(body, dict)):
        left["body"] = body
    if record["severity"]:
        left["severity"] = record["severity"]
    index = positions.take(trace_id, span_id, "events")
    into.add(
        "span_events", place, trace_id=trace_id, span_id=span_id, event_index=index, time=record["time"],
        name=name or "log", attributes=left or None,
    )  # fmt: skip
    into.hold(place.length // 4)


def _take_messages(holder: Any) -> dict[str, list[Any]]:
    """Take the message lists out of attributes or a body; they are lists, or JSON text."""
    taken: dict[str, list[Any]] = {}
    for key, direction in DIRECTIONS.items():
        if not isinstance(holder, dict) or key not in holder:
            continue
        value = parse_text(holder[key])
        if direction == "system":
            value = [{"role": "system", "parts": value if isinstance(value, list) else [value]}]
        if isinstance(value, list):
            taken[direction] = value
            del holder[key]
    return taken
