"""What went wrong without anybody saying so: kept texts under strange tool names, checks that could not run, verdicts in other tongues."""

from __future__ import annotations

from pathlib import Path

from lens_builder import ERROR, Step, agent, read_steps, said, tool
from test_detectors import found, in_traces

TEXT = "Three crates of lemons, two of capers; the order goes out on Friday."
BOTH = [agent("lead"), agent("a", "lead", 1, 9), agent("b", "lead", 1, 9)]


def kept(name: str, parent: str, start: float, result: str, tool_name: str = "archivia") -> Step:
    return tool(
        f"{tool_name}#{name}", parent, start, arguments={"nome": "menu/sabato.md", "righe": TEXT}, result=result
    )


def test_a_tool_that_counts_the_text_it_was_given_has_written_it_whatever_its_name(tmp_path: Path) -> None:
    counted = f'{{"ok": true, "bytes": {len(TEXT.encode())}}}'
    runs = [
        [*BOTH, kept("1", "a", 2, counted), kept("2", "b", 5, counted)],
        [*BOTH, kept("1", "a", 2, "ok"), kept("2", "b", 5, "ok")],
        [*BOTH, kept("1", "a", 2, counted), kept("2", "b", 5, counted, "aggiungi_righe")],
        [
            *BOTH,
            kept("1", "a", 2, counted),
            tool("leggi", "b", 3, arguments={"nome": "menu/sabato.md"}, result=TEXT),
            kept("2", "b", 5, counted),
        ],
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "competing_writes", "trace_id[-1:], tier, severity") == [("1", "candidate", "warning")]


def ended(words: str, failing: str, arguments: dict[str, str], message: str = "404 Not Found") -> list[Step]:
    return [
        agent("lead", None, 0, 30, outputs=said(words)),
        tool(failing, "lead", 2, 3, status=ERROR, message=message, arguments=arguments),
    ]


def test_a_check_that_found_nothing_to_check_and_a_text_that_found_no_place_are_more_than_looks(tmp_path: Path) -> None:
    done = "The plan is finished."
    runs = [
        ended(done, "ruhezeit_pruefen", {"target": "plaene/kw17.md"}),
        ended(done, "depot.submit", {"file": "Content/beats.md", "text": TEXT}),
        ended(done, "asset_lookup", {"guid": "b7f1"}),
        ended(done, "search_code", {"path": "src/main.py", "query": "where is the price of an order computed"}),
        ended(done, "read_file", {"path": "src/main.py", "explanation": "I want to see how the price is computed"}),
        ended("The check could not run: no record.", "ruhezeit_pruefen", {"target": "plaene/kw17.md"}),
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "swallowed_error", "trace_id[-1:], tier") == [("1", "candidate"), ("2", "candidate")]


def test_a_verdict_in_another_tongue_or_in_the_message_alone_is_a_failed_check(tmp_path: Path) -> None:
    words = "Der Plan steht."
    runs = [
        [agent("lead", None, 0, 30, outputs=said(words)), tool("pruefung", "lead", 5, result=result, status=status, message=message)]
        for result, status, message in (
            ("Verstoß: Sr. Ilse hat nur 9 h Ruhezeit", None, None),
            (None, ERROR, "CheckFailed: nur 9 h Ruhezeit"),
            ("keine Verstöße gefunden", None, None),
            (None, ERROR, "CheckServer: nur eine Antwort"),
        )
    ]  # fmt: skip
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "premature_complete", "trace_id[-1:], tier") == [("1", "candidate"), ("2", "candidate")]
