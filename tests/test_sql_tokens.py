"""The ledger counts every call once: each trap by hand, and all of them together against plain Python."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lens_builder import Step, agent, call, read_steps, said, step, tool

from agentlens import Lens
from agentlens._catalog import library
from agentlens._finish import judge_usage


def judged(lens: Lens) -> dict[str, tuple[str, bool]]:
    """Role and verdict of every record, by span name."""
    query = "SELECT s.name, role, is_counted FROM usage_ledger JOIN spans AS s USING (preorder)"
    return {name: (role, counted) for name, role, counted in lens.sql(query).fetchall()}


def total(lens: Lens) -> tuple[int, int]:
    query = "SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT FROM usage_ledger WHERE is_counted"
    return lens.sql(query).fetchall()[0]


def test_the_total_on_an_agent_does_not_count_beside_its_calls(tmp_path: Path) -> None:
    steps = [
        agent("run", input_tokens=2150, output_tokens=30),
        call("c1", "run", 1, input_tokens=1000, output_tokens=10),
        call("c2", "run", 2, input_tokens=1150, output_tokens=20),
    ]
    lens = read_steps(tmp_path, steps)
    assert judged(lens) == {"run": ("rollup", False), "c1": ("leaf", True), "c2": ("leaf", True)}
    assert total(lens) == (2150, 30)


def test_a_total_that_is_neither_zero_nor_the_sum_does_not_count_either(tmp_path: Path) -> None:
    steps = [
        agent("run", input_tokens=44, output_tokens=180),
        call("c1", "run", 1, input_tokens=293, output_tokens=106),
    ]
    assert total(read_steps(tmp_path, steps)) == (293, 106)


def test_one_call_logged_by_two_instrumentations_counts_once(tmp_path: Path) -> None:
    steps = [
        call("call_llm", None, 0, 9, input_tokens=2012, output_tokens=4),
        step("http", "call_llm", 0, 8),
        call("openai.chat", "http", 1, 7, input_tokens=2012, output_tokens=4),
    ]
    lens = read_steps(tmp_path, steps)
    assert judged(lens) == {"call_llm": ("re-emit", False), "openai.chat": ("leaf", True)}


def test_of_generations_in_one_another_one_counts_and_never_the_sum(tmp_path: Path) -> None:
    steps = [
        call("outer", None, 0, 9, input_tokens=7, output_tokens=3),
        call("inner", "outer", 1, 2, input_tokens=5, output_tokens=2),
    ]
    assert total(read_steps(tmp_path, steps)) == (5, 2)


def test_totals_of_agents_without_logged_calls_each_count(tmp_path: Path) -> None:
    """smolagents with a custom model logs no calls, and a manager's total leaves out the agents it manages."""
    steps = [
        agent("manager", input_tokens=600, output_tokens=60),
        agent("managed", "manager", 1, 5, input_tokens=400, output_tokens=40),
    ]
    lens = read_steps(tmp_path, steps)
    assert judged(lens) == {"manager": ("rollup", True), "managed": ("rollup", True)}
    assert total(lens) == (1000, 100)


def test_a_total_over_a_workflow_never_counts_beside_what_it_totals(tmp_path: Path) -> None:
    steps = [
        step("flow", None, 0, 10, operation="invoke_workflow", input_tokens=600, output_tokens=60),
        agent("run", "flow", 1, 5, input_tokens=600, output_tokens=60),
    ]
    assert judged(read_steps(tmp_path, steps)) == {"flow": ("rollup", False), "run": ("rollup", True)}


def test_a_total_counts_where_nothing_below_it_has_usage(tmp_path: Path) -> None:
    steps = [agent("run", input_tokens=500, output_tokens=5), call("c1", "run", 1), call("c2", "run", 2)]
    assert total(read_steps(tmp_path, steps)) == (500, 5)


def test_the_usage_on_a_tool_call_that_runs_an_agent_does_not_count_beside_the_agent(tmp_path: Path) -> None:
    steps = [
        tool("Task", "nobody", 0, 9, input_tokens=90, output_tokens=9),
        agent("helper", "Task", 1, 8),
        call("c1", "helper", 2, input_tokens=70, output_tokens=7),
        call("c2", "helper", 3, input_tokens=90, output_tokens=9),
    ]
    assert total(read_steps(tmp_path, steps)) == (160, 16)


def mark(lens: Lens, column: str, values: dict[str, Any]) -> Lens:
    """Set what loaders of other formats fill."""
    given = {"names": list(values), "values": list(values.values())}
    if values:
        told = "(SELECT unnest($names) AS name, unnest($values) AS value) AS told"
        lens._con.execute(f"UPDATE spans SET {column} = value FROM {told} WHERE spans.name = told.name", given)
    judge_usage(lens._con)
    return lens


def test_a_call_met_again_counts_once_and_the_record_with_most_output_stays(tmp_path: Path) -> None:
    """Claude Code: streaming snapshots, resumed and forked sessions repeat a call with less or the same usage."""
    steps = [
        call("partial", None, 0, input_tokens=100, output_tokens=1),
        call("final", None, 1, input_tokens=100, output_tokens=80),
        call("resumed", None, 2, trace="other session", input_tokens=100, output_tokens=80),
        call("another", None, 3, input_tokens=100, output_tokens=80),
    ]
    lens = mark(
        read_steps(tmp_path, steps), "usage_key", {"partial": "m1", "final": "m1", "resumed": "m1", "another": "m2"}
    )
    assert judged(lens) == {
        "partial": ("re-emit", False),
        "final": ("leaf", True),
        "resumed": ("fork prefix", False),
        "another": ("leaf", True),
    }
    assert total(lens) == (200, 160)


def test_a_call_met_again_in_another_file_is_a_replay(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [call("a", None, 0, input_tokens=5), call("b", None, 1, input_tokens=5)])
    mark(lens, "usage_key", {"a": "m", "b": "m"})
    mark(lens, "source_id", {"b": 77})
    assert judged(lens) == {"a": ("leaf", True), "b": ("replay", False)}


def test_a_repeat_inside_the_call_it_repeats_leaves_one_of_them(tmp_path: Path) -> None:
    lens = read_steps(
        tmp_path, [call("outer", None, 0, 9, input_tokens=5), call("inner", "outer", 1, 2, input_tokens=5)]
    )
    assert total(mark(lens, "usage_key", {"outer": "m", "inner": "m"}))[0] == 5


def test_a_running_total_counts_by_its_last_value_and_only_where_nothing_else_does(tmp_path: Path) -> None:
    steps = [
        agent("run"),
        *(call(f"t{n}", "run", n, input_tokens=100 * n, output_tokens=n) for n in (1, 2, 3)),
        agent("other run", None, trace="b"),
        call("sum", "other run", 1, trace="b", input_tokens=900, output_tokens=9),
        call("delta", "other run", 2, trace="b", input_tokens=400, output_tokens=4),
    ]
    lens = mark(read_steps(tmp_path, steps), "usage_scope", dict.fromkeys(["t1", "t2", "t3", "sum"], "cumulative"))
    assert total(lens) == (300 + 400, 3 + 4)
    assert judged(lens)["t3"] == ("cumulative", True)


def test_every_record_says_by_which_rule_it_was_judged(tmp_path: Path) -> None:
    steps = [agent("run", input_tokens=1), call("c", "run", 1, input_tokens=1), call("c2", "run", 2)]
    lens = read_steps(tmp_path, steps)
    rows = lens.sql("SELECT rule, is_counted FROM usage_ledger ORDER BY preorder").fetchall()
    assert rows == [("total of calls that are counted below", False), ("a call with no metered call inside", True)]


class Record(NamedTuple):
    """A random span with or without usage."""

    index: int
    parent: int
    kind: str
    tokens: int | None
    key: str | None


@st.composite
def lists_of_records(draw: st.DrawFn) -> list[Record]:
    records = []
    for index in range(draw(st.integers(1, 40))):
        parent = draw(st.integers(-1, index - 1))
        kind = draw(st.sampled_from(["chat", "chat", "invoke_agent", "invoke_workflow", "execute_tool", "plumbing"]))
        tokens = draw(st.none() | st.integers(0, 1000))
        key = draw(st.none() | st.sampled_from("abc")) if kind == "chat" and tokens is not None else None
        records.append(Record(index, parent, kind, tokens, key))
    return records


def plainly_counted(records: list[Record]) -> set[int]:
    """The rules of the ledger in plain words."""

    def is_below(low: Record, high: Record) -> bool:
        while low.parent >= 0:
            low = records[low.parent]
            if low is high:
                return True
        return False

    metered = [r for r in records if r.tokens is not None]
    best = {r.key: max((o for o in metered if o.key == r.key), key=lambda o: o.tokens or 0) for r in metered if r.key}
    told_once = [r for r in metered if not r.key or best[r.key].tokens == r.tokens]
    counted = set()
    for record in told_once:
        below = [o for o in told_once if is_below(o, record)]
        calls = [o for o in below if o.kind in ("chat", "plumbing")]
        if not (calls if record.kind in ("chat", "plumbing", "invoke_agent") else below):
            counted.add(record.index)
    return counted


@settings(max_examples=4)
@given(st.lists(lists_of_records(), min_size=10, max_size=10))
def test_the_ledger_agrees_with_its_rules_in_plain_python(forests: list[list[Record]]) -> None:
    """Ten runs a log. Keys are only given where their records differ in output, so that the choice is forced."""
    expected, steps, keys = set(), [], {}
    for run, records in enumerate(forests):
        seen: set[tuple[str | None, int | None]] = set()
        for number, record in enumerate(records):
            if record.key and (record.key, record.tokens) in seen:
                records[number] = record._replace(key=None)
            seen.add((record.key, record.tokens))
        expected |= {f"{run}/{index}" for index in plainly_counted(records)}
        keys |= {f"{run}/{r.index}": f"{run}/{r.key}" for r in records if r.key}
        steps += [
            step(
                f"{run}/{r.index}",
                None if r.parent < 0 else f"{run}/{r.parent}",
                r.index,
                100 - r.index,
                trace=f"run {run}",
                operation=None if r.kind == "plumbing" else r.kind,
                input_tokens=r.tokens,
                output_tokens=r.tokens,
            )
            for r in records
        ]
    with tempfile.TemporaryDirectory() as folder, read_steps(Path(folder), steps) as lens:
        mark(lens, "usage_key", keys)
        assert {name for name, (_, counted) in judged(lens).items() if counted} == expected


def priced(steps: list[Step], folder: Path) -> list[tuple[Any, ...]]:
    query = "SELECT cost_usd, cost_source, cost_nano_usd FROM usage_ledger WHERE is_counted ORDER BY start_time"
    return read_steps(folder, steps).sql(query).fetchall()


def test_cost_takes_cached_tokens_at_their_own_price(tmp_path: Path) -> None:
    """gpt-4.1: 2 USD in, 0.50 cached, 8 out, a million: 600 x 2 + 400 x 0.5 + 100 x 8 = 2200 millionths."""
    one = call("c", model="gpt-4.1", provider="openai", input_tokens=1000, cache_read=400, output_tokens=100)
    assert priced([one], tmp_path) == [(0.0022, "computed", 2_200_000)]


def test_a_dearer_tier_reprices_the_whole_call(tmp_path: Path) -> None:
    """claude-sonnet-4-5: 3 in, 15 out up to 200,000 input tokens, above that 6 and 22.50 for all of the call."""
    steps = [
        call(
            f"c{size}",
            None,
            size,
            provider="anthropic",
            model="claude-sonnet-4-5",
            input_tokens=size,
            output_tokens=1000,
        )
        for size in (200_000, 200_001)
    ]
    assert priced(steps, tmp_path) == [(0.615, "computed", 615_000_000), (1.222506, "computed", 1_222_506_000)]


def test_a_write_to_the_one_hour_cache_costs_more(tmp_path: Path) -> None:
    """claude-sonnet-4-5: 3.75 for five minutes, 6 for an hour: 400 x 3.75 + 600 x 6 = 5100 millionths."""
    steps = [
        call("c", provider="anthropic", model="claude-sonnet-4-5", input_tokens=1000, cache_write=1000, output_tokens=0)
    ]
    lens = read_steps(tmp_path, steps)
    usage = '{"usage": {"cache_creation": {"ephemeral_1h_input_tokens": 600, "ephemeral_5m_input_tokens": 400}}}'
    mark(lens, "attributes", {"c": usage})
    query = "SELECT cost_usd, cache_write_1h_input_tokens FROM usage_ledger"
    assert lens.sql(query).fetchall() == [(0.0051, 600)]


def test_an_unknown_model_is_unpriced_and_never_free(tmp_path: Path) -> None:
    steps = [call("c", provider="openai", model="gpt-99-ultra", input_tokens=1000, output_tokens=10)]
    assert priced(steps, tmp_path / "a") == [(None, "unpriced", None)]
    query = "SELECT cost_usd, unpriced FROM token_usage_by_agent"
    assert read_steps(tmp_path / "b", steps).sql(query).fetchall() == [(None, 1)]


def test_a_reported_cost_stands_where_no_price_is_known_and_beside_a_computed_one(tmp_path: Path) -> None:
    lens = read_steps(
        tmp_path,
        [
            call("c1", None, 1, provider="openai", model="house-model", input_tokens=10),
            call("c2", None, 2, provider="openai", model="gpt-4.1", input_tokens=1_000_000, output_tokens=0),
        ],
    )
    mark(lens, "reported_cost_usd", {"c1": 0.25, "c2": 1.5})
    query = "SELECT cost_usd, cost_source, reported_cost_usd FROM usage_ledger ORDER BY start_time"
    assert lens.sql(query).fetchall() == [(0.25, "reported", 0.25), (2.0, "computed", 1.5)]


def test_cost_below_a_metered_call_belongs_to_it(tmp_path: Path) -> None:
    lens = read_steps(
        tmp_path,
        [call("c", None, 0, 9, provider="openai", model="gpt-4.1", input_tokens=10), step("billing", "c", 1, 2)],
    )
    mark(lens, "reported_cost_usd", {"billing": 5.0})
    assert judged(lens) == {"c": ("leaf", True), "billing": ("leaf", False)}


def test_forged_counts_do_not_count_and_break_no_view(tmp_path: Path) -> None:
    gpt = {
        "provider": "openai",
        "model": "gpt-4.1",
        "agent": "a",
        "conversation": "k",
        "inputs": said("x" * 2000),
        "outputs": said("y" * 2000),
    }
    steps = [
        call(f"c{n}", None, 400 * n, input_tokens=5, output_tokens=5, cache_read=1, cache_write=1, **gpt)
        for n in range(6)
    ]
    lens = read_steps(tmp_path, steps)
    for number, column in enumerate(
        ("input_tokens", "output_tokens", "cache_read_input_tokens", "reasoning_output_tokens")
    ):
        mark(lens, column, {f"c{number}": (-1) ** number * 2**62})
    mark(lens, "usage_key", dict.fromkeys(("c0", "c5"), "same"))
    assert total(lens) == (10, 10)
    rule = "a number of tokens that no call can have"
    assert lens.sql(
        "SELECT count(*) FROM usage_ledger WHERE NOT is_counted AND rule = $rule", rule=rule
    ).fetchall() == [(4,)]
    views = [
        item.name
        for module in library()
        if module.name.startswith("tokens.")
        for item in module.objects
        if item.kind == "VIEW"
    ]
    assert len(views) > 15
    for view in [
        *views,
        "traces",
        "lens_summary",
        "agent_health",
        "token_burn('hour')",
        "token_what_if(cache := '1 h')",
    ]:
        lens.sql(f"FROM {view}").fetchall()


@pytest.mark.parametrize("seed", [1, 2])
def test_how_a_log_is_split_and_ordered_does_not_change_what_it_totals(tmp_path: Path, seed: int) -> None:
    steps = [
        agent("run", input_tokens=99),
        *(call(f"c{n}", "run", n, input_tokens=n, output_tokens=1) for n in range(20)),
    ]
    whole = total(read_steps(tmp_path / "whole", steps))
    random.Random(seed).shuffle(steps)
    (tmp_path / "parts" / "a").mkdir(parents=True)
    read_steps(tmp_path / "parts" / "a", steps[:7]).close()
    read_steps(tmp_path / "parts" / "b", steps[5:]).close()
    import agentlens as al

    assert total(al.read(tmp_path / "parts", progress=False)) == whole == (190, 20)


def test_the_views_over_the_ledger_share_one_total(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        agent("helper", "lead", 10, 20),
        call("c1", "lead", 1, provider="openai", model="gpt-4.1", input_tokens=1000, output_tokens=10, cache_read=500),
        call("c2", "helper", 11, provider="openai", model="gpt-4o-mini", input_tokens=3000, output_tokens=90),
    ]
    lens = read_steps(tmp_path, steps)
    expected = [(4000, 100)]
    for view in ("token_usage_by_agent", "token_usage_by_model", "token_cost_by_day", "traces"):
        assert (
            lens.sql(f"SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT FROM {view}").fetchall() == expected
        )
    assert lens.sql("SELECT agent_name, token_share FROM token_usage_by_agent ORDER BY 1").fetchall() == [
        ("helper", 3090 / 4100),
        ("lead", 1010 / 4100),
    ]
    costs = [
        lens.sql(f"SELECT round(sum(cost_usd), 9) FROM {v}").fetchall()[0][0]
        for v in ("traces", "token_usage_by_model")
    ]
    assert costs == [0.001834, 0.001834]  # (500 x 2 + 500 x 0.5 + 10 x 8 + 3000 x 0.15 + 90 x 0.6) millionths
