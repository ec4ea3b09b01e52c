"""Home-grown JSON lines: what the preset makes of records, their ids and messages, one a line or otherwise."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import plain_json_lines
import pytest
from home_grown_logs import hostile_log, lines
from text_evidence import assert_account_balances, assert_places_hold, gather

from agentlens import _source, mapping, read
from agentlens.loaders import json_lines

WAVE_14 = Path(__file__).parents[1] / "datasets" / "wave_14" / "agents"
RECORD: dict[str, Any] = {
    "timestamp": "2026-04-14T14:23:11.5Z",
    "agent_id": "Apollo",
    "session_id": "s1",
    "action": "draft",
    "input": "write it",
    "output": {"text": "Dear all", "confidence": 0.9},
    "tokens": {"prompt": 100, "completion": 20, "model": "gpt-4o-mini", "cost_usd": 0.002},
    "duration_ms": 1500,
    "parent_trace_id": "wave-14",
    "status": "success",
    "metadata": {"retry_count": 2, "fallback_used": True},
}
Rows = dict[str, list[dict[str, Any]]]


def load(tmp_path: Path, data: bytes, **options: Any) -> Rows:
    """Return the rows of a log, with the laws checked: accounts balance, and each place holds exactly its line."""
    path = tmp_path / "log"
    path.write_bytes(data)
    rows, account = gather(json_lines, path, **options)
    assert_account_balances(account, rows)
    assert_places_hold(data, rows)
    whole = [line.strip().removeprefix(b"\xef\xbb\xbf") for line in data.split(b"\n")]
    for row in (row for table in rows.values() for row in table):
        piece = data[row["source_offset"] : row["source_offset"] + row["source_length"]]
        assert piece == whole[row["source_line"] - 1]
    return rows


def span(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    """Return the span of the record with changes; None takes a field away."""
    record = {key: value for key, value in {**RECORD, **changes}.items() if value is not None}
    [row] = load(tmp_path, lines(record))["spans"]
    return row | {"attributes": json.loads(row["attributes"] or "{}")}


def test_the_preset_reads_every_field_of_its_record(tmp_path: Path) -> None:
    rows = load(tmp_path, lines(RECORD))
    [row] = rows["spans"]
    expected = {
        "trace_id": "wave-14", "name": "draft", "operation_name": "chat", "agent_name": "Apollo",
        "conversation_id": "s1",
        "start_time": datetime(2026, 4, 14, 14, 23, 11, 500000), "end_time": datetime(2026, 4, 14, 14, 23, 13),
        "status_code": "OK", "request_model": "gpt-4o-mini", "input_tokens": 100, "output_tokens": 20,
        "usage_scope": "self", "reported_cost_usd": 0.002, "parent_span_id": None,
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    assert json.loads(row["attributes"]) == {
        "output": {"confidence": 0.9},
        "metadata": {"retry_count": 2, "fallback_used": True},
    }
    by_hash = {message["message_hash"]: message for message in rows["messages"]}
    said = [
        (m["direction"], by_hash[m["message_hash"]]["role"], json.loads(by_hash[m["message_hash"]]["parts"]))
        for m in rows["span_messages"]
    ]
    assert said == [
        ("input", "user", [{"type": "text", "content": "write it"}]),
        ("output", "assistant", [{"type": "text", "content": "Dear all"}]),
    ]


@pytest.mark.parametrize(
    "record",
    [
        {
            "ts": 1776176591.5, "agent": "Apollo", "event": "draft", "model": "m", "tokens_in": 7, "tokens_out": 3,
            "cost": 1, "latency_ms": 5,
        },
        {
            "time": "2026-04-14 14:23:11.5", "agent_name": "Apollo", "type": "draft", "model": "m", "prompt_tokens": 7,
            "completion_tokens": 3, "total_cost": 1.0, "duration_ms": "5",
        },
        {
            "timestamp": 1776176591500, "actor": "Apollo", "action": "draft", "model": "m", "cost_usd": "1",
            "usage": {"input_tokens": 7, "output_tokens": "3"}, "duration_ns": 5e6,
        },
    ],
)  # fmt: skip
def test_the_usual_names_mean_the_same(tmp_path: Path, record: dict[str, Any]) -> None:
    data = lines(record)
    assert json_lines.sniff(data)
    [row] = load(tmp_path, data)["spans"]
    columns = (
        "agent_name",
        "name",
        "operation_name",
        "input_tokens",
        "output_tokens",
        "reported_cost_usd",
        "start_time",
        "end_time",
    )
    start = datetime(2026, 4, 14, 14, 23, 11, 500000)
    assert [row[column] for column in columns] == [
        "Apollo",
        "draft",
        "chat",
        7,
        3,
        1.0,
        start,
        start.replace(microsecond=505000),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"action": "llm_call", "tokens": None}, ("chat", None)),
        ({"action": "web_search", "tokens": None}, ("execute_tool", "web_search")),
        ({"action": "tool_call", "tool": "grep"}, ("execute_tool", "grep")),
        ({"action": "tool:grep"}, ("execute_tool", "grep")),
        ({"action": "execute_tool", "tool_name": "grep"}, ("execute_tool", "grep")),
        ({"action": "invoke_agent"}, ("invoke_agent", None)),
        ({"action": "started", "tokens": None, "input": None, "output": None}, (None, None)),
        ({"action": "agent_start", "tokens": None}, ("invoke_agent", None)),
        ({"action": "Run.Completed", "tokens": None}, ("invoke_agent", None)),
        ({"action": "agent_end", "tokens": None, "input": {"id": 7}}, (None, None)),
        ({"action": "task_complete", "tokens": None}, ("execute_tool", "task_complete")),
    ],
)
def test_the_action_says_what_was_done(
    tmp_path: Path, changes: dict[str, Any], expected: tuple[str | None, str | None]
) -> None:
    row = span(tmp_path, **changes)
    assert (row["operation_name"], row["tool_name"]) == expected
    assert row["name"] == changes["action"]


def test_a_tool_call_keeps_arguments_and_result_as_logged(tmp_path: Path) -> None:
    row = span(tmp_path, action="grep", tokens=None, input={"q": "x"}, output={"hits": [1], "confidence": 0.5})
    assert (json.loads(row["tool_call_arguments"]), json.loads(row["tool_call_result"])) == (
        {"q": "x"},
        {"hits": [1], "confidence": 0.5},
    )


@pytest.mark.parametrize(
    ("changes", "code", "message", "error_type"),
    [
        ({"status": "ok"}, "OK", None, None),
        ({"status": "FAILED", "error": "no token"}, "ERROR", "no token", None),
        ({"status": "error", "error": {"type": "Http401", "message": "no token"}}, "ERROR", "no token", "Http401"),
        ({"status": "timeout"}, "ERROR", "timeout", "timeout"),
        ({"status": 503}, "ERROR", "503", None),
        ({"status": "weird"}, "UNSET", None, None),
        ({"status": None, "level": "info"}, "UNSET", None, None),
        ({"status": None, "level": "error", "error": "x"}, "ERROR", "x", None),
        ({"status": None, "error": "boom"}, "ERROR", "boom", None),
        ({"status": "success", "error": "swallowed"}, "OK", "swallowed", None),
        ({"status": None, "error": False}, "UNSET", None, None),
    ],
)
def test_status_words_become_codes_and_unknown_ones_are_kept(
    tmp_path: Path, changes: dict[str, Any], code: str, message: str | None, error_type: str | None
) -> None:
    row = span(tmp_path, **changes)
    assert (row["status_code"], row["status_message"], row["error_type"]) == (code, message, error_type)
    if changes.get("status") == "weird":
        assert row["attributes"]["status"] == "weird"


@pytest.mark.parametrize(
    ("changes", "column", "kept"),
    [
        ({"timestamp": "soon"}, "start_time", {"timestamp": "soon"}),
        ({"tokens": {"prompt": 2**127, "model": "m"}}, "input_tokens", {"tokens": {"prompt": 2**127}}),
        ({"tokens": {"prompt": "many", "model": "m"}}, "input_tokens", {"tokens": {"prompt": "many"}}),
        ({"tokens": {"prompt": -1, "model": "m"}}, "input_tokens", {"tokens": {"prompt": -1}}),
        ({"duration_ms": None, "duration": 3}, "end_time", {"duration": 3}),
        ({"duration_ms": 1e400}, "end_time", {}),
    ],
)
def test_a_value_that_cannot_be_read_is_null_and_kept_untouched(
    tmp_path: Path, changes: dict[str, Any], column: str, kept: dict[str, Any]
) -> None:
    row = span(tmp_path, **changes)
    assert row[column] is None
    assert kept.items() <= row["attributes"].items()


def test_nan_costs_the_value_and_not_the_record(tmp_path: Path) -> None:
    data = b'{"timestamp": 1776176591, "agent": "a", "action": "b", "tokens": {"prompt": NaN}, "x": Infinity}\n'
    [row] = load(tmp_path, data)["spans"]
    assert row["input_tokens"] is None and row["agent_name"] == "a"


# --- ids --------------------------------------------------------------------------------------------------------------


def ids(rows: Rows) -> list[str]:
    return sorted(row["span_id"] for row in rows["spans"])


def test_records_are_known_by_their_content_in_any_order(tmp_path: Path) -> None:
    records = [RECORD | {"duration_ms": n % 5} for n in range(20)]
    before = ids(load(tmp_path, lines(*records)))
    assert len(set(before)) == 20
    random.Random(7).shuffle(records)
    assert ids(load(tmp_path, lines(*records))) == before


def test_a_trace_is_the_one_named_else_the_session_else_the_file(tmp_path: Path) -> None:
    assert span(tmp_path, trace_id="t")["trace_id"] == "t"
    assert span(tmp_path)["trace_id"] == "wave-14"
    assert span(tmp_path, parent_trace_id=None)["trace_id"] == "s1"
    assert span(tmp_path, parent_trace_id=None, session_id=None)["trace_id"].startswith("log:")


def test_records_that_name_ids_and_parents_make_a_tree(tmp_path: Path) -> None:
    rows = [RECORD | {"span_id": "a"}, RECORD | {"span_id": "b", "parent_span_id": "a"}]
    (tmp_path / "log.jsonl").write_bytes(lines(*rows))
    with read(tmp_path / "log.jsonl", progress=False) as lens:
        assert lens.sql("SELECT span_id, depth FROM spans ORDER BY 1").fetchall() == [("a", 0), ("b", 1)]


def test_a_grown_log_reads_as_if_read_at_once(tmp_path: Path) -> None:
    """The second half repeats lines of the first and the first ends in a torn line."""
    data = lines(
        *[
            {key: value for key, value in RECORD.items() if "trace" not in key and key != "session_id"}
            | {"duration_ms": n}
            for n in (1, 2, 1, 1, 3, 2)
        ]
    )
    log, whole = tmp_path / "log.jsonl", tmp_path / "whole.jsonl"
    log.write_bytes(data[: len(data) // 2])
    whole.write_bytes(data)
    query = "SELECT trace_id, span_id, source_line, source_offset, source_length FROM spans ORDER BY source_line"
    with read(log, into=tmp_path / "a.duckdb", progress=False):
        log.write_bytes(data)
    with read(log, into=tmp_path / "a.duckdb", progress=False) as grown, read(whole, progress=False) as at_once:
        assert grown.sql(query).fetchall() == at_once.sql(query).fetchall()
        account = "SELECT records, accepted, rejected, skipped FROM sources"
        assert grown.sql(account).fetchall() == at_once.sql(account).fetchall() == [(6, 6, 0, 0)]


# --- messages, real data ----------------------------------------------------------------------------------------------


def test_a_message_stands_in_the_first_record_that_shows_it_alone_or_among_others(tmp_path: Path) -> None:
    dice, first, records = random.Random(5), dict[tuple[str, str], int](), []
    for number in range(1, 200):
        asked, said, answered = (f"{word} {dice.randint(1, 40)}" for word in ("ask", "say", "say"))
        window = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        is_window = dice.random() < 0.3
        shown = [("user", asked), ("assistant", said)] if is_window else [("user", asked)]
        for message in (*shown, ("assistant", answered)):
            first.setdefault(message, number)
        output: Any = {"text": answered, "confidence": dice.random()} if dice.random() < 0.5 else answered
        records.append(RECORD | {"action": "chat", "input": window if is_window else asked, "output": output})
    rows = load(tmp_path, lines(*records))["messages"]
    stands = {(row["role"], json.loads(row["parts"])[0]["content"]): row["source_line"] for row in rows}
    assert stands == first
    assert len(rows) == len(first)


def test_simple_messages_between_agents_are_read_as_such(tmp_path: Path) -> None:
    record = {
        "message_id": "m1",
        "from": "Atlas",
        "to": "Apollo",
        "depth": 2,
        "payload": {"task": "x"},
        "timestamp": 1776176591,
    }
    assert json_lines.sniff(lines(record))
    rows = load(tmp_path, lines(record, record | {"payload": "hello"}))
    columns = ("message_id", "sender", "recipient", "depth", "kind", "payload", "time")
    when = datetime(2026, 4, 14, 14, 23, 11)
    assert [tuple(row[column] for column in columns) for row in rows["agent_messages"]] == [
        ("m1", "Atlas", "Apollo", 2, "message", '{"task":"x"}', when),
        ("m1", "Atlas", "Apollo", 2, "message", "hello", when),
    ]


def test_messages_between_agents_are_known_by_other_names_and_as_events_of_the_sender(tmp_path: Path) -> None:
    said = {"id": "m1", "ts": "2026-04-14T14:23:11Z", "in_reply_to": "m0"}
    sides = [("sender", "recipient"), ("sender", "receiver"), ("from_agent", "to_agent"), ("sender_id", "recipient_id")]
    records = [said | {a: "Atlas", b: "Apollo", text: "hello"} for a, b in sides for text in ("content", "payload")]
    records += [
        said | {"event": word, "agent": "Atlas", "to": "Apollo", "text": "hello"}
        for word in ("message", "message.sent")
    ]
    for record in records:
        assert json_lines.sniff(lines(record)), record
    rows = load(tmp_path, lines(*records))["agent_messages"]
    told = [(row["message_id"], row["span_id"], row["sender"], row["recipient"], row["payload"]) for row in rows]
    assert told == [("m1", None, "Atlas", "Apollo", "hello")] * len(records)


def test_a_call_or_an_event_without_words_for_another_is_no_message(tmp_path: Path) -> None:
    event = {"ts": "2026-04-14T14:23:11Z", "agent": "Atlas", "to": "Apollo", "text": "hello"}
    records = [
        event | {"event": "tool_call", "tool": "send_message"}, event | {"event": "message", "model": "m", "output": "hello"},
        event | {"event": "message", "text": None}, event | {"event": "message", "to": None}, event | {"event": "archive"},
    ]  # fmt: skip
    rows = load(tmp_path, lines(*records))
    assert (len(rows["spans"]), len(rows["agent_messages"])) == (len(records), 0)


BEAT = {
    "ts": "2026-04-14T14:23:11Z",
    "agent": "Apollo",
    "event": "heartbeat",
    "status": "busy",
    "seq": 4,
    "message": "page 3",
}


def test_a_heartbeat_among_records_is_a_sign_of_life_and_no_step(tmp_path: Path) -> None:
    assert json_lines.sniff(lines(BEAT))
    rows = load(
        tmp_path,
        lines(BEAT, BEAT | {"event": "keep-alive", "status": "ok"}, BEAT | {"event": "beat", "status": "alive"}),
    )
    columns = ("kind", "agent_name", "time", "status", "detail")
    when = datetime(2026, 4, 14, 14, 23, 11)
    assert [tuple(row[column] for column in columns) for row in rows["status_reports"]] == [
        ("heartbeat", "Apollo", when, "BUSY", "page 3"),
        ("heartbeat", "Apollo", when, None, "page 3"),  # `ok` says that it beat, not that its work is done
        ("heartbeat", "Apollo", when, None, "page 3"),
    ]
    assert [json.loads(row["attributes"]) for row in rows["status_reports"]] == [
        {"seq": 4},
        {"seq": 4, "status": "ok"},
        {"seq": 4, "status": "alive"},
    ]
    assert not rows["spans"]


def test_an_event_that_tells_the_state_of_an_agent_is_a_report_and_no_step(tmp_path: Path) -> None:
    event = {"ts": "2026-04-14T14:23:11Z", "agent": "Apollo"}
    told = [
        event | {"event": "status", "status": "in-progress", "message": "page 3"},
        event | {"event": "blocked", "level": "info", "reason": "no key"}, event | {"event": "waiting", "waiting_for": "Atlas"},
    ]  # fmt: skip
    rows = load(tmp_path, lines(*told))
    assert [tuple(row[column] for column in ("kind", "agent_name", "status", "detail")) for row in rows["status_reports"]] == [
        ("report", "Apollo", "IN_PROGRESS", "page 3"), ("report", "Apollo", "BLOCKED", "no key"), ("report", "Apollo", "WAITING", "Atlas"),
    ]  # fmt: skip
    steps = [
        event | {"event": "status", "level": "warning"}, event | {"event": "status", "status": "ok"},
        event | {"event": "blocked", "tool": "open"}, event | {"event": "status", "status": "busy", "output": "x"},
    ]  # fmt: skip
    rows = load(tmp_path, lines(*steps))
    assert (len(rows["spans"]), len(rows["status_reports"])) == (len(steps), 0)


@pytest.mark.parametrize("work", [{"model": "m"}, {"tool": "ping"}, {"input": "look around"}, {"output": "all quiet"}])
def test_a_heartbeat_that_does_some_work_is_a_step(tmp_path: Path, work: dict[str, Any]) -> None:
    rows = load(tmp_path, lines(BEAT | work))
    assert len(rows["spans"]) == 1 and not rows["status_reports"]


def test_the_bundled_records_equal_a_count_with_plain_json() -> None:
    for path in sorted(WAVE_14.glob("*.jsonl")):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        rows, account = gather(json_lines, path)
        spans = rows["spans"]
        assert account.accepted == len(records) == len(spans) > 10
        assert sum(row["input_tokens"] or 0 for row in spans) == sum(r["tokens"]["prompt"] or 0 for r in records)
        assert sum(row["output_tokens"] or 0 for row in spans) == sum(r["tokens"]["completion"] or 0 for r in records)
        assert sum(row["reported_cost_usd"] or 0 for row in spans) == pytest.approx(
            sum(r["tokens"]["cost_usd"] or 0 for r in records)
        )
        assert Counter(row["name"] for row in spans) == Counter(r["action"] for r in records)
        assert {row["trace_id"] for row in spans} == {r["parent_trace_id"] for r in records}
        for row, record in zip(spans, records, strict=True):
            assert json.loads(row["attributes"])["metadata"] == record["metadata"]
            assert (row["end_time"] - row["start_time"]).total_seconds() * 1000 == pytest.approx(record["duration_ms"])


@pytest.mark.parametrize(
    "record",
    [
        {"timestamp": "t", "type": "response_item", "payload": {}},
        {"timestamp": "t", "type": "user", "sessionId": "s", "uuid": "u", "parentUuid": None, "agent": "x"},
        {"id": 1, "timestamp": "t", "source": "agent", "action": "run", "message": "m", "args": {}},
        {"FROM": "a", "TO": "b", "STATUS": "c", "NEXT": "d", "timestamp": 1, "payload": "p"},
        {"trace_id": "t", "dotted_order": "x", "time": 1, "agent": "a", "action": "b"},
        {"timestamp": 1, "level": "info", "message": "started"},
    ],
)
def test_records_of_other_formats_are_left_to_them(record: dict[str, Any]) -> None:
    assert not json_lines.sniff(lines(record))


def test_blank_lines_bom_and_crlf_change_nothing(tmp_path: Path) -> None:
    data = lines(RECORD, RECORD | {"action": "b"})
    plain = ids(load(tmp_path, data))
    assert ids(load(tmp_path, b"\xef\xbb\xbf\r\n  \n" + data.replace(b"\n", b"\r\n").rstrip())) == plain


# --- records are read by column, many at once -------------------------------------------------------------------------

BY_HAND = mapping(
    start_time=[{"path": "timestamp", "unit": "iso"}, {"path": "ts", "unit": "ms"}],
    agent_name=["agent_id", "input.role"],
    name=["action", "tokens.model", "metadata.retry_count"],
    duration=["duration", "duration_ms", {"path": "latency", "unit": "s"}],
    input="input.messages.0.content",
    output=["output.text", "output"],
    input_tokens="tokens.prompt",
    response_finish_reasons=["zzz", "input"],
    status_code=["status", "output.ok"],
    constants={"provider_name": "openai", "status_message": 5, "usage_key": {"a": 1}},
)


READINGS = pytest.mark.parametrize("options", [{}, {"mapping": BY_HAND}], ids=["preset", "by hand"])


def as_set(tables: Rows) -> dict[str, list[str]]:
    """Return rows without their order, and without what says only how lists of messages are kept."""
    storage = ("list_id", "length")
    return {
        name: sorted(repr(sorted(pair for pair in row.items() if pair[0] not in storage)) for row in rows)
        for name, rows in tables.items()
        if rows and name not in ("span_message_ranges", "message_lists")
    }


@READINGS
@pytest.mark.parametrize("seed", range(8))
def test_reading_by_column_gives_what_reading_record_by_record_gives(
    tmp_path: Path, options: dict[str, Any], seed: int
) -> None:
    path = tmp_path / "log"
    path.write_bytes(hostile_log(seed, 200))
    by_column, account = gather(json_lines, path, **options)
    one_by_one, plain_account = gather(plain_json_lines, path, **options)
    assert as_set(by_column) == as_set(one_by_one)
    assert account == plain_account
    assert len(by_column["spans"]) > 50


@READINGS
@pytest.mark.parametrize("seed", range(4))
def test_a_record_becomes_the_same_whatever_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], seed: int
) -> None:
    data = hostile_log(seed, 150)
    together = load(tmp_path, data, **options)
    monkeypatch.setattr(_source, "BATCH_LINES", 1)
    assert as_set(together) == as_set(load(tmp_path, data, **options))


@pytest.mark.parametrize("seed", range(20))
def test_every_line_stands_where_a_plain_look_at_the_bytes_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    dice = random.Random(seed)
    pieces = [b"\n", b"\r\n", b" ", b"\t", b"{}", b'{"a":1}', b"\x0b", b"\xc3\xa9", b"x" * 70]
    data = b"".join(dice.choices(pieces, k=dice.randint(0, 300)))
    path = tmp_path / "log"
    path.write_bytes(data)
    monkeypatch.setattr(_source, "CHUNK_BYTES", dice.choice([16, 64, 4096]))
    monkeypatch.setattr(_source, "BATCH_LINES", dice.choice([1, 3, 4000]))
    rows = list(enumerate(data.split(b"\n"), 1))
    expected = [(number, row.strip()) for number, row in rows if row.strip()]
    found = list(_source.Source(path, 1).lines())
    assert [(line.number, line.raw) for line in found] == expected
    assert all(data[line.offset : line.offset + len(line.raw)] == line.raw for line in found)
    assert all(data.count(b"\n", 0, line.offset) == line.number - 1 for line in found)


# --- records that do not stand one a line ----------------------------------------------------------------------------

STEPS = [
    {
        "timestamp": f"2026-04-14T14:00:{n:02d}Z",
        "agent": "Apollo",
        "action": "chat",
        "input": f"brief {n}",
        "tokens_in": n,
    }
    for n in range(5)
]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(STEPS),
        json.dumps(STEPS, indent=2),
        "[\n" + ",\n".join(map(json.dumps, STEPS)) + "\n]\n",
        "\n".join(json.dumps(step, indent=2) for step in STEPS),
    ],
    ids=["list", "indented list", "list with a record a line", "indented records"],
)
def test_records_of_a_list_and_over_several_lines_are_read_as_lines_are(text: str, tmp_path: Path) -> None:
    columns = "agent_name, start_time, input_tokens, trace_id IS NOT NULL, name, attributes"
    (tmp_path / "lines").write_text("".join(json.dumps(step) + "\n" for step in STEPS))
    with read(tmp_path / "lines", progress=False) as lens:
        expected = lens.sql(f"SELECT {columns} FROM spans ORDER BY start_time").fetchall()
    path = tmp_path / "log"
    path.write_text(text)
    with read(path, progress=False) as lens:
        assert lens.sql(f"SELECT {columns} FROM spans ORDER BY start_time").fetchall() == expected
        places = lens.sql("SELECT source_offset, source_length, source_line FROM spans ORDER BY start_time").fetchall()
        assert lens.sql("SELECT records, accepted FROM sources").fetchall() == [(5, 5)]
    whole = path.read_bytes()
    assert [json.loads(whole[offset : offset + length]) for offset, length, _ in places] == STEPS
    assert [line for *_, line in places] == [whole[:offset].count(b"\n") + 1 for offset, *_ in places]


def test_an_element_that_is_no_record_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(json.dumps([*STEPS[:2], 7, {"note": "no step"}, STEPS[2]], indent=1))
    with read(path, progress=False) as lens:
        assert lens.sql("SELECT records, accepted, rejected FROM sources").fetchall() == [(5, 3, 2)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_text_in_utf_16_is_read_as_the_same_text_in_utf_8(encoding: str, tmp_path: Path) -> None:
    text = "".join(json.dumps({**step, "input": "Grüße, 世界 🙂"}, ensure_ascii=False) + "\r\n" for step in STEPS)
    path, mark = tmp_path / "log", "" if encoding == "utf-16" else "\ufeff"
    path.write_bytes((mark + text).encode(encoding))
    with read(path, progress=False) as lens:
        assert lens.sql("SELECT compression, records, accepted FROM sources").fetchall() == [("utf-16", 5, 5)]
        said = lens.sql("SELECT DISTINCT parts ->> '$[0].content' FROM messages").fetchall()
        [(offset, length)] = lens.sql(
            "SELECT source_offset, source_length FROM spans WHERE input_tokens = 3"
        ).fetchall()
    assert said == [("Grüße, 世界 🙂",)]
    assert json.loads(text.encode()[offset : offset + length])["tokens_in"] == 3


def test_an_agent_may_be_an_object(tmp_path: Path) -> None:
    agents = [{"name": "Apollo", "id": 7, "version": "2"}, {"id": 8}, "Athena"]
    path = tmp_path / "log"
    path.write_text("".join(json.dumps({**step, "agent": agent}) + "\n" for step, agent in zip(STEPS, agents)))
    with read(path, progress=False) as lens:
        columns = "agent_name, agent_id, agent_version, attributes"
        assert lens.sql(f"SELECT {columns} FROM spans ORDER BY start_time").fetchall() == [
            ("Apollo", "7", "2", None), ("8", "8", None, None), ("Athena", None, None, None),
        ]  # fmt: skip


def test_times_that_cannot_be_read_are_said_to_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "".join(json.dumps({**step, "timestamp": when}) + "\n" for step, when in zip(STEPS, ["14/04/26", None]))
    )
    with read(path, progress=False) as lens:
        [(known,)] = lens.sql("SELECT known_missing FROM sources").fetchall()
        assert lens.sql("SELECT DISTINCT start_time FROM spans").fetchall() == [(None,)]
    assert known == [
        "Some values of `start_time` are no times that can be read; they are NULL and stay in the attributes."
    ]
