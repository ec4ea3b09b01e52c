"""What may have caused an incident, as the trace tree draws it: hypotheses with the rows of their steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agentlens._lens import Lens
from agentlens.explorers._explorer import load_question

Row = dict[str, Any]


def find_causes(lens: Lens, ask: Callable[..., list[Row]], incident: str, row_at: Callable[[int], int]) -> Row:
    """Return the incident in words and its hypotheses, the best first; the row of a step is -1 where the tree leaves it out.

    Raises AgentLensError as `Lens.root_cause` does.
    """
    lens.root_cause(incident)
    span = ask(
        "SELECT trace_id, span_id, name, agent_name FROM spans WHERE span_id = $id OR (trace_id = $id AND depth = 0)"
        " ORDER BY span_id <> $id, preorder LIMIT 1",
        {"id": incident},
    )[0]
    found = ask(load_question("cause_chains"), {key: span[key] for key in ("trace_id", "span_id")})
    for hypothesis in found:
        hypothesis["steps"] = [
            {"row": row_at(step["preorder"]), **{key: step[key] for key in ("agent", "label", "way")}}
            for step in hypothesis["steps"]
        ]
    return {"incident": f"{span['name']} of {span['agent_name'] or 'no agent'}", "hypotheses": found}
