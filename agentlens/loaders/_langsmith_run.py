"""One LangSmith run turned into rows."""

from __future__ import annotations

import ast
import re
from typing import Any

from agentlens._evidence import Evidence, Row
from agentlens._json_text import json_text
from agentlens._source import Place
from agentlens.dialects.payloads import parse_text, read_input, read_output, read_system
from agentlens.loaders._langgraph import MACHINERY, agent_of
from agentlens.loaders._otlp_span import add_span
from agentlens.loaders._sdk_span import as_dict, as_text
from agentlens.loaders._times import parse_time
from agentlens.loaders._usage import number, read_usage

OPERATIONS = {"llm": "chat", "tool": "execute_tool", "retriever": "retrieval", "embedding": "embeddings"}
STATUS = {"success": "OK", "error": "ERROR"}
MODEL_TYPES = frozenset({"llm", "embedding"})
TOTALS = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_token_details", "completion_token_details")
SPENT = frozenset({
    "id", "trace_id", "parent_run_id", "name", "start_time", "end_time", "inputs", "outputs", "error", "status",
    "events", "total_cost", "dotted_order", *TOTALS,
})  # fmt: skip
THREADS = ("session_id", "thread_id", "conversation_id")
_ERROR_TYPE = re.compile(r"\s*([A-Za-z_][\w.]*)\(")
_RAISED = re.compile(r"^([A-Za-z_][\w.]*)(?:: |$)", re.MULTILINE)


def add_run(into: Evidence, run: Row, text: bytes, place: Place) -> None:
    """Add one run, or reject it when it has no id. `session_id` is the project; metadata names the conversation."""
    ancestry = _ancestry(run.get("dotted_order"))
    span_id = run_id(run)
    trace_id = as_text(run.get("trace_id")) or (ancestry[0] if ancestry else span_id)
    if not span_id or not trace_id:
        into.reject(place, "no run: it has no id", text)
        return
    into.accept()
    kind = str(run.get("run_type") or "chain").lower()
    extra = as_dict(parse_text(run.get("extra")))
    metadata = as_dict(extra.get("metadata"))
    inputs, outputs = parse_text(run.get("inputs")), parse_text(run.get("outputs"))
    attributes: Row = {key: value for key, value in run.items() if key not in SPENT and value not in (None, "", [], {})}
    span: Row = {
        "trace_id": trace_id,
        "span_id": span_id,
        "parent_span_id": as_text(run.get("parent_run_id")) or (ancestry[-2] if len(ancestry) > 1 else None),
        "name": as_text(run.get("name")),
        "operation_name": OPERATIONS.get(kind),
        "start_time": parse_time(run.get("start_time")),
        "end_time": parse_time(run.get("end_time")),
        "status_code": STATUS.get(str(run.get("status")), "UNSET"),
        "agent_name": agent_of(metadata) or _agent_of_chain(as_text(run.get("name")), metadata),
        "agent_version": as_text(metadata.get("revision_id")),
        "conversation_id": next((found for key in THREADS if (found := as_text(metadata.get(key)))), None),
        "prompt_version": as_text(metadata.get("prompt_version")) or as_text(metadata.get("lc_hub_commit_hash")),
        **_read_usage(run, kind, outputs, metadata),
    }
    _read_error(span, attributes, run.get("error"))
    _read_content(span, attributes, kind, inputs, outputs)
    if kind in MODEL_TYPES:
        span["provider_name"] = as_text(metadata.get("ls_provider"))
        span["request_model"] = as_text(metadata.get("ls_model_name")) or as_text(as_dict(inputs).get("model"))
        span["response_model"] = _response_model(outputs)
    add_span(into, place, span, attributes, _events(run.get("events")), [])


def _agent_of_chain(name: str | None, metadata: Row) -> str | None:
    """Return the name of a chain that is an agent's and has the name of its node, where no path of nodes is logged.

    What is below it is done by its agent, as everywhere below a run.
    """
    is_agent = "ls_agent_type" in metadata and "langgraph_checkpoint_ns" not in metadata
    return name if is_agent and name == metadata.get("langgraph_node") and name not in MACHINERY else None


def run_id(run: Row) -> str | None:
    """Return the id of a run, which some SDKs only give as the end of its `dotted_order`."""
    ancestry = _ancestry(run.get("dotted_order"))
    return as_text(run.get("id")) or (ancestry[-1] if ancestry else None)


def _ancestry(dotted_order: Any) -> list[str]:
    """Return the run ids from the root to this run: `20241011T205824544431Z<uuid>.20241011T…Z<uuid>`."""
    steps = dotted_order.split(".") if isinstance(dotted_order, str) else []
    ids = [step.partition("Z")[2] for step in steps]
    return ids if ids and all(ids) else []


# --- tokens and money -------------------------------------------------------------------------------------------------


def _read_usage(run: Row, kind: str, outputs: Any, metadata: Row) -> Row:
    """Return the token columns. Only a model's run is a call: on any other, the totals are those of what is below."""
    totals = read_usage({key: run.get(key) for key in TOTALS})
    if kind not in MODEL_TYPES:
        usage = totals if any(totals.values()) else {}
    else:
        given = (as_dict(outputs).get("usage_metadata"), _message_usage(outputs), metadata.get("usage_metadata"))
        answered = (as_dict(outputs).get("usage"), as_dict(as_dict(outputs).get("llm_output")).get("token_usage"))
        found = next((usage for value in (*given, *answered) if (usage := read_usage(value))), {})
        usage = found | totals if any(totals.values()) else found
    cost = number(run.get("total_cost"))
    return {**usage, "usage_scope": "self" if kind in MODEL_TYPES else "rollup", "reported_cost_usd": cost or None}


def _message_usage(outputs: Any) -> Any:
    """Return the usage on the message of LangChain's first generation."""
    message = _message(outputs)
    return as_dict(message.get("kwargs", message)).get("usage_metadata")


def _message(outputs: Any) -> Row:
    generations = as_dict(outputs).get("generations")
    while isinstance(generations, list) and generations:
        generations = generations[0]
    found = as_dict(generations).get("message") or as_dict(outputs).get("message")
    return as_dict(found)


def _response_model(outputs: Any) -> str | None:
    message = _message(outputs)
    metadata = as_dict(as_dict(message.get("kwargs", message)).get("response_metadata"))
    found = (
        as_text(as_dict(outputs).get("model")) or as_text(metadata.get("model_name")) or as_text(metadata.get("model"))
    )
    return found or as_text(as_dict(as_dict(outputs).get("llm_output")).get("model_name"))


# --- errors and content -----------------------------------------------------------------------------------------------


def _read_error(span: Row, attributes: Row, error: Any) -> None:
    """An error is the text of an exception, `ValueError('…')`, with its traceback behind."""
    if not error:
        return
    text = error if isinstance(error, str) else json_text(error)
    span["status_code"], span["status_message"] = "ERROR", text
    lines = _RAISED.findall(text)
    found = _ERROR_TYPE.match(text)
    if found or lines:
        attributes["error.type"] = found[1] if found else lines[-1]


def _read_content(span: Row, attributes: Row, kind: str, inputs: Any, outputs: Any) -> None:
    if kind == "llm":
        span["messages.input"], span["messages.output"] = read_input(inputs), read_output(outputs)
        span["messages.system"] = read_system(inputs)
        kept = {
            "inputs": inputs if not span["messages.input"] else None,
            "outputs": outputs if not span["messages.output"] else None,
        }
        for direction in ("input", "output", "system"):
            if not span[f"messages.{direction}"]:
                del span[f"messages.{direction}"]
    elif kind == "tool":
        span["tool_name"] = span["name"]
        span["tool_call_arguments"] = _arguments(_single(inputs, "input"))
        _read_answer(span, outputs)
        kept = {}
    else:
        kept = {"inputs": inputs, "outputs": outputs}
    attributes.update({key: value for key, value in kept.items() if value not in (None, "", [], {})})


def _single(value: Any, key: str) -> str | None:
    """Return what stands under the only key, else all of it, as text."""
    if isinstance(value, dict) and list(value) == [key]:
        value = value[key]
    if value is None or value == {}:
        return None
    return value if isinstance(value, str) else json_text(value)


def _arguments(text: str | None) -> str | None:
    """Return arguments as JSON where they are written as Python does: LangChain's callbacks give tools `str()` of their input."""
    if text is None or text[:1] != "{" or not isinstance(parse_text(text), str):
        return text
    try:
        read = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return json_text(read) if isinstance(read, dict) else text


def _read_answer(span: Row, outputs: Any) -> None:
    """What a tool answered is the content of the message that LangChain wraps it in; such a message may also say that the tool failed."""
    answer = as_dict(outputs)
    output = as_dict(answer.get("output"))
    message = as_dict(output.get("kwargs", output))
    if "content" not in message and "tool_call_id" in answer and "output" in answer:  # the id stands beside the answer
        message = {"tool_call_id": answer["tool_call_id"], "content": answer["output"], "status": answer.get("status")}
    span["tool_call_id"] = as_text(message.get("tool_call_id"))
    if span["tool_call_id"] is None or "content" not in message:
        span["tool_call_result"] = _single(outputs, "output")
        return
    span["tool_call_result"] = _single({"content": message["content"]}, "content")
    if message.get("status") == "error" and span["status_code"] != "ERROR":
        span["status_code"], span["status_message"] = "ERROR", span["tool_call_result"]


def _events(events: Any) -> list[Row]:
    """Return the run's events, those that only repeat its start, end and single tokens left out."""
    return [
        {
            "time": parse_time(event.get("time")),
            "name": as_text(event.get("name")),
            "attributes": as_dict(event.get("kwargs")),
        }
        for event in (events if isinstance(events, list) else [])
        if isinstance(event, dict) and event.get("name") not in ("start", "end", "new_token")
    ]
