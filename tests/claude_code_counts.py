"""What stands in Claude Code sessions, counted with plain json from the lines themselves, and the same asked of a lens."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import agentlens as al

USAGE = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        yield from json.loads(text)["loglines"]
        return
    for line in text.split("\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def assistant_lines(paths: Iterable[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every assistant line with the key of its call; without a message id each line is a call."""
    for path in paths:
        for number, line in enumerate(json_lines(path)):
            if line.get("type") == "assistant" and line["message"].get("model") != "<synthetic>":
                message_id, request_id = line["message"].get("id"), line.get("requestId")
                yield f"{message_id}:{request_id}" if message_id else f"{path} {number}", line


def count_calls(paths: Iterable[Path]) -> dict[str, dict[str, int]]:
    """Usage by call: the record with most output is the true one."""
    calls: dict[str, dict[str, int]] = {}
    for key, line in assistant_lines(paths):
        usage = {name: line["message"].get("usage", {}).get(name) or 0 for name in USAGE}
        if key not in calls or usage["output_tokens"] >= calls[key]["output_tokens"]:
            calls[key] = usage
    return calls


def count_tools(paths: Iterable[Path]) -> set[str]:
    blocks = [block for _, line in assistant_lines(paths) for block in line["message"]["content"]]
    return {block["id"] for block in blocks if block["type"] == "tool_use"}


def expected_totals(paths: Iterable[Path]) -> tuple[int, int, int, int]:
    calls = list(count_calls(paths).values())
    plain, written, read, output = (sum(call[name] for call in calls) for name in USAGE)
    return plain + written + read, read, written, output


def lens_totals(lens: al.Lens) -> tuple[int, int, int, int]:
    query = """
        SELECT coalesce(sum(input_tokens), 0)::BIGINT, coalesce(sum(cache_read_input_tokens), 0)::BIGINT,
          coalesce(sum(cache_write_input_tokens), 0)::BIGINT, coalesce(sum(output_tokens), 0)::BIGINT
        FROM spans"""
    return lens.sql(query).fetchall()[0]


def ask(lens: al.Lens, query: str, **params: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = lens.sql(query, **params).fetchall()
    return rows


def count_spans(lens: al.Lens, operation: str) -> int:
    return ask(lens, "SELECT count(*) FROM spans WHERE operation_name = $operation", operation=operation)[0][0]
