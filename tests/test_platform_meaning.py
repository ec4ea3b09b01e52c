"""What platforms' records mean: whose tokens count, whether cache is inside, what is the conversation, what failed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from agentlens import Lens, read

Row = dict[str, Any]
TIME = "2026-01-01T00:00:00"


def read_records(folder: Path, *records: Row) -> Lens:
    """Write records as JSON lines and read them."""
    path = folder / "export"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return read(path, progress=False)


def spans(lens: Lens, columns: str) -> list[tuple[Any, ...]]:
    """Return columns of the spans in tree order."""
    return lens.sql(f"SELECT {columns} FROM spans ORDER BY preorder").fetchall()


# --- Langfuse ---------------------------------------------------------------------------------------------------------


def observation(**more: Any) -> Row:
    return {"id": "o", "traceId": "t", "parentObservationId": None, "type": "GENERATION", "startTime": TIME, **more}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input": 10, "output": 5, "total": 15}, (10, 5, None, None)),
        ({"input": 10, "output": 5, "total": 15, "prompt_details.cache_read": 4}, (10, 5, 4, None)),
        ({"input": 10, "output": 5, "total": 19, "input_cached_tokens": 4}, (14, 5, 4, None)),
        ({"input": 10, "output": 5, "total": 22, "output_reasoning": 7}, (10, 12, None, 7)),
        ({"input": 6, "output": 2055, "total": 2061, "completion_details.reasoning": 1104}, (6, 2055, None, 1104)),
        (
            {"input": 3, "output": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20},
            (123, 5, 100, None),
        ),
        ({"input": 10, "output": 5, "input_cache_read": 4}, (14, 5, 4, None)),
        ({"input": 10, "output": 5, "prompt_details.cache_read": 4}, (10, 5, 4, None)),
        ({"input": 10, "output": 5, "total": 15, "input_cached_tokens": 4}, (10, 5, 4, None)),
        ({"input": 10, "output": 5, "total": 19, "prompt_details.cache_read": 4}, (14, 5, 4, None)),
        ({"total": 9}, (9, None, None, None)),
        ({"input": "x", "output": None, "total": -1}, (None, None, None, None)),
    ],
)
def test_langfuse_usage_says_by_its_total_whether_details_stand_inside(usage: Row, tokens: Row, tmp_path: Path) -> None:
    columns = "input_tokens, output_tokens, cache_read_input_tokens, reasoning_output_tokens"
    with read_records(tmp_path, observation(usageDetails=usage)) as lens:
        assert spans(lens, columns) == [tokens]


def test_langfuse_notes_when_cache_was_added(tmp_path: Path) -> None:
    with read_records(tmp_path, observation(usageDetails={"input": 1, "cache_read_input_tokens": 9})) as lens:
        meaning = lens.sql("SELECT input_tokens_meaning FROM sources").fetchall()
    assert meaning == [("excludes cache (added by the loader)",)]


def test_langfuse_latency_is_not_trusted(tmp_path: Path) -> None:
    with read_records(tmp_path, observation(endTime="2026-01-01T00:00:07.424", latency=99999)) as lens:
        assert spans(lens, "duration_ns") == [(7_424_000_000,)]


def test_langfuse_sessions_versions_and_prompts(tmp_path: Path) -> None:
    inner = observation(promptName="p", promptVersion=3, level="ERROR", statusMessage="no", model="m", totalCost=0.5)
    trace = {"id": "t", "projectId": "x", "timestamp": TIME, "sessionId": "s", "release": "r1", "observations": [inner]}
    with read_records(tmp_path, trace) as lens:
        columns = "conversation_id, agent_version, prompt_version, status_code, status_message, request_model"
        assert spans(lens, columns) == [("s", "r1", "p@3", "ERROR", "no", "m")]
        assert spans(lens, "reported_cost_usd") == [(0.5,)]


def test_the_second_copy_of_langfuses_observations_is_left_out_by_name(samples: Path) -> None:
    with read(samples / "langfuse/trace/agno-2025-06-11.trace.json", progress=False) as lens:
        [(reasons,)] = lens.sql("SELECT skipped_reasons FROM sources").fetchall()
    assert json.loads(reasons) == {"a second copy of an observation, inside the trace object": 6}


# --- LangSmith --------------------------------------------------------------------------------------------------------


def run(number: int, parent: int | None = None, kind: str = "chain", **more: Any) -> Row:
    return {
        "id": f"r{number}",
        "trace_id": "r0",
        "parent_run_id": None if parent is None else f"r{parent}",
        "run_type": kind,
        "name": f"n{number}",
        "start_time": f"{TIME}.00{number}",
        "end_time": f"{TIME}.009",
        **more,
    }


def test_langsmith_totals_of_chains_are_rollups_and_only_models_are_calls(tmp_path: Path) -> None:
    totals = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12, "total_cost": "0.25"}
    records = [run(0, **totals), run(1, 0, **totals), run(2, 1, "llm", **totals), run(3, 1, "tool", prompt_tokens=0)]
    with read_records(tmp_path, *records) as lens:
        assert spans(lens, "usage_scope, input_tokens") == [("rollup", 10), ("rollup", 10), ("self", 10), (None, None)]
        counted = "SELECT sum(input_tokens), sum(output_tokens), sum(cost_usd) FROM usage_ledger WHERE is_counted"
        assert lens.sql(counted).fetchall() == [(10, 2, 0.25)]


def test_langsmiths_session_is_the_project_and_the_thread_is_the_conversation(tmp_path: Path) -> None:
    metadata = {
        "thread_id": "th",
        "revision_id": "abc",
        "langgraph_checkpoint_ns": "supervisor:1|research:2",
        "ls_provider": "openai",
    }
    with read_records(tmp_path, run(0, kind="llm", session_id="project", extra={"metadata": metadata})) as lens:
        columns = "conversation_id, agent_version, agent_name, provider_name, attributes->>'$.session_id'"
        assert spans(lens, columns) == [("th", "abc", "research", "openai", "project")]


def test_langsmith_usage_is_found_on_langchains_message(tmp_path: Path) -> None:
    usage = {
        "input_tokens": 100,
        "output_tokens": 20,
        "total_tokens": 120,
        "input_token_details": {"cache_read": 32},
        "output_token_details": {"reasoning": 4},
    }
    kwargs = {"content": "hi", "usage_metadata": usage, "response_metadata": {"model_name": "m-1"}, "tool_calls": []}
    message = {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "AIMessage"], "kwargs": kwargs}
    given = {"messages": [[{"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "q"}}]]}
    outputs = {"generations": [[{"text": "hi", "message": message}]]}
    with read_records(tmp_path, run(0, kind="llm", inputs=given, outputs=outputs)) as lens:
        columns = "input_tokens, output_tokens, cache_read_input_tokens, reasoning_output_tokens, response_model"
        assert spans(lens, columns) == [(100, 20, 32, 4, "m-1")]
        rows = lens.sql(
            "SELECT direction, role, parts FROM span_messages JOIN messages USING (message_hash) ORDER BY 1"
        )
        assert [(d, role, json.loads(parts)[0]["content"]) for d, role, parts in rows.fetchall()] == [
            ("input", "user", "q"),
            ("output", "assistant", "hi"),
        ]


def test_langsmiths_dotted_order_gives_parents_that_are_not_named(tmp_path: Path) -> None:
    order = "20260101T000000000000Zr0.20260101T000000000001Zr1.20260101T000000000002Zr2"
    bare = {"run_type": "tool", "name": "x", "start_time": TIME, "dotted_order": order}
    with read_records(tmp_path, bare) as lens:
        assert spans(lens, "trace_id, span_id, parent_span_id, is_orphan") == [("r0", "r2", "r1", True)]


@pytest.mark.parametrize(
    ("error", "kind", "is_control_flow"),
    [
        (
            "ValueError('HTTP 429')Traceback (most recent call last):\n  File x\nValueError: HTTP 429",
            "ValueError",
            False,
        ),
        ("ParentCommand(Command(graph='parent'))Traceback (most recent call last):\n ...", "ParentCommand", True),
        ("GraphInterrupt((Interrupt(value='?'),))", "GraphInterrupt", True),
        ("plain text", None, False),
    ],
)
def test_langsmith_errors_have_a_type_and_handoffs_are_no_failures(
    error: str, kind: str | None, is_control_flow: bool, tmp_path: Path
) -> None:
    with read_records(tmp_path, run(0, error=error, status="error")) as lens:
        assert spans(lens, "status_code, error_type, is_control_flow") == [("ERROR", kind, is_control_flow)]


@pytest.mark.parametrize(
    ("outputs", "wanted"),
    [
        (
            {"output": {"content": "sunny", "type": "tool", "tool_call_id": "c1", "status": "success"}},
            ("UNSET", "c1", "sunny"),
        ),
        ({"output": {"lc": 1, "kwargs": {"content": "sunny", "tool_call_id": "c1"}}}, ("UNSET", "c1", "sunny")),
        ({"output": {"content": "no key", "tool_call_id": "c1", "status": "error"}}, ("ERROR", "c1", "no key")),
        ({"output": "sunny", "tool_call_id": "c1"}, ("UNSET", "c1", "sunny")),
        ({"output": {"content": "sunny"}}, ("UNSET", None, '{"content":"sunny"}')),
        ({"output": "sunny"}, ("UNSET", None, "sunny")),
    ],
)
def test_what_a_langchain_tool_answered_is_the_content_of_its_message(
    outputs: Any, wanted: tuple[Any, ...], tmp_path: Path
) -> None:
    with read_records(tmp_path, run(0, run_type="tool", status=None, outputs=outputs)) as lens:
        assert spans(lens, "status_code, tool_call_id, tool_call_result") == [wanted]


# --- MLflow, OpenAI Agents, Phoenix -----------------------------------------------------------------------------------


def test_mlflow_sessions_prompts_and_usage_that_leaves_cache_out(tmp_path: Path) -> None:
    usage = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 107, "cache_read_input_tokens": 100}
    logged = {
        "trace_id": base64.b64encode(bytes(range(16))).decode(),
        "span_id": base64.b64encode(bytes(range(8))).decode(),
        "parent_span_id": None,
        "name": "chat",
        "start_time_unix_nano": 1,
        "end_time_unix_nano": 3,
        "status": {"code": "STATUS_CODE_OK"},
        "events": [],
        "attributes": {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.chat.tokenUsage": json.dumps(usage),
            "mlflow.llm.model": '"m"',
            "mlflow.spanInputs": '"Hi"',
            "mlflow.spanOutputs": '{"choices": [{"message": {"role": "assistant", "content": "Ho"}}]}',
        },
    }
    info = {"trace_id": "tr-x", "trace_metadata": {"mlflow.trace.session": "s"}, "tags": {"prompt_version": "v3"}}
    with read_records(tmp_path, {"info": info, "data": {"spans": [logged]}}) as lens:
        columns = "trace_id, input_tokens, cache_read_input_tokens, conversation_id, prompt_version, request_model"
        assert spans(lens, columns) == [(bytes(range(16)).hex(), 105, 100, "s", "v3", "m")]
        assert lens.sql("SELECT count(*) FROM span_messages").fetchall() == [(2,)]


def test_openai_agents_spans_know_their_group_and_workflow_though_named_after_them(samples: Path) -> None:
    with read(samples / "openai_agents_sdk/handoff.trace_export.jsonl", progress=False) as lens:
        rows = lens.sql("SELECT DISTINCT conversation_id, workflow_name FROM spans ORDER BY ALL").fetchall()
        handoffs = lens.sql("SELECT kind, sender, recipient FROM agent_messages").fetchall()
        errors = lens.sql(
            "SELECT error_type, status_message FROM spans WHERE operation_name = 'chat' AND status_code <> 'UNSET'"
        ).fetchall()
    assert rows == [("thread_123", "customer support"), ("thread_456", "refund flow")]
    assert handoffs == [("handoff", "Triage agent", "Billing agent")]
    assert errors == [("server_error", '503 upstream: {"type":"server_error"}')]


def test_phoenix_metadata_names_langgraphs_agents(samples: Path) -> None:
    with read(samples / "openinference/phoenix_export_rest_spans.jsonl", progress=False) as lens:
        names = {name for (name,) in lens.sql("SELECT agent_name FROM agents").fetchall()}
    assert {"supervisor", "research_expert", "math_expert"} <= names


def test_not_a_number_in_a_record_does_not_lose_it(tmp_path: Path) -> None:
    text = json.dumps(observation(metadata={"score": float("nan")}, name="a\ud800b")) + "\n"
    assert "NaN" in text and "\\ud800" in text
    (tmp_path / "export").write_text(text)
    with read(tmp_path / "export", progress=False) as lens:
        assert spans(lens, "name, source_length") == [("a\ufffdb", len(text) - 1)]
        assert "not finite" in str(lens.sql("SELECT known_missing FROM sources").fetchall())
