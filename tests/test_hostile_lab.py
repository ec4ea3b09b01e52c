"""Hostile text of every format in a live JupyterLab: shown by every explorer and table, clicked through, and nothing runs or loads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_explorers_lab import KERNEL_IS_IDLE, Lab, Open, open_notebook, serve, write_notebook
from test_hostile_everywhere import LOOK, spoilt_files

pytestmark = [pytest.mark.browser, pytest.mark.slow]
__all__ = ["open_notebook", "spoilt_files"]

SHOWN = [
    "lens", "lens.sql('FROM spans LIMIT 50').pl()", "lens.catalog()", "al.Overview(lens)", "al.TraceTree(lens)", "al.Conversation(lens)",
    "al.AgentMap(lens)", "al.Findings(lens)", "al.TokenEconomics(lens)", "al.Drift(lens)", "al.Origin(lens)",
    "al.Compare(lens, *[row[0] for row in lens.sql('SELECT trace_id FROM spans GROUP BY ALL ORDER BY count(*) DESC, trace_id LIMIT 2').fetchall()])",
]  # fmt: skip
CELLS = [
    "%load_ext agentlens\nimport agentlens as al\nlens = al.read('spoilt', progress=False)\nal.detect(lens)",
    "%%lens\nSELECT name, agent_name, tool_call_result FROM spans LIMIT 20",
    *SHOWN,
]
VIEWS = ("overview", "tree", "conversation", "agent-map", "findings", "charts", "drift", "lineage", "compare")
# The page of JupyterLab has links and scripts of its own: only what cells show is looked at.
LOOK_AT_OUTPUTS = LOOK.replace("open = [document]", "open = [...document.querySelectorAll('.jp-OutputArea-output')]")


@pytest.fixture(scope="module")
def lab(spoilt_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(spoilt_files, folder / "notebooks" / "spoilt")
    with serve(folder) as running:
        yield running


# Clicks what a view offers, six of each kind; a click may take away what came after.
CLICK_THROUGH = """async (view) => {
  const root = document.querySelector(`.al-${view}`)
  for (const kind of ['[role=treeitem]', 'tr', '[role=tab]', 'button'])
    for (const one of [...root.querySelectorAll(kind)].filter((each) => each.checkVisibility()).slice(0, 6)) {
      if (one.isConnected) one.click()
      await new Promise((done) => setTimeout(done, 50))
    }
}"""


def test_live_explorers_and_tables_of_hostile_logs_run_and_load_nothing(lab: Lab, open_notebook: Open) -> None:
    write_notebook(lab.folder / "hostile.ipynb", CELLS)
    page = open_notebook("hostile.ipynb")
    page.wait_for_function(KERNEL_IS_IDLE)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    for view in VIEWS:
        page.locator(f".al-{view}").first.wait_for()
    assert "Traceback" not in page.locator(".jp-Notebook").inner_text()
    assert page.evaluate(LOOK_AT_OUTPUTS) == []
    for view in VIEWS:
        page.evaluate(CLICK_THROUGH, view)
    page.wait_for_timeout(500)
    assert page.evaluate(LOOK_AT_OUTPUTS) == []
    assert "window.owned=1" in page.locator(".jp-Notebook").inner_text()
