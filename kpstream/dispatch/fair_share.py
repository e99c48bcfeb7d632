"""Who may ask next, where several share a rate, a budget and a number of requests at once.

Pure: it is told the time and never asks for it; whoever uses it from several threads holds a lock.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count
from math import inf

PATIENCE = 2.5
"""Seconds for which a turn is kept for somebody who asked and was not heard of again: cameras may be that slow."""

STUCK = 3.0
"""Seconds after which a request does not count as one of those at once: others need not wait for it as well."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What all who share may do together."""

    rate: float = inf
    """Requests a second."""
    max_requests: int | None = None
    """Requests in all; None for no budget."""
    max_in_flight: int | None = None
    """Requests at once; None for as many as each finds useful."""


@dataclass(slots=True)
class _Member:
    turn: int
    """The number of its last turn: who has the lowest has waited longest."""
    asked_at: float = -inf
    """Since when it waits for a turn; -inf while it wants none."""
    granted: bool = False
    """Whether it was let in and has not gone in yet."""
    going: list[float] = field(default_factory=list)
    """When it took turns for requests that have not begun yet."""
    early: int = 0
    """Requests that began before their turns were taken."""
    in_flight: dict[int, float] = field(default_factory=dict)
    """When each request that is under way began."""


class FairShare:
    """Turns for members who want to ask: the one who has waited longest first, and what one leaves goes to the others.

    A member calls `ask` before each request, `taken` once it sends one, and `withdraw` when it wants none after all;
    `began` and `ended` tell of the request itself. A turn that is free is kept for those who have waited longer, for
    `PATIENCE` at most. Over any time, requests stay below the rate times that time plus one a member, plus one.

    Args:
        limits: For all members together.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._members: dict[Hashable, _Member] = {}
        self._turns = count()
        self._tokens = 1.0
        self._accrued_at = inf
        self._spent = 0

    @property
    def spent(self) -> int:
        """Requests that have begun."""
        return self._spent

    @property
    def left(self) -> int | None:
        """Requests that may still begin; None where there is no budget."""
        most = self._limits.max_requests
        return None if most is None else max(0, most - self._spent)

    def limit(self, limits: Limits) -> None:
        """Share something else from now on; what is spent stays spent."""
        self._limits = limits

    def ask(self, name: Hashable, now: float) -> bool:
        """Whether this member may send a request now; if so the turn is kept for it, until it asks anew."""
        self._accrue(now)
        member = self._members.setdefault(name, _Member(next(self._turns)))
        member.asked_at, member.granted = now, False
        others = [other for other in self._members.values() if other is not member and now - other.asked_at <= PATIENCE]
        ahead = sum(other.granted or other.turn < member.turn for other in others)
        member.granted = self._free(now) > ahead
        return member.granted

    def withdraw(self, name: Hashable) -> None:
        """Want no turn any more."""
        if name in self._members:
            self._members[name].asked_at, self._members[name].granted = -inf, False

    def taken(self, name: Hashable, now: float) -> None:
        """Take the turn: a request goes out now."""
        self._accrue(now)
        member = self._members.setdefault(name, _Member(0))
        member.turn = next(self._turns)
        if member.early:
            member.early -= 1
        else:
            member.going.append(now)
        if self._limits.rate < inf:
            self._tokens -= 1
        self.withdraw(name)

    def began(self, name: Hashable, now: float) -> int:
        """Note that a request is under way; gives its number, for `ended`."""
        self._spent += 1
        if name in self._members:
            member = self._members[name]
            member.early += not member.going  # the request's thread may be faster than the one that sent it
            del member.going[:1]
            member.in_flight[self._spent] = now
        return self._spent

    def ended(self, name: Hashable, number: int) -> None:
        """Note that a request is over, however it went."""
        if name in self._members:
            self._members[name].in_flight.pop(number, None)

    def leave(self, name: Hashable) -> None:
        """Be no member any more; what was kept for it goes to the others."""
        self._members.pop(name, None)

    def _accrue(self, now: float) -> None:
        # Room for one a member: each may be a picture late to fetch its turn, and none is lost meanwhile.
        passed, self._accrued_at = max(0.0, now - self._accrued_at), now
        if self._limits.rate < inf:
            self._tokens = min(len(self._members) + 1, self._tokens + passed * self._limits.rate)

    def _free(self, now: float) -> float:
        """How many requests may go out at this moment."""
        going = 0
        for member in self._members.values():
            member.going = [at for at in member.going if now - at <= PATIENCE]
            going += len(member.going)
        free = inf if self._limits.rate == inf else int(self._tokens + 1e-9)
        if self.left is not None:
            free = min(free, self.left - going)
        if self._limits.max_in_flight is not None:
            members = self._members.values()
            in_flight = sum(now - at <= STUCK for member in members for at in member.in_flight.values())
            free = min(free, self._limits.max_in_flight - in_flight - going)
        return free

    def __repr__(self) -> str:
        return f"<FairShare of {self._limits} among {len(self._members)}, {self._spent} spent>"
