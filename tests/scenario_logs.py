"""Writes made runs in three log formats: OTLP with GenAI attributes, console spans with OpenInference attributes, home-grown JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lens_builder import ERROR, OK, hex_id, read_steps
from lens_builder import step as otlp_step
from scenarios import Run, Step, stamp

from agentlens import Lens

OPERATIONS = {"agent": "invoke_agent", "tool": "execute_tool", "call": "chat"}
KINDS = {"agent": "AGENT", "tool": "TOOL", "call": "LLM"}


def write_otlp(steps: list[Step], folder: Path) -> None:
    """OTLP JSON lines, GenAI conventions."""
    lines = []
    for step in steps:
        status = ERROR if step.get("error") else OK if step.get("ok") else None
        attributes: dict[str, Any] = {
            "operation": OPERATIONS[step["kind"]],
            "agent": step["agent"],
            "error_type": step.get("error_type"),
        }
        if step["kind"] == "tool":
            attributes |= {"tool": step["name"], "arguments": step["arguments"], "result": step.get("result")}
        if step["kind"] == "call":
            attributes |= {
                "inputs": _genai(step["heard"]) if step["heard"] else None,
                "outputs": _genai([("assistant", step["says"])]),
            }
        span = otlp_step(
            f"{step['kind']} {step['name']}", None, step["start"], step["end"], step["trace"], status, step.get("error"),
            **attributes, **step.get("fields", {}),
        )  # fmt: skip
        span["spanId"] = _span_id(step)
        if step["parent"]:
            span["parentSpanId"] = _span_id(step["parent"])
        lines.append(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}))
    (folder / "spans.jsonl").write_text("\n".join(lines))


def write_console(steps: list[Step], folder: Path) -> None:
    """Spans as the SDK prints them, one JSON object after the other, OpenInference conventions."""
    texts = []
    for step in steps:
        attributes: dict[str, Any] = {
            "openinference.span.kind": KINDS[step["kind"]],
            "agent.name": step["agent"],
            **step.get("fields", {}),
        }
        if step["kind"] == "tool":
            attributes |= {
                "tool.name": step["name"],
                "input.value": json.dumps(step["arguments"]),
                "output.value": step.get("result"),
            }
        if step["kind"] == "call":
            for side, said in (("input", step["heard"] or []), ("output", [("assistant", step["says"])])):
                for n, (role, text) in enumerate(said):
                    attributes |= {
                        f"llm.{side}_messages.{n}.message.role": role,
                        f"llm.{side}_messages.{n}.message.content": text,
                    }
        if step.get("error_type"):
            attributes["error.type"] = step["error_type"]
        status = (
            {"status_code": "ERROR", "description": step["error"]}
            if step.get("error")
            else {"status_code": "OK" if step.get("ok") else "UNSET"}
        )
        span = {
            "name": step["name"],
            "context": {
                "trace_id": "0x" + hex_id(step["trace"], 32),
                "span_id": "0x" + _span_id(step),
                "trace_state": "[]",
            },
            "kind": "SpanKind.INTERNAL",
            "parent_id": "0x" + _span_id(step["parent"]) if step["parent"] else None,
            "start_time": stamp(step["start"]),
            "end_time": None if step["end"] is None else stamp(step["end"]),
            "status": status,
            "attributes": {key: value for key, value in attributes.items() if value is not None},
            "events": [],
            "links": [],
            "resource": {"attributes": {}, "schema_url": ""},
        }
        texts.append(json.dumps(span, indent=4))
    (folder / "spans.json").write_text("\n".join(texts))


def write_lines(steps: list[Step], folder: Path) -> None:
    """Home-grown JSON lines: a record a step, which names its parent."""
    lines = []
    for step in steps:
        record: dict[str, Any] = {
            "timestamp": stamp(step["start"]), "agent": step["agent"], "trace_id": hex_id(step["trace"], 32),
            "span_id": _span_id(step), "parent_id": _span_id(step["parent"]) if step["parent"] else None,
            "operation_name": OPERATIONS[step["kind"]], "action": step["name"], **step.get("fields", {}),
        }  # fmt: skip
        if step["end"] is not None:
            record["end_time"] = stamp(step["end"])
        if step["kind"] == "tool":
            record |= {
                "tool_name": step["name"],
                "arguments": json.dumps(step["arguments"]),
                "result": step.get("result"),
            }
        if step["kind"] == "call":
            heard = [{"role": role, "content": text} for role, text in step["heard"] or []]
            record |= {"input": {"messages": heard} if heard else None, "output": {"text": step["says"]}}
        if step.get("error"):
            record |= {"status": "error", "error": step["error"], "error_type": step.get("error_type")}
        elif step.get("ok"):
            record["status"] = "ok"
        lines.append(json.dumps({key: value for key, value in record.items() if value is not None}))
    (folder / "steps.jsonl").write_text("\n".join(lines))


FORMATS: dict[str, Callable[[list[Step], Path], None]] = {
    "otlp": write_otlp,
    "console": write_console,
    "lines": write_lines,
}


def read_runs(runs: Iterable[Run], folder: Path, log_format: str) -> Lens:
    """The lens of some runs, all in one folder: their steps in a format, and the texts that their agents left."""
    folder.mkdir(parents=True, exist_ok=True)
    gathered = list(runs)
    steps = [step for run in gathered for step in run.steps]
    if steps:
        FORMATS[log_format](sorted(steps, key=lambda step: step["start"]), folder)
    texts = {
        kind: [line for run in gathered for line in run.texts.get(kind, [])]
        for kind in ("beats", "messages", "reports", "agents", "delegations")
    }
    files = {
        "beats.log": "\n".join(texts["beats"]),
        "talk.jsonl": "\n".join(texts["messages"]),
        "reports.txt": "".join(texts["reports"]),
    }
    if texts["agents"]:
        rules = "\ndelegations:\n" + "\n".join(texts["delegations"]) if texts["delegations"] else ""
        files["team.yaml"] = "agents:\n" + "\n".join(texts["agents"]) + rules + "\n"
    return read_steps(folder, [], **{name: text for name, text in files.items() if text})


def _span_id(step: Step) -> str:
    return hex_id(f"{step['trace']}/{step['id']}")


def _genai(said: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said]
