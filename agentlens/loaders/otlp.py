"""OTLP traces: JSON documents, JSON lines and protobuf, as collectors and SDKs write them.

Source: opentelemetry-proto `docs/specification.md` (JSON Protobuf Encoding) and the OTLP file exporter specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Place, Source, json_values
from agentlens.loaders import _otlp_protobuf
from agentlens.loaders._otlp_json import add_otlp_span, read_resource, scope_context

LOOKS_FOR = "a key `resourceSpans` in the first JSON value, or protobuf bytes of an OTLP `TracesData`"
CANNOT_KNOW = "spans that were sampled away or never exported, and anything the instrumentation did not record"
VERSION = 1
RESUMES = True
RECORDS_ARE_SPANS = True


class ScopeSpans(msgspec.Struct):
    """The spans of one instrumentation scope; spans stay raw, so that each keeps its place in the file."""

    scope: Any = None
    instrumentationLibrary: Any = None
    spans: list[msgspec.Raw] | None = None


class ResourceSpans(msgspec.Struct):
    """The scopes of one resource, under the current or the old key."""

    resource: Any = None
    scopeSpans: list[ScopeSpans] | None = None
    instrumentationLibrarySpans: list[ScopeSpans] | None = None


class Batch(msgspec.Struct):
    """One export request, bare or in a wrapper."""

    resourceSpans: list[ResourceSpans] | None = None
    traces: list[Batch] | Batch | None = None
    trace: Batch | None = None


_decode_batch = msgspec.json.Decoder(Batch | list[Batch]).decode
_decode_span = msgspec.json.Decoder(dict[str, Any]).decode


def sniff(head: bytes) -> bool:
    """Whether a JSON value with `resourceSpans`, or an OTLP protobuf message, stands at the beginning."""
    values = json_values(head)
    if values:
        return any(path == "resourceSpans" or path.endswith((".resourceSpans", "item.resourceSpans")) for path in values[0])
    return _otlp_protobuf.sniff(head)


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    into.account.input_tokens_meaning = "includes cache"
    head = _first_bytes(source)
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        _otlp_protobuf.load(source, into)
    elif _is_document(head):
        _load_document(source, into)
    else:
        for line in source.lines():
            _load_value(into, line.raw, line.number, line.offset)


def _first_bytes(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read(1 << 16)


def _is_document(head: bytes) -> bool:
    """Whether the file is one JSON value over several lines: its first line is no whole value."""
    first, newline, _ = head.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    if not newline:
        return False
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except msgspec.DecodeError:
        return True
    return False


def _load_document(source: Source, into: Evidence) -> None:
    data = source.read()
    body = data.removeprefix(b"\xef\xbb\xbf")
    _load_value(into, body, 1, len(data) - len(body))


def _load_value(into: Evidence, data: bytes, line: int, offset: int) -> None:
    try:
        value = _decode_batch(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        into.record()
        into.reject(Place(line, offset, len(data)), f"not an OTLP batch: {error}", data)
        return
    cursor = _Cursor(data, line, offset)
    for resource_spans in _resource_spans(value):
        resource = read_resource(resource_spans.resource)
        for scope_spans in resource_spans.scopeSpans or resource_spans.instrumentationLibrarySpans or []:
            context = scope_context(resource, scope_spans.scope or scope_spans.instrumentationLibrary)
            for raw in scope_spans.spans or []:
                text = bytes(raw)
                _load_span(into, text, cursor.find(text), context)


def _resource_spans(value: Batch | list[Batch]) -> Iterator[ResourceSpans]:
    for batch in value if isinstance(value, list) else [value]:
        yield from batch.resourceSpans or []
        for inner in (batch.traces, batch.trace):
            if inner is not None:
                yield from _resource_spans(inner)


class _Cursor:
    """Finds each span's place: spans are met in the order of the text, so one forward search finds them all."""

    def __init__(self, data: bytes, line: int, offset: int) -> None:
        self._data, self._offset = data, offset
        self._position, self._line, self._counted = 0, line, 0
        self._has_lines = b"\n" in data

    def find(self, text: bytes) -> Place:
        at = self._position + 1
        if not self._data.startswith(text[:64], at):
            at = self._data.find(text, self._position)
        self._position = at + len(text)
        if self._has_lines:
            self._line += self._data.count(b"\n", self._counted, at)
            self._counted = at
        return Place(self._line, self._offset + at, len(text))


def _load_span(into: Evidence, text: bytes, place: Place, context: Row) -> None:
    into.record()
    try:
        logged = _decode_span(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        into.reject(place, f"not an OTLP span: {error}", text)
        return
    add_otlp_span(into, logged, text, place, context)
