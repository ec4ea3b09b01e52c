"""A fleet of runs with random properties, and incidents that one of them causes: what an explanation must put first."""

from __future__ import annotations

import random
from dataclasses import dataclass

from lens_builder import Step, agent, call, hex_id, tool

VALUES = {
    "deployment__region": ["north", "south", "east", "west", "central", "coast", "hills", "lakes"],
    "customer__tier": ["free", "trial", "team", "business", "school", "public", "partner", "internal"],
    "gen_ai__prompt__version": ["v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8"],
    "feature__flag": ["plain", "cache", "rerank", "long", "short", "batch", "stream", "draft"],
}
MODELS = [f"model-{letter}" for letter in "abcdefgh"]
TOOLS = ["search", "fetch", "read", "write", "query", "translate", "plot", "mail", "book"]


@dataclass
class Run:
    """One run: its trace id, everything random about it, and its spans."""

    trace_id: str
    known: dict[str, str]
    steps: list[Step]


def make_runs(count: int, seed: int) -> list[Run]:
    """Return runs whose properties are drawn apart from each other."""
    rng = random.Random(seed)
    runs = []
    for number in range(count):
        known = {name: rng.choice(values) for name, values in VALUES.items()}
        model, tools = rng.choice(MODELS), rng.sample(TOOLS, 2)
        trace = f"run{number}"
        steps = [agent("lead", trace=trace, **known), call("c", "lead", 1, trace=trace, model=model, **known)]
        steps += [
            tool(name, "lead", at + 2, trace=trace, arguments={"page": rng.randint(1, 9)}, result="found")
            for at, name in enumerate(tools)
        ]
        said = {name.replace("__", "."): value for name, value in known.items()}
        said |= {"model": model} | {f"tool {name}": name for name in tools}
        runs.append(Run(hex_id(trace, 32), said, steps))
    return runs


def strike(runs: list[Run], rng: random.Random) -> tuple[tuple[str, str], list[str]]:
    """Return a cause and the runs it struck: about 5 % of all, half of those with the cause and one in a hundred others."""
    cause = rng.choice(sorted({pair for run in runs for pair in run.known.items() if not pair[0].startswith("tool")}))
    struck = [run.trace_id for run in runs if rng.random() < (0.4 if run.known[cause[0]] == cause[1] else 0.01)]
    return cause, struck


def names_cause(row: dict[str, object], cause: tuple[str, str]) -> bool:
    """Whether a row of the explanation, or what comes to the same, names the cause."""
    texts = [f"{row['kind']} {row['feature']} = {row['value']}", *row["also"]]  # type: ignore[misc]
    return any(str(text).endswith(f" = {cause[1]}") for text in texts)
