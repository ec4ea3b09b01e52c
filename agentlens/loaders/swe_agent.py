"""SWE-agent trajectories (`.traj`) and those of mini-swe-agent.

Source: SWE-agent 0.7 to 1.1 `sweagent/agent/agents.py`, mini-swe-agent `models/` and `run/utils/save.py`, and the files
themselves.
"""

from __future__ import annotations

import re
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._claude_code_fields import count_of, dict_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._codex_items import parsed
from agentlens.loaders._json_nested import DECODE_ERRORS, items, members, place_of, value_of, whole
from agentlens.loaders._openhands_run import usage_columns
from agentlens.loaders._other_kind import other_kind
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import INCLUDES_CACHE, Transcript, add_tool_call, error_columns

LOOKS_FOR = (
    "a JSON document with `trajectory` steps that have an `observation`, a `history` with `agent`, or "
    "`trajectory_format`"
)
CANNOT_KNOW = (
    "times (the order of steps stands for them); tokens of single calls, only the run's totals; which model, unless "
    "the configuration is in it"
)
VERSION = 2

SERVICE = "swe-agent"
RUN_KEYS = frozenset({"trajectory", "history", "messages", "info", "trajectory_format", "replay_config"})
NO_TIMES = "The log gives no times: steps stand in their order."
_COMMAND = re.compile(r"```(?:mswea_bash_command|bash|sh)\s*\n(.*?)```", re.DOTALL)


def sniff(head: bytes) -> bool:
    """Whether the document holds steps of a trajectory, or messages with SWE-agent's marks."""
    values = json_values(head)
    if not values:
        return False
    first = values[0]
    if isinstance(first.get("trajectory_format"), str) and "messages" in first:
        return True
    if "trajectory.item.observation" in first and "trajectory.item.action" in first:
        return True
    return "history.item.role" in first and "history.item.agent" in first and "instance_id" not in first


def load(source: Source, into: Evidence) -> None:
    """Add the run; each step of the trajectory and each message of the history is a record."""
    document = whole(source, into)
    try:
        parts = members(document)
        if document.raw[:1] != b"{":
            raise ValueError("a trajectory is an object")
        if RUN_KEYS.isdisjoint(parts):
            raise ValueError(other_kind(parts, LOOKS_FOR))
        fields = {
            key: value_of(part) for key, part in parts.items() if key not in ("trajectory", "history", "messages")
        }
        run = _Run(into, document, fields)
        if "messages" in parts and "history" not in parts:
            run.read_messages(items(parts["messages"]))
        else:
            run.read(items(parts.get("trajectory")), items(parts.get("history")))
        run.add_root()
    except (*DECODE_ERRORS, ValueError) as error:
        into.record()
        into.reject(place_of(document), f"not a trajectory: {error}", document.raw)


class _Run:
    """One run: its history says who was shown what, its trajectory what was done."""

    def __init__(self, into: Evidence, document: Line, fields: dict[str, Any]) -> None:
        self._into, self._place, self._fields = into, place_of(document), fields
        self._name = text_of(fields.get("environment")) or text_of(fields.get("instance_id")) or "run"
        self._trace_id = f"{self._name}:{short_hash(document.raw)}"
        self._transcript = Transcript(into, self._trace_id)
        self._agent_name: str | None = None
        self._calls = 0
        self._is_metered = False
        self._times: list[int] = []
        config = dict_of(parsed(fields.get("replay_config")))
        settings = dict_of(dict_of(fields.get("info")).get("config"))
        self._model = text_of(dict_of(dict_of(config.get("agent")).get("model")).get("name")) or text_of(
            dict_of(settings.get("model")).get("model_name")
        )

    # --- SWE-agent ----------------------------------------------------------------------------------------------------

    def read(self, trajectory: list[Line], history: list[Line]) -> None:
        """Take the history; the n-th answer of the model in it made the n-th step of the trajectory."""
        steps = [(step, place_of(part)) for part in trajectory if (step := self._record(part)) is not None]
        messages = [(message, place_of(part)) for part in history if (message := self._record(part)) is not None]
        following = [message for message, _ in messages[1:]] + [{}]
        for (message, place), answer in zip(messages, following):
            self._agent_name = self._agent_name or text_of(message.get("agent"))
            if message.get("role") == "assistant" and not message.get("is_demo"):
                made = self._calls < len(steps)
                step, step_place = steps[self._calls] if made else (_step_of(message, answer), place)
                self._add_step(step, message, step_place, place)
            else:
                self._transcript.hear(place, _shown(message))
        for step, place in steps[self._calls :]:
            self._add_step(step, {"role": "assistant", "content": step.get("response")}, place, place)

    def _record(self, part: Line) -> dict[str, Any] | None:
        """Count a part as a record and return it; None when it is of no use."""
        self._into.record()
        try:
            value = value_of(part)
        except (*DECODE_ERRORS, ValueError) as error:
            value = error
        if isinstance(value, dict):
            self._into.accept()
            return value
        self._into.reject(place_of(part), "not an object", part.raw)
        return None

    def _add_step(self, step: dict[str, Any], message: dict[str, Any], place: Place, spoken: Place) -> None:
        """Add the call that a step began with, and what was done; both stand at the step, so that they keep their
        order.
        """
        self._calls += 1
        said = self._transcript.store(spoken, _shown(message))
        prompt = step.get("query", step.get("messages"))
        transcript = self._transcript
        if isinstance(prompt, list) and prompt:
            transcript = Transcript(self._into, self._trace_id)
            for shown in prompt:
                transcript.hear(place, _shown(dict_of(shown)))
            self._transcript.show(said)
        attributes = {key: step[key] for key in ("thought", "state", "extra_info") if step.get(key)}
        transcript.add_call(
            place,
            f"call:{self._calls:04}",
            [said],
            parent_span_id="run",
            request_model=self._model,
            service_name=SERVICE,
            attributes=attributes,
        )
        action = text_of(step.get("action"))
        if action:
            self._add_action(action, step, message, place)

    def _add_action(self, action: str, step: dict[str, Any], message: dict[str, Any], place: Place) -> None:
        calls = message.get("tool_calls")
        call = dict_of(calls[0]) if isinstance(calls, list) and calls else {}
        function = dict_of(call.get("function"))
        words = action.split(maxsplit=1)
        add_tool_call(
            self._into, place, self._trace_id, f"tool:{self._calls:04}",
            text_of(function.get("name")) or "".join(words[:1])[:100], function.get("arguments") or action,
            parent_span_id="run", tool_call_id=text_of(call.get("id")), tool_call_result=step.get("observation"),
            service_name=SERVICE,
            attributes={"action": action, "requested_by": f"call:{self._calls:04}"} | _timing(step),
        )  # fmt: skip

    # --- mini-swe-agent -----------------------------------------------------------------------------------------------

    def read_messages(self, messages: list[Line]) -> None:
        """Take the messages of mini-swe-agent: what follows a command is its output."""
        command: tuple[str, Place] | None = None
        for part in messages:
            message = self._record(part)
            if message is None:
                continue
            place, extra = place_of(part), dict_of(message.get("extra"))
            time = parse_time(extra.get("timestamp", message.get("timestamp")), "s")
            self._times += [time] if time is not None else []
            if message.get("role") == "assistant":
                self._calls += 1
                self._add_metered_call(message, extra, place, time)
                command = _command(message, extra, place)
                continue
            self._transcript.hear(place, _shown(message))
            if command is not None:
                self._add_command(command, message, extra, time)
                command = None

    def _add_metered_call(self, message: dict[str, Any], extra: dict[str, Any], place: Place, time: int | None) -> None:
        said = self._transcript.store(place, _shown(message))
        response = dict_of(extra.get("response"))
        columns = usage_columns(response)
        if columns:
            columns["usage_key"] = f"swe-agent:{response['id']}" if text_of(response.get("id")) else None
            self._into.account.input_tokens_meaning = INCLUDES_CACHE
            self._is_metered = True
        cost = extra.get("cost")
        self._transcript.add_call(
            place, f"call:{self._calls:04}", [said], parent_span_id="run", request_model=self._model,
            response_model=text_of(response.get("model")), end_time=time, service_name=SERVICE,
            reported_cost_usd=cost if isinstance(cost, (int, float)) and not isinstance(cost, bool) else None,
            **columns,
        )  # fmt: skip

    def _add_command(
        self, command: tuple[str, Place], message: dict[str, Any], extra: dict[str, Any], time: int | None
    ) -> None:
        code = extra.get("returncode", dict_of(message.get("extra")).get("exit_code"))
        output = extra.get("raw_output", message.get("content"))
        status: dict[str, Any] = {}
        if isinstance(code, int) and not isinstance(code, bool):
            status = error_columns(output, f"exit code {code}") if code else {"status_code": "OK"}
        add_tool_call(
            self._into, command[1], self._trace_id, f"tool:{self._calls:04}", "bash", {"command": command[0]},
            parent_span_id="run", end_time=time, tool_call_result=output, service_name=SERVICE, **status,
        )  # fmt: skip

    # --- the run ------------------------------------------------------------------------------------------------------

    def add_root(self) -> None:
        """Add the run itself with its totals; a replay reports none."""
        info = dict_of(self._fields.get("info"))
        stats, status = dict_of(info.get("model_stats")), text_of(info.get("exit_status"))
        sent, received = count_of(stats.get("tokens_sent")), count_of(stats.get("tokens_received"))
        columns: dict[str, Any] = {}
        if (sent or received) and not self._is_metered:
            columns = {"input_tokens": sent, "output_tokens": received, "usage_scope": "rollup"}
            self._into.account.input_tokens_meaning = INCLUDES_CACHE
        elif not self._is_metered:
            self._into.note_missing("The run reports no tokens.")
        cost = stats.get("instance_cost")
        if isinstance(cost, (int, float)) and cost > 0 and not isinstance(cost, bool):
            columns["reported_cost_usd"] = cost
        if status:
            columns |= (
                error_columns(status, status)
                if "exit_" in status or "Exceeded" in status
                else {"status_code": "OK", "status_message": status}
            )
        if not self._times:
            self._into.note_missing(NO_TIMES)
        kept = {key: value for key, value in info.items() if not key.startswith("edited_files") and key != "config"}
        self._into.add_span(
            self._place, trace_id=self._trace_id, span_id="run", name=f"run {self._name}",
            operation_name="invoke_agent", agent_name=self._agent_name or SERVICE, request_model=self._model,
            service_name=SERVICE,
            agent_version=text_of(info.get("swe_agent_version")) or text_of(info.get("mini_version")),
            conversation_id=self._trace_id, start_time=min(self._times, default=None),
            end_time=max(self._times, default=None),
            attributes={"environment": self._fields.get("environment"), "info": kept}, **columns,
        )  # fmt: skip


def _timing(step: dict[str, Any]) -> dict[str, Any]:
    """Return how long a step took: when it began is not in the log, so that no span can say it."""
    seconds = step.get("execution_time")
    return {} if seconds is None else {"execution_time": seconds}


def _step_of(message: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return the step that a message made, where a file (a demonstration) holds messages only."""
    return {
        "action": message.get("action"),
        "observation": answer.get("content") if answer.get("role") in ("tool", "user") else None,
    }


def _shown(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message with the id of the call that it answers where the dialects look for it."""
    ids = message.get("tool_call_ids")
    answered = ids[0] if isinstance(ids, list) and ids else message.get("tool_call_id")
    kept = {key: message[key] for key in ("role", "content", "tool_calls") if key in message}
    return kept | ({"tool_call_id": answered} if answered is not None else {})


def _command(message: dict[str, Any], extra: dict[str, Any], place: Place) -> tuple[str, Place] | None:
    actions = extra.get("actions")
    if isinstance(actions, list) and actions:
        text = (
            text_of(actions[0])
            or text_of(dict_of(actions[0]).get("command"))
            or text_of(dict_of(actions[0]).get("action"))
        )
        return (text, place) if text else None
    content = message.get("content")
    found = _COMMAND.search(content) if isinstance(content, str) else None
    return (found[1].strip(), place) if found else None
