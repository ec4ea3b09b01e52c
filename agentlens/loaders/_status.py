"""Status words as agents write them in text."""

from __future__ import annotations

import re

MARKS = {
    "✓": "COMPLETE",
    "✅": "COMPLETE",
    "✔": "COMPLETE",
    "✗": "BLOCKED",
    "❌": "FAILED",
    "⚡": "URGENT",
    "~": "IN_PROGRESS",
}
KNOWN = frozenset({
    "ACTIVE", "APPROVED", "BLOCKED", "CANCELLED", "CANCELED", "CLOSED", "COMPLETE", "COMPLETED", "CRITICAL", "DEAD",
    "DEFERRED", "DEGRADED", "DOWN", "DONE", "ERROR", "FAILED", "FAILURE", "FINISHED", "HEALTHY", "IDLE",
    "IN_PROGRESS", "IN_REVIEW", "NOT_STARTED", "OFFLINE", "OK", "ONLINE", "OPEN", "PARTIAL", "PASSED", "PAUSED",
    "PENDING", "PLANNED", "QUEUED", "READY", "REJECTED", "RESOLVED", "REVIEW", "RUNNING", "SHIPPED", "SKIPPED",
    "STALLED", "STANDBY", "STARTED", "STOPPED", "SUCCESS", "SUSPENDED", "TIMEOUT", "TODO", "UNKNOWN", "URGENT",
    "WAITING", "WARNING", "WIP", "WORKING",
})  # fmt: skip
_WORD = re.compile(r"[A-Z][A-Z0-9]*(?:[_-][A-Z0-9]+)*(?![a-z])", re.ASCII)
_PHRASE = re.compile(r"([A-Za-z]+(?:[ _-](?:progress|review|started))?)\b", re.ASCII | re.IGNORECASE)
_AFTER = re.compile(r"\s*[-–—:,;|]+\s*")


def status_word(text: str) -> tuple[str | None, str | None]:
    """Return (status word in upper case, what was said beside it); (None, None) when the text does not begin with one.

    A status word is written in capitals, or is one of the usual words in any case, or a mark such as ✓.
    """
    text = text.strip().strip("`*[]").lstrip("`*[]️ \t")
    if text[:1] in MARKS:
        mark, rest = MARKS[text[0]], text[1:].lstrip("️ ")
        word, detail = status_word(rest) if rest else (None, None)
        return (word, detail) if word else (mark, _detail(rest))
    found = _PHRASE.match(text)
    if found and (word := _normal(found[1])) in KNOWN:
        return word, _detail(text[found.end() :])
    found = _WORD.match(text)
    if found and len(found[0]) > 1:
        return _normal(found[0]), _detail(text[found.end() :])
    return None, None


def _normal(word: str) -> str:
    return re.sub(r"[ -]", "_", word.upper())


def _detail(rest: str) -> str | None:
    rest = _AFTER.sub("", rest.strip(" *`]"), 1) if _AFTER.match(rest.strip(" *`]")) else rest.strip(" *`]")
    if rest.startswith("("):
        rest = rest[1:-1] if rest.endswith(")") else rest[1:]
    return rest.strip() or None
