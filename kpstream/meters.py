"""Rolling rates, and percentiles of ages and latencies. Told the time, never asking for it."""

from __future__ import annotations

from collections import deque
from math import ceil, nan


class Rate:
    """Events per second over the last ``window`` seconds.

    Args:
        window: Seconds that are looked back on.
    """

    def __init__(self, window: float = 3.0) -> None:
        self._window = window
        self._ticks: deque[float] = deque()

    def tick(self, now: float) -> None:
        """Count one event at ``now`` seconds."""
        self._ticks.append(now)
        self._forget(now)

    def per_second(self, now: float) -> float:
        """The rate at ``now``; NaN before two events were seen, 0 once the last ones are too old."""
        had_some = bool(self._ticks)
        self._forget(now)
        if len(self._ticks) < 2:
            return 0.0 if had_some and not self._ticks else nan
        return (len(self._ticks) - 1) / max(1e-9, self._ticks[-1] - self._ticks[0])

    def _forget(self, now: float) -> None:
        while self._ticks and self._ticks[0] < now - self._window:
            self._ticks.popleft()


class Percentiles:
    """Percentiles of the newest ``size`` readings."""

    def __init__(self, size: int = 200) -> None:
        self._readings: deque[float] = deque(maxlen=size)

    def add(self, reading: float) -> None:
        """Take in one reading."""
        self._readings.append(reading)

    def at(self, share: float) -> float:
        """The reading that ``share`` (0 to 1) of all readings do not exceed (nearest rank); NaN before the first."""
        if not self._readings:
            return nan
        ranked = sorted(self._readings)
        return ranked[max(0, ceil(share * len(ranked)) - 1)]
