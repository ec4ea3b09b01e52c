"""Whether a run keeps to its task, and whether agents are well defined: by words, so that every answer can be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from lens_builder import Step, agent, call, read_steps, tool

import agentlens as al
from agentlens import Lens

BRIEF = "Summarise the quarterly revenue of the harbour division and compare the invoices with the ledger."
ON_TASK = (
    "harbour revenue",
    "invoices quarterly",
    "ledger harbour",
    "division revenue",
    "invoices ledger",
    "harbour invoices",
)
OFF_TASK = (
    "vintage guitars",
    "guitar strings auction",
    "fender catalogue",
    "pickup wiring diagram",
    "amplifier valves",
    "auction bids",
)


def run(queries: list[str], results: list[str] | None = None, brief: str = BRIEF) -> list[Step]:
    asked = [{"role": "user", "parts": [{"type": "text", "content": brief}]}]
    steps = [agent("lead", end=500), call("c", "lead", 0, inputs=asked)]
    return steps + [
        tool(f"search#{n}", "lead", n + 1, arguments={"q": query}, result=(results or ["ok"] * len(queries))[n])
        for n, query in enumerate(queries)
    ]


def drifted(lens: Lens) -> list[tuple[str | None, int]]:
    al.detect(lens, ["goal_drift"])
    return lens.sql("SELECT agent_name, len(span_ids) FROM findings").fetchall()


def test_a_run_that_ends_with_something_else_has_drifted(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, run([*ON_TASK, *OFF_TASK]))
    assert drifted(lens) == [("lead", 6)]
    course = [value for (value,) in lens.sql("SELECT alignment FROM goal_alignment ORDER BY step").fetchall()]
    assert min(course[:6]) > 0 and max(course[6:]) == 0


def test_words_that_a_result_only_repeats_lead_nowhere_and_what_was_read_of_the_task_keeps_to_it(
    tmp_path: Path,
) -> None:
    off = [*OFF_TASK, *OFF_TASK]
    codes = [f"K-{n}" for n in range(6)]
    results = ["invoices of the harbour"] * 6 + [f"results about {query}" for query in off]
    assert drifted(read_steps(tmp_path, run([*codes, *off], results))) == [("lead", 12)]


@pytest.mark.parametrize(
    "queries, results",
    [
        ([*ON_TASK, *ON_TASK], None),
        ([*ON_TASK, *OFF_TASK[:4], *ON_TASK], None),
        (
            [*ON_TASK, *OFF_TASK],
            [*["the ledger names vintage guitars, strings, a fender auction, pickup wiring, amplifier valves"] * 12],
        ),
        ([*OFF_TASK, *OFF_TASK], None),
    ],
    ids=["kept to it", "came back", "read about it", "never named it"],
)
def test_a_run_that_can_be_led_back_to_its_task_has_not(
    tmp_path: Path, queries: list[str], results: list[str] | None
) -> None:
    assert drifted(read_steps(tmp_path, run(queries, results))) == []


def test_short_runs_and_runs_without_brief_cannot_be_judged(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, run([*ON_TASK[:3]]))
    assert drifted(lens) == []
    assert "long enough" in lens.sql("SELECT reason FROM checks WHERE detector = 'goal_drift'").fetchall()[0][0]


IDENTITY = """# {name}

## Identity
- **Name:** {name}

## Responsibilities
- {duty}
- Keep the shared ledger of all decisions up to date

## Decision principles
{principles}

{boundaries}
"""
LONG_LINE = (
    "Prefer a decision that can be taken back over one that cannot, and say in one sentence why it was taken at all."
)


def defined(tmp_path: Path) -> Lens:
    for name, duty, boundaries in (
        ("Apollo", "Publish the press release", "## Boundaries\n- Never publish the press release"),
        ("Athena", "Check every contract", "Model: ${AGENT_MODEL}"),
    ):
        folder = tmp_path / name.lower()
        folder.mkdir(parents=True)
        text = IDENTITY.format(name=name, duty=duty, principles=LONG_LINE, boundaries=boundaries)
        (folder / "IDENTITY.md").write_text(text)
    return al.read(tmp_path, progress=False)


def test_definitions_are_checked_for_what_is_missing_repeated_and_contradicted(tmp_path: Path) -> None:
    lens = defined(tmp_path)
    found = lens.sql("SELECT agent_name, fault FROM definition_checks GROUP BY ALL ORDER BY ALL").fetchall()
    assert {(name.lower(), fault) for name, fault in found} == {
        ("apollo", "claimed twice"), ("athena", "claimed twice"), ("apollo", "repeated text"), ("athena", "repeated text"),
        ("apollo", "contradiction"), ("athena", "missing part"), ("athena", "environment"),
    }  # fmt: skip
