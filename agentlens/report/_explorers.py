"""Explorers as the page carries them: places, states and packed columns (the contract stands in `agentlens.explorers`)."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentlens import charts
from agentlens._lens import Lens
from agentlens.explorers import (
    AgentMap,
    Compare,
    Conversation,
    Drift,
    Embedded,
    Explorer,
    Findings,
    Origin,
    Overview,
    TokenEconomics,
    TraceTree,
)
from agentlens.report._copy import Travelling
from agentlens.report._details import pack_batches
from agentlens.report._facts import ask

Row = dict[str, Any]

STILL_WIDTH = 640


@dataclass
class Mounted:
    """One explorer in the page: its place, the scripts that feed it, its question, and a picture for print."""

    name: str
    explorer: str
    sql: str
    scripts: dict[str, str] = field(default_factory=dict)
    still: str | None = None

    @property
    def size(self) -> int:
        """Its part of the page in characters."""
        return sum(map(len, self.scripts.values())) + len(self.still or "")


def mount(
    name: str,
    embedded: Embedded,
    sql: str,
    copy: Travelling,
    packed: str = "",
    missing: str = "",
    still: str | None = None,
) -> Mounted:
    """Return an explorer as the page carries it; `packed` are its details, packed already."""
    state: dict[str, Any] = {
        "state": copy.clean(without_nan(embedded.state)),
        "binary": {trait: f"{name}-{trait.strip('_')}" for trait in embedded.binary},
    }
    scripts = {f"{name}-{trait.strip('_')}": pack(content) for trait, content in embedded.binary.items()}
    if packed:
        scripts[f"{name}-details"] = packed
        state |= {"details": f"{name}-details", "missing": missing}
    text = json.dumps(state, allow_nan=False)
    copy.check(text, f"The view {name}")
    scripts[f"{name}-state"] = pack(text.encode())
    return Mounted(name, embedded.explorer, sql, scripts, still)


def mount_with_details(
    name: str, explorer: Explorer, copy: Travelling, budget: int, still: str | None = None
) -> tuple[Mounted, int, int]:
    """Return an explorer with as many of its details as fit, in its own order; and how many of how many those are."""
    embedded = explorer.embed()
    entries = list(without_nan(embedded.details).items())
    packed, count = pack_batches((dict(entries[at : at + 25]) for at in range(0, len(entries), 25)), copy, budget)
    missing = f"This report holds {count:,} of {len(embedded.details):,} of these; this one was left out for size. The lens has it."
    return mount(name, embedded, explorer.sql, copy, packed, missing, still), count, len(embedded.details)


def mount_plain(name: str, explorer: Explorer, copy: Travelling) -> Mounted:
    """Return an explorer that has no details to ask for, with its own picture for print."""
    return mount(name, explorer.embed(), explorer.sql, copy, still=picture(explorer))


def picture(explorer: Explorer) -> str:
    """Return the still picture of an explorer as base64 of an SVG."""
    return base64.b64encode(explorer.still().encode("utf-8", "backslashreplace")).decode()


def mount_case(copy: Travelling) -> dict[str, Mounted]:
    """Return the explorers that look at the whole case: overview, agent map, tokens and, where a version changes, drift."""
    lens = copy.lens
    found = {
        "overview": mount_plain("overview", Overview(lens), copy),
        "agent_map": mount_plain("agent_map", AgentMap(lens), copy),
    }
    if ask(lens, "totals")[0]["calls"]:
        tokens = TokenEconomics(lens)
        still = draw_still(charts.usage_bars(lens.sql("FROM token_usage_by_agent").pl(), "agent_name"))
        found["tokens"] = mount("tokens", tokens.embed(), tokens.sql, copy, still=still)
    if drift := mount_drift(copy):
        found["drift"] = drift
    return found


def mount_drift(copy: Travelling) -> Mounted | None:
    """Return what changed about the agents; None where nothing did and nothing was released."""
    if not ask(copy.lens, "drift_versions")[0]["is_worth_showing"]:
        return None
    return mount_plain("drift", Drift(copy.lens), copy)


def mount_conversation(copy: Travelling, budget: int) -> tuple[Mounted | None, str]:
    """Return the story whose window shrank most, and what was left out of it; None when no model was called."""
    if not ask(copy.lens, "totals")[0]["calls"] and not copy.lens.sql("FROM llm_calls LIMIT 1").fetchall():
        return None, ""
    mounted, count, whole = mount_with_details("conversation", Conversation(copy.lens), copy, budget)
    left_out = f"Of {whole:,} texts of the conversation, {count:,} are part of this report." if count < whole else ""
    return mounted, left_out


def mount_origin(copy: Travelling, finding: Row | None) -> Mounted | None:
    """Return what led to a finding, and the ways of the values that went farthest; None where nothing went anywhere."""
    origin = Origin(copy.lens, finding if finding and finding["span_ids"] else None)
    return mount_plain("origin", origin, copy) if origin._view["hops"] else None


def mount_findings(copy: Travelling, budget: int) -> Mounted:
    """Return all findings as a list to filter, with the records behind them."""
    return mount_with_details("all_findings", Findings(copy.lens), copy, budget)[0]


def mount_compare(copy: Travelling, trace_id: str | None, budget: int) -> Mounted | None:
    """Return a harmed run beside the last one of its kind that went well; None where there is none."""
    found = ask(copy.lens, "run_to_compare", trace_id=trace_id)
    if not found:
        return None
    compare = Compare(copy.lens, found[0]["trace_id"], str(trace_id))
    return mount_with_details("compare", compare, copy, budget, picture(compare))[0]


def open_tree(lens: Lens, first_span: str | None, where: str | None = None, incident: str | None = None) -> TraceTree:
    """Return the tree, opened at a span, or at an incident with the chain that led to it."""
    tree = TraceTree(lens, where=where, root_cause=incident)
    opened = incident or first_span
    if opened is not None and (row := tree.row_of(opened)) >= 0:
        tree._row = row
    return tree


def draw_still(chart: Any) -> str:
    """Return a chart as base64 of an SVG: a picture runs nothing, whatever its texts say."""
    import vl_convert

    spec = chart.properties(width=STILL_WIDTH).to_dict()
    return base64.b64encode(vl_convert.vegalite_to_svg(spec).encode()).decode()


def pack(content: bytes) -> str:
    """Return base64(zlib(content))."""
    return base64.b64encode(zlib.compress(content, 9)).decode()


def without_nan(value: Any) -> Any:
    """Return a JSON value with NaN and infinities as None, and floats to 12 digits: sums agree whatever their order was."""
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    return [without_nan(item) for item in value] if isinstance(value, list | tuple) else value
