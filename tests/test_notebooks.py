"""Every notebook runs top to bottom, on copies laid out as `agentlens lab` lays them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from agentlens.cli import _copy_notebooks

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
STORIES = [path for path in NOTEBOOKS if not path.name.startswith("00")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `agentlens lab` leaves it."""
    return _copy_notebooks(tmp_path_factory.mktemp("lab") / "agentlens-notebooks")


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_top_to_bottom(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTLENS_CASE", raising=False)
    notebook = nbformat.read(folder / path.name, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    shown = [output for cell in code_cells(notebook) for output in cell.outputs if output.output_type != "stream"]
    assert shown and not [output for output in shown if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_opens_with_its_answer_and_proves_its_numbers(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].cell_type == "markdown"
    assert "**The answer.**" in notebook.cells[0].source
    assert sum("assert " in cell.source for cell in code_cells(notebook)) >= 5


def code_cells(notebook: Any) -> list[Any]:
    """The code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
