"""The post-mortem: impact, timeline, cause, factors and actions, filled with what is known and what people added."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._investigation import asking
from agentlens._lens import Lens
from agentlens._visible import plural
from agentlens.detectors._drift_words import Release, group_releases
from agentlens.report._copy import Travelling
from agentlens.report._facts import SEVERITIES, Finding, ask, join_words, plain
from agentlens.report._words import usd

Row = dict[str, Any]

MOST_EVENTS = 24
MOST_TRIED = 5  # findings of which the cause is looked for
MOST_HOPS = 8
MOST_ROWS = 50  # of the answer to a saved query
# Statistics over many runs have no chain of steps.
WITHOUT_CHAIN = ("drift_step", "drift_slope", "silent_degradation")


@dataclass(frozen=True)
class Event:
    """One line of the timeline."""

    time: datetime
    kind: str
    text: str
    span_id: str | None = None


def gather_postmortem(copy: Travelling, findings: list[Finding]) -> Row | None:
    """Return the facts of the post-mortem; None where nothing was found and nobody added anything."""
    lens = copy.lens
    notes, hypotheses = ask(lens, "notes"), ask(lens, "hypotheses")
    queries = [_answer(copy, row) for row in ask(lens, "saved_queries")]
    if not (findings or notes or hypotheses or queries):
        return None
    incident, causes = find_causes(lens, findings)
    sections = {
        name: [note for note in notes if note["section"] == name] for name in ("impact", "cause", "factor", "action")
    }
    events = sorted(_events(lens, findings, notes), key=lambda event: (event.time, event.kind, event.text))
    return {
        "impact": list(_say_impact(ask(lens, "impact")[0])) if findings else [],
        "events": _gravest_first(events),
        "more_events": max(0, len(events) - MOST_EVENTS),
        "incident": incident,
        "causes": causes,
        "origins": _origins(lens, incident),
        "sections": sections,
        "loose": [note for note in notes if note["section"] is None and note["start_time"] is None],
        "notes": notes,
        "hypotheses": hypotheses,
        "queries": queries,
        "known": {(span["trace_id"], span["span_id"]) for span in _pinned(lens)},
    }


def find_causes(lens: Lens, findings: list[Finding]) -> tuple[Finding | None, list[Row]]:
    """Return the harm whose cause is sought, and the hypotheses about it.

    It is the last of the gravest findings: of those the first, from the end, that a chain of at least two steps led to.
    """
    grave = [one for one in findings if one.span_ids and one.detector not in WITHOUT_CHAIN and one.severity != "info"]
    worst = [one for one in grave if one.severity == grave[0].severity]
    tried = sorted(worst, key=lambda one: (one.start_time is not None, one.start_time), reverse=True)[:MOST_TRIED]
    found = []
    for finding in tried:
        trace_id = finding.trace_id
        causes = ask(lens, "causes", trace_id=trace_id, span_id=finding.span_ids[-1])
        if causes:
            found.append((finding, causes))
        if causes and len(causes[0]["chain"]) > 1 and causes[0]["strength"] != "possible":
            return finding, causes
    return found[0] if found else (None, [])


def _origins(lens: Lens, incident: Finding | None) -> list[Row]:
    """Return hop by hop where that came from which the harmed step knew; [] where it came from one step, which the chain shows."""
    if incident is None:
        return []
    relation = lens.origin(incident.span_ids[0])
    hops = relation.project("hop, kind, confidence, agent_name, start_time, from_span_id, evidence").order(
        "hop, start_time"
    )
    rows = [dict(zip(hops.columns, row)) for row in hops.limit(MOST_ROWS).fetchall()]
    sure = [row for row in rows if row["confidence"] != "possible"][:MOST_HOPS]
    return sure if len({row["hop"] for row in sure}) > 1 else []


def _say_impact(row: Row) -> Iterator[str]:
    agents = row["agents"] or []
    if agents:
        yield f"{plural(len(agents), 'agent')} with grave findings: {join_words(agents, 6)}."
    if row["runs"] and not row["touched_runs"]:
        yield f"No single run of {row['runs']:,} stands out: the findings are about many of them together."
    elif row["runs"]:
        failed = (
            f", {row['failed_runs']:,} of them failed by their own account"
            if row["failed_runs"]
            else ", none of which failed by its own account"
        )
        yield f"{row['touched_runs']:,} of {plural(row['runs'], 'run')} touched{failed}."
    if row["tokens_wasted"]:
        most = "" if row["is_waste_proven"] else "at most "
        money = f", {usd(row['cost_usd_wasted'])}" if row["cost_usd_wasted"] else ""
        yield f"Spent in vain: {most}{plural(row['tokens_wasted'], 'token')}{money}."


def _events(lens: Lens, findings: list[Finding], notes: list[Row]) -> Iterator[Event]:
    for finding in findings:
        if finding.severity != "info" and finding.start_time:
            yield Event(finding.start_time, finding.severity, finding.summary, next(iter(finding.span_ids), None))
    for note in notes:
        if note["start_time"]:
            yield Event(note["start_time"], "note", note["text"], note["spans"][0]["span_id"])
    yield from _releases(ask(lens, "released"))


def _releases(rows: list[Row]) -> Iterator[Event]:
    """Yield releases, those of several agents in one hour that are the same as one."""
    grouped: dict[tuple[str, datetime], list[Row]] = {}
    for row in rows:
        parts = [
            Release(p["agent_name"], p["kind"], p["value_before"], p["value"], 0, p["trace_id"], p["span_id"])
            for p in row["parts"]
        ]
        named = join_words(list(group_releases(parts).values()), 3)
        hour = row["start_time"].replace(minute=0, second=0, microsecond=0)
        if named:
            grouped.setdefault((named, hour), []).append(row)
    for (named, _), same in grouped.items():
        agents = join_words(list(dict.fromkeys(row["agent_name"] for row in same)), 4)
        yield Event(
            same[0]["start_time"], "release", f"{named[0].upper()}{named[1:]} of {agents} changed.", same[0]["span_id"]
        )


def _gravest_first(events: list[Event]) -> list[Event]:
    """Return so many events that a reader reads them, the gravest before others, in the order of time."""
    order = ("note", *SEVERITIES[:1], "release", *SEVERITIES[1:])
    kept = sorted(events, key=lambda event: (order.index(event.kind), event.time))[:MOST_EVENTS]
    return [event for event in events if event in kept]


def _pinned(lens: Lens) -> list[Row]:
    """Return the pinned spans that the lens really has."""
    pinned = "SELECT unnest(spans) AS pin FROM (SELECT spans FROM notes UNION ALL SELECT spans FROM hypotheses)"
    rows = lens.sql(
        f"SELECT trace_id, span_id FROM spans SEMI JOIN ({pinned}) ON pin.trace_id = trace_id AND pin.span_id = spans.span_id"
    )
    return [dict(zip(("trace_id", "span_id"), row)) for row in rows.fetchall()]


def _answer(copy: Travelling, saved: Row) -> Row:
    """Return a saved query with the first rows of its answer, or with why there is none."""
    answer = {"name": saved["name"], "sql": saved["query"], "columns": [], "rows": [], "count": 0, "trouble": ""}
    try:
        with asking(copy.lens._con, saved["query"]) as relation:
            rows = relation.fetchall()
            shown = [[copy.clean(plain(value)) for value in row] for row in rows[:MOST_ROWS]]
            return answer | {"columns": relation.columns, "rows": shown, "count": len(rows)}
    except AgentLensError as error:
        return answer | {"trouble": copy.clean(str(error))}


# --- claims -----------------------------------------------------------------------------------------------------------


def investigation_claims(copy: Travelling, postmortem: Row | None) -> Row:
    """Return what people added, to be put into the lens again by a verification, and the causes that were found."""
    if postmortem is None:
        return {"notes": [], "hypotheses": [], "queries": [], "saved": [], "causes": [], "present": []}
    return {
        "notes": [
            {name: plain(note[name]) for name in ("note_id", "section", "text", "spans", "written")}
            for note in postmortem["notes"]
        ],
        "hypotheses": [plain(row) for row in postmortem["hypotheses"]],
        "queries": [plain(row) for row in postmortem["queries"]],
        "saved": plain(ask(copy.lens, "saved_queries")),
        "causes": [plain(row) for row in postmortem["causes"]],
        "present": [{"trace_id": trace_id, "span_id": span_id} for trace_id, span_id in sorted(postmortem["known"])],
    }


def put_back(copy: Travelling, said: Row) -> None:
    """Put what people added, as the claims of a report have it, into the copy that the report is written from again."""
    con, said = copy.lens._con, copy.clean(said)
    for note in said["notes"]:
        con.execute("INSERT INTO notes BY NAME SELECT $note_id AS note_id, $section AS section, $text AS text, $spans AS spans, $written::TIMESTAMP AS written", note)  # fmt: skip
    for row in said["hypotheses"]:
        con.execute("INSERT INTO hypotheses BY NAME SELECT $statement AS statement, $status AS status, $reason AS reason, $spans AS spans, $written::TIMESTAMP AS written", row)  # fmt: skip
    for row in said["saved"]:
        con.execute("INSERT INTO saved_queries BY NAME SELECT $name AS name, $query AS query, $written::TIMESTAMP AS written", row)  # fmt: skip
