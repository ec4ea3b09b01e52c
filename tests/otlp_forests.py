"""Random forests of spans: how they are made, every way they are written as OTLP, and their tree in plain Python."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToJson, ParseDict
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from agentlens import Lens, read

Span = dict[str, Any]
"""A span in OTLP's JSON shape."""

AGENTS = [None, "planner", "writer"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


class Written(NamedTuple):
    """One way to write a forest: file name and bytes."""

    name: str
    data: bytes


def span(
    trace: int, number: int, parent: int | None = None, start: int | None = None, end: int | None = None, **more: Any
) -> Span:
    """Return a span in OTLP's JSON shape; ids are made from numbers, times are nanoseconds."""
    logged: Span = {"traceId": f"{trace + 1:032x}", "spanId": f"{number + 1:016x}", "name": f"step {number}", **more}
    if parent is not None:
        logged["parentSpanId"] = f"{parent + 1:016x}"
    if start is not None:
        logged["startTimeUnixNano"] = str(start)
    if end is not None:
        logged["endTimeUnixNano"] = str(end)
    return logged


def attribute(key: str, value: Any) -> dict[str, Any]:
    """Return an OTLP key-value pair."""
    if isinstance(value, bool):
        return {"key": key, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    if isinstance(value, float):
        return {"key": key, "value": {"doubleValue": value}}
    if isinstance(value, list):
        return {"key": key, "value": {"arrayValue": {"values": [attribute("", item)["value"] for item in value]}}}
    return {"key": key, "value": {"stringValue": value}}


def batch(spans: list[Span], service: str = "team") -> dict[str, Any]:
    """Return one export request."""
    return {
        "resourceSpans": [{
            "resource": {"attributes": [attribute("service.name", service)]},
            "scopeSpans": [{"scope": {"name": "tests"}, "spans": spans}],
        }]
    }  # fmt: skip


@st.composite
def forests(draw: st.DrawFn, most: int = 14) -> list[Span]:
    """Spans of one or two traces with orphans, cycles, several roots, equal times and missing times."""
    times = st.one_of(st.none(), st.integers(1, 4).map(lambda second: 1_700_000_000_000_000_000 + second * 10**9))
    spans = []
    for trace in range(draw(st.integers(1, 2))):
        count = draw(st.integers(1, most))
        for number in range(count):
            parent = draw(st.one_of(st.none(), st.integers(0, count)))  # `count` names a span that is nowhere
            spans.append(span(trace, number, parent, draw(times), draw(times), **_content(draw)))
    return spans


def _content(draw: st.DrawFn) -> dict[str, Any]:
    agent, conversation = draw(st.sampled_from(AGENTS)), draw(st.sampled_from([None, "one", "two"]))
    attributes = [attribute("note", draw(TEXTS)), attribute("gen_ai.usage.input_tokens", draw(st.integers(0, 9)))]
    if agent:
        attributes.append(attribute("gen_ai.agent.name", agent))
    if conversation:
        attributes.append(attribute("gen_ai.conversation.id", conversation))
    if draw(st.booleans()):
        said = [{"role": "user", "parts": [{"type": "text", "content": draw(TEXTS)}]}]
        attributes.append(attribute("gen_ai.input.messages", json.dumps(said)))
    logged: dict[str, Any] = {"attributes": attributes}
    if draw(st.booleans()):
        logged["events"] = [{"name": "seen", "timeUnixNano": "1700000000000000000"}]
    if draw(st.booleans()):
        logged["status"] = {"code": draw(st.integers(1, 2))}
    return logged


def as_lines(spans: list[Span], size: int = 3) -> bytes:
    """Return JSON lines of `size` spans each."""
    cuts = range(0, len(spans), size)
    return b"".join(json.dumps(batch(spans[at : at + size])).encode() + b"\n" for at in cuts)


def as_protobuf(spans: list[Span]) -> TracesData:
    """Return the spans as a protobuf message."""
    hexes = {"traceId", "spanId", "parentSpanId"}
    encoded = [
        {k: base64.b64encode(bytes.fromhex(v)).decode() if k in hexes else v for k, v in s.items()} for s in spans
    ]
    return ParseDict(batch(encoded), TracesData())


def every_form(spans: list[Span]) -> list[Written]:
    """Return the forest in every form of OTLP that agentlens reads."""
    message = as_protobuf(spans)
    half = len(spans) // 2
    parts = [as_protobuf(part).SerializeToString() for part in (spans[:half], spans[half:]) if part]
    return [
        Written("lines.jsonl", as_lines(spans)),
        Written("lines_crlf.jsonl", as_lines(spans).replace(b"\n", b"\r\n")),
        Written("lines_bom.jsonl", b"\xef\xbb\xbf" + as_lines(spans)),
        Written("lines.jsonl.gz", gzip.compress(as_lines(spans))),
        Written("document.json", json.dumps(batch(spans), indent=2).encode()),
        Written("array.json", json.dumps([batch(spans[:half]), batch(spans[half:])]).encode()),
        Written("wrapped.json", json.dumps({"traces": batch(spans)}, indent=1).encode()),
        Written("old_keys.json", _old_keys(spans)),
        Written("base64_ids.json", MessageToJson(message).encode()),
        Written("message.pb", message.SerializeToString()),
        Written("delimited.pb", b"".join(_varint(len(part)) + part for part in parts)),
        Written("prefixed.pb", b"".join(len(part).to_bytes(4, "big") + part for part in parts)),
    ]


def _old_keys(spans: list[Span]) -> bytes:
    text = json.dumps(batch(spans)).replace('"scopeSpans"', '"instrumentationLibrarySpans"')
    return text.replace('"scope"', '"instrumentationLibrary"').encode()


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


class Node(NamedTuple):
    """Tree columns of one span, worked out by hand."""

    depth: int
    preorder: int
    subtree_end: int
    root_span_id: str
    is_orphan: bool
    is_cycle_broken: bool


def expected_tree(spans: list[Span]) -> dict[tuple[str, str], Node]:
    """Return the tree columns of every span by (trace id, span id), worked out slowly and plainly."""
    traces: dict[str, list[Span]] = {}
    for one in sorted(spans, key=lambda s: (_start(s), s["spanId"])):
        traces.setdefault(one["traceId"], []).append(one)
    nodes: dict[tuple[str, str], Node] = {}
    for trace, members in sorted(traces.items(), key=lambda item: (_start(item[1][0]), item[0])):
        _place_trace(trace, members, nodes)
    return nodes


def _start(one: Span) -> float:
    return int(one["startTimeUnixNano"]) if "startTimeUnixNano" in one else float("inf")


def _place_trace(trace: str, members: list[Span], nodes: dict[tuple[str, str], Node]) -> None:
    ids = [one["spanId"] for one in members]
    named = {one["spanId"]: one.get("parentSpanId") for one in members}
    orphans = {i for i in ids if named[i] is not None and named[i] not in named}
    cut = {i for i in ids if (ring := _ring(i, named)) and i == min(ring, key=ids.index)}
    roots = [i for i in ids if named[i] is None or i in orphans] + [i for i in ids if i in cut]

    def visit(node: str, root: str, depth: int) -> None:
        preorder = len(nodes)
        nodes[trace, node] = Node(depth, preorder, 0, root, node in orphans, node in cut)
        for child in ids:
            if named[child] == node and child not in cut:
                visit(child, root, depth + 1)
        nodes[trace, node] = nodes[trace, node]._replace(subtree_end=len(nodes))

    for root in roots:
        visit(root, root, 0)


def _ring(node: str, named: dict[str, str | None]) -> list[str]:
    """Return the cycle a span stands on; empty when it stands on none."""
    ring, at = [node], named[node]
    while at in named and at not in ring:
        ring.append(at)
        at = named[at]
    return ring if at == node else []


PLACES = "source_id, source_line, source_offset, source_length"
CONTENT = {
    "spans": PLACES,
    "span_events": PLACES,
    "span_links": PLACES,
    "span_messages": PLACES,
    "messages": PLACES,
    "agents": PLACES,
    "rejects": "source_id, source_line, source_offset",
}


def content(lens: Lens) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything a lens holds except where it stands, in an order of its own."""
    return {
        table: sorted(lens.sql(f"SELECT * EXCLUDE ({places}) FROM {table}").fetchall(), key=repr)
        for table, places in CONTENT.items()
    }


def read_bytes(folder: Path, *files: Written | bytes, **options: Any) -> Lens:
    """Write files into a folder and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        name, data = file if isinstance(file, Written) else (f"{number}.jsonl", file)
        (folder / name).write_bytes(data)
    return read(folder, progress=False, **options)


def assert_accounts_balance(lens: Lens) -> None:
    """Check the law of the house for every source, and that each rejected record is a row of `rejects`."""
    broken = lens.sql(
        "SELECT path, records, accepted, rejected, skipped FROM sources WHERE records <> accepted + rejected + skipped"
    )
    assert broken.fetchall() == []
    counts = lens.sql("""
        SELECT s.path, s.rejected, count(r.source_id)
        FROM sources AS s LEFT JOIN rejects AS r USING (source_id)
        GROUP BY ALL HAVING s.rejected <> count(r.source_id)
    """)
    assert counts.fetchall() == []
