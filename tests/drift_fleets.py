"""Simulated fleets: series and whole lenses with changes of known size, date and cause, or with none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Series = tuple[NDArray[np.float64], NDArray[np.int64]]


def made_series(
    rng: np.random.Generator, count: int, step: float = 0, slope: float = 0, memory: float = 0, mix_shift: bool = False
) -> Series:
    """A series in time order with its kinds of work: heavy-tailed, each kind at its own level.

    From the middle on it is `1 + step` times as high, or it rises by `slope` from end to end; `memory` is how much each
    value keeps of the one before; with `mix_shift` the dearest of three kinds becomes common in the middle.
    """
    half = np.arange(count) >= count // 2
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]) if mix_shift else np.full((2, 3), 1 / 3)
    strata = (rng.random(count)[:, None] > shares[half.astype(int)].cumsum(axis=1)).sum(axis=1)
    noise = rng.normal(0, 0.5, count)
    for place in range(1, count):
        noise[place] += memory * noise[place - 1]
    levels = (1 + strata) * np.where(half, 1 + step, 1) * (1 + slope * np.arange(count) / count)
    return np.exp(noise) * levels, strata.astype(np.int64)


def lengthened(series: Series) -> Series:
    """The same, each value a random kind of work apart: as long again."""
    values, strata = series
    return np.concatenate([values, values[::-1]]), np.concatenate([strata, strata[::-1]])
