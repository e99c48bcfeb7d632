"""The thread that writes to the database of events, and waits while the disk is full or gone."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kpstream.channel import Channel, Closed
from kpstream.delivery.database import EventDatabase
from kpstream.errors import SinkError
from kpstream.options.units import count_text
from kpstream.redact import redact
from kpstream.sinks.output import sink_error
from kpstream.sinks.room import LOOK_EVERY, DiskUsage, check_room

Write = Callable[[EventDatabase], None]
"""Writes something; called again where the disk did not take it."""

_CAPACITY = 10_000
"""Jobs that may wait in memory for the disk."""
_TICK = 1.0
_DAMAGE = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class _Job:
    write: Write
    then: Callable[[], None]
    done: Channel[None] | None = None
    """Gets an item once the job is written, and is closed when it is written or given up."""


class DatabaseWriter:
    """Does the writes that it is given, in order, on the thread ``kpstream-event-store``.

    Args:
        folder: The folder of the database; its disk must have room.
        on_written: Called in that thread whenever something was written; it must not wait.
        on_tick: Called in that thread about once a second.
        disk_usage: Bytes of the disk under a folder, in all and free.
    """

    def __init__(
        self,
        folder: Path,
        *,
        on_written: Callable[[], None],
        on_tick: Callable[[EventDatabase], None],
        disk_usage: DiskUsage = shutil.disk_usage,
    ) -> None:
        self._folder = folder
        self._on_written, self._on_tick = on_written, on_tick
        self._disk_usage = disk_usage
        self._jobs: Channel[_Job] = Channel(_CAPACITY)
        self._thread: threading.Thread | None = None
        self._lost = 0
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why writes wait, in words for the user; empty while none does."""
        return self._trouble

    @property
    def lost(self) -> int:
        """Writes that were dropped because too many waited for the disk."""
        return self._lost

    def start(self, database: EventDatabase) -> None:
        """Start the thread, which closes the database at its end."""
        self._thread = threading.Thread(target=self._run, args=(database,), name="kpstream-event-store", daemon=True)
        self._thread.start()

    def offer(self, write: Write, then: Callable[[], None] = lambda: None) -> None:
        """Have something written soon; never waits. Any thread.

        Args:
            write: Writes it.
            then: Called once, when it is written or given up.
        """
        if self._jobs.offer(_Job(write, then)):
            return
        then()
        self._lost += 1
        if self._lost == 1 and not self._jobs.closed:
            _log.warning("%s: too many events wait for the disk: more are not stored, and only counted", self._folder)

    def write(self, write: Write, timeout: float | None = None) -> bool:
        """Have something written; blocks until it is. Any thread but the writer's own.

        Args:
            write: Writes it.
            timeout: Seconds to wait at most; None waits for as long as the disk takes.

        Returns:
            Whether it is written.
        """
        done: Channel[None] = Channel(1)
        job = _Job(write, lambda: None, done)
        try:
            if timeout is None:
                self._jobs.put(job)
            elif not self._jobs.offer(job):
                return False
            done.get(timeout)
        except (Closed, TimeoutError):
            return False
        return True

    def close(self, timeout: float) -> None:
        """Write what waits and end the thread; blocks for ``timeout`` seconds at most. Idempotent."""
        self._jobs.close()
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self, database: EventDatabase) -> None:
        try:
            while True:
                try:
                    self._commit(database, self._jobs.get_all(_TICK))
                except TimeoutError:
                    pass
                except Closed:
                    return
                self._on_tick(database)
        finally:
            database.close()

    def _commit(self, database: EventDatabase, jobs: list[_Job]) -> None:
        """Do all of the jobs, however long the disk takes; after `close` try once more and give up."""
        while jobs := self._attempt(database, jobs):
            self._on_tick(database)  # what goes for its age makes room
            if self._jobs.wait_closed(LOOK_EVERY):
                if jobs := self._attempt(database, jobs):
                    what = count_text(len(jobs), "change")
                    _log.warning("%s: not stored at the end: %s of events", self._folder, what)
                    _finish(jobs, written=False)
                return

    def _attempt(self, database: EventDatabase, jobs: list[_Job]) -> list[_Job]:
        """Do the jobs, in one transaction; those that still wait for the disk."""
        try:
            check_room(self._folder, reserves=2 if self._trouble else 1, disk_usage=self._disk_usage)
            with database:
                for job in jobs:
                    job.write(database)
        except SinkError as error:
            return self._pause(jobs, error)
        except OSError as error:
            return self._pause(jobs, sink_error(self._folder, error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the events of all cameras go on
            if isinstance(error, sqlite3.Error) and not isinstance(error, _DAMAGE):
                return self._pause(jobs, SinkError(f"{self._folder}: {error}"))
            if len(jobs) > 1:
                return self._attempt_each(database, jobs)
            _log.error("%s: %s - this is a fault of kpstream; an event is not stored", self._folder, redact(error))
            _finish(jobs, written=False)
            return []
        if self._trouble:
            self._trouble = ""
            _log.info("events are stored again: %s", self._folder)
        _finish(jobs, written=True)
        self._on_written()
        return []

    def _attempt_each(self, database: EventDatabase, jobs: list[_Job]) -> list[_Job]:
        """Do each job by itself, in order, for one of them is at fault; those that still wait for the disk."""
        for place, job in enumerate(jobs):
            if self._attempt(database, [job]):
                return jobs[place:]
        return []

    def _pause(self, jobs: list[_Job], error: SinkError) -> list[_Job]:
        if not self._trouble:
            _log.warning("events wait to be stored: %s", error)
        self._trouble = f"events wait to be stored: {error}"
        return jobs

    def __len__(self) -> int:
        return len(self._jobs)


def _finish(jobs: list[_Job], *, written: bool) -> None:
    """Call and wake those who wait for the jobs."""
    for job in jobs:
        job.then()
        if job.done is not None:
            if written:
                job.done.offer(None)
            job.done.close()
