"""A large file read by several processes gives what one gives, and a process that dies leaves nothing half-done."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from home_grown_logs import hostile_log
from hypothesis import given
from hypothesis import strategies as st
from otlp_forests import as_lines, assert_accounts_balance, attribute, span

import agentlens._load as loading
import agentlens._read_ahead as ahead
from agentlens import AgentLensError, Lens, read
from agentlens._read_ahead import Ahead
from agentlens._source import BOM, Source
from agentlens.loaders import otlp

TABLES = ("spans", "messages", "span_messages", "span_events", "rejects", "agents", "sources")


def everything(lens: Lens) -> dict[str, Any]:
    """Return all rows of what was read, places and accounts too."""
    return {table: sorted(lens.sql(f"FROM {table}").fetchall(), key=repr) for table in TABLES}


def log_of(first: int, last: int) -> bytes:
    """Return lines of one span each, every seventh of which is no JSON."""
    brief = '[{"role": "user", "parts": [{"type": "text", "content": "the brief"}]}]'
    spans = [
        span(0, n, 0 if n else None, attributes=[attribute("gen_ai.input.messages", brief)]) for n in range(first, last)
    ]
    lines = as_lines(spans, size=1).splitlines(keepends=True)
    return b"".join(b"{torn\n\r\n" + line if n % 7 == 0 else line for n, line in enumerate(lines))


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LEAST_BYTES", 1)
    monkeypatch.setattr(loading, "PIECE_BYTES", 1500)
    monkeypatch.setattr(loading, "workers", lambda: 2)


@pytest.mark.usefixtures("small_pieces")
def test_a_file_read_in_pieces_gives_what_it_gives_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, torn = tmp_path / "log.jsonl", log_of(30, 31)[:-40]
    for name in ("pieces", "once"):
        if name == "once":
            monkeypatch.setattr(loading, "LEAST_BYTES", 10**9)
        log.write_bytes(BOM + log_of(0, 30) + torn)
        read(log, into=tmp_path / f"{name}.duckdb", progress=False).close()
        log.write_bytes(BOM + log_of(0, 30) + log_of(30, 60))
        read(log, into=tmp_path / f"{name}.duckdb", progress=False).close()
    with read(tmp_path / "pieces.duckdb") as pieces, read(tmp_path / "once.duckdb") as once:
        assert everything(pieces) == everything(once)
        assert pieces.sql("SELECT count(*) FROM spans").fetchall() == [(60,)]
        assert_accounts_balance(pieces)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("repeats", [False, True], ids=["no line twice", "lines come again"])
def test_a_home_grown_log_read_in_pieces_gives_what_it_gives_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeats: bool
) -> None:
    record = (
        b'{"timestamp": "2026-04-14T14:23:11Z", "agent_id": "Apollo", "action": "draft", "input": "%d", "model": "m"}\n'
    )
    lines = [record % number for number in range(60)]
    if repeats:
        lines += [lines[3], lines[3], *(record % number for number in range(60, 90)), lines[59], lines[3]]
    log = tmp_path / "log.jsonl"
    for name in ("pieces", "once"):
        if name == "once":
            monkeypatch.setattr(loading, "LEAST_BYTES", 10**9)
        for text in (b"".join(lines)[:-20], b"".join(lines) + b"[1]\n" + hostile_log(5, 40)):
            log.write_bytes(BOM + text)
            read(log, into=tmp_path / f"{name}.duckdb", progress=False).close()
    with read(tmp_path / "pieces.duckdb") as pieces, read(tmp_path / "once.duckdb") as once:
        assert everything(pieces) == everything(once)
        own = pieces.sql(
            "SELECT count(*), count(DISTINCT span_id) FROM spans WHERE name = 'draft' AND request_model = 'm'"
        )
        assert own.fetchall() == [(len(lines), len(lines))]
        assert_accounts_balance(pieces)


@pytest.mark.usefixtures("small_pieces")
def test_log_records_that_come_late_in_a_file_read_in_pieces_keep_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "HEAD_BYTES", 300)
    on_span = {"traceId": span(0, 0)["traceId"], "spanId": span(0, 0)["spanId"]}
    said = [
        on_span
        | {"eventName": "gen_ai.user.message", "body": {"kvlistValue": {"values": [attribute("content", f"no {n}")]}}}
        for n in range(60)
    ]
    batches = [{"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]} for record in said]
    log = tmp_path / "log.jsonl"
    log.write_bytes(log_of(0, 30) + b"".join(json.dumps(batch).encode() + b"\n" for batch in batches) + log_of(30, 60))
    with read(log, progress=False) as pieces:
        monkeypatch.setattr(loading, "LEAST_BYTES", 10**9)
        with read(log, progress=False) as once:
            assert everything(pieces) == everything(once)
        assert_accounts_balance(pieces)
        places = pieces.sql("SELECT position FROM span_messages WHERE span_id = $id ORDER BY 1", id=on_span["spanId"])
        assert places.fetchall() == [(0,), *((n,) for n in range(60))]  # the brief, then what the records say


@pytest.mark.usefixtures("small_pieces")
def test_a_file_that_goes_before_it_is_cut_into_pieces_is_a_reject(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = tmp_path / "gone.jsonl", tmp_path / "kept.jsonl"
    gone.write_bytes(log_of(0, 30))
    kept.write_bytes(log_of(30, 60))
    splits = otlp.splits

    def remove_first(source: Source) -> bool:
        if source.path == gone:
            gone.unlink(missing_ok=True)
        return splits(source)

    monkeypatch.setattr(otlp, "splits", remove_first)
    monkeypatch.setattr(ahead, "MOST_BYTES", 0)
    with read(tmp_path, progress=False) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(30,)]
        [(reason,)] = lens.sql(
            "SELECT reason FROM rejects JOIN sources USING (source_id) WHERE path LIKE '%gone.jsonl'"
        ).fetchall()
        assert "gone.jsonl cannot be read on: No such file" in reason
        assert_accounts_balance(lens)


@given(st.binary(max_size=300).map(lambda text: text.replace(b"\x00", b"\n")), st.integers(1, 60))
def test_pieces_are_the_file_cut_after_line_ends(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, size: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "text"
    path.write_bytes(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "PIECE_BYTES", size)
        found = list(loading.pieces(path, 0, 0, len(text)))
    assert b"".join(text[piece.start : piece.end] for piece in found) == text
    assert all(text[piece.end - 1 : piece.end] == b"\n" for piece in found[:-1])
    assert [piece.start_line for piece in found] == [text[: piece.start].count(b"\n") for piece in found]


@pytest.mark.usefixtures("small_pieces")
def test_a_process_that_dies_leaves_the_old_lens_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    log.write_bytes(log_of(0, 30))
    with read(log, into=case, progress=False) as lens:
        before = everything(lens)
    log.write_bytes(log_of(0, 90))
    monkeypatch.setattr(loading, "load_piece", lambda *_: os._exit(1))
    with pytest.raises(AgentLensError, match="ended from outside"):
        read(log, into=case, progress=False)
    with read(case) as lens:
        assert everything(lens) == before


def fill(folder: Path, first: int, last: int) -> None:
    """Write a folder of small files: spans, broken lines, a torn end, a session, and what no loader knows."""
    for number in range(first, last, 10):
        torn = log_of(number + 10, number + 11)[:-40] if number % 20 else b""
        (folder / f"{number:03}.jsonl").write_bytes(log_of(number, number + 10) + torn)
    (folder / "notes.txt").write_text("no log")
    said = {"type": "user", "uuid": "u", "sessionId": "s", "timestamp": "2026-02-12T15:36:09.570Z"}
    line = json.dumps({**said, "parentUuid": None, "message": {"role": "user", "content": "hello"}})
    (folder / "500.jsonl").write_text(line + "\n" + line[:-20])


@pytest.mark.usefixtures("small_pieces")
def test_a_folder_read_by_several_processes_gives_what_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, groups = tmp_path / "logs", []
    take = Ahead.take
    monkeypatch.setattr(Ahead, "take", lambda *given: groups.append(take(*given)) or groups[-1])
    for name in ("several", "one"):
        if name == "one":
            monkeypatch.setattr(loading, "LEAST_BYTES", 10**9)
            shutil.rmtree(folder)
        folder.mkdir()
        fill(folder, 0, 100)
        read(folder, into=tmp_path / f"{name}.duckdb", progress=False).close()
        (folder / "010.jsonl").write_bytes(log_of(10, 20) + log_of(400, 410))
        fill(folder, 100, 120)
        read(folder, into=tmp_path / f"{name}.duckdb", progress=False).close()
    assert groups.count(True) == 14
    with read(tmp_path / "several.duckdb") as several, read(tmp_path / "one.duckdb") as one:
        assert everything(several) == everything(one)
        assert_accounts_balance(several)
