"""Secrets are found in forty formats wherever they stand in a transcript; ordinary text is left alone; values never leave."""

from __future__ import annotations

import json
import random
import string

import duckdb
import pytest

from agentlens._secrets import anchor_pattern, find_personal_data, find_secrets

LETTERS, HEX = string.ascii_letters + string.digits, "0123456789abcdef"


def drawn(rng: random.Random, alphabet: str, length: int) -> str:
    """A run of characters as a generator of keys draws them."""
    return "".join(rng.choice(alphabet) for _ in range(length))


def private_key(rng: random.Random) -> str:
    """A key as PEM writes it."""
    lines = [drawn(rng, LETTERS, 64) for _ in range(9)]
    return "\n".join(["-----BEGIN RSA PRIVATE KEY-----", *lines, "-----END"])


def secrets(rng: random.Random) -> dict[str, str]:
    """A fresh secret of each kind, in the form that its issuer documents."""
    any_of = lambda alphabet, length: drawn(rng, alphabet, length)  # noqa: E731
    uuid = "-".join(any_of(HEX, n) for n in (8, 4, 4, 4, 12))
    return {
        "anthropic": "sk-ant-api03-" + any_of(LETTERS + "-_", 93) + "AA",
        "openai legacy": f"sk-{any_of(LETTERS, 20)}T3BlbkFJ{any_of(LETTERS, 20)}",
        "openai project": f"sk-proj-{any_of(LETTERS + '-_', 74)}T3BlbkFJ{any_of(LETTERS + '-_', 73)}A",
        "openrouter": "sk-or-v1-" + any_of(HEX, 64),
        "aws key id": "AKIA" + any_of(string.ascii_uppercase + "234567", 16),
        "aws session key id": "ASIA" + any_of(string.ascii_uppercase + "234567", 16),
        "google": "AIza" + any_of(LETTERS + "-_", 34) + "z",
        "google client": "GOCSPX-" + any_of(LETTERS, 28),
        "github": "ghp_" + any_of(LETTERS, 36),
        "github app": "ghs_" + any_of(LETTERS, 36),
        "github fine-grained": f"github_pat_{any_of(LETTERS, 22)}_{any_of(LETTERS, 59)}",
        "gitlab": "glpat-" + any_of(LETTERS, 20),
        "hugging face": "hf_" + any_of(string.ascii_letters, 34),
        "groq": "gsk_" + any_of(LETTERS, 52),
        "replicate": "r8_" + any_of(LETTERS, 37),
        "databricks": "dapi" + any_of(HEX, 32),
        "digitalocean": "dop_v1_" + any_of(HEX, 64),
        "linear": "lin_api_" + any_of(LETTERS, 40),
        "notion": "ntn_" + any_of(LETTERS, 46),
        "shopify": "shpat_" + any_of(HEX, 32),
        "sentry": "sntrys_" + any_of(LETTERS, 80),
        "grafana": f"glsa_{any_of(LETTERS, 32)}_{any_of(HEX, 8)}",
        "vault": "hvs." + any_of(LETTERS, 90),
        "postman": f"PMAK-{any_of(HEX, 24)}-{any_of(HEX, 34)}",
        "pulumi": "pul-" + any_of(HEX, 40),
        "terraform": f"{any_of(LETTERS, 14)}.atlasv1.{any_of(LETTERS, 67)}",
        "stripe": "sk_live_" + any_of(LETTERS, 24),
        "stripe restricted": "rk_live_" + any_of(LETTERS, 99),
        "telegram": f"{rng.randrange(10**9, 10**10)}:AA{any_of(LETTERS + '-_', 32)}x",
        "slack bot": f"xoxb-{rng.randrange(10**11, 10**12)}-{rng.randrange(10**11, 10**12)}-{any_of(LETTERS, 24)}",
        "slack webhook": f"https://hooks.slack.com/services/T{any_of(LETTERS, 9)}/B{any_of(LETTERS, 9)}/{any_of(LETTERS, 24)}",
        "sendgrid": f"SG.{any_of(LETTERS, 22)}.{any_of(LETTERS, 43)}",
        "mailgun": "key-" + any_of(HEX, 32),
        "mailchimp": any_of(HEX, 32) + "-us14",
        "new relic": "NRAK-" + any_of(string.ascii_uppercase + string.digits, 27),
        "npm": "npm_" + any_of(LETTERS, 36),
        "pypi": "pypi-AgEIcHlwaS5vcmc" + any_of(LETTERS, 90),
        "docker hub": "dckr_pat_" + any_of(LETTERS, 27),
        "hubspot": "pat-na1-" + uuid,
        "jwt": f"eyJhbGciOiJIUzI1NiJ9.eyJ{any_of(LETTERS, 60)}.{any_of(LETTERS, 43)}",
        "azure storage": "AccountKey=" + any_of(LETTERS, 86) + "==",
        "private key": private_key(rng),
        "database url": f"postgres://svc:{any_of(LETTERS, 16)}1@db.internal:5432/crm",
    }


AROUND = (
    "{}",
    "export SERVICE_CREDENTIAL={}\n",
    "The value is {}. Keep it.",
    'client = Client("{}")',
    "curl -H 'X-Auth: {}' https://api.internal/v1",
    '{{"arguments": {{"key": "{}"}}}}',
    "before\n{}\nafter",
)


def test_forty_kinds_of_secrets_are_found_in_every_surrounding() -> None:
    rng, missed, tried, texts = random.Random(20260101), [], 0, []
    for _ in range(3):
        for kind, value in secrets(rng).items():
            for around in AROUND:
                for text in (around.format(value), json.dumps(around.format(value))):
                    tried += 1
                    core = json.dumps(value)[1:-1] if text.startswith('"') else value
                    covered = any(
                        core in text[each.start : each.end] or text[each.start : each.end] in core
                        for each in find_secrets(text)
                    )
                    if not covered:
                        missed.append((kind, around))
                    texts.append(text)
    assert len(secrets(rng)) >= 40
    assert len(missed) <= 0.01 * tried, missed
    kept = duckdb.sql(
        "SELECT count(*) FILTER (regexp_matches(text, $sieve)) FROM (SELECT unnest($texts) AS text)",
        params={"texts": texts, "sieve": anchor_pattern()},
    )
    assert kept.fetchall() == [(tried,)]


@pytest.mark.parametrize("value", ["hunter2horse!9", "Tr0ub4dor&3xyz", "p4ssw0rd-9Zq", "kD93jfn2LqP0"])
@pytest.mark.parametrize("name", ["password", "DB_PASSWORD", "api_key", "clientSecret", "auth-token"])
@pytest.mark.parametrize("form", ["{}={}", '"{}": "{}"', '\\"{}\\": \\"{}\\"', "{}: {}", "{} := '{}'"])
def test_what_a_name_calls_a_secret_is_a_likely_one(value: str, name: str, form: str) -> None:
    text = form.format(name, value)
    assert [(text[each.start : each.end], each.is_certain) for each in find_secrets(text)] == [(value, False)]
    assert find_secrets(text, likely=False) == []


ORDINARY = [
    "AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "export OPENAI_API_KEY=sk-your-key-here-0000000000000000000000000000",
    'api_key = os.environ["OPENAI_API_KEY"]',
    "password: ${DB_PASSWORD}, token={{ secrets.TOKEN }}, secret=<your secret>",
    "the password must have 12 characters and the token expires in 3600 s",
    "commit 2de3382f0c1d4b5a6978e0f1a2b3c4d5e6f70819, sha256 " + "0f" * 32,
    "trace 4bf92f3577b34da6a3ce929d0e0e4736 span 00f067aa0ba902b7, request req_011CSHoEeqs5C35K2UUqR7Fy",
    "id 550e8400-e29b-41d4-a716-446655440000, toolu_01A09q90qw90lq917835lq9, call_abc123DEF456ghi789JKL012",
    "max_tokens: 4096, completion_tokens=1532, token_count: 128000",
    "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4" * 4,
    "mask-sk-tools and task-runner-with-a-very-long-name-that-goes-on-and-on",
    "http://user@example.com:8080/path and ssh git@github.com:org/repo.git",
    "author_token_embeddings.weight, secret_santa_2026_list.md, passwordless-login: enabled_v2",
    "const key = getKey(a1b2c3d4); privateKeyPath=/etc/keys/id_rsa2",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_placeholders_names_and_hashes_are_no_secrets(text: str) -> None:
    assert find_secrets(text) == []


def test_personal_data_need_a_right_checksum_where_there_is_one() -> None:
    text = "IBAN DE89 3704 0044 0532 0130 00, not DE89 3704 0044 0532 0130 01; card 4111 1111 1111 1111, not 4111 1111 1111 1112; ana@site.org"
    found = [(each.kind, text[each.start : each.end]) for each in find_personal_data(text)]
    assert found == [
        ("IBAN", "DE89 3704 0044 0532 0130 00"),
        ("payment card number", "4111 1111 1111 1111"),
        ("e-mail address", "ana@site.org"),
    ]


def test_positions_hold_whatever_stands_before_and_nothing_overlaps() -> None:
    value = "ghp_" + "aB3dE6gH9" * 4
    text = "İİ ß 𝕏 password=" + value + " \x1b[31m"
    assert [text[each.start : each.end] for each in find_secrets(text)] == [value]
    assert find_secrets("") == [] == find_personal_data("")
