"""The ways in which other tools count tokens wrongly, one log each, with the right answer derived by hand."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from lens_builder import agent, call, read_steps

import agentlens as al
from agentlens import Lens

DAY = "2026-04-14T10:{minute:02}:{second:02}.000Z"
Json = dict[str, Any]


def at(seconds: int) -> str:
    return DAY.format(minute=seconds // 60, second=seconds % 60)


def write(path: Path, lines: list[Json]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def total(lens: Lens) -> tuple[int, int]:
    query = "SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT FROM usage_ledger WHERE is_counted"
    return lens.sql(query).fetchall()[0]


def roles(lens: Lens) -> list[tuple[str, int]]:
    return lens.sql("SELECT role, count(*) FROM usage_ledger GROUP BY 1 ORDER BY 1").fetchall()


# --- Claude Code: every content block repeats the usage; sessions are copied; sub-agents live beside --------------------


def answer(
    message: str, seconds: int, output: int, session: str = "s1", request: str | None = "r", **more: Any
) -> Json:
    """One line of an answer; each costs 10 + 100 cached + 40 written = 150 input tokens."""
    usage = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 40, "output_tokens": output}  # fmt: skip
    block = {"type": "text", "text": f"{message} {output}"}
    line: Json = {
        "type": "assistant", "sessionId": session, "uuid": f"{session}-{message}-{output}", "parentUuid": None,
        "timestamp": at(seconds), "version": "2.1.39", "isSidechain": False,
        "message": {"id": message, "model": "claude-sonnet-4-5", "role": "assistant", "content": [block], "usage": usage},
    }  # fmt: skip
    return line | ({"requestId": request} if request else {}) | more


def asked(seconds: int, session: str = "s1", **more: Any) -> Json:
    return {
        "type": "user", "sessionId": session, "uuid": f"{session}-u{seconds}", "parentUuid": None, "version": "2.1.39",
        "timestamp": at(seconds), "isSidechain": False, "message": {"role": "user", "content": "go on"}, **more,
    }  # fmt: skip


def test_lines_of_one_answer_are_one_call_with_its_last_output(tmp_path: Path) -> None:
    """Three lines of m1 (1, 7, 90 output tokens) and one of m2: 2 x 150 input, 90 + 5 output."""
    session = [asked(0), answer("m1", 1, 1), answer("m1", 2, 7), answer("m1", 3, 90), asked(4), answer("m2", 5, 5)]
    with al.read(write(tmp_path / "s1.jsonl", session), progress=False) as lens:
        assert total(lens) == (300, 95)


def test_answers_through_a_gateway_have_no_request_id_and_count_once(tmp_path: Path) -> None:
    session = [asked(0), answer("m1", 1, 1, request=None), answer("m1", 2, 90, request=None)]
    with al.read(write(tmp_path / "s1.jsonl", session), progress=False) as lens:
        assert total(lens) == (150, 90)


def test_a_resumed_session_replays_what_its_parent_has(tmp_path: Path) -> None:
    """The fork holds m1 again under its own session id, and one answer more: 3 calls in all, not 4."""
    write(tmp_path / "s1.jsonl", [asked(0), answer("m1", 1, 90), asked(4), answer("m2", 5, 5)])
    write(tmp_path / "s2.jsonl", [asked(0, "s2"), answer("m1", 1, 90, "s2"), asked(9, "s2"), answer("m3", 10, 6, "s2")])
    with al.read(tmp_path, progress=False) as lens:
        assert total(lens) == (450, 101)


def test_sub_agents_count_and_their_copies_in_the_parent_do_not(tmp_path: Path) -> None:
    """The parent spent m1, its sub-agent a1 and a2; the sidechain line of a1 in the parent is a copy: 3 calls."""
    side = {"isSidechain": True, "agentId": "abc1234"}
    write(tmp_path / "s1.jsonl", [asked(0), answer("m1", 1, 90), answer("a1", 2, 7, **side)])
    helper = [asked(1, **side), answer("a1", 2, 7, **side), answer("a2", 3, 8, **side)]
    write(tmp_path / "s1" / "subagents" / "agent-abc1234.jsonl", helper)
    with al.read(tmp_path, progress=False) as lens:
        assert total(lens) == (450, 105)


# --- Codex: counters are re-emitted, and a child replays its parent's ----------------------------------------------------


def counter(seconds: int, given: int, output: int, last: tuple[int, int]) -> Json:
    def usage(i: int, o: int) -> Json:
        return {"input_tokens": i, "cached_input_tokens": 0, "output_tokens": o, "reasoning_output_tokens": 0, "total_tokens": i + o}  # fmt: skip

    info = {"total_token_usage": usage(given, output), "last_token_usage": usage(*last), "model_context_window": 272000}
    return {"timestamp": at(seconds), "type": "event_msg", "payload": {"type": "token_count", "info": info}}


def rollout(session: str, events: list[Json], **meta: Any) -> list[Json]:
    about = {"id": session, "timestamp": at(0), "cwd": "/w", "originator": "codex", "cli_version": "0.104.0", **meta}
    turn = {"turn_id": f"{session}-t", "model": "gpt-5.2-codex"}
    return [
        {"timestamp": at(0), "type": "session_meta", "payload": about},
        {"timestamp": at(0), "type": "event_msg", "payload": {"type": "task_started", "turn_id": f"{session}-t"}},
        {"timestamp": at(0), "type": "turn_context", "payload": turn},
        *events,
    ]


PARENT = [counter(1, 100, 10, (100, 10)), counter(2, 100, 10, (100, 10)), counter(3, 350, 30, (250, 20))]


def test_a_counter_that_did_not_move_is_no_call(tmp_path: Path) -> None:
    """100 + 250 input tokens; the sum of `last_token_usage` would be 450."""
    with al.read(write(tmp_path / "rollout-p.jsonl", rollout("p", PARENT)), progress=False) as lens:
        assert total(lens) == (350, 30)


def test_a_forked_rollout_replays_its_parents_counters(tmp_path: Path) -> None:
    """The child repeats 350/30 with new times and goes on to 500/45: 500 in all, not 850."""
    write(tmp_path / "rollout-p.jsonl", rollout("p", PARENT))
    own = {"timestamp": at(31), "type": "event_msg", "payload": {"type": "task_started", "turn_id": "c-t2"}}
    replay = [{**event, "timestamp": at(30)} for event in PARENT]
    child = rollout("c", [*replay, own, counter(32, 500, 45, (150, 15))], forked_from_id="p")
    write(tmp_path / "rollout-c.jsonl", child)
    with al.read(tmp_path, progress=False) as lens:
        assert total(lens) == (500, 45)


# --- Spans: rollups of rollups; two meanings of input tokens in one archive ----------------------------------------------


def test_totals_of_totals_at_any_depth_leave_the_calls(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 100, input_tokens=600, output_tokens=60),
        agent("mid", "lead", 1, 90, input_tokens=600, output_tokens=60),
        agent("low", "mid", 2, 80, input_tokens=600, output_tokens=60),
        *(call(f"c{n}", "low", 3 + n, input_tokens=200, output_tokens=20) for n in range(3)),
    ]
    lens = read_steps(tmp_path, steps)
    assert total(lens) == (600, 60)
    assert roles(lens) == [("leaf", 3), ("rollup", 3)]


def test_both_meanings_of_input_tokens_in_one_archive_give_one_total(tmp_path: Path) -> None:
    """Anthropic's spans leave the cache out (10 + 900 + 90 = 1000), OpenAI's hold it (1000, 400 of it cached)."""
    steps = [
        call("a", None, 0, provider="anthropic", model="claude-sonnet-4-5", input_tokens=10, cache_read=900, cache_write=90, output_tokens=1),
        call("b", None, 1, provider="openai", model="gpt-4.1", input_tokens=1000, cache_read=400, output_tokens=1),
    ]  # fmt: skip
    assert total(read_steps(tmp_path, steps)) == (2000, 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_duplicated_and_renamed_files_in_any_order_change_no_total(seed: int, tmp_path: Path) -> None:
    """All traps of this page in one folder, then each file under further names, read in another order."""
    logs = {
        "s1": [asked(0), answer("m1", 1, 1), answer("m1", 3, 90), asked(4), answer("m2", 5, 5)],
        "s2": [asked(0, "s2"), answer("m1", 1, 90, "s2"), asked(9, "s2"), answer("m3", 10, 6, "s2")],
        "p": rollout("p", PARENT),
    }
    random_ = random.Random(seed)
    for name in random_.sample(sorted(logs), len(logs)):
        for _ in range(random_.randint(1, 3)):
            write(tmp_path / f"{random_.random()}-{name}.jsonl", logs[name])
    with al.read(tmp_path, progress=False) as lens:
        assert total(lens) == (3 * 150 + 350, 90 + 5 + 6 + 30)
