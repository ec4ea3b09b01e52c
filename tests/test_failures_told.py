"""Failures that nothing marks: a call ended well for the log, and its answer says that it did not. They are failures like others: mended or not, and causes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lens_builder import OK, Step, agent, hex_id, read_steps, tool

REJECTED = "To git.example:team/site.git\n ! [rejected]  main -> main (fetch first)\nerror: failed to push some refs\nhint: Updates were rejected."
Act = tuple[str, dict[str, Any], str]


def shell(line: str, answer: str) -> Act:
    return "bash", {"command": line}, answer


def job(answer: str, tool_name: str = "job_status") -> Act:
    return tool_name, {"id": "j7"}, answer


def run_of(number: int, acts: Sequence[Act]) -> list[Step]:
    """One run of its own trace: the acts one after the other, all of them ended well."""
    steps = [agent("main", status=OK)]
    steps += [
        tool(f"{name}#{n}", "main", 1 + 3 * n, agent="main", arguments=arguments, result=answer, status=OK)
        for n, (name, arguments, answer) in enumerate(acts)
    ]
    return [dict(each, traceId=f"{number:032x}") for each in steps]


def outcomes(folder: Path, runs: Sequence[Sequence[Act]]) -> list[list[tuple[Any, ...]]]:
    """Of each run its failures: which act, what became of it, what was tried."""
    lens = read_steps(folder, [step for n, acts in enumerate(runs, 1) for step in run_of(n, acts)])
    rows = lens.sql(
        "SELECT trace_id, span_id, outcome, strategies FROM recoveries WHERE is_told ORDER BY ALL"
    ).fetchall()
    number_of = {hex_id(f"run/{name}#{n}"): n for acts in runs for n, (name, _, _) in enumerate(acts)}
    return [
        [(number_of[span], outcome, tried) for trace, span, outcome, tried in rows if trace == f"{number:032x}"]
        for number in range(1, len(runs) + 1)
    ]


NOTE: Act = ("post", {"text": "it is done"}, "sent")


def test_a_program_in_a_shell_that_says_last_that_it_could_not_has_failed(tmp_path: Path) -> None:
    bad = [
        shell("git push origin main", REJECTED),
        shell("npm run build", "compiling 40 files\nnpm ERR! code ELIFECYCLE"),
        shell("make all", "cc -c a.c\nmake: *** [Makefile:3: all] Error 2"),
        shell("python load.py", "loading\nTraceback (most recent call last):\n  File 'load.py'\nKeyError: 'rate'"),
        shell("deploytool up", "sh: 1: deploytool: command not found"),
    ]
    fine = [
        shell("tail -50 app.log", REJECTED),
        shell("git log -3", "commit 7\nerror: failed to push some refs"),
        shell("npm run build", "error: 0 of 40 files\n" + "compiled\n" * 200),
        shell("make all", "cc -c errors.c\nno errors: all is built"),
        ("read_file", {"path": "run.log"}, "Error: connection refused"),
    ]
    found = outcomes(tmp_path, [[act, NOTE] for act in bad + fine])
    assert found == [[(0, "went on", [])]] * len(bad) + [[]] * len(fine)


def test_work_that_was_watched_until_it_failed_has_failed(tmp_path: Path) -> None:
    running, failed = '{"id": "j7", "state": "RUNNING"}', '{"id": "j7", "state": "FAILED", "detail": "disk full"}'
    watched = [
        [job(running), job(failed)],
        [job("job j7: running"), job("job j7: FAILED (disk full)")],
        [job(running, "show_import"), job(failed, "show_import")],
    ]
    not_watched = [
        [job('[{"id": "j6", "state": "FAILED"}, {"id": "j7", "state": "OK"}]', "job_status")],
        [job('{"order": "o1", "status": "failed"}', "get_order")],
        [job("job j7: done, 0 failed, no errors")],
    ]
    found = outcomes(tmp_path, [[*acts, NOTE] for acts in watched + not_watched])
    assert found == [[(1, "went on", [])]] * len(watched) + [[]] * len(not_watched)


def test_what_mends_a_failure_mends_one_that_only_its_answer_tells_of(tmp_path: Path) -> None:
    again = shell("git pull --rebase && git push origin main", "main -> main")
    push = shell("git push origin main", REJECTED)
    denied, sent = "Error: quota exceeded", "fine"
    asked = {"city": "Bergen", "batch": "b1"}
    runs: list[list[Act]] = [
        [push, again],
        [push, push, again],
        [push, shell("git status", "clean")],
        [("geocode", asked, denied), ("geocode", asked, sent)],
        [("geocode", asked, denied), ("geocode", {"city": "Bergen", "batch": "b2"}, sent)],
    ]
    assert outcomes(tmp_path, runs) == [
        [(0, "recovered", ["rephrase"])],
        [(0, "recovered", ["retry", "rephrase"])],
        [(0, "went on", [])],
        [(0, "recovered", ["retry"])],
        [(0, "went on", [])],
    ]
