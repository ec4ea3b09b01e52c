"""Langfuse exports: traces with their observations, observations as JSON, JSON lines or CSV, answers of the API.

Source: https://github.com/langfuse/langfuse, `fern/apis/server/definition/commons.yml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Line, Place, Source, json_values
from agentlens.dialects.payloads import parse_text
from agentlens.loaders._csv_places import csv_header, csv_rows
from agentlens.loaders._json_places import DECODE_ERRORS, Cursor, documents, place_of
from agentlens.loaders._langfuse_observation import add_observation, camel_keys
from agentlens.loaders._row_caps import note_cap

LOOKS_FOR = (
    "`trace` beside `observations`, or `traceId` beside `parentObservationId` or `usageDetails`, in the first JSON "
    "value or in the header of a CSV file"
)
CANNOT_KNOW = "times finer than a millisecond, and messages where an SDK logs its own objects instead of them"
VERSION = 1
RECORDS_ARE_SPANS = True

OBSERVATION_KEYS = frozenset({"parentObservationId", "usageDetails", "costDetails", "completionStartTime", "startTime"})
NO_OBSERVATIONS = "a trace object without observations"
COPY = "a second copy of an observation, inside the trace object"
NOTHING = msgspec.Raw()


class Node(msgspec.Struct):
    """A trace, an export of a trace, a page of the API, or an observation; observations stay raw for their places."""

    trace: msgspec.Raw = NOTHING
    observations: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    traceId: Any = None
    trace_id: Any = None


class NestedTrace(msgspec.Struct):
    """The trace object of an export, with a second copy of the observations in some versions."""

    observations: list[msgspec.Raw] | None = None


class Identity(msgspec.Struct):
    """The id of an observation."""

    id: Any = None


_decode_node = msgspec.json.Decoder(Node).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_nested = msgspec.json.Decoder(NestedTrace).decode
_decode_identity = msgspec.json.Decoder(Identity).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode


def sniff(head: bytes) -> bool:
    """Whether the first value, or the header of a CSV file, is Langfuse's."""
    values = json_values(head)
    if values:
        return any(_is_langfuse(values[0], prefix) for prefix in ("", "item.", "data.item."))
    header = {key for name in csv_header(head) for key in camel_keys({name: None})}
    return "traceId" in header and bool(header & {"parentObservationId", "usageDetails"})


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
    else:
        for document in documents(source):
            _load_document(document, into)
    note_cap(into)


def _load_csv(source: Source, into: Evidence) -> None:
    for row in csv_rows(source):
        into.record()
        if row.problem:
            into.reject(row.place, row.problem, row.raw)
        else:
            add_observation(into, camel_keys(row.cells), {}, row.raw, row.place)


def _load_document(document: Line, into: Evidence) -> None:
    cursor = Cursor(document)
    try:
        if document.raw[:1] == b"[":
            for raw in _decode_list(document.raw):
                text = bytes(raw)
                _load_node(text, cursor.find(text), into)
        else:
            _load_node(document.raw, place_of(document), into)
    except DECODE_ERRORS as error:
        into.record()
        into.reject(place_of(document), f"no JSON: {error}", document.raw)


def _load_node(text: bytes, place: Place, into: Evidence) -> None:
    """Add what one object holds: an observation itself, or the observations of a trace or a page."""
    try:
        node = _decode_node(text)
        outer = _decode_object(bytes(node.trace) if _is_object(node.trace) else text)
        inner = list(_observations(node, into))
    except DECODE_ERRORS as error:
        into.record()
        into.reject(place, f"no trace or observation: {error}", text)
        return
    if node.traceId is not None or node.trace_id is not None:
        into.record()
        add_observation(into, camel_keys(outer), {}, text, place)
        return
    cursor = Cursor(Line(place.line or 1, place.offset, text))
    if node.data is not None:
        for item in inner:
            _load_node(item, cursor.find(item), into)
        return
    trace = _trace_facts(outer)
    if not inner:
        into.record()
        into.skip(NO_OBSERVATIONS)
    for item in inner:
        _load_observation(item, cursor.find(item), trace, into)


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(raw)[:1] == b"{"


def _observations(node: Node, into: Evidence) -> Iterator[bytes]:
    """Yield the observations; some exports hold a second copy of them inside the trace object, which is left out."""
    nested = _decode_nested(node.trace).observations if _is_object(node.trace) else None
    known = {_decode_identity(raw).id for raw in node.observations or []} if nested else set()
    for raw in nested or []:
        if _decode_identity(raw).id not in known:
            yield bytes(raw)
        else:
            into.record()
            into.skip(COPY)
    for raw in node.data or node.observations or []:
        yield bytes(raw)


def _load_observation(text: bytes, place: Place, trace: Row, into: Evidence) -> None:
    into.record()
    try:
        observation = camel_keys(_decode_object(text))
    except DECODE_ERRORS as error:
        into.reject(place, f"no observation: {error}", text)
        return
    add_observation(into, observation, trace, text, place)


def _trace_facts(trace: Row) -> Row:
    """Return what a trace object says of all its observations."""
    facts = {key: value for key, value in camel_keys(trace).items() if key not in ("observations", "input", "output")}
    facts["metadata"] = parse_text(facts.get("metadata"))
    return facts
