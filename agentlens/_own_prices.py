"""Prices and model aliases of one's own, from a YAML file."""

from __future__ import annotations

import datetime
import os
from dataclasses import asdict, dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from agentlens._errors import AgentLensError

_EXAMPLE = """It looks like this (USD for a million tokens):
  aliases:
    house-large: anthropic/claude-sonnet-4-5
  prices:
    - {model: house-model, provider: openai, from: 2026-04-01, input: 1.25, cache_read: 0.125, output: 10}"""


@dataclass(frozen=True)
class OwnPrice:
    """What a model costs, in USD for a million tokens as decimal text, from a day on, for calls above a number of input tokens."""

    model: str
    provider: str | None = None
    start: str | None = None
    above: int = 0
    input: str | None = None
    cache_read: str | None = None
    cache_write: str | None = None
    cache_write_1h: str | None = None
    output: str | None = None

    def usd(self, column: str) -> Decimal | None:
        """Return the price for a price column of `token_prices`."""
        text = getattr(self, column.removesuffix("_usd_per_million"))
        return None if text is None else Decimal(text)


@dataclass(frozen=True)
class OwnPrices:
    """Prices that go before the price list, and names under which the list knows a model."""

    prices: tuple[OwnPrice, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()

    def find(self, model: str, provider: str | None, date: datetime.date | None) -> list[OwnPrice]:
        """Return the prices of a model on a day, one a tier: those of its provider before those of any, the latest that began."""
        day = (date or datetime.datetime.now(datetime.UTC).date()).isoformat()
        known = [each for each in self.prices if each.model == model and (each.start or "") <= day]
        mine = [each for each in known if each.provider == provider] or [each for each in known if not each.provider]
        latest = max((each.start or "" for each in mine), default="")
        return [each for each in mine if (each.start or "") == latest]

    def resolve(self, model: str, provider: str | None) -> tuple[str, str | None]:
        """Return the name and provider under which the price list knows a model."""
        target = dict(self.aliases).get(model)
        if target is None:
            return model, provider
        head, slash, name = target.partition("/")
        return (name, head) if slash else (target, provider)

    def to_json(self) -> str:
        """Return them as JSON text, to be kept in a lens."""
        return msgspec.json.encode({"prices": [asdict(each) for each in self.prices], "aliases": self.aliases}).decode()

    @classmethod
    def from_json(cls, text: str) -> OwnPrices:
        """Return what `to_json` wrote."""
        said = msgspec.json.decode(text)
        return cls(tuple(OwnPrice(**each) for each in said["prices"]), tuple(map(tuple, said["aliases"])))

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> OwnPrices:
        """Return the prices and aliases of a YAML file; AgentLensError says what it has that is none."""
        import yaml

        try:
            said = yaml.safe_load(Path(path).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
            raise AgentLensError(f"{path} cannot be read as prices: {error}") from error
        if not isinstance(said, dict) or not said or not set(said) <= {"prices", "aliases"}:
            raise AgentLensError(f"{path} holds no `prices` or `aliases`, or other keys beside them. {_EXAMPLE}")
        prices, aliases = said.get("prices") or [], said.get("aliases") or {}
        if not isinstance(prices, list) or not isinstance(aliases, dict):
            raise AgentLensError(f"{path}: `prices` is a list and `aliases` a mapping. {_EXAMPLE}")
        return cls(
            tuple(_price(entry, path) for entry in prices), tuple((str(name), str(to)) for name, to in aliases.items())
        )


def _price(entry: Any, path: Any) -> OwnPrice:
    """Return one entry of `prices`; AgentLensError for a key or a number that is none."""
    names = {"from" if each.name == "start" else each.name for each in fields(OwnPrice)}
    if not isinstance(entry, dict) or "model" not in entry or not set(entry) <= names:
        raise AgentLensError(
            f"{path}: a price has a `model` and may have {', '.join(sorted(names - {'model'}))}; got {entry!r}."
        )
    values: dict[str, Any] = {
        "model": str(entry["model"]),
        "provider": entry.get("provider") and str(entry["provider"]),
    }
    for name in ("input", "cache_read", "cache_write", "cache_write_1h", "output"):
        if entry.get(name) is not None:
            values[name] = str(_dollars(entry[name], name, path))
    if entry.get("from") is not None:
        try:
            values["start"] = datetime.date.fromisoformat(str(entry["from"])).isoformat()
        except ValueError as error:
            raise AgentLensError(f"{path}: from={entry['from']!r} is no day like 2026-04-01.") from error
    above = entry.get("above", 0)
    if not isinstance(above, int) or above < 0 or "input" not in values:
        raise AgentLensError(f"{path}: a price needs `input`, and `above` is a number of tokens; got {entry!r}.")
    return OwnPrice(**values, above=above)


def _dollars(value: Any, name: str, path: Any) -> Decimal:
    try:
        usd = Decimal(str(value))
    except InvalidOperation as error:
        raise AgentLensError(f"{path}: {name}={value!r} is no number of USD for a million tokens.") from error
    if not usd.is_finite() or not 0 <= usd <= 1_000_000:
        raise AgentLensError(f"{path}: {name}={value!r} is no price between 0 and 1,000,000 USD for a million tokens.")
    return usd
