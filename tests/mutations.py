"""Damaged and hostile variants of log files: bytes, lines and JSON values changed at random, each reproducible from its seed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

LARGEST = 16 * 1024
NUMBERS = [
    0,
    -1,
    1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    2**64,
    10**40,
    -(10**40),
    0.5,
    -0.0,
    1e308,
    1e400,
    float("nan"),
    float("-inf"),
]
TEXTS = [
    "", " ", "\x00", "\ud800", "’\u202e", "<script>alert(1)</script>", "'; DROP TABLE spans; --", "../../etc/passwd", "9" * 400, "a" * 5000,
    "NaN", "null", "true", "[]", "{}", '{"a":', "[" * 300, "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999+14:00",
    "2026-01-01T00:00:00", "1e999", "0x10", "١٢٣", "-1", "\r\n", "|", "# aider chat started at ", "```", "---", "…", "...[truncated]",
]  # fmt: skip
# Formats of which no sample is at hand, or none that shows everything.
SEEDS: dict[str, list[Any]] = {
    "heartbeat": ["Wave 14 | 2026-04-14 14:23:11\nAgents:\n  Apollo: COMPLETE (3 drafts saved)\n  Athena: BLOCKED (waits)\nNext: wave 15\n"],
    "tempo": [
        {"batches": [{"resource": {"attributes": []}, "instrumentationLibrarySpans": [{"spans": [
            {"traceId": "CvdlGRbNQ92ESOuyHIAxnA==", "spanId": "t61rcWkgMzE=", "name": "chat", "startTimeUnixNano": 1776176591000000000,
             "attributes": [{"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}], "status": {}}]}]}]},
    ],
    "atif": [
        {"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {"name": "a", "version": "1", "model_name": "m"}, "steps": [
            {"step_id": 1, "source": "user", "message": "hi", "timestamp": "2026-04-14T14:00:00Z"},
            {"step_id": 2, "source": "agent", "message": "ok", "tool_calls": [{"tool_call_id": "c1", "function_name": "f", "arguments": {"x": 1}}],
             "observation": {"results": [{"source_call_id": "c1", "content": "y"}]}, "metrics": {"prompt_tokens": 5, "completion_tokens": 2}}]},
    ],
    "manifest": [
        "# team\nagents:\n  - id: atlas\n    role: lead\n    model: m\n    tools: [read, {name: grep}]\n    budget: {usd: 5}\n  - &base\n    id: apollo\n"
        "    reports_to: atlas\n  - <<: *base\n    id: athena\ndelegations:\n  - {from: atlas, to: [apollo, athena], when: always}\n",
        {"agents": [{"id": "atlas", "model": "m", "budget": {"usd": 1}}]},
    ],
    "status_json": [
        {"pid": 12, "parent_heartbeat": "x", "role": "atlas", "started": "2026-04-14T14:00:00Z", "status": "running"},
        {"wave": 14, "timestamp": 1776176591, "agents": {"Apollo": "COMPLETE", "Athena": {"status": "blocked", "detail": "waits"}}, "next": "ask"},
        {"wave": 15, "agents": [{"name": "Apollo", "status": "done"}]},
    ],
    "managed_agents": [
        {"data": [
            {"type": "session.thread_status_running", "id": "e1", "processed_at": "2026-04-14T14:00:00Z", "session_thread_id": "t1", "agent_name": "Atlas"},
            {"type": "user.message", "id": "e2", "processed_at": "2026-04-14T14:00:01Z", "content": [{"type": "text", "text": "go"}]},
            {"type": "span.model_request_start", "id": "e3", "processed_at": "2026-04-14T14:00:02Z"},
            {"type": "agent.tool_use", "id": "e4", "processed_at": "2026-04-14T14:00:03Z", "name": "bash", "input": {"command": "ls"}, "evaluated_permission": "ask"},
            {"type": "session.thread_created", "id": "e5", "processed_at": "2026-04-14T14:00:03Z", "session_thread_id": "t2", "agent_name": "Apollo"},
            {"type": "agent.thread_message_sent", "id": "e6", "processed_at": "2026-04-14T14:00:03Z", "to_session_thread_id": "t2", "to_agent_name": "Apollo",
             "content": [{"type": "text", "text": "draft"}]},
            {"type": "span.model_request_end", "id": "e7", "processed_at": "2026-04-14T14:00:04Z", "model_request_start_id": "e3", "is_error": False,
             "model_usage": {"input_tokens": 2, "output_tokens": 5, "cache_read_input_tokens": 7, "cache_creation_input_tokens": 1}},
            {"type": "user.tool_confirmation", "id": "e8", "processed_at": "2026-04-14T14:00:05Z", "tool_use_id": "e4", "result": "deny", "deny_message": "no"},
            {"type": "agent.tool_result", "id": "e9", "processed_at": "2026-04-14T14:00:06Z", "tool_use_id": "e4", "is_error": True,
             "content": [{"type": "text", "text": "denied"}]},
            {"type": "agent.thread_message_received", "id": "e10", "processed_at": "2026-04-14T14:00:07Z", "from_session_thread_id": "t2",
             "from_agent_name": "Apollo", "content": [{"type": "text", "text": "done"}]},
            {"type": "session.error", "id": "e11", "processed_at": "2026-04-14T14:00:08Z",
             "error": {"type": "model_overloaded_error", "message": "busy", "retry_status": {"type": "exhausted"}}},
            {"type": "user.message", "id": "e12", "processed_at": None, "content": [{"type": "text", "text": "and?"}]}]},
    ],
    "otlp_logs": [
        {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {"name": "s"}, "logRecords": [
            {"timeUnixNano": "1776176591000000000", "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
             "body": {"kvlistValue": {"values": [{"key": "content", "value": {"stringValue": "hi"}}]}},
             "attributes": [{"key": "event.name", "value": {"stringValue": "gen_ai.choice"}}]}]}]}]},
    ],
    "sentry": [
        {"event_id": "a" * 32, "platform": "python", "timestamp": 1776176591.5, "start_timestamp": 1776176590, "transaction": "run",
         "contexts": {"trace": {"trace_id": "b" * 32, "span_id": "c" * 16, "op": "gen_ai.invoke_agent", "status": "ok"}},
         "spans": [{"span_id": "d" * 16, "parent_span_id": "c" * 16, "op": "gen_ai.chat", "start_timestamp": 1, "timestamp": 2, "data": {"gen_ai.usage.input_tokens": 5}}],
         "breadcrumbs": {"values": [{"timestamp": 1776176590, "category": "agent", "message": "x"}]},
         "exception": {"values": [{"type": "E", "value": "v"}]}},
    ],
    "json_lines": [
        {"timestamp": "2026-04-14T14:23:11Z", "agent_id": "Apollo", "session_id": "s", "action": "draft", "input": "x", "output": {"text": "y", "confidence": 0.9},
         "tokens": {"prompt": 10, "completion": 2, "model": "m", "cost_usd": 0.1}, "duration_ms": 5, "status": "success"},
        {"message_id": "m1", "from": "a", "to": "b", "depth": 1, "payload": {"x": 1}, "timestamp": 1776176591},
    ],
}  # fmt: skip
Mutation = Callable[[random.Random, bytes], bytes]


def seeds() -> list[tuple[str, bytes]]:
    """Return (name of the loader, file) for every seed."""
    return [
        (name, seed.encode() if isinstance(seed, str) else json.dumps(seed).encode())
        for name, group in SEEDS.items()
        for seed in group
    ]


def corpus(*folders: Path) -> list[tuple[Path, bytes]]:
    """Return every file below the folders; what is long is cut after a whole line, so that many variants can be tried."""
    found = []
    for path in sorted(file for folder in folders for file in folder.rglob("*") if file.is_file()):
        data = path.read_bytes()
        if len(data) > LARGEST and _is_lines(data):
            cut = data[:LARGEST]
            data = cut[: cut.rfind(b"\n") + 1] or cut
        found.append((path, data))
    return found


def mutate(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """Return a variant of a file: one to four random changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if rng.random() < 0.55 and data[:1] in (b"{", b"["):
            data = _change_json(rng, data)
        elif rng.random() < 0.06:
            data = _splice(rng, data, rng.choice(others))
        else:
            data = rng.choice(BYTE_MUTATIONS)(rng, data)
    return data


def _is_lines(data: bytes) -> bool:
    return b"\x00" not in data[:4096] and 0 < data.find(b"\n") < LARGEST and data[:1] != b"["


def _span(rng: random.Random, size: int) -> tuple[int, int]:
    start = rng.randrange(size + 1)
    return start, min(size, start + rng.choice((1, 2, 4, 16, 64, 512, 4096)))


def _flip(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 8, 32)) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.choice((0, 10, 34, 44, 58, 91, 123, 125, 255, rng.randrange(256)))
    return bytes(changed)


def _delete(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, len(data))
    return data[:start] + data[end:]


def _repeat(rng: random.Random, data: bytes) -> bytes:
    start, end = _span(rng, len(data))
    return data[:end] + data[start:end] * rng.choice((1, 2, 20)) + data[end:]


def _insert(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    text = rng.choice(
        (
            rng.choice(TEXTS).encode("utf-8", "surrogatepass"),
            rng.randbytes(rng.choice((1, 4, 50))),
            b"[" * 500,
            b"\xff\xfe",
            b"\xef\xbb\xbf",
        )
    )
    return data[:at] + text + data[at:]


def _cut(rng: random.Random, data: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] if rng.random() < 0.7 else data[at:]


def _shuffle_lines(rng: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    action = rng.choice(("swap", "drop", "double", "blank", "indent"))
    if action == "swap":
        lines[first], lines[second] = lines[second], lines[first]
    elif action == "drop":
        del lines[first]
    elif action == "double":
        lines.insert(second, lines[first])
    else:
        lines[first] = b"" if action == "blank" else b"    " + lines[first]
    return b"\n".join(lines)


def _change_number(rng: random.Random, data: bytes) -> bytes:
    found = list(re.finditer(rb"\d+", data[: 1 << 16]))
    if not found:
        return data
    match = rng.choice(found)
    return data[: match.start()] + str(rng.choice(NUMBERS)).encode() + data[match.end() :]


BYTE_MUTATIONS: list[Mutation] = [_flip, _delete, _repeat, _insert, _cut, _shuffle_lines, _change_number]


def _splice(rng: random.Random, data: bytes, other: bytes) -> bytes:
    start, end = _span(rng, len(other))
    at = rng.randrange(len(data) + 1)
    return data[:at] + other[start:end] + data[at:]


# --- JSON -------------------------------------------------------------------------------------------------------------


def _change_json(rng: random.Random, data: bytes) -> bytes:
    """Change values inside one line of JSON lines, or inside the whole document."""
    lines = data.split(b"\n")
    index = rng.randrange(len(lines))
    try:
        lines[index] = _dump(rng, _change_value(rng, json.loads(lines[index])))
        return b"\n".join(lines)
    except (ValueError, RecursionError):
        pass
    try:
        return _dump(rng, _change_value(rng, json.loads(data)))
    except (ValueError, RecursionError):
        return data


def _dump(rng: random.Random, value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")


def _change_value(rng: random.Random, root: Any) -> Any:
    holders = [
        (holder, key)
        for holder in _containers(root)
        for key in (holder if isinstance(holder, dict) else range(len(holder)))
    ]
    if not holders:
        return _odd_value(rng, root)
    holder, key = rng.choice(holders)
    action = rng.random()
    if action < 0.2:
        del holder[key]
    elif action < 0.3 and isinstance(holder, dict):
        holder[rng.choice((*TEXTS[:8], str(key).upper()))] = holder.pop(key)
    elif action < 0.45:
        other, other_key = rng.choice(holders)
        holder[key] = json.loads(json.dumps(other[other_key])) if other is not holder else None
    else:
        holder[key] = _odd_value(rng, holder[key])
    return root


def _containers(root: Any) -> list[Any]:
    found, stack = [], [root]
    while stack and len(found) < 2000:
        value = stack.pop()
        if isinstance(value, (dict, list)):
            found.append(value)
            stack += value.values() if isinstance(value, dict) else value
    return found


def _odd_value(rng: random.Random, value: Any) -> Any:
    return rng.choice(
        (
            None,
            True,
            False,
            [],
            {},
            [value],
            {"type": value},
            [[]],
            [None],
            [value] * 3,
            rng.choice(NUMBERS),
            rng.choice(TEXTS),
            str(value)[:200],
            _deep(rng),
            [1, "a", {}],
        )
    )


def _deep(rng: random.Random) -> Any:
    value: Any = "deep"
    for _ in range(rng.choice((5, 70, 300))):
        value = [value] if rng.random() < 0.5 else {"content": value}
    return value
