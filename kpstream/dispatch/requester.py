"""Asks the endpoint about several frames at once, and settles each of them once.

The gate decides whether a request may be sent, and the retry policy what becomes of a frame whose request failed. A
frame that waits to be asked about again holds no lease and no thread, so that other frames are asked about meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from kpstream.channel import Deadline
from kpstream.dispatch.gate import RequestGate
from kpstream.dispatch.retry import AskAgain, EndWork, Failure, Fault, GiveUp, RetryPolicy, is_own
from kpstream.dispatch.rule import spent_text
from kpstream.dispatch.sender import RequestSender
from kpstream.entities import Filters, Frame, Lost, Outcome, Result
from kpstream.errors import BudgetSpent
from kpstream.interfaces import Endpoint, Journal
from kpstream.redact import redact

_MAX_LINES = 5
"""Frames that are given up with a line each in the log; further ones are only counted."""
_log = logging.getLogger("kpstream")


@dataclass(slots=True)
class _Sample:
    """A frame that is asked about until it is settled."""

    frame: Frame
    answered_before: int
    """How many answers had come when the frame was last asked about, or was offered."""
    answered_at_first: int
    """How many answers had come when the frame was offered."""
    tries: int = 0
    own: int = 0
    ready_at: float = -inf
    reason: str = ""


class Requester:
    """Asks the endpoint about frames. All methods belong to one thread, that of the loop, but for `stop_retrying`.

    Args:
        endpoint: Asked by several threads at once.
        gate: Decides when a request may be sent.
        retry: Decides what becomes of a frame whose request failed.
        filters: Called in the thread of each request; gives the filters of the poses.
        journal: Remembers the answers for recorded video; None for no journal.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        gate: RequestGate,
        retry: RetryPolicy,
        *,
        filters: Callable[[], Filters] = Filters,
        journal: Journal | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gate = gate
        self._retry = retry
        self._journal = journal
        self._clock = clock
        self.sender = RequestSender(endpoint, filters, journal, clock)
        """Has the figures of the requests."""
        self._out: dict[int, _Sample] = {}  # by index of the frame
        self._waiting: list[_Sample] = []  # to be asked again
        self._settled: list[Outcome] = []  # not taken yet
        self._no_retries = False
        self._started_at = inf
        self._leases = 0  # that were taken so far
        self.recalled = 0
        """Answers that came from the journal."""
        self.lost = 0
        self.given_up = 0
        """Frames of recorded video that got no answer that can be used in any of their tries."""
        self.short = False
        """Whether the budget had no request left to ask about a frame again."""

    @property
    def in_flight(self) -> int:
        """Requests that are out."""
        return len(self._out)

    @property
    def pending(self) -> int:
        """How many outcomes `wait` still has to give: of samples that are out, wait or are settled, and an error."""
        return len(self._out) + len(self._waiting) + len(self._settled) + self.sender.ended.closed

    @property
    def trouble(self) -> str:
        """What the endpoint last said instead of an answer, in words; empty once it answers."""
        if self._retry.needs_every_answer:
            return self.sender.fault
        now, fault = self._clock(), self.sender.fault
        if trouble := self._gate.trouble(now):
            return trouble
        wait = self._gate.wait(now) if fault else 0.0
        return f"{fault} - waiting {wait:.0f} s" if wait else fault

    def offer(self, frame: Frame) -> bool:
        """Ask about a frame if a request may be sent now; never waits.

        Returns:
            False where none may be sent: the gate is shut, or frames that wait to be asked again come first.

        Raises:
            BudgetSpent: Nothing is left for a frame without whose answer the work is incomplete.
        """
        if self.sender.ended.closed:
            return False  # `wait` says why
        now = self._clock()
        if self._journal and self._recall(frame, self._journal, now):
            return True
        self._ask_again(now)
        if any(sample.ready_at <= now for sample in self._waiting):
            return False
        if self._send(_Sample(frame, self.sender.answered, self.sender.answered), now):
            return True
        if self._retry.needs_every_answer and self._gate.requests_left == 0:
            raise self.budget_spent()
        return False

    def _recall(self, frame: Frame, journal: Journal, now: float) -> bool:
        """Settle a frame by what an earlier run noted; False where it noted nothing."""
        known = journal.recall(frame.index)
        if known is not None:
            self.recalled += 1
            self._settled.append(Result(frame.index, frame.pts, known.poses, frame.captured_at, now, now))
            return True
        reason = journal.given_up(frame.index)
        if reason is not None:
            self.given_up += 1
            self._settled.append(Lost(frame.index, reason))
        return reason is not None

    def budget_spent(self) -> BudgetSpent:
        """The error that says that the budget is spent."""
        return BudgetSpent(f"{spent_text(self._leases, '`max_requests`')} before the end")

    def ready(self) -> list[Outcome]:
        """Take the outcomes that are there; never waits.

        Raises:
            EndpointError: The endpoint refused for good, or never answered.
        """
        return self.wait(0.0)

    def wait(self, within: float) -> list[Outcome]:
        """Wait for an outcome, and take all that are there.

        Args:
            within: Seconds to wait at most.

        Raises:
            EndpointError: The endpoint refused for good, or never answered.
            Closed: It was closed.
        """
        self._ask_again(self._clock())
        try:
            ended = self.sender.ended.get_all(0.0 if self._settled else within)
        except TimeoutError:
            ended = []
        except BaseException:
            if not self._settled:
                raise
            ended = []  # what is settled comes first; the next call raises
        for request in ended:
            sample = self._out.pop(request.frame.index)
            if isinstance(request.outcome, Result):
                self._settled.append(request.outcome)
            else:
                self._failed(sample, request.outcome, request.others_answered)
        self._ask_again(self._clock())
        outcomes, self._settled = self._settled, []
        return outcomes

    def stop_retrying(self) -> None:
        """Retry no request any more: frames whose request fails, or that wait for a retry, are lost. Any thread."""
        self._no_retries = True

    def close(self, deadline: Deadline) -> None:
        """Give up the requests that are out and end the threads; blocks until the deadline at most. Idempotent."""
        self._no_retries = True
        self.sender.close(deadline)
        self._gate.close()

    def _send(self, sample: _Sample, now: float) -> bool:
        lease = self._gate.try_acquire(sample.frame.index, now)
        if lease is None:
            return False
        self._started_at = min(self._started_at, now)
        self._leases += 1
        self._out[sample.frame.index] = sample
        self.sender.send(sample.frame, lease)
        return True

    def _ask_again(self, now: float) -> None:
        """Send the retries that are due, the earliest frame first."""
        if not self._waiting:
            return
        if self._no_retries or self._gate.requests_left == 0:
            self.short = self.short or not self._no_retries
            for sample in self._waiting:
                self._lose(sample)
            self._waiting.clear()
        for sample in sorted(self._waiting, key=lambda sample: sample.frame.index):
            if sample.ready_at <= now:
                if not self._send(sample, now):
                    return
                self._waiting.remove(sample)

    def _failed(self, sample: _Sample, fault: Fault, others_answered: bool) -> None:
        now, answered = self._clock(), self.sender.answered
        sample.tries += 1
        sample.own += is_own(fault, others_answered=others_answered)
        failure = Failure(
            fault,
            sample.tries,
            sample.own,
            others_answered=answered > sample.answered_before,
            ever_answered=answered > 0,
            asking_for=now - self._started_at,
            is_alone=answered > sample.answered_at_first or not (self.in_flight or self._waiting),
        )
        sample.answered_before, sample.reason = answered, str(fault)
        is_ending = self._no_retries
        verdict = GiveUp() if is_ending else self._retry.after(failure)
        if isinstance(verdict, AskAgain):
            sample.ready_at = now + verdict.after
            self._waiting.append(sample)
        elif isinstance(verdict, EndWork):
            self.sender.ended.close(fault)
        else:
            if self._retry.needs_every_answer and not is_ending:
                self._give_up(sample)
            self._lose(sample)

    def _give_up(self, sample: _Sample) -> None:
        """Note in the journal that a frame gets no answer."""
        self.given_up += 1
        if self._journal:
            self._journal.give_up(sample.frame.index, sample.reason)
        if self.given_up <= _MAX_LINES:
            text = "frame %d got no answer that can be used in %d tries, its poses are interpolated: %s"
            _log.warning(text, sample.frame.index, sample.tries, redact(sample.reason))

    def _lose(self, sample: _Sample) -> None:
        self.lost += 1
        self._settled.append(Lost(sample.frame.index, sample.reason))

    def __repr__(self) -> str:
        return f"<Requester {self.in_flight} in flight, {self.sender.answered} answered, {self.lost} lost>"
