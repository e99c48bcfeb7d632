"""A circuit breaker: while the endpoint answers no request, only probes are sent. Pure: the caller gives the time.

After several requests in a row that failed, or are so late that they probably fail, the breaker lets only a probe
through now and then, whatever requests are still out. The first answer closes it again.
"""

from __future__ import annotations

from math import inf

from kpstream.dispatch.rule import OUTAGE, RequestsOut, Rule

PROBE_GAP = 0.5
"""Seconds between the first probes."""
_MAX_WAIT = 60.0
"""The longest Retry-After that is kept to, in seconds."""


class CircuitBreaker(Rule):
    """Lets only probes through while the endpoint answers nobody.

    Args:
        out: The account of the requests.
        max_gap: Seconds between two probes at most: each follows after twice the gap before, until it is so long.
    """

    def __init__(self, out: RequestsOut, max_gap: float = PROBE_GAP) -> None:
        self._out = out
        self._max_gap = max_gap
        self._probes = 0
        self._last_sent_at = -inf
        self._not_before = -inf

    def is_open(self, now: float) -> bool:
        """Whether the breaker lets only probes through."""
        return self._out.failures(now) >= OUTAGE

    def trouble(self, now: float) -> str:
        """For how long the endpoint has sent nothing at all, while the breaker is open; empty otherwise."""
        silence = self._out.silence(now) if self.is_open(now) else 0.0
        return f"no answer from the endpoint for {silence:.0f} s, trying again" if silence else ""

    def wait(self, now: float) -> float:
        """Seconds that the service asked to wait (Retry-After) while the breaker is open; 0 where it did not ask."""
        return max(0.0, self._not_before - now) if self.is_open(now) else 0.0

    def allows(self, now: float) -> bool:
        """Whether the breaker is closed, or a probe is due."""
        if not self.is_open(now):
            return True
        gap = min(self._max_gap, PROBE_GAP * 2.0 ** max(0, min(self._probes, 30) - 1))
        return now >= max(self._last_sent_at + gap, self._not_before)

    def sent(self, frame_index: int, now: float) -> None:  # noqa: ARG002
        """Note that a request was sent; while the breaker is open it is a probe."""
        self._last_sent_at = now
        self._probes += self.is_open(now)

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:  # noqa: ARG002
        """Forget the probes and the Retry-After: the endpoint answers."""
        self._probes, self._not_before = 0, -inf

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:  # noqa: ARG002
        """Keep to the Retry-After of the answer, a minute at most."""
        retry_after = getattr(fault, "retry_after", None)
        if retry_after is not None:
            self._not_before = max(self._not_before, now + min(retry_after, _MAX_WAIT))
