"""Views over span trees agree with plain Python on random forests: side by side, orphans, unfinished spans, failures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from lens_builder import ERROR, OK, agent, call, hex_id, read_steps, said, step, tool

from agentlens import Lens


class Node(NamedTuple):
    """A span of a random forest; times are nanoseconds, `parent` is an index, -1 for a root, -2 for one that is nowhere."""

    trace: int
    index: int
    parent: int
    start: int
    end: int | None
    failed: bool

    @property
    def name(self) -> str:
        return f"{self.trace}.{self.index}"


Forest = list[Node]


@st.composite
def lists_of_forests(draw: st.DrawFn) -> list[Forest]:
    """Many traces at once: reading a file costs more than the law costs to check."""
    return [draw_forest(draw, trace) for trace in range(draw(st.integers(1, 25)))]


def draw_forest(draw: st.DrawFn, trace: int) -> Forest:
    nodes = []
    for index in range(draw(st.integers(1, 12))):
        parent = draw(st.integers(-2, index - 1))
        start = draw(st.integers(0, 30))
        length = draw(st.none() | st.integers(0, 15))
        nodes.append(Node(trace, index, parent, start, None if length is None else start + length, draw(st.booleans())))
    return nodes


def read_forests(forests: list[Forest]) -> Lens:
    def parent_of(node: Node) -> str | None:
        return None if node.parent == -1 else "gone" if node.parent == -2 else f"{node.trace}.{node.parent}"

    steps = [
        step(
            n.name,
            parent_of(n),
            n.start / 1e9,
            None if n.end is None else n.end / 1e9,
            trace=f"t{n.trace}",
            status=ERROR if n.failed else None,
        )
        for nodes in forests
        for n in nodes
    ]
    with tempfile.TemporaryDirectory() as folder:
        return read_steps(Path(folder), steps)


def children_of(nodes: Forest, index: int) -> list[Node]:
    return [node for node in nodes if node.parent == index]


def ancestors_of(nodes: Forest, node: Node) -> list[Node]:
    found = []
    while node.parent >= 0:
        node = nodes[node.parent]
        found.append(node)
    return found


many = settings(max_examples=6)


def plain_self_time(nodes: Forest, node: Node) -> int | None:
    if node.end is None:
        return None
    ticks = set(range(node.start, node.end))
    for child in children_of(nodes, node.index):
        ticks -= set(range(child.start, node.end if child.end is None else child.end))
    return len(ticks)


@many
@given(lists_of_forests())
def test_self_time_is_the_time_in_which_no_child_ran(forests: list[Forest]) -> None:
    expected = {node.name: plain_self_time(nodes, node) for nodes in forests for node in nodes}
    assert dict(read_forests(forests).sql("SELECT name, self_time_ns FROM span_self_time").fetchall()) == expected


def in_tree_order(node: Node) -> tuple[int, str]:
    """Siblings stand by start; between equal starts their ids decide."""
    return node.start, hex_id(f"t{node.trace}/{node.name}")


def plain_path(nodes: Forest) -> set[str]:
    """Names on the critical path, by the words of its definition."""
    path = set()

    def walk(node: Node) -> None:
        path.add(node.name)
        if node.end is None:
            return
        clipped = []
        for child in sorted(children_of(nodes, node.index), key=in_tree_order):
            start, end = max(child.start, node.start), min(node.end if child.end is None else child.end, node.end)
            if end >= start:
                clipped.append((child, start, end))
        until: float = float("inf")
        while before := [item for item in clipped if item[2] <= until]:
            last = max(item[2] for item in before)
            child, start, end = min((item for item in before if item[2] == last), key=lambda item: item[1])
            walk(child)
            until = start - (start == end)

    for node in nodes:
        if node.parent < 0 and node.end is not None:
            walk(node)
    return path


@many
@given(lists_of_forests())
def test_the_critical_path_is_the_chain_of_last_enders(forests: list[Forest]) -> None:
    lens = read_forests(forests)
    expected = {name for nodes in forests for name in plain_path(nodes)}
    assert {name for (name,) in lens.sql("SELECT name FROM span_critical_path").fetchall()} == expected
    alone = lens.sql("SELECT name FROM trace_critical_path($trace_id)", trace_id=hex_id("t0", 32)).fetchall()
    assert {name for (name,) in alone} == plain_path(forests[0])


def test_the_parts_of_a_critical_path_add_up_to_its_root(tmp_path: Path) -> None:
    steps = [
        step("root", None, 0, 10),
        step("early", "root", 1, 4),
        step("beside", "root", 2, 6),
        step("late", "root", 6.5, 9),
        step("inner", "late", 7, 8),
    ]
    rows = read_steps(tmp_path, steps).sql("SELECT name, path_ns FROM span_critical_path ORDER BY position").fetchall()
    assert dict(rows) == {"root": 3_500_000_000, "beside": 4_000_000_000, "late": 1_500_000_000, "inner": 1_000_000_000}
    assert [name for name, _ in rows] == ["root", "beside", "late", "inner"]


@many
@given(lists_of_forests())
def test_an_error_is_counted_at_its_innermost_span(forests: list[Forest]) -> None:
    expected = set()
    for nodes in forests:
        above_failures = {above.index for node in nodes if node.failed for above in ancestors_of(nodes, node)}
        expected |= {node.name for node in nodes if node.failed and node.index not in above_failures}
    found = [name for (name,) in read_forests(forests).sql("SELECT name FROM errors").fetchall()]
    assert sorted(found) == sorted(expected)


@many
@given(lists_of_forests())
def test_span_tree_knows_parents_depths_and_descendants(forests: list[Forest]) -> None:
    expected = {
        node.name: (
            f"{node.trace}.{node.parent}" if node.parent >= 0 else None,
            len(ancestors_of(nodes, node)),
            sum(node in ancestors_of(nodes, other) for other in nodes),
            node.parent == -2,
        )
        for nodes in forests
        for node in nodes
    }
    query = """
        SELECT tree.name, parent.name, tree.depth, tree.descendants, tree.is_torn
        FROM span_tree AS tree
        LEFT JOIN spans AS parent ON parent.span_id = tree.parent_span_id AND parent.trace_id = tree.trace_id
    """
    assert {row[0]: row[1:] for row in read_forests(forests).sql(query).fetchall()} == expected


def test_span_path_and_span_subtree_answer_for_one_span(tmp_path: Path) -> None:
    lens = read_steps(tmp_path, [step("a"), step("b", "a"), step("c", "b"), step("d", "a", start=0.5)])
    trace_id, b = lens.sql("SELECT trace_id, span_id FROM spans WHERE name = 'b'").fetchall()[0]
    path = lens.sql("SELECT name FROM span_path($t, $s)", t=trace_id, s=b).fetchall()
    subtree = lens.sql("SELECT name FROM span_subtree($t, $s)", t=trace_id, s=b).fetchall()
    assert (path, subtree) == ([("a",), ("b",)], [("b",), ("c",)])


@many
@given(lists_of_forests())
def test_completeness_counts_what_is_torn(forests: list[Forest]) -> None:
    nodes = [node for forest in forests for node in forest]
    rows = (
        read_forests(forests)
        .sql("SELECT spans, orphans, unfinished, is_accounted_for FROM source_completeness")
        .fetchall()
    )
    assert rows == [(len(nodes), sum(n.parent == -2 for n in nodes), sum(n.end is None for n in nodes), True)]


def test_traces_and_conversations_sum_up_a_run(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 20, conversation="talk"),
        call("ask", "lead", 1, 2, input_tokens=100, output_tokens=10, model="gpt-4.1", provider="openai"),
        tool("look", "lead", 3, 4, status=ERROR, message="503 Service Unavailable"),
        agent("helper", "lead", 5, None),
        call(
            "ask 2", "helper", 6, 7, input_tokens=50, output_tokens=5, model="a model nobody sells", provider="openai"
        ),
    ]
    lens = read_steps(tmp_path, steps)
    query = """
        SELECT
          name, agent_name, agents, spans, roots, duration_ns, errors, unfinished, input_tokens, output_tokens, cost_usd,
          unpriced
        FROM traces
    """
    assert lens.sql(query).fetchall() == [("lead", "lead", 2, 5, 1, 20_000_000_000, 1, 1, 150, 15, 0.00028, 1)]
    query = (
        "SELECT conversation_id, agents, traces, spans, model_calls, errors, input_tokens, unpriced FROM conversations"
    )
    assert lens.sql(query).fetchall() == [("talk", 2, 1, 5, 2, 1, 150, 1)]


FAILURES = [
    ("RateLimitError", None, "rate limit"),
    ("429", None, "rate limit"),
    (None, "You exceeded your current quota", "rate limit"),
    ("TimeoutError", "The read operation timed out", "time-out"),
    ("504", None, "time-out"),
    (None, "503 Service Unavailable: pool exhausted", "unavailable"),
    ("ConnectionError", "connection refused", "unavailable"),
    ("overloaded_error", None, "unavailable"),
    ("401", "401 Unauthorized: private app token expired", "authentication"),
    ("PermissionError", "[Errno 13] Permission denied", "permission"),
    ("FileNotFoundError", "FileNotFoundError: finance/costs.csv", "not found"),
    (None, "<tool_use_error>File does not exist.</tool_use_error>", "not found"),
    (None, "This model's maximum context length is 128000 tokens", "context overflow"),
    (None, "prompt is too long: 210000 tokens > 200000 maximum", "context overflow"),
    ("ThrottlingException", "Too many tokens, please wait before trying again.", "rate limit"),
    (None, "Rate limit reached: Limit 30000 tokens per min, requested 41000", "rate limit"),
    ("ValidationError", "1 validation error for Plan", "malformed output"),
    ("JSONDecodeError", "Expecting value: line 1", "malformed output"),
    ("parsing", "...", "malformed output"),
    (None, "The arguments could not be parsed", "malformed output"),
    ("UnicodeDecodeError", "'utf-8' codec can't decode byte 0xff", "malformed output"),
    (None, "parsing of 3 files stopped", "unknown"),
    ("GuardrailTripwireTriggered", None, "guardrail or refusal"),
    (None, "connection refused", "unavailable"),
    ("KeyError", "'price'", "tool bug"),
    (None, "exit code 1", "tool bug"),
    ("409", "409 Conflict: draft is locked", "unknown"),
    (None, None, "unknown"),
    (None, "wrote 404 bytes of 429", "unknown"),
]


def test_a_failure_has_the_class_a_reader_would_give_it(tmp_path: Path) -> None:
    steps = [
        tool(f"look#{n}", "lead", n, status=ERROR, message=message, error_type=error_type)
        for n, (error_type, message, _) in enumerate(FAILURES)
    ]
    rows = read_steps(tmp_path, steps).sql("SELECT error_class FROM errors ORDER BY start_time").fetchall()
    found = [(error_type, message, row[0]) for (error_type, message, _), row in zip(FAILURES, rows, strict=True)]
    assert found == FAILURES


def test_a_silent_leaf_borrows_the_words_of_the_failed_span_around_it(tmp_path: Path) -> None:
    steps = [
        tool("deploy", "x", 0, 2, status=ERROR, message="503: pool exhausted"),
        step("POST", "deploy", 0.5, 1, status=ERROR),
    ]
    rows = read_steps(tmp_path, steps).sql("SELECT name, tool_name, message FROM errors").fetchall()
    assert rows == [("POST", "deploy", "503: pool exhausted")]


def test_a_call_that_two_instrumentations_log_is_one_call(tmp_path: Path) -> None:
    steps = [
        agent("lead"),
        call("call_llm", "lead", 1, 5, input_tokens=7),
        call("openai.chat", "call_llm", 2, 4, input_tokens=7),
        call("wrapper with usage", "lead", 6, 9, input_tokens=3),
        call("bare inner", "wrapper with usage", 7, 8),
        tool("search#outer", "lead", 10, 12),
        tool("search#inner", "search#outer", 10.5, 11),
        tool("other", "lead", 13),
    ]
    lens = read_steps(tmp_path, steps)
    assert lens.sql("SELECT list_sort(list(s.name)) FROM llm_calls JOIN spans AS s USING (preorder)").fetchall() == [
        (["openai.chat", "wrapper with usage"],)
    ]
    assert lens.sql("SELECT s.name FROM tool_calls JOIN spans AS s USING (preorder) ORDER BY ALL").fetchall() == [
        ("other",),
        ("search#inner",),
    ]


def test_context_growth_says_what_came_and_what_was_dropped(tmp_path: Path) -> None:
    def asked(*texts: str) -> list[dict[str, object]]:
        return [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]

    steps = [
        agent("lead", conversation="talk"),
        call("c1", "lead", 1, inputs=asked("a", "b"), input_tokens=10, outputs=said("x")),
        call("c2", "lead", 2, inputs=asked("a", "b", "c"), input_tokens=15),
        call("c3 unlogged", "lead", 3, input_tokens=99),
        call("c4", "lead", 4, inputs=asked("summary", "c"), input_tokens=4),
        call("c5 asks again", "lead", 4.7, inputs=asked("summary", "c", "a"), input_tokens=6),
        call("other conversation", None, 5, trace="other", agent="lead", inputs=asked("z")),
    ]
    query = """
        SELECT s.name, call_number, messages, messages_added, messages_dropped, input_tokens_added
        FROM context_growth JOIN spans AS s USING (preorder) ORDER BY s.start_time
    """
    assert read_steps(tmp_path, steps).sql(query).fetchall() == [
        ("c1", 1, 2, 2, 0, None),
        ("c2", 2, 3, 1, 0, 5),
        ("c3 unlogged", 3, None, None, None, 84),
        ("c4", 4, 2, 1, 2, -95),
        ("c5 asks again", 5, 3, 1, 0, 2),
        ("other conversation", 1, 1, 1, 0, None),
    ]


def test_message_parts_lists_texts_and_calls(tmp_path: Path) -> None:
    messages = [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "I look"},
                {"type": "tool_call", "id": "7", "name": "look", "arguments": {"q": 1}},
            ],
        }
    ]
    lens = read_steps(tmp_path, [call("c", None, outputs=messages)])
    query = (
        "SELECT part_index, type, content, tool_call_id, tool_name, tool_call_arguments FROM message_parts ORDER BY 1"
    )
    assert lens.sql(query).fetchall() == [
        (0, "text", "I look", None, None, None),
        (1, "tool_call", None, "7", "look", '{"q":1}'),
    ]


def test_drift_series_keeps_versions_apart(tmp_path: Path) -> None:
    steps = [
        call(
            f"{version} {n}",
            None,
            day * 86_400 + n,
            day * 86_400 + n + seconds,
            trace=f"{version}{n}",
            agent="lead",
            prompt_version=version,
            input_tokens=tokens,
            model="m",
            **{"gen_ai__prompt__version": version},
        )
        for version, day, seconds, tokens in (("v1", 0, 1, 10), ("v2", 1, 3, 40))
        for n in range(3)
    ]
    query = """
        SELECT prompt_version, time_bucket::DATE::VARCHAR, calls, duration_p50_ns, input_tokens_per_call, error_rate
        FROM drift_series ORDER BY 1
    """
    assert read_steps(tmp_path, steps).sql(query).fetchall() == [
        ("v1", "2026-01-01", 3, 1_000_000_000, 10.0, 0.0),
        ("v2", "2026-01-02", 3, 3_000_000_000, 40.0, 0.0),
    ]


def test_health_counts_calls_failures_and_what_ran_inside_a_tool(tmp_path: Path) -> None:
    steps = [
        agent("lead", None, 0, 50, status=OK),
        call("c1", "lead", 1, 2, input_tokens=10, output_tokens=1),
        call("c2", "lead", 3, 6, input_tokens=10, output_tokens=1),
        tool("Task", "lead", 7, 20, arguments={"subagent_type": "helper"}),
        agent("helper", "Task", 8, 19),
        call("c3", "helper", 9, 10, input_tokens=100, output_tokens=5),
        tool("look", "helper", 11, 12, status=ERROR, message="timed out", result="abc"),
    ]
    lens = read_steps(tmp_path, steps)
    query = "SELECT agent_name, runs, model_calls, tool_calls, errors, duration_p50_ns, input_tokens FROM agent_health"
    expected = [("helper", 1, 1, 1, 1, 10**9, 100), ("lead", 1, 2, 1, 0, 2 * 10**9, 20)]
    assert sorted(lens.sql(query).fetchall()) == expected
    query = "SELECT tool_name, calls, errors, error_rate, tokens_inside, result_bytes FROM tool_health ORDER BY 1"
    assert lens.sql(query).fetchall() == [("Task", 1, 0, 0.0, 105, None), ("look", 1, 1, 1.0, 0, 3)]
