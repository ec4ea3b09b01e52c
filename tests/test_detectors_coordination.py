"""Detectors of work that several agents share: each fires on what it is made for, and leaves healthy work alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector_runs import beats_of, board, found, in_traces, outcome
from lens_builder import ERROR, Step, agent, call, read_steps, said, step, tool

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


# --- off_matrix_delegation, scope_breach, approval_skipped, undeclared_tool -------------------------------------------

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
    calls = {
        "to whom it had the work from": [agent("lead"), agent("a", "lead", 1), tool("ask", "a", 2, 9), agent("lead#2", "ask", 3, 8)],
        "passes on": [agent("a"), tool("transfer_to_lead", "a", 2, 9), agent("lead", "transfer_to_lead", 3, 8)],
        "of its own": [agent("a"), tool("ask_lead", "a", 2, 9), agent("lead", "ask_lead", 3, 8)],
    }  # fmt: skip
    lens = read_steps(tmp_path / "upwards", in_traces(calls.values()), **{"team.yaml": MANIFEST})
    assert found(lens, "off_matrix_delegation", "trace_id[-1:], tier, agent_name") == [("3", "event", "a")]
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


def test_a_folder_for_agents_below_the_one_for_memory_holds_the_memory_of_the_agent_it_names(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        agent("a", "lead", 1, 9),
        tool("read_memory", "a", 2, arguments={"path": "memory/agents/b/notes.md"}),
        tool("read_memory#own", "a", 3, arguments={"path": "memory/agents/a/notes.md"}),
        tool("read_memory#all", "a", 4, arguments={"path": "memory/agents/index.md"}),
    ]
    lens = read_steps(tmp_path, steps, **{"team.yaml": MANIFEST})
    assert found(lens, "scope_breach", "agent_name, len(span_ids)") == [("a", 1)]


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


def test_tools_outside_the_declared_list_are_found(tmp_path: Path) -> None:
    lens = read_steps(
        tmp_path,
        [
            agent("lead"),
            tool("search", "lead", 1),
            tool("mcp__web__fetch-page", "lead", 2),
            tool("delete_all", "lead", 3),
        ],
    )
    assert found(lens, "undeclared_tool") == []
    assert outcome(lens, "undeclared_tool")[0] == "could not look"
    lens._con.execute("UPDATE agents SET tools = ['Search', 'fetch_page']")
    assert found(lens, "undeclared_tool", "tier, summary[:26]") == [("proven", "lead called delete_all onc")]
    lens._con.execute("UPDATE agents SET tools = ['web', 'search(*)', 'delete']")
    assert found(lens, "undeclared_tool") == []
    lens._con.execute("UPDATE agents SET tools = ['clerical work']")
    assert found(lens, "undeclared_tool", "DISTINCT tier") == [("candidate",)]


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


def test_work_that_is_passed_back_and_forth_is_a_delegation_loop(tmp_path: Path) -> None:
    def passes(count: int) -> list[Step]:
        pairs = [("a", "b"), ("b", "a")]
        return [
            step(
                f"transfer_to_{to}#{n}",
                None,
                n,
                n + 0.5,
                operation="execute_tool",
                tool=f"transfer_to_{to}",
                agent=giver,
                arguments={},
            )
            for n, (giver, to) in enumerate(pairs[n % 2] for n in range(count))
        ]

    worked = [
        *passes(6),
        *(step(f"work{n}", None, n + 0.6, operation="execute_tool", tool="write", agent="a") for n in range(6)),
    ]
    lens = read_steps(
        tmp_path, in_traces([[agent("lead"), *passes(6)], [agent("lead"), *passes(3)], [agent("lead"), *worked]])
    )
    assert found(lens, "delegation_loop", "tier, len(span_ids)") == [("proven", 6)]


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


def test_done_with_blockers_is_premature(tmp_path: Path) -> None:
    report = (
        "FROM: {}\nTO: lead\nTIME: 2026-01-01T00:10:00Z\nSTATUS: {}\nDELIVERABLES: x\nBLOCKERS: {}\nNEXT: none\n---\n"
    )
    reports = [
        ("Ana", "COMPLETE", "no access to the CRM"),
        ("Ben", "COMPLETE", "none"),
        ("Cyd", "BLOCKED", "key"),
        ("Dan", "DONE", "-"),
    ]
    lens = read_steps(tmp_path, [], **{"reports.txt": "".join(report.format(*each) for each in reports)})
    assert found(lens, "premature_complete") == [("Ana", "proven", "critical")]


# --- competing_writes, stale_packet, missing_brief, and briefs after a compaction -------------------------------------


def write(name: str, parent: str, start: float, path: str = "site/page.md", tool_name: str = "write_file") -> Step:
    return tool(f"{tool_name}#{name}", parent, start, arguments={"path": path, "content": name}, result="saved")


def test_writing_over_each_other_without_reading_is_found(tmp_path: Path) -> None:
    steps = [agent("lead"), agent("a", "lead", 1, 9), agent("b", "lead", 1, 9), write("1", "a", 2), write("2", "b", 5)]
    lens = read_steps(tmp_path, steps)
    assert found(lens, "competing_writes", "tier, severity, len(span_ids), summary") == [
        (
            "proven",
            "warning",
            2,
            "a and b wrote site/page.md over each other; the later one had not read it in between.",
        )
    ]


def test_orderly_writes_are_left_alone(tmp_path: Path) -> None:
    both = [agent("lead"), agent("a", "lead", 1, 9), agent("b", "lead", 1, 9)]
    read_first = [*both, write("1", "a", 2), write("r", "b", 3, tool_name="read_file"), write("2", "b", 5)]
    one_agent = [*both, write("1", "a", 2), write("2", "a", 5)]
    two_files = [*both, write("1", "a", 2), write("2", "b", 5, "other.md")]
    appended = [*both, write("1", "a", 2), write("2", "b", 5, tool_name="append_file")]
    lens = read_steps(tmp_path, in_traces([read_first, one_agent, two_files, appended]))
    assert found(lens, "competing_writes") == []


def packet(name: str, parent: str, start: float, version: int) -> Step:
    return tool(name, parent, start, **{"packet__id": "facts", "packet__version": version})


def test_work_from_replaced_facts_is_found_and_a_look_at_them_is_not(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        packet("publish#3", "lead", 1, 3),
        packet("publish#4", "lead", 10, 4),
        agent("early", "lead", 2, 9),
        packet("read#early", "early", 3, 3),
        agent("late", "lead", 11, 20),
        packet("read#late", "late", 12, 3),
        packet("send#late", "late", 13, 3),
        agent("compares", "lead", 11, 20),
        packet("read#old", "compares", 12, 3),
        packet("read#new", "compares", 13, 4),
    ]
    assert found(read_steps(tmp_path, steps), "stale_packet", "agent_name, tier, len(span_ids)") == [
        ("late", "proven", 2)
    ]


def brief(number: int, parent: str = "lead", **arguments: Any) -> Step:
    return tool(f"dispatch_brief#{number}", parent, number, arguments={"agent": f"a{number}", "task": "t", **arguments})


def test_a_brief_without_what_the_others_carried_is_found(tmp_path: Path) -> None:
    briefs = [brief(n, context="facts") for n in range(8)] + [brief(8), brief(9, context="")]
    lens = read_steps(tmp_path, [agent("lead"), *briefs])
    assert found(lens, "missing_brief") == [("a8", "event", "critical"), ("a9", "event", "critical")]


def test_parts_that_are_often_left_out_are_not_missed(tmp_path: Path) -> None:
    optional = [brief(n, **({"note": "x"} if n % 3 else {})) for n in range(20)]
    lens = read_steps(tmp_path, [agent("lead"), *optional])
    assert found(lens, "missing_brief") == []


def test_a_brief_that_says_it_under_another_name_lacks_nothing(tmp_path: Path) -> None:
    def briefs(**odd: str) -> list[Step]:
        at = [tool(f"delegate#{n}", "lead", n, arguments={"agent": f"a{n}", "task": "t"}) for n in range(8)]
        return [agent("lead"), *at, tool("delegate#8", "lead", 8, arguments={"agent": "a8", **odd})]

    assert found(read_steps(tmp_path / "other", briefs(message="Look at the frames again.")), "missing_brief") == []
    lens = read_steps(tmp_path / "bare", briefs())
    assert found(lens, "missing_brief") == [("a8", "event", "critical")]


def test_too_few_briefs_say_so(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), brief(1, context="x"), brief(2)])
    assert found(lens, "missing_brief") == []
    assert outcome(lens, "missing_brief")[0] == "could not look"


def test_a_compaction_after_which_briefs_are_poorer_is_the_collapse(tmp_path: Path) -> None:
    def asked(*texts: str) -> list[dict[str, Any]]:
        return [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]

    long = ["the goal", *("a fact that matters " * 9 + str(n) for n in range(6))]
    steps = [agent("lead", conversation="talk"), *(brief(n, context="facts") for n in range(6)), brief(9)]
    steps += [call("c1", "lead", 0.5, inputs=asked(*long)), call("c2", "lead", 8, inputs=asked("summary of the goal"))]
    lens = read_steps(tmp_path / "collapse", steps)
    assert found(lens, "context_collapse", "agent_name, tier, len(span_ids)") == [("lead", "proven", 3)]
    harmless = [each for each in steps if each["name"] != "dispatch_brief#9"] + [brief(9, context="facts")]
    assert found(read_steps(tmp_path / "harmless", harmless), "context_collapse") == []


def test_steps_side_by_side_of_a_named_job_are_a_run_that_may_run_away(tmp_path: Path) -> None:
    """Jobs of several agents are no run of one, and steps of a log that names no job are not taken for one."""

    def job(name: str, steps: int, **more: str) -> str:
        rows = [
            {"ts": f"2026-01-01T{n // 60:02d}:{n % 60:02d}:00Z", "agent": "Ana", "event": "step", "tool": "look", "args": {"n": f"{name}{n}"}}
            for n in range(steps)
        ]  # fmt: skip
        return "".join(json.dumps(row | {"run_id": name} | more) + "\n" for row in rows)

    usual = "".join(job(f"job-{n}", 8 + n % 3) for n in range(8))
    lens = read_steps(tmp_path, [], **{"jobs.jsonl": usual + job("job-9", 120)})
    assert found(lens, "runaway", "trace_id, agent_name") == [("job-9", "Ana")]
    assert found(lens, "runaway", "summary") == [("Ana made 120 calls; the 8 other runs of its kind made 9 (median).",)]
    shared = job("job-9", 60) + job("job-9", 60, agent="Ben")
    lens = read_steps(tmp_path / "shared", [], **{"jobs.jsonl": usual + shared})
    assert found(lens, "runaway") == []
