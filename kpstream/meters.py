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
        self._ticks: deque[tuple[float, int]] = deque()
        self._total = 0

    def tick(self, now: float, events: int = 1) -> None:
        """Count events that ended at ``now`` seconds."""
        self._total += events
        self._ticks.append((now, self._total))
        self._forget(now)

    def per_second(self, now: float) -> float:
        """The rate at ``now``; NaN before two ticks were seen, 0 once the last ones are too old."""
        self._forget(now)
        if len(self._ticks) < 2:
            return 0.0 if self._total > 1 else nan
        (since, before), (until, after) = self._ticks[0], self._ticks[-1]
        return (after - before) / max(1e-9, until - since)

    def _forget(self, now: float) -> None:
        while self._ticks and self._ticks[0][0] < now - self._window:
            self._ticks.popleft()


class Percentiles:
    """Percentiles of the newest ``size`` readings."""

    def __init__(self, size: int = 200) -> None:
        self._readings: deque[float] = deque(maxlen=size)
        self._ranked: list[float] | None = []  # the same in order; None until somebody asks

    def add(self, reading: float) -> None:
        """Take in one reading."""
        self._readings.append(reading)
        self._ranked = None

    def at(self, share: float) -> float:
        """The reading that ``share`` (0 to 1) of all readings do not exceed (nearest rank); NaN before the first."""
        ranked = self._ranked
        if ranked is None:
            ranked = self._ranked = sorted(self._readings)
        return ranked[max(0, ceil(share * len(ranked)) - 1)] if ranked else nan
