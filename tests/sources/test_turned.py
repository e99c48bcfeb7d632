"""A picture that is turned or mirrored is the same picture, and nothing else of its frame is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpstream.entities import Frame
from kpstream.interfaces import Source
from kpstream.sources.file import VideoFile
from kpstream.sources.turned import Degrees, Turned
from kpstream.testing import SyntheticSource
from tests.support.source_clips import write_video
from tests.support.source_contract import SourceContract


class TestContract(SourceContract):
    @pytest.fixture
    def make(self) -> Callable[[], Source]:
        return lambda: Turned(_Ending(), 90)


class _Ending(SyntheticSource):
    """As every real source, it ends with `close`."""

    def read(self) -> Frame | None:
        return None if self.closed else super().read()


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, -1), (180, 2), (270, 1)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_picture_is_turned_clockwise_and_then_mirrored(degrees: Degrees, turns: int, mirrored: bool) -> None:
    picture = SyntheticSource(1).picture(0)
    frame = Turned(SyntheticSource(1), degrees, mirrored=mirrored).read()
    assert frame is not None
    expected = np.rot90(picture, turns)
    assert np.array_equal(frame.image, expected[:, ::-1] if mirrored else expected)


@pytest.mark.parametrize(("degrees", "aspect"), [(90, Fraction(3, 4)), (180, Fraction(4, 3)), (270, Fraction(3, 4))])
def test_the_shape_of_a_pixel_turns_with_it(degrees: Degrees, aspect: Fraction) -> None:
    class Anamorphic(SyntheticSource):
        def read(self) -> Frame | None:
            frame = super().read()
            return None if frame is None else replace(frame, pixel_aspect=Fraction(4, 3))

    frame = Turned(Anamorphic(1), degrees).read()
    assert frame is not None
    assert frame.pixel_aspect == aspect


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_luma_is_turned_and_mirrored_with_the_picture(degrees: Degrees, tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", [0, 40])
    frame = Turned(VideoFile(tmp_path / "clip.mp4"), degrees, mirrored=True).read()
    assert frame is not None
    assert frame.luma is not None
    assert frame.luma.to_grey is not None
    grey = frame.luma.to_grey[frame.luma.plane]
    assert grey.shape == frame.size[::-1]
    assert np.abs(grey.astype(int) - cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)).max() <= 2


def test_fewer_frames_are_asked_of_a_source_that_can_give_fewer() -> None:
    class Sparing(SyntheticSource):
        asked = 0.0

        def decimate(self, max_fps: float) -> bool:
            self.asked = max_fps
            return True

    sparing = Sparing()
    assert Turned(sparing).decimate(5)
    assert sparing.asked == 5
    assert not Turned(SyntheticSource()).decimate(5)
