"""Turns one Gemini CLI session into a trace: turns, model calls, tool calls."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.messages import call_part, normalise_part, reasoning_part, result_part
from agentlens.loaders._claude_code_fields import count_of, dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import Step, place_of, short_hash
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns

Message = dict[str, Any]

SERVICE = "gemini-cli"


class SessionReader:
    """Reads the messages of one session in their order."""

    def __init__(self, into: Evidence, header: Message, place: Place) -> None:
        self._into, self._header = into, header
        self._trace_id = text_of(header.get("sessionId")) or f"session:{short_hash(json_text(header))}"
        self._transcript = Transcript(into, self._trace_id)
        start = parse_time(header.get("startTime"))
        self._session = Step(span_id="session", place=place, start=start, end=start)
        self._turn: Step | None = None
        self._turns, self._number = 0, 0
        self._lengths: dict[str, int] = {}
        self._before: int | None = None

    def read(self, message: Message, place: Place) -> None:
        """Take a message, or go back to one."""
        if (rewind := text_of(message.get("$rewindTo"))) is not None:
            if rewind in self._lengths:
                del self._transcript.context[self._lengths[rewind] :]
            return
        self._number += 1
        time, kind = parse_time(message.get("timestamp")), message.get("type")
        self._into.see_time(time)
        if message_id := text_of(message.get("id")):
            self._lengths[message_id] = self._transcript.length
        if kind == "user":
            self._begin_turn(message, place, time)
        elif kind == "gemini":
            self._add_call(message, place, time)
        else:
            self._add_event(str(kind), message, place, time)
        for step in (self._session, self._here):
            step.reach(time)
        self._before = time if time is not None and kind in ("user", "gemini") else self._before

    @property
    def _here(self) -> Step:
        return self._turn or self._session

    def _begin_turn(self, message: Message, place: Place, time: int | None) -> None:
        self._add_turn()
        self._turns += 1
        self._turn = Step(span_id=f"turn:{self._turns}", parent_id="session", place=place, start=time, end=time)
        said = self._transcript.hear(place, {"role": "user", "parts": _parts(message.get("content"))})
        self._into.add_span_messages(place, self._trace_id, self._turn.span_id, "input", [said])

    def _add_call(self, message: Message, place: Place, time: int | None) -> None:
        calls = objects_of(message.get("toolCalls"))
        parts: list[Message] = [reasoning_part(text) for text in _thoughts(message.get("thoughts"))]
        parts += _parts(message.get("content"))
        parts += [call_part(call.get("id"), call.get("name"), call.get("args")) for call in calls]
        said = self._transcript.store(place, {"role": "assistant", "parts": parts})
        span_id = f"call:{text_of(message.get('id')) or self._number}"
        usage = _usage_columns(dict_of(message.get("tokens")))
        if usage:
            usage["usage_key"] = f"gemini-cli:{self._trace_id}:{span_id}"
        self._transcript.add_call(
            place, span_id, [said], parent_span_id=self._here.span_id, start_time=self._before, end_time=time,
            service_name=SERVICE, provider_name="gcp.gemini", response_model=text_of(message.get("model")), **usage,
        )  # fmt: skip
        for index, call in enumerate(calls):
            self._add_tool(call, f"{self._number:05}:{index}", span_id, time, place)

    def _add_tool(self, call: Message, number: str, requested_by: str, asked: int | None, place: Place) -> None:
        result = _result(call.get("result"))
        status, call_id = call.get("status"), text_of(call.get("id"))
        columns: Message = {}
        if status in ("error", "cancelled"):
            columns = error_columns(result or call.get("resultDisplay"), status) | {
                "is_control_flow": status == "cancelled"
            }
        elif status == "success":
            columns = {"status_code": "OK"}
        end = parse_time(call.get("timestamp"))
        start = asked if asked is not None and end is not None and asked <= end else None
        self._here.reach(end)
        add_tool_call(
            self._into, place, self._trace_id, call_id or f"tool:{number}", call.get("name"), call.get("args"),
            parent_span_id=self._here.span_id, start_time=start, end_time=end, tool_call_id=call_id, tool_call_result=result,
            service_name=SERVICE, attributes={"requested_by": requested_by}
            | {key: call[key] for key in ("displayName", "agentId", "resultDisplay") if call.get(key)}, **columns,
        )  # fmt: skip
        if result is not None:
            self._transcript.hear(place, {"role": "tool", "parts": [result_part(call_id, result)]})

    def _add_event(self, kind: str, message: Message, place: Place, time: int | None) -> None:
        step = self._here
        self._into.add(
            "span_events", place, trace_id=self._trace_id, span_id=step.span_id, event_index=step.events, time=time,
            name=kind, attributes={key: value for key, value in message.items() if key not in ("type", "timestamp")},
        )  # fmt: skip
        step.events += 1

    def _add_turn(self) -> None:
        if self._turn is not None:
            self._add_span(self._turn, f"turn {self._turns}")

    def finish(self) -> None:
        """Add the last turn and the session."""
        self._add_turn()
        is_sub = self._header.get("kind") == "subagent"
        self._add_span(
            self._session, "session", operation_name="invoke_agent", agent_name="sub-agent" if is_sub else SERVICE,
            conversation_id=self._trace_id, attributes=self._header,
        )  # fmt: skip

    def _add_span(self, step: Step, name: str, **columns: Any) -> None:
        self._into.add_span(
            place_of(step), trace_id=self._trace_id, span_id=step.span_id, parent_span_id=step.parent_id, name=name,
            start_time=step.start, end_time=step.end, service_name=SERVICE, **columns,
        )  # fmt: skip


def _parts(content: Any) -> list[Message]:
    parts = content if isinstance(content, list) else [content] if content else []
    return [normalise_part(part) for part in parts]


def _thoughts(thoughts: Any) -> list[str]:
    found = [dict_of(thought) for thought in thoughts] if isinstance(thoughts, list) else []
    return [": ".join(str(one[key]) for key in ("subject", "description") if one.get(key)) for one in found]


def _result(result: Any) -> Any:
    """Return what a tool answered: the output of its only function response, else all of it."""
    if isinstance(result, list) and len(result) == 1:
        response = dict_of(dict_of(dict_of(result[0]).get("functionResponse")).get("response"))
        if len(response) == 1:
            return next(iter(response.values()))
    return result


def _usage_columns(tokens: Message) -> Message:
    """Return the token columns: thoughts stand beside the output, tokens of tool results beside the input."""
    prompt, answer = count_of(tokens.get("input")), count_of(tokens.get("output"))
    thoughts, tools = count_of(tokens.get("thoughts")), count_of(tokens.get("tool"))
    if prompt is None and answer is None:
        return {}
    return {
        "input_tokens": (prompt or 0) + (tools or 0),
        "output_tokens": (answer or 0) + (thoughts or 0),
        "cache_read_input_tokens": count_of(tokens.get("cached")),
        "reasoning_output_tokens": thoughts,
    }
