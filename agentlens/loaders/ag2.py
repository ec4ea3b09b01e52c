"""AG2 (AutoGen 0.2 to 0.9) runtime logs: the SQLite database and the file that `autogen.runtime_logging` writes.

Source: ag2 0.9 `autogen/logger/sqlite_logger.py` and `file_logger.py`. In a database a row has no place of its own:
there the offset is the number of the row in reading order, the line its rowid, the length 0.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place, Source
from agentlens.loaders._ag2_session import LogReader
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._sqlite import MAGIC, open_sqlite, tables
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = (
    "an SQLite database with tables `chat_completions` and `oai_clients`, or a first line `Started new session with "
    "Session ID:`"
)
CANNOT_KNOW = (
    "which session an event belongs to where a database holds several (taken as the one begun last); when a tool "
    "began. In a "
    "database, offsets count rows, not bytes"
)
VERSION = 1

HEADER = b"Started new session with Session ID:"
# Tables of steps, in the order in which their rows refer to one another.
TABLES = ("agents", "chat_completions", "events", "function_calls")
SETTINGS = ("oai_wrappers", "oai_clients", "version")


def sniff(head: bytes) -> bool:
    """Whether this is a database with AG2's tables, or begins with the file logger's header."""
    if head.startswith(MAGIC):
        return b"chat_completions" in head and b"oai_clients" in head
    return head.startswith(HEADER)


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each session; each row, or each line, is a record."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    reader = LogReader(into)
    with source.open() as stream:
        is_database = stream.read(len(MAGIC)) == MAGIC
    if is_database:
        _load_database(source, reader, into)
    else:
        _load_lines(source, reader, into)
    reader.finish()


def _load_lines(source: Source, reader: LogReader, into: Evidence) -> None:
    for line in source.lines():
        if line.raw.startswith(HEADER):
            into.record()
            into.accept()
            session_id = line.raw.removeprefix(HEADER).strip().decode("utf-8", "replace")
            reader.begin_session(session_id, Place(line.number, line.offset, len(line.raw)), None)
        else:
            take_record(line, into, reader.read_line)


def _load_database(source: Source, reader: LogReader, into: Evidence) -> None:
    number = 0
    try:
        with open_sqlite(source, into) as con:
            there = tables(con)
            for table in (name for name in (*TABLES, *SETTINGS) if name in there):
                for row in con.execute(f'SELECT rowid AS _rowid, * FROM "{table}"'):
                    number += 1
                    _load_row(table, dict(row), Place(row["_rowid"], number, 0), reader, into)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        into.record()
        into.reject(Place(None, number + 1, 0), f"the database is damaged: {error}", b"")


def _load_row(table: str, row: dict[str, Any], place: Place, reader: LogReader, into: Evidence) -> None:
    into.record()
    if table in SETTINGS:
        into.skip(f"row of {table}: settings, no step")
        return
    row.pop("_rowid", None)
    reader.read_row(table, row, place)
    into.accept()
