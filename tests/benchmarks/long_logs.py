"""Well-formed logs of any length, record by record: one function a format, made up by a seed and copied from nowhere.

A function takes a source of chance, the number of the record and how many characters of text it shall hold, and returns its lines.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from long_span_logs import (
    MODEL,
    T0,
    any_agent,
    iso,
    jaeger,
    langfuse,
    langfuse_csv,
    langsmith,
    line,
    mlflow,
    openai_agents,
    otel_console,
    otlp,
    otlp_logs,
    phoenix,
    phoenix_csv,
    row,
    sentry,
    tempo,
    text,
    uuid,
)  # fmt: skip

SIZES = (200, 400, 800, 4_000)
Record = Callable[[random.Random, int, int], str]


def lines(name: str, size: int, seed: int = 1, record_size: int | None = None) -> Iterator[str]:
    """Yield records of a format until they hold `size` characters. Logs that are one session have larger steps, as real ones do.

    With `record_size`, the text of every record is of about so many characters.
    """
    rng, written, number = random.Random(seed), 0, 0
    scale = 16 if name in ONE_SESSION else 1
    while written < size:
        length = int(record_size * rng.uniform(0.9, 1.1)) if record_size else scale * rng.choice(SIZES)
        record = RECORDS[name](rng, number, length)
        yield record
        written += len(record)
        number += 1


def one_long(name: str, size: int) -> Iterator[str]:
    """Yield a small log of a format in which one record, after those that a log begins with, has a text of `size` characters."""
    rng = random.Random(1)
    for number in range(10):
        yield RECORDS[name](rng, number, size if number == LONG.get(name, 5) else 200)


# --- sessions of coding agents ----------------------------------------------------------------------------------------


def _claude_code(rng: random.Random, number: int, size: int) -> str:
    """Return a model call with one tool use, or what the tool gave back, in turn; a session has 150 calls, as real ones do."""
    step = number // 2
    entry: dict[str, Any] = {
        "parentUuid": None if number % 300 == 0 else f"u{number - 1}", "cwd": "/w", "sessionId": uuid(number // 300), "version": "2.1.39",
        "uuid": f"u{number}", "timestamp": iso(number),
    }  # fmt: skip
    if number % 2:
        content: list[dict[str, Any]] = [
            {"type": "tool_result", "tool_use_id": f"toolu_{step:020}", "content": text(rng, size), "is_error": False}
        ]
        return line(entry | {"type": "user", "message": {"role": "user", "content": content}})
    usage = {
        "input_tokens": 10,
        "output_tokens": 50,
        "cache_read_input_tokens": 1000,
        "cache_creation_input_tokens": 100,
    }
    content = [{"type": "tool_use", "id": f"toolu_{step:020}", "name": "Bash", "input": {"command": text(rng, 80)}}]
    message = {"id": f"msg_{step:020}", "role": "assistant", "model": MODEL, "content": content, "usage": usage}
    return line(entry | {"type": "assistant", "requestId": f"req_{step:020}", "message": message})


def _codex(rng: random.Random, number: int, size: int) -> str:
    """Return a call of a tool, its output and the count of tokens in turn; the window is compacted every 50 calls."""
    if number == 0:
        return line(
            {
                "timestamp": iso(0),
                "type": "session_meta",
                "payload": {
                    "id": uuid(0),
                    "timestamp": iso(0),
                    "cwd": "/w",
                    "cli_version": "0.104.0",
                    "model_provider": "openai",
                    "instructions": text(rng, size),
                },
            }
        )
    step, kind = divmod(number, 3)
    if kind == 0 and step % 50 == 0:
        return line({"timestamp": iso(number), "type": "compacted", "payload": {"message": text(rng, size)}})
    if kind == 0:
        total = {
            "input_tokens": 1000 * step,
            "cached_input_tokens": 0,
            "output_tokens": 20 * step,
            "reasoning_output_tokens": 0,
            "total_tokens": 1020 * step,
        }
        return line(
            {
                "timestamp": iso(number),
                "type": "event_msg",
                "payload": {"type": "token_count", "info": {"total_token_usage": total}},
            }
        )
    item: dict[str, Any] = {
        "type": "function_call",
        "name": "shell",
        "call_id": f"call_{step}",
        "arguments": json.dumps({"command": text(rng, 80)}),
    }
    if kind == 2:
        item = {"type": "function_call_output", "call_id": f"call_{step}", "output": text(rng, size)}
    return line({"timestamp": iso(number), "type": "response_item", "payload": item})


def _pi(rng: random.Random, number: int, size: int) -> str:
    """Return an entry of a session; the window is compacted every 50 calls."""
    if number == 0:
        return line({"type": "session", "version": 3, "id": uuid(0), "timestamp": iso(0), "cwd": "/w"})
    entry: dict[str, Any] = {
        "id": f"{number:08x}",
        "parentId": f"{number - 1:08x}" if number > 1 else None,
        "timestamp": iso(number),
    }
    step, millis = number // 2, (T0 + number) * 1000
    if number % 100 == 1:
        return line(
            entry
            | {"type": "compaction", "summary": text(rng, size), "firstKeptEntryId": entry["id"], "tokensBefore": 9}
        )
    message: dict[str, Any] = {
        "role": "toolResult",
        "toolCallId": f"call_{step}",
        "toolName": "bash",
        "content": [{"type": "text", "text": text(rng, size)}],
        "isError": False,
        "timestamp": millis,
    }
    if number % 2 == 0:
        call = {"type": "toolCall", "id": f"call_{step}", "name": "bash", "arguments": {"command": text(rng, 80)}}
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
    return line(entry | {"type": "message", "message": message})


def _gemini_cli(rng: random.Random, number: int, size: int) -> str:
    if number == 0:
        return line({"sessionId": uuid(0), "projectHash": "9a" * 32, "startTime": iso(0), "lastUpdated": iso(0)})
    if number % 40 == 1:
        return line({"id": uuid(number), "timestamp": iso(number), "type": "user", "content": text(rng, size)})
    call = {
        "id": f"call-{number}",
        "name": "run_shell_command",
        "args": {"command": text(rng, 80)},
        "status": "success",
        "timestamp": iso(number),
        "result": [{"functionResponse": {"id": f"call-{number}", "response": {"output": text(rng, size)}}}],
    }
    tokens = {"input": size // 4, "output": 20, "cached": 0, "thoughts": 5, "tool": 0, "total": size // 4 + 25}
    return line(
        {
            "id": uuid(number),
            "timestamp": iso(number),
            "type": "gemini",
            "content": text(rng, 100),
            "tokens": tokens,
            "model": "gemini-2.5-pro",
            "toolCalls": [call],
        }
    )


def _openhands(rng: random.Random, number: int, size: int) -> str:
    event: dict[str, Any] = {"id": uuid(number), "timestamp": iso(number)[:-1]}
    step = number // 2
    if number % 2 == 0:
        call = {"id": f"call_{step}", "name": "terminal", "arguments": json.dumps({"command": text(rng, 80)})}
        return line(event | {
            "source": "agent", "thought": [{"type": "text", "text": text(rng, 100)}], "action": {"command": "ls", "kind": "TerminalAction"}, "tool_name": "terminal",
            "tool_call_id": f"call_{step}", "tool_call": call, "llm_response_id": f"chatcmpl-{step}", "kind": "ActionEvent",
        })  # fmt: skip
    observation = {
        "content": [{"type": "text", "text": text(rng, size)}],
        "is_error": False,
        "exit_code": 0,
        "kind": "TerminalObservation",
    }
    return line(
        event
        | {
            "source": "environment",
            "tool_name": "terminal",
            "tool_call_id": f"call_{step}",
            "observation": observation,
            "action_id": uuid(number - 1),
            "kind": "ObservationEvent",
        }
    )


def _openhands_runs(rng: random.Random, number: int, size: int) -> str:
    history = [
        {"id": 0, "timestamp": iso(number)[:-1], "source": "user", "message": text(rng, 200), "action": "message", "args": {"content": text(rng, 200)}},
        {"id": 1, "timestamp": iso(number + 1)[:-1], "source": "agent", "message": "Running", "action": "run", "args": {"command": text(rng, 80), "thought": ""}},
        {"id": 2, "timestamp": iso(number + 2)[:-1], "source": "agent", "message": "Ran", "cause": 1, "observation": "run", "content": text(rng, size), "extras": {"command": "ls"}},
    ]  # fmt: skip
    return line(
        {
            "instance_id": f"task-{number}",
            "instruction": text(rng, 100),
            "metadata": {"agent_class": "CodeActAgent"},
            "history": history,
        }
    )


def _managed_agents(rng: random.Random, number: int, size: int) -> str:
    """Return the beginning of a model request, the tool use it asks for, its end, and what the tool gave back in turn."""
    event: dict[str, Any] = {"id": f"sevt_{number}", "processed_at": iso(number)}
    step, kind = divmod(number, 4)
    if kind == 0:
        return line(event | {"type": "span.model_request_start"})
    if kind == 1:
        return line(event | {"type": "agent.tool_use", "name": "bash", "input": {"command": text(rng, 80)}})
    if kind == 2:
        usage = {
            "input_tokens": 10,
            "output_tokens": 50,
            "cache_read_input_tokens": 1000,
            "cache_creation_input_tokens": 100,
        }
        end = {
            "type": "span.model_request_end",
            "model_request_start_id": f"sevt_{4 * step}",
            "model_usage": usage,
            "is_error": False,
        }
        return line(event | end)
    said = [{"type": "text", "text": text(rng, size)}]
    return line(
        event | {"type": "agent.tool_result", "tool_use_id": f"sevt_{4 * step + 1}", "content": said, "is_error": False}
    )


def _aider(rng: random.Random, number: int, size: int) -> str:
    """Return a prompt and its answer, with the header of a session before every hundredth."""
    header = (
        time.strftime("\n# aider chat started at %Y-%m-%d %H:%M:%S\n\n", time.gmtime(T0 + number))
        if number % 100 == 0
        else ""
    )
    answer = (
        "\n".join(text(rng, size)[start : start + 90] for start in range(0, min(size, 10**6), 90))
        if size < 10**6
        else text(rng, size)
    )
    return f"{header}#### {text(rng, 60)}  \n\n{answer}\n\n> Tokens: {size // 4:,} sent, 20 received. Cost: $0.01 message, $0.10 session.  \n\n"


# --- frameworks, chats and messages -----------------------------------------------------------------------------------


def _json_lines(rng: random.Random, number: int, size: int) -> str:
    return line({
        "timestamp": T0 + number, "agent_id": f"agent {number % 9}", "session_id": f"s{number // 1000}", "action": "draft", "id": f"r{number}",
        "input": text(rng, size), "output": {"text": text(rng, 100), "confidence": 0.9}, "duration_ms": 1500, "status": "success",
        "tokens": {"prompt": size // 4, "completion": 20, "model": "gpt-4o-mini", "cost_usd": 0.001},
    })  # fmt: skip


def _google_adk(rng: random.Random, number: int, size: int) -> str:
    step = number // 2
    event: dict[str, Any] = {"id": f"e{number}", "invocationId": f"i{number // 20}", "timestamp": T0 + number}
    part: dict[str, Any] = {
        "functionResponse": {"id": f"c{step}", "name": "search", "response": {"result": text(rng, size)}}
    }
    if number % 20 == 0:
        return line(event | {"author": "user", "content": {"role": "user", "parts": [{"text": text(rng, size)}]}})
    if number % 2 == 0:
        part = {"functionCall": {"id": f"c{step}", "name": "search", "args": {"q": text(rng, 60)}}}
    return line(
        event
        | {
            "author": f"agent_{number % 3}",
            "content": {"role": "model", "parts": [part]},
            "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20},
        }
    )


def _messages(rng: random.Random, number: int, size: int) -> str:
    return line({
        "message_id": f"m{number}", "from": f"agent {number % 9}", "to": "lead", "depth": 1, "payload": text(rng, size), "timestamp": iso(number),
    })  # fmt: skip


def _chat_list(rng: random.Random, number: int, size: int) -> str:
    call = {"id": f"call_{number}", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "You are a clerk."}, {"role": "user", "content": text(rng, size)},
        {"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "tool", "tool_call_id": call["id"], "content": text(rng, size)},
        {"role": "assistant", "content": text(rng, 200)},
    ]  # fmt: skip
    return line({"messages": messages})


def _tau_bench(rng: random.Random, number: int, size: int) -> str:
    call = {"id": f"call_{number}", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    traj = [
        {"role": "user", "content": text(rng, size)}, {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "name": "search", "content": text(rng, size)},
    ]  # fmt: skip
    return line(
        {"task_id": number, "reward": 1.0, "info": {"task": {"instruction": text(rng, 100)}}, "traj": traj, "trial": 0}
    )


def _chat_lines(rng: random.Random, number: int, size: int) -> str:
    return line({"role": "assistant" if number % 2 else "user", "content": text(rng, size)})


def _a2a(rng: random.Random, number: int, size: int) -> str:
    task, kind = divmod(number, 3)
    names = {"taskId": f"task-{task}", "contextId": f"context-{task // 50}"}
    if kind < 2:
        return line(
            {
                "messageId": f"m{number}",
                "role": ("ROLE_USER", "ROLE_AGENT")[kind],
                "parts": [{"text": text(rng, size)}],
                **names,
            }
        )
    return line(
        {
            "statusUpdate": {
                **names,
                "status": {"state": "TASK_STATE_COMPLETED", "timestamp": iso(number)},
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
            "content": text(random.Random(10 * thread + i), size),
        }
        for i in range(step + 1)
    ]
    config = {"configurable": {"thread_id": f"t{thread}", "checkpoint_ns": "", "checkpoint_id": f"c{thread}-{step:02}"}}
    parent = (
        {"configurable": {"thread_id": f"t{thread}", "checkpoint_ns": "", "checkpoint_id": f"c{thread}-{step - 1:02}"}}
        if step
        else None
    )
    return line(
        {
            "values": {"messages": messages},
            "next": ["agent"],
            "config": config,
            "metadata": {"source": "loop", "step": step},
            "created_at": iso(10 * thread + step),
            "parent_config": parent,
            "tasks": [],
        }
    )


def _atif(rng: random.Random, number: int, size: int) -> str:
    call = {"tool_call_id": f"call_{number}", "function_name": "bash", "arguments": {"command": text(rng, 60)}}
    steps = [
        {"step_id": 1, "timestamp": iso(number), "source": "user", "message": text(rng, 200)},
        {"step_id": 2, "timestamp": iso(number + 1), "source": "agent", "message": text(rng, 200), "model_name": MODEL, "tool_calls": [call],
         "observation": {"results": [{"source_call_id": call["tool_call_id"], "content": text(rng, size)}]}, "metrics": {"prompt_tokens": 100, "completion_tokens": 20}},
    ]  # fmt: skip
    return line(
        {
            "schema_version": "ATIF-v1.6",
            "session_id": uuid(number),
            "agent": {"name": "terminus", "version": "2", "model_name": MODEL},
            "steps": steps,
        }
    )


def _ag2(rng: random.Random, number: int, size: int) -> str:
    stamp = iso(number).replace("T", " ")[:-1]
    if number == 0:
        return f"Started new session with Session ID: {uuid(0)}\n"
    if number % 2:
        state = json.dumps({"message": text(rng, size), "sender": "planner", "valid": True})
        return line(
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
    request = {"messages": [{"role": "user", "content": text(rng, size)}], "model": "gpt-4o-mini"}
    response = {
        "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": text(rng, 100)}}],
        "model": "gpt-4o-mini",
        "usage": {"prompt_tokens": size // 4, "completion_tokens": 20},
    }
    return line(
        {
            "invocation_id": uuid(number),
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
    return f"FROM: agent {number % 9}\nTO: lead\nTIME: {iso(number)}\nSTATUS: COMPLETE\nDELIVERABLES: {text(rng, size)}\nBLOCKERS: none\nNEXT: {text(rng, 40)}\n\n---\n\n"


def _pax_json(rng: random.Random, number: int, size: int) -> str:
    return line(
        {
            "from": f"agent {number % 9}",
            "to": "lead",
            "time": iso(number),
            "status": "COMPLETE",
            "deliverables": [text(rng, size)],
            "blockers": [],
            "next": text(rng, 40),
        }
    )


def _pax_csv(rng: random.Random, number: int, size: int) -> str:
    names = ["from", "to", "time", "status", "deliverables", "blockers", "next"]
    return row(
        names, [f"agent {number % 9}", "lead", iso(number), "COMPLETE", text(rng, size), "", text(rng, 40)], number
    )


def _heartbeat(rng: random.Random, number: int, size: int) -> str:
    """Return the beat of nine agents, of which one tells at length."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(T0 + number))
    states = "".join(
        f"Agent{agent}: {rng.choice(('IN_PROGRESS', 'COMPLETE', 'BLOCKED'))} ({text(rng, 200 if agent else size)})\n"
        for agent in range(9)
    )
    return f"Wave {number} | {stamp}\nAgents:\n{states}Next: {text(rng, 60)}\n\n"


def _status_json(rng: random.Random, number: int, size: int) -> str:
    return line(
        {
            "pid": number,
            "role": f"agent {number % 9}",
            "status": "running",
            "started": iso(0),
            "parent_heartbeat": iso(number),
            "updated_at": iso(number),
            "detail": text(rng, size),
        }
    )


RECORDS: dict[str, Record] = {
    "a2a": _a2a, "ag2": _ag2, "aider": _aider, "any_agent": any_agent, "atif": _atif, "chat_list": _chat_list, "chat_list (a message a line)": _chat_lines, "chat_list (tau-bench)": _tau_bench,
    "claude_code": _claude_code, "codex": _codex, "gemini_cli": _gemini_cli, "google_adk": _google_adk, "heartbeat": _heartbeat,
    "jaeger": jaeger, "json_lines": _json_lines, "json_lines (messages)": _messages, "langfuse": langfuse, "langfuse (CSV)": langfuse_csv, "langgraph": _langgraph, "langsmith": langsmith, "managed_agents": _managed_agents, "mlflow": mlflow,
    "openai_agents": openai_agents, "openhands": _openhands, "openhands (a run a line)": _openhands_runs, "otel_console": otel_console,
    "otlp": otlp, "otlp_logs": otlp_logs, "pax": _pax, "pax (JSON)": _pax_json, "pax (CSV)": _pax_csv, "phoenix": phoenix, "phoenix (CSV)": phoenix_csv, "pi": _pi, "sentry": sentry,
    "status_json": _status_json, "tempo": tempo,
}  # fmt: skip
# Formats of which a file is one session: of two gigabytes it has some hundred thousand steps, not millions.
LONG = {"a2a": 4, "langgraph": 9, "managed_agents": 7}
ONE_SESSION = frozenset(
    {"chat_list (a message a line)", "codex", "gemini_cli", "google_adk", "managed_agents", "openhands", "pi", "ag2"}
)
