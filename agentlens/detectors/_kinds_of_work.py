"""Kinds of work that a log does not name: told apart by the words tasks were asked with, and by the tools they used.

A change that another mix of such kinds explains is no change of the agent. Kinds are the leaves of a small regression tree (Breiman et al. 1984) on the ranks
of a series, which does not see time. Each must stand on both sides of the change: what only comes with it may be the change itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agentlens.detectors import change_points as cp

MOST_SIGNS, MOST_KINDS = 60, 8
SURE = 15.0  # square of a normal deviate: one in ten thousand, for dozens of signs are tried
LEAST_SHARE = 0.02  # of a kind, on either side of a change; at least two tasks

Signs = NDArray[np.uint64]  # words or tools, by number

_FIRST_CALLS = """
    SELECT task, min(preorder) AS preorder, false AS is_run FROM _models SEMI JOIN asked_tasks USING (task) GROUP BY task
    UNION ALL
    SELECT task, task, true FROM asked_tasks"""
# What each task was asked: the first message that is no system prompt, in small letters without numbers, as far as it is read. Numbers stand for words, of which there are millions.
_ASKED = f"""
    WITH shown AS (
      SELECT task, is_run, position + list_index AS position, message_hash
      FROM ({_FIRST_CALLS})
      JOIN (SELECT trace_id, span_id, preorder FROM spans) AS spans USING (preorder)
      JOIN (FROM span_message_ranges WHERE direction = 'input') AS ranges USING (trace_id, span_id)
      JOIN message_lists ON message_lists.list_id = ranges.list_id AND list_index < length
    ),
    firsts AS (
      SELECT task, arg_min(message_hash, (is_run, position)) AS message_hash
      FROM shown
      SEMI JOIN (FROM messages WHERE role NOT IN ('system', 'developer')) AS asking USING (message_hash)
      GROUP BY task
    ),
    texts AS (
      SELECT task, lower(left(_message_text(parts), 300)) AS said, bytes FROM firsts JOIN messages USING (message_hash)
    )
    SELECT task, unnest(list_distinct(list_transform(regexp_extract_all(said, '\\pL{{2,}}'), lambda word: hash(word))) || [step for step in [40, 80, 160, 320] IF bytes > step]) AS sign FROM texts"""
_USED = "SELECT task, hash(tool_name) AS sign FROM _used SEMI JOIN asked_tasks USING (task)"
# Of the signs of each agent's tasks those that divide them most evenly.
_DIVIDING = """
    WITH signs AS MATERIALIZED (SELECT agent_name, task, sign FROM ({signs}) JOIN asked_tasks USING (task)),
    tasks AS (SELECT agent_name, count(*) AS tasks FROM asked_tasks GROUP BY agent_name),
    counted AS (SELECT agent_name, sign, count(*) AS owners FROM signs GROUP BY agent_name, sign),
    kept AS (
      SELECT counted.agent_name, sign
      FROM counted
      JOIN tasks ON tasks.agent_name IS NOT DISTINCT FROM counted.agent_name
      WHERE owners < tasks
      QUALIFY row_number() OVER (PARTITION BY counted.agent_name ORDER BY owners * (tasks - owners) DESC, sign) <= $most
    )
    SELECT task, signs.sign
    FROM signs
    SEMI JOIN kept ON kept.agent_name IS NOT DISTINCT FROM signs.agent_name AND kept.sign = signs.sign
    ORDER BY task, sign"""


def signs_of_tasks(con: duckdb.DuckDBPyConnection, tasks: cp.Ints) -> Iterator[tuple[str, cp.Ints, Signs]]:
    """Yield what tells tasks apart, what they were `asked` and which tools they `used`: the tasks and, beside each, one sign of it, as a number."""
    con.register("arriving_tasks", pa.table({"task": tasks}))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE asked_tasks AS SELECT task, agent_name FROM arriving_tasks JOIN (SELECT preorder AS task, agent_name FROM spans) USING (task)"
    )
    con.unregister("arriving_tasks")
    for kind, signs in (("asked", _ASKED), ("used", _USED)):
        rows = con.execute(_DIVIDING.format(signs=signs), {"most": MOST_SIGNS}).fetchnumpy()
        yield kind, rows["task"].astype(np.int64), rows["sign"]
    con.execute("DROP TABLE asked_tasks")


def kinds_of_tasks(scores: cp.Floats, tasks: cp.Ints, signed: cp.Ints, signs: Signs) -> cp.Ints:
    """Return the kind of work of each observation: tasks that share what says most of its score; 0 for all where nothing says enough.

    Given are the scores of a series in time order, the task of each, and signs of tasks.
    """
    own, firsts, which = np.unique(tasks, return_index=True, return_inverse=True)
    sums = np.stack([np.bincount(which, column) for column in scores.T], axis=1)
    means = sums / np.bincount(which)[:, None]
    has = _signs_as_columns(own, signed, signs)
    is_after = firsts >= cp.best_split(scores)
    kinds = np.zeros(len(own), dtype=np.int64)
    while kinds.max() + 1 < MOST_KINDS:
        best = max(
            (_best_sign(means, has, is_after, kinds == kind) for kind in range(kinds.max() + 1)),
            key=lambda found: found[0],
        )
        if best[0] < SURE:
            break
        kinds[best[1]] = kinds.max() + 1
    return kinds[which]


def _signs_as_columns(own: cp.Ints, signed: cp.Ints, signs: Signs) -> cp.Floats:
    """Return a column for each sign that some tasks have and some have not, 1 where a task has it."""
    known = np.isin(signed, own)
    rows = np.searchsorted(own, signed[known])
    names, columns = np.unique(signs[known], return_inverse=True)
    counts = np.bincount(columns, minlength=len(names))
    spread = counts * (len(own) - counts)
    kept = np.argsort(-spread, kind="stable")[:MOST_SIGNS]
    place = np.full(len(names), -1)
    place[kept] = np.arange(len(kept))
    has = np.zeros((len(own), len(kept)))
    inside = place[columns] >= 0
    has[rows[inside], place[columns[inside]]] = 1
    return has


def _best_sign(
    means: cp.Floats, has: cp.Floats, is_after: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> tuple[float, cp.Ints]:
    """Return how sure the sign that divides some tasks best is, and the tasks among them that have it."""
    values, present, after = means[inside], has[inside], is_after[inside]
    if not present.size:
        return 0.0, np.zeros(0, dtype=np.int64)
    having = present.sum(axis=0)
    lacking = len(values) - having
    sides = np.stack([present[after].sum(axis=0), present[~after].sum(axis=0)])
    others = np.array([[after.sum()], [(~after).sum()]]) - sides
    may = _has_enough(sides, having) & _has_enough(others, lacking)
    if not may.any():
        return 0.0, np.zeros(0, dtype=np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = present.T @ values / having[:, None] - (1 - present).T @ values / lacking[:, None]
        gain = (apart**2).sum(axis=1) * having * lacking / len(values)
    gain = np.where(may, gain, 0.0)
    best = int(np.argmax(gain))
    total = float(((values - values.mean(axis=0)) ** 2).sum())
    rest = max(total - gain[best], 1e-9) / max(len(values) - 2, 1)
    return float(gain[best] / rest), np.flatnonzero(inside)[present[:, best] > 0]


def _has_enough(sides: cp.Ints, count: cp.Ints) -> NDArray[np.bool_]:
    return np.asarray((sides >= np.maximum(2, LEAST_SHARE * count)).all(axis=0))
