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
from agentlens.explorers import Drift, Embedded, TokenEconomics, TraceTree
from agentlens.report._facts import ask

STILL_WIDTH = 640


@dataclass
class Mounted:
    """One explorer in the page: its place, the scripts that feed it, its question, and a picture for print."""

    name: str
    explorer: str
    sql: str
    state: str
    scripts: dict[str, str] = field(default_factory=dict)
    still: str | None = None

    @property
    def size(self) -> int:
        """Its part of the page in characters."""
        return len(self.state) + sum(map(len, self.scripts.values())) + len(self.still or "")


def mount(
    name: str, embedded: Embedded, sql: str, details: str = "", missing: str = "", still: str | None = None
) -> Mounted:
    """Return an explorer as the page carries it; `details` is packed already."""
    scripts = {f"{name}-{trait.strip('_')}": pack(content) for trait, content in embedded.binary.items()}
    state: dict[str, Any] = {
        "state": without_nan(embedded.state),
        "binary": {trait: f"{name}-{trait.strip('_')}" for trait in embedded.binary},
    }
    if details:
        scripts[f"{name}-details"] = details
        state |= {"details": f"{name}-details", "missing": missing}
    return Mounted(name, embedded.explorer, sql, script_json(state), scripts, still)


def mount_tokens(lens: Lens) -> Mounted:
    """Return the token chart."""
    explorer = TokenEconomics(lens)
    still = draw_still(charts.usage_bars(lens.sql("FROM token_usage_by_agent").pl(), "agent_name"))
    return mount("tokens", explorer.embed(), explorer.sql, still=still)


def mount_drift(lens: Lens) -> Mounted | None:
    """Return what changed about the agents; None where nothing did and nothing was released."""
    if not ask(lens, "drift_versions")[0]["is_worth_showing"]:
        return None
    explorer = Drift(lens)
    still = base64.b64encode(explorer.still().encode()).decode()
    return mount("drift", explorer.embed(), explorer.sql, still=still)


def open_tree(lens: Lens, first_span: str | None, where: str | None = None) -> TraceTree:
    """Return the tree, opened at a span."""
    tree = TraceTree(lens, where=where)
    if first_span is not None and (row := tree.row_of(first_span)) >= 0:
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


def script_json(value: Any) -> str:
    """Return JSON that may stand in a script element: nothing in it can end the script or begin a comment."""
    text = json.dumps(value, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def without_nan(value: Any) -> Any:
    """Return a JSON value with NaN and infinities as None, for JSON has no word for them."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    return [without_nan(item) for item in value] if isinstance(value, list | tuple) else value
