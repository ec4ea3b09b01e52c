"""Sessions of pi and OpenClaw: `~/.pi/agent/sessions/**/*.jsonl`, `~/.openclaw/agents/<agent>/sessions/*.jsonl`, and the
database of an agent, `~/.openclaw/agents/<agent>/agent/openclaw-agent.sqlite`.

Source: the files themselves (version 1) and pi-mono `packages/coding-agent/src/core/session-manager.ts` (versions 2 and
3, where entries form a tree).
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._source import Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of
from agentlens.loaders._pi_database import load_database
from agentlens.loaders._pi_session import Memory, SessionReader, begin_session
from agentlens.loaders._session_lines import Recall, take_lines
from agentlens.loaders._sqlite import MAGIC
from agentlens.loaders._transcript import EXCLUDES_CACHE

LOOKS_FOR = (
    "a first line of `type` session with `id` and `cwd`, or an SQLite database with a table `transcript_events` beside "
    "`session_windows`, `session_nodes` or `session_entries`"
)
CANNOT_KNOW = (
    "system prompts, tool definitions, and when a tool really began (taken as the end of the call that asked for it). In "
    "a database, offsets count rows, not bytes"
)
VERSION = 2
RESUMES = True

TABLES = (b"session_windows", b"session_nodes", b"session_entries")


def sniff(head: bytes) -> bool:
    """Whether the first line is the header of a session, or the head is of a database with OpenClaw's tables."""
    if head.startswith(MAGIC):
        return b"transcript_events" in head and any(table in head for table in TABLES)
    values = json_values(head)
    return bool(values) and values[0].get("type") == "session" and {"id", "cwd", "timestamp"} <= values[0].keys()


def load(source: Source, into: Evidence) -> None:
    """Add the sessions of the file; each line, or row of entries, is a record."""
    into.account.input_tokens_meaning = EXCLUDES_CACHE
    with source.open() as stream:
        is_database = stream.read(len(MAGIC)) == MAGIC
    if is_database:
        return load_database(source, into)
    reader = _Reader(source, into)
    source.state = take_lines(source, into, reader.read, reader.state)
    reader.finish()


class _Reader:
    """Begins the session with its header and hands the other lines on."""

    def __init__(self, source: Source, into: Evidence) -> None:
        self._source, self._into = source, into
        self._recall = Recall(source)
        self._session = None if source.state is None else self._begin(msgspec.convert(source.state, Memory))

    def state(self) -> dict[str, Any] | None:
        """Return what a later read must know; None before anything was read."""
        state: dict[str, Any] | None = None if self._session is None else msgspec.to_builtins(self._session.remember())
        return state

    def finish(self) -> None:
        """Add what is still open."""
        if self._session is not None:
            self._session.finish()

    def read(self, line: dict[str, Any], place: Place) -> str | None:
        """Take one line; returns the reason when it is skipped. Raises UnusableLine."""
        if line.get("type") == "session" or dict_of(line.get("message")).get("role") == "assistant":
            self._recall.keep(place, line)
        if self._session is None or line.get("type") == "session":
            if line.get("type") != "session" or not isinstance(line.get("id"), str):
                raise UnusableLine("no header of a session, and none stands before it")
            self.finish()
            self._session = self._begin(begin_session(line, place, self._agent_name()))
            return None
        return self._session.read_entry(line, place)

    def _begin(self, memory: Memory) -> SessionReader:
        return SessionReader(self._into, memory, self._recall.at)

    def _agent_name(self) -> str:
        """Return the agent: OpenClaw says it only in the folder `agents/<agent>/sessions`."""
        folders = self._source.path.parts[:-1]
        is_openclaw = len(folders) > 2 and folders[-1] == "sessions" and folders[-3] == "agents"
        return folders[-2] if is_openclaw else "pi"
