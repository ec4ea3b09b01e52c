"""A made-up forest of spans, and a static page that mounts the built explorers on it.

The page is put together as a report is: state as JSON, bytes as base64 of zlib, one inline script whose hash the policy
names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

STATIC = Path(__file__).parents[2] / "agentlens" / "explorers" / "static"
AGENTS = ["", "orchestrator", "scout", "researcher", "analyst", "writer", "reviewer", "librarian", "courier", "planner"]
OPERATIONS = ["", "invoke_agent", "chat", "execute_tool", "invoke_workflow", "retrieval"]
TOOLS = ["", "web_search", "read_file", "write_file", "run_tests", "send_message"]
MODELS = ["", "claude-sonnet-4-5", "gpt-4.1-mini"]
HOSTILE = [
    "<img src=x onerror=window.__pwned=1>",
    "</script><script>window.__pwned=2</script>",
    "\x1b[31mred\x1b[0m \u202egnp.exe\u202c\nsecond line",
]
DTYPES = {"start": "f8", "duration": "f4", "end": "i4", "name": "u2", "agent": "u2", "operation": "u1", "tool": "u2",
          "model": "u2", "status": "u1", "tokens": "u4", "cost": "f4", "flags": "u2"}  # fmt: skip
EMPTY = {"duration": np.nan, "cost": np.nan, "status": 1}
WIRE = {"f8": "f64", "f4": "f32", "i4": "i32", "u4": "u32", "u2": "u16", "u1": "u8"}


@dataclass
class Forest:
    """Columns of a forest under construction, rows in depth-first pre-order."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in DTYPES})
    names: dict[str, int] = field(default_factory=lambda: {"": 0})
    traces: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.columns["start"])

    def open(self, name: str, start: float, agent: int = 0, operation: int = 0, **more: Any) -> int:
        """Adds a row that is not finished yet and says which one it is."""
        row = len(self)
        code = self.names.setdefault(name, len(self.names))
        given = {"start": start, "end": row + 1, "name": code, "agent": agent, "operation": operation} | more
        for column, values in self.columns.items():
            values.append(given.get(column, EMPTY.get(column, 0)))
        return row

    def close(self, row: int, end: float, finished: bool = True) -> None:
        """Ends a row and its subtree at `end` (ms)."""
        self.columns["end"][row] = len(self)
        if finished:
            self.columns["duration"][row] = end - self.columns["start"][row]
        else:
            self.columns["flags"][row] |= 2

    def mark_trace(self, row: int, label: str) -> None:
        """Notes that a trace runs from `row` to the last row so far."""
        trace_id = f"{len(self.traces):032x}"
        self.traces.append({"row": row, "end": len(self), "trace_id": trace_id, "label": label})

    def header(self, notes: list[str]) -> dict[str, Any]:
        """The `_header` trait."""
        offset, columns = 0, []
        for name, dtype in DTYPES.items():
            columns.append([name, WIRE[dtype], offset])
            size = len(self) * np.dtype(dtype).itemsize
            offset += size + -size % 8
        dictionaries = {
            "name": list(self.names),
            "agent": AGENTS,
            "operation": OPERATIONS,
            "tool": TOOLS,
            "model": MODELS,
        }
        return {"n": len(self), "columns": columns, "dictionaries": dictionaries, "origin_ms": 1776176591123.25,
                "traces": self.traces, "trace_count": len(self.traces), "notes": notes}  # fmt: skip

    def pack(self) -> bytes:
        """The `_columns` trait."""
        arrays = [np.asarray(self.columns[name], dtype).tobytes() for name, dtype in DTYPES.items()]
        return b"".join(raw + b"\0" * (-len(raw) % 8) for raw in arrays)


def add_step(forest: Forest, rng: random.Random, agent: int, at: float) -> float:
    """One step of an agent: a model call and some tool calls, with the plumbing under them. Says when it ended."""
    model = 1 + agent % 2
    chat = forest.open(
        f"chat {MODELS[model]}", at, agent, 2, model=model, tokens=rng.randint(900, 24000), cost=rng.random() / 9
    )
    http = forest.open("POST /v1/messages", at + 4)
    at += rng.expovariate(1 / 2600) + 300
    forest.close(http, at - 3)
    forest.close(chat, at)
    for _ in range(rng.choice([0, 1, 1, 2, 3])):
        tool = rng.randint(1, 5)
        failed = rng.random() < 0.015
        row = forest.open(f"execute_tool {TOOLS[tool]}", at + 3, agent, 3, tool=tool, status=2 if failed else 1)
        forest.columns["flags"][row] |= 4 if failed and rng.random() < 0.3 else 0
        at += rng.expovariate(1 / 900) + 20
        forest.close(row, at, finished=rng.random() > 0.004)
    return at + rng.expovariate(1 / 200)


def add_agent(forest: Forest, rng: random.Random, agent: int, at: float, steps: int) -> float:
    """One agent at work, sometimes failing."""
    row = forest.open(f"invoke_agent {AGENTS[agent]}", at, agent, 1, flags=16 if agent == 4 else 0)
    at += 20
    for _ in range(steps):
        at = add_step(forest, rng, agent, at)
    if rng.random() < 0.05:
        forest.columns["status"][row] = 2
    forest.close(row, at)
    return at


def add_wave(forest: Forest, rng: random.Random, number: int, at: float, steps: int) -> float:
    """A wave: every agent side by side under the orchestrator."""
    wave = forest.open(f"wave {number}", at, 1, 1)
    plan = forest.open("chat claude-sonnet-4-5", at + 5, 1, 2, model=1, tokens=3000, cost=0.02)
    forest.close(plan, at + 1800)
    ends = [add_agent(forest, rng, agent, at + 1800 + agent * 40, steps) for agent in range(2, len(AGENTS))]
    forest.close(wave, max(ends) + 100)
    return max(ends) + 100


def make_forest(spans: int = 100_000, waves: int = 14, traces: int = 1, seed: int = 7) -> Forest:
    """About `spans` spans (a little over), in `traces` traces of `waves` waves each."""
    rng = random.Random(seed)
    forest = Forest()
    at = 0.0
    steps = max(1, round(spans / traces / waves / 8 / 3.4))
    while len(forest) < spans or len(forest.traces) < traces:
        root = forest.open("incident review", at, 1, 4)
        for number in range(1, waves + 1):
            at = add_wave(forest, rng, number, at + 50, steps)
        forest.close(root, at)
        forest.mark_trace(root, f"run {len(forest.traces) + 1}")
        at += 60_000
        if len(forest.traces) >= traces:
            break
    return forest


def add_hostile(forest: Forest) -> None:
    """Appends a trace whose names try to be more than text."""
    start = forest.columns["start"][-1] + 60_000
    root = forest.open("hostile names", start, 1, 1)
    for at, name in enumerate(HOSTILE):
        row = forest.open(name, start + 10 * at, 1, 3, status=2)
        forest.close(row, start + 10 * at + 8)
    forest.close(root, start + 100)
    forest.mark_trace(root, HOSTILE[0])


def text_part(text: str, kind: str = "text", **more: str) -> dict[str, str]:
    """One part of a message."""
    return {"type": kind, "text": text} | more


def message(direction: str, position: int, role: str, *parts: dict[str, str], **more: str) -> dict[str, Any]:
    """One message of a call."""
    return {"direction": direction, "position": position, "role": role, "parts": list(parts)} | more


def make_messages(evil: str) -> list[dict[str, Any]]:
    """A conversation with a long first message, a tool call, its response, and hostile text in between."""
    long = "The brief asks for a market summary.\n\n" + "Collect sources, weigh them, and write two pages. " * 60
    arguments = '{"query":"q3 revenue","limit":10,"id":123456789012345678901234567890}'
    turns = [
        message("input", n, "assistant" if n % 2 else "user", text_part(f"turn {n} {evil}" if n else long))
        for n in range(9)
    ]
    response = text_part('{"rows":[1,2,3],"note":"' + "x" * 40 + '"}', "tool_call_response", id="call_7")
    answer = [
        text_part("I should search before I write.", "reasoning"),
        text_part("Searching for the numbers now."),
        text_part(arguments, "tool_call", name="web_search", id="call_7"),
    ]
    return [
        message("system", 0, "system", text_part("You are a careful analyst.")),
        *turns,
        message("input", 9, "tool", response),
        message("output", 0, "assistant", *answer, note="stopped: tool_call"),
    ]


def span_detail(row: int) -> dict[str, Any]:
    """A full answer to a click, with hostile text in every part."""
    evil = HOSTILE[0] + " " + HOSTILE[1]
    facts = {
        "agent": "analyst",
        "operation": "chat",
        "model": "claude-sonnet-4-5",
        "started": "2026-04-14 14:23:11.123250417 UTC",
        "duration": "2.418 s",
        "input tokens": "18,220 (17,000 from cache)",
        "output tokens": "412",
        "cost": "$0.0231",
        "hostile": evil,
    }
    summary = f"web_search was called 14 times with the same arguments. {evil}"
    raw = '{"name":' + json.dumps(evil) + "}"
    return {
        "title": f"span {row} {HOSTILE[2]}",
        "facts": list(map(list, facts.items())),
        "error": f"RateLimitError: 429 {evil}",
        "messages": make_messages(evil),
        "tool": {"arguments": '{"path":"/srv/a.md"}', "result": f"done {evil}"},
        "findings": [{"detector": "tool_loop", "severity": "critical", "tier": "proven", "summary": summary}],
        "attributes": '{"deployment.environment":"prod","x":' + json.dumps(evil) + "}",
        "source": {"path": f"logs/spans.jsonl {evil}", "line": 1204, "offset": 882311, "length": 2048, "raw": raw},
    }


def safe_json(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(value)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def data_script(name: str, raw: bytes) -> str:
    """A data block of the report: base64 of zlib."""
    return f'<script type="text/plain" id="{name}">{base64.b64encode(zlib.compress(raw, 6)).decode()}</script>'


def place(name: str, explorer: str, embedded: dict[str, Any], blobs: dict[str, bytes]) -> str:
    """One explorer's place, state and data blocks."""
    state = f'<script type="application/json" id="{name}-state">{safe_json(embedded)}</script>'
    host = f'<div id="{name}" data-explorer="{explorer}" data-state="{name}-state"></div>'
    return host + state + "".join(data_script(blob, raw) for blob, raw in blobs.items())


def build_page(body: str) -> str:
    """A whole page under the report's policy."""
    script = (STATIC / "report.js").read_text("utf-8")
    style = (STATIC / "report.css").read_text("utf-8")
    style = f":root{{color-scheme:light dark}}body{{margin:12px}}{style}"
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    policy = "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'"
    policy = policy.format(*digests)
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}"><title>explorers</title>'
    )
    head += f"<style>{style}</style>"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}<script>{script}</script></body></html>'


def tree_place(forest: Forest, details: int = 300, notes: list[str] | None = None, **state: Any) -> str:
    """The trace tree of a forest, with the details of its first rows."""
    spans = json.dumps({str(row): span_detail(row) for row in range(min(details, len(forest)))}).encode()
    embedded = {"state": {"_header": forest.header(notes or []), "_row": -1} | state,
                "binary": {"_columns": "tree-columns"}, "details": "tree-details"}  # fmt: skip
    return place("tree", "trace_tree", embedded, {"tree-columns": forest.pack(), "tree-details": spans})


def embedded_place(name: str, carried: Any) -> str:
    """An explorer's place as `Explorer.embed()` gives it."""
    blobs = {f"{name}-{trait.strip('_')}": content for trait, content in carried.binary.items()}
    embedded = {"state": carried.state, "binary": {trait: f"{name}-{trait.strip('_')}" for trait in carried.binary}}
    if carried.details:
        embedded["details"] = f"{name}-details"
        blobs[f"{name}-details"] = json.dumps(carried.details).encode()
    return place(name, carried.explorer, embedded, blobs)
