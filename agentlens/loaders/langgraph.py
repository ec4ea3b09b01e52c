"""LangGraph state histories: `graph.get_state_history()` written as JSON lines, one snapshot a line.

Source: langgraph `types.StateSnapshot` and langchain-core's serialisation of messages. The checkpoint tables themselves hold
pickled or msgpack blobs that only LangGraph reads.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Source, json_values
from agentlens.loaders._json_nested import items, members, place_of, value_of
from agentlens.loaders._json_places import DECODE_ERRORS, documents
from agentlens.loaders._langgraph_history import HistoryReader, Snapshot, message_id
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = "JSON lines with `values`, `next`, `config` and `parent_config`"
CANNOT_KNOW = (
    "when a call within a step began and ended; failed attempts, as a snapshot is taken when a step is done; which node wrote a "
    "message, where several ran side by side and the message has no name"
)
VERSION = 1


def sniff(head: bytes) -> bool:
    """Whether the first line is a snapshot."""
    values = json_values(head)
    return bool(values) and {"values", "next", "config", "parent_config", "metadata"} <= values[0].keys()


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each thread; each snapshot is a record.

    The newest snapshot stands first and each repeats all messages so far: a first pass learns which snapshot follows
    which, a second adds to each step the messages that are new in it.
    """
    into.account.input_tokens_meaning = INCLUDES_CACHE
    reader = HistoryReader(into)
    for document in documents(source):
        into.record()
        try:
            reader.learn(_snapshot(value_of(document), document))
        except (*DECODE_ERRORS, ValueError) as error:
            into.reject(place_of(document), f"not a snapshot: {error}", document.raw)
        else:
            into.accept()
    for document in documents(source):
        snapshot = reader.at(document.offset)
        if snapshot is not None:
            values = members(document).get("values")
            reader.add_step(snapshot, items(members(values).get("messages")) if values else [])
    reader.finish()


def _snapshot(value: Any, document: Any) -> Snapshot:
    if not isinstance(value, dict) or not isinstance(value.get("values"), (dict, list)):
        raise ValueError("no object with `values`")
    messages = value["values"].get("messages") if isinstance(value["values"], dict) else None
    ids = [message_id(message) for message in messages] if isinstance(messages, list) else []
    return Snapshot.from_logged(value, ids, place_of(document))
