"""Other tools can open what is exported, and it holds every span and every finding, counted apart from the exporter."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from otlp_forests import batch, forests

import agentlens as al
from agentlens.export import FORMS, export


@pytest.fixture(scope="module")
def lens() -> Iterator[al.Lens]:
    with al.read(Path(__file__).parents[1] / "datasets" / "research_team", progress=False) as lens:
        al.detect(lens)
        yield lens


def count(lens: al.Lens, query: str) -> int:
    return int(lens.sql(query).fetchall()[0][0])


def test_perfetto_has_every_timed_span_and_slices_of_a_thread_nest(lens: al.Lens, tmp_path: Path) -> None:
    events = json.loads(export(lens, tmp_path / "t.json", "perfetto").read_text())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert len(slices) == count(lens, "SELECT count(*) FROM spans WHERE start_time IS NOT NULL") > 0
    for lane in {(event["pid"], event["tid"]) for event in slices}:
        stack: list[float] = []
        for event in [event for event in slices if (event["pid"], event["tid"]) == lane]:
            while stack and stack[-1] <= event["ts"] + 0.01:
                stack.pop()
            assert not stack or event["ts"] + event["dur"] <= stack[-1] + 0.01
            stack.append(event["ts"] + event["dur"])


def test_speedscope_opens_and_closes_in_order(lens: al.Lens, tmp_path: Path) -> None:
    file = json.loads(export(lens, tmp_path / "s.json", "speedscope").read_text())
    opened = 0
    for profile in file["profiles"]:
        stack, last = [], 0
        for event in profile["events"]:
            assert event["at"] >= last
            last = event["at"]
            if event["type"] == "O":
                stack.append(event["frame"])
                opened += 1
            else:
                assert stack.pop() == event["frame"]
        assert stack == [] and last <= profile["endValue"]
    assert opened == count(lens, "SELECT count(*) FROM spans WHERE start_time IS NOT NULL")


def test_parquet_is_the_table_of_spans(lens: al.Lens, tmp_path: Path) -> None:
    table = pq.read_table(export(lens, tmp_path / "s.parquet", "parquet"))
    assert table.num_rows == count(lens, "SELECT count(*) FROM spans") and table.column_names == lens.spans.columns


def test_sarif_and_junit_have_every_finding(lens: al.Lens, tmp_path: Path) -> None:
    found = count(lens, "SELECT count(*) FROM findings")
    results = json.loads(export(lens, tmp_path / "f.sarif", "sarif").read_text())["runs"][0]["results"]
    suite = ElementTree.parse(export(lens, tmp_path / "f.xml", "junit")).getroot()
    assert len(results) == found == len(suite.findall("testcase/failure")) > 0
    assert all(result["locations"] for result in results)
    assert len(suite.findall("testcase/skipped")) == count(
        lens, "SELECT count(*) FROM checks WHERE outcome = 'could not look'"
    )


def test_hostile_texts_stay_texts_in_xml_and_json(lens: al.Lens, tmp_path: Path) -> None:
    lens._con.execute("BEGIN")
    lens._con.execute("UPDATE findings SET summary = $evil", {"evil": "]]><script>\x1b[2J\x00&amp;\"'"})
    try:
        suite = ElementTree.parse(export(lens, tmp_path / "f.xml", "junit")).getroot()
        json.loads(export(lens, tmp_path / "f.sarif", "sarif").read_text())
    finally:
        lens._con.execute("ROLLBACK")
    assert suite.find("testcase/script") is None


@pytest.mark.parametrize("form", FORMS)
def test_a_trace_that_is_not_there_is_named(form: str, lens: al.Lens, tmp_path: Path) -> None:
    with pytest.raises(al.AgentLensError, match="no trace"):
        export(lens, tmp_path / "x", form, trace_id="nowhere")
    assert list(tmp_path.iterdir()) == []


# --- OTLP -------------------------------------------------------------------------------------------------------------

PLACES = ("source_id", "source_line", "source_offset", "source_length")
TIMES = "epoch_ns(start_time) AS start_time, epoch_ns(end_time) AS end_time"
TREE = f"SELECT * EXCLUDE ({', '.join(PLACES)}, attributes, resource) REPLACE ({TIMES}) FROM spans ORDER BY preorder"
WINDOWS = "SELECT preorder, direction, position, message_hash FROM span_messages JOIN spans USING (trace_id, span_id) ORDER BY ALL"
SPENT = "SELECT role, count(*), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd) FROM usage_ledger GROUP BY ALL ORDER BY ALL"
EVENTS = "SELECT preorder, event_index, span_events.name, epoch_ns(time), span_events.attributes::VARCHAR FROM span_events JOIN spans USING (trace_id, span_id) ORDER BY ALL"
LINKS = "SELECT preorder, link_index, linked_span_id, span_links.attributes::VARCHAR FROM span_links JOIN spans USING (trace_id, span_id) ORDER BY ALL"


def attributes_of(lens: al.Lens) -> list[Any]:
    rows = lens.sql("SELECT attributes, resource FROM spans ORDER BY preorder").fetchall()
    return [[json.loads(text or "{}") for text in row] for row in rows]


def assert_reads_back_the_same(lens: al.Lens, path: Path) -> None:
    with al.read(export(lens, path, "otlp"), progress=False) as back:
        spans = count(lens, "SELECT count(*) FROM spans")
        assert back.sql("SELECT format, accepted, rejected FROM sources").fetchall() == [("otlp", spans, 0)]
        for question in (TREE, WINDOWS, SPENT, EVENTS, LINKS):
            assert back.sql(question).fetchall() == lens.sql(question).fetchall()
        assert attributes_of(back) == attributes_of(lens)


def test_otlp_reads_back_to_the_same_spans_messages_and_usage(lens: al.Lens, tmp_path: Path) -> None:
    assert count(lens, "SELECT count(*) FROM span_messages") > 100
    assert_reads_back_the_same(lens, tmp_path / "spans.jsonl")
    for line in (tmp_path / "spans.jsonl").read_text().splitlines():
        ParseDict(json.loads(line), TracesData(), ignore_unknown_fields=False)


@settings(max_examples=5)
@given(forest=forests())
def test_otlp_round_trip_holds_for_any_forest(forest: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("forest")
    (folder / "in.jsonl").write_text("".join(json.dumps(batch([one])) + "\n" for one in forest))
    with al.read(folder / "in.jsonl", progress=False) as lens:
        assert_reads_back_the_same(lens, folder / "out.jsonl")


def test_ids_that_are_no_hex_become_hex_and_the_tree_and_usage_stay(tmp_path: Path) -> None:
    """Sessions have ids of their own; the shape, the windows and the tokens are the same under others."""
    lines = [
        {"type": "user", "uuid": "u1", "parentUuid": None, "sessionId": "s", "timestamp": "2026-01-01T00:00:00Z", "message": {"role": "user", "content": "go"}},
        {"type": "assistant", "uuid": "a1", "parentUuid": "u1", "sessionId": "s", "timestamp": "2026-01-01T00:00:05Z", "requestId": "r1",
         "message": {"id": "m1", "role": "assistant", "model": "claude-sonnet-4-20250514", "content": [{"type": "text", "text": "done"}],
                     "usage": {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 0}}},
    ]  # fmt: skip
    (tmp_path / "s.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with al.read(tmp_path / "s.jsonl", progress=False) as lens:
        path = export(lens, tmp_path / "out.jsonl", "otlp")
        with al.read(path, progress=False) as back:
            shape = "SELECT preorder, depth, subtree_end, name, operation_name, usage_scope, usage_key, input_tokens FROM spans ORDER BY preorder"
            for question in (shape, WINDOWS, SPENT):
                assert back.sql(question).fetchall() == lens.sql(question).fetchall()
            assert all(
                re.fullmatch("[0-9a-f]{16}", span_id) for (span_id,) in back.sql("SELECT span_id FROM spans").fetchall()
            )
            assert count(lens, "SELECT sum(input_tokens) FROM usage_ledger WHERE is_counted") == 107
