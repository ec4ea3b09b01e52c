"""Hostile text in every text field of every format: read, kept as it is, shown everywhere, and nothing runs, loads or escapes."""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import zstandard
from hostile_corpus import EVERYTHING, PAYLOADS, samples_by_loader, spoilt
from markdown_it import MarkdownIt
from otlp_forests import as_protobuf, attribute, span

sys.path.insert(0, str(Path(__file__).parent / "frontend"))
import synthetic

import agentlens as al
from agentlens import _read
from agentlens._rows_as_text import FORMATS
from agentlens.export import export
from agentlens.loaders import all_loaders

# What a page may not hold, in the document and in the shadow roots of its explorers.
LOOK = """() => {
  const bad = [], open = [document]
  while (open.length) for (const element of open.pop().querySelectorAll('*')) {
    if (element.shadowRoot) open.push(element.shadowRoot)
    for (const {name, value} of element.attributes) {
      if (name.startsWith('on')) bad.push(`${element.tagName} ${name}=${value}`)
      const link = ['href', 'src', 'xlink:href', 'action', 'srcset', 'formaction', 'data'].includes(name)
      if (link && !value.startsWith('#') && !value.startsWith('data:image/')) bad.push(`${element.tagName} ${name}=${value}`)
    }
    if (['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'LINK', 'foreignObject'].includes(element.tagName)) bad.push(element.tagName)
  }
  return [...bad, window.owned === undefined ? null : `owned=${window.owned}`].filter(Boolean)
}"""


@pytest.fixture(scope="module")
def spoilt_files(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one file of each format, all of its free fields spoilt."""
    folder, place = tmp_path_factory.mktemp("spoilt"), tmp_path_factory.mktemp("tried") / "input"
    found, loaders = samples_by_loader(samples), all_loaders()
    for name, group in found.items():
        for data in group:
            if (content := spoilt(name, loaders[name], data, place, EVERYTHING)) is not None:
                (folder / f"{name}.log").write_bytes(content)
                break
    return folder


@pytest.fixture(scope="module")
def lens(spoilt_files: Path) -> Iterator[al.Lens]:
    with al.read(spoilt_files, progress=False) as lens:
        al.detect(lens)
        yield lens


def test_every_format_takes_hostile_text_and_keeps_it_as_it_is(spoilt_files: Path, lens: al.Lens) -> None:
    assert {path.stem for path in spoilt_files.iterdir()} == set(all_loaders())
    assert lens.sql("FROM sources WHERE records <> accepted + rejected + skipped").fetchall() == []
    kept = (
        "SELECT count(DISTINCT source_id) FROM spans WHERE contains(name, $text) OR contains(tool_call_result, $text)"
    )
    for payload in PAYLOADS.values():
        assert lens.sql(kept, text=payload).fetchall()[0][0] >= 8, payload
    assert lens.sql(
        "SELECT count(*) FROM sections WHERE contains(text, $text)", text=PAYLOADS["script"]
    ).fetchall() != [(0,)]


@pytest.mark.parametrize("form", FORMATS)
def test_rows_as_text_run_nothing(form: str, lens: al.Lens) -> None:
    written = io.StringIO()
    FORMATS[form](
        lens.sql("SELECT name, agent_name, tool_name, $formula AS formula FROM spans", formula=PAYLOADS["formula"]),
        written.write,
    )
    text = written.getvalue()
    if form == "csv":
        rows = list(csv.reader(io.StringIO(text)))
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    elif form == "json":
        assert {row["formula"] for row in json.loads(text)} == {PAYLOADS["formula"]}
    elif form == "markdown":
        assert not bad_tags(MarkdownIt("js-default", {"html": True}).render(text))
    assert form == "json" or not {"\x1b", "\x9b", "\u202e"} & set(text) or form == "csv"


def bad_tags(rendered: str) -> list[str]:
    """What stands in HTML that Markdown was made into and runs or loads."""
    lowered = rendered.lower()
    return [
        word for word in ("<script", "<img", "<svg", "<iframe", "<meta", 'href="javascript', "<base") if word in lowered
    ]


@pytest.mark.parametrize("form", ["perfetto", "speedscope", "parquet", "sarif", "junit"])
def test_exports_stay_what_they_are(form: str, lens: al.Lens, tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.mkdir()
    path = export(lens, place / "export", form)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]
    if form == "junit":
        assert not [
            each.tag
            for each in ElementTree.parse(path).iter()
            if each.tag
            not in ("testsuites", "testsuite", "testcase", "failure", "skipped", "system-out", "properties", "property")
        ]
    elif form != "parquet":
        json.loads(path.read_text())


@pytest.mark.parametrize("form", [".md", ".json"])
def test_reports_in_other_forms_hold_no_markup(form: str, lens: al.Lens, tmp_path: Path) -> None:
    text = al.report(lens, tmp_path / f"report{form}", title=EVERYTHING).read_text()
    if form == ".json":
        json.loads(text)
    else:
        assert not bad_tags(MarkdownIt("js-default", {"html": True}).render(text))


# --- in a browser -----------------------------------------------------------------------------------------------------


def watch(chromium: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    """Open a page; return it and a list of all that it asks for, says, or opens."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
    context.set_default_timeout(30_000)
    page, trouble = context.new_page(), list[str]()
    context.route(
        "**/*",
        lambda route: (
            route.continue_()
            if route.request.url == path.as_uri()
            else (trouble.append(f"asked for {route.request.url}"), route.abort())
        ),
    )
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", lambda dialog: (trouble.append(f"dialog {dialog.message}"), dialog.dismiss()))
    context.on("page", lambda other: trouble.append(f"opened {other.url}"))
    page.goto(path.as_uri())
    return page, trouble


def touch_everything(page: Any) -> None:
    """Click what can be clicked, a few of each kind, hover, search and print."""
    for locator in (page.get_by_role("treeitem"), page.get_by_role("row"), page.locator("circle, .vega-embed path")):
        for number in range(min(locator.count(), 12)):
            if locator.nth(number).is_visible():
                locator.nth(number).hover(force=True, timeout=2_000)
                locator.nth(number).click(force=True, timeout=2_000)
    buttons = page.get_by_role("button")
    for number in range(min(buttons.count(), 60)):
        if buttons.nth(number).is_visible() and buttons.nth(number).is_enabled():
            buttons.nth(number).click(force=True, timeout=2_000)
    for number in range(page.get_by_role("searchbox").count()):
        field = page.get_by_role("searchbox").nth(number)
        if field.is_visible():
            field.fill("owned")
            field.press("Enter")
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_timeout(300)


@pytest.mark.browser
@pytest.mark.parametrize("guarded", [True, False], ids=["with its policy", "without its policy"])
def test_the_report_runs_and_loads_nothing(
    browser: Any,
    lens: al.Lens,
    tmp_path: Path,
    guarded: bool,
    report: str,
) -> None:
    path = tmp_path / "report.html"
    path.write_text(report)
    page, trouble = watch(browser, path, offline=True, bypass_csp=not guarded)
    page.locator("[data-mounted]").first.wait_for()
    assert page.evaluate(LOOK) == []
    touch_everything(page)
    assert page.evaluate(LOOK) == []
    assert trouble == []
    assert "window.owned=1" in page.locator("body").inner_text()
    page.context.close()


@pytest.fixture(scope="module")
def report(lens: al.Lens, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = al.report(lens, tmp_path_factory.mktemp("report") / "report.html", title=EVERYTHING, redact=False)
    return path.read_text("utf-8")


@pytest.mark.browser
def test_what_a_notebook_shows_of_it_runs_and_loads_nothing(browser: Any, lens: al.Lens, tmp_path: Path) -> None:
    shown = [
        lens,
        al.Overview(lens),
        al.TraceTree(lens),
        al.Conversation(lens),
        al.AgentMap(lens),
        al.TokenEconomics(lens),
        al.Drift(lens),
        al.Findings(lens),
    ]
    parts = [
        each._repr_html_() if hasattr(each, "_repr_html_") else each._repr_mimebundle_()[0]["text/html"]
        for each in shown
    ]
    parts += [
        lens.sql(f"FROM {table}").pl()._repr_html_() for table in ("spans", "sources", "rejects", "agents", "findings")
    ]
    parts += [f"<pre>{html.escape(repr(lens))}</pre>", lens.catalog().pl()._repr_html_()]
    path = tmp_path / "notebook.html"
    path.write_text("<!doctype html><meta charset=utf-8>" + "\n".join(parts), "utf-8", "backslashreplace")
    page, trouble = watch(browser, path, offline=True)
    page.wait_for_timeout(200)
    assert page.evaluate(LOOK) == [] and trouble == []
    page.context.close()


# --- what is too much -------------------------------------------------------------------------------------------------


def unpacks_to(size: int) -> bytes:
    return b'{"resourceSpans": [{"x": "' + b"0" * size


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_file_that_unpacks_without_end_is_refused_with_its_name(pack: Any, tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(pack(unpacks_to(260 << 20)))
    with al.read(tmp_path, progress=False) as lens:
        [(records, rejected)] = lens.sql("SELECT records, rejected FROM sources").fetchall()
        [(reason,)] = lens.sql("SELECT reason FROM rejects").fetchall()
    assert (records, rejected) == (1, 1) and "expands to" in reason and "bomb.gz" in reason


def test_an_archive_reaches_nothing_outside_and_its_bombs_are_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    with zipfile.ZipFile(tmp_path / "logs" / "x.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", json.dumps({"eval": {"task": "t", "model": "m"}}))
        for name in (
            "../../owned.json",
            "/tmp/owned.json",
            "samples/../../owned_epoch_1.json",
            "samples/a_epoch_1.json",
        ):
            archive.writestr(name, json.dumps({"id": name, "epoch": 1, "messages": []}))
        archive.writestr("samples/bomb_epoch_1.json", '{"id": "' + "0" * (70 << 20) + '"}')
    with al.read(tmp_path / "logs", progress=False) as lens:
        [(records, accepted, rejected, skipped)] = lens.sql(
            "SELECT records, accepted, rejected, skipped FROM sources"
        ).fetchall()
        assert records == accepted + rejected + skipped
        assert [(name,) for name in ("samples/bomb_epoch_1.json",)] == lens.sql(
            "SELECT raw FROM rejects WHERE contains(reason, 'it expands from')"
        ).fetchall()
    assert [path.name for path in tmp_path.iterdir()] == ["logs"] and not Path("/tmp/owned.json").exists()


def test_a_record_too_large_for_memory_ends_in_a_sentence() -> None:
    def fill(con: duckdb.DuckDBPyConnection) -> None:
        raise duckdb.OutOfMemoryException("failed to allocate data of size 2.0 GiB")

    with pytest.raises(al.AgentLensError, match=r"larger than memory allows.*2\.0 GiB"):
        _read._open(None, True, fill)


NOT_UTF8 = [b"\xff\xfe\x00", b"\xc3\x28", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80" * 40]


def test_bytes_that_are_no_text_are_shown_or_rejected_and_never_lost(tmp_path: Path) -> None:
    line = b'{"timestamp": "2026-04-14T14:23:11Z", "agent_id": "Apollo", "action": "draft", "output": "%s"}\n'
    (tmp_path / "log.jsonl").write_bytes(b"".join(line.replace(b"%s", data) for data in (b"fine", *NOT_UTF8)))
    with al.read(tmp_path, progress=False) as lens:
        [(records, accepted, rejected)] = lens.sql("SELECT records, accepted, rejected FROM sources").fetchall()
        assert records == accepted + rejected == 1 + len(NOT_UTF8)
        al.report(lens, tmp_path / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    "nested", ["[" * 100_000 + "]" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000, "[" * 100_000]
)
def test_json_that_is_nested_too_deep_is_a_reject(nested: str, tmp_path: Path) -> None:
    line = '{"timestamp": "2026-04-14T14:23:11Z", "agent_id": "Apollo", "action": "draft", "output": %s}\n'
    (tmp_path / "log.jsonl").write_text(line % '"fine"' + line % nested)
    with al.read(tmp_path, progress=False) as lens:
        assert lens.sql("SELECT records, accepted, rejected FROM sources").fetchall() == [(2, 1, 1)]


@pytest.fixture(scope="module")
def spoilt_protobuf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs as OTLP protobuf, every text of theirs one of the payloads: names, agents, tools, arguments, results, messages."""
    folder = tmp_path_factory.mktemp("protobuf")
    spans, texts = [], [text.encode("utf-8", "replace").decode() for text in PAYLOADS.values()]
    for run in range(2):
        for place, text in enumerate(texts):
            said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])
            values = {
                "gen_ai.operation.name": "execute_tool" if place % 2 else "chat", "gen_ai.agent.name": text, "gen_ai.tool.name": text,
                "gen_ai.tool.call.arguments": json.dumps({text: text}), "gen_ai.tool.call.result": text if run else text[::-1],
                "gen_ai.request.model": text, "gen_ai.conversation.id": text, "gen_ai.input.messages": said, "gen_ai.output.messages": said,
            }  # fmt: skip
            attributes = [attribute(name, value) for name, value in values.items()]
            spans.append(span(run, place, parent=0 if place else None, name=text, attributes=attributes))
    (folder / "log.pb").write_bytes(as_protobuf(spans).SerializeToString())
    return folder


@pytest.mark.browser
def test_hostile_protobuf_is_only_text_in_a_comparison_and_in_a_whole_report(
    browser: Any, spoilt_protobuf: Path, tmp_path: Path
) -> None:
    with al.read(spoilt_protobuf, progress=False) as lens:
        assert lens.sql("SELECT count(DISTINCT name) FROM spans").fetchall() == [(len(PAYLOADS),)]
        a, b = [trace for (trace,) in lens.sql("SELECT trace_id FROM traces ORDER BY trace_id").fetchall()]
        page = synthetic.embedded_place("compare", al.Compare(lens, a, b).embed())
        (tmp_path / "compare.html").write_text(synthetic.build_page(page), "utf-8")
        al.report(lens, tmp_path / "report.html", title=EVERYTHING, redact=False)
    for name in ("compare.html", "report.html"):
        page, trouble = watch(browser, tmp_path / name, offline=True)
        page.locator("[data-explorer]:not([data-mounted])").first.wait_for(state="detached")
        touch_everything(page)
        assert page.evaluate(LOOK) == [] and page.locator("[data-mounted=failed]").count() == 0
        assert trouble == []
