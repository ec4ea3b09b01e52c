"""Measures lineage: building the flow graph against reading the files, and how long a question takes in a large lens.

    python tests/benchmarks/provenance.py [MESSAGES]

Writes an OTLP file of agents that look figures up and repeat them, ten calls a conversation, each with its whole window, until it holds so
many distinct messages (100,000 by default). Prints CPU seconds of reading and of building, their ratio, and the median of warm questions, each
for a value that stands in one conversation, one that stands in many, and a step.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import agentlens as al

CALLS = 10
EPOCH = 1_767_225_600_000_000_000
WORDS = [
    "".join(random.Random(n).choices("abcdefghijklmnoprstuvw", k=random.Random(n).randint(3, 9))) for n in range(20_000)
]


def main(messages: int) -> None:
    """Print what reading, building and asking cost."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.jsonl"
        conversations = max(1, messages // (2 * CALLS))
        write_runs(path, conversations)
        lens, read_seconds = measure(lambda: al.read(path, progress=False))
        _, build_seconds = measure(lambda: lens.sql("FROM flow_quotes LIMIT 1").fetchall())
        count, edges = lens.sql(
            "SELECT (SELECT count(*) FROM messages), (SELECT count(*) FROM flow_quotes)"
        ).fetchall()[0]
        print(f"{count:,} messages in {path.stat().st_size / 1e6:,.0f} MB; {edges:,} quotes found")
        print(
            f"reading {read_seconds:.1f} CPU-s, flow graph {build_seconds:.1f} CPU-s, ratio {build_seconds / read_seconds:.2f}"
        )
        middle = conversations // 2
        ask("origin of a value of one conversation", lambda: lens.origin(figure(middle, 3)).fetchall())
        ask("origin of a value of many conversations", lambda: lens.origin("region_7").fetchall())
        ask("origin of a sentence", lambda: lens.origin(f"reported {figure(middle, 3)} for").fetchall())
        ask("sources of a step", lambda: lens.origin(span_id(middle, 9)).fetchall())
        ask("consumers of a step", lambda: lens.consumers(span_id(middle, 1)).fetchall())


def measure(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what the work gives and the CPU seconds it took, those of the processes it started included."""
    start = sum(os.times()[:4])
    return work(), sum(os.times()[:4]) - start


def ask(what: str, question: Callable[[], list[Any]], times: int = 7) -> None:
    """Print the median time of a warm question and the number of its rows."""
    rows = question()
    walls, seconds = [], []
    for _ in range(times):
        wall, start = time.perf_counter(), time.process_time()
        question()
        walls.append(time.perf_counter() - wall)
        seconds.append(time.process_time() - start)
    print(
        f"{what}: {1e3 * statistics.median(walls):.0f} ms ({1e3 * statistics.median(seconds):.0f} ms CPU), {len(rows):,} rows"
    )


def write_runs(path: Path, conversations: int) -> None:
    """Write one line a conversation."""
    with path.open("w") as stream:
        for number in range(conversations):
            spans = list(run(number, random.Random(number)))
            stream.write(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")


def run(number: int, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the calls of one conversation: each answers with a figure that a later one repeats."""
    window = [text("system", f"You are analyst {number}. " + prose(chance, 60)), text("user", prose(chance, 25))]
    for call in range(CALLS):
        repeated = figure(number, max(0, call - 2))
        said = text(
            "assistant",
            f"{prose(chance, 12)} We reported {repeated} for region_{chance.randint(1, 400)}. {prose(chance, 12)}",
        )
        yield span(number, call, window, said)
        window = [
            *window,
            said,
            text("user", f"{prose(chance, 15)} The new figure is {figure(number, call)}. {prose(chance, 40)}"),
        ]


def figure(number: int, call: int) -> str:
    """Return the figure of a call of a conversation."""
    return f"{10_000 + number:,}.{call}{number % 7}"


def span_id(number: int, call: int) -> str:
    """Return the span id of a call of a conversation."""
    return f"{number * 100 + call + 1:016x}"


def prose(chance: random.Random, words: int) -> str:
    """Return a sentence of made-up words."""
    return " ".join(chance.choices(WORDS, k=words)) + "."


def text(role: str, content: str) -> dict[str, Any]:
    """Return a message of one text part."""
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def span(number: int, call: int, window: list[dict[str, Any]], said: dict[str, Any]) -> dict[str, Any]:
    """Return a model call."""
    start = EPOCH + number * 60_000_000_000 + call * 2_000_000_000
    values = {
        "gen_ai.operation.name": "chat",
        "gen_ai.agent.name": f"analyst_{number % 50}",
        "gen_ai.conversation.id": f"c{number}",
        "gen_ai.input.messages": json.dumps(window),
        "gen_ai.output.messages": json.dumps([said]),
    }
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": span_id(number, call),
        "name": "chat",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_000_000_000),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in values.items()],
    }


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("messages", type=int, nargs="?", default=100_000)
    main(asked.parse_args().messages)
