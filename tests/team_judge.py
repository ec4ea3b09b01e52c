"""Plays cases, reads what they left behind, and compares what was found with what is true of them."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import team_coordination  # noqa: F401 - its plays join those of team_failures
import team_healthy_habits  # noqa: F401 - its plays join those of team_healthy
import team_healthy_teams  # noqa: F401 - its plays join those of team_healthy
from team_failures import FAILURES, Case, Play
from team_healthy import HEALTHY
from team_lineage import FORMS as LINEAGE_FORMS
from team_lineage import WORLDS, World, hops_of
from team_log import forms_of, write
from team_words import Trade

import agentlens as al

TOGETHER = ("genai", "genai", "inference", "claude", "flat", "nested", "sdk")
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


def judge(name: str, play: Play, trade: Trade, seed: int, only_planted: bool = False) -> Verdict:
    """Play one case in one format, detect, and compare; the seed decides everything.

    With `only_planted` no detector but that of the planted failure looks, which is quicker.
    """
    rng = random.Random(f"{play.__name__} {trade.key} {seed}")
    case = play(rng, trade)
    form = rng.choice(case.forms or forms_of(case.log))
    with tempfile.TemporaryDirectory() as folder:
        write(case.log, form, Path(folder) / "logs")
        with al.read(Path(folder) / "logs", progress=False) as lens:
            rows = (
                al.detect(lens, detectors=[name] if only_planted else None)
                .project("detector, tier, severity, summary, agent_name, evidence::VARCHAR")
                .fetchall()
            )
    hit = any(row[0] == name and _is_blamed(case, form, row) for row in rows)
    accused = [row[:4] for row in rows if row[0] != name and row[0] not in case.also]
    return Verdict(name, play.__name__, trade.key, form, seed, hit, accused)


def _is_blamed(case: Case, form: str, row: tuple[str | None, ...]) -> bool:
    if form in NO_AGENT_NAMES or not case.culprits:
        return True
    said = " ".join(str(part) for part in row[3:])
    return any(name in said for name in case.culprits)


def sweep(
    failing: bool, trades: Sequence[Trade], rounds: int, first_seed: int, only_planted: bool = False
) -> Iterator[Verdict]:
    """Judge every play in `rounds` parametrisations, trades in turn."""
    for turn in range(rounds):
        for index, (name, play) in enumerate(plays(failing)):
            yield judge(name, play, trades[(turn + index) % len(trades)], first_seed + turn, only_planted)


def judge_together(trade: Trade, seed: int, runs: int) -> list[tuple[str, str, str, str]]:
    """Play `runs` healthy cases of one team in one format, an hour or two apart, into one lens; return what is not true of any.

    Cases with files of their own (heartbeats, manifests, matrices) are left to `judge`, as they would speak of the others too.
    """
    rng = random.Random(f"{trade.key} {seed}")
    form, allowed, played = rng.choice(TOGETHER), set(), 0
    with tempfile.TemporaryDirectory() as folder:
        while played < runs:
            play = rng.choice(HEALTHY)
            case = play(random.Random(f"{play.__name__} {trade.key} {seed} {played}"), trade)
            if case.log.files or form not in (case.forms or forms_of(case.log)):
                continue
            _shift(case, played * rng.uniform(3600, 7200))
            write(case.log, form, Path(folder) / "logs" / f"{played}")
            allowed.update(case.also)
            played += 1
        with al.read(Path(folder) / "logs", progress=False) as lens:
            rows = al.detect(lens).project("detector, tier, severity, summary").fetchall()
    return [row for row in rows if row[0] not in allowed]


def _shift(case: Case, seconds: float) -> None:
    for step in case.log.steps:
        step.start += seconds
        step.end = step.end + seconds if step.end is not None else None


class Trail(NamedTuple):
    """What came of the watched values of one world."""

    world: str
    trade: str
    form: str
    seed: int
    needed: int
    found: int
    said: int
    right: int
    near: int  # said hops that leave out steps between, but whose ends truly depend on one another
    missed: list[str]
    wrong: list[str]


def follow(play: Callable[[random.Random, Trade], World], trade: Trade, seed: int) -> Trail:
    """Play one world, ask where each watched value came from, and compare hop by hop."""
    rng = random.Random(f"{play.__name__} {trade.key} {seed}")
    world = play(rng, trade)
    form = rng.choice(LINEAGE_FORMS)
    counts, missed, wrong = [0] * 5, [], []
    with tempfile.TemporaryDirectory() as folder:
        write(world.log, form, Path(folder) / "logs")
        with al.read(Path(folder) / "logs", progress=False) as lens:
            for value in world.watched:
                _compare(world, value, lens, counts, missed, wrong)
            _look_for_losses(world, lens, counts, missed)
    return Trail(play.__name__, trade.key, form, seed, *counts, missed, wrong)


def _compare(world: World, value: str, lens: al.Lens, counts: list[int], missed: list[str], wrong: list[str]) -> None:
    hops = hops_of(world, value)
    names = {s.id: f"{n} {s.agent}/{s.kind if s.kind != 'tool' else s.name}" for n, s in enumerate(world.log.steps)}
    rows = lens.origin(value).project("from_span_id, to_span_id, kind").fetchall()
    said = {(_plain(a), _plain(b)): kind for a, b, kind in rows}
    counts[0] += len(hops.needed)
    for pairs in hops.needed:
        hit = any(pair in said for pair in pairs)
        counts[1] += hit
        missed += [] if hit else [" or ".join(f"{names.get(a)} -> {names.get(b)}" for a, b in pairs)]
    for pair, kind in said.items():
        is_right = pair in hops.allowed
        counts[2] += 1
        counts[3] += is_right
        is_near = is_right or _reaches(hops.later, str(pair[0]), pair[1])
        counts[4] += is_near
        label = f"{names.get(pair[0])} -> {names.get(pair[1])} ({kind})"
        wrong += [] if is_right else [label + (" leaves out steps" if is_near else " IS FALSE")]


def _plain(span_id: str | None) -> str | None:
    return span_id.removeprefix("span_") if span_id else None


def _reaches(later: dict[str, set[str]], a: str, b: str) -> bool:
    seen, todo = set(), [a]
    while todo:
        now = todo.pop()
        if now == b:
            return True
        todo += later.get(now, set()) - seen
        seen |= later.get(now, set())
    return False


def _look_for_losses(world: World, lens: al.Lens, counts: list[int], missed: list[str]) -> None:
    """Whether values that a summary dropped, or that a brief left out, are named."""
    lost = lens.sql("SELECT agent_name, value FROM context_lost_values()").fetchall() if world.lost else []
    for pair in world.lost:
        counts[0] += 1
        counts[1] += pair in lost
        missed += [] if pair in lost else [f"lost {pair}"]
    rows = [str(row) for row in lens.sql("FROM handoff_losses").fetchall()] if world.untold else []
    for helper, value in world.untold:
        hit = any(helper in row and value in row for row in rows)
        counts[0] += 1
        counts[1] += hit
        missed += [] if hit else [f"untold {helper} {value}"]


def follow_all(trades: Sequence[Trade], rounds: int, first_seed: int) -> Iterator[Trail]:
    """Follow every world in `rounds` parametrisations, trades in turn."""
    for turn in range(rounds):
        for index, play in enumerate(WORLDS):
            yield follow(play, trades[(turn + index) % len(trades)], first_seed + turn)
