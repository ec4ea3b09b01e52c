"""Runs a loader on a source: in this process, or on runs of whole lines of a large file in several."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from agentlens._account import Account
from agentlens._errors import AgentLensError
from agentlens._evidence import Evidence
from agentlens._source import Place, Source
from agentlens.loaders import Loader, all_loaders

LEAST_BYTES = 96 * 1024 * 1024
PIECE_BYTES = 12 * 1024 * 1024
MOST_WORKERS = 4

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


def load(name: str, loader: Loader, source: Source, size: int, into: Evidence, tables: Tables) -> None:
    """Load a source; what the loader cannot read on from becomes a reject. Rows arrive in the order of the file."""
    if _is_worth_splitting(loader, source, size):
        _load_in_pieces(name, source, size, into, tables)
    else:
        _load_alone(loader, source, into)


def _load_alone(loader: Loader, source: Source, into: Evidence) -> None:
    try:
        loader.load(source, into)
    except AgentLensError as error:
        into.record()
        into.reject(Place(None, 0, 0), str(error), "")


def _is_worth_splitting(loader: Loader, source: Source, size: int) -> bool:
    """Whether it is right, and pays, to read a source in pieces.

    A loader says with `splits(source)` that any run of whole lines of a file can be read by itself.
    """
    splits = getattr(loader, "splits", None)
    return (
        splits is not None
        and source.compression is None
        and size - source.start >= LEAST_BYTES
        and _workers() > 1
        and splits(source)
    )


def _load_in_pieces(name: str, source: Source, size: int, into: Evidence, tables: Tables) -> None:
    from loky import ProcessPoolExecutor  # unlike the standard library's, it needs no guarded `__main__`
    from loky.process_executor import BrokenProcessPool

    path, waiting = source.stored or source.path, deque[tuple[Piece, "Future[Result]"]]()
    try:
        with ProcessPoolExecutor(_workers()) as pool:
            for piece in pieces(path, source.start, source.start_line, size):
                waiting.append((piece, pool.submit(load_piece, name, path, source.source_id, piece, tables)))
                if len(waiting) > 2 * _workers():
                    _take(*waiting.popleft(), source, into)
            while waiting:
                _take(*waiting.popleft(), source, into)
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


def load_piece(name: str, path: Path, source_id: int, piece: Piece, tables: Tables) -> Result:
    """Return what a loader makes of one piece of a file."""
    result = Result()
    into = Evidence(tables, lambda table, batch: result.batches.append((table, batch)))
    source = Source(path, source_id, start=piece.start, end=piece.end, start_line=piece.start_line)

    def keep_account() -> None:
        result.at_tail = Account.from_json(into.account.to_json())

    source.on_tail = keep_account
    into.begin(source)
    _load_alone(all_loaders()[name], source, into)
    into.flush()
    result.account, result.consumed, result.consumed_lines = into.account, source.consumed, source.consumed_lines
    result.lists = into.lists
    return result


def _take(piece: Piece, future: Future[Result], source: Source, into: Evidence) -> None:
    """Add what a worker made of the next piece."""
    result = future.result()
    into.add_batches(result.batches, result.lists)
    if result.at_tail:
        into.account, so_far = into.account.merged(result.at_tail), into.account
        source.on_tail()
        into.account = so_far
    into.account = into.account.merged(result.account)
    source.consumed, source.consumed_lines = result.consumed, result.consumed_lines
    source.on_bytes(piece.end - piece.start)


def _workers() -> int:
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
