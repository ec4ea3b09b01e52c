"""What drift detection finds and what it invents: `python tests/benchmarks/drift_power.py [--fleets 1000] [--series 100] [--first 0] [--chart FILE]`.

Null fleets: no series changes. Seven kinds take turns: independent tasks, another mix of work from the middle on, tasks that keep 0.3, 0.5,
0.7 or 0.8 of a value in the next, and fleets of which half the series keep 0.7. Reported: the share of fleets with any discovery at q <= 0.05 (with no true change, that is the false discovery
rate), for like work and for work mixed. Power: one series of a fleet changes, the others do not; reported by size and
length: how often it is found, the median error of its date, and how often the interval of the date holds it. Mixed fleets:
a fifth of the series change; the share of discoveries that are false.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from drift_fleets import made_series

from agentlens.detectors import change_points as cp
from agentlens.detectors.drift import control

LIMIT = 0.05
# How much of each value every second series, and the others, keep in the next.
KINDS = {
    "independent": (0.0, 0.0), "other work": (0.0, 0.0), "keeps 0.3": (0.3, 0.3), "keeps 0.5": (0.5, 0.5),
    "keeps 0.7": (0.7, 0.7), "keeps 0.8": (0.8, 0.8), "half keep 0.7": (0.7, 0.0),
}  # fmt: skip


def null_fleets(first: int, fleets: int, series: int) -> None:
    """Print how many fleets without any change have a discovery."""
    invented: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    mixed = []
    for fleet in range(first, first + fleets):
        rng = np.random.default_rng(fleet)
        name = list(KINDS)[fleet % len(KINDS)]
        made = [
            made_series(rng, int(rng.integers(12, 200)), memory=KINDS[name][number % 2], mix_shift=name == "other work")
            for number in range(series)
        ]
        memory = cp.mean_memory(made)
        q_values = control([cp.scan(values, strata, rng, memory).p_value for values, strata in made])
        invented[name].append(min(q_values) <= LIMIT)
        if name == "other work" and len(mixed) < 30:
            p_values = [cp.scan(values, np.zeros_like(strata), rng, memory).p_value for values, strata in made]
            mixed.append(min(control(p_values)) <= LIMIT)
    everything = [found for kinds in invented.values() for found in kinds]
    print(f"null fleets: {fleets} of {series} series; any discovery at q <= {LIMIT}: {np.mean(everything):.3f}")
    for name, found in invented.items():
        print(f"  {name}: {np.mean(found):.3f} of {len(found)}")
    print(f"  other work, were it not told apart: {np.mean(mixed):.3f} of {len(mixed)}")


def power(draws: int, series: int) -> dict[tuple[int, float], float]:
    """Print how often a change among many series is found, and how well it is dated; return how often, by length and size."""
    shares = {}
    print("observations  change  found  median error (observations)  in the interval")
    for count in (20, 40, 80, 160):
        for step in (0.3, 0.6, 1.0, 2.0):
            found, errors, inside = 0, [], 0
            for draw in range(draws):
                rng = np.random.default_rng(draw)
                values, strata = made_series(rng, count, step=step)
                scan = cp.scan(values, strata, rng)
                # Among `series` the others are null: their p-values are as good as uniform.
                q_values = control([scan.p_value, *rng.uniform(size=series - 1)])
                if q_values[0] > LIMIT:
                    continue
                found += 1
                at = cp.split(values, strata, scan.inflation)[0]
                first, last = cp.date_range(values, strata, 0, at, count, scan.inflation)
                errors.append(abs(at - count // 2))
                inside += first <= count // 2 <= last
            shown = f"{np.median(errors):27.0f}  {inside / found:15.2f}" if found else f"{'-':>27}  {'-':>15}"
            print(f"{count:12}  {step:+6.0%}  {found / draws:5.2f}  {shown}")
            shares[count, step] = found / draws
    return shares


def draw(shares: dict[tuple[int, float], float], series: int, path: str) -> None:
    """Draw how often changes are found, into an SVG or PNG file."""
    rows = [{"tasks": count, "change": f"+{step:.0%}", "found": share} for (count, step), share in shares.items()]
    lengths = sorted({count for count, _ in shares})
    tasks = alt.X("tasks:Q", scale=alt.Scale(type="log", domain=[lengths[0] * 0.9, lengths[-1] * 1.1], nice=False))
    chart = alt.Chart(
        pl.DataFrame(rows),
        title=f"How often a change is found, among {series} series judged together",
        width=420,
        height=220,
    ).encode(
        tasks.axis(alt.Axis(values=lengths, title="tasks observed, half of them after the change")),
        alt.Y("found:Q").axis(format="%"),
        alt.Color("change:N", sort=[row["change"] for row in rows]),
    )
    chart.mark_line(point=True).save(path)


def mixed_fleets(fleets: int, series: int) -> None:
    """Print the share of false ones among the discoveries where a fifth of the series change."""
    shares, found = [], 0
    for fleet in range(fleets):
        rng = np.random.default_rng(10_000 + fleet)
        steps = [1.0 if number % 5 == 0 else 0.0 for number in range(series)]
        made = [made_series(rng, int(rng.integers(40, 160)), step=step) for step in steps]
        q_values = control([cp.scan(values, strata, rng).p_value for values, strata in made])
        chosen = [step for step, q in zip(steps, q_values) if q <= LIMIT]
        shares.append(chosen.count(0.0) / max(len(chosen), 1))
        found += len(chosen) - chosen.count(0.0)
    print(
        f"mixed fleets: {fleets} of {series} series, a fifth doubled; false among discoveries: {np.mean(shares):.3f};"
    )
    print(f"  true ones found: {found / (fleets * len(range(0, series, 5))):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, default=1_000)
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="seed of the first null fleet")
    parser.add_argument("--chart", help="SVG or PNG file in which the power is drawn")
    chosen = parser.parse_args()
    begin = time.process_time()
    null_fleets(chosen.first, chosen.fleets, chosen.series)
    mixed_fleets(max(chosen.fleets // 10, 1), chosen.series)
    shares = power(max(chosen.fleets // 10, 1), chosen.series)
    if chosen.chart:
        draw(shares, chosen.series, chosen.chart)
    print(f"{time.process_time() - begin:.0f} CPU-s")
