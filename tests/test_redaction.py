"""What travels is redacted: secrets of forty kinds in realistic transcripts, the same pseudonym everywhere, no aggregate changed."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from test_secrets import secrets

import agentlens as al
from agentlens._redacted_copy import fill_redacted
from agentlens._redaction import RedactionRefused, Redactor, Rule

TURNS = (
    "I'll deploy with {}\n",
    "$ export SERVICE_CREDENTIAL={}\nexported",
    '{{"tool": "bash", "arguments": {{"cmd": "curl -H \'X-Auth: {}\' https://api.internal/v1"}}}}',
    "The config now reads\n\n    service:\n      value: {}\n      retries: 3\n",
    "Traceback (most recent call last):\n  File \"app.py\", line 4\nAuthError: {} was refused",
    "| name | value |\n|---|---|\n| key | {} |",
)  # fmt: skip
PERSONAL = {
    "email": "ines.ferreira@brackenfield.org",
    "phone": "+49 30 901820147",
    "iban": "DE89 3704 0044 0532 0130 00",
    "card": "4111 1111 1111 1111",
    "address": "203.0.114.77",
}


def corpus(rounds: int) -> tuple[list[str], list[str]]:
    """Transcripts as agents write them, one secret a turn, and the secrets."""
    rng, texts, values = random.Random(7), [], []
    for _ in range(rounds):
        for value in secrets(rng).values():
            turn = rng.choice(TURNS).format(value)
            texts.append(json.dumps(turn) if rng.random() < 0.4 else turn)
            values.append(value)
    return texts, values


def otlp(tmp_path: Path, results: list[str]) -> Path:
    """One trace in which a tool gives back each text."""
    spans = [
        {
            "traceId": "1" * 32, "spanId": f"{number:016x}", "name": "execute_tool bash",
            "startTimeUnixNano": str(10**18 + number), "endTimeUnixNano": str(10**18 + number + 5),
            "attributes": [
                {"key": key, "value": {"stringValue": value}}
                for key, value in {
                    "gen_ai.operation.name": "execute_tool", "gen_ai.agent.name": "Ares",
                    "gen_ai.tool.name": "bash", "gen_ai.tool.call.result": text,
                }.items()
            ],
        }
        for number, text in enumerate(results, 1)
    ]  # fmt: skip
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
    return path


def whole_text(lens: al.Lens) -> str:
    """Every text of every table."""
    return "\n".join(
        str(lens.sql(f"FROM {table}").fetchall())
        for (table,) in lens.sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    )


def test_at_least_99_of_100_secrets_of_forty_kinds_are_replaced() -> None:
    texts, values = corpus(25)
    redactor = Redactor()
    for text in texts:
        redactor.learn(text)
    redacted = "\n".join(redactor.redact(text) for text in texts)
    forms = [(value, json.dumps(value)[1:-1]) for value in values]
    missed = [value for value, escaped in forms if value in redacted or escaped in redacted]
    assert len(set(values)) >= 1000
    assert len(missed) <= 0.01 * len(values), missed[:10]


def test_no_secret_is_left_in_a_redacted_lens_nor_in_its_bytes(tmp_path: Path) -> None:
    texts, values = corpus(2)
    with al.read(otlp(tmp_path, texts), progress=False) as lens:
        path = lens.save(tmp_path / "redacted.duckdb", redact=True)
    raw = path.read_bytes()
    with al.read(path, progress=False) as redacted:
        text = whole_text(redacted)
    left = [value for value in values if value in text or value.encode() in raw]
    assert len(left) <= 0.01 * len(values), left


@pytest.mark.parametrize("kind", PERSONAL)
def test_personal_data_are_replaced(kind: str) -> None:
    redactor = Redactor()
    text = f"Write to {PERSONAL[kind]}, she waits."
    redactor.learn(text)
    assert PERSONAL[kind] not in redactor.redact(text) and "she waits" in redactor.redact(text)


def test_the_same_value_has_the_same_pseudonym_everywhere_and_two_values_never_share_one(tmp_path: Path) -> None:
    mails = [f"person{number % 7}@brackenfield.org wrote" for number in range(40)]
    with al.read(otlp(tmp_path, mails), progress=False) as lens:
        path = lens.save(tmp_path / "redacted.duckdb", redact=True)
    with al.read(path, progress=False) as redacted:
        rows = redacted.sql("SELECT tool_call_result FROM spans ORDER BY start_time").fetchall()
    assert len({text for (text,) in rows}) == 7
    assert [text for (text,) in rows[:7]] == [text for (text,) in rows[7:14]]


def test_what_a_name_gives_away_once_is_replaced_where_no_name_stands() -> None:
    redactor = Redactor()
    redactor.learn('password = "correct-horse-7-battery"')
    assert redactor.redact("I tried correct-horse-7-battery twice") == "I tried [value_called_a_secret:1] twice"


def test_a_text_cut_within_a_secret_does_not_end_in_half_of_it() -> None:
    redactor = Redactor()
    token = "ghp_" + "aB3dE6gH9" * 4
    redactor.learn(token)
    assert token[:12] not in redactor.redact(f"the token {token[:20]}")


def test_redacting_twice_gives_no_pseudonym_a_second_meaning() -> None:
    first, second = Redactor(), Redactor()
    first.learn("a@site.org")
    once = first.redact("a@site.org")
    second.learn(once + " and b@site.org")
    assert second.redact(once + " and b@site.org") == "[e_mail_address:1] and [e_mail_address:2]"


def test_aggregates_of_the_redacted_lens_are_those_of_the_original(tmp_path: Path) -> None:
    texts, _ = corpus(1)
    totals = "SELECT count(*), count(DISTINCT tool_call_result), sum(duration_ns), min(start_time) FROM spans"
    with al.read(otlp(tmp_path, texts), progress=False) as lens:
        al.detect(lens)
        before = (
            lens.sql(totals).fetchall(),
            lens.sql("SELECT detector, count(*) FROM findings GROUP BY ALL ORDER BY 1").fetchall(),
        )
        path = lens.save(tmp_path / "redacted.duckdb", redact=True)
    with al.read(path, progress=False) as redacted:
        after = (
            redacted.sql(totals).fetchall(),
            redacted.sql("SELECT detector, count(*) FROM findings GROUP BY ALL ORDER BY 1").fetchall(),
        )
        proofs = redacted.sql("SELECT sum(aggregates), sum(redacted_cells) FROM redaction_proofs").fetchall()
    assert after == before
    assert proofs[0][0] > 300 and proofs[0][1] >= len(texts)


def test_rules_of_ones_own_are_applied_and_what_was_reviewed_is_kept(tmp_path: Path) -> None:
    texts = ["Project Nightjar is late, says ana@site.org", "Nightjar again"]
    with al.read(otlp(tmp_path, texts), progress=False) as lens:
        path = lens.save(
            tmp_path / "redacted.duckdb", redact=True, rules=[Rule("project", "Nightjar")], keep=["ana@site.org"]
        )
    with al.read(path, progress=False) as redacted:
        rows = redacted.sql("SELECT tool_call_result FROM spans ORDER BY start_time").fetchall()
    assert rows == [("Project [project:1] is late, says ana@site.org",), ("[project:1] again",)]


def test_a_pattern_that_never_ends_elsewhere_is_refused_and_one_of_re2_takes_linear_time() -> None:
    with pytest.raises(al.AgentLensError, match="none of RE2"):
        Rule("twice", r"(a)\1")
    redactor = Redactor([Rule("slow", "(a+)+b")])
    began = time.process_time()
    redactor.learn("a" * 200_000)
    assert time.process_time() - began < 2


def test_nothing_is_written_when_the_canary_survives(tmp_path: Path) -> None:
    class Blind(Redactor):
        def redact(self, text: str) -> str:
            return text

    with (
        al.read(otlp(tmp_path, ["a", "b"]), progress=False) as lens,
        al.read(otlp(tmp_path, ["c"]), progress=False) as copy,
        pytest.raises(RedactionRefused, match="canary"),
    ):
        fill_redacted(lens, copy, Blind())


def test_nothing_is_written_when_two_values_become_one(tmp_path: Path) -> None:
    class Careless(Redactor):
        def _name(self, entry: object) -> str:
            return "[same:1]"

    texts = ["a@site.org wrote", "b@site.org wrote"]
    with al.read(otlp(tmp_path, texts), progress=False) as lens, al.read(otlp(tmp_path, ["c"]), progress=False) as copy:  # noqa: SIM117
        with pytest.raises(RedactionRefused, match=r"distinct .* differs"):
            fill_redacted(lens, copy, Careless())


def test_nothing_is_left_beside_the_target_when_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Redactor, "remains", lambda self, text: ["github token"])
    (tmp_path / "logs").mkdir()
    with al.read(otlp(tmp_path / "logs", ["mail a@site.org"]), progress=False) as lens:  # noqa: SIM117
        with pytest.raises(RedactionRefused, match="still holds"):
            lens.save(tmp_path / "redacted.duckdb", redact=True)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_json_number_that_is_a_secret_leaves_json_behind(tmp_path: Path) -> None:
    messages = json.dumps(
        [{"role": "user", "parts": [{"type": "tool_call", "name": "pay", "arguments": {"code": 99887766554433}}]}]
    )
    path = otlp(tmp_path, ["x"])
    record = json.loads(path.read_text())
    span = record["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span["attributes"].append({"key": "gen_ai.input.messages", "value": {"stringValue": messages}})
    path.write_text(json.dumps(record) + "\n")
    with al.read(path, progress=False) as lens:
        saved = lens.save(tmp_path / "redacted.duckdb", redact=True, rules=[Rule("pin", "99887766554433")])
    with al.read(saved, progress=False) as redacted:
        assert redacted.sql("SELECT json_extract_string(parts, '$[0].arguments.code') FROM messages").fetchall() == [
            ("[pin:1]",)
        ]


def test_review_lists_every_value_and_gives_none_away() -> None:
    redactor = Redactor()
    token = "ghp_" + "aB3dE6gH9" * 4
    redactor.learn(f"{token} {token} ana@site.org")
    rows = redactor.review()
    assert [(row["kind"], row["times"]) for row in rows] == [("e_mail_address", 1), ("github_token", 2)]
    assert token not in str(rows) and "ana@site.org" not in str(rows)


def test_ordinary_text_is_rarely_hit() -> None:
    words = Path(__file__).read_text("utf-8").split("def corpus")[1].split("PERSONAL[kind]")[0]
    text = (Path(__file__).parents[1] / "agentlens" / "_lens.py").read_text("utf-8") + words
    redactor = Redactor()
    assert redactor.learn(text) == 0, redactor.review()
