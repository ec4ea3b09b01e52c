"""A change that another mix of work explains is no change of the agent, also where only words or tools tell kinds of work apart."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from lens_builder import Step, agent, call, read_steps, tool

from agentlens import Lens
from agentlens.detectors.drift import measure_drift

WHO = ("Amara", "Birk", "Chiara", "Dov")


def asked(rng: random.Random, kind: int) -> list[dict[str, object]]:
    """What a task is asked: one of two kinds of work, as long as the other."""
    text = (f"Sum up the talk with {rng.choice(WHO)}", f"Check the bill of {rng.choice(WHO)} now")[kind]
    return [{"role": "user", "parts": [{"type": "text", "content": text}]}]


def day(folder: Path, share_after: float, dearer: float, *, has_words: bool) -> Lens:
    """A desk that does two kinds of work, one five times as long as the other; in the second half another share of it, and all `dearer`."""
    rng, steps = random.Random(3), []
    for n in range(120):
        kind = int(rng.random() < (0.25 if n < 60 else share_after))
        seconds = (10, 50)[kind] * rng.lognormvariate(0, 0.3) * (dearer if n >= 60 else 1)
        start, name = n * 3_600.0, f"t{n}"
        words = {"inputs": asked(rng, kind)} if has_words else {}
        used: list[Step] = [] if has_words else [tool(f"{('minutes', 'ledger')[kind]}#1", "desk", start + 2, start + 3, trace=name, agent="desk")]  # fmt: skip
        steps += [
            agent("desk", None, start, start + seconds, trace=name),
            call("c", "desk", start + 1, start + 2, trace=name, agent="desk", model="m1", **words),
            *used,
        ]
    lens = read_steps(folder, steps)
    measure_drift(lens._con)
    return lens


def verdict(lens: Lens) -> str:
    query = "SELECT verdict FROM drift_changes WHERE agent_name = 'desk' AND measure = 'task_duration_s'"
    return str(lens.sql(query).fetchall()[0][0])


@pytest.mark.parametrize("has_words", [True, False])
def test_another_mix_of_work_told_apart_by_words_or_tools_is_no_change_and_dearer_work_is(
    tmp_path: Path, has_words: bool
) -> None:
    assert verdict(day(tmp_path / "mix", 0.75, 1, has_words=has_words)) == "workload"
    assert verdict(day(tmp_path / "dearer", 0.25, 2, has_words=has_words)) == "step"
    assert verdict(day(tmp_path / "both", 0.75, 2, has_words=has_words)) == "step"


def test_of_very_many_tasks_some_tell_the_kinds_of_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentlens.detectors.drift.MOST_TASKS", 60)
    assert verdict(day(tmp_path / "mix", 0.75, 1, has_words=True)) == "workload"
    lens = day(tmp_path / "both", 0.75, 2, has_words=True)
    query = "SELECT verdict, n_before + n_after FROM drift_changes WHERE agent_name = 'desk' AND measure = 'task_duration_s'"
    assert lens.sql(query).fetchall() == [("step", 60)]


def test_tasks_side_by_side_that_all_unfold_alike_have_not_changed(tmp_path: Path) -> None:
    steps = []
    for n in range(40):
        steps.append(agent("desk", None, 0, 100, trace=f"t{n}"))
        steps += [
            tool(f"look#{k}", "desk", 10 * k + n / 100, 10 * k + (1 if k < 4 else 3), trace=f"t{n}", agent="desk")
            for k in range(8)
        ]
    lens = read_steps(tmp_path, steps)
    measure_drift(lens._con)
    assert lens.sql("FROM drift_changes WHERE verdict IN ('step', 'slope')").fetchall() == []
