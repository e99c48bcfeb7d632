"""What events are delivered to: the face that all destinations have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import Policy
from kpstream.events import Listener, RuleSet


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


@runtime_checkable
class Follower(Protocol):
    """A destination that also shows how it is with a camera right now. Any thread; nothing here waits."""

    def follow(self, camera: str, rules: RuleSet, arm: Callable[[bool], None], *, armed: bool) -> Listener:
        """Begin with a camera.

        Args:
            camera: Its name.
            rules: Its own.
            arm: Arms and disarms it.
            armed: Whether it is.

        Returns:
            What is to be told its events.
        """

    def leave(self, camera: str) -> None:
        """Show a camera no more, until it is followed again."""

    def show_armed(self, camera: str, armed: bool) -> None:
        """Take in whether a camera is armed."""

    def count(self, camera: str, zone: str, number: int) -> None:
        """Take in how many are in a zone."""


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

    def open(self) -> None:
        """Begin, before anything is sent: connect, where a connection is kept; never waits."""

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver in one message; blocks, for seconds at most.

        Raises:
            Unavailable: Worth trying again.
            Refused: This message never will be taken.
            Gone: The destination wants nothing more.
        """

    def close(self) -> None:
        """Give up connections. Idempotent."""
