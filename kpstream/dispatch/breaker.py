"""When a live view may ask the endpoint: a circuit breaker that is told the time and never asks for it.

While the endpoint answers, as many requests go out as are of use. After several in a row that failed, or are so late
that they will, only a probe goes out every half a second, whatever else is still under way; the first answer ends that.
So no request waits behind those that are stuck, and an endpoint that is back is noticed half a second later.
"""

from __future__ import annotations

from math import inf, isnan

from kpstream.meters import Percentiles

_FAILURES = 5
"""In a row: of an endpoint that fails every third request, one run of five in 240 fails as a whole."""
_PROBE_GAP = 0.5
_MAX_WAIT = 60.0
"""The longest Retry-After that is kept to, in seconds."""
_MAX_OPEN = 64
"""Requests without an end, at once: each has a thread and a connection of its own."""
_SOON = 1.0
_FIRST = 3.0
"""Seconds that a model may take to be loaded, before it first answers."""


class CircuitBreaker:
    """Says whether a request may go out now. Each request has a number, and ends with `answered` or `failed`."""

    def __init__(self) -> None:
        self._sent: dict[int, float] = {}
        self._late: set[int] = set()  # of those sent: counted as failed already
        self._latencies = Percentiles(20)
        self._failures = 0
        self._last_sent_at = -inf
        self._not_before = -inf

    @property
    def is_open(self) -> bool:
        """Whether only probes go out."""
        return self._failures >= _FAILURES

    def allows(self, limit: int, now: float) -> bool:
        """Whether a request may go out.

        Args:
            limit: How many at once are of use; those that are late do not count.
            now: Seconds.
        """
        self._look(now)
        if len(self._sent) >= _MAX_OPEN:
            return False
        if self.is_open:
            return now >= max(self._last_sent_at + _PROBE_GAP, self._not_before)
        return len(self._sent) - len(self._late) < limit

    def wait(self, now: float) -> float:
        """Seconds for which the service itself asked to be left alone; 0 where it did not."""
        return max(0.0, self._not_before - now) if self.is_open else 0.0

    def silence(self, now: float) -> float:
        """Seconds since the oldest request that is late was sent; 0 while none is."""
        self._look(now)
        return max((now - self._sent[number] for number in self._late), default=0.0)

    def sent(self, number: int, now: float) -> None:
        """Note that a request went out."""
        self._sent[number] = self._last_sent_at = now

    def answered(self, number: int, now: float) -> None:
        """Note an answer: all is well, whatever was before."""
        self._latencies.add(now - self._sent.pop(number))
        self._late.discard(number)
        self._failures, self._not_before = 0, -inf

    def failed(self, number: int, now: float, retry_after: float | None = None) -> None:
        """Note that a request ended without an answer.

        Args:
            number: Which one.
            now: Seconds.
            retry_after: Seconds that the service asked to wait, where it did.
        """
        del self._sent[number]
        self._failures += number not in self._late
        self._late.discard(number)
        if retry_after is not None:
            self._not_before = max(self._not_before, now + min(retry_after, _MAX_WAIT))

    def _look(self, now: float) -> None:
        usual = self._latencies.at(0.9)
        limit = _FIRST if isnan(usual) else max(_SOON, 2 * usual)
        late = {number for number, at in self._sent.items() if now - at > limit} - self._late
        self._failures += len(late)
        self._late |= late

    def __repr__(self) -> str:
        state = "only probes" if self.is_open else "closed"
        return f"<CircuitBreaker {state}, {len(self._sent)} under way, {len(self._late)} of them late>"
