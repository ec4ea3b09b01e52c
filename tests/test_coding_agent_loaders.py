"""What the loaders of coding agents share: each record of every sample is accounted for, files may grow, and damage never raises."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from coding_agent_logs import CODEX, META, PI_HEADER, answered, called, rollout
from session_evidence import (
    account,
    assert_accounts_balance,
    assert_nothing_dangles,
    assert_places_hold,
    evidence,
    one,
    read,
    rows,
    write,
)

import agentlens as al

SAMPLES = ("codex/**/*.jsonl", "gemini_cli/*", "openhands/*.jsonl", "openhands/sdk/*", "pi_openclaw/*", "swe_agent/*")


@pytest.mark.parametrize("pattern", SAMPLES)
def test_of_every_sample_each_record_is_accounted_for_and_has_its_place(pattern: str, samples: Path) -> None:
    paths = sorted(samples.glob(pattern))
    lens = read(*paths)
    assert len(account(lens)) == len(paths)
    assert_accounts_balance(lens)
    assert_places_hold(lens)
    assert_nothing_dangles(lens)
    assert one(lens, "SELECT count(*) FROM spans WHERE is_orphan OR is_cycle_broken") == 0


# --- files that grow --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [f"codex/localpush/{CODEX[1]}.jsonl", f"codex/localpush/{CODEX[2]}.jsonl", "pi_openclaw/pi_large-session.jsonl"],
)
@pytest.mark.parametrize("share", [0.01, 0.37, 0.8])
def test_a_log_read_while_it_grows_gives_what_it_gives_when_read_at_the_end(
    name: str, share: float, samples: Path, tmp_path: Path
) -> None:
    data = (samples / name).read_bytes()
    path, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    path.write_bytes(data[: int(len(data) * share)])  # torn in the middle of a line
    al.read(path, into=case, progress=False).close()
    path.write_bytes(data)
    grown = al.read(path, into=case, progress=False)
    at_once = read(path)
    query = "SELECT span_id, direction, position, message_hash FROM span_messages ORDER BY ALL"
    assert rows(grown, query) == rows(at_once, query)
    spans = "SELECT * EXCLUDE (source_id) FROM spans ORDER BY preorder"
    assert rows(grown, spans) == rows(at_once, spans)
    assert account(grown) == account(at_once)


@pytest.mark.parametrize("name", [f"codex/localpush/{CODEX[1]}.jsonl", "pi_openclaw/pi_large-session.jsonl"])
def test_a_compressed_log_gives_what_the_plain_one_gives(name: str, samples: Path, tmp_path: Path) -> None:
    data = (samples / name).read_bytes()
    (tmp_path / "x").write_bytes(data)
    (tmp_path / "y").write_bytes(gzip.compress(data))
    spans = "SELECT * EXCLUDE (source_id) FROM spans ORDER BY preorder"
    assert rows(read(tmp_path / "x"), spans) == rows(read(tmp_path / "y"), spans)


# --- what is broken, and what is hostile ------------------------------------------------------------------------------

FIRST = {
    "codex": {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": META},
    "pi": PI_HEADER,
    "gemini_cli": {"sessionId": "s", "projectHash": "p"},
    "openhands": {"id": "e", "timestamp": "2026-01-01T00:00:00", "source": "agent", "kind": "ActionEvent"},
}
WRONG = (
    '{"type": 5}', "[1]", '"text"', "nonsense", '{"type": "message"}', '{"type": "response_item", "payload": 7}',
    "[" * 3000,
    '{"type": "event_msg", "payload": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": "x"}}}}',
    '{"type": "message", "message": {"role": "assistant", "content": 5, "usage": {"input": -4, "output": 1e400}}}',
    '{"type": "message", "id": {}, "parentId": 3, "message": {"role": "toolResult", "content": [7]}}',
    '{"type": "response_item", "payload": {"type": "function_call", "call_id": 9, "name": null, "arguments": [NaN]}}',
    '{"kind": "ObservationEvent", "observation": "text", "tool_call_id": {}, "timestamp": [], "source": 5, "id": 1}',
    '{"type": "gemini", "id": "x", "toolCalls": [5, {"result": 7}], "tokens": {"input": 1.5}, "thoughts": "x"}',
    '{"type": "user", "content": {"a": "\\ud800"}, "message": {"role": "user", "content": "\\ud800 <script>"}}',
)  # fmt: skip


@pytest.mark.parametrize("name", FIRST)
def test_wrong_lines_are_rejected_one_by_one_and_never_raise(name: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("\n".join([json.dumps(FIRST[name]), *WRONG, '{"torn": "in the mid']))
    lens = al.read(path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped
        assert records >= len(WRONG)
        assert rejected >= 4


def shapes(value: Any) -> list[Any]:
    """Return copies of a value with one part replaced by something of another type."""
    found: list[Any] = []
    if isinstance(value, dict):
        for key, part in value.items():
            found += [{**value, key: other} for other in (None, 7, "x", [], {}, [[]], [7], {"a": {}})]
            found += [{**value, key: inner} for inner in shapes(part)[:40]]
    elif isinstance(value, list) and value:
        found += [[other, *value[1:]] for other in (None, 7, "x", [], {})]
        found += [[inner, *value[1:]] for inner in shapes(value[0])[:40]]
    return found


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("swe_agent", "swe_agent/demonstrations__function_calling_simple.traj"),
        (
            "swe_agent",
            "swe_agent/human_thought__swe-bench-HumanEvalFix-python__lcb__t-0.00__p__humanevalfix-python-0.traj",
        ),
        ("gemini_cli", "gemini_cli/agentsview_tool_calls.json"),
        ("openhands", "openhands/sdk/conversations__v1_11_5_cli_default__base_state.json"),
    ],
)
def test_documents_with_parts_of_wrong_types_never_raise(name: str, file: str, samples: Path, tmp_path: Path) -> None:
    value = json.loads((samples / file).read_text())
    for number, shape in enumerate(shapes(value)[::5]):
        (tmp_path / f"{number}.json").write_text(json.dumps(shape))
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


def test_hostile_text_stays_as_it_is(tmp_path: Path) -> None:
    text = "<script>alert(1)</script>'; DROP TABLE spans; -- \x1b[31m =1+1 ../../etc"
    log = rollout(("session_meta", META | {"id": text}), called(text, text, {text: text}), answered(text, text))
    lens = read(write(tmp_path / "x", *log))
    assert rows(lens, "SELECT trace_id, tool_name, tool_call_result FROM spans WHERE tool_name IS NOT NULL") == [
        (text,) * 3
    ]


def test_the_order_of_reading_changes_nothing(samples: Path) -> None:
    paths = sorted(samples.glob("codex/localpush/*.jsonl"))
    assert evidence(read(*paths)) == evidence(read(*reversed(paths)))
