"""Spans of one shape become rows by a plan: the same rows as one by one, and worked out seldom."""

from __future__ import annotations

import ast
import json
import random
from pathlib import Path
from typing import Any

import pytest
from otlp_forests import as_lines, attribute, read_bytes, span

from agentlens import dialects
from agentlens.dialects import claude_code_otel, gen_ai, openinference, openllmetry, vercel_ai
from agentlens.loaders import _otlp_plan
from agentlens.loaders._unseen import Unseen

Row = dict[str, Any]
MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "é"}]}, {"role": "user", "content": ""}])
VALUES: list[Any] = [
    "chat", "execute_tool", "LLM", "TOOL", "AGENT", "tool", "ai.streamText", "interaction", "12", "", MESSAGES, "[", "hi",
    5, 7, -3, 10**16, 0.5, True, False, ["stop"], ["stop", 3], {"role": "user", "content": "hi"},
]  # fmt: skip
ODD: list[Any] = [{"doubleValue": "NaN"}, {"intValue": "x"}, {}, None, {"stringValue": "a", "intValue": "1"}]
VOCABULARIES = [
    [*gen_ai.COLUMNS, "gen_ai.output", "gen_ai.usage.input_cost", "events", "error.type"],
    [*openinference.COLUMNS, "openinference.span.kind", "input.value", "output.value", "metadata", "graph.node.id"]
    + [f"llm.{way}_messages.{n}.message.{key}" for way in ("input", "output") for n in (0, 1) for key in ("role", "content")],
    [*openllmetry.COLUMNS, "traceloop.span.kind", "llm.request.type", "traceloop.entity.input"]
    + [f"gen_ai.prompt.{n}.{key}" for n in (0, 1) for key in ("role", "content")],
    [*vercel_ai.COLUMNS, "ai.operationId", "ai.prompt.messages", "ai.response.text"],
    [*claude_code_otel.COLUMNS, *claude_code_otel.TOKENS, "span.type"],
    [f"gcp.vertex.agent.{key}" for key in ("session_id", "tool_response", "llm_request")],
]  # fmt: skip


def shapes(chance: random.Random, count: int) -> list[list[str]]:
    """Return sets of attributes, of one vocabulary or of two."""
    picked = []
    for _ in range(count):
        pools = chance.sample(VOCABULARIES, chance.choice((1, 1, 2)))
        keys = [key for pool in pools for key in chance.sample(pool, min(len(pool), chance.randint(1, 7)))]
        picked.append([*keys, "tenant"])
    return picked


def logged(chance: random.Random, number: int, keys: list[str]) -> Row:
    """Return a span with these attributes and any values."""
    pairs = [attribute(key, chance.choice(VALUES)) for key in keys]
    for pair in pairs:
        if chance.random() < 0.03:
            pair["value"] = chance.choice(ODD)
    name = chance.choice(("chat", "call_llm", "agent", "run"))
    return {**span(0, number, start=number + 1, end=number + 9, attributes=pairs), "name": name}


def rows(folder: Path, data: bytes) -> dict[str, list[Any]]:
    """Return every table of a read, in some fixed order."""
    with read_bytes(folder, data) as lens:
        tables = ("spans", "span_messages", "messages", "rejects", "sources")
        return {table: sorted(map(repr, lens.sql(f"FROM {table}").fetchall())) for table in tables}


def test_a_plan_makes_the_rows_that_spans_make_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    spans = [logged(chance, number, keys) for number, keys in enumerate(shapes(chance, 150) * 8)]
    data = as_lines(spans)
    for limit in ("FIRST_PLANS", "FIRST_SHAPES"):  # so that every span is made by a plan that can be
        monkeypatch.setattr(_otlp_plan, limit, 10**6)
    planned: list[bool] = []
    add = _otlp_plan.Plan.fits
    monkeypatch.setattr(_otlp_plan.Plan, "fits", lambda plan, values: planned.append(True) or add(plan, values))
    by_plan = rows(tmp_path, data)
    assert len(planned) > len(spans) / 3, "the plans were hardly used"
    monkeypatch.setattr(_otlp_plan.Plans, "find", lambda *_: None)
    assert by_plan == rows(tmp_path, data)


def test_a_shape_is_worked_out_once_and_again_only_for_values_that_dialects_look_at() -> None:
    plans = _otlp_plan.Plans(("trace_id", "operation_name", "request_model", "attributes"))
    keys = ("gen_ai.operation.name", "gen_ai.request.model", "tenant")
    seen = [plans.find(keys, ["step", kind, f"model {n}", n]) for n in range(50) for kind in ("chat", "execute_tool")]
    assert len({id(plan) for plan in seen}) == 2
    assert all(plan is not None for plan in seen)


def test_a_shape_whose_every_value_is_looked_at_is_soon_left_alone() -> None:
    plans = _otlp_plan.Plans(("trace_id", "operation_name"))
    found = [plans.find(("openinference.span.kind", "input.value"), ["step", "LLM", f"text {n}"]) for n in range(800)]
    assert sum(plan is not None for plan in found) <= _otlp_plan.FIRST_PLANS


def test_shapes_that_never_come_again_are_soon_left_alone() -> None:
    plans = _otlp_plan.Plans(("trace_id",))
    found = [plans.find((f"key {n}",), ["step", 1]) for n in range(800)]
    assert sum(plan is not None for plan in found) <= _otlp_plan.FIRST_SHAPES


def test_a_placeholder_shows_its_class_and_nothing_else() -> None:
    unseen = Unseen(3, bool)
    assert isinstance(unseen, int) and not isinstance(unseen, str)
    assert unseen == unseen
    looks = (
        bool,
        str,
        hash,
        len,
        int,
        float,
        list,
        repr,
        lambda v: v == 1,
        lambda v: v[:1],
        lambda v: v.strip(),
        lambda v: v > 0,
    )
    for look in looks:
        with pytest.raises(Unseen.Looked):
            look(unseen)


def test_no_dialect_asks_a_value_for_its_type_but_by_isinstance() -> None:
    for path in Path(dialects.__file__).parent.glob("*.py"):
        called = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        assert "type" not in [function.id for function in called if isinstance(function, ast.Name)], path
