"""What the drift views cost against one scan: `python tests/benchmarks/drift_speed.py [--spans 1000000]`.

The bundled fortnight is laid end to end as often as it takes. Reported in CPU seconds and as multiples of one scan of `spans` (its times, names and
attributes read once): the views behind `Drift`, each asked alone, and the measuring of all changes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import agentlens as al  # noqa: E402
from agentlens.detectors.drift import measure_drift  # noqa: E402

SCAN = (
    "SELECT count(DISTINCT agent_name), max(start_time), sum(duration_ns), max(strlen(attributes::VARCHAR)) FROM spans"
)
QUESTIONS = {
    "observations": "SELECT count(*), sum(value) FROM observations",
    "releases": "SELECT count(*) FROM releases",
    "course by agent": "SELECT count(*) FROM measures_by()",
    "course by agent, tool, model, operation": "SELECT count(*) FROM measures_by(kept := 'unversioned')",
    "course by all, versions too": "SELECT count(*) FROM drift_measures",
}


def lengthen(lens: al.Lens, spans: int) -> int:
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
    return int(con.execute("SELECT count(*) FROM spans").fetchall()[0][0])


def cpu_of(ask: Callable[[], object]) -> float:
    begin = time.process_time()
    ask()
    return time.process_time() - begin


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    lens = al.read(ROOT / "datasets" / "fortnight", progress=False)
    print(f"{lengthen(lens, parser.parse_args().spans):,} spans", flush=True)
    scan = min(cpu_of(lambda: lens._con.execute(SCAN).fetchall()) for _ in range(3))
    print(f"one scan: {scan:.4f} CPU-s", flush=True)
    for name, question in QUESTIONS.items():
        taken = cpu_of(lambda question=question: lens._con.execute(question).fetchall())  # type: ignore[misc]
        print(f"{name}: {taken:.1f} CPU-s, {taken / scan:.1f} scans", flush=True)
    taken = cpu_of(lambda: measure_drift(lens._con))
    print(f"all changes measured: {taken:.1f} CPU-s, {taken / scan:.1f} scans", flush=True)
