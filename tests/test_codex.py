"""Rollouts of Codex, held against what plain `json` finds in the same files."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from coding_agent_logs import CHILD, CODEX, META, answered, called, rollout, said, started, token_count
from session_evidence import SHOWN, account, count, counted, lines, names, one, read, rows, write

from agentlens import detect


def items(path: Path, kind: str = "response_item") -> list[dict[str, Any]]:
    return [line["payload"] for line in lines(path) if line["type"] == kind]


def totals(path: Path) -> list[dict[str, int]]:
    """Return the running totals of a rollout, each value once."""
    found: list[dict[str, int]] = []
    for event in items(path, "event_msg"):
        if event["type"] == "token_count" and event["info"] and event["info"]["total_token_usage"] not in found[-1:]:
            found.append(event["info"]["total_token_usage"])
    return found


@pytest.mark.parametrize("name", CODEX)
def test_codex_calls_add_up_to_the_final_running_total(name: str, samples: Path) -> None:
    path = samples / "codex/localpush" / f"{name}.jsonl"
    lens, final = read(path), totals(path)[-1]
    assert counted(lens, "input_tokens", "cache_read_input_tokens", "output_tokens", "reasoning_output_tokens") == (
        final["input_tokens"],
        final["cached_input_tokens"],
        final["output_tokens"],
        final["reasoning_output_tokens"],
    )
    assert one(lens, "SELECT count(*) FROM usage_ledger WHERE is_counted") == len(totals(path))


@pytest.mark.parametrize("name", CODEX)
def test_codex_has_a_span_for_each_tool_call_each_call_and_each_turn(name: str, samples: Path) -> None:
    path = samples / "codex/localpush" / f"{name}.jsonl"
    lens, said = read(path), items(path)
    calls = [item for item in said if item["type"] in ("function_call", "custom_tool_call", "web_search_call")]
    answers = [item for item in said if item["type"].endswith("_call_output")]
    turns = [event for event in items(path, "event_msg") if event["type"] == "task_started"]
    assert count(lens, "execute_tool") == len(calls)
    assert one(lens, "SELECT count(*) FROM spans WHERE tool_call_result IS NOT NULL") == len(answers)
    assert one(lens, "SELECT count(*) FROM spans WHERE name LIKE 'turn %'") == len(turns)
    # A last call whose count was never written has no usage.
    assert count(lens, "chat") - len(totals(path)) in (0, 1)
    assert one(lens, "SELECT count(*) FROM spans WHERE operation_name = 'chat' AND input_tokens IS NULL") <= 1


@pytest.mark.parametrize("name", CODEX)
def test_codex_messages_are_the_items_of_the_conversation(name: str, samples: Path) -> None:
    path = samples / "codex/localpush" / f"{name}.jsonl"
    distinct = {items(path, "session_meta")[0]["base_instructions"]["text"]}
    for item in items(path):
        kept = {key: item.get(key) for key in ("role", "content", "call_id", "name", "arguments", "input", "output")}
        kept["role"] = "system" if kept["role"] == "developer" else kept["role"]
        if item["type"] == "reasoning":
            kept = {"reasoning": "\n".join(part["text"] for part in item["summary"])}
            if not item["summary"]:
                continue  # encrypted
        distinct.add(json.dumps(kept | {"is_call": item["type"].endswith("_call")}, sort_keys=True))
    assert one(read(path), "SELECT count(*) FROM messages") == len(distinct)


def test_codex_input_of_a_call_is_the_conversation_so_far(samples: Path) -> None:
    """Every call was shown what the call before was shown, what it said, and what was said in return."""
    path = samples / "codex/localpush" / f"{CODEX[1]}.jsonl"
    lens = read(path)
    shown: dict[str, list[str]] = {}
    said: dict[str, list[str]] = {}
    query = """
        SELECT m.span_id, direction, list(message_hash ORDER BY position)
        FROM span_messages AS m JOIN spans USING (trace_id, span_id)
        WHERE operation_name = 'chat' GROUP BY ALL ORDER BY any_value(preorder)"""
    for span_id, direction, hashes in rows(lens, query):
        {"input": shown, "output": said}.get(direction, {})[span_id] = hashes
    calls = list(shown)
    assert len(calls) == len(totals(path))
    for before, after in pairwise(calls):
        assert shown[after][: len(shown[before]) + len(said[before])] == shown[before] + said[before]


PARENT = rollout(
    ("session_meta", META), started("019a0000-0001"), said("user", "go"),
    called("call_1", "spawn_agent", {"message": "count"}), token_count(100, 10),
    answered("call_1", json.dumps({"agent_id": CHILD["id"], "nickname": "Euler"})),
    said("assistant", "done"), token_count(250, 30), token_count(250, 30),
)  # fmt: skip


def test_codex_sub_agent_hangs_under_the_call_that_spawned_it(tmp_path: Path) -> None:
    child = rollout(
        ("session_meta", CHILD),
        started("019b0000-0001"),
        said("user", "count"),
        said("assistant", "3"),
        token_count(7, 2),
    )
    write(tmp_path / "a.jsonl", *PARENT)
    write(tmp_path / "b.jsonl", *child)
    lens = read(tmp_path)
    assert names(lens) == [
        "session",
        " turn 1",
        "  chat",
        "  execute_tool spawn_agent",
        "   invoke_agent Euler",
        "    turn 1",
        "     chat",
        "  chat",
    ]
    assert rows(lens, "SELECT DISTINCT agent_name FROM spans WHERE input_tokens = 7") == [("Euler",)]
    assert counted(lens, "input_tokens", "output_tokens") == (257, 32)


def test_codex_sub_agent_without_the_spawning_call_hangs_under_its_parent_thread(tmp_path: Path) -> None:
    child = rollout(("session_meta", CHILD), started("019b0000-0001"), said("assistant", "3"), token_count(7, 2))
    write(tmp_path / "a.jsonl", *PARENT[:3])
    write(tmp_path / "b.jsonl", *child)
    assert " invoke_agent Euler" in names(read(tmp_path))
    assert one(read(tmp_path / "b.jsonl"), "SELECT is_orphan FROM spans WHERE depth = 0")


@pytest.mark.parametrize("is_subagent", [False, True])
def test_codex_fork_counts_only_its_own_work_but_knows_what_was_said_before(is_subagent: bool, tmp_path: Path) -> None:
    own = (
        CHILD | {"forked_from_id": META["id"]}
        if is_subagent
        else {"id": CHILD["id"], "cwd": "/", "forked_from_id": META["id"]}
    )
    replay = [(line["type"], line["payload"]) for line in PARENT]
    fork = rollout(
        ("session_meta", own), *replay, started("019b0000-0001"), said("user", "more"), said("assistant", "ok"),
        token_count(400, 45), start=5,
    )  # fmt: skip
    write(tmp_path / "a.jsonl", *PARENT)
    path = write(tmp_path / "b.jsonl", *fork)
    lens = read(path)
    assert counted(lens, "input_tokens", "output_tokens") == (150, 15)
    assert account(lens) == [(14, 5, 0, 9)]
    assert count(lens, "execute_tool") == 0
    assert one(lens, "SELECT count(*) FROM span_messages WHERE direction = 'input' AND span_id LIKE '%:call:%'") == 5
    assert counted(read(tmp_path), "input_tokens", "output_tokens") == (400, 45)


def test_codex_sub_agent_whose_counter_begins_at_the_parents_total_counts_its_last_usage(tmp_path: Path) -> None:
    child = rollout(
        ("session_meta", CHILD), started("019b0000-0001"), said("assistant", "a"), token_count(250_009, 31, (9, 1)),
        said("user", "b"), said("assistant", "c"), token_count(250_029, 36, (20, 5)),
    )  # fmt: skip
    assert counted(read(write(tmp_path / "b", *child)), "input_tokens", "output_tokens") == (29, 6)


def test_codex_replay_that_is_not_marked_counts_once_by_its_running_total(tmp_path: Path) -> None:
    """Turns without ids do not tell where the fork's own work begins; its totals are the parent's, and count once."""
    plain = [line for line in PARENT if line["payload"].get("type") != "task_started"]
    own = {"id": "f", "cwd": "/", "forked_from_id": META["id"]}
    fork = rollout(("session_meta", own), started("z"), *[(line["type"], line["payload"]) for line in plain[1:]])
    write(tmp_path / "a.jsonl", *plain)
    write(tmp_path / "b.jsonl", *fork)
    assert counted(read(tmp_path), "input_tokens", "output_tokens") == (250, 30)


def test_codex_total_that_shrinks_falls_back_to_the_last_usage(tmp_path: Path) -> None:
    log = rollout(
        ("session_meta", META),
        said("assistant", "a"),
        token_count(100, 10),
        said("assistant", "b"),
        token_count(40, 5, (30, 4)),
    )
    assert counted(read(write(tmp_path / "x", *log)), "input_tokens", "output_tokens") == (130, 14)


@pytest.mark.parametrize(
    ("output", "status", "kind"),
    [
        ("Exit code: 2\nWall time: 1s\nOutput:\nno such file", "ERROR", "exit code 2"),
        ("Chunk ID: x\nProcess exited with code 0\nOutput:\nExit code: 7", "OK", None),
        ('{"output":"x","metadata":{"exit_code":1,"duration_seconds":0.1}}', "ERROR", "exit code 1"),
        ({"content": "no", "success": False}, "ERROR", None),
        ("all is well", "UNSET", None),
    ],
)
def test_codex_tool_fails_by_its_exit_code(output: Any, status: str, kind: str | None, tmp_path: Path) -> None:
    log = rollout(("session_meta", META), called("c", "shell", {"command": ["ls"]}), answered("c", output))
    lens = read(write(tmp_path / "x", *log))
    assert rows(lens, "SELECT status_code, error_type FROM spans WHERE tool_name = 'shell'") == [(status, kind)]


@pytest.mark.parametrize(
    "frame",
    [
        lambda said, code, took: json.dumps(
            {"output": said, "metadata": {"exit_code": code, "duration_seconds": took}}
        ),
        lambda said, code, took: f"Exit code: {code}\nWall time: {took} seconds\nOutput:\n{said}",
        lambda said, code, took: (
            f"Chunk ID: 1{took}\nWall time: {took} seconds\nProcess exited with code {code}\nOutput:\n{said}"
        ),
    ],
)
def test_how_long_a_codex_command_took_hides_no_loop_and_its_frame_is_no_message(frame: Any, tmp_path: Path) -> None:
    grep = {"command": "grep -rn old_client src"}
    turns = [("session_meta", META), called("g", "shell", grep), answered("g", frame("", 1, 0.5))]
    turns += [called("f", "shell", {"command": "make"}), answered("f", frame("no rule to make target", 2, 0.5))]
    for number in range(4):
        turns += [called(f"c{number}", "shell", {"command": "wc -l ships.csv"})]
        turns += [answered(f"c{number}", frame("912 ships.csv", 0, number / 7))]
    lens = read(write(tmp_path / "x", *rollout(*turns)))
    detect(lens, ["tool_loop"])
    assert rows(lens, "SELECT detector, tier FROM findings") == [("tool_loop", "proven")]
    assert rows(lens, "SELECT message FROM errors") == [("no rule to make target",)]


def test_codex_compaction_begins_the_context_anew(tmp_path: Path) -> None:
    history = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "summary"}]}]
    log = rollout(
        ("session_meta", META), said("user", "a"), said("assistant", "b"), token_count(10, 1),
        ("compacted", {"message": "", "replacement_history": history}), said("user", "c"), said("assistant", "d"),
        token_count(20, 2),
    )  # fmt: skip
    assert one(read(write(tmp_path / "x", *log)), SHOWN, span=f"{META['id']}:call:2") == ["summary", "c"]


def test_codex_old_rollout_of_bare_items_is_read(tmp_path: Path) -> None:
    log = [
        {"id": "019a", "timestamp": "2025-06-01T00:00:00Z", "instructions": "be good", "git": {"branch": "main"}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "call_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]},
    ]
    lens = read(write(tmp_path / "x", *log))
    assert account(lens) == [(6, 5, 0, 1)]
    assert names(lens) == ["session", " chat", " execute_tool shell", " chat"]
