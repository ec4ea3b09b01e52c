"""MLflow traces: one JSON document or line a trace, with `info` and `data`; schema versions 2 and 3, and bare `spans`.

Source: https://github.com/mlflow/mlflow, `mlflow/entities/trace.py` and `span.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence, Row
from agentlens._source import Place, Source, json_values
from agentlens.loaders._json_places import Places, decode_piece, decode_record, documents, pieces
from agentlens.loaders._mlflow_span import add_mlflow_span
from agentlens.loaders._other_kind import reject_other_kind
from agentlens.loaders._row_caps import note_cap

LOOKS_FOR = "`info` with `trace_id` or `request_id`, beside `data` with `spans`; or `spans` with `mlflow.` attributes"
CANNOT_KNOW = (
    "which exception of a failing run came first, where every span above repeats it, and cost in older versions"
)
VERSION = 2
RECORDS_ARE_SPANS = True


class Data(msgspec.Struct):
    """The spans of a trace; they stay raw, so that each keeps its place in the file."""

    spans: list[msgspec.Raw] | None = None


class Trace(msgspec.Struct):
    """One trace, or the spans of one without its info, as in MLflow's artifacts."""

    info: dict[str, Any] | None = None
    data: Data | None = None
    spans: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(Trace).decode
# `data` by itself may be anything's.
_KEYS = frozenset({"info", "spans"})


def sniff(head: bytes) -> bool:
    """Whether the first value is a trace of MLflow's."""
    values = json_values(head)
    return bool(values) and any(_is_trace(values[0], prefix) for prefix in ("", "item."))


def _is_trace(paths: Row, prefix: str) -> bool:
    has_id = f"{prefix}info.trace_id" in paths or f"{prefix}info.request_id" in paths
    if has_id and any(
        path.startswith((f"{prefix}info.trace_", f"{prefix}info.tags.mlflow", f"{prefix}info.experiment_id"))
        for path in paths
    ):
        return True
    return any(path.startswith(f"{prefix}spans.item.attributes.mlflow.") for path in paths)


def load(source: Source, into: Evidence) -> None:
    """Add every span of every trace; each span is a record, and so is a trace without spans."""
    into.account.input_tokens_meaning = "includes cache"
    for document in documents(source):
        for raw, places in pieces(document, into, "MLflow trace"):
            trace = decode_piece(_decode, raw, places, into, "MLflow trace")
            if trace is not None:
                _load_trace(trace, raw, places, into)
    note_cap(into)


def _load_trace(trace: Trace, raw: msgspec.Raw, places: Places, into: Evidence) -> None:
    raws = (trace.data.spans if trace.data else None) or trace.spans or []
    if not raws and not reject_other_kind(raw, places.find(raw), into, _KEYS, LOOKS_FOR):
        into.record()
        into.skip("a trace without spans")
    for span in raws:
        _load_span(into, span, places.find(span), trace.info or {})


def _load_span(into: Evidence, raw: msgspec.Raw, place: Place, info: Row) -> None:
    into.record()
    if (logged := decode_record(raw, place, into, "span")) is not None:
        add_mlflow_span(into, logged, info, bytes(raw), place)
