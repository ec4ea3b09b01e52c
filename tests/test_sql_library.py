"""The standard library as a whole answers on an empty lens, and its detectors have the columns of a finding and a page."""

from __future__ import annotations

import duckdb
import pytest

from agentlens._catalog import install_library, install_schema
from agentlens._detect import Detector, all_detectors

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
