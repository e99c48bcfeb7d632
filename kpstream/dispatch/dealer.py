"""Deals requests out to gates that share a rate, a budget and a number of requests at once.

What is dealt is a grant: so many requests, valid for a while, booked at once. A gate spends its grants by itself and
never waits for the dealer, which may therefore live in another process; one that dies with a grant in its hand can
break no limit. Told the time, never asking for it.
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
"""Seconds for which a member that asked and was not heard of again keeps its place: cameras may be that slow."""
STUCK_AFTER = 3.0
"""Seconds after which a request no longer counts as one of those at once: others need not wait for it as well."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all who share may do together."""

    rate: float = inf
    """Requests a second."""
    max_requests: int | None = None
    """Requests in all; None for no budget."""
    max_in_flight: int | None = None
    """Requests at once; None for as many as each finds useful."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to send some requests; they are booked already."""

    number: int
    requests: int
    expires_at: float
    """After that nothing more is sent on it."""


class Grants(Protocol):
    """Where a gate gets its grants: one member's side of a dealer. No call waits."""

    @property
    def requests_left(self) -> int | None:
        """What is left of the budget of all members; None where there is none."""

    @property
    def requests_spent(self) -> int:
        """What is booked for all members."""

    def ask(self, want: int, now: float) -> Grant | None:
        """Say that some requests are wanted, and take what was dealt for that; None where nothing was, yet.

        A member that asks again and again is dealt to in its turn.
        """

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant is over, however it went."""

    def release(self, grant: Grant, unused: int) -> None:
        """Give back requests of a grant that were not sent and never will be."""


@dataclass(slots=True)
class _Member:
    turn: int
    """The number of its last grant: who has the lowest has waited longest."""
    asked_at: float = -inf
    """When it last asked in vain."""


@dataclass(slots=True)
class _Dealt:
    member: Hashable
    at: float
    open: int
    """Requests that are neither over nor given back."""


class Quota:
    """What may be dealt under one set of limits, and whose turn it is. Pure; one thread at a time.

    Who has waited longest comes first, and what one does not want goes to the others. Over any time, requests stay
    below the rate times that time plus one a member, plus one.

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
        """How many requests this member may have now; where it is none, its demand is remembered for a while."""
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
        """Deal a grant."""
        self._members[member] = _Member(next(self._turns))
        self._dealt[number] = _Dealt(member, now, requests)
        self.spent += requests
        if self.limits.rate < inf:
            self._tokens -= requests

    def ended(self, number: int) -> None:
        """Note that one request of a grant is over."""
        if number in self._dealt:
            self._close(number, 1)

    def release(self, number: int, unused: int) -> None:
        """Take requests off the books."""
        if number in self._dealt:
            self.spent -= unused
            if self.limits.rate < inf:
                self._tokens += unused
            self._close(number, unused)

    def withdraw(self, member: Hashable) -> None:
        """Forget that a member asked."""
        if member in self._members:
            self._members[member].asked_at = -inf

    def leave(self, member: Hashable) -> None:
        """Forget a member. What it did not give back may have been sent, and stays spent."""
        self._members.pop(member, None)
        for number in [number for number, dealt in self._dealt.items() if dealt.member == member]:
            del self._dealt[number]

    def _close(self, number: int, requests: int) -> None:
        self._dealt[number].open -= requests
        if self._dealt[number].open <= 0:
            del self._dealt[number]

    def _accrue(self, now: float) -> None:
        # Room for one a member: each may be a picture late to fetch its grant, and none is lost meanwhile.
        passed, self._accrued_at = max(0.0, now - self._accrued_at), now
        if self.limits.rate < inf:
            self._tokens = min(len(self._members) + 1, self._tokens + passed * self.limits.rate)

    def _free(self, now: float) -> float:
        """How many requests may be booked at this moment."""
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
        """Hold to other limits from now on; what is spent stays spent."""
        with self._lock:
            self._all.limits = limits

    def join(self, service: Hashable = None, limits: Limits = Limits()) -> Member:
        """A new member.

        Args:
            service: Those with equal ones ask the same server, and share what it can take.
            limits: What it can take; those of its first member hold.
        """
        with self._lock:
            return Member(self, (self._services.setdefault(service, Quota(limits)), self._all))

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
        """Note that one request of a grant is over."""
        with self._lock:
            for quota in quotas:
                quota.ended(grant.number)

    def release(self, quotas: tuple[Quota, ...], grant: Grant, unused: int) -> None:
        """Take requests of a grant off the books."""
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
        """What is left of the budget of all members; None where there is none."""
        return self._dealer.left

    @property
    def requests_spent(self) -> int:
        """What is booked for all members."""
        return self._dealer.spent

    def ask(self, want: int, now: float) -> Grant | None:
        """A grant of at most so many requests; None where it is not this member's turn."""
        return self._dealer.deal(self, self._quotas, want, now)

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant is over."""
        self._dealer.ended(self._quotas, grant)

    def release(self, grant: Grant, unused: int) -> None:
        """Give back requests that were not sent."""
        self._dealer.release(self._quotas, grant, unused)

    def leave(self) -> None:
        """Be no member any more. Idempotent."""
        self._dealer.leave(self, self._quotas)
