"""Parts of a JSON document with the place of each: the records of one document that holds many."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._source import BOM, Line, Place, Source
from agentlens.loaders._claude_code_fields import parse_line
from agentlens.loaders._json_places import Cursor

_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def whole(source: Source) -> Line:
    """Return the content of a file that is one document, without byte order mark and the white space around it."""
    data = source.read()
    body = data.removeprefix(BOM)
    text = body.lstrip()
    start = len(data) - len(text)
    return Line(1 + data.count(b"\n", 0, start), start, text.rstrip())


def members(part: Line) -> dict[str, Line]:
    """Return the members of an object by key, each with its place; {} for anything but an object.

    Raises one of `_json_places.DECODE_ERRORS` when the text is no JSON.
    """
    if part.raw[:1] != b"{":
        return {}
    cursor = Cursor(part)
    return {key: _found(cursor, bytes(raw)) for key, raw in _decode_members(part.raw).items()}


def items(part: Line | None) -> list[Line]:
    """Return the elements of an array, each with its place; [] for anything but an array, or for nothing.

    Raises one of `_json_places.DECODE_ERRORS` when the text is no JSON.
    """
    if part is None or part.raw[:1] != b"[":
        return []
    cursor = Cursor(part)
    return [_found(cursor, bytes(raw)) for raw in _decode_items(part.raw)]


def value_of(part: Line | None) -> Any:
    """Return the value of a part, None for nothing; raises ValueError or RecursionError when it is no JSON."""
    return None if part is None else parse_line(part.raw)


def place_of(part: Line) -> Place:
    """Return where a part stands."""
    return Place(part.number, part.offset, len(part.raw))


def _found(cursor: Cursor, text: bytes) -> Line:
    place = cursor.find(text)
    return Line(place.line or 1, place.offset, text)
