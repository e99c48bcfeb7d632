"""The source's seconds as the whole numbers that a video file counts time by."""

from __future__ import annotations

from math import isfinite

TICKS = 90_000
"""Time stamps a second: 30, 25, 24 and 30000/1001 frames a second all fall on whole ones."""
_MAX_GAP = 6 * 3600 * TICKS
"""How long one picture may stand: MP4 counts it in 31 bits."""
_MAX_STEP_BACK = 1 * TICKS


class Timeline:
    """The pts of frames as ticks of the file: 0 for the first frame, then strictly forward.

    Args:
        interval: Ticks from frame to frame, as long as nothing better is known.
    """

    def __init__(self, interval: int) -> None:
        self._expected = interval
        self._zero = 0.0
        self._last: int | None = None
        self._intervals: tuple[int, ...] = ()

    @property
    def interval(self) -> int:
        """Ticks that the newest frame is shown for.

        The shorter of the last two steps: a picture after an outage does not stand as long as the outage.
        """
        return min(self._intervals, default=self._expected)

    @property
    def end(self) -> int:
        """Ticks at which the newest frame ends."""
        return 0 if self._last is None else self._last + self.interval

    def place(self, pts: float) -> int | None:
        """Where a frame belongs; None where there is no place for it, as time stands still or goes back a little.

        After a clock that jumped far, in either direction, the file goes on as if it had not.

        Args:
            pts: Seconds.
        """
        if not isfinite(pts):
            return None
        if self._last is None:
            self._zero, self._last = pts, 0
            return 0
        exact = (pts - self._zero) * TICKS
        if self._last - _MAX_STEP_BACK <= exact <= self._last + _MAX_GAP:
            ticks = round(exact)
        else:
            ticks = self.end
            self._zero = pts - ticks / TICKS
        if ticks <= self._last:
            return None
        self._intervals = (*self._intervals[-1:], ticks - self._last)
        self._last = ticks
        return ticks
