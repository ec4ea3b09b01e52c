"""Which agent of a LangGraph graph a step belongs to, from the metadata that LangChain's tracers write."""

from __future__ import annotations

from typing import Any

MACHINERY = frozenset({"agent", "tools", "call_model", "model", "model_request"})


def agent_of(metadata: Any) -> str | None:
    """Return `lc_agent_name`, else the last named node of `langgraph_checkpoint_ns` (`supervisor:uuid|agent:uuid`)."""
    if not isinstance(metadata, dict):
        return None
    if isinstance(name := metadata.get("lc_agent_name"), str) and name:
        return name
    path = metadata.get("langgraph_checkpoint_ns")
    nodes = [step.partition(":")[0] for step in path.split("|")] if isinstance(path, str) else []
    named = [node for node in nodes if node and node not in MACHINERY and not node.startswith("__")]
    return named[-1] if named else None
