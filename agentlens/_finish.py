"""Turns staged rows into evidence once all sources are read: duplicates, trees, inheritance, agents, accounts."""

from __future__ import annotations

from importlib.resources import files

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agentlens._tree import Forest, Indices, indices, nearest, order_forest

Places = NDArray[np.int32]


def finish(con: duckdb.DuckDBPyConnection, span_formats: list[str]) -> None:
    """Move everything staged into the evidence tables.

    `span_formats` are the formats whose records are spans: there a duplicate span is a skipped record.
    """
    con.execute(
        "CREATE TEMP TABLE span_formats AS SELECT unnest($formats::VARCHAR[]) AS format", {"formats": span_formats}
    )
    _run(con, "settle_input_tokens")  # before the spans of earlier reads, already settled, are staged again
    _run(con, "gather_spans")
    if _has_duplicate_spans(con):
        _run(con, "drop_duplicate_spans")
    _run(con, "sort_spans")
    con.register("arriving_tree", _tree(con))
    if _has_several_formats(con):
        _run(con, "match_calls")
    _run(con, "move_spans")
    con.unregister("arriving_tree")
    _run(con, "drop_duplicate_documents")
    _run(con, "move_rows")
    _run(con, "name_agents")
    _run(con, "forget_flow")


def judge_usage(con: duckdb.DuckDBPyConnection) -> None:
    """Write the usage ledger anew, from the spans and their prices."""
    _run(con, "judge_usage")


def _run(con: duckdb.DuckDBPyConnection, step: str) -> None:
    con.execute((files("agentlens") / "finish" / f"{step}.sql").read_text("utf-8"))


def _has_duplicate_spans(con: duckdb.DuckDBPyConnection) -> bool:
    query = "SELECT count(*) > (SELECT count(*) FROM (SELECT DISTINCT trace_id, span_id FROM staged_spans)) FROM staged_spans"
    return bool(con.execute(query).fetchall()[0][0])


def _has_several_formats(con: duckdb.DuckDBPyConnection) -> bool:
    query = "SELECT count(DISTINCT format) > 1 FROM (FROM sources UNION ALL BY NAME FROM staged_sources)"
    return bool(con.execute(query).fetchall()[0][0])


def _tree(con: duckdb.DuckDBPyConnection) -> pa.Table:
    """Return one row a span, in tree order: where it is staged, its tree columns, and what it inherits."""
    spans = con.sql("FROM sorted_spans ORDER BY index").to_arrow_table()
    highest = pc.max(spans["parent"]).as_py()
    return _grown(spans, con) if highest is not None and highest >= 0 else _only_roots(spans)


def _only_roots(spans: pa.Table) -> pa.Table:
    """Return the tree of spans of which none has a parent: each is a tree of its own."""
    places, no = pa.array(np.arange(len(spans))), pa.repeat(pa.scalar(value=False), len(spans))
    return pa.table({
        "staged_row": spans["staged_row"],
        "depth": pa.repeat(pa.scalar(0, pa.int32()), len(spans)),
        "preorder": places,
        "subtree_end": pc.add(places, 1),
        "root_span_id": spans["span_id"],
        "is_orphan": spans["is_orphan"],
        "is_cycle_broken": no,
        "agent_name": spans["agent_name"],
        "is_agent_inherited": no,
        "conversation_id": spans["conversation_id"],
        "is_conversation_inherited": no,
    })  # fmt: skip


def _grown(spans: pa.Table, con: duckdb.DuckDBPyConnection) -> pa.Table:
    parents = indices(spans["parent"].to_numpy())
    starts = con.execute("SELECT min(index) FROM sorted_spans GROUP BY trace_id ORDER BY 1").fetchall()
    forest = order_forest(parents, [start for (start,) in starts])
    cut = np.zeros(len(spans), bool)
    for index in forest.cut:
        parents[index], cut[index] = -1, True
    agents, conversations, roots = spans["agent_name"], spans["conversation_id"], np.asarray(forest.root)
    agent_from = _nearest(agents, parents, forest)
    conversation_from = _nearest(conversations, parents, forest)
    conversation_from = np.where(_valid(conversations)[roots], roots, conversation_from)
    conversation = _take(conversations, conversation_from)
    other = pc.fill_null(pc.not_equal(conversation, conversations), True)
    return pa.table({
        "staged_row": spans["staged_row"],
        "depth": pa.array(np.asarray(forest.depth), pa.int32()),
        "preorder": pa.array(np.asarray(forest.preorder), pa.int64()),
        "subtree_end": pa.array(np.asarray(forest.subtree_end), pa.int64()),
        "root_span_id": _take(spans["span_id"], roots),
        "is_orphan": spans["is_orphan"],
        "is_cycle_broken": pa.array(cut),
        "agent_name": _take(agents, agent_from),
        "is_agent_inherited": pa.array((agent_from >= 0) & (agent_from != np.arange(len(spans)))),
        "conversation_id": conversation,
        "is_conversation_inherited": pc.and_(pa.array(conversation_from >= 0), other),
    })  # fmt: skip


def _nearest(values: pa.ChunkedArray, parents: Indices, forest: Forest) -> Places:
    return np.asarray(nearest(_valid(values).tobytes(), parents, forest.order))


def _valid(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(values).to_numpy())


def _take(values: pa.ChunkedArray, places: Places) -> pa.ChunkedArray:
    """Return the values at the places, NULL where a place is -1."""
    return values.take(pa.array(places, mask=places < 0))
