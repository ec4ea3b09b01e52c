"""Fills `context_windows`: how much the models of a lens take in, by the model list of genai-prices, offline."""

from __future__ import annotations

import duckdb

from agentlens.pricing import PROVIDER_ALIASES

_MODELS = """
SELECT DISTINCT coalesce(response_model, request_model), provider_name
FROM spans
WHERE coalesce(response_model, request_model) IS NOT NULL AND input_tokens IS NOT NULL
"""


def find_context_windows(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `context_windows` anew, one row a model and provider that the list knows."""
    con.execute("DELETE FROM context_windows")
    for model, provider in con.execute(_MODELS).fetchall():
        if found := _window(model, provider):
            con.execute("INSERT INTO context_windows VALUES ($model, $provider, $tokens, $matched)", found)


def _window(model: str, provider: str | None) -> dict[str, str | int | None] | None:
    from genai_prices.data_snapshot import get_snapshot

    name = PROVIDER_ALIASES.get(provider.lower(), provider) if provider else None
    try:
        found_provider, found = get_snapshot().find_provider_model(model, None, name, None)
    except LookupError:
        return None
    if not found.context_window:
        return None
    matched = f"{found_provider.id}/{found.id}"
    return {"model": model, "provider": provider, "tokens": found.context_window, "matched": matched}
