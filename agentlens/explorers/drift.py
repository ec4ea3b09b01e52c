"""Drift: what changed, since when, with which release, and whether it is real."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import traitlets

from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens._visible import show_inline
from agentlens.detectors._drift_words import MEASURES
from agentlens.detectors.drift import measure_drift
from agentlens.explorers._chart_explorer import choose_unit
from agentlens.explorers._explorer import STATIC, Embedded, load_question
from agentlens.explorers._pick_explorer import Pick, PickExplorer, pick_of
from agentlens.explorers._still import StillRow

Row = dict[str, Any]
# What may be compared beside the kinds of `span_versions`: a column, and the expression that says it.
COLUMNS = {
    "model": "coalesce(response_model, request_model)",
    "agent_name": "agent_name",
    "conversation_id": "conversation_id",
}
KINDS = (
    "prompt_version", "agent_version", "system_prompt", "tool_schema", "request_model", "response_model", "sampling",
    "service_version", "instrumentation", "program_version", "commit", "identity_file",
)  # fmt: skip
MOST_AGENTS = 24
MOST_VERSIONS = 12
FIRST_MEASURE = "task_input_tokens"
SIDES = ("before", "after")
DIMENSIONS = ("agent", "tool", "model", "operation")


class Drift(PickExplorer):
    """What changed about each agent, since when, and whether it is real: changes with their dates, releases, and courses.

    Above stand the changes that chance does not explain, each with its size, interval, date and suspects, those of
    behaviour before those that are only another mix of work. Below, the releases of every agent, and the course of one
    measure for each agent (or each tool, model or operation, across agents), with intervals, gaps where nothing ran, and the changes marked. A click selects the tasks on
    either side of a change, behind a point, or at a release.

    `by` names the versions that are compared in figures: prompt_version, agent_version, model, system_prompt, tool_schema,
    request_model, response_model, sampling, service_version, instrumentation, program_version, commit, identity_file,
    agent_name or conversation_id. `baseline` is one of these versions, or another lens (last week's logs): a dashed line at its level.
    """

    _esm = STATIC / "drift.js"
    _css = STATIC / "drift.css"
    _name = "drift"
    _choice = traitlets.Dict().tag(sync=True)

    def __init__(self, lens: Lens, by: str = "prompt_version", baseline: str | Lens | None = None) -> None:
        super().__init__(lens)
        if by not in (*KINDS, *COLUMNS):
            raise ValueError(f"by={by!r}; it may be one of {', '.join((*KINDS, *COLUMNS))}")
        self._by, self._baseline = by, baseline
        if not self.ask("SELECT 1 FROM drift_changes LIMIT 1"):
            measure_drift(lens._con)
        found = self.ask(load_question("drift_agents", most=str(MOST_AGENTS)))
        self._agents = [row["agent_name"] for row in found]
        first, last = (
            pick((row[name] for row in found), default=None) for pick, name in ((min, "first"), (max, "last"))
        )
        self._unit = choose_unit(_moment(first), _moment(last))
        self._changes = self.ask(load_question("drift_changes"))
        self._releases = self.ask(load_question("drift_releases"), {"agents": self._agents})
        versions = self._list_versions()
        self._view = {
            "by": by.replace("_", " "), "unit": self._unit, "from": first, "to": last, "agents": self._agents,
            "measures": {name: {"label": label, "unit": unit} for name, (label, unit, _) in MEASURES.items()},
            "series": self._list_series(), "versions": versions, "baselines": self._list_baselines(versions),
            "changes": [self._describe(number, row) for number, row in enumerate(self._changes)],
            "releases": [{name: row[name] for name in ("agent_name", "at", "parts")} for row in self._releases],
            "notes": self._notes(versions),
        }  # fmt: skip
        with self.hold_sync():
            self._choice = {"measure": self._first_measure(), "dimension": self._first_dimension()}
            self._publish_sql()
        self.observe(lambda _change: self._publish_sql(), ["_choice"])

    @property
    def measure(self) -> str:
        """The measure whose courses are shown."""
        chosen = str(dict(self._choice).get("measure", ""))
        return chosen if chosen in MEASURES else self._first_measure()

    @property
    def dimension(self) -> str:
        """Whose courses are shown: those of each agent, tool, model or operation."""
        chosen = str(dict(self._choice).get("dimension", ""))
        return chosen if chosen in DIMENSIONS else DIMENSIONS[0]

    @property
    def sql(self) -> str:
        """The question behind the courses on screen; `FROM drift_changes` and `FROM releases` are those of the rest."""
        return load_question("drift_measure", unit=self._unit, measure=self.measure, dimension=self.dimension)

    def summary(self) -> str:
        """How much changed, of how much that was measured."""
        counts = {row["verdict"]: row["series"] for row in self.ask(load_question("drift_verdicts"))}
        changed = sum(counts.get(verdict, 0) for verdict in ("step", "slope"))
        return (
            f"{changed:,} of {sum(counts.values()):,} series changed, {counts.get('workload', 0):,} only with the work,"
            f" {counts.get('too few', 0):,} too few to tell, {len(self._releases):,} releases"
        )

    def embed(self) -> Embedded:
        """Return the explorer as a report carries it."""
        embedded = super().embed()
        embedded.state["_choice"] = dict(self._choice)
        return embedded

    def _first_measure(self) -> str:
        if self._changes:
            return str(self._changes[0]["measure"])
        return FIRST_MEASURE

    def _first_dimension(self) -> str:
        return str(self._changes[0]["dimension"]) if self._changes else DIMENSIONS[0]

    def _list_series(self) -> list[Row]:
        """Return each series with its points `[time, n, value, low, high]`."""
        series: dict[tuple[Any, ...], list[list[Any]]] = defaultdict(list)
        for row in self.ask(load_question("drift_points", unit=self._unit), {"agents": self._agents}):
            point = [row[name] for name in ("time", "n", "value", "low", "high")]
            series[tuple(row[name] for name in ("dimension", "agent_name", "measure", "tool_name", "member"))].append(
                point
            )
        return [
            {
                "dimension": dimension,
                "agent": agent,
                "measure": measure,
                "tool": tool,
                "member": member,
                "points": points,
            }
            for (dimension, agent, measure, tool, member), points in series.items()
        ]

    def _list_versions(self, lens: Lens | None = None) -> list[Row]:
        """Return every measure by version."""
        if self._by in COLUMNS:
            versions = (
                f"SELECT preorder, {COLUMNS[self._by]} AS version FROM spans WHERE {COLUMNS[self._by]} IS NOT NULL"
            )
        else:
            versions = f"SELECT preorder, value AS version FROM span_versions WHERE kind = '{self._by}'"
        question = load_question("drift_versions_of_tasks", versions=versions)
        found = self.ask(question, {"agents": self._agents})
        kept = {row["version"] for row in sorted(found, key=lambda row: -row["n"])[: MOST_VERSIONS * 50]}
        return [row for row in found if row["version"] in kept]

    def _list_baselines(self, versions: list[Row]) -> list[Row]:
        """Return the level of the baseline for every series it has."""
        if self._baseline is None:
            return []
        if isinstance(self._baseline, Lens):
            everything = "SELECT preorder, 'all' AS version FROM spans"
            cursor = self._baseline._con.cursor()
            cursor.execute(load_question("drift_versions_of_tasks", versions=everything), {"agents": self._agents})
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row)) for row in cursor.fetchall()]
        known = sorted({row["version"] for row in versions})
        if self._baseline not in known:
            listed = ", ".join(map(repr, known[:12])) or "none is recorded"
            raise AgentLensError(f"No span has {self._by} {self._baseline!r}. There are: {listed}.")
        return [row for row in versions if row["version"] == self._baseline]

    def _notes(self, versions: list[Row]) -> list[str]:
        notes = self._list_jobs()
        counts = {row["verdict"]: row["series"] for row in self.ask(load_question("drift_verdicts"))}
        if counts.get("too few"):
            notes.append(f"{counts['too few']:,} series have fewer than 12 observations: the data cannot tell.")
        if not versions:
            others = ", ".join(name for name in (*KINDS, *COLUMNS) if name != self._by)
            notes.append(f"No call names a {self._by.replace('_', ' ')}; try by= one of {others}.")
        if len(self._agents) == MOST_AGENTS:
            notes.append(f"The {MOST_AGENTS} agents with most observations are shown; `FROM drift_measures` has all.")
        return notes

    def _list_jobs(self) -> list[str]:
        """Return a sentence for each agent that does more than a little of what it is not declared to do."""
        if not self.ask("SELECT 1 FROM declared_lines LIMIT 1"):
            return []
        return [_describe_job(row) for row in self.ask(load_question("drift_jobs"))]

    def _describe(self, number: int, row: Row) -> Row:
        left_out = ("span_ids_before", "span_ids_after")
        kept = {name: value for name, value in row.items() if name not in left_out}
        return {"key": str(number), **kept, **{f"shown_{side}": len(row[f"span_ids_{side}"] or []) for side in SIDES}}

    def _find_spans(self, pick: Pick) -> list[str]:
        kind, key = pick["kind"], pick["key"]
        if kind == "change" and (row := _at(self._changes, key)):
            return [span_id for side in SIDES for span_id in row[f"span_ids_{side}"] or []]
        if kind in SIDES and (row := _at(self._changes, key)):
            return list(row[f"span_ids_{kind}"] or [])
        if kind == "release" and (row := _at(self._releases, key)):
            return list(row["span_ids"])
        if kind == "point":
            agent, _, rest = key.rpartition("|")
            agent, _, part = agent.partition("|")
            if not (rest.isascii() and rest.lstrip("-").isdigit()):
                return []
            params = {"agent": agent or None, "measure": self.measure, "part": part or None, "time": int(rest)}
            question = load_question("drift_spans", unit=self._unit, dimension=self.dimension)
            return [row["span_id"] for row in self.ask(question, params)]
        return []

    def _list_picks(self) -> Iterable[Pick]:
        yield from (pick_of(kind, str(number)) for number in range(len(self._changes)) for kind in ("change", *SIDES))
        yield from (pick_of("release", str(number)) for number in range(len(self._releases)))

    def _list_still(self) -> list[StillRow]:
        colours = {"step": "warning", "slope": "warning", "workload": ""}
        words = {"step": "changed", "slope": "drifts", "workload": "other work"}
        return [
            StillRow(row["explanation"], words[row["verdict"]], colour=colours[row["verdict"]]) for row in self._changes
        ]


def _describe_job(row: Row) -> str:
    kinds = []
    if row["of_others"]:
        kinds.append(f"does the work of others, mostly of {show_inline(row['nearest_other'])},")
    if row["crossings"]:
        kinds.append("crosses its own boundaries")
    since = f" since {row['away_since']:%Y-%m-%d %H:%M} UTC" if row["away_since"] else ""
    return (
        f"{show_inline(row['agent_name'])} {' or '.join(kinds)} in {row['away']:,} of {row['judged']:,} steps that can be told{since}"
        f" ({100 * row['score_before']:.0f} % of the first half of them, {100 * row['score_after']:.0f} % of the second): `FROM identity_drift`."
    )


def _at(rows: list[Row], key: str) -> Row | None:
    return rows[int(key)] if key.isascii() and key.isdecimal() and int(key) < len(rows) else None


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1e3, UTC)
