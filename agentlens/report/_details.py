"""The details of many spans at once, for clicks in a page that has no kernel to ask."""

from __future__ import annotations

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentlens._lens import Lens
from agentlens.explorers._explorer import load_question
from agentlens.explorers._span_details import describe_span, group_usage
from agentlens.explorers.trace_tree import EMBEDDED_INPUTS, EMBEDDED_TEXT
from agentlens.report._copy import Travelling
from agentlens.report._facts import ask, fetch

Row = dict[str, Any]

AT_ONCE = 20


def pack_details(copy: Travelling, rows: Mapping[int, int], budget: int) -> tuple[str, int]:
    """Return base64(zlib(JSON)) of `{row: span}`, the most important spans first, in at most `budget` characters; and how many.

    `rows` maps a span's `preorder` to its row in the tree.
    """
    wanted = [row["preorder"] for row in ask(copy.lens, "span_importance") if row["preorder"] in rows]
    batches = (sorted(wanted[at : at + AT_ONCE]) for at in range(0, len(wanted), AT_ONCE))
    return pack_batches(
        ({str(rows[preorder]): span for preorder, span in _describe(copy.lens, batch)} for batch in batches),
        copy,
        budget,
    )


def pack_batches(batches: Iterable[Mapping[str, Any]], copy: Travelling, budget: int) -> tuple[str, int]:
    """Return base64(zlib(JSON)) of as many batches of entries as fit into `budget` characters; and how many entries."""
    packer, packed, count = zlib.compressobj(9), b"", 0
    for batch in batches:
        text = json.dumps(copy.clean(batch), allow_nan=False)
        copy.check(text, "What a click shows")
        trial = packer.copy()
        piece = trial.compress((("," if count else "{") + text[1:-1]).encode()) + trial.flush(zlib.Z_SYNC_FLUSH)
        if (len(packed) + len(piece)) * 4 / 3 + 100 > budget:
            break
        packer, packed, count = trial, packed + piece, count + len(batch)
    packed += packer.compress(b"}" if count else b"{}") + packer.flush()
    return base64.b64encode(packed).decode(), count


def _describe(lens: Lens, preorders: list[int]) -> Iterator[tuple[int, Row]]:
    """Yield SpanDetails; the questions of `describe_span` are answered from three queries for all of them."""
    question = load_question("span").replace(
        "preorder = $preorder", "preorder IN (SELECT unnest($preorders::BIGINT[]))"
    )
    spans = {row["preorder"]: row for row in fetch(lens, question, preorders=preorders)}
    usage = group_usage(ask(lens, "span_usage", preorders=preorders))
    messages: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in ask(lens, "span_messages", preorders=preorders):
        messages[row["trace_id"], row["span_id"]].append(row)
    findings = _findings_by_span(lens)

    def answer(question: str, params: Mapping[str, Any]) -> list[Row]:
        if "preorder" in params:
            return [spans[params["preorder"]]]
        key = (params["trace_id"], params["span_id"])
        if question == load_question("span_messages"):
            return messages[key]
        return findings[key] + findings["", key[1]]

    for preorder in preorders:
        yield preorder, describe_span(answer, preorder, usage.get(preorder), EMBEDDED_TEXT, EMBEDDED_INPUTS)


def _findings_by_span(lens: Lens) -> dict[tuple[str, str], list[Row]]:
    """Return notes on findings by (trace, span); findings without a trace stand under the trace ''."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in ask(lens, "findings"):
        note = {name: row[name] for name in ("detector", "severity", "tier", "summary")}
        for span_id in row["span_ids"]:
            found[row["trace_id"] or "", span_id].append(note)
    return found
