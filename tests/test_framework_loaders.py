"""Logs of agent frameworks, evals and chats, held against what plain `json`, `zipfile` and `sqlite3` find in the same
files.
"""

from __future__ import annotations

import io
import json
import random
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zipfile_zstd
from session_evidence import (
    account,
    assert_accounts_balance,
    assert_nothing_dangles,
    assert_places_hold,
    count,
    counted,
    lines,
    names,
    one,
    per_file,
    read,
    rows,
    write,
)

import agentlens as al

DOCUMENTS = ("google_adk/*", "inspect/[2l]*.json", "inspect/generated/*.json", "langgraph_checkpoint/*", "smolagents/*")
OTHERS = ("autogen_ag2/**/*.log", "autogen_ag2/*.db", "autogen_ag2/chat*", "inspect/**/*.eval")


@pytest.mark.parametrize("pattern", [*DOCUMENTS, *OTHERS])
def test_of_every_sample_each_record_is_accounted_for_and_has_its_place(pattern: str, samples: Path) -> None:
    paths = sorted(samples.glob(pattern))
    lens = read(*paths)
    assert len(account(lens)) == len(paths)
    assert_accounts_balance(lens)
    assert_nothing_dangles(lens)
    assert one(lens, "SELECT count(*) FROM spans WHERE is_orphan OR is_cycle_broken") == 0
    if pattern in DOCUMENTS:
        assert_places_hold(lens)


def dump(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value, indent=1))
    return path


# --- Inspect ----------------------------------------------------------------------------------------------------------


def inspect_log(path: Path) -> dict[str, Any]:
    """Return header and samples of an Inspect log, archive or document."""
    if path.suffix == ".json":
        log: dict[str, Any] = json.loads(path.read_text())
        return log
    with zipfile_zstd.ZipFile(path) as archive:
        members = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    return members["header.json"] | {
        "samples": [members[name] for name in sorted(members) if name.startswith("samples/")]
    }


def inspect_events(sample: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = sample.get("events") or sample.get("transcript", {}).get("events") or []
    return events


def inspect_files(samples: Path) -> list[Path]:
    return sorted(
        path for path in samples.glob("inspect/**/*") if path.is_file() and path.name != "parallel_spans.json"
    )


def test_inspect_totals_equal_the_statistics_of_each_log(samples: Path) -> None:
    paths = inspect_files(samples)
    figures = "coalesce(sum(input_tokens), 0)::INT, coalesce(sum(output_tokens), 0)::INT"
    found = per_file(read(*paths), f"{figures.replace('tokens)', 'tokens) FILTER (usage_scope = $$self$$)')}")
    for path in paths:
        usage = (inspect_log(path).get("stats") or {}).get("model_usage") or {}
        total = tuple(sum(one_model[key] for one_model in usage.values()) for key in ("input_tokens", "output_tokens"))
        if path.name != "log_tool_call_error.json":  # states a total, but holds no call
            assert found[path.name] == total, path.name


def test_inspect_samples_have_a_span_for_each_model_event_each_tool_and_each_span_begun(samples: Path) -> None:
    paths = inspect_files(samples)
    figures = "count(*) FILTER (operation_name = 'chat'), count(*) FILTER (operation_name = 'execute_tool'), count(*)"
    found = per_file(read(*paths), figures)
    for path in paths:
        tested = inspect_log(path)["samples"]
        events = [event for sample in tested for event in inspect_events(sample)]
        answers = [m for s in tested if not inspect_events(s) for m in s["messages"] if m["role"] == "tool"]
        calls = sum(event["event"] == "model" for event in events)
        tools = sum(event["event"] == "tool" for event in events)
        begun = [e for e in events if e["event"] == "span_begin" or (e["event"] == "step" and e["action"] == "begin")]
        others = sum(event["type"] != "tool" for event in begun)
        expected = calls, tools + len(answers), calls + tools + len(answers) + others + len(tested)
        assert found[path.name] == expected, path.name


def test_inspect_messages_of_calls_are_the_inputs_with_attachments_resolved(samples: Path) -> None:
    path = samples / "inspect/2025-05-12T20-27-36-04-00_browser.json"
    lens, sample = read(path), inspect_log(path)["samples"][0]
    model = [event for event in sample["events"] if event["event"] == "model"]
    shown = sum(len(event["input"]) for event in model)
    assert one(lens, "SELECT count(*) FROM span_messages WHERE direction <> 'output'") == shown
    assert one(lens, "SELECT count(*) FROM messages WHERE parts::VARCHAR LIKE '%attachment://%'") == 0


def test_inspect_pooled_inputs_are_the_ranges_that_are_referred_to(samples: Path) -> None:
    path = next(samples.glob("inspect/generated/*.json"))
    lens, sample = read(path), inspect_log(path)["samples"][0]
    refs = [event["input_refs"] for event in sample["events"] if event["event"] == "model"]
    expected = [sum(end - start for start, end in ranges) for ranges in refs]
    query = """
        SELECT count(*) FROM span_messages JOIN spans USING (trace_id, span_id)
        WHERE direction <> 'output' AND operation_name = 'chat' GROUP BY span_id ORDER BY any_value(start_time)"""
    assert [number for (number,) in rows(lens, query)] == expected


def test_inspect_handoff_puts_the_agent_under_the_tool_that_handed_over(samples: Path) -> None:
    for path in samples.glob("inspect/generated/*"):
        assert names(read(path))[4:10] == [
            "   invoke_agent supervisor",
            "    chat mockllm/model",
            "    handoff researcher",
            "     execute_tool transfer_to_researcher",
            "      invoke_agent researcher",
            "       chat mockllm/model",
        ]


def test_inspect_input_tokens_include_cached_ones_whichever_way_they_were_logged(tmp_path: Path) -> None:
    def log(usage: dict[str, int]) -> dict[str, Any]:
        event = {"event": "model", "uuid": "u", "model": "m", "input": [], "output": {"choices": [], "usage": usage}}
        header = {"version": 2, "status": "success", "eval": {"task": "t", "eval_id": "e"}}
        return header | {"samples": [{"id": 1, "epoch": 1, "events": [event]}]}

    usage = {"input_tokens": 10, "output_tokens": 5, "input_tokens_cache_read": 80, "input_tokens_cache_write": 7}
    apart = dump(tmp_path / "a.json", log(usage | {"total_tokens": 102}))
    inside = dump(tmp_path / "b.json", log(usage | {"input_tokens": 97, "total_tokens": 102}))
    assert counted(read(apart), "input_tokens", "output_tokens") == (97, 5)
    assert counted(read(inside), "input_tokens", "output_tokens") == (97, 5)
    assert "excludes cache" in one(read(apart), "SELECT input_tokens_meaning FROM sources")


def test_inspect_archive_with_a_damaged_member_keeps_the_others(samples: Path, tmp_path: Path) -> None:
    source = samples / "inspect/log_streaming.eval"
    data = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        victim = next(info for info in archive.infolist() if info.filename.startswith("samples/"))
    start = victim.header_offset + 60
    data[start : start + 40] = b"\xff" * 40
    path = tmp_path / "x.eval"
    path.write_bytes(data)
    lens = read(path)
    assert_accounts_balance(lens, rejected=1)
    assert one(lens, "SELECT count(*) FROM spans WHERE depth = 0") == 3


def test_inspect_archive_without_header_says_so(samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(samples / "inspect/log_streaming.eval") as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if name != "header.json":
                target.writestr(name, source.read(name))
    lens = read(path)
    assert "no header" in str(rows(lens, "SELECT known_missing FROM sources"))
    assert one(lens, "SELECT count(*) FROM spans WHERE depth = 0") == 4


# --- smolagents -------------------------------------------------------------------------------------------------------


def test_smolagents_steps_carry_their_usage_and_their_errors(samples: Path) -> None:
    for path in samples.glob("smolagents/*"):
        steps = [step for step in json.loads(path.read_text()) if "step_number" in step]
        lens = read(path)
        assert counted(lens, "input_tokens", "output_tokens") == tuple(
            sum(step["token_usage"][key] for step in steps) for key in ("input_tokens", "output_tokens")
        )
        assert count(lens, "chat") == len(steps)
        assert count(lens, "execute_tool") == sum(len(step["model_output_message"]["tool_calls"]) for step in steps)
        failed = sum(bool(step["error"]) for step in steps)
        assert one(lens, "SELECT count(*) FROM spans WHERE name LIKE 'step%' AND status_code = 'ERROR'") == failed
        shown = sum(len(step["model_input_messages"]) for step in steps)
        query = "SELECT count(*) FROM span_messages WHERE span_id LIKE 'call:%' AND direction <> 'output'"
        assert one(lens, query) == shown
        duration = one(lens, "SELECT sum(duration_ns) / 1e9 FROM spans WHERE name LIKE 'step%'")
        assert duration == pytest.approx(sum(step["timing"]["duration"] for step in steps), abs=1e-4)


# --- chats ------------------------------------------------------------------------------------------------------------

TAU = {
    "task_id": 7, "trial": 1, "reward": 0.0, "info": {"source": "user"},
    "traj": [
        {"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"x": 1}'}},
            {"id": "b", "type": "function", "function": {"name": "buy", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "b", "name": "buy", "content": "bought"},
        {"role": "tool", "tool_call_id": "a", "name": "find", "content": "found"},
        {"role": "assistant", "content": "done"},
    ],
}  # fmt: skip


def test_tau_bench_results_are_a_trace_each_with_their_tool_calls_answered_by_id(tmp_path: Path) -> None:
    lens = read(dump(tmp_path / "x.json", [TAU, TAU | {"trial": 2}]))
    assert account(lens) == [(12, 12, 0, 0)]
    assert names(lens)[:5] == ["task 7 trial 1", " chat", " execute_tool find", " execute_tool buy", " chat"]
    assert sorted(rows(lens, "SELECT DISTINCT tool_name, tool_call_result FROM spans WHERE tool_name IS NOT NULL")) == [
        ("buy", "bought"),
        ("find", "found"),
    ]
    assert one(lens, "SELECT count(DISTINCT trace_id) FROM spans") == 2
    assert_places_hold(lens)
    assert_nothing_dangles(lens)


def test_who_and_when_speakers_are_agents_and_their_failure_is_kept(tmp_path: Path) -> None:
    history = [
        {"role": "human", "content": "q"}, {"role": "Orchestrator (thought)", "content": "plan"},
        {"role": "Orchestrator (-> WebSurfer)", "content": "look"}, {"role": "WebSurfer", "content": "seen"},
    ]  # fmt: skip
    lens = read(dump(tmp_path / "x.json", {"question_ID": "z", "mistake_agent": "WebSurfer", "history": history}))
    query = "SELECT agent_name FROM spans WHERE operation_name = 'chat' ORDER BY preorder"
    assert [agent for (agent,) in rows(lens, query)] == ["Orchestrator", "Orchestrator", "WebSurfer"]
    assert rows(lens, "SELECT sender, recipient, payload FROM agent_messages") == [
        ("Orchestrator", "WebSurfer", "look")
    ]
    assert one(lens, "SELECT attributes->>'$.mistake_agent' FROM spans WHERE depth = 0") == "WebSurfer"


@pytest.mark.parametrize("key", ["messages", "history", "chat_history"])
@pytest.mark.parametrize("shape", ["document", "lines"])
def test_a_chat_is_read_under_any_of_its_keys(key: str, shape: str, tmp_path: Path) -> None:
    chat = {key: [{"role": "user", "content": "a"}, {"role": "assistant", "name": "bob", "content": "b"}]}
    path = dump(tmp_path / "x", chat) if shape == "document" else write(tmp_path / "x", chat, chat | {"id": 2})
    lens = read(path)
    assert count(lens, "chat") == (1 if shape == "document" else 2)
    assert rows(lens, "SELECT DISTINCT agent_name FROM spans WHERE agent_name IS NOT NULL") == [("bob",)]


def test_lines_of_messages_are_one_chat(tmp_path: Path) -> None:
    path = write(tmp_path / "x", {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "x"})
    lens = read(path)
    assert names(lens) == ["chat", " chat", " chat"]
    assert account(lens) == [(3, 3, 0, 0)]


# --- Google ADK -------------------------------------------------------------------------------------------------------


def test_adk_samples_have_a_call_for_each_answer_and_a_tool_for_each_function_call(samples: Path) -> None:
    for path in samples.glob("google_adk/*.session.json"):
        session = json.loads(path.read_text())
        parts = [(e, part) for e in session["events"] for part in e["content"]["parts"]]
        answers = {
            event["id"] for event, part in parts if event["author"] != "user" and "function_response" not in part
        }
        logged = [log["model_response"]["usage_metadata"] for log in session["event_logs"]]
        lens = read(path)
        assert count(lens, "chat") == len(answers)
        assert count(lens, "execute_tool") == sum("function_call" in part for _, part in parts)
        assert counted(lens, "input_tokens", "output_tokens") == tuple(
            sum(usage[key] for usage in logged) for key in ("prompt_token_count", "candidates_token_count")
        )
        authors = {event["author"] for event in session["events"]} - {"user"}
        assert {agent for (agent,) in rows(lens, "SELECT agent_name FROM agents")} == authors
        assert one(lens, "SELECT count(*) FROM messages") <= len(parts)


def adk_event(number: int, author: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    role = "user" if author == "user" else "model"
    content = {"role": role, "parts": list(parts)}
    return {
        "id": f"e{number}",
        "invocationId": "i",
        "author": author,
        "timestamp": 1.7e9 + number,
        "content": content,
        **fields,
    }


def test_adk_branches_nest_agents_and_partial_events_are_skipped(tmp_path: Path) -> None:
    usage = {
        "promptTokenCount": 10,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 4,
        "cachedContentTokenCount": 6,
        "totalTokenCount": 17,
    }
    call = {"functionCall": {"id": "f", "name": "transfer_to_agent", "args": {"agent_name": "b"}}}
    answer = {"functionResponse": {"id": "f", "name": "transfer_to_agent", "response": {"error": "denied"}}}
    events = [
        adk_event(1, "user", {"text": "go"}), adk_event(2, "a", {"text": "th"}, partial=True),
        adk_event(3, "a", call, branch="a", usageMetadata=usage), adk_event(4, "a", answer, branch="a"),
        adk_event(5, "b", {"text": "mm", "thought": True}, {"text": "ok"}, branch="a.b", usageMetadata=usage),
        adk_event(6, "b", errorCode="SAFETY", errorMessage="no", branch="a.b"),
    ]  # fmt: skip
    lens = read(dump(tmp_path / "x.json", {"id": "s", "appName": "app", "userId": "u", "events": events}))
    assert account(lens) == [(6, 5, 0, 1)]
    assert names(lens) == [
        "session app", " invocation 1", "  invoke_agent a", "   chat", "   execute_tool transfer_to_agent",
        "   invoke_agent b", "    chat", "    chat",
    ]  # fmt: skip
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens", "reasoning_output_tokens") == (
        20,
        14,
        12,
        8,
    )
    assert rows(lens, "SELECT name, error_type FROM spans WHERE status_code = 'ERROR' ORDER BY preorder") == [
        ("execute_tool transfer_to_agent", None),
        ("chat", "SAFETY"),
    ]
    assert rows(lens, "SELECT sender, recipient, kind FROM agent_messages") == [("a", "b", "handoff")]


# --- AG2 --------------------------------------------------------------------------------------------------------------


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


# --- LangGraph --------------------------------------------------------------------------------------------------------


def langchain_messages(path: Path) -> dict[str, dict[str, Any]]:
    """Return every message of a history once, by its id."""
    found = {}
    for snapshot in lines(path):
        for message in snapshot["values"].get("messages", []):
            found[message["kwargs"]["id"]] = message["kwargs"]
    return found


def test_langgraph_snapshots_repeat_messages_but_each_call_counts_once(samples: Path) -> None:
    path = samples / "langgraph_checkpoint/state_history.jsonl"
    messages = langchain_messages(path).values()
    usages = [message["usage_metadata"] for message in messages if message.get("usage_metadata")]
    lens = read(path)
    assert counted(lens, "input_tokens", "output_tokens") == tuple(
        sum(usage[key] for usage in usages) for key in ("input_tokens", "output_tokens")
    )
    assert count(lens, "chat") == len(usages)
    assert count(lens, "execute_tool") == sum(message["type"] == "tool" for message in messages)
    assert one(lens, "SELECT count(*) FROM messages") == len(messages)
    assert len(names(lens, "name LIKE 'step %'")) == len(lines(path))


def test_langgraph_call_stands_in_the_step_whose_snapshot_first_has_it(samples: Path) -> None:
    path = samples / "langgraph_checkpoint/state_history.jsonl"
    first: dict[str, str] = {}
    for snapshot in sorted(lines(path), key=lambda snapshot: snapshot["metadata"]["step"]):
        for message in snapshot["values"].get("messages", []):
            first.setdefault(message["kwargs"]["id"], snapshot["config"]["configurable"]["checkpoint_id"])
    query = "SELECT span_id, parent_span_id FROM spans WHERE operation_name = 'chat'"
    for span_id, parent in rows(read(path), query):
        assert parent == first[span_id]


def test_langgraph_history_reads_the_same_in_any_order_and_as_one_list(samples: Path, tmp_path: Path) -> None:
    path = samples / "langgraph_checkpoint/state_history.jsonl"
    snapshots = lines(path)
    expected = rows(
        read(path), "SELECT span_id, parent_span_id, agent_name, start_time, input_tokens FROM spans ORDER BY span_id"
    )
    random.Random(1).shuffle(snapshots)
    for other in (write(tmp_path / "a", *snapshots), dump(tmp_path / "b", snapshots)):
        found = rows(
            read(other),
            "SELECT span_id, parent_span_id, agent_name, start_time, input_tokens FROM spans ORDER BY span_id",
        )
        assert found == expected


# --- A2A --------------------------------------------------------------------------------------------------------------


def test_a2a_examples_of_the_specification_are_kept_or_rejected_with_a_reason(samples: Path) -> None:
    path = samples / "a2a/spec_examples.jsonl"
    records = lines(path)
    cards = [record for record in records if "name" in record and "capabilities" in record]
    asked = [record for record in records if record.get("method")]
    errors = [record for record in records if "error" in record]
    said = [record for record in records if "parts" in record and ("role" in record or "artifactId" in record)]
    lens = read(path)
    fragments = len(records) - len(cards) - len(asked) - len(errors) - len(said)
    assert account(lens) == [(len(records), len(cards) + len(errors) + len(said), fragments, len(asked))]
    assert one(lens, "SELECT count(*) FROM agent_messages") == len(said)
    assert {agent for (agent,) in rows(lens, "SELECT agent_name FROM agents WHERE known_from = 'manifest'")} == {
        card["name"] for card in cards
    }
    assert count(lens, "chat") == 0


@pytest.mark.parametrize("version", ["0.3", "1.0"])
def test_a2a_task_has_the_last_state_and_each_message_once(version: str, tmp_path: Path) -> None:
    is_new = version == "1.0"
    user, agent = ("ROLE_USER", "ROLE_AGENT") if is_new else ("user", "agent")
    state = (lambda name: f"TASK_STATE_{name.upper()}") if is_new else str

    def message(identity: str, role: str, text: str, **fields: Any) -> dict[str, Any]:
        kind = {} if is_new else {"kind": "message"}
        return kind | {
            "messageId": identity,
            "role": role,
            "parts": [{"text": text} | ({} if is_new else {"kind": "text"})],
            **fields,
        }

    task = {"id": "T", "contextId": "c", "status": {"state": state("working"), "timestamp": "2026-01-01T00:00:00Z"}}
    task |= {"history": [message("m1", user, "hi", taskId="T")]} | ({} if is_new else {"kind": "task"})
    update = {
        "taskId": "T",
        "contextId": "c",
        "status": {"state": state("failed"), "timestamp": "2026-01-01T00:00:09Z"},
    }
    update["status"]["message"] = message("m2", agent, "boom")
    sent = message("m1", user, "hi", contextId="c")
    path = write(
        tmp_path / "x",
        {"jsonrpc": "2.0", "id": 1, "method": "SendMessage" if is_new else "message/send", "params": {"message": sent}},
        {"jsonrpc": "2.0", "id": 1, "result": {"task": task} if is_new else task},
        {"statusUpdate": update} if is_new else {"kind": "status-update", "final": True, **update},
    )
    lens = read(path)
    assert rows(lens, "SELECT trace_id, status_code, status_message, error_type, duration_ns / 1e9 FROM spans") == [
        ("c", "ERROR", "boom", "failed", 9.0)
    ]
    assert rows(lens, "SELECT message_id, sender, payload FROM agent_messages ORDER BY 1") == [
        ("m1", "user", "hi"),
        ("m2", "agent", "boom"),
    ]
    assert rows(lens, "SELECT direction, count(*) FROM span_messages GROUP BY 1 ORDER BY 1") == [
        ("input", 1),
        ("output", 1),
    ]


# --- Sentry -----------------------------------------------------------------------------------------------------------

TRANSACTION = {
    "event_id": "e1",
    "type": "transaction",
    "platform": "python",
    "transaction": "wave",
    "start_timestamp": 1700000000.0,
    "timestamp": "2023-11-14T22:13:30.5Z",
    "contexts": {
        "trace": {
            "trace_id": "t",
            "span_id": "a",
            "op": "gen_ai.invoke_agent",
            "status": "ok",
            "data": {"gen_ai.agent.name": "Atlas"},
        }
    },
    "spans": [
        {
            "span_id": "b",
            "parent_span_id": "a",
            "op": "gen_ai.chat",
            "description": "chat gpt-4o",
            "start_timestamp": 1700000001.0,
            "timestamp": 1700000002.0,
            "status": "internal_error",
            "data": {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2},
        }
    ],
    "breadcrumbs": {
        "values": [
            {
                "timestamp": 1700000000.5,
                "category": "agent.dispatch",
                "message": "go",
                "data": {"from": "Atlas", "to": "Apollo"},
            },
            {"timestamp": 1700000000.7, "category": "http", "data": {"url": "x"}},
        ]
    },
}
FAILURE = {
    "event_id": "e2",
    "platform": "python",
    "level": "error",
    "timestamp": 1700000002.0,
    "contexts": {"trace": {"trace_id": "t", "span_id": "b"}},
    "exception": {"values": [{"type": "ValueError", "value": "bad"}, {"type": "RateLimitError", "value": "slow down"}]},
}


def test_sentry_transaction_is_a_tree_of_spans_and_an_error_stands_in_its_span(tmp_path: Path) -> None:
    lens = read(write(tmp_path / "x", TRANSACTION, FAILURE))
    assert account(lens) == [(5, 5, 0, 0)]
    assert names(lens) == ["wave", " chat gpt-4o", "  RateLimitError"]
    query = "SELECT operation_name, agent_name, status_code, error_type, status_message FROM spans ORDER BY preorder"
    assert rows(lens, query) == [
        ("invoke_agent", "Atlas", "OK", None, None),
        ("chat", "Atlas", "ERROR", None, "internal_error"),
        (None, "Atlas", "ERROR", "RateLimitError", "slow down"),
    ]
    assert counted(lens, "input_tokens", "output_tokens") == (5, 2)
    assert rows(lens, "SELECT sender, recipient, kind, payload FROM agent_messages") == [
        ("Atlas", "Apollo", "breadcrumb", "go")
    ]
    assert rows(lens, "SELECT name FROM span_events ORDER BY event_index") == [("agent.dispatch",), ("http",)]
    assert_places_hold(lens)


def test_sentry_envelope_skips_its_headers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x",
        {"event_id": "e1", "sent_at": "2026-01-01T00:00:00Z"},
        {"type": "transaction", "length": 9},
        TRANSACTION,
    )
    assert account(read(path)) == [(6, 4, 0, 2)]


# --- ATIF -------------------------------------------------------------------------------------------------------------


def atif_step(number: int, source: str, message: Any, **fields: Any) -> dict[str, Any]:
    return {
        "step_id": number,
        "timestamp": f"2026-01-01T00:00:{number:02}Z",
        "source": source,
        "message": message,
        **fields,
    }


def trajectory(own: str, *steps: Any, **fields: Any) -> dict[str, Any]:
    agent = {"name": f"agent {own}", "version": "2", "model_name": "gpt-4o"}
    return {
        "schema_version": "ATIF-v1.7",
        "session_id": "s",
        "trajectory_id": own,
        "agent": agent,
        "steps": list(steps),
        **fields,
    }


DELEGATION = {
    "tool_calls": [{"tool_call_id": "c", "function_name": "delegate", "arguments": {"x": 1}}],
    "observation": {
        "results": [{"source_call_id": "c", "content": "ok", "subagent_trajectory_ref": [{"trajectory_id": "t2"}]}]
    },
    "metrics": {"prompt_tokens": 100, "completion_tokens": 10, "cached_tokens": 40, "cost_usd": 0.5},
}
INNER = trajectory("t2", atif_step(1, "agent", "hi", metrics={"prompt_tokens": 7, "completion_tokens": 3}))
OUTER = trajectory(
    "t1", atif_step(1, "system", "s"), atif_step(2, "user", "u"), atif_step(3, "agent", "a", **DELEGATION),
    final_metrics={"total_prompt_tokens": 100, "total_completion_tokens": 10},
)  # fmt: skip
ATIF_TREE = [
    "invoke_agent agent t1",
    " chat gpt-4o",
    " execute_tool delegate",
    "  invoke_agent agent t2",
    "   chat gpt-4o",
]


@pytest.mark.parametrize("is_embedded", [True, False])
def test_atif_sub_agent_hangs_under_its_call_embedded_or_in_a_file_of_its_own(
    is_embedded: bool, tmp_path: Path
) -> None:
    if is_embedded:
        dump(tmp_path / "a.json", OUTER | {"subagent_trajectories": [INNER]})
    else:
        dump(tmp_path / "a.json", OUTER)
        dump(tmp_path / "b.json", INNER)
    lens = read(tmp_path)
    assert names(lens) == ATIF_TREE
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens") == (107, 13, 40)
    assert one(lens, "SELECT sum(records) FROM sources") == 4
    assert_places_hold(lens)
    assert_nothing_dangles(lens)


def test_atif_total_counts_where_no_step_carries_usage_and_copied_context_is_no_work(tmp_path: Path) -> None:
    copied = atif_step(
        1, "agent", "before", is_copied_context=True, metrics={"prompt_tokens": 9, "completion_tokens": 9}
    )
    totals = {"total_prompt_tokens": 50, "total_completion_tokens": 5}
    lens = read(dump(tmp_path / "x.json", trajectory("t", copied, atif_step(2, "agent", "now"), final_metrics=totals)))
    assert counted(lens, "input_tokens", "output_tokens") == (50, 5)
    assert count(lens, "chat") == 1
    assert account(lens) == [(2, 1, 0, 1)]


# --- what is broken, and what is hostile ------------------------------------------------------------------------------

VALID: dict[str, Any] = {
    "a2a": {
        "id": "T",
        "contextId": "c",
        "status": {"state": "failed"},
        "kind": "task",
        "history": [{"role": "user", "parts": [{"text": "x"}]}],
    },
    "atif": OUTER | {"subagent_trajectories": [INNER]},
    "chat_list": TAU,
    "google_adk": {
        "id": "s",
        "appName": "a",
        "events": [adk_event(1, "a", {"functionCall": {"id": "f", "name": "n", "args": {}}}, actions={})],
    },
    "inspect": {
        "version": 2,
        "status": "error",
        "eval": {"task": "t"},
        "samples": [
            {
                "id": 1,
                "epoch": 1,
                "attachments": {},
                "model_usage": {"m": {}},
                "events": [
                    {"event": "span_begin", "id": "i", "type": "agent", "name": "n", "timestamp": "2026-01-01"},
                    {
                        "event": "model",
                        "model": "m",
                        "input_refs": [[0, 1]],
                        "output": {"choices": [{"message": {"role": "assistant"}}], "usage": {"input_tokens": 1}},
                    },
                    {"event": "tool", "function": "f", "error": {"type": "t"}, "events": []},
                ],
                "events_data": {"messages": [{"role": "user", "content": "x"}]},
            }
        ],
    },
    "langgraph": {
        "values": {
            "messages": [
                {
                    "type": "ai",
                    "id": "m",
                    "content": "x",
                    "tool_calls": [{"id": "c", "name": "n", "args": {}}],
                    "usage_metadata": {"input_tokens": 1},
                }
            ]
        },
        "next": ["n"],
        "config": {"configurable": {"thread_id": "t"}},
        "parent_config": {},
        "metadata": {"step": 1},
        "created_at": "2026",
        "tasks": [{"error": "e"}],
    },
    "sentry": TRANSACTION | {"exception": {"values": [{"type": "T"}]}},
    "smolagents": [
        {"task": "t"},
        {
            "step_number": 1,
            "timing": {"start_time": 1.0},
            "model_input_messages": [{"role": "user", "content": "x"}],
            "tool_calls": [{"id": "c", "function": {"name": "n"}}],
            "error": {"type": "e"},
            "model_output_message": {"tool_calls": []},
            "token_usage": {},
        },
    ],
}
STRANGE = (None, 7, -1, 1e308, True, "x", "\ud800", "<script>", [], {}, [[]], [None, 7], {"a": {}}, [{"role": 5}])


def twisted(value: Any, choose: random.Random) -> Any:
    """Return a value with one part, at any depth, replaced by something strange."""
    if choose.random() < 0.15 or not isinstance(value, (dict, list)) or not value:
        return choose.choice(STRANGE)
    if isinstance(value, dict):
        key = choose.choice(list(value))
        return {**value, key: twisted(value[key], choose)}
    index = choose.randrange(len(value))
    return [*value[:index], twisted(value[index], choose), *value[index + 1 :]]


@pytest.mark.parametrize("name", VALID)
def test_values_with_strange_parts_never_raise_and_are_accounted_for(name: str, tmp_path: Path) -> None:
    choose = random.Random(name)
    for number in range(150):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(twisted(VALID[name], choose)))
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("indent", [None, 1])
def test_torn_and_empty_files_never_raise_and_are_accounted_for(name: str, indent: int | None, tmp_path: Path) -> None:
    text = json.dumps(VALID[name], indent=indent)
    for number, end in enumerate(range(0, len(text), max(1, len(text) // 25))):
        (tmp_path / f"{number:03}.json").write_text(text[:end])
    (tmp_path / "deep.json").write_text('{"events":' + "[" * 5000)
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


@pytest.mark.parametrize("name", ["inspect", "ag2"])
def test_containers_that_are_damaged_never_raise(name: str, samples: Path, tmp_path: Path) -> None:
    source = next(samples.glob("inspect/generated/*.eval" if name == "inspect" else "autogen_ag2/logs.db"))
    choose = random.Random(4)
    for number in range(60):
        data = bytearray(source.read_bytes())
        for _ in range(choose.choice((1, 5, 50))):
            data[choose.randrange(len(data))] = choose.randrange(256)
        (tmp_path / f"{number:03}").write_bytes(data[: choose.choice((len(data), len(data) // 2))])
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


def test_python_numbers_that_are_no_json_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(TAU | {"score": float("nan")}))
    assert account(read(path)) == [(6, 6, 0, 0)]


def test_archive_that_unpacks_without_end_is_no_danger(tmp_path: Path) -> None:
    """A member is read to 2 GiB at most; one that lies about its size is rejected by its checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("samples/1_epoch_1.json", b" " * 50_000_000)
    path = tmp_path / "x.eval"
    path.write_bytes(buffer.getvalue())
    assert_accounts_balance(read(path), rejected=1)
