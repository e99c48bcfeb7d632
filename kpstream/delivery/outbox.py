"""The queues of what is not delivered yet, one for each destination, in the database of the events."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]
"""An event as `Event.to_json` gives it."""

_FORGET_AFTER = 7 * 86400.0
"""Seconds for which the queue of a destination that the configuration no longer names is kept."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event in one of its states, for one destination."""

    id: int
    """A number that grows and is never used again."""
    event_id: str
    """The event's identity."""
    state: str
    """The event's state: opened, updated or ended."""
    text: str
    """The event as it was then, as JSON; read only when it is delivered, for many may wait."""
    at: float
    """When it was stored, in seconds since the epoch."""

    @property
    def document(self) -> Document:
        """The event as it was then."""
        document: Document = json.loads(self.text)
        return document


@dataclass(frozen=True, slots=True)
class Depth:
    """How many deliveries wait for one destination."""

    count: int = 0
    oldest_at: float | None = None
    """When the oldest delivery was stored, in seconds since the epoch; None where none waits."""


class Outbox:
    """The queues of all destinations. For the thread of its connection.

    Args:
        connection: Of the events' database.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, destination: str, document: Document, at: float) -> None:
        """Put an event at the end of a queue, and drop an older change of the same event that waits there.

        Nothing waits for a destination that takes no message any more.
        """
        event, state = document["event"], document["state"]
        if state != "opened":
            self._connection.execute(
                "DELETE FROM delivery WHERE destination = ? AND event = ? AND state = 'updated'", [destination, event]
            )
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        self._connection.execute(
            "INSERT INTO delivery (destination, event, state, document, at) SELECT ?, ?, ?, ?, ? "
            "WHERE NOT EXISTS (SELECT * FROM destination WHERE name = ?)",
            [destination, event, state, text, at, destination],
        )

    def waiting(self, destination: str, limit: int) -> list[Delivery]:
        """The first deliveries of a queue, ``limit`` at most."""
        rows = self._connection.execute(
            "SELECT id, event, state, document, at FROM delivery WHERE destination = ? ORDER BY id LIMIT ?",
            [destination, limit],
        )
        return [Delivery(*row) for row in rows]

    def take_out(self, numbers: Iterable[int]) -> None:
        """Drop deliveries that are delivered or superseded."""
        self._connection.executemany("DELETE FROM delivery WHERE id = ?", [(number,) for number in numbers])

    def depths(self) -> dict[str, Depth]:
        """How many deliveries wait, by destination; empty queues are left out."""
        rows = self._connection.execute("SELECT destination, count(*), min(at) FROM delivery GROUP BY destination")
        return {name: Depth(count, oldest) for name, count, oldest in rows}

    def give_up(self, destination: str, reason: str) -> None:
        """Note that a destination takes no message any more, and why; empty its queue."""
        self._connection.execute("INSERT OR REPLACE INTO destination VALUES (?, ?)", [destination, reason])
        self._connection.execute("DELETE FROM delivery WHERE destination = ?", [destination])

    def gone(self) -> dict[str, str]:
        """The destinations that take no message any more, and why."""
        return dict(self._connection.execute("SELECT name, gone FROM destination"))

    def forget_others(self, destinations: Sequence[str], now: float) -> None:
        """Drop deliveries that have waited for a week for destinations other than these."""
        names = ", ".join("?" * len(destinations))
        self._connection.execute(
            f"DELETE FROM delivery WHERE destination NOT IN ({names}) AND at < ?",  # noqa: S608 - marks alone
            [*destinations, now - _FORGET_AFTER],
        )
