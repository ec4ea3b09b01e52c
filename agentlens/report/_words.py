"""Numbers and times as a reader wants them; the explorers write them the same way (format.ts)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from markupsafe import Markup

from agentlens._visible import plural, show_controls

NBSP = "\u00a0"
NONE = "–"


def finalize(value: Any) -> Any:
    """Return what the template writes for an expression: text from logs with everything that hides made visible."""
    return show_controls(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def count(value: int | None) -> str:
    """1,234; a dash for None."""
    return NONE if value is None else f"{value:,}"


def usd(value: float | None, none: str = "unpriced") -> str:
    """$0.52, $0.0045 for small sums."""
    if value is None:
        return none
    if value == 0:
        return "$0"
    return (
        "<$0.0001"
        if 0 < value < 0.0001
        else f"${value:,.4f}"
        if abs(value) < 0.01
        else f"${value:,.3f}"
        if abs(value) < 1
        else f"${value:,.2f}"
    )


def percent(value: float | None) -> str:
    """12.3 %."""
    return NONE if value is None else f"{value * 100:.1f}{NBSP}%"


def duration(nanoseconds: int | None) -> str:
    """412 µs, 1.24 s, 3 m 20 s."""
    if nanoseconds is None:
        return NONE
    size = abs(nanoseconds)
    for unit, length in (("ns", 1e3), ("µs", 1e6), ("ms", 1e9), ("s", 6e10)):
        if size < length:
            return f"{nanoseconds / (length / (60 if unit == 's' else 1000)):.3g}{NBSP}{unit}"
    minutes, seconds = divmod(round(nanoseconds / 1e9), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{NBSP}h{NBSP}{minutes:02}{NBSP}m" if hours else f"{minutes}{NBSP}m{NBSP}{seconds:02}{NBSP}s"


def moment(value: datetime | None, form: str = "%-d %b %Y, %H:%M:%S") -> str:
    """14 Apr 2026, 14:22:02."""
    return NONE if value is None else value.strftime(form.replace("%-d", str(value.day)))


def period(first: datetime | None, last: datetime | None) -> str:
    """13 to 14 Apr 2026; 14 Apr 2026, 12:55 to 13:17."""
    if first is None or last is None:
        return NONE
    if first.date() == last.date():
        if last.replace(second=0, microsecond=0) == first.replace(second=0, microsecond=0):
            return moment(first) if last.second == first.second else f"{moment(first)} to {last:%H:%M:%S}"
        return f"{moment(first, '%-d %b %Y, %H:%M')} to {last:%H:%M}"
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first.day if same_month else moment(first, '%-d %b %Y')} to {moment(last, '%-d %b %Y')}"


def human_bytes(size: int) -> str:
    """1.6 MB."""
    for unit, length in (("bytes", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size < length * 1000 or unit == "GB":
            return f"{size / length:.0f}{NBSP}{unit}" if unit == "bytes" else f"{size / length:.1f}{NBSP}{unit}"
    return str(size)


def settings(arguments: str | None) -> str:
    """min_repeats 3, scope "trace"; nothing for a JSON object without keys."""
    return ", ".join(f"{name}{NBSP}{json.dumps(value)}" for name, value in json.loads(arguments or "{}").items())


FILTERS = {
    "count": count, "usd": usd, "percent": percent, "duration": duration, "moment": moment, "plural": plural, "human_bytes": human_bytes,
    "settings": settings,
}  # fmt: skip
