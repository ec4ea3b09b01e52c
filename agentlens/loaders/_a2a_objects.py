"""Turns A2A objects into evidence: messages, tasks with their states, agent cards."""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens.dialects.messages import text_part
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, objects_of, text_of
from agentlens.loaders._claude_code_memory import Step, number_of, place_of
from agentlens.loaders._shelf import Shelf
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import Transcript, as_text, error_columns

Object = dict[str, Any]

SIDES = {"ROLE_USER": "user", "ROLE_AGENT": "agent", "user": "user", "agent": "agent"}
FAILED = frozenset({"failed", "rejected"})
ENDED = FAILED | {"completed", "canceled", "cancelled"}
INNER = ("task", "message", "statusUpdate", "artifactUpdate", "msg")


class Task(Step, kw_only=True):
    """A task as far as the log shows it; the latest state counts."""

    task_id: str
    context_id: str
    state: str | None = None
    message: str | None = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)
    heard: dict[str, None] = msgspec.field(default_factory=dict)
    said: dict[str, None] = msgspec.field(default_factory=dict)


class ObjectReader:
    """Reads objects one by one; a task is known from every object that names it."""

    def __init__(self, into: Evidence, log_id: str) -> None:
        self._into, self._log_id = into, log_id
        self._tasks = Shelf(Task)
        self._seen: set[int] = set()

    def read(self, value: Object, place: Place) -> str | None:
        """Take one object; returns the reason when it is skipped. Raises UnusableLine."""
        if value.get("jsonrpc") == "2.0":
            return self._read_rpc(value, place)
        inner = next((value[key] for key in INNER if isinstance(value.get(key), dict)), None)
        if inner is not None and "role" not in value and "parts" not in value:
            return self.read(inner, place)
        if "parts" in value and text_of(value.get("role")) in SIDES:
            self._add_message(value, place)
        elif "artifactId" in value or isinstance(value.get("artifact"), dict):
            self._add_artifact(value, place)
        elif isinstance(value.get("status"), dict):
            self._read_task(value, place)
        elif _is_card(value):
            self._add_card(value, place)
        else:
            raise UnusableLine("no A2A message, task, update or agent card")
        return None

    def _read_rpc(self, value: Object, place: Place) -> str | None:
        params, result = dict_of(value.get("params")), dict_of(value.get("result"))
        if isinstance(value.get("error"), dict):
            self._add_error(value, place)
        elif isinstance(params.get("message"), dict):
            return self.read(params["message"], place)
        elif isinstance(result.get("tasks"), list):
            for task in result["tasks"]:
                self._read_task(dict_of(task), place)
        elif result:
            return self.read(result, place)
        else:
            return f"request {str(value.get('method'))[:60]}: asks only"
        return None

    # --- messages -----------------------------------------------------------------------------------------------------

    def _add_message(self, message: Object, place: Place) -> None:
        """Add a message once, wherever it is repeated (a task lists its history)."""
        side, identity = SIDES[message["role"]], text_of(message.get("messageId"))
        task = self._task(message, place)
        if task is not None:
            said = Transcript(self._into, task.context_id).store(place, {"role": side, "parts": _parts(message)})
            (task.heard if side == "user" else task.said).setdefault(said)
        if identity is not None and (number := number_of(identity)) in self._seen:
            return
        self._seen |= {number} if identity is not None else set()
        time = parse_time(dict_of(message.get("metadata")).get("timestamp"))
        self._into.see_time(time)
        self._into.add(
            "agent_messages", place, message_id=identity, trace_id=self._context(message),
            span_id=task.span_id if task else None, sender=side, recipient="agent" if side == "user" else "user",
            time=time, kind="a2a", payload=_payload(message),
        )  # fmt: skip

    def _add_artifact(self, value: Object, place: Place) -> None:
        artifact = dict_of(value.get("artifact")) or value
        task = self._task(value, place)
        self._into.add(
            "agent_messages", place, message_id=text_of(artifact.get("artifactId")), trace_id=self._context(value),
            span_id=task.span_id if task else None, sender="agent", recipient="user", kind="a2a",
            payload=_payload(artifact),
        )  # fmt: skip

    def _context(self, value: Object) -> str:
        task = self._tasks.get(text_of(value.get("taskId")) or "")
        return text_of(value.get("contextId")) or (task.context_id if task else self._log_id)

    # --- tasks --------------------------------------------------------------------------------------------------------

    def _task(self, value: Object, place: Place, task_id: str | None = None) -> Task | None:
        task_id = task_id or text_of(value.get("taskId"))
        if task_id is None:
            return None
        task = self._tasks.get(task_id)
        if task is None:
            task = self._tasks[task_id] = Task(
                span_id=f"task:{task_id}",
                place=place,
                task_id=task_id,
                context_id=text_of(value.get("contextId")) or self._log_id,
            )
        return task

    def _read_task(self, value: Object, place: Place) -> None:
        """Take a task, or an update of its status."""
        status = dict_of(value.get("status"))
        task = self._task(
            value, place, text_of(value.get("taskId")) or text_of(value.get("id")) or f"unnamed:{place.offset}"
        )
        if task is None:
            return
        for message in objects_of(value.get("history")):
            if text_of(message.get("role")) in SIDES:
                self._add_message({"taskId": task.task_id, "contextId": task.context_id, **message}, place)
        for artifact in objects_of(value.get("artifacts")):
            self._add_artifact({"taskId": task.task_id, "contextId": task.context_id, "artifact": artifact}, place)
        time = parse_time(status.get("timestamp"))
        task.reach(time)
        task.state = text_of(status.get("state")) or task.state
        task.metadata |= dict_of(value.get("metadata"))
        message = dict_of(status.get("message"))
        if message:
            task.message = (
                "\n".join(part["content"] for part in _parts(message) if isinstance(part.get("content"), str)) or None
            )
            if text_of(message.get("role")) in SIDES:
                self._add_message({"taskId": task.task_id, "contextId": task.context_id, **message}, place)
        self._into.add(
            "span_events", place, trace_id=task.context_id, span_id=task.span_id, event_index=task.events, time=time,
            name="status", attributes=status,
        )  # fmt: skip
        task.events += 1

    def _add_error(self, value: Object, place: Place) -> None:
        error = dict_of(value.get("error"))
        self._into.add_span(
            place, trace_id=self._log_id, span_id=f"error:{place.offset}", name="JSON-RPC error", service_name="a2a",
            attributes=value, **error_columns(error.get("message"), f"JSON-RPC {error.get('code')}"),
        )  # fmt: skip

    def _add_card(self, card: Object, place: Place) -> None:
        """Add an agent as its card declares it."""
        skills = objects_of(card.get("skills"))
        names = [name for skill in skills if (name := text_of(skill.get("id")) or text_of(skill.get("name")))]
        self._into.add(
            "agents", place, agent_name=card["name"], role=text_of(card.get("description")),
            agent_version=text_of(card.get("version")), tools=names or None, known_from="manifest", attributes=card,
        )  # fmt: skip

    def finish(self) -> None:
        """Add the tasks."""
        with self._tasks:
            for task in self._tasks.values():
                self._add_task(task)

    def _add_task(self, task: Task) -> None:
        state = (task.state or "").removeprefix("TASK_STATE_").lower().replace("_", "-")
        columns: Object = {"status_message": task.message or state or None}
        if state in FAILED:
            columns = error_columns(task.message or state, state)
        elif state == "completed":
            columns["status_code"] = "OK"
        self._into.add_span(
            place_of(task), trace_id=task.context_id, span_id=task.span_id, name=f"task {task.task_id}",
            service_name="a2a", operation_name="invoke_agent", conversation_id=task.context_id,
            start_time=task.start, end_time=task.end if state in ENDED else None,
            attributes={"state": task.state, **task.metadata}, **columns,
        )  # fmt: skip
        self._into.add_span_messages(place_of(task), task.context_id, task.span_id, "input", [*task.heard])
        self._into.add_span_messages(place_of(task), task.context_id, task.span_id, "output", [*task.said])


def _is_card(value: Object) -> bool:
    return text_of(value.get("name")) is not None and "capabilities" in value


def _parts(message: Object) -> list[Object]:
    """Return the parts in the conventions' shape: text as text, data and files whole."""
    parts = message.get("parts")
    found = []
    for part in parts if isinstance(parts, list) else []:
        text = dict_of(part).get("text")
        found.append(text_part(text) if isinstance(text, str) else {"type": "unknown", "content": part})
    return found


def _payload(message: Object) -> str | None:
    """Return the text of a message that is all text, else its parts as JSON."""
    parts = _parts(message)
    if parts and all(part["type"] == "text" for part in parts):
        return "\n".join(part["content"] for part in parts)
    return as_text(message.get("parts"))
