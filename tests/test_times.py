"""Times as logs write them: instants, dates, times of day, and what is none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from text_evidence import moment

from agentlens.loaders._times import parse_clock, parse_date, parse_time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-04-14 14:23:11", "2026-04-14T14:23:11+00:00"),
        ("2026-04-14T14:23:11Z", "2026-04-14T14:23:11+00:00"),
        ("2026-04-14T14:23:11.5+02:00", "2026-04-14T12:23:11.5+00:00"),
        ("2026-04-14 14:23 UTC", "2026-04-14T14:23:00+00:00"),
        ("2026-04-14 14:23 CEST", "2026-04-14T12:23:00+00:00"),
        ("2026-04-14", "2026-04-14T00:00:00+00:00"),
        (1776176591, "2026-04-14T14:23:11+00:00"),
        ("1776176591000", "2026-04-14T14:23:11+00:00"),
        (1776176591000000, "2026-04-14T14:23:11+00:00"),
        (1776176591000000000, "2026-04-14T14:23:11+00:00"),
    ],
)
def test_a_time_is_read_in_every_writing_met(text: str | int, expected: str) -> None:
    assert parse_time(text) == int(moment(expected).timestamp() * 2) * 10**9 // 2


def test_nanoseconds_of_a_time_survive() -> None:
    assert parse_time("2026-04-14T14:23:11.123456789Z") == 1776176591123456789
    assert parse_time(1776176591123456789) == 1776176591123456789


@pytest.mark.parametrize(
    "value", [None, True, "", "soon", "2026-13-40", "25:00", [], {}, float("nan"), float("inf"), 2**70, "9" * 500]
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert parse_time(value) is None


@pytest.mark.parametrize(
    ("heading", "hours"),
    [
        ("(14:30 UTC)", 14.5),
        ("2:30 PM", 14.5),
        ("14:30 CET", 13.5),
        ("06:30-07:00 CET", 5.5),
        ("06:00-08:30", 6.0),
        ("12:05 am", 1 / 12),
    ],
)
def test_a_time_of_day_is_taken_with_the_zone_it_or_its_range_names(heading: str, hours: float) -> None:
    found = parse_clock(heading)
    assert found is not None and found[0] == round(hours * 3600) * 10**9


def test_today_is_utc() -> None:
    assert parse_date("on 2026-04-14, at noon") == datetime(2026, 4, 14, tzinfo=UTC).date()
