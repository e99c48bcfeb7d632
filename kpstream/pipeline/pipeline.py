"""One loop: frame in, scene out. Opens the house and shuts it.

Live and recorded video run the same loop; what they differ in is said by `kpstream.pipeline.pacing`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from math import inf
from types import TracebackType
from typing import Self

from kpstream.channel import Closed, Deadline
from kpstream.dispatch.endpoint_gate import EndpointGate
from kpstream.dispatch.requester import Requester
from kpstream.dispatch.rule import Rule
from kpstream.dispatch.sampling import FixedRate, Sampling
from kpstream.entities import Annotator, Filters, Frame, Lost, Outcome, Result, Scene, Stats
from kpstream.errors import BudgetSpent
from kpstream.interfaces import Endpoint, Journal, Opener, SceneRules, Sink, Source, Tracker
from kpstream.meters import Rate
from kpstream.pipeline.arrivals import IDLE_TICK, Arrivals
from kpstream.pipeline.capture import Capture
from kpstream.pipeline.pacing import Live, Pacing, Recorded
from kpstream.pipeline.renderer import Renderer
from kpstream.pipeline.reorder import ReorderBuffer
from kpstream.render import PoseAnnotator
from kpstream.tracking import Tracker as PoseTracker

SHUTDOWN_WITHIN = 5.0
_FIGURES_EVERY = 0.1
"""Seconds of video for which live scenes share their figures: to find them takes a tenth of a millisecond."""
HELD_BYTES = 768 * 2**20
"""What frames may take in memory while they wait for answers."""
_DEFAULT_ANNOTATOR = PoseAnnotator()


def held_frames(size: tuple[int, int]) -> int:
    """How many frames of a size may wait for answers; recorded video takes a sample at least so often.

    Args:
        size: (width, height) in pixels.
    """
    width, height = size
    return max(8, HELD_BYTES // (3 * width * height))


class Pipeline:
    """Frames from a source, poses from an endpoint, scenes to whoever iterates and to the sinks.

    Use it in a ``with`` statement and iterate, in one thread; leaving the block ends every thread, and closes
    the source, the endpoint and the sinks.

    Args:
        source: An open source, or what opens a live one: then nothing here waits for it. A live source that is lost is
            opened again, for ever.
        endpoint: Asked about some of the frames.
        sinks: Each is given every scene, in order, from this thread; wrap slow ones in `kpstream.pipeline.background`.
        annotator: Draws what the sinks are given and what `Scene.draw` returns; None draws nothing.
        tracker: Knows the poses between the answers.
        rules: Say what happens, of every scene before the sinks are given it.
        rate: The most samples per second of video. None: 5 of a live source, every frame of a recorded one.
        sampling: Which frames are asked, where an even rate is not what is wanted.
        filters: Which poses of the answers are used.
        delay: How many seconds a live picture may wait, so that answers on both sides of it are in; None shows
            it at once, with the poses moved to it.
        max_in_flight: Requests at once; None follows the measured latency.
        max_requests: A budget. A live picture goes on without answers when it is spent, recorded video ends.
        gate_rules: More reasons to send no request for now: what others who share the endpoint leave.
        journal: Remembers the answers for recorded video.
        duration: Seconds after which a live source ends.
        max_fps: Frames a second that are shown of a live source at most; what comes more often is not decoded where
            that can be. Infinite shows all that the machine can.
        on_idle: Called some ten times a second, with how it is doing, while the source gives nothing.
        clock: Monotonic seconds, the same clock that the source stamps its frames with.
    """

    def __init__(
        self,
        source: Source | Opener,
        endpoint: Endpoint,
        *,
        sinks: Sequence[Sink] = (),
        annotator: Annotator | None = _DEFAULT_ANNOTATOR,
        tracker: Tracker | None = None,
        rules: SceneRules | None = None,
        rate: float | None = None,
        sampling: Sampling | None = None,
        filters: Filters = Filters(),
        delay: float | None = None,
        max_in_flight: int | None = None,
        max_requests: int | None = None,
        gate_rules: Sequence[Rule] = (),
        journal: Journal | None = None,
        duration: float = inf,
        max_fps: float = inf,
        on_idle: Callable[[Stats], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._capture = Capture(source, max_fps=max_fps, busy=lambda: self._arrivals.busy, clock=clock)
        self._pacing: Pacing = Live() if self._capture.is_live else Recorded()
        if rate is None:
            rate = self._pacing.default_rate
        self.filters = filters
        """Which poses of the answers are used, from the next request on. May be set by any thread."""
        self._renderer = Renderer(
            PoseTracker() if tracker is None else tracker,
            annotator,
            sinks,
            rules,
            is_live=self._capture.is_live,
            clock=clock,
        )
        self._sampling: Sampling = FixedRate(rate) if sampling is None else sampling
        self._on_idle = on_idle
        self._clock = clock
        self._arrivals = Arrivals(
            self._capture.frames, duration=duration, on_idle=lambda: on_idle(self.stats), clock=clock
        )
        self._gate = EndpointGate(
            endpoint,
            rate=self._pacing.answers_wanted(rate),
            max_in_flight=max_in_flight,
            max_requests=max_requests,
            more_rules=gate_rules,
            loading=self._pacing.loading,
            max_probe_gap=self._pacing.max_probe_gap,
        )
        self._requester = Requester(
            endpoint, self._gate, self._pacing.retry, filters=lambda: self.filters, journal=journal, clock=clock
        )
        self._delay = delay
        self._reorder: ReorderBuffer | None = None
        self._last_was_lost = False
        self._not_asked: Frame | None = None  # the newest frame, where it may still be asked about
        self._is_due = False  # that frame, though no request could be sent when it came
        self._sample_rate = Rate()
        self._figures_pts, self._figures = -inf, Stats()  # of the newest live scene

    @property
    def stats(self) -> Stats:
        """How it is doing right now."""
        now = self._clock()
        capture, requester, sender = self._capture, self._requester, self._requester.sender
        return Stats(
            capture_fps=self._arrivals.fps(now),
            render_fps=self._renderer.fps(now),
            sample_fps=self._sample_rate.per_second(now),
            in_flight=requester.in_flight,
            captured=self._arrivals.captured,
            rendered=self._renderer.rendered,
            dropped=self._arrivals.dropped,
            requests=sender.requests,
            answered=sender.answered,
            recalled=requester.recalled,
            lost=requester.lost,
            given_up=requester.given_up,
            stale=self._reorder.stale if self._reorder else 0,
            reconnects=capture.reconnects,
            latency=self._gate.latency,
            bytes_sent=sender.bytes_sent,
            billed=sender.billed,
            credits=sender.credits,
            damaged=capture.damaged,
            source_trouble=capture.trouble,
            picture_trouble=capture.picture_trouble,
            endpoint_trouble=requester.trouble,
            requests_left=self._gate.requests_left,
            asked_fps=capture.asked_fps,
            machine_trouble=capture.machine_trouble,
        )

    @property
    def rate(self) -> float:
        """Answers per second that a live source is to get; what the requests in flight follow. Any thread."""
        return self._gate.rate

    @rate.setter
    def rate(self, rate: float) -> None:
        self._gate.rate = self._pacing.answers_wanted(rate)

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
        self._arrivals.stop()
        self._requester.stop_retrying()

    def close(self) -> None:
        """End the threads and close source, endpoint and sinks. Idempotent.

        Raises:
            SinkError: A sink could not write what it still held.
        """
        deadline = Deadline(SHUTDOWN_WITHIN)
        self._capture.frames.close()
        with ExitStack() as stack:  # everything is closed, whatever the others say; files are whole before threads end
            stack.callback(self._capture.close, deadline)
            stack.callback(self._requester.close, deadline)
            stack.callback(self._renderer.close)

    def __iter__(self) -> Iterator[Scene]:
        """Scenes in the order of their frames.

        Raises:
            SourceReadError: A recorded source failed.
            EndpointError: The endpoint refused for good.
            BudgetSpent: `max_requests` were not enough for recorded video; what was answered was given.
            SinkError: A sink could not write.
        """
        self._capture.start()
        try:
            for frame in self._arrivals.until(self._wakes_at):
                if frame is None:
                    self._ask_late()
                    yield from self._settle_and_release()
                else:
                    self._reorder = self._reorder or self._pacing.reorder_buffer(held_frames(frame.size), self._delay)
                    yield from self._take(frame, self._reorder)
            yield from self._finish()
        except Closed:  # by `close`, from the body of the loop
            return
        except BudgetSpent:
            yield from self._settle_the_rest()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _wakes_at(self) -> float:
        """When a frame in the reorder buffer is due."""
        return self._reorder.wakes_at if self._reorder else inf

    def _take(self, frame: Frame, reorder: ReorderBuffer) -> Iterator[Scene]:
        unsure = self._renderer.wants_answers or self._last_was_lost
        due = not frame.is_damaged and self._sampling.due(frame, unsure=unsure)
        if self._pacing.frames_wait:
            sampled = yield from self._ask_in_turn(frame, reorder, due=due)
        else:
            sampled = due and self._requester.offer(frame)
        if sampled:
            self._note_sample(frame)
        self._not_asked, self._is_due = None if sampled or frame.is_damaged else frame, due
        self._renderer.observe(frame)
        reorder.push(frame, sampled=sampled)  # before its own answer, which may be there already
        yield from self._settle_and_release()

    def _ask_late(self) -> None:
        """Ask about the frame on display where it was due: with pictures seconds apart no newer one comes in time.

        A grant that is dealt after a picture would expire before the next.
        """
        frame = self._not_asked
        if frame is not None and self._is_due and self._requester.offer(frame):
            self._note_sample(frame)
            self._not_asked = None

    def _note_sample(self, frame: Frame) -> None:
        self._sampling.taken(frame)
        self._sample_rate.tick(self._clock())

    def _ask_in_turn(self, frame: Frame, reorder: ReorderBuffer, *, due: bool) -> Generator[Scene, None, bool]:
        """Wait until a request may be sent, and for room in the reorder buffer; what is answered meanwhile is shown."""
        while not self._arrivals.stopped:
            if not (due or reorder.full):
                return False
            # With no room left and no answer on its way, only another sample can let frames go.
            if not (reorder.full and self._requester.pending) and self._requester.offer(frame):
                return True
            yield from self._release(self._wait())
        return False

    def _finish(self) -> Iterator[Scene]:
        if not self._arrivals.stopped and self._reorder is not None:
            if self._pacing.frames_wait and self._not_asked is not None:
                yield from self._ask_about_the_last(self._not_asked)
            self._reorder.finish()
        yield from self._settle_the_rest()
        if self._requester.short:
            raise self._requester.budget_spent()

    def _ask_about_the_last(self, frame: Frame) -> Iterator[Scene]:
        """Ask about the last frame as well, so that the poses before it are interpolated and not moved on."""
        with suppress(BudgetSpent):  # the samples that were due had theirs
            while not self._arrivals.stopped and not self._requester.offer(frame):
                yield from self._release(self._wait())
            while not self._arrivals.stopped and self._requester.pending:
                yield from self._release(self._wait())

    def _settle_the_rest(self) -> Iterator[Scene]:
        yield from self._settle_and_release()
        while self._requester.pending or self._wakes_at() < inf:
            if self._arrivals.stopped and not self._pacing.frames_wait:
                yield from self._release(self._requester.ready(), at=inf)
                return
            yield from self._release(self._wait(self._wakes_at() - self._clock()))

    def _wait(self, within: float = inf) -> list[Outcome]:
        """Wait for an outcome, but not so long that nobody hears how it goes, or that it should end."""
        outcomes = self._requester.wait(min(max(0.0, within), IDLE_TICK))
        if not outcomes:
            self._on_idle(self.stats)
        return outcomes

    def _settle_and_release(self) -> Iterator[Scene]:
        yield from self._release(self._requester.ready())

    def _release(self, outcomes: list[Outcome], *, at: float | None = None) -> Iterator[Scene]:
        if self._reorder is None:
            return
        if outcomes:
            self._last_was_lost = isinstance(outcomes[-1], Lost)
        self._reorder.settle(outcomes)
        for item in self._reorder.release(self._clock() if at is None else at):
            if isinstance(item, Result):
                self._renderer.update(item)
            else:
                yield self._renderer.render(item, self._capture.name, partial(self._scene_stats, item.pts))

    def _scene_stats(self, pts: float) -> Stats:
        """The figures that a scene has; of a live one they may be those of the one before."""
        if self._pacing.frames_wait or not 0 <= pts - self._figures_pts < _FIGURES_EVERY:
            self._figures_pts, self._figures = pts, self.stats
        return self._figures

    def __repr__(self) -> str:
        done = f"{self._arrivals.captured} captured, {self._renderer.rendered} rendered"
        return f"<Pipeline {done}, {self._capture!r}, {self._requester!r}>"
