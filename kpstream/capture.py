"""The threads that read the source.

A recorded source is read as fast as frames are taken. From a live source the newest frame wins, and when it is
lost it is opened again, for ever, at most a second apart.

A read may never return: drivers hang, and a server may hold a connection open and say nothing. So a second thread looks
after a camera. One that has been silent for too long is left to the thread that is stuck in it, and its successor
is opened in a new one.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from math import inf

from kpstream.channel import Channel, Closed, Deadline
from kpstream.entities import Frame
from kpstream.errors import SourceError, SourceReadError
from kpstream.interfaces import Camera, Source
from kpstream.memory import give_back
from kpstream.standstill import Standstill

READ_AHEAD = 4
"""Frames of recorded video that are decoded before they are asked for: enough to keep both sides busy."""
_SHORTEST_PAUSE = 0.1
_LONGEST_PAUSE = 0.9
_GLANCE = 0.1
"""Seconds between two looks at whether the camera is silent."""
_OPENS_WITHIN = 20.0
"""Seconds from opening to the first picture: two timeouts to connect, and ten for a camera's next key picture."""
_MAX_LEFT = 4
"""Reads that never returned, at once: each keeps a thread and a connection, so there are no more than a few."""

_log = logging.getLogger("kpstream")


class _Turn:
    """One thread's time with one source.

    Args:
        source: What it reads, and closes.
        lost: Whether it has to be opened again first.
        now: Seconds.
    """

    def __init__(self, source: Source, now: float, *, lost: bool) -> None:
        self.source = source
        self.lost = lost
        """Whether it was lost, and no picture has come since."""
        self.flows = False
        """Whether pictures come, so that the next one is due soon."""
        self.waits_since = now
        """When it began to wait for what it waits for: that it opens, or the next picture."""
        self.thread: threading.Thread | None = None


class Capture:
    """Reads a source on its own thread, and a camera under the eyes of another.

    Args:
        source: An open source; from `start` on only the threads touch it, and close it.
        clock: Monotonic seconds.
    """

    def __init__(self, source: Source, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._name = source.name
        self._is_live = source.is_live
        self._patience = source.patience if isinstance(source, Camera) else inf
        self._lock = threading.Lock()
        self._turn = _Turn(source, clock(), lost=False)
        self._left: list[_Turn] = []
        self._watch = threading.Thread(target=self._look_after, name="kpstream-watch", daemon=True)
        self._standstill = Standstill()
        self._picture_at = clock()
        self._fault = ""
        self.frames: Channel[Frame] = Channel(1, drop_oldest=True) if self._is_live else Channel(READ_AHEAD)
        """The frames; closed at the end of the source, or with the error that ended it."""
        self.reconnects = 0
        """How many times a live source was lost and came back."""

    @property
    def trouble(self) -> str:
        """What is wrong with the source right now, in words; empty while frames come."""
        silent, fault, lost = self._clock() - self._picture_at, self._fault, self._turn.lost
        if fault and silent < 1:
            return f"{fault} - trying again"
        if fault or silent > self._patience:
            trying = ", trying again" if lost else ""
            return f"camera silent for {silent:.0f} s{trying}{': ' if fault else ''}{fault}"
        return ""

    def start(self) -> None:
        """Begin to read."""
        self._picture_at = self._clock()
        self._begin(self._turn)
        if self._patience < inf:
            self._watch.start()

    def close(self, deadline: Deadline) -> None:
        """Stop reading and release the source; waits for the threads until the deadline. Idempotent."""
        self.frames.close()
        with self._lock:
            thread = self._turn.thread
        if thread is None:
            self._turn.source.close()
            return
        thread.join(deadline.remaining())
        if self._watch.ident is not None:
            self._watch.join(deadline.remaining())

    def _begin(self, turn: _Turn) -> None:
        turn.waits_since = self._clock()
        turn.thread = threading.Thread(target=self._run, args=(turn,), name="kpstream-capture", daemon=True)
        turn.thread.start()

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
            turn.source.close()
        finally:
            with self._lock:
                if turn is self._turn:
                    self.frames.close(error)

    def _read(self, turn: _Turn) -> Frame | None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                turn.waits_since = self._clock()
                if turn.lost:
                    turn.source.reopen()
                frame = turn.source.read()
                if frame is not None and self._patience < inf:
                    self._see_it_move(turn, frame)
            except SourceError as error:
                if not self._is_live:
                    raise
                self._lose(turn, str(error))
                give_back()  # a lost camera leaves a decoder and its pictures behind, and now nobody waits
            else:
                return frame
            if self.frames.wait_closed(pause * random.uniform(0.8, 1.0)):
                raise Closed
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _see_it_move(self, turn: _Turn, frame: Frame) -> None:
        with self._lock:
            self._must_be_on(turn)
            believed, now = self._standstill.believed, self._clock()
            if self._standstill.lasts(frame.image, now):
                self._standstill.try_again(now)
                raise SourceReadError(f"{self._name} shows one and the same picture")
        if self._standstill.believed and not believed:
            _log.warning("%s stands still, also after it was opened again: taken for what the camera sees", self._name)

    def _hand_over(self, turn: _Turn, frame: Frame) -> None:
        with self._lock:
            self._must_be_on(turn)
            # Only a picture shows that the source is back: some open, and then give nothing.
            self.reconnects += turn.lost
            turn.lost, turn.flows, self._fault = False, True, ""
            self._picture_at = turn.waits_since = self._clock()
            self.frames.put(frame)  # of a live source it never waits; of a recorded one nobody else wants the lock

    def _lose(self, turn: _Turn, fault: str) -> None:
        with self._lock:
            self._must_be_on(turn)
            turn.lost, turn.flows, self._fault = True, False, fault
            self._standstill.forget()

    def _must_be_on(self, turn: _Turn) -> None:
        if turn is not self._turn:
            raise Closed  # what was silent came back too late: another one is in its place

    def _look_after(self) -> None:
        while not self.frames.wait_closed(_GLANCE):
            turn = self._turn
            limit = self._patience if turn.flows else max(_OPENS_WITHIN, 4 * self._patience)
            self._left = [left for left in self._left if left.thread is not None and left.thread.is_alive()]
            if self._clock() - turn.waits_since > limit and len(self._left) < _MAX_LEFT:
                self._replace(turn)

    def _replace(self, silent: _Turn) -> None:
        """Put a new source and a new thread in the place of those that do not come back."""
        with self._lock:
            if self.frames.closed or not isinstance(silent.source, Camera):
                return
            self._left.append(silent)
            self._turn = turn = _Turn(silent.source.successor(), self._clock(), lost=True)
            self._standstill.forget()
            self._begin(turn)

    def __repr__(self) -> str:
        return f"<Capture of {self._name}: {self.frames!r}, {self.reconnects} reconnects>"
