"""Overview, AgentMap and Findings: what they are told, what a pick selects, and the deeper questions of TraceTree. No browser."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

import agentlens as al
from agentlens.explorers._busy_time import BusyTime, unite
from agentlens.explorers._still import MOST_ROWS, StillRow, draw_rows
from agentlens.explorers.agent_map import is_forbidden

WAVE_14 = Path(__file__).parents[2] / "datasets" / "wave_14"
HOSTILE = "<img src=x onerror=alert(1)>'; DROP TABLE spans; --\x1b[31m"


@pytest.fixture(scope="module")
def lens() -> Iterator[Any]:
    with al.read(WAVE_14, progress=False) as lens:
        al.detect(lens)
        yield lens


def logged_spans() -> list[dict[str, Any]]:
    """Every span of the dataset's OTLP files, by plain JSON."""
    lines = [json.loads(line) for path in sorted((WAVE_14 / "spans").glob("*.jsonl")) for line in path.open()]
    scopes = [scope for line in lines for resource in line["resourceSpans"] for scope in resource["scopeSpans"]]
    return [span for scope in scopes for span in scope["spans"]]


def attribute(span: dict[str, Any], key: str) -> str | None:
    found = [pair["value"] for pair in span.get("attributes", []) if pair["key"] == key]
    return next(iter(found[0].values())) if found else None


def otlp(path: Path, *spans: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}) + "\n")
    return path


def made_span(number: int, parent: int | None, **attributes: str | int) -> dict[str, Any]:
    start = 1_776_000_000_000_000_000 + number * 1_000_000_000
    kinds = {True: "stringValue", False: "intValue"}
    pairs = [
        {"key": f"gen_ai.{key}", "value": {kinds[isinstance(value, str)]: str(value)}}
        for key, value in attributes.items()
    ]
    made = {"traceId": "a" * 32, "spanId": f"{number:016x}", "name": f"step {number}", "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + 10**9), "attributes": pairs, "status": {}}  # fmt: skip
    return made | ({"parentSpanId": f"{parent:016x}"} if parent else {})


def test_the_map_counts_every_brief_that_the_log_sends(lens: Any) -> None:
    briefs = Counter(
        json.loads(attribute(span, "gen_ai.tool.call.arguments") or "{}")["agent"]
        for span in logged_spans()
        if attribute(span, "gen_ai.tool.name") == "dispatch_brief"
    )
    edges = al.AgentMap(lens)._view["edges"]
    assert {
        edge["to"]: edge["count"] for edge in edges if edge["kind"] == "delegation" and edge["from"] == "Atlas"
    } == briefs


def test_the_map_and_its_question_say_the_same_whole_and_in_part(lens: Any) -> None:
    trace_id = lens.sql("SELECT trace_id FROM traces ORDER BY start_time DESC LIMIT 1").fetchall()[0][0]
    for agents in (
        al.AgentMap(lens),
        al.AgentMap(lens, trace_id=trace_id),
        al.AgentMap(lens, where="agent_name <> 'Hermes'"),
    ):
        answered = {
            (row["from_agent"], row["to_agent"], row["kind"], row["count"]) for row in agents.rows().pl().to_dicts()
        }
        assert answered == {(edge["from"], edge["to"], edge["kind"], edge["count"]) for edge in agents._view["edges"]}
        passed = Counter((event["from"], event["to"], event["kind"]) for event in agents._view["events"])
        assert passed == {(edge["from"], edge["to"], edge["kind"]): edge["count"] for edge in agents._view["edges"]}


def test_one_trace_has_only_the_briefs_and_reports_of_its_time(lens: Any) -> None:
    trace_id, wave = lens.sql("SELECT unnest(trace_ids), wave FROM waves ORDER BY wave DESC LIMIT 1").fetchall()[0]
    agents = al.AgentMap(lens, trace_id=trace_id)
    assert [row["wave"] for row in agents._view["waves"]] == [wave] == [14]
    reported = sum(1 for line in (WAVE_14 / "pax" / "wave_14.jsonl").open() if line.strip())
    from_file = [event for event in agents._view["events"] if event["kind"] == "report"]
    assert len(from_file) >= reported - 1


def test_an_edge_leads_to_the_spans_that_handed_over_and_took_over(lens: Any) -> None:
    agents = al.AgentMap(lens)
    agents.picked = {"kind": "edge", "key": json.dumps(["Atlas", "Hermes", "delegation"], separators=(",", ":"))}
    rows = lens.sql(
        "SELECT name, agent_name FROM spans WHERE list_contains($ids, span_id)", ids=agents.selection
    ).fetchall()
    assert Counter(rows) == {("execute_tool dispatch_brief", "Atlas"): 5, ("invoke_agent Hermes", "Hermes"): 5}
    agents.picked = {"kind": "edge", "key": HOSTILE}
    assert agents.selection == []


def test_a_matrix_forbids_what_it_does_not_name_of_those_it_names() -> None:
    matrix = {"atlas": {"hermes"}, "hermes": set()}
    assert not is_forbidden("Atlas", "Hermes", matrix)
    assert is_forbidden("Atlas", "Apollo", matrix) and is_forbidden("Hermes", "Atlas", matrix)
    assert not is_forbidden("Apollo", "Atlas", matrix) and not is_forbidden("Atlas", "Apollo", {})


def test_edges_outside_the_delegation_matrix_of_the_lens_are_marked(tmp_path: Path) -> None:
    spans = [made_span(1, None, **{"operation.name": "invoke_agent", "agent.name": "Boss"})]
    for number, name in ((2, "Scout"), (3, "Writer")):
        spans.append(made_span(number, 1, **{"operation.name": "invoke_agent", "agent.name": name}))
    with al.read(otlp(tmp_path / "s.jsonl", *spans), progress=False) as lens:
        assert not al.AgentMap(lens)._view["has_matrix"]
        lens._con.execute("INSERT INTO delegations (delegator, delegate, source_id) VALUES ('boss', 'SCOUT', 1)")
        edges = al.AgentMap(lens)._view["edges"]
        assert {edge["to"]: edge["forbidden"] for edge in edges} == {"Scout": False, "Writer": True}


def test_a_trace_or_condition_that_is_not_there_ends_in_a_sentence(lens: Any) -> None:
    with pytest.raises(al.AgentLensError, match="no trace"):
        al.AgentMap(lens, trace_id=HOSTILE)
    with pytest.raises(al.AgentLensError, match="SQL condition"):
        al.AgentMap(lens, where="name = = 1")


def test_the_overview_shows_every_agent_with_what_it_last_said(lens: Any) -> None:
    agents = {agent["agent_name"]: agent for agent in al.Overview(lens)._view["agents"]}
    named = {
        line.split(":")[0].strip()
        for path in (WAVE_14 / "heartbeats").glob("*.log")
        for line in path.open()
        if ": COMPLETE" in line
    }
    assert named <= set(agents)
    assert agents["Hermes"]["status"] == "COMPLETE" and agents["Hermes"]["state"] == "done"
    assert agents["Artemis"]["critical"] + agents["Artemis"]["warning"] >= 2


def test_the_overview_counts_as_many_agents_as_the_lens_and_shows_who_is_only_named(lens: Any) -> None:
    [[known]] = lens.sql("SELECT count(DISTINCT agent_name) FROM agents").fetchall()
    shown = al.Overview(lens)
    assert shown.summary().startswith(f"{known} agents")
    assert [agent["agent_name"] for agent in shown._view["agents"] if not agent["is_known"]] == ["Ines"]


def test_the_overview_counts_what_the_log_holds(lens: Any) -> None:
    view = al.Overview(lens)._view
    logged = logged_spans()
    calls = Counter(
        attribute(span, "gen_ai.tool.name")
        for span in logged
        if attribute(span, "gen_ai.operation.name") == "execute_tool"
    )
    shown = {tool["tool_name"]: tool["calls"] for tool in view["tools"]}
    assert {name: shown[name] for name in calls if name in ("dispatch_brief", "lookup_clause")} == {
        "dispatch_brief": calls["dispatch_brief"], "lookup_clause": calls["lookup_clause"],
    }  # fmt: skip
    assert [wave["wave"] for wave in view["waves"]] == [10, 11, 12, 13, 14]
    assert [wave["is_first_broken"] for wave in view["waves"]] == [False, True, False, False, False]
    assert (
        view["completeness"]["records"]
        == view["completeness"]["accepted"] + view["completeness"]["rejected"] + view["completeness"]["skipped"]
    )
    assert view["totals"]["tokens_an_hour"] > 0 and json.dumps(view)


def test_what_is_picked_in_the_overview_is_selected_and_is_its_question(lens: Any) -> None:
    overview = al.Overview(lens)
    cases = {"agent": "Hermes", "tool": "dispatch_brief", "wave": "14", "errors": ""}
    counted = {
        "agent": "agent_name = 'Hermes'",
        "tool": "tool_name = 'dispatch_brief'",
        "wave": "trace_id IN (SELECT unnest(trace_ids) FROM waves WHERE wave = 14)",
        "errors": "span_id IN (SELECT span_id FROM errors)",
    }
    for kind, key in cases.items():
        overview.picked = {"kind": kind, "key": key}
        count = lens.sql(f"SELECT count(*) FROM spans WHERE {counted[kind]}").fetchall()[0][0]
        assert len(overview.selection) == count == len(overview.rows().fetchall()) > 0
        assert overview._sql == overview.sql
    overview.picked = {}
    assert overview.selection == [] and overview.rows().pl()["agent_name"].to_list()


def test_spans_selected_elsewhere_mark_the_parts_they_belong_to(lens: Any) -> None:
    views = al.Overview(lens), al.AgentMap(lens), al.Findings(lens)
    overview, agents, findings = views
    span_id, wave = lens.sql(
        "SELECT span_id, wave FROM spans JOIN (SELECT wave, unnest(trace_ids) AS trace_id FROM waves) USING (trace_id)"
        " WHERE tool_name = 'margin_check' AND status_code = 'ERROR'"
    ).fetchall()[0]
    for view in views:
        view.selection = [span_id]
        assert view.selection == [span_id] and view.picked == {}
    assert {"agent:Prometheus", "tool:margin_check", f"wave:{wave}", f"call:{span_id}"} <= set(overview._touched)
    assert agents._touched == ["agent:Prometheus"]
    proofs = [row["detector"] for row in findings._rows if span_id in row["span_ids"]]
    assert proofs and [findings._rows[int(name.partition(":")[2])]["detector"] for name in findings._touched] == proofs
    overview.picked = {"kind": "agent", "key": "Hermes"}
    assert overview._touched == [] and len(overview.selection) > 20
    overview.selection = list(reversed(overview.selection))
    assert overview.picked == {"kind": "agent", "key": "Hermes"}
    overview.selection = []
    assert overview.picked == {} and overview._touched == []


def test_a_brief_marks_its_edge_and_its_step(lens: Any) -> None:
    agents = al.AgentMap(lens)
    event = next(at for at, event in enumerate(agents._view["events"]) if event["to"] == "Hermes")
    agents.selection = [agents._view["events"][event]["span_id"]]
    assert {'edge:["Atlas","Hermes","delegation"]', f"event:{event}", "agent:Atlas"} <= set(agents._touched)


@pytest.mark.parametrize("kind", ["agent", "tool", "wave", "conversation", "trace", "severity", "call", "nonsense"])
def test_a_hostile_key_selects_nothing_and_harms_nothing(lens: Any, kind: str) -> None:
    overview = al.Overview(lens)
    overview.picked = {"kind": kind, "key": HOSTILE}
    assert overview.selection == []
    overview.rows().fetchall()
    overview.picked = {"kind": kind, "key": 7}
    assert overview.selection == []
    assert lens.sql("SELECT count(*) FROM spans").fetchall()[0][0] > 500


def test_findings_stand_worst_first_and_each_leads_to_its_spans(lens: Any) -> None:
    findings = al.Findings(lens)
    shown = findings._view["findings"]
    assert [row["summary"] for row in shown] == findings.rows().pl()["summary"].to_list()
    ranks = [["critical", "warning", "info"].index(row["severity"]) for row in shown]
    assert ranks == sorted(ranks) and len(shown) == lens.sql("SELECT count(*) FROM findings").fetchall()[0][0]
    for row in shown:
        findings.picked = {"kind": "finding", "key": row["key"]}
        ids = lens.sql("SELECT span_ids FROM findings WHERE summary = $s", s=row["summary"]).fetchall()[0][0]
        assert findings.selection == ids
    findings.picked = {"kind": "finding", "key": "99999"}
    assert findings.selection == []


def test_the_filters_on_screen_are_part_of_the_question(lens: Any) -> None:
    findings = al.Findings(lens)
    findings._filter = {"severity": "critical", "agent": "Hermes", "text": "packet HERMES"}
    assert {row["detector"] for row in findings.rows().pl().to_dicts()} >= {"stale_packet"}
    assert set(findings.rows().pl()["agent_name"]) == {"Hermes"}
    assert findings._sql == findings.sql
    findings._filter = {"detector": HOSTILE, "text": "it's 100% _"}
    assert findings.rows().fetchall() == []


def test_evidence_is_answered_with_the_bytes_of_its_line(lens: Any) -> None:
    findings = al.Findings(lens)
    sent: list[dict[str, Any]] = []
    findings.send = lambda content, buffers=None: sent.append(content)
    number, row = next(
        (at, row) for at, row in enumerate(findings._view["findings"]) if row["detector"] == "silent_agent"
    )
    line = Path(row["evidence"][0]["whole_path"]).read_text().splitlines()[row["evidence"][0]["line"] - 1]
    findings._receive(findings, {"type": "quote", "id": "quote-1", "key": f"{number}.0"}, [])
    assert sent[-1]["id"] == "quote-1" and sent[-1]["value"].strip() == line.strip()
    for key in ("99.0", "0.99", "x", "", "-1.0", "0"):
        findings._receive(findings, {"type": "quote", "id": "q", "key": key}, [])
        assert "not at hand" in sent[-1]["value"]


def test_findings_look_when_nobody_has_looked_yet(tmp_path: Path) -> None:
    with al.read(otlp(tmp_path / "s.jsonl", made_span(1, None)), progress=False) as lens:
        view = al.Findings(lens)._view
        assert view["findings"] == [] and {check["outcome"] for check in view["checks"]} & {
            "found nothing",
            "could not look",
        }


def test_an_empty_lens_opens_in_every_view(tmp_path: Path) -> None:
    with al.read(otlp(tmp_path / "s.jsonl", made_span(1, None)), progress=False) as lens:
        lens._con.execute("DELETE FROM spans")
        for explorer in (al.Overview(lens), al.AgentMap(lens), al.Findings(lens), al.TraceTree(lens)):
            json.dumps(explorer.embed().state)
            assert "<svg" in explorer.still() and explorer.rows() is not None


def test_a_report_carries_the_spans_behind_every_part(lens: Any) -> None:
    for explorer in (al.Overview(lens), al.AgentMap(lens), al.Findings(lens)):
        reach = json.loads(json.dumps(explorer.embed().state))["_reach"]
        assert reach and all(len(ids) <= 300 for ids in reach.values())
        for name in list(reach)[:4]:
            kind, _, key = name.partition(":")
            explorer.picked = {"kind": kind, "key": key}
            assert explorer.selection[:300] == reach[name]
    ids = json.loads(al.TraceTree(lens).embed().binary["_span_ids"])
    assert ids == lens.sql("SELECT span_id FROM spans ORDER BY preorder").pl()["span_id"].to_list()


def test_unknown_keywords_raise(lens: Any) -> None:
    for explorer in (al.Overview, al.AgentMap, al.Findings):
        with pytest.raises(TypeError):
            explorer(lens, colour="blue")


# TraceTree


def unpack(tree: al.TraceTree, name: str) -> Any:
    wire = {"f64": "f8", "f32": "f4", "i32": "i4", "u32": "u4", "u16": "u2", "u8": "u1"}
    _, dtype, offset = next(column for column in tree._header["columns"] if column[0] == name)
    return np.frombuffer(tree._columns, wire[dtype], tree._header["n"], offset)


def test_a_finding_marks_its_spans_with_its_severity(lens: Any) -> None:
    tree = al.TraceTree(lens)
    flags, ids = unpack(tree, "flags"), tree._span_ids.to_pylist()
    for severity, bit in (("critical", 128), ("warning", 64)):
        marked = {ids[row] for row in np.flatnonzero(flags & bit)}
        found = lens.sql("SELECT DISTINCT unnest(span_ids) FROM findings WHERE severity = $s", s=severity).fetchall()
        assert marked <= {span for (span,) in found} and marked


def test_a_change_of_version_is_stamped_where_it_happens(lens: Any) -> None:
    tree = al.TraceTree(lens)
    stamps = [tree._header["dictionaries"]["stamp"][code] for code in unpack(tree, "stamp")]
    changed = [(row, stamp) for row, stamp in enumerate(stamps) if stamp.startswith("prompt v13 → v14")]
    first = lens.sql(
        "SELECT arg_min(span_id, start_time) FROM spans WHERE agent_name = 'Athena' AND prompt_version = 'v14'"
    ).fetchall()[0][0]
    assert first in {tree._span_ids[row].as_py() for row, _ in changed}
    counts = (
        f"greatest(count(DISTINCT {name}) - 1, 0)" for name in ("prompt_version", "agent_version", "response_model")
    )
    versions = " + ".join(counts)
    most = lens.sql(
        f"SELECT sum(changes) FROM (SELECT {versions} AS changes FROM spans GROUP BY agent_name)"
    ).fetchall()[0][0]
    assert len([stamp for stamp in stamps if stamp]) <= most


def test_the_same_call_after_a_failure_is_a_retry(tmp_path: Path) -> None:
    call = {
        "operation.name": "execute_tool",
        "tool.name": "deploy",
        "tool.call.arguments": '{"to":"preview"}',
        "agent.name": "a",
    }
    spans = [
        made_span(1, None),
        *(made_span(number, 1, **call) for number in (2, 3, 4)),
        made_span(5, 1, **{**call, "tool.call.arguments": "{}"}),
    ]
    spans[1]["status"] = spans[2]["status"] = {"code": 2}
    with al.read(otlp(tmp_path / "s.jsonl", *spans), progress=False) as lens:
        assert (unpack(al.TraceTree(lens), "flags") & 256).astype(bool).tolist() == [False, False, True, True, False]


def test_a_text_is_found_where_it_was_said_first_and_in_tool_calls(lens: Any) -> None:
    tree = al.TraceTree(lens)
    found = {tree._span_ids[row].as_py() for row in tree._search_texts("hubspot TOKEN")}
    said = [span["spanId"] for span in logged_spans() if "hubspot token" in json.dumps(span).lower()]
    assert found and found <= set(said) | {
        row[0] for row in lens.sql("SELECT span_id FROM spans WHERE status_message ILIKE '%hubspot%'").fetchall()
    }
    assert tree._search_texts("   ") == [] and tree._search_texts(HOSTILE) == []


def test_why_is_what_the_model_said_when_it_asked(lens: Any) -> None:
    tree = al.TraceTree(lens)
    row = next(at for at, name in enumerate(unpack(tree, "tool")) if name and unpack(tree, "tokens")[at] == 0)
    why = tree._reply("span", {"row": row})["span"]["why"]
    outputs = lens.sql(
        "SELECT parts::VARCHAR FROM span_messages JOIN messages USING (message_hash) WHERE span_id = $id AND direction = 'output'",
        id=tree._span_ids[why["row"]].as_py(),
    ).fetchall()
    call_id = lens.sql("SELECT tool_call_id FROM spans WHERE preorder = $p", p=int(tree._preorders[row])).fetchall()[0][
        0
    ]
    assert why["row"] < row and any(call_id in parts for (parts,) in outputs)
    assert all(
        part["text"] in "".join(json.loads(parts)[0].get("content", "") for (parts,) in outputs)
        for part in why["parts"]
    )


def test_a_link_names_a_span_that_the_tree_shows(lens: Any) -> None:
    tree = al.TraceTree(lens)
    span_id = tree._span_ids[7].as_py()
    sent: list[dict[str, Any]] = []
    tree.send = lambda content, buffers=None: sent.append(content)
    tree._answer(tree, {"type": "locate", "id": "locate-1", "span_id": tree.link(span_id).removeprefix("#span=")}, [])
    assert sent == [{"type": "locate", "id": "locate-1", "row": 7}]
    with pytest.raises(al.AgentLensError, match="no span"):
        tree.link(HOSTILE)


def test_blocked_agents_are_told_to_the_page(lens: Any) -> None:
    blocked = [stretch for stretch in al.TraceTree(lens)._header["blocked"] if stretch["agent"] == "Hermes"]
    assert blocked and all(stretch["to"] > stretch["from"] and stretch["status"] == "BLOCKED" for stretch in blocked)


# Pictures and time


def test_a_still_is_one_picture_whose_texts_are_only_text() -> None:
    rows = [StillRow(HOSTILE + str(at), HOSTILE, [(0.1, 0.2, "failed")], at) for at in range(MOST_ROWS + 5)]
    picture = ET.fromstring(draw_rows(HOSTILE, HOSTILE, rows))
    tags = Counter(element.tag.split("}")[1] for element in picture.iter())
    assert set(tags) == {"svg", "rect", "text", "line"}
    texts = [element.text for element in picture.iter() if element.tag.endswith("text")]
    assert any("⟨U+001B⟩" in text for text in texts if text) and "5 more rows" in texts[-1]


def test_a_display_is_the_widget_and_its_picture_apart(lens: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("agentlens.explorers._explorer.display", lambda data, **_options: shown.append(data))
    al.Overview(lens)._ipython_display_()
    widget, picture = shown
    assert "application/vnd.jupyter.widget-view+json" in widget and "text/html" not in widget
    assert picture["text/html"].startswith('<div class="al-still"><img alt="Overview of ')


def test_busy_time_keeps_order_and_counts_overlaps_once() -> None:
    starts, ends = np.array([0.0, 50.0, 1_000_000.0]), np.array([100.0, 80.0, 1_000_100.0])
    assert [edge.tolist() for edge in unite(starts, ends)] == [[0.0, 1_000_000.0], [100.0, 1_000_100.0]]
    time = BusyTime(starts, ends)
    assert time.busy == 200
    shown = time.show(np.array([0.0, 100.0, 500_000.0, 1_000_000.0, 1_000_100.0]))
    assert (np.diff(shown) > 0).all() and shown[0] == 0 and shown[-1] == 1
    assert shown[3] - shown[1] < 0.05
    assert BusyTime(np.zeros(0), np.zeros(0)).show(np.array([1.0])).tolist() == [0.0]


def test_the_views_run_on_a_lens_that_was_saved_and_opened_again(lens: Any, tmp_path: Path) -> None:
    path = lens.save(tmp_path / "case.duckdb")
    with al.read(path, progress=False) as again:
        assert al.Overview(again)._view["totals"] == al.Overview(lens)._view["totals"]
        assert isinstance(again.sql(al.AgentMap(again).sql), duckdb.DuckDBPyRelation)
