"""Turns conversations of the OpenHands SDK (version 1) into traces: events, LLM logs and base states."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.messages import call_part, reasoning_part, result_part
from agentlens.loaders._claude_code_fields import (
    UnusableLine,
    blocks_of,
    count_of,
    dict_of,
    objects_of,
    plain_text,
    text_of,
)
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._openhands_run import SERVICE, usage_columns
from agentlens.loaders._times import parse_duration, parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call, error_columns

Event = dict[str, Any]

COUNTS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens")
NAMES = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_write_input_tokens",
    "reasoning_output_tokens",
)
APART = (
    "Each event is a file of its own: what calls were shown and their usage cannot be told apart; the running total "
    "counts."
)


class ConversationReader:
    """Reads the events of one conversation; `folder` is its id where each event is a file of its own."""

    def __init__(self, into: Evidence, folder: str | None) -> None:
        self._into, self._folder = into, folder
        self._trace_id, self._root = folder or "", f"conversation:{folder}"
        self._transcript = Transcript(into, self._trace_id)
        self._open: dict[str, tuple[Event, Place, int | None]] = {}
        self._calls: set[str] = set()
        self._before: int | None = None
        self._start: int | None = None
        self._end: int | None = None
        self._counted: dict[str, tuple[int, ...]] = {}
        self._unclaimed: list[tuple[str, str | None, tuple[int, ...], Place, int | None]] = []
        self._place: Place | None = None
        self._events, self._number = 0, 0
        self._failure: Event = {}

    def read(self, event: Event, place: Place) -> str | None:
        """Take one event. Raises UnusableLine."""
        kind = event.get("kind")
        if not isinstance(kind, str):
            raise UnusableLine("no event: it has no `kind`")
        if self._place is None:
            self._begin(event, place)
        time = parse_time(event.get("timestamp"))
        self._into.see_time(time)
        self._number += 1
        self._read(kind, event, place, time)
        if time is not None:
            self._start, self._end = self._start or time, time
            self._before = self._before if event.get("key") == "stats" else time
        return None

    def _begin(self, event: Event, place: Place) -> None:
        self._place = place
        if self._folder is None:
            self._trace_id = f"conversation:{text_of(event.get('id')) or short_hash(json_text(event))}"
            self._root = self._trace_id
            self._transcript = Transcript(self._into, self._trace_id)
        else:
            self._into.note_missing(APART)

    def _read(self, kind: str, event: Event, place: Place, time: int | None) -> None:
        if kind == "SystemPromptEvent":
            self._transcript.hear(place, {"role": "system", "content": dict_of(event.get("system_prompt")).get("text")})
        elif kind == "MessageEvent":
            self._read_message(event, place, time)
        elif kind == "ActionEvent":
            self._act(event, place, time)
        elif kind in ("ObservationEvent", "AgentErrorEvent", "UserRejectObservation"):
            self._observe(kind, event, place, time)
        elif event.get("key") == "stats":
            self._take_stats(dict_of(event.get("value")), place, time)
        elif kind == "ConversationErrorEvent":
            self._break_off(event, place, time)
        else:
            self._add_event(kind, event, place, time)

    def finish(self) -> None:
        """Add what is still open, and the conversation itself."""
        if self._place is None:
            return
        for action, place, start in self._open.values():
            self._add_tool(action, place, start, {})
        self._flush()
        columns: Event = {}
        if self._folder is not None and self._counted:
            total = tuple(map(sum, zip(*self._counted.values())))
            columns = {**_columns(total), "usage_scope": "cumulative"}
        self._into.add_span(
            self._place, trace_id=self._trace_id, span_id=self._root, name="conversation",
            operation_name="invoke_agent", agent_name="openhands", conversation_id=self._folder or self._trace_id,
            service_name=SERVICE, start_time=self._start, end_time=self._end, **columns, **self._failure,
        )  # fmt: skip

    # --- what is said and done ----------------------------------------------------------------------------------------

    def _read_message(self, event: Event, place: Place, time: int | None) -> None:
        message = dict_of(event.get("llm_message"))
        if event.get("source") == "agent":
            self._add_call(event, message, place, time)
        else:
            self._transcript.hear(place, {**message, "role": message.get("role", "user")})

    def _act(self, event: Event, place: Place, time: int | None) -> None:
        call, call_id = dict_of(event.get("tool_call")), text_of(event.get("tool_call_id")) or f"tool:{self._number}"
        reasoning = text_of(event.get("reasoning_content"))
        thought = plain_text(blocks_of({"content": event.get("thought")}))
        parts: list[Event] = [reasoning_part(reasoning)] if reasoning else []
        parts += [{"type": "text", "content": thought}] if thought else []
        parts.append(call_part(call_id, event.get("tool_name"), call.get("arguments", event.get("action"))))
        self._add_call(event, {"role": "assistant", "parts": parts}, place, time)
        self._open[call_id] = (event, place, time)

    def _add_call(self, event: Event, message: Event, place: Place, time: int | None) -> None:
        """Add a model call once: the actions that one response asks for share its id."""
        response_id = text_of(event.get("llm_response_id")) or f"call:{self._number}"
        said = self._transcript.store(place, message)
        if response_id in self._calls:
            self._transcript.show(said)
            return
        self._calls.add(response_id)
        columns = self._claim()
        self._transcript.add_call(
            place,
            response_id,
            [said],
            parent_span_id=self._root,
            start_time=self._before,
            end_time=time,
            service_name=SERVICE,
            **columns,
        )

    def _observe(self, kind: str, event: Event, place: Place, time: int | None) -> None:
        observation, call_id = dict_of(event.get("observation")), text_of(event.get("tool_call_id")) or ""
        said = observation.get("content", event.get("error", event.get("rejection_reason")))
        result = plain_text(blocks_of({"content": said})) or said
        self._transcript.hear(place, {"role": "tool", "parts": [result_part(call_id, result)]})
        columns: Event = {"tool_call_result": result, "end_time": time, **_outcome(kind, observation, result)}
        action, begun, start = self._open.pop(call_id, (event, place, None))
        self._add_tool(action, begun, start, columns)

    def _add_tool(self, action: Event, place: Place, start: int | None, columns: Event) -> None:
        call_id = text_of(action.get("tool_call_id")) or f"tool:{place.offset}"
        call = dict_of(action.get("tool_call"))
        attributes = {key: action[key] for key in ("id", "summary", "security_risk") if action.get(key)}
        if requested_by := text_of(action.get("llm_response_id")):
            attributes["requested_by"] = requested_by
        if self._folder is not None and "end_time" not in columns:
            return  # the file with its result adds the span
        add_tool_call(
            self._into, place, self._trace_id, call_id, action.get("tool_name"),
            call.get("arguments", action.get("action")), parent_span_id=self._root, start_time=start,
            tool_call_id=call_id, service_name=SERVICE, attributes=attributes, **columns,
        )  # fmt: skip

    # --- usage --------------------------------------------------------------------------------------------------------

    def _take_stats(self, value: Event, place: Place, time: int | None) -> None:
        """Take the running totals: what has been added since is one call's, and is logged just before the call."""
        self._flush()
        for usage_id, metrics in dict_of(value.get("usage_to_metrics")).items():
            total = dict_of(dict_of(metrics).get("accumulated_token_usage"))
            counts = tuple(count_of(total.get(key)) or 0 for key in COUNTS)
            before = self._counted.get(usage_id, (0,) * len(COUNTS))
            step = tuple(now - then for now, then in zip(counts, before))
            self._counted[usage_id] = counts
            if min(step) < 0:
                step = counts
            if any(step) and self._folder is None:
                self._unclaimed.append((usage_id, text_of(total.get("model")), step, place, time))

    def _claim(self) -> Event:
        """Return the usage of the agent's own model that no call has claimed."""
        for index, (usage_id, model, step, _, _) in enumerate(self._unclaimed):
            if usage_id in ("default", "agent") or len(self._unclaimed) == 1:
                del self._unclaimed[index]
                return {**_columns(step), "response_model": model}
        return {}

    def _flush(self) -> None:
        """Add the calls whose events are not in the log, or that are no steps of the agent (condensers)."""
        for number, (usage_id, model, step, place, end) in enumerate(self._unclaimed):
            self._transcript.add_call(
                place, f"usage:{usage_id}:{place.offset}:{number}", [], shown=0, parent_span_id=self._root,
                end_time=end, response_model=model, service_name=SERVICE,
                attributes={"usage_id": usage_id, "known_from": "the running total"}, **_columns(step),
            )  # fmt: skip
        if self._unclaimed:
            self._into.note_missing(
                "Some calls are known only from the running total: what they were shown and said is not in the log."
            )
        self._unclaimed.clear()

    def _break_off(self, event: Event, place: Place, time: int | None) -> None:
        """Add what ended the conversation: a step that failed, and of which no model is told."""
        self._failure = error_columns(event.get("detail") or event.get("code"), event.get("code"))
        self._into.add_span(
            place, trace_id=self._trace_id, span_id=text_of(event.get("id")) or f"error:{place.offset}", name="conversation error",
            parent_span_id=self._root, start_time=self._before, end_time=time, service_name=SERVICE, **self._failure,
        )  # fmt: skip

    def _add_event(self, name: str, event: Event, place: Place, time: int | None) -> None:
        self._into.add(
            "span_events", place, trace_id=self._trace_id, span_id=self._root, event_index=self._events, time=time,
            name=name, attributes={key: value for key, value in event.items() if key not in ("kind", "timestamp")},
        )  # fmt: skip
        self._events += 1


def _columns(counts: tuple[int, ...]) -> Event:
    """Return token counts under the names of their columns."""
    return dict(zip(NAMES, counts))


def _outcome(kind: str, observation: Event, result: Any) -> Event:
    code = observation.get("exit_code")
    if kind == "UserRejectObservation":
        return error_columns(result, "rejected by the user") | {"is_control_flow": True}
    if kind == "AgentErrorEvent":
        return error_columns(result, "AgentErrorEvent")
    if isinstance(code, int) and not isinstance(code, bool) and code > 0:
        return error_columns(result, f"exit code {code}")
    if observation.get("is_error") is True:
        return error_columns(result)
    return {"status_code": "OK"} if observation.get("is_error") is False else {}


# --- single documents -------------------------------------------------------------------------------------------------


def read_llm_log(log: Event, place: Place, into: Evidence) -> str | None:
    """Add one model call from the file that `log_completions` writes: the fullest record of it there is. Raises
    UnusableLine.
    """
    response = dict_of(log.get("response"))
    if not isinstance(log.get("messages"), list):
        raise UnusableLine("`messages` is not a list")
    response_id = text_of(response.get("id")) or short_hash(json_text(log))
    transcript = Transcript(into, f"llm:{response_id}")
    for message in log["messages"]:
        transcript.hear(place, message)
    choices = objects_of(response.get("choices"))
    said = [transcript.store(place, choice["message"]) for choice in choices if isinstance(choice.get("message"), dict)]
    end, seconds, cost = parse_time(log.get("timestamp"), "s"), log.get("latency_sec"), log.get("cost")
    duration = parse_duration(seconds, "s")
    start = end - duration if end is not None and duration is not None else None
    reasons = [reason for choice in choices if (reason := text_of(choice.get("finish_reason")))]
    transcript.add_call(
        place, response_id, said, start_time=start, end_time=end,
        service_name=SERVICE, response_model=text_of(response.get("model")),
        reported_cost_usd=cost if isinstance(cost, (int, float)) else None,
        response_finish_reasons=reasons or None,
        attributes={key: log.get(key) for key in ("tools", "kwargs", "context_window")}, **usage_columns(response),
    )  # fmt: skip
    return None


def read_base_state(state: Event, place: Place, into: Evidence) -> str | None:
    """Add the conversation a `base_state.json` describes, with its running total; its event files add the steps."""
    agent, conversation = dict_of(state.get("agent")), text_of(state.get("id")) or short_hash(json_text(state))
    metrics = dict_of(dict_of(state.get("stats")).get("usage_to_metrics"))
    totals = [dict_of(dict_of(one).get("accumulated_token_usage")) for one in metrics.values()]
    counts = [tuple(count_of(total.get(key)) or 0 for key in COUNTS) for total in totals]
    columns: Event = {**_columns(tuple(map(sum, zip(*counts)))), "usage_scope": "cumulative"} if counts else {}
    into.add_span(
        place, trace_id=conversation, span_id=f"conversation:{conversation}", name="conversation",
        operation_name="invoke_agent", agent_name="openhands", conversation_id=conversation, service_name=SERVICE,
        request_model=text_of(dict_of(agent.get("llm")).get("model")),
        attributes={key: value for key, value in state.items() if key not in ("stats", "agent")}, **columns,
    )  # fmt: skip
    return None
