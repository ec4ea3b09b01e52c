"""Recoveries of real sessions, counted again from their lines with nothing but the standard library."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lens_builder import ERROR, agent, read_steps, step
from scipy.stats import binomtest

import agentlens as al


class Call(NamedTuple):
    """A tool call as its session tells it; times in milliseconds, `asked` counts what the person had said before it."""

    name: str
    arguments: str
    begin: int
    end: int
    failed: bool
    asked: int


class Session(NamedTuple):
    """What stands in a session file: tool calls by id, and when how many tokens were spent."""

    calls: dict[str, Call]
    spent: list[tuple[int, int]]


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def lines_of(path: Path) -> Iterable[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def read_pi(path: Path) -> Session:
    """Read a session of Pi: usage stands in answers, the moment a call began in the message, the moment it ended beside it."""
    calls: dict[str, Call] = {}
    spent: list[tuple[int, int]] = []
    asked = 0
    for line in lines_of(path):
        message = line.get("message") or {}
        if message.get("role") == "user":
            asked += 1
        elif message.get("role") == "assistant":
            usage = message.get("usage") or {}
            spent.append(
                (message["timestamp"], sum(usage.get(k, 0) for k in ("input", "output", "cacheRead", "cacheWrite")))
            )
            for part in message["content"]:
                if part["type"] == "toolCall":
                    begin = moment(line["timestamp"])
                    calls[part["id"]] = Call(part["name"], json.dumps(part["arguments"]), begin, 0, False, asked)
        elif message.get("role") == "toolResult":
            known = calls[message["toolCallId"]]
            calls[message["toolCallId"]] = known._replace(end=moment(line["timestamp"]), failed=message["isError"])
    return Session(calls, spent)


def read_claude(path: Path) -> Session:
    """Read a session of Claude Code: an answer stands in several lines of one id, its last usage counts, and it begins when it was asked."""
    calls: dict[str, Call] = {}
    usage: dict[str, tuple[int, int]] = {}
    asked = heard = 0
    for line in lines_of(path):
        message, at = line.get("message") or {}, line.get("timestamp")
        parts = message.get("content")
        parts = [{"type": "text", "text": parts}] if isinstance(parts, str) else parts or []
        if line.get("type") == "user":
            heard = moment(at)
            results = [part for part in parts if part["type"] == "tool_result"]
            asked += not results and not line.get("isMeta") and not line.get("isCompactSummary")
            for part in results:
                calls[part["tool_use_id"]] = calls[part["tool_use_id"]]._replace(
                    end=heard, failed=bool(part.get("is_error"))
                )
        elif line.get("type") == "assistant":
            numbers = message["usage"]
            names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
            begin = usage.get(message["id"], (heard, 0))[0]
            usage[message["id"]] = (begin, sum(numbers.get(name) or 0 for name in names))
            for part in parts:
                if part["type"] == "tool_use":
                    calls[part["id"]] = Call(part["name"], json.dumps(part["input"]), moment(at), 0, False, asked)
    return Session(calls, list(usage.values()))


SESSIONS = [
    ("pi_openclaw/pi_large-session.jsonl", read_pi),
    ("pi_openclaw/pi_before-compaction.jsonl", read_pi),
    ("claude_code/4d5611e5-241a-462a-8d15-5122611a9569.jsonl", read_claude),
    ("claude_code/fa812bfe-b295-4cca-9c2f-fdf01028cb46.jsonl", read_claude),
    ("claude_code/4d5611e5-241a-462a-8d15-5122611a9569/subagents/agent-a2898e3.jsonl", read_claude),
]
FOUND = """
SELECT span_id, outcome, strategies, attempts, fallback_level, recovered_span_id, recovery_ns / 1e6, tokens
FROM recoveries WHERE kind = 'tool' AND NOT is_told ORDER BY preorder"""


TRIED = """
SELECT span_id FROM recoveries WHERE kind = 'tool'
UNION ALL SELECT span_id FROM recovery_attempts WHERE kind = 'tool' AND NOT is_success"""


class Counted(NamedTuple):
    """A session as read by hand, what became of its failed tool calls, and which of them are told of at all."""

    session: Session
    found: list[tuple[Any, ...]]
    told: set[str]


@pytest.fixture(scope="module", params=SESSIONS, ids=lambda param: Path(param[0]).stem)
def counted(request: pytest.FixtureRequest, samples: Path) -> Counted:
    name, read = request.param
    with al.read(samples / name, progress=False) as lens:
        found, told = lens.sql(FOUND).fetchall(), {span_id for (span_id,) in lens.sql(TRIED).fetchall()}
    return Counted(read(samples / name), found, told)


def test_a_session_counted_again_line_by_line_gives_the_same(counted: Counted) -> None:
    session, found, _ = counted
    assert found
    for span_id, outcome, strategies, attempts, level, mender_id, took, tokens in found:
        first = session.calls[span_id]
        assert first.failed and len(strategies) == attempts
        if outcome != "recovered":
            assert mender_id is None and took is None and tokens is None
            continue
        mender = session.calls[mender_id]
        assert not mender.failed and mender.begin >= first.end
        assert took == mender.end - first.end
        assert tokens == sum(count for begin, count in session.spent if first.end <= begin <= mender.end)
        assert (level == 4) == (mender.asked != first.asked or mender.name == "AskUserQuestion")


def test_every_failed_call_is_a_failure_or_an_attempt_or_a_search_that_found_nothing(counted: Counted) -> None:
    failed = {call_id for call_id, call in counted.session.calls.items() if call.failed}
    for call_id in failed - counted.told:
        assert json.loads(counted.session.calls[call_id].arguments)["command"].startswith("grep ")


def test_rates_and_their_intervals_are_those_of_textbooks(samples: Path) -> None:
    with al.read(samples / "pi_openclaw", progress=False) as lens:
        rows = lens.sql("SELECT outcome, fallback_level, recovery_ns FROM recoveries").fetchall()
        [told] = lens.sql("""
            SELECT failures, recovered, by_person, recovery_rate, recovery_rate_low, recovery_rate_high, recovery_p50_ns, recovery_p95_ns
            FROM recovery_by_agent""").fetchall()
    times = sorted(took for _, _, took in rows if took is not None)
    alone = sum(outcome == "recovered" and level < 4 for outcome, level, _ in rows)
    wilson = binomtest(alone, len(rows)).proportion_ci(0.95, "wilson")
    cut = statistics.quantiles(times, n=20, method="inclusive")[-1]
    expected = (len(rows), alone, sum(level == 4 for _, level, _ in rows), alone / len(rows), wilson.low, wilson.high)
    assert told == pytest.approx((*expected, statistics.median(times), cut), rel=1e-4)


def test_the_interval_is_that_of_wilson(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead")])
    for right, cases in [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (50, 100), (999, 1000)]:
        [(interval,)] = lens.sql("SELECT _share_interval($right, $cases)", right=right, cases=cases).fetchall()
        wilson = binomtest(right, cases).proportion_ci(0.95, "wilson")
        assert (interval["low"], interval["high"]) == pytest.approx((wilson.low, wilson.high), abs=1e-4)


def pi_session(*said: tuple[str, Any]) -> str:
    """A session of Pi, a second a line."""
    lines: list[dict[str, Any]] = [{"type": "session", "id": "s", "timestamp": "2026-01-01T00:00:00.000Z", "cwd": "/x"}]
    for number, (role, told) in enumerate(said, 1):
        clock, message = (
            f"2026-01-01T00:00:{number:02}.000Z",
            {"role": role, "timestamp": 1_767_225_600_000 + 1000 * number},
        )
        if role == "user":
            message["content"] = [{"type": "text", "text": told}]
        elif role == "assistant":
            call = {"type": "toolCall", "id": f"t{number}", "name": "bash", "arguments": {"command": told}}
            message |= {"content": [call], "provider": "p", "model": "m", "stopReason": "toolUse"}
            message["usage"] = {"input": 100 * number, "output": 1, "cacheRead": 0, "cacheWrite": 0}
        else:
            message |= {"toolCallId": f"t{number - 1}", "toolName": "bash", "isError": told}
            message["content"] = [{"type": "text", "text": "503 Service Unavailable" if told else "done"}]
        lines.append({"type": "message", "timestamp": clock, "message": message})
    return "\n".join(map(json.dumps, lines)) + "\n"


def test_a_person_who_speaks_in_between_makes_it_no_automatic_recovery(tmp_path: Path) -> None:
    attempt = [("assistant", "make deploy"), ("toolResult", False)]
    failure = [("user", "deploy it"), ("assistant", "make deploy"), ("toolResult", True)]
    for name, said in (
        ("alone", [*failure, *attempt]),
        ("helped", [*failure, ("user", "I restarted it, again"), *attempt]),
    ):
        (tmp_path / f"{name}.jsonl").write_text(pi_session(*said))
        with al.read(tmp_path / f"{name}.jsonl", progress=False) as lens:
            rates = lens.sql("SELECT failures, recovered, by_person FROM recovery_by_agent").fetchall()
            rows = lens.sql("SELECT strategies, fallback_level, recovery_ns / 1e9, tokens FROM recoveries").fetchall()
            tried = lens.sql("SELECT cases, successes FROM recovery_strategies(min_cases := 1)").fetchall()
        if name == "alone":
            assert (rates, rows, tried) == ([(1, 1, 0)], [(["retry"], 0, 2, 401)], [(1, 1)])
        else:
            assert (rates, rows, tried) == ([(1, 0, 1)], [(["retry"], 4, 3, 501)], [])


def test_without_times_nobody_can_say_what_came_after_a_failure(tmp_path: Path) -> None:
    more = {"operation": "execute_tool", "tool": "deploy", "arguments": {"site": "main"}}
    steps = [step("lead", None, None, None, operation="invoke_agent", agent="lead")]
    steps += [
        step("deploy#1", "lead", None, None, status=ERROR, message="503", **more),
        step("deploy#2", "lead", None, None, **more),
    ]
    lens = read_steps(tmp_path, steps)
    assert lens.sql("SELECT outcome, strategies, fallback_level FROM recoveries").fetchall() == [
        ("not known", [], None)
    ]
    assert (
        lens.sql("SELECT * FROM recovery_by_agent").fetchall()
        == lens.sql("SELECT * FROM dead_letters").fetchall()
        == []
    )
