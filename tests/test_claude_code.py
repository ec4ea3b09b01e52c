"""Claude Code sessions made by hand: calls in many lines, sub-agents, compactions, copies and damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from claude_code_counts import ask, lens_totals

import agentlens as al


class Script:
    """Writes a session as Claude Code would: a second passes with every line."""

    def __init__(self, session: str = "s1", **common: Any) -> None:
        self.lines: list[dict[str, Any]] = []
        self.common = {"sessionId": session, "isSidechain": False, "version": "2.1.39", "cwd": "/work", **common}
        self.parent: str | None = None

    def add(self, kind: str, **fields: Any) -> str:
        number = len(self.lines) + 1
        uuid = f"u{number}" if "agentId" not in self.common else f"{self.common['agentId']}-u{number}"
        time = f"2026-02-12T16:00:{number:02}.000Z"
        line = {"type": kind, "uuid": uuid, "parentUuid": self.parent, "timestamp": time, **self.common, **fields}
        self.lines.append(line)
        self.parent = line["uuid"]
        return str(line["uuid"])

    def user(self, text: str, **fields: Any) -> str:
        return self.add("user", message={"role": "user", "content": text}, **fields)

    def say(self, call: str, *content: dict[str, Any], output: int = 5, **fields: Any) -> str:
        usage = {"input_tokens": 3, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 100}
        message = {"id": f"msg_{call}", "role": "assistant", "model": "claude-opus-4-6", "content": list(content)}
        message["usage"] = {**usage, "output_tokens": output}
        return self.add("assistant", message=message, requestId=f"req_{call}", **fields)

    def use(self, call: str, tool: str, name: str = "Bash", **arguments: Any) -> str:
        return self.say(call, {"type": "tool_use", "id": tool, "name": name, "input": arguments})

    def answer(self, tool: str, content: Any = "done", told: Any = None, **fields: Any) -> str:
        block = {"type": "tool_result", "tool_use_id": tool, "content": content, **fields}
        return self.add("user", message={"role": "user", "content": [block]}, toolUseResult=told)

    def write(self, path: Path) -> Path:
        path.write_text("".join(json.dumps(line) + "\n" for line in self.lines), encoding="utf-8")
        return path


def text(content: str) -> dict[str, str]:
    return {"type": "text", "text": content}


def read_script(script: Script, path: Path) -> al.Lens:
    return al.read(script.write(path), progress=False)


def test_lines_of_one_call_become_one_span_with_the_fullest_usage(tmp_path: Path) -> None:
    script = Script()
    script.user("hello")
    script.say("a", {"type": "thinking", "thinking": "hm", "signature": "x"}, output=1)
    script.say("a", text("on it"), output=90)
    script.use("a", "t1", command="ls")
    with read_script(script, tmp_path / "s.jsonl") as lens:
        columns = "span_id, usage_key, input_tokens, output_tokens, cache_read_input_tokens, cache_write_input_tokens"
        assert ask(lens, f"SELECT {columns} FROM spans WHERE operation_name = 'chat'") == [
            ("msg_a:req_a", "msg_a:req_a", 123, 90, 100, 20)
        ]
        said = ask(
            lens,
            "SELECT parts->>'$[0].type' FROM span_messages JOIN messages USING (message_hash) "
            "WHERE direction = 'output' ORDER BY position",
        )
        assert said == [("reasoning",), ("text",), ("tool_call",)]
        times = (
            "SELECT strftime(start_time, '%S'), strftime(end_time, '%S') FROM spans WHERE operation_name = $operation"
        )
        assert ask(lens, times, operation="chat") == [("01", "04")]
        assert ask(lens, times, operation="execute_tool") == [("04", None)]


def test_a_tool_is_ok_in_error_or_unset_as_the_log_says(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    for tool in ("good", "bad", "silent"):
        script.use(tool, tool)
    script.answer("good", is_error=False)
    script.answer("bad", [text("Exit code 1"), text("x" * 900)], is_error=True)
    script.answer("silent")
    with read_script(script, tmp_path / "s.jsonl") as lens:
        rows = ask(lens, "SELECT span_id, status_code, left(status_message, 11), length(status_message), right(status_message, 2) FROM spans "
                         "WHERE operation_name = 'execute_tool' ORDER BY start_time")  # fmt: skip
    assert rows == [
        ("good", "OK", None, None, None),
        ("bad", "ERROR", "Exit code 1", 500, "x…"),
        ("silent", "UNSET", None, None, None),
    ]


def test_synthetic_messages_count_nothing_and_failed_calls_are_errors(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    overloaded = '529 {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    script.add(
        "system", subtype="api_error", level="error", error={"status": 529, "error": {"type": "overloaded_error"}}
    )
    message = {
        "id": "m1",
        "role": "assistant",
        "model": "<synthetic>",
        "usage": {"input_tokens": 7, "output_tokens": 7},
    }
    script.add("assistant", isApiErrorMessage=True, message={**message, "content": [text(f"API Error: {overloaded}")]})
    script.user("again")
    script.add("assistant", message={**message, "id": "m2", "content": [text("No response requested.")]})
    with read_script(script, tmp_path / "s.jsonl") as lens:
        assert lens_totals(lens) == (0, 0, 0, 0)
        chats = "SELECT status_code, error_type, response_model FROM spans WHERE operation_name = 'chat'"
        assert ask(lens, chats) == [("ERROR", "overloaded_error", None)] * 2
        assert ask(lens, "SELECT name FROM span_events") == [("synthetic message",)]


def test_an_attempt_begins_when_the_failed_one_before_it_is_over(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    for number in range(3):
        message = {"id": f"m{number}", "role": "assistant", "model": "<synthetic>", "content": [text("API Error: 429")]}
        script.add("assistant", isApiErrorMessage=True, message=message)
    with read_script(script, tmp_path / "s.jsonl") as lens:
        times = ask(lens, "SELECT start_time, end_time FROM spans WHERE operation_name = 'chat' ORDER BY end_time")
        assert len(times) == 3 and [start for start, _ in times[1:]] == [end for _, end in times[:-1]]


def test_inline_sidechains_are_sub_agents_of_the_call_with_their_prompt(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    script.use("a", "t1", "Task", subagent_type="Explore", prompt="look north")
    script.use("a", "t2", "Task", subagent_type="Plan", prompt="look south")
    south = script.user("look south", isSidechain=True, parentUuid=None)
    north = script.user("look north", isSidechain=True, parentUuid=None)
    south = script.say("south", text("water"), isSidechain=True, parentUuid=south)
    script.say("north", text("ice"), isSidechain=True, parentUuid=north)
    script.say("south2", text("more water"), isSidechain=True, parentUuid=south)
    script.answer("t1")
    script.answer("t2")
    with read_script(script, tmp_path / "s.jsonl") as lens:
        rows = ask(lens, "SELECT depth, name, agent_name FROM spans ORDER BY preorder")
        ((missing,),) = ask(lens, "SELECT known_missing FROM sources")
    assert rows == [
        (0, "session", "main"),
        (1, "turn 1", "main"),
        (2, "chat claude-opus-4-6", "main"),
        (2, "execute_tool Task", "main"),
        (3, "invoke_agent Explore", "Explore"),
        (4, "chat claude-opus-4-6", "Explore"),
        (2, "execute_tool Task", "main"),
        (3, "invoke_agent Plan", "Plan"),
        (4, "chat claude-opus-4-6", "Plan"),
        (4, "chat claude-opus-4-6", "Plan"),
    ]
    assert missing == []


def test_a_running_sub_agent_is_linked_by_its_progress_lines(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    script.use("a", "t1", "Agent", subagent_type="Explore", prompt="look")
    progress = {"type": "agent_progress", "agentId": "a77", "message": {"message": {"usage": {"output_tokens": 10**6}}}}
    script.add("progress", parentToolUseID="t1", data=progress)
    script.add("progress", parentToolUseID="t1", data=progress)
    child = Script(agentId="a77", isSidechain=True)
    child.user("look")
    child.say("c", text("seen"))
    child.write(tmp_path / "agent-a77.jsonl")
    with al.read(script.write(tmp_path / "s.jsonl"), tmp_path / "agent-a77.jsonl", progress=False) as lens:
        rows = ask(lens, "SELECT depth, agent_name, output_tokens FROM spans WHERE agent_id = 'a77' ORDER BY preorder")
        assert rows == [(3, "Explore", None), (4, "Explore", 5)]
        accounts = ask(lens, "SELECT accepted, skipped_reasons::VARCHAR FROM sources ORDER BY path DESC")
    assert accounts == [(3, '{"line type progress":1}'), (2, "{}")]


def test_a_compaction_begins_the_context_anew_and_a_rewind_drops_the_other_branch(tmp_path: Path) -> None:
    script = Script()
    script.user("first")
    kept = script.say("a", text("one"))
    script.user("wrong way")
    script.say("b", text("lost"))
    script.user("right way", parentUuid=kept)
    script.say("c", text("two"))
    script.add("system", subtype="compact_boundary", parentUuid=None, compactMetadata={"trigger": "auto"})
    script.user("summary of all", isCompactSummary=True, isVisibleInTranscriptOnly=True)
    script.say("d", text("three"))
    query = """
        SELECT list(parts->>'$[0].content' ORDER BY position) FROM span_messages JOIN messages USING (message_hash)
        WHERE direction = 'input' AND span_id = $call GROUP BY ALL"""
    with read_script(script, tmp_path / "s.jsonl") as lens:
        shown = {call: ask(lens, query, call=f"msg_{call}:req_{call}")[0][0] for call in "abcd"}
        assert ask(lens, "SELECT count(*) FROM spans WHERE name LIKE 'turn %'") == [(3,)]
    assert shown == {
        "a": ["first"],
        "b": ["first", "one", "wrong way"],
        "c": ["first", "one", "right way"],
        "d": ["summary of all"],
    }


def test_copies_count_once_in_one_file_in_two_files_and_in_a_fork(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    script.say("a", text("yes"), output=70)
    script.use("b", "t1")
    script.answer("t1")
    script.write(tmp_path / "first.jsonl")
    script.lines += script.lines
    script.write(tmp_path / "doubled.jsonl")
    fork = Script("s2")
    fork.lines = [{**line, "sessionId": "s2"} for line in script.lines[:4]]
    fork.write(tmp_path / "fork.jsonl")
    counted = "SELECT count(*), sum(output_tokens)::BIGINT FROM usage_ledger WHERE is_counted"
    with al.read(tmp_path / "doubled.jsonl", progress=False) as lens:
        assert ask(lens, counted) == [(2, 75)]
        account = "SELECT records, accepted, skipped, skipped_reasons::VARCHAR FROM sources"
        assert ask(lens, account) == [(8, 4, 4, '{"copy of an earlier line (same uuid)":4}')]
    with al.read(tmp_path, progress=False) as lens:
        assert ask(lens, counted) == [(2, 75)]
        assert ask(lens, "SELECT count(*), count(DISTINCT trace_id) FROM spans WHERE operation_name = 'chat'") == [
            (4, 2)
        ]
        assert ask(lens, "SELECT count(*) FROM span_messages WHERE direction = 'output' AND trace_id = 's1'") == [(2,)]


def test_what_is_no_line_becomes_a_reject_and_the_rest_is_read(tmp_path: Path) -> None:
    script = Script()
    script.user("go")
    script.say("a", text("yes"))
    good = script.write(tmp_path / "s.jsonl").read_bytes()
    bad = [
        b'"a bare string"',
        b"42",
        b"[1]",
        b'{"silly":1}',
        b"{torn",
        b"[" * 5000,
        b'{"type":"user","message":"x"}',
        b'{"type":"user","message":{"content":7}}',
        b'{"type":[],"uuid":{}}',
    ]
    odd = [
        b'{"type":"user","uuid":[],"sessionId":3,"timestamp":1e400,"message":{"content":[null,7,{"type":"tool_result"}]}}',
        b'{"type":"assistant","message":{"id":9,"usage":{"input_tokens":-1,"output_tokens":1e9},"content":[]}}',
        b'{"type":"assistant","message":{"usage":{"output_tokens":340282366920938463463374607431768211456},"content":""}}',
        b'{"type":"system","timestamp":"9999-12-31T00:00:00Z"}',
        b'{"type":"wizard"}',
        b'{"type":"user","uuid":"lone","message":{"content":"cut \\ud83d"}}',
        b'{"type":"user","message":{"content":"\xff"}}',
    ]
    torn = good.split(b"\n")[1][:100]
    (tmp_path / "s.jsonl").write_bytes(good + b"\n".join(bad + odd) + b"\n\n\r\n" + torn)
    with al.read(tmp_path / "s.jsonl", progress=False) as lens:
        ((records, accepted, rejected, skipped, reasons),) = ask(
            lens, "SELECT records, accepted, rejected, skipped, skipped_reasons::VARCHAR FROM sources"
        )
        assert lens_totals(lens) == (123, 100, 20, 5)
        raws = [raw for (raw,) in ask(lens, "SELECT raw FROM rejects ORDER BY source_line")]
        assert ask(lens, "SELECT count(*) FROM messages WHERE parts->>'$[0].content' = 'cut \ufffd'") == [(1,)]
    assert (records, accepted, rejected, skipped) == (len(bad) + len(odd) + 3, len(odd) - 1 + 2, len(bad) + 1, 1)
    assert reasons == '{"line type wizard":1}'
    assert [raw.encode() for raw in raws] == [line[:4096] for line in [*bad, torn]]


def test_hostile_text_arrives_as_it_was_written(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>'; DROP TABLE spans; --\x1b[31m=cmd|' /C calc'!A0 ../../etc/passwd \u202e"
    script = Script(evil)
    script.user(evil)
    script.use("a", evil, evil, command=evil)
    script.answer(evil, evil, is_error=True)
    script.add("attachment", attachment=evil)
    with read_script(script, tmp_path / "s.jsonl") as lens:
        columns = "trace_id, tool_name, tool_call_id, tool_call_result, status_message"
        rows = ask(
            lens, f"SELECT {columns}, tool_call_arguments->>'command' FROM spans WHERE operation_name = 'execute_tool'"
        )
    assert rows == [(evil,) * 6]


def test_stream_json_gives_a_session_with_its_reported_total(tmp_path: Path) -> None:
    task = {"type": "tool_use", "id": "t1", "name": "Task", "input": {"subagent_type": "Explore", "prompt": "look"}}
    usage = {"input_tokens": 3, "output_tokens": 8, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    message = {"role": "assistant", "model": "claude-haiku-4-5", "usage": usage}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
    total = {"total_cost_usd": 0.25, "usage": {**usage, "input_tokens": 6, "output_tokens": 16}}
    lines: list[dict[str, Any]] = [
        {"type": "system", "subtype": "init", "model": "claude-haiku-4-5", "cwd": "/", "tools": []},
        {"type": "assistant", "message": {**message, "id": "m1", "content": [task]}},
        {"type": "user", "parent_tool_use_id": "t1", "message": {"role": "user", "content": [text("look")]}},
        {"type": "assistant", "parent_tool_use_id": "t1", "message": {**message, "id": "m2", "content": [text("x")]}},
        {"type": "user", "message": {"role": "user", "content": [answer]}},
        {"type": "result", "subtype": "success", "is_error": False, **total},
    ]
    lines = [{"session_id": "s9", **line} for line in lines]
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, lines)))
    with al.read(tmp_path / "out.jsonl", progress=False) as lens:
        rows = ask(
            lens, "SELECT depth, name, input_tokens, usage_scope, reported_cost_usd FROM spans ORDER BY preorder"
        )
        assert ask(lens, "SELECT sum(input_tokens)::BIGINT FROM usage_ledger WHERE is_counted") == [(6,)]
    assert rows == [
        (0, "session", 6, "rollup", 0.25),
        (1, "chat claude-haiku-4-5", 3, "self", None),
        (1, "execute_tool Task", None, None, None),
        (2, "invoke_agent Explore", None, None, None),
        (3, "chat claude-haiku-4-5", 3, "self", None),
    ]
