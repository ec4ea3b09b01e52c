"""Detectors of what agents tell one another: each fires on what it is made for, and leaves healthy talk alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detector_runs import found, in_traces
from lens_builder import Step, agent, call, read_steps, tool

# --- missing_brief ----------------------------------------------------------------------------------------------------

CONDITIONS = [("EUR 4,200", "16:45"), ("KT-60-B",), ("reports/norm.md", "9 May"), ("Dr Amrein",), ("12 %",)]


def asked(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"type": "text", "content": text}]}]


def fan_out(briefs: list[str], task: str, *below: Step) -> list[Step]:
    """Briefs to several agents, each by a tool named for it, and what the agent that sends them was asked."""
    steps = [agent("lead"), call("plan", "lead", 0.5, agent="lead", inputs=asked(task))]
    for n, brief in enumerate(briefs):
        steps += [tool(f"ask_hand{n}", "lead", n + 1, n + 1.9, agent="lead", arguments={"task": brief})]
        steps += [agent(f"hand{n}", f"ask_hand{n}", n + 1.1, n + 1.8)]
    return [*steps, *below]


def test_a_brief_without_a_condition_of_the_task_that_all_asked_for_the_same_were_given_is_told(tmp_path: Path) -> None:
    runs = [
        fan_out(
            [f"Take part {n}" + ("." if n == 1 else f", mind {' and '.join(facts)}.") for n in range(size)],
            f"Do all parts and mind {' and '.join(facts)}.",
        )
        for facts, size in zip(CONDITIONS, (3, 4, 3, 5, 3))
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "missing_brief", "agent_name, tier, severity") == [("hand1", "candidate", "warning")] * len(runs)


def test_who_has_another_part_or_is_told_elsewhere_lacks_no_condition(tmp_path: Path) -> None:
    task, told = "Do all parts within EUR 4,200.", "Take part {} within EUR 4,200."
    parts = [told.format(n) for n in range(4)]
    shown = call("c", "hand1", 2.2, agent="hand1", inputs=asked(f"{task} Take part 1."))
    healthy = {
        "other work": fan_out([*parts[:3], "Tell the printer that we come on Monday."], task),
        "not in the task": fan_out([*parts[:3], "Take part 3."], "Do all parts."),
        "two do without": fan_out([*parts[:2], "Take part 2.", "Take part 3."], task),
        "only two": fan_out([parts[0], "Take part 1."], task),
        "referred": fan_out([*parts[:3], "Take part 3, same as above."], task),
        "shown": fan_out([parts[0], "Take part 1.", parts[2]], task, shown),
        "own values": fan_out([f"Take part {n} within EUR {n},100." for n in range(4)], task),
    }  # fmt: skip
    for name, steps in healthy.items():
        assert found(read_steps(tmp_path / name, steps), "missing_brief", "summary") == [], name
