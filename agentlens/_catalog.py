"""Installs the evidence tables and the SQL standard library, and turns their comments into DuckDB's own."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import duckdb

from agentlens._errors import AgentLensError

SCHEMA_VERSION = 5

_OBJECT = re.compile(
    r"(?P<doc>(?:^--[^\n]*\n)*)^CREATE (?P<kind>TABLE|VIEW|MACRO)\s+(?P<name>\w+)(?P<body>.*?);[ \t]*$",
    re.MULTILINE | re.DOTALL,
)
_COLUMN = re.compile(r"(?P<doc>(?:^[ \t]*--[^\n]*\n)+)^[ \t]*\"?(?P<name>\w+)", re.MULTILINE)
_INCLUDE = re.compile(r"^-- include: ([\w.]+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class SqlObject:
    """One CREATE statement of a module: its kind, name, text and the comments that document it."""

    kind: str
    name: str
    statement: str
    comment: str
    column_comments: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Module:
    """One `.sql` file: its name (`tokens.usage_ledger`), what it stands on, and what it creates."""

    name: str
    comment: str
    includes: tuple[str, ...]
    objects: tuple[SqlObject, ...]


def install_schema(con: duckdb.DuckDBPyConnection) -> None:
    """Create the evidence tables that are missing, with a comment on every table and column."""
    for module in _modules("schema"):
        for item in module.objects:
            con.execute(f"{item.statement.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS', 1)};{_comments(item)}")


def install_library(con: duckdb.DuckDBPyConnection, only: str | None = None) -> None:
    """Create or replace the views and macros of the standard library; `only` installs one module and what it includes."""
    modules = {module.name: module for module in _modules("sql")}
    for module in _in_order(modules, [only] if only else sorted(modules)):
        for item in module.objects:
            con.execute(f"{item.statement.replace('CREATE ', 'CREATE OR REPLACE ', 1)};{_comments(item)}")


def library() -> tuple[Module, ...]:
    """Return the modules of the standard library, for documentation and tests."""
    return _modules("sql")


def evidence() -> tuple[Module, ...]:
    """Return the modules of the evidence tables."""
    return _modules("schema")


def table_columns(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the evidence tables with their columns and types, in the order of the schema."""
    tables: dict[str, dict[str, str]] = {module.name: {} for module in _modules("schema")}
    rows = con.execute("""
        SELECT table_name, column_name, data_type FROM duckdb_columns()
        WHERE database_name = current_database() AND schema_name = 'main' ORDER BY column_index
    """).fetchall()
    for table, column, kind in rows:
        if table in tables:
            tables[table][column] = kind
    return tables


@functools.cache
def _modules(room: str) -> tuple[Module, ...]:
    root = files("agentlens") / room
    return tuple(_parse(name, item.read_text("utf-8")) for name, item in sorted(_sql_files(root, "")))


def _sql_files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _sql_files(item, f"{prefix}{item.name}.")
        elif item.name.endswith(".sql"):
            found.append((prefix + item.name.removesuffix(".sql"), item))
    return found


def _parse(name: str, text: str) -> Module:
    objects = tuple(_object(match) for match in _OBJECT.finditer(text))
    header = re.match(r"(?:--[^\n]*\n)*", text)
    return Module(name, _plain(header.group() if header else ""), tuple(_INCLUDE.findall(text)), objects)


def _object(match: re.Match[str]) -> SqlObject:
    kind, name, body = match["kind"], match["name"], match["body"]
    columns = body if kind == "TABLE" else body.partition(") AS")[0] if kind == "VIEW" else ""
    comments = tuple((c["name"], _plain(c["doc"])) for c in _COLUMN.finditer(columns))
    return SqlObject(kind, name, f"CREATE {kind} {name}{body}", _plain(match["doc"]), comments)


def _plain(comment: str) -> str:
    lines = [line.strip().removeprefix("--").strip() for line in comment.splitlines()]
    return "\n".join(line for line in lines if not line.startswith("include: ")).strip()


def _in_order(modules: dict[str, Module], wanted: list[str]) -> list[Module]:
    ordered: dict[str, Module] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name in path:
            raise AgentLensError(f"SQL modules include each other in a circle: {' -> '.join((*path, name))}.")
        if name not in modules:
            raise AgentLensError(f"SQL module {path[-1] if path else '?'} includes {name}, which does not exist.")
        for include in modules[name].includes:
            visit(include, (*path, name))
        ordered[name] = modules[name]

    for name in wanted:
        visit(name, ())
    return list(ordered.values())


def _comments(item: SqlObject) -> str:
    """Return the statements that hand an object's comments to DuckDB."""
    if item.kind == "MACRO":
        kind = "MACRO TABLE" if re.search(r"\bAS\s+TABLE\b", item.statement) else "MACRO"
    else:
        kind = item.kind
    statements = [f"COMMENT ON {kind} {item.name} IS {quote(item.comment)};"] if item.comment else []
    statements += [
        f'COMMENT ON COLUMN {item.name}."{column}" IS {quote(comment)};' for column, comment in item.column_comments
    ]
    return "".join(statements)


def quote(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
