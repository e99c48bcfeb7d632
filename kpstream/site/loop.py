"""One camera of a site: its pipeline, begun again whenever it dies."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, Protocol, TypeVar

from kpstream.channel import Channel, Deadline
from kpstream.controls import CameraControls, Follower, Rated
from kpstream.entities import Filters, Stats
from kpstream.errors import KpstreamError
from kpstream.interfaces import Annotator, Opener, Sink, Source
from kpstream.pipeline import Pipeline
from kpstream.redact import redact
from kpstream.site.guests import Asks, Exchange, InTurn
from kpstream.site.outlets import Outlets
from kpstream.site.tidings import CameraTidings
from kpstream.sources.masked import Masked, Zone

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a loop that died begins again."""
_STEADY = 60.0
"""Seconds after which a loop that dies has not been dying at once."""
_log = logging.getLogger("kpstream")


class Camera(Asks, Protocol):
    """What a site knows of a camera. Two that are equal are one and the same, unchanged."""

    @property
    def name(self) -> str:
        """What to call it; no two of a site have the same."""

    @property
    def masks(self) -> Sequence[Zone]:
        """What is painted over before a picture goes anywhere."""

    @property
    def rate(self) -> float:
        """The most samples per second of video."""

    @property
    def filters(self) -> Filters:
        """Which poses of the answers are used."""

    @property
    def delay(self) -> float | None:
        """How many seconds the picture may wait for its answers; None shows it at once."""

    def open_source(self) -> Source:
        """Open the live source; blocks.

        Raises:
            SourceOpenError: It is not there.
        """

    def make_sampling(self) -> Rated:
        """Which of its frames are worth asking about."""

    def make_annotator(self) -> Annotator:
        """What draws its poses."""


C = TypeVar("C", bound=Camera)


class Loop(Generic[C]):
    """One camera's pipeline, begun again whenever it dies, on the thread ``kpstream-camera-NAME``.

    Args:
        camera: What is run.
        exchange: Where its endpoint comes from.
        make_sinks: Where its pictures go.
        controls_of: What may be changed about it while it runs; None follows nothing.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        camera: C,
        exchange: Exchange,
        make_sinks: Callable[[C], Sequence[Sink]],
        controls_of: Callable[[C], CameraControls | None],
        clock: Callable[[], float],
    ) -> None:
        self.camera = camera
        self._exchange = exchange
        self._make_sinks = make_sinks
        self._controls_of = controls_of
        self._clock = clock
        self._ended: Channel[None] = Channel(1)
        self._pipeline: Pipeline | None = None
        self._outlets: Outlets | None = None
        self._earlier = Stats()
        self._tidings = CameraTidings()
        self._thread = threading.Thread(target=self._run, name=f"kpstream-camera-{camera.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon, with everything written whole; never waits."""
        self._ended.close()
        pipeline = self._pipeline
        if pipeline is not None:
            pipeline.stop()

    @property
    def stats(self) -> Stats:
        """What it has done since its start, however often its pipeline began again; for when it has ended."""
        pipeline = self._pipeline
        return self._earlier if pipeline is None else pipeline.stats + self._earlier

    @property
    def is_written(self) -> bool:
        """Whether everything that it had is written."""
        return self._outlets is None or self._outlets.closed

    def join(self, deadline: Deadline) -> None:
        """Wait for the end, until the deadline."""
        self._thread.join(deadline.remaining())

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._ended.closed:
            began_at = self._clock()
            try:
                self._run_once()
            except KpstreamError as error:
                _log.warning("%s: %s - begins again", self.camera.name, redact(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this camera's alone
                text = "%s: %s: %s - this is a fault of kpstream; the camera begins again"
                _log.error(text, self.camera.name, type(error).__name__, redact(error))
                _log.debug("%s", redact(traceback.format_exc()))
            if self._clock() - began_at > _STEADY:
                pause = _FIRST_PAUSE
            if self._ended.wait_closed(pause):
                return
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _run_once(self) -> None:
        camera = self.camera
        guest = self._exchange.admit(camera)
        try:
            outlets = Outlets(camera.name, self._make_sinks(camera), self._exchange.fill_in, self._clock)
            self._outlets = outlets
            sampling = camera.make_sampling()
            with Pipeline(
                Opener(camera.name, partial(_open, camera)),
                guest,
                sinks=[outlets] if outlets else (),
                annotator=camera.make_annotator() if outlets else None,
                rate=camera.rate,
                sampling=InTurn(sampling, guest),
                filters=camera.filters,
                delay=camera.delay,
                on_idle=lambda stats: self._idle(outlets, stats),
                clock=self._clock,
            ) as self._pipeline:
                controls = self._controls_of(camera)
                follower = None if controls is None else Follower(controls, sampling, self._pipeline)
                try:
                    self._show(self._pipeline, outlets, follower)
                finally:
                    outlets.close()  # at once: a camera that hangs in a call may take a while to be given up
        finally:
            self._earlier, self._pipeline = self.stats, None
            guest.leave()

    def _show(self, pipeline: Pipeline, outlets: Outlets, follower: Follower | None) -> None:
        if self._ended.closed:  # before there was a pipeline to stop
            return
        for scene in pipeline:
            self._tell(scene.stats)
            if follower is not None:
                follower.follow()
            if outlets.wants_repair:
                return

    def _idle(self, outlets: Outlets, stats: Stats) -> None:
        self._tell(stats)
        outlets.idle(stats)

    def _tell(self, stats: Stats) -> None:
        for text, is_trouble in self._tidings.news(self._exchange.fill_in(stats), self._clock()):
            _log.log(logging.WARNING if is_trouble else logging.INFO, "%s: %s", self.camera.name, redact(text))


def _open(camera: Camera) -> Source:
    source = camera.open_source()
    return Masked(source, camera.masks) if camera.masks else source
