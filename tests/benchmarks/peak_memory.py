"""The most memory a process has held."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes.

    Linux keeps it in `/proc`; the `ru_maxrss` of a child process begins with what its parent held when it was forked.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def watch_memory(process: subprocess.Popen[str]) -> int:
    """Return the most memory that a process and those it started held together, looked at until it ends, in bytes.

    Pages that several processes share count once. 0 where there is no `/proc`.
    """
    most = 0
    while True:
        try:
            process.wait(0.1)
            return most
        except subprocess.TimeoutExpired:
            most = max(most, sum(map(_own_bytes, _family(process.pid))))


def _family(pid: int) -> list[int]:
    children = [int(child) for file in Path(f"/proc/{pid}/task").glob("*/children") for child in _text(file).split()]
    return [pid, *(member for child in children for member in _family(child))]


def _own_bytes(pid: int) -> int:
    """Return the proportional set size of a process, 0 when it has ended."""
    said = _text(Path(f"/proc/{pid}/smaps_rollup")).partition("Pss:")[2].split()
    return int(said[0]) * 1024 if said else 0


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
