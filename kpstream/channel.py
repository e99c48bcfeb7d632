"""The only place where one thread hands something to another.

Closing is the one signal: it wakes whoever waits, on both sides, and it carries the error
that ended the stream, if one did. So no thread needs a stop flag, a sentinel or a poll.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Closed(Exception):
    """Nothing more can be put, or nothing is left to get."""


class Channel(Generic[T]):
    """A bounded, ordered, closable hand-over from threads to threads.

    Args:
        capacity: How many items it holds.
        drop_oldest: What a full channel does to `put`: drop its oldest item (a live
            source: the newest frame wins) or make it wait (a file: every frame counts).
    """

    def __init__(self, capacity: int, *, drop_oldest: bool = False) -> None:
        if capacity < 1:
            raise ValueError("capacity must be at least 1")
        self._capacity = capacity
        self._drop_oldest = drop_oldest
        self._items: deque[T] = deque()
        self._lock = threading.RLock()
        # Three, for each wake costs the lock and the interpreter: an item wakes one of those who wait for items.
        self._filled, self._has_room, self._ended = (threading.Condition(self._lock) for _ in range(3))
        self._closed = False
        self._error: BaseException | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were dropped to make room."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """Whether nothing more can be put; items may still be there to get."""
        return self._closed

    def put(self, item: T) -> None:
        """Add an item; a full channel makes room or makes the call wait.

        Raises:
            Closed: The channel is closed, or was closed while this call waited.
        """
        with self._lock:
            while not self._closed and len(self._items) >= self._capacity:
                if self._drop_oldest:
                    self._items.popleft()
                    self._dropped += 1
                else:
                    self._has_room.wait()
            if self._closed:
                raise Closed
            self._items.append(item)
            self._filled.notify()

    def offer(self, item: T) -> bool:
        """Add an item if there is room; never waits and never drops another.

        Returns:
            False where the channel is full or closed: the caller keeps the item.
        """
        with self._lock:
            if self._closed or len(self._items) >= self._capacity:
                return False
            self._items.append(item)
            self._filled.notify()
            return True

    def get(self, timeout: float | None = None) -> T:
        """Wait for the next item.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: Nothing came in time.
            Closed: The channel is closed and empty.
            BaseException: The error that the channel was closed with, once it is empty.
        """
        with self._lock:
            if not self._filled.wait_for(lambda: self._items or self._closed, timeout):
                raise TimeoutError
            if self._items:
                item = self._items.popleft()
                self._has_room.notify()
                return item
            raise self._error if self._error is not None else Closed

    def get_all(self, timeout: float | None = None) -> list[T]:
        """Wait for the next item, and take all that are there.

        Args:
            timeout: Seconds to wait at most; None waits for ever.

        Raises:
            TimeoutError: Nothing came in time.
            Closed: The channel is closed and empty.
            BaseException: The error that the channel was closed with, once it is empty.
        """
        with self._lock:
            items = [self.get(timeout)]
            items += self._items
            self._items.clear()
            self._has_room.notify_all()
            return items

    def drain(self) -> list[T]:
        """Take what is there without waiting.

        Raises:
            BaseException: The error that the channel was closed with, once it is empty.
        """
        with self._lock:
            items = list(self._items)
            self._items.clear()
            self._has_room.notify_all()
            if not items and self._error is not None:
                raise self._error
            return items

    def close(self, error: BaseException | None = None) -> None:
        """End the stream; what is in it can still be taken. Only the first call counts."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._error = error
                for waiting in (self._filled, self._has_room, self._ended):
                    waiting.notify_all()

    def wait_closed(self, timeout: float) -> bool:
        """Sleep for ``timeout`` seconds, or until the channel is closed; True where it is."""
        with self._ended:
            return self._ended.wait_for(lambda: self._closed, timeout)

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                yield self.get()
            except Closed:
                return

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"<Channel {len(self._items)}/{self._capacity} {state}, {self._dropped} dropped>"


class Deadline:
    """One time limit for several steps.

    Args:
        timeout: Seconds for all of them together.
    """

    def __init__(self, timeout: float) -> None:
        self._ends_at = time.monotonic() + timeout

    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._ends_at - time.monotonic())

    def left(self) -> float:
        """Seconds left, for a wait that must not begin where there are none.

        Raises:
            TimeoutError: None are left.
        """
        seconds = self.remaining()
        if not seconds:
            raise TimeoutError
        return seconds
