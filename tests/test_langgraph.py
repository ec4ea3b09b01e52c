"""State histories of LangGraph: each call counts once, in the step that made it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from session_evidence import count, counted, dump, lines, names, one, read, rows, write


def langchain_messages(path: Path) -> dict[str, dict[str, Any]]:
    """Return every message of a history once, by its id."""
    found = {}
    for snapshot in lines(path):
        for message in snapshot["values"].get("messages", []):
            found[message["kwargs"]["id"]] = message["kwargs"]
    return found


def test_langgraph_snapshots_repeat_messages_but_each_call_counts_once(samples: Path) -> None:
    path = samples / "langgraph_checkpoint/state_history.jsonl"
    messages = langchain_messages(path).values()
    usages = [message["usage_metadata"] for message in messages if message.get("usage_metadata")]
    lens = read(path)
    assert counted(lens, "input_tokens", "output_tokens") == tuple(
        sum(usage[key] for usage in usages) for key in ("input_tokens", "output_tokens")
    )
    assert count(lens, "chat") == len(usages)
    assert count(lens, "execute_tool") == sum(message["type"] == "tool" for message in messages)
    assert one(lens, "SELECT count(*) FROM messages") == len(messages)
    assert len(names(lens, "name LIKE 'step %'")) == len(lines(path))


def test_langgraph_call_stands_in_the_step_whose_snapshot_first_has_it(samples: Path) -> None:
    path = samples / "langgraph_checkpoint/state_history.jsonl"
    first: dict[str, str] = {}
    for snapshot in sorted(lines(path), key=lambda snapshot: snapshot["metadata"]["step"]):
        for message in snapshot["values"].get("messages", []):
            first.setdefault(message["kwargs"]["id"], snapshot["config"]["configurable"]["checkpoint_id"])
    query = "SELECT span_id, parent_span_id FROM spans WHERE operation_name = 'chat'"
    for span_id, parent in rows(read(path), query):
        assert parent == first[span_id]


def test_langgraph_history_reads_the_same_in_any_order_and_as_one_list(samples: Path, tmp_path: Path) -> None:
    path = samples / "langgraph_checkpoint/state_history.jsonl"
    snapshots = lines(path)
    expected = rows(
        read(path), "SELECT span_id, parent_span_id, agent_name, start_time, input_tokens FROM spans ORDER BY span_id"
    )
    random.Random(1).shuffle(snapshots)
    for other in (write(tmp_path / "a", *snapshots), dump(tmp_path / "b", snapshots)):
        found = rows(
            read(other),
            "SELECT span_id, parent_span_id, agent_name, start_time, input_tokens FROM spans ORDER BY span_id",
        )
        assert found == expected
