"""Turns one OpenHands run of version 0 into a trace: actions and observations, joined by `cause` or by their order."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Place
from agentlens.dialects.messages import call_part, result_part, text_part
from agentlens.loaders._claude_code_fields import count_of, dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import DECODE_ERRORS, place_of, value_of
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, as_text, error_columns, result_place

Event = dict[str, Any]

SERVICE = "openhands"
# Actions that are words, not work.
WORDS = frozenset({"message", "system", "finish", "reject", "change_agent_state", "null"})


class RunReader:
    """Reads the history of one run."""

    def __init__(self, into: Evidence, trace_id: str, root: str) -> None:
        self._into, self._trace_id, self._root = into, trace_id, root
        self._transcript = Transcript(into, trace_id)
        self._calls: set[str] = set()
        self._open: dict[Any, tuple[Event, str, Place, str]] = {}
        self._parents = [root]
        self._number, self._events, self._last_action = 0, 0, 0
        self.before: int | None = None
        self.start: int | None = None
        self.end: int | None = None
        self.version: str | None = None
        self.agent_name: str | None = None

    def read(self, event: Event, place: Place) -> None:
        """Take one action or observation."""
        time = parse_time(event.get("timestamp"))
        self._into.see_time(time)
        self._number += 1
        if isinstance(event.get("observation"), str):
            self._observe(event, place, time)
        elif isinstance(event.get("action"), str):
            self._act(event, place, time)
        else:
            self._add_event("event", event, place, time)
        if time is not None:
            self.start, self.end, self.before = self.start or time, time, time

    def read_bare(self, event: Event, place: Place) -> None:
        """Take an action or observation as older files hold them: the first is the user's, each observation answers the
        last action.
        """
        if isinstance(event.get("observation"), str):
            self.read({"cause": self._last_action, **event}, place)
            return
        self._last_action = self._number
        self.read({"id": self._number, "source": "agent" if self._number else "user", **event}, place)

    def finish(self) -> None:
        """Add the tool calls that were never answered."""
        for action, span_id, place, parent in self._open.values():
            self._add_tool(action, span_id, place, parent, {})

    # --- actions ------------------------------------------------------------------------------------------------------

    def _act(self, event: Event, place: Place, time: int | None) -> None:
        kind, args = event["action"], dict_of(event.get("args")) or event
        if kind == "system":
            self.version = text_of(args.get("openhands_version"))
            self.agent_name = text_of(args.get("agent_class"))
            self._transcript.hear(place, {"role": "system", "content": args.get("content")})
        elif event.get("source") == "agent":
            self._act_as_agent(kind, event, args, place, time)
        elif kind == "message":
            self._transcript.hear(place, {"role": "user", "content": args.get("content")})
        else:
            self._begin_tool(kind, event, place, time)

    def _act_as_agent(self, kind: str, event: Event, args: Event, place: Place, time: int | None) -> None:
        response = dict_of(dict_of(event.get("tool_call_metadata")).get("model_response"))
        if response:
            self._add_call(response, place, time)
        elif kind not in ("change_agent_state", "recall"):
            self._add_unmetered_call(kind, args, place, time)
        if kind not in WORDS:
            self._begin_tool(kind, event, place, time)

    def _add_call(self, response: Event, place: Place, time: int | None) -> None:
        """Add a model call once: each tool call of a response repeats the response."""
        response_id = text_of(response.get("id")) or f"call:{self._number}"
        if response_id in self._calls:
            return
        self._calls.add(response_id)
        choices = objects_of(response.get("choices"))
        said = [
            self._transcript.store(place, choice["message"])
            for choice in choices
            if isinstance(choice.get("message"), dict)
        ]
        reasons = [reason for choice in choices if (reason := text_of(choice.get("finish_reason")))]
        self._transcript.add_call(
            place, response_id, said, parent_span_id=self._parents[-1], start_time=self.before, end_time=time,
            response_model=text_of(response.get("model")), response_finish_reasons=reasons or None,
            service_name=SERVICE, **usage_columns(response),
        )  # fmt: skip

    def _add_unmetered_call(self, kind: str, args: Event, place: Place, time: int | None) -> None:
        """Add a model call of which the log keeps only the action that came of it."""
        words = text_of(args.get("thought")) or (text_of(args.get("content")) if kind in WORDS else None)
        parts = [text_part(words)] if words else []
        if kind not in WORDS:
            parts.append(call_part(self._number, kind, _arguments(args)))
        said = [self._transcript.store(place, {"role": "assistant", "parts": parts})]
        self._transcript.add_call(
            place,
            f"call:{self._number}",
            said,
            parent_span_id=self._parents[-1],
            start_time=self.before,
            end_time=time,
            service_name=SERVICE,
        )

    def _begin_tool(self, kind: str, event: Event, place: Place, time: int | None) -> None:
        metadata = dict_of(event.get("tool_call_metadata"))
        span_id = f"tool:{event.get('id', self._number)}"
        event = {**event, "_start": time, "_name": text_of(metadata.get("function_name")) or kind}
        self._open[_key(event.get("id"))] = (event, span_id, place, self._parents[-1])
        if kind == "delegate":
            name = text_of(dict_of(event.get("args")).get("agent")) or "delegate"
            agent_id = f"agent:{event.get('id', self._number)}"
            self._into.add_span(
                place, trace_id=self._trace_id, span_id=agent_id, parent_span_id=span_id, name=f"invoke_agent {name}",
                operation_name="invoke_agent", agent_name=name, start_time=time, service_name=SERVICE,
            )  # fmt: skip
            self._parents.append(agent_id)

    # --- observations -------------------------------------------------------------------------------------------------

    def _observe(self, event: Event, place: Place, time: int | None) -> None:
        content, kind = event.get("content"), event["observation"]
        action, span_id, begun, parent = self._open.pop(_key(event.get("cause")), ({}, "", place, self._parents[-1]))
        call_id = dict_of(event.get("tool_call_metadata")).get("tool_call_id")
        if kind == "delegate" and len(self._parents) > 1:
            self._parents.pop()
        if content:
            parts = [result_part(call_id, content)] if call_id else [text_part(content)]
            self._transcript.hear(place, {"role": "tool" if call_id else "user", "parts": parts})
        if action:
            columns = {"end_time": time, "tool_call_result": content, **_outcome(event)}
            self._add_tool(action, span_id, begun, parent, columns, place)
        elif kind not in ("null", "agent_state_changed", "message"):
            self._add_event("error" if kind == "error" else f"observation {kind}", event, place, time)

    def _add_tool(
        self, action: Event, span_id: str, place: Place, parent: str, columns: Event, result: Place | None = None
    ) -> None:
        metadata, args = dict_of(action.get("tool_call_metadata")), dict_of(action.get("args")) or action
        attributes: Event = {"id": action.get("id"), "action": action.get("action"), "source": action.get("source")}
        attributes |= (
            {"requested_by": response}
            if (response := text_of(dict_of(metadata.get("model_response")).get("id")))
            else {}
        )
        if result is not None and result != place:
            attributes |= result_place(result)
        add_tool_call(
            self._into, place, self._trace_id, span_id, action.get("_name"), _arguments(args), parent_span_id=parent,
            start_time=action.get("_start"), tool_call_id=text_of(metadata.get("tool_call_id")), service_name=SERVICE,
            attributes=attributes, **columns,
        )  # fmt: skip

    def _add_event(self, name: str, event: Event, place: Place, time: int | None) -> None:
        self._into.add(
            "span_events", place, trace_id=self._trace_id, span_id=self._parents[-1], event_index=self._events,
            time=time, name=name, attributes=event,
        )  # fmt: skip
        self._events += 1


def read_run(fields: Event, history: list[Line], document: Line, into: Evidence) -> None:
    """Add the trace of one run: `fields` is what stands beside its history."""
    issue = dict_of(fields.get("issue"))
    name = text_of(fields.get("instance_id")) or (f"issue {issue.get('number')}" if issue else "trajectory")
    trace_id = f"{name}:{short_hash(document.raw)}"
    reader = RunReader(into, trace_id, "run")
    for part in history:
        into.record()
        try:
            reason = _take(reader, value_of(part), place_of(part))
        except (*DECODE_ERRORS, ValueError) as error:
            reason = f"not an event: {error}"
        if reason is None:
            into.accept()
        else:
            into.reject(place_of(part), reason, part.raw)
    reader.finish()
    _add_root(reader, fields, name, trace_id, place_of(document), into)


def _take(reader: RunReader, event: Any, place: Place) -> str | None:
    events = event if isinstance(event, list) else [event]
    if not events or not all(isinstance(part, dict) for part in events):
        return "neither an event nor a pair of action and observation"
    for part in events:
        if "source" in part or "timestamp" in part:
            reader.read(part, place)
        else:
            reader.read_bare(part, place)
    return None


def _add_root(reader: RunReader, fields: Event, name: str, trace_id: str, place: Place, into: Evidence) -> None:
    metadata, metrics = dict_of(fields.get("metadata")), dict_of(fields.get("metrics"))
    usage, cost = dict_of(metrics.get("accumulated_token_usage")), metrics.get("accumulated_cost")
    columns = _rollup(usage)
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and cost > 0:
        columns["reported_cost_usd"] = cost
    kept = {
        key: value for key, value in fields.items() if key not in ("metrics", "test_result", "instance", "git_patch")
    }
    into.add_span(
        place, trace_id=trace_id, span_id="run", name=f"run {name}", operation_name="invoke_agent",
        agent_name=text_of(metadata.get("agent_class")) or reader.agent_name or "openhands",
        agent_version=reader.version, conversation_id=name,
        request_model=text_of(dict_of(metadata.get("llm_config")).get("model")), service_name=SERVICE,
        start_time=reader.start, end_time=reader.end, attributes=kept,
        **(error_columns(fields["error"]) if fields.get("error") else {}), **columns,
    )  # fmt: skip


def _rollup(usage: Event) -> Event:
    if count_of(usage.get("prompt_tokens")) is None:
        return {}
    return {
        "input_tokens": count_of(usage.get("prompt_tokens")),
        "output_tokens": count_of(usage.get("completion_tokens")),
        "cache_read_input_tokens": count_of(usage.get("cache_read_tokens")),
        "cache_write_input_tokens": count_of(usage.get("cache_write_tokens")),
        "usage_scope": "rollup",
    }


def usage_columns(response: Event) -> Event:
    """Return the token columns of a response as LiteLLM writes it: prompt tokens include cached ones."""
    usage = dict_of(response.get("usage"))
    if count_of(usage.get("prompt_tokens")) is None and count_of(usage.get("completion_tokens")) is None:
        return {}
    cached = usage.get("cache_read_input_tokens", dict_of(usage.get("prompt_tokens_details")).get("cached_tokens"))
    return {
        "input_tokens": count_of(usage.get("prompt_tokens")),
        "output_tokens": count_of(usage.get("completion_tokens")),
        "cache_read_input_tokens": count_of(cached),
        "cache_write_input_tokens": count_of(usage.get("cache_creation_input_tokens")),
        "reasoning_output_tokens": count_of(dict_of(usage.get("completion_tokens_details")).get("reasoning_tokens")),
        "usage_key": f"openhands:{response['id']}" if text_of(response.get("id")) else None,
    }


def _outcome(event: Event) -> Event:
    """Return the status of a tool call: an error observation, or the exit code of a command (-1: it has not ended)."""
    extras = dict_of(event.get("extras"))
    code = dict_of(extras.get("metadata")).get("exit_code", extras.get("exit_code", event.get("exit_code")))
    if event["observation"] == "error":
        return error_columns(event.get("content"), "error observation")
    if isinstance(code, int) and not isinstance(code, bool) and code >= 0:
        return error_columns(event.get("content"), f"exit code {code}") if code else {"status_code": "OK"}
    return {"status_code": "OK"} if event.get("success") is True else {}


def _arguments(args: Event) -> Event:
    """Return what was asked for, without the agent's bookkeeping."""
    kept = (
        "thought",
        "hidden",
        "confirmation_state",
        "is_confirmed",
        "action_risk",
        "action",
        "source",
        "id",
        "timestamp",
        "_start",
        "_name",
    )
    return {key: value for key, value in args.items() if key not in kept and value is not None}


def _key(value: Any) -> str:
    return as_text(value) or ""
