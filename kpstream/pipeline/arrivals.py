"""The frames of a source as the loop takes them, and how many there were."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kpstream.channel import Channel, Closed
from kpstream.entities import Frame
from kpstream.meters import Rate

IDLE_TICK = 0.1
"""Seconds after which the loop is woken where nothing comes."""


class Arrivals:
    """Takes frames from a channel, for at most so long; for one thread, but for `stop`.

    Args:
        frames: Given by the thread that captures them.
        duration: Seconds after which no more are taken.
        on_idle: Called about every `IDLE_TICK` while nothing comes.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        frames: Channel[Frame],
        *,
        duration: float,
        on_idle: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._frames = frames
        self._duration = duration
        self._on_idle = on_idle
        self._clock = clock
        self._rate = Rate()
        self._next_index = 0
        self.captured = 0
        """Frames that were taken."""
        self.dropped = 0
        """Frames that the source gave and this never saw, for a newer one was there."""
        self.busy = 0.0
        """Seconds that whoever takes the frames has spent on them."""
        self.stopped = False
        """Whether no more are taken, because of `stop` or of the duration."""

    def fps(self, now: float) -> float:
        """Frames per second that the source gives, those that were dropped included."""
        return self._rate.per_second(now)

    def stop(self) -> None:
        """Take no more. Any thread, signal handlers."""
        self.stopped = True
        self._frames.close()

    def until(self, wakes_at: Callable[[], float]) -> Iterator[Frame | None]:
        """The frames as they come; None where none came for an `IDLE_TICK`, or the time to wake is there.

        Blocks for an `IDLE_TICK` at most.

        Args:
            wakes_at: The time at which the loop has something else to do, on the clock; infinite for never.

        Raises:
            SourceReadError: A recorded source failed.
        """
        started_at = idle_at = self._clock()
        while not self.stopped:
            now = self._clock()
            if now - started_at >= self._duration:
                self.stopped = True
                return
            try:
                frame = self._frames.get(min(IDLE_TICK, max(0.0, wakes_at() - now)))
            except TimeoutError:
                if self._clock() - idle_at >= IDLE_TICK:
                    idle_at = self._clock()
                    self._on_idle()
                yield None
                continue
            except Closed:
                return
            self._count(frame)
            idle_at = self._clock()
            yield frame
            self.busy += self._clock() - idle_at

    def _count(self, frame: Frame) -> None:
        missed = frame.index - self._next_index if self.captured else 0  # a file may begin in its middle
        self.captured += 1
        self.dropped += missed
        self._rate.tick(frame.captured_at, 1 + missed)
        self._next_index = frame.index + 1
