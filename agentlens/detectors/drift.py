"""What changed, since when, and is it real: every measured series of a lens, judged together, into `drift_changes`."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agentlens.detectors import change_points as cp
from agentlens.detectors._drift_words import Release, explain

LIMIT = 0.05  # of the share of false discoveries
MOST_STRATA = 12
MIN_TASKS = 4  # calls of fewer tasks may follow from how one task unfolds
MIN_TASKS_A_SIDE = 2
MOST_OBSERVATIONS = 20_000  # of one series; of a longer one every second, third, ... is looked at
SHOWN_SPANS = 50


@dataclass
class Series:
    """One measure of one agent over time."""

    agent_name: str
    measure: str
    tool_name: str | None
    is_rate: bool
    times: cp.Ints
    values: cp.Floats
    span_ids: list[str | None]
    strata: cp.Ints
    tasks: cp.Ints
    p_value: float | None = None
    q_value: float | None = None
    mixed_p_value: float | None = None
    mixed_q_value: float | None = None
    shape: str = "none"
    inflation: float = 1.0

    @property
    def rng(self) -> np.random.Generator:
        """A generator of its own, the same on every run."""
        return np.random.default_rng(zlib.crc32(f"{self.agent_name}/{self.measure}/{self.tool_name}".encode()))


class Change(NamedTuple):
    """A verdict on a series: where it lies in it, between which indices its date is, and its size."""

    verdict: str
    first: int
    at: int
    end: int
    earliest: int
    latest: int
    effect: cp.Effect | None


def measure_drift(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `drift_changes` anew: test every series, control the share of false discoveries, date and explain the rest."""
    con.execute("CREATE OR REPLACE TEMP TABLE _observed AS FROM observations")
    series = [one for agent in _agents(con) for one in _series_of(con, agent)]
    releases = _releases(con)
    con.execute("DROP TABLE _observed")
    for one in series:
        _test(one)
    _control(series)
    rows = [_row(one, change, releases) for one in series for change in _judge(one, releases)]
    con.execute("DELETE FROM drift_changes")
    if rows:
        con.register("arriving_changes", pa.Table.from_pylist(rows, _schema(con)))
        con.execute("INSERT INTO drift_changes BY NAME FROM arriving_changes")
        con.unregister("arriving_changes")


def _agents(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for (name,) in con.execute("SELECT DISTINCT agent_name FROM _observed ORDER BY 1").fetchall()]


def _series_of(con: duckdb.DuckDBPyConnection, agent: str) -> Iterator[Series]:
    table = con.sql(
        """
        SELECT measure, tool_name, kind, epoch_ns(time) AS time, value, task_type, brief_bytes, span_id, coalesce(task, -place) AS task, position
        FROM (SELECT *, row_number() OVER series AS place, count(*) OVER (PARTITION BY measure, tool_name) AS length,
                row_number() OVER (PARTITION BY measure, tool_name, task ORDER BY time, span_id) AS position
              FROM _observed WHERE agent_name = $agent WINDOW series AS (PARTITION BY measure, tool_name ORDER BY time, task, span_id))
        WHERE place % ceil(length / $most) = 0
        ORDER BY measure, tool_name, time, task, span_id
        """,
        params={"agent": agent, "most": MOST_OBSERVATIONS},
    ).to_arrow_table()
    keys = list(zip(table["measure"].to_pylist(), table["tool_name"].to_pylist()))
    begins = [place for place in range(len(keys)) if place == 0 or keys[place] != keys[place - 1]]
    size_matters = _brief_size_changed(table)
    for begin, end in zip(begins, [*begins[1:], len(keys)]):
        part = table.slice(begin, end - begin)
        yield Series(
            agent,
            *keys[begin],
            is_rate=part["kind"][0].as_py() == "rate",
            times=part["time"].to_numpy(),
            values=part["value"].to_numpy().astype(np.float64),
            span_ids=part["span_id"].to_pylist(),
            strata=_stratify(part, size_matters),
            tasks=part["task"].to_numpy(),
        )


def _brief_size_changed(table: pa.Table) -> bool:
    """Whether tasks of an agent became longer or shorter: then like must be compared with like in size as well."""
    tasks = table.filter(pc.equal(table["measure"], "task_model_calls"))
    sizes = np.array([size for size in tasks["brief_bytes"].to_pylist() if size is not None], dtype=np.float64)
    if len(sizes) < cp.MIN_SERIES or len(sizes) < 0.8 * len(tasks):
        return False
    return cp.scan(sizes, np.zeros(len(sizes), dtype=np.int64), np.random.default_rng(0)).p_value < LIMIT


def _stratify(part: pa.Table, size_matters: bool) -> cp.Ints:
    """Return a number for each observation: equal ones are like work, by kind and, where that changed, size of the task."""
    kinds = part["task_type"].to_pylist()
    codes = {kind: code for code, kind in enumerate(dict.fromkeys(kinds))}
    if len(codes) > min(MOST_STRATA, len(kinds) / cp.MIN_SIDE):
        codes = dict.fromkeys(codes, 0)
    strata = np.array([codes[kind] for kind in kinds], dtype=np.int64)
    if part["measure"][0].as_py().startswith("call_"):
        # Windows grow as a task goes on: a call is compared with calls about as far into their task.
        strata = strata * 32 + np.floor(np.log2(part["position"].to_numpy())).astype(np.int64)
    if not size_matters:
        return strata
    sizes = np.array([size if size is not None else -1 for size in part["brief_bytes"].to_pylist()])
    return np.asarray(strata * 4 + np.digitize(sizes, [0, *np.quantile(sizes, [1 / 3, 2 / 3])]), dtype=np.int64)


def _test(series: Series) -> None:
    if len(series.values) < cp.MIN_SERIES or len(np.unique(series.tasks)) < MIN_TASKS:
        return
    found = cp.scan(series.values, series.strata, series.rng)
    series.p_value, series.shape, series.inflation = found.p_value, found.shape, found.inflation
    is_mixed = len(np.unique(series.strata)) > 1
    series.mixed_p_value = _mixed(series).p_value if is_mixed else series.p_value


def _mixed(series: Series) -> cp.Scan:
    return cp.scan(series.values, np.zeros_like(series.strata), series.rng)


def _control(series: list[Series]) -> None:
    """Give every tested series its q-values; those of the two questions are families of their own."""
    tested = [one for one in series if one.p_value is not None]
    for one, q, mixed in zip(
        tested, cp.control([s.p_value or 0.0 for s in tested]), cp.control([s.mixed_p_value or 0.0 for s in tested])
    ):
        one.q_value, one.mixed_q_value = q, mixed


def _judge(series: Series, releases: list[Release]) -> list[Change]:
    count = len(series.values)
    if series.q_value is None or series.mixed_q_value is None:
        return [Change("too few", 0, count, count, count, count, None)]
    if series.q_value <= LIMIT:
        if series.shape == "slope":
            return [_slope(series)]
        steps = _steps(series)
        if not steps:
            return [_none(series)]
        # Where the course alone does not say, a step needs something that was released at its date.
        is_step = series.shape == "step" or any(_suspects(series, step, releases) for step in steps)
        return steps if is_step else [_slope(series)]
    if series.mixed_q_value <= LIMIT:
        mixed = replace(series, strata=np.zeros_like(series.strata), inflation=_mixed(series).inflation)
        return [change._replace(verdict="workload") for change in _steps(mixed)[:1]] or [_none(series)]
    return [_none(series)]


def _none(series: Series) -> Change:
    count = len(series.values)
    return Change("none", 0, count, count, count, count, None)


def _slope(series: Series) -> Change:
    count = len(series.values)
    days = (series.times - series.times[0]) / 86_400e9
    places = np.arange(0, count, -(-count // 2_000))
    effect = cp.slope_effect(series.values[places], days[places], series.strata[places])
    return Change("slope", 0, 0, count, 0, count - 1, effect)


def _steps(series: Series) -> list[Change]:
    """Return the steps of a series that has changed; of several, those that hold against their own neighbourhood."""
    found = cp.split(series.values, series.strata, series.inflation)
    bounds = [0, *found, len(series.values)]
    changes = []
    for first, at, end in zip(bounds, bounds[1:], bounds[2:]):
        if _has_tasks(series, first, at, end) and (len(found) == 1 or _holds(series, first, end)):
            effect = cp.measure_effect(
                series.values[first:end], series.strata[first:end], at - first, series.is_rate, series.rng
            )
            dates = cp.date_range(series.values, series.strata, first, at, end, series.inflation)
            changes.append(Change("step", first, at, end, *dates, effect))
    if changes or len(found) == 1:
        return changes
    at = cp.best_split(cp.rank_within(series.values, series.strata))
    return _steps_at(series, at) if _has_tasks(series, 0, at, len(series.values)) else []


def _has_tasks(series: Series, first: int, at: int, end: int) -> bool:
    """Whether both sides of a change rest on more than one task."""
    return all(len(np.unique(series.tasks[a:b])) >= MIN_TASKS_A_SIDE for a, b in ((first, at), (at, end)))


def _steps_at(series: Series, at: int) -> list[Change]:
    end = len(series.values)
    effect = cp.measure_effect(series.values, series.strata, at, series.is_rate, series.rng)
    dates = cp.date_range(series.values, series.strata, 0, at, end, series.inflation)
    return [Change("step", 0, at, end, *dates, effect)]


def _holds(series: Series, first: int, end: int) -> bool:
    if end - first < cp.MIN_SERIES:
        return False
    return cp.scan(series.values[first:end], series.strata[first:end], series.rng).p_value <= LIMIT


def _releases(con: duckdb.DuckDBPyConnection) -> list[Release]:
    rows = con.execute("""
        SELECT agent_name, kind, value_before, value, epoch_ns(start_time), trace_id, span_id
        FROM releases WHERE share >= 0.5 ORDER BY start_time, agent_name, kind
    """).fetchall()
    return [Release(*row) for row in rows]


def _suspects(series: Series, change: Change, releases: list[Release]) -> list[Release]:
    """Return the releases of the agent that fall into the interval of the date; else those of other agents there."""
    if change.verdict != "step":
        return []

    def place(moment: int) -> int:
        return int(np.searchsorted(series.times, moment, side="right")) - 1

    inside = [r for r in releases if change.earliest <= place(r.start_ns) <= change.latest]
    own = [release for release in inside if release.agent_name == series.agent_name]
    return own or inside


def _row(series: Series, change: Change, releases: list[Release]) -> dict[str, Any]:
    suspects = _suspects(series, change, releases)
    effect, has_date = change.effect, change.verdict in ("step", "workload", "slope")
    before = [s for s in series.span_ids[change.first : change.at] if s is not None]
    after = [s for s in series.span_ids[change.at : change.end] if s is not None]
    half = len(after) // 2 if change.verdict == "slope" else 0
    before, after = (after[:half], after[half:][::-1]) if half else (before, after)
    return {
        "agent_name": series.agent_name, "measure": series.measure, "tool_name": series.tool_name, "verdict": change.verdict,
        "start_time": int(series.times[change.at]) if has_date else None,
        "earliest": int(series.times[max(change.earliest - 1, 0)]) if has_date else None,
        "latest": int(series.times[change.latest]) if has_date else None,
        "n_before": change.at - change.first, "n_after": change.end - change.at,
        "value_before": effect and effect.before, "value_after": effect and effect.after,
        "difference": effect and effect.difference, "difference_low": effect and effect.low,
        "difference_high": effect and effect.high, "p_value": series.p_value, "q_value": series.q_value,
        "mixed_p_value": series.mixed_p_value, "strata": len(np.unique(series.strata)),
        "suspects": [
            {"agent_name": r.agent_name, "kind": r.kind, "value_before": r.value_before, "value": r.value,
             "start_time": r.start_ns, "trace_id": r.trace_id, "span_id": r.span_id} for r in suspects
        ],
        "explanation": explain(series.agent_name, series.measure, series.tool_name, change, series, suspects, releases),
        "span_ids_before": before[-SHOWN_SPANS:] if not half else before[:SHOWN_SPANS],
        "span_ids_after": after[:SHOWN_SPANS],
    }  # fmt: skip


def _schema(con: duckdb.DuckDBPyConnection) -> pa.Schema:
    schema: pa.Schema = con.sql("FROM drift_changes LIMIT 0").to_arrow_table().schema
    return schema
