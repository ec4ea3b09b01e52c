"""What a report claims, for machines: every finding with its proof, every figure with its SQL, every source with its hash."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from agentlens.report._copy import Travelling
from agentlens.report._facts import Finding, plain, query_text
from agentlens.report._postmortem import investigation_claims

if TYPE_CHECKING:
    from agentlens.report._page import Content

Row = dict[str, Any]

CLAIMS_VERSION = 1
# Tables of the page that are answers to one query each, as it stands.
FIGURES = ("totals", "agents", "agent_tokens", "models", "waves", "checks", "completeness", "rejects")
PUBLIC = ("source_id", "path", "sha256", "bytes", "format", "dialect", "records", "accepted", "rejected", "skipped")


def claims_of(content: Content, copy: Travelling) -> Row:
    """Return the claims of a page as a JSON object."""
    facts = content.facts
    proof = facts["proof"]
    return {
        "claims_version": CLAIMS_VERSION,
        "agentlens": facts["version"],
        "written": facts["written"].isoformat(),
        "title": facts["title"],
        "folder": facts["folder"],
        "max_bytes": facts["max_bytes"],
        "thresholds": thresholds(copy),
        "headline": facts["headline"],
        "redacted": proof is not None,
        "redaction": proof,
        "sources": [{name: plain(source[name]) for name in PUBLIC} for source in facts["sources"]],
        "findings": [describe_finding(number, card) for number, card in enumerate(_cards(facts), 1)],
        "figures": [figure(copy, name) for name in FIGURES],
        "views": {
            name: {"sql": item.sql, "sha256": hash_scripts(item.scripts)} for name, item in content.mounted.items()
        },
        "left_out": content.left_out,
        "investigation": investigation_claims(copy, facts["postmortem"]),
    }


def thresholds(copy: Travelling) -> Row:
    """Return the thresholds that each detector was run with, by its name."""
    rows = copy.lens.sql("SELECT detector, arguments FROM checks ORDER BY detector").fetchall()
    return {detector: json.loads(arguments or "{}") for detector, arguments in rows}


def _cards(facts: Row) -> list[Row]:
    """Return findings with their quotes, in the order of the page."""
    return [card for group in facts["groups"] for card in (*group["cards"], *group["listed"])]


def describe_finding(number: int, card: Row) -> Row:
    """Return a finding and the places that prove it, each with the SHA-256 of its bytes."""
    finding: Finding = card["finding"]
    quotes = card["quotes"] if "quotes" in card else [card["quote"]] if card["quote"] else []
    evidence = [
        {
            "path": quote.path,
            "line": quote.line,
            "offset": quote.offset,
            "length": quote.length,
            "span_id": quote.span_id,
            "says": quote.says,
            "sha256": quote.sha256,
        }
        for quote in quotes
    ]
    names = (
        "detector", "severity", "tier", "agent_name", "trace_id", "span_ids", "start_time", "end_time", "summary",
        "tokens_wasted", "cost_usd_wasted",
    )  # fmt: skip
    return {"number": number} | {name: plain(getattr(finding, name)) for name in names} | {"evidence": evidence}


def figure(copy: Travelling, name: str, **params: Any) -> Row:
    """Return a table of the page: its name, its SQL, its columns and its rows."""
    relation = copy.lens.sql(query_text(name), **params)
    return {
        "name": name,
        "sql": query_text(name),
        "columns": relation.columns,
        "rows": [[plain(value) for value in row] for row in relation.fetchall()],
    }


def hash_scripts(scripts: Row) -> str:
    """Return one hash of all that feeds an explorer."""
    digest = hashlib.sha256()
    for name in sorted(scripts):
        digest.update(f"{name}\0{scripts[name]}\0".encode())
    return digest.hexdigest()
