"""Reads one agent's story in one conversation: its calls, what it said and heard, and the window of every call.

The page's side of the wire is written down in `src/conversation_story.ts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from agentlens.explorers._explorer import load_question
from agentlens.explorers._pack import Array, pack_columns

Row = dict[str, Any]
Ask = Callable[[str, Mapping[str, Any]], list[Row]]

END = 2**62
CHANGES = ("same", "added", "rewritten", "dropped", "compacted")
PRESENT = 3
# Tokens for one character of logged text that can be believed; outside of this the log does not hold what was metered.
LIKELY_RATE = (0.05, 1.0)


@dataclass(frozen=True)
class Scope:
    """Whose story: an agent in a conversation, in all traces or one, in tree order from `first` to before `last`."""

    agent: str | None
    conversation: str
    trace: str | None = None
    first: int = 0
    last: int = END

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of the questions about a story."""
        return asdict(self)

    @property
    def windows(self) -> dict[str, Any]:
        """The parameters of the questions about windows."""
        return {"agent": self.agent, "conversation": self.conversation, "trace": self.trace}

    def inside(self, run: Row) -> Scope:
        """Return the story of a run that this one began."""
        return replace(self, trace=None, **run)


@dataclass(frozen=True)
class Windows:
    """The windows of all calls, row by row: which message of which call, what became of it, and what it said before."""

    call: Array
    message: Array
    change: Array
    before: Array
    position: Array

    def pack(self) -> tuple[Row, bytes]:
        """Return how many rows there are with the directory of their columns, and the columns."""
        directory, packed = pack_columns(vars(self))
        return {"rows": len(self.call), "columns": directory}, packed

    def until(self, calls: int) -> Windows:
        """Return the windows of the first calls."""
        kept = self.call < calls
        return Windows(**{name: column[kept] for name, column in vars(self).items()})


def read_story(ask: Ask, scope: Scope) -> Row:
    """Return what the transcript is made of: calls, messages, tools and runs of other agents, in order, without texts."""
    calls = ask(load_question("conversation_calls"), scope.params)
    rows = {call["number"]: row for row, call in enumerate(calls)}
    messages = [_message(row, rows) for row in ask(load_question("conversation_messages"), scope.params)]
    tools = ask(load_question("conversation_tools"), scope.params)
    runs = ask(load_question("conversation_runs"), scope.params)
    return {
        "agent": scope.agent,
        "conversation": scope.conversation,
        "trace": scope.trace,
        "calls": calls,
        "messages": messages,
        "tools": _place(tools, rows),
        "runs": _place(runs, rows),
    }


def read_windows(ask: Ask, scope: Scope, story: Row) -> Windows:
    """Return the windows of a story's calls; its messages learn their origins, and those it lacks are added to them."""
    rows = {call["number"]: row for row, call in enumerate(story["calls"])}
    places = {message["key"]: place for place, message in enumerate(story["messages"])}
    strata = [row for row in ask(load_question("conversation_windows"), scope.windows) if row["number"] in rows]
    for row in strata:
        key = row["message_hash"]
        if key not in places:
            places[key] = len(places)
            story["messages"].append({"key": key, "role": row["role"], "number": None, "characters": 0})
        _give_origin(story["messages"][places[key]], row)
    summaries = {row["summary_hash"] for row in strata} - {None}
    story["cuts"] = _list_cuts(strata, rows, places)
    story["summaries"] = sorted(places[key] for key in summaries)
    return Windows(
        call=np.array([rows[row["number"]] for row in strata], "u4"),
        message=np.array([places[row["message_hash"]] for row in strata], "u4"),
        change=np.array([row["change"] for row in strata], "u1"),
        before=np.array([places.get(row["before_hash"], -1) for row in strata], "i4"),
        position=np.array([row["position"] for row in strata], "u4"),
    )


def read_lost_values(ask: Ask, scope: Scope, story: Row) -> dict[int, Row]:
    """Return by call which values its window lost: the most repeated, and how many there are in all."""
    rows = {call["number"]: row for row, call in enumerate(story["calls"])}
    lost: dict[int, Row] = {}
    for value in ask(load_question("conversation_lost_values"), scope.windows):
        if value["number"] in rows:
            entry = lost.setdefault(rows[value["number"]], {"values": [], "total": value["total"]})
            entry["values"].append([value["value"], value["messages"]])
    return lost


def estimate_tokens(story: Row, windows: Windows) -> Row:
    """Return how characters become tokens in this story: `rate` for each, after `base` tokens that the log does not hold.

    A straight line through input tokens over logged characters of all calls; None for both where no line can be believed.
    """
    measured = np.array([call["input_tokens"] or 0 for call in story["calls"]], float)
    lengths = np.array([message["characters"] for message in story["messages"]], float)
    stands = windows.change < PRESENT
    sizes = np.bincount(windows.call[stands], lengths[windows.message[stands]], len(measured))
    known = (measured > 0) & (sizes > 0)
    if len(np.unique(sizes[known])) < 3:
        return {"base": None, "rate": None}
    rate, base = (float(number) for number in np.polyfit(sizes[known], measured[known], 1))
    if not LIKELY_RATE[0] <= rate <= LIKELY_RATE[1] or base < 0:
        return {"base": None, "rate": None}
    return {"base": round(min(base, float(measured[known].min()))), "rate": round(rate, 4)}


def _message(row: Row, rows: dict[int, int]) -> Row:
    said_by = [rows[number] for number in row["said_by"] or [] if number in rows]
    return {
        "key": row["message_hash"],
        "role": row["role"],
        "name": row["name"],
        "first": rows.get(row["number"]),
        "direction": row["direction"],
        "said_by": said_by,
        "characters": row["characters"],
        "opening": row["opening"],
        "types": sorted({kind or "part" for kind, _, _ in row["pieces"]}),
        "asks": [[call, name] for kind, call, name in row["pieces"] if kind == "tool_call" and call],
        "answers": [call for kind, call, _ in row["pieces"] if kind == "tool_call_response" and call],
    }


def _give_origin(message: Row, row: Row) -> None:
    message["origin"] = row["origin"]
    message["origin_agent"] = row["origin_agent_name"]
    message["origin_name"] = row["origin_name"]
    message["origin_span"] = row["origin_span_id"]
    if row["direction"] == 0:
        message["role"] = message["role"] or "system"


def _list_cuts(strata: list[Row], rows: dict[int, int], places: dict[str, int]) -> list[Row]:
    """Return the calls whose window lost messages: how many, and the summary that took their place, if one did."""
    cuts: dict[int, Row] = {}
    for row in strata:
        if row["change"] >= PRESENT:
            cut = cuts.setdefault(rows[row["number"]], {"call": rows[row["number"]], "messages": 0, "summary": None})
            cut["messages"] += 1
            if row["summary_hash"]:
                cut["summary"] = places[row["summary_hash"]]
    return [cuts[call] for call in sorted(cuts)]


def _place(found: list[Row], rows: dict[int, int]) -> list[Row]:
    """Return tools or runs with the row of their call; -1 for those before the first."""
    return [row | {"call": rows.get(row["number"], -1)} for row in found]
