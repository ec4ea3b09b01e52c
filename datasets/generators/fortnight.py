"""Writes the dataset fortnight: `python datasets/generators/fortnight.py [OUT]`.

Needs the standard library only. The logs go into OUT/fortnight, what is planted in them into OUT/truth/fortnight.json;
OUT is the folder `datasets` unless given. Every run writes the same logs (the compressed bytes may differ between
versions of zlib).
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from fortnight_story import AGENTS, DAYS, FIRST_DAY, play_task, tasks_of_day
from otlp_json import Span, write_lines

RESOURCE = {
    "service.name": "tidewater-claims",
    "service.version": "5.2.1",
    "deployment.environment.name": "production",
    "telemetry.sdk.language": "python",
}
SCOPE = {"name": "tidewater.desk", "version": "5.2.1"}
SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.0"


def generate(out: Path) -> None:
    """Write logs and truth below `out`, in place of what an earlier run left there."""
    logs = out / "fortnight"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    tasks: list[list[Span]] = []
    for number in range(DAYS):
        day = FIRST_DAY + timedelta(days=number)
        played = [play_task(task) for task in tasks_of_day(number)]
        if played:
            write_day(logs / f"{day}.otlp.jsonl.gz", [span for spans in played for span in spans])
        tasks += played
    truth = {"dataset": "fortnight", **tell_truth(tasks)}
    path = out / "truth" / "fortnight.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((json.dumps(truth, ensure_ascii=False, indent=1) + "\n").encode())


def write_day(path: Path, spans: list[Span]) -> None:
    """Write one day, compressed."""
    plain = path.with_suffix("")
    write_lines(plain, spans, RESOURCE, SCOPE, SCHEMA_URL)
    path.write_bytes(gzip.compress(plain.read_bytes(), 9, mtime=0))
    plain.unlink()


def tell_truth(tasks: list[list[Span]]) -> dict[str, Any]:
    """Return what is planted, with the task each change begins with, counted from the spans themselves."""
    spans = [span for task in tasks for span in task]
    calls = [span.attributes for span in spans if span.attributes["gen_ai.operation.name"] == "chat"]
    return {
        "answer": [
            "On 6 June the prompt of Letters became v8 and asks for the clauses in full: its answers are half as long again.",
            "On 10 June Triage was moved to a smaller model: more calls, more tokens, shorter answers, lower confidence, no error.",
            "Since 9 June Assessment has more storm damage to assess, which always took three times the tokens: it behaves as before.",
            "Archive's search slows down a little every day. Fraud got a new prompt and a new model at once: they cannot be told apart.",
        ],
        "counts": {"traces": len(tasks), "spans": len(spans), "agents": len(AGENTS)},
        "tokens": {
            "input": sum(call["gen_ai.usage.input_tokens"] for call in calls),
            "output": sum(call["gen_ai.usage.output_tokens"] for call in calls),
        },
        "faults": [fault for agent in AGENTS.values() if agent.change for fault in tell_changes(agent, tasks)],
        "decoys": [
            {"id": "storm_assessment", "detector": "drift_step", "agents": ["Assessment"], "what": "another mix of work"},
            {"id": "new_version_medical", "detector": "drift_step", "agents": ["Medical"], "what": "a new version that changes nothing"},
            {"id": "wild_day_payout", "detector": "drift_step", "agents": ["Payout"], "what": "three very slow tasks on one day"},
            {"id": "rare_legal", "detector": "drift_step", "agents": ["Legal"], "what": "too few tasks to tell"},
        ],
    }  # fmt: skip


def tell_changes(agent: Any, tasks: list[list[Span]]) -> list[dict[str, Any]]:
    """Return a planted change under the detectors that should find it: its cause, and the first span that shows it."""
    change = agent.change
    own = [task for task in tasks if task[0].attributes["gen_ai.agent.name"] == agent.name]
    first = next(task for task in own if task[0].start >= change.at)
    silent = ["silent_degradation"] if change.confidence < 0 else []
    return [
        {
            "id": f"{detector}_{agent.name.lower()}",
            "detector": detector,
            "agents": [agent.name],
            "trace_id": first[0].trace_id,
            "span_ids": [first[0].span_id],
            "start_ns": first[0].start,
            "cause": change.cause,
            "measures": change.measures,
            "what": change.what,
        }
        for detector in [change.detector, *silent]
    ]


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
