"""The standard library as a whole: each module stands on what it says, explains itself, and answers on an empty lens."""

from __future__ import annotations

import duckdb
import pytest

from agentlens._catalog import Module, install_library, install_schema, library
from agentlens._detect import Detector, all_detectors

MODULES = [module.name for module in library()]
FINDING_COLUMNS = [
    "tier",
    "severity",
    "trace_id",
    "agent_name",
    "span_ids",
    "start_time",
    "end_time",
    "summary",
    "evidence",
    "tokens_wasted",
    "cost_usd_wasted",
]


@pytest.fixture(scope="module")
def empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    install_schema(con)
    install_library(con)
    return con


@pytest.mark.parametrize("name", MODULES)
def test_a_module_needs_nothing_but_what_it_includes(name: str) -> None:
    con = duckdb.connect()
    install_schema(con)
    install_library(con, only=name)


@pytest.mark.parametrize("module", library(), ids=MODULES)
def test_everything_is_explained(module: Module) -> None:
    assert module.comment and module.objects
    for item in module.objects:
        assert item.comment, f"{item.name} has no comment"
        assert item.kind in ("VIEW", "MACRO")


def test_every_column_of_every_view_is_explained(empty: duckdb.DuckDBPyConnection) -> None:
    query = (
        "SELECT name, column_name FROM catalog WHERE kind = 'view' AND column_name IS NOT NULL AND description IS NULL"
    )
    assert empty.sql(query).fetchall() == []


def test_every_view_answers_on_an_empty_lens(empty: duckdb.DuckDBPyConnection) -> None:
    views = empty.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert len(views) > 25
    for (view,) in views:
        empty.sql(f'FROM "{view}"').fetchall()


@pytest.mark.parametrize("name", all_detectors())
def test_a_detector_has_the_columns_of_a_finding_and_finds_nothing_in_nothing(
    name: str, empty: duckdb.DuckDBPyConnection
) -> None:
    relation = empty.sql(f"FROM detect_{name}()")
    assert relation.columns == FINDING_COLUMNS
    assert relation.fetchall() == []
    can_look, reason = empty.sql(f"FROM _needs_{name}").fetchall()[0]
    assert can_look is False and reason


@pytest.mark.parametrize("detector", all_detectors().values(), ids=list(all_detectors()))
def test_a_detector_says_what_it_means_why_it_matters_and_what_it_misses(detector: Detector) -> None:
    assert detector.scope in ("trace", "fleet")
    for word in ("Means:", "Matters:", "Leaves alone:", "Misses:"):
        assert word in detector.doc
