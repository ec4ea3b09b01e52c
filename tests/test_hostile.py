"""Hostile text stays text, in every field and in file names, and a lens reaches nothing but itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from otlp_forests import as_lines, attribute, batch, read_bytes, span

from agentlens import Lens, read

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'; DROP TABLE spans; --",
    "\"); ATTACH '/etc/passwd'; --",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202eevil\u202c \u2066x\u2069",
    "../../../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "a\x00b",
    "{{ 7 * 7 }} ${7*7} %s %(x)s {0}",
    "[x](javascript:alert(1))",
    "\ufeff\u200b\ufffe",
    "line\r\nline\u2028line",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_text_goes_in_and_comes_out_unchanged(payload: str, tmp_path: Path) -> None:
    said = json.dumps([{"role": payload, "name": payload, "parts": [{"type": "text", "content": payload}]}])
    pairs = {
        "gen_ai.agent.name": payload,
        "gen_ai.tool.name": payload,
        "error.type": payload,
        payload: payload,
        "gen_ai.input.messages": said,
    }
    one = span(
        0,
        0,
        start=1,
        name=payload,
        status={"code": 2, "message": payload},
        attributes=[attribute(*pair) for pair in pairs.items()],
        events=[{"name": payload, "attributes": [attribute(payload, payload)]}],
        links=[{"traceId": payload, "spanId": payload}],
    )
    with read_bytes(tmp_path, json.dumps(batch([one], payload)).encode() + b"\n") as lens:
        query = "SELECT name, agent_name, tool_name, error_type, status_message, service_name, attributes FROM spans"
        [(*columns, attributes)] = lens.sql(query).fetchall()
        assert columns == [payload] * 6
        assert json.loads(attributes) == {payload: payload}
        assert lens.sql("SELECT role, name FROM messages").fetchall() == [(payload, payload)]
        assert json.loads(lens.sql("SELECT parts FROM messages").fetchall()[0][0])[0]["content"] == payload
        [(name, logged)] = lens.sql("SELECT name, attributes FROM span_events").fetchall()
        assert (name, json.loads(logged)) == (payload, {payload: payload})
        assert payload in [row[0] for row in lens.sql("SELECT agent_name FROM agents").fetchall()]
        assert repr(lens) and lens._repr_html_()


@pytest.mark.parametrize("payload", PAYLOADS)
def test_ids_of_any_text_are_kept_and_looked_up_as_values(payload: str, tmp_path: Path) -> None:
    one = {**span(0, 0), "traceId": payload, "spanId": payload}
    with read_bytes(tmp_path, as_lines([one])) as lens:
        assert lens.sql("SELECT span_id FROM spans WHERE trace_id = $trace", trace=payload).fetchall() == [(payload,)]


@pytest.mark.parametrize("payload", [p for p in PAYLOADS if "\x00" not in p and "/" not in p])
def test_file_names_are_text_too(payload: str, tmp_path: Path) -> None:
    path = tmp_path / f"{payload}.jsonl"
    path.write_bytes(as_lines([span(0, 0)]))
    with read(path, into=tmp_path / "case.duckdb", progress=False) as lens:
        assert lens.sql("SELECT path FROM sources").fetchall() == [(str(path),)]
    with read(tmp_path, into=tmp_path / "case.duckdb", progress=False) as lens:
        assert lens.sql("SELECT count(*) FROM sources").fetchall() == [(1,)]


def test_a_file_name_that_is_no_text_is_shown_and_known_again(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / os.fsdecode(b"caf\xe9.jsonl")).write_bytes(as_lines([span(0, 0)]))
    for _ in range(2):
        with read(logs, into=tmp_path / "case.duckdb", progress=False) as lens:
            assert [row[0].rpartition("/")[2] for row in lens.sql("SELECT path FROM sources").fetchall()] == [
                "caf\\xe9.jsonl"
            ]


# --- the lens is closed to the outside -------------------------------------------------------------------------------

REACHES_OUT = [
    "FROM '{file}'",
    "FROM read_text('{file}')",
    "FROM read_blob('/etc/passwd')",
    "FROM read_csv('{file}')",
    "FROM read_json_objects('{file}')",
    "FROM glob('/*')",
    "FROM sniff_csv('{file}')",
    "COPY spans TO '{folder}/out.csv'",
    "COPY spans FROM '{file}'",
    "EXPORT DATABASE '{folder}/out'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{folder}/other.duckdb'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET memory_limit = '1TB'",
    "SET temp_directory = '{folder}'",
    "RESET enable_external_access",
    "PRAGMA enable_profiling",
    "SELECT * FROM secret_frame",
    "FROM read_text('https://example.com')",
]


@pytest.fixture
def lens(tmp_path: Path) -> Any:
    with read_bytes(tmp_path / "logs", as_lines([span(0, 0)])) as one:
        yield one


@pytest.mark.parametrize("query", REACHES_OUT)
def test_a_locked_lens_refuses_to_reach_out(query: str, lens: Lens, tmp_path: Path) -> None:
    import pyarrow as pa

    secret_frame = pa.table({"x": [1]})
    assert secret_frame.num_rows == 1
    before = sorted(tmp_path.iterdir())
    with pytest.raises(duckdb.Error):
        lens.sql(query.format(file=tmp_path / "logs" / "0.jsonl", folder=tmp_path)).fetchall()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("way", ["write_csv", "write_parquet", "to_csv", "to_parquet"])
def test_a_relation_of_a_locked_lens_writes_no_file(way: str, lens: Lens, tmp_path: Path) -> None:
    with pytest.raises(duckdb.Error):
        getattr(lens.sql("FROM spans"), way)(str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_saved_lens_is_locked_when_it_is_opened(lens: Lens, tmp_path: Path) -> None:
    with read(lens.save(tmp_path / "case.duckdb")) as opened, pytest.raises(duckdb.Error):
        opened.sql("FROM read_text('/etc/passwd')").fetchall()


def test_an_unlocked_lens_reaches_files_and_frames(tmp_path: Path) -> None:
    import pyarrow as pa

    frame = pa.table({"x": [1]})
    with read_bytes(tmp_path, as_lines([span(0, 0)]), locked=False) as lens:
        assert frame.num_rows == 1
        assert lens.sql(f"SELECT length(content) > 0 FROM read_text('{tmp_path}/0.jsonl')").fetchall() == [(True,)]
        lens.sql(f"COPY spans TO '{tmp_path}/out.csv'").fetchall()
        assert (tmp_path / "out.csv").exists()


def test_a_locked_lens_still_answers_queries_larger_than_memory_would_like(lens: Lens) -> None:
    query = "SELECT count(*) FROM (SELECT i, md5(i::VARCHAR) AS h FROM range(3000000) AS t(i) ORDER BY h)"
    assert lens.sql(query).fetchall() == [(3_000_000,)]
