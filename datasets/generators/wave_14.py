"""Writes the dataset wave_14: `python datasets/generators/wave_14.py [OUT]`.

Needs the standard library only, and writes the same bytes on every run: the logs into OUT/wave_14, what is planted in
them into OUT/truth/wave_14.json. OUT is the folder `datasets` unless given.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from otlp_json import write_lines
from wave_14_atlas import play
from wave_14_logs import write, write_heartbeats, write_pax, write_records, write_sessions
from wave_14_story import WAVES
from wave_14_truth import tell_truth

RESOURCE = {
    "service.name": "brackenfield-fleet",
    "service.version": "3.8.0",
    "deployment.environment.name": "production",
    "telemetry.sdk.language": "python",
}
SCOPE = {"name": "brackenfield.fleet", "version": "3.8.0"}
SCHEMA_URL = "https://opentelemetry.io/schemas/1.41.0"


def generate(out: Path) -> None:
    """Write logs and truth below `out`, in place of what an earlier run left there."""
    logs = out / "wave_14"
    shutil.rmtree(logs, ignore_errors=True)
    waves = [play(wave) for wave in WAVES]
    for played in waves:
        path = logs / "spans" / f"wave_{played.wave.number}.otlp.jsonl"
        write_lines(path, played.spans, RESOURCE, SCOPE, SCHEMA_URL)
    write_heartbeats(logs, waves)
    write_pax(logs, waves)
    write_sessions(logs, waves)
    write_records(logs, waves)
    truth = tell_truth(logs, waves)
    write(out / "truth" / "wave_14.json", json.dumps(truth, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1])
