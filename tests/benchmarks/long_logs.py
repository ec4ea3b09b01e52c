"""Well-formed logs of any length, record by record: one function a format, made up by a seed and copied from nowhere.

A function takes a source of chance, the number of the record and how many characters of text it shall hold, and returns its lines.
"""

from __future__ import annotations

import functools
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

WORDS = (
    "margin", "partner", "draft", "table", "review", "quarter", "ledger", "handoff", "budget", "packet", "wave", "deadline", "answer",
    "ranking", "source", "verdict", "invoice", "region", "cluster", "refund",
)  # fmt: skip
T0 = 1_776_176_591
MODEL = "claude-opus-4-6"
SIZES = (200, 400, 800, 4_000)
# Steps of one session, or spans of one trace.
STEPS = 150

Record = Callable[[random.Random, int, int], str]


def lines(name: str, size: int, seed: int = 1) -> Iterator[str]:
    """Yield records of a format until they hold `size` characters. Logs that are one session have larger steps, as real ones do."""
    rng, written, number = random.Random(seed), 0, 0
    scale = 16 if name in ONE_SESSION else 1
    while written < size:
        record = RECORDS[name](rng, number, scale * rng.choice(SIZES))
        yield record
        written += len(record)
        number += 1


def one_long(name: str, size: int) -> Iterator[str]:
    """Yield a small log of a format in which one record, after those that a log begins with, has a text of `size` characters."""
    rng = random.Random(1)
    for number in range(8):
        yield RECORDS[name](rng, number, size if number == 5 else 200)


@functools.cache
def _corpus() -> str:
    rng = random.Random(7)
    return " ".join(
        f"{rng.choice(WORDS)} {rng.randrange(10**6)}" if rng.random() < 0.2 else rng.choice(WORDS)
        for _ in range(600_000)
    )


def _text(rng: random.Random, size: int) -> str:
    corpus = _corpus()
    if size >= len(corpus):
        return (corpus * (size // len(corpus) + 1))[:size]
    start = rng.randrange(len(corpus) - size)
    return corpus[start : start + size]


def _line(value: Any) -> str:
    return json.dumps(value) + "\n"


def _iso(number: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(T0 + number))


def _ids(number: int) -> tuple[str, str, str | None]:
    """Return trace id, span id and the id of the parent: every trace is a root with the others below it."""
    first = number // STEPS * STEPS
    return f"{number // STEPS + 1:032x}", f"{number + 1:016x}", None if number == first else f"{first + 1:016x}"


def _uuid(number: int) -> str:
    return f"5f0e7a52-0d1c-4c51-9a34-{number:012x}"


# --- spans ------------------------------------------------------------------------------------------------------------


def _otlp_span(rng: random.Random, number: int, size: int) -> dict[str, Any]:
    trace_id, span_id, parent = _ids(number)
    values: dict[str, dict[str, Any]] = {
        "gen_ai.operation.name": {"stringValue": "execute_tool"}, "gen_ai.tool.name": {"stringValue": "search"},
        "gen_ai.tool.call.id": {"stringValue": f"call_{number:012}"}, "gen_ai.tool.call.result": {"stringValue": _text(rng, size)},
    }  # fmt: skip
    if number % 3 == 1:
        said = json.dumps([{"role": "user", "parts": [{"type": "text", "content": _text(rng, size)}]}])
        values = {
            "gen_ai.operation.name": {"stringValue": "chat"}, "gen_ai.request.model": {"stringValue": MODEL},
            "gen_ai.usage.input_tokens": {"intValue": str(size // 4)}, "gen_ai.usage.output_tokens": {"intValue": "20"},
            "gen_ai.input.messages": {"stringValue": said}, "gen_ai.agent.name": {"stringValue": f"agent {number % 9}"},
        }  # fmt: skip
    return {
        "traceId": trace_id, "spanId": span_id, "parentSpanId": parent or "", "name": "step", "kind": 1,
        "startTimeUnixNano": f"{T0 + number}000000000", "endTimeUnixNano": f"{T0 + number + 1}000000000",
        "attributes": [{"key": key, "value": value} for key, value in values.items()], "status": {"code": 1},
    }  # fmt: skip


def _otlp(rng: random.Random, number: int, size: int) -> str:
    span = _otlp_span(rng, number, size)
    return _line({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [span]}]}]})


def _tempo(rng: random.Random, number: int, size: int) -> str:
    span = _otlp_span(rng, number, size)
    return _line({"batches": [{"resource": {"attributes": []}, "instrumentationLibrarySpans": [{"spans": [span]}]}]})


def _otlp_logs(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, _ = _ids(number // 2)
    name = "gen_ai.user.message" if number % 2 == 0 else "gen_ai.choice"
    text = {"key": "content", "value": {"stringValue": _text(rng, size)}}
    record = {
        "timeUnixNano": f"{T0 + number}000000000", "traceId": trace_id, "spanId": span_id, "eventName": name,
        "attributes": [{"key": "gen_ai.system", "value": {"stringValue": "openai"}}],
        "body": {"kvlistValue": {"values": [text]}},
    }  # fmt: skip
    return _line({"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": [record]}]}]})


def _otel_console(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = _ids(number)
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.result": _text(rng, size),
    }
    span = {
        "name": "search", "context": {"trace_id": f"0x{trace_id}", "span_id": f"0x{span_id}", "trace_state": "[]"}, "kind": "SpanKind.INTERNAL",
        "parent_id": parent and f"0x{parent}", "start_time": _iso(number), "end_time": _iso(number + 1), "status": {"status_code": "OK"},
        "attributes": attributes, "events": [], "links": [], "resource": {"attributes": {"service.name": "team"}, "schema_url": ""},
    }  # fmt: skip
    return json.dumps(span, indent=4) + "\n"


def _jaeger(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = _ids(number)
    tags = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.result": _text(rng, size),
    }
    span = {
        "traceID": trace_id, "spanID": span_id, "operationName": "search", "startTime": (T0 + number) * 10**6, "duration": 900_000,
        "references": [{"refType": "CHILD_OF", "traceID": trace_id, "spanID": parent}] if parent else [],
        "tags": [{"key": key, "type": "string", "value": value} for key, value in tags.items()], "logs": [], "process": {"serviceName": "team", "tags": []},
    }  # fmt: skip
    return _line(span)


def _langfuse(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = _ids(number)
    observation = {
        "id": span_id, "traceId": trace_id, "parentObservationId": parent, "type": "GENERATION" if number % 3 else "SPAN", "name": "step",
        "startTime": _iso(number), "endTime": _iso(number + 1), "model": "gpt-4o-mini", "input": [{"role": "user", "content": _text(rng, size)}],
        "output": {"role": "assistant", "content": _text(rng, 100)}, "usageDetails": {"input": size // 4, "output": 20}, "metadata": {"n": number}, "level": "DEFAULT",
    }  # fmt: skip
    return _line(observation)


def _langsmith(rng: random.Random, number: int, size: int) -> str:
    first = number // STEPS * STEPS
    order = f"20260414T142311{first:06}Z{_uuid(first)}"
    run = {
        "id": _uuid(number), "trace_id": _uuid(first), "parent_run_id": None if number == first else _uuid(first),
        "dotted_order": order if number == first else f"{order}.20260414T142311{number:06}Z{_uuid(number)}",
        "run_type": "llm" if number % 3 else "chain", "name": "step", "start_time": _iso(number), "end_time": _iso(number + 1), "error": None,
        "inputs": {"messages": [{"role": "user", "content": _text(rng, size)}]}, "outputs": {"choices": [{"message": {"role": "assistant", "content": _text(rng, 100)}}]},
        "extra": {"metadata": {"ls_model_name": "gpt-4o-mini", "ls_provider": "openai"}}, "tags": [],
    }  # fmt: skip
    return _line(run)


def _phoenix(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, parent = _ids(number)
    attributes = {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": size // 4, "llm.token_count.completion": 20,
        "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": _text(rng, size), "output.value": _text(rng, 100),
    }  # fmt: skip
    span = {
        "id": f"n{number}", "name": "step", "context": {"trace_id": trace_id, "span_id": span_id}, "span_kind": "LLM", "parent_id": parent,
        "start_time": _iso(number), "end_time": _iso(number + 1), "status_code": "OK", "status_message": "", "attributes": attributes, "events": [],
    }  # fmt: skip
    return _line(span)


def _mlflow(rng: random.Random, number: int, size: int) -> str:
    trace_id = f"{number + 1:032x}"
    attributes = {
        "mlflow.spanType": json.dumps("TOOL"),
        "mlflow.spanInputs": json.dumps({"q": _text(rng, 60)}),
        "mlflow.spanOutputs": json.dumps(_text(rng, size)),
    }
    span = {
        "trace_id": trace_id, "span_id": f"{number + 1:016x}", "parent_span_id": None, "name": "search", "start_time_unix_nano": (T0 + number) * 10**9,
        "end_time_unix_nano": (T0 + number + 1) * 10**9, "events": [], "status": {"code": "STATUS_CODE_OK", "message": ""}, "attributes": attributes,
    }  # fmt: skip
    info = {
        "trace_id": f"tr-{trace_id}",
        "trace_location": {"type": "MLFLOW_EXPERIMENT"},
        "state": "OK",
        "trace_metadata": {"mlflow.trace_schema.version": "3"},
        "tags": {},
    }
    return _line({"info": info, "data": {"spans": [span]}})


def _openai_agents(rng: random.Random, number: int, size: int) -> str:
    trace, step = number // STEPS, number % STEPS
    if step == 0:
        return _line(
            {
                "object": "trace",
                "id": f"trace_{trace:032x}",
                "workflow_name": "desk",
                "group_id": None,
                "metadata": None,
            }
        )
    data = {
        "type": "generation", "input": [{"role": "user", "content": _text(rng, size)}], "output": [{"role": "assistant", "content": _text(rng, 100)}],
        "model": "gpt-4o-mini", "usage": {"input_tokens": size // 4, "output_tokens": 20},
    } if step % 3 else {"type": "function", "name": "search", "input": "{}", "output": _text(rng, size)}  # fmt: skip
    parent = None if step == 1 else f"span_{trace * STEPS + 1:024x}"
    return _line({
        "object": "trace.span", "id": f"span_{number:024x}", "trace_id": f"trace_{trace:032x}", "parent_id": parent,
        "started_at": _iso(number), "ended_at": _iso(number + 1), "span_data": data, "error": None,
    })  # fmt: skip


def _sentry(rng: random.Random, number: int, size: int) -> str:
    trace_id, span_id, _ = _ids(number)
    child = {
        "span_id": f"{number + 2**40:016x}",
        "trace_id": trace_id,
        "parent_span_id": span_id,
        "op": "gen_ai.chat",
        "start_timestamp": T0 + number,
        "timestamp": T0 + number + 0.5,
        "data": {"gen_ai.request.messages": _text(rng, size)},
    }
    crumb = {"timestamp": T0 + number, "category": "agent", "message": _text(rng, 80), "level": "info"}
    event = {
        "event_id": f"{number + 1:032x}", "type": "transaction", "platform": "python", "transaction": "run", "start_timestamp": T0 + number, "timestamp": T0 + number + 1,
        "contexts": {"trace": {"trace_id": trace_id, "span_id": span_id, "op": "gen_ai.invoke_agent"}}, "spans": [child], "breadcrumbs": {"values": [crumb]},
    }  # fmt: skip
    return _line(event)


# --- sessions of coding agents ----------------------------------------------------------------------------------------


def _claude_code(rng: random.Random, number: int, size: int) -> str:
    """Return a model call with one tool use, or what the tool gave back, in turn; a session has 150 calls, as real ones do."""
    step = number // 2
    line: dict[str, Any] = {
        "parentUuid": None if number % 300 == 0 else f"u{number - 1}", "cwd": "/w", "sessionId": _uuid(number // 300), "version": "2.1.39",
        "uuid": f"u{number}", "timestamp": _iso(number),
    }  # fmt: skip
    if number % 2:
        content: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": f"toolu_{step:020}", "content": _text(rng, size), "is_error": False}
        ]
        return _line(line | {"type": "user", "message": {"role": "user", "content": content}})
    usage = {
        "input_tokens": 10,
        "output_tokens": 50,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 100,
    }
    content = [{"type": "tool_use", "id": f"toolu_{step:020}", "name": "Bash", "input": {"command": _text(rng, 80)}}]
    message = {"id": f"msg_{step:020}", "role": "assistant", "model": MODEL, "content": content, "usage": usage}
    return _line(line | {"type": "assistant", "requestId": f"req_{step:020}", "message": message})


def _codex(rng: random.Random, number: int, size: int) -> str:
    """Return a call of a tool, its output and the count of tokens in turn; the window is compacted every 50 calls."""
    if number == 0:
        return _line(
            {
                "timestamp": _iso(0),
                "type": "session_meta",
                "payload": {
                    "id": _uuid(0),
                    "timestamp": _iso(0),
                    "cwd": "/w",
                    "cli_version": "0.104.0",
                    "model_provider": "openai",
                    "instructions": _text(rng, size),
                },
            }
        )
    step, kind = divmod(number, 3)
    if kind == 0 and step % 50 == 0:
        return _line({"timestamp": _iso(number), "type": "compacted", "payload": {"message": _text(rng, size)}})
    if kind == 0:
        total = {
            "input_tokens": 1000 * step,
            "cached_input_tokens": 0,
            "output_tokens": 20 * step,
            "reasoning_output_tokens": 0,
            "total_tokens": 1020 * step,
        }
        return _line(
            {
                "timestamp": _iso(number),
                "type": "event_msg",
                "payload": {"type": "token_count", "info": {"total_token_usage": total}},
            }
        )
    item: dict[str, Any] = {
        "type": "function_call",
        "name": "shell",
        "call_id": f"call_{step}",
        "arguments": json.dumps({"command": _text(rng, 80)}),
    }
    if kind == 2:
        item = {"type": "function_call_output", "call_id": f"call_{step}", "output": _text(rng, size)}
    return _line({"timestamp": _iso(number), "type": "response_item", "payload": item})


def _pi(rng: random.Random, number: int, size: int) -> str:
    """Return an entry of a session; the window is compacted every 50 calls."""
    if number == 0:
        return _line({"type": "session", "version": 3, "id": _uuid(0), "timestamp": _iso(0), "cwd": "/w"})
    entry: dict[str, Any] = {
        "id": f"{number:08x}",
        "parentId": f"{number - 1:08x}" if number > 1 else None,
        "timestamp": _iso(number),
    }
    step, millis = number // 2, (T0 + number) * 1000
    if number % 100 == 1:
        return _line(
            entry
            | {"type": "compaction", "summary": _text(rng, size), "firstKeptEntryId": entry["id"], "tokensBefore": 9}
        )
    message: dict[str, Any] = {
        "role": "toolResult",
        "toolCallId": f"call_{step}",
        "toolName": "bash",
        "content": [{"type": "text", "text": _text(rng, size)}],
        "isError": False,
        "timestamp": millis,
    }
    if number % 2 == 0:
        call = {"type": "toolCall", "id": f"call_{step}", "name": "bash", "arguments": {"command": _text(rng, 80)}}
        usage = {"input": 10, "output": 50, "cacheRead": 1000, "cacheWrite": 0, "cost": {"total": 0.01}}
        message = {
            "role": "assistant",
            "content": [call],
            "provider": "anthropic",
            "model": MODEL,
            "usage": usage,
            "stopReason": "toolUse",
            "timestamp": millis,
        }
    return _line(entry | {"type": "message", "message": message})


def _gemini_cli(rng: random.Random, number: int, size: int) -> str:
    if number == 0:
        return _line({"sessionId": _uuid(0), "projectHash": "9a" * 32, "startTime": _iso(0), "lastUpdated": _iso(0)})
    if number % 40 == 1:
        return _line({"id": _uuid(number), "timestamp": _iso(number), "type": "user", "content": _text(rng, size)})
    call = {
        "id": f"call-{number}",
        "name": "run_shell_command",
        "args": {"command": _text(rng, 80)},
        "status": "success",
        "timestamp": _iso(number),
        "result": [{"functionResponse": {"id": f"call-{number}", "response": {"output": _text(rng, size)}}}],
    }
    tokens = {"input": size // 4, "output": 20, "cached": 0, "thoughts": 5, "tool": 0, "total": size // 4 + 25}
    return _line(
        {
            "id": _uuid(number),
            "timestamp": _iso(number),
            "type": "gemini",
            "content": _text(rng, 100),
            "tokens": tokens,
            "model": "gemini-2.5-pro",
            "toolCalls": [call],
        }
    )


def _openhands(rng: random.Random, number: int, size: int) -> str:
    event: dict[str, Any] = {"id": _uuid(number), "timestamp": _iso(number)[:-1]}
    step = number // 2
    if number % 2 == 0:
        call = {"id": f"call_{step}", "name": "terminal", "arguments": json.dumps({"command": _text(rng, 80)})}
        return _line(event | {
            "source": "agent", "thought": [{"type": "text", "text": _text(rng, 100)}], "action": {"command": "ls", "kind": "TerminalAction"}, "tool_name": "terminal",
            "tool_call_id": f"call_{step}", "tool_call": call, "llm_response_id": f"chatcmpl-{step}", "kind": "ActionEvent",
        })  # fmt: skip
    observation = {
        "content": [{"type": "text", "text": _text(rng, size)}],
        "is_error": False,
        "exit_code": 0,
        "kind": "TerminalObservation",
    }
    return _line(
        event
        | {
            "source": "environment",
            "tool_name": "terminal",
            "tool_call_id": f"call_{step}",
            "observation": observation,
            "action_id": _uuid(number - 1),
            "kind": "ObservationEvent",
        }
    )


def _openhands_runs(rng: random.Random, number: int, size: int) -> str:
    history = [
        {"id": 0, "timestamp": _iso(number)[:-1], "source": "user", "message": _text(rng, 200), "action": "message", "args": {"content": _text(rng, 200)}},
        {"id": 1, "timestamp": _iso(number + 1)[:-1], "source": "agent", "message": "Running", "action": "run", "args": {"command": _text(rng, 80), "thought": ""}},
        {"id": 2, "timestamp": _iso(number + 2)[:-1], "source": "agent", "message": "Ran", "cause": 1, "observation": "run", "content": _text(rng, size), "extras": {"command": "ls"}},
    ]  # fmt: skip
    return _line(
        {
            "instance_id": f"task-{number}",
            "instruction": _text(rng, 100),
            "metadata": {"agent_class": "CodeActAgent"},
            "history": history,
        }
    )


def _aider(rng: random.Random, number: int, size: int) -> str:
    """Return a prompt and its answer, with the header of a session before every hundredth."""
    header = (
        time.strftime("\n# aider chat started at %Y-%m-%d %H:%M:%S\n\n", time.gmtime(T0 + number))
        if number % 100 == 0
        else ""
    )
    answer = (
        "\n".join(_text(rng, size)[start : start + 90] for start in range(0, min(size, 10**6), 90))
        if size < 10**6
        else _text(rng, size)
    )
    return f"{header}#### {_text(rng, 60)}  \n\n{answer}\n\n> Tokens: {size // 4:,} sent, 20 received. Cost: $0.01 message, $0.10 session.  \n\n"


# --- frameworks, chats and messages -----------------------------------------------------------------------------------


def _json_lines(rng: random.Random, number: int, size: int) -> str:
    return _line({
        "timestamp": T0 + number, "agent_id": f"agent {number % 9}", "session_id": f"s{number // 1000}", "action": "draft", "id": f"r{number}",
        "input": _text(rng, size), "output": {"text": _text(rng, 100), "confidence": 0.9}, "duration_ms": 1500, "status": "success",
        "tokens": {"prompt": size // 4, "completion": 20, "model": "gpt-4o-mini", "cost_usd": 0.001},
    })  # fmt: skip


def _google_adk(rng: random.Random, number: int, size: int) -> str:
    step = number // 2
    event: dict[str, Any] = {"id": f"e{number}", "invocationId": f"i{number // 20}", "timestamp": T0 + number}
    part: dict[str, Any] = {
        "functionResponse": {"id": f"c{step}", "name": "search", "response": {"result": _text(rng, size)}}
    }
    if number % 20 == 0:
        return _line(event | {"author": "user", "content": {"role": "user", "parts": [{"text": _text(rng, size)}]}})
    if number % 2 == 0:
        part = {"functionCall": {"id": f"c{step}", "name": "search", "args": {"q": _text(rng, 60)}}}
    return _line(
        event
        | {
            "author": f"agent_{number % 3}",
            "content": {"role": "model", "parts": [part]},
            "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20},
        }
    )


def _chat_list(rng: random.Random, number: int, size: int) -> str:
    call = {"id": f"call_{number}", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "You are a clerk."}, {"role": "user", "content": _text(rng, size)},
        {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": call["id"], "content": _text(rng, size)},
        {"role": "assistant", "content": _text(rng, 200)},
    ]  # fmt: skip
    return _line({"messages": messages})


def _chat_lines(rng: random.Random, number: int, size: int) -> str:
    return _line({"role": "assistant" if number % 2 else "user", "content": _text(rng, size)})


def _a2a(rng: random.Random, number: int, size: int) -> str:
    task, kind = divmod(number, 3)
    names = {"taskId": f"task-{task}", "contextId": f"context-{task // 50}"}
    if kind < 2:
        return _line(
            {
                "messageId": f"m{number}",
                "role": ("ROLE_USER", "ROLE_AGENT")[kind],
                "parts": [{"text": _text(rng, size)}],
                **names,
            }
        )
    return _line(
        {
            "statusUpdate": {
                **names,
                "status": {"state": "TASK_STATE_COMPLETED", "timestamp": _iso(number)},
                "final": True,
            }
        }
    )


def _langgraph(rng: random.Random, number: int, size: int) -> str:
    """Return a snapshot; a thread has ten, the newest first, and each repeats what was said so far."""
    thread, step = number // 10, 9 - number % 10
    messages = [
        {
            "type": "ai" if i % 2 else "human",
            "id": f"m{thread}-{i}",
            "content": _text(random.Random(10 * thread + i), size),
        }
        for i in range(step + 1)
    ]
    config = {"configurable": {"thread_id": f"t{thread}", "checkpoint_ns": "", "checkpoint_id": f"c{thread}-{step:02}"}}
    parent = (
        {"configurable": {"thread_id": f"t{thread}", "checkpoint_ns": "", "checkpoint_id": f"c{thread}-{step - 1:02}"}}
        if step
        else None
    )
    return _line(
        {
            "values": {"messages": messages},
            "next": ["agent"],
            "config": config,
            "metadata": {"source": "loop", "step": step},
            "created_at": _iso(10 * thread + step),
            "parent_config": parent,
            "tasks": [],
        }
    )


def _atif(rng: random.Random, number: int, size: int) -> str:
    call = {"tool_call_id": f"call_{number}", "function_name": "bash", "arguments": {"command": _text(rng, 60)}}
    steps = [
        {"step_id": 1, "timestamp": _iso(number), "source": "user", "message": _text(rng, 200)},
        {"step_id": 2, "timestamp": _iso(number + 1), "source": "agent", "message": _text(rng, 200), "model_name": MODEL, "tool_calls": [call],
         "observation": {"results": [{"source_call_id": call["tool_call_id"], "content": _text(rng, size)}]}, "metrics": {"prompt_tokens": 100, "completion_tokens": 20}},
    ]  # fmt: skip
    return _line(
        {
            "schema_version": "ATIF-v1.6",
            "session_id": _uuid(number),
            "agent": {"name": "terminus", "version": "2", "model_name": MODEL},
            "steps": steps,
        }
    )


def _ag2(rng: random.Random, number: int, size: int) -> str:
    stamp = _iso(number).replace("T", " ")[:-1]
    if number == 0:
        return f"Started new session with Session ID: {_uuid(0)}\n"
    if number % 2:
        state = json.dumps({"message": _text(rng, size), "sender": "planner", "valid": True})
        return _line(
            {
                "source_id": 1,
                "source_name": "coder",
                "event_name": "received_message",
                "agent_module": "autogen",
                "agent_class": "ConversableAgent",
                "json_state": state,
                "timestamp": stamp,
                "thread_id": 1,
            }
        )
    request = {"messages": [{"role": "user", "content": _text(rng, size)}], "model": "gpt-4o-mini"}
    response = {
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": _text(rng, 100)}}],
        "model": "gpt-4o-mini",
        "usage": {"prompt_tokens": size // 4, "completion_tokens": 20},
    }
    return _line(
        {
            "invocation_id": _uuid(number),
            "client_id": 1,
            "wrapper_id": 1,
            "request": request,
            "response": response,
            "is_cached": 0,
            "cost": 0.01,
            "start_time": stamp,
            "end_time": stamp,
            "source_name": "coder",
        }
    )


def _pax(rng: random.Random, number: int, size: int) -> str:
    return f"FROM: agent {number % 9}\nTO: lead\nTIME: {_iso(number)}\nSTATUS: COMPLETE\nDELIVERABLES: {_text(rng, size)}\nBLOCKERS: none\nNEXT: {_text(rng, 40)}\n\n---\n\n"


def _pax_json(rng: random.Random, number: int, size: int) -> str:
    return _line(
        {
            "from": f"agent {number % 9}",
            "to": "lead",
            "time": _iso(number),
            "status": "COMPLETE",
            "deliverables": [_text(rng, size)],
            "blockers": [],
            "next": _text(rng, 40),
        }
    )


def _heartbeat(rng: random.Random, number: int, size: int) -> str:
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(T0 + number))
    states = "".join(
        f"Agent{agent}: {rng.choice(('IN_PROGRESS', 'COMPLETE', 'BLOCKED'))} ({_text(rng, size)})\n"
        for agent in range(9)
    )
    return f"Wave {number} | {stamp}\nAgents:\n{states}Next: {_text(rng, 60)}\n\n"


def _status_json(rng: random.Random, number: int, size: int) -> str:
    return _line(
        {
            "pid": number,
            "role": f"agent {number % 9}",
            "status": "running",
            "started": _iso(0),
            "parent_heartbeat": _iso(number),
            "updated_at": _iso(number),
            "detail": _text(rng, size),
        }
    )


RECORDS: dict[str, Record] = {
    "a2a": _a2a, "ag2": _ag2, "aider": _aider, "atif": _atif, "chat_list": _chat_list, "chat_list (a message a line)": _chat_lines,
    "claude_code": _claude_code, "codex": _codex, "gemini_cli": _gemini_cli, "google_adk": _google_adk, "heartbeat": _heartbeat,
    "jaeger": _jaeger, "json_lines": _json_lines, "langfuse": _langfuse, "langgraph": _langgraph, "langsmith": _langsmith, "mlflow": _mlflow,
    "openai_agents": _openai_agents, "openhands": _openhands, "openhands (a run a line)": _openhands_runs, "otel_console": _otel_console,
    "otlp": _otlp, "otlp_logs": _otlp_logs, "pax": _pax, "pax (JSON)": _pax_json, "phoenix": _phoenix, "pi": _pi, "sentry": _sentry,
    "status_json": _status_json, "tempo": _tempo,
}  # fmt: skip
# Formats of which a file is one session: of two gigabytes it has some hundred thousand steps, not millions.
ONE_SESSION = frozenset({"chat_list (a message a line)", "codex", "gemini_cli", "google_adk", "openhands", "pi", "ag2"})
