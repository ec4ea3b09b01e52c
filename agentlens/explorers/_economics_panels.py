"""The linked panels of TokenEconomics: burn, shares, cache, dearest steps, possible waste, estimates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from agentlens import charts
from agentlens._lens import Lens
from agentlens._visible import plural
from agentlens.explorers._chart_explorer import Column, frame_of, name_rows, plain
from agentlens.explorers._explorer import load_question

AddTable = Callable[[str, pl.DataFrame, list[Column], list[str]], None]
# Above it, the questions that lay windows over one another take minutes; they are named instead of asked.
MOST_MESSAGES = 3_000_000
ESTIMATED = {
    "no usage": ("{} carries no usage", "{} carry no usage", "call"),
    "rounded counts": ("{} carries rounded counts", "{} carry rounded counts", "call"),
    "cut short": ("of {} only the beginning is metered", "of {} only the beginning is metered", "answer"),
}
LINKS = ["agent_name", "operation_name", "model"]
ALL_OF_THEM = {"agent": None, "operation": None, "model": None}

_AGENT = Column("agent_name", "agent", "text", "no agent")
_TOKENS, _COST = Column("tokens", "tokens", "count"), Column("cost_usd", "cost USD", "usd", "unpriced")
STEPS = [
    Column("time", "time UTC", "moment", "no time"), _AGENT, Column("operation_name", "operation", "text", "no operation"),
    Column("model", "model", "text", "no model"), Column("input_tokens", "input", "count"),
    Column("cache_read_input_tokens", "from cache", "count"), Column("output_tokens", "output", "count"), _COST,
    Column("span_id", "span", "text"),
]  # fmt: skip
WASTE = [
    Column("kind", "kind", "text"), _AGENT, Column("summary", "what happened", "prose"), Column("tokens", "tokens, at most", "count"),
    _COST, Column("legitimate_if", "right if", "prose"), Column("span_id", "span", "text"),
]  # fmt: skip


def is_large(lens: Lens) -> bool:
    """Whether the lens holds so many messages that cache and waste are not asked for by themselves."""
    count: int = lens._con.cursor().execute("SELECT coalesce(sum(length), 0) FROM span_message_ranges").fetchall()[0][0]
    return count > MOST_MESSAGES


def make(lens: Lens, add_table: AddTable, unit: str) -> list[dict[str, Any]]:
    """Add the tables of the panels, and return the panels that have something to show."""
    if is_large(lens):
        small = (_burn(lens, add_table, unit), _shares(lens, add_table), _steps(lens, add_table))
        return [panel for panel in small if panel is not None]
    made = (_burn(lens, add_table, unit), _shares(lens, add_table), _cache(lens, add_table), _steps(lens, add_table),
            _waste(lens, add_table), _estimates(lens, add_table))  # fmt: skip
    return [panel for panel in made if panel is not None]


def ask_again(lens: Lens, picked: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """Return the rows of the panels that show only the first of many, asked for what is picked alone."""
    fields = {"agent": "agent_name", "operation": "operation_name", "model": "model"}
    narrowed = {
        key: ("" if picked[name] is None else picked[name]) if name in picked else None for key, name in fields.items()
    }
    steps = {"steps": _rows(_ask(lens, "economics_steps", narrowed), STEPS)}
    if is_large(lens):
        return steps
    return steps | {"waste": _rows(_ask(lens, "economics_waste", {"agent": narrowed["agent"]}), WASTE)}


def _ask(lens: Lens, question: str, params: dict[str, Any] | None = None, **words: str) -> pl.DataFrame:
    con = lens._con.cursor()
    text = load_question(question, **words)
    return frame_of(con.sql(text, params=params) if params else con.sql(text))


def _rows(frame: pl.DataFrame, columns: list[Column]) -> list[list[Any]]:
    return [[plain(row[column.name]) for column in columns] for row in frame.to_dicts()]


def _specs(draw: Callable[[str], Any]) -> dict[str, Any]:
    """Return a chart for tokens and one for money; every measure but money shows tokens."""
    tokens = name_rows(draw("tokens"))
    return {"*": tokens, "cost_usd": name_rows(draw("cost_usd"))}


def _panel(title: str, table: str, **more: Any) -> dict[str, Any]:
    return {"title": title, "table": table, "links": LINKS, **more}


def _burn(lens: Lens, add_table: AddTable, unit: str) -> dict[str, Any] | None:
    frame = _ask(lens, "economics_burn", unit=unit)
    if frame.is_empty():
        return None
    budgets, findings = _ask(lens, "economics_budgets"), _ask(lens, "economics_breaches")
    so_far = [
        Column("tokens_so_far", "tokens so far", "count"),
        Column("cost_usd_so_far", "cost USD so far", "usd", "unpriced"),
        Column("tokens_today", "tokens since midnight", "count"),
        Column("cost_usd_today", "cost USD since midnight", "usd", "unpriced"),
    ]
    add_table(
        "burn",
        frame,
        [Column("time", "time UTC", "time"), _AGENT, Column("calls", "calls", "count"), _TOKENS, _COST, *so_far],
        ["agent_name"],
    )
    note = "Dashed: budgets of days. " if not budgets.is_empty() else ""
    note += "Triangles: findings about spending." if not findings.is_empty() else ""
    specs = _specs(lambda measure: charts.burn(frame, measure, budgets, findings))
    return _panel(f"Spent so far, by {unit}", "burn", specs=specs, is_wide=True, note=note.strip() or None)


def _shares(lens: Lens, add_table: AddTable) -> dict[str, Any] | None:
    frame = _ask(lens, "economics_shares")
    if frame.is_empty():
        return None
    placed = charts.icicle_rows(frame)
    shown = [_AGENT, Column("operation_name", "operation", "text", "no operation"), Column("model", "model", "text", "no model"), Column("name", "name", "text", "none"),
             Column("level", "level", "number"), Column("calls", "calls", "count"), _TOKENS, _COST, Column("unpriced", "unpriced calls", "count")]  # fmt: skip
    ends = [Column(f"{measure}_{end}", end, "number") for measure in charts.SPENT for end in ("from", "to", "share")]
    add_table("shares", placed, [*shown, *ends], LINKS)
    return _panel("Agent, operation, model", "shares", specs=_specs(lambda measure: charts.icicle(placed, measure)))


def _cache(lens: Lens, add_table: AddTable) -> dict[str, Any] | None:
    frame = _ask(lens, "economics_cache")
    if frame.is_empty():
        return None
    add_table(
        "cache",
        frame,
        [_AGENT, Column("fate", "fate", "text"), _TOKENS, _COST, Column("calls", "calls", "count")],
        ["agent_name"],
    )
    missed = frame.filter(pl.col("fate").str.starts_with("missed"))["cost_usd"].sum() or 0
    note = (
        f"What was missed cost ${missed:,.{2 if missed >= 1 else 4}f} more than reading it from the cache."
        if missed
        else None
    )
    return _panel("Cache", "cache", specs={"*": name_rows(charts.cache_bars(frame))}, note=note)


def _steps(lens: Lens, add_table: AddTable) -> dict[str, Any] | None:
    frame = _ask(lens, "economics_steps", ALL_OF_THEM)
    if frame.is_empty():
        return None
    add_table("steps", frame, STEPS, ["span_id"])
    return _panel("Dearest steps", "steps", has_table=True, is_wide=True)


def _waste(lens: Lens, add_table: AddTable) -> dict[str, Any] | None:
    frame = _ask(lens, "economics_waste", {"agent": None})
    if frame.is_empty():
        return None
    add_table("waste", frame, WASTE, ["span_id"])
    note = "Each with the way in which it may have been right. Kinds overlap: rank them, never add them up."
    return _panel("Possible waste", "waste", has_table=True, is_wide=True, note=note)


def _estimates(lens: Lens, add_table: AddTable) -> dict[str, Any] | None:
    frame = _ask(lens, "economics_estimates")
    if frame.is_empty():
        return None
    low, high = Column("tokens_low", "at least", "count"), Column("tokens_high", "at most", "count")
    add_table(
        "estimates",
        frame,
        [
            _AGENT,
            Column("kind", "why", "text"),
            Column("calls", "calls", "count"),
            low,
            high,
            Column("basis", "basis", "text"),
        ],
        ["agent_name", "kind"],
    )
    found = {kind: frame.filter(kind=kind)["calls"].sum() for kind in ESTIMATED}
    told = "; ".join(
        (one if calls == 1 else many).format(plural(int(calls), noun))
        for kind, (one, many, noun) in ESTIMATED.items()
        if (calls := found[kind])
    )
    told = told[0].upper() + told[1:]
    note = f"{told}. Estimated, and in no sum above."
    return _panel("Not metered", "estimates", specs={"*": name_rows(charts.estimates(frame))}, note=note)
