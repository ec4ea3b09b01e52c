"""Many trees in one: every step by its path and count among its like, and how often either group takes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

LIMIT = 0.05


class Step(NamedTuple):
    """One step of one trace, in tree order."""

    group: int
    trace: int
    preorder: int
    depth: int
    label: tuple[str, str, str]
    measures: tuple[float | None, float | None, float | None, bool]


@dataclass
class Node:
    """One step of the consensus: where it stands, which traces of either group have it, and what it took there."""

    depth: int
    children: dict[tuple[Any, int], Node] = field(default_factory=dict)
    examples: list[int | None] = field(default_factory=lambda: [None, None])
    traces: tuple[set[int], set[int]] = field(default_factory=lambda: (set(), set()))
    measures: tuple[list[Any], list[Any]] = field(default_factory=lambda: ([], []))
    order: float = 0.0


def merge(steps: Iterable[Step]) -> list[Node]:
    """Return the consensus of all traces in preorder: the nth step of a name below the same step is one step.

    `steps` come trace by trace in tree order. Children stand in the order of their mean place among their siblings.
    """
    root = Node(-1)
    path: list[tuple[Node, dict[Any, int]]] = []
    trace, places = None, defaultdict(list)
    for step in steps:
        if step.trace != trace:
            trace, path = step.trace, [(root, defaultdict(int))]
        del path[step.depth + 1 :]
        parent, counts = path[-1]
        counts[step.label] += 1
        key = (step.label, counts[step.label])
        node = parent.children.setdefault(key, Node(len(path) - 1))
        places[id(node)].append(sum(counts.values()))
        node.traces[step.group].add(step.trace)
        node.measures[step.group].append(step.measures)
        if node.examples[step.group] is None:
            node.examples[step.group] = step.preorder
        path.append((node, defaultdict(int)))
    return _preorder(root, places)


def _preorder(root: Node, places: dict[int, list[int]]) -> list[Node]:
    nodes, open_nodes = [], [root]
    while open_nodes:
        node = open_nodes.pop()
        nodes.append(node)
        ranked = sorted(node.children.values(), key=lambda child: float(np.mean(places[id(child)])))
        open_nodes += reversed(ranked)
    return nodes[1:]


def judge(nodes: list[Node], sizes: tuple[int, int]) -> list[dict[str, Any]]:
    """Return a row a node: how often each group takes the step, the difference with its interval, and whether it is real.

    A difference is real when Fisher's exact test, after Benjamini and Hochberg over all steps, leaves at most 5 %.
    """
    from scipy.stats import false_discovery_control, fisher_exact

    counts = [(len(node.traces[0]), len(node.traces[1])) for node in nodes]
    known = {pair: float(fisher_exact([pair, (sizes[0] - pair[0], sizes[1] - pair[1])]).pvalue) for pair in set(counts)}
    q_values = false_discovery_control([known[pair] for pair in counts]) if nodes else []
    return [
        _describe(place, node, (a / sizes[0], b / sizes[1]), sizes, float(q))
        for place, (node, (a, b), q) in enumerate(zip(nodes, counts, q_values))
    ]


def _describe(place: int, node: Node, rates: tuple[float, float], sizes: tuple[int, int], q: float) -> dict[str, Any]:
    change = "same"
    if q <= LIMIT:
        change = "inserted" if rates[0] == 0 else "deleted" if rates[1] == 0 else "changed"
    low, high = rate_interval(rates, sizes)
    row: dict[str, Any] = {
        "place": place, "change": change, "depth": node.depth, "a_rate": rates[0], "b_rate": rates[1], "rate_low": low,
        "rate_high": high, "q_value": q,
    }  # fmt: skip
    for side, name in enumerate("ab"):
        row[f"{name}_preorder"] = node.examples[side]
        for at, measure in enumerate(("duration_ns", "input_tokens", "output_tokens")):
            values = [one[at] for one in node.measures[side] if one[at] is not None]
            row[f"{name}_{measure}"] = float(np.median(values)) if values else None
        failed = [one[3] for one in node.measures[side]]
        row[f"{name}_error_rate"] = sum(failed) / len(failed) if failed else None
    return row


def rate_interval(rates: tuple[float, float], sizes: tuple[int, int]) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two shares (Newcombe 1998, method 10, from Wilson's score)."""
    (a, (a_low, a_high)), (b, (b_low, b_high)) = ((rate, _wilson(rate, size)) for rate, size in zip(rates, sizes))
    low = float(b - a - np.hypot(b - b_low, a_high - a))
    return low, float(b - a + np.hypot(b_high - b, a - a_low))


def _wilson(rate: float, size: int) -> tuple[float, float]:
    z = 1.96
    middle = (rate + z * z / (2 * size)) / (1 + z * z / size)
    reach = z * np.sqrt(rate * (1 - rate) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    return float(middle - reach), float(middle + reach)


def total_interval(a: list[float], b: list[float]) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two medians (bootstrap, 2,000 draws, the same on every run)."""
    rng = np.random.default_rng(0)
    drawn = [np.median(np.asarray(side)[rng.integers(0, len(side), (2_000, len(side)))], axis=1) for side in (a, b)]
    low, high = np.quantile(drawn[1] - drawn[0], [0.025, 0.975])
    return float(low), float(high)
