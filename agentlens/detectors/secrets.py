"""Fills `secrets`: where credentials and account numbers stand in a lens. Values are compared, numbered and forgotten."""

from __future__ import annotations

import functools
from typing import Any

import duckdb
import pyarrow as pa

from agentlens._secrets import Sensitive, anchor_pattern, find_personal_data, find_secrets

# Account numbers in the spelling in which nothing else is written; ids of digits only pass a checksum one time in ten.
_PERSONAL_KINDS = ("IBAN", "payment card number")
_PERSONAL_SIEVE = r"[A-Z]{2}\d{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4} ?[A-Z0-9]{3}|\d{4}([ -])\d{4}[ -]\d{4}[ -]\d{1,4}"
_TEXTS = """
WITH texts AS (
  SELECT 'message' AS place, message_hash, NULL AS trace_id, NULL AS span_id, NULL::VARCHAR[] AS agents, NULL::TIMESTAMP_NS AS time,
    parts::VARCHAR AS text, source_id, source_line, source_offset, source_length
  FROM messages
  UNION ALL
  SELECT 'arguments', NULL, trace_id, span_id, [agent_name], start_time, tool_call_arguments, source_id, source_line, source_offset, source_length
  FROM spans WHERE tool_call_arguments IS NOT NULL
  UNION ALL
  SELECT 'result', NULL, trace_id, span_id, [agent_name], coalesce(end_time, start_time), tool_call_result, source_id, source_line, source_offset, source_length
  FROM spans WHERE tool_call_result IS NOT NULL
  UNION ALL
  SELECT 'agent message', NULL, trace_id, span_id, [sender, recipient], time, payload, source_id, source_line, source_offset, source_length
  FROM agent_messages WHERE payload IS NOT NULL
  UNION ALL
  SELECT 'document', NULL, NULL, NULL, [agent_name], time, text, source_id, source_line, source_offset, source_length
  FROM sections WHERE text IS NOT NULL
)
FROM texts
WHERE regexp_matches(text, $sieve)
"""


def find_secrets_in(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `secrets` anew. DuckDB sieves the texts by the words that a secret needs; only what is left is looked at closely."""
    con.execute("DELETE FROM secrets")
    cursor = con.cursor().execute(_TEXTS, {"sieve": f"{anchor_pattern()}|(?-i:{_PERSONAL_SIEVE})"})
    names = [name for name, *_ in cursor.description]
    numbers: dict[str, int] = {}
    while batch := cursor.fetchmany(100):
        rows = [found for values in batch for found in _rows(dict(zip(names, values)), numbers)]
        if rows:
            con.register("arriving_secrets", pa.Table.from_pylist(rows, schema=_schema()))
            con.execute("INSERT INTO secrets BY NAME FROM arriving_secrets")
            con.unregister("arriving_secrets")


def _rows(text: dict[str, Any], numbers: dict[str, int]) -> list[dict[str, Any]]:
    """One row a secret in a text; `numbers` gives equal values equal numbers."""
    said = text.pop("text")
    text["agents"] = [agent for agent in text["agents"] or [] if agent]
    return [
        {
            **text,
            "secret_id": numbers.setdefault(said[each.start : each.end], len(numbers) + 1),
            "kind": each.kind,
            "is_personal": is_personal,
            "first_character": each.start,
            "characters": each.end - each.start,
        }
        for each, is_personal in _sensitive(said)
    ]


def _sensitive(said: str) -> list[tuple[Sensitive, bool]]:
    secrets = [(each, False) for each in find_secrets(said, likely=False)]
    personal = [
        (each, True)
        for each in find_personal_data(said)
        if each.kind in _PERSONAL_KINDS and (each.kind == "IBAN" or set(said[each.start : each.end]) & set(" -"))
    ]
    return secrets + personal


@functools.cache
def _schema() -> pa.Schema:
    texts = ("kind", "place", "message_hash", "trace_id", "span_id")
    numbers = ("source_line", "source_offset", "source_length", "first_character", "characters")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            *((name, pa.int64()) for name in numbers),
            ("secret_id", pa.int32()),
            ("source_id", pa.int32()),
            ("is_personal", pa.bool_()),
            ("agents", pa.list_(pa.string())),
            ("time", pa.timestamp("ns")),
        ]
    )
