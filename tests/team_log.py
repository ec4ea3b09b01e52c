"""Agents at work, played step by step, and what their programs would have logged of it: five formats from one play.

A `Log` holds the steps of one case. `log.start(agent, task)` begins a run; the run acts, thinks, hands on and ends.
`write(log, form, folder)` writes it as one of FORMS. What has a format of its own (heartbeats, PAX, manifests) is put
into `log.files` as text.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMS = ("genai", "inference", "claude", "codex", "flat", "nested", "sdk")
NO_SUB_AGENTS = ("codex",)
DAY = int(datetime(2026, 4, 13, 8, 0, tzinfo=UTC).timestamp())


@dataclass
class Step:
    """One model call, tool call or agent run."""

    kind: str
    agent: str
    name: str
    start: float
    parent: Step | None
    id: str
    end: float | None = None
    args: Any = None
    result: Any = None
    error: tuple[str, str] | None = None
    steers: bool = False
    window: list[dict[str, Any]] = field(default_factory=list)
    said: list[dict[str, Any]] = field(default_factory=list)
    tokens: tuple[int, int] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    trace: str = ""
    call_id: str = ""
    conversation: str = ""


class Log:
    """All that one case leaves behind."""

    def __init__(self, rng: random.Random, model: str = "gpt-4.1", service: str = "agents") -> None:
        self.rng, self.model, self.service = rng, model, service
        self.steps: list[Step] = []
        self.files: dict[str, str] = {}
        self.brought: dict[int, Step] = {}  # which step brought a message into a window, by the message's id()
        self.clock = float(DAY + rng.randrange(0, 8 * 3600))

    def hex(self, digits: int) -> str:
        """Return a random identifier."""
        return f"{self.rng.getrandbits(digits * 4):0{digits}x}"

    def start(self, agent: str, task: str, at: float | None = None, **attributes: Any) -> Run:
        """Begin a trace with a run of an agent."""
        return Run(self, agent, task, None, self.clock if at is None else at, attributes)


class Run:
    """An agent at work; its own clock, its own window."""

    def __init__(
        self, log: Log, agent: str, task: str, parent: Step | None, at: float, attributes: dict[str, Any]
    ) -> None:
        self.log, self.agent, self.t = log, agent, at
        trace = parent.trace if parent else log.hex(32)
        self.step = Step("agent", agent, agent, at, parent, log.hex(16), attributes=attributes, trace=trace)
        self.step.conversation, self.step.args = log.hex(12), task
        self.given: Step | None = None
        self.parent_run: Run | None = None
        log.steps.append(self.step)
        self.window = [_text("system", f"You are {agent}."), _text("user", task)]

    def _add(self, kind: str, name: str, secs: float, parent: Step | None = None) -> Step:
        step = Step(kind, self.agent, name, self.t, parent or self.step, self.log.hex(16), trace=self.step.trace)
        step.conversation = self.step.conversation
        self.t += secs
        step.end = self.t
        self.log.steps.append(step)
        return step

    def think(
        self, text: str | None = None, calls: list[tuple[str, Any]] = (), secs: float | None = None,
        error: tuple[str, str] | None = None, tokens: tuple[int, int] | None = None, **attributes: Any,
    ) -> list[str]:  # fmt: skip
        """Ask the model; return the ids of the tool calls it asks for."""
        step = self._add("model", self.log.model, self.log.rng.uniform(0.8, 6) if secs is None else secs)
        step.window, step.error, step.attributes = list(self.window), error, attributes
        step.tokens = tokens or (
            sum(len(json.dumps(m)) for m in self.window) // 4 + 40,
            (20 if calls or (text or "").strip() else 1) + len(text or "") // 4,
        )
        if error:
            step.tokens = None
            return []
        parts: list[dict[str, Any]] = [{"type": "text", "content": text}] if text is not None else []
        ids = ["call_" + self.log.hex(10) for _ in calls]
        parts += [
            {"type": "tool_call", "id": i, "name": n, "arguments": a} for i, (n, a) in zip(ids, calls, strict=True)
        ]
        step.said = parts
        self.window.append({"role": "assistant", "parts": parts})
        self.log.brought[id(self.window[-1])] = step
        return ids

    def act(
        self, tool: str, args: Any, result: Any = "", error: tuple[str, str] | None = None, secs: float | None = None,
        say: str | None = None, steers: bool = False, **attributes: Any,
    ) -> Step:  # fmt: skip
        """Let the model call a tool and take in what it answers."""
        ids = self.think(say, [(tool, args)])
        return self._use(ids[0], tool, args, result, error, secs, steers, attributes)

    def _use(
        self,
        call: str,
        tool: str,
        args: Any,
        result: Any,
        error: Any,
        secs: float | None,
        steers: bool,
        attributes: Any,
    ) -> Step:
        step = self._add("tool", tool, self.log.rng.uniform(0.1, 2.5) if secs is None else secs)
        step.args, step.result, step.error, step.call_id = args, result, error, call
        step.steers, step.attributes = steers, attributes
        self._hear(step, f"{error[0]}: {error[1]}" if error else result)
        return step

    def _hear(self, step: Step, result: Any) -> None:
        part = {"type": "tool_call_response", "id": step.call_id, "response": result}
        self.window.append({"role": "tool", "parts": [part]})
        self.log.brought[id(self.window[-1])] = step

    def hear(self, text: str, after: float = 0) -> None:
        """Get a message from a person."""
        self.t += after
        self.window.append(_text("user", text))

    def wait(self, secs: float) -> None:
        """Let time pass."""
        self.t += secs

    def fan(self, tool: str, briefs: list[tuple[str, Any]], say: str | None = None, **attributes: Any) -> list[Run]:
        """Hand on work to several agents at once; `{}` in the tool's name stands for the agent."""
        named = [(tool.format(_slug(agent)), brief) for agent, brief in briefs]
        ids = self.think(say, named)
        children, began = [], self.t
        for call, (name, brief), (agent, _) in zip(ids, named, briefs, strict=True):
            self.t = began + self.log.rng.uniform(0, 0.2)
            step = self._add("tool", name, 0)
            step.args, step.call_id, step.end = brief, call, None
            task = brief if isinstance(brief, str) else "\n".join(f"{k}: {v}" for k, v in brief.items())
            child = Run(self.log, agent, task, step, self.t + 0.05, dict(attributes))
            child.given, child.parent_run = step, self
            self.log.brought[id(child.window[1])] = step
            children.append(child)
        return children

    def hand(self, tool: str, agent: str, brief: Any, say: str | None = None, **attributes: Any) -> Run:
        """Hand on work to one agent."""
        return self.fan(tool, [(agent, brief)], say, **attributes)[0]

    def end(self, text: str | None = None, error: tuple[str, str] | None = None, **attributes: Any) -> None:
        """Say the last words (or fail) and give the result back to who handed the work on."""
        if text is not None:
            self.think(text)
        self.step.end, self.step.error, self.step.result = self.t, error, text
        self.step.attributes |= attributes
        if self.given and self.parent_run:
            self.given.end, self.given.result, self.given.error = self.t + 0.02, text, error
            self.parent_run.t = max(self.parent_run.t, self.t + 0.05)
            self.parent_run._hear(self.given, f"{error[0]}: {error[1]}" if error else text)


def _text(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _slug(agent: str) -> str:
    return agent.lower().replace(" ", "_")


def forms_of(log: Log) -> tuple[str, ...]:
    """Return the formats that can hold what happened: a coding agent's session has one main agent and helpers below it."""
    agents = [s for s in log.steps if s.kind == "agent"]
    roots = [s for s in agents if s.parent is None]
    deep = any(s.parent and s.parent.parent and s.parent.parent.parent for s in agents)
    if not agents:
        return ("none",)
    if len(agents) == 1:
        return FORMS
    if len(roots) == 1 and not deep:
        return tuple(f for f in FORMS if f != "codex")
    return tuple(f for f in FORMS if f not in ("codex", "claude"))


def write(log: Log, form: str, folder: Path) -> None:
    """Write the log into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in log.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    if form != "none":
        {
            "genai": _genai, "inference": _inference, "claude": _claude, "codex": _codex, "flat": _flat,
            "nested": _nested, "sdk": _sdk,
        }[form](log, folder)  # fmt: skip


def iso(t: float) -> str:
    """Return a time as logs write it."""
    return datetime.fromtimestamp(round(t, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _lines(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- OpenTelemetry ----------------------------------------------------------------------------------------------------


def _otlp(log: Log, folder: Path, scope: str, describe: Any) -> None:
    spans = []
    for s in log.steps:
        name, attributes = describe(s)
        attributes |= s.attributes
        span: dict[str, Any] = {
            "traceId": s.trace, "spanId": s.id, "name": name, "kind": 3 if s.kind == "model" else 1,
            "startTimeUnixNano": str(int(s.start * 1e9)),
            "attributes": [{"key": k, "value": _any(v)} for k, v in attributes.items() if v is not None],
        }  # fmt: skip
        if s.end is not None:
            span["endTimeUnixNano"] = str(int(s.end * 1e9))
        if s.parent:
            span["parentSpanId"] = s.parent.id
        if s.error:
            thrown = {"exception.type": s.error[0], "exception.message": s.error[1]}
            event = [{"key": k, "value": {"stringValue": v}} for k, v in thrown.items()]
            span["events"] = [
                {"name": "exception", "timeUnixNano": str(int((s.end or s.start) * 1e9)), "attributes": event}
            ]
            span["status"] = {} if s.steers else {"code": 2, "message": s.error[1]}
        spans.append(span)
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": log.service}}]}
    batches = [spans[i : i + 40] for i in range(0, len(spans), 40)]
    _lines(
        folder / "traces.jsonl",
        [{"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": scope}, "spans": b}]}]} for b in batches],
    )  # fmt: skip


def _any(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": _as_text(value)}


def _genai(log: Log, folder: Path) -> None:
    def describe(s: Step) -> tuple[str, dict[str, Any]]:
        a: dict[str, Any] = {"gen_ai.agent.name": s.agent, "gen_ai.conversation.id": s.conversation}
        if s.error and not s.steers:
            a["error.type"] = s.error[0]
        if s.kind == "agent":
            return f"invoke_agent {s.agent}", a | {"gen_ai.operation.name": "invoke_agent"}
        if s.kind == "tool":
            a |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": s.name, "gen_ai.tool.call.id": s.call_id}
            a |= {"gen_ai.tool.call.arguments": _as_text(s.args)}
            if s.result is not None and not s.error:
                a["gen_ai.tool.call.result"] = _as_text(s.result)
            return f"execute_tool {s.name}", a
        a |= {"gen_ai.operation.name": "chat", "gen_ai.request.model": log.model, "gen_ai.response.model": log.model}
        a["gen_ai.input.messages"] = json.dumps(s.window[1:], ensure_ascii=False)
        a["gen_ai.system_instructions"] = json.dumps(s.window[0]["parts"] if s.window else [], ensure_ascii=False)
        if s.said:
            a["gen_ai.output.messages"] = json.dumps([{"role": "assistant", "parts": s.said}], ensure_ascii=False)
        if s.tokens:
            a |= {"gen_ai.usage.input_tokens": s.tokens[0], "gen_ai.usage.output_tokens": s.tokens[1]}
        return f"chat {log.model}", a

    _otlp(log, folder, "opentelemetry.instrumentation.genai", describe)


def _inference(log: Log, folder: Path) -> None:
    def describe(s: Step) -> tuple[str, dict[str, Any]]:
        a: dict[str, Any] = {"session.id": s.conversation, "agent.name": s.agent}
        if s.kind == "agent":
            return s.agent, a | {
                "openinference.span.kind": "AGENT",
                "input.value": _as_text(s.args),
                "output.value": s.result,
            }
        if s.kind == "tool":
            a |= {"openinference.span.kind": "TOOL", "tool.name": s.name, "input.value": _as_text(s.args)}
            a |= {"input.mime_type": "application/json"}
            return s.name, a | ({} if s.error or s.result is None else {"output.value": _as_text(s.result)})
        a |= {"openinference.span.kind": "LLM", "llm.model_name": log.model}
        for side, messages in (
            ("input", s.window),
            ("output", [{"role": "assistant", "parts": s.said}] if s.said else []),
        ):
            for i, message in enumerate(messages):
                a |= _flattened(f"llm.{side}_messages.{i}.message", message)
        if s.tokens:
            a |= {"llm.token_count.prompt": s.tokens[0], "llm.token_count.completion": s.tokens[1]}
        return "ChatCompletion", a

    _otlp(log, folder, "openinference.instrumentation.agents", describe)


def _flattened(at: str, message: dict[str, Any]) -> dict[str, Any]:
    a: dict[str, Any] = {f"{at}.role": message["role"]}
    calls = 0
    for part in message["parts"]:
        if part["type"] == "text":
            a[f"{at}.content"] = part["content"]
        elif part["type"] == "tool_call_response":
            a |= {f"{at}.content": _as_text(part["response"]), f"{at}.tool_call_id": part["id"]}
        else:
            call = f"{at}.tool_calls.{calls}.tool_call"
            calls += 1
            a |= {f"{call}.id": part["id"], f"{call}.function.name": part["name"]}
            a |= {f"{call}.function.arguments": _as_text(part["arguments"])}
    return a


# --- session logs -----------------------------------------------------------------------------------------------------


def _claude(log: Log, folder: Path) -> None:
    roots = [s for s in log.steps if s.kind == "agent" and s.parent is None]
    for root in roots:
        session = f"{root.trace[:8]}-{root.trace[8:12]}-4{root.trace[13:16]}-a{root.trace[17:20]}-{root.trace[20:32]}"
        _lines(folder / f"{session}.jsonl", _claude_lines(log, root, session, None))
        for child in log.steps:
            if child.kind == "agent" and child.trace == root.trace and child.parent:
                file = folder / session / "subagents" / f"agent-{child.id[:7]}.jsonl"
                _lines(file, _claude_lines(log, child, session, child.id[:7]))


def _claude_lines(log: Log, run: Step, session: str, agent_id: str | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    helpers = {s.parent.id: s for s in log.steps if s.kind == "agent" and s.parent}
    own = [s for s in log.steps if s.parent is run]
    seen: set[int] = set()
    cached = 0

    def add(kind: str, t: float, **more: Any) -> None:
        last = rows[-1]["uuid"] if rows else None
        base = {"parentUuid": last, "isSidechain": agent_id is not None, "userType": "external", "cwd": "/srv/work"}
        base |= {"sessionId": session, "version": "2.1.39", "gitBranch": "main", "type": kind}
        base |= {"agentId": agent_id} if agent_id else {}
        rows.append(base | {"uuid": log.hex(32), "timestamp": iso(t)} | more)

    for s in sorted(own, key=lambda s: s.start):
        if s.kind == "model":
            for m in s.window:
                if id(m) not in seen and m["role"] == "user":
                    add("user", s.start, message={"role": "user", "content": m["parts"][0]["content"]})
                seen.add(id(m))
            _claude_model(log, s, add, cached)
            cached = s.tokens[0] if s.tokens else cached
    answers = [s for s in own if s.kind == "tool"]
    for s in answers:
        block: dict[str, Any] = {"tool_use_id": "toolu_" + s.call_id[5:], "type": "tool_result"}
        block["content"] = f"<tool_use_error>{s.error[1]}</tool_use_error>" if s.error else _as_text(s.result or "")
        block |= {"is_error": True} if s.error else {}
        more: dict[str, Any] = {"toolUseResult": block["content"]}
        if s.id in helpers and s.result is not None:
            more = {
                "toolUseResult": {"status": "completed", "agentId": helpers[s.id].id[:7], "content": block["content"]}
            }
        if s.end is not None and (s.result is not None or s.error):
            add("user", s.end, message={"role": "user", "content": [block]}, **more)
    rows.sort(key=lambda r: r["timestamp"])
    for before, row in zip([None, *rows], rows, strict=False):
        row["parentUuid"] = before["uuid"] if before else None
    return rows


def _claude_model(log: Log, s: Step, add: Any, cached: int) -> None:
    if s.error:
        content = [{"type": "text", "text": f"API Error: {s.error[1]}"}]
        message = {
            "id": log.hex(20),
            "model": "<synthetic>",
            "role": "assistant",
            "type": "message",
            "content": content,
        }
        return add("assistant", s.end, isApiErrorMessage=True, message=message)
    message_id, request = "msg_" + s.id, "req_" + s.id
    read = min(cached, s.tokens[0] - 3)
    usage = {"input_tokens": 3, "cache_read_input_tokens": read, "cache_creation_input_tokens": s.tokens[0] - 3 - read}
    usage |= {"output_tokens": s.tokens[1]}
    for part in s.said:
        block = {"type": "text", "text": part.get("content")}
        if part["type"] == "tool_call":
            is_helper = any(t.call_id == part["id"] and _has_helper(log, t) for t in log.steps)
            block = {
                "type": "tool_use",
                "id": "toolu_" + part["id"][5:],
                "name": part["name"],
                "input": part["arguments"],
            }
            if is_helper:
                who = next(
                    h.agent for h in log.steps if h.kind == "agent" and h.parent and h.parent.call_id == part["id"]
                )
                text = _as_text(part["arguments"])
                block |= {"name": "Task", "input": {"subagent_type": who, "description": text[:30], "prompt": text}}
        message = {"id": message_id, "model": "claude-sonnet-4-5", "role": "assistant", "type": "message"}
        add(
            "assistant",
            s.end,
            requestId=request,
            message=message | {"content": [block], "usage": usage, "stop_reason": None},
        )


def _has_helper(log: Log, step: Step) -> bool:
    return any(h.kind == "agent" and h.parent is step for h in log.steps)


def _codex(log: Log, folder: Path) -> None:
    run = next(s for s in log.steps if s.kind == "agent")
    rows: list[dict[str, Any]] = []
    seen: set[int] = set()
    total = [0, 0]

    def add(kind: str, t: float, payload: Any) -> None:
        rows.append({"timestamp": iso(t), "type": kind, "payload": payload})

    add("session_meta", run.start, {"id": run.trace, "timestamp": iso(run.start), "cwd": "/srv/work", "originator": "codex_cli_rs", "cli_version": "0.104.0", "model_provider": "openai"})  # fmt: skip
    add(
        "turn_context",
        run.start,
        {"cwd": "/srv/work", "approval_policy": "never", "model": "gpt-5-codex", "effort": "high"},
    )
    add("event_msg", run.start, {"type": "task_started", "turn_id": "1", "model_context_window": 272000})
    for s in sorted((s for s in log.steps if s.parent is run), key=lambda s: s.start):
        if s.kind == "tool":
            output = json.dumps({"output": s.error[1] if s.error else _as_text(s.result), "metadata": {"exit_code": int(bool(s.error))}}, ensure_ascii=False)  # fmt: skip
            add("response_item", s.end, {"type": "function_call_output", "call_id": s.call_id, "output": output})
            continue
        for m in s.window:
            if id(m) not in seen and m["role"] == "user":
                content = [{"type": "input_text", "text": m["parts"][0]["content"]}]
                add("response_item", s.start, {"type": "message", "role": "user", "content": content})
            seen.add(id(m))
        if s.error:
            add("event_msg", s.end, {"type": "error", "message": s.error[1]})
            continue
        for part in s.said:
            if part["type"] == "text":
                content = [{"type": "output_text", "text": part["content"]}]
                add("response_item", s.end, {"type": "message", "role": "assistant", "content": content})
            else:
                add("response_item", s.end, {"type": "function_call", "name": part["name"], "arguments": _as_text(part["arguments"]), "call_id": part["id"]})  # fmt: skip
        total = [total[0] + s.tokens[0], total[1] + s.tokens[1]]
        usage = {"input_tokens": total[0], "cached_input_tokens": 0, "output_tokens": total[1], "reasoning_output_tokens": 0, "total_tokens": sum(total)}  # fmt: skip
        last = {"input_tokens": s.tokens[0], "cached_input_tokens": 0, "output_tokens": s.tokens[1], "reasoning_output_tokens": 0, "total_tokens": sum(s.tokens)}  # fmt: skip
        add("event_msg", s.end, {"type": "token_count", "info": {"total_token_usage": usage, "last_token_usage": last, "model_context_window": 272000}})  # fmt: skip
    _lines(folder / "rollout.jsonl", rows)


# --- home-grown lines, and the Agents SDK -----------------------------------------------------------------------------


def _flat(log: Log, folder: Path) -> None:
    rows = []
    for s in sorted(log.steps, key=lambda s: s.start):
        row: dict[str, Any] = {"timestamp": iso(s.start), "agent_id": s.agent, "session_id": s.trace[:12], "id": s.id}
        row |= {"parent_id": s.parent.id if s.parent else None}
        row |= {"action": {"agent": "agent_run", "model": "llm_call", "tool": "tool_call"}[s.kind]}
        if s.kind == "model":
            row |= {"input": _chat(s.window), "output": _said(s.said), "tokens": {"model": log.model}}
            row["tokens"] |= {"prompt": s.tokens[0], "completion": s.tokens[1]} if s.tokens else {}
        elif s.kind == "tool":
            row |= {"tool": s.name, "input": s.args, "output": None if s.error else s.result}
        else:
            row |= {"input": s.args, "output": s.result}
        if s.end is not None:
            row |= {
                "duration_ms": round((s.end - s.start) * 1000),
                "status": "error" if s.error and not s.steers else "success",
            }
        row |= {"error": f"{s.error[0]}: {s.error[1]}"} if s.error and not s.steers else {}
        rows.append(row | ({"metadata": s.attributes} if s.attributes else {}) | s.attributes)
    _lines(folder / "agents.log", rows)


def _nested(log: Log, folder: Path) -> None:
    rows = []
    for s in sorted(log.steps, key=lambda s: s.end or s.start + 1e9):
        row: dict[str, Any] = {
            "started_at": s.start,
            "ended_at": s.end,
            "actor": s.agent,
            "run_id": s.trace,
            "span_id": s.id,
        }
        row |= {"parent_span_id": s.parent.id} if s.parent else {}
        row["event"] = {"agent": "invoke_agent", "model": "chat", "tool": "execute_tool"}[s.kind]
        if s.kind == "model":
            row |= {"model": log.model, "messages": _chat(s.window), "response": _said(s.said)}
            row |= {"usage": {"input_tokens": s.tokens[0], "output_tokens": s.tokens[1]}} if s.tokens else {}
        elif s.kind == "tool":
            row |= {"tool_name": s.name, "args": s.args, "result": None if s.error else s.result}
        if s.error and not s.steers:
            row |= {"status": "failed", "error": {"type": s.error[0], "message": s.error[1]}}
        elif s.end is not None:
            row["status"] = "ok"
        rows.append(row | s.attributes)
    _lines(folder / "events.ndjson", rows)


def _chat(window: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for m in window:
        text = "\n".join(p["content"] for p in m["parts"] if p["type"] == "text")
        row: dict[str, Any] = {"role": m["role"], "content": text}
        calls = [p for p in m["parts"] if p["type"] == "tool_call"]
        if calls:
            row["tool_calls"] = [
                {
                    "id": c["id"],
                    "type": "function",
                    "function": {"name": c["name"], "arguments": _as_text(c["arguments"])},
                }
                for c in calls
            ]
        for p in m["parts"]:
            if p["type"] == "tool_call_response":
                row |= {"tool_call_id": p["id"], "content": _as_text(p["response"])}
        rows.append(row)
    return rows


def _said(parts: list[dict[str, Any]]) -> Any:
    return _chat([{"role": "assistant", "parts": parts}])[0] if parts else None


def _sdk(log: Log, folder: Path) -> None:
    rows: list[dict[str, Any]] = []
    for s in log.steps:
        if s.parent is None:
            rows.append({"object": "trace", "id": "trace_" + s.trace, "workflow_name": log.service, "group_id": None})
    for s in log.steps:
        data: dict[str, Any] = {"type": "agent", "name": s.agent, "handoffs": [], "tools": [], "output_type": "str"}
        if s.kind == "tool":
            data = {"type": "function", "name": s.name, "input": _as_text(s.args), "output": None if s.error or s.result is None else _as_text(s.result)}  # fmt: skip
        elif s.kind == "model":
            data = {"type": "generation", "model": log.model, "input": _chat(s.window), "output": [_said(s.said)] if s.said else None}  # fmt: skip
            data["usage"] = {"input_tokens": s.tokens[0], "output_tokens": s.tokens[1]} if s.tokens else None
        error = {"message": f"{s.error[0]}: {s.error[1]}", "data": None} if s.error and not s.steers else None
        rows.append({
            "object": "trace.span", "id": "span_" + s.id, "trace_id": "trace_" + s.trace,
            "parent_id": "span_" + s.parent.id if s.parent else None, "started_at": iso(s.start),
            "ended_at": iso(s.end) if s.end is not None else None, "span_data": data | s.attributes, "error": error,
        })  # fmt: skip
    _lines(folder / "sdk_traces.jsonl", rows)
