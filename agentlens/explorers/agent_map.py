"""AgentMap: who worked with whom, as a map and as a sequence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import duckdb

from agentlens._catalog import quote
from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens.explorers._explorer import STATIC, load_question
from agentlens.explorers._pick_explorer import Pick, PickExplorer, pick_of
from agentlens.explorers._span_details import Row
from agentlens.explorers._still import StillRow

MOST_EVENTS = 3000
ENDS = ("span_id", "to_span_id")
SQL_ERRORS = (duckdb.ParserException, duckdb.BinderException, duckdb.ConversionException)


class AgentMap(PickExplorer):
    """Who worked with whom: agents and what passed between them, as a map, and as a sequence over time.

    Delegations come from the spans, reports and messages from what agents wrote; edges that a delegation matrix forbids
    are marked where the lens holds one. `trace_id` shows one trace; `where` is an SQL condition over the columns of
    `spans`; reports and messages are then those of the same time. Click an agent or an edge to select its spans.

    Raises AgentLensError when the trace does not exist or the condition is no SQL.
    """

    _esm = STATIC / "agent_map.js"
    _css = STATIC / "agent_map.css"
    _name = "agent_map"

    def __init__(self, lens: Lens, trace_id: str | None = None, where: str | None = None) -> None:
        super().__init__(lens)
        conditions = [] if trace_id is None else [f"trace_id = {quote(trace_id)}"]
        conditions += [f"({where})"] if where else []
        self._shown = "FROM spans" + (" WHERE " + " AND ".join(conditions) if conditions else "")
        self._is_whole = not conditions
        try:
            with self.hold_sync():
                self._view = self._make_view()
                self._publish_sql()
        except SQL_ERRORS as error:
            raise AgentLensError(f"`where` must be an SQL condition over the columns of `spans`: {error}") from error
        if trace_id is not None and where is None and not self.ask(f"{self._shown} LIMIT 1"):
            raise AgentLensError(f'The lens has no trace {trace_id!r}. `lens.sql("FROM traces")` lists them.')
        self.observe(lambda _change: self._publish_sql(), ["picked"])

    @property
    def sql(self) -> str:
        """The question on screen: the edges."""
        if self._is_whole:
            return "FROM agent_edges\nORDER BY count DESC, from_agent, to_agent, kind"
        return self._load("map_edges")

    def summary(self) -> str:
        """How many agents and edges."""
        agents, edges = len(self._view["agents"]), len(self._view["edges"])
        return f"{agents:,} agent{'s' * (agents != 1)}, {edges:,} edge{'s' * (edges != 1)}"

    def _list_still(self) -> list[StillRow]:
        edges = self._view["edges"]
        if not edges:
            return [StillRow("No agent handed work to another.")]
        most = max(edge["count"] for edge in edges)
        return [_draw_edge(edge, most) for edge in edges]

    def _load(self, question: str) -> str:
        passed = load_question("map_passed", whole="true" if self._is_whole else "false")
        return load_question(question, shown=self._shown, passed=passed)

    def _make_view(self) -> Row:
        edges = [_describe_edge(row) for row in self.ask(self._load("map_edges"))]
        matrix = self._read_matrix()
        for edge in edges:
            edge["forbidden"] = edge["kind"] == "delegation" and is_forbidden(edge["from"], edge["to"], matrix)
        events = self.ask(self._load("map_events"))
        return {
            "agents": self._list_agents(edges),
            "edges": edges,
            "events": events,
            "is_cut": len(events) == MOST_EVENTS,
            "blocked": self.ask(load_question("blocked_stretches")),
            "waves": self._list_waves(events),
            "has_matrix": bool(matrix),
        }

    def _list_agents(self, edges: list[Row]) -> list[Row]:
        did = {row["agent_name"]: row for row in self.ask(self._load("map_agents"))}
        met = {edge[end] for edge in edges for end in ("from", "to")}
        cards = {row["agent_name"]: row for row in self.ask(load_question("agent_cards"))}
        shown = [name for name in cards if self._is_whole or name in did or name in met]
        shown += sorted(met - set(shown))
        return [_describe_agent(name, cards.get(name, {}), did.get(name, {})) for name in shown]

    def _list_waves(self, events: list[Row]) -> list[Row]:
        waves = self.ask(load_question("overview_waves"))
        kept = ("wave", "start_ms", "end_ms", "what_broke", "is_first_broken")
        times = [event["start_ms"] for event in events if event["start_ms"] is not None]
        return [
            {name: wave[name] for name in kept}
            for wave in waves
            if wave["start_ms"] is not None and any(wave["start_ms"] <= time <= wave["end_ms"] for time in times)
        ]

    def _read_matrix(self) -> dict[str, set[str]]:
        """Return who may delegate to whom, names in lower case; empty where the lens holds no delegation matrix."""
        if not self.ask("SELECT 1 FROM duckdb_tables() WHERE NOT internal AND table_name = 'delegations'"):
            return {}
        matrix: dict[str, set[str]] = {}
        for row in self.ask("SELECT lower(delegator) AS delegator, lower(delegate) AS delegate FROM delegations"):
            matrix.setdefault(row["delegator"], set()).add(row["delegate"])
            matrix.setdefault(row["delegate"], set())
        return matrix

    def _find_spans(self, pick: Pick) -> list[str]:
        if pick["kind"] == "agent":
            query = f"SELECT span_id FROM ({self._shown}) WHERE agent_name = $agent ORDER BY preorder"
            return [row["span_id"] for row in self.ask(query, {"agent": pick["key"]})]
        ends = _read_key(pick["key"])
        if pick["kind"] == "edge" and len(ends) == 3:
            events = [event for event in self._view["events"] if [event["from"], event["to"], event["kind"]] == ends]
        else:
            events = [event for at, event in enumerate(self._view["events"]) if pick == pick_of("event", str(at))]
        found = [event[name] for event in events for name in ENDS]
        return list(dict.fromkeys(span for span in found if span))

    def _find_parts(self, span_ids: list[str]) -> Iterable[Pick]:
        chosen = set(span_ids)
        agents = self.ask(load_question("parts_of_spans"), {"span_ids": span_ids})
        yield from (pick_of(row["kind"], row["key"]) for row in agents if row["kind"] == "agent")
        events = [(at, event) for at, event in enumerate(self._view["events"]) if chosen & _ends(event)]
        keys = [_name_edge(event["from"], event["to"], event["kind"]) for _, event in events]
        yield from (pick_of("edge", key) for key in dict.fromkeys(keys))
        yield from (pick_of("event", str(at)) for at, _ in events)

    def _list_picks(self) -> Iterable[Pick]:
        yield from (pick_of("agent", agent["name"]) for agent in self._view["agents"])
        yield from (pick_of("edge", edge["key"]) for edge in self._view["edges"])
        yield from (pick_of("event", str(at)) for at in range(len(self._view["events"])))


def is_forbidden(giver: str, taker: str, matrix: dict[str, set[str]]) -> bool:
    """Whether a matrix that names the giver does not let it delegate to the taker."""
    return giver.lower() in matrix and taker.lower() not in matrix[giver.lower()] and giver != taker


def _name_edge(giver: str, taker: str, kind: str) -> str:
    """Return the key of an edge."""
    return json.dumps([giver, taker, kind], ensure_ascii=False, separators=(",", ":"))


def _ends(event: Row) -> set[str]:
    """Return the spans that handed over and took over."""
    return {event[name] for name in ENDS if event[name]}


def _describe_edge(row: Row) -> Row:
    return {
        "key": _name_edge(row["from_agent"], row["to_agent"], row["kind"]),
        "from": row["from_agent"],
        "to": row["to_agent"],
        "kind": row["kind"],
        "count": row["count"],
        "errors": row["errors"],
        "p50_ms": None if row["duration_p50_ns"] is None else row["duration_p50_ns"] / 1e6,
        "p95_ms": None if row["duration_p95_ns"] is None else row["duration_p95_ns"] / 1e6,
        "tokens": row["tokens"],
        "cost": row["cost_usd"],
    }


def _draw_edge(edge: Row, most: int) -> StillRow:
    bad = f", {edge['errors']:,} ended badly" if edge["errors"] else ""
    colour = "failed" if edge["errors"] or edge["forbidden"] else "busy"
    label = f"{edge['from']} → {edge['to']} · {edge['kind']}" + (" (not allowed)" if edge["forbidden"] else "")
    return StillRow(label, f"{edge['count']:,} ×{bad}", [(0.0, edge["count"] / most, colour)])


def _describe_agent(name: str, card: Row, did: Row) -> Row:
    kept = ("role", "model", "state", "status", "critical", "warning")
    return {
        "name": name,
        **{column: card.get(column) for column in kept},
        "spans": did.get("spans", 0),
        "tokens": did.get("tokens", 0),
        "cost": did.get("cost_usd"),
        "errors": did.get("errors", 0),
    }


def _read_key(key: str) -> list[Any]:
    try:
        found = json.loads(key)
    except ValueError:
        return []
    return found if isinstance(found, list) else []
