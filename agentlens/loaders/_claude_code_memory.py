"""What is remembered of a Claude Code file between lines and between reads: ids, times, sums and hashes, no text."""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from agentlens._source import Place

# How many conversations stay unpacked, and how many calls of each may still get another line.
LATEST_THREADS = 64
LATEST_CALLS = 64


class Step(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A span that may still change: a session, a sub-agent run, a turn, a model call or a tool call."""

    span_id: str
    parent_id: str | None = None
    place: tuple[int | None, int, int]
    start: int | None = None
    end: int | None = None
    version: str | None = None
    events: int = 0

    def reach(self, time: int | None) -> None:
        """Extend the step to a time; the first time known begins it."""
        if time is None:
            return
        if self.start is None:
            self.start = time
        if self.end is None or time > self.end:
            self.end = time


class Turn(Step, kw_only=True, omit_defaults=True):
    """What happened from one user text to the next; `message` is the hash of that text."""

    number: int
    message: str | None = None


class Call(Step, kw_only=True, omit_defaults=True):
    """One model call: all lines with the same message id and request id."""

    model: str | None = None
    usage_key: str | None = None
    usage: dict[str, Any] | None = None
    finish_reason: str | None = None
    cost: float | None = None
    error_type: str | None = None
    error: str | None = None


class Tool(Step, kw_only=True, omit_defaults=True):
    """One tool call; `brief` is the hash of the prompt of a call that spawns a sub-agent."""

    name: str
    requested_by: str | None = None
    agent_name: str | None = None
    brief: str | None = None
    links: int = 0


class Thread(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One conversation with the model: the session itself, or one sub-agent.

    `context` is what the model is shown next (message hashes), `sent` how much of it stood there when the open call
    began, `said` what that call has said so far, and `places` how long the context was after each line, for rewinds.
    """

    trace_id: str
    agent_id: str | None = None
    agent_name: str
    span: Step
    brief: str | None = None
    turn: Turn | None = None
    turns: int = 0
    calls: dict[str, Call] = {}
    open_call: str | None = None
    context: list[str] = []
    sent: int = 0
    said: list[str] = []
    places: dict[int, int] = {}
    last_input: int | None = None
    totals: dict[str, Any] | None = None

    @property
    def here(self) -> Step:
        """The step that new steps stand in."""
        return self.turn or self.span


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is needed to read a file on from the end of a line."""

    session: str | None = None
    threads: dict[str, Thread] = {}
    tools: dict[str, Tool] = {}
    answered: list[int] = []
    linked: list[int] = []
    sidechains: dict[str, str] = {}
    seen: list[int] = []


class Threads:
    """The conversations of a file: those met last as they are, the others packed, so that thousands fit into memory.

    `leave` is told of a conversation before it is packed, `enter` when it is taken up again.
    """

    def __init__(
        self, threads: dict[str, Thread], leave: Callable[[Thread], None], enter: Callable[[Thread], None]
    ) -> None:
        self._latest, self._packed = OrderedDict[str, Thread](), dict[str, bytes]()
        self._leave, self._enter = leave, enter
        for key, thread in threads.items():
            self.put(key, thread)

    def get(self, key: str) -> Thread | None:
        """Return a conversation as it was left."""
        if key in self._packed:
            thread = _unpack(self._packed.pop(key))
            self.put(key, thread)
            self._enter(thread)
        elif key in self._latest:
            self._latest.move_to_end(key)
        return self._latest.get(key)

    def put(self, key: str, thread: Thread) -> None:
        """Add a conversation; the one that has been quiet for longest is packed where there are many."""
        self._latest[key] = thread
        if len(self._latest) > LATEST_THREADS:
            key, quiet = self._latest.popitem(last=False)
            self._leave(quiet)
            self._packed[key] = _pack(quiet)

    def packed(self) -> Iterator[Thread]:
        """Yield the packed conversations one by one."""
        yield from map(_unpack, self._packed.values())

    def all(self) -> dict[str, Thread]:
        """Return every conversation by its key."""
        return {key: _unpack(packed) for key, packed in self._packed.items()} | dict(self._latest)


_NOTHING_YET = hashlib.blake2b(digest_size=8)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Thread).decode


def _pack(thread: Thread) -> bytes:
    return zlib.compress(_encode(thread), 1)


def _unpack(packed: bytes) -> Thread:
    return _decode(zlib.decompress(packed))


def number_of(*texts: str | bytes) -> int:
    """Return a number of 63 bits that stands for some texts: it takes a third of the memory of a hash as text."""
    return int.from_bytes(_digest(texts), "big") >> 1


def short_hash(*texts: str | bytes) -> str:
    """Return 16 hex digits that stand for some texts."""
    return _digest(texts).hex()


def _digest(texts: tuple[str | bytes, ...]) -> bytes:
    try:
        data = "\x00".join(texts).encode()  # type: ignore[arg-type]
    except (TypeError, UnicodeEncodeError):
        data = b"\x00".join(text if isinstance(text, bytes) else text.encode("utf-8", "replace") for text in texts)
    hasher = _NOTHING_YET.copy()  # cheaper than a new one
    hasher.update(data + b"\x00")
    return hasher.digest()


@functools.lru_cache(1024)
def thread_key(trace_id: str, agent_id: str | None) -> str:
    """Return what a conversation is remembered by: every line asks for it."""
    return short_hash(trace_id, agent_id or "")


def place_of(step: Step) -> Place:
    """Return where the first line of a step stands."""
    return Place(*step.place)
