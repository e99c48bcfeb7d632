"""Events as rules give them, and a store that is closed at the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import numpy as np

from kpstream.delivery import Deliveries, EventQuery, EventRecorder, EventStore, StoredEvent
from kpstream.delivery.backoff import Backoff
from kpstream.delivery.destination import Destination
from kpstream.delivery.event_media import EventMedia
from kpstream.delivery.outbox import Delivery, Document
from kpstream.delivery.selection import InOrder, Policy
from kpstream.entities import Event, Frame, Image, Scene
from kpstream.events import InZone, Listener, Rule, RuleSet, Zone
from kpstream.render import PoseAnnotator

BEGAN = datetime(2026, 11, 28, 6, 20, 1, 250_000, tzinfo=UTC)
RULES = RuleSet(
    (Rule("hand in press", InZone("press")), Rule("spare", InZone("press"), armed=False)),
    {"press": Zone("press", ((0.4, 0.3), (0.7, 0.3), (0.7, 0.8)))},
    {},
)


def opened(event_id: str = "e1", *, after: float = 0.0, **changes: Any) -> Event:
    """An event that has just opened, ``after`` seconds later than others."""
    event = Event(
        id=event_id,
        state="opened",
        rule="hand in press",
        kind="in_zone",
        severity="alert",
        camera="hall",
        tracker_ids=(3,),
        class_name="person",
        value=None,
        began_pts=12.3 + after,
        opened_pts=12.9 + after,
        ended_pts=None,
        frame_index=387,
        zone="press",
        began_at=BEGAN + timedelta(seconds=after),
        opened_at=BEGAN + timedelta(seconds=after + 0.6),
    )
    return replace(event, **changes)


def of_hall(store: EventStore, rules: RuleSet = RULES, listeners: Sequence[Listener] = (), **media: Any) -> EventMedia:
    """What the events of a camera are told to, which keeps them in a store."""
    recorder = EventRecorder(store, rules, camera="hall", listeners=listeners)
    return EventMedia(recorder, rules, **{"annotator": PoseAnnotator(), **media})


def ended(event: Event, lasted: float = 4.0) -> Event:
    """The same event, when it is over."""
    at = None if event.began_at is None else event.began_at + timedelta(seconds=lasted)
    return replace(event, state="ended", ended_pts=event.began_pts + lasted, ended_at=at)


def scene(level: int = 90, size: tuple[int, int] = (64, 48)) -> Scene:
    """A picture of one brightness, of nobody."""
    image = cast("Image", np.full((size[1], size[0], 3), level, np.uint8))
    return Scene(Frame(0, 0.0, 0.0, image), ())


@contextmanager
def stored(folder: Path, **options: Any) -> Iterator[EventStore]:
    """A store that is open."""
    store = EventStore(folder, **options)
    store.open()
    try:
        yield store
    finally:
        store.close()


def events_in(store: EventStore, query: EventQuery | None = None) -> list[StoredEvent]:
    """What is in the database right now."""
    database = store.reader()
    try:
        return database.events(query or EventQuery())
    finally:
        database.close()


@dataclass
class FakeDestination:
    """Takes what it is sent, or says what the script says."""

    script: list[Exception] = field(default_factory=list)
    name: str = "fake"
    policy: Policy = field(default_factory=InOrder)
    backoff: Backoff = field(default_factory=lambda: Backoff(0.01, 0.01))
    open_fails: list[Exception] = field(default_factory=list)
    hold: threading.Event | None = None
    """It hangs until this is set."""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """Event and state of all that was taken."""
    messages: int = 0
    is_closed: bool = False

    def wants(self, document: Document) -> bool:
        return True

    def open(self) -> None:
        if self.open_fails:
            raise self.open_fails.pop(0)

    def send(self, deliveries: Sequence[Delivery]) -> None:
        if self.hold is not None:
            self.hold.wait(20)
        if self.script:
            raise self.script.pop(0)
        self.messages += 1
        self.sent += [(delivery.event_id, delivery.state) for delivery in deliveries]

    def close(self) -> None:
        self.is_closed = True


@contextmanager
def delivering(folder: Path, *destinations: Destination, **options: Any) -> Iterator[tuple[EventStore, Deliveries]]:
    """A store that delivers to destinations."""
    with stored(folder, destinations={each.name: each.wants for each in destinations}, **options) as store:
        deliveries = Deliveries(store, destinations)
        deliveries.start()
        try:
            yield store, deliveries
        finally:
            deliveries.close()


def delivery(event: Event, number: int = 1, at: float = 0.0) -> Delivery:
    """An event in the outbox."""
    return Delivery(number, event.id, event.state, json.dumps(event.to_json()), at)
