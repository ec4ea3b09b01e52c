"""What the console exporters of OpenTelemetry SDKs print: one pretty JSON object a span, one after the other.

Source: opentelemetry-python `ConsoleSpanExporter` and `ReadableSpan.to_json`.
"""

from __future__ import annotations

from agentlens._evidence import Evidence
from agentlens._source import Source, json_values
from agentlens.loaders._json_places import documents, pieces
from agentlens.loaders._row_caps import note_cap
from agentlens.loaders._sdk_span import load_sdk_span

LOOKS_FOR = "`context.trace_id` beginning with `0x`, beside `kind`, in the first JSON object"
CANNOT_KNOW = "the instrumentation scope, times finer than a microsecond, and spans that were never exported"
VERSION = 2
RECORDS_ARE_SPANS = True


def sniff(head: bytes) -> bool:
    """Whether the first JSON object is a printed span."""
    for paths in json_values(head)[:3]:
        for prefix in ("", "item."):
            trace_id = paths.get(f"{prefix}context.trace_id")
            if isinstance(trace_id, str) and trace_id.startswith("0x") and f"{prefix}kind" in paths:
                return True
    return False


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    into.account.input_tokens_meaning = "includes cache"
    for document in documents(source):
        for raw, places in pieces(document, into, "span"):
            load_sdk_span(into, raw, places.find(raw))
    note_cap(into)
