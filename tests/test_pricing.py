"""Prices hold for the day of use, tier by tier, offline; what has no exact price has none."""

from __future__ import annotations

import datetime as dt
import socket
from decimal import Decimal
from pathlib import Path

import pytest
from lens_builder import EPOCH_NS, Step, agent, call, read_steps

import agentlens as al
from agentlens._errors import AgentLensError
from agentlens._own_prices import OwnPrices
from agentlens.pricing import find_prices, price_models

DAY = dt.date(2026, 4, 14)


def rates(model: str, provider: str | None, day: dt.date = DAY) -> list[tuple[int, str, str | None, str]]:
    """First input token, and USD for a million input, cached and output tokens of each tier."""
    [price] = find_prices(model, provider, day)
    rows = []
    for tier in price.tiers:
        usd = tier.usd_per_million
        cached = usd["cache_read_usd_per_million"]
        rows.append(
            (
                tier.start,
                str(usd["input_usd_per_million"]),
                None if cached is None else str(cached),
                str(usd["output_usd_per_million"]),
            )
        )
    return rows


@pytest.mark.parametrize(
    ("model", "provider", "expected"),
    [
        ("gpt-4.1-2025-04-14", "openai", [(0, "2", "0.5", "8")]),
        ("gpt-4o-mini", "openai", [(0, "0.15", "0.075", "0.6")]),
        ("gpt-5-mini-2025-08-07", "openai", [(0, "0.25", "0.025", "2")]),
        ("claude-haiku-4-5-20251001", "anthropic", [(0, "1", "0.1", "5")]),
        ("claude-sonnet-4-5", "anthropic", [(0, "3", "0.3", "15"), (200_001, "6", "0.6", "22.5")]),
        ("gemini-2.5-pro", "gcp.gemini", [(0, "1.25", "0.125", "10"), (200_001, "2.5", "0.25", "15")]),
    ],
)
def test_prices_are_those_of_the_providers_lists(
    model: str, provider: str, expected: list[tuple[int, str, str, str]]
) -> None:
    assert rates(model, provider) == expected


def test_a_price_is_that_of_the_day_of_use() -> None:
    """o3 became five times cheaper on 10 June 2025."""
    assert rates("o3", "openai", dt.date(2025, 6, 9)) == [(0, "10", "0.5", "40")]
    assert rates("o3", "openai", dt.date(2025, 6, 10)) == [(0, "2", "0.5", "8")]


def test_a_model_named_without_its_provider_is_found_by_name() -> None:
    [price] = find_prices("claude-sonnet-4-5-20250929", None, DAY)
    assert price.matched_model == "anthropic/claude-sonnet-4-5"


@pytest.mark.parametrize("provider", ["x_ai", "azure.ai.inference", "gcp.gen_ai", "aws.bedrock", "gcp.vertex_ai"])
def test_providers_are_known_by_the_names_of_the_conventions(provider: str) -> None:
    model = {
        "x_ai": "grok-4",
        "azure.ai.inference": "gpt-4o",
        "aws.bedrock": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    }
    assert find_prices(model.get(provider, "gemini-2.5-pro"), provider, DAY)


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-99", "openai"),
        ("gpt-4.1-custom", "openai"),  # never another model's price by likeness
        ("llama3", "ollama"),  # a model at home
        ("gpt-4.1", "a provider of one's own"),
        ("sonar-pro", "perplexity"),  # also bills requests
        ("", None),
    ],
)
def test_what_has_no_exact_price_has_none(model: str, provider: str | None) -> None:
    assert find_prices(model, provider, DAY) == []


def test_pricing_twice_adds_nothing_and_touches_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("prices are offline data")

    monkeypatch.setattr(socket, "create_connection", no_network)
    monkeypatch.setattr(socket.socket, "connect", no_network)
    steps = [
        call("c1", None, 0, provider="openai", model="gpt-4.1", input_tokens=1),
        call("c2", None, 90_000, provider="openai", model="gpt-4.1", input_tokens=1),
        call("c3", None, 0, provider="anthropic", model="claude-sonnet-4-5", input_tokens=1),
        call("c4", None, 0, provider="openai", model="unheard-of", input_tokens=1),
    ]
    lens = read_steps(tmp_path, steps)
    query = "SELECT model, date::VARCHAR, tier_start_input_tokens, input_usd_per_million FROM token_prices ORDER BY ALL"
    expected = [
        ("claude-sonnet-4-5", "2026-01-01", 0, 3.0),
        ("claude-sonnet-4-5", "2026-01-01", 200_001, 6.0),
        ("gpt-4.1", "2026-01-01", 0, 2.0),
        ("gpt-4.1", "2026-01-02", 0, 2.0),
    ]
    assert lens.sql(query).fetchall() == expected
    price_models(lens._con)
    assert lens.sql(query).fetchall() == expected


def test_prices_are_decimals_until_they_are_stored() -> None:
    [price] = find_prices("gpt-4o-mini", "openai", DAY)
    assert price.tiers[0].usd_per_million["cache_read_usd_per_million"] == Decimal("0.075")


def test_a_price_that_changes_within_the_day_is_that_of_the_hour_of_use(tmp_path: Path) -> None:
    """deepseek-chat was 0.27 in and 1.10 out from 00:30 to 16:30 UTC, and half of that at night."""
    day = dt.datetime(2025, 5, 1, tzinfo=dt.UTC).timestamp() - EPOCH_NS / 1e9
    hours = {"00:29:59": 0.135 + 0.055, "00:30:00": 0.27 + 0.11, "16:29:59": 0.27 + 0.11, "16:30:00": 0.135 + 0.055}
    steps = [
        call(at, None, day + sum(int(n) * 60**i for i, n in zip((2, 1, 0), at.split(":"))), model="deepseek-chat",
             provider="deepseek", input_tokens=1_000_000, output_tokens=100_000)
        for at in hours
    ]  # fmt: skip
    lens = read_steps(tmp_path, steps)
    rows = lens.sql("SELECT name, cost_usd FROM usage_ledger JOIN spans USING (preorder)").fetchall()
    assert dict(rows) == pytest.approx(hours)


def test_calls_served_in_another_tier_cost_what_that_tier_costs(tmp_path: Path) -> None:
    """gpt-4.1 in October 2026: plain 2 in and 8 out; fast 3.5 and 14; batch half; what was asked for and not given costs the plain price."""
    start = dt.datetime(2026, 10, 20, tzinfo=dt.UTC).timestamp() - EPOCH_NS / 1e9
    told: dict[str, dict[str, str]] = {
        "plain": {},
        "default": {"openai__response__service_tier": "default"},
        "batch": {"openai__response__service_tier": "batch"},
        "fast": {"openai__request__service_tier": "fast"},
        "refused": {"openai__request__service_tier": "fast", "openai__response__service_tier": "default"},
    }
    steps = [
        call(name, None, start, model="gpt-4.1", provider="openai", input_tokens=1_000_000, output_tokens=100_000, **more)
        for name, more in told.items()
    ]  # fmt: skip
    lens = read_steps(tmp_path, steps)
    rows = lens.sql("SELECT name, cost_usd, service_tier FROM usage_ledger JOIN spans USING (preorder)").fetchall()
    assert {name: (cost, tier) for name, cost, tier in rows} == {
        "plain": (2.8, None), "default": (2.8, None), "batch": (1.4, "batch"), "fast": (4.9, "fast"), "refused": (2.8, None)
    }  # fmt: skip


def test_a_call_without_a_time_costs_what_it_cost_on_the_day_of_its_run(tmp_path: Path) -> None:
    """o3 cost 10 USD a million until 9 June 2025."""
    day = (dt.datetime(2025, 6, 1, tzinfo=dt.UTC).timestamp() * 1_000_000_000 - EPOCH_NS) / 1e9
    steps = [agent("run", None, day, day + 9), call("c", "run", model="o3", provider="openai", input_tokens=1_000_000)]
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        del steps[1][name]
    lens = read_steps(tmp_path, steps)
    query = "SELECT cost_usd, start_time, used_at::VARCHAR FROM usage_ledger"
    assert lens.sql(query).fetchall() == [(10.0, None, "2025-06-01 00:00:00")]
    assert lens.sql("SELECT date::VARCHAR FROM token_cost_by_day").fetchall() == [("2025-06-01",)]


@pytest.mark.parametrize(
    ("model", "provider", "matched"),
    [
        ("openai/gpt-4o-2024-08-06", None, "openai/gpt-4o"),
        ("openrouter/anthropic/claude-3.5-sonnet", None, "openrouter/anthropic/claude-3.5-sonnet"),
        ("mistral/mistral-small-latest", "mistral", "mistral/mistral-small-latest"),
        ("projects/p/locations/l/publishers/google/models/gemini-2.5-flash", None, "google/gemini-2.5-flash"),
        ("mistralai/mistral-small-latest", None, None),  # the name of weights that anyone may run
        ("proxy/gpt-4o", None, None),
        ("openai/gpt-4o", "a gateway", None),
    ],
)
def test_names_that_hold_their_maker_are_known_by_it(model: str, provider: str | None, matched: str | None) -> None:
    assert [price.matched_model for price in find_prices(model, provider, DAY)] == ([matched] if matched else [])


# --- prices of one's own -------------------------------------------------------------------------------------------------

OWN = """
aliases:
  house-large: anthropic/claude-sonnet-4-5
prices:
  - {model: house, input: 1, output: 10}
  - {model: house, from: 2026-01-02, input: 2.5, cache_read: 0.25, output: 20}
  - {model: house, from: 2026-01-02, above: 1000, input: 5, output: 40}
  - {model: gpt-4.1, provider: openai, input: 0.000001, output: 0}
"""


def own_prices(folder: Path, text: str = OWN) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "prices.yaml"
    path.write_text(text)
    return path


def priced_with(folder: Path, steps: list[Step], prices: Path) -> list[tuple[object, ...]]:
    read_steps(folder / "logs", steps).close()
    with al.read(folder / "logs", prices=prices, progress=False) as lens:
        query = "SELECT cost_nano_usd, matched_model FROM usage_ledger ORDER BY start_time"
        return lens.sql(query).fetchall()


def test_prices_of_ones_own_go_before_the_list_and_hold_from_their_day(tmp_path: Path) -> None:
    """1000 x 1 + 10 x 10; the next day 600 x 2.5 + 400 x 0.25 + 10 x 20; above 1000 tokens 1001 x 5 + 10 x 40."""
    steps = [
        call("day 1", None, 0, model="house", input_tokens=1000, cache_read=400, output_tokens=10),
        call("day 2", None, 90_000, model="house", input_tokens=1000, cache_read=400, output_tokens=10),
        call("large", None, 90_001, model="house", input_tokens=1001, output_tokens=10),
        call("listed", None, 90_002, model="gpt-4.1", provider="openai", input_tokens=1_000_000, output_tokens=10),
    ]
    assert priced_with(tmp_path, steps, own_prices(tmp_path)) == [
        (1_100_000, "own prices/house"),
        (1_800_000, "own prices/house"),
        (5_405_000, "own prices/house"),
        (1_000, "own prices/gpt-4.1"),
    ]


def test_an_alias_names_the_model_of_the_price_list_and_is_shown(tmp_path: Path) -> None:
    """claude-sonnet-4-5: 1000 x 3 + 10 x 15."""
    steps = [call("c", model="house-large", provider="gateway", input_tokens=1000, output_tokens=10)]
    assert priced_with(tmp_path, steps, own_prices(tmp_path)) == [(3_150_000, "anthropic/claude-sonnet-4-5")]


def test_a_lens_keeps_its_prices_and_takes_new_ones(tmp_path: Path) -> None:
    steps = [call("c", model="house", input_tokens=1000, output_tokens=0)]
    read_steps(tmp_path / "logs", steps).close()
    case, query = tmp_path / "case.duckdb", "SELECT cost_usd FROM usage_ledger ORDER BY start_time"
    al.read(tmp_path / "logs", into=case, prices=own_prices(tmp_path), progress=False).close()
    read_steps(tmp_path / "logs" / "more", [call("d", None, 5, model="house", input_tokens=2000)]).close()
    with al.read(tmp_path / "logs", into=case, progress=False) as lens:
        assert lens.sql(query).fetchall() == [(0.001,), (0.002,)]
    dearer = own_prices(tmp_path / "dear", "prices: [{model: house, input: 10, output: 1}]")
    with al.read(case, prices=dearer) as lens:
        assert lens.sql(query).fetchall() == [(0.01,), (0.02,)]


@pytest.mark.parametrize(
    "text",
    [
        "", "[1]", "price: []", "prices: {a: 1}", "prices: [{input: 1}]", "prices: [{model: a, inputs: 1}]",
        "prices: [{model: a, input: free}]", "prices: [{model: a, input: -1}]", "prices: [{model: a, output: 1}]",
        "prices: [{model: a, input: 1, from: someday}]", "prices: [{model: a, input: 1, above: few}]", "aliases: [a]",
        "prices: [{model: a, input: .nan}]", "a: &a [*a]", "\x00",
    ],
)  # fmt: skip
def test_what_is_no_price_file_is_refused_with_an_example_or_the_reason(text: str, tmp_path: Path) -> None:
    with pytest.raises(AgentLensError, match=r"prices\.yaml"):
        OwnPrices.from_yaml(own_prices(tmp_path, text))


PRICE_CHANGES = [
    # Each by hand from the provider's list: 1,000,000 input and 100,000 output tokens the day before and after.
    ("o3", "openai", "2025-06-10", 10 + 4, 2 + 0.8),
    ("ministral-8b-latest", "mistral", "2025-12-02", 0.1 + 0.01, 0.15 + 0.015),
    ("mistral-small-latest", "mistral", "2026-03-16", 0.1 + 0.03, 0.15 + 0.06),
    ("mistral-medium-latest", "mistral", "2026-06-16", 0.4 + 0.2, 1.5 + 0.75),
    ("claude-sonnet-4-6", "anthropic", "2026-03-13", 6 + 2.25, 3 + 1.5),
    ("grok-4.20", "x_ai", "2026-04-30", 4 + 1.2, 2.5 + 0.5),
]


def test_money_across_a_price_change_is_that_of_the_day_of_use(tmp_path: Path) -> None:
    steps, expected = [], {}
    for model, provider, change, before, after in PRICE_CHANGES:
        moment = (dt.datetime.fromisoformat(f"{change}T12:00:00+00:00").timestamp() * 1_000_000_000 - EPOCH_NS) / 1e9
        for day, usd in ((-1, before), (0, after)):
            name, tokens = f"{model} {day}", {"input_tokens": 1_000_000, "output_tokens": 100_000}
            steps.append(call(name, None, moment + 86_400 * day, model=model, provider=provider, **tokens))
            expected[name] = round(usd * 1_000_000_000)
    query = "SELECT name, cost_nano_usd FROM usage_ledger JOIN spans USING (preorder)"
    assert dict(read_steps(tmp_path, steps).sql(query).fetchall()) == expected
