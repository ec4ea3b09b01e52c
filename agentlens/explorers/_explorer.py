"""What every explorer is: a widget over a lens that knows its question, its answer and what is selected."""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import anywidget
import duckdb
import traitlets
from IPython.display import display

from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens.explorers._selection import Selection
from agentlens.explorers._still import StillRow, draw_rows, still_html

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True)
class Embedded:
    """An explorer as a report carries it: its name, its JSON traits, its bytes traits, and answers to clicks by row."""

    explorer: str
    state: dict[str, Any]
    binary: dict[str, bytes] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)


class Explorer(anywidget.AnyWidget):
    """A view of a lens to click: `.sql` is its question, `.rows()` the answer, `.selection` the chosen span ids."""

    selection = Selection(traitlets.Unicode()).tag(sync=True)
    # The question on screen, for "copy as cell".
    _sql = traitlets.Unicode().tag(sync=True)
    # What the evidence lacks, one sentence each: the badge. The whole answer is `FROM completeness`.
    _lacks = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, lens: Lens, **state: Any) -> None:
        if not isinstance(lens, Lens):
            raise AgentLensError(
                f"{type(self).__name__} shows a Lens, and got {type(lens).__name__}. `al.read(…)` makes one."
            )
        self._lens = lens
        super().__init__(_lacks=list_gaps(lens), **state)

    @property
    def lens(self) -> Lens:
        """The lens it looks at."""
        return self._lens

    @property
    def sql(self) -> str:
        """The question on screen, as SQL that `lens.sql()` runs."""
        raise NotImplementedError

    def rows(self) -> duckdb.DuckDBPyRelation:
        """Return the answer to the question on screen, as a relation (`.pl()`, `.arrow()`, `.df()`)."""
        return self._lens.sql(self.sql)

    def explain(self, min_n: int = 5) -> duckdb.DuckDBPyRelation:
        """Return what is said of the selected spans more often than of others of their kind; see `Lens.explain`."""
        return self._lens.explain(self.selection, min_n)

    def _publish_sql(self) -> None:
        self._sql = self.sql

    def embed(self) -> Embedded:
        """Return the explorer as a report carries it."""
        raise NotImplementedError

    def ask(self, query: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return all rows of a query as dicts."""
        return self._lens._ask(query, params)

    def summary(self) -> str:
        """One line for places where the widget itself cannot be shown."""
        return repr(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__} of {self.summary()}"

    def still(self) -> str:
        """Return a picture of what it shows at first, as SVG: what a saved notebook shows when no kernel runs."""
        rows = self._list_still()
        return draw_rows(_title_of(type(self).__name__), self.summary(), rows)

    def _list_still(self) -> list[StillRow]:
        """Return the rows of the static picture."""
        return []

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            # What readers without a widget manager show.
            bundle[0]["text/html"] = still_html(self.still(), repr(self))
        return bundle

    def _ipython_display_(self) -> None:
        """Display the widget and, as an output of its own, its static picture, which the live widget's style hides.

        One output with both would not do: JupyterLab then shows a dead widget and ignores the picture.
        """
        bundle = self._repr_mimebundle_()
        if bundle is None:
            print(repr(self))
            return
        data, metadata = bundle
        picture = {"text/html": data.pop("text/html"), "text/plain": repr(self)}
        display(data | {"text/plain": repr(self)}, metadata=metadata, raw=True)  # type: ignore[no-untyped-call]
        display(picture, raw=True)  # type: ignore[no-untyped-call]


# What each lens lacks: evidence does not change while it is looked at.
_GAPS: weakref.WeakKeyDictionary[Lens, list[str]] = weakref.WeakKeyDictionary()


def list_gaps(lens: Lens) -> list[str]:
    """Return what the evidence lacks, one sentence each, in the order of `completeness`; [] when nothing is known."""
    if lens not in _GAPS:
        rows = lens._con.cursor().execute(load_question("completeness_badge")).fetchall()
        _GAPS[lens] = [says for (says,) in rows]
    return _GAPS[lens]


def _title_of(name: str) -> str:
    """Return the name of an explorer as words: `AgentMap` is Agent map."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).capitalize()


@functools.cache
def load_question(name: str, **words: str) -> str:
    """Return the text of a query in `questions/`, its `{word}`s filled in.

    Words are pieces of SQL from this package (a column, a unit of time); values of a log go in as `$name` parameters.
    """
    text = files("agentlens.explorers").joinpath("questions", f"{name}.sql").read_text("utf-8").strip().rstrip(";")
    return text.format_map(words) if words else text
