"""Messages, tasks and agent cards of A2A."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from session_evidence import account, count, lines, one, read, rows, write


def test_a2a_examples_of_the_specification_are_kept_or_rejected_with_a_reason(samples: Path) -> None:
    path = samples / "a2a/spec_examples.jsonl"
    records = lines(path)
    cards = [record for record in records if "name" in record and "capabilities" in record]
    asked = [record for record in records if record.get("method")]
    errors = [record for record in records if "error" in record]
    said = [record for record in records if "parts" in record and ("role" in record or "artifactId" in record)]
    lens = read(path)
    fragments = len(records) - len(cards) - len(asked) - len(errors) - len(said)
    assert account(lens) == [(len(records), len(cards) + len(errors) + len(said), fragments, len(asked))]
    assert one(lens, "SELECT count(*) FROM agent_messages") == len(said)
    assert {agent for (agent,) in rows(lens, "SELECT agent_name FROM agents WHERE known_from = 'manifest'")} == {
        card["name"] for card in cards
    }
    assert count(lens, "chat") == 0


@pytest.mark.parametrize("version", ["0.3", "1.0"])
def test_a2a_task_has_the_last_state_and_each_message_once(version: str, tmp_path: Path) -> None:
    is_new = version == "1.0"
    user, agent = ("ROLE_USER", "ROLE_AGENT") if is_new else ("user", "agent")
    state = (lambda name: f"TASK_STATE_{name.upper()}") if is_new else str

    def message(identity: str, role: str, text: str, **fields: Any) -> dict[str, Any]:
        kind = {} if is_new else {"kind": "message"}
        return kind | {
            "messageId": identity,
            "role": role,
            "parts": [{"text": text} | ({} if is_new else {"kind": "text"})],
            **fields,
        }

    task = {"id": "T", "contextId": "c", "status": {"state": state("working"), "timestamp": "2026-01-01T00:00:00Z"}}
    task |= {"history": [message("m1", user, "hi", taskId="T")]} | ({} if is_new else {"kind": "task"})
    update = {
        "taskId": "T",
        "contextId": "c",
        "status": {"state": state("failed"), "timestamp": "2026-01-01T00:00:09Z"},
    }
    update["status"]["message"] = message("m2", agent, "boom")
    sent = message("m1", user, "hi", contextId="c")
    path = write(
        tmp_path / "x",
        {"jsonrpc": "2.0", "id": 1, "method": "SendMessage" if is_new else "message/send", "params": {"message": sent}},
        {"jsonrpc": "2.0", "id": 1, "result": {"task": task} if is_new else task},
        {"statusUpdate": update} if is_new else {"kind": "status-update", "final": True, **update},
    )
    lens = read(path)
    assert rows(lens, "SELECT trace_id, status_code, status_message, error_type, duration_ns / 1e9 FROM spans") == [
        ("c", "ERROR", "boom", "failed", 9.0)
    ]
    assert rows(lens, "SELECT message_id, sender, payload FROM agent_messages ORDER BY 1") == [
        ("m1", "user", "hi"),
        ("m2", "agent", "boom"),
    ]
    assert rows(lens, "SELECT direction, count(*) FROM span_messages GROUP BY 1 ORDER BY 1") == [
        ("input", 1),
        ("output", 1),
    ]
