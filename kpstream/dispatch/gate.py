"""Decides whether a request may be sent now: a gate asks its rules, each of which knows one reason against it.

The caller gives the time; nothing here waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from math import ceil, exp, inf, isnan

from kpstream.dispatch.rule import RequestsOut, Rule, spent_text
from kpstream.errors import EndpointUnavailable


class RequestGate:
    """Gives a lease for each request that every rule allows. Any thread; never waits.

    Args:
        rules: Asked in this order, until one refuses.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._lock = threading.Lock()

    @property
    def requests_left(self) -> int | None:
        """Requests that are left of the budget; None where there is no budget."""
        with self._lock:
            return min((left for rule in self._rules if (left := rule.requests_left) is not None), default=None)

    def trouble(self, now: float) -> str:
        """Why no request is sent, in words for the user; empty where the user need not know."""
        with self._lock:
            return next((text for rule in self._rules if (text := rule.trouble(now))), "")

    def wait(self, now: float) -> float:
        """Seconds that the service asked to wait; 0 where it did not ask."""
        with self._lock:
            return max((rule.wait(now) for rule in self._rules), default=0.0)

    def try_acquire(self, frame_index: int, now: float) -> Lease | None:
        """Take the lease of a request about a frame; None where no request may be sent now.

        Args:
            frame_index: The frame's index; no other lease is out for it.
            now: Seconds.
        """
        with self._lock:
            if not all(rule.allows(now) for rule in self._rules):
                return None
            for rule in self._rules:
                rule.sent(frame_index, now)
            return Lease(self._rules, self._lock, frame_index, now)

    def close(self) -> None:
        """Have the rules return what they hold for later requests. Idempotent."""
        with self._lock:
            for rule in self._rules:
                rule.close()


class Lease:
    """Leave to send one request. Whoever holds it ends it, once the request is over: with one of three calls.

    Args:
        rules: Told of the end.
        lock: Held while they are told.
        frame_index: The frame that is asked about.
        sent_at: Seconds.
    """

    def __init__(self, rules: Sequence[Rule], lock: threading.Lock, frame_index: int, sent_at: float) -> None:
        self._rules = rules
        self._lock = lock
        self.frame_index = frame_index
        self.sent_at = sent_at

    def answered(self, now: float) -> None:
        """End the lease: the request was answered."""
        with self._lock:
            for rule in self._rules:
                rule.answered(self.frame_index, self.sent_at, now)

    def failed(self, fault: Exception, now: float) -> None:
        """End the lease: the request got no answer that can be used."""
        with self._lock:
            for rule in self._rules:
                rule.failed(self.frame_index, self.sent_at, now, fault)

    def unsent(self) -> None:
        """End the lease: no request was sent."""
        with self._lock:
            for rule in self._rules:
                rule.unsent(self.frame_index)

    def __repr__(self) -> str:
        return f"<Lease for frame {self.frame_index}>"


class ConcurrencyLimit(Rule):
    """Limits the requests that are out at once to the number that the latency makes useful.

    To be answered ``rate`` times a second at a latency of L seconds, ``rate * L`` requests must be out (Little's law);
    one more covers the jitter. Late requests do not count, and during an outage no request counts, so that none waits
    behind one that is stuck.

    Args:
        out: The account of the requests that are out.
        rate: Answers per second that are wanted; infinite wants as many as are of use.
        most: Never more than this.
        fixed: A number that the user chose, which nothing changes; None follows the latency.
    """

    UNPACED_RATE = 60.0
    """Answers per second that an infinite `rate` stands for: one machine hardly decodes and encodes more pictures."""

    def __init__(self, out: RequestsOut, rate: float, most: int, fixed: int | None = None) -> None:
        self._out = out
        self.rate = rate
        """Answers per second that are wanted; may be changed at any time, from any thread."""
        self._most = most
        self._fixed = fixed

    @property
    def limit(self) -> int:
        """The number of requests that may be out, at least 1."""
        if self._fixed is not None:
            return self._fixed
        latency = self._out.latency(0.75)
        wanted = 4 if isnan(latency) else ceil(min(self.rate, self.UNPACED_RATE) * latency * 1.1) + 1
        return max(1, min(wanted, self._most))

    def allows(self, now: float) -> bool:
        """Whether fewer requests are out than `limit`."""
        return self._out.expected(now) < self.limit


class RateLimiter(Rule):
    """Limits the requests a second, and lowers the limit while the service answers "too much" (429, 503).

    After such an answer the rate falls by a fifth, from at most twice what was sent in the second before, and grows
    again by a sixth a second. If no request was answered since the rate last fell, it stays: the endpoint has an
    outage, which fewer requests do not end.

    Args:
        max_rate: The most requests a second; infinite for no limit but what the service says.
        burst: Requests that may be sent at once after a pause; 1 while the rate is lowered.
    """

    FALLS_TO = 0.8
    GROWS = 0.15
    """A second, as the logarithm of the rate."""
    LEAST = 0.5
    """Requests a second below which the rate never falls."""

    def __init__(self, max_rate: float = inf, *, burst: float = 2.0) -> None:
        self._max_rate = max_rate
        self.burst = burst
        """Requests that may be sent at once after a pause."""
        self._rate = max_rate
        self._tokens = burst
        self._now = -inf
        self._sent_at: deque[float] = deque()
        self._fell_at = -inf
        self._answered = False  # since the rate last fell

    @property
    def rate(self) -> float:
        """The present limit, in requests a second; infinite for none."""
        return self._rate

    @property
    def tokens(self) -> float:
        """Requests that may be sent at once, as of the last call; infinite for no limit."""
        return inf if self._rate == inf else self._tokens

    def due_in(self, now: float) -> float:
        """Seconds until the rate allows the next request."""
        self._advance(now)
        return 0.0 if self._rate == inf else max(0.0, (1 - self._tokens) / self._rate)

    def allows(self, now: float) -> bool:
        """Whether the rate allows a request now."""
        self._advance(now)
        return self._tokens >= 1 - 1e-9

    def sent(self, frame_index: int, now: float) -> None:  # noqa: ARG002
        """Take a token."""
        self._advance(now)
        self._sent_at.append(now)
        if self._rate < inf:
            self._tokens -= 1

    def unsent(self, frame_index: int) -> None:  # noqa: ARG002
        """Give the token back."""
        if self._rate < inf:
            self._tokens += 1

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:  # noqa: ARG002
        """Note that the service answered."""
        self._answered = True

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:  # noqa: ARG002
        """Let the rate fall where the service says "too much".

        Requests that were out when it last fell say nothing about the lower rate.
        """
        if not (isinstance(fault, EndpointUnavailable) and fault.slow_down):
            return
        if self._answered and sent_at >= self._fell_at:
            self._advance(now)
            self._rate = max(self.LEAST, self.FALLS_TO * min(self._rate, 2.0 * len(self._sent_at)))
            self._tokens = min(0.0, self._tokens)
            self._fell_at, self._answered = now, False

    def _advance(self, now: float) -> None:
        passed, self._now = max(0.0, now - self._now), max(now, self._now)
        while self._sent_at and self._sent_at[0] <= now - 1.0:
            self._sent_at.popleft()
        if self._rate == inf:
            return
        burst = self.burst if self._rate == self._max_rate else 1.0
        self._tokens = min(burst, self._tokens + passed * self._rate)
        if self._rate < self._max_rate:
            self._rate = min(self._max_rate, self._rate * exp(min(100.0, passed) * self.GROWS))
            if self._rate > 1000.0:
                self._rate, self._tokens = self._max_rate, self.burst


class RequestBudget(Rule):
    """Limits the requests in all; a request that failed counts.

    Args:
        max_requests: The limit.
    """

    def __init__(self, max_requests: int) -> None:
        self._max_requests = max_requests
        self._spent = 0

    @property
    def requests_left(self) -> int:
        """Requests that may still be sent."""
        return self._max_requests - self._spent

    def trouble(self, now: float) -> str:  # noqa: ARG002
        """A line that says that no request is left; empty while one is."""
        return "" if self.requests_left else f"{spent_text(self._max_requests)}: no new answers"

    def allows(self, now: float) -> bool:  # noqa: ARG002
        """Whether a request is left."""
        return self.requests_left > 0

    def sent(self, frame_index: int, now: float) -> None:  # noqa: ARG002
        """Book the request."""
        self._spent += 1

    def unsent(self, frame_index: int) -> None:  # noqa: ARG002
        """Cancel the booking: the request was not sent."""
        self._spent -= 1
