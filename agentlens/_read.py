"""read(): from any mix of logs to a lens."""

from __future__ import annotations

import contextlib
import glob
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from tqdm.auto import tqdm

from agentlens._catalog import table_columns
from agentlens._errors import AgentLensError, AmbiguousFormat, UnknownFormat
from agentlens._evidence import Account, Evidence, json_text
from agentlens._finish import finish
from agentlens._lens import Lens, connect, is_lens_file, lock, prepare, written_whole
from agentlens._source import Place, Source, detect_compression, hash_prefix, read_head
from agentlens.loaders import Loader, all_loaders
from agentlens.loaders._mapping import Mapping as FieldMapping
from agentlens.loaders._mapping import describe_fields
from agentlens.pricing import price_models

READ_MEMORY = "1GB"
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".ipynb_checkpoints"})
UNKNOWN = "unknown"
DUPLICATE = "duplicate span"

PathLike = str | os.PathLike[str]


def read(
    *paths: PathLike,
    into: PathLike | None = None,
    format: str | FieldMapping | None = None,
    locked: bool = True,
    progress: bool = True,
) -> Lens:
    """Return a lens on everything in the given files, folders and globs, whatever their formats.

    Formats are recognised by content; `format` names a loader instead, or gives a `mapping()` for home-grown JSON lines.
    gzip and zstd are opened. With `into`, the lens lives in that file: what it already holds is not read again, only files
    that are new, have grown or were replaced. A single saved lens is opened. Reading is one transaction: it succeeds whole
    or changes nothing. After it the database is locked (no file access, no settings) unless `locked` is False.

    Raises UnknownFormat when a file given by name (or every file of a folder) is in no known format, AmbiguousFormat when
    two loaders claim one, and AgentLensError for paths that do not exist. Inside folders, a file that is in no known format
    becomes a row of `rejects`.
    """
    given = [Path(path).expanduser() for path in paths]
    if len(given) == 1 and into is None and is_lens_file(given[0]):
        return _open(given[0].resolve(), locked)
    files = _find(given)
    target = Path(into).expanduser().resolve() if into is not None else None
    if target is None or target.exists():
        con, spill = connect(target)
        try:
            _read_into(con, files, _loaders(format), _options(format), progress)
        except BaseException:
            con.close()
            raise
        return _finished(con, target, spill, locked)
    with written_whole(target) as part:
        con, spill = connect(part)
        with contextlib.closing(con):
            _read_into(con, files, _loaders(format), _options(format), progress)
    return _open(target, locked)


def _open(path: Path, locked: bool) -> Lens:
    con, spill = connect(path)
    try:
        prepare(con)
    except BaseException:
        con.close()
        raise
    return _finished(con, path, spill, locked)


def _finished(con: duckdb.DuckDBPyConnection, path: Path | None, spill: Path, locked: bool) -> Lens:
    if locked:
        lock(con)
    return Lens(con, path, spill)


# --- which files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _File:
    path: Path
    named: bool
    """Given by name, so that an unknown format is an error."""


def _find(given: list[Path]) -> list[_File]:
    """Return the files behind paths, folders and globs, each once, in the order of their paths."""
    if not given:
        raise AgentLensError("read() needs at least one file, folder or glob: agentlens.read('logs/')")
    found: dict[Path, bool] = {}
    for path in given:
        if path.is_dir():
            matches = [(file, False) for file in _walk(path)]
        elif path.exists():
            matches = [(path, True)]
        else:
            matches = [(Path(match), True) for match in glob.glob(str(path), recursive=True) if Path(match).is_file()]
            if not matches:
                raise AgentLensError(_absent(path))
        for file, named in matches:
            real = file.resolve()
            found[real] = found.get(real, False) or named
    if not found:
        raise AgentLensError(f"{', '.join(map(str, given))}: there is no file in it to read.")
    return [_File(path, named) for path, named in sorted(found.items())]


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = Path(root) / name
            if path.is_file() and not is_lens_file(path):
                yield path


def _absent(path: Path) -> str:
    parent = path.parent
    while not parent.exists():
        parent = parent.parent
    if any(mark in str(path) for mark in "*?["):
        return f"{path}: the pattern matches no file. The nearest existing folder is {parent}."
    return f"{path} does not exist. The nearest existing folder is {parent}."


# --- which loader -----------------------------------------------------------------------------------------------------


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
        raise AmbiguousFormat(f"{path} is claimed by {' and '.join(claims)}. Choose one: agentlens.read(path, format={claims[0]!r}).")
    return claims[0] if claims else None


def _unknown(path: Path, head: bytes, loaders: Mapping[str, Loader]) -> str:
    if not head.strip():
        return f"{path} is empty."
    looked = "\n".join(f"  {name}: {loader.LOOKS_FOR}" for name, loader in loaders.items())
    return f"{path} is in no format agentlens knows. It looked for:\n{looked}\n{describe_fields(head)}".rstrip()


# --- reading ----------------------------------------------------------------------------------------------------------


@dataclass
class _Task:
    """One file to read, whole or from where an earlier read stopped."""

    source: Source
    loader: Loader
    format: str
    account: Account | None
    digest: Future[str]
    size: int


def _read_into(
    con: duckdb.DuckDBPyConnection,
    files: list[_File],
    loaders: Mapping[str, Loader],
    options: dict[str, Any] | None,
    progress: bool,
) -> None:
    _set_up(con)
    with ThreadPoolExecutor(1) as hasher:
        con.execute("BEGIN")
        try:
            prepare(con)
            tables = table_columns(con)
            evidence = Evidence(con, tables)
            tasks = _plan(con, files, loaders, options, evidence, hasher)
            if tasks:
                _load_all(tasks, evidence, progress)
                finish(con, [t.source.source_id for t in tasks if getattr(t.loader, "RECORDS_ARE_SPANS", False)])
                price_models(con)
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
    _tear_down(con)


def _set_up(con: duckdb.DuckDBPyConnection) -> None:
    con.execute(f"SET memory_limit = '{READ_MEMORY}'")
    con.execute("SET force_compression = 'zstd'")


def _tear_down(con: duckdb.DuckDBPyConnection) -> None:
    temporary = con.execute("SELECT table_name FROM duckdb_tables() WHERE temporary").fetchall()
    for (name,) in temporary:
        con.execute(f'DROP TABLE temp."{name}"')
    con.execute("RESET memory_limit")
    con.execute("RESET force_compression")


def _plan(
    con: duckdb.DuckDBPyConnection,
    files: list[_File],
    loaders: Mapping[str, Loader],
    options: dict[str, Any] | None,
    evidence: Evidence,
    hasher: ThreadPoolExecutor,
) -> list[_Task]:
    """Decide for each file whether to read it, go on with it or leave it; raises before anything is loaded."""
    known = _known_sources(con)
    next_id = 1 + max((row["source_id"] for row in known.values()), default=0)
    tasks: list[_Task] = []
    strangers: list[tuple[_File, bytes]] = []
    unchanged = 0
    for file in files:
        before = known.get(str(file.path))
        size = file.path.stat().st_size
        if before and before["bytes"] == size and before["sha256"] == hash_prefix(file.path) and _is_current(before, loaders):
            unchanged += 1
            continue
        compression = detect_compression(file.path)
        head = read_head(file.path, compression)
        name = next(iter(loaders)) if options is not None else _choose(file.path, head, loaders)
        if name is None:
            if file.named:
                raise UnknownFormat(_unknown(file.path, head, loaders))
            strangers.append((file, head))
        source = Source(file.path, before["source_id"] if before else next_id, compression, options=options or {})
        next_id += before is None
        account = _resume(con, source, before, loaders[name], name, size) if before and name else None
        if before and account is None:
            _forget(con, source.source_id)
        digest = hasher.submit(hash_prefix, file.path, size)
        tasks.append(_Task(source, loaders[name] if name else _STRANGER, name or UNKNOWN, account, digest, size))
    if strangers and not unchanged and len(strangers) == len(files):
        raise UnknownFormat(_unknown_folder(strangers, loaders))
    return tasks


def _unknown_folder(strangers: list[tuple[_File, bytes]], loaders: Mapping[str, Loader]) -> str:
    file, head = strangers[0]
    others = f"None of the {len(strangers)} files is in a format agentlens knows. The first: " if len(strangers) > 1 else ""
    return others + _unknown(file.path, head, loaders)


def _known_sources(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Any]]:
    relation = con.execute("FROM sources")
    names = [column[0] for column in relation.description or []]
    rows = [dict(zip(names, row)) for row in relation.fetchall()]
    return {row["path"]: row for row in rows}


def _is_current(before: dict[str, Any], loaders: Mapping[str, Loader]) -> bool:
    """Whether the rules a source was read by are still the rules: the same loader version, or still no loader at all."""
    if before["format"] == UNKNOWN:
        return before["loader_version"] == _stranger_version(loaders)
    return before["format"] in loaders and before["loader_version"] == loaders[before["format"]].VERSION


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
    source.start, source.start_line, source.state = before["resume_offset"], saved["line"], saved["state"]
    _forget(con, source.source_id, source.start)
    account = Account.from_json(json_text(saved["account"]))
    dropped = _decode_json(before["skipped_reasons"]).get(DUPLICATE, 0) - account.skipped.get(DUPLICATE, 0)
    account.accepted -= dropped  # duplicates were found after the account was saved
    account.skipped = {**account.skipped, **({DUPLICATE: account.skipped.get(DUPLICATE, 0) + dropped} if dropped else {})}
    return account


def _decode_json(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def _forget(con: duckdb.DuckDBPyConnection, source_id: int, offset: int = 0) -> None:
    """Remove the rows of a source from a byte offset on; the account of the source goes too, as it is written anew."""
    con.execute("DELETE FROM sources WHERE source_id = $id", {"id": source_id})
    for table, columns in table_columns(con).items():
        if "source_offset" in columns:
            con.execute(
                f"DELETE FROM {table} WHERE source_id = $id AND coalesce(source_offset, 0) >= $offset", {"id": source_id, "offset": offset}
            )


def _load_all(tasks: list[_Task], evidence: Evidence, progress: bool) -> None:
    total = sum(task.size - task.source.start for task in tasks)
    with tqdm(total=total, unit="B", unit_scale=True, desc="reading", delay=1, disable=not progress, mininterval=0.2) as bar:
        for number, task in enumerate(tasks, 1):
            bar.set_postfix_str(f"file {number} of {len(tasks)}, {evidence.rows_added:,} rows", refresh=False)
            _load(task, evidence, bar.update)
        bar.set_postfix_str(f"{len(tasks)} files, {evidence.rows_added:,} rows; ordering", refresh=True)
    evidence.flush()


def _load(task: _Task, evidence: Evidence, on_bytes: Callable[[int], object]) -> None:
    source = task.source
    at_tail: list[str] = []
    source.on_bytes = on_bytes
    source.on_tail = lambda: at_tail.append(evidence.account.to_json())
    evidence.begin(source, task.account)
    try:
        task.loader.load(source, evidence)
    except AgentLensError as error:
        evidence.record()
        evidence.reject(Place(None, 0, 0), str(error), "")
    account = evidence.account
    evidence.add_source(
        path=str(source.path),
        sha256=task.digest.result(),
        bytes=task.size,
        compression=source.compression,
        format=task.format,
        loader_version=task.loader.VERSION,
        resume_offset=source.consumed or None,
        resume_state=f'{{"line":{source.consumed_lines},"state":{json_text(source.state)},"account":{(at_tail or [account.to_json()])[-1]}}}',
    )


class _Stranger:
    """Keeps a file that no loader knows as one rejected record, so that the lens says it was there."""

    __name__ = UNKNOWN
    LOOKS_FOR = CANNOT_KNOW = ""
    VERSION = _stranger_version(all_loaders())

    def sniff(self, head: bytes) -> bool:
        return False

    def load(self, source: Source, into: Evidence) -> None:
        into.record()
        with source.open() as stream:
            head = stream.read(4096)
        reason = "the file is in no format agentlens knows" if head.strip() else "the file is empty"
        into.reject(Place(1, 0, source.path.stat().st_size), reason, head)


_STRANGER = _Stranger()
