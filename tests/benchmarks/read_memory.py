"""Measures the memory that reading takes: a long file of each line-based format, and one with a single line of 64 MB.

    python tests/benchmarks/read_memory.py --folder /somewhere/with/space                  # all formats, 2 GB each
    python tests/benchmarks/read_memory.py --folder /tmp --gigabytes 0.2 otlp codex        # which formats grow?
    python tests/benchmarks/read_memory.py --folder /tmp --gigabytes 0                     # only the long lines
    python tests/benchmarks/read_memory.py --folder /tmp --record-kb 300 --no-long-line    # long texts in every record

Each file is made up, read into a lens on disk by a process of its own, and removed. The limit is 1.5 GB at the peak of the process that reads; more fails, and so does
an account that does not balance, or a rejected record.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from long_logs import RECORDS, lines, one_long
from peak_memory import peak_memory, watch_memory

LIMIT = 1.5 * 2**30
LONG_LINE = 64 * 2**20
Result = tuple[int, float]


def main() -> None:
    """Run the formats that are named, or all; the process that reads is this script again."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("formats", nargs="*", choices=[*RECORDS, []])
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--gigabytes", type=float, default=2.0)
    options.add_argument("--record-kb", type=float, help="characters of text in every record, in thousands")
    options.add_argument("--no-long-line", action="store_true")
    options.add_argument("--reading", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.reading:
        return _read(given.reading)
    given.folder.mkdir(parents=True, exist_ok=True)
    is_fine = True
    for name in given.formats or RECORDS:
        if given.gigabytes:
            what = f"{given.gigabytes:g} GB" + (f" of {given.record_kb:g} kB" if given.record_kb else "")
            record_size = int(given.record_kb * 1000) if given.record_kb else None
            text = lines(name, int(given.gigabytes * 2**30), record_size=record_size)
            is_fine &= _measure(given.folder, name, what, text)
        if not given.no_long_line:
            is_fine &= _measure(given.folder, name, "a line of 64 MB", one_long(name, LONG_LINE))
    print("kept to the limits" if is_fine else "BROKEN: a format took more than 1.5 GB, or failed")
    sys.exit(0 if is_fine else 1)


def _measure(folder: Path, name: str, what: str, text: Iterator[str]) -> bool:
    """Write a log, read it in a process of its own, print what that took; whether it kept to the limits."""
    path = folder / f"read_memory.{name.split()[0]}.log"
    title = f"{name}, {what}"
    try:
        with path.open("w") as stream:
            stream.writelines(text)
        size = path.stat().st_size / 2**20
        command = [sys.executable, __file__, "--folder", str(folder), "--reading", str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader:
            together = watch_memory(reader)
            said, error = reader.communicate()
        if reader.returncode:
            print(f"{title:46} FAILED: {error.strip()[-600:] or reader.returncode}", flush=True)
            return False
        peak, seconds, *account = said.split()
        print(
            f"{title:46} {size:6,.0f} MB  {' '.join(f'{int(count):9,}' for count in account)}  {float(seconds):7.1f} CPU-s  "
            f"{size / float(seconds):5.1f} MB/CPU-s  peak {int(peak) / 2**20:6,.0f} MB, {together / 2**20:6,.0f} MB with workers",
            flush=True,
        )
        return int(peak) <= LIMIT
    finally:
        for leftover in folder.glob(f"{path.stem}*"):
            leftover.unlink()


def _read(path: Path) -> None:
    """Read a file into a lens; print peak memory in bytes, CPU seconds, records, accepted, rejected, skipped."""
    import os

    import agentlens as al

    with al.read(path, into=path.with_suffix(".duckdb"), progress=False) as lens:
        [account] = lens.sql("SELECT records, accepted, rejected, skipped FROM sources").fetchall()
    records, accepted, rejected, skipped = account
    if rejected or records != accepted + skipped:
        sys.exit(f"the account does not balance, or records were rejected: {account}")
    print(peak_memory(), sum(os.times()[:4]), *account)


if __name__ == "__main__":
    main()
