"""What becomes of a frame whose request failed: live a newer one is better, recorded it is asked again. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

from kpstream.errors import EndpointUnavailable, ResponseFormatError

Fault = EndpointUnavailable | ResponseFormatError


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that failed, and what was before it."""

    fault: Fault
    tries: int
    """How often the frame was asked about, this time included."""
    own: int
    """How many of these tries failed through the frame itself, and not with all others."""
    others_answered: bool
    """Whether another frame was answered since this one was last asked about, or is asked about at all."""
    ever_answered: bool
    """Whether the endpoint has answered anything at all."""
    is_alone: bool
    """Whether the endpoint answers but for this frame: another was answered since this one was first asked about, or
    none waits for an answer beside it."""
    asking_for: float
    """Seconds since the first request of all."""


@dataclass(frozen=True, slots=True)
class AskAgain:
    """Send another request for the frame, after so many seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Go on without an answer for the frame."""


@dataclass(frozen=True, slots=True)
class EndWork:
    """Raise the fault: nothing more comes of this endpoint."""


Verdict = AskAgain | GiveUp | EndWork


class RetryPolicy(Protocol):
    """Decides what becomes of a frame whose request failed."""

    @property
    def needs_every_answer(self) -> bool:
        """Whether the work is short of something where a frame that was to be asked about is not."""

    def after(self, failure: Failure) -> Verdict:
        """What to do now."""


@dataclass(frozen=True, slots=True)
class LiveRetry:
    """Give up: a newer frame is better than the same one again, and the breaker probes."""

    needs_every_answer: bool = False

    def after(self, failure: Failure) -> Verdict:  # noqa: ARG002 - the Protocol's words
        """Always the same."""
        return GiveUp()


@dataclass(frozen=True, slots=True)
class RecordedRetry:
    """Ask again, later and later. An outage of the whole endpoint is waited out; who fails alone is given up."""

    attempts: int = 10
    """How often one frame may fail through itself."""
    first_answer_within: float = 30.0
    """Seconds in which the endpoint must give its first answer at all."""
    longest_pause: float = 8.0
    """Seconds before a frame is asked about again, at most, while nobody is answered."""
    longest_alone: float = 2.0
    """The same while others are answered: what fails by chance need not hold up the frames behind it."""
    needs_every_answer: bool = True

    def after(self, failure: Failure) -> Verdict:
        """Ask again, unless the frame failed too often or nobody ever answers."""
        if not failure.ever_answered and failure.asking_for > self.first_answer_within:
            return EndWork()
        if failure.own >= self.attempts:
            return GiveUp() if failure.ever_answered and failure.is_alone else EndWork()
        fails_alone = failure.is_alone and failure.own == failure.tries
        longest = self.longest_alone if failure.others_answered or fails_alone else self.longest_pause
        return AskAgain(backoff(failure.tries, getattr(failure.fault, "retry_after", None), longest=longest))


def is_own(fault: Exception, *, others_answered: bool) -> bool:
    """Whether a request failed through its frame, and not with all others.

    An endpoint that answers nobody has an outage, which no single frame can be blamed for; but where it says itself
    that this request failed, or answers nonsense, asking for ever would only cost.

    Args:
        fault: What came instead of an answer.
        others_answered: Whether another request was answered while this one was out.
    """
    refused = isinstance(fault, EndpointUnavailable) and fault.status == 500
    return others_answered or isinstance(fault, ResponseFormatError) or refused


def backoff(attempt: int, retry_after: float | None = None, *, longest: float) -> float:
    """Seconds to wait before asking again.

    Doubles from half a second, with jitter on the upper half so that many requests do not come back at once.

    Args:
        attempt: How many times it failed so far, from 1.
        retry_after: The least that the service asked for, in seconds; kept to, up to a minute.
        longest: The most that the doubling leads to.
    """
    pause = min(longest, 0.5 * 2.0 ** (min(attempt, 30) - 1)) * random.uniform(0.5, 1.0)
    return pause if retry_after is None else max(pause, min(retry_after, 60.0) + random.uniform(0, 0.1))
