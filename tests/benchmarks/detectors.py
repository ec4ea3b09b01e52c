"""What every detector costs, against one scan-and-sort of `spans` by trace and start.

    python tests/benchmarks/detectors.py [--spans 1000000] [--rounds 3] [--lens FILE] [--only NAME,NAME]

The floor reads every column of `spans` and sorts the rows by trace and start. Processor seconds are compared, each the median
over rounds in which floor and detectors take turns: a busy machine slows all alike. All are warm, for the floor is taken once before
the first round, which would take half as long again. What is gathered once for several detectors
(`drift_changes`, `secrets`, `context_windows`) is measured by itself, as `detect()` gathers it once. The last line says whether all
together stay within 1.5 times the floor for each detector, and none takes more than 5 times.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import agentlens as al
from agentlens import Lens
from agentlens._detect import _GATHERED_FOR, _run, _settle, all_detectors

Works = dict[str, Callable[[Lens], object]]


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--spans", type=int, default=1_000_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--lens", type=Path)
    asked.add_argument("--only", default="")
    options = asked.parse_args()
    names = options.only.split(",") if options.only else list(all_detectors())
    with (
        tempfile.TemporaryDirectory() as folder,
        al.read(options.lens or made(Path(folder), options.spans), progress=False) as lens,
    ):
        show(lens, measured(lens, names, options.rounds))


def made(folder: Path, spans: int) -> Path:
    """Write a file of many traces in a process of its own and return its path."""
    path = folder / "spans.jsonl"
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("generate_otlp.py")), str(path), str(spans)], check=True
    )
    return path


def works(names: list[str]) -> Works:
    """Return what is measured, by name: the floor, what is gathered for the detectors, and the detectors."""
    gathered = {gather.__name__: gather for gather, readers in _GATHERED_FOR.items() if readers & set(names)}
    return {
        "floor": sort_spans,
        **{name: functools.partial(gather_for, gather) for name, gather in gathered.items()},
        **{name: functools.partial(look, name) for name in names},
    }


def measured(lens: Lens, names: list[str], rounds: int) -> dict[str, float]:
    """Return the median processor seconds of the floor, of what is gathered, and of every detector."""
    seen: dict[str, list[float]] = {name: [] for name in works(names)}
    sort_spans(lens)
    for _ in range(rounds):
        for name, work in works(names).items():
            seen[name].append(seconds(functools.partial(work, lens)))
    return {name: statistics.median(times) for name, times in seen.items()}


def gather_for(gather: Callable[[object], None], lens: Lens) -> None:
    """Gather what some detectors read."""
    gather(lens._con)


def look(name: str, lens: Lens) -> None:
    """Run one detector on what was gathered."""
    detector = all_detectors()[name]
    _run(lens._con, detector, _settle(detector, {}))


def sort_spans(lens: Lens) -> None:
    """Read all of `spans` and sort it by trace and start."""
    lens._con.execute(
        "SELECT last(hash) FROM (SELECT hash(*COLUMNS(*)) AS hash FROM (FROM spans ORDER BY trace_id, start_time))"
    ).fetchall()


def seconds(work: Callable[[], object]) -> float:
    """Return the processor seconds that some work takes, on all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def show(lens: Lens, figures: dict[str, float]) -> None:
    """Print each figure, how it compares, and the verdict."""
    floor = figures.pop("floor")
    rows = lens.sql("SELECT count(*) FROM spans").fetchall()[0][0]
    findings = dict(lens.sql("SELECT detector, findings FROM checks").fetchall())
    print(f"{rows:,} spans; one scan-and-sort takes {floor:.2f} processor seconds")
    for name, used in sorted(figures.items(), key=lambda item: -item[1]):
        print(f"{name:24} {used:7.2f} s {used / floor:6.2f} x  {findings.get(name, 0):6} findings")
    total, worst, count = sum(figures.values()), max(figures.values()), len(findings)
    verdict = total <= 1.5 * floor * count and worst <= 5 * floor
    print(f"all {count}: {total:.1f} s, {total / floor / count:.2f} x each; {'kept' if verdict else 'BROKEN'}")
    sys.exit(not verdict)


if __name__ == "__main__":
    main()
