"""From an incident back to what caused it: the planted defect comes first, its chain is real, and where nothing speaks, nothing is said."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lens_builder import ERROR, OK, Step, agent, call, hex_id, read_steps, tool

import agentlens as al
from agentlens import Lens
from agentlens._detect import detect

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


def causes(lens: Lens, incident: str, columns: str = "detector, agent_name, strength") -> list[tuple[Any, ...]]:
    return lens.root_cause(incident).project(columns).fetchall()


def span(name: str, trace: str = "run") -> str:
    return hex_id(f"{trace}/{name}")


def detected(folder: Path, steps: list[Step]) -> Lens:
    lens = read_steps(folder, steps)
    detect(lens)
    return lens


# --- the bundled incidents, whose truth was written with them ----------------------------------------------------------


@pytest.fixture(scope="module")
def bundled() -> Iterator[dict[str, Lens]]:
    lenses = {name: al.read(DATASETS / name, progress=False) for name in ("wave_14", "research_team")}
    for lens in lenses.values():
        detect(lens)
    yield lenses


def wrong_deliverables() -> list[tuple[str, str, str, str]]:
    """Data set, span of the wrong deliverable, the detector that tells of its cause, and how sure the way is: words were lost, or an answer was merely read."""
    wave = json.loads((DATASETS / "truth" / "wave_14.json").read_text())["wrong_deliverables"]
    team = json.loads((DATASETS / "truth" / "research_team.json").read_text())["wrong_deliverables"]
    return [
        *(("wave_14", each["agent_span_id"], "context_collapse", "certain") for each in wave),
        *(("research_team", each["span_id"], "swallowed_error", "likely") for each in team),
    ]


@pytest.mark.parametrize(("name", "incident", "cause", "strength"), wrong_deliverables())
def test_the_cause_of_every_wrong_deliverable_comes_first(
    bundled: dict[str, Lens], name: str, incident: str, cause: str, strength: str
) -> None:
    [first, *_] = causes(bundled[name], incident, "detector, strength, span_ids, chain, speaks_against")
    assert first[:2] == (cause, strength)
    assert first[2][-1] == incident and len(first[2]) >= 3
    assert first[3][-1]["way"] is None and all(step["way"] for step in first[3][:-1])
    assert first[4] == []
    [(end,)] = bundled[name].sql("SELECT end_time FROM spans WHERE span_id = $s", s=incident).fetchall()
    for step in first[3]:
        query = "SELECT start_time FROM spans WHERE trace_id = $t AND span_id = $s"
        [(start,)] = bundled[name].sql(query, t=step["trace_id"], s=step["span_id"]).fetchall()
        assert start <= end


# --- single laws ------------------------------------------------------------------------------------------------------


def test_the_innermost_failure_is_the_cause_of_a_failed_trace(tmp_path: Path) -> None:
    steps = [
        agent("lead", status=ERROR),
        agent("helper", "lead", 1, 50, status=ERROR),
        tool("load", "helper", 3, status=ERROR, message="disk is full"),
        tool("other", "helper", 1, result="fine"),
    ]
    lens = detected(tmp_path, steps)
    columns = "detector, agent_name, strength, hypothesis, [step.way for step in chain]"
    assert causes(lens, hex_id("run", 32), columns) == [
        (
            "error",
            "helper",
            "certain",
            "load failed for helper and was not mended: disk is full.",
            ["failed inside it"] * 2 + [None],
        )
    ]


def test_only_the_same_failure_in_a_trace_that_ended_well_speaks_against_it(tmp_path: Path) -> None:
    def run(trace: str, status: int, message: str) -> list[Step]:
        failed = tool("load", "lead", 3, trace=trace, status=ERROR, message=message)
        return [
            agent("lead", trace=trace, status=status),
            failed,
            tool("after", "lead", 6, trace=trace, result="went on"),
        ]

    lens = detected(
        tmp_path, [*run("bad", ERROR, "disk is full"), *run("a", OK, "disk is full"), *run("b", OK, "no such table")]
    )
    assert causes(lens, hex_id("bad", 32), "speaks_against") == [
        (["The same kind of defect is in 1 trace that ended well."],)
    ]


def test_every_trace_that_ended_well_is_looked_at(tmp_path: Path) -> None:
    def run(trace: str, status: int, message: str) -> list[Step]:
        failed = tool("load", "lead", 3, trace=trace, status=ERROR, message=message)
        return [agent("lead", trace=trace, status=status), failed, tool("after", "lead", 6, trace=trace, result="so")]

    well = [step for n in range(130) for step in run(f"well{n}", OK, "disk is full" if n % 2 else "no such table")]
    lens = detected(tmp_path, [*run("bad", ERROR, "disk is full"), *well])
    assert causes(lens, hex_id("bad", 32), "speaks_against") == [
        (["The same kind of defect is in 65 traces that ended well."],)
    ]


def test_every_defect_is_weighed_however_many_there_are(tmp_path: Path) -> None:
    failures = [
        tool(f"load{n}", "lead", 3 + n * 700, status=ERROR, message=f"disk {n} is full", arguments={"disk": n})
        for n in range(350)
    ]
    lens = detected(tmp_path, [agent("lead", end=400_000, status=ERROR), *failures])
    found = lens.root_cause(span("lead"), most=1000).fetchall()
    assert len(found) == 350


def test_what_lies_deep_below_a_trace_is_part_of_it_too(tmp_path: Path) -> None:
    names = ["lead", "a", "b", "c", "d"]
    runs = [agent(name, names[n - 1] if n else None, n, 90 - n, status=OK) for n, name in enumerate(names)]
    again = [tool(f"look#{n}", "d", 20 + n, result="nothing was found for this", arguments={"q": 1}) for n in range(4)]
    lens = detected(tmp_path, [*runs, *again])
    assert causes(lens, hex_id("run", 32)) == [("tool_loop", "d", "possible")]


def test_where_nothing_speaks_for_a_cause_nothing_is_said(tmp_path: Path) -> None:
    healthy = [
        agent("lead", status=OK),
        *(tool(f"t#{n}", "lead", n, result=f"result {n}", arguments={"n": n}) for n in range(6)),
    ]
    assert causes(detected(tmp_path, healthy), span("lead")) == []


def test_a_failure_that_was_mended_is_no_cause(tmp_path: Path) -> None:
    steps = [
        agent("lead", status=OK),
        tool("load", "lead", 1, status=ERROR, message="503"),
        tool("load#2", "lead", 3, result="the data"),
        tool("write_file", "lead", 5, arguments={"path": "out.md", "content": "wrong"}),
    ]
    assert causes(detected(tmp_path, steps), span("write_file")) == []


def test_a_failure_after_the_harm_or_in_another_branch_is_no_cause(tmp_path: Path) -> None:
    steps = [
        agent("lead", status=OK),
        agent("writer", "lead", 1, 20, status=OK),
        tool("write_file", "writer", 5, arguments={"path": "out.md", "content": "wrong"}),
        tool("late", "writer", 9, status=ERROR, message="503"),
        agent("other", "lead", 1, 4, status=OK),
        tool("load", "other", 2, status=ERROR, message="503"),
        tool("after", "other", 3, result="went on"),
    ]
    assert causes(detected(tmp_path, steps), span("write_file")) == []


def test_ids_that_are_nothing_and_a_lens_without_findings_are_told(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead")])
    with pytest.raises(al.AgentLensError, match=r"run `agentlens\.detect\(lens\)` first"):
        lens.root_cause(span("lead"))
    detect(lens)
    with pytest.raises(al.AgentLensError, match="'nowhere' is no span and no trace"):
        lens.root_cause("nowhere")


# --- many runs with a planted cause -----------------------------------------------------------------------------------


def answer(call_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": text}]}


Query = tuple[Step, dict[str, Any]]


def query(number: int, stage: int, place: int, moment: float, rng: random.Random, is_cause: bool) -> Query:
    """A tool call of a stage, and its answer as the next model call is given it."""
    call_id, figures = f"call-{number}-{stage}-{place}-xyz", [str(rng.randrange(1000, 9999)) for _ in range(6)]
    text = f"rows of table {number} {stage} {place}: " + " ".join(figures)
    outcome: dict[str, Any] = {"status": ERROR, "message": "replica is stale"} if is_cause else {"status": OK}
    step = tool(
        f"query#{stage}.{place}",
        f"a{stage}",
        moment,
        trace=f"p{number}",
        arguments={"table": f"t{place}{stage}"},
        result=text,
        gen_ai__tool__call__id=call_id,
        **outcome,
    )
    return step, answer(call_id, text)


def mended(number: int, stage: int, moment: float) -> list[Step]:
    """A failure that was mended."""
    again: dict[str, Any] = {"trace": f"p{number}", "arguments": {"f": f"a{stage}"}}
    failed = tool(f"save#{stage}", f"a{stage}", moment, status=ERROR, message="503", **again)
    return [failed, tool(f"save#{stage}b", f"a{stage}", moment + 1, status=OK, result="saved", **again)]


def hand_over(number: int, stage: int, moment: float, brief: str, inputs: list[dict[str, Any]]) -> list[Step]:
    """The model call that asks for the next stage, the tool call that begins it, and the run of its agent."""
    trace, call_id = f"p{number}", f"hand-{number}-{stage}-over"
    asked = {"type": "tool_call", "id": call_id, "name": "delegate", "arguments": {"task": brief}}
    told = [{"role": "assistant", "parts": [asked]}]
    delegated: dict[str, Any] = {"arguments": {"task": brief}, "gen_ai__tool__call__id": call_id, "status": OK}
    return [
        call(f"c{stage}", f"a{stage}", moment, trace=trace, inputs=inputs, outputs=told),
        tool(f"delegate#{stage}", f"a{stage}", moment + 1, moment + 400, trace=trace, **delegated),
        agent(f"a{stage + 1}", f"delegate#{stage}", moment + 1.5, moment + 399, trace=trace, status=OK),
    ]


def pipeline(number: int, rng: random.Random) -> tuple[list[Step], str, str]:
    """Agents that hand on to one another; one tool of one of them fails and is never mended, and every later agent builds on it.

    Beside it stand decoys: a failure that was mended, one in a branch whose words nobody was given, and one after the harm.
    """
    trace, stages, wrong = f"p{number}", rng.randrange(2, 6), rng.randrange(1, 3)
    wrong = min(wrong, stages - 1) - 1
    steps, moment = [agent("a0", trace=trace, end=900, status=OK)], 1.0
    for stage in range(stages):
        answers = []
        for place in range(rng.randrange(1, 4)):
            asked, answered = query(number, stage, place, moment, rng, is_cause=(stage, place) == (wrong, 0))
            steps.append(asked)
            answers.append(answered)
            moment += 2
        if rng.random() < 0.5:
            steps += mended(number, stage, moment)
            moment += 3
        brief = f"Stage {stage} of {number} is done; go on from figure {rng.randrange(10**6)} and table {rng.randrange(10**6)}."
        steps += hand_over(number, stage, moment, brief, answers)[: 3 if stage + 1 < stages else 1]
        moment += 3
    steps += [
        agent("aside", "a0", 1, 300, trace=trace, status=OK),
        tool("peek", "aside", 2, trace=trace, status=ERROR, message="no route"),
        tool("peek2", "aside", 4, trace=trace, result="x"),
        tool("late", f"a{stages - 1}", moment + 50, trace=trace, status=ERROR, message="too late"),
    ]
    rng.shuffle(steps)
    return steps, span(f"query#{wrong}.0", trace), span(f"c{stages - 1}", trace)


def test_the_planted_cause_is_first_among_decoys(tmp_path: Path) -> None:
    rng = random.Random(11)
    runs = [pipeline(n, rng) for n in range(6)]
    lens = detected(tmp_path, [each for steps, _, _ in runs for each in steps])
    first = [causes(lens, harm, "span_id")[:1] for _, _, harm in runs]
    right = sum(found == [(cause,)] for found, (_, cause, _) in zip(first, runs))
    assert right == len(runs), first
