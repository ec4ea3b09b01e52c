"""Home-grown JSON lines: one record a step of an agent, read by a declarative mapping (`agentlens.mapping`).

Known without a mapping is the record `{timestamp, agent_id, session_id, action, input, output{confidence},
tokens{prompt, completion, model, cost_usd}, duration_ms, parent_trace_id, status, metadata}` under the usual names, and
the message `{message_id, from, to, depth, payload, timestamp}`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import BOM, HEAD_BYTES, Lines, Place, PlaceColumns, Source, json_values
from agentlens.loaders import pax
from agentlens.loaders._csv_places import csv_header, csv_rows
from agentlens.loaders._json_places import documents, pieces
from agentlens.loaders._json_record import Log, Records, add_records, decode_line, decode_lines
from agentlens.loaders._mapping import PRESET, Mapping

LOOKS_FOR = (
    "JSON lines, or a list of objects, with a time (timestamp, ts, time), an agent (agent, agent_id, agent_name, actor, source) and an action "
    "(action, event, type); or messages with from, to (sender, recipient), a time and a payload"
)
CANNOT_KNOW = "the parent of a record, unless it names one; records without an id are known by their content"
VERSION = 5  # messages under other names, and as events
BATCH_ROWS = 1_000
RESUMES = True
RECORDS_ARE_SPANS = True
IDS_ARE_USED_ONCE = True

TIMES = frozenset({"timestamp", "ts", "time", "start_time", "started_at"})
AGENTS = frozenset({"agent", "agent_id", "agent_name", "actor", "source"})
ACTIONS = frozenset({"action", "event", "event_type", "operation", "type"})
TALKERS = (
    ("from", "to"), ("sender", "recipient"), ("sender", "receiver"), ("sender", "to"), ("from_agent", "to_agent"), ("sender_id", "recipient_id"),
    ("sender_id", "receiver_id"),
)  # fmt: skip
PAYLOADS = frozenset({"payload", "message", "content", "text", "body"})
# Keys by which other formats are known: a record that has one is not home-grown.
FOREIGN = frozenset({
    "resourceSpans", "resourceLogs", "resourceMetrics", "scopeSpans", "traceID", "traceId", "spanId", "parentUuid",
    "leafUuid", "uuid", "sessionId", "dotted_order", "cwd", "projectHash", "op_name", "span_kind", "observation",
    "observations", "parentObservationId", "context", "instance_id", "trajectory", "history", "trajectory_format",
    "eval", "samples", "span_data", "object", "contextId", "messageId", "jsonrpc", "exception", "breadcrumbs",
    "spans", "invocationId", "loglines", "toolUseID",
})  # fmt: skip
# `source` names an agent only where it is not one side of a chat, as in OpenHands events.
SIDES = frozenset({"agent", "user", "environment", "system", "EventSource.AGENT", "EventSource.USER"})
CODEX = frozenset({"timestamp", "type", "payload"})
_NOTHING_YET = hashlib.blake2b(digest_size=8)


def sniff(head: bytes) -> bool:
    """Whether the first records have a time, an agent and an action, or are messages, and are of no other format."""
    values = json_values(head)
    if head.lstrip()[:1] not in (b"{", b"[") or not values or pax.sniff(head):
        return False
    return any(_is_home_grown(_element(record)) for record in values[:5])


def _element(value: dict[str, Any]) -> dict[str, Any]:
    """Return the paths within the elements of a list, of another value its own."""
    return {path.removeprefix("item."): first for path, first in value.items()} if "item" in value else value


def _is_home_grown(record: dict[str, Any]) -> bool:
    keys = {path for path in record if "." not in path and path}
    if keys & FOREIGN or keys <= CODEX or not keys & TIMES:
        return False
    if any(keys.issuperset(sides) for sides in TALKERS) and keys & PAYLOADS:
        return True
    agents = keys & AGENTS
    if agents == {"source"} and record["source"] in SIDES:
        return False
    return bool(agents and keys & ACTIONS)


def splits(source: Source) -> bool:
    """Whether the lines of a file can be read in pieces: the lines of a new file, once the first has given the log its id."""
    if source.start or _is_csv(source) or _is_document(source):
        return False
    first = next(Source(source.stored or source.path, source.source_id).lines(), None)
    source.state = _state(first.raw) if first else None
    return first is not None


def load(source: Source, into: Evidence) -> None:
    """Add a span, or a message between agents, for each line; each line is a record."""
    mapping = source.options.get("mapping") or PRESET
    into.account.input_tokens_meaning = "includes cache"
    if mapping is not PRESET:
        into.account.dialects[mapping.dialect] = None
        into.note_missing("Read by a mapping given by hand; its columns are what the mapping says.")
        if _is_csv(source):
            return _load_csv(source, into, mapping)
    if _is_document(source):
        return _load_documents(source, into, mapping)
    ids = _ContentIds(source)
    for lines in source.line_batches():
        source.state = source.state or _state(lines.raws[0])
        add_records(_records(lines, into), into, Log(mapping, source.state["log_id"], ids.of))
        into.hold(sum(map(len, lines.raws)))


def _state(first: bytes) -> dict[str, Any]:
    return {"log_id": "log:" + _digest(first)}


def _is_csv(source: Source) -> bool:
    with source.open() as stream:
        head = stream.read(HEAD_BYTES)
    return bool(csv_header(head)) and not head.partition(b"\n")[2].lstrip().startswith(b"{")


def _is_document(source: Source) -> bool:
    """Whether records stand in a list, or each over several lines."""
    with source.open() as stream:
        text = stream.read(HEAD_BYTES).removeprefix(BOM).lstrip()
    return text[:1] == b"[" or text.partition(b"\n")[0].rstrip() == b"{"


def _load_documents(source: Source, into: Evidence, mapping: Mapping) -> None:
    """Add what `load` adds, of the elements of lists, or of objects that run over lines; each is a record."""
    log_id, ids, found = None, _ContentIds(source), _elements(source, into)
    while batch := list(itertools.islice(found, BATCH_ROWS)):
        places, raws = zip(*batch)
        log_id = log_id or _state(raws[0])["log_id"]
        records = _records(Lines(PlaceColumns.of(places), list(raws)), into)
        add_records(records, into, Log(mapping, log_id, ids.of))
        into.hold(sum(map(len, raws)))


def _elements(source: Source, into: Evidence) -> Iterator[tuple[Place, bytes]]:
    for document in documents(source):
        for raw, places in pieces(document, into, "JSON"):
            yield places.find(raw), bytes(raw)


def _load_csv(source: Source, into: Evidence, mapping: Mapping) -> None:
    """Add a span or a message for each row of a CSV; each row is a record. Cells that hold JSON are opened."""
    log_id, ids = None, _ContentIds(source)
    rows = csv_rows(source)
    while batch := list(itertools.islice(rows, BATCH_ROWS)):
        log_id = log_id or "log:" + _digest(batch[0].raw)
        into.record(len(batch))
        rows_read = []
        for row in batch:
            if row.problem:
                into.reject(row.place, row.problem, row.raw)
            else:
                rows_read.append(row)
        values = [{name: _opened(cell) for name, cell in row.cells.items()} for row in rows_read]
        places, raws = PlaceColumns.of([row.place for row in rows_read]), [row.raw for row in rows_read]
        add_records(Records(values, places, raws), into, Log(mapping, log_id, ids.of))
        into.hold(sum(map(len, raws)))


def _opened(cell: str) -> Any:
    if cell[:1] not in ("{", "["):
        return cell
    try:
        return decode_line(cell.encode())
    except (ValueError, RecursionError):
        return cell


def _records(lines: Lines, into: Evidence) -> Records:
    """Return the records of lines, and reject lines that are none."""
    into.record(len(lines.raws))
    values = decode_lines(lines.raws)
    bad = [number for number, value in enumerate(values) if type(value) is not dict]
    for number in bad:
        reason = f"no JSON ({value})" if isinstance(value := values[number], Exception) else "no JSON object"
        into.reject(lines.places.place(number), reason, lines.raws[number])
    records = Records(values, *lines)
    return records.take(sorted(set(range(len(values))) - set(bad))) if bad else records


class _ContentIds:
    """Ids for records that have none: a hash of their bytes, and of how often these bytes came before in the file."""

    def __init__(self, source: Source) -> None:
        self._seen = source.identities
        self._again: dict[bytes, int] = {}
        self._seen.clear()
        if source.start and not source.is_piece:
            self._count_earlier(source)

    def _count_earlier(self, source: Source) -> None:
        lines = Source(source.stored or source.path, source.source_id, source.compression).lines()
        self.of(line.raw for line in itertools.takewhile(lambda line: line.offset < source.start, lines))

    def of(self, raws: Iterable[bytes]) -> list[str]:
        """Return an id for each record."""
        begin, seen, ids = _NOTHING_YET.copy, self._seen, []  # a copy is cheaper than a new one
        for raw in raws:
            hasher = begin()
            hasher.update(raw)
            key = hasher.digest()
            ids.append(self._id_again(key, raw) if key in seen else key.hex())
            seen.add(key)
        return ids

    def _id_again(self, key: bytes, raw: bytes) -> str:
        count = self._again[key] = self._again.get(key, 1) + 1
        return _digest(raw + b"\n%d" % count)


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()
