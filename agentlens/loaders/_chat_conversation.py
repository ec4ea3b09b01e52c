"""Turns a list of chat messages into a trace: each answer is a model call of the one who gave it."""

from __future__ import annotations

import re
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, text_of
from agentlens.loaders._openhands_run import usage_columns
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import INCLUDES_CACHE, Transcript, add_tool_call, as_text

Message = dict[str, Any]

LISTENERS = frozenset({"system", "developer", "user", "human", "tool", "function"})
PEOPLE = frozenset({"user", "human"})
ANSWERS = frozenset({"tool", "function"})
# `Orchestrator (-> WebSurfer)`, `Orchestrator (thought)`: Magentic-One writes the recipient into the role.
_ROLE = re.compile(r"(.+?)\s*\((?:->|→)?\s*([^()]+)\)")
_ARROW = re.compile(r"\((?:->|→)")


class Conversation:
    """One chat."""

    def __init__(self, into: Evidence, trace_id: str, fields: Message, place: Place) -> None:
        self._into, self._trace_id, self._fields, self._place = into, trace_id, fields, place
        self._transcript = Transcript(into, trace_id)
        self._agents: dict[str, None] = {}
        self._open: dict[str, tuple[Message, Place, str | None, int]] = {}
        self._number, self._tools = 0, 0
        self._start: int | None = None
        self._end: int | None = None

    def read(self, message: Message, place: Place) -> str | None:
        """Take one message. Raises UnusableLine."""
        role, name = text_of(message.get("role")), text_of(message.get("name"))
        if role is None and name is None:
            raise UnusableLine("a message without role and name")
        self._number += 1
        time = parse_time(message.get("timestamp", message.get("created_at")))
        self._reach(time)
        speaker = _speaker(role, name)
        if speaker is not None:
            self._say(message, speaker, role, place, time)
        else:
            self._transcript.hear(place, message)
            if role in ANSWERS:
                self._answer(message, place, time)
        return None

    def _reach(self, time: int | None) -> None:
        self._into.see_time(time)
        if time is not None:
            self._start = time if self._start is None else min(self._start, time)
            self._end = time if self._end is None else max(self._end, time)

    def _say(self, message: Message, speaker: str, role: str | None, place: Place, time: int | None) -> None:
        named = {**message, "role": "assistant", "name": message.get("name") if speaker == "assistant" else speaker}
        said = self._transcript.store(place, named)
        agent = None if speaker == "assistant" else speaker
        self._agents |= {agent: None} if agent else {}
        columns = usage_columns(message)
        if columns:
            self._into.account.input_tokens_meaning = INCLUDES_CACHE
            columns["usage_key"] = None
        self._transcript.add_call(
            place, f"call:{self._number:05}", [said], parent_span_id="chat", agent_name=agent, end_time=time, **columns
        )
        self._tell(message, speaker, role, place, time)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else []:
            self._begin_tool(dict_of(call), place, agent)
        if isinstance(message.get("function_call"), dict):
            self._begin_tool(message["function_call"], place, agent)

    def _tell(self, message: Message, speaker: str, role: str | None, place: Place, time: int | None) -> None:
        """Say who was addressed, where the message names one."""
        recipient = text_of(message.get("to")) or text_of(message.get("recipient"))
        if role and (found := _ROLE.fullmatch(role)) and _ARROW.search(role):
            recipient = found[2].strip()
        if recipient:
            self._into.add(
                "agent_messages", place, trace_id=self._trace_id, span_id=f"call:{self._number:05}", sender=speaker,
                recipient=recipient, time=time, kind="message", payload=as_text(message.get("content")),
            )  # fmt: skip

    def _begin_tool(self, call: Message, place: Place, agent: str | None) -> None:
        self._tools += 1
        key = text_of(call.get("id")) or f"function:{call.get('name')}"
        if key in self._open:
            self._add_tool(*self._open.pop(key), {})
        self._open[key] = (call, place, agent, self._tools)

    def _answer(self, message: Message, place: Place, time: int | None) -> None:
        key = text_of(message.get("tool_call_id")) or f"function:{message.get('name')}"
        found = self._open.pop(key, None)
        if found is None:
            self._into.note_missing("Some tool results have no call in the log: their spans have no arguments.")
            self._tools += 1
            found = ({"id": message.get("tool_call_id"), "name": message.get("name")}, place, None, self._tools)
        self._add_tool(*found, {"tool_call_result": message.get("content"), "end_time": time})

    def _add_tool(self, call: Message, place: Place, agent: str | None, number: int, columns: Message) -> None:
        function = dict_of(call.get("function")) or call
        add_tool_call(
            self._into, place, self._trace_id, f"tool:{number:05}", function.get("name"), function.get("arguments"),
            parent_span_id="chat", agent_name=agent, tool_call_id=text_of(call.get("id")), **columns,
        )  # fmt: skip

    def finish(self) -> None:
        """Add the calls that were never answered, and the chat itself with what stands beside its messages."""
        for found in self._open.values():
            self._add_tool(*found, {})
        if self._start is None:
            self._into.note_missing("The messages give no times: they stand in their order.")
        task = self._fields.get("task_id", self._fields.get("question_ID"))
        trial = self._fields.get("trial")
        name = "chat" if task is None else f"task {task}" + (f" trial {trial}" if trial is not None else "")
        self._into.add_span(
            self._place, trace_id=self._trace_id, span_id="chat", name=name, conversation_id=self._trace_id,
            operation_name="invoke_workflow" if len(self._agents) > 1 else "invoke_agent", start_time=self._start,
            end_time=self._end, attributes=self._fields, **_cost_columns(self._fields),
        )  # fmt: skip


def _speaker(role: str | None, name: str | None) -> str | None:
    """Return who gives an answer: an agent by name, `assistant` for one without; None for what is only heard.

    In chats of several agents the role is that of the one whose memory it is, so that a name counts for more.
    """
    if name and role not in ANSWERS and role not in ("system", "developer"):
        return None if name.lower() in PEOPLE else name
    if role is None or role.lower() in LISTENERS:
        return None
    found = _ROLE.fullmatch(role)
    return found[1].strip() if found else role


def _cost_columns(fields: Message) -> Message:
    """Return the cost of the whole chat, where one stands beside it (AG2 `cost`)."""
    cost = dict_of(dict_of(fields.get("cost")).get("usage_excluding_cached_inference")).get("total_cost")
    is_cost = isinstance(cost, (int, float)) and not isinstance(cost, bool) and cost > 0
    return {"reported_cost_usd": cost} if is_cost else {}
