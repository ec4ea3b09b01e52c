"""Who spent what, for what, how fast, and what it would have cost otherwise; what is not metered stands apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lens_builder import Step, agent, call, read_steps, tool

from agentlens import Lens, TokenEconomics, read
from agentlens._detect import detect
from agentlens._errors import AgentLensError
from agentlens.explorers import _economics_panels
from agentlens.pricing import what_if

GPT = {"provider": "openai", "model": "gpt-4.1"}
SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-5", "conversation": "talk"}


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def team(folder: Path) -> Lens:
    """Lead spends 1000 + 10 in wave 1; helper 3000 + 30 in wave 2, on a model without a price."""
    steps = [
        agent("lead", trace="t1", wave__number=1),
        call("c1", "lead", 1, trace="t1", input_tokens=1000, output_tokens=10, **GPT),
        agent("helper", trace="t2", wave__number=2, gen_ai__agent__version="2.0"),
        call(
            "c2", "helper", 7200, trace="t2", input_tokens=3000, output_tokens=30, provider="openai", model="unheard-of"
        ),
    ]
    manifest = "agents:\n  - id: lead\n    name: lead\n    model: gpt-4.1\n    role: planner\n"
    return read_steps(folder, steps, manifest=manifest)


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        ("agent", [("helper", 3030, 1), ("lead", 1010, 0)]),
        ("model", [("gpt-4.1", 1010, 0), ("unheard-of", 3030, 1)]),
        ("role", [("planner", 1010, 0), (None, 3030, 1)]),
        ("wave", [("1", 1010, 0), ("2", 3030, 1)]),
        ("operation", [("chat", 4040, 1)]),
    ],
)
def test_what_was_spent_is_known_by_every_name(dimension: str, expected: list[Any], tmp_path: Path) -> None:
    query = "SELECT key, input_tokens + output_tokens, unpriced FROM token_usage_by($d) ORDER BY key"
    assert team(tmp_path).sql(query, d=dimension).fetchall() == expected


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="token_usage_by knows agent, role"):
        team(tmp_path).sql("FROM token_usage_by('planet')").fetchall()


def test_burning_adds_up_hour_by_hour(tmp_path: Path) -> None:
    steps = [call(f"c{n}", None, 1800 * n, agent="a", input_tokens=600, **GPT) for n in range(4)]
    query = "SELECT tokens, tokens_so_far, round(tokens_per_minute, 3), round(cost_usd_so_far, 6) FROM token_burn('hour') ORDER BY time"
    assert read_steps(tmp_path, steps).sql(query).fetchall() == [(1200, 1200, 20.0, 0.0024), (1200, 2400, 20.0, 0.0048)]


def test_what_was_spent_today_begins_anew_at_midnight(tmp_path: Path) -> None:
    steps = [call(f"c{n}", None, 43_200 * n, agent="a", input_tokens=100, **GPT) for n in range(4)]
    query = "SELECT tokens_so_far, tokens_today FROM token_burn('hour') ORDER BY time"
    assert read_steps(tmp_path, steps).sql(query).fetchall() == [(100, 100), (200, 200), (300, 100), (400, 200)]


def test_the_price_of_a_deliverable_and_of_an_output_that_was_taken_up(tmp_path: Path) -> None:
    """Helper spends 1000 tokens on two runs, one of which fails; the lead takes up what the other said."""
    said = text("assistant", "The clause ends on 31 March 2027 and renews by itself.")
    steps = [
        agent("lead"),
        tool("delegate_1", "lead", 1, 9), agent("helper", "delegate_1", 2, 8),
        call("h1", "helper", 3, input_tokens=500, outputs=[said], **GPT),
        tool("delegate_2", "lead", 10, 19), agent("helper#2", "delegate_2", 11, 18, status=2),
        call("h2", "helper#2", 12, input_tokens=500, **GPT),
        call("l1", "lead", 20, inputs=[said], input_tokens=100, **GPT),
    ]  # fmt: skip
    query = """
        SELECT agent_name, deliverables, known_from, tokens_per_deliverable, consumed_outputs, tokens_per_consumed_output
        FROM token_cost_of_deliverables ORDER BY 1
    """
    rows = read_steps(tmp_path, steps).sql(query).fetchall()
    assert rows == [("helper", 1, "runs", 1000.0, 1, 1000.0), ("lead", None, None, None, 0, None)]


# --- what if -------------------------------------------------------------------------------------------------------------


def bounds(lens: Lens, **question: Any) -> list[tuple[Any, ...]]:
    rows = what_if(lens, **question).fetchall()
    return [(row[0], *(None if usd is None else round(usd, 6) for usd in row[3:6]), row[6], row[7]) for row in rows]


def conversation(pauses: list[float], read: list[int]) -> list[Step]:
    steps, moment = [agent("a", None, 0, 90_000)], 0.0
    for n, (pause, cached) in enumerate(zip(pauses, read)):
        moment += pause
        steps.append(
            call(
                f"c{n}",
                "a",
                moment,
                moment,
                input_tokens=10_000,
                cache_read=cached,
                cache_write=10_000 - cached,
                output_tokens=0,
                **SONNET,
            )
        )
    return steps


def test_another_day_is_exact(tmp_path: Path) -> None:
    """o3 cost 10 and 40 USD a million until 9 June 2025, and 2 and 8 after."""
    lens = read_steps(
        tmp_path,
        [call("c", None, 0, agent="a", provider="openai", model="o3", input_tokens=1_000_000, output_tokens=100_000)],
    )
    assert bounds(lens, date="2025-06-09") == [("a", 2.8, 14.0, 14.0, 0, None)]


def test_another_model_has_bounds_for_it_counts_otherwise(tmp_path: Path) -> None:
    """gpt-4o-mini: 0.15 USD a million; three tenths more or less."""
    lens = read_steps(tmp_path, [call("c", None, 0, agent="a", input_tokens=1_000_000, **GPT)])
    because = "the other model counts the same text otherwise"
    assert bounds(lens, model="gpt-4o-mini", provider="openai") == [("a", 2.0, 0.105, 0.195, 0, because)]


def test_without_a_cache_all_input_costs_the_full_price(tmp_path: Path) -> None:
    """20,000 x 3 a million; as logged 10,000 x 3.75 + 10,000 x 0.30."""
    lens = read_steps(tmp_path, conversation([0, 10], [0, 10_000]))
    assert bounds(lens, cache="none") == [("a", 0.0405, 0.06, 0.06, 0, None)]


def test_a_longer_cache_saves_at_most_what_expired(tmp_path: Path) -> None:
    """Written twice at 6 a million: 0.12; had the second been read, 10,000 x 5.70 less."""
    lens = read_steps(tmp_path, conversation([0, 600], [0, 0]))
    because = "whether a longer cache would have been hit is not certain"
    assert bounds(lens, cache="1 h") == [("a", 0.075, 0.063, 0.12, 0, because)]


def test_what_cannot_be_priced_is_counted_and_never_free(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [call("c", None, 0, agent="a", model="unheard-of", provider="openai", input_tokens=9)])
    assert bounds(lens, cache="none") == [("a", None, None, None, 1, None)]


def test_a_model_nobody_knows_and_a_cache_nobody_has_are_refused(tmp_path: Path) -> None:
    lens = team(tmp_path)
    with pytest.raises(AgentLensError, match="knows no model 'gpt-99'"):
        what_if(lens, model="gpt-99", provider="openai")
    with pytest.raises(AgentLensError, match="as logged, none, 5 min, 1 h"):
        what_if(lens, cache="2 h")


# --- estimates -----------------------------------------------------------------------------------------------------------


def test_calls_without_usage_are_estimated_apart_by_what_metered_calls_show(tmp_path: Path) -> None:
    """Every metered call has 4 bytes a token (and one leaves out nearly all of its window); the silent one is thus a thousand tokens."""
    window = [text("user", "x" * 3954)]
    steps = [call(f"c{n}", None, n, inputs=window, input_tokens=1000, agent="a") for n in range(25)]
    unlogged = call("unlogged", None, 50, inputs=[text("user", "hi")], input_tokens=9000, agent="a")
    lens = read_steps(tmp_path, [*steps, unlogged, call("silent", None, 99, inputs=window, agent="a")])
    rows = lens.sql("SELECT input_bytes, input_tokens_low, input_tokens_high, basis FROM usage_estimates").fetchall()
    size = rows[0][0]
    assert rows == [
        (size, 1000, 1000, "4.0 to 4.0 bytes a token of input (as in 25 metered calls of otlp logs), 2.0 to 6.0 of output (assumed)")
    ]  # fmt: skip
    assert lens.sql("SELECT sum(input_tokens)::BIGINT FROM usage_ledger WHERE is_counted").fetchall() == [(34_000,)]


def test_calls_below_a_counted_total_are_not_estimated_beside_it(tmp_path: Path) -> None:
    window = [text("user", "x" * 3000)]
    steps = [agent("a", input_tokens=900), call("c", "a", 1, inputs=window), call("lone", None, 5, inputs=window)]
    query = "SELECT name, input_tokens_low < input_tokens_high FROM usage_estimates JOIN spans USING (preorder)"
    assert read_steps(tmp_path, steps).sql(query).fetchall() == [("lone", True)]


ROUNDED = {
    "3.5k sent, 604 received": (3450, 3550, 604, 604),
    "12k sent, 1.2k received": (11_500, 12_500, 1150, 1250),
    "2.4k sent, 1.9k cache write, 99 received": (2350, 2450, 99, 99),
    "900 sent, 1.9k cache hit, 99 received": (2750, 2850, 99, 99),  # more than was sent: beside it
    "1.6k sent, 1.6k cache write, 99 received": (1550, 3300, 99, 99),  # inside or beside, nobody knows
    "492 sent, 1,278 cached, 72 received": (492, 1770, 72, 72),
}


def test_rounded_counts_are_intervals_and_in_no_sum(tmp_path: Path) -> None:
    cost = "Cost: $0.01 message, $0.01 session."
    answers = "".join(f"#### go {line}\n\nSo.\n\n> Tokens: {line}. {cost}\n\n" for line in ROUNDED)
    (tmp_path / "h.md").write_text(f"# aider chat started at 2024-08-20 10:00:00\n\n{answers}")
    with read(tmp_path, progress=False) as lens:
        query = """
            SELECT input_tokens_low, input_tokens_high, output_tokens_low, output_tokens_high
            FROM usage_estimates WHERE kind = 'rounded counts' ORDER BY preorder"""
        assert sorted(lens.sql(query).fetchall()) == sorted(ROUNDED.values())
        sums = "SELECT count(input_tokens), count(output_tokens), round(sum(cost_usd), 6) FROM usage_ledger WHERE is_counted"
        assert lens.sql(sums).fetchall() == [(0, 0, 0.06)]


def test_an_answer_that_cannot_be_the_few_tokens_that_are_logged_has_its_missing_output_estimated(
    tmp_path: Path,
) -> None:
    """6,000 bytes are 1,000 to 3,000 tokens, and 2 are logged; 20 bytes may well be 2 tokens."""
    steps = [
        call(name, None, at, agent="a", input_tokens=500, output_tokens=2, outputs=[text("assistant", "x" * size)])
        for at, (name, size) in enumerate({"long": 5954, "short": 20}.items())
    ]
    query = """
        SELECT name, input_tokens_low, input_tokens_high, e.output_tokens_low // 100, e.output_tokens_high // 100
        FROM usage_estimates AS e JOIN spans USING (preorder)"""
    lens = read_steps(tmp_path, steps)
    assert lens.sql(query).fetchall() == [("long", 0, 0, 9, 29)]
    assert lens.sql("SELECT sum(output_tokens)::INT FROM usage_ledger WHERE is_counted").fetchall() == [(4,)]


# --- the explorer --------------------------------------------------------------------------------------------------------


def table(explorer: TokenEconomics, name: str) -> list[dict[str, Any]]:
    """The rows of a panel, as shown."""
    made = explorer._charts["tables"][name]
    return [dict(zip([column["name"] for column in made["columns"]], row)) for row in made["rows"]]


def test_the_panels_show_what_the_views_say(tmp_path: Path) -> None:
    explorer = TokenEconomics(team(tmp_path))
    assert [panel["table"] for panel in explorer._charts["panels"]] == ["burn", "shares", "steps"]
    shares = [(row["level"], row["name"], row["tokens_from"], row["tokens_to"]) for row in table(explorer, "shares")]
    assert shares == [
        (1, "helper", 0, 3030), (1, "lead", 3030, 4040), (2, "chat", 0, 3030), (2, "chat", 3030, 4040),
        (3, "unheard-of", 0, 3030), (3, "gpt-4.1", 3030, 4040),
    ]  # fmt: skip
    assert [row["cost_usd"] for row in table(explorer, "steps")] == [0.00208, None]
    assert table(explorer, "burn")[-1]["tokens_so_far"] == 3030


def test_a_pick_narrows_the_panels_and_selects_its_spans(tmp_path: Path) -> None:
    explorer = TokenEconomics(team(tmp_path))
    explorer._picked = {"agent_name": "helper", "operation_name": "chat"}
    assert [row[1] for row in explorer._asked["steps"]] == ["helper"]
    assert len(explorer.selection) == 1
    explorer._picked = {"span_id": "abc"}
    assert explorer.selection == ["abc"]
    explorer._picked = {}
    assert (explorer.selection, explorer._asked) == ([], {})


def test_estimates_have_a_panel_of_their_own_and_are_in_no_sum(tmp_path: Path) -> None:
    steps = [
        call("silent", None, 1, agent="a", inputs=[text("user", "x" * 900)]),
        call("c", None, 2, agent="a", input_tokens=7),
    ]
    explorer = TokenEconomics(read_steps(tmp_path, steps))
    assert explorer._charts["panels"][-1]["note"] == "1 call carries no usage. Estimated, and in no sum above."
    assert sum(row["tokens"] for row in table(explorer, "shares") if row["level"] == 1) == 7


def test_budget_lines_and_findings_stand_in_the_burn_chart(tmp_path: Path) -> None:
    budget = "agents:\n  - id: a\n    name: a\n    model: gpt-4.1\n    budget: {tokens_per_day: 500}\n"
    steps = [call(f"c{n}", None, 60 * n, agent="a", input_tokens=300, **GPT) for n in range(3)]
    lens = read_steps(tmp_path, steps, manifest=budget)
    detect(lens, ["budget_breach"])
    panel = TokenEconomics(lens)._charts["panels"][0]
    assert panel["note"] == "Dashed: budgets of days. Triangles: findings about spending."
    assert [layer["mark"]["type"] for layer in panel["specs"]["*"]["layer"]] == ["line", "point", "rule", "point"]


def test_a_lens_without_usage_has_no_panels(tmp_path: Path) -> None:
    assert "panels" not in TokenEconomics(read_steps(tmp_path, [agent("a")]))._charts


def test_over_very_many_messages_cache_and_waste_are_named_instead_of_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_economics_panels, "MOST_MESSAGES", 0)
    steps = [agent("a", status=2), call("c", "a", 1, inputs=[text("user", "hi")], input_tokens=9)]
    explorer = TokenEconomics(read_steps(tmp_path, steps))
    explorer._picked = {"agent_name": "a"}
    assert [panel["table"] for panel in explorer._charts["panels"]] == ["burn", "shares", "steps"]
    assert list(explorer._asked) == ["steps"]
    assert explorer._charts["notes"][-1].endswith("FROM cache_misses, FROM token_waste.")
