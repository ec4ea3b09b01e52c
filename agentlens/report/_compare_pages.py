"""The page against the page that is written again: where they differ, part by part, and what stands there instead."""

from __future__ import annotations

import base64
import zlib
from html.parser import HTMLParser

from agentlens.report._folds import unfold

AROUND, SHOWN = 12, 60
NAMED = {"script": "scripts", "title": "title", "style": "styles", "body": "body"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
MOST_UNPACKED = 50_000_000


class _Parts(HTMLParser):
    """The page cut into parts: everything, tags and attributes included, belongs to the innermost element with an id."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: dict[str, list[str]] = {"head": []}
        self._here = "head"
        self._open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self._open.append((tag, self._here))
        if name := dict(attrs).get("id"):
            self._here = name
        elif tag in NAMED:
            self._here = NAMED[tag]
        self.parts.setdefault(self._here, []).append(f"<{tag} {attrs}>")

    def handle_endtag(self, tag: str) -> None:
        self.parts[self._here].append(f"</{tag}>")
        if tag in [opened for opened, _ in self._open]:
            while True:
                opened, self._here = self._open.pop()
                if opened == tag:
                    return

    def handle_data(self, data: str) -> None:
        self.parts[self._here].append(data)

    def handle_entityref(self, name: str) -> None:
        self.parts[self._here].append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.parts[self._here].append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.parts[self._here].append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.parts[self._here].append(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        self.parts[self._here].append(f"<![{data}]>")

    def handle_pi(self, data: str) -> None:
        self.parts[self._here].append(f"<?{data}>")


def _cut(page: str) -> dict[str, str]:
    parser = _Parts()
    parser.feed(page)
    parser.close()
    return {name: "".join(texts) for name, texts in parser.parts.items()}


def compare_parts(page: str, again: str) -> dict[str, str]:
    """Return, for each part that differs, in the order of the page, what it says and what it should say."""
    if page == again:
        return {}
    mine, other = _cut(unfold(page)), _cut(unfold(again))
    wrong = [name for name in {**mine, **other} if mine.get(name) != other.get(name)]
    if not wrong:
        return {"bytes": "white space differs"}
    return {name: _difference(mine.get(name), other.get(name)) for name in wrong}


def _difference(mine: str | None, other: str | None) -> str:
    if mine is None:
        return "it was taken out of the page"
    if other is None:
        return "it should not be in the page"
    mine, other = _unpack(mine), _unpack(other)
    first = next((at for at, (one, two) in enumerate(zip(mine, other)) if one != two), min(len(mine), len(other)))
    start = max(0, first - AROUND)
    return f"the page has “{mine[start : start + SHOWN]}”, the logs give “{other[start : start + SHOWN]}”"


def _unpack(part: str) -> str:
    """Return what a script of data holds, where it is text; what it holds otherwise is shown as it stands."""
    packed = part.partition(">")[2].partition("<")[0]
    try:
        return zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), MOST_UNPACKED).decode()
    except (ValueError, zlib.error):
        return part
