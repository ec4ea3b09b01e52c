"""What public loop detectors say of themselves is met where it is right; each difference is a choice that stands here.

Met are the patterns of OpenHands' stuck detector (4 equal pairs of action and observation, 3 of action and error, 3
monologues, two actions by turns), cycles of 1 to 5 calls that come 5 times, 3 identical tool calls, and Gemini CLI's chanting.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from detector_runs import in_traces
from lens_builder import ERROR, Step, agent, call, read_steps, said, tool

from agentlens._detect import detect

LOOPS = ["tool_loop", "retry_storm", "repeated_text"]
NOT_FOUND, DOWN = "FileNotFoundError: no such file: a.md", "503 Service Unavailable"


def pairs(names: Iterable[str], result: str = "the same long answer as before", error: str | None = None) -> list[Step]:
    status = ERROR if error else None
    return [
        tool(f"{name}#{n}", "lead", n, result=None if error else f"{result} {name}", status=status, message=error)
        for n, name in enumerate(names, 1)
    ]


PATTERNS: dict[str, tuple[list[Step], str | None]] = {
    "4 equal pairs of action and observation": (pairs("aaaa"), "tool_loop"),
    "3 identical calls": (pairs("aaa"), "tool_loop"),
    "3 equal pairs of action and error": (pairs("aaa", error=NOT_FOUND), "tool_loop"),
    "4 equal pairs of action and error": (pairs("aaaa", error=NOT_FOUND), "retry_storm"),
    "two actions by turns, six steps": (pairs("ababab"), "tool_loop"),
    **{f"a cycle of {n}, five times": (pairs("abcde"[:n] * 5), "tool_loop") for n in (1, 2, 3, 4, 5)},
    "3 monologues": ([call(f"c{n}", "lead", n, outputs=said("I go on with the task now.")) for n in range(3)], "repeated_text"),
    "chanting": ([call("c", "lead", 1, outputs=said("I must look into the file again. " * 12))], "repeated_text"),
    # Differences. Three attempts at something that is down are a usual way to try again.
    "3 attempts at a service that is down": (pairs("aaa", error=DOWN), None),
    # Without results nobody can tell a loop from polling.
    "3 identical calls whose results are not logged": ([tool(f"a#{n}", "lead", n) for n in range(3)], None),
    # Equal calls with other results are polling, or work on something that moves.
    "4 equal calls with four results": ([tool(f"a#{n}", "lead", n, result=f"answer number {n}") for n in range(4)], None),
    "4 equal calls that are told to wait": (pairs("aaaa", result="the job is still running"), None),
    "two actions by turns, four steps": (pairs("abab"), None),
    "2 monologues": ([call(f"c{n}", "lead", n, outputs=said("I go on with the task now.")) for n in range(2)], None),
    "short words again and again": ([call(f"c{n}", "lead", n, outputs=said("OK")) for n in range(9)], None),
    "a list": ([call("c", "lead", 1, outputs=said("- the page is checked and found good\n" * 20))], None),
    "a table": ([call("c", "lead", 1, outputs=said("| the page | is checked and good |\n" * 20))], None),
    "code": ([call("c", "lead", 1, outputs=said("```\n" + "x = compute(value, other)\n" * 20 + "```"))], None),
    "data": ([call("c", "lead", 1, outputs=said('{"items": [' + '{"state": "checked and good"}, ' * 20 + "]}"))], None),
    "dividers": ([call("c", "lead", 1, outputs=said("=" * 900))], None),
}  # fmt: skip


def test_published_patterns_are_found_and_differences_are_stated(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, in_traces([agent("lead"), *steps] for steps, _ in PATTERNS.values()))
    detect(lens, LOOPS)
    found = dict(lens.sql("SELECT trace_id, string_agg(detector) FROM findings GROUP BY trace_id").fetchall())
    told = {name: found.get(f"{number:032x}") for number, name in enumerate(PATTERNS, 1)}
    assert told == {name: expected for name, (_, expected) in PATTERNS.items()}
