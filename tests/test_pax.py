"""PAX reports: the same report in every grammar."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from text_evidence import WAVE_14, assert_places_hold, gather, load, reports
from text_logs import BLOCK, REPORT

from agentlens.loaders import pax

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
