from __future__ import annotations

from itertools import pairwise
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.channel import Deadline
from kpstream.pipeline.capture import Capture
from kpstream.pipeline.wall_clock import WallClock
from kpstream.testing import ManualClock, SyntheticSource

NOON = 1_795_867_200.0
START = 5000.0


def dates(count: int, *, late: dict[int, float] | None = None, steps: dict[int, float] | None = None) -> list[float]:
    """The dates of frames, 25 a second, less the moment when they were seen by a right clock.

    Args:
        count: How many.
        late: By how many seconds the frame of this number, and it alone, comes late.
        steps: By how many seconds the system's clock is set at the frame of this number.
    """
    clock, offset, found = WallClock(), NOON - START, []
    for index in range(count):
        offset += (steps or {}).get(index, 0.0)
        pts = index / 25
        found.append(clock.date(pts, START + pts + (late or {}).get(index, 0.0), offset) - NOON - pts)
    return found


def test_frames_are_dated_by_the_first_one_and_pts() -> None:
    assert dates(1000) == pytest.approx([0.0] * 1000, abs=1e-5)


def test_a_frame_that_comes_late_has_its_own_date() -> None:
    assert dates(1000, late={100: 3.0, 101: 2.9, 500: 0.2}) == pytest.approx([0.0] * 1000, abs=1e-5)


@pytest.mark.parametrize("step", [3600.0, -3600.0, 0.3, -0.3])
def test_dates_follow_a_clock_that_is_set(step: float) -> None:
    found = dates(200, steps={100: step})
    assert found[:100] == pytest.approx([0.0] * 100, abs=1e-5)
    assert found[100:] == pytest.approx([step] * 100, abs=1e-5)


def test_a_clock_that_is_drawn_right_slowly_is_followed_closely() -> None:
    found = dates(5000, steps=dict.fromkeys(range(5000), 0.0005))
    assert all(abs(date - 0.0005 * (index + 1)) < 0.11 for index, date in enumerate(found))


@pytest.mark.parametrize("rate", [0.98, 1.02, 0.9, 1.1])
def test_a_camera_whose_time_runs_wrong_is_corrected(rate: float) -> None:
    clock = WallClock()
    for index in range(25 * 600):
        seen = index / 25
        date = clock.date(rate * seen, START + seen, NOON - START) - NOON
        assert abs(date - seen) < 0.5 + 62 * abs(1 - rate)


def test_a_first_frame_that_was_late_does_not_date_the_others() -> None:
    assert dates(100, late={0: 2.0})[1:] == pytest.approx([0.0] * 99, abs=1e-5)


@given(st.lists(st.floats(0, 0.4), min_size=2, max_size=200))
def test_whatever_the_delays_are_dates_are_as_even_as_pts(delays: list[float]) -> None:
    clock = WallClock()
    found = [clock.date(i / 25, START + i / 25 + delay, NOON - START) for i, delay in enumerate(delays)]
    assert [after - before for before, after in pairwise(found)] == pytest.approx([0.04] * (len(found) - 1), abs=1e-4)


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "recorded"])
def test_only_what_is_live_is_dated(is_live: bool) -> None:
    capture = Capture(SyntheticSource(3, is_live=is_live), clock=ManualClock(), wall_clock=lambda: NOON)
    capture.start()
    frames = list(capture.frames)
    capture.close(Deadline(5))
    assert frames
    if is_live:
        assert [frame.captured_wall for frame in frames] == pytest.approx([NOON + frame.pts for frame in frames])
    assert all(is_live or isnan(frame.captured_wall) for frame in frames)
