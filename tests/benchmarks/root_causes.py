"""What a question about a cause takes, and the making of the flow graph before the first one, against one scan-and-sort of `spans`.

    python tests/benchmarks/root_causes.py [--spans 100000] [--questions 20] [--lens FILE]

A lens is copied, so that its flow graph can be made anew. Incidents are last steps of traces in which something was found, spread over all of them. Processor seconds are
compared, floor and questions in turn, so that a busy machine slows all alike; the first question of the process, which also plans, is told by itself. The last
line says whether the median question stays within `MOST_FOR_A_QUESTION` times the floor, and the flow graph within `MOST_FOR_THE_GRAPH` times.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from detectors import made, seconds, sort_spans

import agentlens as al
from agentlens import Lens
from agentlens._lineage import index_flow

MOST_FOR_A_QUESTION = 2
MOST_FOR_THE_GRAPH = 300


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--spans", type=int, default=100_000)
    asked.add_argument("--questions", type=int, default=20)
    asked.add_argument("--lens", type=Path)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = options.lens or made(Path(folder), options.spans)
        if options.lens:
            source = Path(shutil.copy(source, Path(folder) / "copy.duckdb"))
        with al.read(source, progress=False) as lens:
            measure(lens, options.questions)


def measure(lens: Lens, questions: int) -> None:
    """Make the flow graph anew, ask, print the figures and leave with the verdict."""
    if not lens.sql("FROM checks LIMIT 1").fetchall():
        al.detect(lens, ["swallowed_error", "error_burst", "retry_storm"])
    lens._con.execute("DELETE FROM lens_properties WHERE name = 'flow_index'")
    sort_spans(lens)
    floors = [seconds(lambda: sort_spans(lens))]
    graph = seconds(lambda: index_flow(lens._con))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    times, said = [], 0
    for incident in incidents(lens, questions):
        floors.append(seconds(lambda: sort_spans(lens)))
        times.append(seconds(lambda incident=incident: lens.root_cause(incident).fetchall()))
        said += bool(lens.root_cause(incident).fetchall())
    show(lens, statistics.median(floors), graph, peak, times, said)


def incidents(lens: Lens, questions: int) -> list[str]:
    """Return the last steps of traces in which something was found that can cause harm, spread over all such traces."""
    query = """
        SELECT arg_max(span_id, preorder) FROM spans
        WHERE trace_id IN (SELECT trace_id FROM findings WHERE _can_cause(detector) UNION ALL SELECT trace_id FROM errors)
        GROUP BY trace_id ORDER BY hash(trace_id) LIMIT $questions
    """
    return [span_id for (span_id,) in lens.sql(query, questions=questions).fetchall()]


def show(lens: Lens, floor: float, graph: float, peak: float, times: list[float], said: int) -> None:
    """Print each figure, how it compares, and the verdict."""
    rows = lens.sql("SELECT count(*) FROM spans").fetchall()[0][0]
    median = statistics.median(times)
    print(f"{rows:,} spans; one scan-and-sort takes {floor:.2f} processor seconds")
    print(f"the flow graph  {graph:7.2f} s {graph / floor:7.1f} x, peak memory of the process {peak:.1f} GB")
    print(f"the first cause {times[0]:7.2f} s {times[0] / floor:7.1f} x")
    print(
        f"a cause         {median:7.2f} s {median / floor:7.1f} x, slowest of {len(times)}: {max(times):.2f} s; {said} have an answer"
    )
    kept = median <= MOST_FOR_A_QUESTION * floor and graph <= MOST_FOR_THE_GRAPH * floor
    print("kept" if kept else "BROKEN")
    sys.exit(not kept)


if __name__ == "__main__":
    main()
