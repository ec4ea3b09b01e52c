"""Overview: the whole case at a glance, the first thing one opens."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from agentlens._catalog import quote
from agentlens._lens import Lens
from agentlens.explorers._busy_time import BusyTime
from agentlens.explorers._explorer import STATIC, load_question
from agentlens.explorers._pick_explorer import Pick, PickExplorer, name_pick, pick_of
from agentlens.explorers._span_details import Row
from agentlens.explorers._still import StillRow

BUCKETS = 160
HOUR_MS = 3_600_000
# What a report carries for clicks: at most so many traces, and so many conversations.
MOST_EMBEDDED = 100

# What stands behind a part, as a question that runs as it stands.
BEHIND = {
    "agent": "FROM spans\nWHERE agent_name = {key}\nORDER BY preorder",
    "tool": "FROM tool_calls\nWHERE tool_name = {key}\nORDER BY preorder",
    "wave": "FROM spans\nWHERE trace_id IN (SELECT unnest(trace_ids) FROM waves WHERE wave::VARCHAR = {key})\nORDER BY preorder",
    "conversation": "FROM spans\nWHERE conversation_id = {key}\nORDER BY preorder",
    "trace": "FROM spans\nWHERE trace_id = {key}\nORDER BY preorder",
    "severity": "FROM findings\nWHERE severity = {key}\nORDER BY start_time",
    "call": "FROM tool_calls\nWHERE span_id = {key}",
    "errors": "FROM errors\nORDER BY preorder",
}


class Overview(PickExplorer):
    """The whole case at a glance: agents with their state and activity, tools, waves, conversations, and what is missing.

    Click an agent, a tool, a wave, a conversation, a trace or a point: `.picked` names it, `.selection` holds its spans,
    and `.sql` is the question behind it; while nothing is picked, `.sql` lists the agents.
    """

    _esm = STATIC / "overview.js"
    _css = STATIC / "overview.css"
    _name = "overview"

    def __init__(self, lens: Lens) -> None:
        super().__init__(lens)
        with self.hold_sync():
            self._view = self._make_view()
            self._publish_sql()
        self.observe(lambda _change: self._publish_sql(), ["picked"])

    @property
    def sql(self) -> str:
        """The question behind what is picked; the agents while nothing is."""
        behind = BEHIND.get(str(self.picked.get("kind")))
        if behind is None:
            return load_question("agent_cards")
        return behind.format(key=quote(str(self.picked.get("key"))))

    def summary(self) -> str:
        """The case in one line."""
        totals, found = self._view["totals"], self._view["totals"]
        counts = {
            "agent": sum(agent["is_known"] for agent in self._view["agents"]),
            "trace": totals["traces"],
            "error": totals["errors"],
        }
        counts["critical finding"] = found["critical"]
        return ", ".join(f"{count:,} {word}{'s' * (count != 1)}" for word, count in counts.items())

    def _list_still(self) -> list[StillRow]:
        return [_draw_agent(agent) for agent in self._view["agents"]]

    def _make_view(self) -> Row:
        activity = self.ask_arrays("overview_activity")
        starts, ends = activity["start_ms"], activity["end_ms"]
        time = BusyTime(starts, ends)
        totals = self.ask(load_question("overview_totals"))[0]
        return {
            "totals": totals | _burn_rate(totals, time),
            "time": {"buckets": BUCKETS, "segments": time.segments(), "busy_ms": time.busy},
            "agents": self._list_agents(activity, time),
            "burn": self._burn(time),
            "waves": [self._place(row, time) for row in self.ask(load_question("overview_waves"))],
            "tools": self.ask(load_question("overview_tools")),
            "points": [list(row.values()) for row in self.ask(load_question("overview_points"))],
            "conversations": self.ask(load_question("overview_conversations")),
            "traces": self.ask(load_question("overview_traces")),
            "completeness": self._completeness(),
        }

    def ask_arrays(self, question: str) -> dict[str, Any]:
        """Return the columns of a question as numpy arrays."""
        cursor = self._lens._con.cursor()
        columns: dict[str, Any] = cursor.execute(load_question(question)).fetchnumpy()
        return {
            name: np.ma.filled(column) if np.ma.isMaskedArray(column) else column for name, column in columns.items()
        }

    def _list_agents(self, activity: dict[str, Any], time: BusyTime) -> list[Row]:
        agents = self.ask(load_question("agent_cards"))
        found = self.ask(load_question("overview_findings"))
        names, codes = np.unique(activity["agent"].astype(str), return_inverse=True)
        place = {name: code for code, name in enumerate(names)}
        for agent in agents:
            chosen = codes == place.get(agent["agent_name"], -1)
            agent |= _strip(activity, chosen, time)
            moments = [
                (row["severity"], row["detector"], row["start_ms"])
                for row in found
                if row["agent"] == agent["agent_name"]
            ]
            at = time.show(np.array([moment for _, _, moment in moments], dtype=float))
            agent["marks"] = [
                [round(float(x), 4), severity, detector] for x, (severity, detector, _) in zip(at, moments)
            ]
        return agents

    def _burn(self, time: BusyTime) -> list[float]:
        usage = self.ask_arrays("overview_usage")
        sums = np.zeros(BUCKETS)
        if len(usage["start_ms"]):
            np.add.at(sums, time.bucket(usage["start_ms"], BUCKETS), usage["tokens"])
        return [float(value) for value in sums]

    def _place(self, row: Row, time: BusyTime) -> Row:
        edges = np.array([row["start_ms"], row["end_ms"]], dtype=float)
        at = time.show(edges) if not np.isnan(edges).any() else np.array([])
        return row | {"at": [round(float(x), 4) for x in at]}

    def _completeness(self) -> Row:
        sources = self.ask(load_question("overview_completeness"))
        for source in sources:
            source["name"] = Path(source["path"]).name
        sums = ("records", "accepted", "rejected", "skipped", "orphans", "unfinished", "cycles_cut", "without_time")
        return {
            "sources": sources[:200],
            "count": len(sources),
            "missing": sum(len(source["known_missing"] or []) for source in sources),
            "is_accounted_for": all(source["is_accounted_for"] for source in sources),
            **{name: sum(source[name] for source in sources) for name in sums},
        }

    def _find_spans(self, pick: Pick) -> list[str]:
        behind = BEHIND.get(pick["kind"])
        if behind is None:
            return []
        ids = "unnest(span_ids)" if pick["kind"] == "severity" else "span_id"
        query = f"SELECT {ids} AS span_id FROM ({behind.format(key='$key')})"
        found = self.ask(query, {"key": pick["key"]} if "$key" in query else {})
        return [row["span_id"] for row in found]

    def _find_parts(self, span_ids: list[str]) -> Iterable[Pick]:
        found = self.ask(load_question("parts_of_spans"), {"span_ids": span_ids})
        return (pick_of(row["kind"], row["key"]) for row in found)

    def _reach(self, most: int) -> dict[str, list[str]]:
        view = self._view
        shown = {"conversation": view["conversations"], "trace": view["traces"]}
        known = {kind: {row[f"{kind}_id"] for row in rows[:MOST_EMBEDDED]} for kind, rows in shown.items()}
        rows = self.ask(load_question("overview_reach"), {"most": most})
        kept = [row for row in rows if row["kind"] not in known or row["key"] in known[row["kind"]]]
        return {name_pick(pick_of(row["kind"], row["key"])): row["span_ids"] for row in kept}


def _strip(activity: dict[str, Any], chosen: Any, time: BusyTime) -> Row:
    """Return how busy an agent was, bucket by bucket, and where it failed."""
    starts, ends, errors = (activity[name][chosen] for name in ("start_ms", "end_ms", "is_error"))
    spans = activity["is_span"][chosen].astype(bool)
    failed = np.unique(time.bucket(starts[errors.astype(bool)], BUCKETS))
    beats = np.unique(time.bucket(starts[~spans], BUCKETS))
    return {
        "activity": time.count(starts[spans], ends[spans], BUCKETS).tolist(),
        "failed": failed.tolist(),
        "beats": beats.tolist(),
    }


def _draw_agent(agent: Row) -> StillRow:
    busy = _join_buckets([at for at, level in enumerate(agent["activity"]) if level], "busy")
    failed = _join_buckets(agent["failed"], "failed")
    found = agent["critical"] + agent["warning"]
    label = f"{agent['agent_name']} · {agent['status'] or agent['state']}" + (
        f" · {found} finding{'s' * (found != 1)}" if found else ""
    )
    colour = "failed" if agent["critical"] else "warning" if agent["warning"] else ""
    return StillRow(label, f"{agent['tokens']:,} tokens", [*busy, *failed], 0, colour)


def _join_buckets(buckets: list[int], colour: str) -> list[tuple[float, float, str]]:
    """Return neighbouring buckets as one bar."""
    bars: list[list[int]] = []
    for bucket in buckets:
        if bars and bars[-1][1] == bucket:
            bars[-1][1] = bucket + 1
        else:
            bars.append([bucket, bucket + 1])
    return [(first / BUCKETS, last / BUCKETS, colour) for first, last in bars]


def _burn_rate(totals: Row, time: BusyTime) -> Row:
    """Return tokens and money an hour of busy time; None without time."""
    hours = time.busy / HOUR_MS
    tokens = (totals["input_tokens"] or 0) + (totals["output_tokens"] or 0)
    calls = totals["model_calls"] + totals["tool_calls"]
    return {
        "tokens_an_hour": tokens / hours if hours > 0 else None,
        "usd_an_hour": totals["cost_usd"] / hours if hours > 0 and totals["cost_usd"] is not None else None,
        "error_rate": totals["errors"] / calls if calls else None,
    }
