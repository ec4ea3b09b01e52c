"""Budgets: which are declared, when they were passed, and what was spent after that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lens_builder import Step, agent, call, read_steps

from agentlens import Lens
from agentlens._detect import detect

MANIFEST = """
agents:
  - id: atlas
    name: atlas
    model: gpt-4.1
    budget:
      usd_per_day: 0.01
      task: {tokens: 5000}
      max_tokens: 4096
      warn_at_daily_usd: 0.5
  - id: hermes
    name: hermes
    model: gpt-4.1
    budget: {tokens_per_call: 900}
"""


def breaches(lens: Lens, **thresholds: Any) -> list[tuple[Any, ...]]:
    detect(lens, ["budget_breach"], budget_breach=thresholds)
    query = "SELECT agent_name, tier, severity, strftime(start_time::TIMESTAMP, '%H:%M:%S'), tokens_wasted, cost_usd_wasted FROM findings"
    return lens.sql(f"{query} ORDER BY start_time, tier, agent_name").fetchall()


def calls(name: str, tokens: list[int], first: float = 0, **more: Any) -> list[Step]:
    """One call of an agent a minute, all on gpt-4.1 (2 USD a million input tokens)."""
    one = {"agent": name, "provider": "openai", "model": "gpt-4.1", "conversation": f"talk of {name}", **more}
    return [call(f"{name}{n}", None, first + 60 * n, input_tokens=each, **one) for n, each in enumerate(tokens)]


def test_the_budgets_of_a_manifest_are_told_by_stretch_and_measure(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, calls("atlas", [1]), manifest=MANIFEST)
    rows = lens.sql("SELECT agent_name, level, measure, amount FROM agent_budgets ORDER BY ALL").fetchall()
    assert rows == [
        ("atlas", "day", "cost_usd", 0.01),
        ("atlas", "task", "tokens", 5000.0),
        ("hermes", "call", "tokens", 900.0),
    ]


def test_a_passed_budget_says_when_and_what_was_spent_after_it(tmp_path: Path) -> None:
    """2000 tokens a minute: the task's 5000 are passed by the third call, the day's cent (5000 tokens) too; two calls follow."""
    lens = read_steps(tmp_path, calls("atlas", [2000] * 5), manifest=MANIFEST)
    after = ("00:02:00", 4000, 0.008)
    assert breaches(lens) == [("atlas", "proven", "critical", *after)] * 2
    summaries = lens.sql("SELECT summary, len(evidence) FROM findings ORDER BY summary").fetchall()
    assert summaries == [
        (
            "atlas spent $0.0200 on 2026-01-01 (200 %): the budget of its manifest is $0.0100, passed at 00:02:00.", 2,
        ),
        (
            "atlas spent 10,000 tokens in conversation talk of atlas (200 %): the budget of its manifest is 5,000 tokens, "
            "passed at 00:02:00.", 2,
        ),
    ]  # fmt: skip


def test_from_four_fifths_of_a_days_cap_on_there_is_a_warning(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, calls("atlas", [2000, 2100]), manifest=MANIFEST)
    assert breaches(lens) == [("atlas", "proven", "warning", "00:01:00", None, None)]


def test_a_call_above_its_ceiling_is_one_finding_an_agent(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, calls("hermes", [800, 1000, 1100]), manifest=MANIFEST)
    assert breaches(lens) == [("hermes", "proven", "warning", "00:01:00", None, None)]


def test_ceilings_can_be_given_as_arguments(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, calls("a", [2000, 2000]))
    for thresholds, expected in [
        ({"task_tokens": 3000}, [(None, "critical")]),
        ({"task_usd": 0.006}, [(None, "critical")]),
        ({"day_tokens": 3500}, [("a", "critical")]),
        ({"day_usd": 0.0075}, [("a", "critical")]),
        ({"call_tokens": 1999}, [("a", "warning")]),
        ({"task_tokens": 4000, "day_usd": 1.0, "call_tokens": 2000}, []),
    ]:
        found = breaches(lens, **thresholds)
        assert [(name, severity) for name, _, severity, *_ in found] == expected, thresholds


def test_a_call_far_above_the_average_before_it_is_an_event(tmp_path: Path) -> None:
    """Ten calls of 2000, then 5000 and 5000 (2.5 and 2.2 times), then 2500."""
    lens = read_steps(tmp_path, calls("a", [2000] * 10 + [5000, 5000, 2500]))
    assert breaches(lens) == [("a", "event", "info", "00:10:00", 5727, None)]
    assert breaches(lens, call_times=3.0) == []


def test_few_or_small_calls_and_growing_windows_are_no_leap(tmp_path: Path) -> None:
    grown = [2000 + 300 * n for n in range(30)]
    steps = [*calls("few", [2000, 9000]), *calls("small", [100] * 9 + [900]), *calls("growing", grown)]
    assert breaches(read_steps(tmp_path, steps)) == []


def test_without_usage_or_times_budgets_cannot_be_watched(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("run"), call("c", "run", 1)])
    assert breaches(lens) == []
    assert lens.sql("SELECT outcome, reason FROM checks").fetchall() == [("could not look", "the logs hold no usage")]
