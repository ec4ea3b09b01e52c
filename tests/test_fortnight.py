"""The fortnight: what was planted is found, dated and explained, and what looks like it is left alone."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lens_builder import agent, call, read_steps
from test_briefing import about, items_of

import agentlens as al
from agentlens import Lens

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
TRUTH: dict[str, Any] = json.loads((DATASETS / "truth" / "fortnight.json").read_text("utf-8"))
PLANTED = {fault["agents"][0]: fault for fault in TRUTH["faults"]}


@pytest.fixture(scope="module")
def lens() -> Lens:
    found = al.read(DATASETS / "fortnight", progress=False)
    al.detect(found)
    return found


def verdicts(lens: Lens, agent: str) -> dict[str, str]:
    query = "SELECT measure, any_value(verdict) FROM drift_changes WHERE agent_name = $agent GROUP BY ALL"
    return dict(lens.sql(query, agent=agent).fetchall())


def test_the_logs_are_what_their_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DATASETS / "generators" / "fortnight.py"), str(tmp_path)], check=True)
    for path in sorted((DATASETS / "fortnight").iterdir()):
        assert gzip.decompress(path.read_bytes()) == gzip.decompress((tmp_path / "fortnight" / path.name).read_bytes())
    assert json.loads((tmp_path / "truth" / "fortnight.json").read_text("utf-8")) == TRUTH
    assert sum(path.stat().st_size for path in (DATASETS / "fortnight").iterdir()) < 1_500_000


def test_all_is_read_and_counted_once(lens: Lens) -> None:
    counts = lens.sql("SELECT count(DISTINCT trace_id), count(*), count(DISTINCT agent_name) FROM spans").fetchall()[0]
    assert counts == tuple(TRUTH["counts"].values())
    tokens = lens.sql("SELECT sum(input_tokens), sum(output_tokens) FROM usage_ledger WHERE is_counted").fetchall()[0]
    assert tokens == tuple(TRUTH["tokens"].values())
    assert lens.sql("SELECT sum(input_tokens) FROM tasks").fetchall()[0][0] == TRUTH["tokens"]["input"]


def test_what_was_planted_is_found_and_no_more(lens: Lens) -> None:
    found = lens.sql("SELECT detector, agent_name FROM findings WHERE severity <> 'info' ORDER BY ALL").fetchall()
    assert found == sorted((fault["detector"], fault["agents"][0]) for fault in TRUTH["faults"])


@pytest.mark.parametrize("agent", ["Letters", "Triage", "Fraud"])
def test_the_interval_of_the_date_holds_the_first_changed_task_and_the_cause_is_suspected(
    lens: Lens, agent: str
) -> None:
    at = datetime.fromtimestamp(PLANTED[agent]["start_ns"] / 1e9, UTC).replace(tzinfo=None)
    steps = lens.sql(
        "SELECT measure, earliest::TIMESTAMP, latest::TIMESTAMP, [s.kind FOR s IN suspects] FROM drift_changes"
        " WHERE agent_name = $agent AND verdict = 'step'",
        agent=agent,
    ).fetchall()
    assert {measure for measure, *_ in steps} >= set(PLANTED[agent]["measures"])
    inside = [earliest <= at <= latest for _, earliest, latest, _ in steps]
    assert sum(inside) >= 0.9 * len(inside)
    assert all(set(PLANTED[agent]["cause"]) <= set(kinds) for _, _, _, kinds in steps)


def test_every_suspect_is_a_release_that_replaced_what_was_there(lens: Lens) -> None:
    columns = "agent_name, kind, value_before, value, trace_id, span_id"
    suspects = lens.sql(
        f"SELECT DISTINCT {columns} FROM (SELECT unnest(suspects, recursive := true) FROM drift_changes)"
    )
    known = lens.sql(f"SELECT {columns} FROM releases WHERE share >= 0.5")
    assert suspects.fetchall() and set(suspects.fetchall()) <= set(known.fetchall())


def test_two_causes_at_once_are_not_separated(lens: Lens) -> None:
    said = lens.sql("SELECT explanation FROM drift_changes WHERE agent_name = 'Fraud' AND verdict = 'step'").fetchall()
    assert said and all("the data cannot separate them" in text for (text,) in said)
    alone = lens.sql(
        "SELECT explanation FROM drift_changes WHERE agent_name = 'Letters' AND verdict = 'step'"
    ).fetchall()
    assert not [text for (text,) in alone if "cannot separate" in text]


def test_another_mix_of_work_is_not_called_behaviour(lens: Lens) -> None:
    found = verdicts(lens, "Assessment")
    assert found["task_input_tokens"] == "workload"
    assert not {"step", "slope"} & set(found.values())


def test_wild_days_new_versions_and_sparse_work_are_left_alone(lens: Lens) -> None:
    assert set(verdicts(lens, "Payout").values()) == {"none"}
    assert set(verdicts(lens, "Medical").values()) == {"none"}
    assert (
        set(verdicts(lens, "Legal").values()) <= {"too few", "none"} and "too few" in verdicts(lens, "Legal").values()
    )
    releases = lens.sql("SELECT kind, hour(start_time) FROM releases WHERE agent_name = 'Medical'").fetchall()
    assert [kind for kind, _ in releases] == ["agent_version"]


def test_the_timeline_shows_what_changed_in_the_prompt(lens: Lens) -> None:
    query = "SELECT removed, added FROM releases WHERE agent_name = 'Letters' AND kind = 'system_prompt'"
    assert lens.sql(query).fetchall() == [
        (["Name the clause that applies."], ["Quote every clause that applies in full."])
    ]


def test_a_day_without_work_is_seen_as_missing(lens: Lens) -> None:
    query = """
        SELECT n, value, low FROM drift_measures
        WHERE dimension = 'agent' AND agent_name = 'Letters' AND measure = 'task_duration_s' AND time_bucket = '2026-06-07'
    """
    assert lens.sql(query).fetchall() == [(0, None, None)]


def test_measuring_twice_gives_the_same(lens: Lens) -> None:
    before = lens.sql("FROM drift_changes ORDER BY ALL").fetchall()
    al.detect(lens, ["drift_step"])
    assert lens.sql("FROM drift_changes ORDER BY ALL").fetchall() == before


def test_one_long_session_is_not_called_drift(tmp_path: Path) -> None:
    """The window of a session grows from call to call: that is how one task unfolds, and no change of behaviour."""
    steps = [agent("lead", end=900)]
    steps += [
        call(f"c{n}", "lead", n * 10, model="m", input_tokens=1_000 + 400 * n, output_tokens=50) for n in range(80)
    ]
    found = read_steps(tmp_path, steps)
    al.detect(found, ["drift_step", "drift_slope"])
    assert found.sql("SELECT summary FROM findings").fetchall() == []
    verdicts_of_calls = found.sql("SELECT DISTINCT verdict FROM drift_changes WHERE measure = 'call_input_tokens'")
    assert verdicts_of_calls.fetchall() == [("too few",)]


def test_the_briefing_tells_what_was_planted_and_nothing_else(lens: Lens) -> None:
    told = items_of(lens, "7d")
    assert about(told, "critical") == set()
    assert about(told, "warning") == {"Letters", "Triage", "Fraud", "Archive"}
    assert about(told, "better") == {"Triage"}
    assert about(told, "info") == {"Assessment", "Medical"}
    by_agent = {item.agents[0]: item.text for item in told if item.agents and item.kind != "better"}
    assert "(gpt-4.1-mini to gpt-4.1-nano)" in by_agent["Triage"]
    assert "the data cannot separate them" in by_agent["Fraud"]
    assert "only because it got other work" in by_agent["Assessment"]
    assert "nothing that is measured changed" in by_agent["Medical"]
