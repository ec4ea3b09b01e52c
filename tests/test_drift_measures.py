"""What is measured of agents, tools, models and versions, and that a change is laid at the right door: small fleets of known behaviour."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from lens_builder import ERROR, OK, Step, agent, call, read_steps, tool

from agentlens import Lens
from agentlens.detectors import change_points as cp
from agentlens.detectors._drift_series import PLACED, _Group, _pick, all_series
from agentlens.detectors._drift_words import MEASURES
from agentlens.detectors.drift import measure_drift

HOUR, DAY = 3_600, 86_400
LISTED = {
    "latency": ("task_duration_s", "call_duration_s", "tool_duration_s"),
    "error and retry rate": ("task_error_rate", "call_failed", "tool_failed", "task_retry_rate", "tool_retried"),
    "tokens per call and per task": ("call_input_tokens", "call_output_tokens", "task_input_tokens", "task_output_tokens"),
    "cache share": ("task_cache_share", "call_cache_share"),
    "steps to completion": ("task_model_calls", "task_tool_calls"),
    "tool mix": ("task_tool_mix",),
    "confidence": ("task_confidence",),
    "completion and escalation rate": ("task_completed", "task_failed", "task_escalated"),
    "output length and format conformance": ("task_output_bytes", "task_output_json"),
    "time between heartbeats": ("heartbeat_gap_s",),
}  # fmt: skip


def task(
    name: str, who: str, hour: float, tools: list[str], *, seconds: float = 1, model: str = "m1", **more: object
) -> list[Step]:
    """One task of an agent in a trace of its own: a model call and some tool calls."""
    start = hour * HOUR
    answer = [{"role": "assistant", "parts": [{"type": "text", "content": '{"confidence": 0.8}'}]}]
    run = agent(f"{who}#{name}", None, start, start + 60, trace=name, **more)  # type: ignore[arg-type]
    steps = [run, call(f"c{name}", f"{who}#{name}", start + 1, trace=name, agent=who, model=model, input_tokens=900, output_tokens=90, cache_read=300, outputs=answer)]  # fmt: skip
    return steps + [
        tool(
            f"{one}#{place}{name}",
            f"{who}#{name}",
            start + 5 * place + 3,
            start + 5 * place + 3 + seconds,
            trace=name,
            agent=who,
        )
        for place, one in enumerate(tools)
    ]


def fleet(tmp_path: Path, make: object, agents: tuple[str, ...] = ("ares", "hera", "juno"), count: int = 60) -> Lens:
    rng = random.Random(7)
    steps = [step for who in agents for n in range(count) for step in make(rng, who, n)]  # type: ignore[operator]
    lens = read_steps(tmp_path, steps)
    measure_drift(lens._con)
    return lens


def changes(lens: Lens, dimension: str) -> list[tuple[str | None, str | None, str]]:
    query = "SELECT agent_name, member, measure FROM drift_changes WHERE dimension = $dimension AND verdict IN ('step', 'slope') ORDER BY ALL"
    return lens.sql(query, dimension=dimension).fetchall()


def test_every_measure_has_a_course_by_agent_and_by_version_and_calls_by_what_they_are(tmp_path: Path) -> None:
    beats = "".join(f"Wave 14 | 2026-01-01 {hour:02}:00:00\nares: IN_PROGRESS (working)\n\n" for hour in range(8))
    steps = [
        step for n in range(8) for step in task(f"t{n}", "ares", n, ["look", "write"], status=OK, prompt_version="v1")
    ]
    lens = read_steps(tmp_path, steps, beats=beats)
    known = dict(lens.sql("SELECT dimension, list(DISTINCT measure) FROM drift_measures GROUP BY 1").fetchall())
    assert {measure for words in LISTED.values() for measure in words} <= set(known["agent"])
    assert set(known["request_model"]) == set(known["agent"]) - {"heartbeat_gap_s"}
    assert set(known["model"]) == {measure for measure in known["agent"] if measure.startswith("call_")}
    assert set(known["tool"]) == {measure for measure in known["agent"] if measure.startswith("tool_")}
    assert set(known["operation"]) == set(known["model"]) | set(known["tool"])


def test_a_course_counts_what_an_independent_count_does(tmp_path: Path) -> None:
    rng = random.Random(3)
    made = [
        (who, n, rng.choice(["m1", "m2"]), rng.sample(["a", "b", "c"], rng.randint(1, 3)))
        for who in ("x", "y")
        for n in range(40)
    ]
    lens = read_steps(
        tmp_path, [s for who, n, model, tools in made for s in task(f"{who}{n}", who, n, tools, model=model)]
    )
    for dimension, measure, expected in (
        ("model", "call_input_tokens", Counter(model for _, _, model, _ in made)),
        ("tool", "tool_duration_s", Counter(used for *_, tools in made for used in tools)),
        ("request_model", "task_tool_calls", Counter(model for _, _, model, _ in made)),
        ("operation", "tool_failed", Counter({"execute_tool": sum(len(tools) for *_, tools in made)})),
    ):
        query = "SELECT member, sum(n) FROM drift_measures WHERE dimension = $d AND measure = $m GROUP BY 1"
        assert dict(lens.sql(query, d=dimension, m=measure).fetchall()) == expected, dimension


def test_a_tool_that_slows_down_for_all_is_told_once_and_of_the_tool(tmp_path: Path) -> None:
    def make(rng: random.Random, who: str, n: int) -> list[Step]:
        slow = (3.0 if n >= 30 else 1.0) * rng.lognormvariate(0, 0.2)
        return task(f"{who}{n}", who, 4 * n, ["look"], seconds=slow)

    lens = fleet(tmp_path, make)
    assert (None, "look", "tool_duration_s") in changes(lens, "tool")
    found = lens.sql("SELECT agent_name, summary FROM detect_drift_step() WHERE contains(summary, 'look')").fetchall()
    assert [name for name, _ in found] == [None] and found[0][1].startswith("Tool look, duration")


def test_a_tool_that_slows_down_for_one_agent_is_not_the_tools_fault(tmp_path: Path) -> None:
    def make(rng: random.Random, who: str, n: int) -> list[Step]:
        slow = (5.0 if who == "ares" and n >= 30 else 1.0) * rng.lognormvariate(0, 0.2)
        return task(f"{who}{n}", who, 4 * n, ["look"], seconds=slow)

    lens = fleet(tmp_path, make)
    assert changes(lens, "tool") == [] and ("ares", None, "tool_duration_s") in changes(lens, "agent")


def test_another_mix_of_tools_is_a_step_with_its_distance(tmp_path: Path) -> None:
    """From `look` in 80 % of tasks to 20 %: six in ten calls go elsewhere. The number of calls stays what it is."""

    def make(rng: random.Random, who: str, n: int) -> list[Step]:
        share = 0.8 if n < 50 or who != "ares" else 0.2
        return task(f"{who}{n}", who, 3 * n, [rng.choices(["look", "ask"], [share, 1 - share])[0] for _ in range(3)])

    lens = fleet(tmp_path, make, agents=("ares", "hera"), count=100)
    assert [found for found in changes(lens, "agent") if found[2] == "task_tool_mix"] == [
        ("ares", None, "task_tool_mix")
    ]
    ((difference, low, high, said),) = lens.sql(
        "SELECT difference, difference_low, difference_high, explanation FROM drift_changes WHERE agent_name = 'ares' AND measure = 'task_tool_mix'"
    ).fetchall()
    assert low < 0.6 < high and difference == pytest.approx(0.6, abs=0.12)
    assert "of the calls go to other tools" in said and "look" in said


def test_mixes_without_change_are_rarely_called_changed() -> None:
    def mix(seed: int) -> float:
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(4, [0.5, 0.3, 0.15, 0.05], size=50)
        return cp.scan(counts / 4, np.zeros(50, dtype=np.int64), rng).p_value

    p_values = np.array([mix(seed) for seed in range(100)])
    assert (p_values <= 0.05).sum() <= 10 and (p_values <= 0.001).sum() <= 1


def test_a_step_of_failures_is_seen_through_a_daily_pattern(tmp_path: Path) -> None:
    """Nights fail more than days; from the eighth day on both fail more. Without nights told apart it is lost (p > 0.01)."""

    def make(rng: random.Random, who: str, n: int) -> list[Step]:
        hour = n * 14 * 24 / 420
        rate = (0.55 if hour >= 168 else 0.3) if hour % 24 < 6 else (0.14 if hour >= 168 else 0.02)
        return task(f"{who}{n}", who, hour, ["look"], status=ERROR if rng.random() < rate else OK)

    lens = fleet(tmp_path, make, agents=("ares",), count=420)
    assert ("ares", None, "task_failed") in changes(lens, "agent")


def test_a_task_that_never_ends_is_not_completed_and_the_last_one_is_open(tmp_path: Path) -> None:
    steps = [agent(f"lead#{n}", None, n * 10, None if n in (2, 4) else n * 10 + 5, trace=f"t{n}") for n in range(5)]
    lens = read_steps(tmp_path, steps)
    assert lens.sql("SELECT is_completed FROM tasks ORDER BY start_time").fetchall() == [(True,), (True,), (False,), (True,), (None,)]  # fmt: skip
    silent = read_steps(tmp_path / "silent", [agent(f"lead#{n}", None, n, None, trace=f"t{n}") for n in range(3)])
    assert set(silent.sql("SELECT is_completed FROM tasks").fetchall()) == {(None,)}


def test_tasks_that_cost_the_same_cost_the_same_in_whatever_order_their_calls_came(tmp_path: Path) -> None:
    """Changes are told by ranks, for which the sixteenth digit is as good as the first."""
    orders = list(itertools.permutations((331, 1_277, 9_091, 77)))
    steps = [agent(f"lead#{n}", None, n * 100, n * 100 + 50, trace=f"t{n}") for n in range(len(orders))] + [
        call(f"c{n}-{place}", f"lead#{n}", n * 100 + place, trace=f"t{n}", model="gpt-4o", input_tokens=tokens, output_tokens=tokens)
        for n, order in enumerate(orders)
        for place, tokens in enumerate(order)
    ]  # fmt: skip
    costs = read_steps(tmp_path, steps).sql("SELECT DISTINCT cost_usd FROM tasks").fetchall()
    assert costs == [(pytest.approx(10_776 * 12.5e-6),)]


def test_series_hold_every_observation_and_no_other(tmp_path: Path) -> None:
    """What is tested for change is what `observations` shows: of each agent, and of each tool, model and operation that several share."""
    rng = random.Random(5)
    steps = [
        one
        for who in ("ares", "hera")
        for n in range(30)
        for one in task(f"{who}{n}", who, n, rng.choices(["look", "ask", "write"], k=rng.randint(0, 4)), model=rng.choice(["m1", "m2"]))
    ]  # fmt: skip
    beats = "".join(f"Wave 14 | 2026-01-01 {hour:02}:00:00\nares: IN_PROGRESS (working)\n\n" for hour in range(8))
    con = read_steps(tmp_path, steps, beats=beats)._con
    found = {
        (one.dimension, one.agent_name or one.member, one.measure, one.tool_name): sorted(
            zip(one.times.tolist(), one.values.tolist())
        )
        for one in all_series(con)
        if one.measure != "task_tool_mix"  # a row of shares each, tested below
    }
    for dimension, member in (
        ("agent", "agent_name"),
        ("tool", "tool_name"),
        ("model", "model"),
        ("operation", "operation_name"),
    ):
        tool = "tool_name" if dimension == "agent" else "NULL"
        rows = con.execute(
            f"SELECT {member}, measure, {tool}, list((epoch_ns(time), value)) FROM observations WHERE {member} IS NOT NULL AND measure NOT IN ('task_tool_mix', 'task_completed') GROUP BY ALL"
        ).fetchall()
        assert len(rows) >= 5, dimension
        for name, measure, used, values in rows:
            assert found.pop((dimension, name, measure, used)) == sorted(values), (dimension, name, measure)
    assert {measure for _, _, measure, _ in found} <= {"task_completed"}  # the mirror of task_failed


def test_which_observations_of_a_long_series_are_looked_at_does_not_depend_on_how_they_arrive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agentlens.detectors._drift_series.MOST_OBSERVATIONS", 10)
    columns = {name: np.arange(57) for name in ("time", *PLACED)}
    values = np.array([np.nan if n % 5 == 0 else float(n) for n in range(57)])
    rows = columns | {"measure": values, "has_measure": ~np.isnan(values)}
    known = values[~np.isnan(values)].tolist()
    expected = known[4::5]  # 45 of at most 10: every fifth
    rng = random.Random(1)
    for _ in range(30):
        cuts = sorted({0, 57, *rng.sample(range(57), 6)})
        picked, seen = [], 0
        for begin, end in itertools.pairwise(cuts):
            batch = {name: column[begin:end] for name, column in rows.items()}
            some, seen = _pick(batch, np.arange(end - begin), _Group(["measure"], len(known), False), None, seen)
            picked += some["measure"].tolist()
        assert picked == expected, cuts


def test_a_measure_in_percent_is_a_rate_in_sql_too(tmp_path: Path) -> None:
    con = read_steps(tmp_path, task("t", "ares", 0, []))._con
    rates = {measure for measure in MEASURES if con.execute("SELECT _is_rate($m)", {"m": measure}).fetchall()[0][0]}
    assert rates == {measure for measure, (_, unit, _) in MEASURES.items() if unit == "%"}


def test_a_confidence_that_is_no_number_is_none(tmp_path: Path) -> None:
    stated = ["0.8", "NaN", "Infinity", "-inf", "high"]
    steps = [each for n, words in enumerate(stated)
             for each in (agent(f"ares#{n}", None, n * HOUR, trace=f"t{n}", confidence=words), call(f"c{n}", f"ares#{n}", n * HOUR + 1, trace=f"t{n}", agent="ares"))]  # fmt: skip
    lens = read_steps(tmp_path, steps)
    found = lens.sql("SELECT confidence FROM tasks ORDER BY start_time").fetchall()
    assert found == [(0.8,), (None,), (None,), (None,), (None,)]


def test_work_in_another_project_is_work_of_another_kind(tmp_path: Path) -> None:
    steps = [
        dict(agent("lead", None, n, n + 1, cwd=cwd), traceId=f"{n + 1:032x}")
        for n, cwd in enumerate(("/shop", "/till", None))
    ]
    kinds = read_steps(tmp_path, steps).sql("SELECT task_type FROM tasks ORDER BY start_time").fetchall()
    assert kinds == [("lead in /shop",), ("lead in /till",), ("lead",)]


def test_what_a_run_was_given_and_answered_counts_where_its_calls_show_nothing(tmp_path: Path) -> None:
    def spoken(text: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": text}]

    shown = {"inputs": spoken("of the call"), "outputs": spoken("by the call, at length")}
    runs = [
        [agent("lead", inputs=spoken("brief"), outputs=spoken("answer")), call("c", "lead", 1, agent="lead")],
        [agent("lead", inputs=spoken("brief"), outputs=spoken("answer")), call("c", "lead", 1, agent="lead", **shown)],
        [agent("lead"), call("c", "lead", 1, agent="lead", **shown)],
        [agent("lead"), call("c", "lead", 1, agent="lead")],
    ]
    steps = [dict(each, traceId=f"{n:032x}") for n, run in enumerate(runs, 1) for each in run]
    # A message counts with the 30 bytes of JSON around its text, an answer without.
    sizes = (
        read_steps(tmp_path, steps).sql("SELECT brief_bytes - 30, output_bytes FROM tasks ORDER BY trace_id").fetchall()
    )
    assert sizes == [(5, 6), (11, 22), (11, 22), (None, None)]
