"""The way of a value as a still picture: agents as lanes, steps downwards in order of time, an arrow for every hop. Plain SVG."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from agentlens._visible import show_inline
from agentlens.explorers._still import DIM, GROUND, INK, LETTER, LINE

Row = dict[str, Any]

WIDTH, TOP, HEAD, ROW, ARROW = 940, 48, 22, 40, 13
CLOCK, MOST_LANES_WIDTH, LANE = 74, 470, 165
COLOURS = {
    "carried": "#1f62b5",
    "quoted": "#3c8558",
    "read_after_write": "#b8691f",
    "similar": "#7c5ba3",
    "handoff": "#5c6470",
    "message": "#7c5ba3",
    "same step": "#8a919c",
}
DASHES = {"certain": "", "likely": "6 3", "possible": "2 3"}
WAYS = {"read_after_write": "read after write", "similar": "similar", "same step": "same step"}
SIDES = {
    ("model", "heard"): "was shown it", ("model", "said"): "said it", ("model", "heard said"): "was shown it and said it",
    ("tool", "heard"): "was given it", ("tool", "said"): "answered", ("document", "said"): "says", ("message", "said"): "wrote",
}  # fmt: skip


def say_step(step: Row, is_step: bool = False) -> str:
    """Return a step in words: `ledger_lookup answered`; with `is_step` no single value is spoken of."""
    words = SIDES.get((step["kind"], " ".join(step["sides"])), "has it")
    return f"{step['name']} {words.replace(' it', '') if is_step else words}"


def say_way(hop: Row) -> str:
    """Return how a hop came in words: `handoff, carried`, `quoted, likely`."""
    words = [
        hop["via"] if hop["via"] != hop["kind"] else None,
        WAYS.get(hop["kind"], hop["kind"]),
        None if hop["confidence"] == "certain" else hop["confidence"],
    ]
    return ", ".join(word for word in words if word)


def draw_hops(view: Row) -> str:
    """Return the picture of a view of `Origin`."""
    lanes, steps = view["lanes"], view["steps"]
    wide = min(LANE, MOST_LANES_WIDTH / max(1, len(lanes)))
    arrivals = [[hop for hop in view["hops"] if hop["to"] == place] for place in range(len(steps))]
    bottoms: list[float] = []
    for place, step in enumerate(steps):
        gap = 18 if step["is_similar"] and (place == 0 or not steps[place - 1]["is_similar"]) else 0
        above = bottoms[-1] if bottoms else TOP + HEAD
        bottoms.append(above + gap + ROW + ARROW * max(0, len(arrivals[place]) - 1))
    bottom = bottoms[-1] if bottoms else TOP + HEAD
    height = bottom + 14 + 16 * len(view["notes"])
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="DejaVu Sans, Verdana, sans-serif" font-size="11">',
        f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" fill="{GROUND}" stroke="{LINE}"/>',
        _text(
            12,
            20,
            f"Origin of {view['asked']}" if view["asked"] else "Origin",
            INK,
            120,
            ' font-weight="bold" font-size="13"',
        ),
    ]
    for at, name in enumerate(lanes):
        x = _lane(at, wide)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP + HEAD - 6}" y2="{bottom}" stroke="{LINE}"/>')
        parts.append(_text(x, TOP + 8, name, INK, int(wide / LETTER), ' text-anchor="middle" font-weight="bold"'))
    dots = [(_lane(lanes.index(step["lane"]), wide), bottoms[place] - ROW / 2) for place, step in enumerate(steps)]
    for hops in arrivals:
        parts += [part for at, hop in enumerate(hops) for part in _arrow(hop, dots, (len(hops) - 1 - at) * ARROW)]
    left = CLOCK + wide * len(lanes) + 14
    for (x, y), step, day in zip(dots, steps, _new_days(steps)):
        parts.append(_text(10, y - 9, day, DIM, 12))
        parts += _step(step, say_step(step, view["is_step"]), x, y, left)
    parts += [_text(12, bottom + 14 + 16 * at, note, DIM, 150) for at, note in enumerate(view["notes"])]
    return "".join([*parts, "</svg>"])


def _lane(at: int, wide: float) -> float:
    return CLOCK + (at + 0.5) * wide


def _arrow(hop: Row, dots: list[tuple[float, float]], above: float) -> Iterator[str]:
    (x0, y0), (x1, y1) = dots[hop["from"]], dots[hop["to"]]
    colour, dash = COLOURS.get(hop["kind"], DIM), DASHES.get(hop["confidence"], "")
    right = x1 > x0
    if x0 == x1:
        path = f"M{x0 - 5:.1f} {y0:.1f}C{x0 - 22:.1f} {y0 + 8:.1f} {x0 - 22:.1f} {y1 - above - 8:.1f} {x1 - 7:.1f} {y1 - above / 4:.1f}"
        words, tip = (x0 + 9, y1 - 11 - above, "start"), f"M{x1 - 5:.1f} {y1 - above / 4:.1f}l-7 -3v6z"
    else:
        end, turn = y1 - above, x0 + (7 if right else -7)
        stop = x1 - (8 if right else -8)
        path = f"M{x0:.1f} {y0:.1f}H{turn:.1f}V{end:.1f}H{stop:.1f}" + (f"L{x1:.1f} {y1 - 5:.1f}" if above else "")
        words, tip = (
            ((turn + stop) / 2, end - 3, "middle"),
            f"M{stop + (2 if right else -2):.1f} {end:.1f}l{-7 if right else 7} -3v6z",
        )
    yield f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.4" stroke-dasharray="{dash}"/><path d="{tip}" fill="{colour}"/>'
    x, y, anchor = words
    halo = f' font-size="9.5" text-anchor="{anchor}" paint-order="stroke" stroke="{GROUND}" stroke-width="3"'
    yield _text(x, y, say_way(hop), colour, 40, halo)


def _step(step: Row, words: str, x: float, y: float, left: float) -> Iterator[str]:
    yield _text(10, y + 4, _clock(step["time_ms"]), DIM, 12)
    colour = COLOURS["similar"] if step["is_similar"] else "#b42323" if step["is_error"] else INK
    if step["is_similar"]:
        yield f'<path d="M{x:.1f} {y - 6}l6 6l-6 6l-6 -6z" fill="{GROUND}" stroke="{colour}" stroke-width="1.6"/>'
    else:
        yield f'<circle cx="{x:.1f}" cy="{y}" r="{6 if step["marked"] else 4.5}" fill="{colour}"/>'
    room = int((WIDTH - left - 10) / LETTER)
    yield _text(left, y - 2, words + (", similar" if step["is_similar"] else ""), INK, room, ' font-weight="bold"')
    yield _text(left, y + 12, "".join(step["passage"] or []), DIM, room)


def _new_days(steps: list[Row]) -> list[str]:
    """Return of each step its day where it is another than that of the step before, else nothing: a clock alone does not say it."""
    days = ["" if step["time_ms"] is None else f"{_moment(step['time_ms']):%Y-%m-%d}" for step in steps]
    return [day if day != before else "" for before, day in zip(["", *days], days)]


def _moment(time_ms: float) -> datetime:
    return datetime.fromtimestamp(time_ms / 1000, UTC)


def _clock(time_ms: float | None) -> str:
    return "no time" if time_ms is None else f"{_moment(time_ms):%H:%M:%S}"


def _text(x: float, y: float, text: str, colour: str, most: int, more: str = "") -> str:
    shown = " ".join(show_inline(text).split())
    shown = shown if len(shown) <= most else f"{shown[: max(1, most - 1)]}…"
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{more}>{html.escape(shown)}</text>'
