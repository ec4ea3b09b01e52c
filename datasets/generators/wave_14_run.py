"""Plays the story of wave_14: turns the tasks of a wave into spans, records and the times at which things happened."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from otlp_json import Span, make_id, to_json
from wave_14_story.fleet import AGENTS, ATLAS, FACTS, Agent, agent_version, system_prompt
from wave_14_story.task import Call, Task, Wave

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
BEAT_EVERY = 5 * MINUTE
PACKET = "launch-facts"
TOOL_DEFINITION_TOKENS = 640  # what the tool definitions, which are not logged, add to every prompt
SLOW = {
    "web_search",
    "fetch_page",
    "run_sql",
    "run_tests",
    "start_build",
    "check_build_status",
    "deploy_preview",
    "check_links",
    "lookup_clause",
    "render_mail",
    "margin_check",
    "convert_prices",
    "search_files",
    "edit_files",
    "schedule_webinar",
}
HOSTS = {
    "crm_update": ("PATCH", "https://api.hubapi.com/crm/v3/objects/companies/batch/update"),
    "crm_search": ("POST", "https://api.hubapi.com/crm/v3/objects/companies/search"),
    "deploy_preview": ("POST", "https://preview.brackenfield.example/v1/deployments"),
    "send_mail": ("POST", "https://mail.brackenfield.example/v1/batches"),
}
BY_NAME = {agent.name: agent for agent in [ATLAS, *AGENTS]}


def ns(text: str) -> int:
    """Nanoseconds since 1970 of `YYYY-MM-DD HH:MM:SS`, UTC."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * SECOND


def moment(time: int) -> datetime:
    """The UTC time of these nanoseconds, cut to microseconds."""
    return datetime.fromtimestamp(time // SECOND, UTC).replace(microsecond=time % SECOND // 1000)


def count_tokens(text: str) -> int:
    """A fair guess at the tokens of English text and JSON."""
    return max(1, round(len(text) / 3.8))


@dataclass
class Usage:
    """Tokens of one call; input includes what came from the cache, output includes reasoning."""

    input: int
    output: int
    cache_read: int = 0
    cache_creation: int = 0
    reasoning: int = 0


@dataclass
class Turn:
    """One model call and the tool call that followed, with times; `tool_start` is None in the last turn."""

    call: Call | None
    messages: list[dict[str, Any]]
    output: list[dict[str, Any]]
    usage: Usage
    chat_start: int = 0
    chat_end: int = 0
    tool_start: int | None = None
    tool_end: int = 0


@dataclass
class Run:
    """One agent's run in one wave."""

    task: Task
    agent: Agent
    wave: Wave
    trace_id: str
    conversation_id: str
    start: int
    turns: list[Turn] = field(default_factory=list)
    end: int = 0
    board: list[tuple[int, str, str]] = field(default_factory=list)
    dispatch_span_id: str = ""
    span_id: str = ""


@dataclass
class Played:
    """One wave as it happened."""

    wave: Wave
    trace_id: str
    start: int
    end: int = 0
    spans: list[Span] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    beats: list[int] = field(default_factory=list)
    tagged: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(
        default_factory=dict
    )  # well-known single spans: root, atlas, publish, compaction ...

    def span_id(self, *parts: object) -> str:
        """The id of the span that these words name."""
        return make_id(16, "wave_14", self.wave.number, *parts)


# -- messages -----------------------------------------------------------------------------------------------------


def text_message(role: str, text: str) -> dict[str, Any]:
    """A message of one text part."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def calling_message(say: str, call_id: str, tool: str, args: dict[str, Any]) -> dict[str, Any]:
    """What an agent says and the tool it asks for."""
    request = {"type": "tool_call", "id": call_id, "name": tool, "arguments": args}
    return {"role": "assistant", "parts": [{"type": "text", "content": say}, request]}


def response_message(call_id: str, result: str) -> dict[str, Any]:
    """What the tool gave back."""
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]}


def finished(message: dict[str, Any], reason: str) -> list[dict[str, Any]]:
    """The output messages of a call that ended for this reason."""
    return [{**message, "finish_reason": reason}]


def brief_arguments(task: Task, wave: Wave) -> dict[str, Any]:
    """What Atlas sends: with the facts of the packet, or without."""
    brief: dict[str, Any] = {
        "agent": task.agent,
        "wave": wave.number,
        "task": task.brief,
        "deliverable": task.deliverable,
    }
    if task.with_context:
        brief |= {"packet": PACKET, "packet_version": wave.packet_version, "context": FACTS[wave.packet_version]}
    return brief


def brief_text(task: Task, wave: Wave) -> str:
    """The brief as the agent reads it."""
    lines = [f"BRIEF wave {wave.number} for {task.agent}", f"Task: {task.brief}", f"Deliverable: {task.deliverable}"]
    if task.with_context:
        lines.append(f"Context ({PACKET} v{wave.packet_version}):")
        lines += [f"- {fact}" for fact in FACTS[wave.packet_version]]
    return "\n".join(lines)


def packet_text(version: int) -> str:
    """The packet as the tools return it."""
    return to_json({"packet": PACKET, "version": version, "facts": FACTS[version]})


# -- tokens and times ---------------------------------------------------------------------------------------------


def measure(
    agent: Agent, system: str, messages: list[dict[str, Any]], output: list[dict[str, Any]], before: Usage | None
) -> Usage:
    """Tokens of a call; `before` is the call before it in the same conversation, whose prompt is cached."""
    usage = Usage(
        TOOL_DEFINITION_TOKENS + count_tokens(system) + count_tokens(to_json(messages)), count_tokens(to_json(output))
    )
    if agent.model == "gpt-5-mini":
        usage.reasoning = 64 * (1 + usage.output // 50)
        usage.output += usage.reasoning
    if agent.provider == "anthropic":
        usage.cache_read = before.cache_read + before.cache_creation if before else 0
        usage.cache_creation = max(0, usage.input - usage.cache_read - 4)
    elif before and before.input >= 1024:
        usage.cache_read = before.input // 128 * 128
    return usage


def chat_time(usage: Usage, chance: random.Random) -> int:
    """How long a call with this usage takes: it grows with the prompt and more so with the answer."""
    seconds = 0.9 + usage.input * 0.0003 + usage.output / 52
    return int(seconds * (0.85 + 0.3 * chance.random()) * SECOND)


def take_turns(run: Run, system: str) -> None:
    """Write the conversation of the run: messages and tokens, no times yet."""
    messages = [text_message("user", brief_text(run.task, run.wave))]
    before = None
    for number, step in enumerate(run.task.calls):
        call_id = "call_" + make_id(20, run.conversation_id, run.task.brief, number)
        said = calling_message(step.say, call_id, step.tool, step.args)
        output = finished(said, "tool_call")
        before = measure(run.agent, system, messages, output, before)
        run.turns.append(Turn(step, list(messages), output, before))
        messages += [said, response_message(call_id, step.error[1] if step.error else step.result)]
    if not run.task.silent:
        output = finished(text_message("assistant", run.task.final), "stop")
        run.turns.append(Turn(None, messages, output, measure(run.agent, system, messages, output, before)))


def set_times(run: Run, chance: random.Random) -> None:
    """Lay the turns out over the minutes of the task; slow tools and pauses fill what the model leaves."""
    chats = [chat_time(turn.usage, chance) for turn in run.turns]
    tools = [tool_time(turn.call, chance) for turn in run.turns]
    spare = max(0, int(run.task.minutes * MINUTE) - sum(chats) - sum(max(0, tool) for tool in tools))
    slow = sum(tool < 0 for tool in tools)
    share = int(spare * 0.6 / slow) if slow else 0
    pause = (spare - share * slow) // max(1, len(run.turns))
    time = run.start
    for turn, chat, tool in zip(run.turns, chats, tools, strict=True):
        turn.chat_start = time + int(pause * (0.4 + 0.6 * chance.random()))
        turn.chat_end = time = turn.chat_start + chat
        if turn.call:
            turn.tool_start = turn.chat_end + 2_000_000 + int(chance.random() * 9_000_000)
            turn.tool_end = time = turn.tool_start + (tool if tool >= 0 else int(share * (0.7 + 0.6 * chance.random())))
    run.end = time + 40_000_000


def tool_time(step: Call | None, chance: random.Random) -> int:
    """Nanoseconds of a tool call: fixed, quick, or -1 for a share of the spare time."""
    if step is None:
        return 0
    if step.seconds is not None:
        return int(step.seconds * SECOND) + int(chance.random() * SECOND)
    if step.error is not None or step.tool not in SLOW:
        return int((0.12 + 0.9 * chance.random()) * SECOND)
    return -1


def set_board(run: Run) -> None:
    """What the heartbeat board shows of this run, and from when."""
    run.board.append((run.start, *(run.task.opens or ("IN_PROGRESS", run.task.doing))))
    for turn in run.turns:
        if turn.call and turn.call.board:
            run.board.append((turn.tool_end, *turn.call.board))
    if run.task.status == "COMPLETE" and not run.task.silent:
        run.board.append((run.end, "COMPLETE", run.task.done))


# -- spans --------------------------------------------------------------------------------------------------------


def who(agent: Agent, wave: Wave, conversation_id: str) -> dict[str, Any]:
    """The attributes every span of an agent carries."""
    return {
        "gen_ai.agent.name": agent.name,
        "gen_ai.agent.id": f"agent-{agent.name.lower()}",
        "gen_ai.agent.version": agent_version(wave.prompt_version),
        "gen_ai.conversation.id": conversation_id,
        "gen_ai.prompt.version": wave.prompt_version,
        "wave.number": wave.number,
    }


def chat_span(played: Played, parent: str, key: tuple[object, ...], run: Run, turn: Turn) -> Span:
    """The span of one model call."""
    agent, usage = run.agent, turn.usage
    attributes = {"gen_ai.operation.name": "chat", **who(agent, run.wave, run.conversation_id)}
    attributes |= {
        "gen_ai.provider.name": agent.provider,
        "gen_ai.request.model": agent.model,
        "gen_ai.response.model": agent.response_model,
        "gen_ai.response.id": "resp_" + make_id(24, played.trace_id, *key),
        "gen_ai.response.finish_reasons": [turn.output[0]["finish_reason"]],
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
    }
    if agent.provider == "anthropic":
        attributes["gen_ai.usage.cache_creation.input_tokens"] = usage.cache_creation
    if usage.reasoning:
        attributes["gen_ai.usage.reasoning.output_tokens"] = usage.reasoning
    system = system_prompt(agent, run.wave.prompt_version)
    attributes |= {
        "gen_ai.system_instructions": to_json([{"type": "text", "content": system}]),
        "gen_ai.input.messages": to_json(turn.messages),
        "gen_ai.output.messages": to_json(turn.output),
    }
    return Span(
        played.trace_id,
        played.span_id(*key),
        parent,
        f"chat {agent.model}",
        "CLIENT",
        turn.chat_start,
        turn.chat_end,
        attributes,
    )


def tool_span(played: Played, parent: str, key: tuple[object, ...], run: Run, turn: Turn) -> Span:
    """The span of one tool call."""
    step = turn.call
    assert step is not None and turn.tool_start is not None
    attributes = {"gen_ai.operation.name": "execute_tool", **who(run.agent, run.wave, run.conversation_id)}
    attributes |= {
        "gen_ai.tool.name": step.tool,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": turn.output[0]["parts"][1]["id"],
        "gen_ai.tool.call.arguments": to_json(step.args),
    }
    if step.packet_version:
        attributes |= {"packet.id": PACKET, "packet.version": step.packet_version}
    span = Span(
        played.trace_id,
        played.span_id(*key),
        parent,
        f"execute_tool {step.tool}",
        "INTERNAL",
        turn.tool_start,
        turn.tool_end,
        attributes,
    )
    if step.error:
        fail(span, *step.error)
    else:
        attributes["gen_ai.tool.call.result"] = step.result
    return span


def fail(span: Span, error_type: str, message: str) -> None:
    """Mark the span as failed, as instrumentations do: status, `error.type`, an event for an exception."""
    span.status, span.message = "ERROR", message
    span.attributes["error.type"] = error_type
    if error_type.endswith("Error") or error_type.isdigit():
        kind = "HTTPStatusError" if error_type.isdigit() else error_type
        span.events.append((span.end - 1_000_000, "exception", {"exception.type": kind, "exception.message": message}))


def http_span(played: Played, parent: Span, step: Call) -> Span | None:
    """The HTTP request below a tool that goes over the network."""
    if step.tool == "fetch_page":
        method, url = "GET", step.args["url"]
    elif step.tool in HOSTS:
        method, url = HOSTS[step.tool]
    else:
        return None
    status = int(step.error[0]) if step.error else 200
    attributes = {
        "http.request.method": method,
        "url.full": url,
        "server.address": url.split("/")[2],
        "http.response.status_code": status,
    }
    span = Span(
        played.trace_id,
        make_id(16, parent.span_id, "http"),
        parent.span_id,
        method,
        "CLIENT",
        parent.start + 1_000_000,
        parent.end - 2_000_000,
        attributes,
    )
    if step.error:
        span.status = "ERROR"
        attributes["error.type"] = step.error[0]
    return span


def agent_span(played: Played, parent: str, run: Run) -> Span:
    """The `invoke_agent` span of the run."""
    agent, task = run.agent, run.task
    attributes = {"gen_ai.operation.name": "invoke_agent", **who(agent, run.wave, run.conversation_id)}
    attributes |= {"gen_ai.provider.name": agent.provider, "gen_ai.request.model": agent.model}
    version = task.packet_version or (run.wave.packet_version if task.with_context else None)
    if version:
        attributes |= {"packet.id": PACKET, "packet.version": version}
    attributes["gen_ai.input.messages"] = to_json([text_message("user", brief_text(task, run.wave))])
    attributes["gen_ai.output.messages"] = to_json(finished(text_message("assistant", task.final), "stop"))
    span = Span(
        played.trace_id,
        run.span_id,
        parent,
        f"invoke_agent {agent.name}",
        "INTERNAL",
        run.start,
        run.end,
        attributes,
        "OK",
    )
    if task.status == "BLOCKED":
        fail(span, "blocked", f"BLOCKED: {task.blockers}")
    return span


def add_run(played: Played, parent: str, run: Run, key: tuple[object, ...]) -> None:
    """The spans of a run below `parent`: its agent, its calls, its tools, and whom it handed over to."""
    run.span_id = played.span_id(*key)
    for number, turn in enumerate(run.turns):
        played.spans.append(chat_span(played, run.span_id, (*key, "chat", number), run, turn))
        step = turn.call
        if step is None:
            continue
        span = tool_span(played, run.span_id, (*key, "tool", number), run, turn)
        played.spans.append(span)
        if request := http_span(played, span, step):
            played.spans.append(request)
        if step.tag:
            played.tagged.setdefault(step.tag, []).append(span.span_id)
        if step.handoff:
            hand_over(played, run, turn, span, step.handoff)
    if not run.task.silent:  # a process that died never exports its own span: its children are orphans
        played.spans.append(agent_span(played, parent, run))


def hand_over(played: Played, run: Run, turn: Turn, span: Span, task: Task) -> None:
    """The run of the agent that takes over, inside the tool call that handed over."""
    other = BY_NAME[task.agent]
    inner = Run(
        task, other, run.wave, run.trace_id, f"w{run.wave.number}-{other.name.lower()}-handoff", span.start + 20_000_000
    )
    take_turns(inner, system_prompt(other, run.wave.prompt_version))
    set_times(inner, random.Random(f"handoff {run.wave.number}"))
    add_run(played, span.span_id, inner, (run.agent.name, "handoff"))
    shift = inner.end + 30_000_000 - span.end
    span.end += shift
    for later in run.turns[run.turns.index(turn) + 1 :]:
        later.chat_start += shift
        later.chat_end += shift
    turn.tool_end = span.end
    run.end += shift
