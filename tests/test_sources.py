"""The same run in two logs: linked with a stated confidence, compared, and never linked on time alone; sources that go, come and change."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from agentlens import Lens, read

T0 = 1_776_176_591
SAID = "I compared the margins of all partners and found that three of them are below the floor we agreed on."
ALSO_SAID = "The draft is in the shared folder; the second table still needs the numbers of the last quarter."
Link = tuple[str, str, str]


def load(*paths: Path, **options: Any) -> Lens:
    return read(*paths, progress=False, **options)


def otlp_span(number: int, **attributes: Any) -> dict[str, Any]:
    """Return a span of trace aa…, one second long, in OTLP JSON; `status` and `trace` are not attributes."""
    start = T0 + number
    status, trace = attributes.pop("status", 1), attributes.pop("trace", "aa" * 16)
    values = {
        key: {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}
        for key, value in attributes.items()
    }
    return {
        "traceId": trace, "spanId": f"{number:016x}", "name": f"step {number}", "status": {"code": status},
        "startTimeUnixNano": f"{start}000000000", "endTimeUnixNano": f"{start + 1}000000000",
        "attributes": [{"key": key, "value": value} for key, value in values.items()],
    }  # fmt: skip


def write_otlp(path: Path, *spans: dict[str, Any]) -> Path:
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}) + "\n")
    return path


def model_call(number: int, response: str, said: str | None = None, **more: Any) -> dict[str, Any]:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.response.id": response,
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
    }
    if said:
        attributes["gen_ai.output.messages"] = json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": said}]}]
        )
    return otlp_span(number, **{**attributes, **more})


def tool_call(number: int, call_id: str, **more: Any) -> dict[str, Any]:
    return otlp_span(
        number,
        **{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Bash", "gen_ai.tool.call.id": call_id, **more},
    )


def claude_lines(
    *calls: tuple[str, str | None, bool], session: str = "5f0e7a52-0d1c-4c51-9a34-0c9f5ce1f000", text: str = ""
) -> list[dict[str, Any]]:
    """Return a session: for each (response id, tool call id, whether the tool failed) a model call and what came back."""
    lines, parent = [], None
    for number, (response, call_id, failed) in enumerate(calls):
        content = (
            [{"type": "tool_use", "id": call_id, "name": "Bash", "input": {"command": "ls"}}]
            if call_id
            else [{"type": "text", "text": text or "done"}]
        )
        usage = {"input_tokens": 10, "output_tokens": 5}
        message = {"id": response, "role": "assistant", "model": "claude-opus-4-6", "content": content, "usage": usage}
        lines.append({"type": "assistant", "message": message, "requestId": f"req_{number}"})
        if call_id:
            result = {"type": "tool_result", "tool_use_id": call_id, "content": "out", "is_error": failed}
            lines.append({"type": "user", "message": {"role": "user", "content": [result]}})
    for number, line in enumerate(lines):
        stamp = f"2026-04-14T14:23:{11 + number:02}.000Z"
        line |= {
            "uuid": f"u{number}",
            "parentUuid": parent,
            "sessionId": session,
            "timestamp": stamp,
            "version": "2.1.39",
            "cwd": "/w",
        }
        parent = f"u{number}"
    return lines


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def links(lens: Lens) -> list[Link]:
    """Return (confidence, relation, evidence) of every link."""
    return lens.sql("SELECT confidence, relation, evidence FROM source_links ORDER BY ALL").fetchall()


CALLS = [
    ("msg_01AbCdEfGhIj", "toolu_01AbCdEfGhIj", False),
    ("msg_02AbCdEfGhIj", "toolu_02AbCdEfGhIj", True),
    ("msg_03AbCdEfGhIj", None, False),
]
SPANS = [
    model_call(1, "msg_01AbCdEfGhIj"), tool_call(2, "toolu_01AbCdEfGhIj"), model_call(3, "msg_02AbCdEfGhIj"),
    tool_call(4, "toolu_02AbCdEfGhIj", status=2), model_call(5, "msg_03AbCdEfGhIj"),
]  # fmt: skip


def test_a_span_log_and_a_session_file_of_one_run_are_certainly_linked_by_their_call_ids(tmp_path: Path) -> None:
    spans, session = write_otlp(tmp_path / "a.jsonl", *SPANS), write_lines(tmp_path / "b.jsonl", claude_lines(*CALLS))
    with load(spans, session) as lens:
        [(confidence, relation, evidence)] = links(lens)
        assert (confidence, relation) == ("certain", "same run")
        assert "3 same response or request ids" in evidence and "2 same tool call ids" in evidence
        assert lens.sql("FROM source_disagreements").fetchall() == []


def test_two_exports_of_one_trace_are_certainly_linked_by_their_span_ids(samples: Path) -> None:
    folder = samples / "openinference"
    paths = [folder / "openai_agents_handoff.otlp.jsonl", folder / "openai_agents_handoff.console.json"]
    with load(*paths) as lens:
        trees = lens.sql("SELECT count(DISTINCT trace_id) FROM spans").fetchall()[0][0]
        assert [link[:2] for link in links(lens)] == [("certain", "same run")] * trees
        lost = lens.sql("SELECT sum(skipped) FROM sources").fetchall()
        assert lens.sql("SELECT count(*) FROM span_copies").fetchall() == lost != [(0,)]


def test_a_conversation_of_the_same_name_in_another_format_is_certainly_the_same(tmp_path: Path) -> None:
    session = "5f0e7a52-0d1c-4c51-9a34-0c9f5ce1f000"
    spans = write_otlp(tmp_path / "a.jsonl", otlp_span(1, **{"gen_ai.conversation.id": session}))
    with load(spans, write_lines(tmp_path / "b.jsonl", claude_lines(("m1", None, False)))) as lens:
        assert links(lens) == [("certain", "same run", "the same conversation or trace id")]


def test_the_same_words_at_the_same_time_make_a_likely_link_and_at_other_times_a_possible_one(tmp_path: Path) -> None:
    session = write_lines(
        tmp_path / "b.jsonl",
        claude_lines(("m1", None, False), text=SAID)
        + claude_lines(("m2", None, False), text=ALSO_SAID, session="other-session-file"),
    )
    spans = write_otlp(tmp_path / "a.jsonl", model_call(1, "r1", SAID), model_call(2, "r2", ALSO_SAID))
    with load(spans, session) as lens:
        assert links(lens) == []  # one text of each session: too little
    session = write_lines(tmp_path / "b.jsonl", claude_lines(("m1", None, False), text=SAID + "\n" + ALSO_SAID + SAID))
    spans = write_otlp(tmp_path / "a.jsonl", model_call(1, "r1", SAID + "\n" + ALSO_SAID + SAID))
    with load(spans, session) as lens:
        assert links(lens) == [("likely", "same run", "1 same texts, times that overlap or are not given")]
    later = model_call(90_000, "r1", SAID + "\n" + ALSO_SAID + SAID)
    with load(write_otlp(tmp_path / "a.jsonl", later), session) as lens:
        assert links(lens) == [("possible", "same run", "1 same texts, at other times")]


def test_the_same_agents_at_the_same_time_make_a_possible_link_and_time_alone_makes_none(tmp_path: Path) -> None:
    def home_grown(*agents: str) -> Path:
        records = [
            {"timestamp": T0 + n + 1, "agent": agent, "action": "x", "session_id": "s", "duration_ms": 1000}
            for n, agent in enumerate(agents)
        ]
        return write_lines(tmp_path / "b.jsonl", records)

    spans = write_otlp(
        tmp_path / "a.jsonl",
        *(otlp_span(n, **{"gen_ai.agent.name": name}) for n, name in enumerate(("Apollo", "Athena"), 1)),
    )
    with load(spans, home_grown("Apollo", "Athena")) as lens:
        assert links(lens) == [("possible", "same run", "2 same agents, times that overlap or are not given")]
    with load(spans, home_grown("Apollo", "Ares")) as lens:
        assert links(lens) == []
    with load(spans, home_grown("Ares", "Artemis")) as lens:
        assert links(lens) == []


def test_ids_too_short_to_be_anyones_own_link_nothing(tmp_path: Path) -> None:
    spans = write_otlp(tmp_path / "a.jsonl", tool_call(1, "call_1"), otlp_span(2, **{"gen_ai.conversation.id": "main"}))
    with load(spans, write_lines(tmp_path / "b.jsonl", claude_lines(("m1", "call_1", False), session="main"))) as lens:
        assert links(lens) == []


def test_parts_of_one_log_are_no_link_and_a_shared_beginning_is_called_one(tmp_path: Path) -> None:
    first, second = write_otlp(tmp_path / "a.jsonl", *SPANS[:2]), write_otlp(tmp_path / "b.jsonl", *SPANS[2:])
    with load(first, second) as lens:
        assert links(lens) == []
    calls = [tool_call(n, f"toolu_0{n}AbCdEfGhIj") for n in range(1, 6)]
    fork = [tool_call(n + 10, f"toolu_0{1 if n == 1 else n + 10}AbCdEfGhIj", trace="bb" * 16) for n in range(1, 6)]
    with load(write_otlp(tmp_path / "a.jsonl", *calls), write_otlp(tmp_path / "b.jsonl", *fork)) as lens:
        assert [link[:2] for link in links(lens)] == [("certain", "shared part")]
        assert lens.sql("FROM source_disagreements").fetchall() == []


# --- calls of one run in two logs count once ---------------------------------------------------------------------------

REQUESTS = [f"req_011CY4TRHLYkp2wmETF8u{n:02}" for n in range(3)]
SESSION = "5f0e7a52-0d1c-4c51-9a34-0c9f5ce1f000"


def session_lines(requests: list[str] | None) -> list[dict[str, Any]]:
    """Return a session of three calls with 1000, 1001, 1002 input tokens, each with the id its request had."""
    lines = claude_lines(*[(response, None, False) for response, *_ in CALLS])
    for number, line in enumerate(lines):
        line["message"]["usage"] = {"input_tokens": 1000 + number, "output_tokens": 50}
        line.pop("requestId")
        line |= {"requestId": requests[number]} if requests else {}
    return lines


def telemetry(*numbers: int, requests: list[str] | None = None, **more: Any) -> list[dict[str, Any]]:
    """Return spans as Claude Code exports them for some calls of the session."""
    return [
        otlp_span(
            number + 1,
            **{
                "span.type": "llm_request", "session.id": SESSION, "model": "claude-opus-4-6", "input_tokens": 1000 + number,
                "output_tokens": 50, "trace": f"{number + 1:032x}",
            }
            | ({"request_id": requests[number], "gen_ai.response.id": requests[number]} if requests else {})
            | more,
        )
        for number in numbers
    ]  # fmt: skip


COUNTED = "SELECT sum(input_tokens)::BIGINT, count(*) FROM usage_ledger WHERE is_counted"


@pytest.mark.parametrize("first", ["telemetry", "session", "both"])
@pytest.mark.parametrize("requests", [REQUESTS, None], ids=["with request ids", "without"])
def test_a_call_in_a_session_file_and_in_its_telemetry_counts_once(
    requests: list[str] | None, first: str, tmp_path: Path
) -> None:
    spans = write_otlp(tmp_path / "a.jsonl", *telemetry(0, 2, requests=requests))
    session = write_lines(tmp_path / "b.jsonl", session_lines(REQUESTS))
    if first != "both":
        load(spans if first == "telemetry" else session, into=tmp_path / "a.duckdb").close()
    with load(spans, session, into=tmp_path / "a.duckdb") as lens:
        assert lens.sql(COUNTED).fetchall() == [(1000 + 1001 + 1002, 3)]
        assert {link[:2] for link in links(lens)} == {("certain", "same run")}
        said = "SELECT count(*) FROM spans WHERE attributes->>'$.\"agentlens.usage_key\"' LIKE 'likely%'"
        assert lens.sql(said).fetchall() == [(0 if requests else 2,)]
        if requests:
            missing = "SELECT a.format, key FROM source_disagreements JOIN sources AS a ON a.source_id = a_source_id"
            assert lens.sql(missing).fetchall() == [("claude_code", REQUESTS[1])]


@pytest.mark.parametrize(
    "other", [{"output_tokens": 51}, {"session.id": "another-session-entirely"}, {"trace": "late"}], ids=str
)
def test_a_call_without_a_name_is_only_taken_for_another_of_the_same_tokens_time_and_conversation(
    other: dict[str, Any], tmp_path: Path
) -> None:
    [span] = telemetry(0, **other)
    if other == {"trace": "late"}:
        span |= {"startTimeUnixNano": f"{T0 + 60}000000000", "endTimeUnixNano": f"{T0 + 61}000000000"}
    spans = write_otlp(tmp_path / "a.jsonl", span)
    with load(spans, write_lines(tmp_path / "b.jsonl", session_lines(REQUESTS))) as lens:
        assert lens.sql("SELECT count(*) FROM usage_ledger WHERE is_counted").fetchall() == [(4,)]


# --- disagreements ----------------------------------------------------------------------------------------------------


def test_calls_that_one_log_lacks_other_tokens_and_another_status_are_disagreements(tmp_path: Path) -> None:
    """Per hand: the span log lacks the second tool call, has 99 input tokens for the first answer, and an error for the first tool."""
    changed = [
        model_call(1, CALLS[0][0], **{"gen_ai.usage.input_tokens": 99}),
        tool_call(2, "toolu_01AbCdEfGhIj", status=2),
        *SPANS[2::2],
    ]
    spans, session = write_otlp(tmp_path / "a.jsonl", *changed), write_lines(tmp_path / "b.jsonl", claude_lines(*CALLS))
    query = """
        SELECT kind, key, a.format, a_source_line, b.format, b_source_line, says
        FROM source_disagreements JOIN sources AS a ON a.source_id = a_source_id JOIN sources AS b ON b.source_id = b_source_id ORDER BY kind
    """
    with load(spans, session) as lens:
        assert lens.sql(query).fetchall() == [
            (
                "missing call",
                "toolu_02AbCdEfGhIj",
                "claude_code",
                3,
                "otlp",
                None,
                "execute_tool Bash (toolu_02AbCdEfGhIj) is in one log only",
            ),
            ("status", "toolu_01AbCdEfGhIj", "otlp", 1, "claude_code", 1, "ERROR against OK"),
            (
                "tokens",
                "msg_01AbCdEfGhIj",
                "otlp",
                1,
                "claude_code",
                1,
                "99 input and 5 output tokens against 10 and 5",
            ),
        ]


def test_a_copy_of_a_span_with_other_tokens_is_a_disagreement_whatever_is_read_first(tmp_path: Path) -> None:
    spans = write_otlp(tmp_path / "a.jsonl", *SPANS)
    other = write_otlp(
        tmp_path / "b.jsonl", model_call(1, "msg_01AbCdEfGhIj", **{"gen_ai.usage.output_tokens": 7}), *SPANS[1:3]
    )
    found = set()
    for first, second in itertools.permutations((spans, other)):
        lens_file = tmp_path / f"{first.name}.duckdb"
        load(first, into=lens_file).close()
        with load(second, into=lens_file) as lens:
            query = "SELECT DISTINCT kind, a_span_id FROM source_disagreements WHERE kind <> 'missing call'"
            found.add(tuple(lens.sql(query).fetchall()))
            lacking = "SELECT DISTINCT a_span_id FROM source_disagreements WHERE kind = 'missing call' ORDER BY 1"
            assert lens.sql(lacking).fetchall() == [(f"{4:016x}",), (f"{5:016x}",)]
    assert found == {(("tokens", f"{1:016x}"),)}


def test_of_two_copies_of_a_call_the_one_that_holds_the_answer_stays_whatever_is_read_first(tmp_path: Path) -> None:
    answer = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "Your order was shipped."}]}])
    whole = write_otlp(tmp_path / "a.jsonl", model_call(1, "msg_1", **{"gen_ai.output.messages": answer}))
    mute = write_otlp(tmp_path / "b.jsonl", model_call(1, "msg_1", **{"note": "the fuller attributes " * 20}))
    for order in itertools.permutations((whole, mute)):
        with read(*order, progress=False) as lens:
            assert lens.sql("SELECT path FROM spans JOIN sources USING (source_id)").fetchall() == [(str(whole),)]
            assert lens.sql("SELECT count(*) FROM span_messages WHERE direction = 'output'").fetchall() == [(1,)]


def test_logs_of_one_trace_by_other_agents_are_parts_of_one_run() -> None:
    """In the bundled incident Ares and Hyperion log by themselves, within the traces of the others."""
    with load(Path(__file__).parents[1] / "datasets" / "wave_14") as lens:
        found = set(lens.sql("SELECT a_format, b_format, confidence, relation, evidence FROM source_links").fetchall())
        assert found == {("json_lines", "otlp", "certain", "parts of one run", "the same conversation or trace id")}
        assert lens.sql("FROM source_disagreements").fetchall() == []


# --- sources that go, come and change ---------------------------------------------------------------------------------


def test_a_deleted_file_stays_in_the_lens(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    gone, kept = write_otlp(logs / "a.jsonl", *SPANS[:2]), write_otlp(logs / "b.jsonl", *SPANS[2:])
    load(logs, into=tmp_path / "a.duckdb").close()
    gone.unlink()
    kept.write_text(
        kept.read_text() + json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [otlp_span(9)]}]}]}) + "\n"
    )
    with load(logs, into=tmp_path / "a.duckdb") as lens:
        assert lens.sql("SELECT path, records FROM sources ORDER BY path").fetchall() == [
            (str(gone), 2),
            (str(kept), 4),
        ]
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(6,)]


def test_a_replaced_file_gives_what_it_holds_now(tmp_path: Path) -> None:
    log = write_otlp(tmp_path / "a.jsonl", *SPANS)
    load(log, into=tmp_path / "a.duckdb").close()
    write_otlp(log, *SPANS[3:])
    with load(log, into=tmp_path / "a.duckdb") as lens, load(log) as fresh:
        for table in ("spans", "sources", "messages", "span_messages", "span_copies"):
            assert lens.sql(f"FROM {table}").fetchall() == fresh.sql(f"FROM {table}").fetchall()


@pytest.mark.parametrize("unchanged", ["spans", "session"])
def test_a_replaced_copy_is_compared_as_it_is_now(unchanged: str, tmp_path: Path) -> None:
    first, second = write_otlp(tmp_path / "a.jsonl", *SPANS), write_otlp(tmp_path / "b.jsonl", *SPANS)
    load(first, second, into=tmp_path / "a.duckdb").close()
    replaced = second if unchanged == "spans" else first
    write_otlp(replaced, *SPANS[:3])
    with load(first, second, into=tmp_path / "a.duckdb") as lens:
        assert lens.sql("SELECT count(*) FROM span_copies").fetchall() == [(3,)]
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(5,)]
        assert [row[0] for row in lens.sql("SELECT DISTINCT kind FROM source_disagreements").fetchall()] == [
            "missing call"
        ]
