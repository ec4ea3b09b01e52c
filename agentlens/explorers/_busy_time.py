"""Time with the idle stretches cut short, as the page's own clock has it (`src/idle.ts`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]

# A stretch is idle when it is longer than this share of all busy time; it is shown as `SHOWN` of it.
WORTH = 0.08
SHOWN = 0.025


def unite(starts: Times, ends: Times, slack: float = 0.0) -> tuple[Times, Times]:
    """Return the stretches that intervals cover, in order, joined where at most `slack` lies between them."""
    if len(starts) == 0:
        return starts, ends
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(np.maximum(ends, starts)[order])
    begins = np.concatenate([[True], starts[1:] > ends[:-1] + slack])
    last = np.concatenate([np.flatnonzero(begins)[1:] - 1, [len(starts) - 1]])
    return starts[begins], ends[last]


class BusyTime:
    """The busy stretches of a log; `show` maps a moment (ms) to its share, 0 to 1, of the time as it is drawn."""

    def __init__(self, starts: Times, ends: Times) -> None:
        firsts, lasts = unite(starts, ends)
        self.busy = float((lasts - firsts).sum())
        self.starts, self.ends = unite(firsts, lasts, self.busy * WORTH)
        lengths = self.ends - self.starts
        gaps = np.full(len(lengths), max(self.busy, 1.0) * SHOWN)
        self._at = np.concatenate([[0.0], np.cumsum(lengths + gaps)[:-1]]) if len(lengths) else np.zeros(0)
        self._total = float(self._at[-1] + lengths[-1]) if len(lengths) else 0.0

    def show(self, times: Times) -> Times:
        """Return where moments stand, 0 to 1; before the beginning and after the end they stand at the edge."""
        if self._total <= 0:
            return np.zeros(len(times))
        real = np.stack([self.starts, self.ends], axis=1).ravel()
        shown = np.stack([self._at, self._at + (self.ends - self.starts)], axis=1).ravel()
        return np.interp(times, real, shown / self._total)

    def count(self, starts: Times, ends: Times, buckets: int) -> npt.NDArray[np.int64]:
        """Return how many intervals touch each of so many buckets."""
        first, last = self.bucket(starts, buckets), self.bucket(np.maximum(starts, ends), buckets)
        change = np.zeros(buckets + 1, dtype=np.int64)
        np.add.at(change, first, 1)
        np.add.at(change, last + 1, -1)
        return np.cumsum(change[:-1])

    def bucket(self, times: Times, buckets: int) -> npt.NDArray[np.int64]:
        """Return the bucket in which each moment stands."""
        places: npt.NDArray[np.int64] = np.minimum(self.show(times) * buckets, buckets - 1).astype(np.int64)
        return places

    def segments(self) -> list[dict[str, Any]]:
        """Return the stretches: real beginning and end in ms, and where they begin and end as drawn, 0 to 1."""
        drawn = zip(self.starts, self.ends, self.show(self.starts), self.show(self.ends))
        return [{"from": float(a), "to": float(b), "at": float(c), "until": float(d)} for a, b, c, d in drawn]
