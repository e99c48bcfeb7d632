"""What becomes of events: a store for them, and the ways on which they are delivered."""

from kpstream.delivery.database import EventDatabase, EventQuery, StoredEvent
from kpstream.delivery.recorder import EventRecorder
from kpstream.delivery.store import EventStore, open_to_read
from kpstream.delivery.worker import Deliveries, DeliveryFigures

__all__ = [
    "Deliveries",
    "DeliveryFigures",
    "EventDatabase",
    "EventQuery",
    "EventRecorder",
    "EventStore",
    "StoredEvent",
    "open_to_read",
]
