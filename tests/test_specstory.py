"""SpecStory sessions, held against a plain count of their turns and tool calls."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from text_evidence import assert_account_balances, assert_places_hold, gather, load
from text_logs import HEAD, OLDER, tool, turn

from agentlens import read
from agentlens.loaders import specstory

THOUGHT = "<think><details><summary>Thought Process</summary>\nhm\n</details></think>"
TURN = re.compile(r"^_\*\*(User|Agent|Assistant)\b.*\*\*_$", re.MULTILINE)


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
