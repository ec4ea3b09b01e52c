"""Rows of Parquet exports. A row is no range of bytes: its line is its number, its offset and length are 0."""

from __future__ import annotations

import datetime as dt
import decimal
import functools
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from agentlens._evidence import Evidence, Row
from agentlens._source import PARQUET, Place, Source

BATCH_ROWS = 512


@functools.lru_cache(maxsize=4)
def parquet_columns(head: bytes) -> frozenset[str]:
    """Return the names of the columns of a Parquet file by its head, which holds its footer; none when it is none."""
    if not head.startswith(PARQUET):
        return frozenset()
    try:
        return frozenset(pq.read_schema(pa.py_buffer(head)).names)
    except (pa.ArrowException, OSError, ValueError, TypeError):
        return frozenset()


def is_parquet(source: Source) -> bool:
    """Whether a source is a Parquet file."""
    with source.open() as stream:
        return stream.read(len(PARQUET)) == PARQUET


def parquet_rows(source: Source, into: Evidence) -> Iterator[tuple[Row, Place]]:
    """Yield every row with its place, as JSON would hold it: times as text, maps as objects; damage ends in a reject."""
    try:
        file = pq.ParquetFile(source.path if source.compression is None else io.BytesIO(source.read()))
        number = 0
        for batch in file.iter_batches(BATCH_ROWS):
            for row in _with_microseconds(batch).to_pylist():
                number += 1
                yield {name: _plain(value) for name, value in row.items() if value is not None}, Place(number, 0, 0)
    except (pa.ArrowException, OSError, ValueError) as error:
        into.record()
        into.reject(Place(None, 0, 0), f"a damaged Parquet file: {error}", "")


def _with_microseconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose times Python can hold."""
    columns = [
        column.cast(pa.timestamp("us", column.type.tz), safe=False) if pa.types.is_timestamp(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
            return {str(key): _plain(inner) for key, inner in value}
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items() if inner is not None}
    return value
