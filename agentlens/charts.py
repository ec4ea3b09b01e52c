"""Charts: rows in, picture out. Each function takes a frame or a relation and returns an `altair.Chart`.

They are plain Vega-Lite: `chart.save("x.svg")` needs no browser. The explorers draw the same charts, with choices and
a table below. A row clicked there sets the parameter `picked_row`; elsewhere it stays -1, and all is in full colour.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

USAGE_MEASURES = {
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost_usd": "cost USD",
    "calls": "calls",
}
DRIFT_MEASURES = {
    "duration_p50_ms": "median duration, ms",
    "duration_p95_ms": "95th percentile of duration, ms",
    "input_tokens_per_call": "input tokens a call",
    "output_tokens_per_call": "output tokens a call",
    "error_rate": "failures a call",
    "calls": "calls",
}
MOST_BARS = 30

_PARTS = {
    "input_tokens": {
        "not cached": "datum.input_tokens - datum.cache_read_input_tokens - datum.cache_write_input_tokens",
        "written to cache": "datum.cache_write_input_tokens",
        "from cache": "datum.cache_read_input_tokens",
    },
    "output_tokens": {
        "answer": "datum.output_tokens - datum.reasoning_output_tokens",
        "reasoning": "datum.reasoning_output_tokens",
    },
}
_TIME_UNITS = {
    "minute": "utcyearmonthdatehoursminutes",
    "hour": "utcyearmonthdatehours",
    "day": "utcyearmonthdate",
    "week": "utcyearweek",
    "month": "utcyearmonth",
}
_FORMATS = {"cost_usd": "$,.4~f", "error_rate": ".1%", "duration_p50_ms": ",.1~f", "duration_p95_ms": ",.1~f"}


def usage_bars(rows: Any, label: str, measure: str = "input_tokens") -> alt.Chart:
    """Return who spent most: one bar a row, longest first, at most 30.

    `rows` has a column `label` (any name) and those of `token_usage_by_agent`; `measure` is one of `USAGE_MEASURES`.
    Token bars are split into what came from the cache or was reasoning, as far as the rows say.
    """
    frame = _as_frame(rows)
    chart = alt.Chart(frame).transform_window(place="row_number()", sort=[alt.SortField(measure, order="descending")])
    chart = chart.transform_filter(f"datum.place <= {MOST_BARS} && isValid(datum['{measure}'])")
    parts = {part: text for part, text in _PARTS.get(measure, {}).items() if _has_parts(frame, text)}
    y = alt.Y(f"{label}:N", sort=alt.EncodingSortField(measure, op="max", order="descending"), title=None)
    tooltip = [alt.Tooltip(f"{label}:N"), *_tooltips([name for name in USAGE_MEASURES if name in frame.columns])]
    if len(parts) < 2:
        x = alt.X(f"{measure}:Q", title=USAGE_MEASURES[measure], axis=_axis(measure))
        return _finish(chart.mark_bar(cursor="pointer").encode(y=y, x=x, tooltip=tooltip), alt.Step(24))
    chart = chart.transform_calculate(**parts).transform_fold(list(parts), as_=["part", "tokens"])
    chart = chart.mark_bar(cursor="pointer").encode(
        y=y,
        x=alt.X("tokens:Q", title=USAGE_MEASURES[measure], axis=_axis(measure)),
        color=alt.Color("part:N", sort=list(parts), title=None, legend=alt.Legend(orient="top")),
        order=alt.Order("part:N"),
        tooltip=[*tooltip, alt.Tooltip("part:N"), alt.Tooltip("tokens:Q", title="tokens of the part", format=",")],
    )
    return _finish(chart, alt.Step(24))


def usage_over_time(rows: Any, measure: str = "input_tokens", unit: str = "day") -> alt.Chart:
    """Return what was spent when, one colour an agent.

    `rows` has `time` (UTC, the beginning of a minute, hour, day, week or month: `unit`), `agent_name` and the measure,
    one of `USAGE_MEASURES`.
    """
    chart = alt.Chart(_as_frame(rows)).mark_bar(cursor="pointer")
    chart = chart.encode(
        x=alt.X(f"{_TIME_UNITS[unit]}(time):T", title="UTC"),
        y=alt.Y(f"{measure}:Q", title=USAGE_MEASURES[measure], axis=_axis(measure)),
        color=alt.Color("agent_name:N", title=None, legend=alt.Legend(orient="top", columns=8)),
        tooltip=[_moment(), alt.Tooltip("agent_name:N"), *_tooltips(list(USAGE_MEASURES))],
    )
    return _finish(chart, 260)


def drift_over_time(rows: Any, measure: str = "duration_p50_ms", baseline: float | None = None) -> alt.LayerChart:
    """Return how calls changed over time, one line a version, with an optional dashed baseline.

    `rows` has `time` (UTC), `version`, `calls` and the measure, one of `DRIFT_MEASURES`.
    """
    base = alt.Chart(_as_frame(rows)).encode(
        x=alt.X("time:T", scale=alt.Scale(type="utc"), title="UTC"),
        y=alt.Y(f"{measure}:Q", title=DRIFT_MEASURES[measure], axis=_axis(measure)),
        color=alt.Color("version:N", title=None, legend=alt.Legend(orient="top", columns=8)),
    )
    tooltip = [_moment(), alt.Tooltip("version:N"), *_tooltips(list(DRIFT_MEASURES), DRIFT_MEASURES)]
    points = base.mark_point(size=60, filled=True, cursor="pointer").encode(tooltip=tooltip, opacity=_opacity())
    layers = [base.mark_line(strokeWidth=2), points.add_params(_picked())]
    return _layer(layers, [] if baseline is None else [_baseline_rule(baseline, "y")], 260)


def drift_by_version(rows: Any, measure: str = "duration_p50_ms", baseline: float | None = None) -> alt.LayerChart:
    """Return the versions side by side in the order they appeared, with an optional dashed baseline.

    `rows` has `version`, `first_time`, `calls` and the measure, one of `DRIFT_MEASURES`.
    """
    bars = alt.Chart(_as_frame(rows)).mark_bar(cursor="pointer").add_params(_picked())
    bars = bars.encode(
        y=alt.Y("version:N", sort=alt.EncodingSortField("first_time", op="min"), title=None),
        x=alt.X(f"{measure}:Q", title=DRIFT_MEASURES[measure], axis=_axis(measure)),
        opacity=_opacity(),
        tooltip=[alt.Tooltip("version:N"), *_tooltips(list(DRIFT_MEASURES), DRIFT_MEASURES)],
    )
    return _layer([bars], [] if baseline is None else [_baseline_rule(baseline, "x")], alt.Step(28))


def _as_frame(rows: Any) -> pl.DataFrame:
    frame = rows if isinstance(rows, pl.DataFrame) else rows.pl()
    if not isinstance(frame, pl.DataFrame):
        raise TypeError(f"a chart takes a polars frame or a DuckDB relation, and got {type(rows).__name__}")
    return frame


def _has_parts(frame: pl.DataFrame, text: str) -> bool:
    return all(word.strip().removeprefix("datum.") in frame.columns for word in text.split("-"))


def _finish(chart: alt.Chart, height: Any) -> alt.Chart:
    return chart.encode(opacity=_opacity()).add_params(_picked()).properties(width="container", height=height)


def _layer(charts: list[alt.Chart], rules: list[alt.Chart], height: Any) -> alt.LayerChart:
    return alt.LayerChart(layer=[*charts, *rules]).properties(width="container", height=height)


def _picked() -> Any:
    return alt.param(name="picked_row", value=-1)


def _opacity() -> Any:
    return alt.condition("picked_row < 0 || datum.__row === picked_row", alt.value(1), alt.value(0.3))


def _axis(measure: str) -> alt.Axis:
    pattern = {"error_rate": ".1~%", "cost_usd": "$.3~s"}.get(measure, ".3~s")
    return alt.Axis(labelExpr=f"datum.value === 0 ? '0' : format(datum.value, '{pattern}')", tickCount=6)


def _tooltips(measures: list[str], titles: dict[str, str] = USAGE_MEASURES) -> list[alt.Tooltip]:
    patterns = {name: _FORMATS.get(name, ",.6~g" if "per_call" in name else ",") for name in measures}
    return [alt.Tooltip(f"{name}:Q", title=titles[name], format=patterns[name]) for name in measures]


def _moment() -> alt.Tooltip:
    return alt.Tooltip("utcyearmonthdatehoursminutes(time):T", title="time (UTC)", format="%Y-%m-%d %H:%M")


def _baseline_rule(value: float, axis: str) -> alt.Chart:
    rule = alt.Chart(pl.DataFrame({"baseline": [value]})).mark_rule(strokeDash=[5, 4], size=1.5)
    encoded: alt.Chart = rule.encode(**{axis: "baseline:Q", "tooltip": alt.Tooltip("baseline:Q", format=",.6~g")})
    return encoded
