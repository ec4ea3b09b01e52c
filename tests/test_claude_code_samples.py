"""Real Claude Code sessions, read whole, in pieces, shuffled and interleaved: nothing lost, nothing counted twice."""

from __future__ import annotations

import gzip
import itertools
import json
import random
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from claude_code_counts import (
    ask,
    assistant_lines,
    count_calls,
    count_spans,
    count_tools,
    expected_totals,
    json_lines,
    lens_totals,
)

import agentlens as al
from agentlens.loaders import all_loaders, claude_code

SESSION = "4d5611e5-241a-462a-8d15-5122611a9569"
OTHER_SESSION = "fa812bfe-b295-4cca-9c2f-fdf01028cb46"
FILES = (
    f"{SESSION}.jsonl",
    f"{SESSION}/subagents/agent-a2898e3.jsonl",
    f"{SESSION}/subagents/agent-acompact-e1f845.jsonl",
    f"{OTHER_SESSION}.jsonl",
    f"{OTHER_SESSION}/subagents/agent-a93ccab.jsonl",
    f"{OTHER_SESSION}/subagents/agent-aa84377.jsonl",
    f"{OTHER_SESSION}/subagents/agent-acompact-70d8e7.jsonl",
    "agentsview_valid_session.jsonl",
    "ccl_edge_cases.jsonl",
    "ccl_representative_messages.jsonl",
    "ccl_session_b.jsonl",
    "ccl_todowrite_examples.jsonl",
    "simonw_sample_session.json",
    "simonw_sample_session.jsonl",
    "spotter_short.jsonl",
    "spotter_subagent.jsonl",
    "spotter_tool_heavy.jsonl",
)


@pytest.fixture
def folder(samples: Path) -> Path:
    return samples / "claude_code"


# --- the real files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_each_file_has_the_tokens_calls_tools_and_lines_that_plain_json_counts(folder: Path, name: str) -> None:
    path = folder / name
    with al.read(path, progress=False) as lens:
        assert lens_totals(lens) == expected_totals([path])
        assert count_spans(lens, "chat") == len(count_calls([path]))
        assert count_spans(lens, "execute_tool") == len(count_tools([path]))
        ((records, accepted, rejected, skipped, rejects),) = ask(
            lens, "SELECT records, accepted, rejected, skipped, (SELECT count(*) FROM rejects) FROM sources"
        )
    assert records == accepted + rejected + skipped
    assert rejected == rejects
    assert records == (
        len(list(json_lines(path)))
        if path.suffix == ".json"
        else sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
    )


def test_tokens_of_all_files_together_count_each_call_once(folder: Path) -> None:
    paths = [folder / name for name in FILES]
    with al.read(*paths, progress=False) as lens:
        assert lens_totals(lens) == expected_totals(paths)
        assert count_spans(lens, "chat") == len(count_calls(paths))
        assert count_spans(lens, "execute_tool") == len(count_tools(paths))
        ledger = "SELECT sum(input_tokens)::BIGINT, sum(output_tokens)::BIGINT FROM usage_ledger WHERE is_counted"
        assert ask(lens, ledger)[0] == expected_totals(paths)[::3]
        meanings = ask(lens, "SELECT DISTINCT input_tokens_meaning FROM sources WHERE input_tokens_meaning IS NOT NULL")
        assert meanings == [("excludes cache (added by the loader)",)]


def test_naive_sums_over_lines_are_several_times_too_high(folder: Path) -> None:
    """The trap the loader is for, so that this test file shows it would notice."""
    path = folder / f"{SESSION}.jsonl"
    naive = sum(line["message"]["usage"]["cache_creation_input_tokens"] for _, line in assistant_lines([path]))
    assert naive > 2.5 * expected_totals([path])[2]


SPAWNED = """
    SELECT agent.agent_id, agent.agent_name, tool.tool_name, tool.tool_call_arguments->>'subagent_type',
      agent.preorder > tool.preorder AND agent.preorder < tool.subtree_end, agent.depth - tool.depth
    FROM spans AS agent
    JOIN span_links AS link ON link.linked_span_id = agent.span_id AND link.linked_trace_id = agent.trace_id
    JOIN spans AS tool ON tool.span_id = link.span_id AND tool.trace_id = link.trace_id
    ORDER BY ALL"""


@pytest.mark.parametrize("order", ["parent first", "sub-agents first"])
def test_every_sub_agent_stands_under_the_call_that_spawned_it(folder: Path, tmp_path: Path, order: str) -> None:
    paths = [folder / name for name in FILES if name.startswith((SESSION, OTHER_SESSION))]
    paths.sort(key=lambda path: "subagents" in str(path), reverse=order == "sub-agents first")
    for path in paths:  # one read a file, so that the order is this one
        al.read(path, into=tmp_path / "case.duckdb", progress=False).close()
    with al.read(tmp_path / "case.duckdb") as lens:
        assert ask(lens, SPAWNED) == [
            (agent_id, "Explore", "Task", "Explore", True, 1) for agent_id in ("a2898e3", "a93ccab", "aa84377")
        ]
        assert ask(lens, "SELECT count(*) FROM spans WHERE depth = 0 OR is_orphan") == [(2,)]
        assert ask(lens, "SELECT DISTINCT agent_name FROM spans WHERE agent_id = 'a2898e3'") == [("Explore",)]
        named = "SELECT DISTINCT name FROM spans WHERE operation_name = 'invoke_agent' AND agent_name = 'Explore'"
        assert ask(lens, named) == [("invoke_agent Explore",)]
        compactions = (
            "SELECT agent_id, depth FROM spans WHERE agent_name = 'compaction' AND operation_name = 'invoke_agent'"
        )
        assert sorted(ask(lens, compactions)) == [("acompact-70d8e7", 1), ("acompact-e1f845", 1)]


def test_a_sub_agent_without_its_parent_file_is_a_root_and_the_source_says_so(folder: Path) -> None:
    with al.read(folder / FILES[1], progress=False) as lens:
        assert ask(lens, "SELECT name, agent_name, depth FROM spans WHERE depth = 0") == [
            ("invoke_agent a2898e3", "a2898e3", 0)
        ]
        ((missing,),) = ask(lens, "SELECT known_missing FROM sources")
    assert missing == [f"Which call spawned sub-agent a2898e3 is said in the log of session {SESSION}, not here."]


def test_the_tree_is_session_turns_then_calls_and_tools_in_time(folder: Path) -> None:
    with al.read(folder / "spotter_short.jsonl", progress=False) as lens:
        rows = ask(lens, "SELECT depth, name, status_code, is_control_flow FROM spans ORDER BY preorder")
    assert rows == [
        (0, "session", "UNSET", False),
        (1, "turn 1", "UNSET", False),
        (2, "chat claude-opus-4-6", "UNSET", False),
        (2, "execute_tool Bash", "ERROR", True),  # the user said no
        (2, "execute_tool Glob", "ERROR", True),
    ]


def test_a_call_was_shown_everything_said_since_the_last_compaction(folder: Path) -> None:
    path = folder / f"{SESSION}.jsonl"
    lines = list(json_lines(path))
    start = next(n for n, line in enumerate(lines) if line.get("subtype") == "compact_boundary")
    key, last = list(assistant_lines([path]))[-1]
    first = next(n for n, line in enumerate(lines) if line.get("requestId") == last["requestId"])
    said = [line for line in lines[start:first] if line["type"] in ("user", "assistant")]
    with al.read(path, progress=False) as lens:
        shown = ask(
            lens,
            "SELECT role, parts FROM span_messages JOIN messages USING (message_hash) "
            "WHERE span_id = $key AND direction = 'input' ORDER BY position",
            key=key,
        )
    assert len(shown) == len(said)
    assert shown[0][0] == "user" and "This session is being continued" in shown[0][1]
    results = [line for line in said if isinstance(line["message"]["content"], list) and line["type"] == "user"]
    assert sum(role == "tool" for role, _ in shown) == len(results)


def test_every_accepted_place_leads_back_to_the_line(folder: Path) -> None:
    path = folder / "spotter_subagent.jsonl"
    data = path.read_bytes()
    with al.read(path, progress=False) as lens:
        rows = ask(lens, "SELECT span_id, source_line, source_offset, source_length, tool_call_id FROM spans")
    for span_id, number, offset, length, tool_call_id in rows:
        line = json.loads(data[offset : offset + length])
        assert data[:offset].count(b"\n") == number - 1
        assert tool_call_id is None or tool_call_id in json.dumps(line)
        assert line["sessionId"] in span_id or line["uuid"] in span_id or tool_call_id or line["requestId"] in span_id


def test_no_other_sample_is_claimed(samples: Path) -> None:
    claimed = {
        str(path.relative_to(samples))
        for path in samples.rglob("*")
        if path.is_file() and claude_code.sniff(path.read_bytes()[: 64 * 1024])
    }
    assert claimed == {f"claude_code/{name}" for name in FILES}


def test_no_other_loader_claims_a_session(folder: Path) -> None:
    for name in FILES:
        head = (folder / name).read_bytes()[: 64 * 1024]
        assert [loader for loader, module in all_loaders().items() if module.sniff(head)] == ["claude_code"], name


# --- reading on -------------------------------------------------------------------------------------------------------

EVERYTHING = {
    "spans": "SELECT * FROM spans ORDER BY preorder",
    "span_messages": "SELECT * FROM span_messages ORDER BY ALL",
    "span_events": "SELECT * FROM span_events ORDER BY ALL",
    "span_links": "SELECT * FROM span_links ORDER BY ALL",
    "messages": "SELECT message_hash, role, name, parts FROM messages ORDER BY ALL",
    "rejects": "SELECT * FROM rejects ORDER BY ALL",
    "sources": "SELECT * FROM sources",
}


def read_in_pieces(data: bytes, cuts: Iterable[int], folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the lens after reading the first bytes up to each cut, one read after the other, into one file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    log, case = folder / "log.jsonl", folder / "case.duckdb"
    for cut in cuts:
        log.write_bytes(data[:cut])
        al.read(log, into=case, progress=False).close()
    with al.read(case) as lens:
        return {table: ask(lens, query) for table, query in EVERYTHING.items()}


def assert_same(pieces: dict[str, list[tuple[Any, ...]]], whole: dict[str, list[tuple[Any, ...]]], cut: int) -> None:
    for table, rows in whole.items():
        assert pieces[table] == rows, f"{table} differs when cut at {cut}"


def line_ends(data: bytes) -> list[int]:
    return [n + 1 for n, byte in enumerate(data) if byte == 10]


def test_a_small_file_read_in_two_pieces_gives_the_same_lens(folder: Path, tmp_path: Path) -> None:
    data = (folder / "ccl_edge_cases.jsonl").read_bytes()
    whole = read_in_pieces(data, [len(data)], tmp_path / "case")
    for cut in line_ends(data)[:-1:6]:
        assert_same(read_in_pieces(data, [cut, len(data)], tmp_path / "case"), whole, cut)


def test_a_big_file_read_in_two_pieces_gives_the_same_lens(folder: Path, tmp_path: Path) -> None:
    data = (folder / f"{OTHER_SESSION}.jsonl").read_bytes()
    whole = read_in_pieces(data, [len(data)], tmp_path / "case")
    for cut in random.Random(14).sample(line_ends(data), 2):
        assert_same(read_in_pieces(data, [cut, len(data)], tmp_path / "case"), whole, cut)


def test_a_file_read_in_many_pieces_gives_the_same_lens(folder: Path, tmp_path: Path) -> None:
    data = (folder / "spotter_tool_heavy.jsonl").read_bytes()
    whole = read_in_pieces(data, [len(data)], tmp_path / "case")
    assert_same(read_in_pieces(data, line_ends(data)[2::6], tmp_path / "case"), whole, 0)


@pytest.mark.parametrize("missing", [1, 40, 400])
def test_a_file_cut_within_a_line_gives_the_same_lens_when_it_is_whole(
    folder: Path, tmp_path: Path, missing: int
) -> None:
    data = (folder / "spotter_subagent.jsonl").read_bytes()
    whole = read_in_pieces(data, [len(data)], tmp_path / "case")
    for end in random.Random(missing).sample(line_ends(data)[1:], 2):
        cut = end - missing  # 1: the line is whole but has no line feed yet
        assert_same(read_in_pieces(data, [cut, len(data)], tmp_path / "case"), whole, cut)


def test_a_grown_file_is_read_from_where_it_ended_and_the_memory_holds_no_text(folder: Path, tmp_path: Path) -> None:
    data = (folder / f"{OTHER_SESSION}.jsonl").read_bytes()
    cut = line_ends(data)[1500]
    log, case = tmp_path / "log.jsonl", tmp_path / "case.duckdb"
    log.write_bytes(data[:cut])
    with al.read(log, into=case, progress=False) as lens:
        ((offset, state),) = ask(lens, "SELECT resume_offset, resume_state FROM sources")
    assert offset == cut
    assert len(state) < cut / 20
    texts = {block["text"] for line in json_lines(log) for block in blocks(line) if len(block.get("text", "")) > 40}
    assert len(texts) > 50
    assert not [text for text in texts if json.dumps(text)[1:41] in state]


def blocks(line: dict[str, Any]) -> list[dict[str, Any]]:
    content = line.get("message", {}).get("content", [])
    return [{"text": content}] if isinstance(content, str) else content


# --- files of very many conversations ---------------------------------------------------------------------------------


def interleaved(folder: Path) -> bytes:
    """The lines of two sessions and their sub-agents, in turn, as programs that share a file write them."""
    paths = sorted(folder / name for name in FILES if name.startswith((SESSION, OTHER_SESSION)))
    logs = [path.read_bytes().splitlines(keepends=True) for path in paths]
    return b"".join(line for lines in itertools.zip_longest(*logs) for line in lines if line)


def test_conversations_that_are_packed_and_taken_up_again_lose_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = interleaved(folder)
    whole = read_in_pieces(data, [len(data)], tmp_path / "case")
    monkeypatch.setattr("agentlens.loaders._claude_code_memory.LATEST_THREADS", 1)
    packed = read_in_pieces(data, [len(data)], tmp_path / "case")
    for table in set(whole) - {"sources"}:
        assert packed[table] == whole[table], table


def test_a_file_of_too_many_lines_to_remember_is_read_again_whole_when_it_has_grown(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = (folder / f"{OTHER_SESSION}.jsonl").read_bytes()
    whole = read_in_pieces(data, [len(data)], tmp_path / "case")
    monkeypatch.setattr("agentlens.loaders.claude_code.MOST_REMEMBERED", 10)
    pieces = read_in_pieces(data, [line_ends(data)[40], len(data)], tmp_path / "case")
    assert {table: rows for table, rows in pieces.items() if table != "sources"} == {
        table: rows for table, rows in whole.items() if table != "sources"
    }


def test_lines_in_any_order_give_the_same_tokens(folder: Path, tmp_path: Path) -> None:
    path = folder / "spotter_subagent.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        (tmp_path / "shuffled.jsonl").write_bytes(b"".join(lines))
        with al.read(tmp_path / "shuffled.jsonl", progress=False) as lens:
            assert lens_totals(lens) == expected_totals([path])
            assert count_spans(lens, "execute_tool") == len(count_tools([path]))


def test_a_compressed_session_reads_like_a_plain_one(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    lines = (folder / "spotter_subagent.jsonl").read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\xef\xbb\xbf" + b"".join([*lines[8:], *lines[:8]]))  # late lines are read again by their place
    (tmp_path / "s.gz").write_bytes(gzip.compress(path.read_bytes()))
    with al.read(path, progress=False) as plain, al.read(tmp_path / "s.gz", progress=False) as packed:
        for table in ("spans", "span_messages", "messages"):
            assert ask(plain, EVERYTHING[table]) == ask(packed, EVERYTHING[table])
