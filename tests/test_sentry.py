"""Events of Sentry: transactions as trees, errors in their spans, envelopes."""

from __future__ import annotations

from pathlib import Path

from framework_logs import TRANSACTION
from session_evidence import account, assert_places_hold, counted, names, read, rows, write

FAILURE = {
    "event_id": "e2",
    "platform": "python",
    "level": "error",
    "timestamp": 1700000002.0,
    "contexts": {"trace": {"trace_id": "t", "span_id": "b"}},
    "exception": {"values": [{"type": "ValueError", "value": "bad"}, {"type": "RateLimitError", "value": "slow down"}]},
}


def test_sentry_transaction_is_a_tree_of_spans_and_an_error_stands_in_its_span(tmp_path: Path) -> None:
    lens = read(write(tmp_path / "x", TRANSACTION, FAILURE))
    assert account(lens) == [(5, 5, 0, 0)]
    assert names(lens) == ["wave", " chat gpt-4o", "  RateLimitError"]
    query = "SELECT operation_name, agent_name, status_code, error_type, status_message FROM spans ORDER BY preorder"
    assert rows(lens, query) == [
        ("invoke_agent", "Atlas", "OK", None, None),
        ("chat", "Atlas", "ERROR", None, "internal_error"),
        (None, "Atlas", "ERROR", "RateLimitError", "slow down"),
    ]
    assert counted(lens, "input_tokens", "output_tokens") == (5, 2)
    assert rows(lens, "SELECT sender, recipient, kind, payload FROM agent_messages") == [
        ("Atlas", "Apollo", "breadcrumb", "go")
    ]
    assert rows(lens, "SELECT name FROM span_events ORDER BY event_index") == [("agent.dispatch",), ("http",)]
    assert_places_hold(lens)


def test_sentry_envelope_skips_its_headers(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x",
        {"event_id": "e1", "sent_at": "2026-01-01T00:00:00Z"},
        {"type": "transaction", "length": 9},
        TRANSACTION,
    )
    assert account(read(path)) == [(6, 4, 0, 2)]
