"""Where a report may be written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from agentlens._errors import AgentLensError
from agentlens._lens import is_lens_file


def check_target(path: str | os.PathLike[str], endings: Iterable[str], what: str) -> Path:
    """Return the path of a file to write; AgentLensError where none can be, and for an ending that is none of these."""
    target, listed = Path(path).expanduser(), list(endings)
    if not target.parent.is_dir():
        raise AgentLensError(
            f"The folder {target.parent} does not exist, so the {what} cannot be written there. Make it first."
        )
    if target.is_dir():
        raise AgentLensError(f"{target} is a folder. Give the name of a file in it, e.g. {target / what}{listed[0]}.")
    if is_lens_file(target):
        raise AgentLensError(
            f"{target} is a saved lens and would be overwritten. Give another name, e.g. {target.with_suffix(listed[0])}."
        )
    if target.suffix.lower() not in listed:
        raise AgentLensError(
            f"A {what} ends in {', '.join(listed)}, and {target.name} does not. Say e.g. {what}{listed[0]}."
        )
    return target
