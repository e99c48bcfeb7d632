"""What holds for every test: no thread is left, no error is logged, real parts only where they were asked for."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import kpstream.redact

pytest.register_assert_rewrite("tests.support")
# How long examples take says how busy the machine is. Where all has to pass before a change lands, they are the same
# each time: what is found by chance is found by whoever works on it.
settings.register_profile(
    "kpstream",
    deadline=None,
    derandomize=os.environ.get("KPSTREAM_RIG") == "1",
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kpstream")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rig: needs a real part (server, screen, camera, browser, other languages)")
    config.addinivalue_line("markers", "quiet: measures times or rates, so little else may run meanwhile")
    # A shell lets what it starts in the background ignore Ctrl-C, and all that is started from there would, too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: "rig" not in item.keywords)  # what waits longest begins first
    if os.environ.get("KPSTREAM_RIG") == "1":
        return
    skip = pytest.mark.skip(reason="needs real parts; KPSTREAM_RIG=1 runs it where tests/rig/install.sh ran")
    for item in items:
        if "rig" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _nothing_is_left(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(20)
    assert not [thread.name for thread in left if thread.is_alive()], "a thread outlived its test"
    errors = [record for phase in ("setup", "call") for record in caplog.get_records(phase)]
    assert not [record.getMessage() for record in errors if record.levelno >= logging.ERROR], "an error was logged"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache, key or proxies."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    for name in ("ROBOFLOW_API_KEY", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test remembers as a secret is not cut out of what later tests say."""
    monkeypatch.setattr(kpstream.redact, "_secrets", set(kpstream.redact._secrets))


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """What a command sets up of the log ends with its test."""
    logger = logging.getLogger("kpstream")
    before = logger.handlers[:], logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = before
