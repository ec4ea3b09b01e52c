"""Random edits of trees, with the number of edits planted: what an alignment must not exceed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from agentlens.explorers._tree_alignment import Tree


@dataclass
class Step:
    """A step of a tree that can be edited."""

    label: str
    content: str
    children: list[Step] = field(default_factory=list)


def to_tree(roots: list[Step]) -> Tree:
    """The steps in preorder, as the alignment takes them."""
    parents: list[int] = []
    steps: list[Step] = []
    open_steps = [(step, -1) for step in reversed(roots)]
    while open_steps:
        step, parent = open_steps.pop()
        parents.append(parent)
        steps.append(step)
        open_steps += [(child, len(steps) - 1) for child in reversed(step.children)]
    labels = [step.label for step in steps]
    return Tree(parents, labels, [step.content for step in steps], [label.partition(" ")[0] for label in labels])


def from_rows(parents: list[int], labels: list[str], contents: list[str]) -> list[Step]:
    """The steps of a tree given in preorder; the roots are returned."""
    steps = [Step(label, content) for label, content in zip(labels, contents)]
    for step, parent in zip(steps, parents):
        if parent >= 0:
            steps[parent].children.append(step)
    return [step for step, parent in zip(steps, parents) if parent < 0]


def copied(roots: list[Step]) -> list[Step]:
    """A copy that can be edited."""
    return [Step(step.label, step.content, copied(step.children)) for step in roots]


def edited(roots: list[Step], edits: int, rng: random.Random) -> list[Step]:
    """A copy after so many edits: a step inserted, deleted (its children move up), moved with all below, or changed."""
    above = Step("root", "", copied(roots))
    for number in range(edits):
        rng.choice((_insert, _delete, _move, _change))(above, rng, number)
    return above.children


def _all(above: Step) -> list[Step]:
    found, open_steps = [], [above]
    while open_steps:
        step = open_steps.pop()
        found.append(step)
        open_steps += step.children
    return found


def _insert(above: Step, rng: random.Random, number: int) -> None:
    home = rng.choice(_all(above))
    home.children.insert(
        rng.randint(0, len(home.children)), Step(rng.choice(("tool new", "model m", "step x")), f"new {number}")
    )


def _delete(above: Step, rng: random.Random, number: int) -> None:
    homes = [step for step in _all(above) if step.children]
    if len(homes) > 1:
        home = rng.choice(homes)
        at = rng.randrange(len(home.children))
        home.children[at : at + 1] = home.children[at].children


def _move(above: Step, rng: random.Random, number: int) -> None:
    home = rng.choice([step for step in _all(above) if step.children])
    step = home.children.pop(rng.randrange(len(home.children)))
    new = rng.choice(_all(above))
    new.children.insert(rng.randint(0, len(new.children)), step)


def _change(above: Step, rng: random.Random, number: int) -> None:
    step = rng.choice(_all(above))
    if step is not above:
        step.content = f"changed {number}"
