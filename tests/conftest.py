"""Shared fixtures. Kernels are kept in one cache folder for the whole run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "optviz", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.load_profile("optviz")

if "PYTEST_XDIST_WORKER" in os.environ:
    # Processes side by side: threads of BLAS would wait for each other, here and in the programs
    # that tests start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-browser", action="store_true", help="fail, not skip, where Chromium is missing"
    )


@pytest.fixture(autouse=True)
def _doctest_imports(doctest_namespace: dict[str, object]) -> None:
    import numpy as np

    doctest_namespace["np"] = np


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `optviz ARGS` as a user does: a process of its own, in an empty folder."""

    def call(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "optviz", *args],
            cwd=tmp_path, env={**os.environ, "COLUMNS": "160", **env}, capture_output=True,
            text=True, timeout=300, check=False,
        )  # fmt: skip

    return call


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest, tmp_path_factory) -> Iterator[Any]:
    missing = None if shutil.which("chromium") and shutil.which("chromedriver") else "Chromium"
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        missing = "selenium"
    if missing:
        if request.config.getoption("--require-browser"):
            pytest.fail(f"{missing} is not installed")
        pytest.skip(f"{missing} is not installed (extra `browser`)")
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for word in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
                 "disable-background-networking", "disable-component-update", "disable-sync",
                 f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):  # fmt: skip
        options.add_argument(f"--{word}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
