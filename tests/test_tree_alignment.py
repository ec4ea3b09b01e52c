"""Two trees are aligned with as few differences as were made, quickly, and every step is accounted for once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tree_edits import Step, copied, edited, from_rows, to_tree

import agentlens as al
from agentlens.explorers._tree_alignment import align

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


@pytest.fixture(scope="module")
def real_trees() -> list[list[Step]]:
    """The trees of the bundled incidents, each step with what it did."""
    found = []
    for name in ("wave_14", "research_team"):
        with al.read(DATASETS / name, progress=False) as lens:
            for (trace,) in lens.sql("SELECT trace_id FROM traces WHERE spans > 8 ORDER BY 1").fetchall():
                query = """
                    SELECT depth, concat_ws(' ', operation_name, name, agent_name), span_id FROM spans
                    WHERE trace_id = $trace ORDER BY preorder
                """
                rows = lens.sql(query, trace=trace).fetchall()
                above: list[int] = []
                parents = []
                for place, (depth, *_) in enumerate(rows):
                    del above[depth:]
                    parents.append(above[-1] if above else -1)
                    above.append(place)
                found.append(from_rows(parents, [row[1] for row in rows], [row[2] for row in rows]))
    return found


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
