"""OpenTelemetry GenAI attributes, from semantic conventions 1.27 to the GenAI repository of 2026.

Source: https://github.com/open-telemetry/semantic-conventions-genai (attribute registry and its deprecated names).
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Row

NAME = "gen_ai"

# Attribute -> column. Where several attributes mean one column, the first in this order wins.
COLUMNS = {
    "gen_ai.operation.name": "operation_name",
    "gen_ai.agent.name": "agent_name",
    "agent_name": "agent_name",
    "gen_ai.agent.id": "agent_id",
    "gen_ai.agent.version": "agent_version",
    "gen_ai.conversation.id": "conversation_id",
    "gen_ai.workflow.name": "workflow_name",
    "gen_ai.provider.name": "provider_name",
    "gen_ai.system": "provider_name",
    "gen_ai.request.model": "request_model",
    "gen_ai.response.model": "response_model",
    "gen_ai.response.finish_reasons": "response_finish_reasons",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.prompt_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "gen_ai.usage.completion_tokens": "output_tokens",
    "gen_ai.usage.cache_read.input_tokens": "cache_read_input_tokens",
    "gen_ai.usage.details.cache_read_tokens": "cache_read_input_tokens",
    "gen_ai.usage.cache_write.input_tokens": "cache_write_input_tokens",
    "gen_ai.usage.cache_creation.input_tokens": "cache_write_input_tokens",
    "gen_ai.usage.details.cache_write_tokens": "cache_write_input_tokens",
    "gen_ai.usage.reasoning.output_tokens": "reasoning_output_tokens",
    "gen_ai.usage.details.reasoning_tokens": "reasoning_output_tokens",
    "gen_ai.usage.cost": "reported_cost_usd",
    "gen_ai.usage.total_cost": "reported_cost_usd",
    "operation.cost": "reported_cost_usd",
    "gen_ai.tool.name": "tool_name",
    "gen_ai.tool.call.id": "tool_call_id",
    "gen_ai.tool.call.arguments": "tool_call_arguments",
    "tool_arguments": "tool_call_arguments",
    "gen_ai.tool.call.result": "tool_call_result",
    "tool_response": "tool_call_result",
    "gen_ai.prompt.version": "prompt_version",
    "gen_ai.aggregated_usage.input_tokens": "rollup.input_tokens",
    "gen_ai.aggregated_usage.output_tokens": "rollup.output_tokens",
    "gen_ai.aggregated_usage.cache_read.input_tokens": "rollup.cache_read_input_tokens",
    "gen_ai.aggregated_usage.cache_write.input_tokens": "rollup.cache_write_input_tokens",
    "gen_ai.aggregated_usage.cache_creation.input_tokens": "rollup.cache_write_input_tokens",
    "gen_ai.aggregated_usage.reasoning.output_tokens": "rollup.reasoning_output_tokens",
    "gen_ai.input.messages": "messages.input",
    "gen_ai.output.messages": "messages.output",
    "gen_ai.system_instructions": "messages.system",
    "agentlens.usage.key": "usage_key",
    "gen_ai.prompt": "messages.input",
    "gen_ai.completion": "messages.output",
}
RANK = {key: rank for rank, key in enumerate(COLUMNS)}
OPERATIONS = {
    "call_llm": "chat",
    "agent": "invoke_agent",
    "completion": "text_completion",
    "execute_agent": "invoke_agent",
}
MODEL_OPERATIONS = frozenset({"chat", "generate_content", "text_completion", "embeddings"})

# What the conventions have no words for, as `agentlens export --to otlp` writes it.
OWN_SCOPE = "agentlens.usage.scope"
SCOPES = ("self", "rollup", "cumulative")

# Messages logged as events of the span (conventions 1.28 to 1.36): event name -> direction and role.
EVENTS = {
    "gen_ai.system.message": ("input", "system"),
    "gen_ai.user.message": ("input", "user"),
    "gen_ai.assistant.message": ("input", "assistant"),
    "gen_ai.tool.message": ("input", "tool"),
    "gen_ai.choice": ("output", "assistant"),
}
# Content logged as one event (conventions 1.27, and 1.37 on): event name -> attribute -> direction.
CONTENT_EVENTS = {
    "gen_ai.content.prompt": {"gen_ai.prompt": "input"},
    "gen_ai.content.completion": {"gen_ai.completion": "output"},
    "gen_ai.client.inference.operation.details": {
        "gen_ai.input.messages": "input",
        "gen_ai.output.messages": "output",
        "gen_ai.system_instructions": "system",
    },
}
# All message events of a call, or of a whole run, in one attribute (pydantic-ai with Logfire).
EVENT_LISTS = ("events", "all_messages_events")


def applies(attributes: Row) -> bool:
    """Whether any attribute is of the conventions."""
    return any(key.startswith("gen_ai.") for key in attributes)


def read_columns(attributes: Row, _name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`.

    Keys `messages.input`, `messages.output` and `messages.system` hold messages as logged.
    """
    columns: Row = {}
    keys = [key for key in attributes if key in RANK]
    for key in sorted(keys, key=RANK.__getitem__):
        value = attributes[key]
        if columns.setdefault(COLUMNS[key], value) == value:
            del attributes[key]
    for key in EVENT_LISTS:
        if key in attributes and (messages := _event_list(attributes[key])):
            columns = {**messages, **columns}
            del attributes[key]
    operation = columns.get("operation_name")
    if isinstance(operation, str):
        columns["operation_name"] = OPERATIONS.get(operation, operation)
    _settle_usage(columns)
    if attributes.get(OWN_SCOPE) in SCOPES and columns.get("usage_scope"):
        columns["usage_scope"] = attributes.pop(OWN_SCOPE)
    return columns


def _settle_usage(columns: Row) -> None:
    rollup = {key.removeprefix("rollup."): columns.pop(key) for key in list(columns) if key.startswith("rollup.")}
    if "input_tokens" in columns or "output_tokens" in columns:
        operation = columns.get("operation_name")
        is_call = operation is None or (isinstance(operation, str) and operation in MODEL_OPERATIONS)
        columns["usage_scope"] = "self" if is_call else "rollup"
    elif rollup:
        columns.update(rollup, usage_scope="rollup")


def event_message(name: str, attributes: Row) -> tuple[str, Any] | None:
    """Return (direction, message as logged) of a message event, or None for any other event."""
    if name not in EVENTS:
        return None
    direction, role = EVENTS[name]
    message = _parsed(attributes.get("message"))
    if isinstance(message, str):
        message = {"content": message}
    said = message if isinstance(message, dict) else attributes
    return direction, {
        "role": role,
        **{key: _parsed(value) if key == "tool_calls" else value for key, value in said.items()},
    }


def event_content(name: str, attributes: Row) -> dict[str, Any]:
    """Return the messages, by direction and as logged, of an event that carries all of them at once."""
    return {
        way: attributes[key] for key, way in CONTENT_EVENTS.get(name, {}).items() if attributes.get(key) is not None
    }


def _event_list(logged: Any) -> Row:
    """Return columns of messages from a list of message events; a run that ends with an answer has it as output."""
    events = _parsed(logged)
    messages: dict[str, list[Any]] = {}
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and (found := event_message(str(event.get("event.name")), event)):
            messages.setdefault(f"messages.{found[0]}", []).append(found[1])
    said = messages.get("messages.input", [])
    if said and "messages.output" not in messages and said[-1].get("role") == "assistant":
        messages["messages.output"] = [said.pop()]
    return messages


def _parsed(value: Any) -> Any:
    """Return the JSON value of text that holds a list or an object, anything else as it is."""
    if not isinstance(value, str) or value[:1] not in ("[", "{"):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value
