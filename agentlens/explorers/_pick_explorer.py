"""Explorers whose parts can be picked: what Overview, AgentMap and Findings have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import traitlets

from agentlens._lens import Lens
from agentlens.explorers._explorer import Embedded, Explorer

# What a report carries for clicks: at most so many span ids a part.
EMBEDDED_SPANS = 300

Pick = dict[str, str]


class PickExplorer(Explorer):
    """A view of parts to pick: the part becomes `.picked` (`{"kind": …, "key": …}`), the spans behind it `.selection`.

    Spans selected elsewhere mark the parts they belong to.
    """

    picked = traitlets.Dict().tag(sync=True)
    _view = traitlets.Dict().tag(sync=True)
    # The names of the parts that spans selected elsewhere belong to.
    _touched = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, lens: Lens) -> None:
        super().__init__(lens)
        self.on_msg(self._receive)

    def embed(self) -> Embedded:
        """Return the view as a report carries it, with the first spans behind every part."""
        state = {
            "_view": self._view, "_sql": self._sql, "_lacks": self._lacks, "picked": {}, "selection": [], "_touched": []
        }  # fmt: skip
        state["_reach"] = self._reach(EMBEDDED_SPANS)
        return Embedded(self._name, state, {}, self._embed_details())

    # The name of the ES module, and of the explorer in a report.
    _name = ""

    def _reach(self, most: int) -> dict[str, list[str]]:
        """Return the first spans behind every part."""
        return {name_pick(pick): self._find_spans(pick)[:most] for pick in self._list_picks()}

    def _find_spans(self, pick: Pick) -> list[str]:
        """Return the spans behind a part, in tree order."""
        raise NotImplementedError

    def _find_parts(self, span_ids: list[str]) -> Iterable[Pick]:
        """Return the parts that spans belong to."""
        raise NotImplementedError

    def _list_picks(self) -> Iterable[Pick]:
        """Return every part that can be picked."""
        return []

    def _embed_details(self) -> dict[str, Any]:
        """Return the answers to the questions that the page may ask, by key."""
        return {}

    def _answer(self, message: dict[str, Any]) -> Any:
        """Return the answer to a question of the page; None when it is none."""
        return None

    def _receive(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if isinstance(message, dict) and (answer := self._answer(message)) is not None:
            self.send({"type": message["type"], "id": message.get("id"), "key": message.get("key"), "value": answer})

    @traitlets.observe("picked")
    def _adopt_picked(self, change: Any) -> None:
        pick = change["new"]
        if pick or self._behind is not None:
            is_whole = isinstance(pick.get("kind"), str) and isinstance(pick.get("key"), str)
            found = self._find_spans(pick) if is_whole else []
            self._behind = set(found) if pick else None
            self.selection = found

    # The spans behind what is picked; None while nothing is.
    _behind: set[str] | None = None

    @traitlets.observe("selection")
    def _adopt_selection(self, change: Any) -> None:
        chosen = change["new"]
        if self._behind is not None and self._behind == set(chosen):
            self._touched = []
            return
        self._behind = None
        self.picked = {}
        self._touched = [name_pick(pick) for pick in self._find_parts(chosen)] if chosen else []


def name_pick(pick: Pick) -> str:
    """Return a part as one text, as `src/picking.ts` writes it."""
    return f"{pick['kind']}:{pick['key']}"


def pick_of(kind: str, key: str) -> Pick:
    """Return a part: its kind and its name within the kind."""
    return {"kind": kind, "key": key}
