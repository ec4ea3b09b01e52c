"""Explorers that show a chart with the same rows as a table: what TokenEconomics and Drift have in common."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import altair as alt
import duckdb
import polars as pl
import traitlets

from agentlens._lens import Lens
from agentlens.explorers._explorer import STATIC, Embedded, Explorer
from agentlens.explorers._still import StillRow

UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
MOST_PERIODS = 60


@dataclass(frozen=True)
class Control:
    """One select above the chart: its key, its label and its values with their labels."""

    key: str
    label: str
    values: dict[str, str]


@dataclass(frozen=True)
class Column:
    """One column of the table: name in the rows, header with its unit, how values read, and what stands for NULL."""

    name: str
    label: str
    kind: str
    missing: str = "–"


class ChartExplorer(Explorer):
    """A chart and its rows; a bar or row clicked becomes `.picked`, and the spans behind it `.selection`."""

    _esm = STATIC / "charts.js"
    _css = STATIC / "charts.css"
    _charts = traitlets.Dict().tag(sync=True)
    _choice = traitlets.Dict().tag(sync=True)
    _picked = traitlets.Dict().tag(sync=True)

    def __init__(self, lens: Lens, title: str, controls: list[Control]) -> None:
        super().__init__(lens)
        self._title, self._controls = title, controls
        self._views: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}
        self._notes: list[str] = []
        self._panels: list[dict[str, Any]] = []

    @property
    def choice(self) -> dict[str, str]:
        """What is chosen above the chart."""
        chosen: dict[str, str] = dict(self._choice)
        return {c.key: chosen[c.key] if chosen.get(c.key) in c.values else next(iter(c.values)) for c in self._controls}

    @property
    def picked(self) -> dict[str, Any]:
        """The fields of the bar or row that is picked; empty when none is."""
        return dict(self._picked)

    def embed(self) -> Embedded:
        """Return the charts as a report carries them."""
        return Embedded(
            "charts", {"_charts": self._charts, "_choice": self._choice, "_picked": self._picked, "_lacks": self._lacks}
        )

    def summary(self) -> str:
        """What it shows, and of how many rows."""
        return f"{self._title}: {', '.join(self.choice.values()).replace('_', ' ')}"

    def _list_still(self) -> list[StillRow]:
        """Return the rows behind the chart on screen: what they are of, the chosen measure, and a bar as long as it."""
        table = self._tables[self._views["|".join(self.choice.values())]["table"]]
        names = [column["name"] for column in table["columns"]]
        place, keys = names.index(self.choice["measure"]), [names.index(name) for name in table["pick"]]
        values = [row[place] if isinstance(row[place], int | float) else None for row in table["rows"]]
        most = max((value for value in values if value is not None), default=0) or 1
        return [
            StillRow(
                " · ".join(str(row[key]) if row[key] is not None else table["columns"][key]["missing"] for key in keys),
                table["columns"][place]["missing"]
                if value is None
                else f"{value:,.6g}"
                if isinstance(value, float)
                else f"{value:,}",
                [] if value is None else [(0.0, value / most, "busy")],
            )
            for row, value in zip(table["rows"], values)
        ]

    def _add_table(self, name: str, frame: pl.DataFrame, columns: list[Column], pick: list[str]) -> None:
        rows = [[plain(row[column.name]) for column in columns] for row in frame.to_dicts()]
        shown = [{"name": c.name, "label": c.label, "kind": c.kind, "missing": c.missing} for c in columns]
        self._tables[name] = {"columns": shown, "rows": rows, "pick": pick}

    def _add_view(self, values: list[str], chart: alt.Chart | alt.LayerChart, table: str, note: str = "") -> None:
        view: dict[str, Any] = {"spec": name_rows(chart), "table": table}
        self._views["|".join(values)] = view | ({"note": note} if note else {})

    def _publish(self) -> None:
        self._charts = {
            "title": self._title,
            "controls": [
                {"key": c.key, "label": c.label, "values": list(map(list, c.values.items()))} for c in self._controls
            ],
            "views": self._views,
            "tables": self._tables,
            "notes": self._notes,
            **({"panels": self._panels} if self._panels else {}),
        }

    def _find_spans(self, picked: dict[str, Any]) -> list[str]:
        """Return the spans behind what is picked."""
        raise NotImplementedError

    @traitlets.observe("_picked")
    def _adopt_picked(self, change: Any) -> None:
        self.selection = self._find_spans(dict(change["new"])) if change["new"] else []


def frame_of(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    """Return a relation as a frame whose numbers are plain integers and floats."""
    frame: pl.DataFrame = relation.pl()
    return frame.with_columns(pl.col(pl.Decimal, pl.Int128).cast(pl.Float64))


def name_rows(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """Return a chart's Vega-Lite with its data taken out and called `rows`; the page puts the table's rows there."""
    spec = chart.to_dict(format="vega-lite", validate=False)
    name = _first_data(spec)
    text = json.dumps({key: value for key, value in spec.items() if key not in ("datasets", "$schema", "config")})
    named: dict[str, Any] = json.loads(text.replace(json.dumps(name), '"rows"')) if name else json.loads(text)
    others = {key: value for key, value in spec.get("datasets", {}).items() if key != name}
    return named | ({"datasets": others} if others else {})


def _first_data(spec: dict[str, Any]) -> str | None:
    if "name" in spec.get("data", {}):
        return str(spec["data"]["name"])
    return next((name for layer in spec.get("layer", []) if (name := _first_data(layer))), None)


def plain(value: Any) -> Any:
    """Return a value as JSON carries it: times as ISO text, and nothing for what is no number."""
    if isinstance(value, datetime | date):
        return f"{value.isoformat()}Z" if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def choose_unit(first: datetime | None, last: datetime | None) -> str:
    """Return the finest period of which at most sixty cover the time: minute, hour, day, week or month."""
    if first is None or last is None:
        return "day"
    return next((unit for unit, length in UNITS.items() if (last - first) / length <= MOST_PERIODS), "month")
