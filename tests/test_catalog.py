"""How a `.sql` module becomes objects with comments."""

from __future__ import annotations

import duckdb
import pytest

from agentlens import AgentLensError
from agentlens._catalog import _in_order, _parse, install_library, install_schema, library, table_columns
from agentlens._evidence import COMPUTED

TEXT = """-- What the module is for.
-- include: other.one

-- Twice as much;
-- said in two lines.
CREATE VIEW doubled (
  -- The number.
  n,
  -- Its double; a semicolon is no end.
  twice
) AS
SELECT n, 2 * n FROM numbers;

-- Adds one.
CREATE MACRO plus_one(x) AS x + 1;

-- Counts.
CREATE MACRO counted(most := 3) AS TABLE
SELECT * FROM range(most);
"""


def test_a_module_is_parsed_into_its_objects_and_their_comments() -> None:
    module = _parse("one.two", TEXT)
    assert (module.comment, module.includes) == ("What the module is for.", ("other.one",))
    assert [(item.kind, item.name, item.comment) for item in module.objects] == [
        ("VIEW", "doubled", "Twice as much;\nsaid in two lines."),
        ("MACRO", "plus_one", "Adds one."),
        ("MACRO", "counted", "Counts."),
    ]
    assert module.objects[0].column_comments == (("n", "The number."), ("twice", "Its double; a semicolon is no end."))


def test_modules_come_after_what_they_include() -> None:
    modules = {
        name: _parse(name, f"-- {name}\n-- include: {include}\n" if include else "")
        for name, include in {"a": "b", "b": "c", "c": ""}.items()
    }
    assert [module.name for module in _in_order(modules, ["a"])] == ["c", "b", "a"]


def test_a_circle_of_includes_and_a_missing_one_are_named() -> None:
    circle = {name: _parse(name, f"-- {name}\n-- include: {other}\n") for name, other in {"a": "b", "b": "a"}.items()}
    with pytest.raises(AgentLensError, match="a -> b -> a"):
        _in_order(circle, ["a"])
    with pytest.raises(AgentLensError, match="includes z, which does not exist"):
        _in_order({"a": _parse("a", "-- a\n-- include: z\n")}, ["a"])


def test_every_evidence_row_can_carry_its_place() -> None:
    with duckdb.connect() as con:
        install_schema(con)
        tables = table_columns(con)
    apart = {
        "sources",
        "findings",
        "checks",
        "drift_changes",
        "text_vectors",
        "token_prices",
        "context_windows",
        "lens_properties",
        "flow_quotes",
        "flow_tokens",
        "flow_rereads",
        "unmended_failures",
    }
    apart |= {"notes", "hypotheses", "saved_queries"}  # the words of people
    apart |= {"redaction_proofs"}  # of a copy: it has no sources of its own
    for table in tables.keys() - apart:
        assert {"source_id", "source_line", "source_offset", "source_length"} <= tables[table].keys(), table
    assert tables["spans"].keys() >= COMPUTED


def test_every_column_is_described_by_its_own_comment() -> None:
    with duckdb.connect() as con:
        install_schema(con)
        install_library(con)
        described = {
            (table, column): text
            for table, column, text in con.execute(
                "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
            ).fetchall()
        }
    written = {
        (item.name, column): text
        for module in library()
        for item in module.objects
        if not item.name.startswith("_")
        for column, text in item.column_comments
    }
    assert {place: described[place] for place in written} == written
