"""any-agent `AgentTrace` files: one JSON object with `spans` and `final_output`.

Source: https://github.com/mozilla-ai/any-agent, `any_agent/tracing/agent_trace.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Source, json_values
from agentlens.loaders._json_places import Places, decode_piece, documents, pieces
from agentlens.loaders._row_caps import note_cap
from agentlens.loaders._sdk_span import load_sdk_span

LOOKS_FOR = "`spans` with `context`, `parent` and a `kind` in lower case, such as `internal`"
CANNOT_KNOW = "the whole prompt of any model call but the first of a run, and cached tokens"
VERSION = 1
RECORDS_ARE_SPANS = True

KINDS = frozenset({"internal", "server", "client", "producer", "consumer"})


class AgentTrace(msgspec.Struct):
    """One run; spans stay raw, so that each keeps its place in the file."""

    spans: list[msgspec.Raw]
    final_output: Any = None


_decode = msgspec.json.Decoder(AgentTrace).decode


def sniff(head: bytes) -> bool:
    """Whether the first value holds spans as any-agent dumps them; ids are too large for a sniffer to see."""
    values = json_values(head)
    return bool(values) and any(_is_trace(values[0], f"{prefix}spans.item.") for prefix in ("", "item."))


def _is_trace(paths: Row, prefix: str) -> bool:
    return paths.get(f"{prefix}kind") in KINDS and bool({f"{prefix}parent", f"{prefix}context"} & paths.keys())


def load(source: Source, into: Evidence) -> None:
    """Add every span of the file; each span is a record."""
    into.account.input_tokens_meaning = "includes cache"
    for document in documents(source):
        for raw, places in pieces(document, into, "any-agent trace"):
            trace = decode_piece(_decode, raw, places, into, "any-agent trace")
            if trace is not None:
                _load_trace(trace, places, into)
    note_cap(into)


def _load_trace(trace: AgentTrace, places: Places, into: Evidence) -> None:
    if not trace.spans:
        into.record()
        into.skip("a trace without spans")
    for raw in trace.spans:
        load_sdk_span(into, raw, places.find(raw))
