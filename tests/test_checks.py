"""What checks say was left unjudged: how much of it, and why. The tests count it themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from detector_runs import board, found, in_traces, outcome
from lens_builder import ERROR, OK, Step, agent, call, read_steps, said, tool

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


def bare(span: Step, *lost: str) -> Step:
    """A step without some of what a log may hold: `agent`, `time`, `arguments`, `result`, `output`, `usage`."""
    keys = {"agent": "gen_ai.agent.name", "arguments": "gen_ai.tool.call.arguments", "result": "gen_ai.tool.call.result",
            "output": "gen_ai.output.messages", "input": "gen_ai.input.messages", "usage": "gen_ai.usage"}  # fmt: skip
    kept = [
        each for each in span["attributes"] if not any(each["key"].startswith(keys.get(what, "-")) for what in lost)
    ]
    timeless = {key: value for key, value in span.items() if "time" not in lost or not key.endswith("UnixNano")}
    # What stands below a run is of its agent.
    alone = {key: value for key, value in timeless.items() if "agent" not in lost or key != "parentSpanId"}
    return alone | {"attributes": kept}


def calls_of(agents: list[str], each: int, **more: Any) -> list[Step]:
    """Tool calls and model calls of some agents, side by side, all that a log may hold recorded."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Write the page."}]}]
    steps = [agent(name, status=OK, **more) for name in agents]
    for name in agents:
        for n in range(each):
            path = {"path": f"{name}{n}.md", "text": "x"}
            steps.append(
                tool(f"write_file#{name}{n}", name, 3 * n, agent=name, status=OK, arguments=path, result="saved")
            )
            steps.append(
                call(
                    f"ask#{name}{n}",
                    name,
                    3 * n + 1,
                    agent=name,
                    status=OK,
                    inputs=asked,
                    outputs=said(f"Page {n} of {name}"),
                    input_tokens=9,
                    output_tokens=7,
                    model="gpt-5",
                )
            )
    return steps


LEFT_OUT = [
    ("competing_writes", "write_file", "agent", "tool calls", "no agent recorded"),
    ("duplicate_work", "write_file", "result", "tool calls", "no agent, no arguments or no result recorded"),
    ("error_burst", "write_file", "time", "tool calls", "no time recorded"),
    ("retry_storm", "write_file", "arguments", "tool calls", "no arguments recorded"),
    ("tool_loop", "write_file", "result", "tool calls", "no arguments or no result recorded"),
    ("injection", "write_file", "time", "tool calls with a result", "no time recorded"),
    ("deadlock", "write_file", "agent", "reports, messages and tool calls", "no agent or no time recorded"),
    ("thundering_herd", "write_file", "agent", "tool calls", "no agent or no time recorded"),
    ("repeated_text", "ask", "output", "model calls", "no output recorded"),
    ("context_collapse", "ask", "input", "model calls", "no input messages recorded"),
    ("no_op_storm", "ask", "usage", "model calls", "no output tokens recorded"),
    ("budget_breach", "ask", "time", "records of usage", "no time recorded"),
]


@pytest.mark.parametrize(("detector", "step", "lost", "what", "lack"), LEFT_OUT)
def test_steps_without_what_a_rule_needs_are_counted(
    tmp_path: Path, detector: str, step: str, lost: str, what: str, lack: str
) -> None:
    steps = calls_of(["Ana", "Ben", "Cyd", "Dan", "Eve"], 4)
    alike = [span["name"] for span in steps if span["name"].startswith(step)]
    left_out = set(alike[::7])
    lens = read_steps(tmp_path, [bare(span, lost) if span["name"] in left_out else span for span in steps])
    found(lens, detector)
    verdict, reason = outcome(lens, detector)
    assert verdict == "found nothing"
    assert f"{len(left_out)} of {len(alike)} {what} have {lack} and were not judged" in (reason or "").split("; ")


@pytest.mark.parametrize(("detector", "step", "lost", "what", "lack"), LEFT_OUT)
def test_where_no_step_has_what_a_rule_needs_nobody_could_look(
    tmp_path: Path, detector: str, step: str, lost: str, what: str, lack: str
) -> None:
    steps = calls_of(["Ana", "Ben", "Cyd", "Dan", "Eve"], 2)
    lens = read_steps(tmp_path, [bare(span, lost) if span["name"].startswith(step) else span for span in steps])
    found(lens, detector)
    # A storm of calls that do nothing may still be one of tools, and one of tries one of models.
    can_still_look = {"no_op_storm", "retry_storm"}
    assert outcome(lens, detector)[0] == ("found nothing" if detector in can_still_look else "could not look")
    assert outcome(lens, detector)[1]


def beats(agents: dict[str, int]) -> str:
    """A heartbeat file in which each agent is there for so many beats."""
    return board(
        [{name: "IN_PROGRESS" for name, times in agents.items() if n < times} for n in range(max(agents.values()))]
    )


def test_agents_without_a_rhythm_are_counted(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [], beats=beats({"Ana": 9, "Ben": 9, "Cyd": 3, "Dan": 1}))
    found(lens, "missed_heartbeat")
    assert outcome(lens, "missed_heartbeat")[1] == (
        "2 of 4 agents with heartbeats have too few of them to know a rhythm (four in one wave or day are needed) and were not judged"
    )
    found(lens, "silent_agent")
    assert (
        outcome(lens, "silent_agent")[1]
        == "1 of 4 agents with heartbeats has too few of them to know a rhythm and was not judged"
    )


def test_runs_of_a_kind_that_is_seldom_seen_are_counted_and_a_lower_threshold_judges_them(tmp_path: Path) -> None:
    runs = {"often": 8, "seldom": 3}
    steps = [each for name, times in runs.items() for n in range(times)
             for each in (agent(f"{name}#{n}", None, 100 * n), tool(f"look#{name}{n}", f"{name}#{n}", 100 * n + 1))]  # fmt: skip
    lens = read_steps(tmp_path, steps)
    found(lens, "runaway")
    assert outcome(lens, "runaway") == (
        "found nothing", "3 of 11 runs have too few others of their kind to know the usual length (5 are needed) and were not judged",
    )  # fmt: skip
    found(lens, "runaway", min_others=2)
    assert outcome(lens, "runaway") == ("found nothing", None)
    found(lens, "runaway", min_others=20)
    assert outcome(lens, "runaway")[0] == "could not look"


def test_agents_whose_usual_is_not_known_are_counted_by_retry_burst(tmp_path: Path) -> None:
    busy = [tool(f"look#{n}", "Ana", n, agent="Ana", arguments={"n": str(n)}, result="x", status=OK) for n in range(60)]
    few = [tool(f"see#{n}", "Ben", n, agent="Ben", arguments={"n": str(n)}, result="x", status=OK) for n in range(5)]
    lens = read_steps(tmp_path / "one", [agent("Ana"), agent("Ben"), *busy, *few])
    found(lens, "retry_burst")
    assert outcome(lens, "retry_burst") == (
        "found nothing",
        "1 of 2 agents has too few tool calls to know what is usual for them (50 are needed beside the burst) and was not judged",
    )
    lens = read_steps(tmp_path / "none", [agent("Ben"), *few])
    found(lens, "retry_burst")
    assert outcome(lens, "retry_burst")[0] == "could not look"


def long_run(brief: str | None, number: int, words: str = "lease") -> list[Step]:
    """A run of twelve steps on its task; `words` stand in its arguments."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": brief}]}] if brief else None
    steps = [
        tool(f"search#{number}.{n}", f"lead#{number}", n, arguments={"q": f"{words} {n}"} if words else {}, result="x")
        for n in range(12)
    ]
    return [agent(f"lead#{number}", None, 0, 100, inputs=asked), *steps]


def test_runs_whose_task_cannot_be_compared_are_counted_by_goal_drift(tmp_path: Path) -> None:
    briefs = ["Find the lease of the shop in Bonn.", "Read the lease of the mill and sum it up."]
    unspaced = ["港町の店の賃貸契約を読んで、期限と違約金を表にまとめてください。", "อ่านสัญญาเช่าร้านค้าแล้วสรุปวันหมดอายุ"]
    untold = [None, None, None]
    runs = [long_run(brief, n) for n, brief in enumerate([*briefs, *unspaced, *untold])] + [long_run(briefs[0], 9, "")]
    lens = read_steps(tmp_path / "some", in_traces(runs))
    assert found(lens, "goal_drift") == []
    assert outcome(lens, "goal_drift") == (
        "found nothing",
        f"{len(untold)} of {len(runs)} long runs have no task recorded and were not judged; "
        f"{len(unspaced)} of {len(runs)} long runs have a task in a script that puts no blanks between words and were not judged; "
        f"1 of {len(runs)} long runs has last steps without words in their arguments and was not judged",
    )
    lens = read_steps(tmp_path / "none", in_traces([long_run(brief, n) for n, brief in enumerate(unspaced)]))
    found(lens, "goal_drift")
    assert outcome(lens, "goal_drift")[0] == "could not look"


MANIFEST = "agents:\n  - name: Ana\n    requires_approval: [deploy]\n    tools: [deploy]\n"


def test_where_no_approval_is_logged_at_all_declared_needs_could_not_be_looked_at(tmp_path: Path) -> None:
    deploys = [agent("Ana"), tool("deploy#1", "Ana", 5, agent="Ana", result="out", status=OK)]
    asked = tool(
        "ask_approval", "Ana", 2, agent="Ana", arguments={"what": "deploy"}, result="approved: deploy", status=OK
    )
    silent = read_steps(tmp_path / "silent", deploys, **{"manifest.yaml": MANIFEST})
    found(silent, "approval_skipped")
    assert outcome(silent, "approval_skipped") == (
        "could not look", "declarations of agents ask for approvals, but the logs hold none at all: whether any was given is not known",
    )  # fmt: skip
    granted = read_steps(tmp_path / "granted", [*deploys, asked], **{"manifest.yaml": MANIFEST})
    assert found(granted, "approval_skipped") == [] and outcome(granted, "approval_skipped") == ("found nothing", None)
    timeless = read_steps(
        tmp_path / "timeless", [bare(span, "time") for span in (*deploys, asked)], **{"manifest.yaml": MANIFEST}
    )
    assert found(timeless, "approval_skipped") == []


def test_prompts_of_calls_without_usage_cannot_be_measured(tmp_path: Path) -> None:
    prompt = [{"role": "system", "parts": [{"type": "text", "content": "Be brief."}]}]
    metered = [
        call(f"ask#{n}", "Ana", n, agent="Ana", inputs=prompt, input_tokens=5, output_tokens=2) for n in range(3)
    ]
    dark = [call(f"see#{n}", "Ana", n, agent="Ana", inputs=prompt) for n in range(2)]
    some = read_steps(tmp_path / "some", [agent("Ana"), *metered, *dark])
    none = read_steps(tmp_path / "none", [agent("Ana"), *dark])
    for lens in (some, none):
        found(lens, "oversized_prompt")
    assert outcome(some, "oversized_prompt") == (
        "found nothing",
        "2 of 5 model calls have no input tokens recorded and were not judged",
    )
    assert outcome(none, "oversized_prompt")[0] == "could not look"


def test_packets_memory_and_tools_that_say_too_little_are_counted(tmp_path: Path) -> None:
    def sent(n: int, version: str) -> Step:
        return tool(f"send#{n}", "Ana", n, agent="Ana", arguments={"packet": "facts", "version": version}, result="ok")

    def kept(n: int, **scope: str) -> Step:
        return tool(f"memory_write#{n}", "Ana", 20 + n, agent="Ana", arguments={"text": "x", **scope}, result="ok")

    steps = [
        agent("Ana"),
        agent("Ben"),
        *(sent(n, v) for n, v in enumerate(["v3", "v3", "final"])),
        kept(0, scope="agent:Ana"),
        kept(1),
        kept(2),
    ]
    lens = read_steps(tmp_path, steps, **{"manifest.yaml": MANIFEST})
    for detector in ("stale_packet", "scope_breach", "undeclared_tool"):
        found(lens, detector)
    assert (
        outcome(lens, "stale_packet")[1]
        == "1 of 3 uses of packets has no agent, no time or a version that is no number and was not judged"
    )
    assert (
        outcome(lens, "scope_breach")[1]
        == "2 of 3 uses of memory have no agent or no scope recorded and were not judged"
    )
    assert outcome(lens, "undeclared_tool")[1] == "1 of 2 agents has no declared list of tools and was not judged"


def test_an_agent_seen_too_seldom_is_counted_by_drift(tmp_path: Path) -> None:
    times = {"Ana": 40, "Ben": 3}
    steps = [each for name, count in times.items() for n in range(count)
             for each in (agent(f"{name}#{n}", None, 100 * n, 100 * n + 9, trace=f"{name}{n}"), call(f"ask#{n}", f"{name}#{n}", 100 * n + 1, agent=name, trace=f"{name}{n}", input_tokens=50 + n % 3, output_tokens=5, model="gpt-5"))]  # fmt: skip
    lens = read_steps(tmp_path, steps)
    found(lens, "drift_step")
    assert (outcome(lens, "drift_step")[1] or "").startswith(
        "1 of 2 agents has too few tasks and calls with a time to know what is usual"
    )


@pytest.mark.parametrize(("detector", "what"), [("plausible_cascade", "corrections"), ("injection", "orders")])
def test_where_most_texts_are_in_a_language_that_a_rule_does_not_understand_it_says_so(
    tmp_path: Path, detector: str, what: str
) -> None:
    def talk(texts: list[str]) -> list[Step]:
        read = [
            tool(f"fetch#{n}", "lead", n, agent="lead", arguments={"n": str(n)}, result=words)
            for n, words in enumerate(texts)
        ]
        wrote = [
            call(f"ask#{n}", "lead", n + 0.6, agent="lead", outputs=said(f"{words} {n}"))
            for n, words in enumerate(texts)
        ]
        return [agent("lead"), *read, *wrote]

    foreign = read_steps(tmp_path / "foreign", talk(FOREIGN * 2 + UNDERSTOOD[:1]))
    english = read_steps(tmp_path / "english", talk(UNDERSTOOD[:1] * 8 + FOREIGN))
    few = read_steps(tmp_path / "few", talk(FOREIGN))
    for lens in (foreign, english, few):
        found(lens, detector)
    abroad, seen = 2 * len(FOREIGN), 2 * len(FOREIGN) + 1
    assert outcome(foreign, detector)[1] == (
        f"{what} are understood in English only: {abroad} of {seen} texts that were looked at are in other languages"
    )
    assert outcome(english, detector)[1] is None and outcome(few, detector)[1] is None
