"""briefing(): what changed materially against the period before, on a page that is read in 90 seconds."""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._lens import Lens, written_whole
from agentlens._sensitive import Rule
from agentlens._visible import plural
from agentlens.report._briefing_items import KINDS, Item, fit, list_items
from agentlens.report._built import pack
from agentlens.report._claims import PUBLIC, figure, thresholds
from agentlens.report._copy import Travelling, travelling
from agentlens.report._facts import ask, common_folder, join_words, make_sure_detected, plain, query_text
from agentlens.report._forms import markdown_code, markdown_text
from agentlens.report._page import environment, own_text, policy
from agentlens.report._postmortem import investigation_claims
from agentlens.report._target import check_target
from agentlens.report._words import NBSP, count, duration, percent, usd

Row = dict[str, Any]

MOST_WORDS = 300  # what is read in 90 seconds, figures and headline beside it
FEW = 12  # tasks and reports; fewer in a period cannot be compared
QUESTIONS = ("figures", "changes", "failures", "findings", "agents", "spend", "releases")
DAY_UNITS = {"d": 1, "w": 7}
HEADINGS = {
    "critical": "Critical", "warning": "Warning", "better": "Better", "info": "Also different",
}  # fmt: skip
FOUND = {"critical": "Critical", "warning": "Warning", "better": "", "info": "Also found"}


@dataclass(frozen=True)
class Period:
    """What is compared: from `since` to before `until`, with the same length before it."""

    since: datetime
    until: datetime

    @property
    def before(self) -> datetime:
        """Where the period before begins."""
        return self.since - (self.until - self.since)

    def said(self, is_before: bool = False) -> str:
        """The days of the period, as a reader says them."""
        first, end = (self.before, self.since) if is_before else (self.since, self.until)
        last = end - timedelta(seconds=1)
        if self.until - self.since < timedelta(days=1):
            return f"{first:%d %b %H:%M} to {end:%H:%M}"
        if first.date() == last.date():
            return f"{first.day} {first:%b %Y}"
        return f"{first.day} {first:%b} to {last.day} {last:%b %Y}"


@dataclass(frozen=True)
class BriefingOptions:
    """What a briefing is written with; a verification writes it again with the same."""

    period: Period
    title: str | None = None
    folder: str | None = None
    written: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))


def briefing(
    lens: Lens,
    path: str | os.PathLike[str] | None = None,
    since: str = "7d",
    title: str | None = None,
    redact: bool = True,
    rules: Sequence[Rule] = (),
    keep: Iterable[str] = (),
    until: str | None = None,
) -> Path | str:
    """Write what changed materially against the period before, on a page that is read in 90 seconds, and return its path.

    `since` is a length (`7d`, `2w`, `12h`) or a day (`2026-06-08`). The period ends with the last day of the log, or with `until`:
    a day, which belongs to it (`2026-06-14`), or a moment in UTC, which does not (`2026-06-14T12:00`). The ending of `path` is `.html` (offline, no script) or `.md`; without a path the Markdown is returned. Detectors run first
    unless they have run on this lens. It is redacted as a report is.

    An item names agents and signals, and is of one kind, by fixed rules:

    - *critical*: a finding of severity critical (proven or event) of a kind that the agent did not show before, or at
      least twice as often; failed tasks or calls of a tool up by 20 points or more.
    - *warning*: the same of severity warning; a candidate that would be critical; a change for the worse by half or more at like
      work (`drift_changes`; failures: by 5 points, other shares: by 20); total cost up by half or more.
    - *better*: a change for the better by a fifth or more (shares: 5 points); what is not found any more of agents that still
      work; total cost down by a fifth or more.
    - *info*: other changes by a fifth or more, another mix of work, releases after which nothing changed, agents that came or went.

    A change counts when chance does not explain it and it began in the period, or so late in the one before that most work there
    came earlier; failures by Fisher's exact test (at most one in twenty of what is said is chance). With fewer than 12 tasks and reports in either period nothing is compared, and the page says so.

    Raises AgentLensError for a `since` or `until` that is none of these, for a period that is empty or outside the log, a lens without any time, another ending, and where `report` does.
    """
    target = check_target(path, FORMS, "briefing") if path is not None else None
    make_sure_detected(lens)
    folder = common_folder([source for (source,) in lens.sql("SELECT path FROM sources").fetchall()])
    options = BriefingOptions(find_period(lens, since, until), title, folder.name if folder is not None else None)
    compose = FORMS[target.suffix.lower()] if target else compose_markdown
    with travelling(lens, redact, rules, keep) as copy:
        content = compose(copy, options)
    if target is None:
        return content.decode()
    with written_whole(target) as part:
        part.write_bytes(content)
    return target


def find_period(lens: Lens, since: str, until: str | None = None) -> Period:
    """Return the period that ends with `until`, or else with the last day of the log."""
    extent = ask(lens, "briefing_last_time")[0]
    first, last = extent["first_time"], extent["last_time"]
    if last is None:
        raise AgentLensError("Nothing in this lens has a time, so no period can be told from the one before.")
    end = _end(until, first, last)
    if found := re.fullmatch(r"(\d{1,4})([hdw])", since.strip()):
        number, unit = int(found[1]), found[2]
        if number and unit == "h":
            end = end if until else last.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            return Period(end - timedelta(hours=number), end)
        if number:
            return Period(end - timedelta(days=number * DAY_UNITS[unit]), end)
    start = _moment(since)
    if start is None or start >= end:
        before = f"before {end:%Y-%m-%d %H:%M} UTC" if until else f"before the end of the log ({last:%Y-%m-%d})"
        raise AgentLensError(
            f"since={since!r} is no time {before}. Say e.g. 7d, 12h or {end - timedelta(days=1):%Y-%m-%d}."
        )
    return Period(start, end)


def _end(until: str | None, first: datetime, last: datetime) -> datetime:
    """Return where the period ends: after the day that `until` names, at its moment, or after the last day of the log."""
    if until is None:
        return _midnight(last) + timedelta(days=1)
    end = _moment(until)
    if end is not None and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", until.strip()):
        end += timedelta(days=1)
    if end is None or end <= first or _midnight(end) > _midnight(last) + timedelta(days=1):
        raise AgentLensError(
            f"until={until!r} is no time in the log, which goes from {first:%Y-%m-%d} to {last:%Y-%m-%d}. Say e.g. {last:%Y-%m-%d}."
        )
    return end


def _midnight(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), datetime.min.time())


def _moment(text: str) -> datetime | None:
    """Return a time in ISO 8601 as UTC, which is also meant where no zone is named; None when it is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


# --- facts ------------------------------------------------------------------------------------------------------------


def gather(copy: Travelling, options: BriefingOptions) -> Row:
    """Return all facts of the page; each comes from a query in `queries/`, which the page shows."""
    period, sources = options.period, ask(copy.lens, "sources")
    rows = {name: ask(copy.lens, f"briefing_{name}", **_params(f"briefing_{name}", period)) for name in QUESTIONS}
    now, before = rows["figures"]
    can_compare = all(one["tasks"] + one["reports"] >= FEW for one in (now, before))
    items = list_items(rows, {source["source_id"]: source["path"] for source in sources}, can_compare)
    shown, rest = fit(items, MOST_WORDS)
    first = ask(copy.lens, "briefing_last_time")[0]["first_time"]
    return {
        "title": options.title or options.folder or "agentlens briefing",
        "period": period,
        "can_compare": can_compare,
        "headline": _headline(items, can_compare),
        "figures": _figures(now, before, can_compare),
        "groups": [(kind, [item for item in shown if item.kind == kind]) for kind in KINDS],
        "headings": HEADINGS if can_compare else FOUND,
        "items": items,
        "rest": rest,
        "notes": list(_notes(period, first, now, before, can_compare, rows["agents"])),
        "sources": sources,
        "version": version("agentlens"),
        "written": options.written,
        "folder": options.folder,
        "proof": copy.proof(),
    }  # fmt: skip


def _params(name: str, period: Period) -> Row:
    """Return those bounds of the period that a question asks for."""
    text = query_text(name)
    bounds = {"before": period.before, "since": period.since, "until": period.until}
    return {name: value for name, value in bounds.items() if f"${name}" in text}


def _headline(items: list[Item], can_compare: bool) -> str:
    """Return one sentence or two made of nothing but the items."""
    grave = []
    for kind in ("critical", "warning"):
        if mine := [item for item in items if item.kind == kind]:
            agents = list(dict.fromkeys(agent for item in mine for agent in item.agents))
            said = plural(len(mine), kind) if kind == "warning" else f"{len(mine)} critical"
            grave.append(said + (f" ({join_words(agents, 4)})" if agents else ""))
    if not can_compare:
        found = f" Found in the period: {join_words(grave, 9)}." if grave else ""
        return f"There is too little to compare with: nothing can be called new, worse or better.{found}"
    better = [item for item in items if item.kind == "better"]
    agents = list(dict.fromkeys(agent for item in better for agent in item.agents))
    worse = f"Worse: {join_words(grave, 9)}." if grave else "Nothing got materially worse."
    good = f"Better: {join_words(agents, 4) or 'the total cost'}." if better else "Nothing got materially better."
    return f"{worse} {good}"


def _figures(now: Row, before: Row, can_compare: bool) -> list[Row]:
    """Return the figures above the items: each with its value in both periods and the change."""
    rows = [
        ("Tasks", now["tasks"], before["tasks"], count, "n"),
        ("Failed tasks", _share(now, "failed_tasks", "ended_tasks"), _share(before, "failed_tasks", "ended_tasks"), percent, "share"),
        ("Failures a call", _share(now, "errors", "calls"), _share(before, "errors", "calls"), percent, "share"),
        ("Input tokens", now["input_tokens"], before["input_tokens"], count, "n"),
        ("Cost", now["cost_usd"], before["cost_usd"], usd, "n"),
        ("Reports of trouble", now["trouble"], before["trouble"], count, "difference"),
    ]  # fmt: skip
    return [
        {"label": label, "now": write(value), "before": write(old), "change": _change(value, old, how) if can_compare else ""}
        for label, value, old, write, how in rows
        if value is not None and (label != "Reports of trouble" or now["reports"] or before["reports"])
    ]  # fmt: skip


def _share(row: Row, part: str, whole: str) -> float | None:
    return row[part] / row[whole] if row[whole] else None


def _change(now: float, before: float | None, how: str) -> str:
    if before is None or before == now:
        return "unchanged" if before == now else ""
    if how == "share":
        return f"{100 * (now - before):+.1f} points"
    if how == "difference" or not before:
        return f"{now - before:+,.0f}"
    return f"{100 * (now - before) / before:+.0f}{NBSP}%"


def _notes(
    period: Period, first: datetime, now: Row, before: Row, can_compare: bool, agents: list[Row]
) -> Iterable[str]:
    """Yield what cannot be told, and why."""
    if not can_compare:
        for one, when in ((now, period.said()), (before, period.said(True))):
            if one["tasks"] + one["reports"] < FEW:
                yield f"{when}: {plural(one['tasks'], 'task')} and {plural(one['reports'], 'report')}, where {FEW} are needed."
        if first >= period.since:
            length = period.until - first
            shorter = (
                f"{max(1, length.days // 2)}d" if length > timedelta(days=1) else f"{max(1, length.seconds // 7200)}h"
            )
            yield f"The log begins on {first.day} {first:%b %Y}; try a shorter period, e.g. --since {shorter}."
        return
    missing, length = first - period.before, period.until - period.since
    if missing >= (timedelta(days=1) if length >= timedelta(days=1) else length / 5):
        yield f"The log begins on {first.day} {first:%b %Y, %H:%M}: the {duration(int(missing.total_seconds() * 1e9))} of the period before that come earlier are in no total."
    blind = [row["agent_name"] for row in agents if row["tasks_now"] and not row["judged"]]
    if blind:
        yield f"Too few tasks to tell whether the work of {join_words(blind, 5)} changed."
    if now["unpriced"] or before["unpriced"]:
        yield f"{plural(now['unpriced'] + before['unpriced'], 'call')} without a price are in no cost."


# --- forms ------------------------------------------------------------------------------------------------------------


def compose_html(copy: Travelling, options: BriefingOptions) -> bytes:
    """Return the page: no script, no network, what it claims packed at its end."""
    facts = gather(copy, options)
    text = environment().get_template("briefing.html.j2").render(
        facts, styles=own_text("report.css"), policy=policy([], [own_text("report.css")]), query=query_text, questions=QUESTIONS,
        mounted={}, rows={}, claims=pack(json.dumps(_claims(copy, facts)).encode()),
    )  # fmt: skip
    copy.check(html.unescape(re.sub(r"<script.*?</script>|<style.*?</style>|<[^>]*>", " ", text, flags=re.DOTALL)), "The page")  # fmt: skip
    return text.encode("utf-8", "backslashreplace")


def compose_markdown(copy: Travelling, options: BriefingOptions) -> bytes:
    """Return the briefing as Markdown in which text from logs is only text."""
    surroundings = environment(is_html=False)
    surroundings.filters |= {"md": markdown_text, "code": markdown_code}
    text = surroundings.get_template("briefing.md.j2").render(gather(copy, options))
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    copy.check(text, "The briefing")
    return text.encode("utf-8", "backslashreplace")


def _claims(copy: Travelling, facts: Row) -> Row:
    """Return what the page claims, as a report does, for a verification."""
    period, proof = facts["period"], facts["proof"]
    names = [f"briefing_{name}" for name in QUESTIONS]
    return {
        "claims_version": 1, "agentlens": facts["version"], "written": facts["written"].isoformat(), "title": facts["title"],
        "folder": facts["folder"], "briefing": {"since": period.since.isoformat(), "until": period.until.isoformat()},
        "thresholds": thresholds(copy), "headline": facts["headline"], "redacted": proof is not None, "redaction": proof,
        "sources": [{name: plain(source[name]) for name in PUBLIC} for source in facts["sources"]], "findings": [],
        "items": [plain(asdict(item)) for item in facts["items"]], "notes": facts["notes"], "views": {}, "left_out": [],
        "investigation": investigation_claims(copy, None),
        "figures": [figure(copy, name, **_params(name, period)) for name in names],
    }  # fmt: skip


FORMS: dict[str, Callable[[Travelling, BriefingOptions], bytes]] = {".html": compose_html, ".md": compose_markdown}
