"""Detectors of what agents tell one another: each fires on what it is made for, and leaves healthy talk alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detector_runs import found, in_traces
from lens_builder import Step, agent, call, read_steps, tool

from agentlens import Lens

# --- missing_brief ----------------------------------------------------------------------------------------------------

CONDITIONS = [("EUR 4,200", "16:45"), ("KT-60-B",), ("reports/norm.md", "9 May"), ("Dr Amrein",), ("12 %",)]


def asked(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"type": "text", "content": text}]}]


def fan_out(briefs: list[str], task: str, *below: Step) -> list[Step]:
    """Briefs to several agents, each by a tool named for it, and what the agent that sends them was asked."""
    steps = [agent("lead"), call("plan", "lead", 0.5, agent="lead", inputs=asked(task))]
    for n, brief in enumerate(briefs):
        steps += [tool(f"ask_hand{n}", "lead", n + 1, n + 1.9, agent="lead", arguments={"task": brief})]
        steps += [agent(f"hand{n}", f"ask_hand{n}", n + 1.1, n + 1.8)]
    return [*steps, *below]


def test_a_brief_without_a_condition_of_the_task_that_all_asked_for_the_same_were_given_is_told(tmp_path: Path) -> None:
    runs = [
        fan_out(
            [f"Take part {n}" + ("." if n == 1 else f", mind {' and '.join(facts)}.") for n in range(size)],
            f"Do all parts and mind {' and '.join(facts)}.",
        )
        for facts, size in zip(CONDITIONS, (3, 4, 3, 5, 3))
    ]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "missing_brief", "agent_name, tier, severity") == [("hand1", "candidate", "warning")] * len(runs)


def test_the_name_of_whom_a_brief_is_for_is_no_word_of_it(tmp_path: Path) -> None:
    briefs = {"diagnosis": "Mend T-01.", "storage": "Mend T-02 in /srv/copy-26/.", "planning": "Mend T-03 in /srv/copy-26/."}  # fmt: skip
    steps = [agent("lead"), call("plan", "lead", 0.5, agent="lead", inputs=asked("Mend all, in /srv/copy-26/ only."))]
    for n, (name, brief) in enumerate(briefs.items()):
        told = {"subagent_type": name, "prompt": brief}
        steps.append(tool(f"Task#{n}", "lead", n + 1, n + 1.9, agent="lead", arguments=told))
        steps.append(agent(name, f"Task#{n}", n + 1.1, n + 1.8))
    assert found(read_steps(tmp_path, steps), "missing_brief", "agent_name") == [("diagnosis",)]


def test_who_has_another_part_or_is_told_elsewhere_lacks_no_condition(tmp_path: Path) -> None:
    task, told = "Do all parts within EUR 4,200.", "Take part {} within EUR 4,200."
    parts = [told.format(n) for n in range(4)]
    shown = call("c", "hand1", 2.2, agent="hand1", inputs=asked(f"{task} Take part 1."))
    healthy = {
        "other work": fan_out([*parts[:3], "Tell the printer that we come on Monday."], task),
        "not in the task": fan_out([*parts[:3], "Take part 3."], "Do all parts."),
        "two do without": fan_out([*parts[:2], "Take part 2.", "Take part 3."], task),
        "only two": fan_out([parts[0], "Take part 1."], task),
        "referred": fan_out([*parts[:3], "Take part 3, same as above."], task),
        "shown": fan_out([parts[0], "Take part 1.", parts[2]], task, shown),
        "own values": fan_out([f"Take part {n} within EUR {n},100." for n in range(4)], task),
    }  # fmt: skip
    for name, steps in healthy.items():
        assert found(read_steps(tmp_path / name, steps), "missing_brief", "summary") == [], name


# --- messages: lost_message, delegation_loop --------------------------------------------------------------------------

Said = tuple[str, str, int, str]


def talk(folder: Path, said: list[Said]) -> Lens:
    """The lens of messages: sender, recipient, minute, text."""
    records = [
        {"message_id": str(n), "from": a, "to": b, "payload": text, "timestamp": f"2026-01-01T10:{minute:02d}:00Z"}
        for n, (a, b, minute, text) in enumerate(said)
    ]
    return read_steps(folder, [], **{"talk.jsonl": "\n".join(json.dumps(record) for record in records)})


REST: list[Said] = [
    ("Ana", "Ben", 1, "Please weigh barrel 11"), ("Ben", "Ana", 3, "barrel 11: 40 kg"),
    ("Ana", "Dan", 4, "Please weigh barrel 12"), ("Dan", "Ana", 6, "barrel 12: 38 kg"),
    ("Ana", "Ben", 20, "Please weigh barrel 13"), ("Ben", "Ana", 22, "barrel 13: 44 kg"),
    ("Cyd", "Dan", 30, "I am in the cellar until noon"), ("Dan", "Cyd", 31, "Fine"),
]  # fmt: skip
ASKED = ("Ana", "Cyd", 8, "Please weigh barrel 14")


def test_a_request_that_alone_is_never_answered_by_one_who_goes_on_writing_is_lost(tmp_path: Path) -> None:
    other_hand = talk(tmp_path / "sender", [*REST, ASKED])
    later = [("Ana", "Ben", 40, "Please weigh barrel 16"), ("Ben", "Ana", 41, "barrel 16: 41 kg")]
    same_hand = talk(tmp_path / "recipient", [*REST, ("Ana", "Ben", 8, "Please weigh barrel 14"), *later])
    again = talk(
        tmp_path / "again", [*REST, ASKED, ("Ana", "Cyd", 15, "Still no word of barrel 14, can you weigh it?")]
    )
    for lens, name, cited in ((other_hand, "Cyd", 1), (same_hand, "Ben", 1), (again, "Cyd", 2)):
        assert found(lens, "lost_message", "agent_name, tier, len(evidence)") == [(name, "candidate", cited)]


def test_a_request_that_needs_no_answer_or_got_one_by_other_ways_is_not_lost(tmp_path: Path) -> None:
    healthy: dict[str, list[Said]] = {
        "in other words": [ASKED, ("Cyd", "Ana", 12, "37 kg")],
        "to another": [ASKED, ("Cyd", "Dan", 12, "Tell Ana that barrel 14 has 37 kg")],
        "by another": [ASKED, ("Dan", "Ana", 12, "Cyd is busy; barrel 14 has 37 kg")],
        "taken back": [ASKED, ("Ana", "Cyd", 9, "Never mind the weighing")],
        "thanked for": [ASKED, ("Ana", "Cyd", 25, "Thanks for barrel 14")],
        "a note": [("Ana", "Cyd", 8, "All barrels of the week go to Ulm")],
        "in progress": [("Ana", "Cyd", 29, "Please weigh barrel 14")],
        "no habit": [ASKED, ("Ana", "Dan", 9, "Please weigh barrel 15")],
    }
    for name, said in healthy.items():
        assert found(talk(tmp_path / name, [*REST, *said]), "lost_message", "summary") == [], name


def report(sender: str, recipient: str, minute: int, status: str, delivers: str = "none", then: str = "none") -> str:
    """A status report as header lines."""
    fields = {"FROM": sender, "TO": recipient, "TIME": f"2026-01-01T10:{minute:02d}:00Z", "STATUS": status}
    return "".join(f"{key}: {value}\n" for key, value in {**fields, "DELIVERABLES": delivers, "NEXT": then}.items())


def reports(folder: Path, *said: str) -> Lens:
    return read_steps(folder, [], **{"reports.txt": "---\n".join(said)})


def test_work_that_a_report_gives_to_one_never_heard_of_while_others_go_on_is_lost(tmp_path: Path) -> None:
    given = [report("Ana", name, n, "DISPATCH", then=f"barrel 1{n}") for n, name in enumerate(("Ben", "Cyd"))]
    lens = reports(tmp_path / "lost", *given, report("Ben", "Ana", 20, "COMPLETE"))
    assert found(lens, "lost_message", "agent_name, tier, len(evidence)") == [("Cyd", "candidate", 1)]
    taken = reports(tmp_path / "taken", *given, report("Cyd", "Ana", 9, "IN_PROGRESS"), report("Ben", "Ana", 20, "COMPLETE"))  # fmt: skip
    told = reports(tmp_path / "told", report("Ana", "Cyd", 1, "COMPLETE"), given[0], report("Ben", "Ana", 20, "COMPLETE"))  # fmt: skip
    for lens in (taken, told):
        assert found(lens, "lost_message", "summary") == []


def in_turn(*texts: str) -> list[Said]:
    return [(("Ana", "Ben")[n % 2], ("Ben", "Ana")[n % 2], n, text) for n, text in enumerate(texts)]


def test_two_who_tell_each_other_to_do_the_same_in_ever_other_words_are_in_a_loop(tmp_path: Path) -> None:
    rally = in_turn(
        "Can you sign permit QX-7?",
        "Permit QX-7 is yours to sign.",
        "Please sign permit QX-7 yourself.",
        "The permit goes back to you: sign QX-7.",
        "You are to sign permit QX-7.",
    )
    assert found(talk(tmp_path / "loop", rally), "delegation_loop", "tier, agent_name, len(evidence)") == [
        ("candidate", "Ana", 5)
    ]
    healthy = {
        "review": in_turn(
            "Please review chapter 12", "Please rework the start of chapter 12", "Chapter 12 reworked, please review",
            "Please rework the end of chapter 12", "The end of chapter 12 is reworked, please review", "Please rework its title, chapter 12",
        ),
        "matters": in_turn(*(f"Please count shelf K-{n}, will you" for n in range(40, 46))),
        "short": rally[:4],
        "answers": in_turn(
            "Can you sign permit QX-7?", "Permit QX-7 lacks the date, please add it", "The date is in permit QX-7 now, please sign",
            "I signed permit QX-7, thank you", "Please file permit QX-7", "Permit QX-7 is filed for you",
        ),
    }  # fmt: skip
    for name, said in healthy.items():
        assert found(talk(tmp_path / name, said), "delegation_loop", "summary") == [], name


# --- stale_packet -----------------------------------------------------------------------------------------------------

FIRST: Said = ("Ana", "Ben", 1, "menu-7 v1: soup 40 portions")
SECOND: Said = ("Ana", "Ben", 10, "menu-7 v2: soup 60 portions")
PASSED_ON: Said = ("Ben", "Cyd", 20, "Go ahead with menu-7 v1, 40 portions.")


def test_who_was_told_of_a_later_version_and_passes_the_one_before_on_works_from_a_stale_packet(tmp_path: Path) -> None:
    stale = {
        "same heading": [FIRST, SECOND, PASSED_ON],
        "kind of thing": [("Ana", "Ben", 10, "menu.md version 2 replaces version 1"), ("Ben", "Cyd", 20, "Cook by menu.md, file version 1")],
        "replaces": [("Ana", "Ben", 10, "The menu v2 replaces v1."), ("Ben", "Cyd", 20, "Bitte nach Menu v1 kochen")],
        "ersetzt": [("Ana", "all", 10, "Version 4 ersetzt: preise.csv Version 4 ersetzt Version 3"),
                    ("Ben", "Cyd", 20, "Rechne mit preise.csv Version 3")],
    }  # fmt: skip
    for name, said in stale.items():
        lens = talk(tmp_path / name, said)
        assert found(lens, "stale_packet") == [("Ben", "candidate", "warning")], name


def test_who_was_not_told_or_asks_or_puts_it_right_works_from_no_stale_packet(tmp_path: Path) -> None:
    healthy: dict[str, list[Said]] = {
        "before": [FIRST, ("Ben", "Cyd", 9, PASSED_ON[3]), SECOND],
        "current": [FIRST, SECOND, ("Ben", "Cyd", 20, "Go ahead with menu-7 v2, 60 portions.")],
        "not told": [("Ana", "Ben", 1, FIRST[3]), ("Ana", "Dan", 10, SECOND[3]), PASSED_ON],
        "asks": [FIRST, SECOND, ("Ben", "Cyd", 20, "Did you cook by menu-7 v1?")],
        "warns": [FIRST, SECOND, ("Ben", "Cyd", 20, "Do not use menu-7 v1 any more.")],
        "answers": [FIRST, SECOND, ("Ben", "Ana", 20, "menu-7 v1 was cooked for lunch")],
        "draft": [FIRST, ("Ana", "Ben", 10, "menu-7 v2: draft, I am still at it"), PASSED_ON],
        "planned": [FIRST, ("Ana", "Ben", 10, "menu-7 v2 will replace it tomorrow"), PASSED_ON],
        "mere mention": [FIRST, ("Ana", "Ben", 10, "I start with menu-7 v2 now"), PASSED_ON],
        "taken back": [FIRST, SECOND, ("Ana", "Ben", 15, "Back to menu-7 v1 please"), PASSED_ON],
        "put right": [FIRST, SECOND, PASSED_ON, ("Ben", "Cyd", 21, "Sorry: menu-7 v2, 60 portions")],
        "another": [FIRST, SECOND, ("Ben", "Cyd", 20, "Go ahead with menu-9 v1, 40 portions.")],
        "numbers": [FIRST, SECOND, ("Ben", "Cyd", 20, "Go ahead with menu-7 v1.3.2")],
        "only passed on what it got": [
            FIRST,
            SECOND,
            ("Ben", "Cyd", 20, "menu-7 v2"),
            ("Cyd", "Dan", 25, "Take menu-7 v1"),
        ],
    }
    for name, said in healthy.items():
        assert found(talk(tmp_path / name, said), "stale_packet") == [], name


def test_who_dispatches_work_by_a_version_that_a_report_had_replaced_works_from_a_stale_packet(tmp_path: Path) -> None:
    first, second = (report("Ana", "Ben", n, "COMPLETE", f"menu-7.md v{n}") for n in (1, 2))
    old = report("Ben", "Cyd", 20, "DISPATCH", "menu-7.md v1", "cook by menu-7.md v1")
    assert found(reports(tmp_path / "stale", first, second, old), "stale_packet") == [("Ben", "candidate", "warning")]
    healthy = {
        "current": [first, second, old.replace("v1", "v2")],
        "before": [first, report("Ben", "Cyd", 1, "DISPATCH", "menu-7.md v1"), second],
        "not told": [first, second.replace("TO: Ben", "TO: Dan"), old],
        "tells what it did": [first, second, report("Ben", "Cyd", 20, "COMPLETE", "cooked by menu-7.md v1")],
    }
    for name, said in healthy.items():
        assert found(reports(tmp_path / name, *said), "stale_packet", "summary") == [], name


def test_who_sends_work_on_by_the_version_that_it_had_replaced_itself_works_from_a_stale_packet(tmp_path: Path) -> None:
    def run(version: int, result: str = "prices.csv is now version 4 with 8,999.") -> list[Step]:
        order = {"task": f"Order after prices.csv version: {version}, quota 7,195."}
        return [
            agent("lead"), tool("ask_ann", "lead", 2, 4, agent="lead", arguments={"task": "Update prices.csv"}, result=result),
            agent("ann", "ask_ann", 2.1, 3.9), tool("ask_bob", "lead", 6, 8, agent="lead", arguments=order, result="ordered"),
            agent("bob", "ask_bob", 6.1, 7.9),
        ]  # fmt: skip

    runs = [run(3), run(4), run(3, "done"), run(3, "prices.csv version 4 is a draft; version 3 stands")]
    lens = read_steps(tmp_path, in_traces(runs))
    assert found(lens, "stale_packet", "trace_id[-1:], agent_name, tier") == [("1", "lead", "candidate")]
