"""What a loader fills: rows of any Python values become columns, and messages are stored once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentlens._account import Account
from agentlens._catalog import install_schema, table_columns
from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place, Source, detect_compression, hash_prefix, json_values
from agentlens._staging import Staging
from agentlens.dialects.messages import normalise_message

HERE = Place(1, 0, 10)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**130), 2**130)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        install_schema(connection)
        yield connection


@pytest.fixture
def evidence(con: duckdb.DuckDBPyConnection) -> Evidence:
    into = Evidence(table_columns(con), Staging(con, table_columns(con)))
    into.begin(Source(Path("log.jsonl"), 7))
    return into


@settings(max_examples=30)
@given(st.lists(ANYTHING, min_size=1, max_size=5))
def test_values_of_any_type_in_any_column_become_rows(values: list[Any]) -> None:
    with duckdb.connect() as con:
        install_schema(con)
        into = Evidence(table_columns(con), Staging(con, table_columns(con)))
        into.begin(Source(Path("log.jsonl"), 1))
        for value in values:
            into.add(
                "span_events",
                HERE,
                trace_id="t",
                span_id="s",
                event_index=0,
                time=value,
                name=value,
                attributes={"x": value},
            )
            into.add("status_reports", HERE, kind="pax", wave=value, deliverables=value, attributes=value)
        into.flush()
        assert con.execute("SELECT count(*), count(attributes) FROM staged_span_events").fetchall() == [
            (len(values), len(values))
        ]
        assert con.execute("SELECT count(*) FROM staged_status_reports").fetchall() == [(len(values),)]


@given(ANYTHING)
def test_any_value_has_json_text_that_json_can_read(value: Any) -> None:
    json.loads(json_text(value))


@given(st.integers())
def test_integers_of_any_size_stay_exact_in_json(value: int) -> None:
    assert json.loads(json_text([value])) == [value]


def test_a_value_that_does_not_fit_is_null_and_said_to_be(evidence: Evidence, con: duckdb.DuckDBPyConnection) -> None:
    evidence.add("status_reports", HERE, kind="pax", wave="fourteen")
    evidence.flush()
    assert con.execute("SELECT wave FROM staged_status_reports").fetchall() == [(None,)]
    assert "status_reports.wave" in next(iter(evidence.account.known_missing))


def test_a_message_is_stored_once_however_often_it_is_sent(evidence: Evidence, con: duckdb.DuckDBPyConnection) -> None:
    raw = json.dumps([{"role": "user", "content": "hello"}])
    typed = [("user", None, [{"type": "text", "content": "hello"}])]
    for number in range(5):
        assert evidence.add_raw_messages(HERE, "t", str(number), "input", raw, normalise_message)
        assert evidence.add_messages(HERE, "t", str(number), "output", typed) == 1
    evidence.flush()
    assert con.execute("SELECT count(*), count(DISTINCT message_hash) FROM staged_messages").fetchall() == [(1, 1)]
    assert con.execute("SELECT count(*), sum(length) FROM staged_span_message_ranges").fetchall() == [(10, 10)]
    assert (
        con.execute("SELECT DISTINCT message_hash FROM staged_message_lists").fetchall()
        == con.execute("SELECT message_hash FROM staged_messages").fetchall()
    )


def test_order_of_keys_never_changes_a_message(evidence: Evidence) -> None:
    one = evidence.add_message(HERE, "user", None, [{"type": "x", "a": 1, "b": {"c": 2, "d": 3}}])
    assert one == evidence.add_message(HERE, "user", None, [{"b": {"d": 3, "c": 2}, "a": 1, "type": "x"}])
    assert one != evidence.add_message(HERE, "assistant", None, [{"type": "x", "a": 1, "b": {"c": 2, "d": 3}}])


@pytest.mark.parametrize("raw", ["", "text", "{}", "17", '[{"role":', '["\\ud800"]', "[" * 3000, b"\xff"])
def test_text_that_is_no_list_of_messages_adds_nothing(
    raw: Any, evidence: Evidence, con: duckdb.DuckDBPyConnection
) -> None:
    assert not evidence.add_raw_messages(HERE, "t", "s", "input", raw, normalise_message)
    evidence.flush()
    assert con.execute("SELECT count(*) FROM staged_span_message_ranges").fetchall() == [(0,)]


@given(ANYTHING)
def test_any_message_has_a_role_a_name_and_parts(message: Any) -> None:
    role, name, parts = normalise_message(message)
    assert role is None or isinstance(role, str)
    assert name is None or isinstance(name, str)
    assert all(isinstance(part, dict) and isinstance(part["type"], str) for part in parts)


def test_an_account_survives_being_saved() -> None:
    account = Account(5, 3, 1, {"blank": 1}, {"cut off": None}, 1, 2, {"gen_ai": None}, "includes cache")
    assert Account.from_json(account.to_json()) == account


def test_a_reject_keeps_the_beginning_of_its_text(evidence: Evidence, con: duckdb.DuckDBPyConnection) -> None:
    evidence.reject(Place(3, 5, 9000), "broken", b"\xff" + b"x" * 9000)
    evidence.flush()
    [(raw, length)] = con.execute("SELECT raw, source_length FROM staged_rejects").fetchall()
    assert raw.startswith("\\xffxxx") and len(raw) == 4099 and length == 9000


# --- sources ----------------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(
    st.lists(st.binary(max_size=12), max_size=8), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.integers(3, 9)
)
def test_lines_are_numbered_and_placed_whatever_the_chunks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[bytes], end: bytes, mark: bool, chunk: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "log"
    data = (b"\xef\xbb\xbf" if mark else b"") + end.join(rows)
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentlens._source.CHUNK_BYTES", chunk)
        lines = list(Source(path, 1).lines())
    text = data.removeprefix(b"\xef\xbb\xbf")
    assert [(line.number, line.raw) for line in lines] == [
        (n, row.strip()) for n, row in enumerate(text.split(b"\n"), 1) if row.strip()
    ]
    assert all(data[line.offset :].startswith(line.raw) for line in lines)


def test_reading_on_begins_after_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")
    source = Source(path, 1)
    assert [line.raw for line in source.lines()] == [b"one", b"two", b"thr"]
    assert (source.consumed, source.consumed_lines, source.tail) == (8, 2, True)
    path.write_bytes(b"one\ntwo\nthree\nfour\n")
    again = Source(path, 1, start=source.consumed, start_line=source.consumed_lines)
    assert [(line.number, line.offset, line.raw) for line in again.lines()] == [(3, 8, b"three"), (4, 14, b"four")]


def test_a_head_is_flattened_to_paths(tmp_path: Path) -> None:
    assert json_values(b'{"a":{"b":[{"c":1}]}}\n{"d":2}\n')[0]["a.b.item.c"] == 1
    assert len(json_values(b'{"a":1}\n{"d":2}\n{"e":')) == 2
    assert json_values(b"# heading") == ()
    assert json_values(b'{"a":{"b":[1],"c":"cut')[0]["a.b.item"] == 1


def test_hashes_are_of_the_bytes_on_disk(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "x").write_bytes(b"abcdef")
    assert hash_prefix(tmp_path / "x") == hashlib.sha256(b"abcdef").hexdigest()
    assert hash_prefix(tmp_path / "x", 3) == hashlib.sha256(b"abc").hexdigest()
    assert detect_compression(tmp_path / "x") is None
