"""The cameras of a site, begun and ended as its plan says."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from kpstream.channel import Channel, Closed, Deadline
from kpstream.controls import CameraControls
from kpstream.dispatch.fair_share import Limits
from kpstream.entities import Stats
from kpstream.errors import KpstreamError
from kpstream.interfaces import Sink
from kpstream.redact import redact
from kpstream.site.guests import Exchange
from kpstream.site.loop import C, Camera, Loop

STOPS_WITHIN = 3.0
"""Seconds for all cameras together; one that hangs in a call has nothing to write, and is left to it."""
_TICK = 1.0
_log = logging.getLogger("kpstream")

C_co = TypeVar("C_co", bound=Camera, covariant=True)


class Plan(Protocol[C_co]):
    """What a site consists of."""

    @property
    def cameras(self) -> Sequence[C_co]:
        """In any order."""

    @property
    def limits(self) -> Limits:
        """For all of them together."""


class Site(Generic[C]):
    """Runs the cameras of a plan until it is stopped.

    Args:
        plan: What it begins with.
        reread: Reads the plan again; raises KpstreamError, a line for each fault, where it cannot be followed.
        make_sinks: Where a camera's pictures go; called by the camera's thread whenever its loop begins. A sink that
            has ``idle(stats)`` hears of the time without pictures.
        controls_of: What may be changed about a camera while it runs; None follows nothing.
        on_end: Told what a camera has done, when it has ended; called by the thread of `run`.
        clock: Monotonic seconds, the same clock that the sources stamp their frames with.
    """

    def __init__(
        self,
        plan: Plan[C],
        *,
        reread: Callable[[], Plan[C]],
        make_sinks: Callable[[C], Sequence[Sink]],
        controls_of: Callable[[C], CameraControls | None] = lambda _: None,
        on_end: Callable[[C, Stats], None] = lambda _camera, _stats: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan = plan
        self._reread = reread
        self._make_sinks = make_sinks
        self._controls_of = controls_of
        self._on_end = on_end
        self._clock = clock
        self._exchange = Exchange(plan.limits, clock)
        self._wishes: Channel[None] = Channel(1)
        self._loops: dict[str, Loop[C]] = {}

    def run(self) -> None:
        """Run until `stop`; blocks. For the main thread, whose signal handlers may call `stop` and `reload`."""
        try:
            self._follow(self._plan)
            while not self._wishes.closed:
                with suppress(TimeoutError, Closed):  # Windows lets no signal through while it waits for ever
                    self._wishes.get(_TICK)
                    self._read_again()
        finally:
            self._end()

    def reload(self) -> None:
        """Read the plan again: what changed in it begins anew, all else goes on. Any thread, signal handlers."""
        self._wishes.offer(None)

    def stop(self) -> None:
        """End, with everything written whole. Any thread, signal handlers."""
        self._wishes.close()

    def _read_again(self) -> None:
        try:
            plan = self._reread()
        except KpstreamError as error:
            for line in str(error).splitlines():
                _log.warning("%s", redact(line))
            _log.warning("all goes on as it was before: mend the file, and send SIGHUP again")
            return
        except Exception as error:  # noqa: BLE001 - no file ends cameras that run
            text = "%s: %s - this is a fault of kpstream; all goes on as it was before"
            _log.error(text, type(error).__name__, redact(error))
            return
        self._exchange.limit(plan.limits)
        before = dict(self._loops)
        self._follow(plan)
        same = sum(loop is before.get(name) for name, loop in self._loops.items())
        begun, ended = len(self._loops) - same, len(before.keys() - self._loops.keys())
        _log.info("read again: %d cameras begin anew, %d go on, %d are gone", begun, same, ended)

    def _follow(self, plan: Plan[C]) -> None:
        wanted = {camera.name: camera for camera in plan.cameras}
        self._stop([name for name, loop in self._loops.items() if loop.camera != wanted.get(name)])
        for name, camera in wanted.items():
            if name not in self._loops:
                self._loops[name] = Loop(camera, self._exchange, self._make_sinks, self._controls_of, self._clock)
                self._loops[name].start()

    def _stop(self, names: Sequence[str]) -> None:
        deadline, loops = Deadline(STOPS_WITHIN), [self._loops.pop(name) for name in names]
        for loop in loops:
            loop.stop()
        for loop in loops:
            loop.join(deadline)
            if not loop.is_written:
                _log.warning("%s: did not end in time; the end of what it writes may be missing", loop.camera.name)
            self._on_end(loop.camera, loop.stats)

    def _end(self) -> None:
        for loop in self._loops.values():
            loop.stop()
        self._exchange.close()
        self._stop(list(self._loops))

    def __repr__(self) -> str:
        return f"<Site of {', '.join(self._loops) or 'no cameras'}>"
