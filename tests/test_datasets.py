"""The bundled datasets are what their generators write, and hold what their truth files say.

Everything here is counted by plain json and the standard library, so that it can be the ground truth of other tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
WAVE_14 = DATASETS / "wave_14"
USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read.input_tokens",
    "cache_creation.input_tokens",
    "reasoning.output_tokens",
)


def read_truth(name: str) -> dict[str, Any]:
    return json.loads((DATASETS / "truth" / f"{name}.json").read_text(encoding="utf-8"))


def read_spans(folder: Path) -> dict[str, dict[str, Any]]:
    """Spans by id; attributes flat beside the span's own fields."""
    spans: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*.otlp.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for resource in json.loads(line)["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    for span in scope["spans"]:
                        assert span["spanId"] not in spans
                        spans[span["spanId"]] = {**span, **{a["key"]: plain(a["value"]) for a in span["attributes"]}}
    return spans


def plain(value: dict[str, Any]) -> Any:
    kind, content = next(iter(value.items()))
    return int(content) if kind == "intValue" else content


def read_records() -> list[dict[str, Any]]:
    paths = sorted((WAVE_14 / "agents").glob("*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def read_heartbeats() -> list[tuple[int, str, dict[str, str]]]:
    """Wave, time and the status of each agent listed, a beat."""
    beats: list[tuple[int, str, dict[str, str]]] = []
    for path in sorted((WAVE_14 / "heartbeats").iterdir()):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("Wave "):
                head, time = line.removeprefix("Wave ").split(" | ")
                beats.append((int(head), time.replace(" ", "T") + "Z", {}))
            elif line.startswith("  "):
                agent, state = line.strip().split(": ", 1)
                beats[-1][2][agent] = state.split(" (")[0]
    return beats


def is_error(span: dict[str, Any]) -> bool:
    return span["status"].get("code") == 2


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    return read_truth("wave_14")


@pytest.fixture(scope="module")
def spans() -> dict[str, dict[str, Any]]:
    return read_spans(WAVE_14)


def planted(truth: dict[str, Any], name: str) -> dict[str, Any]:
    return next(fault for fault in truth["faults"] + truth["decoys"] if fault["id"] == name)


def spans_of(truth: dict[str, Any], spans: dict[str, dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [spans[span_id] for span_id in planted(truth, name)["span_ids"]]


def start(span: dict[str, Any]) -> int:
    return int(span["startTimeUnixNano"])


def end(span: dict[str, Any]) -> int:
    return int(span["endTimeUnixNano"])


def tools_of(spans: dict[str, dict[str, Any]], agent_span_id: str) -> list[dict[str, Any]]:
    """The tool calls right below an agent's span, in time."""
    found = [s for s in spans.values() if s.get("parentSpanId") == agent_span_id and "gen_ai.tool.name" in s]
    return sorted(found, key=start)


def arguments(span: dict[str, Any]) -> dict[str, Any]:
    return json.loads(span["gen_ai.tool.call.arguments"])


# -- the files ---------------------------------------------------------------------------------------------------------


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def generate(name: str, out: Path) -> None:
    program = DATASETS / "generators" / f"{name}.py"
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "random"}
    subprocess.run([sys.executable, "-W", "ignore", str(program), str(out)], check=True, env=environment)


def test_wave_14_is_what_its_generator_writes(tmp_path: Path) -> None:
    generate("wave_14", tmp_path)
    assert files_below(tmp_path / "wave_14") == files_below(WAVE_14)
    assert json.loads((tmp_path / "truth" / "wave_14.json").read_text(encoding="utf-8")) == read_truth("wave_14")


def test_research_team_is_what_its_generator_writes(tmp_path: Path) -> None:
    made_with = read_truth("research_team")["made_with"]
    for package, wanted in made_with.items():
        found = installed(package)
        if found != wanted:
            pytest.skip(f"research_team was made with {package} {wanted}; here it is {found or 'not installed'}")
    generate("research_team", tmp_path)
    assert files_below(tmp_path / "research_team") == files_below(DATASETS / "research_team")
    assert json.loads((tmp_path / "truth" / "research_team.json").read_text()) == read_truth("research_team")


def installed(package: str) -> str | None:
    if package == "python":
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def test_log_folders_hold_logs_only_and_stay_small() -> None:
    for folder, suffixes in ((WAVE_14, {".jsonl", ".log", ".txt", ".md"}), (DATASETS / "research_team", {".jsonl"})):
        files = files_below(folder)
        assert {Path(name).suffix for name in files} == suffixes
        assert sum(map(len, files.values())) < 2_000_000
    assert not list(WAVE_14.glob("*.md"))


@pytest.mark.parametrize("name", ["wave_14", "research_team"])
def test_every_place_named_in_the_truth_holds_the_text(name: str) -> None:
    truth = read_truth(name)
    rows = truth["faults"] + truth["decoys"] + truth["wrong_deliverables"]
    places = [place for row in rows for place in row.get("where", [])]
    assert len(places) >= len(truth["faults"])
    for place in places:
        lines = (DATASETS / name / place["file"]).read_text(encoding="utf-8").split("\n")
        assert place["text"] in lines[place["line"] - 1]


def test_logs_name_no_secret_and_no_path_of_a_machine() -> None:
    text = b"".join([*files_below(WAVE_14).values(), *files_below(DATASETS / "research_team").values()])
    for unwanted in (b"sk-", b"ghp_", b"AKIA", b"/home/", b"/root/", b"/work/", b"/Users/"):
        assert unwanted not in text


# -- wave_14: counts ---------------------------------------------------------------------------------------------------


def test_wave_14_counts(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    counts, beats = truth["counts"], read_heartbeats()
    assert counts["files"] == len(files_below(WAVE_14))
    assert counts["spans"] == len(spans) and 300 <= len(spans) <= 1500
    assert counts["records"] == len(read_records())
    assert counts["heartbeats"] == len(beats)
    assert counts["heartbeat_lines"] == sum(len(agents) for _, _, agents in beats)
    assert Counter(span["traceId"] for span in spans.values()) == {w["trace_id"]: w["spans"] for w in truth["waves"]}


def test_wave_14_tokens_equal_a_plain_count(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    totals: dict[str, Counter[str]] = {}
    for span in spans.values():
        if span.get("gen_ai.operation.name") == "chat":
            row = totals.setdefault(span["gen_ai.agent.name"], Counter(dict.fromkeys(USAGE, 0)))
            row.update({"calls": 1, **{name: span.get(f"gen_ai.usage.{name}", 0) for name in USAGE}})
    for record in read_records():
        row = totals.setdefault(record["agent_id"], Counter(dict.fromkeys(USAGE, 0)))
        tokens = record["tokens"]
        row.update({"calls": 1, "input_tokens": tokens["prompt"], "output_tokens": tokens["completion"]})
    assert {agent: dict(row) for agent, row in totals.items()} == truth["tokens"]["by_agent"]
    assert dict(sum(totals.values(), Counter(dict.fromkeys(USAGE, 0)))) == {
        name: number for name, number in truth["tokens"]["total"].items() if number
    }


def test_only_chat_spans_carry_usage(spans: dict[str, dict[str, Any]]) -> None:
    carriers = {s["gen_ai.operation.name"] for s in spans.values() if "gen_ai.usage.input_tokens" in s}
    assert carriers == {"chat"}


def test_cached_and_reasoning_tokens_are_parts_of_the_whole(spans: dict[str, dict[str, Any]]) -> None:
    for span in spans.values():
        if "gen_ai.usage.input_tokens" in span:
            cached = [span.get(f"gen_ai.usage.{name}", 0) for name in USAGE[2:4]]
            assert 0 <= sum(cached) <= span["gen_ai.usage.input_tokens"]
            assert span.get("gen_ai.usage.reasoning.output_tokens", 0) < span["gen_ai.usage.output_tokens"]


def test_children_lie_within_the_wave_and_after_their_parent_began(spans: dict[str, dict[str, Any]]) -> None:
    roots = {span["traceId"]: span for span in spans.values() if "parentSpanId" not in span}
    assert len(roots) == 5
    for span in spans.values():
        assert start(span) < end(span)
        assert start(roots[span["traceId"]]) <= start(span) and end(span) <= end(roots[span["traceId"]])
        if span.get("parentSpanId") in spans:
            assert start(spans[span["parentSpanId"]]) <= start(span)


def test_agents_with_records_have_no_spans(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    loggers = {agent["name"] for agent in truth["agents"] if agent["logs"] == "records"}
    assert loggers == {record["agent_id"] for record in read_records()} == {"Ares", "Hyperion"}
    assert loggers.isdisjoint(span.get("gen_ai.agent.name") for span in spans.values())
    assert {record["parent_trace_id"] for record in read_records()} == {wave["trace_id"] for wave in truth["waves"]}


# -- wave_14: the incident ---------------------------------------------------------------------------------------------


def test_all_reported_complete_in_wave_14(truth: dict[str, Any]) -> None:
    last = read_heartbeats()[-1]
    assert last[0] == 14 and list(last[2].values()) == ["COMPLETE"] * 8
    assert set(truth["waves"][-1]["reports"].values()) == {"COMPLETE"}


def test_three_briefs_of_wave_14_and_no_others_lack_context(
    truth: dict[str, Any], spans: dict[str, dict[str, Any]]
) -> None:
    bare = {s["spanId"] for s in spans.values()
            if s.get("gen_ai.tool.name") == "dispatch_brief" and "context" not in arguments(s)}  # fmt: skip
    assert sum(s.get("gen_ai.tool.name") == "dispatch_brief" for s in spans.values()) == 40
    assert bare == {f["span_ids"][0] for f in truth["faults"] if f["detector"] == "missing_brief"}
    assert bare == {row["brief_span_id"] for row in truth["wrong_deliverables"]}


def test_the_facts_leave_the_conversation_of_atlas_at_the_compaction(
    truth: dict[str, Any], spans: dict[str, dict[str, Any]]
) -> None:
    _, compaction = spans_of(truth, spans, "context_collapse_atlas")
    chats = [s for s in spans.values() if s["traceId"] == compaction["traceId"]
             and s.get("gen_ai.agent.name") == "Atlas" and s.get("gen_ai.operation.name") == "chat"]  # fmt: skip
    chats.sort(key=start)
    here = chats.index(compaction)
    knows = ["Norrland Freight may not be named" in chat["gen_ai.input.messages"] for chat in chats]
    assert knows == [False] + [True] * here + [False] * (len(chats) - here - 1)
    assert chats[here + 1]["gen_ai.usage.input_tokens"] < compaction["gen_ai.usage.input_tokens"]


def test_wrong_deliverables_contradict_the_packet(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    packet = spans_of(truth, spans, "context_collapse_atlas")[0]["gen_ai.tool.call.result"]
    for row in truth["wrong_deliverables"]:
        written = [s for s in tools_of(spans, row["agent_span_id"]) if arguments(s).get("path") == row["deliverable"]]
        assert any(row["claim"] in s["gen_ai.tool.call.arguments"] for s in written)
        assert all(fact in packet for fact in row["contradicts"])
        assert all(fact not in spans[row["agent_span_id"]]["gen_ai.input.messages"] for fact in row["contradicts"])


def test_tool_loop_is_one_call_over_and_over(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    loop = spans_of(truth, spans, "tool_loop_artemis")
    assert len(loop) == 6
    assert len({(s["name"], s["gen_ai.tool.call.arguments"], s["gen_ai.tool.call.result"]) for s in loop}) == 1
    calls = tools_of(spans, loop[0]["parentSpanId"])
    assert calls[: len(loop)] == loop


def test_retry_storm_fails_five_times_before_it_succeeds(
    truth: dict[str, Any], spans: dict[str, dict[str, Any]]
) -> None:
    storm = spans_of(truth, spans, "retry_storm_hephaestus")
    assert [is_error(span) for span in storm] == [True] * 5 + [False]
    assert len({(s["name"], s["gen_ai.tool.call.arguments"]) for s in storm}) == 1


def test_swallowed_error_stands_below_a_success(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    fault = planted(truth, "swallowed_error_prometheus")
    failed, above = spans[fault["span_ids"][0]], spans[fault["reported_by"]]
    assert is_error(failed) and failed["parentSpanId"] == above["spanId"]
    assert above["status"] == {"code": 1} and "they hold at every tier" in above["gen_ai.output.messages"]
    later = [s for s in tools_of(spans, above["spanId"]) if start(s) > start(failed)]
    assert failed["gen_ai.tool.name"] not in {s["gen_ai.tool.name"] for s in later}


def test_blocked_agent_is_blocked_in_eight_beats_on_end(
    truth: dict[str, Any], spans: dict[str, dict[str, Any]]
) -> None:
    fault = planted(truth, "blocked_hermes")
    beats = [(time, agents["Hermes"]) for _, time, agents in read_heartbeats() if "Hermes" in agents]
    blocked = [time for time, status in beats if status == "BLOCKED"]
    assert len(blocked) == fault["blocked_beats"] == 8
    assert (blocked[0], blocked[-1]) == (fault["first_blocked_beat"], fault["last_blocked_beat"])
    assert fault["start_time"] <= blocked[0] and blocked[-1] <= fault["end_time"] <= fault["first_free_beat"]
    assert all(is_error(span) and span["error.type"] == "401" for span in spans_of(truth, spans, "blocked_hermes"))


def test_stale_packet_was_replaced_before_the_dispatch(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    fault = planted(truth, "stale_packet_hermes")
    brief = spans[truth["waves"][3]["briefs"]["Hermes"]["span_id"]]
    assert end(spans[fault["published_by"]]) < start(brief)
    assert arguments(brief)["packet_version"] == spans[fault["published_by"]]["packet.version"] == 4
    for span in spans_of(truth, spans, "stale_packet_hermes"):
        assert span["packet.version"] == 3 and start(span) > start(brief)


def test_competing_writes_have_no_read_between(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    first, second = spans_of(truth, spans, "competing_writes_pricing_page")
    assert {first["gen_ai.agent.name"], second["gen_ai.agent.name"]} == {"Apollo", "Prometheus"}
    between = [s for s in spans.values() if start(first) < start(s) < start(second) and "gen_ai.tool.name" in s]
    assert all(arguments(s).get("path") != "site/pricing.md" for s in between)
    assert arguments(first)["path"] == arguments(second)["path"] == "site/pricing.md"
    assert arguments(first)["content"] != arguments(second)["content"]


def test_missed_and_silent_agents_are_the_only_ones_off_the_board(truth: dict[str, Any]) -> None:
    agents = {agent["name"] for agent in truth["agents"]} - {"Atlas"}
    missing = {(time, agent) for _, time, listed in read_heartbeats() for agent in agents - set(listed)}
    hyperion, artemis = (planted(truth, name) for name in ("missed_heartbeat_hyperion", "silent_agent_artemis"))
    assert missing == {(t, "Hyperion") for t in hyperion["missed_beats"]} | {
        (t, "Artemis") for t in artemis["missed_beats"]
    }


def test_silent_agent_leaves_orphans_and_no_report(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    fault = planted(truth, "silent_agent_artemis")
    orphans = [s for s in spans.values() if "parentSpanId" in s and s["parentSpanId"] not in spans]
    assert {span["parentSpanId"] for span in orphans} == {fault["missing_parent_span_id"]}
    assert {span["gen_ai.agent.name"] for span in orphans} == {"Artemis"}
    assert max(orphans, key=end)["spanId"] == fault["span_ids"][0]
    reports = (WAVE_14 / "pax" / "2026-04-13.txt").read_text(encoding="utf-8").split("---\n")
    assert not [block for block in reports if "FROM: Artemis" in block and "WAVE: 12" in block]


def test_drift_shows_in_the_calls_of_one_agent_only(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    tokens: dict[tuple[str, str], list[int]] = {}
    for span in spans.values():
        if span.get("gen_ai.operation.name") == "chat":
            key = (span["gen_ai.agent.name"], span["gen_ai.prompt.version"])
            tokens.setdefault(key, []).append(span["gen_ai.usage.input_tokens"])
    growth = {}
    for agent in {agent for agent, _ in tokens} - {"Atlas"}:
        before, after = (tokens[agent, version] for version in ("v13", "v14"))
        growth[agent] = (sum(after) / len(after)) / (sum(before) / len(before))
    assert len(tokens["Athena", "v13"]) + len(tokens["Athena", "v14"]) >= 40
    assert growth.pop("Athena") > 1.7
    assert all(0.8 < ratio < 1.25 for ratio in growth.values())
    figures = planted(truth, "drift_athena")["figures"]
    for prompt in ("v13", "v14"):
        found = tokens["Athena", prompt]
        assert figures[prompt]["calls"] == len(found)
        assert figures[prompt]["mean_input_tokens"] == pytest.approx(sum(found) / len(found), abs=0.001)
    assert figures["v14"]["mean_seconds"] > 1.7 * figures["v13"]["mean_seconds"]


def test_decoys_are_healthy(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    retry = spans_of(truth, spans, "legitimate_retry_apollo")
    assert [is_error(span) for span in retry] == [True, False]
    polling = spans_of(truth, spans, "polling_hephaestus")
    assert len({span["gen_ai.tool.call.arguments"] for span in polling}) == 1
    assert len({span["gen_ai.tool.call.result"] for span in polling}) == len(polling) == 5
    writes = sorted(spans_of(truth, spans, "healthy_writes_pricing_page"), key=start)
    assert [span["gen_ai.tool.name"] for span in writes] == ["write_file", "read_file", "write_file"]
    assert [span["gen_ai.agent.name"] for span in writes] == ["Apollo", "Prometheus", "Prometheus"]
    (handoff,) = spans_of(truth, spans, "handoff_artemis")
    taken = [s for s in spans.values() if s.get("parentSpanId") == handoff["spanId"]]
    assert [span["name"] for span in taken] == ["invoke_agent Apollo"]


def test_hostile_text_is_in_one_tool_result(truth: dict[str, Any], spans: dict[str, dict[str, Any]]) -> None:
    hostile = {s["spanId"] for s in spans.values() if "<script>" in s.get("gen_ai.tool.call.result", "")}
    assert hostile == {truth["hostile_text"]["span_id"]}
    assert "\x1b[31m" in spans[truth["hostile_text"]["span_id"]]["gen_ai.tool.call.result"]


# -- research_team -----------------------------------------------------------------------------------------------------


def test_research_team_tokens_equal_a_plain_count_and_the_rollups() -> None:
    truth, spans = read_truth("research_team"), read_spans(DATASETS / "research_team")
    assert truth["counts"]["spans"] == len(spans)
    for name, total in truth["tokens"]["total"].items():
        assert total == sum(span.get(f"gen_ai.usage.{name}", 0) for span in spans.values())
        assert total == sum(span.get(f"gen_ai.aggregated_usage.{name}", 0) for span in spans.values())
        assert total == sum(row[name] for row in truth["tokens"]["by_agent"].values())


def test_research_team_swallows_the_error_between_two_spans() -> None:
    truth, spans = read_truth("research_team"), read_spans(DATASETS / "research_team")
    (fault,) = truth["faults"]
    failed, agent = spans[fault["span_ids"][0]], spans[fault["failed_agent_span_id"]]
    swallower, root = spans[fault["swallowed_by"]], spans[fault["reported_by"]]
    chain = [span["parentSpanId"] for span in (failed, agent, swallower)]
    assert chain == [agent["spanId"], swallower["spanId"], root["spanId"]]
    assert [is_error(span) for span in (failed, agent, swallower, root)] == [True, True, False, False]
    assert "All claims were checked" in root["final_result"]


def test_research_team_number_was_turned_round_after_the_search() -> None:
    truth, spans = read_truth("research_team"), read_spans(DATASETS / "research_team")
    (wrong,) = truth["wrong_deliverables"]
    assert wrong["contradicts"][0] in spans[wrong["source_span_id"]]["gen_ai.tool.call.result"]
    assert wrong["claim"] in spans[wrong["span_id"]]["final_result"]


def test_research_team_searches_are_retried_and_succeed() -> None:
    truth, spans = read_truth("research_team"), read_spans(DATASETS / "research_team")
    outcomes = [[is_error(spans[one]) for one in decoy["span_ids"]] for decoy in truth["decoys"]]
    assert outcomes == [[True, True, False], [True, False]]
