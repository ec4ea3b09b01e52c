"""Platform exports of real runs: what the lens holds is what plain `json` finds in the file."""

from __future__ import annotations

import base64
import csv
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from agentlens import Lens, read

Row = dict[str, Any]
FILES = [
    *("openinference/langgraph_supervisor.console.json", "openinference/openai_agents_handoff.console.json"),
    *("openinference/smolagents_manager.console.json", "otel_genai/pydantic_ai_multiagent_v2.console.json"),
    *("otel_genai/pydantic_ai_multiagent_v5.console.json", "jaeger_json/helm_2.json", "jaeger_json/k8s.json"),
    "tempo_json/tempo_export_with_batches.json",
    *(
        f"otel_genai/any_agent_{name}_trace.json"
        for name in ("AGNO", "LANGCHAIN", "LLAMA_INDEX", "OPENAI", "SMOLAGENTS", "TINYAGENT")
    ),
    *("mlflow/trace_tr-1d95138c0.json", "mlflow/trace_tr-cedd02c30.json", "mlflow/traces.jsonl"),
    "openai_agents_sdk/handoff.trace_export.jsonl",
    *("openinference/phoenix_export_rest_spans.jsonl", "openinference/phoenix_export_spans_dataframe.parquet"),
    "openinference/phoenix_export_spans_dataframe_head.csv",
]
PATTERNS = ["langfuse/seeder/*.json", "langfuse/trace/*.trace.json", "langsmith/langsmith_*.json"]


class Logged(NamedTuple):
    """A span as the file says it, found without agentlens."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str


def sample_files(samples: Path) -> list[Path]:
    """Return every sample of these formats."""
    return [samples / file for file in FILES] + sorted(path for pattern in PATTERNS for path in samples.glob(pattern))


def json_values(path: Path) -> Iterator[Any]:
    """Yield the JSON values of a file one after the other, whatever stands between them."""
    text, at, decoder = path.read_text("utf-8"), 0, json.JSONDecoder()
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        value, at = decoder.raw_decode(text, at)
        yield value


# --- the spans of each format, read with nothing but the standard library ---------------------------------------------


def console(path: Path) -> Iterator[Logged]:
    for s in json_values(path):
        yield Logged(
            s["context"]["trace_id"][2:], s["context"]["span_id"][2:], (s["parent_id"] or "")[2:] or None, s["name"]
        )


def jaeger(path: Path) -> Iterator[Logged]:
    for trace in json.loads(path.read_text())["data"]:
        for s in trace["spans"]:
            parents = [r["spanID"] for r in s["references"] if r["refType"] == "CHILD_OF"]
            yield Logged(s["traceID"], s["spanID"], parents[0] if parents else None, s["operationName"])


def tempo(path: Path) -> Iterator[Logged]:
    for batch in json.loads(path.read_text())["batches"]:
        for library in batch["instrumentationLibrarySpans"]:
            for s in library["spans"]:
                yield Logged(s["traceId"], s["spanId"], s.get("parentSpanId") or None, s["name"])


def any_agent(path: Path) -> Iterator[Logged]:
    for s in json.loads(path.read_text())["spans"]:
        parent = s["parent"] and s["parent"]["span_id"]
        ids = (
            f"{s['context']['trace_id']:032x}",
            f"{s['context']['span_id']:016x}",
            f"{parent:016x}" if parent else None,
        )
        yield Logged(*ids, s["name"])


def mlflow(path: Path) -> Iterator[Logged]:
    def unbase(text: str) -> str:
        return base64.b64decode(text).hex()

    for trace in json_values(path):
        for s in trace["data"]["spans"]:
            parent = s["parent_span_id"]
            yield Logged(unbase(s["trace_id"]), unbase(s["span_id"]), unbase(parent) if parent else None, s["name"])


def openai_agents(path: Path) -> Iterator[Logged]:
    for s in json_values(path):
        if s["object"] == "trace.span":
            data = s["span_data"]
            name = f"handoff to {data['to_agent']}" if data["type"] == "handoff" else data.get("name") or data["type"]
            yield Logged(s["trace_id"], s["id"], s["parent_id"], name)


def phoenix(path: Path) -> Iterator[Logged]:
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    elif path.suffix == ".csv":
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
    else:
        rows = [
            {**s, "context.trace_id": s["context"]["trace_id"], "context.span_id": s["context"]["span_id"]}
            for s in json_values(path)
        ]
    for s in rows:
        yield Logged(s["context.trace_id"], s["context.span_id"], s["parent_id"] or None, s["name"])


def langfuse(path: Path) -> Iterator[Logged]:
    for o in json.loads(path.read_text())["observations"]:
        yield Logged(o["traceId"], o["id"], o.get("parentObservationId"), o["name"])


def langsmith(path: Path) -> Iterator[Logged]:
    for run in json.loads(path.read_text())["post"]:
        yield Logged(run["trace_id"], run["id"], run.get("parent_run_id"), run["name"])


def logged_spans(path: Path) -> list[Logged]:
    """Return the spans of a sample, found without agentlens."""
    folder, name = path.parent.name, path.name
    readers = {
        "jaeger_json": jaeger,
        "tempo_json": tempo,
        "mlflow": mlflow,
        "openai_agents_sdk": openai_agents,
        "langsmith": langsmith,
    }
    if folder in ("seeder", "trace"):
        found = langfuse(path)
    elif folder in readers:
        found = readers[folder](path)
    elif "console" in name:
        found = console(path)
    else:
        found = phoenix(path) if "phoenix" in name else any_agent(path)
    return sorted(found)


class Held(NamedTuple):
    """What a lens of one sample holds."""

    spans: list[Row]
    source: Row


@functools.lru_cache(maxsize=128)
def held(path: Path) -> Held:
    """Read a sample once for all tests."""
    with read(path, progress=False) as lens:
        return Held(rows_of(lens, "FROM spans"), rows_of(lens, "FROM sources")[0])


def rows_of(lens: Lens, query: str) -> list[Row]:
    """Return the rows of a query as dicts."""
    relation = lens.sql(query)
    return [dict(zip(relation.columns, row)) for row in relation.fetchall()]


# --- laws over all samples --------------------------------------------------------------------------------------------


def test_records_are_accepted_rejected_or_skipped_and_none_is_lost(samples: Path) -> None:
    for path in sample_files(samples):
        source = held(path).source
        assert source["rejected"] == 0, path
        assert source["records"] == source["accepted"] + source["skipped"], path
        assert sum(json.loads(source["skipped_reasons"]).values()) == source["skipped"], path


def test_the_spans_are_those_of_the_file_with_their_names_and_parents(samples: Path) -> None:
    for path in sample_files(samples):
        spans = [(s["trace_id"], s["span_id"], s["parent_span_id"], s["name"] or "") for s in held(path).spans]
        assert sorted(map(str, spans)) == sorted(map(str, [tuple(s) for s in logged_spans(path)])), path


def test_the_bytes_at_a_spans_place_are_that_span(samples: Path) -> None:
    for path in sample_files(samples):
        if path.suffix == ".parquet":
            continue
        data = path.read_bytes()
        for span in held(path).spans:
            offset = span["source_offset"]
            text = data[offset : offset + span["source_length"]]
            assert span["source_line"] == data[:offset].count(b"\n") + 1, path
            if path.suffix == ".csv":
                assert span["span_id"] in next(csv.reader([text.decode()])), path
                continue
            record = json.loads(text)
            shown = record.get("name", record.get("operationName", record.get("span_data", {}).get("name")))
            assert shown in (span["name"], None, ""), path


def test_a_parquet_row_has_its_number_for_a_line(samples: Path) -> None:
    path = samples / "openinference/phoenix_export_spans_dataframe.parquet"
    spans = held(path).spans
    assert {(s["source_offset"], s["source_length"]) for s in spans} == {(0, 0)}
    assert {s["span_id"]: s["source_line"] for s in spans} == {
        row["context.span_id"]: number for number, row in enumerate(pq.read_table(path).to_pylist(), 1)
    }


def test_reading_everything_twice_changes_nothing(samples: Path, tmp_path: Path) -> None:
    files = sample_files(samples)

    def shown(lens: Lens) -> list[Any]:
        tables = ("spans", "messages", "span_messages", "span_events", "sources", "rejects")
        return [
            lens.sql(f"SELECT count(*), bit_xor(hash(t::VARCHAR)) FROM {table} AS t").fetchall() for table in tables
        ]

    with read(*files, into=tmp_path / "lens.duckdb", progress=False) as lens:
        before = shown(lens)
    with read(*reversed(files), into=tmp_path / "lens.duckdb", progress=False) as lens:
        assert shown(lens) == before


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_langfuse_tokens_are_those_of_the_observations_with_reasoning_inside(samples: Path) -> None:
    """A span that is no generation may bring a total of its own in the attributes of the span it came in as."""
    for path in sorted((samples / "langfuse").glob("*/*.json")):
        if path.name.endswith(".chatml.json"):
            continue
        observations = {o["id"]: o for o in json.loads(path.read_text())["observations"]}
        for span in held(path).spans:
            observation = observations[span["span_id"]]
            plain = {"input": observation["inputUsage"], "output": observation["outputUsage"]}
            usage = observation.get("usageDetails") or plain
            tokens, output = usage.get("input", 0), usage.get("output", 0)
            total, reasoning = usage.get("total", 0), usage.get("output_reasoning", 0)
            if reasoning and tokens + output + reasoning == total:
                output += reasoning
            is_call = observation["type"] == "GENERATION"
            if is_call or tokens or output:
                assert (span["input_tokens"] or 0, span["output_tokens"] or 0) == (tokens, output), path
            assert span["usage_scope"] in (None, "self" if is_call else "rollup"), path


def test_other_platforms_tokens_are_those_of_the_file(samples: Path) -> None:
    def tokens(file: str) -> list[tuple[Any, ...]]:
        spans = held(samples / file).spans
        keys = ("input_tokens", "output_tokens", "cache_read_input_tokens", "reasoning_output_tokens")
        found = [tuple(s[key] for key in keys) for s in spans if s["usage_scope"] == "self"]
        return sorted(found, key=str)

    assert tokens("mlflow/traces.jsonl") == [(100, 20, 40, None)]
    for name in (
        "langsmith_py_wrap_openai_reasoning",
        "langsmith_js_wrap_openai_reasoning",
        "langsmith_py_wrap_openai_stream",
    ):
        usage = json.loads((samples / f"langsmith/{name}.json").read_text())["patch"][0]["outputs"]["usage_metadata"]
        details = usage["input_token_details"].get("cache_read"), usage["output_token_details"].get("reasoning")
        assert tokens(f"langsmith/{name}.json") == [(usage["input_tokens"], usage["output_tokens"], *details)]
    generations = [
        s["span_data"]
        for s in json_values(samples / "openai_agents_sdk/handoff.trace_export.jsonl")
        if s["object"] != "trace"
    ]
    usages = [data["usage"] for data in generations if data["type"] == "generation" and data["usage"]]
    assert tokens("openai_agents_sdk/handoff.trace_export.jsonl") == [
        (
            u["input_tokens"],
            u["output_tokens"],
            u["input_tokens_details"]["cached_tokens"],
            u["output_tokens_details"]["reasoning_tokens"],
        )
        for u in usages
    ]
    for name in ("AGNO", "OPENAI", "TINYAGENT"):
        spans = json.loads((samples / f"otel_genai/any_agent_{name}_trace.json").read_text())["spans"]
        logged = [s["attributes"] for s in spans if "gen_ai.usage.input_tokens" in s["attributes"]]
        expected = [(a["gen_ai.usage.input_tokens"], a["gen_ai.usage.output_tokens"], None, None) for a in logged]
        assert tokens(f"otel_genai/any_agent_{name}_trace.json") == sorted(expected, key=str)


def test_nested_records_of_one_call_are_counted_once(samples: Path) -> None:
    """ADK's `call_llm` holds OpenLLMetry's `openai.chat`; Langfuse's agents and runs repeat what is below them."""
    expected = {
        "jaeger_json/k8s.json": (2203, 139),
        "jaeger_json/helm_2.json": (1822, 43),
        "langfuse/trace/microsoft-agent-2025-12-17.trace.json": (293, 106),
        "langfuse/trace/pydantic-ai-tools-2025-12-04.trace.json": (1315, 209),
        "langfuse/trace/vercel-aisdk-2025-11-17.trace.json": (62, 85),
        "openai_agents_sdk/handoff.trace_export.jsonl": (720, 180),
    }
    for file, tokens in expected.items():
        with read(samples / file, progress=False) as lens:
            counted = lens.sql(
                "SELECT sum(input_tokens), sum(output_tokens) FROM usage_ledger WHERE is_counted"
            ).fetchall()
        assert counted == [tokens], file


# --- one run, exported in many ways -----------------------------------------------------------------------------------

RUNS = [
    "openinference/langgraph_supervisor",
    "openinference/openai_agents_handoff",
    "openinference/smolagents_manager",
    "otel_genai/pydantic_ai_multiagent_v2",
    "otel_genai/pydantic_ai_multiagent_v5",
]
TREE = (
    "SELECT trace_id, span_id, parent_span_id, root_span_id, depth, name, status_code, error_type, is_control_flow"
    " FROM spans ORDER BY ALL"
)
MEANING = (
    "SELECT span_id, operation_name, agent_name, conversation_id, request_model, response_model, input_tokens,"
    " output_tokens, cache_read_input_tokens, reasoning_output_tokens, usage_scope, tool_name, tool_call_id,"
    " prompt_version FROM spans ORDER BY ALL"
)
SENT = "SELECT span_id, direction, position, message_hash FROM span_messages ORDER BY ALL"


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("other", [".otlp.jsonl", ".otlp.pb"])
def test_console_output_shows_the_same_run_as_otlp(run: str, other: str, samples: Path) -> None:
    with (
        read(samples / f"{run}.console.json", progress=False) as one,
        read(samples / f"{run}{other}", progress=False) as two,
    ):
        for query in (TREE, MEANING, SENT):
            assert one.sql(query).fetchall() == two.sql(query).fetchall()


@pytest.mark.parametrize("name", ["rest_spans.jsonl", "spans_dataframe.parquet"])
def test_a_phoenix_export_shows_the_runs_that_were_sent_to_phoenix(name: str, samples: Path) -> None:
    runs = [samples / f"{run}.otlp.jsonl" for run in RUNS if not run.endswith("_v2")]
    query = "SELECT trace_id, span_id, parent_span_id, depth, name, input_tokens, output_tokens FROM spans ORDER BY ALL"
    counted = "SELECT sum(input_tokens), sum(output_tokens) FROM usage_ledger WHERE is_counted"
    with (
        read(*runs, progress=False) as sent,
        read(samples / f"openinference/phoenix_export_{name}", progress=False) as kept,
    ):
        ids = "SELECT trace_id, span_id, parent_span_id, depth, name FROM spans ORDER BY ALL"
        assert kept.sql(ids).fetchall() == sent.sql(ids).fetchall()
        assert kept.sql(counted).fetchall() == sent.sql(counted).fetchall()
        leaves = query.replace("FROM spans", "FROM spans WHERE usage_scope = 'self'")
        assert kept.sql(leaves).fetchall() == sent.sql(leaves).fetchall()


def test_phoenix_parquet_and_json_say_the_same(samples: Path) -> None:
    with (
        read(samples / "openinference/phoenix_export_rest_spans.jsonl", progress=False) as lines,
        read(samples / "openinference/phoenix_export_spans_dataframe.parquet", progress=False) as frame,
    ):
        assert frame.sql(TREE).fetchall() == lines.sql(TREE).fetchall()
        assert frame.sql(SENT).fetchall() == lines.sql(SENT).fetchall()
