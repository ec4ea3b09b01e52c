"""Sessions of Google's ADK: calls, tools, nested agents and partial events."""

from __future__ import annotations

import json
from pathlib import Path

from framework_logs import adk_event
from session_evidence import account, count, counted, dump, names, one, read, rows


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
