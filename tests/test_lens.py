"""What a lens does: asks, lists, describes, saves and closes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from otlp_forests import as_lines, attribute, content, read_bytes, span

from agentlens import AgentLensError, Lens, read
from agentlens._lens import _template

SPANS = [
    span(
        0,
        0,
        start=1_700_000_000_000_000_000,
        end=1_700_000_001_000_000_000,
        attributes=[attribute("gen_ai.agent.name", "lead")],
    ),
    span(0, 1, 0, start=1_700_000_000_500_000_000, status={"code": 2}),
]


@pytest.fixture
def lens(tmp_path: Path) -> Iterator[Lens]:
    with read_bytes(tmp_path / "logs", as_lines(SPANS)) as one:
        yield one


def test_a_query_takes_named_values(lens: Lens) -> None:
    assert lens.sql("SELECT span_id FROM spans WHERE name = $name", name="step 1").fetchall() == [("0000000000000002",)]
    assert lens.sql("SELECT $query", query="free").fetchall() == [("free",)]


def test_an_answer_is_a_relation_for_every_frame(lens: Lens) -> None:
    relation = lens.sql("SELECT name, depth FROM spans ORDER BY preorder")
    assert relation.pl().rows() == [("step 0", 0), ("step 1", 1)]
    assert relation.to_arrow_table().num_rows == 2


def test_every_table_and_view_is_an_attribute_and_tab_lists_it(lens: Lens) -> None:
    names = [row[0] for row in lens.sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()]
    assert set(names) <= set(dir(lens))
    assert lens.spans.fetchall() == lens.sql("FROM spans").fetchall()
    with pytest.raises(AttributeError, match=r"lens\.catalog\(\)"):
        _ = lens.no_such_table


def test_the_catalogue_describes_tables_and_columns(lens: Lens) -> None:
    rows = lens.catalog().fetchall()
    assert lens.catalog().columns == ["kind", "name", "column_name", "data_type", "description"]
    assert any(row[1] == "spans" and row[2] == "input_tokens" and "cached" in row[4] for row in rows)


def test_the_summary_says_what_was_read(lens: Lens) -> None:
    assert "2 = 2 accepted + 0 rejected + 0 skipped" in repr(lens)
    assert "<table>" in lens._repr_html_() and "1 with 2 spans" in lens._repr_html_()


def test_the_summary_shows_small_sums_of_money_too(tmp_path: Path) -> None:
    paid = span(0, 0, attributes=[attribute("gen_ai.operation.name", "chat"), attribute("gen_ai.usage.input_tokens", 9),
                                  attribute("gen_ai.usage.cost", 0.0037)])  # fmt: skip
    with read_bytes(tmp_path / "logs", as_lines([paid])) as one:
        assert one.sql("SELECT reported_cost_usd FROM spans").fetchall() == [(0.0037,)]
        assert "0.0037 USD" in repr(one)


def test_a_saved_lens_holds_the_same_and_explains_itself(lens: Lens, tmp_path: Path) -> None:
    path = lens.save(tmp_path / "case.duckdb")
    with read(path) as saved:
        assert content(saved) == content(lens)
        assert saved.catalog().fetchall() == lens.catalog().fetchall()
    with duckdb.connect(str(path), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM catalog").fetchall()[0][0] > 100


def test_saving_replaces_an_older_lens_but_nothing_else(lens: Lens, tmp_path: Path) -> None:
    path = lens.save(tmp_path / "case.duckdb")
    assert lens.save(path) == path
    with read(path) as same, pytest.raises(AgentLensError, match="lives in"):
        same.save(path)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(AgentLensError, match="no lens"):
        lens.save(tmp_path / "notes.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.duckdb", "logs", "notes.txt"]


def test_a_saved_lens_can_be_read_on(lens: Lens, tmp_path: Path) -> None:
    path = lens.save(tmp_path / "case.duckdb")
    (tmp_path / "more.jsonl").write_bytes(as_lines([span(0, 2, 1, start=1_700_000_000_600_000_000)]))
    with read(tmp_path / "more.jsonl", into=path, progress=False) as more:
        assert more.sql("SELECT max(depth), count(*) FROM spans").fetchall() == [(2, 3)]


def test_a_closed_lens_answers_no_more(lens: Lens) -> None:
    with lens:
        pass
    with pytest.raises(duckdb.Error):
        lens.sql("FROM spans").fetchall()


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    with read_bytes(tmp_path / "logs", as_lines(SPANS), into=tmp_path / "case.duckdb") as lens:
        lens.save(tmp_path / "copy.duckdb")
    with pytest.raises(AgentLensError):
        read(tmp_path / "logs", into=tmp_path / "logs" / "0.jsonl", progress=False)
    read(tmp_path / "case.duckdb").close()
    assert list(scratch.iterdir()) == []


def test_a_damaged_empty_lens_is_made_again_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "ada's caches" / "agentlens"
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent))
    _template.cache_clear()
    try:
        made = _template()
        made.write_bytes(made.read_bytes()[:20_000])
        old, recent = folder / "empty-lens-0.duckdb", folder / "empty-lens-1.duckdb"
        for path, age in ((old, 31), (recent, 29)):
            path.touch()
            os.utime(path, (0, time.time() - age * 24 * 3600))
        _template.cache_clear()
        with read_bytes(tmp_path / "logs", as_lines(SPANS)) as lens:
            assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(len(SPANS),)]
        assert sorted(folder.iterdir()) == sorted([made, recent])
    finally:
        _template.cache_clear()


def test_an_empty_lens_is_made_once_for_all_processes(tmp_path: Path) -> None:
    for folder, expected in ((tmp_path / "caches", 1), (tmp_path / "file" / "no folder", 0)):
        (tmp_path / "file").write_text("")
        code = "import sys, agentlens; agentlens.read(sys.argv[1], progress=False).close()"
        log = tmp_path / "log.jsonl"
        log.write_text('{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01","spanId":"02"}]}]}]}\n')
        times = []
        for _ in range(2):
            environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
            subprocess.run([sys.executable, "-c", code, str(log)], check=True, env=environment)
            times.append([file.stat().st_mtime_ns for file in folder.rglob("*.duckdb")])
        assert times[0] == times[1]
        assert len(times[0]) == expected
