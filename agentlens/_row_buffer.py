"""Holds the rows of one table until they become Arrow: by row or by column, each value brought to the kind of its column."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pyarrow as pa

from agentlens._json_text import json_bytes, json_text
from agentlens._visible import plural

_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode
# Arrow's own pool gives memory back and asks for it anew with every batch.
_POOL = pa.system_memory_pool()
_ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "UBIGINT": pa.uint64(),
    "DOUBLE": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP_NS": pa.timestamp("ns"),
    "DATE": pa.date32(),
    "VARCHAR[]": pa.list_(pa.string()),
}


class RowBuffer:
    """Rows of one table, waiting to become an Arrow table."""

    def __init__(self, table: str, columns: Mapping[str, str]) -> None:
        self.table = table
        self.names = tuple(columns)
        self._json = [position for position, kind in enumerate(columns.values()) if kind == "JSON"]
        self._empty: dict[str, Any] = dict.fromkeys(columns)
        self._values = operator.itemgetter(*columns)
        self.types = [_ARROW_TYPES[t] for t in columns.values()]
        self.rows: list[tuple[Any, ...]] = []
        self.tables: list[pa.Table] = []

    def append(self, row: dict[str, Any]) -> None:
        """Hold a row; columns not given are NULL. At once as a tuple: a dict is out of the processor's cache when it is needed again."""
        filled = self._empty | row
        if len(filled) > len(self._empty):
            raise TypeError(f"{self.table} has no column {', '.join(sorted(row.keys() - self._empty.keys()))}")
        self.rows.append(self._values(filled))

    def extend(self, columns: Mapping[str, Any], count: int, note: Callable[[str], None]) -> None:
        """Hold rows given by column, as sequences or Arrow arrays of its kind; columns not given are NULL."""
        if unknown := columns.keys() - self._empty.keys():
            raise TypeError(f"{self.table} has no column {', '.join(sorted(unknown))}")
        self.pack(note)
        self.tables.append(self._table([columns.get(name) for name in self.names], count, note))

    def take(self, note: Callable[[str], None]) -> pa.Table:
        """Return the rows as Arrow and forget them."""
        self.pack(note)
        tables, self.tables = self.tables, []
        return pa.concat_tables(tables)

    def pack(self, note: Callable[[str], None]) -> None:
        """Turn rows that came one by one into Arrow; all stay in their order."""
        rows, self.rows = self.rows, []
        if rows:
            columns = [None if _is_nothing(values) else values for values in zip(*rows)]
            self.tables.append(self._table(columns, len(rows), note))

    def _table(self, columns: list[Any], count: int, note: Callable[[str], None]) -> pa.Table:
        """Return columns of so many values as Arrow, NULL in those that are None."""
        for position in self._json:
            if (values := columns[position]) is not None:
                columns[position] = [
                    value if value is None or type(value) is bytes else _json_column(value) for value in values
                ]
        arrays = [
            pa.nulls(count, kind) if values is None else self.column(values, name, kind, note)
            for values, name, kind in zip(columns, self.names, self.types)
        ]
        return pa.table(arrays, names=list(self.names))

    def column(self, values: Any, name: str, kind: pa.DataType, note: Callable[[str], None]) -> pa.Array:
        """Return values as Arrow; one that its kind cannot hold is NULL, and noted."""
        if isinstance(values, pa.Array):
            return values
        try:
            return pa.array(values, kind, memory_pool=_POOL)
        except (pa.ArrowException, UnicodeEncodeError, OverflowError, TypeError, ValueError):
            fitted = [_fit(value, kind) for value in values]
            lost = sum(a is None and b is not None for a, b in zip(fitted, values))
            if lost:
                note(
                    f"NULL here, for they were of a wrong type or out of range: {plural(lost, 'value')} of {self.table}.{name}."
                )
            return pa.array(fitted, kind, memory_pool=_POOL)


def _is_nothing(values: tuple[Any, ...]) -> bool:
    """Whether all values are None; seldom more than the first is looked at where they are not."""
    return values[0] is None and not any(values) and values.count(None) == len(values)


def _json_column(value: Any) -> str | bytes | None:
    """Return JSON text: bytes are taken to be JSON, text only when it is."""
    if isinstance(value, str) and _is_json(value):
        return value
    return json_bytes(value)


def _is_json(text: str) -> bool:
    try:
        _decode_raw(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return False
    return True


def _fit(value: Any, kind: pa.DataType) -> Any:
    """Return `value` as a column of `kind` can hold it, or None when it cannot."""
    if value is None:
        return None
    if pa.types.is_string(kind):
        text = value if isinstance(value, str) else json_text(value)
        return text.encode("utf-8", "replace").decode()
    if pa.types.is_list(kind):
        return [_fit(item, pa.string()) for item in value] if isinstance(value, (list, tuple)) else None
    if pa.types.is_boolean(kind):
        return value if isinstance(value, bool) else None
    if pa.types.is_date(kind):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    if pa.types.is_floating(kind):
        return float(value)
    limit = 2**31 if pa.types.is_int32(kind) else 2**63
    return int(value) if -limit <= value < limit and int(value) == value else None
