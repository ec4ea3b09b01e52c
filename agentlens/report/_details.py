"""The details of many spans at once, for clicks in a page that has no kernel to ask."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agentlens._lens import Lens
from agentlens.explorers._span_details import describe_spans, group_usage
from agentlens.explorers.trace_tree import EMBEDDED_INPUTS, EMBEDDED_TEXT
from agentlens.report._copy import Travelling
from agentlens.report._facts import ask, fetch
from agentlens.report._span_names import SpanNames

Row = dict[str, Any]

# So many spans are packed at once, and so many asked for.
AT_ONCE, ASKED_AT_ONCE = 20, 200


def pack_details(copy: Travelling, names: SpanNames, rows: Mapping[int, int], budget: int) -> tuple[str, int]:
    """Return base64(zlib(JSON)) of `{row: span}`, the most important spans first, in at most `budget` characters; and how many.

    `rows` maps a span's `preorder` to its row in the tree.
    """
    wanted = [row["preorder"] for row in ask(copy.lens, "span_importance") if row["preorder"] in rows]
    return pack_batches(_describe_in_batches(copy.lens, rows, wanted), copy, names, budget)


def _describe_in_batches(lens: Lens, rows: Mapping[int, int], wanted: list[int]) -> Iterator[Row]:
    """Yield spans by their row, a few at a time, asked for many at a time."""
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        asked = wanted[start : start + ASKED_AT_ONCE]
        found = dict(_describe(lens, rows, sorted(asked)))
        for at in range(0, len(asked), AT_ONCE):
            batch = sorted(rows[preorder] for preorder in asked[at : at + AT_ONCE])
            yield {str(row): found[row] for row in batch}


def pack_batches(
    batches: Iterable[Mapping[str, Any]], copy: Travelling, names: SpanNames, budget: int
) -> tuple[str, int]:
    """Return base64(zlib(JSON)) of as many batches of entries as fit into `budget` characters; and how many entries."""
    packer, packed, count = zlib.compressobj(9), b"", 0
    for batch in batches:
        text = json.dumps(copy.clean(batch), allow_nan=False)
        copy.check(text, "What a click shows")
        trial = packer.copy()
        piece = trial.compress((("," if count else "{") + names.shorten(text)[1:-1]).encode()) + trial.flush(
            zlib.Z_SYNC_FLUSH
        )
        if (len(packed) + len(piece)) * 4 / 3 + 100 > budget:
            break
        packer, packed, count = trial, packed + piece, count + len(batch)
    packed += packer.compress(b"}" if count else b"{}") + packer.flush()
    return base64.b64encode(packed).decode(), count


def _describe(lens: Lens, rows: Mapping[int, int], preorders: list[int]) -> Iterator[tuple[int, Row]]:
    """Yield rows of the tree and what a click on them shows."""
    usage = group_usage(ask(lens, "span_usage", preorders=preorders))
    spans = describe_spans(
        lambda question, params: fetch(lens, question, **params), preorders, usage, EMBEDDED_TEXT, EMBEDDED_INPUTS
    )
    for preorder, detail in spans:
        why = detail["why"]
        yield rows[preorder], detail | {"why": why and {**why, "row": rows.get(why["preorder"], -1)}}
