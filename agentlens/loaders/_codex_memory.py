"""What is remembered of a Codex rollout between two lines, and two reads: ids, times, sums and hashes, no text."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens.loaders._claude_code_fields import dict_of, text_of
from agentlens.loaders._claude_code_memory import Step, short_hash
from agentlens.loaders._codex_items import Counts, Item

AGENT = "codex"


class Turn(Step, kw_only=True, omit_defaults=True):
    """What happened from one user text to the next; `number` counts from 1."""

    number: int
    turn_id: str | None = None
    message: str | None = None
    is_over: bool = False
    columns: dict[str, Any] = msgspec.field(default_factory=dict)


class Tool(Step, kw_only=True, omit_defaults=True):
    """A tool call without a result so far."""

    requested_by: str
    links: int = 0


class Pending(Step, kw_only=True, omit_defaults=True):
    """The model call whose token count is still to come: what it was shown and what it has said."""

    shown: int
    said: list[str] = msgspec.field(default_factory=list)
    is_answered: bool = False


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is needed to read a rollout on from the end of a line."""

    thread_id: str
    trace_id: str
    family: str
    is_unnamed: bool = False
    is_child: bool = False
    is_replaying: bool = False
    spawner: str | None = None
    forked_from: str | None = None
    agent_name: str = AGENT
    version: str | None = None
    provider: str | None = None
    model: str | None = None
    thread: Step
    turn: Turn | None = None
    turns: int = 0
    pending: Pending | None = None
    calls: int = 0
    tools: dict[str, Tool] = {}
    named: list[str] = []
    totals: Counts | None = None
    last_input: int | None = None
    context: list[str] = []
    system: list[str] = []


def begin_thread(meta: Item, unnamed: str, place: Place, time: int | None, into: Evidence) -> Memory:
    """Return the memory of a thread that begins with this `session_meta`; `unnamed` is its id when there is none."""
    thread_id = text_of(meta.get("id")) or unnamed
    subagent = dict_of(dict_of(meta.get("source")).get("subagent"))
    spawn = dict_of(subagent.get("thread_spawn"))
    spawner = text_of(spawn.get("parent_thread_id")) or text_of(meta.get("parent_thread_id"))
    forked_from = text_of(meta.get("forked_from_id"))
    nickname = text_of(meta.get("agent_nickname")) or text_of(spawn.get("agent_nickname"))
    role = text_of(meta.get("agent_role")) or text_of(spawn.get("agent_role"))
    trace_id = (text_of(meta.get("session_id")) or spawner or thread_id) if spawner else thread_id
    memory = Memory(
        thread_id=thread_id, trace_id=trace_id, family=forked_from or thread_id, spawner=spawner,
        forked_from=forked_from, is_unnamed=not meta, is_child=bool(spawner or forked_from),
        is_replaying=bool(spawner or forked_from), agent_name=(nickname or role or "sub-agent") if spawner else AGENT,
        version=text_of(meta.get("cli_version")), provider=text_of(meta.get("model_provider")),
        thread=Step(
            span_id=f"thread:{thread_id}", parent_id=f"spawner-of:{thread_id}" if spawner else None, place=place,
            start=time, end=time,
        ),
    )  # fmt: skip
    instructions = meta.get("base_instructions", meta.get("instructions"))
    text = text_of(instructions) or text_of(dict_of(instructions).get("text"))
    if text:
        memory.system = [into.add_message(place, "system", None, [{"type": "text", "content": text}])]
    _link_origin(memory, place, into)
    return memory


def _link_origin(memory: Memory, place: Place, into: Evidence) -> None:
    """Link a sub-agent from the thread that spawned it (its log may name the very call), a fork to what it was forked
    from.
    """
    own = f"thread:{memory.thread_id}"
    if memory.spawner:
        into.note_missing(f"This thread was spawned by thread {memory.spawner}, whose log is another file.")
        into.add(
            "span_links", place, trace_id=memory.trace_id, span_id=f"thread:{memory.spawner}",
            link_index=int(short_hash(memory.thread_id)[:7], 16), linked_trace_id=memory.trace_id, linked_span_id=own,
            attributes={"agentlens.relation": "spawned"},
        )  # fmt: skip
    elif memory.forked_from:
        into.add(
            "span_links", place, trace_id=memory.trace_id, span_id=own, link_index=0,
            linked_trace_id=memory.forked_from, linked_span_id=f"thread:{memory.forked_from}",
            attributes={"agentlens.relation": "forked from"},
        )  # fmt: skip
