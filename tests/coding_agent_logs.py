"""Small logs of Codex and pi, item by item, that tests of several files read."""

from __future__ import annotations

import json
from typing import Any

CODEX = (
    "rollout-2026-02-23T12-40-23-019c8a4c-ed82-79a1-aa28-7738fc5ab61a",
    "rollout-2026-02-23T12-41-04-019c8a4d-8f45-7010-8b5d-7fad920aa6f9",
    "rollout-2026-02-23T12-47-42-019c8a53-a0dd-7130-bcd7-95445d84846a",
    "rollout-2026-02-23T13-19-38-019c8a70-dda7-7f33-98ea-f30553347322",
)


META = {"id": "019a0000-0000-7000-8000-000000000001", "cwd": "/", "cli_version": "0.145.0", "model_provider": "openai"}
CHILD = {
    "id": "019b0000-0000-7000-8000-000000000002", "session_id": META["id"], "cwd": "/", "parent_thread_id": META["id"],
    "thread_source": "subagent", "agent_nickname": "Euler",
    "source": {"subagent": {"thread_spawn": {"parent_thread_id": META["id"], "depth": 1}}},
}  # fmt: skip


def rollout(*payloads: tuple[str, dict[str, Any]], start: int = 0) -> list[dict[str, Any]]:
    return [
        {"timestamp": f"2026-01-01T00:{start:02}:{second:02}Z", "type": kind, "payload": payload}
        for second, (kind, payload) in enumerate(payloads)
    ]


def token_count(inside: int, outside: int, last: tuple[int, int] | None = None) -> tuple[str, dict[str, Any]]:
    total = {"input_tokens": inside, "output_tokens": outside, "total_tokens": inside + outside}
    info = {"total_token_usage": total}
    if last:
        info["last_token_usage"] = {"input_tokens": last[0], "output_tokens": last[1], "total_tokens": sum(last)}
    return "event_msg", {"type": "token_count", "info": info}


def said(role: str, text: str) -> tuple[str, dict[str, Any]]:
    kind = "output_text" if role == "assistant" else "input_text"
    return "response_item", {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def called(call_id: str, name: str, arguments: Any) -> tuple[str, dict[str, Any]]:
    item = {"type": "function_call", "name": name, "arguments": json.dumps(arguments), "call_id": call_id}
    return "response_item", item


def answered(call_id: str, output: Any) -> tuple[str, dict[str, Any]]:
    return "response_item", {"type": "function_call_output", "call_id": call_id, "output": output}


def started(turn_id: str) -> tuple[str, dict[str, Any]]:
    return "event_msg", {"type": "task_started", "turn_id": turn_id}


def pi_entry(entry_id: str, parent: str | None, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "id": entry_id, "parentId": parent, "timestamp": "2026-01-01T00:00:00Z", **fields}


def pi_said(entry_id: str, parent: str | None, role: str, text: str) -> dict[str, Any]:
    content: Any = [{"type": "text", "text": text}]
    return pi_entry(entry_id, parent, message={"role": role, "content": content, "model": "m"})


PI_HEADER = {"type": "session", "version": 3, "id": "s", "timestamp": "2026-01-01T00:00:00Z", "cwd": "/"}
