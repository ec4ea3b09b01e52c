"""TraceTree: spans as a tree and a timeline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from urllib.parse import quote as quote_url

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import traitlets

from agentlens._catalog import quote
from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens._visible import plural
from agentlens.explorers._busy_time import BusyTime
from agentlens.explorers._cause_chains import find_causes
from agentlens.explorers._explorer import STATIC, Embedded, Explorer, load_question
from agentlens.explorers._pack import UNFINISHED, Array, encode_usage, pack_bits, pack_spans
from agentlens.explorers._span_details import AT_ONCE, Row, describe_spans
from agentlens.explorers._still import MOST_ROWS, StillRow, draw_rows

# What a report carries for clicks: at most so many spans, characters a text, input messages a call, and bytes in all.
EMBEDDED_DETAILS = 400
EMBEDDED_TEXT = 4_000
EMBEDDED_INPUTS = 8
EMBEDDED_SIZE = 6_000_000
FAILED = 2
QUESTIONS = ("span", "locate", "search", "cause")
SQL_ERRORS = (duckdb.ParserException, duckdb.BinderException, duckdb.ConversionException)


class TraceTree(Explorer):
    """Every span as a tree with its timeline: click one for what was said, what it cost, and the line that proves it.

    `trace_id` shows one trace; `where` is an SQL condition over the columns of `spans`, and spans it leaves out hand
    their children to the nearest span above. `selection` holds span ids, both ways: set several and they are lit up.
    `highlight("operation_name = 'chat'")` lights up what a condition is true for; `link(span_id)` is the end of an
    address that opens a span, in a notebook and in a report. `root_cause` is a span or a trace that went wrong: the chain from
    what caused it to the harm is drawn over the tree, step by step, with what speaks for and against it (`Lens.root_cause`).
    The same is a button in the details of a span, once `agentlens.detect()` has run.

    Raises AgentLensError when the trace does not exist, the condition is no SQL, or `root_cause` names no span.
    """

    _esm = STATIC / "trace_tree.js"
    _css = STATIC / "trace_tree.css"
    _columns = traitlets.Bytes().tag(sync=True)
    _header = traitlets.Dict().tag(sync=True)
    _highlight = traitlets.Bytes().tag(sync=True)
    _row = traitlets.Int(-1).tag(sync=True)
    _trace = traitlets.Int(-1).tag(sync=True)
    # An incident and the hypotheses about its cause, with the rows of their steps; empty when none is asked for.
    _cause = traitlets.Dict().tag(sync=True)
    _asks_causes = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, lens: Lens, trace_id: str | None = None, where: str | None = None, root_cause: str | None = None
    ) -> None:
        super().__init__(lens)
        self._trace_id, self._where = trace_id, where
        # What `highlight()` lit up, while not several spans are selected.
        self._lit = b""
        table = self._read_columns()
        if trace_id is not None and len(table) == 0 and where is None:
            raise AgentLensError(f'The lens has no trace {trace_id!r}. `lens.sql("FROM traces")` lists them.')
        self._preorders: Array = table["preorder"].to_numpy()
        self._span_ids = table["span_id"].combine_chunks()
        self._usage = encode_usage(table)
        self._marks: Array = table["flags"].to_numpy() & ~UNFINISHED | (table["status"].to_numpy() == FAILED)
        header, columns = pack_spans(table, [])
        header["blocked"] = self._list_blocked(table, header["origin_ms"])
        with self.hold_sync():
            self._header, self._columns = header, columns
            self._publish_sql()
        self._asks_causes = bool(self.ask("SELECT 1 FROM checks LIMIT 1"))
        if root_cause is not None:
            self.draw_cause(root_cause)
        self.observe(lambda _change: self._publish_sql(), ["_trace"])
        self.on_msg(self._answer)

    @property
    def sql(self) -> str:
        """The question on screen; it follows the trace picked in the widget."""
        traces = self._header["traces"]
        picked = traces[self._trace]["trace_id"] if 0 <= self._trace < len(traces) else self._trace_id
        return self._question(picked)

    def rows(self) -> duckdb.DuckDBPyRelation:
        """Return the spans on screen in tree order, with the columns of `spans`."""
        return super().rows()

    def highlight(self, where: str | None = None) -> int:
        """Light up the spans for which an SQL condition over `spans` is true; say how many. None puts the light out."""
        lit = np.zeros(len(self._preorders), bool) if where is None else self._light(where)
        self._lit = self._highlight = pack_bits(lit)
        return int(lit.sum())

    def draw_cause(self, incident: str | None) -> int:
        """Draw the chain from cause to harm over the tree; say how many hypotheses there are. None takes it away."""
        self._cause = {} if incident is None else find_causes(self._lens, self.ask, incident, self._row_at)
        return len(self._cause.get("hypotheses", []))

    def row_of(self, span_id: str) -> int:
        """Return the row of the first span with this id, or -1."""
        return int(pc.index(self._span_ids, span_id).as_py())

    def link(self, span_id: str) -> str:
        """Return `#span=…`: behind the address of a notebook or report that shows this tree, it opens the span."""
        if self.row_of(span_id) < 0:
            raise AgentLensError(f"The tree shows no span {span_id!r}.")
        return f"#span={quote_url(span_id, safe='')}"

    def embed(self, with_details: bool = True) -> Embedded:
        """Return the tree as a page carries it, with the details of failed, marked, unfinished and first spans.

        A report asks for the details of all spans at once and leaves them out here.
        """
        state = {
            "_header": self._header, "_row": self._row, "_trace": -1, "_sql": self._question(self._trace_id), "_lacks": self._lacks,
            "_cause": self._cause,
        }  # fmt: skip
        details: dict[str, Row] = {}
        size = 0
        chosen = self._choose_embedded() if with_details else []
        batches = (chosen[at : at + AT_ONCE] for at in range(0, len(chosen), AT_ONCE))
        for row, detail in chain.from_iterable(
            self._describe(batch, EMBEDDED_TEXT, EMBEDDED_INPUTS) for batch in batches
        ):
            size += len(json.dumps(detail))
            if size > EMBEDDED_SIZE:
                break
            details[str(row)] = detail
        ids = json.dumps(self._span_ids.to_pylist(), ensure_ascii=False).encode("utf-8", "backslashreplace")
        binary = {"_columns": self._columns, "_span_ids": ids} | (
            {"_highlight": self._highlight} if self._highlight else {}
        )
        return Embedded("trace_tree", state, binary, details)

    def summary(self) -> str:
        """How many spans and traces it shows."""
        return f"{plural(len(self._preorders), 'span')} in {plural(self._header['trace_count'], 'trace')}"

    def still(self) -> str:
        """Return a picture of the outline, as SVG; it says how many rows are left out."""
        return draw_rows("Trace tree", self.summary(), self._list_still(), len(self._preorders))

    def _list_still(self) -> list[StillRow]:
        """Return the outline: the first rows down to the third level, their time with idle stretches cut short."""
        question = load_question("tree_still", shown=self._question(self._trace_id).replace("\nORDER BY preorder", ""))
        rows = self.ask(question, {"most": MOST_ROWS})
        timed = [(row["start_ms"], row["end_ms"]) for row in rows if row["start_ms"] is not None]
        time = BusyTime(*(np.array(edge, dtype=float) for edge in (zip(*timed) if timed else ([], []))))
        return [_draw_span(row, time) for row in rows]

    def _question(self, trace_id: str | None) -> str:
        conditions = [] if trace_id is None else [f"trace_id = {quote(trace_id)}"]
        conditions += [f"({self._where})"] if self._where else []
        where = ["WHERE " + "\n  AND ".join(conditions)] if conditions else []
        return "\n".join(["FROM spans", *where, "ORDER BY preorder"])

    def _read_columns(self) -> pa.Table:
        try:
            shown = self._lens._con.cursor().sql(self._question(self._trace_id))
            columns = shown.query("shown", load_question("tree_columns"))
            return pa.table({}) if columns is None else columns.to_arrow_table()
        except SQL_ERRORS as error:
            raise AgentLensError(f"`where` must be an SQL condition over the columns of `spans`: {error}") from error

    def _light(self, where: str) -> Array:
        """Return for every row whether an SQL condition is true for its span."""
        try:
            found = self._lens._con.cursor().sql("FROM spans").filter(where).project("preorder").to_arrow_table()
        except SQL_ERRORS as error:
            raise AgentLensError(f"`highlight` takes an SQL condition over the columns of `spans`: {error}") from error
        lit: Array = np.isin(self._preorders, found["preorder"].to_numpy())
        return lit

    def _describe(self, rows: Sequence[int], *limits: int) -> Iterator[tuple[int, Row]]:
        """Yield rows and what there is to say about them."""
        places = {int(self._preorders[row]): row for row in rows}
        for preorder, detail in describe_spans(self.ask, list(places), self._usage_of(places), *limits):
            why = detail["why"]
            yield places[preorder], detail | {"why": why and {**why, "row": self._row_at(why["preorder"])}}

    def _usage_of(self, places: Mapping[int, int]) -> dict[int, Row]:
        found = {at: {name: column[row].as_py() for name, column in self._usage.items()} for at, row in places.items()}
        return {preorder: usage for preorder, usage in found.items() if usage["role"]}

    def _row_at(self, preorder: int) -> int:
        row = int(np.searchsorted(self._preorders, preorder))
        return row if row < len(self._preorders) and self._preorders[row] == preorder else -1

    def _list_blocked(self, table: pa.Table, origin_ms: int | None) -> list[Row]:
        """Return when agents of this tree reported trouble, in ms since the origin."""
        if origin_ms is None:
            return []
        agents = set(pc.unique(table["agent"]).to_pylist())
        stretches = [row for row in self.ask(load_question("blocked_stretches")) if row["agent_name"] in agents]
        return [
            {
                "agent": row["agent_name"],
                "from": row["start_ms"] - origin_ms,
                "to": row["end_ms"] - origin_ms,
                "status": row["status"],
                "detail": row["detail"],
            }
            for row in stretches
        ]

    def _choose_embedded(self) -> list[int]:
        marked = np.flatnonzero(self._marks)[:EMBEDDED_DETAILS]
        first = np.arange(min(len(self._marks), EMBEDDED_DETAILS))
        chosen = [self._row] if self._row >= 0 else []
        return list(dict.fromkeys(int(row) for row in [*chosen, *marked, *first]))[:EMBEDDED_DETAILS]

    def _answer(self, _widget: Any, message: Any, _buffers: Any) -> None:
        if not isinstance(message, dict) or message.get("type") not in (*QUESTIONS, "where"):
            return
        kind, number = message["type"], message.get("id")
        try:
            if kind == "where":
                lit = self._light(str(message.get("text")))
                self.send({"type": kind, "id": number}, [np.packbits(lit, bitorder="little").tobytes()])
            else:
                self.send({"type": kind, "id": number} | self._reply(kind, message))
        except (AgentLensError, duckdb.Error, OSError, ValueError) as error:
            self.send({"type": "error", "id": number, "message": f"The details could not be read: {error}"})

    def _reply(self, kind: str, message: Row) -> Row:
        """Return the answer to a question of the page (`src/requests.ts`, `src/asker.ts`)."""
        if kind == "locate":
            return {"row": self.row_of(str(message.get("span_id")))}
        if kind == "search":
            return {"rows": self._search_texts(str(message.get("text")))}
        row = message.get("row")
        if not isinstance(row, int) or not 0 <= row < len(self._preorders):
            raise AgentLensError(f"there is no row {row}")
        if kind == "cause":
            return {"hypotheses": self.draw_cause(self._span_ids[row].as_py())}
        return {"row": row, "span": next(self._describe([row]))[1]}

    def _search_texts(self, text: str) -> list[int]:
        """Return the rows of spans in which a text is said, arguments and results of tools included."""
        if not text.strip():
            return []
        found = self.ask(load_question("text_search"), {"text": text.strip(), "json": json.dumps(text.strip())[1:-1]})
        rows = [self._row_at(hit["preorder"]) for hit in found]
        return [row for row in rows if row >= 0]

    @traitlets.observe("_row")
    def _adopt_row(self, change: Any) -> None:
        row = change["new"]
        chosen = [self._span_ids[row].as_py()] if 0 <= row < len(self._span_ids) else []
        rest = [span for span in self.selection if span not in chosen]
        # One of several that are selected comes to the front; the others stay.
        self.selection = chosen + rest if len(rest) < len(self.selection) else chosen

    @traitlets.observe("selection")
    def _adopt_selection(self, change: Any) -> None:
        if not hasattr(self, "_span_ids"):
            return
        lit = pc.is_in(self._span_ids, value_set=pa.array(change["new"], pa.string())).to_numpy(zero_copy_only=False)
        rows = np.flatnonzero(lit)
        self._highlight = pack_bits(lit) if len(rows) > 1 else self._lit
        first = self.row_of(change["new"][0]) if len(rows) else -1
        self._row = first if first >= 0 or not len(rows) else int(rows[0])


STILL_COLOURS = {"execute_tool": "tool", "invoke_agent": "agent", "invoke_workflow": "agent", None: "plain"}


def _draw_span(row: Row, time: BusyTime) -> StillRow:
    colour = "failed" if row["failed"] else STILL_COLOURS.get(row["operation_name"], "model")
    bars = []
    if row["start_ms"] is not None:
        first, last = time.show(np.array([row["start_ms"], row["end_ms"]], dtype=float))
        bars = [(float(first), float(last), colour)]
    label = row["name"] + (f" · {row['agent_name']}" if row["agent_name"] else "")
    value = "" if row["duration_ms"] is None else f"{row['duration_ms'] / 1000:,.2f} s"
    return StillRow(label, value, bars, row["depth"], "failed" if row["failed"] else "")
