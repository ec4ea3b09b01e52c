"""Turns one ADK session into a trace: invocations, the agents in each, their model calls and tool calls."""

from __future__ import annotations

import re
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens.dialects.messages import call_part, reasoning_part, result_part, text_part
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import Step, place_of
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns
from agentlens.loaders._usage import read_usage

Event = dict[str, Any]

SERVICE = "google_adk"
_CAPITAL = re.compile(r"(?<=[a-z])([A-Z])")


def field(value: Event, name: str) -> Any:
    """Return a field under its camel case or its snake case name."""
    found = value.get(name)
    return found if found is not None else value.get(_CAPITAL.sub(r"_\1", name).lower())


class _Agent(Step, kw_only=True):
    name: str


class SessionReader:
    """Reads the events of one session."""

    def __init__(self, into: Evidence, session_id: str, fields: Event, place: Place) -> None:
        self._into, self._trace_id, self._fields, self._place = into, session_id, fields, place
        self._transcript = Transcript(into, session_id)
        self._session = Step(span_id="session", place=place)
        self._invocations: dict[str, Step] = {}
        self._agents: dict[tuple[str, str], _Agent] = {}
        self._open: dict[str, tuple[Event, str, str, Place, int | None]] = {}
        self._logs: dict[str, Event] = {}
        self._before: dict[str, int | None] = {}
        self._number, self._tools = 0, 0

    @property
    def is_empty(self) -> bool:
        """Whether no event was taken yet."""
        return self._number == 0

    def take_log(self, log: Event) -> None:
        """Keep what an old file logs of an event's model call apart from the event."""
        if event_id := text_of(field(log, "eventId")):
            self._logs[event_id] = log

    def read(self, event: Event, place: Place) -> str | None:
        """Take one event; returns the reason when it is skipped. Raises UnusableLine."""
        author = text_of(event.get("author"))
        if author is None:
            raise UnusableLine("no event: it has no author")
        if event.get("partial") is True:
            return "partial event: the whole one follows"
        self._number += 1
        time = parse_time(event.get("timestamp"), "s")
        self._into.see_time(time)
        invocation = text_of(field(event, "invocationId")) or "invocation"
        self._reach(invocation, place, time)
        parts = objects_of(dict_of(event.get("content")).get("parts"))
        if author == "user":
            self._transcript.hear(place, {"role": "user", "parts": _parts(parts)})
        else:
            self._read_agent(event, author, invocation, parts, place, time)
        self._before[invocation] = time if time is not None else self._before.get(invocation)
        return None

    def _reach(self, invocation: str, place: Place, time: int | None) -> None:
        step = self._invocations.setdefault(
            invocation, Step(span_id=f"invocation:{invocation}", parent_id="session", place=place)
        )
        for one in (self._session, step):
            one.reach(time)

    # --- agents -------------------------------------------------------------------------------------------------------

    def _read_agent(
        self, event: Event, author: str, invocation: str, parts: list[Event], place: Place, time: int | None
    ) -> None:
        agent = self._agent(event, author, invocation, place, self._before.get(invocation))
        answers = [part for part in parts if isinstance(field(part, "functionResponse"), dict)]
        for part in answers:
            self._answer(dict_of(field(part, "functionResponse")), event, agent, place, time)
        spoken = [part for part in parts if part not in answers]
        usage = field(event, "usageMetadata")
        if spoken or usage or field(event, "errorCode"):
            self._say(event, author, agent, spoken, place, time)
        elif not answers:
            self._add_event(event, agent, place, time)
        agent.reach(time)

    def _agent(self, event: Event, author: str, invocation: str, place: Place, start: int | None) -> _Agent:
        """Return the agent's part in an invocation; a branch `a.b.c` says that c ran inside b and b inside a."""
        branch = text_of(event.get("branch"))
        path = branch or author
        if branch and branch.rpartition(".")[2] != author:
            path = f"{branch}.{author}"
        parent, above = f"invocation:{invocation}", ""
        for name in path.split(".") if branch else [author]:
            above = f"{above}.{name}" if above else name
            agent = self._agents.get((invocation, above))
            if agent is None:
                agent = self._agents[invocation, above] = _Agent(
                    span_id=f"agent:{invocation}:{above}",
                    parent_id=parent,
                    place=place,
                    start=start,
                    end=start,
                    name=name,
                )
            parent = agent.span_id
        return self._agents[invocation, above]

    def _say(
        self, event: Event, author: str, agent: _Agent, parts: list[Event], place: Place, time: int | None
    ) -> None:
        invocation = text_of(field(event, "invocationId")) or "invocation"
        log = self._logs.get(text_of(event.get("id")) or "", {})
        response = dict_of(field(log, "modelResponse"))
        usage = read_usage(field(event, "usageMetadata") or field(response, "usageMetadata"))
        said = self._transcript.store(place, {"role": "assistant", "name": author, "parts": _parts(parts)})
        code, reason = field(event, "errorCode"), text_of(field(event, "finishReason"))
        span_id = f"call:{text_of(event.get('id')) or self._number}"
        self._transcript.add_call(
            place, span_id, [said], parent_span_id=agent.span_id, agent_name=author,
            start_time=self._before.get(invocation), end_time=time, service_name=SERVICE,
            request_model=text_of(dict_of(field(log, "modelRequest")).get("model")),
            response_model=text_of(field(event, "modelVersion")) or text_of(field(response, "modelVersion")),
            response_finish_reasons=[reason] if reason else None, attributes=_rest(event),
            **(error_columns(field(event, "errorMessage") or code, code) if code else {}), **usage,
        )  # fmt: skip
        for part in parts:
            call = field(part, "functionCall")
            if isinstance(call, dict):
                self._begin_tool(call, author, agent, place, time)
        target = text_of(field(dict_of(event.get("actions")), "transferToAgent"))
        if target and not any(isinstance(field(part, "functionCall"), dict) for part in parts):
            self._hand_over(author, target, span_id, place, time)

    # --- tools --------------------------------------------------------------------------------------------------------

    def _begin_tool(self, call: Event, author: str, agent: _Agent, place: Place, time: int | None) -> None:
        self._tools += 1
        span_id = text_of(call.get("id")) or f"tool:{self._tools:04}"
        key = text_of(call.get("id")) or f"{author}:{call.get('name')}"
        if key in self._open:
            self._add_tool(*self._open.pop(key), {})
            span_id = f"tool:{self._tools:04}"
        self._open[key] = (call, span_id, agent.span_id, place, time)
        if str(call.get("name")).startswith("transfer_to"):
            self._hand_over(author, text_of(dict_of(call.get("args")).get("agent_name")), span_id, place, time)

    def _hand_over(self, sender: str, recipient: str | None, span_id: str, place: Place, time: int | None) -> None:
        self._into.add(
            "agent_messages", place, trace_id=self._trace_id, span_id=span_id, sender=sender, recipient=recipient,
            time=time, kind="handoff",
        )  # fmt: skip

    def _answer(self, answer: Event, event: Event, agent: _Agent, place: Place, time: int | None) -> None:
        author = text_of(event.get("author")) or ""
        response = answer.get("response")
        key = text_of(answer.get("id"))
        key = key if key in self._open else f"{author}:{answer.get('name')}"
        self._transcript.hear(place, {"role": "tool", "parts": [result_part(answer.get("id"), response)]})
        columns: Event = {"tool_call_result": response, "end_time": time}
        error = dict_of(response).get("error")
        columns |= error_columns(error) if error else {}
        found = self._open.pop(key, None)
        if found is None:
            self._tools += 1
            self._into.note_missing(
                "Some tool results have no call in the log: their spans have no start and no arguments."
            )
            found = (answer, f"tool:{self._tools:04}", agent.span_id, place, None)
        self._add_tool(*found, columns)

    def _add_tool(
        self, call: Event, span_id: str, parent: str, place: Place, start: int | None, columns: Event
    ) -> None:
        add_tool_call(
            self._into, place, self._trace_id, span_id, call.get("name"), call.get("args"), parent_span_id=parent,
            start_time=start, tool_call_id=text_of(call.get("id")), service_name=SERVICE, **columns,
        )  # fmt: skip

    def _add_event(self, event: Event, agent: _Agent, place: Place, time: int | None) -> None:
        self._into.add(
            "span_events", place, trace_id=self._trace_id, span_id=agent.span_id, event_index=agent.events, time=time,
            name="event", attributes=_rest(event) | {"actions": event.get("actions")},
        )  # fmt: skip
        agent.events += 1

    # --- evaluation cases ---------------------------------------------------------------------------------------------

    def read_invocation(self, said: Event, place: Place) -> str | None:
        """Take one invocation of an evaluation case: what the user says, the tools expected, the answer expected."""
        self._number += 1
        invocation = text_of(field(said, "invocationId")) or str(self._number)
        time = parse_time(field(said, "creationTimestamp"), "s")
        self._reach(invocation, place, time)
        self._into.see_time(time)
        user = dict_of(field(said, "userContent"))
        self._transcript.hear(place, {"role": "user", "parts": _parts(user.get("parts"))})
        data = dict_of(field(said, "intermediateData"))
        parent = f"invocation:{invocation}"
        for call in objects_of(field(data, "toolUses")):
            self._tools += 1
            self._add_tool(dict_of(call), f"tool:{self._tools:04}", parent, place, None, {})
        final = dict_of(field(said, "finalResponse"))
        if final:
            answer = self._transcript.store(place, {"role": "assistant", "parts": _parts(final.get("parts"))})
            self._transcript.add_call(
                place, f"utterance:{self._number:04}", [answer], parent_span_id=parent, service_name=SERVICE
            )
        return None

    # --- rows ---------------------------------------------------------------------------------------------------------

    def finish(self, app_name: str | None) -> None:
        """Add what is still open, the agents, the invocations and the session."""
        for found in self._open.values():
            self._add_tool(*found, {})
        for agent in self._agents.values():
            self._add_span(agent, f"invoke_agent {agent.name}", operation_name="invoke_agent", agent_name=agent.name)
        for number, step in enumerate(self._invocations.values(), 1):
            self._add_span(step, f"invocation {number}")
        self._add_span(
            self._session, f"session {app_name}" if app_name else "session", operation_name="invoke_workflow",
            workflow_name=app_name, conversation_id=self._trace_id,
            attributes={key: value for key, value in self._fields.items() if key not in ("event_logs", "id")},
        )  # fmt: skip

    def _add_span(self, step: Step, name: str, **columns: Any) -> None:
        self._into.add_span(
            place_of(step), trace_id=self._trace_id, span_id=step.span_id, parent_span_id=step.parent_id, name=name,
            start_time=step.start, end_time=step.end, service_name=SERVICE, **columns,
        )  # fmt: skip


def _parts(parts: Any) -> list[Event]:
    """Return the parts of a content as the conventions write them; files stay as they are."""
    found = []
    for part in parts if isinstance(parts, list) else []:
        if not isinstance(part, dict):
            continue
        call, answer, text = field(part, "functionCall"), field(part, "functionResponse"), part.get("text")
        if isinstance(call, dict):
            found.append(call_part(call.get("id"), call.get("name"), call.get("args")))
        elif isinstance(answer, dict):
            found.append(result_part(answer.get("id"), answer.get("response")))
        elif isinstance(text, str):
            found.append(reasoning_part(text) if part.get("thought") is True else text_part(text))
        else:
            found.append(
                {"type": "unknown", "content": {key: value for key, value in part.items() if value is not None}}
            )
    return found


def _rest(event: Event) -> Event:
    spent = ("content", "timestamp", "author", "usageMetadata", "usage_metadata")
    return {key: value for key, value in event.items() if key not in spent and value not in (None, {}, [])}
