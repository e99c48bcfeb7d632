"""The interface of a pool of workers, and the pool that works in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kpstream.dispatch.dealer import Grants
from kpstream.dispatch.fair_share import FairShare
from kpstream.dispatch.grant_queue import GrantQueue, LocalGrants
from kpstream.errors import EndpointUnavailable
from kpstream.recorded.archive.settings import ArchiveSettings
from kpstream.recorded.archive.work import FileResult, FileTask, FileWork, Progress

BATCH = 8
"""Requests that a worker asks the dealer for at once."""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A file whose process ended before the file was done; its journal has the answers so far."""

    name: str
    alone: bool = True
    """Whether nothing else died: else it was not for the file's sake."""
    has_ended: bool = True
    """Whether the process is known to have ended; one on a node that cannot be reached may still send requests."""


class FilePool(Protocol):
    """Works on several files at once. For the driver's thread; any thread may call `stop`."""

    @property
    def size(self) -> int:
        """How many files the pool works on at once."""

    @property
    def room(self) -> int:
        """How many more files `submit` takes now."""

    @property
    def is_local(self) -> bool:
        """Whether all workers are processes of this machine."""

    @property
    def requests_spent(self) -> int:
        """Requests that are booked, those of earlier runs included."""

    def reserve(self, requests: int) -> None:
        """Allow requests to be booked up to this number in all, which the ledger has on the disk."""

    def submit(self, task: FileTask) -> None:
        """Start to work on a file."""

    def wait(self, within: float, tick: Callable[[], None]) -> list[FileResult | WorkerDied]:
        """Wait for files that end; returns their results.

        Args:
            within: Seconds to wait at most; a pool in this process blocks until its file ends.
            tick: Called several times a second meanwhile.
        """

    def held(self, name: str) -> int | None:
        """Requests that are booked for a file that has ended, until it is settled; None where nobody knows. Blocks."""

    def settle(self, name: str, spent: int) -> None:
        """Note that a file has ended, and what is known by now.

        Args:
            name: The file.
            spent: Requests that were sent at most, all runs together, without those of the files under way.
        """

    def progress(self) -> Mapping[str, Progress]:
        """The progress of the files that are worked on, by name."""

    def stop(self) -> None:
        """End the work, whole to the last answer; `wait` gives the results. Any thread, signal handlers."""

    def close(self) -> None:
        """End all workers. Idempotent."""


class ServiceGrants(Grants, Protocol):
    """One member's side of a `GrantQueue`, which also tells the queue how the service answers."""

    def answered(self, sent_at: float, now: float) -> None:
        """Tell the queue that the service answered."""

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Tell the queue that a request failed."""


class ArchiveShare(FairShare):
    """Spends the grants of the archive's queue, and tells it how the service answers, so that all workers slow down.

    Args:
        grants: This worker's side of the queue.
    """

    def __init__(self, grants: ServiceGrants) -> None:
        super().__init__(grants, batch=BATCH)
        self._service = grants

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:
        """Tell the queue that the request was answered."""
        super().answered(frame_index, sent_at, now)
        self._service.answered(sent_at, now)

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:
        """Tell the queue that the request failed, and how."""
        super().failed(frame_index, sent_at, now, fault)
        if isinstance(fault, EndpointUnavailable):
            self._service.failed(fault, sent_at, now)


class LocalPool:
    """Works in this process, on one file at a time.

    Args:
        settings: What is made of each file.
        queue: Deals the requests.
    """

    size = 1
    is_local = True

    def __init__(self, settings: ArchiveSettings, queue: GrantQueue) -> None:
        self._settings = settings
        self._queue = queue
        self._grants = LocalGrants(queue)
        self._task: FileTask | None = None
        self._work: FileWork | None = None
        self._progress: dict[str, Progress] = {}

    @property
    def room(self) -> int:
        """1 while no file is worked on, otherwise 0."""
        return int(self._task is None)

    @property
    def requests_spent(self) -> int:
        """Requests that are booked."""
        return self._queue.spent

    def reserve(self, requests: int) -> None:
        """Allow requests to be booked up to this number in all."""
        self._queue.reserved = requests

    def submit(self, task: FileTask) -> None:
        """Take a file, which the next `wait` works on."""
        self._task = task
        self._progress = {task.name: Progress()}

    def wait(self, within: float, tick: Callable[[], None]) -> list[FileResult | WorkerDied]:  # noqa: ARG002
        """Work on the file to its end; blocks."""
        task = self._task
        if task is None:
            return []

        def note(progress: Progress) -> None:
            self._progress = {task.name: progress}
            tick()

        self._work = FileWork(self._settings, task, gate_rules=[ArchiveShare(self._grants)], on_progress=note)
        try:
            return [self._work.run()]
        finally:
            self._task = self._work = None
            self._progress = {}
            gc.collect()  # what held a file's pictures points to itself: 36 small files took 3.5 GB, now 0.4 GB

    def held(self, name: str) -> int | None:  # noqa: ARG002
        """None: no worker dies alone."""
        return None

    def settle(self, name: str, spent: int) -> None:
        """Do nothing: the queue is told of each request in this process."""

    def progress(self) -> Mapping[str, Progress]:
        """The progress of the file."""
        return self._progress

    def stop(self) -> None:
        """End the work on the file, whole to the last answer."""
        if self._work is not None:
            self._work.stop()

    def close(self) -> None:
        """Do nothing: no worker is left."""
