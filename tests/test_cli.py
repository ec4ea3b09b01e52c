"""The command line says the same words, with honest exit statuses and no traceback."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agentlens.cli import main
from agentlens.loaders import all_loaders

ROOT = Path(__file__).parents[1]
WAVE_14 = str(ROOT / "datasets" / "wave_14")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A saved case of the bundled incident."""
    path = tmp_path_factory.mktemp("case") / "case.duckdb"
    result = run("read", WAVE_14, "-o", str(path))
    assert result.exit_code == 0, result.output
    return str(path)


def test_read_saves_a_case_that_sql_can_ask(case: str) -> None:
    result = run("sql", case, "SELECT count(*) AS n FROM sources", "--format", "json")
    files = [path for path in Path(WAVE_14).rglob("*") if path.is_file()]
    assert json.loads(result.stdout) == [{"n": len(files)}]


def test_the_package_runs_as_a_command(case: str) -> None:
    command = [sys.executable, "-m", "agentlens", "sql", case, "SELECT 42 AS n", "--format", "json"]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout) == [{"n": 42}]


def test_sql_changes_nothing(case: str) -> None:
    assert run("sql", case, "DELETE FROM spans").exit_code == 1
    assert json.loads(run("sql", case, "SELECT count(*) > 0 AS kept FROM spans", "--format", "json").stdout) == [
        {"kept": True}
    ]


def test_a_formula_in_csv_is_defused(case: str) -> None:
    result = run("sql", case, "SELECT '=1+1' AS cell", "--format", "csv")
    (cell,) = list(csv.DictReader(io.StringIO(result.stdout)))
    assert not cell["cell"].startswith("=")


def test_a_wrong_query_is_one_message_and_status_1(case: str) -> None:
    result = run("sql", case, "SELECT nothing FROM nowhere")
    assert result.exit_code == 1
    assert "nowhere" in result.stderr and "Traceback" not in result.output


def test_detect_fails_on_what_it_is_told_to(case: str) -> None:
    assert run("detect", case).exit_code == 0
    assert run("detect", case, "--fail-on", "critical").exit_code == 3


def test_detect_says_agent_and_place(case: str) -> None:
    output = run("detect", case).output
    truth = json.loads((ROOT / "datasets" / "truth" / "wave_14.json").read_text("utf-8"))
    loop = next(fault for fault in truth["faults"] if fault["detector"] == "tool_loop")
    assert f"{loop['agents'][0]}  tool_loop" in output
    assert "spans/wave_11.otlp.jsonl:" in output


def test_an_absent_path_is_one_message_and_status_1(tmp_path: Path) -> None:
    result = run("detect", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "does not exist" in result.stderr and "Traceback" not in result.output


def test_wrong_usage_is_status_2() -> None:
    assert run("read").exit_code == 2
    assert run("detect", WAVE_14, "--fail-on", "everything").exit_code == 2


def test_formats_lists_every_loader() -> None:
    lines = run("formats").output.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == list(all_loaders())


def test_controls_in_a_log_do_not_reach_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "beats.log"
    log.write_text(
        "Wave 1 | 2026-04-14 14:23:11\nAgents:\n  Eve\x1b[2J: BLOCKED (\x1b]0;owned\x07 waiting)\nNext: wait\n"
    )
    result = run("detect", str(log))
    assert result.exit_code == 0 and "\x1b" not in result.output and "\x07" not in result.output


def test_report_writes_the_file_it_names(case: str, tmp_path: Path) -> None:
    result = run("report", case, "-o", str(tmp_path / "report.html"))
    assert result.exit_code == 0, result.output
    assert str(tmp_path / "report.html") in result.output.replace("\n", "")
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")
