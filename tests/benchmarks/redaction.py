"""Redaction: how fast a lens is redacted, how many made secrets of forty kinds it misses, and how often ordinary text is hit.

    python tests/benchmarks/redaction.py [--logs FOLDER]... [--ordinary FOLDER]...

Speed is CPU time, of all threads, of `Lens.save(redact=True)`, against the logs' bytes and against a plain save in the same
process. Recall counts a secret as missed when it stands anywhere in any form in what was redacted. Hits are listed by kind with
examples, so that silly ones are seen.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from test_redaction import corpus

import agentlens as al
from agentlens._redaction import Redactor
from agentlens._sensitive import find_sensitive

ROOT = Path(__file__).parents[2]
TEXTS = (".py", ".md", ".txt", ".json", ".jsonl", ".js", ".rst", ".html", ".yaml", ".yml", ".toml", ".ts")
MOST, LARGEST = 60_000_000, 600_000


def speed(folder: Path) -> None:
    """Print what redacting all logs below a folder costs, the best of three."""
    with al.read(folder, progress=False) as lens, tempfile.TemporaryDirectory() as place:
        (size,) = lens.sql("SELECT sum(bytes) FROM sources").fetchall()[0]
        plain, redacted = [], []
        for number in range(3):
            for redact, times in ((False, plain), (True, redacted)):
                began = time.process_time()
                path = lens.save(Path(place) / f"{number}{redact}.duckdb", redact=redact)
                times.append(time.process_time() - began)
        with al.read(path, progress=False) as copy:
            proved, cells = copy.sql("SELECT sum(aggregates), sum(redacted_cells) FROM redaction_proofs").fetchall()[0]
    best = min(redacted)
    print(
        f"{folder}: {size / 1e6:.1f} MB of logs in {best:.2f} CPU-s, {size / 1e6 / best:.1f} MB/s; "
        f"a plain save takes {min(plain):.2f}; {cells:,} cells redacted, {proved} aggregates equal"
    )


def recall(rounds: int) -> None:
    """Print how many made secrets are still there after redaction."""
    texts, values = corpus(rounds)
    redactor = Redactor()
    for text in texts:
        redactor.learn(text)
    redacted = "\n".join(map(redactor.redact, texts))
    missed = [value for value in values if value in redacted or json.dumps(value)[1:-1] in redacted]
    print(f"recall {1 - len(missed) / len(values):.5f}: {len(missed)} of {len(values):,} missed {missed[:5]}")


def ordinary(folders: list[Path]) -> None:
    """Print how often text was hit, by kind, with examples."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in TEXTS and path.is_file()]
    random.Random(3).shuffle(paths)
    hits: defaultdict[str, Counter[str]] = defaultdict(Counter)
    size, began = 0, time.process_time()
    for path in paths:
        if size < MOST and path.stat().st_size < LARGEST:
            text = path.read_text("utf-8", "replace")
            size += len(text)
            for kind, start, end in find_sensitive(text):
                hits[kind][text[start:end]] += 1
    seconds = time.process_time() - began
    print(f"{size / 1e6:.1f} MB of ordinary text, searched at {size / 1e6 / seconds:.1f} MB/s")
    for kind, values in sorted(hits.items(), key=lambda item: -item[1].total()):
        examples = ", ".join(repr(value[:40]) for value in random.Random(1).sample(sorted(values), min(8, len(values))))
        print(
            f"  {kind:24} {len(values):6,} values, {values.total() / size * 1e6:7.2f} hits a MB, {values.total():6,} hits: {examples}"
        )


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--logs", type=Path, action="append")
    parser.add_argument("--ordinary", type=Path, action="append")
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    for folder in given.logs or [ROOT / "datasets"]:
        speed(folder)
    recall(given.rounds)
    ordinary(given.ordinary or [ROOT / "datasets", ROOT / "agentlens", ROOT / "tests"])


if __name__ == "__main__":
    main()
