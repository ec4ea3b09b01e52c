"""The written logs of wave_14, in which files and lines are looked up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wave_14_run import Played, Run, moment


class Evidence:
    """The written logs, in which places are looked up."""

    def __init__(self, logs: Path, waves: list[Played]) -> None:
        self.logs = logs
        self.waves = {played.wave.number: played for played in waves}
        self.spans = {span.span_id: span for played in waves for span in played.spans}
        self.lines = {
            path.relative_to(logs).as_posix(): path.read_text(encoding="utf-8").split("\n")
            for path in sorted(logs.rglob("*"))
            if path.is_file()
        }

    def place(self, file: str, text: str, after: int = 0) -> dict[str, Any]:
        """File and line of the first line that holds `text`, below line `after`."""
        for number, line in enumerate(self.lines[file], 1):
            if number > after and text in line:
                return {"file": file, "line": number, "text": text}
        raise LookupError(f"{text!r} is not in {file}")

    def span_place(self, wave: int, span_id: str) -> dict[str, Any]:
        """File and line of a span."""
        return self.place(f"spans/wave_{wave}.otlp.jsonl", f'"spanId":"{span_id}"')

    def beat_place(self, played: Played, beat: int, text: str = "") -> dict[str, Any]:
        """File and line of a heartbeat, or of one line in it."""
        file = f"heartbeats/{moment(beat):%Y-%m-%d}.log"
        head = self.place(file, f"Wave {played.wave.number} | {moment(beat):%Y-%m-%d %H:%M:%S}")
        return self.place(file, text, head["line"]) if text else head

    def run(self, wave: int, agent: str) -> Run:
        """The run of an agent in a wave."""
        return next(run for run in self.waves[wave].runs if run.agent.name == agent)
