"""Home-grown JSON lines as nobody would want to meet them: usual records, records with anything in any field, damage."""

from __future__ import annotations

import json
import random
from typing import Any

WORDS = [
    "", "x", "ok", "error", "Timed Out", "200", "7", "7.5", "-1", "2026-04-14T14:23:11.5Z", "2026-04-14 14:23:11", "2026-02-30T00:00:00Z",
    "1776176591", '{"a":1}', "é\u2028", "\ud800", "\x00", "<b>", "tool:grep", "system", "NaN", "true", "critical", "GraphInterrupt", "x" * 80,
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 7, 200, 404, 500, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**127, 1776176591500, 1776176591, 0.0, 1.5, -0.0, 1e300,
    1e-9, 0.1, 53.37, 0.1234567, 1776176591.25, float("nan"), float("inf"), True, False,
]  # fmt: skip
INNER = (
    "prompt", "text", "messages", "role", "content", "a", "b.c", "", "confidence", "name", "type", "input", "completion", "model",
    "cost_usd", "message", "0",
)  # fmt: skip
KEYS = (
    "timestamp", "ts", "time", "start_time", "end_time", "agent", "agent_id", "agent_name", "actor", "source", "action", "event", "type",
    "operation_name", "session_id", "thread_id", "input", "output", "prompt", "messages", "response", "tokens", "usage", "tokens.prompt",
    "duration_ms", "latency", "duration", "latency_s", "status", "level", "error", "error_message", "error.type", "error_type", "tool",
    "tool_name", "arguments", "result", "tool_call_id", "trace_id", "run_id", "span_id", "id", "parent_id", "parent_trace_id", "model",
    "cost", "from", "to", "message_id", "depth", "payload", "wave", "metadata", "zzz", "provider", "prompt_version", "input_tokens",
)  # fmt: skip
ACTIONS = ("draft", "llm_call", "tool:grep", "web_search", "invoke_agent", "plan", "note", "heartbeat", "agent_start")
STATUSES = ("ok", "error", "success", "weird", 200, 500, True, False, None, "timeout")


def lines(*records: Any) -> bytes:
    """Return records as JSON lines."""
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def hostile_log(seed: int, lines: int) -> bytes:
    """Return a log of about so many lines, some of them repeated, torn or no text at all."""
    dice = random.Random(seed)
    written = [_line(dice) for _ in range(lines)]
    written += dice.choices(written, k=lines // 10)
    dice.shuffle(written)
    end = dice.choice([b"\n", b"\r\n"])
    mark = b"\xef\xbb\xbf" if dice.random() < 0.3 else b""
    return mark + end.join(written) + dice.choice([end, b""])


def _line(dice: random.Random) -> bytes:
    separators = dice.choice([(",", ":"), (", ", ": ")])
    text = json.dumps(_record(dice), ensure_ascii=dice.random() < 0.5, separators=separators)
    line = text.encode("utf-8", "surrogatepass")
    damage = [
        line[: dice.randint(0, len(line))],
        line[:-1] + b',"action":"again"}',
        line.replace(b"a", b"\xff", 1),
        b" " + line + b"\t",
        line[:-1] + b',"x":1e400}',
    ]
    return dice.choice(damage) if dice.random() < 0.06 else line


def _record(dice: random.Random) -> Any:
    kind = dice.random()
    if kind < 0.4:
        return _usual(dice)
    if kind < 0.75:
        record = _usual(dice)
        for _ in range(dice.randint(1, 4)):
            if dice.random() < 0.7:
                record[dice.choice(KEYS)] = _anything(dice, 0)
            elif record:
                del record[dice.choice(list(record))]
        return record
    if kind < 0.97:
        return {dice.choice(KEYS): _anything(dice, 0) for _ in range(dice.randint(0, 14))}
    return _anything(dice, 0)


def _usual(dice: random.Random) -> dict[str, Any]:
    inputs = [
        "write it", {"prompt": f"hi {dice.randint(1, 9)}"}, {"tool": "x", "n": 3}, None, ["a", {"b": "c"}], {"role": "user", "content": "q"},
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]},
    ]  # fmt: skip
    outputs = [
        {"text": f"Dear {dice.randint(1, 99)}", "confidence": 0.9},
        "Dear all",
        None,
        {"text": "x", "data": {"a": [1]}, "ok": True},
    ]
    tokens = [
        {"prompt": 100, "completion": 20, "model": "gpt-4o-mini", "cost_usd": 0.002},
        {"prompt": 5, "cached": 1},
        {},
        None,
    ]
    record = {
        "timestamp": f"2026-04-14T14:23:{dice.randint(0, 59):02}.{dice.randint(0, 999):03}Z",
        "agent_id": dice.choice(["Apollo", "Athena"]),
        "session_id": f"s{dice.randint(1, 4)}",
        "action": dice.choice(ACTIONS),
        "input": dice.choice(inputs),
        "output": dice.choice(outputs),
        "tokens": dice.choice(tokens),
        "duration_ms": dice.choice([1500, 53.37, "5", None, 0.1234567]),
        "parent_trace_id": dice.choice([None, "w"]),
        "status": dice.choice(STATUSES),
        "metadata": {"retry_count": 2},
    }
    if record["action"] == "heartbeat" and dice.random() < 0.7:
        record |= {"input": None, "output": None, "tokens": None}
    own = {"trace_id": f"t{dice.randint(1, 3)}", "id": dice.randint(1, 10**6)}
    return record | {key: value for key, value in own.items() if dice.random() < 0.3}


def _anything(dice: random.Random, depth: int) -> Any:
    kind = dice.random()
    if kind < 0.4:
        return dice.choice(WORDS)
    if kind < 0.72 or depth == 3:
        return dice.choice(NUMBERS)
    if kind < 0.8:
        return None
    if kind < 0.88:
        return [_anything(dice, depth + 1) for _ in range(dice.randint(0, 3))]
    return {dice.choice(INNER): _anything(dice, depth + 1) for _ in range(dice.randint(0, 4))}
