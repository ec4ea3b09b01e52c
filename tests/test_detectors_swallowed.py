"""Failures after which nothing is missing: another way was found, it was said in other words, or nobody was told that all went well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from detector_runs import found
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool

from agentlens import Lens

Call = tuple[str, dict[str, Any], str | None, str | None]  # tool, arguments, result, or what it failed with


def failed(name: str, message: str, **arguments: Any) -> Call:
    return name, arguments, None, message


def worked(name: str, result: str, **arguments: Any) -> Call:
    return name, arguments, result, None


def lens_of(folder: Path, calls: list[Call], words: str) -> Lens:
    """A run of some calls that ends in some words."""
    steps: list[Step] = [agent("desk", None, 0, 90, status=OK)]
    for n, (name, arguments, result, message) in enumerate(calls):
        status = OK if message is None else ERROR
        steps.append(tool(f"{name}#{n}", "desk", 3 * n + 2, agent="desk", arguments=arguments, status=status, message=message, result=result))  # fmt: skip
    steps.append(call("last", "desk", 80, agent="desk", outputs=said(words)))
    return read_steps(folder, steps)


@pytest.mark.parametrize(
    "words",
    [
        "| product | price | rating |\n| lamp | 39 | n/a |",
        '{"product": "lamp", "price": 39, "rating": null}',
        "The lamp costs 39 EUR; its rating is unknown.",
        "The lamp costs 39 EUR. Ratings are left out of this comparison.",
        "I used last year's rating of the lamp instead.",
        "I assume a rating of about four, from memory.",
        "For the rating I was only able to see the headline.",
        "The rating service is down; the lamp costs 39 EUR.",
        "The lamp costs 39 EUR, the rating page does not answer.",
        "I see no rating for this lamp.",
        "Zur Bewertung der Lampe liegen mir keine Zahlen vor (rating).",
        "Je n'ai pas de données sur le rating de la lampe.",
    ],
)
def test_who_says_that_something_is_missing_guessed_or_replaced_owns_up_in_whatever_words(
    tmp_path: Path, words: str
) -> None:
    assert found(lens_of(tmp_path, [failed("fetch_rating", "timeout", product="lamp")], words), "swallowed_error") == []


@pytest.mark.parametrize("words", ["The ledger is in order, no errors.", "The ledger is in order. Nothing to change."])
def test_who_denies_that_anything_failed_owns_up_to_nothing(tmp_path: Path, words: str) -> None:
    lens = lens_of(tmp_path, [failed("check_ledger", "timeout", year="2025")], words)
    assert found(lens, "swallowed_error") == [("desk", "proven", "critical")]


def test_values_that_other_calls_brought_afterwards_are_not_invented(tmp_path: Path) -> None:
    scan = failed("parse_invoice", "ValueError: unknown layout", file="in/7.pdf")
    page = worked("ocr_page", "Sum 88.10 EUR", image="pages/p1.png")
    words = "The total of the invoice is 88.10."
    assert found(lens_of(tmp_path / "brought", [scan, page], words), "swallowed_error") == []
    assert len(found(lens_of(tmp_path / "before", [page, scan], words), "swallowed_error")) == 1
    assert len(found(lens_of(tmp_path / "invented", [scan, page], words.replace("88", "91")), "swallowed_error")) == 1


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([failed("refund_payment", "limit exceeded", order=5), worked("transfer_to_human", "queued", order=5)], "Your payment is taken care of today."),
        ([failed("bash", "exit code 1\n2 failed", command="npm test"), worked("edit", "ok", path="a.js"), worked("exec_command", "10 passed", cmd="npx jest")], "Done: off by one, mended."),
        ([failed("click", "Timeout 30000ms exceeded", selector="#buy"), worked("press_key", "at /done", key="Enter")], "The order is placed."),
        ([failed("make_directory", "FileExistsError: out", path="out"), worked("write_file", "ok", path="out/a.md")], "All is written."),
        ([failed("emit_telemetry", "connection refused", event="done")], "All is done."),
        ([failed("bash", "Command failed with exit code 1\n2c2\n< b\n---\n> c", command="diff a.txt b.txt")], "All lines are compared: line 2 changed."),
    ],
)  # fmt: skip
def test_a_person_another_check_the_next_step_on_screen_or_what_was_there_already_mend_a_failure(
    tmp_path: Path, calls: list[Call], words: str
) -> None:
    assert found(lens_of(tmp_path, calls, words), "swallowed_error") == []


def test_an_answer_that_claims_nothing_is_only_worth_a_note(tmp_path: Path) -> None:
    lost = failed("recall_memory", "memory store offline", topic="habits")
    answer = lens_of(tmp_path / "answer", [lost], "Four hotels in Porto: Aurora, Bela, Cais, Douro.")
    assert found(answer, "swallowed_error") == [("desk", "candidate", "info")]
    claim = lens_of(tmp_path / "claim", [lost], "Everything is booked as requested.")
    assert found(claim, "swallowed_error") == [("desk", "candidate", "warning")]


FAILED_ANSWERS = ['{"ok": false, "error": "stock service did not answer"}', "Error: stock service did not answer"]


@pytest.mark.parametrize("answer", FAILED_ANSWERS)
def test_a_failure_that_only_an_answer_tells_of_is_swallowed_by_who_claims_success(tmp_path: Path, answer: str) -> None:
    calls = [worked("get_orders", "3 orders", day="monday"), worked("reserve_stock", answer, item="lamp")]
    lens = lens_of(tmp_path, calls, "All three are on their way, everything is done.")
    assert found(lens, "swallowed_error") == [("desk", "candidate", "warning")]


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ([worked("reserve_stock", answer, item="lamp") for answer in (*FAILED_ANSWERS, "reserved")], "All is done."),
        ([worked("reserve_stock", FAILED_ANSWERS[0], item="lamp")], "Done, but the lamp could not be reserved."),
        ([worked("reserve_stock", FAILED_ANSWERS[0], item="lamp")], "You asked for a lamp and two chairs."),
        (
            [worked("find_customer", '{"error": "not found"}', customer="Ines Roth")],
            "The new customer was saved, all done.",
        ),
        ([worked("read_file", FAILED_ANSWERS[1], path="logs/stock.log")], "All lines of the log are counted, done."),
        ([worked("reserve_stock", '{"ok": true, "error": "none so far"}', item="lamp")], "All done."),
    ],
    ids=["mended", "owned up", "claims nothing", "a look", "a log", "claims success"],
)
def test_an_answer_that_tells_of_a_failure_is_left_alone_where_nothing_is_missing(
    tmp_path: Path, calls: list[Call], words: str
) -> None:
    assert found(lens_of(tmp_path, calls, words), "swallowed_error") == []
