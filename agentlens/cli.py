"""The command line: read, sql, detect, report, briefing, export, verify, lab, archive, formats."""

from __future__ import annotations

import errno
import io
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import agentlens as al
from agentlens._errors import AgentLensError
from agentlens._visible import plural, show_controls, show_inline

if TYPE_CHECKING:
    from agentlens._lens import Lens
    from agentlens._sensitive import Rule
    from agentlens.report._facts import Finding

FOUND = 3
SIGNS = {"critical": "✖", "warning": "▲", "info": "●"}
COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
NOTEBOOKS = "agentlens-notebooks"
CASE_VARIABLE = "AGENTLENS_CASE"


class Commands(click.Group):
    """Turns what agentlens refuses to do into one sentence and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AgentLensError as error:
            raise click.ClickException(show_controls(str(error))) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise click.ClickException(show_controls(str(error))) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(al.__version__, prog_name="agentlens")
def main() -> None:
    """Find out afterwards what a team of AI agents really did.

    A PATH is a file, a folder or a glob of logs in any mix of formats; a CASE is what `agentlens read` saved.

    Exit status: 0 fine, 1 it could not be done, 2 wrong usage, 3 `detect --fail-on` found something.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # No address is ever checked here, and the grammars that would check them take a second to build when Altair is loaded.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


_paths = click.argument("paths", metavar="CASE|PATH…", nargs=-1, required=True)


@main.command()
@click.argument("paths", metavar="PATH…", nargs=-1, required=True)
@click.option(
    "-o", "--output", default="case.duckdb", show_default=True, help="Where to save the case; an older one is added to."
)
@click.option(
    "--format",
    "form",
    metavar="NAME|FILE.yaml",
    help="Read everything by this loader, or JSON lines and CSV by the mapping in a YAML file.",
)
@click.option(
    "--prices", metavar="FILE.yaml", help="Prices and model aliases of your own, before those of the price list."
)
def read(paths: tuple[str, ...], output: str, form: str | None, prices: str | None) -> None:
    """Read logs into one database file that can be asked again and again."""
    with al.read(*paths, into=output, format=form, prices=prices) as lens:
        _say(repr(lens))
    _say(f"\nSaved in {output}. Go on with:  agentlens report {output}   or   agentlens sql {output} 'FROM traces'")


@main.command()
@click.argument("case")
@click.argument("query")
@click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json", "markdown"]), default="table", show_default=True
)
def sql(case: str, query: str, form: str) -> None:
    """Ask a case a question in SQL; `-` reads the question from standard input.

    `FROM catalog` lists what can be asked.
    """
    from duckdb import Error

    from agentlens._rows_as_text import FORMATS

    question = sys.stdin.read() if query == "-" else query
    with _open((case,)) as lens:
        try:
            lens.sql("BEGIN TRANSACTION READ ONLY")
            FORMATS[form](lens.sql(question), _writer())
        except Error as error:
            raise AgentLensError(f"The query could not be answered. {error}") from error


@main.command()
@_paths
@click.option(
    "--fail-on", type=click.Choice(list(SIGNS)), help="Exit with 3 when something this grave, or graver, was found."
)
def detect(paths: tuple[str, ...], fail_on: str | None) -> None:
    """Say what went wrong, each finding with the line that proves it."""
    with _open(paths) as lens:
        findings = _show_findings(lens)
    if fail_on is not None:
        grave = list(SIGNS)[: list(SIGNS).index(fail_on) + 1]
        if any(finding.severity in grave for finding in findings):
            raise click.exceptions.Exit(FOUND)


def _redaction(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of whatever is redacted."""
    options = (
        click.option("--redact/--no-redact", default=True, show_default=True, help="Put pseudonyms in place of secrets and personal data."),
        click.option("--rule", "rules", multiple=True, metavar="NAME=PATTERN", help="What else is replaced, as an RE2 pattern; may be repeated."),
        click.option("--keep", multiple=True, metavar="TEXT", help="A value that was reviewed and stays; may be repeated."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.argument("paths", metavar="CASE|PATH…", nargs=-1)
@click.option(
    "-o", "--output", default="report.html", show_default=True, help="The file to write: .html, .md, .json or .pdf."
)
@click.option("--title", help="Heading of the report; by default the folder that was read.")
@click.option(
    "--max-mb", type=click.FloatRange(min=0), default=10.0, show_default=True, help="Largest size of the file."
)
@_redaction
@click.option("--review", is_flag=True, help="Only list what would be replaced (values shortened), and write nothing.")
@click.option(
    "--notebook", metavar="MY.ipynb", help="Run this notebook instead and write it as a page (needs papermill)."
)
@click.option(
    "-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the notebook."
)
def report(
    paths: tuple[str, ...], output: str, title: str | None, max_mb: float, redact: bool, rules: tuple[str, ...], keep: tuple[str, ...],
    review: bool, notebook: str | None, parameters: tuple[str, ...],
) -> None:  # fmt: skip
    """Say what went wrong and write it down in one file: a page that opens offline, Markdown, JSON or PDF.

    With --notebook, a notebook of your own is run on the case and written as a page; the executed notebook is put beside it.
    """
    from agentlens.report import report as write

    if notebook is not None:
        return _report_notebook(notebook, output, paths, parameters, redact, rules, keep)
    if not paths or parameters:
        raise click.UsageError("Name a CASE or PATH; parameters (-p) are for a notebook (--notebook).")
    with _open(paths) as lens:
        if review:
            return _review(lens, rules, keep)
        _say(repr(lens) + "\n")
        _show_findings(lens)
        written = write(lens, output, title=title, max_mb=max_mb, redact=redact, rules=_rules(rules), keep=keep)
    _say(f"\nReport:     {written} ({written.stat().st_size / 1e6:.1f} MB, {'redacted' if redact else 'NOT redacted'})")
    _say(f"Notebooks:  agentlens lab {' '.join(_quote(path) for path in paths)}")


def _report_notebook(
    notebook: str, output: str, paths: tuple[str, ...], given: tuple[str, ...], redact: bool, rules: tuple[str, ...], keep: tuple[str, ...]
) -> None:  # fmt: skip
    """Run a notebook with the case in its environment, as `lab` does."""
    import yaml

    from agentlens.report._notebook import run_notebook

    parted = [text.partition("=") for text in given]
    if any(not name.isidentifier() or not equals for name, equals, _ in parted):
        raise click.UsageError("A parameter is written NAME=VALUE, e.g. -p size=3.")
    parameters = {name: yaml.safe_load(value) for name, _, value in parted}
    if paths:
        os.environ[CASE_VARIABLE] = _case_of(paths)
    page = run_notebook(notebook, output, parameters, redact=redact, rules=_rules(rules), keep=keep)
    how = "redacted" if redact else "NOT redacted"
    _say(f"Report:    {page} ({page.stat().st_size / 1e6:.1f} MB, {how})\nExecuted:  {page.with_suffix('.ipynb')}")


@main.command()
@_paths
@click.option(
    "--since", default="7d", show_default=True, help="What is compared with as long before: 7d, 2w, 12h, or a day."
)
@click.option(
    "--until", help="The last day of it, or a moment in UTC where it ends; by default the last day of the log."
)
@click.option("-o", "--output", help="The file to write: .html or .md; without it the Markdown is printed.")
@click.option("--title", help="Heading; by default the folder that was read.")
@_redaction
def briefing(
    paths: tuple[str, ...], since: str, until: str | None, output: str | None, title: str | None, redact: bool, rules: tuple[str, ...], keep: tuple[str, ...]
) -> None:  # fmt: skip
    """Say what changed materially against the week before, on a page that is read in 90 seconds."""
    with _open(paths) as lens:
        said = al.briefing(lens, output, since, title, redact, _rules(rules), keep, until)
    _say(f"Briefing: {said} ({'redacted' if redact else 'NOT redacted'})" if output else str(said))


@main.command()
@_paths
@click.option(
    "--to", "form", required=True, type=click.Choice(["perfetto", "speedscope", "otlp", "parquet", "sarif", "junit"]), help="The form."
)  # fmt: skip
@click.option("-o", "--output", required=True, help="The file to write.")
@click.option("--trace", "trace_id", help="Only this trace.")
def export(paths: tuple[str, ...], form: str, output: str, trace_id: str | None) -> None:
    """Write traces or findings for another tool; texts go out as the logs have them."""
    from agentlens._detect import detect as look
    from agentlens.export import export as write

    with _open(paths) as lens:
        if form in ("sarif", "junit") and not lens.sql("FROM checks LIMIT 1").fetchall():
            look(lens)
        _say(f"Written: {write(lens, output, form, trace_id)}")


@main.command()
@click.argument("page", metavar="REPORT.html")
@click.option("--against", required=True, metavar="FOLDER", help="Where the logs are.")
@click.option("--rule", "rules", multiple=True, metavar="NAME=PATTERN", help="The rules it was redacted with.")
@click.option("--keep", multiple=True, metavar="TEXT", help="The values that were kept.")
@click.option("-v", "--verbose", is_flag=True, help="List what was proved as well.")
def verify(page: str, against: str, rules: tuple[str, ...], keep: tuple[str, ...], verbose: bool) -> None:
    """Read the logs again and say of each claim of a report: proved, differs, source missing.

    Exits with 3 unless everything was proved.
    """
    from agentlens.report._verify import PROVED
    from agentlens.report._verify import verify as prove

    verdicts = prove(page, against, _rules(rules), keep)
    for verdict in verdicts:
        if verbose or verdict.verdict != PROVED:
            _say(f"{verdict.verdict:<14}  {show_inline(verdict.claim)}: {show_inline(verdict.why)}")
    counts = {word: sum(one.verdict == word for one in verdicts) for word in dict.fromkeys(v.verdict for v in verdicts)}
    _say(f"{len(verdicts)} claims: " + ", ".join(f"{count} {word}" for word, count in counts.items()) + ".")
    if counts.get(PROVED, 0) < len(verdicts):
        raise click.exceptions.Exit(FOUND)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("paths", metavar="[CASE|PATH…]", nargs=-1)
@click.option(
    "--jupyter", multiple=True, metavar="OPTION", help="An option for `jupyter lab`, e.g. --jupyter=--no-browser."
)
def lab(paths: tuple[str, ...], jupyter: tuple[str, ...]) -> None:
    """Open the example notebooks in JupyterLab, and your own case beside them.

    They are copied into ./agentlens-notebooks unless they are there.
    """
    folder = _copy_notebooks(Path(NOTEBOOKS))
    environment = dict(os.environ)
    command = [sys.executable, "-m", "jupyterlab", str(folder)]
    if paths:
        environment[CASE_VARIABLE] = _case_of(paths)
        command[-1] = str(folder / "00_your_case.ipynb")
    _say(f"Notebooks are in {folder}; starting JupyterLab (Ctrl-C ends it).")
    sys.stdout.flush()
    os.execve(sys.executable, [*command, *jupyter], environment)


@main.command()
@click.argument("folder")
@click.option(
    "-o", "--output", required=True, metavar="ARCHIVE", help="Folder of the archive; an older one is added to."
)
def archive(folder: str, output: str) -> None:
    """Keep the raw bytes of all logs in a folder, compressed, before the programs that wrote them delete them.

    Run it as often as you like: only what is new or has changed is stored, and nothing is ever removed. An ARCHIVE is read like any folder.
    """
    from agentlens._archive import archive as keep

    run = keep(Path(folder).expanduser(), Path(output).expanduser())
    _say(
        f"{plural(run.files, 'file')} in {folder}: {run.added:,} new or changed ({run.bytes:,} bytes, {run.stored_bytes:,} in the archive)."
    )
    for trouble in run.unreadable:
        _say(f"Could not be read: {trouble}")
    _say(f"Kept in {output}. Go on with:  agentlens read {_quote(output)}")
    if run.unreadable:
        raise AgentLensError(f"Not in the archive, for want of being readable: {plural(len(run.unreadable), 'file')}.")


@main.command()
def formats() -> None:
    """List what can be read: how each format is recognised, and what it can never tell."""
    from agentlens.loaders import all_loaders

    for name, loader in all_loaders().items():
        click.secho(name, bold=True)
        _say(_wrapped("looks for", loader.LOOKS_FOR))
        _say(_wrapped("cannot know", loader.CANNOT_KNOW))


# --- opening ----------------------------------------------------------------------------------------------------------


def _open(paths: Iterable[str]) -> Lens:
    lens: Lens = al.read(*paths, progress=sys.stderr.isatty())
    return lens


def _case_of(paths: Iterable[str]) -> str:
    """Return paths as a notebook finds them in its environment."""
    return os.pathsep.join(str(Path(path).expanduser().absolute()) for path in paths)


def _copy_notebooks(folder: Path) -> Path:
    """Copy notebooks and the data they tell of into a folder; what is there already stays as it is."""
    home = _bundled()
    for source in [*(home / "notebooks").glob("*.ipynb"), *(p for p in (home / "datasets").rglob("*") if p.is_file())]:
        place = source.relative_to(home / "notebooks") if source.suffix == ".ipynb" else source.relative_to(home)
        if {"generators", "__pycache__"} & set(place.parts) or (folder / place).exists():
            continue
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / place)
    return folder


def _bundled() -> Path:
    """Return the folder that holds notebooks and datasets: within the installed package, else the checkout."""
    package = Path(__file__).parent
    for home in (package / "bundled", package.parent):
        if (home / "notebooks" / "01_what_happened.ipynb").is_file():
            return home
    raise AgentLensError(
        f"This installation has no example notebooks (looked beside {package}). Install from a checkout of agentlens."
    )


def _rules(given: Iterable[str]) -> list[Rule]:
    """Return rules written as NAME=PATTERN."""
    from agentlens._sensitive import Rule

    parted = [text.partition("=") for text in given]
    return [Rule(name, pattern) for name, _, pattern in parted]


def _review(lens: Lens, rules: tuple[str, ...], keep: tuple[str, ...]) -> None:
    from agentlens.report._copy import travelling

    with travelling(lens, True, _rules(rules), keep) as copy:
        rows = copy.redactor.review() if copy.redactor else []
    for row in rows:
        _say(f"{row['pseudonym']:<32}  {row['times']:>6,}×  {show_inline(row['value'])}")
    _say(
        f"{plural(len(rows), 'value')} would be replaced." if rows else "Nothing of the kinds that are known was found."
    )


# --- saying -----------------------------------------------------------------------------------------------------------


def _say(text: str) -> None:
    click.echo(show_controls(text))


def _writer() -> Callable[[str], object]:
    """Return what writes to standard output: as it is into files and pipes, with controls made visible on a terminal."""
    stream = sys.stdout
    if stream.isatty():
        return lambda text: stream.write(show_controls(text))
    return stream.write


def _show_findings(lens: Lens) -> list[Finding]:
    """Detect, and print what went wrong by severity, then what could not be looked for."""
    from agentlens.report._facts import ask, common_folder, headline, list_findings, make_sure_detected

    make_sure_detected(lens)
    findings, checks = list_findings(lens), ask(lens, "checks")
    paths = {row["source_id"]: row["path"] for row in ask(lens, "sources")}
    folder = common_folder(list(paths.values()))
    if folder is not None:
        _say(f"{headline(findings, checks)}  (paths below {_near(folder)})")
    else:
        _say(headline(findings, checks))
    for severity in SIGNS:
        _show_severity(severity, [finding for finding in findings if finding.severity == severity], paths, folder)
    _show_blind(checks)
    return findings


def _show_severity(severity: str, findings: list[Finding], paths: dict[int, str], folder: Path | None) -> None:
    if not findings:
        return
    click.secho(f"\n{SIGNS[severity]} {severity.upper()} ({len(findings)})", fg=COLOURS[severity], bold=True)
    for finding in findings:
        when = f"{finding.start_time:%Y-%m-%d %H:%M:%S}" if finding.start_time else "no time"
        _say(f"  {when}  {show_inline(finding.agent_name or '–')}  {finding.detector} ({finding.tier})")
        _say(f"    {show_inline(finding.summary)}")
        if proof := _first_place(finding, paths, folder):
            _say(f"    {proof}")


def _first_place(finding: Finding, paths: dict[int, str], folder: Path | None) -> str:
    from agentlens.report._facts import short_path

    if not finding.evidence:
        return ""
    first = finding.evidence[0]
    path = short_path(paths.get(first.source_id, "?"), folder)
    more = f"  and {len(finding.evidence) - 1} more" if len(finding.evidence) > 1 else ""
    return f"{show_inline(path)}{'' if first.line is None else f':{first.line}'}{more}"


def _show_blind(checks: list[dict[str, Any]]) -> None:
    blind = [check for check in checks if check["outcome"] == "could not look"]
    if blind:
        _say(f"\nCould not look ({len(blind)}):")
    for check in blind:
        _say(f"  {check['detector']}: {show_inline(check['reason'] or 'no reason given')}")


def _near(folder: Path) -> str:
    here = Path.cwd()
    return f"{folder.relative_to(here)}/" if folder != here and folder.is_relative_to(here) else f"{folder}/"


def _wrapped(label: str, text: str) -> str:
    return click.wrap_text(f"{label + ':':<13}{text}", 100, "  ", " " * 15)


def _quote(path: str) -> str:
    import shlex

    return shlex.quote(path)
