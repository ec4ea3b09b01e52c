"""verify(): reads the logs again, asks every question again, and says of each claim of a report: proved, differs, source missing."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agentlens._detect import detect
from agentlens._errors import AgentLensError
from agentlens._read import read_again
from agentlens._sensitive import Rule
from agentlens.report._briefing import BriefingOptions, Period, compose_html
from agentlens.report._compare_pages import compare_parts
from agentlens.report._copy import Travelling, travelling
from agentlens.report._facts import query_text
from agentlens.report._page import Options, compose
from agentlens.report._postmortem import put_back
from agentlens.report._span_names import lengthen

Row = dict[str, Any]

PROVED, DIFFERS, MISSING = "proved", "differs", "source missing"
MOST_CLAIMS_BYTES = 200_000_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """What became of one claim: its name, `proved`, `differs` or `source missing`, and why."""

    claim: str
    verdict: str
    why: str = ""


def verify(
    report: str | os.PathLike[str],
    against: str | os.PathLike[str],
    rules: Sequence[Rule] = (),
    keep: Iterable[str] = (),
) -> list[Verdict]:
    """Return a verdict for every claim of an HTML report or briefing, from the logs in the folder `against`.

    The files are found by their hashes, read again with this agentlens, searched by the same detectors with the same
    thresholds, and the page is written again: sources, findings, figures, views and every sentence of the page are compared.
    A report that was redacted with rules of one's own needs the same `rules` and `keep` again.

    Raises AgentLensError when the file is no report of agentlens, or none of its sources can be found.
    """
    page = Path(report).expanduser().read_text("utf-8", "replace")
    claims = read_claims(page, str(report))
    verdicts, paths = _check_sources(claims, Path(against).expanduser())
    if not paths:
        raise AgentLensError(f"None of the {len(claims['sources'])} sources of {report} is below {against}.")
    missing = {verdict.claim.removeprefix("source ") for verdict in verdicts if verdict.verdict == MISSING}
    again, page_again = _write_again(paths, claims, rules, keep)
    parts = compare_parts(page, page_again)
    verdicts = [_check_account(verdict, claims, again) for verdict in verdicts]
    verdicts += _check_findings(claims, again, missing)
    verdicts += _check_figures(claims, again, missing)
    verdicts += _check_investigation(claims["investigation"], again["investigation"], missing)
    verdicts += _check_views(claims, again, missing)
    verdicts += _check_rest(claims, again, missing)
    if claims != again:  # what differs in them was named
        parts.pop("claims", None)
    verdicts = _with_page(verdicts, {} if missing else parts)
    if page == page_again:
        verdicts.append(Verdict("page", PROVED, "byte for byte what agentlens writes from these logs"))
    return [*verdicts, *_check_page(parts, missing, claims, again)]


def read_claims(page: str, name: str) -> Row:
    """Return the claims that a page carries; AgentLensError when it carries none that can be read."""
    found = re.findall(r'<script type="text/plain" id="claims">([^<]*)</script>', page)
    if len(found) != 1:
        raise AgentLensError(
            f"{name} is no HTML report of agentlens, or its claims were removed: there is nothing to verify."
        )
    try:
        unpacked = zlib.decompressobj().decompress(base64.b64decode(found[0], validate=True), MOST_CLAIMS_BYTES)
        claims = json.loads(lengthen(unpacked.decode(), page))
        _require(claims)
    except (ValueError, zlib.error, LookupError, TypeError, RecursionError) as error:
        raise AgentLensError(f"The claims in {name} are damaged and cannot be verified ({error}).") from error
    return dict(claims)


def _require(claims: Any) -> None:
    kinds = {
        "agentlens": str,
        "written": str,
        "sources": list,
        "findings": list,
        "figures": list,
        "views": dict,
        "headline": str,
        "redacted": bool,
        "investigation": dict,
    }
    for name, kind in kinds.items():
        if not isinstance(claims[name], kind):
            raise ValueError(f"{name} is no {kind.__name__}")
    datetime.fromisoformat(claims["written"])
    for source in claims["sources"]:
        source["path"], source["sha256"], source["bytes"]
    for finding in claims["findings"]:
        finding["number"], finding["detector"], finding["summary"], finding["evidence"]


# --- sources ----------------------------------------------------------------------------------------------------------


def _check_sources(claims: Row, against: Path) -> tuple[list[Verdict], list[Path]]:
    """Return a verdict for each source, and the files to read: by hash, else by the place where the source stood."""
    sizes = {source["bytes"] for source in claims["sources"]}
    files = [against] if against.is_file() else sorted(path for path in against.rglob("*") if path.is_file())
    by_hash: dict[str, list[Path]] = {}
    for path in files:
        if path.stat().st_size in sizes:
            by_hash.setdefault(_hash(path), []).append(path)
    verdicts, paths = [], []
    for source in claims["sources"]:
        name = str(source["path"])
        same = sorted(by_hash.get(source["sha256"], []), key=lambda path: not path.as_posix().endswith(name))
        standing = [path for path in files if path.as_posix().endswith("/" + name)]
        if same:
            verdicts.append(Verdict(f"source {name}", PROVED, "the file has the same SHA-256"))
            paths.append(same[0])
        elif standing:
            verdicts.append(Verdict(f"source {name}", DIFFERS, "the file has another SHA-256 than the report says"))
            paths.append(standing[0])
        else:
            verdicts.append(Verdict(f"source {name}", MISSING, "no file with this SHA-256 or this place was found"))
    for name in _unnamed(claims):
        verdicts.append(Verdict(f"source {name}", DIFFERS, "findings rest on it, and it is not among the sources"))
        paths += [path for path in files if path.as_posix().endswith("/" + name)][:1]
    return verdicts, list(dict.fromkeys(paths))


def _unnamed(claims: Row) -> list[str]:
    """Return the files that findings of a report rest on without being among its sources."""
    evidence = {place["path"] for finding in claims["findings"] for place in finding["evidence"]}
    return sorted(evidence - {source["path"] for source in claims["sources"]})


def _check_account(verdict: Verdict, claims: Row, again: Row) -> Verdict:
    """Return the verdict on a source, which differs as well when other records were read from it than the report says."""
    mine, other = (
        {f"source {source['path']}": source | {"source_id": 0} for source in each["sources"]}
        for each in (claims, again)
    )
    if verdict.verdict != PROVED or verdict.claim not in other:
        return verdict
    return _compare(verdict.claim, mine[verdict.claim], other[verdict.claim], verdict.why)


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


# --- asking again -----------------------------------------------------------------------------------------------------


def _thresholds(claims: Row) -> dict[str, Row]:
    """Return the thresholds with which the checks of the report were run; unknown ones are left out and show as differences."""
    from agentlens._detect import all_detectors

    known = all_detectors()
    return {
        name: {key: value for key, value in settings.items() if key in known[name].thresholds}
        for name, settings in (_checks_thresholds(claims) or claims.get("thresholds", {})).items()
        if name in known and isinstance(settings, dict)
    }


def _checks_thresholds(claims: Row) -> dict[str, Row]:
    """Return the thresholds that stand in the table of checks, which the report carries twice."""
    checks = next((figure for figure in claims["figures"] if figure["name"] == "checks"), None)
    if checks is None or "arguments" not in checks["columns"]:
        return {}
    detector, arguments = checks["columns"].index("detector"), checks["columns"].index("arguments")
    return {row[detector]: json.loads(row[arguments] or "{}") for row in checks["rows"]}


def _write_again(paths: list[Path], claims: Row, rules: Sequence[Rule], keep: Iterable[str]) -> tuple[Row, str]:
    """Return the claims and the page that the logs give, with the options of the report."""
    with read_again(paths) as lens:
        detect(lens, **_thresholds(claims))
        with travelling(lens, claims["redacted"], rules, keep) as copy:
            put_back(copy, claims["investigation"])
            page = _compose_again(copy, claims).decode()
    return read_claims(page, "the page that was written again"), page


def _compose_again(copy: Travelling, claims: Row) -> bytes:
    written = datetime.fromisoformat(claims["written"])
    if period := claims.get("briefing"):
        bounds = Period(datetime.fromisoformat(period["since"]), datetime.fromisoformat(period["until"]))
        return compose_html(copy, BriefingOptions(bounds, claims["title"], claims["folder"], written))
    return compose(copy, Options(claims["title"], int(claims["max_bytes"]), written, claims["folder"]))


def _check_findings(claims: Row, again: Row, missing: set[str]) -> Iterator[Verdict]:
    known = {_identity(finding): finding for finding in again["findings"]}
    for finding in claims["findings"]:
        name = f"finding {finding['number']}: {finding['summary']}"
        lost = sorted({place["path"] for place in finding["evidence"]} & missing)
        found = known.pop(_identity(finding), None) or _akin(finding, claims, known)
        if lost:
            yield Verdict(name, MISSING, f"{lost[0]} is not there")
        elif found is None:
            yield Verdict(name, DIFFERS, "no detector finds this in the logs")
        else:
            yield _compare(name, finding, found, "the logs show it, and its evidence has the same bytes")
    for finding in known.values():
        yield Verdict(f"finding {finding['summary']}", DIFFERS, "the logs show it, and the report does not say it")


def _akin(finding: Row, claims: Row, known: dict[tuple[str, ...], Row]) -> Row | None:
    """Return the finding of the logs that only rests on other spans, unless the report names that one as well."""
    named = {_identity(other) for other in claims["findings"]}
    for identity in known:
        if identity not in named and (*identity[:2], identity[3]) == (*_identity(finding)[:2], _identity(finding)[3]):
            return known.pop(identity)
    return None


def _identity(finding: Row) -> tuple[str, ...]:
    return (
        str(finding["detector"]),
        str(finding.get("trace_id")),
        str(finding.get("span_ids")),
        str(finding["summary"]),
    )


def _check_figures(claims: Row, again: Row, missing: set[str]) -> Iterator[Verdict]:
    known = {figure["name"]: figure for figure in again["figures"]}
    for figure in claims["figures"]:
        name = f"figure {figure['name']}"
        found = known.pop(figure["name"], None)
        if found is None:
            yield Verdict(name, DIFFERS, "this agentlens has no such figure")
        elif figure["sql"] != query_text(figure["name"]):
            yield Verdict(name, DIFFERS, "its SQL is not that of agentlens")
        elif missing:
            yield Verdict(name, MISSING, f"{len(missing)} of its sources are not there")
        else:
            yield _compare(name, figure, found, "the same SQL gives the same rows")
    for name in known:
        yield Verdict(f"figure {name}", DIFFERS, "it was taken out of the report")


def _check_investigation(claimed: Row, again: Row, missing: set[str]) -> Iterator[Verdict]:
    """Say of what people added whether the spans it points at are in the logs, and of their questions whether the answers are these."""
    worse = MISSING if missing else DIFFERS
    for kind, name in (("notes", "text"), ("hypotheses", "statement")):
        for row in claimed[kind]:
            claim = f"{kind.removesuffix('s').replace('hypothese', 'hypothesis')}: {row[name]}"
            absent = [span["span_id"] for span in row["spans"] if span not in again["present"]]
            if absent:
                yield Verdict(claim, worse, f"span {absent[0]} is not in the logs")
            elif row["spans"]:
                yield Verdict(
                    claim,
                    PROVED,
                    f"the {len(row['spans'])} spans it points at are in the logs; the words are those of a person",
                )
    known = {row["name"]: row for row in again["queries"]}
    for row in claimed["queries"]:
        claim = f"saved question {row['name']}"
        if row["name"] not in known:
            yield Verdict(claim, DIFFERS, "it is not among the questions that were saved")
        else:
            verdict = _compare(claim, row, known[row["name"]], "the same SQL gives the same rows")
            yield verdict if verdict.verdict == PROVED or not missing else Verdict(claim, MISSING, verdict.why)
    same = claimed["causes"] == again["causes"]
    yield Verdict(
        "causes", PROVED if same else worse, "it is what the logs give" if same else "the logs give something else"
    )


def _check_views(claims: Row, again: Row, missing: set[str]) -> Iterator[Verdict]:
    views, known = claims["views"], again["views"]
    for name in {**views, **known}:
        if views.get(name) == known.get(name):
            yield Verdict(f"view {name}", PROVED, "it is fed with what the logs give")
        elif missing:
            yield Verdict(f"view {name}", MISSING, f"{len(missing)} of its sources are not there")
        else:
            gone = (
                "was taken out"
                if name not in views
                else "should not be there"
                if name not in known
                else "shows something else than the logs give"
            )
            yield Verdict(f"view {name}", DIFFERS, f"it {gone}")


def _check_rest(claims: Row, again: Row, missing: set[str]) -> Iterator[Verdict]:
    for name in sorted({*claims, *again} - {"sources", "findings", "figures", "views"}):
        mine, other = claims.get(name), again.get(name)
        if mine == other:
            yield Verdict(name, PROVED, "it is what the logs give")
        else:
            yield Verdict(
                name, MISSING if missing else DIFFERS, f"the report says {_short(mine)}, the logs give {_short(other)}"
            )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}…"


# Parts of the page that show a claim, by the claim.
_SHOWN_IN = {
    "headline": "answer", "figure checks": "checks", "figure waves": "waves", "figure agents": "agents",
    "figure models": "tokens-section", "title": "title",
}  # fmt: skip


def _with_page(verdicts: list[Verdict], parts: dict[str, str]) -> list[Verdict]:
    """Return verdicts in which a claim that is proved, but that the page shows otherwise, differs; those parts are taken away."""
    found = []
    for verdict in verdicts:
        kind, _, name = verdict.claim.partition(" ")
        shown = _SHOWN_IN.get(verdict.claim, "")
        if kind == "finding":
            shown = f"finding-{name.partition(':')[0]}"
        mine = [
            part
            for part in parts
            if part == shown or (kind == "view" and part.split("-")[0] == name and part != f"{name}-section")
        ]
        whys = [parts.pop(part) for part in mine]
        found.append(Verdict(verdict.claim, DIFFERS, whys[0]) if whys and verdict.verdict == PROVED else verdict)
    return found


def _check_page(parts: dict[str, str], missing: set[str], claims: Row, again: Row) -> Iterator[Verdict]:
    reason = "" if claims["agentlens"] == again["agentlens"] else " (it was written by another version of agentlens)"
    for name, why in parts.items():
        yield Verdict(f"page, part {name}", MISSING if missing else DIFFERS, f"{why}{reason}")


def _compare(name: str, claimed: Row, found: Row, proved: str) -> Verdict:
    wrong = [key for key in claimed if key != "number" and claimed[key] != found.get(key)]
    return (
        Verdict(name, DIFFERS, f"{', '.join(wrong)}: the logs say otherwise")
        if wrong
        else Verdict(name, PROVED, proved)
    )
