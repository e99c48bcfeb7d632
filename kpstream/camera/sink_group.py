"""The sinks of one camera as one: a sink that fails takes neither the picture nor another sink with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import inf
from typing import Protocol, runtime_checkable

from kpstream.entities import Image, Scene, Stats
from kpstream.errors import KpstreamError
from kpstream.interfaces import Sink, needs_canvas, write_scene
from kpstream.redact import redact

RETRY_AFTER = 60.0
"""Seconds after which a sink that failed is tried again."""
_log = logging.getLogger("kpstream")


@runtime_checkable
class Idles(Protocol):
    """A sink that wants to know how it goes while there is no picture."""

    def idle(self, stats: Stats) -> None:
        """Take the figures; never waits."""


class SinkGroup:
    """The sinks of one camera as one, of which each may fail alone.

    Args:
        name: Of the camera.
        sinks: Closed with this.
        clock: Monotonic seconds.
        on_closed: Called once every sink is closed.
    """

    def __init__(
        self,
        name: str,
        sinks: Sequence[Sink],
        clock: Callable[[], float],
        on_closed: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._sinks = list(sinks)
        self._clock = clock
        self._failed_at = inf
        self._on_closed = on_closed

    @property
    def needs_canvas(self) -> bool:
        """Whether one of them does."""
        return any(map(needs_canvas, self._sinks))

    @property
    def needs_restart(self) -> bool:
        """Whether a sink failed so long ago that all should be made anew, to try it again."""
        return self._clock() - self._failed_at > RETRY_AFTER

    def write(self, scene: Scene, canvas: Image) -> None:  # noqa: ARG002 - each sink is given what it needs
        """Give the scene to every sink that works."""
        for sink in list(self._sinks):
            try:
                write_scene(sink, scene)
            except KpstreamError as error:
                _log.warning("%s: %s - tried again in a minute", self._name, redact(error))
                self._failed_at = min(self._failed_at, self._clock())
                self._sinks.remove(sink)
                self._close(sink, reported=str(error))

    def idle(self, stats: Stats) -> None:
        """Tell those that want to know how it goes without a picture."""
        for sink in self._sinks:
            if isinstance(sink, Idles):
                sink.idle(stats)

    def close(self) -> None:
        """Close every sink, whatever the others say. Idempotent."""
        while self._sinks:
            self._close(self._sinks.pop())
        self._on_closed()

    def _close(self, sink: Sink, reported: str = "") -> None:
        try:
            sink.close()
        except KpstreamError as error:
            if str(error) != reported:
                _log.warning("%s: %s", self._name, redact(error))

    def __bool__(self) -> bool:
        return bool(self._sinks)
