"""Packs rows of spans into the columns that the page draws from, and the header that explains them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Array = npt.NDArray[Any]

CODES = ("name", "agent", "operation", "tool", "model", "stamp")
WIRE = {"f8": "f64", "f4": "f32", "i4": "i32", "u4": "u32", "u2": "u16", "u1": "u8"}
MOST_TRACES = 1000
UNFINISHED = 2


def pack_spans(table: pa.Table, notes: list[str]) -> tuple[dict[str, Any], bytes]:
    """Return header and columns of spans in tree order (the columns of `questions/tree_columns.sql`).

    Rows may be any part of a forest: a subtree is cut down to the rows that are there.
    """
    preorder = table["preorder"].to_numpy()
    ends = np.searchsorted(preorder, table["subtree_end"].to_numpy())
    starts, origin_ns = _times(table)
    columns: dict[str, Array] = {
        "start": starts,
        "duration": _floats(table["duration_ns"], 1e6),
        "end": ends.astype("i4"),
    }
    dictionaries = {}
    for name in CODES:
        columns[name], dictionaries[name] = _encode(table[name])
    columns |= {
        "status": table["status"].to_numpy().astype("u1"),
        "tokens": np.clip(table["tokens"].to_numpy(), 0, 2**32 - 1).astype("u4"),
        "cost": _floats(table["cost"], 1.0),
        "flags": table["flags"].to_numpy().astype("u2"),
    }
    untimed = int(np.isnan(starts).sum())
    if untimed:
        notes = [*notes, f"{untimed:,} of {len(starts):,} spans have no start time and are not on the timeline."]
    directory, packed = pack_columns(columns)
    traces, count = _list_traces(table, origin_ns)
    header = {
        "n": len(preorder),
        "columns": directory,
        "dictionaries": dictionaries,
        "origin_ms": None if origin_ns is None else origin_ns // 1_000_000,
        "traces": traces,
        "trace_count": count,
        "notes": notes,
    }
    return header, packed


def encode_usage(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return what the ledger says of every row, texts as codes: what a click needs, at hand and small."""
    texts = {name: pc.dictionary_encode(table[name]) for name in ("role", "rule", "cost_source")}
    return texts | {"is_counted": table["is_counted"], "cost_usd": table["cost_usd"]}


def pack_columns(columns: dict[str, Array]) -> tuple[list[list[Any]], bytes]:
    """Return a directory `[[name, type, byte offset], …]` and the columns in a row, each on an 8-byte border."""
    directory: list[list[Any]] = []
    parts: list[bytes] = []
    offset = 0
    for name, column in columns.items():
        raw = np.ascontiguousarray(column).tobytes()
        directory.append([name, WIRE[column.dtype.str[1:]], offset])
        parts += [raw, b"\0" * (-len(raw) % 8)]
        offset += len(raw) + -len(raw) % 8
    return directory, b"".join(parts)


def shuffle(header: dict[str, Any], packed: bytes) -> bytes:
    """Return packed columns byte by byte, the first byte of every row first: neighbours are then alike, and they deflate better."""
    shuffled, rows = bytearray(packed), header["n"]
    for _, kind, offset in header["columns"]:
        width = int(kind[1:]) // 8
        column = np.frombuffer(packed, "u1", rows * width, offset).reshape(rows, width)
        shuffled[offset : offset + rows * width] = column.T.tobytes()
    return bytes(shuffled)


def pack_bits(chosen: Array) -> bytes:
    """Return one bit a row, lowest first; no bytes when nothing is chosen."""
    return np.packbits(chosen.astype(bool), bitorder="little").tobytes() if chosen.any() else b""


def _times(table: pa.Table) -> tuple[Array, int | None]:
    """Return starts in ms since the origin (NaN for none), and the origin: the first start, cut to whole ms."""
    column = table["start_ns"]
    first = pc.min(column).as_py()
    if first is None:
        return np.full(len(column), np.nan), None
    origin = first // 1_000_000 * 1_000_000
    starts = pc.subtract(column, origin).cast(pa.float64(), safe=False).to_numpy() / 1e6
    return starts, origin


def _floats(column: pa.ChunkedArray, unit: float) -> Array:
    values: Array = column.cast(pa.float64(), safe=False).to_numpy() / unit
    return values.astype("f4")


def _encode(column: pa.ChunkedArray) -> tuple[Array, list[str]]:
    """Return codes as narrow as they may be, and the texts they stand for; code 0 is always the empty text."""
    encoded = pa.concat_arrays([pa.array([""]), *column.chunks]).dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    width = "u1" if len(texts) <= 2**8 else "u2" if len(texts) <= 2**16 else "u4"
    return encoded.indices.to_numpy()[1:].astype(width), texts


def _list_traces(table: pa.Table, origin_ns: int | None) -> tuple[list[dict[str, Any]], int]:
    """Return where the first traces begin and end, with a label each, and how many there are in all."""
    if len(table) == 0:
        return [], 0
    codes = table["trace_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    begins = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    ends = np.concatenate([begins[1:], [len(codes)]])
    shown = begins[:MOST_TRACES]
    heads = table.select(["trace_id", "name", "agent", "start_ns"]).take(pa.array(shown)).to_pylist()
    traces = [
        {"row": int(row), "end": int(end), "trace_id": head["trace_id"], "label": _label_trace(head, int(end - row))}
        for row, end, head in zip(shown, ends, heads)
    ]
    return traces, len(begins)


def _label_trace(head: dict[str, Any], spans: int) -> str:
    name = head["name"] or head["agent"] or head["trace_id"]
    counted = f"{name[:60]} ({spans:,} {'span' if spans == 1 else 'spans'})"
    if head["start_ns"] is None:
        return counted
    second = str(np.datetime64(head["start_ns"], "ns").astype("datetime64[s]"))
    return f"{second.replace('T', ' ')}Z {counted}"
