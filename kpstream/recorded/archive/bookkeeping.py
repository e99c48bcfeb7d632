"""What one run of an archive writes into the ledger: the records of files, their progress and the booked requests.

What is booked at any time is the sum of three: the requests of the attempts that are over, as the records of the files
have them; those that the files under way hold; and a rest that no record has, as of files that the ledger knows no
more. Where the workers' own counts give the first, nothing is booked in vain, whatever has died.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kpstream.recorded.archive.ledger import FileRecord, Ledger
from kpstream.recorded.archive.place import folder_of
from kpstream.recorded.archive.pool import FilePool
from kpstream.recorded.archive.request_count import DIES_WITHIN, read_count
from kpstream.recorded.archive.work import Progress

_MAX_RESERVE = 64
"""Requests of the budget that may be lost to a driver that is killed, where nobody knows what its workers have sent."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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
        self._counted = 0  # requests of attempts that are over, and of the rest that no record has

    @property
    def spent(self) -> int:
        """Requests in all runs together."""
        return max(self._pool.requests_spent, self._counted)

    def begin(self) -> None:
        """Write all records."""
        self._ledger.note(rest="", machine="")  # what the last run wrote holds no more
        self._ledger.put(self.records.values())
        self._counted = self._pool.requests_spent
        rest = self._counted - sum(record.requests for record in self._ledger.records().values())
        self._ledger.note(rest=str(rest), machine=_boot() if self._pool.is_local else "")

    def end(self, *, all_over: bool) -> None:
        """Write how many requests are booked.

        Args:
            all_over: Whether no file is under way: otherwise all that was reserved may have been sent.
        """
        if all_over:
            self._ledger.note(booked=str(self._counted))

    def record(self, name: str) -> FileRecord:
        """The record of a file of this run, or of an earlier one."""
        return self.records.get(name) or self._ledger.records()[name]

    def put(self, record: FileRecord) -> None:
        """Replace the record of a file."""
        self._counted += record.requests - self.records[record.name].requests
        self.records[record.name] = record
        self._ledger.put([record])

    def most_held(self, name: str) -> int:
        """Requests that a file which has ended may have sent at most, if all that anybody knows is what was dealt."""
        held = self._pool.held(name)
        return max(0, max(self._reserved, self.spent) - self._counted) if held is None else held

    def settle(self, name: str) -> None:
        """Book for a file that has ended what its record has, and no more."""
        self._pool.settle(name, self._counted)

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


def settle_last_run(ledger: Ledger, scratch: Path) -> None:
    """Book what the workers of a driver that was killed have sent, and no more; blocks until they have ended.

    What is booked stays as it is where a worker does not end, or may have been on another machine, or where this one
    was started anew meanwhile: a count may have been lost with its memory.

    Args:
        ledger: Open.
        scratch: The folder of what was under way.

    Raises:
        SinkError: The ledger cannot be written.
    """
    machine, rest = ledger.fact("machine"), ledger.fact("rest")
    if not machine or machine != _boot() or not rest:
        return
    records, until = ledger.records(), time.monotonic() + DIES_WITHIN
    settled = {}
    for name, record in records.items():
        if record.state != "running":
            continue
        counted = read_count(folder_of(scratch, record.content), max(0.0, until - time.monotonic()))
        if counted is None:
            return
        settled[name] = replace(record, requests=max(counted.requests, record.requests))
    ledger.put(settled.values())
    ledger.note(booked=str(int(rest) + sum(record.requests for record in (records | settled).values())))


def _boot() -> str:
    """Identifies this machine since it was last started; empty where it has no such word."""
    with suppress(OSError):
        return _BOOT_ID.read_text().strip()
    return ""


def _with_progress(begun: FileRecord, progress: Progress) -> FileRecord:
    return replace(
        begun,
        state="running",
        position=progress.position,
        frames=progress.frames,
        requests=begun.requests + progress.requests,
        credits=begun.credits + progress.credits,
    )
