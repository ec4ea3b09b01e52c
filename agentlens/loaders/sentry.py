"""Sentry events and envelopes: transactions with their spans, errors, breadcrumbs.

Source: https://develop.sentry.dev `sdk/data-model/event-payloads` and `envelopes`, and Sentry's conventions for
`gen_ai` spans.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Source, json_values
from agentlens.loaders._claude_code_fields import dict_of
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._other_kind import other_kind
from agentlens.loaders._sentry_event import EventReader
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = "a JSON object with `event_id` and `platform`, `breadcrumbs`, `exception`, `spans` or `contexts.trace`"
CANNOT_KNOW = (
    "spans and breadcrumbs beyond the SDK's limits (1,000 spans, 100 breadcrumbs), and what was sampled away or "
    "scrubbed"
)
VERSION = 2

HEADER = "header of an envelope"
HEADER_KEYS = frozenset({"event_id", "dsn", "sdk", "trace", "type", "length", "content_type"})
MARKS = frozenset({"platform", "breadcrumbs", "exception", "spans", "contexts.trace", "contexts.trace.trace_id"})


def sniff(head: bytes) -> bool:
    """Whether one of the first values is an event."""
    return any(_is_event(value, "") or _is_event(value, "item.") for value in json_values(head)[:5])


def _is_event(value: dict[str, Any], prefix: str) -> bool:
    return f"{prefix}event_id" in value and any(f"{prefix}{mark}" in value for mark in MARKS)


def load(source: Source, into: Evidence) -> None:
    """Add what each event holds; an event is a record, and so is each of its spans and breadcrumbs."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    for document in documents(source, into):
        try:
            events = items(document) if document.raw[:1] == b"[" else [document]
        except DECODE_ERRORS as error:
            into.record()
            into.reject(place_of(document), f"not JSON: {error}", document.raw)
            continue
        for event in events:
            _load_event(event, into)


def _load_event(event: Line, into: Evidence) -> None:
    into.record()
    try:
        parts = members(event)
        crumbs = parts.get("breadcrumbs")
        fields = {key: value_of(part) for key, part in parts.items() if key not in ("spans", "breadcrumbs")}
        inner = members(crumbs).get("values", crumbs) if crumbs else None
        spans, breadcrumbs = items(parts.get("spans")), items(inner)
    except (*DECODE_ERRORS, ValueError) as error:
        into.reject(place_of(event), f"not an event: {error}", event.raw)
        return
    if event.raw[:1] != b"{":
        into.reject(place_of(event), "not an event: no object", event.raw)
    elif "sent_at" in parts or (parts and parts.keys() <= HEADER_KEYS):
        into.skip(HEADER)
    elif "event_id" in parts or dict_of(fields.get("contexts")):
        into.accept()
        reader = EventReader(into, fields, place_of(event))
        for number, span in enumerate(spans):
            reader.read_span(span, number)
        for number, crumb in enumerate(breadcrumbs):
            reader.read_breadcrumb(crumb, number)
        reader.finish()
    elif HEADER in into.account.skipped:
        into.skip("item of an envelope that is no event")
    else:
        into.reject(place_of(event), other_kind(parts, LOOKS_FOR), event.raw)
