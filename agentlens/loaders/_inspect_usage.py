"""Token counts of Inspect logs. Whether `input_tokens` includes cached ones depends on provider and version; the total
tells.
"""

from __future__ import annotations

from typing import Any

from agentlens.loaders._claude_code_fields import count_of, dict_of
from agentlens.loaders._transcript import EXCLUDES_CACHE, INCLUDES_CACHE

Usage = dict[str, Any]


def usage_columns(usage: Usage) -> dict[str, Any]:
    """Return the token columns of a usage record."""
    inside, outside = count_of(usage.get("input_tokens")), count_of(usage.get("output_tokens"))
    if inside is None and outside is None:
        return {}
    return {
        "input_tokens": None if inside is None else inside + (_cached(usage) if _excludes_cache(usage) else 0),
        "output_tokens": outside,
        "cache_read_input_tokens": count_of(usage.get("input_tokens_cache_read")),
        "cache_write_input_tokens": count_of(usage.get("input_tokens_cache_write")),
        "reasoning_output_tokens": count_of(usage.get("reasoning_tokens")),
    }


def total_usage(by_model: dict[str, Any]) -> dict[str, Any]:
    """Return the token columns of a sample: the sum over its models, a total of the calls below it."""
    total: dict[str, int] = {}
    for usage in by_model.values():
        for column, count in usage_columns(dict_of(usage)).items():
            if count is not None:
                total[column] = total.get(column, 0) + count
    return {**total, "usage_scope": "rollup"} if total else {}


def input_tokens_meaning(before: str | None, usage: Usage) -> str:
    """Return how a source counts cached tokens, once one of its records has shown it."""
    return EXCLUDES_CACHE if before == EXCLUDES_CACHE or _excludes_cache(usage) else INCLUDES_CACHE


def _cached(usage: Usage) -> int:
    return (count_of(usage.get("input_tokens_cache_read")) or 0) + (
        count_of(usage.get("input_tokens_cache_write")) or 0
    )


def _excludes_cache(usage: Usage) -> bool:
    plain = (count_of(usage.get("input_tokens")) or 0) + (count_of(usage.get("output_tokens")) or 0)
    cached = _cached(usage)
    return cached > 0 and count_of(usage.get("total_tokens")) == plain + cached
