"""Turns the snapshots of LangGraph threads into traces: a span a step, with the calls that are new in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Line, Place
from agentlens.dialects.messages import call_part, normalise_part, result_part
from agentlens.loaders._claude_code_fields import dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import place_of, value_of
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, as_text, error_columns
from agentlens.loaders._usage import read_usage

Message = dict[str, Any]

SERVICE = "langgraph"
SPEAKERS = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool"}


@dataclass
class Snapshot:
    """What is kept of a snapshot between the two passes."""

    thread_id: str
    checkpoint_id: str
    parent_id: str | None
    namespace: str
    next: list[str]
    time: int | None
    metadata: Message
    message_ids: list[str]
    errors: list[str]
    place: Place

    @classmethod
    def from_logged(cls, value: Message, message_ids: list[str], place: Place) -> Snapshot:
        """Return a snapshot as logged."""
        config = dict_of(dict_of(value.get("config")).get("configurable"))
        parent = dict_of(dict_of(value.get("parent_config")).get("configurable"))
        following, tasks = value.get("next"), value.get("tasks")
        errors = [dict_of(task).get("error") for task in tasks] if isinstance(tasks, list) else []
        return cls(
            thread_id=text_of(config.get("thread_id")) or "thread",
            checkpoint_id=text_of(config.get("checkpoint_id")) or short_hash(json_text(value)),
            parent_id=text_of(parent.get("checkpoint_id")),
            namespace=text_of(config.get("checkpoint_ns")) or "",
            next=[node for node in following if isinstance(node, str)] if isinstance(following, list) else [],
            time=parse_time(value.get("created_at")),
            metadata=dict_of(value.get("metadata")),
            message_ids=message_ids,
            errors=[as_text(error) or "" for error in errors if error],
            place=place,
        )


class HistoryReader:
    """Puts snapshots in their order and adds the steps between them."""

    def __init__(self, into: Evidence) -> None:
        self._into = into
        self._at: dict[int, Snapshot] = {}
        self._by_id: dict[str, Snapshot] = {}
        self._calls: dict[str, Message] = {}
        # Tool results wait until every snapshot is read: the call may stand in an older one, further down the file.
        self._results: list[tuple[Snapshot, Message, str, Place]] = []

    def learn(self, snapshot: Snapshot) -> None:
        """Remember a snapshot."""
        self._at[snapshot.place.offset] = snapshot
        self._by_id[snapshot.checkpoint_id] = snapshot
        self._into.see_time(snapshot.time)

    def at(self, offset: int) -> Snapshot | None:
        """Return the snapshot that stands at an offset."""
        return self._at.get(offset)

    def add_step(self, snapshot: Snapshot, messages: list[Line]) -> None:
        """Add the step that ended with a snapshot, and what was said in it."""
        before = self._by_id.get(snapshot.parent_id or "")
        nodes = before.next if before else []
        label, step = ", ".join(nodes), snapshot.metadata.get("step")
        source = text_of(snapshot.metadata.get("source"))
        name = (
            f"step {step} {label}".strip() if label and label != "__start__" else f"step {step} {source or ''}".strip()
        )
        self._into.add_span(
            snapshot.place, trace_id=snapshot.thread_id, span_id=snapshot.checkpoint_id,
            parent_span_id=_root(snapshot), name=name,
            agent_name=nodes[0] if len(nodes) == 1 and not nodes[0].startswith("__") else None,
            agent_version=text_of(snapshot.metadata.get("agent_version")),
            start_time=before.time if before else snapshot.time if source == "input" else None, end_time=snapshot.time,
            service_name=SERVICE, attributes={"metadata": snapshot.metadata, "next": snapshot.next},
            **(error_columns("; ".join(snapshot.errors)) if snapshot.errors else {}),
        )  # fmt: skip
        known = set(before.message_ids) if before else set()
        self._add_messages(snapshot, messages, known)

    def _add_messages(self, snapshot: Snapshot, messages: list[Line], known: set[str]) -> None:
        transcript = Transcript(self._into, snapshot.thread_id)
        for text, identity in zip(messages, snapshot.message_ids):
            message, place = _fields(value_of(text)), place_of(text)
            role, name = SPEAKERS.get(str(message.get("type")), str(message.get("type"))), text_of(message.get("name"))
            shown = {"role": role, "name": name if role == "assistant" else None, "parts": _parts(message, role)}
            if identity in known:
                transcript.hear(place, shown)
            elif role == "assistant" and not _is_machinery(message):
                self._add_call(snapshot, message, identity, transcript, shown, place)
            else:
                transcript.hear(place, shown)
                if role == "tool":
                    self._results.append((snapshot, message, identity, place))

    def _add_call(
        self, snapshot: Snapshot, message: Message, identity: str, transcript: Transcript, shown: Message, place: Place
    ) -> None:
        answer = dict_of(message.get("response_metadata"))
        usage = read_usage(message.get("usage_metadata"))
        if usage:
            usage["usage_key"] = f"langgraph:{identity}"
        reason = text_of(answer.get("finish_reason")) or text_of(answer.get("stop_reason"))
        transcript.add_call(
            place, identity, [transcript.store(place, shown)], parent_span_id=snapshot.checkpoint_id,
            agent_name=text_of(message.get("name")), service_name=SERVICE,
            response_finish_reasons=[reason] if reason else None,
            response_model=text_of(answer.get("model_name")) or text_of(answer.get("model")), **usage,
        )  # fmt: skip
        for call in objects_of(message.get("tool_calls")):
            if text_of(call.get("id")):
                self._calls[call["id"]] = call

    def finish(self) -> None:
        """Add the tool calls, and a span for each thread."""
        for snapshot, message, identity, place in self._results:
            self._add_tool(snapshot, message, identity, place)
        threads: dict[tuple[str, str], list[Snapshot]] = {}
        for snapshot in self._at.values():
            threads.setdefault((snapshot.thread_id, snapshot.namespace), []).append(snapshot)
        for (thread_id, namespace), snapshots in threads.items():
            self._add_thread(thread_id, namespace, snapshots)

    def _add_tool(self, snapshot: Snapshot, message: Message, identity: str, place: Place) -> None:
        call_id, content = text_of(message.get("tool_call_id")), message.get("content")
        call = self._calls.get(call_id or "", {})
        add_tool_call(
            self._into, place, snapshot.thread_id, call_id or identity,
            text_of(message.get("name")) or call.get("name"), call.get("args"), parent_span_id=snapshot.checkpoint_id,
            tool_call_id=call_id, tool_call_result=content, service_name=SERVICE,
            **(error_columns(content) if message.get("status") == "error" else {}),
        )  # fmt: skip

    def _add_thread(self, thread_id: str, namespace: str, snapshots: list[Snapshot]) -> None:
        times = [snapshot.time for snapshot in snapshots if snapshot.time is not None]
        self._into.add_span(
            snapshots[-1].place, trace_id=thread_id, span_id=_root(snapshots[0]),
            parent_span_id="thread" if namespace else None,
            name=f"subgraph {namespace}" if namespace else f"thread {thread_id}", operation_name="invoke_workflow",
            conversation_id=thread_id, service_name=SERVICE, start_time=min(times, default=None),
            end_time=max(times, default=None),
        )  # fmt: skip


def message_id(message: Any) -> str:
    """Return the id of a message, or what stands for it: snapshots repeat messages, and the id tells which are the
    same.
    """
    fields = _fields(message)
    return text_of(fields.get("id")) or f"message:{short_hash(json_text(message))}"


def _fields(message: Any) -> Message:
    """Return the fields of a message, from LangChain's constructor notation or from a plain object."""
    logged = dict_of(message)
    if logged.get("type") == "constructor" and isinstance(logged.get("kwargs"), dict):
        path = logged.get("id")
        kind = (
            str(path[-1] if isinstance(path, list) and path else "")
            .removesuffix("Chunk")
            .removesuffix("Message")
            .lower()
        )
        return {"type": kind, **logged["kwargs"]}
    inner = logged.get("data")
    return {"type": logged.get("type"), **inner} if isinstance(inner, dict) and "content" in inner else logged


def _parts(message: Message, role: str) -> list[Message]:
    content = message.get("content")
    if role == "tool":
        return [result_part(message.get("tool_call_id"), content)]
    parts = [normalise_part(part) for part in (content if isinstance(content, list) else [content] if content else [])]
    calls = objects_of(message.get("tool_calls"))
    told = [part.get("id") for part in parts if part.get("type") == "tool_call"]
    return parts + [call_part(c.get("id"), c.get("name"), c.get("args")) for c in calls if c.get("id") not in told]


def _is_machinery(message: Message) -> bool:
    """Whether LangGraph itself wrote the message: the note that hands control back is no answer of a model."""
    return bool(dict_of(message.get("response_metadata")).get("__is_handoff_back"))


def _root(snapshot: Snapshot) -> str:
    return f"subgraph:{snapshot.namespace}" if snapshot.namespace else "thread"
