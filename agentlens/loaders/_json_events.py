"""Events among home-grown JSON lines that are no work: heartbeats, reports of a state, and what agents say to one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentlens._json_text import json_each
from agentlens.loaders._json_columns import Columns
from agentlens.loaders._mapping import Field, without

BEATS = frozenset({
    "heartbeat", "heart_beat", "agent_heartbeat", "worker_heartbeat", "heartbeat_ok", "keepalive", "keep_alive",
    "alive", "still_alive", "liveness", "beat", "pulse",
})  # fmt: skip
# What an event is called by which an agent says something to another.
SAID = frozenset({
    "message", "msg", "dm", "agent_message", "direct_message", "message_sent", "msg_sent", "sent_message", "send_message", "say", "tell", "reply",
})  # fmt: skip
# What an event is called that says in what state an agent is, by its status or by its own name.
REPORTS = frozenset({
    "status", "agent_status", "status_update", "status_report", "status_change", "state_change", "blocked", "waiting", "unblocked",
})  # fmt: skip
# Levels of a log line, which are no state of an agent.
_LEVELS = frozenset({"WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "NOTICE", "TRACE"})
# Where a report says more than its status, the first that there is.
_DETAILS = ("detail", "details", "reason", "note", "waiting_for", "waiting_on", "blocked_by", "blocked_on")
# What a beat, or a word, is not: work.
_WORK = ("operation_name", "tool_name", "request_model", "input", "output", "end_time")
# Words that say of a beat that it went well, and nothing of the state of the work.
_WELL = frozenset({"OK", "SUCCESS", "TRUE", "INFO", "DEBUG", "PASS", "ALIVE", "UP", "HEALTHY"})


def is_beat(action: Any, agent: Any, time: Any, work: Sequence[Any]) -> bool:
    """Whether a record of this action, agent and time, and with these fields of work, is a heartbeat."""
    if not isinstance(action, str) or agent is None or time is None or any(field is not None for field in work):
        return False
    return _plain(action) in BEATS


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_").replace(".", "_")


def are_said(said: Columns) -> list[bool]:
    """Return for each record whether an agent says something to another: an event of that name, with a recipient and words, and no work."""
    if "recipient" not in said.said or "payload" not in said.said:
        return [False] * len(said["name"])
    work = zip(*(said[column] for column in _WORK))
    facts = zip(said["name"], said["agent_name"], said["recipient"], said["payload"], work)
    return [
        isinstance(name, str) and _plain(name) in SAID and None not in sides and all(field is None for field in fields)
        for name, *sides, fields in facts
    ]


def is_report(action: Any, agent: Any, time: Any, word: Any, work: Sequence[Any]) -> bool:
    """Whether a record of this action, agent, time and status, and with these fields of work, reports the state of an agent."""
    if not isinstance(action, str) or None in (agent, time) or any(field is not None for field in work):
        return False
    name = _plain(action)
    return name in REPORTS and (name.endswith(("blocked", "waiting")) or (state(word) or "WARN") not in _LEVELS)


def are_beats(said: Columns) -> list[bool]:
    """Return for each record whether it is a heartbeat, or reports a state."""
    facts = zip(*(said[column] for column in ("name", "agent_name", "start_time", "status_code")))
    work = zip(*(said[column] for column in _WORK))
    return [is_beat(n, a, t, w) or is_report(n, a, t, s, w) for (n, a, t, s), w in zip(facts, work)]


def state(word: Any) -> str | None:
    """Return the status word of a beat; None for one that says only that it beat."""
    told = word.strip().upper().replace(" ", "_").replace("-", "_") if isinstance(word, str) else ""
    return told if told and told not in _WELL else None


def beats(
    records: list[dict[str, Any]], said: Columns, times: list[int | None], texts: dict[str, Any], waves: Any
) -> dict[str, Any]:
    """Return the columns of the status reports that heartbeats are."""
    names = [_plain(str(name)) for name in said["name"]]
    states = [
        name.upper() if name.endswith(("blocked", "waiting")) else state(word)
        for name, word in zip(names, said["status_code"])
    ]
    details = [
        text if text is not None else next((str(record[key]) for key in _DETAILS if record.get(key) is not None), None)
        for text, record in zip(texts["payload"], records)
    ]
    rows = {
        "kind": ["report" if name in REPORTS else "heartbeat" for name in names], "wave": waves, "agent_name": texts["agent_name"], "recipient": texts["recipient"],
        "time": times, "status": states, "detail": details,
    }  # fmt: skip
    taken = {"name": said["name"], "wave": waves, "recipient": texts["recipient"], "start_time": times, "status_code": states,
             "payload": texts["payload"], "agent_name": texts["agent_name"]}  # fmt: skip
    found = [(said.paths(column), values) for column, values in taken.items() if column in said.used]
    rests = [
        without(
            record, [_field(paths[number]) for paths, values in found if paths[number] and values[number] is not None]
        )
        for number, record in enumerate(records)
    ]
    return {**rows, "attributes": [text if rest else None for rest, text in zip(rests, json_each(rests))]}


def _field(path: str) -> Field:
    return Field(path, tuple(path.split(".")), None)
