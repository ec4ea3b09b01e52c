"""Explorers: a view one can click, and which always knows its own SQL.

`TraceTree`, `TokenEconomics` and `Drift` are Jupyter widgets. Each has `.lens`, `.sql` (the question on screen),
`.rows()` (its answer, a relation) and `.selection` (span ids, a synced trait, so that two explorers meet through
`traitlets.link((a, "selection"), (b, "selection"))`).

How they are built. The front end is TypeScript in `src/`; `npm ci && npm run build` makes the files in `static/`, which
are committed, so that installing needs no Node; `npm test` runs the unit tests in `tests/frontend`. Python says
everything through traits; the wire is written down in `src/columns.ts`, `src/requests.ts` (the tree) and
`src/chart_state.ts` (the charts). Nothing is asked of the kernel for pan, zoom, collapse or search; only the details of
a clicked span are.

How a report mounts them. `Explorer.embed()` returns an `Embedded`; for each, the page holds

    <div id="NAME" data-explorer="EMBEDDED.explorer" data-state="NAME-state"></div>
    <script type="application/json" id="NAME-state">{"state": EMBEDDED.state, "binary": {"_columns": "NAME-columns"},
        "details": "NAME-details"}</script>
    <script type="text/plain" id="NAME-columns">base64(zlib(EMBEDDED.binary["_columns"]))</script>
    <script type="text/plain" id="NAME-details">base64(zlib(json(EMBEDDED.details)))</script>

with `<`, `>`, `&`, U+2028 and U+2029 in the JSON written as `\\u003c` and so on, `static/trace_tree.css` and
`static/charts.css` in a `<style>`, and `static/report.js`, unchanged, as one inline `<script>` at the end of the body:
it mounts every place by itself. A policy of `default-src 'none'; script-src 'sha256-…'; style-src 'sha256-…';
img-src data:` is enough. A `<button type="button" data-select-in="NAME" data-select-row="17">` anywhere opens that row
of the tree (`TraceTree.row_of(span_id)` says which row a span is). `src/static_host.ts` has the whole contract.
"""

from __future__ import annotations

from agentlens.explorers._explorer import Embedded, Explorer
from agentlens.explorers.agent_map import AgentMap
from agentlens.explorers.compare import Compare
from agentlens.explorers.conversation import Conversation
from agentlens.explorers.drift import Drift
from agentlens.explorers.findings import Findings
from agentlens.explorers.origin import Origin
from agentlens.explorers.overview import Overview
from agentlens.explorers.token_economics import TokenEconomics
from agentlens.explorers.trace_tree import TraceTree

__all__ = [
    "AgentMap",
    "Compare",
    "Conversation",
    "Drift",
    "Embedded",
    "Explorer",
    "Findings",
    "Origin",
    "Overview",
    "TokenEconomics",
    "TraceTree",
]
