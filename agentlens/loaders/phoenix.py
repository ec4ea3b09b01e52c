"""Arize Phoenix exports: span data frames as Parquet or CSV, and the JSON lines of its REST API.

Source: https://github.com/Arize-ai/phoenix, `get_spans_dataframe` and `GET /v1/projects/{project}/spans`.
"""

from __future__ import annotations

import ast
import datetime as dt
import io
import math
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_text
from agentlens._source import Place, Source, json_values
from agentlens.dialects.payloads import parse_text
from agentlens.loaders import langfuse, langsmith
from agentlens.loaders._csv_places import csv_header, csv_records
from agentlens.loaders._json_places import decode_piece, decode_record, documents, pieces
from agentlens.loaders._otlp_span import add_span, read_id, read_status
from agentlens.loaders._parquet_rows import parquet_columns
from agentlens.loaders._row_caps import note_cap
from agentlens.loaders._sdk_span import as_dict, as_text
from agentlens.loaders._times import parse_time

LOOKS_FOR = "a Parquet file that no other format claims, or `context.span_id` beside `span_kind` (in the header of a CSV file or in the first JSON value)"
CANNOT_KNOW = "the service and other resource attributes, links, and spans beyond the export's limit (1,000 by default)"
VERSION = 2
RECORDS_ARE_SPANS = True

MAGIC = b"PAR1"
BATCH_ROWS = 512
PREFIX = "attributes."
KIND = "openinference.span.kind"
COUNTS = "llm.token_count."


class Page(msgspec.Struct):
    """A page of the REST API, or a span, which has no `data`."""

    data: list[msgspec.Raw] | None = None


_decode_page = msgspec.json.Decoder(Page).decode


def sniff(head: bytes) -> bool:
    """Whether the head is Parquet that no other platform writes, or CSV or JSON with Phoenix's names."""
    if head[:4] == MAGIC:
        columns = parquet_columns(head)
        return "context.span_id" in columns or not (langfuse.is_table(columns) or langsmith.is_table(columns))
    values = json_values(head)
    if values:
        prefixes = ("", "item.", "data.item.")
        return any(f"{prefix}context.span_id" in values[0] and f"{prefix}span_kind" in values[0] for prefix in prefixes)
    header = csv_header(head)
    return "context.span_id" in header and ("span_kind" in header or f"{PREFIX}{KIND}" in header)


def load(source: Source, into: Evidence) -> None:
    """Add every span; each row or JSON object is a record."""
    into.account.input_tokens_meaning = "includes cache"
    with source.open() as stream:
        head = stream.read(1 << 16)
    if head[:4] == MAGIC:
        _load_parquet(source, into)
    elif csv_header(head):
        _load_csv(source, into)
    else:
        _load_json(source, into)
    note_cap(into)


# --- the three containers ---------------------------------------------------------------------------------------------


def _load_parquet(source: Source, into: Evidence) -> None:
    """Add the rows of a Parquet file. A row is no range of bytes: its line is its number, offset and length are 0."""
    try:
        table = pq.ParquetFile(source.path if source.compression is None else io.BytesIO(source.read()))
        if "context.span_id" not in table.schema_arrow.names:
            _reject_file(
                into,
                f"a Parquet file that is no Phoenix export; its columns are {', '.join(table.schema_arrow.names[:40])}",
            )
            return
        number = 0
        for batch in table.iter_batches(BATCH_ROWS):
            for row in batch.to_pylist():
                number += 1
                into.record()
                _add_row(into, row, repr(row).encode("utf-8", "replace"), Place(number, 0, 0))
    except (pa.ArrowException, OSError, ValueError) as error:
        _reject_file(into, f"a damaged Parquet file: {error}")


def _reject_file(into: Evidence, reason: str) -> None:
    into.record()
    into.reject(Place(None, 0, 0), reason, "")


def _load_csv(source: Source, into: Evidence) -> None:
    for row in csv_records(source, into):
        _add_row(into, {key: _cell(value) for key, value in row.cells.items()}, row.raw, row.place)


def _load_json(source: Source, into: Evidence) -> None:
    for document in documents(source):
        for raw, places in pieces(document, into, "span"):
            page = decode_piece(_decode_page, raw, places, into, "span")
            if page is not None:
                for inner in [raw] if page.data is None else page.data:
                    _load_object(into, inner, places.find(inner))


def _load_object(into: Evidence, raw: msgspec.Raw, place: Place) -> None:
    into.record()
    if (logged := decode_record(raw, place, into, "span")) is not None:
        _add(into, logged, as_dict(logged.get("context")), as_dict(logged.get("attributes")), bytes(raw), place)


# --- one span ---------------------------------------------------------------------------------------------------------


def _add_row(into: Evidence, row: Row, text: bytes, place: Place) -> None:
    """Add a row of a data frame: dotted columns, under which lists and objects stand as they are."""
    context = {key: row.get(f"context.{key}") for key in ("trace_id", "span_id")}
    attributes: Row = {}
    for name, value in row.items():
        if name.startswith(PREFIX) and not _is_absent(value):
            _flatten(name.removeprefix(PREFIX), value, attributes)
    _add(into, row, context, attributes, text, place)


def _add(into: Evidence, logged: Row, context: Row, attributes: Row, text: bytes, place: Place) -> None:
    trace_id, span_id = read_id(context.get("trace_id"), 16), read_id(context.get("span_id"), 8)
    if not trace_id or not span_id:
        return into.reject(place, "no span: it has no context.trace_id or context.span_id", text)
    into.accept()
    if as_text(logged.get("span_kind")) and logged["span_kind"] != "UNKNOWN":
        attributes.setdefault(KIND, logged["span_kind"])
    _gather_metadata(attributes)
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": read_id(logged.get("parent_id"), 8),
        "name": as_text(logged.get("name")),
        "start_time": _time(logged.get("start_time")),
        "end_time": _time(logged.get("end_time")),
        "status_code": read_status(logged.get("status_code")),
        "status_message": as_text(logged.get("status_message")),
    }
    add_span(into, place, span, attributes, _events(logged.get("events")), [])


def _gather_metadata(attributes: Row) -> None:
    """Put `metadata.<key>` back into one JSON text, as instrumentors write it."""
    parts = {key: attributes.pop(key) for key in list(attributes) if key.startswith("metadata.")}
    if parts:
        attributes["metadata"] = json_text({key.removeprefix("metadata."): value for key, value in parts.items()})


def _events(events: Any) -> list[Row]:
    return [
        {
            "time": _time(event.get("timestamp")),
            "name": as_text(event.get("name")),
            "attributes": _present(event.get("attributes")),
        }
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict)
    ]


def _present(attributes: Any) -> Row:
    return {key: value for key, value in as_dict(attributes).items() if value is not None}


def _time(value: Any) -> int | None:
    if isinstance(value, dt.datetime):
        zoned = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        nanosecond = int(getattr(value, "nanosecond", 0))
        since = zoned - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000 + nanosecond
    return parse_time(value)


def _is_absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _flatten(path: str, value: Any, into: Row) -> None:
    """Write a value of a data frame under dotted, indexed keys, as instrumentors do; a list of texts stays a list."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if not _is_absent(inner):
                _flatten(f"{path}.{key}", inner, into)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            _flatten(f"{path}.{index}", item, into)
    elif path.startswith(COUNTS) and isinstance(value, float) and value.is_integer():
        into[path] = int(value)
    else:
        into[path] = value


def _cell(text: str) -> Any:
    """Return the value of a CSV cell: JSON, a Python literal as pandas writes them, a number, or the text itself."""
    if text[:1] in "[{":
        value = parse_text(text)
        if not isinstance(value, str):
            return value
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return text
    try:
        return float(text) if text[:1] in "0123456789" and len(text) < 24 and text.endswith(".0") else text
    except ValueError:
        return text
