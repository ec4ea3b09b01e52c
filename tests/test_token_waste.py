"""Where tokens may go in vain: what is carried along, missed in the cache, read again, done twice, or too long to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lens_builder import Step, agent, call, read_steps, tool

from agentlens import Lens
from agentlens._detect import detect

SONNET = {"provider": "anthropic", "model": "claude-sonnet-4-5", "conversation": "talk"}


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def found(lens: Lens, detector: str, columns: str = "agent_name, tier, severity", **thresholds: Any) -> list[Any]:
    detect(lens, [detector], **({detector: thresholds} if thresholds else {}))
    return lens.sql(f"SELECT {columns} FROM findings ORDER BY start_time, agent_name").fetchall()


# --- the cost of carriage ------------------------------------------------------------------------------------------------


def test_the_input_of_every_call_is_apportioned_to_its_messages_to_the_last_token(tmp_path: Path) -> None:
    """A message of half the bytes takes half the input: 500 in the first call, and 2 x a third of 1500 after it."""
    one, two, three = (text("user", letter * 100) for letter in "abc")
    steps = [agent("a")]
    for n, window in enumerate([[one, two], [one, two, three], [one, two, three]]):
        steps.append(call(f"c{n}", "a", n, inputs=window, input_tokens=1000 if n == 0 else 1500, **SONNET))
    lens = read_steps(tmp_path, steps)
    rows = lens.sql("SELECT calls, first_tokens, carried_tokens FROM message_carriage ORDER BY calls DESC").fetchall()
    assert rows == [(3, 500, 1000), (3, 500, 1000), (2, 500, 500)]
    money = lens.sql("SELECT round(sum(first_cost_usd + carried_cost_usd), 9) FROM message_carriage").fetchall()
    assert money == [(4000 * 3 / 1e6,)]


def test_calls_without_messages_or_usage_carry_nothing(tmp_path: Path) -> None:
    steps = [agent("a"), call("c", "a", 1, input_tokens=9), call("d", "a", 2, inputs=[text("user", "hi")])]
    assert read_steps(tmp_path, steps).sql("FROM message_carriage").fetchall() == []


# --- cache forensics -----------------------------------------------------------------------------------------------------


def talk(*calls: dict[str, Any]) -> list[Step]:
    """Calls of one conversation; each writes what it does not read, unless told otherwise."""
    steps = [agent("a", None, 0, 100_000)]
    for n, given in enumerate(calls):
        read = given.get("read", 0)
        more = SONNET | {key: value for key, value in given.items() if key not in ("read", "at", "tokens")}
        tokens = given.get("tokens", 10_000)
        steps.append(
            call(f"c{n}", "a", given["at"], input_tokens=tokens, cache_read=read, cache_write=tokens - read, **more)
        )
    return steps


WINDOW = [text("system", "You are a."), text("user", "first\nsecond"), text("user", "third")]


@pytest.mark.parametrize(
    ("second", "cause", "detail"),
    [
        ({"at": 10}, "evicted", "the same prefix 10 s later"),
        ({"at": 400}, "expired after 5 min", "7 minutes without a call"),
        ({"at": 4000}, "expired after 1 h", "67 minutes without a call"),
        ({"at": 10, "model": "claude-haiku-4-5"}, "model switched", "claude-haiku-4-5 after claude-sonnet-4-5"),
        (
            {"at": 10, "inputs": [WINDOW[0], text("user", "first\nchanged"), WINDOW[2]]},
            "prefix edited", "message 2 of 3 (user) differs from line 2",
        ),
        ({"at": 10, "inputs": WINDOW[:2]}, "prefix edited", "message 3 of 3 (user) is gone"),
        (
            {"at": 10, "gen_ai__tool__definitions": [{"name": "search", "description": "new"}]},
            "tools changed", 'the offered tools differ, first in search: {"name":"search","description":"new"}',
        ),
        ({"at": 10, "inputs": None}, "unknown", "the log does not show what stood in the windows"),
    ],
)  # fmt: skip
def test_every_missed_cache_has_its_cause(second: dict[str, Any], cause: str, detail: str, tmp_path: Path) -> None:
    tools = [{"name": "search", "description": "old"}]
    first = {"at": 0, "inputs": WINDOW, "gen_ai__tool__definitions": tools}
    lens = read_steps(tmp_path, talk(first, {"inputs": WINDOW, "gen_ai__tool__definitions": tools} | second))
    rows = lens.sql("SELECT cause, detail, missed_tokens FROM cache_misses").fetchall()
    assert [(each[0], each[1].replace(" ", ""), each[2]) for each in rows] == [(cause, detail.replace(" ", ""), 10_000)]


def test_a_miss_costs_what_writing_costs_above_reading(tmp_path: Path) -> None:
    """claude-sonnet-4-5: 10,000 tokens written again at 3.75 and not read at 0.30, a million."""
    lens = read_steps(tmp_path, talk({"at": 0, "inputs": WINDOW}, {"at": 9, "inputs": WINDOW}))
    assert lens.sql("SELECT round(cost_usd, 9) FROM cache_misses").fetchall() == [(0.0345,)]


def test_hits_small_prompts_and_first_calls_are_no_misses(tmp_path: Path) -> None:
    steps = talk({"at": 0}, {"at": 5, "read": 9_900}, {"at": 9, "read": 9_000, "tokens": 11_000})
    small = [call(f"s{n}", None, n, input_tokens=900, cache_write=900, **SONNET, trace="small") for n in range(3)]
    assert read_steps(tmp_path, [*steps, *small]).sql("FROM cache_misses").fetchall() == []


def test_a_cache_that_is_missed_again_and_again_is_a_storm(tmp_path: Path) -> None:
    windows = [[text("system", f"It is {n} o'clock."), WINDOW[1]] for n in range(5)]
    lens = read_steps(tmp_path, talk(*({"at": 9 * n, "inputs": window} for n, window in enumerate(windows))))
    assert found(lens, "cache_miss_storm", "agent_name, tier, severity, tokens_wasted, round(cost_usd_wasted, 6)") == [
        ("a", "proven", "warning", 40_000, 0.138)
    ]


def test_few_misses_and_pauses_are_no_storm_to_warn_of(tmp_path: Path) -> None:
    twice = talk({"at": 0, "inputs": WINDOW}, {"at": 9, "inputs": WINDOW}, {"at": 18, "inputs": WINDOW})
    assert found(read_steps(tmp_path / "twice", twice), "cache_miss_storm") == []
    nights = talk(*({"at": 40_000 * n, "inputs": WINDOW} for n in range(5)))
    assert found(read_steps(tmp_path / "nights", nights), "cache_miss_storm") == [("a", "event", "info")]


def test_where_nothing_is_said_of_a_cache_nothing_is_judged(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [call("c", None, 0, input_tokens=5000)])
    assert found(lens, "cache_miss_storm") == []
    assert lens.sql("SELECT outcome, reason FROM checks").fetchall() == [
        ("could not look", "no record says what came from a cache")
    ]


# --- prompts that are too long -------------------------------------------------------------------------------------------


def test_a_system_prompt_above_its_limit_is_told_once_with_all_its_calls(tmp_path: Path) -> None:
    """Nine tenths of the bytes are the prompt: 9,000 of 10,000 tokens, a thousand above the limit, in 3 calls."""
    prompt, question = text("system", "p" * 8958), text("user", "q" * 960)
    steps = [agent("a"), *(call(f"c{n}", "a", n, inputs=[prompt, question], input_tokens=10_000) for n in range(3))]
    rows = found(
        read_steps(tmp_path, steps), "oversized_prompt", "agent_name, tier, severity, tokens_wasted, len(span_ids)"
    )
    assert [(*row[:3], row[3] // 100, row[4]) for row in rows] == [("a", "event", "info", 30, 3)]


@pytest.mark.parametrize(("calls", "said"), [(1, "in 1 call."), (2, "in 2 calls.")])
def test_a_long_prompt_is_told_in_the_number_of_its_calls(tmp_path: Path, calls: int, said: str) -> None:
    prompt = text("system", "p" * 8958)
    steps = [agent("a"), *(call(f"c{n}", "a", n, inputs=[prompt], input_tokens=10_000) for n in range(calls))]
    ((summary,),) = found(read_steps(tmp_path, steps), "oversized_prompt", "summary")
    assert summary.endswith(said)


def test_long_questions_and_short_prompts_are_left_alone(tmp_path: Path) -> None:
    steps = [call("c", None, 0, inputs=[text("system", "short"), text("user", "q" * 90_000)], input_tokens=20_000)]
    assert found(read_steps(tmp_path, steps), "oversized_prompt") == []


# --- work that is done twice ---------------------------------------------------------------------------------------------

ANSWER = "a result that is long enough to be told from an empty one: {}"


def worker(name: str, first: float, questions: list[str], answers: list[str] | None = None) -> list[Step]:
    steps = [agent(name, "lead", first, first + 50)]
    for n, question in enumerate(questions):
        steps.append(call(f"{name}-{n}", name, first + n, first + n + 0.2, input_tokens=1000, output_tokens=10))
        answer = ANSWER.format(question) if answers is None else answers[n]
        steps.append(tool(f"search#{name}{n}", name, first + n + 0.3, arguments={"q": question}, result=answer))
    return steps


def test_an_agent_that_repeats_what_another_found_is_told_with_its_cost(tmp_path: Path) -> None:
    """Three of four questions were asked before; each took a call of 1010 tokens."""
    steps = [agent("lead"), *worker("one", 1, list("abcd")), *worker("two", 20, list("abcx"))]
    rows = found(read_steps(tmp_path, steps), "duplicate_work", "agent_name, tier, severity, tokens_wasted")
    assert rows == [("two", "candidate", "warning", 3030)]


def test_short_answers_count_where_nearly_all_the_work_was_done_before(tmp_path: Path) -> None:
    def both(questions: str, answer: str, later: str = "", start: float = 20) -> list[Step]:
        told = [f"{answer} {q}" if answer != "saved" else answer for q in questions]
        second = worker("two", start, list(questions + later), told + [f"{answer} {q}" for q in later])
        return [agent("lead"), *worker("one", 1, list(questions), told), *second]

    told = [f"paid {q}" for q in "abcdefg"]
    crossing = [
        agent("lead"),
        *worker("one", 1, list("abcdefg"), told),
        *worker("two", 1.5, list("gfedcba"), told[::-1]),
    ]

    for name, steps, accused in (
        ("crossing", crossing, [("two",)]),
        ("all", both("abcdefg", "paid"), [("two",)]),
        ("side by side", both("abcdefg", "paid", start=1.5), [("two",)]),
        ("a few facts", both("abcd", "paid"), []),
        ("work of its own", both("abcdefg", "paid", later="hi"), []),
        ("receipts", both("abcdefg", "saved"), []),
    ):
        assert found(read_steps(tmp_path / name, steps), "duplicate_work", "agent_name") == accused, name


def test_little_in_common_changed_results_and_repeating_oneself_are_no_duplicate_work(tmp_path: Path) -> None:
    cases = {
        "two in common": [*worker("one", 1, list("ab")), *worker("two", 20, list("abxy"))],
        "less than half": [*worker("one", 1, list("abc")), *worker("two", 20, list("abcdefgh"))],
        "other results": [*worker("one", 1, list("abc")), *worker("two", 20, list("abc"), ["a later and different result of some length"] * 3)],
        "no results": [*worker("one", 1, list("abc"), ["[]"] * 3), *worker("two", 20, list("abc"), ["[]"] * 3)],
        "oneself": worker("one", 1, list("abcabc")),
    }  # fmt: skip
    for name, steps in cases.items():
        assert found(read_steps(tmp_path / name, [agent("lead"), *steps]), "duplicate_work") == [], name


# --- all of it in one list -----------------------------------------------------------------------------------------------


def answered(identity: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": identity, "response": content}]}


def reading(n: int, path: str, content: str, parent: str = "a") -> Step:
    return tool(
        f"read_file#{n}", parent, 10 * n + 5, arguments={"path": path}, result=content, gen_ai__tool__call__id=f"t{n}"
    )


def waste(lens: Lens) -> list[tuple[str, str]]:
    return lens.sql("SELECT kind, summary FROM token_waste ORDER BY kind, start_time").fetchall()


def test_a_result_carried_along_unused_and_read_again_is_listed_with_its_excuse(tmp_path: Path) -> None:
    content = "Invoice 4711 of Acme Ltd, 12,500.00 EUR, due 2026-03-01, see /srv/invoices/4711.pdf and 4712.pdf. " * 30
    steps, window = [agent("a", None, 0, 900)], [text("user", "look around")]
    for n in range(8):
        said = text("assistant", "I go on.")
        steps.append(
            call(
                f"c{n}",
                "a",
                10 * n,
                inputs=window,
                outputs=[said],
                input_tokens=1000 + 1000 * n,
                output_tokens=5,
                **SONNET,
            )
        )
        window = [*window, said]
        if n < 2:
            steps.append(reading(n, "/srv/list.txt", content))
            window = [*window, answered(f"t{n}", content)]
    lens = read_steps(tmp_path, steps)
    assert [kind for kind, _ in waste(lens)] == [
        "carried along",
        "carried along",
        "read again",
        "unused output",
        "unused output",
    ]
    assert lens.sql("SELECT count(*) FROM token_waste WHERE legitimate_if IS NULL OR tokens <= 0").fetchall() == [(0,)]


def test_a_thing_that_was_written_in_between_may_be_read_again(tmp_path: Path) -> None:
    write = tool("write_file", "a", 12, arguments={"path": "/x.txt", "content": "same"}, result="ok")
    steps = [
        agent("a", None, 0, 900),
        reading(0, "/x.txt", "same old content"),
        write,
        reading(2, "/x.txt", "same old content"),
    ]
    assert waste(read_steps(tmp_path, steps)) == []
    assert waste(read_steps(tmp_path / "unwritten", [step for step in steps if step is not write])) == [
        ("read again", "a read /x.txt again, unchanged.")
    ]


def test_a_failed_run_lists_what_was_spent_in_it(tmp_path: Path) -> None:
    steps = [agent("a", None, 0, 9, status=2, message="boom"), call("c", "a", 1, input_tokens=700, output_tokens=1)]
    assert waste(read_steps(tmp_path, steps)) == [("failed run", "A run of a ended in error: boom.")]
