"""A camera that is missing at first is a lost one, and comes when it comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, isnan

import pytest

from kpstream.capture import Capture
from kpstream.channel import Deadline
from kpstream.entities import Frame
from kpstream.errors import SourceOpenError, SourceReadError
from kpstream.interfaces import Camera, Source
from kpstream.sources.deferred import Deferred
from kpstream.testing import SyntheticSource
from tests.source_contract import SourceContract


class _Endless(SyntheticSource):
    """Live, and stamped by the clock that it is given; reading it after `close` is the end."""

    def __init__(self, at: float = 0.0) -> None:
        super().__init__(1000, is_live=True)
        self._at = at

    def read(self) -> Frame | None:
        frame = super().read()
        return None if self.closed or frame is None else replace(frame, captured_at=self._at + frame.pts)


class TestContract(SourceContract):
    @pytest.fixture
    def make(self) -> Callable[[], Source]:
        return lambda: Deferred("door", _Endless)


def missing(times: int) -> Callable[[], Source]:
    """Opens a source after it was missing so many times."""
    left = [times]

    def open_it() -> Source:
        if left[0]:
            left[0] -= 1
            raise SourceOpenError("nothing listens there")
        return _Endless()

    return open_it


def frame_of(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


def test_nothing_is_opened_before_it_is_read() -> None:
    opened: list[int] = []

    def open_it() -> Source:
        opened.append(1)
        return _Endless()

    source = Deferred("door", open_it)
    assert isnan(source.frame_rate)
    assert not opened
    frame_of(source)
    assert opened == [1]
    assert source.frame_rate == 30.0
    source.close()


def test_a_missing_camera_is_a_lost_one_until_it_opens() -> None:
    source = Deferred("door", missing(2))
    with pytest.raises(SourceReadError, match="nothing listens there"):
        source.read()
    with pytest.raises(SourceOpenError, match="nothing listens there"):
        source.reopen()
    source.reopen()
    assert frame_of(source).index == 0
    source.close()


def test_a_capture_starts_on_it_and_gets_pictures_once_it_is_there() -> None:
    capture = Capture(Deferred("door", missing(3)))
    capture.start()
    assert capture.frames.get(10).pts >= 0
    assert not capture.trouble
    capture.close(Deadline(5))


def test_closing_ends_it_although_it_never_opened() -> None:
    source = Deferred("door", missing(1))
    source.close()
    assert source.read() is None


def test_who_looks_after_cameras_looks_after_it() -> None:
    source = Deferred("door", missing(0), patience=3.0)
    assert isinstance(source, Camera)
    assert source.patience == 3.0
    assert Deferred("file", missing(0)).patience == inf


def test_its_successor_runs_on_where_it_was_silent() -> None:
    cameras = [_Endless(10.0), _Endless(20.0)]
    source = Deferred("door", lambda: cameras.pop(0), patience=3.0)
    for _ in range(30):
        before = frame_of(source)
    after_all = source.successor()
    after_all.reopen()
    after = frame_of(after_all)
    assert after.index == before.index + 1
    assert after.pts - before.pts == pytest.approx(after.captured_at - before.captured_at)
    follower = frame_of(after_all)
    assert follower.index == after.index + 1
    assert follower.pts == pytest.approx(after.pts + 1 / 30)


def test_a_source_with_a_successor_of_its_own_is_asked_for_it() -> None:
    inner = Deferred("inner", _Endless, patience=3.0)
    source = Deferred("door", lambda: inner, patience=3.0)
    before = frame_of(source)
    following = source.successor()
    following.reopen()
    assert frame_of(following).index == before.index + 1
