"""Records of home-grown JSON lines as spans, as messages between agents, or as heartbeats."""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from agentlens._evidence import Evidence, Message, text_contents
from agentlens._json_text import canonical_json, json_text
from agentlens._source import PlaceColumns
from agentlens.dialects.messages import normalise_message, text_part
from agentlens.loaders._json_columns import SCALARS, Columns
from agentlens.loaders._json_events import are_beats, are_said, beats
from agentlens.loaders._json_rest import attributes
from agentlens.loaders._mapping import TIMES, Mapping
from agentlens.loaders._otlp_span import CONTROL_FLOW
from agentlens.loaders._times import parse_durations, parse_times

OPERATIONS = frozenset({
    "chat", "generate_content", "text_completion", "embeddings", "retrieval", "execute_tool", "invoke_agent",
    "create_agent", "invoke_workflow", "plan",
})  # fmt: skip
MODEL_WORDS = frozenset({
    "llm", "llm_call", "llm_request", "model_call", "completion", "generate", "inference", "chat_completion",
})  # fmt: skip
TOOL_WORDS = frozenset({"tool", "tool_call", "tool_use", "call_tool", "function_call", "mcp_call"})
AGENT_WORDS = frozenset({"agent_run", "run_agent", "agent_call", "delegate", "dispatch", "spawn", "spawn_agent"})
# Words for a run of an agent that is told what to do in plain words; with arguments they are tools (`run {"command": "ls"}`).
RUN_WORDS = frozenset({"run", "agent", "task", "session"})
# Ends of events that tell of such a run, and are no tool: `agent_start`, `run.ended`.
RUN_EVENTS = frozenset({"start", "started", "begin", "began", "end", "ended", "finished", "completed"})
OK_WORDS = frozenset({
    "ok", "success", "succeeded", "successful", "completed", "complete", "done", "passed", "pass", "finished", "true",
})  # fmt: skip
ERROR_WORDS = frozenset({
    "error", "failed", "failure", "fail", "exception", "fatal", "critical", "timeout", "timed_out", "crashed",
    "aborted", "rejected", "false",
})  # fmt: skip
PLAIN_ERRORS = frozenset({"error", "failed", "failure", "fail"})
TIMEOUTS = frozenset({"timeout", "timed_out"})
TEXT_COLUMNS = (
    "parent_span_id", "name", "agent_name", "agent_id", "agent_version", "conversation_id", "workflow_name",
    "service_name", "error_type", "provider_name", "request_model", "response_model", "usage_key", "tool_name",
    "tool_call_id", "tool_call_arguments", "tool_call_result", "prompt_version", "trace_id",
    "span_id", "parent_trace_id",
)  # fmt: skip
COUNT_COLUMNS = (
    "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_write_input_tokens", "reasoning_output_tokens",
)  # fmt: skip
NO_COLUMNS = frozenset({"duration", "input", "output", "parent_trace_id"})
ESSENTIAL = frozenset(
    {"name", "operation_name", "agent_name", "start_time", "end_time", "tool_name", "request_model", "input", "output"}
)
SPAN, MESSAGE, BEAT, STRANGE = "span", "message", "beat", "strange"

SIDES = (("input", "user"), ("output", "assistant"))

Rows = dict[str, Any]
"""Values by column of `spans`, one for each record."""
_NO_TEXTS = SCALARS | {type(None)}
# Keys of an object that is a message, or holds some.
_MARKS = frozenset({"role", "messages"})
# What a log says of a model that answered nothing, beside a text without letters.
_EMPTY_TEXTS = (("text", ""), ("content", ""), ("answer", ""), ("response", ""), ("completion", ""))
_SILENCE = [text_part("")]
# What may stand for a time without one being lost.
NO_TIMES: tuple[Any, ...] = (None, "", [], {})
_decode = msgspec.json.decode


def decode_line(raw: bytes) -> Any:
    """Return the JSON value of a line, NaN as null, undecodable text replaced; raises ValueError when it is none."""
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode(json_text(json.loads(raw.decode("utf-8", "replace"))))


def decode_lines(raws: list[bytes]) -> list[Any]:
    """Return the JSON value of each line as `decode_line` does, an exception for one that is none."""
    try:
        return list(map(_decode, raws))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return [_decoded(raw) for raw in raws]


def _decoded(raw: bytes) -> Any:
    try:
        return decode_line(raw)
    except (ValueError, RecursionError) as error:
        return error


class Records(NamedTuple):
    """Records by column: what each says, where it stands, and its bytes."""

    values: list[dict[str, Any]]
    places: PlaceColumns
    raws: list[bytes]

    def take(self, numbers: list[int]) -> Records:
        """Return some of the records, by their numbers from 0."""
        raws = [self.raws[number] for number in numbers]
        return Records([self.values[number] for number in numbers], self.places.take(numbers), raws)


class Log(NamedTuple):
    """What holds for all records of a file.

    `id` is the trace of records that name neither trace nor conversation, `content_ids` gives ids to those that name none.
    """

    mapping: Mapping
    id: str
    content_ids: Callable[[Iterable[bytes]], list[str]]


def add_records(records: Records, into: Evidence, log: Log) -> None:
    """Accept each record as a span, as a message between agents or as a heartbeat, or reject it.

    Records are read by column, a step for many values at once; what one becomes does not depend on those beside it.
    """
    columns = Columns(records.values, log.mapping)
    kinds = _kinds(columns)
    for kind, add in ((SPAN, _add_spans), (MESSAGE, _add_messages), (BEAT, _add_beats), (STRANGE, _reject)):
        chosen = [number for number, its in enumerate(kinds) if its == kind]
        if len(chosen) == len(kinds) and chosen:
            add(records, columns, into, log)
        elif chosen:
            some = records.take(chosen)
            add(some, Columns(some.values, log.mapping), into, log)


def _kinds(columns: Columns) -> list[str]:
    """Return what each record is to become."""
    known = [columns.used[column] for column in columns.used.keys() & ESSENTIAL]
    kinds = [SPAN] * len(columns["name"])
    if not any(isinstance(used, int) for used in known):
        seen = [any(number is not None for number in numbers) for numbers in zip(*known)] or [False] * len(kinds)
        kinds = [SPAN if is_known else STRANGE for is_known in seen]
    if "sender" in columns.said and "recipient" in columns.said:
        sides = zip(columns["sender"], columns["recipient"], columns["agent_name"], kinds)
        kinds = [MESSAGE if s is not None and r is not None and a is None else kind for s, r, a, kind in sides]
    if "agent_name" in columns.said:
        kinds = [MESSAGE if is_said and kind == SPAN else kind for is_said, kind in zip(are_said(columns), kinds)]
        beats = are_beats(columns)
        kinds = [BEAT if is_beat and kind == SPAN else kind for is_beat, kind in zip(beats, kinds)]
    return kinds


def _reject(records: Records, _columns: Columns, into: Evidence, _log: Log) -> None:
    for number, raw in enumerate(records.raws):
        reason = "no field that the mapping knows: no time, no agent, no action"
        into.reject(records.places.place(number), reason, raw)


# --- messages between agents ------------------------------------------------------------------------------------------


def _add_messages(records: Records, said: Columns, into: Evidence, _log: Log) -> None:
    times = _times(said, "start_time", into)
    payloads = [value if payload is None else payload for value, payload in zip(records.values, said["payload"])]
    traces = [trace or parent for trace, parent in zip(said["trace_id"], said["parent_trace_id"])]
    texts = {column: _texts(said[column]) for column in ("message_id", "span_id", "recipient")}
    # The `id` of a record that is a message is its own, not that of a span.
    own = [
        m is None and s is not None and value.get("id") == s
        for m, s, value in zip(texts["message_id"], said["span_id"], records.values)
    ]
    texts["message_id"] = [s if is_own else m for m, s, is_own in zip(texts["message_id"], texts["span_id"], own)]
    texts["span_id"] = [None if is_own else s for s, is_own in zip(texts["span_id"], own)]
    texts["sender"] = _texts([s if a is None else a for s, a in zip(said["sender"], said["agent_name"])])
    counts = {column: _counts(said[column]) for column in ("depth", "wave")}
    into.accept(len(times))
    into.see_times(times)
    into.add_columns(
        "agent_messages", records.places,
        {**texts, **counts, "kind": ["message"] * len(times), "trace_id": _texts(traces), "time": times, "payload": _texts(payloads)},
    )  # fmt: skip


def _add_beats(records: Records, said: Columns, into: Evidence, _log: Log) -> None:
    times = _times(said, "start_time", into)
    into.accept(len(times))
    into.see_times(times)
    texts = {column: _texts(said[column]) for column in ("agent_name", "recipient", "payload")}
    into.add_columns("status_reports", records.places, beats(records.values, said, times, texts, _counts(said["wave"])))


# --- spans ------------------------------------------------------------------------------------------------------------


def _add_spans(records: Records, said: Columns, into: Evidence, log: Log) -> None:
    row = {column: READERS[column](values) for column, values in said.said.items() if column in READERS}
    nothing = [None] * len(records.values)
    parents = zip(row.get("trace_id", nothing), row.get("parent_trace_id", nothing))
    row["parent_trace_id"] = [None if trace else parent for trace, parent in parents]
    traces = zip(row.get("trace_id", nothing), row["parent_trace_id"], row.get("conversation_id", nothing))
    row["trace_id"] = [trace or parent or conversation or log.id for trace, parent, conversation in traces]
    spans = row.get("span_id", nothing)
    content_ids = iter(log.content_ids(raw for span, raw in zip(spans, records.raws) if not span))
    row["span_id"] = [span or next(content_ids) for span in spans]
    _set_operation(row, said)
    _set_times(row, said, into)
    _set_status(row, said)
    _set_content(row, said, records, into)
    row["attributes"] = attributes(row, said, records.values)
    into.accept(len(nothing))
    into.add_spans(records.places, {c: v for c, v in row.items() if c not in NO_COLUMNS})


def _set_operation(row: Rows, said: Columns) -> None:
    """Set the operation, and the tool where the action itself names it."""
    operation = functools.lru_cache(_operation)
    explicit = [word if isinstance(word, str) else None for word in said["operation_name"]]
    both = [i is not None and o is not None for i, o in zip(said["input"], said["output"])]
    words = [isinstance(told, str) and not told.lstrip().startswith(("{", "[")) for told in said["input"]]
    facts = zip(explicit, row.get("name", said["name"]), said["tool_name"], said["request_model"], both, words)
    found = [operation(e, name or "", t is not None, m is not None, b, w) for e, name, t, m, b, w in facts]
    row["operation_name"] = [name for name, _ in found]
    row["tool_name"] = [tool or named for tool, (_, named) in zip(row.get("tool_name", said["tool_name"]), found)]


def _operation(
    explicit: str | None, action: str, has_tool: bool, has_model: bool, has_both_sides: bool, is_told_in_words: bool
) -> tuple[str | None, str | None]:
    """Return the operation, and the tool where the action itself names it."""
    if explicit in OPERATIONS:
        return explicit, action if explicit == "execute_tool" else None
    word = action.lower().replace("-", "_").replace(" ", "_").replace(".", ":", 1)
    kind, _, named = word.partition(":")
    if word in OPERATIONS or word in MODEL_WORDS:
        return (word if word in OPERATIONS else "chat"), None
    told_of, _, event = word.replace(":", "_").rpartition("_")
    if event in RUN_EVENTS and told_of in RUN_WORDS and not has_tool:
        return ("invoke_agent" if has_both_sides and is_told_in_words else None), None
    if has_tool or kind in TOOL_WORDS:
        return "execute_tool", action[len(kind) + 1 :].strip() if named else None
    if has_model:
        return "chat", None
    if word in AGENT_WORDS or (word in RUN_WORDS and is_told_in_words):
        return "invoke_agent", None
    if action and has_both_sides:
        return "execute_tool", action
    return None, None


def _set_times(row: Rows, said: Columns, into: Evidence) -> None:
    """Set start and end; a time that cannot be read stays in the attributes."""
    starts, ends = (_times(said, column, into) for column in TIMES)
    if "duration" in said.said:
        wanted = [value if end is None else None for value, end in zip(said["duration"], ends)]
        durations = _durations(wanted, said, into)
        row["duration"] = [None if start is None else took for start, took in zip(starts, durations)]
        ends = [e if d is None else s + d for e, s, d in zip(ends, starts, row["duration"])]
    row["start_time"], row["end_time"] = starts, ends


def _times(said: Columns, column: str, into: Evidence) -> list[int | None]:
    values, units = said[column], said.unit(column, "auto")
    times: list[int | None] = [None] * len(values)
    for unit in set(units) if column in said.said else ():
        read, are_zoned = parse_times([v if u == unit else None for v, u in zip(values, units)], unit or "auto")
        times = [time if one is None else one for time, one in zip(times, read)]
        if not are_zoned:
            into.note_missing("Some times name no zone; they are taken as UTC.")
    if (
        column in said.said
        and None in times
        and any(time is None and value not in NO_TIMES for time, value in zip(times, values))
    ):
        into.note_missing(
            f"Some values of `{column}` are no times that can be read; they are NULL and stay in the attributes."
        )
    return times


def _durations(values: list[Any], said: Columns, into: Evidence) -> list[int | None]:
    units = said.unit("duration", "ms")
    durations: list[int | None] = [None] * len(values)
    for unit in set(units) - {None}:
        read = parse_durations([v if u == unit else None for v, u in zip(values, units)], unit or "ms")
        durations = [took if one is None else one for took, one in zip(durations, read)]
    if None in units:
        alone = zip(values, units, said.paths("duration"))
        for path in dict.fromkeys(path for value, unit, path in alone if unit is None and value is not None):
            into.note_missing(f"`{path}` names no unit and was left alone; map it with a unit to get end times.")
    return durations


def _set_status(row: Rows, said: Columns) -> None:
    """Set the status columns; a word that says neither success nor failure is UNSET and stays in the attributes."""
    status = functools.lru_cache(typed=True)(_status)
    words = [word if isinstance(word, (str, int)) or word is None else () for word in said["status_code"]]
    messages = [_text(message) if message else None for message in said["status_message"]]
    found = [status(*facts) for facts in zip(words, messages, row.get("error_type", said["error_type"]))]
    for column, values in zip(("status_code", "status_message", "error_type", "is_control_flow"), zip(*found)):
        row[column] = list(values)


def _status(
    word: Any, message: str | None, error: str | None
) -> tuple[str | None, str | None, str | None, bool | None]:
    """Return status code, status message, type of the error, and whether it steers the program."""
    code = None
    if isinstance(word, (str, bool)):
        normal = str(word).strip().lower().replace(" ", "_").replace("-", "_")
        code = "OK" if normal in OK_WORDS else "ERROR" if normal in ERROR_WORDS else None
        error = error or ("timeout" if normal in TIMEOUTS else None)
    elif isinstance(word, int) and 100 <= word < 600:
        code = "OK" if word < 400 else "ERROR"
    elif word is None and message:
        code = "ERROR"
    if code != "ERROR":
        return code, message, error, None
    if not message and not isinstance(word, bool):
        message = None if word is None or str(word).lower() in PLAIN_ERRORS else str(word)
    return code, message, error, str(error).rpartition(".")[2] in CONTROL_FLOW


def _set_content(row: Rows, said: Columns, records: Records, into: Evidence) -> None:
    """Make messages of a model call's input and output, arguments and result of a tool call's."""
    count = len(records.values)
    for side, column in (("input", "tool_call_arguments"), ("output", "tool_call_result")):
        known = row.get(column, [None] * count)
        calls = zip(row["operation_name"], known, said[side])
        row[side] = [_text(v) if op == "execute_tool" and told is None else None for op, told, v in calls]
        row[column] = [side_text if told is None else told for told, side_text in zip(known, row[side])]
    asks = [bool(op) and op != "execute_tool" for op in row["operation_name"]]
    # What goes in and what comes out of each call in turn.
    values = list(itertools.chain.from_iterable(zip(said["input"], said["output"])))
    texts = list(itertools.chain.from_iterable(zip(_only_texts(said, "input"), _only_texts(said, "output"))))
    turns = [turn for turn, value in enumerate(values) if value is not None and asks[turn >> 1]]
    talk = _Talk(row, records, into)
    for is_text, run in itertools.groupby(turns, lambda turn: bool(texts[turn])):
        if is_text:
            talk.add_texts(list(run), texts)
        else:
            for turn in run:
                talk.add(turn >> 1, *SIDES[turn & 1], values[turn])
    talk.finish()


class _Talk:
    """What went in and came out of calls as messages, stored in the order of the calls: many at a time where each is alone."""

    def __init__(self, row: Rows, records: Records, into: Evidence) -> None:
        self._row, self._places, self._into = row, records.places, into
        self._numbers: list[int] = []
        self._directions: list[str] = []
        self._speakers: list[tuple[str | None, str | None]] = []
        self._contents: list[bytes] = []
        self._hashes: list[str] = []

    def add_texts(self, turns: list[int], texts: list[str | None]) -> None:
        """Add sides of calls that are texts; sides are numbered: input of the first record, its output, input of the second, …"""
        self._numbers += [turn >> 1 for turn in turns]
        self._directions += [SIDES[turn & 1][0] for turn in turns]
        self._speakers += [(SIDES[turn & 1][1], None) for turn in turns]
        self._contents += text_contents([texts[turn] or "" for turn in turns])
        for turn in turns:
            self._row[SIDES[turn & 1][0]][turn >> 1] = True

    def add(self, number: int, direction: str, role: str, value: Any) -> None:
        """Add one side of a call that is no text, and note in its row whether anything was said."""
        messages = _messages(value, role)
        system = [message for message in messages if message[0] == "system"] if direction == "input" else []
        if len(messages) == 1:
            [(role_, name, parts)] = messages
            self._numbers.append(number)
            self._directions.append("system" if system else direction)
            self._speakers.append((role_, name))
            self._contents.append(canonical_json(parts))
        elif messages:
            self._store()
            call = self._places.place(number), self._row["trace_id"][number], self._row["span_id"][number]
            self._into.add_messages(*call, "system", system)
            self._into.add_messages(*call, direction, [m for m in messages if not system or m[0] != "system"])
        self._row[direction][number] = True if messages else None

    def finish(self) -> None:
        """Add what waits."""
        self._store()
        if self._numbers:
            traces, spans = ([self._row[column][n] for n in self._numbers] for column in ("trace_id", "span_id"))
            self._into.add_alone(self._places.take(self._numbers), traces, spans, self._directions, self._hashes)

    def _store(self) -> None:
        if self._contents:
            stored = len(self._hashes)
            places, speakers = self._places.take(self._numbers[stored:]), self._speakers[stored:]
            self._hashes += self._into.add_contents(places, speakers, self._contents)
            self._contents = []


def _only_text(value: Any) -> str | None:
    """Return the text of which `_messages` makes the only part; None where it makes none, several or another."""
    if type(value) is dict and _MARKS.isdisjoint(value):
        said = [item for item in value.values() if item and type(item) not in SCALARS]
        value = said[0] if len(said) == 1 else None
    return value if type(value) is str else None


def _only_texts(said: Columns, side: str) -> Sequence[str | None]:
    """Return what `_only_text` returns for each value, or "" for None; by key where all are objects of one shape."""
    columns = said.inside(side)
    if columns and _MARKS.isdisjoint(columns):
        texts = [of_key for of_key in columns.values() if not set(map(type, of_key)) <= _NO_TEXTS]
        if len(texts) == 1 and set(map(type, texts[0])) == {str}:
            return texts[0]
    return list(map(_only_text, said[side]))


def _messages(value: Any, role: str) -> list[Message]:
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, dict) and isinstance(value.get("role"), str):
        return [normalise_message(value)]
    if isinstance(value, list) and value and all(isinstance(item, dict) and "role" in item for item in value):
        return [normalise_message(item) for item in value]
    parts = _parts(value) or (_SILENCE if role == "assistant" and _is_silent(value) else None)
    return [(role, None, parts)] if parts else []


def _is_silent(value: Any) -> bool:
    """Whether a log says that nothing was answered: an empty text, alone or under its key."""
    return value == "" or (isinstance(value, dict) and len(value) == 1 and next(iter(value.items())) in _EMPTY_TEXTS)


def _parts(value: Any) -> list[dict[str, Any]]:
    """Return texts as text parts, structures as one JSON part; numbers beside them are attributes, no message."""
    if isinstance(value, str):
        return [text_part(value)] if value else []
    if isinstance(value, dict):
        parts = [text_part(item) for item in value.values() if isinstance(item, str) and item]
        rest = {key: item for key, item in value.items() if isinstance(item, (dict, list)) and item}
        return parts + ([{"type": "json", "content": rest}] if rest else [])
    if isinstance(value, list):
        return [part for item in value for part in _parts(item)]
    return [text_part(json_text(value))] if value is not None else []


# --- values -----------------------------------------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    """Return a value as text (JSON for what is no text), None for nothing."""
    if isinstance(value, str):
        return value or None
    return None if value is None else json_text(value)


def _count(value: Any) -> int | None:
    """Return a whole number from 0 to 2^63, None for anything else."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < 2**63 and value == int(value) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _list(value: Any) -> list[str] | None:
    if value is None:
        return None
    return [_text(item) or "" for item in value] if isinstance(value, list) else [_text(value) or ""]


def _texts(values: Sequence[Any]) -> Sequence[str | None]:
    if set(map(type, values)) == {str} and "" not in values:
        return values
    return [value or None if type(value) is str else _text(value) for value in values]


def _counts(values: Sequence[Any]) -> Sequence[int | None]:
    if set(map(type, values)) == {int} and min(values) >= 0 and max(values) < 2**63:
        return values
    return [value if type(value) is int and 0 <= value < 2**63 else _count(value) for value in values]


def _numbers(values: Sequence[Any]) -> Sequence[float | None]:
    if set(map(type, values)) == {float} and all(map(math.isfinite, values)):
        return values
    return [None if value is None else _number(value) for value in values]


def _lists(values: Sequence[Any]) -> Sequence[list[str] | None]:
    return list(map(_list, values))


READERS: dict[str, Callable[[Sequence[Any]], Sequence[Any]]] = {
    **dict.fromkeys(TEXT_COLUMNS, _texts),
    **dict.fromkeys(COUNT_COLUMNS, _counts),
    "reported_cost_usd": _numbers,
    "response_finish_reasons": _lists,
}
