"""The event store: a folder with ``events.db``, snapshots and clips, written by one thread.

Whoever tells it something never waits. What is told is in the database milliseconds later, and outlives a kill or a
power cut from then on. A disk that is full or gone is waited for: what is told meanwhile waits in memory.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

from kpstream.channel import Channel, Closed, Deadline
from kpstream.delivery.database import Document, EventDatabase
from kpstream.delivery.media import media_paths
from kpstream.delivery.retention import outdated
from kpstream.delivery.schema import FILE_NAME, connect, connect_to_read
from kpstream.delivery.snapshot import write_snapshot
from kpstream.entities import Scene
from kpstream.errors import SinkError, SourceOpenError
from kpstream.sinks.output import sink_error
from kpstream.sinks.room import LOOK_EVERY, DiskUsage, check_room

Write = Callable[[EventDatabase], None]
"""Writes something; may be called again where the disk did not take it."""

_CAPACITY = 10_000
"""Changes that wait in memory for a disk."""
_PICTURES = 8
"""Pictures that may wait to become snapshots, each with some megabytes."""
_RETAIN_EVERY = 60.0
_TICK = 1.0
_CLOSES_WITHIN = 5.0
_DAMAGE = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class _Job:
    write: Write
    has_picture: bool = False


class EventStore:
    """Keeps events, their snapshots and what people say of them. Any thread.

    Args:
        folder: Made where it is missing.
        keep: Seconds for which an event is kept; None for ever.
        keep_size: Bytes that snapshots and clips may take together; None for no limit.
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
        wall_clock: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        disk_usage: DiskUsage = shutil.disk_usage,
    ) -> None:
        self.folder = Path(folder)
        self._keep = inf if keep is None else keep
        self._keep_size = inf if keep_size is None else keep_size
        self._wall_clock, self._clock, self._disk_usage = wall_clock, clock, disk_usage
        self._wall_zero = wall_clock() - clock()  # the retention's own wall clock, which never jumps
        self._retained_at = -inf
        self._jobs: Channel[_Job] = Channel(_CAPACITY)
        self._pictures = threading.BoundedSemaphore(_PICTURES)
        self._thread: threading.Thread | None = None
        self._lock: sqlite3.Connection | None = None
        self._trouble = ""
        self._lost = 0

    @property
    def trouble(self) -> str:
        """Why nothing is stored right now, in words for the user; empty while all is."""
        return self._trouble

    @property
    def lost(self) -> int:
        """How many changes were not stored, for too many waited for the disk."""
        return self._lost

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
            database = EventDatabase(connect(self.folder / FILE_NAME))
            with database:
                for event in database.open_events():
                    database.put(_cut(event.document), event.at)
        except BaseException as error:
            self._lock.close()
            if isinstance(error, sqlite3.Error):
                raise SinkError(f"{self.folder / FILE_NAME}: {error}") from None
            raise
        self._thread = threading.Thread(target=self._run, args=(database,), name="kpstream-event-store", daemon=True)
        self._thread.start()

    def reader(self) -> EventDatabase:
        """A connection of one's own to read from; for the thread that makes it, which closes it.

        Raises:
            SourceOpenError: The database cannot be read.
        """
        return open_to_read(self.folder)

    def put(self, document: Document, scene: Scene | None = None) -> None:
        """Store an event, or what has become of it; never waits.

        Args:
            document: The event as of now; where it names a snapshot and a scene is given, that is made of the scene.
            scene: What to show of it.
        """
        now = self._wall_clock()

        def write(database: EventDatabase) -> None:
            size = 0 if scene is None else self._snapshot(document, scene)
            database.put(document, now, size)

        self._do(write, has_picture=scene is not None)

    def may_take_picture(self) -> bool:
        """Ask for room for a scene, which the next `put` must bring; never waits.

        Returns:
            Whether there is room: not while many pictures wait.
        """
        return self._pictures.acquire(blocking=False)

    def mark(self, event_id: str, **marks: bool) -> None:
        """Note what somebody says of an event: ``seen``, ``false_alarm``, ``keep``; never waits."""
        self._do(lambda database: database.mark(event_id, **marks))

    def arm(self, camera: str, rule: str, armed: bool) -> None:
        """Keep over restarts whether a rule of a camera is armed, or with an empty rule the camera; never waits."""
        self._do(lambda database: database.arm(camera, rule, armed))

    def armed(self, camera: str) -> Mapping[str, bool]:
        """What was said about a camera's arming until this run, by rule; blocks.

        Raises:
            SourceOpenError: The database cannot be read.
        """
        database = self.reader()
        try:
            return {rule: armed for (name, rule), armed in database.armed().items() if name == camera}
        finally:
            database.close()

    def close(self) -> None:
        """Store what was told, as far as the disk takes it within five seconds, and release the files. Idempotent."""
        self._jobs.close()
        if self._thread is not None:
            self._thread.join(Deadline(_CLOSES_WITHIN).remaining())
        if self._lock is not None:
            self._lock.close()

    def _do(self, write: Write, *, has_picture: bool = False) -> None:
        if self._jobs.offer(_Job(write, has_picture)):
            return
        if has_picture:
            self._pictures.release()
        self._lost += 1
        if self._lost == 1 and not self._jobs.closed:
            _log.warning("%s: too many events wait for the disk: more are not stored, and only counted", self.folder)

    def _run(self, database: EventDatabase) -> None:
        try:
            while True:
                try:
                    self._commit(database, self._jobs.get_all(_TICK))
                except TimeoutError:
                    pass
                except Closed:
                    return
                self._retain(database)
        finally:
            database.close()

    def _commit(self, database: EventDatabase, jobs: list[_Job]) -> None:
        """Write all of it, however long the disk takes; after `close` it is tried once more."""
        while not self._written(database, jobs):
            if self._jobs.wait_closed(LOOK_EVERY):
                if not self._written(database, jobs):
                    _log.warning("%s: the last %d changes of events are not stored", self.folder, len(jobs))
                return

    def _written(self, database: EventDatabase, jobs: list[_Job]) -> bool:
        try:
            check_room(self.folder, reserves=2 if self._trouble else 1, disk_usage=self._disk_usage)
            with database:
                for job in jobs:
                    job.write(database)
        except SinkError as error:
            self._pause(error)
            return False
        except OSError as error:
            self._pause(sink_error(self.folder, error))
            return False
        except _DAMAGE as error:
            if len(jobs) > 1:
                written = [self._written(database, [job]) for job in jobs]
                return all(written)
            _log.error("%s: %s - this is a fault of kpstream; an event is not stored", self.folder / FILE_NAME, error)
        except sqlite3.Error as error:
            self._pause(SinkError(f"{self.folder / FILE_NAME}: {error}"))
            return False
        for _ in filter(lambda job: job.has_picture, jobs):
            self._pictures.release()
        if self._trouble:
            self._trouble = ""
            _log.info("events are stored again: %s", self.folder)
        return True

    def _pause(self, error: SinkError) -> None:
        if not self._trouble:
            _log.warning("events wait to be stored: %s", error)
        self._trouble = f"events wait to be stored: {error}"

    def _snapshot(self, document: Document, scene: Scene) -> int:
        try:
            return write_snapshot(self.folder / document["snapshot"], scene)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001 - an event without its picture is better than none
            _log.warning("an event has no snapshot: %s: %s", type(error).__name__, error)
            return 0

    def _retain(self, database: EventDatabase) -> None:
        if min(self._keep, self._keep_size) == inf or self._clock() - self._retained_at < _RETAIN_EVERY:
            return
        self._retained_at = self._clock()
        before = self._wall_zero + self._clock() - self._keep
        try:
            going = outdated(
                database.ended(), before=before, keep_size=self._keep_size, reserved=database.bytes_of_others()
            )
            for event_id in going:
                self._remove_files(database, event_id)
            with database:
                database.remove(going)
        except sqlite3.Error as error:
            _log.debug("events were not removed: %s", error)

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
        return f"<EventStore {self.folder}, {len(self._jobs)} waiting{', in trouble' if self._trouble else ''}>"


def open_to_read(folder: Path) -> EventDatabase:
    """The database of a store that is there, also while another program writes to it; closed by the caller.

    Raises:
        SourceOpenError: There is none, or it cannot be read.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise SourceOpenError(f"{folder}: there is no event store in it; --event-store makes one")
    try:
        return EventDatabase(connect_to_read(path))
    except (SinkError, sqlite3.Error) as error:
        raise SourceOpenError(str(error) if isinstance(error, SinkError) else f"{path}: {error}") from None


def _locked(path: Path) -> sqlite3.Connection:
    """Hold a file that only one program can hold, on every system, until it ends in whatever way."""
    lock = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.5)
    try:
        lock.execute("PRAGMA journal_mode = MEMORY")
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" in str(error):
            raise SinkError(f"{path.parent}: another kpstream stores its events there: give each its own") from None
        raise SinkError(f"{path}: {error}") from None
    return lock


def _cut(document: Document) -> Document:
    """An event of which nobody knows more: it ended when it was last heard of."""
    return {
        **document,
        "state": "ended",
        "ended_at": document["opened_at"],
        "ended_pts": document["opened_pts"],
        "cut": True,
    }
