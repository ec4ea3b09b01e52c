"""Runs of smolagents, held against what plain `json` finds in the same files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from session_evidence import count, counted, one, read


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
