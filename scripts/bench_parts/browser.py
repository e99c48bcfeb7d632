"""Chromium beside us as a user has it, without a graphics processor: a page, and what is asked of it.

What tests drive a browser with has each message of the page's sockets told, as text. With eight cameras in a grid that
adds up to a third to the browser's work, and the tool's own comes on top. Here nothing is listened to.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from websockets.sync.client import ClientConnection, connect

from bench_parts.processes import started

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
]
_STARTS_WITHIN = 30.0


class Tab:
    """What a browser shows."""

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._numbers = itertools.count(1)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of the page's language, as JSON has it."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def ask(self, method: str, **parameters: Any) -> Any:
        """What the browser answers to one call of its protocol for tools."""
        number = next(self._numbers)
        self._devtools.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._devtools.recv())).get("id") != number:
            pass
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]


@contextlib.contextmanager
def showing(url: str, viewport: tuple[int, int]) -> Iterator[Tab]:
    """A browser that shows an address, in so many pixels; it is gone on leaving."""
    width, height = viewport
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            _executable(),
            *_FLAGS,
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            "about:blank",
        ]
        with started(command), connect(_address(Path(profile)), max_size=None, proxy=None) as devtools:
            tab = Tab(devtools)
            tab.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
            tab.ask("Page.navigate", url=url)
            yield tab


def _executable() -> str:
    found = shutil.which("chromium")
    if found is not None:
        return found
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _address(profile: Path) -> str:
    """Where the only tab of a browser that has just been started can be talked to."""
    gives_up_at = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < gives_up_at:
        with contextlib.suppress(OSError, IndexError):
            port = (profile / "DevToolsActivePort").read_text().split()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                for target in json.load(answer):
                    if target["type"] == "page":
                        return str(target["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise RuntimeError("the browser did not start")
