"""When frames were seen, by the clock on the wall. No clock, no I/O."""

from __future__ import annotations

from math import inf, isnan, nan

_STEP = 0.1
"""Seconds by which the system's clock may go its own way before it is followed."""
_DRIFT = 0.5
"""Seconds by which a camera's time may go its own way before it is corrected."""
_WINDOW = 30.0
"""Seconds in which at least one frame is thought to come without delay."""


class WallClock:
    """Dates the frames of a live source: the system's clock at the first one, and pts from then on.

    So the dates are as even as pts, and a frame that comes late has its own. When the system's clock is set, the dates
    follow it. They are also corrected where pts and arrival drift apart: at once where frames would come before they
    were seen, and after a while where all of them seem to come late.
    """

    def __init__(self) -> None:
        self._zero = nan
        self._offset = nan
        self._window_ends = -inf
        self._least_delay = self._least_delay_before = inf

    def date(self, pts: float, captured_at: float, offset: float) -> float:
        """When a frame was seen, in seconds since the epoch.

        Args:
            pts: Seconds of the source.
            captured_at: When it came, in monotonic seconds.
            offset: What the system's clock is ahead of the monotonic one right now, in seconds.
        """
        if isnan(self._zero):
            self._zero, self._offset = captured_at - pts, offset
        if abs(offset - self._offset) > _STEP:
            self._offset = offset
        self._correct(captured_at - pts, captured_at)
        return pts + self._zero + self._offset

    def _correct(self, delay: float, now: float) -> None:
        if now >= self._window_ends:
            self._window_ends = now + _WINDOW
            self._least_delay_before, self._least_delay = self._least_delay, inf
        self._least_delay = min(self._least_delay, delay)
        least = min(self._least_delay, self._least_delay_before)
        if abs(least - self._zero) > _DRIFT:
            self._zero = least
