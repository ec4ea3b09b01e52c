"""What is planted in research_team, with span ids, files and lines, and the totals of the logs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ANSWER = (
    "On 5 May the fact-checker could not reach the archive (ConnectionError); the tool through which the "
    "orchestrator asks it catches the "
    "error and answers 'No objections.', so the run ends well. The researcher had turned 26 per cent into 62, "
    "nobody checked, and the "
    "brief says 62."
)
TOKENS = ("input_tokens", "output_tokens", "cache_read.input_tokens")


def read_spans(logs: Path) -> list[dict[str, Any]]:
    """Every span, flat, with the file and line it stands in."""
    spans = []
    for path in sorted(logs.glob("*.jsonl")):
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for resource in json.loads(text)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    spans += [{**span, "file": path.name, "line": line, **flat(span)} for span in scope["spans"]]
    return spans


def flat(span: dict[str, Any]) -> dict[str, Any]:
    """The attributes as plain keys and values."""
    out = {}
    for pair in span["attributes"]:
        kind, value = next(iter(pair["value"].items()))
        out[pair["key"]] = int(value) if kind == "intValue" else value
    return out


def where(span: dict[str, Any]) -> dict[str, Any]:
    """The place of a span."""
    return {"file": span["file"], "line": span["line"], "text": f'"spanId":"{span["spanId"]}"'}


def totals(spans: list[dict[str, Any]], prefix: str) -> dict[str, int]:
    """Sums of the usage attributes with that prefix."""
    return {name: sum(span.get(f"{prefix}.{name}", 0) for span in spans) for name in TOKENS}


def pick(spans: list[dict[str, Any]], day: str, name: str) -> list[dict[str, Any]]:
    """Spans of one morning with that name, in time."""
    found = [span for span in spans if span["file"].startswith(day) and span["name"] == name]
    return sorted(found, key=lambda span: int(span["startTimeUnixNano"]))


def planted(
    name: str, detector: str, agent: str, spans: list[dict[str, Any]], what: str, **more: Any
) -> dict[str, Any]:
    """One fault or decoy."""
    return {
        "id": name,
        "detector": detector,
        "agents": [agent],
        "trace_id": spans[0]["traceId"],
        "span_ids": [span["spanId"] for span in spans],
        "what": what,
        "where": [where(span) for span in spans],
        **more,
    }


def count(spans: list[dict[str, Any]]) -> dict[str, Any]:
    """Spans, tokens and money; the totals on `invoke_agent` repeat the calls and must not be added to them."""
    chats = [span for span in spans if span["gen_ai.operation.name"] == "chat"]
    agents = sorted({span["gen_ai.agent.name"] for span in spans})
    by_agent = {
        name: totals([span for span in chats if span["gen_ai.agent.name"] == name], "gen_ai.usage") for name in agents
    }
    return {
        "counts": {
            "files": len({span["file"] for span in spans}),
            "spans": len(spans),
            "traces": len({span["traceId"] for span in spans}),
            "chat_calls": len(chats),
        },
        "tokens": {
            "total": totals(chats, "gen_ai.usage"),
            "rollup_on_invoke_agent": totals(spans, "gen_ai.aggregated_usage"),
            "by_agent": by_agent,
        },
        "reported_cost_usd": round(sum(span["operation.cost"] for span in chats), 6),
    }


def swallowed(spans: list[dict[str, Any]]) -> dict[str, Any]:
    """The check that failed on Tuesday."""

    def first(name: str) -> str:
        return str(pick(spans, "2026-05-05", name)[0]["spanId"])

    return planted(
        "swallowed_error_fact_checker",
        "swallowed_error",
        "fact_checker",
        pick(spans, "2026-05-05", "execute_tool lookup_source"),
        "The source cannot be read, the fact-checker's run fails, and the orchestrator is told 'No objections.'",
        failed_agent_span_id=first("invoke_agent fact_checker"),
        swallowed_by=first("execute_tool delegate_fact_check"),
        reported_by=first("invoke_agent orchestrator"),
    )


def retries(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The searches that were tried again, as they should be."""
    tuesday, wednesday = (pick(spans, day, "execute_tool search") for day in ("2026-05-05", "2026-05-06"))
    return [
        planted(
            "retried_search_tuesday",
            "retry_storm",
            "researcher",
            tuesday,
            "Two time-outs, then a narrower query succeeds.",
        ),
        planted(
            "retried_search_wednesday",
            "retry_storm",
            "researcher",
            wednesday[:2],
            "One time-out, then the same query succeeds.",
        ),
    ]


def tell_truth(logs: Path) -> dict[str, Any]:
    """Everything planted, and the totals."""
    spans = read_spans(logs)
    source = pick(spans, "2026-05-05", "execute_tool search")[-1]
    wrong = {
        "agent": "writer",
        "claim": "62 per cent",
        "contradicts": ["falls by 26 per cent from 1 March"],
        "source_span_id": source["spanId"],
        "span_id": pick(spans, "2026-05-05", "invoke_agent writer")[0]["spanId"],
    }
    return {
        "answer": ANSWER,
        **count(spans),
        "faults": [swallowed(spans)],
        "decoys": retries(spans),
        "wrong_deliverables": [wrong],
    }
