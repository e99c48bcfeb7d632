"""The process of one camera of a site: ``python -m kpstream.camera.child NAME``, which the site starts.

Its standard input and output are the channel to the site. It ends with everything written whole when it is told to, at
SIGTERM, and when the site is gone, so that no orphan stays. Ctrl-C is the site's, which decides what becomes of it.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from kpstream.camera.assembly import CameraAssembly, make_camera_endpoint, open_camera
from kpstream.camera.cores import draw_on_one_core
from kpstream.camera.link import (
    FROM_THE_TERMINAL,
    AllWritten,
    ArmedRules,
    ChangeReply,
    ChangeRequest,
    ClipWritten,
    EventsPlan,
    EventUpdate,
    FinalStats,
    GrantReply,
    Heartbeat,
    Link,
    LogLine,
    Message,
    PictureReply,
    PictureRequest,
    Rejection,
    RulesFinished,
    Start,
    Stop,
    ZoneCount,
)
from kpstream.camera.rule_run import make_camera_rule_run
from kpstream.camera.settings import CameraSettings
from kpstream.camera.shared_endpoint import SharedEndpoint
from kpstream.camera.sink_group import SinkGroup
from kpstream.camera.spec import CameraSpec, RuleRun
from kpstream.camera.status_log import CameraStatusLog
from kpstream.delivery.store import Snapshot
from kpstream.entities import Event, Scene, Stats
from kpstream.errors import KpstreamError, untranslated
from kpstream.interfaces import Endpoint, Opener, Sink, Source
from kpstream.options import in_file
from kpstream.redact import redact, remember
from kpstream.web import Feed
from kpstream.web.camera_feed import Encodable, Form

_BEAT_EVERY = 0.25
_PICTURES = 8
"""Snapshots that may wait to be encoded, each with its scene."""
_HANGS_AFTER = 10.0
"""Seconds after which a camera that is to end, and has not written everything, is given up."""
_LINGERS = 0.5
"""Seconds for what is left to be done once everything is written: nothing that matters."""
_PR_SET_PDEATHSIG = 1
"""Linux's number of what `prctl` does."""
_log = logging.getLogger("kpstream")


class RemoteRecords:
    """Sends a camera's events to the site's store; satisfies `kpstream.delivery.event_media.Records`.

    Args:
        link: To the site.
        folder: Of the store.
        counts_zones: Whether somebody is told how many objects are in each zone.
    """

    def __init__(self, link: Link, folder: Path, *, counts_zones: bool) -> None:
        self._link = link
        self.folder = folder
        self.counts_zones = counts_zones
        self._room = threading.BoundedSemaphore(_PICTURES)

    def may_take_picture(self) -> bool:
        """Whether few snapshots wait to be encoded."""
        return self._room.acquire(blocking=False)

    def record(self, event: Event, snapshot: Snapshot | None) -> None:
        """Send an event; its snapshot is encoded in the thread of the link."""
        if snapshot is None:
            self._link.send(EventUpdate(event, None))
            return

        def make() -> Message:
            try:
                return EventUpdate(event, snapshot())
            except Exception as error:  # noqa: BLE001 - an event without its picture is better than none
                _log.warning("an event has no snapshot: %s: %s", type(error).__name__, redact(error))
                return EventUpdate(event, None)
            finally:
                self._room.release()

        self._link.send(make)

    def grow(self, event_id: str, size: int) -> None:
        """Tell that a clip is complete."""
        self._link.send(ClipWritten(event_id, size))

    def count(self, zone: str, number: int) -> None:
        """Tell how many are in a zone."""
        self._link.send(ZoneCount(zone, number))

    def leave(self) -> None:
        """Tell that the rules are finished."""
        self._link.send(RulesFinished())


class CameraChild:
    """Runs one camera once, and does what the site asks for meanwhile.

    Args:
        link: To the site; started.
        open_camera: Opens the source of a camera; blocks.
        make_endpoint: Makes the endpoint that a camera's spec names.
        make_sinks: Makes more sinks for a camera. A sink that has ``idle(stats)`` hears of the time without pictures.
        clock: Monotonic seconds, the same clock that the source stamps its frames with.
    """

    def __init__(
        self,
        link: Link,
        *,
        open_camera: Callable[[CameraSpec], Source] = open_camera,
        make_endpoint: Callable[[CameraSpec], Endpoint] = make_camera_endpoint,
        make_sinks: Callable[[CameraSpec], Sequence[Sink]] = lambda _: (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._messages = iter(link)
        self._open_camera = open_camera
        self._make_endpoint = make_endpoint
        self._make_sinks = make_sinks
        self._clock = clock
        self.stopped = threading.Event()
        """Set once it is to end."""
        self.written = threading.Event()
        """Set once everything that it had is written."""
        self._status = CameraStatusLog()
        self._beat_at = -_BEAT_EVERY
        self._spec: CameraSpec  # these three once it runs
        self._settings: CameraSettings
        self._endpoint: SharedEndpoint
        self._assembly: CameraAssembly | None = None
        self._feed: Feed | None = None
        self._rule_run: RuleRun | None = None
        self._sinks: SinkGroup | None = None
        self._broken_forms: set[Form] = set()  # in which pictures cannot be encoded, which is told already

    def receive_start(self) -> Start | None:
        """Wait to be told what to run; None where the site has gone before that."""
        start = next(self._messages, None)
        return start if isinstance(start, Start) else None

    def run(self, start: Start) -> None:
        """Run to the end of the source, or until `stop`; blocks, and closes everything at the end."""
        name = start.spec.name
        try:
            assembly = self._assembly = self._assemble(start)
            if self.stopped.is_set():  # before there was an assembly to stop
                assembly.stop()
            viewers = [*self._make_sinks(start.spec), *([] if self._feed is None else [self._feed])]
            assembly.run(viewers, group=self._as_one, on_scene=self._take, on_idle=self._idle)
        except KpstreamError as error:
            _log.warning("%s: %s - begins again", name, in_file(redact(error)))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this camera's alone
            _log.error("%s: %s; the camera begins again", name, redact(untranslated(error)))
            _log.debug("%s", redact(traceback.format_exc()))
        finally:
            self.finish()

    def finish(self) -> None:
        """Say what was done, as the last thing that is said. Idempotent."""
        self._send_final_stats()
        self._link.close()
        self.written.set()

    def _send_final_stats(self) -> None:
        self._link.send(FinalStats(Stats() if self._assembly is None else self._assembly.stats))

    def stop(self) -> None:
        """End soon, with everything written whole; never waits. Any thread, signal handlers."""
        self.stopped.set()
        if self._assembly is not None:
            self._assembly.stop()

    def _assemble(self, start: Start) -> CameraAssembly:
        spec = self._spec = start.spec
        self._settings = CameraSettings(start.settings, recording=start.is_recording)
        self._endpoint = SharedEndpoint(self._make_endpoint(spec), self._link.send, self._clock, start.rejected_until)
        if start.events is not None:
            self._rule_run = make_camera_rule_run(spec, start.events.options, self._records(start.events))
        if start.numbers_from is not None:
            self._feed = Feed(spec.name, numbers_from=start.numbers_from, clock=self._clock)
            if self._rule_run is not None:
                self._feed.readings = self._rule_run.readings
        return CameraAssembly(
            replace(spec, requests=replace(spec.requests, max_requests=None)),  # its own budget is dealt, too
            self._endpoint,
            opener=Opener(spec.name, lambda: self._open_camera(spec)),
            settings=self._settings,
            rule_run=self._rule_run,
            gate_rules=self._endpoint.rules,
            clock=self._clock,
        )

    def _records(self, plan: EventsPlan) -> RemoteRecords | None:
        return None if plan.folder is None else RemoteRecords(self._link, plan.folder, counts_zones=plan.counts_zones)

    def _as_one(self, sinks: Sequence[Sink]) -> list[Sink]:
        """Everything that is written as one sink; from now on what the site says can be done."""
        threading.Thread(target=self._obey_all, name=f"kpstream-obey-{self._spec.name}", daemon=True).start()
        self._sinks = SinkGroup(self._spec.name, sinks, self._clock, self._note_written)
        if not sinks:
            self._note_written()
        return [self._sinks] if sinks else []

    def _note_written(self) -> None:
        self._link.send(AllWritten())
        self.written.set()

    def _obey_all(self) -> None:
        """Do what the site says, until it is gone; then end."""
        for message in self._messages:
            self._obey(message)
        self.stop()

    def _obey(self, message: Message) -> None:
        match message:
            case Stop():
                self.stop()
                self._send_final_stats()  # whatever hangs from now on
            case GrantReply():
                self._endpoint.grants.take(message)
            case Rejection():
                self._endpoint.rest(message)
            case PictureRequest():
                self._show(message, message.after)
            case ChangeRequest():
                self._link.send(ChangeReply(message.number, self._change(message)))
            case ArmedRules(rules):
                if self._rule_run is not None:
                    self._rule_run.armed.update(rules)

    def _change(self, change: ChangeRequest) -> str:
        """Why it could not be, for the user; empty where it could."""
        settings = self._settings
        try:
            if change.settings is not None:
                settings.apply(change.settings)
            if change.is_recording is not None:
                (settings.start_recording if change.is_recording else settings.stop_recording)()
        except KpstreamError as error:
            return redact(error)
        return ""

    def _show(self, request: PictureRequest, after: int) -> None:
        """Send the next picture beyond a number; where too much waits to be sent, the one after that."""

        def reply(picture: Encodable | None) -> None:
            if picture is not None and not self._link.offer(lambda: self._encoded(request, picture)):
                self._show(request, picture.number)

        if self._feed is not None:
            self._feed.request(request.form, after, reply)

    def _encoded(self, request: PictureRequest, picture: Encodable) -> PictureReply | None:
        """The answer; None, and the next picture is asked for, where this one cannot be encoded."""
        try:
            encoded = picture.encode()
        except Exception as error:  # noqa: BLE001 - one picture that cannot be encoded ends no camera
            if request.form not in self._broken_forms:
                name = "" if isinstance(error, KpstreamError) else f"{type(error).__name__}: "
                _log.warning("%s: a picture is not shown: %s%s", self._spec.name, name, redact(error))
            self._broken_forms.add(request.form)
            self._show(request, picture.number)
            return None
        self._broken_forms.discard(request.form)
        return PictureReply(request, encoded)

    def _take(self, scene: Scene) -> None:
        self._idle(scene.stats)
        if self._assembly is not None and self._sinks is not None and self._sinks.needs_restart:
            self._assembly.stop()

    def _idle(self, stats: Stats) -> None:
        now = self._clock()
        if 0 <= now - self._beat_at < _BEAT_EVERY:
            return
        self._beat_at = now
        for text, is_trouble in self._status.update(stats, now):
            level = logging.WARNING if is_trouble else logging.INFO
            _log.log(level, "%s: %s", self._spec.name, in_file(redact(text)))
        heartbeat = Heartbeat(
            now,
            stats,
            None if self._feed is None else self._feed.shown,
            self._settings.recording,
            self._settings.recording_trouble,
        )
        self._link.offer(lambda: heartbeat)


class LogToSite(logging.Handler):
    """Sends lines of the log to the site, which shows them: each names the camera.

    Args:
        link: To the site.
        name: Of the camera.
    """

    def __init__(self, link: Link, name: str) -> None:
        super().__init__()
        self._link = link
        self._head = f"{name}: "

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line."""
        text = redact(record.getMessage())
        self._link.send(LogLine(record.levelno, text if text.startswith(self._head) else self._head + text))


def _go_on_once_orphaned() -> None:
    """Have the system wake this process when its site dies: one that is stopped could not end by itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGCONT)


def main() -> None:
    """Run the camera that the site names, to its end, and end the process."""
    _go_on_once_orphaned()
    for number in FROM_THE_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FROM_THE_TERMINAL)  # the site has them held back until here
    # What a library prints must not get among the messages.
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    link = Link(incoming, outgoing, sys.argv[1])
    link.greet()
    link.start()
    child = CameraChild(link)
    signal.signal(signal.SIGTERM, lambda *_: child.stop())
    start = child.receive_start()
    if start is not None:
        for secret in start.secrets:
            remember(secret)
        logger = logging.getLogger("kpstream")
        logger.handlers[:], logger.propagate = [LogToSite(link, start.spec.name)], False
        logger.setLevel(start.log_level)
        draw_on_one_core()
        thread = threading.Thread(target=child.run, args=(start,), name="kpstream-camera", daemon=True)
        thread.start()
        _wait_for_the_end(child, thread)
        child.finish()
    link.close()
    link.join(_LINGERS)
    # Not by an exit of the interpreter: threads may hang in a camera, and libraries crash when they are taken apart.
    os._exit(0)


def _wait_for_the_end(child: CameraChild, thread: threading.Thread) -> None:
    """Wait for a camera that ends by itself; one that is stopped and hangs has nothing to write, and is left to it."""
    while thread.is_alive() and not child.stopped.is_set():
        thread.join(1.0)  # signal handlers run between two of them
    if child.stopped.is_set():
        child.written.wait(_HANGS_AFTER)
        thread.join(_LINGERS)


if __name__ == "__main__":
    main()
