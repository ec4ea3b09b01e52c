"""Inspect AI logs: `.eval` archives and `.json` documents.

Source: inspect_ai `log/_log.py` and `event/`, and logs of 0.3.41 to 0.3.285. In an archive, a place (line, offset,
length) counts
within the member, and the sample's span names the member.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import zipfile_zstd
import zstandard

from agentlens._evidence import Evidence
from agentlens._source import Line, Place, Source, json_values
from agentlens.loaders._claude_code_fields import dict_of, text_of
from agentlens.loaders._inspect_sample import SampleReader
from agentlens.loaders._json_nested import DECODE_ERRORS, items, members, place_of, value_of, whole
from agentlens.loaders._other_kind import other_kind

LOOKS_FOR = (
    "a zip archive that begins with a member like `_journal/start.json`, or a JSON document with `eval.task` and "
    "`status`"
)
CANNOT_KNOW = (
    "what happened before a sample was logged in a run that broke off; when an event of an old log began, as it is "
    "stamped once. "
    "In an archive, offsets count within the member that the sample's span names"
)
VERSION = 3

LOG_KEYS = frozenset({"eval", "plan", "results", "samples", "stats", "status"})
ZIP = b"PK\x03\x04"
FIRST_MEMBERS = (b"_journal/", b"samples/", b"header.json", b"summaries.json", b"reductions.json")
MEMBER_BYTES = 1024**3
# A member that is large and packed so tightly holds the same thing over and over: a bomb, and no log.
BOMB_BYTES, BOMB_RATIO = 64 * 1024**2, 200
ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    zlib.error,
    zstandard.ZstdError,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
)


class _Sample(NamedTuple):
    """One sample as text, and the member of the archive it stands in."""

    text: Line
    member: str | None


def sniff(head: bytes) -> bool:
    """Whether this is an archive with Inspect's members, or a document with its header."""
    if head[:4] == ZIP:
        return head[30:80].startswith(FIRST_MEMBERS)
    values = json_values(head)
    return bool(values) and "eval.task" in values[0] and "status" in values[0] and "version" in values[0]


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each sample; each of its events is a record, or each message where a sample has no events."""
    document = whole(source, into)
    try:
        header, samples = _archive(document.raw, into) if document.raw[:4] == ZIP else _document(document)
    except ZIP_ERRORS as error:
        into.record()
        into.reject(Place(1, 0, len(document.raw)), f"not a log that can be opened: {error}", document.raw)
        return
    except RecursionError:
        into.record()
        into.reject(place_of(document), "JSON nested too deeply", document.raw)
        return
    _note_state(header, into)
    for sample in samples:
        _load_sample(sample, header, into)


def _load_sample(sample: _Sample, header: dict[str, Any], into: Evidence) -> None:
    try:
        parts = members(sample.text)
        if not parts:
            raise ValueError("a sample is an object")
        fields = {
            key: value_of(part)
            for key, part in parts.items()
            if key not in ("events", "transcript", "messages", "events_data", "message_pool")
        }
        reader = SampleReader(into, header, fields, place_of(sample.text), sample.member)
        events = _events(parts)
        pool = (
            items(members(parts["events_data"]).get("messages"))
            if "events_data" in parts
            else items(parts.get("message_pool"))
        )
        reader.read(events, items(parts.get("messages")), pool)
    except (*DECODE_ERRORS, ValueError) as error:
        into.record()
        into.reject(place_of(sample.text), f"not a sample: {error}", sample.text.raw)


def _events(parts: dict[str, Line]) -> list[Line]:
    if "events" in parts:
        return items(parts["events"])
    transcript = members(parts["transcript"]) if "transcript" in parts else {}
    return items(transcript.get("events"))


def _document(document: Line) -> tuple[dict[str, Any], Iterator[_Sample]]:
    parts = members(document)
    if LOG_KEYS.isdisjoint(parts):
        raise ValueError(other_kind(parts, LOOKS_FOR))
    header = {key: value_of(part) for key, part in parts.items() if key not in ("samples", "reductions")}
    return header, (_Sample(item, None) for item in items(parts.get("samples")))


def _archive(data: bytes, into: Evidence) -> tuple[dict[str, Any], Iterator[_Sample]]:
    archive = zipfile_zstd.ZipFile(io.BytesIO(data))
    names = archive.namelist()
    first = next((name for name in ("header.json", "_journal/start.json") if name in names), None)
    header = dict_of(value_of(Line(1, 0, _member(archive, first)))) if first else {}
    if first != "header.json":
        into.note_missing("The archive has no header: the run was still going on, or broke off.")
    return header, _archived_samples(archive, sorted(names), into)


def _archived_samples(archive: Any, names: list[str], into: Evidence) -> Iterator[_Sample]:
    for name in names:
        if not name.startswith("samples/") or not name.endswith(".json"):
            continue
        try:
            data = _member(archive, name)
        except ZIP_ERRORS as error:
            into.record()
            into.reject(Place(None, 0, 0), f"the member {name} cannot be read: {error}", name)
        else:
            text = data.lstrip()
            yield _Sample(Line(1, len(data) - len(text), text.rstrip()), name)


def _member(archive: Any, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.file_size > MEMBER_BYTES or info.file_size > max(BOMB_BYTES, info.compress_size * BOMB_RATIO):
        raise ValueError(f"it expands from {info.compress_size:,} to {info.file_size:,} bytes")
    with archive.open(name) as stream:
        data: bytes = stream.read(info.file_size + 1)
    return data


def _note_state(header: dict[str, Any], into: Evidence) -> None:
    status = text_of(header.get("status"))
    if status and status != "success":
        message = text_of(dict_of(header.get("error")).get("message"))
        into.note_missing(f"The run ended with status {status}{f': {message[:200]}' if message else ''}.")
    dataset = dict_of(dict_of(header.get("eval")).get("dataset"))
    done = dict_of(header.get("results")).get("completed_samples")
    total = dict_of(header.get("results")).get("total_samples", dataset.get("samples"))
    if isinstance(done, int) and isinstance(total, int) and done < total:
        into.note_missing(f"{total - done} of {total} samples were not completed.")
