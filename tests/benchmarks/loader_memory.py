"""Measures what a loader holds in memory while it reads, without the database: it must not grow with the file.

    python tests/benchmarks/loader_memory.py            # every line-based format
    python tests/benchmarks/loader_memory.py pi codex   # some formats

Logs of two sizes are made up and read, each by a process of its own. Printed are the peaks, and what a file of 2 GB would take by
them, to which the database adds the 750 MB it may use while reading.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from long_logs import RECORDS, lines
from peak_memory import peak_memory

ROOT = Path(__file__).resolve().parents[2]
# Beyond what memos hold at most: what grows from the smaller to the larger size grows with the file.
SIZES = (96, 224)


def main() -> None:
    """Measure the formats that are named, or all; the process that reads is this script again."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("formats", nargs="*")
    options.add_argument("--reading", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.reading:
        return _read(given.formats[0], given.reading)
    for name in given.formats or RECORDS:
        _measure(name)


def _measure(name: str) -> None:
    peaks = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            with path.open("w") as stream:
                stream.writelines(lines(name, size << 20))
            command = [sys.executable, __file__, name.split()[0], "--reading", str(path)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name:30} {done.stderr.strip().splitlines()[-1]}", flush=True)
                return
            peak, seconds, records = (float(word) for word in done.stdout.split())
            peaks.append(peak)
    slope = (peaks[1] - peaks[0]) / (SIZES[1] - SIZES[0])
    print(
        f"{name:30} {SIZES[0]} MB: {peaks[0]:5,.0f} MB  {SIZES[1]} MB: {peaks[1]:5,.0f} MB  at 2 GB: {peaks[0] + slope * 2048:6,.0f} MB"
        f"  {SIZES[1] / seconds:5.1f} MB/CPU-s  {records:,.0f} records",
        flush=True,
    )


def _read(name: str, path: Path) -> None:
    """Read a file by one loader; print the peak memory in MB, the CPU seconds and the number of records."""
    sys.path.insert(0, str(ROOT / "tests"))
    from text_evidence import TABLES

    from agentlens._evidence import Evidence
    from agentlens._load import without_collector
    from agentlens._source import Source
    from agentlens.loaders import all_loaders

    into = Evidence(TABLES, lambda table, batch: None)
    source = Source(path, 1)
    into.begin(source)
    begun = time.process_time()
    with without_collector():
        all_loaders()[name].load(source, into)
        into.flush()
    print(peak_memory() / 2**20, time.process_time() - begun, into.account.records)


if __name__ == "__main__":
    main()
