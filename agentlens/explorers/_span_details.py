"""What the details panel says about spans: facts, messages, findings, and the record that proves them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._source import Source
from agentlens.explorers._explorer import load_question

Row = dict[str, Any]
Ask = Callable[[str, Mapping[str, Any]], list[Row]]

RAW_LIMIT = 256 * 1024
# So many spans are described with one set of questions.
AT_ONCE = 50
FINDING = ("detector", "severity", "tier", "summary")
CACHE = {"cache_read_input_tokens": "from cache", "cache_write_input_tokens": "written to cache"}
PLAIN_FACTS = {
    "agent version": "agent_version",
    "prompt version": "prompt_version",
    "conversation": "conversation_id",
    "workflow": "workflow_name",
    "service": "service_name",
    "tool call": "tool_call_id",
    "trace": "trace_id",
    "span": "span_id",
    "parent": "parent_span_id",
}
CHUNK = 1024 * 1024


def describe_spans(
    ask: Ask,
    preorders: Sequence[int],
    usage: Mapping[int, Row],
    text_limit: int = 400_000,
    most_inputs: int = 10_000,
) -> Iterator[tuple[int, Row]]:
    """Yield place in tree order and what `src/requests.ts` calls a SpanDetail; texts longer than `text_limit` are cut, and say so.

    Of the input messages the last `most_inputs` are kept, and the first of them says how many stood before it.
    `ask` runs a query with parameters and returns dicts; `usage` holds the spans' rows of `usage_ledger`.
    """
    shown = {"preorders": list(preorders)}
    spans = {row["preorder"]: row for row in ask(load_question("span"), shown)}
    messages = _group(ask(load_question("span_messages"), shown | {"most": most_inputs}), "preorder")
    findings = _group(ask(load_question("span_findings"), shown), "preorder")
    why = _group(ask(load_question("span_why"), shown), "asked_preorder")
    for preorder in preorders:
        span = spans[preorder]
        tool = {
            "arguments": _cut(span["tool_call_arguments"], text_limit),
            "result": _cut(span["tool_call_result"], text_limit),
        }
        yield (
            preorder,
            {
                "title": span["name"] or "(no name)",
                "facts": list_facts(span, usage.get(preorder)),
                "error": _error(span),
                "messages": _list_messages(messages[preorder], text_limit),
                "tool": tool if any(tool.values()) else None,
                "findings": [{name: row[name] for name in FINDING} for row in findings[preorder]],
                "attributes": _cut(_attributes(span), text_limit),
                "source": _source(span, min(RAW_LIMIT, text_limit)),
                "why": _why(why[preorder], min(text_limit, 20_000)),
            },
        )


def _group(rows: list[Row], key: str) -> dict[int, list[Row]]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped


def _why(found: list[Row], text_limit: int) -> Row | None:
    """Return what the model said when it asked for a tool call: place in tree order and name of the model call, and parts.

    None for spans that are no tool calls, and where the log does not hold the model's answer.
    """
    if not found:
        return None
    parts = [part for row in found for part in json.loads(row["parts"])]
    said = [part for part in parts if isinstance(part, dict) and part.get("type") in ("reasoning", "text")]
    blocks = [_part(part, text_limit) for part in said if part.get("content")]
    return {"preorder": found[0]["preorder"], "name": found[0]["name"] or "(no name)", "parts": blocks}


def list_facts(span: Row, usage: Row | None) -> list[list[str]]:
    """Return label and value of whatever is known about a span, in the order a person asks."""
    inherited = " (from the span above)"
    facts = [
        ("agent", _and(span["agent_name"], inherited if span["is_agent_inherited"] else "")),
        ("operation", span["operation_name"] or "plumbing"),
        ("model", _model(span)),
        ("tool", span["tool_name"]),
        ("status", _status(span)),
        ("started", _moment(span["start_time"])),
        ("ended", _moment(span["end_time"]) or ("never, as far as the log goes" if span["start_time"] else None)),
        ("duration", _duration(span["duration_ns"])),
        ("input tokens", _tokens(span, "input_tokens", **CACHE)),
        ("output tokens", _tokens(span, "output_tokens", reasoning_output_tokens="reasoning")),
        *_usage_facts(usage),
        ("stopped because", ", ".join(span["response_finish_reasons"] or [])),
        ("tree", _tree(span)),
        *((label, span[column]) for label, column in PLAIN_FACTS.items()),
    ]
    return [[label, str(value)] for label, value in facts if value not in (None, "")]


def _usage_facts(usage: Row | None) -> list[tuple[str, str | None]]:
    if usage is None:
        return []
    cost = usage["cost_usd"]
    money = "unpriced" if cost is None else f"${cost:,.6f} ({usage['cost_source']})"
    verdict = "yes" if usage["is_counted"] else "no"
    return [("cost", money), ("counted", f"{verdict}: {usage['rule']} ({usage['role']})")]


def _and(value: str | None, more: str) -> str | None:
    return f"{value}{more}" if value else None


def _model(span: Row) -> str | None:
    asked, answered = span["request_model"], span["response_model"]
    name = answered or asked
    if asked and answered and asked != answered:
        name = f"{answered} (asked for {asked})"
    return f"{name} · {span['provider_name']}" if name and span["provider_name"] else name


def _status(span: Row) -> str:
    if span["is_control_flow"]:
        return f"{span['status_code']} (control flow, no failure)"
    return str(span["status_code"])


def _moment(time: Any) -> str | None:
    return None if time is None else f"{time} UTC"


def _duration(nanoseconds: int | None) -> str | None:
    if nanoseconds is None:
        return None
    if abs(nanoseconds) < 1_000_000:
        return f"{nanoseconds / 1e3:,.3f} µs"
    if abs(nanoseconds) < 1_000_000_000:
        return f"{nanoseconds / 1e6:,.3f} ms"
    seconds = f"{nanoseconds / 1e9:,.3f} s"
    return seconds if abs(nanoseconds) < 60_000_000_000 else f"{_long(round(nanoseconds / 1e9))} ({seconds})"


def _long(seconds: int) -> str:
    """Return whole seconds as the page writes them: 9 m 47 s, 2 h 05 m."""
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return f"{days:,} d {hours:02} h"
    return f"{hours} h {minutes:02} m" if hours else f"{minutes} m {seconds % 60:02} s"


def _tokens(span: Row, total: str, **parts: str) -> str | None:
    if span[total] is None:
        return None
    inside = ", ".join(f"{span[column]:,} {label}" for column, label in parts.items() if span[column])
    return f"{span[total]:,}" + (f" ({inside})" if inside else "")


def _tree(span: Row) -> str | None:
    if span["is_orphan"]:
        return "orphan: its parent is nowhere in the lens"
    return "its link to its parent closed a cycle and was cut" if span["is_cycle_broken"] else None


def _error(span: Row) -> str | None:
    if span["status_code"] != "ERROR":
        return None
    return (
        ": ".join(text for text in (span["error_type"], span["status_message"]) if text)
        or "failed, and the log does not say why"
    )


def _list_messages(rows: list[Row], text_limit: int) -> list[Row]:
    messages = [_message(row, text_limit) for row in rows]
    first = next((at for at, row in enumerate(rows) if row["earlier"]), None)
    if first is not None:
        messages[first]["note"] = f"{rows[first]['earlier']:,} earlier messages are not part of this report"
    return messages


def _message(row: Row, text_limit: int) -> Row:
    parts = json.loads(row["parts"])
    speaker = f"{row['role'] or row['direction']}" + (f" ({row['name']})" if row["name"] else "")
    blocks = [_part(part, text_limit) for part in (parts if isinstance(parts, list) else [parts])]
    return {"direction": row["direction"], "position": row["position"], "role": speaker, "parts": blocks}


def _part(part: Any, text_limit: int) -> Row:
    if not isinstance(part, dict):
        return {"type": "text", "text": _cut(_as_text(part), text_limit)}
    kind = str(part.get("type", "part"))
    field = {"text": "content", "reasoning": "content", "tool_call": "arguments", "tool_call_response": "response"}.get(
        kind
    )
    body = part.get(field) if field and field in part else part
    block = {"type": kind, "text": _cut(_as_text(body), text_limit)}
    return block | {key: str(part[key]) for key in ("name", "id") if part.get(key) and field and field in part}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _cut(text: str | None, limit: int) -> str | None:
    if text is None or len(text) <= limit:
        return text
    return f"{text[:limit]}\n… cut here: {len(text):,} characters in all"


def _attributes(span: Row) -> str | None:
    found = {name: json.loads(span[name]) for name in ("attributes", "resource") if span[name] and span[name] != "{}"}
    return json.dumps(found, ensure_ascii=False) if found else None


def _source(span: Row, limit: int) -> Row:
    raw = None
    if span["source_offset"] is not None and span["source_length"] is not None:
        raw = read_record(
            Path(span["stored_at"] or span["path"]),
            span["compression"],
            span["source_offset"],
            span["source_length"],
            limit,
        )
    return {
        "path": span["path"],
        "line": span["source_line"],
        "offset": span["source_offset"],
        "length": span["source_length"],
        "raw": raw,
    }


def read_record(path: Path, compression: str | None, offset: int, length: int, limit: int = RAW_LIMIT) -> str | None:
    """Return a record as it stands on disk, cut at `limit` bytes; None when the file is gone, damaged or shorter."""
    try:
        with Source(path, 0, compression).open() if compression else path.open("rb") as stream:
            if compression:
                _skip(stream, offset)
            else:
                stream.seek(offset)
            raw = stream.read(min(length, limit))
    except (OSError, AgentLensError):
        return None
    if len(raw) < min(length, limit):
        return None
    text = raw.decode("utf-8", errors="backslashreplace")
    return text if length <= limit else f"{text}\n… cut here: {length:,} bytes in all"


def _skip(stream: Any, offset: int) -> None:
    while offset > 0 and (skipped := stream.read(min(offset, CHUNK))):
        offset -= len(skipped)


def group_usage(rows: list[Row]) -> dict[int, Row]:
    """Return the rows of `usage_ledger` by their place in tree order; of several, the counted one."""
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["preorder"]].append(row)
    return {preorder: max(group, key=lambda row: bool(row["is_counted"])) for preorder, group in found.items()}
