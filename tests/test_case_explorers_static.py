"""Overview, AgentMap and Findings, linked with TraceTree, in a real browser on a page put together as a report is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic
from test_explorers_static import Open, open_page, selected  # noqa: F401

import agentlens as al

pytestmark = pytest.mark.browser
WAVE_14 = Path(__file__).parents[1] / "datasets" / "wave_14"


@pytest.fixture(scope="module")
def case() -> Iterator[Any]:
    with al.read(WAVE_14, progress=False) as lens:
        al.detect(lens)
        yield lens


@pytest.fixture(scope="module")
def body(case: Any) -> str:
    views = {
        "overview": al.Overview(case),
        "findings": al.Findings(case),
        "map": al.AgentMap(case),
        "tree": al.TraceTree(case),
        "conversation": al.Conversation(case, agent="Atlas"),
    }
    return "".join(synthetic.embedded_place(name, view.embed()) for name, view in views.items())


@pytest.fixture(scope="module")
def hostile_body(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All views of a log in which every name and text tries to be more than text."""
    evil, script, _ = synthetic.HOSTILE
    pairs = {"gen_ai.operation.name": "execute_tool", "gen_ai.agent.name": evil, "gen_ai.tool.name": script,
             "gen_ai.tool.call.arguments": json.dumps({"q": evil}), "gen_ai.tool.call.result": script * 9,
             "gen_ai.conversation.id": evil, "gen_ai.request.model": script}  # fmt: skip
    spans = []
    for number in range(1, 12):
        named = pairs | (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": f"{script}{number % 3}"}
            if number % 4 == 1
            else {}
        )
        attributes = [{"key": key, "value": {"stringValue": value}} for key, value in named.items()]
        start = 1_776_000_000_000_000_000 + number * 10**9
        spans.append({"traceId": "a" * 32, "spanId": f"{number:016x}", "parentSpanId": f"{max(1, number - number % 4):016x}" if number > 1 else "",
                      "name": evil, "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 10**8), "attributes": attributes,
                      "status": {"code": 2, "message": evil} if number % 2 else {}})  # fmt: skip
    path = tmp_path_factory.mktemp("hostile") / "<b>spans.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
    with al.read(path, progress=False) as lens:
        al.detect(lens)
        evidence = "[{source_id: 1, source_line: 1, source_offset: 0, source_length: 40, span_id: NULL, says: $evil}]"
        lens._con.execute(
            "INSERT INTO findings (detector, detector_version, tier, severity, agent_name, span_ids, summary, evidence)"
            f" VALUES ($evil, 1, 'proven', 'critical', $evil, ['{1:016x}'], $evil, {evidence})",
            {"evil": evil + script},
        )
        views = {
            "overview": al.Overview(lens),
            "findings": al.Findings(lens),
            "map": al.AgentMap(lens),
            "tree": al.TraceTree(lens),
            "conversation": al.Conversation(lens),
        }
        return "".join(synthetic.embedded_place(name, view.embed()) for name, view in views.items())


def lit(page: Any) -> int:
    """How many rows of the tree that are in sight are lit up."""
    count: int = page.locator("#tree .al-row.al-lit:visible").count()
    return count


def test_the_overview_names_agents_tools_waves_and_what_is_missing(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    overview = page.locator("#overview")
    agents = overview.get_by_role("table", name="Agents")
    assert agents.get_by_role("row").count() == 11
    hermes = agents.get_by_role("row").filter(has_text="Hermes")
    assert "COMPLETE" in hermes.inner_text()
    assert "findings" in hermes.get_by_role("img", name="busy").get_attribute("aria-label")
    assert overview.get_by_role("table", name="Waves").get_by_text("first to break").count() == 1
    overview.get_by_label("Completeness:").click()
    overview.get_by_text("a parent which is nowhere in the logs: 6").wait_for()
    page.keyboard.press("Escape")
    overview.get_by_text("Sources (").click()
    overview.get_by_role("table", name="Sources").get_by_text("2026-04-13.log").first.wait_for()


def test_a_part_of_the_overview_lights_up_its_spans_in_the_tree(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    overview = page.locator("#overview")
    row = overview.get_by_role("table", name="Agents").get_by_role("row").filter(has_text="Apollo")
    row.focus()
    page.keyboard.press("Enter")
    assert row.get_attribute("aria-selected") == "true"
    selected(page).wait_for()
    assert "agent Apollo" in selected(page).get_attribute("aria-label")
    overview.get_by_role("table", name="Tools").get_by_role("row").filter(has_text="deploy_preview").click()
    assert row.get_attribute("aria-selected") == "false"
    selected(page).and_(page.get_by_role("treeitem", name="deploy_preview")).wait_for()
    overview.get_by_role("table", name="Tools").get_by_role("row").filter(has_text="deploy_preview").click()
    selected(page).wait_for(state="detached")


def test_a_finding_is_found_filtered_and_leads_to_the_tree(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    findings = page.locator("#findings")
    status = findings.get_by_role("status", name="Findings shown")
    assert findings.get_by_role("region", name="critical findings").count() == 1
    whole = status.inner_text()
    findings.get_by_role("searchbox", name="Search findings").fill("same search")
    findings.get_by_role("combobox", name="Filter by agent").select_option("Artemis")
    assert status.inner_text() == f"1 of {whole.split()[0]}"
    head = findings.get_by_role("button", name="tool_loop")
    head.click()
    assert head.get_attribute("aria-pressed") == "true"
    selected(page).and_(page.get_by_role("treeitem", name="execute_tool web_search")).wait_for()
    assert lit(page) >= 2


def test_evidence_quotes_its_record(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    silent = page.locator("#findings").get_by_role("article").filter(has_text="silent_agent")
    silent.get_by_text("lines of evidence").click()
    assert silent.get_by_text("2026-04-13.log:137").is_visible()
    silent.get_by_text("record", exact=True).first.click()
    silent.get_by_text("Artemis: IN_PROGRESS (reading customer stories)", exact=True).wait_for()


def test_checks_say_who_could_not_look_and_why(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    findings = page.locator("#findings")
    findings.get_by_text("could not look").first.click()
    row = findings.get_by_role("table", name="Checks").get_by_role("row").filter(has_text="undeclared_tool")
    assert "could not look" in row.inner_text() and "declared list of tools" in row.inner_text()


def test_arrow_keys_walk_from_finding_to_finding(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    heads = page.locator("#findings").get_by_role("article").get_by_role("button")
    heads.first.focus()
    page.keyboard.press("ArrowDown")
    assert heads.nth(1).evaluate("(head) => head === document.activeElement")
    page.keyboard.press("Enter")
    assert heads.nth(1).get_attribute("aria-pressed") == "true"


def test_the_map_says_every_edge_in_words_and_selects_its_spans(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    drawn = page.get_by_role("group", name="Map of agents")
    edge = drawn.get_by_role("button", name="Atlas delegated to Hermes 5 times, 1 ended badly")
    edge.focus()
    page.keyboard.press("Enter")
    assert edge.get_attribute("aria-pressed") == "true"
    selected(page).and_(page.get_by_role("treeitem", name="execute_tool dispatch_brief")).wait_for()
    page.locator("#map").get_by_role("checkbox", name="reports").uncheck()
    assert drawn.get_by_role("button", name="reported to").count() == 0


def test_the_sequence_shows_briefs_reports_and_trouble_of_a_wave(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    view = page.locator("#map")
    view.get_by_role("button", name="Sequence").click()
    view.get_by_role("combobox", name="Wave").select_option("11")
    sheet = view.get_by_role("group", name="Sequence of briefs")
    assert sheet.get_by_role("button", name="Atlas briefed").count() == 8
    assert sheet.get_by_role("img", name="Hermes BLOCKED").count() == 1
    step = sheet.get_by_role("button", name="Atlas briefed Hermes")
    step.click()
    selected(page).and_(page.get_by_role("treeitem", name="execute_tool dispatch_brief")).wait_for()


def test_the_tree_opens_the_span_that_the_address_names(open_page: Open, body: str, case: Any) -> None:  # noqa: F811
    page = open_page(body)
    span_id, name = case.sql("SELECT span_id, name FROM spans WHERE tool_name = 'margin_check'").fetchall()[0]
    page.evaluate("(hash) => { location.hash = hash; }", al.TraceTree(case).link(span_id))
    selected(page).and_(page.get_by_role("treeitem", name=name)).wait_for()
    details = page.get_by_role("region", name="Span details")
    details.get_by_text("Why", exact=True).wait_for()
    assert details.get_by_text("asked for by").is_visible()


def test_a_link_and_a_cell_can_be_copied_by_hand_where_the_page_may_not(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    page.evaluate(
        "Object.defineProperty(navigator, 'clipboard', { value: { writeText: () => Promise.reject(new Error('no')) } })"
    )
    tree = page.locator("#tree")
    tree.get_by_role("button", name="Copy as cell").click()
    box = tree.get_by_role("textbox", name="Text to copy")
    assert box.input_value() == 'lens.sql("""\nFROM spans\nORDER BY preorder\n""")'
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    tree.get_by_role("treeitem").nth(3).click()
    tree.get_by_text("Raw record").wait_for()
    tree.get_by_role("button", name="Copy link").click()
    assert "#span=" in tree.get_by_role("textbox", name="Text to copy").input_value()


def test_the_largest_stand_first_when_asked_for(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    tree = page.locator("#tree")
    tree.get_by_role("combobox", name="Numbers").select_option("tokens")
    tree.get_by_role("button", name="Largest first").click()
    top = [
        int(text.replace(",", "").replace("k", "00").replace(".", "") or 0)
        for text in tree.locator(".al-row[aria-level='2'] .al-number").all_inner_texts()[:3]
    ]
    assert tree.get_by_role("button", name="Largest first").get_attribute("aria-pressed") == "true"
    assert top and tree.get_by_role("treeitem", level=1).first.get_attribute("aria-label").startswith(
        "invoke_workflow wave 13"
    )


def test_bars_are_as_long_as_what_was_spent_when_asked_for(open_page: Open, body: str, case: Any) -> None:  # noqa: F811
    page = open_page(body)
    tree = page.locator("#tree")
    tree.get_by_role("combobox", name="Length of the bars").select_option("tokens")
    spent = "sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0))"
    ((total,),) = case.sql(f"SELECT {spent} FROM usage_ledger WHERE is_counted").fetchall()
    tree.get_by_text(f"{round(total / 1000)}k tokens on screen").wait_for()
    assert tree.get_by_role("combobox", name="Numbers").input_value() == "tokens"
    window = tree.get_by_role("slider", name="Time window")
    window.focus()
    page.keyboard.press("ArrowUp")
    tree.get_by_text(f"{round(total / 1000)}k tokens on screen").wait_for(state="detached")
    assert "tokens on screen" in window.get_attribute("aria-valuetext")
    tree.get_by_role("combobox", name="Length of the bars").select_option("time")
    tree.get_by_text("2026-04-14 14:43:23 UTC").wait_for()


def test_the_critical_path_alone_keeps_its_light_when_asked_for(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    tree = page.locator("#tree")
    toggle = tree.get_by_role("button", name="Critical path")
    toggle.click()
    tree.locator(".al-row.al-dimmed").first.wait_for()
    assert toggle.get_attribute("aria-pressed") == "true"
    toggle.click()
    tree.locator(".al-row.al-dimmed").first.wait_for(state="detached")


def test_a_page_without_a_kernel_searches_the_texts_it_carries_and_says_so(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    box = page.get_by_role("searchbox", name="Search spans")
    box.fill("HubSpot")
    box.press("Enter")
    page.get_by_role("status", name="Search matches").get_by_text("part of this report").wait_for()
    assert page.get_by_role("status", name="Search matches").inner_text().split()[1].startswith("match")
    box.press("Enter")
    page.get_by_role("region", name="Span details").get_by_text("HubSpot").first.wait_for()


def test_a_condition_needs_a_kernel_and_the_page_says_so(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    page.get_by_role("button", name="SQL condition").click()
    box = page.get_by_role("searchbox", name="SQL condition over spans")
    box.fill("input_tokens > 5000")
    box.press("Enter")
    page.get_by_role("status", name="Search matches").get_by_text("there is none here").wait_for()


def test_a_span_selected_in_the_tree_is_selected_in_every_view(open_page: Open, body: str, case: Any) -> None:  # noqa: F811
    page = open_page(body)
    failed = "tool_name = 'margin_check' AND status_code = 'ERROR'"
    ((span_id,),) = case.sql(f"SELECT span_id FROM spans WHERE {failed}").fetchall()
    page.evaluate("(hash) => { location.hash = hash; }", al.TraceTree(case).link(span_id))
    current = page.locator("#overview tr[aria-current=true]")
    current.and_(page.get_by_role("row").filter(has_text="Prometheus")).wait_for()
    assert current.filter(has_text="margin_check").count() == 1
    page.locator("#findings article[aria-current=true]").filter(has_text="swallowed_error").wait_for()
    marked = page.locator("#map [aria-current=true]")
    assert marked.count() == 1 and marked.get_attribute("aria-label").startswith("agent Prometheus")


def test_a_call_of_the_conversation_is_selected_in_the_tree_and_the_other_way_round(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    call = page.get_by_role("slider", name="Model call")
    call.focus()
    page.keyboard.press("Home")
    selected(page).and_(page.get_by_role("treeitem", name="chat claude-sonnet-4-5, agent Atlas")).wait_for()
    first = selected(page).get_attribute("data-row")
    page.keyboard.press("ArrowRight")
    page.locator(f"#tree [aria-selected=true]:not([data-row='{first}'])").wait_for()
    assert call.get_attribute("aria-valuenow") == "2"
    page.locator("#tree").get_by_role("tree").focus()
    for row in range(int(selected(page).get_attribute("data-row")) - 1, int(first) - 1, -1):
        page.keyboard.press("ArrowUp")
        page.locator(f"#tree [aria-selected=true][data-row='{row}']").wait_for()
    page.locator("#conversation").get_by_role("slider", name="Model call").and_(
        page.locator("[aria-valuenow='1']")
    ).wait_for()


def test_hostile_names_stay_text_in_every_view(open_page: Open, hostile_body: str) -> None:  # noqa: F811
    page = open_page(hostile_body)
    page.locator("#overview").get_by_role("table", name="Agents").get_by_role("row").nth(1).click()
    page.locator("#overview").get_by_role("table", name="Tools").get_by_role("row").nth(1).click()
    findings = page.locator("#findings")
    findings.get_by_text("of evidence").first.click()
    findings.get_by_text("record", exact=True).first.click()
    page.locator("#map").get_by_role("button", name="agent").first.click()
    page.locator("#map").get_by_role("button", name="Sequence").click()
    page.wait_for_timeout(100)
    assert page.evaluate("window.__pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("body script:not([type])").count() == 1
    assert page.get_by_text("<img src=x").count() > 3


@pytest.mark.parametrize("width", [480, 800])
def test_a_narrow_page_is_not_wider_than_it_is(open_page: Open, body: str, width: int) -> None:  # noqa: F811
    page = open_page(body, width=width)
    page.locator("#overview .al-root[data-ready=true]").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_views_turn_dark_with_their_surroundings(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body, scheme="dark")
    for name in ("overview", "findings", "map"):
        page.locator(f"#{name} .al-root[data-theme=dark]").wait_for()
    page.emulate_media(color_scheme="light")
    for name in ("overview", "findings", "map"):
        page.locator(f"#{name} .al-root[data-theme=light]").wait_for()
