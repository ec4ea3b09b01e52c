"""Writes one conversation with a model as spans: what each call was shown, what it said, which tools it called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from agentlens._evidence import Evidence
from agentlens._json_text import json_text
from agentlens._message_lists import Range
from agentlens._source import Place
from agentlens.dialects.messages import normalise_message

INCLUDES_CACHE = "includes cache"
EXCLUDES_CACHE = "excludes cache (added by the loader)"
STATUS_CHARS = 500


class Transcript:
    """One conversation: `system` and `context` are the hashes of the messages that the model is shown next.

    Whoever takes the context may change it: after that, the next call is compared whole with those before it. `show` and `length` do without.
    """

    def __init__(self, into: Evidence, trace_id: str, context: Iterable[str] = (), system: Iterable[str] = ()) -> None:
        self._into = into
        self.trace_id = trace_id
        self._context = list(context)
        self._ranges: Sequence[Range] = ()
        self.system = list(system)

    @property
    def context(self) -> list[str]:
        """The hashes of the messages that the model is shown next, which may be changed in place."""
        self._ranges = ()
        return self._context

    @context.setter
    def context(self, hashes: list[str]) -> None:
        """Show other messages from now on."""
        self._context, self._ranges = hashes, ()

    @property
    def length(self) -> int:
        """How many messages the context has."""
        return len(self._context)

    def show(self, *hashes: str) -> None:
        """Add messages that were stored to what the model is shown next."""
        self._context += hashes

    def store(self, place: Place, message: Any, name: str | None = None) -> str:
        """Store a message of any dialect without showing it to anyone yet, and return its hash."""
        role, own_name, parts = normalise_message(message)
        return self._into.add_message(place, role, own_name or name, parts)

    def hear(self, place: Place, message: Any, name: str | None = None) -> str:
        """Add a message to what the model is shown next; a system message that comes first is its instructions."""
        role, own_name, parts = normalise_message(message)
        message_hash = self._into.add_message(place, role, own_name or name, parts)
        target = self.system if role == "system" and not self._context else self._context
        target.append(message_hash)
        return message_hash

    def add_call(
        self,
        place: Place,
        span_id: str,
        said: Iterable[str],
        shown: int | None = None,
        is_remembered: bool = True,
        **columns: Any,
    ) -> None:
        """Add a model call that was shown the context (its first `shown` messages) and said the messages of these
        hashes.

        What it said joins the context unless `is_remembered` is False.
        """
        said = list(said)
        model = columns.get("response_model") or columns.get("request_model")
        columns.setdefault("operation_name", "chat")
        columns.setdefault("name", f"chat {model}" if model else "chat")
        self._into.add_span(place, trace_id=self.trace_id, span_id=span_id, **columns)
        self._into.add_span_messages(place, self.trace_id, span_id, "system", self.system)
        window = self._context if shown is None else self._context[:shown]
        before = self._ranges if shown is None else ()
        self._ranges = self._into.add_span_messages(place, self.trace_id, span_id, "input", window, before=before)
        self._into.add_span_messages(place, self.trace_id, span_id, "output", said)
        if is_remembered:
            self._context += said


def add_tool_call(
    into: Evidence, place: Place, trace_id: str, span_id: str, name: Any, arguments: Any, **columns: Any
) -> None:
    """Add the span of a tool call; arguments that are no text become JSON."""
    tool_name = name if isinstance(name, str) and name else "unknown tool"
    columns["tool_call_result"] = as_text(columns.get("tool_call_result"))
    into.add_span(
        place, trace_id=trace_id, span_id=span_id, name=f"execute_tool {tool_name}", operation_name="execute_tool",
        tool_name=tool_name, tool_call_arguments=as_text(arguments), **columns,
    )  # fmt: skip


def result_place(place: Place) -> dict[str, Any]:
    """Return where the result of a tool call stands, for its attributes: the call has its place in the columns."""
    return {"result_line": place.line, "result_offset": place.offset, "result_length": place.length}


def as_text(value: Any) -> str | None:
    """Return a value as text, JSON where it is none."""
    return value if value is None or isinstance(value, str) else json_text(value)


def beginning(text: str) -> str:
    """Return a text of at most `STATUS_CHARS` characters, or the beginning of a longer one and an ellipsis."""
    return text if len(text) <= STATUS_CHARS else f"{text[: STATUS_CHARS - 1]}…"


def error_columns(message: Any, error_type: Any = None) -> dict[str, Any]:
    """Return the status columns of a failure."""
    text = as_text(message)
    return {
        "status_code": "ERROR",
        "status_message": beginning(text) if text else None,
        "error_type": error_type if isinstance(error_type, str) and error_type else None,
    }
