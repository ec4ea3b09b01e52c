"""What workspaces declare in tables and front matter: who may hand over to whom, how agents are, what an agent has."""

from __future__ import annotations

import re
from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.loaders._status import status_word
from agentlens.loaders._tables import TableRow

DELEGATORS = ("from", "delegator", "delegating agent")
DELEGATES = ("to", "delegate", "delegate to", "delegates to", "receiving agent")
CONDITIONS = ("when", "condition", "trigger", "if")
AGENTS = ("agent", "agent name", "agent id")
STATUSES = ("status", "state")
NO_NAME = frozenset({"", "-", "–", "—", "n/a", "none", "?", "tbd"})
_SEVERAL = re.compile(r"\s*[,;]\s*|\s+(?:/|&|and|or)\s+", re.IGNORECASE)


def add_table_row(into: Evidence, names: frozenset[str], row: TableRow, time: int | None, wave: int | None) -> None:
    """Add what a row of a table says: a delegation (From, To, When), or the status of an agent (Agent, Status)."""
    delegator, delegate, condition = (_first(row.cells, titles) for titles in (DELEGATORS, DELEGATES, CONDITIONS))
    if delegator is not None and delegate is not None and names & set(CONDITIONS):
        add_delegations(into, row.place, delegator, delegate, condition)
    agent, status = _first(row.cells, AGENTS), _first(row.cells, STATUSES)
    if agent and status is not None and agent.lower() not in NO_NAME:
        word, detail = status_word(status)
        rest = {name: cell for name, cell in row.cells.items() if cell and name not in (*AGENTS, *STATUSES)}
        into.see_time(time)
        into.add(
            "status_reports", row.place, kind="table", agent_name=agent, time=time, wave=wave, status=word,
            detail=detail if word else status or None, attributes=rest or None,
        )  # fmt: skip


def add_delegations(into: Evidence, place: Place, delegator: str, delegate: str, condition: str | None) -> None:
    """Add who may hand over to whom; several names in one cell are several rows."""
    said = condition if condition and condition.lower() not in NO_NAME else None
    for giver in _SEVERAL.split(delegator):
        for taker in _SEVERAL.split(delegate):
            if giver.lower() not in NO_NAME and taker.lower() not in NO_NAME:
                into.add("delegations", place, delegator=giver, delegate=taker, condition=said)


def declared(values: dict[str, Any]) -> dict[str, Any]:
    """Return the columns of `agents` that a manifest's entry or front matter fills; what fits none goes to `attributes`."""
    rest = dict(values)
    columns: dict[str, Any] = {
        "agent_id": _text(rest.pop("id", None) or rest.pop("agent_id", None)),
        "role": _text(rest.pop("role", None)),
        "agent_version": _text(rest.pop("version", None)),
        "model": _text(rest.pop("model", None)),
        "reports_to": _text(rest.pop("reports_to", None)),
        "tools": tool_names(rest.pop("tools", None)),
        "budget": rest.pop("budget", None),
    }
    return {**columns, "attributes": rest or None}


def tool_names(value: Any) -> list[str] | None:
    """Return names of tools from a list of names, a list of objects with names, or an object by name; None for nothing."""
    if isinstance(value, str):
        return [name for name in re.split(r"[,\s]+", value) if name]
    if isinstance(value, dict):
        return [str(name) for name, is_on in value.items() if is_on is not False]
    if not isinstance(value, list):
        return None
    named = [item.get("name") or item.get("id") if isinstance(item, dict) else item for item in value]
    return [str(name) for name in named if name is not None]


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json_text(value)


def _first(cells: dict[str, str], titles: tuple[str, ...]) -> str | None:
    return next((cells[title] for title in titles if title in cells), None)
