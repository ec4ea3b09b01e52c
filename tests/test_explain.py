"""What explains a selection: the cause stands first, chance is not taken for one, and every row is a query."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from incidents import Run, make_runs, names_cause, strike
from lens_builder import read_steps

from agentlens import AgentLensError, Lens


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return make_runs(400, 7)


@pytest.fixture(scope="module")
def lens(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    with read_steps(tmp_path_factory.mktemp("runs"), [step for run in runs for step in run.steps]) as found:
        yield found


def test_the_cause_of_an_incident_stands_first(lens: Lens, runs: list[Run]) -> None:
    rng = random.Random(1)
    first = 0
    for _ in range(12):
        cause, struck = strike(runs, rng)
        top = lens.explain(struck).pl().head(1).to_dicts()
        first += bool(top) and names_cause(top[0], cause)
    assert first >= 11


def test_a_random_selection_has_no_explanation(lens: Lens, runs: list[Run]) -> None:
    rng = random.Random(2)
    found = [lens.explain(rng.sample([run.trace_id for run in runs], 40)).pl() for _ in range(10)]
    assert sum((frame["q_value"] <= 0.05).any() for frame in found) <= 1


def test_every_row_is_a_query_that_finds_what_it_counts(lens: Lens, runs: list[Run]) -> None:
    _, struck = strike(runs, random.Random(3))
    for row in lens.explain(struck).pl().head(8).to_dicts():
        traces = {trace for (trace,) in lens.sql(f"SELECT DISTINCT trace_id FROM ({row['sql']})").fetchall()}
        assert len(traces & set(struck)) == row["inside"]
        assert len(traces - set(struck)) == row["outside"]
        assert row["inside_total"] == len(struck) and row["inside_total"] + row["outside_total"] == len(runs)


def test_what_a_condition_names_does_not_explain_it(lens: Lens) -> None:
    found = lens.explain("tool_name = 'search'").pl()
    assert "tool_name" not in found["feature"].to_list()
    assert found.head(1)["feature"].to_list() in (["name"], ["tool"])


def test_spans_are_compared_with_spans_that_do_the_same_kind_of_thing(lens: Lens, runs: list[Run]) -> None:
    found = lens.explain("operation_name = 'execute_tool' AND tool_call_arguments LIKE '%: 3%'").pl()
    assert set(found["inside_total"] + found["outside_total"]) == {2 * len(runs)}
    assert found.head(1).select("kind", "feature", "value").row(0) == ("argument", "page", "3")


def test_fewer_than_the_least_number_is_no_explanation(lens: Lens, runs: list[Run]) -> None:
    assert lens.explain([run.trace_id for run in runs[:4]]).fetchall() == []
    assert all(row[0] >= 2 for row in lens.explain([run.trace_id for run in runs[:4]], 2).select("inside").fetchall())


def test_what_is_no_selection_is_said(lens: Lens) -> None:
    with pytest.raises(AgentLensError, match="selection is empty"):
        lens.explain([])
    with pytest.raises(AgentLensError, match="selection is empty"):
        lens.explain(["no such span"])
    with pytest.raises(AgentLensError, match="no condition over `spans`"):
        lens.explain("no_such_column = 1")


def test_a_selection_is_compared_with_what_it_is_told_to_be(lens: Lens, runs: list[Run]) -> None:
    _, struck = strike(runs, random.Random(3))
    others = [run.trace_id for run in runs if run.trace_id not in struck][:100]
    for row in lens.explain(struck, against=others).pl().head(8).to_dicts():
        traces = {trace for (trace,) in lens.sql(f"SELECT DISTINCT trace_id FROM ({row['sql']})").fetchall()}
        assert (row["inside"], row["outside"]) == (len(traces & set(struck)), len(traces & set(others)))
        assert (row["inside_total"], row["outside_total"]) == (len(struck), 100)
    with pytest.raises(AgentLensError, match="against traces only"):
        lens.explain(struck, against="tool_name = 'search'")
    with pytest.raises(AgentLensError, match="empty"):
        lens.explain(struck, against=[])
