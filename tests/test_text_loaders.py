"""What the loaders of texts share: bad input ends in rows, each file has one reader, and a mixed folder is read whole."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_evidence import WAVE_14, load
from text_logs import BEAT, BLOCK, CHAT, HEAD, LOG, OLDER, REPORT, tool, turn

from agentlens import read
from agentlens._source import read_head
from agentlens.loaders import aider, all_loaders, heartbeat, json_lines, markdown, pax, specstory

LOADERS = (aider, heartbeat, json_lines, markdown, pax, specstory)


HOSTILE = "<script>alert(1)</script>'; DROP TABLE spans;-- \x1b[31m =cmd|' /C calc'!A0 \u202e {{7*7}} ../../etc/passwd"
UGLY = {
    "empty": b"",
    "blank": b"\n \r\n\t\n",
    "garbage": bytes(range(256)) * 40,
    "ten megabytes in a line": b"# " + b"x" * 10_000_000,
    "ten megabytes of JSON": b'{"timestamp":1,"agent":"' + b"x" * 10_000_000 + b'","action":"a"}',
    "NaN": b'{"timestamp":NaN,"agent":"a","action":"b","tokens":{"prompt":Infinity}}\n',
    "128 bit": b'{"timestamp":100927429609276267646756448943279827607,"agent":1,"action":2,"from":3,"status":5}\n',
    "wrong types": b'{"timestamp":{},"agent":[],"action":{"a":1},"tokens":"x","status":[],"from":{},"to":[1]}\n'
    b'[1]\n"x"\n7\nnull\n',
    "hostile": (
        f"Wave 1 | 2026-01-01 00:00:00\n{HOSTILE}: COMPLETE ({HOSTILE})\n# {HOSTILE}\n"
        f"FROM: {HOSTILE}\nSTATUS: {HOSTILE}\n"
    ).encode(),
    "surrogates": b'{"timestamp":1,"agent":"\\ud800","action":"\\udfff","input":"\\ud83d","output":"\xff\xfe"}\n',
    "deep": b'{"timestamp":1,"agent":' + b"[" * 100_000 + b"\n" + b"> " * 50_000 + b"# x\n" + b"- " * 50_000,
    "torn": b'{"timestamp":1,"agent":"a","action":"b"}\n{"timestamp":2,"agent":"a","ac',
    "specstory torn": (HEAD + turn("User", "2026-02-25 15:40:14Z", tool("Bash", "x"))[:-30]).encode(),
    "specstory without header": b"_**Agent (m 2026-02-25 15:40:20Z)**_\n\nhello",
    "tools never closed": HEAD.encode() + b'\n_**Agent**_\n\n<tool-use data-tool-type="x" data-tool-name="y"\n' * 500,
}


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__.rpartition(".")[2])
@pytest.mark.parametrize("name", UGLY)
def test_bad_input_ends_in_rows_and_the_accounts_balance(tmp_path: Path, loader: ModuleType, name: str) -> None:
    begun = time.monotonic()
    loader.sniff(UGLY[name][:65536])
    load(loader, tmp_path, UGLY[name])
    assert time.monotonic() - begun < 20


SEEDS = [
    CHAT,
    BEAT,
    BLOCK,
    json.dumps(REPORT),
    LOG,
    HEAD + OLDER,
    '{"timestamp":1,"agent":"a","action":"b","input":{"x":"y"},"output":[1]}',
]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=12)), max_size=8))
@settings(max_examples=150)
def test_whatever_is_spoilt_the_accounts_balance_and_places_hold(
    tmp_path: Path, seed: str, spoilt: list[tuple[int, bytes]]
) -> None:
    data = (seed + "\n" + seed).encode()
    for position, piece in spoilt:
        at = position % len(data)
        data = data[:at] + piece + data[at + len(piece) // 2 :]
    for loader in LOADERS:
        loader.sniff(data)
        load(loader, tmp_path, data)


# Files that lie in a folder of samples and are of another format than their folder, with the reason.
EXCEPTIONS = {
    "pax_hf_dataset_rows.jsonl": "pax",  # PAX rows beside skills in markdown
    "BOOT.md": None,  # a text without any heading
}
MINE = {"aider": "aider", "specstory": "specstory", "openclaw_workspace": "markdown", "blog_schema": "markdown"}


def test_exactly_one_of_all_sniffers_claims_each_of_these_files(samples: Path) -> None:
    loaders = all_loaders()
    files = [
        (path, MINE[folder]) for folder in MINE for path in sorted((samples / folder).rglob("*")) if path.is_file()
    ]
    bundled = {"heartbeats": "heartbeat", "pax": "pax", "sessions": "markdown", "agents": "json_lines"}
    files += [
        (path, name)
        for folder, name in bundled.items()
        for path in sorted((WAVE_14 / folder).rglob("*"))
        if path.is_file()
    ]
    for path, expected in files:
        expected_here = EXCEPTIONS.get(path.name, expected)
        claims = [name for name, loader in loaders.items() if loader.sniff(read_head(path, None))]
        assert claims == ([expected_here] if expected_here else []), path


def test_no_text_loader_claims_a_file_of_another_format(samples: Path) -> None:
    foreign = [
        path for path in sorted(samples.rglob("*")) if path.is_file() and path.relative_to(samples).parts[0] not in MINE
    ]
    assert len(foreign) > 100
    for path in (path for path in foreign if path.name not in ("README.md", "spotter_README.md")):  # markdown indeed
        head = read_head(path, "gzip" if path.read_bytes()[:2] == b"\x1f\x8b" else None)
        claims = [loader.__name__ for loader in LOADERS if loader.sniff(head)]
        assert not claims, path


def test_a_mixed_folder_is_read_whole_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(BEAT)
    (tmp_path / "b").write_text(BLOCK)
    (tmp_path / "c.gz").write_bytes(gzip.compress(LOG.encode()))
    (tmp_path / "d.txt").write_text(HEAD + turn("User", "2026-02-25 15:40:14Z", "hi"))
    with read(tmp_path, progress=False) as lens:
        assert lens.sql("SELECT format, accepted FROM sources ORDER BY 1").fetchall() == [
            ("heartbeat", 2), ("markdown", 5), ("pax", 1), ("specstory", 2),
        ]  # fmt: skip
