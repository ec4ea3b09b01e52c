"""The other logs of wave_14: heartbeats, PAX reports, session markdown and the home-grown records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from otlp_json import to_json
from wave_14_run import BY_NAME, PACKET, Played, Run, Turn, Usage, moment
from wave_14_story.fleet import AGENTS
from wave_14_story.wave_13 import HANDED_OVER

TEXT_REPORTERS = {"Athena", "Artemis", "Hephaestus"}  # these write their PAX reports as text blocks
PRICE = {"claude-haiku-4-5": (1.0, 5.0), "gpt-4o-mini": (0.15, 0.6)}  # USD per million tokens, in and out


def write(path: Path, text: str) -> None:
    """Write UTF-8 with plain line ends, on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def iso(time: int) -> str:
    """`2026-04-14T14:23:11Z`."""
    return f"{moment(time):%Y-%m-%dT%H:%M:%SZ}"


def clock(time: int) -> str:
    """`14:23`."""
    return f"{moment(time):%H:%M}"


def day(time: int) -> str:
    """`2026-04-14`."""
    return f"{moment(time):%Y-%m-%d}"


# -- heartbeats ---------------------------------------------------------------------------------------------------


def board_at(run: Run, beat: int) -> tuple[str, str]:
    """Status and detail of an agent at a beat."""
    seen = [(status, detail) for time, status, detail in run.board if time <= beat]
    return seen[-1] if seen else ("IDLE", "waiting for its brief")


def is_listed(run: Run, beat: int, number: int) -> bool:
    """Whether the agent answered that beat."""
    if number in run.wave.unseen.get(run.agent.name, []):
        return False
    return not run.task.silent or beat <= run.end


def heartbeat(played: Played, number: int, beat: int) -> str:
    """One block of the heartbeat file."""
    rows = [
        (run, *board_at(run, beat))
        for run in sorted(played.runs, key=lambda run: run.agent.name)
        if is_listed(run, beat, number)
    ]
    waiting = [run.agent.name for run, status, _ in rows if status == "IN_PROGRESS"]
    last = beat == played.beats[-1]
    following = played.wave.next if last else "wait for " + (", ".join(waiting) or "the last reports")
    lines = [f"Wave {played.wave.number} | {moment(beat):%Y-%m-%d %H:%M:%S}", "Agents:"]
    lines += [f"  {run.agent.name}: {status} ({detail})" for run, status, detail in rows]
    return "\n".join([*lines, f"Next: {following}"]) + "\n"


def write_heartbeats(out: Path, waves: list[Played]) -> None:
    """`heartbeats/<day>.log`."""
    days: dict[str, list[str]] = {}
    for played in waves:
        for number, beat in enumerate(played.beats):
            days.setdefault(day(beat), []).append(heartbeat(played, number, beat))
    for name, blocks in days.items():
        write(out / "heartbeats" / f"{name}.log", "\n".join(blocks))


# -- PAX reports --------------------------------------------------------------------------------------------------


def pax_reports(played: Played) -> list[dict[str, Any]]:
    """The reports of a wave in the order of their times, Atlas' own to the founder last."""
    reports = []
    for run in sorted(played.runs, key=lambda run: run.end):
        if run.task.silent:
            continue
        task = run.task
        made = f"{task.deliverable} ({task.done})" if task.status == "COMPLETE" else "none"
        reports.append(pax(played, run.end, task.agent, "Atlas", task.status, made, task.blockers, task.next))
        if task.agent == "Artemis" and any(turn.call and turn.call.handoff for turn in run.turns):
            note = f"research/customer_proof.md ({HANDED_OVER.final})"
            reports.append(
                pax(played, run.end, "Artemis", "Apollo", "COMPLETE", note, "none", "keep Hansedaten in the final mail")
            )
    blocked = "; ".join(run.task.blockers for run in played.runs if run.task.blockers != "none") or "none"
    reports.append(
        pax(played, played.end, "Atlas", "Ines", played.wave.status, played.wave.summary, blocked, played.wave.next)
    )
    return reports


def pax(
    played: Played, time: int, sender: str, recipient: str, status: str, made: str, blockers: str, following: str
) -> dict[str, Any]:
    """One report."""
    return {
        "wave": played.wave.number,
        "timestamp": iso(time),
        "FROM": sender,
        "TO": recipient,
        "STATUS": status,
        "DELIVERABLES": made,
        "BLOCKERS": blockers,
        "NEXT": following,
    }


def pax_text(report: dict[str, Any]) -> str:
    """The same report as a block of header lines."""
    head = f"FROM: {report['FROM']}\nTO: {report['TO']}\nWAVE: {report['wave']}\nTIME: {report['timestamp']}\n"
    return head + "".join(f"{key}: {report[key]}\n" for key in ("STATUS", "DELIVERABLES", "BLOCKERS", "NEXT"))


def write_pax(out: Path, waves: list[Played]) -> None:
    """`pax/wave_<n>.jsonl`, and `pax/<day>.txt` for those who write text."""
    days: dict[str, list[str]] = {}
    for played in waves:
        reports = pax_reports(played)
        lines = [to_json(report) + "\n" for report in reports if report["FROM"] not in TEXT_REPORTERS]
        write(out / "pax" / f"wave_{played.wave.number}.jsonl", "".join(lines))
        blocks = [pax_text(report) for report in reports if report["FROM"] in TEXT_REPORTERS]
        days.setdefault(day(played.start), []).extend(blocks)
    for name, blocks in days.items():
        write(out / "pax" / f"{name}.txt", "---\n".join(blocks))


# -- session markdown ---------------------------------------------------------------------------------------------


def session_section(run: Run) -> str:
    """What an agent wrote into its daily log about one wave."""
    task = run.task
    packet = task.packet_version or (run.wave.packet_version if task.with_context else None)
    lines = [f"## Wave {run.wave.number}: {task.doing} ({clock(run.start)} UTC)", ""]
    lines += [f"**Status:** {'IN_PROGRESS' if task.silent else task.status}"]
    lines += [f"**Deliverable:** `{task.deliverable}`"]
    lines += [f"**Packet:** {PACKET} v{packet}" if packet else "**Packet:** none in the brief"]
    lines += ["", f"- New session, started from the brief: {task.brief}"]
    lines += [f"- {belief}" for belief in task.believed]
    for turn in run.turns:
        if turn.call and turn.call.error and turn.tool_start is not None and turn.call.tag != "swallowed_error":
            lines += ["", f"### {clock(turn.tool_end)} `{turn.call.tool}` failed", "", f"- {turn.call.error[1]}"]
    if not task.silent:
        lines += ["", f"### {clock(run.end)} Report", "", f"- {task.final}"]
        lines += [f"- Blocked by: {task.blockers}"] if task.blockers != "none" else []
    return "\n".join(lines) + "\n"


def atlas_section(played: Played) -> str:
    """The same of Atlas."""
    wave = played.wave
    lines = [
        f"## Wave {wave.number}: {wave.goal} ({clock(played.start)} UTC)",
        "",
        f"**Status:** {wave.status}",
        f"**Packet:** {PACKET} v{wave.packet_version}",
        "",
    ]
    if wave.publishes:
        lines.append(f"- Published {PACKET} v{wave.publishes}; it replaces v{wave.publishes - 1}.")
    lines.append(f"- Sent {len(wave.tasks)} briefs: {', '.join(task.agent for task in wave.tasks)}.")
    if wave.compacts_after:
        room = f"after {wave.compacts_after} briefs to save room, then went on from the summary"
        lines.append(f"- Summarised my conversation {room}.")
    return "\n".join([*lines, "", f"### {clock(played.end)} Wave closed", "", f"- {wave.summary}"]) + "\n"


def write_sessions(out: Path, waves: list[Played]) -> None:
    """`sessions/<agent>/<day>.md`."""
    pages: dict[tuple[str, str], list[str]] = {}
    for played in waves:
        pages.setdefault(("Atlas", day(played.start)), []).append(atlas_section(played))
        for run in played.runs:
            pages.setdefault((run.agent.name, day(run.start)), []).append(session_section(run))
    for (name, date), sections in pages.items():
        head = f"# {name}, {date}\n\n**Role:** {BY_NAME[name].role}\n**Company:** Brackenfield Software\n"
        write(out / "sessions" / name.lower() / f"{date}.md", "\n".join([head, *sections]))


# -- home-grown records -------------------------------------------------------------------------------------------


def record(run: Run, turn: Turn) -> dict[str, Any]:
    """One turn of an agent that logs home-grown records only."""
    step, usage = turn.call, turn.usage
    end = turn.tool_end if step else turn.chat_end
    price_in, price_out = PRICE[run.agent.model]
    cost = (usage.input * price_in + usage.output * price_out) / 1e6
    output = step.result if step else run.task.final
    return {
        "timestamp": f"{moment(turn.chat_start):%Y-%m-%dT%H:%M:%S}.{turn.chat_start % 10**9 // 10**6:03}Z",
        "agent_id": run.agent.name,
        "session_id": run.conversation_id,
        "action": step.tool if step else "report",
        "input": {"say": step.say, "arguments": step.args} if step else {"task": run.task.brief},
        "output": {"text": output, "confidence": confidence(usage, bool(step))},
        "tokens": {
            "prompt": usage.input,
            "completion": usage.output,
            "model": run.agent.model,
            "cost_usd": round(cost, 6),
        },
        "duration_ms": (end - turn.chat_start) // 10**6,
        "parent_trace_id": run.trace_id,
        "status": "success",
        "metadata": {"retry_count": step.retry_count if step else 0, "fallback_used": False},
    }


def confidence(usage: Usage, is_step: bool) -> float:
    """A confidence between 0.88 and 0.99, as such agents state it of themselves."""
    return round(0.88 + (usage.input * 7 + usage.output * 13) % 9 / 100 + (0.0 if is_step else 0.03), 2)


def write_records(out: Path, waves: list[Played]) -> None:
    """`agents/<agent>.jsonl`; the first record of each session holds its brief."""
    for agent in AGENTS:
        if agent.logs != "records":
            continue
        lines = []
        for played in waves:
            run = next(run for run in played.runs if run.agent is agent)
            records = [record(run, turn) for turn in run.turns]
            records[0]["input"]["brief"] = run.turns[0].messages[0]["parts"][0]["content"]
            lines += [json.dumps(one, ensure_ascii=False) + "\n" for one in records]
        write(out / "agents" / f"{agent.name.lower()}.jsonl", "".join(lines))
