"""Trajectories in Harbor's Agent Trajectory Interchange Format (ATIF), versions 1.0 to 1.7.

Source: https://harborframework.com/docs/trajectory-format and the models of the package `atif` on PyPI.
"""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Line, Source, json_values
from agentlens.loaders._atif_trajectory import TrajectoryReader
from agentlens.loaders._json_nested import DECODE_ERRORS, documents, items, members, place_of, value_of
from agentlens.loaders._session_lines import take_record
from agentlens.loaders._transcript import INCLUDES_CACHE

LOOKS_FOR = "a JSON object with a `schema_version` that begins with ATIF and `steps`"
CANNOT_KNOW = (
    "when a call began (taken as the step before it); when a tool ended; system prompts, unless a step of the system "
    "holds them"
)
VERSION = 1


def sniff(head: bytes) -> bool:
    """Whether the first object is a trajectory."""
    values = json_values(head)
    version = values[0].get("schema_version") if values else None
    return isinstance(version, str) and version.startswith("ATIF")


def load(source: Source, into: Evidence) -> None:
    """Add a trace for each trajectory, sub-agents inside; each step is a record."""
    into.account.input_tokens_meaning = INCLUDES_CACHE
    for document in documents(source, into):
        _load_trajectory(document, into, None)


def _load_trajectory(document: Line, into: Evidence, above: TrajectoryReader | None) -> None:
    try:
        parts = members(document)
        if "steps" not in parts:
            raise ValueError("no `steps`")
        fields: dict[str, Any] = {
            key: value_of(part) for key, part in parts.items() if key not in ("steps", "subagent_trajectories")
        }
        reader = TrajectoryReader(into, fields, document, above)
        for step in items(parts["steps"]):
            take_record(step, into, reader.read)
        reader.finish()
        for inner in items(parts.get("subagent_trajectories")):
            _load_trajectory(inner, into, reader)
    except (*DECODE_ERRORS, ValueError) as error:
        into.record()
        into.reject(place_of(document), f"not a trajectory: {error}", document.raw)
