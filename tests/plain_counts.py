"""Tokens counted once, from raw logs, with little but the standard library: what the ledger is held against.

Written from the descriptions of the formats (`formats.md` beside the samples), not from the loaders. Each function takes
the text of one file and returns the metered calls in it: a key (the same call has the same key in every file) and the
five counts `input, output, cache read, cache write, reasoning`, input with cached tokens, output with reasoning.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import zipfile_zstd

Counts = tuple[int, int, int, int, int]
Calls = dict[Any, Counts]
Json = Any


def total(calls: Calls) -> Counts:
    """Add up the calls."""
    sums = [sum(column) for column in zip(*calls.values())] or [0] * 5
    return (sums[0], sums[1], sums[2], sums[3], sums[4])


def lines(path: Path) -> list[Json]:
    """Return the JSON values of a line format, damaged lines left out."""
    values = []
    for line in path.read_text("utf-8").splitlines():
        try:
            values.append(json.loads(line))
        except ValueError:
            continue
    return values


def claude_code(path: Path) -> Calls:
    """One call a (message id, request id); its lines repeat the usage while it grows, so the most output wins."""
    calls: Calls = {}
    for line in lines(path):
        message = line.get("message") if isinstance(line, dict) and line.get("type") == "assistant" else None
        if not message or not message.get("usage") or message.get("model") == "<synthetic>":
            continue
        u = message["usage"]
        read, written = u.get("cache_read_input_tokens") or 0, u.get("cache_creation_input_tokens") or 0
        counts = (u["input_tokens"] + read + written, u["output_tokens"], read, written, 0)
        key = (message.get("id") or line["uuid"], line.get("requestId"))
        calls[key] = max(calls.get(key, counts), counts, key=lambda each: each[1])
    return calls


def codex(path: Path) -> Calls:
    """The counter of a rollout only grows: its last value is the total."""
    last: Json = {}
    for line in lines(path):
        payload = line.get("payload") or {}
        if payload.get("type") == "token_count" and payload.get("info"):
            now = payload["info"]["total_token_usage"]
            assert now["total_tokens"] >= last.get("total_tokens", 0)
            last = now
    if not last:
        return {}
    cached, reasoning = last["cached_input_tokens"], last["reasoning_output_tokens"]
    return {path.name: (last["input_tokens"], last["output_tokens"], cached, 0, reasoning)}


def pi(path: Path) -> Calls:
    """One usage an answer; the cache stands beside the input."""
    calls: Calls = {}
    for number, line in enumerate(lines(path)):
        u = line["message"].get("usage") if line.get("type") == "message" else None
        if u:
            cached = u["cacheRead"] + u["cacheWrite"]
            calls[path.name, number] = (u["input"] + cached, u["output"], u["cacheRead"], u["cacheWrite"], 0)
    return calls


def aider(path: Path) -> Calls:
    """A line `> Tokens: …` ends an answer; rounded counts (`3.5k`) are no counts."""
    calls: Calls = {}
    pattern = re.compile(
        r"> Tokens: ([\d,]+) sent(?:, ([\d,]+) cache write)?(?:, ([\d,]+) cache hit)?, ([\d,]+) received"
    )
    for number, line in enumerate(path.read_text("utf-8").splitlines()):
        if found := pattern.match(line):
            sent, written, hit, received = (int((group or "0").replace(",", "")) for group in found.groups())
            calls[number] = (sent if sent >= written + hit else sent + written + hit, received, hit, written, 0)
    return calls


def span_calls(spans: dict[str, tuple[str | None, str, Counts | None]]) -> Calls:
    """Spans with their parent, kind (`call`, `agent` or `total`) and usage: what is no call, or is metered further in, is out."""
    inside: dict[str, set[str]] = {}
    for _, (parent, kind, counts) in spans.items():
        while counts and parent in spans:
            inside.setdefault(parent, set()).add(kind)
            parent = spans[parent][0]
    calls = {}
    for key, (_, kind, counts) in spans.items():
        below = inside.get(key, set())
        if counts and not (below if kind == "total" else "call" in below):
            calls[key] = counts
    return calls


def langfuse(path: Path) -> Calls:
    """Observations; where `input + output` fall short of `total` by exactly the reasoning, it stood beside."""
    document = json.loads(path.read_text("utf-8"))
    spans: dict[str, tuple[str | None, str, Counts | None]] = {}
    for o in document.get("observations") or document["trace"]["observations"]:
        u = o.get("usageDetails") or {"input": o.get("promptTokens") or o.get("inputUsage"), "output": o.get("completionTokens") or o.get("outputUsage"), "total": o.get("totalUsage")}  # fmt: skip
        given, output = u.get("input") or 0, u.get("output") or 0
        reasoning = u.get("completion_details.reasoning") or u.get("output_reasoning") or 0
        if given + output + reasoning == u.get("total"):
            output += reasoning
        read = u.get("prompt_details.cache_read") or u.get("input_cache_read") or 0
        kind = {"GENERATION": "call", "AGENT": "agent"}.get(o["type"], "total")
        counts = (given, output, read, 0, reasoning) if given or output else None
        spans[o["id"]] = (o.get("parentObservationId"), kind, counts)
    return span_calls(spans)


def langsmith(path: Path) -> Calls:
    """The usage of a run stands in its outputs; posts and patches of one run are one call."""
    document = json.loads(path.read_text("utf-8"))
    calls: Calls = {}
    for run in document.get("post", []) + document.get("patch", []):
        u = (run.get("outputs") or {}).get("usage_metadata")
        if u:
            read = (u.get("input_token_details") or {}).get("cache_read", 0)
            reasoning = (u.get("output_token_details") or {}).get("reasoning", 0)
            calls[path.name] = (u["input_tokens"], u["output_tokens"], read, 0, reasoning)
    return calls


def mlflow(path: Path) -> Calls:
    """The usage of a chat span is JSON in a string; what the trace says of itself is a total."""
    calls: Calls = {}
    for trace in lines(path) if path.suffix == ".jsonl" else [json.loads(path.read_text("utf-8"))]:
        for span in trace["data"]["spans"]:
            if text := span["attributes"].get("mlflow.chat.tokenUsage"):
                u = json.loads(text)
                cached = (u.get("cache_read_input_tokens", 0), u.get("cache_creation_input_tokens", 0))
                calls[trace["info"]["trace_id"], span["span_id"]] = (u["input_tokens"], u["output_tokens"], *cached, 0)
    return calls


def openai_agents(path: Path) -> Calls:
    """Only generations are calls; the custom spans `task` and `turn` carry totals."""
    calls: Calls = {}
    for line in lines(path):
        data = line.get("span_data") or {}
        if data.get("type") == "generation" and data.get("usage"):
            u = data["usage"]
            read, reasoning = u["input_tokens_details"]["cached_tokens"], u["output_tokens_details"]["reasoning_tokens"]
            calls[line["id"]] = (u["input_tokens"], u["output_tokens"], read, 0, reasoning)
    return calls


def langgraph(path: Path) -> Calls:
    """Every snapshot repeats the messages so far; an answer has an id."""
    calls: Calls = {}
    for line in lines(path):
        for message in (line.get("values") or {}).get("messages") or []:
            u = message["kwargs"].get("usage_metadata")
            if u:
                read, reasoning = u["input_token_details"]["cache_read"], u["output_token_details"]["reasoning"]
                calls[message["kwargs"]["id"]] = (u["input_tokens"], u["output_tokens"], read, 0, reasoning)
    return calls


def smolagents(path: Path) -> Calls:
    """One usage a step."""
    steps = json.loads(path.read_text("utf-8"))
    used = [(n, step["token_usage"]) for n, step in enumerate(steps) if step.get("token_usage")]
    return {(path.name, n): (u["input_tokens"], u["output_tokens"], 0, 0, 0) for n, u in used}


def google_adk(path: Path) -> Calls:
    """One usage an event with a model's response."""
    calls: Calls = {}
    for number, event in enumerate(json.loads(path.read_text("utf-8"))["event_logs"]):
        u = (event.get("model_response") or {}).get("usage_metadata")
        if u:
            calls[number] = (u["prompt_token_count"], u["candidates_token_count"], 0, 0, 0)
    return calls


def inspect(path: Path) -> Calls:
    """One usage a model event that was not answered from Inspect's own cache; Anthropic's input leaves the cache out."""
    if path.suffix == ".eval":
        archive = zipfile_zstd.ZipFile(path)
        samples = [json.loads(archive.read(name)) for name in archive.namelist() if name.startswith("samples/")]
    else:
        samples = json.loads(path.read_text("utf-8"))["samples"]
    calls: Calls = {}
    for sample in samples:
        for number, event in enumerate(sample.get("events") or (sample.get("transcript") or {}).get("events") or []):
            u = event["output"].get("usage") if event["event"] == "model" and event.get("cache") != "read" else None
            if u:
                read, written = u.get("input_tokens_cache_read") or 0, u.get("input_tokens_cache_write") or 0
                beside = u["input_tokens"] + u["output_tokens"] + read + written == u["total_tokens"]
                given = u["input_tokens"] + (read + written if beside else 0)
                counts = (given, u["output_tokens"], read, written, u.get("reasoning_tokens") or 0)
                calls[sample["id"], sample["epoch"], number] = counts
    return calls


def managed_agents(path: Path) -> Calls:
    """One usage an end of a model request, cached tokens beside the input; what was streamed and listed has one id."""
    calls: Calls = {}
    for line in lines(path):
        event = line[1] if isinstance(line, list) else line
        if isinstance(event, dict) and event["type"] == "span.model_request_end":
            u = event["model_usage"]
            read, written = u["cache_read_input_tokens"], u["cache_creation_input_tokens"]
            calls[event["id"]] = (u["input_tokens"] + read + written, u["output_tokens"], read, written, 0)
    return calls


def openhands(path: Path) -> Calls:
    """Events of one response repeat its usage; snapshots of the SDK are running totals, its LLM logs one call each."""
    calls: Calls = {}
    for run in [json.loads(path.read_text("utf-8"))] if path.suffix == ".json" else lines(path):
        for event in run.get("history") or []:
            response = (
                (event.get("tool_call_metadata") or {}).get("model_response") if isinstance(event, dict) else None
            )
            if response:
                u = response["usage"]
                calls[response["id"]] = (u["prompt_tokens"], u["completion_tokens"], 0, 0, 0)
        if run.get("kind") == "ConversationStateUpdateEvent" and run.get("key") == "stats":
            for name, metrics in run["value"]["usage_to_metrics"].items():
                u = metrics["accumulated_token_usage"]
                cached = (u["cache_read_tokens"], u["cache_write_tokens"])
                calls[name] = (u["prompt_tokens"], u["completion_tokens"], *cached, u["reasoning_tokens"])
        if "latency_sec" in run:
            u = run["response"]["usage"]
            calls[path.name] = (u["prompt_tokens"], u["completion_tokens"], 0, 0, 0)
    return calls


def swe_agent(path: Path) -> Calls:
    """Only the whole run is metered; replays say 0."""
    stats = json.loads(path.read_text("utf-8")).get("info", {}).get("model_stats") or {}
    return {path.name: (stats.get("tokens_sent", 0), stats.get("tokens_received", 0), 0, 0, 0)}


# --- span formats -----------------------------------------------------------------------------------------------------

_NAMES = (
    ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
    ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"),
    ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
     "gen_ai.usage.details.cache_read_tokens", "llm.token_count.prompt_details.cache_read"),
    ("gen_ai.usage.cache_write.input_tokens", "gen_ai.usage.cache_creation.input_tokens",
     "gen_ai.usage.details.cache_write_tokens", "llm.token_count.prompt_details.cache_write"),
    ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "gen_ai.usage.details.reasoning_tokens",
     "llm.token_count.completion_details.reasoning"),
)  # fmt: skip


def _counts(attributes: dict[str, Json]) -> Counts | None:
    """Read usage under any of its names; the aggregate of an agent run has names of its own and is left out."""
    found = [next((int(attributes[name]) for name in names if name in attributes), None) for names in _NAMES]
    if found[0] is None and found[1] is None:
        return None
    counts = [count or 0 for count in found]
    return (counts[0], counts[1], counts[2], counts[3], counts[4])


def _kind(attributes: dict[str, Json]) -> str:
    openinference = attributes.get("openinference.span.kind")
    if openinference == "AGENT" or attributes.get("gen_ai.operation.name") in ("invoke_agent", "create_agent"):
        return "agent"
    return "call" if openinference in (None, "LLM", "EMBEDDING") else "total"


def _spans(records: Iterator[tuple[str, str | None, dict[str, Json]]]) -> Calls:
    return span_calls({span: (parent, _kind(a), _counts(a)) for span, parent, a in records})


def _plain(pairs: list[Json]) -> dict[str, Json]:
    return {pair["key"]: next(iter(pair["value"].values()), None) if isinstance(pair["value"], dict) else pair["value"] for pair in pairs}  # fmt: skip


def otlp(path: Path) -> Calls:
    """Batches a line, or one document."""
    text = path.read_text("utf-8")
    batches = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    resources = [r for batch in batches for r in batch["resourceSpans"]]
    spans = [span for r in resources for scope in r["scopeSpans"] for span in scope["spans"]]
    return _spans((s["spanId"], s.get("parentSpanId"), _plain(s.get("attributes", []))) for s in spans)


def otel_console(path: Path) -> Calls:
    """Pretty-printed objects, one after the other."""
    text, decoder, values, at = path.read_text("utf-8"), json.JSONDecoder(), [], 0
    while (at := next((i for i in range(at, len(text)) if not text[i].isspace()), len(text))) < len(text):
        value, at = decoder.raw_decode(text, at)
        values.append(value)
    return _spans((s["context"]["span_id"], s.get("parent_id"), s["attributes"]) for s in values)


def jaeger(path: Path) -> Calls:
    """Attributes are tags."""
    spans = [span for trace in json.loads(path.read_text("utf-8"))["data"] for span in trace["spans"]]
    return _spans((s["spanID"], next((r["spanID"] for r in s["references"]), None), _plain(s["tags"])) for s in spans)


def tempo(path: Path) -> Calls:
    """OTLP under the names of its youth."""
    scopes = [s for b in json.loads(path.read_text("utf-8"))["batches"] for s in b["instrumentationLibrarySpans"]]
    spans = [span for scope in scopes for span in scope["spans"]]
    return _spans((s["spanId"], s.get("parentSpanId"), _plain(s.get("attributes", []))) for s in spans)


def any_agent(path: Path) -> Calls:
    """Ids are 128-bit integers."""
    spans = json.loads(path.read_text("utf-8"))["spans"]
    return _spans((str(s["context"]["span_id"]), str((s.get("parent") or {}).get("span_id")), s["attributes"]) for s in spans)  # fmt: skip


def phoenix(path: Path) -> Calls:
    """Spans with flat attributes, a line each."""
    spans = lines(path)
    attributes = [{**s["attributes"], "openinference.span.kind": s["span_kind"]} for s in spans]
    return _spans((s["context"]["span_id"], s["parent_id"], a) for s, a in zip(spans, attributes))


def otlp_protobuf(path: Path) -> Calls:
    """The same spans stand beside it as JSON: one run, written by two exporters."""
    return otlp(path.with_suffix(".jsonl"))


def _flat(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        return {name: value}
    return {inner: each for key, item in value.items() for inner, each in _flat(item, f"{name}.{key}").items()}


def phoenix_table(path: Path) -> Calls:
    """Spans as rows, their attributes as columns; what OpenInference has no name for stands under `gen_ai`."""
    if path.suffix == ".csv":
        csv.field_size_limit(10**9)
        rows: list[Json] = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    else:
        rows = pyarrow.parquet.read_table(path).to_pylist()
    spans = []
    for row in rows:
        llm = {key.removeprefix("attributes."): float(row[key]) for key in row if ".token_count." in key and row[key]}
        nested = {} if path.suffix == ".csv" else _flat(row["attributes.gen_ai"] or {}, "gen_ai")
        own = {key: value for key, value in nested.items() if key.startswith("gen_ai.usage.") and value is not None}
        attributes = {"openinference.span.kind": row["span_kind"], **own, **llm}
        spans.append((row["context.span_id"], row["parent_id"] or None, attributes))
    return _spans(iter(spans))


COUNTERS: dict[str, Callable[[Path], Calls]] = {
    "claude_code/**/*.jsonl": claude_code,
    "codex/**/*.jsonl": codex,
    "pi_openclaw/*.jsonl": pi,
    "aider/*.md": aider,
    "langfuse/trace/*.trace.json": langfuse,
    "langfuse/seeder/*.json": langfuse,
    "langsmith/*wrap*.json": langsmith,
    "langsmith/anthropic_managed_*.jsonl": managed_agents,
    "mlflow/*.json": mlflow,
    "mlflow/*.jsonl": mlflow,
    "openai_agents_sdk/*.jsonl": openai_agents,
    "langgraph_checkpoint/*.jsonl": langgraph,
    "smolagents/*.json": smolagents,
    "google_adk/successful_test.session.json": google_adk,
    "inspect/2025*.json": inspect,
    "inspect/log_read_sample.json": inspect,
    "inspect/*.eval": inspect,
    "inspect/generated/*.json": inspect,
    "openhands/*.jsonl": openhands,
    "openhands/sdk/*": openhands,
    "swe_agent/*.traj": swe_agent,
    "*/*.otlp.jsonl": otlp,
    "*/*base64ids.json": otlp,
    "*/*.console.json": otel_console,
    "jaeger_json/*.json": jaeger,
    "tempo_json/*.json": tempo,
    "otel_genai/any_agent_*.json": any_agent,
    "openinference/phoenix_export_rest_spans.jsonl": phoenix,
    "*/*.otlp.pb": otlp_protobuf,
    "openinference/phoenix_export_spans_dataframe.parquet": phoenix_table,
    "openinference/phoenix_export_spans_dataframe_head.csv": phoenix_table,
    "inspect/log_images_tc.json": inspect,
    "inspect/generated/*.eval": inspect,
}
"""Which counter reads which of the samples."""
