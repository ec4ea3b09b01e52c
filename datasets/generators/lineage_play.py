"""Plays runs of agents and keeps account of where each watched value went: by bookkeeping, not by looking at the log."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from otlp_json import Span, make_id, to_json

SECOND = 1_000_000_000
Hop = tuple[str | None, str, str]  # from, to, kind


@dataclass
class Office:
    """One trace: its spans, its clock, and what lies in the files that its agents share."""

    name: str
    now: int
    files: dict[str, tuple[str, str]]
    """Text and the step that wrote it, by path."""
    watched: list[str]
    spans: list[Span] = field(default_factory=list)
    hops: dict[str, list[Hop]] = field(default_factory=dict)

    @property
    def trace_id(self) -> str:
        """Id of the trace."""
        return make_id(32, "lineage", self.name)

    def new_id(self) -> str:
        """Id of the next span."""
        return make_id(16, "lineage", self.name, len(self.spans))

    def tick(self, seconds: float) -> int:
        """Let time pass and return the new time."""
        self.now += int(seconds * SECOND)
        return self.now

    def values_in(self, text: str) -> list[str]:
        """The watched values that stand in a text as whole words."""
        return [v for v in self.watched if re.search(rf"(?<![\w.,/-]){re.escape(v)}(?![\w/-]|[.,]\d)", text)]

    def note(self, value: str, source: str | None, step: str, kind: str) -> None:
        """Write down that a value came from one step to another, once."""
        hops = self.hops.setdefault(value, [])
        if source != step and (source, step) not in [(a, b) for a, b, _ in hops]:
            hops.append((source, step, kind))


@dataclass
class Worker:
    """One run of an agent: its window, and from which step it has each watched value."""

    office: Office
    name: str
    parent: str | None
    system: str
    window: list[dict[str, Any]] = field(default_factory=list)
    has: dict[str, str] = field(default_factory=dict)
    arriving: list[tuple[str, str | None, str]] = field(default_factory=list)
    span: Span = field(init=False)
    last_said: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def __post_init__(self) -> None:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": self.name}
        self.span = self._add(f"invoke_agent {self.name}", "INTERNAL", self.parent, attributes)

    def _add(self, name: str, kind: str, parent: str | None, attributes: dict[str, Any]) -> Span:
        start = self.office.tick(0.2)
        span = Span(self.office.trace_id, self.office.new_id(), parent, name, kind, start, start, attributes)
        self.office.spans.append(span)
        return span

    def hear(self, text: str, source: str | None = None, kind: str = "quoted") -> None:
        """Take a message from a person, or from the step that gave it."""
        self.window.append({"role": "user", "parts": [{"type": "text", "content": text}]})
        self.arriving += [(value, source, kind) for value in self.office.values_in(text)]

    def think(self, text: str, tool: str | None = None, **arguments: Any) -> tuple[str, str]:
        """Call the model once: it says a text and may ask for a tool. Returns the step and the id of the tool call."""
        parts: list[dict[str, Any]] = [{"type": "text", "content": text}] if text else []
        self.asked += 1
        call_id = f"call_{make_id(12, self.office.name, self.name, self.span.span_id, self.asked)}"
        if tool:
            parts.append({"type": "tool_call", "id": call_id, "name": tool, "arguments": arguments})
        said = {"role": "assistant", "parts": parts, "finish_reason": "tool_call" if tool else "stop"}
        span = self._add("chat", "CLIENT", self.span.span_id, {
            "gen_ai.operation.name": "chat", "gen_ai.agent.name": self.name, "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5", "gen_ai.conversation.id": f"{self.office.name}-{self.span.span_id}",
            "gen_ai.system_instructions": to_json([{"type": "text", "content": self.system}]),
            "gen_ai.input.messages": to_json(self.window), "gen_ai.output.messages": to_json([said]),
        })  # fmt: skip
        span.end = self.office.tick(2.5)
        self._account(span.span_id, text + " " + to_json(arguments))
        self.window.append({"role": "assistant", "parts": parts})
        return span.span_id, call_id

    def _account(self, step: str, said: str) -> None:
        for value, source, kind in self.arriving:
            if source or value not in self.has:
                self.office.note(value, source, step, kind if source else "first")
            self.has.setdefault(value, source or step)
        self.arriving = []
        for value in self.office.values_in(said):
            if value in self.has:
                self.office.note(value, self.has[value], step, "quoted")
            else:
                self.office.note(value, None, step, "first")
                self.has[value] = step
            self.last_said[value] = step

    def use(self, text: str, tool: str, result: str, **arguments: Any) -> str:
        """Ask for a tool and take its answer; returns the step of the tool."""
        step, call_id = self.think(text, tool, **arguments)
        span = self._start_tool(step, call_id, tool, arguments)
        source = None
        if tool == "write_file":
            self.office.files[arguments["path"]] = (arguments["content"], span.span_id)
        if tool == "read_file":
            result, source = self.office.files[arguments["path"]]
        given = self.office.values_in(to_json(arguments))
        for value in self.office.values_in(result):
            if source:
                self.office.note(value, source, span.span_id, "read_after_write")
            elif value not in given:
                self.office.note(value, None, span.span_id, "first")
        self._end_tool(span, call_id, result)
        return span.span_id

    def delegate(self, text: str, to: str, system: str, task: str, wording: str) -> tuple[Worker, Span, str]:
        """Hand work to another agent, which is told `wording` with the task in it; end with `take_back`."""
        step, call_id = self.think(text, "delegate", agent=to, task=task)
        span = self._start_tool(step, call_id, "delegate", {"agent": to, "task": task})
        helper = Worker(self.office, to, span.span_id, system)
        helper.hear(wording.format(task=task), span.span_id)
        return helper, span, call_id

    def take_back(self, helper: Worker, span: Span, call_id: str, answer: str) -> None:
        """Take the answer of a helper, which is what it said last."""
        helper.span.end = self.office.tick(0.1)
        for value in self.office.values_in(answer):
            self.office.note(value, helper.last_said[value], span.span_id, "carried")
        self._end_tool(span, call_id, answer)

    def compact(self, summary: str) -> str:
        """Have the model sum the conversation up, and go on with the summary alone; returns the call that wrote it."""
        step, _ = self.think(summary)
        self.window = []
        self.has, self.arriving = {}, []
        self.hear(f"This session is being continued from an earlier one. Summary so far: {summary}", step)
        return step

    def finish(self) -> None:
        """End the run."""
        self.span.end = self.office.tick(0.1)

    def _start_tool(self, step: str, call_id: str, tool: str, arguments: dict[str, Any]) -> Span:
        span = self._add(f"execute_tool {tool}", "INTERNAL", self.span.span_id, {
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.tool.call.id": call_id,
            "gen_ai.agent.name": self.name, "gen_ai.tool.call.arguments": to_json(arguments),
        })  # fmt: skip
        for value in self.office.values_in(to_json(arguments)):
            self.office.note(value, step, span.span_id, "carried")
        return span

    def _end_tool(self, span: Span, call_id: str, result: str) -> None:
        span.end = self.office.tick(0.8)
        span.attributes["gen_ai.tool.call.result"] = result
        self.window.append(
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}
        )
        self.arriving += [(value, span.span_id, "carried") for value in self.office.values_in(result)]
