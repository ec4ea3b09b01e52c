"""Writes the dataset research_team: `python datasets/generators/research_team.py [OUT]`.

A real run of pydantic-ai with scripted models, instrumented by pydantic-ai itself and exported by OpenTelemetry's own
file exporter. Needs `pydantic-ai-slim`, `opentelemetry-sdk` and `opentelemetry-exporter-otlp-json-file` in the versions
that datasets/research_team.md names; then it writes the same bytes on every run. Clock, ids and paths of the machine
are replaced by fixed ones; nothing else is touched.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import opentelemetry.sdk.trace as sdk_trace
from opentelemetry.exporter.otlp.json.file.trace_exporter import FileSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import IdGenerator, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent, ModelRetry, RunContext
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.usage import RequestUsage
from research_team_story import MORNINGS, Morning, SearchBusy
from research_team_truth import tell_truth

PACKAGES = ("pydantic-ai-slim", "opentelemetry-sdk", "opentelemetry-exporter-otlp-json-file", "genai-prices")
MODELS = {
    "orchestrator": ("anthropic", "claude-sonnet-4-5"),
    "researcher": ("openai", "gpt-4o-mini"),
    "fact_checker": ("openai", "gpt-4.1"),
    "writer": ("anthropic", "claude-sonnet-4-5"),
}
PROMPTS = {
    "orchestrator": "You lead a newsroom team. Delegate to the researcher, the fact-checker and the writer, in "
    "this order, and answer with the brief.",
    "researcher": "You find facts. Search, then answer in two sentences, each with its source and page.",
    "fact_checker": "You check every claim against its source with lookup_source. Say of each claim whether it stands.",
    "writer": "You write two sentences for readers who have never seen a harbour.",
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
LIBRARY_PATH = re.compile(r"/[^\s\"\\]*?/(site-packages|lib/python3\.\d+|generators)/")
SPANS_A_LINE = 8


class Clock:
    """A clock that stands still but for `wait`, and a microsecond a look."""

    def __init__(self, start: str) -> None:
        self.now = int(datetime.fromisoformat(start).replace(tzinfo=UTC).timestamp()) * 10**9

    def read(self) -> int:
        """Nanoseconds since 1970."""
        self.now += 1_000
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += int(seconds * 10**9)


class CountedIds(IdGenerator):
    """Trace and span ids that are the same in every run."""

    def __init__(self, seed: str) -> None:
        self.seed, self.number = uuid.uuid5(uuid.NAMESPACE_URL, f"research_team/{seed}"), 0

    def generate_span_id(self) -> int:
        """The next span id."""
        self.number += 1
        return uuid.uuid5(self.seed, f"span {self.number}").int >> 64

    def generate_trace_id(self) -> int:
        """The next trace id."""
        self.number += 1
        return uuid.uuid5(self.seed, f"trace {self.number}").int


class ScriptedModel(FunctionModel):
    """A pydantic-ai model that reads its answers from the story, and names the model it stands in for."""

    def __init__(self, agent: str, morning: Morning, clock: Clock) -> None:
        self.provider_name, name = MODELS[agent]
        self.agent, self.says, self.clock = agent, iter(morning.says[agent]), clock
        super().__init__(self.answer, model_name=name)

    @property
    def system(self) -> str:
        """The provider of the model it stands in for."""
        return self.provider_name

    async def answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        """The next answer of the story, with tokens that follow from its length."""
        say = next(self.says)
        parts: list[Any] = [TextPart(say.text)] if say.text else []
        turn = sum(isinstance(message, ModelResponse) for message in messages)
        if say.tool:
            parts.append(ToolCallPart(say.tool, say.arguments, tool_call_id=f"call_{self.agent}_{turn}"))
        written = len(PROMPTS[self.agent]) + sum(
            len(str(part_text(part))) for message in messages for part in message.parts
        )
        usage = RequestUsage(
            input_tokens=410 + written // 4,
            output_tokens=8 + (len(say.text) + len(str(say.arguments or ""))) // 4,
            cache_read_tokens=384 if turn else 0,
        )
        self.clock.wait(0.6 + usage.output_tokens / 40)
        return ModelResponse(
            parts=parts,
            usage=usage,
            model_name=self.model_name,
            timestamp=datetime.fromtimestamp(self.clock.now / 1e9, UTC),
        )


def part_text(part: Any) -> Any:
    """What a message part says."""
    return part.args if isinstance(part, ToolCallPart) else part.content


def next_result(results: Iterator[str | Exception]) -> str:
    """The next scripted result; an exception is raised."""
    result = next(results)
    if isinstance(result, SearchBusy):
        raise ModelRetry(str(result))
    if isinstance(result, Exception):
        raise result
    return result


def make_team(morning: Morning, clock: Clock) -> Agent:
    """The orchestrator, with the three agents it delegates to behind tools."""
    team = {
        name: Agent(ScriptedModel(name, morning, clock), name=name, instructions=PROMPTS[name], retries=3)
        for name in PROMPTS
    }
    orchestrator, searches, sources = team["orchestrator"], iter(morning.searches), iter(morning.sources)

    @team["researcher"].tool_plain
    async def search(query: str) -> str:
        """Search the archive."""
        clock.wait(10.0 if len(morning.searches) > 2 and "tariff" in query and "March" not in query else 1.8)
        return next_result(searches)

    @team["fact_checker"].tool_plain
    async def lookup_source(source: str, page: int = 0, item: int = 0) -> str:
        """Read one page of a source."""
        clock.wait(0.7)
        return next_result(sources)

    @orchestrator.tool
    async def delegate_research(ctx: RunContext, topic: str) -> str:
        """Ask the researcher."""
        return (await team["researcher"].run(f"Research: {topic}", usage=ctx.usage)).output

    @orchestrator.tool
    async def delegate_fact_check(ctx: RunContext, claims: str) -> str:
        """Ask the fact-checker."""
        try:
            return (await team["fact_checker"].run(f"Check: {claims}", usage=ctx.usage)).output
        except ConnectionError:
            return "No objections."  # the planted fault: a failed check looks like a passed one

    @orchestrator.tool
    async def delegate_writing(ctx: RunContext, notes: str) -> str:
        """Ask the writer."""
        return (await team["writer"].run(f"Write: {notes}", usage=ctx.usage)).output

    return orchestrator


def run_morning(morning: Morning, out: Path) -> None:
    """Run the team once and export its spans."""
    clock, memory = Clock(morning.start), InMemorySpanExporter()
    sdk_trace.time_ns = clock.read
    resource = Resource(
        {
            "service.name": "newsroom",
            "service.version": "1.3.0",
            "service.instance.id": f"newsroom-{morning.name}",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": version("opentelemetry-sdk"),
        }
    )
    provider = TracerProvider(resource=resource, id_generator=CountedIds(morning.name))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    orchestrator = make_team(morning, clock)
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, version=5))
    asyncio.run(orchestrator.run(morning.question))
    spans, path = memory.get_finished_spans(), out / f"{morning.name}.otlp.jsonl"
    exporter = FileSpanExporter(path)
    for first in range(0, len(spans), SPANS_A_LINE):
        exporter.export(spans[first : first + SPANS_A_LINE])
    exporter.shutdown()
    path.write_bytes(settle(path.read_text(encoding="utf-8"), morning.name).encode())


def settle(text: str, name: str) -> str:
    """The exported text with random UUIDs and paths of this machine replaced by fixed ones."""
    seen: dict[str, str] = {}
    for found in UUID.findall(text):
        seen.setdefault(found, str(uuid.uuid5(uuid.NAMESPACE_URL, f"research_team/{name}/{len(seen)}")))
    return LIBRARY_PATH.sub(r"\1/", UUID.sub(lambda match: seen[match[0]], text))


def generate(out: Path) -> None:
    """Write logs and truth below `out`, in place of what an earlier run left there."""
    logs = out / "research_team"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    for morning in MORNINGS:
        run_morning(morning, logs)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    truth = {
        "dataset": "research_team",
        "made_with": {"python": python, **{name: version(name) for name in PACKAGES}},
        **tell_truth(logs),
    }
    path = out / "truth" / "research_team.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((json.dumps(truth, ensure_ascii=False, indent=1) + "\n").encode())


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
