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
PLACED = ("task_type", "brief_bytes", "preorder", "task", "position")  # what is known of a row beside its measures


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
    shared_by: tuple[str, ...] = ()
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

    def keep(self, kept: NDArray[np.bool_]) -> None:
        """Leave out the other observations."""
        for name in ("times", "values", "places", "strata", "tasks"):
            setattr(self, name, getattr(self, name)[kept])
        self.units = None if self.units is None else self.units[kept]
        self.known_points = None

    @property
    def subject(self) -> str:
        """Whom a sentence about the series is about."""
        return self.agent_name if self.agent_name is not None else f"{self.dimension} {self.member}"


Columns = dict[str, NDArray[Any]]  # rows in time order, by column


class Part(NamedTuple):
    """The rows that some measures have: series of one agent or tool, or of what several agents share, and who these are."""

    key: str | None
    measures: list[str]
    rows: Columns
    units: NDArray[np.str_] | None


# Of the task of a row; it may have none of a known agent.
_KNOWN = "REPLACE (coalesce(task_type, 0) AS task_type, coalesce(brief_bytes, -1) AS brief_bytes)"
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
        SELECT * REPLACE (CASE WHEN task_type IS NULL THEN 0 ELSE dense_rank() OVER (ORDER BY task_type) END AS task_type, coalesce(brief_bytes, -1) AS brief_bytes), 1 AS position
        FROM _measured_tasks('_known') LEFT JOIN _tool_mix_of_tasks('_used') USING (task)
        ORDER BY time, task""",
    "_of_calls": f"""
        SELECT * {_KNOWN}, row_number() OVER (PARTITION BY task, agent_name ORDER BY time, preorder) AS position
        FROM _measured_calls('_models', '_failures') LEFT JOIN (SELECT task, task_type, brief_bytes FROM _of_tasks) USING (task)
        ORDER BY time, task, preorder""",
    "_of_tools": f"""
        SELECT * {_KNOWN}, 1 AS position
        FROM _measured_tools('_tools') LEFT JOIN (SELECT task, task_type, brief_bytes FROM _of_tasks) USING (task)
        ORDER BY time, task, preorder""",
    "_of_beats": """
        SELECT *, 1 AS position, -1 AS preorder, -row_number() OVER (PARTITION BY agent_name ORDER BY time) AS task,
          0 AS task_type, -1 AS brief_bytes
        FROM _heartbeat_gaps
        ORDER BY time, task""",
}


class _Split(NamedTuple):
    """A way in which rows are made into series: of which dimension, by which columns, and who shares a series."""

    dimension: str
    by: tuple[str, ...]
    unit: str | None = None


# A shared series is worth a question of its own where at least two agents (of an operation: tools or models) make it up.
_SPLITS = {
    "_of_tasks": (_Split("agent", ("agent_name",)),),
    "_of_calls": (
        _Split("agent", ("agent_name",)),
        _Split("model", ("model",), "agent_name"),
        _Split("operation", ("operation_name",), "model"),
    ),
    "_of_tools": (
        _Split("agent", ("agent_name", "tool_name")),
        _Split("tool", ("tool_name",), "agent_name"),
        _Split("operation", ("operation_name",), "tool_name"),
    ),
    "_of_beats": (_Split("agent", ("agent_name",)),),
}
_SHARED = ("tool", "model", "operation")


def all_series(con: duckdb.DuckDBPyConnection) -> Iterator[Series]:
    """Yield every series of a lens: those of each agent, then those that several agents share. What they were read from stands until `drop_gathered`."""
    for name, query in _GATHERED.items():
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    of_agents: dict[str, list[Part]] = {}
    shared: dict[str, list[Part]] = {dimension: [] for dimension in _SHARED}
    for table, splits in _SPLITS.items():
        for dimension, owner, part in _read(con, table, splits):
            (of_agents.setdefault(owner, []) if dimension == "agent" else shared[dimension]).append(part)
    used = _used_tools(con)
    for agent in sorted(of_agents):
        yield from _of_agent(con, agent, of_agents[agent], used.get(agent, []))
    for dimension in _SHARED:
        for part in shared[dimension]:
            yield from _of_several(part, dimension)


def drop_gathered(con: duckdb.DuckDBPyConnection) -> None:
    """Drop what `all_series` gathered."""
    for name in _GATHERED:
        con.execute(f"DROP TABLE IF EXISTS {name}")


def _of_agent(con: duckdb.DuckDBPyConnection, agent: str, parts: list[Part], tools: list[str]) -> list[Series]:
    size_matters = _brief_size_changed(parts)
    found = {
        (one.measure, part.key): one
        for part in parts
        for one in _of_part(part, _stratify(part, size_matters), agent_name=agent, tool_name=part.key)
    }
    mix = found.get(("task_tool_mix", None))
    if mix:
        mix.values, mix.columns = _mixes(con, agent, mix.tasks, tools)
        mix.known_points = None
    completed, failed = found.get(("task_completed", None)), found.get(("task_failed", None))
    # Where every task ended, the one only mirrors the other, and a question asked twice costs power.
    if completed and failed and np.array_equal(completed.values, 1 - failed.values):
        del found["task_completed", None]
    return [found[name] for name in sorted(found, key=lambda name: (name[0], name[1] or ""))]


def _of_several(part: Part, dimension: str) -> Iterator[Series]:
    assert part.units is not None
    shared_by = tuple(np.unique(part.units).tolist())
    if len(shared_by) > 1:
        strata = _stratify(part, False, _numbered(part.rows["unit"]))
        yield from _of_part(
            part, strata, agent_name=None, dimension=dimension, member=part.key, units=part.units, shared_by=shared_by
        )


class _Group(NamedTuple):
    """Measures that the same rows have: how many rows, and whether they have to be looked for."""

    measures: list[str]
    length: int
    is_complete: bool


Key = tuple[str, ...]
Wanted = dict[Key, list[_Group]]


def _wanted(split: _Split, labels: list[str], measures: list[str], counted: list[tuple[Any, ...]]) -> Wanted:
    """Return by key which measures its rows have. Given are rows of names, how many rows have them, and how many of these have each measure."""
    counts: dict[Key, Any] = {}
    units: dict[Key, set[str | None]] = {}
    for row in counted:
        named = dict(zip(labels, row))
        key, unit = tuple(named[label] for label in split.by), named[split.unit] if split.unit else ""
        if unit is not None and None not in key:
            counts[key] = counts.get(key, 0) + np.array(row[len(labels) :])
            units.setdefault(key, set()).add(unit)
    return {
        key: _groups(int(count[0]), dict(zip(measures, count[1:].tolist())))
        for key, count in counts.items()
        if not split.unit or len(units[key]) > 1
    }


def _groups(rows: int, lengths: dict[str, int]) -> list[_Group]:
    complete = [measure for measure, length in lengths.items() if length == rows]
    some = [_Group([measure], length, False) for measure, length in lengths.items() if 0 < length < rows]
    return [*([_Group(complete, rows, True)] if complete else []), *some]


def _read(con: duckdb.DuckDBPyConnection, table: str, splits: tuple[_Split, ...]) -> Iterator[tuple[str, str, Part]]:
    """Yield by dimension and owner the rows of a table; of a measure with too many, every second, third, ... is kept. They are read once."""
    measures = [name for name, kind, *_ in con.execute(f"DESCRIBE {table}").fetchall() if kind == "DOUBLE"]
    labels = list(dict.fromkeys(label for split in splits for label in (*split.by, split.unit) if label))
    counts = ", ".join(f"count({measure})" for measure in measures)
    counted = con.execute(f"SELECT {', '.join(labels)}, count(*), {counts} FROM {table} GROUP BY ALL").fetchall()
    wanted = [_wanted(split, labels, measures, counted) for split in splits]
    kept: dict[tuple[int, Key, int], list[Columns]] = {}
    seen: dict[tuple[int, Key, int], int] = {}
    numbers: dict[str, dict[str | None, int]] = {label: {} for label in labels}
    query = f"SELECT {', '.join(labels)}, epoch_ns(time) AS time, {', '.join((*PLACED, *measures))} FROM {table}"
    for batch in con.sql(query).to_arrow_reader(ROWS_AT_ONCE):
        rows = _as_columns(batch, numbers)
        for place, split in enumerate(splits):
            for key, places in _by_key(rows, split, numbers):
                for number, group in enumerate(wanted[place].get(key, [])):
                    which = place, key, number
                    picked, seen[which] = _pick(rows, places, group, split.unit, seen.get(which, 0))
                    kept.setdefault(which, []).append(picked)
    for place, split in enumerate(splits):
        names = np.array([str(name) for name in numbers[split.unit]]) if split.unit else None
        for key, groups in sorted(wanted[place].items()):
            for number, group in enumerate(groups):
                rows = _joined(kept.pop((place, key, number)))
                units = None if names is None else names[rows["unit"]]
                is_whole = split.dimension == "agent" and len(key) == 1
                yield split.dimension, key[0], Part(None if is_whole else key[-1], group.measures, rows, units)


def _as_columns(batch: pa.RecordBatch, numbers: dict[str, dict[str | None, int]]) -> Columns:
    """Return a batch by column: names as numbers, and whether there is a value (`has_...`) where some rows have none."""
    columns: Columns = {}
    for name, column in zip(batch.schema.names, batch.columns):
        if name in numbers:
            encoded, known = pc.dictionary_encode(column, null_encoding="encode"), numbers[name]
            own = [known.setdefault(one, len(known)) for one in encoded.dictionary.to_pylist()]
            columns[name] = np.array(own, dtype=np.int64)[encoded.indices.to_numpy()]
        else:
            columns[name] = column.to_numpy(zero_copy_only=False)
            if column.null_count:
                columns[f"has_{name}"] = pc.is_valid(column).to_numpy(zero_copy_only=False)
    return columns


def _by_key(rows: Columns, split: _Split, numbers: dict[str, dict[str | None, int]]) -> Iterator[tuple[Key, cp.Ints]]:
    """Yield every key with the places of its rows, in their order; rows whose unit is not known are left out."""
    codes = np.zeros(len(rows["time"]), dtype=np.int64)
    for label in split.by:
        codes = codes * len(numbers[label]) + rows[label]
    order = cp.stable_order(codes)
    if split.unit and None in numbers[split.unit]:
        order = order[rows[split.unit][order] != numbers[split.unit][None]]
    names = {label: list(numbers[label]) for label in split.by}
    for places in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        if len(places):
            yield tuple(names[label][rows[label][places[0]]] for label in split.by), places


def _pick(rows: Columns, places: cp.Ints, group: _Group, unit: str | None, seen: int) -> tuple[Columns, int]:
    """Return the rows at some places that have the measures, every second, third, ... where they are too many, and how many there were so far."""
    has = f"has_{group.measures[0]}"
    if not group.is_complete and has in rows:
        places = places[rows[has][places]]
    every = math.ceil(group.length / MOST_OBSERVATIONS)
    picked = places[-(seen + 1) % every :: every]
    columns = {name: rows[name][picked] for name in ("time", *PLACED, *group.measures)}
    return columns | ({"unit": rows[unit][picked]} if unit else {}), seen + len(places)


def _joined(tables: list[Columns]) -> Columns:
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _numbered(values: NDArray[Any]) -> cp.Ints:
    """Return a number for each value, in the order in which they first appear."""
    return np.asarray(pc.dictionary_encode(pa.array(values)).indices.to_numpy(), dtype=np.int64)


def _of_part(part: Part, strata: cp.Ints, tool_name: str | None = None, **whose: Any) -> Iterator[Series]:
    times, quarters = part.rows["time"], _quarters(part.rows["time"])
    for measure in part.measures:
        values = part.rows[measure]
        is_rate = MEASURES[measure][1] == "%"
        told_apart, points = (strata, None) if quarters is None else _by_time_of_day(quarters, values, strata)
        yield Series(
            measure=measure, tool_name=tool_name, is_rate=is_rate, times=times, values=values, places=part.rows["preorder"],
            strata=told_apart, tasks=part.rows["task"], known_points=points, **whose,
        )  # fmt: skip


def _used_tools(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """Return the tools of each agent, the most used first."""
    used: dict[str, list[str]] = {}
    query = "SELECT agent_name, tool_name FROM _used GROUP BY ALL ORDER BY round(sum(share), 9) DESC, tool_name"
    for agent, tool in con.execute(query).fetchall():
        used.setdefault(agent, []).append(tool)
    return used


def _mixes(
    con: duckdb.DuckDBPyConnection, agent: str, tasks: cp.Ints, tools: list[str]
) -> tuple[cp.Floats, tuple[str, ...]]:
    """Return the mix of tools of each task, one column a tool, the rarest ones together in the last."""
    kept = tools[:MOST_TOOLS]
    used = con.execute(
        "SELECT task, coalesce(list_position($kept, tool_name), len($kept) + 1) - 1 AS place, share FROM _used WHERE agent_name = $agent",
        {"agent": agent, "kept": kept},
    ).fetchnumpy()
    mixes = np.zeros((len(tasks), len(kept) + (len(tools) > len(kept))))
    known = np.isin(used["task"], tasks)
    order = np.argsort(tasks)
    rows = order[np.searchsorted(tasks, used["task"][known], sorter=order)]
    np.add.at(mixes, (rows, used["place"][known]), used["share"][known])
    return mixes, (*kept, *(["other tools"] if len(tools) > len(kept) else []))


def _brief_size_changed(parts: list[Part]) -> bool:
    """Whether tasks of an agent became longer or shorter: then like must be compared with like in size as well."""
    tasks = next((part.rows for part in parts if "task_model_calls" in part.measures), None)
    if tasks is None:
        return False
    sizes = tasks["brief_bytes"][tasks["brief_bytes"] >= 0].astype(np.float64)
    if len(sizes) < cp.MIN_SERIES or len(sizes) < 0.8 * len(tasks["time"]):
        return False
    return cp.scan(sizes, np.zeros(len(sizes), dtype=np.int64), np.random.default_rng(0)).p_value < LIMIT


def _stratify(part: Part, size_matters: bool, units: cp.Ints | None = None) -> cp.Ints:
    """Return a number for each observation: equal ones are like work, by kind and, where that changed, size of the task.

    Of a series that several share, work of one is never compared with work of another.
    """
    strata = _numbered(part.rows["task_type"])
    if units is not None:
        strata = _numbered(units * (strata.max() + 1) + strata)
    if strata.max() + 1 > min(MOST_STRATA, len(strata) / cp.MIN_SIDE):
        strata = np.zeros_like(strata) if units is None else units
    if part.measures[0].startswith("call_"):
        # Windows grow as a task goes on: a call is compared with calls about as far into their task.
        strata = strata * 32 + np.floor(np.log2(part.rows["position"])).astype(np.int64)
    if not size_matters:
        return strata
    sizes = part.rows["brief_bytes"]
    return np.asarray(strata * 4 + np.digitize(sizes, [0, *np.quantile(sizes, [1 / 3, 2 / 3])]), dtype=np.int64)


def _quarters(times: cp.Ints) -> cp.Ints | None:
    """Return the quarter of the day of each time, where there are days enough to see a pattern of days."""
    days, in_day = np.divmod(times, DAY_NS)
    if times[-1] - times[0] < DAYS_OF_PATTERN * DAY_NS or np.count_nonzero(np.diff(days)) + 1 < DAYS_OF_PATTERN:
        return None
    return np.asarray(in_day // (DAY_NS // 4))


def _by_time_of_day(quarters: cp.Ints, values: cp.Floats, strata: cp.Ints) -> tuple[cp.Ints, cp.Points | None]:
    """Return the strata, told apart by time of day as well where that makes a difference: nights are compared with nights.

    A daily pattern looks like memory from observation to observation, and would cost the power to see a change. With the strata come the points
    of the series, where its scores were looked at. Scores are ranks, so that Kruskal and Wallis' test needs no others.
    """
    from scipy.special import chdtrc  # scipy.stats, which calls it chi2.sf, takes half a second to import

    scores = cp.score_within(values, strata)
    groups = [scores[quarters == quarter, 0] for quarter in range(4)]
    groups = [group for group in groups if len(group) >= 2 * cp.MIN_SIDE]
    if len(groups) < 2 or not scores.any():
        return strata, cp.points_of(values, strata, scores)
    pooled = np.concatenate(groups)
    between = sum(len(group) * (group.mean() - pooled.mean()) ** 2 for group in groups)
    if not pooled.var() or chdtrc(len(groups) - 1, between / pooled.var(ddof=1)) > SURE_OF_PATTERN:
        return strata, cp.points_of(values, strata, scores)
    return np.asarray(strata * 4 + quarters, dtype=np.int64), None
