"""Versions are read off the log: what an agent was made of, and when that changed."""

from __future__ import annotations

import json
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
