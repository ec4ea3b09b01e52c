"""Two trees are aligned with as few differences as were made, quickly, and every step is accounted for once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tree_edits import Step, copied, edited, to_tree, trees_of_incidents

from agentlens.explorers._tree_alignment import align

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


@pytest.fixture(scope="module")
def real_trees() -> list[list[Step]]:
    return trees_of_incidents()


def differences(a: list[Step], b: list[Step]) -> int:
    return sum(row.change != "same" for row in align(to_tree(a), to_tree(b)))


def test_the_script_is_seldom_longer_than_the_edits_made(real_trees: list[list[Step]]) -> None:
    rng = random.Random(11)
    longer = 0
    for _ in range(100):
        tree, edits = rng.choice(real_trees), rng.randint(1, 10)
        longer += differences(tree, edited(tree, edits, rng)) > edits
    assert longer <= 5


def test_equal_trees_do_not_differ(real_trees: list[list[Step]]) -> None:
    assert [differences(tree, copied(tree)) for tree in real_trees] == [0] * len(real_trees)


def test_every_step_stands_in_the_alignment_once(real_trees: list[list[Step]]) -> None:
    rng = random.Random(3)
    for _ in range(20):
        a, b = (edited(rng.choice(real_trees), 15, rng) for _ in "ab")
        rows = align(to_tree(a), to_tree(b))
        for side, tree in (("a", a), ("b", b)):
            places = [getattr(row, side) for row in rows if getattr(row, side) is not None]
            assert sorted(places) == list(range(len(to_tree(tree).parents)))
        assert all((row.a is None) == (row.change == "inserted") for row in rows)
        assert all((row.b is None) == (row.change == "deleted") for row in rows)


def tree(*children: Step) -> list[Step]:
    return [Step("agent lead", "", list(children))]


def test_each_kind_of_difference_has_its_name() -> None:
    plan, search, read, write = (Step(f"tool {name}", name) for name in ("plan", "search", "read", "write"))

    def changes(a: list[Step], b: list[Step]) -> list[str]:
        return [row.change for row in align(to_tree(a), to_tree(b))]

    assert changes(tree(plan, read), tree(plan, search, read)) == ["same", "same", "inserted", "same"]
    assert changes(tree(plan, search, read), tree(plan, read)) == ["same", "same", "deleted", "same"]
    assert changes(tree(plan, search, read, write), tree(search, read, write, plan)) == ["same"] * 4 + ["moved"]
    assert changes(tree(plan, read), tree(plan, Step("tool read", "something else"))) == ["same", "same", "changed"]


def test_a_step_put_around_others_is_one_difference() -> None:
    steps = [Step(f"tool t{n}", str(n)) for n in range(4)]
    wrapped = tree(Step("agent helper", "", steps))
    assert [row.change for row in align(to_tree(tree(*steps)), to_tree(wrapped))] == ["same", "inserted", *["same"] * 4]


@pytest.mark.parametrize("edits", [10, 1_000])
def test_two_traces_of_five_thousand_steps_take_less_than_two_seconds(edits: int) -> None:
    rng = random.Random(1)
    steps = [Step("agent lead", "")]
    for number in range(4_999):
        step = Step(rng.choice(("tool search", "model m", "tool read", "agent helper")), str(number % 700))
        rng.choice(steps[-50:]).children.append(step)
        steps.append(step)
    other = edited(steps[:1], edits, rng)
    a, b = to_tree(steps[:1]), to_tree(other)
    begin = time.process_time()
    rows = align(a, b)
    assert time.process_time() - begin <= 2
    assert sum(row.change != "same" for row in rows) <= 3 * edits


def test_nothing_and_something_can_be_compared() -> None:
    assert align(to_tree([]), to_tree([])) == []
    assert [row.change for row in align(to_tree([]), to_tree(tree()))] == ["inserted"]
    deep = [Step("step s", "0")]
    for number in range(3_000):
        deep = [Step("step s", str(number), deep)]
    assert differences(deep, deep) == 0
