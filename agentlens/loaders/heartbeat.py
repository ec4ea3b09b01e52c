"""Heartbeat files: `Wave 14 | 2026-04-14 14:23:11`, `Agents:`, one `Name: STATUS (detail)` a line, `Next: ...`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from agentlens._evidence import Evidence
from agentlens._source import Line, Place, Source
from agentlens.loaders._status import status_word
from agentlens.loaders._times import is_zoned, parse_time

LOOKS_FOR = "a first line like `Wave 14 | 2026-04-14 14:23:11`, with lines like `Name: STATUS (detail)` below"
CANNOT_KNOW = "model calls, tokens, cost and durations; and whether what an agent says of itself is so"
VERSION = 1

_HEADER = re.compile(r"[#>*=\s-]*wave\s+#?(\d{1,9})[*\s]*(?:[|·•—–-]\s*(.*))?", re.IGNORECASE)
_AGENTS = re.compile(r"[#*\s-]*agents?[*\s]*:[*\s]*", re.IGNORECASE)
_NEXT = re.compile(r"[#*\s-]*next(?:\s+(?:action|step)s?)?[*\s]*:[*\s]*(.*)", re.IGNORECASE)
_BULLET = re.compile(r"[-*+•]\s+|\d+[.)]\s+")
_LONGEST_NAME = 80


class Status(NamedTuple):
    """What one line says of one agent."""

    place: Place
    agent_name: str
    status: str | None
    detail: str | None


@dataclass
class Block:
    """One heartbeat: its header, what was said of each agent, and what comes next."""

    wave: int | None = None
    time: int | None = None
    is_zoned: bool = True
    statuses: list[Status] = field(default_factory=list)
    next_action: list[str] = field(default_factory=list)
    is_past_next: bool = False


def sniff(head: bytes) -> bool:
    """Whether the first line is a wave header with a time."""
    first = head.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace")
    header = _read_header(first)
    return header is not None and header.time is not None


def load(source: Source, into: Evidence) -> None:
    """Add a status report for each agent line; each agent line is a record, and so is a line that cannot be read.

    A grown file is read again from the beginning: what comes next stands below the agents, so the last block may
    have been half written.
    """
    for block in _blocks(source, into):
        for place, agent_name, status, detail in block.statuses:
            into.see_time(block.time)
            into.add(
                "status_reports", place, kind="heartbeat", wave=block.wave, agent_name=agent_name, time=block.time,
                status=status, detail=detail, next_action="\n".join(block.next_action) or None,
            )  # fmt: skip


def _blocks(source: Source, into: Evidence) -> Iterator[Block]:
    block = Block()
    for line in source.lines():
        text = line.raw.decode("utf-8", "backslashreplace")
        if header := _read_header(text):
            yield block
            block = header
            if block.time is None:
                _reject(into, line, "the header gives no time that can be read; the reports below it have none")
            elif not block.is_zoned:
                into.note_missing("The times name no zone; they are taken as UTC.")
        elif _AGENTS.fullmatch(text):
            continue
        elif found := _NEXT.fullmatch(text):
            block.is_past_next = True
            block.next_action += [found[1].strip()] if found[1].strip() else []
        elif (status := _read_status(line, text)).status:
            into.record()
            into.accept()
            block.statuses.append(status)
        elif block.is_past_next:
            block.next_action.append(_BULLET.sub("", text, 1))
        else:
            _reject(into, line, "no line of the form `Name: STATUS (detail)`")
    yield block


def _read_header(text: str) -> Block | None:
    found = _HEADER.fullmatch(text.strip()) if len(text) < 200 else None
    if found is None:
        return None
    time = (found[2] or "").strip(" *#=|-")
    return Block(int(found[1]), parse_time(time), is_zoned(time))


def _read_status(line: Line, text: str) -> Status:
    name, _, rest = _BULLET.sub("", text, 1).replace("**", "").partition(":")
    is_name = 0 < len(name.strip()) <= _LONGEST_NAME
    status, detail = status_word(rest) if is_name else (None, None)
    return Status(Place(line.number, line.offset, len(line.raw)), name.strip(), status, detail)


def _reject(into: Evidence, line: Line, reason: str) -> None:
    into.record()
    into.reject(Place(line.number, line.offset, len(line.raw)), reason, line.raw)
