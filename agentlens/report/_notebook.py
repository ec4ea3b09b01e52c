"""A notebook of one's own as a report: run with parameters, then written with pictures where widgets were, and redacted."""

from __future__ import annotations

import base64
import html
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._lens import written_whole
from agentlens._redaction import SEPARATOR, RedactionRefused, Redactor
from agentlens._sensitive import Rule
from agentlens.report._copy import list_texts, map_texts
from agentlens.report._page import POLICY, own_text
from agentlens.report._target import check_target

# Outputs of cells bring style attributes of their own.
NOTEBOOK_POLICY = POLICY.format(scripts="'none'", styles="'unsafe-inline'")

WIDGET = "application/vnd.jupyter.widget-view+json"
VEGA = "application/vnd.vegalite"
PICTURE = re.compile(r"(data:image/svg\+xml;base64,)([A-Za-z0-9+/=]+)")
BITMAPS = ("image/png", "image/jpeg", "image/gif")
DRAWN = "import altair\naltair.renderers.enable('svg')"
NEEDS = "Running a notebook needs papermill and nbconvert; install agentlens with its extra `notebooks`."


def run_notebook(
    notebook: str | os.PathLike[str],
    path: str | os.PathLike[str],
    parameters: Mapping[str, Any],
    redact: bool = True,
    rules: Sequence[Rule] = (),
    keep: Iterable[str] = (),
) -> Path:
    """Run a notebook top to bottom, in its own folder, and write it as a page; the executed notebook is put beside it (.ipynb).

    `parameters` come after the cell tagged `parameters` (papermill's convention). The page needs no kernel, no script and no
    network: explorers and charts stand as pictures. Unless `redact` is False, secrets and personal data in code, texts and
    those pictures are pseudonyms in both files; bitmaps (PNG) are left as they are.

    Raises AgentLensError for a notebook that is not there, for a cell that fails, without papermill, and when the redaction
    is not certain.
    """
    source, page = Path(notebook).expanduser(), check_target(path, [".html"], "report")
    executed = page.with_suffix(".ipynb")
    if not source.is_file():
        raise AgentLensError(f"{source} is no notebook; give the path of an .ipynb file.")
    if executed.resolve() == source.resolve():
        raise AgentLensError(f"{executed} is the notebook itself; give what comes out of it another name (-o).")
    content = _with_pictures(_execute(source, parameters))
    if redact:
        content = _redacted(content, Redactor(rules, keep))
    text = _as_page(content, source.stem)
    with written_whole(executed) as part:
        _write(content, part)
    with written_whole(page) as part:
        part.write_text(text, "utf-8", "backslashreplace")
    return page


def _execute(source: Path, parameters: Mapping[str, Any]) -> Any:
    """Return the executed notebook; a cell before all others, which is gone afterwards, has charts drawn as SVG."""
    try:
        import nbformat
        import papermill
    except ImportError as error:
        raise AgentLensError(NEEDS) from error
    content = papermill.iorw.load_notebook_node(str(source))
    content.cells.insert(0, nbformat.v4.new_code_cell(DRAWN))  # type: ignore[no-untyped-call]
    try:
        done = papermill.execute_notebook(
            content, None, dict(parameters), progress_bar=False, cwd=str(source.resolve().parent), store_widget_state=False
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise AgentLensError(
            f"Cell {error.exec_count - 1} of {source.name} failed: {error.ename}: {error.evalue}"
        ) from error
    done.cells = [cell for cell in done.cells if cell.source != DRAWN]
    return done


def _write(content: Any, path: Path) -> None:
    import nbformat

    nbformat.write(content, path)  # type: ignore[no-untyped-call]


# --- pictures ---------------------------------------------------------------------------------------------------------


def _with_pictures(content: Any) -> Any:
    """Put pictures in place of what only lives in a browser: a widget says its own, a chart is drawn."""
    content.metadata.pop("widgets", None)
    for cell in content.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(WIDGET, None)
            chart = next((name for name in data if name.startswith(VEGA)), None)
            if chart is not None and "image/svg+xml" not in data:
                data["image/svg+xml"] = _draw(data[chart])
    return content


def _draw(spec: Any) -> str:
    """Return a chart as SVG; a chart reaches no network while it is drawn."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def _as_page(content: Any, name: str) -> str:
    """Return the notebook as one page of the look of a report."""
    import nbformat
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    shown = nbformat.from_dict(content)  # type: ignore[no-untyped-call]
    for cell in shown.cells:
        for output in cell.get("outputs", []):
            if svg := output.get("data", {}).pop("image/svg+xml", None):
                packed = base64.b64encode(svg.encode("utf-8", "backslashreplace")).decode()
                output["data"] = {"text/html": f'<img alt="chart" src="data:image/svg+xml;base64,{packed}">'}
    exporter = HTMLExporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(shown)
    light, dark = (HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "monokai"))
    title = html.escape(name)
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{html.escape(NOTEBOOK_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{own_text('report.css')}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}</style>\n</head>\n"
        f'<body class="notebook">\n<main>\n{_without_scripts(body)}\n</main>\n</body>\n</html>\n'
    )


def _without_scripts(body: str) -> str:
    """Leave out scripts, which the policy would only complain about."""
    return re.sub(r"<script\b.*?</script\s*>", "", body, flags=re.DOTALL | re.IGNORECASE)


# --- redaction --------------------------------------------------------------------------------------------------------


def _redacted(content: Any, redactor: Redactor) -> Any:
    """Return the notebook with pseudonyms in all its texts, those within pictures too; bitmaps stay as they are."""
    import nbformat

    bitmaps = [
        (cell, output, kind, outputs_data.pop(kind))
        for cell, listed in enumerate(content.cells)
        for output, one in enumerate(listed.get("outputs", []))
        for outputs_data in [one.get("data", {})]
        for kind in BITMAPS
        if kind in outputs_data
    ]
    texts = [seen for text in list_texts(content) for seen in (text, *_in_pictures(text))]
    redactor.learn(SEPARATOR.join(texts))

    def clean(text: str) -> str:
        drawn = PICTURE.sub(lambda found: found[1] + _pack(redactor.redact(_unpack(found[2]))), text)
        parts = PICTURE.split(drawn)  # the pictures are done: base64 holds no words
        parts[::3] = [redactor.redact(part) for part in parts[::3]]
        return "".join(parts)

    done = map_texts(content, clean)
    if kinds := redactor.remains(SEPARATOR.join(PICTURE.sub("", text) for text in list_texts(done))):
        raise RedactionRefused(
            f"The notebook would still hold what looks like {', '.join(sorted(set(kinds)))}, so nothing was written. "
            "Add a rule of your own, or keep the value if it is harmless."
        )
    for cell, output, kind, bitmap in bitmaps:
        done["cells"][cell]["outputs"][output]["data"][kind] = bitmap
    return nbformat.from_dict(done)  # type: ignore[no-untyped-call]


def _in_pictures(text: str) -> list[str]:
    return [_unpack(packed) for _, packed in PICTURE.findall(text)]


def _unpack(packed: str) -> str:
    return base64.b64decode(packed).decode("utf-8", "backslashreplace")


def _pack(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "backslashreplace")).decode()
