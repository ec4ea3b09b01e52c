"""Samples of every format with hostile text in every field that may hold text: all fields at once, or one after the other.

Which fields those are is found by trying: a field is spoilt alone, and where the loader then still makes as many records of
the file, it is free text; where it does not, the field is structure (a time, a role, the mark of the format).
"""

from __future__ import annotations

import io
import json
import re
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzzing import try_loader
from mutations import corpus, seeds
from text_evidence import gather

from agentlens import AgentLensError
from agentlens._source import detect_compression, read_head
from agentlens.loaders import Loader, all_loaders

# Runs where it may not: sets `window.owned`. Loads what it may not: asks evil.test for something.
PAYLOADS = {
    "script": "</script></style></title></textarea><script>window.owned=1</script>",
    "image": "<img src=https://evil.test/i onerror=window.owned=2><iframe src=https://evil.test/f></iframe>",
    "attribute": "\" autofocus onfocus=window.owned=3 style=background:url(https://evil.test/b) x=\"' onmouseover='window.owned=3",
    "link": "[x](javascript:window.owned=4) <a href=javascript:window.owned=4>x</a> <a href='data:text/html,<script>parent.owned=4</script>'>y</a> https://evil.test/l",
    "svg": "<svg onload=window.owned=5><use href=https://evil.test/s#x /><foreignObject><body onload=window.owned=5></foreignObject></svg>",
    "math": "<math><mtext><table><mglyph><style><!--</style><img title=\"--><img src=1 onerror=window.owned=6>\">",
    "template": "{{constructor.constructor('window.owned=7')()}} ${window.owned=7} <%= 7*7 %> #{7*7} {% raw %}",
    "vega": "datum['x'] + event.view.eval('window.owned=8') \"}],\"signals\":[{\"update\":\"window.owned=8\"}]",
    "meta": "<meta http-equiv=refresh content='0;url=https://evil.test/m'><base href=https://evil.test/><link rel=stylesheet href=https://evil.test/c>",
    "terminal": "\x1b[31mred\x1b]8;;https://evil.test\x07link\x1b]0;title\x07\x9b2J\x08\x07",
    "bidi": "\u202e\u2066txt.exe\u2069\u202c \u200b\ufeff\u200e",
    "formula": "=cmd|' /C calc'!A0",
    "sql": "'; DROP TABLE spans; -- \"); ATTACH '/etc/passwd'; COPY spans TO '/tmp/owned.csv'; --",
    "path": "../../../../tmp/owned /etc/passwd C:\\..\\owned file:///etc/passwd %2e%2e%2f",
    "format": "%s %n %(x)s {0} {x.__class__} $(touch /tmp/owned) `touch /tmp/owned`",
    "markdown": "| a | b |\n|---|---|\n```\n# h\n![x](https://evil.test/md) <!-- -->",
}  # fmt: skip
EVERYTHING = " ".join(PAYLOADS.values())
SMALL = 24 * 1024


def samples_by_loader(samples: Path) -> dict[str, list[bytes]]:
    """Small whole files by the loader that claims them, the smallest first."""
    found: dict[str, list[bytes]] = defaultdict(list)
    for name, seed in seeds():
        found[name].append(seed)
    loaders = all_loaders()
    for path, data in corpus(samples):
        if data[:1] in (b"{", b"[") and not _is_json(data):
            data = path.read_bytes()
        if 0 < len(data) <= SMALL * (8 if data[:1] in (b"{", b"[") else 1) or data[:4] in (
            b"PK\x03\x04",
            b"PAR1",
            b"SQLi",
        ):
            head = read_head(path, detect_compression(path))
            for name in (name for name, loader in loaders.items() if loader.sniff(head)):
                found[name].append(data)
    return {name: sorted(group, key=len) for name, group in found.items()}


def _is_json(data: bytes) -> bool:
    try:
        _spoil_text(data, "", {}, is_json=True)
    except ValueError:
        return False
    return True


# --- fields of a file -------------------------------------------------------------------------------------------------


def fields(data: bytes) -> list[str]:
    """Return the places in a file that hold text, e.g. `messages[].content`; lines of text for what is no JSON."""
    names: dict[str, None] = {}
    _spoiler(data)(data, "", names)
    return list(names)


def spoil(data: bytes, payload: str, wanted: set[str]) -> bytes:
    """Return a file in which a payload stands behind the text of each wanted field."""
    return _spoiler(data)(data, payload, wanted)


def _spoiler(data: bytes) -> Callable[[bytes, str, Any], bytes]:
    if data[:4] == b"PK\x03\x04":
        return _spoil_zip
    if data[:4] == b"PAR1":
        return _spoil_parquet
    if data[:6] == b"SQLite":
        return _spoil_sqlite
    return _spoil_text


def _spoil_text(data: bytes, payload: str, wanted: Any, is_json: bool = False) -> bytes:
    text = data.decode("utf-8", "replace")
    try:
        return b"\n".join(_dump(_walk(value, "", payload, wanted)) for value in _json_values(text))
    except ValueError:
        if is_json:
            raise
    lines = text.split("\n")
    kinds = [_kind(line) for line in lines]
    one_line = payload.replace("\n", " ")
    return "\n".join(_put(line, kind, one_line, wanted) if kind else line for line, kind in zip(lines, kinds)).encode()


def _json_values(text: str) -> Iterator[Any]:
    """Yield the JSON values that a text consists of, one a line or not."""
    decoder, at = json.JSONDecoder(), 0
    while rest := text[at : at + 64].lstrip():
        start = text.index(rest[0], at)
        value, at = decoder.raw_decode(text, start)
        yield value


def _kind(line: str) -> str:
    """What is alike in lines of one kind: their first word or sign, with digits left out."""
    return re.sub(r"\d+", "0", (re.match(r"\s*(\S{1,14})", line) or [""])[0].strip())


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()


def _walk(value: Any, place: str, payload: str, wanted: Any) -> Any:
    if isinstance(value, dict):
        return {key: _walk(item, f"{place}.{key[:40]}", payload, wanted) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, f"{place}[]", payload, wanted) for item in value]
    return _put(value, place, payload, wanted) if isinstance(value, str) else value


def _put(text: str, place: str, payload: str, wanted: Any) -> str:
    """Return the text with the payload where it is wanted; a dict of places only takes down the place."""
    if isinstance(wanted, dict):
        wanted[place] = None
        return text
    return f"{text} {payload}" if place in wanted else text


def _spoil_zip(data: bytes, payload: str, wanted: Any) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(written, "w") as new:
        for member in old.namelist():
            try:
                content = old.read(member)
            except NotImplementedError:
                import zipfile_zstd  # noqa: F401 - older Pythons learn zstd from it

                content = old.read(member)
            new.writestr(member, _spoil_text(content, payload, wanted))
    return written.getvalue()


def _spoil_parquet(data: bytes, payload: str, wanted: Any) -> bytes:
    table = pq.read_table(io.BytesIO(data))
    for number, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            cells = [
                None if cell is None else _put(cell, field.name, payload, wanted)
                for cell in table.column(number).to_pylist()
            ]
            table = table.set_column(number, field, pa.array(cells, field.type))
    written = io.BytesIO()
    pq.write_table(table, written)
    return written.getvalue()


def _spoil_sqlite(data: bytes, payload: str, wanted: Any) -> bytes:
    with sqlite3.connect(":memory:") as con:
        con.deserialize(data)
        for (table,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for column in [row[1] for row in con.execute(f'PRAGMA table_info("{table}")')]:
                cells = con.execute(
                    f'SELECT DISTINCT "{column}" FROM "{table}" WHERE typeof("{column}") = \'text\''
                ).fetchall()
                for (cell,) in cells:
                    try:
                        new = _dump(_walk(json.loads(cell), f"{table}.{column}", payload, wanted)).decode()
                    except ValueError:
                        new = _put(cell, f"{table}.{column}", payload, wanted)
                    if new != cell:
                        con.execute(f'UPDATE OR IGNORE "{table}" SET "{column}" = ? WHERE "{column}" = ?', (new, cell))
        con.commit()
        return con.serialize()


# --- which fields are free --------------------------------------------------------------------------------------------


def accepted(name: str, loader: Loader, path: Path) -> int:
    """Return how many records a loader makes rows of."""
    try:
        return gather(loader, path)[1].accepted if loader.sniff(read_head(path, None)) else -1
    except AgentLensError:
        return -1


def free_fields(name: str, loader: Loader, data: bytes, path: Path, payload: str) -> tuple[set[str], list[Any]]:
    """Spoil one field after the other; return those that hold free text, and the laws that were broken."""
    path.write_bytes(data)
    before, free, faults = accepted(name, loader, path), set[str](), []
    for field in fields(data):
        path.write_bytes(spoil(data, payload, {field}))
        if fault := try_loader(name, loader, path):
            faults.append((field, fault))
        elif accepted(name, loader, path) >= before:
            free.add(field)
    return free, faults


def spoilt(name: str, loader: Loader, data: bytes, path: Path, payload: str) -> bytes | None:
    """Return the file with the payload in as many free fields at once as the loader still takes; None where it takes none."""
    free, faults = free_fields(name, loader, data, path, payload)
    assert faults == [], faults
    path.write_bytes(data)
    before = max(1, accepted(name, loader, path))

    def together(taken: set[str], more: list[str]) -> set[str]:
        path.write_bytes(spoil(data, payload, taken | {*more}))
        if accepted(name, loader, path) >= before:
            return taken | {*more}
        half = len(more) // 2
        return together(together(taken, more[:half]), more[half:]) if half else taken

    taken = together(set(), sorted(free)) if free else set()
    return spoil(data, payload, taken) if taken else None
