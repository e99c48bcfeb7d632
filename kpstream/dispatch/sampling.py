"""Decides which frames are worth a request. Pure: the time is the frames' pts."""

from __future__ import annotations

from math import ceil, inf, isfinite, isnan, nan
from typing import Protocol

from kpstream.dispatch.change import ChangeDetector
from kpstream.entities import Frame
from kpstream.options import RequestOptions

LIVE_RATE = 5.0
"""Samples per second of video of a live view, where the user names no rate."""

HEARTBEAT = 5.0
"""Seconds of video after which `Adaptive` samples a picture that has not changed."""

_SPARED = 0.8
"""The share of its samples that a full machine takes. Source: four a second for five, on three clips, 17 and 12 frames
a second shown and answers 0.4 s late, 10 shown and 0.7 s late: the error of what is drawn changes by -2 to +2 %, and by
nothing in the mean."""
_FEW, _ENOUGH = 4, 5
"""Frames that are shown for each sample; with fewer than few, more than a fifth of the time goes into answers. A rate
that fell rises again where there would be enough: or it would go to and fro, and samples come unevenly."""


def rate_when_full(rate: float, shown_fps: float, last: float) -> float:
    """Samples per second of video where the machine shows fewer frames than are asked for.

    An answer costs about as much as a frame: it is asked for, read, and brought through all pictures since its own. So
    a little fewer answers leave time for more frames.

    Args:
        rate: Samples per second that are wanted.
        shown_fps: Frames per second that are shown; NaN where nobody knows.
        last: Samples per second so far.
    """
    needed = _FEW if last >= rate else _ENOUGH
    return _SPARED * rate if shown_fps < needed * rate else rate


class Sampling(Protocol):
    """Decides which frames are worth a request."""

    def due(self, frame: Frame, *, unsure: bool) -> bool:
        """Whether this frame should be sampled now; changes nothing.

        Args:
            frame: The newest one.
            unsure: Whether a pose is drawn that the last answer did not confirm.
        """

    def taken(self, frame: Frame) -> None:
        """Note that a request was sent for this frame."""

    def expected(self, duration: float, frame_rate: float) -> float:
        """About how many samples a recorded video takes at most; NaN where its length is not known.

        Args:
            duration: Seconds; NaN where it is not known.
            frame_rate: Frames per second; NaN where it is not known.
        """


class FixedRate:
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
    """At most ``rate`` samples per second of video, and none while the picture stays as it was at the last sample.

    A picture that does not change is sampled once a `HEARTBEAT`. A change is sampled at once, and once more when it has
    ended, for then the picture still differs from the last sample.

    Args:
        rate: The most samples per second of video; infinite allows every frame.
    """

    def __init__(self, rate: float) -> None:
        self._grid = FixedRate(rate)
        self._change = ChangeDetector()  # since the last sample
        self._last_pts = -inf

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
        return unsure or frame.pts - self._last_pts >= HEARTBEAT or self._change.has_changed(frame)

    def taken(self, frame: Frame) -> None:
        """Make this frame the one that later frames are compared with."""
        self._grid.taken(frame)
        self._last_pts = frame.pts
        self._change.keep(frame)

    def expected(self, duration: float, frame_rate: float) -> float:
        """As many as if everything moved."""
        return self._grid.expected(duration, frame_rate)


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


def make_sampling(requests: RequestOptions) -> FixedRate | Adaptive:
    """Which frames are asked about, as options say."""
    return FixedRate(requests.max_rate) if requests.sampling == "steady" else Adaptive(requests.max_rate)
