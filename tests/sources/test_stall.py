"""How long a camera may be silent, by its own pace."""

from __future__ import annotations

import pytest

from kpstream.sources.stall import StallTimeout


def after(*times: float, fixed: float | None = None) -> float:
    stall = StallTimeout(fixed)
    for time in times:
        stall.came(time)
    return stall.seconds


def test_a_quick_camera_may_be_silent_for_three_seconds() -> None:
    assert after(*(number / 25 for number in range(50))) == 3.0


@pytest.mark.parametrize("interval", [2.0, 5.0, 10.0])
def test_a_slow_camera_may_be_silent_for_three_of_its_intervals(interval: float) -> None:
    assert after(*(number * interval for number in range(5))) == pytest.approx(3 * interval)


@pytest.mark.parametrize("times", [(), (1.0,), (1.0, 1.04)])
def test_a_pace_that_nobody_knows_yet_is_given_time(times: tuple[float, ...]) -> None:
    assert after(*times) == 20.0


def test_one_long_pause_is_forgotten() -> None:
    assert after(*(number / 10 for number in range(10)), *(6 + number / 10 for number in range(20))) == 3.0
    assert after(0.0, 0.1, 600.0) == 120.0


def test_who_knows_better_says_so() -> None:
    assert after(0.0, 5.0, 10.0, fixed=0.5) == 0.5
