"""Token counts as providers and platforms write them, in one meaning: input with cache, output with reasoning."""

from __future__ import annotations

from typing import Any

from agentlens._evidence import Row

Names = tuple[str, ...]
INPUT: Names = (
    "input_tokens",
    "prompt_tokens",
    "prompt_token_count",
    "promptTokenCount",
    "promptTokens",
    "inputTokens",
)
OUTPUT: Names = (
    "output_tokens",
    "completion_tokens",
    "candidates_token_count",
    "candidatesTokenCount",
    "completionTokens",
    "outputTokens",
)
TOTAL: Names = ("total_tokens", "total_token_count", "totalTokenCount", "totalTokens")
CACHE_READ: Names = (
    "cache_read_input_tokens", "cached_input_tokens", "input_tokens_details.cached_tokens",
    "prompt_tokens_details.cached_tokens", "input_token_details.cache_read", "prompt_token_details.cache_read",
    "cached_content_token_count", "cachedContentTokenCount", "cachedInputTokens",
)  # fmt: skip
CACHE_WRITE: Names = (
    "cache_creation_input_tokens", "cache_write_input_tokens", "input_tokens_details.cache_write_tokens",
    "input_token_details.cache_creation", "prompt_token_details.cache_creation",
)  # fmt: skip
REASONING: Names = (
    "output_tokens_details.reasoning_tokens", "completion_tokens_details.reasoning_tokens",
    "output_token_details.reasoning", "completion_token_details.reasoning", "reasoning_tokens", "reasoningTokens",
)  # fmt: skip
THOUGHTS: Names = ("thoughts_token_count", "thoughtsTokenCount")  # beside the output, not inside


def read_usage(usage: Any) -> Row:
    """Return the token columns of a usage object; empty when it counts nothing."""
    if not isinstance(usage, dict):
        return {}
    found = {
        "input_tokens": _first(usage, INPUT),
        "output_tokens": _first(usage, OUTPUT),
        "cache_read_input_tokens": _first(usage, CACHE_READ),
        "cache_write_input_tokens": _first(usage, CACHE_WRITE),
        "reasoning_output_tokens": _first(usage, REASONING),
    }
    thoughts = _first(usage, THOUGHTS)
    if thoughts is not None:
        found["reasoning_output_tokens"] = thoughts
        found["output_tokens"] = (found["output_tokens"] or 0) + thoughts
    columns = {column: count for column, count in found.items() if count is not None}
    if "input_tokens" in columns:
        columns["input_tokens"] = with_cache(columns, _first(usage, TOTAL))
    return columns if "input_tokens" in columns or "output_tokens" in columns else {}


def with_cache(columns: dict[str, int], total: int | None) -> int:
    """Return the input tokens with cached ones included; the total says whether they already are.

    Without a total that fits, they are not included when there are more of them than input tokens.
    """
    tokens, output = columns["input_tokens"], columns.get("output_tokens", 0)
    cached = columns.get("cache_read_input_tokens", 0) + columns.get("cache_write_input_tokens", 0)
    if cached > tokens or (cached and total == tokens + output + cached):
        return tokens + cached
    return tokens


def count(value: Any) -> int | None:
    """Return a whole number of tokens, also from text or a float without fraction; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) < 18:
        return int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 2**62 else None


def number(value: Any) -> float | None:
    """Return an amount of money, also from text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = float(value)
    except (ValueError, OverflowError):
        return None
    return amount if 0 <= amount < 1e12 else None


def _first(usage: Row, names: Names) -> int | None:
    for name in names:
        outer, dot, inner = name.partition(".")
        value = usage.get(outer)
        found = count(value.get(inner) if dot and isinstance(value, dict) else None if dot else value)
        if found is not None:
            return found
    return None
