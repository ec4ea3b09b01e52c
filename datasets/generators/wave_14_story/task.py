"""The words the story is told in: waves, tasks and calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """One turn of an agent: what it says, the tool it calls, what comes back."""

    say: str
    tool: str
    result: str
    args: dict[str, Any]
    error: tuple[str, str] | None = None  # error type, message
    tag: str = ""  # name under which the truth file finds this call's span
    board: tuple[str, str] | None = None  # status and detail on the heartbeat board from this call on
    seconds: float | None = None  # fixed duration; otherwise the tool's share of the task's minutes
    packet_version: int | None = None
    handoff: Task | None = None
    retry_count: int = 0


@dataclass
class Task:
    """What one agent was asked for in one wave, and what it did."""

    agent: str
    minutes: float
    brief: str
    deliverable: str
    doing: str
    done: str
    calls: list[Call]
    final: str
    next: str
    believed: list[str] = field(default_factory=list)
    status: str = "COMPLETE"
    blockers: str = "none"
    with_context: bool = True
    silent: bool = False
    opens: tuple[str, str] | None = None  # status and detail on the board at the start; otherwise in progress
    packet_version: int | None = None  # the packet acted on, when it is not the one of the brief


@dataclass
class Wave:
    """One wave: when, what for, and the eight tasks in the order of dispatch."""

    number: int
    start: str
    first_beat: str
    goal: str
    packet_version: int
    prompt_version: str
    tasks: list[Task]
    summary: str
    next: str
    publishes: int | None = None
    compacts_after: int | None = None
    compaction: str = ""
    closes_after_minutes: float | None = None
    status: str = "COMPLETE"
    unseen: dict[str, list[int]] = field(default_factory=dict)  # agent -> numbers of the beats it misses


def call(say: str, tool: str, result: str, **more: Any) -> Call:
    """A `Call`; keywords that are not fields of `Call` become the tool's arguments."""
    own = {name: more.pop(name) for name in list(more) if name in Call.__dataclass_fields__ and name != "args"}
    return Call(say, tool, result, more, **own)
