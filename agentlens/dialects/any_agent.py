"""Attributes that any-agent adds to the GenAI conventions: `gen_ai.output`, `gen_ai.tool.args` and split costs.

Source: https://github.com/mozilla-ai/any-agent, `any_agent/tracing/attributes.py`.
"""

from __future__ import annotations

import json
from typing import Any

from agentlens._evidence import Row
from agentlens.dialects.messages import call_part

NAME = "any_agent"


def applies(attributes: Row) -> bool:
    """Whether the span has what only any-agent writes."""
    return "gen_ai.output" in attributes or "any_agent.version" in attributes


def read_columns(attributes: Row, _name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`."""
    columns: Row = {}
    if attributes.get("gen_ai.operation.name") == "execute_tool":
        _move(attributes, "gen_ai.tool.args", columns, "tool_call_arguments")
        _move(attributes, "gen_ai.output", columns, "tool_call_result")
    elif "gen_ai.output" in attributes:
        columns["messages.output"] = [_output_message(attributes.pop("gen_ai.output"))]
    costs = [attributes.get(key) for key in ("gen_ai.usage.input_cost", "gen_ai.usage.output_cost")]
    known = [cost for cost in costs if isinstance(cost, (int, float)) and not isinstance(cost, bool)]
    if known:
        columns["reported_cost_usd"] = sum(known)
    return columns


def _move(attributes: Row, key: str, columns: Row, column: str) -> None:
    if key in attributes:
        columns[column] = attributes.pop(key)


def _output_message(output: Any) -> Row:
    """Return the answer of the model: text, or a JSON list of `{"tool.name", "tool.args"}`."""
    try:
        calls = json.loads(output) if isinstance(output, str) and output[:1] == "[" else None
    except (ValueError, RecursionError):
        calls = None
    if not isinstance(calls, list) or not all(isinstance(call, dict) and "tool.name" in call for call in calls):
        return {"role": "assistant", "content": output}
    parts = [call_part(call.get("tool.call.id"), call["tool.name"], call.get("tool.args")) for call in calls]
    return {"role": "assistant", "parts": parts}
