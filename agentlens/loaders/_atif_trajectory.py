"""Turns one ATIF trajectory into spans: the agent's run, its model calls, its tool calls."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Place
from agentlens.dialects.messages import call_part, normalise_part, reasoning_part, result_part
from agentlens.loaders._claude_code_fields import UnusableLine, count_of, dict_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_nested import place_of
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, add_tool_call

Step = dict[str, Any]

COPIED = "copied from an earlier trajectory as context"


class TrajectoryReader:
    """Reads the steps of one trajectory; a sub-agent's stands in the trace of the one above."""

    def __init__(self, into: Evidence, fields: Step, document: Line, above: TrajectoryReader | None) -> None:
        self._into, self._fields, self._place = into, fields, place_of(document)
        own = (
            text_of(fields.get("trajectory_id"))
            or text_of(fields.get("session_id"))
            or f"atif:{short_hash(document.raw)}"
        )
        session = text_of(fields.get("session_id")) or own
        self.trace_id: str = above.trace_id if above else session
        self.root: str = f"trajectory:{own}"
        self._parent = above.spawners.get(own, above.root) if above else None
        self.spawners: dict[str, str] = {}
        self._prefix = f"{own}:" if above else ""
        self._transcript = Transcript(into, self.trace_id)
        agent = dict_of(fields.get("agent"))
        self._agent, self._model = text_of(agent.get("name")), text_of(agent.get("model_name"))
        self._start: int | None = None
        self._end: int | None = None
        self._number = 0
        self._is_metered = False

    def read(self, step: Step, place: Place) -> str | None:
        """Take one step; returns the reason when it is skipped. Raises UnusableLine."""
        source = step.get("source")
        if source not in ("user", "agent", "system"):
            raise UnusableLine("a step without a source of user, agent or system")
        self._number += 1
        time = parse_time(step.get("timestamp"))
        before = self._end
        self._reach(time)
        if step.get("is_copied_context") is True:
            self._hear_copied(step, source, place)
            return COPIED
        if source == "agent":
            self._add_call(step, place, before, time)
        else:
            self._transcript.hear(place, {"role": source, "parts": _parts(step.get("message"))})
        self._hear_results(step, place)
        return None

    def _reach(self, time: int | None) -> None:
        self._into.see_time(time)
        if time is not None:
            self._start = time if self._start is None else self._start
            self._end = time if self._end is None else max(self._end, time)

    def _hear_copied(self, step: Step, source: str, place: Place) -> None:
        role = "assistant" if source == "agent" else source
        self._transcript.hear(place, {"role": role, "parts": _spoken(step)})
        self._hear_results(step, place)

    def _hear_results(self, step: Step, place: Place) -> None:
        for result in _results(step):
            answer = result_part(result.get("source_call_id"), result.get("content"))
            self._transcript.hear(place, {"role": "tool", "parts": [answer]})

    def _add_call(self, step: Step, place: Place, start: int | None, end: int | None) -> None:
        span_id = f"{self._prefix}call:{step.get('step_id', self._number)}"
        said = self._transcript.store(place, {"role": "assistant", "parts": _spoken(step)})
        usage = _usage_columns(dict_of(step.get("metrics")))
        self._is_metered = self._is_metered or bool(usage)
        extra = {key: step[key] for key in ("step_id", "reasoning_effort", "extra", "llm_call_count") if step.get(key)}
        self._transcript.add_call(
            place, span_id, [said], parent_span_id=self.root, start_time=start, end_time=end, attributes=extra,
            request_model=text_of(step.get("model_name")) or self._model, **usage,
        )  # fmt: skip
        results = _results(step)
        for index, call in enumerate(_list(step.get("tool_calls"))):
            call_id = text_of(call.get("tool_call_id"))
            answer = next((one for one in results if call_id and one.get("source_call_id") == call_id), {})
            tool_id = f"{self._prefix}{call_id}" if call_id else f"{self._prefix}tool:{self._number}:{index}"
            add_tool_call(
                self._into, place, self.trace_id, tool_id, call.get("function_name"), call.get("arguments"),
                parent_span_id=self.root, start_time=end, tool_call_id=call_id, tool_call_result=answer.get("content"),
                attributes={"requested_by": span_id},
            )  # fmt: skip
            self._link(answer, tool_id, place)

    def _link(self, result: Step, tool_id: str, place: Place) -> None:
        """Remember which call a sub-agent's trajectory belongs to, and say so: it may be in a file of its own."""
        for index, ref in enumerate(_list(result.get("subagent_trajectory_ref"))):
            inner = text_of(ref.get("trajectory_id")) or text_of(ref.get("session_id"))
            if inner is None:
                continue
            self.spawners[inner] = tool_id
            self._into.add(
                "span_links", place, trace_id=self.trace_id, span_id=tool_id, link_index=index,
                linked_trace_id=self.trace_id, linked_span_id=f"trajectory:{inner}",
                attributes={"agentlens.relation": "spawned"},
            )  # fmt: skip
            if text_of(ref.get("trajectory_path")):
                self._into.note_missing(
                    f"The trajectory of sub-agent {inner} is another file, {ref['trajectory_path']}."
                )

    def finish(self) -> None:
        """Add the run with its totals."""
        agent, totals = dict_of(self._fields.get("agent")), dict_of(self._fields.get("final_metrics"))
        columns = _total_columns(totals)
        if columns and not self._is_metered:
            self._into.note_missing("Steps carry no usage: only the total of the trajectory is known.")
        self._into.add_span(
            self._place, trace_id=self.trace_id, span_id=self.root, parent_span_id=self._parent,
            name=f"invoke_agent {self._agent}" if self._agent else "invoke_agent", operation_name="invoke_agent",
            agent_name=self._agent, agent_version=text_of(agent.get("version")), request_model=self._model,
            conversation_id=text_of(self._fields.get("session_id")) or self.trace_id, start_time=self._start,
            end_time=self._end, attributes=self._fields, **columns,
        )  # fmt: skip


def _spoken(step: Step) -> list[Step]:
    reasoning = text_of(step.get("reasoning_content"))
    parts: list[Step] = [reasoning_part(reasoning)] if reasoning else []
    parts += _parts(step.get("message"))
    calls = _list(step.get("tool_calls"))
    return parts + [call_part(c.get("tool_call_id"), c.get("function_name"), c.get("arguments")) for c in calls]


def _parts(message: Any) -> list[Step]:
    parts = message if isinstance(message, list) else [message] if message else []
    return [normalise_part(part) for part in parts]


def _results(step: Step) -> list[Step]:
    return _list(dict_of(step.get("observation")).get("results"))


def _list(value: Any) -> list[Step]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _usage_columns(metrics: Step) -> Step:
    """Return the token columns of a step; prompt tokens include cached ones by definition."""
    prompt, completion, cost = (
        count_of(metrics.get("prompt_tokens")),
        count_of(metrics.get("completion_tokens")),
        metrics.get("cost_usd"),
    )
    columns: Step = {}
    if prompt is not None or completion is not None:
        columns = {
            "input_tokens": prompt,
            "output_tokens": completion,
            "cache_read_input_tokens": count_of(metrics.get("cached_tokens")),
        }
    if isinstance(cost, (int, float)) and not isinstance(cost, bool):
        columns["reported_cost_usd"] = cost
    return columns


def _total_columns(totals: Step) -> Step:
    renamed = {key.removeprefix("total_"): value for key, value in totals.items()}
    columns = _usage_columns(renamed)
    return {**columns, "usage_scope": "rollup"} if "input_tokens" in columns or "output_tokens" in columns else columns
