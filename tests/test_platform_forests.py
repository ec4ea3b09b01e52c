"""Any forest of steps, written as any platform writes it in any layout, comes back as the same tree."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platform_forests import LINE_WRITERS, SHAPES, WRITERS, Step, forests, microseconds

from agentlens import read

SPANS = (
    "SELECT trace_id, span_id, parent_span_id, name, epoch_ns(start_time), epoch_ns(end_time),"
    " coalesce(input_tokens, 0), status_code = 'ERROR', is_orphan, depth FROM spans ORDER BY ALL"
)


def depth(step: Step, steps: dict[tuple[int, int | None], Step]) -> int:
    """Return how many ancestors a step has among the steps."""
    parent = steps.get((step.trace, step.parent))
    return 0 if parent is None else 1 + depth(parent, steps)


def tree(steps: list[Step]) -> list[tuple[Any, ...]]:
    """Return the rows that `SPANS` should give."""
    known = {(step.trace, step.number): step for step in steps}
    return sorted(
        (
            step.trace_id,
            step.span_id,
            step.parent_id,
            step.name,
            microseconds(step.start) * 1000,
            microseconds(step.end) * 1000,
            step.tokens,
            step.failed,
            step.parent is not None and (step.trace, step.parent) not in known,
            depth(step, known),
        )
        for step in steps
    )


@pytest.mark.parametrize("writer", WRITERS)
@settings(max_examples=3)
@given(steps=forests(), shape=st.sampled_from(list(SHAPES)))
def test_a_forest_written_by_a_platform_is_read_back_as_the_same_tree(
    writer: str, steps: list[Step], shape: str
) -> None:
    text = SHAPES[shape](WRITERS[writer](steps))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        path.write_text(text, "utf-8")
        with read(path, progress=False) as lens:
            rows = lens.sql(SPANS).fetchall()
            places = lens.sql("SELECT span_id, source_line, source_offset, source_length FROM spans").fetchall()
            account = lens.sql("SELECT records, accepted, rejected + skipped FROM sources").fetchall()
    assert sorted(rows, key=lambda row: row[:2]) == sorted(tree(steps), key=lambda row: row[:2])
    assert account == [(len(steps), len(steps), 0)]
    data = text.encode()
    for span_id, line, offset, length in places:
        record = json.loads(data[offset : offset + length])
        found = (
            record.get("spanID")
            or record.get("span_id")
            or record.get("context", record).get("span_id")
            or record["id"]
        )
        assert (found.removeprefix("0x"), line) == (span_id, data[:offset].count(b"\n") + 1)


@pytest.mark.parametrize("writer", LINE_WRITERS)
@settings(max_examples=3)
@given(steps=forests(), data=st.data())
def test_lines_in_any_order_and_split_over_any_files_give_the_same_tree_and_again_when_read_twice(
    writer: str, steps: list[Step], data: st.DataObject
) -> None:
    lines = [json.dumps(record) + "\n" for record in LINE_WRITERS[writer](steps)]
    lines = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "logs").mkdir()
        for file, part in (("b", lines[:cut]), ("a", lines[cut:])):
            if part:
                (folder / "logs" / file).write_text("".join(part), "utf-8")
        seen = []
        for _ in range(2):
            with read(folder / "logs", into=folder / "case.duckdb", progress=False) as lens:
                seen.append(lens.sql(SPANS).fetchall())
                account = lens.sql("SELECT sum(records), sum(accepted) FROM sources").fetchall()
    assert sorted(seen[0], key=lambda row: row[:2]) == sorted(tree(steps), key=lambda row: row[:2])
    assert seen[1] == seen[0]
    assert account == [(len(steps), len(steps))]
