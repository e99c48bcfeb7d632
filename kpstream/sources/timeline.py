"""What a stream's own timestamps say, made into seconds that only grow. No clock, no I/O."""

from __future__ import annotations

from math import inf

_SHORTEST_STEP = 0.001
_MAX_DRIFT = 10.0
"""Seconds by which timestamps that grow may drift from any other clock; more than a connection can hold back."""


class Timeline:
    """Turns the timestamps of one source into pts: 0.0 for its first picture, growing from then on.

    Timestamps are believed as long as they grow. Where they are missing, jump back, run far ahead or fall far behind
    (the camera set its clock, the server was restarted), the pts follow ``otherwise`` for one picture and count on
    from there, so that a recording plays in its true time.

    Args:
        zero: The timestamp of pts 0.0; by default the first one.
        max_jump: Seconds that a timestamp may run ahead of ``otherwise`` and still be believed; infinite for recorded
            video, whose pauses are true.
    """

    def __init__(self, zero: float | None = None, *, max_jump: float = inf) -> None:
        self._max_jump = max_jump
        self._offset = None if zero is None else -zero
        self._last: float | None = None

    @property
    def last(self) -> float | None:
        """The newest pts; None before the first picture."""
        return self._last

    def pts(self, stamp: float | None, otherwise: float) -> float:
        """The pts of the next picture, in seconds.

        Args:
            stamp: Its own timestamp, in seconds of any origin; None where it has none.
            otherwise: What its pts should be by any other clock, to be used where the timestamp is of no use.
        """
        pts = self._believed(stamp, otherwise)
        if pts is None:
            pts = 0.0 if self._last is None else max(self._last + _SHORTEST_STEP, otherwise)
            self._offset = None if stamp is None else pts - stamp
        self._last = pts
        return pts

    def _believed(self, stamp: float | None, otherwise: float) -> float | None:
        if stamp is None or self._offset is None:
            return None
        pts = stamp + self._offset
        if self._last is None:
            return pts
        drift = max(self._max_jump, _MAX_DRIFT)
        latest = min(max(self._last, otherwise) + self._max_jump, otherwise + drift)
        return pts if self._last < pts and otherwise - drift <= pts <= latest else None
