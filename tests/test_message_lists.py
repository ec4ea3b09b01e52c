"""What calls were shown is stored once and comes back whole."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from session_evidence import one, read, rows
from text_evidence import TABLES

from agentlens import _message_lists
from agentlens._evidence import Evidence
from agentlens._message_lists import MOST_RANGES, MessageLists, Range
from agentlens._source import Place, Source
from agentlens.loaders import all_loaders
from agentlens.loaders._transcript import Transcript

sys.path.insert(0, str(Path(__file__).with_name("benchmarks")))
from long_logs import lines as logged

HERE = Place(1, 0, 0)

HASHES = st.sampled_from("abcdef")
WINDOWS = st.lists(st.tuples(st.sampled_from(["t1", "t2"]), st.lists(HASHES, max_size=30)), max_size=20)
ROOT = Path(__file__).parents[1]


def unpack(windows: list[tuple[str, list[str]]], lists: MessageLists) -> tuple[list[list[str]], int, int]:
    """Return what is read back, how many list entries are stored for it and how many ranges: the lists are kept as a table would."""
    stored: dict[tuple[int, int], str] = {}
    found, ranges = [], 0
    for trace_id, window in windows:
        shown: dict[int, str] = {}
        for position, list_id, length, added in lists.ranges(trace_id, window):
            ranges += 1
            for index, message in enumerate(added, length - len(added)):
                assert (list_id, index) not in stored
                stored[list_id, index] = message
            for index in range(length):
                assert position + index not in shown
                shown[position + index] = stored[list_id, index]
        found.append([shown[position] for position in range(len(shown))])
    return found, len(stored), ranges


@given(WINDOWS)
def test_every_window_comes_back_as_it_was(windows: list[tuple[str, list[str]]]) -> None:
    found, stored, ranges = unpack(windows, MessageLists())
    assert found == [window for _, window in windows]
    assert stored <= sum(len(window) for _, window in windows)
    assert ranges <= MOST_RANGES * len(windows)


def test_a_growing_conversation_is_stored_once() -> None:
    windows = [("t", [f"m{i}" for i in range(length)]) for length in range(1, 501, 2)]
    assert unpack(windows, MessageLists())[1:] == (499, 250)


def test_a_conversation_that_goes_back_keeps_what_is_common() -> None:
    way = [f"m{i}" for i in range(100)]
    other = way[:60] + [f"n{i}" for i in range(40)]
    windows = [("t", way[:length]) for length in range(1, 101)] + [("t", other[:length]) for length in range(60, 101)]
    assert unpack(windows, MessageLists())[1:] == (140, 100 + 1 + 40 * 2)


def test_a_note_that_ends_every_window_and_is_gone_in_the_next_costs_no_square() -> None:
    windows = [("t", [*(f"m{i}" for i in range(length)), f"note {length}"]) for length in range(1, 401)]
    found, stored, ranges = unpack(windows, MessageLists())
    assert found == [window for _, window in windows]
    assert stored < sum(map(len, found)) / 6
    assert ranges <= MOST_RANGES * len(windows)


def test_windows_that_share_nothing_cost_no_more_than_themselves() -> None:
    windows = [("t", [f"m{length}.{i}" for i in range(length)]) for length in range(1, 50)]
    assert unpack(windows, MessageLists())[1:] == (sum(range(1, 50)), 49)


def test_lists_that_are_forgotten_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentlens._message_lists.MOST_HELD", 50)
    windows = [(f"t{trace}", [f"m{i}" for i in range(length)]) for length in range(1, 40) for trace in range(9)]
    found, _, _ = unpack(windows, MessageLists())
    assert found == [window for _, window in windows]


class Compared:
    """Takes the windows of transcripts, and finds for each what would be stored if all of it were compared."""

    def __init__(self) -> None:
        self._lists, self._whole = MessageLists(), MessageLists()

    def add_span(self, place: Place, **columns: Any) -> None: ...

    def add_span_messages(
        self, place: Place, trace_id: str, span_id: str, direction: str, hashes: list[str], before: Sequence[Range] = ()
    ) -> list[Range]:
        if direction != "input":
            return []
        found = self._lists.ranges(trace_id, hashes, before)
        whole = self._whole.ranges(trace_id, list(hashes))
        assert [(*kept, list(added)) for *kept, added in found] == [(*kept, list(added)) for *kept, added in whole]
        return found


STEPS = st.lists(
    st.tuples(st.sampled_from(["show", "call", "forgetful call", "short call", "cut", "anew"]), st.integers(0, 2), st.sampled_from("ab")), max_size=60
)  # fmt: skip


@given(STEPS, st.integers(3, 40))
def test_a_window_that_goes_on_is_stored_as_if_it_were_compared_whole(
    steps: list[tuple[str, int, str]], most_held: int
) -> None:
    into: Any = Compared()
    transcripts = [Transcript(into, trace_id) for trace_id in ("t1", "t1", "t2")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentlens._message_lists.MOST_HELD", most_held)
        for step, which, message in steps:
            transcript = transcripts[which]
            if step == "show":
                transcript.show(message)
            elif step == "cut":
                del transcript.context[transcript.length // 2 :]
            elif step == "anew":
                transcript.context = [message, *transcript.context[1:3]]
            else:
                shown = transcript.length // 2 if step == "short call" else None
                transcript.add_call(HERE, "s", [message], shown=shown, is_remembered=step != "forgetful call")


@pytest.mark.parametrize("name", ["google_adk", "gemini_cli", "openhands", "managed_agents", "chat_list (a message a line)"])  # fmt: skip
def test_what_a_long_session_shows_again_is_not_compared_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, compared = tmp_path / "log", list[int]()
    path.write_text("".join(itertools.islice(logged(name, 10**9), 1200)))
    common = _message_lists._common
    monkeypatch.setattr(_message_lists, "_common", lambda a, b: compared.append(min(len(a), len(b))) or common(a, b))
    into, source = Evidence(TABLES, lambda table, batch: None), Source(path, 1)
    into.begin(source)
    all_loaders()[name.split()[0]].load(source, into)
    assert sum(compared) < 1200


def call(number: int, parent: int | None) -> list[dict[str, Any]]:
    """Return the lines of a user text and the answer to it."""
    base = {
        "sessionId": "s",
        "version": "2.1.39",
        "timestamp": f"2026-02-12T15:{number // 60:02}:{number % 60:02}.000Z",
    }
    asked = {"role": "user", "content": f"question {number}"}
    said = {
        "id": f"msg_{number}",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": f"answer {number}"}],
    }
    return [
        base | {"type": "user", "uuid": f"u{number}", "parentUuid": f"a{parent}" if parent is not None else None, "message": asked},
        base | {"type": "assistant", "uuid": f"a{number}", "parentUuid": f"u{number}", "message": said},
    ]  # fmt: skip


def test_a_session_takes_as_many_rows_as_it_has_messages(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    records = [record for number in range(200) for record in call(number, number - 1 if number else None)]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    with read(path) as lens:
        assert one(lens, "SELECT count(*) FROM span_messages") == sum(range(1, 400, 2)) + 200 + 200
        assert one(lens, "SELECT count(*) FROM message_lists") <= 400 + 200 + 200
        assert one(lens, "SELECT count(*) FROM span_message_ranges") == 200 + 200 + 200
        shown = rows(
            lens,
            "SELECT position, parts->>'$[0].content' FROM span_messages JOIN messages USING (message_hash) "
            "WHERE span_id = 'msg_150' AND direction = 'input' ORDER BY position",
        )
    expected = [text for number in range(150) for text in (f"question {number}", f"answer {number}")] + ["question 150"]
    assert shown == list(enumerate(expected))
