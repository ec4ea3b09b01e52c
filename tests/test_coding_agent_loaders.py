"""Logs of coding agents, held against what plain `json` finds in the same files."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from session_evidence import (
    account,
    assert_accounts_balance,
    assert_nothing_dangles,
    assert_places_hold,
    count,
    counted,
    evidence,
    lines,
    names,
    one,
    per_file,
    read,
    rows,
    write,
)

import agentlens as al

CODEX = (
    "rollout-2026-02-23T12-40-23-019c8a4c-ed82-79a1-aa28-7738fc5ab61a",
    "rollout-2026-02-23T12-41-04-019c8a4d-8f45-7010-8b5d-7fad920aa6f9",
    "rollout-2026-02-23T12-47-42-019c8a53-a0dd-7130-bcd7-95445d84846a",
    "rollout-2026-02-23T13-19-38-019c8a70-dda7-7f33-98ea-f30553347322",
)
PI = ("pi_before-compaction", "pi_large-session")
SAMPLES = ("codex/**/*.jsonl", "gemini_cli/*", "openhands/*.jsonl", "openhands/sdk/*", "pi_openclaw/*", "swe_agent/*")


@pytest.mark.parametrize("pattern", SAMPLES)
def test_of_every_sample_each_record_is_accounted_for_and_has_its_place(pattern: str, samples: Path) -> None:
    paths = sorted(samples.glob(pattern))
    lens = read(*paths)
    assert len(account(lens)) == len(paths)
    assert_accounts_balance(lens)
    assert_places_hold(lens)
    assert_nothing_dangles(lens)
    assert one(lens, "SELECT count(*) FROM spans WHERE is_orphan OR is_cycle_broken") == 0


# --- Codex ------------------------------------------------------------------------------------------------------------


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


META = {"id": "019a0000-0000-7000-8000-000000000001", "cwd": "/", "cli_version": "0.145.0", "model_provider": "openai"}
CHILD = {
    "id": "019b0000-0000-7000-8000-000000000002", "session_id": META["id"], "cwd": "/", "parent_thread_id": META["id"],
    "thread_source": "subagent", "agent_nickname": "Euler",
    "source": {"subagent": {"thread_spawn": {"parent_thread_id": META["id"], "depth": 1}}},
}  # fmt: skip


def rollout(*payloads: tuple[str, dict[str, Any]], start: int = 0) -> list[dict[str, Any]]:
    return [
        {"timestamp": f"2026-01-01T00:{start:02}:{second:02}Z", "type": kind, "payload": payload}
        for second, (kind, payload) in enumerate(payloads)
    ]


def token_count(inside: int, outside: int, last: tuple[int, int] | None = None) -> tuple[str, dict[str, Any]]:
    total = {"input_tokens": inside, "output_tokens": outside, "total_tokens": inside + outside}
    info = {"total_token_usage": total}
    if last:
        info["last_token_usage"] = {"input_tokens": last[0], "output_tokens": last[1], "total_tokens": sum(last)}
    return "event_msg", {"type": "token_count", "info": info}


def said(role: str, text: str) -> tuple[str, dict[str, Any]]:
    kind = "output_text" if role == "assistant" else "input_text"
    return "response_item", {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def called(call_id: str, name: str, arguments: Any) -> tuple[str, dict[str, Any]]:
    item = {"type": "function_call", "name": name, "arguments": json.dumps(arguments), "call_id": call_id}
    return "response_item", item


def answered(call_id: str, output: Any) -> tuple[str, dict[str, Any]]:
    return "response_item", {"type": "function_call_output", "call_id": call_id, "output": output}


def started(turn_id: str) -> tuple[str, dict[str, Any]]:
    return "event_msg", {"type": "task_started", "turn_id": turn_id}


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


# --- pi ---------------------------------------------------------------------------------------------------------------


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


def pi_entry(entry_id: str, parent: str | None, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "id": entry_id, "parentId": parent, "timestamp": "2026-01-01T00:00:00Z", **fields}


def pi_said(entry_id: str, parent: str | None, role: str, text: str) -> dict[str, Any]:
    content: Any = [{"type": "text", "text": text}]
    return pi_entry(entry_id, parent, message={"role": role, "content": content, "model": "m"})


PI_HEADER = {"type": "session", "version": 3, "id": "s", "timestamp": "2026-01-01T00:00:00Z", "cwd": "/"}
SHOWN = """
    SELECT list(parts->>'$[0].content' ORDER BY position)
    FROM span_messages JOIN messages USING (message_hash) WHERE span_id = $span AND direction = 'input'"""


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


# --- files that grow --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [f"codex/localpush/{CODEX[1]}.jsonl", f"codex/localpush/{CODEX[2]}.jsonl", "pi_openclaw/pi_large-session.jsonl"],
)
@pytest.mark.parametrize("share", [0.01, 0.37, 0.8])
def test_a_log_read_while_it_grows_gives_what_it_gives_when_read_at_the_end(
    name: str, share: float, samples: Path, tmp_path: Path
) -> None:
    data = (samples / name).read_bytes()
    path, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    path.write_bytes(data[: int(len(data) * share)])  # torn in the middle of a line
    al.read(path, into=case, progress=False).close()
    path.write_bytes(data)
    grown = al.read(path, into=case, progress=False)
    at_once = read(path)
    query = "SELECT span_id, direction, position, message_hash FROM span_messages ORDER BY ALL"
    assert rows(grown, query) == rows(at_once, query)
    spans = "SELECT * EXCLUDE (source_id) FROM spans ORDER BY preorder"
    assert rows(grown, spans) == rows(at_once, spans)
    assert account(grown) == account(at_once)


@pytest.mark.parametrize("name", [f"codex/localpush/{CODEX[1]}.jsonl", "pi_openclaw/pi_large-session.jsonl"])
def test_a_compressed_log_gives_what_the_plain_one_gives(name: str, samples: Path, tmp_path: Path) -> None:
    data = (samples / name).read_bytes()
    (tmp_path / "x").write_bytes(data)
    (tmp_path / "y").write_bytes(gzip.compress(data))
    spans = "SELECT * EXCLUDE (source_id) FROM spans ORDER BY preorder"
    assert rows(read(tmp_path / "x"), spans) == rows(read(tmp_path / "y"), spans)


# --- Gemini CLI -------------------------------------------------------------------------------------------------------


def test_gemini_samples_have_a_call_for_each_answer_and_a_span_for_each_tool(samples: Path) -> None:
    paths = sorted(samples.glob("gemini_cli/*.json"))
    logs = [json.loads(path.read_text())["messages"] for path in paths]
    lens = read(*paths)
    figures = "count(*) FILTER (operation_name = 'chat'), count(*) FILTER (operation_name = 'execute_tool')"
    assert account(lens) == [(len(messages),) * 2 + (0, 0) for messages in logs]
    assert per_file(lens, figures) == {
        path.name: (sum(m["type"] == "gemini" for m in messages), sum(len(m.get("toolCalls", [])) for m in messages))
        for path, messages in zip(paths, logs)
    }
    notes = sum(message["type"] in ("info", "error", "warning") for messages in logs for message in messages)
    assert one(lens, "SELECT count(*) FROM span_events") == notes


def test_gemini_output_includes_thoughts_and_a_later_record_replaces_an_earlier(tmp_path: Path) -> None:
    answer = {
        "id": "a",
        "timestamp": "2026-01-01T00:00:02Z",
        "type": "gemini",
        "content": "hm",
        "model": "gemini-2.5-pro",
    }
    tokens = {"input": 100, "output": 20, "cached": 60, "thoughts": 7, "tool": 0, "total": 127}
    tool = {
        "id": "t",
        "name": "ls",
        "args": {},
        "status": "error",
        "result": [{"functionResponse": {"response": {"error": "no"}}}],
    }
    log = [
        {"sessionId": "s", "projectHash": "p", "startTime": "2026-01-01T00:00:00Z", "kind": "main"},
        {"id": "u", "timestamp": "2026-01-01T00:00:01Z", "type": "user", "content": [{"text": "go"}]},
        answer, answer | {"tokens": tokens, "toolCalls": [tool]}, {"$set": {"summary": "x"}}, {"$rewindTo": "u"},
        {"id": "v", "timestamp": "2026-01-01T00:00:03Z", "type": "user", "content": "again"},
        answer | {"id": "b", "tokens": tokens},
    ]  # fmt: skip
    lens = read(write(tmp_path / "x", *log))
    assert account(lens) == [(8, 7, 0, 1)]
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens", "reasoning_output_tokens") == (
        200,
        54,
        120,
        14,
    )
    assert rows(lens, "SELECT status_code, tool_call_result FROM spans WHERE tool_name = 'ls'") == [("ERROR", "no")]
    assert one(lens, SHOWN, span="call:b") == ["again"]


# --- OpenHands --------------------------------------------------------------------------------------------------------


def test_openhands_calls_are_metered_once_by_response_id(samples: Path) -> None:
    runs = lines(samples / "openhands/multi_swe_bench_output.jsonl")
    usages: dict[str, dict[str, int]] = {}
    for run in runs:
        for event in run["history"]:
            if response := (event.get("tool_call_metadata") or {}).get("model_response"):
                usages[response["id"]] = response["usage"]
    lens = read(samples / "openhands/multi_swe_bench_output.jsonl")
    assert counted(lens, "input_tokens", "output_tokens") == (
        sum(usage["prompt_tokens"] for usage in usages.values()),
        sum(usage["completion_tokens"] for usage in usages.values()),
    )
    reported = [run["metrics"]["accumulated_token_usage"]["prompt_tokens"] for run in runs]
    assert sum(reported) == counted(lens, "input_tokens")[0]
    assert sorted(reported) == sorted(n for (n,) in rows(lens, "SELECT input_tokens FROM spans WHERE depth = 0"))
    assert count(lens, "chat") == len(usages)
    assert account(lens)[0][0] == sum(len(run["history"]) for run in runs)


def test_openhands_tool_spans_are_its_actions_with_their_observations(samples: Path) -> None:
    runs = lines(samples / "openhands/multi_swe_bench_output.jsonl")
    events = [event for run in runs for event in run["history"]]
    acted = [event for event in events if event.get("action") not in (None, "message", "system", "finish")]
    seen = [event for event in events if event.get("observation") and "cause" in event]
    failed = [event for event in seen if (event["extras"].get("metadata") or {}).get("exit_code", 0) > 0]
    lens = read(samples / "openhands/multi_swe_bench_output.jsonl")
    assert count(lens, "execute_tool") == len(acted)
    assert one(lens, "SELECT count(*) FROM spans WHERE tool_name IS NOT NULL AND end_time IS NOT NULL") == len(seen)
    assert one(lens, "SELECT count(*) FROM spans WHERE tool_name IS NOT NULL AND status_code = 'ERROR'") == len(failed)
    assert one(lens, "SELECT count(*) FROM spans WHERE depth = 0 AND status_code = 'ERROR'") == sum(
        bool(run["error"]) for run in runs
    )


def test_openhands_response_that_asks_for_two_tools_is_one_call(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": "both"}
    usage = {"prompt_tokens": 8, "completion_tokens": 2}

    def action(number: int, response: str) -> dict[str, Any]:
        answer = {"id": response, "model": "m", "choices": [{"message": message}], "usage": usage}
        called = {"function_name": "bash", "tool_call_id": f"t{number}", "model_response": answer}
        event = {"id": number, "timestamp": f"2026-01-01T00:00:0{number}", "source": "agent", "action": "run"}
        return event | {"args": {"command": "ls"}, "tool_call_metadata": called}

    run = {
        "instance_id": "i",
        "metadata": {"agent_class": "A"},
        "history": [action(1, "r"), action(2, "r"), action(3, "q")],
    }
    lens = read(write(tmp_path / "x", run))
    assert (count(lens, "chat"), count(lens, "execute_tool")) == (2, 3)
    assert counted(lens, "input_tokens", "output_tokens") == (16, 4)
    assert one(lens, SHOWN, span="q") == ["both"]


def test_openhands_older_runs_have_a_call_and_a_tool_span_for_each_action(samples: Path) -> None:
    runs = lines(samples / "openhands/resolver_output.jsonl")
    actions = [event["action"] for run in runs for event in run["history"][1:] if "action" in event]
    lens = read(samples / "openhands/resolver_output.jsonl")
    assert count(lens, "chat") == len(actions)
    assert count(lens, "execute_tool") == len([action for action in actions if action not in ("message", "finish")])
    assert one(lens, "SELECT count(*) FROM spans WHERE start_time IS NOT NULL") == 0
    costs = [
        cost for (cost,) in rows(lens, "SELECT reported_cost_usd FROM spans WHERE depth = 0 ORDER BY source_offset")
    ]
    assert costs == [run["metrics"]["accumulated_cost"] for run in runs]


def test_openhands_sdk_steps_of_the_running_totals_add_up_to_the_last(samples: Path) -> None:
    path = samples / "openhands/sdk/tests__sdk__conversation__goal__fixtures__events.jsonl"
    stats = [line["value"]["usage_to_metrics"] for line in lines(path) if line.get("key") == "stats"][-1]
    last = [metrics["accumulated_token_usage"] for metrics in stats.values()]
    assert counted(read(path), "input_tokens", "output_tokens", "cache_read_input_tokens") == tuple(
        sum(usage[key] for usage in last) for key in ("prompt_tokens", "completion_tokens", "cache_read_tokens")
    )


def test_openhands_events_in_files_of_their_own_are_one_conversation_with_its_last_total(
    samples: Path, tmp_path: Path
) -> None:
    events = lines(samples / "openhands/sdk/tests__sdk__conversation__goal__fixtures__events.jsonl")
    folder = tmp_path / "abc" / "events"
    folder.mkdir(parents=True)
    for number, event in enumerate(events):
        (folder / f"event-{number:05}-{event['id']}.json").write_text(json.dumps(event))
    lens = read(tmp_path)
    assert rows(lens, "SELECT DISTINCT trace_id, root_span_id FROM spans") == [("abc", "conversation:abc")]
    assert counted(lens, "input_tokens") == (107458,)
    assert_accounts_balance(lens)


def test_openhands_llm_logs_are_one_call_each(samples: Path) -> None:
    paths = sorted(samples.glob("openhands/sdk/llm_data*"))
    logs = [json.loads(path.read_text()) for path in paths]
    lens = read(*paths)
    assert counted(lens, "input_tokens", "output_tokens") == tuple(
        sum(log["response"]["usage"][key] for log in logs) for key in ("prompt_tokens", "completion_tokens")
    )
    shown = sum(len(log["messages"]) for log in logs)
    assert one(lens, "SELECT count(*) FROM span_messages WHERE direction <> 'output'") == shown
    seconds = [value for (value,) in rows(lens, "SELECT duration_ns / 1e9 FROM spans ORDER BY start_time")]
    assert seconds == pytest.approx([log["latency_sec"] for log in logs])


# --- SWE-agent --------------------------------------------------------------------------------------------------------


SWE_FIGURES = """
    count(*) FILTER (operation_name = 'chat'), count(*) FILTER (operation_name = 'execute_tool'),
    coalesce(sum(input_tokens), 0)::INT, coalesce(sum(output_tokens), 0)::INT, count(start_time) + count(end_time)"""


def test_swe_agent_has_a_call_for_each_answer_a_tool_for_each_step_and_only_the_runs_totals(samples: Path) -> None:
    paths = sorted(samples.glob("swe_agent/*.traj"))
    lens = read(*paths)
    expected, records = {}, []
    for path in paths:
        log = json.loads(path.read_text())
        steps, stats = log.get("trajectory", []), log.get("info", {}).get("model_stats", {})
        answers = sum(message["role"] == "assistant" and not message.get("is_demo") for message in log["history"])
        tools = sum(bool(step["action"]) for step in steps) if steps else answers
        expected[path.name] = answers, tools, stats.get("tokens_sent", 0), stats.get("tokens_received", 0), 0
        records.append((len(steps) + len(log["history"]),) * 2 + (0, 0))
    assert per_file(lens, SWE_FIGURES) == expected
    assert account(lens) == records
    assert counted(lens, "input_tokens") == (sum(figures[2] for figures in expected.values()),)


def test_swe_agent_shows_a_call_the_conversation_so_far_demonstrations_included(samples: Path) -> None:
    path = next(samples.glob("swe_agent/gpt4__swe-bench*"))
    history = json.loads(path.read_text())["history"]
    sent = one(read(path), "SELECT max(position) + 1 FROM span_messages WHERE direction = 'input'")
    assert sent == max(i for i, message in enumerate(history) if message["role"] == "assistant") - 1  # without system


def test_swe_agent_demonstration_is_shown_but_is_no_step(tmp_path: Path) -> None:
    demo = {"agent": "main", "is_demo": True}
    history = [
        {"role": "system", "content": "s", "agent": "main"}, {"role": "user", "content": "like this"} | demo,
        {"role": "assistant", "content": "shown"} | demo, {"role": "user", "content": "now you", "agent": "main"},
        {"role": "assistant", "content": "done", "agent": "main", "action": "ls"},
    ]  # fmt: skip
    steps = [{"action": "ls", "observation": "a b", "response": "done", "state": "{}", "thought": ""}]
    path = tmp_path / "x.traj"
    path.write_text(json.dumps({"environment": "e", "trajectory": steps, "history": history, "info": {}}))
    lens = read(path)
    assert names(lens) == ["run e", " chat", " execute_tool ls"]
    assert one(lens, SHOWN, span="call:0001") == ["like this", "shown", "now you"]


def test_swe_agent_observation_is_the_result_of_its_step(samples: Path) -> None:
    path = next(samples.glob("swe_agent/gpt4__swe-bench*"))
    steps = json.loads(path.read_text())["trajectory"]
    lens = read(path)
    found = rows(
        lens,
        "SELECT attributes->>'$.action', tool_call_result FROM spans WHERE tool_name IS NOT NULL ORDER BY preorder",
    )
    assert found == [(step["action"], step["observation"]) for step in steps]


def test_mini_swe_agent_calls_carry_the_usage_of_their_responses(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 20}}
    answer = {
        "role": "assistant",
        "content": "```bash\nls\n```",
        "extra": {"response": {"id": "r", "usage": usage}, "timestamp": 1.7e9},
    }
    log = {
        "info": {"exit_status": "LimitsExceeded", "model_stats": {"instance_cost": 0.25, "api_calls": 1}},
        "messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": "u"}, answer,
            {"role": "user", "content": "a b"},
        ],
        "trajectory_format": "mini-swe-agent-1",
    }  # fmt: skip
    path = tmp_path / "x.json"
    path.write_text(json.dumps(log))
    lens = read(path)
    assert names(lens) == ["run run", " chat", " execute_tool bash"]
    assert counted(lens, "input_tokens", "output_tokens", "cache_read_input_tokens") == (50, 5, 20)
    assert rows(lens, "SELECT status_code, error_type FROM spans WHERE depth = 0") == [("ERROR", "LimitsExceeded")]


# --- what is broken, and what is hostile ------------------------------------------------------------------------------

FIRST = {
    "codex": {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": META},
    "pi": PI_HEADER,
    "gemini_cli": {"sessionId": "s", "projectHash": "p"},
    "openhands": {"id": "e", "timestamp": "2026-01-01T00:00:00", "source": "agent", "kind": "ActionEvent"},
}
WRONG = (
    '{"type": 5}', "[1]", '"text"', "nonsense", '{"type": "message"}', '{"type": "response_item", "payload": 7}',
    "[" * 3000,
    '{"type": "event_msg", "payload": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": "x"}}}}',
    '{"type": "message", "message": {"role": "assistant", "content": 5, "usage": {"input": -4, "output": 1e400}}}',
    '{"type": "message", "id": {}, "parentId": 3, "message": {"role": "toolResult", "content": [7]}}',
    '{"type": "response_item", "payload": {"type": "function_call", "call_id": 9, "name": null, "arguments": [NaN]}}',
    '{"kind": "ObservationEvent", "observation": "text", "tool_call_id": {}, "timestamp": [], "source": 5, "id": 1}',
    '{"type": "gemini", "id": "x", "toolCalls": [5, {"result": 7}], "tokens": {"input": 1.5}, "thoughts": "x"}',
    '{"type": "user", "content": {"a": "\\ud800"}, "message": {"role": "user", "content": "\\ud800 <script>"}}',
)  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_wrong_lines_are_rejected_one_by_one_and_never_raise(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("\n".join([json.dumps(FIRST[name]), *WRONG, '{"torn": "in the mid']))
    lens = al.read(path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped
        assert records >= len(WRONG)
        assert rejected >= 4


def shapes(value: Any) -> list[Any]:
    """Return copies of a value with one part replaced by something of another type."""
    found: list[Any] = []
    if isinstance(value, dict):
        for key, part in value.items():
            found += [{**value, key: other} for other in (None, 7, "x", [], {}, [[]], [7], {"a": {}})]
            found += [{**value, key: inner} for inner in shapes(part)[:40]]
    elif isinstance(value, list) and value:
        found += [[other, *value[1:]] for other in (None, 7, "x", [], {})]
        found += [[inner, *value[1:]] for inner in shapes(value[0])[:40]]
    return found


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("swe_agent", "swe_agent/demonstrations__function_calling_simple.traj"),
        (
            "swe_agent",
            "swe_agent/human_thought__swe-bench-HumanEvalFix-python__lcb__t-0.00__p__humanevalfix-python-0.traj",
        ),
        ("gemini_cli", "gemini_cli/agentsview_tool_calls.json"),
        ("openhands", "openhands/sdk/conversations__v1_11_5_cli_default__base_state.json"),
    ],
)
def test_documents_with_parts_of_wrong_types_never_raise(name: str, file: str, samples: Path, tmp_path: Path) -> None:
    value = json.loads((samples / file).read_text())
    for number, shape in enumerate(shapes(value)[::5]):
        (tmp_path / f"{number}.json").write_text(json.dumps(shape))
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


def test_hostile_text_stays_as_it_is(tmp_path: Path) -> None:
    text = "<script>alert(1)</script>'; DROP TABLE spans; -- \x1b[31m =1+1 ../../etc"
    log = rollout(("session_meta", META | {"id": text}), called(text, text, {text: text}), answered(text, text))
    lens = read(write(tmp_path / "x", *log))
    assert rows(lens, "SELECT trace_id, tool_name, tool_call_result FROM spans WHERE tool_name IS NOT NULL") == [
        (text,) * 3
    ]


def test_the_order_of_reading_changes_nothing(samples: Path) -> None:
    paths = sorted(samples.glob("codex/localpush/*.jsonl"))
    assert evidence(read(*paths)) == evidence(read(*reversed(paths)))
