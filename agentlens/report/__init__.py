"""report(): what went wrong, with proof, in one file for a person without Python."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from agentlens._errors import AgentLensError
from agentlens._lens import Lens, is_lens_file, written_whole
from agentlens.report._facts import make_sure_detected
from agentlens.report._page import compose

__all__ = ["report"]


def report(lens: Lens, path: str | os.PathLike[str], title: str | None = None, max_mb: float = 10.0) -> Path:
    """Write what went wrong, with the lines that prove it, into one HTML file that opens offline, and return its path.

    The page asks nothing of any server, and its tree and charts stay interactive. Every figure stands with its SQL. Detectors
    run first unless they have run on this lens. `title` is by default the name of the folder that was read.

    The file is at most `max_mb` megabytes (10^6 bytes); the details of spans take at most a tenth of that, the most important
    spans first, and the page says what was left out. A file at `path` is replaced, whole or not at all.

    Raises AgentLensError when the folder of `path` does not exist, when a folder or a saved lens stands there, or when not
    even the findings alone fit.
    """
    target = _check_target(Path(path).expanduser())
    make_sure_detected(lens)
    page = compose(lens, title, int(max_mb * 1e6))
    with written_whole(target) as part:
        part.write_bytes(page)
    return target


def _check_target(path: Path) -> Path:
    if not path.parent.is_dir():
        raise AgentLensError(
            f"The folder {path.parent} does not exist, so the report cannot be written there. Make it first."
        )
    if path.is_dir():
        raise AgentLensError(f"{path} is a folder. Give the name of a file in it, e.g. {path / 'report.html'}.")
    if is_lens_file(path):
        raise AgentLensError(
            f"{path} is a saved lens and would be overwritten. Give another name, e.g. {path.with_suffix('.html')}."
        )
    return path


class _CallableModule(ModuleType):
    """Python puts a submodule under its name into the package, where the function `agentlens.report` stands: both must answer."""

    def __call__(
        self, lens: Lens, path: str | os.PathLike[str], title: str | None = None, max_mb: float = 10.0
    ) -> Path:
        return report(lens, path, title, max_mb)


sys.modules[__name__].__class__ = _CallableModule
