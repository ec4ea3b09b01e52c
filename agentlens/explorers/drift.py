"""Drift: what changed over time, and with which version."""

from __future__ import annotations

from typing import Any

import polars as pl

from agentlens import charts
from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens.explorers._chart_explorer import ChartExplorer, Column, Control, choose_unit, frame_of
from agentlens.explorers._explorer import load_question

# What may be compared: a column, and the expression that says it.
VERSIONS = {
    "prompt_version": "prompt_version",
    "agent_version": "agent_version",
    "model": "coalesce(response_model, request_model)",
    "agent_name": "agent_name",
    "conversation_id": "conversation_id",
    "service_name": "service_name",
}
MISSING = "not recorded"
KINDS = {"model": "model calls", "tool": "tool calls", "agent": "agent runs"}
SHOW = {"time": "over time", "version": "by version"}
NUMBERS = [
    Column("calls", "calls", "count"),
    Column("duration_p50_ms", "median duration", "ms"),
    Column("duration_p95_ms", "95th percentile", "ms"),
    Column("input_tokens_per_call", "input tokens a call", "number"),
    Column("output_tokens_per_call", "output tokens a call", "number"),
    Column("error_rate", "failures a call", "percent"),
]


class Drift(ChartExplorer):
    """How calls changed over time and between versions: latency, tokens, failures; click a point for its calls.

    `by` names what is compared: prompt_version, agent_version, model, agent_name, conversation_id or service_name.
    `baseline` is a version to measure against, or another lens (last week's logs); without it there is no baseline.
    """

    def __init__(self, lens: Lens, by: str = "prompt_version", baseline: str | Lens | None = None) -> None:
        controls = [
            Control("show", "show", SHOW),
            Control("kind", "of", KINDS),
            Control("measure", "measure", charts.DRIFT_MEASURES),
        ]
        super().__init__(lens, f"Drift by {by.replace('_', ' ')}", controls)
        if by not in VERSIONS:
            raise ValueError(f"by={by!r}; it may be one of {', '.join(VERSIONS)}")
        self._by, self._baseline = by, baseline
        extent = self.ask(load_question("span_extent"))[0]
        self._unit = choose_unit(extent["first"], extent["last"])
        self._check_baseline()
        for kind in KINDS:
            self._add_kind(kind)
        self._notes = self._list_notes()
        with self.hold_sync():
            self._choice = {"show": "time", "kind": "model", "measure": "duration_p50_ms"}
            self._publish()

    @property
    def sql(self) -> str:
        """The question behind the chart on screen."""
        return self._question(self.choice["show"], self.choice["kind"])

    def _question(self, show: str, kind: str) -> str:
        version = VERSIONS[self._by]
        if show == "time":
            return load_question("drift_over_time", unit=self._unit, version=version, kind=kind)
        return load_question("drift_by_version", version=version, kind=kind)

    def _add_kind(self, kind: str) -> None:
        version = Column("version", self._by.replace("_", " "), "text", MISSING)
        time, first = Column("time", "time UTC", "time"), Column("first_time", "first seen UTC", "time")
        base = self._measure_baseline(kind)
        for show, keys, draw in (
            ("time", [time, version], charts.drift_over_time),
            ("version", [version, first], charts.drift_by_version),
        ):
            frame = _name_missing(frame_of(self.lens._con.cursor().sql(self._question(show, kind))))
            pick = ["time", "version"] if show == "time" else ["version"]
            self._add_table(f"{show}|{kind}", frame, [*keys, *NUMBERS], pick)
            for measure in charts.DRIFT_MEASURES:
                at = None if measure == "calls" else base.get(measure)
                self._add_view(
                    [show, kind, measure], draw(frame, measure, at), f"{show}|{kind}", self._describe(show, at)
                )

    def _check_baseline(self) -> None:
        if not isinstance(self._baseline, str):
            return
        versions = self.lens._con.cursor().sql("FROM spans").project(f"{VERSIONS[self._by]} AS version").distinct()
        known = sorted(version for (version,) in versions.fetchall() if version is not None)
        if self._baseline not in known:
            names = ", ".join(map(repr, known[:12])) or "none is recorded"
            raise AgentLensError(f"No span has {self._by} {self._baseline!r}. There are: {names}.")

    def _measure_baseline(self, kind: str) -> dict[str, float]:
        """Return each measure of the baseline; empty when there is none or it has no such calls."""
        if self._baseline is None:
            return {}
        other = self._baseline if isinstance(self._baseline, Lens) else None
        if other is None:
            question = self._question("version", kind)
        else:
            # The whole other lens is the baseline: one version.
            question = load_question("drift_by_version", version="NULL", kind=kind)
        rows = frame_of((other or self.lens)._con.cursor().sql(question)).to_dicts()
        found = next((row for row in rows if other is not None or row["version"] == self._baseline), {})
        return {name: float(found[name]) for name in charts.DRIFT_MEASURES if found.get(name) is not None}

    def _describe(self, show: str, base: float | None) -> str:
        period = f"One point a {self._unit}, UTC. " if show == "time" else "In order of first appearance. "
        if base is None:
            return period.strip()
        name = "the other lens" if isinstance(self._baseline, Lens) else self._baseline
        return f"{period}Dashed: the baseline ({name})."

    def _list_notes(self) -> list[str]:
        versions = {row[1] for kind in KINDS for row in self._tables[f"time|{kind}"]["rows"]}
        if versions <= {MISSING}:
            others = ", ".join(name for name in VERSIONS if name != self._by)
            return [f"No call names a {self._by.replace('_', ' ')}; try by= one of {others}."]
        return []

    def _find_spans(self, picked: dict[str, Any]) -> list[str]:
        version = picked.get("version")
        time = picked.get("time")
        params = {
            "version": None if version == MISSING else version,
            "time": time and time.removesuffix("Z"),
            "kind": self.choice["kind"],
            "unit": self._unit,
        }
        found = self.ask(load_question("drift_spans", version=VERSIONS[self._by]), params)
        return [row["span_id"] for row in found]


def _name_missing(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("version").cast(pl.String).fill_null(MISSING))
