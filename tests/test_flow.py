"""What depended on what: every kind of edge on a small run, and the traps around each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from lens_builder import Step, agent, call, hex_id, read_steps, tool

import agentlens as al
from agentlens import Lens
from agentlens._lineage import _step


def message(role: str, text: str) -> dict[str, Any]:
    """A message of one text part."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def asks(call_id: str, tool_name: str, **arguments: Any) -> dict[str, Any]:
    """A message in which a model asks for a tool."""
    return {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": call_id, "name": tool_name, "arguments": arguments}],
    }


def answers(call_id: str, text: str) -> dict[str, Any]:
    """A message that brings a tool's answer."""
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": text}]}


def edges(lens: Lens, kind: str, names: dict[str, str]) -> set[tuple[str, str, str]]:
    """Return the edges of a kind as (from, to, confidence), steps by their names in the test."""
    rows = lens.sql(
        "SELECT from_span_id, to_span_id, confidence FROM flow_edges WHERE kind = $kind", kind=kind
    ).fetchall()
    return {(names.get(a, a), names.get(b, b), confidence) for a, b, confidence in rows}


def names_of(*steps: str, trace: str = "run") -> dict[str, str]:
    """Return the names of steps by their span ids."""
    return {hex_id(f"{trace}/{name}"): name for name in steps}


ASK = message("user", "How many seats does Northwind use?")
LOOK = asks("call_1", "crm_lookup", account="Northwind", field="seats")
FOUND = answers("call_1", "Northwind uses 4,812 seats on 31 March.")
SAY = message("assistant", "Northwind uses 4,812 seats.")


def small_run() -> list[Step]:
    return [
        agent("desk", start=0, end=20),
        call("first", "desk", 1, agent="desk", inputs=[ASK], outputs=[LOOK]),
        tool("crm_lookup", "desk", 2, arguments={"field": "seats", "account": "Northwind"},
             result="Northwind uses 4,812 seats on 31 March.", gen_ai__tool__call__id="call_1"),
        call("second", "desk", 3, agent="desk", inputs=[ASK, LOOK, FOUND], outputs=[SAY]),
        call("third", "desk", 4, agent="desk", inputs=[ASK, LOOK, FOUND, SAY], outputs=[message("assistant", "Bye.")]),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def run(folder: Path) -> Lens:
    return read_steps(folder, small_run())


SMALL_NAMES = names_of("desk", "first", "crm_lookup", "second", "third")


def test_a_message_is_carried_from_the_step_that_made_it_to_the_first_call_of_a_window_that_held_it(run: Lens) -> None:
    assert edges(run, "carried", SMALL_NAMES) == {
        ("first", "crm_lookup", "certain"),
        ("first", "second", "certain"),
        ("crm_lookup", "second", "certain"),
        ("second", "third", "certain"),
    }


def test_a_step_hangs_on_the_step_above_it(run: Lens) -> None:
    assert edges(run, "parent", SMALL_NAMES) == {
        ("desk", name, "certain") for name in ("first", "crm_lookup", "second", "third")
    }


def test_both_ends_of_an_edge_are_proved_by_bytes_of_the_log(run: Lens, folder: Path) -> None:
    data = (folder / "spans.jsonl").read_bytes()
    for pieces in run.sql("SELECT evidence FROM flow_edges").fetchall():
        for piece in pieces[0]:
            record = json.loads(data[piece["source_offset"] : piece["source_offset"] + piece["source_length"]])
            assert record["spanId"] == piece["span_id"]


def test_a_tool_result_that_differs_from_what_the_model_was_shown_is_not_carried(tmp_path: Path) -> None:
    steps = small_run()
    for attribute in steps[2]["attributes"]:
        if attribute["key"] == "gen_ai.tool.call.result":
            attribute["value"] = {"stringValue": "Northwind uses 4,813 seats on 31 March."}
    lens = read_steps(tmp_path, steps)
    assert ("crm_lookup", "second", "certain") not in edges(lens, "carried", SMALL_NAMES)


def test_the_same_short_words_in_two_traces_are_not_one_message(tmp_path: Path) -> None:
    ok = message("assistant", "Done.")
    steps = [
        call("a", start=1, trace="one", agent="x", inputs=[ASK], outputs=[ok]),
        call("b", start=9, trace="two", agent="x", inputs=[ok], outputs=[SAY]),
    ]
    assert edges(read_steps(tmp_path, steps), "carried", {}) == set()


WRITES = [
    ("write_file", {"path": "./out//plan.md", "content": "x"}, "out/plan.md"),
    ("Write", {"file_path": "/w/plan.md", "content": "x"}, "/w/plan.md"),
    ("memory_store", {"key": "budget", "value": "9"}, "budget"),
    ("bash", {"command": "printf hi > out/plan.md 2>&1"}, "out/plan.md"),
    ("shell", {"command": ["bash", "-lc", "cat <<EOF > notes.txt\nhi\nEOF"]}, "notes.txt"),
    ("apply_patch", "*** Begin Patch\n*** Update File: src/a.py\n@@\n-x\n+y\n*** End Patch", "src/a.py"),
]


NOTHING = [
    ("bash", {"command": "ls -l | sort >/dev/null; echo 3 -> 4"}),
    ("grep", {"path": "src", "pattern": "x"}),
    ("write_file", {"path": ""}),
    ("write_file", "not json"),
    ("write_file", [1, 2]),
    ("get_weather", {"city": "Oslo"}),
]


@pytest.fixture(scope="module")
def touching(tmp_path_factory: pytest.TempPathFactory) -> Lens:
    """One trace a case."""
    cases = [*((name, arguments) for name, arguments, _ in WRITES), *NOTHING]
    steps = [tool(name, "", 1, trace=str(number), arguments=given) for number, (name, given) in enumerate(cases)]
    return read_steps(tmp_path_factory.mktemp("touching"), steps)


def touched(lens: Lens, case: int) -> list[tuple[str, str]]:
    query = "SELECT access, resource FROM resource_touches WHERE trace_id = $trace"
    return lens.sql(query, trace=hex_id(str(case), 32)).fetchall()


@pytest.mark.parametrize("case", range(len(WRITES)), ids=[name for name, _, _ in WRITES])
def test_what_a_tool_call_writes_is_known_by_its_arguments(touching: Lens, case: int) -> None:
    assert touched(touching, case) == [("write", WRITES[case][2])]


@pytest.mark.parametrize("case", range(len(NOTHING)))
def test_a_call_that_names_nothing_touches_nothing(touching: Lens, case: int) -> None:
    assert touched(touching, len(WRITES) + case) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"file_path": "reports/2026/quarter-four-revenue.md", "content": "46"}, "46"),
        ({"target": "notes/long/way/to/the/plan.md", "body": "go"}, "go"),
        ({"path": "a.md", "mode": "replace", "text": " the longest of them "}, "the longest of them"),
        ({"path": "a.md"}, None),
        ("46 euros", "46 euros"),
        (None, None),
    ],
)
def test_what_was_written_is_the_longest_argument_that_does_not_name_the_place(
    run: Lens, arguments: object, text: str | None
) -> None:
    given = arguments if isinstance(arguments, str) or arguments is None else json.dumps(arguments)
    assert run.sql("SELECT _written_text(given) FROM (SELECT $given::VARCHAR AS given)", given=given).fetchall() == [
        (text,)
    ]


def test_a_reading_depends_on_the_last_writing_before_it(tmp_path: Path) -> None:
    steps = [
        agent("a"),
        agent("b"),
        tool("write_file#1", "a", 1, arguments={"path": "p.md", "content": "1"}),
        tool("write_file#2", "a", 3, arguments={"path": "p.md", "content": "2"}),
        tool("write_file#failed", "a", 5, status=2, arguments={"path": "p.md", "content": "3"}),
        tool("read_file#early", "b", 2, arguments={"path": "p.md"}),
        tool("read_file#late", "b", 6, arguments={"path": "p.md"}),
        tool("read_file#other", "b", 7, arguments={"path": "pp.md"}),
        tool("write_file#3", "a", 8, arguments={"path": "p.md", "content": "4"}),
    ]
    names = names_of(*(each["name"] for each in steps))
    assert edges(read_steps(tmp_path, steps), "read_after_write", names) == {
        ("write_file#1", "read_file#early", "certain"),
        ("write_file#2", "read_file#late", "certain"),
    }


def test_what_is_kept_under_a_key_and_found_under_it_was_read_whatever_the_tools_are_called(tmp_path: Path) -> None:
    steps = [
        agent("a"),
        agent("b"),
        tool("depot", "a", 1, arguments={"slot": "shelf-7", "text": "Gate opens at low tide."}, result="ok"),
        tool("sesame", "b", 3, arguments={"slot": "shelf-7"}, result="shelf-7: Gate opens at low tide."),
        tool("oracle", "b", 5, arguments={"slot": "shelf-7"}, result="Nobody knows."),
        tool(
            "echo",
            "b",
            7,
            arguments={"slot": "shelf-7", "text": "Gate opens at low tide."},
            result="Gate opens at low tide.",
        ),
    ]
    names = names_of(*(each["name"] for each in steps))
    assert edges(read_steps(tmp_path, steps), "read_after_write", names) == {("depot", "sesame", "likely")}


CELLS = [
    ("lot-7731,40", {"lot-7731", "40"}),
    ("2026-04-13,17,ok", {"2026-04-13", "17"}),
    ("12,500 boxes", {"12,500"}),
    ("EUR12,500", {"EUR12,500"}),
    ("https://a.example/x,9", {"https://a.example/x,9"}),
]


@pytest.mark.parametrize(("text", "values"), CELLS)
def test_cells_of_a_table_are_values_of_their_own_and_grouped_digits_are_one(
    text: str, values: set[str], touching: Lens
) -> None:
    assert set(touching.sql("SELECT _tokens_in($text)", text=text).fetchall()[0][0]) == values


def test_a_memory_file_leads_from_one_trace_to_a_later_one_and_a_relative_path_only_possibly(tmp_path: Path) -> None:
    steps = [
        tool("write_file#memory", "", 1, trace="one", arguments={"path": "/m/MEMORY.md", "content": "1"}),
        tool("write_file#relative", "", 1, trace="one", arguments={"path": "README.md", "content": "1"}),
        tool("read_file#memory", "", 100, trace="two", arguments={"path": "/m/MEMORY.md"}),
        tool("read_file#relative", "", 100, trace="two", arguments={"path": "README.md"}),
    ]
    names = names_of("write_file#memory", "write_file#relative", trace="one") | names_of(
        "read_file#memory", "read_file#relative", trace="two"
    )
    assert edges(read_steps(tmp_path, steps), "read_after_write", names) == {
        ("write_file#memory", "read_file#memory", "likely"),
        ("write_file#relative", "read_file#relative", "possible"),
    }


def test_a_handoff_leads_to_the_run_it_began(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        tool("delegate", "lead", 1, 9, arguments={"agent": "scout", "task": "look"}),
        agent("scout", "delegate", 2, 8),
    ]
    assert edges(read_steps(tmp_path, steps), "handoff", names_of("delegate", "scout")) == {
        ("delegate", "scout", "certain")
    }


# --- values and runs of words ------------------------------------------------------------------------------------------

LEAD_ASK = message("user", "Prepare the pricing note for Northwind.")
BRIEF = "Check the seat count of account NW-7731 before Friday and keep the discount below nine percent for every tier."
CHILD_GIVEN = message("user", f"You are the scout. {BRIEF} Answer in one line.")
CHILD_LOOK = asks("call_9", "crm_lookup", account="NW-7731")
CHILD_FOUND = answers("call_9", '{"account": "NW-7731", "seats": 4812, "arr": "$48,213.77"}')
CHILD_SAYS = message("assistant", "Account NW-7731 brings $48,213.77 a year.")
LEAD_HEARS = answers("call_1", "Account NW-7731 brings $48,213.77 a year.")
LEAD_SAYS = message("assistant", "The note is ready: revenue is about 48.2k.")


def delegated_run() -> list[Step]:
    """A lead that briefs a scout, which looks a figure up and reports it; the lead rounds it."""
    ask = asks("call_1", "delegate", agent="scout", task=BRIEF)
    return [
        agent("lead", start=0, end=60),
        call("plan", "lead", 1, agent="lead", inputs=[LEAD_ASK], outputs=[ask]),
        tool("delegate", "lead", 2, 20, arguments={"agent": "scout", "task": BRIEF}, gen_ai__tool__call__id="call_1",
             result="Account NW-7731 brings $48,213.77 a year."),
        agent("scout", "delegate", 3, 19),
        call("look", "scout", 4, agent="scout", inputs=[CHILD_GIVEN], outputs=[CHILD_LOOK]),
        tool("crm_lookup", "scout", 6, arguments={"account": "NW-7731"}, gen_ai__tool__call__id="call_9",
             result='{"account": "NW-7731", "seats": 4812, "arr": "$48,213.77"}'),
        call("report", "scout", 8, agent="scout", inputs=[CHILD_GIVEN, CHILD_LOOK, CHILD_FOUND], outputs=[CHILD_SAYS]),
        call("answer", "lead", 30, agent="lead", inputs=[LEAD_ASK, ask, LEAD_HEARS], outputs=[LEAD_SAYS]),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Lens:
    return read_steps(tmp_path_factory.mktemp("team"), delegated_run())


TEAM_NAMES = names_of("lead", "plan", "delegate", "scout", "look", "crm_lookup", "report", "answer")


def way(lens: Lens, what: str) -> set[tuple[int, str, str | None, str | None]]:
    """Return the hops of `Lens.origin` as (hop, kind, from, to)."""
    rows = lens.origin(what).fetchall()
    return {(row[0], row[1], TEAM_NAMES.get(row[4]), TEAM_NAMES.get(row[5])) for row in rows}


def test_the_columns_of_lineage_are_the_contract(team: Lens) -> None:
    contract = [
        "hop",
        "kind",
        "confidence",
        "trace_id",
        "from_span_id",
        "to_span_id",
        "agent_name",
        "start_time",
        "evidence",
    ]
    assert team.origin("4812").columns == contract
    assert team.origin("a sentence").columns == contract
    assert team.origin(hex_id("run/answer")).columns == contract
    assert team.consumers(hex_id("run/answer")).columns == contract


def test_the_way_of_a_figure_leads_from_the_tool_to_whoever_rounded_it(team: Lens) -> None:
    assert way(team, "$48,213.77") == {
        (0, "first", None, "crm_lookup"),
        (1, "carried", "crm_lookup", "report"),
        (2, "carried", "report", "delegate"),
        (3, "carried", "delegate", "answer"),
        (3, "similar", "delegate", "answer"),
    }


def test_a_number_written_otherwise_is_similar_and_never_the_same(team: Lens) -> None:
    assert {row for row in way(team, "48.2k") if row[1] != "similar"} == set()
    assert (3, "similar", "delegate", "answer") in way(team, "48.2k")
    assert not {row for row in way(team, "48,213") if row[1] != "similar"}


def test_a_value_is_found_as_a_whole_token(team: Lens) -> None:
    assert way(team, "7731") == set()
    assert way(team, "NW-773") == set()
    assert way(team, "4812")
    assert way(team, "812") == set()


def test_a_sentence_is_found_across_the_escapes_of_json_and_line_ends(team: Lens) -> None:
    assert (0, "first", None, "plan") in way(team, "keep the  discount\nbelow nine percent")
    assert way(team, "eep the discount below") == set()
    assert way(team, "no such words") == set()


def test_a_brief_leads_from_the_call_that_handed_over_into_the_run(team: Lens) -> None:
    quoted = edges(team, "quoted", TEAM_NAMES)
    assert ("delegate", "look", "certain") in quoted
    assert edges(team, "carried", TEAM_NAMES) >= {("plan", "delegate", "certain"), ("report", "delegate", "certain")}


def test_what_used_a_tool_result_is_every_step_that_got_or_repeats_it(team: Lens) -> None:
    rows = team.consumers(hex_id("run/crm_lookup")).fetchall()
    assert {(row[0], TEAM_NAMES[row[5]]) for row in rows} >= {(1, "report"), (2, "delegate"), (3, "answer")}
    assert not {TEAM_NAMES[row[5]] for row in rows} & {"plan", "look"}


def test_what_an_answer_came_from_leads_back_to_the_tool(team: Lens) -> None:
    rows = team.origin(hex_id("run/answer")).fetchall()
    assert {(row[0], TEAM_NAMES[row[4]]) for row in rows} >= {(1, "delegate"), (2, "report")}


def test_lineage_is_worked_out_again_when_the_evidence_has_grown(tmp_path: Path) -> None:
    saved = tmp_path / "case.duckdb"
    read_steps(tmp_path / "logs", small_run()).close()
    with al.read(tmp_path / "logs", into=saved, progress=False) as lens:
        assert len(lens.origin("4,812").fetchall()) == 2
    later = [call("later", start=90, trace="other", agent="desk", outputs=[message("assistant", "It was 4,812.")])]
    read_steps(tmp_path / "more", later).close()
    with al.read(tmp_path / "more", into=saved, progress=False) as lens:
        assert len(lens.origin("4,812").fetchall()) == 3
        copy = lens.save(tmp_path / "copy.duckdb")
    with al.read(copy) as lens:
        assert lens.sql("SELECT count(*) FROM lens_properties WHERE name = 'flow_index'").fetchall() == [(1,)]
        assert len(lens.origin("4,812").fetchall()) == 3


# --- what was lost on handing over, and what was decided on what grounds --------------------------------------------------


def lossy_run() -> list[Step]:
    """The lead knows a ticket and a path; its brief leaves out the ticket; the helper looks both up; of two figures one is used."""
    looks = asks("c1", "search", query="open tickets")
    found = answers("c1", "The blocker is TICKET-88213, described in notes/migration_plan.md.")
    thinks = {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "Options:\n1. wait for the owner\n2. ask the helper\nI am 80% confident in the second."},
            {"type": "tool_call", "id": "c2", "name": "delegate",
             "arguments": {"agent": "helper", "task": "Read notes/migration_plan.md and report the row counts."}},
        ],
    }  # fmt: skip
    given = message("user", "Read notes/migration_plan.md and report the row counts.")
    back = answers("c2", "Rows: 918,233 in orders, 77,120 in users.")
    return [
        agent("lead", start=0, end=90, trace="lossy"),
        call("l1", "lead", 1, agent="lead", trace="lossy", inputs=[LEAD_ASK], outputs=[looks]),
        tool("search", "lead", 2, trace="lossy", arguments={"query": "open tickets"}, gen_ai__tool__call__id="c1",
             result="The blocker is TICKET-88213, described in notes/migration_plan.md."),
        call("l2", "lead", 3, agent="lead", trace="lossy", inputs=[LEAD_ASK, looks, found], outputs=[thinks]),
        tool("delegate", "lead", 4, 40, trace="lossy", gen_ai__tool__call__id="c2",
             arguments={"agent": "helper", "task": "Read notes/migration_plan.md and report the row counts."},
             result="Rows: 918,233 in orders, 77,120 in users."),
        agent("helper", "delegate", 5, 39, trace="lossy"),
        call("h1", "helper", 6, agent="helper", trace="lossy", inputs=[given], outputs=[asks("c3", "search", query="open tickets")]),
        tool("search#again", "helper", 8, trace="lossy", arguments={"query": "open tickets"},
             gen_ai__tool__call__id="c3", result="The blocker is TICKET-88213."),
        call("h2", "helper", 10, agent="helper", trace="lossy",
             inputs=[given, asks("c3", "search", query="open tickets"), answers("c3", "The blocker is TICKET-88213.")],
             outputs=[message("assistant", "Rows: 918,233 in orders, 77,120 in users.")]),
        call("l3", "lead", 50, agent="lead", trace="lossy", inputs=[LEAD_ASK, looks, found, thinks, back],
             outputs=[message("assistant", "Orders holds 918,233 rows.")]),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Lens:
    return read_steps(tmp_path_factory.mktemp("lossy"), lossy_run())


def test_what_a_brief_left_out_and_the_helper_found_again_is_lost_and_so_is_what_nobody_used(lossy: Lens) -> None:
    rows = lossy.sql("""
        SELECT from_agent, to_agent, values_given, values_found_again, calls_repeated, values_returned, values_kept, span_ids FROM handoff_losses
    """).fetchall()
    again = hex_id("lossy/search#again")
    assert rows == [
        ("lead", "helper", ["notes/migration_plan.md"], ["TICKET-88213"], ['search: {"query": "open tickets"}'],
         ["77,120", "918,233"], ["918,233"], [again]),
    ]  # fmt: skip


def test_a_decision_stands_with_its_grounds_and_its_outcome(lossy: Lens) -> None:
    rows = lossy.sql("""
        SELECT kind, agent_name, options, stated_confidence, window_messages, outcome, call_span_id FROM decisions ORDER BY start_time
    """).fetchall()
    ids = {name: hex_id(f"lossy/{name}") for name in ("l1", "l2", "h1", "h2", "l3")}
    assert rows == [
        ("tool_call", "lead", [], None, 1, "ok", ids["l1"]),
        ("delegation", "lead", ["wait for the owner", "ask the helper"], "80%", 3, "ok", ids["l2"]),
        ("tool_call", "helper", [], None, 1, "ok", ids["h1"]),
        ("answer", "helper", [], None, 3, "ok", ids["h2"]),
        ("answer", "lead", [], None, 5, "ok", ids["l3"]),
    ]


# --- what tells something ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "tells"),
    [
        ("48,217.30", True), ("NW-7731-B", True), ("4,812", True), ("91823", True), ("notes/migration_plan.md", True), ("a@b.example", True),
        ("find_or_create_user", True), ("handle_info", False), ("File.mkdir_p", False), ("../config.js", False), ("256-color", False),
        ("1611", False), ("2026-04-14", False), ("14:23", False),
    ],
)  # fmt: skip
def test_vocabulary_and_small_numbers_tell_nothing(team: Lens, value: str, tells: bool) -> None:
    assert team.sql("SELECT _is_telling($value)", value=value).fetchall() == [(tells,)]


def test_a_mark_of_redaction_is_no_content(team: Lens) -> None:
    marks = ["[REDACTED_INPUT len=1611 sha=87a130ee]", "<redacted>", "[ omitted ]"]
    texts = ["The amount was redacted.", "[redacted] and more", "removed"]
    found = team.sql("SELECT _is_placeholder(t) FROM (SELECT unnest($texts) AS t)", texts=marks + texts).fetchall()
    assert [mark for (mark,) in found] == [True] * 3 + [False] * 3


def test_the_error_of_a_tool_is_its_answer_and_a_repeated_call_is_no_quote(tmp_path: Path) -> None:
    told = "401 Unauthorized: the token of account NW-7731-B has expired"
    first, second = (
        asks("c1", "crm_sync", account="all accounts of us"),
        asks("c2", "crm_sync", account="all accounts of us"),
    )
    steps = [
        agent("desk", start=0, end=60),
        call("one", "desk", 1, agent="desk", outputs=[first]),
        tool("crm_sync", "desk", 2, status=2, message=told, arguments={"account": "all accounts of us"}, gen_ai__tool__call__id="c1"),
        call("two", "desk", 4, agent="desk", inputs=[first, answers("c1", told)], outputs=[second]),
    ]  # fmt: skip
    names = names_of("desk", "one", "crm_sync", "two")
    with read_steps(tmp_path, steps) as lens:
        assert ("crm_sync", "two", "certain") in edges(lens, "carried", names)
        assert edges(lens, "quoted", names) == set()


def test_the_name_of_a_tool_is_no_lost_value() -> None:
    with al.read(Path(__file__).parents[1] / "datasets" / "lineage", progress=False) as lens:
        lost = {value for (value,) in lens.sql("SELECT value FROM context_lost_values()").fetchall()}
        tools = {name for (name,) in lens.sql("SELECT DISTINCT tool_name FROM spans").fetchall()}
    assert "UNVERIFIED-Q3-17" in lost
    assert lost & tools == set()


@pytest.mark.parametrize("data", ["lineage", "wave_14"])
def test_the_edges_of_some_traces_are_those_of_all_traces_that_lead_there(data: str) -> None:
    columns = "kind, confidence, from_trace_id, from_span_id, to_span_id, to_agent, passed, evidence"
    with al.read(Path(__file__).parents[1] / "datasets" / data, progress=False) as lens:
        traces = [trace for (trace,) in lens.sql("SELECT DISTINCT trace_id FROM spans ORDER BY ALL LIMIT 3").fetchall()]
        near = lens.sql(f"SELECT {columns} FROM _flow_edges_in($traces) ORDER BY ALL", traces=traces).fetchall()
        kept = "list_contains($traces, trace_id) AND from_preorder IS NOT NULL AND to_preorder IS NOT NULL"
        every = lens.sql(f"SELECT {columns} FROM flow_edges WHERE {kept} ORDER BY ALL", traces=traces).fetchall()
    assert near == every
    assert near


# --- the flow graph is made in slices, and what stands in one text of a trace is followed together -----------------------


def traces_that_touch() -> list[Step]:
    """What is said in one trace goes into another: a conversation goes on there, says again what was asked and answered before, and a tool reads what another wrote."""
    asked = message(
        "user",
        "The invoice of Northwind lists 4,812 seats at the price that was agreed upon in the last quarter of the year.",
    )
    told = message(
        "assistant",
        "Their contract, however, allows for no more than 4,700 people to work with the product at any given time, whatever was agreed "
        "upon before, and asks for a new offer in writing where any further colleagues are to be given access to it.",
    )
    echo = message("assistant", asked["parts"][0]["content"])
    more: dict[str, Any] = {"agent": "desk", "conversation": "c1"}
    note = "Three of the seven drivers asked for another vehicle because the brakes of their own were worn."
    return [
        call("one", start=1, trace="t1", inputs=[asked], outputs=[told], **more),
        call("aside", start=3, trace="t1", inputs=[asked, told], outputs=[message("assistant", "So.")], agent="aside"),
        call("two", start=10, trace="t2", inputs=[asked, told, message("user", "Again?")], outputs=[echo], **more),
        call("three", start=11, trace="t2", inputs=[message("user", "And?")], outputs=[told], agent="desk", conversation="c2"),
        call("four", start=12, trace="t2", inputs=[asked, told], outputs=[told], agent="aside"),
        tool("write_file", "x", 20, trace="t3", agent="clerk", arguments={"path": "/out/note.md", "text": note}, result="done"),
        tool("read_file", "y", 30, trace="t4", agent="reader", arguments={"path": "/out/note.md"}, result=f"{note} (end)"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    conversation = tmp_path_factory.mktemp("conversation")
    read_steps(conversation, traces_that_touch()).close()
    return [conversation, *(Path(__file__).parents[1] / "datasets" / name for name in ("lineage", "research_team"))]


@pytest.fixture(scope="module")
def usual(worlds: list[Path]) -> list[list[tuple[Any, ...]]]:
    return [quotes(folder) for folder in worlds]


def quotes(folder: Path) -> list[tuple[Any, ...]]:
    with al.read(folder, progress=False) as lens:
        return lens.sql("FROM flow_quotes ORDER BY ALL").fetchall()


def test_the_flow_graph_does_not_depend_on_the_slices_it_is_made_in(
    worlds: list[Path], usual: list[list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentlens._lineage._RUNS_A_SLICE", 100)
    assert [quotes(folder) for folder in worlds] == usual
    assert all(usual)


def test_what_is_followed_together_goes_where_each_would_go_alone(
    worlds: list[Path], usual: list[list[tuple[Any, ...]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = _step("part_flow_hits").replace("count(*) = 1 AND", "false AND")
    assert alone != _step("part_flow_hits")
    monkeypatch.setattr("agentlens._lineage._step", lambda name: alone if name == "part_flow_hits" else _step(name))
    assert [quotes(folder) for folder in worlds] == usual
