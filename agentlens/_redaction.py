"""What may travel: secrets and personal data replaced by stable, typed pseudonyms, in texts and in whole lenses.

The same value is `[e_mail_address:1]` wherever it stands, so that joins, counts and lineage still hold. Nothing is written
when a canary planted in every column comes out whole, when something is still found afterwards, or when an aggregate of the
redacted copy differs from the original. Names of people are no pattern: rules of one's own (`Rule`) add them.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._secrets import Sensitive, find_personal_data, find_secrets

PSEUDONYM = re.compile(r"\[([a-z][a-z0-9_]{1,60}):(\d+)\]")
CHUNK = 256 * 1024
SHORTEST_TAIL = 6
# Between cells that are searched together: no pattern but that of a key block goes over line ends.
SEPARATOR = "\n\x00\n"
# How the explorers say that a text goes on.
CUT = "\n… cut here:"
_LAST_WORD = re.compile(r"""[^\s"',;:=]{4,400}$""")


class RedactionRefused(AgentLensError):
    """Something could not be redacted for certain, so nothing was written."""


@dataclass(frozen=True)
class Rule:
    """A rule of one's own: what the RE2 pattern finds (its first group, where it has one) is replaced by `[name:1]`."""

    name: str
    pattern: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{1,60}", self.name):
            raise AgentLensError(f"A redaction rule is called {self.name!r}; a name has 2 to 61 of a-z, 0-9 and `_`.")
        compile_pattern(self.pattern)


def compile_pattern(pattern: str) -> Any:
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


# --- what is more than the patterns of credentials --------------------------------------------------------------------

_NO_PERSON = frozenset(
    [
        "user",
        "users",
        "runner",
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
    """Only an address of the public net says who somebody is."""
    try:
        return ip_address(value).is_global
    except ValueError:
        return False


def _is_person(value: str) -> bool:
    return value.lower() not in _NO_PERSON


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
        r"(-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----(?:\\n|\\r|[A-Za-z0-9+/=\s:,.-])*)", lambda _: True,
    ),
    ("kubernetes_key", ("client-key-data",), r"""client-key-data\\?["']?:\s{0,4}\\?["']?([A-Za-z0-9+/=]{40,})""", lambda _: True),
    ("telephone_number", (") ", "phone", "call", "tel"), r"(?:^|[^\w.-])(\(\d{3}\) \d{3}-\d{4}|(?i:phone|call|tel)[^\d\n]{0,20}\d{3}[-. ]\d{3}[-. ]\d{4})\b", lambda _: True),
    ("ip_address", (".",), r"(?:^|[^\w.-])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?:[^\w.-]|\.\s|\.?$)", _is_public),
)  # fmt: skip
_FOLDER = r"(?:/home/|/Users/|[A-Za-z]:\\{1,4}Users\\{1,4}|-home-|-Users-)([A-Za-z][A-Za-z0-9._]{1,40})"
FOLDER_KIND = "user_folder"
_FOLDER_HEADS = ("/home/", "/Users/", "\\Users\\", "\\\\Users\\\\", "-home-", "-Users-")


def find_sensitive(text: str, rules: Sequence[Rule] = ()) -> Iterator[tuple[str, int, int]]:
    """Yield kind, start and end of everything that should not travel; finds may overlap."""
    for rule in rules:
        for match in compile_pattern(rule.pattern).finditer(text):
            yield (rule.name, *match.span(1 if match.re.groups else 0))
    for start, end in _pieces(text):
        piece = text[start:end]
        for found in (*find_secrets(piece), *filter(_is_whole(piece), find_personal_data(piece))):
            yield _slug(found.kind), start + found.start, start + found.end
        yield from ((kind, start + first, start + last) for kind, first, last in _find_more(piece))


def _is_whole(text: str) -> Callable[[Sensitive], bool]:
    """Return what tells a telephone number from a short sum such as `+123`."""
    return lambda found: "telephone" not in found.kind or sum(map(str.isdigit, text[found.start : found.end])) >= 8


def _find_more(text: str) -> Iterator[tuple[str, int, int]]:
    lowered = text.lower()
    for kind, words, pattern, check in _MORE:
        if any(word in lowered for word in words):
            for match in compile_pattern(pattern).finditer(text):
                if check(match.group(1)):
                    yield (kind, *match.span(1))
    if "home" in lowered or "users" in lowered:
        for match in compile_pattern(_FOLDER).finditer(text):
            if _is_person(match.group(1)):
                yield (FOLDER_KIND, *match.span(1))


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Yield pieces that end at a line end or, failing one, a blank, and overlap enough for a block of lines."""
    start = 0
    while len(text) - start > CHUNK * 2:
        cut = max(
            text.rfind("\n", start + CHUNK // 2, start + CHUNK), text.rfind(" ", start + CHUNK - 4096, start + CHUNK)
        )
        end = cut + 1 if cut > 0 else start + CHUNK
        yield start, end
        start = end - (16_384 if cut > 0 else 32_768)
    yield start, len(text)


def _slug(kind: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", kind.lower()).strip("_")


# --- replacing --------------------------------------------------------------------------------------------------------


@dataclass
class Entry:
    """One value that is replaced: its kind, its pseudonym (given when first needed) and how often it was met."""

    kind: str
    value: str
    times: int = 0
    pseudonym: str = ""


@dataclass
class Redactor:
    """Replaces secrets and personal data by pseudonyms: learn everything first, then redact.

    What stands beside a telling word in one place (`password=…`) is thereby replaced in all other places too.
    `rules` are the user's own; values in `keep` are left alone (a list that was reviewed).
    """

    rules: Sequence[Rule] = ()
    keep: Iterable[str] = ()
    _entries: dict[str, Entry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kept = frozenset(self.keep)
        self._numbers: Counter[str] = Counter()
        self._words: dict[str, str] = {}
        self._pattern: Any = None
        self.canary = _make_canary()

    def learn(self, text: str) -> int:
        """Remember what has to be replaced in a text; return how many pieces that is."""
        for match in PSEUDONYM.finditer(text):  # of an earlier redaction: numbers go on from there
            self._numbers[match[1]] = max(self._numbers[match[1]], int(match[2]))
        count = 0
        for kind, start, end in find_sensitive(text, self.rules):
            for value in text[start:end].split(SEPARATOR):
                count += self._remember(kind, value.strip("\n\x00"))
        return count

    def redact(self, text: str) -> str:
        """Return a text in which pseudonyms stand for everything that was learnt."""
        if not self._entries:
            return text
        pattern = self._known()
        redacted: str = pattern.sub(lambda match: self._words[match.group()], text)
        return self._without_torn_end(redacted)

    def remains(self, text: str) -> list[str]:
        """Return the kinds that a redacted text still gives away: none, or the redaction has failed."""
        found = [(kind, text[start:end]) for kind, start, end in find_sensitive(text, self.rules)]
        return [kind for kind, value in found if value not in self._kept and not PSEUDONYM.search(value)]

    def review(self) -> list[dict[str, Any]]:
        """Return what is replaced, one row a value, by kind and most frequent first: `kind, pseudonym, value, times`.

        Values are shortened, so that the list itself gives nothing away.
        """
        self._known()
        mine = [entry for entry in self._entries.values() if entry.value not in self.canary]
        rows = sorted(mine, key=lambda entry: (entry.kind, -entry.times, entry.pseudonym))
        return [{"kind": e.kind, "pseudonym": e.pseudonym, "value": shorten(e.value), "times": e.times} for e in rows]

    def _remember(self, kind: str, value: str) -> int:
        if not value.strip() or value in self._kept or PSEUDONYM.search(value):
            return 0
        if value not in self._entries:
            self._entries[value] = Entry(kind, value)
            self._pattern = None
        self._entries[value].times += value not in self.canary
        return 1

    def _known(self) -> Any:
        """Return one pattern for all that was learnt, the longest first, and give pseudonyms to what is new."""
        if self._pattern is None:
            for entry in self._entries.values():
                if not entry.pseudonym:
                    entry.pseudonym = self._name(entry)
                for word, pseudonym in _written_forms(entry):
                    self._words.setdefault(word, pseudonym)
            words = sorted(self._words, key=lambda word: (-len(word), word))
            self._pattern = compile_pattern("|".join(_literal(word) for word in words))
            longest = max(map(len, words))
            self._heads = {word[:SHORTEST_TAIL] for word in words if len(word) > SHORTEST_TAIL}
            self._longest = longest
        return self._pattern

    def _name(self, entry: Entry) -> str:
        if entry.value in self.canary:
            return "[canary:0]"
        self._numbers[entry.kind] += 1
        return f"[{entry.kind}:{self._numbers[entry.kind]}]"

    def _without_torn_end(self, text: str) -> str:
        """A text that was cut in the middle of a secret must not end in half of it."""
        body, mark, rest = text.partition(CUT)
        if mark:  # the last word may be the beginning of something that was never read
            return f"{_LAST_WORD.sub('', body)}{mark}{rest}"
        for at in range(max(0, len(body) - self._longest), len(body) - SHORTEST_TAIL + 1):
            if body[at : at + SHORTEST_TAIL] in self._heads:
                tail = body[at:]
                if any(word.startswith(tail) for word in self._words if len(word) > len(tail)):
                    return f"{body[:at]}[torn:0]"
        return text


def shorten(value: str) -> str:
    """Return a value so that its owner recognises it and nobody can use it."""
    shown = 4 if len(value) >= 16 else 1
    host = f"@{value.rpartition('@')[2]}" if value.count("@") == 1 and len(value) < 80 else ""
    return f"{value[:shown]}…{host} ({len(value)} characters)"


def _written_forms(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield a value as it may stand in other places: as it is, escaped for JSON once and twice, unescaped."""
    if entry.kind == FOLDER_KIND:  # a short name is a word elsewhere; only in a path it is a person
        yield from ((head + entry.value, head + entry.pseudonym) for head in _FOLDER_HEADS)
        return
    value = entry.value
    once = json.dumps(value)[1:-1]
    forms = [
        value,
        once,
        json.dumps(once)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        value.replace("/", "\\/"),
    ]
    for _ in range(2):
        try:
            forms.append(json.loads(f'"{forms[-1] if _ else value}"'))
        except ValueError:
            break
    yield from ((form, entry.pseudonym) for form in dict.fromkeys(forms) if len(form) > 2)


def _literal(word: str) -> str:
    """Return a pattern for a word; where it ends in a letter or digit, a personal word must end there too."""
    literal = "".join(char if char.isalnum() and char.isascii() else f"\\x{{{ord(char):x}}}" for char in word)
    whole = "@" in word or word.startswith(_FOLDER_HEADS)
    return literal + (r"\b" if whole and word[-1].isalnum() and word[-1].isascii() else "")


def _make_canary() -> tuple[str, str]:
    """Return two made-up values of well-known kinds, new for every run: if one comes out whole, nothing is written."""
    drawn = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(36))
    return f"ghp_{drawn}", f"canary.{drawn[:12].lower()}@agentlens.org"
