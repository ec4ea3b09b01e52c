"""What tests of every file may ask for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


CHROMIUM = os.environ.get("AGENTLENS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
NEEDS = "Chromium is not installed; `apt-get install chromium` (AGENTLENS_REQUIRE_BROWSER=1 makes this a failure)"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--force-color-profile=srgb"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window."""
    if not CHROMIUM:
        if os.environ.get("AGENTLENS_REQUIRE_BROWSER") == "1":
            pytest.fail(NEEDS)
        pytest.skip(NEEDS)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=ARGS)
        yield chromium
        chromium.close()
