"""What tests of every file may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "agentlens", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("agentlens")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real log files; `AGENTLENS_SAMPLES` says where it is."""
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "samples"
    folder = Path(os.environ.get("AGENTLENS_SAMPLES", beside)).resolve()
    if not folder.is_dir():
        pytest.skip(f"no samples at {folder}; set AGENTLENS_SAMPLES to their folder")
    return folder
