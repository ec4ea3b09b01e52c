"""What travels is redacted: secrets of forty kinds in realistic transcripts, the same pseudonym everywhere, no aggregate changed."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from test_secrets import secrets

import agentlens as al
from agentlens import _sensitive
from agentlens._redacted_copy import fill_redacted
from agentlens._redaction import RedactionRefused, Redactor
from agentlens._sensitive import Rule, find_sensitive

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


def values_in(text: str) -> set[tuple[str, str]]:
    return {(kind, text[start:end]) for kind, start, end in find_sensitive(text)}


def test_what_the_sieve_leaves_out_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    words = "the plan was read again and the agent went on with its work as it had been told to " * 40
    texts, _ = corpus(2)
    texts += [f"write to {value} today" for value in (*PERSONAL.values(), "jürgen.groß@brackenfield.org")]
    texts += [f"password is '{number}-rhein-Ufer' here" for number in range(9)]
    texts = [f"{words} ünï {text} {words}" for text in texts]
    sieved = [values_in(text) for text in texts]
    monkeypatch.setattr(_sensitive, "_suspicious", lambda text: [(0, len(text))])
    assert all(sieved)
    for text, found in zip(texts, sieved):
        assert values_in(text) <= found, text[len(words) : -len(words)]


def test_the_letter_of_an_escape_does_not_belong_to_the_value_after_it() -> None:
    once = json.dumps("Mail:\nana@site.org\tbo@site.org <eve@site.org>").replace("<", "\\u003c")
    for text in (once, json.dumps(once)):
        assert {value for _, value in values_in(text)} == {"ana@site.org", "bo@site.org", "eve@site.org"}
    assert not values_in(json.dumps("app = App()\n@app.websocket('/x')"))


@pytest.mark.parametrize(
    "path",
    [
        "/home/ines/x",
        "/Users/ines/x",
        "C:\\Users\\ines\\x",
        "-home-ines-project",
        "file:///home/ines",
        "/mnt/c/Users/ines",
        "ssh://host/home/ines",
    ],
)
def test_a_name_in_a_path_is_replaced_in_every_spelling_and_only_in_paths(path: str) -> None:
    redactor = Redactor()
    redactor.learn(path)
    for text in (path, json.dumps(path), json.dumps(json.dumps(path)), "/home/ines", "c:\\Users\\ines\\y"):
        assert "ines" not in redactor.redact(text), text
    assert redactor.redact("ines, /home/inessa and lines") == "ines, /home/inessa and lines"


ORDINARY = [
    "git clone git@github.com:org/repo.git, Co-authored-by: bot <noreply@site.org>, alice@example.com",
    "keys pgup/pgdn/home/end, https://site.org/home/index and /home/user/project, C:\\Users\\runneradmin\\x",
    "ppft==1.7.6.8, section 13.2.3.1, 10.0.0.7:8080, 127.0.0.1, 224.77.0.1 and release 2.4.8.19",
    "id 490154203237518 and 3023217600054 at 1767225600123456, +123 -45, @@ -12,30 +14,50 @@",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_accounts_of_programs_versions_and_ids_are_nobodys(text: str) -> None:
    assert values_in(text) == set() and values_in(json.dumps(text)) == set()


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


def test_every_cell_that_is_cut_within_a_secret_loses_the_half_and_stays_distinct(tmp_path: Path) -> None:
    token = "ghp_" + "aB3dE6gH9" * 4
    texts = [f"all of {token}", f"cut {token[:20]}", f"cut {token[:12]}", "not cut", "ghp_ is what they begin with"]
    with al.read(otlp(tmp_path, texts), progress=False) as lens:
        path = lens.save(tmp_path / "redacted.duckdb", redact=True)
    with al.read(path, progress=False) as redacted:
        rows = [text for (text,) in redacted.sql("SELECT tool_call_result FROM spans ORDER BY start_time").fetchall()]
    assert [rows[0], *rows[3:]] == ["all of [github_token:1]", *texts[3:]]
    assert all(row.startswith("cut [torn:") for row in rows[1:3]) and len(set(rows)) == 5


def test_half_characters_and_words_of_other_letters_are_redacted_like_any() -> None:
    redactor = Redactor()
    text = "\ud800 password = 'pä$$wörd-7ß' \udfff ana@site.org"
    redactor.learn(text)
    redacted = redactor.redact(f"{text} and pä$$wörd-7ß")
    assert "wörd" not in redacted and "ana" not in redacted and redacted.startswith("\ud800 password = '[password:1]'")


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


def test_nothing_is_written_when_what_was_found_is_not_replaced(tmp_path: Path) -> None:
    class Forgetful(Redactor):
        def _remember(self, kind: str, value: str) -> bool:
            return True if value == "bo@site.org" else super()._remember(kind, value)

    texts = ["ana@site.org wrote", "bo@site.org wrote"]
    with al.read(otlp(tmp_path, texts), progress=False) as lens, al.read(otlp(tmp_path, ["c"]), progress=False) as copy:  # noqa: SIM117
        with pytest.raises(RedactionRefused, match=r"e_mail_address in spans\.tool_call_result"):
            fill_redacted(lens, copy, Forgetful())


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
        with pytest.raises(RedactionRefused, match="would still be"):
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
    words = Path(__file__).read_text("utf-8").split("def corpus")[1].split("def values_in")[0]
    text = (Path(__file__).parents[1] / "agentlens" / "_lens.py").read_text("utf-8") + words
    redactor = Redactor()
    assert redactor.learn(text) == 0, redactor.review()


@pytest.mark.parametrize(
    ("ids", "is_kept"), [(["4539578763621486", "a" * 16, "0f" * 8], True), (["4539578763621486"], False)]
)
def test_the_id_of_a_step_is_no_card_number_where_ids_are_hexadecimal_and_a_card_in_a_text_still_is(
    tmp_path: Path, ids: list[str], is_kept: bool
) -> None:
    card = "5425233430109903"
    spans = [
        {"traceId": "e" * 32, "spanId": one, "name": "step", "startTimeUnixNano": str(10**18), "endTimeUnixNano": str(10**18 + 5),
         "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in
                        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.result": f"paid with {card}"}.items()]}
        for one in ids
    ]  # fmt: skip
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n")
    al.read(path, progress=False).save(tmp_path / "copy.duckdb", redact=True)
    with al.read(tmp_path / "copy.duckdb", progress=False) as copy:
        assert card not in whole_text(copy)
        assert (ids[0] in {span_id for (span_id,) in copy.sql("SELECT span_id FROM spans").fetchall()}) is is_kept
