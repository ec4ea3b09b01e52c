"""Detectors on what frameworks make of a run: the same work must be judged alike, however its log writes it down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector_runs import found
from lens_builder import ERROR, Step, agent, call, read_steps, said, tool
from test_langsmith_agents import Run, read, records

import agentlens as al


def in_lines(folder: Path, *rows: dict[str, Any]) -> al.Lens:
    """Home-grown records a second apart."""
    folder.mkdir(parents=True, exist_ok=True)
    steps = [{"ts": f"2026-05-01T10:00:{n:02}Z", "agent": "lead", "trace_id": "t"} | row for n, row in enumerate(rows)]
    (folder / "log.jsonl").write_text("".join(json.dumps(step) + "\n" for step in steps))
    return al.read(folder, progress=False)


# --- home-grown lines -------------------------------------------------------------------------------------------------


def test_a_run_that_is_told_what_to_do_in_words_is_a_run_and_no_tool(tmp_path: Path) -> None:
    team = "agents:\n  - id: lead\n    model: m\n    tools: [search]\n"
    run = {"event": "run", "span_id": "r", "input": "Find the hall.", "output": "It is hall 3."}
    search = {"event": "tool_call", "tool": "search", "args": {"q": "hall"}, "result": "hall 3", "parent_id": "r"}
    shell = {"event": "run", "input": {"command": "ls"}, "output": "a b"}
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "team.yaml").write_text(team)
    lens = in_lines(tmp_path / "x", run, search)
    assert lens.sql("SELECT operation_name FROM spans ORDER BY start_time").fetchall() == [
        ("invoke_agent",),
        ("execute_tool",),
    ]
    assert found(lens, "undeclared_tool") == []
    assert in_lines(tmp_path / "y", shell).sql("SELECT tool_name FROM spans").fetchall() == [("run",)]


def test_arguments_in_plain_words_stop_no_detector(tmp_path: Path) -> None:
    same = [
        tool(f"store#{n}", "lead", n, result="no changes made", arguments={"path": "a", "text": f"draft {n}"})
        for n in range(5)
    ]
    words = tool("ask", "lead", 9, result="yes", arguments="Is it there?")
    lens = read_steps(tmp_path, [agent("lead"), *same, words])
    assert found(lens, "no_op_storm") == [("lead", "proven", "warning")]


def test_a_version_at_the_end_of_a_packets_name_is_its_version(tmp_path: Path) -> None:
    def uses(*packets: str) -> list[dict[str, Any]]:
        return [
            {"event": "tool_call", "tool": tool, "agent": who, "args": {"packet": each}, "result": "ok"}
            for each in packets
            for who, tool in ([("lead", "publish")] if each in packets[:2] else [("ann", "quote")])
        ]

    stale = in_lines(tmp_path / "stale", *uses("prices v1", "prices v3", "prices v2"))
    assert found(stale, "stale_packet", "agent_name, tier") == [("ann", "proven")]
    assert found(in_lines(tmp_path / "apart", *uses("prices v1", "prices v3", "rooms v2")), "stale_packet") == []


# --- LangSmith --------------------------------------------------------------------------------------------------------

PAIR: list[Run] = [
    (0, "lead", "chain", "lead"), (1, "ann", "chain", "ann"), (2, "llm", "llm", "ann"), (2, "save_file", "tool", "ann"),
    (1, "bob", "chain", "bob"), (2, "llm", "llm", "bob"), (2, "save_file", "tool", "bob"),
]  # fmt: skip


def test_arguments_as_python_writes_them_are_arguments(tmp_path: Path) -> None:
    rows = records(PAIR)
    for number, row in enumerate(row for row in rows if row["run_type"] == "tool"):
        given = {"path": "out/page.md", "content": f"version {number} of the page", "draft": None}
        row |= {"inputs": {"input": str(given)}, "outputs": {"output": "saved"}}
    lens = read(tmp_path, rows)
    [(arguments,)] = lens.sql(
        "SELECT DISTINCT json_keys(tool_call_arguments::JSON) FROM spans WHERE tool_name IS NOT NULL"
    ).fetchall()
    assert arguments == ["path", "content", "draft"]
    assert found(lens, "competing_writes", "tier") == [("proven",)]


def test_equal_answers_are_equal_whatever_the_id_of_the_call(tmp_path: Path) -> None:
    rows = records([(0, "lead", "chain", "lead"), *[(1, "look", "tool", "lead")] * 4])
    for number, row in enumerate(rows[1:]):
        message = {
            "content": "nothing matched your query",
            "type": "tool",
            "tool_call_id": f"c{number}",
            "status": "success",
        }
        row |= {"inputs": {"input": '{"q": "x"}'}, "outputs": {"output": message}, "end_time": row["start_time"]}
    lens = read(tmp_path, rows)
    assert found(lens, "tool_loop", "tier, severity") == [("proven", "warning")]


def test_a_failure_stored_without_its_traceback_pollutes(tmp_path: Path) -> None:
    message = "QuotaError('quota of the map server is used up')\n\nTraceback (most recent call last):\n  File x"

    def stored(text: str) -> list[Step]:
        return [
            agent("lead"), tool("map", "lead", 1, status=ERROR, message=message),
            tool("write_file", "lead", 3, result="ok", arguments={"path": "m.md", "content": text}),
            agent("ann", "lead", 5, 9), tool("read_file", "ann", 6, result=text, arguments={"path": "m.md"}),
        ]  # fmt: skip

    assert found(read_steps(tmp_path / "bad", stored("quota of the map server is used up")), "context_pollution") != []
    assert found(read_steps(tmp_path / "fine", stored("the map server")), "context_pollution") == []


# --- Gemini CLI, OpenLLMetry, ADK -------------------------------------------------------------------------------------


def test_gemini_tools_begin_when_they_are_asked_for_so_that_watching_is_seen(tmp_path: Path) -> None:
    def watch(seconds: int) -> al.Lens:
        times = [
            f"2026-05-01T{10 + n * seconds // 3600}:{n * seconds // 60 % 60:02}:{n * seconds % 60:02}" for n in range(9)
        ]
        answer = [{"functionResponse": {"response": {"output": "depth 0, consumers 2"}}}]
        asked = {"name": "queue_depth", "args": {"q": "mail"}, "status": "success", "result": answer}
        log = [
            {
                "id": f"a{n}", "timestamp": f"{at}.1Z", "type": "gemini", "content": "",
                "toolCalls": [asked | {"id": f"c{n}", "timestamp": f"{at}.9Z"}],
            }
            for n, at in enumerate(times)
        ]  # fmt: skip
        head = {"sessionId": f"s{seconds}", "projectHash": "p", "startTime": "2026-05-01T10:00:00Z", "kind": "main"}
        path = tmp_path / f"{seconds}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in [head, *log]))
        return al.read(path, progress=False)

    assert found(watch(120), "tool_loop") == []
    assert len(found(watch(3), "tool_loop")) == 1


def test_passing_the_conversation_on_is_no_repetition_of_a_call(tmp_path: Path) -> None:
    def passes(name: str) -> list[Step]:
        return [
            agent("lead"),
            *(tool(f"{name}#{n}", "lead", n, result="null", arguments={"agent_name": "critic"}) for n in range(4)),
        ]

    assert found(read_steps(tmp_path / "on", passes("transfer_to_agent")), "tool_loop") == []
    assert len(found(read_steps(tmp_path / "other", passes("look_up_agent")), "tool_loop")) == 1


# --- rules ------------------------------------------------------------------------------------------------------------


def test_where_calls_differ_widely_one_more_large_call_is_no_breach(tmp_path: Path) -> None:
    def spends(*tokens: int) -> list[Step]:
        return [
            call(f"c{n}", None, n, agent="lead", model="m", input_tokens=each, output_tokens=1)
            for n, each in enumerate(tokens)
        ]

    wide = spends(900, 4_000, 700, 6_000, 1_100, 5_200, 800, 7_500)
    assert found(read_steps(tmp_path / "wide", wide), "budget_breach") == []
    steady = spends(*[1_000] * 6, 7_500)
    assert found(read_steps(tmp_path / "steady", steady), "budget_breach", "severity") == [("info",)]


def test_who_says_that_something_may_not_be_sent_owns_up(tmp_path: Path) -> None:
    def desk(words: str) -> list[Step]:
        failed = tool(
            "send_raw", "lead", 1, status=ERROR, message="blocked by guardrail", arguments={"text": "the whole file"}
        )
        return [agent("lead"), failed, call("last", "lead", 9, agent="lead", gen_ai__output__messages=said(words))]

    assert (
        found(
            read_steps(tmp_path / "owns", desk("The file may not be sent, so I asked for a call.")), "swallowed_error"
        )
        == []
    )
    assert len(found(read_steps(tmp_path / "hides", desk("I asked for a call.")), "swallowed_error")) == 1


def test_a_tool_that_starts_the_agents_it_names_hands_over_also_where_none_starts(tmp_path: Path) -> None:
    def desk(lost: dict[str, str]) -> list[Step]:
        steps = [
            agent("lead", end=1_000),
            tool("enqueue#lost", "lead", 1, agent="lead", result="queued", arguments=lost),
        ]
        for n in range(8):
            at = 10 + 90 * n
            given = {"agent": "ann", "task": f"Count shelf {n}."}
            steps += [tool(f"enqueue#{n}", "lead", at, at + 80, agent="lead", result="14 pieces", arguments=given)]
            steps += [agent(f"ann#{n}", f"enqueue#{n}", at + 1, at + 79)]
        return steps

    lost = {"agent": "cyd", "task": "Count the cellar and report to me."}
    assert found(read_steps(tmp_path / "lost", desk(lost)), "lost_message", "agent_name, tier") == [
        ("cyd", "candidate")
    ]
    assert found(read_steps(tmp_path / "note", desk({"topic": "cellar"})), "lost_message") == []


def test_the_very_same_call_of_an_agent_that_took_over_mends_the_failure(tmp_path: Path) -> None:
    def desk(second: str) -> list[Step]:
        given = {"path": "lists/hall.csv"}
        return [
            agent("lead"),
            agent("ann", "lead", 1, 4, status=ERROR, message="timed out"),
            tool("load_list", "ann", 2, agent="ann", status=ERROR, message="timed out", arguments=given),
            agent("bob", "lead", 5, 9), tool("load_list#2", "bob", 6, agent="bob", result="hall 3", arguments={"path": second}),
            call("last", "lead", 90, agent="lead", gen_ai__output__messages=said("The list says hall 3.")),
        ]  # fmt: skip

    assert found(read_steps(tmp_path / "same", desk("lists/hall.csv")), "swallowed_error") == []
    assert len(found(read_steps(tmp_path / "other", desk("lists/barn.csv")), "swallowed_error")) == 1


def test_a_probe_that_finds_what_was_expected_is_told_in_the_words_of_its_failure(tmp_path: Path) -> None:
    probe = tool("probe", "lead", 1, status=ERROR, message="connection refused", arguments={"host": "old.example"})
    last = call(
        "last", "lead", 9, agent="lead", gen_ai__output__messages=said("Yes, the old host refuses connections.")
    )
    assert found(read_steps(tmp_path, [agent("lead"), probe, last]), "swallowed_error") == []


def test_the_record_of_a_run_that_lists_its_tools_declares_them(tmp_path: Path) -> None:
    run = agent("lead", tools=["search", "fetch_page"])
    run["attributes"] = [
        {
            "key": one["key"],
            "value": {"arrayValue": {"values": [{"stringValue": "search"}, {"stringValue": "fetch_page"}]}},
        }
        if one["key"] == "tools"
        else one
        for one in run["attributes"]
    ]
    steps = [run, tool("search", "lead", 1), tool("drop_table", "lead", 2), tool("fetch_page", "lead", 3)]
    lens = read_steps(tmp_path / "run", steps)
    assert found(lens, "undeclared_tool", "tier, summary[:26]") == [("proven", "lead called drop_table onc")]
    manifest = "agents:\n  - id: lead\n    tools: [search]\n"
    lens = read_steps(tmp_path / "manifest", steps, **{"team.yaml": manifest})
    assert len(found(lens, "undeclared_tool")) == 2
