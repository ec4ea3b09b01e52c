"""Packs the windows of model calls: what a conversation shows again at every call is kept once, in a list that grows."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import compress, count
from typing import NamedTuple

# A window that has parted from earlier ones more often than this is kept whole.
MOST_RANGES = 8
# Hashes that are held for comparison; after that every conversation begins a list anew.
MOST_HELD = 200_000


class Range(NamedTuple):
    """A part of a window: from `position` on it shows the first `length` messages of a list; those `added` are new in the list."""

    position: int
    list_id: int
    length: int
    added: Sequence[str]


class MessageLists:
    """The growing lists of one source: a call that is shown a longer window than the call before adds to a list what is new."""

    def __init__(self, next_id: int = 0) -> None:
        self.next_id = next_id
        self._lists: dict[tuple[str, str], tuple[int, list[str]]] = {}
        self._held = 0

    def forget(self) -> None:
        """Begin every list anew."""
        self._lists.clear()
        self._held = 0

    def once(self, hashes: Sequence[str]) -> list[Range]:
        """Return a list of its own for messages that no later window begins with."""
        return [Range(0, self._new_id(), len(hashes), hashes)]

    def ranges(self, trace_id: str, hashes: Sequence[str], before: Sequence[Range] = ()) -> list[Range]:
        """Return what a window of a trace consists of: the beginning of a list and, where it parted from that, of others.

        `before` are the ranges of a window that this one begins with: what a long conversation has in common with itself is not
        compared again at every call.
        """
        if before and (grown := self._go_on(trace_id, hashes, before)):
            return grown
        found: list[Range] = []
        position = 0
        while position < len(hashes):
            if len(found) == MOST_RANGES:
                return [self._begin(trace_id, hashes, 0)]
            range_ = self._next(trace_id, hashes, position)
            found.append(range_)
            position += range_.length
        return found

    def _go_on(self, trace_id: str, hashes: Sequence[str], before: Sequence[Range]) -> list[Range] | None:
        """Return the ranges of a window that goes on after others; None when their lists are gone, or the last has grown otherwise."""
        lists = [self._lists.get((trace_id, hashes[range_.position])) for range_ in before]
        if [known and known[0] for known in lists] != [range_.list_id for range_ in before]:
            return None
        *earlier, last = before
        listed = lists[-1][1] if lists[-1] else []
        if len(listed) != last.length:
            return None
        added = self._grow(listed, hashes[last.position + last.length :])
        return [*(range_._replace(added=()) for range_ in earlier), last._replace(length=len(listed), added=added)]

    def _next(self, trace_id: str, hashes: Sequence[str], position: int) -> Range:
        """Return the longest range that begins at a position; a list that ends within the window grows by the rest of it."""
        known = self._lists.get((trace_id, hashes[position]))
        if known is None:
            return self._begin(trace_id, hashes, position)
        list_id, listed = known
        shown = hashes[position:] if position else hashes
        common = _common(listed, shown)
        if common < len(listed) or common == len(shown):
            return Range(position, list_id, common, ())
        return Range(position, list_id, len(shown), self._grow(listed, shown[common:]))

    def _begin(self, trace_id: str, hashes: Sequence[str], position: int) -> Range:
        list_id, listed = self._new_id(), list[str]()
        if self._held > MOST_HELD:
            self.forget()
        self._lists[trace_id, hashes[position]] = list_id, listed
        added = self._grow(listed, hashes[position:])
        return Range(position, list_id, len(added), added)

    def _grow(self, listed: list[str], added: Sequence[str]) -> Sequence[str]:
        listed += added
        self._held += len(added)
        return added

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1


def _common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return how many messages two lists have in common from the beginning."""
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return next(compress(count(), map(operator.ne, a, b)))
