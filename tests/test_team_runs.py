"""What is found in logs of teams of many trades, tongues and programs, compared with what is true of them.

The plays and their truth stand in `team_failures`, `team_coordination`, `team_healthy`, `team_healthy_teams` and `team_lineage`; the big
sweep is `benchmarks/team_runs.py`.
"""

from __future__ import annotations

import random

from team_failures import Case
from team_healthy import HEALTHY
from team_judge import follow_all, judge, judge_together, plays
from team_lineage import World, hops_of
from team_log import Log
from team_words import OTHER_TRADES, TRADES


def test_failures_are_found_at_the_agent_that_failed() -> None:
    verdicts = [
        judge(name, play, TRADES[index % len(TRADES)], 11, only_planted=True)
        for index, (name, play) in enumerate(plays(failing=True))
    ]
    missed = [(v.name, v.play, v.trade, v.form) for v in verdicts if not v.hit]
    assert len(missed) <= len(verdicts) // 10, missed


def test_nothing_is_found_where_nothing_went_wrong() -> None:
    accused = {}
    for index, play in enumerate(HEALTHY[::6]):
        verdict = judge("", play, OTHER_TRADES[index % len(OTHER_TRADES)], 12)
        if verdict.accused:
            accused[verdict.play, verdict.trade, verdict.form] = verdict.accused
    assert not accused


def test_nothing_is_found_where_many_healthy_runs_lie_together() -> None:
    for trade in OTHER_TRADES[:2]:
        assert judge_together(trade, 12, 16) == []


def test_every_hop_of_a_value_is_known_and_no_other() -> None:
    trails = list(follow_all(TRADES, 1, 13))
    needed, found, said, right = (sum(trail[column] for trail in trails) for column in (4, 5, 6, 7))
    assert found >= 0.95 * needed, [trail.missed for trail in trails]
    assert right >= 0.95 * said, [trail.wrong for trail in trails]


def test_the_account_of_hops_knows_who_told_whom() -> None:
    log = Log(random.Random(1))
    run = log.start("Ada", "Count the boxes.")
    source = run.act("count", {"what": "boxes"}, "boxes: 48213")
    run.act("note", {"path": "a.md", "text": "48213 boxes"}, "ok")
    run.end("done")
    stranger_run = log.start("Bo", "Count the hats.")
    stranger = stranger_run.act("count", {"what": "hats"}, "hats: 48213")
    stranger_run.end("done")
    hops = hops_of(World(log, ["48213"], strangers=[stranger]), "48213")
    models = [s for s in log.steps if s.kind == "model" and s.agent == "Ada"]
    note = next(s for s in log.steps if s.name == "note")
    assert hops.needed == [{(None, source.id)}, {(source.id, models[1].id)}, {(models[1].id, note.id)}]
    assert (None, stranger.id) in hops.allowed and (source.id, stranger.id) not in hops.allowed


def test_a_seed_decides_everything() -> None:
    name, play = next(plays(failing=True))
    cases: list[Case] = [play(random.Random(5), TRADES[0]) for _ in range(2)]
    assert [s.id for s in cases[0].log.steps] == [s.id for s in cases[1].log.steps]
    assert name == "tool_loop"


def test_habits_of_good_teams_are_no_failures() -> None:
    accused = {}
    habits = [play for play in HEALTHY if play.__module__ == "team_healthy_habits"]
    for index, play in enumerate(habits):
        verdict = judge("", play, TRADES[index % len(TRADES)], 14)
        if verdict.accused:
            accused[verdict.play, verdict.trade, verdict.form] = verdict.accused
    assert len(habits) > 9 and not accused
