"""Plays cases, reads what they left behind, and compares what was found with what is true of them."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from team_failures import FAILURES, Case, Play
from team_healthy import HEALTHY
from team_log import forms_of, write
from team_words import Trade

import agentlens as al

NO_AGENT_NAMES = ("claude", "codex")  # the session's main agent goes by the name of the program


class Verdict(NamedTuple):
    """What came of one case: `name` is the planted failure ("" for none), `hit` whether it was found at the right agent."""

    name: str
    play: str
    trade: str
    form: str
    seed: int
    hit: bool
    accused: list[tuple[str, str, str, str]]  # findings that are not true: detector, tier, severity, summary


def plays(failing: bool) -> Iterator[tuple[str, Play]]:
    """Yield every play with the name of its failure, "" where nothing goes wrong."""
    if failing:
        yield from ((name, play) for name, some in FAILURES.items() for play in some)
    else:
        yield from (("", play) for play in HEALTHY)


def judge(name: str, play: Play, trade: Trade, seed: int) -> Verdict:
    """Play one case in one format, detect, and compare; the seed decides everything."""
    rng = random.Random(f"{play.__name__} {trade.key} {seed}")
    case = play(rng, trade)
    form = rng.choice(case.forms or forms_of(case.log))
    with tempfile.TemporaryDirectory() as folder:
        write(case.log, form, Path(folder) / "logs")
        with al.read(Path(folder) / "logs", progress=False) as lens:
            rows = (
                al.detect(lens).project("detector, tier, severity, summary, agent_name, evidence::VARCHAR").fetchall()
            )
    hit = any(row[0] == name and _is_blamed(case, form, row) for row in rows)
    accused = [row[:4] for row in rows if row[0] != name and row[0] not in case.also]
    return Verdict(name, play.__name__, trade.key, form, seed, hit, accused)


def _is_blamed(case: Case, form: str, row: tuple[str | None, ...]) -> bool:
    if form in NO_AGENT_NAMES or not case.culprits:
        return True
    said = " ".join(str(part) for part in row[3:])
    return any(name in said for name in case.culprits)


def sweep(failing: bool, trades: Sequence[Trade], rounds: int, first_seed: int) -> Iterator[Verdict]:
    """Judge every play in `rounds` parametrisations, trades in turn."""
    for turn in range(rounds):
        for index, (name, play) in enumerate(plays(failing)):
            yield judge(name, play, trades[(turn + index) % len(trades)], first_seed + turn)
