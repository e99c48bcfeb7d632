"""Several cameras for days: a process for each. They share limits, the page and the store of events, and fail apart.

What is wrong with one camera stays with it: a camera that is missing is tried for ever, an endpoint that refuses is
asked again every minute while the picture goes on, and a process that dies, of whatever, begins again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from kpstream.camera.events import CameraEvents
from kpstream.camera.process import CameraProcess, Child
from kpstream.camera.request_shares import RequestShares
from kpstream.camera.session import CameraSession, Surroundings
from kpstream.camera.spec import CameraSpec, SiteSpec
from kpstream.camera.start_turns import StartTurns
from kpstream.channel import Channel, Closed, Deadline
from kpstream.entities import Stats
from kpstream.errors import KpstreamError
from kpstream.redact import redact
from kpstream.web import Page

STOPS_WITHIN = 3.0
"""Seconds for all cameras together; one that hangs in a call has nothing to write, and is left to it."""
_TICK = 1.0
_log = logging.getLogger("kpstream")


class Site:
    """Runs the cameras of a spec until it is stopped, and keeps them equal to it when it is read again.

    Args:
        spec: What it begins with.
        reread: Reads the spec again; raises KpstreamError, a line for each fault, where it cannot be followed.
        page: Where the cameras are shown; None shows nothing.
        on_end: Called with a camera and what it has done, when it has ended; by the thread of `run`.
        events: What becomes of what happens before the cameras; None lets no rule say anything.
        start_child: Starts what runs the camera of a name: a process of its own.
        starts_at_once: How many processes may load at once; more than there are cores only delay each other.
        clock: Monotonic seconds, the same clock as in the cameras' processes.
    """

    def __init__(
        self,
        spec: SiteSpec,
        *,
        reread: Callable[[], SiteSpec],
        page: Page | None = None,
        on_end: Callable[[CameraSpec, Stats], None] = lambda _camera, _stats: None,
        events: CameraEvents | None = None,
        start_child: Callable[[str], Child] = CameraProcess,
        starts_at_once: int = 2,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._reread = reread
        self._page = page
        self._on_end = on_end
        self._shares = RequestShares(spec.limits, clock)
        self._events = events
        self._surroundings = Surroundings(self._shares, page, events, start_child, StartTurns(starts_at_once), clock)
        self._reloads: Channel[None] = Channel(1)
        self._sessions: dict[str, CameraSession] = {}

    def run(self) -> None:
        """Run until `stop`; blocks. For the main thread, whose signal handlers may call `stop` and `reload`."""
        try:
            self._follow(self._spec)
            while not self._reloads.closed:
                try:  # Windows lets no signal through while it waits for ever
                    self._reloads.get(_TICK)
                    self._read_again()
                except TimeoutError:
                    for session in self._sessions.values():
                        session.tick()
                except Closed:
                    pass
        finally:
            self._end()

    def reload(self) -> None:
        """Read the spec again: what changed in it begins anew, all else goes on. Any thread, signal handlers."""
        self._reloads.offer(None)

    def stop(self) -> None:
        """End, with everything written whole. Any thread, signal handlers."""
        self._reloads.close()

    def _read_again(self) -> None:
        try:
            spec = self._reread()
        except KpstreamError as error:
            for line in str(error).splitlines():
                _log.warning("%s", redact(line))
            _log.warning("all goes on as it was before: mend the file, and send SIGHUP again")
            return
        except Exception as error:  # noqa: BLE001 - no file ends cameras that run
            text = "%s: %s - this is a fault of kpstream; all goes on as it was before"
            _log.error(text, type(error).__name__, redact(error))
            return
        self._shares.limit(spec.limits)
        before = dict(self._sessions)
        self._follow(spec)
        same = sum(session is before.get(name) for name, session in self._sessions.items())
        begun, ended = len(self._sessions) - same, len(before.keys() - self._sessions.keys())
        _log.info("read again: %d cameras begin anew, %d go on, %d are gone", begun, same, ended)

    def _follow(self, spec: SiteSpec) -> None:
        wanted = {camera.name: camera for camera in spec.cameras}
        for name, session in self._sessions.items():
            if name not in wanted and session.feed is not None and self._page is not None:
                self._page.remove(session.feed)  # and not closed: its session has still to end
        ended = self._stop([name for name, session in self._sessions.items() if session.spec != wanted.get(name)])
        for session in ended:
            if self._events is not None and session.spec.name not in wanted:
                self._events.forget(session.spec.name)
        feeds = {session.spec.name: session.feed for session in ended}
        for name, camera in wanted.items():
            if name not in self._sessions:
                self._sessions[name] = CameraSession(camera, self._surroundings, feeds.get(name))
                self._sessions[name].start()

    def _stop(self, names: Sequence[str]) -> list[CameraSession]:
        deadline, sessions = Deadline(STOPS_WITHIN), [self._sessions.pop(name) for name in names]
        for session in sessions:
            session.stop()
        for session in sessions:
            if not session.join(deadline):
                _log.warning("%s: did not end in time; the end of what it writes may be missing", session.spec.name)
            self._on_end(session.spec, session.stats)
        return sessions

    def _end(self) -> None:
        for session in self._sessions.values():
            session.stop()
        self._stop(list(self._sessions))

    def __repr__(self) -> str:
        return f"<Site of {', '.join(self._sessions) or 'no cameras'}>"
