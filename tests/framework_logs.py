"""Small logs of agent frameworks that tests of several files read, and a way to twist them."""

from __future__ import annotations

import random
from typing import Any

TAU = {
    "task_id": 7, "trial": 1, "reward": 0.0, "info": {"source": "user"},
    "traj": [
        {"role": "system", "content": "be kind"}, {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "find", "arguments": '{"x": 1}'}},
            {"id": "b", "type": "function", "function": {"name": "buy", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "b", "name": "buy", "content": "bought"},
        {"role": "tool", "tool_call_id": "a", "name": "find", "content": "found"},
        {"role": "assistant", "content": "done"},
    ],
}  # fmt: skip


def adk_event(number: int, author: str, *parts: Any, **fields: Any) -> dict[str, Any]:
    role = "user" if author == "user" else "model"
    content = {"role": role, "parts": list(parts)}
    return {
        "id": f"e{number}",
        "invocationId": "i",
        "author": author,
        "timestamp": 1.7e9 + number,
        "content": content,
        **fields,
    }


TRANSACTION = {
    "event_id": "e1",
    "type": "transaction",
    "platform": "python",
    "transaction": "wave",
    "start_timestamp": 1700000000.0,
    "timestamp": "2023-11-14T22:13:30.5Z",
    "contexts": {
        "trace": {
            "trace_id": "t",
            "span_id": "a",
            "op": "gen_ai.invoke_agent",
            "status": "ok",
            "data": {"gen_ai.agent.name": "Atlas"},
        }
    },
    "spans": [
        {
            "span_id": "b",
            "parent_span_id": "a",
            "op": "gen_ai.chat",
            "description": "chat gpt-4o",
            "start_timestamp": 1700000001.0,
            "timestamp": 1700000002.0,
            "status": "internal_error",
            "data": {"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2},
        }
    ],
    "breadcrumbs": {
        "values": [
            {
                "timestamp": 1700000000.5,
                "category": "agent.dispatch",
                "message": "go",
                "data": {"from": "Atlas", "to": "Apollo"},
            },
            {"timestamp": 1700000000.7, "category": "http", "data": {"url": "x"}},
        ]
    },
}


def atif_step(number: int, source: str, message: Any, **fields: Any) -> dict[str, Any]:
    return {
        "step_id": number,
        "timestamp": f"2026-01-01T00:00:{number:02}Z",
        "source": source,
        "message": message,
        **fields,
    }


def trajectory(own: str, *steps: Any, **fields: Any) -> dict[str, Any]:
    agent = {"name": f"agent {own}", "version": "2", "model_name": "gpt-4o"}
    return {
        "schema_version": "ATIF-v1.7",
        "session_id": "s",
        "trajectory_id": own,
        "agent": agent,
        "steps": list(steps),
        **fields,
    }


DELEGATION = {
    "tool_calls": [{"tool_call_id": "c", "function_name": "delegate", "arguments": {"x": 1}}],
    "observation": {
        "results": [{"source_call_id": "c", "content": "ok", "subagent_trajectory_ref": [{"trajectory_id": "t2"}]}]
    },
    "metrics": {"prompt_tokens": 100, "completion_tokens": 10, "cached_tokens": 40, "cost_usd": 0.5},
}
INNER = trajectory("t2", atif_step(1, "agent", "hi", metrics={"prompt_tokens": 7, "completion_tokens": 3}))
OUTER = trajectory(
    "t1", atif_step(1, "system", "s"), atif_step(2, "user", "u"), atif_step(3, "agent", "a", **DELEGATION),
    final_metrics={"total_prompt_tokens": 100, "total_completion_tokens": 10},
)  # fmt: skip


# A valid log of each format, to be twisted or torn.
VALID: dict[str, Any] = {
    "a2a": {
        "id": "T",
        "contextId": "c",
        "status": {"state": "failed"},
        "kind": "task",
        "history": [{"role": "user", "parts": [{"text": "x"}]}],
    },
    "atif": OUTER | {"subagent_trajectories": [INNER]},
    "chat_list": TAU,
    "google_adk": {
        "id": "s",
        "appName": "a",
        "events": [adk_event(1, "a", {"functionCall": {"id": "f", "name": "n", "args": {}}}, actions={})],
    },
    "inspect": {
        "version": 2,
        "status": "error",
        "eval": {"task": "t"},
        "samples": [
            {
                "id": 1,
                "epoch": 1,
                "attachments": {},
                "model_usage": {"m": {}},
                "events": [
                    {"event": "span_begin", "id": "i", "type": "agent", "name": "n", "timestamp": "2026-01-01"},
                    {
                        "event": "model",
                        "model": "m",
                        "input_refs": [[0, 1]],
                        "output": {"choices": [{"message": {"role": "assistant"}}], "usage": {"input_tokens": 1}},
                    },
                    {"event": "tool", "function": "f", "error": {"type": "t"}, "events": []},
                ],
                "events_data": {"messages": [{"role": "user", "content": "x"}]},
            }
        ],
    },
    "langgraph": {
        "values": {
            "messages": [
                {
                    "type": "ai",
                    "id": "m",
                    "content": "x",
                    "tool_calls": [{"id": "c", "name": "n", "args": {}}],
                    "usage_metadata": {"input_tokens": 1},
                }
            ]
        },
        "next": ["n"],
        "config": {"configurable": {"thread_id": "t"}},
        "parent_config": {},
        "metadata": {"step": 1},
        "created_at": "2026",
        "tasks": [{"error": "e"}],
    },
    "sentry": TRANSACTION | {"exception": {"values": [{"type": "T"}]}},
    "smolagents": [
        {"task": "t"},
        {
            "step_number": 1,
            "timing": {"start_time": 1.0},
            "model_input_messages": [{"role": "user", "content": "x"}],
            "tool_calls": [{"id": "c", "function": {"name": "n"}}],
            "error": {"type": "e"},
            "model_output_message": {"tool_calls": []},
            "token_usage": {},
        },
    ],
}
STRANGE = (None, 7, -1, 1e308, True, "x", "\ud800", "<script>", [], {}, [[]], [None, 7], {"a": {}}, [{"role": 5}])


def twisted(value: Any, choose: random.Random) -> Any:
    """Return a value with one part, at any depth, replaced by something strange."""
    if choose.random() < 0.15 or not isinstance(value, (dict, list)) or not value:
        return choose.choice(STRANGE)
    if isinstance(value, dict):
        key = choose.choice(list(value))
        return {**value, key: twisted(value[key], choose)}
    index = choose.randrange(len(value))
    return [*value[:index], twisted(value[index], choose), *value[index + 1 :]]
