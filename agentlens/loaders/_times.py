"""The times met in logs, as nanoseconds since the epoch, UTC."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_EPOCH = dt.date(1970, 1, 1).toordinal()
_RANGE = range(-(2**63), 2**63)
_LONGEST = 64
# Epoch numbers below each bound are of that unit: the bounds lie in the years 5138, 5138 and 5138.
_AUTO = ((10**11, "s"), (10**14, "ms"), (10**17, "us"))
ZONES = {
    "z": 0, "utc": 0, "gmt": 0, "cet": 60, "cest": 120, "bst": 60, "est": -300, "edt": -240,
    "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
}  # fmt: skip
_ISO = re.compile(
    r"(\d{4})[-/](\d\d?)[-/](\d\d?)"
    r"(?:(?:T|t|,?\s+)(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*([A-Za-z]{1,4}|[+-]\d\d:?(?:\d\d)?)?)?",
    re.ASCII,
)
_CLOCK = re.compile(
    r"(?<![\w:.])(\d\d?):(\d\d)(?::(\d\d))?\s*([ap]\.?m\.?\b)?(?:\s*(?:[-–—→]|->|to)\s*\d\d?:\d\d(?::\d\d)?)?\s*"
    r"(\b(?:" + "|".join(ZONES) + r")\b|\+\d\d:?\d\d)?(?![\w:])",
    re.ASCII | re.IGNORECASE,
)
# Years in which no time is out of range; Arrow takes no other than real dates.
_USUAL_ZONED = r"^(?:19|20)\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$"
_WORTH_TOGETHER = 32
_DATE = re.compile(r"(?<![\d-])(\d{4})-(\d\d)-(\d\d)(?![\d-])", re.ASCII)


def parse_time(value: Any, unit: str = "auto") -> int | None:
    """Return a logged time as nanoseconds, or None when it is none.

    Understood are ISO 8601 with or without zone (without: taken as UTC, see `is_zoned`) and epoch numbers, also as
    text, in `unit` (`s`, `ms`, `us`, `ns`; `auto` tells by size; `iso` takes no numbers). Fractions keep nine digits.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST:
            return None
        if (found := _ISO.fullmatch(text)) and unit in ("auto", "iso"):
            return _from_iso(found)
    elif not isinstance(value, (int, float, Decimal)):
        return None
    return None if unit == "iso" else _from_number(value, unit)


def parse_times(values: Sequence[Any], unit: str = "auto") -> tuple[list[int | None], bool]:
    """Return what `parse_time` returns for each value, and whether each time says what zone it is in.

    Texts in the usual form of ISO 8601 are read together, the rest one by one.
    """
    texts = [value if type(value) is str else None for value in values]
    times: list[int | None] = [None] * len(values)
    if len(values) >= _WORTH_TOGETHER and unit in ("auto", "iso"):
        times = _read_usual(texts, _USUAL_ZONED)
        if None not in times:
            return times, True
    read = [parse_time(value, unit) if time is None else time for time, value in zip(times, values)]
    zoned = (time is not None or is_zoned(value) for time, now, value in zip(times, read, values) if now is not None)
    return read, all(zoned)


def _read_usual(texts: list[str | None], form: str) -> list[int | None]:
    """Return the times of the texts that have a form, None for the others and where one of them is no date."""
    array = pa.array(texts, pa.string())
    usual = pc.if_else(pc.match_substring_regex(array, form), array, None)
    try:
        return list(usual.cast(pa.timestamp("ns", "UTC")).cast(pa.int64()).to_pylist())
    except pa.ArrowInvalid:
        return [None] * len(texts)


def parse_durations(values: Sequence[Any], unit: str) -> list[int | None]:
    """Return what `parse_duration` returns for each value.

    A float is read by arithmetic where the product has at most 15 digits and leads back to it: then no other decimal of
    that length is this float, so the product is the one that was written.
    """
    scale = UNITS[unit]
    floats = np.array([value if type(value) is float else np.nan for value in values])
    with np.errstate(over="ignore"):
        products = np.rint(floats * scale)
    exact = (np.abs(products) < 10**15) & (products / scale == floats)
    whole = np.where(exact, products, 0).astype(np.int64).tolist()
    return [w if ok else parse_duration(value, unit) for w, ok, value in zip(whole, exact.tolist(), values)]


def parse_duration(value: Any, unit: str) -> int | None:
    """Return a logged duration as nanoseconds, or None when it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    return _scaled(value, unit)


def parse_clock(text: str) -> tuple[int, int] | None:
    """Return (nanoseconds since midnight UTC, position in the text) of the first time of day in `text`.

    A zone after it or after the range it begins (`UTC`, `Z`, `CET`, `+02:00`) is taken off, so the first number may be
    negative or above a day. `06:00-07:00` is a range, not an offset.
    """
    for found in _CLOCK.finditer(text):
        hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
        if found[4]:
            hour = hour % 12 + (12 if found[4][0] in "pP" else 0) if 1 <= hour <= 12 else 99
        if hour < 24 and minute < 60 and second < 60:
            return ((hour * 60 + minute - (_zone_minutes(found[5]) or 0)) * 60 + second) * 10**9, found.start()
    return None


def parse_date(text: str) -> dt.date | None:
    """Return the first ISO date in `text`."""
    for found in _DATE.finditer(text):
        if date := _date(int(found[1]), int(found[2]), int(found[3])):
            return date
    return None


def midnight(date: dt.date) -> int:
    """Return the beginning of a day in nanoseconds."""
    return (date.toordinal() - _EPOCH) * 86_400 * 10**9


def is_zoned(value: Any) -> bool:
    """Whether a time says what zone it is in; epoch numbers are UTC by definition."""
    found = _ISO.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= _LONGEST else None
    return found is None or found[8] is not None


def _from_iso(found: re.Match[str]) -> int | None:
    date = _date(int(found[1]), int(found[2]), int(found[3]))
    zone = _zone_minutes(found[8])
    hour, minute, second = (int(found[i] or 0) for i in (4, 5, 6))
    if date is None or zone is None or hour > 23 or minute > 59 or second > 60:
        return None
    fraction = int((found[7] or "")[:9].ljust(9, "0"))
    return _in_range(midnight(date) + ((hour * 60 + minute - zone) * 60 + second) * 10**9 + fraction)


def _zone_minutes(zone: str | None) -> int | None:
    """Return a zone's minutes ahead of UTC, 0 for none, None for one that is not known."""
    if not zone:
        return 0
    if zone[0] not in "+-":
        return ZONES.get(zone.lower())
    digits = zone[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return minutes if zone[0] == "+" else -minutes


def _from_number(value: Any, unit: str) -> int | None:
    if unit == "auto":
        size = _scaled(value, "ns")
        if size is None:
            return None
        unit = next((name for bound, name in _AUTO if abs(size) < bound), "ns")
    return _scaled(value, unit)


def _scaled(value: Any, unit: str) -> int | None:
    """Return value x unit in nanoseconds, exact in the digits that were written."""
    if isinstance(value, int):
        return _in_range(value * UNITS[unit])
    if isinstance(value, str) and len(value) > _LONGEST:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return _in_range(int(number * UNITS[unit])) if number.is_finite() and number.adjusted() < 30 else None


def _in_range(time: int) -> int | None:
    return time if time in _RANGE else None


def _date(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None
