"""Decides what becomes of a frame whose request failed: a live view drops it, recorded video retries it. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from kpstream.errors import EndpointUnavailable, ResponseFormatError

Fault = EndpointUnavailable | ResponseFormatError


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed, with the history of its frame."""

    fault: Fault
    tries: int
    """How often the frame was asked about, this request included."""
    own: int
    """How many of these tries failed because of the frame itself, while others were answered."""
    others_answered: bool
    """Whether another frame was answered since this frame was last asked about, or first offered."""
    ever_answered: bool
    """Whether the endpoint has answered anything at all."""
    is_alone: bool
    """Whether the endpoint fails at this frame only: it answered another one since this one was first asked about, or
    no other one waits for an answer."""
    asking_for: float
    """Seconds since the first request of all."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Send another request for the frame, ``after`` so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Go on without an answer for the frame."""


@dataclass(frozen=True, slots=True)
class EndWork:
    """Raise the fault: more requests to this endpoint are useless."""


Verdict = AskAgain | GiveUp | EndWork


class RetryPolicy(Protocol):
    """Decides what becomes of a frame whose request failed."""

    @property
    def needs_every_answer(self) -> bool:
        """Whether the work is incomplete where a sampled frame gets no answer."""

    def after(self, failure: Failure) -> Verdict:
        """Decide what to do after a failure."""


@dataclass(frozen=True, slots=True)
class LiveRetry:
    """Gives up at once: a newer frame is of more use, and the breaker probes."""

    needs_every_answer: bool = False

    def after(self, failure: Failure) -> Verdict:  # noqa: ARG002 - the Protocol's words
        """Give up."""
        return GiveUp()


@dataclass(frozen=True, slots=True)
class RecordedRetry:
    """Retries with growing pauses: waits out an outage of the endpoint, gives up a frame that fails alone."""

    attempts: int = 10
    """How often one frame may fail because of itself."""
    first_answer_within: float = 30.0
    """Seconds in which the endpoint must give its first answer at all."""
    longest_pause: float = 8.0
    """The longest pause before a retry, in seconds, while the endpoint answers no frame."""
    longest_alone: float = 2.0
    """The longest pause, in seconds, while the endpoint answers other frames: these wait for this one."""
    needs_every_answer: bool = True

    def after(self, failure: Failure) -> Verdict:
        """Retry, unless the frame failed too often or the endpoint never answers."""
        if not failure.ever_answered and failure.asking_for > self.first_answer_within:
            return EndWork()
        if failure.own >= self.attempts:
            return GiveUp() if failure.ever_answered and failure.is_alone else EndWork()
        fails_alone = failure.is_alone and failure.own == failure.tries
        longest = self.longest_alone if failure.others_answered or fails_alone else self.longest_pause
        return AskAgain(backoff(failure.tries, getattr(failure.fault, "retry_after", None), longest=longest))


def is_own(fault: Exception, *, others_answered: bool) -> bool:
    """Whether a request failed because of its frame, not because of an outage.

    While the endpoint answers no request it has an outage, and no frame is at fault. A status of 500, or an answer that
    cannot be read, counts as the frame's fault all the same: retries for ever would only cost.

    Args:
        fault: What came instead of an answer.
        others_answered: Whether another request was answered while this one was out.
    """
    refused = isinstance(fault, EndpointUnavailable) and fault.status == 500
    return others_answered or isinstance(fault, ResponseFormatError) or refused


def backoff(attempt: int, retry_after: float | None = None, *, longest: float) -> float:
    """Seconds to wait before a retry.

    The pause doubles from half a second, with jitter on its upper half, so that many retries do not come at once.

    Args:
        attempt: How many times it failed so far, from 1.
        retry_after: The least that the service asked for, in seconds; kept to, up to a minute.
        longest: The most that the doubling leads to.
    """
    pause = min(longest, 0.5 * 2.0 ** (min(attempt, 30) - 1)) * random.uniform(0.5, 1.0)
    return pause if retry_after is None else max(pause, min(retry_after, 60.0) + random.uniform(0, 0.1))
