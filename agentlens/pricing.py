"""Tokens to money: fills `token_prices` from the user's own prices and genai-prices, by model and moment of use, offline.

`genai-prices` carries dated prices in the package; nothing is fetched. A tier reprices the whole call (that is how the
providers bill and how the library computes), so each tier is a row of its own that holds for calls of its size. A price
that changes within the day has rows for each stretch of it, and one that differs by tier of service (batch, flex,
priority, fast) has rows for each tier that the log names. A model that also bills what a log does not count
(requests, pictures, speech, reasoning at another rate), or whose provider the list does not know, gets no row: it is
*unpriced*, never 0.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from agentlens._errors import AgentLensError
from agentlens._own_prices import OwnPrice, OwnPrices

if TYPE_CHECKING:
    import duckdb
    from genai_prices.types import ModelInfo, ModelPrice, Provider

    from agentlens._lens import Lens

# Column of token_prices -> the key of the price list.
PRICE_KEYS = {
    "input_usd_per_million": "input_mtok",
    "cache_read_usd_per_million": "cache_read_mtok",
    "cache_write_usd_per_million": "cache_write_mtok",
    "cache_write_1h_usd_per_million": "cache_write_1h_mtok",
    "output_usd_per_million": "output_mtok",
}
# What would be billed beside these tokens, or at another rate within them, and stands in no log.
UNCOUNTED_KEYS = (
    "requests_kcount",
    "output_reasoning_mtok",
    "output_citation_mtok",
    "output_image_mtok",
    "output_audio_mtok",
    "output_video_mtok",
)
# Names of the conventions that the price list does not know.
PROVIDER_ALIASES = {
    "azure.ai.inference": "azure",
    "az.ai.inference": "azure",
    "gcp.gen_ai": "google",
    "x_ai": "x-ai",
    "xai": "x-ai",
}

_UNPRICED = """
SELECT *
FROM (
  SELECT DISTINCT
    coalesce(response_model, request_model) AS model, provider_name, coalesce(start_time, run_time)::DATE AS date,
    _service_tier(attributes) AS service_tier
  FROM spans
  LEFT JOIN _run_times USING (trace_id, root_span_id)
  WHERE coalesce(response_model, request_model) IS NOT NULL
    AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)
) AS met
WHERE NOT EXISTS (
  FROM token_prices AS p
  WHERE p.model = met.model AND p.provider_name IS NOT DISTINCT FROM met.provider_name
    AND p.date IS NOT DISTINCT FROM met.date AND p.service_tier IS NOT DISTINCT FROM met.service_tier
)
"""

_USED = """
SELECT DISTINCT model, provider_name, used_at::DATE, service_tier
FROM usage_ledger
WHERE is_counted AND model IS NOT NULL
"""
NOON, MIDNIGHT = datetime.time(12), datetime.time(0)
_PUBLISHED = re.compile(r"publishers/(?P<publisher>[^/]+)/models/(?P<model>[^/]+)$")
CACHES = ("as logged", "none", "5 min", "1 h")


class Tier(NamedTuple):
    """Prices in USD for a million tokens that hold for calls with at least `start` input tokens."""

    start: int
    usd_per_million: dict[str, Decimal | None]


class Price(NamedTuple):
    """What a model costs on a day from a time on: the entry of the price list that was matched, and its tiers."""

    matched_model: str
    tiers: list[Tier]
    from_time: datetime.time = MIDNIGHT


def price_models(con: duckdb.DuckDBPyConnection, own: OwnPrices | None = None) -> None:
    """Add the prices of every model, provider and day met in `spans` that `token_prices` does not have yet.

    Prices of one's own go before the price list, and are kept in the lens for what is read into it later; `own` replaces
    those it has, and prices everything anew.
    """
    if own is not None:
        con.execute("DELETE FROM token_prices")
        con.execute("DELETE FROM lens_properties WHERE name = 'prices'")
        con.execute("INSERT INTO lens_properties VALUES ('prices', $prices)", {"prices": own.to_json()})
    settled = _kept_prices(con)
    met = con.execute(_UNPRICED).fetchall()
    rows = [row for model, provider, date, tier in met for row in _rows(model, provider, date, tier, settled)]
    _add_prices(con, rows)


def _kept_prices(con: duckdb.DuckDBPyConnection) -> OwnPrices:
    kept = con.execute("SELECT value FROM lens_properties WHERE name = 'prices'").fetchall()
    return OwnPrices.from_json(kept[0][0]) if kept else OwnPrices()


def _add_prices(con: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> None:
    if rows:
        import pyarrow as pa

        columns = {name: [row[name] for row in rows] for name in rows[0]}
        con.register("arriving_prices", pa.table(columns))
        con.execute("INSERT INTO token_prices BY NAME FROM arriving_prices")
        con.unregister("arriving_prices")


def what_if(
    lens: Lens,
    *,
    model: str | None = None,
    provider: str | None = None,
    date: datetime.date | str | None = None,
    cache: str = "as logged",
    without_rereads: bool = False,
) -> duckdb.DuckDBPyRelation:
    """Return what the same log would have cost under another model, price date or cache lifetime, or without re-reads.

    One row an agent and logged model: `actual_cost_usd`, `low_cost_usd`, `high_cost_usd`, `unpriced`, and `bounds`, which says
    why low and high differ (NULL where the figure is exact). `cache` is `as logged`, `none`, `5 min` or `1 h`. The question
    behind it is the macro `token_what_if`.

    Raises AgentLensError when the price list does not know the model, or `cache` is none of the four.
    """
    if cache not in CACHES:
        raise AgentLensError(f"cache={cache!r}; it may be one of {', '.join(CACHES)}.")
    day = datetime.date.fromisoformat(date) if isinstance(date, str) else date
    _price_hypothesis(lens._con, model, provider, day)
    return lens.sql(
        "FROM token_what_if(other_model := $model, other_provider := $provider, on_date := $date, cache := $cache,"
        " without_rereads := $without_rereads) ORDER BY actual_cost_usd DESC NULLS LAST",
        model=model, provider=provider, date=day, cache=cache, without_rereads=without_rereads,
    )  # fmt: skip


def _price_hypothesis(
    con: duckdb.DuckDBPyConnection, model: str | None, provider: str | None, day: datetime.date | None
) -> None:
    """Add the prices that a question needs to `token_prices`: those of another model, of another day, or both."""
    met = con.execute(_USED).fetchall()
    asked = {
        (model or used, provider if model else used_provider, day or used_day, tier)
        for used, used_provider, used_day, tier in met
    }
    known = set(con.execute("SELECT DISTINCT model, provider_name, date, service_tier FROM token_prices").fetchall())
    own = _kept_prices(con)
    rows = [row for each in sorted(asked - known, key=str) for row in _rows(*each, own)]
    if model is not None and not rows and not asked & known:
        raise AgentLensError(f"The price list knows no model {model!r} of provider {provider!r}.")
    _add_prices(con, rows)


def _rows(
    model: str, provider: str | None, date: datetime.date | None, service_tier: str | None, own: OwnPrices
) -> list[dict[str, Any]]:
    """Return the rows of `token_prices` for a model, one a stretch of the day and tier; none when it has no price."""
    prices = _own_price(own.find(model, provider, date))
    prices = prices or find_prices(*own.resolve(model, provider), date, service_tier)
    key = {"model": model, "provider_name": provider, "date": date, "service_tier": service_tier}
    return [
        {
            **key,
            "from_time": price.from_time,
            "matched_model": price.matched_model,
            "tier_start_input_tokens": tier.start,
            **{name: _float(usd) for name, usd in tier.usd_per_million.items()},
        }
        for price in prices
        for tier in price.tiers
    ]


def _own_price(found: list[OwnPrice]) -> list[Price]:
    """Return the prices of one's own as tiers that hold all day, whatever the service; empty when there are none."""
    if not found:
        return []
    tiers = [
        Tier(each.above + 1 if each.above else 0, {key: each.usd(key) for key in PRICE_KEYS})
        for each in sorted(found, key=lambda each: each.above)
    ]
    return [Price(f"own prices/{found[0].model}", tiers)]


def _float(usd: Decimal | None) -> float | None:
    return None if usd is None else float(usd)


def find_prices(
    model: str, provider: str | None, date: datetime.date | None, service_tier: str | None = None
) -> list[Price]:
    """Return what a model costs on a day, one price for each stretch of it; empty when the price list does not know it exactly.

    Without a date, the price of today at noon is taken for all of the day.
    """
    found_provider, found = _find_model(model, provider)
    if found_provider is None or found is None:
        return []
    matched = f"{found_provider.id}/{found.id}"
    if date is None:
        today = datetime.datetime.now(datetime.UTC).date()
        prices = [Price(matched, _tiers(_prices_at(found, today, NOON, service_tier)))]
    else:
        moments = _changes_within_a_day(found)
        prices = [Price(matched, _tiers(_prices_at(found, date, each, service_tier)), each) for each in moments]
    is_whole = all(price.tiers for price in prices)
    return [price for at, price in enumerate(prices) if is_whole and (at == 0 or price.tiers != prices[at - 1].tiers)]


def _find_model(model: str, provider: str | None) -> tuple[Provider | None, ModelInfo | None]:
    """Return the entry of the price list, under the model's name or the provider and name that its name is made of."""
    from genai_prices.data_snapshot import get_snapshot

    for name, maker in _spellings(model, provider):
        try:
            return get_snapshot().find_provider_model(
                name, None, maker and PROVIDER_ALIASES.get(maker.lower(), maker), None
            )
        except LookupError:
            continue
    return None, None


def _spellings(model: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
    """Yield names and providers that a logged model may mean.

    Routers write `openai/gpt-4o`, and a cloud `publishers/google/models/gemini-2.5-flash`. The maker must be named exactly
    as in the price list: `mistralai/Mistral-7B` is a model that anyone may run.
    """
    from genai_prices.data_snapshot import get_snapshot

    yield model, provider
    if found := _PUBLISHED.search(model):
        yield found["model"], provider or found["publisher"]
    head, slash, name = model.partition("/")
    if slash and provider in (None, head) and any(head == each.id for each in get_snapshot().providers):
        yield name, head


def _changes_within_a_day(model: ModelInfo) -> list[datetime.time]:
    """Return the times of day (UTC) from which another price may hold, midnight first."""
    from genai_prices.types import TimeOfDateConstraint

    entries = model.prices if isinstance(model.prices, list) else []
    hours = [entry.constraint for entry in entries if isinstance(entry.constraint, TimeOfDateConstraint)]
    bounds = {moment for each in hours for moment in (each.start_time, each.end_time)}
    return sorted({MIDNIGHT} | {_in_utc(moment) for moment in bounds})


def _in_utc(moment: datetime.time) -> datetime.time:
    some_day = datetime.datetime.combine(datetime.date(2026, 1, 2), moment)
    return some_day.astimezone(datetime.UTC).time() if moment.tzinfo else moment


def _prices_at(model: ModelInfo, day: datetime.date, moment: datetime.time, service_tier: str | None) -> ModelPrice:
    """Return the prices at a moment; a tier of service goes under whatever name the price list has for it."""
    served = dict.fromkeys(("processing", "service_tier", "speed"), service_tier) if service_tier else None
    return model.get_prices(datetime.datetime.combine(day, moment, datetime.UTC), served)


def _tiers(prices: ModelPrice) -> list[Tier]:
    """Return the tiers from the first token on; none when the tokens of a log do not settle the price."""
    from genai_prices.types import TieredPrices

    if prices.input_mtok is None or any(getattr(prices, key) is not None for key in UNCOUNTED_KEYS):
        return []
    values = {column: getattr(prices, key) for column, key in PRICE_KEYS.items()}
    # The library charges a tier above its start: the first call it holds for has one token more.
    tiered = [value for value in values.values() if isinstance(value, TieredPrices)]
    starts = {0} | {tier.start + 1 for value in tiered for tier in value.tiers}
    return [Tier(start, {column: _at(value, start) for column, value in values.items()}) for start in sorted(starts)]


def _at(value: Decimal | object | None, input_tokens: int) -> Decimal | None:
    from genai_prices.types import TieredPrices

    if isinstance(value, TieredPrices):
        return next((tier.price for tier in reversed(value.tiers) if input_tokens > tier.start), value.base)
    return value if isinstance(value, Decimal) else None
