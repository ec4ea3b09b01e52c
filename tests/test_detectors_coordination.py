"""Detectors of repetition, errors and coordination that look at several agents: each fires, and leaves healthy work alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool
from test_detectors import beats_of, board, found, in_traces, outcome

# --- no_op_storm ------------------------------------------------------------------------------------------------------


def edits(count: int, old: str, new: str) -> list[Step]:
    return [
        tool(f"edit#{n}", "lead", n, arguments={"path": f"{n}.md", "old_string": old, "new_string": new}, result="ok")
        for n in range(1, count + 1)
    ]


def test_steps_that_change_nothing_in_a_row_are_a_storm(tmp_path: Path) -> None:
    unchanged = [
        tool(f"update#{n}", "lead", n, arguments={"id": 7, "status": str(n)}, result='{"changed": false}')
        for n in range(5)
    ]
    mute = [call(f"c{n}", "lead", n, outputs=said(""), input_tokens=100, output_tokens=0) for n in range(4)]
    runs = [edits(4, "a", "a"), unchanged, mute]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "no_op_storm", "tier, severity, len(span_ids), tokens_wasted") == [
        ("proven", "warning", 4, None),
        ("proven", "warning", 5, None),
        ("proven", "warning", 4, 400),
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


# --- error_cascade ----------------------------------------------------------------------------------------------------


def failing(name: str, parent: str | None, start: float, end: float, status: int | None = ERROR) -> Step:
    return agent(name, parent, start, end, status=status, message=f"{name} gave up" if status == ERROR else None)


def test_a_failure_that_is_passed_up_through_three_agents_is_a_cascade(tmp_path: Path) -> None:
    steps = [
        failing("lead", None, 0, 32),
        failing("writer", "lead", 1, 31),
        failing("reader", "writer", 2, 30),
        tool("fetch", "reader", 3, 29, status=ERROR, message="503 Service Unavailable"),
    ]
    lens = read_steps(tmp_path, steps)
    assert found(lens, "error_cascade", "tier, severity, agent_name, len(span_ids)") == [
        ("proven", "critical", "reader", 4)
    ]
    summary = found(lens, "error_cascade", "summary")[0][0]
    assert "reader → writer → lead" in summary and "fetch (unavailable" in summary
    assert found(lens, "error_cascade", "1", min_agents=4) == []


def test_agents_that_fail_side_by_side_below_one_that_does_not_are_an_event(tmp_path: Path) -> None:
    steps = [agent("lead", None, 0, 90, status=OK)]
    steps += [failing(name, "lead", 1, 10 + n) for n, name in enumerate(("a", "b", "c"))]
    assert found(read_steps(tmp_path, steps), "error_cascade", "tier, len(span_ids)") == [("event", 3)]


def test_failures_that_are_few_far_apart_or_mended_are_no_cascade(tmp_path: Path) -> None:
    two = [failing("lead", None, 0, 32), failing("a", "lead", 1, 31), tool("t", "a", 2, 30, status=ERROR)]
    apart = [agent("lead", None, 0, 900), *(failing(name, "lead", 1, 100 * n + 5) for n, name in enumerate("abc"))]
    mended = [agent("lead", None, 0, 90)]
    for n, name in enumerate("abc"):
        mended += [failing(f"{name}#1", "lead", 1, 10 + n), agent(f"{name}#2", "lead", 20 + n, 30 + n, status=OK)]
    retried = [agent("lead", None, 0, 90, status=OK)]
    for name in "abc":
        retried += [agent(name, "lead", 1, 80, status=OK), tool(f"get#{name}1", name, 2, status=ERROR)]
        retried += [tool(f"get#{name}2", name, 4, status=OK)]
    lens = read_steps(tmp_path, in_traces([two, apart, mended, retried]))
    assert found(lens, "error_cascade", "summary") == []


# --- runaway ----------------------------------------------------------------------------------------------------------


def run_of(calls: int, name: str = "worker") -> list[Step]:
    return [agent(name, None, 0, calls + 1), *(tool(f"t#{n}", name, n, arguments={"n": n}) for n in range(calls))]


def test_a_run_far_beyond_the_usual_length_of_its_kind_is_found(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, in_traces([*(run_of(8 + n) for n in range(6)), run_of(120)]))
    assert found(lens, "runaway", "agent_name, tier, severity") == [("worker", "event", "critical")]


def test_long_runs_that_are_usual_or_cannot_be_compared_are_no_runaways(tmp_path: Path) -> None:
    lens = read_steps(tmp_path / "varied", in_traces(run_of(n) for n in (5, 9, 20, 45, 80, 110, 140)))
    assert found(lens, "runaway", "summary") == []
    lens = read_steps(tmp_path / "few", in_traces([run_of(8), run_of(9), run_of(200)]))
    assert found(lens, "runaway", "summary") == []
    assert outcome(lens, "runaway")[0] == "could not look"


def test_who_hands_work_to_many_at_once_has_not_run_away(tmp_path: Path) -> None:
    def team(name: str, calls: int, helpers: int) -> list[Step]:
        below = [
            step
            for h in range(helpers)
            for step in (
                agent(f"helper#{h}", name, 1, calls + 2),
                *(tool(f"t#{h}.{n}", f"helper#{h}", 1 + n, arguments={"n": n}) for n in range(calls)),
            )
        ]
        return [*run_of(8, name), *below]

    usual = [run_of(8 + n) for n in range(6)]
    lens = read_steps(tmp_path / "wide", in_traces([*usual, team("worker", 14, 6)]))
    assert found(lens, "runaway", "summary") == []
    lens = read_steps(tmp_path / "deep", in_traces([*usual, team("worker", 100, 1)]))
    assert found(lens, "runaway", "agent_name") == [("worker",)]


# --- lost_message -----------------------------------------------------------------------------------------------------


def message(sender: str, recipient: str, minute: int, text: str = "please do it") -> str:
    record = {
        "message_id": f"{sender}{recipient}{minute}",
        "from": sender,
        "to": recipient,
        "depth": 1,
        "payload": text,
    }
    return json.dumps({**record, "timestamp": f"2026-01-01T10:{minute:02d}:00Z"})


def test_a_message_to_an_agent_that_is_never_heard_of_again_is_lost(tmp_path: Path) -> None:
    lines = [
        message("Cyd", "Ana", 0),
        message("Ana", "Ben", 1),
        message("Ben", "Ana", 3),
        message("Ana", "Cyd", 5),
    ]  # asks for something
    lines += [message("Ben", "Ana", 20), message("Ana", "Dan", 6)]
    lens = read_steps(tmp_path, [], **{"talk.jsonl": "\n".join(lines)})
    assert found(lens, "lost_message", "agent_name, tier, severity") == [
        ("Cyd", "event", "warning"),
        ("Dan", "candidate", "warning"),
    ]


def test_words_that_were_heard_or_need_no_answer_are_not_lost(tmp_path: Path) -> None:
    answered = [message("Ana", "Ben", 1), message("Ben", "Cyd", 2), message("Cyd", "Ben", 3), message("Ana", "Ben", 19)]
    to_all = [message("Ana", "all", 4), message("Ana", "#team-room", 5), message("Ana", "user", 6)]
    last_words = [message("Ana", "Dan", 18)]
    lens = read_steps(tmp_path / "heard", [], **{"talk.jsonl": "\n".join(answered + to_all + last_words)})
    assert found(lens, "lost_message", "summary") == []
    one_sided = "\n".join(message("Ana", name, n) for n, name in enumerate(["Ben", "Cyd", "Dan"]))
    lens = read_steps(tmp_path / "one-sided", [agent("Eve", None, 0, 90_000)], **{"talk.jsonl": one_sided})
    assert found(lens, "lost_message", "summary") == []


def test_a_task_that_nobody_takes_up_is_lost(tmp_path: Path) -> None:
    def handed(to: str, start: float) -> Step:
        return tool(f"delegate#{to}", "lead", start, arguments={"agent": to, "task": "write it"}, result="sent")

    steps = [
        agent("lead", None, 0, 900),
        handed("a", 1),
        agent("a", None, 2, 700),
        call("last", "a", 650, agent="a"),
        agent("b#early", None, 0, 1),
        handed("b", 300),
    ]
    assert found(read_steps(tmp_path, steps), "lost_message", "agent_name, tier") == [("b", "event")]


# --- deadlock ---------------------------------------------------------------------------------------------------------


def test_agents_that_report_to_wait_for_one_another_are_deadlocked(tmp_path: Path) -> None:
    beats = [{"Ana": "BLOCKED (waiting for Ben)", "Ben": "BLOCKED (needs the list from Ana)", "Cyd": "IN_PROGRESS"}] * 3
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats)})
    assert found(lens, "deadlock", "tier, severity, summary") == [
        ("proven", "critical", "Ana → Ben → Ana wait for one another, and the log shows no end of it.")
    ]


def test_three_agents_whose_calls_wait_in_a_circle_are_deadlocked(tmp_path: Path) -> None:
    circle = {"a": "b", "b": "c", "c": "a"}
    steps = [agent(name, None, n, None) for n, name in enumerate(circle)]
    steps += [
        {**tool(f"wait_for_agent#{name}", name, 10 + n, arguments={"agent": other}), "endTimeUnixNano": "0"}
        for n, (name, other) in enumerate(circle.items())
    ]
    lens = read_steps(tmp_path, steps)
    lens._con.execute("UPDATE spans SET end_time = NULL WHERE tool_name = 'wait_for_agent'")
    assert found(lens, "deadlock", "tier, agent_name, len(span_ids)") == [("proven", "a", 3)]


def test_waits_that_end_or_form_no_circle_are_no_deadlock(tmp_path: Path) -> None:
    chain = [{"Ana": "BLOCKED (waiting for Ben)", "Ben": "BLOCKED (waiting for Cyd)", "Cyd": "IN_PROGRESS"}] * 3
    in_turn = [
        {"Ana": "BLOCKED (waiting for Ben)", "Ben": "IN_PROGRESS"},
        {"Ana": "IN_PROGRESS", "Ben": "IN_PROGRESS"},
        {"Ana": "IN_PROGRESS", "Ben": "BLOCKED (waiting for Ana)"},
        {"Ana": "COMPLETE", "Ben": "COMPLETE"},
    ]
    outside = [{"Ana": "BLOCKED (no key from the vendor)", "Ben": "BLOCKED (API down)"}] * 3
    named = [{"Ana": "BLOCKED (waiting for Ben)", "Ben": "BLOCKED (Ana is done, waits for the customer)"}] * 3
    for name, beats in {"chain": chain, "in turn": in_turn, "outside": outside, "named": named}.items():
        lens = read_steps(tmp_path / name, [], **{"beats.log": board(beats)})
        assert found(lens, "deadlock", "summary") == [], name
    talk = [message("Ana", "Ben", 1, "waiting for your part"), message("Ben", "Ana", 2, "here it is: 42")]
    lens = read_steps(tmp_path / "talk", [], **{"talk.jsonl": "\n".join(talk)})
    assert found(lens, "deadlock", "summary") == []


# --- thundering_herd --------------------------------------------------------------------------------------------------


def herd(count: int, spread: float, url: str = "https://api.example.com/v1", **more: Any) -> list[Step]:
    return [
        each
        for n in range(count)
        for each in (
            agent(f"a{n}", None, 36_000, 36_090),
            tool(f"get#{n}", f"a{n}", 36_001 + n * spread, arguments={"url": f"{url}/{n}"}, agent=f"a{n}", **more),
        )
    ]


def test_many_agents_on_one_resource_after_a_beat_or_until_it_gives_way_are_a_herd(tmp_path: Path) -> None:
    beats = board(beats_of(a0="pp", a1="pp"))
    lens = read_steps(tmp_path / "beat", herd(6, 0.2), **{"beats.log": beats})
    assert found(lens, "thundering_herd", "tier, severity, len(span_ids)") == [("event", "info", 6)]
    lens = read_steps(tmp_path / "limit", herd(6, 0.2, status=ERROR, message="429 Too Many Requests"))
    assert found(lens, "thundering_herd", "tier, severity, len(span_ids)") == [("event", "warning", 6)]


def test_fan_out_that_hurts_nothing_is_no_herd(tmp_path: Path) -> None:
    beats = board(beats_of(a0="pp", a1="pp"))
    few = herd(4, 0.2)
    spread = herd(9, 9)
    for name, steps in {"few": few, "spread": spread}.items():
        assert found(read_steps(tmp_path / name, steps, **{"beats.log": beats}), "thundering_herd", "summary") == []
    assert found(read_steps(tmp_path / "no beat", herd(9, 0.1)), "thundering_herd", "summary") == []
    many_places = [each for n in range(9) for each in herd(1, 0, f"https://host{n}.example.com")]
    assert found(read_steps(tmp_path / "hosts", many_places, **{"beats.log": beats}), "thundering_herd", "1") == []


# --- off_matrix_delegation, scope_breach, approval_skipped ------------------------------------------------------------

MANIFEST = """
agents:
  - id: lead
    role: lead
    team: core
  - id: a
    role: writes
    team: core
    reports_to: lead
    requires_approval: [publish]
  - id: b
    role: reads
    team: lab
    memory_scopes: [b, lab]
delegations:
  - from: lead
    to: a
"""


def test_work_handed_past_the_matrix_is_found(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        tool("delegate#1", "lead", 1, arguments={"agent": "a", "task": "x"}),
        tool("delegate#2", "lead", 2, arguments={"agent": "b", "task": "x"}),
        agent("a", None, 3, 9),
        tool("delegate#3", "a", 4, arguments={"agent": "lead", "task": "done"}),
        agent("c", None, 3, 9),
        tool("delegate#4", "c", 4, arguments={"agent": "b", "task": "unknown to the matrix"}),
    ]
    lens = read_steps(tmp_path, steps, **{"team.yaml": MANIFEST})
    assert found(lens, "off_matrix_delegation", "tier, agent_name, summary") == [
        ("proven", "lead", "lead handed work to b once; the matrix lets it hand over to a.")
    ]
    lens = read_steps(tmp_path / "without", steps)
    assert found(lens, "off_matrix_delegation") == [] and outcome(lens, "off_matrix_delegation")[0] == "could not look"


def memory(name: str, who: str, scope: str, start: float = 1, **more: Any) -> Step:
    return tool(f"memory_write#{name}", who, start, arguments={"scope": scope, "key": "k", "value": "v"}, **more)


def test_memory_of_another_agent_or_team_is_a_breach(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        agent("a", "lead", 1, 9),
        agent("b", "lead", 1, 9),
        memory("own", "a", "a"),
        memory("global", "a", "global"),
        memory("team", "a", "team:core"),
        memory("report", "lead", "agent:a"),
        memory("lab", "b", "lab"),
        memory("other", "a", "agent:b", 5),
        memory("other team", "a", "team:lab", 6),
        memory("undeclared", "b", "finance", 7),
    ]
    lens = read_steps(tmp_path, steps, **{"team.yaml": MANIFEST})
    assert found(lens, "scope_breach", "tier, severity, agent_name, summary") == [
        ("proven", "critical", "a", "a wrote to the memory scope agent:b once, which is not its own."),
        ("proven", "critical", "a", "a wrote to the memory scope team:lab once, which is not its own."),
        ("proven", "critical", "b", "b wrote to the memory scope finance once, which is not its own."),
    ]


def test_an_act_without_the_approval_it_needs_is_found(tmp_path: Path) -> None:
    asked = tool("request_approval", "a", 1, arguments={"action": "publish"}, result="approved by Ines")
    published = [agent("a"), tool("publish", "a", 5, result="live")]
    lower = [agent("b"), tool("deploy", "b", 1, **{"approval__tier": "T3", "approval__granted_tier": "T1"})]
    granted = [agent("b"), tool("deploy", "b", 1, **{"approval__required": "true", "approval__status": "approved"})]
    denied = [agent("b"), tool("deploy", "b", 1, status=ERROR, **{"approval__required": "true"})]
    runs = [published, [*published, asked], lower, granted, denied]
    lens = read_steps(tmp_path, in_traces(runs), **{"team.yaml": MANIFEST})
    assert found(lens, "approval_skipped", "trace_id[-1:], tier, agent_name") == [
        ("1", "proven", "a"),
        ("3", "proven", "b"),
    ]


# --- delegation_loop --------------------------------------------------------------------------------------------------


def delegated(name: str, giver: str, taker: str, task: str, start: float) -> Step:
    return tool(f"delegate#{name}", giver, start, arguments={"agent": taker, "task": task}, agent=giver)


def test_a_task_that_comes_back_to_who_handed_it_over_is_a_loop(tmp_path: Path) -> None:
    task = "Write the summary of the third quarter"
    back = [agent("a"), agent("b", "a", 1, 9), delegated("1", "a", "b", task, 1), delegated("2", "b", "a", task, 5)]
    other = [agent("a"), agent("b", "a", 1, 9), delegated("1", "a", "b", task, 1), delegated("2", "b", "a", "Which quarter is meant?", 5)]  # fmt: skip
    lens = read_steps(tmp_path / "tools", in_traces([back, other]))
    assert found(lens, "delegation_loop", "trace_id[-1:], tier, len(span_ids)") == [("1", "proven", 2)]
    talk = [
        message("Ana", "Ben", 1, task),
        message("Ben", "Ana", 2, task),
        message("Ana", "Ben", 3, "Is it done by now?"),
    ]
    lens = read_steps(tmp_path / "words", [], **{"talk.jsonl": "\n".join(talk)})
    assert found(lens, "delegation_loop", "tier, len(evidence)") == [("proven", 2)]
    ring = [message("Ana", "Ben", 1, task), message("Ben", "Cyd", 2, task), message("Cyd", "Ana", 3, task)]
    passed_on = [message("Dan", "Eve", 1, "Tell all that " + task), message("Eve", "Fay", 2, "Tell all that " + task)]
    lens = read_steps(tmp_path / "ring", [], **{"talk.jsonl": "\n".join(ring + passed_on)})
    assert found(lens, "delegation_loop", "tier, agent_name, len(evidence)") == [("proven", "Ana", 3)]


# --- premature_complete -----------------------------------------------------------------------------------------------


def finished(words: str, *steps: Step, end: float | None = 60) -> list[Step]:
    return [agent("lead", None, 0, end, outputs=said(words)), *steps]


def test_a_claim_that_the_last_check_or_an_open_subtask_contradicts_is_premature(tmp_path: Path) -> None:
    red = tool("run_tests", "lead", 5, result="12 passed, 2 failed in 3 s")
    green = tool("run_tests#2", "lead", 9, result="14 passed in 3 s")
    shell = tool("bash", "lead", 5, arguments={"command": "npm test"}, result="Tests: 1 failed, 8 passed", status=ERROR)
    todos = {"todos": [{"content": "a", "status": "completed"}, {"content": "b", "status": "pending"}]}
    runs = [
        finished("All tests pass. The feature is complete.", red),
        finished("Done. Everything works.", shell),
        finished("The work is finished.", agent("helper", "lead", 2, None)),
        finished("The work is finished.", tool("TodoWrite", "lead", 5, arguments=todos, result="ok")),
        finished("All tests pass now.", red, green),
        finished("Two tests failed and I could not mend them.", red),
        finished("Here is the list you asked for.", red),
        finished("The work is done.", tool("run_tests", "lead", 5, status=ERROR, message="pytest: command not found")),
        finished("The work is finished.", agent("helper", "lead", 2, 20)),
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "premature_complete", "trace_id[-1:], tier, severity") == [
        ("1", "proven", "critical"),
        ("2", "proven", "critical"),
        ("3", "proven", "critical"),
        ("4", "event", "warning"),
        ("7", "candidate", "warning"),
    ]


def test_a_deliverable_that_is_not_there_makes_a_report_premature(tmp_path: Path) -> None:
    report = "FROM: {0}\nTO: lead\nWAVE: 1\nTIME: 2026-01-01T00:00:30Z\nSTATUS: COMPLETE\nDELIVERABLES: out/{0}.md\nBLOCKERS: none\nNEXT: none\n---\n"
    steps = [agent("wave 1", None, 0, 90)]
    steps += [agent(name, "wave 1", 1, 30) for name in ("Ana", "Ben", "Cyd")]
    steps += [tool("write_file#1", "Ana", 2, arguments={"path": "out/Ana.md", "content": "x"}, result="saved")]
    steps += [tool("write_file#2", "Ben", 2, arguments={"path": "out/draft.md", "content": "x"}, result="saved")]
    steps += [
        tool(
            "read_file",
            "wave 1",
            40,
            arguments={"path": "out/Cyd.md"},
            status=ERROR,
            message="No such file or directory",
        )
    ]
    lens = read_steps(
        tmp_path, steps, **{"reports.txt": "".join(report.format(name) for name in ("Ana", "Ben", "Cyd"))}
    )
    assert found(lens, "premature_complete", "agent_name, tier, severity") == [
        ("Cyd", "proven", "critical"),
        ("Ben", "candidate", "warning"),
    ]
