"""What was left behind when a conversation went back, and what was not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import agentlens as al

Json = dict[str, Any]
USAGE = {"input_tokens": 100, "output_tokens": 10}


def at(second: int) -> str:
    return f"2026-01-01T00:00:{second:02}.000Z"


def write(path: Path, lines: list[Json]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def asked(second: int, parent: str | None, session: str = "s", text: str | None = None, **more: Any) -> Json:
    """What a person says; its id is `u` and the second."""
    message = {"role": "user", "content": text or f"question {second}"}
    return {"type": "user", "sessionId": session, "uuid": f"u{second}", "parentUuid": parent, "timestamp": at(second),
            "version": "2.1.39", "isSidechain": False, "message": message, **more}  # fmt: skip


def answered(second: int, parent: str, session: str = "s") -> Json:
    """An answer of 110 tokens; its id is `a` and the second."""
    message = {"id": f"m{second}", "role": "assistant", "model": "claude-sonnet-4-5", "usage": USAGE,
               "content": [{"type": "text", "text": f"answer {second}"}]}  # fmt: skip
    return {"type": "assistant", "sessionId": session, "uuid": f"a{second}", "parentUuid": parent, "requestId": f"r{second}",
            "timestamp": at(second), "version": "2.1.39", "isSidechain": False, "message": message}  # fmt: skip


def branches(*paths: Path) -> list[tuple[Any, ...]]:
    with al.read(*paths, progress=False) as lens:
        query = "SELECT kind, agent_name, calls, tokens, round(cost_usd, 6), strftime(left_time::TIMESTAMP, '%S') FROM abandoned_branches ORDER BY start_time"
        return lens.sql(query).fetchall()


TALK = [asked(0, None), answered(1, "u0"), asked(2, "a1"), answered(3, "u2"), asked(4, "a3"), answered(5, "u4")]


def test_going_back_leaves_the_calls_behind_that_came_after(tmp_path: Path) -> None:
    """Back to the first answer: the calls at 3 and 5 (2 x 110 tokens; 2 x (100 x 3 + 10 x 15) millionths) are left behind."""
    log = write(tmp_path / "s.jsonl", [*TALK, asked(6, "a1"), answered(7, "u6")])
    assert branches(log) == [("went back", "main", 2, 220, 0.0009, "06")]
    with al.read(log, progress=False) as lens:
        query = "SELECT summary, tokens, is_estimated FROM token_waste WHERE kind = 'abandoned branch'"
        assert lens.sql(query).fetchall() == [
            ("2 calls were left behind when the conversation went back to an earlier message.", 220, False)
        ]


def test_going_back_twice_leaves_two_branches(tmp_path: Path) -> None:
    again = [asked(6, "a3"), answered(7, "u6"), asked(8, "a1"), answered(9, "u8")]
    assert branches(write(tmp_path / "s.jsonl", [*TALK, *again])) == [
        ("went back", "main", 2, 220, 0.0009, "08"), ("went back", "main", 1, 110, 0.00045, "06")
    ]  # fmt: skip


def test_a_conversation_that_goes_on_is_compacted_or_begins_anew_leaves_nothing_behind(tmp_path: Path) -> None:
    summary = asked(
        6, "a5", text="This session is being continued from a previous conversation.", isCompactSummary=True
    )
    assert branches(write(tmp_path / "s.jsonl", TALK)) == []
    assert branches(write(tmp_path / "s.jsonl", [*TALK, summary, answered(7, "u6")])) == []
    assert branches(write(tmp_path / "s.jsonl", [*TALK, asked(6, None), answered(7, "u6")])) == []


def test_the_same_words_to_a_model_by_a_program_without_a_tree_are_no_branch(tmp_path: Path) -> None:
    """A worker that is asked one thing after the other with the same beginning goes back nowhere."""
    from lens_builder import call, read_steps

    def said(role: str, text: str) -> Json:
        return {"role": role, "parts": [{"type": "text", "content": text}]}

    steps = [
        call(f"c{n}", None, n, agent="a", conversation="k", inputs=[said("user", "example"), said("user", f"q{n}")],
             outputs=[said("assistant", f"a{n}")], input_tokens=9)
        for n in range(4)
    ]  # fmt: skip
    assert read_steps(tmp_path, steps).sql("FROM abandoned_branches").fetchall() == []


def test_the_rest_of_a_session_is_abandoned_once_a_fork_has_taken_its_place(tmp_path: Path) -> None:
    """The fork takes along the first answer and is gone on with; the calls at 3 and 5 of the first session are left behind."""
    first = write(tmp_path / "s.jsonl", TALK)
    copied = [{**line, "sessionId": "f"} for line in TALK[:2]]
    fork = write(tmp_path / "f.jsonl", [*copied, asked(8, "a1", "f"), answered(9, "u8", "f")])
    assert branches(first, fork) == [("forked", "main", 2, 220, 0.0009, "08")]


def test_a_session_that_goes_on_beside_its_fork_is_not_abandoned(tmp_path: Path) -> None:
    first = write(tmp_path / "s.jsonl", [*TALK, asked(20, "a5"), answered(21, "u20")])
    copied = [{**line, "sessionId": "f"} for line in TALK[:2]]
    fork = write(tmp_path / "f.jsonl", [*copied, asked(8, "a1", "f"), answered(9, "u8", "f")])
    assert branches(first, fork) == []


def entry(name: str, parent: str | None, second: int, role: str) -> Json:
    usage = {"input": 100, "output": 10, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 110}
    more = {"usage": usage, "model": "claude-sonnet-4-5", "provider": "anthropic"} if role == "assistant" else {}
    message = {
        "role": role,
        "content": [{"type": "text", "text": name}],
        "timestamp": 1767225600000 + 1000 * second,
        **more,
    }
    return {"type": "message", "id": name, "parentId": parent, "timestamp": at(second), "message": message}


def test_a_dead_branch_of_a_pi_session_is_found(tmp_path: Path) -> None:
    header = {"type": "session", "id": "p", "cwd": "/", "version": 3, "timestamp": at(0)}
    log = [
        header, entry("u1", None, 1, "user"), entry("a1", "u1", 2, "assistant"), entry("u2", "a1", 3, "user"),
        entry("a2", "u2", 4, "assistant"), entry("u3", "a1", 5, "user"), entry("a3", "u3", 6, "assistant"),
    ]  # fmt: skip
    assert branches(write(tmp_path / "p.jsonl", log)) == [("went back", "pi", 1, 110, 0.00045, "06")]


def test_the_end_of_a_codex_thread_that_was_forked_before_it_is_found(tmp_path: Path) -> None:
    """The parent answers at 2 and 4; the fork takes along the first answer, and goes on at 12."""

    def event(second: int, kind: str, **payload: Any) -> Json:
        return {"timestamp": at(second), "type": kind, "payload": payload}

    def turn(second: int, name: str, total: int) -> list[Json]:
        usage = {"input_tokens": total, "cached_input_tokens": 0, "output_tokens": 10 * (total // 100),
                 "reasoning_output_tokens": 0, "total_tokens": total}  # fmt: skip
        said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"do {name}"}]}
        done = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": f"did {name}"}]}
        return [
            event(second, "event_msg", type="task_started", turn_id=name),
            event(second, "turn_context", turn_id=name, model="gpt-5.2-codex"),
            event(second, "response_item", **said), event(second + 1, "response_item", **done),
            event(second + 1, "event_msg", type="token_count", info={"total_token_usage": usage, "last_token_usage": usage}),
        ]  # fmt: skip

    def meta(name: str, second: int, **more: Any) -> Json:
        return event(
            second,
            "session_meta",
            id=name,
            timestamp=at(second),
            cwd="/w",
            originator="codex",
            cli_version="0.104.0",
            **more,
        )

    parent = write(tmp_path / "rollout-p.jsonl", [meta("p", 0), *turn(1, "one", 100), *turn(3, "two", 200)])
    replay = [{**line, "timestamp": at(10)} for line in turn(1, "one", 100)]
    own = [meta("f", 10, forked_from_id="p"), *replay, *turn(11, "three", 250)]
    assert [row[:4] for row in branches(parent, write(tmp_path / "rollout-f.jsonl", own))] == [
        ("forked", "codex", 1, 110)
    ]
