"""Recorded video as if it came from a camera: in its own time, and late frames left out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from kpstream.entities import Frame
from kpstream.errors import SourceOpenError
from kpstream.interfaces import Source
from kpstream.sources import Paced, VideoFile
from kpstream.testing import ManualClock
from tests.support.source_clips import number_in, write_video
from tests.support.source_contract import SourceContract


class TestContract(SourceContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        path = write_video(tmp_path / "clip.mp4", [10 * number for number in range(30)])
        return lambda: Paced(VideoFile(path))


class TestContractOfALoop(SourceContract):
    @pytest.fixture
    def make(self, tmp_path: Path) -> Callable[[], Source]:
        path = write_video(tmp_path / "clip.mp4", [0, 10, 20])
        return lambda: Paced(VideoFile(path), loop=True)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def play(tmp_path: Path, clock: ManualClock) -> Callable[..., Paced]:
    """Opens a file with frames at these milliseconds, played by the manual clock."""

    def open_paced(times: list[int], *, start: float = 0.0, loop: bool = False) -> Paced:
        source = VideoFile(write_video(tmp_path / "clip.mkv", times), start=start)
        return Paced(source, loop=loop, clock=clock, sleep=clock.advance)

    return open_paced


def next_of(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


def test_each_frame_comes_when_it_is_due(play: Callable[..., Paced], clock: ManualClock) -> None:
    source = play([0, 40, 50, 900, 940])
    began = clock.now
    for due in (0.0, 0.04, 0.05, 0.9, 0.94):
        frame = next_of(source)
        assert frame.pts == pytest.approx(due)
        assert clock.now - began == pytest.approx(due)
        assert frame.captured_at == clock.now
    assert source.read() is None
    assert source.read() is None


def test_a_late_reader_gets_the_newest_frame_that_is_due(play: Callable[..., Paced], clock: ManualClock) -> None:
    source = play([40 * number for number in range(30)])
    began = clock.now
    indices = [next_of(source).index]
    clock.advance(0.21)
    indices += [next_of(source).index]
    assert clock.now - began == pytest.approx(0.21)
    indices += [next_of(source).index, next_of(source).index]
    assert indices == [0, 5, 6, 7]
    assert clock.now - began == pytest.approx(0.28)


def test_after_the_end_a_late_reader_still_gets_the_last_frame(play: Callable[..., Paced], clock: ManualClock) -> None:
    source = play([0, 40, 80])
    next_of(source)
    clock.advance(60)
    assert next_of(source).index == 2
    assert source.read() is None


def test_a_machine_that_cannot_keep_up_plays_slowly_but_plays(tmp_path: Path, clock: ManualClock) -> None:
    class Slow(VideoFile):
        def read(self) -> Frame | None:
            clock.advance(0.1)
            return super().read()

    source = Slow(write_video(tmp_path / "clip.mkv", [40 * number for number in range(40)]))
    paced = Paced(source, clock=clock, sleep=clock.advance)
    given = [next_of(paced) for _ in range(6)]
    waits = [after.captured_at - before.captured_at for before, after in pairwise(given)]
    assert max(waits) < 0.6
    assert [number_in(frame.image) for frame in given] == [frame.index for frame in given]


def test_a_picture_that_stands_for_minutes_does_not_hold_the_reader(
    play: Callable[..., Paced], clock: ManualClock
) -> None:
    source = play([0, 600_000, 600_040])
    next_of(source)
    began = clock.now
    assert next_of(source).pts == pytest.approx(600)
    assert clock.now - began <= 3.0
    next_of(source)
    assert clock.now - began <= 3.05


def test_a_loop_runs_on_in_index_and_time(play: Callable[..., Paced], clock: ManualClock) -> None:
    source = play([0, 40, 80, 120], start=0.04, loop=True)
    began = clock.now
    frames = [next_of(source) for _ in range(8)]
    assert [number_in(frame.image) for frame in frames] == [1, 2, 3, 1, 2, 3, 1, 2]
    assert [frame.index for frame in frames] == list(range(1, 9))
    assert [frame.pts for frame in frames] == pytest.approx([0.04 * number for number in range(1, 9)])
    assert clock.now - began == pytest.approx(7 * 0.04)
    source.close()
    assert source.read() is None


def test_a_loop_of_one_frame_is_a_picture_that_stands(play: Callable[..., Paced]) -> None:
    source = play([0], loop=True)
    assert [next_of(source).index for _ in range(4)] == [0, 1, 2, 3]


def test_it_goes_on_where_the_file_was_lost(play: Callable[..., Paced], tmp_path: Path, clock: ManualClock) -> None:
    source = play([40 * number for number in range(10)])
    assert [next_of(source).index for _ in range(4)] == [0, 1, 2, 3]
    source.close()
    (tmp_path / "clip.mkv").rename(tmp_path / "away.mkv")
    with pytest.raises(SourceOpenError):
        source.opener.open()
    (tmp_path / "away.mkv").rename(tmp_path / "clip.mkv")
    again = source.opener.open()
    assert [next_of(again).index for _ in range(3)] == [4, 5, 6]


def test_a_loop_that_was_lost_behind_its_last_frame_begins_again(play: Callable[..., Paced]) -> None:
    source = play([0, 40, 80], loop=True)
    assert [next_of(source).index for _ in range(3)] == [0, 1, 2]
    source.close()
    assert [number_in(next_of(again).image) for again in [source.opener.open()] for _ in range(4)] == [0, 1, 2, 0]


def test_fewer_frames_are_played_at_the_same_pace_in_every_round(
    play: Callable[..., Paced], clock: ManualClock
) -> None:
    source = play([40 * number for number in range(100)], loop=True)
    began = clock.now
    assert source.decimate(5)
    frames = [next_of(source) for _ in range(60)]
    assert frames[-1].pts > 8  # in the third round; what is decoded to open one comes whole
    assert all(after.index > before.index for before, after in pairwise(frames))
    assert clock.now - began == pytest.approx(frames[-1].pts)


def test_what_was_wanted_and_came_too_late_is_counted(play: Callable[..., Paced], clock: ManualClock) -> None:
    source = play([40 * number for number in range(30)])
    frames = [next_of(source)]
    clock.advance(0.21)
    frames += [next_of(source), next_of(source)]
    assert [frame.overrun for frame in frames] == [0, 4, 0]
    source.decimate(25 / 2)
    clock.advance(0.4)
    assert next_of(source).overrun == 5
