"""Google ADK sessions and evaluation sets, in camel case (services) and snake case (files, older versions).

Source: adk-python `sessions/session.py`, `events/event.py`, `evaluation/eval_case.py`, and its test fixtures.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Line, Source, json_values
from agentlens.loaders._adk_session import SessionReader, field
from agentlens.loaders._claude_code_fields import dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = (
    "a session with `events` that have `author` and `invocationId`, lines of such events, or `eval_cases` with a "
    "`conversation`"
)
CANNOT_KNOW = (
    "instructions and tool definitions; when a call began (taken as the event before it); which agent ran inside "
    "which, "
    "unless events have a `branch`"
)
VERSION = 2


def sniff(head: bytes) -> bool:
    """Whether the first values are sessions, events or evaluation cases."""
    values = json_values(head)
    return bool(values) and any(_is_adk(values[0], prefix) for prefix in ("", "item.", "session."))


def _is_adk(value: dict[str, Any], prefix: str) -> bool:
    for name in ("invocationId", "invocation_id"):
        if f"{prefix}events.item.{name}" in value and f"{prefix}events.item.author" in value:
            return True
        if f"{prefix}{name}" in value and f"{prefix}author" in value:
            return True
        if f"{prefix}eval_cases.item.conversation.item.{name}" in value:
            return True
    return False


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each session; each event is a record, and so is each invocation of an evaluation case."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    loose: SessionReader | None = None
    for document in documents(source, into):
        try:
            events = _load_value(document, into)
        except (*DECODE_ERRORS, ValueError) as error:
            into.record()
            into.reject(place_of(document), f"not a session: {error}", document.raw)
            continue
        for event in events:
            loose = loose or SessionReader(into, f"session:{short_hash(event.raw)}", {}, place_of(event))
            take_record(event, into, loose.read)
    if loose is not None and not loose.is_empty:
        loose.finish(None)


def _load_value(document: Line, into: Evidence) -> list[Line]:
    """Load a session, a set of cases or a list of either; returns the events that stand alone."""
    if document.raw[:1] == b"[":
        return [event for part in items(document) for event in _load_value(part, into)]
    parts = members(document)
    if "session" in parts and "events" not in parts:
        return _load_value(parts["session"], into)
    if "events" in parts:
        fields = {key: value_of(part) for key, part in parts.items() if key != "events"}
        _load_session(fields, items(parts["events"]), document, into)
    elif "eval_cases" in parts:
        for case in items(parts["eval_cases"]):
            _load_case(case, into)
    else:
        return [document]
    return []


def _load_session(fields: dict[str, Any], events: list[Line], whole: Line, into: Evidence) -> None:
    session_id = text_of(fields.get("id")) or f"session:{short_hash(whole.raw)}"
    reader = SessionReader(into, session_id, fields, place_of(whole))
    for log in objects_of(fields.get("event_logs")):
        reader.take_log(log)
    for event in events:
        take_record(event, into, reader.read)
    reader.finish(text_of(field(fields, "appName")))


def _load_case(case: Line, into: Evidence) -> None:
    parts = members(case)
    fields = {key: value_of(part) for key, part in parts.items() if key != "conversation"}
    name = text_of(fields.get("eval_id")) or short_hash(json_text(fields))
    reader = SessionReader(into, f"{name}:{short_hash(case.raw)}", fields, place_of(case))
    for invocation in items(parts.get("conversation")):
        take_record(invocation, into, reader.read_invocation)
    into.note_missing("An evaluation case expects answers: it says what should happen, not what happened.")
    reader.finish(text_of(field(dict_of(fields.get("session_input")), "appName")))
