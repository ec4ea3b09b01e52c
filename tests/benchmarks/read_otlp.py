"""How fast OTLP becomes a lens, against what the machine can do at best with the same bytes.

    python tests/benchmarks/read_otlp.py [--spans 100000] [--rounds 3] [--file FILE]

The floor is DuckDB counting the same bytes as JSON objects; beside it stands what it takes to make Python objects of them
(`orjson.loads` where orjson is installed, msgspec without types), and to write the tables of the finished lens once more: what
no way of reading that ends in these tables can do without. Each measurement has a process of its own; a round runs
all of them one after the other, and the median over the rounds is shown: a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from peak_memory import peak_memory

Figures = dict[str, float]
AGAIN = "its tables written once more"
QUESTIONS = {
    "SELECT 1": "SELECT 1",
    "one whole trace": "SELECT * FROM spans WHERE trace_id = $trace ORDER BY preorder",
    "one subtree": "SELECT count(*), sum(output_tokens) FROM spans WHERE preorder >= $first AND preorder < $last",
    "tokens by agent": "SELECT agent_name, sum(input_tokens) FROM spans WHERE usage_scope = 'self' GROUP BY ALL",
    "p95 by operation": "SELECT operation_name, quantile_cont(duration_ns, 0.95) FROM spans GROUP BY ALL",
}


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--spans", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--file", type=Path)
    asked.add_argument("--measure", choices=MEASURES, help=argparse.SUPPRESS)
    options = asked.parse_args()
    if options.measure:
        print(json.dumps(MEASURES[options.measure](options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or generate(Path(folder) / "spans.jsonl", options.spans)
        show(path, run_rounds(__file__, "--file", path, MEASURES, options.rounds))


def generate(path: Path, spans: int) -> Path:
    """Write the file in a process of its own and return its path."""
    subprocess.run(
        [sys.executable, str(Path(__file__).with_name("generate_otlp.py")), str(path), str(spans)], check=True
    )
    return path


def run_rounds(script: str, option: str, path: Path, measures: Iterable[str], rounds: int) -> dict[str, Figures]:
    """Return the medians of every measurement that a script takes of a path, which it is given by an option."""
    seen: dict[str, list[Figures]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, runs in seen.items():
            command = [sys.executable, script, option, str(path), "--measure", name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in seen.items()}


def measured(work: Callable[[], int]) -> Figures:
    """Run once; return wall and processor seconds, peak memory of this process in MB, and what `work` counts."""
    started, used = time.perf_counter(), processor_seconds()
    count = work()
    seconds, cpu = time.perf_counter() - started, processor_seconds() - used
    return {"seconds": seconds, "cpu": cpu, "peak": peak_memory() / 2**20, "count": count}


def processor_seconds() -> float:
    """Return the processor time of this process and of its workers."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def floor(path: Path) -> Figures:
    """Count the lines as JSON objects, with a buffer as large as the longest line: DuckDB's fastest setting."""
    with path.open("rb") as stream:
        longest = max(map(len, stream))
    return count_objects(str(path), longest + 1024)


def roomy_floor(path: Path) -> Figures:
    """Count the lines as JSON objects, with room for objects of 256 MB, as one sets it who has not measured the longest line."""
    return count_objects(str(path), 256 << 20)


def count_objects(files: str, most_bytes: int = 16 << 20) -> Figures:
    """Let DuckDB count JSON objects of at most `most_bytes` (16 MB is its default)."""
    import duckdb

    con, query = duckdb.connect(), "SELECT count(*) FROM read_ndjson_objects($files, maximum_object_size = $size)"
    return measured(lambda: con.execute(query, {"files": files, "size": most_bytes}).fetchall()[0][0])


def python_objects(path: Path) -> Figures:
    """Make Python objects of every line of a file, or of the files of a folder, with the fastest decoder that is installed."""
    import msgspec

    try:
        from orjson import loads as decode  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        decode = msgspec.json.decode

    def count() -> int:
        lines = 0
        for each in path.glob("*.jsonl") if path.is_dir() else [path]:
            with each.open("rb") as stream:
                lines += sum(decode(line) is not None for line in stream)
        return lines

    return measured(count)


def read_whole(path: Path, into: Path | None = None) -> int:
    """Read and return the number of spans."""
    import agentlens

    with agentlens.read(path, into=into, progress=False) as lens:
        return int(lens.sql("SELECT count(*) FROM spans").fetchall()[0][0])


def to_memory(path: Path) -> Figures:
    """Read into memory."""
    import agentlens._read  # noqa: F401

    return measured(lambda: read_whole(path))


def in_one_process(path: Path) -> Figures:
    """Read into memory without the help of other processes."""
    import agentlens._load
    import agentlens._read

    agentlens._load.LEAST_BYTES = sys.maxsize
    return measured(lambda: read_whole(path))


def without_messages(path: Path) -> Figures:
    """Read into memory, messages left where they stand among the attributes."""
    from agentlens._evidence import Evidence

    Evidence.add_raw_messages = lambda *_: True  # type: ignore[method-assign]
    Evidence.add_logged_messages = lambda *_: None  # type: ignore[method-assign]
    Evidence.add_messages = lambda *_: 0  # type: ignore[method-assign]
    return to_memory(path)


def to_file(path: Path) -> Figures:
    """Read into a file."""
    import agentlens._read  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "case.duckdb"
        figures = measured(lambda: read_whole(path, target))
        return {**figures, "size": target.stat().st_size / 1e6}


def tables_again(path: Path) -> Figures:
    """Write every table of the finished lens once more, into a fresh database in memory, and count their rows.

    No way of reading that ends in these tables can take less. The peak is that of the read before.
    """
    import agentlens

    with agentlens.read(path, locked=False, progress=False) as lens:
        con = lens._con
        tables = con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary ORDER BY ALL").fetchall()
        con.execute("ATTACH ':memory:' AS again")
        return measured(
            lambda: sum(
                con.execute(f'CREATE TABLE again."{name}" AS FROM "{name}"').fetchall()[0][0] for (name,) in tables
            )
        )


def questions(path: Path) -> Figures:
    """Return the milliseconds of each question on the lens that was read, the median of 15 warm runs."""
    import agentlens

    with agentlens.read(path, progress=False) as lens:
        trace, first, last = lens.sql("""
            SELECT trace_id, preorder, subtree_end FROM spans
            WHERE subtree_end - preorder BETWEEN 40 AND 200 ORDER BY preorder LIMIT 1
        """).fetchall()[0]
        values = {"trace": trace, "first": first, "last": last}
        figures = {}
        for name, query in QUESTIONS.items():
            params = {key: value for key, value in values.items() if f"${key}" in query}
            figures[name] = statistics.median(
                milliseconds(lambda q=query, p=params: lens.sql(q, **p).fetchall()) for _ in range(15)
            )
        return figures


def milliseconds(work: Callable[[], Any]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def imports(_: Path) -> Figures:
    """Return how long `import agentlens` and `import duckdb` take, each in a process of its own."""
    return {name: milliseconds_of_import(name) for name in ("agentlens", "duckdb")}


def milliseconds_of_import(name: str) -> float:
    """Return the milliseconds of one import in a fresh process."""
    code = f"import time; s = time.perf_counter(); import {name}; print((time.perf_counter() - s) * 1000)"
    return float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


MEASURES: dict[str, Callable[[Path], Figures]] = {
    "floor": floor,
    "floor, 256 MB buffers": roomy_floor,
    "Python objects": python_objects,
    "into memory": to_memory,
    "into memory, one process": in_one_process,
    "into memory, without messages": without_messages,
    "into a file": to_file,
    AGAIN: tables_again,
    "questions": questions,
    "imports": imports,
}


def show(path: Path, figures: dict[str, Figures]) -> None:
    """Print the tables."""
    size = path.stat().st_size / 1e6
    least, objects = (figures[name]["seconds"] for name in ("floor", "Python objects"))
    print(f"{size:,.0f} MB of OTLP JSON lines, {figures['into memory']['count']:,.0f} spans\n")
    print(f"{'':32}{'seconds':>9}{'MB/s':>8}{'spans/s':>10}{'CPU s':>8}{'peak MB':>9}{'of floor':>10}{'x objects':>11}")
    for name in [name for name, row in figures.items() if "seconds" in row]:
        row = figures[name]
        pace = row["count"] / row["seconds"] if name.startswith("into") else float("nan")
        paces = f"{row['seconds']:9.2f}{size / row['seconds']:8.0f}{pace:10,.0f}{row['cpu']:8.2f}"
        shares = f"{least / row['seconds']:10.2f}{row['seconds'] / objects:11.2f}"
        print(f"{name:32}{paces}{row['peak']:9,.0f}{shares}")
    print(f"\nThe file has {figures['into a file']['size']:,.0f} MB.\n")
    one = figures["questions"]["SELECT 1"]
    for name, ms in figures["questions"].items():
        print(f"{name:32}{ms:9.2f} ms{ms / one:8.1f} x SELECT 1")
    ours, duckdb = figures["imports"]["agentlens"], figures["imports"]["duckdb"]
    print(f"\nimport agentlens {ours:.1f} ms, import duckdb {duckdb:.1f} ms: {ours / duckdb:.2f}")


if __name__ == "__main__":
    main()
