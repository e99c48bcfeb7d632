"""Sends requests, each on a thread of its own, and counts them, their bytes and their credits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from kpstream.channel import Channel, Closed, Deadline
from kpstream.dispatch.gate import Lease
from kpstream.dispatch.retry import Fault
from kpstream.dispatch.square import ask
from kpstream.dispatch.workers import Workers
from kpstream.entities import Answer, Filters, Frame, Result
from kpstream.errors import EndpointUnavailable, ResponseFormatError
from kpstream.interfaces import Endpoint, Journal


@dataclass(frozen=True, slots=True)
class Ended:
    """A request that has ended."""

    frame: Frame
    outcome: Result | Fault
    others_answered: bool
    """Whether another request was answered while this one was out."""


class RequestSender:
    """Sends one request for each lease. Puts the requests that have ended into `ended`; a fatal error closes that.

    `send` and `close` belong to one thread; the figures may be read by any.

    Args:
        endpoint: Asked by several threads at once; closed with this.
        filters: Called in the thread of each request; gives the filters of the poses.
        journal: Notes each answer before it is in `ended`; None for no journal.
        clock: Monotonic seconds.
    """

    def __init__(
        self, endpoint: Endpoint, filters: Callable[[], Filters], journal: Journal | None, clock: Callable[[], float]
    ) -> None:
        self.ended: Channel[Ended] = Channel(1024)
        self._endpoint = endpoint
        self._filters = filters
        self._journal = journal
        self._clock = clock
        self._workers: Workers[tuple[Frame, Lease]] = Workers(self._ask, self.ended.close, name="kpstream-request")
        self._lock = threading.Lock()
        self.fault = ""
        """What the endpoint last said instead of an answer, in words; empty once it answers."""
        self.requests = 0
        """Requests sent, retries included."""
        self.answered = 0
        self.bytes_sent = 0
        self.billed = 0.0
        """Seconds of processing that the service said it bills."""
        self.credits = 0.0

    def send(self, frame: Frame, lease: Lease) -> None:
        """Send a request about a frame on another thread; never waits. The lease ends with the request."""
        self._workers.submit((frame, lease))

    def close(self, deadline: Deadline) -> None:
        """Give up the requests that are out and end the threads; blocks until the deadline at most. Idempotent."""
        self.ended.close()
        for _, lease in self._workers.stop():
            lease.unsent()
        self._endpoint.close()
        self._workers.join(deadline)

    def _ask(self, job: tuple[Frame, Lease]) -> None:
        frame, lease = job
        answered_before, sent_at = self.answered, self._clock()
        with self._lock:
            self.requests += 1
        try:
            answer = ask(self._endpoint, frame, self._filters())
        except (EndpointUnavailable, ResponseFormatError) as error:
            # where it came from leads back to here, and would keep the picture until the garbage collector runs
            error.__cause__ = error.__context__ = None
            fault = error.with_traceback(None)
        except Exception as error:
            lease.failed(error, self._clock())
            raise
        else:
            self.ended.put(Ended(frame, self._answered(frame, answer, lease, sent_at), others_answered=True))
            return
        lease.failed(fault, self._clock())
        if self.ended.closed:
            raise Closed  # given up by `close`
        self.fault = str(fault)
        self.ended.put(Ended(frame, fault, others_answered=self.answered > answered_before))

    def _answered(self, frame: Frame, answer: Answer, lease: Lease, sent_at: float) -> Result:
        received_at = self._clock()
        lease.answered(received_at)
        if self._journal:
            self._journal.note(frame.index, answer)
        with self._lock:
            self.answered += 1
            self.bytes_sent += answer.bytes_sent
            self.billed += answer.billed
            self.credits += answer.credits
            self.fault = ""
        return Result(frame.index, frame.pts, answer.poses, frame.captured_at, sent_at, received_at)
