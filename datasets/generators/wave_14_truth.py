"""What is planted in wave_14, with the span ids, times, files and lines that prove it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from otlp_json import Span
from wave_14_evidence import Evidence
from wave_14_logs import iso
from wave_14_run import PACKET, Played
from wave_14_story.fleet import AGENTS, ATLAS

ANSWER = (
    "Atlas wrote the last three briefs of wave 14 (Prometheus, Apollo, Hermes) after it had compacted its own "
    "conversation. The "
    "summary kept the tasks and lost the facts of packet launch-facts v4, so these briefs carry no context. "
    "Each of the three agents "
    "starts every wave in a new session, guessed the missing fact, and reported COMPLETE: the pricing page "
    "shows prices with VAT and a "
    "raised Enterprise tier, the launch mail names a customer under embargo, the partner offer gives a discount "
    "on a frozen tier."
)


def fault(
    found: Evidence,
    name: str,
    detector: str,
    wave: int,
    agents: list[str],
    span_ids: list[str],
    what: str,
    where: Iterable[dict[str, Any]] = (),
    times: tuple[int, int] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """One planted fault: who, when, which spans, and where each stands."""
    spans = [found.spans[one] for one in span_ids]
    start, end = times or (min(span.start for span in spans), max(span.end for span in spans))
    places = [found.span_place(wave, one) for one in span_ids] + list(where)
    return {
        "id": name,
        "detector": detector,
        "wave": wave,
        "agents": agents,
        "trace_id": found.waves[wave].trace_id,
        "span_ids": span_ids,
        "start_time": iso(start),
        "end_time": iso(end),
        "what": what,
        "where": places,
        **more,
    }


def missing_briefs(found: Evidence) -> list[dict[str, Any]]:
    """Three briefs of wave 14 without context."""
    return [
        fault(
            found,
            f"missing_brief_{agent.lower()}",
            "missing_brief",
            14,
            [agent],
            [found.run(14, agent).dispatch_span_id],
            f"The brief to {agent} has no `context` and no packet; every brief of waves 10 to 13 had both.",
            [found.place(f"sessions/{agent.lower()}/2026-04-14.md", "- The brief had no context block.")],
        )
        for agent in ("Prometheus", "Apollo", "Hermes")
    ]


def root_cause(found: Evidence) -> dict[str, Any]:
    """The compaction in Atlas' conversation."""
    played = found.waves[14]
    span_ids = [played.labels["packet"], played.labels["compaction"]]
    return fault(
        found,
        "context_collapse_atlas",
        "context_collapse",
        14,
        ["Atlas"],
        span_ids,
        "Atlas reads the packet, sends five briefs with its facts, is told to summarise, and goes on from a "
        "summary without them.",
        [found.place("sessions/atlas/2026-04-14.md", "Summarised my conversation after 5 briefs")],
        note="The facts stand in the input of every call of Atlas before this one and of none after it.",
    )


def blocked(found: Evidence) -> dict[str, Any]:
    """Hermes waits for a token, over two waves."""
    first = next(time for time, status, _ in found.run(11, "Hermes").board if status == "BLOCKED")
    last = next(time for time, status, _ in found.run(12, "Hermes").board if status == "IN_PROGRESS")
    beats = [beat for wave in (11, 12) for beat in found.waves[wave].beats if first <= beat <= last]
    freed = next(beat for beat in found.waves[12].beats if beat > last)
    text = "Hermes: BLOCKED (waiting for Ines: HubSpot token expired)"
    places = [found.beat_place(found.waves[11 if beat in found.waves[11].beats else 12], beat, text) for beat in beats]
    places.append(found.place("pax/wave_11.jsonl", '"STATUS":"BLOCKED"'))
    return fault(
        found,
        "blocked_hermes",
        "blocked",
        11,
        ["Hermes"],
        found.waves[11].tagged["blocked"],
        "Hermes is BLOCKED by an expired HubSpot token until Ines rotates it.",
        places,
        (first, last),
        minutes=(last - first) // 60_000_000_000,
        first_blocked_beat=iso(beats[0]),
        last_blocked_beat=iso(beats[-1]),
        first_free_beat=iso(freed),
        blocked_beats=len(beats),
        waves=[11, 12],
    )


def stale_packet(found: Evidence) -> dict[str, Any]:
    """Hermes acts on v3 after v4."""
    played = found.waves[13]
    published = found.spans[played.labels["packet"]]
    return fault(
        found,
        "stale_packet_hermes",
        "stale_packet",
        13,
        ["Hermes"],
        played.tagged["stale_packet"],
        "Hermes opens launch-facts v3, kept from wave 11, and sets the webinar for 21 April; v4 (28 April) had "
        "replaced it.",
        [
            found.span_place(13, published.span_id),
            found.place("sessions/hermes/2026-04-14.md", f"**Packet:** {PACKET} v3"),
        ],
        packet=PACKET,
        used_version=3,
        current_version=4,
        replaced_at=iso(published.end),
        published_by=published.span_id,
    )


def competing_writes(found: Evidence) -> dict[str, Any]:
    """Apollo and Prometheus write the same file."""
    span_ids = sorted(found.waves[14].tagged["competing_writes"], key=lambda one: found.spans[one].start)
    return fault(
        found,
        "competing_writes_pricing_page",
        "competing_writes",
        14,
        ["Apollo", "Prometheus"],
        span_ids,
        "Apollo writes site/pricing.md, Prometheus overwrites it minutes later; neither reads it in between.",
        path="site/pricing.md",
        note="Across waves, Apollo also writes over what Prometheus wrote in wave 12 without reading it again.",
    )


def missed_heartbeat(found: Evidence) -> dict[str, Any]:
    """Hyperion is not on two beats."""
    played = found.waves[13]
    missed = [played.beats[number] for number in played.wave.unseen["Hyperion"]]
    back = next(beat for beat in played.beats if beat > missed[-1])
    places = [found.beat_place(played, beat) for beat in missed] + [
        found.beat_place(played, back, "Hyperion: COMPLETE")
    ]
    return fault(
        found,
        "missed_heartbeat_hyperion",
        "missed_heartbeat",
        13,
        ["Hyperion"],
        [],
        "Hyperion is missing from two beats, during a query of eleven minutes, and back in the next.",
        places,
        (missed[0], missed[-1]),
        missed_beats=[iso(beat) for beat in missed],
        beat_every_seconds=300,
    )


def silent_agent(found: Evidence) -> dict[str, Any]:
    """Artemis stops in wave 12."""
    played, run = found.waves[12], found.run(12, "Artemis")
    last = found.spans[played.tagged["silent"][0]]
    missed = [beat for beat in played.beats if beat > run.end]
    places = [found.beat_place(played, missed[0]), found.place("pax/wave_12.jsonl", "no report from Artemis")]
    return fault(
        found,
        "silent_agent_artemis",
        "silent_agent",
        12,
        ["Artemis"],
        [last.span_id],
        "Artemis stops after a search: no report, no invoke_agent span (its children are orphans), not on the "
        "board again.",
        places,
        (last.end, played.end),
        dispatch_span_id=run.dispatch_span_id,
        missing_parent_span_id=run.span_id,
        missed_beats=[iso(beat) for beat in missed],
        may_also_fire=["missed_heartbeat"],
    )


def tool_faults(found: Evidence) -> list[dict[str, Any]]:
    """Loop, storm, swallowed error: planted in tool calls."""
    storm = found.waves[13].tagged["retry_storm"] + found.waves[13].tagged["retry_storm_end"]
    swallowed = found.waves[13].tagged["swallowed_error"]
    return [
        fault(
            found,
            "tool_loop_artemis",
            "tool_loop",
            11,
            ["Artemis"],
            found.waves[11].tagged["tool_loop"],
            "Artemis sends the same search six times and gets the same empty answer.",
            tool="web_search",
            repetitions=6,
        ),
        fault(
            found,
            "retry_storm_hephaestus",
            "retry_storm",
            13,
            ["Hephaestus"],
            storm,
            "Hephaestus deploys six times without back-off; five attempts end in 503.",
            tool="deploy_preview",
            attempts=6,
            failures=5,
            may_also_fire=["tool_loop", "error_burst"],
        ),
        fault(
            found,
            "swallowed_error_prometheus",
            "swallowed_error",
            13,
            ["Prometheus"],
            swallowed,
            "The margin check fails (no such file), Prometheus reports that margins hold, its span is OK and "
            "Atlas repeats it.",
            [found.place("pax/wave_13.jsonl", "finance/margins_q2.md (margins hold)")],
            reported_by=found.run(13, "Prometheus").span_id,
        ),
    ]


def drift(found: Evidence) -> dict[str, Any]:
    """Prompt v14 makes Athena's calls longer and slower."""
    calls: dict[str, list[Span]] = {"v13": [], "v14": []}
    for span in found.spans.values():
        if span.attributes.get("gen_ai.agent.name") == "Athena" and span.attributes["gen_ai.operation.name"] == "chat":
            calls[span.attributes["gen_ai.prompt.version"]].append(span)
    figures = {
        version: {
            "calls": len(spans),
            "mean_input_tokens": mean(span.attributes["gen_ai.usage.input_tokens"] for span in spans),
            "mean_output_tokens": mean(span.attributes["gen_ai.usage.output_tokens"] for span in spans),
            "mean_seconds": mean((span.end - span.start) / 1e9 for span in spans),
        }
        for version, spans in calls.items()
    }
    first = min(calls["v14"], key=lambda span: span.start)
    return fault(
        found,
        "drift_athena",
        "drift_step",
        13,
        ["Athena"],
        [first.span_id],
        "From wave 13 the fleet runs prompt v14; Athena's prompt now holds the whole clause library and asks "
        "for quotations.",
        by="prompt_version",
        before="v13",
        after="v14",
        figures=figures,
    )


def mean(values: Iterable[float]) -> float:
    """The arithmetic mean, rounded to a thousandth."""
    all_values = list(values)
    return round(sum(all_values) / len(all_values), 3)


def decoys(found: Evidence) -> list[dict[str, Any]]:
    """What looks like a fault and is none."""

    def decoy(name: str, looks_like: str, wave: int, agent: str, tag: str, what: str) -> dict[str, Any]:
        return fault(found, name, looks_like, wave, [agent], found.waves[wave].tagged[tag], what)

    return [
        decoy(
            "legitimate_retry_apollo",
            "retry_storm",
            12,
            "Apollo",
            "legitimate_retry",
            "A locked draft: the second attempt succeeds.",
        ),
        decoy(
            "polling_hephaestus",
            "tool_loop",
            14,
            "Hephaestus",
            "polling",
            "Five equal status calls, five different answers.",
        ),
        decoy(
            "healthy_writes_pricing_page",
            "competing_writes",
            12,
            "Apollo",
            "healthy_writes",
            "Apollo writes site/pricing.md, Prometheus reads it, then writes it.",
        ),
        decoy(
            "waited_for_credential_hermes",
            "retry_storm",
            12,
            "Hermes",
            "blocked",
            "401, a wait of 14 minutes, then success: not a storm.",
        ),
        decoy("handoff_artemis", "delegation_loop", 13, "Artemis", "handoff", "Artemis hands over to Apollo once."),
        decoy(
            "reported_failure_hermes",
            "swallowed_error",
            11,
            "Hermes",
            "blocked",
            "The failures are reported up to the founder.",
        ),
    ]


def wrong_deliverables(found: Evidence) -> list[dict[str, Any]]:
    """The three wrong files, the fact each contradicts, and the line that proves it."""
    rows = [
        (
            "Prometheus",
            "site/pricing.md",
            ["All list prices exclude VAT", "Enterprise is frozen until 1 May 2026"],
            "EUR 70.21",
        ),
        (
            "Apollo",
            "drafts/launch_mail_final.md",
            ["Norrland Freight may not be named in public"],
            "Norrland Freight, 4,100 people",
        ),
        (
            "Hermes",
            "outreach/partner_offer.md",
            ["Enterprise is frozen until 1 May 2026"],
            "15 % off Enterprise for every new account",
        ),
    ]
    return [
        {
            "agent": agent,
            "deliverable": path,
            "contradicts": facts,
            "claim": claim,
            "report": "COMPLETE",
            "agent_span_id": found.run(14, agent).span_id,
            "brief_span_id": found.run(14, agent).dispatch_span_id,
            "where": [found.place("spans/wave_14.otlp.jsonl", claim)],
        }
        for agent, path, facts, claim in rows
    ]


def tokens_by_agent(waves: list[Played]) -> dict[str, dict[str, int]]:
    """Calls and tokens of each agent, spans and records alike."""
    totals: dict[str, dict[str, int]] = {}
    for played in waves:
        for span in played.spans:
            if span.attributes.get("gen_ai.operation.name") == "chat":
                add(
                    totals,
                    span.attributes["gen_ai.agent.name"],
                    [span.attributes.get(f"gen_ai.usage.{name}", 0) for name in USAGE],
                )
        for run in played.runs:
            for turn in run.turns if run.agent.logs == "records" else []:
                add(totals, run.agent.name, [turn.usage.input, turn.usage.output, 0, 0, 0])
    return dict(sorted(totals.items()))


USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read.input_tokens",
    "cache_creation.input_tokens",
    "reasoning.output_tokens",
)


def add(totals: dict[str, dict[str, int]], agent: str, tokens: list[int]) -> None:
    """Add one call."""
    row = totals.setdefault(agent, {"calls": 0, **dict.fromkeys(USAGE, 0)})
    row["calls"] += 1
    for name, number in zip(USAGE, tokens, strict=True):
        row[name] += number


def tell_truth(logs: Path, waves: list[Played]) -> dict[str, Any]:
    """Everything planted, as the JSON file holds it."""
    found = Evidence(logs, waves)
    by_agent = tokens_by_agent(waves)
    faults = [
        root_cause(found),
        *missing_briefs(found),
        *tool_faults(found),
        blocked(found),
        stale_packet(found),
        competing_writes(found),
        missed_heartbeat(found),
        silent_agent(found),
        drift(found),
    ]
    return {
        "dataset": "wave_14",
        "answer": ANSWER,
        "waves": [wave_row(played) for played in waves],
        "agents": [
            {"name": agent.name, "role": agent.role, "model": agent.model, "logs": agent.logs}
            for agent in [ATLAS, *AGENTS]
        ],
        "counts": counts(found),
        "tokens": {
            "total": {name: sum(row[name] for row in by_agent.values()) for name in ("calls", *USAGE)},
            "by_agent": by_agent,
        },
        "wrong_deliverables": wrong_deliverables(found),
        "faults": faults,
        "decoys": decoys(found),
        "hostile_text": {
            "span_id": found.waves[14].tagged["hostile_text"][0],
            "where": [found.span_place(14, found.waves[14].tagged["hostile_text"][0])],
        },
    }


def wave_row(played: Played) -> dict[str, Any]:
    """One wave in numbers."""
    return {
        "wave": played.wave.number,
        "trace_id": played.trace_id,
        "start_time": iso(played.start),
        "end_time": iso(played.end),
        "status": played.wave.status,
        "prompt_version": played.wave.prompt_version,
        "packet_version": played.wave.packet_version,
        "spans": len(played.spans),
        "beats": len(played.beats),
        "root_span_id": played.labels["root"],
        "briefs": {
            run.agent.name: {"span_id": run.dispatch_span_id, "has_context": run.task.with_context}
            for run in played.runs
        },
        "reports": {run.agent.name: None if run.task.silent else run.task.status for run in played.runs},
    }


def counts(found: Evidence) -> dict[str, Any]:
    """Lines a file, and spans, records, beats, reports and sections in all."""
    lines = {file: len(text) - 1 for file, text in found.lines.items()}
    return {
        "files": len(lines),
        "lines": lines,
        "spans": len(found.spans),
        "records": sum(number for file, number in lines.items() if file.startswith("agents/")),
        "heartbeats": sum(len(played.beats) for played in found.waves.values()),
        "heartbeat_lines": sum(
            ": " in line and line.startswith("  ")
            for file, text in found.lines.items()
            if file.startswith("heartbeats/")
            for line in text
        ),
        "pax_reports": sum(
            line.startswith(("FROM: ", '{"wave"'))
            for file, text in found.lines.items()
            if file.startswith("pax/")
            for line in text
        ),
        "sections": sum(
            line.startswith("#") for file, text in found.lines.items() if file.startswith("sessions/") for line in text
        ),
    }
