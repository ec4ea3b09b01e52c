"""Follows one Managed Agents session event by event: a thread for each agent, its model requests, tools and waits."""

from __future__ import annotations

from typing import Any, NamedTuple

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.messages import call_part, reasoning_part, result_part
from agentlens.loaders._claude_code_fields import count_of, dict_of, objects_of, result_text, text_of, usage_columns
from agentlens.loaders._claude_code_memory import Step, place_of, short_hash
from agentlens.loaders._managed_memory import Event, Memory, Request, Thread, Tool, span_id_of
from agentlens.loaders._session_lines import Recall
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns

SERVICE = "managed-agents"
MODEL_CALL: Event = {"service_name": SERVICE, "provider_name": "anthropic"}
INTERRUPTED: Event = {"status_code": "ERROR", "error_type": "interrupted by the user", "is_control_flow": True}
OUTCOMES: dict[str, Event] = {
    "end_turn": {"status_code": "OK"}, "retries_exhausted": {"status_code": "ERROR", "error_type": "retries_exhausted"},
}  # fmt: skip
REFUSALS = {"deny": "denied by the user", "refused": "refused by the permission policy"}
RESULTS = {
    "agent.tool_result": "tool_use_id", "user.tool_result": "tool_use_id",
    "agent.mcp_tool_result": "mcp_tool_use_id", "user.custom_tool_result": "custom_tool_use_id",
}  # fmt: skip
# A request of which the log has only the answer.
NO_START = ""


class Met(NamedTuple):
    """An event with its place, its time, and its id or, where it has none, its offset."""

    event: Event
    place: Place
    time: int | None
    id: str


class SessionReader:
    """Turns events into evidence; `recall` returns the event at a place."""

    def __init__(self, into: Evidence, memory: Memory, recall: Recall) -> None:
        self._into, self._memory, self._recall = into, memory, recall
        self._transcripts: dict[str, Transcript] = {}

    def remember(self) -> Memory:
        """Return what is needed to go on after the last event read."""
        for key, transcript in self._transcripts.items():
            self._memory.threads[key].context, self._memory.threads[key].system = transcript.context, transcript.system
        return self._memory

    def declare(self, event: Event, place: Place) -> None:
        """Take a session or thread object: its agent, and what it has used so far."""
        key = text_of(event.get("id")) or ""
        if event.get("type") == "session":
            self._memory.session_id, key = key, self._memory.own
        thread = self._thread(key, place)
        thread.header = thread.span.place = place
        if "parent_thread_id" in event:
            parent = text_of(event["parent_thread_id"])
            thread.span.parent_id = span_id_of(parent) if parent else None
        thread.span.reach(parse_time(event.get("created_at")))
        self._take_total(thread, Met(event, place, None, key))
        self._take_agent(thread, Met(event, place, None, key))

    def add_waiting(self, event: Event, place: Place) -> None:
        """Keep an event that the session never processed: no model was shown it."""
        state = "queued" if event.get("id") else "sent"
        self._note(self._own.span, Met(event, place, None, ""), f"{event['type']} ({state}, never processed)")

    def read(self, event: Event, place: Place) -> None:
        """Take one event that was processed. What makes no span and no message is an event of the thread."""
        kind, time = event["type"], parse_time(event.get("processed_at"))
        met = Met(event, place, time, text_of(event.get("id")) or f"{place.offset}")
        self._into.see_time(time)
        named = None if kind.startswith("session.") else text_of(event.get("session_thread_id"))
        thread = self._thread(named, place) if named else self._own
        self._settle(thread, dict_of(event.get("error")) if kind == "session.error" else {})
        if take := _TELLERS.get(kind):
            take(self, thread, met)
        else:
            if change := _CHANGES.get(kind):
                change(self, thread, met)
            self._note(thread.span, met, "compaction" if kind == "agent.thread_context_compacted" else kind)
        thread.span.reach(time)
        self._own.span.reach(time)

    # --- threads and what they are shown ------------------------------------------------------------------------------

    @property
    def _own(self) -> Thread:
        return self._memory.threads[self._memory.own]

    def _thread(self, key: str, place: Place) -> Thread:
        """Return a thread; one met for the first time is a sub-agent's."""
        if key not in self._memory.threads:
            span = Step(span_id=span_id_of(key), parent_id=self._own.span.span_id, place=place)
            self._memory.threads[key] = Thread(key=key, span=span)
        return self._memory.threads[key]

    def _transcript(self, thread: Thread) -> Transcript:
        if thread.key not in self._transcripts:
            made = Transcript(self._into, self._memory.trace_id, thread.context, thread.system)
            self._transcripts[thread.key] = made
        return self._transcripts[thread.key]

    def _take_agent(self, thread: Thread, met: Met) -> None:
        """Take what is declared of a thread's agent; a toolset does not say the names of its tools."""
        agent = dict_of(met.event.get("agent"))
        thread.agent_name = text_of(agent.get("name")) or thread.agent_name
        thread.agent_id = text_of(agent.get("id")) or thread.agent_id
        thread.agent_version = str(agent["version"]) if count_of(agent.get("version")) else thread.agent_version
        thread.model = text_of(agent.get("model")) or text_of(dict_of(agent.get("model")).get("id")) or thread.model
        if text_of(agent.get("system")):
            transcript = self._transcript(thread)
            transcript.system = [transcript.store(met.place, {"role": "system", "content": agent["system"]})]
        if agent and thread.agent_name:
            tools = objects_of(agent.get("tools"))
            names = [text_of(tool.get("name")) if tool.get("type") == "custom" else None for tool in tools]
            self._into.add(
                "agents", met.place, agent_name=thread.agent_name, agent_id=thread.agent_id, model=thread.model,
                agent_version=thread.agent_version, role=text_of(agent.get("description")), known_from="manifest",
                tools=names if names and None not in names and not agent.get("multiagent") else None,
                attributes={key: agent[key] for key in ("tools", "mcp_servers", "skills", "multiagent") if agent.get(key)} or None,
            )  # fmt: skip

    def _hear(self, thread: Thread, place: Place, message: Event, name: str | None = None) -> str:
        """Add a message to what the next request shows; one that comes during a request waits for its end."""
        self._end_unstarted(thread)
        heard = self._transcript(thread).store(place, message, name)
        if thread.requests:
            thread.later.append(heard)
        else:
            self._transcript(thread).show(heard)
        return heard

    def _say(self, thread: Thread, met: Met, content: Any) -> Request:
        """Add what the model said to the request under way, or to one whose start is not in the log."""
        request = next(reversed(thread.requests.values()), None)
        if request is None:
            request = Request(span_id=f"said:{met.id}", parent_id=self._above(thread), place=met.place)
            thread.requests[NO_START] = request
        request.end = met.time
        request.said.append(self._transcript(thread).store(met.place, {"role": "assistant", "content": content}))
        return request

    def _above(self, thread: Thread) -> str:
        return (thread.evaluation or thread.span).span_id

    # --- model requests -----------------------------------------------------------------------------------------------

    def _start_request(self, thread: Thread, met: Met) -> None:
        self._end_unstarted(thread)
        thread.requests[met.id] = Request(
            span_id=f"call:{met.id}", parent_id=self._above(thread), place=met.place, start=met.time
        )

    def _end_request(self, thread: Thread, met: Met) -> None:
        start_id = text_of(met.event.get("model_request_start_id")) or met.id
        request = thread.requests.pop(start_id, None) or thread.requests.pop(NO_START, None)
        if request is None or not request.span_id.startswith("call:"):
            self._into.note_missing("Some model requests have no start in the log: when they began is not known.")
            request = Request(
                parent_id=self._above(thread), place=met.place, span_id="", said=request.said if request else []
            )
        request.span_id, request.place, request.end = f"call:{start_id}", met.place, met.time
        usage, is_error = dict_of(met.event.get("model_usage")), met.event.get("is_error")
        columns: Event = usage_columns(usage) | {"attributes": {"usage": usage}}
        columns |= {"usage_key": _usage_key(met)} if "input_tokens" in columns else {}
        thread.calls, thread.total, self._own.total = thread.calls + 1, None, None
        if is_error is True:
            request.failed, thread.requests[start_id] = columns, request
        else:
            thread.failure = None
            self._add_call(thread, request, columns | ({"status_code": "OK"} if is_error is False else {}))

    def _settle(self, thread: Thread, error: Event) -> None:
        """Add the requests that failed, with the error that came with or after them; else keep it for one under way."""
        for start_id in [key for key, request in thread.requests.items() if request.failed is not None]:
            request = thread.requests.pop(start_id)
            self._add_call(thread, request, _failure(request, error))
            error = {}
        for request in thread.requests.values():
            request.error = error or request.error

    def _end_unstarted(self, thread: Thread) -> None:
        if request := thread.requests.pop(NO_START, None):
            self._into.note_missing(
                "Some answers stand outside any model request in the log: their tokens are not known."
            )
            self._add_call(thread, request, {})

    def _add_call(self, thread: Thread, request: Request, columns: Event) -> None:
        self._transcript(thread).add_call(
            place_of(request), request.span_id, request.said, parent_span_id=request.parent_id, start_time=request.start,
            end_time=request.end, request_model=thread.model, **MODEL_CALL, **columns,
        )  # fmt: skip
        if not thread.requests:
            self._transcript(thread).show(*thread.later)
            thread.later = []

    # --- tools, permission, interruption ------------------------------------------------------------------------------

    def _use(self, thread: Thread, met: Met) -> None:
        """Take a tool call. Those of sub-agents stand among the events of the session too, without their requests."""
        asked = None
        if thread is self._own or thread.requests:
            call = call_part(met.id, met.event.get("name"), met.event.get("input"))
            asked = self._say(thread, met, [call]).span_id
        verdict = {"result": "refused"} if met.event.get("evaluated_permission") == "deny" else None
        self._memory.tools[met.id] = Tool(
            span_id=met.id, parent_id=thread.span.span_id, place=met.place, start=met.time, thread=thread.key,
            requested_by=asked, verdict=verdict,
        )  # fmt: skip

    def _confirm(self, thread: Thread, met: Met) -> None:
        """Take what a person said to a tool call: the wait for it is a step of its own below the call."""
        tool_id = text_of(met.event.get("tool_use_id")) or met.id
        tool = self._memory.tools.get(tool_id)
        start = None
        if tool is not None:
            tool.verdict, start = {**_rest(met.event), "time": met.time}, tool.start
        self._into.add_span(
            met.place, trace_id=self._memory.trace_id, span_id=f"permission:{met.id}", parent_span_id=tool_id,
            name="wait for permission", start_time=start, end_time=met.time, status_code="OK", service_name=SERVICE,
            attributes=_rest(met.event),
        )  # fmt: skip

    def _answer(self, thread: Thread, met: Met) -> None:
        call_id = text_of(met.event.get(RESULTS[met.event["type"]])) or met.id
        tool = self._memory.tools.pop(call_id, None)
        if tool is None:
            self._into.note_missing(
                "Some tool results have no call in the log: their spans have no start and no arguments."
            )
            tool = Tool(span_id=call_id, parent_id=thread.span.span_id, place=met.place, thread=thread.key)
        content, is_error = met.event.get("content"), met.event.get("is_error")
        self._hear(
            self._memory.threads[tool.thread], met.place, {"role": "tool", "parts": [result_part(call_id, content)]}
        )
        columns: Event = {"tool_call_result": result_text(content), "end_time": met.time}
        if is_error is True:
            columns |= error_columns(columns["tool_call_result"]) | (INTERRUPTED if tool.is_interrupted else {})
        columns |= {"status_code": "OK"} if is_error is False else {}
        self._add_tool(tool, columns, {f"result_{key}": value for key, value in met.place._asdict().items()})

    def _add_tool(self, tool: Tool, columns: Event, attributes: Event) -> None:
        use = self._recall.at(place_of(tool))
        use = use if str(use.get("type")).endswith("tool_use") else {}
        attributes |= {key: value for key, value in _rest(use).items() if key not in ("id", "name", "input")}
        attributes |= {"requested_by": tool.requested_by} if tool.requested_by else {}
        verdict = dict_of(tool.verdict)
        if verdict.get("result") in ("allow", "deny"):  # a person was asked and answered
            status = "approved" if verdict["result"] == "allow" else "denied"
            attributes |= {"approval.required": "user", "approval.status": status, "approval.by": "user"}
        if why := REFUSALS.get(str(verdict.get("result"))):
            said = verdict.get("deny_message") or columns.get("tool_call_result")
            columns = {"end_time": verdict.get("time"), **columns, **error_columns(said, why)}
            columns["is_control_flow"] = verdict["result"] == "deny"
        add_tool_call(
            self._into, place_of(tool), self._memory.trace_id, tool.span_id, use.get("name"), use.get("input"),
            parent_span_id=tool.parent_id, start_time=tool.start, tool_call_id=tool.span_id, service_name=SERVICE,
            attributes=attributes, **columns,
        )  # fmt: skip

    def _interrupt(self, thread: Thread, met: Met) -> None:
        """Mark what is under way: in one thread where the event names it, else in all."""
        names = [thread.key] if met.event.get("session_thread_id") else list(self._memory.threads)
        for request in [one for key in names for one in self._memory.threads[key].requests.values()]:
            request.is_interrupted = True
        for tool in self._memory.tools.values():
            tool.is_interrupted |= tool.thread in names

    # --- messages of people and agents --------------------------------------------------------------------------------

    def _read_message(self, thread: Thread, met: Met) -> None:
        """Take what a person or the system said to the agent; an outcome to work towards is said to it as well."""
        role = "system" if met.event["type"] == "system.message" else "user"
        content = met.event.get("content", met.event.get("description"))
        heard = self._hear(thread, met.place, {"role": role, "content": content})
        thread.brief = thread.brief or (heard if role == "user" else None)

    def _read_answer(self, thread: Thread, met: Met) -> None:
        thread.answer = self._say(thread, met, met.event.get("content")).said[-1]

    def _think(self, thread: Thread, met: Met) -> None:
        """Take a sign of thinking; only old logs hold the thought itself."""
        if thought := result_text(met.event.get("content") or met.event.get("thinking")):
            self._say(thread, met, [reasoning_part(thought)])
        else:
            self._note(next(reversed(thread.requests.values()), thread.span), met, met.event["type"])

    def _send(self, thread: Thread, met: Met) -> None:
        """Take a message to another thread; the first one to a sub-agent is its task."""
        content = met.event.get("content")
        request = self._say(thread, met, content)
        other, recipient = self._other(met, "to")
        is_task = other is not None and other.brief is None
        if other is not None and is_task:
            other.brief = self._transcript(thread).store(met.place, {"role": "user", "content": content})
        self._tell(met, "handoff" if is_task else "message", thread.agent_name, recipient, request)
        letter = _letter(thread.key, met.event.get("to_session_thread_id"), content)
        self._memory.sent[letter] = self._memory.sent.get(letter, 0) + 1

    def _receive(self, thread: Thread, met: Met) -> None:
        """Take a message from another thread; where its sending stands in the same file, that has told of it."""
        content = met.event.get("content")
        other, sender = self._other(met, "from")
        heard = self._hear(thread, met.place, {"role": "user", "content": content}, sender)
        thread.brief = thread.brief or heard
        if other is not None:
            other.answer = self._transcript(thread).store(met.place, {"role": "assistant", "content": content})
        letter = _letter(met.event.get("from_session_thread_id"), thread.key, content)
        left = self._memory.sent.pop(letter, 0)
        if left > 1:
            self._memory.sent[letter] = left - 1
        if not left:
            self._tell(met, "message", sender, thread.agent_name, thread.span)

    def _other(self, met: Met, way: str) -> tuple[Thread | None, str | None]:
        """Return thread and agent at the other end. The main agent is not named, so whoever is named is a sub-agent."""
        key, name = (text_of(met.event.get(f"{way}_{field}")) for field in ("session_thread_id", "agent_name"))
        if key is None or (key not in self._memory.threads and name is None):
            return None, name
        thread = self._thread(key, met.place)
        thread.agent_name = thread.agent_name or name
        return thread, thread.agent_name

    def _tell(self, met: Met, kind: str, sender: str | None, recipient: str | None, step: Step) -> None:
        self._into.add(
            "agent_messages", met.place, kind=kind, message_id=met.id, trace_id=self._memory.trace_id, span_id=step.span_id,
            sender=sender, recipient=recipient, time=met.time, payload=result_text(met.event.get("content")),
        )  # fmt: skip

    # --- the course of session and threads ----------------------------------------------------------------------------

    def _take_status(self, thread: Thread, met: Met) -> None:
        """Take a change of status; those of sub-agents stand among the events of the session too."""
        key = text_of(met.event.get("session_thread_id"))
        if met.event["type"] == "session.thread_created":
            thread = self._thread(key or met.id, met.place)
        elif key:
            thread = self._memory.threads.get(key, thread)
        thread.span.reach(met.time)
        thread.agent_name = thread.agent_name or text_of(met.event.get("agent_name"))
        thread.stop = text_of(dict_of(met.event.get("stop_reason")).get("type"))

    def _fail(self, thread: Thread, met: Met) -> None:
        """Take an error; one that is not tried again ends the turn."""
        error = dict_of(met.event.get("error"))
        if dict_of(error.get("retry_status")).get("type") in ("exhausted", "terminal"):
            thread.failure = error_columns(error.get("message"), error.get("type"))

    def _take_total(self, thread: Thread, met: Met) -> None:
        """Take what was used in all until now: a total of what was counted, gone with the next request."""
        usage = dict_of(met.event.get("usage"))
        written = [count_of(value) or 0 for value in dict_of(usage.get("cache_creation")).values()]
        total = usage_columns(usage | {"cache_creation_input_tokens": sum(written) if written else None})
        thread.total = total if any(total.values()) else thread.total

    def _compact(self, thread: Thread, met: Met) -> None:
        self._into.note_missing(
            "What a compaction kept is not in the log: later requests show only what was said after it."
        )
        self._transcript(thread).context = []

    def _start_evaluation(self, thread: Thread, met: Met) -> None:
        thread.evaluation = Step(
            span_id=f"evaluation:{met.id}", parent_id=thread.span.span_id, place=met.place, start=met.time
        )

    def _end_evaluation(self, thread: Thread, met: Met) -> None:
        """Add an evaluation with its verdict; its usage is that of all its requests, which may stand below it."""
        start_id = text_of(met.event.get("outcome_evaluation_start_id")) or met.id
        step = Step(span_id=f"evaluation:{start_id}", parent_id=thread.span.span_id, place=met.place, end=met.time)
        if thread.evaluation is not None and thread.evaluation.span_id == step.span_id:
            step.start, thread.evaluation = thread.evaluation.start, None
        columns: Event = usage_columns(dict_of(met.event.get("usage")))
        columns |= {"usage_scope": "rollup", "usage_key": _usage_key(met)} if columns else {}
        self._add_step(step, name="evaluate outcome", attributes=_rest(met.event), **columns)

    def _note(self, step: Step, met: Met, name: str) -> None:
        self._into.add(
            "span_events", met.place, trace_id=self._memory.trace_id, span_id=step.span_id, event_index=step.events,
            time=met.time, name=name, attributes=_rest(met.event),
        )  # fmt: skip
        step.events += 1

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Add what is still open, and the threads themselves."""
        for tool in self._memory.tools.values():
            self._add_tool(tool, dict(INTERRUPTED) if tool.is_interrupted else {}, {})
        for thread in self._memory.threads.values():
            for request in thread.requests.values():
                request.end = request.end if request.failed or not request.span_id.startswith("call:") else None
                self._add_call(thread, request, _failure(request, {}))
            if thread.evaluation is not None:
                self._add_step(thread.evaluation, name="evaluate outcome")
            self._finish_thread(thread)

    def _finish_thread(self, thread: Thread) -> None:
        if thread is not self._own and thread.span.parent_id and not thread.calls:
            self._into.note_missing(
                "What sub-agents did stands in the events of their threads: their tokens are missing here."
            )
        header = self._recall.at(Place(*thread.header)) if thread.header else {}
        attributes = _rest(header) | ({"log_usage": thread.total} if thread.total else {})
        outcome = thread.failure or OUTCOMES.get(thread.stop or "", {})
        self._add_step(
            thread.span, name=f"invoke_agent {thread.agent_name}" if thread.agent_name else "invoke_agent",
            operation_name="invoke_agent", agent_name=thread.agent_name, agent_id=thread.agent_id,
            agent_version=thread.agent_version, conversation_id=self._memory.session_id or self._memory.trace_id,
            attributes=attributes or None, **outcome,
        )  # fmt: skip
        for direction, message in (("input", thread.brief), ("output", thread.answer)):
            shown = [message] if message else []
            self._into.add_span_messages(
                place_of(thread.span), self._memory.trace_id, thread.span.span_id, direction, shown
            )

    def _add_step(self, step: Step, **columns: Any) -> None:
        self._into.add_span(
            place_of(step), trace_id=self._memory.trace_id, span_id=step.span_id, parent_span_id=step.parent_id,
            start_time=step.start, end_time=step.end, service_name=SERVICE, **columns,
        )  # fmt: skip


# Events that become spans and messages, and events that only change what is known.
_TELLERS = {
    **dict.fromkeys(RESULTS, SessionReader._answer),
    **dict.fromkeys(("agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use"), SessionReader._use),
    "user.message": SessionReader._read_message, "system.message": SessionReader._read_message,
    "user.tool_confirmation": SessionReader._confirm, "agent.message": SessionReader._read_answer,
    "agent.thinking": SessionReader._think, "agent.thread_message_sent": SessionReader._send,
    "agent.thread_message_received": SessionReader._receive,
    "span.model_request_start": SessionReader._start_request, "span.model_request_end": SessionReader._end_request,
    "span.outcome_evaluation_start": SessionReader._start_evaluation,
    "span.outcome_evaluation_end": SessionReader._end_evaluation,
}  # fmt: skip
_CHANGES = {
    "user.interrupt": SessionReader._interrupt, "user.define_outcome": SessionReader._read_message,
    "agent.thread_context_compacted": SessionReader._compact, "session.error": SessionReader._fail,
    "session.usage": SessionReader._take_total, "session.updated": SessionReader._take_agent,
    "session.thread_created": SessionReader._take_status,
    **{f"session.{scope}status_{word}": SessionReader._take_status for scope in ("", "thread_")
       for word in ("running", "idle", "rescheduled", "terminated")},
}  # fmt: skip


def _failure(request: Request, error: Event) -> Event:
    """Return what is known of a request that failed or was broken off, the latest error first."""
    known = error or request.error or {}
    if request.is_interrupted:
        return (request.failed or {}) | INTERRUPTED
    return {} if request.failed is None else request.failed | error_columns(known.get("message"), known.get("type"))


def _rest(event: Event) -> Event:
    return {key: value for key, value in event.items() if key not in ("type", "processed_at")}


def _usage_key(met: Met) -> str | None:
    return f"{SERVICE}:{met.id}" if text_of(met.event.get("id")) else None


def _letter(sender: Any, recipient: Any, content: Any) -> str:
    return short_hash(json_text([sender, recipient, content]))
