"""Span ids, which look like noise and are named again and again: a page carries each once, and its number elsewhere."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from agentlens.report._built import pack

_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_HEX = re.compile(r"[0-9a-f]{16}")
# JSON never holds a raw control character, so nothing that a log says looks like these: a number to the base of 36, and how
# far it is from the number before. Spans are mostly named in their order, so that the latter is the same again and again.
MARK, STEP = "\x01", "\x02"
MOST_BYTES = 200_000_000
_MARKED = re.compile("([\x01\x02])(-?[0-9a-z]+)")
_SCRIPT = re.compile(r'<script type="text/plain" id="span-ids">([^<]*)</script>')


class SpanNames:
    """The span ids of a page by their number: the row of the tree they stand in. `is_whole` when the tree has every span."""

    def __init__(self, span_ids: Sequence[str], is_whole: bool = True) -> None:
        self._ids, self._is_whole = span_ids, is_whole
        self._numbers = {json.dumps(span_id)[1:-1]: number for number, span_id in reversed(list(enumerate(span_ids)))}

    def narrow(self, state: dict[str, Any]) -> dict[str, Any]:
        """Return a view's state in which parts reach only spans that the page's tree shows."""
        if self._is_whole or "_reach" not in state:
            return state
        known = set(self._ids)
        return state | {
            "_reach": {part: [span for span in reached if span in known] for part, reached in state["_reach"].items()}
        }

    def shorten(self, text: str) -> str:
        """Return ASCII JSON in which every text that is a span id stands as its number, as `static_host.ts` reads it."""
        before: int | None = None

        def mark(found: re.Match[str]) -> str:
            nonlocal before
            number = self._numbers.get(found[1])
            if number is None:
                return found[0]
            marked = MARK + _base36(number) if before is None else STEP + _base36(number - before)
            before = number
            return marked

        return _TEXT.sub(mark, text) if self._numbers else text

    def packed(self) -> str:
        """Return base64(zlib) of a JSON object with the ids that are not 16 hexadecimal digits, a zero, and eight bytes for each id."""
        others = {number: span_id for number, span_id in enumerate(self._ids) if not _HEX.fullmatch(span_id)}
        digits = "".join("0" * 16 if number in others else span_id for number, span_id in enumerate(self._ids))
        return pack(json.dumps(others).encode() + b"\0" + bytes.fromhex(digits))


def lengthen(text: str, page: str) -> str:
    """Return JSON with the span ids of a page put back; ValueError or LookupError when the page does not hold them."""
    if MARK not in text:
        return text
    packed = base64.b64decode(_SCRIPT.findall(page)[0], validate=True)
    head, _, content = zlib.decompressobj().decompress(packed, MOST_BYTES).partition(b"\0")
    digits, others = content.hex(), json.loads(head)
    ids = [digits[at : at + 16] for at in range(0, len(digits), 16)]
    for number, span_id in others.items():
        ids[int(number)] = span_id
    before = 0

    def name(mark: re.Match[str]) -> str:
        nonlocal before
        before = int(mark[2], 36) + (before if mark[1] == STEP else 0)
        return json.dumps(ids[before])

    return _MARKED.sub(name, text)


def _base36(number: int) -> str:
    return np.base_repr(number, 36).lower()
