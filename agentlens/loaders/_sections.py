"""Markdown as sections: each heading with its own text, and where exactly it stands in the file."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from agentlens._source import BOM, Place

_FENCE_END = ("---", "...")
_MAX_FRONT_MATTER = 64 * 1024
_NO_NEWLINE = str.maketrans({"\r": " ", "\0": "�"})


class TextLine(NamedTuple):
    """A line of text without its line end: number from 1, byte offset, length in bytes, and the text."""

    number: int
    offset: int
    length: int
    text: str


@dataclass
class Section:
    """A heading and the text below it up to the next heading; level 0 is text before any heading."""

    heading_path: list[str]
    level: int
    heading: str
    text: str
    place: Place
    end_line: int


def split_lines(data: bytes) -> tuple[list[TextLine], int]:
    """Return the lines of a file, and how many held bytes that are no UTF-8 (shown as replacement characters)."""
    damaged: list[int] = []
    return list(text_lines(data.split(b"\n"), damaged)), len(damaged)


def text_lines(rows: Iterable[bytes], damaged: list[int]) -> Iterator[TextLine]:
    """Yield rows of a file, with or without their line feed, as lines; numbers of those that are no UTF-8 go to `damaged`."""
    offset = 0
    for number, row in enumerate(rows, 1):
        raw = row.removesuffix(b"\n")
        content = raw.removesuffix(b"\r")
        start = len(BOM) if number == 1 and content.startswith(BOM) else 0
        try:
            text = content[start:].decode()
        except UnicodeDecodeError:
            text = content[start:].decode("utf-8", "replace")
            damaged.append(number)
        yield TextLine(number, offset + start, len(content) - start, text)
        offset += len(raw) + 1


def place_of(lines: list[TextLine]) -> tuple[Place, int]:
    """Return where lines stand without the blank ones at their ends, and the last line; not all may be blank."""
    filled = [line for line in lines if line.text.strip()]
    first, last = filled[0], filled[-1]
    return Place(first.number, first.offset, last.offset + last.length - first.offset), last.number


def split_sections(lines: list[TextLine]) -> list[Section]:
    """Return the sections of a text in order. Headings in fences, quotes, lists and HTML blocks make no section."""
    headings = find_headings(lines)
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    starts = [index for index, *_ in headings]
    if any(line.text.strip() for line in lines[: starts[0] if starts else None]):
        sections.append(_section([], 0, lines[: starts[0] if starts else None], 0))
    for (index, level, height, heading), end in zip(headings, [*starts, len(lines)][1:], strict=True):
        path = [(depth, title) for depth, title in path if depth < level] + [(level, heading)]
        sections.append(_section([title for _, title in path], level, lines[index:end], height))
    return sections


def _section(path: list[str], level: int, lines: list[TextLine], height: int) -> Section:
    place, end_line = place_of(lines)
    text = "\n".join(line.text for line in lines[height:]).strip("\n")
    return Section(path, level, path[-1] if path else "", text, place, end_line)


def find_headings(lines: list[TextLine]) -> list[tuple[int, int, int, str]]:
    """Return (index of the line, level, lines it takes, heading) of every heading at the outermost level.

    Underlined headings count when underlined with `=`; logs use `---` as a separator right below a paragraph.
    """
    text = "\n".join(line.text.translate(_NO_NEWLINE) for line in lines)
    found = []
    tokens = _block_tokens(text)
    for token, inline in itertools.pairwise(tokens):
        if token.type == "heading_open" and token.level == 0 and token.markup != "-":
            start, end = token.map
            found.append((start, int(token.tag[1:]), end - start, " ".join(inline.content.split())))
    return found


def _block_tokens(text: str) -> list[Any]:
    tokens: list[Any] = []
    parser = _parser()
    parser.block.parse(text, parser, {}, tokens)
    return tokens


@functools.cache
def _parser() -> Any:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("reference")


def split_front_matter(lines: list[TextLine]) -> tuple[dict[str, Any] | None, int, str | None]:
    """Return (front matter, number of lines it takes, what is wrong with it). Without any: (None, 0, None)."""
    if not lines or lines[0].text.rstrip() != "---":
        return None, 0, None
    size = 0
    for index, line in enumerate(lines[1:], 1):
        if line.text.rstrip() in _FENCE_END:
            return _load_front_matter([inner.text for inner in lines[1:index]], index + 1)
        size += line.length
        if size > _MAX_FRONT_MATTER:
            break
    return None, 0, None


def _load_front_matter(lines: list[str], height: int) -> tuple[dict[str, Any] | None, int, str | None]:
    import yaml

    try:
        values = yaml.load("\n".join(lines), _plain_loader())
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        reason = re.sub(r"\s+", " ", str(error))[:200]
        return None, height if _looks_like_keys(lines) else 0, f"The front matter is no valid YAML ({reason})."
    if isinstance(values, dict):
        return values, height, None
    # `---` at the top of a text without keys below it is a rule, no front matter.
    return None, 0, None


def _looks_like_keys(lines: list[str]) -> bool:
    return any(re.match(r"[\w-]+\s*:", line) for line in lines)


@functools.cache
def _plain_loader() -> Any:
    """Return PyYAML's safe loader without aliases: a few lines of nested aliases unfold to gigabytes."""
    import yaml

    class PlainLoader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not read")
            return super().compose_node(parent, index)

    return PlainLoader
