"""An archive keeps the bytes of logs under their hash, adds only what is new, loses nothing, and is read like the folder it was."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import CliRunner

from agentlens import AgentLensError, Lens, read
from agentlens._archive import archive, kept_files
from agentlens.cli import main

WAVE_14 = Path(__file__).parents[1] / "datasets" / "wave_14"
EVIDENCE = ("spans", "messages", "status_reports", "agent_messages", "documents", "sections", "agents", "rejects")


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Return every file below a folder with its time of change and hash."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in paths
    }


def rows(lens: Lens) -> dict[str, list[tuple[Any, ...]]]:
    """Return all evidence, in an order of its own."""
    return {table: sorted(lens.sql(f"FROM {table}").fetchall(), key=repr) for table in EVIDENCE}


def load(path: Path, **options: Any) -> Lens:
    return read(path, progress=False, **options)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WAVE_14, tmp_path / "logs"))


def test_every_file_comes_back_byte_for_byte_under_its_hash(logs: Path, tmp_path: Path) -> None:
    run = archive(logs, tmp_path / "kept")
    files = sorted(path for path in logs.rglob("*") if path.is_file())
    assert (run.files, run.added, run.bytes) == (len(files), len(files), sum(path.stat().st_size for path in files))
    assert run.stored_bytes < run.bytes / 5
    entries = [
        json.loads(line)
        for manifest in (tmp_path / "kept" / "runs").iterdir()
        for line in manifest.read_text().splitlines()
    ]
    assert {entry["path"] for entry in entries} == {str(path.resolve()) for path in files}
    for entry in entries:
        original = Path(entry["path"]).read_bytes()
        stored = (tmp_path / "kept" / "objects" / f"{entry['sha256']}.zst").read_bytes()
        assert zstandard.ZstdDecompressor().stream_reader(stored).read() == original
        assert (entry["sha256"], entry["bytes"]) == (hashlib.sha256(original).hexdigest(), len(original))


def test_a_second_run_changes_nothing(logs: Path, tmp_path: Path) -> None:
    archive(logs, tmp_path / "kept")
    before = state(tmp_path / "kept")
    assert archive(logs, tmp_path / "kept").added == 0
    assert state(tmp_path / "kept") == before


def test_only_what_is_new_or_has_changed_is_stored(logs: Path, tmp_path: Path) -> None:
    archive(logs, tmp_path / "kept")
    objects = {path.name for path in (tmp_path / "kept" / "objects").iterdir()}
    grown = logs / "agents" / "ares.jsonl"
    grown.write_bytes(grown.read_bytes() * 2)
    (logs / "copy.jsonl").write_bytes((logs / "agents" / "hyperion.jsonl").read_bytes())
    os.utime(logs / "agents" / "hyperion.jsonl")
    run = archive(logs, tmp_path / "kept")
    added = {path.name for path in (tmp_path / "kept" / "objects").iterdir()} - objects
    assert added == {f"{hashlib.sha256(grown.read_bytes()).hexdigest()}.zst"}
    assert run.added == 2


def test_files_that_vanish_and_earlier_states_stay(logs: Path, tmp_path: Path) -> None:
    archive(logs, tmp_path / "kept")
    before = state(tmp_path / "kept")
    with load(logs) as lens:
        expected = rows(lens)
    shutil.rmtree(logs / "spans")
    (logs / "agents" / "ares.jsonl").write_text("{}\n")
    archive(logs, tmp_path / "kept")
    assert before.items() <= state(tmp_path / "kept").items()
    with load(tmp_path / "kept") as lens:
        assert len(rows(lens)["spans"]) == len(expected["spans"]) - len(
            (WAVE_14 / "agents" / "ares.jsonl").read_text().splitlines()
        )


def test_an_archive_reads_as_the_folder_it_was_with_the_paths_it_had(logs: Path, tmp_path: Path) -> None:
    archive(logs, tmp_path / "kept")
    sources = "SELECT path, sha256, bytes, format, records, accepted FROM sources ORDER BY path"
    with load(logs) as lens:
        expected, files = rows(lens), lens.sql(sources).fetchall()
    shutil.rmtree(logs)
    with load(tmp_path / "kept") as lens:
        assert rows(lens) == expected
        assert lens.sql(sources).fetchall() == files
        assert all(Path(path).is_file() for (path,) in lens.sql("SELECT stored_at FROM sources").fetchall())


def test_an_archive_inside_the_folder_is_neither_archived_nor_read(logs: Path) -> None:
    archive(logs, logs / "kept")
    assert archive(logs, logs / "kept").added == 0
    with load(logs) as lens:
        assert lens.sql("SELECT count(*) FROM sources WHERE path LIKE '%kept%'").fetchall() == [(0,)]


def test_reading_the_archive_into_a_lens_of_the_folder_adds_nothing(logs: Path, tmp_path: Path) -> None:
    archive(logs, tmp_path / "kept")
    with load(logs, into=tmp_path / "a.duckdb") as lens:
        expected = rows(lens)
    with load(tmp_path / "kept", into=tmp_path / "a.duckdb") as lens:
        assert rows(lens) == expected


def test_a_compressed_log_is_kept_as_it_is_and_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    packed = tmp_path / "logs" / "ares.jsonl.gz"
    packed.write_bytes(gzip.compress((WAVE_14 / "agents" / "ares.jsonl").read_bytes()))
    archive(tmp_path / "logs", tmp_path / "kept")
    [kept] = kept_files(tmp_path / "kept")
    assert kept.stored.read_bytes() == packed.read_bytes() and kept.stored.name == kept.sha256
    with load(tmp_path / "kept") as lens, load(packed) as original:
        assert rows(lens)["spans"] == rows(original)["spans"] != []


def test_a_log_in_utf_16_is_read_from_the_archive_too(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    record = {"timestamp": "2026-04-14T14:00:00Z", "agent": "Apollo", "action": "draft"}
    (tmp_path / "logs" / "log").write_text(json.dumps(record) + "\n", "utf-16")
    archive(tmp_path / "logs", tmp_path / "kept")
    with read(tmp_path / "kept", progress=False) as lens:
        assert lens.sql("SELECT agent_name FROM spans").fetchall() == [("Apollo",)]


def test_a_changed_file_is_read_in_its_last_state(logs: Path, tmp_path: Path) -> None:
    archive(logs, tmp_path / "kept")
    log = logs / "agents" / "ares.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:3]))
    archive(logs, tmp_path / "kept")
    with load(tmp_path / "kept") as lens:
        assert lens.sql("SELECT records FROM sources WHERE path LIKE '%ares.jsonl'").fetchall() == [(3,)]


@pytest.mark.parametrize("what", ["file", "other files", "other layout", "lost object", "torn manifest"])
def test_what_is_no_archive_is_refused_and_left_alone(what: str, logs: Path, tmp_path: Path) -> None:
    output = tmp_path / "kept"
    if what == "file":
        output.write_text("mine")
    elif what == "other files":
        output.mkdir()
        (output / "mine.txt").write_text("mine")
    else:
        archive(logs, output)
        if what == "other layout":
            (output / "agentlens-archive.json").write_text('{"layout": 99}')
        elif what == "lost object":
            next((output / "objects").iterdir()).unlink()
        else:
            next((output / "runs").iterdir()).write_text('{"path": "/x", "by')
    before = state(tmp_path)
    with pytest.raises(AgentLensError):
        if what == "lost object":
            load(output)
        else:
            archive(logs, output)
    assert state(tmp_path) == before


def test_the_command_line_keeps_and_says_how_to_go_on(logs: Path, tmp_path: Path) -> None:
    output = tmp_path / "kept"
    done = CliRunner().invoke(main, ["archive", str(logs), "-o", str(output)])
    assert done.exit_code == 0, done.output
    assert "34 files" in done.output and f"agentlens read {output}" in done.output
    assert "0 new or changed" in CliRunner().invoke(main, ["archive", str(logs), "-o", str(output)]).output
    assert CliRunner().invoke(main, ["archive", str(tmp_path / "absent"), "-o", str(output)]).exit_code == 1
