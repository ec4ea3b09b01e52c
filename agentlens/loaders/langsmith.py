"""LangSmith runs: JSON lines, arrays or Parquet files of runs as exported, and the `post` and `patch` requests of its SDKs.

Source: https://docs.langchain.com/langsmith/run-data-format.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_bytes
from agentlens._source import PARQUET, Place, Source, json_values
from agentlens.loaders._json_places import Places, decode_piece, decode_record, documents, pieces
from agentlens.loaders._langsmith_run import add_run, run_id
from agentlens.loaders._parquet_rows import is_parquet, parquet_columns, parquet_rows
from agentlens.loaders._row_caps import note_cap

LOOKS_FOR = (
    "`dotted_order`, or `run_type` beside `trace_id`, in the first JSON value, in its `post`, `patch` or `runs`, or in the "
    "columns of a Parquet file"
)
CANNOT_KNOW = "tokens that neither the run nor its answer names, and whether a repeated error is a copy from below"
VERSION = 4  # arguments that are written as Python does
RECORDS_ARE_SPANS = True

PATCH = "a patch, merged into the post of its run"
PREFIXES = ("", "item.", "post.item.", "patch.item.", "runs.item.", "data.item.")


class Holder(msgspec.Struct):
    """A run, or a request or page with many; runs stay raw, so that each keeps its place in the file."""

    post: list[msgspec.Raw] | None = None
    patch: list[msgspec.Raw] | None = None
    runs: list[msgspec.Raw] | None = None
    data: list[msgspec.Raw] | None = None
    child_runs: list[msgspec.Raw] | None = None
    run_type: Any = None
    dotted_order: Any = None

    def inner(self) -> list[msgspec.Raw] | None:
        """Return the runs of a request or page, in the order in which they complete each other; None for a run."""
        groups = (self.post, self.patch, self.runs, self.data)
        if self.run_type is not None or self.dotted_order is not None or all(group is None for group in groups):
            return None
        return [raw for group in groups for raw in group or []]


_decode = msgspec.json.Decoder(Holder).decode


def sniff(head: bytes) -> bool:
    """Whether the first value is a run, or holds runs, or the columns of a Parquet file are those of runs."""
    if head.startswith(PARQUET):
        return is_table(parquet_columns(head))
    values = json_values(head)
    return bool(values) and any(_is_run(values[0], prefix) for prefix in PREFIXES)


def is_table(columns: frozenset[str]) -> bool:
    """Whether the columns of a table are those of runs."""
    return "context.span_id" not in columns and _is_run(dict.fromkeys(columns), "")


def _is_run(paths: Row, prefix: str) -> bool:
    has_type = f"{prefix}run_type" in paths
    return f"{prefix}dotted_order" in paths or (
        has_type and bool({f"{prefix}trace_id", f"{prefix}parent_run_id"} & paths.keys())
    )


def load(source: Source, into: Evidence) -> None:
    """Add every run as a span; each run is a record; the `patch` that completes a `post` is merged into it."""
    into.account.input_tokens_meaning = "includes cache"
    if is_parquet(source):
        for run, place in parquet_rows(source, into):
            into.record()
            add_run(into, run, json_bytes(run), place)
        return note_cap(into)
    for document in documents(source):
        for raw, places in pieces(document, into, "run"):
            _load_piece(raw, places, into)
    note_cap(into)


def _load_piece(raw: msgspec.Raw, places: Places, into: Evidence) -> None:
    holder = decode_piece(_decode, raw, places, into, "run")
    if holder is None:
        return
    if (runs := holder.inner()) is not None:
        _load_request(runs, places, into)
        return
    place = places.find(raw)
    into.record()
    if (run := decode_record(raw, place, into, "run")) is not None:
        run.pop("child_runs", None)
        add_run(into, run, bytes(raw), place)
    for child in holder.child_runs or []:
        _load_piece(child, places, into)


def _load_request(raws: list[msgspec.Raw], places: Places, into: Evidence) -> None:
    """Add the runs of a request; what a `patch` says comes over what the `post` of its run says."""
    runs: dict[str, tuple[Row, bytes, Place]] = {}
    for raw in raws:
        place = places.find(raw)
        into.record()
        run = decode_record(raw, place, into, "run")
        if run is None:
            continue
        key = run_id(run) or str(place.offset)
        if key in runs:
            into.skip(PATCH)
            runs[key][0].update({name: value for name, value in run.items() if value not in (None, "", [], {})})
        else:
            runs[key] = run, bytes(raw), place
    if not raws:
        into.record()
        into.skip("a request without runs")
    for run, text, place in runs.values():
        add_run(into, run, text, place)
