"""The other forms of a report: Markdown for pull requests and chat, JSON for machines, PDF for print."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from agentlens._errors import AgentLensError
from agentlens._visible import show_inline
from agentlens.report._claims import claims_of
from agentlens.report._copy import Travelling
from agentlens.report._page import Content, Options, compose, environment, gather

BROWSERS = ("chromium", "google-chrome", "chromium-browser", "google-chrome-stable", "chrome", "msedge")
BROWSER_VARIABLE = "AGENTLENS_CHROMIUM"
# Whatever means something in Markdown, GitHub's included: mentions, references, links, tables, HTML.
_MEANS = re.compile(r"([\\`*_\[\]#|~])")


def compose_markdown(copy: Travelling, options: Options) -> bytes:
    """Return the report as Markdown in which text from logs is only text."""
    facts = gather(copy, options)
    surroundings = environment(is_html=False)
    surroundings.filters |= {"md": markdown_text, "code": markdown_code}
    text = surroundings.get_template("report.md.j2").render(facts | {"groups": facts["groups"]})
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    copy.check(text, "The report")
    return text.encode("utf-8", "backslashreplace")


def compose_json(copy: Travelling, options: Options) -> bytes:
    """Return the claims of the report: findings with their proof, figures with their SQL, sources with their hashes."""
    text = json.dumps(claims_of(Content(gather(copy, options)), copy), indent=1, ensure_ascii=False)
    copy.check(text, "The report")
    return text.encode("utf-8", "backslashreplace") + b"\n"


def compose_pdf(copy: Travelling, options: Options) -> bytes:
    """Return the printed page, made by a Chromium that reaches no network; AgentLensError without one."""
    browser = find_browser()
    with tempfile.TemporaryDirectory(prefix="agentlens-") as folder:
        page, printed = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page.write_bytes(compose(copy, options))
        command = [
            browser, "--headless", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", "--disable-background-networking",
            "--proxy-server=127.0.0.1:9", f"--user-data-dir={folder}/profile", "--no-pdf-header-footer",
            "--virtual-time-budget=10000", f"--print-to-pdf={printed}", page.as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(command, capture_output=True, timeout=180, check=False)
        except subprocess.TimeoutExpired as error:
            raise AgentLensError(f"{browser} did not print the report within three minutes.") from error
        if not printed.is_file():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it said nothing"]
            raise AgentLensError(f"{browser} did not print the report: {said[0]}")
        return printed.read_bytes()


def find_browser() -> str:
    """Return the Chromium to print with: that of AGENTLENS_CHROMIUM, else the first on the path."""
    named = os.environ.get(BROWSER_VARIABLE)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise AgentLensError(
            "A PDF is printed by a Chromium, and none was found. Install one (e.g. `apt-get install chromium`), name it in "
            f"{BROWSER_VARIABLE}, or write report.html and print that."
        )
    return found


def markdown_text(value: Any) -> str:
    """Return text on one line in which nothing means anything to Markdown, and nobody is mentioned."""
    text = show_inline(str(value)).replace("&", "&amp;").replace("<", "&lt;")
    text = _MEANS.sub(r"\\\1", text)
    text = re.sub(r"@(?=\w)", "&#64;", text)
    return re.sub(r"(?i)\b(https?|ftp|www)(?=[:.])", lambda found: f"{found[0][:-1]}&#{ord(found[0][-1])};", text)


def markdown_code(value: Any) -> str:
    """Return text as a code span that its own backticks do not end, fit for a table."""
    text = show_inline(str(value))
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")
