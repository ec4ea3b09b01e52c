"""What a report says, taken from the lens: findings, checks and sources, as command line and page both show them."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

from agentlens._lens import Lens
from agentlens.report._words import moment

SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Evidence:
    """One place that proves a finding: the bytes in a source, and what they say."""

    source_id: int
    line: int | None
    offset: int | None
    length: int | None
    span_id: str | None
    says: str | None


@dataclass(frozen=True)
class Finding:
    """One row of `findings`."""

    detector: str
    severity: str
    tier: str
    agent_name: str | None
    trace_id: str | None
    span_ids: tuple[str, ...]
    start_time: datetime | None
    end_time: datetime | None
    summary: str
    evidence: tuple[Evidence, ...]
    tokens_wasted: int | None
    cost_usd_wasted: float | None


@functools.cache
def query_text(name: str) -> str:
    """Return the text of a query in `queries/`."""
    return (files("agentlens.report") / "queries" / f"{name}.sql").read_text("utf-8")


def ask(lens: Lens, name: str, **params: Any) -> list[dict[str, Any]]:
    """Return the rows of a query in `queries/` as dicts."""
    return fetch(lens, query_text(name), **params)


def fetch(lens: Lens, query: str, **params: Any) -> list[dict[str, Any]]:
    """Return the rows of a query as dicts."""
    return lens._ask(query, params)


def make_sure_detected(lens: Lens) -> None:
    """Run the detectors unless they have run on this lens."""
    if not lens.sql("FROM checks LIMIT 1").fetchall():
        from agentlens._detect import detect

        detect(lens)


def list_findings(lens: Lens) -> list[Finding]:
    """Return every finding, gravest first."""
    return [_finding(row) for row in ask(lens, "findings")]


def _finding(row: dict[str, Any]) -> Finding:
    places = tuple(
        Evidence(e["source_id"], e["source_line"], e["source_offset"], e["source_length"], e["span_id"], e["says"])
        for e in row["evidence"]
    )
    return Finding(**(row | {"span_ids": tuple(row["span_ids"]), "evidence": places}))


def common_folder(paths: list[str]) -> Path | None:
    """Return the folder under which all sources stand, or None when they share none."""
    folders = {str(Path(path).parent) for path in paths}
    if not folders:
        return None
    try:
        return Path(os.path.commonpath(folders))
    except ValueError:
        return None


def short_path(path: str, folder: Path | None) -> str:
    """Return a path relative to a folder above it, else as it is."""
    if folder is not None and Path(path).is_relative_to(folder):
        return Path(path).relative_to(folder).as_posix()
    return path


def headline(findings: list[Finding], checks: list[dict[str, Any]]) -> str:
    """Return one sentence that says what went wrong, made of nothing but the findings and the checks."""
    blind = sum(check["outcome"] == "could not look" for check in checks)
    could_not = f"; {blind} could not look" if blind else ""
    if not findings:
        looked = len(checks) - blind
        return (
            f"{looked} of {len(checks)} checks looked and found nothing{could_not}."
            if checks
            else "Nothing was looked for."
        )
    grave = [finding for finding in findings if finding.severity == findings[0].severity]
    agents = list(dict.fromkeys(finding.agent_name for finding in grave if finding.agent_name))
    since = min((finding.start_time for finding in grave if finding.start_time), default=None)
    parts = [f"{len(grave)} {findings[0].severity} {'finding' if len(grave) == 1 else 'findings'}"]
    if agents:
        parts.append(f"in {join_words(agents, 4)}")
    if since:
        parts.append(f"since {moment(since, '%-d %B %Y, %H:%M')} UTC")
    others = len(findings) - len(grave)
    more = f", and {others} less grave" if others else ""
    return " ".join(parts) + more + "."


def answer(findings: list[Finding], totals: dict[str, Any]) -> dict[str, Any]:
    """Return the first of the gravest findings that are proven, else the first of the gravest: where to begin."""
    if not findings:
        return {"first": None, "number": None}
    gravest = [(number, f) for number, f in enumerate(findings, 1) if f.severity == findings[0].severity]
    proven = [item for item in gravest if item[1].tier == "proven"] or gravest
    number, first = min(proven, key=lambda item: (item[1].start_time is None, item[1].start_time))
    return {"first": first, "number": number}


def join_words(words: list[str], most: int) -> str:
    """Return `a, b and c`; well beyond `most` words, how many more there are."""
    shown = words if len(words) <= most + 1 else words[:most]
    if len(words) > len(shown):
        return f"{', '.join(shown)} and {len(words) - len(shown)} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: times in ISO 8601, floats to 12 digits so that sums in another order agree."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value
