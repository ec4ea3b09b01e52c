"""Detectors of silence and waiting: agents that leave the board, absent beats, runs that never end, blockers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector_runs import beats_of, board, found, in_traces, outcome
from lens_builder import Step, agent, call, read_steps, step, tool

import agentlens as al

# --- silent_agent -----------------------------------------------------------------------------------------------------


def test_an_agent_that_leaves_the_board_while_others_go_on_is_silent(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats_of(Ana="pppppppc", Ben="ppp....."))})
    assert found(lens, "silent_agent") == [("Ben", "proven", "critical")]
    assert found(lens, "silent_agent", quiet=6) == []


def test_agents_with_a_reason_to_be_quiet_are_not_silent(tmp_path: Path) -> None:
    beats = beats_of(
        Done="ppc.....", Blocked="ppb.....", Idle="ppi.....", Back="pp...ppc", Late="pppppp..", Ana="pppppppc"
    )
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats)})
    assert found(lens, "silent_agent", "agent_name") == []


def test_an_agent_that_handed_in_a_report_or_whose_run_ended_is_not_silent(tmp_path: Path) -> None:
    pax = "FROM: Ben\nTO: Ana\nWAVE: 1\nTIME: 2026-01-01T10:11:00Z\nSTATUS: COMPLETE\nBLOCKERS: none\nNEXT: none\n"
    beats = board(beats_of(Ana="pppppppc", Ben="ppp.....", Cyd="ppp....."))
    steps = [
        step("wave 1", None, 36_000, 38_000, operation="invoke_workflow", **{"gen_ai__workflow__name": "wave 1"}),
        agent("Cyd", "wave 1", 36_000, 36_660),
    ]
    lens = read_steps(tmp_path, steps, **{"beats.log": beats, "report.txt": pax})
    assert found(lens, "silent_agent", "agent_name") == []


def test_a_run_that_never_ends_while_others_go_on_is_silent(tmp_path: Path) -> None:
    hung = [
        agent("lead", None, 0, 900),
        agent("hung", "lead", 1, None),
        *(call(f"h{n}", "hung", 2 * n) for n in range(1, 6)),
    ]
    others = [agent("busy", "lead", 1, 800), *(tool(f"work#{n}", "busy", 10 * n) for n in range(1, 70))]
    thinking = [
        agent("lead", None, 0, 900),
        agent("slow", "lead", 1, 890),
        *(call(f"s{n}", "slow", 200 * n, 200 * n + 150) for n in range(4)),
    ]
    cut_off = [
        agent("lead", None, 0, None),
        agent("last", "lead", 1, None),
        *(call(f"l{n}", "last", n) for n in range(9)),
    ]
    lens = read_steps(tmp_path, in_traces([hung + others, thinking, cut_off]))
    assert found(lens, "silent_agent") == [("hung", "event", "critical")]
    assert outcome(lens, "silent_agent") == (
        "fired",
        "the logs hold no heartbeats: only runs that never ended were looked at",
    )


def reports(to: str = "Ada", **rows: str) -> str:
    """A report every ten minutes to one agent: p in progress, b blocked, c complete, `.` none."""
    words = {"p": "IN_PROGRESS", "b": "BLOCKED", "c": "COMPLETE"}
    head = "FROM: {}\nTO: {}\nWAVE: 1\nTIME: 2026-01-01T1{}:{}0:00Z\nSTATUS: {}\nBLOCKERS: none\nNEXT: go on\n"
    told = [(n, who, words[word]) for who, row in rows.items() for n, word in enumerate(row) if word != "."]
    return "---\n".join(head.format(who, to, n // 6, n % 6, word) for n, who, word in sorted(told))


def test_an_agent_whose_even_reports_cease_while_another_goes_on_is_silent(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [], **{"reports.txt": reports(Ben="ppppp......", Cyd="ppppppppppc")})
    assert found(lens, "silent_agent") == [("Ben", "event", "critical")]
    healthy = {
        "done": {"Ben": "ppppc......", "Cyd": "ppppppppppc"},
        "blocked": {"Ben": "ppppb......", "Cyd": "ppppppppppc"},
        "irregular": {"Ben": "pp....pp.p......", "Cyd": "pppppppppppppppc"},
        "few": {"Ben": "ppp........", "Cyd": "ppppppppppc"},
        "all stop": {"Ben": "ppppp", "Cyd": "ppppppc"},
        "one late word": {"Ben": "ppppp......", "Cyd": "ppppp.....c"},
    }
    for name, rows in healthy.items():
        lens = read_steps(tmp_path / name, [], **{"reports.txt": reports(**rows)})
        assert found(lens, "silent_agent") == [], name
    working = read_steps(
        tmp_path / "working",
        [agent("Ben", None, 40_000)],
        **{"reports.txt": reports(Ben="ppppp......", Cyd="ppppppppppc")},
    )
    assert found(working, "silent_agent") == []


def test_a_lead_that_is_done_while_somebody_below_it_still_reports_trouble_is_done_too_early(tmp_path: Path) -> None:
    def lens(folder: str, row: str, lead: str, deliverables: str = "all.csv") -> list[tuple[Any, ...]]:
        own = reports("Owner", Ada=lead).replace("BLOCKERS", f"DELIVERABLES: {deliverables}\nBLOCKERS")
        text = reports(Ben=row, Cyd="ppc") + "---\n" + own
        return found(read_steps(tmp_path / folder, [], **{"reports.txt": text}), "premature_complete")

    assert lens("open", "pb..b", "...c") == [("Ada", "candidate", "warning")]
    assert lens("same work", "pp..p", "...c") == [("Ada", "candidate", "warning")]
    healthy = {
        "mended": ("pb..c", "...c", "all.csv"),
        "before": ("pbc..", "...c", "all.csv"),
        "told": ("pb..b", "...c", "all.csv but for the part of Ben"),
        "again": ("pb..bc", "...c..c", "all.csv"),
        "not done": ("pb..b", "...p", "all.csv"),
    }
    for name, (row, lead, deliverables) in healthy.items():
        assert lens(name, row, lead, deliverables) == [], name


# --- missed_heartbeat -------------------------------------------------------------------------------------------------


def test_two_absent_beats_are_missed(tmp_path: Path) -> None:
    beats = beats_of(Ana="pppppppc", Ben="pp..ppcc", Once="ppp.pppp", Gone="ppp.....")
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats)})
    assert found(lens, "missed_heartbeat") == [("Ben", "proven", "warning")]
    assert found(lens, "missed_heartbeat", "agent_name", missed=1) == [("Ben",), ("Once",)]


def test_a_board_that_stood_still_is_no_missed_heartbeat(tmp_path: Path) -> None:
    beats = [*beats_of(Ana="pppp", Ben="ppp."), {}, {}, *beats_of(Ana="pp", Ben="pc")]
    text = "\nWave".join(block for block in board(beats).split("\nWave") if ": " in block.partition("Agents:")[2])
    lens = read_steps(tmp_path, [], **{"beats.log": text})
    assert found(lens, "missed_heartbeat") == []


# --- blocked ----------------------------------------------------------------------------------------------------------


def test_a_wait_for_the_outside_world_is_one_finding(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [], **{"beats.log": board(beats_of(Ana="ppbbbbpc", Ben="pppppppc"))})
    assert found(lens, "blocked", "agent_name, severity, len(evidence), epoch_ns(end_time) - epoch_ns(start_time)") == [
        ("Ana", "warning", 4, 20 * 60 * 10**9)
    ]
    assert found(lens, "blocked", "severity", long_minutes=20) == [("critical",)]


# --- premature_complete: what a report says of itself -----------------------------------------------------------------


def test_a_report_that_calls_done_what_by_its_own_numbers_is_not_is_premature(tmp_path: Path) -> None:
    told = {
        "None": ["COMPLETE (0 of 12 labels printed)"],
        "Some": ["COMPLETE (7 of 12 letters were sent)"],
        "Later": ["COMPLETE (3 of 12 labels printed)", "COMPLETE (12 of 12 labels printed)"],
        "Working": ["ACTIVE (0 of 12 labels printed)"],
    }
    healthy = (
        "12 of 12 labels printed", "3 of 40 files changed", "0 of 12 rejected", "9 of 12 delivered; 3 cancelled by the client",
        "part 2 of 3 done", "3/12", "0 of 12 tests failed", "2 of 12 needed paint", "4 of 5 delivered, the fifth is not needed",
    )  # fmt: skip
    told |= {f"Well{number}": [f"COMPLETE ({text})"] for number, text in enumerate(healthy)}
    beats = [
        "\n".join([f"Wave 1 | 2026-01-01 10:{n:02}:00", *(f"{name}: {(['ACTIVE', *said] + said[-1:] * 2)[n]}" for name, said in told.items()), "Ben: ACTIVE"])
        for n in range(4)
    ]  # fmt: skip
    (tmp_path / "HEARTBEAT.md").write_text("\n".join(beats) + "\n")
    with al.read(tmp_path, progress=False) as lens:
        assert sorted(found(lens, "premature_complete")) == [
            ("None", "proven", "critical"),
            ("Some", "candidate", "warning"),
        ]


SESSION = """# Plate-Reader session 2026-01-01

## 09:10 Start

**Status:** IN_PROGRESS

## 09:40 Access

**Status:** BLOCKED

The registry locked our account.

## 15:30 Unlocked

**Status:** IN_PROGRESS

## No time

**Status:** BLOCKED
"""


def test_a_timed_section_that_says_blocked_is_as_good_as_a_report(tmp_path: Path) -> None:
    """What names no time, or stands in a file about something else than a session or a day, is no such word."""
    (tmp_path / "plate_reader").mkdir()
    lens = read_steps(tmp_path, [], **{"plate_reader/2026-01-01.md": SESSION})
    assert found(lens, "blocked") == [("Plate-Reader", "event", "critical")]
    said = found(lens, "blocked", "start_time, end_time, summary")
    assert [(str(start)[11:16], str(end)[11:16]) for start, end, _ in said] == [("09:40", "15:30")]
    assert said[0][2].endswith("BLOCKED once over 350 minutes: The registry locked our account.")
    notes = SESSION.replace("session 2026-01-01", "access rules").replace("## 09", "## 2026-01-01 09")
    (tmp_path / "notes" / "plate_reader").mkdir(parents=True)
    lens = read_steps(tmp_path / "notes", [], **{"plate_reader/rules.md": notes})
    assert found(lens, "blocked") == []
    report = "FROM: Plate-Reader\nTO: Ana\nTIME: 2026-01-01T16:00:00Z\nSTATUS: COMPLETE\nBLOCKERS: none\nNEXT: none\n"
    lens = read_steps(tmp_path, [], **{"report.txt": report})
    assert found(lens, "blocked") == []  # of those who report, the reports count: they tell when the word was said


# --- thundering_herd without heartbeats -------------------------------------------------------------------------------


def rushes(minutes: list[float], agents: int = 6, spread: float = 0.3, path: str = "shared/rates.csv") -> list[Step]:
    """Agents that all read one file at these minutes."""
    calls = [
        tool(f"read#{n}/{k}", f"a{k}", 60 * minute + k * spread, agent=f"a{k}", arguments={"path": path.format(k)})
        for n, minute in enumerate(minutes)
        for k in range(agents)
    ]
    return [*(agent(f"a{k}", None, 0, 9_000) for k in range(agents)), *calls]


def test_rushes_that_a_timer_wakes_are_one_herd(tmp_path: Path) -> None:
    lens = read_steps(tmp_path / "timer", rushes([15, 30, 60, 75]))
    assert found(lens, "thundering_herd", "tier, severity, len(span_ids)") == [("event", "info", 24)]
    healthy = {
        "twice": rushes([15, 30]),
        "no rhythm": rushes([15, 22, 60, 71]),
        "spread": rushes([15, 30, 45, 60], spread=9),
        "few": rushes([15, 30, 45, 60], agents=4),
        "own files": rushes([15, 30, 45, 60], path="own/{}.csv"),
        "always at it": rushes([n / 30 for n in range(200)]),
    }
    for name, steps in healthy.items():
        assert found(read_steps(tmp_path / name, steps), "thundering_herd", "summary") == [], name


def test_agents_that_say_in_home_grown_lines_that_they_wait_for_one_another_are_deadlocked(tmp_path: Path) -> None:
    waits = [
        {"timestamp": "2026-01-01T10:00:00Z", "agent": "Ana", "event": "waiting", "waiting_for": "Ben"},
        {"timestamp": "2026-01-01T10:01:00Z", "agent": "Ben", "event": "blocked", "reason": "waiting for Ana"},
    ]
    freed = {"timestamp": "2026-01-01T10:02:00Z", "agent": "Ben", "event": "status", "status": "working"}
    for name, records, expected in (("circle", waits, [("Ana", "proven")]), ("freed", [*waits, freed], [])):
        lens = read_steps(tmp_path / name, [], **{"log.jsonl": "\n".join(map(json.dumps, records))})
        assert found(lens, "deadlock", "agent_name, tier") == expected
