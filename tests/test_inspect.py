"""Logs of Inspect, held against what plain `json` and `zipfile` find in the same files."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import zipfile_zstd
from session_evidence import assert_accounts_balance, counted, dump, names, one, per_file, read, rows


def inspect_log(path: Path) -> dict[str, Any]:
    """Return header and samples of an Inspect log, archive or document."""
    if path.suffix == ".json":
        log: dict[str, Any] = json.loads(path.read_text())
        return log
    with zipfile_zstd.ZipFile(path) as archive:
        members = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    return members["header.json"] | {
        "samples": [members[name] for name in sorted(members) if name.startswith("samples/")]
    }


def inspect_events(sample: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = sample.get("events") or sample.get("transcript", {}).get("events") or []
    return events


def inspect_files(samples: Path) -> list[Path]:
    return sorted(
        path for path in samples.glob("inspect/**/*") if path.is_file() and path.name != "parallel_spans.json"
    )


def test_inspect_totals_equal_the_statistics_of_each_log(samples: Path) -> None:
    paths = inspect_files(samples)
    figures = "coalesce(sum(input_tokens), 0)::INT, coalesce(sum(output_tokens), 0)::INT"
    found = per_file(read(*paths), f"{figures.replace('tokens)', 'tokens) FILTER (usage_scope = $$self$$)')}")
    for path in paths:
        usage = (inspect_log(path).get("stats") or {}).get("model_usage") or {}
        total = tuple(sum(one_model[key] for one_model in usage.values()) for key in ("input_tokens", "output_tokens"))
        if path.name != "log_tool_call_error.json":  # states a total, but holds no call
            assert found[path.name] == total, path.name


def test_inspect_samples_have_a_span_for_each_model_event_each_tool_and_each_span_begun(samples: Path) -> None:
    paths = inspect_files(samples)
    figures = "count(*) FILTER (operation_name = 'chat'), count(*) FILTER (operation_name = 'execute_tool'), count(*)"
    found = per_file(read(*paths), figures)
    for path in paths:
        tested = inspect_log(path)["samples"]
        events = [event for sample in tested for event in inspect_events(sample)]
        answers = [m for s in tested if not inspect_events(s) for m in s["messages"] if m["role"] == "tool"]
        calls = sum(event["event"] == "model" for event in events)
        tools = sum(event["event"] == "tool" for event in events)
        begun = [e for e in events if e["event"] == "span_begin" or (e["event"] == "step" and e["action"] == "begin")]
        others = sum(event["type"] != "tool" for event in begun)
        expected = calls, tools + len(answers), calls + tools + len(answers) + others + len(tested)
        assert found[path.name] == expected, path.name


def test_inspect_messages_of_calls_are_the_inputs_with_attachments_resolved(samples: Path) -> None:
    path = samples / "inspect/2025-05-12T20-27-36-04-00_browser.json"
    lens, sample = read(path), inspect_log(path)["samples"][0]
    model = [event for event in sample["events"] if event["event"] == "model"]
    shown = sum(len(event["input"]) for event in model)
    assert one(lens, "SELECT count(*) FROM span_messages WHERE direction <> 'output'") == shown
    assert one(lens, "SELECT count(*) FROM messages WHERE parts::VARCHAR LIKE '%attachment://%'") == 0


def test_inspect_pooled_inputs_are_the_ranges_that_are_referred_to(samples: Path) -> None:
    path = next(samples.glob("inspect/generated/*.json"))
    lens, sample = read(path), inspect_log(path)["samples"][0]
    refs = [event["input_refs"] for event in sample["events"] if event["event"] == "model"]
    expected = [sum(end - start for start, end in ranges) for ranges in refs]
    query = """
        SELECT count(*) FROM span_messages JOIN spans USING (trace_id, span_id)
        WHERE direction <> 'output' AND operation_name = 'chat' GROUP BY span_id ORDER BY any_value(start_time)"""
    assert [number for (number,) in rows(lens, query)] == expected


def test_inspect_handoff_puts_the_agent_under_the_tool_that_handed_over(samples: Path) -> None:
    for path in samples.glob("inspect/generated/*"):
        assert names(read(path))[4:10] == [
            "   invoke_agent supervisor",
            "    chat mockllm/model",
            "    handoff researcher",
            "     execute_tool transfer_to_researcher",
            "      invoke_agent researcher",
            "       chat mockllm/model",
        ]


def test_inspect_input_tokens_include_cached_ones_whichever_way_they_were_logged(tmp_path: Path) -> None:
    def log(usage: dict[str, int]) -> dict[str, Any]:
        event = {"event": "model", "uuid": "u", "model": "m", "input": [], "output": {"choices": [], "usage": usage}}
        header = {"version": 2, "status": "success", "eval": {"task": "t", "eval_id": "e"}}
        return header | {"samples": [{"id": 1, "epoch": 1, "events": [event]}]}

    usage = {"input_tokens": 10, "output_tokens": 5, "input_tokens_cache_read": 80, "input_tokens_cache_write": 7}
    apart = dump(tmp_path / "a.json", log(usage | {"total_tokens": 102}))
    inside = dump(tmp_path / "b.json", log(usage | {"input_tokens": 97, "total_tokens": 102}))
    assert counted(read(apart), "input_tokens", "output_tokens") == (97, 5)
    assert counted(read(inside), "input_tokens", "output_tokens") == (97, 5)
    assert "excludes cache" in one(read(apart), "SELECT input_tokens_meaning FROM sources")


def test_inspect_archive_with_a_damaged_member_keeps_the_others(samples: Path, tmp_path: Path) -> None:
    source = samples / "inspect/log_streaming.eval"
    data = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as archive:
        victim = next(info for info in archive.infolist() if info.filename.startswith("samples/"))
    start = victim.header_offset + 60
    data[start : start + 40] = b"\xff" * 40
    path = tmp_path / "x.eval"
    path.write_bytes(data)
    lens = read(path)
    assert_accounts_balance(lens, rejected=1)
    assert one(lens, "SELECT count(*) FROM spans WHERE depth = 0") == 3


def test_inspect_archive_without_header_says_so(samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.eval"
    with zipfile.ZipFile(samples / "inspect/log_streaming.eval") as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            if name != "header.json":
                target.writestr(name, source.read(name))
    lens = read(path)
    assert "no header" in str(rows(lens, "SELECT known_missing FROM sources"))
    assert one(lens, "SELECT count(*) FROM spans WHERE depth = 0") == 4


def test_archive_that_unpacks_without_end_is_no_danger(tmp_path: Path) -> None:
    """A member is read to 2 GiB at most; one that lies about its size is rejected by its checksum."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("samples/1_epoch_1.json", b" " * 50_000_000)
    path = tmp_path / "x.eval"
    path.write_bytes(buffer.getvalue())
    assert_accounts_balance(read(path), rejected=1)
