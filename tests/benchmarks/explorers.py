"""Measures the explorers in a real Chromium: a made-up trace of many spans on a page as a report has it, and in JupyterLab.

    python tests/benchmarks/explorers.py [--spans 100000 1000000] [--lab]

Printed for each size: bytes a span on the wire and the time Python takes to make them; then in the browser the first paint
(from the module's call with its data to the second frame after it), the work of a frame at the 95th percentile while
panning and zooming in the tree and in the lanes, search, scrolling, opening everything, and the memory of the page. With
`--lab`: from a click to the details on screen with an idle kernel, and from the end of the cell to the first paint. The
sizes of the built modules come last. Software rendering, other work on the machine: times are upper bounds.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "frontend"))
import synthetic
import test_explorers_lab as jupyter

import agentlens as al

EPOCH_NS = 1_776_176_591_000_000_000
SAID = '[{"type": "text", "content": "What was said in the call at place %s of the forest."}]'


def main() -> None:
    """Measure what the command line asks for and print it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--spans", type=int, nargs="*", default=[100_000])
    options.add_argument("--lab", action="store_true", help="measure in JupyterLab too")
    given = options.parse_args()
    for spans in given.spans:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "notebooks" / "forest.duckdb"
            path.parent.mkdir()
            count = write_lens(path, spans)
            print(f"\n{count:,} spans in one trace")
            measure_page(path, Path(folder))
            if given.lab:
                measure_lab(Path(folder))
    print("\nmodules, minified")
    for file in sorted(synthetic.STATIC.glob("*.js")):
        say(file.name, f"{file.stat().st_size / 1000:,.1f} kB")


def say(what: str, value: str) -> None:
    """Print one figure."""
    print(f"  {what:<44} {value}")


def write_lens(path: Path, spans: int) -> int:
    """Write a lens that holds one made-up trace, each model call with a message of its own; return how many spans."""
    forest = synthetic.make_forest(spans)
    log = path.parent / "nothing.jsonl"
    log.write_text('{"resourceSpans": []}\n')
    with al.read(log, progress=False, locked=False) as lens:
        con = lens._con
        con.register("arriving", tabulate(forest))
        con.execute("INSERT INTO spans BY NAME FROM arriving")
        chats = "FROM spans WHERE operation_name = 'chat'"
        con.execute(
            "INSERT INTO messages BY NAME SELECT md5(span_id) AS message_hash, 'assistant' AS role, 80 AS bytes,"
            f" replace($said, '%s', preorder::VARCHAR)::JSON AS parts, 1 AS source_id {chats}",
            {"said": SAID},
        )
        con.execute(
            f"INSERT INTO message_lists BY NAME SELECT preorder AS list_id, 0 AS list_index, md5(span_id) AS message_hash, 1 AS source_id {chats}"
        )
        con.execute(
            "INSERT INTO span_message_ranges BY NAME SELECT trace_id, span_id, 'output' AS direction, 0 AS position,"
            f" preorder AS list_id, 1 AS length, 1 AS source_id {chats}"
        )
        con.unregister("arriving")
        con.execute((Path(al.__file__).parent / "finish" / "judge_usage.sql").read_text("utf-8"))
        lens.save(path)
    return len(forest)


def tabulate(forest: synthetic.Forest) -> pa.Table:
    """Return a forest as rows of `spans`."""
    columns = {name: np.asarray(values) for name, values in forest.columns.items()}
    n = len(forest)
    names = np.array(list(forest.names), dtype=object)
    starts = EPOCH_NS + (columns["start"] * 1e6).astype("i8")
    lengths = columns["duration"].astype("f8") * 1e6
    ends = np.where(np.isnan(lengths), 0, starts + np.nan_to_num(lengths).astype("i8"))
    unfinished = np.isnan(lengths)
    parents = np.full(n, -1)
    depths = np.zeros(n, "i4")
    open_rows: list[int] = []
    for row in range(n):
        while open_rows and columns["end"][open_rows[-1]] <= row:
            open_rows.pop()
        parents[row], depths[row] = (open_rows[-1] if open_rows else -1), len(open_rows)
        open_rows.append(row)
    ids = np.array([f"{row:016x}" for row in range(n)], dtype=object)

    def coded(column: str, words: list[str]) -> Any:
        return pa.array([words[code] or None for code in columns[column]], pa.string())

    return pa.table(
        {
            "trace_id": pa.array(["f" * 32] * n),
            "span_id": pa.array(ids),
            "parent_span_id": pa.array([None if parent < 0 else ids[parent] for parent in parents], pa.string()),
            "name": pa.array(names[columns["name"]]),
            "operation_name": coded("operation", synthetic.OPERATIONS),
            "agent_name": coded("agent", synthetic.AGENTS),
            "tool_name": coded("tool", synthetic.TOOLS),
            "request_model": coded("model", synthetic.MODELS),
            "start_time": pa.array(starts).cast(pa.timestamp("ns")),
            "end_time": pa.array(ends, mask=unfinished).cast(pa.timestamp("ns")),
            "duration_ns": pa.array(ends - starts, mask=unfinished),
            "status_code": pa.array(np.array(["UNSET", "OK", "ERROR"], dtype=object)[columns["status"]]),
            "input_tokens": pa.array(columns["tokens"], mask=columns["tokens"] == 0),
            "usage_scope": pa.array(["self" if spent else None for spent in columns["tokens"]], pa.string()),
            **{name: pa.array(np.zeros(n, bool)) for name in ("is_control_flow", "is_agent_inherited", "is_conversation_inherited", "is_orphan", "is_cycle_broken")},
            "root_span_id": pa.array([ids[0]] * n),
            "depth": pa.array(depths),
            "preorder": pa.array(np.arange(n)),
            "subtree_end": pa.array(columns["end"].astype("i8")),
            "source_id": pa.array(np.ones(n, "i4")),
        }
    )  # fmt: skip


def measure_page(path: Path, folder: Path) -> None:
    """Measure on a static page."""
    with al.read(path) as lens:
        before = time.process_time()
        tree = al.TraceTree(lens)
        say("Python: columns made, CPU", f"{time.process_time() - before:,.2f} s")
        say("wire", f"{len(tree._columns) / len(tree._preorders):,.1f} bytes a span")
        body = synthetic.embedded_place("tree", tree.embed())
    page_file = folder / "page.html"
    page_file.write_text(synthetic.build_page(body), "utf-8")
    with open_chromium() as page:
        page.goto(page_file.as_uri())
        measure_tree(page)


@contextlib.contextmanager
def open_chromium() -> Iterator[Any]:
    """Give a page of a headless Chromium, 1400 by 900."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=jupyter.CHROMIUM, headless=True, args=jupyter.ARGS)
        page = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce").new_page()
        page.set_default_timeout(300_000)
        yield page
        browser.close()


def measure_tree(page: Any) -> None:
    """Measure a tree that stands on the page."""
    root = page.locator(".al-tree[data-ready=true]")
    root.wait_for()
    say("first paint", f"{float(root.get_attribute('data-first-paint')):,.0f} ms")
    for query in ("search", "writer chat", "e"):
        page.get_by_role("searchbox", name="Search spans").fill(query)
        say(f"search for {query!r}", f"{float(root.get_attribute('data-search-ms')):,.0f} ms")
    page.get_by_role("searchbox", name="Search spans").fill("")
    say("tree: frame work, 95 %", f"{page.evaluate(MOVE):,.1f} ms")
    say("open all rows", f"{page.evaluate(TIME, OPEN_ALL):,.0f} ms")
    say("scroll through all rows: frame work, 95 %", f"{page.evaluate(SCROLL):,.1f} ms")
    say("change to lanes", f"{page.evaluate(TIME, TO_LANES):,.0f} ms")
    say("lanes: frame work, 95 %", f"{page.evaluate(MOVE):,.1f} ms")
    say("memory of the page's script", f"{page.evaluate('performance.memory.usedJSHeapSize') / 1e6:,.0f} MB")


# Twelve tens of wheel turns that pan, then zoom in and out: the 95th percentile of a frame's work in ms.
MOVE = """async () => {
  const root = document.querySelector('.al-tree'), canvas = root.querySelector('.al-canvas'), ms = [];
  root.addEventListener('agentlens:draw', (event) => ms.push(event.detail.ms));
  for (let k = 0; k < 120; k++) {
    await new Promise(requestAnimationFrame);
    const zoom = k % 3 > 0;
    const turn = { deltaX: zoom ? 0 : 30, deltaY: zoom ? (k % 40 < 20 ? -60 : 60) : 0, ctrlKey: zoom, clientX: 900, clientY: 400 };
    canvas.dispatchEvent(new WheelEvent('wheel', { ...turn, bubbles: true, cancelable: true }));
  }
  await new Promise(requestAnimationFrame);
  ms.sort((a, b) => a - b);
  return ms[Math.floor(ms.length * 0.95)];
}"""

SCROLL = """async () => {
  const root = document.querySelector('.al-tree'), scroll = root.querySelector('.al-scroll'), ms = [];
  root.addEventListener('agentlens:draw', (event) => ms.push(event.detail.ms));
  for (let k = 0; k < 100; k++) {
    await new Promise(requestAnimationFrame);
    scroll.scrollTop = k < 50 ? k * 60 : (k / 100) * scroll.scrollHeight;
  }
  await new Promise(requestAnimationFrame);
  ms.sort((a, b) => a - b);
  return ms[Math.floor(ms.length * 0.95)];
}"""

# From an act to the frame after it.
TIME = """async (act) => {
  const began = performance.now();
  const element = document.querySelector(act.at);
  if (act.value) element.value = act.value, element.dispatchEvent(new Event('change', { bubbles: true }));
  else element.click();
  await new Promise(requestAnimationFrame);
  await new Promise((done) => setTimeout(done));
  return performance.now() - began;
}"""
OPEN_ALL = {"at": "select[aria-label='Open to depth']", "value": "Infinity"}
TO_LANES = {"at": "button[aria-label=Lanes]"}


def measure_lab(folder: Path) -> None:
    """Measure in JupyterLab, where the columns come over the kernel's comm and details are asked for."""
    cells = ["import agentlens as al\nlens = al.read('forest.duckdb')\ntree = al.TraceTree(lens)", "tree"]
    with jupyter.serve(folder) as lab, open_chromium() as page:
        jupyter.write_notebook(lab.folder / "bench.ipynb", cells)
        page.goto(f"{lab.url}/lab/tree/bench.ipynb?reset&token={lab.token}")
        page.wait_for_function(jupyter.KERNEL_IS_IDLE)
        began = time.perf_counter()
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.locator(".al-tree[data-ready=true]").wait_for()
        say("JupyterLab: cells run and tree painted", f"{time.perf_counter() - began:,.1f} s")
        paint = page.locator(".al-tree").get_attribute("data-first-paint")
        say("JupyterLab: first paint", f"{float(paint):,.0f} ms")
        page.wait_for_function(jupyter.KERNEL_IS_IDLE)
        times = sorted(page.evaluate(CLICK, row) for row in range(3, 15))
        say("JupyterLab: click to details, median", f"{times[len(times) // 2]:,.0f} ms")
        say("JupyterLab: click to details, slowest of 12", f"{times[-1]:,.0f} ms")


CLICK = """async (row) => {
  await new Promise((done) => setTimeout(done, 300));
  const root = document.querySelector('.al-tree');
  const panel = root.querySelector('.al-details');
  const began = performance.now();
  root.querySelectorAll('.al-row')[row].click();
  await new Promise(requestAnimationFrame);
  while (panel.getAttribute('aria-busy') !== 'false') await new Promise(requestAnimationFrame);
  return performance.now() - began;
}"""


if __name__ == "__main__":
    main()
