"""What is said of an object that has none of a format's keys, as in a file that was read by the name of a wrong format."""

from __future__ import annotations

from collections.abc import Iterable, Set

import msgspec

from agentlens._evidence import Evidence
from agentlens._source import Place
from agentlens._visible import show_inline
from agentlens.loaders._json_places import keys_of

MOST_KEYS, KEY_LENGTH = 6, 40


def other_kind(keys: Iterable[str], looks_for: str) -> str:
    """Return the reason for a reject: which keys were seen, and what would have been read."""
    seen = list(keys)
    shown = ", ".join(f"`{_short(key)}`" for key in seen[:MOST_KEYS]) or "no keys"
    more = f" and {len(seen) - MOST_KEYS:,} more" if len(seen) > MOST_KEYS else ""
    return f"of another kind: it has {shown}{more}; expected {looks_for}"


def reject_other_kind(raw: msgspec.Raw, place: Place, into: Evidence, known: Set[str], looks_for: str) -> bool:
    """Reject an object with none of the known keys, which is a record; False, and nothing done, when it has one."""
    keys = keys_of(raw)
    if not known.isdisjoint(keys):
        return False
    into.record()
    into.reject(place, other_kind(keys, looks_for), bytes(raw))
    return True


def _short(key: str) -> str:
    return show_inline(key if len(key) <= KEY_LENGTH else f"{key[: KEY_LENGTH - 1]}…")
