"""Which pictures are wanted where fewer are shown than come."""

from __future__ import annotations

import random
from itertools import pairwise
from math import inf

import pytest

from kpstream.media.decimation import Decimation


def steps_between(wanted: list[int]) -> set[int]:
    return {after - before for before, after in pairwise(wanted)}


def test_without_a_limit_every_picture_is_wanted() -> None:
    decimation = Decimation()
    assert all(decimation.wants(number / 30) for number in range(100))


@pytest.mark.parametrize(("max_fps", "steps"), [(15, {2}), (10, {3}), (18, {1, 2}), (7, {4, 5}), (30, {1}), (60, {1})])
def test_what_is_wanted_is_spaced_as_evenly_as_the_pictures_allow(max_fps: float, steps: set[int]) -> None:
    decimation = Decimation(max_fps)
    wanted = [number for number in range(3000) if decimation.wants(12345.6 + number / 30)]
    assert len(wanted) == pytest.approx(100 * min(30, max_fps), abs=1)
    assert steps_between(wanted) == steps


def test_pictures_that_come_in_the_order_of_decoding_are_chosen_in_that_of_showing() -> None:
    decimation = Decimation(10)
    order = [4 * group + place for group in range(200) for place in (4, 2, 1, 3)]
    wanted = [number for number in order if decimation.wants(number / 30)][8:]  # once the interval is known
    assert steps_between(sorted(wanted)) == {3}


@pytest.mark.parametrize(("first", "then"), [(10, 30), (30, 10), (30, 60), (30, 15)])
def test_no_more_than_wanted_are_chosen_where_the_rate_of_what_comes_in_the_order_of_decoding_changes(
    first: int, then: int
) -> None:
    decimation = Decimation(15)
    times = [number / first for number in range(2 * first)] + [2 + number / then for number in range(2 * then + 1)]
    order = [4 * group + place for group in range(len(times) // 4) for place in (4, 2, 1, 3)]
    wanted = sorted(times[number] for number in order if decimation.wants(times[number]))
    assert max(sum(at <= other < at + 1 for other in wanted) for at in wanted) <= 16


def test_a_camera_that_gives_fewer_than_it_says_is_not_thinned_twice() -> None:
    decimation, dice = Decimation(10), random.Random(1)
    times = [number / 12 + dice.uniform(0, 0.02) for number in range(1200)]
    assert sum(decimation.wants(at) for at in times) == pytest.approx(1000, abs=2)


def test_a_new_rate_goes_on_where_the_old_one_was() -> None:
    decimation, wanted = Decimation(15), []
    for number in range(300):
        if number % 15 == 0:
            decimation.max_fps = 14 + 2 * (number % 2)
        if decimation.wants(1e6 + number / 30):
            wanted.append(number)
    assert steps_between(wanted) <= {1, 2, 3}
    assert len(wanted) == pytest.approx(150, abs=4)


def test_a_limit_that_is_lifted_wants_all_again() -> None:
    decimation = Decimation(1)
    assert sum(decimation.wants(number / 30) for number in range(60)) == 2
    decimation.max_fps = inf
    assert all(decimation.wants(2 + number / 30) for number in range(60))


def test_time_that_begins_anew_is_followed() -> None:
    decimation = Decimation(10)
    laps = [[number for number in range(300) if decimation.wants(number / 30)] for _ in range(2)]
    assert len(laps[1]) == pytest.approx(100, abs=2)
