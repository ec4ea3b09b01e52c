"""Follows a pi session entry by entry. Entries form a tree (by `parentId`, or in a row in old files); what a call was
shown
is the path from the root to it, begun anew by a compaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.messages import result_part
from agentlens.loaders._claude_code_fields import UnusableLine, blocks_of, count_of, dict_of, result_text, text_of
from agentlens.loaders._claude_code_memory import Step, place_of, short_hash
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns, result_place

Entry = dict[str, Any]

SERVICE = "pi"
EVENTS = frozenset({"model_change", "thinking_level_change", "label", "session_info", "custom", "reset", "leaf"})
SPEECH = frozenset({"custom_message", "branch_summary"})


class Turn(Step, kw_only=True, omit_defaults=True):
    """What happened from one user text to the next."""

    number: int
    message: str | None = None


class Tool(Step, kw_only=True, omit_defaults=True):
    """A tool call without a result so far."""

    requested_by: str


class Node(msgspec.Struct, array_like=True):
    """An entry in the tree: the one before it, the message it adds, and for a compaction the first entry kept."""

    parent: str | None = None
    message: str | None = None
    first_kept: str | None = None
    is_compaction: bool = False


class Memory(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Everything that is needed to read a session on from the end of a line."""

    session_id: str
    agent_name: str
    session: Step
    turn: Turn | None = None
    turns: int = 0
    lines: int = 1
    leaf: str | None = None
    nodes: dict[str, Node] = {}
    tools: dict[str, Tool] = {}
    named: list[str] = []
    context: list[str] = []


class SessionReader:
    """Turns entries into evidence; `reread` returns the entry at a place."""

    def __init__(self, into: Evidence, memory: Memory, reread: Callable[[Place], Entry]) -> None:
        self._into, self._memory, self._reread = into, memory, reread
        self._transcript = Transcript(into, memory.session_id, memory.context)
        self._named = set(memory.named)

    def remember(self) -> Memory:
        """Return what is needed to go on after the last line read."""
        self._memory.context, self._memory.named = self._transcript.context, sorted(self._named)
        return self._memory

    def finish(self) -> None:
        """Add the steps that are still open, and the session itself."""
        for call_id, tool in self._memory.tools.items():
            self._add_tool(tool, self._call_block(tool, call_id), {})
        if self._memory.turn is not None:
            self._add_turn(self._memory.turn)
        self._add_session()

    def read_entry(self, entry: Entry, place: Place) -> str | None:
        """Take one entry; returns the reason when it is skipped on purpose. Raises UnusableLine."""
        kind, memory = entry.get("type"), self._memory
        index, memory.lines = memory.lines, memory.lines + 1
        if not isinstance(kind, str):
            raise UnusableLine("an object without a `type`")
        message = dict_of(entry.get("message"))
        if kind == "message" and not isinstance(message.get("role"), str):
            raise UnusableLine("a message without a role")
        entry_id = text_of(entry.get("id")) or str(index)
        self._go_to(entry)
        node = Node(parent=memory.leaf)
        time = parse_time(entry.get("timestamp"))
        reason = self._read(kind, entry, message, node, entry_id, place, time)
        memory.nodes[entry_id], memory.leaf = node, entry_id
        if reason is None:
            self._reach(time)
        return reason

    def _reach(self, time: int | None) -> None:
        """Extend session and turn; a branch begins with entries older than its header."""
        self._into.see_time(time)
        session = self._memory.session
        if time is not None and session.start is not None and time < session.start:
            session.start = time
        for step in (self._memory.session, self._here):
            step.reach(time)

    def _go_to(self, entry: Entry) -> None:
        """Go to the entry this one follows: going back and taking another way leaves the rest out of the context."""
        parent = text_of(entry.get("parentId"))
        if "parentId" in entry and parent != self._memory.leaf:
            self._memory.leaf = parent if parent in self._memory.nodes else None
            self._transcript.context = self._path()

    def _path(self) -> list[str]:
        """Return the messages from the root to the leaf; those before the latest compaction only from the first kept
        on. The way up ends there: a long session is compacted often.
        """
        nodes, path = self._memory.nodes, list[str]()
        at, seen = self._memory.leaf, set[str]()
        compaction, first_kept = None, None
        while at is not None and at in nodes and at not in seen:
            seen.add(at)
            path.append(at)
            if compaction is None and nodes[at].is_compaction:
                compaction, first_kept = at, nodes[at].first_kept
            if compaction is not None and (at == first_kept or first_kept is None):
                break
            at = nodes[at].parent
        path.reverse()
        if compaction is None:
            return [message for key in path if (message := nodes[key].message)]
        start = path.index(compaction)
        kept = path.index(first_kept) if first_kept in path[:start] else start
        order = [compaction, *(key for key in path[kept:start] if not nodes[key].is_compaction), *path[start + 1 :]]
        return [message for key in order if (message := nodes[key].message)]

    def _read(
        self, kind: str, entry: Entry, message: Entry, node: Node, entry_id: str, place: Place, time: int | None
    ) -> str | None:
        if kind == "message":
            self._read_message(message, node, entry_id, place, time)
        elif kind == "compaction":
            self._compact(entry, node, entry_id, place, time)
        elif kind in SPEECH:
            text = entry.get("content", entry.get("summary"))
            node.message = self._transcript.hear(place, {"role": "user", "content": text})
            self._add_event(kind, entry, place, time)
        elif kind in EVENTS:
            self._add_event(kind, entry, place, time)
        else:
            return f"line type {kind[:40]}"
        return None

    def _compact(self, entry: Entry, node: Node, entry_id: str, place: Place, time: int | None) -> None:
        index = count_of(entry.get("firstKeptEntryIndex"))
        node.is_compaction = True
        node.first_kept = text_of(entry.get("firstKeptEntryId")) or (None if index is None else str(index))
        node.message = self._transcript.store(place, {"role": "user", "content": entry.get("summary")})
        self._memory.nodes[entry_id], self._memory.leaf = node, entry_id
        self._transcript.context = self._path()
        self._add_event("compaction", {key: value for key, value in entry.items() if key != "summary"}, place, time)

    # --- messages -----------------------------------------------------------------------------------------------------

    def _read_message(self, message: Entry, node: Node, entry_id: str, place: Place, time: int | None) -> None:
        role = message["role"]
        if role == "assistant":
            self._say(message, node, entry_id, place, time)
        elif role == "toolResult":
            self._answer(message, node, place, time)
        elif role == "bashExecution":
            self._run_for_user(message, node, entry_id, place, time)
        else:
            text = message.get("summary", message.get("content"))
            node.message = self._transcript.hear(place, {"role": "user", "content": text})
            if role == "user":
                self._begin_turn(node.message, place, time)

    def _begin_turn(self, message: str, place: Place, time: int | None) -> None:
        memory = self._memory
        if memory.turn is not None:
            self._add_turn(memory.turn)
        memory.turns += 1
        memory.turn = Turn(
            span_id=f"turn:{memory.turns}",
            parent_id=memory.session.span_id,
            place=place,
            start=time,
            number=memory.turns,
            message=message,
        )

    def _say(self, message: Entry, node: Node, entry_id: str, place: Place, time: int | None) -> None:
        parent = self._here.span_id
        span_id = f"call:{entry_id}"
        said = {"role": "assistant", "content": message.get("content")}
        node.message = self._transcript.store(place, said)
        start = parse_time(message.get("timestamp"), "ms")
        reason = text_of(message.get("stopReason"))
        self._transcript.add_call(
            place, span_id, [node.message], parent_span_id=parent, start_time=start, end_time=time,
            service_name=SERVICE, provider_name=text_of(message.get("provider")),
            request_model=text_of(message.get("model")), response_finish_reasons=[reason] if reason else None,
            **_usage_columns(message), **_outcome(message, reason),
        )  # fmt: skip
        for block in blocks_of(message):
            if block.get("type") == "toolCall":
                self._begin_tool(block, span_id, parent, place, time)

    def _begin_tool(self, block: Entry, requested_by: str, parent: str, place: Place, time: int | None) -> None:
        call_id = text_of(block.get("id")) or f"tool:{place.offset}"
        span_id = call_id if call_id not in self._named else f"{call_id}#{place.offset}"
        self._named.add(call_id)
        if earlier := self._memory.tools.pop(call_id, None):
            self._add_tool(earlier, self._call_block(earlier, call_id), {})
        self._memory.tools[call_id] = Tool(
            span_id=span_id, parent_id=parent, place=place, start=time, requested_by=requested_by
        )

    def _answer(self, message: Entry, node: Node, place: Place, time: int | None) -> None:
        call_id, result = text_of(message.get("toolCallId")) or "", result_text(message.get("content"))
        node.message = self._transcript.hear(
            place, {"role": "tool", "parts": [result_part(call_id, message.get("content"))]}
        )
        columns: Entry = {"tool_call_result": result, "end_time": time}
        if message.get("isError") is True:
            columns |= error_columns(result)
        elif message.get("isError") is False:
            columns["status_code"] = "OK"
        tool = self._memory.tools.pop(call_id, None)
        if tool is None:
            self._into.note_missing(
                "Some tool results have no call in the log: their spans have no start and no arguments."
            )
            tool = Tool(span_id=f"{call_id}#{place.offset}", parent_id=self._here.span_id, place=place, requested_by="")
            self._add_tool(tool, {"id": call_id, "name": message.get("toolName")}, columns)
            return
        self._add_tool(tool, self._call_block(tool, call_id), columns, place)

    def _run_for_user(self, message: Entry, node: Node, entry_id: str, place: Place, time: int | None) -> None:
        """Add a command that the user ran: the model is shown it with its output, unless told otherwise."""
        output, code = message.get("output"), message.get("exitCode")
        parts = [{"type": "text", "content": f"Ran `{message.get('command')}`"}, {"type": "text", "content": output}]
        if message.get("excludeFromContext") is not True:
            node.message = self._transcript.hear(place, {"role": "user", "parts": parts})
        is_failed = isinstance(code, int) and code != 0
        add_tool_call(
            self._into, place, self._memory.session_id, f"bash:{entry_id}", "bash",
            {"command": message.get("command")}, parent_span_id=self._memory.session.span_id,
            start_time=parse_time(message.get("timestamp"), "ms"), end_time=time, service_name=SERVICE,
            tool_call_result=output,
            attributes={"run_by": "user", "exitCode": code, "cancelled": message.get("cancelled")},
            **(error_columns(output, f"exit code {code}") if is_failed else {"status_code": "OK"} if code == 0 else {}),
        )  # fmt: skip

    # --- rows ---------------------------------------------------------------------------------------------------------

    @property
    def _here(self) -> Step:
        return self._memory.turn or self._memory.session

    def _call_block(self, tool: Tool, call_id: str) -> Entry:
        """Return the block that made a call, read again from its line."""
        blocks = blocks_of(dict_of(self._reread(place_of(tool)).get("message")))
        return next((block for block in blocks if block.get("type") == "toolCall" and block.get("id") == call_id), {})

    def _add_tool(self, tool: Tool, block: Entry, columns: Entry, result: Place | None = None) -> None:
        attributes: Entry = {"requested_by": tool.requested_by} if tool.requested_by else {}
        attributes |= result_place(result) if result is not None else {}
        add_tool_call(
            self._into, place_of(tool), self._memory.session_id, tool.span_id, block.get("name"),
            block.get("arguments"), parent_span_id=tool.parent_id, start_time=tool.start,
            tool_call_id=text_of(block.get("id")), service_name=SERVICE, attributes=attributes, **columns,
        )  # fmt: skip

    def _add_turn(self, turn: Turn) -> None:
        place = place_of(turn)
        self._into.add_span(
            place, trace_id=self._memory.session_id, span_id=turn.span_id, parent_span_id=turn.parent_id,
            name=f"turn {turn.number}", start_time=turn.start, end_time=turn.end, service_name=SERVICE,
        )  # fmt: skip
        if turn.message:
            self._into.add_span_messages(place, self._memory.session_id, turn.span_id, "input", [turn.message])

    def _add_session(self) -> None:
        memory, session = self._memory, self._memory.session
        place = place_of(session)
        header = self._reread(place)
        self._into.add_span(
            place, trace_id=memory.session_id, span_id=session.span_id, name="session", operation_name="invoke_agent",
            agent_name=memory.agent_name, conversation_id=memory.session_id, service_name=SERVICE,
            start_time=session.start, end_time=session.end,
            attributes={key: value for key, value in header.items() if key not in ("type", "id", "timestamp")},
        )  # fmt: skip

    def _add_event(self, name: str, entry: Entry, place: Place, time: int | None) -> None:
        step = self._here
        attributes = {key: value for key, value in entry.items() if key not in ("type", "timestamp", "id", "parentId")}
        self._into.add(
            "span_events", place, trace_id=self._memory.session_id, span_id=step.span_id, event_index=step.events,
            time=time, name=name, attributes=attributes,
        )  # fmt: skip
        step.events += 1


def begin_session(header: Entry, place: Place, agent_name: str) -> Memory:
    """Return the memory of a session that begins with this header."""
    time = parse_time(header.get("timestamp"))
    session = Step(span_id=f"session:{header['id']}", place=place, start=time, end=time)
    return Memory(session_id=header["id"], agent_name=agent_name, session=session)


def _usage_columns(message: Entry) -> Entry:
    """Return the token columns; pi leaves cached tokens out of `input`. The key is the same wherever the message is
    copied.
    """
    usage = dict_of(message.get("usage"))
    plain, output = count_of(usage.get("input")), count_of(usage.get("output"))
    read, written = count_of(usage.get("cacheRead")), count_of(usage.get("cacheWrite"))
    if plain is None and output is None:
        return {}
    cost = dict_of(usage.get("cost")).get("total")
    return {
        "input_tokens": (plain or 0) + (read or 0) + (written or 0),
        "output_tokens": output,
        "cache_read_input_tokens": read,
        "cache_write_input_tokens": written,
        "reported_cost_usd": cost if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None,
        "usage_key": f"pi:{short_hash(json_text(message))}",
    }


def _outcome(message: Entry, reason: str | None) -> Entry:
    """Return the status of a call; an answer that the user broke off is no failure of the agent."""
    if reason not in ("error", "aborted"):
        return {"status_code": "OK"} if reason else {}
    return error_columns(message.get("errorMessage"), reason) | {"is_control_flow": reason == "aborted"}
