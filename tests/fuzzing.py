"""Runs one loader on one input and says what law it broke."""

from __future__ import annotations

import contextlib
import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from text_evidence import TABLES, Sink

from agentlens import AgentLensError, read
from agentlens._evidence import Evidence
from agentlens._source import Source, detect_compression, read_head
from agentlens.loaders import Loader

# Databases and archives: their places are rows and members, no bytes of the file.
NO_BYTES = frozenset({"ag2", "inspect", "phoenix"})


class TooSlow(BaseException):
    """An input took longer than it may; no handler of a loader swallows this."""


@dataclass(frozen=True)
class Fault:
    """A law that was broken: by which loader, what happened, and where in the code."""

    loader: str
    what: str
    where: str


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block when it takes longer."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def try_loader(name: str, loader: Loader, path: Path, seconds: float = 10) -> Fault | None:
    """Load a file with a stand-in for the database; return the law it broke, None when it broke none."""
    sink = Sink()
    into = Evidence(TABLES, sink.hand_over)
    try:
        with time_limit(seconds):
            source = Source(path, 1, detect_compression(path))
            into.begin(source)
            with contextlib.suppress(AgentLensError):
                loader.load(source, into)
                into.flush()
                return _check_account(name, into, sink)
            into.flush()
    except TooSlow:
        return Fault(name, f"more than {seconds:g} s", _where())
    except Exception as error:  # noqa: BLE001 - any exception is what is looked for
        return Fault(name, type(error).__name__, _where())
    return None


def try_sniffers(loaders: dict[str, Loader], path: Path, seconds: float = 10) -> Fault | None:
    """Ask every sniffer about a file; return the first that raises or hangs."""
    name = "head"
    try:
        with time_limit(seconds):
            try:
                head = read_head(path, detect_compression(path))
            except AgentLensError:
                return None
            for name, loader in loaders.items():  # noqa: B007 - the name is told when a sniffer raises
                loader.sniff(head)
    except TooSlow:
        return Fault(f"{name}.sniff", f"more than {seconds:g} s", _where())
    except Exception as error:  # noqa: BLE001 - any exception is what is looked for
        return Fault(f"{name}.sniff", type(error).__name__, _where())
    return None


def try_read(name: str, path: Path, seconds: float = 60) -> Fault | None:
    """Read a file into a lens by one loader; return the law it broke, None when it broke none."""
    try:
        with time_limit(seconds), read(path, format=name, progress=False) as lens:
            broken = "FROM sources WHERE records <> accepted + rejected + skipped"
            uneven = "SELECT (SELECT sum(rejected) FROM sources) - (SELECT count(*) FROM rejects)"
            if lens.sql(broken).fetchall() or lens.sql(uneven).fetchall() != [(0,)]:
                return Fault(name, "the account of the lens does not balance", "")
            lens.sql("FROM lens_summary").fetchall()
    except AgentLensError:
        return None
    except TooSlow:
        return Fault(f"read {name}", f"more than {seconds:g} s", _where())
    except Exception as error:  # noqa: BLE001 - any exception is what is looked for
        return Fault(f"read {name}", type(error).__name__, _where())
    return None


def _check_account(name: str, into: Evidence, sink: Sink) -> Fault | None:
    account = into.account
    is_database = name in NO_BYTES or into.source.path.read_bytes()[:6] == b"SQLite"
    if not is_database and (place := _place_outside(into.source, sink)):
        return Fault(name, f"a place outside the file: {place}", "")
    if account.records != account.accepted + account.rejected + sum(account.skipped.values()):
        return Fault(name, "records are not accepted + rejected + skipped", "")
    if account.rejected != len(sink.rows["rejects"]):
        return Fault(name, "rejected records are not in rejects", "")
    return None


def _place_outside(source: Source, sink: Sink) -> str | None:
    """Return the table of a row that says it stands where the file has ended, None when there is none."""
    data = source.read()
    for table, rows in sink.rows.items():
        for row in rows:
            offset, length = row.get("source_offset"), row.get("source_length")
            if offset is not None and not 0 <= offset <= offset + length <= len(data):
                return table
    return None


def _where() -> str:
    """Return the innermost line of agentlens in the traceback of the exception being handled."""
    lines = [line.split("\n") for line in traceback.format_exc().split("  File ") if "/agentlens/" in line]
    return " <- ".join(
        f"{line[0].split('agentlens/')[-1]}: {line[1].strip()[:100] if len(line) > 1 else ''}"
        for line in reversed(lines[-3:])
    )
