"""Reads the items of Codex rollouts: messages, tool calls and their results, token counts."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agentlens.dialects.messages import call_part, reasoning_part, result_part
from agentlens.loaders._claude_code_fields import count_of, dict_of, text_of
from agentlens.loaders._transcript import as_text, error_columns

Item = dict[str, Any]

CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "tool_search_call", "mcp_tool_call"})
# Calls that the model's provider carries out itself: the log has one item for call and result.
HOSTED_CALLS = frozenset({"web_search_call", "image_generation_call", "file_search_call", "code_interpreter_call"})
RESULTS = frozenset(
    {
        "function_call_output",
        "custom_tool_call_output",
        "local_shell_call_output",
        "tool_search_output",
        "mcp_tool_call_output",
    }
)
COUNTS = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens", "total_tokens")
HEADER_CHARS = 400
_EXIT_CODE = re.compile(r"^(?:Exit code:|Process exited with code|exit code:?) *(-?\d{1,10})\s*$", re.MULTILINE)
_FRAME = re.compile(
    r"\A(?:(?:Exit code|Wall time|Chunk ID|Process exited with code|Original token count|Total output lines)\b[^\n]*(?:\n|\Z))+"
    r"(?:\s*Output:\s*)?"
)

Counts = tuple[int, int, int, int, int]


def spoken(item: Item) -> Item | None:
    """Return what the model said in an item, as a message; None where an item holds no text (encrypted reasoning)."""
    kind = text_of(item.get("type"))
    if kind == "reasoning":
        text = "\n".join(_texts(item.get("summary")) + _texts(item.get("content")))
        return {"role": "assistant", "parts": [reasoning_part(text)]} if text else None
    if kind in CALLS or kind in HOSTED_CALLS:
        return {"role": "assistant", "parts": [call_part(call_id_of(item), tool_name_of(item), arguments_of(item))]}
    return {"role": "assistant", "content": item.get("content")}


def result_message(item: Item) -> Item:
    """Return a tool result as a message."""
    return {"role": "tool", "parts": [result_part(call_id_of(item), _output_text(item))]}


def call_id_of(item: Item) -> str | None:
    """Return the id that joins a call and its result."""
    return text_of(item.get("call_id")) or text_of(item.get("id"))


def tool_name_of(item: Item) -> str:
    """Return the name of the tool that is called."""
    return text_of(item.get("name")) or str(item.get("type")).removesuffix("_call")


def arguments_of(item: Item) -> Any:
    """Return the arguments of a call, wherever its kind keeps them."""
    return next((item[key] for key in ("arguments", "input", "action", "query") if item.get(key) is not None), None)


def _output_text(item: Item) -> Any:
    output = item.get("output", item.get("result", item.get("tools")))
    if isinstance(output, dict) and isinstance(output.get("content"), str):
        return output["content"]
    texts = _texts(output)
    return "\n".join(texts) if texts and isinstance(output, list) and len(texts) == len(output) else output


def result_columns(item: Item) -> Item:
    """Return result and status of a tool call. Codex has no error flag: exit codes at the head of the output decide."""
    text = as_text(_output_text(item))
    columns: Item = {"tool_call_result": text}
    code = _exit_code(item.get("output"), text or "")
    if dict_of(item.get("output")).get("success") is False:
        return columns | error_columns(text)
    if code is not None:
        columns |= (
            error_columns(_said(text) or f"Exit code {code}", f"exit code {code}") if code else {"status_code": "OK"}
        )
    return columns


def _said(text: str | None) -> str:
    """Return what a command itself printed, without the frame of exit code and duration that Codex puts around it."""
    inner = dict_of(parsed(text)).get("output")
    return inner if isinstance(inner, str) else _FRAME.sub("", text or "")


def _exit_code(output: Any, text: str) -> int | None:
    said = dict_of(output) or dict_of(parsed(text))
    code = dict_of(said.get("metadata")).get("exit_code", said.get("exit_code"))
    if isinstance(code, int) and not isinstance(code, bool):
        return code
    found = _EXIT_CODE.search(text[:HEADER_CHARS])
    return int(found[1]) if found else None


def spawned_thread(item: Item) -> str | None:
    """Return the thread that a tool result says was spawned."""
    said = dict_of(parsed(_output_text(item)))
    return next(
        (text for key in ("agent_id", "agent_thread_id", "thread_id") if (text := text_of(said.get(key)))), None
    )


def parsed(text: Any) -> Any:
    """Return the JSON value of a text, None when it is none."""
    if not isinstance(text, str) or text[:1] != "{":
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _texts(content: Any) -> list[str]:
    parts = content if isinstance(content, list) else []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]


# --- tokens -----------------------------------------------------------------------------------------------------------


def counts_of(usage: Any) -> Counts | None:
    """Return a token count as (input, cached, output, reasoning, total); None when it is none."""
    said = dict_of(usage)
    numbers = [count_of(said.get(key)) for key in COUNTS]
    if numbers[0] is None and numbers[2] is None:
        return None
    inside, cached, out, reasoning, total = (number or 0 for number in numbers)
    return inside, cached, out, reasoning, total if numbers[4] is not None else inside + out


def step_of(total: Counts, last: Counts | None, before: Counts | None, is_child: bool) -> Counts:
    """Return what one call used: the step of the running total.

    A total that shrank began anew, and one of a child may begin where its parent stood; then the call's own count
    holds.
    """
    if before is None:
        return last if last is not None and is_child else total
    step = tuple(now - then for now, then in zip(total, before))
    if min(step) < 0:
        return last if last is not None else total
    return step[0], step[1], step[2], step[3], step[4]


def usage_columns(step: Counts, usage_key: str) -> Item:
    """Return the token columns of a call; Codex counts cached tokens in the input and reasoning in the output."""
    return {
        "input_tokens": step[0],
        "cache_read_input_tokens": step[1],
        "output_tokens": step[2],
        "reasoning_output_tokens": step[3],
        "usage_key": usage_key,
    }


def total_of(totals: Counts | None) -> Item:
    """Return the last value of the running total as an attribute, under the names of the log."""
    return {} if totals is None else {"total_token_usage": dict(zip(COUNTS, totals))}
