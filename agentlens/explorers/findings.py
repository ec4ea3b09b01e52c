"""Findings: what went wrong, worst first, each with its proof."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import traitlets

from agentlens._catalog import quote
from agentlens._detect import detect
from agentlens._lens import Lens
from agentlens.explorers._explorer import STATIC, load_question
from agentlens.explorers._pick_explorer import Pick, PickExplorer, pick_of
from agentlens.explorers._span_details import Row, read_record
from agentlens.explorers._still import StillRow

# Bytes of a record quoted as evidence, and what a report carries of all quotes together.
QUOTED_BYTES = 64 * 1024
EMBEDDED_QUOTE = 4_000
EMBEDDED_QUOTES = 2_000_000
FILTERS = {"severity": "severity", "detector": "detector", "agent": "agent_name", "tier": "tier"}
ORDER = "ORDER BY severity_rank(severity), tier_rank(tier), start_time NULLS LAST, detector, summary"


class Findings(PickExplorer):
    """What went wrong, worst first: each finding with its agent, time, cost and proof; click one to select its spans.

    Filters (severity, detector, agent, tier) and the text searched for are part of `.sql`. Below stand the checks: what
    every detector found, and which could not look, and why. When nothing has been detected yet, `al.detect(lens)` runs.
    """

    _esm = STATIC / "findings.js"
    _css = STATIC / "findings.css"
    _name = "findings"
    _filter = traitlets.Dict().tag(sync=True)

    def __init__(self, lens: Lens) -> None:
        super().__init__(lens)
        if not self.ask("SELECT 1 FROM checks LIMIT 1"):
            detect(lens)
        self._rows = self.ask(f"{load_question('findings_list')}\n{ORDER}")
        self._paths = {row["source_id"]: row for row in self.ask(load_question("source_files"))}
        with self.hold_sync():
            self._view = {
                "findings": [self._describe(number, row) for number, row in enumerate(self._rows)],
                "checks": self.ask(load_question("findings_checks")),
            }
            self._publish_sql()
        self.observe(lambda _change: self._publish_sql(), ["_filter"])

    @property
    def sql(self) -> str:
        """The question on screen, with the filters set there."""
        chosen = {name: value for name, value in dict(self._filter).items() if isinstance(value, str) and value}
        conditions = [f"{column} = {quote(chosen[name])}" for name, column in FILTERS.items() if name in chosen]
        if "text" in chosen:
            words = "concat_ws(' ', detector, agent_name, summary)"
            conditions += [f"contains(lower({words}), lower({quote(word)}))" for word in chosen["text"].split()]
        where = ["WHERE " + "\n  AND ".join(conditions)] if conditions else []
        return "\n".join(["FROM findings", *where, ORDER])

    def summary(self) -> str:
        """How many findings of which severity."""
        counts: dict[str, int] = {}
        for row in self._rows:
            counts[row["severity"]] = counts.get(row["severity"], 0) + 1
        return ", ".join(f"{count:,} {severity}" for severity, count in counts.items()) or "nothing found"

    def _list_still(self) -> list[StillRow]:
        colours = {"critical": "failed", "warning": "warning"}
        return [
            StillRow(
                f"{row['severity']}: {row['detector']}: {row['summary']}",
                row["agent"] or "",
                colour=colours.get(row["severity"], ""),
            )
            for row in self._rows
        ]

    def _describe(self, number: int, row: Row) -> Row:
        kept = (
            "detector",
            "severity",
            "tier",
            "agent",
            "trace_id",
            "start",
            "end",
            "summary",
            "tokens",
            "cost",
            "elsewhere",
        )
        evidence = [self._describe_evidence(piece) for piece in row["evidence"] or []]
        return {
            "key": str(number),
            **{name: row[name] for name in kept},
            "spans": len(row["span_ids"] or []),
            "evidence": evidence,
        }

    def _describe_evidence(self, piece: Row) -> Row:
        source = self._paths.get(piece["source_id"])
        path = Path(source["path"]).name if source else None
        return {
            "path": path,
            "whole_path": source and source["path"],
            "line": piece["source_line"],
            "says": piece["says"],
            "span_id": piece["span_id"],
            "has_record": bool(source) and piece["source_offset"] is not None and piece["source_length"] is not None,
        }

    def _find_spans(self, pick: Pick) -> list[str]:
        number = _number(pick["key"], len(self._rows)) if pick["kind"] == "finding" else None
        return [] if number is None else list(self._rows[number]["span_ids"] or [])

    def _find_parts(self, span_ids: list[str]) -> Iterable[Pick]:
        chosen = set(span_ids)
        for number, row in enumerate(self._rows):
            if not chosen.isdisjoint(row["span_ids"] or []):
                yield pick_of("finding", str(number))

    def _list_picks(self) -> Iterable[Pick]:
        return (pick_of("finding", str(number)) for number in range(len(self._rows)))

    def _answer(self, message: dict[str, Any]) -> Any:
        if message.get("type") != "quote" or not isinstance(message.get("key"), str):
            return None
        return (
            self._quote(message["key"], QUOTED_BYTES) or "The record is not at hand: its file is gone or has changed."
        )

    def _quote(self, key: str, limit: int) -> str | None:
        """Return the record behind a piece of evidence (`finding.evidence`, counted from 0) as it stands on disk."""
        finding, _, piece = key.partition(".")
        number = _number(finding, len(self._rows))
        pieces = [] if number is None else self._rows[number]["evidence"] or []
        at = _number(piece, len(pieces))
        place = None if at is None else pieces[at]
        source = self._paths.get(place["source_id"]) if place else None
        if place is None or source is None or place["source_offset"] is None or place["source_length"] is None:
            return None
        path = Path(source["stored_at"] or source["path"])
        return read_record(path, source["compression"], place["source_offset"], place["source_length"], limit)

    def _embed_details(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        size = 0
        for number, row in enumerate(self._rows):
            for at in range(len(row["evidence"] or [])):
                record = self._quote(f"{number}.{at}", EMBEDDED_QUOTE)
                size += len(json.dumps(record))
                if record is not None and size <= EMBEDDED_QUOTES:
                    found[f"{number}.{at}"] = record
        return found


def _number(text: str, count: int) -> int | None:
    """Return a text as a number below `count`; None when it is none."""
    return int(text) if text.isascii() and text.isdecimal() and int(text) < count else None
