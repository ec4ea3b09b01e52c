"""Drift and Compare in a real browser on a page put together as a report is: what is clicked is selected, in the tree as well."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lens_builder import EPOCH_NS, Step, agent, call, read_steps, tool

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic
from test_explorers_static import Open, open_page  # noqa: F401

import agentlens as al
from agentlens import Lens

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror='window.owned=1'>"
HOUR = 3_600


def steps_of(who: str, n: int, rng: random.Random) -> list[Step]:
    """One run in a trace of its own: from the 20th on its tool takes three times as long and its prompt says one thing more."""
    slow = (3.0 if n >= 20 else 1.0) * rng.lognormvariate(0, 0.2)
    prompt = "Be brief. Name the source." + (" Quote it in full." if n >= 20 else "")
    inputs = [
        {"role": "system", "parts": [{"type": "text", "content": prompt}]},
        {"role": "user", "parts": [{"type": "text", "content": f"Read {EVIL}"}]},
    ]
    name, start = f"{who}{n}", 5 * HOUR * n
    return [
        agent(f"{who}#{n}", None, start, start + 60, trace=name),
        call(f"c{n}", f"{who}#{n}", start + 1, trace=name, agent=who, model="m", inputs=inputs, input_tokens=900 + n % 7),
        tool(f"look#{n}", f"{who}#{n}", start + 5, start + 5 + slow, trace=name, agent=who, arguments={"q": EVIL if n % 2 else "harbour"}),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def lens(tmp_path_factory: pytest.TempPathFactory) -> Lens:
    rng = random.Random(5)
    identity = "# Identity\n\n- **Name:** ares\n\n## Responsibilities\n- {}\n"
    files = {
        "first.md": "---\nkind: identity\nname: ares\ndate: 2026-01-01\n---\n"
        + identity.format("Read the harbour news"),
        "second.md": "---\nkind: identity\nname: ares\ndate: 2026-01-06\n---\n"
        + identity.format("Read the harbour news and quote it"),
    }
    folder = tmp_path_factory.mktemp("drift")
    return read_steps(folder, [s for who in ("ares", EVIL) for n in range(40) for s in steps_of(who, n, rng)], **files)


@pytest.fixture(scope="module")
def body(lens: Lens) -> str:
    runs = [
        trace
        for (trace,) in lens.sql("SELECT trace_id FROM traces WHERE agent_name = 'ares' ORDER BY start_time").fetchall()
    ]
    views = {"drift": al.Drift(lens), "compare": al.Compare(lens, runs[0], runs[-1]), "tree": al.TraceTree(lens)}
    return "".join(synthetic.embedded_place(name, view.embed()) for name, view in views.items())


def test_the_runs_on_either_side_of_a_change_are_a_click_away_in_the_tree(
    lens: Lens,
    body: str,
    open_page: Open,  # noqa: F811
) -> None:
    page = open_page(body)
    drift = page.locator("#drift")
    change = drift.get_by_role("button").filter(has_text="Tool look, duration of a tool call")
    change.click()
    assert change.get_attribute("aria-pressed") == "true"
    query = """
        SELECT side, name FROM (UNPIVOT (
          SELECT span_ids_before[1] AS before, span_ids_after[1] AS after FROM drift_changes WHERE dimension = 'tool' AND verdict = 'step'
        ) ON before, after INTO NAME side VALUE span_id) JOIN spans USING (span_id)
    """
    names = dict(lens.sql(query).fetchall())
    for label, side in (("both sides", "before"), ("after", "after"), ("before", "before")):
        button = drift.get_by_role("button", name=label)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        page.get_by_role("treeitem", name=f"{names[side]},", selected=True).wait_for()


def test_a_release_shows_what_is_gone_and_what_is_new_by_key_and_by_click(body: str, open_page: Open) -> None:  # noqa: F811
    page = open_page(body)
    drift = page.locator("#drift")
    drift.get_by_role("button", name="ares: system prompt").press("Enter")
    assert "+ Quote it in full." in drift.get_by_role("region", name="Release").inner_text()
    drift.get_by_role("button", name="ares: identity file").click()
    shown = drift.get_by_role("region", name="Release").inner_text()
    assert "− Read the harbour news" in shown and "+ Read the harbour news and quote it" in shown


def test_courses_are_shown_by_tool_as_well_and_hostile_names_stay_text(body: str, open_page: Open) -> None:  # noqa: F811
    page = open_page(body)
    drift = page.locator("#drift")
    drift.get_by_label("Measure").select_option("tool_duration_s")
    drift.get_by_label("Courses of").select_option("agent")
    assert (
        drift.locator("figcaption").count() == 2
        and EVIL in drift.locator("figcaption").all_inner_texts()[0] + drift.locator("figcaption").all_inner_texts()[1]
    )
    drift.get_by_label("Courses of").select_option("tool")
    assert [text.split()[0] for text in drift.locator("figcaption").all_inner_texts()] == ["look"]
    assert drift.locator("rect.al-drift-mark").count() == 1
    drift.get_by_label("Measure").select_option("task_input_tokens")
    assert "no measure of a tool" in drift.inner_text()
    assert page.evaluate("window.owned") is None


def test_compare_goes_to_the_first_difference_walks_by_arrows_and_shows_both_texts(body: str, open_page: Open) -> None:  # noqa: F811
    page = open_page(body)
    compare = page.locator("#compare")
    compare.get_by_role("button", name="Go to the first difference").click()
    details = compare.get_by_role("region", name="Texts of the step")
    details.wait_for()
    first = compare.locator("tr.al-selected").first.get_attribute("data-key")
    compare.locator("tr.al-selected .al-cmp-step-pick").first.press("ArrowDown")
    page.keyboard.press("Enter")
    assert compare.locator("tr.al-selected").first.get_attribute("data-key") != first
    compare.get_by_role("button", name="look").first.click()
    details.get_by_text("harbour").first.wait_for()
    assert page.evaluate("window.owned") is None
    rows = compare.locator("tbody tr").count()
    compare.get_by_label("fold equal steps").uncheck()
    assert compare.locator("tbody tr").count() >= rows


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_narrow_page(body: str, open_page: Open, scheme: str) -> None:  # noqa: F811
    page = open_page(body, width=700, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 700


def test_the_identity_file_is_on_the_timeline_from_its_day_on(lens: Lens) -> None:
    rows = lens.sql(
        "SELECT agent_name, epoch_ns(start_time), removed, added FROM releases WHERE kind = 'identity_file'"
    ).fetchall()
    ((name, start, removed, added),) = rows
    assert name == "ares" and start == EPOCH_NS + 24 * 5 * HOUR * 10**9
    assert (removed, added) == (["Read the harbour news"], ["Read the harbour news and quote it"])


@pytest.fixture(scope="module", autouse=True)
def closed(lens: Lens) -> Iterator[None]:
    yield
    lens.close()


def test_the_name_of_every_measure_can_be_read_whole(body: str, open_page: Open) -> None:  # noqa: F811
    page = open_page(body)
    texts = (
        page.locator("#drift")
        .get_by_label("Measure")
        .evaluate(
            """(select) => {
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = getComputedStyle(select).font;
            return [...select.options].map((option) => pen.measureText(option.text).width / select.clientWidth);
        }"""
        )
    )
    assert len(texts) > 5 and max(texts) < 1
