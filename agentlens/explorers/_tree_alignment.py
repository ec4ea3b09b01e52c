"""Two trees of steps made to stand side by side: which step is which, and what was inserted, deleted, moved or changed.

An ordered tree alignment in the manner of GumTree (Falleri et al. 2014): children of matched parents in order, equal
subtrees, what stands below the same matched step, what stands elsewhere. It is tried from several beginnings, from the
top down and from steps that are the same in the same order; the shortest script wins. Sequences are aligned by
rapidfuzz's longest common subsequence. The script is not always minimal (with moves that is NP-hard), but seldom longer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

# Pairs of children that are weighed against each other in one gap, and names looked at below each.
MOST_WEIGHED = 4_000
MOST_BELOW = 200
# What two steps share that are matched first, in order; nothing: from the top down.
SEEDS = ("", "tokens", "paths", "hashes")
ROUNDS = 3
# How alike what stands below two steps must be for them to be one step under another name.
RENAMED = 0.5


@dataclass(frozen=True)
class Tree:
    """Steps in preorder: each one's parent (-1 for a root), what it is (kind, name, agent) and what it did."""

    parents: Sequence[int]
    labels: Sequence[Hashable]
    contents: Sequence[Hashable]
    kinds: Sequence[Hashable]


class Aligned(NamedTuple):
    """One row of the alignment: `change` and the places of the step in either tree (None where it is missing)."""

    change: str
    a: int | None
    b: int | None


def align(a: Tree, b: Tree) -> list[Aligned]:
    """Return every step of both trees once, in the order of `b` with what was deleted where it stood."""
    scripts = [_Alignment(a, b).run(seed) for seed in SEEDS]
    return min(scripts, key=lambda rows: sum(row.change != "same" for row in rows))


class _Side:
    """A tree with its children and the fingerprints of its subtrees; place 0 is a root above all roots."""

    def __init__(self, tree: Tree, names: dict[Hashable, int]) -> None:
        def name(value: Hashable) -> int:
            return names.setdefault(value, len(names))

        self.size = len(tree.parents) + 1
        self.parents = [-1, *(parent + 1 for parent in tree.parents)]
        self.labels = [name("root"), *(name(("label", label)) for label in tree.labels)]
        self.kinds = [name("root"), *(name(("kind", kind)) for kind in tree.kinds)]
        self.tokens = [
            name("root"), *(name(("token", label, content)) for label, content in zip(tree.labels, tree.contents))
        ]  # fmt: skip
        self.children: list[list[int]] = [[] for _ in range(self.size)]
        for place in range(1, self.size):
            self.children[self.parents[place]].append(place)
        self.ends, self.hashes = [0] * self.size, [0] * self.size
        for place in range(self.size - 1, -1, -1):
            below = self.children[place]
            self.ends[place] = self.ends[below[-1]] if below else place + 1
            self.hashes[place] = name(("tree", self.tokens[place], tuple(self.hashes[child] for child in below)))
        self.paths = [
            name(("path", self.tokens[place], self.tokens[self.parents[place]])) if place else 0
            for place in range(self.size)
        ]
        self.match = [-1] * self.size

    def is_free(self, place: int) -> bool:
        return self.match[place] < 0

    def below(self, place: int) -> Counter[int]:
        return Counter(self.labels[place + 1 : min(self.ends[place], place + MOST_BELOW)])


class _Alignment:
    def __init__(self, a: Tree, b: Tree) -> None:
        names: dict[Hashable, int] = {}
        self.a, self.b = _Side(a, names), _Side(b, names)

    def run(self, seed: str) -> list[Aligned]:
        self._pair(0, 0)
        if seed:
            for a, b in _common(getattr(self.a, seed)[1:], getattr(self.b, seed)[1:]):
                self._pair(a + 1, b + 1)
        self._match_children([0])
        self._match_equal_subtrees()
        for _ in range(ROUNDS):
            before = self.a.match.count(-1)
            self._match_below()
            self._match_leftovers()
            self._match_children([place for place in range(self.a.size) if self._has_free_children(place)])
            if self.a.match.count(-1) == before:
                break
        return self._list_rows()

    def _has_free_children(self, place: int) -> bool:
        twin = self.a.match[place]
        return (
            twin >= 0
            and any(self.a.is_free(child) for child in self.a.children[place])
            and any(self.b.is_free(child) for child in self.b.children[twin])
        )

    def _pair(self, a: int, b: int) -> None:
        self.a.match[a], self.b.match[b] = b, a

    def _pair_subtrees(self, a: int, b: int) -> None:
        """Match two equal subtrees step by step; what is matched already stays so."""
        for offset in range(self.a.ends[a] - a):
            if self.a.is_free(a + offset) and self.b.is_free(b + offset):
                self._pair(a + offset, b + offset)

    # --- from the top down -------------------------------------------------------------------------------------------

    def _match_children(self, places: list[int]) -> None:
        """Match free children of matched parents (places in `a`), and theirs in turn."""
        open_places = list(places)
        while open_places:
            place = open_places.pop()
            free_a = [child for child in self.a.children[place] if self.a.is_free(child)]
            free_b = [child for child in self.b.children[self.a.match[place]] if self.b.is_free(child)]
            for child, twin in self._align_children(free_a, free_b):
                if self.a.hashes[child] == self.b.hashes[twin]:
                    self._pair_subtrees(child, twin)
                else:
                    self._pair(child, twin)
                    open_places.append(child)

    def _align_children(self, a: list[int], b: list[int]) -> Iterable[tuple[int, int]]:
        """Return pairs of children in order: equal subtrees are anchors, between them the most alike are paired."""
        anchors = _common([self.a.hashes[place] for place in a], [self.b.hashes[place] for place in b])
        last_a = last_b = 0
        for at_a, at_b in [*anchors, (len(a), len(b))]:
            yield from self._align_gap(a[last_a:at_a], b[last_b:at_b])
            if at_a < len(a):
                yield a[at_a], b[at_b]
            last_a, last_b = at_a + 1, at_b + 1

    def _align_gap(self, a: list[int], b: list[int]) -> list[tuple[int, int]]:
        if not a or not b:
            return []
        if len(a) * len(b) > MOST_WEIGHED:
            common = _common([self.a.labels[place] for place in a], [self.b.labels[place] for place in b])
            return [(a[i], b[j]) for i, j in common]
        below_a, below_b = [self.a.below(place) for place in a], [self.b.below(place) for place in b]
        weights = [[self._likeness(p, q, x, y) for q, y in zip(b, below_b)] for p, x in zip(a, below_a)]
        return [(a[i], b[j]) for i, j in _heaviest(weights)]

    def _likeness(self, a: int, b: int, below_a: Counter[int], below_b: Counter[int]) -> float:
        """Return how much speaks for two steps being one: 0 nothing, else the same name counts most."""
        shared = 2 * (below_a & below_b).total() / max((below_a.total() + below_b.total()), 1)
        if self.a.labels[a] == self.b.labels[b]:
            return 2 + shared + (self.a.tokens[a] == self.b.tokens[b])
        is_same_kind = self.a.kinds[a] == self.b.kinds[b]
        has_none_below = not below_a and not below_b
        return 0.5 + shared if is_same_kind and (shared >= RENAMED or has_none_below) else 0

    # --- what is left ------------------------------------------------------------------------------------------------

    def _match_equal_subtrees(self) -> None:
        """Match free subtrees that are equal, the largest first: what was moved, or lost the step above it."""
        free: dict[int, list[int]] = defaultdict(list)
        for place in range(self.b.size):
            if self.b.is_free(place):
                free[self.b.hashes[place]].append(place)
        places = [place for place in range(self.a.size) if self.a.is_free(place) and self.a.hashes[place] in free]
        for place in sorted(places, key=lambda place: (place - self.a.ends[place], place)):
            if not self.a.is_free(place):
                continue
            twins = [twin for twin in free[self.a.hashes[place]] if self.b.is_free(twin)]
            if twins:
                home = self.a.match[self._anchor(self.a, place)]
                self._pair_subtrees(
                    place, next((twin for twin in twins if self._anchor(self.b, twin) == home), twins[0])
                )

    @staticmethod
    def _anchor(side: _Side, place: int) -> int:
        """Return the nearest matched step above."""
        place = side.parents[place]
        while place > 0 and side.match[place] < 0:
            place = side.parents[place]
        return max(place, 0)

    def _match_below(self) -> None:
        """Match free steps below the same matched step by what they are, in order: a step above them came or went."""
        groups: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for place in range(1, self.a.size):
            if self.a.is_free(place):
                groups[self.a.match[self._anchor(self.a, place)]][0].append(place)
        for place in range(1, self.b.size):
            if self.b.is_free(place):
                groups[self._anchor(self.b, place)][1].append(place)
        for key in ("tokens", "labels"):
            for a, b in groups.values():
                free_a, free_b = [p for p in a if self.a.is_free(p)], [p for p in b if self.b.is_free(p)]
                common = _common([getattr(self.a, key)[p] for p in free_a], [getattr(self.b, key)[p] for p in free_b])
                for at_a, at_b in common:
                    self._pair(free_a[at_a], free_b[at_b])

    def _match_leftovers(self) -> None:
        """Match free steps that did the same thing, wherever they stand."""
        free: dict[int, list[int]] = defaultdict(list)
        for place in range(self.b.size - 1, 0, -1):
            if self.b.is_free(place):
                free[self.b.tokens[place]].append(place)
        for place in range(1, self.a.size):
            if self.a.is_free(place) and free.get(self.a.tokens[place]):
                self._pair(place, free[self.a.tokens[place]].pop())

    # --- what became of each step --------------------------------------------------------------------------------------

    def _list_rows(self) -> list[Aligned]:
        moved = self._find_moved()
        deleted: dict[int, list[int]] = defaultdict(list)
        stands_after = 0
        for place in range(1, self.a.size):
            if self.a.is_free(place):
                deleted[stands_after].append(place)
            elif place not in moved:
                stands_after = self.a.match[place]
        rows: list[Aligned] = []
        for place in range(self.b.size):
            if place > 0:
                rows.append(self._row(place, moved))
            rows += [Aligned("deleted", gone - 1, None) for gone in deleted[place]]
        return rows

    def _row(self, place: int, moved: set[int]) -> Aligned:
        twin = self.b.match[place]
        if twin < 0:
            return Aligned("inserted", None, place - 1)
        is_same = self.a.tokens[twin] == self.b.tokens[place]
        return Aligned("moved" if twin in moved else "same" if is_same else "changed", twin - 1, place - 1)

    def _find_moved(self) -> set[int]:
        """Return the steps (places in `a`) that stand below another step now, or in another order."""
        moved: set[int] = set()
        families: dict[int, list[int]] = defaultdict(list)
        for place in range(1, self.b.size):
            twin = self.b.match[place]
            if twin < 0:
                continue
            above = self._anchor(self.b, place)
            if self.b.match[above] == self._anchor(self.a, twin):
                families[above].append(twin)
            else:
                moved.add(twin)
        for twins in families.values():
            moved.update(set(twins) - set(_longest_rise(twins)))
        return moved


def _common(a: list[int], b: list[int]) -> list[tuple[int, int]]:
    """Return the places of a longest common subsequence, in order."""
    if not a or not b:
        return []
    from rapidfuzz.distance import LCSseq

    blocks = LCSseq.opcodes(a, b)
    return [
        (block.src_start + offset, block.dest_start + offset)
        for block in blocks
        if block.tag == "equal"
        for offset in range(block.src_end - block.src_start)
    ]


def _heaviest(weights: list[list[float]]) -> list[tuple[int, int]]:
    """Return pairs in order with the largest sum of weights (Needleman and Wunsch); a weight of 0 is no pair."""
    rows, columns = len(weights), len(weights[0])
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            paired = weights[i][j] + best[i + 1][j + 1] if weights[i][j] > 0 else 0.0
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs, i, j = [], 0, 0
    while i < rows and j < columns:
        if weights[i][j] > 0 and best[i][j] == weights[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _longest_rise(values: list[int]) -> list[int]:
    """Return a longest increasing subsequence."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, value in enumerate(values):
        at = bisect_left(tails, value)
        before.append(places[at - 1] if at else -1)
        if at == len(tails):
            tails.append(value)
            places.append(place)
        else:
            tails[at], places[at] = value, place
    rise = []
    place = places[-1] if places else -1
    while place >= 0:
        rise.append(values[place])
        place = before[place]
    return rise[::-1]
