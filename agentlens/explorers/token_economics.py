"""TokenEconomics: where the tokens and the money went, how fast, and which of them in vain."""

from __future__ import annotations

from typing import Any

import traitlets

from agentlens import charts
from agentlens._lens import Lens
from agentlens.explorers import _economics_panels as panels
from agentlens.explorers._chart_explorer import ChartExplorer, Column, Control, choose_unit, frame_of
from agentlens.explorers._explorer import load_question

BY = {"agent": "agent", "model": "model", "operation": "operation", "time": "time"}
NUMBERS = [
    Column("calls", "calls", "count"),
    Column("input_tokens", "input tokens", "count"),
    Column("cache_read_input_tokens", "of them from cache", "count"),
    Column("cache_write_input_tokens", "of them to cache", "count"),
    Column("output_tokens", "output tokens", "count"),
    Column("reasoning_output_tokens", "of them reasoning", "count"),
    Column("cost_usd", "cost USD", "usd", "unpriced"),
    Column("unpriced", "unpriced calls", "count"),
]
KEYS = {
    "agent": [Column("agent_name", "agent", "text", "no agent")],
    "model": [Column("model", "model", "text", "no model"), Column("provider_name", "provider", "text")],
    "operation": [Column("operation_name", "operation", "text", "no operation")],
    "time": [Column("time", "time UTC", "time", "no time"), Column("agent_name", "agent", "text", "no agent")],
}


class TokenEconomics(ChartExplorer):
    """Tokens and money by agent, model, operation and time, each usage record counted once; click anything to narrow the rest.

    Below the chart: what was spent by when (with budgets and findings), who spent it on what, what the cache gave and missed, the dearest steps, and possible
    waste. A click narrows all of them to that agent, operation or model and selects its spans. Calls without usage are estimated
    in a panel of their own, never in a sum. `by` is what stands on the rows at first (agent, model, operation or time), `measure` what is drawn (input_tokens,
    output_tokens, cost_usd or calls). A model without a price is unpriced, never 0.
    """

    _asked = traitlets.Dict().tag(sync=True)

    def __init__(self, lens: Lens, by: str = "agent", measure: str = "input_tokens") -> None:
        controls = [Control("by", "by", BY), Control("measure", "measure", charts.USAGE_MEASURES)]
        super().__init__(lens, "Tokens and money", controls)
        for control, value in zip(controls, (by, measure)):
            if value not in control.values:
                raise ValueError(f"{control.key}={value!r}; it may be one of {', '.join(control.values)}")
        self._unit = self._choose_unit()
        for name in BY:
            self._add_question(name)
        self._panels = panels.make(lens, self._add_table, self._unit)
        self._notes = self._list_notes()
        with self.hold_sync():
            self._choice = {"by": by, "measure": measure}
            self._publish()

    @property
    def sql(self) -> str:
        """The question behind the chart on screen."""
        return f"{self._question(self.choice['by'])}\nORDER BY {self.choice['measure']} DESC NULLS LAST"

    def _question(self, by: str) -> str:
        if by in ("agent", "model"):
            return f"FROM token_usage_by_{by}"
        if by == "operation":
            return load_question("usage_by_operation")
        return load_question("usage_over_time", unit=self._unit)

    def _choose_unit(self) -> str:
        extent = self.ask(load_question("usage_extent"))[0]
        return choose_unit(extent["first"], extent["last"])

    def _add_question(self, by: str) -> None:
        frame = frame_of(self.lens._con.cursor().sql(self._question(by)))
        first = "time" if by == "time" else "input_tokens"
        frame = frame.sort(first, descending=by != "time", nulls_last=True)
        keys = KEYS[by]
        columns = [*keys, *(column for column in NUMBERS if column.name in frame.columns)]
        self._add_table(by, frame, columns, [key.name for key in keys])
        for measure in charts.USAGE_MEASURES:
            if by == "time":
                chart = charts.usage_over_time(frame, measure, self._unit)
            else:
                chart = charts.usage_bars(frame, keys[0].name, measure)
            self._add_view([by, measure], chart, by, self._describe(by, measure, frame.height))

    def _describe(self, by: str, measure: str, rows: int) -> str:
        period = f"One bar a {self._unit}, UTC. " if by == "time" else ""
        is_cut = by != "time" and rows > charts.MOST_BARS
        cut = f"The {charts.MOST_BARS} largest of {rows:,}; the table has all. " if is_cut else ""
        unpriced = "Unpriced calls are not in the sum. " if measure == "cost_usd" else ""
        return (period + cut + unpriced).strip()

    def _list_notes(self) -> list[str]:
        totals = self.ask(load_question("usage_records"))[0]
        counted, repeats = totals["counted"], totals["repeats"]
        notes = [f"{counted:,} usage records are counted; {repeats:,} repeat or sum up others (FROM usage_ledger)."]
        if totals["unpriced"]:
            notes.append(f"{totals['unpriced']:,} counted records have no price.")
        if panels.is_large(self.lens):
            notes.append(
                "Cache and waste are not asked for over so many messages: FROM cache_misses, FROM token_waste."
            )
        return notes

    @traitlets.observe("_picked")
    def _narrow(self, change: Any) -> None:
        """Ask the panels that show the first of many again, for what is picked alone."""
        self._asked = panels.ask_again(self.lens, dict(change["new"])) if change["new"] else {}

    def _find_spans(self, picked: dict[str, Any]) -> list[str]:
        if picked.get("span_id"):
            return [str(picked["span_id"])]
        fields = dict.fromkeys(("agent_name", "model", "provider_name", "operation_name", "time")) | picked
        fields["time"] = fields["time"] and fields["time"].removesuffix("Z")
        known = [name for name in fields if name in picked]
        found = self.ask(load_question("usage_spans"), fields | {"known": known, "unit": self._unit})
        return [row["span_id"] for row in found]
