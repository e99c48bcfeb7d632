"""One camera of a site: its process, begun again whenever it dies, its place on the page, and its share of requests."""

from __future__ import annotations

import logging
import pickle
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kpstream.camera.events import CameraArming, CameraEvents
from kpstream.camera.link import (
    AllWritten,
    ArmedRules,
    ChangeReply,
    ClipWritten,
    EndpointLimits,
    EventsPlan,
    EventUpdate,
    FinalStats,
    GrantReleased,
    GrantRequest,
    Heartbeat,
    Link,
    LogLine,
    Message,
    PictureReply,
    PictureRequest,
    Rejection,
    RequestEnded,
    RulesFinished,
    Start,
    Stop,
    ZoneCount,
)
from kpstream.camera.process import Child
from kpstream.camera.remote_controls import RemoteControls
from kpstream.camera.request_shares import CameraShare, RequestShares
from kpstream.camera.restarts import Restarts
from kpstream.camera.spec import CameraSpec
from kpstream.camera.start_turns import StartTurns
from kpstream.camera.unfinished import UnfinishedEvents
from kpstream.channel import Deadline
from kpstream.delivery import EventRecorder
from kpstream.dispatch.dealer import Limits, Quota
from kpstream.entities import Stats
from kpstream.errors import KpstreamError, untranslated
from kpstream.options import in_file
from kpstream.redact import redact, remembered
from kpstream.web import Page
from kpstream.web.remote_feed import RemoteFeed

_MAX_SILENCE = 60
"""Ticks of the site, a second each, after which a process that says nothing is ended; a healthy one says how it is
doing four times in each. Ticks and not seconds: a site that is stopped itself hears nothing either."""
_LOADS_WITHIN = 10
"""Ticks of the site after which a process that is not loaded yet no longer holds up those that wait for their turn."""
_REAPED_WITHIN = 2.0
"""Seconds in which a process ends that has said all that it has to say."""
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the sessions of a site share."""

    shares: RequestShares
    page: Page | None
    """Where the cameras are shown; None shows nothing."""
    events: CameraEvents | None
    """What becomes of what happens before the cameras; None lets no rule say anything."""
    start_child: Callable[[str], Child]
    """Starts what runs the camera of a name; blocks for a moment."""
    starts: StartTurns
    """Says when a process may start."""
    clock: Callable[[], float]


class CameraSession:
    """Keeps one camera running, on the thread ``kpstream-camera-NAME``, and begins it again whenever it dies.

    Args:
        spec: What the camera is.
        surroundings: What it shares with others.
        feed: Its place on the page, where an earlier session of the same name had one.
    """

    def __init__(self, spec: CameraSpec, surroundings: Surroundings, feed: RemoteFeed | None = None) -> None:
        self.spec = spec
        self.feed = feed
        """Its place on the page; stays while it begins again, and for a session that takes its place."""
        self._surroundings = surroundings
        self._controls = RemoteControls(spec)
        budget = spec.requests.max_requests
        self._own = None if budget is None else Quota(Limits(max_requests=budget))  # over all its beginnings
        self._ended = threading.Event()
        self._turn = threading.Event()  # to start a process; set at the end, too
        self._run: _Run | None = None
        self._earlier = Stats()
        self._thread = threading.Thread(target=self._keep_running, name=f"kpstream-camera-{spec.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        page = self._surroundings.page
        if page is not None and self.feed is None:
            self.feed = RemoteFeed(self.spec.name, self._controls, clock=self._surroundings.clock)
            page.add(self.feed)
        if self.feed is not None:
            self.feed.controls = self._controls
        self._surroundings.starts.ask(self._turn)
        self._thread.start()

    def stop(self) -> None:
        """End soon, with everything written whole; never waits."""
        self._ended.set()
        self._turn.set()
        self._surroundings.starts.end(self._turn)
        run = self._run
        if run is not None:
            run.stop()

    def tick(self) -> None:
        """End a process that has said nothing for long, so that it begins again; about once a second, never waits."""
        run = self._run
        if run is not None:
            run.tick()

    @property
    def stats(self) -> Stats:
        """What it has done since its start, however often it began again; for when it has ended."""
        return self._earlier

    def join(self, deadline: Deadline) -> bool:
        """Wait for the end until the deadline, and end it then.

        Returns:
            Whether everything that it had is written.
        """
        self._thread.join(deadline.remaining())
        run, is_written = self._run, True
        if self._thread.is_alive() and run is not None:
            is_written = run.is_written
            run.kill()
            self._thread.join(_REAPED_WITHIN)
        return is_written

    def _keep_running(self) -> None:
        clock, restarts = self._surroundings.clock, Restarts()
        self._turn.wait()
        while not self._ended.is_set():
            began_at = clock()
            try:
                fault = self._run_once()
            except KpstreamError as error:
                fault = str(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this camera's alone
                _log.error("%s: %s; the camera begins again", self.spec.name, redact(untranslated(error)))
                _log.debug("%s", redact(traceback.format_exc()))
                fault = ""
            pause, line = restarts.note(clock() - began_at, in_file(redact(fault)))
            if line and not self._ended.is_set():
                _log.warning("%s: %s", self.spec.name, line)
            if not self._ended.wait(pause):
                self._await_turn()

    def _await_turn(self) -> None:
        self._turn.clear()
        self._surroundings.starts.ask(self._turn)
        if self._ended.is_set():  # meanwhile: nobody sets the event again
            self._surroundings.starts.end(self._turn)
        else:
            self._turn.wait()

    def _run_once(self) -> str:
        """Run one process to its end; what ended it, for the user, where nobody said so yet."""
        end_turn = partial(self._surroundings.starts.end, self._turn)
        try:
            run = self._run = _Run(
                self.spec, self._surroundings, self._controls, self.feed, self._own, on_loaded=end_turn
            )
            try:
                if self._ended.is_set():  # before there was anything to stop
                    run.stop()
                return run.follow()
            finally:
                self._earlier, self._run = run.stats + self._earlier, None
        except KpstreamError:
            if self.feed is not None:
                self.feed.disconnect()  # also where there was no process
            raise
        finally:
            end_turn()


class _Run:
    """One process of a camera, from its start to its end.

    Args:
        spec: What the camera is.
        surroundings: What it shares with others.
        controls: What was asked for until now.
        feed: Its place on the page.
        own: Its own budget.
        on_loaded: Called once it is loaded, or takes too long to.

    Raises:
        KpstreamError: No process can be started.
    """

    def __init__(
        self,
        spec: CameraSpec,
        surroundings: Surroundings,
        controls: RemoteControls,
        feed: RemoteFeed | None,
        own: Quota | None,
        *,
        on_loaded: Callable[[], None],
    ) -> None:
        self._spec = spec
        self._controls = controls
        self._feed = feed
        self._child = surroundings.start_child(spec.name)
        self._link: Link = self._child.link
        self._share: CameraShare = surroundings.shares.join(spec, own, self._link.send)
        self._events = surroundings.events
        self._arming: CameraArming | None = None
        self._unfinished = UnfinishedEvents()
        self._on_loaded = on_loaded
        self._ticks = self._ticks_silent = 0
        self.stats = Stats()
        """What it has done, as far as it said so."""
        self.is_written = False
        """Whether everything that it had is written."""
        self._has_said_all = False

    def stop(self) -> None:
        """End soon; never waits. Any thread."""
        self._link.send(Stop())

    def kill(self) -> None:
        """End at once. Any thread."""
        self._child.kill()

    def tick(self) -> None:
        """Count how long it has been silent, and end it where that is too long. One thread."""
        self._ticks += 1
        if self._ticks == _LOADS_WITHIN:
            self._on_loaded()
        self._ticks_silent += 1
        if self._ticks_silent == _MAX_SILENCE:
            self._child.kill()

    def follow(self) -> str:
        """Start it and do what it asks for, to its end; blocks.

        Returns:
            What ended it, for the user; empty where it ended by itself.

        Raises:
            KpstreamError: It cannot be started.
        """
        try:
            if self._link.meet():
                self._begin()
                for message in self._link:
                    self._take(message)
        except BaseException:
            self._child.kill()
            raise
        finally:
            self._leave()
            for _ in self._link:  # the last of one that was ended
                pass
        ending = self._child.wait(_REAPED_WITHIN)
        is_cut_off = not ending and not self._has_said_all
        if ending is None:
            self._child.kill()
            ending = self._child.wait(_REAPED_WITHIN)
        if self._ticks_silent >= _MAX_SILENCE:
            return f"its process gave no sign of life for {_MAX_SILENCE} s and was ended"
        return "messages of its process were lost" if is_cut_off else ending or ""

    def _begin(self) -> None:
        feed, events, link = self._feed, self._events, self._link
        plan = None
        if events is not None:
            arming = self._arming = events.begin(self._spec.rules, self._spec.name)
        if events is not None and self._spec.rules.rules:
            store, recorder = events.store, arming.recorder
            folder = None if store is None else store.folder
            plan = EventsPlan(events.options, folder, recorder is not None and recorder.counts_zones)
        start = Start(
            spec=self._spec,
            settings=self._controls.settings,
            is_recording=self._controls.wants_recording,
            numbers_from=None if feed is None else feed.numbers_to,
            rejected_until=self._share.rejected_until,
            events=plan,
            log_level=_log.getEffectiveLevel(),
            secrets=remembered(),
        )
        try:
            link.send(start)
        except (pickle.PicklingError, AttributeError, TypeError):
            raise KpstreamError("a function of its rules is none that its module defines under that name") from None
        self._controls.connect(link.send)
        if feed is not None:
            feed.connect(lambda form, after: link.send(PictureRequest(form, after)))
        if self._arming is not None:
            self._arming.connect(lambda rules: link.send(ArmedRules(dict(rules))))

    def _leave(self) -> None:
        """Keep nothing of it."""
        if self._feed is not None:
            self._feed.disconnect()
        self._controls.disconnect()
        if self._arming is not None:
            self._arming.disconnect()
            if self._arming.recorder is not None:
                self._end_events(self._arming.recorder)
        self._share.close()
        self._link.close()

    def _take(self, message: Message) -> None:
        self._ticks_silent = 0
        match message:
            case EndpointLimits() | GrantRequest() | RequestEnded() | GrantReleased() | Rejection():
                self._share.take(message)
            case Heartbeat():
                self._on_loaded()
                self._take_beat(message)
            case PictureReply(request, encoded):
                if self._feed is not None:
                    self._feed.answer(request.form, request.after, encoded)
            case ChangeReply():
                self._controls.answer(message)
            case LogLine(level, text):
                _log.log(level, "%s", text)
            case EventUpdate() | ClipWritten() | ZoneCount() | RulesFinished():
                self._record(message)
            case AllWritten():
                self.is_written = True
            case FinalStats(stats):
                self.stats, self._has_said_all = stats, True

    def _take_beat(self, beat: Heartbeat) -> None:
        self.stats = beat.stats
        self._controls.beat(beat)
        if self._feed is not None:
            self._feed.beat(beat.stats, beat.shown, beat.at)

    def _end_events(self, recorder: EventRecorder) -> None:
        """End what a process that died left open."""
        for ending in self._unfinished.endings(recorder.folder):
            if ending.event is not None:
                recorder.record(ending.event, None)
            if ending.size:
                recorder.grow(ending.event_id, ending.size)
        if len(self._unfinished):
            recorder.leave()

    def _record(self, message: EventUpdate | ClipWritten | ZoneCount | RulesFinished) -> None:
        recorder = None if self._arming is None else self._arming.recorder
        if recorder is None:
            return
        match message:
            case EventUpdate(event, snapshot):
                is_shown = snapshot is not None and recorder.may_take_picture()
                recorder.record(event, partial(bytes, snapshot) if is_shown and snapshot is not None else None)
                self._unfinished.note(event)
            case ClipWritten(event_id, size):
                recorder.grow(event_id, size)
                self._unfinished.note_clip(event_id)
            case ZoneCount(zone, number):
                recorder.count(zone, number)
            case RulesFinished():
                recorder.leave()
