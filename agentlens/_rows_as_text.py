"""Rows of a relation as text: an aligned table, CSV, JSON or Markdown."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

import duckdb

from agentlens._visible import plural, show_inline

Cells = Sequence[str | None]

BATCH = 2000
WIDEST_CELL = 80
_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*|U?BIGNUM)$")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_table(relation: duckdb.DuckDBPyRelation, write: Callable[[str], object]) -> None:
    """Write the rows aligned in columns, numbers to the right; cells are cut at 80 characters, and that is said."""
    numeric = _numeric_columns(relation)
    names = [show_inline(name) for name in relation.columns]
    rows = [[_cut(cell) for cell in row] for row in _text_rows(relation)]
    widths = [max(map(_width, column)) for column in zip(names, *rows)]
    rule = ["─" * width for width in widths]
    for row in [names, rule, *rows]:
        cells = [_pad(cell, width, right) for cell, width, right in zip(row, widths, numeric)]
        write("  ".join(cells).rstrip() + "\n")
    write(f"\n{plural(len(rows), 'row')}\n")
    if any(cell.endswith("…") for row in rows for cell in row):
        write(f"Cells are cut at {WIDEST_CELL} characters; --format csv or json gives them whole.\n")


def write_csv(relation: duckdb.DuckDBPyRelation, write: Callable[[str], object]) -> None:
    """Write RFC 4180 CSV; text that a spreadsheet would run as a formula gets a leading apostrophe."""
    numeric = _numeric_columns(relation)
    write(_csv_line([_defuse(name) for name in relation.columns]))
    for row in _text_rows(relation):
        write(_csv_line([cell if right else _defuse(cell) for cell, right in zip(row, numeric)]))


def write_json(relation: duckdb.DuckDBPyRelation, write: Callable[[str], object]) -> None:
    """Write a JSON array of one object a row, in DuckDB's JSON types; NaN and infinities, which JSON lacks, as null."""
    objects = relation.query("answer", "SELECT to_json(answer)::VARCHAR FROM answer")
    first = True
    for (text,) in _fetch(objects) if objects is not None else ():
        write(("[\n" if first else ",\n") + _strict_json(text or "null"))
        first = False
    write("[]\n" if first else "\n]\n")


def write_markdown(relation: duckdb.DuckDBPyRelation, write: Callable[[str], object]) -> None:
    """Write a Markdown table in which every cell stays text."""
    write(_markdown_line([_escape_markdown(show_inline(name)) for name in relation.columns]))
    write(_markdown_line(["---:" if right else "---" for right in _numeric_columns(relation)]))
    for row in _text_rows(relation):
        write(_markdown_line([_escape_markdown(show_inline(cell or "")) for cell in row]))


FORMATS: dict[str, Callable[[duckdb.DuckDBPyRelation, Callable[[str], object]], None]] = {
    "table": write_table,
    "csv": write_csv,
    "json": write_json,
    "markdown": write_markdown,
}


def _strict_json(text: str) -> str:
    if "NaN" not in text and "Infinity" not in text:
        return text
    return json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False)


def _text_rows(relation: duckdb.DuckDBPyRelation) -> Iterator[Cells]:
    yield from _fetch(relation.project("CAST(COLUMNS(*) AS VARCHAR)"))


def _fetch(relation: duckdb.DuckDBPyRelation) -> Iterator[Cells]:
    for batch in relation.to_arrow_reader(BATCH):
        yield from zip(*(column.to_pylist() for column in batch.columns))


def _numeric_columns(relation: duckdb.DuckDBPyRelation) -> list[bool]:
    return [_NUMERIC.match(str(kind)) is not None for kind in relation.types]


def _cut(cell: str | None) -> str:
    text = show_inline(cell or "")
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"


def _width(text: str) -> int:
    """Return the columns a terminal needs: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _defuse(cell: str | None) -> str:
    return f"'{cell}" if cell and cell.startswith(_FORMULA) else cell or ""


def _csv_line(cells: Cells) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _escape_markdown(text: str) -> str:
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~!#])", r"\\\1", plain)


def _markdown_line(cells: Cells) -> str:
    return f"| {' | '.join(cell or '' for cell in cells)} |\n"
