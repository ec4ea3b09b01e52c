"""OTLP protobuf: one message, varint-delimited messages, or records with a four-byte length.

The wire is walked just deep enough to find each span's bytes, so that spans keep their place in the file; the span
itself is parsed by the official `opentelemetry-proto` package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agentlens._evidence import Evidence, Row
from agentlens._source import Place, Source
from agentlens.loaders._otlp_json import add_otlp_span, read_resource, scope_context

LENGTH_DELIMITED = 2


def sniff(head: bytes) -> bool:
    """Whether the bytes begin like an OTLP message in one of the three framings."""
    return _framing(head, cut=True) is not None


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    data = source.read()
    framing = _framing(data[: 1 << 16], cut=len(data) > 1 << 16)
    for start, end in _messages(data, framing):
        try:
            _load_message(into, data, start, end)
        except ValueError as error:
            into.record()
            into.reject(Place(None, start, end - start), f"not an OTLP protobuf message: {error}", data[start:end])


def _load_message(into: Evidence, data: bytes, start: int, end: int) -> None:
    from agentlens.loaders import _otlp_proto  # which takes longer to import than a file to recognise

    for resource_start, resource_end in _fields(data, start, end, 1):
        resource: Row = {}
        for at in _fields(data, resource_start, resource_end, 1):
            resource = read_resource(_otlp_proto.resource(data[slice(*at)]))
        for scope_start, scope_end in _fields(data, resource_start, resource_end, 2):
            scopes = _fields(data, scope_start, scope_end, 1)
            context = scope_context(resource, next((_otlp_proto.scope(data[slice(*at)]) for at in scopes), {}))
            for span_start, span_end in _fields(data, scope_start, scope_end, 2):
                place = Place(None, span_start, span_end - span_start)
                _load_span(into, _otlp_proto.read_span, data[span_start:span_end], place, context)


def _load_span(into: Evidence, read: Callable[[bytes], Row], text: bytes, place: Place, context: Row) -> None:
    into.record()
    try:
        logged = read(text)
    except ValueError as error:
        into.reject(place, f"not an OTLP protobuf span: {error}", text)
        return
    add_otlp_span(into, logged, text, place, context)


def _framing(head: bytes, cut: bool) -> str | None:
    """Return `message`, `delimited` or `length_prefixed` when the head is OTLP traces in that framing."""
    if _is_message(head, 0, cut):
        return "message"
    try:
        length, at = _varint(head, 0)
    except ValueError:
        return None
    if length and (at + length <= len(head) or cut) and _is_message(head, at, cut):
        return "delimited"
    length = int.from_bytes(head[:4], "big")
    if len(head) > 5 and length and (4 + length <= len(head) or cut) and _is_message(head, 4, cut):
        return "length_prefixed"
    return None


def _is_message(head: bytes, start: int, cut: bool) -> bool:
    """Whether ResourceSpans with a Resource or ScopeSpans inside begins at `start`."""
    try:
        if head[start : start + 1] != b"\x0a":
            return False
        length, at = _varint(head, start + 1)
        if length < 2 or (at + length > len(head) and not cut) or head[at : at + 1] not in (b"\x0a", b"\x12"):
            return False
        inner, inside = _varint(head, at + 1)
        return inside - at + inner <= length and (
            inner == 0 or head[inside : inside + 1] in (b"\x0a", b"\x10", b"\x12")
        )
    except ValueError:
        return False


def _messages(data: bytes, framing: str | None) -> Iterator[tuple[int, int]]:
    at = 0
    while framing != "message" and at < len(data):
        try:
            length, start = (
                (int.from_bytes(data[at : at + 4], "big"), at + 4)
                if framing == "length_prefixed"
                else _varint(data, at)
            )
        except ValueError:
            length, start = len(data), at
        yield start, min(start + length, len(data))
        at = start + length
    if framing == "message":
        yield 0, len(data)


def _fields(data: bytes, start: int, end: int, wanted: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each length-delimited field with the wanted number; ValueError when the wire is torn."""
    at = start
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == LENGTH_DELIMITED:
            length, at = _varint(data, at)
            if at + length > end:
                raise ValueError("a field runs past the end of the bytes")
            if number == wanted:
                yield at, at + length
            at += length
        elif wire == 0:
            _, at = _varint(data, at)
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire} is not of protobuf 3")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64 and at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a length is torn")
