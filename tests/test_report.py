"""The report opens from a file with no network, says what the views say, and hostile text stays text."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from otlp_forests import as_lines, attribute, read_bytes, span

import agentlens as al
from agentlens.report._facts import Finding, headline

ROOT = Path(__file__).parents[1]
EVIL = "</script><script>window.owned=1</script><img src=x onerror='window.owned=2'>\x1b[2J\u202e"


@pytest.fixture(scope="module")
def lens() -> Iterator[al.Lens]:
    with al.read(ROOT / "datasets" / "wave_14", progress=False) as lens:
        yield lens


@pytest.fixture(scope="module")
def written(lens: al.Lens, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return al.report(lens, tmp_path_factory.mktemp("report") / "report.html")


def open_page(browser: Any, path: Path) -> tuple[Any, list[str]]:
    """Open a page as a mail attachment is opened; return it and everything it asked for or complained of."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, offline=True)
    context.set_default_timeout(30_000)
    page, trouble = context.new_page(), []
    page.on("request", lambda request: trouble.append(request.url) if request.url != path.as_uri() else None)
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(path.as_uri())
    return page, trouble


def open_offline(browser: Any, path: Path) -> tuple[Any, list[str]]:
    """Open a report, and wait until its explorers are there."""
    page, trouble = open_page(browser, path)
    page.locator("[data-mounted]").first.wait_for()
    return page, trouble


@pytest.mark.browser
def test_it_opens_offline_and_shows_every_finding(browser: Any, lens: al.Lens, written: Path) -> None:
    page, trouble = open_offline(browser, written)
    text = page.locator("body").inner_text()
    for (summary,) in lens.sql("SELECT summary FROM findings").fetchall():
        assert summary in text
    assert trouble == []


@pytest.mark.browser
def test_a_finding_opens_its_span_in_the_tree(browser: Any, written: Path) -> None:
    page, trouble = open_offline(browser, written)
    page.get_by_role("button", name="Open in the trace").first.click()
    page.locator("[role=treeitem][aria-selected=true]").first.wait_for()
    assert trouble == []


@pytest.mark.browser
def test_hostile_text_stays_text(browser: Any, tmp_path: Path) -> None:
    attributes = {
        "gen_ai.operation.name": "execute_tool", "gen_ai.agent.name": EVIL, "gen_ai.tool.name": EVIL,
        "gen_ai.tool.call.arguments": json.dumps({"q": EVIL}), "gen_ai.tool.call.result": EVIL,
    }  # fmt: skip
    spans = [
        {
            "traceId": "1" * 32, "spanId": f"{number:016x}", "name": EVIL, "startTimeUnixNano": str(10**18 + number),
            "endTimeUnixNano": str(10**18 + number + 5),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        }
        for number in range(1, 6)
    ]  # fmt: skip
    folder = tmp_path / "<img src=x onerror=window.owned=3>"
    folder.mkdir()
    (folder / "log.jsonl").write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
    with al.read(folder, progress=False) as lens:
        path = al.report(lens, tmp_path / "report.html", title=EVIL)
    page, trouble = open_offline(browser, path)
    page.get_by_role("treeitem").first.click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.owned") is None
    assert "window.owned=1" in page.locator("h1").inner_text()
    assert trouble == []


def test_its_post_mortem_has_the_chain_that_the_lens_gives(lens: al.Lens, written: Path) -> None:
    """The last of the gravest findings is the harm; what led to it stands there step by step."""
    harm = (
        "SELECT span_ids[-1], summary FROM findings WHERE detector = 'missing_brief' ORDER BY start_time DESC LIMIT 1"
    )
    span_id, summary = lens.sql(harm).fetchall()[0]
    cause = lens.root_cause(span_id).project("hypothesis, list_transform(chain, lambda step: step.label)").fetchall()[0]
    text = html.unescape(written.read_text())
    part = text[text.index('<section id="postmortem"') : text.index('<section id="agents"')]
    chain = re.search(r'<ol class="chain">(.*?)</ol>', part, re.DOTALL)
    assert f"What led to “{summary}”" in part and f"1. {cause[0]}" in part
    assert chain and re.findall(r"<code>(.*?)</code>", chain[1]) == cause[1] and len(cause[1]) > 1


@pytest.mark.browser
def test_the_harmed_run_stands_beside_the_last_one_that_went_well(browser: Any, lens: al.Lens, written: Path) -> None:
    page, trouble = open_offline(browser, written)
    shown = page.locator("#compare")
    shown.locator("xpath=self::*[@data-mounted]").wait_for()
    text = shown.inner_text()
    assert "wave 10" in text and "wave 14" in text
    grave = (
        "SELECT DISTINCT name FROM traces SEMI JOIN (FROM findings WHERE severity <> 'info') AS found USING (trace_id)"
    )
    assert "invoke_workflow wave 10" not in {name for (name,) in lens.sql(grave).fetchall()}
    assert trouble == []


def test_its_policy_lets_nothing_in(written: Path) -> None:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', written.read_text("utf-8"))
    assert found is not None
    policy = html.unescape(found[1])
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert re.search(r"script-src( 'sha256-[^ ;]+')+(;|$)", policy)


def test_its_totals_are_those_of_the_ledger(lens: al.Lens, written: Path) -> None:
    ((tokens_in, tokens_out),) = lens.sql(
        "SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT FROM usage_ledger WHERE is_counted"
    ).fetchall()
    text = written.read_text("utf-8")
    assert f"{tokens_in:,}" in text and f"{tokens_out:,}" in text


def test_it_names_every_source_by_its_hash(lens: al.Lens, written: Path) -> None:
    text = written.read_text("utf-8")
    for (digest,) in lens.sql("SELECT sha256 FROM sources").fetchall():
        assert digest[:12] in text


def test_it_stays_below_the_size_it_is_given(lens: al.Lens, tmp_path: Path) -> None:
    path = al.report(lens, tmp_path / "small.html", max_mb=0.6)
    page = path.read_text()
    assert path.stat().st_size <= 600_000
    assert all(f'id="{name}" data-explorer' in page for name in ("tree", "overview", "all_findings"))
    assert "the chart of tokens is a picture here" in page


def test_a_folder_that_is_not_there_is_named(lens: al.Lens, tmp_path: Path) -> None:
    with pytest.raises(al.AgentLensError, match="does not exist"):
        al.report(lens, tmp_path / "nowhere" / "report.html")


def test_a_call_with_a_long_window_keeps_its_details(tmp_path: Path) -> None:
    noise = random.Random(3)
    said = [
        {"role": "user", "parts": [{"type": "text", "content": f"{noise.getrandbits(9000):x}"}]} for _ in range(600)
    ]
    window = [attribute("gen_ai.input.messages", json.dumps(said))]
    with read_bytes(tmp_path / "logs", as_lines([span(0, n, attributes=window) for n in range(3)])) as lens:
        page = al.report(lens, tmp_path / "report.html", redact=False).read_text()
    assert "carry their details" not in page


FOCUSED = """() => {
  const here = document.activeElement, box = here.getBoundingClientRect(), style = getComputedStyle(here);
  const before = window.before, follows = !before || !!(before.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING);
  window.before = here;
  const ringed = [here.parentElement, here.closest("[data-explorer] .al-root") ?? here].map((one) => getComputedStyle(one));
  return {
    end: here === document.body, follows, name: here.outerHTML.slice(0, 160), text: here.innerText ?? "",
    seen: box.width > 0 && box.height > 0 && style.visibility !== "hidden" && box.bottom > 0 && box.top < innerHeight,
    // A divider is five pixels wide: it is filled.
    ringed: (here.getAttribute("role") === "separator" && style.backgroundColor !== "rgba(0, 0, 0, 0)") || [here, ...here.querySelectorAll("*")].slice(0, 40).map((one) => getComputedStyle(one)).concat(ringed)
      .some((one) => (one.outlineStyle !== "none" && parseFloat(one.outlineWidth) > 0) || one.boxShadow !== "none"),
  };
}"""


@pytest.mark.browser
def test_the_whole_report_is_walked_by_keyboard_in_its_order_and_the_focus_is_always_seen(
    browser: Any, written: Path
) -> None:
    page, trouble = open_offline(browser, written)
    page.locator("[data-explorer]:not([data-mounted])").first.wait_for(state="detached")
    stops = []
    for _ in range(900):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop["end"]:
            break
        stops.append(stop)
    assert stop["end"], "the focus is caught before the end"
    assert stops[0]["text"] == "Skip to the findings" and len(stops) > 100
    assert [stop["name"] for stop in stops[1:] if not stop["follows"]] == []
    assert [stop["name"] for stop in stops if not stop["seen"]] == []
    assert [stop["name"] for stop in stops if not stop["ringed"]] == []
    assert trouble == []


@pytest.mark.browser
def test_by_keyboard_a_finding_leads_into_the_tree_and_escape_closes_its_details(browser: Any, written: Path) -> None:
    page, trouble = open_offline(browser, written)
    page.locator("[data-explorer]:not([data-mounted])").first.wait_for(state="detached")
    page.get_by_role("button", name="Open in the trace").first.focus()
    page.keyboard.press("Enter")
    role = "document.activeElement.getAttribute('role')"
    assert page.evaluate(role) == "tree" and page.evaluate("!!document.activeElement.closest('#tree')")
    selected = page.locator("#tree [role=treeitem][aria-selected=true]")
    first = selected.get_attribute("id")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("(id) => document.activeElement.getAttribute('aria-activedescendant') !== id", arg=first)
    page.keyboard.press("Escape")
    page.get_by_role("region", name="Span details").wait_for(state="hidden")
    assert page.evaluate(role) == "tree"
    assert trouble == []


@pytest.mark.browser
def test_the_browser_finds_text_that_was_folded_away(browser: Any, lens: al.Lens, written: Path) -> None:
    page, _ = open_offline(browser, written)
    shown = page.locator("body").evaluate("(body) => body.textContent")
    (raw,) = lens.sql("SELECT status_message FROM spans WHERE status_message LIKE '%costs_2026q2%' LIMIT 1").fetchall()[
        0
    ]
    assert raw in shown and page.locator("[data-folded]:empty").count() == 0
    page.locator("details.raw summary").first.click()
    assert page.locator("details.raw pre").first.is_visible()
    assert page.evaluate("window.find('Margins checked with second-quarter')")


def test_pictures_are_titled_in_words_and_count_one_as_one(lens: al.Lens) -> None:
    assert [">Agent map<" in al.AgentMap(lens).still(), ">Trace tree<" in al.TraceTree(lens).still()] == [True, True]
    counted = re.findall(r"\b1 \w+s\b", al.Overview(lens).still() + al.AgentMap(lens).still())
    assert counted == []


def test_its_headline_writes_days_without_a_leading_zero() -> None:
    found = Finding("d", "warning", "event", "a", None, (), datetime(2026, 6, 1, 8, 22), None, "s", (), None, None)
    assert headline([found], []) == "1 warning finding in a since 1 June 2026, 08:22 UTC."


def test_what_became_of_failures_is_told_as_the_lens_tells_it(lens: al.Lens, written: Path) -> None:
    """Also where pseudonyms stand for words: they are counted as the log has them."""
    section = re.findall(r'<section id="recoveries">.*?</section>', written.read_text("utf-8"), re.DOTALL)[0]
    cells = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", section, re.DOTALL)]
    told = [tuple(cells[at : at + 3]) for at in range(0, 50, 10)]
    rates = lens.sql("SELECT agent_name, failures, recovered FROM recovery_by_agent ORDER BY failures DESC, agent_name")
    assert told == [(agent, str(failures), str(recovered)) for agent, failures, recovered in rates.fetchall()]
    for agent, target, message in lens.sql("SELECT agent_name, target, message FROM dead_letters").fetchall():
        assert {agent, target} <= set(cells) and message in html.unescape(section)
