"""Row counts at which other tools stop without a word."""

from __future__ import annotations

from agentlens._evidence import Evidence

CAPS = frozenset({350, 512, 1_000, 20_000, 25_000})


def note_cap(into: Evidence) -> None:
    """Note a source that holds exactly as many records as some tool exports at most."""
    records = into.account.records
    if records in CAPS:
        into.note_missing(f"Exactly {records:,} records: many tools stop there without saying so; there may be more.")
