"""Decides which deliveries of a queue are sent next: one at a time to programs, gathered for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from math import inf
from typing import Protocol

from kpstream.delivery.outbox import Delivery

LONG_OUTAGE = 3600.0
"""Seconds of waiting after which only the last state of each event is delivered."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What to send of a queue, and what to drop."""

    send: tuple[Delivery, ...] = ()
    """Sent in one message."""
    superseded: tuple[int, ...] = ()
    """Numbers of deliveries that are dropped."""
    wait: float = inf
    """Seconds until something may be sent, where nothing may be sent now."""


class Policy(Protocol):
    """Decides what is sent next."""

    def select(self, waiting: Sequence[Delivery], now: float) -> Selection:
        """Decide what is sent now.

        Args:
            waiting: The first deliveries of the queue, in order.
            now: Seconds since the epoch.
        """

    def sent(self, now: float) -> None:
        """Note that a message was delivered."""


class InOrder:
    """Sends one delivery after the other; after a long outage only the last state of each event."""

    def select(self, waiting: Sequence[Delivery], now: float) -> Selection:
        """Select the oldest delivery."""
        if not waiting:
            return Selection()
        if now - waiting[0].at > LONG_OUTAGE:
            last = {delivery.event_id: delivery.id for delivery in waiting}
            old = tuple(delivery.id for delivery in waiting if last[delivery.event_id] != delivery.id)
            first = next(delivery for delivery in waiting if last[delivery.event_id] == delivery.id)
            return Selection((first,), old)
        return Selection((waiting[0],))

    def sent(self, now: float) -> None:
        """Do nothing: the next delivery may follow at once."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """A part of each day in which people get no message."""

    begin: time
    end: time
    """Exclusive. At or before `begin`: on the next day."""
    timezone: tzinfo | None = None
    """None for the time zone of this machine."""

    def left(self, now: float) -> float:
        """Seconds until the quiet hours end; 0 outside them.

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
    """Sends at once, but no two messages within an interval; gathers what comes meanwhile into one message."""

    interval: float = 60.0
    """Seconds between two messages."""
    quiet: QuietHours | None = None
    """When nothing is sent; None for no such hours."""
    _sent_at: float = -inf

    def select(self, waiting: Sequence[Delivery], now: float) -> Selection:
        """Select all that waits, unless the interval or the quiet hours forbid it."""
        if not waiting:
            return Selection()
        quiet = 0.0 if self.quiet is None else self.quiet.left(now)
        since = now - self._sent_at
        pause = self.interval - since if 0 <= since < self.interval else 0.0  # a clock that is set back delays nothing
        wait = max(quiet, pause)
        return Selection(wait=wait) if wait else Selection(tuple(waiting))

    def sent(self, now: float) -> None:
        """Start the interval."""
        self._sent_at = now
