"""What was read, for other tools: traces for Perfetto and speedscope, spans as OTLP and Parquet, findings for CI (SARIF, JUnit).

Texts go out as the lens has them: export from a lens that was saved with `redact=True` when the file leaves the machine.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from agentlens import __version__
from agentlens._errors import AgentLensError
from agentlens._export_otlp import write_otlp
from agentlens._lens import Lens, written_whole

Row = dict[str, Any]

SPANS = """
    SELECT trace_id, span_id, parent_span_id, name, operation_name, agent_name, tool_name, status_code, status_message, depth, preorder,
      subtree_end, epoch_ns(start_time) AS start_ns, epoch_ns(coalesce(end_time, start_time)) AS end_ns, end_time IS NULL AS is_unfinished
    FROM spans
    WHERE start_time IS NOT NULL AND ($trace_id IS NULL OR trace_id = $trace_id)
    ORDER BY preorder
"""
FINDINGS = """
    SELECT detector, severity, tier, agent_name, trace_id, summary, evidence
    FROM findings
    ORDER BY severity_rank(severity), tier_rank(tier), start_time NULLS LAST, detector, summary
"""
LEVELS = {"critical": "error", "warning": "warning", "info": "note"}
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def export(lens: Lens, path: str | os.PathLike[str], form: str, trace_id: str | None = None) -> Path:
    """Write one of `FORMS` to a file, whole or not at all, and return its path; `trace_id` narrows spans to one trace.

    `perfetto` is Chrome's trace JSON (ui.perfetto.dev, chrome://tracing), `speedscope` its own JSON, `parquet` all columns
    of `spans`, `otlp` JSON lines in the words of the GenAI conventions, which `read()` reads back to the same tree, messages
    and usage (ids that are no hex become hashes, and stand as `agentlens.span.id`), `sarif` 2.1.0 and `junit` the findings:
    one failed case a finding, a passed one a check that found nothing, a skipped one a check that could not look. Spans
    without a time are in none but Parquet and OTLP.

    Raises AgentLensError for another form, and for a trace that the lens does not have.
    """
    if form not in FORMS:
        raise AgentLensError(f"{form!r} is no form of export; known are {', '.join(FORMS)}.")
    if trace_id is not None and not _ask(lens, "SELECT 1 FROM spans WHERE trace_id = $id LIMIT 1", id=trace_id):
        raise AgentLensError(f'The lens has no trace {trace_id!r}. `lens.sql("FROM traces")` lists them.')
    target = Path(path).expanduser()
    with written_whole(target) as part:
        FORMS[form](lens, part, trace_id)
    return target


def _ask(lens: Lens, query: str, **params: Any) -> list[Row]:
    cursor = lens._con.cursor()
    cursor.execute(query, params)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


# --- traces -----------------------------------------------------------------------------------------------------------


def _write_perfetto(lens: Lens, path: Path, trace_id: str | None) -> None:
    """Trace events: a process an agent, a thread a lane, for slices of one thread must nest."""
    spans = _ask(lens, SPANS, trace_id=trace_id)
    agents = {name: number for number, name in enumerate(dict.fromkeys(_agent(span) for span in spans), 1)}
    events: list[Row] = [
        {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": {"name": name}}
        for name, number in agents.items()
    ]
    lanes: dict[str, list[list[int]]] = {}
    for span in sorted(spans, key=lambda span: (span["start_ns"], -span["end_ns"], span["preorder"])):
        end = max(span["start_ns"], span["end_ns"])
        lane = _find_lane(lanes.setdefault(_agent(span), []), span["start_ns"], end)
        args = {
            key: span[key]
            for key in ("trace_id", "span_id", "parent_span_id", "tool_name", "status_message")
            if span[key]
        }
        events.append(
            {
                "ph": "X", "name": span["name"] or "(no name)", "cat": span["operation_name"] or "plumbing", "pid": agents[_agent(span)],
                "tid": lane, "ts": span["start_ns"] / 1e3, "dur": (end - span["start_ns"]) / 1e3,
                "args": args | {"status": span["status_code"], "unfinished": span["is_unfinished"]},
            }
        )  # fmt: skip
    _write_json(path, {"displayTimeUnit": "ms", "otherData": {"agentlens": __version__}, "traceEvents": events})


def _agent(span: Row) -> str:
    return span["agent_name"] or "no agent"


def _find_lane(lanes: list[list[int]], start: int, end: int) -> int:
    """Return the first lane in which a slice is after all others, or within one; each lane is the stack of its open ends."""
    for number, stack in enumerate(lanes):
        while stack and stack[-1] <= start:
            stack.pop()
        if not stack or end <= stack[-1]:
            stack.append(end)
            return number + 1
    lanes.append([end])
    return len(lanes)


def _write_speedscope(lens: Lens, path: Path, trace_id: str | None) -> None:
    """An evented profile a lane and trace: what overlaps in time cannot stand in one call stack."""
    frames: dict[str, int] = {}
    profiles = []
    spans = _ask(lens, SPANS, trace_id=trace_id)
    for trace in dict.fromkeys(span["trace_id"] for span in spans):
        mine = [span for span in spans if span["trace_id"] == trace]
        origin = min(span["start_ns"] for span in mine)
        lanes: list[list[int]] = []
        slices: dict[int, list[tuple[int, int, int]]] = {}
        for span in sorted(mine, key=lambda span: (span["start_ns"], -span["end_ns"], span["preorder"])):
            end = max(span["start_ns"], span["end_ns"])
            frame = frames.setdefault(f"{_agent(span)}: {span['name'] or '(no name)'}", len(frames))
            slices.setdefault(_find_lane(lanes, span["start_ns"], end), []).append(
                (span["start_ns"] - origin, end - origin, frame)
            )
        for lane, listed in slices.items():
            events = list(_open_and_close(listed))
            profiles.append(
                {
                    "type": "evented", "name": f"{trace} (lane {lane})", "unit": "nanoseconds", "startValue": 0,
                    "endValue": max(end for _, end, _ in listed), "events": events,
                }
            )  # fmt: skip
    _write_json(
        path,
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json", "exporter": f"agentlens {__version__}",
            "shared": {"frames": [{"name": name} for name in frames]}, "profiles": profiles,
        },
    )  # fmt: skip


def _open_and_close(slices: list[tuple[int, int, int]]) -> Iterator[Row]:
    stack: list[tuple[int, int]] = []
    for start, end, frame in slices:
        while stack and stack[-1][0] <= start:
            at, closed = stack.pop()
            yield {"type": "C", "frame": closed, "at": at}
        yield {"type": "O", "frame": frame, "at": start}
        stack.append((end, frame))
    for at, closed in reversed(stack):
        yield {"type": "C", "frame": closed, "at": at}


def _write_parquet(lens: Lens, path: Path, trace_id: str | None) -> None:
    import pyarrow.parquet as pq

    query = "FROM spans WHERE $id IS NULL OR trace_id = $id ORDER BY preorder"
    reader = lens.sql(query, id=trace_id).to_arrow_reader(50_000)
    with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


# --- findings ---------------------------------------------------------------------------------------------------------


def _write_sarif(lens: Lens, path: Path, trace_id: str | None) -> None:
    paths = {row["source_id"]: row["path"] for row in _ask(lens, "SELECT source_id, path FROM sources")}
    findings = [row for row in _ask(lens, FINDINGS) if trace_id in (None, row["trace_id"])]
    results = [
        {
            "ruleId": row["detector"], "level": LEVELS.get(row["severity"], "note"), "message": {"text": row["summary"]},
            "locations": [_locate(place, paths) for place in (row["evidence"] or [])[:10]],
            "properties": {"severity": row["severity"], "tier": row["tier"], "agent": row["agent_name"], "trace_id": row["trace_id"]},
        }
        for row in findings
    ]  # fmt: skip
    rules = [{"id": name} for name in dict.fromkeys(row["detector"] for row in findings)]
    driver = {"name": "agentlens", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": results}
    _write_json(path, {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def _locate(place: Row, paths: dict[int, str]) -> Row:
    known = paths.get(place["source_id"], "unknown")
    uri = Path(known).as_uri() if Path(known).is_absolute() else known
    region: Row = {"startLine": place["source_line"]} if place["source_line"] else {}
    if place["source_offset"] is not None:
        region |= {"byteOffset": place["source_offset"], "byteLength": place["source_length"] or 0}
    physical: Row = {"artifactLocation": {"uri": uri}} | ({"region": region} if region else {})
    return {"physicalLocation": physical} | ({"message": {"text": place["says"]}} if place["says"] else {})


def _write_junit(lens: Lens, path: Path, trace_id: str | None) -> None:
    findings = [row for row in _ask(lens, FINDINGS) if trace_id in (None, row["trace_id"])]
    checks = _ask(lens, "SELECT detector, outcome, reason FROM checks ORDER BY detector")
    quiet = [check for check in checks if check["outcome"] != "fired"]
    blind = [check for check in quiet if check["outcome"] == "could not look"]
    counts = {"tests": len(findings) + len(quiet), "failures": len(findings), "skipped": len(blind)}
    suite = ElementTree.Element(
        "testsuite", {"name": "agentlens"} | {name: str(count) for name, count in counts.items()}
    )
    for row in findings:
        about = {"classname": row["detector"], "name": _xml(row["summary"])}
        case = ElementTree.SubElement(suite, "testcase", about)
        failure = ElementTree.SubElement(case, "failure", {"type": row["severity"], "message": _xml(row["summary"])})
        failure.text = _xml("\n".join(place["says"] or "" for place in row["evidence"] or []))
    for check in quiet:
        case = ElementTree.SubElement(suite, "testcase", {"classname": check["detector"], "name": check["outcome"]})
        if check in blind:
            ElementTree.SubElement(case, "skipped", {"message": _xml(check["reason"] or "")})
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _xml(text: str) -> str:
    """Return a text without the characters that XML cannot hold, each written out."""
    return _NOT_XML.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, allow_nan=False), "utf-8")


FORMS: dict[str, Callable[[Lens, Path, str | None], None]] = {
    "perfetto": _write_perfetto, "speedscope": _write_speedscope, "parquet": _write_parquet, "otlp": write_otlp, "sarif": _write_sarif, "junit": _write_junit,
}  # fmt: skip
