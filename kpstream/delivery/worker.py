"""Delivers what waits in the outbox, on a thread for each destination, so that none delays another."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from kpstream.channel import Channel, Closed, Deadline
from kpstream.delivery.database import EventDatabase
from kpstream.delivery.destination import DeliveryError, Destination, Follower, Gone, Refused, Unavailable
from kpstream.delivery.outbox import Delivery, Depth
from kpstream.delivery.recorder import EventRecorder
from kpstream.delivery.store import EventStore
from kpstream.events import Listener, RuleSet
from kpstream.redact import redact

_AT_ONCE = 500
"""Deliveries that are read from the queue at once."""
_LONGEST_WAIT = 60.0
"""Seconds after which a queue is read again at the latest; also ends a wait whose wall clock was set back."""
_CLOSES_WITHIN = 3.0
_REFUSALS = 8
"""Refusals after which a message is dropped: with a back-off from 5 s that takes over twenty minutes."""
_log = logging.getLogger("kpstream")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """The figures of one destination since the start."""

    destination: str
    delivered: int
    failed: int
    """Attempts that failed."""
    depth: Depth
    trouble: str
    """Why nothing is delivered right now; empty while deliveries succeed."""


@dataclass(frozen=True, slots=True)
class DeliveryFigures:
    """The figures of the store and of all destinations."""

    events: int = 0
    open: int = 0
    opened: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """How many events have opened since the start, by camera and rule."""
    lost: int = 0
    """Changes that were not stored because too many waited for the disk."""
    trouble: str = ""
    """Why events wait to be stored; empty while none does."""
    queues: tuple[QueueFigures, ...] = field(default=())

    @property
    def troubles(self) -> list[str]:
        """What is wrong right now, in words for the user."""
        queues = [f"{queue.destination}: {queue.trouble}" for queue in self.queues if queue.trouble]
        return [self.trouble, *queues] if self.trouble else queues

    def oldest_undelivered(self, now: float) -> float:
        """Seconds for which the oldest delivery has waited; 0 where none waits, or the clock was set back meanwhile."""
        return max([0.0, *(now - queue.depth.oldest_at for queue in self.queues if queue.depth.oldest_at)])


class DeliveryWorker:
    """Delivers one queue, on the thread ``kpstream-deliver-NAME``.

    Args:
        store: The open store whose outbox is delivered.
        destination: Takes the deliveries; closed with this.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self, store: EventStore, destination: Destination, *, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._destination = destination
        self._wall_clock = wall_clock
        self._wakeup: Channel[None] = Channel(1)
        self._deadline: Deadline | None = None
        self._delivered = self._failed = 0
        self._trouble = ""
        self._refused = (0, 0)  # a delivery, and how often in a row
        self._thread = threading.Thread(target=self._run, name=f"kpstream-deliver-{destination.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """Have the queue read soon; never waits. Any thread."""
        self._wakeup.offer(None)

    def close(self, deadline: Deadline) -> None:
        """Have the thread deliver what waits until the deadline, unless the last attempt failed; never waits."""
        self._deadline = deadline
        self._wakeup.close()

    def join(self, deadline: Deadline) -> None:
        """Wait for the thread to end; blocks until the deadline at most. The next run delivers what is left."""
        self._thread.join(deadline.remaining())

    def figures(self, depth: Depth) -> QueueFigures:
        """How it is doing; any thread."""
        return QueueFigures(self._destination.name, self._delivered, self._failed, depth, self._trouble)

    def _run(self) -> None:
        with ExitStack() as stack:
            stack.callback(self._destination.close)
            database = self._retry(self._store.reader)
            if database is None:
                return
            stack.callback(database.close)
            if self._retry(self._open) is None:
                return
            while self._step(database):
                pass

    def _open(self) -> bool:
        self._destination.open()
        return True

    def _retry(self, attempt: Callable[[], T]) -> T | None:
        """Try something again and again, with back-off; None where the end comes first."""
        while True:
            try:
                made = attempt()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is this destination's alone
                if not self._back_off(error, None):
                    return None
            else:
                self._trouble = ""
                self._destination.backoff.succeeded()
                return made

    def _step(self, database: EventDatabase) -> bool:
        """Do the next thing; False where nothing is left to do."""
        destination = self._destination
        try:
            waiting = database.outbox.waiting(destination.name, _AT_ONCE)
        except sqlite3.Error as error:
            _log.warning("%s: the outbox cannot be read: %s", destination.name, error)
            return not self._wakeup.wait_closed(_LONGEST_WAIT)
        selection = destination.policy.select(waiting, self._wall_clock())
        if selection.superseded and not self._take_out(selection.superseded):
            return False
        if not selection.send:
            return self._wait(selection.wait)
        is_late = self._deadline is not None and (self._trouble or not self._deadline.remaining())
        return not is_late and self._send(selection.send)

    def _send(self, deliveries: tuple[Delivery, ...]) -> bool:
        """Try to deliver; False where nothing more is to be done."""
        try:
            self._destination.send(deliveries)
        except Refused as error:
            if not self._is_refused_for_good(deliveries[0].id):
                return self._back_off(error, None)
            self._failed += 1
            _log.warning("%s: an event is not delivered: %s", self._destination.name, redact(error))
            self._destination.backoff.succeeded()  # what comes next is another message
        except Gone as error:
            self._give_up(str(error))
            return False
        except Unavailable as error:
            return self._back_off(error, error.retry_after)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this destination's alone
            return self._back_off(DeliveryError(f"{type(error).__name__}: {error}"), None)
        else:
            self._succeeded(len(deliveries))
        return self._take_out([delivery.id for delivery in deliveries])

    def _is_refused_for_good(self, number: int) -> bool:
        """Count a refusal of a message; whether there were enough to go on with the next one."""
        number_before, count = self._refused
        self._refused = (number, count + 1 if number == number_before else 1)
        return self._refused[1] >= _REFUSALS

    def _succeeded(self, count: int) -> None:
        self._delivered += count
        self._destination.backoff.succeeded()
        self._destination.policy.sent(self._wall_clock())
        if self._trouble:
            self._trouble = ""
            _log.info("%s: events are delivered again", self._destination.name)

    def _back_off(self, error: Exception, retry_after: float | None) -> bool:
        self._failed += 1
        seconds = self._destination.backoff.failed(retry_after)
        text = redact(error)
        if not self._trouble:
            _log.warning("%s: events wait to be delivered: %s", self._destination.name, text)
        self._trouble = f"events wait to be delivered: {text}"
        return not self._wakeup.wait_closed(seconds)

    def _give_up(self, reason: str) -> None:
        name, text = self._destination.name, redact(reason)
        self._trouble = f"nothing more is delivered: {text}"
        _log.warning("%s: nothing more is delivered there: %s", name, text)
        self._store.write(lambda database: database.outbox.give_up(name, text))

    def _take_out(self, numbers: Sequence[int]) -> bool:
        """Take deliveries out of the queue; False where that cannot be, so that the next run delivers them again."""
        return self._store.write(lambda database: database.outbox.take_out(numbers))

    def _wait(self, seconds: float) -> bool:
        try:
            self._wakeup.get(min(seconds, _LONGEST_WAIT))
        except TimeoutError:
            pass
        except Closed:
            return False
        return True


class Deliveries:
    """The workers of a store, one for each destination that still wants events.

    Args:
        store: Open; it must know the same destinations.
        destinations: Closed with this.
        wall_clock: Seconds since the epoch.
    """

    def __init__(
        self,
        store: EventStore,
        destinations: Sequence[Destination],
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        gone = store.gone()
        self._followers = [each for each in destinations if isinstance(each, Follower) and each.name not in gone]
        for destination in destinations:
            if reason := gone.get(destination.name):
                _log.warning("%s: nothing is delivered there any more: %s", destination.name, reason)
        self._workers = {
            destination.name: DeliveryWorker(store, destination, wall_clock=wall_clock)
            for destination in destinations
            if destination.name not in gone
        }

    @property
    def store(self) -> EventStore:
        """Whose events are delivered."""
        return self._store

    def start(self) -> None:
        """Begin to deliver what waits, and what comes."""
        for worker in self._workers.values():
            worker.start()
        self._store.when_stored(self._wake)

    def recorder(self, rules: RuleSet, *, camera: str, listeners: Sequence[Listener] = ()) -> EventRecorder:
        """Make what stores the events of a camera; destinations that show its present state begin to.

        Args:
            rules: The camera's own.
            camera: Its name in the events.
            listeners: Told after the store.
        """
        recorder = EventRecorder(self._store, rules, camera=camera, listeners=listeners)
        for follower in self._followers:
            recorder.add(follower)
        return recorder

    def figures(self) -> DeliveryFigures:
        """How all is doing; blocks for as long as the database takes.

        Raises:
            SourceOpenError: The database cannot be read.
        """
        store = self._store
        (events, is_open), depths = store.read(lambda database: (database.count(), database.outbox.depths()))
        queues = tuple(worker.figures(depths.get(name, Depth())) for name, worker in self._workers.items())
        return DeliveryFigures(events, is_open, store.opened, store.lost, store.trouble, queues)

    def close(self, timeout: float = _CLOSES_WITHIN) -> None:
        """Deliver what waits, for that many seconds at most; the rest is delivered by the next run."""
        deadline = Deadline(timeout)
        self._store.write(lambda _: None, deadline.remaining())  # what was told last is in the outbox then
        for worker in self._workers.values():
            worker.close(deadline)
        for worker in self._workers.values():
            worker.join(deadline)

    def _wake(self) -> None:
        for worker in self._workers.values():
            worker.wake()
