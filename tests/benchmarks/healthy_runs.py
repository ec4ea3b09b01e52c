"""How often detectors accuse healthy runs, and how many failing runs they find, in three log formats.

    python tests/benchmarks/healthy_runs.py [--healthy 1000] [--failing 20] [--seed 1]

Runs are made by `tests/scenarios.py`; those of one format stand in one lens, half an hour apart, with agents of their own.
Exits 1 when a healthy run is accused or recall falls below 0.95.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from scenario_logs import FORMATS, read_runs
from test_scenarios import DETECTORS, RECALL, failing_runs, fired, healthy_runs


def main() -> None:
    """Make the runs, look, and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--healthy", type=int, default=1000)
    asked.add_argument("--failing", type=int, default=20)
    asked.add_argument("--seed", type=int, default=1)
    options = asked.parse_args()
    is_good = True
    for log_format in FORMATS:
        is_good &= show_healthy(log_format, options.healthy, options.seed)
        is_good &= show_failing(log_format, options.failing, options.seed)
    sys.exit(not is_good)


def show_healthy(log_format: str, count: int, seed: int) -> bool:
    """Print which healthy runs were accused of what; return whether none was."""
    with (
        tempfile.TemporaryDirectory() as folder,
        read_runs(healthy_runs(count, seed), Path(folder), log_format) as lens,
    ):
        found = fired(lens)
    print(f"{log_format}: {len(found)} of {count} healthy runs accused", dict(list(found.items())[:20]))
    return not found


def show_failing(log_format: str, each: int, seed: int) -> bool:
    """Print the recall of each detector; return whether it is high enough in all."""
    runs = failing_runs(each, seed)
    gathered = [run for made in runs.values() for run in made]
    with tempfile.TemporaryDirectory() as folder, read_runs(gathered, Path(folder), log_format) as lens:
        found = fired(lens)
    recall = {
        name: sum(DETECTORS.get(name, name) in found.get(run.number, ()) for run in made) / each
        for name, made in runs.items()
    }
    wanted = {run.number: DETECTORS.get(name, name) for name, made in runs.items() for run in made}
    beside = Counter(
        f"{name} in {wanted.get(number)}" for number, names in found.items() for name in names - {wanted.get(number)}
    )
    print(
        f"{log_format}: recall {sum(recall.values()) / len(recall):.3f}; below 1:",
        {name: r for name, r in recall.items() if r < 1},
    )
    print(f"{log_format}: fired beside the one that was meant:", dict(beside))
    return min(recall.values()) >= RECALL


if __name__ == "__main__":
    main()
