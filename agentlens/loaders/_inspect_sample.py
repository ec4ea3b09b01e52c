"""Turns one sample of an Inspect log into a trace: its spans as logged, a span for each model call and tool call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Line, Place
from agentlens.dialects.messages import normalise_message
from agentlens.loaders._claude_code_fields import count_of, dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._inspect_usage import input_tokens_meaning, total_usage, usage_columns
from agentlens.loaders._json_nested import DECODE_ERRORS, items, members, place_of, value_of
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns

Event = dict[str, Any]

SERVICE = "inspect"
ATTACHMENT = "attachment://"
EVAL_KEYS = ("eval_id", "run_id", "created", "task_id", "task_version", "model", "metadata", "tags")
MODEL_KEYS = frozenset({"input", "input_refs", "output", "call", "timestamp", "completed", "event", "span_id", "error"})
TOOL_KEYS = frozenset(
    {"arguments", "result", "events", "timestamp", "completed", "event", "span_id", "error", "function", "id"}
)
BEGINNINGS = frozenset({"span_begin", "step", "subtask"})


class _Open(msgspec.Struct):
    """A span whose end is still to come; a `tool` span takes the columns of the tool event that belongs to it."""

    span_id: str
    parent_id: str
    place: Place
    name: str
    kind: str
    start: int | None
    event: Event
    end: int | None = None
    tool: Event | None = None


class SampleReader:
    """Reads the events of one sample."""

    def __init__(self, into: Evidence, header: Event, sample: Event, place: Place, member: str | None) -> None:
        self._into, self._sample, self._place, self._member = into, sample, place, member
        self._eval, self._status = dict_of(header.get("eval")), header.get("status")
        self._log_usage = total_usage(dict_of(dict_of(header.get("stats")).get("model_usage")))
        self._trace_id = _trace_id(self._eval, sample)
        self._root = f"sample:{sample.get('id')}:{sample.get('epoch')}"
        self._attachments = dict_of(sample.get("attachments"))
        self._spans: dict[str, _Open] = {}
        self._steps: list[str] = []
        self._hashes: dict[bytes, tuple[str, bool]] = {}
        self._event_counts: dict[str, int] = {}
        self._start: int | None = parse_time(sample.get("started_at"))
        self._end: int | None = parse_time(sample.get("completed_at"))
        self._pool: list[tuple[str, bool]] = []
        self._number = 0

    def read(self, events: list[Line], messages: list[Line], pool: list[Line]) -> None:
        """Add the rows of the sample; where it has no events, its messages are what is known."""
        self._pool = [self._store(message) for message in pool]
        for event in events:
            self._read_record(event, self._root)
        if not events:
            self._read_messages(messages)
        for span in self._spans.values():
            self._add_structure(span)
        self._add_sample()

    def _read_record(self, text: Line, parent: str) -> None:
        self._into.record()
        place = place_of(text)
        try:
            parts = members(text)
            event = {key: value_of(part) for key, part in parts.items() if key not in ("input", "events")}
            kind = event.get("event")
            if not isinstance(kind, str):
                self._into.reject(place, "an event without a name", text.raw)
                return
            self._number += 1
            self._read_event(kind, event, parts, place, parent)
        except (*DECODE_ERRORS, ValueError) as error:
            self._into.reject(place, f"not an event: {error}", text.raw)
            return
        self._into.accept()
        self._into.hold(len(text.raw) // 2)

    def _read_event(self, kind: str, event: Event, parts: dict[str, Line], place: Place, parent: str) -> None:
        start, end = parse_time(event.get("timestamp")), parse_time(event.get("completed"))
        self._reach(start)
        self._reach(end)
        parent = self._here(event, parent)
        if kind == "span_begin":
            self._begin(
                event,
                text_of(event.get("id")) or f"span:{self._number}",
                text_of(event.get("parent_id")) or self._root,
                place,
                start,
            )
        elif kind == "span_end":
            self._close(text_of(event.get("id")), start)
        elif kind == "step":
            self._read_step(event, parent, place, start)
        elif kind == "model":
            self._add_call(event, parts.get("input"), parent, place, start, end)
        elif kind in ("tool", "subtask"):
            span_id = self._read_tool(kind, event, parent, place, start, end)
            for inner in items(parts.get("events")):
                self._read_record(inner, span_id)
        else:
            self._add_event(kind, event, parent, place, start)

    def _reach(self, time: int | None) -> None:
        if time is not None:
            self._start = time if self._start is None else min(self._start, time)
            self._end = time if self._end is None else max(self._end, time)

    def _here(self, event: Event, parent: str) -> str:
        """Return the span an event stands in: as logged, or in old logs the step that is open."""
        span_id = text_of(event.get("span_id"))
        if span_id in self._spans:
            return span_id or parent
        return self._steps[-1] if self._steps and parent == self._root else parent

    # --- spans and steps ----------------------------------------------------------------------------------------------

    def _begin(self, event: Event, span_id: str, parent: str, place: Place, start: int | None) -> None:
        name, kind = text_of(event.get("name")) or "span", text_of(event.get("type")) or ""
        self._spans[span_id] = _Open(span_id, parent, place, name, kind, start, event)

    def _close(self, span_id: str | None, end: int | None) -> None:
        if (span := self._spans.get(span_id or "")) is not None:
            span.end = end

    def _read_step(self, event: Event, parent: str, place: Place, time: int | None) -> None:
        """Take an old log's step: what stands between its beginning and its end is inside it."""
        if event.get("action") == "begin":
            span_id = f"step:{self._number}"
            self._begin(event, span_id, parent, place, time)
            self._steps.append(span_id)
        elif self._steps:
            self._close(self._steps.pop(), time)

    def _add_structure(self, span: _Open) -> None:
        if span.tool is not None:
            self._add_tool(span.tool, span.span_id, span.parent_id, span.place)
            return
        is_agent, is_tool = span.kind == "agent", span.kind == "tool"
        name = (
            f"invoke_agent {span.name}"
            if is_agent
            else f"{span.kind} {span.name}".strip()
            if span.kind != span.name
            else span.name
        )
        self._into.add_span(
            span.place, trace_id=self._trace_id, span_id=span.span_id, parent_span_id=span.parent_id, name=name,
            operation_name="invoke_agent" if is_agent else "execute_tool" if is_tool else None,
            agent_name=span.name if is_agent else None, tool_name=span.name if is_tool else None, start_time=span.start,
            end_time=span.end, service_name=SERVICE, attributes={"type": span.kind} if span.kind else {},
        )  # fmt: skip

    # --- model calls --------------------------------------------------------------------------------------------------

    def _add_call(
        self, event: Event, shown: Line | None, parent: str, place: Place, start: int | None, end: int | None
    ) -> None:
        output, model = dict_of(event.get("output")), text_of(event.get("model"))
        span_id = text_of(event.get("uuid")) or f"model:{self._number}"
        choices = objects_of(output.get("choices"))
        said = [self._store_value(choice.get("message"), place)[0] for choice in choices if choice.get("message")]
        messages = [self._store(message) for message in items(shown)] or self._referenced(event.get("input_refs"))
        transcript = _shown(self._into, self._trace_id, messages)
        attributes = {key: value for key, value in event.items() if key not in MODEL_KEYS}
        usage = dict_of(output.get("usage"))
        columns = {} if event.get("cache") == "read" else usage_columns(usage)
        if columns:
            columns["usage_key"] = f"inspect:{self._trace_id}:{span_id}"
            self._into.account.input_tokens_meaning = input_tokens_meaning(
                self._into.account.input_tokens_meaning, usage
            )
        if event.get("error"):
            columns |= error_columns(event["error"])
        attributes |= {"usage": usage} if usage else {}
        reasons = [reason for choice in choices if (reason := text_of(choice.get("stop_reason")))]
        transcript.add_call(
            place, span_id, said, parent_span_id=parent, start_time=start, end_time=end, service_name=SERVICE,
            name=f"chat {model}" if model else "chat",
            provider_name=model.split("/")[0] if model and "/" in model else None, request_model=model,
            response_model=text_of(output.get("model")), response_finish_reasons=reasons or None,
            attributes=attributes, **columns,
        )  # fmt: skip

    def _referenced(self, refs: Any) -> list[tuple[str, bool]]:
        """Return the pooled messages that a newer log refers to by ranges."""
        found: list[tuple[str, bool]] = []
        for pair in refs if isinstance(refs, list) else []:
            if isinstance(pair, list) and len(pair) == 2 and all(count_of(bound) is not None for bound in pair):
                found += self._pool[pair[0] : pair[1]]
        return found

    def _store(self, message: Line) -> tuple[str, bool]:
        """Store a message once and return its hash, and whether it is a system message."""
        known = self._hashes.get(message.raw)
        if known is None:
            known = self._hashes[message.raw] = self._store_value(value_of(message), place_of(message))
        return known

    def _store_value(self, message: Any, place: Place) -> tuple[str, bool]:
        role, name, parts = normalise_message(self._resolved(message))
        return self._into.add_message(place, role, name, parts), role == "system"

    def _resolved(self, value: Any) -> Any:
        """Return a value with attachments in place of the references to them."""
        if isinstance(value, str) and value.startswith(ATTACHMENT):
            return self._attachments.get(value.removeprefix(ATTACHMENT), value)
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if isinstance(value, dict):
            return {key: self._resolved(item) for key, item in value.items()}
        return value

    # --- tools --------------------------------------------------------------------------------------------------------

    def _read_tool(self, kind: str, event: Event, parent: str, place: Place, start: int | None, end: int | None) -> str:
        """Take a tool event and return its span: the one that was begun for it, where the log has one."""
        span = self._tool_span(event, parent) if kind == "tool" else None
        if span is not None:
            span.tool, span.place = event, place
            return span.span_id
        span_id = text_of(event.get("uuid")) or f"{kind}:{self._number}"
        if kind == "subtask":
            self._begin(event, span_id, parent, place, start)
            self._close(span_id, end)
        else:
            self._add_tool(event, span_id, parent, place)
        return span_id

    def _tool_span(self, event: Event, parent: str) -> _Open | None:
        """Return the first tool span of that name without an event, in the same span or in a handoff there."""
        for span in self._spans.values():
            if span.kind == "tool" and span.tool is None and span.name == event.get("function"):
                above = self._spans.get(span.parent_id)
                if span.parent_id == parent or (
                    above is not None and above.kind == "handoff" and above.parent_id == parent
                ):
                    return span
        return None

    def _add_tool(self, event: Event, span_id: str, parent: str, place: Place) -> None:
        error, failed = dict_of(event.get("error")), event.get("failed") is True
        columns = error_columns(error.get("message"), error.get("type")) if error or failed else {}
        if not error and event.get("completed"):
            columns["status_code"] = "OK"
        add_tool_call(
            self._into, place, self._trace_id, span_id, event.get("function"), event.get("arguments"),
            parent_span_id=parent, start_time=parse_time(event.get("timestamp")),
            end_time=parse_time(event.get("completed")), service_name=SERVICE, tool_call_id=text_of(event.get("id")),
            tool_call_result=self._resolved(event.get("result")),
            attributes={key: value for key, value in event.items() if key not in TOOL_KEYS}, **columns,
        )  # fmt: skip

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _add_event(self, kind: str, event: Event, parent: str, place: Place, time: int | None) -> None:
        index = self._event_counts[parent] = self._event_counts.get(parent, -1) + 1
        attributes = {key: value for key, value in event.items() if key not in ("event", "timestamp", "span_id")}
        self._into.add(
            "span_events",
            place,
            trace_id=self._trace_id,
            span_id=parent,
            event_index=index,
            time=time,
            name=kind,
            attributes=attributes,
        )

    def _read_messages(self, messages: list[Line]) -> None:
        """Take the conversation of a sample without events: who said what, without times."""
        transcript = Transcript(self._into, self._trace_id)
        for number, text in enumerate(messages):
            self._into.record()
            place, message = place_of(text), self._resolved(value_of(text))
            if not isinstance(message, dict):
                self._into.reject(place, "not a message", text.raw)
                continue
            self._into.accept()
            if message.get("role") == "assistant":
                said = transcript.store(place, message)
                transcript.add_call(
                    place,
                    f"model:{number}",
                    [said],
                    parent_span_id=self._root,
                    response_model=text_of(message.get("model")),
                )
                continue
            transcript.hear(place, message)
            if message.get("role") == "tool":
                self._add_tool(_tool_event(message), f"tool:{number}", self._root, place)

    def _add_sample(self) -> None:
        sample, error = self._sample, dict_of(self._sample.get("error"))
        attributes = {
            key: sample.get(key) for key in ("id", "epoch", "target", "scores", "limit", "metadata") if sample.get(key)
        }
        attributes["eval"] = {key: self._eval[key] for key in EVAL_KEYS if self._eval.get(key)} | {
            "status": self._status
        }
        attributes |= {"member": self._member} if self._member else {}
        usage = dict_of(sample.get("model_usage"))
        columns = total_usage(usage)
        attributes |= {"model_usage": usage} if usage else {}
        attributes |= {"log_usage": self._log_usage} if self._log_usage else {}
        task = text_of(self._eval.get("task"))
        self._into.add_span(
            self._place, trace_id=self._trace_id, span_id=self._root,
            name=f"sample {sample.get('id')} epoch {sample.get('epoch')}", operation_name="invoke_workflow",
            workflow_name=task, service_name=SERVICE, start_time=self._start, end_time=self._end,
            prompt_version=text_of(dict_of(self._eval.get("metadata")).get("prompt_version")), attributes=attributes,
            **(error_columns(error.get("message")) if error else {}), **columns,
        )  # fmt: skip


def _trace_id(evaluation: Event, sample: Event) -> str:
    """Return the sample's own id, or what stands for it in logs that give none."""
    if uuid := text_of(sample.get("uuid")):
        return uuid
    run = text_of(evaluation.get("eval_id")) or text_of(evaluation.get("run_id")) or short_hash(json_text(evaluation))
    return f"{run}:{sample.get('id')}:{sample.get('epoch')}"


def _tool_event(message: Event) -> Event:
    """Return a tool message as the event that would have been logged."""
    names = {"id": "tool_call_id", "function": "function", "error": "error", "result": "content"}
    return {key: message.get(name) for key, name in names.items()}


def _shown(into: Evidence, trace_id: str, messages: Iterable[tuple[str, bool]]) -> Transcript:
    """Return a transcript that shows these messages; system messages that come first are instructions."""
    transcript = Transcript(into, trace_id)
    for message_hash, is_system in messages:
        (transcript.system if is_system and not transcript.context else transcript.context).append(message_hash)
    return transcript
