"""Values and sentences that travel from hand to hand, and an account of every hop kept while the agents play.

The account (`hops_of`) knows which step brought each message into a window, because the players say so; it looks at
nothing but the play. `WORLDS` are functions of (random, trade) that return a `World`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from team_failures import begin, busy, get, put
from team_log import Log, Step
from team_words import Trade

FORMS = ("genai", "inference", "nested", "sdk")


@dataclass
class World:
    """One play with what travels in it: watched values, how else they are written, and what was lost on the way."""

    log: Log
    watched: list[str]
    written: dict[str, tuple[str, ...]] = field(default_factory=dict)  # value: other ways in which it is written
    strangers: list[Step] = field(default_factory=list)  # steps that hold an equal value from elsewhere
    lost: list[tuple[str, str]] = field(default_factory=list)  # (agent, value): gone from its window after a summary
    untold: list[tuple[str, str]] = field(default_factory=list)  # (helper, value): known above, not in its brief


@dataclass
class Hops:
    """What is true of one value: pairs of step ids; each entry of `needed` is a set of which one must be found."""

    needed: list[set[tuple[str | None, str]]]
    allowed: set[tuple[str | None, str]]
    later: dict[str, set[str]]


WORLDS: list[Callable[[random.Random, Trade], World]] = []


def world(play: Callable[[random.Random, Trade], World]) -> Callable[[random.Random, Trade], World]:
    WORLDS.append(play)
    return play


def _holds(value: str, what: Any) -> bool:
    if isinstance(what, (dict, list)):
        return any(_holds(value, part) for part in (what.values() if isinstance(what, dict) else what))
    is_number = value[0].isdigit() and value[-1].isdigit() and not re.search("[^0-9.,]", value)
    edges = (r"(?<![\w-])(?<!\d[.,])", r"(?![\w-]|[.,]\d)") if is_number else (r"(?<![\w-])", r"(?![\w-])")
    return re.search(edges[0] + re.escape(value) + edges[1], str(what)) is not None


def hops_of(w: World, value: str) -> Hops:
    """Return the hops of a value, from nowhere (None) where it first appeared."""
    names = (value, *w.written.get(value, ()))
    hops = Hops([], set(), {})

    def holds(what: Any) -> bool:
        return any(_holds(name, what) for name in names)

    def need(*pairs: tuple[str | None, str]) -> None:
        hops.needed.append(set(pairs))
        hops.allowed.update(pairs)

    stands: dict[str, set[str]] = {}
    allow = hops.allowed.add
    for step in sorted((s for s in w.log.steps if s.kind != "agent"), key=lambda s: s.start):
        if step.kind == "model":
            _model_hops(w, step, stands, holds, need, allow)
        elif step not in w.strangers:
            _tool_hops(w, step, holds, need, hops)
    for step in w.strangers:
        hops.allowed.add((None, step.id))
        _follow_stranger(w, step, hops)
    _allow_runs(w, hops)
    for pair in hops.allowed:
        hops.later.setdefault(str(pair[0]), set()).add(pair[1])
    return hops


def _model_hops(w: World, m: Step, stands: dict[str, set[str]], holds: Any, need: Any, allow: Any) -> None:
    """A message with the value comes into a window for the first time; or the model repeats what stands there."""
    had = stands.setdefault(m.parent.id if m.parent else "", set())
    came: set[str] = set()
    is_new = False
    for message in m.window:
        key = f"{m.parent.id if m.parent else ''} {id(message)}"
        if not holds([p.get("content") or p.get("response") or p.get("arguments") for p in message["parts"]]):
            continue
        by = w.log.brought.get(id(message))
        if by in w.strangers:
            continue
        if key not in had:
            had.add(key)
            is_new = True
            if by and by.kind == "model" and by.parent is m.parent and len(had) > 1:
                allow((by.id, m.id))  # its own words, and it knew the value before: it may be said, and need not
                continue
            pairs = [(by.id if by else None, m.id)]
            pairs += [(last.id, m.id) for last in _last_words(w, by)] if by and by.kind == "tool" else []
            need(*pairs)
        came.add(by.id if by else "")
    if came and not is_new and holds([p.get("content") or p.get("arguments") for p in m.said]):
        need(*[(c or None, m.id) for c in came])


def _last_words(w: World, given: Step) -> list[Step]:
    """The last model call of the run that a handing over began."""
    runs = [s for s in w.log.steps if s.kind == "agent" and s.parent is given]
    return [[s for s in w.log.steps if s.parent is r and s.kind == "model"][-1] for r in runs]


def _tool_hops(w: World, t: Step, holds: Any, need: Any, hops: Hops) -> None:
    """A tool gets the value in its arguments from the call that asked for it, or brings it from a store or from outside."""
    asked = next((s for s in w.log.steps if any(p.get("id") == t.call_id for p in s.said)), None)
    if asked and holds(t.args):
        need((asked.id, t.id))
    if t.result is None or not holds(t.result):
        return
    helpers = _last_words(w, t)
    if helpers:
        hops.allowed.update((h.id, t.id) for h in helpers)
        return
    written = [s for s in w.log.steps if s.kind == "tool" and s.start < t.start and _same_store(s, t) and holds(s.args)]
    if written:
        need((written[-1].id, t.id))
    elif not holds(t.args):
        need((None, t.id))


def _same_store(a: Step, b: Step) -> bool:
    keys = [{v for k, v in s.args.items() if isinstance(v, str) and len(v) < 80} for s in (a, b)]
    return bool(keys[0] & keys[1])


def _follow_stranger(w: World, step: Step, hops: Hops) -> None:
    """An equal value from elsewhere may be followed on a way of its own."""
    way = {step.id}
    for s in w.log.steps:
        if s.kind == "model" and any(w.log.brought.get(id(m)) is step for m in s.window):
            way.add(s.id)
        if s.kind == "tool" and s.parent is step.parent and s.start > step.start:
            way.add(s.id)
    hops.allowed.update((a, b) for a in way for b in way if a != b)


def _allow_runs(w: World, hops: Hops) -> None:
    """A log may hold the brief and the answer at the run itself: it then stands between them and its own calls."""
    for run in (s for s in w.log.steps if s.kind == "agent"):
        calls = [s.id for s in w.log.steps if s.parent is run and s.kind == "model"]
        into = {a for a, b in hops.allowed if b in calls[:1]} | ({run.parent.id} if run.parent else {None})
        out = {b for a, b in hops.allowed if a in calls[-1:]} | ({run.parent.id} if run.parent else set())
        hops.allowed.update({(a, run.id) for a in into} | {(run.id, b) for b in out})
        hops.allowed.update({(run.id, c) for c in calls} | {(c, run.id) for c in calls})


# --- the worlds -------------------------------------------------------------------------------------------------------


def _figure(rng: random.Random) -> tuple[str, str, str]:
    """Return a figure as logs write it, the same in another dress, and the same rounded."""
    n = rng.randrange(101, 989) * 100 + 50_000
    return rng.choice(((f"{n:,}", f"{n / 1000:g}k", str(n)), (str(n), f"{n / 1000:g}k", f"{n:,}")))


@world
def a_rumour(rng: random.Random, t: Trade) -> World:
    """A tool's figure goes through a helper to the lead, to two more helpers, and into their files."""
    log, run = begin(rng, t)
    value, short, _ = _figure(rng)
    a, b, c = rng.sample(t.crew, 3)
    one = run.hand(t.hand, a, {"task": rng.choice(t.musing)})
    busy(one, rng, t, rng.randrange(0, 3))
    one.act(t.look[0], {t.look[1]: t.items[0] + "/total"}, f"{t.items[0]} = {value}")
    busy(one, rng, t, rng.randrange(0, 2))
    one.end(f"{t.items[0]}: {value}.")
    two, three = run.fan(
        t.hand, [(b, {"task": f"{t.musing[0]} ({value})"}), (c, {"task": t.musing[1], "basis": value})]
    )
    for child, n in ((two, 0), (three, 1)):
        put(child, t, f"out/{n}-{t.paths[n]}", f"# {t.items[n]}\n\n{value} — {t.musing[n]}")
        child.end(t.done)
    busy(run, rng, t, 1)
    run.end(f"{t.done} ({short})" if rng.random() < 0.5 else f"{t.done} ({value})")
    stranger = _stranger(log, rng, t, value)
    return World(log, [value], {value: (short,)}, [stranger])


def _stranger(log: Log, rng: random.Random, t: Trade, value: str) -> Step:
    """Another team meets an equal number that comes from somewhere else."""
    other = log.start(t.crew[5] + " II", rng.choice(t.musing), at=log.clock + rng.randrange(-4000, 9000))
    step = other.act("count_rows", {"table": f"t_{log.hex(4)}"}, {"rows": value})
    other.end(t.done)
    return step


@world
def within_one_family(rng: random.Random, t: Trade) -> World:
    """Two helpers of one lead meet the same number from two sources; one answer travels on, the other does not."""
    log, run = begin(rng, t)
    value = f"{rng.randrange(1000, 9999)}-{rng.choice('KLMRX')}{rng.randrange(10, 99)}"
    a, b = rng.sample(t.crew, 2)
    one, two = run.fan(t.hand, [(a, {"task": t.musing[0]}), (b, {"task": t.musing[1]})])
    one.act(t.look[0], {t.look[1]: t.items[1]}, {"ref": value, "item": t.items[1]})
    one.end(f"Ref {value}.")
    two.act("count_rows", {"table": "x"}, {"rows": value})
    stranger = log.steps[-1]
    two.end(t.done)
    put(run, t, t.paths[2], f"{t.items[1]}: {value}")
    run.end(t.done)
    return World(log, [value], strangers=[stranger])


@world
def a_note_for_tomorrow(rng: random.Random, t: Trade) -> World:
    """What a stranger's page says is noted in memory; a day later another agent reads the note and acts on it."""
    log, run = begin(rng, t)
    value = rng.choice(
        (f"ES{rng.randrange(10**9, 10**10)}", f"pay-{log.hex(6)}@desk.example", f"VX-{rng.randrange(10**5, 10**6)}")
    )
    key = f"{t.key}/account"
    run.act("fetch_url", {"url": f"https://{t.key}.example.org/{log.hex(3)}"}, f"{t.musing[0]} {value}. {t.musing[1]}")
    busy(run, rng, t, rng.randrange(0, 2))
    run.act(t.memory[0], {"key": key, "value": value}, "stored")
    run.end(t.done)
    later = log.start(rng.choice(t.crew), t.musing[2], at=run.t + 86_000)
    later.act(t.memory[1], {"key": key}, value)
    busy(later, rng, t, rng.randrange(0, 2))
    later.act(t.danger, {"target": value, "amount": 17}, {"ok": True})
    later.end(t.done)
    return World(log, [value])


@world
def from_file_to_file(rng: random.Random, t: Trade) -> World:
    """A reference is written into one file, read, written into another, read again and quoted."""
    log, run = begin(rng, t)
    value = f"{rng.choice(('REQ', 'lot', 'Akte', 'ord'))}-{rng.randrange(10_000, 99_999)}"
    a, b, c = rng.sample(t.crew, 3)
    one = run.hand(t.hand, a, {"task": t.musing[0]})
    one.act(t.look[0], {t.look[1]: t.items[2]}, f"{t.items[2]} -> {value}")
    text = f"{t.musing[0]}\n{value}\n{t.musing[1]}"
    put(one, t, t.paths[0], text)
    one.end(t.done)
    two = run.hand(t.hand, b, {"task": f"{t.paths[0]} -> {t.paths[1]}"})
    get(two, t, t.paths[0], text)
    second = f"{t.items[0]},{value},{rng.randrange(99)}"
    put(two, t, t.paths[1], second)
    two.end(t.done)
    three = run.hand(t.hand, c, {"task": t.paths[1]})
    get(three, t, t.paths[1], second)
    three.end(f"{t.musing[2]} {value}.")
    run.end(t.done)
    return World(log, [value])


@world
def an_address_handed_on(rng: random.Random, t: Trade) -> World:
    """An upload gives an address; the address is handed on and fetched by another agent."""
    log, run = begin(rng, t)
    a, b = rng.sample(t.crew, 2)
    url = f"https://files.{t.key}.example/{log.hex(6)}/{t.paths[3].rsplit('/', 1)[-1]}"
    one = run.hand(t.hand, a, {"task": t.musing[0]})
    one.act("upload", {"name": t.paths[3], "bytes": rng.randrange(9999)}, {"url": url})
    one.end(f"{t.done} {url}")
    two = run.hand(t.hand, b, {"task": t.musing[1], "source": url})
    two.act("download", {"url": url}, t.musing[2])
    two.end(t.done)
    run.end(t.done)
    return World(log, [url])


@world
def lost_in_the_summary(rng: random.Random, t: Trade) -> World:
    """A figure comes with a caveat; the summary keeps the figure and drops the caveat; the figure is handed on."""
    log, run = begin(rng, t)
    value, _, _ = _figure(rng)
    caveat = f"{rng.choice(('provisional', 'estimate', 'draft'))}-{rng.randrange(100, 999)}{rng.choice('ABC')}"
    filler = " ".join(rng.sample(t.musing * 8, 20))
    busy(run, rng, t, 2)
    run.act(t.look[0], {t.look[1]: "forecast"}, f"{value} [{caveat}]\n{filler}")
    busy(run, rng, t, 2)
    run.think(f"{rng.choice(t.musing)} {value}")
    summariser = log.steps[-1]
    run.window = [*run.window[:2], {"role": "user", "parts": [{"type": "text", "content": f"Summary of the conversation so far:\n{rng.choice(t.musing)} {value}"}]}]  # fmt: skip
    log.brought[id(run.window[-1])] = summariser
    run.think(rng.choice(t.musing))
    child = run.hand(t.hand, t.crew[0], {"task": f"{t.musing[1]} {value}"})
    put(child, t, t.paths[1], f"{value}\n{t.musing[0]}")
    child.end(t.done)
    run.end(t.done)
    return World(log, [value], lost=[(t.lead, caveat)])


@world
def a_brief_too_thin(rng: random.Random, t: Trade) -> World:
    """The lead knows a limit; the brief does not say it; the helper has to look for it again."""
    log, run = begin(rng, t)
    limit = f"LIM-{rng.randrange(1000, 9999)}"
    run.act(t.fetch[0], {t.fetch[1]: "rules.md"}, f"{t.musing[0]}\n{t.items[3]}: {limit}\n{t.musing[1]}")
    busy(run, rng, t, 1)
    helper = rng.choice(t.crew)
    child = run.hand(t.hand, helper, {"task": t.musing[2]})
    busy(child, rng, t, 1)
    child.act(t.fetch[0], {t.fetch[1]: "rules.md"}, f"{t.musing[0]}\n{t.items[3]}: {limit}\n{t.musing[1]}")
    child.end(f"{t.items[3]}: {limit}. {t.done}")
    run.end(t.done)
    return World(log, [], untold=[(helper, limit)])


@world
def word_for_word(rng: random.Random, t: Trade) -> World:
    """A sentence of a source is quoted in an answer, in a brief and in a file."""
    log, run = begin(rng, t)
    a, b = rng.sample(t.crew, 2)
    words = rng.sample([w.strip(".,;:") for m in t.musing for w in m.split()], 9)
    sentence = " ".join(words)
    one = run.hand(t.hand, a, {"task": t.musing[0][:20]})
    one.act(t.look[0], {t.look[1]: t.items[0]}, f"{t.items[0]}: {sentence}.")
    one.end(f"« {sentence} »")
    two = run.hand(t.hand, b, {"task": t.items[1], "quote": sentence})
    put(two, t, t.paths[0], f"> {sentence}\n\n{t.items[2]}")
    two.end(t.items[3])
    run.end(t.items[4])
    return World(log, [sentence])
