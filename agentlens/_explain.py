"""What explains a selection: everything that can be said of spans, ranked by how much more it is said of these."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from agentlens._catalog import quote
from agentlens._errors import AgentLensError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Z = 1.959964
MOST_ALSO = 5

_CHOOSE = "CREATE OR REPLACE TEMP TABLE {table} AS SELECT DISTINCT {unit} AS unit FROM spans WHERE {condition}"
# One row a feature: how many chosen and other units have it. Features of exactly the same units fall together.
_COUNT = """
WITH units AS (SELECT DISTINCT {unit} AS unit FROM spans WHERE {scope}),
said AS (
  SELECT DISTINCT kind, feature, value, {unit} AS unit
  FROM span_features
  WHERE kind <> 'outcome' AND {unit} IN (SELECT unit FROM units)
),
counted AS (
  SELECT
    kind, feature, value, count(chosen.unit) AS inside, count(*) - count(chosen.unit) AS outside,
    bit_xor(hash(said.unit)) AS same_units
  FROM said
  LEFT JOIN _chosen AS chosen ON chosen.unit = said.unit
  GROUP BY kind, feature, value
  HAVING count(chosen.unit) >= $min_n
),
grouped AS (
  SELECT
    first(struct_pack(kind, feature, value) ORDER BY {order}) AS best, inside, outside,
    list(concat_ws(' ', kind, feature, '=', value) ORDER BY {order})[2:{most} + 1] AS also
  FROM counted
  GROUP BY inside, outside, same_units
)
SELECT
  best.kind, best.feature, best.value, inside, outside, also,
  (SELECT count(*) FROM units WHERE unit IN (SELECT unit FROM _chosen)) AS inside_total,
  (SELECT count(*) FROM units WHERE unit NOT IN (SELECT unit FROM _chosen)) AS outside_total
FROM grouped
ORDER BY ALL
"""
# Of features that come to the same, the one that says most about a cause stands first.
_ORDER = (
    "list_position(['version', 'attribute', 'argument', 'column', 'above', 'size', 'word'], kind), feature = 'system_prompt', "
    "feature, value"
)


def explain(
    con: duckdb.DuckDBPyConnection, selection: str | Sequence[str], min_n: int, against: str | Sequence[str] | None
) -> duckdb.DuckDBPyRelation:
    """Return what is over-represented in a selection, as `Lens.explain` says."""
    unit, condition = _choose(con, "_chosen", selection)
    # Spans are compared with spans that do the same kind of thing; a tool call is not explained by being one.
    scope = "true"
    if unit == "preorder":
        scope = "operation_name IN (SELECT operation_name FROM spans SEMI JOIN _chosen ON unit = preorder) OR operation_name IS NULL AND (SELECT bool_or(operation_name IS NULL) FROM spans SEMI JOIN _chosen ON unit = preorder)"
    if against is not None:
        other, _ = _choose(con, "_others", against)
        if other != unit:
            raise AgentLensError("Traces can be explained against traces only, and spans against spans.")
        scope = f"({scope}) AND ({unit} IN (SELECT unit FROM _chosen) OR {unit} IN (SELECT unit FROM _others))"
    query = _COUNT.format(unit=unit, scope=scope, order=_ORDER, most=MOST_ALSO)
    table = con.sql(query, params={"min_n": min_n}).to_arrow_table()
    con.register("arriving_features", _judge(table))
    con.execute("CREATE OR REPLACE TEMP TABLE explanation AS FROM arriving_features")
    con.unregister("arriving_features")
    return con.sql(_without_named(condition))


def _choose(con: duckdb.DuckDBPyConnection, table: str, selection: str | Sequence[str]) -> tuple[str, str]:
    """Fill a temporary table with the units of a selection; return the unit and the condition that picks them."""
    unit, condition, params = _understand(con, selection)
    con.execute(_CHOOSE.format(table=table, unit=unit, condition=condition), params)
    if not con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]:
        raise AgentLensError("The selection is empty: no span or trace of this lens is in it.")
    return unit, condition


def _understand(con: duckdb.DuckDBPyConnection, selection: str | Sequence[str]) -> tuple[str, str, dict[str, Any]]:
    """Return the unit that is counted (traces or spans), a condition that picks it, and the parameters of that."""
    if isinstance(selection, str):
        try:
            con.execute(f"SELECT 1 FROM spans WHERE ({selection}\n) LIMIT 1").fetchall()
        except duckdb.Error as error:
            raise AgentLensError(f"{selection!r} is no condition over `spans`: {error}") from error
        return "preorder", f"({selection}\n)", {}
    ids = list(selection)
    traces = con.execute("SELECT count(*) FROM (SELECT DISTINCT trace_id FROM spans WHERE trace_id IN (SELECT unnest($ids::VARCHAR[])))", {"ids": ids}).fetchall()[0][0]  # fmt: skip
    column = "trace_id" if traces else "span_id"
    return "trace_id" if traces else "preorder", f"{column} IN (SELECT unnest($ids::VARCHAR[]))", {"ids": ids}


def _without_named(condition: str) -> str:
    """Return the question for the answer: what the condition itself names explains nothing and is left out."""
    named = sorted(set(re.findall(r"[a-z_]\w*", re.sub(r"'[^']*'", "", condition.lower()))))
    named += [name.removesuffix("_ns") for name in named]
    listed = ", ".join(f"'{name}'" for name in named)
    return f"FROM explanation WHERE feature NOT IN ({listed}) ORDER BY p_value, ratio_low DESC, kind, feature, value"


def _judge(table: Any) -> Any:
    """Add shares, the odds ratio with its 95 % interval (Woolf 1955, Haldane's half added), p- and q-values, and a query."""
    import numpy as np
    import pyarrow as pa
    from scipy.stats import false_discovery_control, hypergeom

    inside, outside, n, m = (
        table[name].to_numpy().astype(np.float64) for name in ("inside", "outside", "inside_total", "outside_total")
    )
    p_values = hypergeom.sf(inside - 1, n + m, inside + outside, n) if len(inside) else inside
    a, b, c, d = inside + 0.5, outside + 0.5, n - inside + 0.5, m - outside + 0.5
    ratio, reach = (a * d) / (b * c), np.exp(Z * np.sqrt(1 / a + 1 / b + 1 / c + 1 / d))
    q_values = false_discovery_control(np.clip(p_values, 0, 1)) if len(inside) else inside
    columns = {
        "inside_rate": inside / n if len(inside) else inside, "outside_rate": outside / np.maximum(m, 1), "ratio": ratio,
        "ratio_low": ratio / reach, "ratio_high": ratio * reach, "p_value": p_values, "q_value": q_values,
    }  # fmt: skip
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.float64()))
    rows = zip(*(table[name].to_pylist() for name in ("kind", "feature", "value")))
    return table.append_column("sql", pa.array([_question(*row) for row in rows], pa.string()))


def _question(kind: str, feature: str, value: str) -> str:
    """Return the query that finds the spans of which a feature is said."""
    said = " AND ".join(
        f"{column} = {quote(text)}" for column, text in (("kind", kind), ("feature", feature), ("value", value))
    )
    return f"FROM spans SEMI JOIN (FROM span_features WHERE {said}) USING (preorder)"
