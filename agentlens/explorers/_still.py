"""A static picture of an explorer, for where no widget lives: saved notebooks, nbconvert, previews. Plain SVG, all text escaped."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from agentlens._visible import show_inline

WIDTH, ROW, TOP, LABEL, VALUE = 940, 22, 44, 380, 120
MOST_ROWS = 30
INK, DIM, LINE, GROUND = "#1f2328", "#5c6470", "#dfe2e6", "#ffffff"
COLOURS = {
    "busy": "#7d9cc4",
    "model": "#3a6ea8",
    "tool": "#b8691f",
    "agent": "#3c8558",
    "failed": "#c62f2f",
    "warning": "#b97a00",
    "plain": "#8a919c",
}
LETTER = 6.3


@dataclass(frozen=True)
class StillRow:
    """One row: a label with its indent, bars as (from, to) shares of the row's width with a colour's name, and a value."""

    label: str
    value: str = ""
    bars: Sequence[tuple[float, float, str]] = field(default_factory=tuple)
    indent: int = 0
    colour: str = ""


def draw_rows(title: str, note: str, rows: Sequence[StillRow], total: int | None = None) -> str:
    """Return an SVG of a title, a note and the first 30 rows; it says how many of `total` rows are left out."""
    shown = rows[:MOST_ROWS]
    left_out = (len(rows) if total is None else total) - len(shown)
    height = TOP + ROW * len(shown) + (ROW if left_out > 0 else 0) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="11.5">',
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" fill="{GROUND}" stroke="{LINE}"/>',
        _text(12, 20, title, INK, 60, ' font-weight="bold" font-size="13"'),
        _text(12, 36, note, DIM, 140),
    ]
    has_bars = any(row.bars for row in shown)
    parts += [part for at, row in enumerate(shown) for part in _draw_row(row, TOP + at * ROW, has_bars)]
    if left_out > 0:
        parts.append(_text(12, TOP + len(shown) * ROW + 15, f"… and {left_out:,} more rows", DIM, 60))
    return "".join([*parts, "</svg>"])


def _draw_row(row: StillRow, y: float, has_bars: bool) -> list[str]:
    indent = min(row.indent, 12) * 12
    room = LABEL - indent - 20 if has_bars else WIDTH - VALUE - indent - 30
    colour = COLOURS.get(row.colour, INK)
    parts = [f'<line x1="1" x2="{WIDTH - 1}" y1="{y}" y2="{y}" stroke="{LINE}" stroke-opacity="0.6"/>']
    parts.append(_text(12 + indent, y + 15, row.label, colour, int(room / LETTER)))
    if row.value:
        parts.append(_text(WIDTH - 12, y + 15, row.value, DIM, int(VALUE / LETTER), ' text-anchor="end"'))
    width = WIDTH - LABEL - VALUE - 24
    for first, last, name in row.bars:
        x, wide = LABEL + max(0.0, first) * width, max(1.5, (min(1.0, last) - max(0.0, first)) * width)
        parts.append(
            f'<rect x="{x:.1f}" y="{y + 5}" width="{wide:.1f}" height="{ROW - 10}" rx="1.5" fill="{COLOURS[name]}"/>'
        )
    return parts


def _text(x: float, y: float, text: str, colour: str, most: int, more: str = "") -> str:
    shown = show_inline(text)
    shown = shown if len(shown) <= most else f"{shown[: max(1, most - 1)]}…"
    return f'<text x="{x}" y="{y}" fill="{colour}"{more}>{html.escape(shown)}</text>'


def still_html(svg: str, summary: str) -> str:
    """Return the picture as an image (an image runs nothing), with a summary for those who cannot see it."""
    source = base64.b64encode(svg.encode()).decode()
    words = html.escape(show_inline(summary), quote=True)
    return f'<div class="al-still"><img alt="{words}" src="data:image/svg+xml;base64,{source}" style="max-width:100%"></div>'
