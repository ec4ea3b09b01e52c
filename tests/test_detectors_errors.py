"""Detectors of failures: swallowed, in bursts, or passed on from agent to agent; those that were mended or owned up to are left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detector_runs import found, in_traces, outcome
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool

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


# --- error_burst ------------------------------------------------------------------------------------------------------


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
