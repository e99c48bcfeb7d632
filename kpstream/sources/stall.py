"""How long a live source may be silent before it is taken for lost. No clock, no I/O."""

from __future__ import annotations

from collections import deque
from math import isnan, nan

_SHORTEST = 3.0
"""Seconds that every camera may be silent."""
_LONGEST = 120.0
_UNKNOWN = 20.0
"""Seconds that a camera may be silent whose own pace nobody knows yet."""
_INTERVALS = 3.0
"""How many of its own intervals a camera may be silent."""
_REMEMBERED = 8


class StallTimeout:
    """Learns from the intervals of a stream how long it may be silent.

    Args:
        fixed: Seconds, where the user knows better; None learns them.
    """

    def __init__(self, fixed: float | None = None) -> None:
        self._fixed = fixed
        self._intervals: deque[float] = deque(maxlen=_REMEMBERED)
        self._last_at = nan

    def came(self, now: float) -> None:
        """Note that a picture came.

        Args:
            now: Seconds of any clock that only grows.
        """
        if not isnan(self._last_at):
            self._intervals.append(now - self._last_at)
        self._last_at = now

    @property
    def seconds(self) -> float:
        """How long it may be silent."""
        if self._fixed is not None:
            return self._fixed
        if len(self._intervals) < 2:
            return _UNKNOWN
        return min(_LONGEST, max(_SHORTEST, _INTERVALS * max(self._intervals)))
