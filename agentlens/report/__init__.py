"""report(): what went wrong, with proof, in one file for a person without Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType

from agentlens._lens import Lens, written_whole
from agentlens._sensitive import Rule
from agentlens.report._briefing import briefing
from agentlens.report._copy import Travelling, travelling
from agentlens.report._facts import common_folder, make_sure_detected
from agentlens.report._forms import compose_json, compose_markdown, compose_pdf
from agentlens.report._page import Options, compose
from agentlens.report._target import check_target

FORMS: dict[str, Callable[[Travelling, Options], bytes]] = {
    ".html": compose, ".md": compose_markdown, ".json": compose_json, ".pdf": compose_pdf,
}  # fmt: skip

__all__ = ["briefing", "report"]


def report(
    lens: Lens,
    path: str | os.PathLike[str],
    title: str | None = None,
    max_mb: float = 10.0,
    redact: bool = True,
    rules: Sequence[Rule] = (),
    keep: Iterable[str] = (),
) -> Path:
    """Write what went wrong, with the lines that prove it, into one file, and return its path.

    The ending of `path` chooses the form: `.html` opens offline, asks nothing of any server, and its views stay interactive;
    `.md` is for pull requests and chat, `.json` for machines, `.pdf` for print (needs a Chromium). Every figure stands with
    its SQL, every finding with its span, file and line. Detectors run first unless they have run on this lens. `title` is by
    default the name of the folder that was read, or of the file where it is one.

    Unless `redact` is False, secrets and personal data are replaced by pseudonyms (`Lens.save` tells how, `rules` and `keep`
    are those of it), and the footer proves that no aggregate has changed.

    The file is at most `max_mb` megabytes (10^6 bytes); the details of spans take at most a tenth of that, the most important
    spans first, and the page says what was left out. A file at `path` is replaced, whole or not at all.

    Raises AgentLensError when the folder of `path` does not exist, when a folder or a saved lens stands there, when the
    ending is none of the four, when not even the findings alone fit, and when the redaction is not certain.
    """
    target = check_target(path, FORMS, "report")
    make_sure_detected(lens)
    folder = common_folder([source for (source,) in lens.sql("SELECT path FROM sources").fetchall()])
    options = Options(title, int(max_mb * 1e6), folder=folder.name if folder is not None else None)
    with travelling(lens, redact, rules, keep) as copy:
        content = FORMS[target.suffix.lower()](copy, options)
    with written_whole(target) as part:
        part.write_bytes(content)
    return target


class _CallableModule(ModuleType):
    """Python puts a submodule under its name into the package, where the function `agentlens.report` stands: both must answer."""

    __call__ = staticmethod(report)


sys.modules[__name__].__class__ = _CallableModule
