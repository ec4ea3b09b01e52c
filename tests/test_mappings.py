"""Mappings given by hand or in a file, CSV, and the help for a file that no loader knows."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from home_grown_logs import lines

from agentlens import AgentLensError, UnknownFormat, mapping, read
from agentlens.loaders._mapping import describe_fields

ODD = {
    "when": 1776176591,
    "who": {"name": "Apollo"},
    "step": "think",
    "took": 2.5,
    "usage": [{"in": 5}],
    "a.b": "v2",
    "rest": 1,
}
ODD_MAPPING = {
    "start_time": {"path": "when", "unit": "s"}, "agent_name": ["nobody", "who.name"], "name": "step",
    "duration": {"path": "took", "unit": "s"}, "input_tokens": "usage.0.in", "prompt_version": "a.b",
}  # fmt: skip


def test_a_mapping_reads_any_record(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(lines(ODD, [1], {"nothing": "known"}))
    (tmp_path / "odd.yaml").write_text(
        json.dumps(ODD_MAPPING | {"constants": {"operation_name": "chat", "provider_name": "me"}})
    )
    by_hand = mapping(**ODD_MAPPING, constants={"operation_name": "chat", "provider_name": "me"})
    for chosen in (by_hand, mapping.from_yaml(tmp_path / "odd.yaml")):
        with read(path, format=chosen, progress=False) as lens:
            columns = "agent_name, name, operation_name, provider_name, input_tokens, prompt_version, duration_ns"
            assert lens.sql(f"SELECT {columns}, attributes->>'rest' FROM spans").fetchall() == [
                ("Apollo", "think", "chat", "me", 5, "v2", 2_500_000_000, "1")
            ]
            assert lens.sql("SELECT source_line FROM rejects ORDER BY 1").fetchall() == [(2,), (3,)]


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"agent": "x"}, "agent_name"),
        ({"start_time": {"path": "x", "unit": "days"}}, "'days' is unknown"),
        ({"name": 7}, "a path is a text"),
        ({"constants": {"nam": 1}}, "Did you mean name"),
    ],
)
def test_a_wrong_mapping_is_refused_in_a_sentence(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(AgentLensError, match=words):
        mapping(**columns)


@pytest.mark.parametrize("text", ["- a\n- b", "a: [", "a: !!python/object/apply:os.system ['true']", ""])
def test_a_wrong_mapping_file_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(AgentLensError, match=r"m\.yaml"):
        mapping.from_yaml(tmp_path / "m.yaml")


def test_a_file_nobody_knows_is_answered_with_its_fields_and_a_mapping_that_works(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(lines({"time": 1776176591, "bot": {"name": "\x1b[31mApollo"}, "latency_ms": 3}))
    with pytest.raises(UnknownFormat) as caught:
        read(path, progress=False)
    said = str(caught.value)
    assert '"bot.name": "\\u001b[31mApollo"' in said and "\x1b" not in said
    assert 'start_time="time"' in said and 'duration="latency_ms"' in said
    assert describe_fields(b"plain text") == describe_fields(b"") == describe_fields(b"{}") == ""


# --- mappings in files, and CSV ---------------------------------------------------------------------------------------

TABLE = 'when,who,what,tokens in,meta\n2026-04-14T14:23:11Z,Apollo,think,12,"{""out"": {""n"": 3}, ""x"": 1}"\n1776176592,Athena,"two\nlines",13,x\n2026-01-01T00:00:02Z,torn\n'
TABLE_MAPPING = "start_time: when\nagent_name: who\nname: what\ninput_tokens: tokens in\noutput_tokens: meta.out.n\nconstants: {provider_name: openai}\n"


def test_a_csv_is_read_by_the_mapping_in_a_yaml_file(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    (tmp_path / "my.yaml").write_text(TABLE_MAPPING)
    with read(tmp_path / "log.csv", format=str(tmp_path / "my.yaml"), progress=False) as lens:
        columns = (
            "name, agent_name, epoch_ns(start_time) // 1000000, input_tokens, output_tokens, provider_name, source_line"
        )
        assert lens.sql(f"SELECT {columns} FROM spans ORDER BY source_line").fetchall() == [
            ("think", "Apollo", 1776176591000, 12, 3, "openai", 2),
            ("two\nlines", "Athena", 1776176592000, 13, None, "openai", 3),
        ]
        assert json.loads(lens.sql("SELECT attributes FROM spans WHERE name = 'think'").fetchall()[0][0]) == {
            "meta": {"x": 1}
        }
        assert lens.sql("SELECT reason, raw FROM rejects").fetchall() == [
            ("2 cells where the header has 5", "2026-01-01T00:00:02Z,torn")
        ]
        assert lens.sql("SELECT records, accepted, rejected FROM sources").fetchall() == [(3, 2, 1)]


def test_the_command_line_takes_a_mapping_file(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from agentlens.cli import main

    (tmp_path / "log.csv").write_text(TABLE)
    (tmp_path / "my.yaml").write_text(TABLE_MAPPING)
    case = str(tmp_path / "case.duckdb")
    done = CliRunner().invoke(
        main, ["read", str(tmp_path / "log.csv"), "-o", case, "--format", str(tmp_path / "my.yaml")]
    )
    assert done.exit_code == 0, done.output
    assert "2 accepted" in done.output


def test_another_mapping_reads_the_file_again(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    names = []
    for column in ("what", "who", "who"):
        with read(
            tmp_path / "log.csv",
            into=tmp_path / "a.duckdb",
            format=mapping(start_time="when", name=column),
            progress=False,
        ) as lens:
            names.append(sorted(name for (name,) in lens.sql("SELECT name FROM spans").fetchall()))
    assert names == [["think", "two\nlines"], ["Apollo", "Athena"], ["Apollo", "Athena"]]


def test_the_error_for_an_unknown_csv_shows_its_columns_and_a_mapping_that_works(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    with pytest.raises(UnknownFormat) as caught:
        read(tmp_path / "log.csv", progress=False)
    message = str(caught.value)
    assert '"tokens in": "12"' in message and 'agent_name="who"' in message
    suggested = message.split("format=agentlens.")[1].rsplit(")", 1)[0]
    with read(tmp_path / "log.csv", format=eval(suggested, {"mapping": mapping}), progress=False) as lens:
        assert lens.sql("SELECT agent_name FROM spans ORDER BY 1").fetchall() == [("Apollo",), ("Athena",)]


@pytest.mark.parametrize("text", ["- a\n- b\n", "name: [", "nome: x\n"])
def test_a_mapping_file_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(TABLE)
    (tmp_path / "my.yml").write_text(text)
    with pytest.raises(AgentLensError):
        read(tmp_path / "log.csv", format=tmp_path / "my.yml", progress=False)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_csv_is_parted_by_comma_semicolon_or_tab(mark: str, tmp_path: Path) -> None:
    rows = [["when", "who", "what", "tokens"], ["2026-04-14 14:00:00", "Apollo", f'say "a{mark}b"', "7"]]
    path = tmp_path / "log.csv"
    with path.open("w", newline="") as stream:
        csv.writer(stream, delimiter=mark).writerows(rows)
    with pytest.raises(UnknownFormat, match=r'(?s)CSV columns.*agent_name="who"'):
        read(path, progress=False)
    by_hand = mapping(start_time="when", agent_name="who", name="what", input_tokens="tokens")
    with read(path, format=by_hand, progress=False) as lens:
        assert lens.sql("SELECT agent_name, name, input_tokens FROM spans").fetchall() == [("Apollo", rows[1][2], 7)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps([{"when": 1, "who": "Apollo"}]), r'agent_name="who"'),
        (
            json.dumps({"at": {"loggedAt": 1}, "agentName": "Apollo"}),
            r'agent_name="agentName",\s+start_time="at.loggedAt"',
        ),
        (json.dumps({"run": 7, "log": [{"when": 1, "who": "Apollo"}]}, indent=1), r"jq -c '\.log\[\]' FILE"),
        ("2026-04-14 14:23:00,123 INFO agent - did it\n" * 3, r"tempo: [^\n]*$"),
        (bz2.compress(b"{}" * 99), "bunzip2"),
        (gzip.compress(gzip.compress(b"{}")), "compressed once more"),
        ("text\n".encode("utf-16-le"), "iconv"),
    ],
    ids=["list", "other writing", "list in an object", "log lines", "bzip2", "gzip twice", "utf-16 without a mark"],
)
def test_the_error_for_an_unknown_file_says_what_it_is_and_what_to_do(
    content: str | bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnknownFormat, match=words):
        read(path, progress=False)
