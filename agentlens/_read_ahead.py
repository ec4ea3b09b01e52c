"""Reads the many files of a folder by several processes: each loads a group of them whole, and all are taken in their order."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import pyarrow as pa

from agentlens import _load
from agentlens._account import Account
from agentlens._errors import AgentLensError
from agentlens._evidence import Evidence
from agentlens._source import Source
from agentlens.loaders import all_loaders, named_loader

# A larger file is read in its turn, by the process that asks.
MOST_BYTES = 24 * 1024 * 1024


class File(NamedTuple):
    """A file to load: the format, the source with what an earlier read left, and its account so far."""

    format: str
    source: Source
    account: Account | None
    bytes: int


@dataclass
class Loaded:
    """What loading a file left behind: its account, the one before a torn last line, and where a later read goes on."""

    account: Account
    at_tail: Account | None
    state: dict[str, Any] | None
    consumed: int
    consumed_lines: int


@dataclass
class Group:
    """What a process made of some files: batches by table, the number of message lists, and what each file left behind."""

    batches: list[tuple[str, pa.Table]]
    lists: int
    files: dict[int, Loaded]


class Ahead:
    """The files that other processes read ahead; none where that does not pay. A context manager."""

    def __init__(self, files: Sequence[File], tables: _load.Tables) -> None:
        known = all_loaders()
        small = [file for file in files if file.bytes <= MOST_BYTES and file.format in known]
        pays = len(small) > 1 and sum(file.bytes for file in small) >= _load.LEAST_BYTES and _load.workers() > 1
        self._tables = tables
        self._groups = deque(_grouped(small) if pays else ())
        self._files = {file.source.source_id for group in self._groups for file in group}
        self._waiting: deque[Future[Group]] = deque()
        self._loaded: dict[int, Loaded] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        if self._groups:
            from loky import ProcessPoolExecutor

            self._pool = self._stack.enter_context(ProcessPoolExecutor(_load.workers()))
            self._submit()
        return self

    def __exit__(self, *error: object) -> None:
        for future in self._waiting:
            future.cancel()
        self._stack.close()

    def take(self, source: Source, into: Evidence) -> bool:
        """Add the rows of a source that is read ahead, in the order of the files; False for one that is not."""
        if source.source_id not in self._files:
            return False
        if source.source_id not in self._loaded:
            group = self._next(source)
            into.add_batches(group.batches, group.lists)
            self._loaded |= group.files
        loaded = self._loaded.pop(source.source_id)
        if loaded.at_tail:
            into.account = loaded.at_tail
            source.on_tail()
        into.account = loaded.account
        source.state, source.consumed, source.consumed_lines = loaded.state, loaded.consumed, loaded.consumed_lines
        return True

    def _next(self, source: Source) -> Group:
        from loky.process_executor import BrokenProcessPool

        try:
            group = self._waiting.popleft().result()
        except BrokenProcessPool as error:
            raise AgentLensError(
                f"{source.path}: a process that read it, or a file after it, was ended from outside, most often for want of memory."
            ) from error
        self._submit()
        return group

    def _submit(self) -> None:
        while self._groups and len(self._waiting) <= 2 * _load.workers():
            files = [file._replace(source=_without_callbacks(file.source)) for file in self._groups.popleft()]
            self._waiting.append(self._pool.submit(load_group, files, self._tables))


@_load.without_collector()
def load_group(files: Sequence[File], tables: _load.Tables) -> Group:
    """Return what the loaders make of some files."""
    batches: list[tuple[str, pa.Table]] = []
    into = Evidence(tables, lambda table, batch: batches.append((table, batch)))
    loaded = {file.source.source_id: _load_file(file, into) for file in files}
    into.flush()
    return Group(batches, into.lists, loaded)


def _load_file(file: File, into: Evidence) -> Loaded:
    source, at_tail = file.source, list[Account]()
    source.on_tail = lambda: at_tail.append(Account.from_json(into.account.to_json()))
    into.begin(source, file.account)
    _load.load_alone(named_loader(file.format), source, into)
    return Loaded(into.account, at_tail[-1] if at_tail else None, source.state, source.consumed, source.consumed_lines)


def _grouped(files: Sequence[File]) -> Iterator[list[File]]:
    """Yield runs of files of about `PIECE_BYTES` together."""
    group: list[File] = []
    for file in files:
        group.append(file)
        if sum(one.bytes for one in group) >= _load.PIECE_BYTES:
            yield group
            group = []
    if group:
        yield group


def _without_callbacks(source: Source) -> Source:
    """Return a source that can go to another process."""
    return dataclasses.replace(source, on_bytes=_ignore, on_tail=_do_nothing)


def _ignore(_count: int) -> None:
    pass


def _do_nothing() -> None:
    pass
