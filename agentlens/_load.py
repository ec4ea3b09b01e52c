"""Runs a loader on a source: in this process, or on runs of whole lines of a large file in several."""

from __future__ import annotations

import contextlib
import gc
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from agentlens._account import Account
from agentlens._errors import AgentLensError
from agentlens._evidence import Evidence
from agentlens._source import Place, Source
from agentlens.loaders import Loader, named_loader

LEAST_BYTES = 96 * 1024 * 1024
PIECE_BYTES = 12 * 1024 * 1024
MOST_WORKERS = 4
SWEEP_BYTES = 256 * 1024 * 1024

Tables = Mapping[str, Mapping[str, str]]


class Piece(NamedTuple):
    """A run of whole lines: its bytes, and how many lines stand before it."""

    start: int
    end: int
    start_line: int


@dataclass
class Result:
    """What a worker made of a piece: batches by table, and the account; `at_tail` is the account before a torn last line."""

    batches: list[tuple[str, pa.Table]] = field(default_factory=list)
    account: Account = field(default_factory=Account)
    at_tail: Account | None = None
    consumed: int = 0
    consumed_lines: int = 0
    lists: int = 0
    identities: bytes = b""
    needs_all: bool = False


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Rows hold no cycles: looking for some among millions of them costs a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def sweep(unswept: int) -> int:
    """Let go of what loaders left in cycles once they have read so many bytes; returns how many they have read since."""
    if unswept < SWEEP_BYTES:
        return unswept
    gc.collect()
    return 0


def load(name: str, loader: Loader, source: Source, size: int, into: Evidence, tables: Tables) -> None:
    """Load a source; what the loader cannot read on from becomes a reject. Rows arrive in the order of the file."""
    try:
        is_loaded = _is_worth_splitting(loader, source, size) and _load_in_pieces(name, source, size, into, tables)
    except OSError as error:
        return _reject_rest(source, into, error)
    if not is_loaded:
        load_alone(loader, source, into)


def load_alone(loader: Loader, source: Source, into: Evidence) -> None:
    """Load a source in this process; what the loader cannot read on from becomes a reject."""
    try:
        loader.load(source, into)
    except (AgentLensError, OSError) as error:
        _reject_rest(source, into, error)


def _reject_rest(source: Source, into: Evidence, error: AgentLensError | OSError) -> None:
    """Say in a reject why a source is not read on."""
    gone = f"{source.path} cannot be read on: {error.strerror or error}." if isinstance(error, OSError) else None
    into.record()
    into.reject(Place(None, 0, 0), gone or str(error), "")


def _is_worth_splitting(loader: Loader, source: Source, size: int) -> bool:
    """Whether it is right, and pays, to read a source in pieces.

    A loader says with `splits(source)` that any run of whole lines of a file can be read by itself, given `source.state`.
    """
    splits = getattr(loader, "splits", None)
    return (
        splits is not None
        and source.compression is None
        and size - source.start >= LEAST_BYTES
        and workers() > 1
        and splits(source)
    )


def _load_in_pieces(name: str, source: Source, size: int, into: Evidence, tables: Tables) -> bool:
    """Read a source in pieces; False when one process has to go on alone, from `source.start`.

    It has to where a piece makes an identity that an earlier piece made, for what comes again is told apart by how often it came,
    and where a piece holds what only the rest of the file tells apart (`Source.needs_all`).
    """
    from loky import ProcessPoolExecutor  # unlike the standard library's, it needs no guarded `__main__`
    from loky.process_executor import BrokenProcessPool

    path, waiting = source.stored or source.path, deque[tuple[Piece, "Future[Result]"]]()
    whole = {"path": path, "source_id": source.source_id, "state": source.state, "options": source.options}
    try:
        with ProcessPoolExecutor(workers()) as pool:
            for piece in pieces(path, source.start, source.start_line, size):
                waiting.append((piece, pool.submit(load_piece, name, whole, piece, tables)))
                if len(waiting) > 2 * workers() and not _take(*waiting.popleft(), source, into):
                    return False
            return all(_take(*part, source, into) for part in waiting)
    except BrokenProcessPool as error:
        raise AgentLensError(
            f"{source.path}: a process that read part of it was ended from outside, most often for want of memory."
        ) from error


def pieces(path: Path, start: int, start_line: int, size: int) -> Iterator[Piece]:
    """Yield the runs of whole lines that a file consists of from an offset on, each of about `PIECE_BYTES`."""
    with path.open("rb") as stream:
        stream.seek(start)
        while start < size:
            text = stream.read(min(PIECE_BYTES, size - start))
            text += stream.readline(size - start - len(text))
            if not text:
                return
            yield Piece(start, start + len(text), start_line)
            start, start_line = start + len(text), start_line + text.count(b"\n")


@without_collector()
def load_piece(name: str, whole: dict[str, Any], piece: Piece, tables: Tables) -> Result:
    """Return what a loader makes of one piece of a file; `whole` is what is known of the whole file, by fields of `Source`."""
    result = Result()
    into = Evidence(tables, lambda table, batch: result.batches.append((table, batch)))
    source = Source(**whole, start=piece.start, end=piece.end, start_line=piece.start_line, is_piece=True)

    def keep_account() -> None:
        result.at_tail = Account.from_json(into.account.to_json())

    source.on_tail = keep_account
    into.begin(source)
    load_alone(named_loader(name), source, into)
    into.flush()
    result.account, result.consumed, result.consumed_lines = into.account, source.consumed, source.consumed_lines
    result.lists, result.identities, result.needs_all = into.lists, b"".join(source.identities), source.needs_all
    return result


def _take(piece: Piece, future: Future[Result], source: Source, into: Evidence) -> bool:
    """Add what a worker made of the next piece; False, and where to go on, when the piece cannot be read by itself."""
    result = future.result()
    identities = {result.identities[start : start + 8] for start in range(0, len(result.identities), 8)}
    if result.needs_all or not source.identities.isdisjoint(identities):
        source.start, source.start_line = piece.start, piece.start_line
        return False
    source.identities |= identities
    into.add_batches(result.batches, result.lists)
    if result.at_tail:
        into.account, so_far = into.account.merged(result.at_tail), into.account
        source.on_tail()
        into.account = so_far
    into.account = into.account.merged(result.account)
    source.consumed, source.consumed_lines = result.consumed, result.consumed_lines
    source.on_bytes(piece.end - piece.start)
    return True


def workers() -> int:
    """Return how many processes read at the same time."""
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
