"""One module a format. A module is a loader when it has these four names.

- `LOOKS_FOR`: what it recognises a file by, in one sentence (shown in errors and by `agentlens formats`);
- `CANNOT_KNOW`: what this kind of log never says, in one sentence;
- `VERSION`: an integer, raised when the same file would give other rows; sources read by an older version are read again;
- `sniff(head)`: whether the first 64 KiB (decompressed, no byte order mark) are of this format. It never looks at names,
  never raises, and no two sniffers may claim one file;
- `load(source, into)`: fills an `Evidence` from a `Source`.

A module with `RESUMES = True` goes on from `source.start` when a file has grown, using `source.state`;
the others are read again from the beginning and replace their earlier rows.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Protocol, cast

from agentlens._evidence import Evidence
from agentlens._source import Source


class Loader(Protocol):
    """The shape of a loader module."""

    __name__: str
    LOOKS_FOR: str
    CANNOT_KNOW: str
    VERSION: int

    def sniff(self, head: bytes) -> bool: ...
    def load(self, source: Source, into: Evidence) -> None: ...


def all_loaders() -> dict[str, Loader]:
    """Return every loader by name, in alphabetical order."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_"))
    return {name: cast(Loader, importlib.import_module(f"{__name__}.{name}")) for name in names}
