"""Attributes of Claude Code's own OpenTelemetry export: `claude_code.interaction`, `.llm_request`, `.tool`, ...

Source: https://code.claude.com/docs/en/monitoring-usage. Its input tokens leave cached ones out; they are added here.
"""

from __future__ import annotations

from agentlens._evidence import Row

NAME = "claude_code_otel"

COLUMNS = {
    "model": "request_model",
    "agent_id": "agent_id",
    "subagent_type": "agent_name",
    "session.id": "conversation_id",
    "app.version": "agent_version",
    "request_id": "usage_key",
    "tool_name": "tool_name",
    "tool_use_id": "tool_call_id",
    "tool_input": "tool_call_arguments",
    "tool_parameters": "tool_call_arguments",
    "cost_usd": "reported_cost_usd",
    "stop_reason": "response_finish_reasons",
}
TOKENS = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_creation_tokens": "cache_write_input_tokens",
}
OPERATIONS = {
    "llm_request": "chat",
    "api_request": "chat",
    "api_error": "chat",
    "tool": "execute_tool",
    "tool_result": "execute_tool",
    "interaction": "invoke_agent",
}


def applies(attributes: Row) -> bool:
    """Whether the span says its Claude Code type, or bears the keys that only Claude Code uses together."""
    return str(attributes.get("span.type", attributes.get("event.name", ""))).removeprefix(
        "claude_code."
    ) in OPERATIONS and ("session.id" in attributes or "query_source" in attributes)


def read_columns(attributes: Row, name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`."""
    columns: Row = {}
    kind = str(attributes.get("span.type") or attributes.get("event.name") or name).removeprefix("claude_code.")
    for key, column in COLUMNS.items():
        if attributes.get(key) is not None:
            columns.setdefault(column, attributes.pop(key))
    columns["operation_name"] = OPERATIONS.get(kind)
    if columns["operation_name"] == "chat":
        columns["provider_name"] = "anthropic"
        _read_tokens(columns, attributes)
    return {column: value for column, value in columns.items() if value is not None}


def _read_tokens(columns: Row, attributes: Row) -> None:
    counts = {column: number for key, column in TOKENS.items() if (number := _count(attributes.get(key))) is not None}
    for key, column in TOKENS.items():
        if column in counts:
            del attributes[key]
    cached = counts.get("cache_read_input_tokens", 0) + counts.get("cache_write_input_tokens", 0)
    if "input_tokens" in counts:
        counts["input_tokens"] += cached
    columns.update(counts)
    if cost := columns.get("reported_cost_usd"):
        columns["reported_cost_usd"] = _number(cost)


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) < 18:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: object) -> object:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value
