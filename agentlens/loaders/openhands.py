"""OpenHands: evaluation output and trajectories of version 0, conversations and LLM logs of the version 1 SDK.

Source: OpenHands 0.35 and the resolver's output, software-agent-sdk `openhands/sdk/event/`; the formats are not
documented.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import HEAD_BYTES, Line, Place, Source, json_values
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._openhands_run import read_run
from agentlens.loaders._openhands_sdk import ConversationReader, read_base_state, read_llm_log
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = (
    "lines with `instance_id` or `issue` and a `history`; a list of events with `source` and `action` or "
    "`observation`; events with "
    "a `kind` like ActionEvent; an LLM log with `latency_sec`; a conversation's `base_state.json`"
)
CANNOT_KNOW = (
    "the zone of its times, which are taken as UTC; usage of single calls where a run keeps only totals; where each "
    "event is a file "
    "of its own, what a call was shown, and its usage (the conversation's running total counts instead)"
)
VERSION = 1

NO_ZONE = "The times name no zone; they are taken as UTC."


def sniff(head: bytes) -> bool:
    """Whether the first values are runs, events or calls of OpenHands."""
    values = json_values(head)
    return bool(values) and (_is_run(values[0]) or _is_trajectory(values[0]) or any(map(_is_sdk, values[:5])))


def _is_run(value: dict[str, Any]) -> bool:
    if "instance_id" in value and "trajectory" not in value:
        return "metadata.agent_class" in value or _has_steps(value, "history.item")
    return "issue" in value and "issue_type" in value and "history" in value


def _has_steps(value: dict[str, Any], prefix: str) -> bool:
    return any(f"{prefix}{inner}.{key}" in value for inner in ("", ".item") for key in ("action", "observation"))


def _is_trajectory(value: dict[str, Any]) -> bool:
    return {"item.source", "item.timestamp", "item.id"} <= value.keys() and _has_steps(value, "item")


def _is_sdk(value: dict[str, Any]) -> bool:
    kind = value.get("kind")
    if (
        isinstance(kind, str)
        and kind.endswith(("Event", "Observation"))
        and {"id", "timestamp", "source"} <= value.keys()
    ):
        return True
    return {"messages", "response", "latency_sec"} <= value.keys() or {"agent.llm", "execution_status"} <= value.keys()


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each run or conversation; each event is a record, and so is each LLM log."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    into.note_missing(NO_ZONE)
    with source.open() as stream:
        values = json_values(stream.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf"))
    first = values[0] if values else {}
    if _is_run(first) or _is_trajectory(first):
        for document in documents(source, into):
            _load_run(document, into)
        return
    conversation = ConversationReader(into, _folder(source))
    for document in documents(source, into):
        if _is_sdk_document(document):
            take_record(document, into, lambda value, place: _read_document(value, place, source, into))
        else:
            take_record(document, into, conversation.read)
    conversation.finish()


def _load_run(document: Line, into: Evidence) -> None:
    try:
        if document.raw[:1] == b"[":
            read_run({}, items(document), document, into)
            return
        parts = members(document)
        if "history" not in parts:
            raise ValueError("no `history`")
        fields = {key: value_of(part) for key, part in parts.items() if key != "history"}
        read_run(fields, items(parts["history"]), document, into)
    except (*DECODE_ERRORS, ValueError) as error:
        into.record()
        into.reject(place_of(document), f"not a run: {error}", document.raw)


def _is_sdk_document(document: Line) -> bool:
    values = json_values(document.raw[:HEAD_BYTES])
    return bool(values) and ("latency_sec" in values[0] or "execution_status" in values[0] or "response" in values[0])


def _read_document(value: dict[str, Any], place: Place, source: Source, into: Evidence) -> str | None:
    if "response" in value:
        return read_llm_log(value, place, into)
    return read_base_state(value, place, into)


def _folder(source: Source) -> str | None:
    """Return the conversation that a file `<conversation>/events/event-….json` belongs to: only its folder says so."""
    folders = source.path.parts[:-1]
    return folders[-2] if len(folders) > 1 and folders[-1] == "events" else None
