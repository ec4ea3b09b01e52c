"""Origin: the way of a value, or of what a step knew, from whoever first had it to everyone who has it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import traitlets

from agentlens._catalog import quote
from agentlens._errors import AgentLensError
from agentlens._lens import Lens
from agentlens._lineage import Asked, read_question, read_steps_question
from agentlens.explorers._explorer import STATIC, Embedded, load_question
from agentlens.explorers._origin_still import draw_hops
from agentlens.explorers._pick_explorer import Pick, PickExplorer, pick_of

Row = dict[str, Any]

MOST_STEPS = 40
# Of what led to a step: so many hops back, and so many steps in all.
MOST_HOPS, MOST_FINDING_HOPS = 6, 4
MOST_SOURCES = 20
MOST_VALUES = 12
# What a report carries: the picture on screen, and so many more to choose from.
EMBEDDED_VALUES = 5
AROUND = 90
NOWHERE = "It stands nowhere in this lens: values are found as whole tokens, other texts as whole words, as the logs have them."


@dataclass(frozen=True)
class Node:
    """A text at a step: what a tool was given and what it answered are two, all that a model was shown and said is one."""

    preorder: int
    part: str


class Origin(PickExplorer):
    """Where a value first appeared and every hop since: agents as lanes, steps in order of time, an arrow for each hop.

    `what` is a value or a text, the id of a span (the picture then shows what that step was given and says, and where
    that came from), or a finding: a row of `findings` as a dict. Left open, the value that reached most agents is shown.
    An arrow says how it came: carried, quoted, read after write, by a handoff or a message, and how sure that is. What
    is only similar (12,500 written as 12.5k) stands apart. `.sql` and `.rows()` are those of `lens.origin`.

    Raises AgentLensError for an empty text and for a finding without steps.
    """

    _esm = STATIC / "origin.js"
    _css = STATIC / "origin.css"
    _name = "origin"
    _asked = traitlets.Unicode().tag(sync=True)
    _values = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(self, lens: Lens, what: str | Mapping[str, Any] | None = None) -> None:
        super().__init__(lens)
        self._values = self.ask(load_question("origin_values"), {"most": MOST_VALUES})
        self._finding: tuple[str, list[str]] | None = None
        if isinstance(what, Mapping):
            self._finding = _name_finding(what)
            self._open(self._finding[0])
        elif what is None:
            self._open(self._values[0]["value"] if self._values else "")
        elif what.strip():
            self._open(what.strip())
        else:
            raise AgentLensError(
                "Origin asks for a value, a text, the id of a span or a finding, and got an empty text."
            )
        self.observe(lambda change: self._adopt_asked(change["new"]), ["_asked"])

    @property
    def sql(self) -> str:
        """The question on screen: every hop, as `lens.origin` answers it."""
        asked = self._question
        given = {name: _literal(value) for name, value in asked.given.items()}
        return f"FROM {asked.call.format(**given)}\nORDER BY hop, start_time, to_span_id, from_span_id, kind"

    def summary(self) -> str:
        """What is asked for, and how many hops through how many agents it went."""
        hops, lanes = len(self._view["hops"]), len(self._view["lanes"])
        return (
            f"{self._view['asked'] or 'nothing'}: {hops:,} hop{'s' * (hops != 1)}, {lanes:,} agent{'s' * (lanes != 1)}"
        )

    def still(self) -> str:
        """Return the picture as SVG: lanes, steps and labelled arrows."""
        return draw_hops(self._view)

    def embed(self) -> Embedded:
        """Return the picture as a report carries it, with those of the values that went farthest to choose from."""
        shown = [self._view]
        for value in self._values:
            if len(shown) <= EMBEDDED_VALUES and value["value"] != self._asked:
                shown.append(self._picture(value["value"], len(shown)))
        reach = {name: spans for view in shown for name, spans in _reach_of(view).items()}
        views = {view["asked"]: view for view in shown}
        values = [value for value in self._values if value["value"] in views]
        state = {
            "_view": self._view, "_views": views, "_values": values, "_asked": self._asked, "_sql": self._sql, "_lacks": self._lacks,
            "picked": {}, "selection": [], "_touched": [], "_reach": reach,
        }  # fmt: skip
        return Embedded(self._name, state, {}, {})

    # --- what is asked -------------------------------------------------------------------------------------------------

    def _read(self, what: str) -> Asked:
        """Return the question that a text stands for; the name of the finding given stands for its steps."""
        if self._finding is not None and what == self._finding[0]:
            return read_steps_question(self._finding[1], what, MOST_FINDING_HOPS)
        return read_question(self._lens._con, what, MOST_HOPS)

    def _open(self, what: str) -> None:
        self._question = self._read(what)
        with self.hold_sync():
            self._view = self._picture(what, 0)
            self._asked = what
            self._publish_sql()

    def _adopt_asked(self, what: str) -> None:
        if what.strip() and what.strip() != self._view["asked"]:
            self.picked = {}
            self._open(what.strip())

    # --- the picture -----------------------------------------------------------------------------------------------------

    def _picture(self, what: str, number: int) -> Row:
        """Return lanes, steps in order of time and hops between them; what does not fit is counted in `notes`."""
        if not what:
            return {
                "asked": "",
                "is_step": False,
                "lanes": [],
                "steps": [],
                "hops": [],
                "notes": ["No value went from one agent to another."],
            }
        asked = self._read(what)
        rows = self.ask(load_question(asked.question), asked.given)
        texts = self._texts(rows)
        nodes = self._choose(rows, texts, asked)
        _order_in_time(nodes, rows, texts)
        ordered = sorted(
            nodes,
            key=lambda node: (nodes[node]["is_similar"], nodes[node]["moment"], nodes[node]["depth"], node.preorder),
        )
        places = {node: place for place, node in enumerate(ordered)}
        hops = self._list_hops(rows, texts, places)
        lanes = list(dict.fromkeys(nodes[node]["lane"] for node in ordered))
        steps = [
            {"key": f"{number}.{place}", "marked": self._is_marked(nodes[node], asked)} | nodes[node] for place, node in enumerate(ordered)
        ]  # fmt: skip
        left_out = len({_node(texts[end]) for row in rows for end in _ends(row)}) - len(nodes)
        notes = _notes(
            rows, left_out, set(asked.given.get("span_ids", [])) - {step["span_id"] for step in steps}, asked.is_step
        )
        return {"asked": what, "is_step": asked.is_step, "lanes": lanes, "steps": steps, "hops": hops, "notes": notes}

    def _texts(self, rows: list[Row]) -> dict[int, Row]:
        numbers = sorted({number for row in rows for number in _ends(row)})
        return (
            {row["number"]: row for row in self.ask(load_question("origin_texts"), {"numbers": numbers})}
            if numbers
            else {}
        )

    def _choose(self, rows: list[Row], texts: dict[int, Row], asked: Asked) -> dict[Node, Row]:
        """Return the steps to draw: of a value the first in time, of a step those nearest to it, other agents first."""
        ranked: dict[Node, tuple[Any, ...]] = {}
        for row in rows:
            ends = [texts[number] for number in _ends(row)]
            is_inside = len({end["agent_name"] for end in ends}) == 1
            for end in ends:
                rank = (
                    (max(0, row["hop"] - 1), row["hop"] > 0 and is_inside, -end["moment"])
                    if asked.is_step
                    else (end["moment"],)
                )
                ranked[_node(end)] = min(rank, ranked.get(_node(end), rank))
        kept = set(
            sorted(ranked, key=lambda node: (ranked[node], node.preorder))[
                : MOST_SOURCES if asked.is_step else MOST_STEPS
            ]
        )
        nodes: dict[Node, Row] = {}
        for row in rows:
            for side in ("from", "to"):
                number = row[f"{side}_number"]
                if number is not None and (node := _node(texts[number])) in kept:
                    written = row.get(f"{side}_written") or row.get("passed") or ""
                    is_similar = side == "to" and row["kind"] == "similar" and row.get("to_written") != asked.text
                    _add_text(nodes, node, texts[number], written, is_similar)
        return nodes

    def _list_hops(self, rows: list[Row], texts: dict[int, Row], places: dict[Node, int]) -> list[Row]:
        handed = self.ask(load_question("origin_handoffs"), {"preorders": sorted({node.preorder for node in places})})
        found: dict[tuple[int, int], Row] = {}
        for row in rows:
            if row["from_number"] is None:
                continue
            a, b = texts[row["from_number"]], texts[row["to_number"]]
            ends = (places.get(_node(a), -1), places.get(_node(b), -1))
            if min(ends) >= 0 and ends[0] != ends[1] and ends not in found:
                found[ends] = {
                    "from": ends[0], "to": ends[1], "kind": row["kind"], "confidence": row["confidence"], "via": _via(a, b, handed),
                }  # fmt: skip
        return sorted(found.values(), key=lambda hop: (hop["to"], hop["from"])) + _within(places, found)

    def _is_marked(self, step: Row, asked: Asked) -> bool:
        return asked.is_step and step["span_id"] in asked.given.get("span_ids", [asked.text])

    # --- what is picked --------------------------------------------------------------------------------------------------

    def _find_spans(self, pick: Pick) -> list[str]:
        return _reach_of(self._view).get(f"{pick['kind']}:{pick['key']}", [])

    def _find_parts(self, span_ids: list[str]) -> Iterable[Pick]:
        chosen = set(span_ids)
        return (pick_of("step", step["key"]) for step in self._view["steps"] if step["span_id"] in chosen)

    def _list_picks(self) -> Iterable[Pick]:
        return (pick_of("step", step["key"]) for step in self._view["steps"])


def _notes(rows: list[Row], left_out: int, untold: set[str], is_step: bool) -> list[str]:
    """Return what the picture does not show, in sentences."""
    notes = [] if rows else ["Nothing in the log shows where what this step had came from." if is_step else NOWHERE]
    if left_out > 0:
        which = "farther back or less telling" if is_step else "later"
        notes.append(
            f"{left_out:,} more step{'s' * (left_out != 1)}, {which}, {'are' if left_out != 1 else 'is'} not drawn; the question has all."
        )
    if untold:
        notes.append(
            f"{len(untold):,} of the steps it rests on {'have' if len(untold) != 1 else 'has'} no text in the log, and nothing can be shown to lead there."
        )
    return notes


def _name_finding(finding: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return a finding by name, and its steps."""
    spans = list(finding.get("span_ids") or [])
    if not spans:
        raise AgentLensError("This finding rests on no step, so nothing can have led to one: its `span_ids` are empty.")
    return f"{finding.get('detector') or 'finding'}: {finding.get('summary') or ', '.join(spans)}", spans


def _literal(value: Any) -> str:
    """Return a value as SQL."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    return "NULL" if value is None else quote(value) if isinstance(value, str) else str(value)


def _ends(row: Row) -> list[int]:
    return [number for number in (row["from_number"], row["to_number"]) if number is not None]


def _node(text: Row) -> Node:
    if text["preorder"] is None:
        return Node(-text["number"], "document")
    return Node(text["preorder"], text["type"] if text["type"] in ("arguments", "result", "agent_message") else "call")


def _add_text(nodes: dict[Node, Row], node: Node, text: Row, written: str, is_similar: bool) -> None:
    """Add a text to the step it belongs to: the earliest tells when, the value as asked for tells what."""
    step = nodes.setdefault(node, {
        "lane": text["agent_name"] or "no agent", "kind": _kind(text), "name": _name(text), "sides": [], "span_id": text["span_id"],
        "trace_id": text["trace_id"], "time_ms": text["time_ms"], "moment": text["moment"], "is_error": bool(text["is_error"]),
        "is_similar": True, "depth": 0, "passage": None, "place": f"{Path(text['path']).name}:{text['line']}" if text["line"] else Path(text["path"]).name,
    })  # fmt: skip
    if text["moment"] < step["moment"]:
        step["moment"], step["time_ms"] = text["moment"], text["time_ms"]
    if text["side"] not in step["sides"]:
        step["sides"] = sorted([*step["sides"], text["side"]])
    if step["passage"] is None or (step["is_similar"] and not is_similar):
        step["passage"] = excerpt(text["said"] or "", written)
    step["is_similar"] = step["is_similar"] and is_similar


def _order_in_time(nodes: dict[Node, Row], rows: list[Row], texts: dict[int, Row]) -> None:
    """Date a step no later than the first that had something from it: a tool may go on after it has answered."""
    pairs = [
        (_node(texts[row["from_number"]]), _node(texts[row["to_number"]]))
        for row in rows
        if row["from_number"] is not None
    ]
    links = [
        (nodes[a], nodes[b]) for a, b in pairs if a in nodes and b in nodes and a != b and not nodes[a]["is_similar"]
    ]
    for _ in range(len(nodes)):
        late = [(a, b) for a, b in links if (a["moment"], a["depth"]) >= (b["moment"], b["depth"])]
        for a, b in late:
            if a["moment"] > b["moment"]:
                a["moment"], a["time_ms"] = b["moment"], b["time_ms"]
            b["depth"] = max(b["depth"], a["depth"] + 1)
        if not late:
            return


def _kind(text: Row) -> str:
    if text["preorder"] is None:
        return "document" if text["type"] == "section" else "message"
    return {"arguments": "tool", "result": "tool", "agent_message": "message"}.get(text["type"], "model")


def _name(text: Row) -> str:
    kind = _kind(text)
    return str(
        {
            "document": Path(text["path"]).name,
            "tool": text["tool_name"] or "tool",
            "model": text["model"] or "model call",
        }.get(kind, "message")
    )


def _via(a: Row, b: Row, handed: list[Row]) -> str | None:
    """Return `handoff`, `report` or `message` where the hop is one."""
    if a["type"] == "agent_message":
        return "message"
    for h in handed:
        inside = h["run_preorder"] is not None
        if (
            a["preorder"] == h["preorder"]
            and a["type"] == "arguments"
            and inside
            and h["run_preorder"] <= (b["preorder"] or -1) < h["subtree_end"]
        ):
            return "handoff"
        if (
            b["preorder"] == h["preorder"]
            and b["type"] == "result"
            and inside
            and h["run_preorder"] <= (a["preorder"] or -1) < h["subtree_end"]
        ):
            return "report"
    return None


def _within(places: dict[Node, int], found: Mapping[tuple[int, int], Row]) -> list[Row]:
    """Return the hops from what a tool was given to its answer, where nothing else says where the answer had it from."""
    reached = {to for _, to in found}
    pairs = (
        (places.get(Node(node.preorder, "arguments")), place) for node, place in places.items() if node.part == "result"
    )
    return [
        {"from": given, "to": place, "kind": "same step", "confidence": "certain", "via": None}
        for given, place in pairs
        if given is not None and place not in reached and given < place
    ]


def _reach_of(view: Row) -> dict[str, list[str]]:
    return {f"step:{step['key']}": [step["span_id"]] if step["span_id"] else [] for step in view["steps"]}


def excerpt(said: str, written: str) -> list[str]:
    """Return what stands before a passage, the passage as it stands, and what follows; at most about 90 characters around it."""
    found = re.search(re.escape(written), said) if written else None
    if found is None and (words := re.findall(r"[^\W_]+(?:[./_@:,-]+[^\W_]+)*", written)[:40]):
        found = re.search(r"[\W_]*?".join(map(re.escape, words)), said, re.IGNORECASE)
    if found is None:
        return [said[: 2 * AROUND] + ("…" if len(said) > 2 * AROUND else ""), "", ""]
    first, last = found.start(), min(found.end(), found.start() + 240)
    before = said[max(0, first - AROUND) : first]
    after = said[last : last + AROUND]
    return [
        ("…" if first > AROUND else "") + before, said[first:last] + ("…" if found.end() > last else ""),
        ("" if found.end() > last else after) + ("…" if last + AROUND < len(said) else ""),
    ]  # fmt: skip
