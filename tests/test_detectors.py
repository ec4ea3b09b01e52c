"""Each detector fires on what it is made for and leaves healthy runs alone; it says when it could not look."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, step, tool

import agentlens as al
from agentlens import Lens
from agentlens._detect import all_detectors, detect

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
Found = list[tuple[Any, ...]]


def found(lens: Lens, detector: str, columns: str = "agent_name, tier, severity", **thresholds: Any) -> Found:
    detect(lens, [detector], **({detector: thresholds} if thresholds else {}))
    return lens.sql(f"SELECT {columns} FROM findings ORDER BY trace_id, start_time, agent_name").fetchall()


def in_traces(runs: Iterable[list[Step]]) -> list[Step]:
    """Each run as a trace of its own."""
    return [dict(each, traceId=f"{n:032x}") for n, run in enumerate(runs, 1) for each in run]


def outcome(lens: Lens, detector: str) -> tuple[str, str | None]:
    return lens.sql("SELECT outcome, reason FROM checks WHERE detector = $d", d=detector).fetchall()[0]


def series(name: str, results: list[str | None], parent: str = "lead", first: float = 1, **more: Any) -> list[Step]:
    """Calls of one tool, one after the other; None is a failure."""
    return [
        tool(
            f"{name}#{n}",
            parent,
            first + n,
            first + n + 0.4,
            result=result,
            status=ERROR if result is None else None,
            message="503 Service Unavailable" if result is None else None,
            **more,
        )
        for n, result in enumerate(results)
    ]


# --- tool_loop --------------------------------------------------------------------------------------------------------

EMPTY = '{"results":[],"hint":"nothing"}'


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
    assert found(lens, "tool_loop", "tier, len(span_ids), summary[:29]") == [
        ("proven", 6, "lead went round a, b 3 times "),
        ("proven", 9, "lead went round a, b, c 3 tim"),
        ("proven", 15, "lead went round a, b, c, d, e"),
    ]
    assert found(lens, "tool_loop", "tier, len(span_ids)", min_cycles=4) == []


def test_the_same_call_with_the_same_hopeless_error_three_times_is_a_loop(tmp_path: Path) -> None:
    def failing(message: str) -> list[Step]:
        return [tool(f"open#{n}", "lead", n, status=ERROR, message=message) for n in range(3)]

    hopeless, mendable = failing("FileNotFoundError: no such file: a.md"), failing("503 Service Unavailable")
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in (hopeless, mendable)))
    assert found(lens, "tool_loop", "trace_id[-1:], tier, len(span_ids)") == [("1", "proven", 3)]


def test_healthy_repetition_is_no_loop(tmp_path: Path) -> None:
    polling = series("check_build_status", ["queued", "running", "running", "running", "passed"])
    unnamed_polling = series(
        "query", ["pending, 0 rows ready", "pending, 0 rows ready", "pending, 0 rows ready", "17 rows ready now"]
    )
    never_ready = series("query", ["the export is still running"] * 6)
    progress = [
        tool(f"{'look' if n % 2 else 'ask'}#{n}", "lead", n, result=f"answer {n // 2}, all is well") for n in range(8)
    ]
    waiting = series("wait", ["woke up after 60 s"] * 6)
    sleeping = series("Bash", ["nothing to see here yet"] * 5, arguments={"command": "sleep 30; tail log"})
    other_arguments = [
        tool(f"read#{n}", "lead", n, arguments={"path": f"{n}.md"}, result="the same text") for n in range(6)
    ]
    side_by_side = [tool(f"vote#{n}", "lead", 1 + n / 100, 5, result="the answer is 42") for n in range(5)]
    edit_and_build = [
        tool(
            f"bash#{n}",
            "lead",
            n,
            arguments={"cmd": f"edit {n}"} if n % 2 else {"cmd": "make"},
            result="build passed, 0 warnings",
        )
        for n in range(12)
    ]
    clicks = series("next_page", ["ok"] * 6, arguments={})
    unlogged = [tool(f"search#{n}", "lead", n) for n in range(5)]
    twice = series("search", [EMPTY] * 2)
    fan_out = [
        step
        for k in range(4)
        for step in (
            agent(f"reader#{k}", "lead", k, k + 5),
            tool(f"read#{k}", f"reader#{k}", k + 1, result="the same file"),
        )
    ]
    runs = [
        polling,
        unnamed_polling,
        never_ready,
        progress,
        waiting,
        sleeping,
        other_arguments,
        side_by_side,
        edit_and_build,
        clicks,
        unlogged,
        twice,
        fan_out,
    ]
    lens = read_steps(tmp_path, in_traces([agent("lead"), *run] for run in runs))
    assert found(lens, "tool_loop", "summary") == []
    assert outcome(lens, "tool_loop") == (
        "found nothing",
        "5 of 74 tool calls have no arguments or no result recorded and were not judged",
    )


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


# --- swallowed_error --------------------------------------------------------------------------------------------------


def failing_run(words: str | None, status: int | None = OK, failing: str = "margin_check", **more: Any) -> list[Step]:
    """An agent one of whose tools fails, and who then says `words`."""
    return [
        agent("lead", None, 0, 30, status=OK),
        agent("helper", "lead", 1, 20, status=status, **({"outputs": said(words)} if words else {})),
        tool(failing, "helper", 2, 3, status=ERROR, message="FileNotFoundError: costs.csv", **more),
    ]


def test_a_failure_whose_matter_is_reported_as_done_is_swallowed(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, failing_run("Margins hold at every tier."))
    assert found(lens, "swallowed_error", "agent_name, tier, severity, evidence[2].says") == [
        ("helper", "proven", "critical", "status OK, and says: Margins hold at every tier.")
    ]


def test_a_run_that_failed_under_a_tool_that_answers_as_usual_is_swallowed(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 30),
        tool("ask_checker", "lead", 1, 20, result="No objections."),
        agent("checker", "ask_checker", 2, 19, status=ERROR),
        tool("open_source", "checker", 3, 4, status=ERROR, message="connection refused"),
    ]
    lens = read_steps(tmp_path, steps)
    assert found(lens, "swallowed_error") == [("lead", "proven", "critical")]


def test_success_that_does_not_name_the_matter_is_a_candidate(tmp_path: Path) -> None:
    lens = read_steps(
        tmp_path, failing_run("All done, see the shared folder.", failing="fetch_invoice", error_type="503")
    )
    lens._con.execute("UPDATE spans SET status_message = '503 Service Unavailable' WHERE tool_name = 'fetch_invoice'")
    assert found(lens, "swallowed_error", "tier, severity") == [("candidate", "warning")]


def test_a_failure_that_a_run_without_status_passes_over_is_a_candidate_unless_another_way_was_found(
    tmp_path: Path,
) -> None:
    target = {"target": "invoice 4711"}
    silent = failing_run("All done, see the shared folder.", status=None, failing="save_invoice", arguments=target)
    assert found(read_steps(tmp_path / "silent", silent), "swallowed_error", "tier, severity") == [
        ("candidate", "warning")
    ]
    other_way = [*silent, tool("print_invoice", "helper", 5, arguments=target, result="printed")]
    assert found(read_steps(tmp_path / "other_way", other_way), "swallowed_error") == []
    german = failing_run("Die Rechnung konnte ich leider nicht ablegen.", status=None, failing="save_invoice")
    assert found(read_steps(tmp_path / "german", german), "swallowed_error") == []


def test_errors_that_are_owned_up_to_or_mended_are_not_swallowed(tmp_path: Path) -> None:
    owned_up = failing_run("Margins could not be checked: the cost file is missing.")
    retried = [*failing_run("Margins hold."), tool("margin_check#2", "helper", 5, result="74 %")]
    other_query = [
        *failing_run("Margins hold."),
        tool("margin_check#3", "helper", 5, arguments={"costs": "q1"}, result="74 %"),
    ]
    honest_run = failing_run("Margins hold.", status=ERROR)
    honest_run[0] = agent("lead", None, 0, 30, status=ERROR)
    wordless = failing_run(None)
    steering = failing_run("Margins hold.")
    probing = failing_run("The plan is ready.", failing="Read")
    blocked = [
        agent("lead", None, 0, 30, status=ERROR),
        agent("helper", "lead", 1, 20, status=ERROR),
        tool("crm_update", "helper", 2, 3, status=ERROR, message="401 Unauthorized"),
    ]
    model_retried = [
        agent("lead", None, 0, 30, status=OK, outputs=said("The margins are fine.")),
        call("c1", "lead", 1, status=ERROR, message="429"),
        call("c2", "lead", 2, status=OK, outputs=said("The margins are fine.")),
    ]
    runs = [owned_up, retried, other_query, honest_run, wordless, steering, probing, blocked, model_retried]
    lens = read_steps(tmp_path, in_traces(runs))
    lens._con.execute(
        "UPDATE spans SET is_control_flow = true WHERE trace_id = $t AND tool_name IS NOT NULL", {"t": f"{6:032x}"}
    )
    assert found(lens, "swallowed_error", "trace_id, summary") == []


def test_a_failed_run_that_is_run_again_with_success_is_not_swallowed(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 60),
        tool("ask_checker#1", "lead", 1, 20, result="Trying once more."),
        agent("checker#1", "ask_checker#1", 2, 19, status=ERROR),
        tool("open_source#1", "checker#1", 3, 4, status=ERROR, message="connection refused"),
        tool("ask_checker#2", "lead", 21, 40, result="No objections."),
        agent("checker#2", "ask_checker#2", 22, 39),
        tool("open_source#2", "checker#2", 23, 24, result="the text"),
    ]
    assert found(read_steps(tmp_path, steps), "swallowed_error") == []


def test_a_report_that_names_blockers_owns_up(tmp_path: Path) -> None:
    pax = "FROM: helper\nTO: lead\nTIME: 2026-01-01T00:00:19Z\nSTATUS: COMPLETE\nBLOCKERS: cost file\nNEXT: none\n"
    lens = read_steps(tmp_path, failing_run("Margins hold."), **{"report.txt": pax})
    assert found(lens, "swallowed_error") == []


def test_where_no_status_is_recorded_nothing_is_judged(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead", outputs=said("Margins hold.")), tool("margin_check", "lead", 1)])
    assert found(lens, "swallowed_error") == []
    assert outcome(lens, "swallowed_error") == ("could not look", "no span has a status recorded")


# --- heartbeats -------------------------------------------------------------------------------------------------------


def board(beats: list[dict[str, str]], wave: int = 1, minutes: int = 5) -> str:
    """A heartbeat file: one block a beat, each with the agents that answered."""
    return "\n".join(
        f"Wave {wave} | 2026-01-0{wave} 10:{n * minutes:02d}:00\nAgents:\n"
        + "".join(f"  {a}: {s}\n" for a, s in beat.items())
        for n, beat in enumerate(beats)
    )


def beats_of(**rows: str) -> list[dict[str, str]]:
    """Beats from one letter a beat: p in progress, c complete, b blocked, i idle, `.` absent."""
    words = {"p": "IN_PROGRESS", "c": "COMPLETE", "b": "BLOCKED (no key)", "i": "IDLE"}
    length = max(map(len, rows.values()))
    return [{agent: words[row[n]] for agent, row in rows.items() if row[n] != "."} for n in range(length)]


def test_an_agent_that_leaves_the_board_while_others_go_on_is_silent(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats_of(Ana="pppppppc", Ben="ppp....."))})
    assert found(lens, "silent_agent") == [("Ben", "proven", "critical")]
    assert found(lens, "silent_agent", quiet=6) == []


def test_agents_with_a_reason_to_be_quiet_are_not_silent(tmp_path: Path) -> None:
    beats = beats_of(
        Done="ppc.....", Blocked="ppb.....", Idle="ppi.....", Back="pp...ppc", Late="pppppp..", Ana="pppppppc"
    )
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats)})
    assert found(lens, "silent_agent", "agent_name") == []


def test_an_agent_that_handed_in_a_report_or_whose_run_ended_is_not_silent(tmp_path: Path) -> None:
    pax = "FROM: Ben\nTO: Ana\nWAVE: 1\nTIME: 2026-01-01T10:11:00Z\nSTATUS: COMPLETE\nBLOCKERS: none\nNEXT: none\n"
    beats = board(beats_of(Ana="pppppppc", Ben="ppp.....", Cyd="ppp....."))
    steps = [
        step("wave 1", None, 36_000, 38_000, operation="invoke_workflow", **{"gen_ai__workflow__name": "wave 1"}),
        agent("Cyd", "wave 1", 36_000, 36_660),
    ]
    lens = read_steps(tmp_path, steps, **{"beats.log": beats, "report.txt": pax})
    assert found(lens, "silent_agent", "agent_name") == []


def test_a_run_that_never_ends_while_others_go_on_is_silent(tmp_path: Path) -> None:
    hung = [
        agent("lead", None, 0, 900),
        agent("hung", "lead", 1, None),
        *(call(f"h{n}", "hung", 2 * n) for n in range(1, 6)),
    ]
    others = [agent("busy", "lead", 1, 800), *(tool(f"work#{n}", "busy", 10 * n) for n in range(1, 70))]
    thinking = [
        agent("lead", None, 0, 900),
        agent("slow", "lead", 1, 890),
        *(call(f"s{n}", "slow", 200 * n, 200 * n + 150) for n in range(4)),
    ]
    cut_off = [
        agent("lead", None, 0, None),
        agent("last", "lead", 1, None),
        *(call(f"l{n}", "last", n) for n in range(9)),
    ]
    lens = read_steps(tmp_path, in_traces([hung + others, thinking, cut_off]))
    assert found(lens, "silent_agent") == [("hung", "event", "critical")]
    assert outcome(lens, "silent_agent") == (
        "fired",
        "the logs hold no heartbeats: only runs that never ended were looked at",
    )


def test_two_absent_beats_are_missed(tmp_path: Path) -> None:
    beats = beats_of(Ana="pppppppc", Ben="pp..ppcc", Once="ppp.pppp", Gone="ppp.....")
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats)})
    assert found(lens, "missed_heartbeat") == [("Ben", "proven", "warning")]
    assert found(lens, "missed_heartbeat", "agent_name", missed=1) == [("Ben",), ("Once",)]


def test_a_board_that_stood_still_is_no_missed_heartbeat(tmp_path: Path) -> None:
    beats = [*beats_of(Ana="pppp", Ben="ppp."), {}, {}, *beats_of(Ana="pp", Ben="pc")]
    text = "\nWave".join(block for block in board(beats).split("\nWave") if ": " in block.partition("Agents:")[2])
    lens = read_steps(tmp_path, [], **{"beats.log": text})
    assert found(lens, "missed_heartbeat") == []


def test_a_wait_for_the_outside_world_is_one_finding(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats_of(Ana="ppbbbbpc", Ben="pppppppc"))})
    assert found(lens, "blocked", "agent_name, severity, len(evidence), epoch_ns(end_time) - epoch_ns(start_time)") == [
        ("Ana", "warning", 4, 20 * 60 * 10**9)
    ]
    assert found(lens, "blocked", "severity", long_minutes=20) == [("critical",)]


# --- coordination -----------------------------------------------------------------------------------------------------


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


def test_a_burst_of_failures_is_one_finding(tmp_path: Path) -> None:
    failing = [tool(f"fetch#{n}", "lead", 30 * n, arguments={"n": n}, status=ERROR) for n in range(9)]
    sparse = [tool(f"fetch#{n}", "lead", 900 * n, arguments={"n": n}, status=ERROR) for n in range(9)]
    rare = [
        tool(f"fetch#{n}", "rare", n / 10, n / 10 + 0.05, arguments={"n": n}, status=ERROR if n % 150 == 0 else OK)
        for n in range(1200)
    ]
    lens = read_steps(
        tmp_path,
        in_traces(
            [
                [agent("bursting"), *(dict(each, parentSpanId=agent("bursting")["spanId"]) for each in failing)],
                [agent("sparse"), *(dict(each, parentSpanId=agent("sparse")["spanId"]) for each in sparse)],
                [agent("rare"), *rare],
            ]
        ),
    )
    assert found(lens, "error_burst", "agent_name, tier, len(span_ids)") == [("bursting", "event", 9)]


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
    assert found(lens, "undeclared_tool", "tier, summary[:26]") == [("proven", "lead called delete_all 1 t")]
    lens._con.execute("UPDATE agents SET tools = ['web', 'search(*)', 'delete']")
    assert found(lens, "undeclared_tool") == []
    lens._con.execute("UPDATE agents SET tools = ['clerical work']")
    assert found(lens, "undeclared_tool", "DISTINCT tier") == [("candidate",)]


# --- detect() ---------------------------------------------------------------------------------------------------------


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


def test_hostile_text_is_only_ever_text(tmp_path: Path) -> None:
    """Every field that a detector touches, in every run that makes one fire."""
    for number, text in enumerate(HOSTILE):
        arguments = {text: text, "path": text, "agent": text, "context": text}
        steps = [
            agent("lead", outputs=said(text), status=OK),
            agent(text, "lead", 1, 90, status=OK, outputs=said("the " + text)),
        ]
        steps += [tool(f"{text}#{n}", text, n, result=text * 9, arguments=arguments) for n in range(1, 5)]
        steps += [
            tool(f"deploy#{n}", text, 10 + n, status=ERROR, message=text, error_type=text, arguments=arguments)
            for n in range(5)
        ]
        steps += [
            tool(f"dispatch_brief#{n}", text, 20 + n, arguments=arguments if n < 6 else {text: 1}) for n in range(8)
        ]
        steps += [tool(f"write_file#{n}", who, 40 + n, arguments=arguments) for n, who in enumerate([text, "lead"])]
        lens = read_steps(
            tmp_path / str(number),
            steps,
            **{"beats.log": board([{text.replace(":", ""): "BLOCKED (" + text + ")"}] * 4)},
        )
        detected = {row[0] for row in detect(lens).fetchall()}
        assert {"tool_loop", "retry_storm"} <= detected
        views = lens.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        for (view,) in views:
            lens.sql(f'FROM "{view}"').fetchall()
