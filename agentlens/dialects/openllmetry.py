"""OpenLLMetry (Traceloop) attributes: indexed prompts and completions, and workflow, task, agent and tool spans.

Source: https://github.com/traceloop/openllmetry, `opentelemetry-semantic-conventions-ai`.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Row
from agentlens.dialects.openinference import unflatten

NAME = "openllmetry"

COLUMNS = {
    "gen_ai.usage.cache_read_input_tokens": "cache_read_input_tokens",
    "gen_ai.usage.cache_creation_input_tokens": "cache_write_input_tokens",
    "gen_ai.usage.reasoning_tokens": "reasoning_output_tokens",
    "llm.usage.reasoning_tokens": "reasoning_output_tokens",
    "traceloop.workflow.name": "workflow_name",
    "traceloop.association.properties.session_id": "conversation_id",
    "traceloop.association.properties.thread_id": "conversation_id",
    "traceloop.prompt.version": "prompt_version",
}
REQUESTS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings", "rerank": "retrieval"}
KINDS = {"workflow": "invoke_workflow", "agent": "invoke_agent", "tool": "execute_tool"}
PREFIXES = {"gen_ai.prompt.": "messages.input", "gen_ai.completion.": "messages.output"}


def applies(attributes: Row) -> bool:
    """Whether the span has Traceloop's own keys, or its indexed prompts or completions."""
    return any(
        key.startswith(("traceloop.", "gen_ai.prompt.0.", "gen_ai.completion.0.")) or key == "llm.request.type"
        for key in attributes
    )


def read_columns(attributes: Row, name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`."""
    columns: Row = {}
    for key, column in COLUMNS.items():
        if key in attributes:
            columns.setdefault(column, attributes.pop(key))
    _take_messages(columns, attributes)
    kind, entity = attributes.pop("traceloop.span.kind", None), attributes.get("traceloop.entity.name") or name
    request = attributes.pop("llm.request.type", None)
    if isinstance(request, str) and request in REQUESTS:
        columns["operation_name"] = REQUESTS[request]
    elif isinstance(kind, str) and kind in KINDS:
        columns["operation_name"] = KINDS[kind]
        if kind != "workflow":
            columns[f"{kind}_name"] = entity
        elif "workflow_name" not in columns:
            columns["workflow_name"] = entity
    if kind == "tool":
        _take_tool(columns, attributes)
    return columns


def _take_tool(columns: Row, attributes: Row) -> None:
    for key, column in {
        "traceloop.entity.input": "tool_call_arguments",
        "traceloop.entity.output": "tool_call_result",
    }.items():
        if key in attributes:
            columns[column] = attributes.pop(key)


def _take_messages(columns: Row, attributes: Row) -> None:
    """Take `gen_ai.prompt.0.role`, `gen_ai.prompt.0.content`, ... as messages, and finish reasons of completions."""
    for prefix, column in PREFIXES.items():
        indexed = [
            key for key in attributes if key.startswith(prefix) and key[len(prefix) :].partition(".")[0].isdecimal()
        ]
        messages = unflatten({key.removeprefix(prefix): attributes.pop(key) for key in indexed}) if indexed else []
        if not isinstance(messages, list) or not messages:
            continue
        columns[column] = [_with_role(message, column) for message in messages]
        reasons = [message.get("finish_reason") for message in messages if isinstance(message, dict)]
        if column == "messages.output" and any(reasons):
            columns["response_finish_reasons"] = [reason for reason in reasons if isinstance(reason, str)]


def _with_role(message: Any, column: str) -> Any:
    if not isinstance(message, dict):
        return {"role": "assistant" if column == "messages.output" else "user", "content": message}
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        message["tool_calls"] = [{"type": "tool_call", **call} if isinstance(call, dict) else call for call in calls]
    return {"role": "assistant" if column == "messages.output" else "user", **message}
