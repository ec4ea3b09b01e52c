"""Attributes of the Vercel AI SDK, versions 4 to 6: `ai.generateText`, `ai.streamText.doStream`, `ai.toolCall`, ...

Source: https://ai-sdk.dev/docs/ai-sdk-core/telemetry.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Row
from agentlens.dialects.payloads import message_of, parse_text, read_input

NAME = "vercel_ai"

COLUMNS = {
    "ai.response.model": "response_model",
    "ai.model.id": "request_model",
    "ai.model.provider": "provider_name",
    "ai.usage.inputTokens": "input_tokens",
    "ai.usage.promptTokens": "input_tokens",
    "ai.usage.outputTokens": "output_tokens",
    "ai.usage.completionTokens": "output_tokens",
    "ai.usage.tokens": "input_tokens",
    "ai.usage.cachedInputTokens": "cache_read_input_tokens",
    "ai.usage.inputTokenDetails.cacheReadTokens": "cache_read_input_tokens",
    "ai.usage.inputTokenDetails.cacheWriteTokens": "cache_write_input_tokens",
    "ai.usage.reasoningTokens": "reasoning_output_tokens",
    "ai.usage.outputTokenDetails.reasoningTokens": "reasoning_output_tokens",
    "ai.response.finishReason": "response_finish_reasons",
    "ai.toolCall.name": "tool_name",
    "ai.toolCall.id": "tool_call_id",
    "ai.toolCall.args": "tool_call_arguments",
    "ai.toolCall.input": "tool_call_arguments",
    "ai.toolCall.result": "tool_call_result",
    "ai.toolCall.output": "tool_call_result",
    "ai.telemetry.metadata.sessionId": "conversation_id",
    "ai.telemetry.metadata.threadId": "conversation_id",
    "ai.telemetry.functionId": "agent_name",
}
INNER = ("doGenerate", "doStream", "doEmbed")
OUTER = ("ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject")


def applies(attributes: Row) -> bool:
    """Whether the span names its operation of the AI SDK."""
    return "ai.operationId" in attributes


def read_columns(attributes: Row, _name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`.

    `ai.generateText` is a run of one or more model calls, its usage their sum; the calls are the `.doGenerate` spans.
    """
    columns: Row = {}
    operation = attributes.get("ai.operationId")
    for key, column in COLUMNS.items():
        if key in attributes:
            columns.setdefault(column, attributes.pop(key))
    is_call = isinstance(operation, str) and operation.endswith(INNER)
    columns["operation_name"] = _operation(operation, is_call)
    if "input_tokens" in columns or "output_tokens" in columns:
        columns["usage_scope"] = "self" if is_call else "rollup"
    if is_call:
        _take_messages(columns, attributes)
    return {column: value for column, value in columns.items() if value is not None}


def _operation(operation: Any, is_call: bool) -> str | None:
    if operation == "ai.toolCall":
        return "execute_tool"
    if not is_call:
        return "invoke_agent" if operation in OUTER else None
    return "embeddings" if operation.endswith("doEmbed") else "chat"


def _take_messages(columns: Row, attributes: Row) -> None:
    prompt = attributes.pop("ai.prompt.messages", None)
    if prompt is not None and (messages := read_input(prompt)):
        columns["messages.input"] = messages
    text, calls = attributes.pop("ai.response.text", None), parse_text(attributes.pop("ai.response.toolCalls", None))
    parts = [{"type": "text", "content": text}] if isinstance(text, str) and text else []
    for call in calls if isinstance(calls, list) else []:
        message = message_of(call, "assistant")
        parts += message.get("parts", [call]) if isinstance(message, dict) else [call]
    if parts:
        columns["messages.output"] = [{"role": "assistant", "parts": parts}]
