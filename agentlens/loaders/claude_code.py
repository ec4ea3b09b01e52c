"""Claude Code sessions: `~/.claude/projects/*/*.jsonl`, sub-agent files, `--output-format stream-json`, web exports.

Source: the files themselves (versions 1.0 to 2.1) and https://code.claude.com/docs; the line format is not documented.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentlens._evidence import Evidence
from agentlens._source import BOM, CHUNK_BYTES, HEAD_BYTES, Place, Source, json_values
from agentlens.loaders._claude_code_fields import UnusableLine, dict_of, parse_line
from agentlens.loaders._claude_code_memory import Memory
from agentlens.loaders._claude_code_session import SessionReader

LOOKS_FOR = (
    "lines with `sessionId` and `parentUuid`, or of `type` user or assistant with a `message`; or `loglines` of them"
)
CANNOT_KNOW = "system prompts, tool definitions, the model that was asked for, how long a tool waited for permission"
VERSION = 5
RESUMES = True

NOTES = frozenset({"file-history-snapshot", "queue-operation"})
SPEAKERS = frozenset({"user", "assistant"})
# Lines; a file of more is read again from the beginning when it has grown.
MOST_REMEMBERED = 300_000
WITNESSES = ("timestamp", "uuid", "sessionId", "session_id")


def sniff(head: bytes) -> bool:
    """Whether a leading line, or the first element of `loglines`, is one that Claude Code writes."""
    return any(_is_line(value) or _is_line(_below(value, "loglines.item.")) for value in json_values(head))


def _below(value: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {path.removeprefix(prefix): scalar for path, scalar in value.items() if path.startswith(prefix)}


def _is_line(value: dict[str, Any]) -> bool:
    kind = value.get("type")
    if not isinstance(kind, str):
        return False
    if "parentUuid" in value and "sessionId" in value:
        return True
    if kind in NOTES or (kind == "summary" and "leafUuid" in value):
        return True
    if kind == "system" and value.get("subtype") == "init" and "session_id" in value:
        return True
    return kind in SPEAKERS and "message.content" in value and any(witness in value for witness in WITNESSES)


def load(source: Source, into: Evidence) -> None:
    """Add the sessions of the file; each line is a record."""
    if source.start == 0 and (data := _web_export(source)) is not None:
        _load_web_export(data, into)
        return
    memory = Memory() if source.state is None else msgspec.convert(source.state, Memory, str_keys=True)
    reader = SessionReader(into, memory, lambda place: _reread(source, place))
    state = None
    for line in source.lines():
        if source.tail and reader.lines_seen <= MOST_REMEMBERED:
            state = _state_of(reader)
        _load_line(reader, into, line.raw, Place(line.number, line.offset, len(line.raw)))
    reader.finish()
    if reader.lines_seen > MOST_REMEMBERED:
        source.state, source.consumed = None, 0
    else:
        source.state = state or _state_of(reader)


def _state_of(reader: SessionReader) -> dict[str, Any]:
    state: dict[str, Any] = msgspec.to_builtins(reader.remember(), str_keys=True)
    return state


def _load_line(reader: SessionReader, into: Evidence, raw: bytes, place: Place) -> None:
    into.record()
    try:
        line = parse_line(raw)
        if not isinstance(line, dict):
            raise UnusableLine("not a JSON object")
        skipped = reader.read_line(line, place, raw)
    except RecursionError:
        into.reject(place, "JSON nested too deeply", raw)
    except UnusableLine as error:
        into.reject(place, str(error), raw)
    except ValueError as error:
        into.reject(place, f"not JSON: {error}", raw)
    else:
        if skipped is None:
            into.accept()
        else:
            into.skip(skipped)


def _reread(source: Source, place: Place) -> dict[str, Any]:
    """Return the parsed line at a place that was read before."""
    length = place.length + len(BOM)
    if source.compression is None:
        with source.path.open("rb") as file:
            file.seek(place.offset)
            return _parse_again(file.read(length), place)
    with source.open() as stream:
        left = place.offset
        while left and (skipped := stream.read(min(left, CHUNK_BYTES))):
            left -= len(skipped)
        return _parse_again(stream.read(length), place)


def _parse_again(data: bytes, place: Place) -> dict[str, Any]:
    return dict_of(parse_line(data.removeprefix(BOM)[: place.length]))


# --- web exports ------------------------------------------------------------------------------------------------------


class WebExport(msgspec.Struct):
    """The document claude.ai/code exports: the same lines as elements of an array."""

    loglines: list[msgspec.Raw]


_decode_web_export = msgspec.json.Decoder(WebExport).decode


def _web_export(source: Source) -> bytes | None:
    """Return the content of a web export, None for a file of lines."""
    with source.open() as stream:
        head = stream.read(HEAD_BYTES)
    values = json_values(head.removeprefix(BOM)) if b'"loglines"' in head else []
    return source.read() if values and "loglines" in values[0] else None


def _load_web_export(data: bytes, into: Evidence) -> None:
    try:
        elements = [bytes(element) for element in _decode_web_export(data.removeprefix(BOM)).loglines]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        into.record()
        into.reject(Place(1, 0, len(data)), f"not a web export: {error}", data)
        return
    reader = SessionReader(into, Memory(), lambda place: _parse_again(data[place.offset :], place))
    line, end = 1, 0
    for element in elements:
        start = data.index(element, end)
        line += data.count(b"\n", end, start)
        _load_line(reader, into, element, Place(line, start, len(element)))
        line, end = line + element.count(b"\n"), start + len(element)
    reader.finish()
