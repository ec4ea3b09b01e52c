"""Damaged, empty, mistyped and hostile platform exports: nothing crashes, nothing is lost, nothing is guessed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from platform_forests import WRITERS, Step

from agentlens import AgentLensError, Lens, UnknownFormat, read

STEPS = [Step(0, n, n - 1 if n else None, f"step {n}", n, 9 - n, 5 * n, n == 2) for n in range(4)]
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE spans; --",
    "\x1b[31m",
    "=cmd()",
    "../../etc/passwd",
    "{{7*7}}",
    "\u202e",
    "a\x00b",
]
FORMATS = {"langfuse_traces": "langfuse"}


def read_text(folder: Path, text: str | bytes, format: str | None = None) -> Lens:
    """Write a file and read it."""
    path = folder / "export"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, format=format, progress=False)


def account(lens: Lens) -> tuple[int, int, int, int]:
    """Return records, accepted, rejected, skipped, after checking that they add up and that each reject is kept."""
    [(records, accepted, rejected, skipped)] = lens.sql(
        "SELECT records, accepted, rejected, skipped FROM sources"
    ).fetchall()
    assert records == accepted + rejected + skipped
    assert lens.sql("SELECT count(*) FROM rejects").fetchall() == [(rejected,)]
    return records, accepted, rejected, skipped


def accounts(folder: Path, texts: list[str], format: str) -> list[tuple[int, int, int, int]]:
    """Read many files at once and return the account of each, after checking that it adds up."""
    for number, text in enumerate(texts):
        (folder / f"{number:03}").write_text(text)
    with read(*(folder / f"{number:03}" for number in range(len(texts))), format=format, progress=False) as lens:
        rows = lens.sql("SELECT records, accepted, rejected, skipped FROM sources ORDER BY path").fetchall()
        spans, rejects = "SELECT count(*) FROM spans", "SELECT count(*) FROM rejects"
        assert lens.sql(rejects).fetchall() == [(sum(row[2] for row in rows),)]
        assert lens.sql(spans).fetchall() == [(sum(row[1] for row in rows),)]
    assert all(records == accepted + rejected + skipped for records, accepted, rejected, skipped in rows)
    return rows


@pytest.mark.parametrize("writer", [name for name in WRITERS if name not in ("jaeger", "langfuse_traces")])
def test_a_torn_last_line_is_rejected_and_the_others_stay(writer: str, tmp_path: Path) -> None:
    lines = [json.dumps(record) for record in WRITERS[writer](STEPS)]
    with read_text(tmp_path, "\n".join([*lines[:-1], lines[-1][:-9]])) as lens:
        assert account(lens) == (4, 3, 1, 0)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_torn_document_is_a_reject_and_never_a_crash(writer: str, tmp_path: Path) -> None:
    text = json.dumps(WRITERS[writer](STEPS), indent=1)
    cuts = range(len(text) // 3, len(text), len(text) // 40)
    for _, _, rejected, _ in accounts(tmp_path, [text[:cut] for cut in cuts], FORMATS.get(writer, writer)):
        assert rejected == 1


def test_a_torn_document_does_not_take_the_next_one_with_it(tmp_path: Path) -> None:
    texts = [json.dumps(record, indent=4) for record in WRITERS["otel_console"](STEPS)]
    with read_text(tmp_path, "\n".join([texts[0], texts[1][:-200], texts[2], texts[3]])) as lens:
        assert account(lens) == (4, 3, 1, 0)
        [(line, offset, length)] = lens.sql("SELECT source_line, source_offset, source_length FROM rejects").fetchall()
    assert (line, offset, length) == (texts[0].count("\n") + 2, len(texts[0]) + 1, len(texts[1][:-200].rstrip()))


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_without_records_gives_no_span(writer: str, tmp_path: Path) -> None:
    texts = [
        "",
        " \n",
        "{}",
        "[]",
        "null",
        "3",
        '"x"',
        "[1, null, {}]",
        "{]",
        "\x00",
        "{}{}",
        '{"a":1}\n{"b":\n',
        "[[[]]]",
    ]
    for _, accepted, _, _ in accounts(tmp_path, texts, FORMATS.get(writer, writer)):
        assert accepted == 0


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="is empty"):
        read_text(tmp_path, "")


@pytest.mark.parametrize("writer", WRITERS)
def test_values_of_any_type_anywhere_balance(writer: str, tmp_path: Path) -> None:
    dice = random.Random(writer)
    records = WRITERS[writer](STEPS)
    texts = ["".join(json.dumps(spoil(record, dice)) + "\n" for record in records) for _ in range(150)]
    assert len(accounts(tmp_path, texts, FORMATS.get(writer, writer))) == 150


def spoil(value: Any, dice: random.Random) -> Any:
    """Return a value in which about one in ten inner values is of another type."""
    if dice.random() < 0.1:
        return dice.choice([None, True, -1, 2**70, 1e308, "", "x" * 50, [], [1, [2]], {}, {"a": {"b": []}}, *HOSTILE])
    if isinstance(value, dict):
        return {key: spoil(inner, dice) for key, inner in value.items()}
    return [spoil(inner, dice) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("writer", WRITERS)
def test_hostile_text_is_kept_as_text(writer: str, tmp_path: Path) -> None:
    steps = [step._replace(name=text) for step, text in zip(STEPS * 2, HOSTILE)]
    steps = [step._replace(number=number, parent=None) for number, step in enumerate(steps)]
    with read_text(tmp_path, "".join(json.dumps(record) + "\n" for record in WRITERS[writer](steps))) as lens:
        names = [name for (name,) in lens.sql("SELECT name FROM spans ORDER BY span_id").fetchall()]
    assert names == HOSTILE


@pytest.mark.parametrize("count", [350, 512, 1000])
@pytest.mark.parametrize("writer", ["langfuse", "phoenix", "jaeger"])
def test_a_count_at_which_tools_stop_is_noted(writer: str, count: int, tmp_path: Path) -> None:
    for size, noted in ((count, True), (count - 1, False)):
        steps = [STEPS[0]._replace(number=number) for number in range(size)]
        with read_text(tmp_path, "".join(json.dumps(record) + "\n" for record in WRITERS[writer](steps))) as lens:
            [(missing,)] = lens.sql("SELECT known_missing FROM sources").fetchall()
        assert any(f"Exactly {size:,} records" in sentence for sentence in missing) == noted


def test_a_parquet_file_of_another_kind_says_what_it_holds(tmp_path: Path) -> None:
    pq.write_table(pa.table({"question": ["x"], "answer": ["y"]}), tmp_path / "runs.parquet")
    with read(tmp_path / "runs.parquet", progress=False) as lens:
        assert account(lens) == (1, 0, 1, 0)
        [(reason,)] = lens.sql("SELECT reason FROM rejects").fetchall()
    assert "no Phoenix export" in reason and "question" in reason


def test_a_damaged_parquet_file_is_a_reject(samples: Path, tmp_path: Path) -> None:
    data = (samples / "openinference/phoenix_export_spans_dataframe.parquet").read_bytes()
    for broken in (data[:5000], data[:4] + b"\x00" * 100, data[:40000] + bytes(2000) + data[42000:]):
        with read_text(tmp_path, broken) as lens:
            records, accepted, rejected, _ = account(lens)
            assert records == accepted + rejected and rejected >= 1


def test_a_table_with_a_torn_row_keeps_the_others(samples: Path, tmp_path: Path) -> None:
    lines = [
        "id,traceId,parentObservationId,type,name,input",
        'a,t,,SPAN,"x, ""y""\nsecond line",',
        "b,t,a,SPAN",
        'c,t,a,SPAN,z,"open',
    ]
    with read_text(tmp_path, "\r\n".join(lines)) as lens:
        assert account(lens) == (3, 2, 1, 0)
        spans = lens.sql(
            "SELECT span_id, name, source_line, source_offset, source_length FROM spans ORDER BY span_id"
        ).fetchall()
    data = "\r\n".join(lines)
    assert [(span_id, name, line) for span_id, name, line, _, _ in spans] == [
        ("a", 'x, "y"\nsecond line', 2),
        ("c", "z", 5),
    ]
    assert [data[offset : offset + length] for *_, offset, length in spans] == [lines[1], lines[3]]


def test_a_trace_without_observations_or_spans_is_skipped_with_a_reason(tmp_path: Path) -> None:
    files = {
        "langfuse": {"trace": {"id": "t", "projectId": "p", "timestamp": "2026-01-01T00:00:00Z"}, "observations": []},
        "mlflow": {"info": {"trace_id": "tr-1", "trace_metadata": {}}, "data": {"spans": []}},
        "jaeger": {"data": [{"traceID": "1", "spans": [], "processes": {}}]},
        "langsmith": {"post": [], "patch": [], "runs": []},
    }
    for format, content in files.items():
        with read_text(tmp_path, json.dumps(content), format) as lens:
            assert account(lens) == (1, 0, 0, 1), format
            [(reasons,)] = lens.sql("SELECT skipped_reasons FROM sources").fetchall()
            assert "without" in reasons


def test_deep_nesting_is_a_reject(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    text = (
        '{"id":"o","traceId":"t","parentObservationId":null,"startTime":"2026-01-01T00:00:00Z","input":' + deep + "}\n"
    )
    try:
        with read_text(tmp_path, text, "langfuse") as lens:
            assert account(lens)[:3] == (1, 0, 1)
    except AgentLensError as error:
        pytest.fail(f"a line should be rejected, not the file: {error}")
