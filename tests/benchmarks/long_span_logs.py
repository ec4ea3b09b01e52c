"""Logs of spans of any length, record by record, and what all made-up logs are made of."""

from __future__ import annotations

import csv
import functools
import io
import json
import random
import time
from typing import Any

WORDS = (
    "margin", "partner", "draft", "table", "review", "quarter", "ledger", "handoff", "budget", "packet", "wave", "deadline", "answer",
    "ranking", "source", "verdict", "invoice", "region", "cluster", "refund",
)  # fmt: skip
T0 = 1_776_176_591
MODEL = "claude-opus-4-6"
# Steps of one session, or spans of one trace.
STEPS = 150


@functools.cache
def _corpus() -> str:
    rng = random.Random(7)
    return " ".join(
        f"{rng.choice(WORDS)} {rng.randrange(10**6)}" if rng.random() < 0.2 else rng.choice(WORDS)
        for _ in range(600_000)
    )


def text(rng: random.Random, size: int) -> str:
    corpus = _corpus()
    if size >= len(corpus):
        return (corpus * (size // len(corpus) + 1))[:size]
    start = rng.randrange(len(corpus) - size)
    return corpus[start : start + size]


def line(value: Any) -> str:
    return json.dumps(value) + "\n"


def row(names: list[str], cells: list[Any], number: int) -> str:
    """Return a row of a CSV file; the first comes with the header."""
    stream = io.StringIO()
    csv.writer(stream).writerows([cells] if number else [names, cells])
    return stream.getvalue()


def iso(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(T0 + number))


def ids(number: int) -> tuple[str, str, str | None]:
    """Return trace id, span id and the id of the parent: every trace is a root with the others below it."""
    first = number // STEPS * STEPS
    return f"{number // STEPS + 1:032x}", f"{number + 1:016x}", None if number == first else f"{first + 1:016x}"


def uuid(number: int) -> str:
    return f"5f0e7a52-0d1c-4c51-9a34-{number:012x}"


# --- spans ------------------------------------------------------------------------------------------------------------


def _otlp_span(rng: random.Random, number: int, size: int) -> dict[str, Any]:
    trace_id, span_id, parent = ids(number)
    values: dict[str, dict[str, Any]] = {
        "gen_ai.operation.name": {"stringValue": "execute_tool"}, "gen_ai.tool.name": {"stringValue": "search"},
        "gen_ai.tool.call.id": {"stringValue": f"call_{number:012}"}, "gen_ai.tool.call.result": {"stringValue": text(rng, size)},
    }  # fmt: skip
    if number % 3 == 1:
        said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text(rng, size)}]}])
        values = {
            "gen_ai.operation.name": {"stringValue": "chat"}, "gen_ai.request.model": {"stringValue": MODEL},
            "gen_ai.usage.input_tokens": {"intValue": str(size // 4)}, "gen_ai.usage.output_tokens": {"intValue": "20"},
            "gen_ai.input.messages": {"stringValue": said}, "gen_ai.agent.name": {"stringValue": f"agent {number % 9}"},
        }  # fmt: skip
    return {
        "traceId": trace_id, "spanId": span_id, "parentSpanId": parent or "", "name": "step", "kind": 1,
        "startTimeUnixNano": f"{T0 + number}000000000", "endTimeUnixNano": f"{T0 + number + 1}000000000",
        "attributes": [{"key": key, "value": value} for key, value in values.items()], "status": {"code": 1},
    }  # fmt: skip


def otlp(rng: random.Random, number: int, size: int) -> str:
    span = _otlp_span(rng, number, size)
    return line({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [span]}]}]})


def tempo(rng: random.Random, number: int, size: int) -> str:
    span = _otlp_span(rng, number, size)
    return line({"batches": [{"resource": {"attributes": []}, "instrumentationLibrarySpans": [{"spans": [span]}]}]})


def otlp_logs(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, _ = ids(number // 2)
    name = "gen_ai.user.message" if number % 2 == 0 else "gen_ai.choice"
    content = {"key": "content", "value": {"stringValue": text(rng, size)}}
    record = {
        "timeUnixNano": f"{T0 + number}000000000", "traceId": trace_id, "spanId": span_id, "eventName": name,
        "attributes": [{"key": "gen_ai.system", "value": {"stringValue": "openai"}}],
        "body": {"kvlistValue": {"values": [content]}},
    }  # fmt: skip
    return line({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": [record]}]}]})


def otel_console(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = ids(number)
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.result": text(rng, size),
    }
    span = {
        "name": "search", "context": {"trace_id": f"0x{trace_id}", "span_id": f"0x{span_id}", "trace_state": "[]"}, "kind": "SpanKind.INTERNAL",
        "parent_id": parent and f"0x{parent}", "start_time": iso(number), "end_time": iso(number + 1), "status": {"status_code": "OK"},
        "attributes": attributes, "events": [], "links": [], "resource": {"attributes": {"service.name": "team"}, "schema_url": ""},
    }  # fmt: skip
    return json.dumps(span, indent=4) + "\n"


def any_agent(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id = number + 1, 2 * number + 1
    context = {"trace_id": trace_id, "span_id": span_id, "trace_flags": 1}
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": f"agent {number % 9}",
        "gen_ai.output": text(rng, size),
    }
    root = {
        "name": "invoke_agent", "kind": "internal", "parent": {}, "context": context, "start_time": (T0 + number) * 10**9, "end_time": (T0 + number + 2) * 10**9,
        "status": {"status_code": "ok"}, "attributes": attributes, "links": [], "events": [], "resource": {"attributes": {"service.name": "team"}},
    }  # fmt: skip
    called = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search", "gen_ai.output": text(rng, size)}
    tool = root | {
        "name": "search",
        "parent": context,
        "context": context | {"span_id": span_id + 1},
        "attributes": called,
    }
    return line({"spans": [tool, root], "final_output": text(rng, 100)})


def jaeger(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = ids(number)
    tags = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.result": text(rng, size),
    }
    span = {
        "traceID": trace_id, "spanID": span_id, "operationName": "search", "startTime": (T0 + number) * 10**6, "duration": 900_000,
        "references": [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": parent}] if parent else [],
        "tags": [{"key": key, "type": "string", "value": value} for key, value in tags.items()], "logs": [], "process": {"serviceName": "team", "tags": []},
    }  # fmt: skip
    return line(span)


def langfuse(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = ids(number)
    observation = {
        "id": span_id, "traceId": trace_id, "parentObservationId": parent, "type": "GENERATION" if number % 3 else "SPAN", "name": "step",
        "startTime": iso(number), "endTime": iso(number + 1), "model": "gpt-4o-mini", "input": [{"role": "user", "content": text(rng, size)}],
        "output": {"role": "assistant", "content": text(rng, 100)}, "usageDetails": {"input": size // 4, "output": 20}, "metadata": {"n": number}, "level": "DEFAULT",
    }  # fmt: skip
    return line(observation)


def langfuse_csv(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = ids(number)
    names = ["id", "traceId", "parentObservationId", "type", "name", "startTime", "endTime", "model", "input", "output", "usageDetails"]  # fmt: skip
    said = json.dumps([{"role": "user", "content": text(rng, size)}])
    usage = json.dumps({"input": size // 4, "output": 20})
    cells = [
        span_id,
        trace_id,
        parent,
        "GENERATION",
        "step",
        iso(number),
        iso(number + 1),
        "gpt-4o-mini",
        said,
        text(rng, 100),
        usage,
    ]
    return row(names, cells, number)


def langsmith(rng: random.Random, number: int, size: int) -> str:
    first = number // STEPS * STEPS
    order = f"20260414T142311{first:06}Z{uuid(first)}"
    run = {
        "id": uuid(number), "trace_id": uuid(first), "parent_run_id": None if number == first else uuid(first),
        "dotted_order": order if number == first else f"{order}.20260414T142311{number:06}Z{uuid(number)}",
        "run_type": "llm" if number % 3 else "chain", "name": "step", "start_time": iso(number), "end_time": iso(number + 1), "error": None,
        "inputs": {"messages": [{"role": "user", "content": text(rng, size)}]}, "outputs": {"choices": [{"message": {"role": "assistant", "content": text(rng, 100)}}]},
        "extra": {"metadata": {"ls_model_name": "gpt-4o-mini", "ls_provider": "openai"}}, "tags": [],
    }  # fmt: skip
    return line(run)


def phoenix(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = ids(number)
    attributes = {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": size // 4, "llm.token_count.completion": 20,
        "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": text(rng, size), "output.value": text(rng, 100),
    }  # fmt: skip
    span = {
        "id": f"n{number}", "name": "step", "context": {"trace_id": trace_id, "span_id": span_id}, "span_kind": "LLM", "parent_id": parent,
        "start_time": iso(number), "end_time": iso(number + 1), "status_code": "OK", "status_message": "", "attributes": attributes, "events": [],
    }  # fmt: skip
    return line(span)


def phoenix_csv(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = ids(number)
    names = ["name", "span_kind", "parent_id", "start_time", "end_time", "status_code", "context.span_id", "context.trace_id", "attributes.input.value", "attributes.llm.model_name"]  # fmt: skip
    cells = [
        "step",
        "LLM",
        parent,
        iso(number),
        iso(number + 1),
        "OK",
        span_id,
        trace_id,
        text(rng, size),
        "gpt-4o-mini",
    ]
    return row(names, cells, number)


def mlflow(rng: random.Random, number: int, size: int) -> str:
    trace_id = f"{number + 1:032x}"
    attributes = {
        "mlflow.spanType": json.dumps("TOOL"),
        "mlflow.spanInputs": json.dumps({"q": text(rng, 60)}),
        "mlflow.spanOutputs": json.dumps(text(rng, size)),
    }
    span = {
        "trace_id": trace_id, "span_id": f"{number + 1:016x}", "parent_span_id": None, "name": "search", "start_time_unix_nano": (T0 + number) * 10**9,
        "end_time_unix_nano": (T0 + number + 1) * 10**9, "events": [], "status": {"code": "STATUS_CODE_OK", "message": ""}, "attributes": attributes,
    }  # fmt: skip
    info = {
        "trace_id": f"tr-{trace_id}",
        "trace_location": {"type": "MLFLOW_EXPERIMENT"},
        "state": "OK",
        "trace_metadata": {"mlflow.trace_schema.version": "3"},
        "tags": {},
    }
    return line({"info": info, "data": {"spans": [span]}})


def openai_agents(rng: random.Random, number: int, size: int) -> str:
    trace, step = number // STEPS, number % STEPS
    if step == 0:
        return line(
            {
                "object": "trace",
                "id": f"trace_{trace:032x}",
                "workflow_name": "desk",
                "group_id": None,
                "metadata": None,
            }
        )
    data = {
        "type": "generation", "input": [{"role": "user", "content": text(rng, size)}], "output": [{"role": "assistant", "content": text(rng, 100)}],
        "model": "gpt-4o-mini", "usage": {"input_tokens": size // 4, "output_tokens": 20},
    } if step % 3 else {"type": "function", "name": "search", "input": "{}", "output": text(rng, size)}  # fmt: skip
    parent = None if step == 1 else f"span_{trace * STEPS + 1:024x}"
    return line({
        "object": "trace.span", "id": f"span_{number:024x}", "trace_id": f"trace_{trace:032x}", "parent_id": parent,
        "started_at": iso(number), "ended_at": iso(number + 1), "span_data": data, "error": None,
    })  # fmt: skip


def sentry(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, _ = ids(number)
    child = {
        "span_id": f"{number + 2**40:016x}",
        "trace_id": trace_id,
        "parent_span_id": span_id,
        "op": "gen_ai.chat",
        "start_timestamp": T0 + number,
        "timestamp": T0 + number + 0.5,
        "data": {"gen_ai.request.messages": text(rng, size)},
    }
    crumb = {"timestamp": T0 + number, "category": "agent", "message": text(rng, 80), "level": "info"}
    event = {
        "event_id": f"{number + 1:032x}", "type": "transaction", "platform": "python", "transaction": "run", "start_timestamp": T0 + number, "timestamp": T0 + number + 1,
        "contexts": {"trace": {"trace_id": trace_id, "span_id": span_id, "op": "gen_ai.invoke_agent"}}, "spans": [child], "breadcrumbs": {"values": [crumb]},
    }  # fmt: skip
    return line(event)
