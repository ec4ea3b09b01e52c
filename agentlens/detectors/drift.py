"""What changed, since when, and is it real: every measured series of a lens, judged together, into `drift_changes`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from agentlens.detectors import change_points as cp
from agentlens.detectors._drift_series import Series, all_series, drop_gathered
from agentlens.detectors._drift_words import Release, explain
from agentlens.detectors._kinds_of_work import Signs, kinds_of_tasks, signs_of_tasks
from agentlens.detectors.change_effects import Effect, measure_effect, slope_effect

LIMIT = 0.05  # of the share of false discoveries
MIN_TASKS = 4  # calls of fewer tasks may follow from how one task unfolds
MIN_TASKS_A_SIDE = 2
MOST_TASKS = 1_000  # of a series, looked at for kinds of work
SHOWN_SPANS = 50
SIDES = ("span_ids_before", "span_ids_after")
Releases = Callable[[], list[Release]]


class Change(NamedTuple):
    """A verdict on a series: where it lies in it, between which indices its date is, and its size."""

    verdict: str
    first: int
    at: int
    end: int
    earliest: int
    latest: int
    effect: Effect | None


def measure_drift(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `drift_changes` anew: test every series, control the share of false discoveries, date and explain the rest."""
    series = list(all_series(con))
    releases = functools.cache(functools.partial(_releases, con))  # only a step asks for them
    tested = [one for one in series if _is_long_enough(one)]
    memory = cp.mean_memory_of_points(one.points for one in tested)
    for one in tested:
        one.memory = memory
        _test(one)
    _control(tested)
    _tell_work_apart(con, tested, releases)
    drop_gathered(con)
    rows = [_row(one, change, releases) for one in series for change in _judge(one, releases)]
    con.execute("DELETE FROM drift_changes")
    if rows:
        _name_spans(con, rows)
        con.register("arriving_changes", pa.Table.from_pylist(rows, _schema(con)))
        con.execute("INSERT INTO drift_changes BY NAME FROM arriving_changes")
        con.unregister("arriving_changes")


def _is_long_enough(series: Series) -> bool:
    return len(series.values) >= cp.MIN_SERIES and _has_several(series.tasks, MIN_TASKS)


def _has_several(tasks: cp.Ints, least: int) -> bool:
    """Whether there are so many tasks; most often the first calls say so already."""
    return len(np.unique(tasks[: 10 * least])) >= least or len(np.unique(tasks)) >= least


def _test(series: Series) -> None:
    found = cp.scan_points(series.points, series.rng, series.memory)
    series.p_value, series.shape, series.inflation = found.p_value, found.shape, found.inflation
    if series.units is not None:
        series.p_value = series.mixed_p_value = _p_of_several(series, found.p_value)
        return
    is_mixed = (series.strata != series.strata[0]).any()
    series.mixed_p_value = _mixed(series).p_value if is_mixed else series.p_value


def _p_of_several(series: Series, p_value: float) -> float:
    """Return the chance of a shared series where at most one of those who share it changed.

    It is the largest p-value with one of them left out (the partial conjunction of Benjamini and Heller 2008).
    """
    assert series.units is not None
    for unit in series.shared_by:
        if p_value > LIMIT:
            break
        rest = series.units != unit
        if rest.sum() < cp.MIN_SERIES:
            return 1.0
        p_value = max(p_value, cp.scan(series.values[rest], series.strata[rest], series.rng, series.memory).p_value)
    return p_value


def _mixed(series: Series) -> cp.Scan:
    return cp.scan(series.values, np.zeros_like(series.strata), series.rng, series.memory)


def _control(series: list[Series]) -> None:
    """Give every tested series its q-values; those of the two questions are families of their own."""
    for one, q, mixed in zip(
        series, control([s.p_value or 0.0 for s in series]), control([s.mixed_p_value or 0.0 for s in series])
    ):
        one.q_value, one.mixed_q_value = q, mixed


def control(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted so that a limit on them bounds the share of false discoveries (Benjamini and Hochberg).

    That of scipy.stats does the same, but takes half a second to import.
    """
    p, count = np.asarray(p_values, dtype=np.float64), len(p_values)
    order = np.argsort(p)[::-1]
    q = np.empty(count)
    q[order] = np.minimum.accumulate(p[order] * (count / np.arange(count, 0, -1)))
    return [float(one) for one in np.clip(q, 0, 1)]


def _tell_work_apart(con: duckdb.DuckDBPyConnection, tested: list[Series], releases: Releases) -> None:
    """Test what has changed once more among tasks that are alike in what they were asked, or in the tools they used.

    An agent that was changed may use other tools for the same work: then these tell no work apart.
    """
    found = [one for one in tested if one.q_value is not None and one.q_value <= LIMIT and (one.tasks >= 0).all()]
    if not found:
        return
    told = [_some_tasks(one) for one in found]
    for kind, signed, signs in signs_of_tasks(con, np.unique(np.concatenate(told))):
        for one, tasks in zip(found, told):
            if kind == "asked" or not (
                one.measure == "task_tool_mix" or (one.p_value or 0.0) > LIMIT or _was_changed(one, releases)
            ):
                _test_apart(one, tasks, signed, signs)
    _control(tested)


def _some_tasks(series: Series) -> cp.Ints:
    """Return the tasks of a series; of many every second, third, ..."""
    tasks = np.unique(series.tasks)
    return tasks[:: -(-len(tasks) // MOST_TASKS)]


def _was_changed(series: Series, releases: Releases) -> bool:
    """Whether something of those whose series it is was released when it changed."""
    suspects = (release for step in _steps(series) for release in _suspects(series, step, releases))
    return any(release.agent_name in (series.agent_name, *series.shared_by) for release in suspects)


def _test_apart(series: Series, tasks: cp.Ints, signed: cp.Ints, signs: Signs) -> None:
    kept = np.isin(series.tasks, tasks)
    kinds = kinds_of_tasks(cp.score_within(series.values, series.strata)[kept], series.tasks[kept], signed, signs)
    if not kinds.any():
        return
    if not kept.all():
        series.keep(kept)
    series.strata = np.unique(np.stack([series.strata, kinds]), axis=1, return_inverse=True)[1].reshape(-1)
    series.known_points = None
    found = cp.scan_points(series.points, series.rng, series.memory)
    p_value = found.p_value if series.units is None else _p_of_several(series, found.p_value)
    series.p_value, series.shape, series.inflation = max(series.p_value or 0.0, p_value), found.shape, found.inflation


def _judge(series: Series, releases: Releases) -> list[Change]:
    count = len(series.values)
    if series.q_value is None or series.mixed_q_value is None:
        return [Change("too few", 0, count, count, count, count, None)]
    if series.q_value <= LIMIT:
        if series.shape == "slope":
            return [_slope(series) if _has_tasks(series, 0, count // 2, count) else _none(series)]
        steps = _steps(series)
        if not steps:
            return [_none(series)]
        # Where the course alone does not say, a step needs something that was released at its date.
        is_step = series.shape == "step" or any(_suspects(series, step, releases) for step in steps)
        return steps if is_step else [_slope(series)]
    if series.mixed_q_value <= LIMIT:
        mixed = replace(
            series, strata=np.zeros_like(series.strata), inflation=_mixed(series).inflation, known_points=None
        )
        return [change._replace(verdict="workload") for change in _steps(mixed)[:1]] or [_none(series)]
    return [_none(series)]


def _none(series: Series) -> Change:
    count = len(series.values)
    return Change("none", 0, count, count, count, count, None)


def _slope(series: Series) -> Change:
    count = len(series.values)
    if series.values.ndim == 2:
        effect = measure_effect(series.values, series.strata, count // 2, False, series.rng)
        return Change("slope", 0, 0, count, 0, count - 1, effect)
    days = (series.times - series.times[0]) / 86_400e9
    places = np.arange(0, count, -(-count // 2_000))
    effect = slope_effect(series.values[places], days[places], series.strata[places])
    return Change("slope", 0, 0, count, 0, count - 1, effect)


def _steps(series: Series) -> list[Change]:
    """Return the steps of a series that has changed; of several, those that hold against their own neighbourhood."""
    found = cp.split(series.values, series.strata, series.inflation)
    bounds = [0, *found, len(series.values)]
    changes = []
    for first, at, end in zip(bounds, bounds[1:], bounds[2:]):
        if _has_tasks(series, first, at, end) and (len(found) == 1 or _holds(series, first, end)):
            effect = measure_effect(
                series.values[first:end], series.strata[first:end], at - first, series.is_rate, series.rng
            )
            dates = cp.date_range(series.values, series.strata, first, at, end, series.inflation)
            changes.append(Change("step", first, at, end, *dates, effect))
    if changes or len(found) == 1:
        return changes
    at = cp.best_split(cp.score_within(series.values, series.strata))
    return _steps_at(series, at) if _has_tasks(series, 0, at, len(series.values)) else []


def _has_tasks(series: Series, first: int, at: int, end: int) -> bool:
    """Whether both sides of a change rest on more than one task that the other has not: what changes within tasks side by side is how a task unfolds."""
    before, after = np.unique(series.tasks[first:at]), np.unique(series.tasks[at:end])
    return min(len(before), len(after)) - len(np.intersect1d(before, after, assume_unique=True)) >= MIN_TASKS_A_SIDE


def _steps_at(series: Series, at: int) -> list[Change]:
    end = len(series.values)
    effect = measure_effect(series.values, series.strata, at, series.is_rate, series.rng)
    dates = cp.date_range(series.values, series.strata, 0, at, end, series.inflation)
    return [Change("step", 0, at, end, *dates, effect)]


def _holds(series: Series, first: int, end: int) -> bool:
    if end - first < cp.MIN_SERIES:
        return False
    return cp.scan(series.values[first:end], series.strata[first:end], series.rng, series.memory).p_value <= LIMIT


def _releases(con: duckdb.DuckDBPyConnection) -> list[Release]:
    rows = con.execute("""
        WITH versions AS (SELECT * EXCLUDE (lines) FROM span_versions)
        SELECT agent_name, kind, value_before, value, epoch_ns(start_time), trace_id, span_id
        FROM _releases_of('versions') WHERE share >= 0.5 ORDER BY start_time, agent_name, kind, preorder
    """).fetchall()
    return [Release(*row) for row in rows]


def _suspects(series: Series, change: Change, releases: Releases) -> list[Release]:
    """Return the releases of the agent that fall into the interval of the date; else those of other agents there.

    Of what several agents share, only their own.
    """
    if change.verdict != "step":
        return []

    def place(moment: int) -> int:
        return int(np.searchsorted(series.times, moment, side="right")) - 1

    inside = [r for r in releases() if change.earliest <= place(r.start_ns) <= change.latest]
    if series.dimension in ("tool", "model") and series.units is not None:
        return [release for release in inside if release.agent_name in series.shared_by]
    own = [release for release in inside if release.agent_name == series.agent_name]
    return own or inside


def _row(series: Series, change: Change, releases: Releases) -> dict[str, Any]:
    suspects = _suspects(series, change, releases)
    effect, has_date = change.effect, change.verdict in ("step", "workload", "slope")
    before, after = _places_of(series, change)
    return {
        "dimension": series.dimension, "member": series.member,
        "agent_name": series.agent_name, "measure": series.measure, "tool_name": series.tool_name, "verdict": change.verdict,
        "start_time": int(series.times[change.at]) if has_date else None,
        "earliest": int(series.times[max(change.earliest - 1, 0)]) if has_date else None,
        "latest": int(series.times[change.latest]) if has_date else None,
        "n_before": change.at - change.first, "n_after": change.end - change.at,
        "value_before": effect and effect.before, "value_after": effect and effect.after,
        "difference": effect and effect.difference, "difference_low": effect and effect.low,
        "difference_high": effect and effect.high, "p_value": series.p_value, "q_value": series.q_value,
        "mixed_p_value": series.mixed_p_value, "strata": len(np.unique(series.strata)),
        "shared_by": list(series.shared_by) or None,
        "suspects": [
            {"agent_name": r.agent_name, "kind": r.kind, "value_before": r.value_before, "value": r.value,
             "start_time": r.start_ns, "trace_id": r.trace_id, "span_id": r.span_id} for r in suspects
        ],
        "explanation": explain(change, series, suspects, releases),
        "span_ids_before": before, "span_ids_after": after,
    }  # fmt: skip


def _places_of(series: Series, change: Change) -> tuple[list[int], list[int]]:
    """Return the places of the tasks or calls next to a step on either side; of a slope, the first ones and, from the end, the last ones."""
    before, after = (
        side[side >= 0] for side in np.split(series.places[change.first : change.end], [change.at - change.first])
    )
    half = len(after) // 2 if change.verdict == "slope" else 0
    if half:
        return after[: min(half, SHOWN_SPANS)].tolist(), after[half:][::-1][:SHOWN_SPANS].tolist()
    return before[-SHOWN_SPANS:].tolist(), after[:SHOWN_SPANS].tolist()


def _name_spans(con: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    """Put span ids where rows have places in tree order."""
    places = sorted({place for row in rows for side in SIDES for place in row[side]})
    known = "SELECT preorder, span_id FROM spans WHERE preorder IN (SELECT unnest($places))"
    names = dict(con.execute(known, {"places": places}).fetchall())
    for row in rows:
        row |= {side: [names[place] for place in row[side]] for side in SIDES}


def _schema(con: duckdb.DuckDBPyConnection) -> pa.Schema:
    schema: pa.Schema = con.sql("FROM drift_changes LIMIT 0").to_arrow_table().schema
    return schema
