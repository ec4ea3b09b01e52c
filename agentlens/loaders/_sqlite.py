"""Opens a log that is an SQLite database, as evidence: read only, without what could make it act."""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
from collections.abc import Iterator

from agentlens._evidence import Evidence
from agentlens._source import Source

MAGIC = b"SQLite format 3\x00"
# Where the header says that the database has a write-ahead log, which a database in memory cannot have.
_WAL_BYTES, _WITH_WAL, _WITHOUT_WAL = slice(18, 20), b"\x02\x02", b"\x01\x01"


@contextlib.contextmanager
def open_sqlite(source: Source, into: Evidence) -> Iterator[sqlite3.Connection]:
    """Open the database of a source; rows can be asked by column name, and text that is no UTF-8 shows �.

    What a write-ahead log beside it holds is not read: the source says so. Damage raises sqlite3.Error.
    """
    stored = source.stored or source.path
    if source.compression is None:
        con = sqlite3.connect(f"file:{urllib.parse.quote(str(stored))}?mode=ro&immutable=1", uri=True)
        source.on_bytes(stored.stat().st_size)
    else:
        con = sqlite3.connect(":memory:")
    try:
        if source.compression is not None:
            data = bytearray(source.read())
            data[_WAL_BYTES] = _WITHOUT_WAL if data[_WAL_BYTES] == _WITH_WAL else data[_WAL_BYTES]
            con.deserialize(bytes(data))
        con.text_factory = lambda text: text.decode("utf-8", "replace")
        con.row_factory = sqlite3.Row
        con.execute("PRAGMA trusted_schema = OFF")
        yield con
    finally:
        con.close()
    log = stored.with_name(f"{stored.name}-wal")
    if log.is_file() and log.stat().st_size:
        into.note_missing(
            f"The latest rows are in {log.name}, the write-ahead log of the database, which is not read. Once the program "
            "has ended they are in the database itself."
        )


def tables(con: sqlite3.Connection) -> set[str]:
    """Return the names of the tables proper: no view and no virtual table."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'"
    return {str(row[0]) for row in con.execute(query)}


def columns(con: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of the columns of a table."""
    return {str(row[0]) for row in con.execute("SELECT name FROM pragma_table_info(?)", (table,))}
