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
ROUNDS = 3
PLAIN = ("VARCHAR",)
NUMBERS = ("BIGINT", "INTEGER", "DOUBLE", "UBIGINT", "HUGEINT")
OWN = "redaction_proofs"
PROOFS = "INSERT INTO redaction_proofs VALUES ($table, $rows, $aggregates, $cells)"

# Ids of 16 hexadecimal digits of which one has no letter by chance: it may pass the checksum of a card number. Only of sources all of whose spans have
# such ids, most with letters: elsewhere digits may be anything.
DECIMAL_IDS = """
WITH drawn AS (
  SELECT source_id FROM spans GROUP BY source_id
  HAVING bool_and(regexp_full_match(span_id, '[0-9a-f]{16}')) AND 2 * count(*) FILTER (regexp_matches(span_id, '[a-f]')) > count(*)
)
SELECT span_id FROM spans SEMI JOIN drawn USING (source_id) WHERE regexp_full_match(span_id, '\\d{16}')
UNION
SELECT parent_span_id FROM spans SEMI JOIN drawn USING (source_id) WHERE regexp_full_match(parent_span_id, '\\d{16}')
"""

Columns = dict[str, str]


def fill_redacted(
    lens: Lens, copy: Lens, redactor: Redactor, where_it_stands: bool = False, only: Collection[str] | None = None
) -> None:
    """Copy every table (`only` some) into an empty lens with pseudonyms in place of secrets and personal data.

    With `where_it_stands`, `sources.stored_at` goes on saying where the files are, for a report that quotes them; otherwise
    nothing says it. Raises RedactionRefused when a canary, or anything else, is not replaced, or an aggregate differs.
    """
    tables = {name: columns for name, columns in table_columns(copy._con).items() if name != OWN}
    tables = {name: columns for name, columns in tables.items() if only is None or name in only}
    redactor.leave_alone(span_id for (span_id,) in lens._con.cursor().execute(DECIMAL_IDS).fetchall())
    touched = _learn(lens, tables, redactor)
    for table, columns in tables.items():
        copy._con.execute(f"DELETE FROM {OWN} WHERE table_name = $table", {"table": table})
        cells = _fill_table(lens, copy, table, columns, touched[table], redactor)
        compared = _prove_equal(lens, copy, table, columns, touched[table])
        rows = copy._con.cursor().sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        if table == "sources":
            _place_sources(lens, copy, where_it_stands)
        copy._con.execute(PROOFS, {"table": table, "rows": rows, "aggregates": compared, "cells": cells})


def _texts(columns: Columns) -> Columns:
    """Return the columns that hold text, with their types; `stored_at` never travels."""
    return {
        name: kind
        for name, kind in columns.items()
        if ("VARCHAR" in kind or kind == "JSON") and name not in ("stored_at", "sha256")
    }


def _as_text(name: str, kind: str) -> str:
    return f'"{name}"' if kind in PLAIN else f'"{name}"::VARCHAR' if kind == "JSON" else f'to_json("{name}")::VARCHAR'


def _distinct_texts(lens: Lens, table: str, texts: Columns) -> Iterator[tuple[str, list[str]]]:
    """Yield columns with their texts, each text once, by the half megabyte, so that searching them has little overhead."""
    names = list(texts)
    cells = " UNION ALL ".join(
        f"SELECT DISTINCT {number} AS number, {_as_text(name, texts[name])} AS cell FROM {table} WHERE length(cell) > 0"
        for number, name in enumerate(names)
    )
    held: dict[int, list[str]] = {}
    sizes = [0] * len(names)
    for batch in lens._con.cursor().sql(cells).to_arrow_reader(2048) if names else ():
        for number, text in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist()):
            held.setdefault(number, []).append(text)
            sizes[number] += len(text)
            if sizes[number] > TEXTS:
                yield names[number], held.pop(number)
                sizes[number] = 0
    yield from ((names[number], rest) for number, rest in sorted(held.items()))


def _learn(lens: Lens, tables: dict[str, Columns], redactor: Redactor) -> dict[str, set[str]]:
    """Learn what every text holds, rehearse its redaction, and return the columns that change, by table.

    What shows only when something beside it is gone is learnt as well; when the last of `ROUNDS` still finds something,
    nothing is written.
    """
    found: set[int] = set()
    for table, columns in tables.items():
        for _, batch in _distinct_texts(lens, table, _texts(columns)):
            found |= {hash(batch[number]) for number in redactor.learn_all(batch)}
    for _ in range(ROUNDS):
        touched, left = _rehearse(lens, tables, found, redactor)
        if not left:
            return touched
    raise RedactionRefused(
        f"After redaction there would still be what looks like {', '.join(sorted(left))}, so nothing was written. "
        "Add a rule of your own, or keep the value if it is harmless."
    )


def _rehearse(
    lens: Lens, tables: dict[str, Columns], found: set[int], redactor: Redactor
) -> tuple[dict[str, set[str]], set[str]]:
    """Redact every text without writing it; return the columns that change, by table, and what still stands in which column.

    Looked at again is what changes, and what something was `found` in (hashes of texts), whether it changes or not.
    """
    touched: dict[str, set[str]] = {table: set() for table in tables}
    left: set[str] = set()
    for table, columns in tables.items():
        for name, batch in _distinct_texts(lens, table, _texts(columns)):
            changes = dict(_changes(batch, columns[name], f"{table}.{name}", redactor))
            if changes:
                touched[table].add(name)
            again = [changes.get(text, text) for text in batch if text in changes or hash(text) in found]
            if kinds := redactor.remains(SEPARATOR.join(again)):
                left |= {f"{kind} in {table}.{name}" for kind in kinds}
                found |= {hash(again[number]) for number in redactor.learn_all(again)}
    return touched, left


def _changes(texts: list[str], kind: str, place: str, redactor: Redactor) -> Iterator[tuple[str, str]]:
    """Yield each text that changes, and what it becomes: JSON stays JSON."""
    for text, new in zip(texts, _redact_texts(texts, redactor, place)):
        if text != new:
            yield text, new if kind in PLAIN or _is_json(new) else _redact_json(text, redactor)


def _fill_table(lens: Lens, copy: Lens, table: str, columns: Columns, touched: set[str], redactor: Redactor) -> int:
    """Copy one table, and return how many of its cells changed; columns without a secret go as they are."""
    copy._con.execute(f"DELETE FROM {table}")
    wanted = ", ".join(
        f'{_as_text(name, columns[name])} AS "{name}"' if name in touched else f'"{name}"' for name in columns
    )
    typed = ", ".join(
        f'CAST("{name}"::JSON AS {columns[name]}) AS "{name}"' if name in touched and columns[name] not in (*PLAIN, "JSON") else f'"{name}"'
        for name in columns
    )  # fmt: skip
    reader = lens._con.cursor().sql(f"SELECT {wanted} FROM {table}").to_arrow_reader(20_000)
    changed = 0
    for batch in reader if touched else (reader,):
        for name in touched:
            place = batch.schema.get_field_index(name)
            cells = batch.column(place).to_pylist()
            texts = list(dict.fromkeys(cell for cell in cells if cell))
            changes = dict(_changes(texts, columns[name], f"{table}.{name}", redactor))
            changed += sum(cell in changes for cell in cells)
            redacted = pa.array([changes.get(cell, cell) for cell in cells], pa.string())
            batch = batch.set_column(place, pa.field(name, pa.string()), redacted)
        copy._con.register("arriving", pa.Table.from_batches([batch]) if touched else batch)
        copy._con.execute(f"INSERT INTO {table} BY NAME SELECT {typed} FROM arriving")
        copy._con.unregister("arriving")
    return changed


def _redact_texts(texts: list[str], redactor: Redactor, place: str) -> Iterator[str]:
    """Redact texts joined to a long one, the canary among them; texts of which one holds the separator go one by one."""
    for first, last in _runs(texts):
        held = texts[first:last]
        joined = redactor.redact(SEPARATOR.join([*held, " ".join(redactor.canary), ""]))
        if any(bird in joined for bird in redactor.canary):
            raise RedactionRefused(f"The canary planted in {place} came out whole, so nothing was written.")
        pieces = joined.split(SEPARATOR)
        yield from pieces[:-2] if len(pieces) == len(held) + 2 else map(redactor.redact, held)


def _runs(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Yield where runs of texts begin and end that are about `TEXTS` characters long."""
    first, size = 0, 0
    for number, text in enumerate(texts, 1):
        size += len(text)
        if size > TEXTS or number == len(texts):
            yield first, number
            first, size = number, 0


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


def _prove_equal(lens: Lens, copy: Lens, table: str, columns: Columns, touched: set[str]) -> int:
    """Compare rows, values and sums of every column, and its distinct values or, untouched, its content; say how many figures."""
    figures = {"rows": "count(*)"}
    for name, kind in columns.items():
        if name == "stored_at":
            continue
        figures[f"values of {name}"] = f'count("{name}")'
        if name in touched:
            figures[f"distinct {name}"] = f'count(DISTINCT hash("{name}"))'
        else:
            figures[f"the content of {name}"] = f'sum(hash("{name}")::HUGEINT)'
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
