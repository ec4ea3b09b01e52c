"""A file as a loader sees it: bytes with their offsets, decompressed, counted and hashed."""

from __future__ import annotations

import codecs
import functools
import gzip
import hashlib
import io
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from agentlens._errors import AgentLensError

HEAD_BYTES = 64 * 1024
DEEPEST = 64
CHUNK_BYTES = 4 * 1024 * 1024
BATCH_LINES = 4_000
# Small, because a few bytes of zstd may expand to a hundred kilobytes.
ZSTD_PIECE_BYTES = 1024
UTF16_PIECE_BYTES = 64 * 1024
UTF16 = "utf-16"
PARQUET = b"PAR1"
LARGEST_FOOTER = 16 * 1024 * 1024
# How far a compressed file may expand in memory: one line, and one document.
UNPACKED_LINE_BYTES = 256 * 1024 * 1024
UNPACKED_DOCUMENT_BYTES = 1024 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
OUTLINED_BYTES = 32 * 1024 * 1024
LONG_TEXT = 200
# A text of JSON; the last of what was read may have no end.
TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)
# Texts, which are passed over, and what Python writes for numbers that JSON does not have.
NOT_FINITE = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?Infinity|NaN', re.DOTALL)
# Texts, and integers that may need more than 64 bits.
LONG_INTEGER = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?\d{19,}+', re.DOTALL)


class Line(NamedTuple):
    """One non-blank line: its number from 1, its byte offset, and its bytes without the line end."""

    number: int
    offset: int
    raw: bytes


class Place(NamedTuple):
    """Where a record stands in its source: line from 1, byte offset, length in bytes."""

    line: int | None
    offset: int
    length: int


class PlaceColumns(NamedTuple):
    """Places of several records, by column."""

    lines: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, places: Sequence[Place]) -> Self:
        """Return places, each on a line that is known, by column."""
        return cls(*np.array(places, np.int64).reshape(-1, 3).T)

    def take(self, numbers: Sequence[int] | NDArray[np.intp]) -> Self:
        """Return the places of some records, by their numbers from 0."""
        chosen = np.asarray(numbers, np.intp)
        return type(self)(*(column[chosen] for column in self))

    def place(self, number: int) -> Place:
        """Return the place of one record."""
        return Place(*(int(column[number]) for column in self))


class Lines(NamedTuple):
    """Non-blank lines of a file without their line ends, one after the other, and where they stand."""

    places: PlaceColumns
    raws: list[bytes]

    def part(self, first: int, end: int) -> Self:
        """Return the lines from a number, counted from 0, up to another."""
        return type(self)(PlaceColumns(*(column[first:end] for column in self.places)), self.raws[first:end])


@dataclass
class Source:
    """A file being read, with what is known of it so far.

    `start` and `start_line` say where to begin when a grown file is read on, and `state` is what the
    loader left behind the last time (`resume_state`); a loader that resumes replaces `state` before it returns.
    `end` says where on disk to stop: where the file ended when reading was planned, or where a piece of it ends (`is_piece`).
    `identities` are the ids that a loader made of the content of records, eight bytes each, and `needs_all` is true where it met
    what only all that follows tells apart.
    `stored` is where the bytes are when an archive keeps them; `path` is then where they once stood.
    """

    path: Path
    source_id: int
    compression: str | None = None
    start: int = 0
    start_line: int = 0
    end: int | None = None
    is_piece: bool = False
    state: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    stored: Path | None = None
    identities: set[bytes] = field(default_factory=set)
    needs_all: bool = False
    on_bytes: Callable[[int], object] = lambda _: None
    on_tail: Callable[[], None] = lambda: None
    consumed: int = 0
    consumed_lines: int = 0
    tail: bool = False

    def lines(self) -> Iterator[Line]:
        """Yield every non-blank line from `start` on, holding one chunk and one line in memory at a time.

        After the last line, `consumed` is the offset of the end of the last line that ended in a line feed:
        a torn last line is yielded too, but a later read begins before it.
        """
        for places, raws in self.line_batches():
            columns = zip(places.lines.tolist(), places.offsets.tolist(), raws)
            yield from map(tuple.__new__, itertools.repeat(Line), columns)

    def line_batches(self) -> Iterator[Lines]:
        """Yield what `lines` yields, those of one chunk, at most `BATCH_LINES`, at a time; a torn last line comes alone."""
        number, rest = self.start_line, b""
        with self.open(self.start) as stream:
            offset = self.start or _skip_mark(stream)
            while chunk := stream.read1(CHUNK_BYTES):
                rows = (rest + chunk).split(b"\n") if rest else chunk.split(b"\n")
                rest = rows.pop()
                while len(rest) > CHUNK_BYTES and (more := stream.read1(len(rest))):
                    head, found, tail = more.rpartition(b"\n")
                    rows, rest = (rows + (rest + head).split(b"\n"), tail) if found else (rows, rest + more)
                    self._refuse_bomb(len(rest), UNPACKED_LINE_BYTES)
                lines = _lines(rows, number, offset)
                for first in range(0, len(lines.raws), BATCH_LINES):
                    yield lines.part(first, first + BATCH_LINES)
                number, offset = number + len(rows), offset + sum(map(len, rows)) + len(rows)
                self.consumed, self.consumed_lines = offset, number
        if not self.consumed:
            self.consumed, self.consumed_lines = self.start, self.start_line
        if rest.strip():
            self.tail = True
            self.on_tail()
            yield _lines([rest], number, offset)

    def read(self) -> bytes:
        """Return the whole decompressed content, byte order mark included, so that offsets hold."""
        with self.open() as stream:
            if self.compression is None:
                return stream.read()
            data = stream.read(UNPACKED_DOCUMENT_BYTES + 1)
        self._refuse_bomb(len(data), UNPACKED_DOCUMENT_BYTES)
        return data

    def _refuse_bomb(self, size: int, limit: int) -> None:
        if self.compression and size > limit:
            raise AgentLensError(
                f"{self.path} expands to one record of more than {limit >> 20} MB. If that is no mistake, decompress it and read that file."
            )

    def open(self, start: int = 0) -> io.BufferedReader:
        """Open the decompressed bytes from an offset on; damage in the compression ends in an AgentLensError."""
        raw = _CountingFile(self.stored or self.path, self.on_bytes, self.end)
        if self.compression is None:
            raw.seek(start)
            return io.BufferedReader(raw, CHUNK_BYTES)
        stream: io.BufferedReader = io.BufferedReader(_Decompressed(raw, self.compression, self.path), CHUNK_BYTES)
        _skip(stream, start)
        return stream


def _lines(rows: list[bytes], number: int, offset: int) -> Lines:
    """Return those rows that are not blank, stripped; so many lines and bytes stand before the first row."""
    count, raws = len(rows), list(map(bytes.strip, rows))
    lengths = np.fromiter(map(len, rows), np.int64, count)
    numbers, offsets = np.arange(number + 1, number + 1 + count), offset + np.cumsum(lengths + 1) - (lengths + 1)
    if raws != rows:
        offsets += np.fromiter((row.find(raw[:1]) for row, raw in zip(rows, raws)), np.int64, count)
        lengths = np.fromiter(map(len, raws), np.int64, count)
    if not all(raws):
        numbers, offsets, lengths = (column[lengths > 0] for column in (numbers, offsets, lengths))
        raws = [raw for raw in raws if raw]
    return Lines(PlaceColumns(numbers, offsets, lengths), raws)


class _CountingFile(io.FileIO):
    """A raw file up to an offset that reports how far it has been read, so that progress counts bytes on disk."""

    def __init__(self, path: Path, on_bytes: Callable[[int], object], end: int | None) -> None:
        super().__init__(path, "r")
        self._on_bytes, self._end = on_bytes, end

    def readinto(self, buffer: Any) -> int | None:
        left = len(buffer) if self._end is None else max(0, self._end - self.tell())
        count = super().readinto(memoryview(buffer)[:left])
        self._on_bytes(count or 0)
        return count


class _Decompressed(io.RawIOBase):
    """Decompressed bytes of a raw file; damage raises AgentLensError, after everything before it has been read."""

    def __init__(self, raw: io.FileIO, compression: str | None, path: Path) -> None:
        self._raw, self._path = raw, path
        self._stream: Any = _decompressor(raw, compression)
        self._errors = _damage_errors(compression)
        self._damage: BaseException | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        filled = 0
        try:
            while not self._damage and filled < len(buffer) and (data := self._stream.read1(len(buffer) - filled)):
                buffer[filled : filled + len(data)] = data
                filled += len(data)
        except self._errors as error:
            self._damage = error
        if self._damage and not filled:
            raise AgentLensError(
                f"{self._path} is compressed and damaged here ({self._damage}); what stands before was read."
            ) from self._damage
        return filled

    def close(self) -> None:
        self._raw.close()
        super().close()


def _decompressor(raw: io.FileIO, compression: str | None) -> Any:
    buffered = io.BufferedReader(raw, CHUNK_BYTES)
    if compression == "gzip":
        return gzip.GzipFile(fileobj=buffered)
    if compression == "zstd":
        return _ZstdStream(buffered)
    if compression == UTF16:
        return _Utf8Stream(buffered)
    return buffered


class _Utf8Stream:
    """The UTF-8 bytes of text in UTF-16, as Windows writes it; what is no text becomes �."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw, self._ready = raw, b""
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def read1(self, size: int) -> bytes:
        while not self._ready:
            piece = self._raw.read(UTF16_PIECE_BYTES)
            self._ready = self._decoder.decode(piece, final=not piece).encode("utf-8", "replace")
            if not piece:
                break
        data, self._ready = self._ready[:size], self._ready[size:]
        return data


class _ZstdStream:
    """Bytes of zstd frames, one after the other; a torn last frame is an error, as the library itself does not say so."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._frame: Any = None
        self._rest = self._ready = b""

    def read1(self, size: int) -> bytes:
        import zstandard

        while not self._ready:
            piece = self._rest or self._raw.read(ZSTD_PIECE_BYTES)
            if not piece and self._frame:
                raise zstandard.ZstdError("the last frame is torn")
            if not piece:
                return b""
            self._frame = self._frame or zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
            self._ready, self._rest = self._frame.decompress(piece), b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        data, self._ready = self._ready[:size], self._ready[size:]
        return data


def _damage_errors(compression: str | None) -> tuple[type[BaseException], ...]:
    if compression == "gzip":
        import zlib

        return (EOFError, gzip.BadGzipFile, zlib.error)
    if compression == "zstd":
        import zstandard

        return (zstandard.ZstdError,)
    return ()


def _skip_mark(stream: io.BufferedReader) -> int:
    """Pass over a byte order mark and return how many bytes that were."""
    return len(stream.read(len(BOM))) if stream.peek(len(BOM)).startswith(BOM) else 0


def _skip(stream: io.BufferedReader, count: int) -> None:
    while count > 0 and (skipped := stream.read(min(count, CHUNK_BYTES))):
        count -= len(skipped)


def path_text(path: Path) -> str:
    """Return a path as it is kept in a lens; bytes of its name that are no text are shown as `\\xNN`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def detect_compression(path: Path) -> str | None:
    """Return `gzip`, `zstd`, `utf-16` (text that is no UTF-8 as it stands) or None, judged by the first four bytes."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic[:2] in (b"\xff\xfe", b"\xfe\xff") and magic[2:] != b"\0\0":
        return UTF16
    if magic[:2] == b"\x1f\x8b":
        return "gzip"
    return "zstd" if magic == b"\x28\xb5\x2f\xfd" else None


def hash_prefix(path: Path, length: int | None = None) -> str:
    """Return the SHA-256 of the first `length` bytes on disk (of all of them by default), as hex."""
    digest, left = hashlib.sha256(), sys.maxsize if length is None else length
    with path.open("rb") as stream:
        while left and (chunk := stream.read(min(left, CHUNK_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest()


def read_head(path: Path, compression: str | None) -> bytes:
    """Return the first 64 KiB of decompressed content without a byte order mark: what sniffers judge by.

    A Parquet file says what it is at its end: there the footer takes the place of what follows the first bytes.
    """
    with Source(path, 0, compression).open() as stream:
        head = stream.read1(HEAD_BYTES).removeprefix(BOM)
    if head.startswith(PARQUET) and compression is None:
        return PARQUET + _parquet_footer(path)
    return head


def read_outline(path: Path, compression: str | None) -> bytes:
    """Return what `read_head` returns of JSON whose long texts are empty: what tells its format may stand behind megabytes of text.

    Nothing where the head is the whole file, or no JSON.
    """
    with Source(path, 0, compression).open() as stream:
        text = stream.read(OUTLINED_BYTES).removeprefix(BOM)
    if len(text) <= HEAD_BYTES or text.lstrip()[:1] not in (b"{", b"["):
        return b""
    return TEXT.sub(lambda text: text[0] if len(text[0]) <= LONG_TEXT else b'""', text)[:HEAD_BYTES]


def _parquet_footer(path: Path) -> bytes:
    """Return the footer of a Parquet file, with the eight bytes that say how long it is."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(size - 8, 0))
        length = int.from_bytes(stream.read(4), "little") + 8
        stream.seek(max(size - min(length, LARGEST_FOOTER), 0))
        return stream.read(LARGEST_FOOTER)


@functools.lru_cache(maxsize=4)
def json_values(head: bytes) -> tuple[dict[str, Any], ...]:
    """Return the leading JSON values of a head, each flattened to `{path: first scalar}`; () when it does not begin with JSON.

    Paths are dotted, `item` stands for an array element (`resourceSpans.item.scopeSpans`), containers map to None.
    A value cut off by the end of the head counts with the paths seen so far; lines that are no JSON are passed over.
    """
    if head.lstrip()[:1] not in (b"{", b"[", b'"'):
        return ()
    if b"NaN" in head or b"Infinity" in head:
        head = NOT_FINITE.sub(_null, head)
    values = [_flatten(line) for line in head.split(b"\n")[:-1] if line.strip()[:1] in (b"{", b"[")]
    if values and sum(complete for _, complete in values) * 2 >= len(values):
        return tuple(paths for paths, complete in values if complete)
    return (_flatten(head)[0],)


def _null(found: re.Match[bytes]) -> bytes:
    """Return a text as it is, and `null` for a number."""
    return found[0] if found[0][:1] == b'"' else b"null"


def _flatten(text: bytes) -> tuple[dict[str, Any], bool]:
    """Return paths and first scalars of the first JSON value in `text`, and whether the value is whole."""
    import ijson

    paths: dict[str, Any] = {}
    depth = 0
    try:
        for path, event, value in ijson.parse(text, multiple_values=True, use_float=True, buf_size=2048):
            if event in ("start_map", "start_array"):
                depth += 1
            elif event in ("end_map", "end_array"):
                depth -= 1
            if path not in paths and event not in ("map_key", "end_map", "end_array"):
                paths[path] = value
            if depth == 0:
                return paths, True
            if depth > DEEPEST:
                return paths, False
    except (ijson.JSONError, ValueError, UnicodeDecodeError, OverflowError) as error:
        if "integer overflow" in str(error) and (shorter := LONG_INTEGER.sub(_null, text)) != text:
            return _flatten(shorter)
        return paths, False
    return paths, False
