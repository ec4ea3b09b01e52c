"""Sessions of Managed Agents, held against what plain `json` finds in the same events."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from framework_logs import twisted
from managed_sessions import AGENT, SESSION, Event, Log, message, recorded, simple, team, text, tool
from session_evidence import (
    account,
    assert_accounts_balance,
    assert_nothing_dangles,
    assert_places_hold,
    count,
    counted,
    lines,
    names,
    one,
    read,
    rows,
    write,
)

import agentlens as al

SPANS = """
    SELECT trace_id, span_id, parent_span_id, name, agent_name, start_time, end_time, status_code, status_message, error_type,
      is_control_flow, input_tokens, output_tokens, tool_call_arguments, tool_call_result, usage_key
    FROM spans ORDER BY ALL"""
SHOWN = "SELECT span_id, direction, position, message_hash FROM span_messages ORDER BY ALL"


# --- what stands in a session ---------------------------------------------------------------------------------------------


def recorded_events(path: Path) -> list[Event]:
    return [line[1] for line in lines(path) if line[0].endswith("events.stream")]


def test_of_the_samples_each_record_is_accounted_for_and_has_its_place(samples: Path) -> None:
    paths = sorted(samples.glob("langsmith/anthropic_managed_*"))
    lens = read(*paths)
    sent = [sum(line[0].endswith("events.send") for line in lines(path)) for path in paths]
    whole = [len(lines(path)) for path in paths]
    assert account(lens) == [(all_, all_ - waiting, 0, waiting) for all_, waiting in zip(whole, sent)]
    assert_places_hold(lens)
    assert_nothing_dangles(lens)
    assert one(lens, "SELECT count(*) FROM spans WHERE is_orphan OR is_cycle_broken") == 0


def test_the_samples_have_a_call_for_each_request_and_a_span_for_each_tool(samples: Path) -> None:
    for path in samples.glob("langsmith/anthropic_managed_*"):
        kinds, lens = [event["type"] for event in recorded_events(path)], read(path)
        assert count(lens, "chat") == kinds.count("span.model_request_end") == 2
        assert count(lens, "execute_tool") == sum(kind.endswith("tool_use") for kind in kinds) == 1
        asked = [event["content"] for event in recorded_events(path) if event["type"] == "user.message"]
        query = "SELECT parts->>'$[0].content' FROM messages WHERE role = 'user'"
        assert rows(lens, query) == [(content[0]["text"],) for content in asked]
        ends = [event["processed_at"] for event in recorded_events(path) if event["type"].startswith("span.")]
        times = "SELECT replace(replace(t::VARCHAR, ' ', 'T') || 'Z', '000Z', 'Z') FROM (SELECT unnest([start_time, end_time]) AS t FROM spans WHERE operation_name = 'chat') ORDER BY 1"
        assert [at for (at,) in rows(lens, times)] == [at.replace("000Z", "Z") for at in sorted(ends)]


def test_each_request_shows_what_was_said_before_it(tmp_path: Path) -> None:
    lens = read(write(tmp_path / "x", *recorded(simple().events)))
    query = """
        SELECT direction, list(role || ': ' || coalesce(parts->>'$[0].content', parts->>'$[0].name', parts->>'$[0].response[0].text') ORDER BY position)
        FROM span_messages JOIN messages USING (message_hash) JOIN spans USING (trace_id, span_id)
        WHERE operation_name = 'chat' GROUP BY span_id, direction ORDER BY min(preorder), direction"""
    calls = ["assistant: bash", "assistant: search", "assistant: look"]
    results = ["tool: done", "tool: not found", "tool: seen"]
    assert rows(lens, query) == [
        ("input", ["user: go"]), ("output", calls), ("system", ["system: You lead."]),
        ("input", ["user: go", *calls, *results]), ("output", ["assistant: It is done."]), ("system", ["system: You lead."]),
    ]  # fmt: skip


def test_tools_carry_arguments_result_outcome_and_time(tmp_path: Path) -> None:
    lens = read(write(tmp_path / "x", *recorded(simple().events)))
    query = """
        SELECT tool_name, tool_call_arguments, tool_call_result, status_code, epoch(end_time - start_time), attributes->>'$.mcp_server_name'
        FROM spans WHERE operation_name = 'execute_tool' ORDER BY preorder"""
    assert rows(lens, query) == [
        ("bash", '{"at":"x"}', "done", "OK", 4, None),
        ("search", '{"at":"x"}', "not found", "ERROR", 4, "exa"),
        ("look", '{"at":"x"}', "seen", "OK", 5, None),
    ]


def test_the_agent_is_named_with_its_model_and_prompt(tmp_path: Path) -> None:
    lens = read(write(tmp_path / "x", *recorded(simple().events)))
    assert rows(lens, "SELECT agent_name, agent_id, agent_version, model, tools FROM agents") == [
        ("Lead", "agent_1", "3", "claude-sonnet-4-5", ["look"])
    ]
    assert rows(
        lens, "SELECT DISTINCT agent_name, request_model, provider_name FROM spans WHERE operation_name = 'chat'"
    ) == [("Lead", "claude-sonnet-4-5", "anthropic")]
    query = "SELECT trace_id, conversation_id, status_code FROM spans WHERE depth = 0"
    assert rows(lens, query) == [("sesn_1", "sesn_1", "OK")]
    assert one(lens, "SELECT sum(cost_usd) FROM usage_ledger WHERE is_counted") > 0


def test_a_toolset_declares_no_names_of_tools(tmp_path: Path) -> None:
    agent = {**AGENT, "tools": [{"type": "agent_toolset_20260401"}, {"type": "custom", "name": "look"}]}
    lens = read(write(tmp_path / "x", *recorded(simple().events, {**SESSION, "agent": agent})))
    assert rows(lens, "SELECT tools FROM agents") == [(None,)]


# --- the forms it comes in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["lines", "page", "indented page", "newest first", "list", "recorded list", "pages"])
def test_a_session_is_the_same_in_every_form(form: str, tmp_path: Path) -> None:
    events, path = simple().events, tmp_path / "x"
    if form == "lines":
        write(path, *events)
    elif form == "pages":
        write(path, *({"data": events[at : at + 4], "next_page": "p"} for at in range(0, len(events), 4)))
    elif form == "recorded list":
        write(path, ["client.beta.sessions.events.list", {"data": events}])
    elif form == "list":
        path.write_text(json.dumps(events))
    else:
        order = events[::-1] if form == "newest first" else events
        path.write_text(json.dumps({"data": order, "next_page": None}, indent=2 if form == "indented page" else None))
    lens, plain = read(path), read(write(tmp_path / "plain", *events))
    assert rows(lens, SPANS) == rows(plain, SPANS)
    assert rows(lens, SHOWN) == rows(plain, SHOWN)
    assert account(lens) == [(len(events), len(events), 0, 0)]
    assert names(lens)[0] == "invoke_agent Lead"
    assert_places_hold(lens)
    assert_nothing_dangles(lens)


def test_an_event_streamed_and_listed_counts_once(tmp_path: Path) -> None:
    events = simple().events
    once = read(write(tmp_path / "once", *events))
    twice = read(write(tmp_path / "twice", *events, {"data": events}))
    assert account(twice) == [(2 * len(events), len(events), 0, len(events))]
    assert (rows(twice, SPANS), rows(twice, SHOWN)) == (rows(once, SPANS), rows(once, SHOWN))
    both = read(write(tmp_path / "a", *events), write(tmp_path / "b", {"data": events}))
    assert counted(both) == counted(once) == (2 * 112, 10, 200, 20, 0)


def test_what_was_sent_counts_where_it_was_processed(tmp_path: Path) -> None:
    events = simple().events
    sent = [
        {key: e[key] for key in e if key not in ("id", "processed_at", "is_error")}
        for e in events
        if e["type"].startswith("user.")
    ]
    calls = [["client.beta.sessions.events.send", ["sesn_1", {"events": sent}]], *recorded(events)]
    lens = read(write(tmp_path / "x", *calls))
    assert account(lens) == [(len(events) + 1 + 2, len(events) + 1, 0, 2)]
    assert rows(lens, SHOWN) == rows(read(write(tmp_path / "y", *recorded(events))), SHOWN)


def test_a_queued_event_counts_once_and_one_never_processed_is_kept(tmp_path: Path) -> None:
    events = simple().events
    queued = {**events[1], "processed_at": None}
    never = {"id": "sevt_late", "type": "user.message", "content": text("too late"), "processed_at": None}
    unsent = {"type": "user.message", "content": text("nobody heard")}
    lens = read(
        write(
            tmp_path / "x",
            queued,
            *events,
            never,
            ["client.beta.sessions.events.send", ["sesn_1", {"events": [unsent]}]],
        )
    )
    assert account(lens) == [(len(events) + 3, len(events) + 2, 0, 1)]
    query = "SELECT name, attributes->>'$.content[0].text' FROM span_events WHERE name LIKE '%processed%' ORDER BY ALL"
    assert rows(lens, query) == [
        ("user.message (queued, never processed)", "too late"), ("user.message (sent, never processed)", "nobody heard"),
    ]  # fmt: skip
    assert rows(lens, "SELECT count(*) FROM messages WHERE role = 'user'") == [(1,)]


def test_previews_are_skipped_and_unknown_events_are_kept(tmp_path: Path) -> None:
    log = simple()
    log.add("session.something_new", detail=7)
    log.add("workflow_run.created", name="wf")
    preview = {"type": "event_delta", "event_id": "sevt_9", "delta": {}}
    lens = read(write(tmp_path / "x", *log.events, preview))
    assert account(lens) == [(len(log.events) + 1, len(log.events), 0, 1)]
    query = "SELECT attributes->>'$.detail' FROM span_events WHERE name = 'session.something_new'"
    assert rows(lens, query) == [("7",)]
    assert one(lens, "SELECT count(*) FROM span_events WHERE name = 'workflow_run.created'") == 1


def test_answers_without_requests_are_calls_without_tokens(tmp_path: Path) -> None:
    """The API can be asked for some types of events only."""
    events = [event for event in simple().events if not event["type"].startswith("span.")]
    lens = read(write(tmp_path / "x", *events))
    assert names(lens) == ["invoke_agent Lead", " chat", " execute_tool bash", " execute_tool search", " execute_tool look", " chat"] or (
        count(lens, "chat"), count(lens, "execute_tool")) == (2, 3)  # fmt: skip
    assert counted(lens) == (0, 0, 0, 0, 0)
    assert "outside any model request" in one(lens, "SELECT known_missing::VARCHAR FROM sources")


def test_requests_whose_start_is_missing_still_count(tmp_path: Path) -> None:
    events = [event for event in simple().events if event["type"] != "span.model_request_start"]
    lens = read(write(tmp_path / "x", *events))
    assert counted(lens) == (2 * 112, 10, 200, 20, 0)
    assert rows(lens, "SELECT start_time FROM spans WHERE operation_name = 'chat'") == [(None,), (None,)]
    outputs = "SELECT count(*) FROM span_messages JOIN spans USING (trace_id, span_id) WHERE direction = 'output' AND operation_name = 'chat'"
    assert one(lens, outputs) == 4


# --- people -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "status", "why"), [("allow", "OK", None), ("deny", "ERROR", "denied by the user")])
def test_asking_for_permission_is_a_wait_below_the_tool(
    verdict: str, status: str, why: str | None, tmp_path: Path
) -> None:
    log = Log()
    log.ask("go")
    (asked,) = log.call(tool("bash", evaluated_permission="ask"))
    log.idle("requires_action")
    log.add("user.tool_confirmation", tool_use_id=asked, result=verdict, **({"deny_message": "no!"} if why else {}))
    log.add("agent.tool_result", tool_use_id=asked, content=text("x"), is_error=verdict == "deny")
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    assert names(lens)[-2:] == [" execute_tool bash", "  wait for permission"]
    query = "SELECT status_code, status_message, error_type, is_control_flow FROM spans WHERE tool_name = 'bash'"
    assert rows(lens, query) == [(status, "no!" if why else None, why, why is not None)]
    wait = "SELECT epoch(end_time - start_time), status_code FROM spans WHERE name = 'wait for permission'"
    assert rows(lens, wait) == [(3, "OK")]
    assert one(lens, "SELECT count(*) FROM detect_approval_skipped()") == 0


def test_a_call_refused_by_the_policy_is_an_error_and_no_choice_of_a_person(tmp_path: Path) -> None:
    log = Log()
    log.call(tool("bash", evaluated_permission="deny"))
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    query = "SELECT status_code, error_type, is_control_flow FROM spans WHERE tool_name = 'bash'"
    assert rows(lens, query) == [("ERROR", "refused by the permission policy", False)]


def test_an_interruption_is_control_flow_and_not_a_failure(tmp_path: Path) -> None:
    log = Log()
    log.ask("go")
    start = log.add("span.model_request_start")
    log.add("agent.tool_use", name="bash", input={})
    log.add("user.interrupt")
    log.add(
        "span.model_request_end",
        model_request_start_id=start,
        model_usage={"input_tokens": 7, "output_tokens": 1},
        is_error=True,
    )
    log.idle()
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    query = "SELECT DISTINCT status_code, error_type, is_control_flow FROM spans WHERE operation_name IN ('chat', 'execute_tool')"
    assert rows(lens, query) == [("ERROR", "interrupted by the user", True)]
    assert counted(lens, "input_tokens") == (7,)


def test_a_message_that_comes_during_a_request_is_shown_to_the_next(tmp_path: Path) -> None:
    log = Log()
    log.ask("go")
    log.call(("user.message", {"content": text("and hurry")}), message("ok"))
    log.call(message("done"))
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    query = """
        SELECT list(parts->>'$[0].content' ORDER BY position) FROM span_messages JOIN messages USING (message_hash)
        JOIN spans USING (trace_id, span_id) WHERE operation_name = 'chat' AND direction = 'input' GROUP BY span_id ORDER BY min(preorder)"""
    assert rows(lens, query) == [(["go"],), (["go", "ok", "and hurry"],)]


# --- failures ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize(("retry", "root"), [("retrying", "OK"), ("exhausted", "ERROR")])
def test_a_failed_request_says_why_and_only_a_last_failure_fails_the_run(
    order: str, retry: str, root: str, tmp_path: Path
) -> None:
    log = Log()
    log.ask("go")
    why = {"type": "model_overloaded_error", "message": "busy", "retry_status": {"type": retry}}
    failure = ("session.error", {"error": why})
    log.call(*([failure] if order == "before" else []), usage=(0, 0, 0, 0), is_error=True)
    if order == "after":
        log.add(failure[0], **failure[1])
    if retry == "retrying":
        log.call(message("ok"))
        log.idle()
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    query = "SELECT status_code, status_message, error_type FROM spans WHERE operation_name = 'chat' ORDER BY preorder"
    assert rows(lens, query)[0] == ("ERROR", "busy", "model_overloaded_error")
    assert rows(lens, "SELECT status_code FROM spans WHERE depth = 0") == [(root,)]


def test_what_never_ended_stays_unfinished(tmp_path: Path) -> None:
    log = Log()
    log.ask("go")
    log.add("span.model_request_start")
    log.add("agent.tool_use", name="bash", input={"a": 1})
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    query = "SELECT name, end_time, tool_call_arguments FROM spans WHERE depth > 0 ORDER BY preorder"
    assert rows(lens, query) == [("chat claude-sonnet-4-5", None, None), ("execute_tool bash", None, '{"a":1}')]


# --- totals -----------------------------------------------------------------------------------------------------------------


def test_a_total_of_the_session_is_reconciled_and_not_counted(tmp_path: Path) -> None:
    usage = {
        "input_tokens": 4,
        "output_tokens": 10,
        "cache_read_input_tokens": 200,
        "cache_creation": {"ephemeral_5m_input_tokens": 20},
    }
    calls = [*recorded(simple().events), ["client.beta.sessions.retrieve", {**SESSION, "usage": usage}]]
    lens = read(write(tmp_path / "x", *calls))
    assert counted(lens) == (2 * 112, 10, 200, 20, 0)
    query = "SELECT kind, measure, reported, ours, balances FROM reconciliation ORDER BY measure"
    assert rows(lens, query) == [
        ("session total", "cache_read_input_tokens", 200, 200, True), ("session total", "input_tokens", 224, 224, True),
        ("session total", "output_tokens", 10, 10, True),
    ]  # fmt: skip


def test_a_total_that_later_requests_have_passed_is_no_total(tmp_path: Path) -> None:
    log = simple()
    log.add("session.usage", usage={"input_tokens": 4, "output_tokens": 10, "cache_read_input_tokens": 200})
    log.call(message("more"))
    assert rows(read(write(tmp_path / "x", *recorded(log.events))), "FROM reconciliation") == []


@pytest.mark.parametrize("inside", [False, True])
def test_an_evaluation_counts_once_whether_or_not_its_requests_are_logged(inside: bool, tmp_path: Path) -> None:
    log = Log()
    log.add("user.define_outcome", description="a report", outcome_id="outc_1", rubric={"type": "text", "content": "r"})
    log.call(message("done"))
    start = log.add("span.outcome_evaluation_start", outcome_id="outc_1", iteration=0)
    if inside:
        log.call(usage=(7, 3, 0, 0))
    usage = {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    log.add(
        "span.outcome_evaluation_end", outcome_evaluation_start_id=start, result="satisfied", explanation="good", usage=usage, iteration=0
    )  # fmt: skip
    lens = read(write(tmp_path / "x", *recorded(log.events)))
    assert counted(lens, "input_tokens", "output_tokens") == (112 + 7, 5 + 3)
    query = "SELECT attributes->>'$.result', epoch(end_time - start_time) FROM spans WHERE name = 'evaluate outcome'"
    assert rows(lens, query) == [("satisfied", 3 if inside else 1)]


# --- files that grow, and files that are broken -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["lines", "recorded", "waiting"])
@pytest.mark.parametrize("share", [0.02, 0.55, 0.93])
def test_a_log_read_while_it_grows_gives_what_it_gives_when_read_at_the_end(
    form: str, share: float, tmp_path: Path
) -> None:
    log = Log()
    for _ in range(20):
        simple(log)
        log.add("session.error", error={"type": "t", "message": "m", "retry_status": {"type": "retrying"}})
    events = log.events
    if form == "waiting":  # queued, and processed 100 events later
        ask = {"id": "sevt_q", "type": "user.message", "content": text("then?")}
        events = [
            *events[:150],
            {**ask, "processed_at": None},
            *events[150:250],
            {**ask, "processed_at": events[249]["processed_at"]},
            *events[250:],
        ]
    data = "".join(json.dumps(line) + "\n" for line in (events if form == "lines" else recorded(events))).encode()
    path, case = tmp_path / "log", tmp_path / "case.duckdb"
    path.write_bytes(data[: int(len(data) * share)])  # torn in the middle of a line
    al.read(path, into=case, progress=False).close()
    path.write_bytes(data)
    grown, whole = al.read(path, into=case, progress=False), read(path)
    happened = "SELECT span_id, event_index, name, attributes FROM span_events ORDER BY ALL"
    for query in (SPANS, SHOWN, happened):
        assert rows(grown, query) == rows(whole, query)
    assert account(grown) == account(whole)


def test_strange_values_and_torn_files_never_raise_and_are_accounted_for(tmp_path: Path) -> None:
    choose = random.Random(7)
    lead, scout = team()
    log = simple()
    log.add("session.error", error={"type": "x", "message": "y", "retry_status": {"type": "terminal"}})
    log.add("span.outcome_evaluation_end", usage={"input_tokens": 1}, outcome_evaluation_start_id="o")
    forms = [recorded(log.events), [*lead, *scout], [{"data": lead, "next_page": None}]]
    for number in range(150):
        changed = twisted(forms[number % 3], choose)
        write(tmp_path / f"{number}.jsonl", *(changed if isinstance(changed, list) else [changed]))
    text_ = json.dumps({"data": lead}, indent=1)
    for number, end in enumerate(range(0, len(text_), len(text_) // 20)):
        (tmp_path / f"torn{number}.json").write_text(text_[:end])
    lens = al.read(tmp_path, format="managed_agents", progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped
    assert_nothing_dangles(lens)


def test_a_line_that_is_no_event_is_rejected_with_its_text(tmp_path: Path) -> None:
    path = write(tmp_path / "x", *simple().events[:3], {"no": "type"}, ["client.beta.sessions.delete", None], "text")
    path.write_text(path.read_text() + '{"torn')
    lens = read(path)
    assert_accounts_balance(lens, rejected=4)
    assert rows(lens, "SELECT raw FROM rejects ORDER BY source_offset") == [
        ('{"no": "type"}',),
        ("null",),
        ('"text"',),
        ('{"torn',),
    ]


def test_pieces_within_pieces_end_somewhere(tmp_path: Path) -> None:
    path = write(tmp_path / "x", *simple().events)
    path.write_text(path.read_text() + "[" * 900 + "]" * 900 + "\n" + "[" * 20_000 + "\n")
    assert_accounts_balance(read(path), rejected=2)
