"""One span of an MLflow trace turned into rows."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.payloads import parse_text, read_input, read_output, read_system
from agentlens.loaders._otlp_span import add_span, read_id, read_status
from agentlens.loaders._sdk_span import as_dict, as_text
from agentlens.loaders._times import parse_time
from agentlens.loaders._usage import number, read_usage

OPERATIONS = {
    "LLM": "chat", "CHAT_MODEL": "chat", "AGENT": "invoke_agent", "TOOL": "execute_tool", "RETRIEVER": "retrieval",
    "EMBEDDING": "embeddings", "WORKFLOW": "invoke_workflow",
}  # fmt: skip
MODEL_TYPES = frozenset({"LLM", "CHAT_MODEL", "EMBEDDING"})
SESSION_KEYS = ("mlflow.trace.session", "mlflow.session")
PROMPT_KEYS = ("prompt_version", "mlflow.promptVersion")


def add_mlflow_span(into: Evidence, logged: Row, info: Row, text: bytes, place: Place) -> None:
    """Add one span, or reject it when it has no ids; `info` is what its trace says of itself."""
    context = as_dict(logged.get("context"))
    trace_id = _id(
        logged.get("trace_id") or context.get("trace_id") or info.get("trace_id") or info.get("request_id"), 16
    )
    span_id = _id(logged.get("span_id") or context.get("span_id"), 8)
    if not trace_id or not span_id:
        into.reject(place, "a span without ids", text)
        return
    into.accept()
    attributes = {key: _decoded(value) for key, value in as_dict(logged.get("attributes")).items()}
    kind = str(attributes.pop("mlflow.spanType", None) or logged.get("span_type") or "UNKNOWN").upper()
    status = (
        logged.get("status")
        if isinstance(logged.get("status"), dict)
        else {"code": logged.get("status_code", logged.get("status"))}
    )
    metadata, tags = as_dict(info.get("trace_metadata") or info.get("request_metadata")), as_dict(info.get("tags"))
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": _id(logged.get("parent_span_id") or logged.get("parent_id"), 8),
        "name": as_text(logged.get("name")),
        "operation_name": OPERATIONS.get(kind),
        "start_time": parse_time(logged.get("start_time_unix_nano", logged.get("start_time")), "ns"),
        "end_time": parse_time(logged.get("end_time_unix_nano", logged.get("end_time")), "ns"),
        "status_code": read_status(as_dict(status).get("code") or as_dict(status).get("status_code")),
        "status_message": as_text(as_dict(status).get("message") or logged.get("status_message")),
        "conversation_id": _first(metadata, SESSION_KEYS),
        "prompt_version": _first(tags, PROMPT_KEYS) or _first(metadata, PROMPT_KEYS),
    }
    if kind == "AGENT" and not attributes.keys() & {"gen_ai.agent.name", "agent.name"}:
        span["agent_name"] = span["name"]
    _read_model(span, attributes, kind)
    _read_content(span, attributes, kind)
    if span["parent_span_id"] is None and info:
        attributes["mlflow.info"] = {"tags": tags, "trace_metadata": metadata, "assessments": info.get("assessments")}
    attributes["mlflow.spanType"] = kind
    add_span(into, place, span, attributes, _events(logged.get("events")), _links(logged.get("links")))


def _id(value: Any, length: int) -> str | None:
    """Return an id as hex, from base64, `0x…`, `tr-…` or hex."""
    return read_id(value.removeprefix("0x").removeprefix("tr-") if isinstance(value, str) else None, length)


def _decoded(value: Any) -> Any:
    """Return an attribute's value: every one is JSON text, also texts and numbers."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return value


def _first(values: Row, keys: tuple[str, ...]) -> str | None:
    return next((found for key in keys if (found := as_text(values.get(key)))), None)


def _read_model(span: Row, attributes: Row, kind: str) -> None:
    """Take tokens, cost and model; usage on anything but a model's own span is a total."""
    usage = read_usage(parse_text(attributes.pop("mlflow.chat.tokenUsage", None)))
    span |= usage
    span["usage_scope"] = "self" if kind in MODEL_TYPES else "rollup"
    cost = as_dict(attributes.pop("mlflow.llm.cost", None))
    span["reported_cost_usd"] = number(cost.get("total_cost"))
    span["request_model"] = as_text(attributes.pop("mlflow.llm.model", None))
    span["provider_name"] = as_text(attributes.pop("mlflow.llm.provider", None))


def _read_content(span: Row, attributes: Row, kind: str) -> None:
    given, said = attributes.get("mlflow.spanInputs"), attributes.get("mlflow.spanOutputs")
    if kind in ("LLM", "CHAT_MODEL"):
        messages = {"input": read_input(given), "output": read_output(said), "system": read_system(given)}
        span |= {f"messages.{direction}": value for direction, value in messages.items() if value}
        _forget(attributes, messages["input"], "mlflow.spanInputs")
        _forget(attributes, messages["output"], "mlflow.spanOutputs")
    elif kind == "TOOL":
        span["tool_name"] = span["name"]
        span["tool_call_arguments"], span["tool_call_result"] = _text(given), _text(said)
        _forget(attributes, True, "mlflow.spanInputs")
        _forget(attributes, True, "mlflow.spanOutputs")


def _forget(attributes: Row, is_spent: Any, key: str) -> None:
    if is_spent:
        attributes.pop(key, None)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)


def _events(events: Any) -> list[Row]:
    return [
        {
            "time": parse_time(event.get("time_unix_nano", event.get("timestamp")), "ns"),
            "name": as_text(event.get("name")),
            "attributes": as_dict(event.get("attributes")),
        }
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict)
    ]


def _links(links: Any) -> list[Row]:
    return [
        {
            "linked_trace_id": _id(link.get("trace_id"), 16),
            "linked_span_id": _id(link.get("span_id"), 8),
            "attributes": as_dict(link.get("attributes")),
        }
        for link in (links if isinstance(links, list) else [])
        if isinstance(link, dict)
    ]
