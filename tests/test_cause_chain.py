"""The chain from cause to harm, as the trace tree carries and draws it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic
from test_explorers_static import Open, open_page  # noqa: F401

import agentlens as al
from agentlens import AgentLensError

WAVE_14 = Path(__file__).parents[1] / "datasets" / "wave_14"
INCIDENT = "7837ef7c84de423f"


@pytest.fixture(scope="module")
def case() -> Iterator[Any]:
    with al.read(WAVE_14, progress=False) as lens:
        al.detect(lens)
        yield lens


def test_the_tree_carries_the_rows_of_every_hypothesis_in_order(case: Any) -> None:
    tree = al.TraceTree(case, root_cause=INCIDENT)
    expected = case.root_cause(INCIDENT).project("hypothesis, span_ids").fetchall()
    ids = tree._span_ids.to_pylist()
    carried = [(one["hypothesis"], [ids[step["row"]] for step in one["steps"]]) for one in tree._cause["hypotheses"]]
    assert carried == expected and carried[0][1][-1] == INCIDENT
    assert tree._columns == al.TraceTree(case)._columns
    assert tree.draw_cause(None) == 0 and tree._cause == {}


def test_a_step_that_the_tree_leaves_out_has_no_row(case: Any) -> None:
    tree = al.TraceTree(case, where="operation_name = 'invoke_agent'", root_cause=INCIDENT)
    assert [step["row"] >= 0 for step in tree._cause["hypotheses"][0]["steps"]] == [False, False, True]


def test_what_cannot_be_asked_is_said(case: Any) -> None:
    with pytest.raises(AgentLensError, match="no span and no trace"):
        al.TraceTree(case, root_cause="nothing")
    with al.read(WAVE_14, progress=False) as fresh:
        assert not al.TraceTree(fresh)._asks_causes
        with pytest.raises(AgentLensError, match=r"run `agentlens\.detect"):
            al.TraceTree(fresh, root_cause=INCIDENT)


def test_the_button_of_a_span_asks_for_its_cause(case: Any) -> None:
    tree = al.TraceTree(case)
    assert tree._asks_causes and tree._reply("cause", {"row": tree.row_of(INCIDENT)}) == {"hypotheses": 3}
    assert len(tree._cause["hypotheses"]) == 3


@pytest.mark.browser
def test_the_chain_is_told_and_drawn_and_can_be_walked_and_taken_away(open_page: Open, case: Any) -> None:  # noqa: F811
    page = open_page(synthetic.embedded_place("tree", al.TraceTree(case, root_cause=INCIDENT).embed()))
    strip = page.get_by_role("region", name="Root cause")
    strip.get_by_text("Atlas lost 14 messages").wait_for()
    assert strip.get_by_role("listitem").all_inner_texts()[1].split() == [
        "2",
        "Atlas",
        "dispatch_brief",
        "handed",
        "over",
        "to",
        "it",
    ]
    assert page.locator(".al-row.al-chained:visible .al-step-number").all_inner_texts() == ["1", "2", "3"]
    strip.get_by_role("button", name="dispatch_brief").click()
    page.locator(".al-row[aria-selected=true]", has_text="dispatch_brief").wait_for()
    strip.get_by_role("button", name="Next hypothesis").click()
    strip.get_by_text("2 of 3").wait_for()
    strip.get_by_role("button", name="Take the chain away").click()
    strip.wait_for(state="hidden")
    assert page.locator(".al-row.al-chained:visible").count() == 0


@pytest.mark.browser
def test_where_nothing_speaks_for_a_cause_the_tree_says_so(open_page: Open, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "spans.jsonl"
    path.write_text('{"timestamp": "2026-01-01T00:00:00Z", "agent": "<i>Ada", "action": "chat"}\n')
    with al.read(path, progress=False) as lens:
        al.detect(lens)
        span_id = lens.sql("SELECT span_id FROM spans").fetchall()[0][0]
        page = open_page(synthetic.embedded_place("tree", al.TraceTree(lens, root_cause=span_id).embed()))
    page.get_by_text("Nothing in the log speaks for a cause of chat of <i>Ada.").wait_for()
