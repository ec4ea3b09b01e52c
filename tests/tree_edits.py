"""Random edits of trees, with the number of edits planted: what an alignment must not exceed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import agentlens as al
from agentlens.explorers._tree_alignment import Tree

DATASETS = Path(__file__).resolve().parents[1] / "datasets"


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


def trees_of_incidents() -> list[list[Step]]:
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
