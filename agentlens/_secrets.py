"""Where secrets and personal data stand in a text: formats of detect-secrets, and the ones that it does not know yet.

Nothing here keeps or shows a value: callers get kinds and positions.
"""

from __future__ import annotations

import functools
import importlib
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

from stdnum import iban, luhn


class Sensitive(NamedTuple):
    """A stretch of a text that should not travel: `text[start:end]`, what kind it is, and whether its form alone shows it."""

    start: int
    end: int
    kind: str
    is_certain: bool


class _Rule(NamedTuple):
    """A pattern, and words in lower case one of which stands in every text that it can match.

    A caseless pattern is searched in the text in lower case, which is several times faster than ignoring case.
    """

    kind: str
    anchors: tuple[str, ...]
    pattern: re.Pattern[str]
    is_certain: bool = True
    is_caseless: bool = False
    # Whether the first group is the secret; detect-secrets groups other parts as well.
    is_group: bool = True


# Detectors of detect-secrets by module: the words that its patterns need. Those that guess by entropy alone are left out.
_LIBRARY = {
    "aws": ("akia", "asia", "abia", "acca", "a3t", "aws"),
    "azure_storage_key": ("accountkey=",),
    "gitlab_token": ("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "glcbt-", "glptt-", "gloas-"),
    "openai": ("t3blbkfj",),
    "pypi_token": ("pypi-",),
    "sendgrid": ("sg.",),
    "slack": ("xox", "hooks.slack.com"),
    "square_oauth": ("sq0csp",),
    "stripe": ("k_live_",),
}
# These are written in any case.
_CASELESS = ("Twilio key", "authorization header", "AWS secret access key")
# Formats that issuers document and detect-secrets lacks: kind, words, pattern. The secret is the group where there is one.
_FORMATS = (
    ("Anthropic API key", "sk-ant-", r"sk-ant-[a-z]{3,9}\d\d-[\w-]{20,120}"),
    ("OpenAI API key", "sk-proj-|sk-svcacct-|sk-admin-", r"sk-(?:proj|svcacct|admin)-[\w-]{20,200}"),
    ("OpenRouter API key", "sk-or-v1-", r"sk-or-v1-[0-9a-f]{64}\b"),
    ("API key (sk-)", "sk-", r"sk-[A-Za-z0-9]{32,64}\b"),
    ("Google API key", "aiza", r"AIza[\w-]{35}(?![\w-])"),
    ("Google OAuth client secret", "gocspx-", r"GOCSPX-[\w-]{28}(?![\w-])"),
    ("Google OAuth token", "ya29.", r"ya29\.[\w-]{30,}"),
    ("GitHub token", "ghp_|gho_|ghu_|ghs_|ghr_", r"gh[pousr]_[A-Za-z0-9]{36,251}\b"),
    ("GitHub fine-grained token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    ("Hugging Face token", "hf_", r"hf_[A-Za-z]{30,40}\b"),
    ("Groq API key", "gsk_", r"gsk_[A-Za-z0-9]{52}\b"),
    ("xAI API key", "xai-", r"xai-[A-Za-z0-9]{70,90}\b"),
    ("Perplexity API key", "pplx-", r"pplx-[A-Za-z0-9]{40,60}\b"),
    ("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}\b"),
    ("LangSmith key", "lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b"),
    ("Langfuse secret key", "sk-lf-", r"sk-lf-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    ("Databricks token", "dapi", r"dapi[0-9a-f]{32}(?:-\d)?\b"),
    ("DigitalOcean token", "do_v1_|dop_v1_|dor_v1_", r"do[opr]_v1_[0-9a-f]{64}\b"),
    ("Doppler token", "dp.", r"dp\.(?:pt|st|sa|ct|scim|audit)\.[\w.-]{40,}"),
    ("Linear API key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}\b"),
    ("Notion token", "ntn_|secret_", r"(?:ntn_[A-Za-z0-9]{46}|secret_[A-Za-z0-9]{43})\b"),
    ("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    ("Sentry token", "sntry", r"sntry[su]_[A-Za-z0-9_=+/-]{40,}"),
    ("Grafana token", "glc_|glsa_", r"(?:glc_[A-Za-z0-9+/]{32,}={0,2}|glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b)"),
    ("Vault token", "hvs.|hvb.", r"hv[sb]\.[\w-]{24,}"),
    ("Postman API key", "pmak-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}\b"),
    ("Pulumi token", "pul-", r"pul-[0-9a-f]{40}\b"),
    ("Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,70}"),
    ("Atlassian token", "atatt3", r"ATATT3[\w=-]{180,}"),
    ("Azure client secret", "8q~|7q~", r"(?<![\w~.-])[\w~.-]{3}[78]Q~[\w~.-]{31,34}(?![\w~-])"),
    ("Stripe key", "sk_live_|rk_live_|sk_test_|rk_test_", r"[rs]k_(?:live|test)_[0-9a-zA-Z]{24,99}\b"),
    ("Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{32,}"),
    ("Telegram bot token", ":aa", r"(?<!\w)\d{8,10}:AA[\w-]{33}(?![\w-])"),
    ("Discord bot token", "discord|bot", r"[MNO][A-Za-z\d_-]{23,25}\.[A-Za-z\d_-]{6}\.[A-Za-z\d_-]{27,38}(?![\w-])"),
    (
        "Discord webhook",
        "/api/webhooks/",
        r"https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d{17,20}/([\w-]{60,70})",
    ),
    ("Twilio key", "twilio", r"(?s)twilio.{0,60}?\b((?:SK|AC)?[0-9a-f]{32})\b"),
    ("Mailgun key", "key-", r"key-[0-9a-f]{32}\b"),
    ("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}\b"),
    ("New Relic key", "nrak-", r"NRAK-[A-Z0-9]{27}\b"),
    ("Heroku token", "hrku-", r"HRKU-[\w-]{36,60}"),
    ("Supabase token", "sbp_", r"sbp_[0-9a-f]{40}\b"),
    ("Fly.io token", "fm1_|fm2_|fo1_", r"f(?:m[12]|o1)_[A-Za-z0-9+/=_-]{40,}"),
    ("PlanetScale token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[\w.-]{32,64}"),
    ("Tailscale key", "tskey-", r"tskey-[a-z]+-[A-Za-z0-9]{8,}-[A-Za-z0-9]{20,}"),
    ("1Password token", "ops_eyj", r"ops_eyJ[A-Za-z0-9+/=_-]{200,}"),
    ("age secret key", "age-secret-key-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    ("Figma token", "figd_", r"figd_[\w-]{38,}"),
    ("Airtable token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}\b"),
    ("npm token", "npm_", r"npm_[A-Za-z0-9]{36}\b"),
    ("RubyGems key", "rubygems_", r"rubygems_[0-9a-f]{48}\b"),
    ("Docker Hub token", "dckr_pat_", r"dckr_pat_[\w-]{27}(?![\w-])"),
    ("SonarQube token", "squ_|sqp_|sqa_", r"sq[upa]_[0-9a-f]{40}\b"),
    ("Alibaba access key", "ltai", r"LTAI[A-Za-z0-9]{17,21}\b"),
    ("Dynatrace token", "dt0", r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b"),
    ("HubSpot token", "pat-na1-|pat-eu1-", r"pat-(?:na|eu)\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    (
        "private key",
        "private key",
        r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN)[\s\S]){40,16000}?-----END",
    ),
    ("JSON web token", "eyj", r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
    (
        "password in a URL",
        "://",
        r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s:/@\"'<>`?#]{0,60}:([^\s:/@\"'<>`{}$]{3,100})@[\w.-]+",
    ),
    (
        "authorization header",
        "bearer |basic ",
        r"authorization\\?[\"']?\s*[:=]\s*\\?[\"']?(?:bearer|basic|token)\s+([\w.~+/=-]{16,})",
    ),
    (
        "AWS secret access key",
        "aws",
        r"aws_?\w{0,20}(?:secret|access)\w{0,20}\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?([a-z0-9/+]{40})(?![a-z0-9/+=])",
    ),
)
# A name that speaks of a secret, and what is given to it. Whether the value is one is judged by its look.
_ASSIGNED = _Rule(
    "value called a secret",
    ("key", "secret", "token", "passw", "pwd", "credential"),
    re.compile(
        r"(?:(?:api|access|private|secret)[_-]?key|secret|(?:auth|access)[_-]?token|passw(?:or)?d|passwd|pwd|passphrase|credentials?)\\?[\"']?\s{0,3}(?:=>?|:=?)\s{0,3}(?:\\?[\"'`])?([^\s\"'`,;<>(){}\[\]\\]{8,200})"
    ),
    is_certain=False,
    is_caseless=True,
)
_PERSONAL = (
    _Rule("IBAN", ("",), re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b")),
    _Rule(
        "payment card number", ("",), re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,4}(?![\w.-]|,\d)")
    ),
    _Rule(
        "US social security number",
        ("ssn", "social security"),
        re.compile(r"(?i)\b(?:ssn|social security)\D{0,30}(\d{3}-\d{2}-\d{4})\b"),
    ),
    _Rule("e-mail address", ("@",), re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,24}\b")),
    _Rule("telephone number", ("+",), re.compile(r"(?<![\w+])\+[1-9]\d{0,2}(?:[ .-]?\(?\d{1,4}\)?){2,5}(?!\w)"), False),
)
# How issuers number cards: what they begin with goes with how long they are.
_CARD = re.compile(
    r"4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3[0689]\d{12}|35\d{14}|6(?:011|4\d\d|5\d\d)\d{12}|62\d{14}"
)
_CHECKSUMS: dict[str, Callable[[str], bool]] = {
    "IBAN": iban.is_valid,
    "payment card number": lambda digits: bool(_CARD.fullmatch(digits)) and luhn.is_valid(digits),
}
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|dummy|placeholder|changeme|change_me|redacted|your[_-]?|my[_-]?(?:secret|token|key|pass)|x{4,}|\*{3,}|\.{3}|<|\$\{?|\{\{|%\(|"
    r"fake|foobar|^(?:null|none|true|false|undefined|string|password|secret|token|test\w*)$|abcdef|12345678|deadbeef|(.)\1{5,}"
)


def find_secrets(text: str, likely: bool = True) -> list[Sensitive]:
    """Return where credentials stand in a text, in order and without overlaps; placeholders are left out.

    `is_certain` is true for formats that an issuer documents; `likely=False` leaves out the others (values that only
    their name calls a secret).
    """
    return _find([rule for rule in _rules() if likely or rule.is_certain], text)


def find_personal_data(text: str) -> list[Sensitive]:
    """Return where personal data stand in a text: IBANs and card numbers with a right checksum, addresses, numbers."""
    return _find(_PERSONAL, text)


def anchor_pattern() -> str:
    """Return an RE2 pattern that matches every text in which `find_secrets` could find something certain; it is a sieve."""
    words = sorted(
        {anchor for rule in _rules() if rule.is_certain for anchor in rule.anchors} - {"discord", "bot", "aws", "pat"}
    )
    exact = [
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[0-9A-Z]{16}",
        r"aws\w{0,30}(?:secret|access)",
        r"pat[A-Za-z0-9]{14}\.",
        r"[MNO][\w-]{23,25}\.[\w-]{6}\.",
    ]
    return "(?i)" + "|".join(
        [*(re.escape(word) for word in words if word not in ("akia", "asia", "abia", "acca", "a3t")), *exact]
    )


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    own = [
        _Rule(kind, tuple(words.split("|")), re.compile(pattern), is_caseless=kind in _CASELESS)
        for kind, words, pattern in _FORMATS
    ]
    return (*own, *_library_rules(), _ASSIGNED)


def _library_rules() -> Iterator[_Rule]:
    from detect_secrets.plugins.base import RegexBasedDetector

    for name, anchors in _LIBRARY.items():
        for detector in vars(importlib.import_module(f"detect_secrets.plugins.{name}")).values():
            if (
                isinstance(detector, type)
                and issubclass(detector, RegexBasedDetector)
                and detector.__module__.endswith(name)
            ):
                for pattern in cast(Sequence[re.Pattern[str]], detector.denylist):
                    yield _Rule(str(detector.secret_type), anchors, pattern, is_group=False)


def _find(rules: Sequence[_Rule], text: str) -> list[Sensitive]:
    lowered = text.lower()
    if len(lowered) != len(text):  # a few capitals become two letters; only those of ASCII matter here
        lowered = text.translate({ordinal: ordinal + 32 for ordinal in range(65, 91)})
    present = {word for word in {word for rule in rules for word in rule.anchors} if word in lowered}
    found = [
        Sensitive(start, end, rule.kind, rule.is_certain)
        for rule in rules
        if not present.isdisjoint(rule.anchors)
        for start, end in (
            _secret_part(rule, match) for match in rule.pattern.finditer(lowered if rule.is_caseless else text)
        )
        if _holds(rule, text, start, end)
    ]
    return _without_overlaps(found)


def _holds(rule: _Rule, text: str, start: int, end: int) -> bool:
    """Whether what a pattern found is a value indeed: right in its checksum, no placeholder, not cut out of something longer."""
    value = text[start:end]
    if rule in _PERSONAL:
        check = _CHECKSUMS.get(rule.kind)
        return check is None or check(re.sub(r"[ -]", "", value))
    if rule is _ASSIGNED and not _looks_random(value):
        return False
    return not _PLACEHOLDER.search(value) and not _joins_a_word(text, start)


def _secret_part(rule: _Rule, match: re.Match[str]) -> tuple[int, int]:
    """The group, or in a pattern of detect-secrets the longest one where it is long enough to be the secret, else the whole."""
    if rule.is_group:
        return match.span(1 if match.re.groups else 0)
    spans = [
        span
        for span in match.regs[1:]
        if span[1] - span[0] >= 3 and span[1] - span[0] >= 0.2 * (match.end() - match.start())
    ]
    return max(spans, key=lambda span: span[1] - span[0], default=match.span())


def _joins_a_word(text: str, start: int) -> bool:
    """Whether a match is cut out of a longer run of letters and digits, as of base64; a line break written as \\n is none."""
    return (
        start > 0
        and (text[start - 1].isalnum() or text[start - 1] == "_")
        and text[start].isalnum()
        and text[start - 2 : start - 1] != "\\"
    )


def _looks_random(value: str) -> bool:
    """Whether a value mixes letters with digits or signs as passwords and keys do, and is no path, name, call or sentence."""
    if re.fullmatch(
        r"[\d.:-]+|[A-Za-z_.$-]+|[A-Z0-9_]+|/?(?:[\w.@-]+/)+[\w.@-]*|\w+\.\w+(?:\.\w+)*|https?://\S+", value
    ):
        return False
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= 2.75 and any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _without_overlaps(found: list[Sensitive]) -> list[Sensitive]:
    """Keep the certain ones first, then the longer, and return them in the order of the text."""
    kept: list[Sensitive] = []
    for each in sorted(found, key=lambda item: (not item.is_certain, item.start - item.end, item.start)):
        if all(each.end <= other.start or each.start >= other.end for other in kept):
            kept.append(each)
    return sorted(kept)
