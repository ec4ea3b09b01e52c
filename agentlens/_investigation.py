"""What people add to a case: notes with pinned spans, hypotheses and questions of their own, kept in the lens."""

from __future__ import annotations

import keyword
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import duckdb

from agentlens._errors import AgentLensError

SECTIONS = ("impact", "timeline", "cause", "factor", "action")
STATUSES = ("open", "confirmed", "rejected")
# The tables that hold them: words of people, not of logs.
TABLES = ("notes", "hypotheses", "saved_queries")
MOST_SECONDS = 60.0
Span = dict[str, str]


def note(con: duckdb.DuckDBPyConnection, text: str, spans: str | Iterable[str], section: str | None) -> int:
    """Add a note; see `Lens.note`."""
    if section is not None and section not in SECTIONS:
        raise AgentLensError(f"section={section!r}; it may be one of {', '.join(SECTIONS)}, or None.")
    values = {"text": _require_text(text, "note"), "spans": find_spans(con, spans), "section": section, "now": _now()}
    rows = con.execute(
        "INSERT INTO notes SELECT (SELECT coalesce(max(note_id), 0) + 1 FROM notes), $section, $text, $spans, $now RETURNING note_id",
        values,
    ).fetchall()
    return int(rows[0][0])


def hypothesis(
    con: duckdb.DuckDBPyConnection, statement: str, status: str, spans: str | Iterable[str], reason: str | None
) -> None:
    """Add a hypothesis, or change what has become of it; see `Lens.hypothesis`."""
    if status not in STATUSES:
        raise AgentLensError(f"status={status!r}; it may be one of {', '.join(STATUSES)}.")
    statement = _require_text(statement, "hypothesis")
    before = con.execute("SELECT spans, reason FROM hypotheses WHERE statement = $said", {"said": statement}).fetchall()
    evidence = [span for (known, _) in before for span in known]
    evidence += [span for span in find_spans(con, spans) if span not in evidence]
    if status == "confirmed" and not evidence:
        raise AgentLensError(
            "A hypothesis is confirmed by evidence: give the spans that show it, e.g. spans=tree.selection."
        )
    values = {
        "said": statement,
        "status": status,
        "spans": evidence,
        "reason": reason or (before[0][1] if before else None),
    }
    con.execute("DELETE FROM hypotheses WHERE statement = $said", {"said": statement})
    con.execute("INSERT INTO hypotheses VALUES ($said, $status, $reason, $spans, $now)", values | {"now": _now()})


def save_query(con: duckdb.DuckDBPyConnection, name: str, query: str, taken: Iterable[str]) -> None:
    """Keep a question under a name; see `Lens.save_query`."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", name) or keyword.iskeyword(name) or name in taken:
        raise AgentLensError(
            f"A saved query cannot be called {name!r}: a name has a-z, 0-9 and _, begins with a letter, and is no other name of the lens."
        )
    with asking(con, query) as relation:
        relation.limit(1).fetchall()
    con.execute("DELETE FROM saved_queries WHERE name = $name", {"name": name})
    con.execute(
        "INSERT INTO saved_queries VALUES ($name, $query, $now)", {"name": name, "query": query.strip(), "now": _now()}
    )


@contextmanager
def asking(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[duckdb.DuckDBPyRelation]:
    """Give the answer to a question that may change nothing and take a minute at most; AgentLensError for any other."""
    cursor = con.cursor()
    timer = threading.Timer(MOST_SECONDS, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise AgentLensError("A saved query is one SELECT and nothing else.")
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        yield cursor.sql(query)
    except duckdb.Error as error:
        raise AgentLensError(f"The query could not be answered. {error}") from error
    finally:
        timer.cancel()
        cursor.close()


def find_spans(con: duckdb.DuckDBPyConnection, spans: str | Iterable[str]) -> list[Span]:
    """Return spans by their ids, in the order given; AgentLensError for one that the lens does not have."""
    wanted = list(dict.fromkeys([spans] if isinstance(spans, str) else spans))
    rows = con.execute(
        "SELECT span_id, trace_id FROM spans WHERE span_id IN (SELECT unnest($ids::VARCHAR[])) ORDER BY preorder", {"ids": wanted}
    ).fetchall()  # fmt: skip
    known: dict[str, list[Span]] = {}
    for span_id, trace_id in rows:
        known.setdefault(span_id, []).append({"trace_id": trace_id, "span_id": span_id})
    missing = [span_id for span_id in wanted if span_id not in known]
    if missing:
        raise AgentLensError(f"{missing[0]!r} is no span of this lens; `lens.spans` has their ids.")
    return [span for span_id in wanted for span in known[span_id]]


def _require_text(text: Any, what: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise AgentLensError(f"A {what} is a text; this one is empty.")
    return text.strip()


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)
