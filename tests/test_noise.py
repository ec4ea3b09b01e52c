"""Many traces that fail for one reason, and one that fails for another: all is kept, and nothing hides anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lens_builder import ERROR, OK, Step, agent, read_steps, tool

import agentlens as al
from agentlens import Lens

TRACES = 12


def storm(number: int) -> list[Step]:
    """One of many runs that fail alike; ids begin anew in each trace, as those of home-grown logs do."""
    calls = [
        tool(f"deploy#{n}", "worker", 1 + 3 * n, status=ERROR, message="503 Service Unavailable") for n in range(5)
    ]
    named = [dict(step) for step in (agent("worker", status=ERROR), *calls)]
    for step in named:
        step["attributes"] = [
            {"key": one["key"], "value": {"stringValue": f"worker{number}"}}
            if one["key"].endswith("agent.name")
            else one
            for one in step["attributes"]
        ]
    return [dict(step, traceId=f"{number:032x}") for step in named]


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lens]:
    asked = {"q": "price of a licence"}
    loop = [tool(f"search#{n}", "seeker", 1 + 2 * n, arguments=asked, result="[]") for n in range(6)]
    steps = [step for number in range(1, TRACES + 1) for step in storm(number)]
    steps += [
        agent("seeker", trace="other", status=OK),
        *(dict(step, traceId=agent("x", trace="other")["traceId"]) for step in loop),
    ]
    with read_steps(tmp_path_factory.mktemp("noise"), steps) as opened:
        al.detect(opened, ["retry_storm", "tool_loop"])
        yield opened


def test_one_finding_an_incident_and_shape(lens: Lens) -> None:
    counts = "SELECT detector, count(*), count(DISTINCT trace_id), min(len(span_ids)) FROM findings GROUP BY ALL ORDER BY ALL"
    assert lens.sql(counts).fetchall() == [("retry_storm", TRACES, TRACES, 5), ("tool_loop", 1, 1, 6)]


def test_in_the_report_what_happens_often_hides_nothing_and_each_shows_its_own_path(lens: Lens, tmp_path: Path) -> None:
    """Ids begin anew in every trace here: the path above a finding must be that of its own trace."""
    page = al.report(lens, tmp_path / "noise.html").read_text("utf-8")
    articles = re.findall(r'<article class="finding.*?</article>', page, re.DOTALL)
    told = [re.search(r"retry_storm|tool_loop", text)[0] for text in articles]  # type: ignore[index]
    assert len(told) == TRACES + 1 and told.index("tool_loop") == 5
    for text in articles[:5]:
        assert len(set(re.findall(r"worker\d+", text))) == 1
    assert f"<code>retry_storm</code> {TRACES}, <code>tool_loop</code> 1" in page


def test_the_explorer_carries_every_finding(lens: Lens) -> None:
    findings = al.Findings(lens)
    assert len(findings._view["findings"]) == TRACES + 1
