"""What became of every failure: what was tried, whether it worked, how long it took, what it cost, and what nobody mended."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lens_builder import ERROR, OK, Step, agent, call, hex_id, read_steps, step, tool

import agentlens as al
from agentlens import Lens

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


def rows(lens: Lens, columns: str) -> list[tuple[Any, ...]]:
    return lens.sql(f"SELECT {columns} FROM recoveries ORDER BY trace_id, start_time, span_id").fetchall()


def one(folder: Path, steps: list[Step], columns: str = "outcome, strategies, fallback_level") -> tuple[Any, ...]:
    """The only recovery of some steps."""
    found = rows(read_steps(folder, steps), columns)
    assert len(found) == 1, found
    return found[0]


def failed(name: str, parent: str = "lead", start: float = 1, **more: Any) -> Step:
    return tool(name, parent, start, status=ERROR, message="503 Service Unavailable", **more)


ASKED = {"path": "reports/second quarter.csv", "sheet": "totals"}


NEXT: list[tuple[list[Step], tuple[Any, ...]]] = [
    ([tool("load#2", "lead", 3, arguments=ASKED, result="ok")], ("recovered", ["retry"], 0)),
    (
        [tool("edit", "lead", 3), tool("load#2", "lead", 5, arguments=ASKED, result="ok")],
        ("recovered", ["repair"], 1),
    ),
    (
        [tool("load#2", "lead", 3, arguments={**ASKED, "sheet": "total"}, result="ok")],
        ("recovered", ["rephrase"], 1),
    ),
    ([tool("open_file", "lead", 3, arguments=ASKED, result="ok")], ("recovered", ["fallback"], 2)),
    ([tool("delegate_task", "lead", 3, arguments=ASKED, result="ok")], ("recovered", ["delegate"], 2)),
    (
        [failed("load#2", start=3, arguments=ASKED), tool("load#3", "lead", 5, arguments=ASKED, result="ok")],
        ("recovered", ["retry", "retry"], 0),
    ),
    ([failed("load#2", start=3, arguments=ASKED)], ("gave up", ["retry"], None)),
    ([tool("write", "lead", 3, arguments={"text": "other work"})], ("went on", [], None)),
    ([tool("load#2", "lead", 3, arguments={"path": "elsewhere.txt"})], ("went on", [], None)),
    ([tool("wait", "lead", 3, arguments=ASKED)], ("went on", [], None)),
    ([], ("gave up", [], None)),
    ([tool("ask_human", "lead", 3, arguments={"question": "?"}, result="7")], ("recovered", ["escalate"], 4)),
    ([tool("save_file", "lead", 3, arguments=ASKED, result="saved")], ("went on", [], None)),
]


def test_what_was_tried_next_is_named(tmp_path: Path) -> None:
    runs = [[agent("lead"), failed("load", arguments=ASKED), *after] for after, _ in NEXT]
    steps = [dict(each, traceId=f"{n:032x}") for n, run in enumerate(runs, 1) for each in run]
    assert rows(read_steps(tmp_path, steps), "outcome, strategies, fallback_level") == [wanted for _, wanted in NEXT]


AGAIN_IN_A_SHELL = [
    ("git push 2>&1", "git push --set-upstream origin spotter", True),
    ("mix credo --strict lib/a/b.ex 2>&1", "mix compile --force && mix credo --strict lib/a/b.ex | tail -3", True),
    ("pytest tests/a.py", "timeout 60 python -m pytest -x tests/a.py tests/b.py > out.txt", True),
    ("cd web && npm test", "CI=1 npm test -- --runInBand", True),
    ("git add a.py && git commit -m 'first words'", 'git add a.py; git commit -m "other words; two"', True),
    ("git rebase main", "git checkout --theirs a.c && GIT_EDITOR=true git rebase --continue", True),
    ("git rebase main", "git rebase topic", False),
    ("git push", "git pull", False),
    ("pytest tests/a.py", "pytest tests/b.py", False),
    ("npm install left-pad", "npm install", False),
    ("uv run pytest a.py", "uv run ruff check a.py", False),
    ("make", "make clean", False),
    ("docker exec web pytest", "docker exec web ls", False),
    ('python -c "import a; a.run()"', 'python -c "import b; b.run()"', False),
    ("curl http://a.example/1", "curl http://a.example/2", False),
    ("ls src/lib", "ls src", False),
    ("", "", False),
]


def test_a_shell_line_with_the_same_commands_on_the_same_things_is_a_second_attempt(tmp_path: Path) -> None:
    def shell(name: str, start: float, line: str, about: str, **more: Any) -> Step:
        return tool(name, "lead", start, arguments={"command": line, "description": about}, **more)

    steps = [
        dict(each, traceId=f"{n:032x}")
        for n, (line, later, _) in enumerate(AGAIN_IN_A_SHELL, 1)
        for each in (
            agent("lead"),
            shell("Bash", 1, line, "Have a go at it", status=ERROR, message="exit code 1"),
            tool("Edit", "lead", 2, arguments={"file_path": "notes.txt"}),
            shell("Bash#2", 3, later, "Something else entirely, says the label", result="done"),
        )
    ]
    outcomes = rows(read_steps(tmp_path, steps), "outcome, strategies")
    assert outcomes == [("recovered", ["rephrase"]) if again else ("went on", []) for *_, again in AGAIN_IN_A_SHELL]


@pytest.mark.parametrize(
    ("line", "later", "wanted"),
    [
        ("npm run check", "npm run check", ("recovered", ["repair"])),
        ("npm run check", "npm run check 2>&1 | tail -5", ("recovered", ["rephrase"])),
        ("npm run check", "npm run lint", ("went on", [])),
    ],
)
def test_the_same_action_mends_a_failure_however_long_the_work_in_between(
    line: str, later: str, wanted: tuple[str, list[str]], tmp_path: Path
) -> None:
    work = [tool(f"edit#{n}", "lead", 2 + n, arguments={"file": f"{n}.py"}, result="edited") for n in range(60)]
    steps = [
        agent("lead"),
        tool("bash", "lead", 1, arguments={"command": line}, status=ERROR, message="exit code 2"),
        *work,
        tool("bash#2", "lead", 70, arguments={"command": later}, result="ok"),
    ]
    assert one(tmp_path, steps, "outcome, strategies") == wanted


def test_what_names_another_item_is_no_second_attempt(tmp_path: Path) -> None:
    def next_call(name: str, arguments: dict[str, Any]) -> tuple[Any, ...]:
        asked = {"part": "P-10629", "fields": "name finish lot", "limit": 500}
        steps = [agent("lead"), failed("get_part", arguments=asked), tool("get_part#2", "lead", 3, arguments=arguments)]
        return one(tmp_path / name, steps, "outcome, strategies")

    assert next_call("other", {"part": "P-10646", "fields": "name finish lot", "limit": 500}) == ("went on", [])
    assert next_call("same", {"part": "P-10629", "fields": "name finish lot", "limit": 50}) == (
        "recovered",
        ["rephrase"],
    )


CORRECTIONS = [
    ("grep", {"pattern": "user"}, "unknown", "grep", {"pattern": "user", "path": "group_vars"}, ("recovered", ["rephrase"])),
    ("bash", {"command": "make"}, "make: *** No rule to make target 'all'", "bash", {"command": "make kern"}, ("recovered", ["rephrase"])),
    ("bash", {"command": "make"}, "exit code 2", "bash", {"command": "make kern"}, ("went on", [])),
    ("bash", {"command": "load.py raw.rows in.csv"}, "PermissionError: may not insert", "bash", {"command": "load.py tmp.rows in.csv"}, ("went on", [])),
    ("bash", {"command": "load.py raw.rows in.csv"}, "exit code 2", "bash", {"command": "load.py tmp.rows in.csv"}, ("recovered", ["rephrase"])),
    ("delegate_a", {"task": "Load region south into sales."}, "worker lost", "delegate_b", {"task": "Load region east into sales."}, ("went on", [])),
    ("delegate_a", {"task": "Load region south into sales."}, "worker lost", "delegate_b", {"task": "Load region south into sales."}, ("recovered", ["delegate"])),
]  # fmt: skip


def test_a_corrected_call_mends_and_going_elsewhere_does_not(tmp_path: Path) -> None:
    """What was called wrongly is called rightly, with more than before; what was denied, or handed to one agent, is not mended by work on another matter."""
    steps = [
        dict(each, traceId=f"{n:032x}")
        for n, (name, given, why, next_name, next_given, _) in enumerate(CORRECTIONS, 1)
        for each in (
            agent("lead"),
            tool(name, "lead", 1, arguments=given, status=ERROR, message=why),
            tool(f"{next_name}#2", "lead", 3, arguments=next_given, result="done"),
        )
    ]
    assert rows(read_steps(tmp_path, steps), "outcome, strategies") == [wanted for *_, wanted in CORRECTIONS]


def test_a_storm_of_any_length_is_followed_to_its_end(tmp_path: Path) -> None:
    storm = [failed(f"load#{n}", start=1 + n, arguments=ASKED) for n in range(1200)]
    steps = [agent("lead", end=2000), *storm]
    assert one(tmp_path, steps, "outcome, attempts, strategy") == ("gave up", 1199, "retry")


def test_an_attempt_without_an_end_has_not_worked(tmp_path: Path) -> None:
    again = tool("load#2", "lead", 3, arguments=ASKED)
    del again["endTimeUnixNano"]
    assert one(tmp_path, [agent("lead"), failed("load", arguments=ASKED), again]) == ("gave up", ["retry"], None)


def test_what_a_person_mended_is_no_automatic_recovery(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        failed("load"),
        tool("load#2", "lead", 3),
        failed("read_meter", start=5, arguments={"a": "b"}),
    ]
    steps.append(tool("ask_human", "lead", 7, arguments={"question": "what does it read?"}, result="48213"))
    rates = read_steps(tmp_path, steps).sql(
        "SELECT failures, recovered, by_person, recovery_rate FROM recovery_by_agent"
    )
    assert rates.fetchall() == [(2, 1, 1, 0.5)]


def test_the_next_item_of_a_list_is_no_second_attempt(tmp_path: Path) -> None:
    """Others of the list stand as near to the one that failed as the next one does; what stands nearest to it is meant to replace it."""

    def rates(name: str, *pairs: str) -> tuple[Any, ...]:
        asked = [{"pair": pair, "date": "2026-09-30", "source": "ECB"} for pair in pairs]
        others = [
            tool(f"fx_rate#{n}", "lead", 2 * n, arguments=each, result="1.1") for n, each in enumerate(asked[1:], 2)
        ]
        return one(
            tmp_path / name, [agent("lead"), failed("fx_rate", arguments=asked[0]), *others], "outcome, strategies"
        )

    assert rates("list", "JPY/EUR", "CHF/EUR", "GBP/EUR") == ("went on", [])
    assert rates("only one", "JPY/EUR", "JPY/EUR (mid)") == ("recovered", ["rephrase"])
    assert rates("nearest", "Hong Kong/EUR", "Kong Hong Dollar/EUR", "GBP/EUR") == ("recovered", ["rephrase"])
    assert rates("in the end", "JPY/EUR", "CHF/EUR", "GBP/EUR", "JPY/EUR") == ("recovered", ["repair"])


def test_a_file_that_was_not_there_is_mended_by_making_it(tmp_path: Path) -> None:
    def after(name: str, message: str, path: str, end: str = OK) -> tuple[Any, ...]:
        asked = {"path": "CONTRIBUTING.md"}
        made = tool("write_file", "lead", 3, arguments={"path": path, "content": "Run the tests."}, status=end)
        looked = tool("read_file", "lead", 1, arguments=asked, status=ERROR, message=message)
        found = rows(read_steps(tmp_path / name, [agent("lead"), looked, made]), "target, outcome")
        return next(outcome for target, outcome in found if target == "read_file")

    assert after("made", "File does not exist.", "CONTRIBUTING.md") == "recovered"
    assert after("another", "File does not exist.", "README.md") == "went on"
    assert after("locked", "Permission denied", "CONTRIBUTING.md") == "went on"


def test_a_call_that_had_begun_before_is_no_attempt(tmp_path: Path) -> None:
    beside = tool("load#2", "lead", 1.2, 4, arguments=ASKED, result="ok")
    assert one(tmp_path, [agent("lead"), failed("load", arguments=ASKED), beside])[0] == "went on"


@pytest.mark.parametrize(("model", "strategy", "level"), [("gpt-4.1", "retry", 0), ("gpt-4.1-mini", "fallback", 2)])
def test_a_model_call_is_mended_by_the_same_or_by_another_model(
    tmp_path: Path, model: str, strategy: str, level: int
) -> None:
    steps = [agent("lead"), call("c1", "lead", 1, status=ERROR, model="gpt-4.1"), call("c2", "lead", 3, model=model)]
    assert one(tmp_path, steps) == ("recovered", [strategy], level)


def test_a_run_that_is_begun_again_mends_what_failed_inside(tmp_path: Path) -> None:
    steps = [
        agent("lead", status=OK),
        agent("helper#1", "lead", 1, 5, status=ERROR),
        failed("load", "helper#1", 2),
        agent("helper#2", "lead", 6, 9, status=ERROR),
        failed("load#2", "helper#2", 7),
        agent("helper#3", "lead", 10, 14, status=OK),
        tool("load#3", "helper#3", 11, result="ok"),
    ]
    columns = "outcome, strategies, fallback_level, failed_above, agents_failed_above, contained_by, recovery_ns"
    assert one(tmp_path, steps, columns) == ("recovered", ["rerun", "rerun"], 3, 1, 0, "lead", 11_500_000_000)


def test_a_failure_is_followed_up_to_where_it_was_stopped(tmp_path: Path) -> None:
    def deep(top: int) -> list[Step]:
        return [
            agent("lead", status=top),
            agent("editor", "lead", 1, 20, status=ERROR),
            agent("writer", "editor", 2, 19, status=ERROR),
            failed("load", "writer", 3),
        ]

    columns = "outcome, failed_above, agents_failed_above, contained_by"
    assert one(tmp_path / "stopped", deep(OK), columns) == ("gave up", 2, 1, "lead")
    assert one(tmp_path / "through", deep(ERROR), columns) == ("failed", 3, 2, None)


def test_a_request_inside_a_tool_call_is_mended_with_the_call(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        failed("deploy", arguments=ASKED),
        step("POST", "deploy", 1.1, 1.2, status=ERROR),
        tool("deploy#2", "lead", 3, arguments=ASKED, result="live"),
    ]
    columns = "kind, target, outcome, fallback_level, failed_above"
    assert one(tmp_path, steps, columns) == ("step", "deploy", "recovered", 0, 0)


def test_handoffs_and_interrupts_are_no_failures(tmp_path: Path) -> None:
    steps = [agent("lead"), tool("transfer_to_b", "lead", 1, status=ERROR, error_type="langgraph.errors.ParentCommand")]
    lens = read_steps(tmp_path, steps)
    lens._con.execute("UPDATE spans SET is_control_flow = true WHERE tool_name = 'transfer_to_b'")
    assert rows(lens, "outcome") == []


class Told(NamedTuple):
    """An incident as it was made, and what must be said of it."""

    steps: list[Step]
    span_id: str
    outcome: str
    attempts: int
    recovery_ns: int | None
    tokens: int | None


def incident(number: int, rng: random.Random) -> Told:
    """A failure at a random place, tried again a random number of times at random pauses, with metered calls between."""
    trace, tries, works = f"t{number}", rng.randrange(5), rng.random() < 0.6
    moment, tokens = 10.0, 0
    steps = [agent("lead", trace=trace, end=900, status=OK)]
    for place in range(tries + 1):
        is_bad = place < tries or not works or tries == 0
        name = f"load#{place}"
        steps.append(
            tool(name, "lead", moment, moment + 1, trace=trace, status=ERROR if is_bad else OK, arguments=ASKED)
        )
        if place < tries:
            spent = rng.randrange(1, 500)
            steps.append(call(f"c{place}", "lead", moment + 1.5, trace=trace, input_tokens=spent, output_tokens=1))
            tokens += spent + 1
            moment += rng.randrange(3, 60)
    steps.append(call("late", "lead", moment + 30, trace=trace, input_tokens=10_000, output_tokens=1))
    mended = works and tries > 0
    rng.shuffle(steps)
    first = hex_id(f"{trace}/load#0")
    recovery = round((moment + 1 - 11) * 1e9) if mended else None
    return Told(steps, first, "recovered" if mended else "gave up", tries, recovery, tokens if mended else None)


def test_time_attempts_and_tokens_are_those_that_were_planted(tmp_path: Path) -> None:
    rng = random.Random(7)
    told = [incident(n, rng) for n in range(60)]
    lens = read_steps(tmp_path, [each for one in told for each in one.steps])
    found = {row[0]: row[1:] for row in rows(lens, "span_id, outcome, attempts, recovery_ns, tokens")}
    assert found == {one.span_id: tuple(one[2:]) for one in told}
    assert {one.outcome for one in told} == {"recovered", "gave up"}
    [(failures, recovered, rate, low, high, levels)] = lens.sql(
        "SELECT failures, recovered, recovery_rate, recovery_rate_low, recovery_rate_high, fallback_levels FROM recovery_by_agent"
    ).fetchall()
    mended = sum(one.outcome == "recovered" for one in told)
    assert (failures, recovered, rate, levels) == (60, mended, mended / 60, {0: mended})
    z2, n, p = 1.96**2, 60, mended / 60  # Wilson's score interval, as in his paper of 1927
    half = 1.96 * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    assert (low, high) == pytest.approx([(p + z2 / (2 * n) + s * half) / (1 + z2 / n) for s in (-1, 1)])


def test_strategies_are_compared_only_from_enough_cases(tmp_path: Path) -> None:
    steps: list[Step] = []
    for n in range(12):
        trace = f"t{n}"
        steps += [agent("lead", trace=trace), failed("load", trace=trace, arguments=ASKED)]
        steps += [failed("load#2", start=3, trace=trace, arguments=ASKED)]
        steps += [tool("open_file", "lead", 5, trace=trace, arguments=ASKED, result="ok")] if n < 10 else []
    lens = read_steps(tmp_path, steps)
    query = "SELECT strategy, cases, successes, is_better FROM recovery_strategies({}) ORDER BY strategy"
    assert lens.sql(query.format("")).fetchall() == [("fallback", 10, 10, True), ("retry", 12, 0, False)]
    assert lens.sql(query.format("min_cases := 11")).fetchall() == [("retry", 12, 0, False)]


def test_dead_letters_tell_single_failures_from_patterns(tmp_path: Path) -> None:
    steps: list[Step] = []
    for n, name in enumerate(["ana", "ben", "cyd"]):
        steps += [agent(name, trace=f"a{n}", status=ERROR), failed("crm", name, trace=f"a{n}")]
    for n in range(3):
        steps += [agent("dan", trace=f"b{n}", status=ERROR), failed("search", "dan", trace=f"b{n}")]
    steps += [agent("eve", trace="c", status=ERROR), failed("mail", "eve", trace="c")]
    mended = [
        agent("fay", trace="d"),
        failed("disk", "fay", trace="d"),
        tool("disk#2", "fay", 3, trace="d", result="ok"),
    ]
    lens = read_steps(tmp_path, steps + mended)
    found = lens.sql("SELECT agent_name, target, dead, traces, pattern FROM dead_letters ORDER BY 1").fetchall()
    assert found == [
        ("ana", "crm", 1, 1, "systemic"),
        ("ben", "crm", 1, 1, "systemic"),
        ("cyd", "crm", 1, 1, "systemic"),
        ("dan", "search", 3, 3, "repeat offender"),
        ("eve", "mail", 1, 1, "single"),
    ]


def test_reported_trouble_ends_with_the_first_report_that_speaks_of_none(tmp_path: Path) -> None:
    beats = "".join(
        f"Wave 1 | 2026-01-01 10:{minute:02d}:00\nAgents:\n  Ana: {ana}\n  Ben: {ben}\n"
        for minute, ana, ben in [
            (0, "IN_PROGRESS", "BLOCKED (key)"),
            (5, "BLOCKED (key)", "BLOCKED (key)"),
            (10, "COMPLETE", "BLOCKED (key)"),
        ]
    )
    lens = read_steps(tmp_path, [], **{"beats.log": beats})
    assert lens.sql("SELECT agent_name, outcome, recovery_ns // 1000000000 FROM recoveries ORDER BY 1").fetchall() == [
        ("Ana", "recovered", 300),
        ("Ben", "open", None),
    ]
    assert lens.sql("SELECT agent_name, target, dead FROM dead_letters").fetchall() == [("Ben", "BLOCKED", 1)]


def test_a_long_storm_is_one_failure(tmp_path: Path) -> None:
    storm = [failed(f"load#{n}", start=1 + n) for n in range(600)]
    [(outcome, attempts)] = rows(read_steps(tmp_path, [agent("lead", end=900), *storm]), "outcome, attempts")
    assert (outcome, attempts) == ("gave up", 599)


def test_the_bundled_incident_is_told_as_it_was_planned() -> None:
    lens = al.read(DATASETS / "wave_14", progress=False)
    found = lens.sql(
        "SELECT agent_name, target, outcome, attempts FROM recoveries WHERE kind <> 'report' ORDER BY start_time"
    ).fetchall()
    assert ("Hephaestus", "deploy_preview", "recovered", 5) in found
    assert [row for row in found if row[0] == "Apollo"] == [("Apollo", "save_draft", "recovered", 1)]
    assert ("Prometheus", "margin_check", "went on", 0) in found
