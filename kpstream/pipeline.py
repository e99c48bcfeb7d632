"""One loop: frame in, scene out. Opens the house and shuts it.

Live and recorded video run the same loop; they differ in the line between the frames and the tracker
(`kpstream.ordering`): it waits for nothing, or for the answers on both sides of a frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import inf, nan
from types import TracebackType
from typing import Self

from kpstream.budget import LIVE_RATE, AtRate, InFlight, Sampling
from kpstream.capture import Capture
from kpstream.channel import Closed, Deadline
from kpstream.entities import Frame, Result, Scene, Stats
from kpstream.interfaces import Annotator, Endpoint, Sink, Source, Tracker
from kpstream.meters import Rate
from kpstream.ordering import Complete, Immediate, Line
from kpstream.render import PoseAnnotator
from kpstream.sampler import Sampler
from kpstream.tracker import Tracker as PoseTracker

STALE_AFTER = 2.0
"""Seconds of video after which poses that no answer confirmed are marked as stale."""
SHUTDOWN_WITHIN = 5.0
HELD_BYTES = 768 * 2**20
"""What frames of recorded video may take in memory while they wait for answers."""
_IDLE_TICK = 0.05
_DEFAULT_ANNOTATOR = PoseAnnotator()


class Pipeline:
    """Frames from a source, poses from an endpoint, scenes to whoever iterates and to the sinks.

    Use it in a ``with`` statement and iterate, in one thread; leaving the block ends every thread, and closes
    the source, the endpoint and the sinks.

    Args:
        source: An open source.
        endpoint: Asked about some of the frames.
        sinks: Each is given every scene, in order, from this thread; wrap slow ones in `kpstream.background`.
        annotator: Draws what the sinks are given and what `Scene.draw` returns; None draws nothing.
        tracker: Knows the poses between the answers.
        rate: The most samples per second of video. None: 5 of a live source, every frame of a recorded one.
        sampling: Which frames are asked, where an even rate is not what is wanted.
        max_in_flight: Requests at once; None follows the measured latency.
        duration: Seconds after which a live source ends.
        on_idle: Called some twenty times a second, with how it is doing, while the source gives nothing.
        clock: Monotonic seconds, the same clock that the source stamps its frames with.
    """

    def __init__(
        self,
        source: Source,
        endpoint: Endpoint,
        *,
        sinks: Sequence[Sink] = (),
        annotator: Annotator | None = _DEFAULT_ANNOTATOR,
        tracker: Tracker | None = None,
        rate: float | None = None,
        sampling: Sampling | None = None,
        max_in_flight: int | None = None,
        duration: float = inf,
        on_idle: Callable[[Stats], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        live = source.is_live
        if rate is None:
            rate = LIVE_RATE if live else inf
        # recorded video is asked for as fast as answers come, however sparse its samples are
        limit = InFlight(min(rate if live else inf, endpoint.max_rate), endpoint.max_in_flight, max_in_flight)
        self._source = source
        self._sinks = tuple(sinks)
        self._annotator = annotator
        self._tracker: Tracker = PoseTracker() if tracker is None else tracker
        self._sampling: Sampling = AtRate(rate) if sampling is None else sampling
        self._duration = duration
        self._on_idle = on_idle
        self._clock = clock
        self._capture = Capture(source)
        self._sampler = Sampler(endpoint, limit, patient=not live, clock=clock)
        self._limit = limit
        self._line: Line | None = Immediate() if live else None
        self._capture_rate, self._sample_rate, self._render_rate = Rate(), Rate(), Rate()
        self._newest: Result | None = None
        self._next_index = 0
        self._captured = self._dropped = self._rendered = 0
        self._stopped = False

    @property
    def stats(self) -> Stats:
        """How it is doing right now."""
        now = self._clock()
        capture, sampler = self._capture, self._sampler
        return Stats(
            capture_fps=self._capture_rate.per_second(now),
            render_fps=self._render_rate.per_second(now),
            sample_fps=self._sample_rate.per_second(now),
            in_flight=sampler.in_flight,
            captured=self._captured,
            rendered=self._rendered,
            dropped=self._dropped,
            requests=sampler.requests,
            answered=sampler.answered,
            lost=sampler.lost,
            stale=self._line.stale if self._line else 0,
            reconnects=capture.reconnects,
            latency=self._limit.latency,
            bytes_sent=sampler.bytes_sent,
            credits=sampler.credits,
            source_trouble=capture.trouble,
            endpoint_trouble=sampler.trouble,
        )

    def run(self) -> Stats:
        """Run to the end of the source; for those who need the sinks alone.

        Returns:
            What was done.
        """
        for _ in self:
            pass
        return self.stats

    def stop(self) -> None:
        """End early, with everything written whole: what is answered is still written. Any thread, signal handlers."""
        self._stopped = True
        self._sampler.hurry()
        self._capture.frames.close()

    def close(self) -> None:
        """End the threads and close source, endpoint and sinks. Idempotent.

        Raises:
            SinkError: A sink could not write what it still held.
        """
        deadline = Deadline(SHUTDOWN_WITHIN)
        with ExitStack() as stack:  # every sink is closed, whatever the others say
            for sink in reversed(self._sinks):
                stack.callback(sink.close)
            self._capture.frames.close()
            self._sampler.close(deadline)
            self._capture.close(deadline)

    def __iter__(self) -> Iterator[Scene]:
        """Scenes in the order of their frames.

        Raises:
            SourceReadError: A recorded source failed.
            EndpointError: The endpoint refused for good.
            SinkError: A sink could not write.
        """
        self._capture.start()
        try:
            for frame in self._frames():
                line = self._line = self._line or Complete(max(8, HELD_BYTES // frame.image.nbytes))
                yield from self._take(frame, line)
            if self._line is not None:
                yield from self._finish(self._line)
        except Closed:  # by `close`, from the body of the loop
            return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _frames(self) -> Iterator[Frame]:
        started_at = self._clock()
        frames = self._capture.frames
        while not self._stopped:
            if self._clock() - started_at >= self._duration:
                self._stopped = True
                return
            try:
                frame = frames.get(_IDLE_TICK)
            except TimeoutError:
                self._on_idle(self.stats)
                if self._line is not None:
                    self._line.settle(self._sampler.ready())  # a refusal ends it without a next frame, too
                continue
            except Closed:
                return
            if not self._captured:
                self._next_index = frame.index  # a file may begin in its middle
            self._captured += 1
            self._dropped += frame.index - self._next_index
            self._capture_rate.tick(frame.captured_at, 1 + frame.index - self._next_index)
            self._next_index = frame.index + 1
            yield frame

    def _take(self, frame: Frame, line: Line) -> Iterator[Scene]:
        due = self._sampling.due(frame.index, frame.pts)
        if self._source.is_live:
            sampled = due and self._sampler.offer(frame)
        else:
            sampled = yield from self._ask_in_turn(frame, line, due=due)
        if sampled:
            self._sampling.taken(frame.index, frame.pts)
            self._sample_rate.tick(self._clock())
        self._tracker.look(frame)
        line.push(frame, sampled=sampled)  # before its own answer, which may be there already
        line.settle(self._sampler.ready())
        yield from self._release(line)

    def _ask_in_turn(self, frame: Frame, line: Line, *, due: bool) -> Generator[Scene, None, bool]:
        """Wait for a free request, and for room in the line; what is answered meanwhile is shown."""
        while not self._stopped:
            while self._sampler.in_flight and (line.full or (due and self._sampler.busy)):
                line.settle(self._sampler.wait())
                yield from self._release(line)
            # With no room left and no answer on its way, only another sample can let frames go.
            if not (due or line.full):
                return False
            if self._sampler.offer(frame):  # the limit may have shrunk since it was looked at
                return True
        return False

    def _finish(self, line: Line) -> Iterator[Scene]:
        if self._stopped and self._source.is_live:
            return
        if not self._stopped:
            line.finish()
        yield from self._release(line)
        while outcomes := self._sampler.wait():
            line.settle(outcomes)
            yield from self._release(line)

    def _release(self, line: Line) -> Iterator[Scene]:
        for item in line.release():
            if isinstance(item, Result):
                self._tracker.update(item)
                self._newest = item
            else:
                yield self._show(item)

    def _show(self, frame: Frame) -> Scene:
        newest = self._newest
        age = nan if newest is None else frame.pts - newest.pts
        self._rendered += 1
        self._render_rate.tick(self._clock())
        scene = Scene(
            frame=frame,
            poses=self._tracker.predict(frame),
            stats=self.stats,
            result_frame_index=None if newest is None else newest.frame_index,
            result_age=age,
            stale=age > STALE_AFTER,
            rendered_at=self._clock(),
            source=self._source.name,
            annotator=self._annotator,
        )
        if not self._sinks:
            return scene
        canvas = frame.image if self._annotator is None else scene.draw()
        scene = replace(scene, rendered_at=self._clock())
        for sink in self._sinks:
            sink.write(scene, canvas)
        return scene

    def __repr__(self) -> str:
        return f"<Pipeline {self._captured} captured, {self._rendered} rendered, {self._capture!r}, {self._sampler!r}>"
