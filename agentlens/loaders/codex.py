"""Codex rollouts: `~/.codex/sessions/YYYY/MM/DD/rollout-*.jsonl`, of the command line and the desktop app.

Source: the files themselves (0.104) and codex-rs `protocol/src/protocol.rs`; the line format is not documented.
Rollouts from
before autumn 2025 hold the bare items without an envelope, and no token counts.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._codex_items import CALLS
from agentlens.loaders._codex_memory import Memory, begin_thread
from agentlens.loaders._codex_session import ThreadReader
from agentlens.loaders._session_lines import Recall, take_lines
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = (
    "lines with `timestamp`, `type` and `payload`, of type session_meta, response_item, event_msg or turn_context"
)
CANNOT_KNOW = (
    "tool definitions, encrypted reasoning and encrypted briefs of sub-agents; a tool's failure where its output "
    "names no exit "
    "code; where a fork's own work begins when turns have no ids"
)
VERSION = 3
RESUMES = True

LINE_TYPES = frozenset({"session_meta", "turn_context", "response_item", "event_msg", "compacted"})
BARE_ITEMS = frozenset({"message", "reasoning", "function_call", "function_call_output", "local_shell_call"})


def sniff(head: bytes) -> bool:
    """Whether a leading line has the envelope of a rollout, or the first is the header of an old one."""
    values = json_values(head)
    return any(_is_enveloped(value) for value in values[:5]) or bool(values and _is_old_header(values[0]))


def _is_enveloped(value: dict[str, Any]) -> bool:
    return value.get("type") in LINE_TYPES and "timestamp" in value and "payload" in value


def _is_old_header(value: dict[str, Any]) -> bool:
    return {"id", "timestamp", "instructions"} <= value.keys() and "type" not in value


def load(source: Source, into: Evidence) -> None:
    """Add the thread of the file; each line is a record."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    reader = _Reader(source, into)
    source.state = take_lines(source, into, reader.read, reader.state)
    reader.finish()


class _Reader:
    """Unwraps lines and begins the thread with the first that can be used."""

    def __init__(self, source: Source, into: Evidence) -> None:
        self._source, self._into = source, into
        self._recall = Recall(source)
        self._thread = None if source.state is None else self._begin(msgspec.convert(source.state, Memory))

    def state(self) -> dict[str, Any] | None:
        """Return what a later read must know; None before anything was read."""
        state: dict[str, Any] | None = None if self._thread is None else msgspec.to_builtins(self._thread.remember())
        return state

    def finish(self) -> None:
        """Add what is still open."""
        if self._thread is not None:
            self._thread.finish()

    def read(self, line: dict[str, Any], place: Place) -> str | None:
        """Take one line; returns the reason when it is skipped. Raises UnusableLine."""
        kind, payload = _unwrapped(line)
        if kind is None:
            return f"record type {str(line.get('record_type'))[:40]}"
        if not isinstance(payload, dict):
            raise UnusableLine("`payload` is not an object")
        if kind == "session_meta" or text_of(payload.get("type")) in CALLS:
            self._recall.keep(place, line)
        time = parse_time(line.get("timestamp"))
        if self._thread is None:
            self._thread = self._first(kind, payload, place, time, line)
        return self._thread.read_line(kind, payload, place, time)

    def _first(
        self, kind: str, payload: dict[str, Any], place: Place, time: int | None, line: dict[str, Any]
    ) -> ThreadReader:
        if kind != "session_meta":
            self._into.note_missing(
                "The log does not begin with session_meta: its thread has no name, program or version."
            )
            payload = {}
        return self._begin(begin_thread(payload, f"unnamed-{short_hash(json_text(line))}", place, time, self._into))

    def _begin(self, memory: Memory) -> ThreadReader:
        return ThreadReader(self._into, memory, self._payload_at)

    def _payload_at(self, place: Place) -> dict[str, Any]:
        """Return the payload of a line that was read before."""
        return dict_of(_unwrapped(self._recall.at(place))[1])


def _unwrapped(line: dict[str, Any]) -> tuple[str | None, Any]:
    """Return type and payload of a line; lines of old rollouts are payloads themselves. Raises UnusableLine."""
    kind = text_of(line.get("type"))
    if kind and "payload" in line:
        return kind, line["payload"]
    if kind in BARE_ITEMS:
        return "response_item", line
    if kind is None and _is_old_header(line):
        return "session_meta", line
    if kind is None and "record_type" in line:
        return None, None
    raise UnusableLine("neither `type` with `payload` nor an item of an old rollout")
