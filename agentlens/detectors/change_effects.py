"""By how much a series changed: differences of like work with intervals.

A series may also be of distributions, one row an observation and one column a tool: a change is then told in total variation distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BOOTSTRAPS = 400
MOST_RESAMPLED = 2_000


@dataclass(frozen=True)
class Effect:
    """How far a series moved, like compared with like: the difference, its 95 % interval, and the level before."""

    before: float
    after: float
    difference: float
    low: float
    high: float


def measure_effect(values: Floats, strata: Ints, at: int, is_rate: bool, rng: np.random.Generator) -> Effect:
    """Return by how much the values from `at` on differ from those before: medians (means of rates) of like work.

    Each stratum counts as much as its smaller side holds; the interval is a bootstrap within strata and sides. Of
    distributions, the total variation distance of their means: the share that would have to go elsewhere.
    """
    if values.ndim == 2:
        return _distance_effect(values, strata, at, rng)
    center, resample = (np.mean, _resampled_means) if is_rate else (np.median, _resampled_medians)
    sides = [
        (values[:at][strata[:at] == stratum], values[at:][strata[at:] == stratum]) for stratum in np.unique(strata)
    ]
    shared = [(before, after) for before, after in sides if len(before) and len(after)] or [(values[:at], values[at:])]
    weights = np.array([min(len(before), len(after)) for before, after in shared], dtype=float)
    weights /= weights.sum()
    level = float(sum(w * center(before) for w, (before, _) in zip(weights, shared)))
    moved = np.zeros(BOOTSTRAPS)
    difference = 0.0
    for weight, (before, after) in zip(weights, shared):
        difference += weight * float(center(after) - center(before))
        moved += weight * (resample(after, rng) - resample(before, rng))
    low, high = np.quantile(moved, [0.025, 0.975])
    return Effect(level, level + difference, difference, float(low), float(high))


def mean_distributions(values: Floats, strata: Ints, at: int) -> tuple[Floats, Floats]:
    """Return the mean distribution before and from `at` on, over the strata that both sides have, each equally heavy."""
    both = np.intersect1d(strata[:at], strata[at:])
    inside = np.isin(strata, both) if len(both) else np.ones(len(strata), dtype=bool)
    sizes = {stratum: min((strata[:at] == stratum).sum(), (strata[at:] == stratum).sum()) for stratum in both}
    sides = []
    for side in (slice(None, at), slice(at, None)):
        own = strata[side][inside[side]]
        weights = np.array([sizes[one] / (own == one).sum() for one in own]) if len(both) else np.ones(len(own))
        sides.append(np.asarray(np.average(values[side][inside[side]], axis=0, weights=weights)))
    return sides[0], sides[1]


def _distance_effect(values: Floats, strata: Ints, at: int, rng: np.random.Generator) -> Effect:
    """Return the total variation distance between the sides; a basic bootstrap, which takes back what chance adds to it."""

    def distance(places: Ints) -> float:
        before, after = mean_distributions(values[places], strata[places], at)
        return float(np.abs(after - before).sum() / 2)

    observed = distance(np.arange(len(values)))
    sides = [np.flatnonzero(strata[:at] == one) for one in np.unique(strata[:at])]
    others = [np.flatnonzero(strata[at:] == one) + at for one in np.unique(strata[at:])]
    drawn = np.array([
        distance(np.concatenate([part[rng.integers(0, len(part), len(part))] for part in (*sides, *others)]))
        for _ in range(BOOTSTRAPS // 2)
    ])  # fmt: skip
    low, high = np.clip(2 * observed - np.quantile(drawn, [0.975, 0.025]), 0, 1)
    return Effect(0.0, observed, observed, float(low), float(high))


def slope_effect(values: Floats, times: Floats, strata: Ints) -> Effect:
    """Return how far a series drifted from its first to its last observation: Theil and Sen's slope with its interval."""
    from scipy.stats import theilslopes

    centred = values.copy()
    for stratum in np.unique(strata):
        centred[strata == stratum] -= np.median(values[strata == stratum])
    slope, _, low, high = theilslopes(centred, times)
    length = float(times[-1] - times[0])
    middle = float(np.median(values))
    return Effect(middle - slope * length / 2, middle + slope * length / 2, slope * length, low * length, high * length)


def _resampled_means(values: Floats, rng: np.random.Generator) -> Floats:
    drawn = values[rng.integers(0, len(values), (BOOTSTRAPS, min(len(values), MOST_RESAMPLED)))]
    return np.asarray(drawn.mean(axis=1))


def _resampled_medians(values: Floats, rng: np.random.Generator) -> Floats:
    """Return medians of bootstrap samples without drawing the samples: of so many uniform draws, the middle one follows a beta distribution."""
    in_order, count = np.sort(values), len(values)
    size = min(count, MOST_RESAMPLED)
    lower = (size + 1) // 2
    middle = rng.beta(lower, size - lower + 1, BOOTSTRAPS)
    # Of an even number of draws two are in the middle: the upper one is the least of those above the lower.
    upper = middle if size % 2 else middle + (1 - middle) * rng.beta(1, size - lower, BOOTSTRAPS)
    return np.asarray(sum(in_order[np.minimum((at * count).astype(np.int64), count - 1)] for at in (middle, upper)) / 2)
