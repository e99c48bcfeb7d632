"""Cameras whose picture stands: by a fault, or because there is nothing else to see."""

from __future__ import annotations

import numpy as np

from kpstream.entities import Image
from kpstream.pipeline.freeze import Standstill


def grey(level: int) -> Image:
    return np.full((48, 64, 3), level, np.uint8)


def stand(standstill: Standstill, level: int, start: float) -> float | None:
    """Show one picture twice a second for an hour: after how many seconds that lasts too long; None for never."""
    for half_seconds in range(7200):
        if standstill.lasts(grey(level), start + half_seconds / 2):
            return half_seconds / 2
    return None


def test_a_picture_that_stands_too_long_is_noticed() -> None:
    standstill = Standstill(patience=2.0)
    assert not any(standstill.lasts(grey(10 + second), second) for second in range(5))
    assert [standstill.lasts(grey(14), second) for second in (5.0, 5.9, 6.1, 7.0)] == [False, False, True, True]
    assert not standstill.lasts(grey(15), 8.0)


def test_noise_in_one_row_is_movement() -> None:
    standstill = Standstill(patience=2.0)
    for second in range(60):
        picture = grey(9)
        picture[40, 7, 1] = second
        assert not standstill.lasts(picture, second)


def test_another_size_is_movement() -> None:
    standstill = Standstill(patience=2.0)
    assert not standstill.lasts(grey(1), 0.0)
    assert not standstill.lasts(grey(1)[:24], 3.0)


def test_a_camera_that_opens_again_may_stand_until_it_moves_and_then_twice_as_long() -> None:
    standstill = Standstill(patience=2.0)
    waited = []
    for start in (0.0, 10_000.0, 20_000.0):
        after = stand(standstill, 1, start)
        assert after is not None
        waited.append(after)
        standstill.try_again(start + after)
        assert stand(standstill, 1, start + after + 1) is None
        assert standstill.believed
        assert not standstill.lasts(grey(2), start + 9_000)
        assert not standstill.believed
    assert waited == [2.5, 4.5, 8.5]


def test_a_camera_that_was_well_after_it_was_opened_again_gets_no_more_patience() -> None:
    standstill = Standstill(patience=2.0)
    for start in (0, 100, 200):
        assert stand(standstill, 1, start) == 2.5
        standstill.try_again(start + 2.5)
        assert not any(standstill.lasts(grey(second % 250), start + second) for second in range(4, 50))


def test_what_a_new_connection_shows_first_does_not_stand() -> None:
    standstill = Standstill(patience=2.0)
    standstill.lasts(grey(1), 0.0)
    standstill.forget()
    assert not standstill.lasts(grey(1), 30.0)
    assert standstill.lasts(grey(1), 32.5)
