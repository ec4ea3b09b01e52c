"""Tables in markdown: their columns and rows, and where each row stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from agentlens._source import Place
from agentlens.loaders._sections import TextLine

_RULE = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?)?\s*|\s*\|\s*:?-+:?\s*\|?\s*")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CELL_END = re.compile(r"(?<!\\)\|")
_MARKS = str.maketrans("", "", "*`")
_LONGEST = 4000


class TableRow(NamedTuple):
    """One row: its place, and its cells by the lower-case name of their column."""

    place: Place
    cells: dict[str, str]


def find_rows(lines: list[TextLine]) -> Iterator[tuple[frozenset[str], TableRow]]:
    """Yield (names of the columns, row) for every row of every table outside fences, without markdown's marks for bold and code."""
    names: list[str] = []
    fence: str | None = None
    for before, line in zip([None, *lines], lines):
        if found := _FENCE.match(line.text):
            fence = None if fence and found[1].startswith(fence) else fence or found[1]
            names = []
        elif fence or "|" not in line.text or len(line.text) > _LONGEST:
            names = []
        elif names:
            cells = dict(zip(names, _cells(line.text)))
            yield frozenset(names), TableRow(Place(line.number, line.offset, line.length), cells)
        elif before and _RULE.fullmatch(line.text) and "|" in before.text and len(before.text) <= _LONGEST:
            names = [name.lower() for name in _cells(before.text)]


def _cells(text: str) -> list[str]:
    inner = text.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.replace("\\|", "|").translate(_MARKS).strip() for cell in _CELL_END.split(inner)]
