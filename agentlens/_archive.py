"""An archive: the raw bytes of logs, compressed and kept under their hash, long after the program that wrote them has deleted them.

X/agentlens-archive.json   says what the folder is
X/objects/<sha256>.zst     the bytes of a file, compressed with zstd; `<sha256>` when they already were gzip or zstd, or are UTF-16
X/runs/<time>.jsonl        what a run found new or changed, a line a file: path, bytes, mtime_ns, sha256, archived_at
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from agentlens._errors import AgentLensError
from agentlens._lens import is_lens_file
from agentlens._source import CHUNK_BYTES, detect_compression

MARK = "agentlens-archive.json"
LAYOUT = 1
SKIPPED_FOLDERS = frozenset({".git", ".hg", ".svn", "__pycache__", "node_modules", ".venv", ".ipynb_checkpoints"})


class Kept(NamedTuple):
    """A file as the archive has it: where it stood, where its bytes are, their hash and their number."""

    path: Path
    stored: Path
    sha256: str
    bytes: int


@dataclass
class Run:
    """What one run of `archive` did."""

    files: int = 0
    added: int = 0
    bytes: int = 0
    stored_bytes: int = 0
    unreadable: list[str] = field(default_factory=list)


def archive(folder: Path, output: Path) -> Run:
    """Keep the bytes of every file below a folder in an archive, and return what was done.

    Files that are in the archive as they are now are passed over, by size and time of change; what has vanished from the
    folder stays in the archive, and so does every earlier state of a file that has changed. Raises AgentLensError when
    the folder does not exist or `output` is something else than an archive.
    """
    if not folder.is_dir():
        raise AgentLensError(
            f"{folder} is no folder. Name the folder whose files are to be kept: agentlens archive logs/ -o archive"
        )
    folder, output = folder.resolve(), output.resolve()
    _open_archive(output)
    known = _last_entries(output)
    run, entries = Run(), []
    for path in walk(folder):
        run.files += 1
        try:
            entry = _keep(path, output, known.get(os.fspath(path)), run)
        except OSError as error:
            run.unreadable.append(f"{path}: {error.strerror or error}")
            continue
        if entry:
            entries.append(entry)
    if entries:
        _write_run(output, entries)
    return run


def walk(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder in order of name, without lenses, archives, and folders that hold no logs.

    Links to folders elsewhere are followed. A folder that cannot be listed is yielded itself: who opens it learns why.
    """
    seen: set[Path] = set()
    closed: list[OSError] = []
    for root, folders, names in os.walk(folder, onerror=closed.append, followlinks=True):
        real = Path(root).resolve()
        if real in seen or is_archive(real):
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if _is_worth_a_look(Path(root) / name, folder))
        for name in sorted(names):
            path = Path(root) / name
            if path.is_file() and not _is_lens(path):
                yield path
    yield from (Path(error.filename) for error in closed)


def _is_worth_a_look(path: Path, top: Path) -> bool:
    """Whether a folder may hold logs of its own: a link back to what is being listed, or to what holds it, does not."""
    if path.name in SKIPPED_FOLDERS:
        return False
    return not path.is_symlink() or not (
        path.resolve().is_relative_to(top.resolve()) or top.resolve().is_relative_to(path.resolve())
    )


def _is_lens(path: Path) -> bool:
    try:
        return is_lens_file(path)
    except OSError:
        return False  # who opens the file says what is wrong with it


def is_archive(folder: Path) -> bool:
    """Whether a folder is an archive."""
    return (folder / MARK).is_file()


def kept_files(output: Path) -> list[Kept]:
    """Return every file of an archive in its last known state, by the path it had.

    Raises AgentLensError when the archive has another layout, or lacks bytes that it says it has.
    """
    _check_layout(output)
    return [_kept(output, path, entry) for path, entry in sorted(_last_entries(output).items())]


def _kept(output: Path, path: str, entry: dict[str, Any]) -> Kept:
    for name in (f"{entry['sha256']}.zst", entry["sha256"]):
        stored = output / "objects" / name
        if stored.is_file():
            return Kept(Path(path), stored, entry["sha256"], entry["bytes"])
    raise AgentLensError(
        f"The archive {output} lacks {output / 'objects' / entry['sha256']}, the bytes of {path}. Restore it from a copy."
    )


def _open_archive(output: Path) -> None:
    """Make a new archive, or make sure that what is there is one."""
    if output.exists() and not output.is_dir():
        raise AgentLensError(f"{output} is a file. Give a folder for the archive.")
    if output.is_dir() and any(output.iterdir()):
        return _check_layout(output)
    for name in ("objects", "runs"):
        (output / name).mkdir(parents=True, exist_ok=True)
    _write_whole(output / MARK, json.dumps({"layout": LAYOUT}).encode() + b"\n")


def _check_layout(output: Path) -> None:
    if not is_archive(output):
        raise AgentLensError(
            f"{output} holds other files and is no archive of agentlens. Give a new folder, or one that was made by `agentlens archive`."
        )
    layout = next(_json_lines(output / MARK), {}).get("layout")
    if layout != LAYOUT:
        raise AgentLensError(
            f"{output} has archive layout {layout}; this agentlens knows layout {LAYOUT}. Use the agentlens that wrote it."
        )


def _last_entries(output: Path) -> dict[str, dict[str, Any]]:
    """Return the last entry of each path."""
    last: dict[str, dict[str, Any]] = {}
    for manifest in sorted((output / "runs").glob("*.jsonl")):
        for entry in _json_lines(manifest):
            last[entry["path"]] = entry
    return last


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from (json.loads(line) for line in path.read_text("utf-8").splitlines())
    except ValueError as error:
        raise AgentLensError(f"{path} is damaged ({error}). Restore it from a copy of the archive.") from error


def _keep(path: Path, output: Path, before: dict[str, Any] | None, run: Run) -> dict[str, Any] | None:
    """Store a file unless it is known as it is; return its new entry, None when there is nothing new to say."""
    state = path.stat()
    if before and (before["bytes"], before["mtime_ns"]) == (state.st_size, state.st_mtime_ns):
        return None
    sha256, size, stored = _store(path, output / "objects")
    if before and before["sha256"] == sha256:
        return None
    run.added += 1
    run.bytes += size
    run.stored_bytes += stored
    return {
        "path": os.fspath(path), "bytes": size, "mtime_ns": state.st_mtime_ns, "sha256": sha256,
        "archived_at": datetime.now(UTC).isoformat(),
    }  # fmt: skip


def _store(path: Path, objects: Path) -> tuple[str, int, int]:
    """Write the bytes of a file under their hash; return hash, number of bytes, and how many the object newly takes.

    The hash is that of the bytes that were stored, also when the file grows meanwhile.
    """
    import zstandard

    is_packed = detect_compression(path) is not None
    part = objects / f".{os.getpid()}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream, part.open("wb") as target:
            writer: Any = (
                target
                if is_packed
                else zstandard.ZstdCompressor(level=9, write_checksum=True).stream_writer(target, closefd=False)
            )
            while chunk := stream.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                writer.write(chunk)
            if writer is not target:
                writer.close()
            target.flush()
            os.fsync(target.fileno())
        final = objects / (digest.hexdigest() if is_packed else f"{digest.hexdigest()}.zst")
        if final.exists():
            return digest.hexdigest(), size, 0
        stored = part.stat().st_size
        part.replace(final)
        return digest.hexdigest(), size, stored
    finally:
        part.unlink(missing_ok=True)


def _write_run(output: Path, entries: list[dict[str, Any]]) -> None:
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%fZ")
    _write_whole(output / "runs" / f"{stamp}.jsonl", b"".join(json.dumps(entry).encode() + b"\n" for entry in entries))


def _write_whole(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
