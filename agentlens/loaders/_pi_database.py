"""OpenClaw's database of an agent, `~/.openclaw/agents/<agent>/agent/openclaw-agent.sqlite`: the same entries, a row each.

Source: openclaw `src/state/openclaw-agent-schema.sql` and `docs/reference/database-schemas/agent-schema-history.md`
(schemas 8 to 25). `transcript_events` has an entry a row, in `event_json`, or since schema 23 compressed in `event_zstd`.
A row is no range of bytes: its line is its rowid, its offset its number in reading order, its length 0.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Place, Source
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, parse_line, text_of
from agentlens.loaders._pi_session import SessionReader, begin_session
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._sqlite import columns, open_sqlite, tables

EVENTS = "transcript_events"
# OpenClaw compresses no entry of more than 4 MiB.
LARGEST = 16 * 1024 * 1024
# The tables that say what a session is, by version of the schema, and what is taken from them.
SESSIONS = ("session_windows", "sessions", "session_nodes")
FACTS = ("session_key", "previous_session_id", "reason", "parent_session_key", "spawned_by", "status", "channel", "display_name")  # fmt: skip
_AGENT_KEY = re.compile(r"agent:([^:]+):.*")


def load_database(source: Source, into: Evidence) -> None:
    """Add the session of each `session_id`; each row of `transcript_events` is a record."""
    number = 0
    try:
        with open_sqlite(source, into) as con:
            if not {"session_id", "seq", "event_json"} <= columns(con, EVENTS) or EVENTS not in tables(con):
                raise sqlite3.DatabaseError(f"it has no table {EVENTS} with session_id, seq and event_json")
            store = _Store(con, source)
            for session_id, rows in groupby(store.rows(), key=lambda row: row["session_id"]):
                reader = _SessionRows(store, into, str(session_id))
                for row in rows:
                    number += 1
                    _take(row, number, reader, into)
                reader.finish()
    except sqlite3.Error as error:
        into.record()
        into.reject(Place(None, number + 1, 0), f"the database is damaged: {error}", b"")


def _take(row: sqlite3.Row, number: int, reader: _SessionRows, into: Evidence) -> None:
    place = Place(row["_rowid"], number, 0)
    try:
        raw = _entry_bytes(row)
    except UnusableLine as error:
        into.record()
        return into.reject(place, str(error), b"")
    take_record(Line(row["_rowid"], number, raw), into, lambda entry, _: reader.read(entry, place, row))


class _Store:
    """The rows of a database, in order and one by one."""

    def __init__(self, con: sqlite3.Connection, source: Source) -> None:
        self._con, self._source = con, source
        packed = "event_zstd" if "event_zstd" in columns(con, EVENTS) else "NULL AS event_zstd"
        created = "created_at" if "created_at" in columns(con, EVENTS) else "NULL AS created_at"
        self._select = f"SELECT rowid AS _rowid, session_id, event_json, {packed}, {created} FROM {EVENTS}"
        self._about = self._sessions()

    def rows(self) -> Iterator[sqlite3.Row]:
        """Yield every row: session by session, in the order in which its entries were written."""
        yield from self._con.execute(f"{self._select} ORDER BY session_id, seq")

    def entry(self, place: Place) -> dict[str, Any]:
        """Return the entry of a row that was read before."""
        row = self._con.execute(f"{self._select} WHERE rowid = ?", (place.line,)).fetchone()
        return dict_of(parse_line(_entry_bytes(row)))

    def facts(self, session_id: str) -> dict[str, Any]:
        """Return what the database says of a session beside its entries."""
        return self._about.get(session_id, {})

    def agent_name(self, session_id: str) -> str:
        """Return the agent: OpenClaw says it in the key of a session and in the folder `agents/<agent>/agent`."""
        key = _AGENT_KEY.fullmatch(text_of(self.facts(session_id).get("session_key")) or "")
        folders = self._source.path.parts[:-1]
        is_agent_folder = len(folders) > 2 and folders[-1] == "agent" and folders[-3] == "agents"
        return key[1] if key else folders[-2] if is_agent_folder else "openclaw"

    def _sessions(self) -> dict[str, dict[str, Any]]:
        about: dict[str, dict[str, Any]] = {}
        for table in sorted(tables(self._con) & set(SESSIONS), key=SESSIONS.index, reverse=True):
            there = columns(self._con, table)
            identity = next((name for name in ("session_id", "current_session_id") if name in there), None)
            names = [name for name in FACTS if name in there]
            if identity and names:
                for row in self._con.execute(f"SELECT {identity}, {', '.join(names)} FROM {table}"):
                    told = {name: row[name] for name in names if isinstance(row[name], (str, int))}
                    about[str(row[0])] = about.get(str(row[0]), {}) | told
        return about


class _SessionRows:
    """Begins a session with its header, or without one where it has none, and hands the other entries on."""

    def __init__(self, store: _Store, into: Evidence, session_id: str) -> None:
        self._store, self._into, self._session_id = store, into, session_id
        self._session: SessionReader | None = None
        self._header: tuple[Place, dict[str, Any]]

    def read(self, entry: dict[str, Any], place: Place, row: sqlite3.Row) -> str | None:
        """Take an entry; returns the reason when it is skipped. Raises UnusableLine."""
        is_header = entry.get("type") == "session"
        if self._session is None:
            told = entry if is_header else {"timestamp": row["created_at"]}
            header = {**told, **self._store.facts(self._session_id), "id": self._session_id}
            # A session that no entry begins stands nowhere but in the row of its first entry.
            self._header = place if is_header else place._replace(line=None), header
            memory = begin_session(header, self._header[0], self._store.agent_name(self._session_id))
            self._session = SessionReader(self._into, memory, self._entry)
            if is_header:
                return None
        return "another header of the session" if is_header else self._session.read_entry(entry, place)

    def finish(self) -> None:
        """Add what is still open."""
        if self._session is not None:
            self._session.finish()

    def _entry(self, place: Place) -> dict[str, Any]:
        return self._header[1] if place == self._header[0] else self._store.entry(place)


def _entry_bytes(row: sqlite3.Row) -> bytes:
    """Return the JSON of an entry, however it is stored; raises UnusableLine."""
    import zstandard

    plain, packed = row["event_json"], row["event_zstd"]
    if isinstance(plain, str):
        return plain.encode()
    if not isinstance(packed, bytes):
        raise UnusableLine("a row without an entry")
    try:
        size = zstandard.get_frame_parameters(packed).content_size
        if size not in (zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR) and size > LARGEST:
            raise UnusableLine(f"an entry that expands to more than {LARGEST >> 20} MB")
        return bytes(zstandard.ZstdDecompressor().decompress(packed, max_output_size=LARGEST))
    except zstandard.ZstdError as error:
        raise UnusableLine(f"an entry that cannot be unpacked: {error}") from error
