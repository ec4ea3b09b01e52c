"""A notebook becomes a page: run with parameters, with pictures where widgets were, redacted, and opened without anything else."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner
from lens_builder import agent, call, read_steps, tool
from test_report import open_page

from agentlens import AgentLensError
from agentlens.cli import main
from agentlens.report._notebook import run_notebook

BUNDLED = Path(__file__).parents[1] / "notebooks" / "00_your_case.ipynb"


def write_notebook(path: Path, *cells: str, parameters: str = "") -> Path:
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    if parameters:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    nbformat.write(notebook, path)
    return path


def pictures_of(page: str) -> list[str]:
    return [
        base64.b64decode(packed).decode()
        for packed in re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", page)
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled notebook, run by the command line on a small case with an address in it."""
    folder = tmp_path_factory.mktemp("case")
    steps = [
        agent("Ares"),
        *(tool(f"search#{n}", "Ares", n, agent="Ares", result="mail ana@site.org") for n in range(8)),
    ]
    steps.append(call("answer", "Ares", 20, agent="Ares", model="gpt-4o", input_tokens=900, output_tokens=90))
    read_steps(folder / "logs", steps).close()
    shutil.copy(BUNDLED, folder)  # it writes a report beside itself
    done = CliRunner().invoke(
        main, ["report", "--notebook", str(folder / BUNDLED.name), str(folder / "logs"), "-o", str(folder / "out.html")]
    )
    assert done.exit_code == 0, done.output
    return folder / "out.html"


def test_explorers_and_charts_stand_as_pictures_and_nothing_is_blank(written: Path) -> None:
    pictures = pictures_of(written.read_text())
    assert any("Trace tree" in picture and "Ares" in picture for picture in pictures)
    assert any("Token economics" in picture for picture in pictures)
    notebook = nbformat.read(written.with_suffix(".ipynb"), as_version=4)
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds and "widgets" not in notebook.metadata


def test_nothing_that_should_not_travel_is_in_page_notebook_or_pictures(written: Path) -> None:
    for path in (written, written.with_suffix(".ipynb")):
        text = path.read_text()
        assert "ana@site.org" not in "\n".join([text, *pictures_of(text)])
    assert "[e_mail_address:1]" in "\n".join([written.read_text(), *pictures_of(written.read_text())])


@pytest.mark.browser
def test_it_opens_offline_and_asks_for_nothing(browser: Any, written: Path) -> None:
    page, trouble = open_page(browser, written)
    page.locator("img").first.wait_for()
    assert page.locator("img").evaluate_all("all => all.every(one => one.naturalWidth > 0)") is True
    assert trouble == []


def test_parameters_go_in_and_charts_of_vega_lite_come_out_as_svg(tmp_path: Path) -> None:
    draw = "import altair as alt\nalt.Chart(alt.Data(values=[{'a': n} for n in range(size)])).mark_bar().encode(x='a:Q').properties(title=word)"
    notebook = write_notebook(tmp_path / "mine.ipynb", draw, "print(word, size)", parameters="size = 1\nword = 'none'")
    page = run_notebook(notebook, tmp_path / "out.html", {"size": 3, "word": "<b>sun</b>"}).read_text()
    assert any("sun" in picture and "<svg" in picture for picture in pictures_of(page))
    assert "&lt;b&gt;sun&lt;/b&gt; 3" in page and "<script" not in page and "default-src &#x27;none&#x27;" in page


def test_a_cell_that_fails_is_named_and_leaves_no_file(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "mine.ipynb", "1", "1 / 0")
    with pytest.raises(AgentLensError, match=r"Cell 2 of mine\.ipynb failed: ZeroDivisionError"):
        run_notebook(notebook, tmp_path / "out.html", {})
    assert [path.name for path in tmp_path.iterdir()] == ["mine.ipynb"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--notebook", "none.ipynb"], "is no notebook"),
        (["--notebook", str(BUNDLED), "-p", "novalue"], "NAME=VALUE"),
        (["--notebook", str(BUNDLED), "-o", "report.pdf"], "ends in .html"),
        ([], "CASE"),
        (["logs", "-p", "a=1"], "--notebook"),
    ],
)
def test_wrong_usage_is_said(arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["report", *arguments])
    assert done.exit_code in (1, 2) and says in done.output


def test_the_notebook_itself_is_never_written_over(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "mine.ipynb", "1")
    before = json.loads(notebook.read_text())
    with pytest.raises(AgentLensError, match="another name"):
        run_notebook(notebook, tmp_path / "mine.html", {})
    assert json.loads(notebook.read_text()) == before
