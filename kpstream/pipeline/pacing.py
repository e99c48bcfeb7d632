"""What is different where the world waits and where it does not: two policies, so that there is one loop."""

from __future__ import annotations

from math import inf
from typing import Protocol

from kpstream.dispatch.retry import LiveRetry, RecordedRetry, RetryPolicy
from kpstream.dispatch.rule import LOADING
from kpstream.dispatch.sampling import LIVE_RATE
from kpstream.pipeline.reorder import PassThrough, PlayoutBuffer, ReorderBuffer, WaitForAll


class Pacing(Protocol):
    """How frames, requests and answers wait for each other."""

    @property
    def default_rate(self) -> float:
        """Samples per second of video where nobody says."""

    @property
    def frames_wait(self) -> bool:
        """Whether a frame waits until a request may be sent, and the end until every answer is in."""

    @property
    def retry(self) -> RetryPolicy:
        """What becomes of a frame whose request failed."""

    @property
    def loading(self) -> float:
        """Seconds after which a request is late before any was answered; infinite where none is ever late."""

    @property
    def max_probe_gap(self) -> float:
        """Seconds between two probes of an endpoint that answers nobody, at most."""

    def answers_wanted(self, rate: float) -> float:
        """How many answers per second are of use.

        Args:
            rate: Samples per second of video.
        """

    def reorder_buffer(self, capacity: int, delay: float | None) -> ReorderBuffer:
        """What brings frames and answers in order.

        Args:
            capacity: How many frames may wait.
            delay: How many seconds a live picture may wait for its answers; None shows it at once.
        """


class Live:
    """The world does not wait: what comes late is lost, and a newer frame is better than the same one again."""

    default_rate = LIVE_RATE
    frames_wait = False
    retry: RetryPolicy = LiveRetry()
    loading = LOADING
    max_probe_gap = 0.5

    def answers_wanted(self, rate: float) -> float:
        """As many as samples."""
        return rate

    def reorder_buffer(self, capacity: int, delay: float | None) -> ReorderBuffer:
        """No waiting at all, or a steady delay."""
        return PassThrough() if delay is None else PlayoutBuffer(delay, capacity)


class Recorded:
    """The video waits: every answer is waited for, and asked for again where it did not come."""

    default_rate = inf
    frames_wait = True
    retry: RetryPolicy = RecordedRetry()
    loading = inf
    max_probe_gap = 4.0

    def answers_wanted(self, rate: float) -> float:  # noqa: ARG002 - the Protocol's words
        """As many as come, however sparse the samples are."""
        return inf

    def reorder_buffer(self, capacity: int, delay: float | None) -> ReorderBuffer:  # noqa: ARG002
        """A frame waits for the answers on both sides of it."""
        return WaitForAll(capacity)
