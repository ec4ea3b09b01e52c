"""How spans of one shape become rows, worked out once a shape.

Thousands of spans have the same attributes with other values. What the dialects make of such a span is worked out on
placeholders: where a placeholder ends up, the value of every further span of that shape goes straight away. A dialect that
looks at a value (is this span a tool?) thereby makes it part of the shape. Dialects know nothing of all this.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from agentlens._evidence import Evidence, Row, set_defaults
from agentlens._json_text import json_bytes
from agentlens._source import Place
from agentlens.loaders._otlp_span import INTEGERS, MOST_TOKENS, UNREAD, KeyValue, add_messages, arrange, typed_values
from agentlens.loaders._unseen import Unseen

# The columns of a span that OTLP has fields of their own for.
OWN = (
    "trace_id", "span_id", "parent_span_id", "name", "start_time", "end_time", "status_code", "status_message",
)  # fmt: skip
# Columns that do not come from attributes, in the order in which they are given to a plan; `attributes` is what is left over.
GIVEN = (*OWN, "service_name", "resource", "attributes", "source_id", "source_line", "source_offset", "source_length")
# Fields that few spans have, and that a plan knows nothing of.
SELDOM = ("events", "links", "droppedAttributesCount", "droppedEventsCount", "droppedLinksCount")
MOST_PLANS = 2_000
# Letters of attributes, and of values that dialects look at, beyond which spans go one by one: plans outlive a read.
LONGEST_KEYS = 10_000
LONGEST_TOLD = 500
# Working a plan out costs as much as a few spans: beyond the first few of a shape, and of a read, it must have paid so far.
FIRST_PLANS = 8
FIRST_SHAPES = 100
SERVED_A_PLAN = 4

Filler = Callable[[Sequence[Any]], Any]


class Plan(NamedTuple):
    """What becomes of the spans of one shape; numbers are places in name, attribute values, constants and `GIVEN`, in a row."""

    dialects: tuple[str, ...]
    constants: tuple[Any, ...]
    row: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    rest: tuple[tuple[str, int], ...]
    messages: tuple[tuple[str, Filler], ...]
    counts: tuple[int, ...]
    """Numbers that must be in the range of a count."""
    floats: tuple[int, ...]
    """Numbers that must equal themselves: placeholders do, and NaN does not."""

    def fits(self, values: list[Any]) -> bool:
        """Whether the values are such as the plan was made for."""
        for index in self.counts:
            if not 0 <= values[index] <= MOST_TOKENS:
                return False
        return not any(values[index] != values[index] for index in self.floats)


class _Shape:
    """The plans of spans with the same attributes of the same types: one for each set of values that dialects look at."""

    def __init__(self) -> None:
        self.telling: tuple[int, ...] = ()
        self.plans: dict[tuple[str, ...], Plan] = {}
        self.learned = self.served = 0


class Plans:
    """The plans of a process."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._shapes: dict[tuple[tuple[str, ...], tuple[type, ...]], _Shape] = {}
        self._held = self._learned = self._served = 0

    def find(self, keys: tuple[str, ...], values: list[Any]) -> Plan | None:
        """Return the plan for a span with these attributes, None when there is none; `values` begin with the span's name."""
        kinds = (keys, tuple(map(type, values)))
        shape = self._shapes.get(kinds)
        if shape is None:
            if sum(map(len, keys)) > LONGEST_KEYS or len(set(keys)) < len(keys):
                return None
            self._make_room()
            shape = self._shapes[kinds] = _Shape()
        plan = shape.plans.get(tuple([_told(values[index]) for index in shape.telling]))
        if plan is None:
            return self._learn(shape, keys, values) if self._pays(shape) else None
        shape.served += 1
        self._served += 1
        return plan

    def _make_room(self) -> None:
        self._held += 1
        if self._held > MOST_PLANS:
            self._shapes.clear()
            self._held = 1

    def _pays(self, shape: _Shape) -> bool:
        return (
            shape.learned < FIRST_PLANS + shape.served // SERVED_A_PLAN
            and self._learned < FIRST_SHAPES + self._served // SERVED_A_PLAN
        )

    def _learn(self, shape: _Shape, keys: tuple[str, ...], values: list[Any]) -> Plan | None:
        self._make_room()
        shape.learned += 1
        self._learned += 1
        plan, telling = None, set(shape.telling)
        while plan is None:
            try:
                plan = _plan(self._columns, keys, values, telling)
            except Unseen.Looked as look:
                telling.add(look.index)
            except (TypeError, ValueError, LookupError, AttributeError):  # what libraries say to a placeholder
                return None
        if telling != set(shape.telling):
            shape.telling, shape.plans = tuple(sorted(telling)), {}
        told = tuple([_told(values[index]) for index in shape.telling])
        if sum(map(len, told)) <= LONGEST_TOLD:
            shape.plans[told] = plan
        return plan


def _told(value: Any) -> str:
    return value if type(value) is str else repr(value)


def _plan(columns: tuple[str, ...], keys: tuple[str, ...], values: list[Any], telling: set[int]) -> Plan:
    """Return what becomes of a span, of whose values only the telling ones are seen."""
    shown = [
        value if index in telling or value is None else Unseen(index, type(value)) for index, value in enumerate(values)
    ]
    attributes, span = dict(zip(keys, shown[1:])), dict[str, Any]()
    dialects, messages = arrange(span, shown[0], attributes, [])
    constants: list[Any] = []

    def place(value: Any) -> int:
        if type(value) is Unseen:
            return value.index
        _filler(value, must_be_seen=True)
        constants.append(value)
        return len(values) + len(constants) - 1

    set_defaults(span)
    del span["status_code"]  # which is given
    places = {column: place(value) for column, value in span.items()}
    rest = {key: place(value) for key, value in attributes.items()}
    empty = place(None)
    given = {column: len(values) + len(constants) + index for index, column in enumerate(GIVEN)}
    if given.keys() & places.keys():
        raise ValueError("a dialect fills a column of the span itself")
    counts = [places[column] for column in INTEGERS if type(span.get(column)) is Unseen]
    return Plan(
        tuple(dialects),
        tuple(constants),
        itemgetter(*[{**places, **given}.get(column, empty) for column in columns]),
        tuple(rest.items()),
        tuple((direction, _filler(value)) for direction, value in messages.items()),
        tuple(counts),
        tuple(index for index, value in enumerate(values) if type(value) is float),
    )


def _filler(template: Any, must_be_seen: bool = False) -> Filler:
    """Return what puts values in the place of placeholders."""
    if type(template) is Unseen:
        if must_be_seen:
            raise ValueError("a value inside of a column")
        return itemgetter(template.index)
    if type(template) is dict and template.keys() == {"role", "content"} and not must_be_seen:
        role, content = template["role"], template["content"]
        if type(role) is type(content) is Unseen and isinstance(role, str) and isinstance(content, str):
            return itemgetter(role.index, content.index)  # the pair that stands for such a message
    if type(template) is dict:
        fillers = {key: _filler(value, must_be_seen) for key, value in template.items()}
        return lambda values: {key: fill(values) for key, fill in fillers.items()}
    if type(template) is list:
        items = [_filler(value, must_be_seen) for value in template]
        return lambda values: [fill(values) for fill in items]
    return lambda _: template


def add_planned(into: Evidence, logged: Row, own: tuple[Any, ...], place: Place, context: Row) -> bool:
    """Add a decoded OTLP span by the plan of its shape; False, and nothing added, where there is none.

    `own` are its columns `OWN`. Spans with events, links or gaps are told apart by more than their attributes.
    """
    pairs, name = logged.get("attributes"), own[3]
    if (
        not name
        or not pairs
        or type(pairs) is not list
        or type(pairs[0]) is not KeyValue
        or any(map(logged.get, SELDOM))
    ):
        return False
    values = [name, *typed_values(pairs)]
    plan = _plans(into.columns("spans")).find(tuple([pair.key for pair in pairs]), values)
    if plan is None or not plan.fits(values):
        return False
    into.accept()
    into.see_time(own[4])
    into.see_time(own[5])
    for dialect in plan.dialects:
        into.account.dialects.setdefault(dialect)
    values += plan.constants
    rest = {key: values[index] for key, index in plan.rest}
    for direction, fill in plan.messages:
        value = fill(values)
        if not add_messages(into, place, own[0], own[1], direction, value):
            rest[UNREAD.get(direction, direction)] = value
    left = json_bytes(rest) if rest else None
    given = (*own, context["service_name"], context["resource"], left, into.source.source_id, *place)
    into.add_values("spans", plan.row((*values, *given)))
    into.hold(place.length // 4)
    return True


@functools.cache
def _plans(columns: tuple[str, ...]) -> Plans:
    return Plans(columns)
