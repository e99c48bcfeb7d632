"""The threads that read the source.

A recorded source is read as fast as frames are taken. From a live source the newest frame wins, and when it is
lost it is opened again, for ever, at most a second apart. It is asked for no more frames than are wanted, and than the
machine can show.

A read may never return: drivers hang, and a server may hold a connection open and say nothing. So a second thread
watches a camera. One that has been silent for too long is left to the thread that is stuck in it, and another one is
opened in a new thread. A source itself never comes back: here alone another one takes its place, and its frames go on
where those of the one before ended.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from math import inf

from kpstream.channel import Channel, Closed, Deadline
from kpstream.entities import Frame
from kpstream.errors import SourceError, SourceReadError
from kpstream.interfaces import Decimating, Opener, Reopenable, Source
from kpstream.media.decimation import Decimation
from kpstream.pipeline.damage import DamageShield
from kpstream.pipeline.freeze import FreezeDetector
from kpstream.pipeline.load_shedding import LoadShedding
from kpstream.pipeline.memory import trim_heaps
from kpstream.pipeline.splice import Splice
from kpstream.pipeline.wall_clock import WallClock

READ_AHEAD = 4
"""Frames of recorded video that are decoded before they are asked for: enough to keep both sides busy."""
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 0.9
_WATCH_INTERVAL = 0.25
"""Seconds between two checks whether the camera is silent."""
_OPENS_WITHIN = 20.0
"""Seconds from opening to the first picture: two timeouts to connect, and ten for a camera's next key picture."""
_LONGEST_STALL_TIMEOUT = 15.0
"""Seconds that a source which was never open may be silent: as long as the most patient kind."""
_MAX_LEFT = 4
"""Reads that never returned, at once: each keeps a thread and a connection, so there are no more than a few."""

_log = logging.getLogger("kpstream")


class _Turn:
    """One thread's time with a source, and with those that it opens after it.

    Args:
        source: An open source, or None where the thread has to open one first.
        opener: Opens one; None where none can be opened.
        stall_timeout: Seconds without a picture after which the source is taken for lost, until it says so itself.
        now: Seconds.
        max_fps: Frames a second that are wanted; infinite wants all.
        lost: Whether a source was lost before this turn.
    """

    def __init__(
        self,
        source: Source | None,
        opener: Opener | None,
        stall_timeout: float,
        now: float,
        *,
        max_fps: float,
        lost: bool,
    ) -> None:
        self.source = source
        self.lost = lost
        """Whether a source was lost, and no picture has come since."""
        self.is_new = True
        """Whether no picture of the source has come yet."""
        self.waits_since = now
        """When it began to wait for what it waits for: that a source opens, or the next picture."""
        self.thread: threading.Thread | None = None
        self._opener = opener
        self._stall_timeout = stall_timeout
        self._max_fps = max_fps
        self._decimation = Decimation()  # where the source has none of its own
        if source is not None and max_fps < inf:
            self._decimate(source)

    @property
    def stall_timeout(self) -> float:
        """Seconds without a picture after which the source is taken for lost; a source may learn them."""
        source = self.source
        return (self._stall_timeout if source is None else source.stall_timeout) + 1 / self._max_fps

    @property
    def opener(self) -> Opener | None:
        """Opens another one in the place of the source."""
        source = self.source  # another thread may be losing it
        own = source.opener if isinstance(source, Reopenable) else None
        return own or self._opener

    @property
    def limit(self) -> float:
        """Seconds that it may wait for what it waits for."""
        return max(_OPENS_WITHIN, 4 * self.stall_timeout) if self.is_new else self.stall_timeout

    def read(self) -> Frame | None:
        """Block for the next frame of the source, which is opened first where there is none."""
        if self.source is None:
            assert self._opener is not None
            self.source = self._opener.open()
            if self._max_fps < inf:
                self._decimate(self.source)
        while (frame := self.source.read()) is not None and not self._decimation.wants(frame.captured_at):
            pass
        return frame

    def decimate(self, max_fps: float) -> None:
        """Take at most so many frames a second from now on, of this source and of those that come after it."""
        if max_fps != self._max_fps:
            self._max_fps = max_fps
            if self.source is not None:
                self._decimate(self.source)

    def _decimate(self, source: Source) -> None:
        by_itself = isinstance(source, Decimating) and source.decimate(self._max_fps)
        self._decimation.max_fps = inf if by_itself else self._max_fps

    def lose(self) -> None:
        """Close the source; the next `read` opens another one."""
        self._opener = self.opener
        if self.source is not None:
            self._stall_timeout = self.source.stall_timeout
        self.close()
        self.source, self.lost, self.is_new = None, True, True

    def close(self) -> None:
        """Close the source."""
        if self.source is not None:
            self.source.close()


class Capture:
    """Reads a source on its own thread, and watches a live one from another.

    Args:
        source: An open source; from `start` on only the threads touch it, and close it. Or what opens a live one: then
            the first one is opened by the thread, too. A lost source that is `Reopenable` tells itself how another
            one is opened.
        max_fps: Frames a second that are wanted of a live source; infinite wants all.
        busy: Seconds that whoever takes the frames has spent on them so far.
        clock: Monotonic seconds.
        wall_clock: Seconds since the epoch; frames of a live source are dated by it.
    """

    def __init__(
        self,
        source: Source | Opener,
        *,
        max_fps: float = inf,
        busy: Callable[[], float] = lambda: 0.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        first, opener = (None, source) if isinstance(source, Opener) else (source, None)
        self.name = source.name
        """What the source is called before users, whichever one is open."""
        self.is_live = first is None or first.is_live
        """Whether the newest frame wins."""
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._load = LoadShedding(max_fps)
        self._busy = busy
        self._wanted = self._overrun = 0
        self._turn = _Turn(first, opener, _LONGEST_STALL_TIMEOUT, clock(), max_fps=self._accepted_fps, lost=False)
        self._left: list[_Turn] = []
        self._watcher = threading.Thread(target=self._watch, name="kpstream-watch", daemon=True)
        self._freeze = FreezeDetector()
        self._shield = DamageShield()
        self._splice = Splice()
        self._dates = WallClock()
        self._picture_at = clock()
        self._fault = ""
        self.frames: Channel[Frame] = Channel(1, drop_oldest=True) if self.is_live else Channel(READ_AHEAD)
        """The frames; closed at the end of the source, or with the error that ended it."""
        self.reconnects = 0
        """How many times a live source was lost and came back."""
        self.damaged = 0
        """How many pictures arrived damaged, or could not be decoded."""

    @property
    def trouble(self) -> str:
        """What is wrong with the source right now, in words; empty while frames come."""
        silent, fault, turn = self._clock() - self._picture_at, self._fault, self._turn
        if fault and silent < 1:
            return f"{fault} - trying again"
        if fault or silent > turn.stall_timeout:
            trying = ", trying again" if turn.lost else ""
            return f"camera silent for {silent:.0f} s{trying}{': ' if fault else ''}{fault}"
        return ""

    @property
    def picture_trouble(self) -> str:
        """What is wrong with the pictures that come, in words; empty while they are whole."""
        return self._shield.trouble

    @property
    def asked_fps(self) -> float:
        """Frames a second that a live source is to show, of late; NaN where nobody knows yet."""
        return self._load.asked_fps

    @property
    def machine_trouble(self) -> str:
        """What the machine cannot show, in words; empty while it shows what is asked."""
        return "" if self.trouble else self._load.trouble

    def start(self) -> None:
        """Begin to read."""
        self._picture_at = self._clock()
        self._begin(self._turn)
        if self._turn.opener is not None and self._turn.stall_timeout < inf:
            self._watcher.start()

    def close(self, deadline: Deadline) -> None:
        """Stop reading and release the source; waits for the threads until the deadline. Idempotent."""
        self.frames.close()
        with self._lock:
            thread = self._turn.thread
        if thread is None:
            self._turn.close()
            return
        thread.join(deadline.remaining())
        if self._watcher.ident is not None:
            self._watcher.join(deadline.remaining())

    def _begin(self, turn: _Turn) -> None:
        turn.waits_since = self._clock()
        turn.thread = threading.Thread(target=self._run, args=(turn,), name="kpstream-capture", daemon=True)
        try:
            turn.thread.start()
        except RuntimeError:  # no more are allowed
            turn.thread = None
            raise

    def _run(self, turn: _Turn) -> None:
        error: BaseException | None = None
        try:
            while (frame := self._read(turn)) is not None:
                self._hand_over(turn, frame)
        except Closed:
            pass
        except BaseException as caught:  # noqa: BLE001 - it is raised again in the thread that reads the channel
            error = caught
        try:
            turn.close()
        finally:
            with self._lock:
                if turn is self._turn:
                    self.frames.close(error)

    def _read(self, turn: _Turn) -> Frame | None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                self._check_still_current(turn)
                turn.waits_since = self._clock()
                frame = turn.read()
                if frame is not None and not frame.is_damaged and turn.stall_timeout < inf:
                    self._check_it_moves(turn, frame)
            except SourceError as error:
                if turn.opener is None:
                    raise
                self._lose(turn, str(error))
                trim_heaps()  # a lost camera leaves a decoder and its pictures behind, and now nobody waits
            else:
                return frame
            if self.frames.wait_closed(pause * random.uniform(0.8, 1.0)):
                raise Closed
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _check_it_moves(self, turn: _Turn, frame: Frame) -> None:
        with self._lock:
            self._check_still_current(turn)
            accepted, now = self._freeze.accepted_as_still, self._clock()
            if self._freeze.is_frozen(frame.picture, now):
                self._freeze.try_again(now)
                raise SourceReadError(f"{self.name} shows one and the same picture")
        if self._freeze.accepted_as_still and not accepted:
            _log.warning("%s stands still, also after it was opened again: taken for what the camera sees", self.name)

    def _hand_over(self, turn: _Turn, frame: Frame) -> None:
        with self._lock:
            self._check_still_current(turn)
            if turn.is_new:
                self._splice.cut()
            # Only a picture shows that the source is back: some open, and then give nothing.
            self.reconnects += turn.lost
            turn.lost, turn.is_new, self._fault = False, False, ""
            self._picture_at = turn.waits_since = self._clock()
            self.damaged += frame.is_damaged + frame.undecoded
            if self.is_live:
                frame = self._shield.shield(frame, self._picture_at)
            frame = self._dated(self._splice.join(frame))
            # Of a live source it never waits; of a recorded one nobody else wants the lock.
            self.frames.put(frame)
            self._shed_load(turn, frame)

    def _shed_load(self, turn: _Turn, frame: Frame) -> None:
        """Take no more frames from a live source than the machine shows."""
        self._wanted += 1 + frame.overrun
        self._overrun += frame.overrun
        if self.is_live:
            dropped = self._overrun + self.frames.dropped
            self._load.update(self._picture_at, frame.index + 1, self._wanted, dropped, self._busy())
            turn.decimate(self._accepted_fps)

    @property
    def _accepted_fps(self) -> float:
        return self._load.max_fps if self.is_live else inf

    def _dated(self, frame: Frame) -> Frame:
        if not self.is_live:
            return frame
        offset = self._wall_clock() - self._clock()
        return replace(frame, captured_wall=self._dates.date(frame.pts, frame.captured_at, offset))

    def _lose(self, turn: _Turn, fault: str) -> None:
        with self._lock:
            self._check_still_current(turn)
            self._fault = fault
            self._freeze.forget()
        turn.lose()

    def _check_still_current(self, turn: _Turn) -> None:
        if turn is not self._turn:
            raise Closed  # what was silent came back too late: another one is in its place

    def _watch(self) -> None:
        while not self.frames.wait_closed(_WATCH_INTERVAL):
            turn = self._turn
            self._left = [left for left in self._left if left.thread is not None and left.thread.is_alive()]
            if self._clock() - turn.waits_since > turn.limit and len(self._left) < _MAX_LEFT:
                self._replace(turn)

    def _replace(self, silent: _Turn) -> None:
        """Let a new thread open a source in the place of the one that does not come back."""
        with self._lock:
            if self.frames.closed:
                return
            self._left.append(silent)
            self._turn = turn = _Turn(
                None, silent.opener, silent.stall_timeout, self._clock(), max_fps=self._accepted_fps, lost=True
            )
            self._freeze.forget()
            self._begin(turn)

    def __repr__(self) -> str:
        return f"<Capture of {self.name}: {self.frames!r}, {self.reconnects} reconnects>"
