"""What the fields of home-grown JSON lines mean: a declarative mapping from dotted paths to the columns of `spans`."""

from __future__ import annotations

import csv
import difflib
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from agentlens._errors import AgentLensError
from agentlens._source import json_values
from agentlens.loaders._csv_places import csv_header, delimiter
from agentlens.loaders._times import UNITS

TIME_UNITS = ("auto", "iso", *UNITS)
SPAN_COLUMNS = (
    "trace_id", "span_id", "parent_span_id", "name", "operation_name", "agent_name", "agent_id", "agent_version",
    "conversation_id", "workflow_name", "service_name", "start_time", "end_time", "status_code", "status_message",
    "error_type", "provider_name", "request_model", "response_model", "response_finish_reasons", "input_tokens",
    "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens", "reasoning_output_tokens", "usage_key",
    "reported_cost_usd", "tool_name", "tool_call_id", "tool_call_arguments", "tool_call_result", "prompt_version",
)  # fmt: skip
OTHER_COLUMNS = {
    "duration": "how long it took, where there is no end_time",
    "input": "what went in: messages of a model call, arguments of a tool call",
    "output": "what came out: messages of a model call, result of a tool call",
    "parent_trace_id": "the trace it belongs to, where it has no trace_id",
    "message_id": "identity of a message between agents",
    "sender": "who sent a message",
    "recipient": "whom a message was sent to",
    "depth": "how many relays deep a message is",
    "payload": "what a message says",
    "wave": "wave a message belongs to",
}
COLUMNS = (*SPAN_COLUMNS, *OTHER_COLUMNS)
TIMES = ("start_time", "end_time")
DURATION_SUFFIXES = {
    "_ms": "ms",
    "_us": "us",
    "_ns": "ns",
    "_s": "s",
    "_sec": "s",
    "_secs": "s",
    "_seconds": "s",
    "ms": "ms",
}


class Field(NamedTuple):
    """One place a column may stand at: the path in the record, its keys, and the unit of a time or duration."""

    path: str
    keys: tuple[str, ...]
    unit: str | None


class Mapping:
    """A mapping of a record's fields to columns, for `agentlens.read(path, format=agentlens.mapping(...))`.

    Each keyword is a column of `spans` (or `duration`, `input`, `output`, `parent_trace_id`, or of a message between
    agents: `message_id`, `sender`, `recipient`, `depth`, `payload`, `wave`); its value is a dotted path into the record
    (`tokens.prompt`, `choices.0.text`), a list of alternatives of which the first present one is taken, or
    `{"path": ..., "unit": ...}`. Times have the unit `auto` (ISO 8601 or epoch numbers, told apart by size), `iso`,
    `s`, `ms`, `us` or `ns`; a duration needs a unit unless its name ends in one (`duration_ms`). `constants` are values
    that hold for every record. What is mapped to nothing stays in `attributes`.

        agentlens.mapping(start_time="when", agent_name="who.name", name="step", duration={"path": "took", "unit": "s"},
                          constants={"provider_name": "openai"})

    Records without `span_id` are known by their content; records without `trace_id` belong to the trace of
    `parent_trace_id`, else of their conversation, else of their file. Raises AgentLensError for a column that does
    not exist.
    """

    def __init__(self, *, constants: dict[str, Any] | None = None, **columns: Any) -> None:
        self.constants = dict(constants or {})
        for name in (*columns, *self.constants):
            _check_column(name)
        self.columns = {name: _fields(name, spec) for name, spec in columns.items()}

    @classmethod
    def from_yaml(cls, path: str | os.PathLike[str]) -> Mapping:
        """Return the mapping written in a YAML file: a key a column, and `constants` for values that always hold."""
        import yaml

        try:
            columns = yaml.safe_load(Path(path).read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
            raise AgentLensError(f"{path} cannot be read as a mapping: {error}") from error
        if not isinstance(columns, dict):
            raise AgentLensError(f"{path} is no mapping: it needs lines like `agent_name: who.name`.")
        return cls(**{str(name): spec for name, spec in columns.items()})

    @property
    def dialect(self) -> str:
        """What `sources.dialect` says of a file read by this mapping: another mapping gives other rows."""
        spec = json.dumps([self.constants, self.columns], default=str, sort_keys=True)
        return "mapping " + hashlib.blake2b(spec.encode(), digest_size=6).hexdigest()

    def __repr__(self) -> str:
        pairs = [f"{name}={[field.path for field in fields]!r}" for name, fields in self.columns.items()]
        return f"mapping({', '.join(pairs)})"

    @functools.lru_cache(maxsize=256)  # noqa: B019 - a mapping lives as long as the read
    def plan(self, keys: tuple[str, ...]) -> tuple[tuple[str, tuple[Field, ...]], ...]:
        """Return the columns that a record with these top-level keys can have, with the fields worth trying."""
        present = set(keys)
        tried = (
            (name, tuple(f for f in fields if f.path in present or f.keys[0] in present))
            for name, fields in self.columns.items()
        )
        return tuple((name, fields) for name, fields in tried if fields)


mapping = Mapping


def find(record: dict[str, Any], field: Field) -> Any:
    """Return what stands at a field, None when it is not there; a key that itself holds dots is found as well."""
    if field.path in record:
        return record[field.path]
    value: Any = record
    for key in field.keys:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and len(key) < 6:
            value = value[int(key)] if int(key) < len(value) else None
        else:
            return None
    return value


def without(record: dict[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """Return the record without the given fields, and without objects that this leaves empty."""
    rest = dict(record)
    for field in fields:
        if field.path in rest:
            del rest[field.path]
        else:
            _remove(rest, field.keys)
    return rest


def _remove(rest: dict[str, Any], keys: tuple[str, ...]) -> None:
    inner = rest.get(keys[0])
    if not isinstance(inner, dict):
        return
    inner = dict(inner)
    if len(keys) == 2:
        inner.pop(keys[1], None)
    else:
        _remove(inner, keys[1:])
    if inner:
        rest[keys[0]] = inner
    else:
        del rest[keys[0]]


def _check_column(name: str) -> None:
    if name in COLUMNS:
        return
    near = difflib.get_close_matches(name, COLUMNS, 3, 0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise AgentLensError(
        f"mapping() has no column {name!r}.{hint} Columns are {', '.join(COLUMNS)}; or constants={{...}}."
    )


def _fields(name: str, spec: Any) -> tuple[Field, ...]:
    alternatives = spec if isinstance(spec, (list, tuple)) else [spec]
    return tuple(_field(name, alternative) for alternative in alternatives)


def _field(name: str, spec: Any) -> Field:
    path, unit = (spec.get("path"), spec.get("unit")) if isinstance(spec, dict) else (spec, None)
    if not isinstance(path, str) or not path:
        raise AgentLensError(
            f'mapping({name}={spec!r}): a path is a text like "tokens.prompt", or {{"path": ..., "unit": ...}}.'
        )
    if name in TIMES:
        unit = unit or "auto"
    elif name == "duration":
        unit = unit or next((u for suffix, u in DURATION_SUFFIXES.items() if path.lower().endswith(suffix)), None)
    known = TIME_UNITS if name in TIMES else tuple(UNITS)
    if unit is not None and unit not in known:
        raise AgentLensError(f"mapping({name}={spec!r}): the unit {unit!r} is unknown; known are {', '.join(known)}.")
    return Field(path, tuple(path.split(".")), unit)


# --- the records known by themselves ----------------------------------------------------------------------------------

# The record `{timestamp, agent_id, session_id, action, input, output{confidence}, tokens{prompt, completion, model,
# cost_usd}, duration_ms, parent_trace_id, status, metadata}`, and the names others give the same things. The time of
# such a record is its start: where records carry durations, time + duration ends before the session's next time.
PRESET = Mapping(
    trace_id=["trace_id", "run_id", "task_id", "invocation_id"],
    span_id=["span_id", "event_id", "id"],
    parent_span_id=["parent_span_id", "parent_run_id", "parent_id"],
    parent_trace_id="parent_trace_id",
    name=["action", "event", "event_type", "operation", "type"],
    operation_name="operation_name",
    agent_name=["agent_name", "agent.name", "agent.id", "agent", "agent_id", "actor", "source"],
    agent_id=["agent_id", "agent.id"],
    agent_version=["agent_version", "agent.version"],
    conversation_id=["session_id", "conversation_id", "thread_id"],
    workflow_name=["workflow_name", "workflow"],
    start_time=["start_time", "started_at", "timestamp", "ts", "time"],
    end_time=["end_time", "ended_at", "finished_at"],
    duration=[
        "duration_ms", "latency_ms", "elapsed_ms", "duration_s", "latency_s", "duration_ns", "duration", "latency",
    ],
    status_code=["status", "level"],
    status_message=["error.message", "error_message", "error"],
    error_type=["error.type", "error_type", "error_code"],
    provider_name=["provider", "provider_name"],
    request_model=["tokens.model", "model", "model_name", "usage.model"],
    input_tokens=[
        "tokens.prompt", "tokens.input", "tokens_in", "prompt_tokens", "input_tokens", "usage.prompt_tokens",
        "usage.input_tokens",
    ],
    output_tokens=[
        "tokens.completion", "tokens.output", "tokens_out", "completion_tokens", "output_tokens",
        "usage.completion_tokens", "usage.output_tokens",
    ],
    reported_cost_usd=["tokens.cost_usd", "cost_usd", "total_cost", "cost"],
    tool_name=["tool_name", "tool"],
    tool_call_id="tool_call_id",
    tool_call_arguments=["arguments", "args", "tool_input"],
    tool_call_result=["result", "tool_output"],
    prompt_version="prompt_version",
    input=["input", "prompt", "messages"],
    output=["output", "response", "completion"],
    message_id=["message_id", "msg_id"],
    sender=["from", "sender", "from_agent", "sender_id"],
    recipient=["to", "recipient", "receiver", "to_agent", "recipient_id", "receiver_id"],
    depth="depth",
    payload=["payload", "message", "content", "text", "body"],
    wave="wave",
)  # fmt: skip


# --- help for a file nobody knows -------------------------------------------------------------------------------------

# Names too vague to be understood without being told, good enough for a first guess.
_VAGUE = {
    "start_time": ["when", "date", "datetime", "created_at", "logged_at"],
    "agent_name": ["who", "worker", "bot", "node", "who.name", "agent.name"],
    "name": ["what", "step", "task", "activity", "message", "msg"],
}
_GUESSES = {column: [f.path for f in fields] + _VAGUE.get(column, []) for column, fields in PRESET.columns.items()}
_ESSENTIAL = ("start_time", "agent_name", "name")
# A line of a log that holds commas begins with a time, or has braces.
_COLUMN_NAME = re.compile(r"\s*[^\W\d][\w .:/()%#$@-]{0,79}")


def describe_fields(head: bytes) -> str:
    """Return the fields of unknown JSON lines or CSV with examples and a mapping to start from; "" when there are none."""
    examples = _json_examples(head) or _csv_examples(head)
    inner = _inner_list(head)
    hint = inner and (
        f"Inside it is a list of objects, {_ascii(inner)}. If the records are those, write them as lines, and read these:\n"
        f"  jq -c '.{inner}[]' FILE > lines.jsonl"
    )
    if not examples:
        return hint or ""
    kind = "JSON records" if head.lstrip()[:1] in (b"{", b"[") else "CSV columns"
    shown = [f"  {_ascii(path)}: {_ascii(example)}" for path, example in list(examples.items())[:40]]
    said = [f"Its {kind} have these fields:", *shown, "Say what they mean, for example:", _suggest(examples)]
    return "\n".join([*said, *([hint] if hint else [])])


def _json_examples(head: bytes) -> dict[str, Any]:
    """Return the fields of the first records, of JSON lines or of a list, with the first value of each."""
    examples: dict[str, Any] = {}
    for value in json_values(head)[:20]:
        for path, example in value.items():
            path = path.removeprefix("item.")
            if path not in ("", "item") and example is not None and ".item" not in path:
                examples.setdefault(path, example)
    return examples


def _inner_list(head: bytes) -> str | None:
    """Return the key of the first list of objects within a file that is one JSON object."""
    values = json_values(head)
    paths = values[0] if len(values) == 1 and head.lstrip()[:1] == b"{" else {}
    return next((path.partition(".item.")[0] for path in paths if re.match(r"\w+\.item\.", path)), None)


def _csv_examples(head: bytes) -> dict[str, Any]:
    """Return the columns of a CSV with the cells of its first row; {} when it does not look like one."""
    names = csv_header(head)
    if len(names) < 2 or not all(map(_COLUMN_NAME.fullmatch, names)) or len(set(names)) < len(names):
        return {}
    body = head.partition(b"\n")[2].decode("utf-8", "replace")
    try:
        first = next(csv.reader(body.splitlines(), delimiter=delimiter(head)), [])
    except csv.Error:
        first = []
    return dict(zip(names, first)) if len(first) == len(names) else {}


def _suggest(examples: dict[str, Any]) -> str:
    whole = {_plain(path): path for path in reversed(examples)}
    last = {_plain(path.rpartition(".")[2]): path for path in reversed(examples)}
    found = {
        column: next((names[_plain(a)] for names in (whole, last) for a in aliases if _plain(a) in names), None)
        for column, aliases in _GUESSES.items()
    }
    pairs = {column: path or "?" for column, path in found.items() if path or column in _ESSENTIAL}
    inner = ",\n".join(f"      {column}={_ascii(path)}" for column, path in pairs.items())
    return f"  agentlens.read(path, format=agentlens.mapping(\n{inner},\n  ))"


def _plain(path: str) -> str:
    """Return a path without what tells `agentName`, `agent_name` and `Agent-Name` apart."""
    return path.lower().replace("_", "").replace("-", "")


def _ascii(value: Any) -> str:
    """Return a value from a log as short, plain ASCII: it is printed to a terminal."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
