"""Home-grown JSON lines read one record at a time, by the plainest means: what reading by column must agree with.

What a single value means (a text, a count, a time, an action, a status word) is asked of the functions that agentlens has for one
value; which field a column takes, what is left for the attributes, and which row comes of it, is said here again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from agentlens._evidence import Evidence
from agentlens._source import Place, Source
from agentlens.loaders import _json_events
from agentlens.loaders import _json_record as one
from agentlens.loaders._mapping import PRESET, TIMES, Field, Mapping, find, without
from agentlens.loaders._times import is_zoned, parse_duration, parse_time

TEXTS, COUNTS = one.TEXT_COLUMNS, one.COUNT_COLUMNS
NO_ZONE = "Some times name no zone; they are taken as UTC."
NO_TIME = "Some values of `{}` are no times that can be read; they are NULL and stay in the attributes."


def load(source: Source, into: Evidence) -> None:
    """Add a span, a message between agents, or a heartbeat, for each line."""
    mapping = source.options.get("mapping") or PRESET
    into.account.input_tokens_meaning = "includes cache"
    if mapping is not PRESET:
        into.account.dialects[mapping.dialect] = None
        into.note_missing("Read by a mapping given by hand; its columns are what the mapping says.")
    log_id = ""
    met: Counter[bytes] = Counter()
    for line in source.lines():
        log_id = log_id or "log:" + _digest(line.raw)
        met[line.raw] += 1
        content_id = _digest(line.raw if met[line.raw] == 1 else line.raw + b"\n%d" % met[line.raw])
        into.record()
        place = Place(line.number, line.offset, len(line.raw))
        try:
            record = one.decode_line(line.raw)
        except (ValueError, RecursionError) as error:
            into.reject(place, f"no JSON ({error})", line.raw)
            continue
        reason = _add(record, place, into, mapping, log_id, content_id) if type(record) is dict else "no JSON object"
        if reason:
            into.reject(place, reason, line.raw)
        else:
            into.accept()


def _digest(raw: bytes) -> str:
    return hashlib.blake2b(raw, digest_size=8).hexdigest()


def _add(
    record: dict[str, Any], place: Place, into: Evidence, mapping: Mapping, log_id: str, content_id: str
) -> str | None:
    """Add one record; return why it cannot be used, None when it could."""
    said, used = dict(mapping.constants), dict[str, Field]()
    for column, fields in mapping.columns.items():
        for field in fields:
            if (value := find(record, field)) is not None:
                said[column], used[column] = value, field
                break
    if "sender" in said and "recipient" in said and "agent_name" not in said:
        _add_message(record, said, used, place, into)
    elif not used.keys() & one.ESSENTIAL:
        return "no field that the mapping knows: no time, no agent, no action"
    elif _json_events.is_beat(
        said.get("name"),
        said.get("agent_name"),
        said.get("start_time"),
        [said.get(column) for column in _json_events._WORK],
    ):
        _add_beat(record, said, used, place, into)
    else:
        _add_span(record, said, used, place, into, log_id, content_id)
    return None


def _add_message(
    record: dict[str, Any], said: dict[str, Any], used: dict[str, Field], place: Place, into: Evidence
) -> None:
    time = _time(said, used, "start_time", into)
    into.see_time(time)
    payload = said.get("payload")
    into.add(
        "agent_messages", place, kind="message", message_id=one._text(said.get("message_id")),
        trace_id=one._text(said.get("trace_id") or said.get("parent_trace_id")), span_id=one._text(said.get("span_id")),
        sender=one._text(said["sender"]), recipient=one._text(said["recipient"]), depth=one._count(said.get("depth")),
        time=time, wave=one._count(said.get("wave")), payload=one._text(record if payload is None else payload),
    )  # fmt: skip


def _add_beat(
    record: dict[str, Any], said: dict[str, Any], used: dict[str, Field], place: Place, into: Evidence
) -> None:
    row = {
        "agent_name": one._text(said["agent_name"]), "recipient": one._text(said.get("recipient")), "wave": one._count(said.get("wave")),
        "start_time": _time(said, used, "start_time", into), "status_code": _json_events.state(said.get("status_code")),
        "payload": one._text(said.get("payload")), "name": said["name"],
    }  # fmt: skip
    rest = without(record, [field for column, field in used.items() if row.get(column) is not None])
    into.see_time(row["start_time"])
    into.add(
        "status_reports", place, kind="heartbeat", wave=row["wave"], agent_name=row["agent_name"], recipient=row["recipient"],
        time=row["start_time"], status=row["status_code"], detail=row["payload"], attributes=rest or None,
    )  # fmt: skip


def _add_span(
    record: dict[str, Any], said: dict[str, Any], used: dict[str, Field], place: Place, into: Evidence, log_id: str, content_id: str
) -> None:  # fmt: skip
    row: dict[str, Any] = {}
    for column, value in said.items():
        read = one._text if column in TEXTS else one._count if column in COUNTS else None
        read = {"reported_cost_usd": one._number, "response_finish_reasons": one._list}.get(column, read)
        if read and (meant := read(value)) is not None:
            row[column] = meant
    if "trace_id" in row:
        row.pop("parent_trace_id", None)
    row["trace_id"] = row.get("trace_id") or row.get("parent_trace_id") or row.get("conversation_id") or log_id
    row["span_id"] = row.get("span_id") or content_id
    explicit = said.get("operation_name")
    row["operation_name"], tool = one._operation(
        explicit if isinstance(explicit, str) else None, one._text(said.get("name")) or "", "tool_name" in said,
        "request_model" in said, "input" in said and "output" in said,
        isinstance(said.get("input"), str) and not said["input"].lstrip().startswith(("{", "[")),
    )  # fmt: skip
    row["tool_name"] = row.get("tool_name") or tool
    _set_times(row, said, used, into)
    word, message = said.get("status_code"), said.get("status_message")
    row["status_code"], row["status_message"], row["error_type"], row["is_control_flow"] = one._status(
        word if isinstance(word, (str, int)) or word is None else (), one._text(message) if message else None, row.get("error_type")
    )  # fmt: skip
    _set_content(row, said, place, into)
    rest = without(record, [field for column, field in used.items() if row.get(column) is not None])
    for side in ("input", "output"):
        value = said.get(side)
        scalars = (
            {key: item for key, item in value.items() if isinstance(item, (bool, int, float))}
            if isinstance(value, dict)
            else {}
        )
        if side in used and row.get(side) is not None and scalars:
            rest[used[side].path] = scalars
    row["attributes"] = rest or None
    into.add_span(place, **{c: v for c, v in row.items() if v is not None and c not in one.NO_COLUMNS})


def _time(said: dict[str, Any], used: dict[str, Field], column: str, into: Evidence) -> int | None:
    value = said.get(column)
    time = parse_time(value, (used[column].unit if column in used else None) or "auto")
    if time is not None and not is_zoned(value):
        into.note_missing(NO_ZONE)
    if time is None and value not in (None, "", [], {}):
        into.note_missing(NO_TIME.format(column))
    return time


def _set_times(row: dict[str, Any], said: dict[str, Any], used: dict[str, Field], into: Evidence) -> None:
    start, end = (_time(said, used, column, into) for column in TIMES)
    if "duration" in said and end is None:
        unit = used["duration"].unit if "duration" in used else "ms"
        duration = parse_duration(said["duration"], unit) if unit else None
        if unit is None:
            path = used["duration"].path
            into.note_missing(f"`{path}` names no unit and was left alone; map it with a unit to get end times.")
        elif start is not None and duration is not None:
            row["duration"], end = duration, start + duration
    row["start_time"], row["end_time"] = start, end


def _set_content(row: dict[str, Any], said: dict[str, Any], place: Place, into: Evidence) -> None:
    for side, column, role in (("input", "tool_call_arguments", "user"), ("output", "tool_call_result", "assistant")):
        if row["operation_name"] == "execute_tool" and row.get(column) is None:
            row[column] = row[side] = one._text(said.get(side))
        elif row["operation_name"] and row["operation_name"] != "execute_tool":
            messages = one._messages(said.get(side), role)
            system = [message for message in messages if message[0] == "system" and side == "input"]
            for direction, some in (("system", system), (side, [m for m in messages if m not in system])):
                into.add_messages(place, row["trace_id"], row["span_id"], direction, some)
            row[side] = True if messages else None
