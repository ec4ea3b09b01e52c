"""Turns AG2 log rows into traces: a session, the turns of its agents, model calls, function calls and messages."""

from __future__ import annotations

import bisect
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import Step, place_of
from agentlens.loaders._codex_items import parsed
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, as_text
from agentlens.loaders._usage import read_usage

Row = dict[str, Any]

SERVICE = "ag2"
NO_ZONE = "The times name no zone; they are taken as UTC."


class LogReader:
    """Reads rows of all tables; lines of the file logger are the same rows with other names."""

    def __init__(self, into: Evidence) -> None:
        self._into = into
        self._sessions: dict[str, Step] = {}
        self._current: str | None = None
        # When each session began, in order, and which sessions stand there.
        self._begun: list[tuple[int, str]] = []
        self._dated: set[str] = set()
        self._heard: dict[tuple[str, str], tuple[int | None, str]] = {}
        self._number = 0

    def begin_session(self, session_id: str, place: Place, time: int | None) -> None:
        """Make a session the current one, begun if it is new."""
        if session_id not in self._sessions:
            self._sessions[session_id] = Step(span_id="session", place=place, start=time, end=time)
        self._current = session_id
        self._date(session_id)

    def _date(self, session_id: str) -> None:
        start = self._sessions[session_id].start
        if start is not None and session_id not in self._dated:
            self._dated.add(session_id)
            bisect.insort(self._begun, (start, session_id))

    def read_line(self, line: Row, place: Place) -> str | None:
        """Take a line of the file logger. Raises UnusableLine."""
        if "request" in line and "response" in line:
            self.read_row("chat_completions", line, place)
        elif "event_name" in line:
            self.read_row("events", {**line, "agent_class_name": line.get("agent_class")}, place)
        elif "input_args" in line or "returns" in line:
            self.read_row("function_calls", {**line, "args": line.get("input_args")}, place)
        elif "agent_name" in line:
            row = {"name": line["agent_name"], "class": line.get("agent_type"), "timestamp": line.get("current_time")}
            self.read_row("agents", {**row, "session_id": line.get("session_id"), "init_args": line.get("args")}, place)
        elif "wrapper_id" in line or "client_id" in line:
            return "a client: settings, no step"
        else:
            raise UnusableLine("no agent, completion, event or function call")
        return None

    def read_row(self, table: str, row: Row, place: Place) -> None:
        """Take a row of one of the tables of steps."""
        self._number += 1
        start = parse_time(row.get("start_time", row.get("timestamp")))
        session_id = text_of(row.get("session_id")) or self._session_at(start)
        if table == "agents" or session_id not in self._sessions:
            self.begin_session(session_id, place, start)
        end = parse_time(row.get("end_time")) or start
        for time in (start, end):
            self._into.see_time(time)
            self._sessions[session_id].reach(time)
        self._date(session_id)
        self._into.note_missing(NO_ZONE)
        read = {"agents": self._add_agent, "chat_completions": self._add_call, "events": self._read_event}
        read.get(table, self._add_function)(row, session_id, place, start)

    def _session_at(self, time: int | None) -> str:
        """Return the session an event belongs to: the one that was begun last before it."""
        before = 0 if time is None else bisect.bisect_right(self._begun, time, key=lambda pair: pair[0])
        return self._begun[before - 1][1] if before else self._current or "session"

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _add_agent(self, row: Row, session_id: str, place: Place, time: int | None) -> None:
        name = text_of(row.get("name"))
        if name is None:
            return
        args = dict_of(row.get("init_args")) or dict_of(parsed(row.get("init_args")))
        role = text_of(args.get("description")) or text_of(args.get("system_message"))
        self._into.add(
            "agents", place, agent_name=name, role=role, known_from="manifest",
            attributes={"class": row.get("class"), **{key: value for key, value in args.items() if key != "self"}},
        )  # fmt: skip

    def _add_call(self, row: Row, session_id: str, place: Place, start: int | None) -> None:
        request = dict_of(row.get("request")) or dict_of(parsed(row.get("request")))
        response = dict_of(row.get("response")) or dict_of(parsed(row.get("response")))
        transcript = Transcript(self._into, session_id)
        messages = request.get("messages")
        for message in messages if isinstance(messages, list) else []:
            transcript.hear(place, message)
        choices = objects_of(response.get("choices"))
        said = [
            transcript.store(place, choice["message"]) for choice in choices if isinstance(choice.get("message"), dict)
        ]
        if not response and text_of(row.get("response")):
            said = [transcript.store(place, {"role": "assistant", "content": row["response"]})]
        is_cached = row.get("is_cached") in (1, True)
        usage = read_usage(response.get("usage"))
        invocation = text_of(row.get("invocation_id")) or f"call:{self._number}"
        columns: Row = {"usage_key": f"ag2:{invocation}", **usage} if usage and not is_cached else {}
        cost = row.get("cost")
        if isinstance(cost, (int, float)) and not isinstance(cost, bool) and not is_cached:
            columns["reported_cost_usd"] = cost
        reasons = [reason for choice in choices if (reason := text_of(choice.get("finish_reason")))]
        transcript.add_call(
            place, invocation, said, parent_span_id="session", agent_name=text_of(row.get("source_name")),
            start_time=start, end_time=parse_time(row.get("end_time")), request_model=text_of(request.get("model")),
            service_name=SERVICE, response_model=text_of(response.get("model")),
            response_finish_reasons=reasons or None,
            attributes={"is_cached": is_cached} | ({"usage": usage} if is_cached and usage else {}), **columns,
        )  # fmt: skip

    def _add_function(self, row: Row, session_id: str, place: Place, time: int | None) -> None:
        """Add a function call: AG2 logs it once, when it has returned."""
        add_tool_call(
            self._into, place, session_id, f"tool:{self._number}", row.get("function_name"), row.get("args"),
            parent_span_id="session", agent_name=text_of(row.get("source_name")), end_time=time,
            tool_call_result=row.get("returns"), service_name=SERVICE,
        )  # fmt: skip

    # --- events -------------------------------------------------------------------------------------------------------

    def _read_event(self, row: Row, session_id: str, place: Place, time: int | None) -> None:
        state = dict_of(parsed(row.get("json_state"))) or dict_of(row.get("json_state"))
        agent, name = text_of(row.get("source_name")), text_of(row.get("event_name")) or "event"
        if name == "received_message" and agent:
            self._receive(state, agent, session_id, place, time)
        elif name == "reply_func_executed" and agent and state.get("final") is True:
            self._reply(state, agent, session_id, place, time)
        else:
            self._add_event(name, {**row, "json_state": state or row.get("json_state")}, session_id, place, time)

    def _receive(self, state: Row, agent: str, session_id: str, place: Place, time: int | None) -> None:
        message = state.get("message")
        sender = text_of(state.get("sender"))
        said = message if isinstance(message, dict) else {"role": "user", "content": message}
        message_hash = Transcript(self._into, session_id).store(place, {"role": "user", **said}, sender)
        self._heard[session_id, agent] = (time, message_hash)
        self._into.add(
            "agent_messages", place, trace_id=session_id, sender=sender, recipient=agent, time=time, kind="message",
            payload=as_text(said.get("content")),
        )  # fmt: skip

    def _reply(self, state: Row, agent: str, session_id: str, place: Place, time: int | None) -> None:
        """Add the turn of an agent: from the message it received to its reply."""
        start, heard = self._heard.pop((session_id, agent), (None, None))
        span_id, reply = f"turn:{self._number:05}", state.get("reply")
        message = reply if isinstance(reply, dict) else {"role": "assistant", "content": reply}
        said = Transcript(self._into, session_id).store(place, {"role": "assistant", **message}, agent)
        self._into.add_span(
            place, trace_id=session_id, span_id=span_id, parent_span_id="session", name=f"invoke_agent {agent}",
            operation_name="invoke_agent", agent_name=agent, start_time=start, end_time=time, service_name=SERVICE,
            attributes={key: value for key, value in state.items() if key != "reply"},
        )  # fmt: skip
        self._into.add_span_messages(place, session_id, span_id, "input", [heard] if heard else [])
        self._into.add_span_messages(place, session_id, span_id, "output", [said])

    def _add_event(self, name: str, row: Row, session_id: str, place: Place, time: int | None) -> None:
        step = self._sessions[session_id]
        self._into.add(
            "span_events", place, trace_id=session_id, span_id=step.span_id, event_index=step.events, time=time,
            name=name, attributes=row,
        )  # fmt: skip
        step.events += 1

    def finish(self) -> None:
        """Add the sessions."""
        for session_id, step in self._sessions.items():
            self._into.add_span(
                place_of(step), trace_id=session_id, span_id=step.span_id, name="session",
                operation_name="invoke_workflow", conversation_id=session_id, start_time=step.start, end_time=step.end,
                service_name=SERVICE,
            )  # fmt: skip
