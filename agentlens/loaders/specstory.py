"""SpecStory histories: a coding agent's session as markdown (`.specstory/history/*.md`)."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from agentlens._evidence import Evidence, Message
from agentlens._source import Place, Source
from agentlens._visible import plural
from agentlens.dialects.messages import call_part, reasoning_part, result_part, text_part
from agentlens.loaders._sections import place_of, split_lines
from agentlens.loaders._specstory_turns import MARK, Header, Tool, Turn, call_texts, said, split_turns, without_rule

LOOKS_FOR = f"`{MARK}` at the beginning"
CANNOT_KNOW = (
    "tokens, cost, durations and ids; where one model call ends and the next begins (each agent turn counts as one); "
    "which sub-agent a sidechain turn belongs to; whether a tool failed, unless its output says so"
)
VERSION = 1
_EXIT = re.compile(r"^(?:Process exited with code|Exit code:?) (-?\d{1,9})$", re.MULTILINE)
_TOOL_ERROR = "<tool_use_error>"


@dataclass
class Session:
    """A session being written down: its header, the ids given so far, and what the next model call was told."""

    into: Evidence
    header: Header
    document_id: str
    root_id: str = ""
    ids: Counter[str] = field(default_factory=Counter)
    told: dict[str | None, list[Message]] = field(default_factory=dict)
    has_sidechain_models: bool = False

    def new_id(self, *parts: str | None) -> str:
        """Return an id that says the same of the same turn in every copy of the session."""
        key = "\x00".join(part or "" for part in (self.document_id, *parts))
        self.ids[key] += 1
        return _digest(f"{key}\x00{self.ids[key]}")


def sniff(head: bytes) -> bool:
    """Whether the generator's comment stands at the beginning."""
    return head.lstrip().startswith(MARK.encode())


def load(source: Source, into: Evidence) -> None:
    """Add the session as a document with a section a turn, and as spans: one a model call, one a tool call.

    Each turn is a record, and so is the header. Spans and document have the same ids in every copy of a session.
    """
    lines, damaged = split_lines(source.read())
    if damaged:
        into.note_missing(f"Replacement characters stand for bytes that are no UTF-8, in {plural(damaged, 'line')}.")
    if not any(line.text.strip() for line in lines):
        return
    header, turns = split_turns(lines)
    if not any(line.text.strip() for line in header.lines):
        into.note_missing("There is no header above the first turn.")
        header.lines = lines
    session = Session(
        into, header, header.session or "specstory:" + _digest("\n".join(line.text for line in lines[:40]))
    )
    session.has_sidechain_models = any(turn.side and turn.model for turn in turns)
    if any(turn.side for turn in turns):
        into.note_missing(
            "Turns of sub-agents (sidechains) do not say which call started them; they stand below the session."
        )
    _add_document(session, Place(1, 0, lines[-1].offset + lines[-1].length))
    for index, turn in enumerate(turns, 1):
        into.record()
        into.accept()
        _add_section(session, index, turn)
        _add_steps(session, turn)


def _add_document(session: Session, whole: Place) -> None:
    into, header = session.into, session.header
    place, end_line = place_of(header.lines)
    into.record()
    into.accept()
    into.see_time(header.time)
    into.add(
        "documents", whole, document_id=session.document_id, kind="session", title=header.title,
        agent_name=header.program, date=_day(header.time),
    )  # fmt: skip
    into.add(
        "sections", place, document_id=session.document_id, section_index=0, level=1 if header.title else 0,
        heading_path=[header.title] if header.title else [], agent_name=header.program, time=header.time,
        source_end_line=end_line,
    )  # fmt: skip
    session.root_id = session.new_id("session")
    into.add_span(
        place, trace_id=session.document_id, span_id=session.root_id, name=f"{header.program or 'agent'} session",
        operation_name="invoke_agent", agent_name=header.program, conversation_id=session.document_id,
        start_time=header.time,
    )  # fmt: skip


def _add_section(session: Session, index: int, turn: Turn) -> None:
    place, end_line = place_of(turn.lines)
    heading = turn.lines[0].text.strip().strip("_*")
    text = without_rule("\n".join(line.text for line in turn.lines[1:]))
    session.into.see_time(turn.time)
    session.into.add(
        "sections", place, document_id=session.document_id, section_index=index, level=2,
        heading_path=[*([session.header.title] if session.header.title else []), heading],
        agent_name=_agent(session, turn), time=turn.time, text=text or None, source_end_line=end_line,
    )  # fmt: skip
    session.into.hold(2 * place.length)


def _agent(session: Session, turn: Turn) -> str | None:
    """Return who speaks; a sub-agent is only known as such."""
    if turn.speaker == "User":
        return None
    return f"{session.header.program or 'agent'} {turn.side}" if turn.side else session.header.program


def _add_steps(session: Session, turn: Turn) -> None:
    """Add the model call and the tool calls of an agent's turn; what a user says waits for the next model call."""
    text, thoughts = said(turn)
    is_brief = turn.side is not None and turn.model is None and session.has_sidechain_models
    if turn.speaker == "User" or is_brief:
        if text:
            session.told.setdefault(turn.side, []).append(("user", None, [text_part(text)]))
        return
    span_id = session.new_id("chat", turn.side, turn.model, turn.time_text, text, *thoughts)
    place, _ = place_of(turn.lines)
    session.into.add_span(
        place, trace_id=session.document_id, span_id=span_id, parent_span_id=session.root_id,
        name=f"chat {turn.model}" if turn.model else "chat", operation_name="chat", response_model=turn.model,
        agent_name=_agent(session, turn), conversation_id=session.document_id, start_time=turn.time,
    )  # fmt: skip
    parts = [reasoning_part(thought) for thought in thoughts] + ([text_part(text)] if text else [])
    told = session.told.pop(turn.side, [])
    for tool in turn.tools:
        parts.append(_add_tool(session, turn, tool, span_id))
    session.into.add_messages(place, session.document_id, span_id, "input", told)
    session.into.add_messages(
        place, session.document_id, span_id, "output", [("assistant", None, parts)] if parts else []
    )


def _add_tool(session: Session, turn: Turn, tool: Tool, parent_id: str) -> dict[str, Any]:
    """Add a tool call below its model call, keep its result for the next one, and return it as a message part."""
    arguments, result = call_texts(tool)
    tool_id = session.new_id("tool", turn.side, turn.time_text, tool.name, arguments)
    session.into.add_span(
        place_of(tool.lines)[0], trace_id=session.document_id, span_id=tool_id, parent_span_id=parent_id,
        name=f"execute_tool {tool.name}", operation_name="execute_tool", agent_name=_agent(session, turn),
        conversation_id=session.document_id, start_time=turn.time, tool_name=tool.name, tool_call_arguments=arguments,
        tool_call_result=result, attributes={"tool_type": tool.kind}, **_status(result or ""),
    )  # fmt: skip
    if result is not None:
        session.told.setdefault(turn.side, []).append(("tool", None, [result_part(tool_id, result)]))
    return call_part(tool_id, tool.name, arguments)


def _status(result: str) -> dict[str, Any]:
    """Return status columns where the output says how the tool ended."""
    found = _EXIT.search(result[:400])
    if result.startswith(_TOOL_ERROR):
        return {
            "status_code": "ERROR",
            "status_message": result[len(_TOOL_ERROR) : 400].removesuffix("</tool_use_error>"),
        }
    if found is None:
        return {}
    return (
        {"status_code": "OK"}
        if int(found[1]) == 0
        else {"status_code": "ERROR", "status_message": f"exit code {found[1]}"}
    )


def _day(time: int | None) -> date | None:
    return None if time is None else datetime.fromtimestamp(time // 10**9, UTC).date()


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
