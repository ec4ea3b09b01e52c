"""Traces as Grafana Tempo's API returns them: OTLP under `batches`, often with the old library keys.

Source: https://grafana.com/docs/tempo/latest/api_docs/ (query a trace by id).
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Place, Source, json_values
from agentlens.loaders._json_places import Places, decode_piece, decode_record, documents, pieces
from agentlens.loaders._other_kind import reject_other_kind
from agentlens.loaders._otlp_json import add_otlp_span, read_resource, scope_context
from agentlens.loaders._row_caps import note_cap

LOOKS_FOR = "`batches` with `scopeSpans` or `instrumentationLibrarySpans` in the first JSON value"
CANNOT_KNOW = "spans that were sampled away, had not arrived yet, or exceeded Tempo's limit for a trace"
VERSION = 2
RECORDS_ARE_SPANS = True


class LibrarySpans(msgspec.Struct):
    """The spans of one instrumentation scope; spans stay raw, so that each keeps its place in the file."""

    scope: Any = None
    instrumentationLibrary: Any = None
    spans: list[msgspec.Raw] | None = None


class ResourceBatch(msgspec.Struct):
    """The spans of one resource, under the current or the old key."""

    resource: Any = None
    scopeSpans: list[LibrarySpans] | None = None
    instrumentationLibrarySpans: list[LibrarySpans] | None = None


class Answer(msgspec.Struct):
    """One answer of the API."""

    batches: list[ResourceBatch] | None = None
    trace: Answer | None = None


_decode = msgspec.json.Decoder(Answer).decode
_KEYS = frozenset(Answer.__struct_fields__)


def sniff(head: bytes) -> bool:
    """Whether the first value has batches of spans."""
    values = json_values(head)
    return bool(values) and any(
        f"{prefix}batches.item.{key}" in values[0]
        for prefix in ("", "item.", "trace.")
        for key in ("scopeSpans", "instrumentationLibrarySpans")
    )


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    into.account.input_tokens_meaning = "includes cache"
    for document in documents(source):
        for raw, places in pieces(document, into, "Tempo trace"):
            answer = decode_piece(_decode, raw, places, into, "Tempo trace")
            if answer is not None and (
                answer.trace or answer.batches or not reject_other_kind(raw, places.find(raw), into, _KEYS, LOOKS_FOR)
            ):
                _load_answer(answer, places, into)
    note_cap(into)


def _load_answer(answer: Answer, places: Places, into: Evidence) -> None:
    if answer.trace is not None:
        _load_answer(answer.trace, places, into)
    elif not answer.batches:
        into.record()
        into.skip("a trace without spans")
    for batch in answer.batches or []:
        resource = read_resource(batch.resource)
        for library in batch.scopeSpans or batch.instrumentationLibrarySpans or []:
            context = scope_context(resource, library.scope or library.instrumentationLibrary)
            for raw in library.spans or []:
                _load_span(into, raw, places.find(raw), context)


def _load_span(into: Evidence, raw: msgspec.Raw, place: Place, context: Row) -> None:
    into.record()
    if (logged := decode_record(raw, place, into, "span")) is not None:
        add_otlp_span(into, logged, bytes(raw), place, context)
