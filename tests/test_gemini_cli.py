"""Sessions of Gemini CLI, held against what plain `json` finds in the same files."""

from __future__ import annotations

import json
from pathlib import Path

from session_evidence import SHOWN, account, counted, one, per_file, read, rows, write


def test_gemini_samples_have_a_call_for_each_answer_and_a_span_for_each_tool(samples: Path) -> None:
    paths = sorted(samples.glob("gemini_cli/*.json"))
    logs = [json.loads(path.read_text())["messages"] for path in paths]
    lens = read(*paths)
    figures = "count(*) FILTER (operation_name = 'chat'), count(*) FILTER (operation_name = 'execute_tool')"
    assert account(lens) == [(len(messages),) * 2 + (0, 0) for messages in logs]
    assert per_file(lens, figures) == {
        path.name: (sum(m["type"] == "gemini" for m in messages), sum(len(m.get("toolCalls", [])) for m in messages))
        for path, messages in zip(paths, logs)
    }
    notes = sum(message["type"] in ("info", "error", "warning") for messages in logs for message in messages)
    assert one(lens, "SELECT count(*) FROM span_events") == notes


def test_gemini_output_includes_thoughts_and_a_later_record_replaces_an_earlier(tmp_path: Path) -> None:
    answer = {
        "id": "a",
        "timestamp": "2026-01-01T00:00:02Z",
        "type": "gemini",
        "content": "hm",
        "model": "gemini-2.5-pro",
    }
    tokens = {"input": 100, "output": 20, "cached": 60, "thoughts": 7, "tool": 0, "total": 127}
    tool = {
        "id": "t",
        "name": "ls",
        "args": {},
        "status": "error",
        "result": [{"functionResponse": {"response": {"error": "no"}}}],
    }
    log = [
        {"sessionId": "s", "projectHash": "p", "startTime": "2026-01-01T00:00:00Z", "kind": "main"},
        {"id": "u", "timestamp": "2026-01-01T00:00:01Z", "type": "user", "content": [{"text": "go"}]},
        answer, answer | {"tokens": tokens, "toolCalls": [tool]}, {"$set": {"summary": "x"}}, {"$rewindTo": "u"},
        {"id": "v", "timestamp": "2026-01-01T00:00:03Z", "type": "user", "content": "again"},
        answer | {"id": "b", "tokens": tokens},
    ]  # fmt: skip
    lens = read(write(tmp_path / "x", *log))
    assert account(lens) == [(8, 7, 0, 1)]
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens", "reasoning_output_tokens") == (
        200,
        54,
        120,
        14,
    )
    assert rows(lens, "SELECT status_code, tool_call_result FROM spans WHERE tool_name = 'ls'") == [("ERROR", "no")]
    assert one(lens, SHOWN, span="call:b") == ["again"]
