"""Spans as OTLP JSON lines in the words of the GenAI conventions: what other tools take in, and `read()` reads back the same.

Source: opentelemetry-proto `docs/specification.md` (JSON Protobuf Encoding); semantic-conventions-genai (attribute registry).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from agentlens._lens import Lens
from agentlens.dialects.gen_ai import MODEL_OPERATIONS

Row = dict[str, Any]

AT_ONCE = 500  # spans a line at most, of one resource
ATTRIBUTES = {
    "operation_name": "gen_ai.operation.name", "agent_name": "gen_ai.agent.name", "agent_id": "gen_ai.agent.id",
    "agent_version": "gen_ai.agent.version", "conversation_id": "gen_ai.conversation.id", "workflow_name": "gen_ai.workflow.name",
    "provider_name": "gen_ai.provider.name", "request_model": "gen_ai.request.model", "response_model": "gen_ai.response.model",
    "response_finish_reasons": "gen_ai.response.finish_reasons", "reported_cost_usd": "gen_ai.usage.cost", "tool_name": "gen_ai.tool.name",
    "tool_call_id": "gen_ai.tool.call.id", "tool_call_arguments": "gen_ai.tool.call.arguments",
    "tool_call_result": "gen_ai.tool.call.result", "prompt_version": "gen_ai.prompt.version", "error_type": "error.type",
    "usage_key": "agentlens.usage.key",
}  # fmt: skip
USAGE = {
    "input_tokens": "input_tokens", "output_tokens": "output_tokens", "cache_read_input_tokens": "cache_read.input_tokens",
    "cache_write_input_tokens": "cache_write.input_tokens", "reasoning_output_tokens": "reasoning.output_tokens",
}  # fmt: skip
STATUS = {"OK": 1, "ERROR": 2}
INT64 = range(-(2**63), 2**63)
SPANS = """
    SELECT
      trace_id, span_id, parent_span_id, name, epoch_ns(start_time) AS start_ns, epoch_ns(end_time) AS end_ns, status_code, status_message,
      resource::VARCHAR AS resource, service_name, attributes::VARCHAR AS attributes, is_agent_inherited, is_conversation_inherited,
      is_control_flow, usage_scope, preorder, {columns}
    FROM spans
    WHERE ($trace_id IS NULL OR trace_id = $trace_id) AND preorder >= $first
    ORDER BY preorder
    LIMIT {most}
"""
MESSAGES = """
    SELECT trace_id, span_id, direction, role, messages.name, parts::VARCHAR AS parts
    FROM span_messages
    JOIN messages USING (message_hash)
    SEMI JOIN (SELECT trace_id, span_id FROM spans WHERE preorder BETWEEN $first AND $last) USING (trace_id, span_id)
    ORDER BY trace_id, span_id, direction, position
"""
EVENTS = """
    SELECT trace_id, span_id, name, epoch_ns(time) AS time_ns, attributes::VARCHAR AS attributes
    FROM span_events
    SEMI JOIN (SELECT trace_id, span_id FROM spans WHERE preorder BETWEEN $first AND $last) USING (trace_id, span_id)
    ORDER BY trace_id, span_id, event_index
"""
LINKS = """
    SELECT trace_id, span_id, linked_trace_id, linked_span_id, attributes::VARCHAR AS attributes
    FROM span_links
    SEMI JOIN (SELECT trace_id, span_id FROM spans WHERE preorder BETWEEN $first AND $last) USING (trace_id, span_id)
    ORDER BY trace_id, span_id, link_index
"""


def write_otlp(lens: Lens, path: Path, trace_id: str | None) -> None:
    """Write spans in tree order, those of one resource that follow one another as one line."""
    with path.open("w", encoding="utf-8") as file:
        for spans in _batches(lens, trace_id):
            for resource, same in groupby(spans, key=lambda span: (span["resource"], span["service_name"])):
                line = {"resourceSpans": [_resource_spans(*resource, [span["otlp"] for span in same])]}
                file.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")


def _batches(lens: Lens, trace_id: str | None) -> Iterator[list[Row]]:
    query = SPANS.format(columns=", ".join([*ATTRIBUTES, *USAGE]), most=AT_ONCE)
    first = 0
    while spans := _ask(lens, query, trace_id=trace_id, first=first):
        bounds = {"first": spans[0]["preorder"], "last": spans[-1]["preorder"]}
        found = [_by_span(_ask(lens, question, **bounds)) for question in (MESSAGES, EVENTS, LINKS)]
        for span in spans:
            span["otlp"] = _span(span, *(rows[span["trace_id"], span["span_id"]] for rows in found))
        yield spans
        first = spans[-1]["preorder"] + 1


def _ask(lens: Lens, query: str, **params: Any) -> list[Row]:
    cursor = lens._con.cursor()
    cursor.execute(query, params)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def _by_span(rows: list[Row]) -> defaultdict[tuple[str, str], list[Row]]:
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        found[row["trace_id"], row["span_id"]].append(row)
    return found


def _resource_spans(resource: str | None, service: str | None, spans: list[Row]) -> Row:
    logged = json.loads(resource or "{}")
    scope = {
        key: logged.pop(f"scope.{key}") for key in ("name", "version") if isinstance(logged.get(f"scope.{key}"), str)
    }
    if service is not None:
        logged.setdefault("service.name", service)
    return {"resource": {"attributes": _key_values(logged)}, "scopeSpans": [{"scope": scope, "spans": spans}]}


def _span(span: Row, messages: list[Row], events: list[Row], links: list[Row]) -> Row:
    trace_id, span_id = _id(span["trace_id"], 16), _id(span["span_id"], 8)
    own = {"agentlens.trace.id": span["trace_id"]} if trace_id != span["trace_id"] else {}
    own |= {"agentlens.span.id": span["span_id"]} if span_id != span["span_id"] else {}
    status = {"code": STATUS.get(span["status_code"], 0)}
    written: Row = {
        "traceId": trace_id, "spanId": span_id, "name": span["name"] or "", "kind": 1,
        "attributes": _key_values(_attributes(span) | _contents(messages) | own),
        "status": status | ({"message": span["status_message"]} if span["status_message"] else {}),
    }  # fmt: skip
    if span["parent_span_id"] is not None:
        written["parentSpanId"] = _id(span["parent_span_id"], 8)
    for key, column in (("startTimeUnixNano", "start_ns"), ("endTimeUnixNano", "end_ns")):
        if span[column] is not None:
            written[key] = str(span[column])
    return written | _lists(events, links)


def _lists(events: list[Row], links: list[Row]) -> Row:
    said = [
        {"name": event["name"] or "", "attributes": _key_values(json.loads(event["attributes"] or "{}"))}
        | ({"timeUnixNano": str(event["time_ns"])} if event["time_ns"] is not None else {})
        for event in events
    ]
    linked = [
        {"traceId": _id(link["linked_trace_id"] or "", 16), "spanId": _id(link["linked_span_id"] or "", 8), "attributes": _key_values(json.loads(link["attributes"] or "{}"))}
        for link in links
    ]  # fmt: skip
    return ({"events": said} if said else {}) | ({"links": linked} if linked else {})


def _attributes(span: Row) -> Row:
    """Return what the columns say under the names of the conventions, and everything else as it was logged."""
    unsaid = {"agent_name": span["is_agent_inherited"], "conversation_id": span["is_conversation_inherited"]}
    said = {
        name: span[column] for column, name in ATTRIBUTES.items() if span[column] is not None and not unsaid.get(column)
    }
    prefix = "gen_ai.aggregated_usage" if span["usage_scope"] == "rollup" else "gen_ai.usage"
    # What the conventions have no words for is said only where a reader would take it for something else.
    if span["usage_scope"] == "cumulative" or (
        span["usage_scope"] == "self" and span["operation_name"] not in (None, *MODEL_OPERATIONS)
    ):
        said["agentlens.usage.scope"] = span["usage_scope"]
    if span["is_control_flow"]:
        said["agentlens.is_control_flow"] = True
    said |= {f"{prefix}.{name}": span[column] for column, name in USAGE.items() if span[column] is not None}
    return {**{key: value for key, value in json.loads(span["attributes"] or "{}").items() if key not in said}, **said}


def _contents(messages: list[Row]) -> Row:
    """Return the messages as the conventions have them: JSON text, the system prompt as a list of parts."""
    said: defaultdict[str, list[Row]] = defaultdict(list)
    for row in messages:
        message = {"role": row["role"], "name": row["name"], "parts": json.loads(row["parts"])}
        said[row["direction"]].append({key: value for key, value in message.items() if value is not None})
    system = said.pop("system", [])
    if len(system) == 1 and set(system[0]) == {"role", "parts"} and system[0]["role"] == "system":
        system = system[0]["parts"]
    lists = {f"gen_ai.{direction}.messages": listed for direction, listed in said.items()}
    if system:
        lists["gen_ai.system_instructions"] = system
    return {name: json.dumps(listed, ensure_ascii=False, separators=(",", ":")) for name, listed in lists.items()}


def _id(value: str, length: int) -> str:
    """Return an id as OTLP has it: hex of so many bytes; of any other id a hash, the same for the same id."""
    if not value or (re.fullmatch(rf"[0-9a-f]{{{2 * length}}}", value) and value.strip("0")):
        return value
    return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=length).hexdigest()


def _key_values(values: Row) -> list[Row]:
    return [{"key": key, "value": _any_value(value)} for key, value in values.items()]


def _any_value(value: Any) -> Row:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and value in INT64:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_any_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _key_values(value)}}
    return {} if value is None else {"stringValue": str(value)}
