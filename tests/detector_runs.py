"""What one detector says of a lens, and steps and boards that many of the tests of detectors are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lens_builder import ERROR, Step, tool

from agentlens import Lens
from agentlens._detect import detect

Found = list[tuple[Any, ...]]
EMPTY = '{"results":[],"hint":"nothing"}'


def found(lens: Lens, detector: str, columns: str = "agent_name, tier, severity", **thresholds: Any) -> Found:
    """What one detector, with these thresholds, finds in a lens."""
    detect(lens, [detector], **({detector: thresholds} if thresholds else {}))
    return lens.sql(f"SELECT {columns} FROM findings ORDER BY trace_id, start_time, agent_name").fetchall()


# What can cause harm, and is quickly looked for: enough where a test asks for a cause.
HARMFUL = ("competing_writes", "context_collapse", "context_pollution", "secret_exposure", "swallowed_error")


def in_traces(runs: Iterable[list[Step]]) -> list[Step]:
    """Each run as a trace of its own."""
    return [dict(each, traceId=f"{n:032x}") for n, run in enumerate(runs, 1) for each in run]


def outcome(lens: Lens, detector: str) -> tuple[str, str | None]:
    """Whether the detector fired, found nothing or could not look, and why not."""
    return lens.sql("SELECT outcome, reason FROM checks WHERE detector = $d", d=detector).fetchall()[0]


def series(name: str, results: list[str | None], parent: str = "lead", first: float = 1, **more: Any) -> list[Step]:
    """Calls of one tool, one after the other; None is a failure."""
    return [
        tool(
            f"{name}#{n}",
            parent,
            first + n,
            first + n + 0.4,
            result=result,
            status=ERROR if result is None else None,
            message="503 Service Unavailable" if result is None else None,
            **more,
        )
        for n, result in enumerate(results)
    ]


def board(beats: list[dict[str, str]], wave: int = 1, minutes: int = 5) -> str:
    """A heartbeat file: one block a beat, each with the agents that answered."""
    return "\n".join(
        f"Wave {wave} | 2026-01-0{wave} 10:{n * minutes:02d}:00\nAgents:\n"
        + "".join(f"  {a}: {s}\n" for a, s in beat.items())
        for n, beat in enumerate(beats)
    )


def beats_of(**rows: str) -> list[dict[str, str]]:
    """Beats from one letter a beat: p in progress, c complete, b blocked, i idle, `.` absent."""
    words = {"p": "IN_PROGRESS", "c": "COMPLETE", "b": "BLOCKED (no key)", "i": "IDLE"}
    length = max(map(len, rows.values()))
    return [{agent: words[row[n]] for agent, row in rows.items() if row[n] != "."} for n in range(length)]
