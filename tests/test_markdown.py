"""Free-form markdown: its sections, their days and agents where they say so, and no more."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from pathlib import Path

import pytest
from text_evidence import WAVE_14, assert_account_balances, assert_places_hold, gather, load
from text_logs import LOG

from agentlens.loaders import markdown


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
    ("folder", "title", "agent"),
    [
        ("plate_reader", "PlateReader session 2026-04-14", "PlateReader"),
        ("first-pass", "first_pass Session, 2026-04-14", "first_pass"),
        ("notes", "Morning session 2026-04-14", None),
        ("planning", "Planning for 2026-04-14", None),
    ],
)
def test_a_session_is_of_the_agent_that_its_title_and_its_folder_name(
    tmp_path: Path, folder: str, title: str, agent: str | None
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "2026-04-14.md").write_text(f"# {title}\n\n## 09:10 Start\n\n**Status:** DONE\n")
    rows, _ = gather(markdown, tmp_path / folder / "2026-04-14.md")
    assert [row["agent_name"] for row in rows["documents"]] == [agent]


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
