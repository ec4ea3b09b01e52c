"""Logs of AG2, held against what plain `sqlite3` finds in the same database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from session_evidence import account, assert_accounts_balance, counted, one, read, rows

import agentlens as al


def test_ag2_database_and_file_tell_the_same_story(samples: Path) -> None:
    folder = samples / "autogen_ag2"
    con = sqlite3.connect(f"file:{folder / 'logs.db'}?immutable=1", uri=True)
    events = con.execute("SELECT event_name, source_name, json_state FROM events ORDER BY id").fetchall()
    received = [
        (json.loads(state)["sender"], agent, json.loads(state)["message"])
        for name, agent, state in events
        if name == "received_message"
    ]
    replies = [agent for name, agent, state in events if name == "reply_func_executed" and json.loads(state)["final"]]
    for path in (folder / "logs.db", folder / "autogen_logs/runtime.log"):
        lens = read(path)
        assert rows(lens, "SELECT sender, recipient, payload FROM agent_messages ORDER BY time") == received
        query = "SELECT agent_name FROM spans WHERE operation_name = 'invoke_agent' ORDER BY end_time"
        assert [agent for (agent,) in rows(lens, query)] == replies
        assert rows(lens, "SELECT agent_name, known_from FROM agents ORDER BY 1") == [
            ("coder", "manifest"),
            ("planner", "manifest"),
        ]


def ag2_database(path: Path, *statements: tuple[str, tuple[Any, ...]]) -> Path:
    con = sqlite3.connect(path)
    con.execute(
        "CREATE TABLE chat_completions (id INTEGER PRIMARY KEY, invocation_id TEXT, client_id INTEGER, wrapper_id "
        "INTEGER, session_id TEXT, "
        "source_name TEXT, request TEXT, response TEXT, is_cached INEGER, cost REAL, start_time DATETIME, end_time "
        "DATETIME)"
    )
    con.execute("CREATE TABLE oai_clients (id INTEGER PRIMARY KEY)")
    con.execute(
        "CREATE TABLE function_calls (source_id INTEGER, source_name TEXT, function_name TEXT, args TEXT, returns "
        "TEXT, timestamp DATETIME)"
    )
    for statement, values in statements:
        con.execute(statement, values)
    con.commit()
    con.close()
    return path


COMPLETION = (
    "INSERT INTO chat_completions VALUES (NULL, ?, 1, 1, 's', 'bob', ?, ?, ?, 0.5, '2026-01-01 00:00:01', '2026-01-01 "
    "00:00:03')"
)


def test_ag2_completions_count_once_and_cached_replies_cost_nothing(tmp_path: Path) -> None:
    request = json.dumps(
        {"model": "gpt-4o", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}
    )
    choices = [{"finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]
    response = json.dumps(
        {"model": "gpt-4o-2024", "choices": choices, "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    )
    function = ("INSERT INTO function_calls VALUES (1, 'bob', 'add', '{}', '3', '2026-01-01 00:00:02')", ())
    path = ag2_database(
        tmp_path / "x.db",
        (COMPLETION, ("i1", request, response, 0)),
        (COMPLETION, ("i2", request, response, 1)),
        function,
    )
    lens = read(path)
    assert account(lens) == [(3, 3, 0, 0)]
    assert counted(lens, "input_tokens", "output_tokens") == (9, 2)
    assert one(lens, "SELECT sum(reported_cost_usd) FROM spans") == 0.5
    assert rows(lens, "SELECT agent_name, tool_call_result FROM spans WHERE tool_name = 'add'") == [("bob", "3")]
    assert one(lens, "SELECT count(*) FROM span_messages WHERE direction = 'system'") == 2


def test_ag2_database_that_is_damaged_or_hostile_is_rejected_not_run(tmp_path: Path) -> None:
    path = ag2_database(tmp_path / "x.db")
    con = sqlite3.connect(path)
    con.execute("DROP TABLE function_calls")
    con.execute(
        "CREATE VIEW function_calls AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    )
    con.commit()
    con.close()
    con = sqlite3.connect(path)
    con.execute("CREATE VIRTUAL TABLE events USING fts5(event_name)")
    con.execute("INSERT INTO events VALUES ('x')")
    con.commit()
    con.close()
    assert account(read(path)) == [(0, 0, 0, 0)]
    data = bytearray(path.read_bytes())
    data[100:108] = b"\xff" * 8
    (tmp_path / "y.db").write_bytes(data)
    assert_accounts_balance(al.read(tmp_path / "y.db", format="ag2", progress=False), rejected=1)
