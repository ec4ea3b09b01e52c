"""What agents may do and to whom they may give work: each rule fires on a breach, and leaves healthy logs of the same shape alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector_runs import found, in_traces
from lens_builder import Step, agent, call, read_steps, tool

from agentlens import Lens

Record = dict[str, Any]


def in_lines(folder: Path, *records: Record, agents: Any = None, **more: Any) -> Lens:
    """The lens of home-grown lines, a minute apart, beside a manifest."""
    lines = [json.dumps({"timestamp": f"2026-01-01T10:{n:02d}:00Z", **each}) for n, each in enumerate(records)]
    files = {"log.jsonl": "\n".join(lines)}
    if agents is not None:
        files["agents.json"] = json.dumps({"agents": agents, **more})
    return read_steps(folder, [], **files)


def called(tool: str, result: str = "ok", **arguments: Any) -> Record:
    return {"event": "tool_call", "agent": "ann", "tool": tool, "args": arguments, "result": result}


# --- undeclared_tool --------------------------------------------------------------------------------------------------


def test_an_action_that_no_field_calls_a_tool_is_no_proof_of_an_undeclared_tool(tmp_path: Path) -> None:
    agents = [{"name": "ann", "tools": ["search", "save"]}, {"name": "bob", "tools": ["pay"]}]

    def did(*actions: str) -> list[Record]:
        return [{"agent": "ann", "action": action, "input": "x", "output": "y"} for action in actions]

    lens = in_lines(tmp_path / "actions", *did("search", "summarise", "pay"), agents=agents)
    assert found(lens, "undeclared_tool", "tier, summary[:15]") == [("candidate", "ann called pay ")]
    by_name = [{**each, "input": {"q": "x"}} for each in did("search", "drop_table")]
    lens = in_lines(tmp_path / "arguments", *by_name, agents=agents)
    assert found(lens, "undeclared_tool", "tier, summary[:19]") == [("candidate", "ann called drop_tab")]
    lens = in_lines(tmp_path / "tools", called("search"), called("summarise"), agents=agents)
    assert found(lens, "undeclared_tool", "tier, summary[:14]") == [("proven", "ann called sum")]


def test_a_tool_that_no_model_call_was_offered_is_undeclared(tmp_path: Path) -> None:
    def run(name: str, *offers: Any, used: str = "drop_cache") -> list[Step]:
        offered = [{"gen_ai__tool__definitions": json.dumps(each)} if each else {} for each in offers]
        calls = [call(f"{name}-{n}", name, n, agent=name, **each) for n, each in enumerate(offered)]
        return [agent(name), *calls, tool("search#1", name, 8, agent=name), tool(f"{used}#2", name, 9, agent=name)]

    tools = [{"type": "function", "name": "search"}, {"type": "function", "function": {"name": "fetch"}}]
    cases = [
        run("ann", tools, tools), run("bob", tools, None), run("cyd", tools, [*tools, {"type": "web_search"}]),
        run("dan", tools, [{"name": "drop_cache"}]), run("eve", tools, used="fetch"), run("fay", tools, used="transfer_to_ann"),
    ]  # fmt: skip
    lens = read_steps(tmp_path, in_traces(cases))
    assert found(lens, "undeclared_tool", "agent_name, tier") == [("ann", "candidate")]


# --- approval_skipped -------------------------------------------------------------------------------------------------


def test_what_was_denied_and_is_done_all_the_same_skips_the_approval(tmp_path: Path) -> None:
    def asked(result: str, action: str = "drop_table", **more: Any) -> Record:
        return called("request_approval", result, action=action, **more)

    dropped = called("drop_table", table="orders")
    breaches = {
        "json": [asked('{"approved": false, "by": "owner"}'), dropped],
        "words": [asked("denied: not before the audit", action="drop table orders"), dropped],
        "one word": [asked("rejected", action="pay", amount=400), called("pay", amount=400)],
    }
    for name, records in breaches.items():
        assert found(in_lines(tmp_path / name, *records), "approval_skipped") == [("ann", "event", "critical")], name
    healthy = {
        "asked again": [asked("denied"), asked("approved by owner"), dropped],
        "instead": [
            asked("denied", action="delete price list", why="old price list"),
            called("compress_price_list", what="old price list"),
        ],
        "another": [asked("denied"), called("list_tables"), called("export_table", table="orders")],
        "failed": [asked("denied"), called("drop_table", "denied by policy", table="orders")],
        "granted": [asked("Approved, go ahead"), dropped],
        "smaller": [asked("rejected", action="pay", amount=400), called("pay", amount=90)],
        "a word of prose": [
            asked("denied", action="search shows that table orders is unused: drop it"),
            called("search"),
        ],
        "before": [dropped, asked("denied")],
    }
    for name, records in healthy.items():
        assert found(in_lines(tmp_path / name, *records), "approval_skipped", "summary") == [], name


def test_an_approval_may_be_asked_for_in_other_tongues_and_stand_at_the_call(tmp_path: Path) -> None:
    def switched(name: str, *before: Step, **more: str) -> list[Step]:
        return [agent(name), *before, tool("schalten", name, 3, agent=name, approval__required="T3", **more)]

    answer = {"arguments": {"tool": "schalten"}, "result": '{"approved": true, "tier": "T3"}'}
    runs = [
        switched("ann", tool("freigabe_anfragen", "ann", 1, agent="ann", **answer)),
        switched("bob"),
        switched("cyd", approval__given="T3"),
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "approval_skipped", "agent_name") == [("bob",)]


def test_a_switch_that_skips_the_approval_that_the_tool_asked_for_skips_the_approval(tmp_path: Path) -> None:
    def runs(number: int, then: dict[str, Any], result: str = "sent", word: str | None = None) -> list[Step]:
        first = [{"role": "user", "parts": [{"type": "text", "content": "Send it"}]}]
        more = [*first, {"role": "user", "parts": [{"type": "text", "content": word}]}] if word else first
        given = {"to": "board", "text": f"report {number}"}
        needs = '{"status": "approval_required", "approver": "lead"}'
        return [
            agent("ann"), call("ask", "ann", 1, agent="ann", inputs=first), tool("notify#1", "ann", 2, agent="ann", arguments=given, result=needs),
            call("again", "ann", 3, agent="ann", inputs=more), tool("notify#2", "ann", 4, agent="ann", arguments={**given, **then}, result=result),
        ]  # fmt: skip

    skip = {"skip_approval": True}
    cases = [
        runs(1, skip), runs(2, {"force": True}, "sent without approval"),
        runs(3, {"approval_id": "A-4"}), runs(4, {}), runs(5, skip, "This still requires approval"), runs(6, skip, word="Do it all the same"),
        runs(7, {**skip, "text": "another"}), runs(8, {"skip_approval": False}),
    ]  # fmt: skip
    lens = read_steps(tmp_path, in_traces(cases))
    assert found(lens, "approval_skipped", "trace_id[-1:], agent_name, tier") == [("1", "ann", "event"), ("2", "ann", "event")]  # fmt: skip


def test_an_answer_that_says_approved_false_approves_nothing(tmp_path: Path) -> None:
    agents = [{"name": "ann", "tools": ["pay", "request_approval"], "requires_approval": ["pay"]}]
    for answer, expected in (('{"approved": false}', 1), ('{"approved": true, "dry_run": false}', 0)):
        records = [called("request_approval", answer, action="pay"), called("pay", amount=4)]
        lens = in_lines(tmp_path / str(expected), *records, agents=agents)
        assert len(found(lens, "approval_skipped")) == expected, answer


# --- off_matrix_delegation --------------------------------------------------------------------------------------------

CREW = [{"name": name, "role": "crew"} for name in ("lead", "ann", "bob", "pay")]
MATRIX = [{"from": "lead", "to": ["ann", "bob"]}, {"from": "ann", "to": "bob"}]


def said(sender: str, recipient: str, text: Any) -> Record:
    return {"from": sender, "to": recipient, "payload": text}


def test_an_order_by_message_to_one_whom_the_matrix_does_not_give_is_off_the_matrix(tmp_path: Path) -> None:
    for name, text in {"order": "Please pay 400 EUR to Ulm", "task": {"type": "task", "task": "pay 400 EUR"}}.items():
        lens = in_lines(
            tmp_path / name, said("ann", "pay", text), said("pay", "ann", "done"), agents=CREW, delegations=MATRIX
        )
        assert found(lens, "off_matrix_delegation") == [("ann", "candidate", "warning")], name
    own = [
        {"name": "ann", "role": "crew", "can_delegate_to": ["bob"]},
        *(each for each in CREW if each["name"] != "ann"),
    ]
    lens = in_lines(
        tmp_path / "own list", said("ann", "pay", "Please pay 400 EUR"), said("pay", "ann", "done"), agents=own
    )
    assert found(lens, "off_matrix_delegation") == [("ann", "candidate", "warning")]
    back = said("pay", "ann", "4 %")
    healthy = {
        "question": [said("ann", "pay", "What is the rate?"), back],
        "asks for words": [said("ann", "pay", "Please send me the rate."), back],
        "tells": [said("ann", "pay", "Please note that the rate is 4 %"), back],
        "nobody took it up": [said("ann", "pay", "Please pay 400 EUR")],
        "in the matrix": [said("ann", "bob", "Please check it"), said("bob", "ann", "checked")],
        "handed back": [said("bob", "ann", "Please check it"), said("ann", "bob", "checked")],
        "not in the matrix": [said("pay", "lead", "Please check it"), said("lead", "pay", "checked")],
        "a stranger": [said("ann", "Mr Ott", "Please check it"), said("Mr Ott", "ann", "checked")],
    }  # fmt: skip
    for name, records in healthy.items():
        lens = in_lines(tmp_path / name, *records, agents=CREW, delegations=MATRIX)
        assert found(lens, "off_matrix_delegation", "summary") == [], name
