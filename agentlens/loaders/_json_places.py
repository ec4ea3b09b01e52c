"""Where records stand in files of JSON: lines, documents one after the other, or one document with many records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from agentlens._source import BOM, CHUNK_BYTES, Line, Place, Source

_UNINDENTED = re.compile(rb"\n(?=[{\[])")
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder(Any).decode
DECODE_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Cursor:
    """Finds each record of a document: they are met in the order of the text, so one forward search finds them all."""

    def __init__(self, document: Line) -> None:
        self._data, self._first_line, self._offset = document.raw, document.number, document.offset
        self._position, self._line, self._counted = 0, document.number, 0
        self._has_lines = b"\n" in document.raw

    def find(self, text: bytes) -> Place:
        """Return where `text` stands, looking from the end of the record found last, then from the beginning."""
        at = self._position + 1
        if not self._data.startswith(text[:64], at):
            at = self._data.find(text, self._position)
        if at < 0:
            at = max(self._data.find(text), 0)
            self._line, self._counted = self._first_line, 0
        self._position = at + len(text)
        if self._has_lines:
            self._line += self._data.count(b"\n", self._counted, at)
            self._counted = at
        return Place(self._line, self._offset + at, len(text))


def documents(source: Source) -> Iterator[Line]:
    """Yield each JSON value by itself: a line of JSON lines, else whatever begins with an unindented bracket.

    What follows a torn document is thus found again. A file that is one array is one document.
    """
    with source.open() as stream:
        head = stream.read(1 << 16)
    text = head.removeprefix(BOM).lstrip()
    return source.lines() if _begins_with_line(text) else _blocks(source, whole=text[:1] == b"[")


def place_of(document: Line) -> Place:
    """Return the place of a whole document."""
    return Place(document.number, document.offset, len(document.raw))


def parse(text: bytes) -> Any:
    """Return the value of JSON text; raises one of DECODE_ERRORS."""
    return _decode(text)


def elements(document: Line) -> list[bytes] | None:
    """Return the texts of the elements when the document is an array, else None; raises one of DECODE_ERRORS."""
    if document.raw[:1] != b"[":
        return None
    return [bytes(raw) for raw in _decode_list(document.raw)]


def _begins_with_line(text: bytes) -> bool:
    """Whether the first line is a whole JSON value, or too long to tell."""
    first, newline, _ = text.partition(b"\n")
    if not newline:
        return True
    try:
        _decode_raw(first)
    except DECODE_ERRORS:
        return False
    return True


def _blocks(source: Source, whole: bool) -> Iterator[Line]:
    number, offset, rest = 1, 0, b""
    with source.open() as stream:
        while chunk := stream.read(CHUNK_BYTES):
            rest += chunk
            if whole:
                rest += stream.read()
                break
            *complete, rest = _UNINDENTED.split(rest)
            for block in complete:
                yield from _trimmed(block, number, offset)
                number += block.count(b"\n") + 1
                offset += len(block) + 1
    yield from _trimmed(rest, number, offset)


def _trimmed(block: bytes, number: int, offset: int) -> Iterator[Line]:
    """Yield the block as a document without the white space and byte order mark around it; nothing when it is blank."""
    text = block.removeprefix(BOM).lstrip()
    start = len(block) - len(text)
    if text:
        yield Line(number + block.count(b"\n", 0, start), offset + start, text.rstrip())
