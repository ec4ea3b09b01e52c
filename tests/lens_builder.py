"""A small plain way to make a lens for a test: steps are written as OTLP JSON lines and read as any log is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import agentlens as al
from agentlens import Lens

EPOCH_NS = 1_767_225_600_000_000_000  # 2026-01-01 00:00 UTC
OK, ERROR = 1, 2
Step = dict[str, Any]


def hex_id(text: str, digits: int = 16) -> str:
    """The id that stands for a readable name."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def step(
    name: str,
    parent: str | None = None,
    start: float | None = 0,
    end: float | None = 1,
    trace: str = "run",
    status: int | None = None,
    message: str | None = None,
    **attributes: Any,
) -> Step:
    """A span; `name` is its identity in the test, times are seconds, `a__b="x"` becomes the attribute `a.b`."""
    span: Step = {"traceId": hex_id(trace, 32), "spanId": hex_id(f"{trace}/{name}"), "name": name}
    if parent is not None:
        span["parentSpanId"] = hex_id(f"{trace}/{parent}")
    for key, seconds in (("startTimeUnixNano", start), ("endTimeUnixNano", end)):
        if seconds is not None:
            span[key] = str(EPOCH_NS + round(seconds * 1_000_000_000))
    if status is not None:
        span["status"] = {"code": status} | ({"message": message} if message else {})
    span["attributes"] = [
        {"key": _attribute_name(key), "value": _value(value)} for key, value in attributes.items() if value is not None
    ]
    return span


def _attribute_name(key: str) -> str:
    names = {"agent": "gen_ai.agent.name", "operation": "gen_ai.operation.name", "tool": "gen_ai.tool.name"}
    if key in names:
        return names[key]
    known = {
        "arguments": "gen_ai.tool.call.arguments",
        "result": "gen_ai.tool.call.result",
        "model": "gen_ai.request.model",
        "provider": "gen_ai.provider.name",
        "input_tokens": "gen_ai.usage.input_tokens",
        "output_tokens": "gen_ai.usage.output_tokens",
        "cache_read": "gen_ai.usage.cache_read.input_tokens",
        "cache_write": "gen_ai.usage.cache_write.input_tokens",
        "conversation": "gen_ai.conversation.id",
        "inputs": "gen_ai.input.messages",
        "outputs": "gen_ai.output.messages",
        "error_type": "error.type",
    }
    return known.get(key, key.replace("__", "."))


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else json.dumps(value)}


def agent(name: str, parent: str | None = None, start: float = 0, end: float | None = 100, **more: Any) -> Step:
    """A run of an agent; the agent is called `name` up to the first `#`."""
    return step(name, parent, start, end, operation="invoke_agent", agent=name.partition("#")[0], **more)


def tool(name: str, parent: str, start: float, end: float | None = None, **more: Any) -> Step:
    """A tool call; the tool is called `name` up to the first `#`, its arguments are `{}` unless given."""
    more.setdefault("arguments", {"q": "x"})
    return step(
        name,
        parent,
        start,
        start + 0.5 if end is None else end,
        operation="execute_tool",
        tool=name.partition("#")[0],
        **more,
    )


def call(name: str, parent: str | None = None, start: float = 0, end: float | None = None, **more: Any) -> Step:
    """A model call."""
    return step(name, parent, start, start + 0.5 if end is None else end, operation="chat", **more)


def said(text: str) -> list[dict[str, Any]]:
    """Messages of one assistant turn that says `text`."""
    return [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]


def read_steps(folder: Path, steps: Iterable[Step], **files: str) -> Lens:
    """The lens of some spans, and of further files given by name (`beats="..."`), read through the public door."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [each]}]}]}) for each in steps]
    if lines:
        (folder / "spans.jsonl").write_text("\n".join(lines) + "\n")
    for name, text in files.items():
        (folder / name).write_text(text)
    return al.read(folder, progress=False)
