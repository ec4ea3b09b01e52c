"""Every sniffer is asked about every file of every format: exactly one claims it, however it is named or packed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from agentlens._source import detect_compression, read_head
from agentlens.loaders import all_loaders

LOADERS = all_loaders()
BOM = b"\xef\xbb\xbf"

# Samples that no loader knows yet, by pattern. It can only shrink: a pattern whose files are claimed fails below.
NO_LOADER_YET = {
    "MANIFEST.tsv": "the list of the samples, no log",
    "codex/localpush/*.json": "expected figures of a test, no logs",
    "inspect/parallel_spans.json": "events of an Inspect sample without the log around them",
    "langfuse/trace/*.chatml.json": "messages derived from Langfuse traces by its own tests, no export",
    "openclaw_workspace/lobsterops/config/BOOT.md": "a few sentences without any mark of their kind",
}
EXPECTED = {
    "a2a/*": "a2a",
    "autogen_ag2/autogen_logs/*": "ag2",
    "autogen_ag2/chat_result_*": "chat_list",
    "autogen_ag2/logs.db": "ag2",
    "codex/**/*.jsonl": "codex",
    "gemini_cli/*": "gemini_cli",
    "google_adk/*": "google_adk",
    "inspect/**/*.eval": "inspect",
    "inspect/20*.json": "inspect",
    "inspect/log_*.json": "inspect",
    "jaeger_json/*": "jaeger",
    "langfuse/seeder/*": "langfuse",
    "langfuse/trace/*.trace.json": "langfuse",
    "langsmith/anthropic_managed_*": "managed_agents",
    "langsmith/langsmith_*": "langsmith",
    "mlflow/*": "mlflow",
    "langgraph_checkpoint/*": "langgraph",
    "openai_agents_sdk/*": "openai_agents",
    "openhands/*.jsonl": "openhands",
    "openhands/sdk/*": "openhands",
    "openinference/*.console.json": "otel_console",
    "openinference/*.otlp.*": "otlp",
    "openinference/phoenix_*": "phoenix",
    "otel_genai/*.console.json": "otel_console",
    "otel_genai/*.otlp.*": "otlp",
    "otel_genai/any_agent_*": "any_agent",
    "pi_openclaw/*": "pi",
    "smolagents/*": "smolagents",
    "swe_agent/*": "swe_agent",
    "tempo_json/*": "tempo",
}
CHAT = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
A2A_MESSAGE = {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]}
ADK_EVENT = {"id": "e", "invocationId": "i", "author": "root", "timestamp": 1.5, "content": {"parts": [{"text": "hi"}]}}
STEP = {"step_number": 1, "timing": {"start_time": 1.5}, "model_input_messages": CHAT, "tool_calls": []}
SENTRY = {"event_id": "e", "platform": "python", "contexts": {"trace": {"trace_id": "t", "span_id": "s"}}, "spans": []}
SDK_EVENT = {"id": "e", "timestamp": "2026-01-01T00:00:00", "source": "agent", "kind": "ActionEvent", "tool_name": "x"}
SNAPSHOT = {
    "values": {"messages": CHAT}, "next": [], "config": {"configurable": {}}, "metadata": {"step": 1}, "created_at": "2026",
    "parent_config": None, "tasks": [],
}  # fmt: skip
ROLLOUT = {"timestamp": "2026-01-01T00:00:00Z", "type": "session_meta", "payload": {"id": "t", "cwd": "/"}}
RUN = {
    "id": "r",
    "trace_id": "r",
    "run_type": "llm",
    "name": "n",
    "start_time": "2026-01-01T00:00:00",
    "dotted_order": "20260101T000000000000Zr",
}
OBSERVATION = {
    "id": "o",
    "traceId": "t",
    "type": "SPAN",
    "name": "n",
    "startTime": "2026-01-01T00:00:00Z",
    "parentObservationId": None,
}
SPAN_V2 = {
    "name": "n",
    "context": {"trace_id": "0x1", "span_id": "0x2"},
    "parent_id": None,
    "start_time": 1,
    "attributes": {"mlflow.spanType": '"LLM"'},
}
MANAGED_EVENT = {"id": "sevt_1", "type": "session.status_running", "processed_at": "2026-01-01T00:00:00Z"}
MANAGED_SESSION = {
    "id": "sesn_1", "type": "session", "agent": {"id": "agent_1", "name": "a"}, "environment_id": "env_1", "created_at": "2026",
}  # fmt: skip
ADK_RECORD = {"timeUnixNano": "1", "attributes": [{"key": "event.name", "value": {"stringValue": "gen_ai.choice"}}]}


def lines(records: list[Any]) -> str:
    """Return records as JSON lines: a list of them would be no file of their format."""
    return "".join(json.dumps(record) + "\n" for record in records)


MADE: dict[str, tuple[str, Any]] = {
    "a2a 0.3 messages": ("a2a", [A2A_MESSAGE, A2A_MESSAGE]),
    "a2a in JSON-RPC": (
        "a2a",
        {"jsonrpc": "2.0", "id": 1, "method": "message/send", "params": {"message": A2A_MESSAGE}},
    ),
    "a2a streamed status": ("a2a", {"statusUpdate": {"taskId": "t", "status": {"state": "TASK_STATE_WORKING"}}}),
    "adk session": ("google_adk", {"id": "s", "appName": "a", "userId": "u", "events": [ADK_EVENT]}),
    "adk event lines": ("google_adk", [ADK_EVENT, ADK_EVENT]),
    "atif": ("atif", {"schema_version": "ATIF-v1.4", "session_id": "s", "agent": {"name": "a"}, "steps": []}),
    "chat": ("chat_list", {"messages": CHAT}),
    "chat lines": ("chat_list", CHAT),
    "codex rollout": ("codex", lines([ROLLOUT, {**ROLLOUT, "type": "event_msg", "payload": {"type": "task_started"}}])),
    "codex rollout of old": (
        "codex",
        lines(
            [
                {"id": "t", "timestamp": "2025-07-01T00:00:00Z", "instructions": None, "git": {}},
                {"record_type": "state"},
            ]
        ),
    ),
    "gemini lines": (
        "gemini_cli",
        lines(
            [{"sessionId": "s", "projectHash": "p", "startTime": "2026"}, {"id": "u", "type": "user", "content": "hi"}]
        ),
    ),
    "inspect": ("inspect", {"version": 2, "status": "success", "eval": {"task": "t", "model": "m"}, "samples": []}),
    "langgraph": ("langgraph", [SNAPSHOT, SNAPSHOT]),
    "mini-swe-agent": (
        "swe_agent",
        {"info": {"exit_status": "Submitted"}, "messages": CHAT, "trajectory_format": "mini-swe-agent-1"},
    ),
    "openhands events": ("openhands", lines([SDK_EVENT, SDK_EVENT])),
    "openhands event": ("openhands", SDK_EVENT),
    "openhands trajectory": (
        "openhands",
        json.dumps([{"id": 0, "timestamp": "2026", "source": "agent", "action": "system", "args": {}}] * 2),
    ),
    "pi session": (
        "pi",
        lines(
            [
                {"type": "session", "version": 3, "id": "s", "timestamp": "2026", "cwd": "/"},
                {"type": "message", "id": "a"},
            ]
        ),
    ),
    "sentry event": ("sentry", SENTRY),
    "sentry envelope": ("sentry", [{"event_id": "e", "sent_at": "2026"}, {"type": "transaction", "length": 9}, SENTRY]),
    "smolagents steps": ("smolagents", json.dumps([STEP, STEP])),
    "tau-bench": ("chat_list", json.dumps([{"task_id": 1, "reward": 1.0, "info": {}, "traj": CHAT, "trial": 0}])),
    "who and when": (
        "chat_list",
        {"question": "q", "history": [{"content": "a", "name": "A", "role": "assistant"}], "mistake_agent": "A"},
    ),
    "langfuse observation lines": ("langfuse", [OBSERVATION, OBSERVATION]),
    "langfuse page of the API": ("langfuse", {"data": [OBSERVATION], "meta": {"page": 1}}),
    "langfuse trace of the API": (
        "langfuse",
        {"id": "t", "projectId": "p", "timestamp": "2026", "htmlPath": "", "observations": [OBSERVATION]},
    ),
    "langfuse observation table": ("langfuse", "id,traceId,parentObservationId,type,name\no,t,,SPAN,n\n"),
    "langfuse storage table": ("langfuse", "id,trace_id,type,parent_observation_id,usage_details\no,t,SPAN,,{}\n"),
    "langsmith run lines": ("langsmith", [RUN, RUN]),
    "langsmith request": ("langsmith", {"post": [RUN], "patch": []}),
    "managed agents events": ("managed_agents", [MANAGED_EVENT, MANAGED_EVENT]),
    "managed agents page of the API": ("managed_agents", {"data": [MANAGED_EVENT], "next_page": None}),
    "managed agents list": ("managed_agents", json.dumps([MANAGED_EVENT, MANAGED_EVENT])),
    "managed agents queued event": (
        "managed_agents",
        [{"type": "user.message", "id": "e", "content": [], "processed_at": None}],
    ),
    "managed agents session": ("managed_agents", MANAGED_SESSION),
    "managed agents recorded calls": (
        "managed_agents",
        lines(
            [["client.beta.sessions.create", MANAGED_SESSION], ["client.beta.sessions.events.stream", MANAGED_EVENT]]
        ),
    ),
    "mlflow version 2": (
        "mlflow",
        {"info": {"request_id": "tr-1", "experiment_id": "0"}, "data": {"spans": [SPAN_V2]}},
    ),
    "mlflow artifact": ("mlflow", {"spans": [SPAN_V2]}),
    "jaeger single spans": ("jaeger", [{"traceID": "1", "spanID": "2", "operationName": "x", "startTime": 1}]),
    "otlp logs": ("otlp_logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [ADK_RECORD]}]}]}),
    "tempo with current keys": ("tempo", {"batches": [{"resource": {}, "scopeSpans": [{"spans": []}]}]}),
    "tempo of the second version": (
        "otlp",
        {"trace": {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": []}]}]}},
    ),
    "openai agents request": ("openai_agents", {"data": [{"object": "trace", "id": "trace_1", "workflow_name": "w"}]}),
}


def claims(path: Path) -> list[str]:
    """Return the names of the loaders that claim a file."""
    head = read_head(path, detect_compression(path))
    return [name for name, loader in LOADERS.items() if loader.sniff(head)]


def files(samples: Path) -> list[Path]:
    """Return every sample file."""
    return sorted(path for path in samples.rglob("*") if path.is_file())


def unread(samples: Path) -> set[Path]:
    """Return the sample files that no loader knows yet."""
    return {path for pattern in NO_LOADER_YET for path in samples.glob(pattern) if path.is_file()}


def dress(path: Path, folder: Path) -> list[Path]:
    """Return copies of a file: without its name, compressed, and with a byte order mark where it is text."""
    data = path.read_bytes()
    dressed = {"nameless": data, "gzip": gzip.compress(data, 1), "zstd": zstandard.compress(data, 1)}
    if b"\x00" not in data[:4096] and path.suffix != ".pb":
        dressed |= {"bom": BOM + data, "bom_gzip": gzip.compress(BOM + data, 1)}
    copies = []
    for name, content in dressed.items():
        copies.append(folder / name)
        copies[-1].write_bytes(content)
    return copies


def test_exactly_one_loader_claims_each_sample(samples: Path) -> None:
    found = {str(path.relative_to(samples)): claims(path) for path in files(samples) if path not in unread(samples)}
    assert {path: names for path, names in found.items() if len(names) != 1} == {}


def test_names_compression_and_byte_order_marks_change_no_claim(samples: Path, tmp_path: Path) -> None:
    changed = {}
    for path in files(samples):
        names = claims(path)
        others = {copy.name: found for copy in dress(path, tmp_path) if (found := claims(copy)) != names}
        if others:
            changed[str(path.relative_to(samples))] = names, others
    assert changed == {}


@pytest.mark.parametrize(("pattern", "name"), EXPECTED.items())
def test_each_sample_is_claimed_by_the_loader_of_its_format(pattern: str, name: str, samples: Path) -> None:
    found = {str(path): claims(path) for path in samples.glob(pattern)}
    assert found
    assert {path: names for path, names in found.items() if names != [name]} == {}


@pytest.mark.parametrize("pattern", NO_LOADER_YET)
def test_a_sample_without_a_loader_is_claimed_by_none(pattern: str, samples: Path) -> None:
    """When this fails because a loader now reads these files: take the pattern out of NO_LOADER_YET."""
    found = [path for path in samples.glob(pattern) if path.is_file()]
    assert found
    assert {str(path): claims(path) for path in found if claims(path)} == {}


@pytest.mark.parametrize(("name", "content"), MADE.values(), ids=MADE)
@pytest.mark.parametrize("indent", [None, 2])
def test_exactly_one_loader_claims_each_made_file(name: str, content: Any, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, list) and indent is None:
        path.write_text("".join(json.dumps(record) + "\n" for record in content))
    else:
        path.write_text(json.dumps(content, indent=indent))
    assert claims(path) == [name]
    assert all(claims(copy) == [name] for copy in dress(path, tmp_path))


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "Infinity"])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_number_that_json_does_not_have_hides_no_key_behind_it(
    number: str, indent: int | None, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_text(json.dumps({"a": 0.125, "said": 'NaN "x', **RUN}, indent=indent).replace("0.125", number) + "\n")
    assert claims(path) == ["langsmith"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("digits", [19, 20, 40, 5000])
def test_an_integer_beyond_64_bits_hides_no_key_behind_it(digits: int, indent: int | None, tmp_path: Path) -> None:
    path = tmp_path / "file"
    number = f"-{'9' * digits}"
    path.write_text(
        json.dumps({"a": 0.125, "said": f'{number} "x', **RUN}, indent=indent).replace("0.125", number) + "\n"
    )
    assert claims(path) == ["langsmith"]


@pytest.mark.parametrize(
    "head", [b"", b"\n\n", b"{", b"[", b"[]", b"{}", b"null", b'"text"', b"a,b\n1,2\n", b"\x00" * 100, b"[" * 5000]
)
def test_nothing_claims_a_file_that_says_nothing(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(head)
    assert claims(path) == []
