"""The `%%lens` cell magic: SQL in a notebook cell, a polars frame out."""

from __future__ import annotations

import re
from typing import Any

import duckdb

from agentlens._errors import AgentLensError
from agentlens._lens import Lens

DEFAULT = "lens"
USAGE = "%%lens [name of the lens variable] [--out variable]"

# Strings, quoted names and comments are matched first, so that a `$name` or `{name}` in them stays text.
_PIECES = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag))"""
    r"""|\$(?P<dollar>[A-Za-z_]\w*)|\{(?P<brace>[A-Za-z_]\w*)\}""",
    re.DOTALL,
)


def register(shell: Any) -> None:
    """Give a running IPython shell the cell magic `%%lens`.

    `%%lens` asks the lens in the variable `lens`, `%%lens other` the one in `other`; `--out frame` keeps the answer in a variable
    instead of showing it. `$name` and `{name}` in the query take the values of Python variables, as parameters, never as SQL.
    """

    def lens(line: str, cell: str) -> Any:
        return run_cell(shell, line, cell)

    shell.register_magic_function(lens, magic_kind="cell", magic_name="lens")


def run_cell(shell: Any, line: str, cell: str) -> Any:
    """Return the answer to the query in a cell as a polars frame; None when `--out` names a variable for it."""
    name, out = _read_line(line)
    query, wanted = find_parameters(cell.strip().rstrip(";"))
    asked = _find_lens(shell.user_ns, name)
    params = {parameter: _find_value(shell.user_ns, parameter) for parameter in wanted}
    try:
        frame = asked.sql(query, **params).pl()
    except duckdb.Error as error:
        raise AgentLensError(f"The query could not be answered. {error}") from error
    if out is None:
        return frame
    shell.user_ns[out] = frame
    return None


def find_parameters(query: str) -> tuple[str, list[str]]:
    """Return a query with every `{name}` written `$name`, and the names of its parameters in order of appearance."""
    names: dict[str, None] = {}

    def rewrite(match: re.Match[str]) -> str:
        name = match["dollar"] or match["brace"]
        if not name:
            return match.group()
        names[name] = None
        return f"${name}"

    return _PIECES.sub(rewrite, query), list(names)


def _read_line(line: str) -> tuple[str, str | None]:
    words = line.split()
    out = None
    if "--out" in words:
        at = words.index("--out")
        if at + 1 >= len(words) or not words[at + 1].isidentifier():
            raise AgentLensError(f"--out needs the name of a variable: {USAGE}")
        out = words[at + 1]
        del words[at : at + 2]
    if len(words) > 1 or not all(word.isidentifier() for word in words):
        raise AgentLensError(f"%%lens does not understand {line.strip()!r}. It is used as {USAGE}.")
    return (words[0] if words else DEFAULT), out


def _find_lens(names: dict[str, Any], name: str) -> Lens:
    found = names.get(name)
    if isinstance(found, Lens):
        return found
    others = sorted(key for key, value in names.items() if isinstance(value, Lens) and not key.startswith("_"))
    hint = (
        f"These variables hold one: {', '.join(others)} (`%%lens {others[0]}`)."
        if others
        else "Make one first: lens = al.read('logs/')."
    )
    seen = "There is no variable" if name not in names else f"A {type(found).__name__} is in the variable"
    raise AgentLensError(f"{seen} {name!r}, and %%lens needs a lens there. {hint}")


def _find_value(names: dict[str, Any], parameter: str) -> Any:
    if parameter not in names:
        raise AgentLensError(
            f"The query uses ${parameter}, and there is no variable of that name. Set it in a cell above: {parameter} = …"
        )
    return names[parameter]
