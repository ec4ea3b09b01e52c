"""Athena's turns: she looks clauses up, wave after wave, so that her calls can be compared between prompt versions."""

from __future__ import annotations

from .fleet import CLAUSES
from .task import Call, call

ASIDES = [
    "Next the clause on",
    "This depends on",
    "Before I answer I want",
    "The draft touches",
    "I compare with",
    "A partner could rely on",
    "For completeness",
    "Last, I check",
]


def clause_calls(first: int, quotes: bool = False) -> list[Call]:
    """Eight look-ups, starting at clause number `first`; with `quotes` each turn repeats the clause before, in full."""
    calls = []
    for turn, aside in enumerate(ASIDES):
        name, text = CLAUSES[(first + turn) % len(CLAUSES)]
        document, number = name.split()
        say = f"{aside} {document} {number}."
        if quotes:
            say = quoted(CLAUSES[(first + turn - 1) % len(CLAUSES)], first + turn) + say
        calls.append(call(say, "lookup_clause", text, document=document, clause=number))
    return calls


def quoted(clause: tuple[str, str], turn: int) -> str:
    """The long way of thinking that prompt v14 asks for."""
    name, text = clause
    applies = (
        "It applies to the text under review" if turn % 3 else "It does not apply here, as no consumer is addressed"
    )
    return (
        f'Quotation of [{name}]: "{text}" {applies}. What follows: the wording may stay where it repeats the clause '
        "and must be changed where it promises more. What would change the answer: a signed side letter, a newer "
        f"version of {name.split()[0]}, or a reader who is a consumer. "
    )
