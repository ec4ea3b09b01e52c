"""What checks say was left unjudged: how much of it, and why. The tests count it themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from detector_runs import found, in_traces, outcome
from lens_builder import ERROR, Step, agent, read_steps, said, tool

UNDERSTOOD = [
    "The level is 1.84 m and the forecast is fair.",
    "Der Pegel steht bei 1,84 m und die Vorhersage ist gut.",
    "Le niveau est de 1,84 m et les prévisions sont bonnes.",
]
OWNED_UP = ["The level is 1.84 m; the forecast could not be fetched.", "Leider fehlt die Vorhersage."]
FOREIGN = [
    "Poziom wody to 1,84 m, a prognoza jest dobra dla wszystkich.",
    "水位は1.84mで、予報は良好です。",
    "Seviye 1,84 m ve hava bugün için çok güzel olarak görünüyor.",
    "Уровень 1,84 м, прогноз хороший.",
]
NO_WORDS = [None, None]


def over_a_failure(words: str | None, *more: Step) -> list[Step]:
    """A run that goes on after a failed tool, and ends in these words; None is a run whose words are not logged."""
    failed = tool("fetch_forecast", "lead", 2, status=ERROR, message="boom", arguments={"place": "Lith"})
    return [agent("lead", None, 0, 30, outputs=said(words) if words else None), failed, *more]


def with_a_red_check(words: str | None, *more: Step) -> list[Step]:
    """A run whose last check failed, ended in these words."""
    red = tool("run_tests", "lead", 5, result="12 passed, 2 failed in 3 s")
    return [agent("lead", None, 0, 60, outputs=said(words) if words else None), red, *more]


def test_runs_that_end_in_words_not_understood_are_counted_by_swallowed_error(tmp_path: Path) -> None:
    endings = [*UNDERSTOOD, *OWNED_UP, *FOREIGN, *NO_WORDS]
    lens = read_steps(tmp_path, in_traces([over_a_failure(words) for words in endings]))
    assert len(found(lens, "swallowed_error")) == len(UNDERSTOOD)
    what = f"of {len(endings)} runs that went on after a failure"
    assert outcome(lens, "swallowed_error") == (
        "fired",
        f"{len(NO_WORDS)} {what} have no last words recorded and were not judged; "
        f"{len(FOREIGN)} {what} have last words in a language in which owning up is not understood and were not judged",
    )


def test_a_failure_that_was_mended_or_owned_up_to_in_any_language_is_not_counted_as_unjudged(tmp_path: Path) -> None:
    mended = tool("fetch_forecast#2", "lead", 4, result="fair", arguments={"place": "Lith"})
    endings = [
        over_a_failure(FOREIGN[0], mended),
        over_a_failure(OWNED_UP[0]),
        over_a_failure(FOREIGN[3] + " boom boom"),
    ]
    lens = read_steps(tmp_path, in_traces(endings))
    assert found(lens, "swallowed_error") == []
    # The last one names nothing but a short message, which is too short to tell, so that it alone is left out.
    assert outcome(lens, "swallowed_error")[1] == (
        "1 of 2 runs that went on after a failure has last words in a language in which owning up is not understood and was not judged"
    )


@pytest.mark.parametrize("endings", [FOREIGN, FOREIGN[:1], NO_WORDS, [*FOREIGN, *NO_WORDS]])
def test_where_every_run_is_left_out_nobody_could_look(tmp_path: Path, endings: list[str | None]) -> None:
    swallowed = read_steps(tmp_path / "swallowed", in_traces([over_a_failure(words) for words in endings]))
    premature = read_steps(tmp_path / "premature", in_traces([with_a_red_check(words) for words in endings] * 2))
    for lens, detector in ((swallowed, "swallowed_error"), (premature, "premature_complete")):
        assert found(lens, detector) == []
        verdict, reason = outcome(lens, detector)
        if detector == "premature_complete" and not any(endings):
            assert (verdict, reason and reason[:26]) == ("could not look", "the logs hold neither repo")
        else:
            assert verdict == "could not look" and "not judged" in (reason or "")


def test_runs_whose_claims_are_not_understood_are_counted_by_premature_complete(tmp_path: Path) -> None:
    later = tool("write_file", "lead", 9, arguments={"path": "a.md", "content": "x"}, result="saved")
    todos = {"todos": [{"content": "a", "status": "pending"}]}
    listed = tool("TodoWrite", "lead", 3, arguments=todos, result="ok")
    claims = [with_a_red_check("All tests pass."), with_a_red_check("Here is the list you asked for.")]
    honest = [with_a_red_check("Two tests failed."), with_a_red_check("2 Tests sind fehlgeschlagen.", later)]
    # A claim is read in English only; that a red check is passed over in silence, in German too.
    accused = [with_a_red_check("Hier ist die Liste, um die ich gebeten wurde und die alle brauchen.")]
    foreign = [with_a_red_check(words) for words in FOREIGN] + [
        with_a_red_check("Die Arbeit ist getan, und alle sind mit der Liste zufrieden.", later),
        [agent("lead", None, 0, 60, outputs=said("Il lavoro è finito per tutti e la lista è nella cartella.")), listed],
    ]
    runs = [*claims, *honest, *accused, *foreign, *(with_a_red_check(None) for _ in NO_WORDS)]
    lens = read_steps(tmp_path, in_traces(runs))
    assert len(found(lens, "premature_complete")) == len(claims) + len(accused)
    what = f"of {len(runs)} runs with something undone"
    assert outcome(lens, "premature_complete") == (
        "fired",
        f"{len(NO_WORDS)} {what} have no last words recorded and were not judged; "
        f"{len(foreign)} {what} have last words in a language in which a claim is not understood and were not judged",
    )


def test_where_all_was_understood_or_nothing_went_wrong_checks_have_nothing_to_add(tmp_path: Path) -> None:
    plain = read_steps(tmp_path / "plain", in_traces([over_a_failure(words) for words in UNDERSTOOD]))
    foreign = [
        [agent("lead", None, 0, 30, outputs=said(words)), tool("read_file", "lead", 2, result="x", status=1)]
        for words in FOREIGN
    ]
    healthy = read_steps(tmp_path / "healthy", in_traces(foreign))
    for lens, detector in ((plain, "swallowed_error"), (healthy, "swallowed_error"), (healthy, "premature_complete")):
        found(lens, detector)
        assert outcome(lens, detector)[1] is None
    assert outcome(healthy, "swallowed_error")[0] == "found nothing"
