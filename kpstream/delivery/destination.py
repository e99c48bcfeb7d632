"""The interface of all that events are delivered to, and the errors that end an attempt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from kpstream.delivery.backoff import Backoff
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import Policy
from kpstream.events import Listener, RuleSet


class DeliveryError(Exception):
    """A message was not delivered; the text is for the user and holds no secret."""


class Unavailable(DeliveryError):
    """The destination may take the message later.

    Args:
        message: One line for the user.
        retry_after: Seconds that the destination asked to wait; None where it did not ask.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(DeliveryError):
    """The destination never takes this message, but may take others."""


class Gone(DeliveryError):
    """The destination takes no message any more."""


@runtime_checkable
class Follower(Protocol):
    """A destination that also shows the present state of each camera. Any thread; no method waits."""

    def follow(self, camera: str, rules: RuleSet, arm: Callable[[bool], None], *, armed: bool) -> Listener:
        """Show a camera from now on.

        Args:
            camera: The camera's name.
            rules: The camera's own.
            arm: Arms and disarms the camera.
            armed: Whether the camera is armed.

        Returns:
            The listener that the camera's events are given to.
        """

    def leave(self, camera: str) -> None:
        """Show a camera no more, until it is followed again."""

    def show_armed(self, camera: str, armed: bool) -> None:
        """Show whether a camera is armed."""

    def count(self, camera: str, zone: str, number: int) -> None:
        """Show how many people are in a zone."""


class Destination(Protocol):
    """Takes events. One thread, the destination's own, calls its methods; any thread may call `wants`."""

    @property
    def name(self) -> str:
        """The name of the queue in the database: the same after a restart, and without any secret."""

    @property
    def policy(self) -> Policy:
        """Decides what is sent next."""

    @property
    def backoff(self) -> Backoff:
        """Decides when a failed attempt is repeated."""

    def wants(self, document: Document) -> bool:
        """Whether the destination takes an event in its present state; never waits. Any thread."""

    def open(self) -> None:
        """Prepare for sending, as by starting to connect; never waits."""

    def send(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver some events in one message; blocks for some seconds at most.

        Raises:
            Unavailable: The destination may take the message later.
            Refused: The destination never takes this message.
            Gone: The destination takes no message any more.
        """

    def close(self) -> None:
        """Close the connections. Idempotent."""
