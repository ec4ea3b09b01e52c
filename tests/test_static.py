"""The code is clean by its own tools, and the committed front end is what its sources build."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXPLORERS = ROOT / "agentlens" / "explorers"


def run(*command: str, cwd: Path = ROOT) -> None:
    """Run a command; its output is the message when it fails."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


def test_lint_finds_nothing() -> None:
    run(sys.executable, "-m", "ruff", "check", ".")


def test_format_is_as_ruff_writes_it() -> None:
    run(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_types_hold() -> None:
    run(sys.executable, "-m", "mypy")


@pytest.mark.slow
def test_committed_front_end_is_what_its_sources_build(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the front end cannot be rebuilt here")
    sources = tmp_path / "agentlens" / "explorers"
    shutil.copytree(EXPLORERS, sources, ignore=shutil.ignore_patterns("node_modules", "static", "__pycache__"))
    (sources / "static").mkdir()
    shutil.copytree(ROOT / "tests" / "frontend", tmp_path / "tests" / "frontend")
    run("npm", "ci", "--no-audit", "--no-fund", cwd=sources)
    run("npm", "run", "build", cwd=sources)
    built = {file.name: file.read_bytes() for file in (sources / "static").iterdir() if file.is_file()}
    committed = {file.name: file.read_bytes() for file in (EXPLORERS / "static").iterdir() if file.is_file()}
    assert {name for name in built.keys() | committed.keys() if built.get(name) != committed.get(name)} == set()
    run("npm", "test", cwd=sources)
