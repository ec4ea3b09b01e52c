"""Where records stand in files of JSON: lines, documents one after the other, or one document with many records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from typing import Any, TypeVar

import msgspec
import pyarrow as pa

from agentlens._evidence import Evidence
from agentlens._source import BOM, CHUNK_BYTES, Line, Place, Source

Record = dict[str, Any]
DECODE_ERRORS = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
# What JSON forbids and Python's writer emits: NaN and infinities, and halves of surrogate pairs.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?Infinity|NaN', re.DOTALL)
_HALF = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\[^u])|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)
_UNINDENTED = re.compile(rb"\n(?=[{\[])")
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_record = msgspec.json.Decoder(Record).decode
Value = TypeVar("Value")


class Places:
    """Finds where raw pieces of a document stand, by their address within its bytes."""

    def __init__(self, document: Line) -> None:
        self._data, self._line, self._offset = document.raw, document.number, document.offset
        self._counted = 0
        self._has_lines = b"\n" in document.raw
        self._buffer = pa.py_buffer(document.raw)

    def find(self, raw: msgspec.Raw | bytes) -> Place:
        """Return where a piece stands that was decoded, uncopied, from the document."""
        piece = pa.py_buffer(raw)
        at = piece.address - self._buffer.address
        if self._has_lines:
            if at < self._counted:
                self._line -= self._data.count(b"\n", at, self._counted)
            else:
                self._line += self._data.count(b"\n", self._counted, at)
            self._counted = at
        return Place(self._line, self._offset + at, piece.size)


def pieces(document: Line, into: Evidence, what: str) -> Iterator[tuple[msgspec.Raw, Places]]:
    """Yield the elements of a document that is an array, else the document itself, with what finds their places.

    A document that is no JSON is a rejected record.
    """
    try:
        found = _decode_list(document.raw) if document.raw[:1] == b"[" else [_decode_raw(document.raw)]
    except DECODE_ERRORS as error:
        mended = _mended(document.raw, into)
        if mended is not None:
            yield from pieces(document._replace(raw=mended), into, what)
            return
        into.record()
        into.reject(place_of(document), f"no {what}: {error}", document.raw)
        return
    places = Places(document)
    for raw in found:
        yield raw, places


def decode_piece(
    decode: Callable[[msgspec.Raw], Value], raw: msgspec.Raw, places: Places, into: Evidence, what: str
) -> Value | None:
    """Return what a piece holds; None, and a rejected record, when it is of another shape."""
    try:
        return decode(raw)
    except DECODE_ERRORS as error:
        into.record()
        into.reject(places.find(raw), f"no {what}: {error}", bytes(raw))
        return None


def decode_record(raw: msgspec.Raw | bytes, place: Place, into: Evidence, what: str) -> Record | None:
    """Return the object that a record is; None, and the record rejected, when it is none."""
    try:
        return _decode_record(raw)
    except UnicodeDecodeError:
        into.note_missing("Some text is not UTF-8; � stands for the bytes that could not be read.")
        return decode_record(bytes(raw).decode("utf-8", "replace").encode(), place, into, what)
    except DECODE_ERRORS as error:
        mended = _mended(bytes(raw), into)
        if mended is not None:
            return decode_record(mended, place, into, what)
        into.reject(place, f"no {what}: {error}", bytes(raw))
        return None


def _mended(data: bytes, into: Evidence) -> bytes | None:
    """Return data that can be decoded and is as long, so that places hold; None when there is nothing to mend."""
    mended = _TOKEN.sub(_mend, data)
    if mended == data:
        return None
    into.note_missing(
        "Numbers that are not finite, or halves of characters, stand in the file; they are empty, NULL or � here."
    )
    return mended


def _mend(token: re.Match[bytes]) -> bytes:
    text = token.group()
    if not text.startswith(b'"'):
        return b"null".ljust(len(text)) if len(text) > 3 else b'""'.ljust(3)
    return _HALF.sub(lambda found: found[1] or b"\\ufffd", text)


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


def keys_of(text: msgspec.Raw | bytes) -> Set[str]:
    """Return the keys of a JSON object; � stands for bytes that are no UTF-8."""
    try:
        return _decode_members(text).keys()
    except UnicodeDecodeError:
        return _decode_members(bytes(text).decode("utf-8", "replace").encode()).keys()


def parse(text: bytes) -> Any:
    """Return the value of JSON text; raises one of DECODE_ERRORS."""
    return msgspec.json.decode(text)


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
