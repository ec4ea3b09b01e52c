"""Puts spans into tree order: depth, pre-order, subtree ends, and what is inherited along the tree."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

Indices: TypeAlias = "array[int]"
"""Indices of spans, or counts of them, in four bytes each: there may be millions."""


class Forest(NamedTuple):
    """Tree columns, one entry a span in the order of the input; `cut` says whose link to its parent closed a cycle."""

    depth: Indices
    preorder: Indices
    subtree_end: Indices
    root: Indices
    order: Indices
    cut: set[int]


def indices(values: Iterable[int]) -> Indices:
    """Return whole numbers as compact indices."""
    return array("i", values)


def order_forest(parents: Sequence[int], trace_starts: Sequence[int]) -> Forest:
    """Return the depth-first order of a forest given each span's parent (an index, or -1 for a root).

    Spans must be sorted so that the spans of a trace stand together and siblings stand in their order; `trace_starts`
    holds the first index of each trace. A cycle is cut at its first span, which becomes a root. Linear in the spans.
    """
    count = len(parents)
    first_child, next_sibling = indices([-1]) * count, indices([-1]) * count
    for index in range(count - 1, -1, -1):
        parent = parents[index]
        if parent >= 0:
            next_sibling[index], first_child[parent] = first_child[parent], index
    zeros = indices([0]) * count
    forest = Forest(zeros, indices([-1]) * count, zeros[:], zeros[:], indices([]), set())
    for start, end in zip(trace_starts, itertools.chain(itertools.islice(trace_starts, 1, None), [count])):
        for index in range(start, end):
            if parents[index] < 0:
                _visit(index, first_child, next_sibling, forest)
        for first in _cycle_starts([i for i in range(start, end) if forest.preorder[i] < 0], parents):
            forest.cut.add(first)
            _visit(first, first_child, next_sibling, forest)
    return forest


def _cycle_starts(unvisited: list[int], parents: Sequence[int]) -> list[int]:
    """Return the first span of every cycle that the ways up from these spans end in, in order."""
    starts: list[int] = []
    seen: dict[int, int] = {}
    for begin in unvisited:
        index = begin
        while index not in seen:
            seen[index] = begin
            index = parents[index]
        if seen[index] == begin:
            ring = [index]
            while (above := parents[ring[-1]]) != index:
                ring.append(above)
            starts.append(min(ring))
    return sorted(starts)


def _visit(root: int, first_child: Indices, next_sibling: Indices, forest: Forest) -> None:
    depth, preorder, subtree_end, roots, order, _ = forest
    node, level = root, 0
    path: list[int] = []
    while True:
        preorder[node], depth[node], roots[node] = len(order), level, root
        order.append(node)
        child = first_child[node]
        while child >= 0 and preorder[child] >= 0:  # the child that a cycle leads back to
            child = next_sibling[child]
        if child >= 0:
            path.append(node)
            node, level = child, level + 1
            continue
        subtree_end[node] = len(order)
        while path or node != root:
            following = next_sibling[node]
            while following >= 0 and preorder[following] >= 0:
                following = next_sibling[following]
            if following >= 0:
                node = following
                break
            node = path.pop()
            level -= 1
            subtree_end[node] = len(order)
        else:
            return


def nearest(has_value: Sequence[int], parents: Sequence[int], order: Indices) -> Indices:
    """Return for each span the index of the nearest span with a value, itself included, on the way to its root; -1 for none."""
    found = indices([-1]) * len(parents)
    for index in order:
        if has_value[index]:
            found[index] = index
        elif parents[index] >= 0:
            found[index] = found[parents[index]]
    return found
