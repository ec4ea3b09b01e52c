"""What a log says it used is held against what the ledger counts, and a difference is explained."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

from lens_builder import Step, agent, call, read_steps

from agentlens import Lens, read
from agentlens._finish import judge_usage


def reasons(lens: Lens, measure: str = "input_tokens") -> dict[str, tuple[int, str]]:
    """Residual and reason of every total, by the name of its span."""
    query = "SELECT name, residual::BIGINT, reason FROM reconciliation WHERE measure = $measure"
    return {name: (residual, reason) for name, residual, reason in lens.sql(query, measure=measure).fetchall()}


def two_calls(trace: str = "run", **total: int) -> list[Step]:
    return [
        agent(trace, trace=trace, **total),
        call("c1", trace, 1, trace=trace, input_tokens=1000, output_tokens=10, cache_read=400),
        call("c2", trace, 2, trace=trace, input_tokens=1150, output_tokens=20),
    ]


def test_a_total_balances_or_its_residual_has_a_reason(tmp_path: Path) -> None:
    expected = {
        2150: (0, "balances"),
        1750: (-400, "it leaves out cached input"),
        1150: (-1000, "it is the usage of the last call below only"),
        0: (-2150, "the total reports nothing"),
        1700: (-450, "it covers fewer calls than are logged below, or counts them otherwise"),
        9000: (6850, "it counts calls that are not logged below, or counts them otherwise"),
    }
    steps = [each for said in expected for each in two_calls(f"says {said}", input_tokens=said, output_tokens=30)]
    lens = read_steps(tmp_path, steps)
    assert reasons(lens) == {f"says {said}": told for said, told in expected.items()}
    assert set(reasons(lens, "output_tokens").values()) == {(0, "balances")}


def test_a_total_without_the_agents_below_is_recognised(tmp_path: Path) -> None:
    steps = [*two_calls(input_tokens=2150), agent("helper", "run", 10, 20), call("c3", "helper", 11, input_tokens=7)]
    assert reasons(read_steps(tmp_path, steps)) == {"run": (-7, "it leaves out the agents below")}


def test_calls_without_usage_explain_a_total_that_is_larger(tmp_path: Path) -> None:
    steps = [*two_calls(input_tokens=2500), call("silent", "run", 3)]
    assert reasons(read_steps(tmp_path, steps)) == {"run": (350, "1 model call below carries no usage")}


def test_calls_replayed_from_another_trace_explain_a_total(tmp_path: Path) -> None:
    steps = [
        agent("run", trace="fork", input_tokens=800),
        call("old", "run", 1, trace="fork", input_tokens=500, output_tokens=1),
        call("new", "run", 2, trace="fork", input_tokens=300, output_tokens=1),
        call("first", None, 0, input_tokens=500, output_tokens=2),
    ]
    lens = read_steps(tmp_path, steps)
    lens._con.execute("UPDATE spans SET usage_key = 'k' WHERE name IN ('old', 'first')")
    judge_usage(lens._con)
    assert reasons(lens) == {"run": (500, "1 call of it is replayed here and counted where it was made")}


def test_reported_money_is_held_against_computed_money(tmp_path: Path) -> None:
    """gpt-4.1: 1000 x 2 + 100 x 8 = 2800 millionths; the log says 3000, which is what its call reports."""
    one = call("c", "run", 1, provider="openai", model="gpt-4.1", input_tokens=1000, output_tokens=100)
    lens = read_steps(tmp_path, [agent("run", input_tokens=1000, output_tokens=100), one])
    lens._con.execute("UPDATE spans SET reported_cost_usd = 0.003")
    judge_usage(lens._con)
    query = "SELECT reported, ours, residual, reason FROM reconciliation WHERE measure = 'cost_usd'"
    reason = "it is the sum of the costs that the calls report; the dated price list differs"
    assert lens.sql(query).fetchall() == [(Decimal("0.003"), Decimal("0.0028"), Decimal("0.0002"), reason)]


def test_totals_that_langsmith_repeats_at_every_level_balance_with_the_calls(tmp_path: Path) -> None:
    """Two chains over two calls of 10 and 20 tokens: each chain says 30."""
    rows = []
    for number, parent, kind, tokens in [
        (1, None, "chain", 30),
        (2, 1, "chain", 30),
        (3, 2, "llm", 10),
        (4, 2, "llm", 20),
    ]:
        ids = [f"{each:08}-0000-0000-0000-000000000000" for each in (number, parent or 0)]
        rows.append({
            "id": ids[0], "trace_id": "00000001-0000-0000-0000-000000000000", "parent_run_id": ids[1] if parent else None,
            "dotted_order": f"20260101T00000{number}000000Z{ids[0]}", "name": f"r{number}", "run_type": kind, "inputs": {},
            "outputs": {}, "start_time": f"2026-01-01T00:00:0{number}", "end_time": "2026-01-01T00:00:09", "status": "success",
            "prompt_tokens": tokens, "completion_tokens": 2, "total_tokens": tokens + 2,
        })  # fmt: skip
    (tmp_path / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with read(tmp_path, progress=False) as lens:
        assert reasons(lens) == {"r1": (0, "balances"), "r2": (0, "balances")}


def test_the_total_of_a_langfuse_trace_covers_all_its_roots(tmp_path: Path) -> None:
    """Two roots of 0.10 and 0.20 USD; the trace says 0.25 and then 0.30."""
    for trace, cost in (("t1", 0.25), ("t2", 0.3)):
        observations = [
            {"id": f"{trace}{n}", "traceId": trace, "type": "GENERATION", "name": f"g{n}", "startTime": f"2026-01-01T00:00:0{n}Z",
             "model": "house", "usageDetails": {"input": 10 * n, "output": n, "total": 11 * n}, "totalCost": n / 10}
            for n in (1, 2)
        ]  # fmt: skip
        document = {"trace": {"id": trace, "name": "run", "totalCost": cost}, "observations": observations}
        (tmp_path / f"{trace}.json").write_text(json.dumps(document))
    query = (
        "SELECT left(trace_id, 2), name, kind, reported::DOUBLE, ours::DOUBLE, reason FROM reconciliation ORDER BY ALL"
    )
    with read(tmp_path, progress=False) as lens:
        assert lens.sql(query).fetchall() == [
            ("t1", "g1", "trace total", 0.25, 0.3, "the log was priced by another list, or bills more than tokens"),
            ("t2", "g1", "trace total", 0.3, 0.3, "balances"),
        ]


def test_the_usage_an_inspect_log_reports_for_the_whole_file_is_held_against_all_its_samples(tmp_path: Path) -> None:
    """Two samples of 10 and 20 input tokens; the file says 31."""

    def model(tokens: int) -> dict[str, object]:
        usage = {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}
        message = {"role": "assistant", "content": "x"}
        output = {"model": "m/x", "choices": [{"message": message, "stop_reason": "stop"}], "usage": usage}
        return {"event": "model", "timestamp": "2026-01-01T00:00:00Z", "model": "m/x", "input": [], "output": output}

    samples = [{"id": n, "epoch": 1, "messages": [], "events": [model(10 * n)]} for n in (1, 2)]
    stats = {"model_usage": {"m/x": {"input_tokens": 31, "output_tokens": 2, "total_tokens": 33}}}
    log = {
        "version": 2,
        "status": "success",
        "eval": {"task": "t", "run_id": "r", "model": "m/x"},
        "stats": stats,
        "samples": samples,
    }
    (tmp_path / "log.json").write_text(json.dumps(log))
    with read(tmp_path, progress=False) as lens:
        rows = lens.sql(
            "SELECT kind, measure, reported::INT, ours::INT, balances FROM reconciliation ORDER BY 2"
        ).fetchall()
        assert rows == [("file total", "input_tokens", 31, 30, False), ("file total", "output_tokens", 2, 2, True)]


def claude_line(kind: str, second: int, **more: object) -> dict[str, object]:
    return {"type": kind, "sessionId": "s", "uuid": f"u{second}", "parentUuid": None, "version": "2.1.39",
            "timestamp": f"2026-01-01T00:00:{second:02}.000Z", "isSidechain": False, **more}  # fmt: skip


def claude_answer(second: int, output: int, block: dict[str, object], **more: object) -> dict[str, object]:
    usage = {"input_tokens": 10, "output_tokens": output}
    message = {
        "id": f"m{second}",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [block],
        "usage": usage,
    }
    return claude_line("assistant", second, message=message, **more)


def write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_what_a_sub_agent_hands_back_is_its_last_call_and_shows_output_that_its_log_lacks(tmp_path: Path) -> None:
    """Two calls of 10 input tokens; the result says 10 and 900, and the log 1 for each answer."""
    side = {"isSidechain": True, "agentId": "abc1234"}
    use = {"type": "tool_use", "id": "t1", "name": "Task", "input": {"subagent_type": "Explore", "prompt": "look"}}
    told = {"agentId": "abc1234", "totalTokens": 910, "usage": {"input_tokens": 10, "output_tokens": 900}}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": "ok"}
    said = {"type": "text", "text": "x"}
    write_lines(tmp_path / "s.jsonl", [
        claude_line("user", 0, message={"role": "user", "content": "go"}), claude_answer(1, 5, use),
        claude_line("user", 9, message={"role": "user", "content": [answer]}, toolUseResult=told),
    ])  # fmt: skip
    write_lines(tmp_path / "s/subagents/agent-abc1234.jsonl", [
        claude_line("user", 2, message={"role": "user", "content": "look"}, **side), claude_answer(3, 1, said, **side),
        claude_answer(4, 1, said, **side),
    ])  # fmt: skip
    query = "SELECT measure, reported::INT, ours::INT, reason FROM reconciliation WHERE kind = 'sub-agent result' ORDER BY 1"
    with read(tmp_path, progress=False) as lens:
        assert lens.sql(query).fetchall() == [
            ("input_tokens", 10, 20, "it is the usage of the last call below only"),
            ("output_tokens", 900, 2,
             "it is the usage of the last call below only, which is logged with 1 output token, as it began to stream"),
        ]  # fmt: skip
    with read(tmp_path / "s.jsonl", progress=False) as lens:
        assert {reason for *_, reason in lens.sql(query).fetchall()} == {
            "the log of the sub-agent was not read: its calls are in no sum"
        }


def test_the_usage_of_all_models_that_a_print_mode_log_reports_covers_its_sub_agents(tmp_path: Path) -> None:
    said = {"type": "text", "text": "x"}
    models = {"a": {"inputTokens": 15, "outputTokens": 9}, "b": {"inputTokens": 5, "outputTokens": 1, "costUSD": 1}}
    result = {
        "type": "result",
        "sessionId": "s",
        "subtype": "success",
        "is_error": False,
        "usage": {"input_tokens": 20, "output_tokens": 10},
    }
    write_lines(tmp_path / "s.jsonl", [
        claude_line("user", 0, message={"role": "user", "content": "go"}), claude_answer(1, 4, said), claude_answer(2, 6, said),
        {**result, "modelUsage": models},
    ])  # fmt: skip
    with read(tmp_path, progress=False) as lens:
        rows = lens.sql("SELECT kind, measure, reported::INT, balances FROM reconciliation ORDER BY ALL").fetchall()
        assert rows == [
            (kind, measure, tokens, True)
            for kind in ("session total", "total")
            for measure, tokens in (("input_tokens", 20), ("output_tokens", 10))
        ]


AIDER = """
# aider chat started at 2024-08-20 10:00:00

> Model: claude-3-5-sonnet-20240620 with diff edit format

#### one

An answer.

> Tokens: 10,000 sent, 1,000 received. Cost: $0.04 message, $0.04 session.

#### two

Another.

> Tokens: 10,000 sent, 1,000 received. Cost: $0.{message} message, $0.{session} session.
"""


def test_what_an_aider_session_had_cost_balances_within_its_rounding(tmp_path: Path) -> None:
    """Two calls of 10,000 x 3 + 1,000 x 15 millionths: 0.09."""
    expected = {
        ("05", "09"): (True, "balances"),
        ("07", "11"): (False, "it is the sum of the costs that the calls report; the dated price list differs"),
        ("05", "50"): (False, "the counter is not the sum of the costs printed below: sessions that ran at the same time wrote "
                       "into one file, or answers printed none"),
    }  # fmt: skip
    sessions = [AIDER.replace("{message}", message).replace("{session}", session) for message, session in expected]
    (tmp_path / "h.md").write_text("".join(sessions))
    with read(tmp_path, progress=False) as lens:
        query = "SELECT reported::DOUBLE, ours::DOUBLE, balances, reason FROM reconciliation ORDER BY 1"
        assert lens.sql(query).fetchall() == [(float(f"0.{said}"), 0.09, *told) for (_, said), told in expected.items()]


def test_a_record_whose_own_total_holds_more_than_it_shows_is_listed(tmp_path: Path) -> None:
    steps = [
        call("thinking", None, 1, input_tokens=5, output_tokens=845, llm__usage__total_tokens=2023),
        call("plain", None, 2, input_tokens=5, output_tokens=45, llm__usage__total_tokens=50),
    ]
    rows = read_steps(tmp_path, steps).sql("SELECT name, kind, residual::BIGINT FROM reconciliation").fetchall()
    assert rows == [("thinking", "record", 1173)]


def test_every_total_of_the_samples_balances_or_is_explained(samples: Path) -> None:
    """pydantic-ai and smolagents leave out agents below; one Langfuse agent matches nothing; Gemini's total holds thinking."""
    patterns = ("*/*.otlp.jsonl", "langfuse/trace/*.trace.json", "mlflow/*.json", "codex/localpush/r*.jsonl", "inspect/2*.json",
                "openai_agents_sdk/*.jsonl", "swe_agent/gpt4*", "openhands/*.jsonl")  # fmt: skip
    with read(*[path for pattern in patterns for path in samples.glob(pattern)], progress=False) as lens:
        query = "SELECT DISTINCT name, reason FROM reconciliation WHERE measure <> 'cost_usd' AND balances = $b ORDER BY ALL"
        balanced, others = (lens.sql(query, b=balances).fetchall() for balances in (True, False))
    assert len(balanced) > 10
    agents = ["agent run", "invoke_agent orchestrator", "manager.run"]
    explained = [name for name, reason in others if reason == "it leaves out the agents below"]
    assert explained == agents
    assert {name[:13] for name, _ in others if name not in agents} == {"generate_cont", "invoke_agent "}


# --- what input tokens mean ----------------------------------------------------------------------------------------------


def settled(lens: Lens) -> dict[str, int]:
    return dict(lens.sql("SELECT name, input_tokens FROM spans WHERE input_tokens IS NOT NULL").fetchall())


def test_more_cached_than_input_tokens_show_that_a_writer_leaves_the_cache_out(tmp_path: Path) -> None:
    """The second record alone could be read either way; the first shows how its writer counts."""
    steps = [
        call("plain", None, 0, provider="anthropic", input_tokens=10, cache_read=900, output_tokens=1),
        call("unclear", None, 1, provider="anthropic", input_tokens=1000, cache_read=100, output_tokens=1),
        call("other", None, 2, provider="openai", input_tokens=1000, cache_read=100, output_tokens=1),
    ]
    lens = read_steps(tmp_path, steps)
    assert settled(lens) == {"plain": 910, "unclear": 1100, "other": 1000}
    assert lens.sql("SELECT input_tokens_meaning FROM sources").fetchall() == [
        (
            "excludes cache, by arithmetic: 1 of 3 records with cached tokens cannot include them (2 raised here)",
        )
    ]  # fmt: skip


def test_a_records_own_total_decides_between_two_meanings_of_one_writer(tmp_path: Path) -> None:
    steps = [
        call("beside", None, 1, input_tokens=1000, cache_read=100, output_tokens=1, llm__usage__total_tokens=1101),
        call("inside", None, 2, input_tokens=1000, cache_read=100, output_tokens=1, llm__usage__total_tokens=1001),
    ]
    assert settled(read_steps(tmp_path, steps)) == {"beside": 1100, "inside": 1000}


def test_a_file_that_grows_is_settled_once(tmp_path: Path) -> None:
    steps = [call(f"c{n}", None, n, input_tokens=10, cache_read=900, output_tokens=1) for n in range(4)]
    read_steps(tmp_path, steps).close()
    log, case = tmp_path / "spans.jsonl", tmp_path / "case" / "a.duckdb"
    case.parent.mkdir()
    whole = log.read_text().splitlines(keepends=True)
    for lines in (whole[:2], whole):
        log.write_text("".join(lines))
        lens = read(log, into=case, progress=False)
        assert set(settled(lens).values()) == {910}
        lens.close()


def test_the_meaning_of_input_tokens_shows_its_evidence(tmp_path: Path) -> None:
    steps = [
        call("proved", None, 1, provider="openai", input_tokens=100, cache_read=40, output_tokens=1, llm__usage__total_tokens=101),
        call("silent", None, 2, provider="mistral", input_tokens=100, cache_read=40, output_tokens=1),
        call("plain", None, 3, provider="x", input_tokens=100, output_tokens=1),
    ]  # fmt: skip
    query = "SELECT provider_name, cached_records, totals_balance, contradictions, evidence FROM input_tokens_evidence ORDER BY 1"
    assert read_steps(tmp_path, steps).sql(query).fetchall() == [
        ("mistral", 1, 0, 0, "no record of 1 with cached tokens contradicts it, and none has a total that would prove it"),
        ("openai", 1, 1, 0, "1 of 1 totals of cached records are input and output together"),
        ("x", 0, 0, 0, "no record has cached tokens: both readings give the same figures"),
    ]  # fmt: skip
