"""Home-grown records under an id that another record of the file has: an exact repetition is skipped, other content is a reject."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from home_grown_logs import lines

from agentlens import Lens, read
from agentlens._reused_ids import REUSED

RECORD: dict[str, Any] = {
    "timestamp": "2026-04-14T14:23:11Z", "agent_id": "Apollo", "session_id": "s1", "action": "draft", "duration_ms": 5, "span_id": "a",
}  # fmt: skip
OTHER = RECORD | {"action": "send", "duration_ms": 3}
CALL = RECORD | {"action": "chat", "input": "how many?", "output": "four", "tokens": {"prompt": 9, "completion": 1}}


def written(path: Path, *records: dict[str, Any]) -> Path:
    path.write_bytes(lines(*records))
    return path


def account(lens: Lens) -> list[tuple[Any, ...]]:
    """Return accepted, rejected, skipped and the reasons of each source, after checking that they are all records."""
    assert lens.sql("FROM sources WHERE records <> accepted + rejected + skipped").fetchall() == []
    assert (
        lens.sql("SELECT sum(rejected) FROM sources").fetchall() == lens.sql("SELECT count(*) FROM rejects").fetchall()
    )
    found = lens.sql(
        "SELECT accepted, rejected, skipped, skipped_reasons::VARCHAR FROM sources ORDER BY path"
    ).fetchall()
    return [(*counts, json.loads(reasons)) for *counts, reasons in found]


def rejects(lens: Lens) -> list[tuple[Any, ...]]:
    return lens.sql("SELECT source_line, reason, raw FROM rejects ORDER BY ALL").fetchall()


def text(record: dict[str, Any]) -> str:
    return lines(record).decode().strip()


def test_a_record_written_twice_is_skipped(tmp_path: Path) -> None:
    turned = dict(reversed(CALL.items()))
    with read(written(tmp_path / "log.jsonl", CALL, CALL, turned), progress=False) as lens:
        assert account(lens) == [(1, 0, 2, {"duplicate span": 2})]


@pytest.mark.parametrize("other", [OTHER, CALL | {"output": "five"}, CALL | {"input": "how few?"}, CALL | {"note": 1}])
def test_a_used_id_with_other_content_is_one_reject_with_its_text_and_line(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    with read(written(tmp_path / "log.jsonl", CALL, CALL, other), progress=False) as lens:
        assert account(lens) == [(1, 1, 1, {"duplicate span": 1})]
        [(line, reason, raw)] = rejects(lens)
        assert reason == REUSED
        kept = lens.sql("SELECT source_line FROM spans").fetchall()[0][0]
        assert {line, kept} == {3, min(line, kept)}
        assert raw == text([CALL, CALL, other][line - 1])
        assert lens.sql(
            "SELECT count FROM completeness WHERE check_name = 'rejects' AND source_id IS NULL"
        ).fetchall() == [(1,)]


def test_every_text_is_kept_once_whatever_the_order_of_lines(tmp_path: Path) -> None:
    dice = random.Random(3)
    texts = [RECORD | {"span_id": str(n % 7), "duration_ms": n % 20, "action": f"act {n}"} for n in range(60)]
    copies = [dice.choice(texts) for _ in range(40)]
    for _ in range(3):
        records = dice.sample([*texts, *copies], 100)
        with read(written(tmp_path / "log.jsonl", *records), progress=False) as lens:
            assert account(lens) == [(7, 53, 40, {"duplicate span": 40})]
            kept = [text(records[line - 1]) for (line,) in lens.sql("SELECT source_line FROM spans").fetchall()]
            assert Counter([*kept, *(raw for _, _, raw in rejects(lens))]) == Counter(map(text, texts))
            assert all(raw == text(records[line - 1]) for line, _, raw in rejects(lens))


@pytest.mark.parametrize(
    "records", [[CALL, OTHER, OTHER, CALL], [OTHER, OTHER, CALL, OTHER], [OTHER, RECORD, CALL, RECORD]]
)
def test_a_log_that_grows_line_by_line_keeps_what_reading_it_at_once_keeps(
    tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    for count in range(1, len(records) + 1):
        with (
            read(written(log, *records[:count]), into=case, progress=False) as grown,
            read(written(tmp_path / "whole.jsonl", *records[:count]), progress=False) as whole,
        ):
            assert account(grown) == account(whole)
            assert sorted(raw for _, _, raw in rejects(grown)) == sorted(raw for _, _, raw in rejects(whole))
            assert len(rejects(whole)) == len({text(record) for record in records[:count]}) - 1


def test_a_torn_last_line_under_a_used_id_is_counted_once_when_it_is_whole(tmp_path: Path) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    whole = lines(CALL, OTHER, RECORD | {"span_id": "b"})
    for end in (whole.index(b"\n", 1 + whole.index(b"\n")), len(whole)):
        log.write_bytes(whole[:end])
        with read(log, into=case, progress=False) as lens:
            assert [raw for _, _, raw in rejects(lens)] == [text(OTHER)]
            accepted = account(lens)
    assert accepted == [(2, 1, 0, {})]


def test_a_torn_last_line_that_repeats_another_is_skipped_once_when_it_is_whole(tmp_path: Path) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    whole = lines(CALL, CALL, RECORD | {"span_id": "b"})
    for end in (whole.index(b"\n", 1 + whole.index(b"\n")), len(whole)):
        log.write_bytes(whole[:end])
        with read(log, into=case, progress=False) as lens:
            accounts = account(lens)
            assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(accounts[0][0],)]
    assert accounts == [(2, 0, 1, {"duplicate span": 1})]


def test_reading_the_same_folder_again_changes_nothing(tmp_path: Path) -> None:
    logs, case = tmp_path / "logs", tmp_path / "case.duckdb"
    logs.mkdir()
    written(logs / "log.jsonl", CALL, OTHER, CALL)
    with read(logs, into=case, progress=False) as first:
        before = account(first), rejects(first), first.sql("FROM spans").fetchall()
    with read(logs, into=case, progress=False) as again:
        assert (account(again), rejects(again), again.sql("FROM spans").fetchall()) == before
    assert before[0] == [(1, 1, 1, {"duplicate span": 1})]


def test_a_copy_of_a_log_is_still_skipped_and_its_other_records_are_copies(tmp_path: Path) -> None:
    for name in "ab":
        written(tmp_path / f"{name}.jsonl", CALL, OTHER)
    with read(tmp_path, progress=False) as lens:
        assert account(lens) == [(1, 1, 0, {}), (0, 0, 2, {"duplicate span": 2})]
        assert lens.sql("SELECT count(*) FROM span_copies").fetchall() == [(2,)]


def test_lists_and_compressed_logs_keep_the_text_too(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps([CALL, RECORD | {"span_id": "b"}, OTHER], indent=1))
    (tmp_path / "log.jsonl.gz").write_bytes(
        gzip.compress(lines(*(one | {"session_id": "s2"} for one in (CALL, OTHER))))
    )
    with read(tmp_path, progress=False) as lens:
        assert account(lens) == [(2, 1, 0, {}), (1, 1, 0, {})]
        assert sorted(json.loads(raw)["session_id"] for _, _, raw in rejects(lens)) == ["s1", "s2"]
        assert {json.loads(raw)["action"] for _, _, raw in rejects(lens)} == {"send"}
