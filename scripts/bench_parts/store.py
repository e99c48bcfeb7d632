"""Ten thousand events: how long they take to be stored, listed and delivered."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench_parts.processes import say
from kpstream.delivery import Deliveries, EventQuery, EventStore, open_to_read
from kpstream.delivery.backoff import Backoff
from kpstream.delivery.listing import csv_lines, json_lines, table_lines
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import InOrder
from kpstream.testing import wait_until

EVENTS = 10_000
_CHUNK = 2_000
_LIMIT = 600.0
_NOW = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass(frozen=True)
class StoreTimes:
    """Seconds for ten thousand events."""

    stored: float
    listed: float
    """All of them read, as a table, as JSON lines and as CSV."""
    page: float
    """The newest hundred of one camera, with counts."""
    delivered: float
    """All that waited, one after the other, each taken out of the queue for good before the next."""


@dataclass
class _Taker:
    """Takes everything at once."""

    name: str = "taker"
    policy: InOrder = field(default_factory=InOrder)
    backoff: Backoff = field(default_factory=lambda: Backoff(5.0, 60.0))
    taken: int = 0

    def wants(self, document: Document) -> bool:  # noqa: ARG002
        return True

    def open(self) -> None:
        pass

    def send(self, deliveries: Sequence[Delivery]) -> None:
        self.taken += len([delivery.document for delivery in deliveries])

    def close(self) -> None:
        pass


def measure(folder: Path) -> StoreTimes:
    """Fill a store, read it, and deliver all of it."""
    say(f"store of {EVENTS} events")
    taker, times = _Taker(), dict[str, float]()
    store = EventStore(folder / "store", destinations={taker.name: taker.wants})
    store.open()
    with closing(store):
        with _timed(times, "stored"):
            for number in range(EVENTS):
                store.put(_event(number))
                if number % _CHUNK == _CHUNK - 1:
                    store.write(lambda _: None)
        with _timed(times, "listed"), closing(open_to_read(store.folder)) as database:
            for lines in (table_lines, json_lines, csv_lines):
                assert sum(1 for _ in lines(database.events())) >= EVENTS
        with _timed(times, "page"), closing(open_to_read(store.folder)) as database:
            assert len(database.events(EventQuery(camera="hall 3", limit=100))) == 100
            database.count(), database.names(), database.unseen()
        deliveries = Deliveries(store, [taker])
        with _timed(times, "delivered"), closing(deliveries):
            deliveries.start()
            wait_until(lambda: taker.taken >= EVENTS, within=_LIMIT)
    return StoreTimes(**times)


@contextmanager
def _timed(times: dict[str, float], name: str) -> Iterator[None]:
    began_at = time.monotonic()
    yield
    times[name] = time.monotonic() - began_at


def _event(number: int) -> dict[str, Any]:
    at = (_NOW + timedelta(seconds=number)).isoformat(timespec="milliseconds")
    return {
        "event": f"{number:032x}", "state": "ended", "rule": f"rule {number % 7}", "kind": "in_zone",
        "severity": "alert", "camera": f"hall {number % 5}", "tracker_ids": [number], "class": "person", "value": None,
        "began_at": at, "opened_at": at, "ended_at": at, "began_pts": float(number), "opened_pts": number + 0.5,
        "ended_pts": number + 2.0, "frame_index": 30 * number, "zone": "press", "snapshot": None, "clip": None,
    }  # fmt: skip
