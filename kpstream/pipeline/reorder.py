"""In which order answers reach the tracker, and when a frame may be shown. No clock, no thread.

Answers come late, in any order, or never. A reorder buffer takes frames and outcomes as they come, and hands both on
in an order that the tracker can use: results by pts, each frame once everything that it waits for is there.
`PassThrough` waits for nothing (live); `PlayoutBuffer` waits for the answers on both sides of a frame, but not for ever
(live, a little behind); `WaitForAll` waits for them as long as it takes (recorded).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import inf, isnan, nan
from typing import Protocol

from kpstream.entities import Frame, Outcome, Result


class ReorderBuffer(Protocol):
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

    @property
    def wakes_at(self) -> float:
        """When the next frame may go although nothing else happens; infinite where time alone changes nothing."""

    def release(self, now: float) -> Iterator[Result | Frame]:
        """Results in pts order, and the frames that wait for nothing more."""


class PassThrough:
    """Every frame goes at once; a result goes when it comes, unless a newer one was there before."""

    full = False
    wakes_at = inf

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

    def release(self, now: float) -> Iterator[Result | Frame]:  # noqa: ARG002
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


class WaitForAll:
    """A frame goes when the answers on both sides of it are in, or it was answered itself.

    Args:
        capacity: How many frames may wait here; what bounds the memory of recorded video.
    """

    stale = 0
    wakes_at = inf

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

    def release(self, now: float) -> Iterator[Result | Frame]:  # noqa: ARG002
        """Frames from the front as far as both sides are known, each result ahead of the frames that need it."""
        ahead: deque[Frame] = deque()  # frames that were looked at and still wait for an answer ahead of them
        for frame in list(self._frames):
            if frame.index in self._waiting:
                return
            ahead.append(frame)
            result = self._results.pop(frame.index, None)
            if result is not None:
                yield result
                yield from self._release(ahead)
        if self._finished:
            yield from self._release(ahead)

    def _release(self, ahead: deque[Frame]) -> Iterator[Frame]:
        while ahead:
            self._frames.popleft()
            yield ahead.popleft()


class PlayoutBuffer:
    """A frame goes at a steady delay that lets the answers on both sides of it come in, at most ``delay``.

    What does not come in time is not waited for: frames go without it, and it still corrects those after them.

    Args:
        delay: The most seconds from a frame's ``captured_at`` to its release.
        capacity: How many frames may wait here; the oldest goes early when there would be more.
    """

    full = False

    def __init__(self, delay: float, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[Frame] = deque()
        self._sampled: deque[tuple[int, float]] = deque(maxlen=512)  # index and captured_at, and not the picture
        self._results: dict[int, Result] = {}
        self._used = -1  # the newest sample whose result went on
        self._playout = Playout(delay)
        self._finished = False
        self._stale = 0

    @property
    def stale(self) -> int:
        """How many results came after a newer one and were not used."""
        return self._stale

    @property
    def wakes_at(self) -> float:
        """When the frame in front is due; infinite while none waits."""
        return self._frames[0].captured_at + self._playout.delay if self._frames else inf

    def push(self, frame: Frame, *, sampled: bool) -> None:
        """Append a frame; ``sampled`` where an outcome will come for it."""
        self._frames.append(frame)
        if sampled:
            self._sampled.append((frame.index, frame.captured_at))

    def settle(self, outcomes: list[Outcome]) -> None:
        """Take in what became of samples."""
        for result in outcomes:
            if isinstance(result, Result):
                self._results[result.frame_index] = result
                before = [at for index, at in self._sampled if index < result.frame_index]
                if before:
                    self._playout.needed(result, since=before[-1])

    def finish(self) -> None:
        """No further frame will come; those that are here still go at their time."""

    def release(self, now: float) -> Iterator[Result | Frame]:
        """The frames that are due, each after the results that it needs; all of them at an infinite ``now``."""
        while self._frames and (now >= self.wakes_at or len(self._frames) > self._capacity):
            frame = self._frames.popleft()
            yield from self._use(min((i for i in self._results if i >= frame.index), default=frame.index))
            yield frame
        if self._frames:  # what is too late for its own frame corrects those that are still to go
            yield from self._use(self._frames[0].index - 1)

    def _use(self, last: int) -> Iterator[Result]:
        for index in sorted(i for i in self._results if i <= last):
            result = self._results.pop(index)
            if index > self._used:
                self._used = index
                yield result
            else:
                self._stale += 1


class Playout:
    """How far behind the world an even picture runs: as far as the answers of the last seconds made necessary.

    It changes so slowly that nobody sees it, faster to more than to less. Only the first answer sets it at once.

    Args:
        most: Never more seconds than this; what it begins with.
    """

    WINDOW = 10.0
    GROWS, SHRINKS = 0.2, 0.03
    """Seconds per second: the picture then runs 20 % too slowly, or 3 % too fast."""
    MARGIN = 0.05
    """Seconds for the loop to see an answer."""
    LONGEST_STEP = 0.5
    """Seconds between two answers that count; after an outage the picture does not jump."""
    LONGEST_GAP = 1.0
    """Samples further apart lie around a picture at rest, which need not wait for the far side."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._needs: deque[tuple[float, float]] = deque()  # falling, so that the largest is in front
        self._at = nan
        self.delay = most
        """Seconds."""

    def needed(self, result: Result, *, since: float) -> None:
        """Take in a result; the frames that it completes begin after ``since``, the sample before it."""
        now = result.received_at
        first = since if result.captured_at - since <= self.LONGEST_GAP else result.captured_at
        need = min(self._most, now - first + self.MARGIN)
        while self._needs and self._needs[-1][1] <= need:
            self._needs.pop()
        self._needs.append((now, need))
        while self._needs[0][0] < now - self.WINDOW:
            self._needs.popleft()
        wanted, elapsed = self._needs[0][1], min(self.LONGEST_STEP, max(0.0, now - self._at))
        if isnan(self._at):
            self.delay = wanted
        else:
            self.delay = min(max(wanted, self.delay - self.SHRINKS * elapsed), self.delay + self.GROWS * elapsed)
        self._at = now
