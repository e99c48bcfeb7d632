"""Drives an archive: gives files to the pool, and writes their results into the ledger."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf, isfinite
from pathlib import Path

from kpstream.channel import Channel
from kpstream.dispatch.rule import spent_text
from kpstream.recorded.archive.bookkeeping import Bookkeeping
from kpstream.recorded.archive.duplicates import Duplicates
from kpstream.recorded.archive.faults import MAX_ATTEMPTS, Fault, pause_before, process_died
from kpstream.recorded.archive.fetch import Fetcher
from kpstream.recorded.archive.input_queue import InputQueue
from kpstream.recorded.archive.intake import Inventory
from kpstream.recorded.archive.ledger import FileRecord, Ledger, State
from kpstream.recorded.archive.place import folder_of
from kpstream.recorded.archive.pool import FilePool, WorkerDied
from kpstream.recorded.archive.publish import OutputPlace
from kpstream.recorded.archive.request_count import prepare_count, read_count
from kpstream.recorded.archive.work import FileResult, FileTask, Progress
from kpstream.recorded.journal import count_answers
from kpstream.recorded.plan import JOURNAL_SUFFIX

_WAIT = 0.2
_WRITE_EVERY = 2.0
"""Seconds between two notes of how far the files are: `archive status` reads them."""
_SHOW_EVERY = 0.2
_log = logging.getLogger("kpstream")


@dataclass(frozen=True, slots=True)
class Limits:
    """When the driver starts no more files."""

    max_requests: int | None = None
    """The budget of all runs together, in requests; None for none."""
    max_failures: float = inf
    """Files that may fail."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of an archive."""

    files: int
    done: int
    failed: int
    running: tuple[str, ...]
    seconds: float
    """Seconds of video in all files whose length is known."""
    seconds_done: float
    requests: int
    """In all runs together."""
    credits: float
    trouble: str = ""
    """Why the work waits, in words for the user; empty while it does not."""


class Driver:
    """Works through the files that are to be done. `run` it in one thread; `stop` it from any.

    Args:
        ledger: Open; where everything is noted.
        inventory: All files, and what is to be done.
        pool: Where files are worked on.
        outputs: Where they are put.
        into: The same as workers are told it.
        scratch: A folder for what is under way, with the journals.
        fetcher: Fetches files that lie in storages; closed at the end.
        limits: When to take no more files.
        on_figures: Told several times a second how it is doing.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        inventory: Inventory,
        pool: FilePool,
        *,
        outputs: OutputPlace,
        into: str,
        scratch: Path,
        fetcher: Fetcher,
        limits: Limits = Limits(),
        on_figures: Callable[[Figures], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._records = inventory.records
        self._book = Bookkeeping(ledger, self._records, pool, limits.max_requests)
        self._pool = pool
        self._duplicates = Duplicates(inventory, self._book, outputs)
        self._into, self._scratch = into, scratch
        self._limits = limits
        self._on_figures = on_figures
        self._clock = clock
        self._queue = InputQueue(
            self._in_order(inventory.todo),
            inventory.paths,
            content_of=lambda name: self._records[name].content,
            folder_of=lambda name: self._folder(self._records[name]),
            fetcher=fetcher,
        )
        self._running: dict[str, FileRecord] = {}  # as they were when they were begun
        self._written_at = self._shown_at = -inf
        self._skeletons_not_found = ""  # told to every file after the first that looked them up in vain
        # Not an Event: that one deadlocks where a signal comes in its wait, and the handler sets it.
        self._ended: Channel[None] = Channel(1)
        self.stopped = False
        """Whether it was ended early by `stop`."""
        self.fault: Fault | None = None
        """What ended the work before its end; None where nothing did."""

    def run(self) -> None:
        """Work until all is done, or something ends the work; blocks.

        Raises:
            SinkError: The ledger cannot be written.
        """
        self._book.begin()
        self._fail_all(self._duplicates.copy_known())
        try:
            while self._running or self._has_more():
                for name, fault in self._queue.fetch(self._pool.room):
                    record = self._records[name]
                    self._failed(replace(record, attempts=record.attempts + 1), fault)
                self._submit()
                self._tick()
                if not self._running:
                    self._ended.wait_closed(_WAIT)
                for result in self._pool.wait(_WAIT, self._tick):
                    self._settle(result)
        finally:
            self._book.end(all_over=not self._running)
            self._pool.close()
            self._queue.close()
        self._on_figures(self.figures())

    def stop(self) -> None:
        """Take no more files, and end those under way whole to their last answer. Any thread, signal handlers."""
        self.stopped = True
        self._ended.close()
        self._pool.stop()

    def figures(self) -> Figures:
        """The present figures."""
        records = self._records.values()
        progress = self._pool.progress()
        under_way = [(self._running[name], each) for name, each in progress.items() if name in self._running]
        return Figures(
            files=len(self._records),
            done=sum(record.state == "done" for record in records),
            failed=sum(record.state == "failed" for record in records),
            running=tuple(self._running),
            seconds=sum(record.duration for record in records if isfinite(record.duration)),
            seconds_done=sum(record.duration for record in records if record.state == "done" and record.duration > 0)
            + sum(each.position for _, each in under_way),
            requests=self._requests(under_way),
            credits=sum(record.credits for record in records) + sum(each.credits for _, each in under_way),
            trouble=next((each.trouble for _, each in under_way if each.trouble), ""),
        )

    def _requests(self, under_way: list[tuple[FileRecord, Progress]]) -> int:
        """Requests that were sent: what is booked holds more while workers have grants that they may give back."""
        if not under_way:
            return self._book.spent
        return sum(record.requests for record in self._records.values()) + sum(each.requests for _, each in under_way)

    # what is begun

    def _in_order(self, names: list[str]) -> list[str]:
        """With several workers the longest come first, so that none is left alone with a long one at the end."""
        if self._pool.size == 1:
            return names

        def length(name: str) -> float:
            duration = self._records[name].duration
            return duration if isfinite(duration) else inf

        return sorted(names, key=length, reverse=True)

    def _has_more(self) -> bool:
        failed = sum(record.state == "failed" for record in self._records.values())
        if self.stopped or self.fault is not None or failed >= self._limits.max_failures:
            return False
        return bool(self._queue)

    def _submit(self) -> None:
        while self._pool.room and self._has_more():
            found = self._queue.take(self._clock())
            if found is None:
                return
            self._begin(*found)

    def _begin(self, name: str, path: Path) -> None:
        record = replace(
            self._records[name], attempts=self._records[name].attempts + 1, fault_kind="", fault="", remedy=""
        )
        self._running[name] = record
        folder = self._folder(record)
        prepare_count(folder, record.requests)
        self._book.put(replace(record, state="running"))
        self._pool.submit(
            FileTask(
                name=name,
                path=str(path),
                stamp=record.stamp,
                content=record.content,
                into=self._into,
                folder=str(folder),
                source=record.path,
                requests=record.requests,
                skeletons_not_found=self._skeletons_not_found,
            )
        )

    def _folder(self, record: FileRecord) -> Path:
        return folder_of(self._scratch, record.content)

    # what has ended

    def _settle(self, result: FileResult | WorkerDied) -> None:
        begun = self._running.pop(result.name)
        if isinstance(result, WorkerDied):
            self._worker_died(begun, result)
        else:
            self._file_ended(begun, result)
        self._book.settle(result.name)

    def _file_ended(self, begun: FileRecord, result: FileResult) -> None:
        progress = result.progress
        self._skeletons_not_found = result.skeletons_not_found or self._skeletons_not_found
        record = replace(
            begun,
            node=result.node,
            position=progress.position,
            frames=progress.frames,
            requests=begun.requests + progress.requests,
            answers=max(progress.answers, begun.answers),
            credits=begun.credits + progress.credits,
            seconds=begun.seconds + result.seconds,
        )
        if result.changed_to:  # some answers are to frames of what it was, some of what it is: none may be used
            shutil.rmtree(self._folder(record), ignore_errors=True)
            replacement = self._duplicates.detach_from(record)
            if replacement is not None:
                self._queue.add(replacement)
            record = replace(record, stamp=result.changed_to, answers=0)
        if result.fault is not None:
            self._failed(replace(record, attempts=_attempts(begun, progress.answers)), result.fault)
        elif result.interrupted:
            self._book.put(replace(record, state="waiting", attempts=begun.attempts - 1))
        else:
            outputs = dict(result.outputs)
            done = replace(
                record,
                state="done",
                outputs=outputs,
                curve=result.curve,
                events=result.events,
                missing=result.missing,
                damaged=result.damaged,
            )
            self._book.put(done)
            self._fail_all(self._duplicates.copy(done))
            self._queue.release(record.name)
            shutil.rmtree(self._folder(record), ignore_errors=True)

    def _worker_died(self, begun: FileRecord, death: WorkerDied) -> None:
        """Begin a file again whose worker died, unless it dies each time; blocks for a moment.

        What the worker has sent stands in its count; where that cannot be known, all that was dealt to it stays booked.
        """
        counted = read_count(self._folder(begun)) if death.has_ended else None
        if counted is not None and (counted.has_begun or self._pool.is_local):
            requests = max(counted.requests, begun.requests)
        else:
            requests = begun.requests + self._book.most_held(begun.name)
        answers = max((count_answers(path) for path in self._folder(begun).glob(f"*{JOURNAL_SUFFIX}")), default=0)
        tried = begun if death.alone else replace(begun, attempts=begun.attempts - 1)
        record = replace(
            begun,
            answers=max(answers, begun.answers),
            requests=requests,
            attempts=_attempts(tried, answers),
        )
        if record.attempts >= MAX_ATTEMPTS:
            self._failed(record, process_died(record.attempts))
            return
        _log.warning("%s: its process died; it is begun again", record.name)
        self._book.put(replace(record, state="waiting"))
        self._queue.add_later(record.name, self._clock())

    def _failed(self, record: FileRecord, fault: Fault) -> None:
        if fault.kind == "budget":
            fault = replace(fault, text=spent_text(self._limits.max_requests or 0, "`max_requests`"))
        attempts = record.attempts if fault.kind in ("file", "passing") else record.attempts - 1
        state: State = "failed" if fault.kind == "file" else "waiting"
        described = replace(record, fault_kind=fault.kind, fault=fault.text, remedy=fault.remedy)
        self._book.put(replace(described, state=state, attempts=attempts))
        if fault.kind == "file":
            _log.warning("%s failed: %s", record.name, fault.text)
            self._duplicates.fail(described)
            self._queue.release(record.name)
        elif fault.kind == "passing" and record.attempts < MAX_ATTEMPTS:
            pause = pause_before(record.attempts + 1)
            _log.warning("%s: %s; it is begun again in %.0f s", record.name, fault.text, pause)
            self._queue.add_later(record.name, self._clock() + pause)
        elif self.fault is None:
            self.fault = fault
            self._pool.stop()

    def _fail_all(self, failures: list[tuple[FileRecord, Fault]]) -> None:
        for record, fault in failures:
            self._failed(record, fault)

    # the ledger and the figures

    def _tick(self) -> None:
        self._book.reserve()
        now = self._clock()
        if now - self._written_at >= _WRITE_EVERY:
            self._written_at = now
            self._book.write_progress(self._running)
        if now - self._shown_at >= _SHOW_EVERY:
            self._shown_at = now
            self._on_figures(self.figures())


def _attempts(begun: FileRecord, answers: int) -> int:
    """How often a file was begun in vain: not counting what came before it came further."""
    return 1 if answers > begun.answers else begun.attempts
