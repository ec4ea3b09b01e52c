"""Laws of long logs of lines: each is read whole, and what a loader holds meanwhile does not grow with the file.

The logs are made up; `tests/benchmarks/read_memory.py` makes them of two gigabytes.
"""

from __future__ import annotations

import itertools
import json
import sys
import tracemalloc
from pathlib import Path

import pytest
from text_evidence import TABLES, gather

from agentlens import read
from agentlens._evidence import Evidence
from agentlens._source import Source, read_head
from agentlens.loaders import _shelf, all_loaders, gemini_cli, json_lines

sys.path.insert(0, str(Path(__file__).with_name("benchmarks")))
from long_logs import RECORDS, lines


def make(path: Path, name: str, size: int, records: int = 10**9) -> Path:
    path.write_text("".join(itertools.islice(lines(name, size), records)))
    return path


@pytest.mark.parametrize("name", RECORDS)
def test_a_made_up_log_of_every_line_based_format_is_claimed_once_and_read_whole(name: str, tmp_path: Path) -> None:
    path = make(tmp_path / "log", name, 10**9, 60)
    loaders = all_loaders()
    assert [one for one, loader in loaders.items() if loader.sniff(read_head(path, None))] == [name.split()[0]]
    _, account = gather(loaders[name.split()[0]], path)
    assert account.rejected == 0
    assert account.records == account.accepted + sum(account.skipped.values()) >= 60


def test_long_texts_in_the_first_records_hide_no_format(tmp_path: Path) -> None:
    for name in RECORDS:
        records = itertools.islice(lines(name, 10**9, record_size=100_000), 10)
        (tmp_path / name).write_text("".join(records))
    with read(tmp_path, progress=False) as lens:
        found = lens.sql("SELECT parse_filename(path), format, rejected, records > 0 FROM sources").fetchall()
    assert sorted(found) == sorted((name, name.split()[0], 0, True) for name in RECORDS)


@pytest.mark.parametrize("name", ["gemini_cli", "google_adk", "chat_list (a message a line)", "a2a"])
def test_what_a_loader_holds_does_not_grow_with_the_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (_shelf, gemini_cli):
        monkeypatch.setattr(module, "SPOOLED_BYTES", 10_000)
    monkeypatch.setattr(_shelf, "LATEST", 8)
    for limit, least in {"_evidence.BATCH_ROWS": 50, "_evidence.BATCH_BYTES": 100_000, "_evidence.MOST_SEEN": 50,
                         "_message_lists.MOST_HELD": 50, "_source.CHUNK_BYTES": 50_000}.items():  # fmt: skip
        monkeypatch.setattr(f"agentlens.{limit}", least)
    sizes = (5_000, 500_000, 3_000_000)  # the first imports what loaders import late
    _, small, large = (peak(name, make(tmp_path / str(size), name, size)) for size in sizes)
    assert large < small + 500_000


def peak(name: str, path: Path) -> int:
    """Return the most bytes that were held while a loader read a file."""
    into, source = Evidence(TABLES, lambda table, batch: None), Source(path, 1)
    into.begin(source)
    tracemalloc.start()
    all_loaders()[name.split()[0]].load(source, into)
    into.flush()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held


def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    held = []
    into = Evidence(TABLES, lambda table, batch: held.append(batch.num_rows))
    record = {
        "timestamp": "2026-04-14T14:00:00Z",
        "agent": "Apollo",
        "action": "think",
        "input": "brief",
        "output": "draft",
    }
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(record) + "\n")
    for number in range(2_500):
        source = Source(path, number)
        into.begin(source)
        json_lines.load(source, into)
    assert sum(held) > 1_250, "rows of more than half the files are held together"
