"""Lists of chat messages: results of tau-bench, conversations of Who&When, chats under any key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from framework_logs import TAU
from session_evidence import (
    account,
    assert_nothing_dangles,
    assert_places_hold,
    count,
    dump,
    names,
    one,
    read,
    rows,
    write,
)


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


def test_python_numbers_that_are_no_json_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(TAU | {"score": float("nan")}))
    assert account(read(path)) == [(6, 6, 0, 0)]
