from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.meters import Percentiles, Rate


def test_a_steady_stream_has_its_rate() -> None:
    rate = Rate(window=3.0)
    for i in range(300):
        rate.tick(i / 30)
    assert rate.per_second(299 / 30) == pytest.approx(30)


def test_dropped_frames_count_for_the_camera() -> None:
    rate = Rate()
    for i in range(0, 60, 2):
        rate.tick(i / 30, 2)
    assert rate.per_second(58 / 30) == pytest.approx(30)


def test_a_silent_stream_falls_to_zero() -> None:
    rate = Rate(window=3.0)
    assert isnan(rate.per_second(0.0))
    rate.tick(0.0)
    rate.tick(0.1)
    assert rate.per_second(10.0) == 0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_a_percentile_is_a_reading_with_that_share_at_or_below_it(readings: list[float], share: float) -> None:
    meter = Percentiles(size=50)
    for reading in readings:
        meter.add(reading)
    value = meter.at(share)
    assert value in readings
    assert sum(reading <= value for reading in readings) >= share * len(readings) - 1e-9


def test_no_reading_no_percentile() -> None:
    assert isnan(Percentiles().at(0.5))
