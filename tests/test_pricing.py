"""Prices hold for the day of use, tier by tier, offline; what has no exact price has none."""

from __future__ import annotations

import datetime as dt
import socket
from decimal import Decimal
from pathlib import Path

import pytest
from lens_builder import call, read_steps

from agentlens.pricing import find_price, price_models

DAY = dt.date(2026, 4, 14)


def rates(model: str, provider: str | None, day: dt.date = DAY) -> list[tuple[int, str, str | None, str]]:
    """First input token, and USD for a million input, cached and output tokens of each tier."""
    price = find_price(model, provider, day)
    assert price is not None
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
    price = find_price("claude-sonnet-4-5-20250929", None, DAY)
    assert price is not None and price.matched_model == "anthropic/claude-sonnet-4-5"


@pytest.mark.parametrize("provider", ["x_ai", "azure.ai.inference", "gcp.gen_ai", "aws.bedrock", "gcp.vertex_ai"])
def test_providers_are_known_by_the_names_of_the_conventions(provider: str) -> None:
    model = {
        "x_ai": "grok-4",
        "azure.ai.inference": "gpt-4o",
        "aws.bedrock": "anthropic.claude-3-5-sonnet-20240620-v1:0",
    }
    assert find_price(model.get(provider, "gemini-2.5-pro"), provider, DAY) is not None


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
    assert find_price(model, provider, DAY) is None


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
    price = find_price("gpt-4o-mini", "openai", DAY)
    assert price is not None
    assert price.tiers[0].usd_per_million["cache_read_usd_per_million"] == Decimal("0.075")
