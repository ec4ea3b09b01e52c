"""What a briefing says: every material change as one item, by fixed rules on the measured facts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agentlens._visible import plural
from agentlens.detectors._drift_words import MEASURES, Release, group_releases, say
from agentlens.report._facts import SEVERITIES, join_words
from agentlens.report._words import NBSP, moment, usd

Row = dict[str, Any]

BETTER = "better"
KINDS = ("critical", "warning", BETTER, "info")
MOST_MEASURES = 3
FEW = 12  # tasks since a release that are too few to tell, as in `drift_changes`
GRAVE_SIZE, GRAVE_POINTS, GRAVEST_POINTS = 0.5, 0.05, 0.2
COST_SHARE = 0.2
FELT = ("task_cost_usd", "task_confidence", "task_output_json", "task_duration_s", "tool_duration_s", "heartbeat_gap_s")
CHANCE = 0.05  # at most this share of what is said of failures
DAY = "%-d %b"


@dataclass(frozen=True)
class Item:
    """One thing that changed: how grave, about whom, in words, by which signals, since when, and what it rests on."""

    kind: str
    agents: tuple[str, ...]
    text: str
    signals: tuple[str, ...]
    start_time: datetime | None = None
    proof: str = ""
    weight: float = 0.0
    is_sentence: bool = False
    """Whether the text goes on after the name of its one agent, as a sentence about it."""

    @property
    def words(self) -> int:
        """How many words a reader has to read."""
        return len(self.text.split()) + len(self.signals)


def list_items(rows: dict[str, list[Row]], paths: dict[int, str], can_compare: bool) -> list[Item]:
    """Return what changed, gravest first; without anything to compare with, what was found."""
    if not can_compare:
        return sorted(_found(rows["findings"], paths), key=_order)
    items = [
        *_changed(rows["changes"], rows["findings"]), *_failed(rows["failures"]), *_found(rows["findings"], paths), *_gone(rows["findings"], rows["agents"]),
        *_spent(rows["spend"]), *_released(rows["releases"], rows["changes"]), *_came_and_went(rows["agents"]),
    ]  # fmt: skip
    return sorted(items, key=_order)


def _order(item: Item) -> tuple[Any, ...]:
    return KINDS.index(item.kind), -item.weight, item.start_time is None, item.start_time, item.text


# --- changes of behaviour ---------------------------------------------------------------------------------------------


def _changed(changes: list[Row], findings: list[Row]) -> Iterator[Item]:
    silent = {row["agent_name"] for row in findings if row["detector"] == "silent_degradation" and row["now"]}
    for agent in dict.fromkeys(row["agent_name"] for row in changes):
        mine = _without_repeats([row for row in changes if row["agent_name"] == agent])
        real = [row for row in mine if row["verdict"] != "workload"]
        for group in _at_one_time(real):
            worse = [row for row in group if _direction(row) > 0]
            better = [row for row in group if _direction(row) < 0]
            neither = [row for row in group if _direction(row) == 0]
            if worse:
                yield _change_item(agent, _severity(worse), [*worse, *neither], agent in silent)
            if better:
                yield _change_item(agent, BETTER, better, False)
            if neither and not worse:
                yield _change_item(agent, "info", neither, False)
        if mine and not real:
            dated = min(mine, key=lambda row: row["latest"] - row["earliest"])
            text = f"{_moves(mine)} since {moment(dated['start_time'], DAY)}, only because it got other work; like work takes what it took."
            yield Item("info", (agent,), text, ("workload",), dated["start_time"], _interval(dated), 1.0)


def _without_repeats(changes: list[Row]) -> list[Row]:
    """Leave out what is measured a call where the same is measured a task, and all but the surest change of a series."""
    kept: dict[tuple[str, str | None], Row] = {}
    measures = {row["measure"] for row in changes if row["verdict"] != "workload"} or {
        row["measure"] for row in changes
    }
    for row in changes:
        if row["measure"].replace("call_", "task_") in measures - {row["measure"]}:
            continue
        kept[row["measure"], row["tool_name"]] = row
    return list(kept.values())


def _at_one_time(changes: list[Row]) -> Iterator[list[Row]]:
    """Yield changes whose dates overlap together: they are one change."""
    group: list[Row] = []
    for row in sorted(changes, key=lambda row: row["earliest"]):
        if group and row["earliest"] > max(other["latest"] for other in group):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _direction(change: Row) -> int:
    """Return 1 for the worse, -1 for the better, 0 for neither."""
    up = 1 if change["value_after"] > change["value_then"] else -1
    return MEASURES[change["measure"]][2] * up


def _severity(worse: list[Row]) -> str:
    grave = any(row["points"] >= GRAVEST_POINTS if row["is_share"] else row["size"] >= GRAVE_SIZE for row in worse)
    return "warning" if grave else "info"


def _change_item(agent: str, kind: str, changes: list[Row], is_silent: bool) -> Item:
    dated = min(changes, key=lambda row: row["latest"] - row["earliest"])
    since = dated["start_time"]
    when = f"since {moment(since, DAY)}"
    if all(row["verdict"] == "slope" for row in changes):
        when = "within the period, a little every day"
    quiet = " Nothing fails, so no alarm says it." if is_silent else ""
    text = f"{_moves(changes)} {when}.{_blame(agent, changes)}{quiet}"
    signals = tuple(dict.fromkeys(row["measure"] for row in _largest_first(changes)))[:MOST_MEASURES]
    return Item(kind, (agent,), text, signals, since, _interval(dated), max(row["size"] for row in changes))


def _moves(changes: list[Row]) -> str:
    """Return the largest changes in words: `cost of a task $0.1 to $0.2 (+100 %), … and 2 more measures`."""
    shown = [_move(row) for row in _largest_first(changes)[:MOST_MEASURES]]
    more = len(changes) - len(shown)
    return ", ".join(shown) + f" and {plural(more, 'more measure')}" if more else join_words(shown, MOST_MEASURES)


def _largest_first(changes: list[Row]) -> list[Row]:
    """Return first what is felt (money, time, how good the answers are), then the rest, the largest first."""
    return sorted(changes, key=lambda row: (_felt(row["measure"]), -row["size"], row["measure"]))


def _felt(measure: str) -> int:
    return 0 if measure in FELT else 1 if measure.startswith("task_") else 2


def _move(change: Row) -> str:
    measure, then, now = change["measure"], change["value_then"], change["value_after"]
    label = MEASURES[measure][0] + (f" {change['tool_name']}" if change["tool_name"] else "")
    percent = "" if change["is_share"] or then <= 0 else f" ({100 * (now - then) / then:+.0f}{NBSP}%)"
    return f"{label} {_value(measure, then)} to {_value(measure, now)}{percent}"


def _value(measure: str, value: float) -> str:
    return f"${value:.3g}" if MEASURES[measure][1] == "USD" else say(measure, value).replace(" ", NBSP)


def _blame(agent: str, changes: list[Row]) -> str:
    """Return what was released at that time; nothing for slow drifts, which have no moment."""
    if all(row["verdict"] == "slope" for row in changes):
        return ""
    suspects = [_release(part) for row in changes for part in row["suspects"] or []]
    groups = group_releases(suspects)
    if not groups:
        return " No release falls into that time."
    others = sorted({one.agent_name for one in suspects if one.agent_name and one.agent_name != agent})
    owner = f" of {join_words(others, 2)}" if others and all(one.agent_name != agent for one in suspects) else ""
    together = " together: the data cannot separate them" if len(groups) > 1 else ""
    return f" Just then {join_words(list(groups.values()), 3)}{owner} changed{together}."


def _release(part: Row) -> Release:
    return Release(part["agent_name"], part["kind"], part["value_before"], part["value"], 0, part["trace_id"], part["span_id"])  # fmt: skip


def _interval(change: Row) -> str:
    if change["verdict"] == "slope":
        return f"{change['n_before'] + change['n_after']:,} observations since {moment(change['start_time'], DAY)}"
    counted = f"{change['n_before']:,} observations before, {change['n_after']:,} after"
    return f"{counted}; the date lies between {moment(change['earliest'], '%-d %b, %H:%M')} and {moment(change['latest'], '%-d %b, %H:%M')}"


# --- failures ---------------------------------------------------------------------------------------------------------


def _failed(failures: list[Row]) -> Iterator[Item]:
    """Yield whose tasks or tools fail more or less often: by 5 points or more, beyond chance (Fisher's exact test, all together)."""
    from scipy.stats import false_discovery_control, fisher_exact

    tables = [
        [[row[f"failed_{when}"], row[f"all_{when}"] - row[f"failed_{when}"]] for when in ("now", "before")]
        for row in failures
    ]
    chances = false_discovery_control([fisher_exact(table).pvalue for table in tables]) if tables else []
    for row, chance in zip(failures, chances):
        points = row["failed_now"] / row["all_now"] - row["failed_before"] / row["all_before"]
        if abs(points) < GRAVE_POINTS or chance > CHANCE:
            continue
        kind = BETTER if points < 0 else "critical" if points >= GRAVEST_POINTS else "warning"
        what = f"calls of {row['tool_name']}" if row["tool_name"] else "tasks"
        text = f"{row['failed_now']:,} of {row['all_now']:,} {what} failed, {row['failed_before']:,} of {row['all_before']:,} in the period before."
        signal = "tool_failed" if row["tool_name"] else "task_failed"
        yield Item(
            kind,
            (row["agent_name"],),
            text,
            (signal,),
            row["start_time"],
            f"{100 * points:+.0f} points",
            20 + abs(points),
        )


# --- findings ---------------------------------------------------------------------------------------------------------


def _is_new(row: Row) -> bool:
    """Whether a kind of finding is new, or comes at least twice as often as before."""
    return bool(row["now"] and row["now"] >= 2 * row["before"])


def _found(findings: list[Row], paths: dict[int, str]) -> Iterator[Item]:
    """Yield an item for each detector that found something new, all its agents in one."""
    new = [row for row in findings if _is_new(row) and row["detector"] != "silent_degradation"]
    for detector in dict.fromkeys(row["detector"] for row in new):
        mine = [row for row in new if row["detector"] == detector]
        first = min(mine, key=lambda row: (SEVERITIES.index(row["severity"]), row["start_time"]))
        kind = "warning" if first["severity"] == "critical" and first["tier"] == "candidate" else first["severity"]
        count, before = sum(row["now"] for row in mine), sum(row["before"] for row in mine)
        others = [row["agent_name"] for row in mine if row is not first and row["agent_name"]]
        more = f" Likewise {join_words(others, 3)}." if others else f" {plural(count, 'case')}." if count > 1 else ""
        again = f" The period before had {before}." if before else ""
        sure = " A pattern that often is a failure, not proven." if first["tier"] == "candidate" else ""
        agents = tuple(row["agent_name"] for row in mine if row["agent_name"])
        text = f"{_cut(first['summary'])}{more}{again}{sure}"
        is_sentence = len(agents) == 1 and text.startswith(f"{agents[0]} ")
        text = text.removeprefix(f"{agents[0]} ") if is_sentence else text
        place = _place(first["place"], paths)
        yield Item(kind, agents, text, (detector,), first["start_time"], place, 10.0 + len(mine), is_sentence)


def _cut(summary: str) -> str:
    words = summary.split()
    return " ".join(words[:28]) + (" …" if len(words) > 28 else "")


def _place(place: Row | None, paths: dict[int, str]) -> str:
    if not place:
        return ""
    path = paths.get(place["source_id"], "?")
    return f"{path}:{place['source_line']}" if place["source_line"] else path


def _gone(findings: list[Row], agents: list[Row]) -> Iterator[Item]:
    """Yield what was found in the period before and is not found any more of agents that still work."""
    working = {row["agent_name"] for row in agents if row["tasks_now"] + row["reports_now"]}
    gone = [
        row
        for row in findings
        if row["before"] and not row["now"] and row["severity"] != "info" and row["agent_name"] in working
    ]
    if gone:
        named = [f"{row['detector']} of {row['agent_name']}" for row in gone]
        names = tuple(dict.fromkeys(row["agent_name"] for row in gone))
        signals = tuple(dict.fromkeys(row["detector"] for row in gone))[:MOST_MEASURES]
        yield Item(BETTER, names, f"Not found any more: {join_words(named, 4)}.", signals, None, "", 5.0)


# --- money, releases, agents ------------------------------------------------------------------------------------------


def _spent(spend: list[Row]) -> Iterator[Item]:
    """Yield what the whole cost, where that differs by a fifth or more, and whose work makes most of the difference."""
    now, before = (sum(row[name] for row in spend) for name in ("cost_now", "cost_before"))
    if before <= 0 or abs(now - before) < COST_SHARE * before:
        return
    sign = 1 if now > before else -1
    drivers = [row for row in spend if sign * (row["cost_now"] - row["cost_before"]) > 0][:3]
    shares = [f"{row['agent_name'] or 'no agent'} {_signed(row['cost_now'] - row['cost_before'])}" for row in drivers]
    kind = BETTER if sign < 0 else "warning" if now >= (1 + GRAVE_SIZE) * before else "info"
    text = f"Everything together cost {usd(before)} and now {usd(now)} ({100 * (now - before) / before:+.0f}{NBSP}%), most of it by {join_words(shares, 3)}."
    yield Item(kind, (), text, ("cost_usd",), None, "", 2.0)


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else '−'}{usd(abs(value))}"


def _released(releases: list[Row], changes: list[Row]) -> Iterator[Item]:
    """Yield releases after which nothing changed, or for which it is too early to tell, equal ones as one."""
    blamed = {
        (part["agent_name"], part["value"]) for row in changes if row["verdict"] == "step" for part in row["suspects"] or []
    }  # fmt: skip
    quiet = [row for row in releases if not any((row["agent_name"], part["value"]) in blamed for part in row["parts"])]
    by_words: dict[tuple[str, bool], list[Row]] = {}
    for row in quiet:
        named = join_words(list(group_releases([_release(part) for part in row["parts"]]).values()), 3)
        if named:
            by_words.setdefault((named, row["tasks_since"] < FEW), []).append(row)
    for (named, is_early), rows in by_words.items():
        agents = tuple(dict.fromkeys(row["agent_name"] for row in rows))
        what = "it is too early to tell what that changed" if is_early else "nothing that is measured changed with it"
        first = min(row["start_time"] for row in rows)
        text = f"{named[0].upper()}{named[1:]} changed on {moment(first, DAY)}; {what}."
        yield Item(
            "info", agents, text, ("releases",), first, f"{min(row['tasks_since'] for row in rows):,} tasks since"
        )


def _came_and_went(agents: list[Row]) -> Iterator[Item]:
    came = [row for row in agents if not row["tasks_before"] + row["reports_before"] and row["tasks_now"]]
    went = [row for row in agents if row["days_before"] >= 3 and not row["tasks_now"] + row["reports_now"]]
    for rows, text in ((came, "New at work."), (went, "Gave no sign of life any more; whether that was meant, the log does not say.")):  # fmt: skip
        if rows:
            counts = ", ".join(f"{row['tasks_now'] or row['tasks_before']:,} tasks" for row in rows[:3])
            yield Item("info", tuple(row["agent_name"] for row in rows), text, ("tasks",), None, counts)


def fit(items: Iterable[Item], words: int) -> tuple[list[Item], list[Item]]:
    """Return the items that can be read within so many words, gravest first, at least one of each kind, and the rest."""
    listed = list(items)
    firsts = {next((item for item in listed if item.kind == kind), None) for kind in KINDS}
    left = words - sum(item.words for item in firsts if item)
    kept = []
    for item in listed:
        if item in firsts or item.words <= left:
            kept.append(item)
            left -= 0 if item in firsts else item.words
    return kept, [item for item in listed if item not in kept]
