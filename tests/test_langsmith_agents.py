"""Which LangSmith chains are an agent's run, on trees in the shape that LangChain's tracer gives them (langchain 1.5, langgraph 1.2)."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from detector_runs import found

import agentlens as al
from agentlens import Lens

Run = tuple[int, str, str, str | None]  # depth, name, run type, the agent that its metadata name


LOOP: list[Run] = [(1, "model", "chain", None), (2, "ChatModel", "llm", None), (1, "tools", "chain", None)]
ONE_AGENT: list[Run] = [*LOOP, (2, "search", "tool", None)]


def records(runs: list[Run], **more: dict[str, Any]) -> list[dict[str, Any]]:
    """LangSmith runs, a second each; `more` adds fields to the runs of a name."""
    above: dict[int, int] = {}
    rows = []
    for number, (depth, name, kind, agent) in enumerate(runs):
        above[depth] = number
        metadata = {"langgraph_checkpoint_ns": f"{agent}:0b1c"} if agent else {}
        row = {"id": f"r{number:02}", "trace_id": "r00", "parent_run_id": f"r{above[depth - 1]:02}" if depth else None}
        row |= {"name": name, "run_type": kind, "extra": {"metadata": metadata}, "status": "success"}
        row |= {"start_time": f"2026-05-01T10:00:{number:02}", "end_time": f"2026-05-01T10:01:{60 - number - 1:02}"}
        rows.append(row | more.get(name, {}))
    return rows


def read(folder: Path, rows: list[dict[str, Any]]) -> Lens:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "runs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return al.read(folder, progress=False)


def runs_of(lens: Lens) -> list[tuple[str, str | None]]:
    query = "SELECT name, agent_name FROM spans WHERE operation_name = 'invoke_agent' ORDER BY preorder"
    return lens.sql(query).fetchall()


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(0, "LangGraph", "chain", None), *ONE_AGENT], [("LangGraph", None)]),
        ([(0, "AgentExecutor", "chain", None), (1, "LLM", "llm", None), (1, "s", "tool", None)], [("AgentExecutor", None)]),
        ([(0, "scout", "chain", None), *ONE_AGENT], [("scout", "scout")]),
        (
            [(0, "LangGraph", "chain", None), (1, "chatbot", "chain", "chatbot"), (2, "LLM", "llm", "chatbot"), *ONE_AGENT[2:]],
            [("LangGraph", "chatbot")],
        ),
        (  # a node and the agent's graph in it are one run
            [
                (0, "LangGraph", "chain", None), (1, "scout", "chain", "scout"), (2, "scout", "chain", "scout"),
                (3, "model", "chain", "scout"), (4, "LLM", "llm", "scout"), (3, "search", "tool", "scout"),
                (1, "writer", "chain", "writer"), (2, "agent", "chain", "writer"), (3, "LLM", "llm", "writer"),
            ],
            [("scout", "scout"), ("writer", "writer")],
        ),
        (  # an agent as a tool, called by one of the same name
            [
                (0, "boss", "chain", "boss"), (1, "LLM", "llm", "boss"), (1, "ask", "tool", "boss"),
                (2, "boss", "chain", "boss"), (3, "LLM", "llm", "boss"), (3, "search", "tool", "boss"),
            ],
            [("boss", "boss"), ("boss", "boss")],
        ),
        ([(0, "RunnableSequence", "chain", None), (1, "Prompt", "prompt", None), (1, "LLM", "llm", None)], []),
        ([(0, "LangGraph", "chain", None), (1, "retrieve", "chain", "retrieve"), (1, "generate", "chain", "generate"), (2, "LLM", "llm", "generate")], []),
        ([(0, "etl", "chain", None), (1, "load", "tool", None)], []),
    ],
)  # fmt: skip
def test_a_chain_is_an_agents_run_where_a_model_works_with_tools_in_it(
    runs: list[Run], expected: list[tuple[str, str | None]], tmp_path: Path
) -> None:
    rows = records(runs)
    random.Random(7).shuffle(rows)
    with read(tmp_path, rows) as lens:
        assert runs_of(lens) == expected


def test_what_nobody_is_named_for_below_a_run_is_done_by_its_agent(tmp_path: Path) -> None:
    with read(tmp_path, records([(0, "scout", "chain", None), *ONE_AGENT])) as lens:
        assert lens.sql("SELECT DISTINCT agent_name FROM spans").fetchall() == [("scout",)]
        assert lens.sql("SELECT agent_name, known_from FROM agents").fetchall() == [("scout", "spans")]


def test_a_run_is_judged_anew_when_more_of_its_trace_arrives(tmp_path: Path) -> None:
    team: list[Run] = [
        (0, "LangGraph", "chain", None), (1, "scout", "chain", "scout"), (2, "scout", "chain", "scout"),
        (3, "model", "chain", "scout"), (4, "LLM", "llm", "scout"), (3, "search", "tool", "scout"),
        (1, "writer", "chain", "writer"), (2, "LLM", "llm", "writer"), (2, "save", "tool", "writer"),
    ]  # fmt: skip
    rows = records(team)
    with read(tmp_path / "all", rows) as lens:
        columns = "SELECT span_id, operation_name, agent_name, is_agent_inherited, depth FROM spans ORDER BY preorder"
        whole = lens.sql(columns).fetchall()
    for cut in (2, 5):
        case = tmp_path / f"{cut}.duckdb"
        for number, part in enumerate((rows[cut:], rows[:cut])):
            folder = tmp_path / f"{cut}{number}"
            read(folder, part).close()
            al.read(folder, into=case, progress=False).close()
        with al.read(case) as lens:
            assert lens.sql(columns).fetchall() == whole


def test_a_tool_that_failed_in_a_chain_whose_answer_is_silent_about_it_is_swallowed(tmp_path: Path) -> None:
    message = {"lc": 1, "type": "constructor", "id": ["AIMessage"], "kwargs": {"content": "The margin check holds."}}
    answer = {"generations": [[{"message": message}]]}
    failed = {"status": "error", "error": "ToolException('503 unavailable')", "inputs": {"input": '{"q": "book 4"}'}}
    runs: list[Run] = [
        (0, "LangGraph", "chain", None), (1, "tools", "chain", None), (2, "margin_check", "tool", None),
        (1, "model", "chain", None), (2, "ChatModel", "llm", None),
    ]  # fmt: skip
    lens = read(tmp_path, records(runs, margin_check=failed, ChatModel={"outputs": answer}))
    assert found(lens, "swallowed_error", "tier, agent_name") == [("proven", None)]


def test_a_search_that_found_nothing_is_no_failure_in_the_words_of_an_exception_either(tmp_path: Path) -> None:
    def shell(command: str) -> list[dict[str, Any]]:
        error = "ToolException('Exit code 1')Traceback (most recent call last):\n  File x\nToolException: Exit code 1"
        failed = {"status": "error", "error": error, "inputs": {"input": json.dumps({"command": command})}}
        return records([(0, "LangGraph", "chain", None), *LOOP, (2, "bash", "tool", None)], bash=failed)

    for number, (command, failures) in enumerate((("grep -n needle hay.txt", 0), ("make all", 1))):
        with read(tmp_path / str(number), shell(command)) as lens:
            assert lens.sql("SELECT count(*) FROM errors").fetchall() == [(failures,)]


def test_samples_of_single_model_calls_hold_no_agents_run(samples: Path) -> None:
    with al.read(*sorted(samples.glob("langsmith/langsmith_*.json")), progress=False) as lens:
        assert runs_of(lens) == [] and lens.sql("SELECT count(*) > 0 FROM llm_calls").fetchall() == [(True,)]


def test_an_agents_chain_is_named_after_its_node_where_no_path_of_nodes_is_logged(tmp_path: Path) -> None:
    """A chain that is no agent's (a node of a plain graph) names nobody."""
    runs: list[Run] = [
        (0, "boss", "chain", None), (1, "LLM", "llm", None), (1, "ask", "tool", None),
        (2, "scout", "chain", None), (3, "LLM", "llm", None), (3, "search", "tool", None), (1, "format", "chain", None),
    ]  # fmt: skip
    nodes = ["boss", "boss", "boss", "scout", "scout", "scout", "format"]
    rows = records(runs)
    for row, node in zip(rows, nodes):
        row["extra"] = {
            "metadata": {"langgraph_node": node}
            | ({"ls_agent_type": "react"} if row["name"] in ("boss", "scout") else {})
        }
    with read(tmp_path, rows) as lens:
        assert runs_of(lens) == [("boss", "boss"), ("scout", "scout")]
        calls = "SELECT tool_name, agent_name FROM spans WHERE tool_name IS NOT NULL ORDER BY 1"
        assert lens.sql(calls).fetchall() == [("ask", "boss"), ("search", "scout")]
