"""OTLP logs: what they say of spans, and Claude Code's events, which are spans where no trace was exported."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from otlp_forests import as_lines, attribute, span

from agentlens import Lens, read

TRACE, SPAN = f"{1:032x}", f"{1:016x}"
Row = dict[str, Any]


def record(name: str | None, time: int = 5, body: Any = None, on_span: bool = True, **attributes: Any) -> Row:
    """Return a log record."""
    logged: Row = {
        "timeUnixNano": str(time),
        "attributes": [attribute(key.replace("__", "."), value) for key, value in attributes.items()],
    }
    if name:
        logged["eventName"] = name
    if body is not None:
        logged["body"] = body
    return {**logged, "traceId": TRACE, "spanId": SPAN} if on_span else logged


def kvlist(**values: Any) -> Row:
    """Return an OTLP value that holds an object of texts."""
    return {"kvlistValue": {"values": [attribute(key, value) for key, value in values.items()]}}


def read_logs(folder: Path, *records: Row, traces: bool = True) -> Lens:
    """Read log records, together with the span they belong to."""
    lines = [
        {
            "resourceLogs": [
                {"resource": {"attributes": [attribute("service.name", "s")]}, "scopeLogs": [{"logRecords": [r]}]}
            ]
        }
        for r in records
    ]
    (folder / "logs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "spans.jsonl").write_bytes(as_lines([span(0, 0, start=1, end=9)]))
    return read(folder / "logs.jsonl", *([folder / "spans.jsonl"] if traces else []), progress=False)


def messages(lens: Lens) -> list[Any]:
    """Return (direction, position, role, parts) of the messages of the span."""
    query = (
        "SELECT span_id, direction, position, role, parts FROM span_messages JOIN messages USING (message_hash)"
        " ORDER BY direction, position"
    )
    rows = lens.sql(query).fetchall()
    assert {row[0] for row in rows} <= {SPAN}
    return [(direction, position, role, json.loads(parts)) for _, direction, position, role, parts in rows]


def account(lens: Lens) -> tuple[Any, ...]:
    """Return the account of the logs."""
    [row] = lens.sql("SELECT records, accepted, rejected, skipped FROM sources WHERE format = 'otlp_logs'").fetchall()
    assert row[0] == sum(row[1:])
    return row


def test_message_events_become_the_messages_of_their_span_in_order(tmp_path: Path) -> None:
    with read_logs(
        tmp_path,
        record("gen_ai.system.message", body=kvlist(content="Be brief.")),
        record("gen_ai.user.message", body=kvlist(content="hi")),
        record("gen_ai.choice", body={"kvlistValue": {"values": [{"key": "message", "value": kvlist(content="ho")}]}}),
    ) as lens:
        assert account(lens) == (3, 3, 0, 0)
        assert messages(lens) == [
            ("input", 0, "system", [{"type": "text", "content": "Be brief."}]),
            ("input", 1, "user", [{"type": "text", "content": "hi"}]),
            ("output", 0, "assistant", [{"type": "text", "content": "ho"}]),
        ]
        assert lens.sql("SELECT event_index, name FROM span_events ORDER BY event_index").fetchall() == [
            (0, "gen_ai.system.message"),
            (1, "gen_ai.user.message"),
            (2, "gen_ai.choice"),
        ]


def test_the_details_event_carries_whole_conversations(tmp_path: Path) -> None:
    given = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    said = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "ho"}], "finish_reason": "stop"}])
    rules = json.dumps([{"type": "text", "content": "Be brief."}])
    event = record(
        "gen_ai.client.inference.operation.details",
        gen_ai__input__messages=given,
        gen_ai__output__messages=said,
        gen_ai__system_instructions=rules,
        gen_ai__request__model="m",
    )
    with read_logs(tmp_path, event) as lens:
        assert [(direction, role) for direction, _, role, _ in messages(lens)] == [
            ("input", "user"),
            ("output", "assistant"),
            ("system", "system"),
        ]
        [(attributes,)] = lens.sql("SELECT attributes FROM span_events").fetchall()
    assert json.loads(attributes) == {"gen_ai.request.model": "m"}


def test_any_other_record_on_a_span_is_an_event_and_one_on_none_is_skipped(tmp_path: Path) -> None:
    with read_logs(tmp_path, record(None, body={"stringValue": "retrying"}), record("x", on_span=False)) as lens:
        assert account(lens) == (2, 1, 0, 1)
        assert lens.sql("SELECT name, attributes->>'$.body' FROM span_events").fetchall() == [("log", "retrying")]


def events_of_claude_code() -> list[Row]:
    """A prompt, a call, a tool that fails and a call that fails, as Claude Code logs them."""
    shared = {"session__id": "s1", "app__version": "2.1.0", "on_span": False}
    ms = 1_000_000
    return [
        record("user_prompt", 1000 * ms, {"stringValue": "claude_code.user_prompt"}, prompt_length=5, **shared),
        record(
            "api_request",
            3000 * ms,
            model="claude-opus-5",
            input_tokens="3",
            output_tokens="50",
            cache_read_tokens="1000",
            cache_creation_tokens="200",
            cost_usd="0.25",
            duration_ms="1500",
            request_id="req_1",
            **shared,
        ),
        record(
            "tool_result",
            4000 * ms,
            tool_name="Bash",
            success="false",
            duration_ms="700",
            error="exit 1",
            tool_use_id="t1",
            **shared,
        ),
        record(
            "api_error",
            5000 * ms,
            model="claude-opus-5",
            error="overloaded",
            status_code="529",
            duration_ms="10",
            **shared,
        ),
    ]


def test_claude_codes_events_are_spans_of_a_session(tmp_path: Path) -> None:
    with read_logs(tmp_path, *events_of_claude_code(), traces=False) as lens:
        assert account(lens) == (4, 4, 0, 0)
        rows = lens.sql(
            "SELECT name, operation_name, status_code, epoch_ns(start_time) // 1000000, epoch_ns(end_time) // 1000000,"
            " depth, input_tokens, error_type FROM spans ORDER BY preorder"
        ).fetchall()
        assert rows == [
            ("session", "invoke_agent", "UNSET", 1000, 5000, 0, None, None),
            ("claude_code.api_request", "chat", "OK", 1500, 3000, 1, 1203, None),
            ("claude_code.tool_result", "execute_tool", "ERROR", 3300, 4000, 1, None, None),
            ("claude_code.api_error", "chat", "ERROR", 4990, 5000, 1, None, "529"),
        ]
        assert lens.sql("SELECT DISTINCT conversation_id, agent_name, trace_id FROM spans").fetchall() == [
            ("s1", "claude-code", "s1")
        ]
        assert lens.sql("SELECT name FROM span_events").fetchall() == [("claude_code.user_prompt",)]
        assert lens.sql("SELECT reported_cost_usd, usage_key FROM spans WHERE input_tokens > 0").fetchall() == [
            (0.25, "req_1")
        ]


def test_claude_codes_events_that_belong_to_an_exported_span_are_no_second_call(tmp_path: Path) -> None:
    event = record("api_request", session__id="s1", model="m", input_tokens="3", output_tokens="5", request_id="r")
    with read_logs(tmp_path, event) as lens:
        assert lens.sql("SELECT count(*), sum(input_tokens) FROM spans").fetchall() == [(1, None)]
        assert lens.sql("SELECT name FROM span_events").fetchall() == [("api_request",)]


def test_torn_and_mistyped_logs_are_rejects(tmp_path: Path) -> None:
    good = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record("x"), 3, None, "y"]}]}]}
    (tmp_path / "logs").write_text(json.dumps(good) + "\n" + json.dumps(good)[:-20] + "\n" + '{"resourceLogs": 3}\n')
    with read(tmp_path / "logs", progress=False) as lens:
        assert account(lens) == (6, 1, 5, 0)


SPANS = json.loads(as_lines([span(0, 0, start=1, end=9)]))
LOGS = {
    "resourceLogs": [{"scopeLogs": [{"logRecords": [record("gen_ai.user.message", body=kvlist(content="hello"))]}]}]
}
METRICS: Row = {"resourceMetrics": []}


@pytest.mark.parametrize("lines", list(itertools.permutations([SPANS, LOGS, METRICS])))
def test_a_file_of_all_signals_is_read_like_a_file_of_each(lines: tuple[Row, ...], tmp_path: Path) -> None:
    """As the collector's file exporter writes it when traces, logs and metrics are sent to one."""
    strange = [{"hello": 1}, {}, {"resourceSpans": None}, {"resourceLogs": None}]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(line) + "\n" for line in [*lines, *strange]))
    with read(tmp_path / "all.jsonl", progress=False) as lens:
        assert messages(lens) == [("input", 0, "user", [{"type": "text", "content": "hello"}])]
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(1,)]
        assert lens.sql("SELECT records, accepted, rejected, skipped FROM sources").fetchall() == [(5, 2, 1, 2)]


def test_signals_that_come_late_in_a_file_are_read_too(tmp_path: Path) -> None:
    """Later than what formats are recognised by, and when the file has grown."""
    path, case = tmp_path / "all.jsonl", tmp_path / "case.duckdb"
    for first, second in ((SPANS, LOGS), (LOGS, SPANS)):
        case.unlink(missing_ok=True)
        path.write_text(json.dumps(first) + "\n" + (json.dumps(METRICS).ljust(100_000) + "\n"))
        read(path, into=case, progress=False).close()
        with path.open("a") as stream:
            stream.write(json.dumps(second) + "\n")
        with read(path, into=case, progress=False) as lens:
            assert [parts for *_, parts in messages(lens)] == [[{"type": "text", "content": "hello"}]]
            assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(1,)]
            assert lens.sql("SELECT records, accepted, rejected, skipped FROM sources").fetchall() == [(3, 2, 0, 1)]


@pytest.mark.parametrize("first", [SPANS, LOGS], ids=["spans", "logs"])
def test_a_batch_whose_key_is_no_text_is_a_reject(first: Row, tmp_path: Path) -> None:
    strange = b'{"scope\xffMetrics": []}\n'
    (tmp_path / "all.jsonl").write_bytes(json.dumps(first).encode() + b"\n" + strange)
    with read(tmp_path / "all.jsonl", progress=False) as lens:
        assert lens.sql("SELECT records, accepted, rejected FROM sources").fetchall() == [(2, 1, 1)]
