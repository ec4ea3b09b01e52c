"""Follows a Codex rollout line by line and says which step each line begins, extends or ends.

A thread is a span, so is each of its turns. Model calls and tool calls stand in a turn. A model call ends with the
`token_count` whose running total moved; a fork begins with a copy of its parent's lines, which is context, not work.
"""

from __future__ import annotations

from collections.abc import Callable

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens.loaders._claude_code_fields import dict_of, text_of
from agentlens.loaders._claude_code_memory import Step, place_of
from agentlens.loaders._codex_items import (
    CALLS,
    HOSTED_CALLS,
    RESULTS,
    Item,
    arguments_of,
    call_id_of,
    counts_of,
    result_columns,
    result_message,
    spawned_thread,
    spoken,
    step_of,
    tool_name_of,
    total_of,
    usage_columns,
)
from agentlens.loaders._codex_memory import Memory, Pending, Tool, Turn
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns, result_place

SERVICE = "codex"
REPLAY = "replay of the thread it was forked from"
REPEATED = "repeats an item of the conversation"
REEMITTED = "token_count repeated unchanged"
NO_USAGE = "token_count without usage"
COPIES = frozenset({"agent_message", "agent_reasoning", "agent_reasoning_raw_content", "agent_reasoning_section_break"})
TURN_BEGINS = frozenset({"task_started", "turn_started"})
TURN_ENDS = frozenset({"task_complete", "turn_complete", "turn_aborted"})


class ThreadReader:
    """Turns lines into evidence. All it has to remember between two reads is in its memory.

    `reread` returns the payload of the line at a place: the text of a call that began in an earlier read is not
    remembered.
    """

    def __init__(self, into: Evidence, memory: Memory, reread: Callable[[Place], Item]) -> None:
        self._into = into
        self._memory = memory
        self._reread = reread
        self._transcript = Transcript(into, memory.trace_id, memory.context, memory.system)
        self._named = set(memory.named)

    def remember(self) -> Memory:
        """Return what is needed to go on after the last line read."""
        memory = self._memory
        memory.context, memory.system, memory.named = (
            self._transcript.context,
            self._transcript.system,
            sorted(self._named),
        )
        return memory

    def finish(self) -> None:
        """Add the steps that are still open, and the thread itself."""
        memory = self._memory
        for tool in memory.tools.values():
            self._add_tool(tool, self._reread(place_of(tool)), {})
        if memory.pending is not None:
            self._add_call(memory.pending, {})
        if memory.turn is not None and not memory.turn.is_over:
            self._add_turn(memory.turn)
        self._add_thread()

    def read_line(self, kind: str, payload: Item, place: Place, time: int | None) -> str | None:
        """Take one line; returns the reason when it is skipped on purpose."""
        memory = self._memory
        if memory.is_replaying and not self._is_own(kind, payload):
            return self._read_replay(kind, payload, place)
        self._into.see_time(time)
        memory.thread.reach(time)
        if memory.turn is not None and not memory.turn.is_over:
            memory.turn.reach(time)
        if kind == "response_item":
            return self._read_item(payload, place, time)
        if kind == "event_msg":
            return self._read_event(payload, place, time)
        return self._read_setting(kind, payload, place, time)

    # --- forks --------------------------------------------------------------------------------------------------------

    def _is_own(self, kind: str, payload: Item) -> bool:
        """Whether a line is the fork's own: its header, and all that follows the beginning of its first turn.

        Turns are dated by their ids: UUIDs of version 7, which sort by time.
        """
        memory = self._memory
        if kind == "session_meta":
            return payload.get("id") == memory.thread_id
        turn_id = text_of(payload.get("turn_id"))
        memory.is_replaying = turn_id is None or turn_id <= memory.thread_id
        return not memory.is_replaying

    def _read_replay(self, kind: str, payload: Item, place: Place) -> str:
        memory = self._memory
        if kind == "session_meta":
            memory.family = text_of(payload.get("id")) or memory.family
        elif kind == "response_item":
            self._hear_replayed(payload, place)
        elif kind == "compacted":
            self._restart(payload, place)
        elif payload.get("type") == "token_count":
            memory.totals = counts_of(dict_of(payload.get("info")).get("total_token_usage")) or memory.totals
        return REPLAY

    def _hear_replayed(self, item: Item, place: Place) -> None:
        if text_of(item.get("type")) in RESULTS:
            self._transcript.hear(place, result_message(item))
        elif _is_spoken(item) and (message := spoken(item)):
            self._transcript.hear(place, message)
        elif _is_message(item):
            self._transcript.hear(place, item)

    # --- settings -----------------------------------------------------------------------------------------------------

    def _read_setting(self, kind: str, payload: Item, place: Place, time: int | None) -> str | None:
        memory = self._memory
        if kind == "session_meta":
            return None if payload.get("id") == memory.thread_id else REPLAY
        if kind == "turn_context":
            memory.model = text_of(payload.get("model")) or memory.model
            turn_id = text_of(payload.get("turn_id"))
            if turn_id and (memory.turn is None or memory.turn.turn_id != turn_id):
                self._begin_turn(place, time, turn_id)
            return None
        if kind == "compacted":
            self._restart(payload, place)
            self._add_event(
                kind, {key: value for key, value in payload.items() if key != "replacement_history"}, place, time
            )
            return None
        return f"line type {kind[:40]}"

    def _restart(self, payload: Item, place: Place) -> None:
        """Begin the context anew, as a compaction does."""
        self._flush()
        self._transcript.context.clear()
        history = payload.get("replacement_history")
        for item in history if isinstance(history, list) else []:
            if isinstance(item, dict):
                self._hear_replayed(item, place)
        if not isinstance(history, list) and (text := text_of(payload.get("message"))):
            self._transcript.hear(place, {"role": "user", "content": text})

    # --- items of the conversation ------------------------------------------------------------------------------------

    def _read_item(self, item: Item, place: Place, time: int | None) -> str | None:
        kind = text_of(item.get("type"))
        if kind in RESULTS:
            self._answer(item, place, time)
        elif _is_spoken(item):
            pending = self._say(item, place, time)
            if kind in CALLS:
                self._begin_tool(item, pending, place, time)
            elif kind in HOSTED_CALLS:
                self._add_hosted_call(item, pending, place, time)
        elif _is_message(item):
            self._hear(item, place, time)
        else:
            self._add_event(str(kind), item, place, time)
        return None

    def _hear(self, item: Item, place: Place, time: int | None) -> None:
        message_hash = self._transcript.hear(place, item)
        turn = self._memory.turn
        if turn is not None and turn.message is None and item.get("role") == "user":
            turn.message = message_hash
        self._input_arrived(time)

    def _input_arrived(self, time: int | None) -> None:
        self._memory.last_input = time if time is not None else self._memory.last_input
        if self._memory.pending is not None:
            self._memory.pending.is_answered = True

    def _say(self, item: Item, place: Place, time: int | None) -> Pending:
        """Take what the model said; once something was said to it in return, it is another call that speaks."""
        memory = self._memory
        if memory.pending is not None and memory.pending.is_answered:
            self._flush()
        if memory.pending is None:
            memory.pending = self._begin_call(place, time)
        if message := spoken(item):
            memory.pending.said.append(self._transcript.store(place, message))
        memory.pending.reach(time)
        return memory.pending

    def _begin_call(self, place: Place, time: int | None) -> Pending:
        memory = self._memory
        memory.calls += 1
        start = time if time is None or memory.last_input is None else min(time, memory.last_input)
        return Pending(
            span_id=f"{memory.thread_id}:call:{memory.calls}", parent_id=self._here.span_id, place=place, start=start,
            shown=self._transcript.length,
        )  # fmt: skip

    def _flush(self, columns: Item | None = None) -> None:
        """Add the pending call with its usage; what it said joins the context, before what was said in return."""
        pending, self._memory.pending = self._memory.pending, None
        if pending is not None:
            self._add_call(pending, columns or {})
            self._transcript.context[pending.shown : pending.shown] = pending.said

    # --- tools --------------------------------------------------------------------------------------------------------

    def _begin_tool(self, item: Item, pending: Pending, place: Place, time: int | None) -> None:
        call_id = call_id_of(item) or f"tool:{place.offset}"
        span_id = call_id if call_id not in self._named else f"{call_id}#{place.offset}"
        self._named.add(call_id)
        if earlier := self._memory.tools.pop(call_id, None):
            self._add_tool(earlier, self._reread(place_of(earlier)), {})
        self._memory.tools[call_id] = Tool(
            span_id=span_id, parent_id=pending.parent_id, place=place, start=time, requested_by=pending.span_id
        )

    def _answer(self, item: Item, place: Place, time: int | None) -> None:
        self._transcript.hear(place, result_message(item))
        self._input_arrived(time)
        call_id = call_id_of(item) or ""
        tool = self._memory.tools.pop(call_id, None)
        columns = result_columns(item) | {"end_time": time}
        if tool is not None:
            self._add_tool(tool, self._reread(place_of(tool)), columns, place)
            if thread_id := spawned_thread(item):
                self._link(tool.span_id, tool.links, thread_id, place)
            return
        self._into.note_missing(
            "Some tool results have no call in the log: their spans have no start and no arguments."
        )
        span_id = call_id if call_id and call_id not in self._named else f"{call_id}#{place.offset}"
        tool = Tool(span_id=span_id, parent_id=self._here.span_id, place=place, requested_by="")
        self._add_tool(tool, {"call_id": call_id, "name": "unknown tool"}, columns)

    def _add_tool(self, tool: Tool, item: Item, columns: Item, result: Place | None = None) -> None:
        attributes: Item = {"requested_by": tool.requested_by} if tool.requested_by else {}
        attributes |= {key: item[key] for key in ("status", "namespace", "summary") if item.get(key) is not None}
        attributes |= result_place(result) if result is not None else {}
        add_tool_call(
            self._into, place_of(tool), self._memory.trace_id, tool.span_id, tool_name_of(item), arguments_of(item),
            parent_span_id=tool.parent_id, start_time=tool.start, tool_call_id=call_id_of(item), service_name=SERVICE,
            attributes=attributes, **columns,
        )  # fmt: skip

    def _add_hosted_call(self, item: Item, pending: Pending, place: Place, time: int | None) -> None:
        """Add a call that the provider carried out: it is logged once, so that only one moment of it is known."""
        tool = Tool(
            span_id=f"{self._memory.thread_id}:hosted:{place.offset}", parent_id=pending.parent_id, place=place,
            start=time, requested_by=pending.span_id,
        )  # fmt: skip
        self._add_tool(tool, item, {"status_code": "OK"} if item.get("status") == "completed" else {})

    # --- events -------------------------------------------------------------------------------------------------------

    def _read_event(self, event: Item, place: Place, time: int | None) -> str | None:
        kind = text_of(event.get("type")) or "event"
        turn_id = text_of(event.get("turn_id"))
        if kind == "token_count":
            return self._read_count(event, place, time)
        if kind in COPIES:
            return REPEATED
        if kind in TURN_BEGINS:
            self._begin_turn(place, time, turn_id)
        elif kind in TURN_ENDS:
            self._end_turn(kind, event, place, time)
        elif kind == "user_message":
            turn = self._memory.turn
            if turn is not None and (turn.turn_id is not None or turn.message is None) and not turn.is_over:
                return REPEATED
            self._begin_turn(place, time, None)
        else:
            self._read_note(kind, event, place, time)
        return None

    def _read_note(self, kind: str, event: Item, place: Place, time: int | None) -> None:
        if kind == "error" and self._memory.turn is not None:
            self._memory.turn.columns |= error_columns(event.get("message"), text_of(event.get("codex_error_info")))
        thread_id, tool = text_of(event.get("agent_thread_id")), self._memory.tools.get(text_of(event.get("id")) or "")
        if kind == "sub_agent_activity" and thread_id and tool is not None:
            self._link(tool.span_id, tool.links, thread_id, place)
            tool.links += 1
        self._add_event(kind, {key: value for key, value in event.items() if key != "type"}, place, time)

    def _read_count(self, event: Item, place: Place, time: int | None) -> str | None:
        memory, info = self._memory, dict_of(event.get("info"))
        total, last = counts_of(info.get("total_token_usage")), counts_of(info.get("last_token_usage"))
        if total is None:
            return NO_USAGE
        if total == memory.totals:
            return REEMITTED
        step = step_of(total, last, memory.totals, memory.is_child)
        memory.totals = total
        if memory.pending is None:
            memory.pending = self._begin_call(place, time)
        memory.pending.reach(time)
        self._flush(usage_columns(step, f"codex:{memory.family}:{':'.join(map(str, total))}"))
        return None

    def _begin_turn(self, place: Place, time: int | None, turn_id: str | None) -> None:
        memory = self._memory
        self._flush()
        if memory.turn is not None and not memory.turn.is_over:
            self._add_turn(memory.turn)
        memory.turns += 1
        span_id = f"turn:{turn_id}" if turn_id else f"{memory.thread_id}:turn:{memory.turns}"
        memory.turn = Turn(
            span_id=span_id,
            parent_id=memory.thread.span_id,
            place=place,
            start=time,
            end=time,
            number=memory.turns,
            turn_id=turn_id,
        )

    def _end_turn(self, kind: str, event: Item, place: Place, time: int | None) -> None:
        self._flush()
        turn = self._memory.turn
        if turn is None or turn.is_over:
            self._add_event(kind, event, place, time)
            return
        turn.is_over = True
        if kind == "turn_aborted":
            reason = text_of(event.get("reason")) or "aborted"
            turn.columns |= {"status_message": f"turn aborted: {reason}"}
            self._add_event(kind, event, place, time)
        self._add_turn(turn)

    # --- rows ---------------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> Step:
        return self._memory.turn or self._memory.thread

    def _add_call(self, call: Pending, columns: Item) -> None:
        memory = self._memory
        self._transcript.add_call(
            place_of(call), call.span_id, call.said, call.shown, is_remembered=False, parent_span_id=call.parent_id,
            start_time=call.start, end_time=call.end, request_model=memory.model, provider_name=memory.provider,
            agent_version=memory.version, service_name=SERVICE, **columns,
        )  # fmt: skip

    def _add_turn(self, turn: Turn) -> None:
        memory, place = self._memory, place_of(turn)
        self._into.add_span(
            place, trace_id=memory.trace_id, span_id=turn.span_id, parent_span_id=turn.parent_id,
            name=f"turn {turn.number}", start_time=turn.start, end_time=turn.end, agent_version=memory.version,
            service_name=SERVICE, **turn.columns,
        )  # fmt: skip
        if turn.message:
            self._into.add_span_messages(place, memory.trace_id, turn.span_id, "input", [turn.message])

    def _add_thread(self) -> None:
        memory, thread = self._memory, self._memory.thread
        place = place_of(thread)
        meta = {} if memory.is_unnamed else self._reread(place)
        name = f"invoke_agent {memory.agent_name}" if memory.spawner else "session"
        attributes = {key: value for key, value in meta.items() if key not in ("id", "timestamp", "base_instructions")}
        attributes |= total_of(memory.totals)
        self._into.add_span(
            place, trace_id=memory.trace_id, span_id=thread.span_id, parent_span_id=thread.parent_id, name=name,
            operation_name="invoke_agent", agent_name=memory.agent_name, agent_id=memory.thread_id,
            agent_version=memory.version, conversation_id=memory.trace_id, service_name=SERVICE,
            provider_name=memory.provider, start_time=thread.start, end_time=thread.end, attributes=attributes,
        )  # fmt: skip

    def _add_event(self, name: str, attributes: Item, place: Place, time: int | None) -> None:
        step = self._here
        self._into.add(
            "span_events", place, trace_id=self._memory.trace_id, span_id=step.span_id, event_index=step.events,
            time=time, name=name[:100], attributes=attributes,
        )  # fmt: skip
        step.events += 1

    def _link(self, span_id: str, index: int, thread_id: str, place: Place) -> None:
        """Say that a tool call spawned a thread."""
        self._into.add(
            "span_links", place, trace_id=self._memory.trace_id, span_id=span_id, link_index=index,
            linked_trace_id=self._memory.trace_id, linked_span_id=f"thread:{thread_id}",
            attributes={"agentlens.relation": "spawned"},
        )  # fmt: skip


def _is_spoken(item: Item) -> bool:
    """Whether an item is the model's own output."""
    kind = text_of(item.get("type"))
    return (
        kind in CALLS
        or kind in HOSTED_CALLS
        or kind == "reasoning"
        or (_is_message(item) and item.get("role") == "assistant")
    )


def _is_message(item: Item) -> bool:
    return item.get("type") in ("message", None) and "content" in item
