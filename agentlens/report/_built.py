"""The built files of the explorers, as a page carries them."""

from __future__ import annotations

import base64
import zlib
from functools import cache
from importlib.resources import files


@cache
def static(name: str) -> str:
    """Return a built file of the explorers, unchanged: the policy names the hash of its text."""
    return (files("agentlens.explorers") / "static" / name).read_text("utf-8")


@cache
def packed_script(name: str) -> str:
    """Return a built file as `loader.ts` unpacks it."""
    return pack(static(name).encode())


def pack(content: bytes) -> str:
    """Return base64(zlib(content))."""
    return base64.b64encode(zlib.compress(content, 9)).decode()
