"""One camera as the page sees it: the newest picture, and how its pipeline is doing.

The pipeline's thread writes, the page's threads look. Writing keeps references and nothing else: no picture is encoded
and no text is made before there is a viewer.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import nan
from typing import Protocol

import numpy as np

from kpstream.entities import Image, Scene, Settings, Stats
from kpstream.errors import SinkError
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.render.pixels import squared
from kpstream.web.health import Health, health_of

HISTORY = 300
"""Seconds that the plots look back on."""
_LINES = 64
"""Newest scenes that are kept for readers of JSON lines, without their pictures: two seconds at 30 a second."""
_NO_PICTURE = np.zeros((0, 0, 3), np.uint8)


class Controls(Protocol):
    """What the page can do to one camera. Called from the page's threads; reading a property never waits."""

    @property
    def settings(self) -> Settings:
        """What holds right now."""

    def apply(self, settings: Settings) -> None:
        """Make these hold from the next frame on.

        Raises:
            KpstreamError: They cannot; the text is for the user.
        """

    @property
    def recording(self) -> bool | None:
        """Whether it is being recorded; None where it cannot be."""

    @property
    def recording_trouble(self) -> str:
        """Why the recording pauses, in words for the user; empty where it does not."""

    def start_recording(self) -> None:
        """Begin a recording; nothing happens where one is under way. May block.

        Raises:
            KpstreamError: It cannot be recorded; the text is for the user.
        """

    def stop_recording(self) -> None:
        """End the recording; nothing happens where there is none. May block.

        Raises:
            KpstreamError: It could not be finished; the text is for the user.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One picture of a camera."""

    number: int
    """Counts from 1 with every picture that was written."""
    scene: Scene
    canvas: Image
    """The drawn picture, BGR."""

    @property
    def as_seen(self) -> Image:
        """The drawn picture in square pixels."""
        return squared(self.scene.frame, self.canvas)


@dataclass(frozen=True, slots=True)
class Reading:
    """The figures of one moment, for the plots; NaN where there is none."""

    at: float
    """Seconds of the monotonic clock."""
    render_fps: float
    capture_fps: float
    sample_fps: float
    picture_age: float
    answer_age: float
    latency: float
    in_flight: int


class Feed:
    """A sink that shows its scenes on the page. `write`, `idle` and `close` are for one thread.

    Args:
        title: What people call the camera. Its name in addresses is made of it.
        controls: What the page may change; None lets it change nothing.
        clock: Monotonic seconds.
    """

    def __init__(
        self, title: str, controls: Controls | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.title = redact(title)
        self.name = name_of(self.title)
        self.controls = controls
        self._clock = clock
        self._lock = threading.Lock()
        self._shown: Shown | None = None
        self._stats = Stats()
        self._number = 0
        self._written_at = nan
        self._beat_at = clock()
        self._closed = False
        self._recent: deque[tuple[int, Scene]] = deque(maxlen=_LINES)
        self._history: deque[Reading] = deque(maxlen=HISTORY)
        self._waiting: list[Callable[[], None]] = []

    def write(self, scene: Scene, canvas: Image) -> None:
        """Show one scene; never waits for a viewer.

        Raises:
            SinkError: It is closed.
        """
        now = self._clock()
        light = replace(scene, frame=scene.frame.showing(_NO_PICTURE))
        with self._lock:
            if self._closed:
                raise SinkError(f"{self.title}: nothing more can be shown, it is closed")
            self._number += 1
            self._shown = Shown(self._number, scene, canvas)
            self._recent.append((self._number, light))
            self._written_at = now
            self._beat(scene.stats, now)
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    def idle(self, stats: Stats) -> None:
        """Say how the pipeline is doing while its source gives nothing; never waits."""
        with self._lock:
            if not self._closed:
                self._beat(stats, self._clock())

    def close(self) -> None:
        """Nothing more will come; the last picture stays. Idempotent."""
        with self._lock:
            self._closed = True
            waiting, self._waiting = self._waiting, []
        for wake in waiting:
            wake()

    @property
    def shown(self) -> Shown | None:
        """The newest picture; None before the first."""
        return self._shown

    @property
    def stats(self) -> Stats:
        """The newest figures of the pipeline."""
        return self._stats

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._closed

    @property
    def history(self) -> tuple[Reading, ...]:
        """The figures of the last minutes, one a second, the oldest first."""
        with self._lock:
            return tuple(self._history)

    @property
    def health(self) -> Health:
        """How the camera is doing right now, in words."""
        now = self._clock()
        return health_of(
            closed=self._closed,
            picture_at=self._written_at,
            beat_at=self._beat_at,
            now=now,
            trouble=in_file(redact(self._stats.source_trouble)),
        )

    def scenes_after(self, number: int) -> list[tuple[int, Scene]]:
        """The newest scenes beyond a number, without their pictures, as far back as they are kept."""
        with self._lock:
            return [item for item in self._recent if item[0] > number]

    def when_newer(self, number: int, wake: Callable[[], None]) -> None:
        """Have ``wake`` called once, from any thread, as soon as there is a picture beyond a number, or no more."""
        with self._lock:
            if not self._closed and self._number <= number:
                self._waiting.append(wake)
                return
        wake()

    def _beat(self, stats: Stats, now: float) -> None:
        self._stats = stats
        self._beat_at = now
        if self._history and now - self._history[-1].at < 1.0:
            return
        picture_age, answer_age = ages(self._shown)
        live = now - self._written_at < 1.0
        self._history.append(
            Reading(
                now,
                stats.render_fps if live else 0.0,
                stats.capture_fps if live else 0.0,
                stats.sample_fps,
                picture_age if live else nan,
                answer_age if live else nan,
                stats.latency,
                stats.in_flight,
            )
        )

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<Feed {self.name} {state}, {self._number} pictures>"


def ages(shown: Shown | None) -> tuple[float, float]:
    """How old the picture was when it was shown, and its answer at its pts, in seconds; NaN where it is unknown."""
    if shown is None:
        return nan, nan
    return shown.scene.rendered_at - shown.scene.frame.captured_at, shown.scene.result_age


def name_of(title: str) -> str:
    """A title as it stands in addresses: letters, digits, dots, dashes and underlines, at most 64 of them."""
    plain = re.sub(r"^[a-z]+://", "", title.lower())
    return re.sub(r"[^a-z0-9._-]+", "-", plain).strip("-.")[:64].rstrip("-.") or "camera"
