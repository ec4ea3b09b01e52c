"""Origin draws every hop of what is asked and no other, downwards in time, and keeps apart what is only similar."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lens_builder import ERROR, agent, call, hex_id, read_steps, said, tool

import agentlens as al
from agentlens import AgentLensError, Lens
from agentlens.explorers._origin_still import _new_days

DATASETS = Path(__file__).parents[1] / "datasets"
INCIDENTS: list[dict[str, Any]] = json.loads((DATASETS / "truth" / "lineage.json").read_text("utf-8"))["incidents"]
PLANTED = [(value, hops) for incident in INCIDENTS for value, hops in incident["hops"].items()]
HOSTILE = "<img src=x onerror=alert(1)>'; DROP TABLE spans; --\x1b[31m 77,120,345"


@pytest.fixture(scope="module")
def lens() -> Iterator[Lens]:
    with al.read(DATASETS / "lineage", progress=False) as lens:
        yield lens


@pytest.fixture(scope="module")
def wave() -> Iterator[Lens]:
    with al.read(DATASETS / "wave_14", progress=False) as lens:
        al.detect(lens)
        yield lens


def arrows(origin: al.Origin) -> set[tuple[str, str]]:
    """Return the hops of the picture as pairs of span ids, without those within one step and those to what is similar."""
    steps = origin._view["steps"]
    return {
        (steps[hop["from"]]["span_id"], steps[hop["to"]]["span_id"])
        for hop in origin._view["hops"]
        if hop["kind"] not in ("same step", "similar")
    }


@pytest.mark.parametrize(("value", "hops"), PLANTED, ids=[value for value, _ in PLANTED])
def test_every_planted_hop_is_an_arrow_and_no_other(lens: Lens, value: str, hops: list[dict[str, Any]]) -> None:
    origin = al.Origin(lens, value)
    assert arrows(origin) == {(hop["from_span_id"], hop["to_span_id"]) for hop in hops if hop["from_span_id"]}
    assert (
        origin.rows().fetchall()
        == lens.origin(value).order("hop, start_time, to_span_id, from_span_id, kind").fetchall()
    )


def test_arrows_lead_down_in_time(lens: Lens, wave: Lens) -> None:
    findings = wave.sql("FROM findings WHERE len(span_ids) > 0").pl().rows(named=True)
    pictures = [al.Origin(lens, value)._view for value, _ in PLANTED] + [al.Origin(wave, row)._view for row in findings]
    up = [hop for view in pictures for hop in view["hops"] if hop["from"] >= hop["to"] and hop["kind"] != "similar"]
    assert sum(len(view["hops"]) for view in pictures) > 150
    assert up == []


def test_what_is_only_similar_stands_apart_and_last(lens: Lens) -> None:
    told = INCIDENTS[0]["similar"]
    steps = al.Origin(lens, INCIDENTS[0]["ask"])._view["steps"]
    similar = [step for step in steps if step["is_similar"]]
    assert [step["span_id"] for step in similar] == [told["span_id"]]
    assert similar[0]["passage"][1] == told["written"]
    assert steps[-1] is similar[0]
    assert {step["passage"][1] for step in steps[:-1]} == {INCIDENTS[0]["ask"]}


def test_the_picture_of_a_finding_marks_its_steps_and_says_how_many_have_no_text(wave: Lens) -> None:
    runs = {
        span_id for (span_id,) in wave.sql("SELECT span_id FROM spans WHERE operation_name = 'invoke_agent'").fetchall()
    }
    for row in wave.sql("FROM findings WHERE len(span_ids) BETWEEN 1 AND 6").pl().rows(named=True):
        origin = al.Origin(wave, row)
        drawn = {step["span_id"] for step in origin._view["steps"] if step["marked"]}
        assert drawn == set(row["span_ids"]) - runs, row["summary"]
        assert any("no text" in note for note in origin._view["notes"]) == bool(set(row["span_ids"]) & runs)
        assert wave.sql(origin.sql).fetchall() == origin.rows().fetchall()


def test_work_that_was_handed_over_leads_into_the_run(wave: Lens) -> None:
    stale = wave.sql("FROM findings WHERE detector = 'stale_packet'").pl().rows(named=True)[0]
    view = al.Origin(wave, stale)._view
    handed = [hop for hop in view["hops"] if "handoff" in (hop["via"], hop["kind"])]
    ends = {(view["steps"][hop["from"]]["name"], view["steps"][hop["to"]]["lane"]) for hop in handed}
    assert ("dispatch_brief", "Hermes") in ends


def test_a_picked_step_selects_its_span_and_a_selected_span_marks_its_steps(lens: Lens) -> None:
    origin = al.Origin(lens, INCIDENTS[0]["ask"])
    first = origin._view["steps"][0]
    origin.picked = {"kind": "step", "key": first["key"]}
    assert origin.selection == [INCIDENTS[0]["first_span_id"]]
    origin.selection = [INCIDENTS[0]["similar"]["span_id"]]
    assert (origin.picked, origin._touched) == ({}, [f"step:{origin._view['steps'][-1]['key']}"])


def test_another_value_can_be_asked_for_and_one_that_stands_nowhere_says_so(lens: Lens) -> None:
    origin = al.Origin(lens, "48,217.30")
    origin._asked = "31,405"
    assert origin._view["asked"] == "31,405"
    assert "31,405" in origin.sql
    origin._asked = "9,999,999"
    assert (origin._view["steps"], origin._view["lanes"]) == ([], [])
    assert "nowhere" in origin._view["notes"][0]
    assert origin.rows().fetchall() == []


def test_left_open_it_shows_the_value_that_reached_most_agents(lens: Lens) -> None:
    assert al.Origin(lens)._view["asked"] == "48,217.30"


def test_the_name_of_a_tool_is_no_value(tmp_path: Path) -> None:
    steps = [
        step
        for name in ("a", "b")
        for step in (agent(name), tool(f"crm_lookup_7#{name}", name, 1, result="the tool crm_lookup_7 found nothing"))
    ]
    with read_steps(tmp_path, steps) as lens:
        assert al.Origin(lens)._view["asked"] == ""


def test_what_it_cannot_show_is_an_error_with_words(lens: Lens) -> None:
    with pytest.raises(AgentLensError, match="empty text"):
        al.Origin(lens, "  ")
    with pytest.raises(AgentLensError, match="span_ids"):
        al.Origin(lens, {"detector": "blocked", "span_ids": []})


def test_a_lens_without_texts_shows_that_there_is_nothing(tmp_path: Path) -> None:
    with read_steps(tmp_path, [agent("lead")]) as lens:
        assert al.Origin(lens).summary() == "nothing: 0 hops, 0 agents"
        assert "no value" in al.Origin(lens).still().lower()


def test_the_still_says_each_new_day_once(lens: Lens) -> None:
    assert re.findall(r">(\d{4}-\d\d-\d\d)<", al.Origin(lens, "48,217.30").still()) == ["2026-06-02"]
    hours = [{"time_ms": None if hour is None else hour * 3_600_000} for hour in (0, 23, None, 24, 25)]
    assert _new_days(hours) == ["1970-01-01", "", "", "1970-01-02", ""]


def test_hostile_texts_stay_texts_in_the_still(tmp_path: Path) -> None:
    steps = [
        call("c", agent=HOSTILE, outputs=said(HOSTILE)),
        tool(HOSTILE, "c", 5, agent="b", result=HOSTILE, status=ERROR),
    ]
    with read_steps(tmp_path, steps) as lens:
        still = al.Origin(lens, "77,120,345").still()
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(still).iter()}
    assert tags <= {"svg", "rect", "line", "circle", "path", "text"}
    assert "\x1b" not in still


def test_a_report_carries_the_ways_that_can_be_chosen_with_their_spans(lens: Lens) -> None:
    state = al.Origin(lens, "48,217.30").embed().state
    assert next(iter(state["_views"])) == "48,217.30"
    assert len(state["_views"]) >= 4
    for view in state["_views"].values():
        for step in view["steps"]:
            assert state["_reach"][f"step:{step['key']}"] == ([step["span_id"]] if step["span_id"] else [])
    keys = [step["key"] for view in state["_views"].values() for step in view["steps"]]
    assert len(keys) == len(set(keys))


def test_a_step_shows_what_led_to_it(lens: Lens) -> None:
    last = INCIDENTS[0]["similar"]["span_id"]
    origin = al.Origin(lens, last)
    assert [step["span_id"] for step in origin._view["steps"] if step["marked"]] == [last]
    assert origin.sql.startswith("FROM flow_sources(NULL, ")
    assert hex_id("no such step") not in {step["span_id"] for step in origin._view["steps"]}


# --- pieces of a window ----------------------------------------------------------------------------------------------------


def test_a_piece_of_a_window_leads_to_the_step_that_had_it_just_before_and_to_the_first(lens: Lens) -> None:
    hops = INCIDENTS[0]["hops"]["48,217.30"]
    carried = {hop["to_span_id"]: hop["from_span_id"] for hop in hops if hop["kind"] == "carried"}
    answered = next(hop["to_span_id"] for hop in hops if hop["from_span_id"] == carried[hops[3]["to_span_id"]])
    story = al.Conversation(lens, agent="editor")
    pieces = [piece for found in story.embed().state["_pieces"].values() for piece in found]
    report = [piece for piece in pieces if piece["span_id"] == carried[answered] and piece["passage"] is None]
    assert {(piece["agent_name"], piece["first_agent"], piece["first_span_id"]) for piece in report} == {
        ("editor", "analyst", carried[carried[answered]])
    }


def test_the_page_is_told_of_pieces_when_it_asks_and_of_none_for_an_unknown_message(lens: Lens) -> None:
    story = al.Conversation(lens, agent="editor")
    carried = story.embed().state["_pieces"]
    key = next(iter(carried))
    assert story._answer({"type": "pieces", "key": key}) == {"pieces": carried[key]}
    assert story._answer({"type": "pieces", "key": "f" * 32}) == {"pieces": []}
