"""Deals requests of one rate and one budget to many workers, in the order in which they ask.

Unlike `kpstream.dispatch.dealer.Dealer`, which many cameras ask again and again, it remembers who asked and deals as
soon as it may, so that a thousand workers cost a message a grant. What is dealt is booked at once: whoever dies with a
grant in its hand can break no limit.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from math import inf

from kpstream.dispatch.dealer import GRANT_LASTS, Grant
from kpstream.dispatch.gate import RateLimiter
from kpstream.errors import EndpointUnavailable

_BURST = 0.05
"""Seconds of the rate that may be made up for at once: whoever deals, or asks, may be so late."""
_LONGEST_HOLD = 60.0


@dataclass(slots=True)
class _Asked:
    want: int


class GrantQueue:
    """Who asked first is dealt to first, and asks for its next grant behind all who wait. Pure; one thread at a time.

    Over any time, requests that are dealt stay below the rate times that time, plus one, plus a twentieth of the rate.

    Args:
        rate: Requests a second; infinite for none but what the service says.
        max_requests: What may be booked in all; None for no budget.
        spent: What is booked already.
    """

    def __init__(self, rate: float = inf, max_requests: int | None = None, spent: int = 0) -> None:
        self.max_requests = max_requests
        self.spent = spent
        self.reserved: int | None = None
        """Nothing is dealt above this, as long as it is set: so much is known to outlive the process."""
        self._limiter = RateLimiter(rate, burst=1.0 if rate == inf else 1.0 + rate * _BURST)
        self._held_until = -inf
        self._waiting: dict[Hashable, _Asked] = {}
        self._open: dict[int, tuple[Hashable, int]] = {}
        self._numbers = count()

    @property
    def left(self) -> int | None:
        """What is left of the budget; None where there is none."""
        return None if self.max_requests is None else max(0, self.max_requests - self.spent)

    @property
    def rate(self) -> float:
        """Requests a second that are dealt now: what was asked for, or less where the service said "too much"."""
        return self._limiter.rate

    def ask(self, member: Hashable, want: int) -> None:
        """Stand in the queue, behind all who stand there; who does already keeps its place."""
        self._waiting.setdefault(member, _Asked(want)).want = want

    def deal(self, now: float) -> list[tuple[Hashable, Grant]]:
        """What may be dealt at this moment, to whom; those are in the queue no more."""
        dealt = []
        while self._waiting and (requests := self._portion(now)):
            member = next(iter(self._waiting))
            asked = self._waiting.pop(member)
            grant = Grant(next(self._numbers), min(requests, asked.want), now + GRANT_LASTS)
            for _ in range(grant.requests):
                self._limiter.sent(0, now)
            self.spent += grant.requests
            self._open[grant.number] = member, grant.requests
            dealt.append((member, grant))
        return dealt

    def due_in(self, now: float) -> float:
        """Seconds until something may be dealt; infinite where nobody waits, or nothing is left."""
        if not self._waiting or self._room() < 1:
            return inf
        return max(0.0, self._held_until - now, self._limiter.due_in(now))

    def answered(self, sent_at: float, now: float) -> None:
        """Note that the service lets requests through."""
        self._limiter.answered(0, sent_at, now)

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Note that a request failed: where the service said "too much", all ask less, and not before it allows."""
        self._limiter.failed(0, sent_at, now, fault)
        if fault.slow_down and fault.retry_after is not None:
            self._held_until = max(self._held_until, now + min(fault.retry_after, _LONGEST_HOLD))

    def ended(self, number: int) -> None:
        """Note that one request of a grant is over."""
        self._close(number, 1)

    def release(self, number: int, unused: int) -> None:
        """Take requests of a grant off the books: they were not sent and never will be."""
        if number in self._open:
            unused = min(unused, self._open[number][1])
            self.spent -= unused
            for _ in range(unused):
                self._limiter.unsent(0)
            self._close(number, unused)

    def leave(self, member: Hashable) -> None:
        """Forget a member. What it held may have been sent, and stays booked."""
        self._waiting.pop(member, None)
        for number in [number for number, (owner, _) in self._open.items() if owner == member]:
            del self._open[number]

    def _close(self, number: int, requests: int) -> None:
        if number in self._open:
            member, held = self._open.pop(number)
            if held > requests:
                self._open[number] = member, held - requests

    def _room(self) -> float:
        limits = [limit - self.spent for limit in (self.max_requests, self.reserved) if limit is not None]
        return max(0, min(limits, default=inf))

    def _portion(self, now: float) -> int:
        """How many requests the next in the queue may have: its share of what there is, at least one if there is."""
        room = self._room()
        if now < self._held_until or room < 1 or not self._limiter.allows(now):
            return 0
        free = min(room, self._limiter.tokens)
        return 1_000_000 if free == inf else max(1, int(free) // len(self._waiting))

    def __repr__(self) -> str:
        return f"<GrantQueue {len(self._waiting)} waiting, {self.spent} spent>"


class LocalGrants:
    """One member's side of a queue in the same process: satisfies `Grants`. Any thread; no call waits.

    Args:
        queue: Deals to it alone.
    """

    def __init__(self, queue: GrantQueue) -> None:
        self._queue = queue
        self._lock = threading.Lock()

    @property
    def requests_left(self) -> int | None:
        """What is left of the budget of all members; None where there is none."""
        return self._queue.left

    @property
    def requests_spent(self) -> int:
        """What is booked for all members."""
        return self._queue.spent

    def ask(self, want: int, now: float) -> Grant | None:
        """A grant of at most so many requests; None where none may be dealt now."""
        with self._lock:
            self._queue.ask(self, want)
            return next((grant for _, grant in self._queue.deal(now)), None)

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant is over."""
        with self._lock:
            self._queue.ended(grant.number)

    def release(self, grant: Grant, unused: int) -> None:
        """Give back requests that were not sent."""
        with self._lock:
            self._queue.release(grant.number, unused)

    def answered(self, sent_at: float, now: float) -> None:
        """Tell that the service lets requests through."""
        with self._lock:
            self._queue.answered(sent_at, now)

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Tell that a request failed."""
        with self._lock:
            self._queue.failed(fault, sent_at, now)
