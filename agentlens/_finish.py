"""Turns staged rows into evidence once all sources are read: duplicates, trees, inheritance, agents, accounts."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agentlens._reused_ids import reject_reused_ids
from agentlens._staging import SLICE_BYTES, Staging
from agentlens._tree import indices, nearest, order_forest

# Tables whose texts may be long, and whose rows move as they are.
MOVED = (
    "messages",
    "span_events",
    "span_links",
    "rejects",
    "documents",
    "sections",
    "status_reports",
    "agent_messages",
    "delegations",
)

# Why a span that another record has already is skipped.
DUPLICATE = "duplicate span"


def finish(
    con: duckdb.DuckDBPyConnection, staging: Staging, span_formats: list[str], single_use_formats: list[str]
) -> None:
    """Move everything staged into the evidence tables.

    `span_formats` are the formats whose records are spans: there a duplicate span is a skipped record. Where it says something
    else, and the format is one of `single_use_formats`, whose logs give each id once, it is a reject.
    """
    staging.make_room()
    for table, formats in (("span_formats", span_formats), ("single_use_formats", single_use_formats)):
        con.execute(f"CREATE TEMP TABLE {table} AS SELECT unnest($formats::VARCHAR[]) AS format", {"formats": formats})
    _collect(con, "cached_records", staging)
    _run(con, "settle_input_tokens")  # before the spans of earlier reads, already settled, are staged again
    _run(con, "unframe_tool_calls")
    _gather_spans(con, staging)
    if _has_duplicate_spans(con):
        con.execute("SET VARIABLE duplicate = $reason", {"reason": DUPLICATE})
        _collect(con, "compared_spans", staging)
        _run(con, "drop_duplicate_spans")
        for source_id, rejected in reject_reused_ids(con, staging):
            con.execute(_text("account_reused_ids"), {"source_id": source_id, "rejected": rejected})
    _run(con, "sort_spans")
    con.register("arriving_tree", _tree(con))
    _run(con, "place_spans")
    con.unregister("arriving_tree")
    if len(_formats(con)) > 1:
        _run(con, "match_calls")
    _move_spans(con, staging)
    if "langsmith" in _formats(con):
        _run(con, "chain_runs")
    _run(con, "drop_duplicate_documents")
    _run(con, "move_rows")
    _move_texts(con, staging)
    _run(con, "name_agents")
    _run(con, "forget_flow")


def judge_usage(con: duckdb.DuckDBPyConnection) -> None:
    """Write the usage ledger anew, from the spans and their prices."""
    _run(con, "judge_usage")


def _run(con: duckdb.DuckDBPyConnection, step: str) -> None:
    con.execute(_text(step))


def _text(step: str) -> str:
    return (files("agentlens") / "finish" / f"{step}.sql").read_text("utf-8")


def _collect(con: duckdb.DuckDBPyConnection, table: str, staging: Staging) -> None:
    """Make a temporary table of what the query of its name says of staged spans, a slice of them at a time."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {_text(table)}", {"first_row": 0, "last_row": -1})
    for slice_ in staging.slices("spans"):
        con.execute(f"INSERT INTO {table} {_text(table)}", slice_)


def _gather_spans(con: duckdb.DuckDBPyConnection, staging: Staging) -> None:
    for run in _rows(con, "kept_slices"):
        staging.note("spans", run["rows"], run["bytes"])
    staging.make_room()
    _run(con, "gather_spans")  # at once: of what is compressed, a slice costs as much as all before it


def _move_spans(con: duckdb.DuckDBPyConnection, staging: Staging) -> None:
    _collect(con, "span_sizes", staging)
    for stretch in _rows(con, "cut_stretches"):
        con.execute(_text("move_spans"), stretch)


def _move_texts(con: duckdb.DuckDBPyConnection, staging: Staging) -> None:
    for table in MOVED:
        for slice_ in staging.slices(table):
            con.execute(
                f"INSERT INTO {table} BY NAME FROM staged_{table} WHERE rowid BETWEEN $first_row AND $last_row", slice_
            )


def _rows(con: duckdb.DuckDBPyConnection, step: str) -> list[dict[str, int]]:
    """Return the slices that a step cuts."""
    rows: list[dict[str, int]] = con.sql(_text(step), params={"slice_bytes": SLICE_BYTES}).to_arrow_table().to_pylist()
    return rows


def _has_duplicate_spans(con: duckdb.DuckDBPyConnection) -> bool:
    _run(con, "doubled_spans")
    return bool(con.execute("FROM doubled_spans LIMIT 1").fetchall())


def _formats(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Return the formats of all that was read, earlier and now."""
    query = "SELECT DISTINCT format FROM (FROM sources UNION ALL BY NAME FROM staged_sources)"
    return {format_ for (format_,) in con.execute(query).fetchall()}


def _tree(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return one row a span, in tree order: its tree columns, and the indices of the spans it takes names from.

    Of millions of spans only numbers come out of the database; the names stay there, where they may be spilled.
    """
    spans = con.sql(
        "SELECT parent, agent_name IS NOT NULL AS has_agent, conversation_id IS NOT NULL AS has_conversation FROM sorted_spans ORDER BY index"
    ).to_arrow_table()
    highest = pc.max(spans["parent"]).as_py()
    return _grown(spans, con) if highest is not None and highest >= 0 else _only_roots(spans)


def _only_roots(spans: pa.Table) -> pa.Table:
    """Return the tree of spans of which none has a parent: each is a tree of its own."""
    places = np.arange(len(spans), dtype=np.int32)
    zeros = np.zeros(len(spans), np.int32)
    sources = (np.where(_flags(spans[flag]), places, -1) for flag in ("has_agent", "has_conversation"))
    return _placed(zeros, places, places + 1, places, zeros.astype(bool), *sources)


def _grown(spans: pa.Table, con: duckdb.DuckDBPyConnection) -> pa.Table:
    parents = indices(spans["parent"].to_numpy())
    starts = con.sql("SELECT min(index) AS start FROM sorted_spans GROUP BY trace_id ORDER BY 1").to_arrow_table()
    forest = order_forest(parents, indices(starts["start"].to_numpy()))
    cut = np.zeros(len(spans), bool)
    for index in forest.cut:
        parents[index], cut[index] = -1, True
    has_agent, has_conversation = _flags(spans["has_agent"]), _flags(spans["has_conversation"])
    roots = np.asarray(forest.root)
    agent_from = np.asarray(nearest(has_agent.tobytes(), parents, forest.order))
    conversation_from = np.asarray(nearest(has_conversation.tobytes(), parents, forest.order))
    conversation_from = np.where(has_conversation[roots], roots, conversation_from)
    columns = (np.asarray(column) for column in (forest.depth, forest.preorder, forest.subtree_end))
    return _placed(*columns, roots, cut, agent_from, conversation_from)


def _placed(*columns: NDArray[Any]) -> pa.Table:
    """Return the columns of the tree, one row a span; `root` and those with `from` are indices of spans, -1 for none."""
    names = ["depth", "preorder", "subtree_end", "root", "is_cycle_broken", "agent_from", "conversation_from"]
    return pa.table([np.arange(len(columns[0]), dtype=np.int32), *columns], names=["index", *names])


def _flags(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(), bool)
