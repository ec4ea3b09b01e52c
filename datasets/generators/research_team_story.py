"""The story of research_team: three mornings of a newsroom team, what each model says and each tool returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class Say:
    """One answer of a scripted model: text, or a tool call with arguments."""

    text: str = ""
    tool: str = ""
    arguments: dict[str, Any] | None = None


@dataclass
class Morning:
    """One run of the team: the question, every answer of every model, every tool result (an exception is raised)."""

    name: str
    start: str
    question: str
    says: dict[str, list[Say]]
    searches: list[str | Exception]
    sources: list[str | Exception]


class SearchBusy(Exception):
    """The search backend refused; the model is asked to try again."""


def delegation(topic: str, claims: str, notes: str, final: str) -> list[Say]:
    """The orchestrator's four turns."""
    return [
        Say("The researcher first.", "delegate_research", {"topic": topic}),
        Say("Now the claims must be checked.", "delegate_fact_check", {"claims": claims}),
        Say("Checked; the writer may begin.", "delegate_writing", {"notes": notes}),
        Say(final),
    ]


MONDAY = Morning(
    "2026-05-04",
    "2026-05-04T07:30:00",
    "How many ferries at Sandvik harbour use shore power, and what does it save?",
    {
        "orchestrator": delegation(
            "ferries on shore power at Sandvik harbour, and savings",
            "Five of eight ferries use shore power. It saves 1,900 tonnes of CO2 a year.",
            "Five of eight ferries; 1,900 tonnes of CO2 a year; both confirmed.",
            "The brief is ready: five of eight ferries, 1,900 tonnes of CO2 a year, both confirmed.",
        ),
        "researcher": [
            Say("", "search", {"query": "Sandvik harbour shore power ferries"}),
            Say("", "search", {"query": "Sandvik harbour shore power CO2 savings"}),
            Say(
                "Five of eight ferries use shore power (harbour report 2025, p. 12). It saves 1,900 tonnes of "
                "CO2 a year (p. 14)."
            ),
        ],
        "fact_checker": [
            Say("", "lookup_source", {"source": "harbour report 2025", "page": 12}),
            Say("", "lookup_source", {"source": "harbour report 2025", "page": 14}),
            Say("Both claims stand as written."),
        ],
        "writer": [
            Say(
                "Five of the eight ferries that call at Sandvik now switch off their engines at the quay. That "
                "saves 1,900 tonnes of CO2 a year."
            )
        ],
    },
    [
        "harbour report 2025, p. 12: 'five of the eight ferries are connected at the quay'",
        "harbour report 2025, p. 14: 'the saving is put at 1,900 tonnes of CO2 a year'",
    ],
    [
        "p. 12: 'five of the eight ferries are connected at the quay'",
        "p. 14: 'the saving is put at 1,900 tonnes of CO2 a year'",
    ],
)

TUESDAY = Morning(
    "2026-05-05",
    "2026-05-05T07:30:00",
    "What did the new tariff change for shore power at Sandvik harbour?",
    {
        "orchestrator": delegation(
            "new shore power tariff at Sandvik harbour",
            "Shore power is 62 per cent cheaper since March.",
            "62 per cent cheaper since March; checked.",
            "The brief is ready: shore power at Sandvik is 62 per cent cheaper since March. All claims were checked.",
        ),
        "researcher": [
            Say("", "search", {"query": "Sandvik harbour shore power tariff"}),
            Say("", "search", {"query": "Sandvik harbour shore power tariff"}),
            Say("", "search", {"query": "Sandvik shore power tariff March 2026"}),
            Say("Since March shore power is 62 per cent cheaper (council minutes of 11 February, item 7)."),
        ],
        "fact_checker": [Say("", "lookup_source", {"source": "council minutes 2026-02-11", "item": 7})],
        "writer": [
            Say("Plugging in at Sandvik costs 62 per cent less since March, after the council changed the tariff.")
        ],
    },
    [
        SearchBusy("search backend timed out after 10 s"),
        SearchBusy("search backend timed out after 10 s"),
        "council minutes 2026-02-11, item 7: 'the tariff for shore power falls by 26 per cent from 1 March'",
    ],
    [ConnectionError("archive.sandvik.example: connection refused")],
)

WEDNESDAY = Morning(
    "2026-05-06",
    "2026-05-06T07:30:00",
    "When will the remaining three ferries at Sandvik harbour be connected?",
    {
        "orchestrator": delegation(
            "plan for the three ferries without shore power at Sandvik",
            "Two ferries follow in autumn 2026, the third is sold.",
            "Two in autumn 2026, the third sold; both confirmed.",
            "The brief is ready: two ferries follow in autumn 2026, the third is being sold; both confirmed.",
        ),
        "researcher": [
            Say("", "search", {"query": "Sandvik ferries shore power 2026 plan"}),
            Say("", "search", {"query": "Sandvik ferry Alken sold"}),
            Say(
                "Two ferries follow in autumn 2026 (harbour plan, p. 3). The third, the Alken, is being sold "
                "(notice of 20 April)."
            ),
        ],
        "fact_checker": [
            Say("", "lookup_source", {"source": "harbour plan 2026", "page": 3}),
            Say("", "lookup_source", {"source": "notice 2026-04-20", "page": 1}),
            Say("Both claims stand as written."),
        ],
        "writer": [
            Say(
                "Two more ferries will be connected at Sandvik in autumn 2026. The last one, the Alken, is "
                "being sold instead."
            )
        ],
    },
    [
        SearchBusy("search backend timed out after 10 s"),
        "harbour plan 2026, p. 3: 'two berths follow in autumn'",
        "notice of 20 April: 'the Alken is offered for sale'",
    ],
    ["p. 3: 'two berths follow in autumn'", "'the Alken is offered for sale'"],
)
WEDNESDAY.says["researcher"].insert(0, Say("", "search", {"query": "Sandvik ferries shore power 2026 plan"}))

MORNINGS = [MONDAY, TUESDAY, WEDNESDAY]
