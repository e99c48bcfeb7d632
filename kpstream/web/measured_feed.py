"""What every feed has: the camera's name, what the page may change, and the figures of its pipeline."""

from __future__ import annotations

import threading
from collections.abc import Callable

from kpstream.entities import Stats
from kpstream.redact import redact
from kpstream.web.camera_feed import Controls, name_of
from kpstream.web.figures import Figures, PlotPoint, Shown
from kpstream.web.health import Health


class MeasuredFeed:
    """The part of a `CameraFeed` that needs no picture. A subclass takes the figures in, any thread reads them.

    Args:
        title: What people call the camera. Its name in addresses is made of it.
        controls: What the page may change; None lets it change nothing.
        clock: Monotonic seconds.
        began_at: When its pipeline began, NaN where that is still to come.
    """

    def __init__(self, title: str, controls: Controls | None, clock: Callable[[], float], began_at: float) -> None:
        self.title = redact(title)
        self.name = name_of(self.title)
        self.controls = controls
        self._clock = clock
        self._lock = threading.Lock()
        self._figures = Figures(began_at)
        self._closed = False

    @property
    def shown(self) -> Shown | None:
        """The newest picture; None before the first."""
        return self._figures.shown

    @property
    def stats(self) -> Stats:
        """The newest figures of the pipeline."""
        return self._figures.stats

    @property
    def history(self) -> tuple[PlotPoint, ...]:
        """The figures of the last minutes, one a second, the oldest first."""
        return self._figures.history

    @property
    def health(self) -> Health:
        """How the camera is doing right now, in words."""
        return self._figures.health(self._clock(), closed=self._closed)
