"""Deals requests out to gates that share a rate, a budget and a number of requests at once.

The dealer deals grants: so many requests, valid for some seconds, booked when they are dealt. A gate spends its grants
without asking the dealer again and never waits for it, so the dealer may live in another process. A gate that dies
with unspent grants breaks no limit. The caller gives the time.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from math import inf
from typing import Protocol

GRANT_LASTS = 2.5
"""Seconds for which a grant is valid."""
DEMAND_LASTS = 2.5
"""Seconds for which a member that asked once keeps its place in the queue: a slow camera asks that rarely."""
STUCK_AFTER = 3.0
"""Seconds after which a request no longer counts against `max_in_flight`: the endpoint may never answer it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all members of a dealer may do together."""

    rate: float = inf
    """Requests a second."""
    max_requests: int | None = None
    """Requests in all; None for no budget."""
    max_in_flight: int | None = None
    """Requests at once; None leaves the number to each gate."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission to send some requests, which are booked already."""

    number: int
    requests: int
    expires_at: float
    """Seconds of the monotonic clock; after that no request is sent on it."""


class Grants(Protocol):
    """One member's side of a dealer, from which a gate gets its grants. No call waits."""

    @property
    def requests_left(self) -> int | None:
        """Requests that are left of the common budget; None where there is no budget."""

    @property
    def requests_spent(self) -> int:
        """Requests that are booked for all members together."""

    def ask(self, want: int, now: float) -> Grant | None:
        """Ask for up to ``want`` requests; None where the dealer has none for this member yet.

        The member asks again until its turn comes.
        """

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant has ended, answered or not."""

    def release(self, grant: Grant, unused: int) -> None:
        """Return requests of a grant that were never sent."""


@dataclass(slots=True)
class _Member:
    turn: int
    """The number of the member's last grant: the member with the lowest has waited longest."""
    asked_at: float = -inf
    """When the member last asked and got nothing, in seconds."""


@dataclass(slots=True)
class _Dealt:
    member: Hashable
    at: float
    open: int
    """Requests of the grant that have neither ended nor been returned."""


class Quota:
    """Decides how many requests a member may have under one set of limits. Pure; one thread at a time.

    The member that has waited longest comes first. In any period of t seconds at most ``rate * t`` requests are booked,
    plus one for each member, plus one.

    Args:
        limits: For all members together.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self.limits = limits
        """May be set at any time: what is spent stays spent."""
        self.spent = 0
        """Requests that are booked."""
        self._members: dict[Hashable, _Member] = {}
        self._dealt: dict[int, _Dealt] = {}
        self._turns = count()
        self._tokens = 1.0
        self._accrued_at = inf

    @property
    def left(self) -> int | None:
        """Requests that may still be booked; None where there is no budget."""
        most = self.limits.max_requests
        return None if most is None else max(0, most - self.spent)

    def room(self, member: Hashable, want: int, now: float) -> int:
        """How many requests this member may have now; a member that gets none keeps its place for `DEMAND_LASTS`."""
        self._accrue(now)
        asking = self._members.setdefault(member, _Member(next(self._turns)))
        asking.asked_at = now
        waiting = [other for other in self._members.values() if now - other.asked_at <= DEMAND_LASTS]
        ahead = sum(other.turn < asking.turn for other in waiting)
        free = self._free(now) - ahead
        if free < 1:
            return 0
        return want if free == inf else min(want, max(1, int(free) // (len(waiting) - ahead)))

    def book(self, member: Hashable, number: int, requests: int, now: float) -> None:
        """Book a grant for a member."""
        self._members[member] = _Member(next(self._turns))
        self._dealt[number] = _Dealt(member, now, requests)
        self.spent += requests
        if self.limits.rate < inf:
            self._tokens -= requests

    def ended(self, number: int) -> None:
        """Note that one request of a grant has ended."""
        if number in self._dealt:
            self._close(number, 1)

    def release(self, number: int, unused: int) -> None:
        """Cancel the booking of requests that were never sent."""
        if number in self._dealt:
            self.spent -= unused
            if self.limits.rate < inf:
                self._tokens += unused
            self._close(number, unused)

    def withdraw(self, member: Hashable) -> None:
        """Forget that a member waits."""
        if member in self._members:
            self._members[member].asked_at = -inf

    def leave(self, member: Hashable) -> None:
        """Forget a member. The requests that it did not return may have been sent, and stay spent."""
        self._members.pop(member, None)
        for number in [number for number, dealt in self._dealt.items() if dealt.member == member]:
            del self._dealt[number]

    def _close(self, number: int, requests: int) -> None:
        self._dealt[number].open -= requests
        if self._dealt[number].open <= 0:
            del self._dealt[number]

    def _accrue(self, now: float) -> None:
        # One token a member may be saved: each fetches its grant a picture late, and no request is lost meanwhile.
        passed, self._accrued_at = max(0.0, now - self._accrued_at), now
        if self.limits.rate < inf:
            self._tokens = min(len(self._members) + 1, self._tokens + passed * self.limits.rate)

    def _free(self, now: float) -> float:
        """How many requests all limits allow now; infinite where nothing limits them."""
        free = inf if self.limits.rate == inf else int(self._tokens + 1e-9)
        if self.left is not None:
            free = min(free, self.left)
        if self.limits.max_in_flight is not None:
            out = sum(dealt.open for dealt in self._dealt.values() if now - dealt.at <= STUCK_AFTER)
            free = min(free, self.limits.max_in_flight - out)
        return free

    def __repr__(self) -> str:
        return f"<Quota of {self.limits} among {len(self._members)}, {self.spent} spent>"


class Dealer:
    """Deals grants under the limits of all members and, at the same time, of the service that each of them asks.

    Any thread; no call waits.

    Args:
        limits: For all members together.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self._lock = threading.Lock()
        self._all = Quota(limits)
        self._services: dict[Hashable, Quota] = {}
        self._numbers = count()

    @property
    def left(self) -> int | None:
        """What is left of the budget; None where there is none."""
        with self._lock:
            return self._all.left

    @property
    def spent(self) -> int:
        """Requests that are booked."""
        return self._all.spent

    def limit(self, limits: Limits) -> None:
        """Replace the common limits; what is spent stays spent."""
        with self._lock:
            self._all.limits = limits

    def join(self, service: Hashable = None, limits: Limits = Limits(), own: Quota | None = None) -> Member:
        """Add a member.

        Args:
            service: Members with equal values ask the same server, and share its limits.
            limits: Those of the server; only those that its first member names count.
            own: What the member may take by itself; a member that joins again may bring its quota again.
        """
        with self._lock:
            quotas = self._services.setdefault(service, Quota(limits)), self._all
            return Member(self, quotas if own is None else (*quotas, own))

    def balance(self, quotas: tuple[Quota, ...]) -> tuple[int | None, int]:
        """What is left of the budget that has least left, and what is booked of it; None where there is no budget."""
        with self._lock:
            budgets = [(quota.left, quota.spent) for quota in quotas if quota.left is not None]
            return min(budgets, default=(None, self._all.spent))

    def deal(self, member: Member, quotas: tuple[Quota, ...], want: int, now: float) -> Grant | None:
        """Deal a grant where all quotas have room for it."""
        with self._lock:
            for place, quota in enumerate(quotas):
                want = quota.room(member, want, now)
                if not want:
                    for later in quotas[place + 1 :]:  # who waits for one does not stand in the way in the next
                        later.withdraw(member)
                    return None
            grant = Grant(next(self._numbers), want, now + GRANT_LASTS)
            for quota in quotas:
                quota.book(member, grant.number, want, now)
            return grant

    def ended(self, quotas: tuple[Quota, ...], grant: Grant) -> None:
        """Note that one request of a grant has ended."""
        with self._lock:
            for quota in quotas:
                quota.ended(grant.number)

    def release(self, quotas: tuple[Quota, ...], grant: Grant, unused: int) -> None:
        """Cancel the booking of requests of a grant that were never sent."""
        with self._lock:
            for quota in quotas:
                quota.release(grant.number, unused)

    def leave(self, member: Member, quotas: tuple[Quota, ...]) -> None:
        """Forget a member."""
        with self._lock:
            for quota in quotas:
                quota.leave(member)


class Member:
    """One member's side of a dealer: satisfies `Grants`. Any thread.

    Args:
        dealer: Deals to it.
        quotas: All of them must have room.
    """

    def __init__(self, dealer: Dealer, quotas: tuple[Quota, ...]) -> None:
        self._dealer = dealer
        self._quotas = quotas

    @property
    def requests_left(self) -> int | None:
        """Requests that are left of the common budget, or of the member's own; None where there is no budget."""
        return self._dealer.balance(self._quotas)[0]

    @property
    def requests_spent(self) -> int:
        """Requests that are booked of that budget."""
        return self._dealer.balance(self._quotas)[1]

    def ask(self, want: int, now: float) -> Grant | None:
        """A grant of at most so many requests; None where it is not this member's turn."""
        return self._dealer.deal(self, self._quotas, want, now)

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant has ended."""
        self._dealer.ended(self._quotas, grant)

    def release(self, grant: Grant, unused: int) -> None:
        """Give back requests that were not sent."""
        self._dealer.release(self._quotas, grant, unused)

    def leave(self) -> None:
        """Be no member any more. Idempotent."""
        self._dealer.leave(self, self._quotas)
