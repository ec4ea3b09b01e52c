"""The standard library installs piece by piece, and every piece of the catalogue explains itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import agentlens
from agentlens._catalog import Module, install_library, install_schema, library

MODULES = library()
SQL = Path(agentlens.__file__).parent / "sql"


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        install_schema(connection)
        yield connection


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_stands_on_what_it_includes_alone(module: Module, con: duckdb.DuckDBPyConnection) -> None:
    install_library(con, only=module.name)
    for item in module.objects:
        if item.kind == "VIEW":
            con.execute(f"FROM {item.name} LIMIT 1").fetchall()


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_is_only_views_and_macros_and_says_what_it_is_for(module: Module) -> None:
    assert module.comment
    assert module.objects
    assert {item.kind for item in module.objects} <= {"VIEW", "MACRO"}
    text = (SQL / f"{module.name.replace('.', '/')}.sql").read_text("utf-8")
    without_comments = re.sub(r"--[^\n]*", "", text)
    assert len(re.findall(r"^CREATE\b", without_comments, re.MULTILINE)) == len(module.objects)


def test_every_name_is_created_once() -> None:
    names = [item.name for module in MODULES for item in module.objects]
    assert len(names) == len(set(names))


def test_every_table_view_macro_and_column_has_a_comment(con: duckdb.DuckDBPyConnection) -> None:
    install_library(con)
    bare = con.execute("""
        SELECT 'table ' || table_name FROM duckdb_tables() WHERE NOT internal AND comment IS NULL
        UNION ALL SELECT 'view ' || view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL
        UNION ALL SELECT 'macro ' || function_name FROM duckdb_functions()
          WHERE NOT internal AND function_type IN ('macro', 'table_macro') AND comment IS NULL
        UNION ALL SELECT 'column ' || table_name || '.' || column_name FROM duckdb_columns()
          WHERE NOT internal AND comment IS NULL AND NOT starts_with(table_name, '_')
    """).fetchall()
    assert bare == []


def test_installing_again_changes_nothing(con: duckdb.DuckDBPyConnection) -> None:
    install_library(con)
    before = con.execute("SELECT view_name, sql, comment FROM duckdb_views() ORDER BY ALL").fetchall()
    install_library(con)
    assert con.execute("SELECT view_name, sql, comment FROM duckdb_views() ORDER BY ALL").fetchall() == before


def test_nothing_in_the_library_names_a_file_or_a_setting() -> None:
    for path in SQL.rglob("*.sql"):
        text = re.sub(r"--[^\n]*|'(?:[^']|'')*'", "", path.read_text("utf-8")).lower()
        assert not re.search(r"\b(read_\w+\s*\(|attach\b|copy\b|install\b|load\b|pragma\b)", text), path
