"""Spans, and OTLP/JSON lines made of them, with the standard library alone."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KIND = {"INTERNAL": 1, "CLIENT": 3}
STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}
SPANS_A_LINE = 8


@dataclass
class Span:
    """One span; times in nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    start: int
    end: int
    attributes: dict[str, Any]
    status: str = "UNSET"
    message: str = ""
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)


def make_id(length: int, *parts: object) -> str:
    """A hexadecimal id of that length, the same for the same parts."""
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:length]


def to_json(value: Any) -> str:
    """The JSON text that instrumentations put into string attributes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def any_value(value: Any) -> dict[str, Any]:
    """An OTLP AnyValue; 64-bit integers are strings there."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    return {"stringValue": value}


def key_values(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """OTLP's list of keys and values."""
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def span_json(span: Span) -> dict[str, Any]:
    """The span as the file exporter writes it: defaults are left out."""
    out: dict[str, Any] = {"traceId": span.trace_id, "spanId": span.span_id}
    if span.parent_id:
        out["parentSpanId"] = span.parent_id
    out |= {
        "flags": 256,
        "name": span.name,
        "kind": KIND[span.kind],
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "attributes": key_values(span.attributes),
    }
    if span.events:
        out["events"] = [
            {"timeUnixNano": str(time), "name": name, "attributes": key_values(attributes)}
            for time, name, attributes in span.events
        ]
    out["status"] = {}
    if span.status != "UNSET":
        out["status"]["code"] = STATUS[span.status]
    if span.message:
        out["status"]["message"] = span.message
    return out


def write_lines(
    path: Path, spans: list[Span], resource: dict[str, Any], scope: dict[str, str], schema_url: str
) -> None:
    """Write the spans in the order in which they ended, so children stand before their parents, a batch a line."""
    ordered = sorted(spans, key=lambda span: (span.end, -span.start, span.span_id))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for first in range(0, len(ordered), SPANS_A_LINE):
            batch = [span_json(span) for span in ordered[first : first + SPANS_A_LINE]]
            scope_spans = [{"scope": scope, "spans": batch}]
            out.write(
                to_json(
                    {
                        "resourceSpans": [
                            {
                                "resource": {"attributes": key_values(resource)},
                                "scopeSpans": scope_spans,
                                "schemaUrl": schema_url,
                            }
                        ]
                    }
                )
                + "\n"
            )
