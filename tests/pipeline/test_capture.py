from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from math import inf
from threading import Event

import numpy as np
import pytest

from kpstream.channel import Channel, Closed, Deadline
from kpstream.entities import Frame
from kpstream.errors import SourceError, SourceOpenError, SourceReadError
from kpstream.interfaces import Opener, Source
from kpstream.pipeline.capture import Capture
from kpstream.testing import ManualClock, SyntheticSource


@pytest.fixture
def started() -> Iterator[list[Capture]]:
    captures: list[Capture] = []
    yield captures
    for capture in captures:
        capture.close(Deadline(5))


def start(source: Source | Opener, started: list[Capture], clock: ManualClock | None = None) -> Capture:
    capture = Capture(source, clock=clock or ManualClock())
    capture.start()
    started.append(capture)
    return capture


def test_a_recorded_source_gives_every_frame(started: list[Capture]) -> None:
    source = SyntheticSource(50)
    assert [frame.index for frame in start(source, started).frames] == list(range(50))
    assert source.closed


def test_a_live_source_gives_its_newest_frame(started: list[Capture]) -> None:
    source = SyntheticSource(50, is_live=True)
    capture = Capture(source)
    capture.start()
    started.append(capture)
    assert capture.frames.wait_closed(10)
    assert [frame.index for frame in capture.frames] == [49]


def test_a_recorded_source_that_fails_ends_the_stream_with_its_error(started: list[Capture]) -> None:
    capture = start(SyntheticSource(50, fails_at=[3]), started)
    taken: list[int] = []
    with pytest.raises(SourceReadError):
        taken.extend(frame.index for frame in capture.frames)
    assert capture.frames.closed


def test_a_lost_live_source_comes_back(started: list[Capture]) -> None:
    source = SyntheticSource(10, is_live=True, fails_at=[4])
    source.missing = 1
    capture = start(source, started)
    assert capture.frames.wait_closed(10)
    assert capture.frames.get().index == 9
    assert capture.reconnects == 1
    assert not capture.trouble


def test_waiting_for_a_lost_source_ends_at_once_when_it_is_closed(started: list[Capture]) -> None:
    source = SyntheticSource(10, is_live=True, fails_at=[0])
    source.missing = 10**9
    capture = start(source, started)
    capture.close(Deadline(5))
    assert source.closed


def test_a_capture_that_never_started_still_closes_its_source() -> None:
    source = SyntheticSource()
    Capture(source).close(Deadline(1))
    assert source.closed


class FakeCamera:
    """A camera that does what stands next in its script, whichever source of it is read.

    Args:
        clock: Told how much time each picture takes.
        script: What the reads do, in turn: a picture's grey level, an event to be stuck until, an error to raise.
            Then there is the end.
        interval: Seconds of the clock between two pictures.
        stall_timeout: Seconds that it may be silent.
    """

    def __init__(
        self,
        clock: ManualClock,
        *script: int | Event | SourceError,
        interval: float = 0.0,
        stall_timeout: float = 3.0,
    ) -> None:
        self.clock = clock
        self.script = list(script)
        self.interval = interval
        self.stall_timeout = stall_timeout
        self.opening: list[Event | SourceError] = []
        """What the attempts to open it again do, in turn: be stuck in an event, or fail."""
        self.opened: Channel[float] = Channel(1000)
        """When it was opened again."""
        self.sources: list[FakeSource] = []
        """All that were opened, in turn."""
        self.opener = Opener("fake", self._open_again)

    def open(self) -> FakeSource:
        self.sources.append(FakeSource(self))
        return self.sources[-1]

    def _open_again(self) -> FakeSource:
        self.opened.put(self.clock())
        todo = self.opening.pop(0) if self.opening else None
        if isinstance(todo, SourceError):
            raise todo
        if todo is not None:
            assert todo.wait(20)
        return self.open()


class FakeSource:
    is_live = True
    frame_rate = 30.0
    name = "fake"

    def __init__(self, camera: FakeCamera) -> None:
        self.opener = camera.opener
        self.stall_timeout = camera.stall_timeout
        self.closed = False
        self._camera = camera
        self._index = 0

    def read(self) -> Frame | None:
        camera, clock = self._camera, self._camera.clock
        todo = camera.script.pop(0) if camera.script else None
        if isinstance(todo, SourceError):
            raise todo
        if isinstance(todo, Event):
            assert todo.wait(20)
            todo = 255
        if todo is None:
            return None
        clock.advance(camera.interval)
        self._index += 1
        return Frame(self._index - 1, 0.01 * self._index, clock(), np.full((48, 64, 3), todo, np.uint8))

    def close(self) -> None:
        self.closed = True


def test_a_camera_that_says_nothing_is_left_and_another_one_opened(started: list[Capture]) -> None:
    clock, stuck, opening = ManualClock(), Event(), Event()
    camera = FakeCamera(clock, 1, stuck, 2)
    camera.opening = [opening]
    capture = start(camera.open(), started, clock)
    assert capture.frames.get(10).index == 0
    clock.advance(4)
    camera.opened.get(10)
    assert capture.trouble == "camera silent for 4 s, trying again"
    clock.advance(2)
    opening.set()
    frame = capture.frames.get(10)
    assert (frame.index, frame.image[0, 0, 0]) == (1, 2)
    assert frame.pts == pytest.approx(0.01 + 6)
    assert (capture.reconnects, capture.trouble) == (1, "")
    assert capture.frames.wait_closed(10)
    stuck.set()  # the first read comes back at last: nobody wants its picture, and its thread closes its camera
    capture.close(Deadline(5))
    with pytest.raises(Closed):
        capture.frames.get(0)


def test_what_comes_back_late_is_closed_by_its_own_thread_and_changes_nothing(started: list[Capture]) -> None:
    clock, stuck, later = ManualClock(), Event(), Event()
    camera = FakeCamera(clock, 1, stuck, later)
    capture = start(camera.open(), started, clock)
    capture.frames.get(10)
    thread = next(thread for thread in threading.enumerate() if thread.name == "kpstream-capture")
    clock.advance(4)
    camera.opened.get(10)
    stuck.set()
    thread.join(10)
    assert camera.sources[0].closed
    assert not capture.frames.closed
    assert not len(capture.frames)
    later.set()
    assert capture.frames.get(10).index == 1


def test_the_first_picture_may_take_longer_than_the_next_ones(started: list[Capture]) -> None:
    clock, key_picture = ManualClock(), Event()
    camera = FakeCamera(clock, key_picture)
    capture = start(camera.open(), started, clock)
    clock.advance(10)
    assert capture.trouble == "camera silent for 10 s"
    capture.frames.wait_closed(0.3)
    key_picture.set()
    assert capture.frames.get(10).index == 0
    assert (capture.reconnects, len(camera.sources)) == (0, 1)


def test_an_opening_that_never_ends_is_left_too(started: list[Capture]) -> None:
    clock, opening = ManualClock(), Event()
    camera = FakeCamera(clock, SourceReadError("the cable is out"), 7)
    camera.opening = [opening]
    capture = start(camera.open(), started, clock)
    camera.opened.get(10)
    assert capture.trouble == "the cable is out - trying again"
    clock.advance(25)
    assert capture.trouble == "camera silent for 25 s, trying again: the cable is out"
    camera.opened.get(10)
    assert capture.frames.get(10).image[0, 0, 0] == 7
    opening.set()


def test_a_camera_that_hangs_for_ever_takes_no_more_than_a_few_threads(started: list[Capture]) -> None:
    clock, stuck = ManualClock(), Event()
    script: list[int | Event] = [1, stuck]
    camera = FakeCamera(clock, *script * 20)
    capture = start(camera.open(), started, clock)
    for _ in range(4):
        capture.frames.get(10)
        clock.advance(4)
        camera.opened.get(10)
    capture.frames.get(10)
    clock.advance(4)
    with pytest.raises(TimeoutError):
        camera.opened.get(0.5)
    assert capture.trouble == "camera silent for 4 s"
    stuck.set()


def test_a_source_that_nobody_can_replace_is_waited_for(started: list[Capture]) -> None:
    clock = ManualClock()
    source = SyntheticSource(10, is_live=True, clock=clock)
    capture = start(source, started, clock)
    clock.advance(1000)
    assert capture.frames.wait_closed(10)
    assert not capture.trouble


def test_a_frozen_camera_is_opened_again(started: list[Capture]) -> None:
    clock = ManualClock()
    camera = FakeCamera(clock, *range(10), *[10] * 10, *range(11, 40), interval=0.5)
    capture = start(camera.open(), started, clock)
    assert capture.frames.wait_closed(10)
    assert capture.reconnects == 1
    assert 4 < camera.opened.get(0) - 100 - 10 * 0.5 <= 5


def test_a_frozen_camera_is_told(started: list[Capture]) -> None:
    clock, opening = ManualClock(), Event()
    camera = FakeCamera(clock, *[10] * 20, interval=0.5)
    camera.opening = [opening]
    capture = start(camera.open(), started, clock)
    camera.opened.get(10)
    assert capture.trouble == "fake shows one and the same picture - trying again"
    opening.set()


def test_a_picture_that_stands_by_itself_is_opened_again_once_and_then_believed(
    started: list[Capture], caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    camera = FakeCamera(clock, *[10] * 5000, interval=0.5)
    capture = start(camera.open(), started, clock)
    assert capture.frames.wait_closed(20)
    assert capture.reconnects == 1
    assert not capture.trouble
    assert [record.getMessage() for record in caplog.records] == [
        "fake stands still, also after it was opened again: taken for what the camera sees"
    ]


def test_a_file_that_is_played_may_stand_still(started: list[Capture]) -> None:
    clock = ManualClock()
    camera = FakeCamera(clock, *[10] * 100, interval=0.5, stall_timeout=inf)
    capture = start(camera.open(), started, clock)
    assert capture.frames.wait_closed(10)
    assert capture.reconnects == 0


def test_a_camera_that_is_missing_at_first_is_a_lost_one_until_it_opens(started: list[Capture]) -> None:
    clock, opening = ManualClock(), Event()
    camera = FakeCamera(clock, 1)
    camera.opening = [SourceOpenError("nothing listens there"), opening]
    capture = start(camera.opener, started, clock)
    assert (capture.name, capture.is_live) == ("fake", True)
    for _ in range(2):
        camera.opened.get(10)
    assert capture.trouble == "nothing listens there - trying again"
    opening.set()
    assert capture.frames.get(10).index == 0
    assert (capture.reconnects, capture.trouble) == (1, "")


def test_nothing_is_opened_before_the_start() -> None:
    camera = FakeCamera(ManualClock(), 1)
    Capture(camera.opener).close(Deadline(1))
    assert not len(camera.opened)


def test_closing_ends_it_although_it_never_opened(started: list[Capture]) -> None:
    camera = FakeCamera(ManualClock(), 1)
    camera.opening = [SourceOpenError("nothing listens there") for _ in range(1000)]
    capture = start(camera.opener, started)
    camera.opened.get(10)
    capture.close(Deadline(5))
    assert capture.frames.closed
    assert not camera.sources


def test_a_first_opening_that_never_ends_is_left_too(started: list[Capture]) -> None:
    clock, stuck = ManualClock(), Event()
    camera = FakeCamera(clock, 7)
    camera.opening = [stuck]
    capture = start(camera.opener, started, clock)
    camera.opened.get(10)
    clock.advance(61)
    camera.opened.get(10)
    assert capture.frames.get(10).index == 0
    stuck.set()


def test_a_lost_source_is_asked_how_another_one_is_opened(started: list[Capture]) -> None:
    clock = ManualClock()
    moved = FakeCamera(clock, 1, SourceReadError("unplugged"), 2)
    capture = start(Opener("door", moved.open), started, clock)
    assert capture.frames.wait_closed(10)
    assert capture.frames.get().index == 1
    assert len(moved.opened) == 1
    assert capture.name == "door"


def test_what_is_lost_is_closed_before_another_one_is_opened(started: list[Capture]) -> None:
    clock, opening = ManualClock(), Event()
    camera = FakeCamera(clock, 1, SourceReadError("the cable is out"), 2)
    camera.opening = [opening]
    start(camera.open(), started, clock)
    camera.opened.get(10)
    assert camera.sources[0].closed
    opening.set()


def test_a_live_source_that_cannot_be_opened_again_ends_with_its_error(started: list[Capture]) -> None:
    class Once(SyntheticSource):
        opener = None

    capture = start(Once(10, is_live=True, fails_at=[4]), started)
    assert capture.frames.wait_closed(10)
    capture.frames.get()
    with pytest.raises(SourceReadError):
        capture.frames.get()


class ThirtyASecond(SyntheticSource):
    """A live source of thirty frames a second by the manual clock.

    Args:
        clock: Told how much time each frame takes.
        frames: How many it gives.
        before: Called before each frame, with its index.
    """

    def __init__(self, clock: ManualClock, frames: int, before: Callable[[int], object] = lambda _: None) -> None:
        super().__init__(frames, is_live=True, clock=clock)
        self._advance = clock.advance
        self._before = before

    def read(self) -> Frame | None:
        self._before(self.reads)
        self._advance(1 / 30)
        return super().read()


class Sparing(ThirtyASecond):
    """It notes what it is asked for."""

    def __init__(self, clock: ManualClock, frames: int, before: Callable[[int], object] = lambda _: None) -> None:
        super().__init__(clock, frames, before)
        self.asked: list[float] = []

    def decimate(self, max_fps: float) -> bool:
        self.asked.append(max_fps)
        return True


class TestFewerFrames:
    @pytest.fixture
    def run(self, started: list[Capture]) -> Callable[..., Capture]:
        """Reads a source to its end, and takes no frame of it."""

        def run(source: Source, clock: ManualClock, max_fps: float = inf) -> Capture:
            capture = Capture(source, max_fps=max_fps, clock=clock)
            started.append(capture)
            capture.start()
            assert capture.frames.wait_closed(20)
            return capture

        return run

    def test_no_more_are_handed_on_than_are_wanted(self, run: Callable[..., Capture]) -> None:
        clock = ManualClock()
        assert run(ThirtyASecond(clock, 300), clock, 10).frames.dropped == 99

    def test_a_source_that_can_give_fewer_is_asked_to(self, run: Callable[..., Capture]) -> None:
        clock = ManualClock()
        source = Sparing(clock, 60)
        assert run(source, clock, 10).frames.dropped == 59
        assert source.asked == [10]

    def test_so_is_one_that_was_lost_and_came_back(self, run: Callable[..., Capture]) -> None:
        clock = ManualClock()
        raised: list[int] = []

        def fail_once(index: int) -> None:
            if index == 20 and not raised:
                raised.append(index)
                raise SourceReadError("lost")

        source = Sparing(clock, 60, fail_once)
        assert run(source, clock, 10).reconnects == 1
        assert source.asked == [10, 10]

    def test_a_recorded_source_gives_all(self, started: list[Capture]) -> None:
        capture = Capture(SyntheticSource(50), max_fps=1, clock=ManualClock())
        started.append(capture)
        capture.start()
        assert [frame.index for frame in capture.frames] == list(range(50))

    def test_a_source_whose_frames_nobody_has_time_for_is_asked_for_fewer(self, started: list[Capture]) -> None:
        clock, taken = ManualClock(), list[Frame]()

        def take_every_third(index: int) -> None:
            if index % 3 == 1:
                taken.append(capture.frames.get(20))

        source = Sparing(clock, 600, take_every_third)
        capture = Capture(source, clock=clock)
        started.append(capture)
        capture.start()
        assert capture.frames.wait_closed(20)
        assert len(taken) == 200
        assert min(source.asked) < 12
        assert re.fullmatch("machine is full: 30 asked, 1[01] shown", capture.machine_trouble)
