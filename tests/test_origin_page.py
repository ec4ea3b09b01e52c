"""Origin and the origins in the context inspector, linked with the tree, in a real browser on a page put together as a report is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic
from lens_builder import agent, call, read_steps, said, tool
from test_explorers_static import Open, open_page, selected  # noqa: F401

import agentlens as al

pytestmark = pytest.mark.browser
LINEAGE = Path(__file__).parents[1] / "datasets" / "lineage"


@pytest.fixture(scope="module")
def body() -> Iterator[str]:
    with al.read(LINEAGE, progress=False) as lens:
        views = {
            "origin": al.Origin(lens, "48,217.30"),
            "tree": al.TraceTree(lens),
            "conversation": al.Conversation(lens, agent="editor"),
        }
        yield "".join(synthetic.embedded_place(name, view.embed()) for name, view in views.items())


def test_the_way_of_a_value_can_be_walked_by_keys_and_each_step_opens_in_the_tree(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    steps = page.locator("#origin").get_by_role("list", name="Steps of 48,217.30").get_by_role("button")
    assert steps.count() == 11
    assert "analyst: ledger_query answered; from nowhere earlier in the log" in steps.first.get_attribute("aria-label")
    assert "report, carried from analyst" in steps.nth(2).get_attribute("aria-label")
    steps.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert steps.first.get_attribute("aria-pressed") == "true"
    assert "ledger_query" in selected(page).inner_text()


def test_what_is_similar_stands_apart_and_the_table_says_the_same_as_the_picture(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body, width=900, scheme="dark")
    origin = page.locator("#origin")
    assert origin.get_by_text("written otherwise").count() == 1
    origin.get_by_text("As a table").click()
    rows = origin.get_by_role("table", name="Hops of 48,217.30").get_by_role("row")
    assert rows.count() == 12
    assert "48.2k" in rows.last.inner_text()
    assert "similar" in rows.last.inner_text()


def test_another_value_is_shown_without_a_kernel(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    origin = page.locator("#origin")
    origin.get_by_label("Of what").select_option("PO-70031")
    origin.get_by_role("list", name="Steps of PO-70031").wait_for(state="attached")
    assert "PO-70031" in origin.locator(".al-lineage-passage mark").first.inner_text()


def test_a_piece_of_a_window_leads_to_the_step_that_had_it_first(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    inspector = page.locator("#conversation .al-inspector")
    for fold in inspector.locator(".al-block-fold").all():
        fold.click()
    for block in inspector.locator(".al-block-head").all():
        block.click()
    first = inspector.get_by_role("button", name="analyst,").first
    first.click()
    page.locator("#tree .al-details").get_by_text("analyst").first.wait_for()


def test_hostile_texts_stay_texts(open_page: Open, tmp_path: Path) -> None:  # noqa: F811
    evil, script, _ = synthetic.HOSTILE
    steps = [
        agent(evil, start=0),
        call("c", evil, 1, agent=evil, outputs=said(f"{script} 77,120,345")),
        tool(script, "c", 2, agent=script, result=f"{evil} 77,120,345"),
    ]
    with read_steps(tmp_path / "logs", steps) as lens:
        page = open_page(synthetic.embedded_place("origin", al.Origin(lens, "77,120,345").embed()))
    assert page.locator("#origin .al-lineage-pick").count() == 2
    assert page.locator("#origin img, #origin script").count() == 0


def test_a_report_shows_what_led_to_the_harm(tmp_path: Path) -> None:
    with al.read(LINEAGE.parent / "research_team", progress=False) as lens:
        al.report(lens, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert 'id="origin-section"' in page
    assert 'data-explorer="origin"' in page
