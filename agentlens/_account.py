"""The record-keeping of one source: what was met, what became evidence, and what the source is known to lack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec


@dataclass
class Account:
    """The record-keeping of one source."""

    records: int = 0
    accepted: int = 0
    rejected: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    known_missing: dict[str, None] = field(default_factory=dict)
    first_time: int | None = None
    last_time: int | None = None
    dialects: dict[str, None] = field(default_factory=dict)
    input_tokens_meaning: str | None = None

    def merged(self, later: Account) -> Account:
        """Return the account of this part of a source and a later one."""
        firsts = [time for time in (self.first_time, later.first_time) if time is not None]
        lasts = [time for time in (self.last_time, later.last_time) if time is not None]
        return Account(
            self.records + later.records,
            self.accepted + later.accepted,
            self.rejected + later.rejected,
            dict(Counter(self.skipped) + Counter(later.skipped)),
            self.known_missing | later.known_missing,
            min(firsts, default=None),
            max(lasts, default=None),
            self.dialects | later.dialects,
            later.input_tokens_meaning or self.input_tokens_meaning,
        )

    def to_json(self) -> str:
        """Return the account as a JSON object."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def from_json(cls, text: str) -> Account:
        """Return the account written by `to_json`."""
        return msgspec.json.decode(text, type=cls)
