"""Builds the spans of Claude Code sessions from their lines, one line at a time.

A session is a span, so is each of its turns (from one user text to the next) and each sub-agent. Model calls and tool
calls stand in a turn, or directly in a sub-agent. `parentUuid` is the order of messages, not the nesting of work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from agentlens._evidence import NS_RANGE, Evidence, json_text
from agentlens._source import Place
from agentlens.dialects.messages import normalise_part, result_part, text_part
from agentlens.loaders._claude_code_memory import Call, Memory, Step, Thread, Tool, Turn, short_hash

MAIN = "main"
SERVICE = "claude-code"
SYNTHETIC = "<synthetic>"
STATUS_CHARS = 500
SHORT_CHARS = 500
EVENT_TYPES = frozenset({"queue-operation", "summary", "ai-title", "custom-title", "pr-link", "permission-mode", "attachment"})
NO_TURN = ("[Request interrupted by user", "<local-command-", "<command-contents>", "<bash-stdout>", "<bash-stderr>", "Caveat: The messages below")
INTERRUPTED = "[Request interrupted by user"
REJECTED = ("The user doesn't want to proceed with this tool use", "The user doesn't want to take this action right now", INTERRUPTED)
SPENT = frozenset({"message", "type", "timestamp", "sessionId", "session_id", "version", "requestId", "toolUseResult", "tool_use_result", "costUSD"})
ERROR_WORD = re.compile(r'"type"\s*:\s*"(\w+_error)"|API Error: (\d{3})')
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Line = dict[str, Any]
Reread = Callable[[Place], Line]


class UnusableLine(ValueError):
    """A line that cannot become evidence; the text says why."""


class SessionReader:
    """Turns lines into evidence. What it has to remember between two reads is all in `memory`.

    `reread` returns the parsed line at a place: the first line of a step that began in an earlier read is not remembered.
    """

    def __init__(self, into: Evidence, memory: Memory, reread: Reread) -> None:
        self.memory = memory
        self._into = into
        self._reread = reread
        self._seen = set(memory.seen)
        self._answered = set(memory.answered)
        self._linked = set(memory.linked)
        self._lines: dict[str, Line] = {}
        self._unsaved: dict[str, tuple[Thread, Step]] = {}

    def remember(self) -> Memory:
        """Return the memory with everything that is needed to read on after the last line read."""
        self.memory.seen, self.memory.answered, self.memory.linked = sorted(self._seen), sorted(self._answered), sorted(self._linked)
        return self.memory

    def read_line(self, line: Line, place: Place, raw: bytes) -> str | None:
        """Take one line; returns the reason when it is skipped on purpose. Raises UnusableLine."""
        kind = line.get("type")
        if not isinstance(kind, str):
            raise UnusableLine("an object without a `type`")
        if kind == "progress":
            return None if self._read_progress(line, place) else "line type progress"
        if kind not in _READERS and kind not in EVENT_TYPES:
            return f"line type {kind[:40]}"
        trace_id = self._trace_id(line, raw)
        if kind == "summary" and self.memory.session is None:
            return "summary of an earlier session"
        identity = short_hash(trace_id, text_of(line.get("uuid")) or raw)
        if identity in self._seen:
            return "copy of a line of this file (same uuid)"
        read = _READERS.get(kind)
        message = _message(line) if read in (SessionReader._read_user, SessionReader._read_assistant) else {}
        self.memory.session = trace_id
        thread = self._thread(trace_id, line, message, place)
        time = parse_time(line.get("timestamp"))
        self._into.see_time(time)
        thread.version = text_of(line.get("version")) or thread.version
        self._touch(thread, thread.span)
        if read is None:
            self._add_event(thread, line, place, time, kind)
        else:
            read(self, thread, line, message, place, time)
        thread.span.reach(time)
        if thread.turn is not None:
            thread.turn.reach(time)
            self._touch(thread, thread.turn)
        self._seen.add(identity)
        thread.places[short_hash(text_of(line.get("uuid")) or raw)] = len(thread.context)
        self._into.hold(len(raw))
        return None

    def finish(self) -> None:
        """Add every step that has changed since it was last added."""
        for thread, step in list(self._unsaved.values()):
            self._save(thread, step)

    # --- sessions and sub-agents --------------------------------------------------------------------------------------

    def _trace_id(self, line: Line, raw: bytes) -> str:
        named = text_of(line.get("sessionId")) or text_of(line.get("session_id"))
        return named or self.memory.session or f"unnamed-{short_hash(raw)}"

    def _thread(self, trace_id: str, line: Line, message: Line, place: Place) -> Thread:
        """Return the thread a line belongs to; the first line of a thread begins it."""
        agent_id = text_of(line.get("agentId")) or text_of(line.get("parent_tool_use_id"))
        spawner: Tool | None = None
        if agent_id is None and line.get("isSidechain") is True:
            agent_id, spawner = self._sidechain(trace_id, line, message)
        elif agent_id is not None and agent_id == line.get("parent_tool_use_id"):
            spawner = self.memory.tools.get(_tool_key(trace_id, agent_id))
        key = f"{trace_id}\n{agent_id or ''}"
        if thread := self.memory.threads.get(key):
            return thread
        thread = _begin_thread(trace_id, agent_id, line, place)
        self.memory.threads[key] = thread
        if agent_id is not None:
            self._into.note_missing(f"Who called sub-agent {agent_id} is not said where its work is logged; the log of session {trace_id} says it.")
        if spawner is not None and agent_id is not None:
            thread.agent_name = spawner.agent_name or thread.agent_name
            self._link(trace_id, spawner, agent_id, place)
        self._lines[thread.span.span_id] = line
        return thread

    def _sidechain(self, trace_id: str, line: Line, message: Line) -> tuple[str, Tool | None]:
        """Return the sub-agent an inline `isSidechain` line belongs to, and for its first line the call that spawned it."""
        sidechains = self.memory.sidechains
        uuid, parent = text_of(line.get("uuid")), text_of(line.get("parentUuid"))
        known = sidechains.get(short_hash(trace_id, parent)) if parent else None
        if known is None and parent is not None:
            known = sidechains.get(short_hash(trace_id))
        agent_id = known or f"sidechain-{uuid or short_hash(json_text(line))}"
        if uuid:
            sidechains[short_hash(trace_id, uuid)] = agent_id
        sidechains[short_hash(trace_id)] = agent_id
        return agent_id, None if known else self._spawner(trace_id, _plain_text(message.get("content")))

    def _spawner(self, trace_id: str, prompt: str) -> Tool | None:
        """Return the open call whose prompt this is; failing that, the only open call that has spawned nothing yet."""
        prefix = _tool_key(trace_id, "")
        idle = [t for key, t in self.memory.tools.items() if t.brief and key.startswith(prefix) and key not in self._linked]
        brief = short_hash(prompt)
        same = [tool for tool in idle if tool.brief == brief]
        return same[0] if same else idle[0] if len(idle) == 1 else None

    def _link(self, trace_id: str, tool: Tool, agent_id: str, place: Place) -> None:
        """Say once that a tool call spawned a sub-agent."""
        key = short_hash(trace_id, agent_id)
        if key in self._linked:
            return
        self._linked |= {key, _tool_key(trace_id, tool.call_id)}
        attributes = {"agentlens.relation": "spawned", "gen_ai.agent.name": tool.agent_name}
        self._into.add(
            "span_links", place, trace_id=trace_id, span_id=tool.span_id, link_index=0,
            linked_trace_id=trace_id, linked_span_id=_agent_span_id(agent_id), attributes=attributes,
        )  # fmt: skip

    # --- lines --------------------------------------------------------------------------------------------------------

    def _read_progress(self, line: Line, place: Place) -> bool:
        """Take from a progress line which call a sub-agent belongs to, when that is news; all else in it is a copy."""
        data = line.get("data")
        agent_id = text_of(data.get("agentId")) if isinstance(data, dict) else None
        trace_id, call_id = text_of(line.get("sessionId")), text_of(line.get("parentToolUseID"))
        if agent_id is None or trace_id is None or call_id is None:
            return False
        tool = self.memory.tools.get(_tool_key(trace_id, call_id))
        if tool is None or short_hash(trace_id, agent_id) in self._linked:
            return False
        self._link(trace_id, tool, agent_id, place)
        return True

    def _read_user(self, thread: Thread, line: Line, message: Line, place: Place, time: int | None) -> None:
        blocks = _blocks(message.get("content"))
        results = [block for block in blocks if block.get("type") == "tool_result"]
        spoken = [block for block in blocks if block.get("type") != "tool_result"]
        for block in results:
            self._answer(thread, block, line, place, time)
        if spoken:
            self._hear(thread, [normalise_part(block) for block in spoken], line, place, time, bool(results))
        thread.last_input = time if time is not None else thread.last_input

    def _hear(self, thread: Thread, parts: list[Line], line: Line, place: Place, time: int | None, beside_result: bool) -> None:
        """Take what a user line says: a summary, the user's words, or words the program put in the user's mouth."""
        text = _plain_text(parts)
        if line.get("isCompactSummary") is True:
            self._restart(thread)
        message_hash = self._into.add_message(place, "user", None, parts)
        is_plumbing = line.get("isMeta") is True or line.get("isCompactSummary") is True or beside_result
        if text.startswith(INTERRUPTED):
            self._add_event(thread, line, place, time, "interrupted")
        elif thread.agent_id is not None:
            if not is_plumbing and thread.brief is None:
                thread.brief = message_hash
        elif not is_plumbing and not text.startswith(NO_TURN):
            self._rewind(thread, line)
            self._begin_turn(thread, line, place, time, message_hash)
        thread.context.append(message_hash)

    def _begin_turn(self, thread: Thread, line: Line, place: Place, time: int | None, message_hash: str) -> None:
        if thread.turn is not None:
            self._save(thread, thread.turn)
        thread.turns += 1
        span_id = f"turn:{text_of(line.get('uuid')) or short_hash(thread.trace_id, str(thread.turns))}"
        thread.turn = Turn(
            span_id=span_id, parent_id=thread.span.span_id, place=place, start=time, end=time, number=thread.turns, message=message_hash
        )
        self._lines[span_id] = line

    def _rewind(self, thread: Thread, line: Line) -> None:
        """Drop what came after the message that a user text answers: the user went back and took another way."""
        kept = thread.places.get(short_hash(text_of(line.get("parentUuid")) or ""))
        if kept is not None and kept < len(thread.context):
            self._close_call(thread)
            del thread.context[kept:]

    def _restart(self, thread: Thread) -> None:
        """Begin the context anew, as a compaction does."""
        self._close_call(thread)
        thread.context.clear()
        thread.places.clear()

    def _read_assistant(self, thread: Thread, line: Line, message: Line, place: Place, time: int | None) -> None:
        blocks = _blocks(message.get("content"))
        message_hash = self._into.add_message(place, "assistant", None, [normalise_part(block) for block in blocks])
        if message.get("model") == SYNTHETIC and line.get("isApiErrorMessage") is not True:
            self._add_event(thread, line, place, time, "synthetic message")
            thread.context.append(message_hash)
            return
        call = self._call(thread, line, message, place, time)
        call.reach(time)
        _take_usage(call, line, message)
        if line.get("isApiErrorMessage") is True:
            call.error, call.error_type = _read_error(line, _plain_text(blocks))
        self._touch(thread, call)
        is_open = thread.open_call == call.span_id
        if not (is_open and message_hash in thread.said):
            thread.context.append(message_hash)
            if is_open:
                thread.said.append(message_hash)
        for block in blocks:
            if block.get("type") == "tool_use":
                self._begin_tool(thread, call, block, line, place, time)

    def _call(self, thread: Thread, line: Line, message: Line, place: Place, time: int | None) -> Call:
        """Return the model call a line belongs to; its first line begins it and ends the one before."""
        message_id, request_id = text_of(message.get("id")), text_of(line.get("requestId"))
        named = f"{message_id}:{request_id}" if message_id and request_id else message_id
        span_id = named or f"call:{text_of(line.get('uuid')) or short_hash(json_text(line))}"
        if call := thread.calls.get(span_id):
            return call
        self._close_call(thread)
        begun = time if thread.last_input is None or time is None else min(thread.last_input, time)
        call = Call(span_id=span_id, parent_id=_parent(thread), place=place, start=begun, end=time, version=thread.version)
        call.usage_key = named or text_of(line.get("uuid"))
        model = text_of(message.get("model"))
        call.model = None if model == SYNTHETIC else model
        thread.calls[span_id] = call
        thread.open_call, thread.sent, thread.said = span_id, len(thread.context), []
        self._lines[span_id] = line
        return call

    def _close_call(self, thread: Thread) -> None:
        if thread.open_call is not None and thread.open_call in self._unsaved:
            self._save(thread, thread.calls[thread.open_call])
        thread.open_call = None

    def _begin_tool(self, thread: Thread, call: Call, block: Line, line: Line, place: Place, time: int | None) -> None:
        call_id = text_of(block.get("id")) or f"tool:{short_hash(json_text(block))}"
        key = _tool_key(thread.trace_id, call_id)
        if key in self.memory.tools or key in self._answered:
            return
        arguments = block.get("input") if isinstance(block.get("input"), dict) else {}
        prompt = text_of(arguments.get("prompt")) if isinstance(arguments, dict) else None
        agent_name = text_of(arguments.get("subagent_type")) if isinstance(arguments, dict) else None
        name = text_of(block.get("name")) or "unknown tool"
        spawns = prompt is not None and (name in ("Task", "Agent") or agent_name is not None)
        tool = Tool(
            span_id=call_id, parent_id=_parent(thread), place=place, start=time, name=name[:SHORT_CHARS], call_id=call_id,
            requested_by=call.span_id, version=thread.version,
            agent_name=(agent_name or "sub-agent")[:SHORT_CHARS] if spawns else None,
            brief=short_hash(prompt or "") if spawns else None,
        )  # fmt: skip
        self.memory.tools[key] = tool
        self._lines[call_id] = line
        self._touch(thread, tool)

    def _answer(self, thread: Thread, block: Line, line: Line, place: Place, time: int | None) -> None:
        """Take a tool result: it ends its call, and may say which sub-agent the call spawned."""
        call_id = text_of(block.get("tool_use_id")) or f"tool:{short_hash(json_text(block))}"
        content = block.get("content")
        thread.context.append(self._into.add_message(place, "tool", None, [result_part(call_id, content)]))
        key = _tool_key(thread.trace_id, call_id)
        tool = self.memory.tools.pop(key, None)
        if key in self._answered:
            return
        if tool is None:
            tool = Tool(span_id=call_id, parent_id=_parent(thread), place=place, name="unknown tool", call_id=call_id, version=thread.version)
            self._into.note_missing("Some tool results have no call in the log: their spans have no start and no arguments.")
            self._lines[call_id] = {}
        self._answered.add(key)
        tool.end = time
        told = line.get("toolUseResult", line.get("tool_use_result"))
        if isinstance(told, dict) and (agent_id := text_of(told.get("agentId"))):
            self._link(thread.trace_id, tool, agent_id, place)
        self._save_tool(thread, tool, block, told, place)

    def _read_system(self, thread: Thread, line: Line, _: Line, place: Place, time: int | None) -> None:
        subtype = text_of(line.get("subtype")) or "system"
        if subtype == "compact_boundary":
            self._restart(thread)
        if subtype == "api_error":
            self._add_failed_call(thread, line, place, time)
        else:
            thread.version = text_of(line.get("claude_code_version")) or thread.version
            self._add_event(thread, line, place, time, subtype)

    def _add_failed_call(self, thread: Thread, line: Line, place: Place, time: int | None) -> None:
        """Add an attempt at a model call that failed and may be retried: it has no message."""
        self._close_call(thread)
        span_id = f"call:{text_of(line.get('uuid')) or short_hash(json_text(line))}"
        call = Call(span_id=span_id, parent_id=_parent(thread), place=place, start=thread.last_input, end=time, version=thread.version)
        call.error, call.error_type = _read_error(line, json_text(line.get("error", line.get("cause", line.get("content")))))
        thread.last_input = time if time is not None else thread.last_input
        self._lines[span_id] = line
        self._save(thread, call)

    def _read_result(self, thread: Thread, line: Line, _: Line, place: Place, time: int | None) -> None:
        """Take the total that `claude -p --output-format stream-json` ends with."""
        totals = {key: line.get(key) for key in ("total_cost_usd", "usage", "is_error", "subtype")}
        thread.totals = totals if len(json_text(totals)) <= 10 * SHORT_CHARS else None
        self._add_event(thread, line, place, time, "result")

    def _add_event(self, thread: Thread, line: Line, place: Place, time: int | None, name: str) -> None:
        step = thread.turn or thread.span
        attributes = {key: value for key, value in line.items() if key not in ("type", "timestamp", "sessionId")}
        self._into.add(
            "span_events", place, trace_id=thread.trace_id, span_id=step.span_id, event_index=step.events, time=time, name=name,
            attributes=attributes,
        )  # fmt: skip
        step.events += 1
        self._touch(thread, step)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _touch(self, thread: Thread, step: Step) -> None:
        self._unsaved.setdefault(step.span_id, (thread, step))

    def _save(self, thread: Thread, step: Step) -> None:
        """Add the row of a step as it is now; a row added earlier gives way to it."""
        self._unsaved.pop(step.span_id, None)
        line = self._lines.pop(step.span_id, None)
        if line is None:
            line = self._reread(Place(*step.place))
        if isinstance(step, Call):
            self._save_call(thread, step, line)
        elif isinstance(step, Turn):
            self._add_span(thread, step, name=f"turn {step.number}", attributes=_rest(line))
            if step.message:
                self._into.add_span_messages(Place(*step.place), thread.trace_id, step.span_id, "input", [step.message])
        elif isinstance(step, Tool):
            self._lines[step.span_id] = line
            arguments = _tool_use(line, step.call_id).get("input")
            self._add_tool(thread, step, {}, tool_call_arguments=None if arguments is None else json_text(arguments))
        else:
            self._save_thread(thread, line)
            self._lines[step.span_id] = line

    def _add_span(self, thread: Thread, step: Step, **columns: Any) -> None:
        columns = {"agent_id": thread.agent_id, "agent_version": thread.version, **columns}
        self._into.add_span(
            Place(*step.place), trace_id=thread.trace_id, span_id=step.span_id, parent_span_id=step.parent_id,
            conversation_id=thread.trace_id, service_name=SERVICE, start_time=step.start, end_time=step.end, **columns,
        )  # fmt: skip

    def _save_thread(self, thread: Thread, line: Line) -> None:
        name = "session" if thread.agent_id is None else f"invoke_agent {thread.agent_name}"
        self._add_span(
            thread, thread.span, name=name, operation_name="invoke_agent", agent_name=thread.agent_name,
            attributes=_rest(line), **_total_columns(thread),
        )  # fmt: skip
        if thread.brief:
            self._into.add_span_messages(Place(*thread.span.place), thread.trace_id, thread.span.span_id, "input", [thread.brief])

    def _save_call(self, thread: Thread, call: Call, line: Line) -> None:
        columns = _usage_columns(call)
        if columns and self._into.account.input_tokens_meaning is None:
            self._into.account.input_tokens_meaning = "excludes cache (added by the loader)"
        if call.error is not None:
            columns |= {"status_code": "ERROR", "status_message": call.error, "error_type": call.error_type}
        message = line.get("message")
        attributes = _rest(line) | (_message_rest(message) if isinstance(message, dict) else {})
        attributes |= {"requestId": line["requestId"]} if "requestId" in line else {}
        attributes |= {"usage": call.usage} if call.usage else {}
        self._add_span(
            thread, call, name=f"chat {call.model}" if call.model else "chat", operation_name="chat", agent_version=call.version,
            provider_name="anthropic", response_model=call.model, reported_cost_usd=call.cost, attributes=attributes,
            response_finish_reasons=[call.finish_reason] if call.finish_reason else None, **columns,
        )  # fmt: skip
        if thread.open_call == call.span_id:
            place = Place(*call.place)
            self._into.add_span_messages(place, thread.trace_id, call.span_id, "input", thread.context[: thread.sent])
            self._into.add_span_messages(place, thread.trace_id, call.span_id, "output", thread.said)

    def _save_tool(self, thread: Thread, tool: Tool, block: Line, told: Any, place: Place) -> None:
        """Add the row of an answered tool call."""
        self._unsaved.pop(tool.span_id, None)
        line = self._lines.pop(tool.span_id, None)
        use = _tool_use(self._reread(Place(*tool.place)) if line is None else line, tool.call_id)
        result = _result_text(block.get("content"))
        columns: dict[str, Any] = {"tool_call_result": result}
        if "input" in use:
            columns["tool_call_arguments"] = json_text(use["input"])
        if block.get("is_error") is True:
            is_rejected = (result or "").startswith(REJECTED)
            columns |= {"status_code": "ERROR", "status_message": (result or "")[:STATUS_CHARS], "is_control_flow": is_rejected}
            columns["error_type"] = "rejected by the user" if is_rejected else None
        elif block.get("is_error") is False:
            columns["status_code"] = "OK"
        rest = {key: value for key, value in use.items() if key not in ("type", "id", "name", "input")}
        rest |= {"result_line": place.line, "result_offset": place.offset, "result_length": place.length}
        if (shown := _short_values(told)) not in (None, {}):
            rest["toolUseResult"] = shown
        self._add_tool(thread, tool, rest, **columns)

    def _add_tool(self, thread: Thread, tool: Tool, attributes: Line, **columns: Any) -> None:
        if tool.requested_by:
            attributes = {"requested_by": tool.requested_by, **attributes}
        self._add_span(
            thread, tool, name=f"execute_tool {tool.name}", operation_name="execute_tool", agent_version=tool.version,
            tool_name=tool.name, tool_call_id=tool.call_id, attributes=attributes, **columns,
        )  # fmt: skip


_READERS: dict[str, Callable[..., None]] = {
    "user": SessionReader._read_user,
    "assistant": SessionReader._read_assistant,
    "system": SessionReader._read_system,
    "result": SessionReader._read_result,
}
