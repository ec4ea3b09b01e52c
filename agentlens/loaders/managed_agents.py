"""Sessions of Anthropic's Managed Agents: their events as the API lists or streams them, or as a recorder of its SDK writes them.

Source: https://platform.claude.com/docs/en/managed-agents/reference and the types `beta.sessions` of Anthropic's Python SDK.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._json_text import canonical_json
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, text_of
from agentlens.loaders._claude_code_memory import short_hash
from agentlens.loaders._json_places import DECODE_ERRORS, documents, pieces
from agentlens.loaders._managed_memory import Event, Memory, begin_session
from agentlens.loaders._managed_session import SessionReader
from agentlens.loaders._session_lines import Recall, take_record
from agentlens.loaders._times import parse_time
from agentlens.loaders._transcript import EXCLUDES_CACHE

LOOKS_FOR = (
    "`type` of user, agent, session or span events (such as `span.model_request_end`) beside `id` and `processed_at`, in lines, a list "
    "or `data`; or lines `[method, payload]` with a method like `client.beta.sessions.events.stream`"
)
CANNOT_KNOW = (
    "what the model thought, why it stopped, what a compaction kept, reasoning tokens, and when a tool really began (taken as the event "
    "that asked for it). The events of a session leave out what its sub-agents do: that stands in the events of their threads"
)
VERSION = 1
RESUMES = True

MET_BEFORE = "an event that was met before"
WAITING = "an event that was sent or queued; it counts where it was processed"
PREVIEWS = frozenset({"event_start", "event_delta"})
# In how many objects the session and the thread that a file is about must be named.
HEAD_OBJECTS = 100
_EVENT = re.compile(r"(user|agent|session|span|system|workflow_run)\.[a-z_]+(\.[a-z_]+)?")
_METHOD = re.compile(r"(\w+\.)*sessions(\.threads)?(\.events)?\.\w+")


class Page(msgspec.Struct):
    """A page of the API, the body of a request that sends events, or an object by itself, which has neither."""

    type: Any = None
    data: list[msgspec.Raw] | None = None
    events: list[msgspec.Raw] | None = None


class _Time(msgspec.Struct):
    processed_at: Any = None


_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_page = msgspec.json.Decoder(Page).decode
_decode_time = msgspec.json.Decoder(_Time).decode


def sniff(head: bytes) -> bool:
    """Whether one of the first values is an event or a session of the API, or a recorded call of it."""
    return any(_is_ours(paths) for paths in json_values(head)[:3])


def _is_ours(paths: dict[str, Any]) -> bool:
    if _METHOD.fullmatch(str(paths.get("item"))) and any(path.startswith("item.") for path in paths):
        return True
    for prefix in ("", "item.", "data.item."):
        kind = str(paths.get(f"{prefix}type"))
        if _EVENT.fullmatch(kind) and {f"{prefix}id", f"{prefix}processed_at"} <= paths.keys():
            return True
        if kind == "session" and {f"{prefix}environment_id", f"{prefix}agent"} <= paths.keys():
            return True
    return False


def load(source: Source, into: Evidence) -> None:
    """Add every session of the file; each event, session or thread object is a record."""
    into.account.input_tokens_meaning = EXCLUDES_CACHE
    reader = _Reader(source, into)
    state, is_torn = None, False
    for document in documents(source):
        if source.tail:
            state, is_torn = reader.state(), True
        for raw, places in pieces(document, into, "event"):
            for unit in _units(raw):
                place = places.find(unit)
                take_record(Line(place.line or 1, place.offset, bytes(unit)), into, reader.read)
    source.state = state if is_torn else reader.state()
    if reader.finish() or source.state is None:  # what waits may yet come: then a grown file is read anew
        source.state, source.consumed = None, 0


def _units(raw: msgspec.Raw, levels: int = 4) -> Iterator[msgspec.Raw]:
    """Yield the objects inside a piece, the earliest of a page first; names of methods and sessions are no records."""
    first, inner = memoryview(raw)[:1].tobytes(), list[msgspec.Raw]()
    with contextlib.suppress(*DECODE_ERRORS):  # the object is rejected when it is read
        if first == b'"' and _is_name(msgspec.json.decode(raw)):
            return
        if first == b"[":
            inner = _decode_list(raw)
        elif first == b"{" and (page := _decode_page(raw)).type is None:
            inner = page.data or page.events or []
            inner = inner if _is_in_order(inner) else inner[::-1]
    if not inner or not levels:
        yield raw
        return
    for one in inner:
        yield from _units(one, levels - 1)


def _is_name(text: str) -> bool:
    return text.startswith("sesn_") or _METHOD.fullmatch(text) is not None


def _is_in_order(events: list[msgspec.Raw]) -> bool:
    """Whether a page does not begin with its latest event."""
    if len(events) < 2:
        return True
    first, last = (
        parse_time(_decode_time(one).processed_at) if bytes(one)[:1] == b"{" else None
        for one in (events[0], events[-1])
    )
    return first is None or last is None or first <= last


def _first_objects(source: Source) -> list[Event]:
    """Return the objects that the file begins with, as far as they can be read."""
    found, apart = [], replace(source, on_bytes=lambda _: None, on_tail=lambda: None, start=0, start_line=0)
    raws = (unit for document in documents(apart) for unit in _units(msgspec.Raw(document.raw)))
    for raw in islice(raws, HEAD_OBJECTS):
        try:
            found.append(dict_of(msgspec.json.decode(raw)))
        except DECODE_ERRORS:
            continue
    return found


class _Reader:
    """Begins sessions, and lets every event through once: sent, queued, streamed and listed it is one."""

    def __init__(self, source: Source, into: Evidence) -> None:
        self._source, self._into = source, into
        self._recall = Recall(source)
        self._waiting: defaultdict[tuple[bool, str], list[tuple[Event, Place]]] = defaultdict(list)
        self._session: SessionReader | None = None
        if source.state is not None:
            self._begin(msgspec.convert(source.state, Memory))

    def _begin(self, memory: Memory) -> SessionReader:
        self._seen = set(memory.seen)
        self._session = SessionReader(self._into, memory, self._recall)
        return self._session

    def state(self) -> dict[str, Any] | None:
        """Return what a later read must know; None while something waits or may yet say what the file is about."""
        if self._session is None or self._waiting or self._into.account.records < HEAD_OBJECTS:
            return None
        memory = self._session.remember()
        memory.seen = sorted(self._seen)
        state: dict[str, Any] = msgspec.to_builtins(memory)
        return state

    def finish(self) -> bool:
        """Add what is still open; returns whether something was sent or queued and never processed."""
        left = [
            held
            for (is_queued, key), these in self._waiting.items()
            if is_queued or (True, key) not in self._waiting
            for held in these
        ]  # what was sent is queued too where both are logged
        for event, place in left:
            if self._session is not None:
                self._session.add_waiting(event, place)
            self._into.accept()
        if left:
            self._into.skip(WAITING, -len(left))
            self._into.account.skipped = {
                reason: count for reason, count in self._into.account.skipped.items() if count
            }
        self._waiting.clear()
        if self._session is not None:
            self._session.finish()
        return bool(left)

    def read(self, event: Event, place: Place) -> str | None:
        """Take one object; returns the reason when it is skipped. Raises UnusableLine."""
        kind = event.get("type")
        if kind is None and {"data", "events"} & event.keys():
            return "a page without events"
        if not isinstance(kind, str):
            raise UnusableLine("an object without a `type`")
        if kind in PREVIEWS:
            return "a preview of an event that follows whole"
        session = self._session_of(event, place)
        if kind in ("session", "session_thread"):
            self._recall.keep(place, event)
            session.declare(event, place)
            return None
        if reason := self._held_back(event, kind, place):
            return reason
        if kind.endswith("tool_use"):
            self._recall.keep(place, event)
        session.read(event, place)
        return None

    def _session_of(self, event: Event, place: Place) -> SessionReader:
        session_id = text_of(event.get("id")) if event.get("type") == "session" else None
        if self._session is None:
            return self._begin(begin_session(_first_objects(self._source), place))
        if session_id and self._session.remember().session_id not in (None, session_id):
            self.finish()
            return self._begin(begin_session([event], place))
        return self._session

    def _held_back(self, event: Event, kind: str, place: Place) -> str | None:
        """Return why an event is not read here: it was read before, or is yet to be processed."""
        event_id = text_of(event.get("id"))
        number = int(short_hash(event_id), 16) >> 1 if event_id else None
        if number in self._seen:
            return MET_BEFORE
        if event.get("processed_at", "") is None or (event_id is None and kind.startswith(("user.", "system."))):
            these = self._waiting[event_id is not None, _fingerprint(event)]
            if event_id and any(one.get("id") == event_id for one, _ in these):
                return MET_BEFORE
            these.append((event, place))
            return WAITING
        if number is not None:
            self._seen.add(number)
        if self._waiting:
            self._release(_fingerprint(event))
        return None

    def _release(self, key: str) -> None:
        """Let go of what waited for an event that has been processed: its sending, and its standing in the queue."""
        for waiting in ((True, key), (False, key)):
            if these := self._waiting.pop(waiting, [])[1:]:
                self._waiting[waiting] = these


def _fingerprint(event: Event) -> str:
    """Return what an event says, without what the server adds to it."""
    said = ("type", "content", "tool_use_id", "custom_tool_use_id", "result", "description")
    return short_hash(canonical_json([event.get(key) for key in said]))
