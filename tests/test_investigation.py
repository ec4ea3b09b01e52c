"""What people note stays in the lens, stands in the report as what it is, and is proved where it claims something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lens_builder import agent, read_steps
from test_verify import in_claims, replaced, verdicts_of, write_log

import agentlens as al
from agentlens import AgentLensError
from agentlens.report import _verify
from agentlens.report._postmortem import _say_impact, ask
from agentlens.report._verify import DIFFERS, PROVED

EVIL = "<script>window.owned=1</script>"
RUN, CALL = f"{1:015x}a", f"{9:015x}a"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    write_log(folder / "ares.jsonl", "Ares", "a")
    return folder


@pytest.fixture
def lens(logs: Path) -> Iterator[al.Lens]:
    with al.read(logs, progress=False) as lens:
        yield lens


def investigate(lens: al.Lens) -> None:
    lens.note(f"Ares asked again and again {EVIL}, see eva@other.org", [RUN, CALL])
    lens.note("Nobody got the price", section="impact")
    lens.note("Ask once, says ana@site.org", section="action")
    lens.hypothesis("The search is broken", spans=CALL)
    lens.hypothesis("The search is broken", "confirmed", RUN, "it gives the same each time")
    lens.hypothesis("The model was slow", "rejected", reason="no call took long")
    lens.save_query("steps_by_agent", "SELECT agent_name, count(*) AS steps FROM spans GROUP BY ALL ORDER BY ALL")


def kept(lens: al.Lens) -> list[Any]:
    return [lens.sql(f"FROM {name} ORDER BY ALL").fetchall() for name in ("notes", "hypotheses", "saved_queries")]


def test_it_survives_saving_opening_and_logs_that_grow(lens: al.Lens, logs: Path, tmp_path: Path) -> None:
    investigate(lens)
    before = kept(lens)
    assert [len(rows) for rows in before] == [3, 2, 1]
    case = lens.save(tmp_path / "case.duckdb")
    with al.read(case) as again:
        assert kept(again) == before
    write_log(tmp_path / "hera.jsonl", "Hera", "b")
    with al.read(logs, tmp_path / "hera.jsonl", into=case, progress=False) as grown:
        assert kept(grown) == before
        assert grown.steps_by_agent.fetchall() == [("Ares", 9), ("Hera", 9)] and "steps_by_agent" in dir(grown)


def test_a_hypothesis_has_one_status_and_all_its_evidence(lens: al.Lens) -> None:
    investigate(lens)
    query = "SELECT statement, status, reason, list_transform(spans, lambda span: span.span_id) FROM hypotheses ORDER BY ALL"
    assert lens.sql(query).fetchall() == [
        ("The model was slow", "rejected", "no call took long", []),
        ("The search is broken", "confirmed", "it gives the same each time", [CALL, RUN]),
    ]


@pytest.mark.parametrize(
    ("act", "says"),
    [
        (lambda lens: lens.note("x", "nothere"), "no span of this lens"),
        (lambda lens: lens.note("  "), "is empty"),
        (lambda lens: lens.note("x", section="blame"), "one of impact"),
        (lambda lens: lens.hypothesis("x", "sure"), "one of open"),
        (lambda lens: lens.hypothesis("x", "confirmed"), "confirmed by evidence"),
        (lambda lens: lens.save_query("spans", "SELECT 1"), "no other name"),
        (lambda lens: lens.save_query("note", "SELECT 1"), "no other name"),
        (lambda lens: lens.save_query("Robert'); --", "SELECT 1"), "cannot be called"),
        (lambda lens: lens.save_query("x", "DELETE FROM spans"), "one SELECT and nothing else"),
        (lambda lens: lens.save_query("x", "SELECT 1; COMMIT; DELETE FROM spans"), "one SELECT and nothing else"),
        (lambda lens: lens.save_query("x", "COPY spans TO 'x.csv'"), "one SELECT and nothing else"),
        (lambda lens: lens.save_query("x", "FROM read_text('/etc/passwd')"), "could not be answered"),
        (lambda lens: lens.save_query("x", "SELECT nothing"), "could not be answered"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_changes_nothing(
    act: Callable[[al.Lens], object], says: str, lens: al.Lens
) -> None:
    with pytest.raises(AgentLensError, match=says):
        act(lens)
    assert kept(lens) == [[], [], []] and lens.sql("SELECT count(*) FROM spans").fetchall() == [(9,)]


@pytest.fixture(scope="module")
def page(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    with al.read(logs, progress=False) as lens:
        investigate(lens)
        return al.report(lens, tmp_path_factory.mktemp("out") / "report.html").read_text()


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    return {}


def test_the_report_shows_it_as_text_and_redacted(page: str) -> None:
    part = page[page.index('id="postmortem"') : page.index('id="agents"')]
    for text in ("Ares asked again and again", "Nobody got the price", "Ask once, says [e_mail_address:1]", "The search is broken", "it gives the same each time", "The model was slow", "steps by agent"):  # fmt: skip
        assert text in part
    assert EVIL not in page and "&lt;script&gt;window.owned=1" in part
    assert "ana@site.org" not in page and "eva@other.org" not in page


def remember(monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]) -> None:
    """Ask the logs once for each set of words that is put back."""
    write_again = _verify._write_again

    def once(paths: Any, claims: Any, rules: Any, keep: Any) -> Any:
        key = str([claims["investigation"][name] for name in ("notes", "hypotheses", "saved")])
        if key not in asked:
            asked[key] = write_again(paths, claims, rules, keep)
        return asked[key]

    monkeypatch.setattr(_verify, "_write_again", once)


def test_an_honest_investigation_is_proved_word_for_word(
    page: str, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    remember(monkeypatch, asked)
    found = verdicts_of(page, logs, tmp_path)
    assert [verdict for verdict in found if verdict.verdict != PROVED] == []
    claims = {verdict.claim for verdict in found}
    assert {"hypothesis: The search is broken", "saved question steps_by_agent", "causes", "page"} <= claims


def first(kind: str, **change: Any) -> Callable[[str], str]:
    return in_claims(lambda claims: claims["investigation"][kind][0].update(change))


def deletes_and_points_nowhere(claims: Any) -> None:
    claims["investigation"]["saved"][0].update(query="SELECT 1; COMMIT; DELETE FROM findings")
    claims["investigation"]["notes"][0].update(spans=[{"trace_id": "a" * 32, "span_id": "f" * 16}])


@pytest.mark.parametrize(
    "tamper",
    [
        first("queries", rows=[["Ares", 8]]),
        first("queries", count=2),
        in_claims(lambda claims: claims["investigation"]["causes"].append({"rank": 1, "hypothesis": "It was Hera"})),
        replaced("Nobody got the price", "Everybody got the price"),
        in_claims(deletes_and_points_nowhere),
    ],
    ids=["another answer", "more rows", "a cause made up", "other words in the page", "a query that deletes, a span of nowhere"],
)  # fmt: skip
def test_what_was_changed_in_it_is_named(
    tamper: Callable[[str], str], page: str, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:  # fmt: skip
    remember(monkeypatch, asked)
    wrong = [v for v in verdicts_of(tamper(page), logs, tmp_path) if v.verdict != PROVED]
    assert wrong and {verdict.verdict for verdict in wrong} == {DIFFERS}
    assert not any(verdict.claim.startswith("finding") for verdict in wrong)


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        (["event"], None),
        (["proven"], "Spent in vain: 700 tokens, $0.500."),
        (["proven", "candidate", "event"], "Spent in vain: at most 1,400 tokens, $1.00."),
    ],
)
def test_only_what_is_no_mere_event_is_said_to_be_spent_in_vain(
    tiers: list[str], said: str | None, tmp_path: Path
) -> None:
    with read_steps(tmp_path, [agent("lead", None, 0, 9)]) as lens:
        for tier in tiers:
            lens._con.execute(
                "INSERT INTO findings BY NAME SELECT 'x' AS detector, '1' AS detector_version, $tier AS tier, 'info' AS severity, [] AS span_ids, "
                "'s' AS summary, [] AS evidence, 700 AS tokens_wasted, 0.5 AS cost_usd_wasted",
                {"tier": tier},
            )
        [row] = ask(lens, "impact")
    assert [words for words in _say_impact(row) if "vain" in words] == ([said] if said else [])
