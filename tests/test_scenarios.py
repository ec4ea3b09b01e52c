"""In three log formats, each detector finds the runs made to fail in its way, and healthy runs are left alone.

A small sample stands here; `tests/benchmarks/healthy_runs.py` makes a thousand.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scenario_logs import FORMATS, read_runs
from scenarios import FAILING, HEALTHY, Run, make

from agentlens import Lens
from agentlens._detect import detect

DETECTORS = {"nested_retries": "retry_storm"}
RECALL = 0.95


def fired(lens: Lens) -> dict[int, set[str]]:
    """The detectors that fired in each run, by the number that its agents and traces carry."""
    detect(lens)
    query = """
        SELECT detector, f.agent_name, any_value(s.agent_name), summary
        FROM (SELECT detector, agent_name, unnest(CASE WHEN len(span_ids) > 0 THEN span_ids ELSE [NULL] END) AS span_id, summary FROM findings) AS f
        LEFT JOIN spans AS s USING (span_id)
        GROUP BY ALL
    """
    found: dict[int, set[str]] = {}
    for detector, agent, of_span, _ in lens.sql(query).fetchall():
        number = re.search(r"_(\d+)$", agent or of_span or "")
        found.setdefault(int(number[1]) if number else -1, set()).add(detector)
    return found


def failing_runs(each: int, seed: int = 0, first: int = 0) -> dict[str, list[Run]]:
    numbers = iter(range(first, first + each * len(FAILING)))
    return {name: [make(builder, next(numbers), seed) for _ in range(each)] for name, builder in FAILING.items()}


def healthy_runs(count: int, seed: int = 0, first: int = 0) -> list[Run]:
    return [make(HEALTHY[n % len(HEALTHY)], n, seed) for n in range(first, first + count)]


@pytest.mark.parametrize("log_format", FORMATS)
def test_failing_runs_are_found_and_healthy_ones_beside_them_are_not(log_format: str, tmp_path: Path) -> None:
    failing = failing_runs(1)
    healthy = healthy_runs(32, first=1000)
    lens = read_runs([run for runs in failing.values() for run in runs] + healthy, tmp_path, log_format)
    assert lens.sql("SELECT count(*) FROM rejects").fetchall() == [(0,)]
    found = fired(lens)
    missed = [
        (name, run.number)
        for name, runs in failing.items()
        for run in runs
        if DETECTORS.get(name, name) not in found.get(run.number, set())
    ]
    assert missed == []
    assert {number: names for number, names in found.items() if number < 0 or number >= 1000} == {}
