"""Lineage: works out the flow graph when it is first asked for, and follows a value or a step through it."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import duckdb

from agentlens._catalog import library

_TABLES = ("flow_texts", "flow_tokens", "flow_quotes", "flow_rereads", "unmended_failures")
_PROPERTY = "flow_index"
_STEPS = (
    "index_flow",
    "find_flow_hits",
    "part_flow_hits",
    "keep_flow_members",
    "follow_flow_hits",
    "follow_flow_members",
    "quote_flow",
    "drop_flow_pieces",
)
_RUNS_A_SLICE = 4_000_000  # some 1 GB of memory
_ESCAPED = re.compile(r"([\\.+*?()|\[\]{}^$])")
# What may stand beside a text that is found as a whole: a word, a decimal or the part of a path goes on over a dot, comma, slash or hyphen.
_BEFORE = r"(?:^|[^\pL\pN_.,/-]|(?:^|[^\pL\pN])[.,/-])"
_AFTER = r"(?:$|[^\pL\pN_.,/-]|[.,/-](?:$|[^\pL\pN]))"


def index_flow(con: duckdb.DuckDBPyConnection) -> None:
    """Fill the tables of the flow graph, unless they are up to date. Costs less than reading the logs did; needs no file."""
    rules = _rules()
    with con.cursor() as cursor:
        if cursor.execute(
            "FROM lens_properties WHERE name = $name AND value = $rules", {"name": _PROPERTY, "rules": rules}
        ).fetchall():
            return
        cursor.execute("BEGIN")
        try:
            _fill_flow(cursor)
            cursor.execute("DELETE FROM lens_properties WHERE name = $name", {"name": _PROPERTY})
            cursor.execute("INSERT INTO lens_properties VALUES ($name, $rules)", {"name": _PROPERTY, "rules": rules})
            cursor.execute("COMMIT")
        except BaseException:
            cursor.execute("ROLLBACK")
            raise


def _fill_flow(con: duckdb.DuckDBPyConnection) -> None:
    """Work out the flow graph; what texts have in common is far more than the texts, and is followed a slice at a time."""
    con.execute(_step("index_flow"))
    runs = con.execute("SELECT count(*) FROM flow_runs").fetchall()[0][0]
    slices = 1 << (runs // _RUNS_A_SLICE).bit_length()
    for number in range(slices):
        con.execute(_step("find_flow_hits"), {"mask": slices - 1, "slice": number})
        con.execute(_step("part_flow_hits"))
        con.execute(_step("keep_flow_members"))
        con.execute(_step("follow_flow_hits"))
    con.execute(_step("follow_flow_members"))
    for number in range(slices):
        con.execute(_step("quote_flow"), {"mask": slices - 1, "slice": number})
    con.execute(_step("drop_flow_pieces"))


@functools.cache
def mentions_flow() -> re.Pattern[str]:
    """Return what recognises a query that asks for the flow graph: by one of its tables, or by a view or macro that stands on them."""
    return re.compile(rf"\b(?:{'|'.join(sorted(_flow_names()))})\b", re.IGNORECASE)


def _flow_names() -> set[str]:
    """Return the tables of the flow graph and all that stands on them, by name."""
    names = set(_TABLES)
    modules = {module.name: module for module in library()}
    on_flow = {
        name for name, module in modules.items() if any(t in o.statement for o in module.objects for t in _TABLES)
    }
    grew = True
    while grew:
        more = {name for name, module in modules.items() if name not in on_flow and on_flow & set(module.includes)}
        on_flow, grew = on_flow | more, bool(more)
    return names | {item.name for name in on_flow for item in modules[name].objects}


@dataclass(frozen=True)
class Asked:
    """What is asked of the flow graph: the call of a macro with its arguments by name, and the name of the question an explorer asks for it."""

    call: str
    given: dict[str, Any]
    question: str
    text: str

    @property
    def is_step(self) -> bool:
        """Whether it asks what led to steps, and not for the way of a text."""
        return self.question in ("origin_of_step", "origin_of_steps")


def read_question(con: duckdb.DuckDBPyConnection, text_or_span_id: str, most_hops: int = 50) -> Asked:
    """Return which macro answers for a value, a text or the id of a span."""
    if _is_span(con, text_or_span_id):
        given = {"trace_id": None, "span_id": text_or_span_id, "most_hops": most_hops}
        return Asked(
            "flow_sources({trace_id}, {span_id}, most_hops := {most_hops})", given, "origin_of_step", text_or_span_id
        )
    text = text_or_span_id.strip()
    with con.cursor() as cursor:
        tokens = cursor.execute("SELECT _tokens_in(_plain_text($text))", {"text": text}).fetchall()[0][0]
    if len(tokens) == 1 and re.fullmatch(rf"[$€£¥#~+(\"'`“]*{re.escape(tokens[0])}[.,:;!?)\"'`”]*", text):
        return Asked("flow_origin({value})", {"value": tokens[0]}, "origin_of_value", tokens[0])
    return Asked("flow_origin_of_text({pattern}, {word})", _pattern(text), "origin_of_text", text)


def read_steps_question(span_ids: Sequence[str], text: str, most_hops: int) -> Asked:
    """Return which macro answers what led to some steps."""
    given = {"span_ids": list(span_ids), "most_hops": most_hops}
    return Asked("flow_leading_to({span_ids}, most_hops := {most_hops})", given, "origin_of_steps", text)


def origin(con: duckdb.DuckDBPyConnection, text_or_span_id: str) -> duckdb.DuckDBPyRelation:
    """Return where a value, a text or what a step knew came from; see `Lens.origin`."""
    index_flow(con)
    asked = read_question(con, text_or_span_id)
    return con.sql("FROM " + asked.call.format(**{name: f"${name}" for name in asked.given}), params=asked.given)


def consumers(con: duckdb.DuckDBPyConnection, span_id: str) -> duckdb.DuckDBPyRelation:
    """Return what later used what a step said; see `Lens.consumers`."""
    index_flow(con)
    return con.sql("FROM flow_consumers(NULL, $span_id)", params={"span_id": span_id})


def _is_span(con: duckdb.DuckDBPyConnection, span_id: str) -> bool:
    with con.cursor() as cursor:
        return bool(cursor.execute("SELECT 1 FROM spans WHERE span_id = $id LIMIT 1", {"id": span_id}).fetchall())


def _pattern(text: str) -> dict[str, str]:
    """Return the pattern that finds a text as a whole, whatever blanks stand between its words, and its longest word to look for first."""
    words = text.split()
    spoken = r"\s+".join(_ESCAPED.sub(r"\\\1", word) for word in words)
    return {"pattern": f"{_BEFORE}{spoken}{_AFTER}", "word": max(re.findall(r"\w+", text) or [text], key=len)}


@functools.cache
def _step(name: str) -> str:
    return (files("agentlens") / "finish" / f"{name}.sql").read_text("utf-8")


@functools.cache
def _rules() -> str:
    statements = "".join(item.statement for module in library() for item in module.objects)
    return hashlib.sha256((statements + "".join(map(_step, _STEPS))).encode()).hexdigest()[:16]
