"""Evidence quoted from the files it was read from, as long as they still are the files that were read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentlens._source import hash_prefix
from agentlens.explorers._span_details import read_record
from agentlens.report._facts import Evidence, short_path

QUOTED_BYTES = 1_500


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

    @property
    def place(self) -> str:
        """`file:line`."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


class Quoter:
    """Quotes places of a lens; each cited file is hashed once, so that a file that has changed is not quoted."""

    def __init__(self, sources: list[dict[str, Any]], folder: Path | None) -> None:
        self._sources = {source["source_id"]: source for source in sources}
        self._folder = folder
        self._states: dict[int, str | None] = {}

    def quote(self, place: Evidence) -> Quote:
        """Return a place with the bytes it points at."""
        source = self._sources.get(place.source_id)
        if source is None:
            return Quote(
                "?", place.line, place.offset, place.length, place.span_id, place.says, None, "the source is unknown"
            )
        absent, raw = self._state(source), None
        if absent is None and place.offset is not None and place.length is not None:
            raw = read_record(
                Path(source["stored_at"] or source["path"]),
                source["compression"],
                place.offset,
                place.length,
                QUOTED_BYTES,
            )
        path = short_path(source["path"], self._folder)
        return Quote(path, place.line, place.offset, place.length, place.span_id, place.says, raw, absent)

    def _state(self, source: dict[str, Any]) -> str | None:
        """Return why a source cannot be quoted, or None."""
        number = source["source_id"]
        if number not in self._states:
            self._states[number] = _why_not(source)
        return self._states[number]


def _why_not(source: dict[str, Any]) -> str | None:
    if source["stored_at"]:
        return (
            None
            if Path(source["stored_at"]).is_file()
            else "the archive was no longer there when this report was written"
        )
    try:
        same = hash_prefix(Path(source["path"]), source["bytes"]) == source["sha256"]
    except OSError:
        return "the file was no longer there when this report was written"
    return None if same else "the file had changed when this report was written"
