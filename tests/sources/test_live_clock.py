"""Clocks of cameras that run wrong, are set or stand, and networks that delay: the pts that come of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpstream.sources.live_clock import LiveClock

steps = st.lists(st.floats(0.01, 0.5), min_size=1, max_size=60)
anything = st.none() | st.floats(-1e5, 1e5)


def arrivals(seconds: float, frame_rate: float, jitter: float, seed: int = 0) -> list[float]:
    """When the pictures of an even camera arrive, in order, each with a delay of its own."""
    chance = random.Random(seed)
    late = [number / frame_rate + abs(chance.gauss(0.0, jitter)) for number in range(int(seconds * frame_rate))]
    return [arrived - late[0] for arrived in accumulate(late, max)]


def played(stamps: Sequence[float | None], arrived: Sequence[float]) -> list[float]:
    clock = LiveClock()
    return [clock.pts(stamp, at) for stamp, at in zip(stamps, arrived, strict=True)]


def steps_of(pts: Sequence[float]) -> list[float]:
    return [after - before for before, after in pairwise(pts)]


@given(steps, st.floats(-1e4, 1e4))
def test_timestamps_that_are_true_are_taken_as_they_are(steps: list[float], first: float) -> None:
    times = [0.0, *accumulate(steps)]
    assert played([first + time for time in times], times) == pytest.approx(times, abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    clock_error=st.floats(0.3, 3.0),
    frame_rate=st.sampled_from([5.0, 12.5, 20.0, 60.0]),
    jitter=st.floats(0.0, 0.08),
    seed=st.integers(0, 99),
)
def test_a_recording_is_as_long_as_it_took_however_wrong_the_clock(
    clock_error: float, frame_rate: float, jitter: float, seed: int
) -> None:
    arrived = arrivals(60.0, frame_rate, jitter, seed)
    pts = played([7.0 + clock_error * number / frame_rate for number in range(len(arrived))], arrived)
    assert pts[-1] == pytest.approx(arrived[-1], abs=1.5)
    assert min(steps_of(pts)) > 0.002
    assert max(steps_of(pts)) < 3.4 / frame_rate
    settled = [(at, when) for at, when in zip(pts, arrived, strict=True) if when > 30]
    assert all(abs(at - when) < 1.5 for at, when in settled)


@pytest.mark.parametrize("jitter", [0.02, 0.1, 0.2])
def test_the_delays_of_a_network_are_not_seen_in_the_times(jitter: float) -> None:
    arrived = arrivals(60.0, 20.0, jitter)
    pts = played([number / 20 for number in range(len(arrived))], arrived)
    assert steps_of(pts) == pytest.approx([0.05] * (len(pts) - 1), abs=max(0.005, 0.08 * jitter))


def test_pictures_that_a_server_kept_come_first_and_are_no_fast_clock() -> None:
    arrived = [0.001 * number if number < 30 else 0.03 + (number - 30) / 20 for number in range(1200)]
    pts = played([number / 20 for number in range(1200)], arrived)
    assert steps_of(pts)[:30] == pytest.approx([0.05] * 30, abs=1e-6)
    assert min(steps_of(pts)) > 0.05 * 0.69
    assert pts[-1] == pytest.approx(arrived[-1], abs=0.4)


@pytest.mark.parametrize("held", [0.4, 3.0, 8.0])
def test_pictures_that_the_network_held_up_when_it_was_opened_do_not_run_ahead_for_ever(held: float) -> None:
    arrived = [max(0.0, number / 20 - held) for number in range(1200)]
    pts = played([number / 20 for number in range(1200)], arrived)
    assert pts[-1] == pytest.approx(arrived[-1], abs=0.4)
    assert min(steps_of(pts)) > 0.05 * 0.69


def test_a_clock_that_becomes_slow_at_night_is_followed() -> None:
    day, night = 20 * 30, 10 * 60
    arrived = [number / 20 for number in range(day)] + [30 + number / 10 for number in range(night)]
    pts = played([number / 20 for number in range(day + night)], arrived)
    assert pts[-1] == pytest.approx(arrived[-1], abs=0.3)
    assert max(steps_of(pts)) < 0.15


@pytest.mark.parametrize("drift", [-0.05, -0.0005, 0.0005, 0.05])
def test_a_clock_that_is_a_little_wrong_does_not_run_away(drift: float) -> None:
    count = 20 * 600
    arrived = [number / 20 for number in range(count)]
    pts = played([(1 + drift) * number / 20 for number in range(count)], arrived)
    assert pts[-1] == pytest.approx(arrived[-1], abs=0.5)
    assert steps_of(pts) == pytest.approx([0.05] * (count - 1), abs=0.01)


def test_a_stall_of_the_network_leaves_no_trace() -> None:
    arrived = [max(number / 20, 23.0) if 20 <= number / 20 < 23 else number / 20 for number in range(1200)]
    pts = played([number / 20 for number in range(1200)], arrived)
    assert steps_of(pts) == pytest.approx([0.05] * 1199, abs=0.05 * 0.31)
    assert pts[-1] == pytest.approx(arrived[-1], abs=0.3)


@given(st.lists(anything, min_size=2, max_size=60))
def test_pts_grow_and_stay_near_the_arrival_whatever_the_timestamps_do(stamps: list[float | None]) -> None:
    arrived = [0.04 * number for number in range(len(stamps))]
    pts = played(stamps, arrived)
    assert pts[0] == 0.0
    assert all(step > 0 for step in steps_of(pts))
    assert all(abs(at - when) <= 10.1 for at, when in zip(pts, arrived, strict=True))


def test_a_jump_back_or_far_ahead_follows_the_arrival_and_counts_on_from_there() -> None:
    stamps = [50.0, 50.1, 3.0, 3.1, 8.2, 8.3, 900.0]
    arrived = [0.0, 0.1, 0.25, 0.35, 0.45, 0.55, 1.5]
    assert played(stamps, arrived) == pytest.approx(arrived)


def test_a_first_picture_without_timestamp_does_not_shift_the_others() -> None:
    assert played([None, 7.0, 7.04, 7.08], [0.0, 0.03, 0.1, 0.11]) == pytest.approx([0.0, 0.03, 0.07, 0.11])


def test_timestamps_that_stand_are_no_timestamps() -> None:
    arrived = [number / 20 for number in range(100)]
    assert played([0.0] * 100, arrived) == pytest.approx(arrived)


def test_single_timestamps_that_leap_ahead_move_nothing() -> None:
    count = 20 * 30
    arrived = [number / 20 for number in range(count)]
    pts = played([number / 20 + (1.0 if number % 50 == 49 else 0.0) for number in range(count)], arrived)
    assert pts[100:] == pytest.approx(arrived[100:], abs=0.1)
