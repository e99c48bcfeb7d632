"""The threads that ask the endpoint: several requests in flight, each sample settled once.

Live, a request that fails is lost: a newer frame is better than the same one again; an endpoint that fails again and
again is only probed (`kpstream.dispatch.breaker`). For recorded video a request is tried again, ten times a frame, and
an outage of the whole endpoint is waited out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from math import nan

from kpstream.channel import Channel, Closed, Deadline
from kpstream.dispatch.breaker import CircuitBreaker
from kpstream.dispatch.gate import ConcurrencyLimit, RateLimiter
from kpstream.dispatch.retry import backoff
from kpstream.entities import Answer, Filters, Frame, Lost, Outcome, Result
from kpstream.errors import BudgetSpent, EndpointUnavailable, ResponseFormatError
from kpstream.interfaces import Endpoint, Journal

ATTEMPTS = 10
"""How often one frame of recorded video is asked before the job ends."""
FIRST_ANSWER_WITHIN = 30.0
"""Seconds in which a recorded job must get its first answer at all."""

_Fault = EndpointUnavailable | ResponseFormatError


class Requester:
    """Asks the endpoint about frames. All methods belong to one thread, that of the loop.

    Args:
        endpoint: Asked by several threads at once.
        limit: How many requests at once.
        filters: Called in the thread of each request: which poses are wanted.
        patient: True for recorded video: what fails for now is asked again.
        max_requests: Never more, tries again included; None is without limit.
        journal: What remembers the answers for recorded video; None where nothing is remembered.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        limit: ConcurrencyLimit,
        *,
        filters: Callable[[], Filters] = Filters,
        patient: bool,
        max_requests: int | None = None,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._endpoint = endpoint
        self._limit = limit
        self._filters = filters
        self._max_requests = max_requests
        self._journal = journal
        self._clock = clock
        self._spacing = RateLimiter(endpoint.max_rate)
        self._breaker = None if patient else CircuitBreaker()
        self._lock = threading.Lock()
        self._samples: Channel[Frame] = Channel(256)
        self._outcomes: Channel[Outcome] = Channel(1024)
        self._patience: Channel[None] = Channel(1)  # closed: nothing is asked again
        if not patient:
            self._patience.close()
        self._threads: list[threading.Thread] = []
        self._started_at = nan
        self._booked = 0
        self._idle = 0  # threads that wait for a sample
        self._names = count()
        self.in_flight = 0
        """Samples that are not settled yet."""
        self.requests = 0
        """Requests sent, tries again included."""
        self.answered = 0
        self.recalled = 0
        """Answers that the journal had."""
        self.short = False
        """Whether a frame of recorded video could not be asked again, for want of requests."""
        self.lost = 0
        self.bytes_sent = 0
        self.billed = 0.0
        """Seconds of processing that the service said it bills."""
        self.credits = 0.0
        self._fault = ""

    @property
    def requests_left(self) -> int | None:
        """What is left of the budget; None where there is none."""
        return None if self._max_requests is None else self._max_requests - self._booked

    @property
    def trouble(self) -> str:
        """What the endpoint last said instead of an answer, in words; empty once it answers."""
        if self._breaker is None:
            return self._fault
        with self._lock:
            now = self._clock()
            is_open, silence, wait = self._breaker.is_open, self._breaker.silence(now), self._breaker.wait(now)
        if is_open and silence:
            return f"no answer from the endpoint for {silence:.0f} s, trying again"
        return f"{self._fault} - waiting {wait:.0f} s" if wait else self._fault

    @property
    def busy(self) -> bool:
        """Whether as many requests as are worth while are under way, or the endpoint is to be left alone for now."""
        if self._breaker is None:
            return self.in_flight >= self._limit.now
        with self._lock:
            return not self._breaker.allows(self._limit.now, self._clock())

    def offer(self, frame: Frame) -> bool:
        """Ask about a frame if a request is free; never waits.

        Returns:
            False where the sampler is busy, and for a live frame that the budget has nothing left for.

        Raises:
            BudgetSpent: Nothing is left for a frame of recorded video.
        """
        if self.busy:
            return False
        known = self._journal.recall(frame.index) if self._journal else None
        if known is not None:
            return self._recall(frame, known)
        if not self._book():
            return self._refuse()
        if not self._threads:
            self._started_at = self._clock()
        if self._breaker is not None:
            with self._lock:
                self._breaker.sent(frame.index, self._clock())
        self._samples.put(frame)
        self.in_flight += 1
        if len(self._threads) < self.in_flight:
            thread = threading.Thread(target=self._run, name=f"kpstream-request-{next(self._names)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return True

    def _recall(self, frame: Frame, answer: Answer) -> bool:
        now = self._clock()
        self.recalled += 1
        self.in_flight += 1
        self._outcomes.put(Result(frame.index, frame.pts, answer.poses, frame.captured_at, now, now))
        return True

    def _refuse(self) -> bool:
        if not self._patience.closed:
            raise self.budget_spent()
        self._fault = f"all {self._max_requests} requests are spent: no new answers"
        return False

    def budget_spent(self) -> BudgetSpent:
        """The error that says so."""
        return BudgetSpent(f"all {self._max_requests} requests of `max_requests` are spent before the end")

    def _book(self) -> bool:
        """Take one request off the budget; False where nothing is left."""
        with self._lock:
            if self._booked == self._max_requests:
                return False
            self._booked += 1
            return True

    def ready(self) -> list[Outcome]:
        """The outcomes that are there; never waits.

        Raises:
            EndpointError: The endpoint refused for good.
        """
        outcomes = self._outcomes.drain()
        self.in_flight -= len(outcomes)
        return outcomes

    def wait(self, within: float | None = None) -> list[Outcome]:
        """Wait for an outcome, and take all that are there.

        Args:
            within: Seconds to wait at most. None waits for as long as anything is in flight.

        Raises:
            EndpointError: The endpoint refused for good, or never answered.
            Closed: It was closed.
        """
        if within is None and not self.in_flight:
            return []
        try:
            outcomes = self._outcomes.get_all(within)
        except TimeoutError:
            return []
        self.in_flight -= len(outcomes)
        return outcomes

    def hurry(self) -> None:
        """Ask nothing again: what fails from now on, or waits to be asked again, is lost. Any thread."""
        self._patience.close()

    def close(self, deadline: Deadline) -> None:
        """Give up what is in flight and end the threads, until the deadline. Idempotent."""
        self._patience.close()
        self._outcomes.close()
        self._samples.close()
        self._samples.drain()
        self._endpoint.close()
        for thread in list(self._threads):
            thread.join(deadline.remaining())

    def _run(self) -> None:
        try:
            while self._stays():
                self._outcomes.put(self._settle(self._next()))  # no name: a thread that waits keeps no picture
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again in the loop's thread
            self._outcomes.close(error)

    def _stays(self) -> bool:
        """Whether this thread waits for another sample; those that an outage left over end."""
        with self._lock:
            if self._idle >= self._limit.now and not len(self._samples):
                self._threads.remove(threading.current_thread())
                return False
            self._idle += 1
            return True

    def _next(self) -> Frame:
        frame = self._samples.get()
        with self._lock:
            self._idle -= 1
        return frame

    def _settle(self, frame: Frame) -> Outcome:
        tries = blamed = 0
        while True:
            answered_before = self.answered
            sent_at = self._begin()
            answer = self._ask(frame)
            if isinstance(answer, Answer):
                return self._answered(frame, answer, sent_at)
            fault = answer
            self._failed(frame, fault, sent_at)
            tries += 1
            blamed += self._is_about_frame(fault, answered_before)
            never = self.answered == 0 and self._clock() - self._started_at > FIRST_ANSWER_WITHIN
            if not self._patience.closed and (blamed >= ATTEMPTS or never):
                raise fault
            if self._patience.wait_closed(backoff(tries, getattr(fault, "retry_after", None))):
                return self._give_up(frame, fault)
            if not self._book():
                self.short = True
                return self._give_up(frame, fault)

    def _ask(self, frame: Frame) -> Answer | _Fault:
        try:
            return self._endpoint.infer(frame.image, self._filters())
        except (EndpointUnavailable, ResponseFormatError) as error:
            # where it came from leads back to here, and would keep the picture until the garbage collector runs
            error.__cause__ = error.__context__ = None
            return error.with_traceback(None)

    def _is_about_frame(self, fault: _Fault, answered_before: int) -> bool:
        # An endpoint that answers nobody has an outage, which no single frame can be blamed for; but where it says
        # itself that this request failed, or answers nonsense, asking for ever would only cost.
        if isinstance(fault, ResponseFormatError) or fault.status == 500:
            return True
        return self.answered > answered_before

    def _begin(self) -> float:
        with self._lock:
            delay = self._spacing.reserve(self._clock())
        if delay > 0 and self._outcomes.wait_closed(delay):
            raise Closed
        with self._lock:
            self.requests += 1
        return self._clock()

    def _answered(self, frame: Frame, answer: Answer, sent_at: float) -> Result:
        received_at = self._clock()
        if self._journal:
            self._journal.note(frame.index, answer)
        with self._lock:
            self.answered += 1
            self.bytes_sent += answer.bytes_sent
            self.billed += answer.billed
            self.credits += answer.credits
            self._fault = ""
            self._limit.answered(received_at - sent_at)
            if self._breaker is not None:
                self._breaker.answered(frame.index, received_at)
        return Result(frame.index, frame.pts, answer.poses, frame.captured_at, sent_at, received_at)

    def _failed(self, frame: Frame, fault: _Fault, sent_at: float) -> None:
        if self._outcomes.closed:
            raise Closed  # given up by `close`, not lost
        with self._lock:
            now = self._clock()
            self._fault = str(fault)
            if isinstance(fault, EndpointUnavailable) and fault.slow_down:
                self._limit.refused(sent_at, now)
            if self._breaker is not None:
                self._breaker.failed(frame.index, now, getattr(fault, "retry_after", None))

    def _give_up(self, frame: Frame, fault: Exception) -> Lost:
        if self._outcomes.closed:
            raise Closed
        with self._lock:
            self.lost += 1
        return Lost(frame.index, str(fault))

    def __repr__(self) -> str:
        return f"<Requester {self.in_flight} in flight, {self.answered} answered, {self.lost} lost>"
