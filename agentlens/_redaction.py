"""What may travel: secrets and personal data replaced by stable, typed pseudonyms, in texts and in whole lenses.

The same value is `[e_mail_address:1]` wherever it stands, so that joins, counts and lineage still hold. Nothing is written
when a canary planted in every column comes out whole, when something is still found afterwards, or when an aggregate of the
redacted copy differs from the original. Names of people are no pattern: rules of one's own (`Rule`) add them.
"""

from __future__ import annotations

import bisect
import hashlib
import json
import re
import secrets
import string
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._sensitive import FOLDER_HEADS, FOLDER_KIND, Rule, compile_pattern, find_sensitive

PSEUDONYM = re.compile(r"\[([a-z][a-z0-9_]{1,60}):(\d+)\]")
SHORTEST_TAIL = 6
# Between cells that are searched together: no pattern but that of a key block goes over line ends.
SEPARATOR = "\n\x00\n"
_SEPARATOR = SEPARATOR.encode()
# How the explorers say that a text goes on.
CUT = "\n… cut here:"
_LAST_WORD = re.compile(r"""[^\s"',;:=]{4,400}$""")


class RedactionRefused(AgentLensError):
    """Something could not be redacted for certain, so nothing was written."""


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
        self._words: dict[bytes, bytes] = {}
        self._tails: dict[bytes, int] = {}
        self._pattern: Any = None
        self._heads: Any = None
        self.canary = _make_canary()

    def leave_alone(self, values: Iterable[str]) -> None:
        """Keep more values as they are, beside those of `keep`: ids of steps that happen to look like something else."""
        self._kept |= frozenset(values)

    def learn(self, text: str) -> int:
        """Remember what has to be replaced in a text; return how many pieces that is."""
        return len(self._learn(text))

    def learn_all(self, texts: Sequence[str]) -> set[int]:
        """Remember what has to be replaced in many texts, the canary beside them; return which of them hold something."""
        joined = SEPARATOR.join([*texts, *self.canary])
        ends = list(accumulate(len(text) + len(SEPARATOR) for text in texts))
        return {bisect.bisect_right(ends, start) for start in self._learn(joined)} - {len(texts), len(texts) + 1}

    def _learn(self, text: str) -> list[int]:
        """Remember what has to be replaced; return where it stands. Numbers go on from those of an earlier redaction."""
        for match in PSEUDONYM.finditer(text) if ":" in text else ():
            self._numbers[match[1]] = max(self._numbers[match[1]], int(match[2]))
        return [
            start
            for kind, start, end in find_sensitive(text, self.rules)
            if self._remember(kind, text[start:end].partition(SEPARATOR)[0].strip("\n\x00"))
        ]

    def redact(self, text: str) -> str:
        """Return a text, or several with `SEPARATOR` between them, in which pseudonyms stand for everything that was learnt."""
        if not self._entries:
            return text
        pattern, data = self._known(), text.encode("utf-8", "surrogatepass")
        redacted: bytes = pattern.sub(lambda match: self._words[match.group()], data)
        return self._without_torn_ends(redacted).decode("utf-8", "surrogatepass")

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

    def _remember(self, kind: str, value: str) -> bool:
        if not value.strip() or value in self._kept or PSEUDONYM.search(value):
            return False
        if value not in self._entries:
            self._entries[value] = Entry(kind, value)
            self._pattern = None
        self._entries[value].times += value not in self.canary
        return True

    def _known(self) -> Any:
        """Return one pattern for all that was learnt, the longest first, and give pseudonyms to what is new."""
        if self._pattern is None:
            new = [entry for entry in self._entries.values() if not entry.pseudonym]
            for entry in sorted(new, key=_frequent_first):
                entry.pseudonym = self._name(entry)
            for entry in self._entries.values():
                for word, pseudonym in _written_forms(entry):
                    self._words.setdefault(_bytes(word), _bytes(pseudonym))
            words = sorted(self._words, key=lambda word: (-len(word), word))
            self._pattern = compile_pattern(b"|".join(map(_literal, words)))
            folders = tuple(map(_bytes, FOLDER_HEADS))
            self._tearable = sorted(
                word for word in words if len(word) > SHORTEST_TAIL and not word.startswith(folders)
            )
            heads = sorted({_bytes(word.decode()[:SHORTEST_TAIL]) for word in self._tearable})
            self._heads = compile_pattern(b"|".join(map(_literal, heads))) if heads else None
        return self._pattern

    def _name(self, entry: Entry) -> str:
        if entry.value in self.canary:
            return "[canary:0]"
        self._numbers[entry.kind] += 1
        return f"[{entry.kind}:{self._numbers[entry.kind]}]"

    def _without_torn_ends(self, data: bytes) -> bytes:
        """A text that was cut in the middle of a secret must not end in half of it."""
        done, parts = 0, []
        for match in self._heads.finditer(data) if self._heads else ():
            start, end = match.start(), data.find(_SEPARATOR, match.start())
            tail = data[start : end if end >= 0 else len(data)]
            if start >= done and self._is_torn(tail):
                parts += [data[done:start], self._torn(tail)]
                done = start + len(tail)
        return b"".join([*parts, data[done:]])

    def _is_torn(self, tail: bytes) -> bool:
        """Whether a text is the beginning of something that was learnt, and not all of it."""
        at = bisect.bisect_right(self._tearable, tail)
        return at < len(self._tearable) and self._tearable[at].startswith(tail)

    def _torn(self, tail: bytes) -> bytes:
        return b"[torn:%d]" % self._tails.setdefault(tail, len(self._tails) + 1)


def without_last_word(text: str) -> str:
    """Return a text that the explorers cut without its last word: it may be the beginning of something that was never read."""
    body, mark, rest = text.partition(CUT)
    return f"{_LAST_WORD.sub('', body)}{mark}{rest}" if mark else text


def _frequent_first(entry: Entry) -> tuple[int, str]:
    """The order of numbers: it is the same every time, and gives away nothing but how often a value was met."""
    return -entry.times, hashlib.sha256(entry.value.encode("utf-8", "surrogatepass")).hexdigest()


def shorten(value: str) -> str:
    """Return a value so that its owner recognises it and nobody can use it."""
    shown = 4 if len(value) >= 16 else 1
    host = f"@{value.rpartition('@')[2]}" if value.count("@") == 1 and len(value) < 80 else ""
    return f"{value[:shown]}…{host} ({len(value)} characters)"


def _written_forms(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield a value as it may stand in other places: as it is, escaped for JSON once and twice, unescaped."""
    if entry.kind == FOLDER_KIND:  # a short name is a word elsewhere; only in a path it is a person
        yield from ((head + entry.value, head + entry.pseudonym) for head in FOLDER_HEADS)
        return
    value = entry.value
    once = json.dumps(value)[1:-1]
    forms = [
        value,
        once,
        json.dumps(once)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        value.replace("/", "\\/"),
        urllib.parse.quote(value, safe=""),
    ]
    for _ in range(2):
        try:
            forms.append(json.loads(f'"{forms[-1] if _ else value}"'))
        except ValueError:
            break
    yield from ((form, entry.pseudonym) for form in dict.fromkeys(forms) if len(form) > 2 and _is_text(form))


def _is_text(form: str) -> bool:
    """Whether a form can stand in a lens: half a character of UTF-16, as JSON may write it, cannot."""
    return not any("\ud800" <= char <= "\udfff" for char in form)


def _literal(word: bytes) -> bytes:
    """Return a pattern for a word; where it ends in a letter or digit, a personal word must end there too."""
    literal = "".join(char if char.isalnum() and char.isascii() else f"\\x{{{ord(char):x}}}" for char in word.decode())
    whole = b"@" in word or word.startswith(tuple(map(_bytes, FOLDER_HEADS)))
    return literal.encode() + (rb"\b" if whole and word[-1:].isalnum() else b"")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _make_canary() -> tuple[str, str]:
    """Return two made-up values of well-known kinds, new for every run: if one comes out whole, nothing is written."""
    drawn = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(36))
    return f"ghp_{drawn}", f"canary.{drawn[:12].lower()}@agentlens.org"
