"""OpenInference attributes (Arize Phoenix and its instrumentors).

Source: https://github.com/Arize-ai/openinference, spec/semantic_conventions.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agentlens._evidence import Row
from agentlens.dialects.payloads import read_input, read_output

NAME = "openinference"

COLUMNS = {
    "agent.name": "agent_name",
    "session.id": "conversation_id",
    "llm.provider": "provider_name",
    "llm.system": "provider_name",
    "llm.response.model_name": "response_model",
    "llm.model_name": "response_model",
    "llm.request.model_name": "request_model",
    "llm.token_count.prompt": "input_tokens",
    "llm.token_count.completion": "output_tokens",
    "llm.token_count.prompt_details.cache_read": "cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_write": "cache_write_input_tokens",
    "llm.token_count.completion_details.reasoning": "reasoning_output_tokens",
    "llm.cost.total": "reported_cost_usd",
    "llm.prompt_template.version": "prompt_version",
    "tool.name": "tool_name",
    "tool_call.function.name": "tool_name",
    "tool_call.id": "tool_call_id",
    "tool.id": "tool_call_id",
}
OPERATIONS = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "RETRIEVER": "retrieval",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
}
MACHINERY = frozenset({"agent", "tools", "call_model", "model"})
PLAIN = {"message.role", "message.content"}
MESSAGE_PREFIXES = {"llm.input_messages.": "messages.input", "llm.output_messages.": "messages.output"}


VALUES: tuple[tuple[str, str, Callable[[Any], list[Any] | None], str], ...] = (
    ("input.value", "messages.input", read_input, "user"),
    ("output.value", "messages.output", read_output, "assistant"),
)


def applies(attributes: Row) -> bool:
    """Whether the span says its OpenInference kind."""
    return "openinference.span.kind" in attributes


def read_columns(attributes: Row, name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`."""
    kind = attributes.pop("openinference.span.kind", None)
    columns: Row = {"operation_name": OPERATIONS.get(kind)} if isinstance(kind, str) else {}
    for key, column in COLUMNS.items():
        if key in attributes and columns.setdefault(column, attributes[key]) == attributes[key]:
            del attributes[key]
    columns.update(_take_messages(attributes))
    if kind == "AGENT" or "agent_name" not in columns:
        _name_agent(columns, attributes, name, kind)
    if kind == "TOOL":
        _read_tool(columns, attributes, name)
    if kind == "LLM":
        _read_plain_messages(columns, attributes)
    if "input_tokens" in columns or "output_tokens" in columns:
        columns["usage_scope"] = "self" if kind in ("LLM", "EMBEDDING") else "rollup"
    return columns


def _take_messages(attributes: Row) -> dict[str, Any]:
    """Take the numbered messages out of the attributes, as the columns that hold them."""
    taken: dict[str, dict[str, Row]] = {}
    for key in [key for key in attributes if key.startswith("llm.") and "_messages." in key]:
        for prefix, column in MESSAGE_PREFIXES.items():
            if key.startswith(prefix):
                number, _, path = key[len(prefix) :].partition(".")
                taken.setdefault(column, {}).setdefault(number, {})[path] = attributes.pop(key)
    return {column: _in_order(numbered) for column, numbered in taken.items()}


def _in_order(numbered: dict[str, Row]) -> Any:
    if not all(map(str.isdecimal, numbered)):
        return unflatten(
            {f"{number}.{path}" if path else number: v for number, flat in numbered.items() for path, v in flat.items()}
        )
    return [_message(numbered[number]) for number in sorted(numbered, key=int)]


def _message(flat: Row) -> Any:
    """Return one message; most have a role and text and nothing else."""
    if flat.keys() == PLAIN:
        return {"role": flat["message.role"], "content": flat["message.content"]}
    return flat[""] if flat.keys() == {""} else unflatten(flat)


def _name_agent(columns: Row, attributes: Row, name: str, kind: str | None) -> None:
    """Find the agent where instrumentors hide it: graph node, LangGraph checkpoint path, or the span's own name."""
    agent = columns.get("agent_name") or (attributes.get("graph.node.id") if kind == "AGENT" else None)
    agent = agent or _langgraph_agent(attributes.get("metadata"))
    if not agent and kind == "AGENT" and any(key.startswith("smolagents") for key in attributes):
        agent = name.removesuffix(".run")
    if agent:
        columns["agent_name"] = agent
    elif kind == "AGENT" and name not in MACHINERY:
        columns["operation_name"] = "invoke_workflow"
        columns["workflow_name"] = name


def _langgraph_agent(metadata: Any) -> str | None:
    """Return the last named node of `supervisor:uuid|agent:uuid`, machinery such as `agent` and `tools` left out."""
    if not isinstance(metadata, str) or "langgraph_checkpoint_ns" not in metadata:
        return None
    try:
        path = json.loads(metadata).get("langgraph_checkpoint_ns")
    except (ValueError, AttributeError, RecursionError):
        return None
    nodes = [step.partition(":")[0] for step in path.split("|")] if isinstance(path, str) else []
    named = [node for node in nodes if node and node not in MACHINERY and not node.startswith("__")]
    return named[-1] if named else None


def _read_tool(columns: Row, attributes: Row, name: str) -> None:
    columns.setdefault("tool_name", name)
    for key, column in {"input.value": "tool_call_arguments", "output.value": "tool_call_result"}.items():
        if key in attributes:
            columns.setdefault(column, attributes.pop(key))
    if "tool_call.function.arguments" in attributes:
        columns.setdefault("tool_call_arguments", attributes.pop("tool_call.function.arguments"))


def _read_plain_messages(columns: Row, attributes: Row) -> None:
    """Take messages from `input.value` and `output.value` where the message list is absent or tells less than they do.

    The OpenAI Agents instrumentor leaves tool calls and their results out of its lists.
    """
    for key, column, read, role in VALUES:
        value, listed = attributes.get(key), columns.get(column)
        if not isinstance(value, str):
            continue
        found = read(value) if listed is None or value[:1] == "[" else None
        if found and (
            not isinstance(listed, list) or len(found) > len(listed) or not all(map(_says_something, listed))
        ):
            columns[column] = found
        elif listed is None:
            columns[column] = [{"role": role, "content": attributes.pop(key)}]


def _says_something(message: Any) -> bool:
    if not isinstance(message, dict):
        return True
    inner = message["message"] if isinstance(message.get("message"), dict) else message
    return bool(inner.keys() - {"role"})


def unflatten(flat: Row) -> Any:
    """Return nested lists and objects from dotted keys: a numeric segment is a place in a list."""
    root: dict[str, Any] = {}
    for key, value in flat.items():
        node, *path = root, *key.split(".")
        for segment in path[:-1]:
            child = node.setdefault(segment, {})
            node = child if isinstance(child, dict) else node.setdefault(f"{segment}.", {})
        node[path[-1]] = value
    return _listed(root)


def _listed(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if node and all(key.isdecimal() for key in node):
        return [_listed(node[key]) for key in sorted(node, key=int)]
    return {key: _listed(value) for key, value in node.items()}
