"""`context_strata`: what stood in each window, what became of it, where it came from, and what was lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from context_windows import INPUT, SUMMARY, SYSTEM, Said, Window, insert_calls, order_of, tell_fates
from hypothesis import given, settings
from hypothesis import strategies as st
from lens_builder import agent, call, hex_id, read_steps, tool

from agentlens._catalog import install_library, install_schema

TABLES = ("spans", "messages", "message_lists", "span_message_ranges")
WORDS = st.lists(
    st.sampled_from(["alpha", "beta", "gamma", "delta", "eps", "zeta", "eta", "theta", "12", "EUR49"]),
    min_size=1,
    max_size=6,
)
ROLES = st.sampled_from(["user", "assistant", "tool"])


@pytest.fixture(scope="module")
def con() -> duckdb.DuckDBPyConnection:
    made = duckdb.connect()
    install_schema(made)
    install_library(made)
    return made


def fill(con: duckdb.DuckDBPyConnection, windows: list[Window], replies: list[str]) -> None:
    for table in TABLES:
        con.execute(f"DELETE FROM {table}")
    insert_calls(con, windows, replies)


def strata(con: duckdb.DuckDBPyConnection, **arguments: str) -> list[dict[str, Any]]:
    given = ", ".join(f"{name} := '{value}'" for name, value in arguments.items())
    found = con.execute(f"FROM context_strata({given}) ORDER BY call_index, place")
    names = [column[0] for column in found.description]
    return [dict(zip(names, row)) for row in found.fetchall()]


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Window], list[str]]:
    """A conversation whose window grows, loses messages anywhere, has some rewritten, and is now and then summed up."""
    window: Window = [Said(SYSTEM, "system", "be " + " ".join(draw(WORDS)))]
    windows, replies = [], []
    for _ in range(draw(st.integers(1, 5))):
        for _ in range(draw(st.integers(0, 4))):
            window = [*window, Said(INPUT, draw(ROLES), " ".join(draw(WORDS)))]
        windows.append(window)
        replies.append(
            draw(st.sampled_from(["short", "a reply that is long enough to be known again " + " ".join(draw(WORDS))]))
        )
        window = draw(next_windows(window, replies[-1]))
    return windows, replies


@st.composite
def next_windows(draw: st.DrawFn, window: Window, reply: str) -> Window:
    how = draw(st.sampled_from(["append", "append", "drop", "rewrite", "compact", "system"]))
    inputs = [said for said in window if said.direction == INPUT]
    rest = [said for said in window if said.direction == SYSTEM]
    if how == "system":
        return [Said(SYSTEM, "system", "be " + " ".join(draw(WORDS))), *inputs]
    if not inputs or how == "append":
        return window
    if how == "compact":
        kept = inputs[draw(st.integers(0, len(inputs))) :]
        return [
            *rest,
            Said(INPUT, "user", draw(st.sampled_from([SUMMARY, f"so far: {reply} "])) + " ".join(draw(WORDS))),
            *kept,
        ]
    place = draw(st.integers(0, len(inputs) - 1))
    if how == "drop":
        return [*rest, *inputs[:place], *inputs[draw(st.integers(place + 1, len(inputs))) :]]
    old = inputs[place]
    return [*rest, *inputs[:place], Said(INPUT, old.role, f"{old.text} {' '.join(draw(WORDS))}"), *inputs[place + 1 :]]


@settings(max_examples=12)
@given(told=conversations())
def test_every_message_has_the_fate_that_a_plain_comparison_finds(
    con: duckdb.DuckDBPyConnection, told: tuple[list[Window], list[str]]
) -> None:
    windows, replies = told
    fill(con, windows, replies)
    found = [
        (
            row["call_index"], row["direction"], row["position"], row["message_hash"], row["change"],
            row["before_hash"] or row["summary_hash"],
        )
        for row in strata(con)
    ]  # fmt: skip
    assert sorted(found, key=repr) == tell_fates(windows, replies)


@settings(max_examples=10)
@given(told=conversations())
def test_windows_grow_and_shrink_by_the_messages_that_only_one_of_two_holds(
    con: duckdb.DuckDBPyConnection, told: tuple[list[Window], list[str]]
) -> None:
    windows, replies = told
    fill(con, windows, replies)
    expected, before = [], dict[str, int]()
    for window in windows:
        now = {said.hash: len(said.parts.encode()) for said in window}
        gone = before.keys() - now.keys()
        size = sum(now[said.hash] for said in window)
        expected.append(
            (len(window), size, len(now.keys() - before.keys()), len(gone), sum(before[said] for said in gone))
        )
        before = now
    columns = "messages, message_bytes, messages_added, messages_dropped, bytes_dropped"
    assert con.execute(f"SELECT {columns} FROM context_growth ORDER BY call_number").fetchall() == expected


@settings(max_examples=10)
@given(told=conversations())
def test_a_window_reads_in_its_own_order_and_asking_for_one_agent_changes_nothing(
    con: duckdb.DuckDBPyConnection, told: tuple[list[Window], list[str]]
) -> None:
    windows, replies = told
    fill(con, windows, replies)
    rows = strata(con)
    assert strata(con, agent="scout", conversation="c") == rows
    for number, window in enumerate(windows):
        mine = [row for row in rows if row["call_index"] == number + 1]
        assert [row["place"] for row in mine] == list(range(len(mine)))
        present = [(direction, position) for direction, stands, position in order_of(mine) if stands]
        systems = sum(said.direction == SYSTEM for said in window)
        assert present == [(SYSTEM, n) for n in range(systems)] + [(INPUT, n) for n in range(len(window) - systems)]


def test_a_dropped_message_stands_where_it_stood(con: duckdb.DuckDBPyConnection) -> None:
    one, two, three = (Said(INPUT, "user", text) for text in ("one", "two", "three"))
    fill(con, [[one, two, three], [one, three]], ["", ""])
    rows = [row for row in strata(con) if row["call_index"] == 2]
    assert [(row["change"], row["message_hash"]) for row in rows] == [
        ("same", one.hash),
        ("dropped", two.hash),
        ("same", three.hash),
    ]


def test_a_message_is_rewritten_by_one_of_its_own_role_whatever_went_with_it(con: duckdb.DuckDBPyConnection) -> None:
    start, reply = Said(INPUT, "user", "start"), Said(INPUT, "assistant", "yes, of course")
    old, new = Said(INPUT, "user", "the price is EUR 49"), Said(INPUT, "user", "the price is EUR 59")
    fill(con, [[start, reply, old], [start, new]], ["", ""])
    rows = [(row["change"], row["before_hash"]) for row in strata(con) if row["call_index"] == 2]
    assert rows == [("same", None), ("dropped", None), ("rewritten", old.hash)]


def test_a_cleared_tool_result_is_rewritten_because_it_answers_the_same_call(tmp_path: Path) -> None:
    def window(result: str) -> list[dict[str, Any]]:
        ask = {"type": "tool_call", "id": "k1", "name": "read", "arguments": {"path": "a.md"}}
        return [
            {"role": "user", "parts": [{"type": "text", "content": "Read it."}]},
            {"role": "assistant", "parts": [ask]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "k1", "response": result}]},
        ]

    lens = read_steps(
        tmp_path,
        [
            call("one", None, 0, agent="scout", inputs=window("the price is EUR 49 until 1 May 2026")),
            call("two", None, 2, agent="scout", inputs=window("[cleared]")),
        ],
    )
    rows = lens.sql(
        "SELECT role, change, before_hash IS NOT NULL FROM context_strata() WHERE call_index = 2 ORDER BY place"
    ).fetchall()
    assert rows == [("user", "same", False), ("assistant", "same", False), ("tool", "rewritten", True)]
    lost = lens.sql("SELECT value FROM context_lost_values() ORDER BY value").fetchall()
    assert lost == [("1 May 2026",), ("EUR 49",)]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Boss asks a tool, briefs a helper, and is summed up; the helper keeps a memory file in its instructions."""
    memory = "Never name Norrland Freight before the case study is signed."
    brief = "Write the launch mail with the facts of this packet, please."

    def text(role: str, content: str) -> dict[str, Any]:
        return {"role": role, "parts": [{"type": "text", "content": content}]}

    ask = {"role": "assistant", "parts": [{"type": "tool_call", "id": "k1", "name": "read_packet", "arguments": {}}]}
    told = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "k1", "response": "Enterprise EUR 49"}]}
    begin = [text("user", "Launch it."), ask, told]
    summary = text("user", "Summary of the conversation so far: the launch goes on.")
    steps = [
        agent("boss", None, 0, 100, conversation="c"),
        call("boss 1", "boss", 1, agent="boss", inputs=begin[:1], outputs=[ask]),
        tool("read_packet", "boss", 2, agent="boss", gen_ai__tool__call__id="k1"),
        call("boss 2", "boss", 3, agent="boss", inputs=begin),
        call("boss 3", "boss", 40, agent="boss", inputs=[summary]),
        tool("dispatch", "boss", 5, 30, agent="boss", arguments={"task": brief}),
        agent("helper", "dispatch", 6, 29),
        call(
            "helper 1",
            "helper",
            7,
            agent="helper",
            inputs=[text("system", f"You help.\n{memory}"), text("user", f"BRIEF\n{brief}")],
        ),
        agent("helper#2", "dispatch", 20, 29),
        call("helper 2", "helper#2", 21, agent="helper", inputs=[text("user", "Begin anew.")]),
    ]
    folder = tmp_path_factory.mktemp("story")
    return read_steps(folder, steps, **{"MEMORY.md": f"# Memory of helper\n\n## Rules\n\n{memory}\n"})


def origins(lens: Any, who: str) -> list[tuple[Any, ...]]:
    query = """
        SELECT call_index, role, change, origin, origin_agent_name, origin_name, origin_span_id
        FROM context_strata(agent := $agent, conversation := 'c') ORDER BY call_index, place
    """
    return lens.sql(query, agent=who).fetchall()  # type: ignore[no-any-return]


def test_every_message_says_who_put_it_there(story: Any) -> None:
    tool_span, first_call = hex_id("run/read_packet"), hex_id("run/boss 1")
    rows = [
        (role, origin, name, span) for n, role, _change, origin, _agent, name, span in origins(story, "boss") if n == 2
    ]
    assert rows == [
        ("user", "user", None, None),
        ("assistant", "assistant", None, first_call),
        ("tool", "tool", "read_packet", tool_span),
    ]


def test_a_summary_is_known_and_what_it_replaced_says_so(story: Any) -> None:
    rows = [(change, origin) for n, _role, change, origin, *_ in origins(story, "boss") if n == 3]
    assert rows == [("compacted", "user"), ("compacted", "assistant"), ("compacted", "tool"), ("added", "summary")]
    values = story.sql("SELECT value FROM context_lost_values(agent := 'boss', conversation := 'c')").fetchall()
    assert ("Enterprise EUR 49",) in values


def test_a_brief_leads_to_the_agent_that_wrote_it_and_a_memory_to_its_file(story: Any) -> None:
    rows = origins(story, "helper")
    assert rows[0][3] == "memory" and rows[0][5].endswith("MEMORY.md")
    assert rows[1][3:5] == ("agent", "boss") and rows[1][6] == hex_id("run/dispatch")


def test_runs_that_another_agent_began_are_not_compared_with_each_other(story: Any) -> None:
    assert {change for _n, _role, change, *_ in origins(story, "helper")} == {"added"}


def test_values_are_whole_and_keys_of_objects_are_none(con: duckdb.DuckDBPyConnection) -> None:
    said = json.dumps(
        {
            "file_path": "docs/a.md",
            "price": "EUR 1,250.50 plus 19 %",
            "who": "Norrland Freight",
            "n": 7,
            "id": "W14-ARES",
        }
    )
    (values,) = con.execute("SELECT _values_of($said)", {"said": said}).fetchone() or ([],)
    assert values == ["docs/a.md", "EUR 1,250.50", "19 %", "Norrland Freight", "W14-ARES"]


@pytest.mark.parametrize(
    ("said", "is_summary"),
    [
        ("Summary of the conversation so far: all is well", True),
        ("This session is being continued from a previous conversation that ran out of context.", True),
        ("# Conversation summary\n\nWe did it.", True),
        ("Another language model started to solve this problem and produced a summary", True),
        ("Give me a summary of the report", False),
        ("The summary page is broken", False),
        ("A summary judgment was entered", False),
    ],
)
def test_a_summary_says_that_it_is_one(con: duckdb.DuckDBPyConnection, said: str, is_summary: bool) -> None:
    assert con.execute("SELECT _says_summary($said)", {"said": said}).fetchone() == (is_summary,)
