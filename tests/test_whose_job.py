"""whose_job: who does another's work is named, with the day and the steps; who does what its file says since that day is not."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import agentlens as al
from agentlens import Lens

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
TRUTH: dict[str, Any] = json.loads((DATASETS / "truth" / "whose_job.json").read_text("utf-8"))
PLANTED = {each["id"]: each for each in TRUTH["faults"] + TRUTH["decoys"]}


@pytest.fixture(scope="module")
def lens() -> Lens:
    return al.read(DATASETS / "whose_job", progress=False)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        path.relative_to(folder).as_posix(): gzip.decompress(path.read_bytes())
        if path.suffix == ".gz"
        else path.read_bytes()
        for path in files
    }


def test_the_files_are_what_their_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DATASETS / "generators" / "whose_job.py"), str(tmp_path)], check=True)
    assert contents(tmp_path / "whose_job") == contents(DATASETS / "whose_job")
    assert json.loads((tmp_path / "truth" / "whose_job.json").read_text("utf-8")) == TRUTH


def test_everything_is_read(lens: Lens) -> None:
    counts = TRUTH["counts"]
    assert lens.sql("SELECT count(DISTINCT trace_id), count(*), count(DISTINCT agent_name) FROM spans").fetchall() == [
        (counts["traces"], counts["spans"], counts["agents"])
    ]
    assert lens.sql("SELECT sum(rejected) FROM sources").fetchall() == [(0,)]


def test_the_agent_that_does_the_work_of_another_is_named_and_no_other_is(lens: Lens) -> None:
    rows = lens.sql("SELECT agent_name, score, nearest_other, reason FROM identity_drift").fetchall()
    assert [(name, other) for name, score, other, _ in rows if score] == [("Herald", "Treasurer")]
    assert [name for name, score, _, _ in rows if score is None] == PLANTED["archivist_rarely_works"]["agents"]
    assert "too few to tell" in {name: reason for name, _, _, reason in rows}["Archivist"]


def test_every_planted_step_is_told_from_the_day_it_began_and_worse_than_before(lens: Lens) -> None:
    planted = PLANTED["herald_pays"]
    found = lens.sql(
        "SELECT list(span_id ORDER BY start_time) FILTER (verdict = 'other' AND tool_name IS NOT NULL), "
        "list(span_id ORDER BY start_time) FILTER (boundary IS NOT NULL) FROM identity_alignment WHERE agent_name = 'Herald'"
    ).fetchall()
    assert found == [(planted["span_ids"], planted["crossings"])]
    ((since, first, before, low),) = lens.sql(
        "SELECT away_since, start_time, score_before, score_low FROM identity_drift, spans WHERE spans.agent_name = 'Herald' AND "
        "identity_drift.agent_name = 'Herald' AND span_id = $first", first=planted["span_ids"][0],
    ).fetchall()  # fmt: skip
    assert since == first and before < low


def test_the_drift_explorer_says_who_does_anothers_work_since_when_and_names_nobody_else(lens: Lens) -> None:
    said = [note for note in al.Drift(lens)._view["notes"] if "identity_drift" in note]
    assert len(said) == 1
    for words in (
        "Herald does the work of others, mostly of Treasurer,",
        "36 of 91 steps",
        "since 2026-09-11 10:05 UTC",
    ):
        assert words in said[0]


def test_work_that_a_file_gives_since_a_day_is_its_own_since_that_day_and_anothers_without_it(
    lens: Lens, tmp_path: Path
) -> None:
    vans = PLANTED["registrar_books_vans"]["span_ids"]
    query = "SELECT DISTINCT verdict FROM identity_alignment WHERE list_contains($vans, span_id)"
    assert lens.sql(query, vans=vans).fetchall() == [("own",)]
    copy = shutil.copytree(DATASETS / "whose_job", tmp_path / "whose_job")
    (copy / "workspaces" / "registrar" / "SOUL.md").unlink()
    with al.read(copy, progress=False) as without:
        assert without.sql(query, vans=vans).fetchall() == [("other",)]
        assert without.sql("SELECT nearest_other FROM identity_drift WHERE agent_name = 'Registrar'").fetchall() == [
            ("Courier",)
        ]


def test_the_definitions_have_the_two_planted_faults_and_no_other(lens: Lens) -> None:
    conflict, missing = PLANTED["two_decide"], PLANTED["courier_without_principles"]
    rows = lens.sql("SELECT agent_name, fault, detail FROM definition_checks ORDER BY fault, agent_name").fetchall()
    assert rows == [
        *((name, "claimed twice", conflict["detail"]) for name in conflict["agents"]),
        ("Courier", "missing part", missing["detail"]),
    ]


def test_the_changed_identity_file_stands_on_the_release_timeline(lens: Lens) -> None:
    rows = lens.sql(
        "SELECT agent_name, start_time::DATE::VARCHAR, removed, added FROM releases WHERE kind = 'identity_file'"
    )
    assert rows.fetchall() == [(each["agent"], each["date"], [], each["added"]) for each in TRUTH["releases"]]


@pytest.mark.parametrize(
    "text, faults",
    [
        ("# SOUL.md - Who You Are\n\nA helper.\n\n## Core Truths\n\nBe useful.\n\n## Boundaries\n\n- Ask first.\n", {"responsibilities"}),
        ("# SOUL.md - Ralph\n\n## Identité\n\nTu es Ralph.\n\n## Missions\n\n- Veille\n\n## Règles\n\n- Sourcer\n\n## Ce que tu NE fais PAS\n\n- Vendre\n", set()),
        ("Ralph — SOUL.md\n\nWhat you do\n\nRead the news\n\nDecision principles\n\nSlowly\n\nNever\n\nSell\n\n## Me\n\nI am Ralph\n", set()),
        ("# SOUL.md\n\n## 身份\n\n小七\n\n## 核心原则\n\n有主见\n\n## 职责\n\n看新闻\n\n## 边界\n\n不外泄\n", set()),
        ("# SOUL.md\n\n## Тело\n\nТы читаешь новости.\n", {"none of its headings is known as a part of a definition"}),
    ],
    ids=["the usual template", "French", "headings without a mark", "Chinese", "unknown"],
)  # fmt: skip
def test_what_is_missing_is_only_said_of_headings_that_are_understood(
    tmp_path: Path, text: str, faults: set[str]
) -> None:
    (tmp_path / "SOUL.md").write_text(f"---\nname: Ralph\n---\n{text}", encoding="utf-8")
    with al.read(tmp_path, progress=False) as lens:
        assert {detail for (detail,) in lens.sql("SELECT detail FROM definition_checks").fetchall()} == faults


def test_a_real_workspace_in_french_is_not_accused_of_lacking_what_it_says(samples: Path) -> None:
    with al.read(samples / "openclaw_workspace" / "lobsterops" / "config", progress=False) as lens:
        assert lens.sql("FROM definition_checks").fetchall() == []
        assert lens.sql("SELECT count(DISTINCT part) FROM definition_lines").fetchall() == [(4,)]


def test_what_stands_under_no_known_heading_excuses_a_step_and_accuses_nobody(tmp_path: Path) -> None:
    from test_identity_drift import LEDGER, PRESS, defined, scores

    lens = defined(tmp_path, {"Apollo": LEDGER * 5, "Athena": PRESS * 5})
    assert scores(lens)["Apollo"] == (1.0, "Athena")
    for name, more in (
        ("apollo", "reconcile supplier invoices, the general ledger"),
        ("hermes", "press releases, harvest festivals"),
    ):
        path = tmp_path / name / "IDENTITY.md"
        path.write_text(path.read_text() + f"\n## Continuity\n\n- {more}\n")
    with al.read(tmp_path, progress=False) as excused:
        assert scores(excused)["Apollo"] == (0.0, None) and scores(excused)["Athena"] == (1.0, "Apollo")


def test_a_file_that_writes_the_name_of_its_agent_otherwise_is_no_other_agent(tmp_path: Path) -> None:
    from test_identity_drift import LEDGER, PRESS, defined, scores

    with defined(tmp_path, {"Apollo": PRESS * 5, "Athena": LEDGER * 5}) as lens:
        assert scores(lens)["Apollo"] == scores(lens)["Athena"] == (0.0, None)
    (tmp_path / "apollo" / "AGENTS.md").write_text(
        "# AGENTS.md — APOLLO\n\n## Missions\n\n- Press releases, harvest festivals, publish\n"
    )
    (tmp_path / "team.json").write_text(
        json.dumps({"agents": [{"name": "ATHENA", "role": "supplier ledger, reconcile general invoices"}]})
    )
    with al.read(tmp_path, progress=False) as lens:
        assert {name: score for name, (score, _) in scores(lens).items()} == {
            "Apollo": 0.0,
            "Athena": 0.0,
            "Hermes": None,
        }
