"""Scores of all detectors on teams of many trades: recall on runs that go wrong, false alarms on runs that do not.

    python tests/benchmarks/team_runs.py [--rounds 6] [--healthy-rounds 20] [--seed 1] [--others] [--rows]

`--only-planted` lets only the detector of the planted failure look, which is quicker. `--together 1000` plays so many healthy runs, twenty of one team in a lens, and says what was found in them. `--lineage` asks instead where planted values came from, and compares hop by hop. `--others` plays trades whose words the rules were never tried on; `--rows` prints every miss and every false alarm.
"""

from __future__ import annotations

import argparse
import collections
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from team_judge import Trail, Verdict, follow_all, judge_together, sweep
from team_words import OTHER_TRADES, TRADES, Trade


def main() -> None:
    """Play, judge and print a table per detector."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--healthy-rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only-planted", action="store_true")
    parser.add_argument("--together", type=int, default=0)
    parser.add_argument("--lineage", action="store_true")
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--rows", action="store_true")
    options = parser.parse_args()
    trades = OTHER_TRADES if options.others else TRADES
    if options.lineage:
        return _print_trails(list(follow_all(trades, options.rounds, options.seed)), options.rows)
    if options.together:
        return _print_together(trades, options.together, options.seed)
    failing = list(sweep(True, trades, options.rounds, options.seed, options.only_planted))
    healthy = list(sweep(False, trades, options.healthy_rounds, options.seed))
    _print(failing, healthy)
    if options.rows:
        _print_rows(failing, healthy)


def _print(failing: list[Verdict], healthy: list[Verdict]) -> None:
    played = collections.Counter(v.name for v in failing)
    hits = collections.Counter(v.name for v in failing if v.hit)
    wrong = collections.Counter(name for v in healthy for name in {row[0] for row in v.accused})
    beside = collections.Counter(name for v in failing for name in {row[0] for row in v.accused})
    print(f"{'detector':22} {'recall':>14} {'accused':>8} of {len(healthy)} healthy   beside, in failing runs")
    for name in sorted(played.keys() | wrong.keys() | beside.keys()):
        recall = f"{hits[name]}/{played[name]} {hits[name] / played[name]:.2f}" if played[name] else "-"
        print(f"{name:22} {recall:>14} {wrong[name]:8} {beside[name]:24}")
    accused = sum(bool(v.accused) for v in healthy)
    proven = sum(any(row[1] == "proven" for row in v.accused) for v in healthy)
    print(f"recall {sum(hits.values()) / max(len(failing), 1):.3f} of {len(failing)}; healthy runs accused: {accused}, by proven findings: {proven}")  # fmt: skip


def _print_trails(trails: list[Trail], with_rows: bool) -> None:
    sums: dict[str, list[int]] = {}
    for trail in trails:
        for name in (trail.world, "all"):
            old = sums.get(name, [0] * 5)
            sums[name] = [a + b for a, b in zip(old, trail[4:9], strict=True)]
    for name, (needed, found, said, right, near) in sums.items():
        print(f"{name:24} recall {found}/{needed} {found / max(needed, 1):.3f}, precision {right}/{said} {right / max(said, 1):.3f}, ends that depend on one another {near / max(said, 1):.3f}")  # fmt: skip
    for trail in trails if with_rows else ():
        for row in trail.missed:
            print(f"MISS {' '.join(map(str, trail[:4]))}: {row}")
        for row in trail.wrong:
            print(f"WRONG {' '.join(map(str, trail[:4]))}: {row}")


def _print_together(trades: Sequence[Trade], runs: int, seed: int) -> None:
    size, accused, detectors = 20, 0, collections.Counter()
    for lens in range(runs // size):
        rows = judge_together(trades[lens % len(trades)], seed + lens, size)
        accused += len(rows)
        detectors.update((row[0], row[1], row[2]) for row in rows)
        for row in rows:
            print(f"FALSE {trades[lens % len(trades)].key} {seed + lens}: {' | '.join(row)}", flush=True)
    print(f"{accused} findings in {runs} healthy runs, {size} in a lens: {dict(detectors)}")


def _print_rows(failing: list[Verdict], healthy: list[Verdict]) -> None:
    for v in failing:
        if not v.hit:
            print(f"MISS {v.name} {v.play} {v.trade} {v.form} {v.seed}")
    for v in [*failing, *healthy]:
        for row in v.accused:
            print(f"{'BESIDE' if v.name else 'FALSE'} {v.play} {v.trade} {v.form} {v.seed}: {' | '.join(row)}")


if __name__ == "__main__":
    main()
