"""What the tests of session and framework logs ask of a lens, and the laws every loader of them keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import agentlens as al
from agentlens._lens import Lens

EVIDENCE = (
    "spans", "span_events", "span_links", "span_messages", "message_lists", "messages", "agent_messages", "agents", "rejects",
)  # fmt: skip
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_write_input_tokens",
    "reasoning_output_tokens",
)
# The texts of what a span was shown, in order.
SHOWN = """
    SELECT list(parts->>'$[0].content' ORDER BY position)
    FROM span_messages JOIN messages USING (message_hash) WHERE span_id = $span AND direction = 'input'"""


def read(*paths: Path | str) -> Lens:
    """Return a lens on files."""
    return al.read(*paths, progress=False)


def write(path: Path, *records: Any) -> Path:
    """Write JSON lines and return their path."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def dump(path: Path, value: Any) -> Path:
    """Write one indented JSON document and return its path."""
    path.write_text(json.dumps(value, indent=1))
    return path


def lines(path: Path) -> list[Any]:
    """Return the values of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip()]


def rows(lens: Lens, query: str, **params: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    return lens.sql(query, **params).fetchall()


def one(lens: Lens, query: str, **params: Any) -> Any:
    """Return the only value of a query."""
    ((value,),) = rows(lens, query, **params)
    return value


def names(lens: Lens, condition: str = "true") -> list[str]:
    """Return the names of spans in tree order, indented by depth."""
    query = f"SELECT repeat(' ', depth) || name FROM spans WHERE {condition} ORDER BY preorder"
    return [name for (name,) in rows(lens, query)]


def counted(lens: Lens, *columns: str) -> tuple[int, ...]:
    """Return the sums of token columns over the records that count."""
    sums = ", ".join(f"coalesce(sum({column}), 0)" for column in columns or TOKENS)
    return tuple(int(value) for value in rows(lens, f"SELECT {sums} FROM usage_ledger WHERE is_counted")[0])


def count(lens: Lens, operation: str) -> int:
    """Return the number of spans of an operation."""
    return int(one(lens, "SELECT count(*) FROM spans WHERE operation_name = $operation", operation=operation))


def per_file(lens: Lens, query: str) -> dict[str, tuple[Any, ...]]:
    """Return a row of figures for each file, by its name: `query` selects them from spans, grouped by file."""
    asked = f"SELECT parse_filename(path), {query} FROM spans JOIN sources USING (source_id) GROUP BY path"
    return {name: tuple(figures) for name, *figures in rows(lens, asked)}


def account(lens: Lens) -> list[tuple[int, int, int, int]]:
    """Return records, accepted, rejected and skipped of each source."""
    return rows(lens, "SELECT records, accepted, rejected, skipped FROM sources ORDER BY path")


def assert_accounts_balance(lens: Lens, rejected: int = 0) -> None:
    """Records = accepted + rejected + skipped, and each rejected one is a row."""
    for records, accepted, bad, skipped in account(lens):
        assert records == accepted + bad + skipped
        assert accepted >= 0
    assert one(lens, "SELECT coalesce(sum(rejected), 0)::BIGINT FROM sources") == rejected
    assert one(lens, "SELECT count(*) FROM rejects") == rejected


def assert_places_hold(lens: Lens) -> None:
    """The bytes at the place of every row are JSON of their own, and begin on the line that the row names."""
    texts = {number: Path(path).read_bytes() for number, path in rows(lens, "SELECT source_id, path FROM sources")}
    for table in EVIDENCE:
        query = f"SELECT DISTINCT source_id, source_offset, source_length, source_line FROM {table} ORDER BY ALL"
        counted_to, line, current = 0, 0, None
        for source_id, offset, length, number in rows(lens, query):
            data = texts[source_id]
            if source_id != current:
                counted_to, line, current = 0, 1, source_id
            line, counted_to = line + data.count(b"\n", counted_to, offset), offset
            text = data[offset : offset + length]
            assert isinstance(json.loads(text), (dict, list)), (table, offset, text[:80])
            assert line == number, (table, offset)


def assert_nothing_dangles(lens: Lens) -> None:
    """Messages and events hang on spans that are there, and every message that is shown is stored."""
    for table in ("span_messages", "span_events"):
        assert one(lens, f"SELECT count(*) FROM {table} ANTI JOIN spans USING (trace_id, span_id)") == 0
    assert one(lens, "SELECT count(*) FROM span_messages ANTI JOIN messages USING (message_hash)") == 0
    positions = "SELECT count(*) <> count(DISTINCT position) FROM span_messages GROUP BY trace_id, span_id, direction"
    assert (True,) not in rows(lens, positions)


def evidence(
    lens: Lens, tables: Iterable[str] = ("spans", "messages", "span_messages", "span_events", "span_links")
) -> dict[str, Any]:
    """Return everything a lens holds but the numbers of its sources, for comparison."""
    return {table: sorted(map(repr, rows(lens, f"SELECT * EXCLUDE (source_id) FROM {table}"))) for table in tables}
