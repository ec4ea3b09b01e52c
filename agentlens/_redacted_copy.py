"""A lens copied for other eyes: every text redacted, every aggregate proved equal, or no copy at all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from agentlens._catalog import table_columns
from agentlens._lens import Lens
from agentlens._redaction import SEPARATOR, RedactionRefused, Redactor

TEXTS = 400_000
PLAIN = ("VARCHAR",)
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "UBIGINT", "HUGEINT")
OWN = "redaction_proofs"
PROOFS = "INSERT INTO redaction_proofs VALUES ($table, $rows, $aggregates, $cells)"


def fill_redacted(
    lens: Lens, copy: Lens, redactor: Redactor, where_it_stands: bool = False, only: Collection[str] | None = None
) -> None:
    """Copy every table (`only` some) into an empty lens with pseudonyms in place of secrets and personal data.

    With `where_it_stands`, `sources.stored_at` goes on saying where the files are, for a report that quotes them; otherwise
    nothing says it. Raises RedactionRefused when a canary, or anything else, is not replaced, or an aggregate differs.
    """
    tables = {name: columns for name, columns in table_columns(copy._con).items() if name != OWN}
    tables = {name: columns for name, columns in tables.items() if only is None or name in only}
    for table, columns in tables.items():
        _learn_table(lens, table, columns, redactor)
    for table, columns in tables.items():
        copy._con.execute(f"DELETE FROM {OWN} WHERE table_name = $table", {"table": table})
        cells = _fill_table(lens, copy, table, columns, redactor)
        compared = _prove_equal(lens, copy, table, columns)
        rows = copy._con.cursor().sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        if table == "sources":
            _place_sources(lens, copy, where_it_stands)
        copy._con.execute(PROOFS, {"table": table, "rows": rows, "aggregates": compared, "cells": cells})


def _texts(columns: dict[str, str]) -> dict[str, str]:
    """Return the columns that hold text, with their types; `stored_at` never travels."""
    return {
        name: kind
        for name, kind in columns.items()
        if ("VARCHAR" in kind or kind == "JSON") and name not in ("stored_at", "sha256")
    }


def _as_text(name: str, kind: str) -> str:
    return f'"{name}"' if kind in PLAIN else f'"{name}"::VARCHAR' if kind == "JSON" else f'to_json("{name}")::VARCHAR'


def _learn_table(lens: Lens, table: str, columns: dict[str, str], redactor: Redactor) -> None:
    for name, kind in _texts(columns).items():
        cells = f"SELECT DISTINCT {_as_text(name, kind)} AS cell FROM {table} WHERE cell IS NOT NULL ORDER BY cell"
        for batch in _batches(lens._con.cursor().sql(cells).to_arrow_reader(2048)):
            redactor.learn(SEPARATOR.join([*batch, *redactor.canary]))


def _batches(reader: pa.RecordBatchReader) -> Iterator[list[str]]:
    """Yield texts by the half megabyte, so that searching them has little overhead."""
    held: list[str] = []
    size = 0
    for batch in reader:
        for text in batch.column(0).to_pylist():
            held.append(text)
            size += len(text)
            if size > TEXTS:
                yield held
                held, size = [], 0
    yield held


def _fill_table(lens: Lens, copy: Lens, table: str, columns: dict[str, str], redactor: Redactor) -> int:
    texts = _texts(columns)
    wanted = ", ".join(
        f'{_as_text(name, texts[name])} AS "{name}"' if name in texts else f'"{name}"' for name in columns
    )
    reader = lens._con.cursor().sql(f"SELECT {wanted} FROM {table}").to_arrow_reader(20_000)
    typed = ", ".join(
        f'CAST("{name}"::JSON AS {texts[name]}) AS "{name}"' if name in texts and texts[name] not in (*PLAIN, "JSON") else f'"{name}"'
        for name in columns
    )  # fmt: skip
    copy._con.execute(f"DELETE FROM {table}")
    changed = 0
    for batch in reader:
        for name, kind in texts.items():
            place = batch.schema.get_field_index(name)
            cells, count = _redact_column(batch.column(place).to_pylist(), kind, f"{table}.{name}", redactor)
            changed += count
            batch = batch.set_column(place, pa.field(name, pa.string()), pa.array(cells, pa.string()))
        copy._con.register("arriving", pa.Table.from_batches([batch]))
        copy._con.execute(f"INSERT INTO {table} BY NAME SELECT {typed} FROM arriving")
        copy._con.unregister("arriving")
    return changed


def _redact_column(cells: list[str | None], kind: str, place: str, redactor: Redactor) -> tuple[list[str | None], int]:
    """Return cells with pseudonyms, and how many of them changed; every distinct text is looked at once."""
    distinct = list(dict.fromkeys(cell for cell in cells if cell))
    done = dict(zip(distinct, _redact_texts(distinct, redactor, place)))
    changed = {text: new for text, new in done.items() if text != new}
    for text, new in changed.items():
        if kind not in PLAIN and not _is_json(new):
            changed[text] = _redact_json(text, redactor)
        if kinds := redactor.remains(changed[text]):
            raise RedactionRefused(
                f"After redaction {place} still holds what looks like {', '.join(sorted(set(kinds)))}, so nothing was written. "
                "Add a rule of your own, or keep the value if it is harmless."
            )
    return [changed.get(cell, cell) if cell else cell for cell in cells], sum(cell in changed for cell in cells if cell)


def _redact_texts(texts: list[str], redactor: Redactor, place: str) -> list[str]:
    """Redact texts joined to a long one, the canary among them; a text that itself holds the separator goes alone."""
    found: list[str] = []
    held: list[str] = []
    size = 0
    for number, text in enumerate(texts):
        held.append(text)
        size += len(text)
        if size > TEXTS or number == len(texts) - 1:
            joined = redactor.redact(SEPARATOR.join([*held, " ".join(redactor.canary), ""]))
            pieces = joined.split(SEPARATOR)
            if any(bird in joined for bird in redactor.canary):
                raise RedactionRefused(f"The canary planted in {place} came out whole, so nothing was written.")
            found += pieces[:-2] if len(pieces) == len(held) + 2 else [redactor.redact(one) for one in held]
            held, size = [], 0
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _redact_json(text: str, redactor: Redactor) -> str:
    """Redact a JSON text value by value: a number that is a secret becomes a text."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {redactor.redact(key): walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        if isinstance(value, bool) or value is None:
            return value
        new = redactor.redact(value if isinstance(value, str) else json.dumps(value))
        return new if isinstance(value, str) or new != json.dumps(value) else value

    return json.dumps(walk(json.loads(text)), ensure_ascii=False)


def _place_sources(lens: Lens, copy: Lens, where_it_stands: bool) -> None:
    stored = dict(lens.sql("SELECT source_id, coalesce(stored_at, path) FROM sources").fetchall())
    for source_id, path in stored.items():
        new = str(Path(path)) if where_it_stands else None
        copy._con.execute("UPDATE sources SET stored_at = $new WHERE source_id = $id", {"new": new, "id": source_id})


# --- proof ------------------------------------------------------------------------------------------------------------


def _prove_equal(lens: Lens, copy: Lens, table: str, columns: dict[str, str]) -> int:
    """Compare rows, values, distinct values and sums of every column; say how many figures were compared."""
    figures = {"rows": "count(*)"}
    for name, kind in columns.items():
        if name == "stored_at":
            continue
        figures[f"values of {name}"] = f'count("{name}")'
        figures[f"distinct {name}"] = f'count(DISTINCT hash("{name}"))'
        if kind in NUMBERS:
            figures[f"sum of {name}"] = (
                f'sum("{name}"::DECIMAL(38, 9))' if kind == "DOUBLE" else f'sum("{name}"::HUGEINT)'
            )
    question = f"SELECT {', '.join(figures.values())} FROM {table}"
    before, after = (each._con.cursor().sql(question).fetchall()[0] for each in (lens, copy))
    wrong = [figure for figure, old, new in zip(figures, before, after) if old != new]
    if wrong:
        raise RedactionRefused(
            f"In the redacted copy of {table}, {wrong[0]} differs from the original, so nothing was written."
        )
    return len(figures)
