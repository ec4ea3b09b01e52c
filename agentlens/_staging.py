"""Where rows wait until all sources are read, and the slices in which their texts are moved on.

DuckDB takes values by the two thousand: of texts of 300 kB that is more than all else that reading needs. Whatever goes over whole
texts therefore goes over slices of rows, whose texts together have a bounded number of bytes, one after the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypedDict

from agentlens._evidence import logged_columns

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SLICE_BYTES = 64 * 1024 * 1024
VECTOR_ROWS = 2048


class Slice(TypedDict):
    """A run of rows of a table, by their row ids, both included; the parameters of a statement that goes over it."""

    first_row: int
    last_row: int


class Staging:
    """The staging tables of a read; called with a batch of rows, it puts them in.

    `memory` is the limit of the database in bytes, None for what it takes by default.
    """

    def __init__(
        self, con: duckdb.DuckDBPyConnection, tables: Mapping[str, Mapping[str, str]], memory: int | None = None
    ) -> None:
        self._con, self._memory = con, memory
        self._starts: dict[str, int] = {}
        self._runs: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for name, columns in logged_columns(tables).items():
            definition = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
            con.execute(f"CREATE TEMP TABLE staged_{name} ({definition})")

    def __call__(self, table: str, batch: pa.Table) -> None:
        """Put a batch of rows into the staging table of a table, by slices where it is large."""
        rows = max(1, batch.num_rows * SLICE_BYTES // max(batch.nbytes, 1))
        for start in range(0, batch.num_rows, rows):
            part = batch.slice(start, rows)
            # A registered batch would stay in memory until the transaction ends.
            self._con.from_arrow(part).insert_into(f"staged_{table}")
            self.note(table, part.num_rows, part.nbytes)
        self._start(table)

    def note(self, table: str, rows: int, size: int) -> None:
        """Say that so many rows, with so many bytes, are the next in the staging table of a table."""
        self._runs[table].append((rows, size))

    def make_room(self, least: int | None = None) -> None:
        """Set the limit of memory to `least` bytes, by default to that of reading, or to what the widest rows need where that is more."""
        if self._memory:
            limit = max(least or self._memory, self._vector_bytes() * 17 // 16 + 2 * SLICE_BYTES)
            self._con.execute(f"SET memory_limit = '{limit}B'")

    def slices(self, table: str) -> Iterator[Slice]:
        """Yield the rows of a staging table in their order, by slices; rows that were deleted since are not there any more."""
        start, rows, held = self._start(table) if self._runs[table] else 0, 0, 0
        for count, size in self._runs[table]:
            if rows and held + size > SLICE_BYTES:
                yield {"first_row": start, "last_row": start + rows - 1}
                start, rows, held = start + rows, 0, 0
            rows, held = rows + count, held + size
        if rows:
            yield {"first_row": start, "last_row": start + rows - 1}

    def _start(self, table: str) -> int:
        """Return the row id of the first row, which has to be asked for before any is deleted."""
        if table not in self._starts:
            [(self._starts[table],)] = self._con.execute(f"SELECT min(rowid) FROM staged_{table}").fetchall()
        return self._starts[table]

    def _vector_bytes(self) -> int:
        """Return about how many bytes the widest rows have, so many as DuckDB takes, and compresses, at once."""
        widest = 0
        for runs in self._runs.values():
            rows, held = 0, 0
            for count, size in runs:
                rows, held = rows + count, held + size
                if rows >= VECTOR_ROWS:
                    widest = max(widest, held * VECTOR_ROWS // rows)
                    rows, held = 0, 0
            widest = max(widest, held)
        return widest
