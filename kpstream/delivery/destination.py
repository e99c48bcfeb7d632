"""What events are delivered to: the face that all destinations have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import Policy

MOMENTS = frozenset({"line_crossing", "repetitions"})
"""Kinds of events that are one line, begun and ended at once."""


class DeliveryError(Exception):
    """It was not delivered; the text is for the user and holds no secret."""


class Unavailable(DeliveryError):
    """It may be delivered later.

    Args:
        message: One line.
        retry_after: Seconds that the destination asked to wait, where it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(DeliveryError):
    """This very message is not taken; others may be."""


class Gone(DeliveryError):
    """The destination wants nothing more, for ever."""


class Destination(Protocol):
    """Where events go. Its methods but `wants` are called by one thread, its own."""

    @property
    def name(self) -> str:
        """What its queue is called in the database: the same after a restart, and without any secret."""

    @property
    def policy(self) -> Policy:
        """Says what is sent next."""

    @property
    def backoff(self) -> Backoff:
        """Says when it is tried again."""

    def wants(self, document: Document) -> bool:
        """Whether an event in its present state goes there; never waits. Any thread."""

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver in one message; blocks, for seconds at most.

        Raises:
            Unavailable: Worth trying again.
            Refused: This message never will be taken.
            Gone: The destination wants nothing more.
        """

    def close(self) -> None:
        """Give up connections. Idempotent."""
