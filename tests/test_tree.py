"""Laws of the tree: any forest, in any form, order or split, stands as it would in plain Python."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_forests import (
    Span,
    as_lines,
    assert_accounts_balance,
    content,
    every_form,
    expected_tree,
    forests,
    read_bytes,
    span,
)

from agentlens import Lens, _finish
from agentlens._tree import indices, nearest, order_forest


def tree(lens: Lens) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = lens.sql("""
        SELECT trace_id, span_id, depth, preorder, subtree_end, root_span_id, is_orphan, is_cycle_broken FROM spans
    """).fetchall()
    return {(row[0], row[1]): row[2:] for row in rows}


def tree_of(spans: list[Span]) -> dict[tuple[str, str], tuple[Any, ...]]:
    with TemporaryDirectory() as folder, read_bytes(Path(folder), as_lines(spans)) as lens:
        return tree(lens)


@settings(max_examples=8)
@given(forests())
def test_any_forest_has_the_tree_worked_out_in_plain_python(spans: list[Span]) -> None:
    assert tree_of(spans) == expected_tree(spans)


@settings(max_examples=2)
@given(forests(most=8))
def test_every_form_of_otlp_gives_the_same_evidence(spans: list[Span]) -> None:
    expected = expected_tree(spans)
    seen = {}
    for form in every_form(spans):
        with TemporaryDirectory() as folder, read_bytes(Path(folder), form) as lens:
            assert tree(lens) == expected, form.name
            assert_accounts_balance(lens)
            seen[form.name] = content(lens)
    for table, rows in seen["lines.jsonl"].items():
        assert {name: one[table] for name, one in seen.items()} == dict.fromkeys(seen, rows)


@settings(max_examples=8)
@given(forests(), st.randoms(use_true_random=False), st.data())
def test_order_of_lines_and_split_over_files_never_matter(spans: list[Span], random: Any, data: st.DataObject) -> None:
    shuffled = random.sample(spans, len(spans))
    cut = data.draw(st.integers(0, len(spans)))
    parts = [part for part in (shuffled[:cut], shuffled[cut:]) if part]
    with (
        TemporaryDirectory() as whole,
        TemporaryDirectory() as split,
        read_bytes(Path(whole), as_lines(spans)) as one,
        read_bytes(Path(split), *map(as_lines, parts)) as other,
    ):
        assert content(one) == content(other)


@settings(max_examples=8)
@given(forests(most=6), st.data())
def test_duplicates_never_decide_by_order(spans: list[Span], data: st.DataObject) -> None:
    twice = spans + [{**one, "endTimeUnixNano": "1700000009000000000", "name": "again"} for one in spans[::2]]
    order = data.draw(st.permutations(range(len(twice))))
    cut = data.draw(st.integers(0, len(twice)))
    parts = [part for part in ([twice[i] for i in order[:cut]], [twice[i] for i in order[cut:]]) if part]
    with (
        TemporaryDirectory() as whole,
        TemporaryDirectory() as split,
        read_bytes(Path(whole), as_lines(twice)) as one,
        read_bytes(Path(split), *map(as_lines, parts)) as other,
    ):
        assert content(one) == content(other)
        assert_accounts_balance(other)
        assert other.sql("SELECT sum(records), sum(accepted), sum(skipped) FROM sources").fetchall() == [
            (len(twice), len(spans), len(twice) - len(spans))
        ]


def test_a_cycle_is_cut_at_its_first_span_and_what_hangs_on_it_stays_below() -> None:
    hanging, first, second = span(0, 0, 1, start=1), span(0, 1, 2, start=2), span(0, 2, 1, start=3)
    found = tree_of([hanging, first, second])
    assert {key[1][-1]: row[5] for key, row in found.items()} == {
        "1": False,
        "2": True,
        "3": False,
    }


def test_a_span_that_is_its_own_parent_stands_as_a_flagged_root() -> None:
    [(depth, *_, orphan, cut)] = tree_of([span(0, 0, 0)]).values()
    assert (depth, orphan, cut) == (0, False, True)


def test_children_before_parents_and_a_chain_of_thousands_need_no_recursion() -> None:
    chain = [span(0, number, number - 1 if number else None) for number in reversed(range(3000))]
    found = tree_of(chain)
    assert max(row[0] for row in found.values()) == 2999
    assert sum(row[2] - row[1] for row in found.values()) == 3000 * 3001 / 2


def test_subtrees_are_ranges() -> None:
    forest = order_forest([-1, 0, 1, 0, -1], [0])
    assert list(forest.preorder) == [0, 1, 2, 3, 4]
    assert list(forest.subtree_end) == [4, 3, 3, 4, 5]


def test_the_nearest_value_comes_from_the_span_itself_or_upwards() -> None:
    found = nearest([False, True, False, False], [-1, 0, 1, 0], indices(range(4)))
    assert list(found) == [-1, 1, 1, -1]


def test_names_are_inherited_down_the_tree_and_said_to_be(tmp_path: Path) -> None:
    def named(number: int, parent: int | None, agent: str | None, conversation: str | None) -> Span:
        said = {"gen_ai.agent.name": agent, "gen_ai.conversation.id": conversation}
        pairs = [{"key": key, "value": {"stringValue": value}} for key, value in said.items() if value]
        return span(0, number, parent, start=number + 1, attributes=pairs)

    spans = [
        named(0, None, "lead", "whole"),
        named(1, 0, None, None),
        named(2, 1, "writer", "own"),
        named(3, 2, None, None),
    ]
    with read_bytes(tmp_path, as_lines(spans)) as lens:
        rows = lens.sql("""
            SELECT agent_name, is_agent_inherited, conversation_id, is_conversation_inherited, 
              attributes->>'$."gen_ai.conversation.id"'
            FROM spans ORDER BY preorder
        """).fetchall()
    assert rows == [
        ("lead", False, "whole", False, None),
        ("lead", True, "whole", True, None),
        ("writer", False, "whole", True, "own"),
        ("writer", True, "whole", True, None),
    ]


@pytest.mark.parametrize("parent", [0, None], ids=["trees", "only roots"])
def test_of_millions_of_spans_only_numbers_leave_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parent: int | None
) -> None:
    placed: list[pa.Table] = []
    place = _finish._tree
    monkeypatch.setattr(_finish, "_tree", lambda con: placed.append(place(con)) or placed[-1])
    with read_bytes(tmp_path, as_lines([span(0, 0), span(0, 1, parent)])) as lens:
        assert len(tree(lens)) == 2
    assert {str(kind) for table in placed for kind in table.schema.types} <= {"int32", "bool"}


@settings(max_examples=4)
@given(forests())
def test_spans_that_are_moved_in_stretches_stand_as_if_moved_at_once(spans: list[Span]) -> None:
    whole, text = tree_of(spans), _finish._text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_finish, "_text", lambda step: text(step).replace("268_435_456", "50"))
        assert tree_of(spans) == whole
