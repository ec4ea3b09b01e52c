"""States of agents in JSON: liveness files of processes (`pid`, `role`, `started`, `status`) and checkpoints of waves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._json_places import decode_record, documents
from agentlens.loaders._status import status_word
from agentlens.loaders._times import is_zoned, parse_time

LOOKS_FOR = (
    "JSON with `pid`, `status` and `parent_heartbeat` or `role` and `started` (a liveness file), "
    "or with `wave` and `agents` that have a status (a checkpoint)"
)
CANNOT_KNOW = (
    "model calls, tokens and cost; each file holds the last state only, and whether it is so is the agent's word"
)
VERSION = 1

NAMES = ("agent", "agent_name", "agent_id", "name", "role", "id")
TIMES = (
    "updated",
    "updated_at",
    "last_seen",
    "last_heartbeat",
    "heartbeat",
    "timestamp",
    "ts",
    "time",
    "created_at",
    "at",
    "started",
)
STATUSES = ("status", "state")
DETAILS = ("detail", "details", "message", "note", "summary")
NO_STATE = "no state of an agent: it names neither an agent with a status nor a wave with agents"
NEXT = ("next_action", "next", "next_step")


def sniff(head: bytes) -> bool:
    """Whether the first JSON value is a liveness record or a checkpoint of a wave."""
    if head.lstrip()[:1] != b"{":
        return False
    return any(_is_liveness(paths) or _is_checkpoint(paths) for paths in json_values(head)[:1])


def _is_liveness(paths: dict[str, Any]) -> bool:
    return {"pid", "status"} <= paths.keys() and ("parent_heartbeat" in paths or {"role", "started"} <= paths.keys())


def _is_checkpoint(paths: dict[str, Any]) -> bool:
    return {"wave", "agents"} <= paths.keys() and any(
        path.startswith("agents.")
        and ((path.count(".") == 1 and isinstance(value, str) and path != "agents.item") or path.endswith(".status"))
        for path, value in paths.items()
    )


def load(source: Source, into: Evidence) -> None:
    """Add a status report for each state of an agent; each JSON object is a record."""
    for document in documents(source):
        into.record()
        record = decode_record(document.raw, _place(document), into, "state of an agent")
        if record is None:
            continue
        if _add(into, document, record):
            into.accept()
        else:
            into.reject(_place(document), NO_STATE, document.raw)


def _place(document: Line) -> Place:
    return Place(document.number, document.offset, len(document.raw))


def _add(into: Evidence, document: Line, record: dict[str, Any]) -> bool:
    """Add the states in a record; False when it holds none."""
    shared = {key: value for key, value in record.items() if key != "agents"}
    states = list(_states(record.get("agents"))) if "agents" in record else [(None, record)]
    added = 0
    for name, state in states:
        said = state if isinstance(state, dict) else {"status": state}
        agent = _first(said, NAMES) or name
        if agent is None or _first(said, STATUSES) is None:
            continue
        kind, around = ("checkpoint", shared) if "agents" in record else ("liveness", {})
        _add_report(into, document, kind, str(agent), said, around)
        added += 1
    return added > 0


def _states(agents: Any) -> Iterator[tuple[str | None, Any]]:
    if isinstance(agents, dict):
        yield from agents.items()
    elif isinstance(agents, list):
        yield from ((None, agent) for agent in agents)


def _add_report(
    into: Evidence, document: Line, kind: str, agent: str, said: dict[str, Any], around: dict[str, Any]
) -> None:
    status, detail = status_word(_text(_first(said, STATUSES)) or "")
    logged = next((value for level in (said, around) for name in TIMES if (value := level.get(name)) is not None), None)
    time = parse_time(logged)
    if time is not None and not is_zoned(logged):
        into.note_missing("Some times name no zone; they are taken as UTC.")
    wave = around.get("wave", said.get("wave"))
    into.see_time(time)
    into.add(
        "status_reports", _place(document), kind=kind, agent_name=agent, time=time, wave=wave if isinstance(wave, int) else None,
        status=status or (_text(_first(said, STATUSES)) or "").upper() or None, detail=_text(_first(said, DETAILS)) or detail,
        next_action=_text(_first(said, NEXT) or _first(around, NEXT)), attributes={**around, **said},
    )  # fmt: skip


def _first(values: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json_text(value)
