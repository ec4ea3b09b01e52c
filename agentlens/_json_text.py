"""Values as JSON text that every reader takes: no NaN, integers of any size, text that can be encoded."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_NO_PLAIN_JSON = (TypeError, OverflowError, UnicodeEncodeError, RecursionError, msgspec.ValidationError)


def json_text(value: Any) -> str:
    """Return `value` as JSON text: NaN and infinities become null, integers of any size stay exact, undecodable text is replaced."""
    return json_bytes(value).decode()


def json_bytes(value: Any) -> bytes:
    """Return what `json_text` returns, as UTF-8."""
    try:
        return _encode(value)
    except _NO_PLAIN_JSON:
        return _plain_json(value)


def json_each(values: Sequence[Any]) -> list[bytes]:
    """Return what `json_bytes` returns for each value."""
    try:
        return _encode_lines(values).split(b"\n")[:-1]
    except _NO_PLAIN_JSON:
        return list(map(json_bytes, values))


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys: what a message is hashed by."""
    try:
        return _encode_sorted(value)
    except (TypeError, OverflowError, UnicodeEncodeError, msgspec.ValidationError):
        return _plain_json(value)


def _plain_json(value: Any) -> bytes:
    try:
        text = json.dumps(_finite(value), default=str, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    except RecursionError:
        text = json.dumps("a value nested too deep to be kept; its place in the source says where it stands")
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return value
