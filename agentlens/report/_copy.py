"""The copy of a lens that a report is written from: redacted, with paths below a common folder, on disk and short-lived."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentlens._catalog import table_columns
from agentlens._investigation import TABLES
from agentlens._lens import Lens, connect, lock, prepare
from agentlens._redacted_copy import fill_redacted
from agentlens._redaction import SEPARATOR, RedactionRefused, Redactor, without_last_word
from agentlens._sensitive import Rule
from agentlens.report._facts import common_folder, fetch, short_path

# Up to so many spans one thread asks all questions: sums of floats then come out the same to the last digit, every time.
ONE_THREAD = 100_000


@dataclass
class Travelling:
    """What a report is made of: the copy to ask, and what cleans texts that come from elsewhere (records in the files)."""

    lens: Lens
    original: Lens
    """What was copied: what compares texts with one another asks it, for pseudonyms are other words."""
    redactor: Redactor | None = None
    said: Mapping[str, int] = field(default_factory=dict)
    """How many values of each kind only people's words hold: what logs give away is counted without them."""

    def clean(self, value: Any) -> Any:
        """Return a JSON value with pseudonyms in all its texts, and every half of a word at a cut left out."""
        if self.redactor is None:
            return value
        texts = list(dict.fromkeys(list_texts(value)))
        joined = SEPARATOR.join(texts)
        self.redactor.learn(joined)
        pieces = self.redactor.redact(joined).split(SEPARATOR)
        cleaned = dict(zip(texts, pieces if len(pieces) == len(texts) else map(self.redactor.redact, texts)))
        return map_texts(value, lambda text: without_last_word(cleaned[text]))

    def check(self, text: str, place: str) -> None:
        """Raise RedactionRefused when a text that is about to be written still gives something away."""
        if self.redactor is not None and (kinds := self.redactor.remains(text)):
            raise RedactionRefused(
                f"{place} would still hold what looks like {', '.join(sorted(set(kinds)))}, so nothing was written. "
                "Add a rule of your own, or keep the value if it is harmless."
            )

    def proof(self) -> dict[str, Any] | None:
        """Return what was compared and replaced, for the footer; None when nothing was redacted."""
        if self.redactor is None:
            return None
        rows = [row for row in fetch(self.lens, "FROM redaction_proofs") if row["table_name"] not in TABLES]
        return {
            "aggregates": sum(row["aggregates"] for row in rows),
            "tables": len(rows),
            "cells": sum(row["redacted_cells"] for row in rows),
            "kinds": dict(sorted((_count_kinds(self.redactor) - Counter(self.said)).items())),
        }


@contextlib.contextmanager
def travelling(lens: Lens, redact: bool, rules: Sequence[Rule], keep: Iterable[str]) -> Iterator[Travelling]:
    """Give a copy of a lens for a report; it is gone when the block ends."""
    folder = common_folder([path for (path,) in lens.sql("SELECT path FROM sources").fetchall()])
    with tempfile.TemporaryDirectory(prefix="agentlens-") as place:
        con, spill = connect(Path(place) / "copy.duckdb")
        with contextlib.closing(Lens(con, None, spill)) as copy:
            prepare(con)
            redactor = Redactor(rules, keep) if redact else None
            said: Mapping[str, int] = {}
            if redactor is None:
                lens._fill(con)
                con.execute("UPDATE sources SET stored_at = coalesce(stored_at, path)")
            else:
                said = _fill(lens, copy, redactor)
            _shorten_paths(lens, copy, folder, redactor)
            if copy._con.execute("SELECT count(*) FROM spans").fetchall()[0][0] < ONE_THREAD:
                con.execute("SET threads = 1")
            lock(con)
            yield Travelling(copy, lens, redactor, said)


def _fill(lens: Lens, copy: Lens, redactor: Redactor) -> Mapping[str, int]:
    """Copy what logs say, then what people say: the logs alone decide their pseudonyms. Return the kinds of the latter."""
    logs = [name for name in table_columns(copy._con) if name not in TABLES]
    fill_redacted(lens, copy, redactor, where_it_stands=True, only=logs)
    before = _count_kinds(redactor)
    fill_redacted(lens, copy, redactor, only=TABLES)
    return _count_kinds(redactor) - before


def _count_kinds(redactor: Redactor) -> Counter[str]:
    return Counter(row["kind"] for row in redactor.review())


def _shorten_paths(lens: Lens, copy: Lens, folder: Path | None, redactor: Redactor | None) -> None:
    for source_id, path in lens.sql("SELECT source_id, path FROM sources").fetchall():
        short = short_path(path, folder)
        new = short if redactor is None else redactor.redact(short)
        copy._con.execute("UPDATE sources SET path = $new WHERE source_id = $id", {"new": new, "id": source_id})


def list_texts(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value, keys as well."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (str(key), *list_texts(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from list_texts(item)


def map_texts(value: Any, change: Any) -> Any:
    """Return a JSON value with all its texts changed, keys as well."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(str(key)): map_texts(item, change) for key, item in value.items()}
    return [map_texts(item, change) for item in value] if isinstance(value, list | tuple) else value
