"""read(): from any mix of logs to a lens."""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from tqdm.auto import tqdm

from agentlens._account import Account
from agentlens._catalog import table_columns
from agentlens._errors import AgentLensError, AmbiguousFormat, UnknownFormat
from agentlens._evidence import Evidence
from agentlens._find import ToRead, find, reachable, what_it_is, why_unread
from agentlens._finish import DUPLICATE, finish, judge_usage
from agentlens._json_text import json_text
from agentlens._lens import (
    Lens,
    begin_reading,
    commit_reading,
    connect,
    end_reading,
    is_lens_file,
    lock,
    prepare,
    written_whole,
)
from agentlens._load import Tables, load, sweep, without_collector
from agentlens._own_prices import OwnPrices
from agentlens._read_ahead import Ahead, File
from agentlens._reused_ids import count_late_rejects
from agentlens._source import Place, Source, detect_compression, hash_prefix, path_text, read_head, read_outline
from agentlens._staging import Staging
from agentlens.loaders import Loader, all_loaders
from agentlens.loaders._mapping import Mapping as FieldMapping
from agentlens.loaders._mapping import describe_fields
from agentlens.pricing import price_models

READ_MEMORY = 750_000_000
# More by what loaders no longer hold: a write that runs out of memory ends the database.
WRITE_MEMORY = 850_000_000
# Of a statement, and of a commit, that finds too little memory; both leave the database as it was.
NO_ROOM = (duckdb.OutOfMemoryException, duckdb.TransactionException)
UNKNOWN = "unknown"
UNKNOWN_HERE = "the file is in no format agentlens knows; read it by name to learn what was looked for, and a mapping to start from"

PathLike = str | os.PathLike[str]


def read(
    *paths: PathLike,
    into: PathLike | None = None,
    format: PathLike | FieldMapping | None = None,
    prices: PathLike | None = None,
    locked: bool = True,
    progress: bool = True,
) -> Lens:
    """Return a lens on everything in the given files, folders and globs, whatever their formats.

    Formats are recognised by content; `format` names a loader instead, or gives a `mapping()` for home-grown JSON lines, lists
    of objects or CSV, also as the path of a YAML file. gzip, zstd and text in UTF-16 are opened, and an archive made by `agentlens archive` is
    read as the files it keeps.

    With `into`, the lens lives in that file: what it already holds is not read again, only files that are new, have grown or
    were replaced. A single saved lens is opened. Reading is one transaction: it succeeds whole or changes nothing. After it
    the database is locked (no file access, no settings) unless `locked` is False. `progress` shows a bar while it reads.

    `prices` is a YAML file with prices and model aliases of your own, which go before the price list; the lens keeps them.

    Raises UnknownFormat when a file given by name (or every file of a folder) is in no known format, AmbiguousFormat when
    two loaders claim one, and AgentLensError for paths that do not exist. Inside folders, a file that is in no known format,
    or in two, or cannot be read, becomes a row of `rejects`.
    """
    given = [reachable(Path(path).expanduser()) for path in paths]
    own = OwnPrices.from_yaml(prices) if prices is not None else None
    if len(given) == 1 and into is None and is_lens_file(given[0]):
        return _open(given[0].resolve(), locked, functools.partial(_prepare_priced, own=own))
    found, format = find(given), _read_mapping(format)
    target = Path(into).expanduser().resolve() if into is not None else None
    load = functools.partial(
        _read_into, given=found, loaders=_loaders(format), options=_options(format), progress=progress, own=own
    )
    if target is None or target.exists():
        return _open(target, locked, load)
    with written_whole(target) as part:
        _open(part, False, load).close()
    return _open(target, locked)


def read_again(paths: Iterable[Path]) -> Lens:
    """Return a lens on files as reading a folder with them gives it: what is in no known format becomes a reject."""
    files = [ToRead(path, named=False) for path in sorted({path.resolve() for path in paths})]
    what: dict[str, Any] = {"given": files, "loaders": _loaders(None), "options": None, "progress": False, "own": None}
    return _open(None, True, functools.partial(_read_into, **what))


def _open(path: Path | None, locked: bool, fill: Callable[[duckdb.DuckDBPyConnection], None] = prepare) -> Lens:
    """Return a lens on a database after `fill` has made it one; when that fails, nothing stays open."""
    con, spill = connect(path)
    try:
        fill(con)
        if locked:
            lock(con)
    except BaseException as error:
        Lens(con, path, spill).close()
        if isinstance(error, NO_ROOM):
            raise AgentLensError(
                f"What has to be held at once, most often one record, is larger than memory allows, so nothing was read: {error}"
            ) from error
        raise
    return Lens(con, path, spill)


def _prepare_priced(con: duckdb.DuckDBPyConnection, own: OwnPrices | None) -> None:
    prepare(con)
    if own is not None:
        price_models(con, own)
        judge_usage(con)


# --- which loader -----------------------------------------------------------------------------------------------------


def _read_mapping(format: PathLike | FieldMapping | None) -> str | FieldMapping | None:
    """Return a format with the mapping in place of the YAML file that holds it."""
    if format is None or isinstance(format, FieldMapping):
        return format
    if Path(format).suffix.lower() in (".yaml", ".yml"):
        return FieldMapping.from_yaml(format)
    return os.fspath(format)


def _loaders(format: str | FieldMapping | None) -> Mapping[str, Loader]:
    loaders = all_loaders()
    if format is None:
        return loaders
    name = format if isinstance(format, str) else "json_lines"
    if name not in loaders:
        raise AgentLensError(f"format {name!r} is unknown; known are {', '.join(loaders)}, or agentlens.mapping(...).")
    return {name: loaders[name]}


def _options(format: str | FieldMapping | None) -> dict[str, Any] | None:
    """Return what a chosen loader is told, or None when the loader is to be found by content."""
    if format is None:
        return None
    return {} if isinstance(format, str) else {"mapping": format}


def _choose(path: Path, head: bytes, loaders: Mapping[str, Loader]) -> str | None:
    """Return the name of the one loader that claims the head, None when none does."""
    claims = [name for name, loader in loaders.items() if loader.sniff(head)]
    if len(claims) > 1:
        raise AmbiguousFormat(
            f"{path} is claimed by {' and '.join(claims)}. Choose one: agentlens.read(path, format={claims[0]!r})."
        )
    return claims[0] if claims else None


def _unknown(path: Path, head: bytes, loaders: Mapping[str, Loader]) -> str:
    if not head.strip():
        return f"{path} is empty."
    looked = "\n".join(f"  {name}: {loader.LOOKS_FOR}" for name, loader in loaders.items())
    hint = what_it_is(head)
    return f"{path} is in no format agentlens knows.{hint and f' {hint}'} It looked for:\n{looked}\n{describe_fields(head)}".rstrip()


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """A file and the loader that claims it."""

    file: ToRead
    compression: str | None
    head: bytes
    format: str
    loader: Loader
    options: dict[str, Any]


@dataclass
class _Task:
    """One file to read, whole or from where an earlier read stopped."""

    source: Source
    loader: Loader
    format: str
    account: Account | None
    digest: Future[str]
    size: int


def _read_into(con: duckdb.DuckDBPyConnection, **what: Any) -> None:
    """Read within a limit of memory; where a few records together, or one, are too large for it, with what the machine has."""
    try:
        _read_within(con, READ_MEMORY, **what)
    except NO_ROOM:
        _read_within(con, None, **what)


def _read_within(
    con: duckdb.DuckDBPyConnection,
    memory: int | None,
    *,
    given: list[ToRead],
    loaders: Mapping[str, Loader],
    options: dict[str, Any] | None,
    progress: bool,
    own: OwnPrices | None,
) -> None:
    begin_reading(con, memory)
    with ThreadPoolExecutor(1) as hasher:
        con.execute("BEGIN")
        try:
            prepare(con)
            tables = table_columns(con)
            staging = Staging(con, tables, memory)
            evidence = Evidence(tables, staging, _next_list(con))
            tasks = _plan(con, given, loaders, options, hasher)
            if tasks:
                con.execute("SET threads = 1")  # batches are too small to share: each would cost half as much again
                _load_all(tasks, evidence, tables, progress)
                con.execute("RESET threads")
                del evidence  # what it remembers of messages would stand beside the sort of all spans
                finish(con, staging, _formats_with("RECORDS_ARE_SPANS"), _formats_with("IDS_ARE_USED_ONCE"))
            if tasks or own is not None:
                price_models(con, own)
                judge_usage(con)
            staging.make_room(WRITE_MEMORY)
            commit_reading(con)
        except BaseException:
            with contextlib.suppress(duckdb.Error):  # a database that has ended takes nothing back
                con.execute("ROLLBACK")
            raise
    end_reading(con)


def _formats_with(flag: str) -> list[str]:
    return [name for name, loader in all_loaders().items() if getattr(loader, flag, False)]


def _next_list(con: duckdb.DuckDBPyConnection) -> int:
    return int(con.execute("SELECT coalesce(max(list_id) + 1, 0) FROM message_lists").fetchall()[0][0])


def _plan(
    con: duckdb.DuckDBPyConnection,
    files: list[ToRead],
    loaders: Mapping[str, Loader],
    options: dict[str, Any] | None,
    hasher: ThreadPoolExecutor,
) -> list[_Task]:
    """Decide for each file whether to read it, go on with it or leave it; raises before anything is loaded."""
    known = _known_sources(con)
    changed = [file for file in files if not _is_unchanged(file, known.get(path_text(file.path)), loaders, options)]
    found = [one for one in (_recognise(file, loaders, options) for file in changed) if one]
    if found and len(found) == len(files) and all(one.loader is _STRANGER for one in found):
        raise UnknownFormat(_unknown_folder(found, loaders))
    ids = itertools.count(1 + max((row["source_id"] for row in known.values()), default=0))
    tasks = [_task(con, one, known.get(path_text(one.file.path)), ids, hasher) for one in found]
    if any(
        task.account is None and task.source.source_id in {row["source_id"] for row in known.values()} for task in tasks
    ):
        tasks += _recall(con, known, {task.source.source_id for task in tasks}, ids, hasher)
    return tasks


def _recognise(file: ToRead, loaders: Mapping[str, Loader], options: dict[str, Any] | None) -> _Found | None:
    """Find the loader of a file; what stands in a folder and cannot be read becomes a reject, what was named is an error.

    None is what has gone since the folder was listed.
    """
    compression = None
    try:
        compression = detect_compression(file.stored)
        head = read_head(file.stored, compression)
        name = next(iter(loaders)) if options is not None else _choose(file.path, head, loaders)
        if name is None and (outline := read_outline(file.stored, compression)):
            name = _choose(file.path, outline, loaders)
    except (AgentLensError, OSError) as error:
        problem = why_unread(file.path, error)
        if file.named:
            raise problem from error
        if isinstance(error, FileNotFoundError):
            return None
        return _Found(file, compression, b"", UNKNOWN, _STRANGER, {"problem": str(problem)})
    if name is None and file.named:
        raise UnknownFormat(_unknown(file.path, head, loaders))
    return _Found(file, compression, head, name or UNKNOWN, loaders[name] if name else _STRANGER, options or {})


def _task(
    con: duckdb.DuckDBPyConnection,
    found: _Found,
    before: dict[str, Any] | None,
    ids: Iterator[int],
    hasher: ThreadPoolExecutor,
) -> _Task:
    """Make a file ready to be read: rows that an earlier read left are kept where reading goes on, else removed."""
    file, size = found.file, found.file.size()
    # What is written to it from now on is for the next read: it is not in the hash.
    source = Source(
        file.path, before["source_id"] if before else next(ids), found.compression, options=found.options,
        stored=file.kept.stored if file.kept else None, end=None if file.kept else size,
    )  # fmt: skip
    account = _resume(con, source, before, found.loader, found.format, size) if before else None
    if before and account is None:
        _forget(con, source.source_id)
    return _Task(source, found.loader, found.format, account, hasher.submit(file.digest, size), size)


def _recall(
    con: duckdb.DuckDBPyConnection,
    known: Mapping[str, dict[str, Any]],
    taken: set[int],
    ids: Iterator[int],
    hasher: ThreadPoolExecutor,
) -> list[_Task]:
    """Read sources again whose spans were dropped as duplicates: a replaced file may have held what they repeat."""
    tasks = []
    for path, row in known.items():
        if row["source_id"] not in taken and DUPLICATE in _decode_json(row["skipped_reasons"]) and Path(path).is_file():
            found = _recognise(ToRead(Path(path), named=False), all_loaders(), None)
            if found is None or found.loader is _STRANGER:
                continue
            _forget(con, row["source_id"])
            tasks.append(_task(con, found, {**row, "resume_offset": None}, ids, hasher))
    return tasks


def _unknown_folder(found: list[_Found], loaders: Mapping[str, Loader]) -> str:
    first = found[0]
    others = f"None of the {len(found)} files is in a format agentlens knows. The first: " if len(found) > 1 else ""
    return others + str(first.options.get("problem") or _unknown(first.file.path, first.head, loaders))


def _known_sources(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    relation = con.execute("FROM sources")
    names = [column[0] for column in relation.description or []]
    rows = [dict(zip(names, row)) for row in relation.fetchall()]
    return {row["path"]: row for row in rows}


def _is_unchanged(
    file: ToRead, before: dict[str, Any] | None, loaders: Mapping[str, Loader], options: dict[str, Any] | None
) -> bool:
    if before is None or not _is_current(before, loaders):
        return False
    if options and before["dialect"] != options["mapping"].dialect:
        return False
    try:
        return bool(before["bytes"] == file.size() and before["sha256"] == file.digest())
    except OSError:  # what was read of it stays
        return not file.named and before["format"] != UNKNOWN


def _is_current(before: dict[str, Any], loaders: Mapping[str, Loader]) -> bool:
    """Whether the rules a source was read by are still the rules: the same loader version, or still no loader at all."""
    if before["format"] == UNKNOWN:
        return bool(before["loader_version"] == _stranger_version(loaders))
    return before["format"] in loaders and bool(before["loader_version"] == loaders[before["format"]].VERSION)


def _stranger_version(loaders: Mapping[str, Loader]) -> int:
    return sum(loader.VERSION for loader in loaders.values())


def _resume(
    con: duckdb.DuckDBPyConnection, source: Source, before: dict[str, Any], loader: Loader, name: str, size: int
) -> Account | None:
    """Set a grown file to go on where it stopped and return its account so far; None when it must be read from the start."""
    can_go_on = (
        getattr(loader, "RESUMES", False)
        and before["format"] == name
        and before["loader_version"] == loader.VERSION
        and source.compression is None
        and before["resume_offset"]
        and size > before["bytes"]
        and hash_prefix(source.path, before["bytes"]) == before["sha256"]
    )
    if not can_go_on:
        return None
    saved = _decode_json(before["resume_state"])
    account = Account.from_json(json_text(saved["account"]))
    dropped = _decode_json(before["skipped_reasons"]).get(DUPLICATE, 0) - account.skipped.get(DUPLICATE, 0)
    if dropped and before["resume_offset"] < before["bytes"]:
        return None  # the torn last line may be one of them, and is to be counted anew
    source.start, source.start_line, source.state = before["resume_offset"], saved["line"], saved["state"]
    _forget(con, source.source_id, source.start)
    account.accepted -= dropped  # duplicates were found after the account was saved
    account.skipped = {
        **account.skipped,
        **({DUPLICATE: account.skipped.get(DUPLICATE, 0) + dropped} if dropped else {}),
    }
    late = count_late_rejects(con, source.source_id, account.rejected)
    account.accepted, account.rejected = account.accepted - late, account.rejected + late
    return account


def _decode_json(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def _forget(con: duckdb.DuckDBPyConnection, source_id: int, offset: int = 0) -> None:
    """Remove the rows of a source from a byte offset on; the account of the source goes too, as it is written anew.

    Messages that other calls still show stay, and are said to stand where the first of those does.
    """
    gone = {"id": source_id, "offset": offset}
    con.execute("DELETE FROM sources WHERE source_id = $id", {"id": source_id})
    for table, columns in table_columns(con).items():
        if "source_offset" in columns and table not in ("messages", "message_lists"):
            con.execute(f"DELETE FROM {table} WHERE source_id = $id AND coalesce(source_offset, 0) >= $offset", gone)
    for statement in duckdb.extract_statements(
        (files("agentlens") / "finish" / "forget_messages.sql").read_text("utf-8")
    ):
        con.execute(statement, {name: gone[name] for name in statement.named_parameters})


def _load_all(tasks: list[_Task], evidence: Evidence, tables: Tables, progress: bool) -> None:
    total = sum(task.size - task.source.start for task in tasks)
    bar = tqdm(total=total, unit="B", unit_scale=True, desc="reading", delay=1, disable=not progress, mininterval=0.2)
    files = [File(task.format, task.source, task.account, task.size - task.source.start) for task in tasks]
    unswept = 0
    with without_collector(), bar, Ahead(files, tables) as ahead:
        for number, task in enumerate(tasks, 1):
            bar.set_postfix_str(f"file {number} of {len(tasks)}, {evidence.rows_added:,} rows", refresh=False)
            _load(task, evidence, tables, bar.update, ahead)
            unswept = sweep(unswept + task.size - task.source.start)
        evidence.flush()
        bar.set_postfix_str(f"{len(tasks)} files, {evidence.rows_added:,} rows", refresh=False)


def _load(task: _Task, evidence: Evidence, tables: Tables, on_bytes: Callable[[int], object], ahead: Ahead) -> None:
    source = task.source
    at_tail: list[str] = []
    source.on_bytes = on_bytes
    source.on_tail = lambda: at_tail.append(evidence.account.to_json())
    evidence.begin(source, task.account)
    if ahead.take(source, evidence):
        on_bytes(task.size - source.start)
    else:
        load(task.format, task.loader, source, task.size, evidence, tables)
    account = evidence.account
    evidence.add_source(
        path=path_text(source.path),
        stored_at=path_text(source.stored) if source.stored else None,
        sha256=_digest(task),
        bytes=task.size,
        compression=source.compression,
        format=task.format,
        loader_version=task.loader.VERSION,
        resume_offset=source.consumed or None,
        resume_state=f'{{"line":{source.consumed_lines},"state":{json_text(source.state)},"account":{(at_tail or [account.to_json()])[-1]}}}',
    )
    source.state = None
    source.identities.clear()


def _digest(task: _Task) -> str:
    """Return the hash of the bytes of a source, "" where they cannot be read."""
    try:
        return task.digest.result()
    except OSError:
        return ""


class _Stranger:
    """Keeps a file that no loader knows as one rejected record, so that the lens says it was there."""

    __name__ = UNKNOWN
    LOOKS_FOR = CANNOT_KNOW = ""
    VERSION = _stranger_version(all_loaders())

    def sniff(self, head: bytes) -> bool:
        return False

    def load(self, source: Source, into: Evidence) -> None:
        if problem := source.options.get("problem"):
            raise AgentLensError(problem)
        with source.open() as stream:
            head = stream.read(4096)
        into.record()
        reason = ". ".join(filter(None, [UNKNOWN_HERE, what_it_is(head)])) if head.strip() else "the file is empty"
        into.reject(Place(1, 0, (source.stored or source.path).stat().st_size), reason, head)


_STRANGER = _Stranger()
