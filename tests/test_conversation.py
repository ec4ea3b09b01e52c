"""Conversation's Python side: whose story opens, what is asked and answered, selection, and what a report carries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import traitlets
from lens_builder import ERROR, agent, call, hex_id, read_steps, tool

import agentlens as al
from agentlens.explorers import _conversation_story as stories
from agentlens.explorers import conversation as module

SECRET = "Enterprise EUR 49"


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def growing(who: str, calls: int, **more: Any) -> list[dict[str, Any]]:
    """Calls whose window grows by a question each."""
    heard = [text("user", f"{who} asks {n} " + "and more " * n) for n in range(calls)]
    return [
        call(f"{who} {n}", who, n, agent=who, inputs=heard[: n + 1], outputs=[text("assistant", f"{who} says {n}")],
             input_tokens=600 + 10 * n * n, output_tokens=5, **more)
        for n in range(calls)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Boss loses a price when it is summed up at its fourth call, and has a helper that fails; scout only grows."""
    heard = [
        text("user", "Launch it."),
        text("user", f"{SECRET} until May"),
        text("user", "Go on."),
        text("user", "And on."),
    ]
    summary = [text("user", "Summary of the conversation so far: it goes on.")]
    windows = [heard[:2], heard[:3], heard, summary]
    steps = [
        agent("boss", None, 0, 100, conversation="c1"),
        *(call(f"boss {n}", "boss", 10 * n, agent="boss", inputs=window) for n, window in enumerate(windows)),
        tool("dispatch", "boss", 15, 18, agent="boss", arguments={"to": "helper"}),
        agent("helper", "dispatch", 16, 17, status=ERROR, message="gave up"),
        call("helper 0", "helper", 16, agent="helper", inputs=[text("user", "Help.")], status=ERROR, message="429"),
        agent("scout", None, 0, 100, conversation="c2", trace="other"),
        *(
            step | {"traceId": hex_id("other", 32), "parentSpanId": hex_id("other/scout")}
            for step in growing("scout", 5)
        ),
    ]
    return read_steps(tmp_path_factory.mktemp("boss"), steps)


def ask(widget: al.Conversation, **question: Any) -> dict[str, Any]:
    """Send a question as the page does, and return the answer."""
    sent: list[dict[str, Any]] = []
    widget.send = sent.append  # type: ignore[method-assign]
    widget._receive(widget, question | {"id": 7}, [])
    (answer,) = sent
    assert answer["id"] == 7
    return answer


def test_the_story_that_lost_most_opens_at_the_call_that_lost_it(lens: Any) -> None:
    widget = al.Conversation(lens)
    assert repr(widget) == "Conversation of boss in c1: 4 model calls"
    assert widget._call == 3 and widget.selection == [hex_id("run/boss 3")]
    assert widget._story["cuts"] == [{"call": 3, "messages": 4, "summary": 4}]
    assert [value for value, _ in widget._story["lost"][3]["values"]] == [SECRET]


def test_the_question_on_screen_is_the_window_on_screen(lens: Any) -> None:
    widget = al.Conversation(lens, agent="boss")
    rows = widget.rows().fetchall()
    assert lens.sql(widget.sql).fetchall() == rows
    assert [row[widget.rows().columns.index("change")] for row in rows] == ["compacted"] * 4 + ["added"]
    widget._call = 1
    assert len(widget.rows().fetchall()) == 3 and widget._sql == widget.sql


def test_an_agent_or_trace_that_is_not_there_is_an_error_that_says_what_is(lens: Any) -> None:
    for wrong in (
        {"agent": "nobody"},
        {"conversation_id": "c9"},
        {"trace_id": "x' OR 1=1"},
        {"agent": "boss", "conversation_id": "c2"},
    ):
        with pytest.raises(al.AgentLensError, match=r"no model call with .*llm_calls"):
            al.Conversation(lens, **wrong)


def test_picking_another_story_opens_it(lens: Any) -> None:
    widget = al.Conversation(lens)
    assert {(pick["agent_name"], pick["conversation_id"]) for pick in widget._picks} == {
        ("boss", "c1"),
        ("helper", "c1"),
        ("scout", "c2"),
    }
    widget._pick = {"agent": "scout", "conversation": "c2", "trace": None}
    assert len(widget._story["calls"]) == 5 and widget._call == 4
    assert widget.selection == [hex_id("run/scout 4")]


def test_selecting_a_span_elsewhere_opens_the_call_it_belongs_to(lens: Any) -> None:
    widget = al.Conversation(lens)
    widget.selection = [hex_id("run/boss 1")]
    assert widget._call == 1
    widget.selection = [hex_id("run/dispatch")]
    assert widget._call == 1 and widget.selection == [hex_id("run/dispatch")]
    widget.selection = [hex_id("run/helper 0")]
    assert widget._scope.agent == "helper" and widget._call == 0
    widget.selection = [hex_id("other/scout")]
    assert widget._scope.agent == "scout" and widget.selection == [hex_id("other/scout")]


def test_a_tool_whose_conversation_is_only_inherited_opens_the_call_of_its_agent_before_it() -> None:
    with al.read(Path(__file__).parents[1] / "datasets" / "wave_14", progress=False) as lens:
        ((span_id,),) = lens.sql(
            "SELECT span_id FROM spans WHERE tool_name = 'margin_check' AND status_code = 'ERROR'"
        ).fetchall()
        story = al.Conversation(lens, agent="Atlas")
        story.selection = [span_id]
        assert story.selection == [span_id] and story._pick["agent"] == "Prometheus"
        call = story._chosen()
        asked = lens.sql("SELECT tool_call_id FROM spans WHERE span_id = $id", id=span_id).fetchall()[0][0]
        said = "SELECT parts::VARCHAR FROM span_messages JOIN messages USING (message_hash) WHERE span_id = $id AND direction = 'output'"
        assert any(asked in parts for (parts,) in lens.sql(said, id=call["span_id"]).fetchall())


def test_it_is_linked_to_the_tree_both_ways(lens: Any) -> None:
    tree, widget = al.TraceTree(lens), al.Conversation(lens)
    traitlets.link((tree, "selection"), (widget, "selection"))
    tree._row = tree.row_of(hex_id("run/scout 2"))
    assert (widget._scope.agent, widget._call) == ("scout", 2)
    widget._call = 1
    assert tree._row == tree.row_of(hex_id("run/scout 1"))


def test_texts_are_cut_until_the_whole_is_asked_for(lens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXT_LIMIT", 5)
    widget = al.Conversation(lens, agent="boss")
    key = next(message["key"] for message in widget._story["messages"] if SECRET in message["opening"])
    cut = ask(widget, type="texts", keys=[key], whole=False)["texts"][key]
    assert cut == [{"type": "text", "text": "Enter", "size": len(f"{SECRET} until May")}]
    whole = ask(widget, type="texts", keys=[key, "unknown"], whole=True)["texts"]
    assert whole == {key: [{"type": "text", "text": f"{SECRET} until May"}]}


def test_a_text_is_found_whatever_its_case(lens: Any) -> None:
    widget = al.Conversation(lens, agent="boss")
    keys = ask(widget, type="find", text="eur 49")["keys"]
    assert [message["opening"] for message in widget._story["messages"] if message["key"] in keys] == [
        f"{SECRET} until May"
    ]
    assert ask(widget, type="find", text="%' OR 1=1 --")["keys"] == []


def test_the_run_of_another_agent_is_told_as_a_story_of_its_own(lens: Any) -> None:
    widget = al.Conversation(lens, agent="boss")
    (run,) = widget._story["runs"]
    assert run["agent_name"] == "helper" and run["is_error"] and run["tool_preorder"] is not None
    story = ask(widget, type="run", run=run["preorder"])["story"]
    assert story["agent"] == "helper" and [call["error"] for call in story["calls"]] == ["429"]
    assert [parts[0]["text"] for parts in story["texts"].values()] == ["Help."]


def test_a_question_that_makes_no_sense_is_answered_with_an_error(lens: Any) -> None:
    widget = al.Conversation(lens)
    for question in ({"type": "run", "run": "x"}, {"type": "texts"}, {"type": "texts", "keys": ["tool:x"]}):
        assert ask(widget, **question)["type"] == "error"


def test_input_tokens_beyond_the_logged_text_are_estimated_from_all_calls(tmp_path: Path) -> None:
    words = [text("user", "x" * 400)]
    steps = [
        call(
            f"n {n}",
            None,
            n,
            agent="scout",
            conversation="c",
            inputs=words * (n + 1),
            input_tokens=600 + 100 * (n + 1),
            output_tokens=1,
        )
        for n in range(5)
    ]
    widget = al.Conversation(read_steps(tmp_path, steps))
    assert widget._story["tokens"] == {"base": 600, "rate": 0.25}


def test_tokens_that_no_line_explains_are_not_estimated(tmp_path: Path) -> None:
    steps = [
        call(
            f"n {n}",
            None,
            n,
            agent="scout",
            conversation="c",
            inputs=[text("user", "x" * 100 * n)],
            input_tokens=tokens,
            output_tokens=1,
        )
        for n, tokens in ((1, 900), (2, 500), (3, 100))
    ]
    assert al.Conversation(read_steps(tmp_path, steps))._story["tokens"] == {"base": None, "rate": None}


def test_a_report_carries_the_windows_and_says_what_was_left_out(lens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = al.Conversation(lens, agent="scout")
    whole = widget.embed()
    assert whole.explorer == "conversation" and whole.state["_story"]["notes"] == []
    assert {message["key"] for message in widget._story["messages"]} <= set(whole.details)
    json.dumps(whole.state), json.dumps(whole.details)
    monkeypatch.setattr(module, "EMBEDDED_TEXTS", 400)
    monkeypatch.setattr(module, "EMBEDDED_CALLS", 2)
    widget._call = 1
    less = widget.embed()
    assert less.state["_story"]["windows"]["rows"] == 3
    assert [note.partition(" of ")[0] for note in less.state["_story"]["notes"]] == [
        "This report holds the windows", "This report holds the texts",
    ]  # fmt: skip


def test_a_lens_without_model_calls_has_no_story(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lonely")])
    widget = al.Conversation(lens)
    assert repr(widget) == "Conversation of no model calls"
    assert widget.rows().fetchall() == []
    assert widget.embed().state["_story"] == {}


def test_windows_are_packed_as_the_page_reads_them(lens: Any) -> None:
    widget = al.Conversation(lens, agent="boss")
    rows = widget._story["windows"]["rows"]
    assert rows == len(lens.sql("FROM context_strata(agent := 'boss', conversation := 'c1')").fetchall())
    assert [name for name, _, _ in widget._story["windows"]["columns"]] == [
        "call",
        "message",
        "change",
        "before",
        "position",
    ]
    names = ("same", "added", "rewritten", "dropped", "compacted")
    assert names == stories.CHANGES
    assert str(list(names)) in stories.load_question("conversation_windows")


def test_wave_14_shows_at_a_glance_where_the_facts_were_lost() -> None:
    lens = al.read(Path(__file__).parents[1] / "datasets" / "wave_14", progress=False)
    widget = al.Conversation(lens)
    assert (widget._scope.agent, widget._scope.conversation) == ("Atlas", "w14-atlas")
    assert widget._story["cuts"] == [{"call": 7, "messages": 14, "summary": 16}]
    lost = [value for value, _ in widget._story["lost"][7]["values"]]
    assert {"Enterprise EUR 49", "Norrland Freight", "1 May 2026"} <= set(lost[:8])


def test_the_compaction_of_a_real_session_is_found(samples: Path) -> None:
    name = "fa812bfe-b295-4cca-9c2f-fdf01028cb46"
    folder = samples / "claude_code"
    widget = al.Conversation(al.read(folder / f"{name}.jsonl", folder / name, progress=False))
    records = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines()]
    (summary,) = [record for record in records if record.get("isCompactSummary")]
    (cut,) = widget._story["cuts"]
    message = widget._story["messages"][cut["summary"]]
    said = summary["message"]["content"]
    assert message["characters"] == len(said if isinstance(said, str) else said[0]["text"])
    assert message["origin"] == "summary" and message["first"] == cut["call"]
