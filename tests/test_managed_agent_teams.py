"""Threads of Managed Agents: sub-agents of a session, their letters and their conversations."""

from __future__ import annotations

from pathlib import Path

from managed_sessions import AGENT, Log, recorded, team
from session_evidence import count, counted, names, one, read, rows, write


def test_the_events_of_a_session_show_its_sub_agents_from_outside(tmp_path: Path) -> None:
    lens = read(write(tmp_path / "x", *team()[0]))
    assert names(lens) == ["invoke_agent Lead", " invoke_agent Scout", " chat", " chat"]
    assert rows(lens, "SELECT kind, sender, recipient, payload FROM agent_messages ORDER BY time") == [
        ("handoff", "Lead", "Scout", "look"), ("message", "Scout", "Lead", "found"),
    ]  # fmt: skip
    assert "tokens are missing" in one(lens, "SELECT known_missing::VARCHAR FROM sources")
    assert rows(lens, "SELECT from_agent, to_agent, kind FROM handoffs") == [("Lead", "Scout", "run")]


def test_the_events_of_all_threads_are_one_trace(tmp_path: Path) -> None:
    lead, scout = team()
    lens = read(write(tmp_path / "lead", *lead), write(tmp_path / "scout", *scout))
    assert names(lens) == [
        "invoke_agent Lead",
        " invoke_agent Scout",
        "  chat",
        "  execute_tool bash",
        "  chat",
        " chat",
        " chat",
    ]
    assert counted(lens, "input_tokens", "output_tokens") == (2 * 112 + 2, 12)
    query = "SELECT agent_name, sum(input_tokens)::INT FROM usage_ledger WHERE is_counted GROUP BY ALL ORDER BY ALL"
    assert rows(lens, query) == [("Lead", 224), ("Scout", 2)]


def test_threads_merged_into_one_file_keep_their_conversations_and_letters(tmp_path: Path) -> None:
    lead, scout = team()
    marked = [{**event, "session_thread_id": event.get("session_thread_id", "sthr_2")} for event in scout]
    events = sorted([*lead, *marked], key=lambda event: (event["processed_at"], event["id"]))
    lens = read(write(tmp_path / "x", *recorded(events)))
    assert count(lens, "chat") == 4
    query = "SELECT agent_name, sum(input_tokens)::INT FROM usage_ledger WHERE is_counted GROUP BY ALL ORDER BY ALL"
    assert rows(lens, query) == [("Lead", 224), ("Scout", 2)]
    assert rows(lens, "SELECT sender, recipient, payload FROM agent_messages ORDER BY time") == [
        ("Lead", "Scout", "look"), ("Scout", "Lead", "found"),
    ]  # fmt: skip


def test_thread_objects_name_model_and_parent_of_each_thread(tmp_path: Path) -> None:
    """Of a thread's own events nothing says whose sub-agent it is until it is told something; the list of threads does."""
    scout = [event for event in team()[1] if not event["type"].startswith("agent.thread_")]
    agent = {"id": "agent_2", "name": "Scout", "model": {"id": "claude-haiku-4-5"}, "system": "You look.", "tools": []}
    threads = [
        {"type": "session_thread", "id": "sthr_1", "session_id": "sesn_1", "agent": AGENT, "parent_thread_id": None},
        {
            "type": "session_thread",
            "id": "sthr_2",
            "session_id": "sesn_1",
            "agent": agent,
            "parent_thread_id": "sthr_1",
        },
    ]
    lens = read(write(tmp_path / "x", ["client.beta.sessions.threads.list", {"data": threads}], *scout))
    assert names(lens)[:2] == ["invoke_agent Lead", " invoke_agent Scout"]
    assert rows(lens, "SELECT DISTINCT trace_id, request_model FROM spans WHERE operation_name = 'chat'") == [
        ("sesn_1", "claude-haiku-4-5")
    ]
    assert rows(lens, "SELECT agent_name, model FROM agents ORDER BY ALL") == [
        ("Lead", "claude-sonnet-4-5"), ("Scout", "claude-haiku-4-5"),
    ]  # fmt: skip


def test_a_tool_call_of_a_sub_agent_that_asks_for_permission_stands_below_it(tmp_path: Path) -> None:
    log = Log()
    log.running()
    log.add("session.thread_created", session_thread_id="sthr_2", agent_name="Scout")
    asked = log.add("agent.tool_use", name="bash", input={}, evaluated_permission="ask", session_thread_id="sthr_2")
    log.add("user.tool_confirmation", tool_use_id=asked, result="allow", session_thread_id="sthr_2")
    lens = read(write(tmp_path / "x", *log.events))
    assert names(lens) == ["invoke_agent Lead", " invoke_agent Scout", "  execute_tool bash", "   wait for permission"]
    assert count(lens, "chat") == 0
