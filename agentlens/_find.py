"""Which files are read: those behind the paths, folders, globs and archives that are given."""

from __future__ import annotations

import glob
from dataclasses import dataclass, replace
from pathlib import Path

from agentlens._archive import Kept, is_archive, kept_files, walk
from agentlens._errors import AgentLensError
from agentlens._source import hash_prefix

# How files begin that may hold logs, but not as they are.
OTHER_FILES = {
    b"BZh": "It is compressed with bzip2: `bunzip2 --keep FILE`, and read what comes out.",
    b"\xfd7zXZ": "It is compressed with xz: `unxz --keep FILE`, and read what comes out.",
    b"\x04\x22\x4d\x18": "It is compressed with lz4: `unlz4 FILE`, and read what comes out.",
    b"\x1f\x8b": "What it holds is compressed once more: unpack it once, and read what comes out.",
    b"\x28\xb5\x2f\xfd": "What it holds is compressed once more: unpack it once, and read what comes out.",
    b"\xff\xfe": "What it holds is text in UTF-16: unpack it, and read what comes out.",
    b"\xfe\xff": "What it holds is text in UTF-16: unpack it, and read what comes out.",
    b"7z\xbc\xaf": "It is a 7z archive: unpack it, and read the folder.",
    b"PK\x03\x04": "It is a zip archive: unpack it, and read the folder.",
    b"SQLite format 3": "It is an SQLite database of a program that is not known: export its tables as JSON lines or CSV.",
}


@dataclass(frozen=True)
class ToRead:
    """A file to read; of one that an archive keeps, `path` is where it stood."""

    path: Path
    named: bool
    """Given by name, not by a folder or pattern, so that an unknown format is an error."""
    kept: Kept | None = None

    @property
    def stored(self) -> Path:
        """Where its bytes are."""
        return self.kept.stored if self.kept else self.path

    def size(self) -> int:
        """Return the number of its bytes."""
        return self.kept.bytes if self.kept else self.path.stat().st_size

    def digest(self, length: int | None = None) -> str:
        """Return the SHA-256 of its first bytes, of all of them by default."""
        return self.kept.sha256 if self.kept else hash_prefix(self.path, length)


def find(given: list[Path]) -> list[ToRead]:
    """Return the files behind paths, folders, archives and globs, each once, in the order of their paths."""
    if not given:
        raise AgentLensError("read() needs at least one file, folder or glob: agentlens.read('logs/')")
    found: dict[Path, ToRead] = {}
    for path in given:
        for file in _match(path):
            before = found.get(file.path)
            if before is None or before.kept or (file.named and not file.kept):
                found[file.path] = file
    if not found:
        raise AgentLensError(f"{', '.join(map(str, given))}: there is no file in it to read.")
    return [file for _, file in sorted(found.items())]


def _match(path: Path) -> list[ToRead]:
    """Return the files behind one path."""
    if path.is_dir():
        if is_archive(path):
            return [ToRead(kept.path, False, kept) for kept in kept_files(path)]
        return [ToRead(file.resolve(), False) for file in walk(path)]
    if path.is_file():
        return [ToRead(path.resolve(), True)]
    if path.exists():
        raise AgentLensError(
            f"{path} is neither a file nor a folder. Write what comes out of it to a file and read that."
        )
    matches = [Path(match) for match in glob.glob(str(path), recursive=True)]  # noqa: PTH207  (absolute patterns)
    files = [file for match in matches if match.is_file() or match.is_dir() for file in _match(match)]
    if not files:
        raise AgentLensError(_absent(path))
    return [replace(file, named=False) for file in files]


def reachable(path: Path) -> Path:
    """Return a path given by name; AgentLensError when it is there and cannot be looked at."""
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        elif path.is_file():
            with path.open("rb") as stream:
                stream.read(1)
    except OSError as error:
        raise why_unread(path, error) from error
    return path


def what_it_is(head: bytes) -> str:
    """Return what kind of other file this is and how to get at the logs in it, "" when its first bytes do not say."""
    if head[257:262] == b"ustar":
        return "It is a tar archive: unpack it, and read the folder."
    if len(head) > 1 and not any(head[1:64:2]) and all(head[0:64:2]):
        return "It looks like UTF-16 text without a byte order mark: `iconv -f UTF-16LE -t UTF-8 FILE > NEW` makes it readable."
    return next((hint for mark, hint in OTHER_FILES.items() if head.startswith(mark)), "")


def _absent(path: Path) -> str:
    parent = path.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if any(mark in str(path) for mark in "*?["):
        return f"{path}: the pattern matches no file. The nearest existing folder is {parent}."
    return f"{path} does not exist. The nearest existing folder is {parent}."


def why_unread(path: Path, error: AgentLensError | OSError) -> AgentLensError:
    """Return what keeps a file from being read, in a sentence."""
    if isinstance(error, AgentLensError):
        return error
    return AgentLensError(f"{path} cannot be read: {error.strerror or error}.")
