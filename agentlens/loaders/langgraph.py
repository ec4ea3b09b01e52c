"""LangGraph state histories: `graph.get_state_history()` written as JSON lines or as one list.

Source: langgraph `types.StateSnapshot` and langchain-core's serialisation of messages. The checkpoint tables themselves
hold
pickled or msgpack blobs that only LangGraph reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Source, json_values
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._langgraph_history import HistoryReader, Snapshot, message_id
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = "JSON objects with `values`, `next`, `config` and `parent_config`"
CANNOT_KNOW = (
    "when a call within a step began and ended; failed attempts, as a snapshot is taken when a step is done; which "
    "node wrote a "
    "message, where several ran side by side and the message has no name"
)
VERSION = 1


def sniff(head: bytes) -> bool:
    """Whether the first line is a snapshot."""
    values = json_values(head)
    keys = ("values", "next", "config", "parent_config", "metadata")
    return bool(values) and any(all(f"{prefix}{key}" in values[0] for key in keys) for prefix in ("", "item."))


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each thread; each snapshot is a record.

    The newest snapshot stands first and each repeats all messages so far: a first pass learns which snapshot follows
    which, a second adds to each step the messages that are new in it.
    """
    into.account.input_tokens_meaning = INCLUDES_CACHE
    reader = HistoryReader(into)
    for document in _snapshots(source, into):
        into.record()
        try:
            reader.learn(_snapshot(value_of(document), document))
        except (*DECODE_ERRORS, ValueError) as error:
            into.reject(place_of(document), f"not a snapshot: {error}", document.raw)
        else:
            into.accept()
    for document in _snapshots(source, into):
        snapshot = reader.at(document.offset)
        if snapshot is not None:
            values = members(document).get("values")
            reader.add_step(snapshot, items(members(values).get("messages")) if values else [])
    reader.finish()


def _snapshots(source: Source, into: Evidence) -> Iterator[Line]:
    """Yield each snapshot: a line, or an element of the one list that the file is."""
    for document in documents(source, into):
        try:
            yield from items(document) if document.raw[:1] == b"[" else [document]
        except DECODE_ERRORS:
            yield document


def _snapshot(value: Any, document: Line) -> Snapshot:
    if not isinstance(value, dict) or not isinstance(value.get("values"), (dict, list)):
        raise ValueError("no object with `values`")
    messages = value["values"].get("messages") if isinstance(value["values"], dict) else None
    ids = [message_id(message) for message in messages] if isinstance(messages, list) else []
    return Snapshot.from_logged(value, ids, place_of(document))
