"""Explorers as the page carries them: places, states and packed columns (the contract stands in `agentlens.explorers`)."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
from agentlens.report._built import pack
from agentlens.report._copy import Travelling
from agentlens.report._details import pack_batches
from agentlens.report._facts import ask
from agentlens.report._span_names import SpanNames

Row = dict[str, Any]


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
        """About its part of the page in characters."""
        return sum(map(len, self.scripts.values())) + len(self.still or "") + len(self.sql) + 600


@dataclass
class Prepared:
    """An explorer that was asked all there is to ask: its clean state, to be packed for one page or another."""

    name: str
    embedded: Embedded
    sql: str
    state: Row
    still: str | None = None

    def mount(self, names: SpanNames, packed: str = "", missing: str = "") -> Mounted:
        """Return it as the page carries it; `packed` are its details, packed already."""
        scripts = {f"{self.name}-{trait.strip('_')}": pack(content) for trait, content in self.embedded.binary.items()}
        carried: Row = {"state": names.narrow(self.state), "binary": dict(zip(self.embedded.binary, scripts))}
        if "_columns" in self.embedded.binary:
            carried["shuffled"] = "_columns"
        if packed:
            scripts[f"{self.name}-details"] = packed
            carried |= {"details": f"{self.name}-details", "missing": missing}
        text = json.dumps(carried, allow_nan=False)
        scripts[f"{self.name}-state"] = pack(names.shorten(text).encode())
        return Mounted(self.name, self.embedded.explorer, self.sql, scripts, self.still)


def prepare(name: str, embedded: Embedded, sql: str, copy: Travelling, still: str | None = None) -> Prepared:
    """Return an explorer with a state that gives nothing away."""
    state = copy.clean(without_nan(embedded.state))
    copy.check(json.dumps(state, allow_nan=False), f"The view {name}")
    return Prepared(name, embedded, sql, state, still)


def mount_with_details(
    name: str, explorer: Explorer, copy: Travelling, names: SpanNames, budget: int, still: str | None = None
) -> tuple[Mounted, int, int]:
    """Return an explorer with as many of its details as fit, in its own order; and how many of how many those are."""
    embedded = explorer.embed()
    entries = list(without_nan(embedded.details).items())
    packed, count = pack_batches(
        (dict(entries[at : at + 25]) for at in range(0, len(entries), 25)), copy, names, budget
    )
    missing = f"This report holds {count:,} of {len(embedded.details):,} of these; this one was left out for size. The lens has it."
    mounted = prepare(name, embedded, explorer.sql, copy, still).mount(names, packed, missing)
    return mounted, count, len(embedded.details)


def picture(explorer: Explorer) -> str:
    """Return the still picture of an explorer as base64 of an SVG."""
    return base64.b64encode(explorer.still().encode("utf-8", "backslashreplace")).decode()


def prepare_case(copy: Travelling) -> dict[str, Prepared]:
    """Return the explorers that look at the whole case: overview, agent map and, where a version changes, drift."""
    lens = copy.lens
    plain: dict[str, Explorer] = {"overview": Overview(lens), "agent_map": AgentMap(lens)}
    if ask(lens, "drift_versions")[0]["is_worth_showing"]:
        plain["drift"] = Drift(lens)
    return {
        name: prepare(name, explorer.embed(), explorer.sql, copy, picture(explorer)) for name, explorer in plain.items()
    }


def prepare_tokens(copy: Travelling) -> Prepared:
    """Return the charts of tokens and money, with a picture of tokens by agent."""
    tokens = TokenEconomics(copy.lens)
    return prepare("tokens", tokens.embed(), tokens.sql, copy, picture(tokens))


def mount_conversation(copy: Travelling, names: SpanNames, budget: int) -> tuple[Mounted, int, int]:
    """Return the story whose window shrank most; how many of how many of its texts it carries."""
    return mount_with_details("conversation", Conversation(copy.lens), copy, names, budget)


def mount_origin(copy: Travelling, names: SpanNames, finding: Row | None) -> Mounted | None:
    """Return what led to a finding, and the ways of the values that went farthest; None where nothing went anywhere."""
    origin = Origin(copy.lens, finding if finding and finding["span_ids"] else None)
    if not origin._view["hops"]:
        return None
    return prepare("origin", origin.embed(), origin.sql, copy, picture(origin)).mount(names)


def mount_findings(copy: Travelling, names: SpanNames, budget: int) -> Mounted:
    """Return all findings as a list to filter, with the records behind them."""
    return mount_with_details("all_findings", Findings(copy.lens), copy, names, budget)[0]


def mount_compare(copy: Travelling, names: SpanNames, trace_id: str | None, budget: int) -> Mounted | None:
    """Return a harmed run beside the last one of its kind that went well; None where there is none."""
    found = ask(copy.lens, "run_to_compare", trace_id=trace_id)
    if not found:
        return None
    compare = Compare(copy.lens, found[0]["trace_id"], str(trace_id))
    return mount_with_details("compare", compare, copy, names, budget, picture(compare))[0]


def open_tree(lens: Lens, first_span: str | None, where: str | None = None, incident: str | None = None) -> TraceTree:
    """Return the tree, opened at a span, or at an incident with the chain that led to it."""
    tree = TraceTree(lens, where=where, root_cause=incident)
    opened = incident or first_span
    if opened is not None and (row := tree.row_of(opened)) >= 0:
        tree._row = row
    return tree


def without_nan(value: Any) -> Any:
    """Return a JSON value with NaN and infinities as None, and floats to 12 digits: sums agree whatever their order was."""
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    return [without_nan(item) for item in value] if isinstance(value, list | tuple) else value
