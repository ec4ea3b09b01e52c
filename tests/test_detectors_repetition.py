"""Detectors of the same thing done again: loops, storms of retries or of steps that do nothing, repeated words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from detector_runs import EMPTY, found, in_traces, outcome, series
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool

import agentlens as al

# --- tool_loop --------------------------------------------------------------------------------------------------------


def test_the_same_call_with_the_same_result_three_times_is_a_loop(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), *series("search", [EMPTY] * 3)])
    assert found(lens, "tool_loop") == [("lead", "proven", "warning")]
    assert found(lens, "tool_loop", min_repeats=4) == []
    assert outcome(lens, "tool_loop")[0] == "found nothing"


def test_a_loop_costs_the_calls_that_asked_for_its_repetitions(tmp_path: Path) -> None:
    calls = [
        call(f"c{n}", "lead", n - 0.5, n - 0.1, input_tokens=1000, output_tokens=0, model="gpt-4.1", provider="openai")
        for n in range(1, 6)
    ]
    lens = read_steps(tmp_path, [agent("lead"), *series("search", [EMPTY] * 4), *calls])
    assert found(lens, "tool_loop", "tokens_wasted, cost_usd_wasted") == [(3000, 0.006)]


def test_calls_that_go_round_in_a_cycle_of_two_to_five_are_one_loop(tmp_path: Path) -> None:
    def cycle(*names: str, rounds: int = 3) -> list[Step]:
        return [tool(f"{names[n % len(names)]}#{n}", "lead", n, result=f"still the same answer {names[n % len(names)]}")
                for n in range(rounds * len(names))]  # fmt: skip

    runs = [cycle("a", "b"), cycle("a", "b", "c"), cycle("a", "b", "c", "d", "e"), cycle("a", "b", rounds=2)]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "tool_loop", "tier, len(span_ids), summary[:49]") == [
        ("proven", 6, "lead went round a (x), b (x) 3 times with the sam"),
        ("proven", 9, "lead went round a (x), b (x), c (x) 3 times with "),
        ("proven", 15, "lead went round a (x), b (x), c (x), d (x), e (x)"),
    ]
    assert found(lens, "tool_loop", "tier, len(span_ids)", min_cycles=4) == []


def test_the_number_of_an_attempt_makes_no_other_action(tmp_path: Path) -> None:
    def tried(name: str, *fields: dict[str, Any]) -> list[Step]:
        return [
            agent("lead"),
            *(
                tool(f"{name}#{n}", "lead", n, status=ERROR, message="504", arguments={"match": 12, **each})
                for n, each in enumerate(fields)
            ),
        ]

    def counted(name: str, key: str) -> list[Step]:
        return tried(name, *({key: n} for n in range(5)))

    attempts = ("attempt", "attempt_number", "attemptNo", "retry_count", "retries", "try")
    others = ("page", "offset", "index", "cursor", "line", "step", "country", "entry", "retry_at_line", "request_id")
    same = [
        *(counted("publish", key) for key in attempts),
        tried("publish", {}, *({"retry": n} for n in range(1, 5))),
        tried("publish", *({"idempotency_key": f"k-{n}"} for n in range(5))),
        counted("get_log", "retry_count"),
    ]
    different = [
        *(counted("publish", key) for key in others),
        counted("get_log", "attempt"),
    ]  # the records of five attempts
    lens = read_steps(tmp_path, in_traces([*same, *different]))
    stormy = [(f"{number:032x}", 5) for number, _ in enumerate(same, 1)]
    assert sorted(found(lens, "retry_storm", "trace_id, len(span_ids)")) == stormy


def test_a_move_is_no_loop_but_may_be_part_of_one_in_which_nothing_moves(tmp_path: Path) -> None:
    def rounds(*seen: str) -> list[Step]:
        return [
            step
            for n, text in enumerate(seen)
            for step in (
                tool(f"move_cue#{n}", "lead", 2 * n, arguments={"cue": 77, "after": 76}, result="moved"),
                tool(f"validate#{n}", "lead", 2 * n + 1, arguments={"plot": "fly"}, result=text),
            )
        ]

    stuck = rounds(*["1 problem: cue 77 is out of order"] * 4)
    moving = rounds(*[f"cue 77 is at place {n} of the plot" for n in range(4)])
    alone = stuck[::2]
    lens = read_steps(tmp_path, in_traces([[agent("lead"), *steps] for steps in (stuck, moving, alone)]))
    assert found(lens, "tool_loop", "trace_id[-1:], tier, len(span_ids)") == [("1", "proven", 8)]


def test_a_loop_with_a_counter_says_what_differed(tmp_path: Path) -> None:
    calls = [
        tool(f"ask#{n}", "lead", n, result="no answer from the hall", arguments={"q": "hall", "attempt": n})
        for n in range(4)
    ]
    assert found(read_steps(tmp_path, [agent("lead"), *calls]), "tool_loop", "tier, summary") == [
        (
            "proven",
            "lead called ask (hall, 0) 4 times with the same arguments, but for the number of the attempt, "
            "and got the same result each time.",
        )
    ]


def test_what_was_repeated_is_named_but_for_secrets(tmp_path: Path) -> None:
    def twice(detector: str, *asked: dict[str, Any], **more: Any) -> list[tuple[str]]:
        calls = [
            tool(f"look#{part}{n}", "lead", 20 * part + n, arguments=arguments, **more)
            for part, arguments in enumerate(asked)
            for n in range(5)
        ]
        return found(read_steps(tmp_path / f"{detector} {len(asked[0])}", [agent("lead"), *calls]), detector, "summary")

    two = ({"city": "Ulm", "day": 3}, {"city": "Bonn", "day": 3})
    assert twice("tool_loop", *two, result="no hit") == [
        ("lead called look (Ulm, 3) 5 times with the same arguments and got the same result each time.",),
        ("lead called look (Bonn, 3) 5 times with the same arguments and got the same result each time.",),
    ]
    assert twice("retry_storm", *two, status=ERROR, message="HTTP 503") == [
        ("lead tried look (Ulm, 3) 5 times within 5 s; 5 attempts failed (HTTP 503).",),
        ("lead tried look (Bonn, 3) 5 times within 5 s; 5 attempts failed (HTTP 503).",),
    ]
    secrets = ({"token": "hunter2"}, {"q": "Bearer abcdefghij"}, {"q": "https://ann:pw@x.example/"}, {"q": "Zk3" * 9})
    told = [summary for (summary,) in twice("tool_loop", *secrets, result="no hit")]
    assert told == ["lead called look 5 times with the same arguments and got the same result each time."] * 4


def test_how_long_a_search_took_is_no_news_and_what_was_measured_is(tmp_path: Path) -> None:
    def answers(name: str, **fields: Any) -> list[Step]:
        told = [json.dumps({**fields, "took_ms": 10 + n, "request_id": f"r{n}"}) for n in range(4)]
        return [agent("lead"), *series(name, told)]

    lens = read_steps(tmp_path, in_traces([answers("search", hits=[]), answers("measure", url="x.example", code=200)]))
    assert found(lens, "tool_loop", "trace_id[-1:], tier, len(span_ids)") == [("1", "proven", 4)]


def test_the_same_call_with_the_same_hopeless_error_three_times_is_a_loop(tmp_path: Path) -> None:
    def failing(message: str) -> list[Step]:
        return [tool(f"open#{n}", "lead", n, status=ERROR, message=message) for n in range(3)]

    hopeless, mendable = failing("FileNotFoundError: no such file: a.md"), failing("503 Service Unavailable")
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in (hopeless, mendable)))
    assert found(lens, "tool_loop", "trace_id[-1:], tier, len(span_ids)") == [("1", "proven", 3)]


def waits() -> list[list[Step]]:
    """Runs that ask the same again because they wait for something."""
    pending = "pending, 0 rows ready"
    return [
        series("check_build_status", ["queued", "running", "running", "running", "passed"]),
        series("query", [pending, pending, pending, "17 rows ready now"]),
        series("query", ["the export is still running"] * 6),
        series("wait", ["woke up after 60 s"] * 6),
        series("Bash", ["nothing to see here yet"] * 5, arguments={"command": "sleep 30; tail log"}),
    ]


def work_that_looks_alike() -> list[list[Step]]:
    """Runs whose repeated calls ask for something else, have done something in between, or stand side by side."""
    built = {"result": "build passed, 0 warnings"}
    edit_and_build = [{"cmd": f"edit {n}"} if n % 2 else {"cmd": "make"} for n in range(12)]
    answers = [("look" if n % 2 else "ask", f"answer {n // 2}, all is well") for n in range(8)]
    readers = [(agent(f"reader#{k}", "lead", k, k + 5), k) for k in range(4)]
    return [
        [tool(f"{name}#{n}", "lead", n, result=result) for n, (name, result) in enumerate(answers)],
        [tool(f"read#{n}", "lead", n, arguments={"path": f"{n}.md"}, result="the same text") for n in range(6)],
        [tool(f"vote#{n}", "lead", 1 + n / 100, 5, result="the answer is 42") for n in range(5)],
        [tool(f"bash#{n}", "lead", n, arguments=each, **built) for n, each in enumerate(edit_and_build)],
        series("next_page", ["ok"] * 6, arguments={}),
        series("search", [EMPTY] * 2),
        [each for run, k in readers for each in (run, tool(f"read#{k}", f"reader#{k}", k + 1, result="the same file"))],
    ]


def test_healthy_repetition_is_no_loop(tmp_path: Path) -> None:
    unlogged = [tool(f"search#{n}", "lead", n) for n in range(5)]
    runs = [*waits(), *work_that_looks_alike(), unlogged]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "tool_loop", "summary") == []
    assert outcome(lens, "tool_loop") == (
        "found nothing",
        "5 of 74 tool calls have no arguments or no result recorded and were not judged",
    )


def test_what_is_read_between_equal_calls_is_no_reason_for_them(tmp_path: Path) -> None:
    def among(name: str) -> list[Step]:
        greps = series("bash", ["cli.py:41: write_row(r)"] * 4, arguments={"cmd": "grep -rn write_row src"})
        others = [
            tool(f"{name}#{n}", "lead", n + 0.5, arguments={"path": f"{n}.py"}, result=f"x = {n}") for n in (2, 3)
        ]
        return [agent("lead"), *greps, *others]

    lens = read_steps(tmp_path, in_traces(among(name) for name in ("read_file", "write_file", "run_tests")))
    assert found(lens, "tool_loop", "trace_id[-1:], tier, len(span_ids)") == [("1", "candidate", 4)]


def test_without_results_a_loop_cannot_be_told_from_polling(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), *(tool(f"search#{n}", "lead", n) for n in range(5))])
    assert found(lens, "tool_loop") == []
    assert outcome(lens, "tool_loop") == (
        "could not look",
        "no tool call has its result recorded: polling cannot be told from a loop",
    )


# --- retry_storm ------------------------------------------------------------------------------------------------------


def test_more_than_three_attempts_with_failures_between_are_a_storm(tmp_path: Path) -> None:
    runs = [
        [agent("succeeds"), *series("deploy", [None, None, None, "live"], "succeeds")],
        [agent("gives up"), *series("deploy", [None] * 4, "gives up")],
        [agent("never stops"), *series("deploy", [None] * 12, "never stops")],
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "retry_storm", "agent_name, tier, severity, len(span_ids), len(evidence)") == [
        ("succeeds", "proven", "warning", 4, 4),
        ("gives up", "proven", "warning", 4, 4),
        ("never stops", "proven", "critical", 12, 12),
    ]


def test_a_model_that_fails_again_and_again_is_a_storm(tmp_path: Path) -> None:
    calls = [call(f"c{n}", "lead", n, status=ERROR, message="429 Too Many Requests") for n in range(5)]
    lens = read_steps(tmp_path, [agent("lead"), *calls, call("good", "lead", 9, status=OK)])
    assert found(lens, "retry_storm", "agent_name, len(span_ids)") == [("lead", 6)]


def test_retries_inside_of_retries_are_one_storm_with_its_amplification(tmp_path: Path) -> None:
    steps = [agent("lead", None, 0, 99)]
    for n in range(3):
        start = 20 * n
        steps += [
            tool(f"ask_worker#{n}", "lead", start, start + 19, status=ERROR),
            agent(f"worker#{n}", f"ask_worker#{n}", start, start + 18, status=ERROR),
            *(
                tool(f"fetch#{n}{k}", f"worker#{n}", start + 3 * k, status=ERROR, message="503 Service Unavailable")
                for k in range(3)
            ),
        ]
        steps[-4]["name"] = "worker"
    lens = read_steps(tmp_path, steps)
    assert found(lens, "retry_storm", "agent_name, tier, len(span_ids)") == [("worker", "proven", 9)]
    assert "in 3 attempts above, 3.0 below for one above" in found(lens, "retry_storm", "summary")[0][0]


def test_growing_pauses_that_end_in_success_are_only_worth_a_note(tmp_path: Path) -> None:
    starts, results = [0, 1, 4, 12, 40], [ERROR, ERROR, ERROR, ERROR, OK]
    backed_off = [
        tool(f"deploy#{n}", "lead", start, status=status, result="x")
        for n, (start, status) in enumerate(zip(starts, results))
    ]
    lens = read_steps(tmp_path, [agent("lead"), *backed_off])
    assert found(lens, "retry_storm", "severity") == [("info",)]


def test_legitimate_retries_are_no_storm(tmp_path: Path) -> None:
    retried = series("save", [None, "saved"])
    third_time = series("save", [None, None, "saved"])
    edit_and_test = [
        tool(
            f"bash#{n}",
            "lead",
            n,
            arguments={"cmd": f"edit {n}"} if n % 2 else {"cmd": "pytest"},
            status=None if n % 2 else ERROR,
            result="x",
        )
        for n in range(12)
    ]
    over_days = [tool(f"save#{n}", "lead", n * 86_400, status=ERROR) for n in range(6)]
    side_by_side = [tool(f"fetch#{n}", "lead", 1 + n / 100, 5, status=ERROR) for n in range(6)]
    other_arguments = [tool(f"fetch#{n}", "lead", n, arguments={"url": n}, status=ERROR) for n in range(6)]
    handoffs = [
        tool(f"transfer_to_writer#{n}", "lead", n, status=ERROR, error_type="langgraph.errors.ParentCommand")
        for n in range(6)
    ]
    runs = [retried, third_time, edit_and_test, over_days, side_by_side, other_arguments, handoffs]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    lens._con.execute("UPDATE spans SET is_control_flow = true WHERE tool_name = 'transfer_to_writer'")
    assert found(lens, "retry_storm", "summary") == []


def test_asking_how_something_stands_is_an_attempt_where_it_fails(tmp_path: Path) -> None:
    def asked(name: str, message: str, gap: float = 3, **more: Any) -> list[Step]:
        return [tool(f"{name}#{n}", "lead", gap * n, status=ERROR, message=message, **more) for n in range(5)]

    other_work = [tool(f"read#{n}", "lead", 3 * n + 1.5, arguments={"page": n}, result="text") for n in range(5)]
    answered = [tool(f"job_status#{n}", "lead", 3 * n, status=ERROR if n % 2 else OK, message="502") for n in range(9)]
    failing = [asked("job_status", "HTTP 502 Bad Gateway"), asked("get_task_result", "ReadTimeout: timed out")]
    healthy = [
        asked("job_status", "HTTP 502 Bad Gateway", gap=40),
        asked("job_status", "job is still running, try again later"),
        asked("job_status", "404 no such job"),
        asked("wait_for_status", "503 Service Unavailable"),
        asked("check_status", "connection refused"),
        asked(
            "run_command", "503 Service Unavailable", arguments={"command": "until curl -f localhost; do sleep 1; done"}
        ),
        asked("job_status", "HTTP 502 Bad Gateway") + other_work,
        answered,
    ]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in [*failing, *healthy]))
    assert found(lens, "retry_storm", "trace_id[-1:], tier, severity, len(span_ids)") == [
        ("1", "proven", "warning", 5),
        ("2", "proven", "warning", 5),
    ]


# --- no_op_storm ------------------------------------------------------------------------------------------------------


def edits(count: int, old: str, new: str) -> list[Step]:
    return [
        tool(f"edit#{n}", "lead", n, arguments={"path": f"{n}.md", "old_string": old, "new_string": new}, result="ok")
        for n in range(1, count + 1)
    ]


def test_empty_answers_in_home_grown_lines_are_answers(tmp_path: Path) -> None:
    def answers(*outputs: Any, tokens: int = 0) -> list[tuple[str, int]]:
        rows = [
            {"timestamp": f"2026-01-01T10:00:0{n}Z", "agent_id": "bote", "session_id": "s", "action": "llm_call", "input": "go"}
            | {"tokens": {"prompt": 300, "completion": tokens, "model": "m"}} | ({} if output is None else {"output": output})
            for n, output in enumerate(outputs)
        ]  # fmt: skip
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        with al.read(folder, progress=False) as lens:
            return found(lens, "no_op_storm", "tier, len(span_ids)")

    assert answers(*[{"text": ""}] * 5) == [("proven", 5)] == answers(*[""] * 5)
    assert answers(*[{"text": ""}] * 5, tokens=40) == []  # something was said that is not logged
    assert answers(*[None] * 5) == [] == answers(*[{"calls": []}] * 5)  # nothing is logged of what was said


def test_steps_that_change_nothing_in_a_row_are_a_storm(tmp_path: Path) -> None:
    unchanged = [
        tool(f"update#{n}", "lead", n, arguments={"id": 7, "status": str(n)}, result='{"changed": false}')
        for n in range(5)
    ]
    mute = [call(f"c{n}", "lead", n, outputs=said(""), input_tokens=100, output_tokens=0) for n in range(4)]
    settings = [
        tool(f"set_status#{n}", "lead", n, arguments={"id": 7, "to": f"open {n}"}, result="no-op: is open")
        for n in range(6)
    ]
    found_again = [
        tool(f"edit_text#{n}", "lead", n, arguments={"path": f"{n}.txt", "find": "", "replace": ""}, result="ok")
        for n in range(4)
    ]
    runs = [edits(4, "a", "a"), unchanged, mute, settings, found_again]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "no_op_storm", "tier, severity, len(span_ids), tokens_wasted") == [
        ("proven", "warning", 4, None),
        ("proven", "warning", 5, None),
        ("proven", "warning", 4, 400),
        ("proven", "warning", 6, None),
        ("proven", "warning", 4, None),
    ]


def test_work_that_happens_to_change_little_is_no_storm(tmp_path: Path) -> None:
    sync = [tool(f"sync#{n}", "lead", n, arguments={"path": f"{n}"}, result="already up to date") for n in range(9)]
    real = edits(6, "a", "b")
    three = edits(3, "a", "a")
    broken_up = [
        each for n in range(6) for each in (edits(6, "a", "a")[n], tool(f"w#{n}", "lead", n + 1.5, result="written"))
    ]
    quiet_shell = [tool(f"bash#{n}", "lead", n, arguments={"command": f"mkdir {n}"}, result="") for n in range(9)]
    talk = [call(f"c{n}", "lead", n, outputs=said(f"word {n}")) for n in range(9)]
    idle = [tool(f"poll_inbox#{n}", "lead", n, result="no changes") for n in range(9)]
    runs = [sync, real, three, broken_up, quiet_shell, talk, idle]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "no_op_storm", "summary") == []


# --- repeated_text ----------------------------------------------------------------------------------------------------

STUCK = "I will now continue with the task as planned."


def turns(answers: list[str], users: list[str] | None = None) -> list[Step]:
    """Calls of one conversation, each with all that was said before; `users` are said between, else only the answers."""
    history: list[dict[str, Any]] = [{"role": "user", "parts": [{"type": "text", "content": "go"}]}]
    steps = []
    for n, answer in enumerate(answers):
        steps.append(call(f"c{n}", "lead", n, inputs=list(history), outputs=said(answer), agent="lead"))
        history += said(answer)
        if users:
            history.append({"role": "user", "parts": [{"type": "text", "content": users[n % len(users)]}]})
    return steps


def test_the_same_answer_three_times_with_nothing_between_is_found(tmp_path: Path) -> None:
    nudged = turns([STUCK] * 4, ["Please continue."])
    outputs_only = [call(f"c{n}", "lead", n, outputs=said(STUCK)) for n in range(3)]
    lens = read_steps(
        tmp_path, in_traces([[agent("lead"), *run] for run in (turns([STUCK] * 3), nudged, outputs_only)])
    )
    # A nudge is new the first time it is said.
    assert found(lens, "repeated_text", "tier, len(span_ids)") == [("proven", 3), ("proven", 3), ("candidate", 3)]


def test_answers_that_may_be_equal_are_left_alone(tmp_path: Path) -> None:
    short = turns(["NO_REPLY"] * 9)
    asked_again = turns([STUCK] * 5, [f"question {n}?" for n in range(5)])
    twice = turns([STUCK] * 2 + ["Now for something else entirely."] + [STUCK] * 2)
    ask = [{"role": "user", "parts": [{"type": "text", "content": "vote"}]}]
    sampled = [call(f"c{n}", "lead", n, inputs=ask, outputs=said("The answer to it all is 42.")) for n in range(5)]
    working = [
        each
        for n in range(5)
        for each in (call(f"c{n}", "lead", n, outputs=said(STUCK)), tool(f"read#{n}", "lead", n + 0.6, result=str(n)))
    ]
    echoed = turns(["```text\nThe file page.md has been updated successfully.\n```"] * 4)
    runs = [short, asked_again, twice, sampled, working, echoed]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "repeated_text", "summary") == []


def test_chanting_is_found_and_lists_tables_code_and_dividers_are_not(tmp_path: Path) -> None:
    chant = "Let me think about this. " + "The file must be there, I will look again. " * 20
    refrain = "Some first words. " + "ha ha ha " * 60
    ordinary = " ".join(
        f"Sentence number {n} speaks of thing {n * n} and of the European Commission." for n in range(40)
    )
    listed = "Done:\n" + "\n".join(f"- [x] checked the page of customer {n}" for n in range(40))
    same_items = "Done:\n" + "- item checked and found to be good\n" * 30
    table = "| name | value |\n" + "| a row of this table | the same value again |\n" * 30
    code = "Here it is:\n```\n" + "    result.append(compute(value))\n" * 30 + "```\n"
    dividers = "Title\n" + ("-" * 60 + "\n") * 30
    aside = ordinary + " no no no no no no no no no no no no" + ordinary
    healthy = [ordinary, listed, same_items, table, code, dividers, aside]
    runs = [[agent("lead"), call("c", "lead", 1, outputs=said(text))] for text in [chant, refrain, *healthy]]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "repeated_text", "trace_id[-1:], tier") == [("1", "proven"), ("2", "proven")]


@pytest.mark.parametrize(("gap", "told"), [(10, "within 51 s"), (60, "within 5 min"), (1700, "within 2 h")])
def test_how_long_a_storm_lasted_is_told_in_a_unit_that_reads(gap: float, told: str, tmp_path: Path) -> None:
    steps = [tool(f"load#{n}", "lead", gap * n, gap * n + 1, status=ERROR, message="HTTP 503") for n in range(6)]
    ((summary,),) = found(read_steps(tmp_path, [agent("lead", None, 0, gap * 6), *steps]), "retry_storm", "summary")
    assert told in summary
