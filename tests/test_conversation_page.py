"""Conversation in a real browser, on a static page put together as a report is; everything is found by role and label."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic
from lens_builder import ERROR, agent, call, read_steps, tool
from test_explorers_static import Open, open_page  # noqa: F401

import agentlens as al

pytestmark = pytest.mark.browser
EVIL = f"{synthetic.HOSTILE[0]} {synthetic.HOSTILE[1]} {synthetic.HOSTILE[2]}"
LONG = "A long brief. " * 400


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def make_lens(folder: Path) -> Any:
    """Boss: four calls, a tool, a helper, hostile text everywhere, and a summary before the last."""
    ask = {"role": "assistant", "parts": [{"type": "reasoning", "content": "I must look."},
                                          {"type": "tool_call", "id": "k1", "name": "read_packet", "arguments": {"path": EVIL}}]}  # fmt: skip
    told = {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "k1", "response": f"Enterprise EUR 49 {EVIL}"}],
    }
    heard = [text("system", "You are careful."), text("user", LONG), ask, told, text("user", "Go on.")]
    summary = [heard[0], text("user", f"Summary of the conversation so far: {EVIL}")]
    steps = [
        agent("boss", None, 0, 100, conversation=f"c {EVIL}"),
        call("boss 1", "boss", 1, agent="boss", inputs=heard[:2], outputs=[ask], input_tokens=900, output_tokens=20),
        tool("read_packet", "boss", 2, agent="boss", gen_ai__tool__call__id="k1", status=ERROR, message=EVIL),
        call("boss 2", "boss", 3, agent="boss", inputs=heard[:4], input_tokens=1000, output_tokens=20, cache_read=500),
        call(
            "boss 3",
            "boss",
            5,
            agent="boss",
            inputs=heard,
            input_tokens=1100,
            output_tokens=20,
            status=ERROR,
            message=f"429 {EVIL}",
        ),
        agent("helper", "boss", 6, 7),
        call(
            "helper 1",
            "helper",
            6,
            agent="helper",
            inputs=[text("user", f"Help. {EVIL}")],
            outputs=[text("assistant", "Done.")],
        ),
        call(
            "boss 4",
            "boss",
            9,
            agent="boss",
            inputs=summary,
            outputs=[text("assistant", "The end.")],
            input_tokens=300,
            output_tokens=5,
        ),
    ]
    return read_steps(folder, steps)


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> str:
    return place(al.Conversation(make_lens(tmp_path_factory.mktemp("boss")), agent="boss"))


def place(widget: al.Conversation) -> str:
    embedded = widget.embed()
    state = {"state": embedded.state, "binary": {"_windows": "windows"}, "details": "details"}
    blobs = {"windows": embedded.binary["_windows"], "details": json.dumps(embedded.details).encode()}
    return synthetic.place("conversation", "conversation", state, blobs)


def slider(page: Any) -> Any:
    return page.get_by_role("slider", name="Model call")


def inspector(page: Any) -> Any:
    return page.get_by_role("region", name="Context inspector")


def test_it_opens_at_the_call_that_lost_something_and_says_what(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    assert slider(page).get_attribute("aria-valuenow") == "4"
    assert "a summary replaced 4 messages" in slider(page).get_attribute("aria-valuetext")
    loss = inspector(page).get_by_role("note", name="A summary replaced 4 messages")
    loss.get_by_role("button", name="Lost: Enterprise EUR 49").wait_for()


def test_arrow_keys_step_through_the_calls_and_brackets_through_the_cuts(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    slider(page).focus()
    for key, now in (("ArrowLeft", "3"), ("Home", "1"), ("ArrowRight", "2"), ("]", "4"), ("E", "3"), ("End", "4")):
        page.keyboard.press(key)
        assert slider(page).get_attribute("aria-valuenow") == now
    page.get_by_role("button", name="Previous call").click()
    inspector(page).get_by_role("heading", name="Window of call 3").wait_for()


def test_the_transcript_tells_each_message_once_with_tools_under_their_call(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    story = page.get_by_role("region", name="Transcript")
    first = story.get_by_role("article", name="Call 1")
    first.get_by_text("I must look.").wait_for()
    assert story.get_by_text("A long brief.").count() == 1
    assert first.get_by_text("failed").count() == 1
    first.get_by_text("Enterprise EUR 49").wait_for()
    assert story.get_by_text("The end.").count() == 1
    story.get_by_role("button", name="Compaction: a summary took the place of 4 messages").wait_for()


def test_a_run_of_another_agent_opens_as_a_story_within_the_story(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    story = page.get_by_role("region", name="Transcript")
    story.get_by_text("helper", exact=True).click()
    story.get_by_text("Done.").wait_for()
    assert story.get_by_text("Help. <img").is_visible()


def test_a_click_on_a_call_in_the_transcript_shows_its_window(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    page.get_by_role("article", name="Call 2").get_by_role("button", name="Call 2").click()
    inspector(page).get_by_role("heading", name="Window of call 2").wait_for()
    assert inspector(page).get_by_text("1,000 input tokens measured (500 from cache)").is_visible()
    rows = inspector(page).get_by_role("listitem")
    labels = [row.get_by_role("button").get_attribute("aria-label") for row in rows.all()]
    labels = [re.sub(r", [\d,]+ characters$", "", label) for label in labels]
    assert labels == [
        "system, as before",
        "user, as before",
        "assistant, call 1, added",
        "tool, read_packet, call 1, added",
    ]
    block = rows.nth(3).get_by_role("button", name="tool, read_packet")
    block.click()
    assert block.get_attribute("aria-expanded") == "true"
    rows.nth(3).get_by_role("button", name="asked for by call 1").click()
    assert slider(page).get_attribute("aria-valuenow") == "1"


def test_a_text_is_traced_to_the_call_that_lost_it(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    page.get_by_role("searchbox", name="Where is this text").fill("eur 49")
    status = page.get_by_role("status", name="Where the text is")
    page.get_by_text(
        "stood in the window of calls 2–3 of 4: last seen in call 3, dropped by compaction at call 4."
    ).wait_for()
    page.keyboard.press("Escape")
    status.wait_for(state="hidden")
    inspector(page).get_by_role("button", name="Lost: Enterprise EUR 49").click()
    page.get_by_text("“Enterprise EUR 49” stood in").wait_for()


def test_blocks_can_be_narrowed_to_what_is_gone(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    inspector(page).get_by_role("button", name="4 gone").click()
    changes = page.locator(".al-block").evaluate_all("rows => rows.map((row) => row.dataset.change)")
    assert changes == ["compacted"] * 4
    assert page.evaluate("document.activeElement.textContent") == "4 gone"


def test_long_text_is_folded_until_it_is_asked_for(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    said = page.get_by_role("article", name="Call 1")
    before = len(said.inner_text())
    said.get_by_role("button", name=f"Show all {len(LONG):,} characters").click()
    page.wait_for_function("n => document.querySelector('[data-call=\"0\"]').innerText.length > n", arg=before + 2500)


def test_hostile_text_stays_text_everywhere(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    page.get_by_text("helper", exact=True).click()
    for number in range(4):
        slider(page).focus()
        page.keyboard.press("Home")
        for _ in range(number):
            page.keyboard.press("ArrowRight")
        for head in page.locator(".al-block-head").all():
            head.click()
    page.locator(".al-windows").hover(position={"x": 300, "y": 60})
    page.get_by_text("⟨U+202E⟩gnp.exe⟨U+202C⟩").first.wait_for()
    assert page.evaluate("window.__pwned") is None
    assert page.locator("img").count() == 0
    assert page.locator("body script:not([type])").count() == 1


def test_no_key_reaches_the_notebook(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body)
    page.evaluate("window.heard = 0; document.addEventListener('keydown', () => window.heard++)")
    slider(page).focus()
    for key in ("a", "d", "x", "ArrowLeft", "?", "Escape"):
        page.keyboard.press(key)
    assert page.evaluate("window.heard") == 0
    assert page.locator(".al-root").get_attribute("data-lm-suppress-shortcuts") == "true"


@pytest.mark.parametrize("width", [480, 700])
def test_a_narrow_page_keeps_everything_in_reach(open_page: Open, body: str, width: int) -> None:  # noqa: F811
    page = open_page(body, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    transcript = page.get_by_role("region", name="Transcript")
    assert inspector(page).bounding_box()["height"] > 300 and not transcript.is_visible()
    page.get_by_role("button", name="Transcript").click()
    assert transcript.bounding_box()["height"] > 300 and not inspector(page).is_visible()
    transcript.get_by_role("article", name="Call 4").wait_for()
    page.get_by_role("button", name="Window", exact=True).click()
    inspector(page).get_by_role("heading", name="Window of call 4").wait_for()


def test_the_page_turns_dark_with_its_surroundings(open_page: Open, body: str) -> None:  # noqa: F811
    page = open_page(body, scheme="dark")
    assert page.locator(".al-root").get_attribute("data-theme") == "dark"
    page.emulate_media(color_scheme="light")
    page.locator(".al-root[data-theme=light]").wait_for()


def test_no_model_calls_end_in_a_sentence(open_page: Open, tmp_path: Path) -> None:  # noqa: F811
    page = open_page(place(al.Conversation(read_steps(tmp_path, [agent("lonely")]))))
    assert page.get_by_text("No conversation to show").is_visible()


def test_a_long_story_keeps_only_what_is_near_on_the_page(open_page: Open, tmp_path: Path) -> None:  # noqa: F811
    heard = [text("user" if n % 2 else "assistant", f"message {n} " + "word " * 900) for n in range(600)]
    steps = [
        call(
            f"n {n}",
            None,
            n,
            agent="scout",
            conversation="c",
            inputs=heard[: 2 * n + 1],
            outputs=heard[2 * n + 1 : 2 * n + 2],
        )
        for n in range(300)
    ]
    page = open_page(place(al.Conversation(read_steps(tmp_path, steps))))
    page.locator(".al-root[data-ready=true]").wait_for()
    assert slider(page).get_attribute("aria-valuenow") == "300"
    page.wait_for_timeout(300)
    assert page.locator(".al-turn").count() < 120
    slider(page).focus()
    page.keyboard.press("Home")
    page.get_by_role("article", name="Call 1", exact=True).get_by_text("message 1 word").wait_for()
