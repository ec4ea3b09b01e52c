"""Random forests of steps for tests, and how Jaeger, Langfuse, LangSmith and others write one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

START = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
Record = dict[str, Any]


class Step(NamedTuple):
    """One step of a run: its number, its parent's number, times in milliseconds, and what it spent."""

    trace: int
    number: int
    parent: int | None
    name: str
    start: int
    end: int
    tokens: int
    failed: bool

    @property
    def trace_id(self) -> str:
        return f"{self.trace + 1:032x}"

    @property
    def span_id(self) -> str:
        return f"{self.number + 1:016x}"

    @property
    def parent_id(self) -> str | None:
        return None if self.parent is None else f"{self.parent + 1:016x}"


@st.composite
def forests(draw: st.DrawFn) -> list[Step]:
    """Return steps of a few traces; a parent may be absent from its trace, and the order is any."""
    size, traces = draw(st.integers(1, 14)), draw(st.integers(1, 3))
    steps: list[Step] = []
    for number in range(size):
        trace = draw(st.integers(0, traces - 1))
        older = [step.number for step in steps if step.trace == trace]
        parent = draw(st.sampled_from([None, 100, *older]))
        start = draw(st.integers(0, 10_000))
        end = start + draw(st.integers(0, 5_000))
        steps.append(
            Step(trace, number, parent, draw(NAMES), start, end, draw(st.integers(0, 500)), draw(st.booleans()))
        )
    return draw(st.permutations(steps))


def iso(milliseconds: int) -> str:
    """Return a time of a step as ISO 8601."""
    return (START + dt.timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def microseconds(milliseconds: int) -> int:
    """Return a time of a step as an epoch number in microseconds."""
    return int(START.timestamp()) * 1_000_000 + milliseconds * 1000


def jaeger(steps: list[Step]) -> list[Record]:
    """Return the answer of Jaeger's API."""
    traces: dict[str, list[Record]] = {}
    for step in steps:
        reference = {"refType": "CHILD_OF", "traceID": step.trace_id, "spanID": step.parent_id}
        tags: list[Record] = [
            {"key": "gen_ai.operation.name", "type": "string", "value": "chat"},
            {"key": "gen_ai.usage.input_tokens", "type": "int64", "value": step.tokens},
        ]
        traces.setdefault(step.trace_id, []).append(
            {
                "traceID": step.trace_id,
                "spanID": step.span_id,
                "operationName": step.name,
                "processID": "p1",
                "references": [reference] if step.parent_id else [],
                "logs": [],
                "startTime": microseconds(step.start),
                "duration": (step.end - step.start) * 1000,
                "tags": [*tags, {"key": "error", "type": "bool", "value": True}] if step.failed else tags,
            }
        )
    processes = {"p1": {"serviceName": "team", "tags": []}}
    return [{"data": [{"traceID": key, "spans": spans, "processes": processes} for key, spans in traces.items()]}]


def observation(step: Step) -> Record:
    """Return a Langfuse observation."""
    return {
        "id": step.span_id,
        "traceId": step.trace_id,
        "parentObservationId": step.parent_id,
        "type": "GENERATION",
        "name": step.name,
        "startTime": iso(step.start),
        "endTime": iso(step.end),
        "usageDetails": {"input": step.tokens, "total": step.tokens},
        "level": "ERROR" if step.failed else "DEFAULT",
    }


def langfuse(steps: list[Step]) -> list[Record]:
    """Return Langfuse observations."""
    return [observation(step) for step in steps]


def langfuse_traces(steps: list[Step]) -> list[Record]:
    """Return Langfuse traces with their observations inside, as its API returns them."""
    traces: dict[str, list[Record]] = {}
    for step in steps:
        traces.setdefault(step.trace_id, []).append(observation(step))
    return [
        {"id": key, "projectId": "p", "timestamp": iso(0), "htmlPath": "", "observations": inner}
        for key, inner in traces.items()
    ]


def langsmith(steps: list[Step]) -> list[Record]:
    """Return LangSmith runs."""
    return [
        {
            "id": step.span_id,
            "trace_id": step.trace_id,
            "parent_run_id": step.parent_id,
            "run_type": "llm",
            "name": step.name,
            "start_time": iso(step.start).removesuffix("Z"),
            "end_time": iso(step.end).removesuffix("Z"),
            "error": "ValueError('no')" if step.failed else None,
            "status": "error" if step.failed else "success",
            "prompt_tokens": step.tokens,
            "completion_tokens": 0,
            "total_tokens": step.tokens,
        }
        for step in steps
    ]


def console(steps: list[Step]) -> list[Record]:
    """Return spans as the Python SDK prints them."""
    return [
        {
            "name": step.name,
            "context": {"trace_id": f"0x{step.trace_id}", "span_id": f"0x{step.span_id}", "trace_state": "[]"},
            "kind": "SpanKind.INTERNAL",
            "parent_id": f"0x{step.parent_id}" if step.parent_id else None,
            "start_time": iso(step.start),
            "end_time": iso(step.end),
            "status": {"status_code": "ERROR" if step.failed else "UNSET"},
            "attributes": {"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": step.tokens},
            "events": [],
            "links": [],
            "resource": {"attributes": {"service.name": "team"}, "schema_url": ""},
        }
        for step in steps
    ]


def phoenix(steps: list[Step]) -> list[Record]:
    """Return spans as Phoenix's REST API does."""
    return [
        {
            "id": "x",
            "name": step.name,
            "context": {"trace_id": step.trace_id, "span_id": step.span_id},
            "span_kind": "LLM",
            "parent_id": step.parent_id,
            "start_time": iso(step.start),
            "end_time": iso(step.end),
            "status_code": "ERROR" if step.failed else "UNSET",
            "status_message": "",
            "events": [],
            "attributes": {"llm.token_count.prompt": step.tokens},
        }
        for step in steps
    ]


def openai_agents(steps: list[Step]) -> list[Record]:
    """Return spans as the OpenAI Agents SDK exports them."""
    return [
        {
            "object": "trace.span",
            "id": step.span_id,
            "trace_id": step.trace_id,
            "parent_id": step.parent_id,
            "started_at": iso(step.start),
            "ended_at": iso(step.end),
            "error": {"message": "no", "data": None} if step.failed else None,
            "span_data": {"type": "generation", "name": step.name, "usage": {"input_tokens": step.tokens}},
        }
        for step in steps
    ]


def otlp(steps: list[Step]) -> list[Record]:
    """Return batches of one span, as a collector writes them for spans that end one by one."""

    def span(step: Step) -> Record:
        return {
            "traceId": step.trace_id, "spanId": step.span_id, "parentSpanId": step.parent_id or "", "name": step.name, "kind": 1,
            "startTimeUnixNano": str(microseconds(step.start) * 1000), "endTimeUnixNano": str(microseconds(step.end) * 1000),
            "status": {"code": 2} if step.failed else {},
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": str(step.tokens)}},
            ],
        }  # fmt: skip

    return [{"resourceSpans": [{"scopeSpans": [{"spans": [span(step)]}]}]} for step in steps]


def jaeger_by_trace(steps: list[Step]) -> list[Record]:
    """Return an answer of Jaeger's API a span: a trace may be asked for in parts."""
    return [record for step in steps for record in jaeger([step])]


WRITERS: dict[str, Callable[[list[Step]], list[Record]]] = {
    "jaeger": jaeger,
    "langfuse": langfuse,
    "langfuse_traces": langfuse_traces,
    "langsmith": langsmith,
    "otel_console": console,
    "phoenix": phoenix,
    "openai_agents": openai_agents,
}
# Writers of one record a step, whose lines may stand in any order and in any file.
LINE_WRITERS: dict[str, Callable[[list[Step]], list[Record]]] = {
    "otlp": otlp,
    "jaeger": jaeger_by_trace,
    "langfuse": langfuse,
    "langsmith": langsmith,
    "otel_console": console,
    "phoenix": phoenix,
    "openai_agents": openai_agents,
}
SHAPES: dict[str, Callable[[list[Record]], str]] = {
    "lines": lambda records: "".join(json.dumps(record) + "\n" for record in records),
    "pretty documents": lambda records: (
        "\n".join(json.dumps(record, indent=4, ensure_ascii=False) for record in records) + "\n"
    ),
    "array": lambda records: json.dumps(records),
    "pretty array": lambda records: json.dumps(records, indent=2),
}
