from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from kpstream.channel import Channel
from kpstream.entities import Image, Scene
from kpstream.errors import SinkError, ViewerQuit
from kpstream.interfaces import Sink
from kpstream.pipeline.background import Background
from kpstream.testing import ListSink
from tests.support.sink_contract import SinkContract, picture, scene


class TestWaitingKeepsTheContract(SinkContract):
    @pytest.fixture
    def make(self) -> Callable[[], Sink]:
        return lambda: Background.waiting(ListSink(), name="list")


class TestDroppingKeepsTheContract(SinkContract):
    @pytest.fixture
    def make(self) -> Callable[[], Sink]:
        return lambda: Background.dropping(ListSink(), name="list")


class HeldSink(ListSink):
    """Holds each scene until the test lets it go, and tells when it has one."""

    def __init__(self) -> None:
        super().__init__()
        self.has_one = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.threads: set[str] = set()

    def write(self, scene: Scene, canvas: Image) -> None:
        self.threads.add(threading.current_thread().name)
        self.has_one.release()
        assert self.go_on.acquire(timeout=30)
        super().write(scene, canvas)

    def close(self) -> None:
        self.threads.add(threading.current_thread().name)
        super().close()

    def let_go(self, count: int = 1) -> None:
        self.go_on.release(count)

    def indices(self) -> list[int]:
        return [one.frame.index for one in self.scenes]


class BrokenSink(ListSink):
    """Fails to write, to close, or both."""

    def __init__(self, writing: BaseException | None = None, closing: BaseException | None = None) -> None:
        super().__init__()
        self._writing = writing
        self._closing = closing
        self.failed = threading.Event()

    def write(self, scene: Scene, canvas: Image) -> None:
        if self._writing is not None:
            raise self._writing
        super().write(scene, canvas)

    def close(self) -> None:
        super().close()
        self.failed.set()
        if self._closing is not None:
            raise self._closing


def write(sink: Sink, *indices: int) -> None:
    for index in indices:
        sink.write(scene(index), picture(index))


def test_scenes_arrive_in_order_on_a_thread_of_their_own() -> None:
    inner = HeldSink()
    inner.let_go(50)
    sink = Background.waiting(inner, name="video")
    write(sink, *range(50))
    sink.close()
    assert inner.indices() == list(range(50))
    assert inner.threads == {"kpstream-sink-video"}
    assert inner.closed


def test_nothing_is_copied() -> None:
    inner, canvas, one = ListSink(), picture(), scene()
    sink = Background.waiting(inner, name="video")
    sink.write(one, canvas)
    sink.close()
    assert inner.canvases[0] is canvas
    assert inner.scenes[0] is one


def test_a_waiting_one_waits_while_the_sink_is_behind() -> None:
    inner, written = HeldSink(), Channel[int](10)
    sink = Background.waiting(inner, name="video", capacity=2)

    def feed() -> None:
        for index in range(4):
            write(sink, index)
            written.put(index)

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert inner.has_one.acquire(timeout=30)
    # One is in the sink's hands and two wait: the fourth finds no room until the first is done.
    assert [written.get(30) for _ in range(3)] == [0, 1, 2]
    assert feeder.is_alive()
    inner.let_go(4)
    assert written.get(30) == 3
    feeder.join(30)
    sink.close()
    assert inner.indices() == [0, 1, 2, 3]
    assert sink.dropped == 0


def test_a_dropping_one_leaves_out_what_finds_no_room_and_counts_it(caplog: pytest.LogCaptureFixture) -> None:
    inner = HeldSink()
    sink = Background.dropping(inner, name="video", capacity=2)
    write(sink, 0)
    assert inner.has_one.acquire(timeout=30)
    write(sink, 1, 2, 3, 4, 5)
    assert sink.dropped == 3
    inner.let_go(3)
    sink.close()
    assert inner.indices() == [0, 1, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "video: pictures come faster than they can be written, and are left out (1 until now)",
        "video: 3 frames are missing that came faster than they could be written",
    ]


def test_a_second_burst_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    inner = HeldSink()
    sink = Background.dropping(inner, name="video", capacity=1)
    write(sink, 0)
    assert inner.has_one.acquire(timeout=30)
    write(sink, 1, 2, 3)
    for index in range(4, 400):
        inner.let_go()
        assert inner.has_one.acquire(timeout=30)
        write(sink, index)
    write(sink, 400, 401)
    inner.let_go(2)
    sink.close()
    assert sink.dropped == 4
    bursts = [record.getMessage()[-13:] for record in caplog.records[:-1]]
    assert bursts == ["(1 until now)", "(3 until now)"]
    assert "4 frames are missing" in caplog.records[-1].getMessage()


def test_close_lets_the_sink_finish() -> None:
    inner = HeldSink()
    sink = Background.dropping(inner, name="video", capacity=4, timeout=30)
    write(sink, 0, 1, 2)
    inner.let_go(3)
    sink.close()
    assert inner.indices() == [0, 1, 2]


def test_a_sink_that_hangs_does_not_hold_up_the_end() -> None:
    inner = HeldSink()
    sink = Background.dropping(inner, name="video", timeout=0.01)
    write(sink, 0)
    assert inner.has_one.acquire(timeout=30)
    with pytest.raises(SinkError, match=r"not done within 0\.01 s"):
        sink.close()
    inner.let_go(1)


@pytest.mark.parametrize("make", [Background.waiting, Background.dropping])
def test_an_error_is_raised_by_the_next_write_and_by_close(make: Callable[..., Background]) -> None:
    inner = BrokenSink(writing=SinkError("the disk is full"))
    sink = make(inner, name="video")
    write(sink, 0)
    assert inner.failed.wait(30)
    with pytest.raises(SinkError, match="disk is full"):
        write(sink, 1)
    with pytest.raises(SinkError, match="disk is full"):
        sink.close()
    sink.close()
    assert inner.closed
    assert "closed" in repr(sink)


class HeldAndBrokenSink(HeldSink):
    def write(self, scene: Scene, canvas: Image) -> None:
        super().write(scene, canvas)
        raise SinkError("the disk is full")


def test_whoever_waits_for_room_is_told_of_the_error() -> None:
    inner = HeldAndBrokenSink()
    sink, caught = Background.waiting(inner, name="video", capacity=1), Channel[str](1)

    def feed() -> None:
        try:
            write(sink, *range(10))
        except SinkError as error:
            caught.put(str(error))

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert inner.has_one.acquire(timeout=30)
    inner.let_go()
    assert caught.get(30) == "the disk is full"
    feeder.join(30)
    with pytest.raises(SinkError):
        sink.close()


@pytest.mark.parametrize("error", [ViewerQuit("q"), RuntimeError("a fault of ours")])
def test_any_other_error_arrives_as_it_is(error: Exception) -> None:
    sink = Background.waiting(BrokenSink(writing=error), name="window")
    write(sink, 0)
    with pytest.raises(type(error)) as caught:
        sink.close()
    assert caught.value is error


def test_an_error_of_closing_is_raised_by_close() -> None:
    sink = Background.waiting(BrokenSink(closing=SinkError("no room for the index")), name="video")
    write(sink, 0)
    with pytest.raises(SinkError, match="no room"):
        sink.close()


def test_the_first_error_counts() -> None:
    sink = Background.waiting(BrokenSink(SinkError("first"), SinkError("second")), name="video")
    write(sink, 0)
    with pytest.raises(SinkError, match="first"):
        sink.close()


def test_without_a_scene_there_is_no_thread_and_the_sink_is_closed() -> None:
    inner = HeldSink()
    Background.waiting(inner, name="video").close()
    assert inner.closed
    assert inner.threads == {threading.current_thread().name}


def test_its_name_and_state_are_told() -> None:
    sink = Background.dropping(ListSink(), name="video")
    assert sink.name == "video"
    assert "video open, 0 waiting, 0 dropped" in repr(sink)
    sink.close()
