"""Cameras whose picture stands: by a fault, or because there is nothing else to see."""

from __future__ import annotations

import numpy as np

from kpstream.media.frame import BgrPicture, Picture
from kpstream.pipeline.freeze import FreezeDetector
from tests.support.pictures import LumaOnly


def grey(level: int, height: int = 48) -> Picture:
    return BgrPicture(np.full((height, 64, 3), level, np.uint8))


def stand(detector: FreezeDetector, level: int, start: float) -> float | None:
    """Show one picture twice a second for an hour: after how many seconds that lasts too long; None for never."""
    for half_seconds in range(7200):
        if detector.is_frozen(grey(level), start + half_seconds / 2):
            return half_seconds / 2
    return None


def test_a_picture_that_stands_too_long_is_noticed() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    assert not any(detector.is_frozen(grey(10 + second), second) for second in range(5))
    assert [detector.is_frozen(grey(14), second) for second in (5.0, 5.9, 6.1, 7.0)] == [False, False, True, True]
    assert not detector.is_frozen(grey(15), 8.0)


def test_noise_in_one_row_is_movement() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    for second in range(60):
        picture = grey(9)
        picture.image[40, 7, 1] = second
        assert not detector.is_frozen(picture, second)


def test_another_size_is_movement() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    assert not detector.is_frozen(grey(1), 0.0)
    assert not detector.is_frozen(grey(1, height=24), 3.0)


def test_a_camera_that_opens_again_may_stand_until_it_moves_and_then_twice_as_long() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    waited = []
    for start in (0.0, 10_000.0, 20_000.0):
        after = stand(detector, 1, start)
        assert after is not None
        waited.append(after)
        detector.try_again(start + after)
        assert stand(detector, 1, start + after + 1) is None
        assert detector.accepted_as_still
        assert not detector.is_frozen(grey(2), start + 9_000)
        assert not detector.accepted_as_still
    assert waited == [2.5, 4.5, 8.5]


def test_a_camera_that_was_well_after_it_was_opened_again_may_stand_no_longer() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    for start in (0, 100, 200):
        assert stand(detector, 1, start) == 2.5
        detector.try_again(start + 2.5)
        assert not any(detector.is_frozen(grey(second % 250), start + second) for second in range(4, 50))


def test_what_a_new_connection_shows_first_does_not_stand() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    detector.is_frozen(grey(1), 0.0)
    detector.forget()
    assert not detector.is_frozen(grey(1), 30.0)
    assert detector.is_frozen(grey(1), 32.5)


def test_luma_tells_whether_a_picture_stands() -> None:
    detector = FreezeDetector(freeze_after=2.0)
    given = [(5, 0.0), (5, 1.9), (5, 2.1), (6, 2.2)]
    frozen = [detector.is_frozen(LumaOnly(grey(level).image), second) for level, second in given]
    assert frozen == [False, False, True, False]
