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
SPENT = {"tokens": "tokens", "cost_usd": "cost USD"}
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
_CLOCK = "utcFormat(datum.value, utchours(datum.value) + utcminutes(datum.value) > 0 ? '%H:%M' : '%b %d')"
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


def burn(rows: Any, measure: str = "tokens", budgets: Any = None, findings: Any = None) -> alt.LayerChart:
    """Return what had been spent by when, one line an agent, with dashed lines for budgets and marks for findings.

    `rows` is `token_burn(…)`; `measure` is tokens or cost_usd. `budgets` are those of days (`agent_name, level, measure, amount`, as in
    `agent_budgets`): where there are some, the lines begin anew each midnight. `findings` has `time, agent_name, summary`. Both may
    be left out.
    """
    is_daily = budgets is not None and not _as_frame(budgets).is_empty()
    field, since = (f"{measure}_today", ", since midnight UTC") if is_daily else (f"{measure}_so_far", "")
    base = alt.Chart(_as_frame(rows)).encode(
        x=alt.X("time:T", scale=alt.Scale(type="utc"), title="UTC", axis=alt.Axis(labelExpr=_CLOCK)),
        y=alt.Y(f"{field}:Q", title=SPENT[measure] + since, axis=_axis(measure)),
        color=alt.Color(
            "agent_name:N",
            title=None,
            legend=alt.Legend(orient="top", columns=6),
            scale=_same(rows, "agent_name", "no agent"),
        ),
    )
    titles = {"calls": "calls", measure: "in this stretch", field: "today" if is_daily else "so far"}
    tooltip = [_moment(), alt.Tooltip("agent_name:N"), *[
        alt.Tooltip(f"{name}:Q", title=title, format="$,.4~f" if "usd" in name else ",") for name, title in titles.items()
    ]]  # fmt: skip
    points = base.mark_point(size=40, filled=True, cursor="pointer").encode(tooltip=tooltip, opacity=_opacity())
    layers: list[Any] = [base.mark_line(interpolate="step-after", strokeWidth=2), points.add_params(_picked())]
    return _layer(layers, [*_budget_rules(budgets, measure), *_finding_marks(findings)], 240)


def _same(rows: Any, column: str, missing: str) -> alt.Scale:
    """Return a scale on which every value keeps its colour when the rows are narrowed."""
    values: list[str] = _as_frame(rows)[column].fill_null(missing).unique().sort().to_list()
    ordered = sorted(values, key=lambda value: (value.startswith("missed"), value))
    return alt.Scale(domain=ordered)


def _budget_rules(budgets: Any, measure: str) -> list[Any]:
    frame = None if budgets is None else _as_frame(budgets).filter(pl.col("measure") == measure)
    if frame is None or frame.is_empty():
        return []
    rule = alt.Chart(frame).mark_rule(strokeDash=[5, 4], size=1.5)
    tooltip = [
        alt.Tooltip("agent_name:N"),
        alt.Tooltip("level:N", title="budget of a"),
        alt.Tooltip("amount:Q", format=",.6~g"),
    ]
    return [rule.encode(y="amount:Q", color="agent_name:N", tooltip=tooltip)]


def _finding_marks(findings: Any) -> list[Any]:
    frame = None if findings is None else _as_frame(findings)
    if frame is None or frame.is_empty():
        return []
    marks = alt.Chart(frame).mark_point(shape="triangle-down", size=90, filled=True, style="failure", yOffset=6)
    return [marks.encode(x="time:T", y=alt.value(0), tooltip=[_moment(), "detector:N", "severity:N", "summary:N"])]


def icicle(rows: Any, measure: str = "tokens") -> alt.LayerChart:
    """Return who spent what on what: agents on top, their operations below, the models below those, as wide as their share.

    `rows` is made by `icicle_rows`; `measure` is tokens or cost_usd.
    """
    base = alt.Chart(_as_frame(rows)).transform_filter(f"datum.{measure}_to > datum.{measure}_from")
    base = base.encode(
        x=alt.X(f"{measure}_from:Q", title=SPENT[measure], axis=_axis(measure), scale=alt.Scale(nice=False)),
        x2=f"{measure}_to:Q",
        y=alt.Y("level:O", axis=None, scale=alt.Scale(paddingInner=0.04)),
    )  # fmt: skip
    tooltip = [alt.Tooltip("agent_name:N"), alt.Tooltip("operation_name:N"), alt.Tooltip("model:N"), alt.Tooltip("calls:Q", format=","),
               alt.Tooltip("tokens:Q", format=","), alt.Tooltip("cost_usd:Q", format="$,.4~f"), alt.Tooltip("unpriced:Q", title="unpriced calls")]  # fmt: skip
    color = alt.Color("agent_name:N", legend=None, scale=_same(rows, "agent_name", "no agent"))
    boxes = base.mark_rect(cursor="pointer", stroke="white", strokeOpacity=0.35).encode(
        color=color, opacity=_opacity(), tooltip=tooltip
    )
    words = base.transform_filter(f"datum.{measure}_share > 0.05").transform_calculate(
        middle=f"(datum.{measure}_from + datum.{measure}_to) / 2"
    )
    room: Any = alt.ExprRef(f"datum.{measure}_share * width - 10")
    words = words.mark_text(limit=room, fontSize=11, style="inverse").encode(x="middle:Q", x2=alt.X2(), text="name:N")
    return _layer([boxes.add_params(_picked()), words], [], 132)


def icicle_rows(rows: Any) -> pl.DataFrame:
    """Return one row an agent, an agent's operation, and a model of one, each with the stretch it takes in tokens and in money.

    `rows` has `agent_name, operation_name, model, calls, tokens, cost_usd, unpriced`.
    """
    frame, keys = _as_frame(rows), ["agent_name", "operation_name", "model"]
    sums = [pl.col(name).sum() for name in ("calls", "tokens", "cost_usd", "unpriced")]
    levels = []
    for level in (1, 2, 3):
        grouped = frame.group_by(keys[:level], maintain_order=True).agg(sums)
        missing = [pl.lit(None, pl.String).alias(name) for name in keys[level:]]
        levels.append(
            grouped.with_columns(*missing, pl.lit(level).alias("level"), pl.col(keys[level - 1]).alias("name"))
        )
    placed = pl.concat([level.select(sorted(level.columns)) for level in levels])
    placed = _place(_place(placed, keys, "tokens"), keys, "cost_usd")
    return placed.sort("level", "tokens", descending=[False, True], maintain_order=True)


def _place(frame: pl.DataFrame, keys: list[str], measure: str) -> pl.DataFrame:
    """Add where each row begins and ends: children side by side under their parent, the largest first."""
    done = frame.clear()
    for level in (1, 2, 3):
        above = keys[: level - 1]
        start = f"{measure}_from"
        here = frame.filter(pl.col("level") == level).sort(
            measure, descending=True, nulls_last=True, maintain_order=True
        )
        ends = pl.col(measure).fill_null(0).cum_sum()
        here = here.with_columns((ends.over(above) if above else ends).alias(f"{measure}_to"))
        if level > 1:
            parents = done.filter(pl.col("level") == level - 1).select(*above, pl.col(start).alias("base"))
            here = here.join(parents, on=above, how="left", nulls_equal=True, maintain_order="left")
            here = here.with_columns(pl.col(f"{measure}_to") + pl.col("base")).drop("base")
        here = here.with_columns((pl.col(f"{measure}_to") - pl.col(measure).fill_null(0)).alias(start))
        done = here if level == 1 else pl.concat([done, here.select(done.columns)])
    whole = done.filter(pl.col("level") == 1)[measure].sum() or 1
    return done.with_columns((pl.col(measure).fill_null(0) / whole).alias(f"{measure}_share"))


def cache_bars(rows: Any) -> alt.Chart:
    """Return what each agent read from the cache and what it missed, by cause. `rows` has `agent_name, fate, tokens, cost_usd, calls`."""
    chart = alt.Chart(_as_frame(rows)).mark_bar(cursor="pointer")
    chart = chart.encode(
        y=alt.Y("agent_name:N", sort=alt.EncodingSortField("tokens", op="sum", order="descending"), title=None),
        x=alt.X("tokens:Q", title="input tokens", axis=_axis("tokens")),
        color=alt.Color("fate:N", title=None, legend=alt.Legend(orient="top", columns=2), scale=_same(rows, "fate", "")),
        tooltip=[alt.Tooltip("agent_name:N"), alt.Tooltip("fate:N"), alt.Tooltip("calls:Q", format=","), alt.Tooltip("tokens:Q", format=","),
                 alt.Tooltip("cost_usd:Q", title="cost of the misses", format="$,.4~f")],
    )  # fmt: skip
    return _finish(chart, alt.Step(24))


def estimates(rows: Any) -> alt.LayerChart:
    """Return the tokens that calls may have taken above what is metered, an interval an agent and kind.

    `rows` has `agent_name, kind, calls, tokens_low, tokens_high, basis`.
    """
    base = alt.Chart(_as_frame(rows)).encode(
        y=alt.Y("agent_name:N", title=None, sort=None), yOffset="kind:N",
        color=alt.Color("kind:N", title=None, legend=alt.Legend(orient="top")), stroke=alt.Stroke("kind:N", legend=None), x=alt.X("tokens_low:Q", title="tokens, estimated", axis=_axis("tokens")), x2="tokens_high:Q",
        tooltip=[alt.Tooltip("agent_name:N"), alt.Tooltip("kind:N"), alt.Tooltip("calls:Q", format=","),
                 alt.Tooltip("tokens_low:Q", format=","), alt.Tooltip("tokens_high:Q", format=","), alt.Tooltip("basis:N")],
    )  # fmt: skip
    bars = base.mark_bar(height=8, fillOpacity=0.25, strokeDash=[3, 2], strokeWidth=1.2, filled=True, cursor="pointer")
    return _layer([bars.encode(opacity=_opacity()).add_params(_picked())], [], alt.Step(22))


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
