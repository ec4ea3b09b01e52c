"""Manifests: the agents a team is meant to have, in YAML or JSON (`agents:` with `id`, `model`, `role`, `reports_to`, ...)."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import BOM, Place, Source, json_values
from agentlens.loaders._other_kind import other_kind
from agentlens.loaders._roster import add_delegations, declared

LOOKS_FOR = "YAML or JSON with `agents`, whose entries have a model, role, reports_to, tools, budget or permissions"
CANNOT_KNOW = "what the agents did: it says only what they were meant to be"
VERSION = 3

DECLARED = ("model", "role", "reports_to", "tools", "budget", "permissions")
TOP_KEYS = frozenset({"agents", "delegation", "delegations"})
# Keys of an agent's entry that list whom it may hand work to.
MAY_HAND_TO = (
    "can_delegate_to",
    "may_delegate_to",
    "delegates_to",
    "delegate_to",
    "can_hand_off_to",
    "handoffs",
    "allowed_handoffs",
)
# What may stand beside `agents` in JSON, which many other files also have.
BESIDES = frozenset({
    "$schema", "agents", "budget", "defaults", "delegation", "delegations", "description", "id", "name", "permissions", "team", "title", "tools", "version",
})  # fmt: skip
# Aliases (`&a`, `*a`) let a few lines unfold to gigabytes; a manifest that unfolds to more values than this is refused.
MOST_VALUES = 200_000
LARGEST = 4 * 1024 * 1024
_AGENTS = re.compile(r"^agents:[ \t]*(?:#.*)?\r?$", re.MULTILINE)
_ENTRY = re.compile(rf"^[ \t]*(?:-[ \t]+)?(?:{'|'.join(DECLARED)}):", re.MULTILINE)


def sniff(head: bytes) -> bool:
    """Whether `agents` stands at the top level, with an entry below it that declares something of an agent."""
    if head.lstrip()[:1] == b"{":
        paths = {path for value in json_values(head)[:1] for path in value}
        is_plain = {path for path in paths if path and "." not in path} <= BESIDES
        return is_plain and "agents" in paths and any(f"agents.item.{name}" in paths for name in DECLARED)
    if b"\0" in head or head.lstrip()[:1] in (b"[", b"<"):
        return False
    text = head.decode("utf-8", "replace")
    found = _AGENTS.search(text)
    return found is not None and _is_yaml(text[: found.start()]) and _ENTRY.search(text, found.end()) is not None


def _is_yaml(before: str) -> bool:
    """Whether what stands before `agents:` can be YAML: keys, items, comments, and what is indented below them."""
    rows = [row for row in before.splitlines() if row.strip()]
    return all(re.match(r"#|---$|\.\.\.$|\s|-\s|%|['\"]?[\w.-]+['\"]?\s*:(?:\s|$)", row) for row in rows)


def load(source: Source, into: Evidence) -> None:
    """Add an agent for each entry of `agents`, and a row of `delegations` for each of `delegations`; each entry is a record."""
    data = source.read()
    try:
        text, top = _compose(data)
    except ValueError as error:
        into.record()
        return into.reject(Place(1, 0, len(data)), str(error), data)
    places = _Places(text, len(data) - len(data.removeprefix(BOM)))
    for name, entry in _entries(top.get("agents")):
        _take(into, places.find(entry), data, entry, functools.partial(_add_agent, into, name))
    for _, entry in [*_entries(top.get("delegations")), *_entries(top.get("delegation"))]:
        _take(into, places.find(entry), data, entry, functools.partial(_add_delegation, into))


def _compose(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return the text and the nodes at its top level by key; raises ValueError, saying why, when it is no manifest.

    The parser is the one in Python: the one in C crashes on deep nesting.
    """
    import yaml

    if len(data) > LARGEST:
        raise ValueError(f"the manifest has more than {LARGEST >> 20} MB")
    try:
        text = data.removeprefix(BOM).decode()
        root = yaml.compose(text, yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        reason = re.sub(r"\s+", " ", str(error))[:200]
        raise ValueError(f"no YAML ({reason})") from error
    top = dict(_pairs(root))
    if root is not None and TOP_KEYS.isdisjoint(top):
        raise ValueError(other_kind(top, LOOKS_FOR))
    return text, top


def _take(into: Evidence, place: Place, data: bytes, entry: Any, add: Callable[[Place, Any], str | None]) -> None:
    """Count an entry, and add what it says."""
    import yaml

    into.record()
    try:
        reason = (
            "it unfolds to too many values" if _size(entry, MOST_VALUES) > MOST_VALUES else add(place, _value(entry))
        )
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        reason = f"cannot be read ({error})"
    if reason:
        return into.reject(place, reason, data[place.offset : place.offset + place.length])
    into.accept()


def _add_agent(into: Evidence, key: str | None, place: Place, values: Any) -> str | None:
    """Add an agent; return why not, None when it could be added."""
    if isinstance(values, str) and key is None:
        values = {"id": values}
    if not isinstance(values, dict):
        return "no entry of an agent: it has no keys"
    values = {str(name): value for name, value in values.items()}
    name = values.pop("name", None) or values.get("id") or values.get("agent_id") or values.pop("agent", None) or key
    if not isinstance(name, (str, int)) or isinstance(name, bool):
        return "the agent has neither id nor name"
    columns = declared(values)
    for taker in next((values[key] for key in MAY_HAND_TO if isinstance(values.get(key), list)), ()):
        if isinstance(taker, str):
            add_delegations(into, place, str(name), taker, None)
    into.add(
        "agents",
        place,
        agent_name=str(name),
        known_from="manifest",
        **{**columns, "agent_id": columns["agent_id"] or key},
    )
    return None


def _add_delegation(into: Evidence, place: Place, values: Any) -> str | None:
    """Add who may hand over to whom; return why not, None when it could be added."""
    if (
        not isinstance(values, dict)
        or not isinstance(values.get("from"), str)
        or not isinstance(values.get("to"), (str, list))
    ):
        return "no delegation: it has no `from` and `to`"
    condition = values.get("when") or values.get("condition")
    takers = values["to"] if isinstance(values["to"], list) else [values["to"]]
    for taker in takers:
        add_delegations(into, place, values["from"], str(taker), None if condition is None else str(condition))
    return None


# --- YAML with places -------------------------------------------------------------------------------------------------


def _value(node: Any) -> Any:
    """Return the plain value of a node; dates stay text."""
    import yaml

    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _pairs(node: Any) -> Iterator[tuple[str, Any]]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), value) for key, value in node.value)


def _entries(node: Any) -> list[tuple[str | None, Any]]:
    """Return the entries of a list, or of an object by name."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return [(None, item) for item in node.value]
    return list(_pairs(node))


def _size(node: Any, budget: int) -> int:
    """Return how many values a node unfolds to, aliases followed; stops counting above the budget."""
    stack, count = [node], 0
    while stack and count <= budget:
        inner = stack.pop().value
        count += 1
        if isinstance(inner, list):
            stack += [part for item in inner for part in (item if isinstance(item, tuple) else (item,))]
    return count


class _Places:
    """Finds where nodes stand: the parser counts characters, a place counts bytes. Nodes come mostly in order."""

    def __init__(self, text: str, start: int) -> None:
        self._text, self._start = text, start
        self._index, self._offset, self._line = 0, start, 1

    def find(self, node: Any) -> Place:
        """Return the place of a node, without the blank lines and comments after it."""
        first = node.start_mark.index
        if first < self._index:
            self._index, self._offset, self._line = 0, self._start, 1
        between = self._text[self._index : first]
        self._offset += len(between.encode())
        self._line += between.count("\n")
        self._index = first
        rows = self._text[first : node.end_mark.index].split("\n")
        while len(rows) > 1 and rows[-1].lstrip()[:1] in ("", "#"):
            rows.pop()
        return Place(self._line, self._offset, len("\n".join(rows).rstrip().encode()))
