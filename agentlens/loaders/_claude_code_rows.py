"""Writes the rows of Claude Code sessions: a span for each step, and the messages that hang on it."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.loaders._claude_code_fields import (
    REJECTED,
    Line,
    dict_of,
    rest_of,
    result_text,
    short_values,
    text_of,
    tool_use_of,
    usage_columns,
)
from agentlens.loaders._claude_code_memory import Call, Step, Thread, Tool, Turn, place_of
from agentlens.loaders._transcript import beginning, result_place

SERVICE = "claude-code"
IN_COLUMNS = frozenset({"content", "role", "type", "model", "usage", "stop_reason"})


def add_thread(into: Evidence, thread: Thread, line: Line) -> None:
    """Add the span of a session or a sub-agent; `line` is its first."""
    name = "session" if thread.agent_id is None else f"invoke_agent {thread.agent_name}"
    _add_span(
        into, thread, thread.span, name=name, operation_name="invoke_agent", agent_name=thread.agent_name,
        attributes=rest_of(line) | _usage_of_all_models(thread), **_total_columns(thread),
    )  # fmt: skip
    if thread.brief:
        into.add_span_messages(place_of(thread.span), thread.trace_id, thread.span.span_id, "input", [thread.brief])


def add_turn(into: Evidence, thread: Thread, turn: Turn, line: Line) -> None:
    """Add the span of a turn and the user text that began it."""
    _add_span(into, thread, turn, name=f"turn {turn.number}", attributes=rest_of(line))
    if turn.message:
        into.add_span_messages(place_of(turn), thread.trace_id, turn.span_id, "input", [turn.message])


def add_call(into: Evidence, thread: Thread, call: Call, line: Line) -> None:
    """Add the span of a model call; while it is the latest of its thread, also what it was shown and what it said."""
    columns: dict[str, Any] = usage_columns(call.usage)
    if columns:
        columns["usage_key"] = call.usage_key
    if call.error is not None:
        columns |= {"status_code": "ERROR", "status_message": call.error, "error_type": call.error_type}
    attributes = rest_of(line)
    message = dict_of(line.get("message"))
    kept = {key: value for key, value in message.items() if key not in IN_COLUMNS}
    attributes |= {"message": kept} if kept else {}
    attributes |= {"usage": call.usage} if call.usage else {}
    attributes |= {"gen_ai.response.id": kept["id"]} if text_of(kept.get("id")) else {}
    _add_span(
        into, thread, call, name=f"chat {call.model}" if call.model else "chat", operation_name="chat",
        provider_name="anthropic", response_model=call.model, reported_cost_usd=call.cost, attributes=attributes,
        response_finish_reasons=[call.finish_reason] if call.finish_reason else None, **columns,
    )  # fmt: skip
    if thread.open_call == call.span_id:
        into.add_span_messages(place_of(call), thread.trace_id, call.span_id, "input", thread.context[: thread.sent])
        into.add_span_messages(place_of(call), thread.trace_id, call.span_id, "output", thread.said)


def add_open_tool(into: Evidence, thread: Thread, tool: Tool, line: Line) -> None:
    """Add the span of a tool call that has no result yet."""
    use = tool_use_of(line, tool.span_id)
    _add_tool(into, thread, tool, use, _rest_of_use(use))


def add_answered_tool(
    into: Evidence, thread: Thread, tool: Tool, line: Line, block: Line, told: Any, place: Place
) -> None:
    """Add the span of a tool call with its result: `block`, and the tool's own record `told`, both at `place`."""
    use = tool_use_of(line, tool.span_id)
    rest = _rest_of_use(use) | result_place(place)
    shown = short_values(told) if isinstance(told, dict) else None
    rest |= {"toolUseResult": shown} if shown else {}
    result = result_text(block.get("content"))
    status = _status_columns(block.get("is_error"), result or "")
    _add_tool(into, thread, tool, use, rest, tool_call_result=result, **status)


def _status_columns(is_error: Any, result: str) -> dict[str, Any]:
    """Return the status of a tool call; where the log does not say, it stays unset."""
    if is_error is not True:
        return {"status_code": "OK"} if is_error is False else {}
    columns: dict[str, Any] = {"status_code": "ERROR", "status_message": beginning(result)}
    if result.startswith(REJECTED):
        columns |= {"error_type": "rejected by the user", "is_control_flow": True}
    return columns


def _rest_of_use(use: Line) -> Line:
    return {key: value for key, value in use.items() if key not in ("type", "id", "name", "input")}


def _add_tool(into: Evidence, thread: Thread, tool: Tool, use: Line, attributes: Line, **columns: Any) -> None:
    requested = {"requested_by": tool.requested_by} if tool.requested_by else {}
    _add_span(
        into, thread, tool, name=f"execute_tool {tool.name}", operation_name="execute_tool", tool_name=tool.name,
        tool_call_id=tool.span_id, tool_call_arguments=json_text(use["input"]) if "input" in use else None,
        attributes=requested | attributes, **columns,
    )  # fmt: skip


def _add_span(into: Evidence, thread: Thread, step: Step, **columns: Any) -> None:
    into.add_span(
        place_of(step), trace_id=thread.trace_id, span_id=step.span_id, parent_span_id=step.parent_id,
        agent_id=thread.agent_id, agent_version=step.version, conversation_id=thread.trace_id, service_name=SERVICE,
        start_time=step.start, end_time=step.end, **columns,
    )  # fmt: skip


def _usage_of_all_models(thread: Thread) -> dict[str, Any]:
    """Return what a print-mode log says of all models together, sub-agents included: `usage` beside it leaves them out."""
    names = {
        "inputTokens": "input_tokens", "outputTokens": "output_tokens", "cacheReadInputTokens": "cache_read_input_tokens",
        "cacheCreationInputTokens": "cache_creation_input_tokens",
    }  # fmt: skip
    total: dict[str, int] = {}
    for model in dict_of(dict_of(thread.totals).get("modelUsage")).values():
        said = {names[key]: value for key, value in dict_of(model).items() if key in names}
        for column, count in usage_columns(said).items():
            if count is not None:
                total[column] = total.get(column, 0) + count
    return {"log_usage": total} if total else {}


def _total_columns(thread: Thread) -> dict[str, Any]:
    """Return the totals a print-mode log ends with: they cover what stands below the session."""
    totals = thread.totals
    if totals is None:
        return {}
    columns = usage_columns(dict_of(totals.get("usage")))
    columns |= {"usage_scope": "rollup", "reported_cost_usd": totals.get("total_cost_usd")}
    if totals.get("is_error") is True:
        columns |= {"status_code": "ERROR", "error_type": totals.get("subtype")}
    return columns
