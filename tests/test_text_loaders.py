"""Heartbeats, PAX reports, SpecStory sessions and free-form markdown: what they say, where they say it, and no more."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_evidence import assert_account_balances, assert_places_hold, gather

from agentlens import read
from agentlens._source import read_head
from agentlens.loaders import aider, all_loaders, heartbeat, json_lines, markdown, pax, specstory
from agentlens.loaders._times import parse_clock, parse_date, parse_time

WAVE_14 = Path(__file__).parents[1] / "datasets" / "wave_14"
LOADERS = (aider, heartbeat, json_lines, markdown, pax, specstory)
Rows = dict[str, list[dict[str, Any]]]


def load(loader: ModuleType, tmp_path: Path, data: str | bytes, name: str = "log.txt", **options: Any) -> Rows:
    """Return the rows of a text, with the laws checked: accounts balance and places hold."""
    raw = data if isinstance(data, bytes) else data.encode()
    path = tmp_path / name
    path.write_bytes(raw)
    rows, account = gather(loader, path, **options)
    assert_account_balances(account, rows)
    assert_places_hold(raw, rows)
    return rows


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


# --- times ------------------------------------------------------------------------------------------------------------


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


# --- heartbeats -------------------------------------------------------------------------------------------------------

BEAT = """Wave 14 | 2026-04-14 14:23:11
Agents:
  Apollo: COMPLETE (3 drafts saved)
  Hermes: BLOCKED (token expired (again))
Next: wait for Hermes
"""


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


def reports(rows: Rows, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows["status_reports"]]


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


# --- PAX --------------------------------------------------------------------------------------------------------------

REPORT = {
    "FROM": "Apollo", "TO": "Atlas", "STATUS": "BLOCKED", "DELIVERABLES": "a.md (3, not 4); b.md",
    "BLOCKERS": "none", "NEXT": "ask Ines",
}  # fmt: skip
BLOCK = "\n".join(f"{key}: {value}" for key, value in REPORT.items())
PAX_COLUMNS = ("agent_name", "recipient", "status", "deliverables", "blockers", "next_action")
PAX_EXPECTED = ("Apollo", "Atlas", "BLOCKED", ["a.md (3, not 4)", "b.md"], [], "ask Ines")


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        "PAX/1.0\n" + BLOCK,
        "PAX/1.0\nFROM: Apollo\nTO: Atlas\nTYPE: REPORT\nREF: 7\n---\n" + BLOCK.split("\n", 2)[2],
        BLOCK.replace("a.md (3, not 4); b.md", "\n  - a.md (3, not 4)\n  - b.md"),
        "**FROM:** Apollo\n**TO:** Atlas\n" + BLOCK.split("\n", 2)[2],
        json.dumps(REPORT),
        json.dumps(
            {key.lower(): value for key, value in REPORT.items()} | {"deliverables": ["a.md (3, not 4)", "b.md"]}
        ),
        "[Apollo→Atlas] | status: BLOCKED | deliverables: a.md (3, not 4); b.md | blockers: none | next: ask Ines",
        json.dumps([REPORT]),
        json.dumps([REPORT], indent=2),
        "sender,recipient,status,output_path,blockers,next_action\nApollo,Atlas,blocked,a.md (3\\, not 4); b.md,none,ask Ines".replace(
            "a.md (3\\, not 4); b.md", '"a.md (3, not 4); b.md"'
        ),
        "PAX:v1 | FROM:Apollo | TO:Atlas | STATUS:blocked | OUTPUT:a.md (3, not 4); b.md | BLOCKERS:none | NEXT:ask Ines",
        "[Apollo→Atlas] ✗ blk:none | file:a.md (3, not 4); b.md | next:ask Ines",
        "[Apollo -> Atlas] ✗ | status: ✗ | output: a.md (3, not 4); b.md | blockers: - | next: ask Ines",
    ],
)
def test_a_report_says_the_same_in_every_grammar(tmp_path: Path, text: str) -> None:
    for data in (text, text.replace("\n", "\r\n") + "\r\n", "\ufeff" + text):
        rows = load(pax, tmp_path, data)
        assert pax.sniff(data.removeprefix("\ufeff").encode())
        assert reports(rows, *PAX_COLUMNS) == [PAX_EXPECTED]
        [message] = rows["agent_messages"]
        assert (message["sender"], message["recipient"], message["kind"]) == ("Apollo", "Atlas", "pax")


@pytest.mark.parametrize(
    ("line", "status", "detail", "rest"),
    [
        ("launch facts ✓ | eta:5m", "COMPLETE", "launch facts", {"eta": "5m"}),
        ("? which price | file:a.md", "NEEDS_DECISION", "which price", None),
        ("task:brief | status:✓ | see:https://a.b/c", "COMPLETE", None, {"task": "brief", "see": "https://a.b/c"}),
        ("position closed | pnl:+$42.10", None, "position closed", {"pnl": "+$42.10"}),
        ("a?b ~x | k:v", None, "a?b ~x", {"k": "v"}),
    ],
)
def test_marks_of_the_published_legend_are_the_status_where_they_stand_alone(
    line: str, status: str | None, detail: str | None, rest: dict[str, str] | None, tmp_path: Path
) -> None:
    [row] = load(pax, tmp_path, f"[ATL→PRO] {line}\n")["status_reports"]
    assert (row["status"], row["detail"], row["attributes"] and json.loads(row["attributes"])) == (status, detail, rest)


@pytest.mark.parametrize("rule", ["\n---\n", "\n\n", "\n===\n\n", "\n"])
def test_reports_are_parted_by_rules_blank_lines_or_the_next_sender(tmp_path: Path, rule: str) -> None:
    rows = load(pax, tmp_path, rule.join([BLOCK, BLOCK.replace("Apollo", "Hermes"), BLOCK]))
    assert [row["agent_name"] for row in rows["status_reports"]] == ["Apollo", "Hermes", "Apollo"]
    assert [row["payload"] for row in rows["agent_messages"]] == [BLOCK, BLOCK.replace("Apollo", "Hermes"), BLOCK]


def test_the_published_rows_are_read_as_json_reads_them(samples: Path) -> None:
    path = samples / "blog_schema" / "pax_hf_dataset_rows.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    rows, account = gather(pax, path)
    assert account.accepted == len(records) == 8
    assert reports(rows, *PAX_COLUMNS[:3], "next_action", "deliverables") == [
        (r["sender"], r["recipient"], r["status"].upper(), r["next_action"], [r["output_path"]]) for r in records
    ]
    assert [json.loads(row["attributes"]) for row in rows["status_reports"]] == [
        {"task_id": r["task_id"], "context": r["context"]} for r in records
    ]


def test_the_bundled_reports_are_all_there_in_both_writings() -> None:
    files = sorted((WAVE_14 / "pax").iterdir())
    senders: Counter[str] = Counter()
    for path in files:
        rows, _ = gather(pax, path)
        senders.update(row["sender"] for row in rows["agent_messages"])
        assert_places_hold(path.read_bytes(), rows)
    text = "\n".join(path.read_text() for path in files)
    by_hand = re.findall(r'^(?:FROM: |.*"FROM":")(\w+)', text, re.MULTILINE)
    assert senders == Counter(by_hand) and len(by_hand) > 40


def test_a_report_that_does_not_say_who_it_is_from_is_rejected(tmp_path: Path) -> None:
    rows = load(pax, tmp_path, BLOCK + "\n\nTO: Atlas\nSTATUS: COMPLETE\n\nhello\n")
    assert [row["source_line"] for row in rows["rejects"]] == [8, 11]


def test_a_letter_is_no_report() -> None:
    assert not pax.sniff(b"From: ann@example.org\nTo: bob@example.org\nSubject: lunch\n\nStatus: hungry")
    assert not pax.sniff(b"# Notes\n\nFROM: a\nTO: b\nSTATUS: c\n")


# --- free-form markdown -----------------------------------------------------------------------------------------------

LOG = """---
agent: Apollo
date: 2026-04-14
tags: [a, b]
---
Before any heading.

# Day

## Wave 14: three drafts (14:23 UTC)

**Status:** COMPLETE (all saved)

```text
# no heading
```

> ## quoted, no heading

### 14:30 Report
Text with a separator below
---
### Nothing said when
"""


def test_headings_in_fences_and_quotes_make_no_section_and_times_are_never_guessed(tmp_path: Path) -> None:
    rows = load(markdown, tmp_path, LOG)
    found = [(row["heading_path"], row["level"], row["time"], row["status"]) for row in rows["sections"]]
    wave = "Wave 14: three drafts (14:23 UTC)"
    assert found == [
        ([], 0, None, None),
        (["Day"], 1, None, None),
        (["Day", wave], 2, datetime(2026, 4, 14, 14, 23), "COMPLETE"),
        (["Day", wave, "14:30 Report"], 3, datetime(2026, 4, 14, 14, 30), None),
        (["Day", wave, "Nothing said when"], 3, None, None),
    ]
    [document] = rows["documents"]
    assert (document["agent_name"], document["date"], document["kind"]) == ("Apollo", date(2026, 4, 14), "daily_log")
    assert json.loads(document["front_matter"])["tags"] == ["a", "b"]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_section_is_the_lines_it_names(tmp_path: Path, ending: str, bom: str) -> None:
    data = (bom + LOG.replace("\n", ending)).encode()
    lines = data.split(b"\n")
    rows = load(markdown, tmp_path, data)
    assert len(rows["sections"]) == 5
    for row in rows["sections"]:
        first, last = row["source_line"], row["source_end_line"]
        piece = data[row["source_offset"] : row["source_offset"] + row["source_length"]]
        assert piece == b"\n".join(lines[first - 1 : last]).removesuffix(b"\r").removeprefix(b"\xef\xbb\xbf")


def headings_by_hand(text: str) -> int:
    """Count headings with a few rules and no library: `#` lines outside fences."""
    count, fence = 0, ""
    for line in text.splitlines():
        mark = re.match(r" {0,3}(`{3,}|~{3,})", line)
        if fence:
            fence = "" if mark and mark[1].startswith(fence) and not line.strip(" `~") else fence
        elif mark:
            fence = mark[1]
        else:
            count += re.match(r" {0,3}#{1,6}(\s|$)", line) is not None
    return count


def test_every_heading_of_the_real_workspace_is_a_section(samples: Path) -> None:
    files = sorted((samples / "openclaw_workspace").rglob("*.md")) + sorted((WAVE_14 / "sessions").rglob("*.md"))
    assert len(files) > 40
    for path in files:
        rows, account = gather(markdown, path)
        assert_account_balances(account, rows)
        assert_places_hold(path.read_bytes(), rows)
        assert sum(row["level"] > 0 for row in rows["sections"]) == headings_by_hand(path.read_text()), path


def test_daily_logs_know_their_day_and_their_agent_where_they_say_so(samples: Path) -> None:
    folder = samples / "openclaw_workspace" / "lobsterops"
    found = {
        path.name: (row["kind"], row["agent_name"], row["date"])
        for path in sorted(folder.rglob("*.md"))
        for row in gather(markdown, path)[0]["documents"]
    }
    assert found["SOUL.md"] == ("identity", "Ralph", None)
    assert found["MEMORY.md"] == ("memory", "Ralph", None)
    assert found["HEARTBEAT.md"][0] == "heartbeat"
    assert found["IDENTITY.md"] == ("identity", None, None)
    assert found["2026-02-16.md"] == ("daily_log", None, date(2026, 2, 16))
    rows, _ = gather(markdown, WAVE_14 / "sessions" / "apollo" / "2026-04-14.md")
    assert [(row["agent_name"], row["date"]) for row in rows["documents"]] == [("Apollo", date(2026, 4, 14))]


@pytest.mark.parametrize(
    "front",
    [
        "key: [",
        "a: &x [1,1]\nb: *x",
        "- only\n- a list",
        "\t",
        "a: " + "[" * 3000,
        "? {a: b}\n: c",
        "a: 2026-99-99",
        "a: !!python/name:os.system",
    ],
)
def test_bad_front_matter_is_noted_and_not_fatal(tmp_path: Path, front: str) -> None:
    rows = load(markdown, tmp_path, f"---\n{front}\n---\n# Title\n\ntext\n")
    assert [row["title"] for row in rows["documents"]] == ["Title"]


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n# install\nset -e\n",
        "# config\nname: x\n# more\nport: 1\n",
        "# Copyright\nimport os\n",
        "plain text\n",
        "",
        "{}",
        "a\0# b\n",
    ],
)
def test_programs_and_plain_text_are_no_markdown(text: str) -> None:
    assert not markdown.sniff(text.encode())


# --- SpecStory --------------------------------------------------------------------------------------------------------

HEAD = (
    "<!-- Generated by SpecStory, Markdown v2.1.0 -->\n\n# 2026-02-25 15:40:14Z\n\n"
    "<!-- Claude Code Session 59fbed7f-fff1-4c90-93b8-3a788ced1cbb (2026-02-25 15:40:14Z) -->\n\n"
)
THOUGHT = "<think><details><summary>Thought Process</summary>\nhm\n</details></think>"
TURN = re.compile(r"^_\*\*(User|Agent|Assistant)\b.*\*\*_$", re.MULTILINE)


def turn(speaker: str, when: str, text: str) -> str:
    return f"_**{speaker} ({when})**_\n\n{text}\n\n"


def tool(name: str, output: str) -> str:
    return (
        f'<tool-use data-tool-type="shell" data-tool-name="{name}"><details>\n'
        f"<summary>Tool use: **{name}** `ls`</summary>\n"
        f"```\n{output}\n```\n</details></tool-use>"
    )


OLDER = (
    HEAD.replace("2026-02-25 15:40:14Z", "2026-02-20 09:00:00Z")
    + turn("User", "2026-02-20 09:00:00Z", "old question")
    + turn("Agent", "m 2026-02-20 09:00:01Z", tool("Bash", "a\n```\nb"))
)


def test_turns_and_tool_calls_equal_a_plain_count_on_every_real_file(samples: Path) -> None:
    """In these files no marker at the beginning of a line is quoted, which was checked by hand."""
    for path in sorted((samples / "specstory").glob("*.md")):
        text = path.read_text()
        rows, account = gather(specstory, path)
        assert_account_balances(account, rows)
        assert_places_hold(path.read_bytes(), rows)
        turns = TURN.findall(text)
        briefs = len(re.findall(r"^_\*\*Agent - sidechain \([\d :Z-]+\)\*\*_$", text, re.MULTILINE))
        tools = re.findall(r'^<tool-use data-tool-type="(?:\w*)" data-tool-name="(\w*)"', text, re.MULTILINE)
        operations = Counter(row["operation_name"] for row in rows["spans"])
        assert account.records == len(turns) + 1
        assert operations["chat"] == len(turns) - turns.count("User") - briefs, path
        assert Counter(row["tool_name"] for row in rows["spans"] if row["tool_name"]) == Counter(tools), path
        assert all(row["input_tokens"] is None and row["end_time"] is None for row in rows["spans"])


@pytest.mark.parametrize(
    "quoted",
    [OLDER, OLDER[: OLDER.rindex("</details>")], "```\n" + OLDER + "\n```", OLDER.replace("```\nb", "~~~~")],
    ids=["whole", "cut off", "in a fence", "other fence"],
)
def test_a_session_quoted_in_tool_output_makes_no_turns(tmp_path: Path, quoted: str) -> None:
    text = (
        HEAD + turn("User", "2026-02-25 15:40:14Z", "show the old session") + "---\n\n"
        + turn("Agent", "m 2026-02-25 15:40:20Z", tool("Bash", quoted))
        + turn("Agent", "m 2026-02-25 15:40:30Z", "Done.")
    )  # fmt: skip
    rows = load(specstory, tmp_path, text)
    spoken = [
        (row["name"], row["start_time"].second) for row in rows["spans"] if row["operation_name"] != "execute_tool"
    ]
    assert spoken == [("Claude Code session", 14), ("chat m", 20), ("chat m", 30)]
    assert [row["tool_name"] for row in rows["spans"] if row["tool_name"]] == ["Bash"]
    assert "old question" in next(row["tool_call_result"] for row in rows["spans"] if row["tool_name"])


def test_a_session_pasted_by_the_user_makes_no_turns(tmp_path: Path) -> None:
    text = (
        HEAD
        + turn("User", "2026-02-25 15:40:14Z", "like this:\n\n" + OLDER)
        + turn("Agent", "m 2026-02-25 15:40:20Z", "I see.")
    )
    rows = load(specstory, tmp_path, text)
    assert [row["name"] for row in rows["spans"]] == ["Claude Code session", "chat m"]


def test_a_model_call_holds_what_was_said_and_what_came_back(tmp_path: Path) -> None:
    text = (
        HEAD + turn("User", "2026-02-25 15:40:14Z", "count files\n\n---")
        + turn("Agent", "m 2026-02-25 15:40:20Z", THOUGHT)
        + turn("Agent", "m 2026-02-25 15:40:20Z", "I look.\n\n" + tool("Bash", "Exit code 1\nno"))
        + turn("Agent", "m 2026-02-25 15:40:21Z", "3.")
    )  # fmt: skip
    rows = load(specstory, tmp_path, text)
    parts = {row["message_hash"]: [part["type"] for part in json.loads(row["parts"])] for row in rows["messages"]}
    chats = [row["span_id"] for row in rows["spans"] if row["operation_name"] == "chat"]
    seen = [
        (chats.index(row["span_id"]), row["direction"], parts[row["message_hash"]]) for row in rows["span_messages"]
    ]
    assert seen == [
        (0, "input", ["text"]), (0, "output", ["reasoning"]), (1, "output", ["text", "tool_call"]),
        (2, "input", ["tool_call_response"]), (2, "output", ["text"]),
    ]  # fmt: skip
    [call] = [row for row in rows["spans"] if row["tool_name"]]
    assert (call["tool_call_arguments"], call["tool_call_result"], call["status_code"]) == (
        "`ls`",
        "Exit code 1\nno",
        "ERROR",
    )
    assert call["parent_span_id"] == chats[1]


def test_two_snapshots_of_one_session_are_the_longer_one(samples: Path) -> None:
    files = sorted((samples / "specstory").glob("Claude_Code__2026-06-29*"))
    shorter, longer = ({row["span_id"] for row in gather(specstory, path)[0]["spans"]} for path in files)
    assert shorter < longer
    with read(*files, progress=False) as lens:
        assert lens.sql("SELECT count(*) FROM spans").fetchall() == [(len(longer),)]


# --- aider ------------------------------------------------------------------------------------------------------------

CHAT = """> left over from a session before  

# aider chat started at 2024-08-05 19:33:02

> Aider v0.47.2-dev  
> Main model: sonnet with diff edit format  

#### add a spinner  
#### and a test  

Certainly!

#### A heading of the answer
```
> quoted
```

> Tokens: 5,244 sent, 604 received. Cost: $0.02 request, $0.02 session.  
> Commit fd43cd4 feat: x  

#### /diff  
> nothing  

#### again  

Sure.

> Tokens: 3.5k sent, 1.2k cache write, 604 received.
Cost: $0.05 message, $0.07 session.  
"""


def test_an_aider_answer_costs_what_its_line_says_and_rounded_counts_are_intervals(tmp_path: Path) -> None:
    rows = load(aider, tmp_path, CHAT)
    columns = ("name", "input_tokens", "output_tokens", "reported_cost_usd", "end_time", "attributes")
    assert [tuple(row[column] for column in columns) for row in rows["spans"] if row["operation_name"] == "chat"] == [
        ("chat sonnet", 5244, 604, 0.02, None, '{"tokens":"5,244 sent, 604 received"}'),
        ("chat sonnet", None, None, 0.05, None, '{"tokens":"3.5k sent, 1.2k cache write, 604 received",'
         '"input_tokens_between":[3450,3550],"output_tokens_between":[604,604]}'),
    ]  # fmt: skip
    assert [row["attributes"] for row in rows["spans"] if row["name"] == "aider session"] == [
        None,
        '{"session_cost_usd":"0.07"}',
    ]
    assert [row["heading_path"] for row in rows["sections"]] == [
        [], ["aider chat started at 2024-08-05 19:33:02"],
        *(["aider chat started at 2024-08-05 19:33:02", prompt] for prompt in ("add a spinner", "/diff", "again")),
    ]  # fmt: skip


def test_every_session_and_every_line_of_tokens_of_the_real_history_is_there(samples: Path) -> None:
    path = samples / "aider" / "aider_chat-history.md"
    text = path.read_text()
    rows, account = gather(aider, path)
    assert_account_balances(account, rows)
    assert_places_hold(path.read_bytes(), rows)
    sessions = len(re.findall(r"^# aider chat started at ", text, re.MULTILINE))
    told = r"^> Tokens: ([\d,]+) sent(?:, ([\d,]+) cache write)?(?:, ([\d,]+) cache hit)?, ([\d,]+) received\b"
    counts = [[int(n.replace(",", "") or 0) for n in line] for line in re.findall(told, text, re.MULTILINE)]
    spans = [row for row in rows["spans"] if row["operation_name"] == "chat"]
    assert len(rows["documents"]) == sessions + 1 == 1134
    assert sum(row["attributes"] is not None for row in spans) == text.count("\n> Tokens: ")
    assert sum(row["input_tokens"] or 0 for row in spans) == sum(
        sent + written + hit if written + hit > sent else sent for sent, written, hit, _ in counts
    )
    assert sum(row["output_tokens"] or 0 for row in spans) == sum(got for *_, got in counts)


# --- every loader -----------------------------------------------------------------------------------------------------

HOSTILE = "<script>alert(1)</script>'; DROP TABLE spans;-- \x1b[31m =cmd|' /C calc'!A0 \u202e {{7*7}} ../../etc/passwd"
UGLY = {
    "empty": b"",
    "blank": b"\n \r\n\t\n",
    "garbage": bytes(range(256)) * 40,
    "ten megabytes in a line": b"# " + b"x" * 10_000_000,
    "ten megabytes of JSON": b'{"timestamp":1,"agent":"' + b"x" * 10_000_000 + b'","action":"a"}',
    "NaN": b'{"timestamp":NaN,"agent":"a","action":"b","tokens":{"prompt":Infinity}}\n',
    "128 bit": b'{"timestamp":100927429609276267646756448943279827607,"agent":1,"action":2,"from":3,"status":5}\n',
    "wrong types": b'{"timestamp":{},"agent":[],"action":{"a":1},"tokens":"x","status":[],"from":{},"to":[1]}\n'
    b'[1]\n"x"\n7\nnull\n',
    "hostile": (
        f"Wave 1 | 2026-01-01 00:00:00\n{HOSTILE}: COMPLETE ({HOSTILE})\n# {HOSTILE}\n"
        f"FROM: {HOSTILE}\nSTATUS: {HOSTILE}\n"
    ).encode(),
    "surrogates": b'{"timestamp":1,"agent":"\\ud800","action":"\\udfff","input":"\\ud83d","output":"\xff\xfe"}\n',
    "deep": b'{"timestamp":1,"agent":' + b"[" * 100_000 + b"\n" + b"> " * 50_000 + b"# x\n" + b"- " * 50_000,
    "torn": b'{"timestamp":1,"agent":"a","action":"b"}\n{"timestamp":2,"agent":"a","ac',
    "specstory torn": (HEAD + turn("User", "2026-02-25 15:40:14Z", tool("Bash", "x"))[:-30]).encode(),
    "specstory without header": b"_**Agent (m 2026-02-25 15:40:20Z)**_\n\nhello",
    "tools never closed": HEAD.encode() + b'\n_**Agent**_\n\n<tool-use data-tool-type="x" data-tool-name="y"\n' * 500,
}


@pytest.mark.parametrize("loader", LOADERS, ids=lambda loader: loader.__name__.rpartition(".")[2])
@pytest.mark.parametrize("name", UGLY)
def test_bad_input_ends_in_rows_and_the_accounts_balance(tmp_path: Path, loader: ModuleType, name: str) -> None:
    begun = time.monotonic()
    loader.sniff(UGLY[name][:65536])
    load(loader, tmp_path, UGLY[name])
    assert time.monotonic() - begun < 20


SEEDS = [
    CHAT,
    BEAT,
    BLOCK,
    json.dumps(REPORT),
    LOG,
    HEAD + OLDER,
    '{"timestamp":1,"agent":"a","action":"b","input":{"x":"y"},"output":[1]}',
]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=12)), max_size=8))
@settings(max_examples=150)
def test_whatever_is_spoilt_the_accounts_balance_and_places_hold(
    tmp_path: Path, seed: str, spoilt: list[tuple[int, bytes]]
) -> None:
    data = (seed + "\n" + seed).encode()
    for position, piece in spoilt:
        at = position % len(data)
        data = data[:at] + piece + data[at + len(piece) // 2 :]
    for loader in LOADERS:
        loader.sniff(data)
        load(loader, tmp_path, data)


# Files that lie in a folder of samples and are of another format than their folder, with the reason.
EXCEPTIONS = {
    "pax_hf_dataset_rows.jsonl": "pax",  # PAX rows beside skills in markdown
    "BOOT.md": None,  # a text without any heading
}
MINE = {"aider": "aider", "specstory": "specstory", "openclaw_workspace": "markdown", "blog_schema": "markdown"}


def test_exactly_one_of_all_sniffers_claims_each_of_these_files(samples: Path) -> None:
    loaders = all_loaders()
    files = [
        (path, MINE[folder]) for folder in MINE for path in sorted((samples / folder).rglob("*")) if path.is_file()
    ]
    bundled = {"heartbeats": "heartbeat", "pax": "pax", "sessions": "markdown", "agents": "json_lines"}
    files += [
        (path, name)
        for folder, name in bundled.items()
        for path in sorted((WAVE_14 / folder).rglob("*"))
        if path.is_file()
    ]
    for path, expected in files:
        expected_here = EXCEPTIONS.get(path.name, expected)
        claims = [name for name, loader in loaders.items() if loader.sniff(read_head(path, None))]
        assert claims == ([expected_here] if expected_here else []), path


def test_no_text_loader_claims_a_file_of_another_format(samples: Path) -> None:
    foreign = [
        path for path in sorted(samples.rglob("*")) if path.is_file() and path.relative_to(samples).parts[0] not in MINE
    ]
    assert len(foreign) > 100
    for path in (path for path in foreign if path.name not in ("README.md", "spotter_README.md")):  # markdown indeed
        head = read_head(path, "gzip" if path.read_bytes()[:2] == b"\x1f\x8b" else None)
        claims = [loader.__name__ for loader in LOADERS if loader.sniff(head)]
        assert not claims, path


def test_a_mixed_folder_is_read_whole_compressed_or_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(BEAT)
    (tmp_path / "b").write_text(BLOCK)
    (tmp_path / "c.gz").write_bytes(gzip.compress(LOG.encode()))
    (tmp_path / "d.txt").write_text(HEAD + turn("User", "2026-02-25 15:40:14Z", "hi"))
    with read(tmp_path, progress=False) as lens:
        assert lens.sql("SELECT format, accepted FROM sources ORDER BY 1").fetchall() == [
            ("heartbeat", 2), ("markdown", 5), ("pax", 1), ("specstory", 2),
        ]  # fmt: skip


def test_today_is_utc() -> None:
    assert parse_date("on 2026-04-14, at noon") == datetime(2026, 4, 14, tzinfo=UTC).date()
