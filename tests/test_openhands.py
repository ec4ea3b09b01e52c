"""Runs of OpenHands, held against what plain `json` finds in the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from session_evidence import SHOWN, account, assert_accounts_balance, count, counted, lines, one, read, rows, write


def test_openhands_calls_are_metered_once_by_response_id(samples: Path) -> None:
    runs = lines(samples / "openhands/multi_swe_bench_output.jsonl")
    usages: dict[str, dict[str, int]] = {}
    for run in runs:
        for event in run["history"]:
            if response := (event.get("tool_call_metadata") or {}).get("model_response"):
                usages[response["id"]] = response["usage"]
    lens = read(samples / "openhands/multi_swe_bench_output.jsonl")
    assert counted(lens, "input_tokens", "output_tokens") == (
        sum(usage["prompt_tokens"] for usage in usages.values()),
        sum(usage["completion_tokens"] for usage in usages.values()),
    )
    reported = [run["metrics"]["accumulated_token_usage"]["prompt_tokens"] for run in runs]
    assert sum(reported) == counted(lens, "input_tokens")[0]
    assert sorted(reported) == sorted(n for (n,) in rows(lens, "SELECT input_tokens FROM spans WHERE depth = 0"))
    assert count(lens, "chat") == len(usages)
    assert account(lens)[0][0] == sum(len(run["history"]) for run in runs)


def test_openhands_tool_spans_are_its_actions_with_their_observations(samples: Path) -> None:
    runs = lines(samples / "openhands/multi_swe_bench_output.jsonl")
    events = [event for run in runs for event in run["history"]]
    acted = [event for event in events if event.get("action") not in (None, "message", "system", "finish")]
    seen = [event for event in events if event.get("observation") and "cause" in event]
    failed = [event for event in seen if (event["extras"].get("metadata") or {}).get("exit_code", 0) > 0]
    lens = read(samples / "openhands/multi_swe_bench_output.jsonl")
    assert count(lens, "execute_tool") == len(acted)
    assert one(lens, "SELECT count(*) FROM spans WHERE tool_name IS NOT NULL AND end_time IS NOT NULL") == len(seen)
    assert one(lens, "SELECT count(*) FROM spans WHERE tool_name IS NOT NULL AND status_code = 'ERROR'") == len(failed)
    assert one(lens, "SELECT count(*) FROM spans WHERE depth = 0 AND status_code = 'ERROR'") == sum(
        bool(run["error"]) for run in runs
    )


def test_openhands_response_that_asks_for_two_tools_is_one_call(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": "both"}
    usage = {"prompt_tokens": 8, "completion_tokens": 2}

    def action(number: int, response: str) -> dict[str, Any]:
        answer = {"id": response, "model": "m", "choices": [{"message": message}], "usage": usage}
        called = {"function_name": "bash", "tool_call_id": f"t{number}", "model_response": answer}
        event = {"id": number, "timestamp": f"2026-01-01T00:00:0{number}", "source": "agent", "action": "run"}
        return event | {"args": {"command": "ls"}, "tool_call_metadata": called}

    run = {
        "instance_id": "i",
        "metadata": {"agent_class": "A"},
        "history": [action(1, "r"), action(2, "r"), action(3, "q")],
    }
    lens = read(write(tmp_path / "x", run))
    assert (count(lens, "chat"), count(lens, "execute_tool")) == (2, 3)
    assert counted(lens, "input_tokens", "output_tokens") == (16, 4)
    assert one(lens, SHOWN, span="q") == ["both"]


def test_openhands_older_runs_have_a_call_and_a_tool_span_for_each_action(samples: Path) -> None:
    runs = lines(samples / "openhands/resolver_output.jsonl")
    actions = [event["action"] for run in runs for event in run["history"][1:] if "action" in event]
    lens = read(samples / "openhands/resolver_output.jsonl")
    assert count(lens, "chat") == len(actions)
    assert count(lens, "execute_tool") == len([action for action in actions if action not in ("message", "finish")])
    assert one(lens, "SELECT count(*) FROM spans WHERE start_time IS NOT NULL") == 0
    costs = [
        cost for (cost,) in rows(lens, "SELECT reported_cost_usd FROM spans WHERE depth = 0 ORDER BY source_offset")
    ]
    assert costs == [run["metrics"]["accumulated_cost"] for run in runs]


def test_openhands_sdk_steps_of_the_running_totals_add_up_to_the_last(samples: Path) -> None:
    path = samples / "openhands/sdk/tests__sdk__conversation__goal__fixtures__events.jsonl"
    stats = [line["value"]["usage_to_metrics"] for line in lines(path) if line.get("key") == "stats"][-1]
    last = [metrics["accumulated_token_usage"] for metrics in stats.values()]
    assert counted(read(path), "input_tokens", "output_tokens", "cache_read_input_tokens") == tuple(
        sum(usage[key] for usage in last) for key in ("prompt_tokens", "completion_tokens", "cache_read_tokens")
    )


def test_openhands_events_in_files_of_their_own_are_one_conversation_with_its_last_total(
    samples: Path, tmp_path: Path
) -> None:
    events = lines(samples / "openhands/sdk/tests__sdk__conversation__goal__fixtures__events.jsonl")
    folder = tmp_path / "abc" / "events"
    folder.mkdir(parents=True)
    for number, event in enumerate(events):
        (folder / f"event-{number:05}-{event['id']}.json").write_text(json.dumps(event))
    lens = read(tmp_path)
    assert rows(lens, "SELECT DISTINCT trace_id, root_span_id FROM spans") == [("abc", "conversation:abc")]
    assert counted(lens, "input_tokens") == (107458,)
    assert_accounts_balance(lens)


def test_openhands_llm_logs_are_one_call_each(samples: Path) -> None:
    paths = sorted(samples.glob("openhands/sdk/llm_data*"))
    logs = [json.loads(path.read_text()) for path in paths]
    lens = read(*paths)
    assert counted(lens, "input_tokens", "output_tokens") == tuple(
        sum(log["response"]["usage"][key] for log in logs) for key in ("prompt_tokens", "completion_tokens")
    )
    shown = sum(len(log["messages"]) for log in logs)
    assert one(lens, "SELECT count(*) FROM span_messages WHERE direction <> 'output'") == shown
    seconds = [value for (value,) in rows(lens, "SELECT duration_ns / 1e9 FROM spans ORDER BY start_time")]
    assert seconds == pytest.approx([log["latency_sec"] for log in logs])


def test_what_broke_an_openhands_conversation_off_is_its_failure(tmp_path: Path) -> None:
    def at(second: int, **fields: Any) -> dict[str, Any]:
        return {"id": f"e{second}", "timestamp": f"2026-01-01T00:00:0{second}", **fields}

    text = "prompt is too long: 214337 tokens > 200000 maximum"
    asked = {"role": "user", "content": [{"type": "text", "text": "Translate it."}]}
    said = {"role": "assistant", "content": [{"type": "text", "text": "I begin."}]}
    events = [
        at(1, kind="MessageEvent", source="user", llm_message=asked),
        at(2, kind="MessageEvent", source="agent", llm_message=said),
        at(3, kind="ConversationErrorEvent", source="environment", code="LLMContextWindowExceedError", detail=text),
    ]
    lens = read(write(tmp_path / "x", *events))
    failed = "SELECT name, error_type, status_message FROM spans WHERE status_code = 'ERROR' ORDER BY preorder"
    assert rows(lens, failed) == [
        (name, "LLMContextWindowExceedError", text) for name in ("conversation", "conversation error")
    ]
    assert rows(lens, "SELECT name, error_class FROM errors") == [("conversation error", "context overflow")]
