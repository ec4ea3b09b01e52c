"""Atlas in wave_14: reads the packet, sends the briefs, loses the facts in a compaction, collects the reports."""

from __future__ import annotations

import random
from typing import Any

from otlp_json import Span, make_id, to_json
from wave_14_run import (
    BEAT_EVERY,
    BY_NAME,
    MINUTE,
    PACKET,
    SECOND,
    Played,
    Run,
    Turn,
    add_run,
    brief_arguments,
    calling_message,
    chat_span,
    chat_time,
    fail,
    finished,
    measure,
    ns,
    packet_text,
    response_message,
    set_board,
    set_times,
    take_turns,
    text_message,
    tool_span,
    who,
)
from wave_14_story.fleet import ATLAS, system_prompt
from wave_14_story.task import Call, Task, Wave

SUMMARISE = (
    "The conversation is getting long. Summarise it in under 100 words; the summary replaces everything before it."
)


class Orchestrator:
    """Atlas during one wave: a conversation, a clock, and the spans both leave."""

    def __init__(self, wave: Wave) -> None:
        self.wave = wave
        self.chance = random.Random(f"wave {wave.number}")
        self.time = ns(wave.start) + int(self.chance.random() * SECOND)
        self.played = Played(wave, make_id(32, "wave_14", "trace", wave.number), self.time)
        self.played.labels = {name: self.played.span_id(name) for name in ("root", "Atlas")}
        task = Task("Atlas", 0, wave.goal, "", "", "", [], "", "", packet_version=wave.packet_version)
        self.run = Run(task, ATLAS, wave, self.played.trace_id, f"w{wave.number}-atlas", self.time)
        agents = ", ".join(one.agent for one in wave.tasks)
        self.messages = [text_message("user", f"Wave {wave.number}. Goal: {wave.goal} Agents: {agents}.")]
        self.before = None
        self.number = 0

    def ask(self, output: list[dict[str, Any]], step: Call | None = None) -> Turn:
        """One model call of Atlas, now."""
        usage = measure(ATLAS, system_prompt(ATLAS, self.wave.prompt_version), self.messages, output, self.before)
        start = self.time + 150_000_000
        turn = Turn(step, list(self.messages), output, usage, start, start + chat_time(usage, self.chance))
        self.before, self.time = usage, turn.chat_end
        self.played.spans.append(
            chat_span(self.played, self.played.labels["Atlas"], ("Atlas", "chat", self.number), self.run, turn)
        )
        self.number += 1
        return turn

    def use(
        self, say: str, tool: str, args: dict[str, Any], result: str, seconds: float, packet_version: int | None = None
    ) -> Span:
        """One model call that asks for a tool, and the tool; the clock goes on by `seconds`."""
        call_id = "call_" + make_id(20, self.run.conversation_id, self.number)
        said = calling_message(say, call_id, tool, args)
        step = Call(say, tool, result, args, packet_version=packet_version)
        turn = self.ask(finished(said, "tool_call"), step)
        turn.tool_start = self.time + 3_000_000
        turn.tool_end = self.time = turn.tool_start + int(seconds * SECOND)
        span = tool_span(self.played, self.played.labels["Atlas"], ("Atlas", "tool", self.number), self.run, turn)
        self.played.spans.append(span)
        self.messages += [said, response_message(call_id, result)]
        return span

    def read_facts(self) -> None:
        """Publish the packet when it is new, else read it."""
        version = self.wave.packet_version
        if self.wave.publishes:
            args = {"packet": PACKET, "version": version, "supersedes": version - 1}
            span = self.use(
                "The facts have changed; I publish them first.",
                "publish_packet",
                args,
                packet_text(version),
                0.4,
                version,
            )
        else:
            args = {"packet": PACKET, "version": version}
            span = self.use("I read the facts for this wave.", "read_packet", args, packet_text(version), 0.2, version)
        self.played.labels["packet"] = span.span_id

    def compact(self) -> None:
        """Replace the conversation by a summary that has lost the facts."""
        self.messages.append(text_message("user", SUMMARISE))
        self.ask(finished(text_message("assistant", self.wave.compaction), "stop"))
        self.played.labels["compaction"] = self.played.spans[-1].span_id
        self.messages = [text_message("user", f"Summary of the conversation so far: {self.wave.compaction}")]
        self.before = None

    def dispatch(self, task: Task) -> tuple[Span, Run]:
        """Send one brief and start the agent; the span of the dispatch stays open until the agent is done."""
        ticket = f"W{self.wave.number}-{task.agent.upper()}"
        args = brief_arguments(task, self.wave)
        span = self.use(
            f"Next: {task.agent}.", "dispatch_brief", args, to_json({"accepted": True, "ticket": ticket}), 0.05
        )
        agent = BY_NAME[task.agent]
        run = Run(
            task,
            agent,
            self.wave,
            self.played.trace_id,
            f"w{self.wave.number}-{task.agent.lower()}",
            span.start + 30_000_000,
        )
        run.dispatch_span_id = span.span_id
        take_turns(run, system_prompt(agent, self.wave.prompt_version))
        set_times(run, random.Random(f"{self.wave.number} {task.agent}"))
        if agent.logs == "otlp":
            add_run(self.played, span.span_id, run, (task.agent,))
        set_board(run)
        self.played.runs.append(run)
        return span, run

    def close(self, dispatched: list[tuple[Span, Run]]) -> None:
        """Wait for the reports, end the spans of the dispatches, and sum the wave up."""
        last = max(run.end for _, run in dispatched)
        beat = ns(self.wave.first_beat)
        while beat <= last or (self.wave.closes_after_minutes or 0) * MINUTE > beat - self.played.start:
            self.played.beats.append(beat)
            beat += BEAT_EVERY
        self.played.beats.append(beat)
        for span, run in dispatched:
            span.end = run.end + 10_000_000
            if run.task.silent:
                span.end = beat + 9 * SECOND
                fail(span, "timeout", f"no report from {run.task.agent}")
            elif run.task.status == "BLOCKED":
                fail(span, "blocked", f"{run.task.agent} reported BLOCKED")
        reports = {run.task.agent: "no report" if run.task.silent else run.task.status for _, run in dispatched}
        self.use(
            "All briefs are out; I collect the reports.",
            "collect_reports",
            {"wave": self.wave.number},
            to_json(reports),
            0,
        )
        self.played.spans[-1].end = self.time = beat + 10 * SECOND
        self.ask(finished(text_message("assistant", self.wave.summary), "stop"))
        self.run.end = self.time + 20_000_000
        self.played.end = self.run.end + 20_000_000

    def end_spans(self) -> None:
        """The spans of Atlas and of the wave itself."""
        played, wave = self.played, self.wave
        self.run.task.final, self.run.task.brief = wave.summary, wave.goal
        attributes = {"gen_ai.operation.name": "invoke_agent", **who(ATLAS, wave, self.run.conversation_id)}
        attributes |= {"gen_ai.provider.name": ATLAS.provider, "gen_ai.request.model": ATLAS.model}
        root = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": f"wave {wave.number}",
            "gen_ai.conversation.id": self.run.conversation_id,
            "wave.number": wave.number,
        }
        for name, parent, title, start, end, values in (
            ("Atlas", played.labels["root"], "invoke_agent Atlas", played.start + 2_000_000, self.run.end, attributes),
            ("root", None, f"invoke_workflow wave {wave.number}", played.start, played.end, root),
        ):
            span = Span(played.trace_id, played.labels[name], parent, title, "INTERNAL", start, end, values, "OK")
            if wave.status != "COMPLETE":
                fail(span, "partial", f"wave {wave.number} closed {wave.status}")
            played.spans.append(span)


def play(wave: Wave) -> Played:
    """The wave from the first call of Atlas to the last."""
    atlas = Orchestrator(wave)
    atlas.read_facts()
    dispatched = []
    for number, task in enumerate(wave.tasks):
        if number == wave.compacts_after:
            atlas.compact()
        dispatched.append(atlas.dispatch(task))
    atlas.close(dispatched)
    atlas.end_spans()
    return atlas.played
