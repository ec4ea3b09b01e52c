"""Records dropped as duplicates that say something else under an id that was used: they become rejects, with their text."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import msgspec
import pyarrow as pa

from agentlens._errors import AgentLensError
from agentlens._evidence import RAW_BYTES
from agentlens._json_text import canonical_json
from agentlens._source import Place, Source
from agentlens._staging import Staging

REUSED = "id already used by another record of the file, with other content; that one is kept"
BATCH_ROWS = 1_000
SKIP_BYTES = 1024 * 1024


def reject_reused_ids(con: duckdb.DuckDBPyConnection, staging: Staging) -> Iterator[tuple[int, int]]:
    """Stage a reject for each text of `reused_ids` that is kept nowhere yet; yields the sources and how many each has."""
    query = """
        SELECT source_id, coalesce(stored_at, path), compression FROM staged_sources
        WHERE source_id IN (SELECT source_id FROM reused_ids) ORDER BY 1
    """
    for source_id, path, compression in con.execute(query).fetchall():
        source = Source(Path(path), source_id, compression)
        rejected = 0
        for places, raws in _batches(_other_texts(con, source)):
            staging("rejects", _rows(source_id, places, raws))
            rejected += len(places)
        if rejected:
            yield source_id, rejected


def count_late_rejects(con: duckdb.DuckDBPyConnection, source_id: int, known: int) -> int:
    """Return how many rejects of a source are not among the `known` ones of its account: those found after it was saved."""
    query = "SELECT count(*) FROM rejects WHERE source_id = $source HAVING bool_or(reason = $reason)"
    [count] = con.execute(query, {"source": source_id, "reason": REUSED}).fetchone() or [known]
    return int(count) - known


def _other_texts(con: duckdb.DuckDBPyConnection, source: Source) -> Iterator[tuple[Place, bytes]]:
    """Yield the records whose text, but for the order of keys, neither a span that stays nor a reject before has."""
    kept = """
        SELECT kept_offset, kept_length FROM reused_ids WHERE source_id = $source
        UNION SELECT source_offset, source_length FROM rejects WHERE source_id = $source AND reason = $reason
        ORDER BY ALL
    """
    dropped = "SELECT source_line, source_offset, source_length FROM reused_ids WHERE source_id = $source ORDER BY 2"
    known = con.execute(kept, {"source": source.source_id, "reason": REUSED}).fetchall()
    seen = {_digest(raw) for _, raw in _texts(source, (Place(0, *span) for span in known))}
    again = con.execute(dropped, {"source": source.source_id}).fetchall()
    for place, raw in _texts(source, (Place(*row) for row in again)):
        digest = _digest(raw)
        if digest not in seen:
            seen.add(digest)
            yield place, raw


def _texts(source: Source, places: Iterable[Place]) -> Iterator[tuple[Place, bytes]]:
    """Yield what stands at places of a source, in their order in it; nothing from where it can no longer be read."""
    at = 0
    try:
        with source.open() as stream:
            for place in places:
                while at < place.offset and (passed := len(stream.read(min(place.offset - at, SKIP_BYTES)))):
                    at += passed
                raw = stream.read(place.length)
                at += len(raw)
                yield place, raw
    except (OSError, AgentLensError):  # gone or damaged since: what was dropped stays a skipped record
        return


def _digest(raw: bytes) -> bytes:
    # Of a row of a CSV, or of JSON that only a lenient reader takes, the bytes decide.
    with contextlib.suppress(ValueError, RecursionError):
        raw = canonical_json(msgspec.json.decode(raw))
    return hashlib.blake2b(raw, digest_size=16).digest()


def _batches(texts: Iterable[tuple[Place, bytes]]) -> Iterator[tuple[list[Place], list[str]]]:
    places, raws = list[Place](), list[str]()
    for place, raw in texts:
        places.append(place)
        raws.append(raw[:RAW_BYTES].decode("utf-8", "backslashreplace"))
        if len(places) == BATCH_ROWS:
            yield places, raws
            places, raws = [], []
    if places:
        yield places, raws


def _rows(source_id: int, places: list[Place], raws: list[str]) -> pa.Table:
    lines, offsets, lengths = zip(*places)
    return pa.table(
        {
            "source_id": pa.array([source_id] * len(places), pa.int32()),
            "source_line": pa.array(lines, pa.int64()), "source_offset": pa.array(offsets, pa.int64()),
            "source_length": pa.array(lengths, pa.int64()), "reason": [REUSED] * len(places), "raw": raws,
        }
    )  # fmt: skip
