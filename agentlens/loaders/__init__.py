"""One module a format. A module is a loader when it has these four names.

- `LOOKS_FOR`: what it recognises a file by, in one sentence (shown in errors and by `agentlens formats`);
- `CANNOT_KNOW`: what this kind of log never says, in one sentence;
- `VERSION`: an integer, raised when the same file would give other rows; sources read by an older version are read again;
- `sniff(head)`: whether the first 64 KiB (decompressed, no byte order mark) are of this format. It never looks at names,
  never raises, and no two sniffers may claim one file;
- `load(source, into)`: fills an `Evidence` from a `Source`.

A module with `RESUMES = True` goes on from `source.start` when a file has grown, using `source.state`;
the others are read again from the beginning and replace their earlier rows. With `RECORDS_ARE_SPANS = True` a span that
is dropped as a duplicate counts as a skipped record; with `IDS_ARE_USED_ONCE = True` as well, one that says something else than the
span that stays is a reject. With a function `splits(source)` a module says of which files any run
of whole lines can be read by itself, given what it leaves in `source.state`: several processes then read a large one.

Another package adds a loader with an entry point of the group `agentlens.loaders`, named as the format is to be called.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, cast

from agentlens._errors import AgentLensError
from agentlens._evidence import Evidence
from agentlens._source import Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "agentlens.loaders"
# What a module of somebody else may end in when it is imported.
_IMPORT_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError, SyntaxError,
    TypeError, ValueError,
)  # fmt: skip


class Loader(Protocol):
    """The shape of a loader module."""

    __name__: str
    LOOKS_FOR: str
    CANNOT_KNOW: str
    VERSION: int

    def sniff(self, head: bytes) -> bool: ...
    def load(self, source: Source, into: Evidence) -> None: ...


def all_loaders() -> dict[str, Loader]:
    """Return every loader by name, in alphabetical order: those of agentlens and those that other packages add.

    Raises AgentLensError, naming the package, when a loader of another package cannot be used.
    """
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    own = {name: cast(Loader, importlib.import_module(f"{__name__}.{name}")) for name in names}
    return dict(sorted((own | _added_loaders(frozenset(own))).items()))


def named_loader(name: str) -> Loader:
    """Return one loader, without the time that importing all the others takes."""
    if importlib.util.find_spec(f"{__name__}.{name}") is None:
        return all_loaders()[name]
    return cast(Loader, importlib.import_module(f"{__name__}.{name}"))


@functools.cache
def _added_loaders(taken: frozenset[str]) -> dict[str, Loader]:
    """Return the loaders of other packages by the names of their entry points."""
    from importlib.metadata import entry_points

    added: dict[str, tuple[str, Loader]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        package = point.dist.name if point.dist else point.value
        other = (
            "agentlens itself"
            if point.name in taken
            else f"the package {added[point.name][0]}"
            if point.name in added
            else None
        )
        if other and added.get(point.name, ("",))[0] != package:
            raise AgentLensError(
                f"The package {package} adds a loader called {point.name!r}, a name that {other} uses. Uninstall one of them: pip uninstall {package}"
            )
        added[point.name] = package, _load(point, package)
    return {name: loader for name, (_, loader) in added.items()}


def _load(point: EntryPoint, package: str) -> Loader:
    """Return the loader behind an entry point, checked for everything a loader has."""
    try:
        loader = point.load()
    except _IMPORT_ERRORS as error:
        raise AgentLensError(
            f"The package {package} adds the loader {point.name!r}, but {point.value} cannot be imported ({type(error).__name__}: {error}). "
            f"Update or remove it: pip uninstall {package}"
        ) from error
    wrong = list(_faults(loader))
    if wrong:
        raise AgentLensError(
            f"The package {package} adds the loader {point.name!r}, but {point.value} {', '.join(wrong)}. A loader is a module with LOOKS_FOR, "
            f"CANNOT_KNOW, VERSION, sniff(head) and load(source, into). Update or remove it: pip uninstall {package}"
        )
    return cast(Loader, loader)


def _faults(loader: Any) -> Iterator[str]:
    kinds = {"LOOKS_FOR": str, "CANNOT_KNOW": str, "VERSION": int}
    yield from (f"has no {name}" for name in (*kinds, "sniff", "load") if not hasattr(loader, name))
    yield from (
        f"has a {name} that is no {kind.__name__}"
        for name, kind in kinds.items()
        if not isinstance(getattr(loader, name, kind()), kind)
    )
    yield from (
        f"has a {name} that is no function" for name in ("sniff", "load") if not callable(getattr(loader, name, len))
    )
