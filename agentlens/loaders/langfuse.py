"""Langfuse exports: traces with their observations, observations as JSON, JSON lines, CSV or Parquet, answers of the API.

Source: https://github.com/langfuse/langfuse, `fern/apis/server/definition/commons.yml`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_bytes
from agentlens._source import PARQUET, Source, json_values
from agentlens.dialects.payloads import parse_text
from agentlens.loaders._csv_places import csv_header, csv_records
from agentlens.loaders._json_places import DECODE_ERRORS, Places, decode_piece, decode_record, documents, pieces
from agentlens.loaders._langfuse_observation import add_observation, camel_keys
from agentlens.loaders._other_kind import reject_other_kind
from agentlens.loaders._parquet_rows import is_parquet, parquet_columns, parquet_rows
from agentlens.loaders._row_caps import note_cap

LOOKS_FOR = (
    "`trace` beside `observations`, or `traceId` beside `parentObservationId` or `usageDetails`, in the first JSON "
    "value, in the header of a CSV file or in the columns of a Parquet file"
)
CANNOT_KNOW = "times finer than a millisecond, and messages where an SDK logs its own objects instead of them"
VERSION = 2
RECORDS_ARE_SPANS = True

NO_OBSERVATIONS = "a trace object without observations"
COPY = "a second copy of an observation, inside the trace object"
NOTHING = msgspec.Raw()
# What only a trace object has, beside what `Node` reads.
_TRACE_KEYS = {
    "bookmarked", "htmlPath", "html_path", "projectId", "project_id", "sessionId", "session_id", "userId", "user_id",
}  # fmt: skip


class Node(msgspec.Struct):
    """A trace, an export of a trace, a page of the API, or an observation; observations stay raw for their places."""

    trace: msgspec.Raw = NOTHING
    observations: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    traceId: Any = None
    trace_id: Any = None


class TraceObject(msgspec.Struct):
    """The trace object of an export, with a second copy of the observations in some versions."""

    observations: list[msgspec.Raw] | None = None


class Identity(msgspec.Struct):
    """The id of an observation."""

    id: str | None = None


_KEYS = frozenset(Node.__struct_fields__) | _TRACE_KEYS
_decode_node = msgspec.json.Decoder(Node).decode
_decode_trace = msgspec.json.Decoder(TraceObject).decode
_decode_facts = msgspec.json.Decoder(dict[str, Any]).decode
_decode_identity = msgspec.json.Decoder(Identity).decode


def sniff(head: bytes) -> bool:
    """Whether the first value, the header of a CSV file, or the columns of a Parquet file are Langfuse's."""
    if head.startswith(PARQUET):
        return is_table(parquet_columns(head))
    values = json_values(head)
    if values:
        return any(_is_langfuse(values[0], prefix) for prefix in ("", "item.", "data.item."))
    return is_table(frozenset(csv_header(head)))


def is_table(columns: frozenset[str]) -> bool:
    """Whether the columns of a table are those of observations."""
    names = camel_keys(dict.fromkeys(columns)).keys()
    return "traceId" in names and bool(names & {"parentObservationId", "usageDetails"})


def _is_langfuse(paths: Row, prefix: str) -> bool:
    keys = {key for path in paths if path.startswith(prefix) for key in camel_keys({path.removeprefix(prefix): None})}
    if "trace" in keys and ("observations" in keys or {"trace.projectId", "trace.timestamp"} <= keys):
        return True
    if "traceId" in keys and keys & {"parentObservationId", "usageDetails", "completionStartTime"}:
        return True
    is_trace = "projectId" in keys and "timestamp" in keys and bool(keys & {"observations", "bookmarked", "htmlPath"})
    return is_trace or "observations.item.traceId" in keys


def load(source: Source, into: Evidence) -> None:
    """Add every observation as a span; each observation is a record, and so is a trace object without any."""
    into.account.input_tokens_meaning = "includes cache"
    with source.open() as stream:
        is_csv = bool(csv_header(stream.read(1 << 16)))
    if is_csv:
        _load_csv(source, into)
    elif is_parquet(source):
        for row, place in parquet_rows(source, into):
            into.record()
            add_observation(into, camel_keys(row), {}, json_bytes(row), place)
    else:
        for document in documents(source):
            for raw, places in pieces(document, into, "trace or observation"):
                _load_piece(raw, places, into)
    note_cap(into)


def _load_csv(source: Source, into: Evidence) -> None:
    for row in csv_records(source, into):
        add_observation(into, camel_keys(row.cells), {}, row.raw, row.place)


def _load_piece(raw: msgspec.Raw, places: Places, into: Evidence) -> None:
    """Add what one object holds: an observation itself, or the observations of a trace or a page."""
    node = decode_piece(_decode_node, raw, places, into, "trace or observation")
    if node is None:
        return
    if node.traceId is not None or node.trace_id is not None:
        _load_observation(raw, places, {}, into)
        return
    if node.data is not None:
        for item in node.data:
            _load_piece(item, places, into)
        return
    nested = decode_piece(_decode_trace, node.trace, places, into, "trace") if _is_object(node.trace) else None
    facts = decode_piece(_decode_facts, node.trace if nested else raw, places, into, "trace") or {}
    inner = _without_copies(node.observations or [], (nested.observations if nested else None) or [], into)
    if not inner and not reject_other_kind(raw, places.find(raw), into, _KEYS, LOOKS_FOR):
        into.record()
        into.skip(NO_OBSERVATIONS)
    for item in inner:
        _load_observation(item, places, _trace_facts(facts), into)


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"


def _without_copies(observations: list[msgspec.Raw], nested: list[msgspec.Raw], into: Evidence) -> list[msgspec.Raw]:
    """Return all observations; some exports hold a second copy of them inside the trace object, which is left out."""
    known = {_identity(raw) for raw in observations} if nested else set()
    others = [raw for raw in nested if _identity(raw) not in known]
    copies = len(nested) - len(others)
    into.record(copies)
    into.skip(COPY, copies)
    return others + observations


def _identity(raw: msgspec.Raw) -> str | None:
    try:
        return _decode_identity(raw).id
    except DECODE_ERRORS:
        return None


def _load_observation(raw: msgspec.Raw, places: Places, trace: Row, into: Evidence) -> None:
    into.record()
    place = places.find(raw)
    if (observation := decode_record(raw, place, into, "observation")) is not None:
        add_observation(into, camel_keys(observation), trace, bytes(raw), place)


def _trace_facts(trace: Row) -> Row:
    """Return what a trace object says of all its observations."""
    facts = {key: value for key, value in camel_keys(trace).items() if key not in ("observations", "input", "output")}
    facts["metadata"] = parse_text(facts.get("metadata"))
    return facts
