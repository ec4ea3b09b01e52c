"""How short the edit scripts are, how fast, and how often the cause stands first: `python tests/benchmarks/compare_and_explain.py`."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
from incidents import make_runs, names_cause, strike  # noqa: E402
from lens_builder import read_steps  # noqa: E402
from tree_edits import Step, edited, to_tree, trees_of_incidents  # noqa: E402

from agentlens.explorers._tree_alignment import align  # noqa: E402


def scripts(draws: int) -> None:
    """Print how many scripts are no longer than the edits made."""
    rng, trees = random.Random(1), trees_of_incidents()
    kept = 0
    for _ in range(draws):
        tree, edits = rng.choice(trees), rng.randint(1, 10)
        kept += sum(row.change != "same" for row in align(to_tree(tree), to_tree(edited(tree, edits, rng)))) <= edits
    print(f"edit scripts no longer than planted: {kept / draws:.3f} of {draws}")


def speed() -> None:
    """Print what two traces of 5,000 steps take."""
    rng = random.Random(1)
    steps = [Step("agent lead", "")]
    for number in range(4_999):
        step = Step(rng.choice(("tool search", "model m", "tool read", "agent helper")), str(number % 700))
        rng.choice(steps[-50:]).children.append(step)
        steps.append(step)
    for edits in (10, 500, 2_000):
        a, b = to_tree(steps[:1]), to_tree(edited(steps[:1], edits, rng))
        begin = time.process_time()
        align(a, b)
        print(f"5,000 steps, {edits} edits: {time.process_time() - begin:.2f} CPU-s")


def causes(draws: int) -> None:
    """Print how often the cause of an incident stands first."""
    runs, rng, first, struck_runs = make_runs(600, 5), random.Random(9), 0, 0
    with (
        tempfile.TemporaryDirectory() as folder,
        read_steps(Path(folder), [s for run in runs for s in run.steps]) as lens,
    ):
        for _ in range(draws):
            cause, struck = strike(runs, rng)
            struck_runs += len(struck)
            top = lens.explain(struck).pl().head(1).to_dicts()
            first += bool(top) and names_cause(top[0], cause)
    print(
        f"cause first: {first / draws:.3f} of {draws} incidents; {struck_runs / draws / len(runs):.1%} of runs struck"
    )


if __name__ == "__main__":
    scripts(1_000)
    speed()
    causes(200)
