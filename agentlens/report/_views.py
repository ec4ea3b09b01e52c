"""Which views a page has room for: the most telling first, each as long as it fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from agentlens.report import _explorers as explorers
from agentlens.report._built import packed_script
from agentlens.report._copy import Travelling
from agentlens.report._facts import join_words

if TYPE_CHECKING:
    from agentlens.report._page import Content

# Of what a click shows, so much at most, in characters as packed.
MOST_DETAILS = 400_000
# The charts leave this part of the page to the details of spans.
MOST_SHARE = 10
TITLES = {
    "overview": "the timeline", "all_findings": "the list of findings", "conversation": "the conversation",
    "agent_map": "the map of agents", "origin": "where it came from", "compare": "the comparison with a run that went well", "drift": "what changed",
}  # fmt: skip

View = tuple[str, Callable[[], explorers.Mounted | None]]


def fill_views(copy: Travelling, content: Content, room: int, limit: int) -> int:
    """Mount views while there is room for them; say which were left out, and return the room that is left."""
    left_out = []
    for name, mount in _list_views(copy, content, limit):
        mounted = mount()
        if mounted is None:
            continue
        if mounted.size > room:
            left_out.append(TITLES[name])
        else:
            content.mounted[name] = mounted
            room -= mounted.size
    if left_out:
        content.left_out.append(f"Left out for size: {join_words(left_out, 9)}; the lens has them.")
    return _add_tokens(copy, content, room, limit)


def _list_views(copy: Travelling, content: Content, limit: int) -> Iterator[View]:
    """Yield the views in the order of their worth to whoever reads the findings."""
    case = explorers.prepare_case(copy)
    names, incident = content.names, content.facts["postmortem"] and content.facts["postmortem"]["incident"]
    yield "overview", lambda: case["overview"].mount(names)
    if content.facts["findings"]:
        yield "all_findings", lambda: explorers.mount_findings(copy, names, min(limit // 20, MOST_DETAILS // 2))
    yield "agent_map", lambda: case["agent_map"].mount(names)
    if content.facts["totals"]["calls"] or copy.lens.sql("FROM llm_calls LIMIT 1").fetchall():
        yield "conversation", lambda: _mount_conversation(copy, content, min(limit // 8, MOST_DETAILS))
    yield "origin", lambda: explorers.mount_origin(copy, names, dict(vars(incident)) if incident else None)
    if incident:
        yield (
            "compare",
            lambda: explorers.mount_compare(copy, names, incident.trace_id, min(limit // 40, MOST_DETAILS // 4)),
        )
    if "drift" in case:
        yield "drift", lambda: case["drift"].mount(names)


def _mount_conversation(copy: Travelling, content: Content, budget: int) -> explorers.Mounted:
    mounted, count, whole = explorers.mount_conversation(copy, content.names, budget)
    if count < whole:
        content.left_out.append(f"Of {whole:,} texts of the conversation, {count:,} are part of this report.")
    return mounted


def _add_tokens(copy: Travelling, content: Content, room: int, limit: int) -> int:
    """Mount the charts of tokens, or put a picture in their place: their library is four fifths of the page's script."""
    if not content.facts["totals"]["calls"]:
        return room
    tokens = explorers.prepare_tokens(copy)
    mounted = tokens.mount(content.names)
    needed = mounted.size + len(packed_script("report.js")) - len(packed_script("report_plain.js"))
    if needed + limit // MOST_SHARE <= room:
        content.mounted["tokens"] = mounted
        return room - needed
    content.token_picture = tokens
    content.left_out.append("For size, the chart of tokens is a picture here; the tables under it have its numbers.")
    return room - len(tokens.still or "")
