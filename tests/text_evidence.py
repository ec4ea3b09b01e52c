"""Runs one loader without a database: its rows by table, its account, and the laws every loader must keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa

from agentlens._account import Account
from agentlens._catalog import install_schema, table_columns
from agentlens._evidence import Evidence
from agentlens._source import Source, detect_compression

WAVE_14 = Path(__file__).parents[1] / "datasets" / "wave_14"
Rows = dict[str, list[dict[str, Any]]]


class Sink:
    """Takes the batches that would go to the database."""

    def __init__(self) -> None:
        self.rows: Rows = defaultdict(list)

    def hand_over(self, table: str, batch: pa.Table) -> None:
        self.rows[table] += _in_microseconds(batch).to_pylist()


def _in_microseconds(batch: pa.Table) -> pa.Table:
    """Python's datetime holds no nanoseconds."""
    times = pa.timestamp("us")
    kinds = [pa.field(f.name, times if pa.types.is_timestamp(f.type) else f.type) for f in batch.schema]
    return batch.cast(pa.schema(kinds), safe=False)


def _tables() -> dict[str, dict[str, str]]:
    with duckdb.connect() as con:
        install_schema(con)
        return {name: dict(columns) for name, columns in table_columns(con).items()}


TABLES = _tables()


def gather(loader: ModuleType, path: Path, **options: Any) -> tuple[Rows, Account]:
    """Return what a loader makes of a file, by table, and its account."""
    sink = Sink()
    into = Evidence(TABLES, sink.hand_over)
    source = Source(path, 1, detect_compression(path) if path.stat().st_size else None, options=options)
    into.begin(source)
    loader.load(source, into)
    into.flush()
    sink.rows["span_messages"] = [*_span_messages(sink.rows["span_message_ranges"], sink.rows["message_lists"])]
    return sink.rows, into.account


def _span_messages(ranges: list[dict[str, Any]], lists: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the rows of the view of that name."""
    hashes = {(entry["list_id"], entry["list_index"]): entry["message_hash"] for entry in lists}
    for shown in ranges:
        for index in range(shown["length"]):
            message_hash = hashes[shown["list_id"], index]
            yield {**shown, "position": shown["position"] + index, "message_hash": message_hash}


def assert_account_balances(account: Account, rows: Rows) -> None:
    """records = accepted + rejected + skipped, and each rejected record is there to be seen."""
    assert account.records == account.accepted + account.rejected + sum(account.skipped.values())
    assert account.rejected == len(rows["rejects"])


def assert_places_hold(data: bytes, rows: Rows) -> None:
    """Every row stands at the line and the bytes it names."""
    for table in rows.values():
        for row in table:
            line, offset, length = (row[f"source_{name}"] for name in ("line", "offset", "length"))
            assert offset >= 0
            assert offset + length <= len(data)
            assert line == data[:offset].count(b"\n") + 1


def load(loader: ModuleType, tmp_path: Path, data: str | bytes, name: str = "log.txt", **options: Any) -> Rows:
    """Return the rows of a text, with the laws checked: accounts balance and places hold."""
    raw = data if isinstance(data, bytes) else data.encode()
    path = tmp_path / name
    path.write_bytes(raw)
    rows, account = gather(loader, path, **options)
    assert_account_balances(account, rows)
    assert_places_hold(raw, rows)
    return rows


def moment(text: str) -> datetime:
    """The instant of an ISO 8601 text."""
    return datetime.fromisoformat(text)


def reports(rows: Rows, *columns: str) -> list[tuple[Any, ...]]:
    """Columns of the rows of `status_reports`."""
    return [tuple(row[column] for column in columns) for row in rows["status_reports"]]
