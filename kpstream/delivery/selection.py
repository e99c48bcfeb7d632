"""What of a queue is sent next: one after the other to programs, gathered for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from math import inf
from typing import Protocol

from kpstream.delivery.outbox import Delivery

LONG_OUTAGE = 3600.0
"""Seconds after which what waits is no news: of each event only the last state is delivered then."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What to do with a queue."""

    send: tuple[Delivery, ...] = ()
    """In one message."""
    superseded: tuple[int, ...] = ()
    """What needs not be delivered any more."""
    wait: float = inf
    """Seconds until it may be asked again, where nothing is to be sent."""


class Policy(Protocol):
    """Says what is sent next."""

    def select(self, waiting: Sequence[Delivery], now: float) -> Selection:
        """What to do now.

        Args:
            waiting: The first in the queue, in order.
            now: Seconds since the epoch.
        """

    def sent(self, now: float) -> None:
        """Note that a message was delivered."""


class InOrder:
    """One after the other. After a long outage the last state of each event says it all."""

    def select(self, waiting: Sequence[Delivery], now: float) -> Selection:
        """The oldest."""
        if not waiting:
            return Selection()
        if now - waiting[0].at > LONG_OUTAGE:
            last = {delivery.event_id: delivery.id for delivery in waiting}
            old = tuple(delivery.id for delivery in waiting if last[delivery.event_id] != delivery.id)
            left = tuple(delivery for delivery in waiting if delivery.id not in old)
            return Selection(left[:1], old)
        return Selection((waiting[0],))

    def sent(self, now: float) -> None:
        """Nothing: the next may follow at once."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day."""

    begin: time
    end: time
    """At or before `begin` it is on the next day."""
    timezone: tzinfo | None = None
    """None for the machine's own."""

    def left(self, now: float) -> float:
        """Seconds until they are over; 0 where it is none of them.

        Args:
            now: Seconds since the epoch.
        """
        moment = datetime.fromtimestamp(now, self.timezone) if self.timezone else datetime.fromtimestamp(now)
        clock = moment.time()
        is_over, has_begun = clock >= self.end, clock >= self.begin
        is_quiet = has_begun and not is_over if self.begin < self.end else has_begun or not is_over
        if not is_quiet:
            return 0.0
        ends = datetime.combine(moment.date(), self.end)
        if clock >= self.end:
            ends += timedelta(days=1)
        return max(1.0, (ends - moment.replace(tzinfo=None)).total_seconds())


@dataclass(slots=True)
class ForPeople:
    """At once, but never two messages within a while; what gathers meanwhile comes in one message."""

    interval: float = 60.0
    """Seconds between two messages."""
    quiet: QuietHours | None = None
    """When nothing is sent."""
    _sent_at: float = -inf

    def select(self, waiting: Sequence[Delivery], now: float) -> Selection:
        """All that waits, when it may be sent."""
        if not waiting:
            return Selection()
        quiet = 0.0 if self.quiet is None else self.quiet.left(now)
        since = now - self._sent_at
        pause = self.interval - since if 0 <= since < self.interval else 0.0  # a clock that is set back delays nothing
        wait = max(quiet, pause)
        return Selection(wait=wait) if wait else Selection(tuple(waiting))

    def sent(self, now: float) -> None:
        """Count from now."""
        self._sent_at = now
