"""The series in which drift is looked for: each measure of each agent, its mix of tools, and what several agents share."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agentlens.detectors import change_points as cp

LIMIT = 0.05
MOST_STRATA = 12
MOST_OBSERVATIONS = 20_000  # of one series; of a longer one every second, third, ... is looked at
MOST_TOOLS = 20  # of a mix; the rarer ones count as one
DAYS_OF_PATTERN, SURE_OF_PATTERN = 4, 0.001
DAY_NS = 86_400 * 10**9


@dataclass
class Series:
    """One measure over time, of one agent or of what several agents share; `values` has a column a tool for a mix of tools."""

    agent_name: str | None
    measure: str
    tool_name: str | None
    is_rate: bool
    times: cp.Ints
    values: cp.Floats
    span_ids: list[str | None]
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

    @property
    def rng(self) -> np.random.Generator:
        """A generator of its own, the same on every run."""
        name = self.agent_name or f"{self.dimension}/{self.member}"
        return np.random.default_rng(zlib.crc32(f"{name}/{self.measure}/{self.tool_name}".encode()))

    @property
    def subject(self) -> str:
        """Whom a sentence about the series is about."""
        return self.agent_name if self.agent_name is not None else f"{self.dimension} {self.member}"


# A shared series is worth a question of its own where at least two agents (of an operation: tools or models) make it up.
_SHARED = {
    "tool": ("tool_name", "agent_name"),
    "model": ("model", "agent_name"),
    "operation": ("operation_name", "coalesce(tool_name, model)"),
}
_ROWS = """
SELECT measure, {tool} AS series_tool, {member} AS member, {unit} AS unit, kind, epoch_ns(time) AS time, value, task_type, brief_bytes, span_id,
  coalesce(task, -place) AS task, position
FROM (
  SELECT *, row_number() OVER series AS place, count(*) OVER (PARTITION BY measure, {tool}, {member}) AS length,
    row_number() OVER (PARTITION BY measure, tool_name, task ORDER BY time, span_id) AS position
  FROM _observed
  WHERE {where}
  WINDOW series AS (PARTITION BY measure, {tool}, {member} ORDER BY time, task, span_id)
)
WHERE place % ceil(length / $most) = 0
ORDER BY measure, series_tool, member, time, task, span_id
"""


def all_series(con: duckdb.DuckDBPyConnection) -> list[Series]:
    """Return every series of a lens: those of each agent, then those that several agents share."""
    con.execute("CREATE OR REPLACE TEMP TABLE _observed AS FROM observations")
    con.execute("CREATE OR REPLACE TEMP TABLE _used AS FROM task_tools")
    agents = con.execute("SELECT DISTINCT agent_name FROM _observed WHERE agent_name IS NOT NULL ORDER BY 1").fetchall()
    found = [one for (agent,) in agents for one in _of_agent(con, agent)]
    found += [one for dimension in _SHARED for one in _shared(con, dimension)]
    con.execute("DROP TABLE _observed")
    con.execute("DROP TABLE _used")
    return found


def _of_agent(con: duckdb.DuckDBPyConnection, agent: str) -> Iterator[Series]:
    query = _ROWS.format(tool="tool_name", member="NULL::VARCHAR", unit="NULL::VARCHAR", where="agent_name = $agent")
    table = con.sql(query, params={"agent": agent, "most": MOST_OBSERVATIONS}).to_arrow_table()
    size_matters = _brief_size_changed(table)
    found = {}
    for part in _parts(table):
        series = _make(part, _stratify(part, size_matters), agent_name=agent)
        if series.measure == "task_tool_mix":
            series.values, series.columns = _mixes(con, agent, series.tasks)
        found[series.measure, series.tool_name] = series
    completed, failed = found.get(("task_completed", None)), found.get(("task_failed", None))
    # Where every task ended, the one only mirrors the other, and a question asked twice costs power.
    if completed and failed and np.array_equal(completed.values, 1 - failed.values):
        del found["task_completed", None]
    yield from found.values()


def _shared(con: duckdb.DuckDBPyConnection, dimension: str) -> Iterator[Series]:
    member, unit = _SHARED[dimension]
    where = f"""{member} IS NOT NULL AND {unit} IS NOT NULL AND operation_name IS NOT NULL
      AND {member} IN (SELECT {member} FROM _observed GROUP BY {member} HAVING count(DISTINCT {unit}) > 1)"""
    query = _ROWS.format(tool="NULL::VARCHAR", member=member, unit=unit, where=where)
    table = con.sql(query, params={"most": MOST_OBSERVATIONS}).to_arrow_table()
    for part in _parts(table):
        units = np.array(part["unit"].to_pylist())
        if len(np.unique(units)) > 1:
            strata = _stratify(part, False, units.tolist())
            yield _make(part, strata, dimension=dimension, member=part["member"][0].as_py(), units=units)


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    """Cut rows in the order of their series into one table a series."""
    keys = list(zip(*(table[name].to_pylist() for name in ("measure", "series_tool", "member"))))
    begins = [place for place in range(len(keys)) if place == 0 or keys[place] != keys[place - 1]]
    for begin, end in zip(begins, [*begins[1:], len(keys)]):
        yield table.slice(begin, end - begin)


def _make(part: pa.Table, strata: cp.Ints, agent_name: str | None = None, **more: Any) -> Series:
    times, values = part["time"].to_numpy(), part["value"].to_numpy().astype(np.float64)
    return Series(
        agent_name,
        part["measure"][0].as_py(),
        part["series_tool"][0].as_py(),
        is_rate=part["kind"][0].as_py() == "rate",
        times=times,
        values=values,
        span_ids=part["span_id"].to_pylist(),
        strata=_by_time_of_day(times, values, strata),
        tasks=part["task"].to_numpy(),
        **more,
    )


def _mixes(con: duckdb.DuckDBPyConnection, agent: str, tasks: cp.Ints) -> tuple[cp.Floats, tuple[str, ...]]:
    """Return the mix of tools of each task, one column a tool, the rarest ones together in the last."""
    used = con.execute(
        "SELECT task, tool_name, share FROM _used WHERE agent_name = $agent", {"agent": agent}
    ).fetchall()
    total: dict[str, float] = {}
    for _, tool, share in used:
        total[tool] = total.get(tool, 0) + share
    kept = sorted(total, key=lambda tool: (-total[tool], tool))[:MOST_TOOLS]
    columns = {tool: place for place, tool in enumerate(kept)}
    rows = {task: place for place, task in enumerate(tasks.tolist())}
    mixes = np.zeros((len(tasks), len(kept) + (len(total) > len(kept))))
    for task, tool, share in used:
        if task in rows:
            mixes[rows[task], columns.get(tool, len(kept))] += share
    return mixes, (*kept, *(["other tools"] if len(total) > len(kept) else []))


def _brief_size_changed(table: pa.Table) -> bool:
    """Whether tasks of an agent became longer or shorter: then like must be compared with like in size as well."""
    tasks = table.filter(pc.equal(table["measure"], "task_model_calls"))
    sizes = np.array([size for size in tasks["brief_bytes"].to_pylist() if size is not None], dtype=np.float64)
    if len(sizes) < cp.MIN_SERIES or len(sizes) < 0.8 * len(tasks):
        return False
    return cp.scan(sizes, np.zeros(len(sizes), dtype=np.int64), np.random.default_rng(0)).p_value < LIMIT


def _stratify(part: pa.Table, size_matters: bool, units: list[str] | None = None) -> cp.Ints:
    """Return a number for each observation: equal ones are like work, by kind and, where that changed, size of the task.

    Of a series that several share, work of one is never compared with work of another.
    """
    kinds: list[Any] = part["task_type"].to_pylist()
    if units is not None:
        kinds = list(zip(units, kinds))
    codes = {kind: code for code, kind in enumerate(dict.fromkeys(kinds))}
    if len(codes) > min(MOST_STRATA, len(kinds) / cp.MIN_SIDE):
        kinds = units or [None] * len(kinds)
        codes = {kind: code for code, kind in enumerate(dict.fromkeys(kinds))}
    strata = np.array([codes[kind] for kind in kinds], dtype=np.int64)
    if part["measure"][0].as_py().startswith("call_"):
        # Windows grow as a task goes on: a call is compared with calls about as far into their task.
        strata = strata * 32 + np.floor(np.log2(part["position"].to_numpy())).astype(np.int64)
    if not size_matters:
        return strata
    sizes = np.array([size if size is not None else -1 for size in part["brief_bytes"].to_pylist()])
    return np.asarray(strata * 4 + np.digitize(sizes, [0, *np.quantile(sizes, [1 / 3, 2 / 3])]), dtype=np.int64)


def _by_time_of_day(times: cp.Ints, values: cp.Floats, strata: cp.Ints) -> cp.Ints:
    """Return the strata, told apart by time of day as well where that makes a difference: nights are compared with nights.

    A daily pattern looks like memory from observation to observation, and would cost the power to see a change.
    """
    from scipy.stats import kruskal

    if times[-1] - times[0] < DAYS_OF_PATTERN * DAY_NS or len(np.unique(times // DAY_NS)) < DAYS_OF_PATTERN:
        return strata
    quarters = (times % DAY_NS) // (DAY_NS // 4)
    scores = cp.score_within(values, strata)[:, 0]
    groups = [scores[quarters == quarter] for quarter in np.unique(quarters)]
    groups = [group for group in groups if len(group) >= 2 * cp.MIN_SIDE]
    if len(groups) < 2 or not scores.any() or kruskal(*groups).pvalue > SURE_OF_PATTERN:
        return strata
    return np.asarray(strata * 4 + quarters, dtype=np.int64)
