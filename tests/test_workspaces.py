"""What workspaces declare: agents in manifests and identity files, who hands over to whom, and states in JSON and in tables."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from text_evidence import assert_account_balances, assert_places_hold, gather

from agentlens import read
from agentlens.loaders import all_loaders, manifest, markdown, status_json

MANIFEST = """\
# Who works in wave 14
# (kept by hand)
version: 3
agents:
  - id: atlas
    name: Atlas        # the one in charge: é
    model: claude-opus-4-6
    role: orchestrator
    tools: [dispatch, {name: read}]
    budget: {usd: 5, tokens: 100000}
    permissions:
      write: [reports/]

  # writes
  - id: apollo
    model: haiku
    reports_to: Atlas
  - just_a_name
  - model: nobody's
delegations:
  - {from: Atlas, to: [Apollo, Athena], when: a text is missing}
  - {from: Atlas}
"""
Rows = dict[str, list[dict[str, Any]]]


def load(loader: Any, tmp_path: Path, text: str, name: str = "file") -> Rows:
    """Return the rows of a text, with the laws of every loader checked."""
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    rows, account = gather(loader, path)
    assert_account_balances(account, rows)
    assert_places_hold(path.read_bytes(), rows)
    return rows


def pick(rows: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


# --- manifests --------------------------------------------------------------------------------------------------------


def test_a_manifest_declares_its_agents(tmp_path: Path) -> None:
    rows = load(manifest, tmp_path, MANIFEST)
    assert pick(rows["agents"], "agent_name", "agent_id", "role", "model", "tools", "reports_to", "known_from") == [
        ("Atlas", "atlas", "orchestrator", "claude-opus-4-6", ["dispatch", "read"], None, "manifest"),
        ("apollo", "apollo", None, "haiku", None, "Atlas", "manifest"),
        ("just_a_name", "just_a_name", None, None, None, None, "manifest"),
    ]
    assert json.loads(rows["agents"][0]["budget"]) == {"usd": 5, "tokens": 100000}
    assert json.loads(rows["agents"][0]["attributes"]) == {"permissions": {"write": ["reports/"]}}
    assert pick(rows["delegations"], "delegator", "delegate", "condition") == [
        ("Atlas", "Apollo", "a text is missing"),
        ("Atlas", "Athena", "a text is missing"),
    ]
    assert pick(rows["rejects"], "reason", "raw") == [
        ("the agent has neither id nor name", "model: nobody's"), ("no delegation: it has no `from` and `to`", "{from: Atlas}"),
    ]  # fmt: skip


def test_each_agent_stands_at_the_bytes_it_names(tmp_path: Path) -> None:
    data = MANIFEST.encode()
    expected = {
        entry["id"]: entry for entry in yaml.safe_load(MANIFEST)["agents"] if isinstance(entry, dict) and "id" in entry
    }
    for row in load(manifest, tmp_path, MANIFEST)["agents"]:
        piece = data[row["source_offset"] : row["source_offset"] + row["source_length"]].decode()
        assert piece == piece.strip() and "# writes" not in piece
        if row["agent_id"] in expected:
            assert yaml.safe_load(" " * 4 + piece) == expected[row["agent_id"]]


def test_agents_by_name_and_in_json_are_the_same_agents(tmp_path: Path) -> None:
    listed = {"agents": [{"id": "atlas", "model": "m", "role": "lead"}, {"id": "apollo", "model": "n"}]}
    named = "agents:\n  atlas:\n    model: m\n    role: lead\n  apollo:\n    model: n\n"
    for text in (json.dumps(listed), json.dumps(listed, indent=2), yaml.safe_dump(listed), named):
        rows = load(manifest, tmp_path, text)
        assert pick(rows["agents"], "agent_name", "agent_id", "model", "role") == [
            ("atlas", "atlas", "m", "lead"),
            ("apollo", "apollo", "n", None),
        ]


@pytest.mark.parametrize(
    "text",
    [
        "agents:\n  - id: [\n    role: x\n",
        "agents:\n  - id: " + "[" * 5000 + "\n    role: x\n",
        "agents:\n\t- id: x\n  role: y\n",
        "agents:\n  - id: \x01\n    role: y\n",
    ],
)
def test_what_is_no_yaml_is_one_reject(text: str, tmp_path: Path) -> None:
    rows = load(manifest, tmp_path, text)
    assert len(rows["rejects"]) == 1 and rows["rejects"][0]["reason"].startswith("no YAML")


def test_aliases_are_followed_and_one_that_unfolds_without_end_is_a_reject(tmp_path: Path) -> None:
    bomb = "".join(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10) if n else 'a'}]\n" for n in range(9))
    rows = load(
        manifest,
        tmp_path,
        f"{bomb}agents:\n  - &base\n    id: a\n    role: r\n  - <<: *base\n    id: b\n  - id: c\n    role: *x8\n",
    )
    assert pick(rows["agents"], "agent_name", "role") == [("a", "r"), ("b", "r")]
    assert [row["reason"] for row in rows["rejects"]] == ["it unfolds to too many values"]


def test_a_manifest_wins_over_an_identity_file_and_spans(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text("agents:\n  - id: Ralph\n    role: by the manifest\n")
    (tmp_path / "SOUL.md").write_text("---\nname: Ralph\nrole: by itself\n---\n# SOUL.md\n\nBe calm.\n")
    with read(tmp_path, progress=False) as lens:
        known = lens.sql(
            "SELECT role, known_from FROM agents WHERE agent_name = 'Ralph' ORDER BY known_from DESC"
        ).fetchall()
    assert known == [("by the manifest", "manifest"), ("by itself", "identity file")]


# --- identity files ---------------------------------------------------------------------------------------------------


def test_front_matter_of_an_identity_file_declares_the_agent(tmp_path: Path) -> None:
    front = "name: Ralph\nrole: researcher\nmodel: m\ntools: [read, grep]\nreports_to: Blaise\nversion: 2\nvibe: calm\n"
    rows = load(markdown, tmp_path, f"---\n{front}---\n# SOUL.md\n\nBe calm.\n", "SOUL.md")
    columns = ("agent_name", "role", "model", "tools", "reports_to", "agent_version", "known_from")
    assert pick(rows["agents"], *columns) == [
        ("Ralph", "researcher", "m", ["read", "grep"], "Blaise", "2", "identity file")
    ]
    assert json.loads(rows["agents"][0]["attributes"]) == {"vibe": "calm"}


def test_of_several_identity_files_the_one_that_says_most_stands_for_the_agent_whatever_is_read_first(
    tmp_path: Path,
) -> None:
    files = {
        "IDENTITY.md": "# IDENTITY.md\n- **Name:** Ralph\n",
        "SOUL.md": "---\nname: Ralph\nrole: researcher\n---\n# SOUL.md\n\nBe calm.\n",
    }
    for order in (sorted(files), sorted(files, reverse=True)):
        lens_file = tmp_path / f"{order[0]}.duckdb"
        for name in order:
            (tmp_path / name).write_text(files[name])
            with read(tmp_path / name, into=lens_file, progress=False) as lens:
                known = lens.sql("SELECT agent_name, role, known_from FROM agents").fetchall()
        assert known == [("Ralph", "researcher", "identity file")]


def test_placeholders_in_real_identity_files_name_nobody(samples: Path) -> None:
    folder = samples / "openclaw_workspace" / "lobsterops" / "config"
    with read(folder, progress=False) as lens:
        assert lens.sql("SELECT agent_name, known_from FROM agents WHERE known_from = 'identity file'").fetchall() == [
            ("Ralph", "identity file")
        ]


# --- tables -----------------------------------------------------------------------------------------------------------

MATRIX = """\
# Delegation matrix

| From | To | When |
|---|---|---|
| **Atlas** | Apollo, Athena | a text is `missing` |
| Apollo | Hermes and Ares | - |
| — | Hermes | never |

```
| From | To | When |
|---|---|---|
| No | No | fenced |
```

| From | To | Subject |
|---|---|---|
| a@b.c | d@e.f | a mail |
"""


def test_a_delegation_matrix_says_who_may_hand_over_to_whom_and_when(tmp_path: Path) -> None:
    rows = load(markdown, tmp_path, MATRIX)["delegations"]
    assert pick(rows, "delegator", "delegate", "condition", "source_line") == [
        ("Atlas", "Apollo", "a text is missing", 5), ("Atlas", "Athena", "a text is missing", 5),
        ("Apollo", "Hermes", None, 6), ("Apollo", "Ares", None, 6),
    ]  # fmt: skip


def test_a_status_table_is_a_report_at_the_time_and_wave_of_its_section(tmp_path: Path) -> None:
    table = "| Agent | Status | Tokens |\n|:--|:-:|--:|\n| Apollo | ✅ Done (3 drafts) | 31k |\n| `Athena` | blocked: waits | |\n| – | ok | |\n"
    rows = load(
        markdown, tmp_path, f"# Log\n\n## Wave 14 checkpoint (2026-04-14 14:30 UTC)\n\n{table}\n## Later\n\n{table}"
    )["status_reports"]
    time = datetime(2026, 4, 14, 14, 30)
    assert pick(rows, "kind", "agent_name", "status", "detail", "time", "wave")[:2] == [
        ("table", "Apollo", "DONE", "3 drafts", time, 14), ("table", "Athena", "BLOCKED", "waits", time, 14),
    ]  # fmt: skip
    assert pick(rows, "time", "wave")[2:] == [(None, None)] * 2
    assert [json.loads(row["attributes"]) if row["attributes"] else None for row in rows[:2]] == [
        {"tokens": "31k"},
        None,
    ]


def test_the_status_table_of_a_real_workspace_is_read(samples: Path) -> None:
    path = samples / "openclaw_workspace" / "lobsterops" / "memory" / "multi-agent-status.md"
    rows, _ = gather(markdown, path)
    assert pick(rows["status_reports"], "agent_name", "status", "time", "source_line") == [
        ("main", "ACTIVE", datetime(2026, 2, 15, 5, 6), 15), ("constituent", "ACTIVE", datetime(2026, 2, 15, 5, 6), 16),
    ]  # fmt: skip


def test_escaped_bars_and_short_rows_keep_their_columns(tmp_path: Path) -> None:
    rows = load(
        markdown,
        tmp_path,
        "# T\n\nAgent | Status | Note\n--|--|--\nApollo | ok | a \\| b\nAthena | idle\nno table\n| x | failed |\n",
    )["status_reports"]
    assert pick(rows, "agent_name", "status", "attributes") == [
        ("Apollo", "OK", '{"note":"a | b"}'),
        ("Athena", "IDLE", None),
    ]


# --- states in JSON ---------------------------------------------------------------------------------------------------

LIVE = {
    "pid": 12,
    "parent_heartbeat": "/run/root.json",
    "role": "atlas",
    "started": "2026-04-14T14:00:00Z",
    "status": "running",
}
CHECKPOINT = {
    "wave": 14,
    "timestamp": 1776176591,
    "agents": {"Apollo": "COMPLETE", "Athena": {"status": "blocked", "detail": "waits", "next": "ask"}},
    "next": "wave 15",
}


@pytest.mark.parametrize("indent", [None, 2])
def test_a_liveness_file_is_a_report_of_its_process(indent: int | None, tmp_path: Path) -> None:
    [row] = load(status_json, tmp_path, json.dumps(LIVE, indent=indent))["status_reports"]
    assert pick([row], "kind", "agent_name", "status", "time") == [
        ("liveness", "atlas", "RUNNING", datetime(2026, 4, 14, 14))
    ]
    assert json.loads(row["attributes"]) == LIVE


@pytest.mark.parametrize(
    "agents",
    [
        CHECKPOINT["agents"],
        [
            {"name": "Apollo", "status": "COMPLETE"},
            {"agent": "Athena", "status": "blocked", "detail": "waits", "next": "ask"},
        ],
    ],
)
def test_a_checkpoint_of_a_wave_reports_every_agent(agents: Any, tmp_path: Path) -> None:
    rows = load(status_json, tmp_path, json.dumps({**CHECKPOINT, "agents": agents}))["status_reports"]
    time = datetime(2026, 4, 14, 14, 23, 11)
    assert pick(rows, "kind", "wave", "agent_name", "status", "detail", "next_action", "time") == [
        ("checkpoint", 14, "Apollo", "COMPLETE", None, "wave 15", time), ("checkpoint", 14, "Athena", "BLOCKED", "waits", "ask", time),
    ]  # fmt: skip


def test_records_without_a_state_are_rejects(tmp_path: Path) -> None:
    text = "\n".join(map(json.dumps, [LIVE, {"pid": 1}, {"wave": 3, "agents": []}, [1]])) + "\n{torn"
    rows = load(status_json, tmp_path, text)
    assert len(rows["status_reports"]) == 1 and len(rows["rejects"]) == 4


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest", MANIFEST), ("manifest", "agents:\n  a:\n    role: x\n"), ("manifest", '{"agents": [{"id": "a", "model": "m"}]}'),
        ("markdown", MATRIX), ("markdown", "# Agents\n\nagents: the ones below\n"), ("markdown", "# x\n\n```yaml\nagents:\n  - role: x\n```\n"),
        ("status_json", json.dumps(LIVE)), ("status_json", json.dumps(CHECKPOINT, indent=1)), ("status_json", json.dumps({**LIVE, "timestamp": 1, "agent": "x"})),
    ],
)  # fmt: skip
def test_exactly_one_loader_claims_each(name: str, text: str) -> None:
    assert [found for found, loader in all_loaders().items() if loader.sniff(text.encode())] == [name]
