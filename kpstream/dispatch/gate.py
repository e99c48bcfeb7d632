"""How many requests may be out at once, and how close they may follow each other.

Pure: it is told the time and never asks for it.
"""

from __future__ import annotations

from math import ceil, inf, isnan

from kpstream.meters import Percentiles


class ConcurrencyLimit:
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


class RateLimiter:
    """Keeps requests apart, so that no more than ``rate`` a second are sent."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next_at = -inf

    def reserve(self, now: float) -> float:
        """Book the next free moment; seconds to wait until then, 0 for at once."""
        at = max(now, self._next_at)
        self._next_at = at + self._gap
        return at - now
