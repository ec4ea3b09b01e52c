"""What vendors' attributes mean, on spans as their instrumentations write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from otlp_forests import as_lines, attribute, read_bytes, span

from agentlens import Lens, read

Row = dict[str, Any]


def read_span(folder: Path, attributes: Row, name: str = "step") -> Lens:
    """Read one OTLP span with these attributes."""
    logged = span(0, 0, start=1, end=2, attributes=[attribute(key, value) for key, value in attributes.items()])
    return read_bytes(folder, as_lines([{**logged, "name": name}]))


def columns(folder: Path, attributes: Row, name: str = "step") -> Row:
    """Return the columns of one span that are not NULL."""
    with read_span(folder, attributes, name) as lens:
        relation = lens.sql("FROM spans")
        [row] = relation.fetchall()
        return {column: value for column, value in zip(relation.columns, row) if value is not None}


def messages(lens: Lens) -> list[tuple[str, str, Any]]:
    """Return (direction, role, parts) in order."""
    query = "SELECT direction, role, parts FROM span_messages JOIN messages USING (message_hash) ORDER BY 1, position"
    return [(direction, role, json.loads(parts)) for direction, role, parts in lens.sql(query).fetchall()]


def text(content: str) -> Row:
    return {"type": "text", "content": content}


def subset(row: Row, **expected: Any) -> None:
    """Assert that the row holds the expected values."""
    assert {key: row.get(key) for key in expected} == expected


# --- OpenLLMetry ------------------------------------------------------------------------------------------------------


def test_openllmetry_prompts_and_completions_are_messages(tmp_path: Path) -> None:
    logged = {
        "llm.request.type": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "Be brief.",
        "gen_ai.prompt.1.role": "user",
        "gen_ai.prompt.1.content": "List.",
        "gen_ai.prompt.2.role": "tool",
        "gen_ai.prompt.2.tool_call_id": "c1",
        "gen_ai.prompt.2.content": "none",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.finish_reason": "tool_calls",
        "gen_ai.completion.0.tool_calls.0.id": "c2",
        "gen_ai.completion.0.tool_calls.0.name": "ls",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"a": 1}',
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read_input_tokens": 4,
        "llm.usage.reasoning_tokens": 2,
    }
    with read_span(tmp_path, logged, "openai.chat") as lens:
        assert messages(lens) == [
            ("input", "system", [text("Be brief.")]),
            ("input", "user", [text("List.")]),
            ("input", "tool", [{"type": "tool_call_response", "id": "c1", "response": "none"}]),
            ("output", "assistant", [{"type": "tool_call", "id": "c2", "name": "ls", "arguments": {"a": 1}}]),
        ]
    row = columns(tmp_path, logged)
    subset(row, operation_name="chat", response_finish_reasons=["tool_calls"], input_tokens=10, output_tokens=3)
    subset(row, cache_read_input_tokens=4, reasoning_output_tokens=2, usage_scope="self")


@pytest.mark.parametrize(
    ("kind", "operation", "column"),
    [
        ("workflow", "invoke_workflow", "workflow_name"),
        ("agent", "invoke_agent", "agent_name"),
        ("tool", "execute_tool", "tool_name"),
    ],
)
def test_openllmetry_entities_name_agents_tools_and_workflows(
    kind: str, operation: str, column: str, tmp_path: Path
) -> None:
    logged = {
        "traceloop.span.kind": kind,
        "traceloop.entity.name": "x",
        "traceloop.entity.input": "in",
        "traceloop.entity.output": "out",
    }
    row = columns(tmp_path, logged, f"x.{kind}")
    subset(row, **{"operation_name": operation, column: "x"})
    if kind == "tool":
        subset(row, tool_call_arguments="in", tool_call_result="out")


@pytest.mark.parametrize(
    ("framed", "given"),
    [
        ({"inputs": {"path": "a.md"}}, {"path": "a.md"}),
        ({"input_str": "{'path': 'a.md'}", "tags": [], "inputs": {"path": "a.md"}, "kwargs": {}}, {"path": "a.md"}),
        ({"args": [], "kwargs": {"path": "a.md"}}, {"path": "a.md"}),
        ({"args": ["a.md"], "kwargs": {"mode": "w"}}, None),  # positions have no names
        ({"inputs": "a.md"}, None),
    ],
)
def test_what_an_openllmetry_tool_was_given_are_its_arguments_and_the_frame_is_kept(
    framed: Row, given: Row | None, tmp_path: Path
) -> None:
    said = json.dumps(framed)
    logged = {"traceloop.span.kind": "tool", "traceloop.entity.name": "write_file", "traceloop.entity.input": said}
    row = columns(tmp_path, logged, "write_file.tool")
    assert json.loads(row["tool_call_arguments"]) == (given or framed)
    assert json.loads(row["attributes"]).get("traceloop.entity.input") == (said if given else None)


@pytest.mark.parametrize(
    ("framed", "given"),
    [
        ("Ulm, 14 °C", "Ulm, 14 °C"),
        ("", ""),
        ({"output": "14 °C", "kwargs": {"tags": []}}, "14 °C"),
        ({"output": {"lc": 1, "kwargs": {"content": "14 °C", "tool_call_id": "c1"}}, "kwargs": {}}, "14 °C"),
        ({"output": {"temp": 14}, "kwargs": {}}, '{"temp":14}'),
        ({"outputs": "14 °C"}, "14 °C"),
        ({"outputs": {"temp": 14}, "kwargs": {}}, '{"temp":14}'),
        ({"outputs": "14 °C", "temp": 14}, None),
        ({"output": "14 °C"}, None),  # an answer of its own with a key called output
        ({"temp": 14}, None),
        (14, None),
    ],
)
def test_what_an_openllmetry_tool_answered_is_taken_out_of_its_json(
    framed: Any, given: str | None, tmp_path: Path
) -> None:
    said = json.dumps(framed, ensure_ascii=False)
    logged = {"traceloop.span.kind": "tool", "traceloop.entity.name": "look", "traceloop.entity.output": said}
    row = columns(tmp_path, logged, "look.tool")
    assert row.get("tool_call_result") == (said if given is None else given)
    other = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x", "gen_ai.tool.call.result": said}
    assert columns(tmp_path / "other", other)["tool_call_result"] == said


def test_another_tool_may_have_an_argument_called_inputs(tmp_path: Path) -> None:
    said = json.dumps({"inputs": {"path": "a.md"}})
    logged = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x", "gen_ai.tool.call.arguments": said}
    assert json.loads(columns(tmp_path, logged)["tool_call_arguments"]) == json.loads(said)


def test_an_openllmetry_task_is_plumbing(tmp_path: Path) -> None:
    assert "operation_name" not in columns(tmp_path, {"traceloop.span.kind": "task", "traceloop.entity.name": "x"})


# --- Vercel AI SDK ----------------------------------------------------------------------------------------------------


def test_a_vercel_run_is_a_total_and_its_inner_call_is_the_call(tmp_path: Path) -> None:
    usage = {"ai.usage.inputTokens": 62, "ai.usage.outputTokens": 85, "ai.model.id": "gpt-5"}
    outer = columns(tmp_path, {"ai.operationId": "ai.generateText", **usage})
    inner = columns(
        tmp_path, {"ai.operationId": "ai.generateText.doGenerate", **usage, "gen_ai.usage.input_tokens": 62}
    )
    subset(outer, operation_name="invoke_agent", usage_scope="rollup", input_tokens=62)
    subset(inner, operation_name="chat", usage_scope="self", input_tokens=62, output_tokens=85, request_model="gpt-5")


def test_vercel_prompts_answers_and_tool_calls(tmp_path: Path) -> None:
    prompt = [
        {"role": "user", "content": [{"type": "text", "text": "Weather?"}]},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "c", "toolName": "w", "input": {"at": "SF"}}],
        },
        {"role": "tool", "content": [{"type": "tool-result", "toolCallId": "c", "toolName": "w", "output": "sunny"}]},
    ]
    calls = [{"toolCallId": "d", "toolName": "w", "input": '{"at": "LA"}'}]
    logged = {
        "ai.operationId": "ai.streamText.doStream",
        "ai.prompt.messages": json.dumps(prompt),
        "ai.response.text": "Well",
        "ai.response.toolCalls": json.dumps(calls),
        "ai.response.finishReason": "tool-calls",
    }
    with read_span(tmp_path, logged) as lens:
        assert messages(lens) == [
            ("input", "user", [text("Weather?")]),
            ("input", "assistant", [{"type": "tool_call", "id": "c", "name": "w", "arguments": {"at": "SF"}}]),
            ("input", "tool", [{"type": "tool_call_response", "id": "c", "response": "sunny"}]),
            (
                "output",
                "assistant",
                [text("Well"), {"type": "tool_call", "id": "d", "name": "w", "arguments": {"at": "LA"}}],
            ),
        ]
    tool = {
        "ai.operationId": "ai.toolCall",
        "ai.toolCall.name": "w",
        "ai.toolCall.id": "c",
        "ai.toolCall.args": "{}",
        "ai.toolCall.result": "1",
    }
    row = columns(tmp_path, tool)
    subset(
        row,
        operation_name="execute_tool",
        tool_name="w",
        tool_call_id="c",
        tool_call_arguments="{}",
        tool_call_result="1",
    )


# --- Claude Code ------------------------------------------------------------------------------------------------------


def test_claude_codes_input_tokens_come_out_with_cache(tmp_path: Path) -> None:
    logged = {
        "session.id": "s",
        "span.type": "llm_request",
        "model": "claude-opus-5",
        "gen_ai.system": "anthropic",
        "request_id": "req_1",
        "gen_ai.request.model": "claude-opus-5",
        "input_tokens": 2,
        "output_tokens": 1200,
        "cache_read_tokens": 84562,
        "cache_creation_tokens": 7096,
        "stop_reason": "tool_use",
        "agent_id": "a1",
        "query_source": "agent",
    }
    row = columns(tmp_path, logged, "claude_code.llm_request")
    subset(row, operation_name="chat", input_tokens=2 + 84562 + 7096, output_tokens=1200, cache_read_input_tokens=84562)
    subset(
        row,
        cache_write_input_tokens=7096,
        conversation_id="s",
        usage_key="req_1",
        provider_name="anthropic",
        agent_id="a1",
    )
    assert row["response_finish_reasons"] == ["tool_use"]


def test_claude_codes_cache_is_added_though_there_is_less_of_it_than_of_input(tmp_path: Path) -> None:
    logged = {"session.id": "s", "span.type": "llm_request", "input_tokens": 5000, "cache_read_tokens": 100}
    subset(columns(tmp_path, logged, "claude_code.llm_request"), input_tokens=5100, cache_read_input_tokens=100)


def test_claude_codes_tools_and_turns(tmp_path: Path) -> None:
    tool = {"session.id": "s", "span.type": "tool", "tool_name": "Bash", "tool_use_id": "t1"}
    subset(
        columns(tmp_path, tool, "claude_code.tool"), operation_name="execute_tool", tool_name="Bash", tool_call_id="t1"
    )
    turn = {"session.id": "s", "span.type": "interaction"}
    subset(columns(tmp_path, turn, "claude_code.interaction"), operation_name="invoke_agent", conversation_id="s")


def test_a_span_with_a_session_of_its_own_is_not_taken_for_claude_codes(tmp_path: Path) -> None:
    row = columns(tmp_path, {"session.id": "s", "model": "m", "input_tokens": 5})
    assert "input_tokens" not in row and "request_model" not in row


# --- Google ADK -------------------------------------------------------------------------------------------------------


def test_adk_requests_and_responses_are_messages(tmp_path: Path) -> None:
    call = {"function_call": {"id": "c", "name": "ls", "args": {"a": 1}}}
    request = {
        "model": "m",
        "config": {"system_instruction": "Be brief."},
        "contents": [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "user", "parts": [{"function_response": {"id": "c", "response": {"x": 1}}}]},
        ],
    }
    logged = {
        "gen_ai.system": "gcp.vertex.agent",
        "gcp.vertex.agent.session_id": "s",
        "gcp.vertex.agent.llm_request": json.dumps(request),
        "gcp.vertex.agent.llm_response": json.dumps({"content": {"role": "model", "parts": [call]}}),
        "gen_ai.usage.input_tokens": 7,
    }
    with read_span(tmp_path, logged, "call_llm") as lens:
        assert messages(lens) == [
            ("input", "user", [text("hi")]),
            ("input", "user", [{"type": "tool_call_response", "id": "c", "response": {"x": 1}}]),
            ("output", "assistant", [{"type": "tool_call", "id": "c", "name": "ls", "arguments": {"a": 1}}]),
            ("system", "system", [text("Be brief.")]),
        ]
    subset(
        columns(tmp_path, logged, "call_llm"),
        operation_name="chat",
        conversation_id="s",
        input_tokens=7,
        usage_scope="self",
    )


def test_an_adk_tool_call_with_empty_request_and_response_is_no_model_call(samples: Path) -> None:
    with read(samples / "tempo_json/tempo_export_with_batches.json", progress=False) as lens:
        [row] = lens.sql(
            "SELECT operation_name, tool_name, tool_call_id, tool_call_arguments FROM spans WHERE tool_name IS NOT NULL"
        ).fetchall()
        assert row == ("execute_tool", "helm_list_releases", "call_w0eKlvnaE7S9GQJeSSs0gn05", "{}")
        assert lens.sql("SELECT count(*) FROM spans WHERE operation_name = 'chat'").fetchall() == [(4,)]


# --- any-agent --------------------------------------------------------------------------------------------------------


def test_any_agents_output_is_a_message_or_a_tool_result(samples: Path) -> None:
    with read(samples / "otel_genai/any_agent_OPENAI_trace.json", progress=False) as lens:
        assert [role for _, role, _ in messages(lens)] == ["system", "user", "assistant", "assistant", "assistant"]
        call = messages(lens)[2][2]
        assert (
            call
            in (
                [
                    {
                        "type": "tool_call",
                        "id": None,
                        "name": "get_current_time",
                        "arguments": {"timezone": "America/New_York"},
                    }
                ],
                [{"type": "tool_call", "id": None, "name": "write_file", "arguments": {"text": "2025"}}],
            )
            or call[0]["type"] == "text"
        )
        tools = lens.sql(
            "SELECT tool_name, tool_call_arguments FROM spans WHERE tool_name IS NOT NULL ORDER BY start_time"
        ).fetchall()
        assert tools == [("get_current_time", '{"timezone": "America/New_York"}'), ("write_file", '{"text": "2025"}')]
        [(cost,)] = lens.sql("SELECT sum(reported_cost_usd) FROM spans").fetchall()
    assert cost == pytest.approx(0.0001248)


# --- messages as events -----------------------------------------------------------------------------------------------


def test_an_event_with_all_messages_goes_before_events_of_one_message_each(tmp_path: Path) -> None:
    single = {"name": "gen_ai.user.message", "attributes": [attribute("content", "one of them")]}
    whole = {
        "name": "gen_ai.client.inference.operation.details",
        "attributes": [attribute("gen_ai.input.messages", "all of them")],
    }
    for events in ([whole, single], [single, whole]):
        logged = {**span(0, 0, start=1, end=2), "events": events}
        with read_bytes(tmp_path, as_lines([logged])) as lens:
            assert messages(lens) == [("input", "user", [text("all of them")])]
