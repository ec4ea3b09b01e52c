"""Sessions of pi and OpenClaw, held against what plain `json` finds in the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
from coding_agent_logs import PI_HEADER, pi_said
from session_evidence import SHOWN, count, counted, lines, names, one, read, rows, write

PI = ("pi_before-compaction", "pi_large-session")


@pytest.mark.parametrize("name", PI)
def test_pi_counts_each_answer_with_cached_input_added_and_the_cost_it_reports(name: str, samples: Path) -> None:
    path = samples / "pi_openclaw" / f"{name}.jsonl"
    usages = [line["message"]["usage"] for line in lines(path) if line.get("message", {}).get("role") == "assistant"]
    lens = read(path)
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens") == (
        sum(usage["input"] + usage["cacheRead"] + usage["cacheWrite"] for usage in usages),
        sum(usage["output"] for usage in usages),
        sum(usage["cacheRead"] for usage in usages),
        sum(usage["cacheWrite"] for usage in usages),
    )
    cost = one(lens, "SELECT sum(reported_cost_usd) FROM usage_ledger WHERE is_counted")
    assert cost == pytest.approx(sum(usage["cost"]["total"] for usage in usages))


@pytest.mark.parametrize("name", PI)
def test_pi_has_a_span_for_each_answer_each_tool_call_and_each_user_text(name: str, samples: Path) -> None:
    path = samples / "pi_openclaw" / f"{name}.jsonl"
    messages = [line["message"] for line in lines(path) if line["type"] == "message"]
    assistant = [message for message in messages if message["role"] == "assistant"]
    calls = [block for message in assistant for block in message["content"] if block["type"] == "toolCall"]
    lens = read(path)
    assert count(lens, "chat") == len(assistant)
    assert count(lens, "execute_tool") == len(calls) + sum(message["role"] == "bashExecution" for message in messages)
    assert len(names(lens, "name LIKE 'turn %'")) == sum(message["role"] == "user" for message in messages)
    failed = sum(message.get("isError") is True for message in messages)
    is_of_model = "json_extract_string(attributes, '$.run_by') IS NULL"
    assert (
        one(lens, f"SELECT count(*) FROM spans WHERE tool_name IS NOT NULL AND status_code = 'ERROR' AND {is_of_model}")
        == failed
    )
    stopped = sum(message["stopReason"] in ("error", "aborted") for message in assistant)
    assert one(lens, "SELECT count(*) FROM spans WHERE operation_name = 'chat' AND status_code = 'ERROR'") == stopped
    aborted = sum(message["stopReason"] == "aborted" for message in assistant)
    assert one(lens, "SELECT count(*) FROM spans WHERE is_control_flow") == aborted


def test_pi_context_is_the_path_to_an_answer_not_the_order_of_lines(tmp_path: Path) -> None:
    log = [
        PI_HEADER, pi_said("a", None, "user", "one"), pi_said("b", "a", "assistant", "two"),
        pi_said("c", "b", "user", "three"), pi_said("d", "a", "user", "other"), pi_said("e", "d", "assistant", "five"),
    ]  # fmt: skip
    assert one(read(write(tmp_path / "x", *log)), SHOWN, span="call:e") == ["one", "other"]


def test_pi_compaction_keeps_the_summary_and_what_follows_the_first_entry_kept(tmp_path: Path) -> None:
    compaction = {
        "type": "compaction",
        "id": "c",
        "parentId": "b",
        "timestamp": "2026-01-01T00:00:00Z",
        "summary": "so far",
        "firstKeptEntryId": "b",
    }
    log = [
        PI_HEADER, pi_said("a", None, "user", "one"), pi_said("b", "a", "user", "two"), compaction,
        pi_said("d", "c", "user", "three"), pi_said("e", "d", "assistant", "four"),
    ]  # fmt: skip
    assert one(read(write(tmp_path / "x", *log)), SHOWN, span="call:e") == ["so far", "two", "three"]


def test_pi_branch_into_a_new_file_counts_the_copied_answers_once(samples: Path, tmp_path: Path) -> None:
    whole = lines(samples / "pi_openclaw/pi_large-session.jsonl")
    branch = [whole[0] | {"id": "branch", "branchedFrom": "x"}, *whole[1:200]]
    write(tmp_path / "a.jsonl", *whole)
    write(tmp_path / "b.jsonl", *branch)
    assert counted(read(tmp_path)) == counted(read(tmp_path / "a.jsonl"))


def test_openclaw_folder_names_the_agent(tmp_path: Path) -> None:
    folder = tmp_path / "agents" / "apollo" / "sessions"
    folder.mkdir(parents=True)
    path = write(folder / "x.jsonl", PI_HEADER, pi_said("a", None, "user", "one"))
    assert rows(read(path), "SELECT DISTINCT agent_name FROM spans") == [("apollo",)]
