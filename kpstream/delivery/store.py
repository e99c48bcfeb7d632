"""The event store: a folder with ``events.db``, snapshots and clips, written by one thread.

A caller that stores an event never waits. The event is in the database milliseconds later, and outlives a kill or a
power cut from then on. While the disk is full or gone, the store waits for it, and new events wait in memory.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from math import inf
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from kpstream.delivery.database import EventDatabase
from kpstream.delivery.media import media_paths
from kpstream.delivery.outbox import Document
from kpstream.delivery.salvage import salvaged_clip
from kpstream.delivery.schema import FILE_NAME, SCHEMA
from kpstream.delivery.snapshot import PARTS, write_snapshot
from kpstream.delivery.writer import DatabaseWriter, Write
from kpstream.errors import SinkError, SourceOpenError
from kpstream.events import INSTANT_KINDS
from kpstream.paths import why_hidden
from kpstream.redact import redact
from kpstream.sinks.output import check_writable, sink_error
from kpstream.sinks.retention import age_limit
from kpstream.sinks.room import DiskUsage, check_room
from kpstream.sqlite_schema import sqlite_fault

T = TypeVar("T")
Wants = Callable[[Document], bool]
"""Whether a destination wants an event in its present state."""
Snapshot = Callable[[], bytes]
"""Encodes the picture of an event as a JPEG; blocks for some milliseconds."""

_PICTURES = 8
"""Pictures that may wait to become snapshots, each with some megabytes."""
_RETAIN_EVERY = 60.0
_STEP_BACK = 1.0
"""Seconds by which the wall clock must be set back to have been wrong."""
_CLOSES_WITHIN = 5.0
_NONE: Mapping[str, Wants] = MappingProxyType({})
_log = logging.getLogger("kpstream")


class EventStore:
    """Stores events, their snapshots and how people mark them. Any thread.

    Args:
        folder: The store's folder; made where it is missing.
        keep: Seconds for which an event is kept; None for ever. The age of what ends here is measured, and what was
            there before is as old as it says, but no younger than this object: the wall clock may jump. One that is
            ahead from the start has ten minutes to be set (`age_limit`), while there is room.
        keep_size: Bytes that snapshots and clips may take together; None for no limit.
        destinations: By name, which events each destination takes.
        wall_clock: Seconds since the epoch.
        clock: Monotonic seconds.
        disk_usage: Bytes of the disk under a folder, in all and free.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep: float | None = None,
        keep_size: int | None = None,
        destinations: Mapping[str, Wants] = _NONE,
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        disk_usage: DiskUsage = shutil.disk_usage,
    ) -> None:
        self.folder = Path(folder)
        self._keep = inf if keep is None else keep
        self._keep_size = inf if keep_size is None else keep_size
        self._wall_clock, self._clock, self._disk_usage = wall_clock, clock, disk_usage
        # By the monotonic clock, and what the wall clock was ahead of it: at the start, or less.
        self._began_at = clock()
        self._wall_offset = wall_clock() - self._began_at
        self._ended_at: dict[str, float] = {}  # of all that have ended, the oldest first; where anything is removed
        self._retained_at = -inf
        self._destinations = dict(destinations)
        self._armed: dict[tuple[str, str], bool] = {}
        self._when_stored: tuple[Callable[[], None], ...] = ()
        self._opened: Counter[tuple[str, str]] = Counter()
        self._writer = DatabaseWriter(
            self.folder, on_written=self._notify_stored, on_tick=self._retain, disk_usage=disk_usage
        )
        self._pictures = threading.BoundedSemaphore(_PICTURES)
        self._lock: sqlite3.Connection | None = None

    @property
    def trouble(self) -> str:
        """Why events wait to be stored, in words for the user; empty while none does."""
        return self._writer.trouble

    @property
    def opened(self) -> dict[tuple[str, str], int]:
        """How many events have opened since the start, by camera and rule."""
        return dict(self._opened)

    @property
    def lost(self) -> int:
        """How many changes were not stored, for too many waited for the disk."""
        return self._writer.lost

    def open(self) -> None:
        """Open the database, end what an earlier run left open, and start the thread ``kpstream-event-store``; blocks.

        Raises:
            SinkError: The folder or the database cannot be written, another program writes to it, or a newer one did.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise sink_error(self.folder, error) from None
        self._lock = _locked(self.folder / "events.lock")
        try:
            database = EventDatabase(SCHEMA.connect(self.folder / FILE_NAME))
            with database:
                self._begin(database)
        except BaseException as error:
            self._lock.close()
            if isinstance(error, sqlite3.Error):
                raise SinkError(f"{self.folder / FILE_NAME}: {error}") from None
            raise
        self._writer.start(database)

    def reader(self) -> EventDatabase:
        """Open a connection to read from; for the calling thread, which closes it.

        Raises:
            SourceOpenError: The database cannot be read.
        """
        return open_to_read(self.folder)

    def read(self, ask: Callable[[EventDatabase], T]) -> T:
        """Run a query on a connection of its own; blocks for as long as the query takes.

        Raises:
            SourceOpenError: The database cannot be read.
        """
        return read_from(self.folder, ask)

    def put(self, document: Document, snapshot: Snapshot | None = None) -> None:
        """Store an event, or its new state; never waits.

        Args:
            document: The event as of now; where a snapshot is given, it names one.
            snapshot: Encodes its picture, in the thread of the store; `may_take_picture` allowed it.
        """
        now = self._wall_clock()
        if document["state"] == "opened" or document["kind"] in INSTANT_KINDS:
            self._opened[str(document["camera"]), str(document["rule"])] += 1

        size = 0

        def write(database: EventDatabase) -> None:
            nonlocal size
            if snapshot is not None:
                size += self._write_snapshot(document, snapshot)  # none where an attempt before had written it
            self._put(database, document, now, size)

        self._writer.offer(write, self._pictures.release if snapshot is not None else lambda: None)

    def write(self, write: Write, timeout: float | None = None) -> bool:
        """Have ``write`` write something else; blocks until it is written, for ``timeout`` seconds at most.

        Returns:
            Whether it is written.
        """
        return self._writer.write(write, timeout)

    def when_stored(self, call: Callable[[], None]) -> None:
        """Have ``call`` called in the store's thread whenever something was written; it must not wait."""
        self._when_stored = (*self._when_stored, call)

    def gone(self) -> Mapping[str, str]:
        """The destinations that take no message any more, and why; blocks.

        Raises:
            SourceOpenError: The database cannot be read.
        """
        return self.read(lambda database: database.outbox.gone())

    def may_take_picture(self) -> bool:
        """Reserve memory for a snapshot, which the caller must give to the next `put`; never waits.

        Returns:
            Whether there is room: not while many pictures wait.
        """
        return self._pictures.acquire(blocking=False)

    def mark(self, event_id: str, **marks: bool) -> None:
        """Mark an event as ``seen``, ``false_alarm`` or ``keep``; never waits."""
        self._writer.offer(lambda database: database.mark(event_id, **marks))

    def grow(self, event_id: str, size: int) -> None:
        """Add to the bytes that an event takes beside the database; never waits."""
        self._writer.offer(lambda database: database.grow(event_id, size))

    def arm(self, camera: str, rule: str, armed: bool) -> None:
        """Store whether a rule of a camera is armed, or with an empty rule the camera; never waits."""
        self._armed[camera, rule] = armed
        self._writer.offer(lambda database: database.arm(camera, rule, armed))

    def armed(self, camera: str) -> Mapping[str, bool]:
        """Which rules of a camera people armed and disarmed, by name; an empty name is the camera. Never waits."""
        return {rule: armed for (name, rule), armed in list(self._armed.items()) if name == camera}

    def close(self) -> None:
        """Store what waits, for five seconds at most, and release the files; blocks. Idempotent."""
        self._writer.close(_CLOSES_WITHIN)
        if self._lock is not None:
            self._lock.close()

    def _begin(self, database: EventDatabase) -> None:
        """End the events that an earlier run left open, with what there is of their clips, and drop old queues."""
        now = self._wall_clock()
        self._armed = database.armed()
        if self._retains:
            self._ended_at = {
                event_id: min(at - self._wall_offset, self._began_at) for event_id, at in database.ended()
            }
        database.outbox.forget_others(list(self._destinations), now)
        for event in database.open_events():
            found = salvaged_clip(self.folder, event.id)
            self._put(database, _cut(event.document, None if found is None else found[0]), event.at, 0)
            if found is not None:
                database.grow(event.id, found[1])
        for part in self.folder.glob(PARTS):
            with suppress(OSError):
                part.unlink()

    def _put(self, database: EventDatabase, document: Document, at: float, size: int) -> None:
        database.put(document, at, size)
        if self._retains and document["state"] == "ended":
            self._ended_at.pop(str(document["event"]), None)  # to be the last one
            self._ended_at[str(document["event"])] = self._clock()
        for name, wants in self._destinations.items():
            if wants(document):
                database.outbox.add(name, document, self._wall_clock())

    def _notify_stored(self) -> None:
        for call in self._when_stored:
            call()

    def _write_snapshot(self, document: Document, snapshot: Snapshot) -> int:
        try:
            return write_snapshot(self.folder / document["snapshot"], snapshot())
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - an event without its picture is better than none
            _log.warning("an event has no snapshot: %s: %s", type(error).__name__, redact(error))
            return 0

    @property
    def _retains(self) -> bool:
        return min(self._keep, self._keep_size) < inf

    def _retain(self, database: EventDatabase) -> None:
        if not self._retains or self._clock() - self._retained_at < _RETAIN_EVERY:
            return
        self._retained_at = self._clock()
        self._follow_the_wall_clock()
        try:
            going = self._outdated(database)
            for event_id in going:
                self._remove_files(database, event_id)
            with database:
                database.remove(going)
            for event_id in going:
                self._ended_at.pop(event_id, None)
        except sqlite3.Error as error:
            _log.debug("events were not removed: %s", error)

    def _follow_the_wall_clock(self) -> None:
        """Make what was there before less old where the wall clock was set back: it was ahead before."""
        ahead = self._wall_offset - (self._wall_clock() - self._clock())
        if ahead > _STEP_BACK:
            self._wall_offset -= ahead
            self._ended_at = {
                event_id: max(ended_at, min(ended_at + ahead, self._began_at))
                for event_id, ended_at in self._ended_at.items()
            }

    def _outdated(self, database: EventDatabase) -> list[str]:
        """Which events have to go; reads of the database no more than these and the next one."""
        before = self._age_limit()
        total = database.total_bytes() if self._keep_size < inf else 0
        going: list[str] = []
        for event_id, ended_at in self._ended_at.items():
            if ended_at >= before and total <= self._keep_size:
                break
            size = database.removable_bytes(event_id)
            if size is not None:
                going.append(event_id)
                total -= size
        return going

    def _age_limit(self) -> float:
        now = self._clock()
        limit = age_limit(self._ended_at.values(), keep=self._keep, began=self._began_at, now=now)
        if limit > -inf:
            return limit
        try:
            check_room(self.folder, reserves=2 if self.trouble else 1, disk_usage=self._disk_usage)
        except SinkError:
            return now - self._keep
        except OSError:  # the folder is gone, and all in it
            pass
        return limit

    def _remove_files(self, database: EventDatabase, event_id: str) -> None:
        event = database.event(event_id)
        if event is None:
            return
        for path in media_paths(event_id, (event.document["snapshot"], event.document["clip"])):
            try:
                (self.folder / path).unlink(missing_ok=True)
            except OSError as error:
                _log.debug("not removed: %s", sink_error(self.folder / path, error))

    def __repr__(self) -> str:
        return f"<EventStore {self.folder}, {len(self._writer)} waiting{', in trouble' if self.trouble else ''}>"


def open_to_read(folder: Path) -> EventDatabase:
    """Open the database of a store to read, also while another program writes to it; the caller closes it.

    Raises:
        SourceOpenError: There is no store, or it cannot be read.
    """
    path = folder / FILE_NAME
    if reason := why_hidden(path):
        raise SourceOpenError(f"cannot open {path}: {reason}")
    if not path.is_file():
        raise SourceOpenError(f"{folder}: there is no event store in it; --event-store makes one")
    try:
        return EventDatabase(SCHEMA.connect_to_read(path))
    except SinkError as error:
        raise SourceOpenError(str(error)) from None


def read_from(folder: Path, ask: Callable[[EventDatabase], T]) -> T:
    """Run a query on a store, on a connection of its own; blocks for as long as the query takes.

    Raises:
        SourceOpenError: There is no store, or it cannot be read.
    """
    with closing(open_to_read(folder)) as database:
        try:
            return ask(database)
        except sqlite3.Error as error:
            raise SourceOpenError(str(sqlite_fault(folder / FILE_NAME, error))) from None


def _locked(path: Path) -> sqlite3.Connection:
    """Lock a file against other programs, on every system, until this program ends in whatever way.

    Raises:
        SinkError: Another program has locked it, or it cannot be written.
    """
    lock = None
    try:
        lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
        lock.execute("PRAGMA journal_mode = MEMORY")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is None:
            check_writable(path)  # SQLite does not tell why it cannot be opened
        else:
            lock.close()
        if "locked" in str(error):
            raise SinkError(f"{path.parent}: another kpstream stores its events there: give each its own") from None
        raise sqlite_fault(path, error) from None
    return lock


def _cut(document: Document, clip: str | None) -> Document:
    """End an event that an earlier run left open, at the moment at which it opened, with what there is of its clip."""
    return {
        **document,
        "clip": clip,
        "state": "ended",
        "ended_at": document["opened_at"],
        "ended_pts": document["opened_pts"],
        "cut": True,
    }
