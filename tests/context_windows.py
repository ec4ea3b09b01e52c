"""Made-up conversations, and what became of their messages worked out by plain Python: no SQL of agentlens."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from agentlens._message_lists import MessageLists

SYSTEM, INPUT = "system", "input"
SUMMARY = "Summary of the conversation so far: "


@dataclass(frozen=True)
class Said:
    """One message of a window: where it stands (system or input), its role and its text."""

    direction: str
    role: str
    text: str

    @property
    def parts(self) -> str:
        """The parts as a lens keeps them."""
        return json.dumps([{"type": "text", "content": self.text}])

    @property
    def hash(self) -> str:
        """What identifies the message."""
        return hashlib.md5(json.dumps([self.role, self.text]).encode()).hexdigest()


Window = list[Said]
Fate = tuple[int, str, int, str, str, str | None]


def insert_calls(
    con: duckdb.DuckDBPyConnection, windows: list[Window], replies: list[str], agent: str = "scout"
) -> None:
    """Put a conversation into an empty lens: one model call a window, a second apart."""
    lists = MessageLists(con.execute("SELECT coalesce(max(list_id) + 1, 0) FROM message_lists").fetchall()[0][0])
    for number, window in enumerate(windows):
        _insert_call(con, number, agent)
        heard = [*window, Said("output", "assistant", replies[number])]
        for direction in (SYSTEM, INPUT, "output"):
            _insert_window(
                con, f"s{number}", direction, [said.hash for said in heard if said.direction == direction], lists
            )
        for said in heard:
            con.execute(
                "INSERT INTO messages BY NAME SELECT $h AS message_hash, $r AS role, $p::JSON AS parts, $b AS bytes, 0 AS source_id "
                "WHERE NOT EXISTS (FROM messages WHERE message_hash = $h)",
                {"h": said.hash, "r": said.role, "p": said.parts, "b": len(said.parts.encode())},
            )


def _insert_window(
    con: duckdb.DuckDBPyConnection, span_id: str, direction: str, hashes: list[str], lists: MessageLists
) -> None:
    for position, list_id, length, added in lists.ranges("t", hashes):
        con.execute(
            "INSERT INTO span_message_ranges BY NAME SELECT 't' AS trace_id, $s AS span_id, $d AS direction, $p AS position, "
            "$l AS list_id, $n AS length, 0 AS source_id",
            {"s": span_id, "d": direction, "p": position, "l": list_id, "n": length},
        )
        con.execute(
            "INSERT INTO message_lists BY NAME SELECT $l AS list_id, $first + generate_subscripts($h, 1) - 1 AS list_index, "
            "unnest($h) AS message_hash, 0 AS source_id",
            {"l": list_id, "first": length - len(added), "h": list(added)},
        )


def _insert_call(con: duckdb.DuckDBPyConnection, number: int, agent: str) -> None:
    con.execute(
        """
        INSERT INTO spans BY NAME SELECT
          't' AS trace_id, $span AS span_id, 'chat' AS operation_name, $agent AS agent_name, 'c' AS conversation_id,
          make_timestamp_ns($time) AS start_time, 'UNSET' AS status_code, false AS is_control_flow, 100 AS input_tokens,
          false AS is_agent_inherited, false AS is_conversation_inherited, false AS is_orphan, false AS is_cycle_broken,
          $span AS root_span_id, 0 AS depth, $number AS preorder, $number + 1 AS subtree_end, 0 AS source_id
        """,
        {"span": f"s{number}", "agent": agent, "time": number * 1_000_000_000, "number": number},
    )


def tell_fates(windows: list[Window], replies: list[str]) -> list[Fate]:
    """Return (call, direction, position, hash, change, before) of every message that stands in a window or fell out of it."""
    fates: list[Fate] = []
    for number, window in enumerate(windows):
        before = windows[number - 1] if number else []
        fates += _compare(number, before, window, replies[number - 1] if number else "")
    return sorted(fates, key=repr)


def _compare(number: int, before: Window, after: Window, reply: str) -> Iterable[Fate]:
    changes: dict[tuple[str, int], tuple[str, str | None]] = {}
    gone: list[tuple[str, int, Said]] = []
    for direction in (SYSTEM, INPUT):
        old = [said for said in before if said.direction == direction]
        new = [said for said in after if said.direction == direction]
        fell = _compare_direction(direction, old, new, changes)
        gone += [(direction, place, old[place]) for place in fell]
    summary = _find_summary(after, changes, reply) if len(gone) >= 2 else None
    for (direction, place), (change, was) in changes.items():
        said = [each for each in after if each.direction == direction][place]
        yield number + 1, direction, place, said.hash, change, was
    for direction, place, said in gone:
        yield number + 1, direction, place, said.hash, "compacted" if summary else "dropped", summary


def _compare_direction(
    direction: str, old: Window, new: Window, changes: dict[tuple[str, int], tuple[str, str | None]]
) -> list[int]:
    """Note the change of every new message; return the places of old ones that are gone."""
    kept_new, kept_old = _match(old, new)
    fresh, fallen = _by_place(new, kept_new), _by_place(old, kept_old)
    answered: set[int] = set()
    for place in range(len(new)):
        changes[direction, place] = ("same" if place in kept_new else "added", None)
    for key, place in fresh.items():
        if key in fallen and _overlap(new[place].text, old[fallen[key]].text) >= 0.5:
            changes[direction, place] = ("rewritten", old[fallen[key]].hash)
            answered.add(fallen[key])
    return [place for place in range(len(old)) if place not in kept_old and place not in answered]


def _match(old: Window, new: Window) -> tuple[set[int], set[int]]:
    """Return the places that stay: the k-th copy of a message in one window is the k-th copy of it in the other."""
    copies: Counter[str] = Counter()
    where: dict[tuple[str, int], int] = {}
    for place, said in enumerate(old):
        where[said.hash, copies[said.hash]] = place
        copies[said.hash] += 1
    copies.clear()
    kept_new, kept_old = set(), set()
    for place, said in enumerate(new):
        if (said.hash, copies[said.hash]) in where:
            kept_new.add(place)
            kept_old.add(where[said.hash, copies[said.hash]])
        copies[said.hash] += 1
    return kept_new, kept_old


def _by_place(window: Window, kept: set[int]) -> dict[tuple[int, str, int], int]:
    """Return what came or went by (messages that stay before it, role, turn among those of the role there)."""
    turns: Counter[tuple[int, str]] = Counter()
    places: dict[tuple[int, str, int], int] = {}
    stayed = 0
    for place, said in enumerate(window):
        if place in kept:
            stayed += 1
            continue
        places[stayed, said.role, turns[stayed, said.role]] = place
        turns[stayed, said.role] += 1
    return places


def _overlap(one: str, other: str) -> float:
    a, b = ({word.lower() for word in re.findall(r"[A-Za-z0-9]+", text)} for text in (one, other))
    return len(a & b) / len(a | b) if a | b else 0.0


def _find_summary(after: Window, changes: dict[tuple[str, int], tuple[str, str | None]], reply: str) -> str | None:
    for direction in (SYSTEM, INPUT):
        for place, said in enumerate(each for each in after if each.direction == direction):
            holds = said.text.startswith(SUMMARY) or (len(reply.strip()) >= 40 and reply.strip() in said.text)
            if changes[direction, place][0] == "added" and said.role in ("system", "user") and holds:
                return said.hash
    return None


def order_of(rows: list[dict[str, Any]]) -> list[tuple[str, bool, int]]:
    """Return rows of a call as (direction, stands, position) in the order of the page."""
    ordered = sorted(rows, key=lambda row: row["place"])
    return [(row["direction"], row["change"] not in ("dropped", "compacted"), row["position"]) for row in ordered]
