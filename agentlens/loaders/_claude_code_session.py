"""Follows Claude Code sessions line by line and says which step each line begins, extends or ends.

A session is a span, so is each of its turns (from one user text to the next) and each sub-agent. Model calls and tool
calls stand in a turn, or directly in a sub-agent. `parentUuid` is the order of messages, not the nesting of work.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.messages import normalise_part, result_part
from agentlens.loaders._claude_code_fields import (
    INTERRUPTED,
    NO_TURN,
    RESULT_KEYS,
    SYNTHETIC,
    TEXT_CHARS,
    Line,
    UnusableLine,
    blocks_of,
    count_of,
    dict_of,
    error_of,
    message_of,
    parse_time,
    plain_text,
    text_of,
    tool_call_id,
    usage_of,
)
from agentlens.loaders._claude_code_memory import (
    LATEST_CALLS,
    Call,
    Memory,
    Step,
    Thread,
    Threads,
    Tool,
    Turn,
    number_of,
    place_of,
    short_hash,
    thread_key,
)
from agentlens.loaders._claude_code_rows import add_answered_tool, add_call, add_open_tool, add_thread, add_turn

MAIN = "main"
COMPACTION, COMPACTION_IDS = "compaction", "acompact"
MESSAGE_TYPES = frozenset({"user", "assistant"})
EVENT_TYPES = frozenset(
    ("queue-operation", "summary", "ai-title", "custom-title", "pr-link", "permission-mode", "attachment")
)
LINE_TYPES = MESSAGE_TYPES | EVENT_TYPES | {"system", "result"}
INPUT_TOKENS_MEANING = "excludes cache (added by the loader)"
UNKNOWN_TOOL = "unknown tool"
COPY = "copy of an earlier line (same uuid)"
# An id that the API gave a request. Claude Code's own telemetry knows the call by it too, and by nothing else; what gateways
# put in its place may be the same for many requests.
REQUEST_ID = re.compile(r"req_[0-9A-Za-z]{16,}")


class SessionReader:
    """Turns lines into evidence. All it has to remember between two reads is in its memory.

    `reread` returns the parsed line at a place: the text of a step that began in an earlier read is not remembered.
    """

    def __init__(self, into: Evidence, memory: Memory, reread: Callable[[Place], Line]) -> None:
        self._into = into
        self._memory = memory
        self._reread = reread
        self._seen = set(memory.seen)
        self._answered = set(memory.answered)
        self._linked = set(memory.linked)
        self._threads = Threads(memory.threads, self._leave, self._enter)
        self._first_lines: dict[tuple[str, str], Line] = {}
        self._unsaved: dict[tuple[str, str], tuple[Thread, Step]] = {}

    def remember(self) -> Memory:
        """Return what is needed to go on after the last line read."""
        memory = self._memory
        memory.seen, memory.answered, memory.linked = sorted(self._seen), sorted(self._answered), sorted(self._linked)
        memory.threads = self._threads.all()
        return memory

    @property
    def lines_seen(self) -> int:
        """How many lines it remembers."""
        return len(self._seen)

    def finish(self) -> None:
        """Add every step that has changed since it was last added."""
        for thread, step in list(self._unsaved.values()):
            self._save(thread, step)
        for thread in self._threads.packed():
            if call := thread.calls.get(thread.open_call or ""):
                self._save(thread, call)

    def read_line(self, line: Line, place: Place, raw: bytes) -> str | None:
        """Take one line; returns the reason when it is skipped on purpose. Raises UnusableLine."""
        kind = line.get("type")
        if not isinstance(kind, str):
            raise UnusableLine("an object without a `type`")
        if kind not in LINE_TYPES:
            is_news = kind == "progress" and self._read_progress(line, place)
            return None if is_news else f"line type {kind[:40]}"
        if kind == "summary" and self._memory.session is None:
            return "summary of an earlier session"
        trace_id = text_of(line.get("sessionId")) or text_of(line.get("session_id")) or self._memory.session
        trace_id = trace_id or f"unnamed-{short_hash(raw)}"
        identity = number_of(trace_id, text_of(line.get("uuid")) or raw)
        if identity in self._seen:
            return COPY
        message = message_of(line) if kind in MESSAGE_TYPES else {}
        thread = self._thread(trace_id, line, message, place)
        self._read(kind, thread, line, message, place)
        thread.places[identity] = len(thread.context)
        self._seen.add(identity)
        self._memory.session = trace_id
        self._into.hold(len(raw))
        return None

    def _read(self, kind: str, thread: Thread, line: Line, message: Line, place: Place) -> None:
        time = parse_time(line.get("timestamp"))
        self._into.see_time(time)
        version = text_of(line.get("version")) or text_of(line.get("claude_code_version"))
        thread.span.version = version or thread.span.version
        if kind == "user":
            self._read_user(thread, line, message, place, time)
        elif kind == "assistant":
            self._read_assistant(thread, line, message, place, time)
        elif kind == "system":
            self._read_system(thread, line, place, time)
        else:
            self._read_event(thread, kind, line, place, time)
        for step in (thread.span, thread.here) if kind in MESSAGE_TYPES else (thread.span,):
            step.reach(time)
            self._touch(thread, step)

    # --- sessions and sub-agents --------------------------------------------------------------------------------------

    def _thread(self, trace_id: str, line: Line, message: Line, place: Place) -> Thread:
        """Return the thread a line belongs to, begun if it is new."""
        agent_id, spawner = text_of(line.get("agentId")), None
        if agent_id is None and (call_id := text_of(line.get("parent_tool_use_id"))):
            agent_id, spawner = call_id, self._memory.tools.get(short_hash(trace_id, call_id))
        elif agent_id is None and line.get("isSidechain") is True:
            agent_id, spawner = self._sidechain(trace_id, line, message)
        key = thread_key(trace_id, agent_id)
        thread = self._threads.get(key)
        if thread is None:
            thread = _begin_thread(trace_id, agent_id, line, place)
            self._threads.put(key, thread)
            self._first_lines[trace_id, thread.span.span_id] = line
            if spawner is not None:
                thread.agent_name = spawner.agent_name or thread.agent_name
                self._link(trace_id, spawner, thread.span.span_id, place)
            elif agent_id is not None and thread.agent_name != COMPACTION:
                self._into.note_missing(
                    f"Which call spawned sub-agent {agent_id} is said in the log of session {trace_id}, not here."
                )
        return thread

    def _sidechain(self, trace_id: str, line: Line, message: Line) -> tuple[str, Tool | None]:
        """Return the sub-agent an inline `isSidechain` line belongs to, and with its first line the spawning call."""
        known, latest = self._memory.sidechains, short_hash(trace_id)
        uuid, parent = text_of(line.get("uuid")), text_of(line.get("parentUuid"))
        agent_id = (known.get(short_hash(trace_id, parent)) or known.get(latest)) if parent else None
        spawner = None
        if agent_id is None:
            agent_id = f"sidechain-{uuid or short_hash(json_text(line))}"
            spawner = self._spawner(short_hash(plain_text(blocks_of(message))))
        known[latest] = agent_id
        if uuid:
            known[short_hash(trace_id, uuid)] = agent_id
        return agent_id, spawner

    def _spawner(self, brief: str) -> Tool | None:
        """Return the idle call with this prompt, failing that the only idle one; idle: it has spawned nothing yet."""
        idle = [tool for tool in self._memory.tools.values() if tool.brief and not tool.links]
        same = [tool for tool in idle if tool.brief == brief]
        return same[0] if same else idle[0] if len(idle) == 1 else None

    def _link(self, trace_id: str, tool: Tool, agent_span_id: str, place: Place) -> bool:
        """Say, once, that a tool call spawned a sub-agent."""
        key = number_of(trace_id, agent_span_id)
        if key in self._linked:
            return False
        self._linked.add(key)
        attributes = {"agentlens.relation": "spawned"}
        attributes |= {"gen_ai.agent.name": tool.agent_name} if tool.agent_name else {}
        self._into.add(
            "span_links", place, trace_id=trace_id, span_id=tool.span_id, link_index=tool.links,
            linked_trace_id=trace_id, linked_span_id=agent_span_id, attributes=attributes,
        )  # fmt: skip
        tool.links += 1
        return True

    def _link_file(self, trace_id: str, tool: Tool, agent_id: Any, place: Place) -> bool:
        """Link a sub-agent that is logged in a file of its own."""
        if not text_of(agent_id):
            return False
        self._into.note_missing(f"The work of sub-agent {agent_id} is in a file of its own, agent-{agent_id}.jsonl.")
        return self._link(trace_id, tool, f"agent:{agent_id}", place)

    def _read_progress(self, line: Line, place: Place) -> bool:
        """Take from a progress line which call a sub-agent belongs to, when that is news; all else in it is a copy."""
        trace_id, call_id = text_of(line.get("sessionId")), text_of(line.get("parentToolUseID"))
        if trace_id is None or call_id is None:
            return False
        tool = self._memory.tools.get(short_hash(trace_id, call_id))
        return tool is not None and self._link_file(trace_id, tool, dict_of(line.get("data")).get("agentId"), place)

    # --- what the user and the tools say ------------------------------------------------------------------------------

    def _read_user(self, thread: Thread, line: Line, message: Line, place: Place, time: int | None) -> None:
        blocks = blocks_of(message)
        spoken = [block for block in blocks if block.get("type") != "tool_result"]
        for block in blocks:
            if block.get("type") == "tool_result":
                self._answer(thread, block, line, place, time)
        if spoken:
            self._hear(thread, spoken, line, place, time, is_reply=len(spoken) < len(blocks))
        if time is not None:
            thread.last_input = time

    def _hear(
        self, thread: Thread, blocks: list[Line], line: Line, place: Place, time: int | None, is_reply: bool
    ) -> None:
        """Take a text: the user's own words begin a turn, what the program adds only joins the context."""
        text, is_summary = plain_text(blocks), line.get("isCompactSummary") is True
        message_hash = self._into.add_message(place, "user", None, [normalise_part(block) for block in blocks])
        if is_summary:
            self._restart(thread)
        elif text.startswith(INTERRUPTED):
            self._add_event(thread, line, place, time, "interrupted")
        elif line.get("isMeta") is not True and not is_reply and not text.startswith(NO_TURN):
            self._rewind(thread, line)
            if thread.agent_id is None:
                self._begin_turn(thread, line, place, message_hash)
            elif thread.brief is None:
                thread.brief, thread.span.start = message_hash, time or thread.span.start
        thread.context.append(message_hash)

    def _begin_turn(self, thread: Thread, line: Line, place: Place, message_hash: str) -> None:
        if thread.turn is not None and (thread.trace_id, thread.turn.span_id) in self._unsaved:
            self._save(thread, thread.turn)
        thread.turns += 1
        span_id = f"turn:{text_of(line.get('uuid')) or short_hash(thread.trace_id, str(thread.turns))}"
        thread.turn = Turn(
            span_id=span_id, parent_id=thread.span.span_id, place=place, version=thread.span.version,
            number=thread.turns, message=message_hash,
        )  # fmt: skip
        self._first_lines[thread.trace_id, span_id] = line

    def _rewind(self, thread: Thread, line: Line) -> None:
        """Drop what came after the message that a user text answers: the user went back and took another way."""
        kept = thread.places.get(number_of(thread.trace_id, text_of(line.get("parentUuid")) or ""))
        if kept is not None and kept < len(thread.context):
            self._close_call(thread)
            del thread.context[kept:]

    def _restart(self, thread: Thread) -> None:
        """Begin the context anew, as a compaction does."""
        self._close_call(thread)
        thread.context.clear()
        thread.places.clear()

    def _answer(self, thread: Thread, block: Line, line: Line, place: Place, time: int | None) -> None:
        """Take a tool result: it ends its call, and may say which sub-agent the call spawned."""
        call_id = tool_call_id(block, "tool_use_id")
        parts = [result_part(call_id, block.get("content"))]
        thread.context.append(self._into.add_message(place, "tool", None, parts))
        key, number = short_hash(thread.trace_id, call_id), number_of(thread.trace_id, call_id)
        if number in self._answered:
            return
        self._answered.add(number)
        tool = self._memory.tools.pop(key, None)
        if tool is None:
            tool = Tool(span_id=call_id, parent_id=thread.here.span_id, place=place, name=UNKNOWN_TOOL)
            self._into.note_missing("Some tool results have no call here: their spans have no start and no arguments.")
        tool.end = time
        told = next((line[key] for key in RESULT_KEYS if key in line), None)
        self._link_file(thread.trace_id, tool, dict_of(told).get("agentId"), place)
        add_answered_tool(self._into, thread, tool, self._take_first_line(thread, tool), block, told, place)

    # --- what the model says ------------------------------------------------------------------------------------------

    def _read_assistant(self, thread: Thread, line: Line, message: Line, place: Place, time: int | None) -> None:
        blocks = blocks_of(message)
        message_hash = self._into.add_message(place, "assistant", None, [normalise_part(block) for block in blocks])
        is_error = line.get("isApiErrorMessage") is True
        if message.get("model") == SYNTHETIC and not is_error:
            self._add_event(thread, line, place, time, "synthetic message")
            thread.context.append(message_hash)
            return
        call = self._call(thread, line, message, place, time)
        call.reach(time)
        _take_usage(call, line, message)
        if call.usage is not None:
            self._into.account.input_tokens_meaning = INPUT_TOKENS_MEANING
        if is_error:
            call.error, call.error_type = error_of(line, plain_text(blocks))
            thread.last_input = time if time is not None else thread.last_input  # the next attempt begins after it
        self._touch(thread, call)
        is_latest = thread.open_call == call.span_id
        if not (is_latest and message_hash in thread.said):
            thread.context.append(message_hash)
            thread.said += [message_hash] if is_latest else []
        for block in blocks:
            if block.get("type") == "tool_use":
                self._begin_tool(thread, call, block, line, place, time)

    def _call(self, thread: Thread, line: Line, message: Line, place: Place, time: int | None) -> Call:
        """Return the model call a line belongs to; its first line begins it and closes the call before."""
        message_id, request_id = text_of(message.get("id")), text_of(line.get("requestId"))
        named = f"{message_id}:{request_id}" if message_id and request_id else message_id
        span_id = named or _call_span_id(line)
        if call := thread.calls.get(span_id):
            return call
        self._close_call(thread)
        call = thread.calls[span_id] = _begin_call(thread, span_id, place, time)
        if len(thread.calls) > LATEST_CALLS:
            del thread.calls[next(iter(thread.calls))]
        is_known_by_request = request_id is not None and REQUEST_ID.fullmatch(request_id) is not None
        call.usage_key = request_id if is_known_by_request else named or text_of(line.get("uuid"))
        model = text_of(message.get("model"))
        call.model = None if model == SYNTHETIC else model
        thread.open_call, thread.sent, thread.said = span_id, len(thread.context), []
        self._first_lines[thread.trace_id, span_id] = line
        return call

    def _close_call(self, thread: Thread) -> None:
        call = thread.calls.get(thread.open_call or "")
        if call is not None and (thread.trace_id, call.span_id) in self._unsaved:
            self._save(thread, call)
        thread.open_call = None

    def _begin_tool(self, thread: Thread, call: Call, block: Line, line: Line, place: Place, time: int | None) -> None:
        call_id = tool_call_id(block, "id")
        key = short_hash(thread.trace_id, call_id)
        if key in self._memory.tools or number_of(thread.trace_id, call_id) in self._answered:
            return
        arguments, name = dict_of(block.get("input")), text_of(block.get("name")) or UNKNOWN_TOOL
        prompt, agent_name = text_of(arguments.get("prompt")), text_of(arguments.get("subagent_type"))
        tool = self._memory.tools[key] = Tool(
            span_id=call_id, parent_id=thread.here.span_id, place=place, start=time, version=thread.span.version,
            name=name[:TEXT_CHARS], requested_by=call.span_id,
        )  # fmt: skip
        if name in ("Task", "Agent") or agent_name:
            tool.agent_name, tool.brief = (agent_name or "sub-agent")[:TEXT_CHARS], short_hash(prompt or "")
        self._first_lines[thread.trace_id, call_id] = line
        self._touch(thread, tool)

    # --- what the program says ----------------------------------------------------------------------------------------

    def _read_system(self, thread: Thread, line: Line, place: Place, time: int | None) -> None:
        subtype = text_of(line.get("subtype")) or "system"
        if subtype == "api_error":
            self._add_failed_call(thread, line, place, time)
            return
        if subtype == "compact_boundary":
            self._restart(thread)
        self._add_event(thread, line, place, time, subtype)

    def _add_failed_call(self, thread: Thread, line: Line, place: Place, time: int | None) -> None:
        """Add an attempt at a model call that failed: it has no message, and may be followed by another attempt."""
        self._close_call(thread)
        call = _begin_call(thread, _call_span_id(line), place, time)
        call.reach(time)
        said = line.get("error", line.get("cause", line.get("content")))
        call.error, call.error_type = error_of(line, said if isinstance(said, str) else json_text(said))
        thread.last_input = time if time is not None else thread.last_input
        add_call(self._into, thread, call, line)

    def _read_event(self, thread: Thread, kind: str, line: Line, place: Place, time: int | None) -> None:
        if kind == "result":
            totals = {key: line.get(key) for key in ("total_cost_usd", "usage", "modelUsage", "is_error", "subtype")}
            thread.totals = totals if len(json_text(totals)) <= 10 * TEXT_CHARS else None
        self._add_event(thread, line, place, time, kind)

    def _add_event(self, thread: Thread, line: Line, place: Place, time: int | None, name: str) -> None:
        step = thread.here
        attributes = {key: value for key, value in line.items() if key not in ("type", "timestamp", "sessionId")}
        self._into.add(
            "span_events", place, trace_id=thread.trace_id, span_id=step.span_id, event_index=step.events,
            time=time, name=name, attributes=attributes,
        )  # fmt: skip
        step.events += 1

    # --- steps --------------------------------------------------------------------------------------------------------

    def _touch(self, thread: Thread, step: Step) -> None:
        self._unsaved[thread.trace_id, step.span_id] = (thread, step)

    def _leave(self, thread: Thread) -> None:
        """Add what a conversation has changed, but the call that is still open: its messages are added once."""
        for at, step in list(self._unsaved.values()):
            if at is thread and step.span_id != thread.open_call:
                self._save(at, step)
        key = thread.trace_id, thread.open_call or ""
        self._unsaved.pop(key, None)
        self._first_lines.pop(key, None)

    def _enter(self, thread: Thread) -> None:
        if call := thread.calls.get(thread.open_call or ""):
            self._touch(thread, call)

    def _take_first_line(self, thread: Thread, step: Step) -> Line:
        self._unsaved.pop((thread.trace_id, step.span_id), None)
        line = self._first_lines.pop((thread.trace_id, step.span_id), None)
        return self._reread(place_of(step)) if line is None else line

    def _save(self, thread: Thread, step: Step) -> None:
        """Add the row of a step as it is now; a row added by an earlier read gives way to it."""
        line = self._take_first_line(thread, step)
        if isinstance(step, Call):
            add_call(self._into, thread, step, line)
        elif isinstance(step, Turn):
            add_turn(self._into, thread, step, line)
        elif isinstance(step, Tool):
            add_open_tool(self._into, thread, step, line)
        else:
            add_thread(self._into, thread, line)


def _begin_thread(trace_id: str, agent_id: str | None, line: Line, place: Place) -> Thread:
    session_id = f"session:{trace_id}"
    if agent_id is None:
        return Thread(trace_id=trace_id, agent_name=MAIN, span=Step(span_id=session_id, place=place))
    is_compaction = agent_id.startswith(COMPACTION_IDS)
    name = COMPACTION if is_compaction else text_of(line.get("agentName")) or agent_id
    span = Step(span_id=f"agent:{agent_id}", parent_id=session_id if is_compaction else None, place=place)
    return Thread(trace_id=trace_id, agent_id=agent_id, agent_name=name, span=span)


def _begin_call(thread: Thread, span_id: str, place: Place, time: int | None) -> Call:
    """Return a model call that begins when its input was complete, as far as the log tells."""
    start = time if time is None or thread.last_input is None else min(time, thread.last_input)
    return Call(span_id=span_id, parent_id=thread.here.span_id, place=place, start=start, version=thread.span.version)


def _call_span_id(line: Line) -> str:
    return f"call:{text_of(line.get('uuid')) or short_hash(json_text(line))}"


def _take_usage(call: Call, line: Line, message: Line) -> None:
    """Keep the fullest record of a call: lines written while the answer streams in repeat the usage so far."""
    call.finish_reason = text_of(message.get("stop_reason")) or call.finish_reason
    cost = line.get("costUSD")
    if isinstance(cost, (int, float)) and not isinstance(cost, bool):
        call.cost = max(float(cost), call.cost or 0.0)
    usage = usage_of(message)
    known = count_of((call.usage or {}).get("output_tokens")) or 0
    if usage is not None and (count_of(usage.get("output_tokens")) or 0) >= known:
        call.usage = usage
