"""A briefing says what changed against the period before, and nothing else; it is read in 90 seconds and can be proved."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from lens_builder import ERROR, OK, Step, agent, call, read_steps, tool

import agentlens as al
from agentlens import AgentLensError
from agentlens.cli import main
from agentlens.report import _verify
from agentlens.report._briefing import BriefingOptions, Period, find_period, gather
from agentlens.report._briefing_items import KINDS, Item, fit
from agentlens.report._copy import travelling
from agentlens.report._verify import PROVED, verify

DAY = 86_400
EVIL = "<script>window.owned=1</script>"


def items_of(lens: al.Lens, since: str) -> list[Item]:
    if not lens.sql("FROM checks LIMIT 1").fetchall():
        al.detect(lens)
    with travelling(lens, False, (), ()) as copy:
        return list(gather(copy, BriefingOptions(find_period(lens, since)))["items"])


def about(items: list[Item], kind: str) -> set[str]:
    return {agent for item in items if item.kind == kind for agent in item.agents}


def tasks(name: str, days: list[int], seconds: float, failing: int = 0) -> list[Step]:
    """Ten tasks a day, each a run with one model call; `failing` of ten fail."""
    steps = []
    for number, day in enumerate(day for day in days for _ in range(10)):
        trace, start = f"{name}-{day}-{number}", day * DAY + 3600 + (number % 10) * 1200
        status = ERROR if number % 10 < failing else OK
        steps.append(agent(name, None, start, start + seconds + number % 7 / 10, trace=trace, status=status))
        steps.append(call("answer", name, start, start + 1, trace=trace, agent=name, model="gpt-4o", input_tokens=100, output_tokens=9))  # fmt: skip
    return steps


def looping(name: str, day: int) -> list[Step]:
    """A run that searches for the same thing again and again, to the same result."""
    trace, start = f"{name}-loop-{day}", day * DAY + 40_000
    run = agent(name, None, start, start + 90, trace=trace, status=OK)
    return [
        run,
        *(tool(f"search#{n}", name, start + n, trace=trace, agent=name, result="nothing new") for n in range(8)),
    ]


# --- what it says -----------------------------------------------------------------------------------------------------


def test_time_turned_round_turns_worse_into_better(tmp_path: Path) -> None:
    before, after = [0, 1, 2, 3], [7, 8, 9, 10]
    steady = tasks("Hera", [*before, *after], 20)
    with read_steps(tmp_path / "logs", [*tasks("Ares", before, 20), *tasks("Ares", after, 45, 6), *steady]) as lens:
        worse = items_of(lens, "7d")
    with read_steps(tmp_path / "turned", [*tasks("Ares", before, 45, 6), *tasks("Ares", after, 20), *steady]) as lens:
        better = items_of(lens, "7d")
    assert about(worse, "critical") == {"Ares"} and about(better, "critical") | about(better, "warning") == set()
    assert about(better, "better") == {"Ares"} and about(worse, "better") == set()
    assert "Hera" not in {agent for item in [*worse, *better] for agent in item.agents}


def test_what_was_so_before_is_not_told_again_and_what_is_gone_is_better(tmp_path: Path) -> None:
    steps = [*tasks("Ares", [1, 2, 8, 9], 20), *tasks("Hera", [1, 8], 20), *tasks("Zeus", [1, 8], 20)]
    steps += [*looping("Ares", 1), *looping("Ares", 8), *looping("Hera", 1), *looping("Zeus", 8)]
    with read_steps(tmp_path / "logs", steps) as lens:
        items = items_of(lens, "7d")
    looped = {item.kind: item.agents for item in items if "tool_loop" in item.signals}
    assert looped == {"warning": ("Zeus",), "better": ("Hera",)}


def test_with_too_little_to_compare_it_abstains_and_says_why(tmp_path: Path) -> None:
    with read_steps(tmp_path / "logs", tasks("Ares", [7, 8, 9], 20, 8)) as lens:
        text = str(al.briefing(lens))
    assert "nothing can be called new, worse or better" in text
    assert "0 tasks and 0 reports, where 12 are needed" in text
    assert "## Better" not in text and "Worse" not in text


@pytest.mark.parametrize("since", ["0d", "tomorrow", "2099-01-01", "7", "", "-1d"])
def test_a_period_that_is_none_is_refused(since: str, tmp_path: Path) -> None:
    with (
        read_steps(tmp_path / "logs", tasks("Ares", [1], 20)) as lens,
        pytest.raises(AgentLensError, match="is no time before the end of the log"),
    ):
        al.briefing(lens, since=since)


def test_periods_end_with_the_last_day_of_the_log(tmp_path: Path) -> None:
    with read_steps(tmp_path / "logs", tasks("Ares", [9], 20)) as lens:
        week, day = find_period(lens, "7d"), find_period(lens, "2026-01-10")
    assert (str(week.before), str(week.since), str(week.until)) == (
        "2025-12-28 00:00:00", "2026-01-04 00:00:00", "2026-01-11 00:00:00",
    )  # fmt: skip
    assert day == Period(week.until.replace(day=10), week.until)


def test_a_period_may_end_with_an_earlier_day_or_at_a_moment(tmp_path: Path) -> None:
    with read_steps(tmp_path / "logs", tasks("Ares", [1, 9], 20)) as lens:
        day, moment = find_period(lens, "2d", "2026-01-08"), find_period(lens, "2026-01-05", "2026-01-08T14:00+02:00")
    assert (str(day.since), str(day.until)) == ("2026-01-07 00:00:00", "2026-01-09 00:00:00")
    assert (str(moment.since), str(moment.until)) == ("2026-01-05 00:00:00", "2026-01-08 12:00:00")


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("7d", "soon", "until='soon' is no time in the log"), ("7d", "2099-01-01", "until='2099-01-01' is no time in the log"),
        ("7d", "2020-01-01", "goes from 2026-01-02 to 2026-01-10"), ("2026-01-09", "2026-01-08", "since='2026-01-09' is no time before 2026-01-09"),
    ],
)  # fmt: skip
def test_a_period_that_ends_outside_the_log_or_before_it_begins_is_refused(
    since: str, until: str, says: str, tmp_path: Path
) -> None:
    with (
        read_steps(tmp_path / "logs", tasks("Ares", [1, 9], 20)) as lens,
        pytest.raises(AgentLensError, match=says),
    ):
        al.briefing(lens, since=since, until=until)


def test_it_is_read_in_90_seconds_whatever_happened() -> None:
    items = [Item(kind, (f"A{n}",), "word " * (9 + n % 30), ("one",)) for kind in KINDS for n in range(40)]
    shown, rest = fit(items, 300)
    assert sum(item.words for item in shown) <= 300 and len(shown) + len(rest) == len(items)
    assert {item.kind for item in shown} == set(KINDS)
    assert shown == [item for item in items if item in shown]


# --- the page ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    steps = [*tasks(EVIL, [0, 1, 7, 8], 20), *tasks("ana@site.org", [1, 2], 20), *tasks("ana@site.org", [7, 8], 90, 7)]
    read_steps(folder, steps).close()
    return folder


@pytest.fixture(scope="module")
def page(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with al.read(logs, progress=False) as lens:
        return Path(al.briefing(lens, tmp_path_factory.mktemp("out") / "briefing.html"))


def test_the_page_runs_nothing_and_gives_nothing_away(page: Path) -> None:
    text = page.read_text()
    assert "default-src &#39;none&#39;; script-src &#39;none&#39;" in text
    assert EVIL not in text and not re.search(r"<script(?! type=\"text/plain\")|(?:src|href)=\"(?!#)", text)
    assert "ana@site.org" not in text and "[e_mail_address:1]" in text


def test_it_is_proved_against_its_logs_and_a_changed_word_differs(
    page: Path, logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_again, written = _verify._write_again, []
    monkeypatch.setattr(
        _verify, "_write_again", lambda *given: written or written.extend(write_again(*given)) or written
    )
    assert {verdict.verdict for verdict in verify(page, logs)} == {PROVED}
    for old, new, claim in (('class="headline">', 'class="headline">All is well. ', "headline"), ("tasks failed", "tasks went well", "page, part critical")):  # fmt: skip
        assert old in page.read_text()
        (tmp_path / "other.html").write_text(page.read_text().replace(old, new))
        assert [v.claim for v in verify(tmp_path / "other.html", logs) if v.verdict != PROVED] == [claim]


def test_markdown_is_printed_without_a_file_and_hostile_text_means_nothing(logs: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["briefing", str(logs), "--since", "7d"])
    assert done.exit_code == 0 and "## Critical" in done.output and "<script" not in done.output
    wrong = CliRunner().invoke(main, ["briefing", str(logs), "-o", str(tmp_path / "briefing.docx")])
    assert wrong.exit_code == 1 and "ends in .html, .md" in wrong.output
