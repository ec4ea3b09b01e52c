"""LangSmith runs: JSON lines or arrays of runs as exported, and the `post` and `patch` requests of its SDKs.

Source: https://docs.langchain.com/langsmith/run-data-format.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._json_places import DECODE_ERRORS, Cursor, documents, place_of
from agentlens.loaders._langsmith_run import add_run
from agentlens.loaders._row_caps import note_cap

LOOKS_FOR = (
    "`dotted_order`, or `run_type` beside `trace_id`, in the first JSON value or in its `post`, `patch` or `runs`"
)
CANNOT_KNOW = "tokens that neither the run nor its answer names, and whether a repeated error is a copy from below"
VERSION = 1
RECORDS_ARE_SPANS = True

GROUPS = ("post", "patch", "runs", "data")
CHILDREN = "child_runs"
PREFIXES = ("", "item.", "post.item.", "patch.item.", "runs.item.", "data.item.")
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_groups = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def sniff(head: bytes) -> bool:
    """Whether the first value is a run, or holds runs."""
    values = json_values(head)
    return bool(values) and any(_is_run(values[0], prefix) for prefix in PREFIXES)


def _is_run(paths: Row, prefix: str) -> bool:
    has_type = f"{prefix}run_type" in paths
    return f"{prefix}dotted_order" in paths or (
        has_type and bool({f"{prefix}trace_id", f"{prefix}parent_run_id"} & paths.keys())
    )


def load(source: Source, into: Evidence) -> None:
    """Add every run as a span; each run is a record, a `post` and the `patch` that completes it being one."""
    into.account.input_tokens_meaning = "includes cache"
    for document in documents(source):
        try:
            _load_document(document, into)
        except DECODE_ERRORS as error:
            into.record()
            into.reject(place_of(document), f"no run: {error}", document.raw)
    note_cap(into)


def _load_document(document: Line, into: Evidence) -> None:
    cursor = Cursor(document)
    if document.raw[:1] == b"[":
        for raw in _decode_list(document.raw):
            text = bytes(raw)
            _load_text(text, cursor.find(text), into)
        return
    groups = _decode_groups(document.raw)
    if not groups.keys() & set(GROUPS) or "run_type" in groups or "dotted_order" in groups:
        _load_text(document.raw, place_of(document), into)
        return
    _load_request(
        {name: _decode_list(groups[name]) for name in GROUPS if bytes(groups.get(name, msgspec.Raw()))[:1] == b"["},
        cursor,
        into,
    )


def _load_request(groups: dict[str, list[msgspec.Raw]], cursor: Cursor, into: Evidence) -> None:
    """Add the runs of a request; what a `patch` says comes over what the `post` of its run says."""
    runs: dict[str, tuple[Row, bytes, Place]] = {}
    for raws in groups.values():
        for raw in raws:
            text = bytes(raw)
            place = cursor.find(text)
            run = _decoded(text, place, into)
            if run is None:
                continue
            key = str(run.get("dotted_order") or run.get("id") or place.offset)
            if key in runs:
                before, first_text, first_place = runs[key]
                before.update({name: value for name, value in run.items() if value not in (None, [], {})})
                runs[key] = before, first_text, first_place
            else:
                runs[key] = run, text, place
    if not runs:
        into.record()
        into.skip("a request without runs")
    for run, text, place in runs.values():
        into.record()
        add_run(into, run, text, place)


def _load_text(text: bytes, place: Place, into: Evidence) -> None:
    run = _decoded(text, place, into)
    if run is None:
        return
    into.record()
    children = run.pop(CHILDREN, None)
    add_run(into, run, text, place)
    if isinstance(children, list) and children:
        _load_children(text, place, into)


def _load_children(text: bytes, place: Place, into: Evidence) -> None:
    """Add the runs that stand inside a run; each keeps its own place."""
    cursor = Cursor(Line(place.line or 1, place.offset, text))
    for raw in _decode_list(_decode_groups(text)[CHILDREN]):
        child = bytes(raw)
        _load_text(child, cursor.find(child), into)


def _decoded(text: bytes, place: Place, into: Evidence) -> Row | None:
    try:
        return _decode(text)
    except DECODE_ERRORS as error:
        into.record()
        into.reject(place, f"no run: {error}", text)
        return None
