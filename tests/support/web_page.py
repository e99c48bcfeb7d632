"""A running page, and what stands in for the pipelines behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import httpx
from websockets.sync.client import ClientConnection, connect

from kpstream.delivery import Deliveries
from kpstream.entities import Pose, Scene, Settings, Stats
from kpstream.errors import SinkError
from kpstream.testing import ManualClock
from kpstream.web import Feed, Page, PageRules
from tests.support.sink_contract import person, picture, scene

STATS = Stats(
    capture_fps=30.0, render_fps=29.5, sample_fps=5.0, in_flight=2, captured=90, rendered=88, dropped=2, requests=15,
    answered=12, lost=1, stale=3, reconnects=4, latency=0.41, bytes_sent=12345, credits=0.25, requests_left=85,
    asked_fps=30.0, machine_trouble="machine is full: 30 asked, 18 shown",
)  # fmt: skip


class FakeControls:
    """Settings and a recording that do what they are told."""

    def __init__(self, *, recording: bool | None = False, fails: str = "") -> None:
        self.settings = Settings(5.0, 0.3, 0.2)
        self.recording = recording
        self.recording_trouble = ""
        self.fails = fails

    def apply(self, settings: Settings) -> None:
        self._fail()
        self.settings = settings

    def start_recording(self) -> None:
        self._fail()
        self.recording = True

    def stop_recording(self) -> None:
        self._fail()
        self.recording = False

    def _fail(self) -> None:
        if self.fails:
            raise SinkError(self.fails)


class Camera:
    """A feed, and the hand that writes to it."""

    def __init__(self, title: str = "Front door", controls: FakeControls | None = None) -> None:
        self.clock = ManualClock()
        self.controls = FakeControls() if controls is None else controls
        self.feed = Feed(title, self.controls, clock=self.clock)
        self.index = 0

    def show(self, *poses: Pose, size: tuple[int, int] = (64, 48), stats: Stats = STATS, **changes: Any) -> Scene:
        """Write one more picture; a pose is in it unless others are given."""
        shown = replace(scene(self.index, *(poses or (person(),)), size=size), stats=stats, **changes)
        self.feed.write(shown, picture(self.index, size))
        self.index += 1
        return shown


class Shown(Protocol):
    """Whatever has a place on the page."""

    @property
    def feed(self) -> Feed:
        """Its place there."""


@contextmanager
def served(
    *cameras: Shown, port: int = 0, deliveries: Deliveries | None = None, rules: PageRules | None = None, **options: Any
) -> Iterator[Page]:
    """A running page with these cameras, with the events that are kept there, and with these rules."""
    page = Page([camera.feed for camera in cameras], port=port, **options)
    if deliveries is not None:
        page.show_events(deliveries)
    if rules is not None:
        page.show_rules(rules)
    page.start()
    try:
        yield page
    finally:
        page.close()


@contextmanager
def client_of(page: Page, **options: Any) -> Iterator[httpx.Client]:
    """Something that asks a page; its answers are awaited for half a minute."""
    with httpx.Client(base_url=page.url, trust_env=False, timeout=30, **options) as client:
        yield client


def socket_of(page: Page, path: str, **headers: str) -> ClientConnection:
    """A WebSocket to a page."""
    return connect(
        page.url.replace("http", "ws", 1) + path,
        additional_headers=headers,
        proxy=None,
        compression=None,
        open_timeout=30,
        close_timeout=2,
    )


def is_passed_on_at_once(headers: Mapping[str, str]) -> bool:
    """Whether an answer tells the proxies in between neither to gather it nor to compress it."""
    return headers["x-accel-buffering"] == "no" and "no-transform" in headers["cache-control"]


class Writing:
    """Writes pictures on a thread, one as soon as the other is written or at a pace, until the block ends."""

    def __init__(self, camera: Camera, size: tuple[int, int] = (64, 48), pace: float = 0.001) -> None:
        self._camera = camera
        self._size = size
        self._pace = pace
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Writing:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._pace):
            self._camera.show(size=self._size)


def files_in(folder: Path) -> list[str]:
    """Names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())
