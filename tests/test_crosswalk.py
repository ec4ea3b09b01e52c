"""Every finding and every error has its name in the vocabularies of others, and only names that those vocabularies have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentlens as al
from agentlens import Lens
from agentlens._catalog import library
from agentlens._detect import all_detectors, detect

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
# Why Do Multi-Agent LLM Systems Fail? (Cemri et al., arXiv 2503.13657v3, NeurIPS 2025 Datasets and Benchmarks), figure 1 and appendix A.
MAST = {
    "System Design Issues": [
        "FM-1.1 Disobey task specification",
        "FM-1.2 Disobey role specification",
        "FM-1.3 Step repetition",
        "FM-1.4 Loss of conversation history",
        "FM-1.5 Unaware of termination conditions",
    ],
    "Inter-Agent Misalignment": [
        "FM-2.1 Conversation reset",
        "FM-2.2 Fail to ask for clarification",
        "FM-2.3 Task derailment",
        "FM-2.4 Information withholding",
        "FM-2.5 Ignored other agent's input",
        "FM-2.6 Reasoning-action mismatch",
    ],
    "Task Verification": [
        "FM-3.1 Premature termination",
        "FM-3.2 No or incomplete verification",
        "FM-3.3 Incorrect verification",
    ],
}
# TRAIL: Trace Reasoning and Agentic Issue Localization (Deshpande et al., arXiv 2505.08638v3), figure 1 and the tree in the prompt of its
# benchmark (run_eval.py), whose spelling this is.
TRAIL = {
    "Reasoning Errors": {
        "Hallucinations": ["Language-only", "Tool-related"],
        "Information Processing": ["Poor Information Retrieval", "Tool Output Misinterpretation"],
        "Decision Making": ["Incorrect Problem Identification", "Tool Selection Errors"],
        "Output Generation": ["Formatting Errors", "Instruction Non-compliance"],
    },
    "System Execution Errors": {
        "Configuration": ["Tool Definition Issues", "Environment Setup Errors"],
        "API Issues": ["Rate Limiting", "Authentication Errors", "Service Errors", "Resource Not Found"],
        "Resource Management": ["Resource Exhaustion", "Timeout Issues"],
    },
    "Planning and Coordination Errors": {
        "Context Management": ["Context Handling Failures", "Resource Abuse"],
        "Task Management": ["Goal Deviation", "Task Orchestration"],
    },
}
VOCABULARIES = {
    "failure_mode": {
        "context collapse",
        "cascading error",
        "coordination deadlock",
        "retry storm",
        "context pollution",
    },
    "failure_class": {"transient", "overflow", "validation", "behavioural", "catastrophic"},
    "cause": {"bad instruction", "missing context", "tool error", "hallucination"},
    "mast": {mode for modes in MAST.values() for mode in modes},
    "trail": {
        f"{category}: {leaf}" for parts in TRAIL.values() for category, leaves in parts.items() for leaf in leaves
    },
    "dead_letter": {
        *("BLOCKED-CRED", "BLOCKED-PERM", "BLOCKED-DATA", "BLOCKED-AMBIG", "BLOCKED-RATE"),
        *("FAILED-LOGIC", "FAILED-TOOL", "FAILED-SCOPE", "PARTIAL"),
    },
}


@pytest.fixture(scope="module")
def lens() -> Iterator[Lens]:
    with al.read(DATASETS / "wave_14", progress=False) as opened:
        detect(opened)
        yield opened


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_only_words_that_a_vocabulary_has_are_used(vocabulary: str, lens: Lens) -> None:
    used = lens.sql(f"SELECT DISTINCT {vocabulary} FROM crosswalk WHERE {vocabulary} IS NOT NULL").fetchall()
    assert {word for (word,) in used} <= VOCABULARIES[vocabulary]


def test_every_detector_is_translated_once(lens: Lens) -> None:
    names = lens.sql("SELECT name FROM crosswalk WHERE kind = 'detector' AND tier IS NULL").fetchall()
    assert len(names) == len(set(names))
    assert set(all_detectors()) <= {name for (name,) in names}


def test_every_class_of_error_is_translated_once(lens: Lens) -> None:
    [classes] = [item for module in library() for item in module.objects if item.name == "error_class"]
    named = set(re.findall(r"(?:THEN|ELSE) '([^']+)'", classes.statement))
    names = lens.sql("SELECT name FROM crosswalk WHERE kind = 'error class'").fetchall()
    assert sorted(name for (name,) in names) == sorted(named)


def test_every_finding_keeps_its_row_and_gets_its_classes(lens: Lens) -> None:
    assert (
        lens.sql("SELECT count(*) FROM findings_crosswalk").fetchall()
        == lens.sql("SELECT count(*) FROM findings").fetchall()
    )
    query = "SELECT DISTINCT failure_mode, cause, mast FROM findings_crosswalk WHERE detector = $name"
    assert lens.sql(query, name="context_collapse").fetchall() == [
        ("context collapse", "missing context", "FM-1.4 Loss of conversation history")
    ]
    assert lens.sql(query, name="swallowed_error").fetchall() == [
        ("cascading error", "hallucination", "FM-3.2 No or incomplete verification")
    ]


def test_hallucination_is_said_only_where_the_log_proves_it(lens: Lens) -> None:
    claims = lens.sql(
        "SELECT tier FROM crosswalk WHERE cause = 'hallucination' OR starts_with(trail, 'Hallucinations')"
    )
    assert set(claims.fetchall()) == {("proven",)}


def test_a_failure_that_a_program_lost_is_no_hallucination() -> None:
    with al.read(DATASETS / "research_team", progress=False) as team:
        detect(team, ["swallowed_error"])
        classes = "SELECT failure_mode, cause, trail FROM findings_crosswalk"
        assert team.sql(classes).fetchall() == [
            ("cascading error", "tool error", "Information Processing: Tool Output Misinterpretation")
        ]


@pytest.mark.parametrize("detector", ["error_burst", "thundering_herd", "missed_heartbeat", "blocked", "budget_breach"])
def test_where_a_vocabulary_has_no_word_none_is_forced(detector: str, lens: Lens) -> None:
    query = "SELECT failure_mode, mast, failure_class IS NOT NULL FROM crosswalk WHERE name = $name"
    assert lens.sql(query, name=detector).fetchall() == [(None, None, True)]


# What the papers say each name means, held against what each detector shows: (detector, MAST, TRAIL).
NAMED = [
    # The window overflows: TRAIL has it among Context Handling Failures ("includes window overflow"); nothing is known to be lost (FM-1.4).
    ("context_overflow", None, "Context Management: Context Handling Failures"),
    ("context overflow", None, "Context Management: Context Handling Failures"),
    ("context_collapse", "FM-1.4 Loss of conversation history", "Context Management: Context Handling Failures"),
    # Completed steps are repeated (FM-1.3); of a storm every attempt but the last fails.
    ("tool_loop", "FM-1.3 Step repetition", "Context Management: Resource Abuse"),
    ("duplicate_work", "FM-1.3 Step repetition", "Context Management: Resource Abuse"),
    ("retry_storm", None, "Context Management: Resource Abuse"),
    # The second writer did not know of the first, and the packet's reader had not been told: neither ignored what it was given (FM-2.5).
    ("competing_writes", None, "Task Management: Task Orchestration"),
    ("stale_packet", None, "Context Management: Context Handling Failures"),
    # Money, size and length are no call of a tool too many.
    *[(name, None, None) for name in ("budget_breach", "cache_miss_storm", "oversized_prompt", "runaway")],
    # Whether the service, the tool or the caller was at fault, a burst of failures does not say.
    *[(name, None, None) for name in ("error_burst", "retry_burst", "error_cascade", "tool bug", "permission")],
    # An agent that is not heard of has ended nothing; whether it took too long, nobody waited to see.
    *[(name, None, None) for name in ("silent_agent", "missed_heartbeat")],
    # Neither has a word for orders from outside.
    ("injection", None, None),
]


@pytest.mark.parametrize(("name", "mast", "trail"), NAMED)
def test_a_name_is_given_only_where_what_is_shown_implies_it(
    name: str, mast: str | None, trail: str | None, lens: Lens
) -> None:
    assert lens.sql("SELECT mast, trail FROM crosswalk WHERE name = $name", name=name).fetchall() == [(mast, trail)]


def test_the_explorer_says_what_others_call_a_finding(lens: Lens) -> None:
    findings = al.Findings(lens)._view["findings"]
    assert len(findings) == lens.sql("SELECT count(*) FROM findings").fetchall()[0][0]
    named = {finding["detector"]: finding["elsewhere"] for finding in findings}
    assert named["swallowed_error"] == "MAST FM-3.2 No or incomplete verification; TRAIL Hallucinations: Tool-related"
    assert named["blocked"] is None and named["tool_loop"].startswith("MAST FM-1.3 Step repetition; TRAIL ")
