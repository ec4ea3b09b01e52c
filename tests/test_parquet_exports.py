"""Bulk exports of LangSmith and Langfuse as Parquet say what their JSON says; each Parquet file has one loader."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from platform_forests import WRITERS, Record, Step

from agentlens import read
from agentlens._source import read_head
from agentlens.loaders import all_loaders

STEPS = [
    Step(0, 0, None, "root", 0, 900, 0, False), Step(0, 1, 0, "plan", 10, 200, 30, False), Step(0, 2, 0, "act", 210, 880, 70, True),
    Step(1, 3, 100, "lost", 5, 6, 1, False),
]  # fmt: skip
SPANS = """
    SELECT trace_id, span_id, parent_span_id, name, epoch_ns(start_time), epoch_ns(end_time), input_tokens, status_code, is_orphan, depth
    FROM spans ORDER BY ALL
"""
TIMES = ("start_time", "end_time")


def snake(record: Record) -> Record:
    """Return an observation under the names of Langfuse's export to a blob storage."""
    words = {
        "traceId": "trace_id",
        "parentObservationId": "parent_observation_id",
        "startTime": "start_time",
        "endTime": "end_time",
    }
    return {words.get(key, key).replace("usageDetails", "usage_details"): value for key, value in record.items()}


def write(path: Path, records: list[Record], unit: str) -> Path:
    """Write records as columns of their types: times as timestamps, objects of counts as maps."""
    rows = [
        {key: dt.datetime.fromisoformat(value) if key in TIMES else value for key, value in record.items()}
        for record in records
    ]
    names = list(dict.fromkeys(key for row in rows for key in row))
    columns: dict[str, Any] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name == "usage_details":
            columns[name] = pa.array([list(value.items()) for value in values], pa.map_(pa.string(), pa.int64()))
        else:
            columns[name] = pa.array(values, pa.timestamp(unit) if name in TIMES else None)
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize("unit", ["ns", "us", "ms"])
@pytest.mark.parametrize("platform", ["langsmith", "langfuse"])
def test_a_parquet_export_says_what_the_json_lines_say(platform: str, unit: str, tmp_path: Path) -> None:
    records = WRITERS[platform](STEPS)
    lines, table = tmp_path / "lines", tmp_path / "table"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    zoned = [
        {k: v + "Z" if k in TIMES and not str(v).endswith("Z") else v for k, v in snake(r).items()} for r in records
    ]
    write(table, zoned, unit)
    with read(lines, progress=False) as plain, read(table, progress=False) as lens:
        assert lens.sql(SPANS).fetchall() == plain.sql(SPANS).fetchall()
        assert lens.sql("SELECT format, records, accepted FROM sources").fetchall() == [(platform, 4, 4)]
        assert lens.sql("SELECT source_line FROM spans ORDER BY span_id").fetchall() == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (("dotted_order", "id"), "langsmith"), (("run_type", "trace_id"), "langsmith"), (("trace_id", "parent_observation_id"), "langfuse"),
        (("context.span_id", "attributes.dotted_order"), "phoenix"), (("a", "b"), "phoenix"),
    ],
)  # fmt: skip
def test_exactly_one_loader_claims_a_parquet_file_by_its_columns(
    columns: tuple[str, ...], name: str, tmp_path: Path
) -> None:
    """What its rows hold decides nothing, and neither does how long it is."""
    noise = ["dotted_order parent_observation_id context.span_id"] * 20_000
    pq.write_table(pa.table(dict.fromkeys(columns, noise)), tmp_path / "x", use_dictionary=False, compression="none")
    head = read_head(tmp_path / "x", None)
    assert [found for found, loader in all_loaders().items() if loader.sniff(head)] == [name]
