"""Where a cause begins and how far its chain is proved: the step that failed, not the run around it; what was passed on, not what merely stood near."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from detector_runs import HARMFUL
from lens_builder import ERROR, OK, Step, agent, call, hex_id, read_steps, said, tool

from agentlens import Lens
from agentlens._detect import detect


def span(name: str) -> str:
    return hex_id(f"run/{name}")


def judged(folder: Path, steps: list[Step], incident: str, *detectors: str) -> list[dict[str, Any]]:
    """The hypotheses, with the chain as pairs of step and way."""
    lens: Lens = read_steps(folder, steps)
    detect(lens, [*HARMFUL, *detectors])
    found = lens.root_cause(incident)
    return [dict(zip(found.columns, row)) for row in found.fetchall()]


def asked(call_id: str, name: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    part = {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
    return [{"role": "assistant", "parts": [part]}]


def answered(call_id: str, text: str) -> list[dict[str, Any]]:
    return [{"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": text}]}]


def step(name: str, parent: str, start: float, number: int, **more: Any) -> Step:
    return tool(name, parent, start, gen_ai__tool__call__id=f"call-{number}", **more)


def guessed_rate(answer: str) -> list[Step]:
    """A tool fails, the model is told so in the words of its framework, and a file is written all the same."""
    rate, out = {"pair": "USD/EUR"}, {"path": "out/invoice.md", "content": "Total 11,341.22 EUR"}
    first = asked("call-1", "fx_rate", rate)
    return [
        agent("quill", status=OK),
        call("c1", "quill", 1, agent="quill", inputs=[{"role": "user", "content": "bill it"}], outputs=first),
        step("fx_rate", "quill", 2, 1, arguments=rate, status=ERROR, message="ConnectTimeout: no answer in 10 s"),
        call(
            "c2",
            "quill",
            4,
            agent="quill",
            inputs=[*first, *answered("call-1", answer)],
            outputs=asked("call-2", "write_file", out),
        ),
        step("write_file", "quill", 5, 2, arguments=out, result="written", status=OK),
        call(
            "c3", "quill", 7, agent="quill", inputs=answered("call-2", "written"), outputs=said("The invoice is ready.")
        ),
    ]


def test_a_cause_begins_with_the_call_that_failed_and_not_with_the_run_around_it(tmp_path: Path) -> None:
    for number, answer in enumerate(("ConnectTimeout: no answer in 10 s", "Error: no answer in 10 s. Try again.")):
        [only] = judged(tmp_path / str(number), guessed_rate(answer), span("write_file"))
        assert only["span_ids"] == [span("fx_rate"), span("c2"), span("write_file")]
        assert [each["way"] for each in only["chain"]] == ["said what it was given", "asked for it", None]
        assert only["strength"] == "likely"


def test_a_failure_is_that_of_the_root_where_the_root_repeats_its_words(tmp_path: Path) -> None:
    steps = [
        agent("lead", status=ERROR, message="OSError: no space left on device"),
        agent("helper", "lead", 1, 10, status=ERROR, message="OSError: no space left on device"),
        tool("write", "helper", 2, status=ERROR, message="no space left on device"),
        tool("cleanup", "lead", 20, status=ERROR, message="no such folder: tmp"),
    ]
    found = judged(tmp_path, steps, span("lead"))
    assert [(each["span_id"], each["strength"]) for each in found] == [
        (span("write"), "certain"),
        (span("cleanup"), "likely"),
    ]


def test_what_went_on_inside_a_run_explains_how_it_ended(tmp_path: Path) -> None:
    loop = [tool(f"look#{n}", "lead", 2 + n, result="nothing was found for this", arguments={"q": 1}) for n in range(6)]
    found = judged(
        tmp_path, [agent("lead", status=ERROR, message="MaxTurnsExceeded"), *loop], span("lead"), "tool_loop"
    )
    assert [each["detector"] for each in found] == ["tool_loop", "error"]
    assert found[1]["hypothesis"] == "lead failed and was not mended: MaxTurnsExceeded."
    assert found[1]["speaks_against"] == ["Another defect stands upstream of it and may be its cause."]


def handed_over(second_brief: str) -> list[Step]:
    """A helper fails and says so; the one above reads it and hands a second task to another agent."""
    first, second = {"task": "Resize the banner of the harbour"}, {"task": second_brief}
    begun, told = (
        asked("call-1", "delegate", first),
        answered("call-1", "I could not resize the banner: out of memory."),
    )
    return [
        agent("lead", status=OK),
        call("c1", "lead", 1, agent="lead", inputs=[{"role": "user", "content": "two jobs"}], outputs=begun),
        step("delegate#1", "lead", 2, 1, end=10, arguments=first, result="I could not resize the banner: out of memory."),
        agent("left", "delegate#1", 2, 10, status=OK),
        step("resize", "left", 3, 3, arguments={"file": "harbour.psd"}, status=ERROR, message="out of memory"),
        call("c2", "left", 5, agent="left", inputs=answered("call-3", "Error: out of memory"), outputs=said("I could not resize the banner: out of memory.")),
        call("c3", "lead", 11, agent="lead", inputs=[*begun, *told], outputs=asked("call-2", "delegate", second)),
        step("delegate#2", "lead", 12, 2, end=20, arguments=second, result="posted"),
        agent("right", "delegate#2", 12, 20, status=OK),
        tool("post", "right", 14, arguments={"text": "Open from nine to six"}, result="posted", status=OK),
    ]  # fmt: skip


def test_what_a_model_had_read_before_it_wrote_a_brief_on_another_matter_is_only_suggested(tmp_path: Path) -> None:
    [other] = judged(tmp_path / "other", handed_over("Post the opening hours"), span("post"))
    [same] = judged(tmp_path / "same", handed_over("Post the harbour banner as it is"), span("post"))
    assert (other["span_id"], other["strength"]) == (span("resize"), "possible")
    assert (same["span_id"], same["strength"]) == (span("resize"), "likely")


def test_what_polluted_a_file_explains_the_call_that_choked_on_it(tmp_path: Path) -> None:
    text = "401 Unauthorized: token expired at partner.example"
    steps = [
        agent("lead", status=ERROR, message="JSONDecodeError: Expecting value"),
        agent("fetcher", "lead", 1, 20, status=OK),
        tool("http_get", "fetcher", 2, arguments={"url": "https://partner.example/feed"}, status=ERROR, message=text),
        tool("write_file", "fetcher", 4, arguments={"path": "in/feed.json", "content": text}, result="written"),
        agent("loader", "lead", 30, 60, status=ERROR, message="JSONDecodeError: Expecting value"),
        tool("read_file", "loader", 31, arguments={"path": "in/feed.json"}, result=text),
        tool("parse", "loader", 33, arguments={"text": text}, status=ERROR, message="JSONDecodeError: Expecting value"),
    ]
    found = judged(tmp_path, steps, span("lead"))
    choked = next(each for each in found if each["span_id"] == span("parse"))
    assert found[0]["span_id"] in (span("http_get"), span("write_file"))
    assert (
        choked["rank"] > 1 and "Another defect stands upstream of it and may be its cause." in choked["speaks_against"]
    )


def test_a_storm_of_failures_is_judged_in_one_go(tmp_path: Path) -> None:
    """Neither pairs of failures nor the evidence of each step are multiplied: 1,500 equal failures took minutes of memory and time."""
    pushed = [tool(f"push#{n}", "lead", n, status=ERROR, message="502 Bad Gateway") for n in range(1500)]
    found = judged(tmp_path, [agent("lead", end=2000, status=OK), *pushed], span("lead"), "retry_storm")
    assert found[0]["span_id"] == span("push#0") and "retry_storm" in {each["detector"] for each in found}
    assert all(each["evidence"] for each in found)


def told(number: int, answer: str, *after: Step) -> list[Step]:
    """A call answers in words, and nothing marks it as failed; then a file is written. One trace for each number."""
    asked_for, out = {"batch": "north-40"}, {"path": "tour.md", "content": "0 km"}
    first = asked("call-1", "geocode", asked_for)
    steps = [
        agent("router", status=OK),
        call("c1", "router", 1, agent="router", outputs=first),
        step("geocode", "router", 2, 1, arguments=asked_for, result=answer, status=OK),
        *after,
        call("c2", "router", 14, agent="router", inputs=[*first, *answered("call-1", answer)], outputs=asked("call-2", "write_file", out)),
        step("write_file", "router", 15, 2, arguments=out, result="written", status=OK),
    ]  # fmt: skip
    return [dict(each, traceId=f"{number:032x}") for each in steps]


def test_an_answer_that_says_it_failed_is_a_failure_whatever_marks_it(tmp_path: Path) -> None:
    denied = '{"ok": false, "error": "OVER_QUERY_LIMIT", "results": []}'
    bad = [denied, '{"error": {"code": 7}}', "Error 1020: access denied", "Fehler: kein Netz"]
    fine = ['{"ok": true, "error": "none"}', '{"error": null}', '{"error": ""}', "error: none\nrows: 3"]
    fine += ["Errors in maps, 1900 to 1950", "timeout: 30"]
    again = step("geocode#2", "router", 8, 3, arguments={"batch": "north-40"}, result='{"ok": true}', status=OK)
    runs = [told(number, answer) for number, answer in enumerate([*bad, *fine], 1)] + [told(99, denied, again)]
    lens = read_steps(tmp_path, [each for run in runs for each in run])
    detect(lens)
    accused = [run[0]["traceId"] for run in runs if lens.root_cause(run[0]["traceId"]).fetchall()]
    assert accused == [run[0]["traceId"] for run in runs[: len(bad)]]
    found = lens.sql(
        "FROM root_causes(of_trace_id := $id, of_span_id := $span)", id=accused[0], span=span("write_file")
    )
    [only] = [dict(zip(found.columns, row)) for row in found.fetchall()]
    assert (only["span_id"], only["tier"], only["strength"]) == (span("geocode"), "event", "likely")


def test_an_outage_is_not_caused_by_what_the_call_was_given(tmp_path: Path) -> None:
    """The harm has the words of the model call that failed last; the file that was missing before is another matter."""
    read, wrong = {"path": "profile.html"}, "File does not exist."
    first = asked("call-1", "read", read)
    steps = [
        agent("main", status=OK),
        tool("task", "main", 1, end=20, arguments={"prompt": "profile it"}, status=ERROR, message="Error: 529 overloaded_error: Overloaded"),
        agent("helper", "task", 2, 19),
        call("c1", "helper", 3, agent="helper", outputs=first),
        step("read", "helper", 5, 1, arguments=read, status=ERROR, message=wrong),
        call("c2", "helper", 8, agent="helper", inputs=[*first, *answered("call-1", wrong)], status=ERROR, message="529 overloaded_error: Overloaded"),
    ]  # fmt: skip
    found = judged(tmp_path, steps, span("task"))
    assert found[0]["span_id"] == span("c2")
    assert (found[0]["strength"], found[1]["strength"]) == ("certain", "possible")


def test_a_secret_that_was_shown_is_the_cause_only_where_it_went(tmp_path: Path) -> None:
    key, call_of_env = "AKIAQ7RZP3M5T2W8K4LN", asked("call-1", "shell", {"command": "env"})
    comment = {"text": f"The job runs with {key}"}
    shown = [*call_of_env, *answered("call-1", key)]
    steps = [
        agent("main", status=OK),
        call("c1", "main", 1, agent="main", outputs=call_of_env),
        step("shell", "main", 2, 1, arguments={"command": "env"}, result=key, status=OK),
        call("c2", "main", 4, agent="main", inputs=shown, outputs=asked("call-2", "comment", comment)),
        step("comment", "main", 5, 2, arguments=comment, result="posted", status=OK),
        call("c3", "main", 7, agent="main", inputs=[*shown, *answered("call-2", "posted")], outputs=asked("call-3", "close", {"issue": 77})),
        step("close", "main", 8, 3, arguments={"issue": 77}, result="closed", status=OK),
    ]  # fmt: skip
    [leak] = judged(tmp_path / "leak", steps, span("comment"))
    assert (leak["detector"], leak["span_id"]) == ("secret_exposure", span("shell"))
    assert judged(tmp_path / "other", steps, span("close")) == []


@pytest.mark.parametrize(
    ("message", "error_type", "why"),
    [
        ("...", "parsing", "parsing"),
        ("...", None, "the log does not say why"),
        (None, None, "the log does not say why"),
        ("exit code 2:\n\n  no such table", None, "exit code 2: no such table"),
    ],
)
def test_a_cause_says_what_the_log_says_of_it_and_no_more(
    message: str | None, error_type: str | None, why: str, tmp_path: Path
) -> None:
    steps = [agent("lead"), tool("load", "lead", 2, status=ERROR, message=message, error_type=error_type)]
    (found,) = judged(tmp_path, steps, span("lead"))
    assert found["hypothesis"] == f"load failed for lead and was not mended: {why}."


def test_a_failure_is_found_however_many_steps_of_the_session_lie_between(tmp_path: Path) -> None:
    """Each answer of the model is passed on to its next call only: forty of them are forty links."""
    asked_for, out = {"cmd": "migrate"}, {"path": "CHANGELOG.md", "content": "migrated"}
    first = asked("call-1", "shell", asked_for)
    steps = [
        agent("main", end=200, status=OK),
        call("c0", "main", 1, agent="main", outputs=first),
        step("shell", "main", 2, 1, arguments=asked_for, status=ERROR, message="P1001: cannot reach db:5432"),
    ]
    heard = [*first, *answered("call-1", "P1001: cannot reach db:5432")]
    for n in range(40):
        text = said(f"Step {n} is done.") if n < 39 else asked("call-2", "write_file", out)
        steps.append(call(f"d{n}", "main", 4 + 2 * n, agent="main", inputs=heard, outputs=text))
        heard = text
    steps.append(step("write_file", "main", 90, 2, arguments=out, result="written", status=OK))
    [only] = judged(tmp_path, steps, span("write_file"))
    assert (only["span_id"], only["strength"]) == (span("shell"), "likely")


@pytest.mark.parametrize(
    ("until", "failed_at", "answer", "is_a_cause"),
    [(50, 30, "accepted: ticket ANA-14", False), (3.5, 3, "the prices are not there: no such table", True)],
)
def test_what_comes_of_work_under_way_is_no_cause_of_what_was_said_before_it(
    until: float, failed_at: float, answer: str, is_a_cause: bool, tmp_path: Path
) -> None:
    prices, mail = {"agent": "ana", "task": "write the prices"}, {"agent": "ben", "task": "write the mail on prices"}
    first, second = asked("call-1", "delegate", prices), asked("call-2", "delegate_next", mail)
    steps = [
        agent("lead", status=OK),
        call("c1", "lead", 1, agent="lead", inputs=[{"role": "user", "content": "launch it"}], outputs=first),
        step("delegate", "lead", 2, 1, arguments=prices, end=until, result=answer),
        agent("ana", "delegate", 2.1, until),
        tool("query", "ana", failed_at, status=ERROR, message="no such table"),
        call("c2", "lead", 4, 5, agent="lead", inputs=[*first, *answered("call-1", answer)], outputs=second),
        step("delegate_next", "lead", 6, 2, arguments=mail, end=40),
    ]
    found = judged(tmp_path, steps, span("delegate_next"))
    assert (span("query") in [each["span_id"] for each in found]) is is_a_cause
