"""Reads the lines of a session log one by one and keeps count of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import BOM, CHUNK_BYTES, Line, Place, Source
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, parse_line

Reader = Callable[[dict[str, Any], Place], str | None]
"""Takes one object and its place; returns the reason when it is skipped on purpose, raises UnusableLine when it is of
no use.
"""


def take_lines(
    source: Source, into: Evidence, read: Reader, state_of: Callable[[], dict[str, Any] | None]
) -> dict[str, Any] | None:
    """Read every line as a record; returns the reader's state, as it was before a torn last line."""
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


class Recall:
    """Objects that were read before, by their place: the first and the latest stay in memory, others are read again."""

    def __init__(self, source: Source, latest: int = 512) -> None:
        self._source, self._latest = source, latest
        self._kept: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._first: tuple[int, dict[str, Any]] | None = None

    def keep(self, place: Place, value: dict[str, Any]) -> None:
        """Remember an object for a while."""
        self._first = self._first or (place.offset, value)
        self._kept[place.offset] = value
        if len(self._kept) > self._latest:
            self._kept.popitem(last=False)

    def at(self, place: Place) -> dict[str, Any]:
        """Return the object at a place."""
        if self._first is not None and self._first[0] == place.offset:
            return self._first[1]
        return self._kept[place.offset] if place.offset in self._kept else self._read(place)

    def _read(self, place: Place) -> dict[str, Any]:
        if self._source.compression is None:
            with self._source.path.open("rb") as stream:
                stream.seek(place.offset)
                raw = stream.read(place.length + len(BOM))
        else:  # a compressed file is read from its beginning: nothing in it can be jumped to
            with self._source.open() as stream:
                left = place.offset
                while left > 0 and (skipped := stream.read(min(left, CHUNK_BYTES))):
                    left -= len(skipped)
                raw = stream.read(place.length + len(BOM))
        return dict_of(parse_line(raw.removeprefix(BOM)[: place.length]))
