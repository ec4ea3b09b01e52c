"""OTLP as it is found: places, framings, quirks, and the meaning of attributes by version and dialect."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from otlp_forests import (
    Span,
    Written,
    as_lines,
    assert_accounts_balance,
    attribute,
    batch,
    content,
    every_form,
    read_bytes,
    span,
)

from agentlens import Lens, read

SPANS = [
    span(0, 0, start=1, end=9, attributes=[attribute("note", "first\nline — é 😀")]),
    span(0, 1, 0, start=2, end=5, attributes=[attribute("gen_ai.operation.name", "chat")]),
    span(1, 2, start=2, end=5, events=[{"name": "seen", "timeUnixNano": "3"}]),
    span(1, 3, 2, start=3, end=4),
]


def columns(tmp_path: Path, *attributes: dict[str, Any], select: str = "*", **more: Any) -> dict[str, Any]:
    """Read one span with these attributes and return the selected columns of it."""
    with read_bytes(tmp_path, as_lines([span(0, 0, start=1, end=2, attributes=list(attributes), **more)])) as lens:
        relation = lens.sql(f"SELECT {select} FROM spans")
        [row] = relation.fetchall()
        return dict(zip(relation.columns, row))


def messages(lens: Lens, direction: str = "input", span_id: str | None = None) -> list[tuple[Any, ...]]:
    """Return (role, parts) of the messages of one direction, in their order."""
    rows = lens.sql(
        "SELECT m.role, m.parts FROM span_messages JOIN messages AS m USING (message_hash)"
        " WHERE direction = $direction AND span_id = coalesce($span_id, span_id) ORDER BY span_id, position",
        direction=direction,
        span_id=span_id,
    ).fetchall()
    return [(role, json.loads(parts)) for role, parts in rows]


# --- places ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", every_form(SPANS), ids=lambda form: form.name)
def test_the_bytes_at_a_spans_place_are_that_span(form: Written, tmp_path: Path) -> None:
    data = gzip.decompress(form.data) if form.name.endswith(".gz") else form.data
    with read_bytes(tmp_path, form) as lens:
        rows = lens.sql("SELECT span_id, name, source_line, source_offset, source_length FROM spans").fetchall()
    assert len(rows) == len(SPANS)
    for span_id, name, line, offset, length in rows:
        text = data[offset : offset + length]
        if form.name.endswith(".pb"):
            parsed = ProtoSpan.FromString(text)
            assert (parsed.span_id.hex(), parsed.name, line) == (span_id, name, None)
        else:
            assert json.loads(text)["name"] == name
            assert line == data[:offset].count(b"\n") + 1


def test_places_are_right_where_the_same_text_stands_elsewhere_too(tmp_path: Path) -> None:
    twin = json.dumps({"name": "n"})
    scope = f'{{"spans":[{twin},1,{{}},{json.dumps(SPANS[0])}]}}'
    text = f'{{"traces":{{"resourceSpans":[{{"resource":{twin},"scopeSpans":[{scope}]}}]}}}}'
    with read_bytes(tmp_path, text.encode()) as lens:
        places = lens.sql("SELECT source_offset, source_length FROM rejects ORDER BY source_offset").fetchall()
    assert [text[offset : offset + length] for offset, length in places] == [twin, "1", "{}"]
    assert places[0][0] > text.index('"spans"')


def test_gzip_zstd_and_plain_hold_the_same_places(tmp_path: Path) -> None:
    plain = as_lines(SPANS, size=1)
    places = []
    for name, data in {"plain": plain, "gz": gzip.compress(plain), "zst": zstandard.compress(plain)}.items():
        with read_bytes(tmp_path / name, data) as lens:
            places.append(
                lens.sql("SELECT span_id, source_line, source_offset, source_length FROM spans ORDER BY ALL").fetchall()
            )
    assert places[0] == places[1] == places[2]


# --- quirks of exporters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parent", [None, "", "0000000000000000"])
def test_a_root_is_a_root_however_its_parent_is_left_out(parent: str | None, tmp_path: Path) -> None:
    logged = {**SPANS[0], "parentSpanId": parent}
    with read_bytes(tmp_path, as_lines([logged])) as lens:
        assert lens.sql("SELECT parent_span_id, is_orphan FROM spans").fetchall() == [(None, False)]


def test_ids_in_upper_case_are_the_same_ids(tmp_path: Path) -> None:
    upper = {**span(0, 0xABC), "traceId": "AB" * 16, "spanId": "CD" * 8}
    with read_bytes(tmp_path, as_lines([upper])) as lens:
        assert lens.sql("SELECT trace_id, span_id FROM spans").fetchall() == [("ab" * 16, "cd" * 8)]


@pytest.mark.parametrize(
    ("code", "word"),
    [(0, "UNSET"), (1, "OK"), (2, "ERROR"), ("STATUS_CODE_ERROR", "ERROR"), ("ok", "OK"), ("2", "ERROR")],
)
def test_a_status_is_read_in_every_spelling(code: Any, word: str, tmp_path: Path) -> None:
    assert columns(tmp_path, status={"code": code}, select="status_code") == {"status_code": word}


@pytest.mark.parametrize("time", ["1700000000123456789", 1700000000123456789])
def test_nanoseconds_survive_as_text_and_as_number(time: Any, tmp_path: Path) -> None:
    logged = {**SPANS[0], "startTimeUnixNano": time}
    with read_bytes(tmp_path, as_lines([logged])) as lens:
        assert lens.sql("SELECT epoch_ns(start_time) FROM spans").fetchall() == [(1700000000123456789,)]


def test_a_protobuf_message_of_any_length_is_told_from_json(tmp_path: Path) -> None:
    for length in (91, 123):  # the codes of `[` and `{`
        name = "x" * (length - 34)
        data = TracesData(
            resource_spans=[{"scope_spans": [{"spans": [{"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": name}]}]}]
        )
        assert data.SerializeToString()[1] == length
        for form in (data.SerializeToString(), bytes([length + 2]) + data.SerializeToString()):
            with read_bytes(tmp_path / str(length), form) as lens:
                assert lens.sql("SELECT name FROM spans").fetchall() == [(name,)]


def test_attribute_values_of_every_kind_come_out_as_json(tmp_path: Path) -> None:
    values = {
        "text": {"stringValue": "x"},
        "yes": {"boolValue": True},
        "many": {"intValue": "9007199254740993"},
        "plain": {"intValue": 7},
        "part": {"doubleValue": 0.5},
        "nan": {"doubleValue": "NaN"},
        "bytes": {"bytesValue": "AAE="},
        "none": {},
        "list": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "b"}]}},
        "empty": {"arrayValue": {}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}},
    }
    found = columns(tmp_path, *({"key": key, "value": value} for key, value in values.items()), select="attributes")
    assert json.loads(found["attributes"]) == {
        "text": "x",
        "yes": True,
        "many": 9007199254740993,
        "plain": 7,
        "part": 0.5,
        "nan": None,
        "bytes": "AAE=",
        "none": None,
        "list": [1, "b"],
        "empty": [],
        "map": {"k": False},
    }


def test_an_exporter_that_dropped_attributes_is_known_to_lack_them(tmp_path: Path) -> None:
    with read_bytes(tmp_path, as_lines([{**SPANS[0], "droppedAttributesCount": 3}])) as lens:
        [(missing,)] = lens.sql("SELECT known_missing FROM sources").fetchall()
    assert "droppedAttributesCount" in missing[0]


# --- what attributes mean -------------------------------------------------------------------------------------------

ASKED = [("user", [{"type": "text", "content": "Which city?"}])]
ANSWERED = [("assistant", [{"type": "text", "content": "Paris"}])]
ASKED_LOGGED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "Which city?"}]}])
ANSWERED_LOGGED = json.dumps(
    [{"role": "assistant", "parts": [{"type": "text", "content": "Paris"}], "finish_reason": "stop"}]
)
OPENAI_ASKED = json.dumps([{"role": "user", "content": "Which city?"}])
OPENAI_ANSWERED = json.dumps([{"role": "assistant", "content": "Paris"}])


def event(name: str, **attributes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "timeUnixNano": "1",
        "attributes": [attribute(key.replace("__", "."), value) for key, value in attributes.items()],
    }


VERSIONS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "1.27 usage names, content in events": (
        {"gen_ai.system": "openai", "gen_ai.usage.prompt_tokens": 12, "gen_ai.usage.completion_tokens": 3},
        [
            event("gen_ai.content.prompt", gen_ai__prompt=OPENAI_ASKED),
            event("gen_ai.content.completion", gen_ai__completion=OPENAI_ANSWERED),
        ],
    ),
    "before 1.27, content in attributes": (
        {
            "gen_ai.system": "openai",
            "gen_ai.usage.prompt_tokens": 12,
            "gen_ai.usage.completion_tokens": 3,
            "gen_ai.prompt": OPENAI_ASKED,
            "gen_ai.completion": OPENAI_ANSWERED,
        },
        [],
    ),
    "OpenLLMetry, content in numbered attributes": (
        {
            "gen_ai.system": "openai",
            "gen_ai.usage.prompt_tokens": 12,
            "gen_ai.usage.completion_tokens": 3,
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Which city?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "Paris",
        },
        [],
    ),
    "1.28 to 1.36, one event a message": (
        {"gen_ai.system": "openai", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3},
        [event("gen_ai.user.message", content="Which city?"), event("gen_ai.choice", index=0, content="Paris")],
    ),
    "pydantic-ai 1 and logfire, all events in one attribute": (
        {
            "gen_ai.system": "openai",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 3,
            "events": json.dumps(
                [
                    {"event.name": "gen_ai.user.message", "role": "user", "content": "Which city?"},
                    {"event.name": "gen_ai.choice", "index": 0, "message": {"role": "assistant", "content": "Paris"}},
                ]
            ),
        },
        [],
    ),
    "1.37, content as JSON on the span": (
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.input.messages": ASKED_LOGGED,
            "gen_ai.output.messages": ANSWERED_LOGGED,
        },
        [],
    ),
    "1.37, content in one event": (
        {"gen_ai.provider.name": "openai", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3},
        [
            {
                "name": "gen_ai.client.inference.operation.details",
                "timeUnixNano": "1",
                "attributes": [
                    attribute("gen_ai.input.messages", ASKED_LOGGED),
                    attribute("gen_ai.output.messages", ANSWERED_LOGGED),
                ],
            }
        ],
    ),
    "both names of the provider": (
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.system": "openai",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.output_tokens": 3,
            "gen_ai.input.messages": ASKED_LOGGED,
            "gen_ai.output.messages": ANSWERED_LOGGED,
        },
        [],
    ),
    "OpenInference": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.token_count.prompt": 12,
            "llm.token_count.completion": 3,
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": "Which city?",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.contents.0.message_content.type": "text",
            "llm.output_messages.0.message.contents.0.message_content.text": "Paris",
        },
        [],
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_of_the_conventions_says_the_same(version: str, tmp_path: Path) -> None:
    attributes, events = VERSIONS[version]
    pairs = [attribute(key, value) for key, value in attributes.items()]
    with read_bytes(tmp_path, as_lines([span(0, 0, start=1, attributes=pairs, events=events)])) as lens:
        query = "SELECT provider_name, input_tokens, output_tokens, usage_scope FROM spans"
        assert lens.sql(query).fetchall() == [("openai", 12, 3, "self")]
        assert messages(lens, "input") == ASKED
        assert messages(lens, "output") == ANSWERED


@pytest.mark.parametrize(
    ("key", "value", "column"),
    [
        ("gen_ai.agent.name", "a", "agent_name"),
        ("gen_ai.agent.id", "a", "agent_id"),
        ("gen_ai.agent.version", "2", "agent_version"),
        ("gen_ai.conversation.id", "c", "conversation_id"),
        ("gen_ai.workflow.name", "w", "workflow_name"),
        ("gen_ai.operation.name", "plan", "operation_name"),
        ("gen_ai.request.model", "m", "request_model"),
        ("gen_ai.response.model", "m", "response_model"),
        ("gen_ai.usage.cache_read.input_tokens", 5, "cache_read_input_tokens"),
        ("gen_ai.usage.cache_creation.input_tokens", 5, "cache_write_input_tokens"),
        ("gen_ai.usage.cache_write.input_tokens", 5, "cache_write_input_tokens"),
        ("gen_ai.usage.details.cache_write_tokens", 5, "cache_write_input_tokens"),
        ("gen_ai.usage.reasoning.output_tokens", 5, "reasoning_output_tokens"),
        ("gen_ai.usage.details.reasoning_tokens", 5, "reasoning_output_tokens"),
        ("gen_ai.usage.cost", 0.25, "reported_cost_usd"),
        ("operation.cost", 0.25, "reported_cost_usd"),
        ("gen_ai.tool.name", "t", "tool_name"),
        ("gen_ai.tool.call.id", "t", "tool_call_id"),
        ("gen_ai.tool.call.arguments", '{"x":1}', "tool_call_arguments"),
        ("gen_ai.tool.call.result", "r", "tool_call_result"),
        ("gen_ai.prompt.version", "v3", "prompt_version"),
        ("error.type", "TimeoutError", "error_type"),
    ],
)
def test_an_attribute_of_the_conventions_fills_its_column(key: str, value: Any, column: str, tmp_path: Path) -> None:
    assert columns(
        tmp_path, attribute("gen_ai.system", "x"), attribute(key, value), select=f"{column}, attributes"
    ) == {
        column: value,
        "attributes": None,
    }


@pytest.mark.parametrize(
    ("key", "value", "column"),
    [
        ("agent.name", "a", "agent_name"),
        ("session.id", "c", "conversation_id"),
        ("llm.model_name", "m", "response_model"),
        ("llm.request.model_name", "m", "request_model"),
        ("llm.token_count.prompt_details.cache_read", 5, "cache_read_input_tokens"),
        ("llm.token_count.prompt_details.cache_write", 5, "cache_write_input_tokens"),
        ("llm.token_count.completion_details.reasoning", 5, "reasoning_output_tokens"),
        ("llm.cost.total", 0.25, "reported_cost_usd"),
        ("llm.prompt_template.version", "v3", "prompt_version"),
    ],
)
def test_an_attribute_of_openinference_fills_its_column(key: str, value: Any, column: str, tmp_path: Path) -> None:
    assert columns(tmp_path, attribute("openinference.span.kind", "LLM"), attribute(key, value), select=column) == {
        column: value
    }


def test_two_attributes_that_disagree_about_a_column_are_both_kept(tmp_path: Path) -> None:
    found = columns(
        tmp_path,
        attribute("gen_ai.provider.name", "azure"),
        attribute("gen_ai.system", "openai"),
        select="provider_name, attributes",
    )
    assert (found["provider_name"], json.loads(found["attributes"])) == ("azure", {"gen_ai.system": "openai"})


def test_totals_of_an_agent_are_no_usage_of_its_own(tmp_path: Path) -> None:
    pairs = [attribute("gen_ai.operation.name", "invoke_agent"), attribute("gen_ai.aggregated_usage.input_tokens", 40)]
    assert columns(tmp_path, *pairs, select="input_tokens, usage_scope") == {
        "input_tokens": 40,
        "usage_scope": "rollup",
    }


def test_input_tokens_always_include_the_cache(tmp_path: Path) -> None:
    def call(number: int, fresh: int, cached: int) -> Span:
        usage = {
            "gen_ai.provider.name": "p",
            "gen_ai.usage.input_tokens": fresh,
            "gen_ai.usage.cache_read.input_tokens": cached,
        }
        return span(0, number, start=number + 1, attributes=[attribute(key, value) for key, value in usage.items()])

    with read_bytes(tmp_path, as_lines([call(0, 10, 500), call(1, 100, 50)])) as lens:
        assert lens.sql("SELECT input_tokens FROM spans ORDER BY preorder").fetchall() == [(510,), (150,)]
        assert "excludes cache" in lens.sql("SELECT input_tokens_meaning FROM sources").fetchall()[0][0]


def test_an_exception_that_steers_the_program_is_no_failure(tmp_path: Path) -> None:
    handoff = event("exception", exception__type="langgraph.errors.ParentCommand")
    failure = event("exception", exception__type="ValueError")
    assert columns(tmp_path / "1", events=[handoff], select="is_control_flow")["is_control_flow"] is True
    found = columns(tmp_path / "2", events=[handoff, failure], select="is_control_flow, error_type")
    assert found == {"is_control_flow": False, "error_type": "ValueError"}


def test_a_tool_call_and_its_answer_keep_id_name_arguments_and_result(tmp_path: Path) -> None:
    flat = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.0.message.role": "tool",
        "llm.input_messages.0.message.tool_call_id": "call_1",
        "llm.input_messages.0.message.content": "20 °C",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_2",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city": "Paris"}',
    }
    with read_bytes(tmp_path, as_lines([span(0, 0, attributes=[attribute(*pair) for pair in flat.items()])])) as lens:
        assert messages(lens, "input") == [
            ("tool", [{"type": "tool_call_response", "id": "call_1", "response": "20 °C"}])
        ]
        call = {"type": "tool_call", "id": "call_2", "name": "weather", "arguments": {"city": "Paris"}}
        assert messages(lens, "output") == [("assistant", [call])]


def test_system_instructions_stand_in_their_own_direction(tmp_path: Path) -> None:
    parts = json.dumps([{"type": "text", "content": "Be brief."}])
    with read_bytes(
        tmp_path, as_lines([span(0, 0, attributes=[attribute("gen_ai.system_instructions", parts)])])
    ) as lens:
        assert messages(lens, "system") == [("system", [{"type": "text", "content": "Be brief."}])]


def test_documents_of_a_retrieval_stay_in_its_attributes(tmp_path: Path) -> None:
    flat = {"openinference.span.kind": "RETRIEVER", "retrieval.documents.0.document.content": "one", "input.value": "q"}
    found = columns(tmp_path, *(attribute(*pair) for pair in flat.items()), select="operation_name, attributes")
    assert found["operation_name"] == "retrieval"
    assert json.loads(found["attributes"]) == {key: flat[key] for key in list(flat)[1:]}


# --- real files -----------------------------------------------------------------------------------------------------


def plain_spans(path: Path) -> list[Span]:
    """Return the spans of a sample, found with nothing but json."""
    text = path.read_text("utf-8")
    try:
        batches = [json.loads(text)]
    except json.JSONDecodeError:
        batches = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [s for b in batches for r in b["resourceSpans"] for sc in r["scopeSpans"] for s in sc["spans"]]


def plain_attributes(logged: Span) -> dict[str, Any]:
    return {pair["key"]: next(iter(pair["value"].values())) for pair in logged.get("attributes", [])}


OTLP_SAMPLES = [
    "openinference/langgraph_supervisor.otlp.jsonl",
    "openinference/langgraph_supervisor.protobuf_MessageToJson_base64ids.json",
    "openinference/openai_agents_handoff.otlp.jsonl",
    "openinference/smolagents_manager.otlp.jsonl",
    "otel_genai/pydantic_ai_multiagent_v2.otlp.jsonl",
    "otel_genai/pydantic_ai_multiagent_v5.otlp.jsonl",
    "otel_genai/pydantic_ai_multiagent_v5.protobuf_MessageToJson_base64ids.json",
    "otlp_json/otel_proto_example_trace.json",
]
TOKEN_KEYS = {
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.aggregated_usage.input_tokens", "llm.token_count.prompt"),
    "output_tokens": (
        "gen_ai.usage.output_tokens",
        "gen_ai.aggregated_usage.output_tokens",
        "llm.token_count.completion",
    ),
}


@pytest.mark.parametrize("name", OTLP_SAMPLES)
def test_spans_and_tokens_of_a_sample_equal_a_count_in_plain_json(name: str, samples: Path) -> None:
    logged = plain_spans(samples / name)
    with read(samples / name, progress=False) as lens:
        assert lens.sql("SELECT sum(records), sum(accepted) FROM sources").fetchall() == [(len(logged), len(logged))]
        assert lens.sql("SELECT count(*), count(DISTINCT span_id) FROM spans").fetchall() == [
            (len(logged), len(logged))
        ]
        for column, keys in TOKEN_KEYS.items():
            found = dict(lens.sql(f"SELECT span_id, {column} FROM spans").fetchall())
            expected = [next((int(a[k]) for k in keys if k in a), None) for a in map(plain_attributes, logged)]
            assert sorted(map(str, found.values())) == sorted(map(str, expected))
        assert lens.sql("SELECT count(*) FROM spans WHERE status_code = 'ERROR'").fetchall() == [
            (sum((s.get("status") or {}).get("code") in (2, "STATUS_CODE_ERROR") for s in logged),)
        ]
        assert lens.sql("SELECT count(*) FROM span_events").fetchall() == [
            (sum(len(s.get("events", [])) for s in logged),)
        ]
        assert_accounts_balance(lens)


@pytest.mark.parametrize("name", [name for name in OTLP_SAMPLES if "openinference" in name])
def test_messages_of_an_openinference_sample_are_those_of_its_attributes(name: str, samples: Path) -> None:
    with read(samples / name, progress=False) as lens:
        for logged in plain_spans(samples / name):
            attributes = plain_attributes(logged)
            span_id = logged["spanId"] if len(logged["spanId"]) == 16 else None
            if span_id is None or attributes.get("openinference.span.kind") != "LLM":
                continue
            for direction in ("input", "output"):
                numbers = {k.split(".")[2] for k in attributes if k.startswith(f"llm.{direction}_messages.")}
                found = messages(lens, direction, span_id)
                assert len(found) >= len(numbers)
                for number in numbers:
                    assert_same_message(found[int(number)], attributes, f"llm.{direction}_messages.{number}.message.")


def test_tool_calls_that_an_instrumentor_leaves_out_of_its_lists_come_from_its_values(samples: Path) -> None:
    path = samples / "openinference/openai_agents_handoff.otlp.jsonl"
    with read(path, progress=False) as lens:
        for logged in plain_spans(path):
            attributes = plain_attributes(logged)
            if attributes.get("openinference.span.kind") != "LLM":
                continue
            asked = json.loads(attributes["input.value"])
            assert len(messages(lens, "input", logged["spanId"])) == len(asked)
            answered = [
                item for item in json.loads(attributes.get("output.value", "[]")) if item["type"] == "function_call"
            ]
            parts = [part for _, parts in messages(lens, "output", logged["spanId"]) for part in parts]
            found = [(part["id"], part["name"], part["arguments"]) for part in parts if part["type"] == "tool_call"]
            assert found == [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in answered]


def assert_same_message(found: tuple[Any, ...], attributes: dict[str, Any], prefix: str) -> None:
    role, parts = found
    assert role == attributes[prefix + "role"]
    said = [part["content"] for part in parts if part["type"] == "text"] or [
        p["response"] for p in parts if p["type"] == "tool_call_response"
    ]
    texts = [attributes[prefix + "content"]] if attributes.get(prefix + "content") else []
    texts += [v for k, v in attributes.items() if k.startswith(prefix + "contents.") and k.endswith(".text")]
    assert said == texts or not texts
    names = [v for k, v in attributes.items() if k.startswith(prefix + "tool_calls.") and k.endswith("function.name")]
    assert [part["name"] for part in parts if part["type"] == "tool_call"] == names


@pytest.mark.parametrize("name", [name for name in OTLP_SAMPLES if "pydantic" in name])
def test_messages_of_a_genai_sample_are_those_of_its_attributes(name: str, samples: Path) -> None:
    logged = [plain_attributes(one) for one in plain_spans(samples / name)]
    with read(samples / name, progress=False) as lens:
        for direction in ("input", "output"):
            sent = sum(
                len(json.loads(a[f"gen_ai.{direction}.messages"]))
                for a in logged
                if f"gen_ai.{direction}.messages" in a
            )
            assert lens.sql("SELECT count(*) FROM span_messages WHERE direction = $d", d=direction).fetchall() == [
                (sent,)
            ]
        assert lens.sql("SELECT count(*) FROM span_messages ANTI JOIN messages USING (message_hash)").fetchall() == [
            (0,)
        ]


@pytest.mark.parametrize(
    "stem",
    ["openinference/langgraph_supervisor", "openinference/smolagents_manager", "otel_genai/pydantic_ai_multiagent_v5"],
)
def test_protobuf_and_json_of_one_run_are_one_lens(stem: str, samples: Path) -> None:
    with (
        read(samples / f"{stem}.otlp.jsonl", progress=False) as lines,
        read(samples / f"{stem}.otlp.pb", progress=False) as binary,
    ):
        assert content(lines) == content(binary)


def test_empty_batches_hold_no_records(tmp_path: Path) -> None:
    with read_bytes(tmp_path, json.dumps(batch([])).encode() + b"\n") as lens:
        assert lens.sql("SELECT records FROM sources").fetchall() == [(0,)]


@pytest.mark.parametrize("torn", [0, 40])
def test_documents_over_several_lines_may_follow_one_another(torn: int, tmp_path: Path) -> None:
    """As `jq . >> file` leaves them; a torn one costs only itself."""
    texts = [json.dumps(json.loads(as_lines([span(0, number, start=1, end=2)])), indent=2) for number in range(3)]
    texts[1] = texts[1][: len(texts[1]) - torn]
    with read_bytes(tmp_path, "\n".join(texts).encode()) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(2 if torn else 3,)]
        assert lens.sql("SELECT records, rejected FROM sources").fetchall() == [(3, 1 if torn else 0)]
        places = lens.sql("SELECT source_offset, source_length FROM spans").fetchall()
    whole = "\n".join(texts).encode()
    assert all(json.loads(whole[offset : offset + length])["traceId"] for offset, length in places)
