"""Recorded video, played as if it came from a camera."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf, isnan, nan
from typing import Protocol

from kpstream.entities import Frame
from kpstream.interfaces import Decimating, Opener, Source

_MAX_WAIT = 3.0
"""Seconds for which one picture may stand; then the next comes early, so that reading never blocks for long."""
_USUAL_INTERVAL = 0.04
_NEXT = 1e-3
"""Seconds after a frame that are before the next one."""
_MAX_CATCH_UP = 0.25
"""Seconds to spend on pictures that are too late. A machine that cannot keep up plays slowly, but it plays."""


class Recorded(Source, Protocol):
    """A source that can be opened a second time, at any place."""

    def again(self, at: float | None = None) -> Recorded:
        """Open another one that stands before the first frame at or after ``at``; by default where this one started.

        Raises:
            SourceOpenError: It is gone.
        """


class Paced:
    """Gives each frame of a recorded source when it is due. A reader that comes late finds the newest that is due.

    Args:
        source: What is played; this object reads and closes it.
        loop: Begin again at the end, for ever; index and pts run on.
        clock: Seconds that only grow.
        sleep: Waits for so many seconds of that clock.
    """

    is_live = True
    stall_timeout = inf
    """Nobody watches it: a picture of a film may stand."""

    def __init__(
        self,
        source: Recorded,
        *,
        loop: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = source.name
        self.frame_rate = source.frame_rate
        self.opener = Opener(self.name, self._resumed)
        """Opens the file anew where it was lost."""
        self._source = source
        self._loop = loop
        self._clock = clock
        self._sleep = sleep
        self._is_closed = False
        self._ahead: Frame | None = None
        self._last: Frame | None = None
        self._shift = 0, 0.0
        self._interval = _USUAL_INTERVAL if isnan(source.frame_rate) else 1 / source.frame_rate
        self._started_at = nan
        self._max_fps = inf

    def read(self) -> Frame | None:
        """Block until the next frame is due, for at most three seconds; None at the end.

        Frames whose successor is due already are left out, which the gap in the index shows, and `Frame.overrun`.

        Raises:
            SourceReadError: The disk or the server failed.
            SourceOpenError: It is gone, and is to begin again.
        """
        frame, self._ahead = self._ahead or self._take(), None
        if frame is None:
            return None
        late, overrun = self._late(frame), 0
        if late > 0:
            frame, overrun = self._newest_due(frame)
        else:
            self._sleep(min(-late, _MAX_WAIT))
            if -late > _MAX_WAIT:
                self._is_due_now(frame)
        return replace(frame, captured_at=self._clock(), overrun=overrun)

    def decimate(self, max_fps: float) -> bool:
        """Let the source give fewer frames; False where it cannot."""
        self._max_fps = max_fps
        return isinstance(self._source, Decimating) and self._source.decimate(max_fps)

    def close(self) -> None:
        """Close the source. Idempotent; for the thread that reads."""
        self._ahead = None
        self._is_closed = True
        self._source.close()

    def _resumed(self) -> Paced:
        """Another one in the place of this one, which stands behind the last frame of this one."""
        source = self._source.again(None if self._last is None else self._last.pts - self._shift[1] + _NEXT)
        return Paced(source, loop=self._loop, clock=self._clock, sleep=self._sleep)

    def _take(self) -> Frame | None:
        """The next frame of the source, or of its next round."""
        frame = self._source.read()
        if frame is None and self._loop and not self._is_closed:
            self._source.close()
            self._source = self._source.again()
            if self._max_fps < inf:
                self.decimate(self._max_fps)
            frame = self._source.read()
            if frame is not None and self._last is not None:
                self._shift = self._last.index + 1 - frame.index, self._last.pts + self._interval - frame.pts
        if frame is None:
            return None
        index_shift, pts_shift = self._shift
        if index_shift or pts_shift:
            frame = replace(frame, index=frame.index + index_shift, pts=frame.pts + pts_shift)
        if self._last is not None:
            self._interval = frame.pts - self._last.pts
        self._last = frame
        return frame

    def _late(self, frame: Frame) -> float:
        """Seconds since this frame was due; negative when it is not yet."""
        if isnan(self._started_at):
            self._is_due_now(frame)
        return self._clock() - (self._started_at + frame.pts)

    def _is_due_now(self, frame: Frame) -> None:
        self._started_at = self._clock() - frame.pts

    def _newest_due(self, frame: Frame) -> tuple[Frame, int]:
        """The last frame that is due already, and how many were before it; keeps the one after it for the next call."""
        give_up_at, overrun = self._clock() + _MAX_CATCH_UP, 0
        while (follower := self._take()) is not None:
            if self._late(follower) < 0:
                self._ahead = follower
                break
            frame = follower
            overrun += 1
            if self._clock() > give_up_at:
                self._is_due_now(frame)
                break
        return frame, overrun

    def __repr__(self) -> str:
        return f"<Paced {self._source!r}{', looped' if self._loop else ''}>"
