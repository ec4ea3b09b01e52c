"""Parts of the page that are folded away: packed, each text once, and put back in their places when the page is opened."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable

from markupsafe import Markup

MOST_UNFOLDED = 200_000_000
_SCRIPT = re.compile(r'<script type="text/plain" id="folded">([^<]*)</script>\n?')
_PLACE = re.compile(r'<div data-folded="([0-9]+)"></div>')


class Folds:
    """What a template folds with `{% call fold() %}…{% endcall %}`: it leaves an empty place, `loader.ts` fills it.

    A record that ten findings rest on is carried once. The texts are the template's own, escaped like the rest of the page.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, caller: Callable[[], str]) -> Markup:
        """Return the empty place of what `caller` renders."""
        number = self._numbers.setdefault(str(caller()).strip(), len(self._numbers))
        return Markup(f'<div data-folded="{number}"></div>')

    def packed(self) -> str:
        """Return base64(zlib(JSON)) of all that has been folded so far."""
        return base64.b64encode(zlib.compress(json.dumps(self.texts).encode(), 9)).decode()

    @property
    def texts(self) -> list[str]:
        """All folded texts, by number."""
        return list(self._numbers)


def unfold(page: str) -> str:
    """Return a page with all folded parts in their places; as it is when they are damaged."""
    found = _SCRIPT.findall(page)
    if len(found) != 1:
        return page
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(found[0], validate=True), MOST_UNFOLDED)
        texts = [str(text) for text in json.loads(unpacked)]
    except (ValueError, TypeError, zlib.error, RecursionError):
        return page
    return _fill(_SCRIPT.sub("", page), texts)


def _fill(text: str, texts: list[str]) -> str:
    """Return a text with its places filled; what was folded last holds the places of what was folded before it."""

    def content(number: int, below: int) -> str:
        if not 0 <= number < min(below, len(texts)):
            return f'<div data-folded="{number}"></div>'
        inner = _PLACE.sub(lambda place: content(int(place[1]), number), texts[number])
        return f'<div data-folded="{number}">{inner}</div>'

    return _PLACE.sub(lambda place: content(int(place[1]), len(texts)), text)
