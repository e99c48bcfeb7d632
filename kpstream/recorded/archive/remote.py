"""The code that runs in the processes of Ray: an actor that deals requests to all workers, and the work on one file.

Nothing but a few hundred bytes a file goes through Ray: no frame, no pose. A key comes from the process's own
environment or its key file, never with a task.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from math import inf
from typing import Any

os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")  # before it is loaded: every core has a file of its own

import ray
from ray.exceptions import RayError

from kpstream.dispatch.dealer import GRANT_LASTS, Grant
from kpstream.dispatch.grant_queue import GrantQueue
from kpstream.errors import EndpointUnavailable
from kpstream.pipeline.memory import share_heaps, trim_heaps
from kpstream.recorded.archive.pool import ArchiveShare
from kpstream.recorded.archive.settings import ArchiveSettings
from kpstream.recorded.archive.work import FileResult, FileTask, FileWork, Progress

_REPORT_EVERY = 0.5
_ASK_WITHIN = 0.01
"""Seconds to wait for a grant that may be dealt at once."""
_LEFT = 10_000
"""Members that have left of which a question may still arrive: it was under way when they died."""

Dealt = tuple[int, int, int | None, int]
"""The number of a grant and its requests, 0 for none; what is left of the budget, and what is spent."""


class RequestDealer:
    """The actor: deals the grants of one `GrantQueue` to all workers, and collects their progress.

    Args:
        rate: Requests a second; infinite for no limit but the service's own.
        max_requests: The budget; None for none.
        spent: What is booked already.
        reserved: Requests that may be booked in all, as the ledger has it; None where there is no budget.
    """

    def __init__(self, rate: float, max_requests: int | None, spent: int, reserved: int | None) -> None:
        self._queue = GrantQueue(rate, max_requests, spent)
        self._queue.reserved = reserved
        self._asking: dict[str, asyncio.Future[Dealt]] = {}
        self._left: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._progress: dict[str, Progress] = {}
        self._stopped = False

    async def ask(self, member: str, want: int, ended: list[int], has_answers: bool) -> Dealt:
        """Wait until a grant is dealt, or nothing is left.

        Args:
            member: Who asks; one that has left waits for ever.
            want: Requests, at most.
            ended: The numbers of the grants whose requests have ended since it last asked, one entry a request.
            has_answers: Whether the service answered any of them.
        """
        now = time.monotonic()
        for number in ended:
            self._queue.ended(number)
        if has_answers:
            self._queue.answered(now, now)
        future: asyncio.Future[Dealt] = asyncio.get_running_loop().create_future()
        if member not in self._left:
            self._asking[member] = future
            self._queue.ask(member, want)
            self._deal()
        return await future

    async def failed(self, status: int | None, retry_after: float | None, age: float) -> None:
        """Note that the service refused a request that was sent so many seconds ago."""
        now = time.monotonic()
        self._queue.failed(EndpointUnavailable("", status=status, retry_after=retry_after), now - age, now)

    async def release(self, number: int, unused: int) -> None:
        """Take requests of a grant off the books."""
        self._queue.release(number, unused)
        self._deal()

    async def report(self, member: str, progress: Progress) -> bool:
        """Take the progress of a file; returns whether the file is to end now."""
        if member not in self._left:
            self._progress[member] = progress
        return self._stopped

    async def held(self, member: str) -> int:
        """Requests that are booked for a worker."""
        return self._queue.held(member)

    async def leave(self, member: str, spent: int | None) -> None:
        """Forget a worker whose file is over, or that died.

        Args:
            member: The worker.
            spent: Requests that all workers which have left have sent, at most; None while nobody knows: then what
                this one held stays booked.
        """
        self._left[member] = None
        while len(self._left) > _LEFT:
            del self._left[next(iter(self._left))]
        self._queue.leave(member)
        if spent is not None:
            self._queue.recount(spent)
        self._asking.pop(member, None)
        self._progress.pop(member, None)
        self._deal()

    async def state(self) -> tuple[int, Mapping[str, Progress]]:
        """The requests that are booked, and the progress of the files by member."""
        return self._queue.spent, self._progress

    async def reserve(self, requests: int) -> None:
        """Let requests be booked up to this number in all."""
        self._queue.reserved = requests
        self._deal()

    async def stop(self) -> None:
        """Let all files end, whole to their last answer."""
        self._stopped = True

    def _deal(self) -> None:
        now = time.monotonic()
        for member, grant in self._queue.deal(now):
            self._answer(str(member), grant.number, grant.requests)
        if self._queue.left == 0:
            for member in list(self._asking):
                self._answer(member, -1, 0)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due_in = self._queue.due_in(now)
        if due_in < inf:
            self._timer = asyncio.get_running_loop().call_later(due_in, self._deal)

    def _answer(self, member: str, number: int, requests: int) -> None:
        future = self._asking.pop(member, None)
        if future is not None and not future.done():
            future.set_result((number, requests, self._queue.left, self._queue.spent))
        elif requests:
            self._queue.release(number, requests)


class ActorGrants:
    """One worker's side of the actor: satisfies `ServiceGrants`. Used under its gate's lock; waits 10 ms at most.

    Args:
        dealer: The actor.
        member: This worker.
    """

    def __init__(self, dealer: Any, member: str) -> None:
        self._dealer = dealer
        self._member = member
        self._reply: Any = None  # of the question that is out
        self._not_before = 0.0  # a grant that comes was dealt after this
        self._ended: list[int] = []
        self._has_answers = False
        self.requests_left: int | None = None
        """What was left of the budget of all workers when this one last heard of it; None where there is none."""
        self.requests_spent = 0
        """What was booked for all workers then."""

    def ask(self, want: int, now: float) -> Grant | None:
        """Take the grant that was dealt; None where none was dealt so far.

        Raises:
            EndpointUnavailable: The actor is gone.
        """
        try:
            if self._reply is None:
                self._reply = self._dealer.ask.remote(self._member, want, self._ended, self._has_answers)
                self._ended, self._has_answers, self._not_before = [], False, now
            if not ray.wait([self._reply], timeout=_ASK_WITHIN)[0]:
                self._not_before = now
                return None
            dealt: Dealt = ray.get(self._reply)
        except RayError:
            raise EndpointUnavailable("the process that deals the requests is gone") from None
        self._reply = None
        number, requests, self.requests_left, self.requests_spent = dealt
        return Grant(number, requests, self._not_before + GRANT_LASTS) if requests else None

    def ended(self, grant: Grant) -> None:
        """Note that one request of a grant has ended; the actor hears of it with the next question."""
        self._ended.append(grant.number)

    def release(self, grant: Grant, unused: int) -> None:
        """Return requests that were not sent. Does not wait."""
        self._dealer.release.remote(grant.number, unused)

    def answered(self, sent_at: float, now: float) -> None:  # noqa: ARG002 - the Protocol's words
        """Tell that the service lets requests through, with the next question."""
        self._has_answers = True

    def failed(self, fault: EndpointUnavailable, sent_at: float, now: float) -> None:
        """Tell that the service says "too much"."""
        if fault.slow_down:
            self._dealer.failed.remote(fault.status, fault.retry_after, now - sent_at)


def annotate_file(settings: ArchiveSettings, task: FileTask, dealer: Any, member: str) -> FileResult:
    """Work on one file in this process; blocks.

    Args:
        settings: What is made of it.
        task: The file.
        dealer: The actor.
        member: What the actor calls this worker.
    """
    share_heaps()
    try:
        return _annotate(settings, task, dealer, member)
    finally:
        gc.collect()  # what held the file's pictures points to itself
        trim_heaps()


def _annotate(settings: ArchiveSettings, task: FileTask, dealer: Any, member: str) -> FileResult:
    reported_at, reply = -inf, None

    def report(progress: Progress) -> None:
        nonlocal reported_at, reply
        now = time.monotonic()
        if now - reported_at < _REPORT_EVERY:
            return
        reported_at = now
        if reply is not None and ray.wait([reply], timeout=0)[0]:
            with suppress(RayError):  # the actor is gone: the next question for requests ends the file
                if ray.get(reply):
                    work.stop()
            reply = None
        if reply is None:
            reply = dealer.report.remote(member, progress)

    work = FileWork(settings, task, gate_rules=[ArchiveShare(ActorGrants(dealer, member))], on_progress=report)
    return work.run()
