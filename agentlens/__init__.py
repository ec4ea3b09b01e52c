"""agentlens: find out afterwards what a team of AI agents really did.

    import agentlens as al

    lens = al.read("logs/")          # any mix of formats becomes a database of evidence
    al.detect(lens)                  # what went wrong, with proof
    al.TraceTree(lens)               # click, zoom, search
    al.report(lens, "report.html")   # one file that opens offline

Everything heavy is loaded when it is first named.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AgentLensError": "_errors",
    "AgentMap": "explorers",
    "AmbiguousFormat": "_errors",
    "Compare": "explorers",
    "Conversation": "explorers",
    "Drift": "explorers",
    "Findings": "explorers",
    "Lens": "_lens",
    "Origin": "explorers",
    "Overview": "explorers",
    "TokenEconomics": "explorers",
    "TraceTree": "explorers",
    "UnknownFormat": "_errors",
    "briefing": "report",
    "charts": "charts",
    "detect": "_detect",
    "mapping": "loaders._mapping",
    "read": "_read",
    "report": "report",
}
__all__ = sorted([*_HOMES, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'agentlens' has no attribute {name!r}")
    module = importlib.import_module(f"agentlens.{_HOMES[name]}")
    value = module if name == "charts" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Give the notebook the `%%lens` cell magic (`%load_ext agentlens`)."""
    importlib.import_module("agentlens._magic").register(shell)
