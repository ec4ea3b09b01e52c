"""The pages of the detectors are what their SQL comments say, and a page tells what a reader needs.

    python tests/test_detector_pages.py

writes `.github/DETECTORS.md` anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

from agentlens._catalog import library
from agentlens._detect import Detector, all_detectors

PAGES = Path(__file__).resolve().parents[1] / ".github" / "DETECTORS.md"
HEAD = """# What the detectors mean

One page a detector, made from the comment above its query (`agentlens/sql/detectors/`); `lens.catalog()` shows the same.
Thresholds are arguments: `al.detect(lens, tool_loop={"min_repeats": 5})`.

The *tier* of a finding says how sure it is: proven (the log itself shows it), event (it happened; whether it hurt is for a person to
say), candidate (a pattern that often is a failure). Its *severity*, by a fixed rule, says how much it may hurt: critical, warning or info.
A *run* is an agent at work from its being called to its answer; a *trace* is all that one request set going; a *wave* is a round of work
of a team that reports in rounds; a *packet* is a set of facts with a version.

*Elsewhere* are the names in MAST (Cemri et al., arXiv 2503.13657v3) and TRAIL (Deshpande et al., arXiv 2505.08638v3), where what the
detector shows implies them; `lens.findings_crosswalk` has them for every finding, and those of other vocabularies.
"""
PARTS = ["Means", "Matters", "Example", "Leaves alone", "Misses", "Do"]


def names_elsewhere() -> dict[str, str]:
    """What MAST and TRAIL call each detector, in words; of one with two tiers, both."""
    [view] = [item for module in library() for item in module.objects if item.name == "crosswalk"]
    with duckdb.connect() as con:
        con.execute(view.statement)
        rows = con.execute("SELECT name, tier, mast, trail FROM crosswalk WHERE kind = 'detector'").fetchall()
    found: dict[str, str] = {}
    for name, tier, mast, trail in rows:
        named = [f"{of} {word}" for of, word in (("MAST", mast), ("TRAIL", trail)) if word]
        words = "; ".join(named) or "neither has a word for it"
        found[name] = f"{found[name]} ({tier}: {words})" if name in found else words
    return found


ELSEWHERE = names_elsewhere()


def page(detector: Detector) -> str:
    """The page of a detector: what it is, its parts, what others call it, and what can be set."""
    first, _, rest = detector.doc.partition("\n\n")
    text = " ".join(rest.split())
    for part in PARTS:
        text = re.sub(rf"(^| ){part}: ", rf"\n\n**{part}:** ", text)
    text = re.sub(r"(?<=[.;]) Fires (?=when|where|on|as well|\()", "\n\n**Fires** ", text, count=1)
    text = re.sub(r"(?<=\.) (?=One finding|Tier |Severity)", "\n\n**A finding:** ", text, count=1)
    settings = ", ".join(f"`{name}` {value}" for name, value in detector.thresholds.items()) or "none"
    where = "one trace at a time" if detector.scope == "trace" else "the whole fleet"
    facts = f"*Looks at {where}. Thresholds: {settings}. Version {detector.version}.*"
    return f"## `{detector.name}`\n\n{' '.join(first.split())}\n\n{text.strip()}\n\n**Elsewhere:** {ELSEWHERE[detector.name]}.\n\n{facts}\n"


def pages() -> str:
    """All pages, one after the other."""
    return HEAD + "\n" + "\n".join(page(detector) for detector in all_detectors().values())


def test_the_pages_are_made_from_the_comments() -> None:
    assert PAGES.read_text("utf-8") == pages()


@pytest.mark.parametrize("name", all_detectors())
def test_a_page_has_an_example_what_is_missed_and_what_to_do(name: str) -> None:
    text = page(all_detectors()[name])
    assert all(f"**{part}:** " in text for part in PARTS)


if __name__ == "__main__":
    PAGES.write_text(pages(), "utf-8")
