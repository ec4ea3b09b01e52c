"""How fast home-grown JSON lines become a lens, against what the machine can do at best with the same bytes.

    python tests/benchmarks/read_flat.py [--events 250000] [--rounds 3]

Two files of the same records are read: one with input and output texts, one without. The floor is DuckDB counting the same
bytes as JSON objects; beside it stands what it takes to write the tables of the finished lens once more. Each measurement has
a process of its own; a round runs all of them one after the other, and the median over the rounds is shown: a busy machine
slows all of them alike. CPU seconds are those of all processes.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from generate_otlp import AGENTS, MODELS, SYLLABLES
from read_otlp import AGAIN, Figures, floor, measured, roomy_floor, tables_again, to_file, to_memory

ACTIONS = ("llm_call", "tool_call", "handoff", "plan", "message", "retrieve", "final_answer")
TEXTS, BARE = "texts.jsonl", "bare.jsonl"
NO_PIECES = 10**15


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--events", type=int, default=250_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = [generate(Path(folder) / name, options.events, name == TEXTS) for name in (TEXTS, BARE)]
        figures = run_rounds(paths, options.rounds)
        for path in paths:
            show(path, options.events, figures)


def generate(path: Path, events: int, has_texts: bool) -> Path:
    """Write records as a team of agents logs them, with or without what went in and came out, and return the path."""
    dice = random.Random(11)
    corpus = " ".join("".join(dice.choices(SYLLABLES, k=dice.randint(1, 4))) for _ in range(400_000))
    with path.open("wb") as stream:
        for record in records(dice, events, corpus if has_texts else ""):
            stream.write(msgspec.json.encode(record) + b"\n")
    return path


def records(dice: random.Random, events: int, corpus: str) -> Iterator[dict[str, Any]]:
    """Yield the records of sessions of a hundred steps each; texts are cut from the corpus, without one there are none."""
    moment, session = 1_760_000_000_000, ""
    for number in range(events):
        if number % 100 == 0:
            session = f"session-{dice.getrandbits(32):08x}"
        moment += dice.randint(1, 400)
        seconds, milliseconds = divmod(moment, 1000)
        action = dice.choice(ACTIONS)
        spoken = (
            {}
            if not corpus
            else {"input": {"prompt": text(dice, corpus)}, "output": {"text": text(dice, corpus), "confidence": 0.9}}
        )
        yield {
            "timestamp": f"2026-04-{14 + seconds // 86_400 % 10:02}T{seconds // 3600 % 24:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}Z",
            "agent_id": dice.choice(AGENTS), "session_id": session, "action": action, **spoken,
            "tokens": {
                "prompt": dice.randint(50, 6000), "completion": dice.randint(5, 900), "model": dice.choice(MODELS)[1],
                "cost_usd": round(dice.random() / 50, 6),
            },
            "duration_ms": round(dice.lognormvariate(6, 1), 2), "parent_trace_id": None,
            "status": "error" if dice.random() < 0.03 else "ok",
            "metadata": {"tenant": f"tenant-{dice.randint(1, 40)}", "retry_count": dice.randint(0, 2), "fallback_used": False},
        }  # fmt: skip


def text(dice: random.Random, corpus: str) -> str:
    """Return a piece of the corpus."""
    begin = dice.randrange(len(corpus) - 500)
    return corpus[begin : begin + dice.randint(40, 400)]


def run_rounds(paths: list[Path], rounds: int) -> dict[tuple[str, str], Figures]:
    """Return the medians of every measurement of every file."""
    seen: dict[tuple[str, str], list[Figures]] = {(path.name, name): [] for path in paths for name in MEASURES}
    for _ in range(rounds):
        for path in paths:
            for name in MEASURES:
                command = [sys.executable, __file__, "--file", str(path), "--measure", name]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                seen[path.name, name].append(json.loads(done.stdout.splitlines()[-1]))
    return {key: {what: statistics.median(run[what] for run in runs) for what in runs[0]} for key, runs in seen.items()}


def decode_only(path: Path) -> Figures:
    """Decode every line into objects and forget them: what a loop over `orjson.loads` does, by the decoder that agentlens uses."""
    decode = msgspec.json.decode
    with path.open("rb") as stream:
        return measured(lambda: sum(decode(line) is not None for line in stream))


def orjson_only(path: Path) -> Figures:
    """Decode every line by `orjson.loads`; nothing where it is not installed."""
    try:
        import orjson
    except ImportError:
        return dict.fromkeys(("seconds", "cpu", "peak", "count"), float("nan"))
    with path.open("rb") as stream:
        return measured(lambda: sum(orjson.loads(line) is not None for line in stream))


def by_one_process(path: Path) -> Figures:
    """Read into memory by this process alone."""
    import agentlens._load

    agentlens._load.LEAST_BYTES = NO_PIECES
    return to_memory(path)


def without_pool(path: Path) -> Figures:
    """Read into memory by this process alone, messages thrown away: the rest is what the pool of messages costs."""
    from agentlens._evidence import Evidence

    Evidence.add_contents = lambda _, places, *rest: [""] * len(places.lines)  # type: ignore[method-assign]
    Evidence.add_message = lambda *_: ""  # type: ignore[method-assign]
    Evidence.add_alone = lambda *_: None  # type: ignore[method-assign]
    Evidence.add_messages = lambda *_: 0  # type: ignore[method-assign]
    return by_one_process(path)


MEASURES: dict[str, Callable[[Path], Figures]] = {
    "floor": floor,
    "floor, 256 MB buffers": roomy_floor,
    "orjson.loads, nothing kept": orjson_only,
    "msgspec decode, nothing kept": decode_only,
    "into memory": to_memory,
    "into a file": to_file,
    "into memory, one process": by_one_process,
    "the same, messages thrown away": without_pool,
    AGAIN: tables_again,
}


def show(path: Path, events: int, figures: dict[tuple[str, str], Figures]) -> None:
    """Print the table of one file."""
    size, least = path.stat().st_size / 1e6, figures[path.name, "floor"]
    print(f"\n{size:,.0f} MB of JSON lines, {events:,} records, {'with' if path.name == TEXTS else 'without'} texts\n")
    print(f"{'':34}{'seconds':>9}{'MB/s':>8}{'events/s':>10}{'CPU s':>8}{'peak MB':>9}{'of floor':>10}{'by CPU':>8}")
    for name in MEASURES:
        row = figures[path.name, name]
        paces = f"{row['seconds']:9.2f}{size / row['seconds']:8.0f}{events / row['seconds']:10,.0f}{row['cpu']:8.2f}"
        ratios = f"{least['seconds'] / row['seconds']:10.3f}{least['cpu'] / row['cpu']:8.3f}"
        print(f"{name:34}{paces}{row['peak']:9,.0f}{ratios}")


if __name__ == "__main__":
    main()
