"""detect(): runs the detectors of the standard library and keeps what they found, and where they could not look."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from agentlens._catalog import library
from agentlens._errors import AgentLensError
from agentlens._json_text import json_text
from agentlens._lens import Lens
from agentlens._lineage import index_flow, mentions_flow
from agentlens.detectors.context_windows import find_context_windows
from agentlens.detectors.drift import measure_drift
from agentlens.detectors.secrets import find_secrets_in

_PREFIX = "detect_"
# What some detectors can only say when they have judged (the language of a text, say) stands in one row with their findings.
_VERDICT = "_verdict_"
# What SQL cannot say is gathered into a table before the detectors that read it run.
_GATHERED_FOR = {
    measure_drift: {"drift_step", "drift_slope", "silent_degradation"},
    find_context_windows: {"context_overflow"},
    find_secrets_in: {"secret_exposure"},
}
_SIGNATURE = re.compile(r"\((?P<arguments>[^()]*)\)\s*AS\s+TABLE")
_FACT = re.compile(r"^(?P<name>scope|version): *(?P<value>\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Detector:
    """One detector: its name, the version of its rule, its scope (`trace` or `fleet`), its thresholds and its page."""

    name: str
    version: int
    scope: str
    thresholds: Mapping[str, int | float | str]
    doc: str


def detect(
    lens: Lens, detectors: Iterable[str] | None = None, **thresholds: Mapping[str, Any]
) -> duckdb.DuckDBPyRelation:
    """Look for everything that is known to go wrong; return what was found, worst first, as a relation on `findings`.

    All detectors run unless `detectors` names some. Other thresholds are given by detector:
    `detect(lens, tool_loop={"min_repeats": 5})`. The rows of the detectors that ran are replaced in `findings` and
    `checks` in one transaction; `checks` says for each whether it fired, found nothing, or could not look, and why.

    Raises AgentLensError for a detector or a threshold that does not exist.
    """
    known = all_detectors()
    chosen = list(known) if detectors is None else list(dict.fromkeys(detectors))
    for name in [*chosen, *thresholds]:
        _require(name, known, "detector")
    settings = {name: _settle(known[name], thresholds.get(name, {})) for name in chosen}
    con = lens._con
    if any(mentions_flow().search(f"{_PREFIX}{name}") for name in chosen):
        index_flow(con)
    con.execute("BEGIN")
    try:
        if detectors is None:
            con.execute("DELETE FROM findings")
            con.execute("DELETE FROM checks")
        for gather, readers in _GATHERED_FOR.items():
            if readers.intersection(settings):
                gather(con)
        for name, setting in settings.items():
            _run(con, known[name], setting)
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise
    return lens.sql("FROM findings ORDER BY severity_rank(severity), tier_rank(tier), start_time, detector")


def all_detectors() -> dict[str, Detector]:
    """Return every detector by name, in alphabetical order, as read from its SQL module."""
    objects = [item for module in library() for item in module.objects if item.name.startswith(_PREFIX)]
    found = [_describe(item.name.removeprefix(_PREFIX), item.statement, item.comment) for item in objects]
    return {detector.name: detector for detector in sorted(found, key=lambda detector: detector.name)}


def _describe(name: str, statement: str, comment: str) -> Detector:
    signature = _SIGNATURE.search(statement)
    pairs = [pair.split(":=") for pair in signature["arguments"].split(",") if ":=" in pair] if signature else []
    thresholds = {key.strip(): _literal(value.strip()) for key, value in pairs}
    facts = {match["name"]: match["value"] for match in _FACT.finditer(comment)}
    return Detector(name, int(facts["version"]), facts["scope"], thresholds, _FACT.sub("", comment).strip())


def _literal(text: str) -> int | float | str:
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+\.\d+", text) else text.strip("'")


def _settle(detector: Detector, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the thresholds of a run: the defaults, and over them what is given."""
    for name in given:
        _require(name, detector.thresholds, f"threshold of {detector.name}")
    return {**detector.thresholds, **given}


def _require(name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        raise AgentLensError(f"{name!r} is no {what}; known are {', '.join(known) or 'none'}.")


def _run(con: duckdb.DuckDBPyConnection, detector: Detector, setting: dict[str, Any]) -> None:
    """Replace the findings and the check of one detector. Names come from the library, values go in as parameters."""
    con.execute("DELETE FROM findings WHERE detector = $detector", {"detector": detector.name})
    con.execute("DELETE FROM checks WHERE detector = $detector", {"detector": detector.name})
    can_look, reason = con.execute(f"FROM _needs_{detector.name}").fetchall()[0]
    if can_look:
        can_look, left_out = _look(con, detector, setting)
        reason = "; ".join(filter(None, (reason, left_out))) or None
    counted = "SELECT count(*) FROM findings WHERE detector = $detector"
    count = con.execute(counted, {"detector": detector.name}).fetchall()[0][0]
    con.execute(
        "INSERT INTO checks VALUES ($detector, $version, $scope, $outcome, $findings, $reason, $arguments)",
        {
            "detector": detector.name,
            "version": detector.version,
            "scope": detector.scope,
            "outcome": "could not look" if not can_look else "fired" if count else "found nothing",
            "findings": count,
            "reason": reason,
            "arguments": json_text(setting),
        },
    )


def _look(con: duckdb.DuckDBPyConnection, detector: Detector, setting: dict[str, Any]) -> tuple[bool, str | None]:
    """Add the findings of one detector; return whether anything could be judged, and what was left out."""
    given = ", ".join(f"{name} := ${name}" for name in setting)
    question = f"FROM {_PREFIX}{detector.name}({given})"
    verdict: tuple[bool, str | None] = (True, None)
    if f"{_VERDICT}{detector.name}" in _verdicts():
        given = ", ".join(f"${name}" for name in setting)
        con.execute(f"CREATE OR REPLACE TEMP TABLE verdict AS FROM {_VERDICT}{detector.name}({given})", setting)
        verdict = con.execute("SELECT can_look, reason FROM verdict").fetchall()[0]
        question, setting = "FROM (SELECT unnest(findings, max_depth := 2) FROM verdict)", {}
    con.execute(
        f"INSERT INTO findings BY NAME SELECT $detector AS detector, $detector_version AS detector_version, * {question}",
        {"detector": detector.name, "detector_version": detector.version, **setting},
    )
    con.execute("DROP TABLE IF EXISTS temp.verdict")
    return verdict


@functools.cache
def _verdicts() -> frozenset[str]:
    return frozenset(item.name for module in library() for item in module.objects if item.name.startswith(_VERDICT))
