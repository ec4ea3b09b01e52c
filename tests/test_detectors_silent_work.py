"""What went wrong without anybody saying so: kept texts under strange tool names, checks that could not run, verdicts in other tongues, and what is
usual for whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from detector_runs import found, in_traces
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool

TEXT = "Three crates of lemons, two of capers; the order goes out on Friday."
OTHER = "Three crates of limes, ten of capers; the order goes out on Sunday."
BOTH = [agent("lead"), agent("a", "lead", 1, 9), agent("b", "lead", 1, 9)]


def kept(name: str, parent: str, start: float, result: str, tool_name: str = "archivia", text: str = "") -> Step:
    text = text or {"a": TEXT, "b": OTHER}[parent]
    return tool(
        f"{tool_name}#{name}", parent, start, arguments={"nome": "menu/sabato.md", "righe": text}, result=result
    )


def test_a_tool_that_counts_the_text_it_was_given_has_written_it_whatever_its_name(tmp_path: Path) -> None:
    counted = f'{{"ok": true, "bytes": {len(TEXT.encode())}}}'
    again = f'{{"ok": true, "bytes": {len(OTHER.encode())}}}'
    runs = [
        [*BOTH, kept("1", "a", 2, counted), kept("2", "b", 5, again)],
        [*BOTH, kept("1", "a", 2, "ok"), kept("2", "b", 5, "ok")],
        [*BOTH, kept("1", "a", 2, counted), kept("2", "b", 5, again, "aggiungi_righe")],
        [
            *BOTH,
            kept("1", "a", 2, counted),
            tool("leggi", "b", 3, arguments={"nome": "menu/sabato.md"}, result=TEXT),
            kept("2", "b", 5, again),
        ],
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "competing_writes", "trace_id[-1:], tier, severity") == [("1", "candidate", "warning")]


def test_who_keeps_what_stood_there_or_was_handed_it_writes_nothing_over(tmp_path: Path) -> None:
    def wrote(parent: str, start: float, text: str) -> Step:
        arguments = {"path": "out/letter.md", "content": text}
        return tool(f"write_file#{start}", parent, start, arguments=arguments, result="ok")

    asked = tool("ask_a", "b", 3, arguments={"task": "where is the letter?"}, result=f"Here it is: {TEXT}")
    runs = [
        [*BOTH, wrote("a", 2, TEXT), wrote("b", 5, OTHER)],
        [*BOTH, wrote("a", 2, TEXT), wrote("b", 5, TEXT)],
        [*BOTH, wrote("a", 2, TEXT), wrote("b", 5, f"{TEXT} Signed, Ana.")],
        [*BOTH, wrote("a", 2, TEXT), asked, wrote("b", 5, OTHER)],
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "competing_writes", "trace_id[-1:], tier") == [("1", "proven")]


def ended(words: str, failing: str, arguments: dict[str, str], message: str = "404 Not Found") -> list[Step]:
    return [
        agent("lead", None, 0, 30, outputs=said(words)),
        tool(failing, "lead", 2, 3, status=ERROR, message=message, arguments=arguments),
    ]


def test_a_check_that_found_nothing_to_check_and_a_text_that_found_no_place_are_more_than_looks(tmp_path: Path) -> None:
    done = "The plan is finished."
    runs = [
        ended(done, "ruhezeit_pruefen", {"target": "plaene/kw17.md"}),
        ended(done, "depot.submit", {"file": "Content/beats.md", "text": TEXT}),
        ended(done, "asset_lookup", {"guid": "b7f1"}),
        ended(done, "search_code", {"path": "src/main.py", "query": "where is the price of an order computed"}),
        ended(done, "read_file", {"path": "src/main.py", "explanation": "I want to see how the price is computed"}),
        ended("The check could not run: no record.", "ruhezeit_pruefen", {"target": "plaene/kw17.md"}),
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "swallowed_error", "trace_id[-1:], tier") == [("1", "candidate"), ("2", "candidate")]


def test_a_verdict_in_another_tongue_or_in_the_message_alone_is_a_failed_check(tmp_path: Path) -> None:
    words = "Der Plan steht."
    runs = [
        [agent("lead", None, 0, 30, outputs=said(words)), tool("pruefung", "lead", 5, result=result, status=status, message=message)]
        for result, status, message in (
            ("Verstoß: Sr. Ilse hat nur 9 h Ruhezeit", None, None),
            (None, ERROR, "CheckFailed: nur 9 h Ruhezeit"),
            ("keine Verstöße gefunden", None, None),
            (None, ERROR, "CheckServer: nur eine Antwort"),
        )
    ]  # fmt: skip
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "premature_complete", "trace_id[-1:], tier") == [("1", "candidate"), ("2", "candidate")]


def retried(count: int, again: int, first: float = 0, gap: float = 20) -> list[Step]:
    """`count` calls of lead, all different; the last `again` of them fail once and are made once more."""
    return [
        tool(f"fetch#{first}/{n}/{attempt}", "lead", first + gap * n + 8 * attempt, arguments={"n": f"{first}/{n}"}, status=ERROR if attempt < tries else OK)
        for n in range(count)
        for tries in [1 if n >= count - again else 0]
        for attempt in range(tries + 1)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([*retried(80, 0), *retried(10, 8, 2000)], [("lead", "event", "info")], id="burst"),
        pytest.param([*retried(80, 8, 0, 900), *retried(10, 1, 80000)], [], id="spread out"),
        pytest.param([*retried(80, 0), *retried(10, 3, 2000)], [], id="few"),
        pytest.param([*retried(20, 0), *retried(10, 8, 2000)], [], id="no past"),
        pytest.param([step for n in range(8) for step in retried(14, 7, 5000.0 * n)], [], id="always so"),
    ],
)
def test_more_retries_than_an_agent_is_used_to_are_a_burst(
    steps: list[Step], expected: list[tuple[str, ...]], tmp_path: Path
) -> None:
    lens = read_steps(tmp_path, [agent("lead", None, 0, 90000), *steps])
    assert found(lens, "retry_burst") == expected


@pytest.mark.parametrize(("projects", "bursts"), [(("/shop", "/shop"), 1), (("/shop", "/till"), 0), ((None, None), 1)])
def test_what_is_usual_for_an_agent_is_so_in_one_project(
    projects: tuple[str | None, str | None], bursts: int, tmp_path: Path
) -> None:
    calls = retried(80, 0), retried(10, 8, 2000)
    sessions = [
        [agent("lead", None, 0, 90000, cwd=project), *made] for project, made in zip(projects, calls, strict=True)
    ]
    assert len(found(read_steps(tmp_path, in_traces(sessions)), "retry_burst")) == bursts


def test_calls_cancelled_because_of_one_beside_them_are_not_tried_again(tmp_path: Path) -> None:
    cancelled = retried(10, 8, 2000)
    for each in cancelled:
        if each["status"]["code"] == ERROR:
            each["status"]["message"] = "<tool_use_error>Sibling tool call errored</tool_use_error>"
    lens = read_steps(tmp_path, [agent("lead", None, 0, 90000), *retried(80, 0), *cancelled])
    assert found(lens, "retry_burst") == []


def burst(name: str, calls: int, failures: int) -> list[Step]:
    failed = {round(n * calls / failures) for n in range(failures)}
    return [
        agent(name),
        *(tool(f"fetch#{n}", name, 5 * n, arguments={"n": n}, status=ERROR if n in failed else OK) for n in range(calls)),
    ]  # fmt: skip


def test_the_severity_of_a_burst_goes_by_the_share_that_failed(tmp_path: Path) -> None:
    runs = [burst("outage", 14, 12), burst("half", 8, 8), burst("some", 60, 15), burst("weather", 900, 60)]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "error_burst", "agent_name, severity") == [
        ("outage", "critical"), ("half", "warning"), ("some", "warning"), ("weather", "info"),
    ]  # fmt: skip


def test_agents_without_a_name_are_not_taken_for_one(tmp_path: Path) -> None:
    failing = [[tool("fetch", "x", 30 * n, arguments={"n": n}, status=ERROR)] for n in range(9)]
    spending = [[call(f"c{n}", None, n, input_tokens=100 if n < 8 else 9000)] for n in range(9)]
    lens = read_steps(tmp_path, in_traces([*failing, *spending]))
    assert found(lens, "error_burst") == []
    assert found(lens, "budget_breach") == []


def test_a_model_of_which_nothing_ever_came_from_a_cache_misses_nothing(tmp_path: Path) -> None:
    def calls(model: str, cached: int) -> list[Step]:
        usage = {"input_tokens": 9000, "cache_read": cached, "model": model}
        return [agent(model), *(call(f"{model}#{n}", model, n, **usage) for n in range(8))]

    lens = read_steps(tmp_path, in_traces([calls("cached-model", 8064), calls("plain-model", 0)]))
    assert found(lens, "cache_miss_storm") == []


def test_a_search_that_found_nothing_is_no_failure(tmp_path: Path) -> None:
    def shell(command: str, said_of_it: str, n: int) -> Step:
        return tool(
            f"bash#{n}", "lead", 20 * n, arguments={"command": command, "n": n}, status=ERROR, message=said_of_it
        )

    ends = "Command exited with code 1"
    nothing = [
        'grep -n "console.error" theme.ts',
        'grep -A 5 "one\\|other" a.ts',
        "cat a.ts | grep x",
        "rg 'a | b' src",
        "git diff --exit-code",
        "cd src && grep y z.ts",
    ]
    found_nothing = [agent("lead"), *(shell(command, ends, n) for n, command in enumerate(nothing * 2))]
    failed = [
        agent("lead"),
        *(shell(command, ends, n) for n, command in enumerate(["make", "grep x a && npm run build"] * 6)),
    ]
    told = [agent("lead"), *(shell(nothing[0], "grep: theme.ts: No such file or directory", n) for n in range(12))]
    plain = [agent("lead"), tool("bash", "lead", 1, arguments="grep x a.ts", status=ERROR, message=ends)]
    lens = read_steps(tmp_path, in_traces([found_nothing, failed, told, plain]))
    assert lens.sql("SELECT trace_id[-1:], count(*) FROM errors GROUP BY ALL ORDER BY ALL").fetchall() == [
        ("2", 12),
        ("3", 12),
        ("4", 1),
    ]
    assert found(lens, "error_burst", "len(span_ids)") == [(25,)]


def test_a_test_that_ran_and_said_no_is_an_answer_and_one_that_could_not_run_a_failure(tmp_path: Path) -> None:
    def suite(says: str) -> list[Step]:
        command = {"command": "npm test"}
        return [
            agent("lead"),
            *(tool(f"bash#{n}", "lead", 20 * n, arguments=command, status=ERROR, message=says) for n in range(8)),
        ]

    red, broken = "Exit code 1\nTests: 2 failed, 40 passed", "Exit code 127\nsh: vitest: command not found"
    lens = read_steps(tmp_path, in_traces([suite(red), suite(broken)]))
    assert found(lens, "error_burst", "len(span_ids)") == [(8,)]


def test_what_a_person_declined_is_no_failure(tmp_path: Path) -> None:
    refused = [
        "The user doesn't want to proceed with this tool use.",
        "Tool call rejected by the user",
        "User denied it",
    ]
    calls = [
        tool(f"rm#{n}", "lead", 20 * n, arguments={"path": f"{n}"}, status=ERROR, message=says)
        for n, says in enumerate(refused * 3)
    ]
    lens = read_steps(tmp_path, [agent("lead"), *calls])
    assert lens.sql("FROM errors").fetchall() == []
    assert found(lens, "error_burst") == []


def test_a_call_that_was_broken_off_missed_no_cache(tmp_path: Path) -> None:
    def calls(broken: set[int]) -> list[Step]:
        read = {n: (0, 0) if n in broken else (9000, 8064) for n in range(14)}
        return [
            agent("a"),
            *(call(f"c{n}", "a", n, input_tokens=i, cache_read=c, model="m") for n, (i, c) in read.items()),
        ]

    lens = read_steps(tmp_path, calls({4, 7, 10}))
    assert lens.sql("FROM cache_misses").fetchall() == []


def test_a_failure_of_many_lines_is_told_on_one(tmp_path: Path) -> None:
    broken = "Traceback (most recent call last):\n  File \"rates.py\", line 3\n\nKeyError:   'EUR'"
    steps = [
        agent("lead", None, 0, 9, outputs=said("The rates are in the report.")),
        tool("fetch_rates", "lead", 1, status=ERROR, message=broken),
    ]
    (summary,) = found(read_steps(tmp_path, steps), "swallowed_error", "summary")[0]
    assert "Traceback (most recent call last): File \"rates.py\", line 3 KeyError: 'EUR'" in summary
