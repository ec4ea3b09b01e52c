"""The README says what is true: its tables come from the registries, its session runs, its commands are the right ones.

Run `python tests/test_readme.py` to write the tables anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import agentlens as al
from agentlens._detect import all_detectors
from agentlens.loaders import all_loaders

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"


def formats_table() -> str:
    rows = [f"| `{name}` | {_cell(loader.LOOKS_FOR)} |" for name, loader in all_loaders().items()]
    return "\n".join(["| format | recognised by |", "|---|---|", *rows])


def detectors_table() -> str:
    pages = {name: detector.doc.partition("\n\n")[0] for name, detector in sorted(all_detectors().items())}
    rows = [f"| `{name}` | {_cell(page)} |" for name, page in pages.items()]
    return "\n".join(["| detector | fires when |", "|---|---|", *rows])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def with_tables(readme: str) -> str:
    for name, table in {"formats": formats_table(), "detectors": detectors_table()}.items():
        pattern = rf"(<!-- table: {name} -->\n).*?(\n<!-- end -->)"
        readme = re.sub(pattern, lambda m, t=table: m[1] + t + m[2], readme, flags=re.DOTALL)
    return readme


def test_tables_are_those_of_the_registries() -> None:
    assert README.read_text("utf-8") == with_tables(README.read_text("utf-8"))


def test_the_session_runs_as_printed(monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    session = re.search(r"<!-- session -->\n```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert session is not None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    names: dict[str, object] = {}
    exec(session[1], names)
    lens = names["lens"]
    assert isinstance(lens, al.Lens)
    assert (tmp_path / "postmortem.html").stat().st_size > 100_000


def test_everything_public_is_named() -> None:
    text = README.read_text("utf-8")
    unnamed = [name for name in al.__all__ if f"al.{name}" not in text and f"`{name}`" not in text]
    assert unnamed == []


def test_nobody_is_told_to_install_the_other_agentlens() -> None:
    assert not re.search(r"pip install (?:-\S+ )*agentlens", README.read_text("utf-8"))


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
