"""A report is believed because it can be proved again: whatever was changed in it, or in the logs, is named."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import agentlens as al
from agentlens.cli import main
from agentlens.report import _verify
from agentlens.report._span_names import lengthen
from agentlens.report._verify import DIFFERS, MISSING, PROVED, Verdict, verify


def write_log(path: Path, agent: str, trace: str) -> None:
    """A run in which an agent asks the same thing seven times and gets the same answer, and a call that costs."""
    spans = []
    for number in range(1, 10):
        attributes = {"gen_ai.agent.name": agent, "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
        attributes |= {
            "gen_ai.tool.call.arguments": '{"q": "price"}',
            "gen_ai.tool.call.result": "EUR 49, says ana@site.org",
        }
        if number == 1:
            attributes = {"gen_ai.agent.name": agent, "gen_ai.operation.name": "invoke_agent"}
        if number == 9:
            attributes = {"gen_ai.agent.name": agent, "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
        listed = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
        if number == 9:
            listed += [
                {"key": f"gen_ai.usage.{side}_tokens", "value": {"intValue": "1200"}} for side in ("input", "output")
            ]
        spans.append(
            {
                "traceId": trace * 32, "spanId": f"{number:015x}{trace}", "name": "step", "attributes": listed, "status": {},
                "parentSpanId": "" if number == 1 else f"{1:015x}{trace}",
                "startTimeUnixNano": str(1_776_000_000 * 10**9 + number * 10**9), "endTimeUnixNano": str(1_776_000_000 * 10**9 + (number + (9 if number == 1 else 1)) * 10**9),
            }
        )  # fmt: skip
    path.write_text(
        "".join(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}) + "\n" for span in spans)
    )


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    write_log(folder / "ares.jsonl", "Ares", "a")
    write_log(folder / "bia.jsonl", "Bia", "c")
    write_log(folder / "hera.jsonl", "Hera", "b")
    return folder


@pytest.fixture(scope="module")
def page(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    with al.read(logs, progress=False) as lens:
        return al.report(lens, tmp_path_factory.mktemp("out") / "report.html", title="Loops").read_text()


def unpack(page: str, name: str) -> Any:
    found = re.search(rf'id="{name}">([^<]*)</script>', page)
    assert found is not None
    return json.loads(lengthen(zlib.decompress(base64.b64decode(found[1])).decode(), page))


def repack(page: str, name: str, value: Any) -> str:
    packed = base64.b64encode(zlib.compress(json.dumps(value).encode(), 9)).decode()
    return re.sub(rf'(id="{name}">)[^<]*(</script>)', rf"\g<1>{packed}\g<2>", page)


def in_claims(change: Callable[[Any], None]) -> Callable[[str], str]:
    def tamper(page: str) -> str:
        claims = unpack(page, "claims")
        change(claims)
        return repack(page, "claims", claims)

    return tamper


def replaced(old: str, new: str) -> Callable[[str], str]:
    def tamper(page: str) -> str:
        assert old in page
        return page.replace(old, new, 1)

    return tamper


def in_part(name: str, old: str, new: str) -> Callable[[str], str]:
    def tamper(page: str) -> str:
        before, mark, after = page.partition(f'<section id="{name}">')
        assert old in after
        return before + mark + after.replace(old, new, 1)

    return tamper


def in_view(name: str, old: str, new: str) -> Callable[[str], str]:
    def tamper(page: str) -> str:
        text = json.dumps(unpack(page, name))
        assert old in text
        return repack(page, name, json.loads(text.replace(old, new, 1)))

    return tamper


def figure(claims: Any, name: str) -> Any:
    return next(item for item in claims["figures"] if item["name"] == name)


# What is done to the report, and the claim that must be named for it, and no other.
TAMPERING: dict[str, tuple[str, Callable[[str], str]]] = {
    "another headline": ("headline", replaced('<p class="headline">', '<p class="headline">All is well. ')),
    "another headline in the claims": ("headline", in_claims(lambda claims: claims.update(headline="Nothing was found."))),
    "another agent in a finding": ("finding 1", in_claims(lambda claims: claims["findings"][0].update(agent_name="Zeus"))),
    "another summary in the page": ("finding 1", replaced('<p class="summary">', '<p class="summary">Not ')),
    "a finding taken out of the claims": ("finding Hera", in_claims(lambda claims: claims["findings"].pop())),
    "a finding added to the claims": ("finding 9", in_claims(lambda claims: claims["findings"].append({**claims["findings"][0], "summary": "Hera stole", "number": 9}))),
    "a finding taken out of the page": ("finding 1", lambda page: re.sub(r'<article class="finding.*?</article>', "", page, count=1, flags=re.DOTALL)),
    "a milder severity": ("finding 1", in_claims(lambda claims: claims["findings"][0].update(severity="info"))),
    "a later time": ("finding 1", in_claims(lambda claims: claims["findings"][0].update(start_time="2027-01-01T00:00:00"))),
    "another line of evidence": ("finding 1", in_claims(lambda claims: claims["findings"][0]["evidence"][0].update(line=77))),
    "another hash of evidence": ("finding 1", in_claims(lambda claims: claims["findings"][0]["evidence"][0].update(sha256="0" * 64))),
    "another quote in the page": ("finding 1", replaced("EUR 49", "EUR 94")),
    "fewer tokens in a figure": ("figure totals", in_claims(lambda claims: figure(claims, "totals")["rows"][0].__setitem__(7, 1))),
    "other SQL of a figure": ("figure totals", in_claims(lambda claims: figure(claims, "totals").update(sql="SELECT 1"))),
    "a figure taken out": ("figure rejects", in_claims(lambda claims: claims["figures"].pop())),
    "a check that was made to look": ("figure checks", in_claims(lambda claims: figure(claims, "checks")["rows"].pop())),
    "another hash of a source": ("source ares.jsonl", in_claims(lambda claims: claims["sources"][0].update(sha256="1" * 64))),
    "a source taken out": ("source hera.jsonl", in_claims(lambda claims: claims["sources"].pop())),
    "other thresholds": ("thresholds", in_claims(lambda claims: claims["thresholds"]["tool_loop"].update(min_repeats=99))),
    "another text behind a click": ("view tree", in_view("tree-details", "EUR 49", "EUR 94")),
    "another agent in the tree": ("view tree", in_view("tree-state", "Ares", "Zeus")),
    "a script of somebody else": ("page, part scripts", replaced("</body>", "<script>fetch('https://evil.test')</script></body>")),
    "a weaker policy": ("page, part head", replaced("default-src &#39;none&#39;", "default-src *")),
    "a link to elsewhere": ("page, part body", replaced("<main>", '<main><a href="https://evil.test">more</a>')),
    "a claim that it is redacted less": ("redaction", in_claims(lambda claims: claims["redaction"].update(aggregates=1))),
    "fewer rejected records of a source": ("source hera.jsonl", in_claims(lambda claims: claims["sources"][-1].update(records=8, accepted=8))),
    "a finding twice": ("finding 9", in_claims(lambda claims: claims["findings"].append({**claims["findings"][0], "number": 9}))),
    "fewer spans of a finding": ("finding 1", in_claims(lambda claims: claims["findings"][0]["span_ids"].pop())),
    "less money wasted": ("finding 1", in_claims(lambda claims: claims["findings"][0].update(tokens_wasted=1))),
    "a figure that agentlens does not have": ("figure savings", in_claims(lambda claims: claims["figures"].append({"name": "savings", "sql": "SELECT 1", "columns": [], "rows": []}))),
    "thresholds that the checks had": ("figure checks", in_claims(lambda claims: figure(claims, "checks")["rows"][0].__setitem__(5, "{}"))),
    "a view taken out of the claims": ("view tree", in_claims(lambda claims: claims["views"].pop("tree"))),
    "other SQL of a view": ("view overview", in_claims(lambda claims: claims["views"]["overview"].update(sql="SELECT 1"))),
    "another hash of a view": ("view tree", in_claims(lambda claims: claims["views"]["tree"].update(sha256="2" * 64))),
    "something left out": ("left_out", in_claims(lambda claims: claims["left_out"].append("nothing of note"))),
    "another version": ("agentlens", in_claims(lambda claims: claims.update(agentlens="9.9"))),
    "another title": ("title", replaced("<title>Loops", "<title>Lapses")),
    "another agent in a table of the page": ("figure agents", in_part("agents", "Ares", "Zeus")),
    "a check struck out of the page": ("figure checks", lambda page: re.sub(r"<tr><td><code>tool_loop</code>.*?</tr>", "", page, count=1, flags=re.DOTALL)),
    "another record that is folded away": ("finding 1", in_view("folded", "EUR 49", "EUR 94")),
    "another style": ("page, part styles", replaced("<style>", "<style>.critical{display:none}")),
}  # fmt: skip


def verdicts_of(page: str, logs: Path, folder: Path) -> list[Verdict]:
    (folder / "report.html").write_text(page)
    return verify(folder / "report.html", logs)


def test_an_honest_report_is_proved_to_the_last_byte_wherever_its_logs_are_now(
    page: str, logs: Path, tmp_path: Path
) -> None:
    (tmp_path / "else" / "where").mkdir(parents=True)
    for path in logs.iterdir():
        shutil.copy(path, tmp_path / "else" / "where" / path.name)
    (tmp_path / "else" / "other.jsonl").write_text("not of this report\n")
    found = verdicts_of(page, tmp_path / "else", tmp_path)
    assert {verdict.verdict for verdict in found} == {PROVED}, [v for v in found if v.verdict != PROVED]
    assert {"page", "headline", "figure totals", "source ares.jsonl"} <= {verdict.claim for verdict in found}
    assert sum(verdict.claim.startswith("finding ") for verdict in found) >= 2


def test_a_folder_with_files_that_are_no_logs_is_proved_too(logs: Path, tmp_path: Path) -> None:
    shutil.copytree(logs, tmp_path / "logs")
    (tmp_path / "logs" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / "logs" / "empty.log").touch()
    with al.read(tmp_path / "logs", progress=False) as lens:
        page = al.report(lens, tmp_path / "made.html").read_text()
    found = verdicts_of(page, tmp_path / "logs", tmp_path)
    assert {verdict.verdict for verdict in found} == {PROVED}, [v for v in found if v.verdict != PROVED]


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    """What the logs give, by the options that decide it: asked once, for the logs stay as they are."""
    return {}


@pytest.mark.parametrize("kind", TAMPERING)
def test_of_every_kind_of_tampering_the_claim_is_named_and_no_other(
    kind: str, page: str, logs: Path, tmp_path: Path, asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = _verify._write_again

    def ask_once(paths: list[Path], claims: Any, *more: Any) -> Any:
        key = json.dumps(
            [
                [path.name for path in paths],
                *(claims[name] for name in ("title", "max_bytes", "written", "folder", "redacted", "thresholds")),
            ]
        )
        if key not in asked:
            asked[key] = ask(paths, claims, *more)
        return asked[key]

    monkeypatch.setattr(_verify, "_write_again", ask_once)
    claim, tamper = TAMPERING[kind]
    tampered = tamper(page)
    assert tampered != page
    named = [verdict.claim for verdict in verdicts_of(tampered, logs, tmp_path) if verdict.verdict == DIFFERS]
    assert named and all(name.partition(":")[0] == claim or name.startswith(f"{claim} ") for name in named), named


def test_a_changed_log_differs_and_one_that_is_gone_is_missing(page: str, logs: Path, tmp_path: Path) -> None:
    shutil.copytree(logs, tmp_path / "logs")
    changed = tmp_path / "logs" / "ares.jsonl"
    changed.write_text(changed.read_text().replace("EUR 49", "EUR 94"))
    (tmp_path / "logs" / "bia.jsonl").unlink()
    found = {v.claim: v.verdict for v in verdicts_of(page, tmp_path / "logs", tmp_path)}
    assert [found[f"source {name}.jsonl"] for name in ("ares", "bia", "hera")] == [DIFFERS, MISSING, PROVED]
    assert found["figure totals"] == MISSING
    assert any(name.startswith("finding") and "Hera" in name and verdict == PROVED for name, verdict in found.items())


@pytest.mark.parametrize("text", ["", "<html></html>", '<script type="text/plain" id="claims">####</script>'])
def test_what_is_no_report_is_refused(text: str, logs: Path, tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text(text)
    with pytest.raises(al.AgentLensError):
        verify(tmp_path / "x.html", logs)


def test_claims_that_unpack_without_end_are_refused(page: str, logs: Path, tmp_path: Path) -> None:
    bomb = base64.b64encode(zlib.compress(b"0" * 300_000_000)).decode()
    (tmp_path / "x.html").write_text(re.sub(r'(id="claims">)[^<]*', rf"\g<1>{bomb}", page))
    with pytest.raises(al.AgentLensError, match="damaged"):
        verify(tmp_path / "x.html", logs)


def test_the_command_line_says_it_and_exits_with_3_when_something_differs(
    page: str, logs: Path, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text(page.replace("EUR 49", "EUR 94", 1))
    done = CliRunner().invoke(main, ["verify", str(tmp_path / "report.html"), "--against", str(logs)])
    assert done.exit_code == 3
    assert "differs" in done.output and "EUR 94" in done.output and "EUR 49" in done.output
