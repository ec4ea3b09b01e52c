"""Whether a series changed, and when: rank scans with permutation p-values, dates with intervals.

All of it works on ranks within strata (kinds of work), so that neither heavy tails nor another mix of work makes a change.
Every p-value is conditional on the strata. Neighbours that resemble each other are paid for twice: by the inflation of the
variance, and by a second p-value against simulated series that depend on their past as much as this one may. Where series
keep much of each value in the next, a short one cannot show how much, and they wander by themselves: there a change must
also say more than the value before does, by a third p-value (after Andrews 1993). How much they keep is asked of all together.

A series may also be of distributions, one row an observation and one column a tool: its rows then stand in place of ranks,
as square roots, so that distances between them are Hellinger's.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Points = tuple[Floats, Ints]  # of a series: scores, one row a point in time order, and the stratum of each

MIN_SIDE = 5  # fewer observations on a side say nothing about it
MIN_SERIES = 12
MOST_POINTS = 500  # longer series are tested on means of neighbours
MOST_DATED = 2_000  # in longer ones changes are looked for by sums of neighbours
FIRST_DRAWS, MORE_DRAWS, TAIL = 200, 1_999, 200
# Draws end where such a share of at least FIRST_DRAWS, or so many, are beyond what was observed: twice 51 of 2,000 give a p-value above 0.05.
CLEARLY_BEYOND, MORE_BEYOND = 0.1, 50
SURE = 1e-6  # a p-value that the limit on false discoveries leaves standing among thousands of series
DRAWN_AT_ONCE, MOST_DRAWN_AT_ONCE = 30_000, 2_000_000  # numbers
# Numbers in a matrix that OpenBLAS multiplies on one thread; its threads wait busily for each other.
MOST_WITHOUT_THREADS = 9_000
# 95 % of the likelihood ratio of a change point's date lies below: (1 - exp(-x / 2))^2 = 0.95 (Yao 1987).
DATE_LIMIT = 7.35
TIED = 1e-12  # what rounding makes of equal numbers
MOST_MEMORY = 0.95
STRONG_MEMORY = 0.35  # as estimated, which is a little less than is true


@dataclass(frozen=True)
class Scan:
    """What a scan of a series found: its p-value, whether it is a `step`, a `slope` or `either`, and how dependent it is."""

    p_value: float
    shape: str
    inflation: float


def score_within(values: Floats, strata: Ints) -> Floats:
    """Return each value's rank among its own stratum, scaled to mean 0 and variance 1 (0 throughout where all are equal).

    The result has a column for each column of the values; distributions are square roots less those of their stratum.
    """
    if values.ndim == 1:
        scores = _ranks_within(values, strata)[:, None]
    else:
        scores = np.zeros(values.shape)
        for stratum in np.unique(strata):
            inside = strata == stratum
            scores[inside] = np.sqrt(values[inside]) - np.sqrt(values[inside]).mean(axis=0)
    spread = float((scores**2).sum(axis=1).mean()) ** 0.5
    return scores / spread if spread > 1e-9 else np.zeros_like(scores)


def _ranks_within(values: Floats, strata: Ints) -> Floats:
    """Return each value's rank among its own stratum less the mean rank there, by the size of the stratum; equal values share theirs.

    One sort for all strata: a series may have hundreds of them.
    """
    order = np.argsort(values)
    order = order[stable_order(strata[order])]
    sorted_values, sorted_strata = values[order], strata[order]
    is_head = np.concatenate([[True], sorted_strata[1:] != sorted_strata[:-1]])
    heads, ties = (
        np.flatnonzero(is_first)
        for is_first in (is_head, is_head | np.concatenate([[True], sorted_values[1:] != sorted_values[:-1]]))
    )
    sizes, lengths = (np.diff(np.append(firsts, len(values))) for firsts in (heads, ties))
    size = np.repeat(sizes, sizes)
    ranks = np.empty(len(values))
    ranks[order] = (np.repeat(ties + (lengths + 1) / 2, lengths) - np.repeat(heads, sizes)) / size - (size + 1) / (
        2 * size
    )
    return ranks


def stable_order(numbers: Ints) -> Ints:
    """Return the places of some numbers from 0 on in their order; small ones, as most are, in one pass."""
    return np.argsort(numbers.astype(np.int16) if numbers.max(initial=0) < 2**15 else numbers, kind="stable")


def scan(values: Floats, strata: Ints, rng: np.random.Generator, memory: float = 0.0) -> Scan:
    """Test a series in time order for a step or a slope against every order of the same values within their strata.

    `memory` is how much of a value the series that are tested with it keep in the next, as `mean_memory` has it. P-values above 0.05 are rough:
    draws end where they cannot come out below.
    """
    return scan_points(points_of(values, strata), rng, memory)


def points_of(values: Floats, strata: Ints, scores: Floats | None = None) -> Points:
    """Return what of a series is tested: its scores (if they are not given, those of `score_within`), at most MOST_POINTS, and their strata."""
    return _shorten(score_within(values, strata) if scores is None else scores, strata)


def scan_points(points: Points, rng: np.random.Generator, memory: float = 0.0) -> Scan:
    """Return what `scan` does of a series whose points are known."""
    scores, strata = points
    if not scores.any():
        return Scan(1.0, "none", 1.0)
    at = best_split(scores)
    flat = _without_step(scores, at)
    inflation, slope_inflation = float(_inflation(flat[None])[0]), float(_inflation(_without_lines(scores[None]))[0])
    observed = np.array([_steps(scores[None])[0] / inflation**0.5, _slopes(scores[None])[0] / slope_inflation**0.5])
    p_values = _p_values(observed, scores, strata, rng)
    if 2 * min(p_values) <= 0.05:
        own = float(_memory(flat[None])[0])
        strongest = max(own, memory)
        drawn = _remembering(len(scores), strongest if memory > STRONG_MEMORY else own, _spectrum(flat))
        p_values = [max(p, _p_value(o, d)) for p, o, d in zip(p_values, observed, drawn)]
        if strongest > STRONG_MEMORY:
            p_values = [max(p, beside) for p, beside in zip(p_values, _p_beside_memory(scores))]
    shape = _shape(scores, at)
    return Scan(min(1.0, 2 * min(p_values)), shape, slope_inflation if shape == "slope" else inflation)


def mean_memory(series: Iterable[tuple[Floats, Ints]]) -> float:
    """Return how much of a value series keep in the next, on average, steps taken out; the longer the heavier."""
    return mean_memory_of_points(points_of(values, strata) for values, strata in series)


def mean_memory_of_points(series: Iterable[Points]) -> float:
    """Return what `mean_memory` does of series whose points are known."""
    known = [
        (len(scores), float(_memory(_without_step(scores, best_split(scores))[None])[0]))
        for scores, _ in series
        if scores.any()
    ]
    return sum(length * memory for length, memory in known) / max(sum(length for length, _ in known), 1)


def split(values: Floats, strata: Ints, inflation: float) -> list[int]:
    """Return where a series that has changed did so: indices of the first observation after each change.

    Several changes are found by ruptures' kernel change point detection (Arlot, Celisse and Harchaoui 2019) with a
    penalty of three times the logarithm of the length; where it finds none, the best single split stands. Of a long series it sees sums of
    neighbours, and each change then goes to the best place between those beside it.
    """
    import ruptures

    scores = score_within(values, strata)
    size = -(-len(scores) // MOST_DATED)
    sums = scores[: len(scores) // size * size].reshape(-1, size, scores.shape[1]).sum(axis=1) / size**0.5
    penalty = 3 * np.log(len(scores)) * inflation
    least = -(-MIN_SIDE // size)
    found = ruptures.KernelCPD(kernel="linear", min_size=least).fit(sums).predict(pen=float(penalty))
    bounds = [0, *(int(at) * size for at in found[:-1]), len(scores)]
    for place in range(1, len(bounds) - 1) if size > 1 else ():
        before, after = bounds[place - 1], bounds[place + 1]
        beside = scores[before:after]
        bounds[place] = before + best_split(beside - beside.mean(axis=0))
    return bounds[1:-1] or [best_split(scores)]


def best_split(scores: Floats) -> int:
    """Return the index before which and from which on the means differ most."""
    return int(np.argmax(np.abs(_cusum(scores[None])[0]))) + MIN_SIDE


def date_range(values: Floats, strata: Ints, first: int, at: int, end: int, inflation: float) -> tuple[int, int]:
    """Return the earliest and latest index that the change at `at` may have happened at, 95 % of the time (Yao 1987).

    One observation more on either side: ranks of values that hardly overlap leave next to no error to measure it by.
    """
    scores = score_within(values, strata)[first:end]
    places = np.arange(MIN_SIDE, len(scores) - MIN_SIDE + 1)
    if not len(places):
        return at, at
    errors = _errors_of_splits(scores, places)
    nearest = errors[np.argmin(np.abs(places - (at - first)))]
    likely = places[len(scores) * np.log(errors / max(nearest, 1e-12)) / inflation <= DATE_LIMIT]
    earliest, latest = int(likely[0]) + first - 1, int(likely[-1]) + first + 1
    return max(min(earliest, at), first), min(max(latest, at), end - 1)


def _cusum(rows: Floats) -> Floats:
    """Return for each series the standardised distance of means at every split that leaves MIN_SIDE on both sides."""
    count = rows.shape[1]
    sizes = np.arange(MIN_SIDE, count - MIN_SIDE + 1)
    sums = _lengths(np.cumsum(rows, axis=1)[:, MIN_SIDE - 1 : count - MIN_SIDE])
    sums /= np.sqrt(sizes * (count - sizes) / count)
    return sums


def _lengths(vectors: Floats) -> Floats:
    return np.asarray(np.abs(vectors[..., 0]) if vectors.shape[-1] == 1 else np.sqrt((vectors**2).sum(axis=-1)))


def _steps(rows: Floats) -> Floats:
    return np.asarray(_cusum(rows).max(axis=1))


def _slopes(rows: Floats) -> Floats:
    return _lengths(_along_ramp(rows))


def _along_ramp(rows: Floats) -> Floats:
    """Return how far each series rises, as `_ramp` does: few at a time, for more of them BLAS would start threads for nothing."""
    draws, count, columns = rows.shape
    flat, ramp = rows.transpose(0, 2, 1).reshape(-1, count), _ramp(count)[:, None]
    few = max(MOST_WITHOUT_THREADS // count // 8 * 8, 8)
    parts = [flat[begin : begin + few] @ ramp for begin in range(0, len(flat), few)]
    return np.concatenate(parts).reshape(draws, columns)


@functools.lru_cache(maxsize=64)
def _ramp(count: int) -> Floats:
    ramp = np.arange(count) - (count - 1) / 2
    return np.asarray(ramp / np.sqrt((ramp**2).sum()))


def _p_values(observed: Floats, scores: Floats, strata: Ints, rng: np.random.Generator) -> list[float]:
    """Return the p-values of a step and a slope by random orders: few of them for what is clearly nothing, more for the rest (Besag and Clifford 1991).

    Few as well for what lies so far beyond all draws that no more of them would make it doubtful.
    """
    drawn, draws, beyond = list[tuple[Floats, Floats]](), 0, np.zeros(2)
    for rows in _shuffles(scores, strata, rng):
        drawn.append((_steps(rows), _slopes(rows)))
        draws += len(rows)
        beyond += [(d >= o - TIED).sum() for o, d in zip(observed, drawn[-1])]
        if beyond.min() > MORE_BEYOND or beyond.min() >= CLEARLY_BEYOND * max(draws, FIRST_DRAWS):
            break
        if draws >= 2 * TAIL and not beyond.min() and min(_among(drawn, observed)) < SURE:
            break
    return _among(drawn, observed)


def _among(drawn: list[tuple[Floats, Floats]], observed: Floats) -> list[float]:
    return [_p_value(o, np.concatenate(d)) for o, d in zip(observed, zip(*drawn))]


def _shuffles(scores: Floats, strata: Ints, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield MORE_DRAWS random orders of the scores within their strata, as many at once as are quick to make."""
    members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
    # A stratum costs a call, however few are drawn; without strata, what the processor's cache holds is quickest.
    at_once = max(1, (DRAWN_AT_ONCE if len(members) == 1 else MOST_DRAWN_AT_ONCE) // scores.size)
    for begin in range(0, MORE_DRAWS, at_once):
        draws = min(at_once, MORE_DRAWS - begin)
        if len(members) == 1:
            yield scores[_orders(len(scores), draws, begin)]
            continue
        order = np.tile(np.arange(len(scores)), (draws, 1))
        for inside in members:
            order[:, inside] = rng.permuted(order[:, inside], axis=1)
        yield scores[order]


@functools.lru_cache(maxsize=1_024)
def _orders(count: int, draws: int, begin: int) -> NDArray[np.int16]:
    """Return random orders of so many points, the same for all series of this length: each of their p-values is right by itself."""
    places = np.tile(np.arange(count, dtype=np.int16), (draws, 1))
    return np.random.default_rng((count, begin)).permuted(places, axis=1)


@functools.lru_cache(maxsize=512)
def _simulated(count: int, memory: float, spectrum: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return both statistics, each over its own inflation, of series without change that remember about so much.

    First-order autoregressions; how much they remember is drawn around the estimate with its standard error, for an
    estimate that is too low is what makes chance look like change. Where memory is more than scatter it is drawn one
    error higher, for then the lags behind the first are likely to hold some as well.
    """
    rng = np.random.default_rng(count)
    spread = (max(1 - memory**2, 0.05) / count) ** 0.5
    memory += spread if memory > count**-0.5 else 0
    rows = rng.normal(size=(MORE_DRAWS, count, len(spectrum))) * np.sqrt(spectrum)
    remembered = np.clip(rng.normal(memory, spread, MORE_DRAWS), 0, MOST_MEMORY)[:, None]
    _remember(rows, remembered)
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.sqrt((rows**2).sum(axis=2).mean(axis=1))[:, None, None]
    splits = _cusum(rows)
    flat = _without_steps(rows, splits.argmax(axis=1) + MIN_SIDE)
    return splits.max(axis=1) / np.sqrt(_inflation(flat)), _slopes(rows) / np.sqrt(_inflation(_without_lines(rows)))


def _remember(rows: Floats, memory: Floats | float) -> None:
    """Turn independent values into ones that remember so much of the value before."""
    rows[:, 0] /= np.sqrt(1 - memory**2)
    in_turn = np.ascontiguousarray(rows.swapaxes(0, 1))  # the processor reads what lies side by side
    for past, now in itertools.pairwise(in_turn):
        now += memory * past
    rows[:] = in_turn.swapaxes(0, 1)


def _remembering(count: int, memory: float, spectrum: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return what `_simulated` does for about this length and memory: both are rounded, so that few are simulated."""
    return _simulated(_round_length(count), round(20 * max(memory, 0.0)) / 20, spectrum)


def _round_length(count: int) -> int:
    length = MIN_SERIES * 1.1 ** round(np.log(count / MIN_SERIES) / np.log(1.1))
    return max(round(float(length)), MIN_SERIES)


def _p_beside_memory(scores: Floats) -> list[float]:
    """Return the p-values of a step and a slope in a series whose values depend on the ones before.

    Against first-order autoregressions that remember what this one would if nothing had changed, and an error more.
    """
    memory = max(float(_memory((scores - scores.mean(axis=0))[None])[0]), 0.0)
    memory += (max(1 - memory**2, 0.05) / len(scores)) ** 0.5
    drawn = _simulated_beside(_round_length(len(scores)), round(20 * min(memory, 0.9)) / 20, _spectrum(scores))
    return [_p_value(float(observed[0]), one) for observed, one in zip(_beside_memory(scores[None]), drawn)]


@functools.lru_cache(maxsize=512)
def _simulated_beside(count: int, memory: float, spectrum: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return both statistics of `_beside_memory` over series without change that remember so much."""
    rng = np.random.default_rng(count)
    rows = rng.normal(size=(MORE_DRAWS, count, len(spectrum))) * np.sqrt(spectrum)
    _remember(rows, memory)
    return _beside_memory(rows)


def _beside_memory(rows: Floats) -> tuple[Floats, Floats]:
    """Return for each series how much better a step, and a line, with the value before explains it than the value before alone.

    Likelihood ratios; that of the step is the largest over all splits.
    """
    now, past = (part - part.mean(axis=1, keepdims=True) for part in (rows[:, 1:], rows[:, :-1]))
    count = now.shape[1]
    whole = [(a * b).sum(axis=(1, 2)) for a, b in ((now, now), (past, past), (past, now))]
    sizes = np.arange(MIN_SIDE, count - MIN_SIDE + 1)
    left = [np.cumsum(part, axis=1)[:, sizes - 1] for part in (now, past)]
    weights = count / (sizes * (count - sizes))
    taken = [weights * (left[a] * left[b]).sum(axis=2) for a, b in ((0, 0), (1, 1), (1, 0))]
    steps = _unexplained(*(sums[:, None] - less for sums, less in zip(whole, taken))).min(axis=1)
    ramps = [_along_ramp(part) for part in (now, past)]
    lines = _unexplained(*(s - (ramps[a] * ramps[b]).sum(axis=1) for s, (a, b) in zip(whole, ((0, 0), (1, 1), (1, 0)))))
    alone = _unexplained(*whole)
    return count * np.log(alone / steps), count * np.log(alone / lines)


def _unexplained(now: Floats, past: Floats, both: Floats) -> Floats:
    """Return what is left of the sum of squares `now` once the value before explains what it can."""
    return np.asarray(np.maximum(now - both**2 / np.maximum(past, 1e-12), 1e-12))


def _spectrum(scores: Floats) -> tuple[float, ...]:
    """Return how the variance of scores is shared out among independent directions, the largest first."""
    if scores.shape[1] == 1:
        return (1.0,)
    parts = np.linalg.eigvalsh(np.cov(scores.T))[::-1][:8]
    return tuple(float(part) for part in np.round(parts / max(parts.sum(), 1e-12), 2) if part > 0) or (1.0,)


def _p_value(observed: float, drawn: Floats) -> float:
    """Return the share of draws at least as extreme; past all of them, an exponential tail (after Knijnenburg 2009)."""
    beyond = int((drawn >= observed - TIED).sum())
    if beyond >= 10 or len(drawn) <= TAIL:
        return (beyond + 1) / (len(drawn) + 1)
    tail = np.sort(drawn)[-TAIL:]
    excess = float((tail - tail[0]).mean())
    if excess <= 0:
        return (beyond + 1) / (len(drawn) + 1)
    # The tail of a maximum of sums falls faster than an exponential, so this errs on the side of no change.
    return float(max(TAIL / len(drawn) * np.exp(-(observed - tail[0]) / excess), 1e-12))


def _inflation(rows: Floats) -> Floats:
    """Return for each series of residuals how much more its mean varies than that of an independent one, at least 1.

    The larger of a long-run variance (Bartlett weights) and that of a first-order autoregression.
    """
    count = rows.shape[1]
    reach = max(1, min(count // 6, int(2 * count ** (1 / 3))))
    lags = _autocorrelations(rows, reach)
    weights = 1 - np.arange(1, reach + 1) / (reach + 1)
    long_run = 1 + 2 * weights @ lags
    first = np.minimum(_corrected(lags[0], count), 0.9)
    of_first = np.where(first > count**-0.5, (1 + first) / (1 - first), 1.0)
    return np.asarray(np.maximum(np.maximum(long_run, of_first), 1.0))


def _memory(rows: Floats) -> Floats:
    """Return for each series of residuals how much of a value is left in the next."""
    return np.minimum(_corrected(_autocorrelations(rows, 1)[0], rows.shape[1]), MOST_MEMORY)


def _autocorrelations(rows: Floats, reach: int) -> Floats:
    """Return the autocorrelations of each series at the lags 1 to `reach`, one row a lag; 0 for constant ones."""
    draws, count, columns = rows.shape
    flat = rows.reshape(draws, -1)
    sums = [np.vecdot(flat[:, lag * columns :], flat[:, : (count - lag) * columns]) for lag in range(reach + 1)]
    variance, *products = (one / (count - lag) for lag, one in enumerate(sums))
    return np.asarray(np.stack(products) * (variance > 1e-12) / np.maximum(variance, 1e-12))


def _corrected(first: Floats, count: int) -> Floats:
    """Return a first autocorrelation without the bias of short series from which a level or two was taken (after Kendall 1954)."""
    return np.asarray((count * first + 2) / max(count - 6, 1))


def _without_step(scores: Floats, at: int) -> Floats:
    return np.asarray(_without_steps(scores[None], np.array([at]))[0])


def _without_steps(rows: Floats, splits: Ints) -> Floats:
    """Return each series less the mean of its side of its split."""
    count = rows.shape[1]
    left = np.take_along_axis(np.cumsum(rows, axis=1), splits[:, None, None] - 1, axis=1)
    right = (rows.sum(axis=1, keepdims=True) - left) / (count - splits)[:, None, None]
    is_before = (np.arange(count) < splits[:, None])[:, :, None]
    return np.asarray(rows - np.where(is_before, left / splits[:, None, None], right))


def _without_lines(rows: Floats) -> Floats:
    """Return each series less its straight line."""
    rises = _ramp(rows.shape[1])[:, None] * _along_ramp(rows)[:, None, :]
    return np.asarray(rows - rows.mean(axis=1, keepdims=True) - rises)


def _shape(scores: Floats, at: int) -> str:
    """Return which explains the scores: `slope`, `step`, or `either` where the step wins by less than its date is worth."""
    step, line = (float((rest**2).sum()) for rest in (_without_step(scores, at), _without_lines(scores[None])[0]))
    gain = len(scores) * np.log(max(line, 1e-12) / max(step, 1e-12))
    return "slope" if gain < 0 else "step" if gain > np.log(len(scores)) else "either"


def _errors_of_splits(scores: Floats, places: Ints) -> Floats:
    sums, count = np.cumsum(scores, axis=0), len(scores)
    left, total = sums[places - 1], sums[-1]
    explained = (left**2).sum(axis=1) / places + ((total - left) ** 2).sum(axis=1) / (count - places)
    return np.asarray(np.maximum((scores**2).sum() - explained, 1e-12))


def _shorten(scores: Floats, strata: Ints) -> tuple[Floats, Ints]:
    """Return scores of at most MOST_POINTS groups of neighbours; they are aligned already, so strata fall together."""
    size = -(-len(scores) // MOST_POINTS)
    if size == 1:
        return scores, strata
    starts = np.arange(0, len(scores), size)
    means = np.add.reduceat(scores, starts, axis=0) / np.diff([*starts, len(scores)])[:, None]
    means -= means.mean(axis=0)
    spread = float((means**2).sum(axis=1).mean()) ** 0.5
    return means / max(spread, 1e-12), np.zeros(len(means), dtype=np.int64)
