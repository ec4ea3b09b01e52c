"""Parts of a JSON document with the place of each: the records of one document that holds many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._source import BOM, Line, Place, Source
from agentlens.loaders import _json_places
from agentlens.loaders._claude_code_fields import parse_line
from agentlens.loaders._json_places import DECODE_ERRORS, Places

__all__ = ["DECODE_ERRORS", "documents", "items", "members", "place_of", "value_of", "whole"]

_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode


def whole(source: Source, into: Evidence) -> Line:
    """Return the content of a file that is one document, without byte order mark and the white space around it."""
    data = source.read()
    body = data.removeprefix(BOM)
    text = body.lstrip()
    start = len(data) - len(text)
    return _mended(Line(1 + data.count(b"\n", 0, start), start, text.rstrip()), into)


def documents(source: Source, into: Evidence) -> Iterator[Line]:
    """Yield each JSON value that stands by itself, as `_json_places.documents` does, with what Python writes beyond
    JSON mended.
    """
    for document in _json_places.documents(source):
        yield _mended(document, into)


def members(part: Line) -> dict[str, Line]:
    """Return the members of an object by key, each with its place; {} for anything but an object.

    Raises one of DECODE_ERRORS when the text is no JSON.
    """
    if part.raw[:1] != b"{":
        return {}
    try:
        raws = _decode_members(part.raw)
    except UnicodeDecodeError:  # a key is no UTF-8: `?` for each byte that is none keeps all places
        part = part._replace(raw=part.raw.decode("utf-8", "surrogateescape").encode("utf-8", "replace"))
        raws = _decode_members(part.raw)
    places = Places(part)
    return {key: _part(raw, places) for key, raw in raws.items()}


def items(part: Line | None) -> list[Line]:
    """Return the elements of an array, each with its place; [] for anything but an array, or for nothing.

    Raises one of DECODE_ERRORS when the text is no JSON.
    """
    if part is None or part.raw[:1] != b"[":
        return []
    raws, places = _decode_items(part.raw), Places(part)
    return [_part(raw, places) for raw in raws]


def value_of(part: Line | None) -> Any:
    """Return the value of a part, None for nothing; raises ValueError or RecursionError when it is no JSON."""
    return None if part is None else parse_line(part.raw)


def place_of(part: Line) -> Place:
    """Return where a part stands."""
    return Place(part.number, part.offset, len(part.raw))


def _part(raw: msgspec.Raw, places: Places) -> Line:
    line, offset, _ = places.find(raw)
    return Line(line or 1, offset, bytes(raw))


def _mended(document: Line, into: Evidence) -> Line:
    try:
        _decode_raw(document.raw)
    except DECODE_ERRORS:
        mended = _json_places._mended(document.raw, into)
        return document if mended is None else document._replace(raw=mended)
    return document
