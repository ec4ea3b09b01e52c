"""Chats of aider: what each answer cost, and every session of a history."""

from __future__ import annotations

import re
from pathlib import Path

from text_evidence import assert_account_balances, assert_places_hold, gather, load
from text_logs import CHAT

from agentlens.loaders import aider


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
