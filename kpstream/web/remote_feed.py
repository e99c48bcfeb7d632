"""One camera as the page sees it, where its pipeline runs elsewhere: its figures are told, its pictures asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import nan

from kpstream.entities import Stats
from kpstream.web.camera_feed import Controls, Encoded, Form
from kpstream.web.figures import Shown
from kpstream.web.measured_feed import MeasuredFeed

Reply = Callable[[Encoded | None], None]
Want = Callable[[Form, int], None]
"""Asks for a picture beyond a number; never waits."""


class RemoteFeed(MeasuredFeed):
    """A camera whose pictures are made elsewhere, and only while somebody waits for them; satisfies `CameraFeed`.

    It outlives the pipelines of its camera: whoever waits for a picture waits for that of the next one.

    Args:
        title: What people call the camera. Its name in addresses is made of it.
        controls: What the page may change.
        clock: Monotonic seconds, the same clock everywhere.
    """

    def __init__(self, title: str, controls: Controls, *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(title, controls, clock, nan)
        self._numbers_to = 0
        self._waiting: dict[tuple[Form, int], list[Reply]] = {}
        self._want: Want | None = None

    @property
    def numbers_to(self) -> int:
        """The highest number that viewers know of a picture or a class."""
        return self._numbers_to

    def connect(self, want: Want) -> None:
        """Ask here for pictures from now on, also for those that somebody waits for already."""
        with self._lock:
            self._want = want
            self._figures.begin(self._clock())
            waiting = list(self._waiting)
        for form, after in waiting:
            want(form, after)

    def disconnect(self) -> None:
        """Ask nobody until `connect`; the camera begins anew, and has had its turn to start."""
        with self._lock:
            self._want = None
            self._figures.begin(self._clock())

    def beat(self, stats: Stats, shown: Shown | None, at: float) -> None:
        """Take in how the camera is doing.

        Args:
            stats: Its figures.
            shown: Its newest picture since it began; None before the first.
            at: When that was so, in seconds of the monotonic clock.
        """
        if shown is None:
            shown = self._figures.shown
        self._know(0 if shown is None else shown.number)
        self._figures.take(stats, shown, at)

    def answer(self, form: Form, after: int, encoded: Encoded) -> None:
        """Give a picture to those who wait for it."""
        self._know(max([encoded.number, *(number for number, _ in encoded.classes)]))
        with self._lock:
            replies = self._waiting.pop((form, after), [])
        for reply in replies:
            reply(encoded)

    def request(self, form: Form, after: int, reply: Reply) -> None:
        """Ask for the newest picture beyond a number, or for the lines beyond it; as of `CameraFeed`."""
        with self._lock:
            is_new = (form, after) not in self._waiting
            self._waiting.setdefault((form, after), []).append(reply)
            want = self._want
        if is_new and want is not None:
            want(form, after)

    def _know(self, number: int) -> None:
        with self._lock:
            self._numbers_to = max(self._numbers_to, number)

    def __repr__(self) -> str:
        state = "connected" if self._want is not None else "not connected"
        return f"<RemoteFeed {self.name} {state}, {self._numbers_to} pictures>"
