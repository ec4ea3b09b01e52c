"""Memory of a smolagents agent: the list that `agent.memory.get_full_steps()` returns.

Source: smolagents 1.x `memory.py`, and files written with it. The list names neither the agent nor the run.
"""

from __future__ import annotations

import re
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, count_of, dict_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import documents, items, whole
from agentlens.loaders._other_kind import other_kind
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import INCLUDES_CACHE, Transcript, add_tool_call, error_columns

LOOKS_FOR = "a JSON list of steps with `step_number` and `model_input_messages`, often after one with `task`"
CANNOT_KNOW = (
    "the model; the agent's name, unless it is managed by another; when a tool began and ended within its step, and "
    "which memory belongs to which managed agent"
)
VERSION = 2

SERVICE = "smolagents"
# Of each kind of step, with or without words of a model.
STEP_KEYS = frozenset({
    "final_answer", "model_input_messages", "model_output_message", "observations", "output", "plan", "step_number", "system_prompt", "task",
    "task_images", "timing",
})  # fmt: skip
# The words with which a manager hands a task to an agent that it manages.
_MANAGED = re.compile(r"You're a helpful agent named '([^'\n]{1,80})'")


def sniff(head: bytes) -> bool:
    """Whether the document is a list of steps."""
    values = json_values(head)
    if not values:
        return False
    keys = values[0].keys()
    return {"item.step_number", "item.model_input_messages"} <= keys or {"item.task", "item.task_images"} <= keys


def load(source: Source, into: Evidence) -> None:
    """Add the agent's run; each step is a record."""
    document = whole(source, into)
    if document.raw[:1] != b"[":
        for other in documents(source, into):
            take_record(other, into, _refuse)
        return
    into.account.input_tokens_meaning = INCLUDES_CACHE
    run = _Run(into, f"smolagents:{short_hash(document.raw)}")
    try:
        steps = items(document)
    except (ValueError, RecursionError):
        take_record(document, into, run.read)
        return
    for step in steps:
        take_record(step, into, run.read)
    if into.account.accepted:
        run.add_root(Place(document.number, document.offset, len(document.raw)))


def _refuse(value: dict[str, Any], _: Place) -> str | None:
    raise UnusableLine(other_kind(value, LOOKS_FOR))


class _Run:
    def __init__(self, into: Evidence, trace_id: str) -> None:
        self._into, self._trace_id = into, trace_id
        self._task: str | None = None
        self._tasks: list[tuple[str, Place]] = []
        self._start: int | None = None
        self._end: int | None = None
        self._number = 0
        self._error: dict[str, Any] = {}

    def read(self, step: dict[str, Any], place: Place) -> str | None:
        """Take a task, a planning step or an action step."""
        if STEP_KEYS.isdisjoint(step):
            _refuse(step, place)
        self._number += 1
        if "task" in step:
            self._task = self._task or text_of(step["task"])
            task = Transcript(self._into, self._trace_id).hear(place, {"role": "user", "content": step["task"]})
            self._tasks.append((task, place))
        elif "model_input_messages" in step or "model_output_message" in step:
            self._add_step(step, place)
        else:
            self._into.add(
                "span_events",
                place,
                trace_id=self._trace_id,
                span_id="run",
                event_index=self._number,
                name="step",
                attributes=step,
            )
        return None

    def _add_step(self, step: dict[str, Any], place: Place) -> None:
        timing = dict_of(step.get("timing"))
        start, end = parse_time(timing.get("start_time"), "s"), parse_time(timing.get("end_time"), "s")
        self._start = self._start if start is None else min(start, self._start or start)
        self._end = self._end if end is None else max(end, self._end or end)
        span_id, error = f"step:{self._number:04}", dict_of(step.get("error"))
        number = step.get("step_number")
        name = "plan" if "plan" in step else f"step {number}"
        self._error = error_columns(error.get("message"), error.get("type")) if error else {}
        self._into.add_span(
            place, trace_id=self._trace_id, span_id=span_id, parent_span_id="run", name=name, start_time=start,
            end_time=end, operation_name="plan" if "plan" in step else None, service_name=SERVICE,
            attributes=_rest(step), **self._error,
        )  # fmt: skip
        self._add_call(step, span_id, place)
        self._add_tools(step, span_id, place, error)

    def _add_call(self, step: dict[str, Any], span_id: str, place: Place) -> None:
        """Add the step's model call: when it began and ended within the step is not in the log."""
        transcript = Transcript(self._into, self._trace_id)
        for message in _list(step.get("model_input_messages")):
            transcript.hear(place, message)
        output = step.get("model_output_message") or {"role": "assistant", "content": step.get("model_output")}
        usage = dict_of(step.get("token_usage")) or dict_of(dict_of(output).get("token_usage"))
        said = [transcript.store(place, {**dict_of(output), "role": "assistant"})]
        transcript.add_call(
            place, f"call:{self._number:04}", said, parent_span_id=span_id, service_name=SERVICE,
            input_tokens=count_of(usage.get("input_tokens")), output_tokens=count_of(usage.get("output_tokens")),
        )  # fmt: skip

    def _add_tools(self, step: dict[str, Any], span_id: str, place: Place, error: dict[str, Any]) -> None:
        """Add the tools a step called; one that failed is only in the message that asked for it."""
        asked = _list(dict_of(step.get("model_output_message")).get("tool_calls"))
        calls = [call for call in _list(step.get("tool_calls")) or asked if isinstance(call, dict)]
        for index, call in enumerate(calls):
            function = dict_of(call.get("function")) or call
            columns = error_columns(error.get("message"), error.get("type")) if error else {}
            result = step.get("observations") if len(calls) == 1 else None
            add_tool_call(
                self._into, place, self._trace_id, f"tool:{self._number:04}:{index}", function.get("name"),
                function.get("arguments"), parent_span_id=span_id, tool_call_id=text_of(call.get("id")),
                tool_call_result=result, service_name=SERVICE, **columns,
            )  # fmt: skip

    def add_root(self, place: Place) -> None:
        """Add the run; the error of its last step is its own."""
        found = _MANAGED.match(self._task or "")
        name = found[1] if found else None
        self._into.add_span(
            place, trace_id=self._trace_id, span_id="run", name=f"invoke_agent {name}" if name else "invoke_agent",
            agent_name=name, operation_name="invoke_agent", start_time=self._start, end_time=self._end,
            service_name=SERVICE, conversation_id=self._trace_id,
            attributes={"task": self._task} if self._task else {}, **self._error,
        )  # fmt: skip
        self._into.add_span_messages(place, self._trace_id, "run", "input", [task for task, _ in self._tasks])


def _rest(step: dict[str, Any]) -> dict[str, Any]:
    """Return what is in no message and no column."""
    spoken = (
        "model_input_messages",
        "model_output_message",
        "model_output",
        "observations",
        "token_usage",
        "timing",
        "error",
    )
    return {key: value for key, value in step.items() if key not in spoken and value is not None}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
