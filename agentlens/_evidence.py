"""What a loader fills: rows for the evidence tables and an account of every record it met."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from agentlens._account import Account
from agentlens._json_text import canonical_json, json_each
from agentlens._message_lists import MessageLists, Range
from agentlens._row_buffer import RowBuffer
from agentlens._source import Place, PlaceColumns, Source

BATCH_ROWS = 60_000
BATCH_BYTES = 32 * 1024 * 1024
# An Arrow table of one row takes some 25 kB: of a folder of many short files each gives several.
ROWS_AN_ARROW_TABLE_WEIGHS = 48
# So many times a batch, rows become Arrow: while the processor has them at hand, and to hold less than objects would.
PACKS = 8
RAW_BYTES = 4096
MESSAGE_MEMO_BYTES = 64 * 1024 * 1024
# Hashes of messages that are known to be stored, at 150 bytes each; one that is forgotten is stored once more, and merged later.
MOST_SEEN = 500_000
# Nanoseconds that are kept as times: the years 1823 to 2116, so that no difference of two can overflow.
NS_RANGE = range(-(2**62), 2**62)

Row = dict[str, Any]
HandOver = Callable[[str, pa.Table], object]
"""Takes a batch of rows of a table."""
Message = tuple[str | None, str | None, list[dict[str, Any]]]
Normaliser = Callable[[Any], Message]
"""Turns one message as logged into (role, name, parts)."""


_decode = msgspec.json.decode
_decode_raw_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
# Columns of `spans` that are filled once per load, after all sources are read.
COMPUTED = frozenset(
    {
        "duration_ns",
        "is_agent_inherited",
        "is_conversation_inherited",
        "is_orphan",
        "is_cycle_broken",
        "root_span_id",
        "depth",
        "preorder",
        "subtree_end",
    }
)


def logged_columns(tables: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return the tables that loaders fill, each with its columns but those that are computed after reading."""
    return {
        name: {c: t for c, t in columns.items() if name != "spans" or c not in COMPUTED}
        for name, columns in tables.items()
        if "source_id" in columns
    }


def set_defaults(span: Row) -> None:
    """Fill what a row of `spans` must have."""
    span.setdefault("status_code", "UNSET")
    span.setdefault("is_control_flow", False)
    if span.get("input_tokens") is not None or span.get("output_tokens") is not None:
        span.setdefault("usage_scope", "self")


class Evidence:
    """Rows of one read, gathered in batches and handed over by table.

    A loader calls `record()` for every record it meets and then exactly one of `accept()`, `reject()` or `skip()`,
    adds rows with `add()` and messages with `add_messages()`. Times are integers: nanoseconds since the epoch, UTC.
    """

    def __init__(self, tables: Mapping[str, Mapping[str, str]], hand_over: HandOver, next_list: int = 0) -> None:
        self._hand_over = hand_over
        self._buffers = {name: RowBuffer(name, columns) for name, columns in logged_columns(tables).items()}
        self._held, self._pack_at = 0, BATCH_ROWS // PACKS
        self.rows_added = 0
        self._lists = MessageLists(next_list)
        self._memo: dict[bytes | tuple[str, str], str] = {}
        self._memo_bytes = 0
        self._seen: set[str] = set()
        self.account = Account()

    def begin(self, source: Source, account: Account | None = None) -> None:
        """Start the account of a source, or go on with one; every row added from here on is stamped with the source."""
        self.source = source
        self.account = account or Account()
        self._lists.forget()

    def record(self, count: int = 1) -> None:
        """Count records met."""
        self.account.records += count

    def accept(self, count: int = 1) -> None:
        """Count records that became evidence."""
        self.account.accepted += count

    def skip(self, reason: str, count: int = 1) -> None:
        """Count records left out on purpose, by reason."""
        if count:
            self.account.skipped[reason] = self.account.skipped.get(reason, 0) + count

    def reject(self, place: Place, reason: str, raw: bytes | str) -> None:
        """Keep a record that cannot become evidence, with the reason and its text."""
        self.account.rejected += 1
        data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
        self.add("rejects", place, reason=reason, raw=data[:RAW_BYTES].decode("utf-8", "backslashreplace"))

    def note_missing(self, sentence: str) -> None:
        """Record something the source is known to lack; the same sentence is kept once."""
        self.account.known_missing.setdefault(sentence)

    def add(self, table: str, place: Place, **columns: Any) -> None:
        """Add a row to an evidence table; columns not given are NULL, JSON columns take any JSON value or text."""
        self._add(table, place, columns)

    def _add(self, table: str, place: Place, row: Row) -> None:
        row["source_id"] = self.source.source_id
        row["source_line"], row["source_offset"], row["source_length"] = place
        self._buffers[table].append(row)
        self._held += 1
        if self._held >= self._pack_at:
            self._pack()

    def add_span(self, place: Place, **columns: Any) -> None:
        """Add a span; `trace_id` and `span_id` are required, `start_time` and `end_time` are nanoseconds or None.

        Tree columns and `duration_ns` are computed later; `status_code` defaults to UNSET.
        """
        set_defaults(columns)
        self.see_time(columns.get("start_time"))
        self.see_time(columns.get("end_time"))
        self._add("spans", place, columns)

    def columns(self, table: str) -> tuple[str, ...]:
        """Return the columns of a table that loaders fill, in the order in which `add_values` takes them."""
        return self._buffers[table].names

    def add_values(self, table: str, values: tuple[Any, ...]) -> None:
        """Add a row that has a value for each of `columns()`, source and place included."""
        self._buffers[table].rows.append(values)
        self._held += 1
        if self._held >= self._pack_at:
            self._pack()

    def add_spans(self, places: PlaceColumns, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add spans by column, as `add_span` adds one: a place and a value each, columns not given are NULL."""
        self.see_times(columns.get("start_time", ()))
        self.see_times(columns.get("end_time", ()))
        nothing = [None] * len(places.lines)
        usage = zip(columns.get("input_tokens", nothing), columns.get("output_tokens", nothing))
        filled = {
            **columns,
            "status_code": [code or "UNSET" for code in columns.get("status_code", nothing)],
            "is_control_flow": [bool(steers) for steers in columns.get("is_control_flow", nothing)],
            "usage_scope": [None if read is None and wrote is None else "self" for read, wrote in usage],
        }
        self.add_columns("spans", places, filled)

    def add_columns(self, table: str, places: PlaceColumns, columns: Mapping[str, Any]) -> None:
        """Add rows to an evidence table by column, as `add` adds one."""
        count = len(places.lines)
        stamp = {
            "source_id": np.full(count, self.source.source_id, np.int32), "source_line": places.lines,
            "source_offset": places.offsets, "source_length": places.lengths,
        }  # fmt: skip
        self._buffers[table].extend({**columns, **stamp}, count, self.note_missing)
        self._held += ROWS_AN_ARROW_TABLE_WEIGHS + count
        self.hold(0)

    def see_time(self, time: int | None) -> None:
        """Widen the source's first and last time."""
        if time is not None:
            account = self.account
            if account.first_time is None or time < account.first_time:
                account.first_time = time
            if account.last_time is None or time > account.last_time:
                account.last_time = time

    def see_times(self, times: Iterable[int | None]) -> None:
        """Widen the source's first and last time to hold all of these."""
        known = [time for time in times if time is not None]
        if known:
            self.see_time(min(known))
            self.see_time(max(known))

    def add_messages(
        self, place: Place, trace_id: str, span_id: str, direction: str, messages: Iterable[Message], start: int = 0
    ) -> int:
        """Add normalised messages of one direction of a call, positions counted from `start`; returns the next position."""
        hashes = [self.add_message(place, *message) for message in messages]
        self.add_span_messages(place, trace_id, span_id, direction, hashes, start)
        return start + len(hashes)

    def add_logged_messages(
        self, place: Place, trace_id: str, span_id: str, direction: str, logged: Iterable[Any], normalise: Normaliser
    ) -> None:
        """Add messages as logged; those of a role and text alone are normalised once and looked up after that.

        A pair of role and text may stand for such a message.
        """
        hashes = []
        for message in logged:
            key = message if type(message) is tuple else _plain_text(message)
            message_hash = self._memo.get(key) if key else None
            if message_hash is None:
                whole = {"role": key[0], "content": key[1]} if key else message
                message_hash = self.add_message(place, *normalise(whole))
                if key:
                    self._remember(key, len(key[1]), message_hash)
            hashes.append(message_hash)
        self.add_span_messages(place, trace_id, span_id, direction, hashes)

    def add_raw_messages(
        self, place: Place, trace_id: str, span_id: str, direction: str, raw: str | bytes, normalise: Normaliser
    ) -> bool:
        """Add messages from the text of a JSON array; False when the text is no JSON array of objects.

        Each element is normalised the first time its exact text is met and looked up after that, because prompts
        repeat their history at every call.
        """
        try:
            elements = _decode_raw_list(raw)
        except (msgspec.DecodeError, RecursionError):
            return False
        hashes = []
        for element in elements:
            data = bytes(element)
            message_hash = self._memo.get(data)
            if message_hash is None:
                try:
                    message_hash = self.add_message(place, *normalise(_decode(data)))
                except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                    return False
                self._remember(data, len(data), message_hash)
            hashes.append(message_hash)
        self.add_span_messages(place, trace_id, span_id, direction, hashes)
        return True

    def add_message(self, place: Place, role: str | None, name: str | None, parts: list[dict[str, Any]]) -> str:
        """Store a message under the hash of its content and return the hash."""
        return self._store(place, role, name, canonical_json(parts))

    def add_contents(
        self, places: PlaceColumns, speakers: Sequence[tuple[str | None, str | None]], contents: Sequence[bytes]
    ) -> list[str]:
        """Store messages, as `add_message` does, by column, and return their hashes.

        Speakers are role and name, contents the parts as `text_contents` or `canonical_json`.
        """
        hashes = [_hash(*speaker, content) for speaker, content in zip(speakers, contents)]
        new = list(map(self._is_new, hashes))
        if any(new):
            roles, names = zip(*compress(speakers, new))
            parts = list(compress(contents, new))
            sizes = list(map(len, parts))
            stored = list(compress(hashes, new))
            columns = {"message_hash": stored, "role": roles, "name": names, "parts": parts, "bytes": sizes}
            self.add_columns("messages", places.take(np.flatnonzero(new)), columns)
            self.hold(sum(sizes))
        return hashes

    def add_alone(
        self, places: PlaceColumns, trace_ids: Sequence[str], span_ids: Sequence[str], directions: Sequence[str], hashes: Sequence[str]
    ) -> None:  # fmt: skip
        """Add messages that were stored, each the only one of a direction of a call, by column: each is a list of its own."""
        length, first = len(hashes), self._lists.next_id
        self._lists.next_id += length
        lists, zeros, ones = np.arange(first, first + length), np.zeros(length, np.int32), np.ones(length, np.int32)
        self.add_columns("message_lists", places, {"list_id": lists, "list_index": zeros, "message_hash": hashes})
        self.add_columns(
            "span_message_ranges", places,
            {"trace_id": trace_ids, "span_id": span_ids, "direction": directions, "position": zeros, "list_id": lists, "length": ones},
        )  # fmt: skip

    def _store(self, place: Place, role: str | None, name: str | None, content: bytes) -> str:
        message_hash = _hash(role, name, content)
        if self._is_new(message_hash):
            self._held += 1 + len(content) * BATCH_ROWS // BATCH_BYTES
            row = (message_hash, role, name, content, len(content), self.source.source_id, *place)
            self._buffers["messages"].rows.append(row)
            if self._held >= self._pack_at:
                self._pack()
        return message_hash

    def _is_new(self, message_hash: str) -> bool:
        """Whether a message is met for the first time; from now on it is not."""
        if message_hash in self._seen:
            return False
        if len(self._seen) > MOST_SEEN:
            self._seen.clear()
        self._seen.add(message_hash)
        return True

    def add_source(self, **columns: Any) -> None:
        """Close the account of the current source: its row, with what only the reader knows given as columns."""
        account = self.account
        self._buffers["sources"].append({
            "source_id": self.source.source_id,
            "dialect": "+".join(account.dialects) or None,
            "input_tokens_meaning": account.input_tokens_meaning,
            "records": account.records,
            "accepted": account.accepted,
            "rejected": account.rejected,
            "skipped": sum(account.skipped.values()),
            "skipped_reasons": account.skipped,
            "first_time": account.first_time,
            "last_time": account.last_time,
            "known_missing": list(account.known_missing),
            **columns,
        })  # fmt: skip

    def add_span_messages(
        self,
        place: Place,
        trace_id: str,
        span_id: str,
        direction: str,
        hashes: Sequence[str],
        start: int = 0,
        before: Sequence[Range] = (),
    ) -> Sequence[Range]:
        """Add messages that were stored with `add_message` as one direction of a call, in their order, positions counted from `start`.

        Returns the ranges they are kept as, which a call whose messages begin with these may give as `before`.
        """
        if not hashes:
            return ()
        stamp = (self.source.source_id, *place)
        once = direction == "output"
        ranges = self._lists.once(hashes) if once else self._lists.ranges(trace_id, hashes, before)
        for position, list_id, length, added in ranges:
            self._buffers["span_message_ranges"].rows.append(
                (trace_id, span_id, direction, start + position, list_id, length, *stamp)
            )
            first = length - len(added)
            self._buffers["message_lists"].rows += [
                (list_id, index, message_hash, *stamp) for index, message_hash in enumerate(added, first)
            ]
            self._held += 1 + len(added)
        self.hold(0)
        return ranges

    def _remember(self, message: bytes | tuple[str, str], size: int, message_hash: str) -> None:
        if self._memo_bytes > MESSAGE_MEMO_BYTES:
            self._memo.clear()
            self._memo_bytes = 0
        self._memo[message] = message_hash
        self._memo_bytes += size

    def hold(self, size: int) -> None:
        """Say that about `size` bytes of text were added, so that batches stay small; flushes when enough is held."""
        self._held += size * BATCH_ROWS // BATCH_BYTES
        if self._held >= self._pack_at:
            self._pack()

    def _pack(self) -> None:
        """Turn the rows that are held into Arrow while the processor still has them at hand; flushes when enough is held."""
        if self._held >= BATCH_ROWS:
            return self.flush()
        for buffer in self._buffers.values():
            buffer.pack(self.note_missing)
        self._pack_at = self._held + BATCH_ROWS // PACKS

    def add_batches(self, batches: Iterable[tuple[str, pa.Table]], lists: int) -> None:
        """Hand over batches that another `Evidence` gathered from a part of the same source, after what is held; `lists` is
        the number of message lists it began.
        """
        import pyarrow.compute as pc  # processes that only decode need not wait for it

        self.flush()
        for table, batch in batches:
            if "list_id" in batch.column_names:
                place = batch.column_names.index("list_id")
                batch = batch.set_column(place, "list_id", pc.add(batch["list_id"], self._lists.next_id))
            self.rows_added += batch.num_rows
            self._hand_over(table, batch)
        self._lists.next_id += lists

    @property
    def lists(self) -> int:
        """The number that the next list of messages gets."""
        return self._lists.next_id

    def flush(self) -> None:
        """Hand over everything that is held."""
        self._held, self._pack_at = 0, BATCH_ROWS // PACKS
        for buffer in self._buffers.values():
            if buffer.rows or buffer.tables:
                batch = buffer.take(self.note_missing)
                self.rows_added += batch.num_rows
                self._hand_over(buffer.table, batch)


def _plain_text(message: Any) -> tuple[str, str] | None:
    """Return role and content of a message that has nothing else and whose content is text."""
    if type(message) is not dict or len(message) != 2:
        return None
    role, content = message.get("role"), message.get("content")
    return (role, content) if type(role) is str and type(content) is str else None


@functools.lru_cache(maxsize=64)
def _hasher(role: str | None, name: str | None) -> hashlib.blake2b:
    """Return a hash that has taken in who speaks, to be copied: making a new one costs as much as the hash of a short text."""
    return hashlib.blake2b(f"{role}\x00{name}\x00".encode("utf-8", "replace"), digest_size=16)


def _hash(role: str | None, name: str | None, content: bytes) -> str:
    hasher = _hasher(role, name).copy()
    hasher.update(content)
    return hasher.hexdigest()


def text_contents(texts: Sequence[str]) -> list[bytes]:
    """Return what `canonical_json` returns for the one text part that each text makes."""
    return [b'[{"content":' + text + b',"type":"text"}]' for text in json_each(texts)]
