"""What all detectors keep: a check each, thresholds that are named, the planted faults and no more, evidence at its bytes, text that stays text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from detector_runs import EMPTY, board, in_traces, outcome, series
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool

import agentlens as al
from agentlens import Lens
from agentlens._detect import all_detectors, detect

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


def test_detect_leaves_one_check_a_detector_and_nothing_doubles(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), *series("search", [EMPTY] * 3)])
    first = detect(lens).fetchall()
    assert detect(lens).fetchall() == first and len(first) == 1
    checks = lens.sql("SELECT detector, outcome, findings, reason IS NOT NULL FROM checks").fetchall()
    assert sorted(name for name, *_ in checks) == sorted(all_detectors())
    for name, verdict, count, has_reason in checks:
        assert verdict in ("fired", "found nothing", "could not look")
        assert (count > 0) == (verdict == "fired") == (name == "tool_loop")
        assert has_reason or verdict != "could not look"


def test_one_detector_replaces_only_its_own_rows_and_keeps_its_thresholds(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), *series("search", [EMPTY] * 3), *series("deploy", [None] * 5, first=9)])
    detect(lens, ["tool_loop", "retry_storm"])
    detect(lens, ["tool_loop"], tool_loop={"min_repeats": 9})
    assert lens.sql("SELECT detector FROM findings").fetchall() == [("retry_storm",)]
    settings = lens.sql("SELECT arguments FROM checks WHERE detector = 'tool_loop'").fetchall()[0][0]
    assert json.loads(settings) == {"min_repeats": 9, "min_cycles": 3, "min_near": 4, "near": 8}


def test_unknown_names_are_refused_and_nothing_changes(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), *series("search", [EMPTY] * 3)])
    detect(lens)
    with pytest.raises(al.AgentLensError, match="'loops' is no detector; known are approval_skipped, blocked"):
        detect(lens, ["loops"])
    with pytest.raises(al.AgentLensError, match="'repeats' is no threshold of tool_loop; known are min_repeats"):
        detect(lens, tool_loop={"repeats": 2})
    with pytest.raises(Exception, match="many"):
        detect(lens, tool_loop={"min_repeats": "many"})
    assert len(lens.sql("FROM findings").fetchall()) == 1


IN_ORDER_OF_TIME = {
    "competing_writes": "tool calls",
    "context_collapse": "model calls",
    "context_pollution": "tool calls that write",
    "delegation_loop": "handings over",
    "duplicate_work": "tool calls",
    "missing_brief": "delegations",
}


def team_at_work() -> list[Step]:
    """Two agents that hand over, ask a model, write and read."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Write the page."}]}]
    return [
        agent("Ana", status=OK),
        agent("Ben", "Ana", 1),
        *(tool(f"delegate_task#{n}", "Ana", n, agent="Ana", arguments={"to": "Ben", "what": f"page {n}"}, result="ok") for n in range(6)),
        *(tool(f"write_file#{n}", "Ben", 10 + n, agent="Ben", arguments={"path": f"{n}.md", "text": "x"}, result="done") for n in range(4)),
        *(tool(f"read_file#{n}", "Ana", 20 + n, agent="Ana", arguments={"path": f"{n}.md"}, result="x") for n in range(4)),
        *(call(f"ask#{n}", "Ben", 30 + n, agent="Ben", inputs=asked) for n in range(4)),
    ]  # fmt: skip


def without_times(span: Step) -> Step:
    return {key: value for key, value in span.items() if not key.endswith("UnixNano")}


@pytest.mark.parametrize("detector", IN_ORDER_OF_TIME)
def test_what_has_no_time_is_said_to_be_unjudged_where_order_in_time_decides(tmp_path: Path, detector: str) -> None:
    steps = team_at_work()
    some = [without_times(span) if span["name"].endswith("#0") else span for span in steps]
    timed = read_steps(tmp_path / "timed", steps)
    partly = read_steps(tmp_path / "partly", some)
    untimed = read_steps(tmp_path / "untimed", map(without_times, steps))
    for lens in (timed, partly, untimed):
        detect(lens, [detector])
    assert outcome(timed, detector) == ("found nothing", None)
    verdict, reason = outcome(partly, detector)
    assert verdict == "found nothing"
    assert re.fullmatch(
        rf"\d+ of \d+ {IN_ORDER_OF_TIME[detector]} (has|have) no time recorded and (was|were) not judged", reason or ""
    )
    verdict, reason = outcome(untimed, detector)
    assert verdict == "could not look" and (reason or "").endswith("has a time recorded")


class Piece(NamedTuple):
    """A piece of evidence and the bytes on disk it points to."""

    detector: str
    span_id: str | None
    says: str
    data: str


def evidence_of(lens: Lens) -> list[Piece]:
    query = """
        SELECT detector, piece.span_id, piece.says, path, piece.source_offset, piece.source_length
        FROM (SELECT detector, unnest(evidence) AS piece FROM findings) JOIN sources ON source_id = piece.source_id
    """
    return [
        Piece(detector, span_id, says, Path(path).read_bytes()[offset : offset + length].decode())
        for detector, span_id, says, path, offset, length in lens.sql(query).fetchall()
    ]


@pytest.mark.parametrize("name", ["wave_14", "research_team"])
def test_a_bundled_incident_shows_what_was_planted_and_no_more(name: str) -> None:
    lens = al.read(DATASETS / name, progress=False)
    detect(lens)
    known = set(all_detectors())
    truth = json.loads((DATASETS / "truth" / f"{name}.json").read_text())
    planted = [fault for fault in truth["faults"] if fault["detector"] in known]
    findings = lens.sql("SELECT detector, agent_name, trace_id, span_ids, summary FROM findings").fetchall()
    assert sorted(fault["detector"] for fault in planted) == sorted(detector for detector, *_ in findings)
    for fault in planted:
        matching = [row for row in findings if row[0] == fault["detector"]]
        if fault.get("span_ids") and any(row[3] for row in matching):
            assert any(set(row[3]) & set(fault["span_ids"]) for row in matching), fault["id"]
        else:
            assert any(row[1] in fault["agents"] for row in matching), fault["id"]
    decoys = {span for decoy in truth["decoys"] for span in decoy.get("span_ids", [])}
    assert not [row for row in findings if decoys & set(row[3])]


def test_every_piece_of_evidence_stands_at_its_bytes() -> None:
    lens = al.read(DATASETS / "wave_14", progress=False)
    detect(lens)
    pieces = evidence_of(lens)
    assert len(pieces) > 30
    for piece in pieces:
        if piece.span_id:
            assert f'"spanId":"{piece.span_id}"' in piece.data, piece
        else:
            assert re.findall(r"IN_PROGRESS|COMPLETE|BLOCKED", piece.data)[0] in piece.says, piece


HOSTILE = [
    "'; DROP TABLE spans; --",
    '"]}{$.*\\',
    "<script>alert(1)</script>",
    "\x1b[31m",
    "{}{:,}",
    "%s $name",
    "𝕏" * 500,
]


def hostile_run(text: str) -> list[Step]:
    """A run in which every field that a detector touches holds a text, and in which several detectors fire."""
    arguments = {text: text, "path": text, "agent": text, "context": text}
    return [
        agent("lead", outputs=said(text), status=OK),
        agent(text, "lead", 1, 90, status=OK, outputs=said("the " + text)),
        *(tool(f"{text}#{n}", text, n, result=text * 9, arguments=arguments) for n in range(1, 5)),
        *(
            tool(f"deploy#{n}", text, 10 + n, status=ERROR, message=text, error_type=text, arguments=arguments)
            for n in range(5)
        ),
        *(tool(f"dispatch_brief#{n}", text, 20 + n, arguments=arguments if n < 6 else {text: 1}) for n in range(8)),
        *(tool(f"write_file#{n}", who, 40 + n, arguments=arguments) for n, who in enumerate([text, "lead"])),
    ]


def test_hostile_text_is_only_ever_text(tmp_path: Path) -> None:
    beats = board([{text.replace(":", ""): "BLOCKED (" + text + ")" for text in HOSTILE}] * 4)
    lens = read_steps(tmp_path, in_traces(map(hostile_run, HOSTILE)), **{"beats.log": beats})
    detect(lens)
    for detector in ("tool_loop", "retry_storm"):
        found = "SELECT count(DISTINCT agent_name) FROM findings WHERE detector = $detector AND agent_name <> 'lead'"
        assert lens.sql(found, detector=detector).fetchall() == [(len(HOSTILE),)], detector
    for (view,) in lens.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
        lens.sql(f'FROM "{view}"').fetchall()
