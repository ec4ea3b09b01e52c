"""What a person reads: text from a log made safe to look at (what hides, moves the cursor or reverses the reading order is written out), and counts with their nouns."""

from __future__ import annotations

import re

# Controls, bidi overrides, invisible and tag characters, and lone surrogates; the explorers show the same ones (format.ts). Beside them
# the two characters that XML takes no more than controls, and that end the program which draws charts.
_HIDING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ufffe\uffff\U000e0000-\U000e007f\ud800-\udfff]"
)


def show_controls(text: str) -> str:
    """Return text of many lines: line feeds and tabs stay, everything else that hides is written as ⟨U+001B⟩."""
    return _HIDING.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text.replace("\r\n", "\n"))


def show_inline(text: str) -> str:
    """Return text on one line: line feeds and tabs are shown too."""
    return show_controls(text).replace("\n", " ↵ ").replace("\t", " ⇥ ")


def plural(number: int, one: str, many: str | None = None) -> str:
    """1 span, 2 spans."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
