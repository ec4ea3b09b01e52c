"""Trajectories of SWE-agent, held against what plain `json` finds in the same files."""

from __future__ import annotations

import json
from pathlib import Path

from session_evidence import SHOWN, account, counted, names, one, per_file, read, rows

SWE_FIGURES = """
    count(*) FILTER (operation_name = 'chat'), count(*) FILTER (operation_name = 'execute_tool'),
    coalesce(sum(input_tokens), 0)::INT, coalesce(sum(output_tokens), 0)::INT, count(start_time) + count(end_time)"""


def test_swe_agent_has_a_call_for_each_answer_a_tool_for_each_step_and_only_the_runs_totals(samples: Path) -> None:
    paths = sorted(samples.glob("swe_agent/*.traj"))
    lens = read(*paths)
    expected, records = {}, []
    for path in paths:
        log = json.loads(path.read_text())
        steps, stats = log.get("trajectory", []), log.get("info", {}).get("model_stats", {})
        answers = sum(message["role"] == "assistant" and not message.get("is_demo") for message in log["history"])
        tools = sum(bool(step["action"]) for step in steps) if steps else answers
        expected[path.name] = answers, tools, stats.get("tokens_sent", 0), stats.get("tokens_received", 0), 0
        records.append((len(steps) + len(log["history"]),) * 2 + (0, 0))
    assert per_file(lens, SWE_FIGURES) == expected
    assert account(lens) == records
    assert counted(lens, "input_tokens") == (sum(figures[2] for figures in expected.values()),)


def test_swe_agent_shows_a_call_the_conversation_so_far_demonstrations_included(samples: Path) -> None:
    path = next(samples.glob("swe_agent/gpt4__swe-bench*"))
    history = json.loads(path.read_text())["history"]
    sent = one(read(path), "SELECT max(position) + 1 FROM span_messages WHERE direction = 'input'")
    assert sent == max(i for i, message in enumerate(history) if message["role"] == "assistant") - 1  # without system


def test_swe_agent_demonstration_is_shown_but_is_no_step(tmp_path: Path) -> None:
    demo = {"agent": "main", "is_demo": True}
    history = [
        {"role": "system", "content": "s", "agent": "main"}, {"role": "user", "content": "like this"} | demo,
        {"role": "assistant", "content": "shown"} | demo, {"role": "user", "content": "now you", "agent": "main"},
        {"role": "assistant", "content": "done", "agent": "main", "action": "ls"},
    ]  # fmt: skip
    steps = [{"action": "ls", "observation": "a b", "response": "done", "state": "{}", "thought": ""}]
    path = tmp_path / "x.traj"
    path.write_text(json.dumps({"environment": "e", "trajectory": steps, "history": history, "info": {}}))
    lens = read(path)
    assert names(lens) == ["run e", " chat", " execute_tool ls"]
    assert one(lens, SHOWN, span="call:0001") == ["like this", "shown", "now you"]


def test_swe_agent_observation_is_the_result_of_its_step(samples: Path) -> None:
    path = next(samples.glob("swe_agent/gpt4__swe-bench*"))
    steps = json.loads(path.read_text())["trajectory"]
    lens = read(path)
    found = rows(
        lens,
        "SELECT attributes->>'$.action', tool_call_result FROM spans WHERE tool_name IS NOT NULL ORDER BY preorder",
    )
    assert found == [(step["action"], step["observation"]) for step in steps]


def test_mini_swe_agent_calls_carry_the_usage_of_their_responses(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 20}}
    answer = {
        "role": "assistant",
        "content": "```bash\nls\n```",
        "extra": {"response": {"id": "r", "usage": usage}, "timestamp": 1.7e9},
    }
    log = {
        "info": {"exit_status": "LimitsExceeded", "model_stats": {"instance_cost": 0.25, "api_calls": 1}},
        "messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": "u"}, answer,
            {"role": "user", "content": "a b"},
        ],
        "trajectory_format": "mini-swe-agent-1",
    }  # fmt: skip
    path = tmp_path / "x.json"
    path.write_text(json.dumps(log))
    lens = read(path)
    assert names(lens) == ["run run", " chat", " execute_tool bash"]
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens") == (50, 5, 20)
    assert rows(lens, "SELECT status_code, error_type FROM spans WHERE depth = 0") == [("ERROR", "LimitsExceeded")]
