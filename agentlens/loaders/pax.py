"""PAX reports: FROM, TO, STATUS, DELIVERABLES, BLOCKERS, NEXT, in JSON, CSV, header blocks or one-liners.

Source: the grammars that the protocol's author has published, which differ (https://dev.to/whoffagents and the data set
WH0FF/pax-protocol): `[FROM→TO] subject | field:value`, `PAX:v1 | FROM:a | TO:b | ...`, `PAX/1.0` over header lines, header lines
alone, and a table with sender and recipient.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._source import BOM, Line, Place, Source, json_values
from agentlens.loaders._csv_places import csv_header, csv_records
from agentlens.loaders._json_places import documents, pieces
from agentlens.loaders._json_record import decode_line
from agentlens.loaders._status import status_word
from agentlens.loaders._times import is_zoned, parse_time

LOOKS_FOR = (
    "FROM, TO (or sender, recipient), STATUS and one of DELIVERABLES, BLOCKERS, NEXT, output path, as JSON or CSV, as "
    "`KEY: value` lines, under `PAX/1.0`, or as `[FROM→TO] subject | field: value` or `PAX:v1 | FROM:... | TO:...`"
)
CANNOT_KNOW = "model calls, tokens, cost and durations; and whether what an agent says of itself is so"
VERSION = 2

NAMES = {
    "sender": "from", "recipient": "to", "id": "message_id",
    "deliverable": "deliverables", "output": "deliverables", "output_path": "deliverables", "file": "deliverables",
    "blocker": "blockers", "blk": "blockers", "blocked_by": "blockers", "blocked": "blockers",
    "next_action": "next", "next_step": "next", "next_steps": "next",
    "timestamp": "time", "ts": "time", "date": "time", "production_date": "time",
    "summary": "detail", "findings": "detail", "subject": "detail", "subj": "detail",
    "note": "detail", "notes": "detail",
}  # fmt: skip
BODY = frozenset({"status", "deliverables", "blockers", "next"})
OWN = BODY | {"from", "to", "time", "detail", "wave", "message_id", "trace_id"}
NONE_WORDS = frozenset({"", "-", "none", "n/a", "na", "nil", "null", "nothing"})
_KEY = re.compile(r"[-*\s]*\**([A-Z][A-Z_ /]*[A-Z])\**:\**(?:\s+(.*)|\s*)", re.ASCII | re.DOTALL)
_VERSION = re.compile(r"PAX/\d+(?:\.\d+)?", re.IGNORECASE)
_PIPED = re.compile(r"PAX:\s*v?\d+(?:\.\d+)?\s*\|(.+)", re.IGNORECASE)
_FIELD = re.compile(r"([A-Za-z][\w ./-]{0,30}):(?!//)\s*(.*)", re.ASCII | re.DOTALL)
# Marks of the published legend; as a word of its own before or after a subject, each is a status.
_MARKS = {"✓": "COMPLETE", "✗": "BLOCKED", "→": "HANDOFF", "⚡": "URGENT", "?": "NEEDS_DECISION", "~": "IN_PROGRESS"}
_MARKED = re.compile(r"(?:([✓✗→⚡?~])\s+)?(.*?)(?:\s+([✓✗→⚡?~]))?", re.DOTALL)
_ONE_LINER = re.compile(r"\[\s*([\w.-]+)\s*(?:→|->|=>|>)\s*([\w.-]+)\s*\]\s*(.+)")
_RULE = re.compile(r"(?:-{3,}|={3,}|\*{3,}|_{3,})")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+", re.MULTILINE)


@dataclass
class Report:
    """A report as written: where it stands, its lines, and its fields under the names used here."""

    first: Line
    lines: list[bytes] = field(default_factory=list)
    end: int = 0
    fields: dict[str, Any] = field(default_factory=dict)
    last_key: str | None = None
    has_version: bool = False
    is_ruled: bool = False
    is_whole: bool = False


def sniff(head: bytes) -> bool:
    """Whether the first value or the first block of lines is a PAX report."""
    if head.lstrip()[:1] == b"{":
        return any(is_report(record) for record in json_values(head)[:5])
    if head.lstrip()[:1] == b"[" and (values := json_values(head)) and "item" in values[0]:
        return is_report(
            {path.removeprefix("item."): value for path, value in values[0].items() if path.count(".") == 1}
        )
    if is_report(dict.fromkeys(csv_header(head))):
        return True
    lines = [line.strip() for line in head.decode("utf-8", "replace").split("\n")[:60]]
    lines = [line for line in lines if line and not _RULE.fullmatch(line)][:20]
    if not lines:
        return False
    if _VERSION.fullmatch(lines[0]):
        return True
    if one := _ONE_LINER.fullmatch(lines[0]):
        return " | " in one[3] and ":" in one[3]
    if piped := _PIPED.fullmatch(lines[0]):
        return _fields(piped[1]).keys() >= {"from", "to"}
    first = _KEY.fullmatch(lines[0])
    keys = {_name(found[1]) for line in lines[:10] if (found := _KEY.fullmatch(line))}
    return first is not None and keys >= {"from", "to"} and bool(keys & BODY)


def is_report(record: dict[str, Any]) -> bool:
    """Whether the keys of a record are those of a report."""
    keys = {_name(key) for key in record if "." not in key}
    return keys >= {"from", "to", "status"} and bool(keys & {"deliverables", "blockers", "next"})


def load(source: Source, into: Evidence) -> None:
    """Add a status report and an agent message for each report; each report is a record."""
    with source.open() as stream:
        head = stream.read(1 << 16).removeprefix(BOM)
    if head.lstrip()[:1] == b"[" and json_values(head) and "item" in json_values(head)[0]:
        for document in documents(source):
            for raw, places in pieces(document, into, "report"):
                at = places.find(raw)
                _load_json(Line(at.line or 1, at.offset, bytes(raw)), into)
        return
    if is_report(dict.fromkeys(csv_header(head))):
        return _load_csv(source, into)
    lines = source.lines()
    first = next(lines, None)
    if first is None:
        return
    if first.raw[:1] == b"{":
        for line in _chain(first, lines):
            _load_json(line, into)
    else:
        for report in _text_reports(_chain(first, lines), into):
            _load_text(report, into)


def _chain(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _load_csv(source: Source, into: Evidence) -> None:
    for row in csv_records(source, into):
        fields = {_name(key) if _name(key) in OWN else key: value for key, value in row.cells.items()}
        _add(fields, row.raw.decode("utf-8", "replace"), row.place, row.raw, into)


def _load_json(line: Line, into: Evidence) -> None:
    into.record()
    place = Place(line.number, line.offset, len(line.raw))
    try:
        record = decode_line(line.raw)
    except (ValueError, RecursionError) as error:
        return into.reject(place, f"no JSON ({error})", line.raw)
    if not isinstance(record, dict):
        return into.reject(place, "no JSON object", line.raw)
    fields: dict[str, Any] = {}
    for key, value in record.items():
        fields.setdefault(_name(key) if _name(key) in OWN and _name(key) not in fields else key, value)
    _add(fields, line.raw.decode("utf-8", "replace"), place, line.raw, into)


def _load_text(report: Report, into: Evidence) -> None:
    into.record()
    raw = b"\n".join(report.lines)
    place = Place(report.first.number, report.first.offset, report.end - report.first.offset)
    _add(report.fields, raw.decode("utf-8", "replace"), place, raw, into)


def _add(fields: dict[str, Any], payload: str, place: Place, raw: bytes, into: Evidence) -> None:
    sender, recipient = _text(fields.get("from")), _text(fields.get("to"))
    if not sender:
        return into.reject(place, "no report: it does not say who it is from", raw)
    if not fields.keys() - {"from", "to", "time", "message_id", "trace_id"}:
        return into.reject(place, "the report says nothing: no STATUS, DELIVERABLES, BLOCKERS or NEXT", raw)
    into.accept()
    time = parse_time(fields.get("time"))
    into.see_time(time)
    if time is not None and not is_zoned(fields.get("time")):
        into.note_missing("Some times name no zone; they are taken as UTC.")
    status, detail = _status(fields)
    unknown = {key: value for key, value in fields.items() if key not in OWN}
    if time is None and fields.get("time") is not None:
        unknown["time"] = fields["time"]
    wave = _wave(fields.get("wave"))
    into.add(
        "status_reports", place, kind="pax", wave=wave, agent_name=sender, recipient=recipient, time=time,
        status=status, detail=detail,
        deliverables=_items(fields.get("deliverables")), blockers=_items(fields.get("blockers")),
        next_action=_said(fields.get("next")), attributes=unknown or None,
    )  # fmt: skip
    into.add(
        "agent_messages", place, kind="pax", message_id=_text(fields.get("message_id")),
        trace_id=_text(fields.get("trace_id")),
        sender=sender, recipient=recipient, time=time, wave=wave, payload=payload,
    )  # fmt: skip
    into.hold(2 * len(raw))


def _status(fields: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the status word and everything said beside it."""
    said, detail = _text(fields.get("status")), _said(fields.get("detail"))
    if said is None:
        return None, detail
    word, beside = status_word(said)
    if word is None:
        word, beside = said.upper().replace(" ", "_") if len(said) < 40 else None, None if len(said) < 40 else said
    return word, "; ".join(part for part in (beside, detail) if part) or None


def _text_reports(lines: Iterator[Line], into: Evidence) -> Iterator[Report]:
    """Yield the reports of a text; a line that stands in none is rejected."""
    report: Report | None = None
    previous = 0
    for line in lines:
        text = line.raw.decode("utf-8", "backslashreplace").strip()
        is_after_blank, previous = line.number > previous + 1, line.number
        if report and _is_over(report, text, is_after_blank):
            yield report
            report = None
        if _RULE.fullmatch(text):
            if report and report.has_version:
                report.is_ruled = True
            continue
        if report is None:
            report = _begin(line, text)
        if report is None:
            into.record()
            into.reject(Place(line.number, line.offset, len(line.raw)), "stands outside any report", line.raw)
            continue
        _extend(report, line, text)
    if report:
        yield report


def _is_over(report: Report, text: str, is_after_blank: bool) -> bool:
    """Whether the line `text` does not belong to the report any more."""
    if _ONE_LINER.fullmatch(text) or _PIPED.fullmatch(text) or _VERSION.fullmatch(text) or report.is_whole:
        return True
    has_body = bool(report.fields.keys() & BODY)
    if _RULE.fullmatch(text):
        return has_body or not report.has_version or report.is_ruled
    found = _KEY.fullmatch(text)
    if found and _name(found[1]) == "from" and "from" in report.fields:
        return True
    return is_after_blank and has_body


def _begin(line: Line, text: str) -> Report | None:
    if any(form.fullmatch(text) for form in (_ONE_LINER, _PIPED, _VERSION, _KEY)):
        return Report(line)
    return None


def _extend(report: Report, line: Line, text: str) -> None:
    """Take one more line into the report."""
    report.lines.append(line.raw)
    report.end = line.offset + len(line.raw)
    if _VERSION.fullmatch(text) and not report.fields:
        report.has_version = True
    elif (one := _ONE_LINER.fullmatch(text)) and not report.fields:
        report.fields |= {"from": one[1], "to": one[2], **_fields(one[3])}
        report.is_whole = True
    elif (piped := _PIPED.fullmatch(text)) and not report.fields:
        report.fields |= _fields(piped[1])
        report.is_whole = True
    elif found := _KEY.fullmatch(text):
        report.last_key = _name(found[1])
        _put(report.fields, report.last_key if report.last_key in OWN else found[1], (found[2] or "").strip())
        report.last_key = report.last_key if report.last_key in OWN else found[1]
    else:
        _put(report.fields, report.last_key or "detail", text)


def _fields(line: str) -> dict[str, Any]:
    """Return the fields of `subject | field:value | ...`, a mark as the status; a part without a name adds to the detail."""
    fields: dict[str, Any] = {}
    for part in f" {line} ".split(" | "):
        marked = _MARKED.fullmatch(part.strip())
        before, text, after = marked.groups() if marked else (None, part.strip(), None)
        found = _FIELD.fullmatch(text)
        if mark := before or (None if found else after):
            fields.setdefault("status", _MARKS[mark])
        if found:
            key, value = _name(found[1]), text[text.index(":") + 1 :].strip()
            _put(fields, key if key in OWN else found[1].strip(), f"{value} {after}" if after and value else value)
        elif text in _MARKS:
            fields.setdefault("status", _MARKS[text])
        elif text:
            _put(fields, "detail", text)
    return fields


def _put(fields: dict[str, Any], key: str, value: str) -> None:
    """Set a field, or add a further line to it."""
    before = fields.get(key)
    fields[key] = f"{before}\n{value}" if before else value


def _name(key: str) -> str:
    name = key.strip().lower().replace(" ", "_").replace("-", "_")
    return NAMES.get(name, name)


def _text(value: Any) -> str | None:
    """Return a value as text, None when there is none."""
    if value is None or isinstance(value, str):
        return (value or "").strip() or None
    return json_text(value)


def _said(value: Any) -> str | None:
    """Return a text, or None when it says `none`."""
    text = _text(value)
    return None if text is None or text.lower() in NONE_WORDS else text


def _items(value: Any) -> list[str] | None:
    """Return the items of a list, or of bullets, lines or semicolons; [] when it says `none`, None when absent."""
    if value is None:
        return None
    if isinstance(value, list):
        return [item for item in map(_said, value) if item]
    text = _BULLET.sub("", value) if isinstance(value, str) else json.dumps(value)
    return [item for item in map(_said, re.split(r"\n|;\s", text)) if item]


def _wave(value: Any) -> int | None:
    found = (
        re.fullmatch(r"\D{0,8}(\d{1,9})", str(value).strip(), re.ASCII)
        if not isinstance(value, (float, bool))
        else None
    )
    return int(found[1]) if found else None
