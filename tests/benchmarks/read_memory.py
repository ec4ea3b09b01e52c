"""Measures the memory that reading takes: a file of 2 GB, and a single line of 64 MB, of each line-based format.

    python tests/benchmarks/read_memory.py --folder /somewhere/with/space --gigabytes 2 otlp json_lines claude_code

Each file is synthesised, read into a lens on disk by a process of its own, and removed. The limit is 1.5 GB at the peak; more fails.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peak_memory import peak_memory

LIMIT = 1.5 * 2**30
WORDS = (
    "margin",
    "partner",
    "draft",
    "table",
    "review",
    "quarter",
    "ledger",
    "handoff",
    "budget",
    "packet",
    "wave",
    "deadline",
    "answer",
)
T0 = 1_776_176_591


def main() -> None:
    """Run the formats that are named; the process that reads is this script again."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("formats", nargs="+", choices=list(LINES))
    options.add_argument("--folder", type=Path, required=True)
    options.add_argument("--gigabytes", type=float, default=2.0)
    options.add_argument("--reading", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.reading:
        return _read(given.reading)
    given.folder.mkdir(parents=True, exist_ok=True)
    worst = 0.0
    for name in given.formats:
        worst = max(
            worst,
            _measure(given.folder, f"{name}, {given.gigabytes:g} GB", _lines(name, int(given.gigabytes * 2**30)), name),
        )
        worst = max(
            worst,
            _measure(given.folder, f"{name}, one line of 64 MB", [LINES[name](random.Random(1), 1, 64 * 2**20)], name),
        )
    sys.exit(1 if worst > LIMIT else 0)


def _lines(name: str, size: int) -> Iterator[str]:
    rng, written, number = random.Random(1), 0, 0
    while written < size:
        line = LINES[name](rng, number, rng.choice((200, 400, 800, 4000)))
        yield line
        written += len(line)
        number += 1


def _measure(folder: Path, title: str, lines: Any, name: str) -> float:
    """Write the lines to a file, read it in a process of its own, print and return its peak memory in bytes."""
    path = folder / f"{name}.jsonl"
    try:
        with path.open("w") as stream:
            stream.writelines(lines)
        command = [sys.executable, __file__, name, "--folder", str(folder), "--reading", str(path)]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, size = time.monotonic() - begun, path.stat().st_size
        peak, records = (int(word) for word in done.stdout.split())
        print(
            f"{title:32} {size / 2**20:8,.0f} MB  {records:10,} records  {seconds:6.0f} s  {size / 2**20 / seconds:6.1f} MB/s  peak {peak / 2**20:6,.0f} MB",
            flush=True,
        )
        return peak
    finally:
        for leftover in (path, path.with_suffix(".duckdb"), path.with_suffix(".duckdb.wal")):
            leftover.unlink(missing_ok=True)


def _read(path: Path) -> None:
    """Read a file into a lens; print the peak memory of this process in bytes, and the number of records."""
    import agentlens as al

    with al.read(path, into=path.with_suffix(".duckdb"), progress=False) as lens:
        [(records, unaccounted)] = lens.sql(
            "SELECT sum(accepted), sum(records - accepted - skipped) FROM sources"
        ).fetchall()
    if unaccounted:
        sys.exit(f"{unaccounted} records were not accepted")
    print(peak_memory(), records)


# --- one line of each format ------------------------------------------------------------------------------------------


def _text(rng: random.Random, size: int) -> str:
    sentence = " ".join(rng.choices(WORDS, k=min(size, 4000) // 7 + 1))
    return (sentence * (size // len(sentence) + 1))[:size]


def _otlp(rng: random.Random, number: int, size: int) -> str:
    start = T0 + number
    values: dict[str, dict[str, Any]] = {
        "gen_ai.operation.name": {"stringValue": "execute_tool"}, "gen_ai.tool.name": {"stringValue": "search"},
        "gen_ai.tool.call.id": {"stringValue": f"call_{number:012}"}, "gen_ai.tool.call.result": {"stringValue": _text(rng, size)},
    }  # fmt: skip
    span = {
        "traceId": f"{number // 1000:032x}".replace("0" * 32, "f" * 32), "spanId": f"{number + 1:016x}", "name": "search", "kind": 1,
        "parentSpanId": "" if number % 1000 == 0 else f"{number // 1000 * 1000 + 1:016x}", "startTimeUnixNano": f"{start}000000000",
        "endTimeUnixNano": f"{start + 1}000000000", "attributes": [{"key": key, "value": value} for key, value in values.items()], "status": {"code": 1},
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [span]}]}]}) + "\n"


def _json_lines(rng: random.Random, number: int, size: int) -> str:
    tokens = {"prompt": size // 4, "completion": 20, "model": "gpt-4o-mini", "cost_usd": 0.001}
    record = {
        "timestamp": T0 + number, "agent_id": f"agent {number % 9}", "session_id": f"s{number // 1000}", "action": "draft", "id": f"r{number}",
        "input": _text(rng, size), "output": {"text": _text(rng, 100), "confidence": 0.9}, "tokens": tokens, "duration_ms": 1500, "status": "success",
    }  # fmt: skip
    return json.dumps(record) + "\n"


def _claude_code(rng: random.Random, number: int, size: int) -> str:
    """Return a model call with one tool use, or what the tool gave back, in turn; a session has 150 calls, as real ones do."""
    session, step = f"5f0e7a52-0d1c-4c51-9a34-{number // 300:012}", number // 2
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(T0 + number))
    parent = None if number % 300 == 0 else f"u{number - 1}"
    line: dict[str, Any] = {
        "parentUuid": parent,
        "cwd": "/w",
        "sessionId": session,
        "version": "2.1.39",
        "uuid": f"u{number}",
        "timestamp": stamp,
    }
    if number % 2 == 0:
        usage = {
            "input_tokens": 10,
            "output_tokens": 50,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 100,
        }
        content: list[dict[str, Any]] = [
            {"type": "tool_use", "id": f"toolu_{step:020}", "name": "Bash", "input": {"command": _text(rng, 80)}}
        ]
        message = {
            "id": f"msg_{step:020}",
            "role": "assistant",
            "model": "claude-opus-4-6",
            "content": content,
            "usage": usage,
        }
        line |= {"type": "assistant", "requestId": f"req_{step:020}", "message": message}
    else:
        content = [
            {"type": "tool_result", "tool_use_id": f"toolu_{step:020}", "content": _text(rng, size), "is_error": False}
        ]
        line |= {"type": "user", "message": {"role": "user", "content": content}}
    return json.dumps(line) + "\n"


LINES = {"otlp": _otlp, "json_lines": _json_lines, "claude_code": _claude_code}

if __name__ == "__main__":
    main()
