"""The selection of an explorer: span ids whose changes reach all linked views one after the other."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import traitlets

# Views that never agree stop after so many rounds.
MOST_ROUNDS = 50


class _Rounds:
    """Tells one selection to all who are linked before the next.

    `traitlets.link` hands a change on in the middle of telling it. Whoever selects something else at that moment (a
    callback in a notebook, a view that puts its own span first) would be overwritten in some views and not in others.
    What a view is told that was told something in this round already waits for the next one.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._told: dict[int, list[str]] | None = None
        self._now: list[str] = []
        self._waiting: deque[tuple[int, list[str], Callable[[], None]]] = deque()

    def tell(self, view: int, chosen: list[str], act: Callable[[], None]) -> None:
        with self._lock:
            if self._told is None:
                self._begin(view, chosen, act)
            elif view in self._told and chosen not in (self._now, self._told[view]):
                self._waiting.append((view, chosen, act))
            else:
                self._told[view] = chosen
                act()

    def _begin(self, *first: Any) -> None:
        self._waiting.append(first)
        try:
            for _ in range(MOST_ROUNDS):
                if not self._waiting:
                    return
                view, self._now, act = self._waiting.popleft()
                self._told = {view: self._now}
                act()
        finally:
            self._told = None
            self._waiting.clear()


_rounds = _Rounds()


class Selection(traitlets.List[str]):
    """A list of span ids; linked views agree on it once a change has been told to all."""

    def set(self, obj: Any, value: Any) -> None:
        """Set it now, or after what is being told."""
        chosen = list(value) if isinstance(value, (list, tuple)) else value
        _rounds.tell(id(obj), chosen, lambda: super(Selection, self).set(obj, value))
