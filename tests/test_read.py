"""Laws of reading: nothing twice, nothing by halves, only what is new, one clear sentence when it cannot be done."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_forests import Span, as_lines, assert_accounts_balance, attribute, batch, content, forests, read_bytes, span

import agentlens._read
from agentlens import AgentLensError, AmbiguousFormat, Lens, UnknownFormat, _finish, read
from agentlens._errors import LensVersionError


def team(first: int, count: int, trace: int = 0) -> list[Span]:
    """Return spans that each say something, under one root."""
    said = [{"role": "user", "parts": [{"type": "text", "content": "the brief"}]}]
    spans = []
    for number in range(first, first + count):
        pairs = [
            attribute(
                "gen_ai.input.messages",
                json.dumps([*said, {"role": "assistant", "parts": [{"type": "text", "content": str(number)}]}]),
            )
        ]
        spans.append(span(trace, number, 0 if number else None, start=number + 1, end=number + 2, attributes=pairs))
    return spans


def everything(lens: Lens) -> dict[str, Any]:
    """Return all that a lens holds, places and sources too."""
    held = {
        table: sorted(lens.sql(f"FROM {table}").fetchall(), key=repr)
        for table in ("spans", "messages", "span_messages", "rejects", "agents")
    }
    columns = "path, sha256, bytes, records, accepted, rejected, skipped, skipped_reasons, first_time, last_time"
    held["sources"] = sorted(lens.sql(f"SELECT {columns} FROM sources").fetchall())
    return held


# --- again, and on ---------------------------------------------------------------------------------------------------


def test_reading_twice_changes_nothing(tmp_path: Path) -> None:
    logs, case = tmp_path / "logs", tmp_path / "case.duckdb"
    read_bytes(logs, as_lines(team(0, 4)), as_lines(team(2, 4)), into=case).close()
    with read(case) as lens:
        before = everything(lens)
    changed = case.stat().st_mtime_ns
    with read(logs, into=case, progress=False) as lens:
        assert everything(lens) == before
    assert case.stat().st_mtime_ns == changed


def test_a_read_leaves_nothing_for_closing_to_write_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written anew to fill row groups may be all of a lens, and only while reading is memory limited."""
    monkeypatch.setattr(_finish, "SLICE_BYTES", 20_000)
    logs, case = tmp_path / "logs", tmp_path / "case.duckdb"
    read_bytes(logs, as_lines(team(0, 1)), into=case).close()
    row_groups = "SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('spans')"
    with read_bytes(logs, as_lines(team(0, 2000)), into=case) as lens:
        left_by_reading = lens.sql(row_groups).fetchall()
    with read(case) as lens:
        assert lens.sql(row_groups).fetchall() == left_by_reading == [(1,)]


def limits_tried(monkeypatch: pytest.MonkeyPatch, memory: int) -> list[int | None]:
    """Set the limit of reading; returns the list in which each limit that is tried will stand, None for no limit."""
    limits, within = list[int | None](), agentlens._read._read_within
    monkeypatch.setattr(agentlens._read, "READ_MEMORY", memory)
    monkeypatch.setattr(
        agentlens._read,
        "_read_within",
        lambda con, memory, **what: limits.append(memory) or within(con, memory, **what),
    )
    return limits


def test_records_too_large_for_the_limit_of_reading_are_read_with_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB takes values by the two thousand: of long texts, no file of some size could be read within the limit."""
    log = tmp_path / "log.jsonl"
    texts = [attribute("text", f"{number}" * 500_000) for number in range(40, 80)]
    log.write_bytes(as_lines([span(0, number, attributes=[pair]) for number, pair in enumerate(texts)]))
    limits = limits_tried(monkeypatch, 40_000_000)
    with read(log, into=tmp_path / "case.duckdb", progress=False) as lens:
        assert_accounts_balance(lens)
        assert lens.sql("SELECT count(*), min(length(attributes)) > 1_000_000 FROM spans").fetchall() == [(40, True)]
    assert limits == [40_000_000, None]


def test_a_long_text_in_every_record_is_read_within_the_limit_of_short_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB takes values by the two thousand: of long texts that would be more than the limit."""
    log, text = tmp_path / "log.jsonl", "".join(map(str, range(7_000)))
    pairs = ([attribute("text", f"{number} {text}"), *asked(number, text)] for number in range(2_100))
    log.write_bytes(as_lines([span(n % 7, n, start=n, attributes=said) for n, said in enumerate(pairs)]))
    limits = limits_tried(monkeypatch, 50_000_000)
    monkeypatch.setattr("agentlens._staging.SLICE_BYTES", 4_000_000)
    monkeypatch.setattr(_finish, "SLICE_BYTES", 4_000_000)
    with read(log, into=tmp_path / "case.duckdb", progress=False) as lens:
        assert_accounts_balance(lens)
        assert lens.sql("SELECT count(*), min(strlen(attributes)) > 26_000 FROM spans").fetchall() == [(2_100, True)]
        assert lens.sql("SELECT count(*), min(bytes) > 26_000 FROM messages").fetchall() == [(2_100, True)]
    assert limits == [50_000_000]


def asked(number: int, text: str) -> list[dict[str, Any]]:
    said = [{"role": "user", "parts": [{"type": "text", "content": f"{number} {text}"}]}]
    return [attribute("gen_ai.input.messages", json.dumps(said))]


@settings(max_examples=5)
@given(forests(most=6), st.data())
def test_a_file_that_grew_in_pieces_equals_one_read_at_once(
    tmp_path_factory: pytest.TempPathFactory, spans: list[Span], data: st.DataObject
) -> None:
    folder, whole = tmp_path_factory.mktemp("grown"), as_lines(spans, size=2)
    cuts = sorted(data.draw(st.sets(st.integers(80, len(whole) - 1), min_size=1, max_size=3)))
    log, case = folder / "log.jsonl", folder / "case.duckdb"
    for cut in [*cuts, len(whole)]:
        log.write_bytes(whole[:cut])
        read(log, into=case, format="otlp", progress=False).close()
    with read(case) as grown, read(log, progress=False) as once:
        assert everything(grown) == everything(once)
        assert_accounts_balance(grown)


def test_only_new_bytes_of_a_grown_file_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    log.write_bytes(as_lines(team(0, 6), size=1))
    read(log, into=case, progress=False).close()
    seen: list[int] = []
    lines = agentlens._read.Source.lines
    monkeypatch.setattr(
        agentlens._read.Source, "lines", lambda self: (seen.append(line.number) or line for line in lines(self))
    )
    log.write_bytes(as_lines(team(0, 8), size=1))
    with read(log, into=case, progress=False) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(8,)]
    assert seen == [7, 8]


@pytest.mark.parametrize("lines", [6, 1])
def test_what_is_written_while_a_file_is_read_is_for_the_next_read(
    lines: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    whole, first = as_lines(team(0, 8), size=1), as_lines(team(0, lines), size=1)
    log.write_bytes(first)
    load_all = agentlens._read._load_all

    def beside_a_writer(*args: Any) -> None:
        log.write_bytes(whole[: len(first) + 20])
        load_all(*args)

    monkeypatch.setattr(agentlens._read, "_load_all", beside_a_writer)
    with read(log, into=case, progress=False) as lens:
        digest = hashlib.sha256(first).hexdigest()
        assert lens.sql("SELECT bytes, sha256, records FROM sources").fetchall() == [(len(first), digest, lines)]
    monkeypatch.undo()
    log.write_bytes(whole)
    with read(log, into=case, progress=False) as grown, read(log, progress=False) as once:
        assert everything(grown) == everything(once)


def test_a_replaced_file_is_read_anew_and_nothing_of_the_old_one_stays(tmp_path: Path) -> None:
    logs, case = tmp_path / "logs", tmp_path / "case.duckdb"
    read_bytes(logs, as_lines(team(0, 5)), as_lines(team(0, 3, trace=1)), into=case).close()
    (logs / "0.jsonl").write_bytes(as_lines(team(0, 2)))
    with read(logs, into=case, progress=False) as again, read(logs, progress=False) as fresh:
        assert everything(again) == everything(fresh)
        assert again.sql("SELECT count(*) FROM span_messages ANTI JOIN messages USING (message_hash)").fetchall() == [
            (0,)
        ]


def test_a_span_dropped_as_a_duplicate_comes_back_when_the_one_that_was_kept_is_gone(tmp_path: Path) -> None:
    logs, case = tmp_path / "logs", tmp_path / "case.duckdb"
    read_bytes(logs, as_lines(team(0, 3)), as_lines(team(0, 3)), into=case).close()
    (logs / "0.jsonl").write_bytes(as_lines(team(7, 1, trace=1)))
    with read(logs, into=case, progress=False) as again, read(logs, progress=False) as fresh:
        assert content(again) == content(fresh)
        assert_accounts_balance(again)


def test_a_later_file_completes_the_trees_of_an_earlier_one(tmp_path: Path) -> None:
    case = tmp_path / "case.duckdb"
    spans = [span(0, 0, start=1), span(0, 1, 0, start=2), span(0, 2, 1, start=3)]
    for name, part in {"b": spans[2:], "a": spans[1:2], "c": spans[:1]}.items():
        (tmp_path / f"{name}.jsonl").write_bytes(as_lines(part))
        read(tmp_path / f"{name}.jsonl", into=case, progress=False).close()
    with read(case) as lens:
        assert lens.sql("SELECT depth, is_orphan FROM spans ORDER BY preorder").fetchall() == [
            (0, False),
            (1, False),
            (2, False),
        ]


def test_a_root_that_comes_later_leaves_each_span_its_own_conversation(tmp_path: Path) -> None:
    ids = {n: [attribute("gen_ai.conversation.id", name)] for n, name in {1: "one", 2: "one", 3: "two"}.items()}
    spans = [span(0, n, n - 1 if n else None, start=n, attributes=ids.get(n, [])) for n in range(4)]
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    for last in (3, 4):
        log.write_bytes(as_lines(spans[::-1][:last], size=1))
        read(log, into=case, progress=False).close()
    with read(case) as grown, read(log, progress=False) as once:
        assert everything(grown) == everything(once)
        known = "SELECT conversation_id, is_conversation_inherited FROM spans ORDER BY preorder"
        assert grown.sql(known).fetchall() == [(None, False), ("one", False), ("one", False), ("two", False)]


def test_a_newer_loader_reads_a_source_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = tmp_path / "case.duckdb"
    read_bytes(tmp_path / "logs", as_lines(team(0, 2)), into=case).close()
    monkeypatch.setattr("agentlens.loaders.otlp.VERSION", 99)
    with read(tmp_path / "logs", into=case, progress=False) as lens:
        assert lens.sql("SELECT loader_version, records FROM sources").fetchall() == [(99, 2)]
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(2,)]


# --- whole or not at all ---------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
import agentlens._read as reading, agentlens._finish as finishing
from agentlens.loaders import otlp

moment, target, log = sys.argv[1:]
def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)
places = {"before": (reading, "_load_all"), "loading": (otlp, "add_otlp_span"), "finishing": (finishing, "_tree"),
          "ending": (reading, "price_models"), "committed": (reading, "end_reading")}
setattr(*places[moment], die)
reading.read(log, into=target, progress=False)
"""


def killed(moment: str, target: Path, log: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, moment, str(target), str(log)], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.parametrize("moment", ["before", "loading", "finishing", "ending"])
def test_a_killed_read_leaves_the_old_lens_whole(moment: str, tmp_path: Path) -> None:
    case = tmp_path / "case.duckdb"
    read_bytes(tmp_path / "logs", as_lines(team(0, 4)), into=case).close()
    with read(case) as lens:
        before = everything(lens)
    (tmp_path / "more.jsonl").write_bytes(as_lines(team(4, 50)))
    killed(moment, case, tmp_path / "more.jsonl")
    with read(case) as lens:
        assert everything(lens) == before


@pytest.mark.parametrize("moment", ["before", "loading", "finishing", "ending", "committed"])
def test_a_killed_read_leaves_no_lens_where_there_was_none(moment: str, tmp_path: Path) -> None:
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    log.write_bytes(as_lines(team(0, 4)))
    killed(moment, case, log)
    assert not case.exists()
    read(log, into=case, progress=False).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["case.duckdb", "log.jsonl"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_read_that_raises_changes_nothing(exists: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = tmp_path / "case.duckdb"
    if exists:
        read_bytes(tmp_path / "logs", as_lines(team(0, 4)), into=case).close()
    (tmp_path / "more.jsonl").write_bytes(as_lines(team(4, 4)))

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agentlens._read.price_models", stop)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "more.jsonl", into=case, progress=False)
    assert case.exists() is exists
    assert [path.name for path in tmp_path.iterdir() if "part" in path.name or "wal" in path.name] == []
    if exists:
        with read(case) as lens:
            assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(4,)]


def test_two_processes_on_one_lens_get_a_clear_sentence(tmp_path: Path) -> None:
    case = tmp_path / "case.duckdb"
    read_bytes(tmp_path / "logs", as_lines(team(0, 1)), into=case).close()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import agentlens, sys; lens = agentlens.read({str(case)!r}); print('open', flush=True); sys.stdin.read()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout and holder.stdout.readline() == b"open\n"
        with pytest.raises(AgentLensError, match="open in another process"):
            read(case)
        with pytest.raises(AgentLensError, match="open in another process"):
            read(tmp_path / "logs", into=case, progress=False)
        holder.communicate(b"")


# --- what is found ---------------------------------------------------------------------------------------------------


def test_files_folders_and_globs_are_read_once_each(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    for name in ("a.jsonl", "deep/b.jsonl", "deep/er/c.log"):
        path = logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_lines([span(0, ord(path.stem))]))
    with read(logs, logs / "a.jsonl", str(logs / "**/*.jsonl"), progress=False) as lens:
        paths = [row[0] for row in lens.sql("SELECT path FROM sources ORDER BY source_id").fetchall()]
    assert paths == [str(logs / name) for name in ("a.jsonl", "deep/b.jsonl", "deep/er/c.log")]


def test_a_pattern_takes_folders_whole_and_strangers_as_in_a_folder(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"run {number}").mkdir()
        (tmp_path / f"run {number}" / "spans").write_bytes(as_lines(team(number, 1)))
    (tmp_path / "run.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with read(tmp_path / "run*", progress=False) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(2,)]
        assert lens.sql("SELECT count(*) FROM rejects").fetchall() == [(1,)]
    with pytest.raises(UnknownFormat, match=r"run\.png"):
        read(tmp_path / "*.png", progress=False)


def test_a_name_with_glob_marks_is_taken_as_a_name_first(tmp_path: Path) -> None:
    path = tmp_path / "run[1]*.jsonl"
    path.write_bytes(as_lines(team(0, 1)))
    with read(path, progress=False) as lens:
        assert lens.sql("SELECT records FROM sources").fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["telemetry", "telemetry.md", "telemetry.duckdb", "case.txt.gz"])
def test_a_format_is_known_by_content_never_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(as_lines(team(0, 1)))
    with read(tmp_path / name, progress=False) as lens:
        assert lens.sql("SELECT format, compression FROM sources").fetchall() == [("otlp", None)]


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress])
def test_compression_is_known_by_content(compress: Any, tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl").write_bytes(compress(as_lines(team(0, 1))))
    with read(tmp_path / "plain.jsonl", progress=False) as lens:
        assert lens.sql("SELECT format, records FROM sources").fetchall() == [("otlp", 1)]


def test_several_gzip_members_and_zstd_frames_are_read_to_the_end(tmp_path: Path) -> None:
    halves = [as_lines(team(0, 2)), as_lines(team(2, 2))]
    for number, compress in enumerate((gzip.compress, zstandard.compress)):
        with read_bytes(tmp_path / str(number), b"".join(map(compress, halves))) as lens:
            assert lens.sql("SELECT records FROM sources").fetchall() == [(4,)]


def test_strangers_in_a_folder_become_rejects(tmp_path: Path) -> None:
    (tmp_path / "notes.xyz").write_bytes(b"\x00\x01\x02 nothing")
    (tmp_path / "empty").write_bytes(b"")
    with read_bytes(tmp_path, as_lines(team(0, 1))) as lens:
        rows = lens.sql(
            "SELECT s.path, r.reason FROM rejects AS r JOIN sources AS s USING (source_id) ORDER BY path"
        ).fetchall()
        assert_accounts_balance(lens)
    assert rows == [
        (str(tmp_path / "empty"), "the file is empty"),
        (str(tmp_path / "notes.xyz"), agentlens._read.UNKNOWN_HERE),
    ]


UNREADABLE = Path("/proc/self/mem")  # a file that opens and cannot be read from its beginning, whoever asks


@pytest.mark.skipif(not UNREADABLE.exists(), reason="only Linux has a file that nobody can read")
def test_a_file_that_cannot_be_read_costs_no_other_and_is_a_sentence_by_name(tmp_path: Path) -> None:
    (tmp_path / "broken").symlink_to(UNREADABLE)
    for _ in range(2):
        with read_bytes(tmp_path, as_lines(team(0, 3)), into=tmp_path / "case.duckdb") as lens:
            assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(3,)]
            [(reason,)] = lens.sql("SELECT reason FROM rejects").fetchall()
            assert_accounts_balance(lens)
        assert "cannot be read: Input/output error" in reason
    assert "cannot be read" in refused(tmp_path / "broken")


def test_a_folder_that_cannot_be_listed_becomes_a_reject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()

    def listing(path: Any, real: Any = os.scandir) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", listing)
    with read_bytes(tmp_path, as_lines(team(0, 1))) as lens:
        assert lens.sql("SELECT path, reason FROM rejects JOIN sources USING (source_id)").fetchall() == [
            (str(tmp_path / "closed"), f"{tmp_path / 'closed'} cannot be read: Is a directory.")
        ]


@pytest.mark.parametrize("moment", ["_plan", "_load_all"])
def test_a_file_that_goes_while_its_folder_is_read_costs_no_other(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jsonl").write_bytes(as_lines(team(number, 1)))
    step = getattr(agentlens._read, moment)

    def after_a_rotation(*args: Any) -> Any:
        (tmp_path / "1.jsonl").unlink()
        return step(*args)

    monkeypatch.setattr(agentlens._read, moment, after_a_rotation)
    with read(tmp_path, progress=False) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(2,)]
        assert_accounts_balance(lens)


def test_a_file_that_two_loaders_claim_costs_no_other_and_is_a_sentence_by_name(tmp_path: Path) -> None:
    path = tmp_path / "both"
    path.write_text(json.dumps({"resourceSpans": [], "batches": [{"scopeSpans": []}]}) + "\n")
    with pytest.raises(AmbiguousFormat, match=r"claimed by otlp and tempo\. Choose one: .*format='otlp'"):
        read(path, progress=False)
    with read_bytes(tmp_path, as_lines(team(0, 3))) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(3,)]
        [(reason,)] = lens.sql("SELECT reason FROM rejects").fetchall()
        assert_accounts_balance(lens)
    assert "claimed by otlp and tempo" in reason
    with read(path, format="otlp", progress=False) as lens:
        assert lens.sql("SELECT format FROM sources").fetchall() == [("otlp",)]


def test_what_was_read_of_a_file_stays_when_it_cannot_be_read_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, case = tmp_path / "logs", tmp_path / "case.duckdb"
    with read_bytes(logs, as_lines(team(0, 3)), into=case) as lens:
        before = everything(lens)

    def closed(path: Path, length: int | None = None) -> str:
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr("agentlens._find.hash_prefix", closed)
    with read(logs, into=case, progress=False) as lens:
        assert everything(lens) == before


def test_links_to_folders_are_followed_once_and_never_back(tmp_path: Path) -> None:
    logs, elsewhere = tmp_path / "logs", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.jsonl").write_bytes(as_lines(team(1, 1)))
    logs.mkdir()
    for name, target in {"linked": elsewhere, "again": elsewhere, "back": logs, "up": tmp_path, "self": "self"}.items():
        (logs / name).symlink_to(target)
    with read_bytes(logs, as_lines(team(0, 1))) as lens:
        assert lens.sql("SELECT path FROM sources ORDER BY path").fetchall() == [
            (str(elsewhere / "b.jsonl"),),
            (str(next(path for path in logs.iterdir() if path.is_file())),),
        ]


def refused(*paths: Any, **options: Any) -> str:
    with pytest.raises(AgentLensError) as caught:
        read(*paths, progress=False, **options)
    return str(caught.value)


def test_a_path_that_does_not_exist_is_named_with_the_nearest_folder_that_does(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "such" / "log.jsonl"
    assert refused(missing) == f"{missing} does not exist. The nearest existing folder is {tmp_path}."
    assert (
        refused(tmp_path / "*.jsonl")
        == f"{tmp_path / '*.jsonl'}: the pattern matches no file. The nearest existing folder is {tmp_path}."
    )
    assert "at least one file" in refused()
    assert "there is no file in it" in refused(tmp_path)


def test_a_file_in_no_known_format_is_told_what_was_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "notes.xyz"
    path.write_bytes(b"\x00\x01\x02 nothing")
    with pytest.raises(UnknownFormat, match="otlp: a key `resourceSpans`"):
        read(path, progress=False)
    with pytest.raises(UnknownFormat, match="no format agentlens knows"):
        read(tmp_path, progress=False)
    path.write_bytes(b"")
    with pytest.raises(UnknownFormat, match="is empty"):
        read(path, progress=False)


def test_a_format_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    assert "known are" in refused(tmp_path / "x", format="xml") or "does not exist" in refused(
        tmp_path / "x", format="xml"
    )


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file nor a folder" in refused(tmp_path / "pipe")


# --- other databases -------------------------------------------------------------------------------------------------


def test_a_lens_of_another_schema_version_is_refused(tmp_path: Path) -> None:
    case = tmp_path / "case.duckdb"
    read_bytes(tmp_path / "logs", as_lines(team(0, 1)), into=case).close()
    with duckdb.connect(str(case)) as con:
        con.execute("UPDATE lens_properties SET value = '0' WHERE name = 'schema_version'")
    with pytest.raises(LensVersionError, match="schema version 0"):
        read(case)
    with pytest.raises(LensVersionError, match="schema version 0"):
        read(tmp_path / "logs", into=case, progress=False)


def test_a_database_that_is_no_lens_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    with duckdb.connect(str(other)) as con:
        con.execute("CREATE TABLE mine (x INTEGER)")
    assert "no lens" in refused(other)
    (tmp_path / "log.jsonl").write_bytes(as_lines(team(0, 1)))
    assert "no lens" in refused(tmp_path / "log.jsonl", into=other)
    with duckdb.connect(str(other)) as con:
        assert con.execute("SELECT table_name FROM duckdb_tables()").fetchall() == [("mine",)]


@pytest.mark.parametrize("length", [1, 100, 8000])
def test_a_file_that_is_no_database_is_never_written_over(length: int, tmp_path: Path) -> None:
    text = tmp_path / "important.txt"
    text.write_bytes(b"k" * length)
    (tmp_path / "log.jsonl").write_bytes(as_lines(team(0, 1)))
    assert "cannot be opened as a lens" in refused(tmp_path / "log.jsonl", into=text)
    assert text.read_bytes() == b"k" * length


def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    case = tmp_path / "case.duckdb"
    read_bytes(tmp_path / "logs", as_lines(team(0, 1)), into=case).close()
    case.write_bytes(case.read_bytes()[:5000])
    assert "cannot be opened as a lens" in refused(case)


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(),
    reason="only Linux says the peak of a process itself: `ru_maxrss` begins with that of its parent",
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    line = json.dumps(batch([span(0, 0, attributes=[attribute("text", "x" * 1000)])])).encode() + b"\n"
    with gzip.open(log, "wb", compresslevel=1) as stream:
        for _ in range(60):
            stream.write(line * 2000)
    script = (
        "import sys, agentlens; agentlens.read(sys.argv[1], progress=False);"
        "print(int(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0]) // 1024)"
    )
    started = time.monotonic()
    peak = int(
        subprocess.run([sys.executable, "-c", script, str(log)], capture_output=True, text=True, check=True).stdout
    )
    assert peak < 1500, f"{peak} MB after {time.monotonic() - started:.0f} s"


def test_the_database_has_its_own_settings_again_after_reading(tmp_path: Path) -> None:
    settings = [f"current_setting('{name}')" for name in ("threads", "memory_limit", "force_compression")]
    question = f"SELECT {', '.join(settings)}"
    with read_bytes(tmp_path / "logs", as_lines(team(0, 4))) as lens, duckdb.connect() as fresh:
        assert lens.sql(question).fetchall() == fresh.execute(question).fetchall()
