"""The threads that ask the endpoint: several requests in flight, each sample settled once.

Live, a request that fails is lost: a newer frame is better than the same one again. For recorded video
it is tried again, ten times a frame, and an outage of the whole endpoint is waited out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import isnan

from kpstream.budget import InFlight, Spacing, backoff
from kpstream.channel import Channel, Closed, Deadline
from kpstream.entities import Answer, Frame, Result
from kpstream.errors import EndpointUnavailable, ResponseFormatError
from kpstream.interfaces import Endpoint
from kpstream.ordering import Lost, Outcome

ATTEMPTS = 10
"""How often one frame of recorded video is asked before the job ends."""
FIRST_ANSWER_WITHIN = 30.0
"""Seconds in which a recorded job must get its first answer at all."""


class Sampler:
    """Asks the endpoint about frames. All methods belong to one thread, that of the loop.

    Args:
        endpoint: Asked by several threads at once.
        limit: How many requests at once.
        patient: True for recorded video: what fails for now is asked again.
        clock: Monotonic seconds.
    """

    def __init__(
        self, endpoint: Endpoint, limit: InFlight, *, patient: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._endpoint = endpoint
        self._limit = limit
        self._patient = patient
        self._clock = clock
        self._spacing = Spacing(endpoint.max_rate)
        self._lock = threading.Lock()
        self._samples: Channel[Frame] = Channel(256)
        self._outcomes: Channel[Outcome] = Channel(1024)
        self._threads: list[threading.Thread] = []
        self._started_at = clock()
        self.in_flight = 0
        """Samples that are not settled yet."""
        self.requests = 0
        """Requests sent, tries again included."""
        self.answered = 0
        self.lost = 0
        self.bytes_sent = 0
        self.billed = 0.0
        self.trouble = ""
        """What the endpoint last said instead of an answer, in words; empty once it answers."""

    def offer(self, frame: Frame) -> bool:
        """Ask about a frame if a request is free; never waits.

        Returns:
            False where as many requests as are worth while are under way.
        """
        if self.in_flight >= self._limit.now:
            return False
        self._submit(frame)
        return True

    def put(self, frame: Frame) -> list[Outcome]:
        """Ask about a frame; waits for a free request.

        Returns:
            The outcomes that came in the meantime.

        Raises:
            EndpointError: The endpoint refused for good.
        """
        outcomes: list[Outcome] = []
        while self.in_flight >= self._limit.now:
            outcomes += self.wait()
        self._submit(frame)
        return outcomes

    def ready(self) -> list[Outcome]:
        """The outcomes that are there; never waits.

        Raises:
            EndpointError: The endpoint refused for good.
        """
        outcomes = self._outcomes.drain()
        self.in_flight -= len(outcomes)
        return outcomes

    def wait(self) -> list[Outcome]:
        """Wait for an outcome, and take all that are there; empty when nothing is in flight.

        Raises:
            EndpointError: The endpoint refused for good, or never answered.
        """
        if not self.in_flight:
            return []
        first = self._outcomes.get()
        self.in_flight -= 1
        return [first, *self.ready()]

    def hurry(self) -> None:
        """Ask nothing again: what fails from now on is lost. Any thread."""
        self._patient = False

    def close(self, deadline: Deadline) -> None:
        """Give up what is in flight and end the threads, until the deadline. Idempotent."""
        self._patient = False
        self._outcomes.close()
        self._samples.close()
        self._samples.drain()
        self._endpoint.close()
        for thread in self._threads:
            thread.join(deadline.remaining())

    def _submit(self, frame: Frame) -> None:
        self._samples.put(frame)
        self.in_flight += 1
        if len(self._threads) < self.in_flight:
            name = f"kpstream-request-{len(self._threads)}"
            self._threads.append(threading.Thread(target=self._run, name=name, daemon=True))
            self._threads[-1].start()

    def _run(self) -> None:
        try:
            for frame in self._samples:
                self._outcomes.put(self._settle(frame))
        except Closed:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again in the loop's thread
            self._outcomes.close(error)

    def _settle(self, frame: Frame) -> Outcome:
        failures = 0
        while True:
            answered_before = self.answered
            self._pause(self._spacing_delay())
            sent_at = self._clock()
            try:
                answer = self._endpoint.infer(frame.image)
            except (EndpointUnavailable, ResponseFormatError) as error:
                fault: EndpointUnavailable | ResponseFormatError = error
            else:
                return self._answered(frame, answer, sent_at)
            if self._outcomes.closed:
                raise Closed  # given up by `close`, not lost
            self._failed(fault)
            if not self._patient:
                with self._lock:
                    self.lost += 1
                return Lost(frame.index, str(fault))
            # An endpoint that answers nobody has an outage, which no single frame can be blamed for.
            if self.answered > answered_before or self.in_flight <= 1:
                failures += 1
            never = self.answered == 0 and self._clock() - self._started_at > FIRST_ANSWER_WITHIN
            if failures >= ATTEMPTS or never:
                raise fault
            self._pause(backoff(max(1, failures), getattr(fault, "retry_after", None)))

    def _answered(self, frame: Frame, answer: Answer, sent_at: float) -> Result:
        received_at = self._clock()
        with self._lock:
            self.requests += 1
            self.answered += 1
            self.bytes_sent += answer.bytes_sent
            self.billed += 0.0 if isnan(answer.billed) else answer.billed
            self.trouble = ""
            self._limit.answered(received_at - sent_at)
        return Result(frame.index, frame.pts, answer.poses, frame.captured_at, sent_at, received_at)

    def _failed(self, fault: EndpointUnavailable | ResponseFormatError) -> None:
        with self._lock:
            self.requests += 1
            self.trouble = str(fault)
            if getattr(fault, "slow_down", False):
                self._limit.refused()

    def _spacing_delay(self) -> float:
        with self._lock:
            return self._spacing.reserve(self._clock())

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and self._outcomes.wait_closed(seconds):
            raise Closed

    def __repr__(self) -> str:
        return f"<Sampler {self.in_flight} in flight, {self.answered} answered, {self.lost} lost>"
