"""In which order answers reach the tracker, and when a frame may be shown. No clock, no thread.

Answers come late, in any order, or never. A line takes frames as they come and outcomes as they come, and
hands both on in an order that the tracker can use: results by pts, each frame once everything that it waits for
is there. `Immediate` waits for nothing (live); `Complete` waits for the answers on both sides of a frame (recorded).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from kpstream.entities import Frame, Result


@dataclass(frozen=True, slots=True)
class Lost:
    """A sample that got no answer."""

    frame_index: int
    reason: str = ""


Outcome = Result | Lost


class Line(Protocol):
    """Frames and outcomes in, frames and results out, in an order that the tracker can use."""

    @property
    def full(self) -> bool:
        """Whether the next frame has to wait until outcomes let earlier ones go."""

    @property
    def stale(self) -> int:
        """How many results came after a newer one and were not used."""

    def push(self, frame: Frame, *, sampled: bool) -> None:
        """Append a frame; ``sampled`` where an outcome will come for it."""

    def settle(self, outcomes: list[Outcome]) -> None:
        """Take in what became of samples."""

    def finish(self) -> None:
        """No further frame will come: let go of all that is settled."""

    def release(self) -> Iterator[Result | Frame]:
        """Results in pts order, and the frames that wait for nothing more."""


class Immediate:
    """Every frame goes at once; a result goes when it comes, unless a newer one was there before."""

    full = False

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._results: list[Result] = []
        self._newest = -1
        self._stale = 0

    @property
    def stale(self) -> int:
        """How many results came after a newer one and were not used."""
        return self._stale

    def push(self, frame: Frame, *, sampled: bool) -> None:  # noqa: ARG002 - the Protocol's words
        """Append a frame."""
        self._frames.append(frame)

    def settle(self, outcomes: list[Outcome]) -> None:
        """Keep the results; what is lost is lost."""
        self._results += [outcome for outcome in outcomes if isinstance(outcome, Result)]

    def finish(self) -> None:
        """Nothing is held back."""

    def release(self) -> Iterator[Result | Frame]:
        """Results that are news, oldest first, then the frames."""
        for result in sorted(self._results, key=lambda result: result.frame_index):
            if result.frame_index > self._newest:
                self._newest = result.frame_index
                yield result
            else:
                self._stale += 1
        self._results.clear()
        while self._frames:
            yield self._frames.popleft()


class Complete:
    """A frame goes when the answers on both sides of it are in, or it was answered itself.

    Args:
        capacity: How many frames may wait here; what bounds the memory of recorded video.
    """

    stale = 0

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[Frame] = deque()
        self._waiting: set[int] = set()
        self._results: dict[int, Result] = {}
        self._finished = False

    @property
    def full(self) -> bool:
        """Whether no further frame can be taken before an answer lets some go."""
        return len(self._frames) >= self._capacity

    def push(self, frame: Frame, *, sampled: bool) -> None:
        """Append a frame; ``sampled`` where an outcome will come for it."""
        self._frames.append(frame)
        if sampled:
            self._waiting.add(frame.index)

    def settle(self, outcomes: list[Outcome]) -> None:
        """Take in what became of samples."""
        for outcome in outcomes:
            self._waiting.discard(outcome.frame_index)
            if isinstance(outcome, Result):
                self._results[outcome.frame_index] = outcome

    def finish(self) -> None:
        """No further frame will come: the last answer is all that later frames wait for."""
        self._finished = True

    def release(self) -> Iterator[Result | Frame]:
        """Frames from the front as far as both sides are known, each result ahead of the frames that need it."""
        ahead: deque[Frame] = deque()  # frames that were looked at and still wait for an answer ahead of them
        for frame in list(self._frames):
            if frame.index in self._waiting:
                return
            ahead.append(frame)
            result = self._results.pop(frame.index, None)
            if result is not None:
                yield result
                yield from self._let_go(ahead)
        if self._finished:
            yield from self._let_go(ahead)

    def _let_go(self, ahead: deque[Frame]) -> Iterator[Frame]:
        while ahead:
            self._frames.popleft()
            yield ahead.popleft()
