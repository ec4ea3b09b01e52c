"""Free-form markdown that agents leave or are given: daily logs, memory, identity files, session notes."""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place, Source
from agentlens._visible import plural
from agentlens.loaders import _sections as md
from agentlens.loaders import aider, heartbeat, manifest, pax, specstory
from agentlens.loaders._roster import add_table_row, declared
from agentlens.loaders._sections import Section, TextLine
from agentlens.loaders._status import KNOWN, status_word
from agentlens.loaders._tables import find_rows
from agentlens.loaders._times import midnight, parse_clock, parse_date

LOOKS_FOR = "UTF-8 text with at least one markdown heading, and no other format's marks"
CANNOT_KNOW = "model calls, tokens, cost and durations; dates and times are those the text gives, never guessed"
VERSION = 1

KINDS = ("session", "daily_log", "memory", "identity", "heartbeat", "notes")
# Titles and, failing that, file names of the workspaces agents live in.
WORKSPACE = {
    "soul": "identity", "identity": "identity", "agents": "identity", "user": "identity", "tools": "identity",
    "boot": "identity", "bootstrap": "identity", "heartbeat": "heartbeat", "memory": "memory",
}  # fmt: skip
DAY = 86_400 * 10**9  # a date without a time stands at midnight, which is no time of the log
AGENT_KEYS = ("agent_name", "agent", "agent_id")
SESSION_KEYS = ("session_id", "session", "conversation_id")
PLACEHOLDER = re.compile(r"[(_<\[{]|$")
_KEY = re.compile(
    r"[-+*\s]*?(?:\*\*([A-Za-z][\w -]{0,30}?)\s*(?::\s*\*\*|\*\*\s*:)|([A-Za-z][\w -]{0,30}?)\s*:)(?:\s+(.*)|$)",
    re.ASCII,
)
_TITLE = re.compile(r"(?:agent:\s*)?([A-Z][\w-]{1,30})(?:\s*[,|:]\s*|\s+[-–—]\s+)\d{4}-\d\d-\d\d", re.ASCII)
_TITLED_FILE = re.compile(r"(?:.*\W)?([A-Za-z]+)\.md\b")
_OF_FILE = re.compile(r"(?:\w+\.md\s+[-–—]\s+([A-Z][\w-]{1,30})|([A-Z][\w-]{1,30})\s+[-–—]\s+\w+\.md)", re.ASCII)
_SESSION_OF = re.compile(r"([^\W\d][\w-]{1,30})\s+session\W+\d{4}-\d\d-\d\d", re.IGNORECASE)
_NO_NAMES = frozenset({
    "Audit", "Check", "Daily", "Diary", "Journal", "Log", "Memory", "Notes", "Report", "Review", "Session", "Standup",
    "Status", "Summary", "Update", "Wave",
})  # fmt: skip
_TIMED = re.compile(r"\b(?:at\s|utc|gmt|[ap]m\b)", re.IGNORECASE)
_CODE = re.compile(
    r"(?:import|from|def|class|return|if|for|while|export|set|echo|sudo|use|package|func|var|let|const|try|else)\b"
    r"|[\w.\"'-]+\s*(?:=|:=|\+=)|[\w.-]+:(?:\s|$)|[\w.]+\(|[{}<@/]|-\s*[\w-]+:"
)


@dataclass
class Head:
    """What a document says of itself."""

    kind: str
    title: str | None
    agent_name: str | None
    date: dt.date | None
    session: str | None


def sniff(head: bytes) -> bool:
    """Whether the head is text with a markdown heading, and of no other format."""
    if b"\0" in head or head.lstrip()[:1] == b"{" or head.startswith(b"#!"):
        return False
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < 4:
            return False
        text = head[: error.start].decode()
    lines = [TextLine(number, 0, len(line), line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1)]
    _, height, _ = md.split_front_matter(lines)
    headings = md.find_headings(lines[height:])
    others = any(loader.sniff(head) for loader in (aider, heartbeat, manifest, pax, specstory))
    return bool(headings) and not others and not _is_code(lines[height:], headings)


def _is_code(lines: list[TextLine], headings: list[tuple[int, int, int, str]]) -> bool:
    """Whether the headings look like the comments of a program or a configuration: one `#`, with code right below."""
    if any(level > 1 for _, level, _, _ in headings):
        return False
    below = [lines[index + height].text for index, _, height, _ in headings if index + height < len(lines)]
    return 2 * sum(_CODE.match(text.strip()) is not None for text in below) > len(headings)


def load(source: Source, into: Evidence) -> None:
    """Add one document and its sections; each section is a record."""
    data = source.read()
    lines, damaged = md.split_lines(data)
    if damaged:
        into.note_missing(f"Replacement characters stand for bytes that are no UTF-8, in {plural(damaged, 'line')}.")
    front, height, wrong = md.split_front_matter(lines)
    if wrong:
        into.note_missing(wrong)
    sections = md.split_sections(lines[height:])
    head = _read_head(source, front or {}, sections)
    document_id = head.session or f"source:{source.source_id}"
    into.add(
        "documents", Place(1, 0, len(data)), document_id=document_id, kind=head.kind, title=head.title,
        agent_name=head.agent_name, date=head.date, front_matter=front,
    )  # fmt: skip
    if head.kind == "identity" and head.agent_name:
        _add_agent(into, Place(1, 0, len(data)), head.agent_name, sections, front or {})
    times = list(_times(sections, head.date))
    for index, (section, time) in enumerate(zip(sections, times, strict=True)):
        into.record()
        into.accept()
        _add_section(into, document_id, index, section, head, time)
    _add_tables(into, lines[height:], sections, times)


def _add_tables(into: Evidence, lines: list[TextLine], sections: list[Section], times: list[int | None]) -> None:
    """Add what tables say of agents, at the time and wave of the section they stand in."""
    starts = [section.place.line or 0 for section in sections]
    for names, row in find_rows(lines):
        index = bisect.bisect_right(starts, row.place.line or 0) - 1
        found = re.search(r"\bwave\s+#?(\d{1,9})\b", " ".join(sections[index].heading_path), re.IGNORECASE | re.ASCII)
        add_table_row(into, names, row, _time_at(sections, times, index), int(found[1]) if found else None)


def _time_at(sections: list[Section], times: list[int | None], index: int) -> int | None:
    """Return the time of a section, else of the nearest heading above it that has one."""
    level = sections[index].level + 1
    for section, time in zip(reversed(sections[: index + 1]), reversed(times[: index + 1])):
        if section.level < level:
            if time is not None:
                return time
            level = section.level
    return None


def _add_section(into: Evidence, document_id: str, index: int, section: Section, head: Head, time: int | None) -> None:
    keys = dict(_keys(section.text, 20))
    into.see_time(time if time is not None and time % DAY else None)
    into.add(
        "sections", section.place, document_id=document_id, section_index=index, heading_path=section.heading_path,
        level=section.level, agent_name=_name(keys.get("agent")) or head.agent_name, time=time,
        status=_status(section, keys), text=section.text or None, source_end_line=section.end_line,
    )  # fmt: skip
    into.hold(section.place.length)


def _status(section: Section, keys: dict[str, str]) -> str | None:
    """Return the status word of a `Status:` line, else a known one in capitals at the end of the heading."""
    if "status" in keys:
        return status_word(keys["status"])[0]
    last = re.search(r"([A-Z][A-Z_]+)[\W_]*$", section.heading)
    return last[1] if last and last[1] in KNOWN else None


def _add_agent(into: Evidence, place: Place, agent_name: str, sections: list[Section], front: dict[str, Any]) -> None:
    """Add the agent of an identity file: what the front matter declares, else what `**Key:** value` lines say."""
    keys = dict(_keys("\n".join(section.text for section in sections), 200))
    said = {name: keys.get(name) for name in ("role", "model", "version")} | {
        "reports_to": _name(keys.get("reports to"))
    }
    columns = declared(
        {**said, **{str(name): value for name, value in front.items() if name not in ("name", *AGENT_KEYS[:2])}}
    )
    into.add("agents", place, agent_name=agent_name, known_from="identity file", **columns)


# --- what a document says of itself -----------------------------------------------------------------------------------


def _read_head(source: Source, front: dict[str, Any], sections: list[Section]) -> Head:
    title = next((section.heading for section in sections if section.level == 1), None)
    keys = dict(_keys("\n".join(section.text for section in sections[:2]), 20))
    named = title or next((line for line in sections[0].text.split("\n") if line.strip()), "") if sections else ""
    stem = source.path.name.split(".")[0]
    date = _date(front.get("date")) or parse_date(title or "") or parse_date(keys.get("date", "")) or parse_date(stem)
    kind = _kind(front, named, stem, date, sections)
    agent = next((_name(front[key]) for key in AGENT_KEYS if key in front), None) or _name(keys.get("agent"))
    if agent is None and kind == "identity" and not _is_about_user(named, stem):
        agent = _name(front.get("name")) or _name(keys.get("name"))
    session = next((str(front[key]) for key in SESSION_KEYS if isinstance(front.get(key), (str, int))), None)
    agent = agent or _titled_agent(named) or _filed_agent(named, source.path.parent.name)
    return Head(kind, title, agent, date, session)


def _is_about_user(title: str, stem: str) -> bool:
    """Whether the file describes the person agents work for: whoever it names is no agent."""
    named = _TITLED_FILE.match(title)
    return (named[1] if named else stem).lower() == "user"


def _kind(front: dict[str, Any], title: str, stem: str, date: dt.date | None, sections: list[Section]) -> str:
    said = str(front.get("kind") or front.get("type") or "").lower()
    if said in KINDS:
        return said
    named = _TITLED_FILE.match(title)
    for word in (named[1] if named else "", stem):
        if word.lower() in WORKSPACE:
            return WORKSPACE[word.lower()]
    if any(key in front for key in SESSION_KEYS) or re.search(r"\bsession\b", title, re.IGNORECASE):
        return "session"
    dated = {section.level for section in sections if parse_date(section.heading)}
    chapters = [section for section in sections if section.level in dated and section.level > 1]
    mostly = 2 * sum(parse_date(section.heading) is not None for section in chapters) >= len(chapters) > 0
    return "daily_log" if date or mostly else "notes"


def _titled_agent(title: str) -> str | None:
    """Return the agent of a title like `Apollo, 2026-04-14` or `Ralph — MEMORY.md`."""
    found = _TITLE.match(title) or _OF_FILE.fullmatch(title.strip())
    name = found[1] or (found[2] if found.re is _OF_FILE else None) if found else None
    return name if name not in _NO_NAMES else None


def _filed_agent(title: str, folder: str) -> str | None:
    """Return the agent of a title like `Apollo session 2026-04-14` of a file that lies in a folder of the agent's name."""
    found = _SESSION_OF.match(title)
    name = found[1] if found else ""
    return name if name and name not in _NO_NAMES and _plain(name) == _plain(folder) else None


def _plain(name: str) -> str:
    """Return a name without what tells `PlateReader`, `plate-reader` and `plate_reader` apart."""
    return re.sub(r"[\W_]", "", name).lower()


def _name(value: Any) -> str | None:
    text = value.strip(" *_`\"'") if isinstance(value, str) else ""
    return text if text and len(text) <= 80 and not PLACEHOLDER.match(text) else None


def _keys(text: str, count: int) -> Iterator[tuple[str, str]]:
    """Yield the `**Key:** value` and `Key: value` lines among the first ones, from the last to the first."""
    lines = [line for line in text.split("\n") if line.strip()][:count]
    for line in reversed(lines):
        if len(line) < 500 and (found := _KEY.match(line)):
            yield (found[1] or found[2]).strip().lower(), (found[3] or "").strip()


def _date(value: Any) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else parse_date(value) if isinstance(value, str) else None


# --- when -------------------------------------------------------------------------------------------------------------


def _times(sections: list[Section], date: dt.date | None) -> Iterator[int | None]:
    """Yield the time of each section: the one in its heading, on the day of the headings above or of the document."""
    above: list[tuple[int, dt.date]] = []
    for section in sections:
        above = [(level, day) for level, day in above if level < section.level]
        own = parse_date(section.heading) if section.level else None
        day = own or (above[-1][1] if above else date)
        if own:
            above.append((section.level, own))
        clock = _clock(section, own is not None)
        yield None if day is None or (clock is None and own is None) else midnight(day) + (clock or 0)


def _clock(section: Section, has_date: bool) -> int | None:
    """Return the time of day of a heading: where it begins, stands in parentheses, follows a date, or names a zone."""
    if not section.level:
        return None
    found = parse_clock(section.heading)
    if found is None:
        return _key_clock(section)
    time, start = found
    before, after = section.heading[:start], section.heading[start:]
    is_time = (
        not re.search(r"\w", before)
        or before.rstrip().endswith("(")
        or has_date
        or _TIMED.search(before[-4:] + after[:14])
    )
    return time if is_time else _key_clock(section)


def _key_clock(section: Section) -> int | None:
    said = dict(_keys(section.text, 6)).get("time")
    found = parse_clock(said) if said else None
    return found[0] if found and found[1] == 0 else None
