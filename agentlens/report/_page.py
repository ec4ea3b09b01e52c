"""The page: facts and explorers put together, and made to fit."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens.explorers._explorer import list_gaps
from agentlens.report import _explorers as explorers
from agentlens.report._details import pack_details
from agentlens.report._facts import (
    SEVERITIES,
    Finding,
    ask,
    common_folder,
    headline,
    join_words,
    list_findings,
    query_text,
    short_path,
)
from agentlens.report._quotes import Quoter
from agentlens.report._words import FILTERS, finalize, period, plural

Row = dict[str, Any]

GRAVEST = 8
SHOWN_FINDINGS = 60
LISTED_FINDINGS = 1_000
DETAILS_SHARE = 10
POLICY = (
    "default-src 'none'; script-src '{hash}'; style-src 'unsafe-inline'; img-src data:; font-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
TIERS = {
    "proven": "the log itself shows it",
    "event": "it happened; whether it hurt is for a person to say",
    "candidate": "a pattern that often is a failure",
}


@dataclass
class Content:
    """Everything the template is given."""

    facts: Row
    tree: explorers.Mounted | None = None
    tokens: explorers.Mounted | None = None
    drift: explorers.Mounted | None = None
    rows: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def mounted(self) -> list[explorers.Mounted]:
        """The explorers that fit into the page."""
        return [item for item in (self.tree, self.tokens, self.drift) if item is not None]


def compose(lens: Lens, title: str | None, limit: int) -> bytes:
    """Return the page in at most `limit` bytes: whole, else with fewer details, fewer spans, or without explorers."""
    facts = gather(lens, title)
    size = 0
    for content in _ever_smaller(lens, facts, limit):
        page = render(content)
        size = len(page)
        if size <= limit:
            return page
    raise AgentLensError(
        f"The findings alone take {size / 1e6:.2f} MB, and the report may have {limit / 1e6:.2f}. Allow more with max_mb (--max-mb)."
    )


def _ever_smaller(lens: Lens, facts: Row, limit: int) -> Iterator[Content]:
    tokens, drift = explorers.mount_tokens(lens), explorers.mount_drift(lens)
    for where in (None, "trace_id IN (SELECT trace_id FROM findings)"):
        content = Content(facts, tokens=tokens, drift=drift)
        _add_tree(lens, content, limit, where)
        yield content
    yield Content(
        facts, left_out=["The trace tree and the charts did not fit; `agentlens lab` or a larger --max-mb shows them."]
    )


def _add_tree(lens: Lens, content: Content, limit: int, where: str | None) -> None:
    """Mount the tree with as many details as fit, and say what was left out."""
    if not content.facts["totals"]["spans"]:
        return
    first = next((span for finding in content.facts["findings"] for span in finding.span_ids), None)
    tree = explorers.open_tree(lens, first, where)
    rows = {int(preorder): row for row, preorder in enumerate(tree._preorders)}
    content.rows = {span_id: row for row, span_id in reversed(list(enumerate(tree._span_ids.to_pylist())))}
    embedded = tree.embed()
    content.tree = explorers.mount("tree", embedded, tree.sql)
    budget = min(limit // DETAILS_SHARE, limit - len(render(content)) - 1_000)
    details, count = pack_details(lens, rows, budget)
    missing = f"This report holds the details of {count:,} of {len(rows):,} spans; this one was left out for size. The lens has it."
    content.tree = explorers.mount("tree", embedded, tree.sql, details, missing)
    spans = content.facts["totals"]["spans"]
    if len(rows) < spans:
        content.left_out.append(
            f"The tree shows the {plural(len(rows), 'span')} of traces with findings, of {spans:,} in all."
        )
    if count < len(rows):
        content.left_out.append(
            f"Of {len(rows):,} spans in the tree, {count:,} carry their details (messages, arguments, source record): "
            "those that findings rest on, failures, unfinished spans, runs of agents, then the longest."
        )


def gather(lens: Lens, title: str | None) -> Row:
    """Return all facts of the page; each table comes from a query in `queries/`, which the page shows."""
    findings, checks, sources = list_findings(lens), ask(lens, "checks"), ask(lens, "sources")
    folder = common_folder([source["path"] for source in sources])
    quoter = Quoter(sources, folder)
    totals = ask(lens, "totals")[0]
    return {
        "title": title or (folder.name if folder is not None and folder.name else "agentlens report"),
        "headline": headline(findings, checks),
        "findings": findings,
        "gravest": _gravest(findings),
        "groups": _group(findings, quoter),
        "severities": Counter(finding.severity for finding in findings),
        "tiers": Counter(finding.tier for finding in findings),
        "since": _since(findings),
        "checks": checks,
        "totals": totals,
        "period": period(totals["first_time"], totals["last_time"]),
        "waves": [wave | {"standing": _standing(wave)} for wave in ask(lens, "waves")],
        "agents": _with_findings(ask(lens, "agents"), findings),
        "agent_tokens": ask(lens, "agent_tokens"),
        "models": ask(lens, "models"),
        "sources": [source | {"short": short_path(source["path"], folder)} for source in sources],
        "accounts": {
            name: sum(source[name] for source in sources) for name in ("records", "accepted", "rejected", "skipped")
        },
        "lacks": list_gaps(lens),
        "gaps": [row["says"] for row in ask(lens, "completeness")],
        "known_missing": _known_missing(sources, folder),
        "rejects": ask(lens, "rejects"),
        "folder": folder,
        "version": version("agentlens"),
        "written": datetime.now(UTC),
    }


def render(content: Content) -> bytes:
    """Return the page as UTF-8."""
    script = static("report.js") if content.mounted else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    facts = {name: value for name, value in content.facts.items() if name != "groups"}
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            facts, groups=content.facts["groups"], tree=content.tree, tokens=content.tokens, drift=content.drift,
            mounted=content.mounted, rows=content.rows, left_out=content.left_out, script=script, query=query_text, tier_words=TIERS,
            policy=POLICY.format(hash=f"sha256-{digest}"),
            styles=_own("report.css") + (static("trace_tree.css") + static("charts.css") + static("drift.css") if content.mounted else ""),
        )
        .encode()
    )  # fmt: skip


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined,
        finalize=finalize, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= FILTERS | {"join_words": join_words}
    return environment


@cache
def static(name: str) -> str:
    """Return a built file of the explorers, unchanged: the policy names the hash of its text."""
    return (files("agentlens.explorers") / "static" / name).read_text("utf-8")


def _own(name: str) -> str:
    return (files("agentlens.report") / name).read_text("utf-8")


# --- facts ------------------------------------------------------------------------------------------------------------


def _gravest(findings: list[Finding]) -> list[tuple[int, Finding]]:
    """Return the first of the gravest findings in the order they happened, each with its number on the page."""
    numbered = [(number, f) for number, f in enumerate(findings[:GRAVEST], 1) if f.severity == findings[0].severity]
    return sorted(numbered, key=lambda item: (item[1].start_time is None, item[1].start_time))


def _group(findings: list[Finding], quoter: Quoter) -> list[Row]:
    """Return findings by severity: the first with their evidence quoted, the others as lines of a table."""
    groups, room, lines = [], SHOWN_FINDINGS, LISTED_FINDINGS
    names = [*SEVERITIES, *sorted({finding.severity for finding in findings} - {*SEVERITIES})]
    for severity in names:
        found = [finding for finding in findings if finding.severity == severity]
        if not found:
            continue
        shown, rest = found[:room], found[room:]
        cards = [
            {"finding": finding, "quotes": [quoter.quote(place) for place in finding.evidence[:40]]}
            for finding in shown
        ]
        places = [finding.evidence[0] if finding.evidence else None for finding in rest[:lines]]
        listed = [{"finding": finding, "quote": place and quoter.quote(place)} for finding, place in zip(rest, places)]
        groups.append(
            {
                "severity": severity,
                "total": len(found),
                "cards": cards,
                "listed": listed,
                "omitted": len(rest) - len(listed),
            }
        )
        room, lines = room - len(shown), lines - len(listed)
    return groups


def _since(findings: list[Finding]) -> datetime | None:
    gravest = findings[0].severity if findings else ""
    return min((f.start_time for f in findings if f.start_time and f.severity == gravest), default=None)


def _standing(wave: Row) -> str:
    """Return how a wave ended by the last reports: `7 COMPLETE, 1 BLOCKED (Hermes)`."""
    by_status: dict[str, list[str]] = {}
    for agent, status in (wave["statuses"] or {}).items():
        by_status.setdefault(status, []).append(agent)
    groups = sorted(by_status.items(), key=lambda item: -len(item[1]))
    most = groups[0][0] if groups else ""
    parts = [
        f"{len(agents)} {status}" + ("" if status == most else f" ({join_words(agents, 4)})")
        for status, agents in groups
    ]
    return ", ".join(parts) or "no reports"


def _with_findings(agents: list[Row], findings: list[Finding]) -> list[Row]:
    counts: dict[str | None, Counter[str]] = {}
    for finding in findings:
        counts.setdefault(finding.agent_name, Counter())[finding.severity] += 1
    return [agent | {"found": counts.get(agent["agent_name"], Counter())} for agent in agents]


def _known_missing(sources: list[Row], folder: Path | None) -> list[Row]:
    """Return what loaders say is missing, each sentence once with its files."""
    files_by_text: dict[str, list[str]] = {}
    for source in sources:
        for text in source["known_missing"]:
            files_by_text.setdefault(text, []).append(short_path(source["path"], folder))
    return [{"text": text, "files": join_words(paths, 3)} for text, paths in files_by_text.items()]
