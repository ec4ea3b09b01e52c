"""Made-up runs in which values travel on planned ways: the way is drawn first, by chance, and then written down as a log.

Unlike the bundled incidents: no ids on tool calls, runs nested without a tool, notes on a board, results as tables and prose.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from lens_builder import Step, agent, call, hex_id, tool

Way = set[tuple[str | None, str]]

NAMES = ["Brunhilde", "Okonkwo", "Tomoko", "Ferreira", "Lindqvist", "Amara", "Dvořák", "Quispe", "Nadia", "Ezra"]
OPENINGS = [
    "Übersicht:",
    "For the record,",
    "as agreed",
    "Kurz gesagt:",
    "Heads-up —",
    "PS:",
    "FYI",
    "re your question:",
]
NOISE = [
    "harbour",
    "ledger",
    "crate",
    "lantern",
    "survey",
    "gravel",
    "tariff",
    "quorum",
    "ballast",
    "memo",
    "index",
    "turbine",
    "orchard",
    "canvas",
    "pier",
]
STYLES = ["spoken", "board", "handed", "file"]


@dataclass
class World:
    """One run: its steps, and for each value the steps it went through."""

    trace: str
    chance: random.Random
    steps: list[Step] = field(default_factory=list)
    ways: dict[str, Way] = field(default_factory=dict)
    now: float = 0

    def tick(self) -> float:
        """Return the next moment."""
        self.now += self.chance.uniform(1.0, 4.0)
        return self.now

    def id(self, name: str) -> str:
        """Return the span id of a step."""
        return hex_id(f"{self.trace}/{name}")

    def prose(self, words: int) -> str:
        """Return words that mean nothing, a few numbers among them."""
        drawn = [self.chance.choice([*NOISE, str(self.chance.randint(2, 99))]) for _ in range(words)]
        return " ".join(drawn)


def draw_value(chance: random.Random) -> str:
    """Return a value of a kind drawn by chance."""
    kinds = [
        lambda: f"{chance.randint(10, 999)},{chance.randint(100, 999)}.{chance.randint(10, 99)}",
        lambda: (
            f"{chance.choice(['inv', 'Req', 'SHIP', 'doc'])}-{chance.randint(10_000, 99_999)}-{chance.choice('abcdef')}"
        ),
        lambda: f"{chance.getrandbits(48):012x}"[:11] + "7",
        lambda: f"/mnt/{chance.choice(NOISE)}/{chance.choice(NOISE)}_{chance.randint(100, 999)}.parquet",
        lambda: f"{chance.choice(NOISE)}.{chance.choice(NOISE)}{chance.randint(10, 99)}@{chance.choice(NOISE)}.example",
        lambda: str(chance.randint(1_000_003, 9_999_991)),
    ]
    return chance.choice(kinds)()


def carry(chance: random.Random, value: str) -> str:
    """Return a sentence, a table or a record that holds the value."""
    opening, noise = chance.choice(OPENINGS), " ".join(chance.choices(NOISE, k=5))
    return chance.choice([
        f"{opening} {noise} {value}.",
        f"| {noise} | {value} |",
        f'{{"{chance.choice(NOISE)}": "{value}", "rest": "{noise}"}}',
        f"{noise}: {value}; {opening}",
        f"({value}) {noise}",
    ])  # fmt: skip


def make_world(seed: int) -> World:
    """Return a run in which two values travel through three to six agents."""
    chance = random.Random(seed)
    world = World(f"world-{seed}", chance)
    world.steps.append(agent("root", start=0, end=10_000, trace=world.trace, agent_name=None))
    for number in range(2):
        value = draw_value(chance)
        world.ways[value] = set()
        travel(world, value, number)
    return world


def travel(world: World, value: str, number: int) -> None:
    """Write down the way of one value from a tool through agents to an answer."""
    crew = world.chance.sample(NAMES, world.chance.randint(3, 6))
    way = world.ways[value]
    first = Actor(world, crew[0], number, "root")
    source = first.look(carry(world.chance, value))
    way.add((None, world.id(source)))
    actor = first
    for name in crew[1:]:
        source = pass_on(world, value, actor, source, way, Actor.named(name, number), world.chance.choice(STYLES))
        actor = Actor(world, name, number, actor.within)
        actor.receive_from(source, way)
    last = actor.say(f"{world.prose(4)} {carry(world.chance, value)}")
    actor.note(way, last)


class Actor:
    """One agent at work: its window, and the step that brought it the value."""

    def __init__(self, world: World, name: str, number: int, parent: str) -> None:
        self.world, self.name, self.run = world, name, self.named(name, number)
        self.within = parent
        self.calls = 0
        self.brought_by: str | None = None
        self.arrived = False
        self.window: list[dict[str, Any]] = [_message("system", f"You are {name}. {world.prose(8)}")]
        pending = world.__dict__.setdefault("pending", {}).pop(self.run, None)
        world.steps.append(agent(f"{name}#{number}", pending or parent, world.tick(), 10_000, trace=world.trace))

    @staticmethod
    def named(name: str, number: int) -> str:
        """Return the name of the step that is the agent's run."""
        return f"{name}#{number}"

    def say(self, words: str, *asks: dict[str, Any]) -> str:
        """Call the model; return the step."""
        self.calls += 1
        step = f"{self.run}/call{self.calls}"
        said = {"role": "assistant", "parts": [{"type": "text", "content": words}, *asks]}
        self.world.steps.append(
            call(
                step,
                self.run,
                self.world.tick(),
                trace=self.world.trace,
                agent=self.name,
                inputs=self.window,
                outputs=[said],
            )
        )
        self.window = [*self.window, said]
        return step

    def look(self, result: str) -> str:
        """Ask for a tool that answers something; return the step of the tool."""
        self.window.append(_message("user", self.world.prose(9)))
        self.say(
            self.world.prose(5), {"type": "tool_call", "name": "consult", "arguments": {"topic": self.world.prose(3)}}
        )
        return self._use("consult", self.world.tick(), {"topic": self.world.prose(2)}, result)

    def _use(self, name: str, moment: float, arguments: dict[str, Any], result: str) -> str:
        """Call a tool and hear its answer; return the step."""
        step = f"{name}#{self.run}"
        self.world.steps.append(
            tool(step, self.run, moment, trace=self.world.trace, arguments=arguments, result=result)
        )
        self.window.append({"role": "tool", "parts": [{"type": "tool_call_response", "response": result}]})
        self.brought_by = step
        return step

    def receive_from(self, source: str, way: Way) -> None:
        """Take what the one before left: words of its own, a note on the board, a file."""
        left = self.world.__dict__.pop("left")
        if left["how"] in ("board", "file"):
            name = "blackboard_get" if left["how"] == "board" else "open_file"
            self.window.append(_message("user", self.world.prose(7)))
            self.say(self.world.prose(3), {"type": "tool_call", "name": name, "arguments": left["where"]})
            step = self._use(name, self.world.tick(), left["where"], left["text"])
            way.add((self.world.id(source), self.world.id(step)))
        else:
            self.window.append(_message("user", f"{self.world.prose(3)}\n{left['text']}\n{self.world.prose(2)}"))
            self.brought_by = source
        self.say(self.world.prose(6)) if self.world.chance.random() < 0.5 else None
        if self.calls and self.window[-1]["role"] == "assistant":
            self.note(way, f"{self.run}/call{self.calls}")

    def note(self, way: Way, step: str) -> None:
        """Write down that a call was given the value, or repeats it, from the step that brought it."""
        assert self.brought_by
        way.add((self.world.id(self.brought_by), self.world.id(step)))


def pass_on(world: World, value: str, actor: Actor, source: str, way: Way, to: str, how: str) -> str:
    """Have an agent pass the value on; return the step from which the next one has it."""
    text = carry(world.chance, value)
    if how == "spoken":
        step = actor.say(f"{world.prose(3)} {text}")
        actor.note(way, step)
        world.__dict__["left"] = {"how": how, "text": text}
        return step
    name, where, given = _vessel(world, how, to, text)
    step = actor.say(world.prose(4), {"type": "tool_call", "name": name, "arguments": given})
    actor.note(way, step)
    act = f"{name}#{actor.run}"
    end = 10_000 if how == "handed" else None
    world.steps.append(
        tool(
            act,
            actor.run,
            world.tick(),
            end,
            trace=world.trace,
            arguments=given,
            result=None if how == "handed" else "ok",
        )
    )
    way.add((world.id(step), world.id(act)))
    if how == "handed":
        world.__dict__.setdefault("pending", {})[to] = act
    world.__dict__["left"] = {"how": how, "text": text, "where": where}
    return act


def _vessel(world: World, how: str, to: str, text: str) -> tuple[str, dict[str, str], dict[str, str]]:
    if how == "board":
        where = {"key": f"{world.chance.choice(NOISE)}_{to}"}
        return "blackboard_put", where, {**where, "value": text}
    if how == "file":
        where = {"path": f"shared/{world.chance.choice(NOISE)}_{to.replace('#', '_')}.txt"}
        return "save_file", where, {**where, "content": text}
    return "commission", {}, {"colleague": to.partition("#")[0], "assignment": text}


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}
