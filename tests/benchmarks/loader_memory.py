"""Measures what a loader holds in memory while it reads, without the database: it must not grow with the file.

    python tests/benchmarks/loader_memory.py            # every line-based sample
    python tests/benchmarks/loader_memory.py pi codex   # some formats

Each sample is repeated, its identifiers renumbered, to two sizes, and read by a process of its own. Printed are the peaks, and
what a file of 2 GB would take by them, to which the database adds the 750 MB it may use while reading.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = Path(os.environ.get("AGENTLENS_SAMPLES", ROOT.parent / "shared" / "samples"))
SIZES = (24, 96)
_ID = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16,32}|(?:msg|toolu|call|req)_\w{8,}"
)


def main() -> None:
    """Measure the formats that are named, or all; the process that reads is this script again."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("formats", nargs="*")
    options.add_argument("--reading", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.reading:
        return _read(given.formats[0], given.reading)
    for name, sample in sorted(_samples().items()):
        if not given.formats or name in given.formats:
            _measure(name, sample)


def _samples() -> dict[str, bytes]:
    """Return the largest sample of each format that is made of lines."""
    from agentlens._source import detect_compression, read_head
    from agentlens.loaders import all_loaders

    found: dict[str, bytes] = {}
    for path in SAMPLES.rglob("*"):
        if not path.is_file() or path.suffix in (".eval", ".db", ".parquet", ".pb") or detect_compression(path):
            continue
        data = path.read_bytes()
        head = read_head(path, None)
        names = [name for name, loader in all_loaders().items() if loader.sniff(head)]
        if (
            len(names) == 1
            and data.count(b"\n") > 1
            and len(data) > len(found.get(names[0], b""))
            and not _is_document(data)
        ):
            found[names[0]] = data
    return found


def _is_document(data: bytes) -> bool:
    """Whether a file is one JSON value over many lines, which is held whole."""
    return data[:1] in (b"{", b"[") and data.split(b"\n", 1)[0].strip() in (b"{", b"[")


def _measure(name: str, sample: bytes) -> None:
    peaks = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            with path.open("wb") as stream:
                for part in _repeat(sample, size << 20):
                    stream.write(part)
            command = [sys.executable, __file__, name, "--reading", str(path)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:14} {done.stderr.strip().splitlines()[-1]}", flush=True)
                return
            peak, seconds, records = (float(word) for word in done.stdout.split())
            peaks.append(peak)
    slope = (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])
    print(
        f"{name:14} {SIZES[0]} MB: {peaks[0]:5,.0f} MB  {SIZES[1]} MB: {peaks[1]:5,.0f} MB  at 2 GB: {peaks[0] + slope * 2048:6,.0f} MB"
        f"  {SIZES[1] / seconds:5.1f} MB/CPU-s  {records:,.0f} records",
        flush=True,
    )


def _repeat(sample: bytes, size: int) -> Iterator[bytes]:
    """Yield copies of a sample, each with identifiers of its own."""
    written = number = 0
    sample = sample if sample.endswith(b"\n") else sample + b"\n"
    while written < size:
        number += 1
        part = _ID.sub(functools.partial(_renumber, f"{number:06x}".encode()), sample)
        yield part
        written += len(part)


def _renumber(tail: bytes, found: re.Match[bytes]) -> bytes:
    return found[0][: -len(tail)] + tail


def _read(name: str, path: Path) -> None:
    """Read a file by one loader; print the peak memory in MB, the CPU seconds and the number of records."""
    sys.path.insert(0, str(ROOT / "tests"))
    from text_evidence import TABLES

    from agentlens._evidence import Evidence
    from agentlens._source import Source
    from agentlens.loaders import all_loaders

    into = Evidence(TABLES, lambda table, batch: None)
    source = Source(path, 1)
    into.begin(source)
    begun = time.process_time()
    all_loaders()[name].load(source, into)
    into.flush()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(peak, time.process_time() - begun, into.account.records)


if __name__ == "__main__":
    main()
