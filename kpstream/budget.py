"""How often and how much is asked: which frames are due, how many requests at once, how long to wait after a fault.

Pure: it is told the time and never asks for it.
"""

from __future__ import annotations

import random
from math import ceil, inf, isfinite, isnan, nan
from typing import Protocol

from kpstream.activity import Cells, cells_of, differs
from kpstream.entities import Frame
from kpstream.meters import Percentiles

LIVE_RATE = 5.0
"""Samples per second of video that `live` asks for unless told otherwise."""


HEARTBEAT = 5.0
"""Seconds of video after which a picture at rest is asked about again."""


class Sampling(Protocol):
    """Which frames are worth a request."""

    def due(self, frame: Frame, *, unsure: bool) -> bool:
        """Whether this frame should be sampled now; changes nothing.

        Args:
            frame: The newest one.
            unsure: Whether somebody is drawn whom the last answer did not confirm.
        """

    def taken(self, frame: Frame) -> None:
        """Note that a request went out for this frame."""

    def expected(self, duration: float, frame_rate: float) -> float:
        """How many samples a recorded video will take at most, about; NaN where its length is not known."""


class AtRate:
    """At most ``rate`` samples per second of video, on an even grid.

    A sample that comes late (every request was busy) does not move the grid, so the average stays at the rate.

    Args:
        rate: Samples per second of video; infinite samples every frame.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        """Samples per second of video; may be changed at any time, from any thread."""
        self._last_pts = nan

    def due(self, frame: Frame, *, unsure: bool) -> bool:  # noqa: ARG002 - the Protocol's words
        """Whether no sample was taken yet in this frame's slot of ``1 / rate`` seconds."""
        rate = self.rate
        return rate == inf or isnan(self._last_pts) or _slot(frame.pts, rate) > _slot(self._last_pts, rate)

    def taken(self, frame: Frame) -> None:
        """Close the slot of this frame."""
        self._last_pts = frame.pts

    def expected(self, duration: float, frame_rate: float) -> float:
        """Duration times rate."""
        return ceil(duration * min(self.rate, frame_rate)) if isfinite(duration) and isfinite(frame_rate) else nan


def _slot(pts: float, rate: float) -> int:
    return int(pts * rate + 1e-6)  # a pts of 0.19999 at 5 a second belongs to the slot of 0.2


class Adaptive:
    """At most ``rate`` samples per second of video, and none while the picture stays as it was when last asked about.

    A picture at rest is asked about once a `HEARTBEAT`. What comes, moves or leaves is asked about at once, and
    once more when it came to rest, for then the picture still differs from the last one that was asked about.

    Args:
        rate: The most samples per second of video; infinite allows every frame.
    """

    def __init__(self, rate: float) -> None:
        self._grid = AtRate(rate)
        self._asked: tuple[float, Cells] | None = None
        self._seen: tuple[int, Cells] | None = None

    @property
    def rate(self) -> float:
        """The most samples per second of video; may be changed at any time, from any thread."""
        return self._grid.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._grid.rate = rate

    def due(self, frame: Frame, *, unsure: bool) -> bool:
        """Whether the rate allows it, and the picture has changed or it is time for the heartbeat."""
        if not self._grid.due(frame, unsure=unsure):
            return False
        if self._asked is None or unsure or frame.pts - self._asked[0] >= HEARTBEAT:
            return True
        return differs(self._asked[1], self._cells(frame))

    def taken(self, frame: Frame) -> None:
        """Note what the picture looked like."""
        self._grid.taken(frame)
        self._asked = (frame.pts, self._cells(frame))

    def expected(self, duration: float, frame_rate: float) -> float:
        """As many as if everything moved."""
        return self._grid.expected(duration, frame_rate)

    def _cells(self, frame: Frame) -> Cells:
        if self._seen is None or self._seen[0] != frame.index:
            self._seen = (frame.index, cells_of(frame.image))
        return self._seen[1]


class EveryNth:
    """Every ``step``-th frame of the source, beginning with the first one that is seen."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._next = -1

    def due(self, frame: Frame, *, unsure: bool) -> bool:  # noqa: ARG002
        """Whether the step is over."""
        return frame.index >= self._next

    def taken(self, frame: Frame) -> None:
        """Begin the next step."""
        self._next = frame.index + self._step

    def expected(self, duration: float, frame_rate: float) -> float:
        """One in so many frames."""
        return ceil(duration * frame_rate / self._step) if isfinite(duration) and isfinite(frame_rate) else nan


class InFlight:
    """How many requests at once are worth while, without anybody choosing a number.

    To be answered ``rate`` times a second at a latency of L seconds, ``rate * L`` requests must be under way
    (Little's law); one more covers the jitter. A service that says "too much" halves the number, and
    answers win it back one by one.

    Args:
        rate: Answers per second that are wanted; infinite wants as many as are of use.
        most: Never more than this.
        fixed: A number that the user chose, which nothing changes; None follows the latency.
    """

    UNPACED_RATE = 60.0
    """What 'as fast as possible' means on one machine: more pictures a second are hardly decoded and encoded."""

    def __init__(self, rate: float, most: int, fixed: int | None = None) -> None:
        self.rate = rate
        """Answers per second that are wanted; may be changed at any time, from any thread."""
        self._most = most
        self._fixed = fixed
        self._ceiling = float(most)
        self._halved_at = -inf
        self._latencies = Percentiles(50)

    @property
    def now(self) -> int:
        """The number of requests that may be under way at this moment, at least 1."""
        if self._fixed is not None:
            return self._fixed
        latency = self._latencies.at(0.75)
        wanted = 4 if isnan(latency) else ceil(min(self.rate, self.UNPACED_RATE) * latency * 1.1) + 1
        return max(1, min(wanted, int(self._ceiling)))

    @property
    def latency(self) -> float:
        """Median seconds from sending to answer; NaN before the first answer."""
        return self._latencies.at(0.5)

    def answered(self, latency: float) -> None:
        """Take in the latency of an answer, in seconds."""
        self._latencies.add(latency)
        self._ceiling = min(self._most, self._ceiling + 0.1)

    def refused(self, sent_at: float, now: float) -> None:
        """Take in that the service said 'too much' (429, 503) to a request that was sent at ``sent_at``.

        Requests that were under way when the number was halved say nothing about the half.
        """
        if sent_at >= self._halved_at:
            self._halved_at = now
            self._ceiling = max(1.0, min(self.now, self._ceiling) / 2)


class Spacing:
    """Keeps requests apart, so that no more than ``rate`` a second are sent."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next_at = -inf

    def reserve(self, now: float) -> float:
        """Book the next free moment; seconds to wait until then, 0 for at once."""
        at = max(now, self._next_at)
        self._next_at = at + self._gap
        return at - now


def backoff(attempt: int, retry_after: float | None = None, *, longest: float = 8.0) -> float:
    """Seconds to wait before asking again.

    Doubles from half a second, with jitter on the upper half so that many requests do not come back at once.

    Args:
        attempt: How many times it failed so far, from 1.
        retry_after: The least that the service asked for, in seconds; kept to, up to a minute.
        longest: The most that the doubling leads to.
    """
    pause = min(longest, 0.5 * 2.0 ** (min(attempt, 30) - 1)) * random.uniform(0.5, 1.0)
    return pause if retry_after is None else max(pause, min(retry_after, 60.0) + random.uniform(0, 0.1))
