"""What is usual for an agent is taken from work of the same project, where the log names it."""

from __future__ import annotations

from pathlib import Path

import pytest
from detector_runs import found, outcome
from lens_builder import Step, agent, call, read_steps, tool


def session(number: int, project: str | None, tokens: int, calls: int = 4) -> list[Step]:
    """A session of an agent that is called `main` everywhere, as coding agents are."""
    trace, start = f"session {number}", 1000.0 * number
    asked = [
        call(f"ask#{n}", "main", start + n, trace=trace, input_tokens=tokens, output_tokens=1, model="m")
        for n in range(calls)
    ]
    return [agent("main", None, start, start + 900, trace=trace, cwd=project), *asked]


@pytest.mark.parametrize(
    ("projects", "leaps"),
    [
        (["/mill", "/mill", "/shop"], 0),
        (["/mill", "/mill", "/mill"], 1),
        ([None, None, None], 1),
        (["/mill", "/mill", None], 0),
    ],
)
def test_a_call_is_held_against_calls_of_its_own_project(
    tmp_path: Path, projects: list[str | None], leaps: int
) -> None:
    sizes = [200, 200, 9000]
    steps = [each for n, (project, size) in enumerate(zip(projects, sizes)) for each in session(n, project, size)]
    assert len(found(read_steps(tmp_path, steps), "budget_breach")) == leaps


@pytest.mark.parametrize(("last", "runaways"), [("/mill", 1), ("/shop", 0)])
def test_a_session_runs_away_from_those_of_its_own_project(tmp_path: Path, last: str, runaways: int) -> None:
    usual = [each for n in range(8) for each in session(n, "/mill", 200)]
    lens = read_steps(tmp_path, [*usual, *session(9, last, 200, calls=60)])
    assert len(found(lens, "runaway")) == runaways
    if not runaways:
        assert (outcome(lens, "runaway")[1] or "").startswith("1 of 9 runs has too few others of their kind")


def test_the_project_is_the_folder_in_which_a_session_began(tmp_path: Path) -> None:
    moved = tool("bash", "main", 1, trace="session 0", cwd="/mill/elsewhere")
    lens = read_steps(tmp_path, [*session(0, "/mill", 200), moved, *session(1, None, 200)])
    assert [row[1] for row in lens.sql("FROM _project_of_trace").fetchall()] == ["/mill"]
