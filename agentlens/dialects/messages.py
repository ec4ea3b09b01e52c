"""Messages of every dialect as the GenAI conventions write them: a role and a list of typed parts."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Message

ROLES = {"human": "user", "ai": "assistant", "model": "assistant", "function": "tool", "developer": "system"}
TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
REASONING_TYPES = frozenset({"thinking", "reasoning", "redacted_thinking"})
CALL_TYPES = frozenset({"tool_call", "tool_use", "toolCall", "function_call", "tool-call"})
RESULT_TYPES = frozenset({"tool_call_response", "tool_result", "toolResult", "function_call_output", "tool-result"})


def normalise_message(message: Any) -> Message:
    """Return (role, name, parts) of one message as any dialect logs it.

    Understood are GenAI `parts`, OpenAI `content` (text or list) with `tool_calls` and `tool_call_id`, Anthropic content
    blocks, OpenInference `{"message": {...}}` and a bare string. What is not understood becomes a part of its own type,
    whole: nothing is dropped.
    """
    if not isinstance(message, dict):
        return (
            None,
            None,
            [text_part(message)] if isinstance(message, str) else [{"type": "unknown", "content": message}],
        )
    if isinstance(message.get("message"), dict):
        message = message["message"]
    role = message.get("role") or message.get("type")
    role = ROLES.get(role, role) if isinstance(role, str) else None
    name = message.get("name")
    if isinstance(message.get("parts"), list):
        parts = [normalise_part(part) for part in message["parts"]]
    else:
        parts = _content_parts(message, role)
    return role, name if isinstance(name, str) and name else None, parts


def _content_parts(message: dict[str, Any], role: str | None) -> list[dict[str, Any]]:
    content = message.get("content", message.get("contents"))
    call_id = message.get("tool_call_id")
    if role == "tool" and call_id is not None and not _is_result_list(content):
        return [result_part(call_id, content)]
    reasoning = message.get("reasoning_content")
    parts = [reasoning_part(reasoning)] if isinstance(reasoning, str) and reasoning else []
    if isinstance(content, list):
        parts += [normalise_part(part) for part in content]
    elif content not in (None, ""):
        parts.append(text_part(content) if isinstance(content, str) else {"type": "unknown", "content": content})
    calls = message.get("tool_calls")
    parts += [normalise_part(call) for call in calls] if isinstance(calls, list) else []
    if isinstance(call := message.get("function_call"), dict):
        parts.append(call_part(call.get("id"), call.get("name"), call.get("arguments")))
    return parts


def _is_result_list(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(p, dict) and str(p.get("type")) in RESULT_TYPES for p in content
    )


def normalise_part(part: Any) -> dict[str, Any]:
    """Return one part in the conventions' shape; an unknown type is passed through whole."""
    if isinstance(part, str):
        return text_part(part)
    if not isinstance(part, dict):
        return {"type": "unknown", "content": part}
    if isinstance(part.get("tool_call"), dict):
        part = part["tool_call"]
    if isinstance(part.get("message_content"), dict):
        part = part["message_content"]
    kind = part.get("type")
    if kind is not None and not isinstance(kind, str):
        return {"type": "unknown", "content": part}
    if kind in TEXT_TYPES:
        return text_part(part.get("content", part.get("text")))
    if kind in REASONING_TYPES:
        return reasoning_part(part.get("content") or part.get("thinking") or part.get("text") or part.get("data") or "")
    if kind in RESULT_TYPES:
        return result_part(
            part.get("id", part.get("tool_use_id", part.get("call_id", part.get("toolCallId")))),
            part.get("response", part.get("result", part.get("content", part.get("output")))),
        )
    if kind in CALL_TYPES or isinstance(part.get("function"), dict):
        function = part["function"] if isinstance(part.get("function"), dict) else part
        arguments = function.get("arguments", function.get("input", function.get("args")))
        call_id = part.get("id", part.get("call_id", part.get("toolCallId")))
        return call_part(call_id, function.get("name", function.get("toolName")), arguments)
    if kind is None and isinstance(part.get("text"), str):
        return text_part(part["text"])
    return {"type": "unknown", **part} if not isinstance(kind, str) else part


def text_part(content: Any) -> dict[str, Any]:
    """Return a text part."""
    return {"type": "text", "content": content}


def reasoning_part(content: Any) -> dict[str, Any]:
    """Return a reasoning part."""
    return {"type": "reasoning", "content": content}


def call_part(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """Return a tool call part; arguments logged as JSON text are parsed, so that the same call has the same hash in every dialect."""
    if isinstance(arguments, str) and arguments[:1] in ("{", "["):
        try:
            arguments = msgspec.json.decode(arguments)
        except (msgspec.DecodeError, RecursionError):
            return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def result_part(call_id: Any, response: Any) -> dict[str, Any]:
    """Return the part that answers a tool call."""
    return {"type": "tool_call_response", "id": call_id, "response": response}
