"""One Langfuse observation turned into rows."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import Any

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.payloads import parse_text, read_input, read_output, read_system
from agentlens.loaders._langgraph import agent_of
from agentlens.loaders._otlp_span import add_span
from agentlens.loaders._sdk_span import as_dict, as_text
from agentlens.loaders._times import parse_time
from agentlens.loaders._usage import count, number

OPERATIONS = {
    "GENERATION": "chat", "EMBEDDING": "embeddings", "TOOL": "execute_tool", "RETRIEVER": "retrieval",
    "AGENT": "invoke_agent",
}  # fmt: skip
MODEL_TYPES = frozenset({"GENERATION", "EMBEDDING"})
SPENT = frozenset({
    "id", "traceId", "parentObservationId", "name", "startTime", "endTime", "statusMessage", "metadata", "input",
    "output", "model", "providedModelName", "promptVersion", "sessionId", "inputUsage", "outputUsage", "totalUsage",
    "totalCost",
})  # fmt: skip
TRACE_SPENT = frozenset({"id", "sessionId", "projectId", "createdAt", "updatedAt"})
NAMED_OPERATION = frozenset(
    {"gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "ai.operationId"}
)
MESSAGE_KEYS = (
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "llm.input_messages.",
    "llm.output_messages.",
    "gen_ai.prompt.",
)
CACHE_READ = re.compile(r"cache.?read|cached")
CACHE_WRITE = re.compile(r"cache.?(?:creation|write)")
REASONING = re.compile(r"reasoning|thought")
_SNAKE = re.compile(r"_([a-z])")


def camel_keys(record: Row) -> Row:
    """Return a record with `parent_observation_id` as `parentObservationId`: exports to storage use the other style."""
    return {_camel(key): value for key, value in record.items()}


@functools.lru_cache(maxsize=1024)
def _camel(key: str) -> str:
    return _SNAKE.sub(lambda found: found[1].upper(), key)


def add_observation(into: Evidence, observation: Row, trace: Row, text: bytes, place: Place) -> None:
    """Add one observation, or reject it when it has no ids; `trace` is the trace object it stands in, if any."""
    trace_id, span_id = as_text(observation.get("traceId")) or as_text(trace.get("id")), as_text(observation.get("id"))
    if not trace_id or not span_id:
        into.reject(place, "an observation without traceId or id", text)
        return
    into.accept()
    kind = str(observation.get("type") or "SPAN").upper()
    metadata = parse_text(observation.get("metadata"))
    attributes = dict(as_dict(parse_text(as_dict(metadata).get("attributes"))))
    start, end = parse_time(observation.get("startTime")), parse_time(observation.get("endTime"))
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": as_text(observation.get("parentObservationId")),
        "name": as_text(observation.get("name")),
        "start_time": start,
        "end_time": start if kind == "EVENT" and end is None else end,
        "status_code": "ERROR" if str(observation.get("level")).upper() == "ERROR" else "UNSET",
        "status_message": as_text(observation.get("statusMessage")),
        "conversation_id": as_text(observation.get("sessionId")) or as_text(trace.get("sessionId")),
        "agent_version": as_text(trace.get("release"))
        or as_text(observation.get("version"))
        or as_text(trace.get("version")),
        "prompt_version": _prompt_version(observation),
        **_resource(as_dict(metadata)),
        **_usage(observation, kind, into),
    }
    _name(span, attributes, kind, metadata)
    _set_model(span, attributes, observation)
    _set_content(span, attributes, observation, kind)
    attributes.update(_leftover(observation, metadata, trace))
    add_span(into, place, span, attributes, [], [])


def _prompt_version(observation: Row) -> str | None:
    name, version = observation.get("promptName"), observation.get("promptVersion")
    if version in (None, ""):
        return None
    return f"{name}@{version}" if name else str(version)


def _resource(metadata: Row) -> Row:
    """Return the resource and scope of an observation that came in as an OpenTelemetry span."""
    resource = dict(as_dict(parse_text(metadata.get("resourceAttributes"))))
    service = as_text(resource.get("service.name"))
    scope = as_dict(parse_text(metadata.get("scope")))
    resource |= {f"scope.{key}": scope[key] for key in ("name", "version") if scope.get(key)}
    return {"service_name": service, "resource": resource or None}


def _name(span: Row, attributes: Row, kind: str, metadata: Any) -> None:
    """Say what the span does and who does it; for all but model and tool calls, attributes that say so come first."""
    is_named = bool(attributes.keys() & NAMED_OPERATION)
    if not is_named or kind in ("GENERATION", "EMBEDDING", "TOOL", "RETRIEVER"):
        span["operation_name"] = OPERATIONS.get(kind)
    span["agent_name"] = agent_of(metadata)
    if (
        kind == "AGENT"
        and not is_named
        and not span["agent_name"]
        and not attributes.keys() & {"gen_ai.agent.name", "agent.name", "agent_name"}
    ):
        span["agent_name"] = span["name"]


def _set_model(span: Row, attributes: Row, observation: Row) -> None:
    """`model` is what the SDK said: the model that answered where the request is known apart from it."""
    model = as_text(observation.get("model")) or as_text(observation.get("providedModelName"))
    requested = attributes.keys() & {"gen_ai.request.model", "llm.request.model_name", "ai.model.id"}
    span["response_model" if requested else "request_model"] = model


# --- tokens and money -------------------------------------------------------------------------------------------------


def _usage(observation: Row, kind: str, into: Evidence) -> Row:
    """Return the token and cost columns. Only a model's own observation is a call; on any other, usage is a total."""
    details = as_dict(parse_text(observation.get("usageDetails"))) or as_dict(parse_text(observation.get("usage")))
    counts = {key: number for key, value in details.items() if (number := count(value)) is not None}
    if not counts:
        legacy = {"input": "inputUsage", "output": "outputUsage", "total": "totalUsage"}
        counts = {key: number for key, name in legacy.items() if (number := count(observation.get(name))) is not None}
    scope = {"usage_scope": "self" if kind in MODEL_TYPES else "rollup", **_cost(observation)}
    if not any(counts.values()) and (kind not in MODEL_TYPES or not details):
        return scope
    return scope | _tokens(counts, into)


def _tokens(counts: dict[str, int], into: Evidence) -> Row:
    """Return token columns from usage under free names: the total tells whether details stand inside or beside."""
    tokens = _named(counts, ("input", "prompt", "promptTokens", "prompt_tokens", "input_tokens"))
    output = _named(counts, ("output", "completion", "completionTokens", "completion_tokens", "output_tokens"))
    total = _named(counts, ("total", "totalTokens", "total_tokens"))
    details = {key: number for key, number in counts.items() if key not in _PLAIN}
    inputs = {key: number for key, number in details.items() if _is_input(key)}
    outputs = {key: number for key, number in details.items() if _is_output(key) and key not in inputs}
    if tokens is None and output is None and not inputs and not outputs:
        return {"input_tokens": total} if total else {}
    spent_in, spent_out = _settle(tokens or 0, output or 0, inputs, outputs, total)
    if spent_in > (tokens or 0):
        into.account.input_tokens_meaning = "excludes cache (added by the loader)"
    if total is not None and total > spent_in + spent_out:
        into.note_missing("Some totals are larger than input and output together; what the rest was is not said.")
    return {
        "input_tokens": spent_in if tokens is not None or inputs else None,
        "output_tokens": spent_out if output is not None or outputs else None,
        "cache_read_input_tokens": _sum(inputs, CACHE_READ),
        "cache_write_input_tokens": _sum(inputs, CACHE_WRITE),
        "reasoning_output_tokens": _sum(outputs, REASONING),
    }


_PLAIN = frozenset({
    "input", "prompt", "promptTokens", "prompt_tokens", "input_tokens", "output", "completion", "completionTokens",
    "completion_tokens", "output_tokens", "total", "totalTokens", "total_tokens",
})  # fmt: skip


def _settle(
    tokens: int, output: int, inputs: dict[str, int], outputs: dict[str, int], total: int | None
) -> tuple[int, int]:
    """Return input and output with their details included, each either already inside or beside, as the total says."""
    beside_in, beside_out = tokens + sum(inputs.values()), output + sum(outputs.values())
    inside_in = tokens if max(inputs.values(), default=0) <= tokens else beside_in
    inside_out = output if max(outputs.values(), default=0) <= output else beside_out
    for one, other in (
        (inside_in, inside_out),
        (beside_in, beside_out),
        (beside_in, inside_out),
        (inside_in, beside_out),
    ):
        if total == one + other:
            return one, other
    is_split = any(key.startswith(("input_", "output_", "cache_")) for key in (*inputs, *outputs))
    return (beside_in, beside_out) if is_split else (inside_in, inside_out)


def _is_input(key: str) -> bool:
    return key.startswith(("input", "prompt")) or bool(CACHE_READ.search(key) or CACHE_WRITE.search(key))


def _is_output(key: str) -> bool:
    return key.startswith(("output", "completion")) or bool(REASONING.search(key))


def _sum(details: dict[str, int], pattern: re.Pattern[str]) -> int | None:
    found = [number for key, number in details.items() if pattern.search(key)]
    return sum(found) if found else None


def _named(counts: dict[str, int], names: Iterable[str]) -> int | None:
    return next((counts[name] for name in names if name in counts), None)


def _cost(observation: Row) -> Row:
    given = [as_dict(parse_text(observation.get(key))) for key in ("costDetails", "providedCostDetails")]
    cost = number(observation.get("totalCost"))
    if cost is None:
        cost = number(observation.get("calculatedTotalCost"))
    return {"reported_cost_usd": cost} if cost or any(given) else {}


# --- content ----------------------------------------------------------------------------------------------------------


def _set_content(span: Row, attributes: Row, observation: Row, kind: str) -> None:
    given, said = observation.get("input"), observation.get("output")
    if kind == "TOOL" or attributes.get("gen_ai.operation.name") == "execute_tool":
        span["tool_name"] = (
            None if attributes.keys() & {"gen_ai.tool.name", "tool.name", "ai.toolCall.name"} else span["name"]
        )
        span["tool_call_arguments"], span["tool_call_result"] = _content_text(given), _content_text(said)
    elif kind == "GENERATION":
        _set_messages(span, attributes, "input", given, read_input(given))
        _set_messages(span, attributes, "output", said, read_output(said))
        span["messages.system"] = read_system(given)
    else:
        attributes.update(
            {key: parse_text(value) for key, value in (("input", given), ("output", said)) if value not in (None, "")}
        )


def _set_messages(span: Row, attributes: Row, direction: str, value: Any, messages: list[Any] | None) -> None:
    """Take messages from the observation, unless it is plain text there and a list in the attributes."""
    is_plain = isinstance(parse_text(value), str)
    if messages and not (is_plain and any(key.startswith(MESSAGE_KEYS) and direction in key for key in attributes)):
        span[f"messages.{direction}"] = messages
    elif value not in (None, "") and not messages:
        attributes[direction] = parse_text(value)


def _content_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json_text(value)


def _leftover(observation: Row, metadata: Any, trace: Row) -> Row:
    """Return what no column holds; a root also keeps what its trace says."""
    left = {key: value for key, value in observation.items() if key not in SPENT and value not in (None, "", [], {})}
    if isinstance(metadata, dict):
        metadata = {
            key: value for key, value in metadata.items() if key not in ("attributes", "resourceAttributes", "scope")
        }
    if metadata:
        left["metadata"] = metadata
    if trace and not observation.get("parentObservationId"):
        left["trace"] = {
            key: value for key, value in trace.items() if key not in TRACE_SPENT and value not in (None, "", [], {})
        }
    return left
