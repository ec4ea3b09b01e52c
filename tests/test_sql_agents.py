"""Who gave work to whom, who reported, and the wave in which it first broke."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lens_builder import ERROR, OK, Step, agent, call, read_steps, step, tool

import agentlens as al
from agentlens import Lens

DATASETS = Path(__file__).parents[1] / "datasets"


def test_handoffs_are_found_however_they_are_logged(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 100),
        tool("transfer_to_writer", "lead", 1, 2),
        tool("Task", "lead", 3, 20, arguments={"subagent_type": "Explore", "prompt": "find it"}),
        agent("Explore", "Task", 4, 19),
        call("c", "Explore", 5, input_tokens=70, output_tokens=7),
        tool("ask_legal", "lead", 21, 30),
        agent("legal", "ask_legal", 22, 29, status=ERROR),
        agent("painter", "lead", 31, 40),
        step("handoff to editor", "lead", 41, 42, agent="lead"),
        tool("search", "lead", 43, 44),
        tool("delegate_nothing", "lead", 45, 46, arguments={"x": 1}),
        agent("lead#again", "lead", 47, 48),
    ]
    lens = read_steps(tmp_path, steps)
    begun = "SELECT kind, second(start_time), second(end_time) FROM handoffs WHERE kind = 'run' ORDER BY preorder, 2"
    assert lens.sql(begun).fetchall() == [("run", 31, 40), ("run", 22, 29)]  # not when the giver itself began
    query = """
        SELECT kind, from_agent, to_agent, is_error, tokens, to_span_id IS NOT NULL, duration_ns // 1000000000
        FROM handoffs ORDER BY preorder
    """
    assert lens.sql(query).fetchall() == [
        ("run", "lead", "painter", False, None, True, 9),
        ("tool", "lead", "writer", False, None, False, 1),
        ("tool", "lead", "Explore", False, 77, True, 15),
        ("run", "lead", "legal", True, None, True, 7),
        ("step", "lead", "editor", False, None, False, 1),
    ]


def _spent(lens: Lens) -> list[tuple[Any, ...]]:
    return lens.sql("SELECT to_agent, tokens, spent_known_from FROM handoffs ORDER BY start_time").fetchall()


def _handed(name: str, to: str, start: int, end: int) -> Step:
    return tool(f"delegate#{name}", "lead", start, end, arguments={"agent": to}) | {"name": "delegate"}


def test_work_without_a_run_of_its_own_costs_what_its_agent_spent_in_that_time(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 100),
        call("own", "lead", 1, input_tokens=1000, output_tokens=1),
        _handed("first", "ares", 2, 10),
        call("a1", None, 3, agent="ares", input_tokens=10, output_tokens=1),
        call("a2", None, 9, agent="ares", input_tokens=20, output_tokens=2),
        _handed("second", "ares", 20, 30),
        call("a3", None, 25, agent="ares", input_tokens=40, output_tokens=4),
        _handed("unlogged", "zeus", 40, 50),
    ]
    assert _spent(read_steps(tmp_path, steps)) == [("ares", 33, "time"), ("ares", 44, "time"), ("zeus", None, None)]


@pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param(call("late", None, 60, agent="ares", input_tokens=5, output_tokens=5), id="spent outside of it"),
        pytest.param(_handed("overlapping", "ares", 5, 15), id="two handings over at a time"),
    ],
)
def test_what_an_agent_spent_is_given_to_no_handing_over_where_it_might_be_anothers(
    tmp_path: Path, elsewhere: Step
) -> None:
    steps = [
        agent("lead", None, 0, 100),
        _handed("first", "ares", 2, 10),
        call("a1", None, 8, agent="ares", input_tokens=10, output_tokens=1),
        elsewhere,
    ]
    assert {tokens for _, tokens, _ in _spent(read_steps(tmp_path, steps))} == {None}


def test_the_runs_of_an_agent_are_not_given_to_a_handing_over_beside_them(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 100),
        _handed("first", "ares", 2, 20),
        call("loose", None, 3, agent="ares", input_tokens=10, output_tokens=1),
        agent("ares", "lead", 4, 9),
        call("inside", "ares", 5, agent="ares", input_tokens=500, output_tokens=5),
    ]
    assert _spent(read_steps(tmp_path, steps)) == [("ares", 11, "time"), ("ares", 505, "run")]


def test_a_run_that_says_nothing_of_its_tokens_has_cost_an_unknown_number(tmp_path: Path) -> None:
    steps = [agent("lead", None, 0, 100), agent("ares", "lead", 4, 9), call("silent", "ares", 5, agent="ares")]
    assert _spent(read_steps(tmp_path, steps)) == [("ares", None, None)]


def test_every_token_of_wave_14_that_was_not_atlas_s_own_stands_at_one_handing_over() -> None:
    lens = al.read(DATASETS / "wave_14")
    handed = "SELECT sum(tokens) FROM handoffs WHERE from_agent = 'Atlas'"
    others = """
        SELECT sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))
        FROM usage_ledger WHERE is_counted AND agent_name <> 'Atlas'
    """
    assert lens.sql(handed).fetchall() == lens.sql(others).fetchall()


def test_edges_join_delegations_reports_and_messages(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 100),
        *(agent(f"helper#{n}", "lead", 10 * n, 10 * n + n, status=ERROR if n == 2 else OK) for n in (1, 2, 3)),
    ]
    pax = "FROM: helper\nTO: lead\nTIME: 2026-01-01T00:10:00Z\nSTATUS: BLOCKED\nBLOCKERS: key\nNEXT: wait\n"
    said = (
        '{"message_id":"1","from":"lead","to":"helper","depth":1,"payload":"hi","timestamp":"2026-01-01T00:00:01Z"}\n'
    )
    lens = read_steps(tmp_path, steps, **{"report.txt": pax, "said.jsonl": said})
    query = "SELECT from_agent, to_agent, kind, count, errors, duration_p50_ns FROM agent_edges ORDER BY kind"
    assert lens.sql(query).fetchall() == [
        ("lead", "helper", "delegation", 3, 1, 2_000_000_000),
        ("lead", "helper", "message", 1, 0, None),
        ("helper", "lead", "report", 1, 1, None),
    ]


BEATS = """\
Wave {wave} | 2026-01-01 0{wave}:00:00
Agents:
  Ana: {ana}
  Ben: {ben}
Next: go on

Wave {wave} | 2026-01-01 0{wave}:05:00
Agents:
  Ana: {ana}
  Ben: {ben}
"""


def test_waves_name_the_first_in_which_something_broke(tmp_path: Path) -> None:
    beats = "\n".join(
        [
            BEATS.format(wave=1, ana="COMPLETE", ben="COMPLETE (2 files)"),
            BEATS.format(wave=2, ana="COMPLETE", ben="BLOCKED (no key)"),
            BEATS.format(wave=3, ana="FAILED", ben="COMPLETE"),
        ]
    )
    steps = [
        step("wave 2", None, 7200, 7500, operation="invoke_workflow", **{"gen_ai__workflow__name": "wave 2"}),
        agent("Lead", "wave 2", 7200, 7500),
        tool("dispatch_brief", "Lead", 7201, arguments={"agent": "Ben", "task": "get the key"}),
        tool("look", "Lead", 7202, status=ERROR, message="timed out"),
    ]
    lens = read_steps(tmp_path, steps, **{"beats.log": beats})
    query = (
        "SELECT wave, done, in_trouble, what_broke, is_first_broken, errors, len(trace_ids) FROM waves ORDER BY wave"
    )
    assert lens.sql(query).fetchall() == [
        (1, ["Ana", "Ben"], [], [], False, 0, 0),
        (2, ["Ana"], ["Ben"], ["Ben reported BLOCKED"], True, 1, 1),
        (3, ["Ben"], ["Ana"], ["Ana reported FAILED"], False, 0, 0),
    ]
    query = "SELECT sent[1].agent_name, sent[1].sender, statuses['Ben'] FROM waves WHERE wave = 2"
    assert lens.sql(query).fetchall() == [("Ben", "Lead", "BLOCKED")]


def test_who_was_sent_work_and_did_not_report_is_named_when_others_did(tmp_path: Path) -> None:
    report = "FROM: {}\nTO: Lead\nWAVE: 4\nTIME: 2026-01-01T04:09:00Z\nSTATUS: COMPLETE\nBLOCKERS: none\nNEXT: none\n"
    beats = BEATS.format(wave=4, ana="IN_PROGRESS", ben="IN_PROGRESS")
    lens = read_steps(tmp_path, [], **{"beats.log": beats, "report.txt": report.format("Ana")})
    query = "SELECT without_report, what_broke, is_first_broken FROM waves"
    assert lens.sql(query).fetchall() == [(["Ben"], ["Ben did not report"], True)]


ASKS_A_PERSON = [
    "ask_user",
    "ask_the_user_question",
    "AskUserQuestion",
    "askUser",
    "ask_user_clarification",
    "escalate",
    "escalateToSupervisor",
    "request_approval",
    "request-approval",
    "request_human",
    "request_human_input",
    "human",
    "human_approval",
    "human_in_the_loop",
    "get_human_feedback",
    "get_input_from_user",
    "wait_for_user_approval",
    "page_the_operator",
    "ask_followup_question",
    "handoff_to_human",
    "escalate_ticket",
    "mcp__ops__ask_human",
]
ASKS_NOBODY = [
    "get_user",
    "get_user_details",
    "query_user_db",
    "request_user_data",
    "notify_user",
    "user_search",
    "humanize",
    "ask_researcher",
    "request_review",
    "prompt_model",
    "page",
    "alert",
    "human_resources_lookup",
    "check_escalation_policy",
    "list_escalations",
    "get_approval_status",
    "update_user_input_schema",
    "transfer_to_agent",
]


def test_a_tool_that_calls_for_a_person_is_told_from_one_that_looks_users_up(tmp_path: Path) -> None:
    tools = [tool(name, "lead", n) for n, name in enumerate(ASKS_A_PERSON + ASKS_NOBODY, 1)]
    lens = read_steps(tmp_path, [agent("lead", None, 0, 100), *tools])
    asking = lens.sql("SELECT tool_name FROM spans WHERE _asks_a_person(tool_name)").fetchall()
    assert sorted(name for (name,) in asking) == sorted(ASKS_A_PERSON)
