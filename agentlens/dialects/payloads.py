"""Messages inside the requests and responses that platforms log as one value, in the shapes of the model providers."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens.dialects.messages import call_part, reasoning_part, result_part, text_part

LANGCHAIN_ROLES = {
    "HumanMessage": "user", "HumanMessageChunk": "user", "AIMessage": "assistant", "AIMessageChunk": "assistant",
    "SystemMessage": "system", "ToolMessage": "tool", "FunctionMessage": "tool",
    "human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "tool",
}  # fmt: skip
INPUT_KEYS = ("messages", "contents", "input", "prompts", "prompt")
OUTPUT_KEYS = ("messages", "output", "response", "text", "completion", "content")


def read_input(value: Any) -> list[Any] | None:
    """Return the messages of a request, in the order of the conversation; None when it holds none."""
    value = parse_text(value)
    if isinstance(value, dict) and "role" not in value:
        found = next((value[key] for key in INPUT_KEYS if value.get(key) not in (None, [], "")), None)
        return read_input(found) if found is not None else _only(value, "user")
    return _read(value, "user")


def read_output(value: Any) -> list[Any] | None:
    """Return the messages of a response; None when it holds none."""
    value = parse_text(value)
    if not isinstance(value, dict) or "role" in value:
        return _read(value, "assistant")
    if isinstance(choices := value.get("choices"), list):
        found = [choice.get("message", choice) for choice in choices if isinstance(choice, dict)]
        return _read(found, "assistant")
    if isinstance(candidates := value.get("candidates"), list):
        return _read([c.get("content") for c in candidates if isinstance(c, dict)], "assistant")
    if isinstance(generations := value.get("generations"), list):
        flat = [g for row in generations for g in (row if isinstance(row, list) else [row]) if isinstance(g, dict)]
        return _read([g.get("message") or g.get("text") or "" for g in flat], "assistant")
    if isinstance(value.get("message"), dict):
        return _read([value["message"]], "assistant")
    if isinstance(value.get("content"), dict):
        return _read([value["content"]], "assistant")
    if isinstance(value.get("content"), list):
        return [{"role": "assistant", "content": value["content"]}]
    said: Any = next((value[key] for key in OUTPUT_KEYS if value.get(key) not in (None, [], "")), None)
    return read_output(said) if said is not None else _only(value, "assistant")


def read_system(value: Any) -> Any:
    """Return the system instructions that a request names apart from its messages, or None."""
    value = parse_text(value)
    if not isinstance(value, dict):
        return None
    config: Any = value.get("config") if isinstance(value.get("config"), dict) else {}
    for found in (
        value.get("system"),
        value.get("instructions"),
        config.get("system_instruction"),
        value.get("system_instruction"),
    ):
        if found:
            return [gemini_part(p) for p in found["parts"]] if _has_parts(found) else found
    return None


def parse_text(value: Any) -> Any:
    """Return the value of JSON text that is an object, an array or a quoted text; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "[", '"'):
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
            return value
    return value


def message_of(item: Any, role: str) -> Any:
    """Return one message with a role, from a LangChain, Gemini, OpenAI Responses, Vercel or plain shape."""
    if not isinstance(item, dict):
        return {"role": role, "content": item} if isinstance(item, str) else item
    kind = item.get("type")
    if isinstance(item.get("kwargs"), dict) and isinstance(item.get("id"), list) and item["id"]:
        return _langchain_message(item["kwargs"], LANGCHAIN_ROLES.get(str(item["id"][-1]), role))
    if isinstance(item.get("data"), dict) and isinstance(kind, str):
        return _langchain_message(item["data"], LANGCHAIN_ROLES.get(kind, kind))
    if "role" not in item and isinstance(kind, str):
        if kind in LANGCHAIN_ROLES and "content" in item:
            return _langchain_message(item, LANGCHAIN_ROLES[kind])
        return _typed_item(item, kind, role)
    if "toolName" in item:
        arguments = item.get("input", item.get("args"))
        return {"role": role, "parts": [call_part(item.get("toolCallId"), item["toolName"], arguments)]}
    if _has_parts(item):
        return {**item, "role": item.get("role") or role, "parts": [gemini_part(part) for part in item["parts"]]}
    return item if "role" in item else {"role": role, **item}


def gemini_part(part: Any) -> Any:
    """Return a part of Gemini's as the conventions write it; a part that has a type stays as it is."""
    if not isinstance(part, dict) or "type" in part:
        return part
    for key, make in (
        ("function_call", _gemini_call),
        ("functionCall", _gemini_call),
        ("function_response", _gemini_result),
        ("functionResponse", _gemini_result),
    ):
        if isinstance(part.get(key), dict):
            return make(part[key])
    if isinstance(part.get("text"), str):
        return reasoning_part(part["text"]) if part.get("thought") is True else text_part(part["text"])
    return part


def _gemini_call(call: dict[str, Any]) -> dict[str, Any]:
    return call_part(call.get("id"), call.get("name"), call.get("args"))


def _gemini_result(result: dict[str, Any]) -> dict[str, Any]:
    return result_part(result.get("id"), result.get("response"))


def _read(value: Any, role: str) -> list[Any] | None:
    """Return the messages of a list, of a list of lists (LangChain's batches), of one message or of a text."""
    if isinstance(value, list):
        inner = [item for row in value for item in (row if isinstance(row, list) else [row])]
        return (
            [message_of(item, role) for item in inner]
            if inner and all(isinstance(i, (dict, str)) for i in inner)
            else None
        )
    if isinstance(value, dict):
        return [message_of(value, role)]
    return [{"role": role, "content": value}] if isinstance(value, str) and value else None


def _only(value: dict[str, Any], role: str) -> list[Any] | None:
    """Return an object as one message when it has the marks of a message, else None."""
    return [message_of(value, role)] if value.keys() & {"kwargs", "content", "parts", "tool_calls", "data"} else None


def _has_parts(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("parts"), list)


def _langchain_message(fields: dict[str, Any], role: str) -> dict[str, Any]:
    content, extra = fields.get("content"), fields.get("additional_kwargs")
    calls = fields.get("tool_calls") or (extra.get("tool_calls") if isinstance(extra, dict) else None)
    is_in_content = isinstance(content, list) and any(
        isinstance(p, dict) and p.get("type") == "tool_use" for p in content
    )
    message = {"role": role, "name": fields.get("name"), "content": content, "tool_call_id": fields.get("tool_call_id")}
    return message if is_in_content else {**message, "tool_calls": calls}


def _typed_item(item: dict[str, Any], kind: str, role: str) -> dict[str, Any]:
    """Return an item of OpenAI's Responses API, which has a type in place of a role."""
    if kind == "function_call":
        return {
            "role": "assistant",
            "parts": [call_part(item.get("call_id") or item.get("id"), item.get("name"), item.get("arguments"))],
        }
    if kind == "function_call_output":
        return {"role": "tool", "parts": [result_part(item.get("call_id"), item.get("output"))]}
    if kind == "reasoning":
        summary = item.get("summary") or item.get("content") or ""
        return {"role": "assistant", "parts": [reasoning_part(summary)]}
    if kind == "message":
        return {"role": role, **item}
    return {"role": role, "parts": [item]}
