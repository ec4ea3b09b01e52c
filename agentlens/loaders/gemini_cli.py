"""Gemini CLI sessions: `~/.gemini/tmp/<project>/chats/session-*.json`, and the JSON lines of newer versions.

Source: gemini-cli `packages/core/src/services/chatRecordingService.ts` and `chatRecordingTypes.ts`, and small sessions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from agentlens._evidence import Evidence
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, text_of
from agentlens.loaders._gemini_session import SessionReader
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = "a first JSON object with `projectHash` and `sessionId`"
CANNOT_KNOW = (
    "system prompts, tool definitions, when a tool began, and the steps of sub-agents (they are sessions of their own)"
)
VERSION = 1


class _Record(NamedTuple):
    """A message or a rewind, as it stands last in the log."""

    message: dict[str, Any]
    place: Place


def sniff(head: bytes) -> bool:
    """Whether the first object is a session or its header."""
    values = json_values(head)
    return bool(values) and {"projectHash", "sessionId"} <= values[0].keys()


def load(source: Source, into: Evidence) -> None:
    """Add the session; each message is a record, and in JSON lines each line."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    session = _Session(into)
    for document in documents(source, into):
        session.read(document)
    session.finish()


class _Session:
    """Gathers records: a later one for the same message replaces the earlier, as tools and tokens are added to it."""

    def __init__(self, into: Evidence) -> None:
        self._into = into
        self._header: dict[str, Any] = {}
        self._place = Place(1, 0, 0)
        self._records: list[_Record] = []
        self._at: dict[str, int] = {}

    def read(self, document: Line) -> None:
        """Take a whole session, or one line of one."""
        try:
            parts = members(document)
        except DECODE_ERRORS:
            parts = {}
        if "messages" not in parts:
            take_record(document, self._into, self._read_line)
            return
        try:
            self._header = {key: value_of(part) for key, part in parts.items() if key != "messages"}
            messages = items(parts["messages"])
        except (*DECODE_ERRORS, ValueError) as error:
            self._into.record()
            self._into.reject(place_of(document), f"not a session: {error}", document.raw)
            return
        self._place = place_of(document)
        for message in messages:
            take_record(message, self._into, self._read_line)

    def _read_line(self, line: dict[str, Any], place: Place) -> str | None:
        if "projectHash" in line or "$set" in line:
            self._place = self._place if self._header else place
            self._header |= dict_of(line.get("$set")) or {key: value for key, value in line.items() if key != "$set"}
        elif "$rewindTo" in line:
            self._records.append(_Record(line, place))
        elif isinstance(line.get("type"), str):
            self._keep(line, place)
        else:
            raise UnusableLine("neither a message nor a change of the session")
        return None

    def _keep(self, message: dict[str, Any], place: Place) -> None:
        message_id = text_of(message.get("id"))
        if message_id in self._at:
            self._into.account.accepted -= 1
            self._into.skip("replaced by a later record of the same message")
            self._records[self._at[message_id]] = _Record(message, place)
            return
        if message_id:
            self._at[message_id] = len(self._records)
        self._records.append(_Record(message, place))

    def finish(self) -> None:
        """Add what the records say, in their order."""
        if not self._records and not self._header:
            return
        reader = SessionReader(self._into, self._header, self._place)
        for message, place in self._records:
            reader.read(message, place)
        reader.finish()
