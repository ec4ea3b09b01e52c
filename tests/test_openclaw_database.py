"""OpenClaw's database of an agent says what its files of sessions said: the same entries, however they are stored."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import zstandard

from agentlens import Lens, read
from agentlens._source import read_head
from agentlens.loaders import all_loaders

# As `src/state/openclaw-agent-schema.sql` creates them, without the columns that say nothing of a session.
SCHEMA = """
    CREATE TABLE schema_meta (meta_key TEXT NOT NULL PRIMARY KEY, role TEXT NOT NULL, schema_version INTEGER NOT NULL) STRICT;
    CREATE TABLE session_windows (
      session_id TEXT NOT NULL PRIMARY KEY, session_key TEXT NOT NULL, previous_session_id TEXT, reason TEXT,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, status TEXT, parent_session_key TEXT, spawned_by TEXT
    ) STRICT;
"""
PLAIN = """
    CREATE TABLE transcript_events (
      session_id TEXT NOT NULL, seq INTEGER NOT NULL, event_json TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (session_id, seq)
    ) STRICT;
"""
PACKED = """
    CREATE TABLE transcript_events (
      session_id TEXT NOT NULL, seq INTEGER NOT NULL, event_json TEXT, event_zstd BLOB, event_utf8_bytes INTEGER,
      created_at INTEGER NOT NULL, PRIMARY KEY (session_id, seq)
    ) STRICT;
"""
SAID = """
    SELECT name, operation_name, status_code, agent_name, epoch_ns(start_time), epoch_ns(end_time), input_tokens, output_tokens,
      reported_cost_usd, tool_name, tool_call_arguments, tool_call_result, depth
    FROM spans ORDER BY preorder
"""


def write_database(path: Path, sessions: dict[str, list[str]], packed: bool = False, wal: bool = False) -> Path:
    """Write a database of sessions, each a list of JSON texts; rows go in in any order, as OpenClaw's may."""
    con = sqlite3.connect(path)
    con.execute(f"PRAGMA journal_mode = {'WAL' if wal else 'DELETE'}")
    con.executescript(SCHEMA + (PACKED if packed else PLAIN))
    rows: list[tuple[Any, ...]] = []
    for session_id, entries in sessions.items():
        con.execute(
            "INSERT INTO session_windows (session_id, session_key, created_at, updated_at, spawned_by) VALUES (?, ?, 1, 2, ?)",
            (session_id, "agent:apollo:main", "agent:atlas:main"),
        )
        for seq, text in enumerate(entries):
            is_large = packed and len(text) >= 1024
            stored = (None, zstandard.compress(text.encode(), 1), len(text)) if is_large else (text, None, None)
            rows.append((session_id, seq, *(stored if packed else (text,)), 1_776_176_591_000 + seq))
    random.Random(1).shuffle(rows)
    marks = ", ".join("?" * len(rows[0]))
    con.executemany(f"INSERT INTO transcript_events VALUES ({marks})", rows)
    con.commit()
    con.close()
    return path


def entries(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip()]


def load(path: Path) -> Lens:
    return read(path, progress=False)


@pytest.mark.parametrize("form", ["plain", "packed", "write-ahead", "gzip"])
def test_the_database_says_what_the_file_of_the_session_says(form: str, samples: Path, tmp_path: Path) -> None:
    file = samples / "pi_openclaw" / "pi_before-compaction.jsonl"
    lines = entries(file)
    session_id = json.loads(lines[0])["id"]
    path = write_database(tmp_path / "x", {session_id: lines}, packed=form == "packed", wal=form == "write-ahead")
    if form == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes(), 1))
    with load(path) as lens, load(file) as plain:
        assert [row[:3] + row[4:] for row in lens.sql(SAID).fetchall()] == [
            row[:3] + row[4:] for row in plain.sql(SAID).fetchall()
        ]
        assert lens.sql("SELECT DISTINCT agent_name FROM spans").fetchall() == [("apollo",)]
        assert lens.sql("SELECT attributes->>'$.spawned_by' FROM spans WHERE depth = 0").fetchall() == [
            ("agent:atlas:main",)
        ]
        account = "SELECT format, records, accepted + skipped, rejected FROM sources"
        assert lens.sql(account).fetchall() == [("pi", len(lines), len(lines), 0)]
        usages = [json.loads(line)["message"]["usage"] for line in lines if '"role":"assistant"' in line]
        counted = "SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT FROM usage_ledger WHERE is_counted"
        total = sum(usage["input"] + usage["cacheRead"] + usage["cacheWrite"] for usage in usages)
        assert lens.sql(counted).fetchall() == [(total, sum(usage["output"] for usage in usages))]


def said(role: str, text: str, **more: Any) -> str:
    message = {"role": role, "content": [{"type": "text", "text": text}], **more}
    return json.dumps(
        {"type": "message", "id": text, "parentId": None, "timestamp": "2026-01-01T00:00:00Z", "message": message}
    )


def test_a_session_without_a_header_is_one_and_damaged_rows_are_rejects(tmp_path: Path) -> None:
    usage = {"input": 100, "output": 10, "cacheRead": 1000, "cacheWrite": 5}
    sessions = {
        "s1": [said("user", "fix it"), said("assistant", "done", usage=usage)],
        "s2": ["{torn", said("user", "again")],
    }
    path = write_database(tmp_path / "x", sessions, packed=True)
    with sqlite3.connect(path) as con:
        con.execute("INSERT INTO transcript_events VALUES ('s2', 9, NULL, ?, 1, 2)", (b"\x28\xb5\x2f\xfdno",))
        con.execute("INSERT INTO transcript_events VALUES ('s2', 10, NULL, NULL, NULL, 2)")
    con.close()
    with load(path) as lens:
        assert lens.sql("SELECT records, accepted, rejected FROM sources").fetchall() == [(6, 3, 3)]
        assert lens.sql("SELECT trace_id, input_tokens FROM spans WHERE operation_name = 'chat'").fetchall() == [
            ("s1", 1105)
        ]
        roots = "SELECT trace_id, source_line FROM spans WHERE name = 'session' ORDER BY 1"
        assert lens.sql(roots).fetchall() == [("s1", None), ("s2", None)]


def test_a_write_ahead_log_beside_the_database_is_known_to_be_missing(tmp_path: Path) -> None:
    path = write_database(tmp_path / "x.sqlite", {"s": [said("user", "one")]})
    (tmp_path / "x.sqlite-wal").write_bytes(b"later rows")
    with load(path) as lens:
        [(missing,)] = lens.sql("SELECT known_missing[1] FROM sources").fetchall()
        assert "x.sqlite-wal" in missing


@pytest.mark.parametrize("packed", [False, True])
def test_only_this_loader_claims_the_database(packed: bool, tmp_path: Path) -> None:
    path = write_database(tmp_path / "x", {"s": [said("user", "one")]}, packed)
    head = read_head(path, None)
    assert [name for name, loader in all_loaders().items() if loader.sniff(head)] == ["pi"]


def test_a_database_of_something_else_is_rejected_with_a_reason(tmp_path: Path) -> None:
    con = sqlite3.connect(tmp_path / "x")
    con.executescript(
        "CREATE TABLE session_windows (a); CREATE VIEW transcript_events AS SELECT 1 AS session_id, 2 AS seq, 3 AS event_json"
    )
    con.close()
    with load(tmp_path / "x") as lens:
        [(reason,)] = lens.sql("SELECT reason FROM rejects").fetchall()
        assert "no table transcript_events" in reason
