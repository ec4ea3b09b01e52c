"""Compare says what differs between two runs or two groups of runs, and proves it by spans and SQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lens_builder import ERROR, Step, agent, call, hex_id, read_steps, said, tool

import agentlens as al
from agentlens import AgentLensError, Lens

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


def run(trace: str, *tools: str, answer: str = "done", **more: object) -> list[Step]:
    """One run of one agent: a call, its tools in order, and an answer."""
    steps = [agent("lead", trace=trace), call("c", "lead", 0, trace=trace, outputs=said("let me see"))]
    steps += [tool(name, "lead", at + 1, trace=trace, result=f"{name} found", **more) for at, name in enumerate(tools)]  # type: ignore[arg-type]
    return [*steps, call("last", "lead", 50, trace=trace, outputs=said(answer), input_tokens=100, output_tokens=7)]


def changes(lens: Lens, a: str, b: str) -> list[tuple[str, str]]:
    return [(row["change"], row["name"]) for row in al.Compare(lens, a, b)._rows if row["change"] != "same"]


def test_two_runs_are_aligned_and_their_differences_named(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [*run("a", "search", "read"), *run("b", "search", "fetch", "read", answer="no")])
    compare = al.Compare(lens, hex_id("a", 32), hex_id("b", 32))
    assert [(row["change"], row["name"]) for row in compare._rows if row["change"] != "same"] == [
        ("inserted", "fetch"),
        ("changed", "last"),
    ]
    assert compare.divergence is not None and compare.divergence["name"] == "fetch"
    rows = compare.rows().pl()
    assert {"change", "a_span_id", "b_span_id", "name", "agent_name", "duration_delta_ns", "cost_usd_delta"} <= set(
        rows.columns
    )
    assert rows.filter(change="inserted")["a_span_id"].to_list() == [None]
    assert lens.sql(compare.sql).fetchall() == compare.rows().fetchall()


def test_a_run_does_not_differ_from_itself(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, run("a", "search", "read"))
    compare = al.Compare(lens, hex_id("a", 32), hex_id("a", 32))
    assert compare.divergence is None
    assert {row["delta"] for row in compare.totals} == {0.0}


def test_groups_part_at_the_step_that_only_one_of_them_takes(tmp_path: Path) -> None:
    steps = [step for n in range(12) for step in run(f"good{n}", "search", "read", "check")]
    steps += [step for n in range(12) for step in run(f"bad{n}", "search", "read", status=ERROR)]
    lens = read_steps(tmp_path, steps)
    compare = al.Compare(lens, "errors = 0", "errors > 0")
    assert [(row["change"], row["name"]) for row in compare._rows if row["change"] != "same"] == [("deleted", "check")]
    divergence = compare.divergence
    assert divergence is not None and (divergence["a_rate"], divergence["b_rate"]) == (1.0, 0.0)
    assert divergence["rate_low"] <= -0.6 and divergence["rate_high"] < -0.6
    failures = next(row for row in compare.totals if row["measure"] == "errors")
    assert (failures["a"], failures["b"], failures["low"]) == (0.0, 2.0, 2.0)


def test_groups_that_chance_could_have_made_do_not_differ(tmp_path: Path) -> None:
    steps = [step for n in range(10) for step in run(f"t{n}", "search", *(["read"] if n in (1, 4, 5) else []))]
    lens = read_steps(tmp_path, steps)
    even = "trace_id IN (SELECT trace_id FROM (SELECT trace_id, row_number() OVER (ORDER BY trace_id) AS n FROM (SELECT DISTINCT trace_id FROM spans)) WHERE n % 2 = 0)"
    assert changes(lens, even, f"NOT {even}") == []


def test_a_picked_step_selects_both_spans_and_shows_both_texts(tmp_path: Path) -> None:
    hostile = '<img src=x onerror="alert(1)">\x1b[31m'
    lens = read_steps(tmp_path, [*run("a"), *run("b", answer=hostile)])
    compare = al.Compare(lens, hex_id("a", 32), hex_id("b", 32))
    (row,) = [row for row in compare._rows if row["change"] == "changed"]
    compare.picked = {"kind": "step", "key": str(row["place"])}
    assert compare.selection == [hex_id("a/last"), hex_id("b/last")]
    texts = {
        text["what"]: text["lines"] for text in json.loads(compare._answer({"type": "quote", "key": str(row["place"])}))
    }
    assert ["-", "done"] in texts["output"] and ["+", hostile] in texts["output"]
    for key in ("-1", "999", "x", ""):
        assert compare._answer({"type": "quote", "key": key}) is None


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, run("a"))
    with pytest.raises(AgentLensError, match="neither the id of a trace in this lens nor a condition"):
        al.Compare(lens, hex_id("a", 32), "no such column = 1")
    with pytest.raises(AgentLensError, match="No trace is there"):
        al.Compare(lens, hex_id("a", 32), "errors > 5")


def test_a_report_carries_the_comparison_with_its_texts() -> None:
    with al.read(DATASETS / "research_team", progress=False) as lens:
        ids = [trace for (trace,) in lens.sql("SELECT trace_id FROM traces ORDER BY start_time").fetchall()]
        compare = al.Compare(lens, ids[0], ids[1])
        embedded = compare.embed()
    assert embedded.explorer == "compare"
    assert set(embedded.details) == {str(row["place"]) for row in compare._rows if row["change"] != "same"}
    json.dumps(embedded.state)
