"""Whether a series changed, when, and by how much: rank scans with permutation p-values, dates with intervals, effects.

All of it works on ranks within strata (kinds of work), so that neither heavy tails nor another mix of work makes a change.
Every p-value is conditional on the strata; neighbours that resemble each other are paid for by the inflation of the variance.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MIN_SIDE = 5  # fewer observations on a side say nothing about it
MIN_SERIES = 12
MOST_POINTS = 500  # longer series are tested on means of neighbours
FIRST_DRAWS, MORE_DRAWS, TAIL = 199, 1_999, 200
DRAWS_AT_ONCE = 2_000_000
# 95 % of the likelihood ratio of a change point's date lies below: (1 - exp(-x / 2))^2 = 0.95 (Yao 1987).
DATE_LIMIT = 7.35
BOOTSTRAPS = 400


@dataclass(frozen=True)
class Scan:
    """What a scan of a series found: its p-value, whether it is a `step`, a `slope` or `either`, and how dependent it is."""

    p_value: float
    shape: str
    inflation: float


@dataclass(frozen=True)
class Effect:
    """How far a series moved, like compared with like: the difference, its 95 % interval, and the level before."""

    before: float
    after: float
    difference: float
    low: float
    high: float


def rank_within(values: Floats, strata: Ints) -> Floats:
    """Return each value's rank among its own stratum, scaled to mean 0 and variance 1 (0 throughout where all are equal)."""
    from scipy.stats import rankdata

    scores = np.zeros(len(values))
    for stratum in np.unique(strata):
        inside = strata == stratum
        scores[inside] = rankdata(values[inside]) / inside.sum() - (inside.sum() + 1) / (2 * inside.sum())
    spread = float(scores.std())
    return scores / spread if spread > 0 else scores


def scan(values: Floats, strata: Ints, rng: np.random.Generator) -> Scan:
    """Test a series in time order for a step or a slope against every order of the same values within their strata."""
    scores = rank_within(values, strata)
    if not scores.any():
        return Scan(1.0, "none", 1.0)
    scores, strata = _shorten(scores, strata)
    step, line = float(_steps(scores[None])[0]), float(_slopes(scores[None])[0])
    at = best_split(scores)
    inflation = max(_inflation(_without_step(scores, at)), 1.0)
    slope_inflation = max(_inflation(_without_line(scores)), 1.0)
    observed = np.array([step / inflation**0.5, line / slope_inflation**0.5])
    p_step, p_slope = _p_values(observed, scores, strata, rng)
    shape = _shape(scores, at)
    return Scan(min(1.0, 2 * min(p_step, p_slope)), shape, slope_inflation if shape == "slope" else inflation)


def split(values: Floats, strata: Ints, inflation: float) -> list[int]:
    """Return where a series that has changed did so: indices of the first observation after each change.

    Several changes are found by ruptures' kernel change point detection (Arlot, Celisse and Harchaoui 2019) with a
    penalty of three times the logarithm of the length; where it finds none, the best single split stands.
    """
    import ruptures

    scores = rank_within(values, strata)
    penalty = 3 * np.log(len(scores)) * inflation
    found = ruptures.KernelCPD(kernel="linear", min_size=MIN_SIDE).fit(scores[:, None]).predict(pen=float(penalty))
    return [int(at) for at in found[:-1]] or [best_split(scores)]


def best_split(scores: Floats) -> int:
    """Return the index before which and from which on the means differ most."""
    return int(np.argmax(np.abs(_cusum(scores[None])[0]))) + MIN_SIDE


def date_range(values: Floats, strata: Ints, first: int, at: int, end: int, inflation: float) -> tuple[int, int]:
    """Return the earliest and latest index that the change at `at` may have happened at, 95 % of the time (Yao 1987).

    One observation more on either side: ranks of values that hardly overlap leave next to no error to measure it by.
    """
    scores = rank_within(values, strata)[first:end]
    places = np.arange(MIN_SIDE, len(scores) - MIN_SIDE + 1)
    if not len(places):
        return at, at
    errors = _errors_of_splits(scores, places)
    nearest = errors[np.argmin(np.abs(places - (at - first)))]
    likely = places[len(scores) * np.log(errors / max(nearest, 1e-12)) / inflation <= DATE_LIMIT]
    earliest, latest = int(likely[0]) + first - 1, int(likely[-1]) + first + 1
    return max(min(earliest, at), first), min(max(latest, at), end - 1)


def measure_effect(values: Floats, strata: Ints, at: int, is_rate: bool, rng: np.random.Generator) -> Effect:
    """Return by how much the values from `at` on differ from those before: medians (means of rates) of like work.

    Each stratum counts as much as its smaller side holds; the interval is a bootstrap within strata and sides.
    """
    center = np.mean if is_rate else np.median
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
        moved += weight * (_resample(after, center, rng) - _resample(before, center, rng))
    low, high = np.quantile(moved, [0.025, 0.975])
    return Effect(level, level + difference, difference, float(low), float(high))


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


def control(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted so that a limit on them bounds the share of false discoveries (Benjamini and Hochberg)."""
    from scipy.stats import false_discovery_control

    return [float(q) for q in false_discovery_control(np.asarray(p_values))] if len(p_values) else []


def _cusum(rows: Floats) -> Floats:
    """Return for each row the standardised difference of means at every split that leaves MIN_SIDE on both sides."""
    count = rows.shape[1]
    sizes = np.arange(MIN_SIDE, count - MIN_SIDE + 1)
    sums = np.cumsum(rows, axis=1)[:, sizes - 1]
    return np.asarray(sums / np.sqrt(sizes * (count - sizes) / count))


def _steps(rows: Floats) -> Floats:
    return np.asarray(np.abs(_cusum(rows)).max(axis=1))


def _slopes(rows: Floats) -> Floats:
    return np.asarray(np.abs(rows @ _ramp(rows.shape[1])))


@functools.lru_cache(maxsize=64)
def _ramp(count: int) -> Floats:
    ramp = np.arange(count) - (count - 1) / 2
    return np.asarray(ramp / np.sqrt((ramp**2).sum()))


def _p_values(observed: Floats, scores: Floats, strata: Ints, rng: np.random.Generator) -> tuple[float, float]:
    """Return the p-values of a step and a slope: few draws for what is clearly nothing, more for the rest."""
    first = [_p_value(o, d) for o, d in zip(observed, _draw(scores, strata, FIRST_DRAWS, rng))]
    if min(first) > 0.1:
        return first[0], first[1]
    more = [_p_value(o, d) for o, d in zip(observed, _draw(scores, strata, MORE_DRAWS, rng))]
    return more[0], more[1]


def _draw(scores: Floats, strata: Ints, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return both statistics over random orders of the scores within their strata."""
    at_once = max(1, DRAWS_AT_ONCE // len(scores))
    steps, slopes = [], []
    for begin in range(0, draws, at_once):
        rows = np.tile(scores, (min(at_once, draws - begin), 1))
        for stratum in np.unique(strata):
            inside = np.flatnonzero(strata == stratum)
            rows[:, inside] = rng.permuted(rows[:, inside], axis=1)
        steps.append(_steps(rows))
        slopes.append(_slopes(rows))
    return np.concatenate(steps), np.concatenate(slopes)


def _p_value(observed: float, drawn: Floats) -> float:
    """Return the share of draws at least as extreme; past all of them, an exponential tail (after Knijnenburg 2009)."""
    beyond = int((drawn >= observed - 1e-12).sum())
    if beyond >= 10 or len(drawn) <= TAIL:
        return (beyond + 1) / (len(drawn) + 1)
    tail = np.sort(drawn)[-TAIL:]
    excess = float((tail - tail[0]).mean())
    if excess <= 0:
        return (beyond + 1) / (len(drawn) + 1)
    # The tail of a maximum of sums falls faster than an exponential, so this errs on the side of no change.
    return float(max(TAIL / len(drawn) * np.exp(-(observed - tail[0]) / excess), 1e-12))


def _inflation(residuals: Floats) -> float:
    """Return how much more the mean of a dependent series varies than that of an independent one.

    The larger of a long-run variance (Bartlett weights) and that of a first-order autoregression, whose coefficient is
    corrected for the bias of short series from which a level or two was taken (after Kendall 1954).
    """
    count = len(residuals)
    variance = float((residuals**2).mean())
    if variance <= 1e-12:
        return 1.0
    reach = max(1, min(count // 6, int(2 * count ** (1 / 3))))
    lags = [float((residuals[lag:] * residuals[:-lag]).mean()) / variance for lag in range(1, reach + 1)]
    long_run = 1 + 2 * sum((1 - lag / (reach + 1)) * value for lag, value in enumerate(lags, 1))
    first = min((count * lags[0] + 2) / max(count - 6, 1), 0.9)
    return max(long_run, (1 + first) / (1 - first) if first > count**-0.5 else 1.0)


def _without_step(scores: Floats, at: int) -> Floats:
    return np.concatenate([scores[:at] - scores[:at].mean(), scores[at:] - scores[at:].mean()])


def _without_line(scores: Floats) -> Floats:
    ramp = _ramp(len(scores))
    return np.asarray(scores - scores.mean() - ramp * (ramp @ scores))


def _shape(scores: Floats, at: int) -> str:
    """Return which explains the scores: `slope`, `step`, or `either` where the step wins by less than its date is worth."""
    step, line = (float((rest**2).sum()) for rest in (_without_step(scores, at), _without_line(scores)))
    gain = len(scores) * np.log(max(line, 1e-12) / max(step, 1e-12))
    return "slope" if gain < 0 else "step" if gain > np.log(len(scores)) else "either"


def _errors_of_splits(scores: Floats, places: Ints) -> Floats:
    sums, count = np.cumsum(scores), len(scores)
    left, total = sums[places - 1], sums[-1]
    explained = left**2 / places + (total - left) ** 2 / (count - places)
    return np.asarray(np.maximum((scores**2).sum() - explained, 1e-12))


def _shorten(scores: Floats, strata: Ints) -> tuple[Floats, Ints]:
    """Return scores of at most MOST_POINTS groups of neighbours; they are aligned already, so strata fall together."""
    size = -(-len(scores) // MOST_POINTS)
    if size == 1:
        return scores, strata
    groups = np.arange(len(scores)) // size
    means = np.bincount(groups, scores) / np.bincount(groups)
    return means / max(float(means.std()), 1e-12), np.zeros(len(means), dtype=np.int64)


def _resample(values: Floats, center: Any, rng: np.random.Generator) -> Floats:
    drawn = values[rng.integers(0, len(values), (BOOTSTRAPS, min(len(values), 2_000)))]
    return np.asarray(center(drawn, axis=1))
