"""What one run of an archive writes into the ledger: the records of files, their progress and the booked requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from kpstream.recorded.archive.ledger import FileRecord, Ledger
from kpstream.recorded.archive.pool import FilePool
from kpstream.recorded.archive.work import Progress

_MAX_RESERVE = 64
"""Requests of the budget that may be lost to a driver that is killed."""


class Bookkeeping:
    """Keeps the records of a run in memory and in the ledger. For the driver's thread; blocks as the ledger does.

    Every method raises SinkError where the ledger cannot be written.

    Args:
        ledger: Open.
        records: Of all files, by name; changed with every `put`.
        pool: Tells the requests and the progress.
        max_requests: The budget of all runs together; None for none.
    """

    def __init__(
        self, ledger: Ledger, records: dict[str, FileRecord], pool: FilePool, max_requests: int | None
    ) -> None:
        self._ledger = ledger
        self.records = records
        self._pool = pool
        self._max_requests = max_requests
        self._reserved = 0

    @property
    def spent(self) -> int:
        """Requests in all runs together: what a pool that was killed had not told stands in the journals."""
        return max(self._pool.requests_spent, sum(record.requests for record in self.records.values()))

    def begin(self) -> None:
        """Write all records."""
        self._ledger.put(self.records.values())

    def end(self) -> None:
        """Write how many requests are booked."""
        self._ledger.note(booked=str(self.spent))

    def record(self, name: str) -> FileRecord:
        """The record of a file of this run, or of an earlier one."""
        return self.records.get(name) or self._ledger.records()[name]

    def put(self, record: FileRecord) -> None:
        """Replace the record of a file."""
        self.records[record.name] = record
        self._ledger.put([record])

    def reserve(self) -> None:
        """Book requests before they are dealt, some at once, where there is a budget."""
        most, spent = self._max_requests, self._pool.requests_spent
        if most is None:
            return
        portion = max(4, min(_MAX_RESERVE, most // 20))
        if self._reserved - spent < portion // 2 and self._reserved < most:
            self._reserved = min(most, spent + portion)
            self._ledger.note(booked=str(self._reserved))
            self._pool.reserve(self._reserved)

    def write_progress(self, running: Mapping[str, FileRecord]) -> None:
        """Write how far the files are that are worked on.

        Args:
            running: Their records as they were when the files were begun.
        """
        progress = self._pool.progress()
        under_way = [_with_progress(running[name], each) for name, each in progress.items() if name in running]
        if under_way:
            self._ledger.put(under_way)
        if self._max_requests is None:
            self._ledger.note(booked=str(self.spent))


def _with_progress(begun: FileRecord, progress: Progress) -> FileRecord:
    return replace(
        begun,
        state="running",
        position=progress.position,
        frames=progress.frames,
        requests=begun.requests + progress.requests,
        credits=begun.credits + progress.credits,
    )
