"""OTLP traces: JSON documents, JSON lines and protobuf, as collectors and SDKs write them.

Source: opentelemetry-proto `docs/specification.md` (JSON Protobuf Encoding) and the OTLP file exporter specification.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypedDict, cast

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import BOM, HEAD_BYTES, NOT_FINITE, Line, Place, Source, json_values
from agentlens.loaders import _otlp_protobuf
from agentlens.loaders._json_places import Places, documents, keys_of
from agentlens.loaders._otlp_json import add_otlp_span, read_resource, scope_context
from agentlens.loaders._otlp_span import KeyValue
from agentlens.loaders.otlp_logs import Logs

LOOKS_FOR = "a key `resourceSpans` in the first JSON value, or protobuf bytes of an OTLP `TracesData`"
CANNOT_KNOW = "spans that were sampled away or never exported, and anything the instrumentation did not record"
VERSION = 4  # batches of other signals
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
_NOTHING = Batch()


class TypedSpan(TypedDict, total=False):
    """The fields of a span that are read; where attributes are of the right shape, this decodes them faster."""

    traceId: Any
    spanId: Any
    parentSpanId: Any
    name: Any
    startTimeUnixNano: Any
    endTimeUnixNano: Any
    attributes: list[KeyValue]
    events: Any
    links: Any
    status: Any
    droppedAttributesCount: Any
    droppedEventsCount: Any
    droppedLinksCount: Any


_decode_typed_span = msgspec.json.Decoder(TypedSpan).decode
_decode_any_span = msgspec.json.Decoder(dict[str, Any]).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
NOT_JSON = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

# What stands where: level -> key -> level of the elements.
LEVELS = {
    "batch": {"resourceSpans": "resource", "traces": "batch", "trace": "batch"},
    "resource": {"scopeSpans": "scope", "instrumentationLibrarySpans": "scope"},
    "scope": {"spans": "span"},
}
# What JSON forbids and Python's writer emits: NaN and infinities, and halves of surrogate pairs.
_ESCAPE = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\[^u])|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def sniff(head: bytes) -> bool:
    """Whether a JSON value with `resourceSpans`, or an OTLP protobuf message, stands at the beginning."""
    return _is_json(head) or _otlp_protobuf.sniff(head)


def splits(source: Source) -> bool:
    """Whether the file is JSON lines, of which any run of whole lines can be read by itself."""
    head = _first_bytes(source)
    return _is_json(head) and not _is_document(head) and b'"resourceLogs"' not in head


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    into.account.input_tokens_meaning = "includes cache"
    head, logs = _first_bytes(source), Logs(into)
    if not _is_json(head) and _otlp_protobuf.sniff(head):
        _otlp_protobuf.load(source, into)
    elif _is_document(head):
        data = source.read()
        body = data.removeprefix(BOM)
        for document in [Line(1, len(data) - len(body), body)] if _is_one_value(body) else documents(source):
            load_batch(into, document.raw, document.number, document.offset, logs)
    else:
        for line in source.lines():
            load_batch(into, line.raw, line.number, line.offset, logs)
    logs.finish()
    if logs.are_there:  # what they say of one span may stand in several batches: a grown file is read anew
        source.consumed, source.needs_all = 0, True


def _is_json(head: bytes) -> bool:
    values = json_values(head)
    return any("resourceSpans" in value for value in values[1:]) or (
        bool(values) and any(path.rpartition(".")[2] == "resourceSpans" for path in values[0])
    )


def _first_bytes(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read1(HEAD_BYTES).removeprefix(BOM)


def _is_document(head: bytes) -> bool:
    """Whether the file is one JSON value over several lines: its first line begins a value and does not end it."""
    first, newline, _ = head.lstrip().partition(b"\n")
    if not newline or first[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        return "truncated" in str(error)
    except NOT_JSON:
        return False
    return False


def _is_one_value(data: bytes) -> bool:
    """Whether this is not several JSON values, one after the other."""
    try:
        msgspec.json.decode(data, type=msgspec.Raw)
    except NOT_JSON as error:
        return "trailing" not in str(error)
    return True


def load_batch(into: Evidence, data: bytes, line: int, offset: int, logs: Logs) -> None:
    """Add the spans of a batch; one of another signal goes to `logs`."""
    places = Places(Line(line, offset, data))
    try:
        value = _decode_batch(data)
    except msgspec.ValidationError:
        _salvage(into, data, "batch", {}, places)
    except NOT_JSON as error:
        mended = NOT_FINITE.sub(_mend, data)
        if mended != data:
            into.note_missing(
                "Numbers that are not finite, or halves of characters, stand in the file; they are NULL or � here."
            )
            load_batch(into, mended, line, offset, logs)
            return
        into.record()
        into.reject(Place(line, offset, len(data)), f"not an OTLP batch: {error}", data)
    else:
        if value == _NOTHING and LEVELS["batch"].keys().isdisjoint(keys_of(data)):
            logs.add(Line(line, offset, data))
        for raw, context in _spans(value):
            _load_span(into, raw, places.find(raw), context)


def _mend(token: re.Match[bytes]) -> bytes:
    """Return what can be decoded and is as long: places must not move."""
    text = token.group()
    return _ESCAPE.sub(lambda m: m[1] or b"\\ufffd", text) if text.startswith(b'"') else b'""'.ljust(len(text))


def _spans(value: Batch | list[Batch]) -> Iterator[tuple[msgspec.Raw, Row]]:
    """Yield every span with the columns that its scope and resource give it."""
    for batch in value if isinstance(value, list) else [value]:
        for resource_spans in batch.resourceSpans or []:
            resource = read_resource(resource_spans.resource)
            for scope_spans in [
                *(resource_spans.scopeSpans or []),
                *(resource_spans.instrumentationLibrarySpans or []),
            ]:
                context = scope_context(resource, scope_spans.scope or scope_spans.instrumentationLibrary)
                for raw in scope_spans.spans or []:
                    yield raw, context
        for inner in (batch.traces, batch.trace):
            if inner is not None:
                yield from _spans(inner)


def _salvage(into: Evidence, raw: msgspec.Raw | bytes, level: str, resource: Row, places: Places) -> None:
    """Take a batch that is not of the right shape to pieces: what is, is kept; each piece that is not, is rejected."""
    try:
        if level == "batch" and _begins(raw, b"["):
            pieces = [("batch", element) for element in _decode_list(raw)]
            fields: dict[str, msgspec.Raw] = {}
        else:
            fields = _decode_fields(raw)
            pieces = [
                (below, e)
                for key, below in LEVELS[level].items()
                if key in fields
                for e in _elements(fields[key], below)
            ]
    except NOT_JSON as error:
        into.record()
        into.reject(places.find(raw), f"not OTLP, at the level of the {level}: {error}", bytes(raw))
        return
    if level == "resource":
        resource = read_resource(_decoded(fields.get("resource")))
    for below, piece in pieces:
        if below == "span":
            scope = fields.get("scope", fields.get("instrumentationLibrary"))
            _load_span(into, piece, places.find(piece), scope_context(resource, _decoded(scope)))
        else:
            _salvage(into, piece, below, resource, places)


def _elements(raw: msgspec.Raw, level: str) -> list[msgspec.Raw]:
    if bytes(raw) == b"null":
        return []
    return [raw] if level == "batch" and _begins(raw, b"{") else _decode_list(raw)


def _begins(raw: msgspec.Raw | bytes, mark: bytes) -> bool:
    return memoryview(raw)[:1].tobytes() == mark


def _decoded(raw: msgspec.Raw | None) -> Any:
    try:
        return None if raw is None else msgspec.json.decode(raw)
    except NOT_JSON:
        return None


def _load_span(into: Evidence, raw: msgspec.Raw, place: Place, context: Row) -> None:
    into.record()
    try:
        logged = _decode_span(raw)
    except UnicodeDecodeError:
        into.note_missing("Some text is not UTF-8; � stands for the bytes that could not be read.")
        _load_text(into, bytes(raw).decode("utf-8", "replace").encode(), place, context)
        return
    except NOT_JSON as error:
        into.reject(place, f"not an OTLP span: {error}", bytes(raw))
        return
    add_otlp_span(into, logged, raw, place, context)


def _decode_span(text: msgspec.Raw | bytes) -> Row:
    try:
        return cast(Row, _decode_typed_span(text))
    except msgspec.ValidationError:
        return _decode_any_span(text)


def _load_text(into: Evidence, text: bytes, place: Place, context: Row) -> None:
    try:
        add_otlp_span(into, _decode_span(text), text, place, context)
    except NOT_JSON as error:
        into.reject(place, f"not an OTLP span: {error}", text)
