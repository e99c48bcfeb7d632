"""Timestamps that jump, stand still or are missing, and the pts that come of them."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kpstream.sources.timeline import Timeline

steps = st.lists(st.floats(0.01, 0.5), min_size=1, max_size=60)
anything = st.none() | st.floats(-1e5, 1e5)


@given(steps, st.floats(-1e4, 1e4))
def test_timestamps_that_grow_are_taken_as_they_are(steps: list[float], first: float) -> None:
    timeline = Timeline(max_jump=2.0)
    times = [0.0, *accumulate(steps)]
    assert [timeline.pts(first + time, time) for time in times] == pytest.approx(times, abs=1e-6)


@given(st.lists(anything, min_size=2, max_size=60))
def test_pts_grow_whatever_the_timestamps_do(stamps: list[float | None]) -> None:
    timeline = Timeline(max_jump=2.0)
    pts = [timeline.pts(stamp, 0.04 * number) for number, stamp in enumerate(stamps)]
    assert pts[0] == 0.0
    assert all(after > before for before, after in pairwise(pts))


@given(st.lists(anything, min_size=2, max_size=60))
def test_pts_of_a_live_stream_stay_near_the_arrival(stamps: list[float | None]) -> None:
    timeline = Timeline(max_jump=2.0)
    for number, stamp in enumerate(stamps):
        arrived = 0.04 * number
        assert -10.001 <= timeline.pts(stamp, arrived) - arrived <= 10.001 + 0.001 * number


def test_a_camera_whose_clock_runs_away_is_held_back() -> None:
    timeline = Timeline(max_jump=2.0)
    pts = [timeline.pts(1.5 * number, 0.1 * number) for number in range(400)]
    assert pts[-1] < 0.1 * 400 + 10
    assert all(after > before for before, after in pairwise(pts))


def test_a_jump_back_or_far_ahead_follows_the_arrival_and_counts_on_from_there() -> None:
    timeline = Timeline(max_jump=2.0)
    given_times = [(50.0, 0.0), (50.1, 0.1), (3.0, 0.25), (3.1, 0.35), (8.2, 0.45), (8.3, 0.55), (900.0, 1.5)]
    pts = [timeline.pts(stamp, arrived) for stamp, arrived in given_times]
    assert pts == pytest.approx([0.0, 0.1, 0.25, 0.35, 0.45, 0.55, 1.5])


def test_a_first_picture_without_timestamp_does_not_shift_the_others() -> None:
    timeline = Timeline(max_jump=2.0)
    pts = [timeline.pts(stamp, arrived) for stamp, arrived in [(None, 0.0), (7.0, 0.03), (7.04, 0.1), (7.08, 0.11)]]
    assert pts == pytest.approx([0.0, 0.03, 0.07, 0.11])


def test_a_pause_of_recorded_video_is_true() -> None:
    timeline = Timeline()
    assert [timeline.pts(stamp, 0.0) for stamp in (4.0, 5.0, 3605.0)] == [0.0, 1.0, 3601.0]
    assert timeline.pts(3605.04, 9000.0) == pytest.approx(3601.04)


def test_a_known_zero_places_the_first_picture() -> None:
    assert Timeline(2.0).pts(5.0, 0.0) == 3.0
