"""Versions are read off the log: what an agent was made of, and when that changed."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from lens_builder import Step, call, read_steps

from agentlens import Lens

HOUR = 3600


def asked(n: int, prompt: str | None = None, **more: Any) -> Step:
    """The nth call of one agent, an hour after the one before, in a trace of its own."""
    if prompt is not None:
        more["inputs"] = [
            {"role": "system", "parts": [{"type": "text", "content": prompt}]},
            {"role": "user", "parts": [{"type": "text", "content": f"task {n}"}]},
        ]
    return call(f"c{n}", None, n * HOUR, trace=f"t{n}", agent=more.pop("who", "lead"), **more)


def releases(lens: Lens, columns: str = "kind, value_before, value", **params: Any) -> list[tuple[Any, ...]]:
    return lens.sql(f"SELECT {columns} FROM releases ORDER BY start_time, kind", **params).fetchall()


def test_a_changed_sentence_of_the_system_prompt_is_a_release_with_its_diff(tmp_path: Path) -> None:
    old, new = "You check contracts. Be brief.", "You check contracts. Quote the whole clause."
    lens = read_steps(tmp_path, [asked(n, old if n < 4 else new) for n in range(8)])
    assert releases(lens, "kind, removed, added, calls, hour(start_time)") == [
        ("system_prompt", ["Be brief."], ["Quote the whole clause."], 4, 4)
    ]


def test_a_number_in_the_prompt_is_a_release_and_a_date_is_none(tmp_path: Path) -> None:
    dated = [asked(n, f"Today is 2026-01-{n + 1:02}, a Monday. Search at most 3 times.") for n in range(6)]
    assert releases(read_steps(tmp_path / "dated", dated)) == []
    limit = [asked(n, f"Today is 2026-01-{n + 1:02}. Search at most {3 if n < 3 else 5} times.") for n in range(6)]
    assert releases(read_steps(tmp_path / "limit", limit), "added") == [(["Search at most 5 times."],)]


def test_spaces_and_breaks_around_sentences_are_no_change(tmp_path: Path) -> None:
    old = "You check contracts. Be brief! # Style\nAsk; wait: then go."
    spaced = "  You check contracts.   Be brief!\n\n  # Style  \nAsk; \n wait:  then go. \n  "
    tabbed = "You check contracts.\tBe brief! \r\n# Style\n Ask;\t wait:\r\n  then go."
    prompts = [old] * 4 + [spaced] * 4 + [tabbed] * 4
    lens = read_steps(tmp_path, [asked(n, prompt) for n, prompt in enumerate(prompts)])
    assert releases(lens) == []
    assert lens.sql("SELECT lines FROM fingerprints WHERE kind = 'system_prompt'").fetchall() == [
        (["You check contracts.", "Be brief!", "# Style", "Ask;", "wait:", "then go."],)
    ]


def test_what_each_run_puts_into_its_prompt_is_no_version(tmp_path: Path) -> None:
    steps = [asked(n, f"You write. The customer is called Smith{n}.") for n in range(9)]
    lens = read_steps(tmp_path, steps)
    assert releases(lens) == []
    assert lens.sql("SELECT lines FROM fingerprints WHERE kind = 'system_prompt'").fetchall() == [(["You write."],)]


def test_tools_are_compared_whatever_their_order_and_whoever_wrote_them(tmp_path: Path) -> None:
    search, fetch = {"name": "search", "parameters": {"q": "string"}}, {"name": "fetch", "parameters": {}}
    wide = {"name": "search", "parameters": {"q": "string", "limit": "integer"}}

    def offered(n: int) -> dict[str, str]:
        tools = [search, fetch] if n % 2 else [fetch, search]
        return {"gen_ai.tool.definitions": json.dumps(tools if n < 4 else [wide, fetch])}

    lens = read_steps(tmp_path, [asked(n, **offered(n)) for n in range(8)])
    ((kind, removed, added),) = releases(lens, "kind, removed, added")
    assert kind == "tool_schema"
    assert [line.partition(":")[0] for line in removed + added] == ["search", "search"]
    assert "limit" in added[0] and "limit" not in removed[0]


def test_a_rollback_is_a_release_and_two_versions_side_by_side_are_told_by_their_share(tmp_path: Path) -> None:
    versions = ["v1"] * 25 + ["v2"] * 25 + ["v1"] * 5
    lens = read_steps(tmp_path / "back", [asked(n, gen_ai__prompt__version=v) for n, v in enumerate(versions)])
    assert releases(lens, "value_before, value, share") == [("v1", "v2", 1.0), ("v2", "v1", 1.0)]
    routed = [asked(n, model="big" if n % 2 else "small") for n in range(40)]
    ((value, share),) = releases(read_steps(tmp_path / "routed", routed), "value, share")
    assert value == "big" and share == pytest.approx(0.5, abs=0.02)


def stints(versions: Sequence[str]) -> list[tuple[int, str | None, str, int, float]]:
    """Place, version before, version, calls and share of every stint, counted one call after the other."""
    begun: dict[str, list[int]] = {}  # first place, last place and calls of the stint of each version
    found: list[tuple[int, str | None, str, list[int]]] = []
    for place, version in enumerate(versions):
        if version not in begun or place - begun[version][1] > 20:
            begun[version] = [place, place, 0]
            found.append((place, versions[place - 1] if place else None, version, begun[version]))
        begun[version][1:] = [place, begun[version][2] + 1]
    return [(at, old, new, calls, calls / (last - first + 1)) for at, old, new, (first, last, calls) in found]


@pytest.mark.parametrize("seed", range(4))
def test_releases_are_those_a_walk_through_the_calls_finds(tmp_path: Path, seed: int) -> None:
    drawn, steps, expected = random.Random(seed), [], []
    for who in ("lead", "aide", None):
        versions = [v for v in drawn.choices("abc", k=8) for _ in range(drawn.choice([1, 19, 20, 21]))]
        mixed = drawn.randrange(len(versions))
        versions[mixed:] = drawn.choices("ab", k=len(versions) - mixed)
        steps += [
            call(f"{who}{n}", None, n * HOUR, trace=f"{who}{n}", agent=who, gen_ai__prompt__version=version)
            for n, version in enumerate(versions)
        ]
        expected += [(who, *stint) for stint in stints(versions) if stint[1] is not None]
    drawn.shuffle(steps)
    columns = "agent_name, date_diff('hour', TIMESTAMP '2026-01-01', start_time), value_before, value, calls, share"
    found = read_steps(tmp_path, steps).sql(f"SELECT {columns} FROM releases").fetchall()
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_models_parameters_and_programs_have_timelines_of_their_own(tmp_path: Path) -> None:
    changed = {
        "gen_ai__request__temperature": (0.2, 0.9),
        "gen_ai__request__model": ("m-1", "m-2"),
        "gen_ai__agent__version": ("1.0", "1.1"),
        "vcs__ref__head__revision": ("aaaa", "bbbb"),
    }
    steps = [
        asked(n, **{key: values[n >= 3 + place] for place, (key, values) in enumerate(changed.items())})
        for n in range(9)
    ]
    assert releases(read_steps(tmp_path, steps), "kind, value, hour(start_time)") == [
        ("sampling", "temperature=0.9", 3),
        ("request_model", "m-2", 4),
        ("agent_version", "1.1", 5),
        ("commit", "bbbb", 6),
    ]


def test_agents_do_not_share_a_timeline(tmp_path: Path) -> None:
    steps = [asked(n, who="a" if n % 2 else "b", gen_ai__prompt__version="v1" if n % 2 else "v2") for n in range(12)]
    assert releases(read_steps(tmp_path, steps)) == []


@pytest.mark.parametrize("hostile", ["'; DROP TABLE spans; --", '{"broken', "\x1b[31m", "[]", "null", "[1, null, {}]"])
def test_hostile_definitions_break_nothing(tmp_path: Path, hostile: str) -> None:
    steps = [
        asked(n, hostile, **{"gen_ai.tool.definitions": hostile, "llm.invocation_parameters": hostile})
        for n in range(3)
    ]
    assert releases(read_steps(tmp_path, steps)) == []
