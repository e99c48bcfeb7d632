"""A pool of threads that grows to the number of jobs at once, and shrinks again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from typing import Generic, TypeVar

from kpstream.channel import Channel, Closed, Deadline

J = TypeVar("J")


class Workers(Generic[J]):
    """Does jobs on threads of its own; a thread that had no job for a while ends.

    Args:
        work: Does one job; called in any of the threads.
        on_error: Given what ``work`` raised, in the thread that raised it, which ends.
        name: The threads are called ``NAME-0`` and so on.
        idle_timeout: Seconds after which a thread without a job ends.
    """

    def __init__(
        self,
        work: Callable[[J], None],
        on_error: Callable[[BaseException], None],
        *,
        name: str,
        idle_timeout: float = 10.0,
    ) -> None:
        self._work = work
        self._on_error = on_error
        self._name = name
        self._idle_timeout = idle_timeout
        self._jobs: Channel[J] = Channel(1024)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._unfinished = 0
        self._numbers = count()

    def submit(self, job: J) -> None:
        """Have a job done; blocks only while a thousand jobs wait already.

        Where the system allows no more threads, those that there are do it.

        Raises:
            Closed: `close` was called.
            RuntimeError: The system allows not a single thread.
        """
        self._jobs.put(job)
        with self._lock:
            self._unfinished += 1
            if len(self._threads) < self._unfinished:
                name = f"{self._name}-{next(self._numbers)}"
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._threads.add(thread)
                try:
                    thread.start()
                except RuntimeError:  # no more are allowed
                    self._threads.discard(thread)
                    if not self._threads:
                        raise

    def stop(self) -> list[J]:
        """Begin no further job; returns the jobs that were not begun. Idempotent; any thread."""
        self._jobs.close()
        return self._jobs.drain()

    def join(self, deadline: Deadline) -> None:
        """Wait for the threads to end after `stop`; blocks until the deadline at most."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(deadline.remaining())

    def _run(self) -> None:
        try:
            while (job := self._next()) is not None:
                self._do(job[0])
                del job  # a thread that waits keeps no picture
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - its owner raises it again in another thread
            self._on_error(error)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _do(self, job: J) -> None:
        try:
            self._work(job)
        finally:
            with self._lock:
                self._unfinished -= 1

    def _next(self) -> tuple[J] | None:
        while True:
            try:
                return (self._jobs.get(self._idle_timeout),)
            except TimeoutError:
                with self._lock:
                    if not len(self._jobs):  # `submit` puts a job before it counts threads: none is overlooked
                        self._threads.discard(threading.current_thread())
                        return None
