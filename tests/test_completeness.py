"""What the evidence lacks: every check is there, counts exactly what was planted, and adds up over the sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agentlens as al
from agentlens import Lens, read

T0 = 1_776_176_591
ALWAYS = {
    "rejects", "unaccounted", "orphans", "cycles_cut", "unfinished", "negative_durations", "clock_skew", "without_time", "without_status",
    "calls_without_usage", "truncation_marks", "length_limits", "row_caps", "span_caps", "missing_subagent_files", "errors_without_detail",
    "date_gaps", "known_missing",
}  # fmt: skip


def span(
    number: int, start: float = 0, end: float | None = 1, parent: int | None = None, **more: Any
) -> dict[str, Any]:
    """Return a span in OTLP JSON that lacks nothing: from `start` to `end` seconds, with the attributes given."""
    trace, status, events = more.pop("trace", "aa" * 16), more.pop("status", {"code": 1}), more.pop("events", [])
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "t",
        "gen_ai.tool.call.result": "fine",
        **more,
    }
    made: dict[str, Any] = {
        "traceId": trace,
        "spanId": f"{number:016x}",
        "name": f"s{number}",
        "status": status,
        "events": events,
    }
    made["startTimeUnixNano"] = str(int((T0 + start) * 10**9))
    made["attributes"] = [
        {"key": key, "value": {"stringValue": value}} for key, value in attributes.items() if value is not None
    ]
    if end is not None:
        made["endTimeUnixNano"] = str(int((T0 + end) * 10**9))
    if parent is not None:
        made["parentSpanId"] = f"{parent:016x}"
    return made


def otlp(*spans: dict[str, Any]) -> bytes:
    return b"".join(
        json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}).encode() + b"\n" for one in spans
    )


def load(tmp_path: Path, **files: bytes) -> Lens:
    for name, data in files.items():
        (tmp_path / f"{name}.jsonl").write_bytes(data)
    return read(tmp_path, progress=False)


def found(lens: Lens) -> dict[str, int]:
    """Return what the checks found over all sources, without those that found nothing."""
    return dict(lens.sql("SELECT check_name, count FROM completeness WHERE source_id IS NULL AND count > 0").fetchall())


def test_a_whole_log_lacks_nothing_and_every_check_says_so(tmp_path: Path) -> None:
    with load(tmp_path, a=otlp(span(1), span(2, parent=1))) as lens:
        rows = lens.sql("SELECT source_id, check_name, count, says FROM completeness").fetchall()
        assert {name for _, name, _, _ in rows} == ALWAYS and len(rows) == len(ALWAYS)
        assert all(source is None and count == 0 and says.endswith(".") for source, _, count, says in rows)


CHAT = {"gen_ai.operation.name": "chat", "gen_ai.tool.name": None, "gen_ai.tool.call.result": None}
FAILED = {"status": {"code": 2, "message": "API call failed"}, "gen_ai.tool.call.result": None}
EXCEPTION = [{"name": "exception", "timeUnixNano": str(T0 * 10**9), "attributes": []}]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([span(1, parent=9)], {"orphans": 1}),
        ([span(1, parent=2), span(2, parent=1)], {"cycles_cut": 1}),
        ([span(1, end=None)], {"unfinished": 1}),
        ([span(1, end=-1)], {"negative_durations": 1}),
        ([span(1, 0, 10), span(2, -0.9, 10.9, parent=1)], {}),
        ([span(1, 0, 10), span(2, -1.5, 5, parent=1), span(3, 5, 11.5, parent=1), span(4, 20, 21, parent=1)], {"clock_skew": 3}),
        ([span(1, status={})], {"without_status": 1}),
        ([span(1, **CHAT)], {"calls_without_usage": 1}),
        ([span(1, **CHAT, **{"status": {"code": 2, "message": "x" * 100}})], {}),
        ([span(1, **FAILED)], {"errors_without_detail": 1}),
        ([span(1, **FAILED, events=EXCEPTION)], {}),
        ([span(1, **{"gen_ai.tool.call.result": "a lot\n...[truncated]"})], {"truncation_marks": 1}),
        ([span(1, **{"gen_ai.tool.call.result": "a\n… +42 lines (ctrl+r to expand)"})], {"truncation_marks": 1}),
        ([span(1, **{"gen_ai.tool.call.arguments": "<response clipped><NOTE>"})], {"truncation_marks": 1}),
        ([span(1, **{"gen_ai.tool.call.result": "The table was truncated on purpose, then filled again."})], {}),
        ([span(1, **{"gen_ai.tool.call.result": "… + 3"})], {}),
        ([span(n, **{"gen_ai.tool.call.result": f"{n}" * 32_768}) for n in (1, 2)], {"length_limits": 2}),
        ([span(n, **{"gen_ai.tool.call.result": "é" * (65_536 - n)}) for n in (0, 1)], {}),
        ([span(1, **{"gen_ai.tool.call.result": "é" * 65_536}), span(2, **{"gen_ai.tool.call.arguments": "y" * 64_000})], {"length_limits": 2}),
        ([span(1, **{"gen_ai.tool.call.result": "y" * 65_536})], {}),
    ],
)  # fmt: skip
def test_each_check_counts_what_was_planted(
    spans: list[dict[str, Any]], expected: dict[str, int], tmp_path: Path
) -> None:
    with load(tmp_path, a=otlp(*[one for one in spans if one["spanId"] != "0" * 16])) as lens:
        assert found(lens) == expected


def test_a_cut_message_of_a_model_counts_once_however_often_it_was_sent(tmp_path: Path) -> None:
    messages = json.dumps(
        [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "x", "response": "a [output truncated] b"}]}]
    )
    call = {**CHAT, "gen_ai.input.messages": messages, "gen_ai.usage.output_tokens": None}
    with load(tmp_path, a=otlp(span(1, **call), span(2, **call))) as lens:
        assert found(lens)["truncation_marks"] == 1


def test_a_message_as_long_as_programs_let_texts_be_shows_only_beside_another(tmp_path: Path) -> None:
    def call(number: int, letter: str) -> dict[str, Any]:
        messages = json.dumps([{"role": "user", "parts": [{"type": "text", "content": letter * 32_000}]}])
        return span(number, **{**CHAT, "gen_ai.input.messages": messages})

    with load(tmp_path, a=otlp(call(1, "a"))) as lens:
        assert "length_limits" not in found(lens)
    with load(tmp_path, a=otlp(call(1, "a"), call(2, "b"))) as lens:
        assert found(lens)["length_limits"] == 2


@pytest.mark.parametrize(
    ("spans", "expected"),
    [(349, {}), (350, {"row_caps": 1, "span_caps": 1}), (512, {"row_caps": 1, "span_caps": 1}), (1001, {})],
)
def test_exactly_as_many_spans_as_tools_export_is_a_tell_tale(
    spans: int, expected: dict[str, int], tmp_path: Path
) -> None:
    with load(tmp_path, a=otlp(*(span(n) for n in range(1, spans + 1)))) as lens:
        assert found(lens) == expected


def test_rejects_and_torn_lines_count_for_their_source(tmp_path: Path) -> None:
    with load(tmp_path, a=otlp(span(1)) + b'{"resourceSp', b=otlp(span(2)), c=b"no log at all\n") as lens:
        assert found(lens)["rejects"] == 2
        query = "SELECT path[-7:], count FROM completeness WHERE check_name = 'rejects' AND source_id IS NOT NULL ORDER BY 1"
        assert lens.sql(query).fetchall() == [("a.jsonl", 1), ("c.jsonl", 1)]


def days(*numbers: int) -> Iterator[dict[str, Any]]:
    return (span(n + 1, n * 86_400, n * 86_400 + 1) for n in numbers)


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ((0, 1, 2, 3, 4, 5, 6, 7), []),
        ((0, 1, 2, 3, 4, 7, 8, 9, 10, 11), []),  # a weekend
        ((0, 1, 2, 3, 9, 10, 11), [5]),
        ((0, 7, 14, 21, 28, 35), []),  # once a week
        ((0, 7, 14, 21, 28, 63, 70), [34]),
        ((0, 1, 30), []),  # too few days to have a rhythm
    ],
)
def test_a_gap_breaks_the_rhythm_of_the_days(numbers: tuple[int, ...], gaps: list[int], tmp_path: Path) -> None:
    with load(tmp_path, a=otlp(*days(*numbers))) as lens:
        assert [
            days for (days,) in lens.sql("SELECT days FROM evidence_gaps WHERE source_id IS NULL").fetchall()
        ] == gaps
        assert found(lens).get("date_gaps", 0) == len(gaps)


def test_a_gap_that_another_log_fills_is_none_over_all(tmp_path: Path) -> None:
    with load(tmp_path, a=otlp(*days(0, 1, 2, 3, 9, 10, 11)), b=otlp(*days(4, 5, 6, 7, 8))) as lens:
        assert "date_gaps" not in found(lens)
        assert lens.sql(
            "SELECT path[-7:] FROM completeness WHERE check_name = 'date_gaps' AND count > 0"
        ).fetchall() == [("a.jsonl",)]


def test_a_missing_sub_agent_file_is_noticed(samples: Path, tmp_path: Path) -> None:
    session = samples / "claude_code" / "4d5611e5-241a-462a-8d15-5122611a9569.jsonl"
    (tmp_path / "a.jsonl").write_bytes(session.read_bytes())
    with read(tmp_path, progress=False) as lens, read(session, session.with_suffix(""), progress=False) as whole:
        assert found(lens)["missing_subagent_files"] >= 1
        assert "missing_subagent_files" not in found(whole)


def test_the_counts_of_the_sources_add_up_to_the_whole_on_every_sample(samples: Path) -> None:
    query = """
        SELECT check_name, max(count) FILTER (source_id IS NULL), coalesce(sum(count) FILTER (source_id IS NOT NULL), 0)
        FROM completeness WHERE check_name <> 'date_gaps' GROUP BY check_name HAVING max(count) FILTER (source_id IS NULL) <> coalesce(sum(count) FILTER (source_id IS NOT NULL), 0)
    """
    with read(samples / "openinference", samples / "claude_code", samples / "codex", progress=False) as lens:
        assert lens.sql(query).fetchall() == []
        assert found(lens)["known_missing"] == lens.sql("SELECT sum(len(known_missing)) FROM sources").fetchall()[0][0]
        assert "unaccounted" not in found(lens)


def test_the_summary_says_what_is_missing_over_all_and_where_most_of_it_is(tmp_path: Path) -> None:
    with load(
        tmp_path, a=otlp(span(1), span(2, parent=9)) + b"no span\n", b=otlp(span(3, end=-1)), c=otlp(span(4))
    ) as lens:
        said = dict(lens.sql("FROM lens_summary").fetchall())
        assert said["gaps"] == "1 reject, 1 orphan, 1 negative duration"
        assert said["most gaps in"] == "a.jsonl: 1 reject, 1 orphan; b.jsonl: 1 negative duration"
        assert "1 negative duration" in repr(lens) and "1 negative duration" in lens._repr_html_()


# --- the badge --------------------------------------------------------------------------------------------------------

EXPLORERS = ["Overview", "TraceTree", "Conversation", "AgentMap", "Findings", "TokenEconomics", "Drift"]


@pytest.mark.parametrize("gaps", [True, False], ids=["with gaps", "whole"])
def test_every_explorer_and_the_report_show_the_gaps_that_completeness_knows(gaps: bool, tmp_path: Path) -> None:
    spans = [span(1), span(2, parent=9, end=None)] if gaps else [span(1)]
    with load(tmp_path, a=otlp(*spans) + (b"no span\n" if gaps else b"")) as lens:
        says = "SELECT says FROM completeness WHERE source_id IS NULL AND count > 0"
        lacks = [sentence for (sentence,) in lens.sql(says).fetchall()]
        assert len(lacks) == (3 if gaps else 0)
        for name in EXPLORERS:
            explorer = getattr(al, name)(lens)
            assert (name, explorer._lacks, explorer.embed().state["_lacks"]) == (name, lacks, lacks)
        page = al.report(lens, tmp_path / "report.html").read_text()
        assert ("3 gaps in the evidence" in page) == gaps
        assert ("Nothing known to be missing" in page) != gaps
        assert all(sentence in page for sentence in lacks)


def test_a_check_that_had_nothing_to_look_at_does_not_say_that_all_is_well(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Notes\n\nNothing ran.\n")
    with read(path, progress=False) as lens:
        said = dict(lens.sql("SELECT check_name, says FROM completeness WHERE source_id IS NULL").fetchall())
    assert said.keys() == ALWAYS
    assert said["orphans"] == "There are no spans, so this check had nothing to look at."
    assert said["calls_without_usage"] == "There are no model calls, so this check had nothing to look at."
    assert said["unaccounted"] == "Every record is accounted for."
