"""Whether agents do what they are declared to do, by words and by embeddings from a folder; and where nobody can tell, that is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from lens_builder import Step, agent, read_steps, tool

import agentlens as al
from agentlens import AgentLensError, Lens

DEFINED = {
    "Apollo": ("Write and publish press releases about harvest festivals", "Never delete customer invoices"),
    "Athena": ("Reconcile supplier invoices with the general ledger", "Do not publish press releases"),
    "Hermes": ("Translate shipping manifests into Portuguese", "Never sign contracts"),
}
PRESS = ["press festivals", "publish releases", "harvest press", "releases festivals"]
LEDGER = ["supplier ledger", "reconcile invoices", "general ledger", "invoices supplier"]


def defined(tmp_path: Path, deeds: dict[str, list[str]], names: tuple[str, ...] = tuple(DEFINED)) -> Lens:
    for name in names:
        duty, boundary = DEFINED[name]
        (tmp_path / name.lower()).mkdir(parents=True)
        text = f"# Identity\n\n- **Name:** {name}\n\n## Responsibilities\n- {duty}\n\n## Boundaries\n- {boundary}\n"
        (tmp_path / name.lower() / "IDENTITY.md").write_text(text)
    steps: list[Step] = []
    for name, queries in deeds.items():
        steps.append(agent(name, None, 0, 500, trace=name))
        steps += [
            tool(f"do#{n}", name, n + 1, trace=name, agent=name, arguments={"q": query})
            for n, query in enumerate(queries)
        ]
    return read_steps(tmp_path, steps)


def scores(lens: Lens) -> dict[str, tuple[float | None, str | None]]:
    rows = lens.sql("SELECT agent_name, score, nearest_other FROM identity_drift").fetchall()
    return {name: (score, other) for name, score, other in rows}


def test_who_does_the_work_of_another_has_drifted_and_who_does_its_own_has_not(tmp_path: Path) -> None:
    lens = defined(tmp_path, {"Apollo": PRESS * 2 + LEDGER * 4, "Athena": LEDGER * 5})
    found = scores(lens)
    assert found["Apollo"] == (pytest.approx(16 / 24), "Athena") and found["Athena"] == (0.0, None)
    ((before, after, low, high, spans),) = lens.sql(
        "SELECT score_before, score_after, score_low, score_high, span_ids FROM identity_drift WHERE agent_name = 'Apollo'"
    ).fetchall()
    assert before < after == 1 and low < 16 / 24 < high
    proved = lens.sql(
        "SELECT DISTINCT verdict FROM identity_alignment WHERE span_id IN (SELECT unnest($ids))", ids=spans
    )
    assert proved.fetchall() == [("other",)]


def test_a_boundary_is_crossed_by_a_step_that_has_all_its_words_and_not_by_one_that_denies_it(tmp_path: Path) -> None:
    deeds = LEDGER * 5 + ["publish the press releases", "we never publish press releases", "publish the ledger"]
    lens = defined(tmp_path, {"Athena": deeds})
    found = lens.sql(
        "SELECT span_id, boundary, boundary_source_line FROM identity_alignment WHERE boundary IS NOT NULL"
    ).fetchall()
    assert [(boundary, line) for _, boundary, line in found] == [("Do not publish press releases", 8)]
    assert lens.sql("SELECT span_ids[1] FROM identity_drift WHERE agent_name = 'Athena'").fetchall() == [(found[0][0],)]


@pytest.mark.parametrize(
    "deeds, names, reason",
    [
        ({"Apollo": PRESS}, ("Apollo", "Athena"), "too few to tell"),
        ({"Apollo": PRESS * 9}, ("Apollo",), "nobody whose work it could be"),
        ({"Zeus": PRESS * 9}, ("Apollo", "Athena"), "no identity file"),
        ({"Apollo": ["ls -la", "cat x"] * 20}, ("Apollo", "Athena"), "too few to tell"),
    ],
    ids=["few steps", "alone", "undeclared", "nothing in words"],
)
def test_where_it_cannot_be_told_that_is_said(
    tmp_path: Path, deeds: dict[str, list[str]], names: tuple[str, ...], reason: str
) -> None:
    rows = defined(tmp_path, deeds, names).sql("SELECT agent_name, score, reason FROM identity_drift").fetchall()
    assert all(score is None for _, score, _ in rows)
    assert reason in {name: why for name, _, why in rows}[next(iter(deeds))]


def test_a_manifest_declares_duties_as_well(tmp_path: Path) -> None:
    agents = [
        {"name": name, "model": "m", "role": "agent", "responsibilities": [duty], "boundaries": [boundary]}
        for name, (duty, boundary) in DEFINED.items()
    ]
    (tmp_path / "team.json").write_text(json.dumps({"agents": agents}))
    lens = defined(tmp_path, {"Apollo": LEDGER * 5}, names=())
    assert scores(lens)["Apollo"] == (1.0, "Athena")


def small_model(folder: Path) -> Path:
    """A static model of a dozen words in three directions: ships, money and words; synonyms share no letters."""
    from model2vec import StaticModel
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {
        "press": 0, "releases": 0, "publish": 0, "announcement": 0, "bulletin": 0,
        "invoices": 1, "ledger": 1, "supplier": 1, "bookkeeping": 1, "billing": 1,
        "shipping": 2, "manifests": 2, "cargo": 2, "[UNK]": 3,
    }  # fmt: skip
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    vectors = np.array([[float(direction == place) + 0.01 for place in range(3)] for direction in words.values()])
    StaticModel(
        vectors=vectors.astype(np.float32), tokenizer=tokenizer, normalize=True, config={"normalize": True}
    ).save_pretrained(folder)
    return folder


def test_embeddings_from_a_folder_see_synonyms_that_words_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(tmp_path / "model")
    lens = defined(tmp_path / "logs", {"Apollo": ["announcement bulletin", "billing bookkeeping"]})
    assert lens.sql("SELECT count(similarity) FROM identity_alignment").fetchall() == [(0,)]

    def refused(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr("socket.socket.connect", refused)
    assert (
        0 < lens.embed(model) < lens.sql("SELECT count(*) FROM texts_to_embed").fetchall()[0][0]
    )  # names are no words
    rows = lens.sql("SELECT verdict, similarity, other_similarity FROM identity_alignment ORDER BY preorder").fetchall()
    assert [verdict for verdict, *_ in rows] == ["unclear", "unclear"]
    assert rows[0][1] > rows[0][2] and rows[1][1] < rows[1][2]
    assert lens.embed(model) == lens.sql("SELECT count(*) FROM text_vectors").fetchall()[0][0]


def test_steps_are_compared_with_their_brief_by_meaning(tmp_path: Path) -> None:
    from test_goal_and_definitions import run

    lens = read_steps(
        tmp_path / "logs", run(["billing bookkeeping", "cargo"], brief="Check the invoices of the supplier")
    )
    lens.embed(small_model(tmp_path / "model"))
    near, far = (value for (value,) in lens.sql("SELECT similarity FROM goal_alignment ORDER BY step").fetchall())
    assert near > far + 0.2
    assert lens.sql("SELECT max(alignment) FROM goal_alignment").fetchall() == [(0.0,)]


class TopicEncoder:
    """An encoder of its own: a direction a topic, by the first words it knows; as sentence-transformers, it takes a list and gives rows."""

    TOPICS = ("press announcement bulletin", "invoices billing bookkeeping", "shipping cargo")

    def encode(self, texts: list[str]) -> list[list[float]]:
        return [[float(any(word in text.lower() for word in topic.split())) for topic in self.TOPICS] for text in texts]


def test_any_encoder_that_gives_a_row_a_text_is_taken_and_named(tmp_path: Path) -> None:
    lens = defined(tmp_path, {"Apollo": ["announcement bulletin", "billing bookkeeping", "weather"]})
    count = lens.embed(TopicEncoder())
    rows = lens.sql("SELECT similarity, other_similarity FROM identity_alignment ORDER BY preorder").fetchall()
    assert rows == [(1.0, 0.0), (0.0, 1.0), (None, None)]  # no vector, no likeness
    assert lens.sql("SELECT DISTINCT model, len(vector) FROM text_vectors").fetchall() == [
        ("test_identity_drift.TopicEncoder", 3)
    ]
    assert lens.sql("SELECT count(*) FROM text_vectors").fetchall() == [(count,)]


@pytest.mark.parametrize(
    "answer",
    [lambda texts: [[1.0]], lambda texts: [1.0] * len(texts), lambda texts: [[np.nan]] * len(texts), lambda: None],
)
def test_an_encoder_that_gives_no_vectors_is_refused_and_the_lens_is_left_as_it_was(
    tmp_path: Path, answer: Any
) -> None:
    lens = defined(tmp_path, {"Apollo": PRESS})
    count = lens.embed(TopicEncoder())
    with pytest.raises(AgentLensError, match="SimpleNamespace"):
        lens.embed(SimpleNamespace(encode=answer))
    assert lens.sql("SELECT count(*) FROM text_vectors").fetchall() == [(count,)]


def test_what_is_missing_for_embeddings_is_said_and_the_lens_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lens = defined(tmp_path / "logs", {"Apollo": PRESS})
    with pytest.raises(AgentLensError, match=r"model.safetensors.* is missing. agentlens downloads nothing"):
        lens.embed("minishlab/potion-base-8M")
    model = small_model(tmp_path / "model")
    lens.embed(model)
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        torn = small_model(tmp_path / f"torn {name}")
        (torn / name).write_bytes(b"torn")
        with pytest.raises(AgentLensError, match="could not be loaded"):
            lens.embed(torn)
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(AgentLensError, match="extra `embeddings`"):
        lens.embed(model)
    assert lens.sql("SELECT count(*) > 0 FROM text_vectors").fetchall() == [(True,)]
    assert al.read(tmp_path / "logs", progress=False).sql("FROM text_vectors").fetchall() == []
