"""Lineage against the truth: every hop of what was planted, and nothing else; and the bytes of real logs."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lens_builder import read_steps
from lineage_worlds import make_world

import agentlens as al
from agentlens import Lens

DATASETS = Path(__file__).parents[1] / "datasets"
TRUTH: dict[str, Any] = json.loads((DATASETS / "truth" / "lineage.json").read_text("utf-8"))
INCIDENTS = {incident["id"]: incident for incident in TRUTH["incidents"]}
PLANTED = [(name, value) for name, incident in INCIDENTS.items() for value in incident["hops"]]


@pytest.fixture(scope="module")
def lens() -> Iterator[Lens]:
    with al.read(DATASETS / "lineage", progress=False) as lens:
        yield lens


def test_the_incidents_are_what_their_generator_writes(tmp_path: Path) -> None:
    program = DATASETS / "generators" / "lineage.py"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "random"}
    subprocess.run([sys.executable, str(program), str(tmp_path)], check=True, env=environment)
    written = {path.name: path.read_bytes() for path in (tmp_path / "lineage").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (DATASETS / "lineage").iterdir()}
    assert (tmp_path / "truth" / "lineage.json").read_bytes() == (DATASETS / "truth" / "lineage.json").read_bytes()


def hops_of(lens: Lens, value: str) -> set[tuple[str | None, str]]:
    """Return the hops of a value as written."""
    return {(row[4], row[5]) for row in lens.origin(value).fetchall() if row[1] != "similar"}


@pytest.mark.parametrize(("name", "value"), PLANTED)
def test_every_planted_hop_is_found_and_no_other(lens: Lens, name: str, value: str) -> None:
    planted = {(hop["from_span_id"], hop["to_span_id"]) for hop in INCIDENTS[name]["hops"][value]}
    assert hops_of(lens, value) == planted


@pytest.mark.parametrize(("name", "value"), PLANTED)
def test_the_flow_graph_holds_every_planted_hop_between_steps(lens: Lens, name: str, value: str) -> None:
    edges = set(lens.sql("SELECT from_span_id, to_span_id FROM flow_edges WHERE kind <> 'parent'").fetchall())
    planted = {(hop["from_span_id"], hop["to_span_id"]) for hop in INCIDENTS[name]["hops"][value]}
    missing = {hop for hop in planted if hop[0]} - edges
    assert len(missing) <= 0.05 * len(planted)


def test_a_rounded_figure_is_similar_and_nowhere_else(lens: Lens) -> None:
    told = INCIDENTS["wrong_figure"]["similar"]
    rows = lens.origin(INCIDENTS["wrong_figure"]["ask"]).fetchall()
    assert {row[5] for row in rows if row[1] == "similar"} == {told["span_id"]}


def test_a_mark_that_a_summary_drops_is_a_lost_value(lens: Lens) -> None:
    told = INCIDENTS["lost_flag"]["lost"]
    lost = lens.sql("SELECT span_id, value FROM context_lost_values()").fetchall()
    assert (told["span_id"], told["value"]) in lost
    assert "31,405" not in {value for _, value in lost}


def test_what_a_thin_brief_left_out_was_found_again(lens: Lens) -> None:
    told = INCIDENTS["thin_brief"]["handoff"]
    rows = lens.sql(
        "SELECT span_id, values_found_again, span_ids, values_returned, values_kept FROM handoff_losses"
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    assert found[told["span_id"]] == ([told["missing"]], [told["found_again"]], sorted(told["returned"]), told["kept"])
    assert all(again == [] for span, (again, *_) in found.items() if span != told["span_id"])


def test_values_travel_as_planned_in_worlds_of_another_make(tmp_path: Path) -> None:
    worlds = [make_world(seed) for seed in range(8)]
    with read_steps(tmp_path, [step for world in worlds for step in world.steps]) as lens:
        found = [(way, hops_of(lens, value)) for world in worlds for value, way in world.ways.items()]
    planned = sum(len(way) for way, _ in found)
    hits = sum(len(way & hops) for way, hops in found)
    assert hits >= 0.95 * planned
    assert hits >= 0.95 * sum(len(hops) for _, hops in found)


# --- real logs -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["claude_code", "pi_openclaw", "codex"])
def real(request: pytest.FixtureRequest, samples: Path) -> Iterator[Lens]:
    with al.read(samples / request.param, progress=False) as lens:
        yield lens


def flat(text: str) -> str:
    """Return what a JSON text says, whatever the order of its keys and its blanks; other texts as they are."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, list) and all(
        isinstance(block, dict) and isinstance(block.get("text"), str) for block in value
    ):
        return "\n".join(block["text"] for block in value)
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else text


def texts_of(message: str) -> set[str]:
    """Return the texts of the parts of a message."""
    given = [part.get(key) for part in json.loads(message) for key in ("content", "response", "arguments")]
    return {flat(text if isinstance(text, str) else json.dumps(text)) for text in given if text}


def said_by(lens: Lens, span_ids: set[str]) -> dict[str, set[str]]:
    """Return every text that the steps said or were given, read from the evidence tables with the standard library."""
    texts: dict[str, set[str]] = {span_id: set() for span_id in span_ids}
    for span_id, *given in lens.sql("SELECT span_id, tool_call_arguments, tool_call_result FROM spans").fetchall():
        if span_id in texts:
            texts[span_id].update(flat(text) for text in given if text)
    messages = {
        name: texts_of(parts)
        for name, parts in lens.sql("SELECT message_hash, parts::VARCHAR FROM messages").fetchall()
    }
    for span_id, name in lens.sql("SELECT DISTINCT span_id, message_hash FROM span_messages").fetchall():
        if span_id in texts:
            texts[span_id] |= messages[name]
    return texts


def test_what_is_carried_stands_byte_for_byte_at_both_ends(real: Lens) -> None:
    edges = real.sql("SELECT DISTINCT from_span_id, to_span_id FROM flow_edges WHERE kind = 'carried'").fetchall()
    texts = said_by(real, {span for edge in edges for span in edge})
    assert len(edges) > 300
    assert [edge for edge in edges if not texts[edge[0]] & texts[edge[1]]] == []


def words_of(text: str) -> str:
    """Return the words of a text, apart from one another by single blanks; the keys of JSON objects are none."""
    if text.lstrip()[:1] in '[{"':
        text = re.sub(r'\\*"\w+\\*"\s*:', " ", text)
    return " ".join(re.findall(r"[^\W_]+", re.sub(r"\\+[nrtbf\"]|\\+u0[0-9a-f]{3}", " ", text))).lower()


def test_what_is_quoted_stands_word_for_word_at_both_ends(real: Lens) -> None:
    query = "SELECT from_span_id, to_span_id, passed FROM flow_edges WHERE kind = 'quoted' AND from_span_id IS NOT NULL"
    edges = sorted(real.sql(query).fetchall())
    drawn = random.Random(7).sample(edges, min(50, len(edges)))
    said = said_by(real, {span for edge in drawn for span in edge[:2]})
    texts = {span: " | ".join(map(words_of, told)) for span, told in said.items()}
    wrong = [edge for edge in drawn if any(words_of(edge[2]) not in texts[span] for span in edge[:2])]
    assert len(wrong) <= 0.04 * len(drawn), wrong
