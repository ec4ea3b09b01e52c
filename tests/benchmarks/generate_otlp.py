"""Writes an OTLP file as a team of agents leaves it: nested agents, calls that repeat their history, tools, errors.

    python tests/benchmarks/generate_otlp.py FILE [SPANS]

Half of the traces use GenAI attributes, half OpenInference. Children are exported before their parents, eight traces at
a time are mixed, 200 spans a line. Text comes from one made-up corpus, so sizes compress better than real ones would.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

AGENTS = [
    "orchestrator",
    "planner",
    "researcher",
    "coder",
    "reviewer",
    "tester",
    "summarizer",
    "critic",
    "browser",
    "writer",
]
TOOLS = [
    "read_file",
    "write_file",
    "bash",
    "grep",
    "web_search",
    "sql_query",
    "python",
    "vector_search",
    "create_ticket",
]
MODELS = [
    ("anthropic", "claude-sonnet-4-5"),
    ("openai", "gpt-4.1"),
    ("openai", "gpt-4o-mini"),
    ("gcp.gemini", "gemini-2.5-pro"),
]
SYLLABLES = [
    "ba",
    "be",
    "bi",
    "bo",
    "bu",
    "da",
    "de",
    "di",
    "do",
    "du",
    "ka",
    "ke",
    "ki",
    "ko",
    "ku",
    "la",
    "le",
    "li",
    "lo",
    "lu",
    "ma",
    "me",
    "mi",
    "mo",
    "mu",
    "na",
    "ne",
    "ni",
    "no",
    "nu",
    "ra",
    "re",
    "ri",
    "ro",
    "ru",
]
MS = 1_000_000
Span = dict[str, Any]


class Corpus:
    """Text with quotes, line ends, code and letters beyond ASCII, cut from one long piece."""

    def __init__(self, random_: random.Random, size: int = 4_000_000) -> None:
        words = ["".join(random_.choices(SYLLABLES, k=random_.randint(1, 4))) for _ in range(4000)]
        odd = ['"quoted"', "end.\n", "— é 東京", 'def f(x):\n    return {"k": x}\n']
        picked = random_.choices(words + odd * 40, k=size // 6)
        self._text, self._random = " ".join(picked), random_

    def take(self, least: int, most: int) -> str:
        """Return a piece of some length between the two."""
        length = self._random.randint(least, most)
        at = self._random.randrange(len(self._text) - length)
        return self._text[at : at + length]


class Team:
    """Makes traces, one agent run inside the other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.corpus = Corpus(self.random)

    def trace(self, start: int) -> list[Span]:
        """Return the spans of one trace, in the order in which they end."""
        self.spans: list[Span] = []
        self.trace_id, self.conversation = self._id(16), f"session-{self._id(4)}"
        self.left = int(min(1500, max(20, self.random.lognormvariate(4.4, 1.0))))
        self.is_genai, self.version = self.random.random() < 0.5, f"v{self.random.randint(1, 7)}"
        self._agent(None, start, 1, AGENTS[0])
        return self.spans

    def _id(self, length: int) -> str:
        return self.random.randbytes(length).hex()

    def _agent(self, parent: str | None, time: int, depth: int, name: str) -> int:
        span_id, start = self._id(8), time
        self.left -= 1
        system = self.corpus.take(400, 1500)
        history = [message("user", {"type": "text", "content": self.corpus.take(80, 900)})]
        for _ in range(40):
            if self.left <= 0 or self.random.random() < 0.08:
                break
            time = self._model_call(span_id, time, name, system, history)
            for _ in range(self.random.choice((0, 1, 1, 1, 2, 3))):
                if depth < 6 and self.random.random() < 0.2 and self.left > 0:
                    time, said = (
                        self._agent(span_id, time, depth + 1, self.random.choice(AGENTS[1:])),
                        self.corpus.take(200, 1500),
                    )
                else:
                    time, said = self._tool_call(span_id, time, name)
                history.append(
                    message("tool", {"type": "tool_call_response", "id": f"call_{span_id[:6]}", "response": said})
                )
        names = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.agent.id": f"agent-{span_id}",
        }
        if not self.is_genai:
            names = {
                "openinference.span.kind": "AGENT",
                "agent.name": name,
                "graph.node.id": name,
                "input.value": system,
            }
        self._emit(f"invoke_agent {name}", parent, span_id, start, time, names)
        return time

    def _model_call(self, parent: str, time: int, agent: str, system: str, history: list[dict[str, Any]]) -> int:
        self.left -= 1
        provider, model = self.random.choice(MODELS)
        shown, size, cap = [], 0, 1000 + int(19000 * self.random.random() ** 2.5)
        for one in reversed(history):
            size += len(str(one))
            if shown and size > cap:
                break
            shown.insert(0, one)
        answer = message("assistant", {"type": "text", "content": self.corpus.take(100, 1200)})
        history.append(answer)
        tokens = (size // 4 + len(system) // 4, len(answer["parts"][0]["content"]) // 4)
        say = self._genai_call if self.is_genai else self._openinference_call
        attributes = say(agent, provider, model, system, shown, answer, tokens)
        end = time + self.random.randint(300, 9000) * MS
        self._emit(f"chat {model}", parent, self._id(8), time, end, attributes, failed=self.random.random() < 0.02)
        return end

    def _genai_call(
        self, agent: str, provider: str, model: str, system: str, shown: list[Any], answer: Any, tokens: tuple[int, int]
    ) -> dict[str, Any]:
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.response.model": model,
            "gen_ai.agent.name": agent,
            "gen_ai.usage.input_tokens": tokens[0],
            "gen_ai.usage.output_tokens": tokens[1],
            "gen_ai.usage.cache_read.input_tokens": tokens[0] // 2,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.request.temperature": 0.2,
            "gen_ai.system_instructions": text_of([{"type": "text", "content": system}]),
            "gen_ai.input.messages": text_of(shown),
            "gen_ai.output.messages": text_of([answer]),
        }

    def _openinference_call(
        self, agent: str, provider: str, model: str, system: str, shown: list[Any], answer: Any, tokens: tuple[int, int]
    ) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            "openinference.span.kind": "LLM",
            "llm.provider": provider,
            "llm.model_name": model,
            "llm.token_count.prompt": tokens[0],
            "llm.token_count.completion": tokens[1],
            "llm.token_count.total": sum(tokens),
            "llm.invocation_parameters": '{"temperature": 0.2}',
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": system,
            "metadata": text_of({"agent": agent}),
        }
        for number, one in enumerate(shown, 1):
            part, prefix = one["parts"][0], f"llm.input_messages.{number}.message."
            attributes[prefix + "role"] = one["role"]
            attributes[prefix + "content"] = part.get("content", part.get("response"))
        attributes["llm.output_messages.0.message.role"] = "assistant"
        attributes["llm.output_messages.0.message.content"] = answer["parts"][0]["content"]
        return attributes

    def _tool_call(self, parent: str, time: int, agent: str) -> tuple[int, str]:
        self.left -= 1
        tool, said, asked = (
            self.random.choice(TOOLS),
            self.corpus.take(100, 3000),
            text_of({"query": self.corpus.take(20, 300)}),
        )
        names = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": f"call_{self._id(4)}",
            "gen_ai.agent.name": agent,
            "gen_ai.tool.call.arguments": asked,
            "gen_ai.tool.call.result": said,
        }
        if not self.is_genai:
            names = {"openinference.span.kind": "TOOL", "tool.name": tool, "input.value": asked, "output.value": said}
        end = time + self.random.randint(5, 2000) * MS
        self._emit(f"execute_tool {tool}", parent, self._id(8), time, end, names, failed=self.random.random() < 0.04)
        return end, said

    def _emit(
        self,
        name: str,
        parent: str | None,
        span_id: str,
        start: int,
        end: int,
        attributes: dict[str, Any],
        failed: bool = False,
    ) -> None:
        conversation = "gen_ai.conversation.id" if self.is_genai else "session.id"
        shared = {
            conversation: self.conversation,
            "deployment.version": self.version,
            "tenant.id": "tenant-7",
            "retry": False,
        }
        logged: Span = {
            "traceId": self.trace_id,
            "spanId": span_id,
            "parentSpanId": parent or "",
            "flags": 256,
            "name": name,
            "kind": 1,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(end),
            "attributes": [{"key": key, "value": any_value(value)} for key, value in {**attributes, **shared}.items()],
            "status": {},
        }
        if failed:
            pairs = {"exception.type": "TimeoutError", "exception.message": self.corpus.take(40, 200)}
            details = [{"key": key, "value": any_value(value)} for key, value in pairs.items()]
            logged["events"] = [{"timeUnixNano": str(end), "name": "exception", "attributes": details}]
            logged["status"] = {"code": 2, "message": "timed out"}
        self.spans.append(logged)


def message(role: str, part: dict[str, Any]) -> dict[str, Any]:
    """Return a message of one part."""
    return {"role": role, "parts": [part]}


def text_of(value: Any) -> str:
    """Return a value as JSON text."""
    return msgspec.json.encode(value).decode()


def any_value(value: Any) -> dict[str, Any]:
    """Return a value as OTLP writes it."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return (
        {"arrayValue": {"values": [any_value(item) for item in value]}}
        if isinstance(value, list)
        else {"stringValue": value}
    )


def lines(spans: int, seed: int = 7, spans_a_line: int = 200) -> Iterator[bytes]:
    """Yield batches until there are `spans` spans or some more, whole traces only."""
    team, resource = Team(seed), {"attributes": [{"key": "service.name", "value": {"stringValue": "team"}}]}
    made, time, waiting = 0, 1_760_000_000_000 * MS, []
    while made < spans:
        traces = [team.trace(time + number * 1000 * MS) for number in range(8)]
        time, made = time + 600_000 * MS, made + sum(map(len, traces))
        while any(traces):
            waiting.append(team.random.choice([trace for trace in traces if trace]).pop(0))
        whole = len(waiting) - len(waiting) % spans_a_line if made < spans else len(waiting)
        for at in range(0, whole, spans_a_line):
            scope = {"scope": {"name": "benchmark"}, "spans": waiting[at : at + spans_a_line]}
            yield msgspec.json.encode({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}) + b"\n"
        waiting = waiting[whole:]


def write(path: Path, spans: int) -> None:
    """Write the file."""
    with path.open("wb") as stream:
        stream.writelines(lines(spans))


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("file", type=Path)
    asked.add_argument("spans", type=int, nargs="?", default=100_000)
    options = asked.parse_args()
    write(options.file, options.spans)
