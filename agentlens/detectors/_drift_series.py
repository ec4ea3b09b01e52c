"""The series in which drift is looked for: each measure of each agent, its mix of tools, and what several agents share."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agentlens.detectors import change_points as cp
from agentlens.detectors._drift_words import MEASURES

LIMIT = 0.05
MOST_STRATA = 12
MOST_OBSERVATIONS = 20_000  # of one series; of a longer one every second, third, ... is looked at
MOST_TOOLS = 20  # of a mix; the rarer ones count as one
ROWS_AT_ONCE = 100_000
DAYS_OF_PATTERN, SURE_OF_PATTERN = 4, 0.001
DAY_NS = 86_400 * 10**9


@dataclass
class Series:
    """One measure over time, of one agent or of what several agents share; `values` has a column a tool for a mix of tools.

    `places` says where in tree order the task or call behind each value stands; -1 where there is none.
    """

    agent_name: str | None
    measure: str
    tool_name: str | None
    is_rate: bool
    times: cp.Ints
    values: cp.Floats
    places: cp.Ints
    strata: cp.Ints
    tasks: cp.Ints
    dimension: str = "agent"
    member: str | None = None
    units: NDArray[np.str_] | None = None
    columns: tuple[str, ...] = ()
    p_value: float | None = None
    q_value: float | None = None
    mixed_p_value: float | None = None
    mixed_q_value: float | None = None
    shape: str = "none"
    inflation: float = 1.0
    memory: float = 0.0  # of all series that are tested with it
    known_points: cp.Points | None = None

    @property
    def rng(self) -> np.random.Generator:
        """A generator of its own, the same on every run."""
        name = self.agent_name or f"{self.dimension}/{self.member}"
        return np.random.default_rng(zlib.crc32(f"{name}/{self.measure}/{self.tool_name}".encode()))

    @property
    def points(self) -> cp.Points:
        """What of it is tested, worked out once."""
        if self.known_points is None:
            self.known_points = cp.points_of(self.values, self.strata)
        return self.known_points

    @property
    def subject(self) -> str:
        """Whom a sentence about the series is about."""
        return self.agent_name if self.agent_name is not None else f"{self.dimension} {self.member}"


class Part(NamedTuple):
    """Rows in time order, and the measures that all of them have: series of one agent or tool, or of what several agents share."""

    key: str | None
    measures: list[str]
    rows: pa.Table


# Everything is measured once, a row a task or call and a column a measure: a row an observation takes ten times as long. What series are read from
# is put in the order of time once, not for each of them. Places stand for spans: ids are long, and would be copied from table to table.
_GATHERED = {
    "_owned": "FROM _tasks_of_calls",
    "_models": "SELECT * EXCLUDE (trace_id, span_id) FROM _model_calls_of_tasks('_owned')",
    "_tools": "SELECT * EXCLUDE (trace_id, span_id) FROM _tool_calls_of_tasks('_owned')",
    "_failures": "SELECT preorder, kind FROM errors",
    "_known": "SELECT * EXCLUDE (trace_id, span_id) FROM _tasks_of('_owned', '_models', '_tools', '_failures')",
    "_used": "FROM _tools_of_tasks('_tools')",
    "_of_tasks": """
        SELECT *, 1 AS position FROM _measured_tasks('_known') LEFT JOIN _tool_mix_of_tasks('_used') USING (task)
        ORDER BY time, task""",
    "_of_calls": """
        SELECT *, row_number() OVER (PARTITION BY task, agent_name ORDER BY time, preorder) AS position
        FROM _measured_calls('_models', '_failures') LEFT JOIN (SELECT task, task_type, brief_bytes FROM _of_tasks) USING (task)
        ORDER BY time, task, preorder""",
    "_of_tools": """
        SELECT *, 1 AS position
        FROM _measured_tools('_tools') LEFT JOIN (SELECT task, task_type, brief_bytes FROM _of_tasks) USING (task)
        ORDER BY time, task, preorder""",
    "_of_beats": """
        SELECT *, 1 AS position, -1 AS preorder, -row_number() OVER (PARTITION BY agent_name ORDER BY time) AS task,
          NULL::VARCHAR AS task_type, NULL::BIGINT AS brief_bytes
        FROM _heartbeat_gaps
        ORDER BY time, task""",
}
# What is measured of an agent, and what tells its series apart.
_OF_AGENTS = {
    "_of_tasks": "NULL::VARCHAR",
    "_of_calls": "NULL::VARCHAR",
    "_of_tools": "tool_name",
    "_of_beats": "NULL::VARCHAR",
}
# A shared series is worth a question of its own where at least two agents (of an operation: tools or models) make it up.
_SHARED = (
    ("tool", "_of_tools", "tool_name", "agent_name"),
    ("model", "_of_calls", "model", "agent_name"),
    ("operation", "_of_calls", "operation_name", "model"),
    ("operation", "_of_tools", "operation_name", "tool_name"),
)


def all_series(con: duckdb.DuckDBPyConnection) -> Iterator[Series]:
    """Yield every series of a lens: those of each agent, then those that several agents share."""
    for name, query in _GATHERED.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    wanted = {
        table: _wanted(con, table, "agent_name", key, "agent_name IS NOT NULL") for table, key in _OF_AGENTS.items()
    }
    for agent in sorted({str(agent) for of_agents in wanted.values() for agent in of_agents}):
        yield from _of_agent(con, agent, {table: of_agents.get(agent, {}) for table, of_agents in wanted.items()})
    for dimension in _SHARED:
        yield from _shared(con, *dimension)
    for name in _GATHERED:
        con.execute(f"DROP TABLE {name}")


def _of_agent(con: duckdb.DuckDBPyConnection, agent: str, wanted: dict[str, Wanted]) -> list[Series]:
    parts = [
        part
        for table, key in _OF_AGENTS.items()
        for part in _read(con, table, key, "NULL::VARCHAR", "agent_name = $agent", {"agent": agent}, wanted[table])
    ]
    size_matters = _brief_size_changed(parts)
    found = {}
    for part in parts:
        strata = _stratify(part, size_matters)
        for measure in part.measures:
            found[measure, part.key] = _make(part, measure, strata, agent_name=agent, tool_name=part.key)
    mix = found.get(("task_tool_mix", None))
    if mix:
        mix.values, mix.columns = _mixes(con, agent, mix.tasks)
        mix.known_points = None
    completed, failed = found.get(("task_completed", None)), found.get(("task_failed", None))
    # Where every task ended, the one only mirrors the other, and a question asked twice costs power.
    if completed and failed and np.array_equal(completed.values, 1 - failed.values):
        del found["task_completed", None]
    return [found[name] for name in sorted(found, key=lambda name: (name[0], name[1] or ""))]


def _shared(con: duckdb.DuckDBPyConnection, dimension: str, table: str, member: str, unit: str) -> Iterator[Series]:
    where = f"{member} IS NOT NULL AND {unit} IS NOT NULL"
    wanted = _wanted(con, table, "NULL", member, where, f"count(DISTINCT {unit}) > 1").get(None, {})
    for part in _read(con, table, member, unit, where, {}, wanted):
        units = part.rows["unit"].to_numpy().astype(np.str_)
        if len(np.unique(units)) > 1:
            strata = _stratify(part, False, _codes(part.rows["unit"]))
            for measure in part.measures:
                yield _make(part, measure, strata, dimension=dimension, member=part.key, units=units)


class _Group(NamedTuple):
    """Measures that the same rows have: how many rows, and whether they have to be looked for."""

    measures: list[str]
    length: int
    is_complete: bool


Wanted = dict[str | None, list[_Group]]  # by key


def _wanted(
    con: duckdb.DuckDBPyConnection, table: str, owner: str, key: str, where: str, having: str = "true"
) -> dict[str | None, Wanted]:
    """Return by owner and key which measures the rows of a table have that meet both conditions."""
    measures = [name for name, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall() if kind == "DOUBLE"]
    counts = ", ".join(f"count({measure})" for measure in measures)
    query = f"SELECT {owner}, {key}, count(*), {counts} FROM {table} WHERE {where} GROUP BY 1, 2 HAVING {having}"
    found: dict[str | None, Wanted] = {}
    for whose, of, rows, *each in con.execute(query).fetchall():
        found.setdefault(whose, {})[of] = _groups(rows, dict(zip(measures, each)))
    return found


def _groups(rows: int, lengths: dict[str, int]) -> list[_Group]:
    complete = [measure for measure, length in lengths.items() if length == rows]
    some = [_Group([measure], length, False) for measure, length in lengths.items() if 0 < length < rows]
    return [*([_Group(complete, rows, True)] if complete else []), *some]


def _read(
    con: duckdb.DuckDBPyConnection,
    table: str,
    key: str,
    unit: str,
    where: str,
    params: dict[str, Any],
    wanted: Wanted,
) -> list[Part]:
    """Return the rows that meet a condition, by key and in time order; of a measure with too many, every second, third, ..."""
    if not wanted:
        return []
    measures = dict.fromkeys(measure for groups in wanted.values() for group in groups for measure in group.measures)
    kept: dict[tuple[str | None, int], list[pa.Table]] = {}
    seen: dict[tuple[str | None, int], int] = {}
    query = f"""
        SELECT {key} AS key, {unit} AS unit, epoch_ns(time) AS time, task_type, brief_bytes, preorder, task, position, {", ".join(measures)}
        FROM {table}
        WHERE {where}
    """
    for batch in con.sql(query, params=params).to_arrow_reader(ROWS_AT_ONCE):
        rows = pa.Table.from_batches([batch])
        for of, places in _by_key(rows["key"]):
            for number, group in enumerate(wanted.get(of, [])):
                picked, seen[of, number] = _pick(rows, places, group, seen.get((of, number), 0))
                kept.setdefault((of, number), []).append(picked)
    return [
        Part(of, group.measures, pa.concat_tables(kept[of, number]))
        for of in sorted(wanted, key=str)
        for number, group in enumerate(wanted[of])
    ]


def _by_key(keys: pa.ChunkedArray) -> Iterator[tuple[str | None, cp.Ints]]:
    """Yield every key with the places of its rows, in their order."""
    codes = _codes(keys)
    order = np.argsort(codes, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(places):
            yield keys[int(places[0])].as_py(), places


def _pick(rows: pa.Table, places: cp.Ints, group: _Group, seen: int) -> tuple[pa.Table, int]:
    """Return the rows at some places that have the measures, every second, third, ... where they are too many, and how many there were so far."""
    if not group.is_complete:
        places = places[pc.is_valid(rows[group.measures[0]]).to_numpy()[places]]
    every = math.ceil(group.length / MOST_OBSERVATIONS)
    picked = places[-(seen + 1) % every :: every]
    rows = rows.select(["unit", "time", "task_type", "brief_bytes", "preorder", "task", "position", *group.measures])
    return (rows if len(picked) == len(rows) else rows.take(picked)), seen + len(places)


def _codes(column: pa.ChunkedArray) -> cp.Ints:
    """Return a number for each value, nothing being one of them, in the order in which they first appear."""
    encoded = pc.dictionary_encode(column.combine_chunks(), null_encoding="encode")
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def _make(part: Part, measure: str, strata: cp.Ints, agent_name: str | None = None, **more: Any) -> Series:
    times, values = part.rows["time"].to_numpy(), part.rows[measure].to_numpy()
    strata, points = _by_time_of_day(times, values, strata)
    return Series(
        agent_name,
        measure,
        more.pop("tool_name", None),
        is_rate=MEASURES[measure][1] == "%",
        times=times,
        values=values,
        places=part.rows["preorder"].to_numpy(),
        strata=strata,
        known_points=points,
        tasks=part.rows["task"].to_numpy(),
        **more,
    )


def _mixes(con: duckdb.DuckDBPyConnection, agent: str, tasks: cp.Ints) -> tuple[cp.Floats, tuple[str, ...]]:
    """Return the mix of tools of each task, one column a tool, the rarest ones together in the last."""
    total = con.execute(
        "SELECT tool_name FROM _used WHERE agent_name = $agent GROUP BY tool_name ORDER BY sum(share) DESC, tool_name",
        {"agent": agent},
    ).fetchall()
    kept = [tool for (tool,) in total[:MOST_TOOLS]]
    used = con.execute(
        "SELECT task, coalesce(list_position($kept, tool_name), len($kept) + 1) - 1 AS place, share FROM _used WHERE agent_name = $agent",
        {"agent": agent, "kept": kept},
    ).fetchnumpy()
    mixes = np.zeros((len(tasks), len(kept) + (len(total) > len(kept))))
    known = np.isin(used["task"], tasks)
    order = np.argsort(tasks)
    rows = order[np.searchsorted(tasks, used["task"][known], sorter=order)]
    np.add.at(mixes, (rows, used["place"][known]), used["share"][known])
    return mixes, (*kept, *(["other tools"] if len(total) > len(kept) else []))


def _brief_size_changed(parts: list[Part]) -> bool:
    """Whether tasks of an agent became longer or shorter: then like must be compared with like in size as well."""
    tasks = next((part.rows for part in parts if "task_model_calls" in part.measures), None)
    if tasks is None:
        return False
    sizes = tasks["brief_bytes"].drop_null().to_numpy().astype(np.float64)
    if len(sizes) < cp.MIN_SERIES or len(sizes) < 0.8 * len(tasks):
        return False
    return cp.scan(sizes, np.zeros(len(sizes), dtype=np.int64), np.random.default_rng(0)).p_value < LIMIT


def _stratify(part: Part, size_matters: bool, units: cp.Ints | None = None) -> cp.Ints:
    """Return a number for each observation: equal ones are like work, by kind and, where that changed, size of the task.

    Of a series that several share, work of one is never compared with work of another.
    """
    strata = _codes(part.rows["task_type"])
    if units is not None:
        strata = _codes(pa.chunked_array([units * (strata.max() + 1) + strata]))
    if strata.max() + 1 > min(MOST_STRATA, len(strata) / cp.MIN_SIDE):
        strata = np.zeros_like(strata) if units is None else units
    if part.measures[0].startswith("call_"):
        # Windows grow as a task goes on: a call is compared with calls about as far into their task.
        strata = strata * 32 + np.floor(np.log2(part.rows["position"].to_numpy())).astype(np.int64)
    if not size_matters:
        return strata
    sizes = pc.fill_null(part.rows["brief_bytes"], -1).to_numpy()
    return np.asarray(strata * 4 + np.digitize(sizes, [0, *np.quantile(sizes, [1 / 3, 2 / 3])]), dtype=np.int64)


def _by_time_of_day(times: cp.Ints, values: cp.Floats, strata: cp.Ints) -> tuple[cp.Ints, cp.Points | None]:
    """Return the strata, told apart by time of day as well where that makes a difference: nights are compared with nights.

    A daily pattern looks like memory from observation to observation, and would cost the power to see a change. With the strata come the points
    of the series, where its scores were looked at. Scores are ranks, so that Kruskal and Wallis' test needs no others.
    """
    from scipy.stats import chi2

    if times[-1] - times[0] < DAYS_OF_PATTERN * DAY_NS or len(np.unique(times // DAY_NS)) < DAYS_OF_PATTERN:
        return strata, None
    scores = cp.score_within(values, strata)
    quarters = (times % DAY_NS) // (DAY_NS // 4)
    groups = [scores[quarters == quarter, 0] for quarter in range(4)]
    groups = [group for group in groups if len(group) >= 2 * cp.MIN_SIDE]
    if len(groups) < 2 or not scores.any():
        return strata, cp.points_of(values, strata, scores)
    pooled = np.concatenate(groups)
    between = sum(len(group) * (group.mean() - pooled.mean()) ** 2 for group in groups)
    if not pooled.var() or chi2.sf(between / pooled.var(ddof=1), len(groups) - 1) > SURE_OF_PATTERN:
        return strata, cp.points_of(values, strata, scores)
    return np.asarray(strata * 4 + quarters, dtype=np.int64), None
