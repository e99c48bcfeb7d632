"""What becomes of events, as server-sent events: each change once, also for whoever comes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from kpstream.delivery import EventStore, StoredEvent
from kpstream.delivery.listing import with_marks
from kpstream.errors import SourceOpenError
from kpstream.web.documents import compact

MAX_LISTENERS = 64
_AT_ONCE = 200
_KEEP_ALIVE = 15.0
_RETRY = b"retry: 2000\n\n"
"""Milliseconds after which a browser comes back."""


class EventStream:
    """Tells listeners of every change of an event. All but `close` is for the event loop's thread.

    Args:
        store: Open.
        keep_alive: Seconds of silence after which a comment is sent.
    """

    def __init__(self, store: EventStore, *, keep_alive: float = _KEEP_ALIVE) -> None:
        self._store = store
        self._keep_alive = keep_alive
        self._wakeups: set[asyncio.Event] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        store.when_stored(self._wake)

    @property
    def full(self) -> bool:
        """Whether nobody more may listen."""
        return len(self._wakeups) >= MAX_LISTENERS

    async def changes(self, last: int | None) -> AsyncIterator[bytes]:
        """Every change from now on, or from the change of a number on; ends when the page is closed.

        Args:
            last: The number of the last change that the listener knows; None, or one that was never given, for now.
        """
        self._loop, wakeup = asyncio.get_running_loop(), asyncio.Event()
        self._wakeups.add(wakeup)
        try:
            newest = await self._newest()
            seen = newest if last is None or last > newest else last
            yield _RETRY
            while not self._closed:
                wakeup.clear()
                found = await run_in_threadpool(self._changes, seen)
                if found:
                    seen = found[-1].changed
                    yield b"".join(map(_message, found))
                elif not await self._wait_for_change(wakeup):
                    yield b": still here\n\n"
        except SourceOpenError:  # the listener comes back, and then is told why it cannot be served
            return
        finally:
            self._wakeups.discard(wakeup)

    def close(self) -> None:
        """Let all listeners go. Any thread."""
        self._closed = True
        self._wake()

    async def _newest(self) -> int:
        return await run_in_threadpool(self._store.read, lambda database: database.last_change())

    def _changes(self, seen: int) -> list[StoredEvent]:
        return self._store.read(lambda database: database.changes_after(seen, _AT_ONCE))

    async def _wait_for_change(self, wakeup: asyncio.Event) -> bool:
        """Wait until something was stored; False where nothing is for a while."""
        try:
            async with asyncio.timeout(self._keep_alive):
                await wakeup.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the page is closed; the store goes on
                self._loop.call_soon_threadsafe(self._wake_all)

    def _wake_all(self) -> None:
        for wakeup in self._wakeups:
            wakeup.set()

    def __repr__(self) -> str:
        return f"<EventStream of {self._store!r}, {len(self._wakeups)} listeners>"


def _message(event: StoredEvent) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (event.changed, compact(with_marks(event)))
