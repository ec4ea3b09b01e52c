"""Other packages add loaders: the one in CONTRIBUTING works as it stands there, and a broken one is named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentlens import AgentLensError, loaders

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
LOADER = 'LOOKS_FOR = CANNOT_KNOW = "x"\nVERSION = 1\n\ndef sniff(head): return False\n\ndef load(source, into): pass\n'


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    loaders._added_loaders.cache_clear()
    yield
    loaders._added_loaders.cache_clear()


def install(folder: Path, package: str, entry_points: str) -> None:
    """Make a package look installed to whoever has the folder on the path."""
    info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)


def test_the_package_in_contributing_passes_its_own_tests_as_it_stands_there(tmp_path: Path) -> None:
    blocks = re.findall(r"^`([\w.]+)` .*?\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    files = dict(blocks)
    assert set(files) == {"pyproject.toml", "agentlens_toylog.py", "sample.toylog", "test_toylog.py"}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    group, name, value = re.search(r'entry-points\."(.*?)"\]\n(\w+) = "(\w+)"', files["pyproject.toml"]).groups()  # type: ignore[union-attr]
    install(tmp_path, "agentlens-toylog", f"[{group}]\n{name} = {value}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_toylog.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        (None, "cannot be imported (ModuleNotFoundError"),
        ("import nothing_of_the_kind", "cannot be imported (ModuleNotFoundError"),
        ("def sniff(: pass", "cannot be imported (SyntaxError"),
        ("1 / len('')", "cannot be imported (ZeroDivisionError"),
        (LOADER.replace("VERSION = 1", ""), "has no VERSION"),
        (LOADER.replace("def load", "def other"), "has no load"),
        (LOADER.replace("VERSION = 1", "VERSION = 'one'"), "has a VERSION that is no int"),
        (LOADER + "sniff = 3", "has a sniff that is no function"),
    ],
)
def test_a_broken_package_is_named_with_what_is_wrong(
    module: str | None, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "toy-logs", "[agentlens.loaders]\ntoy = toy_module\n")
    if module is not None:
        (tmp_path / "toy_module.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_module", raising=False)
    with pytest.raises(AgentLensError, match=r"The package toy-logs adds the loader 'toy'") as caught:
        loaders.all_loaders()
    assert problem in str(caught.value)


def test_two_loaders_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "my-otlp", "[agentlens.loaders]\notlp = toy_module\n")
    (tmp_path / "toy_module.py").write_text(LOADER)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(AgentLensError, match="my-otlp adds a loader called 'otlp', a name that agentlens itself uses"):
        loaders.all_loaders()


def test_an_added_loader_stands_among_the_others_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "my-logs", "[agentlens.loaders]\nmy_logs = my_logs_module\n")
    (tmp_path / "my_logs_module.py").write_text(LOADER)
    monkeypatch.syspath_prepend(tmp_path)
    names = list(loaders.all_loaders())
    assert "my_logs" in names and names == sorted(names)
