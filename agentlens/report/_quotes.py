"""Evidence quoted from the files it was read from, as long as they still are the files that were read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._source import Source, hash_prefix
from agentlens.explorers._span_details import read_record
from agentlens.report._facts import Evidence

QUOTED_BYTES = 1_500
HASHED_BYTES = 64_000_000


@dataclass(frozen=True)
class Quote:
    """What a place says: its file, line and bytes, and the record itself, or why it cannot be shown."""

    path: str
    line: int | None
    offset: int | None
    length: int | None
    span_id: str | None
    says: str | None
    raw: str | None
    absent: str | None
    sha256: str | None = None

    @property
    def place(self) -> str:
        """`file:line`."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


class Quoter:
    """Quotes places of a lens; each cited file is hashed once, so that a file that has changed is not quoted.

    Records themselves are quoted until `room` characters are full; places without them keep their file, line, bytes and hash.
    """

    def __init__(self, sources: list[dict[str, Any]], clean: Callable[[Any], Any], room: int) -> None:
        self._room = room
        self._sources = {source["source_id"]: source for source in sources}
        self._clean = clean
        self._states: dict[int, str | None] = {}

    def quote(self, place: Evidence) -> Quote:
        """Return a place with the bytes it points at, and their hash."""
        source = self._sources.get(place.source_id)
        about = (place.line, place.offset, place.length, place.span_id, place.says)
        if source is None:
            return Quote("?", *about, None, "the source is unknown")
        absent, raw, digest = self._state(source), None, None
        if absent is None and place.offset is not None and place.length is not None:
            file = Path(source["stored_at"] or source["path"])
            raw = read_record(file, source["compression"], place.offset, place.length, QUOTED_BYTES)
            digest = hash_record(file, source["compression"], place.offset, place.length)
        said = self._clean(raw)
        self._room -= len(said or "")
        if said is not None and self._room < 0:
            said, absent = None, "left out for size, the file has it"
        return Quote(source["path"], *about, said, absent, digest)

    def _state(self, source: dict[str, Any]) -> str | None:
        """Return why a source cannot be quoted, or None."""
        number = source["source_id"]
        if number not in self._states:
            self._states[number] = why_not(source)
        return self._states[number]


def why_not(source: dict[str, Any]) -> str | None:
    """Return why a source cannot be quoted: it is gone, or no longer what was read; None when it can."""
    stored = Path(source["stored_at"] or source["path"])
    if stored.name.startswith(source["sha256"]):  # an archive names its bytes by their hash
        return None if stored.is_file() else "the archive was no longer there when this report was written"
    try:
        same = hash_prefix(stored, source["bytes"]) == source["sha256"]
    except OSError:
        return "the file was no longer there when this report was written"
    return None if same else "the file had changed when this report was written"


def hash_record(path: Path, compression: str | None, offset: int, length: int) -> str | None:
    """Return the SHA-256 of the bytes of a record; None when they cannot be read or are more than 64 MB."""
    if length > HASHED_BYTES:
        return None
    try:
        with Source(path, 0, compression).open() if compression else path.open("rb") as stream:
            if compression:
                left = offset
                while left > 0 and (skipped := stream.read(min(left, 1 << 20))):
                    left -= len(skipped)
            else:
                stream.seek(offset)
            raw = stream.read(length)
    except (OSError, AgentLensError):
        return None
    return hashlib.sha256(raw).hexdigest() if len(raw) == length else None
