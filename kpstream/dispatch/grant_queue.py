"""Deals requests of one rate and one budget to many workers, in the order in which they ask.

Unlike `kpstream.dispatch.dealer.Dealer`, which cameras ask again and again, the queue remembers who asked and deals as
soon as the limits allow, so that a thousand workers cost one message a grant. A grant is booked when it is dealt: a
worker that dies with unspent grants breaks no limit, and what it has not sent is returned once somebody knows how much
that is.
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
"""Seconds of the rate that may be dealt at once, because the dealer or a worker may be so late."""
_LONGEST_HOLD = 60.0


@dataclass(slots=True)
class _Asked:
    want: int


class GrantQueue:
    """Deals grants in the order in which members ask. Pure; one thread at a time.

    In any period of t seconds at most ``rate * t`` requests are dealt, plus one, plus a twentieth of the rate.

    Args:
        rate: Requests a second; infinite for none but what the service says.
        max_requests: The budget, in requests; None for none.
        spent: Requests that are booked already.
    """

    def __init__(self, rate: float = inf, max_requests: int | None = None, spent: int = 0) -> None:
        self.max_requests = max_requests
        self.spent = spent
        self.reserved: int | None = None
        """Requests that may be booked in all, as long as it is set: the ledger on the disk has so many."""
        self._limiter = RateLimiter(rate, burst=1.0 if rate == inf else 1.0 + rate * _BURST)
        self._held_until = -inf
        self._waiting: dict[Hashable, _Asked] = {}
        self._open: dict[int, tuple[Hashable, int]] = {}
        self._held: dict[Hashable, int] = {}  # booked for each member since it came
        self._numbers = count()

    @property
    def left(self) -> int | None:
        """What is left of the budget; None where there is none."""
        return None if self.max_requests is None else max(0, self.max_requests - self.spent)

    @property
    def rate(self) -> float:
        """Requests a second that are dealt now; less than at first while the service answers "too much"."""
        return self._limiter.rate

    def ask(self, member: Hashable, want: int) -> None:
        """Put a member at the end of the queue; a member that waits already keeps its place."""
        self._waiting.setdefault(member, _Asked(want)).want = want

    def deal(self, now: float) -> list[tuple[Hashable, Grant]]:
        """Deal what the limits allow now; returns the members, which leave the queue, with their grants."""
        dealt = []
        while self._waiting and (requests := self._portion(now)):
            member = next(iter(self._waiting))
            asked = self._waiting.pop(member)
            grant = Grant(next(self._numbers), min(requests, asked.want), now + GRANT_LASTS)
            for _ in range(grant.requests):
                self._limiter.sent(0, now)
            self.spent += grant.requests
            self._open[grant.number] = member, grant.requests
            self._held[member] = self._held.get(member, 0) + grant.requests
            dealt.append((member, grant))
        return dealt

    def due_in(self, now: float) -> float:
        """Seconds until a grant may be dealt; infinite where no member waits, or nothing is left."""
        if not self._waiting or self._room() < 1:
            return inf
        return max(0.0, self._held_until - now, self._limiter.due_in(now))

    def answered(self, sent_at: float, now: float) -> None:
        """Note that the service lets requests through."""
        self._limiter.answered(0, sent_at, now)

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Note that a request failed: after "too much" less is dealt, and nothing before the service's Retry-After."""
        self._limiter.failed(0, sent_at, now, fault)
        if fault.slow_down and fault.retry_after is not None:
            self._held_until = max(self._held_until, now + min(fault.retry_after, _LONGEST_HOLD))

    def ended(self, number: int) -> None:
        """Note that one request of a grant has ended."""
        self._close(number, 1)

    def release(self, number: int, unused: int) -> None:
        """Cancel the booking of requests of a grant that were never sent."""
        if number in self._open:
            member, held = self._open[number]
            unused = min(unused, held)
            self.spent -= unused
            self._held[member] -= unused
            for _ in range(unused):
                self._limiter.unsent(0)
            self._close(number, unused)

    def held(self, member: Hashable) -> int:
        """Requests that are booked for a member: those that it has sent or may still send."""
        return self._held.get(member, 0)

    def leave(self, member: Hashable) -> None:
        """Forget a member. The requests that it held may have been sent, and stay booked until the next `recount`."""
        self._waiting.pop(member, None)
        self._held.pop(member, None)
        for number in [number for number, (owner, _) in self._open.items() if owner == member]:
            del self._open[number]

    def recount(self, spent: int) -> None:
        """Correct what is booked.

        Args:
            spent: The requests that all who are no members any more have sent, at most. What the members hold is added.
        """
        self.spent = spent + sum(self._held.values())

    def _close(self, number: int, requests: int) -> None:
        if number in self._open:
            member, held = self._open.pop(number)
            if held > requests:
                self._open[number] = member, held - requests

    def _room(self) -> float:
        limits = [limit - self.spent for limit in (self.max_requests, self.reserved) if limit is not None]
        return max(0, min(limits, default=inf))

    def _portion(self, now: float) -> int:
        """How many requests the first in the queue may have: its share of what the limits allow, at least 1 of any."""
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
        queue: Used through this object alone.
    """

    def __init__(self, queue: GrantQueue) -> None:
        self._queue = queue
        self._lock = threading.Lock()

    @property
    def requests_left(self) -> int | None:
        """Requests that are left of the common budget; None where there is no budget."""
        return self._queue.left

    @property
    def requests_spent(self) -> int:
        """Requests that are booked for all members together."""
        return self._queue.spent

    def ask(self, want: int, now: float) -> Grant | None:
        """Ask for up to ``want`` requests; None where none may be dealt now."""
        with self._lock:
            self._queue.ask(self, want)
            return next((grant for _, grant in self._queue.deal(now)), None)

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant has ended."""
        with self._lock:
            self._queue.ended(grant.number)

    def release(self, grant: Grant, unused: int) -> None:
        """Return requests that were never sent."""
        with self._lock:
            self._queue.release(grant.number, unused)

    def answered(self, sent_at: float, now: float) -> None:
        """Tell the queue that the service answered."""
        with self._lock:
            self._queue.answered(sent_at, now)

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Tell the queue that a request failed."""
        with self._lock:
            self._queue.failed(fault, sent_at, now)
