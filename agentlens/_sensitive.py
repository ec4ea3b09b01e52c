"""What should not travel: credentials, personal data and what rules of one's own name, found in texts of any size.

Reading a text with a hundred patterns is slow. RE2 sieves it first, with few patterns that say where anything at all could
stand; only the surroundings of those places are then looked at with the exact patterns of `_secrets` and of this module.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._secrets import Sensitive, find_personal_data, find_secrets

# How much of its surroundings is looked at: what a pattern needs before and after the place that its sieve finds.
BEFORE, AFTER = 280, 180
LONGEST_WORD, LONGEST_KEY = 20_000, 16_400
FOLDER_KIND = "user_folder"
FOLDER_HEADS = ("/home/", "/Users/", "\\Users\\", "\\\\Users\\\\", "\\\\\\\\Users\\\\\\\\", "-home-", "-Users-")


@dataclass(frozen=True)
class Rule:
    """A rule of one's own: what the RE2 pattern finds (its first group, where it has one) is replaced by `[name:1]`."""

    name: str
    pattern: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,60}", self.name):
            raise AgentLensError(f"A redaction rule is called {self.name!r}; a name has 2 to 61 of a-z, 0-9 and `_`.")
        compile_pattern(self.pattern)


def compile_pattern(pattern: str | bytes) -> Any:
    """Return an RE2 pattern: linear time, whatever a log holds. AgentLensError for one that RE2 does not take."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 256 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else error
        raise AgentLensError(f"The pattern {pattern!r} is none of RE2: {said}.") from error


def find_sensitive(text: str, rules: Sequence[Rule] = ()) -> Iterator[tuple[str, int, int]]:
    """Yield kind, start and end of everything that should not travel; finds may overlap."""
    text = _HALF.sub("\ufffd", text) if not _is_unicode(text) else text
    read = _as_read(text)
    for rule in rules:
        for form in dict.fromkeys((text, read)):
            for match in compile_pattern(rule.pattern).finditer(form):
                yield (rule.name, *match.span(1 if match.re.groups else 0))
    for start, end in _suspicious(read):
        piece = read[start:end]
        for found in (*find_secrets(piece), *filter(_is_somebody(piece), find_personal_data(piece))):
            yield _slug(found.kind), start + found.start, start + found.end
        yield from ((kind, start + first, start + last) for kind, first, last in _find_more(piece))
    yield from _find_folders(text)


# Half a character of UTF-16, as damaged JSON holds it: RE2 takes none.
_HALF = re.compile("[\ud800-\udfff]")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_read(text: str) -> str:
    """Return a text in which blanks stand for the escapes of JSON, each as long as it was.

    In `\\nana@site.org` the letter before the name would otherwise belong to it.
    """
    if "\\" not in text:
        return text
    for escape, char in (("\\\\n", "  \n"), ("\\n", " \n"), ("\\r", " \r"), ("\\t", " \t")):
        text = text.replace(escape, char)
    return _ESCAPED_SIGN.sub(lambda match: f"     {chr(int(match[1], 16))}", text) if "\\u00" in text else text


_ESCAPED_SIGN = re.compile(r"\\u00([0-7][0-9a-fA-F]|a0)")


# --- the sieve --------------------------------------------------------------------------------------------------------

# Each must match wherever a pattern of its kind can: a test holds it. What counts far makes RE2 slow, so all count little;
# patterns of one group are searched at once: which of them go together without slowing one another was measured.
_CASED = (
    r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[0-9A-Z]{8}",
    r"[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2} ?[A-Z0-9]{3}",
    r"[MNO][\w-]{23,25}\.[\w-]{6}\.",
)
_CREDENTIALS = (
    r"sk-ant-|sk-proj-|sk-svcacct-|sk-admin-|sk-or-v1|sk-lf-|(?:^|[^a-z0-9])sk-[a-z0-9]{16}|aiza[\w-]{12}|gocspx-|ya29\.",
    r"gh[pousr]_[a-z0-9]{12}|github_pat_|hf_[a-z]{12}|gsk_[a-z0-9]{12}|xai-[a-z0-9]{12}|pplx-|r8_[a-z0-9]{12}|lsv2_",
    r"dapi[0-9a-f]{12}|do[opr]?_v1_|dp\.(?:pt|st|sa|ct|scim|audit)\.|lin_api_|(?:ntn|secret)_[a-z0-9]{20}|shp(?:at|ca|pa|ss)_",
    r"sntry[su]_|glc_|glsa_|hv[sb]\.|pmak-|pul-[0-9a-f]{8}|\.atlasv1\.|atatt3|[87]q~|[rs]k_(?:live|test)_|whsec_|\d:aa",
    r"/api/webhooks/|twilio|key-[0-9a-f]{12}|[0-9a-f]{12}-us\d|nrak-|hrku-|sbp_|f(?:m[12]|o1)_[a-z0-9+/=_-]{20}|pscale_|tskey-",
    r"ops_eyj|age-secret-key-1|figd_|pat[a-z0-9]{14}\.|npm_[a-z0-9]{12}|rubygems_|dckr_pat_|sq[upa]_[0-9a-f]{12}",
    r"ltai[a-z0-9]{10}|dt0[a-z]\d\d\.|pat-(?:na|eu)\d-|private key|eyj[\w-]{8}|accountkey=|gl[a-z]{2,4}-[\w-]{12}|t3blbkfj",
    r"pypi-ag|sg\.[\w-]{12}|xox[a-z]-|xoxe\.|hooks\.slack\.com|sq0csp|aws[^\n]{0,60}[\"'=: ][0-9a-z/+]{40}",
    r"(?:key|secret|token|passw(?:or)?d|passwd|pwd|passphrase|credentials?)\\?[\"']?\s{0,3}(?:=>?|:=?)\s{0,3}\\?[\"'`]?[^\s\"'`,;<>(){}\[\]\\]{8}",
    r"(?:password|passwd|passphrase|pwd)\\?[\"']?\s{0,3}(?:=|:|\bis\b)",
    r"bearer[ \t]{1,4}[a-z0-9._~+/-]{20}|(?:bearer|basic|token)\s+[\w.~+/=-]{16}|\s(?:-u|--user)[ =\"'][^\s:]*:|machine\s+\S+\s+login",
    r"[?&;]sig=|client-key-data",
)
_PERSONAL = (
    r"\b(?:ssn|social security)\b",
    r"://[^\s/@\"'<>?#`]*:[^\s/@\"'<>`{}$]+@",
    r"\S@[^\s@/]+\.[a-z]",
    r"\+[1-9][\d ().-]{7}|\(\d{3}\) \d{3}-|(?:phone|call|tel)[^\d\n]{0,20}\d{3}[-. ]\d{3}[-. ]\d{4}",
    r"(?:^|[^\w.-])[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d",
    r"(?:^|[^\w.-])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}",
)


@functools.cache
def _sieves() -> list[Any]:
    groups = ("", _CASED), ("(?i)", _CREDENTIALS), ("(?i)", _PERSONAL)
    return [compile_pattern((flags + "|".join(patterns)).encode()) for flags, patterns in groups]


def _suspicious(text: str) -> list[tuple[int, int]]:
    """Return the stretches of a text in which something could stand, in order and apart from one another."""
    data = text.encode()
    places = sorted(match.span() for sieve in _sieves() for match in sieve.finditer(data))
    stretches: list[tuple[int, int]] = []
    for start, end in _in_characters(places, data, text):
        first, last = max(0, start - BEFORE), _end_of_word(text, end)
        if stretches and first <= stretches[-1][1]:
            stretches[-1] = (stretches[-1][0], max(last, stretches[-1][1]))
        else:
            stretches.append((first, last))
    return stretches


def _in_characters(places: list[tuple[int, int]], data: bytes, text: str) -> Iterator[tuple[int, int]]:
    """Yield places in bytes, which come in order, as places in characters."""
    if len(data) == len(text):
        yield from places
        return
    at, characters = 0, 0
    for start, end in places:
        characters += len(data[at:start].decode())
        at = start
        yield characters, characters + len(data[start:end].decode())


_BLANK = re.compile(r"[\s\x00]")


def _end_of_word(text: str, end: int) -> int:
    """Return where what is looked at ends: some way after the sieve's match, and never within a word; keys have many lines."""
    if text[max(0, end - 11) : end].lower() == "private key":
        return min(len(text), end + LONGEST_KEY)
    after = _BLANK.search(text, end + AFTER, end + AFTER + LONGEST_WORD)
    return after.start() if after else min(len(text), end + AFTER + LONGEST_WORD)


# --- what is more than the patterns of credentials --------------------------------------------------------------------

_NO_PERSON = frozenset(
    [
        "user",
        "users",
        "runner",
        "runneradmin",
        "node",
        "ubuntu",
        "app",
        "root",
        "shared",
        "public",
        "default",
        "username",
        "vscode",
        "jovyan",
        "agent",
        "agents",
        "work",
        "workspace",
    ]
)
_NO_PASSWORD = re.compile(
    r"(?i).*(?:example|placeholder|changeme|redacted|\$\{|\{\{|%\(|<|your[_ -]|\.\.\.|\*\*\*).*|(?:pass\w*|secret|token|none|null|true|false|string|required|optional|invalid|incorrect|wrong|missing|expired)"
)


def _is_public(value: str) -> bool:
    """Only an address of the public net says who somebody is. Four small numbers are the version of a program."""
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return address.is_global and not address.is_multicast and max(map(int, value.split("."))) >= 32


def _is_password(value: str) -> bool:
    return not _NO_PASSWORD.fullmatch(value)


# Kind, a word of which one must stand in the text (lower case), pattern (RE2; the group is the value), check.
_MORE: tuple[tuple[str, tuple[str, ...], str, Callable[[str], bool]], ...] = (
    (
        "password", ("passw", "pwd", "passphrase"),
        r"""(?i)(?:password|passwd|passphrase|\bpwd)\\?["']?\s{0,3}(?:=>?|:=?|\bis)\s{0,3}\\?["'`]([^"'`\s\\]{4,128})\\?["'`]""", _is_password,
    ),
    ("bearer_token", ("bearer",), r"(?i)\bbearer[ \t]{1,4}([A-Za-z0-9._~+/-]{20,}=*)", lambda value: bool(re.search(r"\d", value))),
    ("curl_password", ("curl",), r"""curl\b[^\n]{0,200}?\s(?:-u|--user)[ =]{0,2}["']?[^\s:"']{1,80}:([^\s"']{3,200})""", _is_password),
    ("netrc_password", ("machine ",), r"\bmachine\s{1,4}\S{1,100}\s{1,4}login\s{1,4}\S{1,100}\s{1,4}password\s{1,4}(\S{3,200})", _is_password),
    ("azure_signature", ("sig=",), r"[?&;]sig=([A-Za-z0-9%+/_-]{30,}=*)", lambda _: True),
    (
        "private_key", ("private key",),
        r"(-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s:,.\\-]*)", lambda _: True,
    ),
    ("kubernetes_key", ("client-key-data",), r"""client-key-data\\?["']?:\s{0,4}\\?["']?([A-Za-z0-9+/=]{40,})""", lambda _: True),
    ("telephone_number", (") ", "phone", "call", "tel"), r"(?:^|[^\w.-])(\(\d{3}\) \d{3}-\d{4}|(?i:phone|call|tel)[^\d\n]{0,20}\d{3}[-. ]\d{3}[-. ]\d{4})\b", lambda _: True),
    ("ip_address", (".",), r"(?:^|[^\w.=-]|(?:^|[^=<>~!])=)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?:[^\w.-]|\.\s|\.?$)", _is_public),
)  # fmt: skip


# Accounts of programs, and domains that are reserved for examples.
_NOBODYS = re.compile(
    r"(?i)(?:git|hg|svn|no-?reply|do-?not-?reply)@.*|.*@(?:.+\.)?(?:example\.(?:com|org|net)|example|test|invalid|localhost)"
)


def _is_somebody(text: str) -> Callable[[Sensitive], bool]:
    """Return what tells an address from that of a program, and a telephone number from a short sum such as `+123`."""

    def check(found: Sensitive) -> bool:
        value = text[found.start : found.end]
        if "e-mail" in found.kind:
            return not _NOBODYS.fullmatch(value)
        return "telephone" not in found.kind or sum(map(str.isdigit, value)) >= 8

    return check


def _find_more(text: str) -> Iterator[tuple[str, int, int]]:
    lowered = text.lower()
    for kind, words, pattern, check in _MORE:
        if any(word in lowered for word in words):
            for match in compile_pattern(pattern).finditer(text):
                if check(match.group(1)):
                    yield (kind, *match.span(1))


# After a slash a name may have hyphens; in a folder's name that a path was made into, hyphens stand for slashes.
_AFTER_SLASH, _AFTER_HYPHEN = re.compile(r"[^\W\d_][\w.-]*\w"), re.compile(r"[^\W\d_][\w.]*\w")


def _find_folders(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield the names of people in paths to their folders."""
    for head in FOLDER_HEADS:
        name = _AFTER_HYPHEN if head[0] == "-" else _AFTER_SLASH
        at = text.find(head)
        while at >= 0:
            at += len(head)
            match = name.match(text, at)
            if match and match[0].lower() not in _NO_PERSON and _begins_a_path(text, at - len(head)):
                yield FOLDER_KIND, match.start(), match.end()
            at = text.find(head, at)


def _begins_a_path(text: str, at: int) -> bool:
    """Whether folders of people are at a place: not within a longer path but that of a drive, nor in the address of a page."""
    scheme = text.rfind("://", max(0, at - 160), at)
    if scheme >= 0 and not _BLANK.search(text, scheme, at):
        return not text[max(0, scheme - 5) : scheme].endswith(("http", "https"))
    return not re.search(r"\w\w$|\.\w?$", text[max(0, at - 2) : at])


def _slug(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")
