"""The explorers' Python side: what is packed, asked, answered and selected. No browser."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import traitlets

import agentlens as al

WIRE = {"f64": "f8", "f32": "f4", "i32": "i4", "u32": "u4", "u16": "u2", "u8": "u1"}


def span(number: int, parent: int | None, **more: Any) -> dict[str, Any]:
    """One OTLP span, a second long, beginning at its number."""
    start = 1_776_000_000_000_000_000 + number * 1_000_000_000
    made = {
        "traceId": "a" * 32,
        "spanId": f"{number:016x}",
        "name": f"step {number}",
        "startTimeUnixNano": str(start + 417),
        "endTimeUnixNano": str(start + 10**9),
        "attributes": [],
        "status": {},
    }
    return made | ({"parentSpanId": f"{parent:016x}"} if parent else {}) | more


def attribute(key: str, value: str | int) -> dict[str, Any]:
    kind = "stringValue" if isinstance(value, str) else "intValue"
    return {"key": key, "value": {kind: str(value)}}


def chat(agent: str, model: str, tokens: int) -> list[dict[str, Any]]:
    return [
        attribute("gen_ai.operation.name", "chat"),
        attribute("gen_ai.agent.name", agent),
        attribute("gen_ai.request.model", model),
        attribute("gen_ai.usage.input_tokens", tokens),
        attribute("gen_ai.usage.output_tokens", 1),
    ]


# 1 ┬ 2 ─ 3 (chat of scout)      9 (chat of writer, another trace, its id an attempt at SQL)
#   ├ 4 (failed)
#   └ 5 (unfinished)
SPANS = [
    span(1, None),
    span(2, 1),
    span(3, 2, attributes=chat("scout", "made-up-model", 100)),
    span(4, 1, status={"code": 2, "message": "no <b>luck</b>"}),
    span(5, 1, endTimeUnixNano="0"),
    span(9, None, traceId="b" * 32, attributes=chat("writer", "made-up-model", 40)),
]


@pytest.fixture
def lens(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "spans.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": SPANS}]}]}) + "\n")
    with al.read(path, progress=False) as lens:
        yield lens


def unpack(tree: al.TraceTree) -> dict[str, Any]:
    header = tree._header
    return {
        name: np.frombuffer(tree._columns, WIRE[dtype], header["n"], offset)
        for name, dtype, offset in header["columns"]
    }


def names(tree: al.TraceTree) -> list[str]:
    return [tree._header["dictionaries"]["name"][code] for code in unpack(tree)["name"]]


def answers(tree: al.TraceTree, **message: Any) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []
    tree.send = lambda content, buffers=None: sent.append(content | ({"buffers": buffers} if buffers else {}))
    tree._answer(tree, {"type": "span", "id": 7} | message, [])
    return sent


def test_rows_stand_in_tree_order_with_the_ends_of_their_subtrees(lens: Any) -> None:
    tree = al.TraceTree(lens)
    assert names(tree) == ["step 1", "step 2", "step 3", "step 4", "step 5", "step 9"]
    columns = unpack(tree)
    assert columns["end"].tolist() == [5, 3, 3, 4, 5, 6]
    assert columns["start"][:3].round().tolist() == [0, 1000, 2000]
    assert np.isnan(columns["duration"]).tolist() == [False, False, False, False, True, False]
    assert columns["flags"][4] & 2
    assert columns["status"].tolist() == [0, 0, 0, 2, 0, 0]
    assert [mark["row"] for mark in tree._header["traces"]] == [0, 5]


def test_what_a_condition_leaves_out_hands_its_children_up(lens: Any) -> None:
    tree = al.TraceTree(lens, where="name <> 'step 2'")
    assert names(tree) == ["step 1", "step 3", "step 4", "step 5", "step 9"]
    assert unpack(tree)["end"].tolist() == [4, 2, 3, 4, 5]


def test_the_question_on_screen_answers_with_the_rows_on_screen(lens: Any) -> None:
    for tree in (al.TraceTree(lens), al.TraceTree(lens, trace_id="b" * 32), al.TraceTree(lens, where="name LIKE '%3'")):
        assert lens.sql(tree.sql).pl()["name"].to_list() == names(tree) == tree.rows().pl()["name"].to_list()


def test_the_question_follows_the_trace_picked_on_the_page(lens: Any) -> None:
    tree = al.TraceTree(lens)
    tree._trace = 1
    assert tree.rows().pl()["name"].to_list() == ["step 9"]


@pytest.mark.parametrize("trace_id", ["nowhere", "x' OR 'a'='a", "'; DROP TABLE spans; --"])
def test_a_trace_that_is_not_there_is_refused_and_a_quote_is_only_text(lens: Any, trace_id: str) -> None:
    with pytest.raises(al.AgentLensError, match="no trace"):
        al.TraceTree(lens, trace_id=trace_id)
    assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(len(SPANS),)]


def test_a_condition_that_is_no_sql_ends_in_a_sentence(lens: Any) -> None:
    with pytest.raises(al.AgentLensError, match="SQL condition"):
        al.TraceTree(lens, where="name = = 1")
    with pytest.raises(al.AgentLensError, match="SQL condition"):
        al.TraceTree(lens).highlight("no_such_column = 1")


def test_unknown_keywords_raise(lens: Any) -> None:
    for explorer in (al.TraceTree, al.TokenEconomics, al.Drift):
        with pytest.raises(TypeError):
            explorer(lens, colour="blue")


def test_a_click_is_answered_with_the_span_and_the_bytes_it_was_read_from(lens: Any) -> None:
    (reply,) = answers(al.TraceTree(lens), row=3)
    detail = reply["span"]
    assert (reply["type"], reply["id"], detail["title"]) == ("span", 7, "step 4")
    assert detail["error"] == "no <b>luck</b>"
    assert dict(detail["facts"])["started"] == "2026-04-12 13:20:04.000000417 UTC"
    assert f"{4:016x}" in detail["source"]["raw"]


def test_a_click_on_no_row_is_answered_with_a_sentence(lens: Any) -> None:
    tree = al.TraceTree(lens)
    for row in (-1, 99, "0", None):
        (reply,) = answers(tree, row=row)
        assert reply["type"] == "error" and reply["id"] == 7


def test_the_record_of_a_file_that_is_gone_is_missed_and_nothing_else(lens: Any) -> None:
    Path(lens.sql("SELECT path FROM sources").fetchall()[0][0]).unlink()
    (reply,) = answers(al.TraceTree(lens), row=0)
    assert reply["span"]["source"]["raw"] is None


def test_a_row_selected_on_the_page_is_a_span_id_in_python_and_the_other_way_round(lens: Any) -> None:
    tree = al.TraceTree(lens)
    tree._row = 2
    assert tree.selection == [f"{3:016x}"]
    tree.selection = [f"{5:016x}"]
    assert tree._row == 4
    tree.selection = []
    assert tree._row == -1


def test_several_selected_spans_are_lit_up(lens: Any) -> None:
    tree = al.TraceTree(lens)
    tree.selection = [f"{3:016x}", f"{9:016x}"]
    assert tree._highlight == bytes([0b100100])
    assert tree.highlight("operation_name = 'chat'") == 2
    assert tree.highlight() == 0 and tree._highlight == b""


def test_a_click_on_one_of_several_selected_spans_brings_it_to_the_front_and_keeps_the_others(lens: Any) -> None:
    tree = al.TraceTree(lens)
    third, fifth, ninth = (f"{number:016x}" for number in (3, 5, 9))
    tree.selection = [third, fifth, ninth]
    tree._row = 5
    assert tree.selection == [ninth, third, fifth] and tree._highlight == bytes([0b110100])
    tree._row = 0
    assert tree.selection == [f"{1:016x}"] and tree._highlight == b""


@pytest.mark.parametrize("linked_first", [True, False])
def test_views_agree_whatever_is_selected_while_a_selection_is_told(lens: Any, linked_first: bool) -> None:
    tree, second, chats = al.TraceTree(lens), al.TraceTree(lens), al.TraceTree(lens, where="operation_name = 'chat'")
    views = [tree, second, chats]
    rng = random.Random(4)
    meanwhile: list[tuple[Any, list[str]]] = []

    def select_meanwhile(_change: Any) -> None:
        if meanwhile:
            view, chosen = meanwhile.pop()
            view.selection = chosen

    def link() -> None:
        for view in views[1:]:
            traitlets.link((view, "selection"), (tree, "selection"))

    if linked_first:
        link()
    rng.choice(views).observe(select_meanwhile, "selection")
    if not linked_first:
        link()
    ids = [f"{number:016x}" for number in (1, 2, 3, 4, 5, 9)]
    for _ in range(40):
        meanwhile[:] = [(rng.choice(views), rng.sample(ids, rng.randrange(4))) for _ in range(rng.randrange(3))]
        clicks = [
            lambda: tree.set_state({"_row": rng.randrange(-1, 6)}),
            lambda: second.set_state({"_row": rng.randrange(-1, 6)}),
            lambda: chats.set_state({"_row": rng.randrange(-1, 2)}),
            lambda: setattr(rng.choice(views), "selection", rng.sample(ids, rng.randrange(3))),
        ]
        rng.choice(clicks)()
        assert second.selection == chats.selection == tree.selection
        assert tree._row == second._row == (tree.row_of(tree.selection[0]) if tree.selection else -1)


def test_views_that_never_agree_come_to_rest(lens: Any) -> None:
    tree, other = al.TraceTree(lens), al.TraceTree(lens)
    traitlets.link((tree, "selection"), (other, "selection"))
    first, second = f"{1:016x}", f"{2:016x}"
    tree.observe(
        lambda change: setattr(tree, "selection", [second if change["new"] == [first] else first]), "selection"
    )
    tree.selection = [first]
    assert tree.selection == other.selection


def test_what_a_condition_lit_up_stays_lit_while_one_looks_round(lens: Any) -> None:
    tree = al.TraceTree(lens)
    tree.highlight("operation_name = 'chat'")
    tree._row = 0
    assert tree._highlight == bytes([0b100100])
    tree.selection = [f"{1:016x}", f"{2:016x}"]
    assert tree._highlight == bytes([0b000011])
    tree.selection = []
    assert tree._highlight == bytes([0b100100])


def test_a_condition_asked_on_the_page_is_answered_with_a_bit_a_row_or_a_sentence(lens: Any) -> None:
    tree = al.TraceTree(lens, where="name <> 'step 2'")
    (reply,) = answers(tree, type="where", text="input_tokens > 50 OR status_code = 'ERROR'")
    assert (reply["type"], reply["id"], reply["buffers"]) == ("where", 7, [bytes([0b00110])])
    assert answers(tree, type="where", text="input_tokens > 1e9")[0]["buffers"] == [b"\0"]
    for text in ("name = = 1", "no_such_column", "1); DROP TABLE spans; --", ""):
        (reply,) = answers(tree, type="where", text=text)
        assert (reply["type"], reply["id"]) == ("error", 7)
    assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(len(SPANS),)]


def test_a_click_says_what_the_ledger_says(lens: Any) -> None:
    (ledger,) = lens.sql(f"SELECT rule, role FROM usage_ledger WHERE span_id = '{3:016x}'").fetchall()
    facts = [dict(reply["span"]["facts"]) for row in (2, 3) for reply in answers(al.TraceTree(lens), row=row)]
    assert facts[0]["counted"] == f"yes: {ledger[0]} ({ledger[1]})" and facts[0]["cost"] == "unpriced"
    assert "counted" not in facts[1]


def test_no_spans_make_an_empty_tree(lens: Any) -> None:
    tree = al.TraceTree(lens, where="false")
    assert (tree._header["n"], tree._header["traces"], tree._header["origin_ms"]) == (0, [], None)


def test_the_token_table_holds_what_was_logged(lens: Any) -> None:
    economics = al.TokenEconomics(lens)
    table = economics._charts["tables"]["agent"]
    place = [column["name"] for column in table["columns"]].index("input_tokens")
    assert {row[0]: row[place] for row in table["rows"]} == {"scout": 100, "writer": 40}
    assert economics.rows().pl()["agent_name"].to_list() == ["scout", "writer"]


def test_every_row_of_every_table_leads_to_its_spans(lens: Any) -> None:
    economics = al.TokenEconomics(lens)
    for table in economics._charts["tables"].values():
        found = []
        place = [column["name"] for column in table["columns"]]
        for row in table["rows"]:
            economics._picked = {name: row[place.index(name)] for name in table["pick"]}
            found += economics.selection
        assert sorted(found) == [f"{3:016x}", f"{9:016x}"]


def test_drift_compares_by_what_is_asked_and_says_what_it_cannot(lens: Any) -> None:
    drift = al.Drift(lens, by="agent_name")
    assert {row["version"] for row in drift._view["versions"]} == {"scout", "writer"}
    (point,) = next(
        one["points"]
        for one in drift._view["series"]
        if (one["agent"], one["measure"]) == ("scout", "call_input_tokens")
    )
    drift._choice = {"measure": "call_input_tokens"}
    assert set(drift.rows().pl()["measure"]) == {"call_input_tokens"}
    drift.picked = {"kind": "point", "key": f"scout||{point[0]}"}
    assert drift.selection == [f"{3:016x}"]
    for key in ("scout||", "nobody||0", "||", "x"):
        drift.picked = {"kind": "point", "key": key}
        assert drift.selection == []
    assert any("try by=" in note for note in al.Drift(lens, by="prompt_version")._view["notes"])
    with pytest.raises(ValueError, match="by="):
        al.Drift(lens, by="weather")
    with pytest.raises(al.AgentLensError, match="'scout'"):
        al.Drift(lens, by="agent_name", baseline="nobody")


def test_a_baseline_may_be_a_version_or_another_lens(lens: Any) -> None:
    for baseline, agents in (("scout", {"scout"}), (lens, {"scout", "writer"})):
        baselines = al.Drift(lens, by="agent_name", baseline=baseline)._view["baselines"]
        assert {row["agent_name"] for row in baselines} == agents


def test_every_explorer_can_be_carried_by_a_report(lens: Any) -> None:
    tree = al.TraceTree(lens).embed()
    assert tree.explorer == "trace_tree" and set(tree.details) == {str(row) for row in range(len(SPANS))}
    for explorer in (al.TraceTree(lens), al.TokenEconomics(lens), al.Drift(lens)):
        json.dumps([explorer.embed().state, explorer.embed().details])
        assert "text/html" in explorer._repr_mimebundle_()[0]
