"""Where records stand in CSV files: rows with their byte ranges, though a row may run over several lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from agentlens._evidence import Evidence
from agentlens._source import BOM, HEAD_BYTES, Place, Source

DELIMITERS = (",", ";", "\t")

csv.field_size_limit(2**31 - 1)


class CsvRow:
    """One row: its place, its text as bytes, and its cells by column name; `problem` says why it cannot be read."""

    def __init__(self, place: Place, raw: bytes, cells: dict[str, str], problem: str | None = None) -> None:
        self.place, self.raw, self.cells, self.problem = place, raw, cells, problem


def csv_header(head: bytes) -> list[str]:
    """Return the column names in the first line of a head, [] when it is no CSV of several columns."""
    first = head.removeprefix(BOM).partition(b"\n")[0]
    if not first or first[:1] in b"{[" or not any(mark in first for mark in b",;\t") or b"\x00" in first:
        return []
    try:
        return _cells(first, delimiter(head))
    except (csv.Error, UnicodeDecodeError):
        return []


def delimiter(head: bytes) -> str:
    """Return what parts the columns of a CSV: of comma, semicolon and tab the one that parts its first line most often."""
    first = head.removeprefix(BOM).partition(b"\n")[0]
    try:
        return max(DELIMITERS, key=lambda mark: len(_cells(first, mark)))
    except (csv.Error, UnicodeDecodeError):
        return DELIMITERS[0]


def _cells(line: bytes, mark: str) -> list[str]:
    return next(csv.reader([line.decode("utf-8").rstrip("\r")], delimiter=mark), [])


def csv_rows(source: Source) -> Iterator[CsvRow]:
    """Yield every row after the header; empty cells are left out, of columns with one name the first counts."""
    with source.open() as stream:
        mark = delimiter(stream.read(HEAD_BYTES))
    lines = _Lines(source)
    reader = csv.reader(lines, delimiter=mark)
    names: list[str] | None = None
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield CsvRow(lines.place(), lines.raw(), {}, f"no CSV: {error}")
            continue
        if names is None:
            names = cells
        elif cells:
            problem = None if len(cells) == len(names) else f"{len(cells)} cells where the header has {len(names)}"
            named = {name: cell for name, cell in reversed(list(zip(names, cells))) if cell != ""}
            yield CsvRow(lines.place(), lines.raw(), named, problem)


def csv_records(source: Source, into: Evidence) -> Iterator[CsvRow]:
    """Yield every row that can be read; each row is a record, and those that cannot be read are rejected."""
    for row in csv_rows(source):
        into.record()
        if row.problem:
            into.reject(row.place, row.problem, row.raw)
        else:
            yield row


class _Lines:
    """The lines of a source as text, remembering the bytes of the row being read."""

    def __init__(self, source: Source) -> None:
        self._stream = source.open()
        self._number, self._offset = 0, 0
        self._row: list[bytes] = []
        self._first_line, self._start = 1, 0

    def begin(self) -> None:
        """Start a row."""
        self._row = []
        self._first_line, self._start = self._number + 1, self._offset

    def place(self) -> Place:
        """Return where the row stands, its line end left out."""
        return Place(self._first_line, self._start, len(self.raw()))

    def raw(self) -> bytes:
        """Return the bytes of the row, its line end left out."""
        return b"".join(self._row).rstrip(b"\r\n")

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = b"" if self._stream.closed else self._stream.readline()
        if not line:
            self._stream.close()
            raise StopIteration
        self._row.append(line)
        self._number += 1
        self._offset += len(line)
        text = line.removeprefix(BOM) if self._number == 1 else line
        return text.decode("utf-8", "replace")
