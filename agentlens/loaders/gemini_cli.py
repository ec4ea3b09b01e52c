"""Gemini CLI sessions: `~/.gemini/tmp/<project>/chats/session-*.json`, and the JSON lines of newer versions.

Source: gemini-cli `packages/core/src/services/chatRecordingService.ts` and `chatRecordingTypes.ts`, and small sessions.
"""

from __future__ import annotations

import tempfile
from array import array
from typing import IO, Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, parse_line, text_of
from agentlens.loaders._gemini_session import SessionReader
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = "a first JSON object with `projectHash` and `sessionId`"
CANNOT_KNOW = (
    "system prompts, tool definitions, when a tool began, and the steps of sub-agents (they are sessions of their own)"
)
VERSION = 2

SPOOLED_BYTES = 16 * 1024 * 1024


def sniff(head: bytes) -> bool:
    """Whether the first object is a session or its header."""
    values = json_values(head)
    return bool(values) and {"projectHash", "sessionId"} <= values[0].keys()


def load(source: Source, into: Evidence) -> None:
    """Add the session; each message is a record, and in JSON lines each line."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as waiting:
        session = _Session(into, waiting)
        for document in documents(source, into):
            session.read(document)
        session.finish()


class _Session:
    """Gathers records: a later one for the same message replaces the earlier, as tools and tokens are added to it.

    They wait for the end of the session as they are logged, a long session on disk.
    """

    def __init__(self, into: Evidence, waiting: IO[bytes]) -> None:
        self._into, self._waiting = into, waiting
        self._header: dict[str, Any] = {}
        self._place = Place(1, 0, 0)
        # Of each record in turn: where it waits, its line, its offset and its length.
        self._records = [array("q") for _ in range(4)]
        self._at: dict[str, int] = {}

    def read(self, document: Line) -> None:
        """Take a whole session, or one line of one."""
        try:
            parts = members(document)
        except DECODE_ERRORS:
            parts = {}
        if "messages" not in parts:
            self._take(document)
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
            self._take(message)

    def _take(self, piece: Line) -> None:
        take_record(piece, self._into, lambda value, place: self._read_line(value, place, piece.raw))

    def _read_line(self, line: dict[str, Any], place: Place, raw: bytes) -> str | None:
        if "projectHash" in line or "$set" in line:
            self._place = self._place if self._header else place
            self._header |= dict_of(line.get("$set")) or {key: value for key, value in line.items() if key != "$set"}
        elif "$rewindTo" in line:
            self._keep(len(self._records[0]), place, raw)
        elif isinstance(line.get("type"), str):
            self._keep(self._number(text_of(line.get("id"))), place, raw)
        else:
            raise UnusableLine("neither a message nor a change of the session")
        return None

    def _number(self, message_id: str | None) -> int:
        """Return the number of a message among the records: that of an earlier record of it, which it replaces."""
        number = len(self._records[0])
        if message_id in self._at:
            self._into.account.accepted -= 1
            self._into.skip("replaced by a later record of the same message")
        elif message_id:
            self._at[message_id] = number
        return self._at.get(message_id or "", number)

    def _keep(self, number: int, place: Place, raw: bytes) -> None:
        kept = (self._waiting.tell(), place.line or 0, place.offset, len(raw))
        self._waiting.write(raw)
        for column, value in zip(self._records, kept):
            column[number : number + 1] = array("q", [value])

    def finish(self) -> None:
        """Add what the records say, in their order."""
        if not self._records[0] and not self._header:
            return
        reader = SessionReader(self._into, self._header, self._place)
        for start, line, offset, length in zip(*self._records):
            self._waiting.seek(start)
            reader.read(dict_of(parse_line(self._waiting.read(length))), Place(line or None, offset, length))
        reader.finish()
