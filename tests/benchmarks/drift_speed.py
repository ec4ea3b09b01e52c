"""What drift costs against one scan-and-sort of `spans`: `python tests/benchmarks/drift_speed.py [--spans 1000000] [--rounds 3] [--lens FILE]`.

The bundled fortnight is laid end to end as often as it takes, or a saved lens is opened. The floor is that of `detectors.py`: all columns of `spans`
read and sorted by trace and start. Floor, the views behind `Drift`, each asked alone, and the measuring of all changes take turns; all is warm, for a
round that does not count goes before. Reported are medians in CPU seconds and as multiples of the floor, and what the measuring costs a series.
"""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Callable
from pathlib import Path

from detectors import seconds, sort_spans

import agentlens as al
from agentlens.detectors.drift import measure_drift

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = {
    "observations": "SELECT count(*), sum(value) FROM observations",
    "releases": "SELECT count(*), max(len(added)) FROM releases",
    "drift_series": "SELECT count(*), sum(calls) FROM drift_series",
    "drift_changes": "SELECT count(*), max(len(explanation)) FROM drift_changes",
    "course by agent": "SELECT count(*), sum(value) FROM measures_by()",
    "course by agent, tool, model, operation": "SELECT count(*), sum(value) FROM measures_by(kept := 'unversioned')",
    "course by all, versions too": "SELECT count(*), sum(value) FROM drift_measures",
}


def lengthen(lens: al.Lens, spans: int) -> None:
    """Copy traces with other ids, a fortnight later each time, until there are so many spans."""
    con = lens._con
    one, places = con.execute("SELECT count(*), max(subtree_end) + 1 FROM spans").fetchall()[0]
    copies = spans // one
    for table, columns in (
        ("spans", "trace_id || '-' || copy AS trace_id, preorder + copy * $places AS preorder, subtree_end + copy * $places AS subtree_end, start_time + INTERVAL 14 DAY * copy AS start_time, end_time + INTERVAL 14 DAY * copy AS end_time"),
        ("span_message_ranges", "trace_id || '-' || copy AS trace_id"),
    ):  # fmt: skip
        params = {"copies": copies} | ({"places": places} if "$places" in columns else {})
        con.execute(f"INSERT INTO {table} BY NAME SELECT {table}.* REPLACE ({columns}) FROM {table}, range(1, $copies) AS copies(copy)", params)  # fmt: skip


def works(lens: al.Lens) -> dict[str, Callable[[], object]]:
    """Return what is measured, by name."""
    con = lens._con
    return {
        "floor": lambda: sort_spans(lens),
        "all changes measured": lambda: measure_drift(con),
        **{
            name: functools.partial(lambda question: con.execute(question).fetchall(), question)
            for name, question in QUESTIONS.items()
        },
    }


def show(lens: al.Lens, rounds: int) -> None:
    """Measure in turns and print."""
    count = lens.sql("SELECT count(*) FROM spans").fetchall()[0][0]
    seen: dict[str, list[float]] = {}
    for number in range(rounds + 1):
        for name, work in works(lens).items():
            taken = seconds(work)
            if number:
                seen.setdefault(name, []).append(taken)
    floor = statistics.median(seen.pop("floor"))
    print(f"{count:,} spans; one scan-and-sort takes {floor:.2f} CPU-s", flush=True)
    for name, taken in seen.items():
        print(f"{name:42} {statistics.median(taken):7.2f} CPU-s {statistics.median(taken) / floor:6.2f} x")
    series = lens.sql("SELECT count(*) FROM drift_changes").fetchall()[0][0]
    print(f"{series:,} series, {1000 * statistics.median(seen['all changes measured']) / series:.0f} CPU-ms each")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lens", type=Path)
    chosen = parser.parse_args()
    with al.read(chosen.lens or ROOT / "datasets" / "fortnight", progress=False) as opened:
        if chosen.lens is None:
            lengthen(opened, chosen.spans)
        show(opened, chosen.rounds)
