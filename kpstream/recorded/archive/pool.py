"""Where files are worked on: what every pool of workers does, and the one that works in this process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kpstream.dispatch.dealer import Grants
from kpstream.dispatch.fair_share import FairShare
from kpstream.dispatch.grant_queue import GrantQueue, LocalGrants
from kpstream.errors import EndpointUnavailable
from kpstream.recorded.archive.order import ArchiveOrder
from kpstream.recorded.archive.work import FileResult, FileTask, FileWork, Progress

BATCH = 8
"""Requests that a worker asks for at once, where nothing limits them."""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A file whose process ended before it was done; its journal has what was answered."""

    name: str


class FilePool(Protocol):
    """Works on several files at once. Used by one thread, the driver's, but for `stop`."""

    @property
    def size(self) -> int:
        """How many files it works on at once."""

    @property
    def room(self) -> int:
        """How many more files may be given to it now."""

    @property
    def requests_spent(self) -> int:
        """Requests that are booked, with those of earlier runs."""

    def reserve(self, requests: int) -> None:
        """Let requests be booked up to this number in all: it is in the ledger."""

    def submit(self, task: FileTask) -> None:
        """Begin a file."""

    def wait(self, within: float, tick: Callable[[], None]) -> list[FileResult | WorkerDied]:
        """Wait for files that end.

        Args:
            within: Seconds to wait at most, where files are worked on elsewhere.
            tick: Called several times a second meanwhile.
        """

    def progress(self) -> Mapping[str, Progress]:
        """How far the files are that are worked on, by name."""

    def stop(self) -> None:
        """End what is under way, whole to its last answer; `wait` tells of it. Any thread, signal handlers."""

    def close(self) -> None:
        """End all workers. Idempotent."""


class ServiceGrants(Grants, Protocol):
    """One member's side of a `GrantQueue`: it hears how the service answers, too."""

    def answered(self, sent_at: float, now: float) -> None:
        """Tell that the service lets requests through."""

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Tell that a request failed."""


class ArchiveShare(FairShare):
    """Spends what the archive's queue dealt, and tells it how the service answers, for all to slow down together.

    Args:
        grants: This worker's side of the queue.
    """

    def __init__(self, grants: ServiceGrants) -> None:
        super().__init__(grants, batch=BATCH)
        self._service = grants

    def answered(self, frame_index: int, sent_at: float, now: float) -> None:
        """Tell that it is over, and well."""
        super().answered(frame_index, sent_at, now)
        self._service.answered(sent_at, now)

    def failed(self, frame_index: int, sent_at: float, now: float, fault: Exception) -> None:
        """Tell that it is over, and how it failed."""
        super().failed(frame_index, sent_at, now, fault)
        if isinstance(fault, EndpointUnavailable):
            self._service.failed(fault, sent_at, now)


class LocalPool:
    """Works in this process, on one file at a time.

    Args:
        order: What is made of each file.
        queue: Deals its requests.
    """

    size = 1

    def __init__(self, order: ArchiveOrder, queue: GrantQueue) -> None:
        self._order = order
        self._queue = queue
        self._grants = LocalGrants(queue)
        self._task: FileTask | None = None
        self._work: FileWork | None = None
        self._progress: dict[str, Progress] = {}

    @property
    def room(self) -> int:
        """One file, if none is under way."""
        return int(self._task is None)

    @property
    def requests_spent(self) -> int:
        """Requests that are booked."""
        return self._queue.spent

    def reserve(self, requests: int) -> None:
        """Let requests be booked up to this number in all."""
        self._queue.reserved = requests

    def submit(self, task: FileTask) -> None:
        """Take a file; `wait` works on it."""
        self._task = task
        self._progress = {task.name: Progress()}

    def wait(self, within: float, tick: Callable[[], None]) -> list[FileResult | WorkerDied]:  # noqa: ARG002
        """Work on the file to its end."""
        task = self._task
        if task is None:
            return []

        def note(progress: Progress) -> None:
            self._progress = {task.name: progress}
            tick()

        self._work = FileWork(self._order, task, gate_rules=[ArchiveShare(self._grants)], on_progress=note)
        try:
            return [self._work.run()]
        finally:
            self._task = self._work = None
            self._progress = {}
            gc.collect()  # what held a file's pictures points to itself: 36 small files took 3.5 GB, now 0.4 GB

    def progress(self) -> Mapping[str, Progress]:
        """How far the file is."""
        return self._progress

    def stop(self) -> None:
        """End it whole."""
        if self._work is not None:
            self._work.stop()

    def close(self) -> None:
        """Nothing is left to end."""
