"""Spoils every text field of every sample, one after the other, with every payload: no loader crashes, hangs, or loses a record.

    python tests/benchmarks/hostile_fields.py [--only NAME]... [--samples-each 3] [--payload NAME]...

Prints by loader how many fields there are, how many hold free text, and every fault. `tests/test_hostile_everywhere.py` does
the same with one sample of each format, all payloads in one, and looks at it in a browser.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hostile_corpus import EVERYTHING, PAYLOADS, fields, free_fields, samples_by_loader

from agentlens.loaders import all_loaders

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = Path(os.environ.get("AGENTLENS_SAMPLES", ROOT.parent / "shared" / "samples"))


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append")
    parser.add_argument("--samples-each", type=int, default=3)
    parser.add_argument("--payload", action="append", choices=[*PAYLOADS, "everything"])
    given = parser.parse_args()
    payloads = {
        name: {**PAYLOADS, "everything": EVERYTHING}[name] for name in given.payload or [*PAYLOADS, "everything"]
    }
    loaders, tried, faults = all_loaders(), 0, 0
    with tempfile.TemporaryDirectory() as place:
        for name, group in samples_by_loader(SAMPLES).items():
            if given.only and name not in given.only:
                continue
            began, count, free, found = time.process_time(), 0, 0, []
            for data in group[: given.samples_each]:
                for label, payload in payloads.items():
                    taken, broken = free_fields(name, loaders[name], data, Path(place) / "input", payload)
                    count, free = count + len(fields(data)), free + len(taken)
                    found += [(label, *fault) for fault in broken]
            tried, faults = tried + count, faults + len(found)
            print(
                f"{name:16} {count:7,} fields spoilt, {free:7,} of them free text, {len(found)} faults, {time.process_time() - began:.1f} s"
            )
            for fault in found[:20]:
                print("   ", *fault)
    print(f"{tried:,} fields spoilt, {faults} faults")


if __name__ == "__main__":
    main()
