"""How a camera is doing, as far as figures say it: the newest ones, and those of the last minutes. Told the time."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from math import isnan, nan
from typing import Self

from kpstream.entities import Scene, Stats
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.web.health import Health, health_of

HISTORY = 300
"""Seconds that the plots look back on."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is known of a camera's newest picture, beside the picture."""

    number: int
    """Counts from 1 with every picture that was written."""
    frame_index: int
    size: tuple[int, int]
    """(width, height) in pixels."""
    poses_in_view: int
    stale: bool
    picture_age: float
    """How old the picture was when it was shown, in seconds; NaN where that is unknown."""
    answer_age: float
    """How old its answer is at its pts, in seconds; NaN before the first."""
    written_at: float
    """When it was shown, in seconds of the monotonic clock."""

    @classmethod
    def of(cls, scene: Scene, number: int, now: float) -> Self:
        """The newest picture, as a scene has it."""
        frame = scene.frame
        age = scene.rendered_at - frame.captured_at
        return cls(number, frame.index, frame.size, len(scene.poses), scene.stale, age, scene.result_age, now)


@dataclass(frozen=True, slots=True)
class PlotPoint:
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


class Figures:
    """The newest figures of a camera, and its history. One thread takes them in, any thread reads.

    Args:
        now: Seconds of the monotonic clock; NaN where the pipeline's start is still to come.
    """

    def __init__(self, now: float) -> None:
        self._lock = threading.Lock()
        self._beat_at = now
        self._history: deque[PlotPoint] = deque(maxlen=HISTORY)
        self.shown: Shown | None = None
        """The newest picture; None before the first."""
        self.stats = Stats()
        """The newest figures of the pipeline."""

    def begin(self, now: float) -> None:
        """Note that the pipeline starts, which is told the first time as a sign of life."""
        if isnan(self._beat_at):
            self._beat_at = now

    def take(self, stats: Stats, shown: Shown | None, now: float) -> None:
        """Take in how it is now."""
        self.stats, self.shown, self._beat_at = stats, shown, now
        with self._lock:
            if not self._history or now - self._history[-1].at >= 1.0:
                self._history.append(_plot_point(stats, shown, now))

    @property
    def history(self) -> tuple[PlotPoint, ...]:
        """The figures of the last minutes, one a second, the oldest first."""
        with self._lock:
            return tuple(self._history)

    def health(self, now: float, *, closed: bool) -> Health:
        """How the camera is doing, in words.

        Args:
            now: Seconds.
            closed: Whether nothing more will come.
        """
        return health_of(
            closed=closed,
            picture_at=nan if self.shown is None else self.shown.written_at,
            beat_at=self._beat_at,
            now=now,
            trouble=in_file(redact(self.stats.source_trouble)),
        )


def _plot_point(stats: Stats, shown: Shown | None, now: float) -> PlotPoint:
    live = shown is not None and now - shown.written_at < 1.0
    return PlotPoint(
        now,
        stats.render_fps if live else 0.0,
        stats.capture_fps if live else 0.0,
        stats.sample_fps,
        shown.picture_age if shown is not None and live else nan,
        shown.answer_age if shown is not None and live else nan,
        stats.latency,
        stats.in_flight,
    )
