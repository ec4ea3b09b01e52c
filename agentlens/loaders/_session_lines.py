"""Reads the lines of a session log one by one and keeps count of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import BOM, Line, Place, Source
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, parse_line

Reader = Callable[[dict[str, Any], Place], str | None]
"""Takes one object and its place; returns the reason when it is skipped on purpose, raises UnusableLine when it is of no use."""


def take_lines(source: Source, into: Evidence, read: Reader, state_of: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """Read every line as a record; returns the reader's state before a torn last line, which a later read takes again."""
    state, is_torn = None, False
    for line in source.lines():
        if source.tail:
            state, is_torn = state_of(), True
        take_record(line, into, read)
    return state if is_torn else state_of()


def take_record(line: Line, into: Evidence, read: Reader) -> None:
    """Read one piece of JSON as a record: accepted, rejected or skipped."""
    place = Place(line.number, line.offset, len(line.raw))
    into.record()
    try:
        value = parse_line(line.raw)
        if not isinstance(value, dict):
            raise UnusableLine("not a JSON object")
        reason = read(value, place)
    except RecursionError:
        into.reject(place, "JSON nested too deeply", line.raw)
    except UnusableLine as error:
        into.reject(place, str(error), line.raw)
    except ValueError as error:
        into.reject(place, f"not JSON: {error}", line.raw)
    else:
        into.hold(len(line.raw))
        if reason is None:
            into.accept()
        else:
            into.skip(reason)


def reread(source: Source, place: Place) -> dict[str, Any]:
    """Return the object at a place that was read before."""
    with source.path.open("rb") if source.compression is None else source.open() as stream:
        stream.seek(place.offset)
        raw = stream.read(place.length + len(BOM)).removeprefix(BOM)[: place.length]
    return dict_of(parse_line(raw))
