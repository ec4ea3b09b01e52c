"""A2A (Agent2Agent) messages, tasks, streamed updates and agent cards: version 1.0, and 0.2 and 0.3 with their `kind`.

Source: https://a2a-protocol.org `specification` and `a2a.proto`. JSON-RPC envelopes are opened.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import HEAD_BYTES, Source, json_values
from agentlens.loaders._a2a_objects import ObjectReader
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, place_of
from agentlens.loaders._session_lines import take_record

LOOKS_FOR = (
    "JSON objects with `role` ROLE_USER or ROLE_AGENT and `parts`, a `kind` of message, task or status-update, or a "
    "TASK_STATE"
)
CANNOT_KNOW = (
    "who sent and who received, by name (only which side spoke): that is in the log of the transport; tokens; and "
    "when a message "
    "was sent, as only states of tasks are dated"
)
VERSION = 1

KINDS = frozenset({"message", "task", "status-update", "artifact-update"})
METHODS = ("message/", "tasks/", "agent/", "SendMessage", "SendStreamingMessage", "GetTask", "ListTasks", "CancelTask")
WRAPPERS = (
    "",
    "item.",
    "params.message.",
    "params.",
    "result.",
    "result.task.",
    "result.message.",
    "task.",
    "message.",
    "statusUpdate.",
)


def sniff(head: bytes) -> bool:
    """Whether a leading object is one of A2A's."""
    return any(_is_a2a(value) for value in json_values(head)[:5])


def _is_a2a(value: dict[str, Any]) -> bool:
    method = value.get("method")
    if value.get("jsonrpc") == "2.0" and isinstance(method, str) and method.startswith(METHODS):
        return True
    return any(_is_object(value, prefix) for prefix in WRAPPERS)


def _is_object(value: dict[str, Any], prefix: str) -> bool:
    role, state = value.get(f"{prefix}role"), value.get(f"{prefix}status.state")
    if f"{prefix}parts" in value and role in ("ROLE_USER", "ROLE_AGENT"):
        return True
    if isinstance(state, str) and (state.startswith("TASK_STATE_") or f"{prefix}contextId" in value):
        return True
    names = any(f"{prefix}{name}" in value for name in ("messageId", "contextId", "taskId"))
    return value.get(f"{prefix}kind") in KINDS and names


def load(source: Source, into: Evidence) -> None:
    """Add messages between agents and a span for each task; each object is a record."""
    with source.open() as stream:
        reader = ObjectReader(into, f"a2a:{short_hash(stream.read(HEAD_BYTES))}")
    for document in documents(source, into):
        if document.raw[:1] != b"[":
            take_record(document, into, reader.read)
            continue
        try:
            elements = items(document)
        except DECODE_ERRORS as error:
            into.record()
            into.reject(place_of(document), f"not JSON: {error}", document.raw)
            continue
        for element in elements:
            take_record(element, into, reader.read)
    reader.finish()
