"""Other tools can open what is exported, and it holds every span and every finding, counted apart from the exporter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

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
