"""Reads and writes ``events.db``. For the thread of the connection."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf

from kpstream.delivery.outbox import Document, Outbox

MARKS = ("seen", "false_alarm", "keep")
"""What people say of an event."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event, and how people marked it."""

    document: Document
    at: float
    """When the event began, in seconds since the epoch; when it was stored where it has no wall clock."""
    seen: bool = False
    false_alarm: bool = False
    keep: bool = False
    """Whether the retention never removes it."""
    bytes: int = 0
    """Bytes of its snapshot and its clip."""
    changed: int = 0
    """The number of its last change; every change of any event gets the next number."""

    @property
    def id(self) -> str:
        """Its identity."""
        return str(self.document["event"])


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events to read; None matches all. Times are seconds since the epoch."""

    since: float = -inf
    before: float = inf
    camera: str | None = None
    rule: str | None = None
    severity: str | None = None
    limit: int | None = None
    """The newest ``limit`` of them; None for all."""
    seen: bool | None = None
    before_id: str = ""
    """Also the events that began exactly at `before` and whose identity is smaller: the next page of a list."""


class EventDatabase:
    """The events, and which rules are armed. A ``with`` block is one transaction.

    Args:
        connection: From `kpstream.delivery.schema.SCHEMA`; closed with this.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.outbox = Outbox(connection)
        """The queues of what is not delivered yet."""

    def __enter__(self) -> EventDatabase:
        self._connection.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def put(self, document: Document, at: float, size: int = 0) -> None:
        """Add an event, or replace it by its new state.

        Args:
            document: The event as of now.
            at: When it was stored, in seconds since the epoch; used where the event has no wall clock.
            size: Bytes that were added beside the database.
        """
        began = document["began_at"]
        values = {
            "id": document["event"],
            "camera": document["camera"],
            "rule": document["rule"],
            "severity": document["severity"],
            "state": document["state"],
            "at": at if began is None else datetime.fromisoformat(began).timestamp(),
            "document": json.dumps(document, separators=(",", ":"), ensure_ascii=False),
            "bytes": size,
        }
        self._connection.execute(
            "INSERT INTO event (id, camera, rule, severity, state, at, document, bytes) "
            "VALUES (:id, :camera, :rule, :severity, :state, :at, :document, :bytes) ON CONFLICT (id) DO UPDATE SET "
            "state = excluded.state, document = excluded.document, bytes = bytes + excluded.bytes",
            values,
        )
        self._number(str(document["event"]))

    def event(self, event_id: str) -> StoredEvent | None:
        """One event; None where there is none."""
        found = self._select("WHERE id = ?", [event_id])
        return found[0] if found else None

    def events(self, query: EventQuery = EventQuery()) -> list[StoredEvent]:
        """The events that a query matches, the oldest first."""
        wanted = {"camera": query.camera, "rule": query.rule, "severity": query.severity, "seen": query.seen}
        named = {name: value for name, value in wanted.items() if value is not None}
        conditions = ["at >= ?", "(at, id) < (?, ?)", *(f"{name} = ?" for name in named)]
        values: list[object] = [query.since, query.before, query.before_id, *named.values()]
        limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
        return self._select(f"WHERE {' AND '.join(conditions)} ORDER BY at DESC, id DESC{limit}", values)[::-1]

    def open_events(self) -> list[StoredEvent]:
        """The events that have not ended."""
        return self._select("WHERE state != 'ended' ORDER BY at, id", [])

    def changes_after(self, number: int, limit: int) -> list[StoredEvent]:
        """The events that changed after change ``number``, in the order of their changes, ``limit`` at most."""
        return self._select(f"WHERE changed > ? ORDER BY changed LIMIT {int(limit)}", [number])

    def last_change(self) -> int:
        """The number of the last change; 0 before the first."""
        return int(self._connection.execute("SELECT number FROM change").fetchone()[0])

    def names(self) -> tuple[list[str], list[str]]:
        """The cameras and the rules of which there are events, in order."""
        cameras = self._connection.execute("SELECT DISTINCT camera FROM event ORDER BY camera")
        rules = self._connection.execute("SELECT DISTINCT rule FROM event ORDER BY rule")
        return [name for (name,) in cameras], [name for (name,) in rules]

    def unseen(self) -> int:
        """How many events are not marked as seen."""
        return int(self._connection.execute("SELECT count(*) FROM event WHERE NOT seen").fetchone()[0])

    def grow(self, event_id: str, size: int) -> None:
        """Add to the bytes that an event takes beside the database."""
        self._connection.execute("UPDATE event SET bytes = bytes + ? WHERE id = ?", [size, event_id])
        self._number(event_id)

    def mark(self, event_id: str, **marks: bool) -> None:
        """Mark an event as ``seen``, ``false_alarm`` or ``keep``."""
        assert marks.keys() <= set(MARKS)
        for name, value in marks.items():
            self._connection.execute(f"UPDATE event SET {name} = ? WHERE id = ?", [value, event_id])  # noqa: S608
        self._number(event_id)

    def ended(self) -> Iterable[tuple[str, float]]:
        """The events that have ended, the oldest first: identity and time."""
        return self._connection.execute("SELECT id, at FROM event WHERE state = 'ended' ORDER BY at, id")

    def total_bytes(self) -> int:
        """Bytes beside the database of all events."""
        return int(self._connection.execute("SELECT total(bytes) FROM event").fetchone()[0])

    def removable_bytes(self, event_id: str) -> int | None:
        """Bytes of an event beside the database; None where the retention must keep it, or it is not there."""
        query = "SELECT bytes FROM event WHERE id = ? AND state = 'ended' AND NOT keep"
        row = self._connection.execute(query, [event_id]).fetchone()
        return None if row is None else int(row[0])

    def remove(self, event_ids: Sequence[str]) -> None:
        """Remove events."""
        self._connection.executemany("DELETE FROM event WHERE id = ?", [(event_id,) for event_id in event_ids])

    def armed(self) -> dict[tuple[str, str], bool]:
        """What people armed and disarmed, by camera and rule; an empty rule is the camera as a whole."""
        rows = self._connection.execute("SELECT camera, rule, armed FROM arming")
        return {(camera, rule): bool(armed) for camera, rule, armed in rows}

    def arm(self, camera: str, rule: str, armed: bool) -> None:
        """Store whether a rule of a camera is armed; an empty rule is the camera as a whole."""
        self._connection.execute("INSERT OR REPLACE INTO arming VALUES (?, ?, ?)", [camera, rule, armed])

    def count(self) -> tuple[int, int]:
        """How many events there are, and how many of them are open."""
        row = self._connection.execute(
            "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM event WHERE state != 'ended')"
        ).fetchone()
        return int(row[0]), int(row[1])

    def close(self) -> None:
        """Release the file. Idempotent."""
        self._connection.close()

    def _number(self, event_id: str) -> None:
        """Number the change of an event that was just made."""
        self._connection.execute("UPDATE change SET number = number + 1")
        self._connection.execute("UPDATE event SET changed = (SELECT number FROM change) WHERE id = ?", [event_id])

    def _select(self, rest: str, values: Sequence[object]) -> list[StoredEvent]:
        rows = self._connection.execute(
            f"SELECT document, at, seen, false_alarm, keep, bytes, changed FROM event {rest}",  # noqa: S608 - no user's text
            values,
        )
        return [
            StoredEvent(json.loads(document), at, bool(seen), bool(false_alarm), bool(keep), size, changed)
            for document, at, seen, false_alarm, keep, size, changed in rows
        ]
