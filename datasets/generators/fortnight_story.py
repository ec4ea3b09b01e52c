"""The story of fortnight: twelve agents of a claims desk from 1 to 14 June, what they do, and what was changed when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from otlp_json import Span, make_id, to_json

FIRST_DAY = date(2026, 6, 1)
DAYS = 14
SUNDAYS = (6, 13)  # nobody works: 7 and 14 June


def moment(day: int, hour: int, minute: int = 0) -> int:
    """Nanoseconds since 1970 of a time of the fortnight."""
    begin = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
    return int((begin + timedelta(days=day, hours=hour, minutes=minute)).timestamp()) * 10**9


@dataclass
class Change:
    """What changes about an agent at a moment, and the factors on what its tasks take and give."""

    at: int
    detector: str
    cause: list[str]
    what: str
    measures: list[str]
    output: float = 1.0
    input: float = 1.0
    seconds: float = 1.0
    more_calls: int = 0
    confidence: float = 0.0
    tool_growth: float = 0.0  # a day


@dataclass
class Agent:
    """One agent: its prompt by version, model, tools, how many tasks a day, and what a task takes."""

    name: str
    prompts: dict[str, str]
    model: tuple[str, str]
    tools: list[str]
    a_day: float = 9
    steps: int = 2
    output: int = 120
    input: int = 900
    asks_confidence: bool = False
    kinds: tuple[str, ...] = ("baggage", "delay", "storm damage")
    change: Change | None = None
    new_model: tuple[str, str] | None = None
    new_version: tuple[int, str] | None = None
    tasks_done: int = field(default=0)


SONNET, MINI, NANO, LARGE = (
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-4.1-mini"),
    ("openai", "gpt-4.1-nano"),
    ("openai", "gpt-4.1"),
)
LETTERS = "You write letters to policy holders. Be friendly and exact. Name the clause that applies."
LETTERS_8 = "You write letters to policy holders. Be friendly and exact. Quote every clause that applies in full."
FRAUD = "You look for signs of fraud in a claim. Compare it with earlier claims. Never accuse."
FRAUD_4 = "You look for signs of fraud in a claim. Compare it with earlier claims and with the register. Never accuse."
TRIAGE = 'You sort claims. Answer in JSON with "queue", "reason" and "confidence".'

AGENTS = {
    agent.name: agent
    for agent in (
        Agent("Intake", {"v3": "You read new claims and list what is missing."}, MINI, ["read_mail", "open_file"], 11),
        Agent(
            "Triage", {"v5": TRIAGE}, MINI, ["lookup_policy"], 12, 2, 110, 700, True,
            change=Change(moment(9, 11, 30), "drift_step", ["request_model"], "moved to gpt-4.1-nano",
                          ["task_model_calls", "task_input_tokens", "task_confidence"], 0.62, 1.0, 0.9, 2, -0.22),
            new_model=NANO,
        ),
        Agent("Policy", {"v2": "You find the clauses of a policy that apply to a claim."}, SONNET, ["search_policy"], 9),
        Agent("Assessment", {"v9": "You estimate the damage. Storm damage needs every photo looked at."}, SONNET, ["read_photo", "price_list"], 12, 3),
        Agent(
            "Fraud", {"v3": FRAUD, "v4": FRAUD_4}, MINI, ["earlier_claims"], 9, 2, 90, 800,
            change=Change(moment(10, 9, 0), "drift_step", ["prompt_version", "request_model"], "prompt v4 and gpt-4.1 at once",
                          ["task_input_tokens", "task_output_tokens"], 1.7, 1.55, 1.2),
            new_model=LARGE,
        ),
        Agent("Medical", {"v1": "You summarise medical certificates for the assessor."}, SONNET, ["read_certificate"], 7,
              new_version=(7, "2026.06.2")),
        Agent("Legal", {"v1": "You say whether a claim needs a lawyer."}, SONNET, ["search_cases"], 0.6),
        Agent("Pricing", {"v4": "You set the amount to be paid, with the reason."}, LARGE, ["price_list"], 9),
        Agent("Payout", {"v6": "You prepare the payment and check the account."}, MINI, ["check_account", "prepare_payment"], 10),
        Agent(
            "Letters", {"v7": LETTERS, "v8": LETTERS_8}, SONNET, ["search_policy"], 10, 2, 260, 1_100,
            change=Change(moment(5, 10, 15), "drift_step", ["prompt_version", "system_prompt"], "prompt v8 quotes clauses in full",
                          ["task_output_tokens", "task_output_bytes", "task_duration_s"], 1.6, 1.05, 1.45),
        ),
        Agent("Translation", {"v2": "You translate letters and keep amounts, dates and names as they are."}, MINI, ["glossary"], 8),
        Agent(
            "Archive", {"v1": "You file what is finished and find what was filed."}, NANO, ["search_archive", "file_document"], 10,
            change=Change(moment(0, 0), "drift_slope", ["search_archive"], "search_archive slows down by 8 per cent a day",
                          ["tool_duration_s"], tool_growth=0.08),
        ),
    )
}  # fmt: skip
WEIGHT = {"baggage": 1.0, "delay": 0.8, "storm damage": 3.0}
STORM_FROM = 8  # 9 June: after the storm most of Assessment's work is storm damage
STEMS = (
    "the file",
    "the policy",
    "what was sent in",
    "the amounts",
    "the dates",
    "the address",
    "the photos",
    "the list",
)
SENTENCES = (
    "The claim was checked against the policy.", "All papers are in the file.", "The amount follows from the price list.",
    "The deadline was kept.", "The clause on delays applies.", "The photo shows the damage described.", "No further question is open.",
    "The account matches the name.", "An earlier claim of the same kind was settled.", "The holder was informed.",
)  # fmt: skip


@dataclass
class Task:
    """One task: who, when, of which kind, under which version."""

    agent: Agent
    number: int
    start: int
    kind: str
    day: int
    seed: str


def tasks_of_day(day: int) -> list[Task]:
    """Return the tasks of a day in time order; none on Sundays."""
    if day in SUNDAYS:
        return []
    tasks = []
    for agent in AGENTS.values():
        rng = random.Random(f"{agent.name}/{day}")
        count = (
            int(agent.a_day + rng.choice((-2, -1, 0, 0, 1, 2))) if agent.a_day >= 1 else int(rng.random() < agent.a_day)
        )
        starts = sorted(moment(day, 8) + int(rng.random() * 10 * 3600 * 1e9) for _ in range(count))
        for start in starts:
            agent.tasks_done += 1
            storm = agent.name == "Assessment" and day >= STORM_FROM
            kind = rng.choices(agent.kinds, (1, 1, 6) if storm else (3, 3, 1))[0]
            tasks.append(Task(agent, agent.tasks_done, start, kind, day, f"{agent.name}/{day}/{start}"))
    return sorted(tasks, key=lambda task: task.start)


def play_task(task: Task) -> list[Span]:
    """Return the spans of one task: the run, its model calls and its tool calls between them."""
    agent, rng = task.agent, random.Random(task.seed)
    change = agent.change if agent.change and task.start >= agent.change.at else None
    trace = make_id(32, "fortnight", task.seed)
    weight = WEIGHT[task.kind] if agent.name == "Assessment" else 1.0
    version = list(agent.prompts)[-1 if change and "prompt_version" in change.cause else 0]
    provider, model = agent.new_model if change and agent.new_model and "request_model" in change.cause else agent.model
    release = agent.new_version[1] if agent.new_version and task.day >= agent.new_version[0] else "2026.05.4"
    about = {
        "gen_ai.agent.name": agent.name, "gen_ai.agent.version": release, "gen_ai.prompt.version": version,
        "task.type": task.kind,
    }  # fmt: skip
    calls = agent.steps + (change.more_calls if change else 0) + rng.choice((0, 0, 1)) + round(weight - 1)
    clock, spans = task.start + 40_000_000, []
    brief = f"Claim {rng.randint(10_000, 99_999)}: {task.kind}, {rng.choice(STEMS)} and {rng.choice(STEMS)}"
    said: list[dict[str, object]] = [{"role": "user", "parts": [{"type": "text", "content": brief}]}]
    for number in range(calls):
        is_last = number == calls - 1
        answer = write_answer(agent, change, rng, weight) if is_last else ""
        tool = agent.tools[number % len(agent.tools)]
        call_id = make_id(12, trace, number)
        arguments = {"about": brief.partition(":")[0], "part": number + 1}
        asked = {"type": "tool_call", "id": call_id, "name": tool, "arguments": arguments}
        part = {"type": "text", "content": answer} if is_last else asked
        usual = agent.input * (change.input if change else 1) * weight**0.5 + 260 * number
        tokens_in = round(usual * rng.lognormvariate(0, 0.12))
        tokens_out = round((len(answer) / 4 if is_last else agent.output / 4) * rng.lognormvariate(0, 0.2)) + 8
        seconds = (0.7 + tokens_out / 55) * rng.lognormvariate(0, 0.25) * (change.seconds if change else 1)
        end = clock + int(seconds * 1e9)
        spans.append(
            Span(trace, make_id(16, trace, "chat", number), make_id(16, trace, "run"), f"chat {model}", "CLIENT", clock, end,
                 about | {
                     "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model,
                     "gen_ai.response.model": model, "gen_ai.request.temperature": 0.2,
                     "gen_ai.usage.input_tokens": tokens_in, "gen_ai.usage.output_tokens": tokens_out,
                     "gen_ai.system_instructions": to_json([{"type": "text", "content": agent.prompts[version]}]),
                     "gen_ai.input.messages": to_json(said[:1] + said[-1:] if len(said) > 1 else said),
                     "gen_ai.output.messages": to_json([{"role": "assistant", "parts": [part], "finish_reason": "stop" if is_last else "tool_call"}]),
                 })
        )  # fmt: skip
        clock = end + 5_000_000
        if not is_last:
            spans.append(call_tool(task, trace, number, tool, call_id, brief, clock, about, rng))
            clock = spans[-1].end + 5_000_000
            result = spans[-1].attributes["gen_ai.tool.call.result"]
            said.append({"role": "tool", "parts": [{"type": "tool_call_response", "id": call_id, "response": result}]})
    run = Span(trace, make_id(16, trace, "run"), None, f"invoke_agent {agent.name}", "INTERNAL", task.start, clock,
               about | {"gen_ai.operation.name": "invoke_agent"}, "OK")  # fmt: skip
    return [run, *spans]


def call_tool(
    task: Task,
    trace: str,
    number: int,
    tool: str,
    call_id: str,
    brief: str,
    start: int,
    about: dict[str, str],
    rng: random.Random,
) -> Span:
    """Return a tool call; the archive's search grows slower by the day, and Payout had a slow Thursday morning."""
    change = task.agent.change
    growth = (1 + change.tool_growth) ** task.day if change and tool == "search_archive" else 1.0
    seconds = 0.8 * rng.lognormvariate(0, 0.35) * growth
    if task.agent.name == "Payout" and task.day == 3 and rng.random() < 0.3:
        seconds *= 30
    result = f"{tool}: {rng.choice(SENTENCES)} ({rng.randint(100, 999)})"
    return Span(trace, make_id(16, trace, "tool", number), make_id(16, trace, "run"), f"execute_tool {tool}", "INTERNAL", start,
                start + int(seconds * 1e9), about | {
                    "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool, "gen_ai.tool.call.id": call_id,
                    "gen_ai.tool.call.arguments": to_json({"about": brief.partition(":")[0], "part": number + 1}),
                    "gen_ai.tool.call.result": result,
                }, "OK")  # fmt: skip


def write_answer(agent: Agent, change: Change | None, rng: random.Random, weight: float) -> str:
    """Return the last answer of a task: sentences up to its length, or Triage's JSON."""
    length = agent.output * 4 * (change.output if change else 1) * rng.lognormvariate(0, 0.18) * (weight**0.7)
    said = "".join(f"{sentence} " for sentence in _sentences(length, rng)).strip()
    if not agent.asks_confidence:
        return said
    confidence = min(0.99, max(0.05, 0.88 + (change.confidence if change else 0) + rng.gauss(0, 0.06)))
    return to_json(
        {"queue": rng.choice(("fast", "standard", "expert")), "reason": said, "confidence": round(confidence, 2)}
    )


def _sentences(length: float, rng: random.Random) -> Iterator[str]:
    written = 0
    while written < length:
        sentence = rng.choice(SENTENCES)
        written += len(sentence) + 1
        yield sentence
