"""What the loaders of agent frameworks, evals and chats share: each record of every sample is accounted for, and damage never raises."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from framework_logs import VALID, twisted
from session_evidence import account, assert_accounts_balance, assert_nothing_dangles, assert_places_hold, one, read

import agentlens as al

DOCUMENTS = ("google_adk/*", "inspect/[2l]*.json", "inspect/generated/*.json", "langgraph_checkpoint/*", "smolagents/*")
OTHERS = ("autogen_ag2/**/*.log", "autogen_ag2/*.db", "autogen_ag2/chat*", "inspect/**/*.eval")


@pytest.mark.parametrize("pattern", [*DOCUMENTS, *OTHERS])
def test_of_every_sample_each_record_is_accounted_for_and_has_its_place(pattern: str, samples: Path) -> None:
    paths = sorted(samples.glob(pattern))
    lens = read(*paths)
    assert len(account(lens)) == len(paths)
    assert_accounts_balance(lens)
    assert_nothing_dangles(lens)
    assert one(lens, "SELECT count(*) FROM spans WHERE is_orphan OR is_cycle_broken") == 0
    if pattern in DOCUMENTS:
        assert_places_hold(lens)


@pytest.mark.parametrize("name", VALID)
def test_values_with_strange_parts_never_raise_and_are_accounted_for(name: str, tmp_path: Path) -> None:
    choose = random.Random(name)
    for number in range(150):
        (tmp_path / f"{number:03}.json").write_text(json.dumps(twisted(VALID[name], choose)))
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("indent", [None, 1])
def test_torn_and_empty_files_never_raise_and_are_accounted_for(name: str, indent: int | None, tmp_path: Path) -> None:
    text = json.dumps(VALID[name], indent=indent)
    for number, end in enumerate(range(0, len(text), max(1, len(text) // 25))):
        (tmp_path / f"{number:03}.json").write_text(text[:end])
    (tmp_path / "deep.json").write_text('{"events":' + "[" * 5000)
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped


@pytest.mark.parametrize("name", ["inspect", "ag2"])
def test_containers_that_are_damaged_never_raise(name: str, samples: Path, tmp_path: Path) -> None:
    source = next(samples.glob("inspect/generated/*.eval" if name == "inspect" else "autogen_ag2/logs.db"))
    choose = random.Random(4)
    for number in range(60):
        data = bytearray(source.read_bytes())
        for _ in range(choose.choice((1, 5, 50))):
            data[choose.randrange(len(data))] = choose.randrange(256)
        (tmp_path / f"{number:03}").write_bytes(data[: choose.choice((len(data), len(data) // 2))])
    lens = al.read(tmp_path, format=name, progress=False)
    for records, accepted, rejected, skipped in account(lens):
        assert records == accepted + rejected + skipped
