"""What is remembered of a Managed Agents session between events and between reads: ids, times, sums and hashes, no text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.loaders._claude_code_fields import dict_of, text_of
from agentlens.loaders._claude_code_memory import Step, short_hash

Event = dict[str, Any]


class Request(Step, kw_only=True, omit_defaults=True):
    """A model request; one that failed keeps its columns until the next event, which may say why."""

    said: list[str] = msgspec.field(default_factory=list)
    failed: Event | None = None
    error: Event | None = None
    is_interrupted: bool = False


class Tool(Step, kw_only=True, omit_defaults=True):
    """A tool call without a result so far; `verdict` is what a person or the policy said to it."""

    thread: str
    requested_by: str | None = None
    verdict: Event | None = None
    is_interrupted: bool = False


class Thread(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One agent's conversation; `later` is what it heard during a request, `total` what the API says it used in all."""

    key: str
    span: Step
    agent_name: str | None = None
    agent_id: str | None = None
    agent_version: str | None = None
    model: str | None = None
    header: tuple[int | None, int, int] | None = None
    context: list[str] = []
    system: list[str] = []
    later: list[str] = []
    requests: dict[str, Request] = {}
    calls: int = 0
    brief: str | None = None
    answer: str | None = None
    stop: str | None = None
    failure: Event | None = None
    total: Event | None = None
    evaluation: Step | None = None


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is needed to read a session on; `own` is the thread whose events the file lists."""

    trace_id: str
    session_id: str | None = None
    own: str = ""
    threads: dict[str, Thread] = {}
    tools: dict[str, Tool] = {}
    sent: dict[str, int] = {}
    seen: list[int] = []


def begin_session(first: list[Event], place: Place) -> Memory:
    """Return the memory of a session that begins with these objects.

    Events do not name their session. Where nothing else does, the trace is called after the main thread, which the events of
    its sub-agents name as well: a sub-agent is told its task by an agent without a name.
    """
    session = _first(first, lambda event, kind: kind == "session")
    thread = _first(first, lambda event, kind: kind == "session_thread" and not event.get("parent_thread_id"))
    said = _first(first, lambda event, _: event.get("session_id"))
    session_id = text_of(session.get("id")) or text_of(said.get("session_id"))
    told = _first(
        first, lambda event, kind: kind == "agent.thread_message_received" and not event.get("from_agent_name")
    )
    main = text_of(told.get("from_session_thread_id"))
    born = [event.get("session_thread_id") for event in first if event.get("type") == "session.thread_created"]
    coordinator = text_of(dict_of(session.get("agent")).get("name"))
    own = _first(
        first,
        lambda event, kind: (
            kind.startswith("session.thread_status_")
            and text_of(event.get("session_thread_id"))
            and event["session_thread_id"] not in born
            and (main or coordinator in (None, event.get("agent_name")))
        ),
    )
    key = own.get("session_thread_id") or text_of(thread.get("id")) or ""
    trace_id = session_id or main or key or f"session:{short_hash(json_text(first[:1]))}"
    span = Step(span_id=span_id_of(key), parent_id=span_id_of(main) if main and main != key else None, place=place)
    agent_name = text_of(own.get("agent_name")) or coordinator
    threads = {key: Thread(key=key, span=span, agent_name=agent_name)}
    return Memory(trace_id=trace_id, session_id=session_id, own=key, threads=threads)


def _first(events: list[Event], is_it: Callable[[Event, str], Any]) -> Event:
    return next((event for event in events if is_it(event, str(event.get("type")))), {})


def span_id_of(thread: str) -> str:
    """Return the id of a thread's span; that of a thread without a name is the session."""
    return f"thread:{thread}" if thread else "session"
