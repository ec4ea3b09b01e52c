"""The explorers in a real JupyterLab: shown live, linked, and as a picture when the notebook is opened without a kernel."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = os.environ.get("AGENTLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
NEEDS = "Chromium is not installed; `apt-get install chromium` (AGENTLENS_REQUIRE_BROWSER=1 makes this a failure)"
pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = [
    "import agentlens as al, traitlets\n"
    "lens = al.read('wave_14', progress=False)\n"
    "findings, overview, tree = al.Findings(lens), al.Overview(lens), al.TraceTree(lens)\n"
    "agents, conversation = al.AgentMap(lens), al.Conversation(lens, agent='Atlas')\n"
    "for view in (findings, overview, agents, conversation):\n"
    "    traitlets.link((view, 'selection'), (tree, 'selection'))",
    "overview",
    "findings",
    "tree",
    "agents",
    "conversation",
]
NAMES = ["Overview", "Findings", "TraceTree", "AgentMap", "Conversation"]


@dataclass
class Lab:
    """A running JupyterLab: its address, its token and the folder it serves."""

    url: str
    token: str
    folder: Path


def settle(folder: Path) -> dict[str, str]:
    """Return an environment in which JupyterLab keeps to itself: no news, and every output is in the page."""
    settings = {
        "apputils-extension/notification": {"fetchNews": "false"},
        "notebook-extension/tracker": {"windowingMode": "none"},
    }
    for name, value in settings.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    places = {
        "HOME": ".",
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "run",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
    }
    return os.environ | {name: str(folder / place) for name, place in places.items()} | {"PYTHONPATH": str(ROOT)}


def write_notebook(path: Path, cells: list[str] = CELLS) -> None:
    """Write the notebook, not run yet."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "datasets" / "wave_14", folder / "notebooks" / "wave_14")
    with serve(folder) as running:
        yield running


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Lab]:
    """Run a JupyterLab that serves `folder/notebooks`."""
    served = folder / "notebooks"
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = [
        "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={served}", "--allow-root", "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
    ]  # fmt: skip
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            env=settle(folder),
            cwd=served,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", folder / "lab.log")
        yield Lab(f"http://127.0.0.1:{port}", token, served)
    finally:
        server.terminate()
        server.wait(20)


def wait_for(url: str, log: Path) -> None:
    """Wait until an address answers, for a minute at most."""
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.2)
    raise TimeoutError(log.read_text())


Open = Callable[[str], Any]


def is_complaint(message: Any) -> bool:
    """Whether a line of the console is an error, or anything about a view."""
    return message.type == "error" or "agentlens" in message.text


@pytest.fixture
def open_notebook(lab: Lab) -> Iterator[Open]:
    """Opens a notebook; afterwards nothing may have been asked for outside the machine, and no view may have complained."""
    if not CHROMIUM:
        if os.environ.get("AGENTLENS_REQUIRE_BROWSER") == "1":
            pytest.fail(NEEDS)
        pytest.skip(NEEDS)
    from playwright.sync_api import sync_playwright

    asked: list[str] = []
    complaints: list[str] = []

    def guard(route: Any) -> None:
        if route.request.url.startswith((lab.url, "data:", "blob:")):
            return route.continue_()
        asked.append(route.request.url)
        return route.abort()

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)
        context = browser.new_context(viewport={"width": 1400, "height": 1000}, reduced_motion="reduce")
        context.set_default_timeout(90_000)
        context.route("**/*", guard)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: is_complaint(message) and complaints.append(message.text))

        def open_one(name: str) -> Any:
            page.goto(f"{lab.url}/lab/tree/{name}?reset&token={lab.token}")
            page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").first.wait_for()
            return page

        yield open_one
        browser.close()
    assert asked == []
    assert complaints == []


KERNEL_IS_IDLE = "() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
# Runs code in the notebook's kernel, beside its cells, and returns what it prints.
ASK_KERNEL = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code, store_history: false });
  let text = '';
  future.onIOPub = (message) => { if (message.header.msg_type === 'stream') text += message.content.text; };
  await future.done;
  return text.trim();
}"""

# Clicks a row of the tree that is not selected, and runs code in the kernel some ms later.
CLICK_AND_ASK = """async ([code, pause]) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  [...document.querySelectorAll('.al-tree .al-row[aria-selected=false]')].find((row) => !row.hidden && row.offsetTop > 60).click();
  await new Promise((done) => setTimeout(done, pause));
  await kernel.requestExecute({ code, store_history: false }).done;
}"""


def expect_kernel(page: Any, code: str, wanted: str) -> None:
    """Ask the kernel until it prints what is wanted: what a page does reaches it in its own time."""
    for _ in range(100):
        said = page.evaluate(ASK_KERNEL, code)
        if said == wanted:
            return
        page.wait_for_timeout(200)
    assert said == wanted


def run_all(page: Any, *views: str) -> None:
    """Run all cells and wait until the views (five, if none is named) are there."""
    page.wait_for_function(KERNEL_IS_IDLE)
    assert page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    for view in views or ("overview", "findings", "tree", "agent-map", "conversation"):
        page.locator(f".al-{view}[data-ready=true]").wait_for()


@pytest.fixture
def case(lab: Lab, request: pytest.FixtureRequest) -> str:
    """A notebook of the test's own: another test's would open with outputs of a kernel that is gone."""
    name = f"{request.node.name}.ipynb"
    write_notebook(lab.folder / name)
    return name


def matches(page: Any) -> Any:
    return page.get_by_role("status", name="Search matches")


def test_linked_explorers_follow_one_another_and_the_notebook_reads_back_as_a_picture(
    lab: Lab, open_notebook: Open, case: str
) -> None:
    page = open_notebook(case)
    run_all(page)

    # Live: five views, and no picture beside them.
    assert page.locator(".al-still:visible").count() == 0

    # A finding picked leads to its spans in the tree, and Python knows.
    page.get_by_role("button", name="tool_loop").click()
    page.locator(".al-tree .al-row[aria-selected=true]").wait_for()
    expect_kernel(
        page,
        "print(len(tree.selection), tree.selection == findings.selection, findings.picked['kind'])",
        "6 True finding",
    )
    page.get_by_role("table", name="Agents").get_by_role("row").filter(has_text="Hermes").click()
    page.get_by_role("table", name="Agents").locator("tr[aria-selected=true]", has_text="Hermes").wait_for()
    agent = "lens.sql(overview.sql).pl()['agent_name'].unique().to_list()"
    expect_kernel(page, f"print({agent}, len(tree.selection) > 20, findings.picked)", "['Hermes'] True {}")
    page.get_by_role("combobox", name="Agent", exact=True).locator("option:checked", has_text="Hermes").wait_for(
        state="attached"
    )
    expect_kernel(page, "print(conversation.selection == tree.selection, conversation._pick['agent'])", "True Hermes")

    check_selection_from_the_kernel(page)

    check_clicks_that_meet_cells(page)

    # Typing in a view neither adds nor deletes cells.
    page.get_by_role("tree", name="Trace tree").focus()
    for key in ("a", "b", "d", "d", "x"):
        page.keyboard.press(key)
    assert page.evaluate("() => window.jupyterapp.shell.currentWidget.content.widgets.length") == len(CELLS)

    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    check_reopened(lab, page, case)


def check_selection_from_the_kernel(page: Any) -> None:
    """A span selected in a cell is selected in the tree, marks its parts elsewhere, and opens its call; keys go back."""
    failed = "tool_name = 'margin_check' AND status_code = 'ERROR'"
    page.evaluate(
        ASK_KERNEL, f'tree.selection = [lens.sql("SELECT span_id FROM spans WHERE {failed}").fetchall()[0][0]]'
    )
    page.locator(".al-tree .al-row[aria-selected=true]", has_text="margin_check").wait_for()
    page.locator(".al-overview tr[aria-current=true]", has_text="Prometheus").wait_for()
    page.locator(".al-findings article[aria-current=true]", has_text="swallowed_error").wait_for()
    page.locator(".al-agent-map [aria-current=true][aria-label^='agent Prometheus']").wait_for()
    page.get_by_role("combobox", name="Agent", exact=True).locator("option:checked", has_text="Prometheus").wait_for(
        state="attached"
    )
    call = page.get_by_role("slider", name="Model call")
    call.focus()
    page.keyboard.press("Home")
    page.locator(".al-tree .al-row[aria-selected=true]", has_text="chat").wait_for()
    expect_kernel(page, "print(tree.selection == conversation.selection, conversation._call)", "True 0")


def check_clicks_that_meet_cells(page: Any) -> None:
    """However close a click and a cell that selects are, page and kernel show the same row in the end."""
    span = page.evaluate(ASK_KERNEL, "print(lens.sql('SELECT span_id FROM spans WHERE depth = 0').fetchall()[0][0])")
    for pause in (0, 20, 40, 55, 65, 90):
        page.evaluate(CLICK_AND_ASK, [f"tree.selection = ['{span}']", pause])
        page.wait_for_timeout(400)
        page.wait_for_function(KERNEL_IS_IDLE)
        row = page.locator(".al-tree .al-row[aria-selected=true]").get_attribute("data-row")
        expect_kernel(
            page, "print(tree._row, tree.selection == overview.selection == findings.selection)", f"{row} True"
        )


def test_only_details_wait_for_a_busy_kernel(open_notebook: Open, case: str) -> None:
    page = open_notebook(case)
    run_all(page)
    page.wait_for_function(KERNEL_IS_IDLE)
    tree = page.get_by_role("tree", name="Trace tree")
    kernel = int(page.evaluate(ASK_KERNEL, "import os; print(os.getpid())"))
    details = page.get_by_role("region", name="Span details")
    os.kill(kernel, signal.SIGSTOP)
    try:
        tree.get_by_role("treeitem", name="invoke_agent").first.click()
        details.get_by_text("waiting for the kernel").wait_for()
        page.get_by_role("searchbox", name="Search spans").fill("deploy_preview")
        assert matches(page).inner_text() == "7 matches"
        tree.get_by_role("treeitem", expanded=True).last.locator(".al-twist").click()
        tree.get_by_role("treeitem", expanded=False).first.wait_for()
        page.get_by_role("button", name="Lanes").click()
        page.get_by_role("listbox", name="Agent lanes").wait_for()
        assert details.get_by_text("waiting for the kernel").is_visible()
    finally:
        os.kill(kernel, signal.SIGCONT)
    details.get_by_text("Raw record").wait_for()


def test_texts_conditions_and_addresses_are_answered_by_the_kernel(open_notebook: Open, case: str) -> None:
    page = open_notebook(case)
    run_all(page)
    box = page.get_by_role("searchbox", name="Search spans")
    box.fill("HubSpot")
    box.press("Control+Enter")
    matches(page).filter(has_text="match").wait_for()
    assert "no match" not in matches(page).inner_text()

    page.get_by_role("button", name="SQL condition").click()
    box = page.get_by_role("searchbox", name="SQL condition over spans")
    condition = "status_code = 'ERROR' AND duration_ns > 1e9"
    count = int(page.evaluate(ASK_KERNEL, f'print(len(lens.sql("FROM spans WHERE {condition}")))'))
    box.fill(condition)
    box.press("Enter")
    matches(page).get_by_text(f"{count} matches", exact=True).wait_for()
    box.press("Enter")
    matches(page).get_by_text(f"1 of {count}", exact=True).wait_for()
    box.fill("no_such_column = 1")
    box.press("Enter")
    matches(page).filter(has_text="no_such_column").wait_for()

    last = "lens.sql('SELECT span_id FROM tool_calls ORDER BY preorder DESC LIMIT 1').fetchall()[0][0]"
    link = page.evaluate(ASK_KERNEL, f"print(tree.link({last}))")
    page.evaluate("(link) => { window.location.hash = link; }", link)
    opened = page.get_by_role("region", name="Span details").get_by_text(link.removeprefix("#span="), exact=True)
    opened.wait_for()
    expect_kernel(page, "print(*tree.selection)", link.removeprefix("#span="))


def test_the_first_notebook_goes_on_from_a_click(lab: Lab, open_notebook: Open) -> None:
    (lab.folder / "datasets").symlink_to(ROOT / "datasets")
    shutil.copy(ROOT / "notebooks" / "01_what_happened.ipynb", lab.folder)
    page = open_notebook("01_what_happened.ipynb")
    run_all(page, "tree")
    assert page.evaluate(ASK_KERNEL, "print(len(tree.selection))") == "3"

    # The selected span is in sight; a click on a call beside it shows what was said, and the record in the log.
    page.get_by_role("treeitem", selected=True).first.wait_for()
    call = page.get_by_role("treeitem", name="chat").first
    label = call.get_attribute("aria-label")
    call.click()
    details = page.get_by_role("region", name="Span details")
    details.get_by_role("article", name="output 0: assistant").wait_for()
    details.get_by_text("spans/wave_14.otlp.jsonl").first.wait_for(state="attached")

    # SQL goes on from there.
    query = "SELECT name || ', agent ' || agent_name FROM spans WHERE span_id = $id"
    said = page.evaluate(ASK_KERNEL, f'print(lens.sql("{query}", id=tree.selection[0]).fetchall()[0][0])')
    assert said and label.startswith(said)


def check_reopened(lab: Lab, page: Any, case: str) -> None:
    """Open the saved notebook again, and a copy that nobody trusts: each explorer must be there as a picture."""
    saved = nbformat.read(lab.folder / case, as_version=4)
    assert sum(len(json.dumps(cell)) for cell in saved.cells) < 300_000
    for cell in saved.cells:
        cell.metadata.pop("trusted", None)
        cell.id = secrets.token_hex(4)
    saved.metadata.pop("kernelspec", None)
    nbformat.write(saved, lab.folder / "copy.ipynb")
    page.goto(f"{lab.url}/lab/tree/copy.ipynb?reset&token={lab.token}")
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").first.wait_for()
    pictures = page.locator(".al-still img")
    pictures.nth(len(NAMES) - 1).wait_for()
    assert pictures.evaluate_all("(images) => images.map((image) => image.naturalWidth)") == [940] * len(NAMES)
    alts = pictures.evaluate_all("(images) => images.map((image) => image.alt)")
    assert [alt.split(" of ")[0] for alt in alts] == NAMES


def test_an_exported_notebook_shows_the_pictures(tmp_path: Path) -> None:
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    shutil.copytree(ROOT / "datasets" / "wave_14", tmp_path / "wave_14")
    path = tmp_path / "case.ipynb"
    write_notebook(path)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, store_widget_state=False, resources={"metadata": {"path": str(tmp_path)}}).execute()
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    assert page.count('class="al-still"') == len(NAMES)
    assert page.count("data:image/svg+xml;base64,") >= len(NAMES)
