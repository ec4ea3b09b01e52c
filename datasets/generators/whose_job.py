"""Writes the dataset whose_job: `python datasets/generators/whose_job.py [OUT]`.

Needs the standard library only. Logs and identity files go into OUT/whose_job, what is planted in them into
OUT/truth/whose_job.json; OUT is the folder `datasets` unless given. Every run writes the same (the compressed bytes may
differ between versions of zlib).
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from otlp_json import Span, write_lines
from whose_job_story import AGENTS, BILL, DECIDE, FIRST_DAY, REGISTRAR_2, VANS, WORKDAYS, Task, play_task, tasks_of_day

RESOURCE = {"service.name": "loans-office", "service.version": "1.4.0", "telemetry.sdk.language": "python"}
SCOPE = {"name": "loans.desk", "version": "1.4.0"}
SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.0"


def generate(out: Path) -> None:
    """Write logs, identity files and truth below `out`, in place of what an earlier run left there."""
    folder = out / "whose_job"
    shutil.rmtree(folder, ignore_errors=True)
    write_souls(folder / "workspaces")
    played: list[tuple[Task, list[Span]]] = []
    for workday, offset in enumerate(WORKDAYS):
        today = [(task, play_task(task)) for task in tasks_of_day(workday)]
        path = folder / "spans" / f"{FIRST_DAY + timedelta(days=offset)}.otlp.jsonl"
        write_lines(path, [span for _, spans in today for span in spans], RESOURCE, SCOPE, SCHEMA_URL)
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()
        played += today
    truth = out / "truth" / "whose_job.json"
    truth.parent.mkdir(parents=True, exist_ok=True)
    truth.write_bytes((json.dumps(tell_truth(played), ensure_ascii=False, indent=1) + "\n").encode())


def write_souls(folder: Path) -> None:
    """Write a workspace an agent: its identity file, and older ones of it under `history`."""
    for agent in AGENTS:
        for soul in agent.souls:
            is_last = soul is agent.souls[-1]
            path = folder / agent.name.lower() / ("SOUL.md" if is_last else f"history/SOUL.{soul.since}.md")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(soul.write(agent.name, agent.role), encoding="utf-8", newline="\n")


def tell_truth(played: list[tuple[Task, list[Span]]]) -> dict[str, Any]:
    """Return what is planted, with the spans that show it."""
    bills = [spans for task, spans in played if task.agent.name == "Herald" and task.work is BILL]
    vans = [spans for task, spans in played if task.agent.name == "Registrar" and task.work is VANS]
    return {
        "dataset": "whose_job",
        "answer": [
            "Since 11 September Herald, who is there for the press, pays the printer's bills: Treasurer's work, and more of it day by day. Its boundary forbids it.",
            "Since 14 September Registrar books vans. That is no drift: its identity file says so since that day.",
            "Registrar and Curator both decide what leaves the house. Courier has no decision principles.",
            "Archivist works too seldom to tell.",
        ],
        "counts": {"traces": len(played), "spans": sum(len(spans) for _, spans in played), "agents": len(AGENTS)},
        "faults": [
            {"id": "herald_pays", "view": "identity_drift", "agents": ["Herald"], "does_the_work_of": "Treasurer",
             "span_ids": ids(bills, "check_invoice", "pay_invoice", "update_budget"), "crossings": ids(bills, "pay_invoice"),
             "what": "pays bills, which its boundary forbids"},
            {"id": "two_decide", "view": "definition_checks", "agents": ["Curator", "Registrar"], "fault": "claimed twice", "detail": DECIDE},
            {"id": "courier_without_principles", "view": "definition_checks", "agents": ["Courier"], "fault": "missing part", "detail": "decision principles"},
        ],
        "releases": [
            {"agent": "Registrar", "kind": "identity_file", "date": str(REGISTRAR_2.since), "added": [REGISTRAR_2.responsibilities[-1]]},
        ],
        "decoys": [
            {"id": "registrar_books_vans", "view": "identity_drift", "agents": ["Registrar"], "span_ids": ids(vans, "book_transport"),
             "what": "its identity file gave it this work on that day"},
            {"id": "archivist_rarely_works", "view": "identity_drift", "agents": ["Archivist"], "what": "too few steps to tell"},
        ],
    }  # fmt: skip


def ids(tasks: list[list[Span]], *tools: str) -> list[str]:
    """Return the ids of the calls of these tools, in order."""
    return [span.span_id for spans in tasks for span in spans if span.attributes.get("gen_ai.tool.name") in tools]


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
