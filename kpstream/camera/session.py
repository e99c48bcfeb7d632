"""One camera of a site: its assembly, begun again whenever it dies, and its place on the page."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from kpstream.camera.assembly import CameraAssembly
from kpstream.camera.endpoint_pool import EndpointPool
from kpstream.camera.settings import CameraSettings
from kpstream.camera.sink_group import SinkGroup
from kpstream.camera.spec import CameraSpec, Watch
from kpstream.camera.status_log import CameraStatusLog
from kpstream.channel import Deadline
from kpstream.dispatch.gate import RequestBudget
from kpstream.entities import Image, Scene, Stats
from kpstream.errors import KpstreamError
from kpstream.interfaces import Opener, Sink, Source
from kpstream.options import in_file
from kpstream.redact import redact
from kpstream.web import Feed, Page

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a camera that died begins again."""
_STEADY = 60.0
"""Seconds after which a camera that dies has not been dying at once."""
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the sessions of a site share."""

    pool: EndpointPool
    page: Page | None
    """Where the cameras are shown; None shows nothing."""
    open_camera: Callable[[CameraSpec], Source]
    """Opens the source of a camera; blocks."""
    make_sinks: Callable[[CameraSpec], Sequence[Sink]]
    """Makes more sinks for a camera, in its thread, whenever it begins."""
    watch: Callable[[CameraSpec], Watch | None]
    """Makes what says what happens before a camera, whenever it begins; in its thread."""
    clock: Callable[[], float]


class CameraSession:
    """Runs one camera on the thread ``kpstream-camera-NAME``, and begins it again whenever it dies.

    Args:
        spec: What the camera is.
        surroundings: What it shares with others.
        feed: Its place on the page, where an earlier session of the same name had one.
    """

    def __init__(self, spec: CameraSpec, surroundings: Surroundings, feed: Feed | None = None) -> None:
        self.spec = spec
        self.feed = feed
        """Its place on the page; stays while it begins again, and for a session that takes its place."""
        self._surroundings = surroundings
        self._settings = CameraSettings.of(spec)
        budget = spec.requests.max_requests
        self._own_rules = () if budget is None else (RequestBudget(budget),)  # spent over all its beginnings
        self._ended = threading.Event()
        self._assembly: CameraAssembly | None = None
        self._sinks: SinkGroup | None = None
        self._earlier = Stats()
        self._status = CameraStatusLog()
        self._thread = threading.Thread(target=self._run, name=f"kpstream-camera-{spec.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        page = self._surroundings.page
        if page is not None and self.feed is None:
            self.feed = Feed(self.spec.name)
            page.add(self.feed)
        if self.feed is not None:
            self.feed.controls = self._settings
        self._thread.start()

    def stop(self) -> None:
        """End soon, with everything written whole; never waits."""
        self._ended.set()
        assembly = self._assembly
        if assembly is not None:
            assembly.stop()

    @property
    def stats(self) -> Stats:
        """What it has done since its start, however often it began again; for when it has ended."""
        assembly = self._assembly
        return self._earlier if assembly is None else assembly.stats + self._earlier

    @property
    def is_written(self) -> bool:
        """Whether everything that it had is written."""
        return self._sinks is None or self._sinks.closed

    def join(self, deadline: Deadline) -> None:
        """Wait for the end, until the deadline."""
        self._thread.join(deadline.remaining())

    def _run(self) -> None:
        clock, pause = self._surroundings.clock, _FIRST_PAUSE
        while not self._ended.is_set():
            began_at = clock()
            try:
                self._run_once()
            except KpstreamError as error:
                _log.warning("%s: %s - begins again", self.spec.name, in_file(redact(error)))
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this camera's alone
                text = "%s: %s: %s - this is a fault of kpstream; the camera begins again"
                _log.error(text, self.spec.name, type(error).__name__, redact(error))
                _log.debug("%s", redact(traceback.format_exc()))
            if clock() - began_at > _STEADY:
                pause = _FIRST_PAUSE
            if self._ended.wait(pause):
                return
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _run_once(self) -> None:
        spec, surroundings = self.spec, self._surroundings
        endpoint = surroundings.pool.acquire(spec)
        watch = surroundings.watch(spec)
        if self.feed is not None:
            self.feed.readings = tuple if watch is None else watch.readings
        try:
            assembly = self._assembly = CameraAssembly(
                replace(spec, requests=replace(spec.requests, max_requests=None)),
                endpoint,
                opener=Opener(spec.name, lambda: surroundings.open_camera(spec)),
                settings=self._settings,
                watch=watch,
                gate_rules=(*endpoint.rules, *self._own_rules),
                clock=surroundings.clock,
            )
            if self._ended.is_set():  # before there was an assembly to stop
                return
            feed = [] if self.feed is None else [_Showing(self.feed)]
            viewers = [*surroundings.make_sinks(spec), *feed]
            assembly.run(viewers, group=self._as_one, on_scene=self._take, on_idle=self._log)
        finally:
            self._earlier, self._assembly = self.stats, None
            endpoint.release()

    def _as_one(self, sinks: Sequence[Sink]) -> list[Sink]:
        self._sinks = SinkGroup(self.spec.name, sinks, self._surroundings.clock)
        return [self._sinks] if sinks else []

    def _take(self, scene: Scene) -> None:
        self._log(scene.stats)
        if self._assembly is not None and self._sinks is not None and self._sinks.needs_restart:
            self._assembly.stop()

    def _log(self, stats: Stats) -> None:
        for text, is_trouble in self._status.update(stats, self._surroundings.clock()):
            level = logging.WARNING if is_trouble else logging.INFO
            _log.log(level, "%s: %s", self.spec.name, in_file(redact(text)))


class _Showing:
    """A feed that does not end when its camera begins again: then the last picture stays."""

    needs_canvas = False

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def write(self, scene: Scene, canvas: Image) -> None:
        self._feed.write(scene, canvas)

    def idle(self, stats: Stats) -> None:
        self._feed.idle(stats)

    def close(self) -> None:
        pass
