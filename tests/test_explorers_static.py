"""The explorers' front end in a real browser, on static pages put together as a report is.

Everything is found by role and label. The network is blocked and recorded, the console must stay empty, and the page
runs under the report's own policy.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic

from agentlens import charts
from agentlens.explorers._chart_explorer import name_rows

pytestmark = pytest.mark.browser


Open = Callable[..., Any]


@pytest.fixture
def open_page(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens a body in a page of its own; afterwards nothing may have been fetched, logged or thrown."""
    trouble: list[str] = []
    contexts = []

    def open_body(body: str, width: int = 1400, height: int = 900, scheme: str = "light") -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        context.set_default_timeout(20_000)
        page = context.new_page()
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(synthetic.build_page(body), "utf-8")

        def guard(route: Any) -> None:
            if route.request.url == path.as_uri():
                return route.continue_()
            trouble.append(f"asked for {route.request.url}")
            return route.abort()

        page.route("**/*", guard)
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"threw: {error}"))
        page.goto(path.as_uri())
        page.locator("[data-mounted]").first.wait_for()
        return page

    yield open_body
    for context in contexts:
        context.close()
    assert trouble == []


@pytest.fixture(scope="module")
def forest() -> synthetic.Forest:
    made = synthetic.make_forest(1500, waves=3, traces=3)
    synthetic.add_hostile(made)
    return made


@pytest.fixture(scope="module")
def body(forest: synthetic.Forest) -> str:
    return synthetic.tree_place(forest, details=2000)


def rows(page: Any) -> Any:
    return page.get_by_role("tree", name="Trace tree").get_by_role("treeitem")


def selected(page: Any) -> Any:
    return page.get_by_role("treeitem", selected=True)


def test_the_tree_says_level_place_and_state_of_every_row(open_page: Open, body: str) -> None:
    page = open_page(body)
    wave = rows(page).nth(1)
    assert wave.get_attribute("aria-label").startswith("wave 1, agent orchestrator")
    assert [wave.get_attribute(f"aria-{name}") for name in ("level", "posinset", "setsize", "expanded")] == [
        "2", "1", "3", "true",
    ]  # fmt: skip


def test_arrow_keys_walk_open_and_close_the_tree(open_page: Open, body: str) -> None:
    page = open_page(body)
    page.get_by_role("tree").focus()
    for key in ("ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    selected(page).and_(page.get_by_role("treeitem", name="wave 1")).wait_for()
    seen = page.get_by_role("tree").get_attribute("aria-activedescendant")
    assert selected(page).get_attribute("id") == seen
    page.keyboard.press("ArrowLeft")
    page.get_by_role("treeitem", name="wave 1", expanded=False).wait_for()
    page.keyboard.press("ArrowRight")
    page.get_by_role("treeitem", name="wave 1", expanded=True).wait_for()
    page.keyboard.press("Home")
    selected(page).and_(page.get_by_role("treeitem", name="incident review")).wait_for()


def test_a_click_opens_the_details_and_escape_closes_them(open_page: Open, body: str) -> None:
    page = open_page(body)
    rows(page).nth(3).click()
    details = page.get_by_role("region", name="Span details")
    details.get_by_text("2.418 s").wait_for()
    assert details.get_by_role("article", name="output 0: assistant").is_visible()
    assert details.get_by_text("123456789012345678901234567890").is_visible()
    assert details.get_by_role("navigation", name="Path to the span").get_by_role("button").all_inner_texts() == [
        "incident review", "wave 1",
    ]  # fmt: skip
    page.keyboard.press("Escape")
    details.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "tree"


def test_long_text_and_earlier_messages_are_folded_until_asked_for(open_page: Open, body: str) -> None:
    page = open_page(body)
    rows(page).nth(3).click()
    details = page.get_by_role("region", name="Span details")
    assert details.get_by_role("article", name="input 0: user").count() == 0
    details.get_by_role("button", name="Show 6 earlier messages").click()
    first = details.get_by_role("article", name="input 0: user")
    before = len(first.inner_text())
    first.get_by_role("button", name="Show all").click()
    assert len(first.inner_text()) > 2 * before
    raw = details.get_by_text("Raw record")
    raw.click()
    assert details.get_by_text("line 1,204").is_visible()


def test_search_counts_marks_and_steps_through_its_matches(
    open_page: Open, body: str, forest: synthetic.Forest
) -> None:
    page = open_page(body)
    box = page.get_by_role("searchbox", name="Search spans")
    box.fill("web_search")
    code = forest.names["execute_tool web_search"]
    count = sum(name == code for name in forest.columns["name"])
    status = page.get_by_role("status", name="Search matches")
    assert status.inner_text() == f"{count} matches"
    box.press("Enter")
    assert status.inner_text() == f"1 of {count}"
    box.press("Shift+Enter")
    assert status.inner_text() == f"{count} of {count}"
    assert selected(page).locator("mark").inner_text() == "web_search"
    box.fill("no such thing")
    assert status.inner_text() == "no match"


def test_folded_plumbing_is_counted_and_can_be_shown(open_page: Open, body: str) -> None:
    page = open_page(body)
    box = page.get_by_role("checkbox", name="Plumbing")
    assert not box.is_checked()
    assert page.get_by_role("checkbox", name="Plumbing (432 folded)").count() == 1
    page.get_by_label("Open to depth").select_option("Infinity")
    assert page.get_by_role("treeitem", name="POST /v1/messages").count() == 0
    box.check()
    page.get_by_role("treeitem", name="POST /v1/messages").first.wait_for()


def test_lanes_name_every_agent_and_keep_the_selection(open_page: Open, body: str) -> None:
    page = open_page(body)
    page.get_by_role("treeitem", name="invoke_agent writer").first.click()
    page.get_by_role("button", name="Lanes").click()
    lanes = page.get_by_role("listbox", name="Agent lanes")
    assert lanes.get_by_role("option", selected=True).count() == 1
    shown = page.locator(".al-lane").all_inner_texts()
    assert [text.split("\n")[0] for text in shown[:3]] == ["orchestrator", "scout", "researcher"]
    lanes.focus()
    page.keyboard.press("ArrowUp")
    lanes.get_by_role("option", name="wave 1, agent orchestrator").wait_for()
    page.keyboard.press("ArrowDown")
    lanes.get_by_role("option", name="chat claude-sonnet-4-5, agent orchestrator").wait_for()


def test_a_trace_is_picked_by_name_and_the_window_follows(open_page: Open, body: str) -> None:
    page = open_page(body)
    window = page.get_by_role("slider", name="Time window")
    whole = window.get_attribute("aria-valuetext")
    page.get_by_role("combobox", name="Trace").select_option("run 2")
    assert rows(page).first.get_attribute("aria-label").startswith("incident review")
    page.wait_for_function("([slider, whole]) => slider.ariaValueText !== whole", arg=[window.element_handle(), whole])
    window.focus()
    narrow = window.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(50)
    assert window.get_attribute("aria-valuetext") != narrow


def test_hostile_names_and_messages_stay_text(open_page: Open, body: str) -> None:
    page = open_page(body)
    page.get_by_role("combobox", name="Trace").select_option("3")
    page.get_by_role("treeitem", name=synthetic.HOSTILE[0]).click()
    page.get_by_role("region", name="Span details").get_by_text("RateLimitError: 429").wait_for()
    page.get_by_role("treeitem", name="⟨U+001B⟩[31mred⟨U+001B⟩[0m ⟨U+202E⟩gnp.exe⟨U+202C⟩ ↵ second line").click()
    page.get_by_role("button", name="Lanes").click()
    page.locator(".al-canvas").hover(position={"x": 60, "y": 40})
    page.wait_for_timeout(100)
    assert page.evaluate("window.__pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("body script:not([type])").count() == 1


def test_every_key_stays_inside_so_that_the_notebook_never_hears_it(open_page: Open, body: str) -> None:
    page = open_page(body)
    page.evaluate("window.heard = 0; document.addEventListener('keydown', () => window.heard++)")
    page.get_by_role("tree").focus()
    for key in ("a", "b", "d", "d", "x", "m", "j", "z", "f", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("window.heard") == 0
    assert page.locator(".al-root").get_attribute("data-lm-suppress-shortcuts") == "true"


def test_rows_that_a_condition_lights_up_are_set_off(open_page: Open, forest: synthetic.Forest) -> None:
    bits = np.zeros(len(forest), bool)
    bits[1] = True
    embedded = {"state": {"_header": forest.header([]), "_row": -1}, "binary": {"_columns": "c", "_highlight": "h"}}
    blobs = {"c": forest.pack(), "h": np.packbits(bits, bitorder="little").tobytes()}
    page = open_page(synthetic.place("tree", "trace_tree", embedded, blobs))
    assert "al-lit" in rows(page).nth(1).get_attribute("class")
    assert "al-dimmed" in rows(page).nth(2).get_attribute("class")


def test_no_spans_end_in_a_sentence(open_page: Open) -> None:
    page = open_page(synthetic.tree_place(synthetic.Forest()))
    assert page.get_by_text("No spans to show").is_visible()


def test_a_span_whose_details_are_not_there_says_so(open_page: Open, forest: synthetic.Forest) -> None:
    page = open_page(synthetic.tree_place(forest, details=1))
    rows(page).nth(1).click()
    assert "not part of this report" in page.get_by_role("alert").inner_text()


def test_a_button_of_the_page_opens_its_span_in_the_tree(open_page: Open, body: str) -> None:
    button = '<button type="button" data-select-in="tree" data-select-row="5">evidence</button>'
    page = open_page(button + body)
    page.get_by_role("button", name="evidence").click()
    assert selected(page).get_attribute("data-row") == "5"


@pytest.mark.parametrize("width", [480, 700])
def test_a_narrow_page_keeps_everything_in_reach(open_page: Open, body: str, width: int) -> None:
    page = open_page(body, width=width)
    rows(page).nth(2).click()
    details = page.get_by_role("region", name="Span details")
    details.get_by_text("2.418 s").wait_for()
    box, tree = details.bounding_box(), page.get_by_role("tree").bounding_box()
    assert box["y"] >= tree["y"] + tree["height"] - 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_turns_dark_with_its_surroundings(open_page: Open, body: str) -> None:
    page = open_page(body, scheme="dark")
    assert page.locator(".al-root").get_attribute("data-theme") == "dark"
    page.emulate_media(color_scheme="light")
    page.locator(".al-root[data-theme=light]").wait_for()


def test_a_hundred_thousand_spans_of_at_most_40_bytes_each_open_and_are_searched(open_page: Open) -> None:
    forest = synthetic.make_forest(100_000)
    packed = forest.pack()
    assert len(packed) / len(forest) <= 40
    page = open_page(synthetic.tree_place(forest, details=1))
    page.locator(".al-root[data-ready=true]").wait_for()
    page.get_by_role("searchbox", name="Search spans").fill("search")
    page.get_by_role("status", name="Search matches").filter(has_text="match").wait_for()
    page.get_by_role("button", name="Lanes").click()
    page.get_by_role("listbox", name="Agent lanes").wait_for()
    assert page.locator(".al-row").count() < 200


def chart_place() -> str:
    frame = pl.DataFrame(
        {"agent_name": ["scout", synthetic.HOSTILE[1], None], "calls": [3, 2, 1], "input_tokens": [5000, 1200, 70],
         "output_tokens": [50, 12, 7], "cost_usd": [0.5, 0.01, None]}
    )  # fmt: skip
    kinds = {
        "agent_name": "text",
        "calls": "count",
        "input_tokens": "count",
        "output_tokens": "count",
        "cost_usd": "usd",
    }
    missing = {"agent_name": "no agent", "cost_usd": "unpriced"}
    columns = [
        {"name": n, "label": n.replace("_", " "), "kind": k, "missing": missing.get(n, "–")} for n, k in kinds.items()
    ]
    views = {
        measure: {"spec": name_rows(charts.usage_bars(frame, "agent_name", measure)), "table": "agent"}
        for measure in ("input_tokens", "cost_usd")
    }
    controls = [
        {"key": "measure", "label": "measure", "values": [["input_tokens", "input tokens"], ["cost_usd", "cost USD"]]}
    ]
    table = {"columns": columns, "rows": [list(row) for row in frame.rows()], "pick": ["agent_name"]}
    state = {"title": "Tokens", "controls": controls, "views": views, "tables": {"agent": table}, "notes": ["a note"]}
    return synthetic.place("usage", "charts", {"state": {"_charts": state, "_choice": {}, "_picked": {}}}, {})


def test_a_chart_is_drawn_without_eval_and_its_rows_stand_below(open_page: Open) -> None:
    page = open_page(chart_place())
    page.locator(".al-charts[data-ready=true]").wait_for()
    labels = page.get_by_role("group", name="Chart").locator("svg text").all_text_contents()
    assert {"scout", "no agent"} <= set(labels)
    assert any(label.startswith("</script><script>") for label in labels)
    table = page.get_by_role("table", name="Rows of the chart")
    assert table.get_by_role("row").nth(1).inner_text().split("\t") == ["scout", "3", "5,000", "50", "$0.500"]
    assert page.evaluate("window.__pwned") is None
    page.get_by_role("combobox", name="measure").select_option("cost USD")
    page.get_by_role("group", name="Chart").locator("svg text", has_text="cost USD").wait_for()


CLIPS = """() => [...document.querySelectorAll(".al-chart > div")].flatMap((place) => {
    const tree = place.shadowRoot ?? document;
    const ids = [...tree.querySelectorAll("[clip-path]")].map((mark) => mark.getAttribute("clip-path").slice(5, -1));
    return ids.map((id) => tree !== document && tree.getElementById(id) !== null);
})"""


def test_the_bars_of_a_chart_are_cut_by_nothing_of_another_chart(open_page: Open) -> None:
    page = open_page(chart_place())
    page.locator(".al-charts[data-ready=true]").wait_for()
    clips = page.evaluate(CLIPS)
    assert clips and all(clips)  # each explorer of a notebook has a copy of Vega, which all name their clips alike


def test_a_table_sorts_by_its_heads_and_rows_without_a_value_stay_last(open_page: Open) -> None:
    page = open_page(chart_place())
    table = page.get_by_role("table", name="Rows of the chart")
    last = lambda: table.get_by_role("row").last.inner_text()  # noqa: E731
    table.get_by_role("button", name="cost usd").click()
    assert "unpriced" in last()
    table.get_by_role("button", name="cost usd").click()
    assert "unpriced" in last()
    assert table.get_by_role("columnheader", name="cost usd").get_attribute("aria-sort") == "ascending"


def test_a_bar_and_its_row_are_picked_together(open_page: Open) -> None:
    page = open_page(chart_place())
    page.locator(".al-charts[data-ready=true]").wait_for()
    page.get_by_role("group", name="Chart").locator("svg .mark-rect path").first.click()
    table = page.get_by_role("table", name="Rows of the chart")
    assert table.locator("tr[aria-selected=true]").inner_text().startswith("scout")
    page.keyboard.press("Tab")
    table.get_by_role("row").nth(2).focus()
    page.keyboard.press("Enter")
    assert "script" in table.locator("tr[aria-selected=true]").inner_text()


def test_a_place_that_cannot_be_opened_says_so_and_the_others_still_open(open_page: Open, body: str) -> None:
    page = open_page('<div id="x" data-explorer="nonsense" data-state="nowhere"></div>' + body)
    assert "could not be opened" in page.get_by_role("alert").inner_text()
    rows(page).first.wait_for()
