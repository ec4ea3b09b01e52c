"""How fast a folder of Claude Code sessions becomes a lens, against what the machine can do at best with the same bytes.

    python tests/benchmarks/read_sessions.py [--megabytes 200] [--rounds 3] [--folder FOLDER]

The floor is DuckDB counting the same bytes as JSON objects; beside it stands what it takes to make Python objects of every
line, and to write the tables of the finished lens once more. Each measurement has a process of its own; a round runs all of them one after the other, and the median over the rounds
is shown. `x objects` compares CPU seconds, which a busy machine changes least.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from read_otlp import (
    AGAIN,
    Figures,
    count_objects,
    in_one_process,
    milliseconds,
    processor_seconds,
    python_objects,
    run_rounds,
    tables_again,
    to_file,
    to_memory,
)

WINDOW = "SELECT * FROM span_messages WHERE span_id = $span"
QUESTIONS = {
    "SELECT 1": "SELECT 1",
    "what a call was shown": WINDOW,
    "where a message was shown": "SELECT count(*) FROM span_messages WHERE message_hash = $message",
    "all that was said": "SELECT sum(bytes) FROM span_messages JOIN messages USING (message_hash) WHERE direction = 'output'",
    "all that was shown": "SELECT sum(bytes) FROM span_messages JOIN messages USING (message_hash) WHERE direction = 'input'",
    "context_growth": "SELECT sum(message_bytes), sum(messages_added), sum(messages_dropped) FROM context_growth",
    "message_carriage": "SELECT sum(carried_tokens) FROM message_carriage",
    "cache_misses": "SELECT cause, count(*) FROM cache_misses GROUP BY ALL",
}


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--megabytes", type=int, default=200)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.folder)))
        return
    with tempfile.TemporaryDirectory() as made:
        folder = options.folder or generate(Path(made) / "sessions", options.megabytes)
        show(folder, run_rounds(__file__, "--folder", folder, MEASURES, options.rounds))


def generate(folder: Path, megabytes: int) -> Path:
    """Write the sessions in a process of their own and return their folder."""
    script = Path(__file__).with_name("generate_sessions.py")
    subprocess.run([sys.executable, str(script), str(folder), str(megabytes)], check=True)
    return folder


def floor(folder: Path) -> Figures:
    """Count the lines as JSON objects."""
    return count_objects(f"{folder}/*.jsonl")


def questions(folder: Path) -> Figures:
    """Return milliseconds of each question, the median of several warm runs, and how many rows windows have and take."""
    import agentlens

    with agentlens.read(folder, progress=False) as lens:
        [(span,)] = lens.sql("SELECT span_id FROM span_message_ranges ORDER BY length DESC, span_id LIMIT 1").fetchall()
        [(message,)] = lens.sql("SELECT min(message_hash) FROM messages").fetchall()
        values = {"span": span, "message": message}
        figures: Figures = {}
        for name, query in QUESTIONS.items():
            params = {key: value for key, value in values.items() if f"${key}" in query}
            answer = lens.sql(query, **params)
            once = milliseconds(answer.fetchall)
            runs = 1 if once > 2000 else 7
            figures[name] = statistics.median(milliseconds(lens.sql(query, **params).fetchall) for _ in range(runs))
            before = processor_seconds()
            lens.sql(query, **params).fetchall()
            figures[f"{name} CPU"] = (processor_seconds() - before) * 1000
        for table in ("spans", "messages", "span_messages", "span_message_ranges", "message_lists"):
            figures[f"rows of {table}"] = lens.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        return figures


MEASURES: dict[str, Callable[[Path], Figures]] = {
    "floor": floor,
    "Python objects": python_objects,
    "into memory": to_memory,
    "into memory, one process": in_one_process,
    "into a file": to_file,
    AGAIN: tables_again,
    "questions": questions,
}


def show(folder: Path, figures: dict[str, Figures]) -> None:
    """Print the tables."""
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    least, objects = figures["floor"]["seconds"], figures["Python objects"]["cpu"]
    print(f"{size:,.0f} MB of sessions, {figures['floor']['count']:,.0f} lines\n")
    print(f"{'':28}{'seconds':>9}{'MB/s':>8}{'CPU s':>8}{'peak MB':>9}{'of floor':>10}{'x objects':>11}")
    for name, row in figures.items():
        if "seconds" in row:
            paces = f"{row['seconds']:9.2f}{size / row['seconds']:8.0f}{row['cpu']:8.2f}{row['peak']:9,.0f}"
            print(f"{name:28}{paces}{least / row['seconds']:10.3f}{row['cpu'] / objects:11.1f}")
    print(f"\nThe file has {figures['into a file']['size']:,.0f} MB.\n")
    asked = figures["questions"]
    for name in QUESTIONS:
        print(f"{name:28}{asked[name]:9.1f} ms{asked[f'{name} CPU']:9.1f} CPU-ms")
    for name, count in asked.items():
        if name.startswith("rows"):
            print(f"{name:28}{count:12,.0f}")


if __name__ == "__main__":
    main()
