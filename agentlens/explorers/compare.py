"""Compare: two runs or two groups of runs, step by step."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

import duckdb
import pyarrow as pa
import traitlets

from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens.explorers import _consensus
from agentlens.explorers._explorer import STATIC, Embedded, load_question
from agentlens.explorers._pick_explorer import Pick, PickExplorer, pick_of
from agentlens.explorers._still import StillRow
from agentlens.explorers._tree_alignment import Aligned, Tree, align

Row = dict[str, Any]
# Traces of one group that are looked at, spread evenly over the group; rows of differing steps whose texts a report carries.
MOST_TRACES = 400
EMBEDDED_DIFFS = 200
DIFF_LINES = 200
MIN_TRACES = 5
TEXTS = ("arguments", "result", "input", "output", "status")
MEASURES = {
    "duration_s": "duration",
    "spans": "steps",
    "errors": "failures",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost_usd": "cost",
}
# What a person reads of a change.
WORDS = {"same": "the same", "inserted": "only in B", "deleted": "only in A", "changed": "changed", "moved": "moved"}
COLOURS = {"inserted": "busy", "deleted": "failed", "moved": "warning", "changed": "warning"}


class Compare(PickExplorer):
    """Two runs side by side, or two groups of runs in one tree: what differs, where it begins, and what that cost.

    `a` and `b` are two trace ids, or two SQL conditions over `traces`, such as `"status_code = 'ERROR'"`. Two runs are
    aligned step by step. Two groups become one tree with the share of runs of either that take each step; a difference
    counts when chance does not explain it (Fisher's exact test, at most 5 % false discoveries over all steps).

    `.rows()` has `change` (same, changed, inserted, deleted, moved; from `a` to `b`), `a_span_id, b_span_id, name,
    agent_name`, the deltas, and for groups the shares with the interval of their difference. `.divergence` is the first
    row that differs; `.totals` what each side took.

    Raises AgentLensError for a trace that does not exist, a condition that is no SQL, and one that holds for no trace.
    """

    _esm = STATIC / "compare.js"
    _css = STATIC / "compare.css"
    _name = "compare"
    _folded = traitlets.Bool(True).tag(sync=True)

    def __init__(self, lens: Lens, a: str, b: str) -> None:
        super().__init__(lens)
        self._sides = (a, b)
        chosen = [self._choose(side) for side in self._sides]
        self._is_pair = all(is_trace for is_trace, _ in chosen)
        self._traces = [ids if self._is_pair else _spread(ids) for _, ids in chosen]
        self._left_out = [len(ids) - len(kept) for (_, ids), kept in zip(chosen, self._traces)]
        key = json.dumps([self._traces, lens_size(lens)])
        self._table = f"compared_{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        if self._is_pair:
            self._align()
        else:
            self._merge()
        self._rows = self._ask(self.sql)
        self.totals = self._total()
        self._view = {
            "isPair": self._is_pair, "sides": [self._name_side(side) for side in (0, 1)], "totals": self.totals,
            "rows": [_slim(row) for row in self._rows], "notes": self._notes(),
        }  # fmt: skip
        self._publish_sql()

    @property
    def sql(self) -> str:
        """The question on screen: the aligned steps with what each took; the alignment itself is a temporary table."""
        return load_question("compare_pair" if self._is_pair else "compare_groups", table=self._table)

    @property
    def divergence(self) -> Row | None:
        """The first row that differs; None where nothing does."""
        return next((dict(row) for row in self._rows if row["change"] != "same"), None)

    def summary(self) -> str:
        """How many steps are the same and how many are not."""
        counts: dict[str, int] = {}
        for row in self._rows:
            counts[row["change"]] = counts.get(row["change"], 0) + 1
        return ", ".join(f"{count:,} {WORDS[change]}" for change, count in counts.items()) or "no steps"

    # --- who is compared ---------------------------------------------------------------------------------------------

    def _choose(self, side: str) -> tuple[bool, list[str]]:
        """Return whether a side is one trace by its id, and its traces."""
        if self.ask("SELECT 1 FROM spans WHERE trace_id = $side LIMIT 1", {"side": side}):
            return True, [side]
        try:
            found = self.ask(f"SELECT trace_id FROM traces WHERE ({side}\n) ORDER BY start_time, trace_id")
        except duckdb.Error as error:
            raise AgentLensError(
                f"{side!r} is neither the id of a trace in this lens nor a condition over `traces`: {error}"
            ) from error
        if not found:
            raise AgentLensError(f"No trace is there for which {side!r} holds; `lens.traces` lists them.")
        return False, [row["trace_id"] for row in found]

    def _name_side(self, side: int) -> Row:
        ids = self._traces[side]
        if self._is_pair:
            (trace,) = self.ask("SELECT name, agent_name, start_time FROM traces WHERE trace_id = $id", {"id": ids[0]})
            began = trace["start_time"] and f"{trace['start_time']:%Y-%m-%d %H:%M} UTC"
            return {"name": " · ".join(filter(None, (trace["name"], began))), "traces": 1, "id": ids[0]}
        return {"name": self._sides[side], "traces": len(ids) + self._left_out[side], "id": ""}

    def _notes(self) -> list[str]:
        notes = [
            f"{'AB'[side]}: {len(self._traces[side]):,} of {len(self._traces[side]) + left:,} runs are looked at, evenly spread."
            for side, left in enumerate(self._left_out)
            if left
        ]
        both = set(self._traces[0]) & set(self._traces[1])
        if both:
            notes.append(f"{len(both):,} runs are in both groups.")
        if not self._is_pair and min(map(len, self._traces)) < MIN_TRACES:
            notes.append("One group has fewer than five runs: shares of so few can tell little.")
        return notes

    # --- the comparison ----------------------------------------------------------------------------------------------

    def _align(self) -> None:
        a, b = (self._read_tree(ids[0]) for ids in self._traces)
        pairs = align(a[0], b[0])
        self._keep([_place(number, pair, a[1], b[1]) for number, pair in enumerate(pairs)], ALIGNED)

    def _read_tree(self, trace_id: str) -> tuple[Tree, list[int]]:
        rows = self.ask(load_question("compare_steps"), {"trace_ids": [trace_id]})
        labels = [(row["kind"], row["name"], row["agent_name"]) for row in rows]
        # A call of another model may be the same step; a call of another tool is another step.
        kinds = [label if label[0] == "tool" else label[0] for label in labels]
        tree = Tree(_parents([row["depth"] for row in rows]), labels, [row["content"] for row in rows], kinds)
        return tree, [row["preorder"] for row in rows]

    def _merge(self) -> None:
        sizes = (len(self._traces[0]), len(self._traces[1]))
        rows = _consensus.judge(_consensus.merge(self._list_steps()), sizes)
        self._keep(rows, CONSENSUS)

    def _list_steps(self) -> Iterator[_consensus.Step]:
        for group, ids in enumerate(self._traces):
            query = f"""
                SELECT steps.*, duration_ns, input_tokens, output_tokens, status_code = 'ERROR' AND NOT is_control_flow AS is_error
                FROM ({load_question("compare_steps")}) AS steps JOIN (SELECT * EXCLUDE (trace_id, depth, name, agent_name) FROM spans) AS spans USING (preorder)
                ORDER BY steps.trace_id, preorder
            """
            numbers = {trace_id: number for number, trace_id in enumerate(ids)}
            for row in self.ask(query, {"trace_ids": ids}):
                # Runs of another model are compared with each other: a call of a model is a call.
                label = (row["kind"], "" if row["kind"] == "model" else row["name"], row["agent_name"])
                measures = (row["duration_ns"], row["input_tokens"], row["output_tokens"], bool(row["is_error"]))
                trace = numbers[row["trace_id"]] + group * len(ids)
                yield _consensus.Step(group, trace, row["preorder"], row["depth"], label, measures)

    def _keep(self, rows: list[Row], schema: pa.Schema) -> None:
        """Put the alignment into a temporary table, so that its rows are a question like any other."""
        con = self._lens._con
        con.register("arriving_rows", pa.Table.from_pylist(rows, schema))
        con.execute(f"CREATE OR REPLACE TEMP TABLE {self._table} AS FROM arriving_rows")
        con.unregister("arriving_rows")

    def _ask(self, query: str) -> list[Row]:
        """Return all rows of a question about the temporary table, which other cursors do not see."""
        relation = self._lens._con.sql(query)
        return [dict(zip(relation.columns, row)) for row in relation.fetchall()]

    def _total(self) -> list[Row]:
        """Return what the runs of either side took: sums of one run, medians of groups with the interval of the difference."""
        sides = [self.ask(load_question("compare_totals"), {"trace_ids": ids}) for ids in self._traces]
        return [total for measure in MEASURES if (total := self._compare_totals(measure, *sides)) is not None]

    def _compare_totals(self, measure: str, a: list[Row], b: list[Row]) -> Row | None:
        before, after = ([float(row[measure]) for row in side if row[measure] is not None] for side in (a, b))
        if not before or not after:
            return None
        interval = None if self._is_pair else _consensus.total_interval(before, after)
        return {
            "measure": measure, "label": MEASURES[measure], "a": median(before), "b": median(after),
            "delta": median(after) - median(before), "low": interval and interval[0], "high": interval and interval[1],
        }  # fmt: skip

    def embed(self) -> Embedded:
        """Return the comparison as a report carries it, with the texts of the first steps that differ."""
        embedded = super().embed()
        embedded.state["_folded"] = self._folded
        return embedded

    # --- what is picked ------------------------------------------------------------------------------------------------

    def _find_spans(self, pick: Pick) -> list[str]:
        row = self._row_of(pick["key"]) if pick["kind"] == "step" else None
        return [] if row is None else [span for span in (row["a_span_id"], row["b_span_id"]) if span is not None]

    def _row_of(self, key: str) -> Row | None:
        return self._rows[int(key)] if key.isascii() and key.isdecimal() and int(key) < len(self._rows) else None

    def _list_picks(self) -> Iterable[Pick]:
        return [pick_of("step", str(row["place"])) for row in self._rows if row["change"] != "same"]

    def _answer(self, message: Row) -> Any:
        if message.get("type") != "quote" or not isinstance(message.get("key"), str):
            return None
        row = self._row_of(message["key"])
        return None if row is None else json.dumps(self._diff(row))

    def _embed_details(self) -> Row:
        differing = [row for row in self._rows if row["change"] != "same"][:EMBEDDED_DIFFS]
        return {place: json.dumps(diff) for place, diff in self._diffs(differing)}

    def _diff(self, row: Row) -> list[Row]:
        """Return the texts of the two steps, each with its lines that went, came and stayed."""
        return next(self._diffs([row]))[1]

    def _diffs(self, rows: list[Row]) -> Iterator[tuple[str, list[Row]]]:
        """Yield places of steps and what their texts have and lack, all texts asked for at once."""
        places = ", ".join(str(int(row["place"])) for row in rows) or "NULL"
        steps = self._ask(
            f"SELECT place, a_preorder, b_preorder FROM {self._table} WHERE place IN ({places}) ORDER BY place"
        )
        wanted = [step[side] for step in steps for side in ("a_preorder", "b_preorder") if step[side] is not None]
        texts = {row["preorder"]: row for row in self.ask(load_question("compare_texts"), {"preorders": wanted})}
        for step in steps:
            a, b = (texts.get(step[side], {}) for side in ("a_preorder", "b_preorder"))
            diffs = [
                {"what": what, "lines": diff_lines(a.get(what), b.get(what))}
                for what in TEXTS
                if a.get(what) or b.get(what)
            ]
            yield str(step["place"]), diffs

    def _list_still(self) -> list[StillRow]:
        differing = [row for row in self._rows if row["change"] != "same"]
        return [
            StillRow(
                f"{'  ' * row['depth']}{WORDS[row['change']]}: {row['name']}",
                " · ".join(filter(None, (row["agent_name"], _share(row)))),
                colour=COLOURS[row["change"]],
            )
            for row in differing
        ]


def _share(row: Row) -> str:
    """Return in how many of the runs of either group a step is; empty for single runs."""
    a, b = row.get("a_rate"), row.get("b_rate")
    return "" if a is None and b is None else f"{a or 0:.0%} → {b or 0:.0%} of runs"


ALIGNED = pa.schema(
    [("place", pa.int64()), ("change", pa.string()), ("a_preorder", pa.int64()), ("b_preorder", pa.int64())]
)
CONSENSUS = pa.schema(
    [
        ("place", pa.int64()), ("change", pa.string()), ("depth", pa.int32()), ("a_preorder", pa.int64()), ("b_preorder", pa.int64()),
        *((name, pa.float64()) for name in (
            "a_rate", "b_rate", "rate_low", "rate_high", "q_value", "a_duration_ns", "b_duration_ns", "a_input_tokens",
            "b_input_tokens", "a_output_tokens", "b_output_tokens", "a_error_rate", "b_error_rate",
        )),
    ]
)  # fmt: skip


def diff_lines(a: str | None, b: str | None) -> list[list[str]]:
    """Return the lines of two texts, each marked `-`, `+` or a space; JSON is laid out first; long equal parts are cut."""
    before, after = (_laid_out(text).splitlines() for text in (a or "", b or ""))
    found = [
        [line[:1], line[1:]] for line in difflib.unified_diff(before, after, n=2, lineterm="") if line[:3] not in ("---", "+++")
    ]  # fmt: skip
    lines = found or [[" ", line] for line in before]
    return (
        lines if len(lines) <= DIFF_LINES else [*lines[:DIFF_LINES], ["@", f"{len(lines) - DIFF_LINES:,} more lines"]]
    )


def _laid_out(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else text


def _place(number: int, pair: Aligned, a: list[int], b: list[int]) -> Row:
    return {
        "place": number, "change": pair.change, "a_preorder": None if pair.a is None else a[pair.a],
        "b_preorder": None if pair.b is None else b[pair.b],
    }  # fmt: skip


def _parents(depths: list[int]) -> list[int]:
    """Return the parent of each step of a preorder from the depths."""
    above: list[int] = []
    parents = []
    for place, depth in enumerate(depths):
        del above[depth:]
        parents.append(above[-1] if above else -1)
        above.append(place)
    return parents


def _spread(ids: list[str]) -> list[str]:
    """Return at most MOST_TRACES of the ids, evenly spread."""
    if len(ids) <= MOST_TRACES:
        return ids
    return [ids[number * len(ids) // MOST_TRACES] for number in range(MOST_TRACES)]


def _slim(row: Row) -> Row:
    """Return a row as the page needs it: without what is not known."""
    return {name: value for name, value in row.items() if value is not None}


def lens_size(lens: Lens) -> int:
    """Return the number of spans, which tells states of a lens that is read into apart."""
    return int(lens._con.cursor().execute("SELECT count(*) FROM spans").fetchall()[0][0])
