"""Heartbeats: a report for each line of an agent, in every layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from text_evidence import WAVE_14, assert_places_hold, gather, load, moment, reports
from text_logs import BEAT

from agentlens.loaders import heartbeat


def beats_of(text: str) -> list[tuple[Any, ...]]:
    """Count by hand: (wave, time, name, status, detail, next) of every agent line."""
    found = []
    for block in text.split("Wave ")[1:]:
        header, _, *agents, following = [line for line in block.splitlines() if line.strip()]
        wave, when = header.split(" | ")
        for agent in agents:
            name, said = agent.strip().split(": ", 1)
            status, detail = said.split(" (", 1)
            found.append((int(wave), moment(when), name, status, detail[:-1], following.removeprefix("Next: ")))
    return found


def test_every_agent_line_of_the_bundled_heartbeats_is_one_report() -> None:
    for path in sorted((WAVE_14 / "heartbeats").glob("*.log")):
        rows, account = gather(heartbeat, path)
        expected = beats_of(path.read_text())
        assert len(expected) > 50 and account.records == account.accepted == len(expected)
        assert reports(rows, "wave", "time", "agent_name", "status", "detail", "next_action") == expected
        assert_places_hold(path.read_bytes(), rows)


@pytest.mark.parametrize(
    "text",
    [
        BEAT,
        BEAT.replace("\n", "\r\n"),
        "\ufeff" + BEAT,
        BEAT.rstrip("\n"),
        "\n\n" + BEAT.replace("  Apollo", "- **Apollo**").replace("  Hermes", "* Hermes"),
        BEAT.replace("Wave 14", "## Wave 14").replace("Next: wait for Hermes", "Next:\n  - wait for Hermes"),
        BEAT.replace("Agents:\n", ""),
        BEAT.replace("COMPLETE", "complete").replace(
            "BLOCKED (token expired (again))", "blocked - token expired (again)"
        ),
    ],
)
def test_a_heartbeat_says_the_same_in_every_layout(tmp_path: Path, text: str) -> None:
    rows = load(heartbeat, tmp_path, text)
    assert heartbeat.sniff(text.removeprefix("\ufeff").encode())
    assert reports(rows, "wave", "agent_name", "status", "detail", "next_action") == [
        (14, "Apollo", "COMPLETE", "3 drafts saved", "wait for Hermes"),
        (14, "Hermes", "BLOCKED", "token expired (again)", "wait for Hermes"),
    ]


def test_a_line_that_gives_no_status_is_rejected_with_its_place(tmp_path: Path) -> None:
    rows = load(heartbeat, tmp_path, BEAT.replace("  Hermes: BLOCKED (token expired (again))", "  ???"))
    assert [(row["source_line"], row["raw"]) for row in rows["rejects"]] == [(4, "???")]
    assert len(rows["status_reports"]) == 1


def test_a_header_without_a_readable_time_leaves_its_reports_without_one(tmp_path: Path) -> None:
    rows = load(heartbeat, tmp_path, BEAT + BEAT.replace("14 | 2026-04-14 14:23:11", "15 | later"))
    assert reports(rows, "wave", "time")[2:] == [(15, None), (15, None)]
    assert len(rows["rejects"]) == 1
