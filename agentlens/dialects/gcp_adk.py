"""Google ADK's own attributes: requests and responses of models and tools as JSON text under `gcp.vertex.agent`.

Source: https://github.com/google/adk-python, `src/google/adk/telemetry/tracing.py`.
"""

from __future__ import annotations

from agentlens._evidence import Row
from agentlens.dialects.payloads import parse_text, read_input, read_output, read_system

NAME = "gcp_adk"
PREFIX = "gcp.vertex.agent."


def applies(attributes: Row) -> bool:
    """Whether any attribute is ADK's."""
    return any(key.startswith(PREFIX) for key in attributes)


def read_columns(attributes: Row, name: str) -> Row:
    """Return the columns that the attributes fill, taking those attributes out of `attributes`.

    The tokens of a `call_llm` span repeat those of the model's own span, where there is one below.
    """
    columns: Row = {}
    if f"{PREFIX}session_id" in attributes:
        columns["conversation_id"] = attributes.pop(f"{PREFIX}session_id")
    for key, column in {"tool_call_args": "tool_call_arguments", "tool_response": "tool_call_result"}.items():
        if f"{PREFIX}{key}" in attributes:
            columns[column] = attributes.pop(f"{PREFIX}{key}")
    request, response = (parse_text(attributes.get(f"{PREFIX}llm_{key}")) for key in ("request", "response"))
    if isinstance(request, dict) and request:
        columns["operation_name"] = "chat" if name == "call_llm" else None
        columns["messages.input"] = read_input({"contents": request.get("contents")})
        columns["messages.system"] = read_system(request)
    if isinstance(response, dict) and response:
        columns["messages.output"] = read_output(response)
    if not columns.get("operation_name") and name == "execute_tool":
        columns["operation_name"] = "execute_tool"
    return {column: value for column, value in columns.items() if value is not None}
