"""Detectors of what went into the windows of models: each fires on what it is made for, in any wording, and leaves healthy runs alone."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

from detector_runs import found, in_traces, outcome
from lens_builder import ERROR, OK, Step, agent, call, read_steps, tool


def heard(*texts: str, role: str = "user") -> list[dict[str, Any]]:
    """Messages of a window."""
    return [{"role": role, "parts": [{"type": "text", "content": text}]} for text in texts]


# --- context_overflow -------------------------------------------------------------------------------------------------

REFUSALS = [
    "prompt is too long: 210412 tokens > 200000 maximum",
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens.",
    "Input is too long for requested model.",
    "context_length_exceeded",
    "The input token count (1048999) exceeds the maximum number of tokens allowed (1048576).",
    "input length and `max_tokens` exceed context limit: 190123 + 20000 > 200000, decrease input length and try again",
    "the request exceeds the available context size. try increasing the context size",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Please reduce the length of the messages or completion.",
    "prompt too long; exceeded max context length by 93 tokens",
    "Codex ran out of room in the model's context window. Start a new conversation or clear earlier history.",
]


def asked(name: str, tokens: int, start: float = 1, **more: Any) -> Step:
    more.setdefault("model", "claude-sonnet-4-5")
    return call(name, "lead", start, input_tokens=tokens, output_tokens=10, provider="anthropic", **more)


def test_a_prompt_that_the_provider_refuses_as_too_long_is_an_overflow(tmp_path: Path) -> None:
    refused = [call("c", "lead", 1, status=ERROR, message=words, model="some-model") for words in REFUSALS]
    lost = [[agent("lead"), each] for each in refused]
    mended = [[agent("lead"), each, call("d", "lead", 3, status=OK, model="some-model")] for each in refused]
    lens = read_steps(tmp_path, in_traces(lost + mended))
    severities = ["critical"] * len(lost) + ["warning"] * len(mended)
    assert found(lens, "context_overflow") == [("lead", "proven", severity) for severity in severities]


def test_a_window_that_is_almost_full_is_one_finding(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), asked("a", 150_000), asked("b", 191_000, 3), asked("c", 199_000, 5)])
    columns = "tier, severity, len(span_ids), summary"
    assert found(lens, "context_overflow", columns) == [
        (
            "event",
            "warning",
            2,
            "lead filled the model's window almost whole in 2 calls: 199,000 of 200,000 tokens (100 %) of claude-sonnet-4-5.",
        )
    ]
    assert found(lens, "context_overflow", near_share=0.996) == []


def test_long_prompts_rate_limits_and_wider_windows_are_no_overflow(tmp_path: Path) -> None:
    runs = [
        [agent("lead"), asked("a", 180_000)],
        [agent("lead"), call("b", "lead", status=ERROR, message="429 rate limit: too many requests per minute")],
        [agent("lead"), asked("c", 199_000, model="claude-opus-4-5"), asked("d", 400_000, model="claude-opus-4-5")],
        [agent("lead"), asked("e", 9_999_999, model="home-grown-7b")],
        [
            agent("lead"),
            tool(
                "read",
                "lead",
                1,
                status=ERROR,
                message="File content (28375 tokens) exceeds maximum allowed tokens (25000).",
            ),
        ],
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "context_overflow", "summary") == []
    assert outcome(lens, "context_overflow") == (
        "found nothing",
        "of 4 of 5 model calls the input tokens or the window of the model are not known: only what the provider said was looked at",
    )


def test_without_model_calls_overflows_cannot_be_looked_for(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), tool("t", "lead", 1)])
    assert found(lens, "context_overflow") == []
    assert outcome(lens, "context_overflow") == ("could not look", "the logs hold no model calls")


# --- secret_exposure --------------------------------------------------------------------------------------------------


def a_token(seed: int) -> str:
    rng = random.Random(seed)
    return "ghp_" + "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(36))


def test_a_secret_is_one_finding_wherever_it_stands_and_never_shown(tmp_path: Path) -> None:
    token = a_token(1)
    steps = [
        agent("lead"),
        agent("helper", "lead", 5, 50),
        tool("read_file", "lead", 1, result=f"GITHUB={token}\n"),
        tool("delegate", "lead", 4, arguments={"agent": "helper", "task": f"push with {token}"}),
        call("c", "helper", 6, inputs=heard(f"push with {token}")),
    ]
    lens = read_steps(tmp_path, steps)
    columns = "tier, severity, agent_name, len(span_ids), summary"
    assert found(lens, "secret_exposure", columns) == [
        (
            "event",
            "critical",
            "lead",
            3,
            "A GitHub token stands in 3 steps of helper, lead, first in the result of read_file.",
        )
    ]
    for table in ("findings", "checks", "secrets"):
        assert token not in str(lens.sql(f"FROM {table}").fetchall())
    pieces = lens.sql("SELECT unnest(evidence).source_offset FROM findings").fetchall()
    assert len(pieces) == 3
    lines = (tmp_path / "spans.jsonl").read_text().splitlines()
    assert sum(token in line for line in lines) == 3


def test_what_one_agent_only_read_is_a_warning(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [agent("lead"), tool("env", "lead", 1, result=f"TOKEN={a_token(2)}")])
    assert found(lens, "secret_exposure") == [("lead", "event", "warning")]
    assert lens.sql("SELECT characters, first_character, place FROM secrets").fetchall() == [(40, 6, "result")]


def test_account_numbers_are_told_only_when_they_go_from_agent_to_agent(tmp_path: Path) -> None:
    iban = "Pay to DE89 3704 0044 0532 0130 00 by Friday."
    alone = [agent("lead"), tool("read_invoice", "lead", 1, result=iban)]
    wrong = [
        agent("lead"),
        agent("b", "lead"),
        *(tool(f"read#{n}", w, n, result=iban.replace("89", "88")) for n, w in enumerate(("lead", "b"))),
    ]
    assert found(read_steps(tmp_path / "alone", in_traces([alone, wrong])), "secret_exposure") == []
    passed = [*alone, agent("clerk", "lead", 2), call("c", "clerk", 3, inputs=heard(iban))]
    assert found(read_steps(tmp_path / "passed", passed), "secret_exposure") == [("lead", "event", "info")]


def test_placeholders_hashes_and_ids_are_no_secrets(tmp_path: Path) -> None:
    texts = [
        "export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
        "OPENAI_API_KEY=sk-your-key-here, GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "password = getpass(); token = os.environ['TOKEN']",
        "commit 4bf92f3577b34da6a3ce929d0e0e47364bf92f35, order 4111111111111111, snowflake 5105105105105100",
    ]
    steps = [agent("lead"), agent("b", "lead")]
    steps += [tool(f"read#{n}{who}", who, n, result=text) for n, text in enumerate(texts) for who in ("lead", "b")]
    assert found(read_steps(tmp_path, steps), "secret_exposure", "summary") == []


# --- missing_brief: values that the siblings carry --------------------------------------------------------------------

FACTS = [
    "The launch is on 28 April 2026",
    "the budget is EUR 40,000",
    "read shared/packet_v4.md first",
    "the ticket is OPS-4711",
    "do not name Norrland Freight",
]


def brief(number: int, text: str, tool_name: str = "delegate_work") -> Step:
    return tool(
        f"{tool_name}#{number}", "lead", number, arguments={"agent": f"a{number}", "task": f"Job {number}: {text}"}
    )


def test_a_value_that_all_siblings_carry_and_one_lacks_is_told(tmp_path: Path) -> None:
    tools = ["delegate_work", "Task", "dispatch", "handoff", "hand_off"]
    runs = [
        [agent("lead"), *(brief(n, "" if n == 3 else f"please note that {fact}.", name) for n in range(1, 6))]
        for fact, name in zip(FACTS, tools)
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "missing_brief") == [("a3", "candidate", "warning")] * len(runs)
    assert found(lens, "missing_brief", min_siblings=6) == []


def test_values_of_one_job_and_values_that_several_do_without_are_not_missed(tmp_path: Path) -> None:
    own = [agent("lead"), *(brief(n, f"write reports/part_{n}.md for EUR {n}00") for n in range(1, 6))]
    optional = [agent("lead"), *(brief(n, FACTS[0] if n < 4 else "") for n in range(1, 6))]
    learnt_later = [agent("lead"), *(brief(n, FACTS[0] if n > 1 else "") for n in range(1, 6))]
    few = [agent("lead"), *(brief(n, FACTS[0] if n < 3 else "") for n in range(1, 4))]
    lens = read_steps(tmp_path, in_traces([own, optional, learnt_later, few]))
    assert found(lens, "missing_brief", "summary") == []


# --- context_collapse: what is asked for again ------------------------------------------------------------------------


def answered(call_id: str, text: str) -> dict[str, Any]:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": text}]}


def read_again(times: int, cut: bool = True, changed: bool = False, timed: bool = False) -> list[Step]:
    """An agent that reads files, loses them from its window (or not), and reads them again."""
    texts = [f"file {n}: " + "all the facts of the matter " * 8 for n in range(times)]
    later = texts
    if timed:
        texts, later = ([f"Exit code: 0\nWall time: {took} seconds\n{text}" for text in texts] for took in (1.5, 2.3))
    names = [f"call-{n}-of-the-first-round" for n in range(times)]
    steps = [agent("lead")]
    for n, (name, text) in enumerate(zip(names, texts)):
        steps.append(
            tool(f"read#{n}", "lead", 1 + n, arguments={"path": f"{n}.md"}, result=text, gen_ai__tool__call__id=name)
        )
    window = [*heard("the goal"), *(answered(name, text) for name, text in zip(names, texts))]
    steps.append(call("before", "lead", 20, conversation=f"talk {times}{changed}", inputs=window))
    steps.append(
        call(
            "after",
            "lead",
            30,
            conversation=f"talk {times}{changed}",
            inputs=heard("summary") if cut else [*window, *heard("go on")],
        )
    )
    for n, text in enumerate(later):
        steps.append(tool(f"read#{n}b", "lead", 40 + n, arguments={"path": f"{n}.md"}, result=text + "!" * changed))
    return steps


def test_what_was_dropped_and_is_asked_for_again_is_a_collapse(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, in_traces([read_again(1), read_again(4), read_again(3, timed=True)]))
    columns = "agent_name, tier, severity, len(span_ids), len(evidence)"
    assert found(lens, "context_collapse", columns) == [
        ("lead", "proven", "info", 3, 2),
        ("lead", "proven", "warning", 6, 5),
        ("lead", "proven", "warning", 5, 4),  # how long a program took is no other answer
    ]


def test_what_still_stands_in_the_window_or_has_changed_is_no_collapse(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, in_traces([read_again(4, cut=False), read_again(4, changed=True)]))
    assert found(lens, "context_collapse", "summary") == []
    assert outcome(lens, "context_collapse") == (
        "found nothing",
        "only what was asked for again was looked at: no delegation has its arguments recorded as a JSON object",
    )


def test_an_agent_that_is_sent_for_once_more_has_lost_nothing(tmp_path: Path) -> None:
    steps = [agent("lead")]
    for k in range(2):
        texts = {f"t{k}{n}": f"file {n}: " + "all the facts of the matter " * 8 for n in range(3)}
        start = 10 + 40 * k
        steps += [tool(f"ask#{k}", "lead", start, start + 30), {**agent(f"reader#{k}", f"ask#{k}", start, start + 29)}]
        steps.append(call(f"first{k}", f"reader#{k}", start + 1, inputs=heard(f"question {k}")))
        steps += [
            tool(f"read#{n}{k}", f"reader#{k}", start + 2 + n, arguments={"path": f"{n}.md"}, result=text)
            for n, text in enumerate(texts.values())
        ]
        window = [*heard(f"question {k}"), *(answered(*each) for each in texts.items())]
        steps.append(call(f"last{k}", f"reader#{k}", start + 20, inputs=window))
    for each in steps:
        for attribute in each["attributes"]:
            if attribute["key"] == "gen_ai.agent.name":
                attribute["value"]["stringValue"] = attribute["value"]["stringValue"].partition("#")[0]
    assert found(read_steps(tmp_path, steps), "context_collapse", "summary") == []


# --- context_collapse: what is missing from then on -------------------------------------------------------------------

TASK = "Write the letters to the five owners. The file number is ZK-683-77; use it in every letter."


def letters(
    after: list[dict[str, Any]], before: str = "letter {}, file number ZK-683-77", shown: str = "summary", **more: Any
) -> list[Step]:
    """Four letters with the number of the file, a cut, and then others."""
    written = [
        tool(
            f"write_letter#{n}",
            "lead",
            1 + n,
            arguments={"path": f"out/{n}.txt", "text": before.format(n)},
            result="ok",
        )
        for n in range(4)
    ]
    window = heard(more.pop("task", TASK), *(f"some words of the conversation {n} " * 4 for n in range(4)))
    later = [tool(f"write_letter#{n}b", "lead", 40 + n, arguments=each, result="ok") for n, each in enumerate(after)]
    calls = [call("before", "lead", 20, inputs=window), call("after", "lead", 30, inputs=heard(shown))]
    return [agent("lead"), *written, *calls, *later]


def test_what_every_call_carried_and_none_does_after_a_cut_was_lost(tmp_path: Path) -> None:
    poor = {"path": "out/5.txt", "text": "letter 5"}
    lens = read_steps(tmp_path, letters([poor, {**poor, "text": "letter 6"}]))
    columns = "agent_name, tier, severity, len(span_ids), len(evidence)"
    assert found(lens, "context_collapse", columns) == [("lead", "candidate", "warning", 4, 3)]
    assert found(lens, "context_collapse", "summary")[0][0].endswith("has what all had carried before: ZK-683-77.")


def test_other_work_other_values_and_what_is_still_known_are_no_loss(tmp_path: Path) -> None:
    poor = {"path": "out/5.txt", "text": "letter 5"}
    rich = {"path": "out/6.txt", "text": "letter 6, file number ZK-683-77"}
    other = {"path": "out/5.txt", "text": "letter 5, file number ZK-684-01"}
    healthy = [
        letters([poor], shown="summary; the file number is ZK-683-77"),
        letters([poor, rich]),
        letters([other]),
        letters([{"path": "notes.md", "text": "minutes of today's meeting with everybody"}]),
        letters([poor], task="Write the letters to the owners."),
        letters([poor], before="ZK-683-77"),
        letters([{"path": "out/5.txt", "text": "4 + 1"}]),
        letters([]),
    ]
    assert found(read_steps(tmp_path, in_traces(healthy)), "context_collapse", "summary") == []
