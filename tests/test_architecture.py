"""The shape of the house: doors open one way, the front door is light, and everything public says what it is."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import agentlens

ROOT = Path(agentlens.__file__).parent
ROOMS = [
    ("_errors", "_visible", "_rows_as_text", "_secrets"),
    ("_catalog",),
    (
        "_source",
        "_account",
        "_evidence",
        "_json_text",
        "_message_lists",
        "_row_buffer",
        "_tree",
        "_staging",
        "_reused_ids",
        "_finish",
        "_sensitive",
        "_redaction",
        "_redacted_copy",
        "_sentence_vectors",
        "_lens",
        "_archive",
    ),
    ("dialects", "_own_prices", "pricing", "loaders"),
    ("_find", "_load", "_read_ahead", "_read"),
    ("detectors", "_detect"),
    ("charts", "_export_otlp", "export"),
    ("explorers",),
    ("report",),
    ("cli", "_magic"),
]
"""From left to right; modules import from their own room or from rooms to the left."""
# What may open the other way, and why.
DOORS = {
    ("_lens", "_lineage"): "loaded when it is first asked",
    ("_lens", "_explain"): "loaded when it is first asked",
    ("_lens", "_investigation"): "loaded when it is first asked",
}
HEAVY = ("duckdb", "polars", "altair", "pyarrow", "anywidget", "ipywidgets", "numpy", "msgspec", "jinja2", "IPython")


def sources() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "node_modules" not in path.parts)


def room_of(module: str) -> int | None:
    """Return the number of the room a module is in; None for one that no room claims."""
    top = module.removeprefix("agentlens.").partition(".")[0]
    return next((number for number, names in enumerate(ROOMS) if top in names), None)


def imports(path: Path) -> list[tuple[str, int]]:
    """Return the modules of agentlens that a file imports, with the lines."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [(name.name, node.lineno) for name in node.names if name.name.startswith("agentlens.")]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "agentlens":
            names = [node.module] if node.module != "agentlens" else [f"agentlens.{name.name}" for name in node.names]
            found += [(name, node.lineno) for name in names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno} imports relatively"
    return found


def test_every_module_stands_in_a_room() -> None:
    homeless = {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in sources()} - {
        name for room in ROOMS for name in room
    }
    assert homeless <= {"__init__", "__main__"} | {module for _, module in DOORS}


@pytest.mark.parametrize(
    "path",
    [path for path in sources() if path.parent != ROOT or path.stem != "__init__"],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_imports_go_left_only(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    here = room_of(module)
    for name, line in imports(path):
        there = room_of(name)
        if here is not None and there is not None and (module, name.removeprefix("agentlens.")) not in DOORS:
            assert there <= here, f"{path}:{line} imports {name} from the right"


def loaded(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sorted(m for m in sys.modules if '.' not in m))"
    return set(
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_agentlens_loads_nothing_heavy() -> None:
    assert loaded("import agentlens").isdisjoint(HEAVY)
    assert loaded("from agentlens import AgentLensError, UnknownFormat").isdisjoint(HEAVY)


def test_reading_loads_nothing_that_draws() -> None:
    assert loaded("from agentlens import read, Lens").isdisjoint(
        {"altair", "anywidget", "ipywidgets", "jinja2", "polars"}
    )


def test_the_public_names_are_sorted_complete_and_documented() -> None:
    assert agentlens.__all__ == sorted(agentlens.__all__)
    assert {
        "read",
        "mapping",
        "Lens",
        "detect",
        "report",
        "TraceTree",
        "TokenEconomics",
        "Drift",
        "charts",
        "AgentLensError",
        "UnknownFormat",
        "AmbiguousFormat",
        "__version__",
    } <= set(agentlens.__all__)
    assert len(agentlens.__all__) <= 24
    assert set(agentlens.__all__) <= set(dir(agentlens))
    with pytest.raises(AttributeError):
        _ = agentlens.no_such_name


@pytest.mark.parametrize("name", [name for name in agentlens.__all__ if name != "__version__"])
def test_a_public_name_loads_and_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(agentlens, name))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_public_functions_are_documented(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    if not tree.body:
        return
    assert ast.get_docstring(tree), f"{path} has no docstring"
    protocols = {
        n
        for c in ast.walk(tree)
        if isinstance(c, ast.ClassDef) and any("Protocol" in ast.dump(b) for b in c.bases)
        for n in c.body
    }
    for scope in [
        tree,
        *(node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")),
    ]:
        for node in scope.body:
            if (
                isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                and not node.name.startswith("_")
                and node not in protocols
            ):
                assert ast.get_docstring(node) or _overrides(scope, node), (
                    f"{path}:{node.lineno} {node.name} has no docstring"
                )


def _overrides(scope: ast.AST, node: ast.AST) -> bool:
    """Whether a method only fulfils what its base class documents."""
    return isinstance(scope, ast.ClassDef) and bool(scope.bases) and isinstance(node, ast.FunctionDef)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") <= 520
    long = [
        (node.name, node.lineno)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 - (ast.get_docstring(node) or "").count("\n") > 50
    ]
    assert long == []


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_names_say_what_is_in_a_file(path: Path) -> None:
    assert path.stem.strip("_") not in {"utils", "util", "helpers", "helper", "common", "core", "manager", "misc"}


def test_no_exception_is_swallowed_whole() -> None:
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert node.type is not None, f"{path}:{node.lineno} catches everything"
                assert not (isinstance(node.type, ast.Name) and node.type.id == "Exception"), (
                    f"{path}:{node.lineno} catches Exception"
                )


def test_every_benchmark_finds_what_it_imports() -> None:
    folder = Path(__file__).with_name("benchmarks")
    names = sorted(path.stem for path in folder.glob("*.py"))
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); [__import__(name) for name in {names!r}]"
    assert names
    subprocess.run([sys.executable, "-c", code], check=True)
