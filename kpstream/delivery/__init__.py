"""Stores events with their snapshots and clips, and delivers them to brokers, addresses, people and programs."""

from kpstream.delivery.database import EventDatabase, EventQuery, StoredEvent
from kpstream.delivery.recorder import EventRecorder
from kpstream.delivery.store import EventStore, open_to_read, read_from
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
    "read_from",
]
