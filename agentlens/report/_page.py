"""The page: facts and explorers put together, and made to fit."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens._visible import plural
from agentlens.explorers._explorer import list_gaps
from agentlens.explorers._pack import shuffle
from agentlens.report import _explorers as explorers
from agentlens.report._built import pack, packed_script, static
from agentlens.report._claims import FIGURES, claims_of, figure
from agentlens.report._copy import Travelling
from agentlens.report._details import pack_details
from agentlens.report._facts import (
    SEVERITIES,
    Finding,
    answer,
    ask,
    headline,
    join_words,
    list_findings,
    query_text,
)
from agentlens.report._folds import Folds
from agentlens.report._postmortem import gather_postmortem
from agentlens.report._quotes import Quoter
from agentlens.report._span_names import SpanNames
from agentlens.report._views import MOST_DETAILS, fill_views
from agentlens.report._words import FILTERS, finalize, period

Row = dict[str, Any]

GRAVEST = 8
SHOWN_FINDINGS = 60
LISTED_FINDINGS = 1_000
# So many findings stand in the page as they are, for readers without scripts; the others are folded.
SHOWN_WHOLE = 20
QUOTES_SHARE = 10
# Of what a page may have: so much must be left beside the bare tree, or it shows fewer spans.
LEAST_ROOM = 0.4
DETAILS_SHARE = 10
MARGIN = 4_000
# Below so many bytes, the pictures for print are folded as well.
TIGHT = 2_000_000
WITH_FINDINGS = "trace_id IN (SELECT trace_id FROM findings)"
# The spans that findings rest on, and those above them.
NEAR_FINDINGS = """preorder IN (
  SELECT above.preorder
  FROM (SELECT DISTINCT trace_id, unnest(span_ids) AS span_id FROM findings) AS proof
  JOIN spans AS below ON below.span_id = proof.span_id AND (proof.trace_id IS NULL OR proof.trace_id = below.trace_id)
  JOIN spans AS above
    ON above.trace_id = below.trace_id AND above.preorder <= below.preorder AND below.preorder < above.subtree_end)"""
SHOWN_BY = {
    WITH_FINDINGS: "those of traces with findings",
    NEAR_FINDINGS: "those that findings rest on, and those above them",
}
VIEWS = ("overview", "agent_map", "tokens", "drift", "conversation", "origin", "all_findings", "compare", "tree")
POLICY = (
    "default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; font-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
WITHOUT_SCRIPTS = ".still { display: block } .live, .open-span { display: none }"
_MARKUP = re.compile(r"<script.*?</script>|<style.*?</style>|<[^>]*>", re.DOTALL)
TIERS = {
    "proven": "the log itself shows it",
    "event": "it happened; whether it hurt is for a person to say",
    "candidate": "a pattern that often is a failure",
}


@dataclass
class Options:
    """What a report is written with; a verification writes it again with the same."""

    title: str | None = None
    max_bytes: int = 10_000_000
    written: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))
    folder: str | None = None


@dataclass
class Content:
    """Everything the template is given."""

    facts: Row
    mounted: dict[str, explorers.Mounted] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    names: SpanNames = field(default_factory=lambda: SpanNames([]))
    preorders: list[int] = field(default_factory=list)
    token_picture: explorers.Prepared | None = None


def compose(copy: Travelling, options: Options) -> bytes:
    """Return the page in at most `max_bytes`: whole, else with fewer views, fewer spans and details, or without explorers."""
    facts = gather(copy, options)
    size = 0
    for content in _ever_smaller(copy, facts, options.max_bytes):
        page = render(content, copy)
        size = len(page)
        if size <= options.max_bytes:
            return page
    raise AgentLensError(
        f"The findings alone take {size / 1e6:.2f} MB, and the report may have {options.max_bytes / 1e6:.2f}. Allow more with max_mb (--max-mb)."
    )


def _ever_smaller(copy: Travelling, facts: Row, limit: int) -> Iterator[Content]:
    """Yield contents: as many views as fit beside a tree of all spans, of traces with findings, of spans with findings; none."""
    if facts["totals"]["spans"]:
        for where in (None, WITH_FINDINGS, NEAR_FINDINGS):
            content = Content(facts)
            tree = _open_tree(copy, content, where)
            room = limit - len(render(content, copy)) - MARGIN
            if room > limit * LEAST_ROOM or where is NEAR_FINDINGS:
                kept = limit // DETAILS_SHARE
                room = fill_views(copy, content, room - kept, limit) + kept
                _add_details(copy, content, tree, room)
                yield content
    else:
        yield Content(facts)
    yield Content(
        facts, left_out=["The trace tree and the charts did not fit; `agentlens lab` or a larger --max-mb shows them."]
    )


def _open_tree(copy: Travelling, content: Content, where: str | None) -> explorers.Prepared:
    """Mount the tree without details, and say which spans it leaves out."""
    first = next((span for finding in content.facts["findings"] for span in finding.span_ids), None)
    postmortem = content.facts["postmortem"]
    harmed = postmortem["incident"].span_ids[-1] if postmortem and postmortem["causes"] else None
    tree = explorers.open_tree(copy.lens, first, where, harmed)
    span_ids = tree._span_ids.to_pylist()
    content.names = SpanNames(span_ids, where is None)
    content.rows = {span_id: row for row, span_id in reversed(list(enumerate(span_ids)))}
    content.preorders = tree._preorders.tolist()
    embedded = tree.embed(with_details=False)
    columns = shuffle(embedded.state["_header"], embedded.binary["_columns"])
    embedded = replace(embedded, binary={"_columns": columns})
    prepared = explorers.prepare("tree", embedded, tree.sql, copy, explorers.picture(tree))
    content.mounted["tree"] = prepared.mount(content.names)
    spans = content.facts["totals"]["spans"]
    if where is not None and len(span_ids) < spans:
        content.left_out.append(f"The tree shows {plural(len(span_ids), 'span')} of {spans:,}: {SHOWN_BY[where]}.")
    return prepared


def _add_details(copy: Travelling, content: Content, tree: explorers.Prepared, room: int) -> None:
    """Mount the tree with as many details as fit, and say how many those are."""
    rows = {preorder: row for row, preorder in enumerate(content.preorders)}
    packed, count = pack_details(copy, content.names, rows, min(room, MOST_DETAILS))
    missing = f"This report holds the details of {count:,} of {len(rows):,} spans; this one was left out for size. The lens has it."
    content.mounted["tree"] = tree.mount(content.names, packed, missing)
    if count < len(rows):
        content.left_out.append(
            f"Of {len(rows):,} spans in the tree, {count:,} carry their details (messages, arguments, source record): "
            "those that findings rest on, failures, unfinished spans, runs of agents, then the longest."
        )


def gather(copy: Travelling, options: Options) -> Row:
    """Return all facts of the page; each table comes from a query in `queries/`, which the page shows."""
    lens = copy.lens
    findings, checks, sources = list_findings(lens), ask(lens, "checks"), ask(lens, "sources")
    quoter = Quoter(sources, copy.clean, options.max_bytes // QUOTES_SHARE)
    totals = ask(lens, "totals")[0]
    return {
        "title": options.title
        or (Path(sources[0]["path"]).name if len(sources) == 1 else options.folder)
        or "agentlens report",
        "headline": headline(findings, checks),
        "answer": answer(findings, totals),
        "findings": findings,
        "gravest": _gravest(findings),
        "groups": _group(findings, quoter, _paths(lens, findings)),
        "severities": Counter(finding.severity for finding in findings),
        "tiers": Counter(finding.tier for finding in findings),
        "since": _since(findings),
        "checks": checks,
        "totals": totals,
        "period": period(totals["first_time"], totals["last_time"]),
        "waves": [wave | {"standing": _standing(wave)} for wave in ask(lens, "waves")],
        "agents": _with_findings(ask(lens, "agents"), findings),
        "agent_tokens": ask(lens, "agent_tokens"),
        "recoveries": copy.clean(ask(copy.original, "recoveries")),
        "dead_letters": copy.clean(ask(copy.original, "dead_letters")),
        "models": ask(lens, "models"),
        "sources": [source | {"short": source["path"]} for source in sources],
        "accounts": {
            name: sum(source[name] for source in sources) for name in ("records", "accepted", "rejected", "skipped")
        },
        "lacks": list_gaps(lens),
        "gaps": [row["says"] for row in ask(lens, "completeness")],
        "known_missing": _known_missing(sources),
        "rejects": ask(lens, "rejects"),
        "folder": options.folder,
        "version": version("agentlens"),
        "written": options.written,
        "max_bytes": options.max_bytes,
        "postmortem": gather_postmortem(copy, findings),
        "proof": copy.proof(),
        "figures": [figure(copy, name) for name in FIGURES],
    }


def render(content: Content, copy: Travelling) -> bytes:
    """Return the page as UTF-8."""
    loader, folds = static("loader.js"), Folds()
    script = "report.js" if "tokens" in content.mounted else "report_plain.js" if content.mounted else ""
    scripts = [loader, static(script)] if script else [loader]
    styles = [own_text("report.css"), WITHOUT_SCRIPTS, *([static("report.css")] if script else [])]
    facts = {name: value for name, value in content.facts.items() if name != "groups"}
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            facts, groups=content.facts["groups"], mounted=dict.fromkeys(VIEWS) | content.mounted, rows=content.rows, left_out=content.left_out,
            query=query_text, tier_words=TIERS, shown_whole=SHOWN_WHOLE, styles=styles, fold=folds, is_tight=content.facts["max_bytes"] < TIGHT, token_picture=content.token_picture,
            policy=policy(scripts, styles), names=content.names,
            claims=pack(content.names.shorten(json.dumps(claims_of(content, copy))).encode()),
            loader=loader, script=packed_script(script) if script else "", explorer_styles=packed_script("report.css") if script else "",
        )
    )  # fmt: skip
    for part in (text, " ".join(folds.texts)):
        copy.check(html.unescape(_MARKUP.sub(" ", part)), "The page")
    return text.encode("utf-8", "backslashreplace")


def policy(scripts: list[str], styles: list[str]) -> str:
    """Return the policy of a page that runs these scripts, has these styles, and lets nothing else in."""
    return POLICY.format(scripts=" ".join(map(_digest, scripts)) or "'none'", styles=" ".join(map(_digest, styles)))


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def environment(is_html: bool = True) -> jinja2.Environment:
    """Return what fills the templates: escaped by default, everything that hides in a text made visible, no name left open."""
    surroundings = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=is_html, undefined=jinja2.StrictUndefined,
        finalize=finalize, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    surroundings.filters |= FILTERS | {"join_words": join_words}
    return surroundings


@cache
def _environment() -> jinja2.Environment:
    return environment()


def own_text(name: str) -> str:
    """Return a file of this folder."""
    return (files("agentlens.report") / name).read_text("utf-8")


# --- facts ------------------------------------------------------------------------------------------------------------


def _gravest(findings: list[Finding]) -> list[tuple[int, Finding]]:
    """Return the first of the gravest findings in the order they happened, each with its number on the page."""
    numbered = [(number, f) for number, f in enumerate(findings[:GRAVEST], 1) if f.severity == findings[0].severity]
    return sorted(numbered, key=lambda item: (item[1].start_time is None, item[1].start_time))


def _paths(lens: Lens, findings: list[Finding]) -> dict[tuple[str | None, str], list[Row]]:
    """Return, by trace and first span of each finding that is shown whole, who stands above it, from the root down."""
    firsts = {(finding.trace_id, finding.span_ids[0]) for finding in findings[:SHOWN_FINDINGS] if finding.span_ids}
    places = {}
    for row in ask(lens, "span_places", span_ids=list({span_id for _, span_id in firsts})):
        for trace_id in (row["trace_id"], None):
            if (trace_id, row["span_id"]) in firsts:
                places[trace_id, row["span_id"]] = row["preorder"]
    above: dict[int, list[Row]] = {}
    for row in ask(lens, "span_paths", preorders=list(places.values())):
        above.setdefault(row["of"], []).append(row)
    return {first: above.get(preorder, []) for first, preorder in places.items()}


def _group(findings: list[Finding], quoter: Quoter, paths: dict[tuple[str | None, str], list[Row]]) -> list[Row]:
    """Return findings by severity: the first with their evidence quoted, the others as lines of a table."""
    groups, room, lines = [], SHOWN_FINDINGS, LISTED_FINDINGS
    names = [*SEVERITIES, *sorted({finding.severity for finding in findings} - {*SEVERITIES})]
    for severity in names:
        found = [finding for finding in findings if finding.severity == severity]
        if not found:
            continue
        shown, rest = found[:room], found[room:]
        cards = [
            {
                "finding": finding,
                "quotes": [quoter.quote(place) for place in finding.evidence[:40]],
                "path": paths.get((finding.trace_id, finding.span_ids[0]), []) if finding.span_ids else [],
            }
            for finding in shown
        ]
        places = [finding.evidence[0] if finding.evidence else None for finding in rest[:lines]]
        listed = [{"finding": finding, "quote": place and quoter.quote(place)} for finding, place in zip(rest, places)]
        groups.append(
            {
                "severity": severity,
                "total": len(found),
                "shapes": Counter(finding.detector for finding in found).most_common(),
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


def _known_missing(sources: list[Row]) -> list[Row]:
    """Return what loaders say is missing, each sentence once with its files."""
    files_by_text: dict[str, list[str]] = {}
    for source in sources:
        for text in source["known_missing"]:
            files_by_text.setdefault(text, []).append(source["path"])
    return [{"text": text, "files": join_words(paths, 3)} for text, paths in files_by_text.items()]
