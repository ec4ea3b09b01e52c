"""Trajectories in ATIF: sub-agents under their calls, totals, copied context."""

from __future__ import annotations

from pathlib import Path

import pytest
from framework_logs import INNER, OUTER, atif_step, trajectory
from session_evidence import account, assert_nothing_dangles, assert_places_hold, count, counted, dump, names, one, read

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
