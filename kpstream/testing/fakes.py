"""Fakes with exact truth, in process: a source, an endpoint, a sink and a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from math import inf

import numpy as np

from kpstream.entities import Answer, Filters, Frame, Image, Pose, Scene
from kpstream.errors import EndpointUnavailable, SourceOpenError, SourceReadError
from kpstream.interfaces import Opener
from kpstream.skeleton import Skeleton

SQUARE = Skeleton(("top_left", "top_right", "bottom_right", "bottom_left"), ((0, 1), (1, 2), (2, 3), (3, 0)))


class ManualClock:
    """A monotonic clock that only moves when it is told to."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def wait_until(condition: Callable[[], bool], within: float = 60.0) -> None:
    """Block until a condition holds: for what other threads bring about, and no event of theirs tells.

    Args:
        condition: Asked again every two milliseconds, in this thread.
        within: Seconds of real time.

    Raises:
        TimeoutError: It did not hold in time.
    """
    never, give_up_at = threading.Event(), time.monotonic() + within
    while not condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"what was waited for did not happen within {within:g} s")
        never.wait(0.002)


class SyntheticSource:
    """A bright square that moves to the right over a dark ground; its corners are the keypoints of its truth.

    The first four pixels of each picture carry the frame's index, so that an endpoint can look up the truth.

    Args:
        frames: How many pictures it gives.
        frame_rate: Their pts are ``index / frame_rate``.
        size: (width, height) of the pictures.
        is_live: What the pipeline is to take it for.
        fails_at: Frame indices before which reading fails once.
        clock: Stamps ``captured_at``; None stamps the pts.
    """

    def __init__(
        self,
        frames: int = 30,
        *,
        frame_rate: float = 30.0,
        size: tuple[int, int] = (96, 64),
        is_live: bool = False,
        fails_at: Iterable[int] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.name = "synthetic"
        self.is_live = is_live
        self.frame_rate = frame_rate
        self.stall_timeout = inf
        self.reads = 0
        """How many frames were taken."""
        self.closed = False
        self.missing = 0
        """How many attempts to open it again fail from now on."""
        self._frames = frames
        self._size = size
        self._fails_at = set(fails_at)
        self._clock = clock

    def read(self) -> Frame | None:
        """The next frame at once; None at the end."""
        if self.reads in self._fails_at:
            self._fails_at.discard(self.reads)
            raise SourceReadError("the synthetic source was told to fail")
        if self.reads >= self._frames:
            return None
        index, pts = self.reads, self.reads / self.frame_rate
        self.reads += 1
        return Frame(index, pts, self._clock() if self._clock else pts, self.picture(index))

    @property
    def opener(self) -> Opener | None:
        """Opens a live one again, which goes on where it was lost, as soon as `missing` attempts have failed."""
        return Opener(self.name, self._again) if self.is_live else None

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    def _again(self) -> SyntheticSource:
        if self.missing:
            self.missing -= 1
            raise SourceOpenError("the synthetic source is not back yet")
        self.closed = False
        return self

    def picture(self, index: int) -> Image:
        """The picture of a frame, BGR."""
        width, height = self._size
        image: Image = np.full((height, width, 3), 30, np.uint8)
        left, top, right, bottom = (round(float(side)) for side in truth(index).xyxy)
        image[max(0, top) : bottom, max(0, left) : right] = 220
        image[0, :4, 0] = np.frombuffer(np.uint32(index).tobytes(), np.uint8)
        return image


def truth(index: int) -> Pose:
    """Where the square of a `SyntheticSource` is in a frame: one pixel further to the right each frame."""
    left, top, side = 8.0 + index, 20.0, 16.0
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * side + np.array([left, top], np.float32)
    box = np.array([left, top, left + side, top + side], np.float32)
    return Pose(corners, np.full(4, 0.9, np.float32), box, 0.9, 0, "square", SQUARE)


def index_of(image: Image) -> int:
    """The index that a `SyntheticSource` wrote into its picture; 0 for a picture too small to hold one."""
    if image.shape[1] < 4:
        return 0
    return int(np.frombuffer(image[0, :4, 0].tobytes(), np.uint32)[0])


class FakeEndpoint:
    """Answers with what a function says about the picture; by default the truth of a `SyntheticSource`.

    Args:
        answer: Called in the request's thread; what it raises, `infer` raises. It may wait: `close` does not wait
            for it.
        max_rate: As of the Protocol.
        max_in_flight: As of the Protocol.
        credits_per_request: As of the Protocol.
    """

    def __init__(
        self,
        answer: Callable[[Image], Answer] = lambda image: Answer((truth(index_of(image)),)),
        *,
        max_rate: float = inf,
        max_in_flight: int = 8,
        credits_per_request: float = 0.0,
    ) -> None:
        self.name = "fake"
        self.max_rate = max_rate
        self.max_in_flight = max_in_flight
        self.credits_per_request = credits_per_request
        self.asked: list[int] = []
        """Indices of the frames that were asked about, in the order of asking."""
        self.filters: list[Filters] = []
        """What they were asked with."""
        self.most_in_flight = 0
        self.closed = False
        self._answer = answer
        self._in_flight = 0
        self._lock = threading.Lock()

    def infer(self, image: Image, filters: Filters = Filters()) -> Answer:
        """What the function says.

        Raises:
            EndpointUnavailable: It was closed.
        """
        if self.closed:
            raise EndpointUnavailable("the fake endpoint is closed")
        with self._lock:
            self.asked.append(index_of(image))
            self.filters.append(filters)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            return self._answer(image)
        finally:
            with self._lock:
                self._in_flight -= 1

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class Gate:
    """An answer function that holds every request until the test lets its frame through."""

    def __init__(self) -> None:
        self._open: set[int] = set()
        self._all = False
        self._arrived: set[int] = set()
        self._changed = threading.Condition()

    def __call__(self, image: Image) -> Answer:
        """Wait for the gate to open for this frame, then tell the truth about it."""
        index = index_of(image)
        with self._changed:
            self._arrived.add(index)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._all or index in self._open)
        return Answer((truth(index),))

    def wait_for(self, *indices: int) -> None:
        """Block until these frames have been asked about."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._arrived.issuperset(indices), 10), "frames were never asked"

    def let_through(self, *indices: int) -> None:
        """Answer these frames, now or when they come."""
        with self._changed:
            self._open.update(indices)
            self._changed.notify_all()

    def open(self) -> None:
        """Answer every frame from now on."""
        with self._changed:
            self._all = True
            self._changed.notify_all()


class ListSink:
    """Keeps the scenes and canvases that it is given."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.canvases: list[Image] = []
        self.closed = False

    def write(self, scene: Scene, canvas: Image) -> None:
        """Keep them."""
        self.scenes.append(scene)
        self.canvases.append(canvas)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True
